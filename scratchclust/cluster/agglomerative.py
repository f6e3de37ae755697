"""Agglomerative clustering, fast: the twin of `scratchclust/reference/agglomerative.py`, which
explains the linkages.

    single              the merges are the edges of a minimum spanning tree   `spanning_tree.py`    O(n d) memory
    ward                clusters that are each other's nearest merge, many    `ward.py`             O(n d) memory
                        pairs at a time; distances from the means
    complete, average   the nearest-neighbour chain on all distances          `neighbor_chain.py`   8 n^2 bytes

The cosine metric of single linkage is the Euclidean one of the directions; other metrics than these
two go by all distances (`metric_distances.py`) and the chain.

The first nearest neighbours, most of the work of the first two, are found on all devices. What
comes after is one decision after another, in ever smaller parts, and a wrong one changes the tree
above it: that runs on the host in float64.
"""

import numpy as np
from jaxtyping import Array, Float, Int, Real

from scratchclust.cluster.agglomerative_parts.merges import linkage_matrix
from scratchclust.cluster.agglomerative_parts.metric_distances import metric_distances
from scratchclust.cluster.agglomerative_parts.neighbor_chain import chain_merges, check_memory
from scratchclust.cluster.agglomerative_parts.spanning_tree import spanning_tree
from scratchclust.cluster.agglomerative_parts.ward import ward_merges
from scratchclust.distances import centre_of, exponent_of, scaled, unit_rows
from scratchclust.errors import InputError
from scratchclust.results import AgglomerativeResult

AnyArray = Array | np.ndarray
LINKAGES = ("ward", "complete", "average", "single")
METRICS = ("euclidean", "cosine", "manhattan", "precomputed")


def agglomerative(
    X: Real[AnyArray, "n d"], linkage: str = "ward", *, metric: str = "euclidean"
) -> AgglomerativeResult:
    """The tree of merges. Of equally near pairs any is merged first.

    Args:
        X: points; distances [n n] for the metric "precomputed".
        linkage: "ward", "complete", "average" or "single".
        metric: "euclidean", "cosine", "manhattan" or "precomputed"; for "ward" the first alone.

    Returns:
        The linkage matrix (a NumPy array). Cost O(n^2 d) time as a rule; memory O(n d) for "ward"
        and for "single" with the metric "euclidean" or "cosine", else 8 n^2 bytes. However large or
        small the numbers are, they are scaled by a power of two before squares are taken.

    Raises:
        InputError: no points, an unknown linkage or metric, NaN or infinity in X, a row of zeros
            with "cosine", no distances with "precomputed", or more points than the memory of
            `neighbor_chain.MOST_BYTES` holds.
    """
    _check(X, linkage, metric)
    X = np.asarray(X)
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    exponent = exponent_of(X) if metric in ("euclidean", "manhattan") else 0
    near_one = np.asarray(scaled(X, centre_of(X), exponent)) if exponent else X
    pairs, heights = _merges(near_one, linkage, metric)
    return AgglomerativeResult(linkage_matrix(pairs, np.ldexp(heights, exponent)))


def _merges(
    X: Real[np.ndarray, "n d"], linkage: str, metric: str
) -> tuple[Int[np.ndarray, "n-1 2"], Float[np.ndarray, " n-1"]]:
    """The merges in any order, as a point of each of the two clusters, and their heights."""
    if len(X) == 1:
        return np.empty((0, 2), np.int64), np.empty(0)
    if linkage == "ward":
        return ward_merges(X)
    if linkage == "single" and metric == "euclidean":
        return spanning_tree(X)
    if linkage == "single" and metric == "cosine":
        edges, lengths = spanning_tree(np.asarray(unit_rows(X.astype(np.float64))))
        return edges, lengths**2 / 2
    return chain_merges(metric_distances(X, metric), linkage)


def cut(tree: AgglomerativeResult, n_clusters: int) -> Int[np.ndarray, " n"]:
    """The clustering in which n_clusters are left, numbered by their first points.

    Raises:
        InputError: n_clusters not within 1 and n.
    """
    n = len(tree.linkage_matrix) + 1
    if not 1 <= n_clusters <= n:
        raise InputError(
            f"expected n_clusters within 1 and {n}, the number of points, got {n_clusters}"
        )
    top = np.arange(2 * n - 1)
    for step in range(
        n - n_clusters - 1, -1, -1
    ):  # from the top down, so that a merge knows its own top
        top[tree.linkage_matrix[step, :2].astype(int)] = top[n + step]
    _, first, inverse = np.unique(top[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def count_clusters(tree: AgglomerativeResult, distance_threshold: float | int) -> int:
    """The number of clusters when only those nearer to each other than the threshold are merged."""
    return 1 + int((tree.linkage_matrix[:, 2] >= distance_threshold).sum())


def _check(X: Real[AnyArray, "n d"], linkage: str, metric: str) -> None:
    check_words(linkage, metric)
    if not len(X):
        raise InputError("expected at least one point, got none")
    if linkage in ("complete", "average") or (
        linkage == "single" and metric in ("manhattan", "precomputed")
    ):
        check_memory(len(X), linkage, metric)


def check_words(linkage: str, metric: str) -> None:
    """Refuse a linkage or a metric that is not known, and metrics in which Ward's linkage has no
    meaning.
    """
    for name, value, words in (("linkage", linkage, LINKAGES), ("metric", metric, METRICS)):
        if value not in words:
            raise InputError(
                f"expected {name} to be one of {', '.join(map(repr, words))}, got {value!r}"
            )
    if linkage == "ward" and metric != "euclidean":
        raise InputError(
            f"{metric} was provided as metric. Ward can only work with euclidean distances (its heights are distances "
            'of means): take linkage="average" for instance'
        )
