"""Neighbour consistency: pictures that are neighbours belong to the same cluster, and no cluster
takes them all.

    C = -1/n sum_i log( p_i . p_i' )        H = -sum_j p_j log p_j        L = C - weight H

with p_i = softmax(logits_i), p_i' that of a neighbour, and p the mean of p_1..p_n. All is computed
from logarithms, so that no probability is rounded to 0. The definition is in
`scratchclust/reference/neighbor_consistency.py`.

Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, SCAN: learning to classify
images without labels, 2020 (with weight = 5).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Num

from scratchclust.errors import InputError
from scratchclust.train.losses import Batch, Number, Scalar, Terms, wide
from scratchclust.train.objectives.views import NOT_NEGATIVE, VIEWS, Views, draw, outputs_of_views


@jax.jit
def neighbor_consistency(
    logits: Float[Array, "n k"], neighbor_logits: Float[Array, "n k"]
) -> Scalar:
    """Measure how often neighbours disagree on their cluster: C.

    Args:
        logits: of each picture.
        neighbor_logits: of a neighbour of each.
    """
    log_p = jax.nn.log_softmax(wide(logits))
    log_p_neighbor = jax.nn.log_softmax(wide(neighbor_logits))
    return -jax.nn.logsumexp(log_p + log_p_neighbor, axis=1).mean()


@jax.jit
def entropy_of_mean(logits: Float[Array, "n k"]) -> Scalar:
    """Measure how even the clusters are: H, in nats.

    Args:
        logits: of each picture.
    """
    log_p = jax.nn.log_softmax(wide(logits))
    log_shares = jax.nn.logsumexp(log_p, axis=0) - jnp.log(jnp.asarray(len(log_p), log_p.dtype))
    return -(jnp.exp(log_shares) * log_shares).sum()


@jax.jit
def scan_loss(
    logits: Float[Array, "n k"],
    neighbor_logits: Float[Array, "n k"],
    *,
    entropy_weight: Number = 5.0,
) -> Scalar:
    """Measure how badly neighbours agree on even clusters: L.

    Args:
        logits: of each picture.
        neighbor_logits: of a neighbour of each.
        entropy_weight: of H.
    """
    entropy = entropy_of_mean(logits)
    return neighbor_consistency(logits, neighbor_logits) - entropy_weight * entropy


def pair_with_neighbors(
    images: Num[Array, "n h w c"], neighbors: Int[Array, "n m"], *, key: Any
) -> Num[Array, "n 2 h w c"]:
    """Put one of its neighbours, drawn at random, beside each image: what `NeighborLoss` is trained
    on. (A training that is given `Batch.neighbors` does it in each step, anew for each epoch.)

    Args:
        images: as they are stored.
        neighbors: the numbers of the m nearest neighbours of each.
        key: decides which.
    """
    n, m = neighbors.shape
    column = jax.random.randint(key, (n,), 0, m)
    chosen = jnp.take_along_axis(neighbors, column[:, None], axis=1)[:, 0]
    return jnp.stack([images, images[chosen]], axis=1)


@dataclass(frozen=True)
class NeighborLoss:
    """`scan_loss` of a model whose output is the clusters' logits, `model(images) -> [n k]`, on
    pairs of `pair_with_neighbors`.

    Its terms are "consistency" and "entropy".

    Attributes:
        views: `views(images, key)`, one of each image.
        entropy_weight: as in `scan_loss`.

    Raises:
        InputError: a negative weight; when called, images that are no pairs.
    """

    views: Views
    entropy_weight: float | int = 5.0

    def __post_init__(self) -> None:
        VIEWS("views", self.views)
        NOT_NEGATIVE("entropy_weight", self.entropy_weight)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        pairs = batch.images
        if pairs.ndim != 5 or pairs.shape[1] != 2:
            raise InputError(
                f"expected images of shape [n 2 h w c], got {list(pairs.shape)}: "
                "give those of pair_with_neighbors"
            )
        n = len(pairs)
        pictures = draw(self.views, pairs.reshape(2 * n, *pairs.shape[2:]), key)
        logits = outputs_of_views(model, pictures[:1])[0].reshape(n, 2, -1)
        consistency = neighbor_consistency(logits[:, 0], logits[:, 1])
        entropy = entropy_of_mean(logits[:, 0])
        loss = consistency - self.entropy_weight * entropy
        return loss, {"consistency": consistency, "entropy": entropy}
