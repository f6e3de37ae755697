"""The steps of mini-batch k-means, compiled; `minibatch_kmeans.py` beside this file drives them.

What they compute is defined in `scratchclust/reference/minibatch_kmeans.py`.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ScalarLike

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.label_sums import signed_sums, weights_of_clusters
from scratchclust.cluster.kmeans_parts.nearest_centroid import AnyArray, nearest
from scratchclust.distances import squared_norms

MOST_REASSIGNED = 0.5  # of the points of a batch, become centroids at once


class State(NamedTuple):
    """Centroids (centred), the weight each has won, points since the last reassignment."""

    centroids: Array  # [k d]
    counts: Array  # [k]
    n_since: Array


class Progress(NamedTuple):
    """Where the steps stand, and what decides when they end."""

    state: State
    key: Array
    i: Array  # steps in this stretch
    n_steps: Array  # steps in all
    alpha: Array  # by which the newest inertia counts
    average: Array  # of the inertia of the batches, smoothed
    least: Array  # that it has been
    n_worse: Array  # steps since then
    settled: Array
    batch_size: Array


def beginning(centroids: AnyArray, key: Array, batch_size: int, n: int) -> Progress:
    """Before the first step."""
    centroids, zero = np.asarray(centroids), np.int32(0)
    number = centroids.dtype.type
    alpha, nothing, worst = number(min(2 * batch_size / (n + 1), 1)), number(0), number(np.inf)
    state: Any = (centroids, np.zeros(len(centroids), number), zero)
    rest: Any = (zero, zero, alpha, nothing, worst, zero, np.bool_(False), np.int32(batch_size))
    return jax.device_put(
        Progress(State(*state), key, *rest), rows.whole()
    )  # from NumPy: nothing is compiled


@jax.jit
def move(data: rows.Rows, centroids: Array, counts: Array) -> tuple[Array, Array, Array]:
    """One step on the blocks of a batch: centroids, counts, inertia of the batch before it."""
    x, _, weights = data.arrays
    return _moved(rows.Rows((x, weights), data.mesh), centroids, counts)


@jax.jit
def reassigned(
    data: rows.Rows, centroids: Array, counts: Array, key: Array, reassignment_ratio: ScalarLike
) -> tuple[Array, Array, Array]:
    """The centroids that win too little put onto random points of a batch; the index of the point
    of each, or -1.
    """
    x, _, weights = data.arrays
    return _reassigned(
        rows.Rows((x, weights), data.mesh), centroids, counts, key, reassignment_ratio
    )


@jax.jit
def stretch(
    batches: rows.Rows,
    progress: Progress,
    limit: ScalarLike,
    threshold: ScalarLike,
    patience: ScalarLike,
    reassignment_ratio: ScalarLike,
) -> tuple[Progress, Array]:
    """Up to `limit` steps, one for each batch [n_blocks steps block d], until settled; also their
    inertias [steps].
    """

    def goes_on(carry: tuple[Progress, Array]) -> Array:
        return (carry[0].i < limit) & ~carry[0].settled

    def step(carry: tuple[Progress, Array]) -> tuple[Progress, Array]:
        progress, inertias = carry
        data = rows.Rows(tuple(array[:, progress.i] for array in batches.arrays), batches.mesh)
        state, inertia, shift = _step(data, progress, reassignment_ratio)
        progress = _judged(progress._replace(state=state), inertia, shift, threshold, patience)
        return progress, inertias.at[progress.i - 1].set(inertia)

    inertias = jnp.zeros(batches.arrays[0].shape[1], batches.arrays[0].dtype)
    found = jax.lax.while_loop(goes_on, step, (progress._replace(i=jnp.int32(0)), inertias))
    return rows.constrain(found, batches.mesh)


def _step(
    data: rows.Rows, progress: Progress, reassignment_ratio: ScalarLike
) -> tuple[State, Array, Array]:
    """Move, then reassign if it is time; also the inertia, and by how much the centroids moved."""
    before = progress.state
    centroids, counts, inertia = _moved(data, before.centroids, before.counts)
    shift = ((centroids - before.centroids) ** 2).sum()
    n_since = before.n_since + progress.batch_size
    is_time = (counts == 0).any() | (n_since >= 10 * len(counts))
    # As a rule no centroid is poor, and drawing points for none would take longer than the step
    # itself.
    centroids, counts = jax.lax.cond(
        is_time & _poor(counts, reassignment_ratio).any(),
        lambda: _reassigned(
            data,
            centroids,
            counts,
            jax.random.fold_in(progress.key, progress.n_steps),
            reassignment_ratio,
        )[:2],
        lambda: (centroids, counts),
    )
    return State(centroids, counts, jnp.where(is_time, 0, n_since)), inertia, shift


def _poor(counts: Array, reassignment_ratio: ScalarLike) -> Array:
    """Which centroids win too little."""
    return counts < reassignment_ratio * counts.max()


def _judged(
    progress: Progress, inertia: Array, shift: Array, threshold: ScalarLike, patience: ScalarLike
) -> Progress:
    """Whether the smoothed inertia has stopped falling; the first batch, which only knows the
    start, does not count.
    """
    n_steps = progress.n_steps + 1
    mixed = (1 - progress.alpha) * progress.average + progress.alpha * inertia
    average = jnp.where(n_steps == 1, 0, jnp.where(n_steps == 2, inertia, mixed))
    better = (average < progress.least) | (n_steps == 1)
    n_worse = jnp.where(better, 0, progress.n_worse + 1)
    least = jnp.where(better & (n_steps > 1), average, progress.least)
    settled = (n_steps > 1) & ((n_worse >= patience) | (shift <= threshold))
    settled = settled | ~jnp.isfinite(
        inertia
    )  # NaN in the data: the assignment at the end will say so
    return progress._replace(
        i=progress.i + 1,
        n_steps=n_steps,
        average=average,
        least=least,
        n_worse=n_worse,
        settled=settled,
    )


def _moved(data: rows.Rows, centroids: Array, counts: Array) -> tuple[Array, Array, Array]:
    """c' = (n c + sum w x) / n', as c + (sum w x - c sum w) / n', which keeps more digits."""
    k = len(centroids)

    def block(
        x: Array, weights: Array, centroids: Array
    ) -> tuple[tuple[Array, Array, Array], None]:
        labels, distances = nearest(x, squared_norms(x), centroids)
        sums = signed_sums(x, weights, labels, jnp.full_like(labels, -1), k)
        return (sums, weights_of_clusters(weights, labels, k), (weights * distances).sum()), None

    sums, won, inertia = rows.map_sum(block, data, centroids)[0]
    total = counts + won
    step = (sums - won[:, None] * centroids) / jnp.where(total > 0, total, 1)[:, None]
    return centroids + jnp.where(won[:, None] > 0, step, 0), total, inertia


def _reassigned(
    data: rows.Rows, centroids: Array, counts: Array, key: Array, reassignment_ratio: ScalarLike
) -> tuple[Array, Array, Array]:
    x, weights = data.arrays
    k, drawn = len(centroids), min(len(centroids), weights.size)
    scores = jax.random.gumbel(key, weights.shape, weights.dtype) + jnp.log(
        weights
    )  # w = 0: -inf, never drawn
    _, index = jax.lax.top_k(scores.reshape(-1), drawn)
    points = rows.take(x, jnp.divmod(index, x.shape[1]), data.mesh)
    n_points = (weights > 0).sum(dtype=jnp.int32)
    most = jnp.minimum((MOST_REASSIGNED * n_points).astype(jnp.int32), k - 1)
    poor = _poor(counts, reassignment_ratio)
    rank = jnp.argsort(jnp.argsort(jnp.where(poor, counts, jnp.inf)))
    chosen = poor & (rank < most)
    least = jnp.where(chosen, jnp.inf, counts).min()
    place = jnp.minimum(rank, drawn - 1)
    moved = jnp.where(chosen[:, None], points[place], centroids)
    return moved, jnp.where(chosen, least, counts), jnp.where(chosen, index[place], -1)
