"""t-SNE, fast: the twin of `scratchclust/reference/tsne.py`.

The mathematics is explained there. Here small maps take all pairs of points in each iteration;
large ones attract between neighbours alone and repel through a grid, in time linear in the number
of points. Neighbours and affinities are found on all devices; the iterations run on the first
alone, or, through the grid, on all cores of a CPU (`together.py`). Where the steps of the
definition are, in `tsne_parts/`:

    p_j|i                         `conditional_affinities` in `affinities.py`: `_scale`, `_bisect`
    p_ij                          `joint_affinities`, of neighbours `sparse_affinities`, there
    w_ij, Z, the sums over them   `AllPairs.forces` in `exact.py`, `OnGrid.forces` in `fft.py`
    KL, dKL/dy                    `Forces.kl_divergence`, `Forces.gradient` in `exact.py`
    gain, step, y                 `_move` in `descent.py`, its loop `iterate`, in calls by `descend`
    when it ends                  `_stale`, `_flat` in `descent.py`
    new points                    `transform` in `new_points.py`

The state of a map can be kept in a file (`checkpoint.py`), from which it goes on.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.checks import one_of, whole
from scratchclust.constants import (
    JITTER,
    LEAST_EXAGGERATION,
    LEAST_LEARNING_RATE,
    POINTS_PER_EXAGGERATION,
    START_SCALE,
)
from scratchclust.errors import InputError
from scratchclust.reduce.pca import pca
from scratchclust.reduce.pca import transform as coordinates
from scratchclust.reduce.tsne_parts import together
from scratchclust.reduce.tsne_parts.affinities import (
    check,
    conditional_affinities,
    joint_affinities,
    sparse_affinities,
)
from scratchclust.reduce.tsne_parts.checkpoint import Checkpoint, Reached, sha256_of
from scratchclust.reduce.tsne_parts.descent import AnyForces, Descent, descend, gradient_of, judge
from scratchclust.reduce.tsne_parts.exact import all_pairs
from scratchclust.reduce.tsne_parts.fft import OnGrid, grid_for
from scratchclust.reduce.tsne_parts.new_points import transform
from scratchclust.results import TSNEHistory, TSNEResult
from scratchclust.rows import AnyArray

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

MOST_POINTS_EXACT = 2000  # up to which "auto" takes all pairs
# fewer spread so far that the grid grows to its largest, for a sum of a few pairs
LEAST_POINTS_ON_GRID = 200
BYTES_PER_PAIR = 32  # of the exact algorithm, mostly distances in float64
MOST_BYTES = 2**33  # of all pairs


def kl_divergence(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> float:
    """KL(P || Q) of the map Y; pairs with p = 0 count nothing."""
    return judge(all_pairs(P), jnp.asarray(Y, jnp.float32))[0]


def gradient(Y: Float[AnyArray, "n q"], P: Float[AnyArray, "n n"]) -> Float[Array, "n q"]:
    """dKL/dY between all pairs. Cost O(n^2 q) time, one block of rows of memory beside P."""
    return rows.finished(gradient_of(all_pairs(P), jnp.asarray(Y, jnp.float32), 1.0))


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
    """A start with a little spread of its own along each axis, normal of standard deviation 1e-6.

    Equal points stay in one place.
    """
    Y = jnp.asarray(Y, jnp.float32)
    spread = JITTER * jax.random.normal(key, Y.shape, jnp.float32)
    return jnp.where(jnp.ptp(Y, axis=0).any(), Y + spread, Y)


def exaggeration(n: int, early_exaggeration: float = 12.0) -> float:
    """The factor of p in the first iterations: min(early_exaggeration, max(4, n / 200))."""
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
    n = len(X)
    check(X, perplexity, metric)
    _check_arguments(n, n_components, max_iter, algorithm)
    _check_start(start, n, n_components, metric)
    algorithm = _algorithm_for(algorithm, n, n_components)
    factor = exaggeration(n, early_exaggeration)
    rate = max(n / factor, LEAST_LEARNING_RATE) if learning_rate is None else learning_rate
    key = jax.random.key(0) if key is None else key
    kept = None
    if checkpoint is not None:
        of = {
            "data": sha256_of(X),
            "start": _digest_of_start(start, key),
            "algorithm": algorithm,
            "metric": metric,
            "n_components": float(n_components),
            "perplexity": perplexity,
            "early_exaggeration": factor,
            "learning_rate": rate,
        }
        kept = Checkpoint(checkpoint, of)
    reached = None if kept is None else _resume(kept, max_iter)
    if reached is None:
        begin = jitter(pca_start(X, n_components), key=key) if start is None else start
        Y = np.asarray(begin, np.float32)
        reached = Reached(Y, np.zeros_like(Y), np.ones_like(Y), 0, [])

    def record(now: Reached, last: bool) -> None:
        if kept is not None:
            kept.save(now, last=last)
        if progress is not None:
            progress(*now.history[-1])

    if reached.iteration < max_iter:
        descent = Descent(
            exaggeration=factor,
            learning_rate=rate,
            max_iter=max_iter,
            n_iter_without_progress=n_iter_without_progress,
            min_grad_norm=min_grad_norm,
        )
        devices, forces_for = _forces(X, perplexity, metric, algorithm)
        with rows.on(devices):
            reached = descend(reached, forces_for, descent, record)
    iterations, divergences = np.array(reached.history).T
    history = TSNEHistory(iterations.astype(np.int32), divergences)
    Y = jax.device_put(reached.embedding, rows.first_device())
    return TSNEResult(Y, float(divergences[-1]), reached.iteration, float(rate), history)


def _forces(
    X: Any, perplexity: float, metric: str, algorithm: str
) -> tuple[list[Any], Callable[[Array], AnyForces]]:
    """The devices of the descent, and the forces for a map there.

    That is the first device, but for a map through the grid that is worth several CPU cores.
    """
    alone = [rows.first_device()]
    if algorithm == "fft":
        edges = sparse_affinities(X, perplexity, metric=metric)
        devices = (
            rows.worthwhile(edges.pieces.arrays[1].size) if rows.platform() == "cpu" else alone
        )
        if len(devices) == 1:
            return alone, lambda Y: OnGrid(edges, grid_for(Y))
        with rows.on(devices):
            everywhere = together.on_every_device(edges)
        return devices, lambda Y: together.forces_for(everywhere, Y)
    P = joint_affinities(X, perplexity, metric=metric)
    with rows.on(alone):
        pairs = all_pairs(P)
    return alone, lambda _Y: pairs


def _algorithm_for(algorithm: str, n: int, n_components: int) -> str:
    """ "exact" or "fft"."""
    if algorithm == "auto":
        return "fft" if n_components == 2 and n > MOST_POINTS_EXACT else "exact"
    return "exact" if n < LEAST_POINTS_ON_GRID else algorithm


def _resume(kept: Checkpoint, max_iter: int) -> Reached | None:
    """What the checkpoint holds, if there is one; it is refused if it is beyond max_iter."""
    reached = kept.load()
    if reached is not None and reached.iteration > max_iter:
        raise InputError(
            f"the checkpoint is of iteration {reached.iteration}, but max_iter is {max_iter}: "
            f"give {reached.iteration} or more"
        )
    return reached


def _digest_of_start(start: Any, key: PRNGKeyArray) -> str:
    if start is None:
        return f"pca {sha256_of(np.asarray(jax.random.key_data(key)))}"
    return sha256_of(np.asarray(start, np.float32))


def _check_arguments(n: int, n_components: int, max_iter: int, algorithm: str) -> None:
    one_of("auto", "exact", "fft")("algorithm", algorithm)
    if algorithm == "fft" and n_components != 2:
        raise InputError(
            'algorithm="fft" makes maps in the plane: expected n_components to be 2, got '
            f'{n_components}: take "exact"'
        )
    whole(1)("max_iter", max_iter)
    if n * n * BYTES_PER_PAIR > MOST_BYTES and (algorithm == "exact" or n_components != 2):
        raise InputError(
            f"all pairs of {n:,} points need {BYTES_PER_PAIR * n * n / 2**30:.1f} GiB: "
            'take algorithm="fft" with n_components=2, or fewer points'
        )


def _check_start(start: Any, n: int, n_components: int, metric: str) -> None:
    if start is None and metric == "precomputed":
        raise InputError(
            "distances have no principal axes to start from: give a start, as `random_start` makes "
            "one"
        )
    if start is not None and start.shape != (n, n_components):
        raise InputError(
            f"expected start to be of shape {[n, n_components]}, got {list(start.shape)}"
        )
