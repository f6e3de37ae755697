"""Lloyd's iterations, compiled: each is one pass over the blocks of the data, and many run in one
`while_loop`.

`kmeans.py` beside this file drives them; what they compute is defined in
`scratchclust/reference/kmeans.py`.

The sums of the points of each cluster are carried from iteration to iteration, and only what moved
is added and taken away (`label_sums.py`). The rounding of such a sum is that of the largest value
it had; so all of it is summed anew when a cluster has shrunk to half of what it weighed.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ScalarLike

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.label_sums import (
    change_of_sums,
    signed_sums,
    weights_of_clusters,
)
from scratchclust.cluster.kmeans_parts.nearest_centroid import nearest
from scratchclust.results import KMeansHistory

STRETCH = 64  # iterations at most in one compiled call
NO_DIRECTION = 1e-6  # a mean of unit vectors that is shorter is no more than rounding


class State(NamedTuple):
    """Where the iterations stand."""

    centroids: Array  # [k d], after the last update
    before: Array  # [k d], before it
    labels: Array  # [n_blocks block], nearest of `before`; -1 at the start
    sums: Array  # [k d], sum of w x over the points of each cluster, by `labels`
    # [k], the greatest weight of each cluster since its points were last summed anew
    heaviest: Array
    bounds: Any  # what another pass than Lloyd's carries along, or None
    n_iter: Array  # iterations in this stretch
    n_empty: Array  # clusters left without weight by the last assignment
    stable: Array  # no label moved, or the shift is within the tolerance
    history: KMeansHistory  # of this stretch, [STRETCH] each


class Pass(NamedTuple):
    """What one pass over the data found."""

    change: Array  # [k d], by which the sums change
    weights: Array  # [k], sum of w over the points of each cluster
    inertia: Array
    n_moved: Array
    labels: Array  # [n_blocks block]
    bounds: Any


OnePass = Callable[[rows.Rows, State], Pass]


@jax.jit
def beginning(data: rows.Rows, centroids: Array, bounds: Any) -> State:
    """Before the first iteration: every point in no cluster."""
    labels, bounds = rows.constrain(
        (jnp.full_like(data.arrays[2], -1, jnp.int32), bounds), data.mesh, spread=True
    )
    sums, zero = jnp.zeros_like(centroids), jnp.int32(0)
    state = State(
        centroids,
        centroids,
        labels,
        sums,
        sums[:, 0],
        bounds,
        zero,
        zero,
        jnp.bool(False),
        _no_history(),
    )
    return rows.constrain(state._replace(labels=None, bounds=None), data.mesh)._replace(
        labels=labels, bounds=bounds
    )


@partial(jax.jit, static_argnames="one_pass")
def stretch(
    data: rows.Rows,
    state: State,
    threshold: ScalarLike,
    limit: ScalarLike,
    unit: Array | None,
    one_pass: OnePass,
) -> State:
    """Up to `limit` iterations in one compiled loop; it also ends when stable, or at an empty
    cluster.
    """

    def goes_on(state: State) -> Array:
        return (state.n_iter < limit) & ~state.stable & (state.n_empty == 0)

    def iterate(state: State) -> State:
        found = one_pass(data, state)
        shrunk = (2 * found.weights < state.heaviest).any()
        sums = jax.lax.cond(
            shrunk,
            lambda: _sums_by_label(data, found.labels, len(state.sums))[0],
            lambda: state.sums + found.change,
        )
        updated = _means(sums, found.weights, state.centroids, unit)
        shift = ((updated - state.centroids) ** 2).sum()
        entry = KMeansHistory(found.inertia, shift, found.n_moved)
        return State(
            centroids=updated,
            before=state.centroids,
            labels=found.labels,
            sums=sums,
            heaviest=jnp.where(shrunk, found.weights, jnp.maximum(found.weights, state.heaviest)),
            bounds=found.bounds,
            n_iter=state.n_iter + 1,
            n_empty=(found.weights == 0).sum(dtype=jnp.int32),
            stable=(found.n_moved == 0) | (shift <= threshold),
            history=jax.tree.map(
                lambda all, new: all.at[state.n_iter].set(new.astype(all.dtype)),
                state.history,
                entry,
            ),
        )

    return jax.lax.while_loop(
        goes_on, iterate, state._replace(n_iter=jnp.int32(0), history=_no_history())
    )


def every_distance(data: rows.Rows, state: State) -> Pass:
    """Lloyd's pass: every point is compared with every centroid."""
    with_labels = rows.Rows((*data.arrays, state.labels), data.mesh)
    sums, labels = rows.map_sum(_assign_and_sum, with_labels, state.centroids)
    change, weights, inertia, n_moved = sums
    return Pass(change, weights, inertia, n_moved, labels, None)


