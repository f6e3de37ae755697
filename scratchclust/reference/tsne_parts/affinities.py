"""Affinities of t-SNE between points of the data: p_j|i, and p_ij of all pairs.

Part of `scratchclust/reference/tsne.py`, where they are explained. The fast twin of this file is
`scratchclust/reduce/tsne_parts/affinities.py`.
"""

import numpy as np
from jaxtyping import Float, Real

from scratchclust.checks import finite, one_of
from scratchclust.constants import HALVINGS, LOG_PRECISION_RANGE
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.reference.neighbors import nearest_neighbors
from scratchclust.results import Neighbors


def check(X: Real[np.ndarray, "n d"], perplexity: float, metric: str) -> None:
    """Refuse what no affinities can be computed of.

    Raises:
        InputError: fewer than two points, a perplexity that is not from 1 to below their number, an
            unknown metric, NaN or infinity, or what are no distances.
    """
    n = len(X)
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one has no neighbour")
    if not 1 <= perplexity < n:
        raise InputError(
            f"expected perplexity to be of at least 1 and below n_samples = {n}, got "
            f"{perplexity:g}: a third of the points is a lot"
        )
    one_of("euclidean", "cosine", "precomputed")("metric", metric)
    finite(X)
    if metric == "precomputed" and X.shape[0] != X.shape[1]:
        raise InputError(f"expected X to be a square distance matrix, got shape {list(X.shape)}")
    if metric == "precomputed" and (X < 0).any():
        raise InputError("expected X to be distances of at least 0, got a negative one")


def nearest(
    X: Real[np.ndarray, "n d"], k: int, X_new: Real[np.ndarray, "m d"], metric: str
) -> Neighbors:
    """The k nearest points of the fit to each new one, or the smallest of distances."""
    if metric != "precomputed":
        return nearest_neighbors(X, k, queries=X_new, metric=metric)
    indices = X_new.argsort(axis=1, kind="stable")[:, :k].astype(np.int32)
    return Neighbors(indices, np.take_along_axis(X_new, indices, axis=1).astype(np.float64))


def conditional_affinities(
    squared_distances: Float[np.ndarray, "n m"], perplexity: float
) -> Float[np.ndarray, "n m"]:
    """p_j|i of each row, whose entropy is log(perplexity): bisection for log b_i.

    The entropy falls as b grows. Subtracting the smallest squared distance of a row changes no p
    and avoids exponents that underflow all at once; dividing by the mean gives b a scale.

    Args:
        squared_distances: from each point to m others; infinity leaves one out (the point itself).
        perplexity: a row of fewer than so many others, or with as many equally near ones, chooses
            evenly among these.
    """
    finite = np.isfinite(squared_distances)
    smallest = squared_distances.min(axis=1, keepdims=True)
    excess = np.where(finite, squared_distances - smallest, 0)
    mean = excess.sum(axis=1, keepdims=True) / finite.sum(axis=1, keepdims=True)
    u = excess / np.where(mean > 0, mean, 1)
    low, high = (np.full((len(u), 1), end) for end in LOG_PRECISION_RANGE)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_even = _entropy(_softmax(u, finite, middle)) > np.log(perplexity)
        low = np.where(too_even, middle, low)
        high = np.where(too_even, high, middle)
    return _softmax(u, finite, (low + high) / 2)


def joint_affinities(
    X: Real[np.ndarray, "n d"], perplexity: float, *, metric: str = "euclidean"
) -> Float[np.ndarray, "n n"]:
    """p_ij of all pairs, zero on the diagonal. Cost O(n^2 d) time, O(n^2) memory.

    Args:
        X: points, or with metric="precomputed" their distances [n n].
        perplexity: about how many neighbours each point has.
        metric: "euclidean", "cosine" (1 - cos in place of |x_i - x_j|, squared as that is) or
            "precomputed".

    Raises:
        InputError: fewer than two points, NaN or infinity among them, not 1 <= perplexity < n, an
            unknown metric, with "cosine" a row of zeros, or with "precomputed" no square matrix or
            a negative distance.
    """
    check(X, perplexity, metric)
    squares = _squares(X, metric)
    np.fill_diagonal(squares, np.inf)
    p = conditional_affinities(squares, perplexity)
    return (p + p.T) / (2 * len(X))


def _squares(X: Real[np.ndarray, "n d"], metric: str) -> Float[np.ndarray, "n n"]:
    """The squared distances of all pairs; with "cosine" |u_i - u_j|^2 / 2 = 1 - cos is one."""
    if metric == "precomputed":
        return X.astype(np.float64) ** 2
    if metric == "cosine":
        u = unit_rows(X)
        return (squared_distances(u, u) / 2) ** 2
    return squared_distances(X, X)


def _softmax(
    u: Float[np.ndarray, "n m"], finite: np.ndarray, log_b: Float[np.ndarray, "n 1"]
) -> Float[np.ndarray, "n m"]:
    e = np.where(finite, np.exp(-np.exp(log_b) * u), 0)
    return e / e.sum(axis=1, keepdims=True)


def _entropy(p: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n 1"]:
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=1, keepdims=True)
