"""Spectral embedding, fast: the twin of `scratchclust/reference/spectral_embedding.py`, where the mathematics is.

The neighbours are found on all devices (`neighbors.py`); the graph is a sparse matrix on the host, and SciPy finds its
eigenvectors, part by part: where no edge joins two parts, the eigenvalue 0 comes once for each, and an iterative solver
may miss some of them.
"""

import math
import warnings
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float, Real
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

from scratchclust.distances import AnyArray
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.results import Neighbors, SpectralEmbeddingResult

SCALE_NEIGHBOR = 7
LEAST_WEIGHT = 1e-6  # an edge is an edge, however long: without it exp would round it to none
TIE = 1e-5  # relative difference of two magnitudes below which they count as equal
SMALL = 500  # points of a part whose eigenvectors are found by a dense solver
ACCURACY = 1e-8  # of the sparse solver's eigenvalues


def default_n_neighbors(n: int) -> int:
    """k = ln n, rounded up: 7 for 500 points, 8 for 2,000, 10 for 10,000, 12 for 70,000; why, its twin says."""
    return max(1, min(math.ceil(math.log(n)), n - 1))


def spectral_embedding(
    X: Real[AnyArray, "n d"], n_components: int, *, n_neighbors: int | None = None, weights: str = "self-tuned"
) -> SpectralEmbeddingResult:
    """The eigenvectors of the q smallest eigenvalues of the Laplacian of the graph of neighbours.

    Args:
        X: points.
        n_components: q.
        n_neighbors: k; None: `default_n_neighbors`.
        weights: "self-tuned" or "plain".

    Returns:
        Eigenvectors and eigenvalues (float64 NumPy arrays), the number of parts of the graph, and the k that was used.
        Cost O(n^2 d) time for the neighbours and some hundred times O(n k) for the eigenvectors; memory
        O(n (d + k + q)).

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
    while parts.max() >= n_components and k < n - 1:
        k = min(2 * k, n - 1)
        affinity, parts = _graph(X, k, weights)
    n_parts = int(parts.max()) + 1
    _warn_of_parts(n_components, wanted, k)
    vectors, eigenvalues = _smallest(affinity, parts, n_components)
    return SpectralEmbeddingResult(_signed(vectors), eigenvalues, n_parts, k)


def _graph(X: AnyArray, k: int, weights: str) -> tuple[Any, np.ndarray]:
    """W as a sparse matrix, and the number of the part that each point belongs to."""
    near = nearest_neighbors(X, k)
    n = len(near.indices)
    of_rows = (_weights(near, weights).ravel(), near.indices.ravel(), np.arange(0, n * k + 1, k))
    affinity = scipy.sparse.csr_array(of_rows, shape=(n, n))
    affinity = (affinity + affinity.T) / 2
    affinity.eliminate_zeros()
    return affinity, connected_components(affinity, directed=False)[1]


def _weights(near: Neighbors, weights: str) -> Float[np.ndarray, "n k"]:
    if weights == "plain":
        return np.ones(near.distances.shape)
    scale = near.distances[:, min(SCALE_NEIGHBOR, near.distances.shape[1]) - 1]
    products = scale[:, None] * scale[near.indices]
    # Of more than 7 equal points the scale is 0: nothing but they themselves is near to them.
    exponents = np.divide(near.distances**2, products, out=np.full_like(products, np.inf), where=products > 0)
    return np.maximum(np.exp(-np.where(near.distances == 0, 0, exponents)), LEAST_WEIGHT)


def _smallest(affinity: Any, parts: np.ndarray, q: int) -> tuple[Float[np.ndarray, "n q"], Float[np.ndarray, " q"]]:
    """The eigenvectors of the q smallest eigenvalues of L, from those of each part alone; large parts first."""
    root = np.sqrt(affinity.sum(axis=1))
    normalised = scipy.sparse.diags_array(1 / root) @ affinity @ scipy.sparse.diags_array(1 / root)
    order = np.argsort(-np.bincount(parts), kind="stable")
    vectors, eigenvalues = [], []
    for part in order:
        members = np.flatnonzero(parts == part)
        largest, local = _largest_of_part(normalised[members][:, members].tocsr(), min(q, len(members)))
        whole = np.zeros((len(parts), len(largest)))
        whole[members] = local
        vectors.append(whole)
        eigenvalues.append(np.where(np.arange(len(largest)) == 0, 0, 1 - largest))  # the first of each part is exact
    eigenvalues, vectors = np.concatenate(eigenvalues), np.concatenate(vectors, axis=1)
    first = np.argsort(eigenvalues, kind="stable")[:q]
    return vectors[:, first], np.maximum(eigenvalues[first], 0)


def _largest_of_part(normalised: Any, q: int) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "m q"]]:
    """The q largest eigenvalues of D^-1/2 W D^-1/2 of one part, falling, and their eigenvectors."""
    m = normalised.shape[0]
    if m <= max(SMALL, 2 * q):
        largest, vectors = largest_eigenpairs(normalised.toarray(), q)
    else:
        start = np.random.default_rng(0).uniform(0.5, 1.5, m)  # any start that is no eigenvector; always the same
        largest, vectors = eigsh(normalised, k=q, which="LA", tol=ACCURACY, v0=start, maxiter=5000)  # pyright: ignore[reportArgumentType]
    falling = np.argsort(-largest)
    return largest[falling], vectors[:, falling]


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
