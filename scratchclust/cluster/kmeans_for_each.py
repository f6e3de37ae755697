"""k-means of one set of points for several numbers of clusters, compiled once for all of them.

The algorithm is that of `kmeans.py`: greedy k-means++, Lloyd's iterations, the best of some starts.
There k is a shape, so that each k is a program, and for a few thousand points it takes longer to
compile one than to run it many times. Here k is a value. With K the largest, the centroids are
c_1, ..., c_K, and those beyond k are infinitely far from every point:

    l_i = argmin_j |x_i - c_j|^2,   |x - c_j|^2 = infinity for j > k

For a first look, as where numbers of clusters are compared: float32 on one device, memory O(n K),
and one empty cluster is refilled in an iteration (an empty one that has to wait keeps its
centroid). Wide points are first projected onto a subspace of their leading principal axes: the
inertia of the best clusters there is near that of the best of all (Cohen et al., Dimensionality
reduction for k-means clustering and low rank approximation, 2015). What is to be handed out is
computed by `kmeans.py`.
"""

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Real, ScalarLike

from scratchclust import checks
from scratchclust.distances import (
    PRECISION,
    centre_of,
    exponent_of,
    product,
    scaled,
    squared_norms,
)

MAX_ITER = 300
TOL = 1e-4  # of the shift, relative to the mean variance of the features
MOST_AXES = 128  # of the points: of wider ones, so many directions are kept
POWER_STEPS = 3  # towards the leading axes
COINCIDES = 8  # roundings of float32, in |x|^2 + |c|^2: a point so near is on the centroid


class _State(NamedTuple):
    """Lloyd's algorithm between two iterations."""

    centroids: Array  # [K d]
    labels: Array  # [n], of which the centroids are the means
    stable: Array
    n_iter: Array


def kmeans_for_each(
    X: Real[np.ndarray, "n d"],
    ks: Sequence[int],
    *,
    key: PRNGKeyArray,
    n_init: int = 1,
    largest: int | None = None,
) -> list[Int[np.ndarray, " n"]]:
    """Cluster X by k-means for each k.

    Args:
        X: points.
        ks: numbers of clusters, within 1..n.
        key: source of randomness.
        n_init: starts of each k, of which that with the least inertia is kept.
        largest: K; None: the largest of ks. Calls with the same one share a program.

    Returns:
        The labels for each k. Cost O(n d K) an iteration, where K is the largest k and d at most
        128, and one compiled program for all k; one compiled call for each start.

    Raises:
        InputError: more clusters than points, or none.
    """
    among = checks.between(1, len(X), "the number of points")
    for k in ks:
        among("n_clusters", k, "choose among these")
    largest = max(ks) if largest is None else largest
    points = jnp.asarray(_projected(_in_range(X)))
    found = []
    for k, key_of_k in zip(ks, jax.random.split(key, len(ks)), strict=True):
        starts = jax.random.split(key_of_k, n_init)
        runs = [_run(points, k, start, largest=largest) for start in starts]
        inertias = [float(inertia) for _, inertia in runs]
        found.append(np.asarray(runs[int(np.argmin(inertias))][0]))
    return found


