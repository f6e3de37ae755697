"""DBSCAN by blocked products on all devices, in as many dimensions as there are.

No neighbourhood is ever stored. The distances are computed again in every pass (`passes.py` beside
this file):

    `_core_points`  one pass counts the neighbours of each point, which tells the core points, and
                    keeps a few neighbours of each
    `_grow`         core points joined by those few get the smallest index among them as their
                    label; another pass finds for each point the smallest and the largest label
                    among its core neighbours, and the host joins labels that meet (connected
                    components); points that see two labels look again, until no more are joined

In the second pass points meet the core points alone, and those of the largest label need not look:
of two labels that meet, one side sees it. A border point so gets the cluster of lowest number that
reaches it, which is the one that growing cluster after cluster gives it to.

Products in float32 leave some pairs in doubt, near to eps by less than rounding. So pairs are
counted that are neighbours for sure, and those that may be; rows on which the difference could tell
are decided in float64 on the host. The labels are those of `scratchclust/reference/dbscan.py`.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, Int, Real

from scratchclust import rows
from scratchclust.cluster.dbscan_parts.components import NO_CLUSTER, smallest_of_component
from scratchclust.cluster.dbscan_parts.passes import (
    Search,
    TiledPoints,
    alone,
    count,
    extremes,
    in_calls,
    in_tiles,
    in_tiles_of,
    weigh,
)
from scratchclust.exact_pairs import near_rows
from scratchclust.rows import AnyArray

# Multiplications below which the host is done before another shape is compiled.
MULTIPLICATIONS_ON_HOST = 1e9


class _FirstPass(NamedTuple):
    """What one pass over all pairs tells of each point."""

    core: Bool[np.ndarray, " n"]
    doubtful: Bool[np.ndarray, " n"]  # rows with pairs that rounding leaves undecided
    unclear: Bool[np.ndarray, " n"]  # those that this may make core points, or not
    samples: Int[np.ndarray, "n samples"]  # a few neighbours for sure, or NO_CLUSTER


class _CorePoints(NamedTuple):
    """What is known before labels are given."""

    core: Bool[np.ndarray, " n"]
    doubtful: Bool[np.ndarray, " n"]  # rows with pairs that rounding leaves undecided
    i: Int[np.ndarray, " pairs"]  # core points
    j: Int[np.ndarray, " pairs"]  # and neighbours of theirs that are core points, a few for each


def block_labels(
    X: Real[AnyArray, "n d"],
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None = None,
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Name the cluster of each point by its first core point; and tell the core points."""
    search = in_tiles(X, eps)
    found = _core_points(search, min_samples, weights)
    return _grow(search, found), found.core


def _core_points(
    search: Search, min_samples: int, weights: Float[np.ndarray, " n"] | None
) -> _CorePoints:
    """The first pass; a count in doubt that matters is made in float64."""
    if weights is None:
        found = _by_count(search, min_samples)
    else:
        found = _by_weight(search, min_samples, weights)
    core = found.core
    for part, near in near_rows(np.asarray(search.X), np.flatnonzero(found.unclear), search.eps):
        core[part] = (near.sum(axis=1) if weights is None else near @ weights) >= min_samples
    i, place = np.nonzero(found.samples < NO_CLUSTER)
    j = found.samples[i, place]
    both = core[i] & core[j]
    return _CorePoints(core, found.doubtful, i[both], j[both])


def _by_count(search: Search, min_samples: int) -> _FirstPass:
    sure, possible, samples = in_calls(count, search, np.arange(len(search.X)))
    core = sure >= min_samples
    return _FirstPass(core, sure != possible, ~core & (possible >= min_samples), samples)


