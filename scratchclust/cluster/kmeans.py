"""k-means, fast: the twin of `scratchclust/reference/kmeans.py`, where the mathematics is explained.

The same functions with the same names, arguments and results, but `key` for `rng`. What differs is how they run:

- by blocks of rows on all local devices (`rows.py`), so that memory beyond the data is one block, never n x k;
- assignment and the sums for the update in one pass over the data, and whole iterations inside one compiled
  `while_loop`, in stretches of a fraction of a second, between which a person can interrupt;
- on centred data, in float32 (float64 with `jax_enable_x64`), so that digits are kept far from zero. Centroids of
  float64 NumPy data come back as float64 NumPy arrays, since JAX would round them.

The starts (`random_points`, `plus_plus`, `scalable_plus_plus`) live in `kmeans_starts.py` beside this file.
"""

import time
import warnings
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from scratchclust import rows
from scratchclust.cluster.kmeans_starts import STARTS, draw_start, plus_plus, random_points, scalable_plus_plus
from scratchclust.cluster.nearest_centroid import Points, nearest, points_in_blocks, unit_rows
from scratchclust.distances import PRECISION, mean_of
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
]

AnyArray = Array | np.ndarray
STRETCH = 64  # iterations at most in one compiled call
FEW_CLUSTERS = 32  # up to here the sums are a product with the one-hot labels on every device


