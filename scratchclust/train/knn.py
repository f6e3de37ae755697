"""How good is a code? Let the labels of its nearest neighbours vote for each picture's.

    votes(c) = sum over the m nearest i with label c of exp(s_i / t)

with s_i their cosines. Labels are used to judge a code, never to make it. The definition is in
`scratchclust/reference/knn.py`.

Source: Wu, Xiong, Yu and Lin, Unsupervised feature learning via non-parametric instance
discrimination, 2018 (with m = 200, and t = 0.07; most programs since have t = 0.1).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.neighbors_parts.candidates import largest
from scratchclust.rows import AnyArray
from scratchclust.train.losses import Number
from scratchclust.train.objectives.sphere import inner_products, normalise

# Of a block: all voters are read for each block, and they are too many for a cache.
LEAST_ROWS = 128


def knn_accuracy(
    Z_train: Float[AnyArray, "n d"],
    labels_train: Int[AnyArray, " n"],
    Z_test: Float[AnyArray, "n2 d"],
    labels_test: Int[AnyArray, " n2"],
    *,
    n_neighbors: int = 200,
    temperature: float | int = 0.1,
) -> float:
    """Measure how often the neighbours' vote is right.

    Args:
        Z_train: the code of the pictures that vote.
        labels_train: their classes, from 0.
        Z_test: that of those that are voted on; none of them votes.
        labels_test: their classes.
        n_neighbors: m; all, if there are fewer.
        temperature: t; the smaller, the more only the nearest count.

    Returns:
        The share of them whose class has the most votes; the lowest class where two have as many.
        Cost O(n n2 d), memory a block of rows times n.
    """
    n_classes = int(max(np.max(labels_train), np.max(labels_test))) + 1
    block = max(rows.block_size(len(Z_test), len(Z_train)), LEAST_ROWS)
    data = rows.Rows((rows.split(normalise(jnp.asarray(Z_test)), block=block),), rows.mesh())
    voted = _vote(
        data,
        normalise(jnp.asarray(Z_train)),
        jnp.asarray(labels_train, jnp.int32),
        temperature,
        n_neighbors=min(n_neighbors, len(Z_train)),
        n_classes=n_classes,
    )
    classes = np.asarray(rows.join(rows.finished(voted), len(Z_test)))
    return float((classes == np.asarray(labels_test)).mean())


@partial(jax.jit, static_argnames=("n_neighbors", "n_classes"))
def _vote(
    data: rows.Rows,
    U: Float[Array, "n d"],
    labels: Int[Array, " n"],
    temperature: Number,
    *,
    n_neighbors: int,
    n_classes: int,
) -> Array:
    """The class of the most votes for each row, [n_blocks block]."""

    def block(u: Array, U: Array, labels: Array, temperature: Array) -> tuple[None, Array]:
        cosines, nearest = largest(inner_products(u, U), n_neighbors)
        # relative to the nearest, so that a small t leaves something
        weights = jnp.exp((cosines - cosines[:, :1]) / temperature)
        votes = weights[:, :, None] * jax.nn.one_hot(labels[nearest], n_classes)
        return None, votes.sum(axis=1).argmax(axis=1)

    return rows.map_sum(block, data, U, labels, jnp.asarray(temperature))[1]
