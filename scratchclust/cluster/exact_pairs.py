"""Distances in float64 on the host, for the rows on which a decision hangs.

The expansion |x|^2 - 2 x.y + |y|^2 as on the devices, in float64; the pairs that even this leaves
in doubt are computed by the definition sum_f (x_f - y_f)^2. So what is decided here is what the
NumPy reference decides.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.distances import centre_of, error_bound
from scratchclust.neighbors import nearest_neighbors

STRIP = (
    2**19
)  # distances that are held at a time: few MB, so that caches help and products are not too thin
NEAR = 2.0**-20  # of |x|^2 + |y|^2; nearer pairs are computed by the definition
PAIRS = 2**18  # numbers of the differences that are held at a time


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
    x = centred(X)
    norms = (x**2).sum(axis=1)
    gamma = 2 * error_bound(0.5, X.shape[1] + 12, np.float64)
    for part in np.array_split(indices, -(-len(indices) * len(X) // STRIP)):
        sums = norms[part][:, None] + norms[None, :]
        squares = sums - 2 * x[part] @ x.T
        near = squares <= limit
        i, j = np.nonzero(np.abs(squares - limit) <= gamma * (sums + limit))
        near[i, j] = pair_squares(X, part[i], j) <= limit
        yield part, near


def centred(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """X relative to a point amid its rows, in float64; one of its own values, so that whole numbers
    stay whole.
    """
    return X.astype(np.float64) - centre_of(X).astype(np.float64)


def pair_squares(
    X: Real[np.ndarray, "n d"], i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Float[np.ndarray, " pairs"]:
    """|x_i - x_j|^2 of pairs of rows, by the definition in float64."""
    squares = np.empty(len(i))
    step = max(PAIRS // X.shape[1], 1)
    for begin in range(0, len(i), step):
        part = slice(begin, begin + step)
        differences = X[i[part]].astype(np.float64, copy=False) - X[j[part]].astype(
            np.float64, copy=False
        )
        squares[part] = np.square(differences, out=differences).sum(axis=1)
    return squares


def all_distances(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """|x_i - x_j| of all pairs, infinite from a point to itself. Cost O(n^2 d) time, 8 n^2 bytes."""
    x = centred(X)
    norms = (x**2).sum(axis=1)
    distances = np.empty((len(X), len(X)))
    for part in np.array_split(np.arange(len(X)), -(-(len(X) ** 2) // STRIP)):
        strip = distances[part[0] : part[-1] + 1]
        np.matmul(-2 * x[part], x.T, out=strip)
        strip += norms[part][:, None]
        strip += norms[None, :]
        i, j = np.nonzero(strip < NEAR * (norms[part][:, None] + norms[None, :]))
        strip[i, j] = pair_squares(x, part[i], j)
        np.sqrt(strip, out=strip)
    np.fill_diagonal(distances, np.inf)
    return distances


def first_neighbors(
    X: Real[np.ndarray, "n d"],
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nearest other point of each, and its squared distance in float64, found on all devices.

    Two candidates that differ by less than rounding in float32 are decided in float64.
    """
    found = nearest_neighbors(X, min(2, len(X) - 1))
    x = centred(X)
    everyone, nearest = np.arange(len(X)), found.indices[:, 0].astype(np.int64)
    squares = pair_squares(x, everyone, nearest)
    tie = 4 * (X.shape[1] + 4) * float(np.finfo(np.float32).eps)
    doubtful = np.flatnonzero(
        found.distances[:, -1] - found.distances[:, 0] <= tie * found.distances[:, -1]
    )
    if len(X) > 2 and len(doubtful):
        nearest[doubtful], squares[doubtful] = nearest_among(x, doubtful, everyone)
    return nearest, squares


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
    nearest, squares = np.empty(len(asking), np.int64), np.empty(len(asking))
    norms = (x**2).sum(axis=1)
    theirs = np.column_stack([x[among], np.ones(len(among)), norms[among]]).T
    rounding = 4 * error_bound(0.5, x.shape[1] + 12, np.float64) * (norms + norms[among].max())
    if sizes is not None:
        rounding *= 2 * sizes  # no weight of a row is larger
    step = max(STRIP // len(among), 1)
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
        exact = pair_squares(x, part[i], among[j])
        if sizes is not None:
            exact *= _weights(sizes[part[i]], sizes[among[j]])
        order = np.lexsort((among[j], exact, i))
        first = order[np.searchsorted(i[order], np.arange(len(part)))]
        nearest[begin : begin + step], squares[begin : begin + step] = among[j[first]], exact[first]
    return nearest, squares


def _weights(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Ward's weight of clusters of sizes a and b."""
    return 2 * a * b / (a + b)