def _assign_and_sum(
    x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array
) -> tuple[tuple[Array, ...], Array]:
    """Both steps of Lloyd's algorithm on one block: what the update needs in sum, and the labels."""
    n_clusters = len(centroids)
    labels, distances = nearest(x, x_norms, centroids)
    change = change_of_sums(x, weights, labels, previous, n_clusters)
    n_moved = ((labels != previous) & (weights > 0)).sum(dtype=jnp.int32)
    return (
        change,
        weights_of_clusters(weights, labels, n_clusters),
        (weights * distances).sum(),
        n_moved,
    ), labels


def _no_history() -> KMeansHistory:
    return KMeansHistory(jnp.zeros(STRETCH), jnp.zeros(STRETCH), jnp.zeros(STRETCH, jnp.int32))


def _means(sums: Array, weights: Array, centroids: Array, unit: Array | None) -> Array:
    """sums / weights; a cluster without weight keeps its centroid.

    For the cosine metric `unit` is the offset: the means are uncentred and scaled to length 1;
    where the points of a cluster cancel, the centroid before is kept.
    """
    means = jnp.where(
        weights[:, None] > 0, sums / jnp.where(weights > 0, weights, 1)[:, None], centroids
    )
    if unit is None:
        return means
    means = means + unit[None]
    norms = jnp.linalg.norm(means, axis=1, keepdims=True)
    return jnp.where(
        norms > NO_DIRECTION, means / jnp.maximum(norms, NO_DIRECTION) - unit[None], centroids
    )


def _sums_by_label(data: rows.Rows, labels: Array, n_clusters: int) -> tuple[Array, Array]:
    """sum w x [k d] and sum w [k] of each cluster, over all points."""

    def block(
        x: Array, x_norms: Array, weights: Array, labels: Array
    ) -> tuple[tuple[Array, Array], None]:
        sums = signed_sums(x, weights, labels, jnp.full_like(labels, -1), n_clusters)
        return (sums, weights_of_clusters(weights, labels, n_clusters)), None

    return rows.map_sum(block, rows.Rows((*data.arrays, labels), data.mesh))[0]


@jax.jit
def update_blocks(
    data: rows.Rows, labels: Array, centroids: Array, unit: Array | None = None
) -> Array:
    """The mean of each cluster, from given labels [n_blocks block]; `unit` as in `_means`."""
    return _means(*_sums_by_label(data, labels, len(centroids)), centroids, unit)


@jax.jit
def assign_blocks(data: rows.Rows, centroids: Array) -> tuple[Array, Array, Array]:
    """Labels, squared distances by their definition, and inertia, in the precision of the blocks."""

    def block(
        x: Array, x_norms: Array, weights: Array, centroids: Array
    ) -> tuple[Array, tuple[Array, Array]]:
        labels, _ = nearest(x, x_norms, centroids)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return (weights * distances).sum(), (labels, distances)

    inertia, (labels, distances) = rows.map_sum(block, data, centroids)
    return labels, distances, inertia
