"""One pass over all distances, from which silhouette and Dunn's index of several labelings follow.

The points are cut into T tiles, and every two tiles meet once: one as rows, the other as columns.
From each meeting [columns rows] of distances are taken, for all labelings at once,

    silhouette: the sums of the distances of each row to each cluster, and of each column
    Dunn: the smallest squared distance of each row to another cluster, and the largest to its own

the sums as products with the one-hot labels. Where the clusters are many, these products would cost
more than the distances: then each distance is computed twice, once for either point, and added to
the sum of its cluster.

Nothing of size n x n is ever held. What a meeting computes stands in `tiles.py`. The meetings are
shared out among the devices, each of which keeps what it found until all are over: nothing is
fetched in between.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from scratchclust import rows
from scratchclust.metrics.inputs import has_far_clusters
from scratchclust.metrics.labels import Labeling, cluster_sizes
from scratchclust.metrics.tiles import (
    Clusters,
    Extremes,
    Points,
    Tiles,
    add_to_clusters,
    are_many,
    cluster_sums,
    clusters_of,
    extremes,
    members,
    rows_in_block,
    squared_distances,
    take,
    tiles_of,
)
from scratchclust.rows import AnyArray

LEAST_ROWS = 64  # of a sample in one compiled call on one device: fewer make poor matrix products
ELEMENTWISE = 64.0  # what else a distance costs (its root, its comparisons), in multiplications


class PairScores(NamedTuple):
    """What one labeling needs of the distances of n points."""

    # [n k] sum of the distances to the points of each cluster; [n 0] unless asked for, or for many
    sums: np.ndarray
    # over the pairs in which the point was a row, of points in clusters; None unless asked for:
    nearest_other: Any  # [n] smallest squared distance to another cluster, inf without one
    farthest_own: Any  # [n] largest squared distance within its own
    tiles: Tiles  # the points, as the pass took them


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
    is_summed = [silhouette and not are_many(one.n_clusters, X.shape[1]) for one in labelings]
    summed = [labeling for labeling, asked in zip(labelings, is_summed, strict=True) if asked]
    tiles = tiles_of(X, labelings, any(has_far_clusters(X, labeling) for labeling in summed))
    n_clusters = np.array([labeling.n_clusters for labeling in labelings]) * is_summed
    clusters = clusters_of(n_clusters) if n_clusters.any() else None
    shapes = _Shapes(tiles.codes.shape, 0 if clusters is None else len(clusters.code), dunn)
    found = _nothing(_one_for_each_device(), shapes, tiles.x.dtype)
    for meetings in _meetings_in_calls(*tiles.x.shape):
        found = rows.finished(_all_pairs(meetings, found, tiles, clusters))
    sums, nearest, farthest = (
        np.zeros((len(X), 0)) if a is None else np.asarray(a).reshape(-1, a.shape[2])[: len(X)]
        for a in rows.finished(_joined(found))
    )
    of_each = np.split(sums, np.cumsum(n_clusters)[:-1], axis=1)
    if not dunn:
        return [PairScores(one, None, None, tiles) for one in of_each]
    return [
        PairScores(*arrays, tiles)
        for arrays in zip(
            of_each, nearest.T.astype(np.float64), farthest.T.astype(np.float64), strict=True
        )
    ]


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


def _meetings_in_calls(n_tiles: int, tile: int, n_features: int) -> Iterator[rows.Rows]:
    """Each two tiles i <= j, in compiled calls of the same size, a share [1 meetings 2] of them for
    each device.

    What fills them up is the tile of number T, which is none.
    """
    n_devices = rows.mesh().size
    first = np.arange(n_tiles, dtype=np.int64)
    begins = first * n_tiles - first * (first - 1) // 2  # of the meetings of tile i
    n = n_tiles * (n_tiles + 1) // 2
    n_calls = rows.ceil_div(n, rows.items_per_call(tile**2 * (n_features + ELEMENTWISE), 1))
    share = rows.ceil_div(n, n_calls * n_devices)
    for begin in range(0, n, share * n_devices):
        numbers = np.arange(begin, begin + share * n_devices)
        i = np.searchsorted(begins, numbers, side="right") - 1
        pairs = np.stack([i, i + numbers - begins[i]], axis=1)
        pairs[numbers >= n] = n_tiles
        yield rows.Rows((rows.split(pairs, block=share, dtype=np.int32),), rows.mesh())


def _one_for_each_device() -> rows.Rows:
    """As many blocks as devices, which say nothing else."""
    numbers = np.arange(rows.mesh().size)
    return rows.Rows((rows.split(numbers, block=1, dtype=np.int32),), rows.mesh())


class _Found(NamedTuple):
    """What the meetings of a device have found so far; None for what nobody asks."""

    sums: Array | None  # [T K tile]
    lost: Array | None  # [T K tile], what rounding took from the sums of the calls
    extremes: Extremes | None  # [T labelings tile]


class _Shapes(NamedTuple):
    """What is asked."""

    codes: tuple[int, ...]  # T, labelings, tile
    n_sums: int  # K
    dunn: bool


@partial(jax.jit, static_argnames=("shapes", "dtype"))
def _nothing(devices: rows.Rows, shapes: _Shapes, dtype: Any) -> _Found:
    """Nothing found, on each device."""

    def block(number: Array) -> tuple[None, _Found]:
        n_tiles, _, tile = shapes.codes
        none = jnp.zeros((n_tiles, shapes.n_sums, tile), dtype) if shapes.n_sums else None
        extremes = Extremes(jnp.full(shapes.codes, jnp.inf, dtype), jnp.zeros(shapes.codes, dtype))
        return None, _Found(none, none, extremes if shapes.dunn else None)

    return rows.map_sum(block, devices)[1]


@partial(jax.jit, donate_argnums=1)
def _all_pairs(
    meetings: rows.Rows, found: _Found, tiles: Tiles, clusters: Clusters | None
) -> _Found:
    """What was found, and what these meetings find.

    Within a call the sums are of few numbers; those of all calls carry what rounding takes from
    them (Kahan's summation).
    """
    arrays, structure = jax.tree.flatten(found)

    def block(meetings: Array, *given: Any) -> tuple[None, _Found]:
        *arrays, tiles, clusters = given
        before = structure.unflatten(arrays)
        begin = before._replace(sums=jax.tree.map(jnp.zeros_like, before.sums))
        norms = tiles.norms()

        def meet(found: _Found, pair: Array) -> tuple[_Found, None]:
            return _meet(found, pair, tiles, norms, clusters), None

        after = jax.lax.scan(meet, begin, meetings)[0]
        if before.sums is None or before.lost is None or after.sums is None:
            return None, after
        part = after.sums - before.lost
        sums = before.sums + part
        return None, after._replace(sums=sums, lost=(sums - before.sums) - part)

    return rows.map_sum(block, meetings.beside(*arrays), tiles, clusters)[1]


def _meet(
    found: _Found, pair: Array, tiles: Tiles, norms: Array, clusters: Clusters | None
) -> _Found:
    """Tile i, as rows, meets tile j. A tile that meets itself does so as rows alone."""
    i, j = pair
    n_tiles, tile, _ = tiles.x.shape
    codes = take(tiles.codes, i)
    y_codes = take(tiles.codes, j)
    itself = (i == j) & jnp.eye(tile, dtype=bool)
    squared = squared_distances(
        lambda: tiles.points(j, norms), lambda: tiles.points(i, norms), itself
    )
    sums = found.sums
    seen = found.extremes
    if sums is not None and clusters is not None:
        distances = jnp.sqrt(squared)
        ours = cluster_sums(members(y_codes, clusters), distances)
        theirs = cluster_sums(members(codes, clusters), distances, axis=1)
        sums = sums.at[i].add(ours, mode="drop")
        sums = sums.at[jnp.where(i == j, n_tiles, j)].add(theirs, mode="drop")
    if seen is not None:
        of_rows = Extremes(take(seen.nearest_other, i), take(seen.farthest_own, i))
        of_rows = extremes(of_rows, squared, y_codes, codes)
        seen = jax.tree.map(lambda all, one: all.at[i].set(one, mode="drop"), seen, of_rows)
    return _Found(sums, found.lost, seen)


@jax.jit
def _joined(found: _Found) -> tuple[Array | None, Array | None, Array | None]:
    """What all devices have found, of each point: [T tile K] sums, [T tile labelings] extremes."""
    sums = nearest = farthest = None
    if found.sums is not None and found.lost is not None:
        sums = (found.sums - found.lost).sum(axis=0).swapaxes(1, 2)
    if found.extremes is not None:
        nearest = found.extremes.nearest_other.min(axis=0).swapaxes(1, 2)
        farthest = found.extremes.farthest_own.max(axis=0).swapaxes(1, 2)
    return sums, nearest, farthest


@jax.jit
def _rows_with_all(index: rows.Rows, tiles: Tiles, sizes: Array) -> tuple[Array, Array]:
    """The sum of the distances of these rows, which meet all tiles, to their own cluster, and the
    least mean distance to another.

    A number that fills up is that of row 0.
    """

    def block(index: Array, tiles: Tiles, sizes: Array) -> tuple[None, tuple[Array, Array]]:
        n_tiles, b, d = tiles.x.shape
        norms = tiles.norms()
        x = tiles.x.reshape(-1, d)[index]
        rest = None if tiles.rest is None else tiles.rest.reshape(-1, d)[index]
        ours = Points(x, norms.reshape(-1)[index], rest)

        def meet(sums: Array, i: Array) -> tuple[Array, None]:
            same = (i * b + jnp.arange(b))[:, None] == index[None, :]
            squared = squared_distances(lambda: tiles.points(i, norms), lambda: ours, same)
            return add_to_clusters(sums, tiles.codes[i, 0], jnp.sqrt(squared)), None

        sums = jax.lax.scan(
            meet, jnp.zeros((len(sizes), len(index)), x.dtype), jnp.arange(n_tiles)
        )[0]
        own = tiles.codes.reshape(-1)[index]
        others = jnp.where(
            jnp.arange(len(sizes))[:, None] == own[None], jnp.inf, sums / sizes[:, None]
        )
        return None, (sums[own, jnp.arange(len(index))], others.min(axis=0))

    return rows.map_sum(block, index, tiles, sizes)[1]
