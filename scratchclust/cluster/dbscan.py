"""DBSCAN, fast: the twin of `scratchclust/reference/dbscan.py`, where the definition is explained.

No neighbourhood is ever stored: the memory is O(n d) and a block. There are three ways, in
`scratchclust/cluster/dbscan_parts/`, and all give the labels of the definition:

    `blocks.py`  blocked products on all devices, computed again in every pass
    `grid.py`    in one, two or three dimensions points meet those of cells nearby alone: faster
    `given.py`   given distances, O(n^2) memory already, walked through on the host

Where each step of the definition is:

    step           blocks.py                    grid.py               given.py
    `_near`        `_near` of passes.py,        `_near`               distances <= eps
                   doubts by `near_rows`
    `_core_points` `_core_points`               `_core_points`        `_core_points`
    `_grow`        `_grow`: components of       `_grow`: components   `_grow`
                   labels that meet             of cells, then border

For the cosine distance the points are put on the unit sphere, and eps becomes a chord (`dbscan`
here). `_number` gives clusters, which the three ways name by their first core point, the numbers of
the definition.
"""

import numpy as np
from jaxtyping import Bool, Float, Int, Real

from scratchclust.checks import finite, one_of
from scratchclust.cluster.dbscan_parts.blocks import block_labels
from scratchclust.cluster.dbscan_parts.components import NO_CLUSTER
from scratchclust.cluster.dbscan_parts.given import given_labels
from scratchclust.cluster.dbscan_parts.grid import fits_a_grid, grid_labels
from scratchclust.constants import CHORD_ROUNDING, DBSCAN_METRICS
from scratchclust.distances import centre_of, exponent_of, scaled, unit_rows
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.results import DBSCANResult
from scratchclust.rows import AnyArray


def dbscan(
    X: Real[AnyArray, "n d"],
    eps: float | int = 0.5,
    *,
    min_samples: int = 5,
    metric: str = "euclidean",
    sample_weight: Real[AnyArray, " n"] | None = None,
) -> DBSCANResult:
    """Find clusters of density, without storing the neighbourhoods.

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
    eps = float(eps)
    weights = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    if metric == "precomputed":
        return _number(*given_labels(np.asarray(X), eps, min_samples, weights))
    if metric == "cosine":
        X = unit_rows(np.asarray(X, np.float64))
        eps = float(np.sqrt(2 * eps) * (1 + CHORD_ROUNDING))
    exponent = exponent_of(np.asarray(X))
    if exponent:  # squares would leave the range of float32
        X = scaled(np.asarray(X), np.asarray(centre_of(X)), exponent)
        with np.errstate(over="ignore"):
            eps = float(np.ldexp(eps, -exponent))
    if fits_a_grid(X, eps):
        return _number(*grid_labels(np.asarray(X), eps, min_samples, weights))
    return _number(*block_labels(X, eps, min_samples, weights))


def k_distances(
    X: Real[AnyArray, "n d"], min_samples: int = 5, *, metric: str = "euclidean"
) -> Float[np.ndarray, " n"]:
    """Tell from which eps on each point is a core point, rising: the curve by which to choose eps.

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
        sorted_so_far = np.partition(np.asarray(X, np.float64), min_samples - 1, axis=1)
        return np.sort(sorted_so_far[:, min_samples - 1])
    X = unit_rows(np.asarray(X, np.float64)) if metric == "cosine" else X
    if min_samples == 1:
        return np.zeros(len(X))  # a point is its own first neighbour
    distances = np.sort(nearest_neighbors(X, min_samples - 1).distances[:, -1]).astype(np.float64)
    return distances**2 / 2 if metric == "cosine" else distances


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


def _number(labels: Int[np.ndarray, " n"], core: Bool[np.ndarray, " n"]) -> DBSCANResult:
    """Number the clusters, which labels name by their first core point (NO_CLUSTER: noise)."""
    firsts = np.unique(labels[core])
    numbers = np.where(labels < NO_CLUSTER, np.searchsorted(firsts, labels), -1)
    cores = np.flatnonzero(core).astype(np.int32)
    return DBSCANResult(numbers.astype(np.int32), cores, len(firsts))


def _check(
    X: Real[AnyArray, "n d"],
    eps: float | int,
    min_samples: int,
    metric: str,
    sample_weight: Real[AnyArray, " n"] | None = None,
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
    values = np.asarray(X)
    finite(values)
    if metric == "precomputed" and (X.shape[0] != X.shape[1] or (values < 0).any()):
        raise InputError(
            "expected distances of at least 0 in a square matrix, got the shape "
            f"{list(X.shape)} and the least number {X.min():.3g}: give all pairs, or another metric"
        )
    if sample_weight is None:
        return
    weights = np.asarray(sample_weight)
    if not (np.isfinite(weights).all() and weights.any()):
        raise InputError(
            "sample_weight holds NaN or infinity, or nothing but zeros: expected finite numbers"
        )
