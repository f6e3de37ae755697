"""The sums of the points of each cluster, for the update step: of a block of rows, or only what
moved in it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, ScalarLike, Shaped

from scratchclust.distances import PRECISION

FEW_CLUSTERS = 32  # up to here the sums are a product with the one-hot labels on every device
CHUNKS = 16  # of a block; chosen rows are gathered one such part at a time
FEW_MOVED = 1 / 8  # of the rows of a block; when more have moved, all are read


def weights_of_clusters(
    weights: Float[Array, " block"], labels: Int[Array, " block"], n_clusters: int
) -> Array:
    """sum w [k] over the points of each cluster."""
    if n_clusters <= FEW_CLUSTERS:
        return jnp.where(
            jnp.arange(n_clusters)[:, None] == labels[None, :], weights[None, :], 0
        ).sum(axis=1)
    return (
        jnp.zeros(n_clusters, weights.dtype)
        .at[_or_nowhere(labels, n_clusters)]
        .add(weights, mode="drop")
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
            old, new = chunk.take(previous), chunk.take(labels)
            return sums + signed_sums(chunk.take(x), chunk.weights(weights), new, old, n_clusters)

        return jax.lax.fori_loop(
            0, n_chunks(moved), add, jnp.zeros((n_clusters, x.shape[1]), x.dtype)
        )

    return jax.lax.cond(moved.sum() > FEW_MOVED * len(x), of_all, of_moved)


def signed_sums(
    x: Array, weights: Array, labels: Array, previous: Array, n_clusters: int
) -> Float[Array, "k d"]:
    """sum w x by `labels`, less that by `previous`.

    Two ways to the same sums. A product with the one-hot labels is a matrix product, fast
    everywhere while k is small. Scattering costs O(block d) whatever k is, but is slow on a GPU,
    where many rows meet in few places.
    """

    def by_product(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        clusters = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
        signs = (clusters == labels[None, :]).astype(x.dtype) - (
            clusters == previous[None, :]
        ).astype(x.dtype)
        return jax.lax.dot_general(
            signs * weights[None, :], x, (((1,), (0,)), ((), ())), precision=PRECISION
        )

    def by_scatter(x: Array, weights: Array, labels: Array, previous: Array) -> Array:
        x, sums = x * weights[:, None], jnp.zeros((n_clusters, x.shape[1]), x.dtype)
        added = sums.at[_or_nowhere(labels, n_clusters)].add(x, mode="drop")
        return added.at[_or_nowhere(previous, n_clusters)].add(-x, mode="drop")

    if n_clusters <= FEW_CLUSTERS:
        return by_product(x, weights, labels, previous)
    return jax.lax.platform_dependent(
        x, weights, labels, previous, cpu=by_scatter, default=by_product
    )


def _or_nowhere(labels: Array, n_clusters: int) -> Array:
    """Labels of which those below 0, in no cluster, lie beyond the last: a negative index would
    count from the end.
    """
    return jnp.where(labels < 0, n_clusters, labels)


def chosen_first(chosen: Bool[Array, " block"]) -> Int[Array, " block"]:
    """The indices of the chosen rows in their order, then the number of rows again and again."""
    n = len(chosen)
    place = jnp.where(chosen, jnp.cumsum(chosen) - 1, n)
    return jnp.full(n, n, jnp.int32).at[place].set(jnp.arange(n, dtype=jnp.int32), mode="drop")


def chunk_size(n: int) -> int:
    """Rows gathered at a time from a block of n, which it divides: blocks have a power of two."""
    return max(n // CHUNKS, min(n, CHUNKS))


def n_chunks(chosen: Bool[Array, " block"]) -> Int[Array, ""]:
    """How many chunks the chosen rows fill."""
    return -(-chosen.sum() // chunk_size(len(chosen)))


class Chunk(NamedTuple):
    """Some of the chosen rows of a block. Where the last chunk is not full, rows of weight 0 that
    `put` drops.
    """

    index: Int[Array, " m"]

    @classmethod
    def of(cls, order: Int[Array, " block"], i: ScalarLike) -> "Chunk":
        """The i-th chunk of rows in the order of `chosen_first`."""
        size = chunk_size(len(order))
        return cls(jax.lax.dynamic_slice(order, (i * size,), (size,)))

    def take(self, values: Shaped[Array, "block ..."]) -> Shaped[Array, "m ..."]:
        return values.at[self.index].get(mode="clip")

    def weights(self, weights: Float[Array, " block"]) -> Float[Array, " m"]:
        return weights.at[self.index].get(mode="fill", fill_value=0)

    def put(
        self, values: Shaped[Array, "*k block"], new: Shaped[Array, "*k m"]
    ) -> Shaped[Array, "*k block"]:
        return values.at[..., self.index].set(new, mode="drop")
