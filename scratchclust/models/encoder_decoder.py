"""The encoder and the decoder that `conv_autoencoder.py` and `vae.py` share, and what their specs
have in common.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from flax import nnx
from jaxtyping import Array, Float

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.layers import (
    ACTIVATIONS,
    HE_NORMAL,
    LECUN_NORMAL,
    UPSAMPLING,
    BatchNorm,
    ConvLayer,
    Upsample,
    halved_sizes,
    max_pool,
)


@dataclass(frozen=True, kw_only=True)
class HalvingSpec:
    """What all networks that halve a picture and double it again have in common.

    Attributes:
        widths: channels after each convolution; each halves the picture, so that two give a quarter
            of its sides. A list, as JSON has it, becomes a tuple.
        kernel_size: side of the square kernels, in pixels.
        latent_dim: numbers in the code, or None for a spatial one, [h' w' c'], without dense
            layers.
        batch_norm: normalise between convolution and activation.
        activation: "relu", "leaky_relu", "gelu" or "tanh"; a dense code has none.
        upsample: "depth_to_space", "resize" or "transposed"; `layers.Upsample` has them with their
            times.

    Raises:
        InputError: a field that cannot be.
    """

    widths: Sequence[int] = (32, 64)
    kernel_size: int = 3
    latent_dim: int | None = 32
    batch_norm: bool = False
    activation: str = "relu"
    upsample: str = "depth_to_space"

    def __post_init__(self) -> None:
        widths = checks.positive_ints(
            "widths", self.widths, "give the channels of each convolution, such as (32, 64)"
        )
        object.__setattr__(self, "widths", widths)
        checks.positive_int("kernel_size", self.kernel_size, "3 is usual")
        if self.latent_dim is not None:
            checks.positive_int(
                "latent_dim",
                self.latent_dim,
                "give the numbers in a code, or None for a spatial one",
            )
        checks.boolean("batch_norm", self.batch_norm)
        checks.one_of("activation", self.activation, ACTIVATIONS)
        checks.one_of("upsample", self.upsample, self.upsampling())

    @classmethod
    def upsampling(cls) -> tuple[str, ...]:
        """Name the kinds of upsampling that this architecture knows."""
        return UPSAMPLING

    def conv_settings(self) -> dict[str, Any]:
        """Give the arguments of `ConvLayer` that are the same for all of them."""
        return {
            "kernel_size": self.kernel_size,
            "batch_norm": self.batch_norm,
            "activation": self.activation,
        }

    def sizes(self, image_shape: tuple[int, int, int]) -> tuple[tuple[int, int], ...]:
        """(height, width) of the picture and after each halving.

        Raises:
            InputError: a side is 1 before the last halving.
        """
        sizes = halved_sizes(image_shape[:2], len(self.widths))
        if len(sizes) > 1 and min(sizes[-2]) < 2:
            raise InputError(
                f"expected images that can be halved {len(self.widths)} times, once for each of "
                f"the widths, got {image_shape[0]}x{image_shape[1]}: leave some widths out"
            )
        return sizes

    def code_grid(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """(height, width, channels) after the last halving."""
        return (*self.sizes(image_shape)[-1], self.widths[-1])


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderSpec(HalvingSpec):
    """What `Encoder` and `Decoder` need to know beyond that.

    Attributes:
        downsample: "stride" (convolutions of stride 2) or "max_pool" (convolution, activation,
            maximum of 2x2; a training step took 1.6 to 2.2 times as long).
        decoder_kernels: side of the decoder's kernels, from the code outwards; None: `kernel_size`
            for all.
        upsample: also "transposed_valid": transposed convolutions of stride 1 without padding,
            which grow a side by kernel - 1; with decoder_kernels=(5, 9, 17), 4 becomes 8, 16, 32.
    """

    downsample: str = "stride"
    decoder_kernels: Sequence[int] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of("downsample", self.downsample, ("stride", "max_pool"))
        if self.decoder_kernels is None:
            return
        cure = f"give one for each of the {len(self.widths)} widths"
        kernels = checks.positive_ints("decoder_kernels", self.decoder_kernels, cure)
        if len(kernels) != len(self.widths):
            raise InputError(
                f"expected {len(self.widths)} decoder_kernels, got {len(kernels)}: {cure}"
            )
        object.__setattr__(self, "decoder_kernels", kernels)

    @classmethod
    def upsampling(cls) -> tuple[str, ...]:
        return (*UPSAMPLING, "transposed_valid")

    def kernels_outwards(self) -> tuple[int, ...]:
        """Side of each of the decoder's kernels, from the code to the picture."""
        return tuple(self.decoder_kernels or (self.kernel_size,) * len(self.widths))


class Encoder(nnx.Module):
    """Convolutions, each of which halves the picture: [n h w c] to [n h' w' c'].

    | after | shape, from 28x28x1 with widths (32, 64) |
    |---|---|
    | images | 28 x 28 x 1 |
    | layers[0] | 14 x 14 x 32 |
    | layers[1] | 7 x 7 x 64 |
    """

    def __init__(
        self, spec: EncoderDecoderSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs
    ):
        channels = (image_shape[2], *spec.widths)
        self.pools = spec.downsample == "max_pool"
        stride = 1 if self.pools else 2
        self.layers = nnx.List(
            ConvLayer(c_in, c_out, stride=stride, **spec.conv_settings(), rngs=rngs)
            for c_in, c_out in pairwise(channels)
        )
        self.image_shape = image_shape

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c2"]:
        checks.images_have(images, self.image_shape)
        for layer in self.layers:
            images = max_pool(layer(images)) if self.pools else layer(images)
        return images


class Decoder(nnx.Module):
    """The encoder's mirror: a code [n d] or [n h' w' c'] to logits [n h w c], before the last
    squashing.

    | after | shape, to 28x28x1 with widths (32, 64) and latent_dim 32 |
    |---|---|
    | code | 32 |
    | from_code | 7 x 7 x 64 |
    | layers[0] | 14 x 14 x 32 |
    | layers[1] | 28 x 28 x 1 |
    """

    def __init__(
        self, spec: EncoderDecoderSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs
    ):
        self.grid = spec.code_grid(image_shape)
        self.code_shape = self.grid if spec.latent_dim is None else (spec.latent_dim,)
        # what each layer must give, from the code outwards
        self.sizes = spec.sizes(image_shape)[-2::-1]
        self.activation = spec.activation
        self.from_code = dense_from_code(spec, self.grid, rngs=rngs)
        channels = (*spec.widths[::-1], image_shape[2])
        pairs = tuple(zip(channels, channels[1:], spec.kernels_outwards(), strict=False))
        self.layers = nnx.List(
            Upsample(
                c_in,
                c_out,
                k,
                spec.upsample,
                use_bias=not spec.batch_norm or i == len(pairs) - 1,
                rngs=rngs,
            )
            for i, (c_in, c_out, k) in enumerate(pairs)
        )
        self.norms = nnx.List(BatchNorm(c, rngs=rngs) for c in channels[1:-1] if spec.batch_norm)
        if spec.upsample == "transposed_valid":
            _check_growth(spec.kernels_outwards(), self.grid[:2], self.sizes)

    def __call__(self, code: Float[Array, "n ..."]) -> Float[Array, "n h w c"]:
        checks.codes_have(code, self.code_shape)
        activation = ACTIVATIONS[self.activation]
        if self.from_code is not None:
            code = activation(self.from_code(code)).reshape(len(code), *self.grid)
        features = code
        for i, (layer, size) in enumerate(zip(self.layers, self.sizes, strict=True)):
            features = layer(features, size)
            if i < len(self.sizes) - 1:
                features = activation(self.norms[i](features) if self.norms else features)
        return features


def dense_to_code(
    spec: HalvingSpec, grid: tuple[int, int, int], *, rngs: nnx.Rngs
) -> nnx.Linear | None:
    """Make the layer from the encoder's last features to the code; None where that is spatial."""
    if spec.latent_dim is None:
        return None
    return nnx.Linear(math.prod(grid), spec.latent_dim, kernel_init=LECUN_NORMAL, rngs=rngs)


def dense_from_code(
    spec: HalvingSpec, grid: tuple[int, int, int], *, rngs: nnx.Rngs
) -> nnx.Linear | None:
    """Make the layer back to these features, which an activation follows; None likewise."""
    if spec.latent_dim is None:
        return None
    return nnx.Linear(spec.latent_dim, math.prod(grid), kernel_init=HE_NORMAL, rngs=rngs)


def _check_growth(
    kernels: tuple[int, ...], size: tuple[int, int], targets: tuple[tuple[int, int], ...]
) -> None:
    """Refuse kernels that are too small to reach the size that each layer must give."""
    for kernel, target in zip(kernels, targets, strict=True):
        grown = (size[0] + kernel - 1, size[1] + kernel - 1)
        if grown[0] < target[0] or grown[1] < target[1]:
            least = max(target[0] - size[0], target[1] - size[1]) + 1
            raise InputError(
                f"expected a kernel that grows {size[0]}x{size[1]} to {target[0]}x{target[1]}, "
                f"got {kernel} in decoder_kernels: give at least {least}, or "
                'upsample="transposed", which doubles with any kernel'
            )
        size = target


def flat(features: Float[Array, "n ..."]) -> Float[Array, "n d"]:
    """Flatten each image's features to one row."""
    return features.reshape(features.shape[0], -1)
