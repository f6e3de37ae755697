"""Gaussian mixture: every point was drawn from one of k normal distributions, nobody knows which.

The density of a point is that of the mixture, with weights p_j that sum to 1:

    p(x) = sum_j p_j N(x; m_j, S_j)
    log N(x; m, S) = -(d log 2 pi + log |S| + (x - m)^T S^-1 (x - m)) / 2

Expectation-maximisation raises the mean log-likelihood by two steps in turn, neither of which can
lower it:

    e_step      r_ij = p_j N(x_i; m_j, S_j) / p(x_i)         how likely it was j that drew x_i
    m_step      n_j = sum_i r_ij,     p_j = n_j / n,     m_j = sum_i r_ij x_i / n_j
                S_j = sum_i r_ij (x_i - m_j)(x_i - m_j)^T / n_j + reg_covar I

The covariance S_j is one matrix for each component ("full"), one for all of them ("tied"), a
diagonal for each ("diag"), or one variance for each ("spherical"): `covariances.py` beside this
file. Densities are far outside the range of floating-point numbers, so all of it is in logarithms:

    log p(x) = log sum_j exp(log p_j + log N(x; m_j, S_j))
             = a + log sum_j exp(... - a),      a = the largest term

And no S is inverted: with S^-1 = P P^T and P upper triangular, the square is |(x - m) P|^2, and
log |S| is -2 sum_f log P_ff.

EM climbs to the nearest peak, so much depends on where it starts. `start` knows four ways: from the
clusters of k-means; from random responsibilities; or from narrow spheres about k points, drawn by
k-means++ or at random. Spheres that narrow give every point to the nearest of the k in the first
step.

The fast twin of this file is `scratchclust/cluster/gaussian_mixture.py`.

Sources: Dempster, Laird & Rubin, Maximum likelihood from incomplete data via the EM algorithm,
1977. Bishop, Pattern Recognition and Machine Learning, 2006, section 9.2.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust.checks import between, finite, number, one_of, whole
from scratchclust.constants import COVARIANCE_TYPES, INIT_PARAMS, LEAST_COUNT
from scratchclust.reference.covariances import CovarianceType, type_of
from scratchclust.reference.kmeans import kmeans
from scratchclust.reference.kmeans_starts import plus_plus, random_points
from scratchclust.reference.mixtures import given_parts, spheres
from scratchclust.results import GaussianMixtureResult, Mixture

RULES = {
    "covariance_type": one_of(*COVARIANCE_TYPES),
    "tol": number(least=0),
    "reg_covar": number(least=0),
    "max_iter": whole(0),
    "n_init": whole(1),
    "init_params": one_of(*INIT_PARAMS),
}


def e_step(
    X: Real[np.ndarray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n k"]]:
    """The log-likelihood of each point, and the probability of each component given the point.

    Args:
        X: points.
        mixture: from `m_step` or `em`.
        covariance_type: "full", "tied", "diag" or "spherical", the one the mixture was made with.

    Returns:
        log p(x_i) [n] and r_ij [n k]. Cost O(n k d^2), but O(n k d) for "diag" and "spherical".
    """
    return _expect(_log_joint(X, mixture, type_of(covariance_type)))


def m_step(
    X: Real[np.ndarray, "n d"],
    responsibilities: Float[np.ndarray, "n k"],
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
    _check(X, responsibilities.shape[1], covariance_type=covariance_type, reg_covar=reg_covar)
    counts, means, scatters = _sums(X.astype(np.float64), responsibilities)
    return _maximise(counts, means, scatters, type_of(covariance_type), reg_covar)


def log_likelihoods(
    X: Real[np.ndarray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Float[np.ndarray, " n"]:
    """log p(x_i) of each point; their mean is what EM raises."""
    return e_step(X, mixture, covariance_type=covariance_type)[0]


def assign(
    X: Real[np.ndarray, "n d"], mixture: Mixture, *, covariance_type: str = "full"
) -> Int[np.ndarray, " n"]:
    """The most probable component of each point; of equally probable ones the first."""
    return _log_joint(X, mixture, type_of(covariance_type)).argmax(axis=1).astype(np.int32)


def em(
    X: Real[np.ndarray, "n d"],
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
    _check(
        X,
        len(start.weights),
        covariance_type=covariance_type,
        tol=tol,
        reg_covar=reg_covar,
        max_iter=max_iter,
    )
    mixture = start
    lower_bounds = []
    converged = False
    while not converged and len(lower_bounds) < max_iter:
        log_likelihood, responsibilities = e_step(X, mixture, covariance_type=covariance_type)
        mixture = m_step(X, responsibilities, covariance_type=covariance_type, reg_covar=reg_covar)
        lower_bounds.append(log_likelihood.mean())
        converged = bool(abs(lower_bounds[-1] - lower_bound) < tol)
        lower_bound = lower_bounds[-1]
    log_likelihood = float(log_likelihoods(X, mixture, covariance_type=covariance_type).mean())
    labels = assign(X, mixture, covariance_type=covariance_type)
    return GaussianMixtureResult(
        mixture, labels, log_likelihood, len(lower_bounds), converged, np.array(lower_bounds)
    )


def start(
    X: Real[np.ndarray, "n d"],
    n_components: int,
    *,
    rng: np.random.Generator,
    init_params: str = "kmeans",
    covariance_type: str = "full",
    reg_covar: float = 1e-6,
) -> Mixture:
    """A mixture for EM to start from.

    Args:
        X: points.
        n_components: k.
        rng: source of randomness.
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
    if init_params in ("k-means++", "random_from_data"):
        draw = plus_plus if init_params == "k-means++" else random_points
        return spheres(draw(X, n_components, rng=rng), reg_covar, covariance_type=covariance_type)
    if init_params == "kmeans":
        responsibilities = _one_hot(kmeans(X, n_components, rng=rng).labels, n_components)
    else:
        uniform = rng.uniform(size=(len(X), n_components))
        responsibilities = uniform / uniform.sum(axis=1, keepdims=True)
    return m_step(X, responsibilities, covariance_type=covariance_type, reg_covar=reg_covar)


