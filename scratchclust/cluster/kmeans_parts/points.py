"""The points of k-means: centred, in blocks of rows on all devices; and the rows of a block that a
step chooses.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real, ScalarLike, Shaped

from scratchclust import rows
from scratchclust.distances import check_range
from scratchclust.rows import AnyArray

CHUNKS_PER_BLOCK = 16  # chosen rows are gathered one such part of a block at a time


@dataclass(frozen=True)
class KMeansPoints:
    """The points of a k-means problem: centred, in blocks, with their squared norms and weights.

    Attributes:
        rows: x [n_blocks block d], |x|^2 [n_blocks block], and w / unit [n_blocks block], which is
            0 in the filling.
        offset: [d], what was subtracted from every point, in the precision in which it was.
        n: number of points.
        dtype: of the points as they came, or float32 if they were integers.
        unit: in which the weights are held (`unit_of_weights`).
    """

    rows: rows.Rows
    offset: np.ndarray
    n: int
    dtype: np.dtype
    unit: float

    @property
    def block(self) -> int:
        """Rows in a block."""
        return self.rows.arrays[0].shape[1]

    def centred(self, centroids: Float[AnyArray, "k d"]) -> Float[np.ndarray, "k d"]:
        """centroids - offset, as the blocks hold the points. On the host, whence it can go to any
        mesh.
        """
        # As `rows.split` does it, in one precision and rounded once: a point on a centroid is at
        # distance 0 from it.
        return (np.asarray(centroids) - self.offset).astype(self.rows.arrays[0].dtype)

    def uncentred(self, centroids: Float[AnyArray, "k d"]) -> Float[AnyArray, "k d"]:
        """centroids + offset, in the type of the points."""
        return as_jax((np.asarray(centroids, np.float64) + self.offset).astype(self.dtype))

    @cached_property
    def mean_variance(self) -> float:
        """The mean over the features of their variance, by which `tol` is scaled."""
        sums, squares = map(np.asarray, rows.finished(_moments(self.rows)))
        n, d = self.n, len(sums)
        return max(float(squares) / n - float((sums / n) @ (sums / n)), 0.0) / d


def points_in_blocks(
    X: Real[AnyArray, "n d"],
    *,
    offset: Any,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> KMeansPoints:
    """Centre X, cut it into blocks, spread it over the devices.

    Args:
        X: points.
        offset: [d], what is subtracted: a point amid the data or the centroids (`centre_of`).
        n_clusters: k; a block and its distances to k centroids fit into a core's cache.
        sample_weight: w; None means 1 for every point.

    Raises:
        InputError: X cannot be computed with in float32.
    """
    n, d = X.shape
    block = rows.block_size(n, max(d, n_clusters))
    # The offset as `split` subtracts it: the points and the centroids must move by the same bits.
    offset = np.asarray(offset).astype(rows.offset_type(X))
    x = rows.split(X, block=block, offset=offset)
    norms = _squared_norms(x)
    on_host = rows.platform() == "cpu"
    # of norms on a GPU only their maximum comes, and ones are made there
    check_range(X, float((np.asarray(norms) if on_host else norms).max()))
    unit = unit_of_weights(sample_weight)
    if sample_weight is None:
        weights: Any = (np if on_host else jnp).ones(n, x.dtype)
    else:
        weights = np.asarray(sample_weight) / unit
    weights = rows.split(weights, block=block, dtype=x.dtype)
    dtype = np.dtype(X.dtype) if X.dtype in (np.float32, np.float64) else x.dtype
    return KMeansPoints(rows.Rows((x, norms, weights), rows.mesh()), offset, n, dtype, unit)


def unit_of_weights(sample_weight: Float[AnyArray, " n"] | None) -> float:
    """A power of two near the largest weight: in this unit tiny weights do not become 0."""
    heaviest = 1.0 if sample_weight is None else float(np.asarray(sample_weight).max())
    return float(2 ** np.floor(np.log2(heaviest))) if heaviest > 0 else 1.0


def as_jax(values: Shaped[AnyArray, "..."]) -> Shaped[AnyArray, "..."]:
    """A JAX array; but float64 that JAX, without `jax_enable_x64`, would round stays NumPy's."""
    rounded = values.dtype == np.float64 and rows.float_type(values) == np.float32
    return values if rounded else jnp.asarray(values)


def rows_on_host(X: Real[AnyArray, "n d"], index: np.ndarray) -> np.ndarray:
    """X[index] on the host: of an array on a GPU only these rows come."""
    if rows.is_on_host(X):
        return np.asarray(X)[index]
    n = index.size
    few_sizes = 1 << max(n - 1, 0).bit_length()  # and so few programs
    padded = np.resize(index.reshape(-1), few_sizes)
    return np.asarray(X[padded])[:n].reshape(*index.shape, *X.shape[1:])


def chosen_first(chosen: Bool[Array, " block"]) -> Int[Array, " block"]:
    """The indices of the chosen rows in their order, then the number of rows again and again."""
    n = len(chosen)
    place = jnp.where(chosen, jnp.cumsum(chosen) - 1, n)
    return jnp.full(n, n, jnp.int32).at[place].set(jnp.arange(n, dtype=jnp.int32), mode="drop")


def chunk_size(n: int) -> int:
    """Rows gathered at a time from a block of n, which it divides: blocks have a power of two."""
    return max(n // CHUNKS_PER_BLOCK, min(n, CHUNKS_PER_BLOCK))


def n_chunks(chosen: Bool[Array, " block"]) -> Int[Array, ""]:
    """How many chunks the chosen rows fill."""
    return -(-chosen.sum() // chunk_size(len(chosen)))


class Chunk(NamedTuple):
    """Some of the chosen rows of a block. Where the last chunk is not full, rows of weight 0 that
    `put` drops.
    """

    index: Int[Array, " m"]

    @classmethod
    def of(cls, order: Int[Array, " block"], i: ScalarLike) -> "Chunk":
        """The i-th chunk of rows in the order of `chosen_first`."""
        size = chunk_size(len(order))
        return cls(jax.lax.dynamic_slice(order, (i * size,), (size,)))

    def take(self, values: Shaped[Array, "block ..."]) -> Shaped[Array, "m ..."]:
        """The values of these rows."""
        return values.at[self.index].get(mode="clip")

    def weights(self, weights: Float[Array, " block"]) -> Float[Array, " m"]:
        """The weights of these rows, 0 in the filling."""
        return weights.at[self.index].get(mode="fill", fill_value=0)

    def put(
        self, values: Shaped[Array, "*k block"], new: Shaped[Array, "*k m"]
    ) -> Shaped[Array, "*k block"]:
        """The values of the block with new ones in these rows."""
        return values.at[..., self.index].set(new, mode="drop")


@jax.jit
def _squared_norms(x: Array) -> Array:
    return (x * x).sum(axis=-1)


@jax.jit
def _moments(data: rows.Rows) -> tuple[Array, Array]:
    """sum x [d] and sum |x|^2 over all points."""
    sums, _ = rows.map_sum(lambda x, x_norms, w: ((x.sum(axis=0), x_norms.sum()), None), data)
    return sums
