"""Spectral embedding, fast: the twin of `scratchclust/reference/spectral_embedding.py`.

The neighbours are found on all devices (`neighbors.py`); the graph is a sparse matrix on the host,
and SciPy finds its eigenvectors, part by part: where no edge joins two parts, the eigenvalue 0
comes once for each, and an iterative solver may miss some of them. The weights "precomputed" and
"rbf" are a full matrix on the host, and the rest is the same.

The steps have the names of the definition's, and its order. Other than there, `_graph` makes a
sparse matrix, `_all_weights` expands the squares (`_gaussian`), `_parts_of` is a search of SciPy's,
and `_smallest_eigenpairs` goes by the parts: 1 less the largest eigenvalues of D^-1/2 W D^-1/2, of
each part by a dense or a sparse solver (`_largest_of_part`).
"""

import math
import warnings
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float, Real
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

from scratchclust.checks import finite, one_of
from scratchclust.constants import (
    AFFINITIES,
    AFFINITY_ASYMMETRY,
    EDGE_WEIGHTS,
    EIGENVECTOR_SIGN_TIE,
    LEAST_EDGE_WEIGHT,
    SCALE_NEIGHBOR,
)
from scratchclust.distances import centre_of, exponent_of, scaled
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.results import Neighbors, SpectralEmbeddingResult
from scratchclust.rows import AnyArray

MOST_BYTES = 8 * 2**30  # of a full matrix of weights
DENSE_POINTS = 500  # of a part whose eigenvectors are found by a dense solver
EIGENVALUE_ACCURACY = 1e-8  # of the sparse solver
SPARSE_ITERATIONS = 5000  # of it, at most


def default_n_neighbors(n: int) -> int:
    """k = ln n, rounded up: 7 for 500 points, 10 for 10,000, 12 for 70,000 (why: see the twin)."""
    return max(1, min(math.ceil(math.log(n)), n - 1))


def spectral_embedding(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    n_neighbors: int | None = None,
    weights: str = "self-tuned",
    affinity: str = "nearest_neighbors",
    gamma: float | int = 1.0,
    most_parts: int | None = None,
) -> SpectralEmbeddingResult:
    """Find the eigenvectors of the q smallest eigenvalues of a graph's Laplacian.

    Args:
        X: points; the weights W [n n] for the affinity "precomputed".
        n_components: q.
        n_neighbors: k; None: `default_n_neighbors`.
        weights: "self-tuned" or "plain".
        affinity: "nearest_neighbors", "precomputed" or "rbf"; the last two know nothing of k and of
            `weights`.
        gamma: of "rbf".
        most_parts: of the graph; None: q.

    Returns:
        Eigenvectors and eigenvalues (float64 NumPy arrays), the number of parts of the graph, and
        the k that was used (0 where none was). Cost O(n^2 d) time for the neighbours and some
        hundred times O(n k) for the eigenvectors, memory O(n (d + k + q)); with all weights some
        hundred times O(n^2) and 24 n^2 bytes. In parts of more than 500 points eigenvalues are
        right to 1e-8.

    Raises:
        InputError: q not within 1..n, unknown words, those of `nearest_neighbors`, weights that are
            not square, negative, not finite or all 0, or more of them than `MOST_BYTES` holds.

    Warns:
        UserWarning: the graph fell into more parts than that, and k was doubled until it did not,
            or all weights are given and stay; a matrix of weights is not symmetric, and its mean
            with the transposed one was taken.
    """
    _check(X, n_components, weights, affinity)
    most = n_components if most_parts is None else most_parts
    k = 0
    if affinity == "nearest_neighbors":
        W, parts, k = _join_graph(X, most, n_neighbors, weights)
    else:
        W = _all_weights(np.asarray(X), affinity, gamma)
        parts = _parts_of(W)
        _warn_of_given_parts(most, int(parts.max()) + 1)
    vectors, eigenvalues = _smallest_eigenpairs(W, parts, n_components)
    return SpectralEmbeddingResult(_choose_signs(vectors), eigenvalues, int(parts.max()) + 1, k)


