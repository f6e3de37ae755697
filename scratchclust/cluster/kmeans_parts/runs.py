"""Lloyd's algorithm from start to end: compiled iterations, and the last digits on the host.

The definition is `lloyd` in `scratchclust/reference/kmeans.py`; `kmeans.py` in the folder above is
the door. `run_from` goes this way:

    points_in_blocks        centre X, spread it over the devices (`points.py`)
    iterate_each            compiled iterations, between them the rare refill (`iterations.py`)
    _finish                 labels by the definition (`nearest_centroid.py`), inertia, the result

The iterations run in float32 (float64 with `jax_enable_x64`). Float64 data are then taken to their
end in float64 on the host (`_iterate_in_float64`): the centroids are the means of float64 points,
and where the labels that they give, by the definition, are not yet those of which they are the
means, iterations go on until they are.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import checks, rows, shares
from scratchclust.cluster.kmeans_parts import streamed
from scratchclust.cluster.kmeans_parts.cluster_means import unit_or_kept, weights_of_clusters
from scratchclust.cluster.kmeans_parts.float64_on_host import is_float64, means_in_float64
from scratchclust.cluster.kmeans_parts.iterations import Settings, iterate_each
from scratchclust.cluster.kmeans_parts.nearest_centroid import (
    assign_by_definition,
    assign_in_blocks,
    inertia_of,
)
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, points_in_blocks
from scratchclust.cluster.kmeans_parts.refill import refill_in_float64
from scratchclust.cluster.kmeans_parts.stacked_pass import inertias_of
from scratchclust.cluster.kmeans_parts.stacks import MOST_COLUMNS, Run
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.distances import centre_of_all, unit_rows
from scratchclust.results import KMeansHistory, KMeansResult
from scratchclust.rows import AnyArray
from scratchclust.streams import AnyRows, Source


def run_from(
    X: AnyRows,
    centroids: AnyArray,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """Lloyd's algorithm from given centroids; `lloyd` without its warnings."""
    return best_run_from(X, [centroids], sample_weight, settings)


def best_run_from(
    X: AnyRows,
    starts: Sequence[AnyArray],
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """The best of Lloyd's algorithm from several given starts, each centroids [k d]."""
    settings = settings.check()
    checks.weights(sample_weight)
    if isinstance(X, Source):
        return streamed.best_run_from(X, starts, sample_weight, settings)
    if settings.metric == "cosine":
        X = unit_rows(X)
        starts = [unit_rows(centroids, "starting centroid") for centroids in starts]
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of_all(X), n_clusters=len(starts[0]), sample_weight=sample_weight
        )
        centred = [partial(points.centred, centroids) for centroids in starts]
        runs = list(iterate_each(points, centred, settings))
        return _finish(X, points, _best_of(points, runs), sample_weight, settings)


def best_run(
    X: AnyRows,
    n_clusters: int,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
    *,
    key: Array,
    init: str,
    n_init: int,
) -> KMeansResult:
    """The best of Lloyd's algorithm from random starts; `kmeans` without its warnings."""
    settings = settings.check()
    init = checks.one_of(*STARTS)("init", init)
    n_init = checks.whole(1)("n_init", n_init)
    checks.weights(sample_weight)
    check_n_clusters(n_clusters, shares.total(len(X)))
    if isinstance(X, Source):
        return streamed.best_run(
            X, n_clusters, sample_weight, settings, key=key, init=init, n_init=n_init
        )
    X = unit_rows(X) if settings.metric == "cosine" else X
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of_all(X), n_clusters=n_clusters, sample_weight=sample_weight
        )
        starts = [
            partial(draw_start, STARTS[init], points, n_clusters, start_key)
            for start_key in jax.random.split(key, n_init)
        ]
        runs = list(iterate_each(points, starts, settings))
        return _finish(X, points, _best_of(points, runs), sample_weight, settings)


def warn_of_empty(
    result: KMeansResult, message: str = "", category: type[Warning] = UserWarning
) -> None:
    """Say so when clusters ended without points."""
    n_clusters = len(result.centroids)
    if rows.is_on_host(result.labels):
        sizes = np.bincount(np.asarray(result.labels), minlength=n_clusters)
    else:  # k numbers come from there, and not n
        sizes = np.asarray(_sizes(result.labels, n_clusters))
    n_found = np.count_nonzero(shares.summed(sizes))
    if n_found < n_clusters:
        warnings.warn(
            f"{message.format(n_found, n_clusters)}only {n_found} of {n_clusters} clusters have "
            "points, as happens when fewer points than clusters are distinct, or when max_iter "
            "ends it too soon; choose fewer clusters",
            category,
            stacklevel=3,
        )


