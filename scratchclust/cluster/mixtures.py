"""A Gaussian mixture itself: the twin of `scratchclust/reference/mixtures.py`, where the
mathematics is explained.

What depends on the components alone is host code in float64, as in the reference; only what is
drawn comes from a key.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.results import Mixture

NORMALISED = 1e-6  # by which given weights may miss the sum of 1: rounding of float32


def precisions_cholesky(
    covariances: Float[np.ndarray, "..."], covariance_type: str
) -> Float[np.ndarray, "..."]:
    """P of S^-1 = P P^T, in the shape of the covariances.

    Raises:
        InputError: a covariance is not positive definite.
    """
    try:
        if covariance_type in ("full", "tied"):
            return np.swapaxes(np.linalg.inv(np.linalg.cholesky(covariances)), -1, -2).copy()
        if (covariances > 0).all():
            return 1 / np.sqrt(covariances)
    except np.linalg.LinAlgError:
        pass
    raise InputError(
        "a covariance is not positive definite, as happens to a component with few or equal points: "
        "increase reg_covar, scale X, or take fewer components"
    )


def precisions(mixture: Mixture, *, covariance_type: str = "full") -> Float[np.ndarray, "..."]:
    """S^-1 = P P^T of each component, in the shape of the covariances."""
    P = mixture.precisions_cholesky
    return P @ np.swapaxes(P, -1, -2) if covariance_type in ("full", "tied") else P**2


def spheres(
    means: Float[np.ndarray, "k d"], variance: float, *, covariance_type: str = "full"
) -> Mixture:
    """Components of equal weight about these means, round and all of one variance.

    Raises:
        InputError: the variance is not above 0.
    """
    k, d = means.shape
    covariances = {
        "full": np.tile(variance * np.eye(d), (k, 1, 1)),
        "tied": variance * np.eye(d),
        "diag": np.full((k, d), variance),
        "spherical": np.full(k, variance),
    }[covariance_type]
    P = precisions_cholesky(covariances, covariance_type)
    return Mixture(np.full(k, 1 / k), means.astype(np.float64), covariances, P)


def given_parts(
    n_components: int,
    n_features: int,
    *,
    covariance_type: str = "full",
    weights_init: Any = None,
    means_init: Any = None,
    precisions_init: Any = None,
) -> Mixture:
    """The mixture of given numbers, in float64; None stands where nothing was given.

    Args:
        n_components: k.
        n_features: d.
        covariance_type: "full", "tied", "diag" or "spherical".
        weights_init: [k], at least 0, sum to 1.
        means_init: [k d].
        precisions_init: S^-1, [k d d] full, [d d] tied, [k d] diag, [k] spherical; symmetric and
            positive definite.

    Raises:
        InputError: another shape, no numbers, weights or precisions that are none.
    """
    k, d = n_components, n_features
    shapes = {"full": (k, d, d), "tied": (d, d), "diag": (k, d), "spherical": (k,)}
    weights = _numbers("weights_init", weights_init, (k,))
    means = _numbers("means_init", means_init, (k, d))
    inverse = _numbers("precisions_init", precisions_init, shapes[covariance_type])
    if weights is not None and not ((weights >= 0).all() and abs(weights.sum() - 1) <= NORMALISED):
        raise InputError(
            f"expected weights_init to be numbers of at least 0 that sum to 1, got the sum {weights.sum():.5f} and the "
            f"least {weights.min():.5f}: divide them by their sum"
        )
    if inverse is None:
        return Mixture(weights, means, None, None)
    P = _cholesky_of_precisions(inverse, covariance_type)
    return Mixture(weights, means, _covariances(P, covariance_type), P)


def sample(
    mixture: Mixture, n_samples: int, *, key: PRNGKeyArray, covariance_type: str = "full"
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Points drawn from a mixture, one component after the other.

    Args:
        mixture: from `em` for instance.
        n_samples: n.
        key: source of randomness.
        covariance_type: the one the mixture was made with.

    Returns:
        The points, and the component of each, rising. Cost O(n d^2), but O(n d) for "diag" and
        "spherical".
    """
    key_of_labels, key_of_normal = jax.random.split(key)
    k, d = mixture.means.shape
    with jax.enable_x64(True):
        weights = jnp.asarray(mixture.weights, jnp.float64)
        labels = np.sort(
            np.asarray(jax.random.choice(key_of_labels, k, (n_samples,), p=weights))
        ).astype(np.int32)
        normal = np.asarray(jax.random.normal(key_of_normal, (n_samples, d), jnp.float64))
    return mixture.means[labels] + _shaped(
        normal, labels, mixture.covariances, covariance_type
    ), labels


def _shaped(
    normal: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    covariances: np.ndarray,
    covariance_type: str,
) -> Float[np.ndarray, "n d"]:
    """L z of each row z of standard normal numbers."""
    if covariance_type == "tied":
        return normal @ np.linalg.cholesky(covariances).T
    if covariance_type == "full":
        L = np.linalg.cholesky(covariances)
        return np.concatenate([normal[labels == j] @ L[j].T for j in range(len(L))])
    deviations = np.sqrt(covariances)
    return normal * (deviations[labels] if covariance_type == "diag" else deviations[labels, None])


def _cholesky_of_precisions(
    inverse: Float[np.ndarray, "..."], covariance_type: str
) -> Float[np.ndarray, "..."]:
    """P of S^-1 = P P^T, from S^-1."""
    if covariance_type in ("diag", "spherical"):
        if (inverse > 0).all():
            return np.sqrt(inverse)
    elif np.allclose(inverse, np.swapaxes(inverse, -1, -2)):
        try:
            return np.linalg.cholesky(inverse[..., ::-1, ::-1])[..., ::-1, ::-1].copy()
        except np.linalg.LinAlgError:
            pass
    kind = (
        "positive numbers"
        if covariance_type in ("diag", "spherical")
        else "symmetric, positive-definite matrices"
    )
    raise InputError(
        f"expected precisions_init to be {kind}, got others: give the inverse of covariances"
    )


def _covariances(P: Float[np.ndarray, "..."], covariance_type: str) -> Float[np.ndarray, "..."]:
    """S = P^-T P^-1."""
    if covariance_type in ("diag", "spherical"):
        return 1 / P**2
    inverse = np.linalg.inv(P)
    return np.swapaxes(inverse, -1, -2) @ inverse


def _numbers(name: str, value: Any, shape: tuple[int, ...]) -> Any:
    """The value as finite float64 numbers of this shape, or None if it is None."""
    if value is None:
        return None
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        array = np.empty(0)
    if array.shape != shape or not np.isfinite(array).all():
        got = f"the shape {list(np.shape(value))}" if array.shape != shape else "NaN or infinity"
        raise InputError(
            f"expected {name} to be finite numbers of the shape {list(shape)}, got {got}"
        )
    return array
