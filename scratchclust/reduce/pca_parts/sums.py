"""What PCA does with the n rows, by blocks on all devices, compiled: sums of outer products, and
projections.

Z are the points less their mean, in blocks (`in_blocks`).
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows, shares
from scratchclust.distances import PRECISION
from scratchclust.reduce.pca_parts import on_host
from scratchclust.rows import AnyArray

STRIPS = 4  # of the columns of Z: of their products with each other ten of sixteen are computed
LEAST_COLUMNS = 128  # of a strip, for the tiles of an accelerator
COLUMNS_MULTIPLE = 32


def in_blocks(X: AnyArray, mean: Float[AnyArray, " d"]) -> rows.Rows:
    """X less the mean, on all devices."""
    block = rows.block_size(shares.total(len(X)), X.shape[1])
    return rows.Rows((rows.split(X, block=block, offset=mean),), rows.mesh())


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)


def scatter(data: rows.Rows) -> tuple[AnyArray, Any]:
    """Z^T Z [d d], and its trace: by BLAS where the host reads the blocks, else on the devices."""
    return on_host.scatter(data) if on_host.are_on_host(data) else scatter_on_devices(data)


@jax.jit
def scatter_on_devices(data: rows.Rows) -> tuple[Array, Array]:
    """Z^T Z [d d], and its trace. What lies below the diagonal is taken from above it."""
    ends = _strips(data.arrays[0].shape[-1])

    def block(z: Array) -> tuple[tuple[list[Array], Array], None]:
        strips = [_times(z[:, a:b].T, z[:, a:]) for a, b in itertools.pairwise(ends)]
        return (strips, (z * z).sum()), None

    (strips, total), _ = rows.map_sum(block, data)
    padded = [jnp.pad(s, ((0, 0), (a, 0))) for s, a in zip(strips, ends, strict=False)]
    upper = jnp.triu(jnp.concatenate(padded))
    return upper + jnp.triu(upper, 1).T, total


def _strips(d: int) -> list[int]:
    """Where strips of columns begin, and where the last ends."""
    width = rows.ceil_div(rows.ceil_div(d, STRIPS), COLUMNS_MULTIPLE) * COLUMNS_MULTIPLE
    return [*range(0, d, max(width, LEAST_COLUMNS)), d]


@jax.jit
def gram(data: rows.Rows, whole: Array) -> tuple[Array, Array]:
    """Z Z^T, block by block of its rows [n_blocks block n], and its trace; `whole` is Z itself."""
    total, blocks = rows.map_sum(lambda z, whole: ((z * z).sum(), _times(z, whole.T)), data, whole)
    return blocks, total


@jax.jit
def scatter_times(data: rows.Rows, basis: AnyArray) -> Array:
    """Z^T (Z Q) [d l], without Z^T Z.

    As ((Q^T Z^T) Z)^T: a first factor that is summed along its rows, as Z^T would be, is one that
    XLA does not leave to the fastest of its libraries on a CPU (of 784 columns and 60 directions
    1.3 times the processor time, of 64 and 18 1.8 times).
    """

    def block(z: Array, turned: Array) -> tuple[Array, None]:
        return _times(_times(turned, z.T), z), None

    return rows.map_sum(block, data, basis.T)[0].T


@jax.jit
def project_scatter(data: rows.Rows, basis: AnyArray) -> tuple[Array, Array]:
    """(Z Q)^T (Z Q) [l l], and the trace of Z^T Z."""

    def block(z: Array, turned: Array) -> tuple[tuple[Array, Array], None]:
        projected = _times(turned, z.T)  # [l block]
        return (_times(projected, projected.T), (z * z).sum()), None

    return rows.map_sum(block, data, basis.T)[0]


def project(data: rows.Rows, axes: Float[np.ndarray, "d q"], n: int) -> Array:
    """Z V [n q], for axes in the columns of V, on one device."""
    if on_host.are_on_host(data):
        return on_host.project(data, axes, n)
    return rows.join(project_blocks(data, jnp.asarray(axes)), n)


@jax.jit
def project_blocks(data: rows.Rows, axes: Array) -> Array:
    """Z V, block by block [n_blocks block q]."""
    return rows.map_sum(lambda z, axes: (None, _times(z, axes)), data, axes)[1]
