"""One pass over the distances between all points, from which silhouette and Dunn's index of several labelings follow.

A block of rows meets the columns tile by tile. From each tile [columns rows] of distances are taken

    the sums of the distances of each row to each cluster (a product with the one-hot labels)       -> silhouette
    the smallest squared distance of each row to another cluster, and the largest to its own        -> Dunn

so that nothing of size n x n is ever held, and each distance is computed once for all labelings.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.distances import PRECISION, product, squared_norms
from scratchclust.metrics.inputs import AnyArray, Labeling, finite_mean

TILE = 512  # rows and columns of a tile: 1 MB of distances, which stay in a core's cache
STRETCH = 2e10  # multiplications in one compiled call, a fraction of a second on one core
NEAR = 2.0**-12  # of |x|^2 + |y|^2; nearer pairs lose too many digits in the expanded square


class PairScores(NamedTuple):
    """What one labeling needs of the distances of m points to all n points."""

    sums: np.ndarray  # [m k] sum of the distances to the points of each cluster; empty unless asked for
    nearest_other: np.ndarray  # [m] smallest squared distance to a point of another cluster (inf without one)
    farthest_own: np.ndarray  # [m] largest squared distance to a point of the same cluster


def pair_scores(
    X: Float[AnyArray, "n d"],
    labelings: list[Labeling],
    *,
    silhouette: bool = True,
    dunn: bool = True,
    sample: Int[np.ndarray, " m"] | None = None,
) -> list[PairScores]:
    """The pass over all distances.

    Args:
        X: points.
        labelings: clusterings of X, served together.
        silhouette: whether to fill `sums`.
        dunn: whether to fill `nearest_other` and `farthest_own`.
        sample: indices of the points to score against all n; None scores every point.

    Returns:
        One result for each labeling. Cost O(m n d) time; memory O(n (d + sum of k)) and a tile.
    """
    sample = np.arange(len(X), dtype=np.int32) if sample is None else sample.astype(np.int32)
    offset = finite_mean(X)
    codes = np.stack([labeling.codes for labeling in labelings], axis=1)
    columns = _columns(X, codes, sum(labeling.n_clusters for labeling in labelings), offset)
    found = []
    for part in np.array_split(sample, _n_stretches(len(sample), len(X), X.shape[1])):
        block = min(TILE, rows.block_size(len(part), X.shape[1]))
        arrays = (rows.split(X[part], block=block, offset=offset), _split(part, block), _split(codes[part], block))
        data = rows.Rows(arrays, rows.mesh())
        kept = _pass(data, columns, tuple(labeling.n_clusters for labeling in labelings), silhouette, dunn)
        found.append([np.asarray(rows.join(array, len(part))) for array in kept])
    sums, nearest, farthest = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    ends = np.cumsum([labeling.n_clusters for labeling in labelings])
    sums = np.split(sums, ends[:-1], axis=1) if silhouette else [sums] * len(labelings)
    return [PairScores(sums[i], nearest[:, i], farthest[:, i]) for i in range(len(labelings))]


class _Columns(NamedTuple):
    """All points, in tiles, whole on every device."""

    x: Array  # [tiles tile d]
    index: Array  # [tiles tile], -2 in the filling
    codes: Array  # [tiles tile labelings], -1 in the filling


def _columns(X: AnyArray, codes: np.ndarray, n_clusters: int, offset: Any) -> _Columns:
    tile = min(TILE, 1 << (len(X) - 1).bit_length())
    filling = -len(X) % tile
    whole = partial(jax.device_put, device=rows.whole())
    x = rows.join(rows.split(X, block=rows.block_size(len(X), X.shape[1]), offset=offset), len(X))
    index = np.pad(np.arange(len(X), dtype=np.int32), (0, filling), constant_values=-2)
    codes = np.pad(codes, ((0, filling), (0, 0)), constant_values=-1)
    x = jnp.pad(x, ((0, filling), (0, 0))).reshape(-1, tile, X.shape[1])
    return _Columns(whole(x), whole(index.reshape(-1, tile)), whole(codes.reshape(-1, tile, codes.shape[1])))


def _split(a: np.ndarray, block: int) -> Array:
    return rows.split(a, block=block, dtype=np.int32)


def _n_stretches(m: int, n: int, d: int) -> int:
    """How many compiled calls the pass is divided into, so that each is short enough to interrupt."""
    tile_rows = TILE * rows.mesh().size
    return max(1, min(round(m * n * d / STRETCH), m // tile_rows))


@partial(jax.jit, static_argnames=("n_clusters", "silhouette", "dunn"))
def _pass(
    data: rows.Rows, columns: _Columns, n_clusters: tuple[int, ...], silhouette: bool, dunn: bool
) -> tuple[Array, Array, Array]:
    """sums [n_blocks block sum(k)], nearest_other and farthest_own [n_blocks block labelings]."""

    def block(x: Array, index: Array, codes: Array, columns: _Columns) -> tuple[None, tuple[Array, ...]]:
        def tile(state: tuple[Array, ...], column: _Columns) -> tuple[tuple[Array, ...], None]:
            sums, nearest, farthest = state
            squared = _squared_distances(column.x, x, column.index[:, None] == index[None, :], column.index >= 0)
            if silhouette:
                one_hot = _one_hot(column.codes, n_clusters, x.dtype)
                product_ = jax.lax.dot_general(
                    one_hot, jnp.sqrt(squared), (((0,), (0,)), ((), ())), precision=PRECISION
                )
                sums = sums + product_
            if dunn:
                nearest, farthest = _extremes(squared, column.codes, codes, nearest, farthest)
            return (sums, nearest, farthest), None

        b, n_labelings = codes.shape
        sums = jnp.zeros((sum(n_clusters) if silhouette else 0, b), x.dtype)
        start = (sums, jnp.full((n_labelings, b), jnp.inf, x.dtype), jnp.zeros((n_labelings, b), x.dtype))
        found, _ = jax.lax.scan(tile, start, columns)
        return None, tuple(array.T for array in found)

    return rows.map_sum(block, data, columns)[1]


def _squared_distances(y: Array, x: Array, same: Array, real: Array) -> Array:
    """|y - x|^2 of a tile, 0 where both are the `same` point; by the definition if any two points are very near."""
    norms = squared_norms(y)[:, None] + squared_norms(x)[None, :]
    squared = jnp.where(same, 0, jnp.maximum(norms - 2 * product(y, x), 0))
    near = ((squared < NEAR * norms) & ~same & real[:, None]).any()

    def by_definition() -> Array:
        return jnp.where(same, 0, ((y[:, None, :] - x[None, :, :]) ** 2).sum(axis=2))

    return jax.lax.cond(near, by_definition, lambda: squared)


def _one_hot(codes: Array, n_clusters: tuple[int, ...], dtype: Any) -> Array:
    """[tile sum(k)], the one-hot labels of all labelings side by side; noise is in no column."""
    return jnp.concatenate([jax.nn.one_hot(codes[:, i], k, dtype=dtype) for i, k in enumerate(n_clusters)], axis=1)


def _extremes(
    squared: Array, column_codes: Array, row_codes: Array, nearest: Array, farthest: Array
) -> tuple[Array, Array]:
    """`nearest` and `farthest` [labelings rows] after one more tile of squared distances [columns rows]."""
    nearest_here, farthest_here = [], []
    for i in range(row_codes.shape[1]):
        own = column_codes[:, i, None] == row_codes[None, :, i]
        noise = (column_codes[:, i] < 0)[:, None]
        nearest_here.append(jnp.where(own | noise, jnp.inf, squared).min(axis=0))
        farthest_here.append(jnp.where(own & ~noise, squared, 0).max(axis=0))
    return jnp.minimum(nearest, jnp.stack(nearest_here)), jnp.maximum(farthest, jnp.stack(farthest_here))
