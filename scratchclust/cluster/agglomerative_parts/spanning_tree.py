"""The minimum spanning tree of points, without a matrix of distances.

Its edges, by rising length, are the merges of single linkage.

Borůvka: every component takes its shortest edge to another one, until there is one component. The
nearest point of another component is remembered for each point. When that one has come into the
same component, its distance is still a lower bound, and the point need not search again while its
component knows a shorter edge.

Sources: Borůvka, 1926; Gower & Ross, Minimum spanning trees and single linkage cluster analysis,
1969.
"""

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust.cluster.agglomerative_parts.first_neighbors import first_neighbors
from scratchclust.cluster.agglomerative_parts.merges import Merges, root
from scratchclust.exact_pairs import centre_rows, nearest_among


def spanning_tree(X: Real[np.ndarray, "n d"]) -> Merges:
    """The edges and their lengths: the merges of single linkage.

    Cost: a search over all points for each point whose remembered one is used up, a few n as a
    rule; memory O(n d).
    """
    x = centre_rows(X)
    partner, squares = first_neighbors(X)
    everyone = np.arange(len(X))
    component = everyone.copy()
    edges = []
    lengths = []
    while component.any():  # a component is named by its first point, at last 0
        for lowest_alone in (True, False):
            asking = _searchers(component, partner, squares, lowest_alone)
            partner[asking], squares[asking] = nearest_among(x, asking, everyone, groups=component)
        ends = np.flatnonzero(component[partner] != component)
        ends = ends[_lowest_of_each(component[ends], squares[ends])]
        rising = ends[np.argsort(squares[ends], kind="stable")]
        ends, component = _join(rising, partner, component)
        edges.append(np.stack([ends, partner[ends]], axis=1))
        lengths.append(np.sqrt(squares[ends]))
    return Merges(np.concatenate(edges), np.concatenate(lengths))


def _searchers(
    component: Int[np.ndarray, " n"],
    partner: Int[np.ndarray, " n"],
    squares: Float[np.ndarray, " n"],
    lowest_alone: bool,
) -> Int[np.ndarray, " m"]:
    """The points that may have a shorter edge than their component knows.

    With `lowest_alone` the likeliest of each component.
    """
    used_up = component[partner] == component
    shortest = np.full(len(component), np.inf)
    np.minimum.at(shortest, component[~used_up], squares[~used_up])
    asking = np.flatnonzero(used_up & (squares < shortest[component]))
    return asking[_lowest_of_each(component[asking], squares[asking])] if lowest_alone else asking


def _lowest_of_each(
    component: Int[np.ndarray, " m"], squares: Float[np.ndarray, " m"]
) -> Int[np.ndarray, " k"]:
    """Where the smallest square of each component stands."""
    order = np.lexsort((squares, component))
    return order[np.unique(component[order], return_index=True)[1]]


def _join(
    ends: Int[np.ndarray, " k"], partner: Int[np.ndarray, " n"], component: Int[np.ndarray, " n"]
) -> tuple[Int[np.ndarray, " edges"], Int[np.ndarray, " n"]]:
    """Join the components of these points and their partners.

    Returns:
        The points whose edges close no ring, as equally long ones might, and the new components.
    """
    parent = list(range(len(component)))
    kept = []
    own = component[ends].tolist()
    other = component[partner[ends]].tolist()
    for end, i, j in zip(ends.tolist(), own, other, strict=True):
        a = root(parent, i)
        b = root(parent, j)
        parent[max(a, b)] = min(a, b)
        if a != b:
            kept.append(end)
    roots = {i: root(parent, i) for i in np.unique(component).tolist()}
    return np.array(kept), np.array([roots[i] for i in component.tolist()])
