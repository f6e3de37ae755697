"""t-SNE, fast: the twin of `scratchclust/reference/tsne.py`, where the mathematics is explained.

Small maps take all pairs of points in each iteration (`tsne_exact.py`); large ones attract between
neighbours alone and repel through a grid (`tsne_fft.py`), in time linear in the number of points.
The iterations run on the devices in stretches of about half a second; between them the host records
the divergence, tells it, keeps the state in a file if it is asked to (`tsne_checkpoint.py`), and
can be interrupted. Neighbours and affinities are found on all devices, the iterations run on the
first alone.
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
from scratchclust.reduce.tsne_parts.affinities import (
    check,
    conditional_affinities,
    joint_affinities,
    sparse_affinities,
)
from scratchclust.reduce.tsne_parts.checkpoint import Checkpoint, Reached, sha256_of
from scratchclust.reduce.tsne_parts.exact import AllPairs, Forces, all_pairs
from scratchclust.reduce.tsne_parts.fft import OnGrid, grid_for
from scratchclust.reduce.tsne_parts.new_points import transform
from scratchclust.results import TSNEHistory, TSNEResult

__all__ = [
    "conditional_affinities",
    "exaggeration",
    "gradient",
    "jitter",
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
LEAST_EXAGGERATION, POINTS_PER_EXAGGERATION = 4.0, 200  # see `exaggeration`
LEAST_LEARNING_RATE = 10.0  # a dozen points have as far to go as fifty
START_SCALE = 1e-4  # standard deviation of the start along its first axis
JITTER = 0.01 * START_SCALE  # as in openTSNE
RECORD_EVERY = 50  # iterations from one entry of the history to the next
FEW = 2000  # points up to which "auto" takes all pairs
# fewer points spread so far that the grid grows to its largest, for a sum of a few pairs
LEAST_ON_GRID = 200
PAIR_BYTES, MOST_BYTES = 32, 2**33  # of the exact algorithm, mostly distances in float64
STRETCH = 0.5  # seconds between two looks of the host


def kl_divergence(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> float:
    """KL(P || Q) of the map Y; pairs with p = 0 count nothing."""
    return _judgement(all_pairs(P), jnp.asarray(Y, jnp.float32))[0]


def gradient(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> Float[Array, "n q"]:
    """dKL/dY between all pairs. Cost O(n^2 q) time, one block of rows of memory beside P."""
    return rows.finished(_gradient(all_pairs(P), jnp.asarray(Y, jnp.float32), 1.0))


def pca_start(X: Real[AnyArray, "n d"], n_components: int = 2) -> Float[Array, "n q"]:
    """The leading principal coordinates, scaled so that the first has standard deviation 1e-4.

    Raises:
        InputError: as for `pca`.
    """
    Y = jnp.asarray(coordinates(X, pca(X, n_components)), jnp.float32)
    deviation = float(Y[:, 0].std())
    return Y * (START_SCALE / deviation if deviation > 0 else 0.0)


def random_start(n: int, n_components: int = 2, *, key: PRNGKeyArray) -> Float[Array, "n q"]:
    """Normally distributed coordinates of standard deviation 1e-4."""
    return START_SCALE * jax.random.normal(key, (n, n_components), jnp.float32)


def jitter(Y: Float[AnyArray, "n q"], *, key: PRNGKeyArray) -> Float[Array, "n q"]:
    """A start with a little spread of its own on each axis, normal of deviation 1e-6, but for
    points in one place.
    """
    Y = jnp.asarray(Y, jnp.float32)
    return jnp.where(
        jnp.ptp(Y, axis=0).any(), Y + JITTER * jax.random.normal(key, Y.shape, jnp.float32), Y
    )


def exaggeration(n: int, early_exaggeration: float = 12.0) -> float:
    """The factor of p in the first iterations for n points: min(early_exaggeration, max(4, n /
    200)).
    """
    return min(early_exaggeration, max(LEAST_EXAGGERATION, n / POINTS_PER_EXAGGERATION))


def tsne(
    X: Real[AnyArray, "n d"],
    n_components: int = 2,
    *,
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    learning_rate: float | None = None,
    max_iter: int = 1000,
    n_iter_without_progress: int = 300,
    min_grad_norm: float = 1e-7,
    metric: str = "euclidean",
    start: Float[AnyArray, "n q"] | None = None,
    progress: Callable[[int, float], None] | None = None,
    key: PRNGKeyArray | None = None,
    algorithm: str = "auto",
    checkpoint: str | Path | None = None,
) -> TSNEResult:
    """The map of X.

    Args:
        X: points, or with metric="precomputed" their distances [n n].
        n_components: q, the dimension of the map.
        perplexity: about how many neighbours each point has.
        early_exaggeration: factor of p in the first 250 iterations, at most: few points take less,
            see `exaggeration`.
        learning_rate: multiplies a quarter of the gradient; None: n / exaggeration, at least 10.
        max_iter: number of iterations, at most.
        n_iter_without_progress: after the exaggeration, so many iterations without a smaller
            divergence are the end.
        min_grad_norm: after the exaggeration, a gradient no longer than that is the end. Both are
            looked at every 50 iterations.
        metric: "euclidean", "cosine" or "precomputed".
        start: the first map; None: `pca_start` with a `jitter`.
        progress: called every 50 iterations with their number and the divergence.
        key: of the jitter; None: a fixed one.
        algorithm: "exact" between all pairs, which equals the reference; "fft" with neighbours and
            a grid, in the plane only, and with fewer than 200 points between all pairs too; "auto":
            exact up to 2,000 points and off the plane.
        checkpoint: a file for the state, written every few seconds and at the end; where it holds
            one of this very map, the iterations go on from there, on a CPU to the same bits, and
            one of more iterations repeats none.

    Returns:
        The map, its divergence, and the divergence every 50 iterations. The affinities cost O(n^2
        d) time. With "fft" an iteration costs O(n perplexity) and the FFT of the grid, in O(n
        perplexity) memory; with "exact" O(n^2) both.

    Raises:
        InputError: as for `joint_affinities` and `pca_start`, distances without a start, a start of
            another shape, no iteration, an algorithm that cannot be used, a learning rate with
            which the map flies apart, or a checkpoint that is damaged, of another map, or of more
            iterations.
        OSError: a checkpoint cannot be written.
    """
    check(X, perplexity, metric)
    _check(len(X), n_components, max_iter, algorithm)
    if start is None and metric == "precomputed":
        raise InputError(
            "distances have no principal axes to start from: give a start, as `random_start` makes one"
        )
    if start is not None and start.shape != (len(X), n_components):
        raise InputError(
            f"expected a start of shape {[len(X), n_components]}, got {list(start.shape)}"
        )
    algorithm = _chosen(algorithm, len(X), n_components)
    factor = exaggeration(len(X), early_exaggeration)
    rate = max(len(X) / factor, LEAST_LEARNING_RATE) if learning_rate is None else learning_rate
    key = jax.random.key(0) if key is None else key
    kept = None
    if checkpoint is not None:
        numbers = {"perplexity": perplexity, "early_exaggeration": factor, "learning_rate": rate}
        of = _made_of(
            X,
            start,
            key,
            algorithm=algorithm,
            metric=metric,
            n_components=float(n_components),
            **numbers,
        )
        kept = Checkpoint(checkpoint, of)
    reached = _begin(X, n_components, start, key, kept, max_iter)

    def record(now: Reached, last: bool) -> None:
        if kept is not None:
            kept.save(now, last=last)
        logger.info(
            "t-SNE, iteration %s of %s: KL divergence %.4g",
            now.iteration,
            max_iter,
            now.history[-1][1],
        )
        if progress is not None:
            progress(*now.history[-1])

    def finished(history: list[tuple[int, float]], gradient_norm: float) -> bool:
        late = bool(history) and history[-1][0] > EXAGGERATED
        return late and (
            gradient_norm <= min_grad_norm
            or _age_of_best(history) > max(n_iter_without_progress, 0)
        )

    if reached.iteration < max_iter:
        forces_for = _forces(X, perplexity, metric, algorithm)
        with rows.on([rows.mesh().devices.flat[0]]):
            reached = _descend(reached, forces_for, factor, rate, max_iter, record, finished)
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
        raise InputError(
            f'algorithm="fft" makes maps in the plane, got n_components={n_components}: take "exact"'
        )
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


def _made_of(X: Any, start: Any, key: PRNGKeyArray, **given: str | float) -> dict[str, Any]:
    """What decides a map, but for the number of iterations."""
    of_pca = f"pca {sha256_of(np.asarray(jax.random.key_data(key)))}"
    begun = of_pca if start is None else sha256_of(np.asarray(start, np.float32))
    return {"data": sha256_of(X), "start": begun} | given


def _begin(
    X: Any, n_components: int, start: Any, key: PRNGKeyArray, kept: Checkpoint | None, max_iter: int
) -> Reached:
    """The state in the checkpoint, or the start."""
    reached = None if kept is None else kept.load()
    if reached is None:
        Y = np.asarray(
            jitter(pca_start(X, n_components), key=key) if start is None else start, np.float32
        )
        return Reached(Y, np.zeros_like(Y), np.ones_like(Y), 0, [])
    if reached.iteration > max_iter:
        found = f"the checkpoint is of iteration {reached.iteration}, but max_iter is {max_iter}"
        raise InputError(f"{found}: give {reached.iteration} or more")
    return reached


def _forces(
    X: Any, perplexity: float, metric: str, algorithm: str
) -> Callable[[Array], AllPairs | OnGrid]:
    """The forces for a map, on the first device: those that each wait for others inside FFTs were
    seen to lock up.
    """
    if algorithm == "fft":
        edges = sparse_affinities(X, perplexity, metric=metric)
        return lambda Y: OnGrid(edges, grid_for(Y))
    P = joint_affinities(X, perplexity, metric=metric)
    with rows.on([rows.mesh().devices.flat[0]]):
        pairs = all_pairs(P)
    return lambda _Y: pairs


def _descend(
    reached: Reached,
    forces_for: Callable[[Array], AllPairs | OnGrid],
    factor: float,
    rate: float,
    max_iter: int,
    record: Callable[[Reached, bool], None],
    finished: Callable[[list[tuple[int, float]], float], bool],
) -> Reached:
    """Stretches of iterations, each ended by a record, half a second, or a map that its grid no
    longer holds.
    """
    done, length = reached.iteration, 1
    history = [
        entry for entry in reached.history if entry[0] % RECORD_EVERY == 0
    ]  # not the end of a shorter run
    start = (np.asarray(array) for array in (*reached[:3], np.int32(done)))
    state = _State(*(rows.on_every_device(array, rows.mesh()) for array in start))
    forces = forces_for(state.embedding)
    ended = (
        bool(history)
        and history[-1][0] == done
        and finished(history, _judgement(forces, state.embedding)[1])
    )
    while done < max_iter and not ended:
        until = min(done + length, (done // RECORD_EVERY + 1) * RECORD_EVERY, max_iter)
        began = time.perf_counter()
        state = rows.finished(_stretch(state, forces, until, factor, rate))
        seconds, before, done = time.perf_counter() - began, done, int(state.iteration)
        if not bool(jnp.isfinite(state.embedding).all()):
            raise InputError(f"the map flew apart with learning_rate={rate:g}: take a smaller one")
        length = max(1, min(2 * length, round(STRETCH / seconds * (done - before))))
        if not bool(forces.holds(state.embedding)):
            forces = forces_for(state.embedding)
        if done == until and (done % RECORD_EVERY == 0 or done == max_iter):
            divergence, gradient_norm = _judgement(forces, state.embedding)
            history.append((done, divergence))
            ended = finished(history, gradient_norm) or done == max_iter
            record(Reached(state.embedding, state.step, state.gains, done, history), ended)
    return Reached(state.embedding, state.step, state.gains, done, history)


@jax.jit
def _stretch(
    state: _State, forces: AllPairs | OnGrid, until: Any, factor: Any, rate: Any
) -> _State:
    """Iterations up to `until`, or up to a map that the forces do not hold."""

    def going_on(state: _State) -> Array:
        return (state.iteration < until) & forces.holds(state.embedding)

    def iterate(state: _State) -> _State:
        early = state.iteration < EXAGGERATED
        slope = _slope(forces.forces(state.embedding), jnp.where(early, factor, 1))
        anew = state.iteration == EXAGGERATED
        step, gains = jnp.where(anew, 0, state.step), jnp.where(anew, 1, state.gains)
        gains = jnp.where(step * slope < 0, gains + 0.2, gains * 0.8)
        gains = jnp.maximum(gains, LEAST_GAIN)
        step = jnp.where(early, *MOMENTA) * step - rate * gains * (slope / 4)
        return _State(state.embedding + step, step, gains, state.iteration + 1)

    return jax.lax.while_loop(going_on, iterate, state)


def _age_of_best(history: list[tuple[int, float]]) -> int:
    """Iterations since the smallest divergence after the exaggeration."""
    late = [(divergence, iteration) for iteration, divergence in history if iteration > EXAGGERATED]
    return late[-1][1] - min(late)[1]


def _judgement(forces: AllPairs | OnGrid, Y: Array) -> tuple[float, float]:
    """The divergence of a map, and the length of its gradient."""
    divergence, norm = rows.finished(_judged(forces, Y))
    return float(divergence), float(norm)


@jax.jit
def _judged(forces: AllPairs | OnGrid, Y: Array) -> tuple[Array, Array]:
    """sum p log p - sum p log w + log Z, and |dKL/dY|."""
    found = forces.forces(Y)
    divergence = forces.negative_entropy - found.log_student + jnp.log(found.normaliser)
    return divergence, jnp.sqrt(jnp.square(_slope(found, 1.0)).sum())


@jax.jit
def _gradient(forces: AllPairs | OnGrid, Y: Array, factor: Any) -> Array:
    return _slope(forces.forces(Y), factor)


def _slope(found: Forces, factor: Any) -> Array:
    """dKL/dY, the affinities multiplied by `factor`."""
    return 4 * (factor * found.attraction - found.repulsion / found.normaliser)
