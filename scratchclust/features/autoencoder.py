"""The code of an autoencoder as the features of an image: what it takes to draw the image again.

    z = encode(x),    x' = decode(z),    trained to make x' near x

The network learns from the images alone. Convolutional, U-Net and variational autoencoders stand in
`scratchclust/models`, the losses and the loop in `scratchclust/train`.

With views, the network sees each image turned and moved anew each time, and draws the image as it
was, so that the code need not know what the views change. The code of an image may then be the mean
of those of several views of it, in which that counts for even less:

    x' = decode(encode(view(x))),    trained to make x' near x
    z  = 1/v sum_i encode(view_i(x))
"""

import math
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float32, Num

from scratchclust.errors import InputError
from scratchclust.features.drawn_views import DrawnFromView, MeanOverViews
from scratchclust.features.networks import in_batches
from scratchclust.models import VAE, ConvAutoencoder, ConvAutoencoderSpec, UNet, UNetSpec, VAESpec
from scratchclust.train.loop import TrainingResult, fit
from scratchclust.train.losses import Batch, Loss, reconstruction_loss, vae_loss
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import ViewSpec
from scratchclust.train.views import Views

__all__ = [
    "MODELS",
    "code_length",
    "decode",
    "encode",
    "fit_autoencoder",
    "loss_of",
    "reconstruct",
    "reconstructions",
    "spec_of",
]

MODELS: dict[str, Any] = {"conv": ConvAutoencoderSpec, "unet": UNetSpec, "vae": VAESpec}
# of a pixel in a VAE, by the word for the loss
LIKELIHOODS = {"mse": "gaussian", "bernoulli": "bernoulli"}


def spec_of(model: Any, *, latent_dim: int | None = None, loss: str = "mse") -> Any:
    """Give the spec that a word stands for; a spec is taken as it is.

    Args:
        model: "conv", "unet", "vae" or a spec of one of them.
        latent_dim: numbers in the code; None leaves the spec's own.
        loss: for the word "vae" it decides the likelihood: "mse" is Gaussian, "bernoulli" is
            Bernoulli.

    Raises:
        InputError: an unknown word, or no spec of an autoencoder.
    """
    _check_loss(loss)
    if isinstance(model, tuple(MODELS.values())):
        return model if latent_dim is None else replace(model, latent_dim=latent_dim)
    if not isinstance(model, str) or model not in MODELS:
        raise InputError(
            f"expected model to be one of {', '.join(map(repr, MODELS))} or a spec of them, "
            f"got {model!r}"
        )
    fields: dict[str, Any] = {} if latent_dim is None else {"latent_dim": latent_dim}
    if model == "vae":
        fields["likelihood"] = LIKELIHOODS[loss]
    return MODELS[model](**fields)


def loss_of(spec: Any, loss: str) -> Loss:
    """Give the loss of a model: `loss` ("mse" or "bernoulli") for autoencoders, the ELBO that its
    spec says for a VAE.

    Raises:
        InputError: an unknown loss, a VAE whose likelihood is another one, or "bernoulli" without a
            sigmoid at the end.
    """
    _check_loss(loss)
    if isinstance(spec, VAESpec):
        # "mse" is the default, which nobody need have meant: a spec says its likelihood itself.
        if loss != "mse" and spec.likelihood != LIKELIHOODS[loss]:
            raise InputError(
                f"loss={loss!r} and a VAE of likelihood={spec.likelihood!r} do not fit: "
                "change one of them"
            )
        return vae_loss(spec.likelihood, spec.beta)
    if loss == "bernoulli" and getattr(spec, "symmetric", False):
        raise InputError(
            "loss='bernoulli' wants logits of [0, 1], the spec has symmetric=True: "
            "change one of them"
        )
    if loss == "bernoulli" and spec.output != "sigmoid":
        raise InputError(
            f"loss='bernoulli' wants output='sigmoid', the spec has {spec.output!r}: "
            "change one of them"
        )
    return reconstruction_loss(loss)


