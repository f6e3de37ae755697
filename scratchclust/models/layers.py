"""What the architectures share: halving and doubling a picture, dropout, batch normalisation,
counting.

Halving rounds up (28, 14, 7, 4), doubling is cropped to the size before, so that every picture
comes back in its own size. Images and features are [n h w c] throughout.
"""

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from scratchclust.models.convolution import convolve
from scratchclust.models.draws import truncated_normal

ACTIVATIONS = {"relu": nnx.relu, "leaky_relu": nnx.leaky_relu, "gelu": nnx.gelu, "tanh": jnp.tanh}
OUTPUTS = {"sigmoid": nnx.sigmoid, "tanh": jnp.tanh, "linear": lambda logits: logits}
UPSAMPLING = ("depth_to_space", "resize", "transposed")
HE_NORMAL = truncated_normal(2)
"""Keeps the spread of features through a layer with ReLU: variance 2 / (number of inputs)."""
LECUN_NORMAL = truncated_normal(1)
"""The same through a layer without activation; flax's own choice."""


def count_parameters(model: nnx.Module) -> int:
    """Count the numbers that training adjusts; running statistics are not among them."""
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))


def halved_sizes(size: tuple[int, int], times: int) -> tuple[tuple[int, int], ...]:
    """List (height, width) before the first halving and after each, rounded up: 28, 14, 7, 4 with
    `times` = 3.
    """
    height, width = size
    return tuple((math.ceil(height / 2**i), math.ceil(width / 2**i)) for i in range(times + 1))


