"""A Gaussian mixture itself: its matrices, one of given numbers, and points drawn from it.

What follows from the type of the covariances stands in `covariances.py` beside this file: P of
S^-1 = P P^T, and L of S = L L^T. To draw a point is to choose a component j with probability p_j,
and to stretch and turn a standard normal z to the shape of its covariance: x = m_j + L_j z.

The fast twin of this file is `scratchclust/cluster/mixtures.py`.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from scratchclust.constants import WEIGHT_SUM_TOLERANCE
from scratchclust.errors import InputError
from scratchclust.reference.covariances import type_of
from scratchclust.results import Mixture


def precisions(mixture: Mixture, *, covariance_type: str = "full") -> Float[np.ndarray, "..."]:
    """S^-1 = P P^T of each component, in the shape of the covariances."""
    return type_of(covariance_type).precisions_of(mixture.precisions_cholesky)


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
    mixture: Mixture, n_samples: int, *, rng: np.random.Generator, covariance_type: str = "full"
) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Points drawn from a mixture, one component after the other.

    Args:
        mixture: from `em` for instance.
        n_samples: n.
        rng: source of randomness.
        covariance_type: the one the mixture was made with.

    Returns:
        The points, and the component of each, rising. Cost O(n d^2), but O(n d) for "diag" and
        "spherical".
    """
    counts = rng.multinomial(n_samples, mixture.weights / mixture.weights.sum())
    labels = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    normal = rng.normal(size=(n_samples, mixture.means.shape[1]))
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
