"""From merges in any order to SciPy's linkage matrix, and the union-find that both need."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int


class Merges(NamedTuple):
    """The m = n - 1 merges of n points, in any order."""

    pairs: Int[np.ndarray, "m 2"]  # any point of each of the two clusters
    heights: Float[np.ndarray, " m"]


def linkage_matrix(merges: Merges) -> Float[np.ndarray, "m 4"]:
    """SciPy's matrix of merges, by rising height."""
    n = len(merges.pairs) + 1
    order = np.argsort(merges.heights, kind="stable")
    parent = list(range(n)) + [0] * (n - 1)
    size = [1] * n
    matrix = np.empty((n - 1, 4))
    for step, (i, j) in enumerate(merges.pairs[order].tolist()):
        a, b = sorted((root(parent, i), root(parent, j)))
        parent[a] = parent[b] = parent[n + step] = n + step
        size.append(size[a] + size[b])
        matrix[step] = a, b, 0, size[-1]
    matrix[:, 2] = merges.heights[order]
    return matrix


def root(parent: list[int], i: int) -> int:
    """The cluster at the top of i; on the way every second step is made shorter."""
    while parent[i] != i:
        parent[i] = i = parent[parent[i]]
    return i