def assign(X: Float[AnyArray, "n d"], centroids: Float[AnyArray, "k d"]) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """The nearest centroid of each point, l_i = argmin_j |x_i - c_j|^2; the lowest index where two are equally near.

    The winner is found by the expanded square, its distance is then computed by the definition.

    Args:
        X: points.
        centroids: at least one.

    Returns:
        labels [n] int32, and the squared distance [n] of each point to its nearest centroid. Cost O(n k d).
    """
    offset = mean_of(centroids)  # not the mean of X: a point's label must not depend on its companions
    points = points_in_blocks(X, offset=offset, n_clusters=len(centroids))
    labels, distances, _ = _assign(points.rows, points.centred(centroids))
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
        labels: label of each point.
        squared_distances: squared distance of each point to the centroid of its cluster.
        n_clusters: k.
        sample_weight: points of weight 0 neither fill a cluster nor count as its members.

    Returns:
        The new labels. Clusters stay empty when no point can be spared. Cost O(n log k).
    """
    labels, squared_distances = jnp.asarray(labels, jnp.int32), jnp.asarray(squared_distances)
    members = jnp.ones(len(labels), bool) if sample_weight is None else jnp.asarray(sample_weight) > 0
    counts = jnp.zeros(n_clusters, jnp.int32).at[labels].add(members)
    farthest, candidates = jax.lax.top_k(jnp.where(members, squared_distances, 0), min(len(labels), 2 * n_clusters))

    def offer(counts: Array, candidate: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        i, distance, label = candidate
        spare = (counts.min() == 0) & (distance > 0) & (counts[label] > 1)
        new_label = jnp.where(spare, counts.argmin(), label)  # argmin: the first empty cluster
        return counts.at[label].add(-1).at[new_label].add(1), new_label

    _, new_labels = jax.lax.scan(offer, counts, (candidates, farthest, labels[candidates]))
    return labels.at[candidates].set(new_labels.astype(jnp.int32))


def update_centroids(
    X: Float[AnyArray, "n d"],
    labels: Int[AnyArray, " n"],
    centroids: Float[AnyArray, "k d"],
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Float[AnyArray, "k d"]:
    """The weighted mean of each cluster, c_j = sum_{i: l_i = j} w_i x_i / sum_{i: l_i = j} w_i.

    Args:
        X: points.
        labels: label of each point.
        centroids: the present ones; a cluster without weight keeps its own.
        sample_weight: w; None means 1 for every point.
    """
    points = points_in_blocks(X, offset=mean_of(X), n_clusters=len(centroids), sample_weight=sample_weight)
    labels_in_blocks = rows.split(labels, block=points.block, dtype=np.int32)
    return points.uncentred(_update(points.rows, labels_in_blocks, points.centred(centroids)))


def lloyd(
    X: Float[AnyArray, "n d"],
    centroids: Float[AnyArray, "k d"],
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
) -> KMeansResult:
    """Lloyd's algorithm from given centroids: assign, update, until stable.

    It has converged when no label changes, or when sum_j |c_j' - c_j|^2 <= tol * mean variance of the features
    (scikit-learn's definition of `tol`; with tol=0 only the labels decide).

    Args:
        X: points.
        centroids: the start.
        sample_weight: w; None means 1 for every point.
        max_iter: iterations at most.
        tol: tolerance of the shift, relative to the variance of the data.
        metric: "euclidean", or "cosine" for spherical k-means: points and centroids are scaled to length 1, and the
            inertia is then sum_i w_i |x_i - c|^2 = 2 sum_i w_i (1 - cos(x_i, c)).

    Returns:
        The result; cost O(n k d) an iteration, nearly all of it in matrix products.

    Raises:
        ValueError: an all-zero row with the cosine metric: it has no direction.
    """
    if metric == "cosine":
        X, centroids = unit_rows(X), unit_rows(centroids)
    points = points_in_blocks(X, offset=mean_of(X), n_clusters=len(centroids), sample_weight=sample_weight)
    return _lloyd(points, points.centred(centroids), max_iter, tol, metric)


def kmeans(
    X: Float[AnyArray, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    init: str = "k-means++",
    n_init: int = 1,
    sample_weight: Float[AnyArray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
) -> KMeansResult:
    """k-means from `n_init` random starts; the result of least inertia is returned.

    Args:
        X: points.
        n_clusters: k.
        key: source of randomness.
        init: "random", "k-means++" or "k-means||".
        n_init: number of starts.
        sample_weight, max_iter, tol, metric: as for `lloyd`.

    Warns:
        UserWarning: fewer distinct points than clusters were found, so some clusters are empty or coincide.
    """
    X = unit_rows(X) if metric == "cosine" else X
    points = points_in_blocks(X, offset=mean_of(X), n_clusters=n_clusters, sample_weight=sample_weight)
    best = None
    for start_key in jax.random.split(key, n_init):
        start = draw_start(STARTS[init], points, n_clusters, start_key)
        result = _lloyd(points, start, max_iter, tol, metric)
        if best is None or result.inertia < best.inertia:
            best = result
    assert best is not None
    warn_of_empty(best)
    return best


def warn_of_empty(result: KMeansResult) -> None:
    """Say so when clusters ended without points."""
    n_found, n_clusters = len(np.unique(np.asarray(result.labels))), len(result.centroids)
    if n_found < n_clusters:
        warnings.warn(
            f"only {n_found} of {n_clusters} clusters have points: {n_clusters} is more than the number of "
            "distinct points; choose fewer clusters",
            stacklevel=3,
        )


class _State(NamedTuple):
    """Where a stretch of iterations stands."""

    centroids: Array  # [k d], after the last update
    before: Array  # [k d], before it
    labels: Array  # [n_blocks block], nearest of `before`
    n_iter: Array  # iterations in this stretch
    n_empty: Array  # clusters left without weight by the last assignment
    stable: Array  # no label moved, or the shift is within the tolerance
    history: KMeansHistory  # of this stretch, [STRETCH] each


def _lloyd(points: Points, centroids: Array, max_iter: int, tol: float, metric: str) -> KMeansResult:
    """Stretches of compiled iterations, and by hand the rare one that leaves a cluster empty."""
    threshold = tol * points.mean_variance
    unit = jnp.asarray(points.offset, centroids.dtype) if metric == "cosine" else None
    labels = jnp.full_like(points.rows.arrays[2], -1, jnp.int32)
    histories, n_iter, stable, limit = [], 0, False, 2
    while n_iter < max_iter and not stable:
        began = time.monotonic()
        state = _stretch(points.rows, centroids, labels, threshold, min(limit, max_iter - n_iter), unit)
        if state.n_empty > 0:
            state = _refill(points, state, threshold, unit)
        centroids, labels, stable = state.centroids, state.labels, bool(state.stable)
        histories.append([np.asarray(entry)[: state.n_iter] for entry in state.history])
        n_iter += int(state.n_iter)
        if time.monotonic() - began < 0.25:
            limit = min(2 * limit, STRETCH)
    labels, _, inertia = _assign(points.rows, centroids)  # the last labels belong to the centroids before
    history = KMeansHistory(*(np.concatenate(entries) for entries in zip(*histories, strict=True)))
    labels = rows.join(labels, points.n)
    return KMeansResult(points.uncentred(centroids), labels, float(inertia), n_iter, stable, history)


@jax.jit
def _stretch(
    data: rows.Rows, centroids: Array, labels: Array, threshold: float, limit: int, unit: Array | None
) -> _State:
    """Up to `limit` iterations in one compiled loop; it also ends when stable, or at an empty cluster."""
    nothing = KMeansHistory(jnp.zeros(STRETCH), jnp.zeros(STRETCH), jnp.zeros(STRETCH, jnp.int32))
    start = _State(centroids, centroids, labels, jnp.int32(0), jnp.int32(0), jnp.bool(False), nothing)

    def goes_on(state: _State) -> Array:
        return (state.n_iter < limit) & ~state.stable & (state.n_empty == 0)

    def iterate(state: _State) -> _State:
        data_and_labels = rows.Rows((*data.arrays, state.labels), data.mesh)
        (sums, weights, inertia, n_moved), labels = rows.map_sum(_assign_and_sum, data_and_labels, state.centroids)
        updated = _means(sums, weights, state.centroids, unit)
        shift = ((updated - state.centroids) ** 2).sum()
        history = jax.tree.map(
            lambda entries, new: entries.at[state.n_iter].set(new.astype(entries.dtype)),
            state.history,
            KMeansHistory(inertia, shift, n_moved),
        )
        stable, n_empty = (n_moved == 0) | (shift <= threshold), (weights == 0).sum()
        return _State(updated, state.centroids, labels, state.n_iter + 1, n_empty, stable, history)

    return jax.lax.while_loop(goes_on, iterate, start)


def _assign_and_sum(
    x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array
) -> tuple[tuple[Array, ...], Array]:
    """Both steps of Lloyd's algorithm on one block: what the update needs in sum, and the labels."""
    labels, distances = nearest(x, x_norms, centroids)
    n_moved = ((labels != previous) & (weights > 0)).sum(dtype=jnp.int32)
    return (*_sums(x, weights, labels, len(centroids)), (weights * distances).sum(), n_moved), labels


def _sums(x: Array, weights: Array, labels: Array, n_clusters: int) -> tuple[Array, Array]:
    """sum w x [k d] and sum w [k] of each cluster in one block [block d].

    Two ways to the same sums. A product with the one-hot labels is a matrix product, fast everywhere while k is
    small. Scattering costs O(block d) whatever k is, but is slow on a GPU, where many rows meet in few places.
    """

    def by_product(x: Array, weights: Array, labels: Array) -> tuple[Array, Array]:
        one_hot = jnp.where(jnp.arange(n_clusters)[:, None] == labels[None, :], weights[None, :], 0)
        return jax.lax.dot_general(one_hot, x, (((1,), (0,)), ((), ())), precision=PRECISION), one_hot.sum(axis=1)

    def by_scatter(x: Array, weights: Array, labels: Array) -> tuple[Array, Array]:
        sums = jnp.zeros((n_clusters, x.shape[1]), x.dtype).at[labels].add(x * weights[:, None])
        return sums, jnp.zeros(n_clusters, x.dtype).at[labels].add(weights)

    if n_clusters <= FEW_CLUSTERS:
        return by_product(x, weights, labels)
    return jax.lax.platform_dependent(x, weights, labels, cpu=by_scatter, default=by_product)


def _means(sums: Array, weights: Array, centroids: Array, unit: Array | None) -> Array:
    """sums / weights; a cluster without weight keeps its centroid. `unit` is the offset, for the cosine metric."""
    means = jnp.where(weights[:, None] > 0, sums / jnp.where(weights > 0, weights, 1)[:, None], centroids)
    if unit is None:
        return means
    norms = jnp.linalg.norm(means + unit[None], axis=1, keepdims=True)  # 0 where the points of a cluster cancel
    return jnp.where(norms > 0, (means + unit[None]) / jnp.where(norms > 0, norms, 1) - unit[None], centroids)


@jax.jit
def _update(data: rows.Rows, labels: Array, centroids: Array, unit: Array | None = None) -> Array:
    (sums, weights), _ = rows.map_sum(
        lambda x, x_norms, weights, labels: (_sums(x, weights, labels, len(centroids)), None),
        rows.Rows((*data.arrays, labels), data.mesh),
    )
    return _means(sums, weights, centroids, unit)


@jax.jit
def _assign(data: rows.Rows, centroids: Array) -> tuple[Array, Array, Array]:
    """Labels, squared distances by their definition, and inertia."""

    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[Array, tuple[Array, Array]]:
        labels, _ = nearest(x, x_norms, centroids)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return (weights * distances).sum(), (labels, distances)

    inertia, (labels, distances) = rows.map_sum(block, data, centroids)
    return labels, distances, inertia


def _refill(points: Points, state: _State, threshold: Any, unit: Array | None) -> _State:
    """Repeat the last update of a stretch after `refill_empty`; what the history says of the shift changes too."""
    labels, distances, _ = (rows.join(a, points.n) if a.ndim else a for a in _assign(points.rows, state.before))
    weights = rows.join(points.rows.arrays[2], points.n)
    refilled = refill_empty(labels, distances, len(state.before), sample_weight=weights)
    refilled = rows.split(refilled, block=points.block, dtype=np.int32)
    centroids = _update(points.rows, refilled, state.before, unit)
    last, shift = state.n_iter - 1, ((centroids - state.before) ** 2).sum()
    stable = (state.history.n_moved[last] == 0) | (shift <= threshold)
    history = state.history._replace(shift=state.history.shift.at[last].set(shift))
    return state._replace(centroids=centroids, stable=stable, history=history)
