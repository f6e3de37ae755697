"""What training makes small: losses of arrays, and the losses of whole models that the training
loop takes.

All are summed over pixels and over latents and averaged over the batch; only so is the ELBO a bound
in nats per image. They compute in float32 at least, whatever precision the model has computed in.

A loss of a model is a function

    loss(model, batch, key) -> (scalar, {"name": scalar, ...})

whose terms appear in the history of the run beside "loss" itself. The ones made here are compared
by their settings, so that a second training with the same loss compiles nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from scratchclust.checks import one_of
from scratchclust.errors import InputError

LIKELIHOOD = one_of("bernoulli", "gaussian")  # of a pixel given the code
Scalar = Float[Array, ""]
Terms = dict[str, Scalar]
Number = float | int | Array  # that a compiled function is given: inside, it is an array


class Batch(NamedTuple):
    """Images, prepared for the model, and their labels where there are any.

    Where a training is given neighbours, a batch has pairs [n 2 h w c]: each image, and beside it
    one of its neighbours.
    """

    images: Any  # [n h w c] float
    labels: Any  # [n] int32, or None; for some losses targets [n k] float
    # of a whole data set: [n m] int, the numbers of m other images of each, or None
    neighbors: Any = None


Loss = Callable[[Any, Batch, Any], tuple[Scalar, Terms]]


def mse(images: Float[Array, " n *shape"], reconstructions: Float[Array, " n *shape"]) -> Scalar:
    """The squared error of an image: 1/n sum_i sum_p (x_ip - y_ip)^2, over pixels p and channels.

    What other programs print as the MSE, the mean over everything, is this divided by the pixels
    times channels.
    """
    images = wide(images)
    reconstructions = wide(reconstructions)
    return _per_image((images - reconstructions) ** 2)


def gaussian_cross_entropy(
    images: Float[Array, " n *shape"], means: Float[Array, " n *shape"]
) -> Scalar:
    """-log N(x; y, 1), in nats per image: mse / 2 + D log(2 pi) / 2 with D pixels and channels.

    Args:
        images: x.
        means: y, the decoder's output.
    """
    n_pixels = images.size // len(images)
    return mse(images, means) / 2 + n_pixels * jnp.log(2 * jnp.pi) / 2


def bernoulli_cross_entropy(
    images: Float[Array, " n *shape"], logits: Float[Array, " n *shape"]
) -> Scalar:
    """-log Bernoulli(x; sigmoid(l)), in nats per image, for pixels in [0, 1].

        1/n sum_i sum_p  -x log sigmoid(l) - (1 - x) log(1 - sigmoid(l))
            =  1/n sum_i sum_p  softplus(l) - x l

    The right side is what is computed: it takes no logarithm of what a sigmoid has rounded to 0 or
    1.

    Args:
        images: x, in [0, 1].
        logits: l, the decoder's output before the sigmoid.
    """
    images = wide(images)
    logits = wide(logits)
    return _per_image(jax.nn.softplus(logits) - images * logits)


def gaussian_kl(mean: Float[Array, " n *latent"], log_var: Float[Array, " n *latent"]) -> Scalar:
    """KL(N(mean, exp(log_var)) || N(0, 1)), in nats per image.

        1/n sum_i sum_j (exp(log_var_ij) + mean_ij^2 - 1 - log_var_ij) / 2

    Kingma & Welling, 2014, appendix B.
    """
    mean = wide(mean)
    log_var = wide(log_var)
    # expm1 keeps the digits of a code that has collapsed to the prior, where exp(log_var) - 1 is
    # nearly 0.
    return _per_image(jnp.expm1(log_var) + mean**2 - log_var) / 2


def elbo(
    images: Float[Array, " n *shape"],
    logits: Float[Array, " n *shape"],
    mean: Float[Array, " n *latent"],
    log_var: Float[Array, " n *latent"],
    *,
    likelihood: str = "bernoulli",
    beta: float = 1.0,
) -> Scalar:
    """The evidence lower bound, in nats per image: E log p(x | z) - beta KL(q(z | x) || p(z)), at
    one z for each image.

    With beta = 1 it is, on average over z, at most log p(x).

    Args:
        images: x, in [0, 1].
        logits: the decoder's output before the sigmoid, for the z that was drawn.
        mean: of q.
        log_var: of q.
        likelihood: "bernoulli", or "gaussian" with mean sigmoid(logits) and variance 1.
        beta: weight of the KL term.

    Raises:
        InputError: an unknown likelihood.
    """
    return -_reconstruction(images, logits, likelihood) - beta * gaussian_kl(mean, log_var)


def cross_entropy(logits: Float[Array, "n k"], labels: Int[Array, " n"]) -> Scalar:
    """-log softmax(l)[label] over the batch: 1/n sum_i (log sum_k exp(l_ik) - l_i,label)."""
    logits = wide(logits)
    chosen = jnp.take_along_axis(logits, labels[:, None], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - chosen).mean()


def reconstruction_loss(kind: str = "mse") -> Loss:
    """Measure how badly a model gives back its input.

    Args:
        kind: "mse", on `model(images)`, or "bernoulli", on `model.logits(images)`, of which the
            sigmoid is the reconstruction. The terms have its name, and "mse_per_pixel", the mean
            over everything that other programs print.

    Raises:
        InputError: an unknown kind.
    """
    return _ReconstructionLoss(one_of("mse", "bernoulli")("kind", kind))


def vae_loss(likelihood: str = "bernoulli", beta: float | int = 1.0) -> Loss:
    """The negative ELBO of a variational autoencoder, `model(images, key=key) -> (logits, mean,
    log_var)`.

    Args:
        likelihood: as in `elbo`.
        beta: weight of the KL term; 1 makes the loss a bound. The terms are "reconstruction" and
            "kl" (without beta).

    Raises:
        InputError: an unknown likelihood, or a negative beta.
    """
    LIKELIHOOD("likelihood", likelihood)
    if not beta >= 0:
        raise InputError(
            f"expected beta to be at least 0, got {beta}: "
            "1 gives the bound, 0 leaves the KL term out"
        )
    return _VAELoss(likelihood, beta)


def classification_loss() -> Loss:
    """The cross-entropy of a classifier, `model(images, key=key) -> logits`. Terms: "accuracy" (of
    the batches).
    """
    return _ClassificationLoss()


@dataclass(frozen=True)
class _ReconstructionLoss:
    kind: str

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        if self.kind == "mse":
            reconstructions = model(batch.images)
            loss = mse(batch.images, reconstructions)
        else:
            logits = model.logits(batch.images)
            loss = bernoulli_cross_entropy(batch.images, logits)
            reconstructions = jax.nn.sigmoid(wide(logits))
        n_pixels = batch.images.size // len(batch.images)
        return loss, {
            self.kind: loss,
            "mse_per_pixel": mse(batch.images, reconstructions) / n_pixels,
        }


@dataclass(frozen=True)
class _VAELoss:
    likelihood: str
    beta: float | int

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        logits, mean, log_var = model(batch.images, key=key)
        reconstruction = _reconstruction(batch.images, logits, self.likelihood)
        kl = gaussian_kl(mean, log_var)
        return reconstruction + self.beta * kl, {"reconstruction": reconstruction, "kl": kl}


@dataclass(frozen=True)
class _ClassificationLoss:
    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        if batch.labels is None:
            raise InputError("a classifier is trained with labels, but none came: give labels=...")
        logits = model(batch.images, key=key)
        accuracy = (logits.argmax(axis=1) == batch.labels).mean(dtype=jnp.float32)
        return cross_entropy(logits, batch.labels), {"accuracy": accuracy}


def _reconstruction(images: Array, logits: Array, likelihood: str) -> Scalar:
    LIKELIHOOD("likelihood", likelihood)
    if likelihood == "bernoulli":
        return bernoulli_cross_entropy(images, logits)
    return gaussian_cross_entropy(images, jax.nn.sigmoid(wide(logits)))


def wide(values: Array) -> Array:
    """Give float32 at least: sums over many numbers need more digits than bfloat16 has."""
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def _per_image(values: Array) -> Scalar:
    return values.sum() / len(values)
