"""DBSCAN on a grid, for points of one to three dimensions: pairs that are far from each other are
never met.

The cells have the side eps / sqrt(d), a trifle less. So two points of a cell are neighbours, and
the neighbours of a point lie no more than two cells away in each direction. The steps, each over
pairs of cells at one offset:

    points of a cell of min_samples or more are core points; those of other cells count their neighbours
    the core points of a cell are of one cluster; two cells of core points are joined by any two of these that are near
    a point that is no core point joins the first of the clusters whose core points are near

All in float64 on the host, by the definition of `scratchclust/reference/dbscan.py`, whose labels
these are. The memory is O(n) and a chunk of pairs.

Source: Gunawan, A faster algorithm for DBSCAN, 2013; de Berg, Gunawan & Roeloffzen, Faster DBSCAN
and HDBSCAN in low-dimensional Euclidean spaces, 2019.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scratchclust.cluster.exact_pairs import pair_squares
from scratchclust.distances import AnyArray

MOST_FEATURES = 3
MOST_CELLS = (
    2**20
)  # along one side; three such numbers fit into 64 bits, and rounding cannot move a point by a cell
REACH = 2  # cells in each direction that hold neighbours
SLACK = 1e-8  # relative, by which a cell is smaller than eps / sqrt(d): far above rounding
CHUNK = 2**20  # pairs that are held at a time
FEW = 8  # core points of each of two cells that are tried before all
NONE = np.int32(2**31 - 1)


@dataclass(frozen=True)
class _Cells:
    """Points sorted by cell; the points of cell c are order[starts[c] : starts[c] + counts[c]]."""

    keys: Int[np.ndarray, " m"]  # rising, one for each cell that has points
    starts: Int[np.ndarray, " m"]
    counts: Int[np.ndarray, " m"]
    order: Int[np.ndarray, " n"]
    steps: Int[np.ndarray, " d"]  # what one cell further adds to the key, in each direction


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
    """For each point the first core point of its cluster (NONE: noise), and whether it is a core
    point.

    Cost: the pairs of points in neighbouring cells at most, and far fewer where cells are crowded.
    """
    X = X.astype(np.float64)
    core = (
        _core_points(X, eps, min_samples)
        if weights is None
        else _heavy_points(X, eps, min_samples, weights)
    )
    labels = np.full(len(X), NONE)
    labels[core] = _core_labels(X, np.flatnonzero(core), eps)
    return _with_border(X, labels, core, eps), core


def _side(eps: float, n_features: int) -> float:
    return eps / np.sqrt(n_features) * (1 - SLACK)


def _cells(X: Real[np.ndarray, "n d"], members: Int[np.ndarray, " m"], eps: float) -> _Cells:
    """The cells of some of the points, on the grid of all."""
    place = np.floor((X[members] - X.min(axis=0)) / _side(eps, X.shape[1])).astype(np.int64) + REACH
    steps = (MOST_CELLS + 2 * REACH + 1) ** np.arange(X.shape[1], dtype=np.int64)
    key = place @ steps
    order = np.argsort(key, kind="stable")
    keys, starts, counts = np.unique(key[order], return_index=True, return_counts=True)
    return _Cells(keys, starts, counts, members[order], steps)


def _offsets(n_features: int) -> list[tuple[int, ...]]:
    """Steps to the cells that may hold neighbours, the nearest first; the first is no step."""
    return sorted(itertools.product(range(-REACH, REACH + 1), repeat=n_features), key=_square)


def _square(offset: tuple[int, ...]) -> int:
    return sum(i * i for i in offset)


def _meeting(
    a: _Cells, b: _Cells, offset: tuple[int, ...]
) -> tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]]:
    """The cells of a, and those of b that lie at this offset from them; those without such a one
    are left out.
    """
    wanted = a.keys + np.array(offset) @ a.steps
    place = np.minimum(np.searchsorted(b.keys, wanted), len(b.keys) - 1)
    there = np.flatnonzero(b.keys[place] == wanted)
    return there, place[there]


def _pairs(
    a: _Cells,
    b: _Cells,
    of_a: Int[np.ndarray, " p"],
    of_b: Int[np.ndarray, " p"],
    most: int | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """All pairs (i, j) of points of a cell of a and a cell of b, of the first `most` of each, and
    the number of the two cells; in chunks."""
    rows, columns = a.counts[of_a], b.counts[of_b]
    if most is not None:
        rows, columns = np.minimum(rows, most), np.minimum(columns, most)
    ends = np.cumsum(rows * columns)
    for begin in range(0, ends[-1] if len(ends) else 0, CHUNK):
        number = np.arange(begin, min(begin + CHUNK, ends[-1]))
        of = np.searchsorted(ends, number, side="right")
        i, j = np.divmod(number - (ends[of] - rows[of] * columns[of]), columns[of])
        yield a.order[a.starts[of_a[of]] + i], b.order[b.starts[of_b[of]] + j], of


def _near(
    X: Real[np.ndarray, "n d"], i: np.ndarray, j: np.ndarray, eps: float
) -> Bool[np.ndarray, " pairs"]:
    return pair_squares(X, i, j) <= eps**2


def _core_points(
    X: Real[np.ndarray, "n d"], eps: float, min_samples: int
) -> Bool[np.ndarray, " n"]:
    cells = _cells(X, np.arange(len(X)), eps)
    crowded = np.repeat(cells.counts >= min_samples, cells.counts)
    core = np.zeros(len(X), bool)
    core[cells.order[crowded]] = True
    counts = np.zeros(len(X), np.int64)
    asking = np.flatnonzero(~core)
    for _, ring in itertools.groupby(_offsets(X.shape[1]), key=_square):
        if not len(asking):
            break
        sparse = _cells(X, asking, eps)
        for offset in ring:
            for i, j, _ in _pairs(sparse, cells, *_meeting(sparse, cells, offset)):
                counts += np.bincount(i[_near(X, i, j, eps)], minlength=len(X))
        asking = asking[counts[asking] < min_samples]  # the others have enough already
    return core | (counts >= min_samples)


def _heavy_points(
    X: Real[np.ndarray, "n d"], eps: float, min_samples: int, weights: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """The core points where points have weights: all pairs, since weights may be negative."""
    cells, total = _cells(X, np.arange(len(X)), eps), np.zeros(len(X))
    for offset in _offsets(X.shape[1]):
        for i, j, _ in _pairs(cells, cells, *_meeting(cells, cells, offset)):
            near = _near(X, i, j, eps)
            total += np.bincount(i[near], weights[j[near]], minlength=len(X))
    return total >= min_samples


def _core_labels(
    X: Real[np.ndarray, "n d"], core: Int[np.ndarray, " m"], eps: float
) -> Int[np.ndarray, " m"]:
    """For each core point, by rising index, the first one of its cluster."""
    if not len(core):
        return core.astype(np.int32)
    cells = _cells(X, core, eps)
    cluster = np.arange(len(cells.keys))
    for offset in _offsets(X.shape[1]):
        if offset <= (0,) * X.shape[1]:
            continue  # the other one of two cells has met this one already
        a, b = _meeting(cells, cells, offset)
        for most in (FEW, None):
            apart = cluster[a] != cluster[b]
            cluster = _joined(X, cells, a[apart], b[apart], cluster, eps, most)
    of_point = np.empty(len(X), np.int64)
    of_point[cells.order] = np.repeat(cluster, cells.counts)
    _, first, inverse = np.unique(of_point[core], return_index=True, return_inverse=True)
    return core[first][inverse].astype(np.int32)


def _joined(
    X: Real[np.ndarray, "n d"],
    cells: _Cells,
    a: Int[np.ndarray, " p"],
    b: Int[np.ndarray, " p"],
    cluster: Int[np.ndarray, " m"],
    eps: float,
    most: int | None,
) -> Int[np.ndarray, " m"]:
    """The clusters after those of cells a and b that have near points are joined."""
    linked = np.zeros(len(a), bool)
    for i, j, of in _pairs(cells, cells, a, b, most):
        linked[of[_near(X, i, j, eps)]] = True
    n, (i, j) = len(cluster), (cluster[a[linked]], cluster[b[linked]])
    graph = coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n))
    return connected_components(graph, directed=False)[1][cluster]


def _with_border(
    X: Real[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    core: Bool[np.ndarray, " n"],
    eps: float,
) -> Int[np.ndarray, " n"]:
    """The labels with those of border points: the smallest label of a near core point."""
    if core.all() or not core.any():
        return labels
    asking, targets = _cells(X, np.flatnonzero(~core), eps), _cells(X, np.flatnonzero(core), eps)
    labels = labels.copy()
    for offset in _offsets(X.shape[1]):
        for i, j, _ in _pairs(asking, targets, *_meeting(asking, targets, offset)):
            near = _near(X, i, j, eps)
            np.minimum.at(labels, i[near], labels[j[near]])
    return labels
