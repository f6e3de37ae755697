"""Mini-batch k-means, fast: the twin of `scratchclust/reference/minibatch_kmeans.py`, which
explains the mathematics.

The data are read batch by batch, so a memory map of a file larger than memory will do. The host
draws and gathers the points of a few batches at a time; their steps, with the reassignment and the
rule that ends them, are one compiled loop. Of X as a whole there are only labels, made at the end a
part at a time.

Where each step of the definition is done; files without a folder are in `kmeans_parts/`:

    minibatch_step          `step_in_blocks` in minibatch_steps.py; of float64 data
                            `_step_in_float64` here, by `means_in_float64` in float64_on_host.py
    reassign                `reassign_in_blocks` in minibatch_steps.py
    minibatch_kmeans        here; its loop is `take_steps` in minibatch_steps.py, many steps a call
    Smoothed.has_settled    `MiniBatchProgress` and `_smooth` in minibatch_steps.py
    _best_start             `_best_start` here, by the starts in kmeans_starts.py beside this file
    X[index], the batch     `_gather` here
    the labels at the end   `_assign_in_parts` here

The steps of `minibatch_kmeans` are in float32, and so are the digits of its centroids; labels and
inertia are those of these centroids in float64 where X is. `minibatch_step` and `reassign`, for
streams, keep all digits of float64 data.
"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import checks, rows
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.float64_on_host import is_float64, means_in_float64
from scratchclust.cluster.kmeans_parts.minibatch_steps import (
    first_progress,
    reassign_in_blocks,
    step_in_blocks,
    take_steps,
)
from scratchclust.cluster.kmeans_parts.points import (
    KMeansPoints,
    as_jax,
    points_in_blocks,
    rows_on_host,
    unit_of_weights,
)
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.constants import INIT_SIZE_BATCHES, REASSIGNED_AFTER_POINTS
from scratchclust.distances import centre_of
from scratchclust.errors import InputError
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState
from scratchclust.rows import AnyArray

NUMBERS_IN_MEMORY = 2**24  # of X, that are there at a time for the labels at the end
NUMBERS_PER_CALL = 2**20  # in the batches of one compiled call
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
    X: Real[AnyArray, "n d"],
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
        X: points; a NumPy memory map is never read whole.
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
    n = len(X)
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
    batch_size = min(given.batch_size, n)
    size = given.init_size or INIT_SIZE_BATCHES * max(batch_size, n_clusters)
    weights = None if sample_weight is None else np.asarray(sample_weight)
    key_start, key_steps = jax.random.split(key)
    # The host draws the batches by a generator of NumPy. The key seeds it although it is split for
    # the start and the reassignments, too: NumPy hashes its seed (SeedSequence), and that has
    # nothing in common with JAX's Threefry, by which the other draws come from the same bits.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    with rows.on(rows.worthwhile(batch_size * X.shape[1])):
        sample, start = _best_start(
            X,
            n_clusters,
            rng=rng,
            key=key_start,
            init=given.init,
            n_init=given.n_init,
            weights=weights,
            size=size,
        )
        threshold = given.tol * sample.mean_variance if given.tol else -1.0
        progress = first_progress(start, key_steps, batch_size, n)
        inertias: list[float] = []
        most = max(given.max_iter * n // batch_size, 1)
        in_memory = NUMBERS_PER_CALL // (batch_size * X.shape[1])
        per_call = int(np.clip(in_memory, 1, MOST_STEPS_PER_CALL))
        patience = given.max_no_improvement
        while not progress.settled and len(inertias) < most:
            index = rng.integers(n, size=(per_call, batch_size))
            batches = _gather(X, index, weights, sample)
            progress, found = rows.finished(
                take_steps(
                    batches,
                    progress,
                    most=min(per_call, most - len(inertias)),
                    threshold=threshold,
                    patience=most + 1 if patience is None else patience,
                    reassignment_ratio=given.reassignment_ratio,
                )
            )
            del batches  # not held while the next ones are gathered
            by_point = np.asarray(found, np.float64) * sample.unit / batch_size
            inertias.extend(by_point[: int(progress.i)].tolist())
    state = _uncentred(progress.state, sample)
    average = float(progress.average) * sample.unit / batch_size
    labels = None
    inertia = n * (average if len(inertias) > 1 else inertias[0])
    if compute_labels:
        labels, inertia = _assign_in_parts(X, state.centroids, weights)
    return MiniBatchKMeansResult(
        state,
        labels,
        inertia,
        n_iter=rows.ceil_div(len(inertias) * batch_size, n),
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


def _best_start(
    X: AnyArray,
    n_clusters: int,
    *,
    rng: np.random.Generator,
    key: Array,
    init: str | AnyArray,
    n_init: int,
    weights: np.ndarray | None,
    size: int,
) -> tuple[KMeansPoints, AnyArray]:
    """A random sample of `size` points, and the start (centred as they are) of least inertia on
    another sample.
    """
    size = min(size, len(X))
    offset = centre_of(X)
    trial = np.sort(rng.integers(len(X), size=size))
    found: list[tuple[float, KMeansPoints, AnyArray]] = []
    for start_key in jax.random.split(key, n_init):
        index = np.sort(rng.choice(len(X), size=size, replace=False))
        sample = points_in_blocks(
            X[index],
            offset=offset,
            n_clusters=n_clusters,
            sample_weight=_some_positive(weights, index),
        )
        if not isinstance(init, str):
            found = [(0.0, sample, sample.centred(init))]
            break
        start = draw_start(STARTS[init], sample, n_clusters, start_key)
        inertia = 0.0
        if n_init > 1:
            squares = np.asarray(assign(X[trial], sample.uncentred(start))[1], np.float64)
            inertia = float(squares.sum() if weights is None else weights[trial] @ squares)
        found.append((inertia, sample, start))
    _, sample, best = min(found, key=lambda candidate: candidate[0])
    # from here on the weights of all points are held in the unit of the sample
    return replace(sample, unit=unit_of_weights(weights)), best


def _some_positive(weights: np.ndarray | None, index: np.ndarray) -> np.ndarray | None:
    """The weights of a sample, or None, equal ones, where all of it are 0."""
    return None if weights is None or not weights[index].any() else weights[index]


def _gather(
    X: AnyArray, index: np.ndarray, weights: np.ndarray | None, sample: KMeansPoints
) -> rows.Rows:
    """The points at `index` [steps b] as blocks [n_blocks steps block d] on all devices, and their
    weights.
    """
    steps, b = index.shape
    d = len(sample.offset)
    dtype = sample.rows.arrays[0].dtype
    block = rows.block_size(b, d)
    n_devices = rows.mesh().size
    n_blocks = rows.ceil_div(b, block * n_devices) * n_devices
    # The filling repeats the last point, without weight. Points are gathered where they are to lie,
    # in one pass.
    index = np.pad(index, ((0, 0), (0, n_blocks * block - b)), mode="edge")
    given = np.ones(index.shape, dtype)
    if weights is not None:
        given = (weights[index] / sample.unit).astype(dtype)
    given[:, b:] = 0
    index, given = (
        array.reshape(steps, n_blocks, block).swapaxes(0, 1) for array in (index, given)
    )
    x = rows.aligned((*index.shape, d), dtype)
    if isinstance(X, np.ndarray) and X.dtype == dtype == sample.offset.dtype:
        # in place, and so without another copy: no index is outside
        np.take(X, index, axis=0, out=x, mode="clip")
        np.subtract(x, sample.offset, out=x)
    else:
        np.subtract(rows_on_host(X, index), sample.offset, out=x, casting="same_kind")
    return rows.Rows(
        jax.device_put((x, np.ascontiguousarray(given)), rows.by_blocks()), rows.mesh()
    )


def _assign_in_parts(
    X: AnyArray, centroids: AnyArray, weights: np.ndarray | None
) -> tuple[Array, float]:
    """The nearest centroid of each point, a part of X at a time, and the inertia."""
    in_part = max(NUMBERS_IN_MEMORY // X.shape[1], 1)
    centroids = np.asarray(centroids)
    labels = []
    inertia = 0.0
    for begin in range(0, len(X), in_part):
        part = slice(begin, begin + in_part)
        of_part, squares = assign(X[part], centroids)
        labels.append(np.asarray(of_part))
        squares = np.asarray(squares, np.float64)
        inertia += float(squares.sum() if weights is None else weights[part] @ squares)
    return jnp.asarray(np.concatenate(labels)), inertia


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
