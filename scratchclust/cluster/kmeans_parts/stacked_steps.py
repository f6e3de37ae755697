"""Lloyd's iterations from several starts at once, compiled for a CPU: the product of all points
with the centroids of all starts reads the points once.

The definition is the loop of `lloyd` in `scratchclust/reference/kmeans.py`, and an iteration is
that of `lloyd_steps.py`, with one more axis [r] in front: that of the starts. What a start comes to
does not depend on those beside it: its scores are columns of a product of their own, and all that
follows is done for one start after the other. One start alone is a stack of one.

A pass over the points is `pass_over` in `stacked_pass.py`. A start that is stable, or has an empty
cluster, stands still until the call ends.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, ScalarLike

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.cluster_means import (
    means_of_sums,
    sums_by_label,
)
from scratchclust.cluster.kmeans_parts.lloyd_steps import MOST_ITERATIONS_PER_CALL, LloydState
from scratchclust.cluster.kmeans_parts.stacked_pass import StackedPass, pass_over
from scratchclust.results import KMeansHistory


@jax.jit
def first_states(data: rows.Rows, centroids: Float[Array, "r k d"]) -> LloydState:
    """Before the first iteration of each start: every point in no cluster.

    The fields are those of `LloydState` with an axis [r] in front; the labels are [n_devices r m].
    """
    r = len(centroids)
    n_devices = data.mesh.size
    labels = jnp.full((n_devices, r, data.arrays[2].size // n_devices), -1, jnp.int32)
    sums = jnp.zeros_like(centroids)
    return LloydState(
        labels=rows.constrain(labels, data.mesh, spread=True),
        bounds=None,
        **rows.constrain(
            {
                "centroids": centroids,
                "before": centroids,
                "sums": sums,
                "heaviest": sums[:, :, 0],
                "n_iter": jnp.zeros(r, jnp.int32),
                "n_empty": jnp.zeros(r, jnp.int32),
                "stable": jnp.zeros(r, bool),
                "history": _no_history(r),
            },
            data.mesh,
        ),
    )


@jax.jit
def one_of(data: rows.Rows, state: LloydState, i: ScalarLike) -> LloydState:
    """The i-th start, as `run_iterations` in `lloyd_steps.py` would have it."""
    labels = jnp.moveaxis(state.labels, 1, 0)
    alone = jax.tree.map(lambda all: all[i], state._replace(labels=labels))
    labels = alone.labels.reshape(data.arrays[2].shape)
    return alone._replace(labels=rows.constrain(labels, data.mesh, spread=True))


@jax.jit
def with_one(state: LloydState, i: ScalarLike, one: LloydState) -> LloydState:
    """The i-th start after its empty clusters were refilled."""
    changed = {
        name: jax.tree.map(
            lambda all, new: all.at[i].set(new), getattr(state, name), getattr(one, name)
        )
        for name in ("centroids", "n_empty", "stable", "history")
    }
    return state._replace(**changed)


@jax.jit
def some_of(state: LloydState, index: Int[Array | np.ndarray, " s"]) -> LloydState:
    """A smaller stack of some of the starts."""
    smaller = jax.tree.map(lambda all: all[index], state._replace(labels=None))
    return smaller._replace(labels=state.labels[:, index])


@jax.jit
def run_stack(
    data: rows.Rows,
    state: LloydState,
    *,
    most: Int[Array | np.ndarray, " r"],
    threshold: ScalarLike,
    unit: Array | None,
) -> LloydState:
    """Up to `most` iterations of each start in one compiled loop; a start also ends when stable, or
    at an empty cluster.

    Args:
        data: x, |x|^2, w as in `KMeansPoints`.
        state: where the starts stand, as `first_states` makes it.
        most: iterations of each start, at most `MOST_ITERATIONS_PER_CALL`.
        threshold: stable is also what moves by no more, sum_j |c_j' - c_j|^2.
        unit: as in `means_of_sums`.
    """

    def live(state: LloydState) -> Array:
        return (state.n_iter < most) & ~state.stable & (state.n_empty == 0)

    def iterate(state: LloydState) -> LloydState:
        goes_on = live(state)
        found = pass_over(data, state, goes_on)
        shrunk = (2 * found.weights < state.heaviest).any(axis=1) & goes_on
        sums = jax.lax.cond(
            shrunk.any(),
            lambda: _sums_where(shrunk, data, found.labels, state.sums + found.change),
            lambda: state.sums + found.change,
        )
        further = _updated(state, found, sums, shrunk, unit, threshold)
        standing = state._replace(labels=None)
        return jax.tree.map(partial(_chosen, goes_on), further, standing)._replace(
            labels=found.labels
        )

    begin = state._replace(
        n_iter=jnp.zeros_like(state.n_iter), history=_no_history(len(state.n_iter))
    )
    return jax.lax.while_loop(lambda state: live(state).any(), iterate, begin)


def _updated(
    state: LloydState,
    found: StackedPass,
    sums: Array,
    shrunk: Array,
    unit: Array | None,
    threshold: ScalarLike,
) -> LloydState:
    """Every start one iteration further, but for the labels, which are left out."""
    means = jax.vmap(partial(means_of_sums, unit=unit))
    updated = means(sums, found.weights, state.centroids)
    # one start after the other: a sum is rounded as if it were alone
    shift = jax.lax.map(lambda moves: (moves**2).sum(), updated - state.centroids)
    heaviest = jnp.maximum(found.weights, state.heaviest)
    entry = KMeansHistory(found.inertia, shift, found.n_moved)
    return state._replace(
        centroids=updated,
        before=state.centroids,
        labels=None,
        sums=sums,
        heaviest=jnp.where(shrunk[:, None], found.weights, heaviest),
        n_iter=state.n_iter + 1,
        n_empty=(found.weights == 0).sum(axis=1, dtype=jnp.int32),
        stable=(found.n_moved == 0) | (shift <= threshold),
        history=jax.vmap(_put)(state.history, state.n_iter, entry),
    )


def _put(history: KMeansHistory, i: Array, entry: KMeansHistory) -> KMeansHistory:
    return jax.tree.map(lambda all, new: all.at[i].set(new.astype(all.dtype)), history, entry)


def _chosen(live: Array, new: Array, old: Array) -> Array:
    return jnp.where(live.reshape(-1, *[1] * (new.ndim - 1)), new, old)


def _no_history(r: int) -> KMeansHistory:
    n = r, MOST_ITERATIONS_PER_CALL
    return KMeansHistory(jnp.zeros(n), jnp.zeros(n), jnp.zeros(n, jnp.int32))


def _sums_where(chosen: Array, data: rows.Rows, labels: Array, sums: Array) -> Array:
    """The sums of the chosen starts over all points anew, those of the others as they are."""
    in_blocks = data.arrays[2].shape

    def of_one(start: tuple[Array, Array, Array]) -> Array:
        chosen, labels, sums = start
        return jax.lax.cond(
            chosen,
            lambda: sums_by_label(data, labels.reshape(in_blocks), len(sums))[0],
            lambda: sums,
        )

    return jax.lax.map(of_one, (chosen, jnp.moveaxis(labels, 1, 0), sums))
