"""Ward's linkage without a matrix of distances: of clusters, sizes and means are kept.

Two clusters that are each other's nearest are merged by the greedy algorithm sooner or later, and
no other merge brings anything nearer to either (Ward's distance is reducible). So all such pairs
are merged at once, and only those clusters look for their nearest again that are new, or whose
nearest has been merged:

    repeat: find the nearest cluster of those that have none;
            merge all pairs i, j with nearest(i) = j, nearest(j) = i

That is the nearest-neighbour chain from all points at the same time, so that the searches become
matrix products. The first one, over all points, runs on all devices, the others in float64 on the
host.

Sources: Bruynooghe, Classification ascendante hiérarchique des grands ensembles de données, 1978;
Murtagh, A survey of recent advances in hierarchical clustering algorithms, 1983.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.cluster.agglomerative_parts.first_neighbors import first_neighbors
from scratchclust.cluster.agglomerative_parts.merges import Merges
from scratchclust.exact_pairs import centre_rows, nearest_among


def ward_merges(X: Real[np.ndarray, "n d"]) -> Merges:
    """The merges. A cluster lives where its first point was.

    Cost: as many searches over all clusters as points need a new nearest one, about 3 n as a rule;
    memory O(n d).
    """
    means = centre_rows(X)
    nearest, squares = first_neighbors(X)
    sizes = np.ones(len(X))
    alive = np.ones(len(X), bool)
    pairs = []
    heights = []
    while True:
        a = _first_of_mutual_pairs(nearest, squares, alive)
        b = nearest[a]
        pairs.append(np.stack([a, b], axis=1))
        heights.append(np.sqrt(squares[a]))
        means[a] += (sizes[b] / (sizes[a] + sizes[b]))[:, None] * (means[b] - means[a])
        sizes[a] += sizes[b]
        alive[b] = False
        if alive.sum() == 1:
            return Merges(np.concatenate(pairs), np.concatenate(heights))
        changed = np.zeros(len(X), bool)
        changed[a] = changed[b] = True
        asking = np.flatnonzero(alive & changed[nearest])
        nearest[asking], squares[asking] = nearest_among(
            means, asking, np.flatnonzero(alive), sizes=sizes
        )


def _first_of_mutual_pairs(
    nearest: Int[np.ndarray, " n"], squares: Float[np.ndarray, " n"], alive: Bool[np.ndarray, " n"]
) -> Int[np.ndarray, " pairs"]:
    """The first ones, by index, of the pairs that are each other's nearest.

    Without such a pair, in a ring of equal distances, the nearest of two clusters are made one:
    `nearest` and `squares` are changed there.
    """
    i = np.flatnonzero(alive)
    found = i[(nearest[nearest[i]] == i) & (i < nearest[i])]
    if len(found):
        return found
    # Equal distances can make a ring; the two nearest clusters of all may be merged.
    i = i[squares[i].argmin()]
    j = nearest[i]
    first = min(i, j)
    nearest[first] = max(i, j)
    squares[first] = squares[i]
    return np.array([first])
