"""The steps of EM over all parts of the points, and the mixture that follows from their sums.

The passes are those of `steps.py` beside this file; what is made of their sums is host code in
float64. Where the sums have lost too many digits of a covariance, they are taken again in the next
finer arithmetic of `points.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.families import CovarianceType, Densities, Sums
from scratchclust.cluster.gaussian_mixture_parts.points import MixturePoints
from scratchclust.cluster.gaussian_mixture_parts.steps import (
    densities,
    expect,
    expect_and_sum,
    sum_given,
)
from scratchclust.constants import LEAST_COUNT
from scratchclust.errors import InputError
from scratchclust.results import Mixture
from scratchclust.rows import AnyArray


def expect_points(
    points: MixturePoints, mixture: Mixture, *, with_responsibilities: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The log-likelihood of each point, and its responsibilities or its most probable component.

    Args:
        points: fine enough for the mixture.
        mixture: centred.
        with_responsibilities: whether these are wanted, [n k], or the components, [n].
    """
    shared = _densities(points, mixture)
    found = []
    left = len(points.X)
    with points.precision():
        for part in points.parts:
            n_here = min(left, part.arrays[1].size)
            kept = rows.finished(expect(part, shared, points.kind, with_responsibilities))
            found.append([np.asarray(rows.join(blocks, n_here)) for blocks in kept])
            left -= n_here
    log_likelihoods, others = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return log_likelihoods, others[:, : points.n_components] if with_responsibilities else others


def expect_sums(points: MixturePoints, centres: Any, *, mixture: Mixture) -> tuple[Sums, float]:
    """The sums of an expectation, about centres if these are not None, and the mean log-likelihood
    of the points in this centred mixture.
    """
    shared = _densities(points, mixture)
    centres = _with_room(points, centres)
    found = []
    log_likelihood = 0.0
    with points.precision():
        for part in points.parts:
            sums, of_blocks = rows.finished(expect_and_sum(part, shared, centres, points.kind))
            found.append(sums)
            log_likelihood += float(np.asarray(of_blocks, np.float64).sum())
    return _add(points, found), log_likelihood / len(points.X)


def given_sums(points: MixturePoints, centres: Any, *, given: AnyArray) -> tuple[Sums, float]:
    """The sums of responsibilities [n k] or of labels [n]; there is no likelihood."""
    centres = _with_room(points, centres)
    n_components = points.room or points.n_components
    found = []
    begin = 0
    with points.precision():
        for part in points.parts:
            n_blocks, block = part.arrays[1].shape
            end = begin + n_blocks * block
            dtype = np.int32 if given.ndim == 1 else part.arrays[0].dtype
            of_part = rows.split(given[begin:end], block=block, dtype=dtype)
            sums = sum_given(part, of_part, centres, n_components, points.kind)
            found.append(rows.finished(sums))
            begin = end
    return _add(points, found), float("nan")


def maximise(
    points: MixturePoints,
    sums_of: Callable[[MixturePoints, Any], tuple[Sums, float]],
    reg_covar: float,
    centres: np.ndarray,
) -> tuple[MixturePoints, float, Mixture]:
    """The centred mixture that follows from the sums over the points, and the points, in a finer
    arithmetic if it took one.

    Args:
        points: of the mixture.
        sums_of: gives the sums of points, about centres if these are not None, and the mean
            log-likelihood.
        reg_covar: added to every variance.
        centres: [k d], near to the means: about these are sums by differences. Where the means turn
            out to be too far from them, the sums are taken again, about the means.
    """
    repeated = False
    while True:
        about = centres if points.by_differences else None
        sums, log_likelihood = sums_of(points, about)
        shift = sums.first / (sums.counts + LEAST_COUNT)[:, None]
        try:
            kind = points.kind
            mixture = mixture_of(sums, shift, about, reg_covar, kind, kind.factor_covariances)
        except InputError:
            if repeated:
                raise
            mixture = None
        subtracted = shift**2 if points.by_differences else None
        if mixture is not None and (repeated or not points.lose_digits_of(mixture, subtracted)):
            return points, log_likelihood, mixture
        if points.by_differences:
            centres = centres + shift
            repeated = True
        else:
            points = points.finer()


def mixture_of(
    sums: Sums,
    shift: Float[AnyArray, "k d"],
    centres: Any,
    reg_covar: Any,
    kind: CovarianceType,
    factor: Callable[[Any], Any],
) -> Mixture:
    """p_j, m_j and S_j, from the sums and the means less their centres (or the offset).

    `factor` gives P from S.
    """
    counts = sums.counts + LEAST_COUNT
    k, d = shift.shape
    unit = np.broadcast_to(kind.unit(d), kind.shape(k, d))
    S = kind.covariances(sums, shift, counts) + reg_covar * unit
    means = shift if centres is None else centres + shift
    return Mixture(counts / counts.sum(), means, S, factor(S))


def _densities(points: MixturePoints, mixture: Mixture) -> Densities:
    found = densities(mixture, points.kind, by_differences=points.by_differences)
    return points.kind.with_room(found, points.room) if points.room else found


def _with_room(points: MixturePoints, centres: Any) -> Any:
    """The centres [k d], if there are any, with others behind them for what no point is near to."""
    if centres is None or not points.room:
        return centres
    return np.pad(centres, ((0, points.room - len(centres)), (0, 0)))


def _add(points: MixturePoints, found: list[Sums]) -> Sums:
    """The sums of all parts, in float64, with the scatter of all points where no part has one."""
    counts, first, second = zip(*found, strict=True)
    k = points.n_components
    scatter = points.scatter if second[0] is None else _total(second)
    of_each = scatter if points.kind.needs_scatter else scatter[:k]
    return Sums(_total(counts)[:k], _total(first)[:k], of_each)


def _total(parts: tuple[Any, ...]) -> np.ndarray:
    return np.sum([np.asarray(part, np.float64) for part in parts], axis=0)
