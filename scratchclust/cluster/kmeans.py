"""k-means, fast: the twin of `scratchclust/reference/kmeans.py`, where the mathematics is explained.

The same functions with the same names, arguments and results, but `key` for `rng`. What differs is how they run:

- by blocks of rows on all local devices (`rows.py`), so that memory beyond the data is one block, never n x k;
- assignment and the sums for the update in one pass over the data, and whole iterations inside one compiled
  `while_loop`, in stretches of a fraction of a second, between which a person can interrupt;
- on centred data, in float32 (float64 with `jax_enable_x64`), so that digits are kept far from zero. Centroids of
  float64 NumPy data come back as float64 NumPy arrays, since JAX would round them.

The starts (`random_points`, `plus_plus`, `scalable_plus_plus`) live in `kmeans_starts.py` beside this file, the
compiled iterations in `lloyd_steps.py` (every distance) and `kmeans_bounds.py` (only those that matter).
"""

import time
import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.cluster.kmeans_bounds import nothing_known, where_needed
from scratchclust.cluster.kmeans_starts import (
    STARTS,
    check_n_clusters,
    draw_start,
    plus_plus,
    random_points,
    scalable_plus_plus,
)
from scratchclust.cluster.lloyd_steps import (
    STRETCH,
    State,
    assign_blocks,
    beginning,
    every_distance,
    stretch,
    update_blocks,
)
from scratchclust.cluster.nearest_centroid import AnyArray, Points, points_in_blocks
from scratchclust.distances import centre_of, unit_rows
from scratchclust.errors import InputError
from scratchclust.results import KMeansHistory, KMeansResult

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
    "warn_of_empty",
]

PASSES = {"lloyd": every_distance, "elkan": where_needed}


