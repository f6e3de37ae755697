"""A run of EM: from a start, by the steps of `sums.py` beside this file, to a result.

Points in float64 that are many begin in float32; `run_em` decides when they go on in float64.
"""

from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from scratchclust.cluster.gaussian_mixture_parts.families import CovarianceType
from scratchclust.cluster.gaussian_mixture_parts.on_gpu import (
    EMRule,
    can_iterate_on_gpu,
    iterate_on_gpu,
)
from scratchclust.cluster.gaussian_mixture_parts.points import MixturePoints, place
from scratchclust.cluster.gaussian_mixture_parts.sums import (
    expect_points,
    expect_sums,
    given_sums,
    maximise,
)
from scratchclust.cluster.kmeans import kmeans
from scratchclust.cluster.kmeans_starts import plus_plus, random_points
from scratchclust.cluster.mixtures import spheres
from scratchclust.distances import exponent_of
from scratchclust.results import GaussianMixtureResult, Mixture
from scratchclust.rows import AnyArray

SETTLED_SHARE = 2.0**-20  # of the likelihood: changes that float32 cannot tell from rounding


class Stop(NamedTuple):
    """When EM ends."""

    tol: float
    max_iter: int


class Run(NamedTuple):
    """Where EM came to."""

    points: MixturePoints  # in the arithmetic that it ended with
    mixture: Mixture
    lower_bounds: list[float]
    change: float  # of the lower bound, in the last iteration


def find_start(
    points: MixturePoints, *, covariance_type: str, init_params: str, reg_covar: float, key: Array
) -> tuple[MixturePoints, Mixture]:
    """A mixture, and the points, in a finer arithmetic if it took one.

    Spheres are no reason for that: which point is nearest float32 knows well enough to begin with.
    """
    k = points.n_components
    X = points.X
    # squares of float64 points may be beyond the range of float32
    exponent = exponent_of(np.asarray(X)) if X.dtype == np.float64 else 0
    if exponent:
        X = np.ldexp(np.asarray(X), -exponent)
    if init_params in ("k-means++", "random_from_data"):
        draw = plus_plus if init_params == "k-means++" else random_points
        means = np.ldexp(np.asarray(draw(X, k, key=key), np.float64), exponent)
        return points, spheres(means, reg_covar, covariance_type=covariance_type)
    if init_params == "kmeans":
        given = np.asarray(kmeans(X, k, key=key).labels)
    else:
        uniform = np.asarray(jax.random.uniform(key, (len(X), k)), np.float64)
        given = uniform / uniform.sum(axis=1, keepdims=True)
    return maximise_given(points, given, reg_covar)


def maximise_given(
    points: MixturePoints, given: AnyArray, reg_covar: float
) -> tuple[MixturePoints, Mixture]:
    """The mixture of given responsibilities or labels, and the points, in a finer arithmetic if it
    took one.
    """
    centres = np.zeros((points.n_components, points.X.shape[1]))
    points, _, mixture = maximise(points, partial(given_sums, given=given), reg_covar, centres)
    return points, points.uncentred(mixture)


def run_em(
    points: MixturePoints, start: Mixture, reg_covar: float, stop: Stop, lower_bound: float
) -> Run:
    """EM from a mixture, centred by the points as long as it lasts."""
    mixture = points.centred(start)
    bounds = [lower_bound]
    change = np.inf
    while not change < stop.tol and len(bounds) <= stop.max_iter:
        if points.coarse and len(bounds) == stop.max_iter:
            points = points.finer()
        found: list[float] = []
        if can_iterate_on_gpu(points):
            most = stop.max_iter + 1 - len(bounds) - points.coarse
            share = SETTLED_SHARE if points.coarse else 0.0
            rule = EMRule(reg_covar, stop.tol, share, most)
            mixture, found = iterate_on_gpu(points, mixture, rule, bounds[-1])
        if not found:
            step = partial(expect_sums, mixture=mixture)
            points, log_likelihood, mixture = maximise(points, step, reg_covar, mixture.means)
            found = [log_likelihood]
        bounds.extend(found)
        change = abs(bounds[-1] - bounds[-2])
        if points.coarse and change < max(stop.tol, SETTLED_SHARE * abs(bounds[-1])):
            points = points.finer()
            change = np.inf
    return Run(points, points.uncentred(mixture) if stop.max_iter else start, bounds[1:], change)


def finish(run: Run, stop: Stop) -> GaussianMixtureResult:
    """The result, with the labels and the likelihood that `assign` and `log_likelihoods` find.

    These know the mixture alone, not the mean of these points, so the points are placed again,
    about the mean of its means: about another offset a point between two components may be rounded
    to the other one.
    """
    X = run.points.X
    mixture = run.mixture
    if X.dtype != np.float64:
        weights = mixture.weights.astype(np.float32).astype(np.float64)
        means = mixture.means.astype(np.float32).astype(np.float64)
        mixture = mixture._replace(weights=weights, means=means)
    kind = run.points.kind
    log_likelihoods, labels = expect_all(X, mixture, kind, with_responsibilities=False)
    return GaussianMixtureResult(
        mixture,
        labels,
        log_likelihood=float(np.asarray(log_likelihoods, np.float64).mean()),
        n_iter=len(run.lower_bounds),
        converged=bool(run.change < stop.tol),
        lower_bounds=np.array(run.lower_bounds),
    )


def expect_all(
    X: AnyArray, mixture: Mixture, kind: CovarianceType, *, with_responsibilities: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The log-likelihood of each point, and its responsibilities or its most probable component."""
    offset = np.asarray(mixture.means, np.float64).mean(axis=0)
    points = place(X, offset, len(mixture.weights), kind, exact=True)
    mixture = points.centred(mixture)
    points = points.fine_enough_for(mixture)
    return expect_points(points, mixture, with_responsibilities=with_responsibilities)
