"""The compiled passes of DBSCAN over all pairs of points; `blocks.py` asks for them.

What they find is defined in `scratchclust/reference/dbscan.py`. Rows meet all points a tile at a
time, so no pass needs more memory than the points and one block.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.cluster.dbscan_parts.components import NO_CLUSTER
from scratchclust.distances import centre_of, check_range, error_bound, product
from scratchclust.rows import AnyArray

# The tiles of some of the points alone are a multiple of this part of all, so that few shapes are
# compiled.
SIZES_OF_SOME = 8
SAMPLES_PER_POINT = 8  # neighbours that the first pass keeps


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TiledPoints:
    """All points, centred, whole on every device.

    With g above any relative rounding error, i and j are neighbours for sure where x_i . y_j >=
    sure_i + sure_j, and may be where x_i . y_j >= possible_i + possible_j: that is |x_i|^2 - 2 x_i
    . y_j + |y_j|^2 <= eps^2 with g (|x_i|^2 + |y_j|^2) more or less.
    """

    # JAX arrays, and what JAX puts in their place where a program is only lowered
    x: Any  # [T tile d]
    sure: Any  # [T tile], (1 + g) |x|^2 / 2 - eps^2 / 4; infinite in the filling
    possible: Any  # [T tile], (1 - g) |x|^2 / 2 - eps^2 / 4, likewise


class Search(NamedTuple):
    """What every pass needs: the points that ask, and those among which they look."""

    X: AnyArray  # [n d], as it came
    eps: float
    points: TiledPoints  # the same points
    offset: Any  # [d], what centred them


def in_tiles(X: AnyArray, eps: float) -> Search:
    """The points in tiles; an InputError if X cannot be computed with."""
    tile = min(rows.limits().tile, 1 << max(len(X) - 1, SAMPLES_PER_POINT - 1).bit_length())
    n_tiles = rows.ceil_div(len(X), tile)  # none of nothing but filling
    offset = centre_of(X)
    x = rows.split(X, block=tile, offset=offset)[:n_tiles]
    norms = (x * x).sum(axis=2)
    largest = float(norms.max())
    check_range(X, largest)
    # No square of a distance is above 4 of the largest norm, so that a larger eps need not leave
    # the range of float32.
    quarter = min(eps * eps, 8 * largest) / 4
    # gamma (|x| + |y|)^2 <= 2 gamma (|x|^2 + |y|^2); twelve more roundings than those of a product
    g = 2 * error_bound(0.5, X.shape[1] + 12, x.dtype)
    rounding = 8 * float(jnp.finfo(x.dtype).eps)
    sure = (1 + g) * norms / 2 - quarter * (1 - rounding)
    possible = (1 - g) * norms / 2 - quarter * (1 + rounding)
    filling = (jnp.arange(norms.size) >= len(X)).reshape(norms.shape)
    arrays = (x, jnp.where(filling, jnp.inf, sure), jnp.where(filling, jnp.inf, possible))
    points = TiledPoints(*(rows.on_every_device(array, rows.mesh()) for array in arrays))
    return Search(X, eps, points, offset)


def in_tiles_of(points: TiledPoints, weights: Float[np.ndarray, " n"]) -> Array:
    """A number of each point, in the tiles of the points [T tile]; 0 in the filling."""
    tiled = np.zeros(points.sure.shape, np.float32)
    with np.errstate(over="ignore"):
        tiled.ravel()[: len(weights)] = weights
    return rows.on_every_device(tiled, rows.mesh())


def alone(points: TiledPoints, which: Int[np.ndarray, " m"]) -> TiledPoints:
    """Some of the points, in tiles of their own: a multiple of an eighth of all tiles."""
    n_tiles, tile = points.sure.shape
    step = rows.ceil_div(n_tiles, SIZES_OF_SOME)
    needed = max(rows.ceil_div(len(which), tile * step), 1) * step

    def tiles(values: Array, filling: float) -> Array:
        filled = np.full((needed * tile, *values.shape[2:]), filling, values.dtype)
        filled[: len(which)] = np.asarray(values).reshape(n_tiles * tile, *values.shape[2:])[which]
        return rows.on_every_device(filled.reshape(needed, tile, *values.shape[2:]), rows.mesh())

    return TiledPoints(
        x=tiles(points.x, 0.0),
        sure=tiles(points.sure, np.inf),
        possible=tiles(points.possible, np.inf),
    )


def in_calls(
    f: Any, search: Search, asking: Int[np.ndarray, " m"], *shared: Any
) -> list[np.ndarray]:
    """Ask f about some rows of X, in calls short enough to interrupt: its results [m ...].

    One shape is compiled for all calls: the filling repeats the last row. Where not all rows ask,
    their number is filled up to a power of two, so that few shapes are.
    """
    X = search.X
    points = search.points
    block = rows.block_size(len(X), max(points.x.shape[1:]))
    unit = block * rows.mesh().size
    needed = rows.ceil_div(len(asking), unit)
    if len(asking) < len(X):
        needed = 1 << (needed - 1).bit_length()
    per_call = min(unit * needed, rows.items_per_call(points.x.size, block))
    found = []
    for begin in range(0, len(asking), per_call):
        part = asking[np.minimum(np.arange(begin, begin + per_call), len(asking) - 1)]
        queries = rows.split(X[part], block=block, offset=search.offset)
        own = rows.split(part, block=block, dtype=np.int32)
        results = f(rows.Rows((queries, own), rows.mesh()), points, *shared)
        found.append(jax.tree.map(np.asarray, rows.finished(results)))
    columns = zip(*found, strict=True)
    return [
        np.concatenate([a.reshape(-1, *a.shape[2:]) for a in column])[: len(asking)]
        for column in columns
    ]


def _near(
    tile: TiledPoints, q: Array, own: Array, points: TiledPoints
) -> tuple[Bool[Array, "tile b"], Bool[Array, "tile b"]]:
    """Which points of a tile are neighbours of the rows q, the points `own`; and which may be."""
    products = product(tile.x, q)
    sure = products >= tile.sure[:, None] + points.sure.reshape(-1)[own][None, :]
    possible = products >= tile.possible[:, None] + points.possible.reshape(-1)[own][None, :]
    return sure, possible


def _samples_of(sure: Bool[Array, "tile b"], index: Int[Array, " tile"]) -> Int[Array, "samples b"]:
    """The lowest index of a sure neighbour in each of a few parts of a tile, or NO_CLUSTER."""
    indices = jnp.where(sure, index[:, None], NO_CLUSTER)
    return indices.reshape(SAMPLES_PER_POINT, -1, sure.shape[1]).min(axis=1)


def _numbers_of(points: TiledPoints) -> Int[Array, "T tile"]:
    """The index of each point, in the tiles of the points."""
    return jnp.arange(points.sure.size, dtype=jnp.int32).reshape(points.sure.shape)


@jax.jit
def count(data: rows.Rows, points: TiledPoints) -> tuple[Array, Array, Array]:
    """The numbers of sure and of possible neighbours of each row, and a few sure ones."""

    def block(q: Array, own: Array, points: TiledPoints) -> tuple[None, tuple[Array, Array, Array]]:
        def meet(
            found: tuple[Array, Array, Array], tile: tuple[TiledPoints, Array]
        ) -> tuple[Any, None]:
            there, index = tile
            sure, possible = _near(there, q, own, points)
            # Both counts in one sum: a tile has fewer than 2^15 points.
            both = sure.astype(jnp.int32) + possible.astype(jnp.int32) * 2**15
            counts = both.sum(axis=0, dtype=jnp.int32)
            n_sure = found[0] + counts % 2**15
            n_possible = found[1] + counts // 2**15
            return (n_sure, n_possible, jnp.minimum(found[2], _samples_of(sure, index))), None

        none = jnp.zeros(len(q), jnp.int32)
        nothing = (none, none, jnp.full((SAMPLES_PER_POINT, len(q)), NO_CLUSTER))
        found, _ = jax.lax.scan(meet, nothing, (points, _numbers_of(points)))
        n_sure, n_possible, samples = found
        return None, (n_sure, n_possible, samples.T)

    return rows.map_sum(block, data, points)[1]


@jax.jit
def weigh(
    data: rows.Rows, points: TiledPoints, weights: Float[Array, "T tile"]
) -> tuple[Array, Array, Array, Array, Array]:
    """Weigh the possible neighbours of each row.

    Returns:
        Their weight, how much of it is in doubt, the sum of the sizes of the weights, how many
        neighbours are in doubt; and a few of the sure ones (or NO_CLUSTER).
    """

    def block(
        q: Array, own: Array, points: TiledPoints, weights: Array
    ) -> tuple[None, tuple[Array, ...]]:
        def meet(
            found: tuple[Array, ...], tile: tuple[TiledPoints, Array, Array]
        ) -> tuple[Any, None]:
            there, index, weight = tile
            sure, possible = _near(there, q, own, points)
            unsure = possible & ~sure
            size = jnp.abs(weight)[:, None]
            sums = (
                jnp.where(possible, weight[:, None], 0).sum(axis=0),
                jnp.where(unsure, size, 0).sum(axis=0),
                jnp.where(possible, size, 0).sum(axis=0),
                unsure.sum(axis=0, dtype=jnp.int32),
            )
            totals = (before + more for before, more in zip(found, sums, strict=False))
            return (*totals, jnp.minimum(found[-1], _samples_of(sure, index))), None

        nothing = [jnp.zeros(len(q), weights.dtype)] * 3
        samples = jnp.full((SAMPLES_PER_POINT, len(q)), NO_CLUSTER)
        first = (*nothing, jnp.zeros(len(q), jnp.int32), samples)
        found, _ = jax.lax.scan(meet, first, (points, _numbers_of(points), weights))
        return None, (*found[:-1], found[-1].T)

    return rows.map_sum(block, data, points, weights)[1]


@jax.jit
def extremes(
    data: rows.Rows, points: TiledPoints, core: TiledPoints, labels: Int[Array, "T tile"]
) -> tuple[Array, Array]:
    """The smallest and the largest label among the possible core neighbours of each row.

    Without one, NO_CLUSTER and -1.
    """

    def block(
        q: Array, own: Array, points: TiledPoints, core: TiledPoints, labels: Array
    ) -> tuple[None, tuple[Array, Array]]:
        def meet(found: tuple[Array, Array], tile: tuple[TiledPoints, Array]) -> tuple[Any, None]:
            there, theirs = tile
            _, possible = _near(there, q, own, points)
            near = possible & (theirs < NO_CLUSTER)[:, None]
            low = jnp.where(near, theirs[:, None], NO_CLUSTER).min(axis=0)
            high = jnp.where(near, theirs[:, None], -1).max(axis=0)
            return (jnp.minimum(found[0], low), jnp.maximum(found[1], high)), None

        nothing = jnp.full(len(q), NO_CLUSTER), jnp.full(len(q), -1, jnp.int32)
        return None, jax.lax.scan(meet, nothing, (core, labels))[0]

    return rows.map_sum(block, data, points, core, labels)[1]
