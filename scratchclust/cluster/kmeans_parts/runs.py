"""Lloyd's algorithm from start to end: compiled stretches, the rare refill by hand, and the last
digits on the host.

`kmeans.py` beside this file is the door; the iterations are compiled in `lloyd_steps.py` and
`kmeans_bounds.py`.

The iterations run in float32 (float64 with `jax_enable_x64`). Float64 data are then taken to their
end in float64 on the host: the centroids are the means of float64 points, and where the labels that
they give, by the definition, are not yet those of which they are the means, iterations go on until
they are.
"""

import time
import warnings
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import checks, rows
from scratchclust.cluster.kmeans_parts.assignment import assigned
from scratchclust.cluster.kmeans_parts.bounds import nothing_known, where_needed
from scratchclust.cluster.kmeans_parts.exact_centroids import is_exact, means_exactly
from scratchclust.cluster.kmeans_parts.lloyd_steps import (
    NO_DIRECTION,
    STRETCH,
    State,
    assign_blocks,
    beginning,
    every_distance,
    stretch,
    update_blocks,
)
from scratchclust.cluster.kmeans_parts.nearest_centroid import AnyArray, Points, points_in_blocks
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.distances import centre_of, unit_rows
from scratchclust.errors import InputError
from scratchclust.results import KMeansHistory, KMeansResult

PASSES = {"lloyd": every_distance, "elkan": where_needed}
ROUNDING = 100  # units in the last place; the mean of equal points is that near to them


class Settings(NamedTuple):
    """How Lloyd's algorithm runs; the arguments of `lloyd` in `kmeans.py`, which tells what they
    mean.
    """

    max_iter: int = 300
    tol: float = 1e-4
    metric: str = "euclidean"
    algorithm: str = "lloyd"

    def check(self) -> None:
        """An InputError for what cannot be used."""
        if self.metric not in ("euclidean", "cosine"):
            raise InputError(f'metric={self.metric!r} is unknown: expected "euclidean" or "cosine"')
        if self.algorithm not in PASSES:
            raise InputError(
                f'algorithm={self.algorithm!r} is unknown: expected "lloyd" or "elkan"'
            )


class Run(NamedTuple):
    """What the compiled iterations from one start came to."""

    state: State
    # [n_blocks block], of which the centroids are the means: nearest of `before`, perhaps refilled
    labels: Array
    threshold: float
    n_iter: int
    history: list[list[np.ndarray]]


def run_from(
    X: AnyArray,
    centroids: AnyArray,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """Lloyd's algorithm from given centroids; `lloyd` without its warnings."""
    _check(settings, sample_weight)
    if settings.metric == "cosine":
        X, centroids = unit_rows(X), unit_rows(centroids, "starting centroid")
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of(X), n_clusters=len(centroids), sample_weight=sample_weight
        )
        return _ended(
            X,
            points,
            _iterated(points, points.centred(centroids), settings),
            sample_weight,
            settings,
        )


def best_run(
    X: AnyArray,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
    *,
    key: Array,
    init: str,
    n_init: int,
) -> KMeansResult:
    """The best of Lloyd's algorithm from random starts; `kmeans` without its warnings."""
    _check(settings, sample_weight, init=init, n_init=n_init)
    check_n_clusters(n_clusters, len(X))
    X = unit_rows(X) if settings.metric == "cosine" else X
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of(X), n_clusters=n_clusters, sample_weight=sample_weight
        )
        runs = (
            _iterated(points, draw_start(STARTS[init], points, n_clusters, start_key), settings)
            for start_key in jax.random.split(key, n_init)
        )
        best = next(runs) if n_init == 1 else min(runs, key=partial(_inertia, points))
        return _ended(X, points, best, sample_weight, settings)


def warn_of_empty(
    result: KMeansResult, message: str = "", category: type[Warning] = UserWarning
) -> None:
    """Say so when clusters ended without points."""
    n_found, n_clusters = len(np.unique(np.asarray(result.labels))), len(result.centroids)
    if n_found < n_clusters:
        warnings.warn(
            f"{message.format(n_found, n_clusters)}only {n_found} of {n_clusters} clusters have points, as happens "
            "when fewer points than clusters are distinct, or when max_iter ends it too soon; choose fewer clusters",
            category,
            stacklevel=3,
        )


