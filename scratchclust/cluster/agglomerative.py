"""Agglomerative clustering, fast: the twin of `scratchclust/reference/agglomerative.py`.

Three ways, in `scratchclust/cluster/agglomerative_parts/`:

    linkage            way                                              file               memory
    single             the edges of a minimum spanning tree             spanning_tree.py   O(n d)
    ward               many pairs at a time that are each other's       ward.py            O(n d)
                       nearest; distances from the means
    complete, average  the nearest-neighbour chain on all distances     neighbor_chain.py  8 n^2

The cosine metric of single linkage is the Euclidean one of the directions; other metrics than these
two go by all distances and the chain.

Where each step of the definition is:

    step                   spanning_tree.py     ward.py                  neighbor_chain.py
    `_metric_distances`    never all:           never all:               `metric_distances` of
                           `nearest_among`      `nearest_among`          metric_distances.py
    the nearest pair       `_lowest_of_each`    `_first_of_mutual_pairs` `_pop_nearest`
    `_distances_to_union`  `_join`: the least   sizes and means of       `_distances_to_union`
                           edge of a component  `ward_merges`
    the row of a merge     `linkage_matrix` of merges.py, after all, by rising height

`nearest_among` is in `scratchclust/exact_pairs.py`; `cut` and `count_clusters` are here.

The first nearest neighbours, most of the work of the first two, are found on all devices. What
comes after is one decision after another, in ever smaller parts, and a wrong one changes the tree
above it: that runs on the host in float64.
"""

import numpy as np
from jaxtyping import Int, Real

from scratchclust.checks import finite, one_of
from scratchclust.cluster.agglomerative_parts.merges import Merges, linkage_matrix
from scratchclust.cluster.agglomerative_parts.metric_distances import metric_distances
from scratchclust.cluster.agglomerative_parts.neighbor_chain import chain_merges, check_memory
from scratchclust.cluster.agglomerative_parts.spanning_tree import spanning_tree
from scratchclust.cluster.agglomerative_parts.ward import ward_merges
from scratchclust.constants import AGGLOMERATIVE_METRICS, LINKAGES
from scratchclust.distances import centre_of, exponent_of, scaled, unit_rows
from scratchclust.errors import InputError
from scratchclust.results import AgglomerativeResult
from scratchclust.rows import AnyArray


def agglomerative(
    X: Real[AnyArray, "n d"], linkage: str = "ward", *, metric: str = "euclidean"
) -> AgglomerativeResult:
    """Build the tree of merges. Of equally near pairs any is merged first.

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
    finite(X)
    exponent = exponent_of(X) if metric in ("euclidean", "manhattan") else 0
    near_one = np.asarray(scaled(X, centre_of(X), exponent)) if exponent else X
    merges = _merges(near_one, linkage, metric)
    heights = np.ldexp(merges.heights, exponent)
    return AgglomerativeResult(linkage_matrix(Merges(merges.pairs, heights)))


def _merges(X: Real[np.ndarray, "n d"], linkage: str, metric: str) -> Merges:
    """The merges in any order."""
    if len(X) == 1:
        return Merges(np.empty((0, 2), np.int64), np.empty(0))
    if linkage == "ward":
        return ward_merges(X)
    if linkage == "single" and metric == "euclidean":
        return spanning_tree(X)
    if linkage == "single" and metric == "cosine":
        edges, lengths = spanning_tree(np.asarray(unit_rows(X.astype(np.float64))))
        return Merges(edges, lengths**2 / 2)
    return chain_merges(metric_distances(X, metric), linkage)


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
    top = np.arange(2 * n - 1)
    # From the top down, so that a merge knows its own top.
    for step in range(n - n_clusters - 1, -1, -1):
        top[tree.linkage_matrix[step, :2].astype(int)] = top[n + step]
    _, first, inverse = np.unique(top[:n], return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


def count_clusters(tree: AgglomerativeResult, distance_threshold: float | int) -> int:
    """Count the clusters when only those nearer to each other than the threshold are merged."""
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
    """Refuse unknown linkages and metrics, and metrics that mean nothing for Ward's linkage."""
    one_of(*LINKAGES)("linkage", linkage)
    one_of(*AGGLOMERATIVE_METRICS)("metric", metric)
    if linkage == "ward" and metric != "euclidean":
        raise InputError(
            f"{metric} was provided as metric. Ward can only work with euclidean distances "
            '(its heights are distances of means): take linkage="average" for instance'
        )
