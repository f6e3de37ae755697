"""The steps of mini-batch k-means, compiled; `minibatch_kmeans.py` in the folder above drives them.

The definition is `scratchclust/reference/minibatch_kmeans.py`. A batch is `Rows` of x [n_blocks
block d] and w [n_blocks block], centred; the state is `MiniBatchState`, with centred centroids and
weights in the unit of the blocks.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ScalarLike

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.cluster_means import sums_of_block, weights_of_clusters
from scratchclust.cluster.kmeans_parts.nearest_centroid import nearest
from scratchclust.constants import MOST_REASSIGNED_SHARE, REASSIGNED_AFTER_POINTS
from scratchclust.distances import squared_norms
from scratchclust.results import MiniBatchState
from scratchclust.rows import AnyArray


class MiniBatchProgress(NamedTuple):
    """Where the steps stand, and what decides when they end (`Smoothed` of the definition)."""

    state: MiniBatchState
    key: Array
    i: Array  # steps in this call
    n_steps: Array  # steps in all
    alpha: Array  # by which the newest inertia counts
    average: Array  # of the inertia of the batches, smoothed
    least: Array  # that it has been
    n_worse: Array  # steps since then
    settled: Array
    batch_size: Array


def first_progress(centroids: AnyArray, key: Array, batch_size: int, n: int) -> MiniBatchProgress:
    """Before the first step. All of it comes from NumPy: nothing is compiled."""
    centroids = np.asarray(centroids)
    number = centroids.dtype.type
    zero: Any = np.int32(0)
    given: dict[str, Any] = {
        "state": MiniBatchState(centroids, np.zeros(len(centroids), number), zero),
        "key": key,
        "i": zero,
        "n_steps": zero,
        "alpha": number(min(2 * batch_size / (n + 1), 1)),
        "average": number(0),
        "least": number(np.inf),
        "n_worse": zero,
        "settled": np.bool_(False),
        "batch_size": np.int32(batch_size),
    }
    return jax.device_put(MiniBatchProgress(**given), rows.whole())


@jax.jit
def take_steps(
    batches: rows.Rows,
    progress: MiniBatchProgress,
    *,
    most: ScalarLike,
    threshold: ScalarLike,
    patience: ScalarLike,
    reassignment_ratio: ScalarLike,
) -> tuple[MiniBatchProgress, Array]:
    """Up to `most` steps in one compiled loop, until settled.

    Args:
        batches: x [n_blocks steps block d], w [n_blocks steps block].
        progress: where the steps stand.
        most: steps.
        threshold: settled is what moves by no more, sum_j |c_j' - c_j|^2.
        patience: settled is what has not become better for so many steps.
        reassignment_ratio: as for `reassign`.

    Returns:
        Where they stand now, and the inertia of each batch before its step [steps].
    """

    def goes_on(carry: tuple[MiniBatchProgress, Array]) -> Array:
        return (carry[0].i < most) & ~carry[0].settled

    def step(carry: tuple[MiniBatchProgress, Array]) -> tuple[MiniBatchProgress, Array]:
        progress, inertias = carry
        batch = rows.Rows(tuple(array[:, progress.i] for array in batches.arrays), batches.mesh)
        state, inertia, shift = _step_and_reassign(batch, progress, reassignment_ratio)
        progress = _smooth(progress, inertia, shift, threshold, patience)._replace(state=state)
        return progress, inertias.at[progress.i - 1].set(inertia)

    inertias = jnp.zeros(batches.arrays[0].shape[1], batches.arrays[0].dtype)
    found = jax.lax.while_loop(goes_on, step, (progress._replace(i=jnp.int32(0)), inertias))
    return rows.constrain(found, batches.mesh)


def _step_and_reassign(
    batch: rows.Rows, progress: MiniBatchProgress, reassignment_ratio: ScalarLike
) -> tuple[MiniBatchState, Array, Array]:
    """A step, then the reassignment if it is time; also the inertia, and by how much the centroids
    moved.
    """
    before = progress.state
    centroids, counts, inertia = step_in_blocks(batch, before.centroids, before.counts)
    shift = ((centroids - before.centroids) ** 2).sum()
    n_since = before.n_since_reassigned + progress.batch_size
    is_time = (counts == 0).any() | (n_since >= REASSIGNED_AFTER_POINTS * len(counts))

    def reassign() -> tuple[Array, Array]:
        key = jax.random.fold_in(progress.key, progress.n_steps)
        return reassign_in_blocks(batch, centroids, counts, key, reassignment_ratio)[:2]

    # As a rule no centroid is poor, and drawing points for none would take longer than the step
    # itself.
    is_needed = is_time & _poor(counts, reassignment_ratio).any()
    found, weights = jax.lax.cond(is_needed, reassign, lambda: (centroids, counts))
    n_since = jnp.where(is_time, 0, n_since)
    return MiniBatchState(found, weights, n_since), inertia, shift  # pyright: ignore[reportArgumentType]


def _smooth(
    progress: MiniBatchProgress,
    inertia: Array,
    shift: Array,
    threshold: ScalarLike,
    patience: ScalarLike,
) -> MiniBatchProgress:
    """One more batch in the moving average, and whether that has stopped falling: `has_settled` of
    the definition.

    The first batch, which only knows the start, does not count.
    """
    n_steps = progress.n_steps + 1
    mixed = (1 - progress.alpha) * progress.average + progress.alpha * inertia
    average = jnp.where(n_steps == 1, 0, jnp.where(n_steps == 2, inertia, mixed))
    better = (average < progress.least) | (n_steps == 1)
    n_worse = jnp.where(better, 0, progress.n_worse + 1)
    least = jnp.where(better & (n_steps > 1), average, progress.least)
    settled = (n_steps > 1) & ((n_worse >= patience) | (shift <= threshold))
    # NaN in the data: the assignment at the end will say so
    settled = settled | ~jnp.isfinite(inertia)
    return progress._replace(
        i=progress.i + 1,
        n_steps=n_steps,
        average=average,
        least=least,
        n_worse=n_worse,
        settled=settled,
    )


@jax.jit
def step_in_blocks(batch: rows.Rows, centroids: Array, counts: Array) -> tuple[Array, Array, Array]:
    """c' = (n c + sum w x) / n', as c + (sum w x - c sum w) / n', which keeps more digits.

    Returns:
        Centroids, counts n', and the inertia of the batch before the step.
    """
    k = len(centroids)

    def block(
        x: Array, weights: Array, centroids: Array
    ) -> tuple[tuple[Array, Array, Array], None]:
        labels, distances = nearest(x, squared_norms(x), centroids)
        sums = sums_of_block(x, weights, labels, k)
        return (sums, weights_of_clusters(weights, labels, k), (weights * distances).sum()), None

    sums, won, inertia = rows.map_sum(block, batch, centroids)[0]
    total = counts + won
    step = (sums - won[:, None] * centroids) / jnp.where(total > 0, total, 1)[:, None]
    return centroids + jnp.where(won[:, None] > 0, step, 0), total, inertia


@jax.jit
def reassign_in_blocks(
    batch: rows.Rows, centroids: Array, counts: Array, key: Array, reassignment_ratio: ScalarLike
) -> tuple[Array, Array, Array]:
    """Put the centroids that win too little onto random points of a batch.

    Returns:
        Centroids, counts, and the index of the point of each centroid, or -1.
    """
    x, weights = batch.arrays
    k = len(centroids)
    n_drawn = min(k, weights.size)
    # w = 0: -inf, never drawn
    scores = jax.random.gumbel(key, weights.shape, weights.dtype) + jnp.log(weights)
    _, index = jax.lax.top_k(scores.reshape(-1), n_drawn)
    points = rows.take(x, jnp.divmod(index, x.shape[1]), batch.mesh)
    n_points = (weights > 0).sum(dtype=jnp.int32)
    most = jnp.minimum((MOST_REASSIGNED_SHARE * n_points).astype(jnp.int32), k - 1)
    poor = _poor(counts, reassignment_ratio)
    rank = jnp.argsort(jnp.argsort(jnp.where(poor, counts, jnp.inf)))
    chosen = poor & (rank < most)
    least = jnp.where(chosen, jnp.inf, counts).min()
    place = jnp.minimum(rank, n_drawn - 1)
    centroids = jnp.where(chosen[:, None], points[place], centroids)
    return centroids, jnp.where(chosen, least, counts), jnp.where(chosen, index[place], -1)


def _poor(counts: Array, reassignment_ratio: ScalarLike) -> Array:
    """Which centroids win too little."""
    return counts < reassignment_ratio * counts.max()
