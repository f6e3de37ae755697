"""New points in a finished map of t-SNE; the definition is `transform` in
`scratchclust/reference/tsne.py`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.constants import (
    NEIGHBORS_PER_PERPLEXITY,
    NEW_ITERATIONS,
    NEW_PERPLEXITY,
    NEW_STEP,
)
from scratchclust.reduce.tsne_parts.affinities import check, conditional_affinities, nearest
from scratchclust.rows import AnyArray

# that a pair of a new point and one of the map is worth, in one step: a division and sums
MULTIPLICATIONS_PER_PAIR = 100


def transform(
    X_new: Real[AnyArray, "m d"],
    X: Real[AnyArray, "n d"],
    embedding: Float[AnyArray, "n q"],
    *,
    perplexity: float = NEW_PERPLEXITY,
    metric: str = "euclidean",
) -> Float[Array, "m q"]:
    """Places for new points in a finished map, none of which moves anything else.

    Args:
        X_new: new points, or with metric="precomputed" their distances [m n] to those of the fit.
        X: the points of the fit, or their distances.
        embedding: their map.
        perplexity: of the affinities of a new point. A few neighbours say on which island it
            belongs; thirty are of several islands, and draw it into the sea between them.
        metric: "euclidean", "cosine" or "precomputed".

    Returns:
        Places: of a point that equals one of the fit, that one's. Cost O(m n (d + 100 q)) time, O(m
        perplexity) memory and one block.

    Raises:
        InputError: as for `joint_affinities`, or new points of another length.
    """
    check(X, perplexity, metric)
    k = min(int(NEIGHBORS_PER_PERPLEXITY * perplexity) + 1, len(X))
    near = nearest(X, k, X_new, metric)
    p = np.asarray(conditional_affinities(near.distances**2, perplexity))
    map_of_fit = np.asarray(embedding, np.float32)
    start = (p[:, :, None] * map_of_fit[near.indices]).sum(axis=1)
    Y = _descend(start, p, near.indices, map_of_fit)
    is_equal = jnp.asarray(near.distances[:, :1] == 0)
    return jnp.where(is_equal, jnp.asarray(map_of_fit[near.indices[:, 0]]), Y)


def _descend(
    start: Float[np.ndarray, "m q"],
    p: Float[np.ndarray, "m k"],
    indices: Any,
    embedding: Float[np.ndarray, "n q"],
) -> Float[Array, "m q"]:
    """The places after all steps, some points and some of their steps a call."""
    n = len(embedding)
    whole = rows.on_every_device(embedding, rows.mesh())
    cost = MULTIPLICATIONS_PER_PAIR * n
    found = []
    for span in rows.calls(len(start), cost, rows.block_size(len(start), n)):
        m = span.stop - span.start
        block = rows.block_size(m, n)
        near = [rows.split(a[span], block=block, dtype=a.dtype) for a in (p, indices)]
        places = rows.split(start[span], block=block)
        steps = max(1, rows.items_per_call(cost, block) // m)
        for done in range(0, NEW_ITERATIONS, steps):
            data = rows.Rows((places, *near), rows.mesh())
            places = rows.finished(_step(data, whole, min(steps, NEW_ITERATIONS - done)))
        found.append(rows.join(places, m))
    return jnp.concatenate(found)


@jax.jit
def _step(data: rows.Rows, embedding: Array, n_iter: Any) -> Array:
    """So many steps of every point: y - NEW_STEP dKL/dy."""

    def block(
        y: Array, p: Array, indices: Array, embedding: Array, n_iter: Array
    ) -> tuple[None, Array]:
        attracting = embedding[indices].transpose(2, 0, 1)  # [q b k]

        def step(_: Any, y: Array) -> Array:
            attraction, _total = _pull(y, attracting, p)
            repulsion, total = _pull(y, embedding.T[:, None, :], None)
            return y - NEW_STEP * 2 * (attraction - repulsion / total[:, None])

        return None, jax.lax.fori_loop(0, n_iter, step, y)

    return rows.map_sum(block, data, embedding, jnp.asarray(n_iter))[1]


def _pull(
    y: Float[Array, "b q"], targets: Float[Array, "q _ k"], p: Float[Array, "b k"] | None
) -> tuple[Float[Array, "b q"], Float[Array, " b"]]:
    """sum_j p_j w_j (y - y_j) and sum_j w_j, with w_j in place of p_j where it is None."""
    difference = y.T[:, :, None] - targets
    w = 1 / (1 + jnp.square(difference).sum(axis=0))
    f = jnp.square(w) if p is None else p * w
    return (f[None] * difference).sum(axis=2).T, w.sum(axis=1)
