"""Gaussian mixture, fast: the twin of `scratchclust/reference/gaussian_mixture.py`, where the
mathematics is explained.

Both steps of EM are one pass over blocks of rows on all local devices (`mixture_steps.py`), whose
sums come to the host; there the k covariances become a mixture again, in float64. Memory beyond the
data is one block, never n x k but for a random start.

Points in float32 are computed with in float32, on centred data. That is enough as long as no
component is far narrower than the data, and no covariance nearly singular; otherwise the sums have
lost their digits, and EM goes on in float64, which takes a copy of the data in float64 and two to
three times as long (much longer on a GPU made for pictures), or, where even that is too little, in
float64 by differences (`mixture_points.py`).

Points in float64 are computed with in float64 where a pass takes few milliseconds. Larger ones are
brought near to the end in float32: when the likelihood has settled (as far as float32 can tell), or
before the last iteration, EM goes on in float64 until it settles again. So the mixture and its
likelihood are those of the reference in all cases.

The mixture is made of float64 NumPy arrays. Weights and means of float32 points are rounded to
float32, in which their caller may keep them, before labels and likelihood are taken.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.points import Points, points_of_mixture
from scratchclust.cluster.gaussian_mixture_parts.steps import densities, expect
from scratchclust.cluster.gaussian_mixture_parts.sums import expected_sums, maximised, sums_given
from scratchclust.cluster.kmeans import kmeans
from scratchclust.cluster.kmeans_starts import plus_plus, random_points
from scratchclust.cluster.mixtures import given_parts, spheres
from scratchclust.distances import exponent_of, mean_of
from scratchclust.errors import InputError
from scratchclust.results import GaussianMixtureResult, Mixture

AnyArray = Array | np.ndarray
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
SETTLED = 2.0**-20  # of the likelihood: changes that float32 cannot tell from rounding
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")


def e_step(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> tuple[Float[AnyArray, " n"], Float[AnyArray, "n k"]]:
    """The log-likelihood of each point, and the probability of each component given the point.

    Args:
        X: points.
        mixture: from `m_step` or `em`.
        covariance_type: "full", "tied", "diag" or "spherical", the one the mixture was made with.

    Returns:
        log p(x_i) [n] and r_ij [n k]. Cost O(n k d^2), but O(n k d) for "diag" and "spherical", and
        O(n d (d + k)) for "tied".
    """
    return _expectations(X, mixture, covariance_type, with_responsibilities=True)


def m_step(
    X: Real[AnyArray, "n d"],
    responsibilities: Float[AnyArray, "n k"],
    *,
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
) -> Mixture:
    """The mixture of largest likelihood, once it is known how much each component has of each
    point.

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
    return _maximised_of(points, responsibilities, reg_covar)[1]


