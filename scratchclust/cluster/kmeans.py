"""k-means, fast: the twin of `scratchclust/reference/kmeans.py`, where the mathematics is
explained.

The same functions with the same names, arguments and results, but `key` for `rng`. What differs is
how they run:

- by blocks of rows on all local devices (`rows.py`), so that memory beyond the data is one block,
  or on a CPU n x k where that is at most a quarter of the data;
- assignment and the sums for the update in one pass over the data, and whole iterations inside one
  compiled `while_loop`, a fraction of a second a call, between which a person can interrupt;
- on centred data, in float32 (float64 with `jax_enable_x64`), so that digits are kept far from
  zero;
- labels are those of the definition: the few that float32 leaves in doubt are decided in float64;
- float64 NumPy data are taken to their end in float64 on the host, so that centroids and inertia
  have all digits; both come back as NumPy, since JAX would round them.

Where each step of the definition is done, in `kmeans_parts/` behind this door:

    assign            handed out    `assign_by_definition` in nearest_centroid.py
                      iterating     `nearest` there, by `every_distance` in lloyd_steps.py
                                    (algorithm="elkan": by `where_needed` in elkan_bounds.py;
                                    on a CPU: for several starts at once, in stacked_pass.py)
    refill_empty                    `refill_empty` in refill.py
                      iterating     `refill_in_blocks` there, after the rare iteration that needs it
    update_centroids                `update_in_blocks` in cluster_means.py
                      iterating     `part_of_sums` and `means_of_sums` there
    lloyd                           `run_from` in runs.py
                      its loop      `iterate_each` in iterations.py, by calls of `run_iterations`
                                    in lloyd_steps.py (on a CPU: of `run_stack`, from stacks.py)
                      cosine        `unit_or_kept` in cluster_means.py
    kmeans                          `best_run` in runs.py
    all of it         in float64    float64_on_host.py, by `_iterate_in_float64` in runs.py
                      of a `Source` streamed.py: rows that memory does not hold, read part by part

The points of all steps are `KMeansPoints` (points.py), made once; the starts stand in
`kmeans_starts.py` beside this file.
"""

import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, Real

from scratchclust import rows, shares
from scratchclust.cluster.kmeans_parts.cluster_means import update_in_blocks
from scratchclust.cluster.kmeans_parts.float64_on_host import is_float64, means_in_float64
from scratchclust.cluster.kmeans_parts.iterations import Settings
from scratchclust.cluster.kmeans_parts.nearest_centroid import assign_by_definition
from scratchclust.cluster.kmeans_parts.points import as_jax, points_in_blocks
from scratchclust.cluster.kmeans_parts.refill import refill_empty
from scratchclust.cluster.kmeans_parts.runs import best_run, run_from, warn_of_empty
from scratchclust.cluster.kmeans_parts.streamed import assign_parts
from scratchclust.cluster.kmeans_starts import plus_plus, random_points, scalable_plus_plus
from scratchclust.distances import centre_of, centre_of_all
from scratchclust.results import KMeansResult
from scratchclust.rows import AnyArray
from scratchclust.streams import AnyRows, Source

__all__ = [
    "assign",
    "kmeans",
    "lloyd",
    "plus_plus",
    "random_points",
    "refill_empty",
    "scalable_plus_plus",
    "update_centroids",
]


def assign(
    X: Real[AnyRows, "n d"], centroids: Float[AnyArray, "k d"]
) -> tuple[Int[AnyArray, " n"], Float[AnyArray, " n"]]:
    """The nearest centroid of each point, l_i = argmin_j |x_i - c_j|^2.

    The lowest index where two are equally near. The winner is found by the expanded square, and
    where that leaves a doubt by the definition in float64 on the host. Distances are computed by
    the definition, in float32, or in float64 where X is.

    Args:
        X: points.
        centroids: at least one.

    Returns:
        labels [n] int32, and the squared distance [n] of each point to its nearest centroid. Cost
        O(n k d).
    """
    if isinstance(X, Source):
        return assign_parts(X, centroids)
    with shares.alone():  # no other process need be asked
        offset = centre_of(centroids)  # not that of X, which costs more where it is large
        points = points_in_blocks(X, offset=offset, n_clusters=len(centroids))
        labels, squares = assign_by_definition(X, points, centroids)
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
    if is_float64(X):
        weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        on_host = np.asarray(X), np.asarray(centroids), np.asarray(labels)
        return means_in_float64(*on_host, weights)[0]
    points = points_in_blocks(
        X, offset=centre_of_all(X), n_clusters=len(centroids), sample_weight=sample_weight
    )
    in_blocks = rows.split(labels, block=points.block, dtype=np.int32)
    means = update_in_blocks(points.rows, in_blocks, points.centred(centroids))
    return points.uncentred(rows.finished(means))


def lloyd(
    X: Real[AnyRows, "n d"],
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
        algorithm: "lloyd", or "elkan": the same result by bounds (`elkan_bounds.py`), which need
            n x k numbers and save time in long runs with few clusters. The reference has no such
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
    X: Real[AnyRows, "n d"],
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
