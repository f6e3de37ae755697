"""Distances in float64 on the host, for the rows on which a decision hangs.

The expansion |x|^2 - 2 x.y + |y|^2 as on the devices, in float64; the pairs that even this leaves
in doubt are computed by the definition sum_f (x_f - y_f)^2. So what is decided here is what the
NumPy reference decides.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.distances import centre_of, error_bound

# Distances that are held at a time: few MB, so that caches help and products are not too thin.
DISTANCES_AT_A_TIME = 2**19
NUMBERS_AT_A_TIME = 2**18  # of the differences x_i - y_j of pairs
NEAR_SHARE = 2.0**-20  # of |x|^2 + |y|^2; nearer pairs are computed by the definition


def pair_squares(
    X: Real[np.ndarray, "n d"],
    Y: Real[np.ndarray, "m d"],
    i: Int[np.ndarray, " pairs"],
    j: Int[np.ndarray, " pairs"],
) -> Float[np.ndarray, " pairs"]:
    """|x_i - y_j|^2 of pairs of rows, by the definition in float64."""
    squares = np.empty(len(i))
    step = max(NUMBERS_AT_A_TIME // X.shape[1], 1)
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        differences = X[i[part]].astype(np.float64, copy=False)  # the selection is a copy already
        differences -= Y[j[part]]
        squares[part] = np.square(differences, out=differences).sum(axis=1)
    return squares


def centre_rows(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """X less a value of its own in each feature, in float64: whole numbers stay whole."""
    return X.astype(np.float64) - centre_of(X).astype(np.float64)


def near_rows(
    X: Real[np.ndarray, "n d"], indices: Int[np.ndarray, " m"], eps: float
) -> Iterator[tuple[Int[np.ndarray, " part"], Bool[np.ndarray, "part n"]]]:
    """Some of the rows after others, and which points lie within eps of them.

    Args:
        X: points.
        indices: the rows that ask.
        eps: the largest distance, which is still near.

    Yields:
        Parts of `indices`, and their neighbours. Cost O(m n d) time and O(n d) memory.
    """
    if not len(indices):
        return
    limit = min(eps * eps, np.finfo(np.float64).max / 4)
    x = centre_rows(X)
    norms = (x**2).sum(axis=1)
    gamma = 2 * error_bound(0.5, X.shape[1] + 12, np.float64)
    for part in strips(indices, len(X)):
        sums = norms[part][:, None] + norms[None, :]
        squares = sums - 2 * x[part] @ x.T
        near = squares <= limit
        i, j = np.nonzero(np.abs(squares - limit) <= gamma * (sums + limit))
        near[i, j] = pair_squares(X, X, part[i], j) <= limit
        yield part, near


def strips(indices: Int[np.ndarray, " m"], n: int) -> list[Int[np.ndarray, " part"]]:
    """The rows that ask in equal parts, each of which meets n points at a time."""
    if not len(indices):
        return []
    return np.array_split(indices, rows.ceil_div(len(indices) * n, DISTANCES_AT_A_TIME))


def all_distances(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """|x_i - x_j| of all pairs, infinite from a point to itself.

    Cost O(n^2 d) time, 8 n^2 bytes.
    """
    x = centre_rows(X)
    norms = (x**2).sum(axis=1)
    distances = np.empty((len(X), len(X)))
    for part in strips(np.arange(len(X)), len(X)):
        strip = distances[part[0] : part[-1] + 1]
        np.matmul(-2 * x[part], x.T, out=strip)
        strip += norms[part][:, None]
        strip += norms[None, :]
        i, j = np.nonzero(strip < NEAR_SHARE * (norms[part][:, None] + norms[None, :]))
        strip[i, j] = pair_squares(x, x, part[i], j)
        np.sqrt(strip, out=strip)
    np.fill_diagonal(distances, np.inf)
    return distances


def nearest_among(
    x: Float[np.ndarray, "n d"],
    asking: Int[np.ndarray, " m"],
    among: Int[np.ndarray, " k"],
    *,
    groups: Int[np.ndarray, " n"] | None = None,
    sizes: Float[np.ndarray, " n"] | None = None,
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The nearest of some rows to each of some rows, and the squared distance.

    Args:
        x: rows, centred.
        asking: which rows ask.
        among: which rows may be the answer; rising, the lowest of equally near ones is taken.
        groups: no row of the same group is an answer; None: only the row itself is none (`among`
            holds `asking` then).
        sizes: for Ward's distance, 2 s_i s_j / (s_i + s_j) |x_i - x_j|^2; None: |x_i - x_j|^2.

    Returns:
        Indices of rows, and squares by the definition. Cost O(m k d) time and O(n d) memory.
    """
    nearest = np.empty(len(asking), np.int64)
    squares = np.empty(len(asking))
    norms = (x**2).sum(axis=1)
    theirs = np.column_stack([x[among], np.ones(len(among)), norms[among]]).T
    rounding = 4 * error_bound(0.5, x.shape[1] + 12, np.float64) * (norms + norms[among].max())
    if sizes is not None:
        rounding *= 2 * sizes  # no weight of a row is larger
    step = max(DISTANCES_AT_A_TIME // len(among), 1)
    for begin in range(0, len(asking), step):
        part = asking[begin : begin + step]
        values = np.column_stack([-2 * x[part], norms[part], np.ones(len(part))]) @ theirs
        if sizes is not None:
            values /= (0.5 / sizes[part])[:, None] + (0.5 / sizes[among])[None, :]
        if groups is None:
            values[np.arange(len(part)), np.searchsorted(among, part)] = np.inf
        else:
            values[groups[part][:, None] == groups[among][None, :]] = np.inf
        i, j = np.nonzero(values <= (values.min(axis=1) + rounding[part])[:, None])
        exact = pair_squares(x, x, part[i], among[j])
        if sizes is not None:
            exact *= _ward_weights(sizes[part[i]], sizes[among[j]])
        order, begins = _by_row(i, among[j], exact)
        first = order[begins]
        nearest[begin : begin + step] = among[j[first]]
        squares[begin : begin + step] = exact[first]
    return nearest, squares


def _ward_weights(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Ward's weight of clusters of sizes a and b."""
    return 2 * a * b / (a + b)


def nearest_of_queries(
    X: Real[np.ndarray, "n d"],
    queries: Real[np.ndarray, "m d"],
    own: Int[np.ndarray, " m"],
    n_neighbors: int,
) -> tuple[Int[np.ndarray, "m k"], Float[np.ndarray, "m k"]]:
    """The k nearest points of each query and their squared distances, the nearest first.

    Expanded squares choose, by the definition it is decided which are nearest; of equally near ones
    the lowest index comes first. Cost O(m n d) time, 8 m n bytes.

    Args:
        X: points, in range.
        queries: other points, or some of these.
        own: the index of each query among the points, which is left out; -1 where it is none of
            them.
        n_neighbors: k.
    """
    centre = centre_of(X).astype(np.float64)
    x = X - centre
    q = queries - centre
    sums = np.square(q).sum(axis=1)[:, None] + np.square(x).sum(axis=1)[None, :]
    squares = sums - 2 * q @ x.T
    rounding = 4 * error_bound(0.5, X.shape[1] + 12, np.float64) * sums
    themselves = np.flatnonzero(own >= 0)
    squares[themselves, own[themselves]] = np.inf
    enough = np.partition(squares + rounding, n_neighbors - 1, axis=1)[:, n_neighbors - 1]
    i, j = np.nonzero(squares - rounding <= enough[:, None])
    exact = pair_squares(queries, X, i, j)
    order, begins = _by_row(i, j, exact)
    first = order[begins[:, None] + np.arange(n_neighbors)[None, :]]
    return j[first], exact[first]


def _by_row(
    i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"], squares: Float[np.ndarray, " pairs"]
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " m"]]:
    """Sort pairs (i, j) by row, then by square, then by index: their order; where each row begins.

    Every row from 0 on has a pair.
    """
    order = np.lexsort((j, squares, i))
    return order, np.flatnonzero(np.diff(i[order], prepend=-1))