@partial(jax.jit, static_argnames="n_clusters")
def refill_empty(
    labels: Int[AnyArray, " n"],
    squared_distances: Float[AnyArray, " n"],
    n_clusters: int,
    *,
    sample_weight: Float[AnyArray, " n"] | None = None,
) -> Int[Array, " n"]:
    """Give every empty cluster one point: the one farthest from its own centroid that can be
    spared.

    The rule of the reference. Of the farthest points at most one a cluster is passed over as its
    last, so the 2 k farthest are enough to look at.

    Args:
        labels: label of each point; one below 0 is in no cluster, and stays there.
        squared_distances: squared distance of each point to the centroid of its cluster.
        n_clusters: k.
        sample_weight: points of weight 0 neither fill a cluster nor count as its members.

    Returns:
        The new labels. Clusters stay empty when no point can be spared. Cost O(n log k).
    """
    labels, squared_distances = jnp.asarray(labels, jnp.int32), jnp.asarray(squared_distances)
    members = (
        labels >= 0 if sample_weight is None else (labels >= 0) & (jnp.asarray(sample_weight) > 0)
    )
    counts = jnp.zeros(n_clusters, jnp.int32).at[jnp.maximum(labels, 0)].add(members)
    farthest, candidates = jax.lax.top_k(
        jnp.where(members, squared_distances, 0), min(len(labels), 2 * n_clusters)
    )

    def offer(counts: Array, candidate: tuple[Array, Array, Array]) -> tuple[Array, Array]:
        _, distance, label = candidate
        spare = (counts.min() == 0) & (distance > 0) & (counts[label] > 1)
        new_label = jnp.where(spare, counts.argmin(), label)  # argmin: the first empty cluster
        return counts.at[label].add(-1).at[new_label].add(1), new_label

    _, new_labels = jax.lax.scan(offer, counts, (candidates, farthest, labels[candidates]))
    return labels.at[candidates].set(new_labels.astype(jnp.int32))


def _check(
    settings: Settings,
    sample_weight: Float[AnyArray, " n"] | None,
    *,
    init: str = "random",
    n_init: int = 1,
) -> None:
    settings.check()
    if init not in STARTS:
        raise InputError(
            f"init={init!r} is unknown: expected one of {', '.join(map(repr, STARTS))}"
        )
    if settings.max_iter < 1 or n_init < 1:
        raise InputError(
            f"max_iter={settings.max_iter}, n_init={n_init}: expected at least 1 for both"
        )
    checks.check_weights(sample_weight)


def _iterated(points: Points, centroids: AnyArray, settings: Settings) -> Run:
    """Stretches of compiled iterations, and by hand the rare one that leaves a cluster empty."""
    # the variance costs a pass over the data
    threshold = settings.tol * points.mean_variance if settings.tol else 0.0
    unit = jnp.asarray(points.offset, centroids.dtype) if settings.metric == "cosine" else None
    one_pass = PASSES[settings.algorithm]
    bounds = nothing_known(points.rows, len(centroids)) if one_pass is where_needed else None
    state = beginning(points.rows, jnp.asarray(centroids), bounds)
    labels, histories, n_iter, limit = state.labels, [], 0, 2
    while n_iter < settings.max_iter and not state.stable:
        began = time.monotonic()
        most = min(limit, settings.max_iter - n_iter)
        state = rows.finished(stretch(points.rows, state, threshold, most, unit, one_pass))
        labels = state.labels
        if int(state.n_empty) > 0:
            state, labels = _refill(points, state, threshold, unit)
        histories.append([np.asarray(entry)[: state.n_iter] for entry in state.history])
        n_iter += int(state.n_iter)
        if time.monotonic() - began < 0.25:
            limit = min(2 * limit, STRETCH)
    return Run(state, labels, threshold, n_iter, histories)


def _inertia(points: Points, run: Run) -> float:
    return float(rows.finished(assign_blocks(points.rows, run.state.centroids))[2])