def log_likelihoods(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Float[AnyArray, " n"]:
    """log p(x_i) of each point; their mean is what EM raises."""
    return _expectations(X, mixture, covariance_type, with_responsibilities=False)[0]


def assign(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Int[AnyArray, " n"]:
    """The most probable component of each point; of equally probable ones the first."""
    return _expectations(X, mixture, covariance_type, with_responsibilities=False)[1]


def em(
    X: Real[AnyArray, "n d"],
    start: Mixture,
    *,
    covariance_type: str = "full",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    max_iter: int = 100,
    lower_bound: float = -np.inf,
) -> GaussianMixtureResult:
    """Expectation-maximisation from a given mixture, until the mean log-likelihood changes by less
    than `tol`.

    Args:
        X: points.
        start: a mixture, from `start` or `m_step` for instance.
        covariance_type: "full", "tied", "diag" or "spherical".
        tol: in natural logarithm per point.
        reg_covar: added to every variance. The likelihood without it has no bound: a component that
            shrinks to a point raises it for ever. With it the likelihood may fall by a little.
        max_iter: iterations at most; 0 gives the start back.
        lower_bound: the mean log-likelihood of the iteration before, where EM goes on from an
            earlier one.

    Raises:
        InputError: an argument that cannot be used, NaN or infinity, or a covariance that is not
            positive definite.
    """
    n_components = len(start.weights)
    _check(
        len(X),
        n_components,
        covariance_type=covariance_type,
        tol=tol,
        reg_covar=reg_covar,
        max_iter=max_iter,
    )
    points = points_of_mixture(X, mean_of(X), n_components, covariance_type)
    points = points.fine_enough_for(points.centred(start))
    return _finished(_em(points, start, tol, reg_covar, max_iter, lower_bound), tol)


def start(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    key: PRNGKeyArray,
    init_params: str = "kmeans",
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
) -> Mixture:
    """A mixture for EM to start from.

    Args:
        X: points.
        n_components: k.
        key: source of randomness.
        init_params: "kmeans": every point belongs to the component of its cluster. "random": r_ij
            are uniform numbers, divided by their sum over j. "k-means++", "random_from_data": k of
            the points are the means, of spheres of variance reg_covar and equal weight.
        covariance_type: "full", "tied", "diag" or "spherical".
        reg_covar: added to every variance.

    Raises:
        InputError: an argument that cannot be used, or a covariance that is not positive definite;
            so are spheres where reg_covar is 0.
    """
    given: dict[str, Any] = {"covariance_type": covariance_type, "reg_covar": reg_covar}
    _check(len(X), n_components, **given, init_params=init_params)
    points = points_of_mixture(X, mean_of(X), n_components, covariance_type)
    return _start(points, key, init_params, reg_covar)[1]


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
    init_params: str = "kmeans",
    weights_init: Any = None,
    means_init: Any = None,
    precisions_init: Any = None,
) -> GaussianMixtureResult:
    """A Gaussian mixture by EM; of `n_init` runs the one whose last lower bound is largest.

    Args:
        X: points.
        n_components: k.
        key: source of randomness.
        covariance_type, tol, reg_covar, max_iter: as for `em`.
        n_init: number of starts.
        init_params: as for `start`.
        weights_init, means_init, precisions_init: as for `given_parts`; they take the place of what
            `start` found.

    Raises:
        InputError: as for `em`, `start` and `given_parts`, or more components than points.
    """
    shape: dict[str, Any] = {"covariance_type": covariance_type, "reg_covar": reg_covar}
    _check(
        len(X),
        n_components,
        **shape,
        tol=tol,
        max_iter=max_iter,
        n_init=n_init,
        init_params=init_params,
    )
    inits = {
        "weights_init": weights_init,
        "means_init": means_init,
        "precisions_init": precisions_init,
    }
    given = given_parts(n_components, X.shape[1], covariance_type=covariance_type, **inits)
    complete = all(part is not None for part in given)
    points, results = points_of_mixture(X, mean_of(X), n_components, covariance_type), []
    for start_key in jax.random.split(key, 1 if complete or not max_iter else n_init):
        points, found = (
            (points, given) if complete else _start(points, start_key, init_params, reg_covar)
        )
        beginning = Mixture(*(b if a is None else a for a, b in zip(given, found, strict=True)))
        if any(part is not None for part in given):
            points = points.fine_enough_for(points.centred(beginning))
        results.append(_em(points, beginning, tol, reg_covar, max_iter, -np.inf))
        points = results[-1].points
    best = max(results, key=lambda result: result.lower_bounds[-1] if max_iter else 0)
    return _finished(best, tol)


class _Run(NamedTuple):
    """Where EM came to."""

    points: Points  # in the arithmetic that it ended with
    mixture: Mixture
    lower_bounds: list[float]
    change: float  # of the lower bound, in the last iteration


def _start(
    points: Points, key: Array, init_params: str, reg_covar: float
) -> tuple[Points, Mixture]:
    """A mixture, and the points, in a finer arithmetic if it took one.

    Spheres are no reason for that: which point is nearest float32 knows well enough to begin with.
    """
    k, X = points.n_components, points.X
    exponent = (
        exponent_of(np.asarray(X)) if X.dtype == np.float64 else 0
    )  # of squares beyond the range of float32
    X = np.ldexp(np.asarray(X), -exponent) if exponent else X
    if init_params in ("k-means++", "random_from_data"):
        draw = plus_plus if init_params == "k-means++" else random_points
        means = np.ldexp(np.asarray(draw(X, k, key=key), np.float64), exponent)
        return points, spheres(means, reg_covar, covariance_type=points.covariance_type)
    if init_params == "kmeans":
        given = np.asarray(kmeans(X, k, key=key).labels)
    else:
        uniform = np.asarray(jax.random.uniform(key, (len(X), k)), np.float64)
        given = uniform / uniform.sum(axis=1, keepdims=True)
    return _maximised_of(points, given, reg_covar)


def _maximised_of(points: Points, given: AnyArray, reg_covar: float) -> tuple[Points, Mixture]:
    """The mixture of given responsibilities or labels, and the points, in a finer arithmetic if it
    took one.
    """
    centres = np.zeros((points.n_components, points.X.shape[1]))
    points, _, mixture = maximised(points, partial(sums_given, given=given), reg_covar, centres)
    return points, points.uncentred(mixture)


def _em(
    points: Points, start: Mixture, tol: float, reg_covar: float, max_iter: int, lower_bound: float
) -> _Run:
    """EM from a mixture, centred by the points as long as it lasts."""
    mixture, bounds, change = points.centred(start), [lower_bound], np.inf
    while not change < tol and len(bounds) <= max_iter:
        points = points.finer() if points.coarse and len(bounds) == max_iter else points
        step = partial(expected_sums, mixture=mixture)
        points, log_likelihood, mixture = maximised(points, step, reg_covar, mixture.means)
        bounds.append(log_likelihood)
        change = abs(bounds[-1] - bounds[-2])
        if points.coarse and change < max(tol, SETTLED * abs(log_likelihood)):
            points, change = points.finer(), np.inf
    return _Run(points, points.uncentred(mixture) if max_iter else start, bounds[1:], change)


def _finished(run: _Run, tol: float) -> GaussianMixtureResult:
    """The result, with the labels and the likelihood that `assign` and `log_likelihoods` find."""
    X, mixture, bounds = run.points.X, run.mixture, np.array(run.lower_bounds)
    if X.dtype != np.float64:
        weights, means = (
            array.astype(np.float32).astype(np.float64)
            for array in (mixture.weights, mixture.means)
        )
        mixture = mixture._replace(weights=weights, means=means)
    log_likelihoods, labels = _expectations(
        X, mixture, run.points.covariance_type, with_responsibilities=False
    )
    mean = float(np.asarray(log_likelihoods, np.float64).mean())
    return GaussianMixtureResult(mixture, labels, mean, len(bounds), bool(run.change < tol), bounds)


def _expectations(
    X: AnyArray, mixture: Mixture, covariance_type: str, *, with_responsibilities: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The log-likelihood of each point, and its responsibilities or its most probable component."""
    _check_word("covariance_type", covariance_type, COVARIANCE_TYPES)
    offset = np.asarray(mixture.means, np.float64).mean(axis=0)
    points = points_of_mixture(X, offset, len(mixture.weights), covariance_type, exact=True)
    mixture = points.centred(mixture)
    points = points.fine_enough_for(mixture)
    shared = densities(mixture, covariance_type, by_differences=points.by_differences)
    found, left = [], len(X)
    with points.precision():
        for part in points.parts:
            n_here = min(left, part.arrays[1].size)
            kept = rows.finished(expect(part, shared, covariance_type, with_responsibilities))
            found.append([np.asarray(rows.join(blocks, n_here)) for blocks in kept])
            left -= n_here
    log_likelihoods, others = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    return log_likelihoods, others


def _check_word(name: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise InputError(
            f"{name}={word!r} is unknown: expected one of {', '.join(map(repr, known))}"
        )


def _check(
    n: int,
    n_components: int,
    *,
    covariance_type: str,
    reg_covar: float,
    tol: float = 0.0,
    max_iter: int = 0,
    n_init: int = 1,
    init_params: str = "kmeans",
) -> None:
    _check_word("covariance_type", covariance_type, COVARIANCE_TYPES)
    _check_word("init_params", init_params, INIT_PARAMS)
    if not 1 <= n_components <= n:
        raise InputError(f"n_components={n_components}: expected 1 to {n}, the number of points")
    if not (0 <= reg_covar < np.inf and 0 <= tol < np.inf):
        raise InputError(
            f"reg_covar={reg_covar}, tol={tol}: expected finite numbers of at least 0 for both"
        )
    if max_iter < 0 or n_init < 1:
        raise InputError(
            f"max_iter={max_iter}, n_init={n_init}: expected at least 0 and at least 1"
        )
