"""DBSCAN, fast: the twin of `scratchclust/reference/dbscan.py`, where the definition is explained.

No neighbourhood is ever stored: the memory is O(n d) and a block. The distances are computed again
in every pass, by blocked products on all devices:

    one pass counts the neighbours of each point, which tells the core points, and keeps a few neighbours of each;
    core points joined by those few get the smallest index among them as their label;
    another pass finds for each point the smallest and the largest label among its core neighbours, and the host
    joins labels that meet (connected components). Points that see two labels look again, until no more are joined.
    In this pass points meet the core points alone, and those of the largest label need not look: of two labels that
    meet, one side sees it.

A border point so gets the cluster of lowest number that reaches it, which is the one that growing
cluster after cluster gives it to.

Products in float32 leave some pairs in doubt, near to eps by less than rounding. So pairs are
counted that are neighbours for sure, and those that may be; rows on which the difference could tell
are decided in float64 on the host.

The compiled passes are in `scratchclust/cluster/dbscan_parts/passes.py`.

In one, two or three dimensions a grid is faster, and is taken instead:
`scratchclust/cluster/dbscan_parts/grid.py`.

For the cosine distance the points are put on the unit sphere. Given distances, which take O(n^2)
memory already, are walked through on the host, each row at most twice.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Real
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scratchclust import rows
from scratchclust.cluster.dbscan_parts.given import labels_of_distances
from scratchclust.cluster.dbscan_parts.grid import fits_a_grid, grid_labels
from scratchclust.cluster.dbscan_parts.passes import (
    NONE,
    TiledPoints,
    alone,
    count,
    extremes,
    in_stretches,
    in_tiles,
    in_tiles_of,
    weigh,
)
from scratchclust.cluster.exact_pairs import near_rows
from scratchclust.distances import AnyArray, centre_of, exponent_of, scaled, unit_rows
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.results import DBSCANResult

METRICS = ("euclidean", "cosine", "precomputed")
ROUNDING = 4 * np.finfo(np.float64).eps  # relative, of a chord: at exactly eps is near
ON_HOST = 1e9  # multiplications below which the host is done before another shape is compiled


def dbscan(
    X: Real[AnyArray, "n d"],
    eps: float | int = 0.5,
    *,
    min_samples: int = 5,
    metric: str = "euclidean",
    sample_weight: Real[AnyArray, " n"] | None = None,
) -> DBSCANResult:
    """Clusters of density, without storing the neighbourhoods.

    Args:
        X: points; distances [n n] where they are precomputed.
        eps: the largest distance of neighbours.
        min_samples: neighbours that make a point a core point, itself included; their weight, where
            they have one.
        metric: "euclidean", "cosine" or "precomputed".
        sample_weight: of each point; None means 1. A negative one keeps its neighbours from being
            core points.

    Returns:
        Labels and core points (NumPy arrays), those of the definition. Cost O(n^2 d) time a pass,
        in three passes as a rule, and O(n d) memory; on a grid about O(n) times the points around
        one.

    Raises:
        InputError: no points, eps not above 0, min_samples below 1, NaN or infinity in X, distances
            that are none, rows without a direction, or weights that are no finite numbers.
    """
    _check(X, eps, min_samples, metric, sample_weight)
    eps, weights = (
        float(eps),
        None if sample_weight is None else np.asarray(sample_weight, np.float64),
    )
    if metric == "precomputed":
        labels, core = labels_of_distances(np.asarray(X), eps, min_samples, weights)
        return _numbered(labels, core)
    if metric == "cosine":
        X, eps = unit_rows(np.asarray(X, np.float64)), float(np.sqrt(2 * eps) * (1 + ROUNDING))
    exponent = exponent_of(np.asarray(X))
    if exponent:  # squares would leave the range of float32
        X = scaled(np.asarray(X), np.asarray(centre_of(X)), exponent)
        with np.errstate(over="ignore"):
            eps = float(np.ldexp(eps, -exponent))
    if fits_a_grid(X, eps):
        labels, core = grid_labels(np.asarray(X), eps, min_samples, weights)
    else:
        labels, core = _blocked_labels(X, eps, min_samples, weights)
    return _numbered(labels, core)


def k_distances(
    X: Real[AnyArray, "n d"], min_samples: int = 5, *, metric: str = "euclidean"
) -> Float[np.ndarray, " n"]:
    """The eps from which on each point is a core point, rising: the curve by which to choose eps.

    Args:
        X: points; distances [n n] where they are precomputed.
        min_samples: as for `dbscan`; the value of a point is its distance to neighbour min_samples
            - 1.
        metric: as for `dbscan`.

    Returns:
        The sorted distances, in the precision of `nearest_neighbors`. Cost O(n^2 d) time and O(n (d
        + min_samples)) memory.

    Raises:
        InputError: no points, min_samples not within 1 and n, NaN or infinity in X, or numbers
            whose squares leave the range of float32.
    """
    _check(X, 1, min_samples, metric)
    if min_samples > len(X):
        raise InputError(
            f"expected min_samples of at most {len(X)}, the number of points, got {min_samples}"
        )
    if metric == "precomputed":
        return np.sort(
            np.partition(np.asarray(X, np.float64), min_samples - 1, axis=1)[:, min_samples - 1]
        )
    X = unit_rows(np.asarray(X, np.float64)) if metric == "cosine" else X
    if min_samples == 1:
        return np.zeros(len(X))  # a point is its own first neighbour
    distances = np.sort(nearest_neighbors(X, min_samples - 1).distances[:, -1]).astype(np.float64)
    return distances**2 / 2 if metric == "cosine" else distances


def knee(distances: Float[np.ndarray, " n"]) -> float:
    """The bend of a rising curve: its value where it lies farthest below the straight line between
    its ends.

        m = argmax_i  d_1 + (d_n - d_1) (i - 1) / (n - 1) - d_i

    An eps to begin with, for lack of a better one: the label of no point takes part in it.

    Args:
        distances: from `k_distances`.

    Returns:
        d_m, or the smallest value above 0 if that is 0.

    Raises:
        InputError: no distance is above 0: all points have equal ones in plenty, and any eps will
            do.

    Source: Satopää et al., Finding a "kneedle" in a haystack, 2011 (without their smoothing).
    """
    if not distances[-1] > 0:
        raise InputError(
            "every point has as many equal ones as it needs: give eps, any number above 0 will do"
        )
    line = np.linspace(distances[0], distances[-1], len(distances))
    found = distances[(line - distances).argmax()]
    return float(found if found > 0 else distances[distances > 0][0])


def _check(
    X: Real[AnyArray, "n d"],
    eps: float | int,
    min_samples: int,
    metric: str,
    sample_weight: Real[AnyArray, " n"] | None = None,
) -> None:
    if metric not in METRICS:
        raise InputError(
            f"metric={metric!r} is unknown: expected one of {', '.join(map(repr, METRICS))}"
        )
    if not len(X):
        raise InputError("expected at least one point, got none")
    if not eps > 0:
        raise InputError(f"expected eps > 0, the largest distance of neighbours, got {eps}")
    if min_samples < 1:
        raise InputError(
            f"expected min_samples of at least 1 (a point counts itself), got {min_samples}"
        )
    if not np.isfinite(np.asarray(X)).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    if metric == "precomputed" and (X.shape[0] != X.shape[1] or (np.asarray(X) < 0).any()):
        raise InputError(
            f"expected distances of at least 0 in a square matrix, got the shape {list(X.shape)} and the least number "
            f"{X.min():.3g}: give all pairs, or another metric"
        )
    if sample_weight is not None and not (
        np.isfinite(np.asarray(sample_weight)).all() and np.asarray(sample_weight).any()
    ):
        raise InputError(
            "sample_weight holds NaN or infinity, or nothing but zeros: expected finite numbers"
        )


def _numbered(labels: Int[np.ndarray, " n"], core: Bool[np.ndarray, " n"]) -> DBSCANResult:
    """Labels that name a cluster by its first core point (NONE: noise) as numbers 0, 1, ..."""
    firsts = np.unique(labels[core])
    numbers = np.where(labels < NONE, np.searchsorted(firsts, labels), -1)
    return DBSCANResult(
        numbers.astype(np.int32), np.flatnonzero(core).astype(np.int32), len(firsts)
    )


class _Counts(NamedTuple):
    """What the first pass finds."""

    core: Bool[np.ndarray, " n"]
    doubtful: Bool[np.ndarray, " n"]  # rows with pairs that rounding leaves undecided
    pairs: tuple[
        np.ndarray, np.ndarray, int
    ]  # (i, j, n): core points that are neighbours, a few for each


def _blocked_labels(
    X: AnyArray, eps: float, min_samples: int, weights: Float[np.ndarray, " n"] | None = None
) -> tuple[Int[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """For each point the first core point of its cluster (NONE: noise), and whether it is a core
    point.

    `labels` name a cluster by its first core point known so far, `reached` the cluster of each
    point. A row that sees one label alone is settled, whatever is joined later; the others are
    looked at again.
    """
    points, offset = in_tiles(X, eps)
    core, doubtful, pairs = _core_points(X, points, offset, eps, min_samples, weights)
    labels = np.where(core, _components(pairs), NONE).astype(np.int32)
    if not core.any():
        return labels, core
    reached, asking = labels.copy(), np.flatnonzero(labels != np.bincount(labels[core]).argmax())
    of_core = alone(points, np.flatnonzero(core))
    while len(asking):
        low, high = _labels_seen(
            X, points, offset, of_core, labels, asking, doubtful & ~core, doubtful, eps
        )
        reached[asking] = low
        mixed = low != high
        meets = mixed & core[asking]
        if not meets.any():
            break
        ours = labels[asking[meets]]
        pairs = np.concatenate([ours, ours]), np.concatenate([low[meets], high[meets]]), len(X)
        roots = _components(pairs)
        labels, reached = (
            np.where(a < NONE, roots[np.minimum(a, len(X) - 1)], NONE) for a in (labels, reached)
        )
        asking = asking[mixed]
    return reached, core


def _core_points(
    X: AnyArray,
    points: TiledPoints,
    offset: Any,
    eps: float,
    min_samples: int,
    weights: Float[np.ndarray, " n"] | None,
) -> _Counts:
    """The first pass; a count in doubt that matters is made in float64."""
    everyone = np.arange(len(X))
    if weights is None:
        sure, possible, samples = in_stretches(count, X, everyone, points, offset)
        core, doubtful = sure >= min_samples, sure != possible
        unclear = ~core & (possible >= min_samples)
    else:
        shared = in_tiles_of(points, weights)
        total, in_doubt, size, unsure, samples = in_stretches(
            weigh, X, everyone, points, offset, shared
        )
        whole = (weights == np.rint(weights)).all() and np.abs(
            weights
        ).sum() < 2**24  # float32 sums are exact
        rounding = 0.0 if whole else 2 * len(X) * float(np.finfo(np.float32).eps)
        core, doubtful = total >= min_samples, unsure > 0
        clear = np.abs(total.astype(np.float64) - min_samples) > in_doubt + rounding * size.astype(
            np.float64
        )
        unclear = ~clear  # what left the range of float32 is not clear either
    for part, near in near_rows(np.asarray(X), np.flatnonzero(unclear), eps):
        core[part] = (near.sum(axis=1) if weights is None else near @ weights) >= min_samples
    i, place = np.nonzero(samples < NONE)
    j = samples[i, place]
    both = core[i] & core[j]
    return _Counts(core, doubtful, (i[both], j[both], len(X)))


def _labels_seen(
    X: AnyArray,
    points: TiledPoints,
    offset: Any,
    of_core: TiledPoints,
    labels: Int[np.ndarray, " n"],
    asking: Int[np.ndarray, " m"],
    unsure: Bool[np.ndarray, " n"],
    doubtful: Bool[np.ndarray, " n"],
    eps: float,
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The smallest and the largest label among the core neighbours of some rows (both NONE without
    one).

    Among those that may be neighbours, first. That answer holds for rows without a pair in doubt,
    and for core points that see only their own label; the others are decided in float64, and so are
    a few rows from the beginning.
    """
    low, high = np.full(len(asking), -1, np.int32), np.full(len(asking), NONE)  # what is not known
    if len(asking) * len(X) * X.shape[1] > ON_HOST:
        of_these = labels[labels < NONE]
        filled = np.full(of_core.sure.shape, NONE, np.int32)
        filled.ravel()[: len(of_these)] = of_these
        shared = rows.on_every_device(filled, rows.mesh())
        low, high = in_stretches(extremes, X, asking, points, offset, of_core, shared)
        known = (low == NONE) | ~(doubtful[asking] & (low != high)) & ~unsure[asking]
    else:
        known = np.zeros(len(asking), bool)
    again = np.flatnonzero(~known)
    for part, near in near_rows(np.asarray(X), asking[again], eps):
        place = again[np.searchsorted(asking[again], part)]
        near &= (labels < NONE)[None, :]
        low[place] = np.where(near, labels[None, :], NONE).min(axis=1)
        high[place] = np.where(near, labels[None, :], -1).max(axis=1)
    return low, np.where(low == NONE, NONE, high)


def _components(pairs: tuple[np.ndarray, np.ndarray, int]) -> Int[np.ndarray, " n"]:
    """For each of n nodes the smallest one that is connected to it by the pairs (i, j)."""
    i, j, n = pairs
    _, component = connected_components(
        coo_array((np.ones(len(i), np.int8), (i, j)), shape=(n, n)), directed=False
    )
    _, first = np.unique(component, return_index=True)
    return first[component].astype(np.int32)
