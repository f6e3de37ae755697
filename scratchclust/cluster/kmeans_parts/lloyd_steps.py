"""Lloyd's iterations, compiled: each is one pass over the blocks of the data, and many run in one
`while_loop`.

The definition is the loop of `lloyd` in `scratchclust/reference/kmeans.py`; `runs.py` beside this
file drives it. An iteration (`run_iterations`) is

    assign              `nearest` of every block (`nearest_centroid.py`), in `every_distance`
    update_centroids    `part_of_sums` in the same pass, then `means_of_sums` (`cluster_means.py`)

and `refill_empty` is not in it: it is rare, so that the loop ends where a cluster is empty.

The sums of the points of each cluster are carried from iteration to iteration, and only what moved
is added and taken away (`cluster_means.py`). The rounding of such a sum is that of the largest
value it had; so all of it is summed anew when a cluster has shrunk to half of what it weighed. An
accelerator sums all of it anew each time: it would read the moved rows in a loop that asks the host
after each turn.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ScalarLike

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.cluster_means import (
    means_of_sums,
    part_of_sums,
    renewed_if_carried,
    sums_from_parts,
    weights_of_clusters,
)
from scratchclust.cluster.kmeans_parts.nearest_centroid import nearest
from scratchclust.results import KMeansHistory

MOST_ITERATIONS_PER_CALL = 64  # the room for their history


class LloydState(NamedTuple):
    """Where the iterations stand."""

    centroids: Array  # [k d], after the last update
    before: Array  # [k d], before it
    labels: Array  # [n_blocks block], nearest of `before`; -1 at the start
    sums: Array  # [k d], sum of w x over the points of each cluster, by `labels`
    heaviest: Array  # [k], greatest weight of each cluster since its points were last summed anew
    bounds: Any  # what another pass than Lloyd's carries along, or None
    n_iter: Array  # iterations in this call
    n_empty: Array  # clusters left without weight by the last assignment
    stable: Array  # no label moved, or the shift is within the tolerance
    history: KMeansHistory  # of this call, [MOST_ITERATIONS_PER_CALL] each


class LloydPass(NamedTuple):
    """What one pass over the data found."""

    sums: Array  # [k d], sum of w x over the points of each cluster
    weights: Array  # [k], sum of w over the points of each cluster
    inertia: Array
    n_moved: Array
    labels: Array  # [n_blocks block]
    bounds: Any


OnePass = Callable[[rows.Rows, LloydState], LloydPass]


@jax.jit
def first_state(data: rows.Rows, centroids: Array, bounds: Any) -> LloydState:
    """Before the first iteration: every point in no cluster."""
    labels, bounds = rows.constrain(
        (jnp.full_like(data.arrays[2], -1, jnp.int32), bounds), data.mesh, spread=True
    )
    sums = jnp.zeros_like(centroids)
    of_points: dict[str, Any] = {"labels": None, "bounds": None}  # spread over the devices
    on_every_device = LloydState(
        **of_points,
        centroids=centroids,
        before=centroids,
        sums=sums,
        heaviest=sums[:, 0],
        n_iter=jnp.int32(0),
        n_empty=jnp.int32(0),
        stable=jnp.bool(False),
        history=_no_history(),
    )
    return rows.constrain(on_every_device, data.mesh)._replace(labels=labels, bounds=bounds)


@partial(jax.jit, static_argnames="one_pass")
def run_iterations(
    data: rows.Rows,
    state: LloydState,
    *,
    most: ScalarLike,
    threshold: ScalarLike,
    unit: Array | None,
    one_pass: OnePass,
) -> LloydState:
    """Up to `most` iterations in one compiled loop; it also ends when stable, or at an empty
    cluster.

    Args:
        data: x, |x|^2, w as in `KMeansPoints`.
        state: where the iterations stand.
        most: iterations, of at most `MOST_ITERATIONS_PER_CALL`.
        threshold: stable is also what moves by no more, sum_j |c_j' - c_j|^2.
        unit: as in `means_of_sums`.
        one_pass: `every_distance`, or Elkan's `where_needed`.
    """

    def goes_on(state: LloydState) -> Array:
        return (state.n_iter < most) & ~state.stable & (state.n_empty == 0)

    def iterate(state: LloydState) -> LloydState:
        found = one_pass(data, state)
        shrunk = (2 * found.weights < state.heaviest).any()
        sums = renewed_if_carried(data, found.labels, found.sums, shrunk)
        updated = means_of_sums(sums, found.weights, state.centroids, unit)
        shift = ((updated - state.centroids) ** 2).sum()
        return LloydState(
            centroids=updated,
            before=state.centroids,
            labels=found.labels,
            sums=sums,
            heaviest=jnp.where(shrunk, found.weights, jnp.maximum(found.weights, state.heaviest)),
            bounds=found.bounds,
            n_iter=state.n_iter + 1,
            n_empty=(found.weights == 0).sum(dtype=jnp.int32),
            stable=(found.n_moved == 0) | (shift <= threshold),
            history=_with_entry(state, KMeansHistory(found.inertia, shift, found.n_moved)),
        )

    begin = state._replace(n_iter=jnp.int32(0), history=_no_history())
    return jax.lax.while_loop(goes_on, iterate, begin)


def every_distance(data: rows.Rows, state: LloydState) -> LloydPass:
    """Lloyd's pass: every point is compared with every centroid."""
    in_sum, labels = rows.map_sum(_assign_and_sum, data.beside(state.labels), state.centroids)
    parts, *of_clusters = in_sum
    return LloydPass(sums_from_parts(state.sums, parts), *of_clusters, labels=labels, bounds=None)


def _assign_and_sum(
    x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array
) -> tuple[tuple[Array, ...], Array]:
    """Both steps of Lloyd's algorithm on a block: what the update needs in sum, and the labels."""
    n_clusters = len(centroids)
    labels, distances = nearest(x, x_norms, centroids)
    part = part_of_sums(x, weights, labels, previous, n_clusters)
    n_moved = ((labels != previous) & (weights > 0)).sum(dtype=jnp.int32)
    of_clusters = weights_of_clusters(weights, labels, n_clusters)
    return (part, of_clusters, (weights * distances).sum(), n_moved), labels


def _no_history() -> KMeansHistory:
    n = MOST_ITERATIONS_PER_CALL
    return KMeansHistory(jnp.zeros(n), jnp.zeros(n), jnp.zeros(n, jnp.int32))


def _with_entry(state: LloydState, entry: KMeansHistory) -> KMeansHistory:
    """The history with what is to be told of one more iteration."""

    def put(all: Array, new: Array) -> Array:
        return all.at[state.n_iter].set(new.astype(all.dtype))

    return jax.tree.map(put, state.history, entry)
