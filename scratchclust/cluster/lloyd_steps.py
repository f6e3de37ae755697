"""Lloyd's iterations, compiled: each is one pass over the blocks of the data, and many run in one `while_loop`.

`kmeans.py` beside this file drives them; what they compute is defined in `scratchclust/reference/kmeans.py`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ScalarLike

from scratchclust import rows
from scratchclust.cluster.nearest_centroid import nearest
from scratchclust.distances import PRECISION
from scratchclust.results import KMeansHistory

STRETCH = 64  # iterations at most in one compiled call
FEW_CLUSTERS = 32  # up to here the sums are a product with the one-hot labels on every device
NO_DIRECTION = 1e-6  # a mean of unit vectors that is shorter is no more than rounding


class State(NamedTuple):
    """Where a stretch of iterations stands."""

    centroids: Array  # [k d], after the last update
    before: Array  # [k d], before it
    labels: Array  # [n_blocks block], nearest of `before`
    n_iter: Array  # iterations in this stretch
    n_empty: Array  # clusters left without weight by the last assignment
    stable: Array  # no label moved, or the shift is within the tolerance
    history: KMeansHistory  # of this stretch, [STRETCH] each


@jax.jit
def stretch(
    data: rows.Rows, centroids: Array, labels: Array, threshold: ScalarLike, limit: ScalarLike, unit: Array | None
) -> State:
    """Up to `limit` iterations in one compiled loop; it also ends when stable, or at an empty cluster."""
    nothing = KMeansHistory(jnp.zeros(STRETCH), jnp.zeros(STRETCH), jnp.zeros(STRETCH, jnp.int32))
    start = State(centroids, centroids, labels, jnp.int32(0), jnp.int32(0), jnp.bool(False), nothing)

    def goes_on(state: State) -> Array:
        return (state.n_iter < limit) & ~state.stable & (state.n_empty == 0)

    def iterate(state: State) -> State:
        data_and_labels = rows.Rows((*data.arrays, state.labels), data.mesh)
        (sums, weights, inertia, n_moved), labels = rows.map_sum(_assign_and_sum, data_and_labels, state.centroids)
        updated = _means(sums, weights, state.centroids, unit)
        shift = ((updated - state.centroids) ** 2).sum()
        history = jax.tree.map(
            lambda entries, new: entries.at[state.n_iter].set(new.astype(entries.dtype)),
            state.history,
            KMeansHistory(inertia, shift, n_moved),
        )
        stable, n_empty = (n_moved == 0) | (shift <= threshold), (weights == 0).sum(dtype=jnp.int32)
        return State(updated, state.centroids, labels, state.n_iter + 1, n_empty, stable, history)

    return jax.lax.while_loop(goes_on, iterate, start)


def _assign_and_sum(
    x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array
) -> tuple[tuple[Array, ...], Array]:
    """Both steps of Lloyd's algorithm on one block: what the update needs in sum, and the labels."""
    labels, distances = nearest(x, x_norms, centroids)
    n_moved = ((labels != previous) & (weights > 0)).sum(dtype=jnp.int32)
    return (*_sums(x, weights, labels, len(centroids)), (weights * distances).sum(), n_moved), labels


def _sums(x: Array, weights: Array, labels: Array, n_clusters: int) -> tuple[Array, Array]:
    """sum w x [k d] and sum w [k] of each cluster in one block [block d].

    Two ways to the same sums. A product with the one-hot labels is a matrix product, fast everywhere while k is
    small. Scattering costs O(block d) whatever k is, but is slow on a GPU, where many rows meet in few places.
    """

    def by_product(x: Array, weights: Array, labels: Array) -> tuple[Array, Array]:
        one_hot = jnp.where(jnp.arange(n_clusters)[:, None] == labels[None, :], weights[None, :], 0)
        return jax.lax.dot_general(one_hot, x, (((1,), (0,)), ((), ())), precision=PRECISION), one_hot.sum(axis=1)

    def by_scatter(x: Array, weights: Array, labels: Array) -> tuple[Array, Array]:
        sums = jnp.zeros((n_clusters, x.shape[1]), x.dtype).at[labels].add(x * weights[:, None])
        return sums, jnp.zeros(n_clusters, x.dtype).at[labels].add(weights)

    if n_clusters <= FEW_CLUSTERS:
        return by_product(x, weights, labels)
    return jax.lax.platform_dependent(x, weights, labels, cpu=by_scatter, default=by_product)


def _means(sums: Array, weights: Array, centroids: Array, unit: Array | None) -> Array:
    """sums / weights; a cluster without weight keeps its centroid.

    For the cosine metric `unit` is the offset: the means are uncentred and scaled to length 1; where the points of a
    cluster cancel, the centroid before is kept.
    """
    means = jnp.where(weights[:, None] > 0, sums / jnp.where(weights > 0, weights, 1)[:, None], centroids)
    if unit is None:
        return means
    means = means + unit[None]
    norms = jnp.linalg.norm(means, axis=1, keepdims=True)
    return jnp.where(norms > NO_DIRECTION, means / jnp.maximum(norms, NO_DIRECTION) - unit[None], centroids)


@jax.jit
def update_blocks(data: rows.Rows, labels: Array, centroids: Array, unit: Array | None = None) -> Array:
    """The mean of each cluster, from given labels [n_blocks block]; `unit` as in `_means`."""
    (sums, weights), _ = rows.map_sum(
        lambda x, x_norms, weights, labels: (_sums(x, weights, labels, len(centroids)), None),
        rows.Rows((*data.arrays, labels), data.mesh),
    )
    return _means(sums, weights, centroids, unit)


@jax.jit
def assign_blocks(data: rows.Rows, centroids: Array) -> tuple[Array, Array, Array]:
    """Labels, squared distances by their definition, and inertia."""

    def block(x: Array, x_norms: Array, weights: Array, centroids: Array) -> tuple[Array, tuple[Array, Array]]:
        labels, _ = nearest(x, x_norms, centroids)
        distances = ((x - centroids[labels]) ** 2).sum(axis=1)
        return (weights * distances).sum(), (labels, distances)

    inertia, (labels, distances) = rows.map_sum(block, data, centroids)
    return labels, distances, inertia
