"""t-SNE, fast: the twin of `scratchclust/reference/tsne.py`, where the mathematics is explained.

Small maps take all pairs of points in each iteration (`tsne_exact.py`); large ones attract between neighbours alone and
repel through a grid (`tsne_fft.py`), in time linear in the number of points. The iterations run on the devices in
stretches of about half a second; between them the host records the divergence, tells it, keeps the state in a file if
it is asked to (`tsne_checkpoint.py`), and can be interrupted. Neighbours and affinities are found on all devices, the
iterations run on the first alone.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.distances import AnyArray
from scratchclust.errors import InputError
from scratchclust.reduce.pca import pca
from scratchclust.reduce.pca import transform as coordinates
from scratchclust.reduce.tsne_affinities import (
    check,
    conditional_affinities,
    joint_affinities,
    sparse_affinities,
)
from scratchclust.reduce.tsne_checkpoint import Checkpoint, Reached, sha256_of
from scratchclust.reduce.tsne_exact import AllPairs, Forces, all_pairs
from scratchclust.reduce.tsne_fft import OnGrid, grid_for
from scratchclust.reduce.tsne_new_points import transform
from scratchclust.results import TSNEHistory, TSNEResult

__all__ = [
    "conditional_affinities",
    "gradient",
    "joint_affinities",
    "kl_divergence",
    "pca_start",
    "random_start",
    "transform",
    "tsne",
]

logger = logging.getLogger("scratchclust.reduce")

EXAGGERATED = 250  # iterations with exaggeration and with the first momentum
MOMENTA = 0.5, 0.8
LEAST_GAIN = 0.01
START_SCALE = 1e-4  # standard deviation of the start along its first axis
RECORD_EVERY = 50  # iterations from one entry of the history to the next
LEAST_LEARNING_RATE = 200.0  # scikit-learn's 50
FEW = 2000  # points up to which "auto" takes all pairs
LEAST_ON_GRID = 200  # fewer points spread so far that the grid grows to its largest, for a sum of a few pairs
PAIR_BYTES, MOST_BYTES = 32, 2**33  # of the exact algorithm, mostly distances in float64
STRETCH = 0.5  # seconds between two looks of the host


def kl_divergence(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> float:
    """KL(P || Q) of the map Y; pairs with p = 0 count nothing."""
    return float(_divergence(all_pairs(P), jnp.asarray(Y, jnp.float32)))


def gradient(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> Float[Array, "n q"]:
    """dKL/dY between all pairs. Cost O(n^2 q) time, one block of rows of memory beside P."""
    return rows.finished(_gradient(all_pairs(P), jnp.asarray(Y, jnp.float32), 1.0))


def pca_start(X: Real[AnyArray, "n d"], n_components: int = 2) -> Float[Array, "n q"]:
    """The leading principal coordinates, scaled so that the first has standard deviation 1e-4.

    Raises:
        InputError: as for `pca`.
    """
    Y = coordinates(X, pca(X, n_components))
    deviation = Y[:, 0].std()
    return Y * jnp.where(deviation > 0, START_SCALE / deviation, 0)


def random_start(n: int, n_components: int = 2, *, key: PRNGKeyArray) -> Float[Array, "n q"]:
    """Normally distributed coordinates of standard deviation 1e-4."""
    return START_SCALE * jax.random.normal(key, (n, n_components), jnp.float32)


def tsne(
    X: Real[AnyArray, "n d"],
    n_components: int = 2,
    *,
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    learning_rate: float | None = None,
    max_iter: int = 1000,
    start: Float[AnyArray, "n q"] | None = None,
    progress: Callable[[int, float], None] | None = None,
    algorithm: str = "auto",
    checkpoint: str | Path | None = None,
) -> TSNEResult:
    """The map of X.

    Args:
        X: points.
        n_components: q, the dimension of the map.
        perplexity: about how many neighbours each point has.
        early_exaggeration: factor of p in the first 250 iterations.
        learning_rate: multiplies a quarter of the gradient; None: n / early_exaggeration, at least 200.
        max_iter: number of iterations.
        start: the first map; None: `pca_start`.
        progress: called every 50 iterations with their number and the divergence.
        algorithm: "exact" between all pairs, which equals the reference; "fft" with neighbours and a grid, in the
            plane only, and with fewer than 200 points between all pairs too; "auto": exact up to 2,000 points and off
            the plane.
        checkpoint: a file for the state, written every few seconds and at the end; where it holds one of this very
            map, the iterations go on from there, on a CPU to the same bits, and one of more iterations repeats none.

    Returns:
        The map, its divergence, and the divergence every 50 iterations. The affinities cost O(n^2 d) time. With "fft"
        an iteration costs O(n perplexity) and the FFT of the grid, in O(n perplexity) memory; with "exact" O(n^2) both.

    Raises:
        InputError: as for `joint_affinities` and `pca_start`, a start of another shape, no iteration, an algorithm
            that cannot be used, a learning rate with which the map flies apart, or a checkpoint that is damaged, of
            another map, or of more iterations.
        OSError: a checkpoint cannot be written.
    """
    check(X, perplexity)
    _check(len(X), n_components, max_iter, algorithm)
    if start is not None and start.shape != (len(X), n_components):
        raise InputError(f"expected a start of shape {[len(X), n_components]}, got {list(start.shape)}")
    algorithm = _chosen(algorithm, len(X), n_components)
    rate = max(len(X) / early_exaggeration, LEAST_LEARNING_RATE) if learning_rate is None else learning_rate
    kept = None
    if checkpoint is not None:
        rates = {"early_exaggeration": early_exaggeration, "learning_rate": rate}
        of = _made_of(X, start, algorithm, n_components=n_components, perplexity=perplexity, **rates)
        kept = Checkpoint(checkpoint, of)
    reached = _begin(X, n_components, start, kept, max_iter)

    def record(now: Reached) -> None:
        if kept is not None:
            kept.save(now, last=now.iteration == max_iter)
        logger.info("t-SNE, iteration %s of %s: KL divergence %.4g", now.iteration, max_iter, now.history[-1][1])
        if progress is not None:
            progress(*now.history[-1])

    if reached.iteration < max_iter:
        forces_for = _forces(X, perplexity, algorithm)
        with rows.on([rows.mesh().devices.flat[0]]):
            reached = _descend(reached, forces_for, early_exaggeration, rate, max_iter, record)
    iterations, divergences = np.array(reached.history).T
    history = TSNEHistory(iterations.astype(np.int32), divergences)
    Y = jax.device_put(reached.embedding, rows.mesh().devices.flat[0])
    return TSNEResult(Y, float(divergences[-1]), reached.iteration, float(rate), history)


class _State(NamedTuple):
    """A map on its way."""

    embedding: Array  # [n q]
    step: Array  # [n q]
    gains: Array  # [n q]
    iteration: Array  # int32, iterations done


def _check(n: int, n_components: int, max_iter: int, algorithm: str) -> None:
    if algorithm not in ("auto", "exact", "fft"):
        raise InputError(f'expected algorithm "auto", "exact" or "fft", got {algorithm!r}')
    if algorithm == "fft" and n_components != 2:
        raise InputError(f'algorithm="fft" makes maps in the plane, got n_components={n_components}: take "exact"')
    if max_iter < 1:
        raise InputError(f"expected at least one iteration, got max_iter={max_iter}")
    if n * n * PAIR_BYTES > MOST_BYTES and (algorithm == "exact" or n_components != 2):
        raise InputError(
            f"all pairs of {n:,} points need {PAIR_BYTES * n * n / 2**30:.1f} GiB: "
            'take algorithm="fft" with n_components=2, or fewer points'
        )


def _chosen(algorithm: str, n: int, n_components: int) -> str:
    """ "exact" or "fft"."""
    if algorithm == "auto":
        return "fft" if n_components == 2 and n > FEW else "exact"
    return "exact" if n < LEAST_ON_GRID else algorithm


def _made_of(X: Any, start: Any, algorithm: str, **numbers: int | float) -> dict[str, Any]:
    """What decides a map, but for the number of iterations."""
    begun = "pca" if start is None else sha256_of(np.asarray(start, np.float32))
    return {"data": sha256_of(X), "start": begun, "algorithm": algorithm} | {k: float(v) for k, v in numbers.items()}


def _begin(X: Any, n_components: int, start: Any, kept: Checkpoint | None, max_iter: int) -> Reached:
    """The state in the checkpoint, or the start."""
    reached = None if kept is None else kept.load()
    if reached is None:
        Y = np.asarray(pca_start(X, n_components) if start is None else start, np.float32)
        return Reached(Y, np.zeros_like(Y), np.ones_like(Y), 0, [])
    if reached.iteration > max_iter:
        found = f"the checkpoint is of iteration {reached.iteration}, but max_iter is {max_iter}"
        raise InputError(f"{found}: give {reached.iteration} or more")
    return reached


def _forces(X: Any, perplexity: float, algorithm: str) -> Callable[[Array], AllPairs | OnGrid]:
    """The forces for a map, on the first device: those that each wait for others inside FFTs were seen to lock up."""
    if algorithm == "fft":
        edges = sparse_affinities(X, perplexity)
        return lambda Y: OnGrid(edges, grid_for(Y))
    P = joint_affinities(X, perplexity)
    with rows.on([rows.mesh().devices.flat[0]]):
        pairs = all_pairs(P)
    return lambda _Y: pairs


def _descend(
    reached: Reached,
    forces_for: Callable[[Array], AllPairs | OnGrid],
    exaggeration: float,
    rate: float,
    max_iter: int,
    record: Callable[[Reached], None],
) -> Reached:
    """Stretches of iterations, each ended by a record, half a second, or a map that its grid no longer holds."""
    done, length = reached.iteration, 1
    history = [entry for entry in reached.history if entry[0] % RECORD_EVERY == 0]  # not the end of a shorter run
    start = (np.asarray(array) for array in (*reached[:3], np.int32(done)))
    state = _State(*(rows.on_every_device(array, rows.mesh()) for array in start))
    forces = forces_for(state.embedding)
    while done < max_iter:
        until = min(done + length, (done // RECORD_EVERY + 1) * RECORD_EVERY, max_iter)
        began = time.perf_counter()
        state = rows.finished(_stretch(state, forces, until, exaggeration, rate))
        seconds, before, done = time.perf_counter() - began, done, int(state.iteration)
        if not bool(jnp.isfinite(state.embedding).all()):
            raise InputError(f"the map flew apart with learning_rate={rate:g}: take a smaller one")
        length = max(1, min(2 * length, round(STRETCH / seconds * (done - before))))
        if not bool(forces.holds(state.embedding)):
            forces = forces_for(state.embedding)
        if done == until and (done % RECORD_EVERY == 0 or done == max_iter):
            history.append((done, float(rows.finished(_divergence(forces, state.embedding)))))
            record(Reached(state.embedding, state.step, state.gains, done, history))
    return Reached(state.embedding, state.step, state.gains, done, history)


@jax.jit
def _stretch(state: _State, forces: AllPairs | OnGrid, until: Any, exaggeration: Any, rate: Any) -> _State:
    """Iterations up to `until`, or up to a map that the forces do not hold."""

    def going_on(state: _State) -> Array:
        return (state.iteration < until) & forces.holds(state.embedding)

    def iterate(state: _State) -> _State:
        early = state.iteration < EXAGGERATED
        slope = _slope(forces.forces(state.embedding), jnp.where(early, exaggeration, 1))
        gains = jnp.where(state.step * slope < 0, state.gains + 0.2, state.gains * 0.8)
        gains = jnp.maximum(gains, LEAST_GAIN)
        step = jnp.where(early, *MOMENTA) * state.step - rate * gains * (slope / 4)
        return _State(state.embedding + step, step, gains, state.iteration + 1)

    return jax.lax.while_loop(going_on, iterate, state)


@jax.jit
def _divergence(forces: AllPairs | OnGrid, Y: Array) -> Array:
    """sum p log p - sum p log w + log Z."""
    found = forces.forces(Y)
    return forces.negative_entropy - found.log_student + jnp.log(found.normaliser)


@jax.jit
def _gradient(forces: AllPairs | OnGrid, Y: Array, exaggeration: Any) -> Array:
    return _slope(forces.forces(Y), exaggeration)


def _slope(found: Forces, exaggeration: Any) -> Array:
    """dKL/dY, the affinities multiplied by `exaggeration`."""
    return 4 * (exaggeration * found.attraction - found.repulsion / found.normaliser)
