"""Exact nearest neighbours, fast: the twin of `scratchclust/reference/neighbors.py`.

Blocks of queries meet tiles of all points, one matrix product each, and keep the few best so far
(`neighbors_parts/candidates.py`, on a CPU `neighbors_parts/on_cpu.py`): memory O((m + n) d + m k),
never m x n. The expanded squares
|x|^2 - 2 x.y + |y|^2 of that product only choose candidates, some more than are asked for; the
distances of these are computed by their definition, near-duplicates in float64 (`_sort_exactly`).
Where rounding might have kept a nearer point from the candidates, all distances of that query are
computed by the definition (`_search_closely`); where not even float32 itself can tell (a tight
group in a wide world), the host decides in float64 (`nearest_of_queries` of `exact_pairs.py`).

Of float64 points (NumPy) the distances of all candidates are computed in float64: what is found, in
which order and how far, is then exact. Numbers whose squares would leave the range of float32 are
scaled by a power of two before.
"""

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.checks import one_of
from scratchclust.distances import (
    MOST,
    NEAR,
    centre_of,
    check_range,
    error_bound,
    exponent_of,
    scaled,
    unit_rows,
)
from scratchclust.errors import InputError
from scratchclust.exact_pairs import nearest_of_queries, pair_squares, strips
from scratchclust.neighbors_parts import on_cpu
from scratchclust.neighbors_parts.candidates import (
    Candidates,
    Queries,
    SearchedPoints,
    in_tiles,
    search,
)
from scratchclust.results import Neighbors
from scratchclust.rows import AnyArray

EXTRA_CANDIDATES = 8  # beyond those asked for
LEAST_WIDTH = 1e-8  # of data whose squared distances float32 can hold
TINY_SQUARE = 1e-30  # that float32 may have rounded to 0


def nearest_neighbors(
    X: Real[AnyArray, "n d"],
    n_neighbors: int,
    *,
    queries: Real[AnyArray, "m d"] | None = None,
    metric: str = "euclidean",
) -> Neighbors:
    """Find the nearest points of X to each query, or to each point of X but itself.

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
        X = unit_rows(X)
        queries = None if queries is None else unit_rows(queries)
    if isinstance(X, np.ndarray) and queries is not None:
        queries = np.asarray(queries)
    X, queries, exponent = _in_range(X, queries)
    found = _nearest_squares(X, queries, n_neighbors)
    if found is None:
        queries = None if queries is None else np.asarray(queries)
        X, queries, exponent = _in_range(np.asarray(X), queries)
        found = _nearest_squares(X, queries, n_neighbors)
    assert found is not None  # NumPy arrays are in range by now
    indices, squares = found
    if metric == "cosine":
        return Neighbors(indices, squares / 2)
    return Neighbors(indices, np.ldexp(np.sqrt(squares), exponent))


def _in_range(X: AnyArray, queries: AnyArray | None) -> tuple[AnyArray, AnyArray | None, int]:
    """Divide by 2^e NumPy arrays whose squared distances float32 cannot hold; e is 0 for others."""
    if isinstance(X, jax.Array) or isinstance(queries, jax.Array):
        return X, queries, 0
    exponent = exponent_of(X, queries)
    if not exponent:
        return X, queries, 0
    centre = centre_of(X)
    queries = None if queries is None else scaled(queries, centre, exponent)
    return scaled(X, centre, exponent), queries, exponent


def _nearest_squares(
    X: AnyArray, queries: AnyArray | None, n_neighbors: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Indices and squared distances [m k] of the nearest; None for JAX arrays not in range."""
    if queries is None:
        asking = Queries(X, np.arange(len(X)))
        others = len(X) - 1
    else:
        asking = Queries(queries, np.full(len(queries), -1))
        others = len(X)
    count = min(n_neighbors + EXTRA_CANDIDATES, others)
    points, largest = in_tiles(X, count)
    if isinstance(X, jax.Array) and not LEAST_WIDTH**2 < largest < MOST**2:
        return None
    _check_finite(X, largest)
    look = on_cpu.search if rows.platform() == "cpu" and not rows.is_shared() else search
    found = look(asking, points, count)
    farthest = float(found.norms.max(initial=0))
    if isinstance(X, jax.Array) and not farthest < MOST**2:
        return None
    _check_finite(asking.x, farthest)
    indices, squares = _sort_exactly(X, asking, found, points)
    if count < others:
        doubtful = np.flatnonzero(_is_doubtful(squares[:, n_neighbors - 1], found, X.shape[1]))
        if len(doubtful):
            closely = _search_closely(X, asking.some(doubtful), points, count, n_neighbors)
            indices[doubtful], squares[doubtful] = closely
    return indices[:, :n_neighbors], squares[:, :n_neighbors]


