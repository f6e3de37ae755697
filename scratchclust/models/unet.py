"""The U-Net: an autoencoder whose decoder also sees what the encoder saw at each size.

Through these skip connections a picture can pass the bottleneck by; then its code stays empty, and
zeroing the code changes little. Ronneberger, Fischer and Brox, "U-Net: convolutional networks for
biomedical image segmentation", 2015.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from scratchclust.models import checks
from scratchclust.models.encoder_decoder import (
    HalvingSpec,
    dense_from_code,
    dense_to_code,
    flat,
)
from scratchclust.models.layers import (
    ACTIVATIONS,
    OUTPUTS,
    ConvLayer,
    Upsample,
    max_pool,
)


@dataclass(frozen=True, kw_only=True)
class UNetSpec(HalvingSpec):
    """A U-Net in numbers and words; `HalvingSpec` has the other fields.

    Attributes:
        output: what squashes the logits: "sigmoid" to [0, 1], "tanh" to [-1, 1], "linear" not at
            all.
        skips: False leaves the skip connections out: a plain autoencoder.
    """

    output: str = "sigmoid"
    skips: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of("output", self.output, OUTPUTS)
        checks.boolean("skips", self.skips)

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "UNet":
        """Build the model with fresh parameters, for images of (height, width, channels)."""
        return UNet(self, checks.image_shape_of(image_shape), rngs=rngs)


class UNet(nnx.Module):
    """Convolution and max-pooling down to a code, upsampling and convolution up again, joined at
    each size.

    | after | shape, for 28x28x1 with the default spec | parameters |
    |---|---|---|
    | images | 28 x 28 x 1 | |
    | down[0]: conv 3x3, relu (first skip), max-pool | 28 x 28 x 32, 14 x 14 x 32 | 320 |
    | down[1]: conv 3x3, relu (second skip), max-pool | 14 x 14 x 64, 7 x 7 x 64 | 18,496 |
    | to_code: dense | 32 | 100,384 |
    | from_code: dense, relu | 7 x 7 x 64 | 103,488 |
    | up[0]: conv 3x3, depth to space | 14 x 14 x 64 | 147,712 |
    | join[0]: with the second skip, conv 3x3, relu | 14 x 14 x 64 | 73,792 |
    | up[1]: conv 3x3, depth to space | 28 x 28 x 32 | 73,856 |
    | join[1]: with the first skip, conv 3x3, relu | 28 x 28 x 32 | 18,464 |
    | head: conv 1x1 | 28 x 28 x 1 | 33 |

    536,545 parameters. It has no `decode`: a code alone does not say what the skips carry.
    """

    def __init__(self, spec: UNetSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs):
        self.spec = spec
        self.image_shape = image_shape
        self.grid = spec.code_grid(image_shape)
        widths = spec.widths
        settings = spec.conv_settings()
        channels = zip((image_shape[2], *widths), widths, strict=False)
        self.down = nnx.List(
            ConvLayer(c_in, c_out, **settings, rngs=rngs) for c_in, c_out in channels
        )
        self.to_code = dense_to_code(spec, self.grid, rngs=rngs)
        self.from_code = dense_from_code(spec, self.grid, rngs=rngs)
        outwards = tuple(zip((widths[-1], *widths[::-1]), widths[::-1], strict=False))
        self.up = nnx.List(
            Upsample(c_in, c_out, spec.kernel_size, spec.upsample, rngs=rngs)
            for c_in, c_out in outwards
        )
        self.join = nnx.List(
            ConvLayer(c_out * (2 if spec.skips else 1), c_out, **settings, rngs=rngs)
            for _, c_out in outwards
        )
        self.head = nnx.Conv(widths[0], image_shape[2], (1, 1), rngs=rngs)

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n ..."]:
        """Encode each image: [n latent_dim], or [n h' w' c'] where it is spatial.

        Raises:
            InputError: images of another shape than the model was built for.
        """
        return self._descend(images)[0]

    def logits(
        self, images: Float[Array, "n h w c"], *, zero_code: bool = False
    ) -> Float[Array, "n h w c"]:
        """The reconstruction before the last squashing.

        Args:
            images: of the shape that the model was built for.
            zero_code: put zeros in the place of the code, to see what the skips alone can draw.

        Raises:
            InputError: images of another shape.
        """
        code, skips = self._descend(images)
        return self._ascend(jnp.zeros_like(code) if zero_code else code, skips)

    def __call__(
        self, images: Float[Array, "n h w c"], *, zero_code: bool = False
    ) -> Float[Array, "n h w c"]:
        """The reconstruction of each image; arguments and errors of `logits`."""
        return OUTPUTS[self.spec.output](self.logits(images, zero_code=zero_code))

    def _descend(self, images: Array) -> tuple[Array, list[Array]]:
        """The code, and the features of each size from which it came, the largest first."""
        checks.images_have(images, self.image_shape)
        skips = []
        features = images
        for layer in self.down:
            skips.append(layer(features))
            features = max_pool(skips[-1])
        return (features if self.to_code is None else self.to_code(flat(features))), skips

    def _ascend(self, code: Array, skips: list[Array]) -> Array:
        features = code
        if self.from_code is not None:
            activation = ACTIVATIONS[self.spec.activation]
            features = activation(self.from_code(code)).reshape(len(code), *self.grid)
        for up, join, skip in zip(self.up, self.join, skips[::-1], strict=True):
            features = up(features, skip.shape[1:3])
            if self.spec.skips:
                features = jnp.concatenate([features, skip], axis=-1)
            features = join(features)
        return self.head(features)
