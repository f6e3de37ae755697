"""One pass over the distances between all points, from which silhouette and Dunn's index of several labelings follow.

The points are cut into T tiles. Tile i, as rows, meets the tiles i, i + 1, ..., i + T / 2 (counted round in a circle),
as columns, so that every two tiles meet once and every device has as much to do. From each meeting [columns rows] of
distances are taken, for all labelings at once,

    the sums of the distances of each row to each cluster, and of each column to each cluster       -> silhouette
    the smallest squared distance of each row to another cluster, and the largest to its own        -> Dunn

the sums as products with the one-hot labels. Nothing of size n x n is ever held. Coordinates, relative to their mean,
should lie within 1e-15 and 1e18 or so: the squares of others leave the range of float32.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.distances import PRECISION, product, squared_norms
from scratchclust.metrics.inputs import AnyArray, Labeling, finite_mean

TILE = 512  # rows and columns of a meeting at most: 1 MB of distances, which stay in a core's cache
STRETCH = 2e10  # multiplications in one compiled call, a fraction of a second on one core
ELEMENTWISE = 64  # what else a distance costs (its root, its comparisons), in multiplications
NEAR = 2.0**-12  # of |x|^2 + |y|^2; nearer pairs lose too many digits in the expanded square


class PairScores(NamedTuple):
    """What one labeling needs of the distances of n points."""

    sums: np.ndarray  # [n k] sum of the distances to the points of each cluster; empty unless asked for
    nearest_other: np.ndarray  # [n] smallest squared distance to a point of another cluster (inf without one), and
    farthest_own: np.ndarray  # [n] largest to one of the same, over the pairs in which the point was a row


class _Tiles(NamedTuple):
    """All points, whole on every device."""

    x: Array  # [T tile d]
    codes: Array  # [T tile labelings], -1 for noise and in the filling


def pair_scores(
    X: Float[AnyArray, "n d"], labelings: list[Labeling], *, silhouette: bool = True, dunn: bool = True
) -> list[PairScores]:
    """The pass over all distances.

    Args:
        X: points.
        labelings: clusterings of X, served together.
        silhouette: whether to fill `sums`.
        dunn: whether to fill `nearest_other` and `farthest_own`; each pair is seen from one of its points at least.

    Returns:
        One result for each labeling. Cost O(n^2 d) time; memory O(n (d + sum of k)) and a tile.

    Raises:
        InputError: X is not [n d], or not finite.
    """
    n_clusters = tuple(labeling.n_clusters for labeling in labelings)
    tiles = _tiles(X, labelings, finite_mean(X))
    n_tiles, tile, d = tiles.x.shape
    order, n = _balanced(n_tiles), n_tiles * tile
    sums = np.zeros((n, sum(n_clusters) if silhouette else 0))
    nearest, farthest = np.zeros((n_tiles, tile, len(labelings))), np.zeros((n_tiles, tile, len(labelings)))
    for part in _stretches(order, n * n * (d + ELEMENTWISE) / 2):
        numbers = rows.Rows((rows.split(part + 1, block=1, dtype=np.int32),), rows.mesh())
        total, extremes = _all_pairs(numbers, tiles, n_clusters, silhouette, dunn)
        sums += np.asarray(total).reshape(sums.shape)
        part = part[part >= 0]
        nearest[part], farthest[part] = (np.asarray(rows.join(found, len(part))) for found in extremes)
    ends = np.cumsum(n_clusters)[:-1]
    each = np.split(sums[: len(X)], ends, axis=1) if silhouette else [sums[: len(X)]] * len(labelings)
    nearest, farthest = nearest.reshape(n, -1)[: len(X)], farthest.reshape(n, -1)[: len(X)]
    return [PairScores(each[i], nearest[:, i], farthest[:, i]) for i in range(len(labelings))]


def sample_sums(
    X: Float[AnyArray, "n d"], labeling: Labeling, sample: Int[np.ndarray, " m"]
) -> Float[np.ndarray, "m k"]:
    """The sums of the distances of a sample of the points, by their indices, to the points of each cluster.

    Cost O(m n d) time; memory O(n (d + k)) and a tile. Raises what `pair_scores` raises.
    """
    offset = finite_mean(X)
    tiles = _tiles(X, [labeling], offset)
    found = []
    for part in _stretches(sample, len(sample) * len(X) * (X.shape[1] + ELEMENTWISE)):
        part = part[part >= 0]
        block = min(TILE, rows.block_size(len(part), X.shape[1]))
        arrays = (rows.split(X[part], block=block, offset=offset), rows.split(part, block=block, dtype=np.int32))
        sums = _rows_with_all(rows.Rows(arrays, rows.mesh()), tiles, labeling.n_clusters)
        found.append(np.asarray(rows.join(sums, len(part))))
    return np.concatenate(found)


def _tiles(X: AnyArray, labelings: list[Labeling], offset: Any) -> _Tiles:
    """X less the offset, and its labels, in few tiles, as many for each device, with little filling."""
    n_devices = rows.mesh().size
    n_tiles = math.ceil(len(X) / (TILE * n_devices)) * n_devices
    tile = math.ceil(len(X) / n_tiles / 8) * 8
    x = rows.split(X, block=tile, offset=offset)
    codes = np.full((x.shape[0] * tile, len(labelings)), -1, np.int32)
    codes[: len(X)] = np.stack([labeling.codes for labeling in labelings], axis=1)
    return jax.device_put(_Tiles(x, codes.reshape(-1, tile, len(labelings))), rows.whole())


def _balanced(n_tiles: int) -> np.ndarray:
    """The tiles in such an order that any two neighbours together have as many meetings as any others.

    Of an even number T the first half meet one tile more than the others: those that are T / 2 further.
    """
    if n_tiles % 2:
        return np.arange(n_tiles)
    return np.arange(n_tiles).reshape(2, -1).T.ravel()


def _stretches(items: np.ndarray, multiplications: float) -> np.ndarray:
    """The items divided into compiled calls that are short enough to interrupt, [calls items], -1 in the filling."""
    n_devices = rows.mesh().size
    share = len(items) * STRETCH / multiplications
    per_call = min(max(1, round(share / n_devices)) * n_devices, math.ceil(len(items) / n_devices) * n_devices)
    filling = -len(items) % per_call
    return np.pad(items, (0, filling), constant_values=-1).reshape(-1, per_call)


@partial(jax.jit, static_argnames=("n_clusters", "silhouette", "dunn"))
def _all_pairs(
    numbers: rows.Rows, tiles: _Tiles, n_clusters: tuple[int, ...], silhouette: bool, dunn: bool
) -> tuple[Array, tuple[Array, Array]]:
    """The tiles of these numbers (+ 1; 0 is filling) meet those that follow them.

    Returns:
        sums [T tile sum(k)], with zeros where nothing was met; nearest_other and farthest_own
        [n_blocks 1 tile labelings].
    """
    n_tiles, b, _ = tiles.x.shape
    sum_k, n_labelings, dtype = sum(n_clusters) if silhouette else 0, tiles.codes.shape[2], tiles.x.dtype

    def block(number: Array, tiles: _Tiles) -> tuple[Array, tuple[Array, Array]]:
        i = number[0] - 1
        x, codes = tiles.x[i], tiles.codes[i]

        def meet(state: tuple[Array, ...], step: Array) -> tuple[tuple[Array, ...], Array]:
            sums, nearest, farthest = state
            j = (i + step) % n_tiles
            y, y_codes = tiles.x[j], tiles.codes[j]
            squared = _squared_distances(y, x, (step == 0) & jnp.eye(b, dtype=bool))
            theirs = jnp.zeros((sum_k, b), dtype)
            if silhouette:
                distances = jnp.sqrt(squared)
                sums = sums + _cluster_sums(y_codes, distances, n_clusters, axis=0)
                theirs = _cluster_sums(codes, distances, n_clusters, axis=1)
            if dunn:
                nearest, farthest = _extremes(squared, y_codes, codes, nearest, farthest)
            return (sums, nearest, farthest), theirs

        def step(state: tuple[Array, ...], step: Array) -> tuple[tuple[Array, ...], Array]:
            # Half way round the circle tiles would meet twice, once from either side.
            is_new = (i >= 0) & ((2 * step < n_tiles) | (i < n_tiles // 2))
            return jax.lax.cond(is_new, meet, lambda state, _: (state, jnp.zeros((sum_k, b), dtype)), state, step)

        start = (
            jnp.zeros((sum_k, b), dtype),
            jnp.full((n_labelings, b), jnp.inf, dtype),
            jnp.zeros((n_labelings, b), dtype),
        )
        (sums, nearest, farthest), theirs = jax.lax.scan(step, start, jnp.arange(n_tiles // 2 + 1))
        theirs = jnp.pad(theirs.at[0].set(sums), ((0, n_tiles - len(theirs)), (0, 0), (0, 0)))
        return jnp.roll(theirs, i, axis=0), (nearest.T[None], farthest.T[None])

    total, extremes = rows.map_sum(block, numbers, tiles)
    return total.transpose(0, 2, 1), extremes


@partial(jax.jit, static_argnames="n_clusters")
def _rows_with_all(data: rows.Rows, tiles: _Tiles, n_clusters: int) -> Array:
    """The sums [n_blocks block k] of rows x [n_blocks block d], of which the index is known, against all tiles."""

    def block(x: Array, index: Array, tiles: _Tiles) -> tuple[None, Array]:
        def meet(sums: Array, tile: tuple[Array, Array, Array]) -> tuple[Array, None]:
            first, y, codes = tile
            same = (first + jnp.arange(len(y)))[:, None] == index[None, :]
            return sums + _cluster_sums(codes, jnp.sqrt(_squared_distances(y, x, same)), (n_clusters,), axis=0), None

        n_tiles, b, _ = tiles.x.shape
        sums = jnp.zeros((n_clusters, len(x)), x.dtype)
        return None, jax.lax.scan(meet, sums, (jnp.arange(n_tiles) * b, tiles.x, tiles.codes))[0].T

    return rows.map_sum(block, data, tiles)[1]


def _squared_distances(y: Float[Array, "a d"], x: Float[Array, "b d"], same: Bool[Array, "a b"]) -> Float[Array, "a b"]:
    """|y - x|^2, 0 where both are the `same` point; by the definition if any two points are very near."""
    norms = squared_norms(y)[:, None] + squared_norms(x)[None, :]
    squared = jnp.where(same, 0, jnp.maximum(norms - 2 * product(y, x), 0))
    near = ((squared < NEAR * norms) & ~same).any()

    def by_definition() -> Array:
        return jnp.where(same, 0, ((y[:, None, :] - x[None, :, :]) ** 2).sum(axis=2))

    return jax.lax.cond(near, by_definition, lambda: squared)


def _cluster_sums(
    codes: Int[Array, "m labelings"], distances: Float[Array, "a b"], n_clusters: tuple[int, ...], *, axis: int
) -> Float[Array, "sum_k other"]:
    """The sums of distances over the points of each cluster, of all labelings one below the other; noise is in none.

    Args:
        codes: of the points along `axis`.
        distances: [columns rows].
        n_clusters: k of each labeling.
        axis: the one that is summed.
    """
    one_hot = [jax.nn.one_hot(codes[:, i], k, dtype=distances.dtype) for i, k in enumerate(n_clusters)]
    return jax.lax.dot_general(
        jnp.concatenate(one_hot, axis=1), distances, (((0,), (axis,)), ((), ())), precision=PRECISION
    )


def _extremes(
    squared: Float[Array, "a b"],
    y_codes: Int[Array, "a labelings"],
    codes: Int[Array, "b labelings"],
    nearest: Float[Array, "labelings b"],
    farthest: Float[Array, "labelings b"],
) -> tuple[Float[Array, "labelings b"], Float[Array, "labelings b"]]:
    """`nearest` and `farthest` of the rows after one more meeting [columns rows]."""
    nearest_here, farthest_here = [], []
    for i in range(codes.shape[1]):
        own = y_codes[:, i, None] == codes[None, :, i]
        noise = (y_codes[:, i] < 0)[:, None]
        nearest_here.append(jnp.where(own | noise, jnp.inf, squared).min(axis=0))
        farthest_here.append(jnp.where(own & ~noise, squared, 0).max(axis=0))
    return jnp.minimum(nearest, jnp.stack(nearest_here)), jnp.maximum(farthest, jnp.stack(farthest_here))
