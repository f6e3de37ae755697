"""The least and the second least score of each point, which tell its label and whether rounding
leaves a doubt.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

UNROLLED = 10  # rows of scores read in one loop over the points, whose result stays in registers


def two_least(
    scores: Float[Array, "r k m"],
) -> tuple[Int[Array, "r m"], Float[Array, "r m"], Float[Array, "r m"]]:
    """argmin_j, min_j and the second least of the scores [k m] of each of r problems.

    The lowest index where two are equal; then the second least is the least. Infinite where there
    is only one.

    One row of scores after the other, for all points at once: XLA's reductions along the first of
    two axes are up to ten times slower on a CPU.
    """
    r, k, m = scores.shape

    def compare(j: Array, best: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        labels, least, second = best
        row = jax.lax.dynamic_index_in_dim(scores, j, axis=1, keepdims=False)
        less = row < least
        second = jnp.where(less, least, jnp.minimum(second, row))
        return jnp.where(less, j, labels), jnp.where(less, row, least), second

    infinite = jnp.full((r, m), jnp.inf, scores.dtype)
    start = jnp.zeros((r, m), jnp.int32), infinite, infinite
    return jax.lax.fori_loop(0, k, compare, start, unroll=min(k, UNROLLED))
