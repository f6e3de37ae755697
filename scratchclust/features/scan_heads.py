"""The first training of `scan.py`: linear heads on codes that do not change.

    L_h = C_h - weight H_h        of each head h, as `neighbor_consistency.py` has it

All heads are trained at once, on the sum of their losses: none sees another's. The loss has many
minima; the head that ends in the lowest, over all images and all their neighbours, is taken. That
needs no label.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, Int

from scratchclust.errors import TrainingError
from scratchclust.features.networks import in_batches
from scratchclust.train.collapse import collapse_to, effective_clusters
from scratchclust.train.loop import fit
from scratchclust.train.losses import Batch, Number, Scalar, Terms, wide
from scratchclust.train.objectives.neighbor_consistency import entropy_of_mean, neighbor_consistency
from scratchclust.train.settings import Callback, Training

__all__ = ["Heads", "HeadsLoss", "TrainedHeads", "fit_heads", "losses_of_heads", "watch_clusters"]

MEASURED_IMAGES = 1_000  # whose clusters are looked at after each epoch


class Heads(nnx.Module):
    """h linear classifiers beside each other: logits = (x - centre) / scale W + b."""

    def __init__(
        self, Z: Float32[np.ndarray, "n d"], n_clusters: int, n_heads: int, *, rngs: nnx.Rngs
    ):
        d = Z.shape[1]
        kernel = jax.random.normal(rngs.params(), (n_heads, d, n_clusters)) / d**0.5
        self.kernel = nnx.Param(kernel)
        self.bias = nnx.Param(jnp.zeros((n_heads, n_clusters)))
        self.centre = nnx.Variable(jnp.asarray(Z.mean(axis=0)))
        self.scale = nnx.Variable(jnp.asarray(max(float(Z.std(axis=0).max()), 1e-12), jnp.float32))

    def __call__(self, Z: Float[Array, "n d"]) -> Float[Array, "n h q"]:
        """The logits of each head."""
        X = (Z - self.centre[...][None]) / self.scale[...]
        return jnp.einsum("nd,hdq->nhq", X, self.kernel[...]) + self.bias[...][None]

    def layer(self, head: int) -> tuple[Float32[np.ndarray, "d q"], Float32[np.ndarray, " q"]]:
        """One head as a dense layer of the code itself: its kernel and its bias."""
        kernel = np.asarray(self.kernel[...][head]) / float(self.scale[...])
        bias = np.asarray(self.bias[...][head]) - np.asarray(self.centre[...]) @ kernel
        return kernel, bias


class TrainedHeads(NamedTuple):
    """What is kept of the heads."""

    kernel: Float32[np.ndarray, "d q"]  # of the one of least loss
    bias: Float32[np.ndarray, " q"]
    losses: list[float]  # of all of them, over all images
    history: dict[str, list[Any]]


@dataclass(frozen=True)
class HeadsLoss:
    """The sum of `scan_loss` over the heads: each is trained as if it were alone.

    Its terms are "consistency" and "entropy", means over the heads.

    Attributes:
        entropy_weight: as in `scan_loss`.
    """

    entropy_weight: float | int = 5.0

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        n, _, d = batch.images.shape
        logits = model(batch.images.reshape(2 * n, d)).reshape(n, 2, *model.bias.shape)
        consistency = jax.vmap(neighbor_consistency, in_axes=1)(logits[:, 0], logits[:, 1])
        entropy = jax.vmap(entropy_of_mean, in_axes=1)(logits[:, 0])
        loss = (consistency - self.entropy_weight * entropy).sum()
        return loss, {"consistency": consistency.mean(), "entropy": entropy.mean()}


def fit_heads(
    Z: Float32[np.ndarray, "n d"],
    neighbors: Int[np.ndarray, "n m"],
    *,
    n_clusters: int,
    n_heads: int,
    entropy_weight: float | int,
    key: Any,
    training: Training,
) -> TrainedHeads:
    """Train linear heads on codes and keep the one of least loss.

    Args:
        Z: the codes.
        neighbors: of `mine_neighbors`.
        n_clusters: q.
        n_heads: h; they differ in where they begin.
        entropy_weight: as in `scan_loss`.
        key: of the first parameters and the shuffles.
        training: the settings, as `train` explains them.

    Raises:
        TrainingError: the loss became NaN, or in every head one cluster has taken nearly all.
    """
    build_key, train_key = jax.random.split(key)
    heads = Heads(Z, n_clusters, n_heads, rngs=nnx.Rngs(build_key))
    some = Z[:MEASURED_IMAGES]
    watch = watch_clusters(lambda model: in_batches(model, _call, some))
    trained = fit(
        heads,
        Batch(Z, None, neighbors),
        loss=HeadsLoss(entropy_weight),
        key=train_key,
        training=replace(training, callbacks=[watch, *training.callbacks]),
    )
    logits = in_batches(trained.model, _call, Z)
    losses = losses_of_heads(logits, jnp.asarray(neighbors), entropy_weight=entropy_weight)
    kernel, bias = trained.model.layer(int(losses.argmin()))
    return TrainedHeads(kernel, bias, np.asarray(losses).tolist(), trained.history)


@jax.jit
def losses_of_heads(
    logits: Float[Array, "n h q"], neighbors: Int[Array, "n m"], *, entropy_weight: Number
) -> Float[Array, " h"]:
    """Measure the SCAN loss of each head over all images and all of their neighbours.

    Args:
        logits: of all images.
        neighbors: the numbers of the neighbours of each.
        entropy_weight: as in `scan_loss`.
    """
    log_p = jax.nn.log_softmax(wide(logits))

    def of_column(neighbor: Int[Array, " n"]) -> Float[Array, " h"]:
        return -jax.nn.logsumexp(log_p + log_p[neighbor], axis=2).mean(axis=0)

    consistency = jax.lax.map(of_column, neighbors.T).mean(axis=0)
    return consistency - entropy_weight * jax.vmap(entropy_of_mean, in_axes=1)(logits)


def watch_clusters(logits: Callable[[Any], Float32[np.ndarray, "n h q"]]) -> Callback:
    """Make the callback that counts the clusters in use, and ends a training that has but one.

    Of several heads the one with most clusters counts. Both the shares and the labels are looked
    at: where the shares of all images are the same, one label has all of them.
    """

    def watch(epoch: int, model: Any, history: Any) -> dict[str, float]:
        counts = np.asarray(_count_clusters(jnp.asarray(logits(model)))).tolist()
        found = [
            (of_labels, collapse_to(of_shares) or collapse_to(of_labels))
            for of_shares, of_labels in counts
        ]
        n_clusters, collapse = max(found, key=lambda it: (it[1] is None, it[0]))
        if collapse is not None:
            raise TrainingError(
                f"after epoch {epoch} the clusters have collapsed: {collapse}", epoch=epoch
            )
        return {"effective_clusters": n_clusters}

    return watch


@jax.jit
def _count_clusters(logits: Float[Array, "n h q"]) -> Float[Array, "h 2"]:
    """The effective numbers of clusters of each head, by the shares and by the labels: for all
    heads the host reads once.
    """

    def of_head(logits: Float[Array, "n q"]) -> Float[Array, " 2"]:
        P = jax.nn.softmax(logits)
        labels = jax.nn.one_hot(P.argmax(axis=1), P.shape[1])
        return jnp.stack([effective_clusters(P), effective_clusters(labels)])

    return jax.lax.map(of_head, jnp.swapaxes(logits, 0, 1))


def _call(model: Any, Z: Array) -> Array:
    return model(Z)
