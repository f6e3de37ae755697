"""Lloyd's algorithm from start to end: compiled iterations, the rare refill between them, and the
last digits on the host.

The definition is `lloyd` in `scratchclust/reference/kmeans.py`; `kmeans.py` in the folder above is
the door. `run_from` goes this way:

    points_in_blocks        centre X, spread it over the devices (`points.py`)
    _iterate                compiled iterations (`lloyd_steps.py`), between them `refill.py`
    _finish                 labels by the definition (`nearest_centroid.py`), inertia, the result

The iterations run in float32 (float64 with `jax_enable_x64`). Float64 data are then taken to their
end in float64 on the host (`_iterate_in_float64`): the centroids are the means of float64 points,
and where the labels that they give, by the definition, are not yet those of which they are the
means, iterations go on until they are.
"""

import warnings
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import checks, rows, shares
from scratchclust.cluster.kmeans_parts.cluster_means import unit_or_kept
from scratchclust.cluster.kmeans_parts.elkan_bounds import nothing_known, where_needed
from scratchclust.cluster.kmeans_parts.float64_on_host import is_float64, means_in_float64
from scratchclust.cluster.kmeans_parts.lloyd_steps import (
    MOST_ITERATIONS_PER_CALL,
    LloydState,
    every_distance,
    first_state,
    run_iterations,
)
from scratchclust.cluster.kmeans_parts.nearest_centroid import (
    assign_by_definition,
    assign_in_blocks,
)
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, points_in_blocks
from scratchclust.cluster.kmeans_parts.refill import refill_in_blocks, refill_in_float64
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.distances import centre_of_all, unit_rows
from scratchclust.results import KMeansHistory, KMeansResult
from scratchclust.rows import AnyArray

PASSES = {"lloyd": every_distance, "elkan": where_needed}


class Settings(NamedTuple):
    """How Lloyd's algorithm runs: the arguments of `lloyd` in `kmeans.py`, which tells what they
    mean.
    """

    max_iter: int = 300
    tol: float = 1e-4
    metric: str = "euclidean"
    algorithm: str = "lloyd"

    def check(self) -> "Settings":
        """The settings as Python's own types.

        Raises:
            InputError: one of them cannot be used.
        """
        return Settings(
            max_iter=checks.whole(1)("max_iter", self.max_iter),
            tol=checks.number(least=0)("tol", self.tol),
            metric=checks.one_of("euclidean", "cosine")("metric", self.metric),
            algorithm=checks.one_of(*PASSES)("algorithm", self.algorithm),
        )


class Run(NamedTuple):
    """What the compiled iterations from one start came to."""

    state: LloydState
    # [n_blocks block], of which the centroids are the means: nearest of `before`, perhaps refilled
    labels: Array
    threshold: float  # of the shift, below which it has converged
    n_iter: int
    history: list[KMeansHistory]  # of each compiled call


def run_from(
    X: AnyArray,
    centroids: AnyArray,
    sample_weight: Float[AnyArray, " n"] | None,
    settings: Settings,
) -> KMeansResult:
    """Lloyd's algorithm from given centroids; `lloyd` without its warnings."""
    settings = settings.check()
    checks.weights(sample_weight)
    if settings.metric == "cosine":
        X = unit_rows(X)
        centroids = unit_rows(centroids, "starting centroid")
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of_all(X), n_clusters=len(centroids), sample_weight=sample_weight
        )
        run = _iterate(points, points.centred(centroids), settings)
        return _finish(X, points, run, sample_weight, settings)


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
    settings = settings.check()
    init = checks.one_of(*STARTS)("init", init)
    n_init = checks.whole(1)("n_init", n_init)
    checks.weights(sample_weight)
    check_n_clusters(n_clusters, shares.total(len(X)))
    X = unit_rows(X) if settings.metric == "cosine" else X
    with rows.on(rows.worthwhile(X.size)):
        points = points_in_blocks(
            X, offset=centre_of_all(X), n_clusters=n_clusters, sample_weight=sample_weight
        )
        runs = (
            _iterate(points, draw_start(STARTS[init], points, n_clusters, start_key), settings)
            for start_key in jax.random.split(key, n_init)
        )
        best = next(runs) if n_init == 1 else min(runs, key=partial(_inertia, points))
        return _finish(X, points, best, sample_weight, settings)


