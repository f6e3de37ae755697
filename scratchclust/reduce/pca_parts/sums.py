"""What PCA does with the n rows, by blocks on all devices, compiled: sums of outer products, and
projections.

Z are the points less their mean, in blocks (`in_blocks`).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust import rows, shares
from scratchclust.distances import PRECISION
from scratchclust.rows import AnyArray


def in_blocks(X: AnyArray, mean: Float[AnyArray, " d"]) -> rows.Rows:
    """X less the mean, on all devices."""
    block = rows.block_size(shares.total(len(X)), X.shape[1])
    return rows.Rows((rows.split(X, block=block, offset=mean),), rows.mesh())


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)


@jax.jit
def scatter(data: rows.Rows) -> tuple[Array, Array]:
    """Z^T Z [d d], and its trace."""
    return rows.map_sum(lambda z: ((_times(z.T, z), (z * z).sum()), None), data)[0]


@jax.jit
def gram(data: rows.Rows, whole: Array) -> tuple[Array, Array]:
    """Z Z^T, block by block of its rows [n_blocks block n], and its trace; `whole` is Z itself."""
    total, blocks = rows.map_sum(lambda z, whole: ((z * z).sum(), _times(z, whole.T)), data, whole)
    return blocks, total


@jax.jit
def scatter_times(data: rows.Rows, basis: AnyArray) -> Array:
    """Z^T (Z Q) [d l], without Z^T Z."""
    return rows.map_sum(lambda z, basis: (_times(z.T, _times(z, basis)), None), data, basis)[0]


@jax.jit
def project_scatter(data: rows.Rows, basis: AnyArray) -> tuple[Array, Array]:
    """(Z Q)^T (Z Q) [l l], and the trace of Z^T Z."""

    def block(z: Array, basis: Array) -> tuple[tuple[Array, Array], None]:
        projected = _times(z, basis)
        return (_times(projected.T, projected), (z * z).sum()), None

    return rows.map_sum(block, data, basis)[0]


@jax.jit
def project(data: rows.Rows, axes: Array) -> Array:
    """Z V, block by block [n_blocks block q], for axes in the columns of V."""
    return rows.map_sum(lambda z, axes: (None, _times(z, axes)), data, axes)[1]
