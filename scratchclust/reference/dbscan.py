"""DBSCAN: clusters are regions of high density, of any shape; what lies in none is noise.

The neighbourhood of a point, in which it counts itself, and the core points, whose surroundings are
dense, are

    N(i) = {j : |x_i - x_j| <= eps}          core = {i : |N(i)| >= min_samples}

A cluster is all that can be reached from a core point by steps to neighbours, where only core
points step on:

    for each core point i without a cluster, by index:
        begin a cluster with i, and let every core point in it take along its neighbours
        that have no cluster

A border point, near a core point but none itself, joins the first cluster that reaches it. Points
that no cluster reaches are noise, labelled -1. Whether two points are near is decided on squares in
float64: sum_f (x_if - x_jf)^2 <= eps^2. Points may have weights; then |N(i)| is the sum of the
weights in N(i).

The cosine distance 1 - cos(x_i, x_j) is half the square of the chord between the points on the unit
sphere, |x_i / |x_i| - x_j / |x_j||^2 / 2, which keeps its digits where the cosine is nearly 1.
Given distances (metric="precomputed") need not be symmetric: row i says which points are near to i.

The fast twin of this file is `scratchclust/cluster/dbscan.py`.

Source: Ester, Kriegel, Sander & Xu, A density-based algorithm for discovering clusters, KDD 1996.
"""

from collections import deque

import numpy as np
from jaxtyping import Bool, Float, Real

from scratchclust.checks import finite, one_of
from scratchclust.constants import CHORD_ROUNDING, DBSCAN_METRICS
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.results import DBSCANResult


def dbscan(
    X: Real[np.ndarray, "n d"],
    eps: float | int = 0.5,
    *,
    min_samples: int = 5,
    metric: str = "euclidean",
    sample_weight: Real[np.ndarray, " n"] | None = None,
) -> DBSCANResult:
    """Find clusters of density, grown breadth first.

    Args:
        X: points; distances [n n] where they are precomputed.
        eps: the largest distance of neighbours.
        min_samples: neighbours that make a point a core point, itself included; their weight, where
            they have one.
        metric: "euclidean", "cosine" or "precomputed".
        sample_weight: of each point; None means 1. A negative one keeps its neighbours from being
            core points.

    Returns:
        Labels and core points. Cost O(n^2 d) time and O(n^2) memory.

    Raises:
        InputError: no points, eps not above 0, min_samples below 1, NaN or infinity in X, distances
            that are none, rows without a direction, or weights that are no finite numbers.
    """
    _check(X, eps, min_samples, metric, sample_weight)
    near = _near(X, float(eps), metric)
    core = _core_points(near, min_samples, sample_weight)
    labels = np.full(len(X), -1, np.int32)
    n_clusters = 0
    for i in np.flatnonzero(core):
        if labels[i] < 0:
            _grow(i, n_clusters, labels, near, core)
            n_clusters += 1
    return DBSCANResult(labels, np.flatnonzero(core).astype(np.int32), n_clusters)


def k_distances(
    X: Real[np.ndarray, "n d"], min_samples: int = 5, *, metric: str = "euclidean"
) -> Float[np.ndarray, " n"]:
    """Tell from which eps on each point is a core point, rising: the curve by which to choose eps.

    The m-th value is the least eps with m core points. Within clusters the curve is flat, and among
    noise it is steep; eps is chosen at the bend between them.

    Args:
        X: points; distances [n n] where they are precomputed.
        min_samples: as for `dbscan`; the value of a point is its distance to neighbour min_samples
            - 1.
        metric: as for `dbscan`.

    Returns:
        The sorted distances. Cost O(n^2 d) time and O(n^2) memory.

    Raises:
        InputError: no points, min_samples not within 1 and n, or NaN or infinity in X.
    """
    _check(X, 1, min_samples, metric)
    if min_samples > len(X):
        raise InputError(
            f"expected min_samples of at most {len(X)}, the number of points, got {min_samples}"
        )
    if metric == "precomputed":
        distances = X.astype(np.float64)
    elif metric == "cosine":
        unit = unit_rows(X.astype(np.float64))
        distances = squared_distances(unit, unit) / 2
    else:
        distances = np.sqrt(squared_distances(X, X))
    return np.sort(np.sort(distances, axis=1)[:, min_samples - 1])


def knee(distances: Float[np.ndarray, " n"]) -> float:
    """Find the bend of a rising curve: where it lies farthest below the line between its ends.

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


def _near(X: Real[np.ndarray, "n d"], eps: float, metric: str) -> Bool[np.ndarray, "n n"]:
    if metric == "precomputed":
        return eps >= X
    if metric == "cosine":
        chord = np.sqrt(2 * eps) * (1 + CHORD_ROUNDING)
        unit = unit_rows(X.astype(np.float64))
        return squared_distances(unit, unit) <= chord * chord
    return squared_distances(X, X) <= eps * eps


def _core_points(
    near: Bool[np.ndarray, "n n"], min_samples: int, sample_weight: Real[np.ndarray, " n"] | None
) -> Bool[np.ndarray, " n"]:
    if sample_weight is None:
        return near.sum(axis=1) >= min_samples
    return near @ sample_weight.astype(np.float64) >= min_samples


def _grow(
    first: np.integer,
    cluster: int,
    labels: np.ndarray,
    near: Bool[np.ndarray, "n n"],
    core: Bool[np.ndarray, " n"],
) -> None:
    """Label all that can be reached from a core point; `labels` is changed."""
    labels[first] = cluster
    queue = deque([first])
    while queue:
        reached = np.flatnonzero(near[queue.popleft()] & (labels < 0))
        labels[reached] = cluster
        queue.extend(reached[core[reached]])


def _check(
    X: Real[np.ndarray, "n d"],
    eps: float | int,
    min_samples: int,
    metric: str,
    sample_weight: Real[np.ndarray, " n"] | None = None,
) -> None:
    one_of(*DBSCAN_METRICS)("metric", metric)
    if not len(X):
        raise InputError("expected at least one point, got none")
    if not eps > 0:
        raise InputError(f"expected eps > 0, the largest distance of neighbours, got {eps}")
    if min_samples < 1:
        raise InputError(
            f"expected min_samples of at least 1 (a point counts itself), got {min_samples}"
        )
    finite(X)
    if metric == "precomputed" and (X.shape[0] != X.shape[1] or (X < 0).any()):
        raise InputError(
            "expected distances of at least 0 in a square matrix, got the shape "
            f"{list(X.shape)} and the least number {X.min():.3g}: give all pairs, or another metric"
        )
    if sample_weight is not None and not (np.isfinite(sample_weight).all() and sample_weight.any()):
        raise InputError(
            "sample_weight holds NaN or infinity, or nothing but zeros: expected finite numbers"
        )
