"""The maximisation of a Gaussian mixture: sums over all parts of the points, and the mixture that
follows from them.

The sums come from the passes of `mixture_steps.py`; what is made of them is host code in float64.
Where the sums have lost too many digits of a covariance, they are taken again in the next finer
arithmetic of `mixture_points.py`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.points import Points
from scratchclust.cluster.gaussian_mixture_parts.steps import (
    Sums,
    densities,
    expect_and_sum,
    sum_given,
)
from scratchclust.cluster.mixtures import precisions_cholesky
from scratchclust.errors import InputError
from scratchclust.results import Mixture

AnyArray = Array | np.ndarray
LEAST_COUNT = (
    10 * np.finfo(np.float64).eps
)  # added to n_j as in scikit-learn: a component without points has a mean


def maximised(
    points: Points,
    sums_of: Callable[[Points, Any], tuple[Sums, float]],
    reg_covar: float,
    centres: np.ndarray,
) -> tuple[Points, float, Mixture]:
    """The mixture that follows from the sums over the points, and the points, in a finer arithmetic
    if it took one.

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
        counts = sums.counts + LEAST_COUNT
        shift = sums.first / counts[:, None]
        try:
            mixture = _mixture_of(points, sums, shift, about, reg_covar)
        except InputError:
            if repeated:
                raise
            mixture = None
        squares = shift**2 if points.by_differences else None
        if repeated or (mixture is not None and not points.lose_digits_of(mixture, squares)):
            assert mixture is not None
            return points, log_likelihood, mixture
        if points.by_differences:
            centres, repeated = centres + shift, True
        else:
            points = points.finer()


def expected_sums(points: Points, centres: Any, *, mixture: Mixture) -> tuple[Sums, float]:
    """The sums of an expectation step, and the mean log-likelihood."""
    shared = densities(mixture, points.covariance_type, by_differences=points.by_differences)
    found, log_likelihood = [], 0.0
    with points.precision():
        for part in points.parts:
            sums, of_blocks = rows.finished(
                expect_and_sum(part, shared, centres, points.covariance_type)
            )
            found.append(sums)
            log_likelihood += float(np.asarray(of_blocks, np.float64).sum())
    return _added(found), log_likelihood / len(points.X)


def sums_given(points: Points, centres: Any, *, given: AnyArray) -> tuple[Sums, float]:
    """The sums of responsibilities [n k] or of labels [n]; there is no likelihood."""
    found, begin = [], 0
    with points.precision():
        for part in points.parts:
            n_blocks, block = part.arrays[1].shape
            dtype = np.int32 if given.ndim == 1 else part.arrays[0].dtype
            of_part = rows.split(given[begin : begin + n_blocks * block], block=block, dtype=dtype)
            found.append(
                rows.finished(
                    sum_given(part, of_part, centres, points.n_components, points.covariance_type)
                )
            )
            begin += n_blocks * block
    return _added(found), float("nan")


def _mixture_of(
    points: Points, sums: Sums, shift: np.ndarray, centres: Any, reg_covar: float
) -> Mixture:
    """The maximisation: with m = sum r x / n_j, sum r (x - m)(x - m)^T is expanded about centres
    (or the offset).
    """
    counts, second, kind = sums.counts + LEAST_COUNT, sums.second, points.covariance_type
    d = shift.shape[1]
    if kind == "full":
        cross = shift[:, :, None] * sums.first[:, None, :]
        outer = sums.counts[:, None, None] * shift[:, :, None] * shift[:, None, :]
        covariances = (second - cross - np.swapaxes(cross, 1, 2) + outer) / counts[:, None, None]
    elif kind == "tied":
        total = points.scatter if second is None else second
        covariances = (total - (counts[:, None] * shift).T @ shift) / counts.sum()
    elif kind == "diag":
        covariances = np.maximum(second / counts[:, None] - shift**2, 0)
    else:
        covariances = np.maximum(second / counts - (shift**2).sum(axis=1), 0) / d
    covariances = covariances + reg_covar * (np.eye(d) if kind in ("full", "tied") else 1)
    means = shift if centres is None else centres + shift
    return Mixture(
        counts / counts.sum(), means, covariances, precisions_cholesky(covariances, kind)
    )


def _added(found: list[Sums]) -> Sums:
    """The sums of all parts, in float64."""
    columns = zip(*found, strict=True)
    return Sums(
        *(
            None if c[0] is None else np.sum([np.asarray(a, np.float64) for a in c], axis=0)
            for c in columns
        )
    )
