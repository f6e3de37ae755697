"""A small network of strided convolutions, for self-supervised training on a CPU: each layer halves
the picture, so that most of it is never looked at in full size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.layers import ConvLayer, halved_sizes


@dataclass(frozen=True, kw_only=True)
class StridedSpec:
    """A network of strided convolutions in numbers.

    Attributes:
        widths: channels of the convolutions, each of which halves the picture, rounded up.
        kernel_size: their side.
        mean: of each channel of the images in [0, 1], or one number for all; it is subtracted
            before the first layer.
        std: likewise; the images are divided by it.

    Raises:
        InputError: a field that cannot be.
    """

    widths: Sequence[int] = (32, 64, 128)
    kernel_size: int = 3
    mean: Sequence[float | int] = (0.5,)
    std: Sequence[float | int] = (0.25,)

    def __post_init__(self) -> None:
        widths = checks.positive_ints(
            "widths", self.widths, "give the channels of each convolution, as (32, 64, 128)"
        )
        checks.positive_int("kernel_size", self.kernel_size, "3 is usual")
        mean, std = checks.of_channels(self.mean, self.std)
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "StridedNetwork":
        """Build the model with fresh parameters, for images of (height, width, channels) or any
        other height and width.
        """
        return StridedNetwork(self, checks.image_shape_of(image_shape)[2], rngs=rngs)

    def n_multiplications(self, image_shape: tuple[int, int, int]) -> int:
        """Count the multiplications for one picture, forward; backward takes twice as many."""
        sizes = halved_sizes(image_shape[:2], len(self.widths))[1:]
        channels = (image_shape[2], *self.widths)
        return sum(
            height * width * self.kernel_size**2 * c_in * c_out
            for (height, width), (c_in, c_out) in zip(sizes, pairwise(channels), strict=True)
        )


class StridedNetwork(nnx.Module):
    """Convolutions of stride 2 with batch normalisation and ReLU, then the mean over the picture.

    | layer | shape, for 16x16x3 | parameters | multiplications |
    |---|---|---|---|
    | images | 16 x 16 x 3 | | |
    | layer1 | 8 x 8 x 32 | 928 | 55,296 |
    | layer2 | 4 x 4 x 64 | 18,560 | 294,912 |
    | layer3 | 2 x 2 x 128 | 73,984 | 294,912 |
    | pool | 128 | | |

    93,472 parameters. XLA's own strided convolutions are the quickest on a CPU: products of patches
    (`models.convolution.patches`) took 2.2 times as long, forward and backward.
    """

    def __init__(self, spec: StridedSpec, n_channels: int, *, rngs: nnx.Rngs):
        if {len(spec.mean), len(spec.std)} - {1, n_channels}:
            raise InputError(
                f"expected mean and std of {n_channels} channels, got {spec.mean} and {spec.std}: "
                "give one number for each channel of the images, or one for all"
            )
        self.spec = spec
        self.n_channels = n_channels
        self.n_features = spec.widths[-1]
        self.layers = nnx.List(
            ConvLayer(c_in, c_out, spec.kernel_size, stride=2, batch_norm=True, rngs=rngs)
            for c_in, c_out in pairwise((n_channels, *spec.widths))
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Name the layers that `activations` knows, in the order of the layers."""
        return (*(f"layer{i + 1}" for i in range(len(self.layers))), "pool")

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the last features, averaged over the picture; errors of `activations`."""
        return self.activations(images, "pool")

    def activations(self, images: Float[Array, "n h w c"], layer: str) -> Float[Array, "n ..."]:
        """Give the activations of a layer: [n h' w' c'], or [n d] of "pool".

        Args:
            images: of any size, with the channels that the model was built for.
            layer: one of `layer_names`.

        Raises:
            InputError: other channels, or no such layer.
        """
        checks.layer_is_known(layer, self.layer_names)
        checks.images_have(images, (*images.shape[1:3], self.n_channels))
        mean = jnp.asarray(self.spec.mean, images.dtype).reshape(1, 1, 1, -1)
        std = jnp.asarray(self.spec.std, images.dtype).reshape(1, 1, 1, -1)
        features = (images - mean) / std
        for step in self.layers[: self.layer_names.index(layer) + 1]:
            features = step(features)
        return features.mean((1, 2)) if layer == "pool" else features

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the last features, averaged over the picture; errors of `activations`."""
        return self.activations(images, "pool")
