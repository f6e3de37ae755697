"""DBSCAN on a grid, in one to three dimensions: points far from each other never meet.

The cells have the side eps / sqrt(d), a trifle less. So two points of a cell are neighbours, and
the neighbours of a point lie no more than two cells away in each direction. The steps, each over
pairs of cells at one offset:

    `_core_points`  points of a cell of min_samples or more are core points; those of other cells
                    count their neighbours
    `_grow`         the core points of a cell are of one cluster; two cells of core points are
                    joined by any two of these that are near; a point that is no core point joins
                    the first of the clusters whose core points are near

All in float64 on the host, by the definition of `scratchclust/reference/dbscan.py`, whose labels
these are. The memory is O(n) and a chunk of pairs.

Source: Gunawan, A faster algorithm for DBSCAN, 2013; de Berg, Gunawan & Roeloffzen, Faster DBSCAN
and HDBSCAN in low-dimensional Euclidean spaces, 2019.
"""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.cluster.dbscan_parts.components import NO_CLUSTER, components
from scratchclust.exact_pairs import pair_squares
from scratchclust.rows import AnyArray

MOST_FEATURES = 3
# Cells along one side; three such numbers fit into 64 bits, and rounding cannot move a point by a
# cell.
MOST_CELLS = 2**20
REACH_CELLS = 2  # in each direction that hold neighbours
SIDE_SLACK = 1e-8  # relative, by which a cell is smaller than eps / sqrt(d): far above rounding
PAIRS_AT_A_TIME = 2**20
POINTS_TRIED_FIRST = 8  # core points of each of two cells that are tried before all


class _Cells(NamedTuple):
    """Points sorted by cell; the points of cell c are order[starts[c] : starts[c] + counts[c]]."""

    keys: Int[np.ndarray, " m"]  # rising, one for each cell that has points
    starts: Int[np.ndarray, " m"]
    counts: Int[np.ndarray, " m"]
    order: Int[np.ndarray, " n"]
    steps: Int[np.ndarray, " d"]  # what one cell further adds to the key, in each direction


class _CellPairs(NamedTuple):
    """Pairs of a cell of a and a cell of b."""

    a: _Cells
    b: _Cells
    of_a: Int[np.ndarray, " p"]  # numbers of cells of a
    of_b: Int[np.ndarray, " p"]  # and of b

    def where(self, kept: Bool[np.ndarray, " p"]) -> "_CellPairs":
        """Some of the pairs."""
        return _CellPairs(self.a, self.b, self.of_a[kept], self.of_b[kept])


def fits_a_grid(X: Real[AnyArray, "n d"], eps: float) -> bool:
    """Whether there are few enough dimensions and cells, and eps is a number with a square."""
    if not 1 <= X.shape[1] <= MOST_FEATURES or not 0 < eps * eps < np.inf:
        return False
    X = np.asarray(X)
    extent = (X.max(axis=0).astype(np.float64) - X.min(axis=0).astype(np.float64)).max()
    return bool(extent / _side(eps, X.shape[1]) < MOST_CELLS)


