"""How near points are to the clusters that they belong to, and how clearly: fitted ones and new.

Where a method has centres, a point's distance is that to the centre of its cluster. Where it has
none, its neighbours tell: with N_c(x) the k nearest other points of its cluster c, N(x) the k
nearest of all,

    distance(x)   = mean_{y in N_c(x)} |x - y|
    confidence(x) = #{y in N(x): its cluster is c} / k

A fitted point is none of its own neighbours, so that fitted and new points are measured alike.
Noise (-1) is no cluster: its distance is that to the nearest points of any cluster.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int32, Real

from scratchclust.cluster.neighbor_vote import vote
from scratchclust.neighbors import nearest_neighbors
from scratchclust.results import Neighbors

EXTRA = 8  # candidates beyond those asked for, chosen by expanded squares of float32
BLOCK_ELEMENTS = 2**22  # of the widest intermediate


class Near(NamedTuple):
    """What the fitted points say of others."""

    labels: Int32[np.ndarray, " m"]  # -1: noise
    distance: Float64[np.ndarray, " m"]  # NaN where the cluster has no other point
    confidence: Float64[np.ndarray, " m"]
    neighbors: Int[np.ndarray, "m k"]  # indices of fitted points, the nearest first


class FittedPoints:
    """Points that were clustered, as a place to look for neighbours.

    Args:
        points: [n d] float32.
        labels: [n], from 0; -1 is noise.
        n_neighbors: k; of fewer points all take part.
        core: [m] the points that draw others into their cluster, as DBSCAN's core points do;
            None: all vote.
        eps: how near a core point must be; needs `core`.
    """

    def __init__(
        self,
        points: Real[np.ndarray, "n d"],
        labels: Int[np.ndarray, " n"],
        n_neighbors: int,
        *,
        core: Int[np.ndarray, " m"] | None = None,
        eps: float | None = None,
    ) -> None:
        self.points = points
        self.labels = labels
        self.n_neighbors = n_neighbors
        self._core = core
        self._eps = eps
        self._groups: dict[int, _Group] = {}

    def fitted(self) -> Near:
        """Measure the fitted points themselves, each against the others.

        Cost O(n^2 d) time, O(n d) memory.
        """
        k = min(self.n_neighbors, len(self.points) - 1)
        if k < 1:
            nothing = np.full(len(self.points), np.nan)
            return Near(self.labels, nothing, nothing, np.empty((len(self.points), 0), int))
        found = nearest_neighbors(self.points, k)
        own = np.arange(len(self.points))
        return self._measured(self.points, own, self.labels, _on_host(found), one_by_one=False)

    def new(self, X: Real[np.ndarray, "m d"]) -> Near:
        """Find the clusters of new points and measure how near they are; each on its own.

        The nearest points vote, each with weight 1 / distance. Where there are core points, the
        nearest decides if it is no farther than eps, and the point is noise if not.

        Cost O(m n d) time.
        """
        found = _on_host(self.neighbors(X, min(self.n_neighbors, len(self.points))))
        labels = self._voted(X, found)
        return self._measured(X, np.full(len(X), -1), labels, found, one_by_one=True)

    def neighbors(self, X: Real[np.ndarray, "m d"], n: int) -> Neighbors:
        """Find the n nearest fitted points to each of X; equally near ones in their order."""
        return nearest_neighbors(self.points, n, queries=X)

    def _voted(self, X: Real[np.ndarray, "m d"], found: Neighbors) -> Int32[np.ndarray, " m"]:
        if self._core is None:
            return vote(found, self.labels)
        nothing = np.full(len(X), -1, np.int32)
        if not len(self._core):
            return nothing
        nearest = nearest_neighbors(self.points[self._core], 1, queries=X)
        labels = self.labels[self._core][nearest.indices[:, 0]].astype(np.int32)
        return np.where(nearest.distances[:, 0] <= self._eps, labels, nothing)

    def _measured(
        self,
        X: Real[np.ndarray, "m d"],
        own: Int[np.ndarray, " m"],
        labels: Int[np.ndarray, " m"],
        found: Neighbors,
        *,
        one_by_one: bool,
    ) -> Near:
        of_neighbors = self.labels[found.indices]
        same = of_neighbors == labels[:, None]
        inside = np.where(labels[:, None] < 0, of_neighbors >= 0, same)
        distance = found.distances.astype(np.float64).mean(axis=1)
        mixed = np.flatnonzero(~inside.all(axis=1))
        for label in np.unique(labels[mixed]).tolist():
            rows = mixed[labels[mixed] == label]
            distance[rows] = self._group(label).mean_distances(
                X[rows], own[rows], self.n_neighbors, one_by_one=one_by_one
            )
        return Near(labels.astype(np.int32), distance, same.mean(axis=1), found.indices)

    def _group(self, label: int) -> "_Group":
        if label not in self._groups:
            chosen = self.labels >= 0 if label < 0 else self.labels == label
            self._groups[label] = _Group(self.points, chosen)
        return self._groups[label]


class _Group:
    """The points of a cluster, searched on the host.

    Few points ask: those on its border. No program is compiled for a cluster's number of points.
    """

    def __init__(self, points: Real[np.ndarray, "n d"], chosen: Bool[np.ndarray, " n"]) -> None:
        self.indices = np.flatnonzero(chosen)
        self.points = points[self.indices]
        self.centre = self.points.mean(axis=0) if len(self.points) else np.zeros(points.shape[1])
        self.centred = (self.points - self.centre[None]).astype(np.float32)
        self.norms = np.square(self.centred).sum(axis=1)

    def mean_distances(
        self,
        X: Real[np.ndarray, "m d"],
        own: Int[np.ndarray, " m"],
        n_neighbors: int,
        *,
        one_by_one: bool,
    ) -> Float[np.ndarray, " m"]:
        """The mean distance of each row to its nearest points here but itself; NaN: there are none.

        `own` is its index among all points, -1 for none. One by one, companions cannot change a
        bit of a product.
        """
        count = min(n_neighbors + EXTRA, len(self.indices))
        found = np.full(len(X), np.nan)
        if not count:
            return found
        widest = max(count * X.shape[1], len(self.indices))
        block = 1 if one_by_one else max(1, BLOCK_ELEMENTS // widest)
        for begin in range(0, len(X), block):
            rows = slice(begin, begin + block)
            found[rows] = self._of_block(X[rows], own[rows], count, n_neighbors)
        return found

    def _of_block(
        self,
        X: Real[np.ndarray, "b d"],
        own: Int[np.ndarray, " b"],
        count: int,
        n_neighbors: int,
    ) -> Float[np.ndarray, " b"]:
        centred = (X - self.centre[None]).astype(np.float32)
        expanded = self.norms[None] - 2 * (centred @ self.centred.T)
        expanded[self.indices[None] == own[:, None]] = np.inf
        candidates = np.argpartition(expanded, count - 1, axis=1)[:, :count]
        differences = self.points[candidates].astype(np.float64) - X[:, None]
        squares = np.square(differences).sum(axis=2)
        squares[self.indices[candidates] == own[:, None]] = np.inf
        nearest = np.sqrt(np.sort(squares, axis=1)[:, :n_neighbors])
        there = np.isfinite(nearest)
        n_there = there.sum(axis=1)
        sums = np.where(there, nearest, 0).sum(axis=1)
        return np.divide(sums, n_there, out=np.full(len(X), np.nan), where=n_there > 0)


def centroid_confidence(distances: Float[np.ndarray, "n k"]) -> Float[np.ndarray, " n"]:
    """Measure how clearly a point belongs to its cluster: 1 - d1 / d2, with d1 and d2 its distances
    to the nearest and the second nearest centroid.

    0 is on the border of two clusters, 1 on the centroid itself. With one cluster only, or where
    both distances are 0, it is 1 and 0: nothing else competes, and nothing decides.
    """
    if distances.shape[1] == 1:
        return np.ones(len(distances), dtype=distances.dtype)
    d1, d2 = np.partition(distances, 1, axis=1)[:, :2].T
    return 1 - np.divide(d1, d2, out=np.ones_like(d1), where=d2 > 0)


def distances_to_own(
    X: Real[np.ndarray, "n d"], centers: Real[np.ndarray, "k d"], labels: Int[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Measure the distance of each row to the centre of its cluster."""
    found = np.empty(len(X))
    block = max(1, BLOCK_ELEMENTS // X.shape[1])
    for begin in range(0, len(X), block):
        rows = slice(begin, begin + block)
        differences = X[rows].astype(np.float64) - centers[labels[rows]]
        found[rows] = np.sqrt(np.square(differences).sum(axis=1))
    return found


def distances_to_all(
    X: Real[np.ndarray, "n d"], centers: Real[np.ndarray, "k d"]
) -> Float64[np.ndarray, "n k"]:
    """Measure the distance of each row to every centre, by its definition, on the host.

    For few rows: no product of matrices is in it, whose last bits depend on a row's companions.
    """
    labels = np.zeros(len(X), int)
    return np.stack([distances_to_own(X, one[None], labels) for one in np.asarray(centers)], axis=1)


def usual_distance(
    distance: Real[np.ndarray, " n"],
    labels: Int[np.ndarray, " n"],
    share: float,
    *,
    from_means: bool = False,
) -> float | None:
    """Give the distance that this share of the clustered points keep; None: no distance is known.

    Of all clusters together: the quantile of a small one would be its farthest point. A point has
    drawn the mean of its m points towards itself: from that of the others, where a new point has
    no part, it is m / (m - 1) as far.

    Args:
        distance: [n] of fitted points.
        labels: [n]; -1 is noise, which does not count.
        share: from 0 to 1.
        from_means: whether distances are those to the means of clusters.
    """
    if from_means:
        m = np.bincount(labels[labels >= 0], minlength=1)[labels]
        distance = distance * np.divide(m, m - 1, out=np.full(len(m), np.nan), where=m > 1)
    known = distance[(labels >= 0) & np.isfinite(distance)]
    return float(np.quantile(known.astype(np.float64), share)) if len(known) else None


def _on_host(found: Neighbors) -> Neighbors:
    return Neighbors(np.asarray(found.indices), np.asarray(found.distances))
