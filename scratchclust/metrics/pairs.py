"""One pass over all distances, from which silhouette and Dunn's index of several labelings follow.

The points are cut into T tiles. Tile i, as rows, meets the tiles i, i + 1, ..., i + T / 2 (counted
round in a circle), as columns, so that every two tiles meet once and every device has as much to
do. From each meeting [columns rows] of distances are taken, for all labelings at once,

    silhouette: the sums of the distances of each row to each cluster, and of each column
    Dunn: the smallest squared distance of each row to another cluster, and the largest to its own

the sums as products with the one-hot labels. Where the clusters are many, these products would cost
more than the distances: then each distance is computed twice, once for either point, and added to
the sum of its cluster.

Nothing of size n x n is ever held. What a meeting computes stands in `tiles.py`.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from scratchclust import rows
from scratchclust.metrics.inputs import has_far_clusters
from scratchclust.metrics.labels import Labeling, cluster_sizes
from scratchclust.metrics.tiles import (
    Tiles,
    add_to_clusters,
    are_many,
    cluster_sums,
    extremes,
    rows_in_block,
    squared_distances,
    tiles_of,
)
from scratchclust.rows import AnyArray

LEAST_ROWS = 64  # of a sample in one compiled call on one device: fewer make poor matrix products
ELEMENTWISE = 64.0  # what else a distance costs (its root, its comparisons), in multiplications


class PairScores(NamedTuple):
    """What one labeling needs of the distances of n points."""

    # [n k] sum of the distances to the points of each cluster; [n 0] unless asked for, or for many
    sums: np.ndarray
    # over the pairs in which the point was a row:
    nearest_other: np.ndarray  # [n] smallest squared distance to another cluster, inf without one
    farthest_own: np.ndarray  # [n] largest squared distance within its own


def pair_scores(
    X: Real[AnyArray, "n d"],
    labelings: list[Labeling],
    *,
    silhouette: bool = True,
    dunn: bool = True,
) -> list[PairScores]:
    """The pass over all distances.

    Args:
        X: points.
        labelings: clusterings of X, served together.
        silhouette: whether to fill `sums` where the clusters are not many.
        dunn: whether to fill `nearest_other` and `farthest_own`; each pair is seen from one of its
            points at least.

    Returns:
        One result for each labeling. Cost O(n^2 d) time; memory O(n (d + sum of k)) and a tile.
    """
    summed = [
        labeling if silhouette and not are_many(labeling.n_clusters, X.shape[1]) else None
        for labeling in labelings
    ]
    n_clusters = tuple(labeling.n_clusters if labeling else 0 for labeling in summed)
    with_rest = any(has_far_clusters(X, labeling) for labeling in summed if labeling)
    tiles = tiles_of(X, labelings, with_rest)
    n_tiles, tile, d = tiles.x.shape
    sums = np.zeros((n_tiles, tile, sum(n_clusters)))  # on the host, where it may be empty
    nearest = np.zeros((n_tiles, tile, len(labelings)))
    farthest = np.zeros_like(nearest)
    order = _balanced_order(n_tiles)
    calls = rows.calls(n_tiles, n_tiles * tile**2 * (d + ELEMENTWISE) / 2, block=1)
    for call in calls:
        numbers = np.zeros(calls[0].stop, np.int32)  # the last call filled up: one program for all
        numbers[: len(order[call])] = order[call] + 1
        data = rows.Rows((rows.split(numbers, block=1, dtype=np.int32),), rows.mesh())
        total, (nearest_found, farthest_found) = _all_pairs(data, tiles, n_clusters, dunn)
        sums += 0 if total is None else np.asarray(total)
        nearest[order[call]] = np.asarray(rows.join(nearest_found, len(order[call])))
        farthest[order[call]] = np.asarray(rows.join(farthest_found, len(order[call])))
    sums, nearest, farthest = (
        a.reshape(n_tiles * tile, -1)[: len(X)] for a in (sums, nearest, farthest)
    )
    of_each = zip(
        np.split(sums, np.cumsum(n_clusters)[:-1], axis=1), nearest.T, farthest.T, strict=True
    )
    return [PairScores(*arrays) for arrays in of_each]


def own_and_nearest(
    X: Real[AnyArray, "n d"], labeling: Labeling, sample: Int[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """What the silhouette needs of a sample of the points, each compared with all.

    Args:
        X: points.
        labeling: their clusters.
        sample: the indices of points that are in clusters.

    Returns:
        The sum of the distances of each to the points of its own cluster, and the least mean
        distance to those of another. Cost O(m n d) time, for any k; memory O(n d) and k sums for
        each row of a tile.
    """
    tiles = tiles_of(X, [labeling], has_far_clusters(X, labeling))
    sizes = cluster_sizes(labeling).astype(tiles.x.dtype)
    own = []
    nearest = []
    for call in rows.calls(len(sample), len(X) * (X.shape[1] + ELEMENTWISE), LEAST_ROWS):
        part = sample[call]
        block = rows_in_block(len(part), X.shape[1])
        index = rows.Rows((rows.split(part, block=block, dtype=np.int32),), rows.mesh())
        own_found, nearest_found = _rows_with_all(index, tiles, sizes)
        own.append(np.asarray(rows.join(own_found, len(part))))
        nearest.append(np.asarray(rows.join(nearest_found, len(part))))
    return np.concatenate(own), np.concatenate(nearest)


def _balanced_order(n_tiles: int) -> np.ndarray:
    """The tiles in an order in which any two neighbours together have as many meetings as others.

    Of an even number T the first half meet one tile more than the others: those that are T / 2
    further.
    """
    if n_tiles % 2:
        return np.arange(n_tiles)
    return np.arange(n_tiles).reshape(2, -1).T.ravel()


class _Found(NamedTuple):
    """What the rows of a tile have found so far."""

    # [sum(k) tile]; None where nobody asks: an array without elements would end jaxlib 0.11.2
    sums: Array | None
    nearest_other: Array  # [labelings tile]
    farthest_own: Array  # [labelings tile]


@partial(jax.jit, static_argnames=("n_clusters", "dunn"))
def _all_pairs(
    numbers: rows.Rows, tiles: Tiles, n_clusters: tuple[int, ...], dunn: bool
) -> tuple[Array | None, tuple[Array, Array]]:
    """The tiles of these numbers (+ 1; 0 is filling) meet those that follow them.

    Returns:
        sums [T tile sum(k)], also of the tiles that were met, or None for no k; nearest_other and
        farthest_own [n_blocks 1 tile labelings].
    """
    n_tiles, tile, n_labelings = tiles.codes.shape
    dtype = tiles.x.dtype
    none = jnp.zeros((sum(n_clusters), tile), dtype) if sum(n_clusters) else None
    nothing = _Found(
        none, jnp.full((n_labelings, tile), jnp.inf, dtype), jnp.zeros((n_labelings, tile), dtype)
    )

    def block(number: Array, tiles: Tiles) -> tuple[Array | None, tuple[Array, Array]]:
        i = number[0] - 1

        def step(found: _Found, distance: Array) -> tuple[_Found, Array | None]:
            # Half way round the circle two tiles would meet twice, once from either side.
            is_new = (i >= 0) & ((2 * distance < n_tiles) | (i < n_tiles // 2))
            meet = partial(_meet, tiles, i, n_clusters=n_clusters, dunn=dunn)
            return jax.lax.cond(
                is_new, meet, lambda distance, found: (found, none), distance, found
            )

        found, theirs = jax.lax.scan(step, nothing, jnp.arange(n_tiles // 2 + 1))
        of_rows = found.nearest_other.T[None], found.farthest_own.T[None]
        if theirs is None:
            return None, of_rows
        # theirs is of tile i + distance; itself the tile has met as rows already
        theirs = theirs.at[0].set(found.sums)
        theirs = jnp.pad(theirs, ((0, n_tiles - len(theirs)), (0, 0), (0, 0)))
        return jnp.roll(theirs, i, axis=0), of_rows

    total, of_rows = rows.map_sum(block, numbers, tiles)
    return None if total is None else total.transpose(0, 2, 1), of_rows


def _meet(
    tiles: Tiles,
    i: Array,
    distance: Array,
    found: _Found,
    *,
    n_clusters: tuple[int, ...],
    dunn: bool,
) -> tuple[_Found, Array | None]:
    """Tile i, as rows, after the one at this distance; and the latter's sums [sum(k) tile]."""
    j = (i + distance) % len(tiles.x)
    codes = tiles.codes[i]
    y_codes = tiles.codes[j]
    itself = (distance == 0) & jnp.eye(len(codes), dtype=bool)
    squared = squared_distances(tiles.points(j), tiles.points(i), itself)
    sums = found.sums
    theirs = None
    if sums is not None:
        distances = jnp.sqrt(squared)
        sums = sums + cluster_sums(y_codes, distances, n_clusters, axis=0)
        theirs = cluster_sums(codes, distances, n_clusters, axis=1)
    nearest = found.nearest_other
    farthest = found.farthest_own
    if dunn:
        nearest_here, farthest_here = extremes(squared, y_codes, codes)
        nearest = jnp.minimum(nearest, nearest_here)
        farthest = jnp.maximum(farthest, farthest_here)
    return _Found(sums, nearest, farthest), theirs


