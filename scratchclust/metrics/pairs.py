"""One pass over the distances between all points, from which silhouette and Dunn's index of several labelings follow.

The points are cut into T tiles. Tile i, as rows, meets the tiles i, i + 1, ..., i + T / 2 (counted round in a circle),
as columns, so that every two tiles meet once and every device has as much to do. From each meeting [columns rows] of
distances are taken, for all labelings at once,

    the sums of the distances of each row to each cluster, and of each column to each cluster       -> silhouette
    the smallest squared distance of each row to another cluster, and the largest to its own        -> Dunn

the sums as products with the one-hot labels. Nothing of size n x n is ever held. Coordinates, relative to their centre,
should lie within 1e-15 and 1e18 or so: the squares of others leave the range of float32.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.distances import NEAR, PRECISION, product, squared_norms
from scratchclust.metrics.inputs import AnyArray, Labeling, finite_centre

TILE = 512  # rows and columns of a meeting at most: 1 MB of distances, which stay in a core's cache
STRETCH = 2e10  # multiplications in one compiled call, a fraction of a second on one core
LEAST_ROWS = 64  # of a sample in one compiled call on one device: fewer make poor matrix products
ELEMENTWISE = 64.0  # what else a distance costs (its root, its comparisons), in multiplications


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
    X: Real[AnyArray, "n d"], labelings: list[Labeling], *, silhouette: bool = True, dunn: bool = True
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
    n_clusters = tuple(labeling.n_clusters for labeling in labelings) if silhouette else ()
    tiles = _tiles(X, labelings, finite_centre(X))
    n_tiles, tile, d = tiles.x.shape
    sums = np.zeros((n_tiles, tile, sum(n_clusters)))  # on the host, where it may be empty
    nearest, farthest = np.zeros((2, n_tiles, tile, len(labelings)))
    for part in _stretches(_balanced(n_tiles), n_tiles * tile**2 * (d + ELEMENTWISE) / 2, 1):
        numbers = rows.Rows((rows.split(part + 1, block=1, dtype=np.int32),), rows.mesh())
        total, extremes = _all_pairs(numbers, tiles, n_clusters, dunn)
        sums += 0 if total is None else np.asarray(total)
        part = part[part >= 0]
        nearest[part], farthest[part] = (np.asarray(rows.join(found, len(part))) for found in extremes)
    sums, nearest, farthest = (a.reshape(n_tiles * tile, -1)[: len(X)] for a in (sums, nearest, farthest))
    ends = np.cumsum(n_clusters)[:-1] if silhouette else [0] * (len(labelings) - 1)
    of_each = zip(np.split(sums, ends, axis=1), nearest.T, farthest.T, strict=True)
    return [PairScores(*arrays) for arrays in of_each]


def sample_sums(
    X: Real[AnyArray, "n d"], labeling: Labeling, sample: Int[np.ndarray, " m"]
) -> Float[np.ndarray, "m k"]:
    """The sums of the distances of a sample of the points, by their indices, to the points of each cluster.

    Cost O(m n d) time; memory O(n (d + k)) and a tile. Raises what `pair_scores` raises.
    """
    offset = finite_centre(X)
    tiles = _tiles(X, [labeling], offset)
    found = []
    for part in _stretches(sample, len(X) * (X.shape[1] + ELEMENTWISE), LEAST_ROWS):
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
    mesh = rows.mesh()
    return _Tiles(rows.on_every_device(x, mesh), rows.on_every_device(codes.reshape(-1, tile, len(labelings)), mesh))


def _balanced(n_tiles: int) -> np.ndarray:
    """The tiles in such an order that any two neighbours together have as many meetings as any others.

    Of an even number T the first half meet one tile more than the others: those that are T / 2 further.
    """
    if n_tiles % 2:
        return np.arange(n_tiles)
    return np.arange(n_tiles).reshape(2, -1).T.ravel()


def _stretches(items: Int[np.ndarray, " m"], multiplications: float, least: int) -> Int[np.ndarray, "calls items"]:
    """The items divided into compiled calls that are short enough to interrupt, with -1 in the filling.

    Args:
        items: numbers of rows or tiles.
        multiplications: that one item needs.
        least: items in a call for each device.
    """
    least *= rows.mesh().size
    per_call = min(max(1, round(STRETCH / multiplications / least)), math.ceil(len(items) / least)) * least
    return np.pad(items, (0, -len(items) % per_call), constant_values=-1).reshape(-1, per_call)


class _Found(NamedTuple):
    """What the rows of a tile have found so far."""

    sums: Array | None  # [sum(k) tile]; None where nobody asks: an array without elements would end jaxlib 0.11.2
    nearest_other: Array  # [labelings tile]
    farthest_own: Array  # [labelings tile]


@partial(jax.jit, static_argnames=("n_clusters", "dunn"))
def _all_pairs(
    numbers: rows.Rows, tiles: _Tiles, n_clusters: tuple[int, ...], dunn: bool
) -> tuple[Array | None, tuple[Array, Array]]:
    """The tiles of these numbers (+ 1; 0 is filling) meet those that follow them.

    Returns:
        sums [T tile sum(k)], also of the tiles that were met, or None for no k; nearest_other and farthest_own
        [n_blocks 1 tile labelings].
    """
    n_tiles, tile, n_labelings = tiles.codes.shape
    dtype = tiles.x.dtype
    none = jnp.zeros((sum(n_clusters), tile), dtype) if n_clusters else None
    nothing = _Found(none, jnp.full((n_labelings, tile), jnp.inf, dtype), jnp.zeros((n_labelings, tile), dtype))

    def block(number: Array, tiles: _Tiles) -> tuple[Array | None, tuple[Array, Array]]:
        i = number[0] - 1

        def step(found: _Found, distance: Array) -> tuple[_Found, Array | None]:
            # Half way round the circle two tiles would meet twice, once from either side.
            is_new = (i >= 0) & ((2 * distance < n_tiles) | (i < n_tiles // 2))
            meet = partial(_meet, tiles, i, n_clusters=n_clusters, dunn=dunn)
            return jax.lax.cond(is_new, meet, lambda distance, found: (found, none), distance, found)

        found, theirs = jax.lax.scan(step, nothing, jnp.arange(n_tiles // 2 + 1))
        extremes = found.nearest_other.T[None], found.farthest_own.T[None]
        if theirs is None:
            return None, extremes
        theirs = theirs.at[0].set(found.sums)  # of tile i + distance; itself it has met as rows already
        theirs = jnp.pad(theirs, ((0, n_tiles - len(theirs)), (0, 0), (0, 0)))
        return jnp.roll(theirs, i, axis=0), extremes

    total, extremes = rows.map_sum(block, numbers, tiles)
    return None if total is None else total.transpose(0, 2, 1), extremes


def _meet(
    tiles: _Tiles, i: Array, distance: Array, found: _Found, *, n_clusters: tuple[int, ...], dunn: bool
) -> tuple[_Found, Array | None]:
    """Tile i, as rows, after the one at this distance; and the sums [sum(k) tile] of the latter's points."""
    j = (i + distance) % len(tiles.x)
    (x, codes), (y, y_codes) = (tiles.x[i], tiles.codes[i]), (tiles.x[j], tiles.codes[j])
    squared = _squared_distances(y, x, (distance == 0) & jnp.eye(len(x), dtype=bool))
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
    squared: Float[Array, "a b"], y_codes: Int[Array, "a labelings"], codes: Int[Array, "b labelings"]
) -> tuple[Float[Array, "labelings b"], Float[Array, "labelings b"]]:
    """The smallest squared distance of each row to another cluster, and the largest to its own, of [columns rows]."""
    nearest, farthest = [], []
    for i in range(codes.shape[1]):
        own = y_codes[:, i, None] == codes[None, :, i]
        noise = (y_codes[:, i] < 0)[:, None]
        nearest.append(jnp.where(own | noise, jnp.inf, squared).min(axis=0))
        farthest.append(jnp.where(own & ~noise, squared, 0).max(axis=0))
    return jnp.stack(nearest), jnp.stack(farthest)
