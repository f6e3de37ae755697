"""Scores of a clustering against known classes: how well do two labelings of the same points agree?

Everything here is counted from one table (`tables.py`), n_ij = the number of points of class i in
cluster j, with the sums a_i = sum_j n_ij and b_j = sum_i n_ij. Host code: NumPy in float64, and
Python's integers where products of counts would overflow. Labels are any integers or strings; their
names never matter, only which points share one.

Noise is -1 among the *predicted* labels, as density-based methods give it. It is never matched in
`clustering_accuracy`, wrong in `purity_score` and no cluster in `mean_cluster_purity`. The scores
that compare two partitions (`normalized_mutual_info_score`, `adjusted_rand_score`,
`homogeneity_score`, `completeness_score`, `v_measure_score`) take all noise as one cluster of its
own, as scikit-learn does: they know no other meaning of it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, Shaped
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from scratchclust.checks import number
from scratchclust.metrics.labels import Labels
from scratchclust.metrics.tables import CrossTable, cross_table


class ClusterMatching(NamedTuple):
    """The best one-to-one matching of clusters to classes, laid out for a confusion matrix."""

    contingency: Int[np.ndarray, "n_classes n_clusters"]  # the columns in the order of `clusters`
    classes: Shaped[np.ndarray, " n_classes"]  # sorted
    # by matched class; then those without one, by size; noise last
    clusters: Shaped[np.ndarray, " n_clusters"]
    # row matched to each column, -1 where there is none
    matched_class: Int[np.ndarray, " n_clusters"]


def contingency_matrix(
    labels_true: Labels, labels_pred: Labels
) -> Int[np.ndarray, "n_classes n_clusters"]:
    """The full table n_ij, rows and columns in the sorted order of the labels (noise is a column).

    `cross_table` also gives the names of the rows and columns. Raises what `cross_table` raises.
    """
    return cross_table(labels_true, labels_pred).contingency


def match_clusters(labels_true: Labels, labels_pred: Labels) -> ClusterMatching:
    """Match clusters to classes one to one, as many points as possible in matched cells.

        max over injective m of  sum_j n_{m(j), j}

    With fewer classes than clusters some clusters stay without a class, and the other way round.
    Noise is never matched. Solved exactly by SciPy's `linear_sum_assignment` on the full table,
    which is what is returned: memory O(classes x clusters), time up to its cube.
    `clustering_accuracy` needs no full table. Raises what `cross_table` raises.
    """
    table = cross_table(labels_true, labels_pred)
    contingency = table.contingency
    real = np.flatnonzero(~table.is_noise)
    matched_class = np.full(len(table.clusters), -1, dtype=np.int64)
    rows, columns = linear_sum_assignment(contingency[:, real], maximize=True)
    matched_class[real[columns]] = rows
    unmatched = matched_class < 0
    by_rank = np.lexsort((-contingency.sum(axis=0), matched_class, table.is_noise, unmatched))
    return ClusterMatching(
        contingency[:, by_rank], table.classes, table.clusters[by_rank], matched_class[by_rank]
    )


def clustering_accuracy(labels_true: Labels, labels_pred: Labels) -> float:
    """The fraction of points that are right when each cluster is named after at most one class and
    each class is given to at most one cluster, in the best way (see `match_clusters`).

    A point in a cluster without a class is wrong, and so is noise. Memory O(n), whatever the number
    of clusters; time O(n log n) and that of a sparse matching. Raises what `cross_table` raises.
    """
    table = cross_table(labels_true, labels_pred)
    return float(_most_matched(table) / table.counts.sum())


def _most_matched(table: CrossTable) -> int:
    """The most points in cells of which no two share a class or a cluster, noise left out.

    A class may also stay alone: it then takes a cluster of its own that nobody else can take. So a
    matching of all classes always exists, which is what SciPy's sparse matching finds; it takes a
    weight of 0 for no edge, hence + 1.
    """
    real = ~table.is_noise[table.columns]
    if not real.any():
        return 0
    n = len(table.classes)
    m = len(table.clusters)
    weights = np.concatenate([table.counts[real] + 1, np.ones(n)]).astype(np.float64)
    rows = np.concatenate([table.rows[real], np.arange(n)])
    columns = np.concatenate([table.columns[real], m + np.arange(n)])
    graph = csr_array((weights, (rows, columns)), shape=(n, m + n))
    matched = min_weight_full_bipartite_matching(graph, maximize=True)
    return round(float(graph[matched].sum())) - n


def purity_score(labels_true: Labels, labels_pred: Labels) -> float:
    """The fraction of points of the majority class of their cluster: sum_j max_i n_ij / n.

    It grows with the number of clusters and reaches 1 when each point is its own: compare it at
    equal k only. Noise is wrong: it adds to n and never to the sum. Raises what `cross_table`
    raises.
    """
    table = cross_table(labels_true, labels_pred)
    majority = table.majorities[~table.is_noise]
    return float(majority.sum() / table.counts.sum())


def mean_cluster_purity(labels_true: Labels, labels_pred: Labels) -> float:
    """The unweighted mean of the clusters' purities: mean over j of max_i n_ij / b_j.

    A small cluster counts as much as a large one. Noise is no cluster and stays out of the mean
    (`purity_score` counts it as wrong); where all is noise the score is 0. Raises what
    `cross_table` raises.
    """
    table = cross_table(labels_true, labels_pred)
    real = ~table.is_noise
    purities = table.majorities[real] / table.cluster_sizes[real]
    return float(purities.mean()) if len(purities) else 0.0


def normalized_mutual_info_score(labels_true: Labels, labels_pred: Labels) -> float:
    """Mutual information over the mean of the two entropies, 2 I(U; V) / (H(U) + H(V)), in [0, 1].

    Two labelings of one group each agree: 1. Raises what `cross_table` raises.
    """
    table = cross_table(labels_true, labels_pred)
    mean_entropy = (_entropy(table.class_sizes) + _entropy(table.cluster_sizes)) / 2
    return 1.0 if mean_entropy == 0 else min(_mutual_information(table) / mean_entropy, 1.0)


def adjusted_rand_score(labels_true: Labels, labels_pred: Labels) -> float:
    """The fraction of pairs on which two labelings agree, corrected for chance: 1 for equal
    partitions, 0 on average for independent ones, at least -0.5 (Hubert and Arabie, 1985).

        index = sum_ij C(n_ij, 2),  A = sum_i C(a_i, 2),  B = sum_j C(b_j, 2),  N = C(n, 2)
        ARI   = (index - A B / N) / ((A + B) / 2 - A B / N)

    Numerator and denominator are multiplied by 2 N and taken in Python's integers, exact for any n:
    A B alone leaves 64 bits behind at n of about 80,000. Raises what `cross_table` raises.
    """
    table = cross_table(labels_true, labels_pred)
    index = _pairs(table.counts)
    a = _pairs(table.class_sizes)
    b = _pairs(table.cluster_sizes)
    n_pairs = _pairs(table.counts.sum(keepdims=True))
    denominator = (a + b) * n_pairs - 2 * a * b
    # Zero when both put all points together or both keep all apart: the partitions are equal.
    return 2 * (index * n_pairs - a * b) / denominator if denominator else 1.0


def homogeneity_score(labels_true: Labels, labels_pred: Labels) -> float:
    """h = I(C; K) / H(C): 1 when each cluster holds points of one class, and for a single class.

    Raises what `cross_table` raises.
    """
    return _homogeneity_completeness(cross_table(labels_true, labels_pred))[0]


def completeness_score(labels_true: Labels, labels_pred: Labels) -> float:
    """c = I(C; K) / H(K): 1 when each class lies in one cluster, and for a single cluster.

    Raises what `cross_table` raises.
    """
    return _homogeneity_completeness(cross_table(labels_true, labels_pred))[1]


def v_measure_score(labels_true: Labels, labels_pred: Labels, *, beta: float = 1.0) -> float:
    """The weighted harmonic mean of homogeneity h and completeness c,

        v = (1 + beta) h c / (beta h + c).

    Args:
        labels_true: [n] integers or strings, the classes.
        labels_pred: [n] integers or strings, the clusters.
        beta: above 1 completeness weighs more, below 1 homogeneity; 1 gives
            `normalized_mutual_info_score`.

    Raises:
        InputError: beta is negative, infinite or no number, and what `cross_table` raises.
    """
    beta = number(least=0.0)("beta", beta)
    h, c = _homogeneity_completeness(cross_table(labels_true, labels_pred))
    denominator = beta * h + c
    return (1 + beta) * h * c / denominator if denominator else 0.0


def _pairs(sizes: Int[np.ndarray, " m"]) -> int:
    """The unordered pairs within groups of these sizes: 64 bits hold those of 3 billion points."""
    return int((sizes * (sizes - 1) // 2).sum())


def _entropy(sizes: Int[np.ndarray, " m"]) -> float:
    """H = -sum_i p_i log p_i with p_i = sizes_i / n, in nats."""
    p = sizes / sizes.sum()
    return float(-(p * np.log(p)).sum())


def _mutual_information(table: CrossTable) -> float:
    """I = sum_ij n_ij / n log(n n_ij / (a_i b_j)), in nats.

    The logarithm is taken apart, so nothing overflows.
    """
    n = table.counts.sum()
    log_ratio = (
        np.log(table.counts / n)
        - np.log(table.class_sizes[table.rows] / n)
        - np.log(table.cluster_sizes[table.columns] / n)
    )
    information = float((table.counts / n * log_ratio).sum())
    # rounding must not give -1e-17
    return information if information > np.finfo(np.float64).eps else 0.0


def _homogeneity_completeness(table: CrossTable) -> tuple[float, float]:
    information = _mutual_information(table)
    h, c = (
        min(information / entropy, 1.0) if entropy else 1.0
        for entropy in (_entropy(table.class_sizes), _entropy(table.cluster_sizes))
    )
    return h, c