def _join_graph(
    X: AnyArray, most: int, n_neighbors: int | None, weights: str
) -> tuple[Any, np.ndarray, int]:
    """W of the nearest neighbours in at most q parts, the part of each point, and k."""
    n = len(X)
    k = wanted = default_n_neighbors(n) if n_neighbors is None else n_neighbors
    W, parts = _graph(X, k, weights)
    while parts.max() >= most and k < n - 1:
        k = min(2 * k, n - 1)
        W, parts = _graph(X, k, weights)
    _warn_of_parts(most, wanted, k)
    return W, parts, k


def _graph(X: AnyArray, k: int, weights: str) -> tuple[Any, np.ndarray]:
    """W as a sparse matrix, and the number of the part that each point belongs to."""
    near = nearest_neighbors(X, k)
    n = len(near.indices)
    values = _weights(near, weights).ravel()
    ends = np.arange(0, n * k + 1, k)
    W = scipy.sparse.csr_array((values, near.indices.ravel(), ends), shape=(n, n))
    W = (W + W.T) / 2
    W.eliminate_zeros()
    return W, connected_components(W, directed=False)[1]


def _weights(near: Neighbors, weights: str) -> Float[np.ndarray, "n k"]:
    if weights == "plain":
        return np.ones(near.distances.shape)
    scale = near.distances[:, min(SCALE_NEIGHBOR, near.distances.shape[1]) - 1]
    of_own = _relative(near.distances, scale[:, None])
    of_other = _relative(near.distances, scale[near.indices])
    with np.errstate(over="ignore"):
        return np.maximum(np.exp(-of_own * of_other), LEAST_EDGE_WEIGHT)


def _relative(
    distances: Float[np.ndarray, "n k"], scale: Float[np.ndarray, " n #k"]
) -> Float[np.ndarray, "n k"]:
    """d / s: squares of d or s could leave the range of floats."""
    # Of more than 7 equal points the scale is 0: nothing but they themselves is near to them.
    if_equal = np.where(distances == 0, 0, np.inf)
    with np.errstate(over="ignore"):
        return np.divide(distances, scale, out=if_equal, where=(scale > 0) & (distances > 0))


def _all_weights(X: np.ndarray, affinity: str, gamma: float | int) -> Float[np.ndarray, "n n"]:
    """W of the affinities "precomputed" and "rbf", with zeros on the diagonal."""
    if affinity == "rbf":
        W = _gaussian(X, gamma)
    else:
        exponent = np.frexp(float(X.max()))[1]  # sums must not leave the range of floats
        W = np.ldexp(X.astype(np.float64), -exponent)
        if np.abs(W - W.T).max() > AFFINITY_ASYMMETRY:
            warnings.warn("the affinities are not symmetric: (W + W.T) / 2 is taken", stacklevel=3)
        W = (W + W.T) / 2
    np.fill_diagonal(W, 0)
    if not W.any():
        raise InputError(
            "every affinity of two points is 0: "
            "take a smaller gamma, or scale the points by their spread"
        )
    return W


def _gaussian(X: np.ndarray, gamma: float | int) -> Float[np.ndarray, "n n"]:
    """exp(-gamma |x_i - x_j|^2), by expanded squares in float64."""
    exponent = exponent_of(X)
    x = scaled(X, centre_of(X), exponent)
    x -= centre_of(x)
    norms = np.square(x).sum(axis=1)
    squares = x @ (-2 * x.T)
    squares += norms[:, None]
    squares += norms[None, :]
    np.maximum(squares, 0, out=squares)
    squares *= -gamma
    with np.errstate(over="ignore"):
        squares = np.ldexp(squares, 2 * exponent, out=squares)
    return np.exp(squares, out=squares)


def _parts_of(W: Float[np.ndarray, "n n"]) -> np.ndarray:
    """The number of the part that each point belongs to."""
    # As a rule all are joined to all: then no sparse copy is made.
    if (np.count_nonzero(W, axis=1) == len(W) - 1).all():
        return np.zeros(len(W), np.int32)
    return connected_components(scipy.sparse.csr_array(W > 0), directed=False)[1]


