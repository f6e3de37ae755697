"""Projections as directions: points of the sphere of radius 1.

    u = z / max(|z|, 1e-4)

The definition is in `scratchclust/reference/sphere.py`.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust.constants import LEAST_LENGTH
from scratchclust.train.losses import wide


def normalise(Z: Float[Array, "*rows d"]) -> Float[Array, "*rows d"]:
    """Scale every row to length 1: u.

    Args:
        Z: projections; one that is shorter than 1e-4 comes out shorter than 1.
    """
    Z = wide(Z)
    # Squares of large and small numbers leave the range of float32. u does not depend on the unit,
    # so neither does its gradient.
    largest = jnp.maximum(jnp.abs(Z).max(axis=-1, keepdims=True), LEAST_LENGTH)
    Z = Z / jax.lax.stop_gradient(largest)
    squares = (Z**2).sum(axis=-1, keepdims=True)  # below 1 only where z is too short
    return Z * jax.lax.rsqrt(jnp.where(squares >= 1, squares, 1))


def inner_products(A: Float[Array, "a d"], B: Float[Array, "b d"]) -> Float[Array, "a b"]:
    """The products a_i . b_j in full precision, which neither a GPU nor the precision of the model
    makes shorter.
    """
    return jnp.matmul(A, B.T, precision=jax.lax.Precision.HIGHEST)
