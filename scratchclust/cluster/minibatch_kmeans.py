"""Mini-batch k-means, fast: the twin of `scratchclust/reference/minibatch_kmeans.py`, which
explains the mathematics.

The data are read batch by batch, so a memory map of a file larger than memory will do. The host
draws and gathers the points of a few batches at a time; their steps, with the reassignment and the
rule that ends them, are one compiled loop. Of X as a whole there are only labels, made at the end a
part at a time. (Of an array in memory that fits on an accelerator, that gathers the points that
the host has drawn: `rows.resident`.)

Where each step of the definition is done; files without a folder are in `kmeans_parts/`:

    minibatch_step          `step_in_blocks` in minibatch_steps.py; of float64 data
                            `_step_in_float64` here, by `means_in_float64` in float64_on_host.py
    reassign                `reassign_in_blocks` in minibatch_steps.py
    minibatch_kmeans        here
    its loop                `_iterate` here, by calls of `take_steps` in minibatch_steps.py
    Smoothed.has_settled    `MiniBatchProgress` and `_smooth` in minibatch_steps.py
    _best_start             `best_start` in minibatch_data.py, by kmeans_starts.py beside this file
    X[index], the batch     `gather_batches` in minibatch_data.py
    the labels at the end   `assign_in_parts` in minibatch_data.py

The steps of `minibatch_kmeans` are in float32, and so are the digits of its centroids; labels and
inertia are those of these centroids in float64 where X is. `minibatch_step` and `reassign`, for
streams, keep all digits of float64 data.
"""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray, Real

from scratchclust import checks, rows, shares
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.float64_on_host import is_float64, means_in_float64
from scratchclust.cluster.kmeans_parts.minibatch_data import (
    assign_in_parts,
    best_start,
    gather_batches,
)
from scratchclust.cluster.kmeans_parts.minibatch_steps import (
    MiniBatchProgress,
    first_progress,
    reassign_in_blocks,
    step_in_blocks,
    take_steps,
)
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, as_jax, points_in_blocks
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.constants import INIT_SIZE_BATCHES, REASSIGNED_AFTER_POINTS
from scratchclust.distances import centre_of
from scratchclust.errors import InputError
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState
from scratchclust.rows import AnyArray
from scratchclust.streams import AnyRows

NUMBERS_PER_CALL = 2**20  # in the batches of one compiled call
# and on an accelerator: 256 MB, so that a call has many steps between two questions of the host
NUMBERS_PER_CALL_ON_ACCELERATOR = 2**26
MOST_STEPS_PER_CALL = 32

RULES = {
    "init": checks.one_of(*STARTS) | checks.array,
    "n_init": checks.whole(1),
    "batch_size": checks.whole(1),
    "max_iter": checks.whole(1),
    "tol": checks.number(least=0),
    "max_no_improvement": checks.whole(0) | checks.nothing,
    "reassignment_ratio": checks.number(least=0),
}


def minibatch_step(
    X: Real[AnyArray, "b d"],
    state: MiniBatchState,
    *,
    sample_weight: Float[AnyArray, " b"] | None = None,
) -> tuple[MiniBatchState, float]:
    """Move the centroids towards the points of one batch.

    Args:
        X: the batch.
        state: centroids, and the weight that each has won.
        sample_weight: w; None means 1 for every point.

    Returns:
        The state after it, and the inertia of the batch before it: sum of w |x - c|^2. Cost O(b k
        d).
    """
    if is_float64(X):
        return _step_in_float64(np.asarray(X), state, sample_weight)
    points = _points_of_batch(X, state, sample_weight)
    counts = jnp.asarray(np.asarray(state.counts) / points.unit, points.rows.arrays[0].dtype)
    centroids, counts, inertia = rows.finished(
        step_in_blocks(_batch(points), points.centred(state.centroids), counts)
    )
    found = MiniBatchState(
        points.uncentred(centroids),
        as_jax(np.asarray(counts) * points.unit),
        state.n_since_reassigned + len(X),
    )
    return found, float(inertia) * points.unit


def reassign(
    X: Real[AnyArray, "b d"],
    state: MiniBatchState,
    *,
    key: PRNGKeyArray,
    reassignment_ratio: float = 0.01,
    sample_weight: Float[AnyArray, " b"] | None = None,
) -> MiniBatchState:
    """Put each centroid that wins less than `reassignment_ratio` of the most onto a random point.

    Only when it is time: some centroid has won nothing, or 10 k points have passed since the last
    time. At most half as many as the batch has points are moved, those that have won least; their
    weight becomes the least of the others.

    Args:
        X: the batch.
        state: after `minibatch_step`.
        key: source of randomness.
        reassignment_ratio: 0 moves none.
        sample_weight: relative probability of each point; None means equal.
    """
    most_since = REASSIGNED_AFTER_POINTS * len(state.centroids)
    if not ((np.asarray(state.counts) == 0).any() or state.n_since_reassigned >= most_since):
        return state
    points = _points_of_batch(X, state, sample_weight)
    counts = jnp.asarray(state.counts, points.rows.arrays[0].dtype)
    centred = jnp.asarray(points.centred(state.centroids))
    centroids, counts, index = rows.finished(
        reassign_in_blocks(_batch(points), centred, counts, key, reassignment_ratio)
    )
    if is_float64(X):
        index = np.asarray(index)
        centroids = np.where(index[:, None] < 0, np.asarray(state.centroids), X[index])
        counts = np.where(index < 0, np.asarray(state.counts), np.asarray(counts, np.float64))
        return MiniBatchState(centroids, counts, 0)
    return MiniBatchState(points.uncentred(centroids), counts, 0)


