"""Candidates for the nearest neighbours, found on all devices.

`scratchclust/neighbors.py` decides among them.

Blocks of queries meet tiles of all points, one matrix product each, and keep the few best so far.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, ScalarLike

from scratchclust import rows
from scratchclust.distances import centre_of, product
from scratchclust.rows import AnyArray

TILES = 4  # of `rows.limits()` side by side: that many points a block of queries meets at a time
AT_ONCE = 16  # entries of a loop off the CPU
COST_BY_DEFINITION = 8  # of a distance, relative to one of a product


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SearchedPoints:
    """All points, centred, whole on every device."""

    x: Any  # [T tile d]
    norms: Any  # [T tile] |x|^2, infinite in the filling
    offset: Any  # [d], what centred them


class Queries(NamedTuple):
    """What asks for its neighbours."""

    x: AnyArray  # [m d]
    # [m] the index of each among the points, which is left out; -1 where it is none of them
    own: Int[np.ndarray, " m"]

    def some(self, which: Int[np.ndarray, " k"]) -> "Queries":
        return Queries(self.x[which], self.own[which])


class Candidates(NamedTuple):
    """What a search found for each of m queries."""

    indices: Any  # [m count], the nearest first where `search` has found them
    squares: Any  # [m count] squared distances, by their definition
    # [m] the largest expanded square among them: but for rounding no other point is nearer
    reached: Any
    norms: Any  # [m] |q|^2 of the centred query


def in_tiles(X: AnyArray, count: int) -> tuple[SearchedPoints, float]:
    """The points in tiles of at least `count`, and their largest squared norm."""
    n = len(X)
    tile = _tile_size(n, count)
    offset = centre_of(X)
    spread = rows.on_every_device(rows.split(X, block=tile, offset=offset), rows.mesh())
    x, norms, largest = _with_norms(spread, n, rows.ceil_div(n, tile))
    return SearchedPoints(x, norms, np.asarray(offset)), float(largest)


def _tile_size(n: int, count: int) -> int:
    """Points that a block of queries meets at a time; off the CPU the last tile is as full as the
    others.
    """
    here = rows.limits()
    most = max(TILES * here.tile, 1 << (count - 1).bit_length())
    if here.block_multiple == 1:
        return min(most, rows.ceil_div(n, 8) * 8)
    of_each = max(rows.ceil_div(n, rows.ceil_div(n, most)), count)
    return rows.ceil_div(of_each, here.block_multiple) * here.block_multiple


@partial(jax.jit, static_argnames="n_tiles")
def _with_norms(x: Array, n: ScalarLike, n_tiles: int) -> tuple[Array, Array, Array]:
    """The tiles that are not all filling; their squared norms, there infinite; the largest."""
    x = x[:n_tiles]
    norms = (x * x).sum(axis=2)
    filled = jnp.arange(norms.size).reshape(norms.shape) < n
    return x, jnp.where(filled, norms, jnp.inf), jnp.where(filled, norms, 0).max()


def search(
    asking: Queries, points: SearchedPoints, count: int, *, by_definition: bool = False
) -> Candidates:
    """The candidates of every query, in calls that are short enough to interrupt.

    One shape is compiled for all calls: the filling of the last repeats the last query.

    Args:
        asking: the queries.
        points: what is searched.
        count: number of candidates.
        by_definition: whether no distance is expanded.
    """
    m = len(asking.x)
    block = rows.block_size(m, points.x.shape[1])
    cost = points.x.size * (COST_BY_DEFINITION if by_definition else 1)
    unit = block * rows.mesh().size
    per_call = min(rows.items_per_call(cost, block), rows.ceil_div(m, unit) * unit)
    found = []
    for begin in range(0, m, per_call):
        part = asking.some(np.minimum(np.arange(begin, begin + per_call), m - 1))
        queries = rows.split(part.x, block=block, offset=points.offset)
        own = rows.split(part.own, block=block, dtype=np.int32)
        data = rows.Rows((queries, own), rows.mesh())
        found.append(_find_candidates(data, points.x, points.norms, count, by_definition))
    columns = zip(*(jax.tree.map(np.asarray, call) for call in found), strict=True)
    return Candidates(
        *(np.concatenate([a.reshape(-1, *a.shape[2:]) for a in column])[:m] for column in columns)
    )


@partial(jax.jit, static_argnames=("count", "by_definition"))
def _find_candidates(
    data: rows.Rows, x: Array, norms: Array, count: int, by_definition: bool
) -> Candidates:
    """The candidates of blocks of queries."""

    def block(q: Array, own: Array, x: Array, norms: Array) -> tuple[None, Candidates]:
        tile = x.shape[1]

        def meet(
            best: tuple[Array, Array], part: tuple[Array, Array, Array]
        ) -> tuple[tuple[Array, Array], None]:
            y, norms, first = part
            if by_definition:
                scores = _by_definition(q, y, norms)
            else:
                scores = norms[None, :] - 2 * product(q, y)
            scores = jnp.where(first + jnp.arange(tile)[None, :] == own[:, None], jnp.inf, scores)
            nearest, place = largest(-scores, count)
            nearest = jnp.concatenate([best[0], nearest], axis=1)
            indices = jnp.concatenate([best[1], first + place], axis=1)
            nearest, place = jax.lax.top_k(nearest, count)
            return (nearest, jnp.take_along_axis(indices, place, axis=1)), None

        nothing = (
            jnp.full((len(q), count), -jnp.inf, q.dtype),
            jnp.zeros((len(q), count), jnp.int32),
        )
        firsts = jnp.arange(len(x), dtype=jnp.int32) * tile
        (nearest, indices), _ = jax.lax.scan(meet, nothing, (x, norms, firsts))
        squares = squares_of(q, x, indices)
        squares, indices = jax.lax.sort((squares, indices), num_keys=2)
        of_query = (q * q).sum(axis=1)
        reached = -nearest[:, -1] + (0 if by_definition else of_query)
        return None, Candidates(indices, squares, reached, of_query)

    return rows.map_sum(block, data, x, norms)[1]


def squares_of(
    q: Float[Array, "b d"], x: Float[Array, "T tile d"], indices: Int[Array, "b count"]
) -> Float[Array, "b count"]:
    """The squared distances of each query from its candidates, by their definition."""
    flat = x.reshape(-1, x.shape[2])
    return _for_each(lambda column: jnp.square(q - flat[column]).sum(axis=1), indices.T).T


def largest(
    values: Float[Array, "b m"], count: int
) -> tuple[Float[Array, "b count"], Int[Array, "b count"]]:
    """What `jax.lax.top_k` gives: the largest of each row and their places, the lower of equal
    ones first.

    Off the CPU `top_k` sorts whole rows where more than 16 are asked for. So there the rows are cut
    into groups: the `count` groups with the largest maxima hold the `count` largest values, since
    the maximum of every other group has that many before it; and only the maxima, and then what
    these groups hold, are sorted. The groups keep their order, so that of equal values the lower
    place still comes first; the last group is filled up with what is least, behind all else. (On a
    CPU, where `top_k` sorts nothing, that is no faster.)
    """
    m = values.shape[1]
    group = 1 << (math.isqrt(m // count)).bit_length()
    if group * count >= m:
        return _largest_of_rows(values, count)
    return jax.lax.platform_dependent(
        values,
        cpu=partial(_largest_of_rows, count=count),
        default=partial(_largest_of_groups, count=count, group=group),
    )


def _largest_of_rows(values: Array, count: int) -> tuple[Array, Array]:
    found, places = jax.lax.top_k(values, count)  # a list, of which the branches must be equal
    return found, places


def _largest_of_groups(values: Array, count: int, group: int) -> tuple[Array, Array]:
    filling = (0, 0), (0, -values.shape[1] % group)
    filled = jnp.pad(values, filling, constant_values=-jnp.inf)
    in_groups = filled.reshape(len(values), -1, group)
    chosen = jnp.sort(jax.lax.top_k(in_groups.max(axis=2), count)[1], axis=1)
    candidates = jnp.take_along_axis(in_groups, chosen[:, :, None], axis=1)
    found, place = jax.lax.top_k(candidates.reshape(len(values), -1), count)
    places = jnp.take_along_axis(chosen, place // group, axis=1) * group + place % group
    return found, places


def _for_each(f: Callable[[Array], Array], values: Array) -> Array:
    """f of each entry along the first axis: off the CPU of several at once, since each step of a
    loop starts kernels there.
    """
    return jax.lax.platform_dependent(
        values,
        cpu=partial(jax.lax.map, f),
        default=partial(jax.lax.map, f, batch_size=AT_ONCE),
    )


def _by_definition(
    q: Float[Array, "b d"], y: Float[Array, "tile d"], norms: Float[Array, " tile"]
) -> Array:
    squares = _for_each(lambda one: jnp.square(one[None, :] - y).sum(axis=1), q)
    return jnp.where(jnp.isinf(norms)[None, :], jnp.inf, squares)
