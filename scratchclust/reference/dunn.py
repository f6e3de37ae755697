"""Dunn's index: the narrowest gap between clusters over the width of the widest cluster.

    D = min over pairs of different clusters A, B of  min |x - y|, x in A, y in B
        ----------------------------------------------------------------------
                      max over clusters A of  max |x - y|, x and y in A

Larger is better. One pair of points decides the numerator and one the denominator, so D is
sensitive to a single outlier; that is its definition, not a fault of the code (some libraries
compute something milder under this name).

Noise (label -1) is left out. Equal points in different clusters give D = 0. If every cluster has
zero diameter (all its points coincide) and no two clusters touch, D is infinite.

The fast twin of this file is `scratchclust/metrics/dunn.py`.

Source: Dunn, Well-separated clusters and optimal fuzzy partitions, 1974.
"""

import math
from itertools import combinations

import numpy as np
from jaxtyping import Float, Real, Shaped

from scratchclust.reference.silhouette import clusters_of, in_range


def dunn_index(X: Real[np.ndarray, "n d"], labels: Shaped[np.ndarray, " n"]) -> float:
    """The smallest distance between points of different clusters over the largest within one.

    Args:
        X: points.
        labels: cluster of each point; the integer -1 is noise.

    Returns:
        D in [0, inf]. Cost O(n^2 d) time.

    Raises:
        InputError: fewer than two clusters.
    """
    X = in_range(X)
    clusters = [X[labels == cluster] for cluster in clusters_of(labels)]
    separation = min(_distances(A, B).min() for A, B in combinations(clusters, 2))
    diameter = max(_distances(A, A).max() for A in clusters)
    if separation == 0:
        return 0.0
    return float(separation / diameter) if diameter > 0 else math.inf


def _distances(
    A: Float[np.ndarray, "a d"], B: Float[np.ndarray, "b d"]
) -> Float[np.ndarray, "a b"]:
    """|x - y| for every x of A and y of B."""
    return np.stack([np.linalg.norm(B - x, axis=1) for x in A])
