"""The descent of t-SNE: iterations in calls of about half a second.

Between the calls the host records the divergence, changes the grid, and can be interrupted.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.compiling import TPU_OPTIONS
from scratchclust.constants import (
    EXAGGERATED_ITERATIONS,
    GAIN_DECAY,
    GAIN_GROWTH,
    LEAST_GAIN,
    MOMENTA,
    RECORD_EVERY,
)
from scratchclust.errors import InputError
from scratchclust.reduce.tsne_parts.checkpoint import Reached
from scratchclust.reduce.tsne_parts.exact import AllPairs
from scratchclust.reduce.tsne_parts.fft import ONE_THREAD, OnGrid
from scratchclust.reduce.tsne_parts.together import OnGridTogether

AnyForces = AllPairs | OnGrid | OnGridTogether


class Descent(NamedTuple):
    """How a map goes downhill, and when it is finished."""

    exaggeration: float
    learning_rate: float
    max_iter: int
    n_iter_without_progress: int
    min_grad_norm: float

    def is_finished(self, history: list[tuple[int, float]], norm: float) -> bool:
        """Whether a map of this history, whose gradient is so long, need not go on."""
        return _stale(history, self.n_iter_without_progress) or _flat(
            history[-1][0], norm, self.min_grad_norm
        )


class MapState(NamedTuple):
    """A map on its way, on the device."""

    embedding: Array  # [n q]
    step: Array  # [n q]
    gains: Array  # [n q]
    iteration: Array  # int32, iterations done


def descend(
    reached: Reached,
    forces_for: Callable[[Array], AnyForces],
    descent: Descent,
    record: Callable[[Reached, bool], None],
) -> Reached:
    """Iterate until the map is finished, from what is reached to what is reached then.

    Args:
        reached: the start, or a state of before.
        forces_for: gives the forces for a map.
        descent: how, and until when.
        record: is called every 50 iterations and at the end, with what is reached then and whether
            it is the end.

    Raises:
        InputError: the map flew apart.
    """
    done = reached.iteration
    # The last entry of a shorter run may stand where a longer one has none.
    history = [entry for entry in reached.history if entry[0] % RECORD_EVERY == 0]
    state = _on_device(reached)
    forces = forces_for(state.embedding)
    ended = False
    if history and history[-1][0] == done:
        ended = descent.is_finished(history, judge(forces, state.embedding)[1])
    pace = rows.Pace(first=1)
    while done < descent.max_iter and not ended:
        next_record = (done // RECORD_EVERY + 1) * RECORD_EVERY
        until = min(done + pace.steps, next_record, descent.max_iter)
        with pace.timed() as call:
            run = _chosen(forces, iterate, iterate_on_one_thread, iterate_on_tpu)
            state = rows.finished(
                run(state, forces, until, descent.exaggeration, descent.learning_rate)
            )
            # fewer than were asked for where the map has outgrown its grid
            call.steps = int(state.iteration) - done
        done += call.steps
        if not bool(jnp.isfinite(state.embedding).all()):
            raise InputError(
                f"the map flew apart with learning_rate={descent.learning_rate:g}: "
                "take a smaller one"
            )
        if not bool(forces.holds(state.embedding)):
            forces = forces_for(state.embedding)
        if done in (next_record, descent.max_iter):
            divergence, norm = judge(forces, state.embedding)
            history.append((done, divergence))
            ended = descent.is_finished(history, norm) or done == descent.max_iter
            record(_reach(state, done, history), ended)
    return _reach(state, done, history)


def _on_device(reached: Reached) -> MapState:
    start = (np.asarray(array) for array in (*reached[:3], np.int32(reached.iteration)))
    return MapState(*(rows.on_every_device(array, rows.mesh()) for array in start))


def _reach(state: MapState, done: int, history: list[tuple[int, float]]) -> Reached:
    return Reached(state.embedding, state.step, state.gains, done, history)


def _iterate(
    state: MapState, forces: AnyForces, until: Any, exaggeration: Any, rate: Any
) -> MapState:
    """Iterations up to `until`, or up to a map that the forces do not hold."""

    def going_on(state: MapState) -> Array:
        return (state.iteration < until) & forces.holds(state.embedding)

    def one(state: MapState) -> MapState:
        early = state.iteration < EXAGGERATED_ITERATIONS
        found = forces.forces(state.embedding)
        slope = found.gradient(jnp.where(early, exaggeration, 1))
        anew = state.iteration == EXAGGERATED_ITERATIONS
        state = state._replace(
            step=jnp.where(anew, 0, state.step), gains=jnp.where(anew, 1, state.gains)
        )
        return _move(state, slope, jnp.where(early, *MOMENTA), rate)

    return jax.lax.while_loop(going_on, one, state)


iterate = jax.jit(_iterate)
iterate_on_one_thread = jax.jit(_iterate, compiler_options=ONE_THREAD)
iterate_on_tpu = jax.jit(_iterate, compiler_options=TPU_OPTIONS)


def _chosen(forces: AnyForces, anywhere: Any, on_one_thread: Any, on_tpu: Any) -> Any:
    """Of a program in three ways, the one for these forces on this platform."""
    if rows.platform() == "tpu":
        return on_tpu
    return on_one_thread if forces.has_transforms and rows.platform() == "cpu" else anywhere


def _move(state: MapState, slope: Array, momentum: Any, rate: Any) -> MapState:
    """One step: the gains, the step that they allow, and the map after it."""
    gains = state.gains
    gains = jnp.where(state.step * slope < 0, gains + GAIN_GROWTH, gains * GAIN_DECAY)
    gains = jnp.maximum(gains, LEAST_GAIN)
    step = momentum * state.step - rate * gains * (slope / 4)
    return MapState(state.embedding + step, step, gains, state.iteration + 1)


def judge(forces: AnyForces, Y: Array) -> tuple[float, float]:
    """The divergence of a map, and the length of its gradient."""
    run = _chosen(
        forces,
        divergence_and_norm,
        divergence_and_norm_on_one_thread,
        divergence_and_norm_on_tpu,
    )
    divergence, norm = rows.finished(run(forces, Y))
    return float(divergence), float(norm)


def _divergence_and_norm(forces: AnyForces, Y: Array) -> tuple[Array, Array]:
    """KL(P || Q), and |dKL/dY|."""
    found = forces.forces(Y)
    divergence = found.kl_divergence(forces.negative_entropy)
    return divergence, jnp.sqrt(jnp.square(found.gradient()).sum())


divergence_and_norm = jax.jit(_divergence_and_norm)
divergence_and_norm_on_one_thread = jax.jit(_divergence_and_norm, compiler_options=ONE_THREAD)
divergence_and_norm_on_tpu = jax.jit(_divergence_and_norm, compiler_options=TPU_OPTIONS)


@jax.jit
def gradient_of(forces: AnyForces, Y: Array, exaggeration: Any = 1.0) -> Float[Array, "n q"]:
    """dKL/dY, the affinities multiplied by the exaggeration."""
    return forces.forces(Y).gradient(exaggeration)


def _stale(history: list[tuple[int, float]], n_iter_without_progress: int) -> bool:
    """Whether the smallest divergence since the exaggeration is so many iterations old."""
    late = [entry[::-1] for entry in history if entry[0] > EXAGGERATED_ITERATIONS]
    return bool(late) and late[-1][1] - min(late)[1] > max(n_iter_without_progress, 0)


def _flat(iteration: int, norm: float, min_grad_norm: float) -> bool:
    """Whether, after the exaggeration, a gradient is no longer than that."""
    return iteration > EXAGGERATED_ITERATIONS and norm <= min_grad_norm
