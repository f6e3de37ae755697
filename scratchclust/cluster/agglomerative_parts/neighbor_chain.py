"""Linkages by the nearest-neighbour chain, on the matrix of all distances.

These are complete, average, and single where the distances are no Euclidean ones.

From any cluster go to its nearest one, from there to the nearest of that, and so on: the distances
fall, so that the chain ends with two clusters that are each other's nearest. In these linkages they
would be merged sooner or later, and what else is merged before makes no difference; so they are
merged now, and the chain goes on from what is left of it. The merges come in another order than in
`scratchclust/reference/agglomerative.py`; sorted by height they are the same.

Each step depends on the one before, over one row of the matrix: NumPy on the host, in float64.
`_distances_to_union` is that of the definition.

Sources: Benzécri, 1982; Murtagh, A survey of recent advances in hierarchical clustering algorithms,
1983.
"""

import numpy as np
from jaxtyping import Float, Int

from scratchclust.cluster.agglomerative_parts.merges import Merges
from scratchclust.errors import InputError

MOST_BYTES = 8 * 2**30  # of the matrix of distances


def check_memory(n: int, linkage: str, metric: str) -> None:
    """An InputError if the distances of n points need more than MOST_BYTES."""
    if 8 * n**2 > MOST_BYTES:
        raise InputError(
            f'linkage="{linkage}" with metric="{metric}" keeps all distances of {n:,} points, '
            f"{8 * n**2:,} bytes, and at most {MOST_BYTES:,} are allowed: take "
            'linkage="ward", or "single" with the metric "euclidean" or "cosine", which need no '
            "such matrix, or a sample of the points"
        )


def chain_merges(distances: Float[np.ndarray, "n n"], linkage: str) -> Merges:
    """The merges. Cost O(n^2) time.

    Args:
        distances: of all pairs, infinite from a point to itself; they are written over.
        linkage: "complete", "average" or "single".
    """
    n = len(distances)
    names = np.arange(n)  # a point of the cluster in each row
    sizes = np.ones(n)
    gone = np.zeros(n)  # infinite where there is no cluster any more
    pairs = np.empty((n - 1, 2), np.int64)
    heights = np.empty(n - 1)
    chain = []
    for step in range(n - 1):
        if 2 * (n - step) < len(names):
            kept = np.flatnonzero(gone == 0)
            distances = _pack(distances, kept)
            names = names[kept]
            sizes = sizes[kept]
            gone = gone[kept]
            chain = np.searchsorted(kept, chain).tolist()
        a, b = _pop_nearest(chain, distances, gone)
        pairs[step] = names[a], names[b]
        heights[step] = distances[a, b]
        merged = _distances_to_union(linkage, distances, sizes, a, b)
        merged[b] = np.inf
        distances[b] = distances[:, b] = merged
        sizes[b] += sizes[a]
        gone[a] = np.inf
    return Merges(pairs, heights)


def _distances_to_union(
    linkage: str,
    distances: Float[np.ndarray, "m m"],
    sizes: Float[np.ndarray, " m"],
    i: int,
    j: int,
) -> Float[np.ndarray, " m"]:
    """The distances of all clusters C to the union of A and B, in the rows i and j."""
    to_a = distances[i]
    to_b = distances[j]
    if linkage == "single":
        return np.minimum(to_a, to_b)
    if linkage == "complete":
        return np.maximum(to_a, to_b)
    return (sizes[i] * to_a + sizes[j] * to_b) / (sizes[i] + sizes[j])


def _pop_nearest(
    chain: list[int], distances: Float[np.ndarray, "m m"], gone: Float[np.ndarray, " m"]
) -> tuple[int, int]:
    """Lengthen the chain until its last two are each other's nearest, which leave it."""
    if not chain:
        chain.append(int(gone.argmin()))
    while True:
        row = distances[chain[-1]] + gone
        nearest = int(row.argmin())
        if len(chain) > 1 and row[chain[-2]] == row[nearest]:
            return chain.pop(), chain.pop()
        chain.append(nearest)


def _pack(
    distances: Float[np.ndarray, "m m"], kept: Int[np.ndarray, " k"]
) -> Float[np.ndarray, "k k"]:
    """The rows and columns that are kept, in the same memory: row after row moves to the front."""
    flat = distances.reshape(-1)
    k = len(kept)
    for i, row in enumerate(kept):
        flat[i * k : (i + 1) * k] = distances[row][kept]
    return flat[: k * k].reshape(k, k)
