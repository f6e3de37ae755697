"""Spectral embedding: points as a graph of neighbours, and the graph's smoothest functions as coordinates.

Each point is joined to its k nearest. With d_ij the distance and s_i that of i to its 7th neighbour (the last, if
k < 7), the weights and degrees are

    w_ij = max(exp(-d_ij^2 / (s_i s_j)), 1e-6) for j in N_k(i), else 0        "self-tuned"; "plain": w_ij = 1
    W = (w + w') / 2        D = diag(sum_j W_ij)

The symmetric normalised Laplacian L = I - D^-1/2 W D^-1/2 has eigenvalues within [0, 2]. The eigenvectors of its q
smallest are the embedding. As many eigenvalues are 0 as the graph has parts that no edge joins; points of one group,
joined among themselves more than to others, come to lie near each other in the first q coordinates.

If the graph falls into more than q parts, q coordinates cannot tell them apart: k is doubled until it does not.

The fast twin of this file is `scratchclust/reduce/spectral_embedding.py`.

Sources: Shi and Malik, Normalized cuts and image segmentation, 2000; Ng, Jordan and Weiss, On spectral clustering,
2002; the weights: Zelnik-Manor and Perona, Self-tuning spectral clustering, 2004; von Luxburg, A tutorial on spectral
clustering, 2007.
"""

import math
import warnings

import numpy as np
from jaxtyping import Float, Real

from scratchclust.errors import InputError
from scratchclust.reference.neighbors import nearest_neighbors
from scratchclust.results import Neighbors, SpectralEmbeddingResult

SCALE_NEIGHBOR = 7
LEAST_WEIGHT = 1e-6  # an edge is an edge, however long: without it exp would round it to none
TIE = 1e-5  # relative difference of two magnitudes below which they count as equal


def default_n_neighbors(n: int) -> int:
    """k = ln n, rounded up: 7 for 500 points, 8 for 2,000, 10 for 10,000, 12 for 70,000.

    A graph of neighbours of random points holds together if k grows like log n, and not if it grows more slowly (von
    Luxburg, section 8.1). More neighbours than that join what should stay apart.
    """
    return max(1, min(math.ceil(math.log(n)), n - 1))


def spectral_embedding(
    X: Real[np.ndarray, "n d"], n_components: int, *, n_neighbors: int | None = None, weights: str = "self-tuned"
) -> SpectralEmbeddingResult:
    """The eigenvectors of the q smallest eigenvalues of the Laplacian of the graph of neighbours.

    Args:
        X: points.
        n_components: q.
        n_neighbors: k; None: `default_n_neighbors`.
        weights: "self-tuned" or "plain".

    Returns:
        Eigenvectors and eigenvalues, the number of parts of the graph, and the k that was used. Cost O(n^3) time,
        O(n^2) memory.

    Raises:
        InputError: q not within 1..n, unknown weights, and those of `nearest_neighbors`.

    Warns:
        UserWarning: the graph fell into more than q parts, and k was doubled until it did not.
    """
    n = len(X)
    if not 1 <= n_components <= n:
        raise InputError(f"expected n_components within 1 and n = {n}, got {n_components}")
    if weights not in ("self-tuned", "plain"):
        raise InputError(f'expected weights "self-tuned" or "plain", got {weights!r}')
    k = wanted = default_n_neighbors(n) if n_neighbors is None else n_neighbors
    affinity, parts = _graph(X, k, weights)
    while parts > n_components and k < n - 1:
        k = min(2 * k, n - 1)
        affinity, parts = _graph(X, k, weights)
    _warn_of_parts(n_components, wanted, k)
    root = np.sqrt(affinity.sum(axis=1))
    laplacian = np.eye(n) - affinity / root[:, None] / root
    eigenvalues, vectors = np.linalg.eigh(laplacian)
    return SpectralEmbeddingResult(_signed(vectors[:, :n_components]), eigenvalues[:n_components], parts, k)


def _graph(X: np.ndarray, k: int, weights: str) -> tuple[Float[np.ndarray, "n n"], int]:
    """W, and the number of its parts."""
    near = nearest_neighbors(X, k)
    affinity = np.zeros((len(X), len(X)))
    np.put_along_axis(affinity, near.indices, _weights(near, weights), axis=1)
    affinity = (affinity + affinity.T) / 2
    return affinity, _n_parts(affinity > 0)


def _weights(near: Neighbors, weights: str) -> Float[np.ndarray, "n k"]:
    if weights == "plain":
        return np.ones(near.distances.shape)
    scale = near.distances[:, min(SCALE_NEIGHBOR, near.distances.shape[1]) - 1]
    products = scale[:, None] * scale[near.indices]
    # Of more than 7 equal points the scale is 0: nothing but they themselves is near to them.
    exponents = np.divide(near.distances**2, products, out=np.full_like(products, np.inf), where=products > 0)
    return np.maximum(np.exp(-np.where(near.distances == 0, 0, exponents)), LEAST_WEIGHT)


def _n_parts(joined: np.ndarray) -> int:
    """How many groups no edge joins: every point takes the smallest number among its neighbours until none changes."""
    number = np.arange(len(joined))
    while True:
        smallest = np.where(joined | np.eye(len(joined), dtype=bool), number, len(joined)).min(axis=1)
        if (smallest == number).all():
            return len(np.unique(number))
        number = smallest


def _signed(vectors: Float[np.ndarray, "n q"]) -> Float[np.ndarray, "n q"]:
    """Each column with the sign that makes its largest entry positive."""
    magnitudes = np.abs(vectors)
    largest = (magnitudes >= (1 - TIE) * magnitudes.max(axis=0)).argmax(axis=0)
    return vectors * np.where(vectors[largest, np.arange(vectors.shape[1])] < 0, -1, 1)


def _warn_of_parts(n_components: int, wanted: int, k: int) -> None:
    if k > wanted:
        warnings.warn(
            f"the graph of {wanted} neighbours fell into more than {n_components} parts that no edge joins: "
            f"{k} neighbours were taken; outliers or many equal points may be the reason",
            stacklevel=3,
        )
