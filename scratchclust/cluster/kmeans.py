"""k-means, fast: the twin of `scratchclust/reference/kmeans.py`, where the mathematics is
explained.

The same functions with the same names, arguments and results, but `key` for `rng`. What differs is
how they run:

- by blocks of rows on all local devices (`rows.py`), so that memory beyond the data is one block,
  never n x k;
- assignment and the sums for the update in one pass over the data, and whole iterations inside one
  compiled `while_loop`, in stretches of a fraction of a second, between which a person can
  interrupt;
- on centred data, in float32 (float64 with `jax_enable_x64`), so that digits are kept far from
  zero;
- labels are those of the definition: the few that float32 leaves in doubt are decided in float64
  (`assignment.py`);
- float64 NumPy data are taken to their end in float64 on the host, so that centroids and inertia
  have all digits; both come back as NumPy, since JAX would round them.

The starts (`random_points`, `plus_plus`, `scalable_plus_plus`) live in `kmeans_starts.py` beside
this file, a run from start to end in `kmeans_runs.py`, the compiled iterations in `lloyd_steps.py`
(every distance) and `kmeans_bounds.py` (only those that matter).
"""

import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.assignment import assigned
from scratchclust.cluster.kmeans_parts.exact_centroids import is_exact, means_exactly
from scratchclust.cluster.kmeans_parts.lloyd_steps import update_blocks
from scratchclust.cluster.kmeans_parts.nearest_centroid import AnyArray, as_jax, points_in_blocks
from scratchclust.cluster.kmeans_parts.runs import (
    Settings,
    best_run,
    refill_empty,
    run_from,
    warn_of_empty,
)
from scratchclust.cluster.kmeans_starts import plus_plus, random_points, scalable_plus_plus
from scratchclust.distances import centre_of, unit_rows
from scratchclust.results import KMeansResult

__all__ = [
    "assign",
    "kmeans",
    "lloyd",
    "plus_plus",
    "random_points",
    "refill_empty",
    "scalable_plus_plus",
    "unit_rows",
    "update_centroids",
]


def assign(
    X: Real[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]
) -> tuple[Int[AnyArray, " n"], Float[AnyArray, " n"]]:
    """The nearest centroid of each point, l_i = argmin_j |x_i - c_j|^2; the lowest index where two
    are equally near.

    The winner is found by the expanded square, and where that leaves a doubt by the definition in
    float64 on the host. Distances are computed by the definition, in float32, or in float64 where X
    is.

    Args:
        X: points.
        centroids: at least one.

    Returns:
        labels [n] int32, and the squared distance [n] of each point to its nearest centroid. Cost
        O(n k d).
    """
    offset = centre_of(centroids)  # not that of X, which costs more where it is large
    points = points_in_blocks(X, offset=offset, n_clusters=len(centroids))
    labels, squares = assigned(X, points, centroids)
    return as_jax(labels), as_jax(squares)


def update_centroids(
    X: Real[AnyArray, "n d"],
    labels: Int[AnyArray, " n"],
    centroids: Float[AnyArray, "k d"],
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Float[AnyArray, "k d"]:
    """The weighted mean of each cluster, c_j = sum_{i: l_i = j} w_i x_i / sum_{i: l_i = j} w_i.

    Args:
        X: points.
        labels: label of each point; one below 0 is in no cluster.
        centroids: the present ones; a cluster without weight keeps its own.
        sample_weight: w; None means 1 for every point.
    """
    if isinstance(X, np.ndarray) and is_exact(X):
        weights = (
            np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
        )
        return means_exactly(X, np.asarray(centroids), np.asarray(labels), weights)[0]
    points = points_in_blocks(
        X, offset=centre_of(X), n_clusters=len(centroids), sample_weight=sample_weight
    )
    labels_in_blocks = rows.split(labels, block=points.block, dtype=np.int32)
    return points.uncentred(
        rows.finished(update_blocks(points.rows, labels_in_blocks, points.centred(centroids)))
    )


def lloyd(
    X: Real[AnyArray, "n d"],
    centroids: Float[AnyArray, "k d"],
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
    algorithm: str = "lloyd",
) -> KMeansResult:
    """Lloyd's algorithm from given centroids: assign, update, until stable.

    It has converged when no label changes and no empty cluster was refilled, or when sum_j |c_j' -
    c_j|^2 <= tol * mean variance of the features (scikit-learn's definition of `tol`; with tol=0
    the labels decide, or centroids that do not move at all).

    Args:
        X: points.
        centroids: the start.
        sample_weight: w; None means 1 for every point.
        max_iter: iterations at most.
        tol: tolerance of the shift, relative to the variance of the data.
        metric: "euclidean", or "cosine" for spherical k-means: points and centroids are scaled to
            length 1, and the inertia is then sum_i w_i |x_i - c|^2 = 2 sum_i w_i (1 - cos(x_i, c)).
        algorithm: "lloyd", or "elkan": the same result by bounds (`kmeans_bounds.py`), which need n
            x k numbers and save time in long runs with few clusters. The reference has no such
            argument: it says how, not what.

    Returns:
        The result; cost O(n k d) an iteration, nearly all of it in matrix products.

    Raises:
        InputError: an argument that cannot be used; NaN, infinity, or numbers whose squares leave
            the range of float32; an all-zero row with the cosine metric: it has no direction.

    Warns:
        UserWarning: some clusters ended without points.
    """
    result = run_from(X, centroids, sample_weight, Settings(max_iter, tol, metric, algorithm))
    warn_of_empty(result)
    return result


def kmeans(
    X: Real[AnyArray, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    init: str = "k-means++",
    n_init: int = 1,
    sample_weight: Float[AnyArray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
    algorithm: str = "lloyd",
) -> KMeansResult:
    """k-means from `n_init` random starts; the result of least inertia is returned.

    Args:
        X: points.
        n_clusters: k.
        key: source of randomness.
        init: "random", "k-means++" or "k-means||".
        n_init: number of starts.
        sample_weight, max_iter, tol, metric, algorithm: as for `lloyd`.

    Raises:
        InputError: as for `lloyd`, or more clusters than points.

    Warns:
        UserWarning: some clusters ended without points, as they must when fewer points than
            clusters are distinct.
    """
    settings = Settings(max_iter, tol, metric, algorithm)
    result = best_run(X, n_clusters, sample_weight, settings, key=key, init=init, n_init=n_init)
    warn_of_empty(result)
    return result
