"""The convolutional autoencoder: a picture is squeezed through a small code and drawn again from
it.
"""

from dataclasses import dataclass

from flax import nnx
from jaxtyping import Array, Float

from scratchclust.models import checks
from scratchclust.models.encoder_decoder import (
    Decoder,
    Encoder,
    EncoderDecoderSpec,
    dense_to_code,
    flat,
)
from scratchclust.models.layers import OUTPUTS


@dataclass(frozen=True, kw_only=True)
class ConvAutoencoderSpec(EncoderDecoderSpec):
    """A convolutional autoencoder in numbers and words; `HalvingSpec` and `EncoderDecoderSpec` have
    the other fields.

    The spatial code of 8x8 from 32x32 grey pixels: `ConvAutoencoderSpec(widths=(3, 1),
    latent_dim=None, downsample="max_pool", upsample="resize")`. With few channels a code can die
    under "relu" (all zeros, from some starts): "leaky_relu" cannot.

    Attributes:
        output: what squashes the logits: "sigmoid" to [0, 1], "tanh" to [-1, 1], "linear" not at
            all.
        symmetric: the network itself works on [-1, 1]: it sees 2 x - 1 in the place of x, and its
            output y is given back as (y + 1) / 2, so that everyone outside still has images in
            [0, 1]. Goes with output="tanh".
    """

    output: str = "sigmoid"
    symmetric: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.one_of("output", self.output, OUTPUTS)
        checks.boolean("symmetric", self.symmetric)

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "ConvAutoencoder":
        """Build the model with fresh parameters, for images of (height, width, channels)."""
        return ConvAutoencoder(self, checks.image_shape_of(image_shape), rngs=rngs)


class ConvAutoencoder(nnx.Module):
    """x' = decode(encode(x)), with a code that is smaller than the picture.

    | after | shape, for 28x28x1 with the default spec | parameters |
    |---|---|---|
    | images | 28 x 28 x 1 | |
    | encoder.layers[0]: conv 3x3, stride 2, relu | 14 x 14 x 32 | 320 |
    | encoder.layers[1]: conv 3x3, stride 2, relu | 7 x 7 x 64 | 18,496 |
    | to_code: dense | 32 | 100,384 |
    | decoder.from_code: dense, relu | 7 x 7 x 64 | 103,488 |
    | decoder.layers[0]: conv 3x3, depth to space, relu | 14 x 14 x 32 | 73,856 |
    | decoder.layers[1]: conv 3x3, depth to space | 28 x 28 x 1 | 1,156 |
    | sigmoid | 28 x 28 x 1 | |

    297,700 parameters. With latent_dim=None the two dense layers are missing, and the code is what
    the encoder gives.
    """

    def __init__(
        self, spec: ConvAutoencoderSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs
    ):
        self.spec = spec
        self.encoder = Encoder(spec, image_shape, rngs=rngs)
        self.to_code = dense_to_code(spec, spec.code_grid(image_shape), rngs=rngs)
        self.decoder = Decoder(spec, image_shape, rngs=rngs)

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n ..."]:
        """Encode each image: [n latent_dim], or [n h' w' c'] where it is spatial.

        Raises:
            InputError: images of another shape than the model was built for.
        """
        features = self.encoder(2 * images - 1 if self.spec.symmetric else images)
        return features if self.to_code is None else self.to_code(flat(features))

    def decode_logits(self, code: Float[Array, "n ..."]) -> Float[Array, "n h w c"]:
        """The picture of each code before the last squashing; what a cross-entropy wants.

        Raises:
            InputError: codes of another shape than `encode` gives.
        """
        return self.decoder(code)

    def decode(self, code: Float[Array, "n ..."]) -> Float[Array, "n h w c"]:
        """The picture of each code; the errors of `decode_logits`."""
        images = OUTPUTS[self.spec.output](self.decode_logits(code))
        return (images + 1) / 2 if self.spec.symmetric else images

    def logits(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """decode_logits(encode(images)): the reconstruction before the last squashing."""
        return self.decode_logits(self.encode(images))

    def __call__(self, images: Float[Array, "n h w c"]) -> Float[Array, "n h w c"]:
        """The reconstruction of each image; the errors of `encode`."""
        return self.decode(self.encode(images))
