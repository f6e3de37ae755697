"""Exact nearest neighbours, fast: the twin of `scratchclust/reference/neighbors.py`.

Blocks of queries meet tiles of all points, one matrix product each, and keep the few best so far: memory
O((m + n) d + m k), never m x n. The expanded squares |x|^2 - 2 x.y + |y|^2 of that product only choose candidates, some
more than are asked for; the distances of these are computed by their definition, near-duplicates in float64. Where
rounding might have kept a nearer point from the candidates, all distances of that query are computed by the definition.
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
from scratchclust.distances import NEAR, AnyArray, centre_of, check_range, error_bound, product, unit_rows
from scratchclust.errors import InputError
from scratchclust.results import Neighbors

TILE = 2048  # points that a block of queries meets at a time
EXTRA = 8  # candidates beyond those asked for
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second
BY_DEFINITION = 8  # what a distance by its definition costs, relative to one of a product


def nearest_neighbors(
    X: Real[AnyArray, "n d"],
    n_neighbors: int,
    *,
    queries: Real[AnyArray, "m d"] | None = None,
    metric: str = "euclidean",
) -> Neighbors:
    """The nearest points of X to each query, or to each point of X itself, which then does not count.

    Args:
        X: points.
        n_neighbors: k.
        queries: other points; None asks for the neighbours of the points of X.
        metric: "euclidean" or "cosine".

    Returns:
        Indices and distances [m k] (NumPy arrays), the nearest first; of equally near ones the lowest index first. Cost
        O(m n d) time, O((m + n) d + m k) memory.

    Raises:
        InputError: not 1 <= k <= n (n - 1 without queries), an unknown metric, queries of another length, NaN or
            infinity or numbers whose squares leave the range of float32, or with "cosine" a row of zeros.
    """
    _check(X, n_neighbors, queries, metric)
    if metric == "cosine":
        X, queries = unit_rows(X), None if queries is None else unit_rows(queries)
    asking, own = (X, np.arange(len(X))) if queries is None else (queries, np.full(len(queries), -1))
    others = len(X) - (queries is None)
    count = min(n_neighbors + EXTRA, others)
    points = _in_tiles(X, count)
    found = _search(asking, own, points, count)
    check_range(asking, float(found.norms.max()))
    indices, squares = _sorted_exactly(X, asking, found, points)
    doubtful = np.flatnonzero(_doubtful(squares[:, n_neighbors - 1], found, X.shape[1]))
    if count < others and len(doubtful):
        again = _search(asking[doubtful], own[doubtful], points, count, by_definition=True)
        indices[doubtful], squares[doubtful] = _sorted_exactly(X, asking[doubtful], again, points)
    nearest = squares[:, :n_neighbors]
    return Neighbors(indices[:, :n_neighbors], nearest / 2 if metric == "cosine" else np.sqrt(nearest))


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
    reached: Any  # [m] the largest expanded square among them: but for rounding no other point is nearer
    norms: Any  # [m] |q|^2 of the centred query


def _check(X: AnyArray, n_neighbors: int, queries: AnyArray | None, metric: str) -> None:
    most = len(X) - (queries is None)
    if metric not in ("euclidean", "cosine"):
        raise InputError(f'expected metric "euclidean" or "cosine", got {metric!r}')
    if not 1 <= n_neighbors <= most:
        raise InputError(f"expected n_neighbors within 1 and {most}, the number of other points, got {n_neighbors}")
    if queries is not None and queries.shape[1] != X.shape[1]:
        raise InputError(f"expected queries of {X.shape[1]} features as the points have, got {queries.shape[1]}")


def _in_tiles(X: AnyArray, count: int) -> _Points:
    """The points in tiles of at least `count`; an InputError if X cannot be computed with."""
    tile = min(max(TILE, 1 << (count - 1).bit_length()), -(-len(X) // 8) * 8)
    offset = centre_of(X)
    spread = rows.on_every_device(rows.split(X, block=tile, offset=offset), rows.mesh())
    x, norms, largest = _with_norms(spread, len(X), math.ceil(len(X) / tile))
    check_range(X, float(largest))
    return _Points(x, norms, np.asarray(offset))


@partial(jax.jit, static_argnames="n_tiles")
def _with_norms(x: Array, n: ScalarLike, n_tiles: int) -> tuple[Array, Array, Array]:
    """Those tiles of [T tile d] that are not all filling; their squared norms, infinite in the filling; the largest."""
    x = x[:n_tiles]
    norms = (x * x).sum(axis=2)
    filled = jnp.arange(norms.size).reshape(norms.shape) < n
    return x, jnp.where(filled, norms, jnp.inf), jnp.where(filled, norms, 0).max()


def _search(
    asking: AnyArray, own: Int[np.ndarray, " m"], points: _Points, count: int, *, by_definition: bool = False
) -> _Candidates:
    """The candidates of every query, in calls that are short enough to interrupt.

    Args:
        asking: queries [m d].
        own: the index of each query among the points, which is left out; -1 where it is none of them.
        points: what is searched.
        count: number of candidates.
        by_definition: whether no distance is expanded.
    """
    block = rows.block_size(len(asking), points.x.shape[1])
    cost = points.x.size * (BY_DEFINITION if by_definition else 1)
    found = []
    for part in _parts(len(asking), block * rows.mesh().size, max(1, round(STRETCH / cost / block))):
        queries = rows.split(asking[part], block=block, offset=points.offset)
        data = rows.Rows((queries, rows.split(own[part], block=block, dtype=np.int32)), rows.mesh())
        found.append(_nearest(data, points.x, points.norms, count, by_definition))
    columns = zip(*(jax.tree.map(np.asarray, part) for part in found), strict=True)
    return _Candidates(*(np.concatenate([a.reshape(-1, *a.shape[2:]) for a in c])[: len(asking)] for c in columns))


def _parts(m: int, least: int, most: int) -> Int[np.ndarray, "calls items"]:
    """The numbers below m divided into equal calls of at most `least * most`; the filling repeats the last."""
    per_call = least * min(most, math.ceil(m / least))
    numbers = np.minimum(np.arange(math.ceil(m / per_call) * per_call), m - 1)
    return numbers.reshape(-1, per_call)


@partial(jax.jit, static_argnames=("count", "by_definition"))
def _nearest(data: rows.Rows, x: Array, norms: Array, count: int, by_definition: bool) -> _Candidates:
    """The candidates of blocks of queries."""

    def block(q: Array, own: Array, x: Array, norms: Array) -> tuple[None, _Candidates]:
        tile = x.shape[1]

        def meet(best: tuple[Array, Array], part: tuple[Array, Array, Array]) -> tuple[tuple[Array, Array], None]:
            y, norms, first = part
            scores = _by_definition(q, y, norms) if by_definition else norms[None, :] - 2 * product(q, y)
            scores = jnp.where(first + jnp.arange(tile)[None, :] == own[:, None], jnp.inf, scores)
            nearest, place = jax.lax.top_k(-scores, count)
            both = jnp.concatenate([best[0], nearest], axis=1), jnp.concatenate([best[1], first + place], axis=1)
            nearest, place = jax.lax.top_k(both[0], count)
            return (nearest, jnp.take_along_axis(both[1], place, axis=1)), None

        nothing = jnp.full((len(q), count), -jnp.inf, q.dtype), jnp.zeros((len(q), count), jnp.int32)
        firsts = jnp.arange(len(x), dtype=jnp.int32) * tile
        (nearest, indices), _ = jax.lax.scan(meet, nothing, (x, norms, firsts))
        flat = x.reshape(-1, x.shape[2])
        squares = jax.lax.map(lambda column: jnp.square(q - flat[column]).sum(axis=1), indices.T).T
        of_query = (q * q).sum(axis=1)
        return None, _Candidates(indices, squares, -nearest[:, -1] + (0 if by_definition else of_query), of_query)

    return rows.map_sum(block, data, x, norms)[1]


def _by_definition(q: Float[Array, "b d"], y: Float[Array, "tile d"], norms: Float[Array, " tile"]) -> Array:
    squares = jax.lax.map(lambda one: jnp.square(one[None, :] - y).sum(axis=1), q)
    return jnp.where(jnp.isinf(norms)[None, :], jnp.inf, squares)


def _doubtful(kth: Float[np.ndarray, " m"], found: _Candidates, n_features: int) -> Bool[np.ndarray, " m"]:
    """Where a point that is no candidate might be nearer than the k-th: its expanded square errs by no more than
    gamma (|q| + |y|)^2, and |y| <= |q| + the k-th distance."""
    gamma = error_bound(0.5, n_features, found.squares.dtype)
    bound = gamma * (2 * np.sqrt(found.norms.astype(np.float64)) + np.sqrt(kth)) ** 2
    return (kth > 0) & (kth > found.reached - bound)


def _sorted_exactly(
    X: AnyArray, asking: AnyArray, found: _Candidates, points: _Points
) -> tuple[Int[np.ndarray, "m count"], Float[np.ndarray, "m count"]]:
    """Candidates by rising squared distance, those of near-duplicates in float64."""
    indices, squares = found.indices, found.squares.astype(np.float64)
    norms = np.asarray(points.norms).ravel()
    i, j = np.nonzero(squares < NEAR * (found.norms[:, None] + norms[indices]))
    if len(i):
        X, asking = np.asarray(X), np.asarray(asking)
        for part in np.array_split(np.arange(len(i)), math.ceil(len(i) * X.shape[1] / 2**22)):
            a, b = asking[i[part]].astype(np.float64), X[indices[i[part], j[part]]].astype(np.float64)
            squares[i[part], j[part]] = np.square(a - b).sum(axis=1)
    order = np.lexsort((indices, squares), axis=1)
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(squares, order, axis=1)
