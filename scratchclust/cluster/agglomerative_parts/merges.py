"""From merges in any order to SciPy's linkage matrix, and the union-find that both need."""

import numpy as np
from jaxtyping import Float, Int


def linkage_matrix(
    pairs: Int[np.ndarray, "m 2"], heights: Float[np.ndarray, " m"]
) -> Float[np.ndarray, "m 4"]:
    """SciPy's matrix of merges that are given by any point of each of the two clusters, in any
    order.
    """
    n = len(pairs) + 1
    order = np.argsort(heights, kind="stable")
    parent, size, matrix = list(range(n)) + [0] * (n - 1), [1] * n, np.empty((n - 1, 4))
    for step, (i, j) in enumerate(pairs[order].tolist()):
        a, b = sorted((root(parent, i), root(parent, j)))
        parent[a] = parent[b] = parent[n + step] = n + step
        size.append(size[a] + size[b])
        matrix[step] = a, b, 0, size[-1]
    matrix[:, 2] = heights[order]
    return matrix


def root(parent: list[int], i: int) -> int:
    """The cluster at the top of i; on the way every second step is made shorter."""
    while parent[i] != i:
        parent[i] = i = parent[parent[i]]
    return i
