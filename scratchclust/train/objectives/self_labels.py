"""Self-labels: what the network is sure of in an unchanged picture is its label for a changed one.

    y_i = argmax_j p_ij    where max_j p_ij > threshold,    none elsewhere
    L = mean over the clusters j with labels of   mean over i with y_i = j of   -log q_ij

with p_i of picture i hardly changed and q_i of it strongly changed. The definition is in
`scratchclust/reference/self_labels.py`, with what L cannot do.

Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, SCAN: learning to classify
images without labels, 2020 (with threshold = 0.99; the weights of its program, one over a cluster's
share, are the mean over clusters here).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from scratchclust.train.losses import Batch, Number, Scalar, Terms, wide
from scratchclust.train.objectives.views import SHARE, VIEWS, Views, draw, outputs_of_views


@jax.jit
def confident_labels(logits: Float[Array, "n k"], *, threshold: Number = 0.99) -> Int[Array, " n"]:
    """Label what is sure: y.

    Args:
        logits: of the unchanged pictures.
        threshold: the probability that a label must exceed.

    Returns:
        The label of each picture, -1 for none.
    """
    logits = wide(logits)
    surest = jnp.exp(logits.max(axis=1) - jax.nn.logsumexp(logits, axis=1))
    return jnp.where(surest > threshold, logits.argmax(axis=1), -1).astype(jnp.int32)


@jax.jit
def balanced_cross_entropy(logits: Float[Array, "n k"], labels: Int[Array, " n"]) -> Scalar:
    """Measure how badly labels are met, with the same weight for each cluster: L.

    Args:
        logits: of the changed pictures.
        labels: of `confident_labels`.

    Returns:
        L in nats; 0 where there are no labels.
    """
    logits = wide(logits)
    one_hot = jax.nn.one_hot(labels, logits.shape[1], dtype=logits.dtype)  # zeros where label is -1
    surprise = jax.nn.logsumexp(logits, axis=1, keepdims=True) - logits
    counts = one_hot.sum(axis=0)
    of_cluster = (one_hot * surprise).sum(axis=0) / jnp.maximum(counts, 1)
    return of_cluster.sum() / jnp.maximum((counts > 0).sum(), 1)


@dataclass(frozen=True)
class SelfLabelLoss:
    """`balanced_cross_entropy` of a model whose output is the clusters' logits, `model(images) ->
    [n k]`, with the labels that it gives itself. No gradient goes through the labels.

    Its terms are "sure", the share of pictures with a label, and "clusters_sure", how many
    clusters have some in a batch.

    Attributes:
        weak: `views(images, key)`, one of each image, hardly changed.
        strong: likewise, strongly changed.
        threshold: as in `confident_labels`.

    Raises:
        InputError: a threshold outside of [0, 1].
    """

    weak: Views
    strong: Views
    threshold: float | int = 0.99

    def __post_init__(self) -> None:
        VIEWS("weak", self.weak)
        VIEWS("strong", self.strong)
        SHARE("threshold", self.threshold)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        weak_key, strong_key = jax.random.split(key)
        weak = outputs_of_views(model, draw(self.weak, batch.images, weak_key)[:1])[0]
        strong = outputs_of_views(model, draw(self.strong, batch.images, strong_key)[:1])[0]
        labels = confident_labels(jax.lax.stop_gradient(weak), threshold=self.threshold)
        n_sure = jax.nn.one_hot(labels, strong.shape[1]).sum(axis=0)
        return balanced_cross_entropy(strong, labels), {
            "sure": n_sure.sum() / len(labels),
            "clusters_sure": (n_sure > 0).sum(dtype=jnp.float32),
        }
