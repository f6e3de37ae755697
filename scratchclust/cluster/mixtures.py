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

from scratchclust.cluster.covariances import type_of
from scratchclust.constants import WEIGHT_SUM_TOLERANCE
from scratchclust.errors import InputError
from scratchclust.results import Mixture


def precisions(mixture: Mixture, *, covariance_type: str = "full") -> Float[np.ndarray, "..."]:
    """S^-1 = P P^T of each component, in the shape of the covariances."""
    return np.asarray(type_of(covariance_type).precisions_of(mixture.precisions_cholesky))


def spheres(
    means: Float[np.ndarray, "k d"], variance: float, *, covariance_type: str = "full"
) -> Mixture:
    """Components of equal weight about these means, round and all of one variance.

    Raises:
        InputError: the variance is not above 0.
    """
    k, d = means.shape
    kind = type_of(covariance_type)
    covariances = np.broadcast_to(variance * kind.unit(d), kind.shape(k, d)).copy()
    P = kind.factor_covariances(covariances)
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
    k = n_components
    d = n_features
    kind = type_of(covariance_type)
    weights = _numbers("weights_init", weights_init, (k,))
    means = _numbers("means_init", means_init, (k, d))
    inverse = _numbers("precisions_init", precisions_init, kind.shape(k, d))
    if weights is not None:
        _check_weights(weights)
    if inverse is None:
        return Mixture(weights, means, None, None)
    P = kind.factor_precisions(inverse)
    return Mixture(weights, means, kind.covariances_of(P), P)


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
        drawn = np.asarray(jax.random.choice(key_of_labels, k, (n_samples,), p=weights))
        labels = np.sort(drawn).astype(np.int32)
        normal = np.asarray(jax.random.normal(key_of_normal, (n_samples, d), jnp.float64))
    shaped = type_of(covariance_type).stretch(normal, labels, mixture.covariances)
    return mixture.means[labels] + shaped, labels


def _check_weights(weights: Float[np.ndarray, " k"]) -> None:
    if (weights >= 0).all() and abs(weights.sum() - 1) <= WEIGHT_SUM_TOLERANCE:
        return
    raise InputError(
        "expected weights_init to be numbers of at least 0 that sum to 1, got the sum "
        f"{weights.sum():.5f} and the least {weights.min():.5f}: divide them by their sum"
    )


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
