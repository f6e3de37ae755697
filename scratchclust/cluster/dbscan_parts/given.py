"""DBSCAN of given distances, on the host: clusters grown as in `scratchclust/reference/dbscan.py`.

Distances need not be symmetric, so clusters are no connected components: each is grown from its
first core point, and keeps what it took. Every row is read twice, to weigh its neighbours and to
walk on from it; beside the distances the memory is O(n) and a strip.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.cluster.dbscan_parts.passes import NONE
from scratchclust.cluster.exact_pairs import STRIP


def labels_of_distances(
    distances: Real[np.ndarray, "n n"],
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None,
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """For each point the first core point of its cluster (NONE: noise), and whether it is a core
    point.
    """
    n = len(distances)
    core, labels = np.empty(n, bool), np.full(n, NONE)
    for part in np.array_split(np.arange(n), -(-n * n // STRIP)):
        near = distances[part[0] : part[-1] + 1] <= eps
        core[part] = (near.sum(axis=1) if weights is None else near @ weights) >= min_samples
    for first in np.flatnonzero(core):
        if labels[first] == NONE:
            labels[first] = first
            asking = [first]
            while asking:
                reached = np.flatnonzero((distances[asking.pop()] <= eps) & (labels == NONE))
                labels[reached] = first
                asking.extend(reached[core[reached]])
    return labels, core
