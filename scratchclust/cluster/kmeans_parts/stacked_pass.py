"""One pass of Lloyd's algorithm over all points for several starts at once, compiled for a CPU.

`stacked_steps.py` iterates it; the definitions are `assign` and `update_centroids` in
`scratchclust/reference/kmeans.py`.

    scores      c.x^T [r k m] of a device's m points (`_two_least_by_product`): in one product where
                that is small beside the points, since XLA copies each block of a loop; else by
                blocks
    labels      the least of k (`two_least.py`); where rounding leaves a doubt, by the definition
                (`_decided`)
    sums        carried along, and only the rows that moved are read (`_change_of_sums`)
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.cluster_means import (
    FEW_MOVED_SHARE,
    signed_sums,
    weights_of_clusters,
)
from scratchclust.cluster.kmeans_parts.lloyd_steps import LloydState
from scratchclust.cluster.kmeans_parts.nearest_centroid import square_error
from scratchclust.cluster.kmeans_parts.points import Chunk, chosen_first
from scratchclust.cluster.kmeans_parts.two_least import two_least
from scratchclust.distances import PRECISION, product, squared_norms

SMALL_SHARE = 1 / 4  # of the points' memory: so much the scores of all may take,
SMALL = 2**20  # or so many numbers on a device
SUM_ERROR = 2.0**-13  # relative, of a sum over very many points
DOUBTFUL_AT_A_TIME = 16  # rows that lie together
MOVED_AT_A_TIME = 256  # rows that moved
COUNTED_AT_A_TIME = 128  # rows that a prefix sum takes at a time: XLA's is slow on a CPU


class StackedPass(NamedTuple):
    """What one pass over the data found for each start."""

    change: Array  # [r k d], by which the sums change
    weights: Array  # [r k], sum of w over the points of each cluster
    inertia: Array  # [r]
    n_moved: Array  # [r]
    labels: Array  # [n_devices r m]


class _Scored(NamedTuple):
    """A device's points as one start sees them."""

    labels: Int[Array, " m"]
    least: Float[Array, " m"]  # score
    doubtful: Bool[Array, " m"]
    previous: Int[Array, " m"]  # labels
    centroids: Float[Array, "k d"]
    live: Bool[Array, ""]


def pass_over(data: rows.Rows, state: LloydState, live: Array) -> StackedPass:
    """Every point is compared with every centroid of every start."""
    shares, block = _in_shares(data)

    def share(
        x: Array, x_norms: Array, weights: Array, previous: Array, centroids: Array, live: Array
    ) -> tuple[Any, Array]:
        labels, least, second = _two_least_by_product(x, centroids, block)
        error = jax.vmap(lambda c: square_error(x_norms, squared_norms(c)))(centroids)
        seen = _Scored(labels, least, second <= least + error, previous, centroids, live)
        of_start = partial(_of_start, x, x_norms, weights, block)
        *in_sum, labels = jax.lax.map(of_start, seen)
        return tuple(in_sum), labels

    in_sum, labels = rows.map_sum(share, shares.beside(state.labels), state.centroids, live)
    return StackedPass(*in_sum, labels=labels)


@jax.jit
def inertias_of(data: rows.Rows, centroids: Float[Array, "r k d"]) -> tuple[Array, Array]:
    """The inertia of each start by the expanded square [r], and how far it can be off [r]: to pass
    over those that cannot be the best.
    """
    shares, block = _in_shares(data)

    def share(
        x: Array, x_norms: Array, weights: Array, centroids: Array
    ) -> tuple[tuple[Array, Array], None]:
        _, least, _ = _two_least_by_product(x, centroids, block)
        distances = jnp.maximum(x_norms[None] + 2 * least, 0)
        error = jax.vmap(lambda c: square_error(x_norms, squared_norms(c)))(centroids)
        errors = 2 * error + SUM_ERROR * distances
        return ((weights[None] * distances).sum(axis=1), (weights[None] * errors).sum(axis=1)), None

    return rows.map_sum(share, shares, centroids)[0]


def _in_shares(data: rows.Rows) -> tuple[rows.Rows, int]:
    """The blocks of each device as one, and the rows that a block had."""
    n_devices = data.mesh.size
    shares = (a.reshape(n_devices, -1, *a.shape[2:]) for a in data.arrays)
    return rows.Rows(tuple(shares), data.mesh), data.arrays[0].shape[1]


def _two_least_by_product(
    x: Float[Array, "m d"], centroids: Float[Array, "r k d"], block: int
) -> tuple[Array, Array, Array]:
    """Labels, least and second least scores [r m] of a device's points.

    The scores are |c_j|^2 / 2 - x.c_j, as in `nearest`.
    """
    r, k, d = centroids.shape
    m = len(x)
    halves = squared_norms(centroids.reshape(-1, d))[:, None] / 2

    def of_rows(x: Array) -> tuple[Array, Array, Array]:
        scores = halves - product(centroids.reshape(-1, d), x)
        return two_least(scores.reshape(r, k, -1))

    if r * k * m <= max(SMALL, SMALL_SHARE * x.size):
        return of_rows(x)
    at_a_time = min(block, rows.block_size(m, max(d, r * k)))
    found = jax.lax.map(of_rows, x.reshape(-1, at_a_time, d))
    return jax.tree.map(lambda all: jnp.moveaxis(all, 1, 0).reshape(r, m), found)