@partial(jax.jit, static_argnames="n_clusters")
def _sizes(labels: Array, n_clusters: int) -> Array:
    return weights_of_clusters(jnp.ones(len(labels)), labels, n_clusters)


def _best_of(points: KMeansPoints, runs: list[Run]) -> Run:
    """The run of least inertia, in the precision of the blocks; the first of several.

    On a CPU one pass over the points for all runs tells which of them can be the best.
    """
    if len(runs) > 1 and rows.platform() == "cpu" and not rows.is_shared():
        at_a_time = max(MOST_COLUMNS // len(runs[0].state.centroids), 1)
        parts = [runs[i : i + at_a_time] for i in range(0, len(runs), at_a_time)]
        found = [
            rows.finished(
                inertias_of(points.rows, np.stack([np.asarray(r.state.centroids) for r in part]))
            )
            for part in parts
        ]
        inertias, errors = (np.concatenate(values) for values in zip(*found, strict=True))
        least = (inertias + errors).min()
        runs = [runs[i] for i in np.flatnonzero(~(inertias - errors > least))]
    return runs[0] if len(runs) == 1 else min(runs, key=partial(_inertia, points))


def _inertia(points: KMeansPoints, run: Run) -> float:
    """Of a run's centroids, in the precision of the blocks."""
    return float(rows.finished(assign_in_blocks(points.rows, run.state.centroids))[2])


def _finish(
    X: AnyArray,
    points: KMeansPoints,
    run: Run,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """The result. The labels of the iterations belong to the centroids before the last update, so
    those that are handed out are found anew.
    """
    history = _joined(run.history)
    history = history._replace(inertia=history.inertia.astype(np.float64) * points.unit)
    if is_float64(X):
        weights = _in_float64(sample_weight, points.n)
        end = _iterate_in_float64(np.asarray(X), points, run, weights, settings)
        centroids, labels, squares, later, converged = end
        history = _joined([history, later])
    else:
        centroids = points.uncentred(run.state.centroids)
        labels, squares = assign_by_definition(X, points, centroids)
        converged = bool(run.state.stable)
    is_mere_sum = sample_weight is None and not rows.is_on_host(squares)
    of_each = None if is_mere_sum else _in_float64(sample_weight, points.n)
    inertia = float(shares.summed(inertia_of(squares, of_each)))
    labels = jax.device_put(labels, rows.first_device())
    return KMeansResult(centroids, labels, inertia, len(history.shift), converged, history)


def _in_float64(sample_weight: AnyArray | None, n: int) -> Float[np.ndarray, " n"]:
    """The weights, or n ones."""
    return np.ones(n) if sample_weight is None else np.asarray(sample_weight, np.float64)


def _joined(histories: list[KMeansHistory]) -> KMeansHistory:
    """One history after the other, in the types of the first."""
    return KMeansHistory(
        *(
            np.concatenate(entries).astype(entries[0].dtype)
            for entries in zip(*histories, strict=True)
        )
    )


class _End(NamedTuple):
    """How float64 data ended."""

    centroids: AnyArray  # [k d] float64
    labels: Int[np.ndarray, " n"]
    squared_distances: Float[np.ndarray, " n"]
    history: KMeansHistory  # of the iterations in float64
    converged: bool


def _iterate_in_float64(
    X: np.ndarray,
    points: KMeansPoints,
    run: Run,
    weights: Float[np.ndarray, " n"],
    settings: Settings,
) -> _End:
    """The last update again in float64, and further iterations where float32 took labels for stable
    that are not.
    """
    labels = np.asarray(rows.join(run.labels, points.n))
    before = np.asarray(points.uncentred(run.state.before))
    left = settings.max_iter - run.n_iter if run.state.stable else 0
    later: list[tuple[float, float, int]] = []
    while True:
        centroids = means_in_float64(X, before, labels, weights)[0]
        if settings.metric == "cosine":
            centroids = np.asarray(unit_or_kept(centroids, before))
        shift = float(((centroids - before) ** 2).sum())
        if later:
            later[-1] = later[-1][0], shift, later[-1][2]
        found, squares = map(np.asarray, assign_by_definition(X, points, centroids))
        n_moved = int(shares.summed(((found != labels) & (weights > 0)).sum()))
        stable = bool(run.state.stable) and (n_moved == 0 or shift <= run.threshold)
        if stable or len(later) >= left:
            history = KMeansHistory(*np.array(later).reshape(-1, 3).T)
            return _End(centroids, found, squares, history, stable)
        later.append((float(shares.summed(weights @ squares)), 0.0, n_moved))
        before = centroids
        labels = refill_in_float64(X, found, squares, weights, len(centroids))