def _smallest_eigenpairs(
    W: Any, parts: np.ndarray, q: int
) -> tuple[Float[np.ndarray, "n q"], Float[np.ndarray, " q"]]:
    """The eigenvectors of the q smallest eigenvalues of L, from those of each part alone."""
    degrees = W.sum(axis=1)
    root = np.sqrt(np.where(degrees > 0, degrees, 1))
    if scipy.sparse.issparse(W):
        scale = scipy.sparse.diags_array(1 / root)
        normalised = scale @ W @ scale
    else:
        normalised = W / root[:, None]
        normalised /= root[None, :]
    order = np.argsort(-np.bincount(parts), kind="stable")
    vectors = []
    eigenvalues = []
    for part in order:
        members = np.flatnonzero(parts == part)
        largest, local = _largest_of_part(_part(normalised, members, q), min(q, len(members)))
        whole = np.zeros((len(parts), len(largest)))
        whole[members] = local
        vectors.append(whole)
        # The first of each part is exact.
        eigenvalues.append(np.where(np.arange(len(largest)) == 0, 0, 1 - largest))
    of_all = np.concatenate(eigenvalues)
    first = np.argsort(of_all, kind="stable")[:q]
    return np.concatenate(vectors, axis=1)[:, first], np.maximum(of_all[first], 0)


def _part(normalised: Any, members: np.ndarray, q: int) -> Any:
    """Rows and columns of some points: a sparse matrix; of a full one that is large, a full one."""
    part = normalised if len(members) == normalised.shape[0] else normalised[members][:, members]
    if scipy.sparse.issparse(part) or len(members) <= max(DENSE_POINTS, 2 * q):
        return scipy.sparse.csr_array(part)
    return part


def _largest_of_part(
    normalised: Any, q: int
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "m q"]]:
    """The q largest eigenvalues of D^-1/2 W D^-1/2 of one part, falling, and their eigenvectors."""
    m = normalised.shape[0]
    if m <= max(DENSE_POINTS, 2 * q):
        largest, vectors = largest_eigenpairs(normalised.toarray(), q)
    else:
        # Any start that is no eigenvector; always the same.
        start = np.random.default_rng(0).uniform(0.5, 1.5, m)
        largest, vectors = eigsh(
            normalised,
            k=q,
            which="LA",
            tol=EIGENVALUE_ACCURACY,  # pyright: ignore[reportArgumentType]
            v0=start,
            maxiter=SPARSE_ITERATIONS,
        )
    falling = np.argsort(-largest)
    return largest[falling], vectors[:, falling]


def _choose_signs(vectors: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
    """Give each column the sign that makes its largest entry positive."""
    magnitudes = np.abs(vectors)
    largest = (magnitudes >= (1 - EIGENVECTOR_SIGN_TIE) * magnitudes.max(axis=0)).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)


def _check(X: AnyArray, n_components: int, weights: str, affinity: str) -> None:
    n = len(X)
    if not 1 <= n_components <= n:
        raise InputError(f"expected n_components within 1 and n = {n}, got {n_components}")
    one_of(*EDGE_WEIGHTS)("weights", weights)
    one_of(*AFFINITIES)("affinity", affinity)
    if affinity == "nearest_neighbors":
        return
    if 8 * n**2 > MOST_BYTES:
        raise InputError(
            f'affinity="{affinity}" keeps all weights of {n:,} points, {8 * n**2:,} bytes, and at '
            f'most {MOST_BYTES:,} are allowed: take "nearest_neighbors", or a sample of the points'
        )
    values = np.asarray(X)
    finite(values)
    if affinity == "precomputed" and (X.shape[0] != X.shape[1] or values.min() < 0):
        raise InputError(
            f"expected affinities [n n] of at least 0, got shape {list(X.shape)} and the smallest "
            f"{values.min():g}: give similarities of all pairs, not distances and not points"
        )


def _warn_of_parts(most: int, wanted: int, k: int) -> None:
    if k > wanted:
        warnings.warn(
            f"the graph of {wanted} neighbours fell into more than {most} parts that no "
            f"edge joins: {k} neighbours were taken; outliers or many equal points may be the "
            "reason",
            stacklevel=3,
        )


def _warn_of_given_parts(most: int, parts: int) -> None:
    if parts > most:
        warnings.warn(
            f"the graph is not fully connected: it falls into {parts} parts, which {most} "
            "coordinates cannot tell apart; ask for more components, or leave out points that "
            "nothing is similar to",
            stacklevel=3,
        )