def _of_start(
    x: Array, x_norms: Array, weights: Array, block: int, seen: _Scored
) -> tuple[Array, ...]:
    """What the update of one start needs of a device's points in sum, and their labels."""
    k, d = seen.centroids.shape

    def work() -> tuple[Array, ...]:
        labels = _decided(x, seen, block)
        change = _change_of_sums(x, weights, labels, seen.previous, k, block)
        of_clusters = weights_of_clusters(weights, labels, k)
        distances = jnp.maximum(x_norms + 2 * seen.least, 0)
        n_moved = ((labels != seen.previous) & (weights > 0)).sum(dtype=jnp.int32)
        return change, of_clusters, (weights * distances).sum(), n_moved, labels

    def nothing() -> tuple[Array, ...]:
        zeros = jnp.zeros((k, d), x.dtype)
        return zeros, zeros[:, 0], zeros[0, 0], jnp.int32(0), seen.previous

    return jax.lax.cond(seen.live, work, nothing)


def _chosen_first(chosen: Bool[Array, " m"]) -> Int[Array, " m"]:
    """`chosen_first` of many rows: counted in groups, by a product, and then the groups."""
    m = len(chosen)
    if m % COUNTED_AT_A_TIME:
        return chosen_first(chosen)
    groups = chosen.reshape(-1, COUNTED_AT_A_TIME).astype(jnp.float32)
    up_to = jnp.triu(jnp.ones((COUNTED_AT_A_TIME, COUNTED_AT_A_TIME), jnp.float32))
    within = jnp.matmul(groups, up_to, precision=PRECISION).astype(jnp.int32)
    before = jnp.cumsum(within[:, -1]) - within[:, -1]
    place = jnp.where(chosen, (before[:, None] + within).reshape(m) - 1, m)
    return jnp.full(m, m, jnp.int32).at[place].set(jnp.arange(m, dtype=jnp.int32), mode="drop")


def _decided(x: Array, seen: _Scored, block: int) -> Array:
    """The labels, where in doubt by the definition.

    Doubtful rows are few and far between: they are looked for among groups of rows, since an order
    of all rows takes as long as their labels. Of a group one row is read, or all where several are
    in doubt, as when centroids coincide.
    """
    at_a_time = min(block, DOUBTFUL_AT_A_TIME)
    groups = seen.doubtful.reshape(-1, at_a_time)
    has_doubt = groups.any(axis=1)

    def decide_all() -> Array:
        order = chosen_first(has_doubt)

        def decide(i: Array, labels: Array) -> Array:
            begin = order[i] * at_a_time
            doubtful = groups[order[i]]
            first = begin + doubtful.argmax()

            def decide_first() -> Array:
                row = jax.lax.dynamic_slice_in_dim(x, first, 1)
                return labels.at[first].set(_nearest_by_definition(row, seen.centroids)[0])

            def decide_group() -> Array:
                group = jax.lax.dynamic_slice_in_dim(x, begin, at_a_time)
                decided = _nearest_by_definition(group, seen.centroids)
                kept = jax.lax.dynamic_slice_in_dim(labels, begin, at_a_time)
                decided = jnp.where(doubtful, decided, kept)
                return jax.lax.dynamic_update_slice_in_dim(labels, decided, begin, 0)

            return jax.lax.cond(doubtful.sum() == 1, decide_first, decide_group)

        return jax.lax.fori_loop(0, has_doubt.sum(), decide, seen.labels)

    return jax.lax.cond(has_doubt.any(), decide_all, lambda: seen.labels)


def _nearest_by_definition(x: Float[Array, "m d"], centroids: Float[Array, "k d"]) -> Array:
    """argmin_j |x - c_j|^2 [m], the first of several; summed by a product, which is fast."""
    squares = (x[:, None] - centroids[None]) ** 2
    ones = jnp.ones(x.shape[1], x.dtype)
    return jnp.matmul(squares, ones, precision=PRECISION).argmin(axis=1).astype(jnp.int32)


def _change_of_sums(
    x: Array, weights: Array, labels: Array, previous: Array, n_clusters: int, block: int
) -> Float[Array, "k d"]:
    """sum w x of each cluster by the new labels, less that by the previous ones: of all rows, or
    where few have moved of these.
    """
    moved = labels != previous
    nothing = jnp.zeros((n_clusters, x.shape[1]), x.dtype)

    def of_all() -> Array:
        def add(i: Array, sums: Array) -> Array:
            def take(values: Array) -> Array:
                return jax.lax.dynamic_slice_in_dim(values, i * block, block)

            new = take(labels)
            old = take(previous)
            return sums + signed_sums(take(x), take(weights), new, old, n_clusters)

        return jax.lax.fori_loop(0, len(x) // block, add, nothing)

    def of_moved() -> Array:
        at_a_time = min(block, MOVED_AT_A_TIME)
        order = _chosen_first(moved)

        def add(i: Array, sums: Array) -> Array:
            chunk = Chunk(jax.lax.dynamic_slice_in_dim(order, i * at_a_time, at_a_time))
            old = chunk.take(previous)
            new = chunk.take(labels)
            return sums + signed_sums(chunk.take(x), chunk.weights(weights), new, old, n_clusters)

        return jax.lax.fori_loop(0, -(-moved.sum() // at_a_time), add, nothing)

    return jax.lax.cond(moved.sum() > FEW_MOVED_SHARE * len(x), of_all, of_moved)