def grid_labels(
    X: Real[np.ndarray, "n d"],
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None = None,
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Name the cluster of each point by its first core point; and tell the core points.

    Cost: the pairs of points in neighbouring cells at most, and far fewer where cells are crowded.
    """
    X = X.astype(np.float64)
    if weights is None:
        core = _core_points(X, eps, min_samples)
    else:
        core = _heavy_points(X, eps, min_samples, weights)
    return _grow(X, eps, core), core


def _side(eps: float, n_features: int) -> float:
    return eps / np.sqrt(n_features) * (1 - SIDE_SLACK)


def _near(
    X: Float[np.ndarray, "n d"],
    i: Int[np.ndarray, " pairs"],
    j: Int[np.ndarray, " pairs"],
    eps: float,
) -> Bool[np.ndarray, " pairs"]:
    return pair_squares(X, X, i, j) <= eps**2


def _core_points(
    X: Float[np.ndarray, "n d"], eps: float, min_samples: int
) -> Bool[np.ndarray, " n"]:
    n = len(X)
    cells = _cells(X, np.arange(n), eps)
    crowded = np.repeat(cells.counts >= min_samples, cells.counts)
    core = np.zeros(n, bool)
    core[cells.order[crowded]] = True
    counts = np.zeros(n, np.int64)
    asking = np.flatnonzero(~core)
    for _, ring in itertools.groupby(_offsets(X.shape[1]), key=_square):
        if not len(asking):
            break
        sparse = _cells(X, asking, eps)
        for offset in ring:
            for i, j, _ in _point_pairs(_meet(sparse, cells, offset)):
                counts += np.bincount(i[_near(X, i, j, eps)], minlength=n)
        asking = asking[counts[asking] < min_samples]  # the others have enough already
    return core | (counts >= min_samples)


def _heavy_points(
    X: Float[np.ndarray, "n d"], eps: float, min_samples: int, weights: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """The core points where points have weights: all pairs, since weights may be negative."""
    cells = _cells(X, np.arange(len(X)), eps)
    total = np.zeros(len(X))
    for offset in _offsets(X.shape[1]):
        for i, j, _ in _point_pairs(_meet(cells, cells, offset)):
            near = _near(X, i, j, eps)
            total += np.bincount(i[near], weights[j[near]], minlength=len(X))
    return total >= min_samples


def _grow(
    X: Float[np.ndarray, "n d"], eps: float, core: Bool[np.ndarray, " n"]
) -> Int[np.ndarray, " n"]:
    """For each point the first core point of its cluster, or NO_CLUSTER."""
    labels = np.full(len(X), NO_CLUSTER)
    if not core.any():
        return labels
    labels[core] = _label_core(X, np.flatnonzero(core), eps)
    return labels if core.all() else _label_border(X, labels, core, eps)


def _label_core(
    X: Float[np.ndarray, "n d"], core: Int[np.ndarray, " m"], eps: float
) -> Int[np.ndarray, " m"]:
    """For each core point, by rising index, the first one of its cluster."""
    cells = _cells(X, core, eps)
    cluster = np.arange(len(cells.keys))
    for offset in _offsets(X.shape[1]):
        if offset <= (0,) * X.shape[1]:
            continue  # the other one of two cells has met this one already
        pairs = _meet(cells, cells, offset)
        for most in (POINTS_TRIED_FIRST, None):
            apart = pairs.where(cluster[pairs.of_a] != cluster[pairs.of_b])
            linked = _link(X, apart, eps, most)
            i = cluster[linked.of_a]
            j = cluster[linked.of_b]
            cluster = components(len(cluster), i, j)[cluster]
    of_point = np.empty(len(X), np.int64)
    of_point[cells.order] = np.repeat(cluster, cells.counts)
    _, first, inverse = np.unique(of_point[core], return_index=True, return_inverse=True)
    return core[first][inverse].astype(np.int32)


def _link(
    X: Float[np.ndarray, "n d"], pairs: _CellPairs, eps: float, most: int | None
) -> _CellPairs:
    """Those pairs of cells in which two of the first `most` points of each are near."""
    linked = np.zeros(len(pairs.of_a), bool)
    for i, j, number in _point_pairs(pairs, most):
        linked[number[_near(X, i, j, eps)]] = True
    return pairs.where(linked)


def _label_border(
    X: Float[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    core: Bool[np.ndarray, " n"],
    eps: float,
) -> Int[np.ndarray, " n"]:
    """The labels with those of border points: the smallest label of a near core point."""
    asking = _cells(X, np.flatnonzero(~core), eps)
    targets = _cells(X, np.flatnonzero(core), eps)
    labels = labels.copy()
    for offset in _offsets(X.shape[1]):
        for i, j, _ in _point_pairs(_meet(asking, targets, offset)):
            near = _near(X, i, j, eps)
            np.minimum.at(labels, i[near], labels[j[near]])
    return labels


def _cells(X: Float[np.ndarray, "n d"], members: Int[np.ndarray, " m"], eps: float) -> _Cells:
    """The cells of some of the points, on the grid of all."""
    cell = np.floor((X[members] - X.min(axis=0)) / _side(eps, X.shape[1])).astype(np.int64)
    steps = (MOST_CELLS + 2 * REACH_CELLS + 1) ** np.arange(X.shape[1], dtype=np.int64)
    key = (cell + REACH_CELLS) @ steps
    order = np.argsort(key, kind="stable")
    keys, starts, counts = np.unique(key[order], return_index=True, return_counts=True)
    return _Cells(keys, starts, counts, members[order], steps)


def _offsets(n_features: int) -> list[tuple[int, ...]]:
    """Steps to the cells that may hold neighbours, the nearest first; the first is no step."""
    along_one = range(-REACH_CELLS, REACH_CELLS + 1)
    return sorted(itertools.product(along_one, repeat=n_features), key=_square)


def _square(offset: tuple[int, ...]) -> int:
    return sum(i * i for i in offset)


def _meet(a: _Cells, b: _Cells, offset: tuple[int, ...]) -> _CellPairs:
    """The cells of a that have a cell of b at this offset, and these."""
    wanted = a.keys + np.array(offset) @ a.steps
    place = np.minimum(np.searchsorted(b.keys, wanted), len(b.keys) - 1)
    there = np.flatnonzero(b.keys[place] == wanted)
    return _CellPairs(a, b, there, place[there])


def _point_pairs(
    pairs: _CellPairs, most: int | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """The pairs (i, j) of points of each two cells, and the number of these; some at a time.

    Args:
        pairs: which cells meet.
        most: so many points of a cell take part, its first; None: all.
    """
    a, b, of_a, of_b = pairs
    rows = a.counts[of_a]
    columns = b.counts[of_b]
    if most is not None:
        rows = np.minimum(rows, most)
        columns = np.minimum(columns, most)
    ends = np.cumsum(rows * columns)
    for begin in range(0, ends[-1] if len(ends) else 0, PAIRS_AT_A_TIME):
        pair = np.arange(begin, min(begin + PAIRS_AT_A_TIME, ends[-1]))
        number = np.searchsorted(ends, pair, side="right")
        pair -= ends[number] - rows[number] * columns[number]  # from 0 in each two cells
        i, j = np.divmod(pair, columns[number])
        yield a.order[a.starts[of_a[number]] + i], b.order[b.starts[of_b[number]] + j], number
