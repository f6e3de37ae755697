"""What every step of k-means stands on: points in centred blocks, and the nearest centroid of each point of a block."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Shaped

from scratchclust import rows
from scratchclust.distances import product, squared_norms
from scratchclust.errors import InputError

AnyArray = Array | np.ndarray


@dataclass(frozen=True)
class Points:
    """The points of a k-means problem: centred, in blocks, with their squared norms and weights."""

    rows: rows.Rows  # (x [n_blocks block d], |x|^2 [n_blocks block], w [n_blocks block], 0 in the filling)
    offset: np.ndarray  # [d], what was subtracted from every point, in the precision in which it was
    n: int
    dtype: np.dtype  # of the points as they came, or float32 if they were integers

    @property
    def block(self) -> int:
        return self.rows.arrays[0].shape[1]

    def centred(self, centroids: Float[AnyArray, "k d"]) -> Float[np.ndarray, "k d"]:
        """centroids - offset, as the blocks hold the points. On the host, whence it can go to any mesh."""
        return (np.asarray(centroids, np.float64) - self.offset).astype(self.rows.arrays[0].dtype)

    def uncentred(self, centroids: Float[AnyArray, "k d"]) -> Float[AnyArray, "k d"]:
        """centroids + offset, in the type of the points."""
        return as_jax((np.asarray(centroids, np.float64) + self.offset).astype(self.dtype))

    @cached_property
    def mean_variance(self) -> float:
        """The mean over the features of their variance, by which `tol` is scaled."""
        sums, squares = _moments(self.rows)
        n, d = self.n, len(sums)
        return max(float(squares) / n - float((sums / n) @ (sums / n)), 0.0) / d


def as_jax(values: Shaped[AnyArray, "..."]) -> Shaped[AnyArray, "..."]:
    """A JAX array; but float64 that JAX, without `jax_enable_x64`, would round stays a NumPy array."""
    rounded = values.dtype == np.float64 and rows.float_type(values) == np.float32
    return values if rounded else jnp.asarray(values)


def points_in_blocks(
    X: Float[AnyArray, "n d"], *, offset: Any, n_clusters: int, sample_weight: Float[AnyArray, " n"] | None = None
) -> Points:
    """Centre X, cut it into blocks, spread it over the devices."""
    n, d = X.shape
    block = rows.block_size(n, max(d, n_clusters))
    # The offset as `split` subtracts it: the points and the centroids must move by the same bits.
    offset = np.asarray(offset).astype(rows.offset_type(X))
    x = rows.split(X, block=block, offset=offset)
    weights = np.ones(n, np.float32) if sample_weight is None else sample_weight
    weights = rows.split(weights, block=block, dtype=x.dtype)
    dtype = np.dtype(X.dtype) if X.dtype in (np.float32, np.float64) else x.dtype
    return Points(rows.Rows((x, _squared_norms(x), weights), rows.mesh()), offset, n, dtype)


def nearest(
    x: Float[Array, "block d"], x_norms: Float[Array, " block"], centroids: Float[Array, "k d"]
) -> tuple[Int[Array, " block"], Float[Array, " block"]]:
    """argmin_j and min_j of |x - c_j|^2 for one block.

    |x|^2 is the same for every j, so the minimum is taken over |c_j|^2 / 2 - x.c_j. That is laid out [k block], where
    the minimum runs along the vector units, and the label is looked up by comparison: XLA's argmin is slow on CPU.
    """
    n_clusters = len(centroids)
    scores = squared_norms(centroids)[:, None] / 2 - product(centroids, x)
    least = scores.min(axis=0)
    index = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
    labels = jnp.where(scores == least[None, :], index, n_clusters - 1).min(axis=0)
    return labels, jnp.maximum(x_norms + 2 * least, 0)


def unit_rows(X: Float[AnyArray, "n d"]) -> Float[AnyArray, "n d"]:
    """Every row scaled to length 1; an InputError names the first that is all zero."""
    xp = np if isinstance(X, np.ndarray) else jnp
    norms = xp.linalg.norm(X, axis=1, keepdims=True)
    if (norms == 0).any():
        raise InputError(
            f"row {int((norms == 0).argmax())} is all zero and has no direction: "
            'metric="cosine" needs non-zero rows; drop it, or use metric="euclidean"'
        )
    return X / norms


@jax.jit
def _squared_norms(x: Array) -> Array:
    return (x * x).sum(axis=-1)


@jax.jit
def _moments(data: rows.Rows) -> tuple[Array, Array]:
    sums, _ = rows.map_sum(lambda x, x_norms, w: ((x.sum(axis=0), x_norms.sum()), None), data)
    return sums