def minibatch_kmeans(
    X: Real[AnyRows, "n d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    init: str | Real[AnyArray, "k d"] = "k-means++",
    n_init: int = 1,
    sample_weight: Float[AnyArray, " n"] | None = None,
    batch_size: int = 1024,
    max_iter: int = 100,
    tol: float = 0.0,
    max_no_improvement: int | None = 10,
    init_size: int | None = None,
    reassignment_ratio: float = 0.01,
    compute_labels: bool = True,
) -> MiniBatchKMeansResult:
    """Mini-batch k-means, from the best of `n_init` starts.

    The starts are drawn from a random sample of `init_size` points, and compared on another one.

    Args:
        X: points; a NumPy memory map or a `streams.Source` is never read whole.
        n_clusters: k.
        key: source of randomness.
        init: "random", "k-means++", "k-means||", or the centroids to start from.
        n_init: number of starts.
        sample_weight: w; None means 1 for every point.
        batch_size: b; points are drawn with replacement.
        max_iter: passes over the data at most, n / b steps each.
        tol: it has converged when the centroids move no more than tol times the mean variance of
            the features (squared, in sum) in a step; with 0 that does not count. The variance is
            that of the random sample.
        max_no_improvement: steps without progress after which it ends; None: never.
        init_size: points in the random sample; None: 3 batches, or 3 k where that is more.
        reassignment_ratio: as for `reassign`.
        compute_labels: False leaves the last pass over the data away: no labels, and for the
            inertia n times the smoothed inertia of a batch, by the point.

    Raises:
        InputError: an argument that cannot be used; NaN, infinity, or numbers whose squares leave
            the range of float32.
    """
    all_rows = shares.AllRows(X) if rows.is_shared() else X
    own_weights = None if sample_weight is None else np.asarray(sample_weight)
    if own_weights is not None:
        sample_weight = shares.whole(own_weights)
    n = len(all_rows)
    given = _check_arguments(
        n,
        n_clusters,
        sample_weight=sample_weight,
        init=init,
        n_init=n_init,
        batch_size=batch_size,
        max_iter=max_iter,
        tol=tol,
        max_no_improvement=max_no_improvement,
        init_size=init_size,
        reassignment_ratio=reassignment_ratio,
    )
    given.batch_size = min(given.batch_size, n)
    weights = None if sample_weight is None else np.asarray(sample_weight)
    key_start, key_steps = jax.random.split(key)
    # The host draws the batches by a generator of NumPy. The key seeds it although it is split for
    # the start and the reassignments, too: NumPy hashes its seed (SeedSequence), and that has
    # nothing in common with JAX's Threefry, by which the other draws come from the same bits.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    # Several processes take the same steps, each with all of a batch: so much time as joining the
    # sums of a batch would take, it takes to send its points.
    with shares.alone(), rows.on(rows.worthwhile(given.batch_size * X.shape[1])):
        sample, start = best_start(
            all_rows,
            n_clusters,
            rng=rng,
            key=key_start,
            init=given.init,
            n_init=given.n_init,
            weights=weights,
            size=given.init_size or INIT_SIZE_BATCHES * max(given.batch_size, n_clusters),
        )
        # All of X is sent at once where all of it is needed at the end, or is no more than the
        # batches of one call.
        if compute_labels or X.shape[0] * X.shape[1] <= NUMBERS_PER_CALL_ON_ACCELERATOR:
            all_rows = rows.resident(all_rows)
            X = X if rows.is_on_host(all_rows) else all_rows
        progress = first_progress(start, key_steps, given.batch_size, n)
        progress, inertias = _iterate(all_rows, sample, progress, given, weights=weights, rng=rng)
    state = shares.agreed(lambda: _uncentred(progress.state, sample))
    average = float(progress.average) * sample.unit / given.batch_size
    labels = None
    inertia = n * (average if len(inertias) > 1 else inertias[0])
    if compute_labels:
        labels, inertia = assign_in_parts(X, state.centroids, own_weights)
        inertia = float(shares.summed(inertia))
    return MiniBatchKMeansResult(
        state,
        labels,
        inertia,
        n_iter=rows.ceil_div(len(inertias) * given.batch_size, n),
        n_steps=len(inertias),
        converged=bool(progress.settled),
        batch_inertias=np.array(inertias),
    )


def start_of_batch(
    X: Real[AnyArray, "b d"],
    n_clusters: int,
    *,
    key: PRNGKeyArray,
    init: str | Real[AnyArray, "k d"] = "k-means++",
    sample_weight: Float[AnyArray, " b"] | None = None,
) -> Real[AnyArray, "k d"]:
    """Centroids for the first batch of a stream: drawn from it, or those that were given."""
    if not isinstance(init, str):
        return init
    points = points_in_blocks(
        X, offset=centre_of(X), n_clusters=n_clusters, sample_weight=sample_weight
    )
    return points.uncentred(draw_start(STARTS[init], points, n_clusters, key))


def _step_in_float64(
    X: np.ndarray, state: MiniBatchState, sample_weight: AnyArray | None
) -> tuple[MiniBatchState, float]:
    """`minibatch_step` in float64 on the host."""
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    before = np.asarray(state.centroids)
    labels, squares = map(np.asarray, assign(X, before))
    counts = np.asarray(state.counts, np.float64)
    centroids, counts = means_in_float64(X, before, labels, weights, counts)
    found = MiniBatchState(centroids, counts, state.n_since_reassigned + len(X))
    return found, float(weights @ squares)


def _points_of_batch(
    X: AnyArray, state: MiniBatchState, sample_weight: AnyArray | None
) -> KMeansPoints:
    """The points of a batch, centred amid the centroids."""
    offset = centre_of(state.centroids)
    return points_in_blocks(
        X, offset=offset, n_clusters=len(state.centroids), sample_weight=sample_weight
    )


def _batch(points: KMeansPoints) -> rows.Rows:
    """x and w of the points, as the steps want them."""
    x, _, weights = points.rows.arrays
    return rows.Rows((x, weights), points.rows.mesh)


def _uncentred(state: MiniBatchState, sample: KMeansPoints) -> MiniBatchState:
    """The state as it is handed out: not centred, and its weights in the unit of the caller."""
    counts = np.asarray(state.counts, np.float64).astype(sample.dtype) * sample.unit
    n_since = int(state.n_since_reassigned)
    return MiniBatchState(sample.uncentred(state.centroids), as_jax(counts), n_since)


def _iterate(
    X: Any,
    sample: KMeansPoints,
    progress: MiniBatchProgress,
    given: SimpleNamespace,
    *,
    weights: np.ndarray | None,
    rng: np.random.Generator,
) -> tuple[MiniBatchProgress, list[float]]:
    """Compiled calls of a few steps each, for which the host draws and gathers the batches.

    Returns:
        Where the steps ended, and the inertia of each batch before its step, by point.
    """
    n = len(X)
    most = max(given.max_iter * n // given.batch_size, 1)
    on_host = rows.platform() == "cpu"
    numbers = NUMBERS_PER_CALL if on_host else NUMBERS_PER_CALL_ON_ACCELERATOR
    in_memory = numbers // (given.batch_size * X.shape[1])
    per_call = int(np.clip(in_memory, 1, MOST_STEPS_PER_CALL))
    rule = {
        "threshold": given.tol * sample.mean_variance if given.tol else -1.0,
        "patience": most + 1 if given.max_no_improvement is None else given.max_no_improvement,
        "reassignment_ratio": given.reassignment_ratio,
    }
    inertias: list[float] = []
    while not shares.first_of(X, bool(progress.settled)) and len(inertias) < most:
        index = rng.integers(n, size=(per_call, given.batch_size))
        batches = gather_batches(X, index, weights, sample)
        limit = min(per_call, most - len(inertias))
        # finished: several CPU devices lock up where the next program starts before this ended
        progress, found = rows.finished(take_steps(batches, progress, most=limit, **rule))
        del batches  # not held while the next ones are gathered
        by_point = np.asarray(found, np.float64) * sample.unit / given.batch_size
        inertias.extend(by_point[: int(progress.i)].tolist())
    return progress, inertias


def _check_arguments(
    n: int, n_clusters: int, *, sample_weight: AnyArray | None, init_size: Any, **given: Any
) -> SimpleNamespace:
    """The arguments as Python's own types, or an InputError for the first that cannot be used."""
    check_n_clusters(n_clusters, n)
    checks.weights(sample_weight)
    at_least_k = checks.whole(n_clusters) | checks.nothing
    init_size = at_least_k("init_size", init_size, "a start needs a point for each cluster")
    found = checks.checked(RULES, given)
    if not isinstance(found.init, str) and len(found.init) != n_clusters:
        raise InputError(
            f"expected init to be {n_clusters} starting centroids, one for each cluster, "
            f"got {len(found.init)}"
        )
    return SimpleNamespace(**vars(found), init_size=init_size)
