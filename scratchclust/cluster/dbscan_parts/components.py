"""Clusters of core points as connected components of pairs that are near."""

import numpy as np
from jaxtyping import Int
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# The label of a point that no cluster has reached: above all indices of points, so that the
# smallest label is that of a cluster wherever there is one.
NO_CLUSTER = np.int32(2**31 - 1)


def components(
    n: int, i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, " n"]:
    """The number of the component that each of n nodes belongs to; pairs (i, j) are joined."""
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n))
    return connected_components(graph, directed=False)[1]


def smallest_of_component(
    n: int, i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, " n"]:
    """For each of n nodes the smallest one that is connected to it by the pairs (i, j)."""
    component = components(n, i, j)
    _, first = np.unique(component, return_index=True)
    return first[component].astype(np.int32)