def _search_closely(
    X: AnyArray, asking: Queries, points: SearchedPoints, count: int, n_neighbors: int
) -> tuple[Int[np.ndarray, "m count"], Float[np.ndarray, "m count"]]:
    """The candidates of queries for which expanded squares leave doubt.

    All distances by their definition; where not even float32 can tell, in float64 on the host.
    """
    found = search(asking, points, count, by_definition=True)
    indices, squares = _sort_exactly(X, asking, found, points)
    unsure = np.flatnonzero(_is_unsure(squares, n_neighbors, found, X.shape[1]))
    queries = np.asarray(asking.x)
    for part in strips(unsure, len(X)):
        decided = nearest_of_queries(np.asarray(X), queries[part], asking.own[part], n_neighbors)
        indices[part, :n_neighbors], squares[part, :n_neighbors] = decided
    return indices, squares


def _check_finite(X: AnyArray, largest: float) -> None:
    """An InputError where the largest squared norm is none that points in range can have."""
    if not largest < MOST**2:
        check_range(X, largest)


def _check(X: AnyArray, n_neighbors: int, queries: AnyArray | None, metric: str) -> None:
    one_of("euclidean", "cosine")("metric", metric)
    most = len(X) - (queries is None)
    if not 1 <= n_neighbors <= most:
        raise InputError(
            f"expected n_neighbors within 1 and {most}, the number of other points, "
            f"got {n_neighbors}"
        )
    if queries is not None and queries.shape[1] != X.shape[1]:
        raise InputError(
            f"expected queries of {X.shape[1]} features as the points have, got {queries.shape[1]}"
        )


def _is_doubtful(
    kth: Float[np.ndarray, " m"], found: Candidates, n_features: int
) -> Bool[np.ndarray, " m"]:
    """Where a point that is no candidate might be nearer than the k-th.

    Its expanded square errs by no more than gamma (|q| + |y|)^2, and |y| <= |q| + the k-th
    distance.
    """
    gamma = error_bound(0.5, n_features, found.squares.dtype)
    bound = gamma * (2 * np.sqrt(found.norms.astype(np.float64)) + np.sqrt(kth)) ** 2
    return (kth > 0) & ((kth > found.reached - bound) | (found.reached < TINY_SQUARE))


def _is_unsure(
    squares: Float[np.ndarray, "m count"], n_neighbors: int, found: Candidates, n_features: int
) -> Bool[np.ndarray, " m"]:
    """Where distances by their definition, in float32, do not tell the k-th from the others.

    Rounding moves each of two points by at most u of its length and the distance itself by (d + 2)
    u of it. A k-th one that is as far as the last candidate to the last bit is a tie, which the
    lowest index decides.
    """
    u = float(np.finfo(np.float32).eps) / 2
    kth = np.sqrt(squares[:, n_neighbors - 1])
    last = np.sqrt(found.reached.astype(np.float64))
    bound = u * (2 * np.sqrt(found.norms.astype(np.float64)) + (n_features + 3) * last)
    tie = squares[:, n_neighbors - 1] == squares[:, -1]
    return (kth > 0) & ~tie & ((kth > last - bound) | (found.reached < TINY_SQUARE))


def _sort_exactly(
    X: AnyArray, asking: Queries, found: Candidates, points: SearchedPoints
) -> tuple[Int[np.ndarray, "m count"], Float[np.ndarray, "m count"]]:
    """Sort candidates by distance; those of near-duplicates and float64 points in float64."""
    indices = found.indices
    squares = found.squares.astype(np.float64)
    norms = np.asarray(points.norms).ravel()
    near = squares < np.maximum(NEAR * (found.norms[:, None] + norms[indices]), TINY_SQUARE)
    i, j = np.nonzero(near | (asking.x.dtype == np.float64 and X.dtype == np.float64))
    if len(i):
        squares[i, j] = pair_squares(np.asarray(asking.x), np.asarray(X), i, indices[i, j])
    # a device has sorted them, and only near-duplicates may have changed places since
    unsorted = np.flatnonzero(~(squares[:, 1:] > squares[:, :-1]).all(axis=1))
    if 2 * len(unsorted) > len(squares):
        return _sort_rows(indices, squares)
    indices = indices.copy()
    indices[unsorted], squares[unsorted] = _sort_rows(indices[unsorted], squares[unsorted])
    return indices, squares


def _sort_rows(
    indices: Int[np.ndarray, "m count"], squares: Float[np.ndarray, "m count"]
) -> tuple[Int[np.ndarray, "m count"], Float[np.ndarray, "m count"]]:
    """Each row by square; of equal ones the lowest index first."""
    order = np.argsort(squares, axis=1)
    in_order = np.take_along_axis(squares, order, axis=1)
    tied = (in_order[:, 1:] == in_order[:, :-1]).any(axis=1)  # `lexsort` takes eight times as long
    order[tied] = np.lexsort((indices[tied], squares[tied]), axis=1)
    return np.take_along_axis(indices, order, axis=1), in_order
