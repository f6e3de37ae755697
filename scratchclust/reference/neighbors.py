"""Exact nearest neighbours: all distances, sorted.

    N_k(i) = the k points j != i of smallest |x_i - x_j|

or, with metric="cosine", of smallest 1 - cos(x_i, x_j) = |u_i - u_j|^2 / 2 with u = x / |x|.

The fast twin of this file is `scratchclust/neighbors.py`.
"""

import numpy as np
from jaxtyping import Real

from scratchclust.checks import one_of
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.results import Neighbors


def nearest_neighbors(
    X: Real[np.ndarray, "n d"],
    n_neighbors: int,
    *,
    queries: Real[np.ndarray, "m d"] | None = None,
    metric: str = "euclidean",
) -> Neighbors:
    """Find the nearest points of X to each query, or to each point of X but itself.

    Args:
        X: points.
        n_neighbors: k.
        queries: other points; None asks for the neighbours of the points of X.
        metric: "euclidean" or "cosine".

    Returns:
        Indices and distances [m k], the nearest first; of equally near ones the lowest index first.
        Cost O(m n d) time and O(m n) memory.

    Raises:
        InputError: not 1 <= k <= n (n - 1 without queries), an unknown metric, queries of another
            length, NaN or infinity, or with "cosine" a row of zeros.
    """
    _check(X, n_neighbors, queries, metric)
    asking = X if queries is None else queries
    if metric == "cosine":
        X = unit_rows(X)
        asking = unit_rows(asking)
    largest = max(np.abs(a.astype(np.float64)).max(initial=0) for a in (X, asking))
    # squares of very large or small numbers leave the range of floats
    exponent = np.frexp(largest)[1]
    asking = np.ldexp(asking.astype(np.float64), -exponent)
    X = np.ldexp(X.astype(np.float64), -exponent)
    squares = squared_distances(asking, X)
    if queries is None:
        np.fill_diagonal(squares, np.inf)
    indices = squares.argsort(axis=1, kind="stable")[:, :n_neighbors]
    nearest = np.take_along_axis(squares, indices, axis=1)
    if metric == "cosine":
        distances = np.ldexp(nearest, 2 * exponent) / 2
    else:
        distances = np.ldexp(np.sqrt(nearest), exponent)
    return Neighbors(indices.astype(np.int32), distances)


def _check(
    X: Real[np.ndarray, "n d"],
    n_neighbors: int,
    queries: Real[np.ndarray, "m d"] | None,
    metric: str,
) -> None:
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
    if not (np.isfinite(X).all() and (queries is None or np.isfinite(queries).all())):
        raise InputError("X or queries hold NaN or infinity: leave out or fill those rows first")
