"""Exact nearest neighbours, fast: the twin of `scratchclust/reference/neighbors.py`.

Blocks of queries meet tiles of all points, one matrix product each, and keep the few best so far:
memory O((m + n) d + m k), never m x n. The expanded squares |x|^2 - 2 x.y + |y|^2 of that product
only choose candidates, some more than are asked for; the distances of these are computed by their
definition, near-duplicates in float64. Where rounding might have kept a nearer point from the
candidates, all distances of that query are computed by the definition; where not even float32
itself can tell (a tight group in a wide world), the host decides in float64.

Of float64 points (NumPy) the distances of all candidates are computed in float64: what is found, in
which order and how far, is then exact. Numbers whose squares would leave the range of float32 are
scaled by a power of two before.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real, ScalarLike

from scratchclust import rows
from scratchclust.distances import (
    MOST,
    NEAR,
    AnyArray,
    centre_of,
    check_range,
    error_bound,
    exponent_of,
    product,
    scaled,
    unit_rows,
)
from scratchclust.errors import InputError
from scratchclust.results import Neighbors

TILE = 2048  # points that a block of queries meets at a time
EXTRA = 8  # candidates beyond those asked for
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second
BY_DEFINITION = 8  # what a distance by its definition costs, relative to one of a product
LEAST_WIDTH = 1e-8  # of data whose squared distances float32 can hold
TINY = 1e-30  # a square that float32 may have rounded to 0
PAIRS = 2**18  # numbers of the differences that the host holds at a time
STRIP = 2**21  # distances that the host holds at a time


def nearest_neighbors(
    X: Real[AnyArray, "n d"],
    n_neighbors: int,
    *,
    queries: Real[AnyArray, "m d"] | None = None,
    metric: str = "euclidean",
) -> Neighbors:
    """The nearest points of X to each query, or to each point of X itself, which then does not
    count.

    Args:
        X: points.
        n_neighbors: k.
        queries: other points; None asks for the neighbours of the points of X.
        metric: "euclidean" or "cosine".

    Returns:
        Indices and distances [m k] (NumPy arrays), the nearest first; of equally near ones the
        lowest index first. Cost O(m n d) time, O((m + n) d + m k) memory.

    Raises:
        InputError: not 1 <= k <= n (n - 1 without queries), an unknown metric, queries of another
            length, NaN or infinity, or with "cosine" a row of zeros.
    """
    _check(X, n_neighbors, queries, metric)
    if metric == "cosine":
        X, queries = unit_rows(X), None if queries is None else unit_rows(queries)
    if isinstance(X, np.ndarray) and queries is not None:
        queries = np.asarray(queries)
    X, queries, exponent = _in_range(X, queries)
    found = _nearest_squares(X, queries, n_neighbors)
    if found is None:
        X, queries, exponent = _in_range(
            np.asarray(X), None if queries is None else np.asarray(queries)
        )
        found = _nearest_squares(X, queries, n_neighbors)
    indices, squares = found
    return Neighbors(
        indices, squares / 2 if metric == "cosine" else np.ldexp(np.sqrt(squares), exponent)
    )


def _in_range(X: AnyArray, queries: AnyArray | None) -> tuple[AnyArray, AnyArray | None, int]:
    """NumPy arrays whose squared distances would leave the range of float32, divided by 2^e, and e;
    all else, and 0.
    """
    if isinstance(X, jax.Array) or isinstance(queries, jax.Array):
        return X, queries, 0
    exponent = exponent_of(X, queries)
    if not exponent:
        return X, queries, 0
    centre = centre_of(X)
    return (
        scaled(X, centre, exponent),
        None if queries is None else scaled(queries, centre, exponent),
        exponent,
    )


def _nearest_squares(X: AnyArray, queries: AnyArray | None, n_neighbors: int) -> Any:
    """Indices and squared distances [m k] of the nearest points; None for JAX arrays that are not
    in range.
    """
    asking, own = (
        (X, np.arange(len(X))) if queries is None else (queries, np.full(len(queries), -1))
    )
    others = len(X) - (queries is None)
    count = min(n_neighbors + EXTRA, others)
    points, largest = _in_tiles(X, count)
    if isinstance(X, jax.Array) and not LEAST_WIDTH**2 < largest < MOST**2:
        return None
    _check_finite(X, largest)
    found = _search(asking, own, points, count)
    farthest = float(found.norms.max(initial=0))
    if isinstance(X, jax.Array) and not farthest < MOST**2:
        return None
    _check_finite(asking, farthest)
    indices, squares = _sorted_exactly(X, asking, found, points)
    doubtful = np.flatnonzero(_doubtful(squares[:, n_neighbors - 1], found, X.shape[1]))
    if count < others and len(doubtful):
        again = _search(asking[doubtful], own[doubtful], points, count, by_definition=True)
        indices[doubtful], squares[doubtful] = _sorted_exactly(X, asking[doubtful], again, points)
        unsure = doubtful[_unsure(squares[doubtful], n_neighbors, again, X.shape[1])]
        for part in (
            np.array_split(unsure, math.ceil(len(unsure) * len(X) / STRIP)) if len(unsure) else []
        ):
            decided = nearest_on_host(
                np.asarray(X), np.asarray(asking)[part], own[part], n_neighbors
            )
            indices[part, :n_neighbors], squares[part, :n_neighbors] = decided
    return indices[:, :n_neighbors], squares[:, :n_neighbors]


def _check_finite(X: AnyArray, largest: float) -> None:
    """An InputError where the largest squared norm is none that points in range can have."""
    if not largest < MOST**2:
        check_range(X, largest)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Points:
    """All points, centred, whole on every device."""

    x: Array  # [T tile d]
    norms: Array  # [T tile] |x|^2, infinite in the filling
    offset: Any  # [d], what centred them


class _Candidates(NamedTuple):
    """What a search found for each of m queries."""

    indices: Any  # [m count]
    squares: Any  # [m count] squared distances, by their definition
    # [m] the largest expanded square among them: but for rounding no other point is nearer
    reached: Any
    norms: Any  # [m] |q|^2 of the centred query


def _check(X: AnyArray, n_neighbors: int, queries: AnyArray | None, metric: str) -> None:
    most = len(X) - (queries is None)
    if metric not in ("euclidean", "cosine"):
        raise InputError(f'expected metric "euclidean" or "cosine", got {metric!r}')
    if not 1 <= n_neighbors <= most:
        raise InputError(
            f"expected n_neighbors within 1 and {most}, the number of other points, got {n_neighbors}"
        )
    if queries is not None and queries.shape[1] != X.shape[1]:
        raise InputError(
            f"expected queries of {X.shape[1]} features as the points have, got {queries.shape[1]}"
        )


def _in_tiles(X: AnyArray, count: int) -> tuple[_Points, float]:
    """The points in tiles of at least `count`, and their largest squared norm."""
    tile = min(max(TILE, 1 << (count - 1).bit_length()), -(-len(X) // 8) * 8)
    offset = centre_of(X)
    spread = rows.on_every_device(rows.split(X, block=tile, offset=offset), rows.mesh())
    x, norms, largest = _with_norms(spread, len(X), math.ceil(len(X) / tile))
    return _Points(x, norms, np.asarray(offset)), float(largest)


@partial(jax.jit, static_argnames="n_tiles")
def _with_norms(x: Array, n: ScalarLike, n_tiles: int) -> tuple[Array, Array, Array]:
    """Those tiles of [T tile d] that are not all filling; their squared norms, infinite in the
    filling; the largest.
    """
    x = x[:n_tiles]
    norms = (x * x).sum(axis=2)
    filled = jnp.arange(norms.size).reshape(norms.shape) < n
    return x, jnp.where(filled, norms, jnp.inf), jnp.where(filled, norms, 0).max()


def _search(
    asking: AnyArray,
    own: Int[np.ndarray, " m"],
    points: _Points,
    count: int,
    *,
    by_definition: bool = False,
) -> _Candidates:
    """The candidates of every query, in calls that are short enough to interrupt.

    Args:
        asking: queries [m d].
        own: the index of each query among the points, which is left out; -1 where it is none of
            them.
        points: what is searched.
        count: number of candidates.
        by_definition: whether no distance is expanded.
    """
    block = rows.block_size(len(asking), points.x.shape[1])
    cost = points.x.size * (BY_DEFINITION if by_definition else 1)
    found = []
    for part in _parts(
        len(asking), block * rows.mesh().size, max(1, round(STRETCH / cost / block))
    ):
        queries = rows.split(asking[part], block=block, offset=points.offset)
        data = rows.Rows((queries, rows.split(own[part], block=block, dtype=np.int32)), rows.mesh())
        found.append(_nearest(data, points.x, points.norms, count, by_definition))
    columns = zip(*(jax.tree.map(np.asarray, part) for part in found), strict=True)
    return _Candidates(
        *(np.concatenate([a.reshape(-1, *a.shape[2:]) for a in c])[: len(asking)] for c in columns)
    )


def _parts(m: int, least: int, most: int) -> Int[np.ndarray, "calls items"]:
    """The numbers below m divided into equal calls of at most `least * most`; the filling repeats
    the last.
    """
    per_call = least * min(most, math.ceil(m / least))
    numbers = np.minimum(np.arange(math.ceil(m / per_call) * per_call), m - 1)
    return numbers.reshape(-1, per_call)


@partial(jax.jit, static_argnames=("count", "by_definition"))
def _nearest(
    data: rows.Rows, x: Array, norms: Array, count: int, by_definition: bool
) -> _Candidates:
    """The candidates of blocks of queries."""

    def block(q: Array, own: Array, x: Array, norms: Array) -> tuple[None, _Candidates]:
        tile = x.shape[1]

        def meet(
            best: tuple[Array, Array], part: tuple[Array, Array, Array]
        ) -> tuple[tuple[Array, Array], None]:
            y, norms, first = part
            scores = (
                _by_definition(q, y, norms) if by_definition else norms[None, :] - 2 * product(q, y)
            )
            scores = jnp.where(first + jnp.arange(tile)[None, :] == own[:, None], jnp.inf, scores)
            nearest, place = jax.lax.top_k(-scores, count)
            both = (
                jnp.concatenate([best[0], nearest], axis=1),
                jnp.concatenate([best[1], first + place], axis=1),
            )
            nearest, place = jax.lax.top_k(both[0], count)
            return (nearest, jnp.take_along_axis(both[1], place, axis=1)), None

        nothing = (
            jnp.full((len(q), count), -jnp.inf, q.dtype),
            jnp.zeros((len(q), count), jnp.int32),
        )
        firsts = jnp.arange(len(x), dtype=jnp.int32) * tile
        (nearest, indices), _ = jax.lax.scan(meet, nothing, (x, norms, firsts))
        flat = x.reshape(-1, x.shape[2])
        squares = jax.lax.map(lambda column: jnp.square(q - flat[column]).sum(axis=1), indices.T).T
        of_query = (q * q).sum(axis=1)
        return None, _Candidates(
            indices, squares, -nearest[:, -1] + (0 if by_definition else of_query), of_query
        )

    return rows.map_sum(block, data, x, norms)[1]


def _by_definition(
    q: Float[Array, "b d"], y: Float[Array, "tile d"], norms: Float[Array, " tile"]
) -> Array:
    squares = jax.lax.map(lambda one: jnp.square(one[None, :] - y).sum(axis=1), q)
    return jnp.where(jnp.isinf(norms)[None, :], jnp.inf, squares)


def _doubtful(
    kth: Float[np.ndarray, " m"], found: _Candidates, n_features: int
) -> Bool[np.ndarray, " m"]:
    """Where a point that is no candidate might be nearer than the k-th: its expanded square errs by
    no more than gamma (|q| + |y|)^2, and |y| <= |q| + the k-th distance."""
    gamma = error_bound(0.5, n_features, found.squares.dtype)
    bound = gamma * (2 * np.sqrt(found.norms.astype(np.float64)) + np.sqrt(kth)) ** 2
    return (kth > 0) & ((kth > found.reached - bound) | (found.reached < TINY))


def _unsure(
    squares: Float[np.ndarray, "m count"], n_neighbors: int, found: _Candidates, n_features: int
) -> Bool[np.ndarray, " m"]:
    """Where not even distances by their definition, in float32, tell the k-th point from those that
    are no candidates.

    Rounding moves each of two points by at most u of its length and the distance itself by (d + 2)
    u of it. A k-th one that is as far as the last candidate to the last bit is a tie, which the
    lowest index decides.
    """
    u = float(np.finfo(np.float32).eps) / 2
    kth, last = np.sqrt(squares[:, n_neighbors - 1]), np.sqrt(found.reached.astype(np.float64))
    bound = u * (2 * np.sqrt(found.norms.astype(np.float64)) + (n_features + 3) * last)
    tie = squares[:, n_neighbors - 1] == squares[:, -1]
    return (kth > 0) & ~tie & ((kth > last - bound) | (found.reached < TINY))


def _sorted_exactly(
    X: AnyArray, asking: AnyArray, found: _Candidates, points: _Points
) -> tuple[Int[np.ndarray, "m count"], Float[np.ndarray, "m count"]]:
    """Candidates by rising squared distance, those of near-duplicates and of float64 points in
    float64.
    """
    indices, squares = found.indices, found.squares.astype(np.float64)
    norms = np.asarray(points.norms).ravel()
    near = squares < np.maximum(NEAR * (found.norms[:, None] + norms[indices]), TINY)
    i, j = np.nonzero(near | (asking.dtype == np.float64 and X.dtype == np.float64))
    if len(i):
        squares[i, j] = _pair_squares(np.asarray(X), np.asarray(asking), i, indices[i, j])
    order = np.lexsort((indices, squares), axis=1)
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(squares, order, axis=1)


def _pair_squares(X: Any, asking: Any, i: Any, j: Any) -> Float[np.ndarray, " pairs"]:
    """|q_i - x_j|^2 of pairs, by the definition in float64."""
    squares, step = np.empty(len(i)), max(PAIRS // X.shape[1], 1)
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        differences = asking[i[part]].astype(np.float64) - X[j[part]].astype(np.float64)
        squares[part] = np.square(differences, out=differences).sum(axis=1)
    return squares


def nearest_on_host(
    X: Real[np.ndarray, "n d"],
    asking: Real[np.ndarray, "m d"],
    own: Int[np.ndarray, " m"],
    n_neighbors: int,
) -> tuple[Int[np.ndarray, "m k"], Float[np.ndarray, "m k"]]:
    """The nearest points of each query and their squared distances, decided in float64.

    Expanded squares choose, by the definition it is decided which are nearest. Cost O(m n d) time,
    8 m n bytes.

    Args:
        X: points, in range.
        asking: queries.
        own: the index of each query among the points, which is left out; -1 where it is none of
            them.
        n_neighbors: k.
    """
    centre = centre_of(X).astype(np.float64)
    x, q = X - centre, asking - centre
    sums = np.square(q).sum(axis=1)[:, None] + np.square(x).sum(axis=1)[None, :]
    squares, rounding = sums - 2 * q @ x.T, 4 * error_bound(0.5, X.shape[1] + 12, np.float64) * sums
    mine = np.flatnonzero(own >= 0)
    squares[mine, own[mine]] = np.inf
    enough = np.partition(squares + rounding, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
    i, j = np.nonzero(squares - rounding <= enough[:, None])
    exact = _pair_squares(X, asking, i, j)
    order = np.lexsort((j, exact, i))
    first = (
        np.searchsorted(i[order], np.arange(len(asking)))[:, None] + np.arange(n_neighbors)[None, :]
    )
    return j[order[first]], exact[order[first]]