def _by_weight(search: Search, min_samples: int, weights: Float[np.ndarray, " n"]) -> _FirstPass:
    n = len(search.X)
    tiled = in_tiles_of(search.points, weights)
    found = in_calls(weigh, search, np.arange(n), tiled)
    total, in_doubt, size, n_unsure, samples = found
    # float32 sums of whole numbers are exact
    exact = (weights == np.rint(weights)).all() and np.abs(weights).sum() < 2**24
    rounding = 0.0 if exact else 2 * n * float(np.finfo(np.float32).eps)
    error = in_doubt + rounding * size.astype(np.float64)
    clear = np.abs(total.astype(np.float64) - min_samples) > error
    # `~clear`, as what left the range of float32 is not clear either
    return _FirstPass(total >= min_samples, n_unsure > 0, ~clear, samples)


def _grow(search: Search, found: _CorePoints) -> Int[np.ndarray, " n"]:
    """For each point the first core point of its cluster, or NO_CLUSTER.

    `labels` name a cluster by its first core point known so far, `reached` the cluster of each
    point. A row that sees one label alone is settled, whatever is joined later; the others are
    looked at again.
    """
    core = found.core
    n = len(core)
    firsts = smallest_of_component(n, found.i, found.j)
    labels = np.where(core, firsts, NO_CLUSTER).astype(np.int32)
    if not core.any():
        return labels
    reached = labels.copy()
    asking = np.flatnonzero(labels != np.bincount(labels[core]).argmax())
    of_core = alone(search.points, np.flatnonzero(core))
    while len(asking):
        low, high = _labels_seen(search, found, of_core, labels=labels, asking=asking)
        reached[asking] = low
        mixed = low != high
        meets = mixed & core[asking]
        if not meets.any():
            break
        ours = labels[asking[meets]]
        theirs = np.concatenate([low[meets], high[meets]])
        firsts = smallest_of_component(n, np.concatenate([ours, ours]), theirs)
        labels = _rename(labels, firsts)
        reached = _rename(reached, firsts)
        asking = asking[mixed]
    return reached


def _rename(labels: Int[np.ndarray, " n"], firsts: Int[np.ndarray, " n"]) -> Int[np.ndarray, " n"]:
    """The labels after those of joined clusters became one."""
    clustered = labels < NO_CLUSTER
    return np.where(clustered, firsts[np.minimum(labels, len(labels) - 1)], NO_CLUSTER)


def _labels_seen(
    search: Search,
    found: _CorePoints,
    of_core: TiledPoints,
    *,
    labels: Int[np.ndarray, " n"],
    asking: Int[np.ndarray, " m"],
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The smallest and the largest label among the core neighbours of some rows.

    Among those that may be neighbours, first. That answer holds for rows without a pair in doubt,
    and for core points that see only their own label; the others are decided in float64, and so are
    a few rows from the beginning.
    """
    known = np.zeros(len(asking), bool)
    low = np.full(len(asking), -1, np.int32)
    high = np.full(len(asking), NO_CLUSTER)
    if len(asking) * len(search.X) * search.X.shape[1] > MULTIPLICATIONS_ON_HOST:
        low, high = in_calls(extremes, search, asking, of_core, _labels_in_tiles(labels, of_core))
        doubtful = found.doubtful[asking]
        unsure = doubtful & ~found.core[asking]
        known = (low == NO_CLUSTER) | ~(doubtful & (low != high)) & ~unsure
    again = np.flatnonzero(~known)
    for part, near in near_rows(np.asarray(search.X), asking[again], search.eps):
        place = again[np.searchsorted(asking[again], part)]
        near &= (labels < NO_CLUSTER)[None, :]
        low[place] = np.where(near, labels[None, :], NO_CLUSTER).min(axis=1)
        high[place] = np.where(near, labels[None, :], -1).max(axis=1)
    return low, np.where(low == NO_CLUSTER, NO_CLUSTER, high)


def _labels_in_tiles(labels: Int[np.ndarray, " n"], of_core: TiledPoints) -> Array:
    """The labels of the core points, in the tiles of these; NO_CLUSTER in the filling."""
    of_these = labels[labels < NO_CLUSTER]
    filled = np.full(of_core.sure.shape, NO_CLUSTER, np.int32)
    filled.ravel()[: len(of_these)] = of_these
    return rows.on_every_device(filled, rows.mesh())
