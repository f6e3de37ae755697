"""New points in a finished map of t-SNE; the definition is `transform` in
`scratchclust/reference/tsne.py`.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import rows
from scratchclust.distances import AnyArray
from scratchclust.reduce.tsne_parts.affinities import check, conditional_affinities, neighbors_of

NEW_STEP, NEW_ITERATIONS = 0.25, 100
STRETCH = 2e8  # pairs of a new point and one of the map in one compiled call on one device


def transform(
    X_new: Real[AnyArray, "m d"],
    X: Real[AnyArray, "n d"],
    embedding: Float[AnyArray, "n q"],
    *,
    perplexity: float = 30.0,
    metric: str = "euclidean",
) -> Float[Array, "m q"]:
    """Places for new points in a finished map, none of which moves anything else.

    Args:
        X_new: new points, or with metric="precomputed" their distances [m n] to those of the fit.
        X: the points of the fit, or their distances.
        embedding: their map.
        perplexity: of the affinities.
        metric: "euclidean", "cosine" or "precomputed".

    Returns:
        Places: of a point that equals one of the fit, that one's. Cost O(m n (d + 100 q)) time, O(m
            perplexity) memory
        and one block.

    Raises:
        InputError: as for `joint_affinities`, or new points of another length.
    """
    check(X, perplexity, metric)
    near = neighbors_of(X, min(int(3 * perplexity) + 1, len(X)), X_new, metric)
    p = np.asarray(conditional_affinities(near.distances**2, perplexity))
    map_of_fit = np.asarray(embedding, np.float32)
    Y = (p[:, :, None] * map_of_fit[near.indices]).sum(axis=1)
    whole = rows.on_every_device(map_of_fit, rows.mesh())
    at_once = max(1, round(STRETCH * rows.mesh().size / len(map_of_fit)))
    parts = (slice(i, i + at_once) for i in range(0, len(Y), at_once))
    placed = jnp.concatenate(
        [_placed(Y[part], p[part], near.indices[part], whole, at_once) for part in parts]
    )
    equal = jnp.asarray(near.distances[:, :1] == 0)
    return jnp.where(equal, jnp.asarray(map_of_fit[near.indices[:, 0]]), placed)


def _placed(
    Y: Float[np.ndarray, "m q"],
    p: Float[np.ndarray, "m k"],
    indices: Any,
    embedding: Array,
    at_once: int,
) -> Float[Array, "m q"]:
    """The descent of some points, in calls of about `at_once` steps of a point."""
    block = rows.block_size(len(Y), len(embedding))
    fixed = tuple(rows.split(a, block=block, dtype=a.dtype) for a in (p, indices))
    places, per_call = rows.split(Y, block=block), max(1, at_once // len(Y))
    for done in range(0, NEW_ITERATIONS, per_call):
        n_iter = min(per_call, NEW_ITERATIONS - done)
        places = rows.finished(
            _descended(rows.Rows((places, *fixed), rows.mesh()), embedding, n_iter)
        )
    return rows.join(places, len(Y))


@jax.jit
def _descended(data: rows.Rows, embedding: Array, n_iter: Any) -> Array:
    def block(
        y: Array, p: Array, indices: Array, embedding: Array, n_iter: Array
    ) -> tuple[None, Array]:
        attracting = embedding[indices].transpose(2, 0, 1)  # [q b k]

        def step(_: Any, y: Array) -> Array:
            pull, _total = _pull(y, attracting, p)
            push, total = _pull(y, embedding.T[:, None, :], None)
            return y - NEW_STEP * 2 * (pull - push / total[:, None])

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
