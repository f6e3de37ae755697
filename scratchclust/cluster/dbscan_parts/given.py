"""DBSCAN of given distances, on the host: clusters grown as in `scratchclust/reference/dbscan.py`.

Distances need not be symmetric, so clusters are no connected components: each is grown from its
first core point, and keeps what it took. Every row is read twice, to weigh its neighbours and to
walk on from it; beside the distances the memory is O(n) and a strip.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.cluster.dbscan_parts.components import NO_CLUSTER
from scratchclust.exact_pairs import strips


def given_labels(
    distances: Real[np.ndarray, "n n"],
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None,
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Name the cluster of each point by its first core point; and tell the core points."""
    core = _core_points(distances, eps, min_samples, weights)
    labels = np.full(len(distances), NO_CLUSTER)
    for first in np.flatnonzero(core):
        if labels[first] == NO_CLUSTER:
            _grow(first, labels, distances, eps, core)
    return labels, core


def _core_points(
    distances: Real[np.ndarray, "n n"],
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None,
) -> Bool[np.ndarray, " n"]:
    n = len(distances)
    core = np.empty(n, bool)
    for part in strips(np.arange(n), n):
        near = distances[part[0] : part[-1] + 1] <= eps
        core[part] = (near.sum(axis=1) if weights is None else near @ weights) >= min_samples
    return core


def _grow(
    first: np.integer,
    labels: Int[np.ndarray, " n"],
    distances: Real[np.ndarray, "n n"],
    eps: float,
    core: Bool[np.ndarray, " n"],
) -> None:
    """Label all that can be reached from a core point by its index; `labels` is changed."""
    labels[first] = first
    stack = [first]
    while stack:
        reached = np.flatnonzero((distances[stack.pop()] <= eps) & (labels == NO_CLUSTER))
        labels[reached] = first
        stack.extend(reached[core[reached]])
