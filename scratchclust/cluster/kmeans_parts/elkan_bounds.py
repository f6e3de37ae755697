"""Elkan's pass over the data: the same labels as Lloyd's, `lloyd_steps.every_distance`, from far
fewer distances.

For every point x bounds are carried from iteration to iteration,

    u >= |x - c_label|        l_j <= |x - c_j|

and when the centroids have moved by p_j = |c_j' - c_j|, the triangle inequality keeps them true:

    u + p_label >= |x - c_label'|        l_j - p_j <= |x - c_j'|

A point with u <= l_j for every other j keeps its label: neither its distances nor its share of the
sums are computed, and its row is not even read. The other rows are gathered, so that their
distances are still a matrix product. Which share that is depends on the data: on MNIST with k = 10
a third from the tenth iteration on, a tenth in the end.

Rounding: distances come from the expanded square, whose error is a few units in the last place of
(|x| + |c|)^2. The bounds are set apart by that much, so labels can differ from Lloyd's only where
his own choice is a matter of rounding.

Memory: n x k bounds. On an accelerator the pass is Lloyd's: to gather rows in a loop costs more
there than all products (each turn asks the host), and the bounds are read as often as the points.
The definition is `lloyd` in `scratchclust/reference/kmeans.py`.

Source: Elkan, "Using the triangle inequality to accelerate k-means", ICML 2003; without its bounds
between centroids, which seldom decide when there are many features.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.cluster_means import signed_sums, weights_of_clusters
from scratchclust.cluster.kmeans_parts.least_score import least_score
from scratchclust.cluster.kmeans_parts.lloyd_steps import LloydPass, LloydState, every_distance
from scratchclust.cluster.kmeans_parts.nearest_centroid import SQUARE_ERROR_ULPS, square_error
from scratchclust.cluster.kmeans_parts.points import Chunk, chosen_first, n_chunks
from scratchclust.distances import product, squared_norms

# Share of the rows of a block: beyond, gathering them costs more than it saves.
MOST_GATHERED_SHARE = 0.7


class Bounds(NamedTuple):
    """What is known of the distances of each point."""

    upper: Array  # [n_blocks block], at least |x - c_label|
    lower: Array  # [n_blocks k block], at most |x - c_j|


class _Block(NamedTuple):
    """A block of points, and what is known of them."""

    x: Array  # [block d]
    x_norms: Array  # [block]
    weights: Array  # [block]
    labels: Array  # [block], of the iteration before
    upper: Array  # [block]
    lower: Array  # [k block]


def nothing_known(data: rows.Rows, n_clusters: int) -> Bounds | None:
    """Bounds that hold for any centroids; None on an accelerator, where none are kept."""
    if rows.platform() != "cpu":
        return None
    norms = data.arrays[1]
    n_blocks, block = norms.shape
    lower = jnp.zeros((n_blocks, n_clusters, block), norms.dtype, device=norms.sharding)
    return Bounds(jnp.full_like(norms, jnp.inf), lower)


def where_needed(data: rows.Rows, state: LloydState) -> LloydPass:
    """Elkan's pass: only points whose bounds cross are compared with the centroids.

    Without bounds it is Lloyd's.
    """
    if state.bounds is None:
        return every_distance(data, state)
    moves = jnp.sqrt(((state.centroids - state.before) ** 2).sum(axis=1))
    moves = moves * (1 + SQUARE_ERROR_ULPS * jnp.finfo(moves.dtype).eps)

    def block(*arrays: Array) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        *of_block, centroids, moves = arrays
        return _assign_where_needed(_Block(*of_block), centroids, moves)

    in_sum, (labels, *bounds) = rows.map_sum(
        block, data.beside(state.labels, *state.bounds), state.centroids, moves
    )
    change, weights, squares, n_moved = in_sum
    # sum w |x - c|^2, multiplied out: the distances themselves are not known
    sums = state.sums + change
    products = (sums * state.centroids).sum(axis=1)
    by_cluster = weights * squared_norms(state.centroids) - 2 * products
    inertia = jnp.maximum(squares + by_cluster.sum(), 0)
    return LloydPass(sums, weights, inertia, n_moved, labels, Bounds(*bounds))


def _assign_where_needed(
    block: _Block, centroids: Array, moves: Array
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """The same as `_assign_and_sum` in `lloyd_steps.py`, on one block, with its bounds [block] and
    [k block].
    """
    x, x_norms, weights, labels, upper, lower = block
    n_clusters = len(centroids)
    own = jnp.arange(n_clusters)[:, None] == labels[None, :]
    rounding = 2 * jnp.finfo(x.dtype).eps  # of the two sums below, in every iteration anew
    upper = (upper + jnp.where(own, moves[:, None], 0).sum(axis=0)) * (1 + rounding)
    lower = lower * (1 - rounding) - moves[:, None]
    crossed = (jnp.where(own, jnp.inf, lower) < upper[None, :]).any(axis=0)
    known = (labels, upper, lower)

    def compare_all() -> tuple[Array, ...]:
        new, upper, lower = _compare(x, x_norms, centroids)
        return new, upper, lower, signed_sums(x, weights, new, labels, n_clusters)

    def compare_crossed() -> tuple[Array, ...]:
        order = chosen_first(crossed)

        def compare(i: Array, carried: tuple[Array, ...]) -> tuple[Array, ...]:
            *bounds, change = carried
            chunk = Chunk.of(order, i)
            rows_of_x = chunk.take(x)
            found = _compare(rows_of_x, chunk.take(x_norms), centroids)
            bounds = [chunk.put(all, new) for all, new in zip(bounds, found, strict=True)]
            part = signed_sums(
                rows_of_x, chunk.weights(weights), found[0], chunk.take(labels), n_clusters
            )
            return *bounds, change + part

        return jax.lax.fori_loop(0, n_chunks(crossed), compare, (*known, jnp.zeros_like(centroids)))

    new, upper, lower, change = jax.lax.cond(
        crossed.sum() > MOST_GATHERED_SHARE * len(x), compare_all, compare_crossed
    )
    n_moved = ((new != labels) & (weights > 0)).sum(dtype=jnp.int32)
    of_clusters = weights_of_clusters(weights, new, n_clusters)
    return (change, of_clusters, (weights * x_norms).sum(), n_moved), (new, upper, lower)


def _compare(x: Array, x_norms: Array, centroids: Array) -> tuple[Array, Array, Array]:
    """Labels [m], and the bounds [m] and [k m] that one comparison with every centroid gives."""
    norms = squared_norms(centroids)
    scores = norms[:, None] / 2 - product(centroids, x)
    error = square_error(x_norms, norms)
    labels, least = least_score(scores, x, error, centroids)  # as in `nearest`
    upper = jnp.sqrt(jnp.maximum(x_norms + 2 * least, 0) + error)
    lower = jnp.sqrt(jnp.maximum(x_norms[None, :] + 2 * scores - error[None, :], 0))
    return labels, upper, lower
