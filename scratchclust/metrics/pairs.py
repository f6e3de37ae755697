"""One pass over the distances between all points, from which silhouette and Dunn's index of several
labelings follow.

The points are cut into T tiles. Tile i, as rows, meets the tiles i, i + 1, ..., i + T / 2 (counted
round in a circle), as columns, so that every two tiles meet once and every device has as much to
do. From each meeting [columns rows] of distances are taken, for all labelings at once,

    the sums of the distances of each row to each cluster, and of each column to each cluster       -> silhouette
    the smallest squared distance of each row to another cluster, and the largest to its own        -> Dunn

the sums as products with the one-hot labels. Where the clusters are many, these products would cost
more than the distances: then each distance is computed twice, once for either point, and added to
the sum of its cluster.

Nothing of size n x n is ever held. Where clusters are far from the centre of all points and small
(`has_far_clusters`), a point is held as the sum of two numbers of the device's precision, and
differences are taken of both.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.distances import NEAR, PRECISION, centre_of, product, squared_norms
from scratchclust.metrics.inputs import AnyArray, Labeling, cluster_sizes, has_far_clusters

TILE = 512  # rows and columns of a meeting at most: 1 MB of distances, which stay in a core's cache
STRETCH = 2e10  # multiplications in one compiled call, a fraction of a second on one core
LEAST_ROWS = 64  # of a sample in one compiled call on one device: fewer make poor matrix products
# clusters that make, beside half the features, one-hot products dearer than a second look at each
# distance
MANY = 64
# clusters up to which a tile's distances are summed apart, so that rounding does not pile up
FEW_SUMS = 512
ELEMENTWISE = 64.0  # what else a distance costs (its root, its comparisons), in multiplications


class PairScores(NamedTuple):
    """What one labeling needs of the distances of n points."""

    # [n k] sum of the distances to the points of each cluster; [n 0] unless asked for, or for many
    sums: np.ndarray
    nearest_other: (
        np.ndarray
    )  # [n] smallest squared distance to a point of another cluster (inf without one), and
    farthest_own: (
        np.ndarray
    )  # [n] largest to one of the same, over the pairs in which the point was a row


class _Tiles(NamedTuple):
    """All points, whole on every device."""

    x: Array  # [T tile d]
    rest: (
        Array | None
    )  # [T tile d], what rounding took from x; None where that is too little to be seen
    codes: Array  # [T tile labelings], -1 for noise and in the filling

    def points(self, i: Any) -> tuple[Array, Array | None]:
        """Tile i, and the rest of it."""
        return self.x[i], None if self.rest is None else self.rest[i]


def are_many(n_clusters: int, n_features: int) -> bool:
    """Whether the sums of the distances to each cluster are not worth their products (and their
    memory).
    """
    return n_clusters > MANY + n_features / 2


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
    tiles = _tiles(
        X, labelings, any(has_far_clusters(X, labeling) for labeling in summed if labeling)
    )
    n_tiles, tile, d = tiles.x.shape
    sums = np.zeros((n_tiles, tile, sum(n_clusters)))  # on the host, where it may be empty
    nearest, farthest = np.zeros((2, n_tiles, tile, len(labelings)))
    for part in _stretches(_balanced(n_tiles), n_tiles * tile**2 * (d + ELEMENTWISE) / 2, 1):
        numbers = rows.Rows((rows.split(part + 1, block=1, dtype=np.int32),), rows.mesh())
        total, extremes = _all_pairs(numbers, tiles, n_clusters, dunn)
        sums += 0 if total is None else np.asarray(total)
        part = part[part >= 0]
        nearest[part], farthest[part] = (
            np.asarray(rows.join(found, len(part))) for found in extremes
        )
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
    tiles = _tiles(X, [labeling], has_far_clusters(X, labeling))
    sizes, found = cluster_sizes(labeling).astype(tiles.x.dtype), []
    for part in _stretches(sample, len(X) * (X.shape[1] + ELEMENTWISE), LEAST_ROWS):
        part = part[part >= 0]
        block = min(TILE, rows.block_size(len(part), X.shape[1]))
        index = rows.Rows((rows.split(part, block=block, dtype=np.int32),), rows.mesh())
        found.append(
            [np.asarray(rows.join(each, len(part))) for each in _rows_with_all(index, tiles, sizes)]
        )
    own, nearest = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return own, nearest


def _tiles(X: AnyArray, labelings: list[Labeling], with_rest: bool) -> _Tiles:
    """X less its centre, and its labels, in few tiles, as many for each device, with little
    filling.
    """
    n_devices = rows.mesh().size
    n_tiles = math.ceil(len(X) / (TILE * n_devices)) * n_devices
    tile = math.ceil(len(X) / n_tiles / 8) * 8
    centre, mesh, rest = centre_of(X), rows.mesh(), None
    x = rows.split(X, block=tile, offset=centre)
    if with_rest:
        offset = np.asarray(centre).astype(rows.offset_type(X))
        lost = np.asarray(X, np.float64) - offset - np.asarray(rows.join(x, len(X)))
        rest = rows.on_every_device(rows.split(lost, block=tile, dtype=x.dtype), mesh)
    codes = np.full((x.shape[0] * tile, len(labelings)), -1, np.int32)
    codes[: len(X)] = np.stack([labeling.codes for labeling in labelings], axis=1)
    codes = rows.on_every_device(codes.reshape(-1, tile, len(labelings)), mesh)
    return _Tiles(rows.on_every_device(x, mesh), rest, codes)


def _balanced(n_tiles: int) -> np.ndarray:
    """The tiles in such an order that any two neighbours together have as many meetings as any
    others.

    Of an even number T the first half meet one tile more than the others: those that are T / 2
    further.
    """
    if n_tiles % 2:
        return np.arange(n_tiles)
    return np.arange(n_tiles).reshape(2, -1).T.ravel()


def _stretches(
    items: Int[np.ndarray, " m"], multiplications: float, least: int
) -> Int[np.ndarray, "calls items"]:
    """The items divided into compiled calls that are short enough to interrupt, with -1 in the
    filling.

    Args:
        items: numbers of rows or tiles.
        multiplications: that one item needs.
        least: items in a call for each device.
    """
    least *= rows.mesh().size
    per_call = (
        min(max(1, round(STRETCH / multiplications / least)), math.ceil(len(items) / least)) * least
    )
    return np.pad(items, (0, -len(items) % per_call), constant_values=-1).reshape(-1, per_call)


class _Found(NamedTuple):
    """What the rows of a tile have found so far."""

    sums: (
        Array | None
    )  # [sum(k) tile]; None where nobody asks: an array without elements would end jaxlib 0.11.2
    nearest_other: Array  # [labelings tile]
    farthest_own: Array  # [labelings tile]


@partial(jax.jit, static_argnames=("n_clusters", "dunn"))
def _all_pairs(
    numbers: rows.Rows, tiles: _Tiles, n_clusters: tuple[int, ...], dunn: bool
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

    def block(number: Array, tiles: _Tiles) -> tuple[Array | None, tuple[Array, Array]]:
        i = number[0] - 1

        def step(found: _Found, distance: Array) -> tuple[_Found, Array | None]:
            # Half way round the circle two tiles would meet twice, once from either side.
            is_new = (i >= 0) & ((2 * distance < n_tiles) | (i < n_tiles // 2))
            meet = partial(_meet, tiles, i, n_clusters=n_clusters, dunn=dunn)
            return jax.lax.cond(
                is_new, meet, lambda distance, found: (found, none), distance, found
            )

        found, theirs = jax.lax.scan(step, nothing, jnp.arange(n_tiles // 2 + 1))
        extremes = found.nearest_other.T[None], found.farthest_own.T[None]
        if theirs is None:
            return None, extremes
        theirs = theirs.at[0].set(
            found.sums
        )  # of tile i + distance; itself it has met as rows already
        theirs = jnp.pad(theirs, ((0, n_tiles - len(theirs)), (0, 0), (0, 0)))
        return jnp.roll(theirs, i, axis=0), extremes

    total, extremes = rows.map_sum(block, numbers, tiles)
    return None if total is None else total.transpose(0, 2, 1), extremes


def _meet(
    tiles: _Tiles,
    i: Array,
    distance: Array,
    found: _Found,
    *,
    n_clusters: tuple[int, ...],
    dunn: bool,
) -> tuple[_Found, Array | None]:
    """Tile i, as rows, after the one at this distance; and the sums [sum(k) tile] of the latter's
    points.
    """
    j = (i + distance) % len(tiles.x)
    codes, y_codes = tiles.codes[i], tiles.codes[j]
    itself = (distance == 0) & jnp.eye(len(codes), dtype=bool)
    squared = _squared_distances(tiles.points(j), tiles.points(i), itself)
    sums, theirs = found.sums, None
    if sums is not None:
        distances = jnp.sqrt(squared)
        sums = sums + _cluster_sums(y_codes, distances, n_clusters, axis=0)
        theirs = _cluster_sums(codes, distances, n_clusters, axis=1)
    nearest, farthest = found.nearest_other, found.farthest_own
    if dunn:
        nearest_here, farthest_here = _extremes(squared, y_codes, codes)
        nearest, farthest = jnp.minimum(nearest, nearest_here), jnp.maximum(farthest, farthest_here)
    return _Found(sums, nearest, farthest), theirs


@jax.jit
def _rows_with_all(index: rows.Rows, tiles: _Tiles, sizes: Array) -> tuple[Array, Array]:
    """The rows of these numbers meet all tiles: the sum of their distances to their own cluster,
    and the least mean.

    A number that fills up is that of row 0.
    """

    def block(index: Array, tiles: _Tiles, sizes: Array) -> tuple[None, tuple[Array, Array]]:
        n_tiles, b, d = tiles.x.shape
        x, rest = (
            tiles.x.reshape(-1, d)[index],
            None if tiles.rest is None else tiles.rest.reshape(-1, d)[index],
        )

        def meet(sums: Array, i: Array) -> tuple[Array, None]:
            same = (i * b + jnp.arange(b))[:, None] == index[None, :]
            distances = jnp.sqrt(_squared_distances(tiles.points(i), (x, rest), same))
            return _added(sums, tiles.codes[i, :, 0], distances), None

        sums = jax.lax.scan(
            meet, jnp.zeros((len(sizes), len(index)), x.dtype), jnp.arange(n_tiles)
        )[0]
        own = tiles.codes.reshape(-1)[index]
        others = jnp.where(
            jnp.arange(len(sizes))[:, None] == own[None], jnp.inf, sums / sizes[:, None]
        )
        return None, (sums[own, jnp.arange(len(index))], others.min(axis=0))

    return rows.map_sum(block, index, tiles, sizes)[1]


def _added(
    sums: Float[Array, "k b"], codes: Int[Array, " a"], distances: Float[Array, "a b"]
) -> Float[Array, "k b"]:
    """The sums and these distances, each in the row of its cluster; noise is in none."""
    if len(sums) <= MANY:
        return sums + _cluster_sums(codes[:, None], distances, (len(sums),), axis=0)
    rows_of = jnp.where(codes >= 0, codes, len(sums))  # beyond the end: dropped
    if len(sums) <= FEW_SUMS:
        return sums + jnp.zeros_like(sums).at[rows_of].add(distances, mode="drop")
    return sums.at[rows_of].add(distances, mode="drop")


def _squared_distances(
    columns: tuple[Float[Array, "a d"], Float[Array, "a d"] | None],
    points: tuple[Float[Array, "b d"], Float[Array, "b d"] | None],
    same: Bool[Array, "a b"],
) -> Float[Array, "a b"]:
    """|y - x|^2, 0 where both are the `same` point; by the definition if any two points are very
    near.

    Points come with what rounding took from them, or None; only differences of near points can
    tell.
    """
    (y, y_rest), (x, x_rest) = columns, points
    norms = squared_norms(y)[:, None] + squared_norms(x)[None, :]
    squared = jnp.where(same, 0, jnp.maximum(norms - 2 * product(y, x), 0))
    near = ((squared < NEAR * norms) & ~same).any()

    def by_definition() -> Array:
        difference = y[:, None, :] - x[None, :, :]
        if y_rest is not None and x_rest is not None:
            difference = difference + (y_rest[:, None, :] - x_rest[None, :, :])
        return jnp.where(same, 0, (difference**2).sum(axis=2))

    return jax.lax.cond(near, by_definition, lambda: squared)


def _cluster_sums(
    codes: Int[Array, "m labelings"],
    distances: Float[Array, "a b"],
    n_clusters: tuple[int, ...],
    *,
    axis: int,
) -> Float[Array, "sum_k other"]:
    """The sums of distances over the points of each cluster, of all labelings one below the other;
    noise is in none.

    Args:
        codes: of the points along `axis`.
        distances: [columns rows].
        n_clusters: k of each labeling, 0 for one that needs no sums.
        axis: the one that is summed.
    """
    one_hot = [
        jax.nn.one_hot(codes[:, i], k, dtype=distances.dtype) for i, k in enumerate(n_clusters) if k
    ]
    return jax.lax.dot_general(
        jnp.concatenate(one_hot, axis=1),
        distances,
        (((0,), (axis,)), ((), ())),
        precision=PRECISION,
    )


def _extremes(
    squared: Float[Array, "a b"],
    y_codes: Int[Array, "a labelings"],
    codes: Int[Array, "b labelings"],
) -> tuple[Float[Array, "labelings b"], Float[Array, "labelings b"]]:
    """The smallest squared distance of each row to another cluster, and the largest to its own, of
    [columns rows].
    """
    nearest, farthest = [], []
    for i in range(codes.shape[1]):
        own = y_codes[:, i, None] == codes[None, :, i]
        noise = (y_codes[:, i] < 0)[:, None]
        nearest.append(jnp.where(own | noise, jnp.inf, squared).min(axis=0))
        farthest.append(jnp.where(own & ~noise, squared, 0).max(axis=0))
    return jnp.stack(nearest), jnp.stack(farthest)
