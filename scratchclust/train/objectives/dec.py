"""Deep embedded clustering: soft clusters of a code become those that are sharper and evener.

    q_ij = 1 / (1 + |z_i - c_j|^2)  /  sum over j' of 1 / (1 + |z_i - c_j'|^2)
    p_ij = (q_ij^2 / f_j)  /  sum over j' of (q_ij'^2 / f_j')          f_j = sum_i q_ij
    L_c  = 1/n sum_i sum_j p_ij log( p_ij / q_ij )              L = L_r + gamma L_c

The target p is computed of the whole, unchanged data set and held; where fewer labels than `tol`
have changed since it was last computed, the training ends (`train_to_targets`); gamma weighs the
clustering. The definition is in `scratchclust/reference/dec.py`.

Sources: Xie, Girshick and Farhadi, Unsupervised deep embedding for clustering analysis, 2016 (DEC).
Guo, Gao, Liu and Yin, Improved deep embedded clustering with local structure preservation, 2017
(IDEC: gamma = 0.1, tol = 0.001). Guo, Zhu, Liu and Yin, Deep embedded clustering with data
augmentation, 2018.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.scipy.special import xlogy
from jaxtyping import Array, Float, Int

from scratchclust.errors import InputError
from scratchclust.rows import AnyArray
from scratchclust.train.losses import Batch, Number, Scalar, Terms, mse, wide
from scratchclust.train.objectives.views import NOT_NEGATIVE, VIEWS, Views, draw


@jax.jit
def soft_assignments(Z: Float[Array, "n d"], centroids: Float[Array, "k d"]) -> Float[Array, "n k"]:
    """Share every point out among the centroids: q.

    Args:
        Z: the code.
        centroids: of the clusters.
    """
    return jnp.exp(_log_assignments(Z, centroids))


@jax.jit
def target_distribution(Q: Float[Array, "n k"]) -> Float[Array, "n k"]:
    """Sharpen assignments, and even the clusters out: p.

    Args:
        Q: of the whole, unchanged data set, not of a batch.
    """
    Q = wide(Q)
    f = Q.sum(axis=0)
    weights = Q * (Q / jnp.where(f > 0, f, 1)[None])
    return weights / weights.sum(axis=1, keepdims=True)


@jax.jit
def clustering_loss(
    Z: Float[Array, "n d"], centroids: Float[Array, "k d"], targets: Float[Array, "n k"]
) -> Scalar:
    """Measure how far assignments are from their targets: L_c, in nats for each point.

    Args:
        Z: the code of a batch.
        centroids: of the clusters.
        targets: p of these points, as it was computed of all.
    """
    log_q = _log_assignments(Z, centroids)
    targets = jax.lax.stop_gradient(wide(targets))
    return (xlogy(targets, targets) - targets * log_q).sum(axis=1).mean()


def idec(reconstruction: Scalar, clustering: Scalar, *, gamma: Number = 0.1) -> Scalar:
    """Add the two terms of IDEC: L = L_r + gamma L_c.

    Args:
        reconstruction: L_r, the mean square over all pixels in the authors' program.
        clustering: L_c.
        gamma: weight of the clustering.
    """
    return reconstruction + gamma * clustering


def changed_share(labels: Int[AnyArray, " n"], previous: Int[AnyArray, " n"]) -> float:
    """Count the points whose label has changed, as a share of all.

    Args:
        labels: of all points.
        previous: those when the target was last computed.
    """
    return float((np.asarray(labels) != np.asarray(previous)).mean())


class ClusteredAutoencoder(nnx.Module):
    """An autoencoder with centroids in its code, which are trained along with it.

    Args:
        autoencoder: with `encode` and `decode`.
        centroids: where they begin, as those of k-means.
    """

    def __init__(self, autoencoder: Any, centroids: Float[Array, "k d"]):
        self.autoencoder = autoencoder
        self.centroids = nnx.Param(jnp.asarray(centroids))

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        return self.autoencoder.encode(images).reshape(len(images), -1)

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n k"]:
        """The shares of the clusters, q."""
        return soft_assignments(self.encode(images), self.centroids[...])


@dataclass(frozen=True)
class DECLoss:
    """`idec` of a `ClusteredAutoencoder` on changed images; the labels of the batch are the targets
    p [n k], computed of unchanged ones.

    The reconstruction is that of the changed image. The terms are "clustering" and "mse_per_pixel".

    Attributes:
        views: `views(images, key)`, one of each image.
        gamma: weight of the clustering; None is DEC, which has no reconstruction.

    Raises:
        InputError: a negative gamma; when called, labels that are no targets.
    """

    views: Views
    gamma: float | int | None = 0.1

    def __post_init__(self) -> None:
        VIEWS("views", self.views)
        if self.gamma is not None:
            NOT_NEGATIVE("gamma", self.gamma)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        targets = batch.labels
        if targets is None or targets.ndim != 2:
            got = "none" if targets is None else f"labels of shape {list(targets.shape)}"
            raise InputError(
                f"expected the targets [n k] as labels, got {got}: "
                "give target_distribution(Q) of the whole data set"
            )
        images = draw(self.views, batch.images, key)[0]
        code = model.autoencoder.encode(images)
        centroids = model.centroids[...]
        clustering = clustering_loss(code.reshape(len(images), -1), centroids, targets)
        if self.gamma is None:
            return clustering, {"clustering": clustering}
        n_pixels = images.size // len(images)
        reconstruction = mse(images, model.autoencoder.decode(code)) / n_pixels
        loss = idec(reconstruction, clustering, gamma=self.gamma)
        return loss, {"clustering": clustering, "mse_per_pixel": reconstruction}


class Rounds(NamedTuple):
    """How `train_to_targets` went."""

    labels: np.ndarray  # [n] int32
    changed: list[float]  # the share of labels that each round changed
    converged: bool  # False when max_rounds ended it


def train_to_targets(
    assign: Callable[[], Float[Array, "n k"]],
    fit: Callable[[Float[Array, "n k"]], object],
    *,
    tol: float | int = 1e-3,
    max_rounds: int = 100,
    changed: Sequence[float] = (),
    each_round: Callable[[list[float]], object] | None = None,
) -> Rounds:
    """Compute the targets, train on them, and again, until labels stay as they are.

    Args:
        assign: gives q of the whole data set, unchanged, by the network as it is now.
        fit: trains the network on targets p [n k], for some steps.
        tol: the share of changed labels below which it ends.
        max_rounds: rounds at most.
        changed: of the rounds before, where it goes on.
        each_round: is given the shares of the rounds so far after each.
    """
    Q = assign()
    labels = np.asarray(Q).argmax(axis=1).astype(np.int32)
    changed = list(changed)
    while len(changed) < max_rounds and not (changed and changed[-1] < tol):
        fit(target_distribution(Q))
        Q = assign()
        previous = labels
        labels = np.asarray(Q).argmax(axis=1).astype(np.int32)
        changed.append(changed_share(labels, previous))
        if each_round is not None:
            each_round(changed)
    return Rounds(labels, changed, converged=bool(changed) and changed[-1] < tol)


def _log_assignments(Z: Float[Array, "n d"], centroids: Float[Array, "k d"]) -> Array:
    apart = wide(Z)[:, None] - wide(centroids)[None]
    # Squares of large numbers leave the range of float32: with any m > 0,
    # log(1 + |a|^2) = 2 log m + log(1 / m^2 + |a / m|^2), whose gradient does not depend on m.
    m = jax.lax.stop_gradient(jnp.maximum(jnp.abs(apart).max(axis=2), 1))
    squares = ((apart / m[:, :, None]) ** 2).sum(axis=2)
    return jax.nn.log_softmax(-2 * jnp.log(m) - jnp.log1p(squares + (1 / m**2 - 1)), axis=1)
