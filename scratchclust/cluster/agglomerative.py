"""Agglomerative clustering, fast: the twin of `scratchclust/reference/agglomerative.py`, which explains the linkages.

    single              the merges are the edges of a minimum spanning tree   `spanning_tree.py`    O(n d) memory
    ward                clusters that are each other's nearest merge, many    `ward.py`             O(n d) memory
                        pairs at a time; distances from the means
    complete, average   the nearest-neighbour chain on all distances          `neighbor_chain.py`   8 n^2 bytes

The first nearest neighbours, most of the work of the first two, are found on all devices. What comes after is one
decision after another, in ever smaller parts, and a wrong one changes the tree above it: that runs on the host in
float64.
"""

import numpy as np
from jaxtyping import Array, Int, Real

from scratchclust.cluster.merges import linkage_matrix
from scratchclust.cluster.neighbor_chain import chain_merges, check_memory
from scratchclust.cluster.spanning_tree import spanning_tree
from scratchclust.cluster.ward import ward_merges
from scratchclust.errors import InputError
from scratchclust.results import AgglomerativeResult

AnyArray = Array | np.ndarray
LINKAGES = ("ward", "complete", "average", "single")


def agglomerative(X: Real[AnyArray, "n d"], linkage: str = "ward") -> AgglomerativeResult:
    """The tree of merges. Of equally near pairs any is merged first.

    Args:
        X: points.
        linkage: "ward", "complete", "average" or "single".

    Returns:
        The linkage matrix (a NumPy array). Cost O(n^2 d) time as a rule; memory O(n d) for "ward" and "single", else
        8 n^2 bytes.

    Raises:
        InputError: no points, an unknown linkage, NaN or infinity in X, numbers whose squares leave the range of
            float32, or with "complete" and "average" more points than the memory of `neighbor_chain.MOST_BYTES` holds.
    """
    if linkage not in LINKAGES:
        raise InputError(f"expected linkage to be one of {', '.join(map(repr, LINKAGES))}, got {linkage!r}")
    if not len(X):
        raise InputError("expected at least one point, got none")
    if linkage in ("complete", "average"):
        check_memory(len(X), linkage)
    X = np.asarray(X)
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    if len(X) == 1:
        return AgglomerativeResult(np.empty((0, 4)))
    if linkage == "single":
        return AgglomerativeResult(linkage_matrix(*spanning_tree(X)))
    if linkage == "ward":
        return AgglomerativeResult(linkage_matrix(*ward_merges(X)))
    return AgglomerativeResult(linkage_matrix(*chain_merges(X, linkage)))


def cut(tree: AgglomerativeResult, n_clusters: int) -> Int[np.ndarray, " n"]:
    """The clustering in which n_clusters are left, numbered by their first points.

    Raises:
        InputError: n_clusters not within 1 and n.
    """
    n = len(tree.linkage_matrix) + 1
    if not 1 <= n_clusters <= n:
        raise InputError(f"expected n_clusters within 1 and {n}, the number of points, got {n_clusters}")
    top = np.arange(2 * n - 1)
    for step in range(n - n_clusters - 1, -1, -1):  # from the top down, so that a merge knows its own top
        top[tree.linkage_matrix[step, :2].astype(int)] = top[n + step]
    _, first, inverse = np.unique(top[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def count_clusters(tree: AgglomerativeResult, distance_threshold: float | int) -> int:
    """The number of clusters when only those nearer to each other than the threshold are merged."""
    return 1 + int((tree.linkage_matrix[:, 2] >= distance_threshold).sum())