def _ended(
    X: AnyArray,
    points: Points,
    run: Run,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """The result; the labels of the iterations belong to the centroids before the last update, the
    last are anew.
    """
    weights = np.ones(points.n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    history = KMeansHistory(
        *(np.concatenate(entries) for entries in zip(*run.history, strict=True))
    )
    history = history._replace(inertia=history.inertia.astype(np.float64) * points.unit)
    converged = bool(run.state.stable)
    if isinstance(X, np.ndarray) and is_exact(X):
        centroids, labels, squares, later, converged = _exact_end(X, points, run, weights, settings)
        pairs = zip(history, later, strict=True)
        history = KMeansHistory(
            *(np.append(entries, more).astype(entries.dtype) for entries, more in pairs)
        )
    else:
        centroids = points.uncentred(run.state.centroids)
        labels, squares = assigned(X, points, centroids)
    inertia = float(weights @ squares.astype(np.float64))
    labels = jax.device_put(labels, rows.mesh().devices.flat[0])
    return KMeansResult(centroids, labels, inertia, len(history.shift), converged, history)


def _exact_end(
    X: np.ndarray, points: Points, run: Run, weights: Float[np.ndarray, " n"], settings: Settings
) -> tuple[np.ndarray, np.ndarray, np.ndarray, KMeansHistory, bool]:
    """The last update again in float64, and further iterations where float32 took labels for stable
    that are not.

    Returns:
        Centroids, labels, squared distances, the history of the further iterations, and whether
        they are stable.
    """
    labels = np.asarray(rows.join(run.labels, points.n))
    before = np.asarray(points.uncentred(run.state.before))
    left = settings.max_iter - run.n_iter if run.state.stable else 0
    later: list[tuple[float, float, int]] = []
    while True:
        centroids = _updated(X, before, labels, weights, settings.metric)
        shift = float(((centroids - before) ** 2).sum())
        if later:
            later[-1] = later[-1][0], shift, later[-1][2]
        found, squares = assigned(X, points, centroids)
        n_moved = int(((found != labels) & (weights > 0)).sum())
        stable = bool(run.state.stable) and (n_moved == 0 or shift <= run.threshold)
        if stable or len(later) >= left:
            inertias, shifts, moved = np.array(later).reshape(-1, 3).T
            return centroids, found, squares, KMeansHistory(inertias, shifts, moved), stable
        later.append((float(weights @ squares), 0.0, n_moved))
        before, labels = centroids, _refilled(X, found, squares, weights, len(centroids))


def _updated(
    X: np.ndarray, centroids: np.ndarray, labels: np.ndarray, weights: np.ndarray, metric: str
) -> np.ndarray:
    """The means in float64; for the cosine metric of length 1, or as before where the points of a
    cluster cancel.
    """
    means = means_exactly(X, centroids, labels, weights)[0]
    if metric == "euclidean":
        return means
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return np.where(norms > NO_DIRECTION, means / np.maximum(norms, NO_DIRECTION), centroids)


def _refilled(
    X: np.ndarray,
    labels: Int[np.ndarray, " n"],
    squares: np.ndarray,
    weights: np.ndarray,
    n_clusters: int,
) -> Int[np.ndarray, " n"]:
    """`refill_empty` where a cluster is empty."""
    if np.bincount(labels, weights > 0, n_clusters).min() > 0:
        return labels
    on_centroid = (ROUNDING * np.finfo(np.float64).eps) ** 2 * (X**2).sum(axis=1)
    apart = np.where(squares > on_centroid, squares, 0)
    return np.asarray(refill_empty(labels, apart, n_clusters, sample_weight=weights))


def _refill(
    points: Points, state: State, threshold: Any, unit: Array | None
) -> tuple[State, Array]:
    """Repeat the last update of a stretch after `refill_empty`; what the history says of the shift
    changes too.

    Also the labels [n_blocks block] of which the centroids are then the means.
    """
    labels, distances, _ = rows.finished(assign_blocks(points.rows, state.before))
    _, norms, weights = points.rows.arrays
    on_centroid = (ROUNDING * jnp.finfo(norms.dtype).eps) ** 2 * norms
    apart = jnp.where(distances > on_centroid, distances, 0)
    labels, apart, weights = (rows.join(blocks, points.n) for blocks in (labels, apart, weights))
    refilled = refill_empty(labels, apart, len(state.before), sample_weight=weights)
    in_blocks = rows.split(refilled, block=points.block, dtype=np.int32)
    centroids = rows.finished(update_blocks(points.rows, in_blocks, state.before, unit))
    last, shift = state.n_iter - 1, ((centroids - state.before) ** 2).sum()
    settled = bool(state.history.n_moved[last] == 0) and bool((refilled == labels).all())
    history = state.history._replace(shift=state.history.shift.at[last].set(shift))
    stable, nothing = jnp.asarray(settled | (shift <= threshold)), jnp.zeros_like(state.n_empty)
    return state._replace(
        centroids=centroids, n_empty=nothing, stable=stable, history=history
    ), in_blocks