def warn_of_empty(
    result: KMeansResult, message: str = "", category: type[Warning] = UserWarning
) -> None:
    """Say so when clusters ended without points."""
    n_clusters = len(result.centroids)
    sizes = np.bincount(np.asarray(result.labels), minlength=n_clusters)
    n_found = np.count_nonzero(shares.summed(sizes))
    if n_found < n_clusters:
        warnings.warn(
            f"{message.format(n_found, n_clusters)}only {n_found} of {n_clusters} clusters have "
            "points, as happens when fewer points than clusters are distinct, or when max_iter "
            "ends it too soon; choose fewer clusters",
            category,
            stacklevel=3,
        )


def _iterate(points: KMeansPoints, centroids: AnyArray, settings: Settings) -> Run:
    """Compiled calls of a few iterations each, and by hand the rare one that leaves a cluster
    empty.

    The first call has two iterations: it may have to be compiled, so that its time tells nothing of
    the next, and the very first iteration, which moves every label, is unlike the others. Then the
    clock says how many a call takes (`rows.Pace`), so that Ctrl-C is heard between two calls. How
    iterations are shared out among calls changes no bit: all that they carry is in the state.
    """
    # the variance costs a pass over the data
    threshold = settings.tol * points.mean_variance if settings.tol else 0.0
    unit = jnp.asarray(points.offset, centroids.dtype) if settings.metric == "cosine" else None
    one_pass = PASSES[settings.algorithm]
    bounds = nothing_known(points.rows, len(centroids)) if one_pass is where_needed else None
    state = first_state(points.rows, jnp.asarray(centroids), bounds)
    labels = state.labels
    histories: list[KMeansHistory] = []
    n_iter = 0
    pace = rows.Pace(first=2, longest=MOST_ITERATIONS_PER_CALL)
    while n_iter < settings.max_iter and not state.stable:
        most = min(pace.steps, settings.max_iter - n_iter)
        with pace.timed() as call:
            # finished: several CPU devices lock up where the next program starts before this ended
            state = rows.finished(
                run_iterations(
                    points.rows,
                    state,
                    most=most,
                    threshold=threshold,
                    unit=unit,
                    one_pass=one_pass,
                )
            )
            call.steps = int(state.n_iter)
        labels = state.labels
        if int(state.n_empty) > 0:
            state, labels = refill_in_blocks(points, state, threshold=threshold, unit=unit)
        histories.append(
            KMeansHistory(*(np.asarray(entries)[: call.steps] for entries in state.history))
        )
        n_iter += call.steps
    return Run(state, labels, threshold, n_iter, histories)


def _inertia(points: KMeansPoints, run: Run) -> float:
    """Of a run's centroids, in the precision of the blocks: to compare starts."""
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
    weights = np.ones(points.n) if sample_weight is None else np.asarray(sample_weight, np.float64)
    history = _joined(run.history)
    history = history._replace(inertia=history.inertia.astype(np.float64) * points.unit)
    if is_float64(X):
        end = _iterate_in_float64(np.asarray(X), points, run, weights, settings)
        centroids, labels, squares, later, converged = end
        history = _joined([history, later])
    else:
        centroids = points.uncentred(run.state.centroids)
        labels, squares = assign_by_definition(X, points, centroids)
        converged = bool(run.state.stable)
    inertia = float(shares.summed(weights @ squares.astype(np.float64)))
    labels = jax.device_put(labels, rows.first_device())
    return KMeansResult(centroids, labels, inertia, len(history.shift), converged, history)


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
        found, squares = assign_by_definition(X, points, centroids)
        n_moved = int(shares.summed(((found != labels) & (weights > 0)).sum()))
        stable = bool(run.state.stable) and (n_moved == 0 or shift <= run.threshold)
        if stable or len(later) >= left:
            history = KMeansHistory(*np.array(later).reshape(-1, 3).T)
            return _End(centroids, found, squares, history, stable)
        later.append((float(shares.summed(weights @ squares)), 0.0, n_moved))
        before = centroids
        labels = refill_in_float64(X, found, squares, weights, len(centroids))
