"""The passes of DBSCAN over all pairs of points, compiled; `dbscan.py` beside this file asks for
them.

What they find is defined in `scratchclust/reference/dbscan.py`. Rows meet all points a tile at a
time, so no pass needs more memory than the points and one block.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.distances import AnyArray, centre_of, check_range, error_bound, product

TILE = 512  # points that a block meets at a time, on a CPU
TILE_ELSEWHERE = 16384
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second
PARTS = 8  # sizes of some of the points alone
SAMPLES = 8  # neighbours of each point that the first pass keeps
NONE = np.int32(2**31 - 1)  # the label of what is no core point


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TiledPoints:
    """All points, centred, whole on every device.

    With g above any relative rounding error, i and j are neighbours for sure where x_i . y_j >=
    sure_i + sure_j, and may be where x_i . y_j >= possible_i + possible_j: that is |x_i|^2 - 2 x_i
    . y_j + |y_j|^2 <= eps^2 with g (|x_i|^2 + |y_j|^2) more or less.
    """

    x: Array  # [T tile d]
    sure: Array  # [T tile], (1 + g) |x|^2 / 2 - eps^2 / 4; infinite in the filling
    possible: Array  # [T tile], (1 - g) |x|^2 / 2 - eps^2 / 4, likewise


def in_tiles(X: AnyArray, eps: float) -> tuple[TiledPoints, Any]:
    """The points in tiles, and what centred them; an InputError if X cannot be computed with."""
    most = TILE if rows.mesh().devices.flat[0].platform == "cpu" else TILE_ELSEWHERE
    tile = min(most, 1 << max(len(X) - 1, SAMPLES - 1).bit_length())
    offset = centre_of(X)
    x = rows.split(X, block=tile, offset=offset)[
        : -(-len(X) // tile)
    ]  # no tile of nothing but filling
    norms = (x * x).sum(axis=2)
    largest = float(norms.max())
    check_range(X, largest)
    # No square of a distance is above 4 of the largest norm, so that a larger eps need not leave
    # the range of float32.
    quarter = min(eps * eps, 8 * largest) / 4
    # gamma (|x| + |y|)^2 <= 2 gamma (|x|^2 + |y|^2); twelve more roundings than those of a product
    g, rounding = 2 * error_bound(0.5, X.shape[1] + 12, x.dtype), 8 * float(jnp.finfo(x.dtype).eps)
    sure = (1 + g) * norms / 2 - quarter * (1 - rounding)
    possible = (1 - g) * norms / 2 - quarter * (1 + rounding)
    filling = (jnp.arange(norms.size) >= len(X)).reshape(norms.shape)
    arrays = (x, jnp.where(filling, jnp.inf, sure), jnp.where(filling, jnp.inf, possible))
    return TiledPoints(*(rows.on_every_device(array, rows.mesh()) for array in arrays)), offset


def in_tiles_of(points: TiledPoints, weights: Float[np.ndarray, " n"]) -> Array:
    """A number of each point, in the tiles of the points [T tile]; 0 in the filling."""
    tiled = np.zeros(points.sure.shape, np.float32)
    with np.errstate(over="ignore"):
        tiled.ravel()[: len(weights)] = weights
    return rows.on_every_device(tiled, rows.mesh())


def alone(points: TiledPoints, which: Int[np.ndarray, " m"]) -> TiledPoints:
    """Some of the points, in tiles of their own: a multiple of an eighth of all tiles, so that few
    shapes compile.
    """
    n_tiles, tile = points.sure.shape
    step = -(-n_tiles // PARTS)
    needed = max(-(-len(which) // (tile * step)), 1) * step

    def tiles(values: Array, filling: float) -> Array:
        filled = np.full((needed * tile, *values.shape[2:]), filling, values.dtype)
        filled[: len(which)] = np.asarray(values).reshape(n_tiles * tile, *values.shape[2:])[which]
        return rows.on_every_device(filled.reshape(needed, tile, *values.shape[2:]), rows.mesh())

    return TiledPoints(
        tiles(points.x, 0.0), tiles(points.sure, np.inf), tiles(points.possible, np.inf)
    )


def in_stretches(
    f: Any,
    X: AnyArray,
    asking: Int[np.ndarray, " m"],
    points: TiledPoints,
    offset: Any,
    *shared: Any,
) -> list[np.ndarray]:
    """f of some rows of X, in calls that are short enough to interrupt; its results [m ...] on the
    host.
    """
    block = rows.block_size(len(X), max(points.x.shape[1:]))
    least, most = block * rows.mesh().size, max(1, round(STRETCH / points.x.size / block))
    needed = -(-len(asking) // least)
    per_call = least * min(
        most, needed if len(asking) == len(X) else 1 << (needed - 1).bit_length()
    )
    found = []
    for begin in range(0, len(asking), per_call):
        # One shape for all calls: the filling repeats the last row.
        part = asking[np.minimum(np.arange(begin, begin + per_call), len(asking) - 1)]
        arrays = (
            rows.split(X[part], block=block, offset=offset),
            rows.split(part, block=block, dtype=np.int32),
        )
        found.append(
            jax.tree.map(
                np.asarray, rows.finished(f(rows.Rows(arrays, rows.mesh()), points, *shared))
            )
        )
    columns = zip(*found, strict=True)
    return [
        np.concatenate([a.reshape(-1, *a.shape[2:]) for a in column])[: len(asking)]
        for column in columns
    ]


@jax.jit
def count(data: rows.Rows, points: TiledPoints) -> tuple[Array, Array, Array]:
    """The number of sure neighbours of each row, of possible ones, and a few of the sure ones (or
    NONE).
    """

    def block(q: Array, own: Array, points: TiledPoints) -> tuple[None, tuple[Array, Array, Array]]:
        def meet(
            found: tuple[Array, Array, Array], tile: tuple[TiledPoints, Array]
        ) -> tuple[Any, None]:
            there, index = tile
            products = product(there.x, q)
            sure = products >= there.sure[:, None] + points.sure.reshape(-1)[own][None, :]
            possible = (
                products >= there.possible[:, None] + points.possible.reshape(-1)[own][None, :]
            )
            # Both counts in one sum: a tile has fewer than 2^15 points.
            both = (sure.astype(jnp.int32) + possible.astype(jnp.int32) * 2**15).sum(
                axis=0, dtype=jnp.int32
            )
            samples = jnp.where(sure, index[:, None], NONE).reshape(SAMPLES, -1, len(q)).min(axis=1)
            return (
                found[0] + both % 2**15,
                found[1] + both // 2**15,
                jnp.minimum(found[2], samples),
            ), None

        nothing = (
            jnp.zeros(len(q), jnp.int32),
            jnp.zeros(len(q), jnp.int32),
            jnp.full((SAMPLES, len(q)), NONE),
        )
        index = jnp.arange(points.sure.size, dtype=jnp.int32).reshape(points.sure.shape)
        (sure, possible, samples), _ = jax.lax.scan(meet, nothing, (points, index))
        return None, (sure, possible, samples.T)

    return rows.map_sum(block, data, points)[1]


@jax.jit
def weigh(
    data: rows.Rows, points: TiledPoints, weights: Float[Array, "T tile"]
) -> tuple[Array, Array, Array, Array, Array]:
    """Of the possible neighbours of each row: their weight, how much of it is in doubt, the sum of
    the sizes of the weights, how many neighbours are in doubt; and a few of the sure ones (or
    NONE)."""

    def block(
        q: Array, own: Array, points: TiledPoints, weights: Array
    ) -> tuple[None, tuple[Array, ...]]:
        def meet(
            found: tuple[Array, ...], tile: tuple[TiledPoints, Array, Array]
        ) -> tuple[Any, None]:
            there, index, w = tile
            products = product(there.x, q)
            sure = products >= there.sure[:, None] + points.sure.reshape(-1)[own][None, :]
            possible = (
                products >= there.possible[:, None] + points.possible.reshape(-1)[own][None, :]
            )
            unsure, size = possible & ~sure, jnp.abs(w)[:, None]
            sums = (
                jnp.where(possible, w[:, None], 0).sum(axis=0),
                jnp.where(unsure, size, 0).sum(axis=0),
                jnp.where(possible, size, 0).sum(axis=0),
                unsure.sum(axis=0, dtype=jnp.int32),
            )
            samples = jnp.where(sure, index[:, None], NONE).reshape(SAMPLES, -1, len(q)).min(axis=1)
            return (
                *(a + b for a, b in zip(found, sums, strict=False)),
                jnp.minimum(found[-1], samples),
            ), None

        nothing = [jnp.zeros(len(q), weights.dtype)] * 3
        first = (*nothing, jnp.zeros(len(q), jnp.int32), jnp.full((SAMPLES, len(q)), NONE))
        index = jnp.arange(points.sure.size, dtype=jnp.int32).reshape(points.sure.shape)
        found, _ = jax.lax.scan(meet, first, (points, index, weights))
        return None, (*found[:-1], found[-1].T)

    return rows.map_sum(block, data, points, weights)[1]


@jax.jit
def extremes(
    data: rows.Rows, points: TiledPoints, core: TiledPoints, labels: Int[Array, "T tile"]
) -> tuple[Array, Array]:
    """The smallest and the largest label among the possible core neighbours of each row; NONE and
    -1 without one.
    """

    def block(
        q: Array, own: Array, points: TiledPoints, core: TiledPoints, labels: Array
    ) -> tuple[None, tuple[Array, Array]]:
        def meet(found: tuple[Array, Array], tile: tuple[TiledPoints, Array]) -> tuple[Any, None]:
            there, theirs = tile
            bound = there.possible[:, None] + points.possible.reshape(-1)[own][None, :]
            near = (product(there.x, q) >= bound) & (theirs < NONE)[:, None]
            low, high = jnp.where(near, theirs[:, None], NONE), jnp.where(near, theirs[:, None], -1)
            return (
                jnp.minimum(found[0], low.min(axis=0)),
                jnp.maximum(found[1], high.max(axis=0)),
            ), None

        nothing = jnp.full(len(q), NONE), jnp.full(len(q), -1, jnp.int32)
        return None, jax.lax.scan(meet, nothing, (core, labels))[0]

    return rows.map_sum(block, data, points, core, labels)[1]
