"""Gaussian mixture, fast: the twin of `scratchclust/reference/gaussian_mixture.py`, where the
mathematics is explained.

Where the steps of the definition are, below `gaussian_mixture_parts/`:

    _log_joint   `_log_joint` in `steps.py`, of a block of points; the squares in it are
                 `exponents` of the type in `cluster/covariances.py`
    _expect      `_expect` in `steps.py`, of a block; over all points `expect_points` in `sums.py`
    _sums        `_sums` in `steps.py`, of a block; over all points `given_sums` in `sums.py`, or,
                 in one pass with the expectation, `expect_sums`
    _scatter     `sums` and `scatter` of the type
    _maximise    `mixture_of` in `sums.py`, with `covariances` of the type; `maximise` around it
                 takes sums again that have lost digits
    em, start    the loop is `run_em` in `em.py` (on a GPU many turns of it are one call,
                 `iterate_on_gpu` in `on_gpu.py`), the start `find_start`

Both steps of EM are one pass over blocks of rows on all local devices, whose sums come to the host;
there the k covariances become a mixture again, in float64. A GPU does that, too, and the host reads
the likelihoods. Memory beyond the data is one block, never n x k but for a random start.

Points in float32 are computed with in float32, on centred data. That is enough as long as no
component is far narrower than the data, and no covariance nearly singular; otherwise the sums have
lost their digits, and EM goes on in float64, which takes a copy of the data in float64 and two to
three times as long (much longer on a GPU made for pictures), or, where even that is too little, in
float64 by differences.

Points in float64 are computed with in float64 where a pass takes few milliseconds. Larger ones are
brought near to the end in float32: when the likelihood has settled (as far as float32 can tell), or
before the last iteration, EM goes on in float64 until it settles again. So the mixture and its
likelihood are those of the reference in all cases.

The mixture is made of float64 NumPy arrays. Weights and means of float32 points are rounded to
float32, in which their caller may keep them, before labels and likelihood are taken.
"""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.checks import between, number, one_of, whole
from scratchclust.cluster.covariances import type_of
from scratchclust.cluster.gaussian_mixture_parts.em import (
    Stop,
    expect_all,
    find_start,
    finish,
    maximise_given,
    run_em,
)
from scratchclust.cluster.gaussian_mixture_parts.points import place
from scratchclust.cluster.mixtures import given_parts
from scratchclust.constants import COVARIANCE_TYPES, INIT_PARAMS
from scratchclust.distances import mean_of
from scratchclust.results import GaussianMixtureResult, Mixture
from scratchclust.rows import AnyArray

RULES = {
    "covariance_type": one_of(*COVARIANCE_TYPES),
    "tol": number(least=0),
    "reg_covar": number(least=0),
    "max_iter": whole(0),
    "n_init": whole(1),
    "init_params": one_of(*INIT_PARAMS),
}


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
    return expect_all(X, mixture, type_of(covariance_type), with_responsibilities=True)


def m_step(
    X: Real[AnyArray, "n d"],
    responsibilities: Float[AnyArray, "n k"],
    *,
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
) -> Mixture:
    """The mixture of largest likelihood, given how much each component has of each point.

    Args:
        X: points.
        responsibilities: r; each row sums to 1.
        covariance_type: "full", "tied", "diag" or "spherical".
        reg_covar: added to every variance.

    Raises:
        InputError: an unknown covariance type, or a covariance that is not positive definite.
    """
    n_components = responsibilities.shape[1]
    _check(X, n_components, covariance_type=covariance_type, reg_covar=reg_covar)
    points = place(X, mean_of(X), n_components, type_of(covariance_type))
    return maximise_given(points, responsibilities, reg_covar)[1]


def log_likelihoods(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Float[AnyArray, " n"]:
    """log p(x_i) of each point; their mean is what EM raises."""
    return expect_all(X, mixture, type_of(covariance_type), with_responsibilities=False)[0]


def assign(
    X: Real[AnyArray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Int[AnyArray, " n"]:
    """The most probable component of each point; of equally probable ones the first."""
    return expect_all(X, mixture, type_of(covariance_type), with_responsibilities=False)[1]


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
    """EM from a given mixture, until the mean log-likelihood changes by less than `tol`.

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
        X,
        n_components,
        covariance_type=covariance_type,
        tol=tol,
        reg_covar=reg_covar,
        max_iter=max_iter,
    )
    points = place(X, mean_of(X), n_components, type_of(covariance_type))
    points = points.fine_enough_for(points.centred(start))
    stop = Stop(tol, max_iter)
    return finish(run_em(points, start, reg_covar, stop, lower_bound), stop)


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
    _check(
        X,
        n_components,
        covariance_type=covariance_type,
        reg_covar=reg_covar,
        init_params=init_params,
    )
    points = place(X, mean_of(X), n_components, type_of(covariance_type))
    shape: dict[str, Any] = {"covariance_type": covariance_type, "reg_covar": reg_covar}
    return find_start(points, **shape, init_params=init_params, key=key)[1]


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
    stop = Stop(tol, max_iter)
    _check(X, n_components, **shape, **stop._asdict(), n_init=n_init, init_params=init_params)
    given = given_parts(
        n_components,
        X.shape[1],
        covariance_type=covariance_type,
        weights_init=weights_init,
        means_init=means_init,
        precisions_init=precisions_init,
    )
    complete = all(part is not None for part in given)
    X = rows.resident(X)  # for the points, the start, and the labels at the end
    points = place(X, mean_of(X), n_components, type_of(covariance_type))
    runs = []
    for start_key in jax.random.split(key, 1 if complete or not max_iter else n_init):
        first = given
        if not complete:
            points, found = find_start(points, **shape, init_params=init_params, key=start_key)
            first = Mixture(*(b if a is None else a for a, b in zip(given, found, strict=True)))
        if any(part is not None for part in given):
            points = points.fine_enough_for(points.centred(first))
        runs.append(run_em(points, first, reg_covar, stop, -np.inf))
        points = runs[-1].points
    best = max(runs, key=lambda run: run.lower_bounds[-1] if max_iter else 0)
    return finish(best, stop)


def _check(X: Real[AnyArray, "n d"], n_components: int, **given: Any) -> None:
    """Refuse arguments that cannot be used; `given` are those that have a rule.

    (Whether X is finite shows when it is placed.)
    """
    for name, value in given.items():
        RULES[name](name, value)
    between(1, len(X), "the number of points")("n_components", n_components)
