"""The update step of k-means: the sums of the points of each cluster, and their means.

The definition is `update_centroids` in `scratchclust/reference/kmeans.py`. The sums are taken block
by block: over all points (`sums_by_label`), or only over those that moved (`change_of_sums`); which
of them within an iteration, the platform decides (`part_of_sums`).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.points import Chunk, chosen_first, n_chunks
from scratchclust.constants import NO_DIRECTION_LENGTH
from scratchclust.distances import PRECISION

FEW_CLUSTERS = 32  # up to here the sums are a product with the one-hot labels on every device
# And up to here on a GPU. A number of x takes 2 k operations of a product, at 50 TFLOP/s, and 8 k/d
# bytes of one-hot labels, at 3 TB/s; or one atomic addition, of which there are about 2e11 a second
# (figures of an H100): at k = 64 and d = 64 both take 5 ps. A TPU scatters one row after the other.
FEW_CLUSTERS_ON_GPU = 64
FEW_MOVED_SHARE = 1 / 8  # of the rows of a block; when more have moved, all are read


@jax.jit
def update_in_blocks(
    data: rows.Rows, labels: Array, centroids: Array, unit: Array | None = None
) -> Array:
    """The mean of each cluster by given labels [n_blocks block]; `unit` as in `means_of_sums`."""
    return means_of_sums(*sums_by_label(data, labels, len(centroids)), centroids, unit)


def means_of_sums(sums: Array, weights: Array, centroids: Array, unit: Array | None) -> Array:
    """sums / weights; a cluster without weight keeps its centroid.

    Args:
        sums: [k d], sum w x.
        weights: [k], sum w.
        centroids: [k d], the present ones.
        unit: for the cosine metric the offset [d] of the centred points, else None: the means are
            uncentred and scaled to length 1, where that can be, and centred again.
    """
    has_weight = weights[:, None] > 0
    means = jnp.where(has_weight, sums / jnp.where(weights > 0, weights, 1)[:, None], centroids)
    return means if unit is None else unit_or_kept(means + unit[None], centroids, unit[None])


def unit_or_kept(updated: Any, kept: Any, offset: Any = 0.0) -> Any:
    """Centroids scaled to length 1, less the offset; where the points of a cluster cancel, the
    centroid before, which is centred already, is kept.
    """
    xp = np if isinstance(updated, np.ndarray) else jnp
    norms = xp.linalg.norm(updated, axis=1, keepdims=True)
    unit = updated / xp.maximum(norms, NO_DIRECTION_LENGTH) - offset
    return xp.where(norms > NO_DIRECTION_LENGTH, unit, kept)


def part_of_sums(
    x: Float[Array, "block d"],
    weights: Float[Array, " block"],
    labels: Int[Array, " block"],
    previous: Int[Array, " block"],
    n_clusters: int,
) -> Float[Array, "k d"]:
    """What a block gives to the sums of an iteration: their change where they are carried from one
    to the next (`change_of_sums`), else its share (`sums_of_block`).

    They are carried on a CPU. On an accelerator rows that moved would be gathered in a loop, and a
    loop whose end is computed asks the host after each turn, in the time of reading all rows.
    """

    def by_change(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        return change_of_sums(x, weights, labels, previous, n_clusters)

    def anew(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        return sums_of_block(x, weights, labels, n_clusters)

    return jax.lax.platform_dependent(x, weights, labels, previous, cpu=by_change, default=anew)


def sums_from_parts(carried: Float[Array, "k d"], parts: Float[Array, "k d"]) -> Array:
    """The sums [k d] of an iteration, from those before it and what all blocks gave."""
    return jax.lax.platform_dependent(
        carried, parts, cpu=lambda carried, parts: carried + parts, default=lambda _, parts: parts
    )


def renewed_if_carried(
    data: rows.Rows, labels: Array, sums: Float[Array, "k d"], shrunk: Bool[Array, ""]
) -> Array:
    """The sums, or where they are carried and some have `shrunk`, so that their rounding shows,
    those of all points anew.
    """

    def renewed(labels: Array, sums: Array, shrunk: Array) -> Array:
        def anew() -> Array:
            return sums_by_label(data, labels, len(sums))[0]

        return jax.lax.cond(shrunk, anew, lambda: sums)

    return jax.lax.platform_dependent(
        labels, sums, shrunk, cpu=renewed, default=lambda _, sums, shrunk: sums
    )


def sums_by_label(data: rows.Rows, labels: Array, n_clusters: int) -> tuple[Array, Array]:
    """sum w x [k d] and sum w [k] of each cluster, over all points."""

    def block(
        x: Array, x_norms: Array, weights: Array, labels: Array
    ) -> tuple[tuple[Array, Array], None]:
        sums = sums_of_block(x, weights, labels, n_clusters)
        return (sums, weights_of_clusters(weights, labels, n_clusters)), None

    return rows.map_sum(block, data.beside(labels))[0]


def weights_of_clusters(
    weights: Float[Array, " block"], labels: Int[Array, " block"], n_clusters: int
) -> Array:
    """sum w [k] over the points of each cluster."""

    def by_comparison(weights: Array, labels: Array) -> Array:
        own = jnp.arange(n_clusters)[:, None] == labels[None, :]
        return jnp.where(own, weights[None, :], 0).sum(axis=1)

    def by_scatter(weights: Array, labels: Array) -> Array:
        nothing = jnp.zeros(n_clusters, weights.dtype)
        return nothing.at[_or_nowhere(labels, n_clusters)].add(weights, mode="drop")

    return _by_platform(n_clusters, by_comparison, by_scatter)(weights, labels)


def _by_platform(n_clusters: int, by_comparison: Callable, by_scatter: Callable) -> Callable:
    """The faster of two ways to sum by label: comparing with all k clusters, or scattering."""
    if n_clusters <= FEW_CLUSTERS:
        return by_comparison
    on_gpu = by_comparison if n_clusters <= FEW_CLUSTERS_ON_GPU else by_scatter
    return partial(
        jax.lax.platform_dependent,
        cpu=by_scatter,
        cuda=on_gpu,
        rocm=on_gpu,
        default=by_comparison,
    )


def change_of_sums(
    x: Float[Array, "block d"],
    weights: Float[Array, " block"],
    labels: Int[Array, " block"],
    previous: Int[Array, " block"],
    n_clusters: int,
) -> Float[Array, "k d"]:
    """sum w x of each cluster by the new labels, less that by the previous ones (-1: in no cluster
    yet).

    Only points that moved count, and when these are few only their rows are read.
    """
    moved = labels != previous

    def of_all() -> Array:
        return signed_sums(x, weights, labels, previous, n_clusters)

    def of_moved() -> Array:
        order = chosen_first(moved)

        def add(i: Array, sums: Array) -> Array:
            chunk = Chunk.of(order, i)
            old = chunk.take(previous)
            new = chunk.take(labels)
            return sums + signed_sums(chunk.take(x), chunk.weights(weights), new, old, n_clusters)

        nothing = jnp.zeros((n_clusters, x.shape[1]), x.dtype)
        return jax.lax.fori_loop(0, n_chunks(moved), add, nothing)

    return jax.lax.cond(moved.sum() > FEW_MOVED_SHARE * len(x), of_all, of_moved)


def sums_of_block(x: Array, weights: Array, labels: Array, n_clusters: int) -> Float[Array, "k d"]:
    """sum w x of each cluster over the points of a block.

    Two ways to the same sums. A product with the one-hot labels is a matrix product, fast
    everywhere while k is small. Scattering costs O(block d) whatever k is. On a GPU many rows meet
    in few places, each in the order of its arrival: the last bits of a sum by scattering are others
    in each run, but for XLA_FLAGS=--xla_gpu_deterministic_ops=true.
    """

    def by_product(x: Array, weights: Array, labels: Array) -> Array:
        clusters = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
        of_cluster = (clusters == labels[None, :]).astype(x.dtype) * weights[None, :]
        return _product_of_rows(of_cluster, x)

    def by_scatter(x: Array, weights: Array, labels: Array) -> Array:
        nothing = jnp.zeros((n_clusters, x.shape[1]), x.dtype)
        weighted = x * weights[:, None]
        return nothing.at[_or_nowhere(labels, n_clusters)].add(weighted, mode="drop")

    return _by_platform(n_clusters, by_product, by_scatter)(x, weights, labels)


def signed_sums(
    x: Array, weights: Array, labels: Array, previous: Array, n_clusters: int
) -> Float[Array, "k d"]:
    """sum w x by `labels`, less that by `previous`; in the same two ways as `sums_of_block`."""

    def by_product(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        clusters = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
        is_new = (clusters == labels[None, :]).astype(x.dtype)
        is_old = (clusters == previous[None, :]).astype(x.dtype)
        return _product_of_rows((is_new - is_old) * weights[None, :], x)

    def by_scatter(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        weighted = x * weights[:, None]
        nothing = jnp.zeros((n_clusters, x.shape[1]), x.dtype)
        added = nothing.at[_or_nowhere(labels, n_clusters)].add(weighted, mode="drop")
        return added.at[_or_nowhere(previous, n_clusters)].add(-weighted, mode="drop")

    return _by_platform(n_clusters, by_product, by_scatter)(x, weights, labels, previous)


def _product_of_rows(of_cluster: Float[Array, "k block"], x: Float[Array, "block d"]) -> Array:
    return jax.lax.dot_general(of_cluster, x, (((1,), (0,)), ((), ())), precision=PRECISION)


def _or_nowhere(labels: Array, n_clusters: int) -> Array:
    """Labels of which those below 0, in no cluster, lie beyond the last: a negative index would
    count from the end.
    """
    return jnp.where(labels < 0, n_clusters, labels)
