"""Which of two clusterings of the same points to take, where no label tells.

Spectral clustering may see the smoothest eigenvectors alone, or more of them as commute times weigh
them (`commute_time.py`). The second mends graphs where the first puts two clusters together and
splits one, and is no better, or a little worse, where nothing is wrong. Two numbers tell the cases
apart. The agreement of two clusterings is

    A = min(sum_c max_k n_ck, sum_k max_c n_ck) / n       n_ck: points of cluster c here, k there

1 for the same clusters, and low where one joins what the other keeps apart. And the silhouette by
centroids of one of them, with a_i the distance of x_i to the centroid of its own cluster and b_i
that to the nearest of another, is the mean of

    s_i = (b_i - a_i) / max(a_i, b_i)

Others take the place of the labels at hand (`are_clearer`) where A < 0.95 and their silhouette, in
the coordinates that commute times give, is at least 0.5 and larger by more than 0.02. It is asked
there for both, since more coordinates have lower silhouettes; k-means has found the others in them,
and has an advantage there that the margin takes off. Below 0.5 there is no clear structure of which
one of the two could say more.

The fast twin of this file is `scratchclust/cluster/clearer_labels.py`.

Source: the rule is our own; how it was chosen and what it does on which sets stands in
`benchmarks/spectral_rules.py`. The silhouette by centroids: Hruschka, de Castro and Campello,
Evolutionary algorithms for clustering gene-expression data, 2004; the 0.5: Kaufman and Rousseeuw,
Finding groups in data, 1990.
"""

import numpy as np
from jaxtyping import Float, Int

from scratchclust.constants import CLEARER_BY, REASONABLE_STRUCTURE, SAME_CLUSTERS


def agreement(labels: Int[np.ndarray, " n"], others: Int[np.ndarray, " n"]) -> float:
    """Find the share of points on which two clusterings agree: A.

    Returns:
        1 where they are the same but for the numbers of the clusters. Cost O(n k).
    """
    return min(_majority(labels, others), _majority(others, labels))


def centroid_silhouette(
    X: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"], n_clusters: int
) -> float:
    """Find the mean of s_i; cost O(n k d).

    Args:
        X: points.
        labels: the cluster of each, within 0 and n_clusters - 1; some may have no point.
        n_clusters: k.

    Returns:
        Within -1 and 1; 0 of fewer than two clusters. A point on both centroids counts 0.
    """
    centroids = {c: X[labels == c].mean(axis=0) for c in range(n_clusters) if (labels == c).any()}
    if len(centroids) < 2:
        return 0.0
    total = 0.0
    for x, label in zip(X, labels, strict=True):
        distances = {c: np.linalg.norm(x - centroid) for c, centroid in centroids.items()}
        a = distances.pop(int(label))
        b = min(distances.values())
        total += (b - a) / max(a, b) if max(a, b) > 0 else 0.0
    return float(total / len(X))


def are_clearer(
    X: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    others: Int[np.ndarray, " n"],
    n_clusters: int,
) -> bool:
    """Whether other clusters should take the place of those at hand.

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


def _majority(labels: Int[np.ndarray, " n"], others: Int[np.ndarray, " n"]) -> float:
    right = 0
    for cluster in np.unique(labels):
        right += np.bincount(others[labels == cluster]).max()
    return float(right / len(labels))