def max_pool(
    features: Float[Array, "n h w c"], *, padding: str = "same"
) -> Float[Array, "n h2 w2 c"]:
    """Take the maximum of each 2x2 window.

    Where a side is odd, "same" keeps the last row or column, "valid" drops it.

    Two maxima of neighbours, not `reduce_window`: the gradient of that one (select and scatter) is
    slow on CPU; a step of an autoencoder took 1.2 to 1.7 times as long. Where two are largest, each
    gets half of the gradient.
    """
    n, h, w, c = features.shape
    if padding == "same":
        odd = ((0, 0), (0, h % 2), (0, w % 2), (0, 0))
        features = jnp.pad(features, odd, constant_values=-jnp.inf) if h % 2 or w % 2 else features
    windows = crop(features, (features.shape[1] // 2 * 2, features.shape[2] // 2 * 2))
    windows = windows.reshape(n, windows.shape[1] // 2, 2, windows.shape[2] // 2, 2, c)
    rows = jnp.maximum(windows[:, :, 0], windows[:, :, 1])
    return jnp.maximum(rows[:, :, :, 0], rows[:, :, :, 1])


def crop(features: Float[Array, "n h w c"], size: tuple[int, ...]) -> Float[Array, "n h2 w2 c"]:
    """Cut out the upper left part of the given height and width."""
    return features[:, : size[0], : size[1]]


def depth_to_space(features: Float[Array, "n h w depth"]) -> Float[Array, "n 2*h 2*w c"]:
    """Four channels become a 2x2 square: y[2 i + a, 2 j + b, k] = x[i, j, (2 a + b) c + k].

    Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    CNN", 2016.
    """
    n, h, w, depth = features.shape
    squares = features.reshape(n, h, w, 2, 2, depth // 4).transpose(0, 1, 3, 2, 4, 5)
    return squares.reshape(n, 2 * h, 2 * w, depth // 4)


def nearest_twice(features: Float[Array, "n h w c"]) -> Float[Array, "n 2*h 2*w c"]:
    """Make every pixel a 2x2 square of its own value."""
    n, h, w, c = features.shape
    return jnp.broadcast_to(features[:, :, None, :, None], (n, h, 2, w, 2, c)).reshape(
        n, 2 * h, 2 * w, c
    )


def dropout(
    features: Float[Array, "n ..."], rate: float | int, key: PRNGKeyArray | None
) -> Float[Array, "n ..."]:
    """Each number is zero with probability `rate`, else divided by 1 - rate, so that its mean
    stays.

    Args:
        features: any shape.
        rate: in [0, 1).
        key: None leaves the features as they are.
    """
    if key is None or rate == 0:
        return features
    keep = jax.random.bernoulli(key, 1 - rate, features.shape)
    return jnp.where(keep, features / (1 - rate), 0)


class BatchNorm(nnx.BatchNorm):
    """y = scale (x - mean) / sqrt(var + 1e-5) + bias, over batch and pixels (of vectors: over the
    batch); running statistics with momentum 0.9.

    In flax's sense: new = 0.9 old + 0.1 batch (torch calls it 0.1). The result has the type of its
    input, so that bfloat16 features stay so, while the running statistics stay float32.
    """

    def __init__(self, n_channels: int, *, rngs: nnx.Rngs):
        super().__init__(n_channels, momentum=0.9, epsilon=1e-5, rngs=rngs)

    def __call__(self, features: Float[Array, "n *pixels c"]) -> Float[Array, "n *pixels c"]:
        return super().__call__(features).astype(features.dtype)


class ConvLayer(nnx.Module):
    """Convolution, batch normalisation if wanted, activation: [n h w c_in] to [n ceil(h/s)
    ceil(w/s) c_out].
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_size: int,
        *,
        stride: int = 1,
        batch_norm: bool = False,
        activation: str = "relu",
        rngs: nnx.Rngs,
    ):
        self.conv = nnx.Conv(
            c_in,
            c_out,
            (kernel_size, kernel_size),
            strides=stride,
            use_bias=not batch_norm,  # the normalisation has one of its own
            kernel_init=HE_NORMAL,
            conv_general_dilated=convolve,
            rngs=rngs,
        )
        self.norm = BatchNorm(c_out, rngs=rngs) if batch_norm else None
        self.activation = activation

    def __call__(self, features: Float[Array, "n h w c_in"]) -> Float[Array, "n h2 w2 c_out"]:
        features = self.conv(features)
        if self.norm is not None:
            features = self.norm(features)
        return ACTIVATIONS[self.activation](features)


class Upsample(nnx.Module):
    """Doubles height and width and changes the channels; what is too much is cropped.

    | kind | what it does | time of a training step |
    |---|---|---|
    | depth_to_space | convolution to 4 c_out channels, each four of them a 2x2 square | 1 |
    | resize | every pixel becomes a 2x2 square, then a convolution | 1.2 to 1.3 |
    | transposed | transposed convolution of stride 2 | 1.5 to 1.6 |
    | transposed_valid | the same of stride 1, unpadded: h becomes h + kernel - 1 | 20 to 36 |

    (Two CPU devices, batch 128, 28x28x1 and 32x32x3, encoder of strided 3x3 convolutions of 32 and
    64 channels; the last with kernels of 8 and 15, and 9 and 17, which is what doubles.)
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_size: int,
        kind: str,
        *,
        use_bias: bool = True,
        rngs: nnx.Rngs,
    ):
        self.kind = kind
        settings = {"use_bias": use_bias, "kernel_init": HE_NORMAL, "rngs": rngs}
        kernel = (kernel_size, kernel_size)
        if kind == "transposed":
            self.conv = nnx.ConvTranspose(c_in, c_out, kernel, strides=(2, 2), **settings)
        elif kind == "transposed_valid":
            self.conv = nnx.ConvTranspose(c_in, c_out, kernel, padding="VALID", **settings)
        else:
            self.conv = nnx.Conv(
                c_in,
                4 * c_out if kind == "depth_to_space" else c_out,
                kernel,
                conv_general_dilated=convolve,
                **settings,
            )

    def __call__(
        self, features: Float[Array, "n h w c_in"], size: tuple[int, ...]
    ) -> Float[Array, "n h2 w2 c_out"]:
        if self.kind == "resize":
            return self.conv(crop(nearest_twice(features), size))
        if self.kind == "depth_to_space":
            return crop(depth_to_space(self.conv(features)), size)
        return crop(self.conv(features), size)
