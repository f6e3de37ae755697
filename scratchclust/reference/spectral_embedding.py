"""Spectral embedding: points as a graph, and its smoothest functions as coordinates.

Each point is joined to its k nearest. With d_ij the distance and s_i that of i to its 7th neighbour
(the last, if k < 7), the weights and degrees are

    w_ij = max(exp(-d_ij^2 / (s_i s_j)), 1e-6) for j in N_k(i), else 0      "self-tuned"
    w_ij = 1                                                                "plain"
    W = (w + w') / 2        D = diag(sum_j W_ij)

Or the weights are given as a matrix ("precomputed"), or W_ij = exp(-gamma |x_i - x_j|^2) for all
pairs ("rbf"); what stands on the diagonal is no edge and counts for nothing, as in SciPy's and
scikit-learn's Laplacian.

The symmetric normalised Laplacian L = I - D^-1/2 W D^-1/2 has eigenvalues within [0, 2]. The
eigenvectors of its q smallest are the embedding. As many eigenvalues are 0 as the graph has parts
that no edge joins; points of one group, joined among themselves more than to others, come to lie
near each other in the first q coordinates.

If the graph falls into more than q parts, q coordinates cannot tell them apart: k is doubled until
it does not. A point without any edge is a part of its own, with the eigenvalue 0.

The fast twin of this file is `scratchclust/reduce/spectral_embedding.py`.

Sources: Shi and Malik, Normalized cuts and image segmentation, 2000; Ng, Jordan and Weiss, On
spectral clustering, 2002; the weights: Zelnik-Manor and Perona, Self-tuning spectral clustering,
2004; von Luxburg, A tutorial on spectral clustering, 2007.
"""

import math
import warnings

import numpy as np
from jaxtyping import Float, Real

from scratchclust.checks import finite, one_of
from scratchclust.constants import (
    AFFINITIES,
    AFFINITY_ASYMMETRY,
    EDGE_WEIGHTS,
    EIGENVECTOR_SIGN_TIE,
    LEAST_EDGE_WEIGHT,
    SCALE_NEIGHBOR,
)
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances
from scratchclust.reference.neighbors import nearest_neighbors
from scratchclust.results import Neighbors, SpectralEmbeddingResult


def default_n_neighbors(n: int) -> int:
    """k = ln n, rounded up: 7 for 500 points, 8 for 2,000, 10 for 10,000, 12 for 70,000.

    A graph of neighbours of random points holds together if k grows like log n, and not if it grows
    more slowly (von Luxburg, section 8.1). More neighbours than that join what should stay apart.
    """
    return max(1, min(math.ceil(math.log(n)), n - 1))


def spectral_embedding(
    X: Real[np.ndarray, "n d"],
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
        Eigenvectors and eigenvalues, the number of parts of the graph, and the k that was used.
        Cost O(n^3) time, O(n^2) memory.

    Raises:
        InputError: q not within 1..n, unknown words, those of `nearest_neighbors`, weights that are
            not square, negative, not finite or all 0.

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
        W = _all_weights(X, affinity, gamma)
        parts = _n_parts(W > 0)
        _warn_of_given_parts(most, parts)
    vectors, eigenvalues = _smallest_eigenpairs(W, n_components)
    return SpectralEmbeddingResult(_choose_signs(vectors), eigenvalues, parts, k)


def _join_graph(
    X: np.ndarray, most: int, n_neighbors: int | None, weights: str
) -> tuple[Float[np.ndarray, "n n"], int, int]:
    """W of the nearest neighbours, the number of its parts, which are at most q, and k."""
    n = len(X)
    k = wanted = default_n_neighbors(n) if n_neighbors is None else n_neighbors
    W, parts = _graph(X, k, weights)
    while parts > most and k < n - 1:
        k = min(2 * k, n - 1)
        W, parts = _graph(X, k, weights)
    _warn_of_parts(most, wanted, k)
    return W, parts, k


def _graph(X: np.ndarray, k: int, weights: str) -> tuple[Float[np.ndarray, "n n"], int]:
    """W, and the number of its parts."""
    near = nearest_neighbors(X, k)
    W = np.zeros((len(X), len(X)))
    np.put_along_axis(W, near.indices, _weights(near, weights), axis=1)
    W = (W + W.T) / 2
    return W, _n_parts(W > 0)


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
        exponent = np.frexp(np.abs(X.astype(np.float64)).max(initial=0))[1]
        x = np.ldexp(X.astype(np.float64), -exponent)
        with np.errstate(over="ignore"):
            W = np.exp(-np.ldexp(gamma * squared_distances(x, x), 2 * exponent))
    else:
        W = X.astype(np.float64)
        exponent = np.frexp(W.max(initial=0))[1]  # sums must not leave the range of floats
        W = np.ldexp(W, -exponent)
        if np.abs(W - W.T).max(initial=0) > AFFINITY_ASYMMETRY:
            warnings.warn("the affinities are not symmetric: (W + W.T) / 2 is taken", stacklevel=3)
        W = (W + W.T) / 2
    np.fill_diagonal(W, 0)
    if not W.any():
        raise InputError(
            "every affinity of two points is 0: "
            "take a smaller gamma, or scale the points by their spread"
        )
    return W


def _n_parts(joined: np.ndarray) -> int:
    """How many groups no edge joins.

    Every point takes the smallest number among its neighbours until none changes.
    """
    number = np.arange(len(joined))
    joined = joined | np.eye(len(joined), dtype=bool)
    while True:
        smallest = np.where(joined, number, len(joined)).min(axis=1)
        if (smallest == number).all():
            return len(np.unique(number))
        number = smallest


def _smallest_eigenpairs(
    W: Float[np.ndarray, "n n"], q: int
) -> tuple[Float[np.ndarray, "n q"], Float[np.ndarray, " q"]]:
    """The eigenvectors of the q smallest eigenvalues of L, and these."""
    degrees = W.sum(axis=1)
    root = np.sqrt(np.where(degrees > 0, degrees, 1))
    laplacian = np.diag(np.where(degrees > 0, 1.0, 0.0)) - W / root[:, None] / root
    eigenvalues, vectors = np.linalg.eigh(laplacian)
    return vectors[:, :q], eigenvalues[:q]


def _choose_signs(vectors: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
    """Give each column the sign that makes its largest entry positive."""
    magnitudes = np.abs(vectors)
    largest = (magnitudes >= (1 - EIGENVECTOR_SIGN_TIE) * magnitudes.max(axis=0)).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)


def _check(X: np.ndarray, n_components: int, weights: str, affinity: str) -> None:
    if not 1 <= n_components <= len(X):
        raise InputError(f"expected n_components within 1 and n = {len(X)}, got {n_components}")
    one_of(*EDGE_WEIGHTS)("weights", weights)
    one_of(*AFFINITIES)("affinity", affinity)
    if affinity == "nearest_neighbors":
        return
    finite(X)
    if affinity == "precomputed" and (X.shape[0] != X.shape[1] or X.min() < 0):
        raise InputError(
            f"expected affinities [n n] of at least 0, got shape {list(X.shape)} and the smallest "
            f"{X.min():g}: give similarities of all pairs, not distances and not points"
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
