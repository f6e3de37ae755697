"""Residual networks: a block computes what must be added to its input, y = relu(x + f(x)).

He et al., "Deep residual learning for image recognition", 2016. The ImageNet family follows
torchvision and Hugging Face to the last padding (symmetric, kernel // 2 on each side; the
bottleneck's stride sits in its 3x3 convolution, "v1.5"), so that their weights can be used. Where
things stand:

| here | transformers' ResNetModel |
|---|---|
| stem.conv, stem.norm | embedder.embedder.convolution, .normalization |
| stages[i].layers[j].layers[l] | encoder.stages.i.layers.j.layer.l |
| stages[i].layers[j].shortcut | encoder.stages.i.layers.j.shortcut |
| head | classifier.1 |

where below each layer and shortcut .conv is their .convolution and .norm their .normalization.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jax.nn.initializers import variance_scaling
from jaxtyping import Array, Float, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.convolution import convolve
from scratchclust.models.layers import BatchNorm

IMAGENET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
FAMILIES = ("cifar", "imagenet", "imagenet-3x3")


@dataclass(frozen=True, kw_only=True)
class ResNetSpec:
    """A residual network in numbers and words.

    Attributes:
        family: "cifar" (3x3 stem, stages of 16, 32 and 64 channels), "imagenet" (7x7 stem of
            stride 2 and max-pooling, stages of 64 to 512 channels) or "imagenet-3x3" (those
            stages behind the other stem: what is called a ResNet-18 for CIFAR, of 11.17 M
            parameters).
        depth: layers with weights on the longest way: 6 m + 2 (8, 14, 20, 32, 44, 56, 110) in the
            CIFAR family; 18, 34 or 50 in the others.
        n_classes: classes to tell apart; None: no last layer, "pool" is what comes out.
        mean: of each channel of the images in [0, 1], or one number for all; it is subtracted
            before the stem.
        std: likewise; the images are divided by it.

    Raises:
        InputError: a field that cannot be.
    """

    family: str = "cifar"
    depth: int = 20
    n_classes: int | None = 10
    mean: Sequence[float | int] = (0.0,)
    std: Sequence[float | int] = (1.0,)

    def __post_init__(self) -> None:
        checks.one_of("family", self.family, FAMILIES)
        checks.positive_int(
            "depth", self.depth, "20 is the smallest of the paper's for CIFAR, 18 for ImageNet"
        )
        if self.n_classes is not None:
            checks.positive_int("n_classes", self.n_classes, "count the distinct labels")
        mean, std = checks.of_channels(self.mean, self.std)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)
        if self.family != "cifar":
            checks.one_of(f'depth of the "{self.family}" family', self.depth, IMAGENET_BLOCKS)
        elif self.depth < 8 or self.depth % 6 != 2:
            raise InputError(
                'expected depth of the "cifar" family to be 6 m + 2 with m of at least 1, '
                f"got {self.depth}: take 20, 32, 44 or 56"
            )

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "ResNet":
        """Build the model with fresh parameters, for images of (height, width, channels) or any
        other height and width.
        """
        return ResNet(self, checks.image_shape_of(image_shape)[2], rngs=rngs)

    def stage_blocks(self) -> tuple[int, ...]:
        """Count the blocks of each stage."""
        if self.family != "cifar":
            return IMAGENET_BLOCKS[self.depth]
        return ((self.depth - 2) // 6,) * 3

    def stage_widths(self) -> tuple[int, ...]:
        """Count the channels of the 3x3 convolutions of each stage."""
        return (16, 32, 64) if self.family == "cifar" else (64, 128, 256, 512)


class ConvNorm(nnx.Module):
    """Convolution without bias, padded by kernel // 2 on each side, and batch normalisation."""

    def __init__(self, c_in: int, c_out: int, kernel_size: int, *, stride: int = 1, rngs: nnx.Rngs):
        self.conv = nnx.Conv(
            c_in,
            c_out,
            (kernel_size, kernel_size),
            strides=stride,
            # on both sides; "SAME" would put it all at the end where stride is 2
            padding=kernel_size // 2,
            use_bias=False,
            kernel_init=variance_scaling(2.0, "fan_out", "normal"),
            conv_general_dilated=convolve,
            rngs=rngs,
        )
        self.norm = BatchNorm(c_out, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c_in"]) -> Float[Array, "n h2 w2 c_out"]:
        return self.norm(self.conv(features))


class SubsampleShortcut(nnx.Module):
    """The paper's option A: every second pixel, and zeros for the channels that are new. No
    parameters.
    """

    def __init__(self, new_channels: int):
        self.new_channels = new_channels

    def __call__(self, features: Float[Array, "n h w c_in"]) -> Float[Array, "n h2 w2 c_out"]:
        return jnp.pad(features[:, ::2, ::2], ((0, 0), (0, 0), (0, 0), (0, self.new_channels)))


class Block(nnx.Module):
    """y = relu(shortcut(x) + f(x)), where f is a row of convolutions with ReLU between them.

    | kind | f | channels out |
    |---|---|---|
    | basic | 3x3 (with the stride), 3x3 | width |
    | bottleneck | 1x1, 3x3 (with the stride), 1x1 | 4 width |
    """

    def __init__(self, c_in: int, width: int, *, stride: int, spec: ResNetSpec, rngs: nnx.Rngs):
        if spec.depth == 50 and spec.family != "cifar":
            settings = ((c_in, width, 1, 1), (width, width, 3, stride), (width, 4 * width, 1, 1))
        else:
            settings = ((c_in, width, 3, stride), (width, width, 3, 1))
        self.layers = nnx.List(ConvNorm(a, b, k, stride=s, rngs=rngs) for a, b, k, s in settings)
        self.c_out = settings[-1][1]
        if c_in == self.c_out and stride == 1:
            self.shortcut = None
        elif spec.family == "cifar":
            self.shortcut = SubsampleShortcut(self.c_out - c_in)
        else:
            self.shortcut = ConvNorm(c_in, self.c_out, 1, stride=stride, rngs=rngs)

    def __call__(self, features: Float[Array, "n h w c_in"]) -> Float[Array, "n h2 w2 c_out"]:
        change = features
        for layer in self.layers[:-1]:
            change = nnx.relu(layer(change))
        change = self.layers[-1](change)
        return nnx.relu(change + (features if self.shortcut is None else self.shortcut(features)))


class ResNet(nnx.Module):
    """Stem, stages of blocks (each but the first halves the picture), mean over the picture, one
    dense layer.

    Shapes and parameters of ResNet-20 for 32x32x3, and of ResNet-18 and -50 for 224x224x3:

    | layer | 20 | | 18 | | 50 | |
    |---|---|---|---|---|---|---|
    | stem | 32 x 32 x 16 | 464 | 56 x 56 x 64 | 9,536 | 56 x 56 x 64 | 9,536 |
    | stage1 | 32 x 32 x 16 | 14,016 | 56 x 56 x 64 | 147,968 | 56 x 56 x 256 | 215,808 |
    | stage2 | 16 x 16 x 32 | 51,072 | 28 x 28 x 128 | 525,568 | 28 x 28 x 512 | 1,219,584 |
    | stage3 | 8 x 8 x 64 | 203,520 | 14 x 14 x 256 | 2,099,712 | 14 x 14 x 1024 | 7,098,368 |
    | stage4 | | | 7 x 7 x 512 | 8,393,728 | 7 x 7 x 2048 | 14,964,736 |
    | pool | 64 | | 512 | | 2048 | |
    | logits | 10 | 650 | 1000 | 513,000 | 1000 | 2,049,000 |
    | | | 269,722 | | 11,689,512 | | 25,557,032 |

    The CIFAR family has the paper's shortcuts without parameters (option A). "stem" includes the
    max-pooling. With the stem of 3x3 (1,856) and ten classes (5,130) ResNet-18 has 11,173,962, and
    its stages see 32x32 pixels of 32x32: 0.56 G multiplications a picture.
    """

    def __init__(self, spec: ResNetSpec, n_channels: int, *, rngs: nnx.Rngs):
        if {len(spec.mean), len(spec.std)} - {1, n_channels}:
            raise InputError(
                f"expected mean and std of {n_channels} channels, got {spec.mean} and {spec.std}: "
                "give one number for each channel of the images, or one for all"
            )
        self.spec = spec
        self.n_channels = n_channels
        width = spec.stage_widths()[0]
        kernel_size, stride = (7, 2) if spec.family == "imagenet" else (3, 1)
        self.stem = ConvNorm(n_channels, width, kernel_size, stride=stride, rngs=rngs)
        self.stages = nnx.List()
        for i, (n_blocks, stage_width) in enumerate(
            zip(spec.stage_blocks(), spec.stage_widths(), strict=True)
        ):
            blocks = []
            for j in range(n_blocks):
                stride = 2 if i > 0 and j == 0 else 1
                blocks.append(Block(width, stage_width, stride=stride, spec=spec, rngs=rngs))
                width = blocks[-1].c_out
            self.stages.append(nnx.Sequential(*blocks))
        self.head = None if spec.n_classes is None else nnx.Linear(width, spec.n_classes, rngs=rngs)

    @property
    def n_features(self) -> int:
        """Count the features that `encode` gives of a picture."""
        return self.stages[-1].layers[-1].c_out

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Name the layers that `activations` knows, in the order of the layers."""
        stages = (f"stage{i + 1}" for i in range(len(self.stages)))
        return ("stem", *stages, "pool", *(() if self.head is None else ("logits",)))

    def __call__(
        self, images: Float[Array, "n h w c"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n k"]:
        """The logit of each class, or the features where there is no last layer.

        Args:
            images: of any size, with the channels that the model was built for.
            key: taken so that all classifiers are called alike; a residual network draws nothing.

        Raises:
            InputError: other channels.
        """
        return self.activations(images, self.layer_names[-1])

    def activations(self, images: Float[Array, "n h w c"], layer: str) -> Float[Array, "n ..."]:
        """Give the activations of a layer: [n h' w' c'] up to the last stage, then [n c'].

        Args:
            images: of any size, with the channels that the model was built for.
            layer: one of `layer_names`.

        Raises:
            InputError: other channels, or no such layer.
        """
        checks.layer_is_known(layer, self.layer_names)
        checks.images_have(images, (*images.shape[1:3], self.n_channels))
        last = () if self.head is None else (self.head,)
        steps = (self._stem, *self.stages, self._pool, *last)
        features = images
        for step in steps[: self.layer_names.index(layer) + 1]:
            features = step(features)
        return features

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the last features, averaged over the picture; errors of `activations`."""
        return self.activations(images, "pool")

    def _stem(self, images: Array) -> Array:
        mean = jnp.asarray(self.spec.mean, images.dtype).reshape(1, 1, 1, -1)
        std = jnp.asarray(self.spec.std, images.dtype).reshape(1, 1, 1, -1)
        features = nnx.relu(self.stem((images - mean) / std))
        if self.spec.family != "imagenet":
            return features
        around = ((1, 1), (1, 1))
        return nnx.max_pool(features, (3, 3), (2, 2), around)  # pyright: ignore[reportArgumentType]

    def _pool(self, features: Array) -> Array:
        return features.mean((1, 2))
