"""Which of two clusterings to take, fast: the twin of `scratchclust/reference/clearer_labels.py`.

Products of whole matrices, on the host in float64: next to k-means they cost nothing.
"""

import numpy as np
from jaxtyping import Float, Int

from scratchclust.constants import CLEARER_BY, REASONABLE_STRUCTURE, SAME_CLUSTERS


def agreement(labels: Int[np.ndarray, " n"], others: Int[np.ndarray, " n"]) -> float:
    """Find the share of points on which two clusterings agree: A.

    Returns:
        1 where they are the same but for the numbers of the clusters. Cost O(n + k^2).
    """
    counts = np.zeros((int(labels.max()) + 1, int(others.max()) + 1), np.int64)
    np.add.at(counts, (labels, others), 1)
    return float(min(counts.max(axis=axis).sum() for axis in (0, 1)) / len(labels))


def centroid_silhouette(
    X: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], n_clusters: int
) -> float:
    """Find the mean of s_i; cost O(n k d), memory O(n k).

    Args:
        X: points.
        labels: the cluster of each, within 0 and n_clusters - 1; some may have no point.
        n_clusters: k.

    Returns:
        Within -1 and 1; 0 of fewer than two clusters. A point on both centroids counts 0.
    """
    n = len(X)
    sizes = np.bincount(labels, minlength=n_clusters)
    if np.count_nonzero(sizes) < 2:
        return 0.0
    distances = np.full((n, n_clusters), np.inf)
    for cluster in np.flatnonzero(sizes):
        centroid = X[labels == cluster].mean(axis=0, dtype=np.float64)
        distances[:, cluster] = np.linalg.norm(X - centroid[None], axis=1)
    a = distances[np.arange(n), labels]
    distances[np.arange(n), labels] = np.inf
    b = distances.min(axis=1)
    larger = np.maximum(a, b)
    return float(np.divide(b - a, larger, out=np.zeros(n), where=larger > 0).mean())


def are_clearer(
    X: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    others: Int[np.ndarray, " n"],
    n_clusters: int,
) -> bool:
    """Whether other clusters should take the place of those at hand (why: see the twin).

    Args:
        X: the coordinates in which the others were found.
        labels: those at hand.
        others: to be tried in their place.
        n_clusters: k, of both.
    """
    if agreement(labels, others) >= SAME_CLUSTERS:
        return False
    found = centroid_silhouette(X, others, n_clusters)
    at_hand = centroid_silhouette(X, labels, n_clusters)
    return found >= REASONABLE_STRUCTURE and found > at_hand + CLEARER_BY
