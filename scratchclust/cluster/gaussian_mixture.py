"""Gaussian mixture, fast: the twin of `scratchclust/reference/gaussian_mixture.py`, where the mathematics is explained.

Both steps of EM are one pass over blocks of rows on all local devices (`mixture_steps.py`), whose sums come to the
host; there the k covariances become a mixture again, in float64. Memory beyond the data is one block, never n x k.

The passes run in float32 on centred data. That is enough as long as no component is far narrower than the data, and no
covariance nearly singular; otherwise the sums have lost their digits, and EM goes on in float64, which takes a copy of
the data in float64 and two to three times as long (much longer on a GPU made for pictures). So the log-likelihood is
that of the reference in both cases. The mixture is made of float64 NumPy arrays.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.cluster.kmeans import kmeans
from scratchclust.cluster.mixture_points import Points, points_of_mixture
from scratchclust.cluster.mixture_steps import Sums, densities, expect, expect_and_sum, sum_given
from scratchclust.distances import mean_of
from scratchclust.errors import InputError
from scratchclust.results import GaussianMixtureResult, Mixture

AnyArray = Array | np.ndarray
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
LEAST_COUNT = 10 * np.finfo(np.float64).eps  # added to n_j as in scikit-learn: a component without points has a mean


def e_step(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> tuple[Float[AnyArray, " n"], Float[AnyArray, "n k"]]:
    """The log-likelihood of each point, and the probability of each component given the point.

    Args:
        X: points.
        mixture: from `m_step` or `em`.
        covariance_type: "full", "tied", "diag" or "spherical", the one the mixture was made with.

    Returns:
        log p(x_i) [n] and r_ij [n k]. Cost O(n k d^2), but O(n k d) for "diag" and "spherical", and O(n d (d + k)) for
        "tied".
    """
    _check_covariance_type(covariance_type)
    points = points_of_mixture(X, mixture.means.mean(axis=0), len(mixture.weights), covariance_type)
    return _expectations(points, points.centred(mixture), with_responsibilities=True)


def m_step(
    X: Real[AnyArray, "n d"],
    responsibilities: Float[AnyArray, "n k"],
    *,
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
) -> Mixture:
    """The mixture of largest likelihood, once it is known how much each component has of each point.

    Args:
        X: points.
        responsibilities: r; each row sums to 1.
        covariance_type: "full", "tied", "diag" or "spherical".
        reg_covar: added to every variance.

    Raises:
        InputError: an unknown covariance type, or a covariance that is not positive definite.
    """
    n_components = responsibilities.shape[1]
    _check(len(X), n_components, covariance_type=covariance_type, reg_covar=reg_covar)
    points = points_of_mixture(X, mean_of(X), n_components, covariance_type)
    points, _, mixture = _maximised(points, partial(_sums_given, given=responsibilities), reg_covar)
    return points.uncentred(mixture)


def log_likelihoods(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Float[AnyArray, " n"]:
    """log p(x_i) of each point; their mean is what EM raises."""
    _check_covariance_type(covariance_type)
    points = points_of_mixture(X, mixture.means.mean(axis=0), len(mixture.weights), covariance_type)
    return _expectations(points, points.centred(mixture), with_responsibilities=False)[0]


def em(
    X: Real[AnyArray, "n d"],
    start: Mixture,
    *,
    covariance_type: str = "full",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    max_iter: int = 100,
) -> GaussianMixtureResult:
    """Expectation-maximisation from a given mixture, until the mean log-likelihood changes by less than `tol`.

    Args:
        X: points.
        start: a mixture, from `m_step` for instance.
        covariance_type: "full", "tied", "diag" or "spherical".
        tol: in natural logarithm per point.
        reg_covar: added to every variance. The likelihood without it has no bound: a component that shrinks to a point
            raises it for ever. With it the likelihood may fall by a little.
        max_iter: iterations at most.

    Raises:
        InputError: an argument that cannot be used, NaN or infinity, or a covariance that is not positive definite.
    """
    n_components = len(start.weights)
    _check(len(X), n_components, covariance_type=covariance_type, tol=tol, reg_covar=reg_covar, max_iter=max_iter)
    points = points_of_mixture(X, mean_of(X), n_components, covariance_type)
    return _em(points, points.centred(start), tol, reg_covar, max_iter)


def gaussian_mixture(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    key: PRNGKeyArray,
    covariance_type: str = "full",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    max_iter: int = 100,
    n_init: int = 1,
) -> GaussianMixtureResult:
    """A Gaussian mixture by EM from the clusters of k-means; of `n_init` runs the one of largest likelihood.

    Args:
        X: points.
        n_components: k.
        key: source of randomness.
        covariance_type, tol, reg_covar, max_iter: as for `em`.
        n_init: number of starts.

    Raises:
        InputError: as for `em`, or more components than points.
    """
    given: dict[str, Any] = {"covariance_type": covariance_type, "reg_covar": reg_covar}
    _check(len(X), n_components, **given, tol=tol, max_iter=max_iter, n_init=n_init)
    points, results = points_of_mixture(X, mean_of(X), n_components, covariance_type), []
    for start_key in jax.random.split(key, n_init):
        labels = np.asarray(kmeans(X, n_components, key=start_key).labels)
        points, _, start = _maximised(points, partial(_sums_given, given=labels), reg_covar)
        results.append(_em(points, start, tol, reg_covar, max_iter))
    return max(results, key=lambda result: result.log_likelihood)


def _em(points: Points, mixture: Mixture, tol: float, reg_covar: float, max_iter: int) -> GaussianMixtureResult:
    """EM from a centred mixture."""
    lower_bounds, converged = [], False
    points = points.in_float64() if points.lose_digits_of(mixture) else points
    while not converged and len(lower_bounds) < max_iter:
        points, log_likelihood, mixture = _maximised(points, partial(_expected_sums, mixture=mixture), reg_covar)
        lower_bounds.append(log_likelihood)
        converged = len(lower_bounds) > 1 and bool(abs(lower_bounds[-1] - lower_bounds[-2]) < tol)
    log_likelihoods, labels = _expectations(points, mixture, with_responsibilities=False)
    mean, bounds = float(np.asarray(log_likelihoods, np.float64).mean()), np.array(lower_bounds)
    return GaussianMixtureResult(points.uncentred(mixture), labels, mean, len(bounds), converged, bounds)


def _maximised(
    points: Points, sums_of: Callable[[Points], tuple[Sums, float]], reg_covar: float
) -> tuple[Points, float, Mixture]:
    """The mixture that follows from the sums over the points, and the points: in float64 if float32 was too little."""
    sums, log_likelihood = sums_of(points)
    try:
        mixture = _mixture_of(points, sums, reg_covar)
    except InputError:
        if points.precise:
            raise
        mixture = None
    if mixture is None or points.lose_digits_of(mixture):
        return _maximised(points.in_float64(), sums_of, reg_covar)
    return points, log_likelihood, mixture


def _mixture_of(points: Points, sums: Sums, reg_covar: float) -> Mixture:
    """The maximisation, from the sums alone: with m = sum r x / n_j, sum r (x - m)(x - m)^T is expanded."""
    counts = sums.counts + LEAST_COUNT
    means, second = sums.first / counts[:, None], sums.second
    d = means.shape[1]
    if points.covariance_type == "full":
        cross = means[:, :, None] * sums.first[:, None, :]
        outer = sums.counts[:, None, None] * means[:, :, None] * means[:, None, :]
        covariances = (second - cross - np.swapaxes(cross, 1, 2) + outer) / counts[:, None, None]
    elif points.covariance_type == "tied":
        covariances = (points.scatter - (counts[:, None] * means).T @ means) / counts.sum()
    elif points.covariance_type == "diag":
        covariances = np.maximum(second / counts[:, None] - means**2, 0)
    else:
        covariances = np.maximum(second / counts - (means**2).sum(axis=1), 0) / d
    covariances = covariances + reg_covar * (np.eye(d) if points.covariance_type in ("full", "tied") else 1)
    return Mixture(counts / counts.sum(), means, covariances, _precisions_cholesky(covariances, points.covariance_type))


def _precisions_cholesky(covariances: np.ndarray, covariance_type: str) -> np.ndarray:
    """P of S^-1 = P P^T, upper triangular; of a diagonal or a single variance 1 / sqrt(S)."""
    if covariance_type in ("diag", "spherical"):
        if (covariances > 0).all():
            return 1 / np.sqrt(covariances)
    else:
        try:
            return np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2)
        except np.linalg.LinAlgError:
            pass
    raise InputError(
        "a covariance is not positive definite, as happens to a component with few or equal points: "
        "increase reg_covar, scale X, or take fewer components"
    )


def _expected_sums(points: Points, mixture: Mixture) -> tuple[Sums, float]:
    """The sums of an expectation step, and the mean log-likelihood."""
    shared, found, log_likelihood = densities(mixture, points.covariance_type), [], 0.0
    with points.precision():
        for part in points.parts:
            sums, of_blocks = rows.finished(expect_and_sum(part, shared, points.covariance_type))
            found.append(sums)
            log_likelihood += float(np.asarray(of_blocks, np.float64).sum())
    return _added(found), log_likelihood / len(points.X)


def _sums_given(points: Points, given: AnyArray) -> tuple[Sums, float]:
    """The sums of responsibilities [n k] or of labels [n]."""
    found, begin = [], 0
    with points.precision():
        for part in points.parts:
            n_blocks, block = part.arrays[1].shape
            dtype = np.int32 if given.ndim == 1 else part.arrays[0].dtype
            of_part = rows.split(given[begin : begin + n_blocks * block], block=block, dtype=dtype)
            found.append(rows.finished(sum_given(part, of_part, points.n_components, points.covariance_type)))
            begin += n_blocks * block
    return _added(found), float("nan")


def _added(found: list[Sums]) -> Sums:
    """The sums of all parts, in float64."""
    return Sums(
        *(np.sum([np.asarray(a, np.float64) for a in of_parts], axis=0) for of_parts in zip(*found, strict=True))
    )


def _expectations(points: Points, mixture: Mixture, *, with_responsibilities: bool) -> tuple[AnyArray, AnyArray]:
    """The log-likelihood of each point, and its responsibilities or its most probable component."""
    points = points.in_float64() if points.lose_digits_of(mixture) else points
    shared, found, left = densities(mixture, points.covariance_type), [], len(points.X)
    with points.precision():
        for part in points.parts:
            n_here = min(left, part.arrays[1].size)
            kept = rows.finished(expect(part, shared, points.covariance_type, with_responsibilities))
            found.append([np.asarray(rows.join(blocks, n_here)) for blocks in kept])
            left -= n_here
    log_likelihoods, others = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return log_likelihoods, others


def _check_covariance_type(covariance_type: str) -> None:
    if covariance_type not in COVARIANCE_TYPES:
        expected = ", ".join(map(repr, COVARIANCE_TYPES))
        raise InputError(f"covariance_type={covariance_type!r} is unknown: expected one of {expected}")


def _check(
    n: int,
    n_components: int,
    *,
    covariance_type: str,
    reg_covar: float = 0.0,
    tol: float = 0.0,
    max_iter: int = 1,
    n_init: int = 1,
) -> None:
    _check_covariance_type(covariance_type)
    if not 1 <= n_components <= n:
        raise InputError(f"n_components={n_components}: expected 1 to {n}, the number of points")
    if not (reg_covar >= 0 and tol >= 0):
        raise InputError(f"reg_covar={reg_covar}, tol={tol}: expected at least 0 for both")
    if max_iter < 1 or n_init < 1:
        raise InputError(f"max_iter={max_iter}, n_init={n_init}: expected at least 1 for both")