def assign(X: Real[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """The nearest centroid of each point, l_i = argmin_j |x_i - c_j|^2; the lowest index where two are equally near.

    The winner is found by the expanded square, its distance is then computed by the definition.

    Args:
        X: points.
        centroids: at least one.

    Returns:
        labels [n] int32, and the squared distance [n] of each point to its nearest centroid. Cost O(n k d).
    """
    offset = centre_of(centroids)  # not that of X: a point's label must not depend on its companions
    points = points_in_blocks(X, offset=offset, n_clusters=len(centroids))
    labels, distances, _ = rows.finished(assign_blocks(points.rows, points.centred(centroids)))
    return rows.join(labels, len(X)), rows.join(distances, len(X))


@partial(jax.jit, static_argnames="n_clusters")
def refill_empty(
    labels: Int[AnyArray, " n"],
    squared_distances: Float[AnyArray, " n"],
    n_clusters: int,
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Int[Array, " n"]:
    """Give every empty cluster one point: the one farthest from its own centroid that can be spared.

    The rule of the reference. Of the farthest points at most one a cluster is passed over as its last, so the
    2 k farthest are enough to look at.

    Args:
        labels: label of each point; one below 0 is in no cluster, and stays there.
        squared_distances: squared distance of each point to the centroid of its cluster.
        n_clusters: k.
        sample_weight: points of weight 0 neither fill a cluster nor count as its members.

    Returns:
        The new labels. Clusters stay empty when no point can be spared. Cost O(n log k).
    """
    labels, squared_distances = jnp.asarray(labels, jnp.int32), jnp.asarray(squared_distances)
    members = labels >= 0 if sample_weight is None else (labels >= 0) & (jnp.asarray(sample_weight) > 0)
    counts = jnp.zeros(n_clusters, jnp.int32).at[jnp.maximum(labels, 0)].add(members)
    farthest, candidates = jax.lax.top_k(jnp.where(members, squared_distances, 0), min(len(labels), 2 * n_clusters))

    def offer(counts: Array, candidate: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        _, distance, label = candidate
        spare = (counts.min() == 0) & (distance > 0) & (counts[label] > 1)
        new_label = jnp.where(spare, counts.argmin(), label)  # argmin: the first empty cluster
        return counts.at[label].add(-1).at[new_label].add(1), new_label

    _, new_labels = jax.lax.scan(offer, counts, (candidates, farthest, labels[candidates]))
    return labels.at[candidates].set(new_labels.astype(jnp.int32))


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
    points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(centroids), sample_weight=sample_weight)
    labels_in_blocks = rows.split(labels, block=points.block, dtype=np.int32)
    return points.uncentred(rows.finished(update_blocks(points.rows, labels_in_blocks, points.centred(centroids))))


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

    It has converged when no label changes and no empty cluster was refilled, or when sum_j |c_j' - c_j|^2 <= tol *
    mean variance of the features (scikit-learn's definition of `tol`; with tol=0 the labels decide, or centroids that
    do not move at all).

    Args:
        X: points.
        centroids: the start.
        sample_weight: w; None means 1 for every point.
        max_iter: iterations at most.
        tol: tolerance of the shift, relative to the variance of the data.
        metric: "euclidean", or "cosine" for spherical k-means: points and centroids are scaled to length 1, and the
            inertia is then sum_i w_i |x_i - c|^2 = 2 sum_i w_i (1 - cos(x_i, c)).
        algorithm: "lloyd", or "elkan": the same result by bounds (`kmeans_bounds.py`), which need n x k numbers and
            save time in long runs with few clusters. The reference has no such argument: it says how, not what.

    Returns:
        The result; cost O(n k d) an iteration, nearly all of it in matrix products.

    Raises:
        InputError: an argument that cannot be used; NaN, infinity, or numbers whose squares leave the range of float32;
            an all-zero row with the cosine metric: it has no direction.

    Warns:
        UserWarning: some clusters ended without points.
    """
    _check_arguments(metric=metric, max_iter=max_iter, sample_weight=sample_weight, algorithm=algorithm)
    if metric == "cosine":
        X, centroids = unit_rows(X), unit_rows(centroids, "starting centroid")
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(centroids), sample_weight=sample_weight)
        result = _lloyd(points, points.centred(centroids), max_iter, tol, metric, algorithm)
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
        UserWarning: some clusters ended without points, as they must when fewer points than clusters are distinct.
    """
    _check_arguments(
        metric=metric, max_iter=max_iter, sample_weight=sample_weight, algorithm=algorithm, init=init, n_init=n_init
    )
    check_n_clusters(n_clusters, len(X))
    X = unit_rows(X) if metric == "cosine" else X
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(X, offset=centre_of(X), n_clusters=n_clusters, sample_weight=sample_weight)
        results = (
            _lloyd(points, draw_start(STARTS[init], points, n_clusters, start_key), max_iter, tol, metric, algorithm)
            for start_key in jax.random.split(key, n_init)
        )
        best = min(results, key=lambda result: result.inertia)
    warn_of_empty(best)
    return best


def warn_of_empty(result: KMeansResult) -> None:
    """Say so when clusters ended without points."""
    n_found, n_clusters = len(np.unique(np.asarray(result.labels))), len(result.centroids)
    if n_found < n_clusters:
        warnings.warn(
            f"only {n_found} of {n_clusters} clusters have points, as happens when fewer points than clusters are "
            "distinct, or when max_iter ends it too soon; choose fewer clusters",
            stacklevel=3,
        )


def _check_arguments(
    *,
    metric: str,
    max_iter: int,
    sample_weight: Float[AnyArray, " n"] | None,
    algorithm: str,
    init: str = "random",
    n_init: int = 1,
) -> None:
    if metric not in ("euclidean", "cosine"):
        raise InputError(f'metric={metric!r} is unknown: expected "euclidean" or "cosine"')
    if algorithm not in PASSES:
        raise InputError(f'algorithm={algorithm!r} is unknown: expected "lloyd" or "elkan"')
    if init not in STARTS:
        raise InputError(f"init={init!r} is unknown: expected one of {', '.join(map(repr, STARTS))}")
    if max_iter < 1 or n_init < 1:
        raise InputError(f"max_iter={max_iter}, n_init={n_init}: expected at least 1 for both")
    if sample_weight is not None and not (
        (sample_weight >= 0).all() and sample_weight.max() > 0 and np.isfinite(np.asarray(sample_weight)).all()
    ):
        raise InputError(
            "sample_weight has negative or infinite entries, or none above 0: expected weights >= 0, at least one > 0"
        )


def _lloyd(points: Points, centroids: AnyArray, max_iter: int, tol: float, metric: str, algorithm: str) -> KMeansResult:
    """Stretches of compiled iterations, and by hand the rare one that leaves a cluster empty."""
    threshold = tol * points.mean_variance if tol else 0.0  # the variance costs a pass over the data
    unit = jnp.asarray(points.offset, centroids.dtype) if metric == "cosine" else None
    bounds = nothing_known(points.rows, len(centroids)) if algorithm == "elkan" else None
    state = beginning(points.rows, jnp.asarray(centroids), bounds)
    histories, n_iter, limit = [], 0, 2
    while n_iter < max_iter and not state.stable:
        began = time.monotonic()
        most = min(limit, max_iter - n_iter)
        state = rows.finished(stretch(points.rows, state, threshold, most, unit, PASSES[algorithm]))
        if int(state.n_empty) > 0:
            state = _refill(points, state, threshold, unit)
        histories.append([np.asarray(entry)[: state.n_iter] for entry in state.history])
        n_iter += int(state.n_iter)
        if time.monotonic() - began < 0.25:
            limit = min(2 * limit, STRETCH)
    # the last labels of the iterations belong to the centroids before the last update
    labels, _, inertia = rows.finished(assign_blocks(points.rows, state.centroids))
    history = KMeansHistory(*(np.concatenate(entries) for entries in zip(*histories, strict=True)))
    history = history._replace(inertia=history.inertia.astype(np.float64) * points.unit)
    labels = rows.join(labels, points.n)
    centroids = points.uncentred(state.centroids)
    return KMeansResult(centroids, labels, float(inertia) * points.unit, n_iter, bool(state.stable), history)


def _refill(points: Points, state: State, threshold: Any, unit: Array | None) -> State:
    """Repeat the last update of a stretch after `refill_empty`; what the history says of the shift changes too."""
    labels, distances, _ = rows.finished(assign_blocks(points.rows, state.before))
    _, norms, weights = points.rows.arrays
    on_centroid = (100 * jnp.finfo(norms.dtype).eps) ** 2 * norms  # the mean of equal points is only that near to them
    apart = jnp.where(distances > on_centroid, distances, 0)
    labels, apart, weights = (rows.join(blocks, points.n) for blocks in (labels, apart, weights))
    refilled = refill_empty(labels, apart, len(state.before), sample_weight=weights)
    in_blocks = rows.split(refilled, block=points.block, dtype=np.int32)
    centroids = rows.finished(update_blocks(points.rows, in_blocks, state.before, unit))
    last, shift = state.n_iter - 1, ((centroids - state.before) ** 2).sum()
    settled = bool(state.history.n_moved[last] == 0) and bool((refilled == labels).all())
    history = state.history._replace(shift=state.history.shift.at[last].set(shift))
    stable, nothing = jnp.asarray(settled | (shift <= threshold)), jnp.zeros_like(state.n_empty)
    return state._replace(centroids=centroids, n_empty=nothing, stable=stable, history=history)