def _in_range(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """X centred, and scaled where squares would leave the range of float32."""
    checks.finite(X)
    centred = np.asarray(scaled(X, centre_of(X), exponent_of(X)))
    return (centred - centred.mean(axis=0)).astype(np.float32)


def _projected(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n q"]:
    """Centred points in coordinates of a subspace near that of their leading principal axes.

    Each step of the power iteration multiplies an orthonormal basis by X^T X. Points of no more
    than 128 features stay as they are.
    """
    d = X.shape[1]
    if d <= MOST_AXES:
        return X
    basis = np.random.default_rng(0).normal(size=(d, MOST_AXES)).astype(np.float32)
    # of range: squares of squares are taken
    unit = X / max(float(np.abs(X).max()), np.finfo(np.float32).tiny)
    for _ in range(POWER_STEPS):
        basis = np.linalg.qr(unit.T @ (unit @ basis))[0]
    return X @ basis


@partial(jax.jit, static_argnames="largest")
def _run(
    X: Float[Array, "n d"], k: ScalarLike, key: Array, *, largest: int
) -> tuple[Int[Array, " n"], Float[Array, ""]]:
    """The labels and the inertia of one start."""
    norms = squared_norms(X)
    start = X[_plus_plus(X, norms, k, key, largest)]
    threshold = TOL * X.var(axis=0).mean()

    def iterate(state: _State) -> _State:
        labels, squares = _assign(X, norms, state.centroids, k)
        labels = _refill_one(labels, squares, norms, k, largest)
        centroids = _update_centroids(X, labels, state.centroids)
        shift = ((centroids - state.centroids) ** 2).sum()
        stable = (labels == state.labels).all() | (shift <= threshold)
        return _State(centroids, labels, stable, state.n_iter + 1)

    first = _State(start, jnp.full(len(X), -1, jnp.int32), jnp.array(False), jnp.array(0))
    last = jax.lax.while_loop(
        lambda state: ~state.stable & (state.n_iter < MAX_ITER), iterate, first
    )
    labels, squares = _assign(X, norms, last.centroids, k)
    return labels, squares.sum()


def _assign(X: Array, norms: Array, centroids: Array, k: ScalarLike) -> tuple[Array, Array]:
    """The nearest of the first k centroids, the lowest where several are; its squared distance."""
    j = jnp.arange(len(centroids), dtype=jnp.int32)[:, None]
    squares = squared_norms(centroids)[:, None] - 2 * product(centroids, X)  # [K n]
    squares = jnp.where(j < k, squares, jnp.inf)
    least = squares.min(axis=0)
    # The minimum and then its place: XLA makes slow loops of argmin on a CPU.
    labels = jnp.where(squares == least[None, :], j, len(centroids)).min(axis=0)
    return labels, jnp.maximum(least + norms, 0)


def _update_centroids(X: Array, labels: Array, centroids: Array) -> Array:
    """The mean of each cluster; one without points keeps its centroid."""
    members = (labels[None, :] == jnp.arange(len(centroids))[:, None]).astype(X.dtype)  # [K n]
    counts = members.sum(axis=1)[:, None]
    sums = jnp.matmul(members, X, precision=PRECISION)
    return jnp.where(counts > 0, sums / jnp.maximum(counts, 1), centroids)


def _refill_one(labels: Array, squares: Array, norms: Array, k: ScalarLike, largest: int) -> Array:
    """Give the first empty cluster the point that is farthest from its own centroid."""
    j = jnp.arange(largest)
    empty = (j < k) & ~(labels[None, :] == j[:, None]).any(axis=1)
    farthest = squares.argmax()
    is_apart = squares[farthest] > COINCIDES * jnp.finfo(norms.dtype).eps * norms[farthest]
    new = jnp.where(empty.any() & is_apart, empty.argmax().astype(labels.dtype), labels[farthest])
    return labels.at[farthest].set(new)


def _plus_plus(X: Array, norms: Array, k: ScalarLike, key: Array, largest: int) -> Array:
    """The indices [K] of the points that greedy k-means++ chooses; those beyond k are 0."""
    n_candidates = 2 + int(math.log(largest))
    first_key, key = jax.random.split(key)
    first = jax.random.randint(first_key, (), 0, len(X))
    remaining = _left_by_each(X, norms, first[None])[0]

    def choose_next(j: Array, chosen: tuple[Array, Array]) -> tuple[Array, Array]:
        index, remaining = chosen
        mass = jnp.where(remaining.sum() > 0, remaining, 1)
        running = jnp.cumsum(mass)
        target = jax.random.uniform(jax.random.fold_in(key, j), (n_candidates,)) * running[-1]
        beyond = (running[None, :] <= target[:, None]).sum(axis=1)
        candidates = jnp.minimum(beyond, len(X) - 1)
        left = jnp.minimum(remaining[None, :], _left_by_each(X, norms, candidates))
        best = left.sum(axis=1).argmin()
        return index.at[j].set(candidates[best]), left[best]

    index = jnp.zeros(largest, first.dtype).at[0].set(first)
    return jax.lax.fori_loop(1, k, choose_next, (index, remaining))[0]


def _left_by_each(X: Array, norms: Array, candidates: Array) -> Array:
    """The squared distances [candidates n] to some of the points; 0 where rounding hides them."""
    sizes = norms[candidates][:, None] + norms[None, :]
    squares = sizes - 2 * product(X[candidates], X)
    return jnp.where(squares > COINCIDES * jnp.finfo(X.dtype).eps * sizes, squares, 0)
