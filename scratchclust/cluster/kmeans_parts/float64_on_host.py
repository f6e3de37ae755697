"""The steps of k-means in float64 on the host: for points that float32 leaves in doubt, and for the
last digits.

Labels are those of the definition, argmin_j sum_f (x_f - c_jf)^2 in float64, whatever the block,
the offset or the device by which a point came. Where X itself is float64, so are centroids,
distances and inertia.
"""

import numpy as np
import scipy.sparse
from jaxtyping import Float, Int, Real

from scratchclust import rows, shares
from scratchclust.distances import centre_of, error_bound
from scratchclust.rows import AnyArray

NUMBERS_IN_CACHE = 2**16  # at a time in sums over rows, half a MB: what a core's cache holds
# Numbers at a time beside a matrix product, and rows at least: it reads all centroids once for each
# part.
NUMBERS_BESIDE_PRODUCT = 2**21
LEAST_ROWS_OF_PRODUCT = 128
# Share of |x|^2 + |c|^2: the float64 squares of nearer pairs are computed by the definition, since
# the expanded square has lost the last 20 of 53 bits.
NEAR_IN_FLOAT64 = 2.0**-20


def is_float64(X: AnyArray) -> bool:
    """Whether X is NumPy's and has digits that JAX, without `jax_enable_x64`, would round away."""
    return isinstance(X, np.ndarray) and X.dtype == np.float64 and rows.float_type(X) == np.float32


def nearest_in_float64(
    X: Real[np.ndarray, "m d"], centroids: Real[np.ndarray, "k d"]
) -> Int[np.ndarray, " m"]:
    """argmin_j |x_i - c_j|^2 by the definition in float64; the lowest index where two are equally
    near.

    The expanded square, in float64, tells which centroids can be the nearest; where there are two
    or more, the definition decides among them. Cost O(m k d) time, and no array of m x k.
    """
    offset = centre_of(centroids).astype(np.float64)
    c = centroids - offset
    c_norms = (c**2).sum(axis=1)
    minus_twice_c = np.ascontiguousarray(-2 * c.T)
    gamma = 2 * error_bound(0.5, X.shape[1] + 12, np.float64)
    labels = np.empty(len(X), np.int32)
    for part in _product_parts(len(X), max(len(c), X.shape[1])):
        x = X[part] - offset
        sums = np.einsum("ij,ij->i", x, x)[:, None] + c_norms[None, :]
        squares = x @ minus_twice_c
        squares += sums
        error = np.multiply(sums, gamma, out=sums)
        possible = squares - error <= (squares + error).min(axis=1, keepdims=True)
        labels[part] = possible.argmax(axis=1)
        several = np.flatnonzero(possible.sum(axis=1) != 1)
        i, j = np.nonzero(possible[several])
        exact = _pair_squares(X[part][several], centroids, i, j)
        order = np.lexsort((j, exact, i))
        labels[part.start + several] = j[order[np.searchsorted(i[order], np.arange(len(several)))]]
    return labels


def squares_in_float64(
    X: Real[np.ndarray, "n d"], centroids: Real[np.ndarray, "k d"], labels: Int[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """|x_i - c_{l_i}|^2 in float64. Cost O(n d)."""
    squares = np.empty(len(X))
    for part in _parts(len(X), X.shape[1], NUMBERS_IN_CACHE):
        squares[part] = _pair_squares(X[part], centroids, slice(None), labels[part])
    return squares


def means_in_float64(
    X: Real[np.ndarray, "n d"],
    centroids: Real[np.ndarray, "k d"],
    labels: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    counts: Float[np.ndarray, " k"] | None = None,
) -> tuple[Float[np.ndarray, "k d"], Float[np.ndarray, " k"]]:
    """c_j + sum w (x - c_j) / (n_j + sum w) over the points of each cluster, in float64, and n_j +
    sum w.

    With n_j = 0 that is the mean, from differences that are small whatever the distance to the
    origin; a cluster without weight keeps its centroid. Cost O(n d).

    Args:
        X: points.
        centroids: the present ones.
        labels: label of each point; one below 0 is in no cluster.
        weights: w.
        counts: the weights n_j that the centroids have already; None: none.
    """
    k = len(centroids)
    centroids = centroids.astype(np.float64)
    weights = np.where(labels < 0, 0, weights)
    labels = np.maximum(labels, 0)
    sums = np.zeros(centroids.shape)
    for part in _parts(len(X), X.shape[1], NUMBERS_IN_CACHE):
        differences = X[part] - centroids[labels[part]]
        of_clusters = scipy.sparse.csr_array(
            (weights[part], (labels[part], np.arange(len(differences)))),
            shape=(k, len(differences)),
        )
        sums += of_clusters @ differences
    sums = shares.summed(sums)
    total = shares.summed(np.bincount(labels, weights, k)) + (0 if counts is None else counts)
    return centroids + sums / np.where(total > 0, total, 1)[:, None], total


def distances_in_float64(
    X: Real[np.ndarray, "n d"], centroids: Real[np.ndarray, "k d"]
) -> Float[np.ndarray, "n k"]:
    """|x_i - c_j| in float64. Cost O(n k d), nearly all of it in a matrix product on the host."""
    offset = centre_of(centroids).astype(np.float64)
    c = centroids - offset
    c_norms = (c**2).sum(axis=1)
    minus_twice_c = np.ascontiguousarray(-2 * c.T)
    distances = np.empty((len(X), len(c)))
    for part in _product_parts(len(X), max(len(c), X.shape[1])):
        squares = distances[part]
        x = X[part] - offset
        x_norms = np.einsum("ij,ij->i", x, x)
        np.matmul(x, minus_twice_c, out=squares)
        squares += x_norms[:, None]
        squares += c_norms[None, :]
        near = np.flatnonzero(squares.min(axis=1) <= NEAR_IN_FLOAT64 * (x_norms + c_norms.max()))
        norms = x_norms[near][:, None] + c_norms[None, :]
        i, j = np.nonzero(squares[near] <= NEAR_IN_FLOAT64 * norms)
        squares[near[i], j] = _pair_squares(X[part], centroids, near[i], j)
        np.sqrt(squares, out=squares)
    return distances


def _pair_squares(
    X: np.ndarray, centroids: np.ndarray, i: np.ndarray | slice, j: np.ndarray
) -> np.ndarray:
    """|x_i - c_j|^2 of pairs; the sum runs over one row after the other, as in the reference, so
    that ties are ties.
    """
    squares = np.empty(len(j))
    for part in _parts(len(j), X.shape[1], NUMBERS_IN_CACHE):
        rows_of_x = X[part if isinstance(i, slice) else i[part]]
        differences = np.ascontiguousarray(rows_of_x, np.float64) - centroids[j[part]]
        squares[part] = np.square(differences, out=differences).sum(axis=1)
    return squares


def _product_parts(n: int, columns: int) -> list[slice]:
    return _parts(n, columns, NUMBERS_BESIDE_PRODUCT, LEAST_ROWS_OF_PRODUCT)


def _parts(n: int, columns: int, numbers: int, least: int = 1) -> list[slice]:
    """The rows 0 to n - 1 in spans of at most so many numbers, but of `least` rows or more."""
    step = max(numbers // columns, least)
    return [slice(begin, min(begin + step, n)) for begin in range(0, n, step)]
