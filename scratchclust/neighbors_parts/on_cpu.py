"""Candidates for the nearest neighbours on a CPU: XLA multiplies, NumPy selects.

XLA's `top_k` keeps a heap for each row and sorts it: for 98 of 2,048 scores that takes ten times as
long as the product that makes them. Here most scores are only looked at in groups:

    scores [b m] = |y|^2 - 2 q.y        one product, (q, 1) . (-2 y, |y|^2)
    minima [b m/32] of groups of neighbouring columns
    limit_i = the (count + 1)-th least of the minima of row i

So many scores of a row are no larger than its limit, one more than `count` since the query itself
may be among them; and few more are: about 107 where 99 of 20,000 are wanted. All of these lie in
the groups whose minima are no larger either.

What an accelerator runs stands in `neighbors_parts/candidates.py`.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.distances import product, squared_norms
from scratchclust.neighbors_parts.candidates import (
    Candidates,
    Queries,
    SearchedPoints,
    squares_of,
)

GROUP = 32  # scores that are looked at by their minimum alone, at most
COLUMNS = 2**17  # points that a block of queries meets at a time, at most
SCORES = 2**23  # of a block, at most: 32 MB
BLOCK = 256  # queries of a block, at most; with fewer, the product takes longer to begin


class Least(NamedTuple):
    """The least scores of each of b queries, by index, and whose they are."""

    scores: Float[np.ndarray, "b count"]
    indices: Int[np.ndarray, "b count"]


def search(asking: Queries, points: SearchedPoints, count: int) -> Candidates:
    """The candidates of every query: `candidates.search`, but for the last bits of scores.

    One shape is compiled for all blocks: the filling of the last repeats the last query.

    Args:
        asking: the queries.
        points: what is searched.
        count: number of candidates.
    """
    m = len(asking.x)
    n_devices = rows.mesh().size
    parts = _in_parts(points)
    block = _block_size(m, len(parts[0]))
    found = []
    with ThreadPoolExecutor(n_devices) as pool:
        for begin in range(0, m, block * n_devices):
            here = np.minimum(np.arange(begin, begin + block * n_devices), m - 1)
            part = asking.some(here)
            queries = rows.split(part.x, block=block, offset=points.offset)
            least = _least_of_parts(queries, part.own, parts, count, pool)
            indices = rows.split(least.indices, block=block, dtype=np.int32)
            data = rows.Rows((queries, indices), rows.mesh())
            squares, norms = (
                np.asarray(blocks).reshape(len(here), *blocks.shape[2:])
                for blocks in _by_definition(data, points.x)
            )
            reached = least.scores.max(axis=1) + norms
            found.append(Candidates(least.indices, squares, reached, norms))
    return Candidates(*(np.concatenate(column)[:m] for column in zip(*found, strict=True)))


def _block_size(m: int, columns: int) -> int:
    """Queries that a device takes at a time."""
    share = rows.ceil_div(m, rows.mesh().size)
    needed = 1 << max(share - 1, 0).bit_length()
    return min(BLOCK, needed, max(SCORES // columns // 8 * 8, 8))


def _in_parts(points: SearchedPoints) -> list[Array]:
    """Rows (-2 y, |y|^2) in parts of equally many."""
    n_tiles, tile = points.norms.shape
    n_parts = rows.ceil_div(n_tiles * tile, max(COLUMNS, tile))
    return _beside_norms(points.x, points.norms, n_parts, rows.ceil_div(n_tiles, n_parts))


@partial(jax.jit, static_argnames=("n_parts", "n_tiles"))
def _beside_norms(x: Array, norms: Array, n_parts: int, n_tiles: int) -> list[Array]:
    missing = n_parts * n_tiles - len(x)
    x = jnp.pad(x, [(0, missing), (0, 0), (0, 0)])
    norms = jnp.pad(norms, [(0, missing), (0, 0)], constant_values=jnp.inf)
    beside = jnp.concatenate([-2 * x, norms[:, :, None]], axis=2)
    return list(beside.reshape(n_parts, -1, beside.shape[2]))


def _least_of_parts(
    queries: Array,
    own: Int[np.ndarray, " m"],
    parts: list[Array],
    count: int,
    pool: ThreadPoolExecutor,
) -> Least:
    """The least scores of all queries, those of each device in a thread."""
    data = rows.Rows((queries,), rows.mesh())
    owns = np.split(own, rows.mesh().size)
    best: list[Least] = []
    for i, part in enumerate(parts):
        scores, minima = _scores(data, part, _group_size(len(part), count))
        select = partial(_least, first=i * len(part), count=count)
        found = list(pool.map(select, _of_devices(scores), _of_devices(minima), owns))
        both = partial(_least_of_both, count=count)
        best = list(pool.map(both, best, found)) if best else found
    return Least(*(np.concatenate(column) for column in zip(*best, strict=True)))


def _group_size(columns: int, count: int) -> int:
    """A power of two that leaves more than twice as many groups as are wanted, or 1."""
    group = GROUP
    while group > 1 and (columns % group or columns // group <= 2 * count):
        group //= 2
    return group


@partial(jax.jit, static_argnames="group")
def _scores(data: rows.Rows, part: Array, group: int) -> tuple[Array, Array]:
    """|y|^2 - 2 q.y of blocks of queries, [blocks b columns], and their minima by groups."""

    def block(q: Array, part: Array) -> tuple[None, tuple[Array, Array]]:
        beside = jnp.concatenate([q, jnp.ones((len(q), 1), q.dtype)], axis=1)
        scores = product(beside, part)
        return None, (scores, scores.reshape(len(q), -1, group).min(axis=2))

    return rows.map_sum(block, data, part)[1]


def _of_devices(blocks: Array) -> list[np.ndarray]:
    """The block of each device, read where it lies."""
    shards = sorted(blocks.addressable_shards, key=lambda shard: shard.index[0].start or 0)
    return [np.asarray(shard.data)[0] for shard in shards]


def _least(
    scores: Float[np.ndarray, "b columns"],
    minima: Float[np.ndarray, "b groups"],
    own: Int[np.ndarray, " b"],
    *,
    first: int,
    count: int,
) -> Least:
    """The `count` least scores of each row, but for the query's own.

    Args:
        scores: of the points from `first` on.
        minima: of groups of neighbouring columns, more than `count` or of one column each.
        own: the index of each query among all points; -1 where it is none of them.
        first: the index of the first column.
        count: how many; where there are not so many, the others are infinitely far.
    """
    n_groups = minima.shape[1]
    group = scores.shape[1] // n_groups
    place = min(count, n_groups - 1)
    limits = np.partition(minima, place, axis=1)[:, place]
    limits = np.minimum(limits, np.finfo(limits.dtype).max)  # the filling is infinitely far
    chosen = np.flatnonzero(minima <= limits[:, None])
    values = scores.reshape(-1, group)[chosen]
    hits = np.flatnonzero(values <= limits[chosen // n_groups][:, None])
    of = chosen[hits // group]  # the group of each
    row = of // n_groups
    indices = first + of % n_groups * group + hits % group
    others = indices != own[row]
    found = _in_rows(row[others], len(own), values.ravel()[hits][others], indices[others], count)
    return _first_least(found, count)


def _in_rows(
    row: Int[np.ndarray, " found"],
    n_rows: int,
    scores: Float[np.ndarray, " found"],
    indices: Int[np.ndarray, " found"],
    least_width: int,
) -> Least:
    """What was found, row by row, as a matrix; shorter rows end infinitely far."""
    lengths = np.bincount(row, minlength=n_rows)
    width = max(int(lengths.max()), least_width)
    there = np.arange(width)[None, :] < lengths[:, None]
    matrix = Least(np.full(there.shape, np.inf, scores.dtype), np.zeros(there.shape, np.int32))
    matrix.scores[there] = scores
    matrix.indices[there] = indices
    return matrix


def _least_of_both(a: Least, b: Least, *, count: int) -> Least:
    """The least of two parts, the first of which has the lower indices."""
    both = (np.concatenate(pair, axis=1) for pair in zip(a, b, strict=True))
    return _first_least(Least(*both), count)


def _first_least(found: Least, count: int) -> Least:
    """The `count` least of each row, in their order; of equal ones the first."""
    last = np.partition(found.scores, count - 1, axis=1)[:, count - 1 : count]
    kept = found.scores <= last
    if np.count_nonzero(kept) > len(kept) * count:
        less = found.scores < last
        ties = found.scores == last
        wanted = count - less.sum(axis=1, keepdims=True)
        kept = less | (ties & (np.cumsum(ties, axis=1) <= wanted))
    return Least(*(numbers[kept].reshape(-1, count) for numbers in found))


@jax.jit
def _by_definition(data: rows.Rows, x: Array) -> tuple[Array, Array]:
    """The squared distances of candidates from their queries, and |q|^2."""

    def block(q: Array, indices: Array, x: Array) -> tuple[None, tuple[Array, Array]]:
        return None, (squares_of(q, x, indices), squared_norms(q))

    return rows.map_sum(block, data, x)[1]
