"""Mini-batch k-means, fast: the twin of `scratchclust/reference/minibatch_kmeans.py`, which
explains the mathematics.

The data are read batch by batch, so a memory map of a file larger than memory will do. The host
draws and gathers the points of a few batches at a time; their steps, with the reassignment and the
rule that ends them, are one compiled loop (`minibatch_steps.py`). Of X as a whole there are only
labels, made at the end a part at a time.

The steps of `minibatch_kmeans` are in float32, and so are the digits of its centroids; labels and
inertia are those of these centroids in float64 where X is. `minibatch_step` and `reassign`, for
streams, keep all digits of float64 data.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.checks import check_weights
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.assignment import rows_of
from scratchclust.cluster.kmeans_parts.exact_centroids import is_exact, means_exactly
from scratchclust.cluster.kmeans_parts.minibatch_steps import beginning, move, reassigned, stretch
from scratchclust.cluster.kmeans_parts.nearest_centroid import (
    AnyArray,
    Points,
    as_jax,
    points_in_blocks,
)
from scratchclust.cluster.kmeans_starts import STARTS, check_n_clusters, draw_start
from scratchclust.distances import centre_of
from scratchclust.errors import InputError
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState

PART = 2**24  # elements of X that are in memory at a time
GATHERED = 2**20  # elements of the batches of one compiled call
MOST_STEPS = 32  # in one compiled call


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
    if isinstance(X, np.ndarray) and is_exact(X):
        return _exact_step(X, state, sample_weight)
    points = _points_of_batch(X, state, sample_weight)
    counts = jnp.asarray(np.asarray(state.counts) / points.unit, points.rows.arrays[0].dtype)
    centroids, counts, inertia = rows.finished(
        move(points.rows, points.centred(state.centroids), counts)
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
    """Put each centroid that has won less than `reassignment_ratio` of the most onto a random point
    of the batch.

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
    k = len(state.centroids)
    if not ((np.asarray(state.counts) == 0).any() or state.n_since_reassigned >= 10 * k):
        return state
    points = _points_of_batch(X, state, sample_weight)
    counts = jnp.asarray(state.counts, points.rows.arrays[0].dtype)
    given = jnp.asarray(points.centred(state.centroids)), counts
    centroids, counts, index = rows.finished(
        reassigned(points.rows, *given, key, reassignment_ratio)
    )
    if isinstance(X, np.ndarray) and is_exact(X):
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
    _check_arguments(
        n,
        n_clusters,
        init,
        sample_weight,
        n_init,
        batch_size,
        max_iter,
        tol,
        reassignment_ratio,
        init_size,
    )
    batch_size, (key_start, key_steps) = min(batch_size, n), jax.random.split(key)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    weights = None if sample_weight is None else np.asarray(sample_weight)
    with rows.on(rows.worthwhile(batch_size * X.shape[1])):
        size = init_size or 3 * max(batch_size, n_clusters)
        sample, best = _best_start(X, n_clusters, rng, key_start, init, n_init, weights, size)
        threshold = tol * sample.mean_variance if tol else -1.0
        progress, inertias = beginning(best, key_steps, batch_size, n), []
        most = max(max_iter * n // batch_size, 1)
        at_once = int(np.clip(GATHERED // (batch_size * X.shape[1]), 1, MOST_STEPS))
        patience = most + 1 if max_no_improvement is None else max_no_improvement
        while not progress.settled and len(inertias) < most:
            limit, index = (
                min(at_once, most - len(inertias)),
                rng.integers(n, size=(at_once, batch_size)),
            )
            batches = _gathered(X, index, weights, sample)
            progress, found = rows.finished(
                stretch(batches, progress, limit, threshold, patience, reassignment_ratio)
            )
            del batches  # not held while the next ones are gathered
            inertias.extend(
                (np.asarray(found, np.float64) * sample.unit / batch_size).tolist()[
                    : int(progress.i)
                ]
            )
    counts = as_jax(
        np.asarray(progress.state.counts, np.float64).astype(sample.dtype) * sample.unit
    )
    state = MiniBatchState(
        sample.uncentred(progress.state.centroids), counts, int(progress.state.n_since)
    )
    average = (
        float(progress.average) * sample.unit / batch_size if len(inertias) > 1 else inertias[0]
    )
    labels, inertia = None, average * n
    if compute_labels:
        labels, inertia = _assigned(X, state.centroids, weights)
    n_iter = -(-len(inertias) * batch_size // n)
    converged, history = bool(progress.settled), np.array(inertias)
    return MiniBatchKMeansResult(state, labels, inertia, n_iter, len(inertias), converged, history)


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


def _exact_step(
    X: np.ndarray, state: MiniBatchState, sample_weight: AnyArray | None
) -> tuple[MiniBatchState, float]:
    """`minibatch_step` in float64 on the host."""
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, np.float64)
    centroids = np.asarray(state.centroids)
    labels, squares = map(np.asarray, assign(X, centroids))
    centroids, counts = means_exactly(
        X, centroids, labels, weights, np.asarray(state.counts, np.float64)
    )
    return MiniBatchState(centroids, counts, state.n_since_reassigned + len(X)), float(
        weights @ squares
    )


def _points_of_batch(X: AnyArray, state: MiniBatchState, sample_weight: AnyArray | None) -> Points:
    offset = centre_of(state.centroids)
    return points_in_blocks(
        X, offset=offset, n_clusters=len(state.centroids), sample_weight=sample_weight
    )


def _best_start(
    X: AnyArray,
    n_clusters: int,
    rng: np.random.Generator,
    key: Array,
    init: Any,
    n_init: int,
    weights: np.ndarray | None,
    size: int,
) -> tuple[Points, AnyArray]:
    """A random sample of the points, and the start (centred as they are) of least inertia on
    another sample.
    """
    size, offset = min(size, len(X)), centre_of(X)
    trial, found = np.sort(rng.integers(len(X), size=size)), []
    for start_key in jax.random.split(key, n_init):
        index = np.sort(rng.choice(len(X), size=size, replace=False))
        of_sample = None if weights is None or not weights[index].any() else weights[index]
        sample = points_in_blocks(
            X[index], offset=offset, n_clusters=n_clusters, sample_weight=of_sample
        )
        if not isinstance(init, str):
            found = [(0.0, sample, sample.centred(init))]
            break
        start, inertia = draw_start(STARTS[init], sample, n_clusters, start_key), 0.0
        if n_init > 1:
            distances = np.asarray(assign(X[trial], sample.uncentred(start))[1], np.float64)
            inertia = float(distances.sum() if weights is None else weights[trial] @ distances)
        found.append((inertia, sample, start))
    _, sample, best = min(found, key=lambda candidate: candidate[0])
    heaviest = 1.0 if weights is None else float(weights.max())
    return replace(sample, unit=float(2 ** np.floor(np.log2(heaviest)))), best


def _gathered(
    X: AnyArray, index: np.ndarray, weights: np.ndarray | None, sample: Points
) -> rows.Rows:
    """The points at `index` [steps b] as blocks [n_blocks steps block d] on all devices, and their
    weights.
    """
    (steps, b), d, dtype = index.shape, len(sample.offset), sample.rows.arrays[0].dtype
    block = rows.block_size(b, d)
    n_blocks = -(-b // (block * rows.mesh().size)) * rows.mesh().size
    # The filling repeats the last point, without weight. Points are gathered where they are to lie,
    # in one pass.
    index = np.pad(index, ((0, 0), (0, n_blocks * block - b)), mode="edge")
    given = (
        np.ones(index.shape, dtype)
        if weights is None
        else (weights[index] / sample.unit).astype(dtype)
    )
    given[:, b:] = 0
    index, given = (
        array.reshape(steps, n_blocks, block).swapaxes(0, 1) for array in (index, given)
    )
    x = rows.aligned((*index.shape, d), dtype)
    if isinstance(X, np.ndarray) and X.dtype == dtype == sample.offset.dtype:
        np.take(
            X, index, axis=0, out=x, mode="clip"
        )  # in place, and so without another copy: no index is outside
        np.subtract(x, sample.offset, out=x)
    else:
        np.subtract(rows_of(X, index), sample.offset, out=x, casting="same_kind")
    spread = jax.sharding.NamedSharding(rows.mesh(), jax.sharding.PartitionSpec(rows.AXIS))
    return rows.Rows(jax.device_put((x, np.ascontiguousarray(given)), spread), rows.mesh())


def _assigned(X: AnyArray, centroids: AnyArray, weights: np.ndarray | None) -> tuple[Array, float]:
    """The nearest centroid of each point, a part of X at a time, and the inertia."""
    in_part, labels, inertia = max(PART // X.shape[1], 1), [], 0.0
    centroids = np.asarray(centroids)
    for begin in range(0, len(X), in_part):
        part = slice(begin, begin + in_part)
        of_part, distances = assign(X[part], centroids)
        labels.append(np.asarray(of_part))
        distances = np.asarray(distances, np.float64)
        inertia += float(distances.sum() if weights is None else weights[part] @ distances)
    return jnp.asarray(np.concatenate(labels)), inertia


def _check_arguments(
    n: int,
    n_clusters: int,
    init: Any,
    sample_weight: AnyArray | None,
    n_init: int,
    batch_size: int,
    max_iter: int,
    tol: float,
    reassignment_ratio: float,
    init_size: int | None,
) -> None:
    if isinstance(init, str) and init not in STARTS:
        raise InputError(
            f"init={init!r} is unknown: expected one of {', '.join(map(repr, STARTS))}, or centroids"
        )
    check_n_clusters(n_clusters, n)
    if not isinstance(init, str) and len(init) != n_clusters:
        raise InputError(
            f"expected {n_clusters} starting centroids, one for each cluster, got {len(init)}"
        )
    if n_init < 1 or batch_size < 1 or max_iter < 1:
        raise InputError(
            f"n_init={n_init}, batch_size={batch_size}, max_iter={max_iter}: expected at least 1 for all three"
        )
    if not (tol >= 0 and reassignment_ratio >= 0):
        raise InputError(
            f"tol={tol}, reassignment_ratio={reassignment_ratio}: expected at least 0 for both"
        )
    if init_size is not None and init_size < n_clusters:
        raise InputError(
            f"init_size={init_size}: expected at least n_clusters={n_clusters}, one point for each cluster"
        )
    check_weights(sample_weight)
