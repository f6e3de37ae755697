"""How badly each of several autoencoders, one for each class, draws an image: its losses are the
image's features.

An autoencoder that has only ever seen sevens draws sevens well and fives badly. With one network
for each of c classes, the c losses of an image say which class it looks like:

    f_j(x) = mean over pixels of (x - decode_j(encode_j(x)))^2                       "raw"
    g_j(x) = log f_j(x) - 1/c sum_i log f_i(x)                                       "log-centred"

Some images are hard for every network, which moves all their raw losses together, far more than the
difference between the networks; the logarithm makes that a shift, and the centring takes the shift
away.

The labels decide which network sees which image, so whatever is made of these features has used
labels.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float32, Num

from scratchclust.features.autoencoder import reconstructions
from scratchclust.features.networks import in_batches

LOSSES = ("raw", "log-centred")
LEAST_LOSS = 1e-8  # a picture that is drawn exactly has loss 0, and that no logarithm


def image_losses(
    model: nnx.Module, images: Num[np.ndarray, "n h w c"]
) -> Float32[np.ndarray, " n"]:
    """Give the mean squared error over the pixels and channels of each image, whatever loss the
    model was trained on.
    """
    return in_batches(model, _losses, images)


def log_centred(losses: Num[np.ndarray, "n c"]) -> Float32[np.ndarray, "n c"]:
    """log f_j(x) less its mean over j, for losses f_j(x) [n c] that count as at least 1e-8."""
    logarithms = np.log(np.maximum(losses, LEAST_LOSS)).astype(np.float32)
    return logarithms - logarithms.mean(axis=1, keepdims=True)


def _losses(model: nnx.Module, images: Array) -> Array:
    return jax.vmap(lambda x, y: jnp.mean((x - y) ** 2))(images, reconstructions(model, images))
