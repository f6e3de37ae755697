"""The least of a point's scores, and its label where rounding leaves two of them.

The scores |c_j|^2 / 2 - x.c_j [k block] come from a matrix product, and are off by `error`. Where
only one is least but for the error, its j is the label; the few other points are in doubt, and
their distances by the definition decide. There are two roads to that, of the same labels:

    on a CPU         `_decide_by_chunks`    they are gathered, a chunk at a time, in a loop
    elsewhere        `_decide_at_once`      without a loop: a program whose loop ends at a number
                                            that it has computed must ask the host after each turn

XLA has no kernel that takes the minimum of a matrix product before it is written: the scores go to
an accelerator's memory and come back once. A kernel of its own would keep them on the chip, which
for k = 1,000 and few features is most of an iteration's time (k block numbers written and read,
where the points are d block), and for k = 10 nothing.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from scratchclust.cluster.kmeans_parts.points import Chunk, chosen_first, n_chunks

# Rows that an accelerator decides by the definition in every block, in doubt or not. Of 65,536 rows
# 7 to 73 are in doubt as a rule; and 256 x k x d differences are still no work.
DECIDED_AT_ONCE = 256


def least_score(
    scores: Float[Array, "k block"],
    x: Float[Array, "block d"],
    error: Float[Array, " block"],
    centroids: Float[Array, "k d"],
) -> tuple[Int[Array, " block"], Float[Array, " block"]]:
    """argmin_j and min_j of the scores |c_j|^2 / 2 - x.c_j of each point.

    They are laid out [k block], where the minimum runs along the vector units, and the label is
    looked up by comparison: XLA's argmin is slow on CPU. It is the sum of k + j over the scores
    that are least but for the error, less k. Where that is no label, there are two of them.

    Args:
        scores: of each point.
        x: the points.
        error: by which the difference of two scores of a point can be off.
        centroids: c.
    """
    n_clusters = len(centroids)
    least = scores.min(axis=0)
    index = jnp.arange(n_clusters, dtype=jnp.int32)[:, None]
    of_least = jnp.where(scores <= (least + error)[None, :], n_clusters + index, 0)
    labels = of_least.sum(axis=0, dtype=jnp.int32) - n_clusters
    doubtful = (labels < 0) | (labels >= n_clusters)
    decided = jax.lax.platform_dependent(
        labels, doubtful, x, centroids, cpu=_decide_by_chunks, default=_decide_at_once
    )
    return decided, least


def _decide_by_chunks(
    labels: Int[Array, " block"],
    doubtful: Bool[Array, " block"],
    x: Float[Array, "block d"],
    centroids: Float[Array, "k d"],
) -> Int[Array, " block"]:
    """The labels, those of doubtful points by the definition: on a CPU."""

    def decide_doubtful() -> Array:
        order = chosen_first(doubtful)

        def decide(i: Array, labels: Array) -> Array:
            chunk = Chunk.of(order, i)
            return chunk.put(labels, _nearest_one_by_one(chunk.take(x), centroids))

        return jax.lax.fori_loop(0, n_chunks(doubtful), decide, labels)

    return jax.lax.cond(doubtful.any(), decide_doubtful, lambda: labels)


def _nearest_one_by_one(x: Float[Array, "m d"], centroids: Float[Array, "k d"]) -> Int[Array, " m"]:
    """argmin_j |x - c_j|^2 by the definition, one centroid after the other."""

    def compare(j: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
        squared = ((x - centroids[j][None]) ** 2).sum(axis=1)
        nearer = squared < best[1]
        return jnp.where(nearer, j, best[0]), jnp.where(nearer, squared, best[1])

    start = jnp.zeros(len(x), jnp.int32), jnp.full(len(x), jnp.inf, x.dtype)
    return jax.lax.fori_loop(0, len(centroids), compare, start)[0]


def _decide_at_once(
    labels: Int[Array, " block"],
    doubtful: Bool[Array, " block"],
    x: Float[Array, "block d"],
    centroids: Float[Array, "k d"],
) -> Int[Array, " block"]:
    """The labels, those of doubtful points by the definition: on an accelerator.

    The first rows in doubt are decided in one go, and where there are more of them, as when
    centroids coincide, all rows are.
    """
    n_at_once = min(DECIDED_AT_ONCE, len(x))

    def decide_few() -> Array:
        chunk = Chunk(chosen_first(doubtful)[:n_at_once])
        return chunk.put(labels, _nearest_at_once(chunk.take(x), centroids))

    def decide_all() -> Array:
        return jnp.where(doubtful, _nearest_at_once(x, centroids), labels)

    return jax.lax.cond(doubtful.sum() > n_at_once, decide_all, decide_few)


def _nearest_at_once(x: Float[Array, "m d"], centroids: Float[Array, "k d"]) -> Int[Array, " m"]:
    """argmin_j |x - c_j|^2 by the definition, the first of several.

    The differences [m k d] are never written: XLA computes them where it sums them. Memory: m k.
    """
    squared = ((x[:, None] - centroids[None]) ** 2).sum(axis=2)
    return squared.argmin(axis=1).astype(jnp.int32)