def gaussian_mixture(
    X: Real[np.ndarray, "n d"],
    n_components: int,
    *,
    rng: np.random.Generator,
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
        rng: source of randomness.
        covariance_type, tol, reg_covar, max_iter: as for `em`.
        n_init: number of starts.
        init_params: as for `start`.
        weights_init, means_init, precisions_init: as for `given_parts`; they take the place of what
            `start` found.

    Raises:
        InputError: as for `em`, `start` and `given_parts`, or more components than points.
    """
    shape: dict[str, Any] = {"covariance_type": covariance_type, "reg_covar": reg_covar}
    stop: dict[str, Any] = {"tol": tol, "max_iter": max_iter}
    _check(X, n_components, **shape, **stop, n_init=n_init, init_params=init_params)
    given = given_parts(
        n_components,
        X.shape[1],
        covariance_type=covariance_type,
        weights_init=weights_init,
        means_init=means_init,
        precisions_init=precisions_init,
    )
    complete = all(part is not None for part in given)
    results = []
    for _ in range(1 if complete or not max_iter else n_init):
        first = given
        if not complete:
            found = start(X, n_components, rng=rng, init_params=init_params, **shape)
            first = Mixture(*(b if a is None else a for a, b in zip(given, found, strict=True)))
        results.append(em(X, first, **shape, **stop))
    return max(results, key=lambda result: result.lower_bounds[-1] if max_iter else 0)


def _log_joint(
    X: Real[np.ndarray, "n d"], mixture: Mixture, kind: CovarianceType
) -> Float[np.ndarray, "n k"]:
    """log p_j + log N(x_i; m_j, S_j)."""
    n, d = X.shape
    k = len(mixture.weights)
    joint = np.empty((n, k))
    with np.errstate(divide="ignore"):  # a weight of 0
        log_weights = np.log(mixture.weights)
    for j, P in enumerate(kind.factors(mixture.precisions_cholesky, k, d)):
        squared = (((X - mixture.means[j]) @ P) ** 2).sum(axis=1)
        log_density = -(d * np.log(2 * np.pi) + squared) / 2 + np.log(np.diag(P)).sum()
        joint[:, j] = log_weights[j] + log_density
    return joint


def _expect(
    joint: Float[np.ndarray, "n k"],
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n k"]]:
    """log p(x_i) and r_ij."""
    largest = joint.max(axis=1, keepdims=True)
    log_likelihood = largest[:, 0] + np.log(np.exp(joint - largest).sum(axis=1))
    return log_likelihood, np.exp(joint - log_likelihood[:, None])


def _sums(
    X: Float[np.ndarray, "n d"], responsibilities: Float[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k d"], Float[np.ndarray, "k d d"]]:
    """n_j, m_j and sum_i r_ij (x_i - m_j)(x_i - m_j)^T."""
    counts = responsibilities.sum(axis=0) + LEAST_COUNT
    means = responsibilities.T @ X / counts[:, None]
    scatters = [_scatter(X - m, r) for m, r in zip(means, responsibilities.T, strict=True)]
    return counts, means, np.stack(scatters)


def _scatter(
    Z: Float[np.ndarray, "n d"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "d d"]:
    """sum_i w_i z_i z_i^T."""
    return (weights[:, None] * Z).T @ Z


def _maximise(
    counts: Float[np.ndarray, " k"],
    means: Float[np.ndarray, "k d"],
    scatters: Float[np.ndarray, "k d d"],
    kind: CovarianceType,
    reg_covar: float,
) -> Mixture:
    """p_j, m_j and S_j of the wanted type, from the sums."""
    full = scatters / counts[:, None, None] + reg_covar * np.eye(means.shape[1])
    covariances = kind.covariances(full, counts)
    P = kind.factor_covariances(covariances)
    return Mixture(counts / counts.sum(), means, covariances, P)


def _one_hot(labels: Int[np.ndarray, " n"], n_components: int) -> Float[np.ndarray, "n k"]:
    return (labels[:, None] == np.arange(n_components)).astype(np.float64)


def _check(X: Real[np.ndarray, "n d"], n_components: int, **given: Any) -> None:
    """Refuse arguments that cannot be used; `given` are those that have a rule."""
    for name, value in given.items():
        RULES[name](name, value)
    between(1, len(X), "the number of points")("n_components", n_components)
    finite(X)
