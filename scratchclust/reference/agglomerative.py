"""Agglomerative clustering: every point begins as a cluster, and the two nearest clusters are merged again and again.

What "nearest" means for clusters is the linkage. With the points x, the sizes |A| and the means m_A,

    single     d(A, B) = min |x - y|     over x in A and y in B
    complete   d(A, B) = max |x - y|
    average    d(A, B) = mean |x - y|
    ward       d(A, B) = sqrt(2 |A| |B| / (|A| + |B|)) |m_A - m_B|

All of them follow from the distances before a merge, without a look at the points (Lance & Williams):

    single, complete   d(A u B, C) = min or max of d(A, C), d(B, C)
    average            d(A u B, C) = (|A| d(A, C) + |B| d(B, C)) / (|A| + |B|)
    ward               d(A u B, C)^2 = ((|A| + |C|) d(A, C)^2 + (|B| + |C|) d(B, C)^2 - |C| d(A, B)^2) / N
                       with N = |A| + |B| + |C|

The n - 1 merges are a tree, kept as SciPy's linkage matrix; cutting it where k clusters are left gives a clustering.

The fast twin of this file is `scratchclust/cluster/agglomerative.py`.

Sources: Lance & Williams, A general theory of classificatory sorting strategies, 1967. Ward, Hierarchical grouping to
optimize an objective function, 1963.
"""

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances
from scratchclust.results import AgglomerativeResult

LINKAGES = ("ward", "complete", "average", "single")


def agglomerative(X: Real[np.ndarray, "n d"], linkage: str = "ward") -> AgglomerativeResult:
    """The tree of merges. Of equally near pairs the first, by rows, is merged.

    Args:
        X: points.
        linkage: "ward", "complete", "average" or "single".

    Returns:
        The linkage matrix. Cost O(n^3) time and O(n^2) memory.

    Raises:
        InputError: no points, an unknown linkage, or NaN or infinity in X.
    """
    _check(X, linkage)
    n = len(X)
    distances = np.sqrt(squared_distances(X, X))
    np.fill_diagonal(distances, np.inf)
    sizes, names = np.ones(n), np.arange(n)  # of the cluster in each row
    merges = np.empty((n - 1, 4))
    for step in range(n - 1):
        i, j = sorted(np.unravel_index(distances.argmin(), distances.shape))
        merges[step] = min(names[i], names[j]), max(names[i], names[j]), distances[i, j], sizes[i] + sizes[j]
        merged = _updated(linkage, distances[i], distances[j], distances[i, j], sizes[i], sizes[j], sizes)
        merged[[i, j]] = np.inf
        distances[i], distances[:, i] = merged, merged
        distances[j], distances[:, j] = np.inf, np.inf
        sizes[i], names[i] = sizes[i] + sizes[j], n + step
    return AgglomerativeResult(merges)


def _updated(
    linkage: str,
    to_a: Float[np.ndarray, " n"],
    to_b: Float[np.ndarray, " n"],
    between: Float[np.ndarray, ""] | np.floating,
    a: np.floating,
    b: np.floating,
    sizes: Float[np.ndarray, " n"],
) -> Float[np.ndarray, " n"]:
    """The distances of all clusters to the union of A and B, of sizes a and b; infinite where a cluster is no more."""
    if linkage == "single":
        return np.minimum(to_a, to_b)
    if linkage == "complete":
        return np.maximum(to_a, to_b)
    if linkage == "average":
        return (a * to_a + b * to_b) / (a + b)
    return np.sqrt(((a + sizes) * to_a**2 + (b + sizes) * to_b**2 - sizes * between**2) / (a + b + sizes))


def cut(tree: AgglomerativeResult, n_clusters: int) -> Int[np.ndarray, " n"]:
    """The clustering in which n_clusters are left, numbered by their first points.

    Raises:
        InputError: n_clusters not within 1 and n.
    """
    n = len(tree.linkage_matrix) + 1
    if not 1 <= n_clusters <= n:
        raise InputError(f"expected n_clusters within 1 and {n}, the number of points, got {n_clusters}")
    members = {i: [i] for i in range(n)}
    for step, (a, b) in enumerate(tree.linkage_matrix[: n - n_clusters, :2].astype(int)):
        members[n + step] = members.pop(a) + members.pop(b)
    labels = np.empty(n, np.int32)
    for number, points in enumerate(sorted(members.values(), key=min)):
        labels[points] = number
    return labels


def count_clusters(tree: AgglomerativeResult, distance_threshold: float | int) -> int:
    """The number of clusters when only those nearer to each other than the threshold are merged."""
    return 1 + int((tree.linkage_matrix[:, 2] >= distance_threshold).sum())


def _check(X: Real[np.ndarray, "n d"], linkage: str) -> None:
    if linkage not in LINKAGES:
        raise InputError(f"expected linkage to be one of {', '.join(map(repr, LINKAGES))}, got {linkage!r}")
    if not len(X):
        raise InputError("expected at least one point, got none")
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
