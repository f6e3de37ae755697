"""Agglomerative clustering: the two nearest clusters are merged again and again.

What "nearest" means for clusters is the linkage. With the points x, the sizes |A| and the means
m_A,

    single     d(A, B) = min |x - y|     over x in A and y in B
    complete   d(A, B) = max |x - y|
    average    d(A, B) = mean |x - y|
    ward       d(A, B) = sqrt(2 |A| |B| / (|A| + |B|)) |m_A - m_B|

All of them follow from the distances before a merge, without a look at the points (Lance &
Williams):

    single, complete   d(A u B, C) = min or max of d(A, C), d(B, C)
    average            d(A u B, C) = (|A| d(A, C) + |B| d(B, C)) / (|A| + |B|)
    ward               d(A u B, C)^2 = ((|A| + |C|) d(A, C)^2 + (|B| + |C|) d(B, C)^2
                                        - |C| d(A, B)^2) / (|A| + |B| + |C|)

Distances of points may be others than |x - y| ("euclidean"), but for Ward, whose means would have
no meaning then:

    cosine       1 - cos(x, y) = |u - v|^2 / 2    with u = x / |x|, v = y / |y|
    manhattan    sum_f |x_f - y_f|
    precomputed  whatever came as a matrix

The n - 1 merges are a tree, kept as SciPy's linkage matrix; cutting it where k clusters are left
gives a clustering.

The fast twin of this file is `scratchclust/cluster/agglomerative.py`.

Sources: Lance & Williams, A general theory of classificatory sorting strategies, 1967. Ward,
Hierarchical grouping to optimize an objective function, 1963.
"""

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust.checks import finite, one_of
from scratchclust.constants import AGGLOMERATIVE_METRICS, DISTANCE_ASYMMETRY, LINKAGES
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.results import AgglomerativeResult


def agglomerative(
    X: Real[np.ndarray, "n d"], linkage: str = "ward", *, metric: str = "euclidean"
) -> AgglomerativeResult:
    """Build the tree of merges. Of equally near pairs the first, by rows, is merged.

    Args:
        X: points; distances [n n] for the metric "precomputed".
        linkage: "ward", "complete", "average" or "single".
        metric: "euclidean", "cosine", "manhattan" or "precomputed"; for "ward" the first alone.

    Returns:
        The linkage matrix. Cost O(n^3) time and O(n^2) memory.

    Raises:
        InputError: no points, an unknown linkage or metric, NaN or infinity in X, a row of zeros
            with "cosine", or no distances with "precomputed".
    """
    _check(X, linkage, metric)
    n = len(X)
    x = X.astype(np.float64)
    if metric in ("euclidean", "manhattan"):  # which do not change when all points are moved
        x = X - np.quantile(x, 0.5, axis=0, method="lower")
    # squares of very large or small numbers leave the range of floats
    exponent = np.frexp(np.abs(x).max())[1]
    distances = _metric_distances(np.ldexp(x, -exponent), metric)
    np.fill_diagonal(distances, np.inf)
    sizes = np.ones(n)  # of the cluster in each row
    names = np.arange(n)
    merges = np.empty((n - 1, 4))
    for step in range(n - 1):
        i, j = sorted(np.unravel_index(distances.argmin(), distances.shape))
        first, second = sorted((names[i], names[j]))
        merges[step] = first, second, distances[i, j], sizes[i] + sizes[j]
        merged = _distances_to_union(linkage, distances, sizes, i, j)
        merged[[i, j]] = np.inf
        distances[i] = distances[:, i] = merged
        distances[j] = distances[:, j] = np.inf
        sizes[i] += sizes[j]
        names[i] = n + step
    if metric != "cosine":
        merges[:, 2] = np.ldexp(merges[:, 2], exponent)
    return AgglomerativeResult(merges)


def _metric_distances(x: Float[np.ndarray, "n d"], metric: str) -> Float[np.ndarray, "n n"]:
    """The distances of all pairs."""
    if metric == "precomputed":
        upper = np.triu(x, 1)
        return upper + upper.T
    if metric == "manhattan":
        return np.stack([np.abs(x - y).sum(axis=1) for y in x])
    if metric == "cosine":
        return squared_distances(unit_rows(x), unit_rows(x)) / 2
    return np.sqrt(squared_distances(x, x))


def _distances_to_union(
    linkage: str,
    distances: Float[np.ndarray, "n n"],
    sizes: Float[np.ndarray, " n"],
    i: int | np.integer,
    j: int | np.integer,
) -> Float[np.ndarray, " n"]:
    """The distances of all clusters C to the union of A and B, in the rows i and j."""
    to_a = distances[i]
    to_b = distances[j]
    a = sizes[i]
    b = sizes[j]
    if linkage == "single":
        return np.minimum(to_a, to_b)
    if linkage == "complete":
        return np.maximum(to_a, to_b)
    if linkage == "average":
        return (a * to_a + b * to_b) / (a + b)
    between = distances[i, j]
    squares = (a + sizes) * to_a**2 + (b + sizes) * to_b**2 - sizes * between**2
    return np.sqrt(squares / (a + b + sizes))


def cut(tree: AgglomerativeResult, n_clusters: int) -> Int[np.ndarray, " n"]:
    """Cut the tree where n_clusters are left, which are numbered by their first points.

    Raises:
        InputError: n_clusters not within 1 and n.
    """
    n = len(tree.linkage_matrix) + 1
    if not 1 <= n_clusters <= n:
        raise InputError(
            f"expected n_clusters within 1 and {n}, the number of points, got {n_clusters}"
        )
    members = {i: [i] for i in range(n)}
    for step, (a, b) in enumerate(tree.linkage_matrix[: n - n_clusters, :2].astype(int)):
        members[n + step] = members.pop(a) + members.pop(b)
    labels = np.empty(n, np.int32)
    for number, points in enumerate(sorted(members.values(), key=min)):
        labels[points] = number
    return labels


def count_clusters(tree: AgglomerativeResult, distance_threshold: float | int) -> int:
    """Count the clusters when only those nearer to each other than the threshold are merged."""
    return 1 + int((tree.linkage_matrix[:, 2] >= distance_threshold).sum())


def _check(X: Real[np.ndarray, "n d"], linkage: str, metric: str) -> None:
    _check_words(linkage, metric)
    if not len(X):
        raise InputError("expected at least one point, got none")
    finite(X)
    if metric == "precomputed":
        _check_distances(X)


def _check_words(linkage: str, metric: str) -> None:
    one_of(*LINKAGES)("linkage", linkage)
    one_of(*AGGLOMERATIVE_METRICS)("metric", metric)
    if linkage == "ward" and metric != "euclidean":
        raise InputError(
            f"{metric} was provided as metric. Ward can only work with euclidean distances "
            '(its heights are distances of means): take linkage="average" for instance'
        )


def _check_distances(D: Real[np.ndarray, "n d"]) -> None:
    if D.shape[0] != D.shape[1]:
        raise InputError(
            f"Distance matrix should be square, got matrix of shape {D.shape}: "
            "give the distances of all pairs"
        )
    if (D < 0).any():
        raise InputError(
            f"expected distances of at least 0, got {D.min():g}: give distances, not similarities"
        )
    D = D.astype(np.float64)
    if np.abs(D - D.T).max() > DISTANCE_ASYMMETRY * D.max():
        raise InputError(
            "expected as far from i to j as from j to i: "
            "give a symmetric matrix, (D + D.T) / 2 for instance"
        )