def code_length(spec: Any, image_shape: tuple[int, int, int]) -> int:
    """Count the numbers in the code of an image of (height, width, channels), flattened."""
    return spec.latent_dim or math.prod(spec.code_grid(image_shape))


def fit_autoencoder(
    images: Num[np.ndarray, "n h w c"],
    spec: Any,
    *,
    loss: str,
    key: Any,
    training: Training,
    views: ViewSpec | None = None,
) -> TrainingResult:
    """Train an autoencoder on the images, or to draw them from views that are made anew each time.

    Args:
        images: uint8, or float in [0, 1].
        spec: of the model.
        loss: "mse" or "bernoulli".
        key: of the first parameters, the shuffles and the noise.
        training: the settings, as `train` explains them.
        views: what is seen of an image; None: the image as it is.
    """
    build_key, train_key = jax.random.split(key)
    model = spec.build(images.shape[1:], rngs=nnx.Rngs(build_key))
    data = Batch(images, None)
    of_images = loss_of(spec, loss)
    drawn = of_images if views is None else DrawnFromView(of_images, Views(views, 1))
    return fit(model, data, loss=drawn, key=train_key, training=training)


def encode(
    model: nnx.Module,
    images: Num[np.ndarray, "n h w c"],
    *,
    views: ViewSpec | None = None,
    n_views: int | None = None,
) -> Float32[np.ndarray, "n d"]:
    """Give the code of each image as one vector; of a VAE the mean of its code.

    Args:
        model: in evaluation mode.
        images: uint8, or float in [0, 1].
        views: what was drawn in the training.
        n_views: of so many of them the mean, the same views for all images; None: the code of the
            image as it is.
    """
    if views is None or n_views is None:
        return in_batches(model, _codes, images)
    return in_batches(model, MeanOverViews(_codes, views, n_views), images)


def decode(
    model: ConvAutoencoder | UNet | VAE, codes: Float32[np.ndarray, "n d"]
) -> Float32[np.ndarray, "n h w c"]:
    """Draw the image of each code, in [0, 1] (or what `output` of the spec says).

    Args:
        model: a ConvAutoencoder or a VAE.
        codes: as `encode` gives them.

    Raises:
        InputError: a U-Net, which cannot draw an image from the code without what its skips bring.
    """
    if isinstance(model, UNet):
        raise InputError(
            "a U-Net draws from its skip connections too, so codes alone cannot be decoded: "
            "use another model"
        )
    return in_batches(
        model, _images, codes.reshape(len(codes), *model.decoder.code_shape), prepare=_as_it_is
    )


def reconstruct(
    model: nnx.Module, images: Num[np.ndarray, "n h w c"], *, zero_code: bool = False
) -> Float32[np.ndarray, "n h w c"]:
    """Draw each image again; of a VAE, from the mean of its code.

    Args:
        model: ConvAutoencoder, UNet or VAE.
        images: uint8, or float in [0, 1].
        zero_code: put zeros in the place of the code; what is still drawn came by the skips of a
            U-Net.
    """
    return in_batches(model, _without_code if zero_code else reconstructions, images)


def _codes(model: Any, images: Array) -> Array:
    code = model.encode(images)
    code = code[0] if isinstance(code, tuple) else code
    return code.reshape(len(code), -1)


def _images(model: Any, codes: Array) -> Array:
    return model.decode(codes)


def reconstructions(model: Any, images: Array) -> Array:
    """Draw each image of a batch [n h w c] in float again; to be used inside `jit`."""
    if isinstance(model, UNet):
        return model(images)
    code = model.encode(images)
    return model.decode(code[0] if isinstance(code, tuple) else code)


def _without_code(model: Any, images: Array) -> Array:
    if isinstance(model, UNet):
        return model(images, zero_code=True)
    code = model.encode(images)
    return model.decode(jnp.zeros_like(code[0] if isinstance(code, tuple) else code))


def _check_loss(loss: Any) -> None:
    if loss not in tuple(LIKELIHOODS):
        raise InputError(f"expected loss to be {' or '.join(map(repr, LIKELIHOODS))}, got {loss!r}")


def _as_it_is(values: Array) -> Array:
    return values