@jax.jit
def _rows_with_all(index: rows.Rows, tiles: Tiles, sizes: Array) -> tuple[Array, Array]:
    """The sum of the distances of these rows, which meet all tiles, to their own cluster, and the
    least mean distance to another.

    A number that fills up is that of row 0.
    """

    def block(index: Array, tiles: Tiles, sizes: Array) -> tuple[None, tuple[Array, Array]]:
        n_tiles, b, d = tiles.x.shape
        x = tiles.x.reshape(-1, d)[index]
        rest = None if tiles.rest is None else tiles.rest.reshape(-1, d)[index]

        def meet(sums: Array, i: Array) -> tuple[Array, None]:
            same = (i * b + jnp.arange(b))[:, None] == index[None, :]
            distances = jnp.sqrt(squared_distances(tiles.points(i), (x, rest), same))
            return add_to_clusters(sums, tiles.codes[i, :, 0], distances), None

        sums = jax.lax.scan(
            meet, jnp.zeros((len(sizes), len(index)), x.dtype), jnp.arange(n_tiles)
        )[0]
        own = tiles.codes.reshape(-1)[index]
        others = jnp.where(
            jnp.arange(len(sizes))[:, None] == own[None], jnp.inf, sums / sizes[:, None]
        )
        return None, (sums[own, jnp.arange(len(index))], others.min(axis=0))

    return rows.map_sum(block, index, tiles, sizes)[1]
