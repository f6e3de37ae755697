"""EfficientNet-Lite: a network for telephones, whose pooled features are cheap on a CPU.

Its block, MBConv ("mobile inverted bottleneck"), works on many channels but mixes them only where
that is cheap, pixel by pixel; what looks at neighbouring pixels sees one channel at a time:

    a = relu6(expand(x))          1x1, c_in to t c_in channels; left out where t = 1
    b = relu6(depthwise(a))       k x k, each channel by itself, with the stride
    y = project(b)                1x1, to c_out channels, and nothing behind it
    y = x + y                     where stride = 1 and c_in = c_out

with relu6(x) = min(max(x, 0), 6). The Lite family leaves out the original's squeeze-and-excitation
and its swish, which small devices do slowly. Tan and Le, "EfficientNet: rethinking model scaling
for convolutional neural networks", 2019; Sandler et al., "MobileNetV2: inverted residuals and
linear bottlenecks", 2018. Padding is TensorFlow's "same": ceil(h / stride) rows come out, and where
the padding is odd its greater part lies below and to the right.

Batch normalisation follows each convolution in training. Here it is part of it, since a network
that no longer learns can have it so for nothing:

    w' = w scale / sqrt(var + 1e-3),    b' = bias - mean scale / sqrt(var + 1e-3)

`scratchclust/features/imagenet.py` does that when it reads the weights, and has the table of names.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.layers import HE_NORMAL

LITE0 = (  # blocks, kernel size, stride of the first block, expansion t, channels out
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_WIDTH = 32
HEAD_WIDTH = 1280


@dataclass(frozen=True, kw_only=True)
class EfficientNetSpec:
    """An EfficientNet-Lite in numbers.

    Attributes:
        stages: of each stage the number of blocks, their kernel size, the stride of the first one,
            their expansion and their channels out; Lite0's if nothing is said.
        n_classes: classes to tell apart.
        mean: of each channel of the images in [0, 1], or one number for all; it is subtracted
            before the stem. The family's is 127 / 255.
        std: likewise; the images are divided by it. The family's is 128 / 255.

    Raises:
        InputError: a field that cannot be.
    """

    stages: Sequence[Sequence[int]] = LITE0
    n_classes: int = 1000
    mean: Sequence[float | int] = (127 / 255,)
    std: Sequence[float | int] = (128 / 255,)

    def __post_init__(self) -> None:
        checks.positive_int("n_classes", self.n_classes, "ImageNet has 1000")
        each = "blocks, kernel size, stride, expansion and channels out of each stage"
        if not isinstance(self.stages, tuple | list) or not self.stages:
            raise InputError(f"expected stages to be a tuple, got {self.stages!r}: give {each}")
        stages = tuple(
            checks.positive_ints("a stage", stage, f"give {each}") for stage in self.stages
        )
        if any(len(stage) != 5 for stage in stages):
            raise InputError(f"expected stages of five numbers, got {stages}: give {each}")
        object.__setattr__(self, "stages", stages)
        mean, std = checks.of_channels(self.mean, self.std)
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "EfficientNet":
        """Build the model with fresh parameters, for images of (height, width, channels) or any
        other height and width.
        """
        return EfficientNet(self, checks.image_shape_of(image_shape)[2], rngs=rngs)


def relu6(features: Float[Array, "..."]) -> Float[Array, "..."]:
    """min(max(x, 0), 6)."""
    return jnp.clip(features, 0, 6)


def same_padding(size: int, kernel_size: int, stride: int) -> tuple[int, int]:
    """Count the zeros before and behind an axis, so that ceil(size / stride) come out."""
    total = max(0, (-(-size // stride) - 1) * stride + kernel_size - size)
    return total // 2, total - total // 2


class Depthwise(nnx.Module):
    """Convolution of each channel by itself:

        y[i, j, c] = b[c] + sum_{u, v} w[u, v, c] x[s i + u, s j + v, c],   x padded with zeros

    computed as it stands, a sum of k^2 shifted pictures, which the compiler makes into one loop. As
    a grouped convolution it takes 3.5 to 60 times as long on a CPU (jax 0.10, the sizes of Lite0).
    """

    def __init__(self, n_channels: int, kernel_size: int, *, stride: int, rngs: nnx.Rngs):
        shape = (kernel_size, kernel_size, n_channels)
        self.kernel = nnx.Param(
            HE_NORMAL(rngs.params(), (kernel_size**2, n_channels)).reshape(shape)
        )
        self.bias = nnx.Param(jnp.zeros(n_channels))
        self.stride = stride

    def __call__(self, features: Float[Array, "n h w c"]) -> Float[Array, "n h2 w2 c"]:
        height, width = features.shape[1:3]
        kernel, size, stride = self.kernel[...], len(self.kernel[...]), self.stride
        around = (same_padding(height, size, stride), same_padding(width, size, stride))
        features = jnp.pad(features, ((0, 0), *around, (0, 0)))
        # that many rows and columns are covered by the first tap, every stride-th of them
        rows = features.shape[1] - size + 1
        columns = features.shape[2] - size + 1
        total = self.bias[...].reshape(1, 1, 1, -1)
        for u in range(size):
            for v in range(size):
                shifted = features[:, u : u + rows : stride, v : v + columns : stride]
                total = total + shifted * kernel[u, v].reshape(1, 1, 1, -1)
        return total


class MBConv(nnx.Module):
    """Widen, look around in each channel, narrow; the equations stand at the head of the file.

    A 1x1 convolution is a linear layer at each pixel.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel_size: int,
        *,
        stride: int,
        expansion: int,
        rngs: nnx.Rngs,
    ):
        width = expansion * c_in
        self.expand = nnx.Linear(c_in, width, rngs=rngs) if expansion > 1 else None
        self.depthwise = Depthwise(width, kernel_size, stride=stride, rngs=rngs)
        self.project = nnx.Linear(width, c_out, rngs=rngs)
        self.has_shortcut = stride == 1 and c_in == c_out

    def __call__(self, features: Float[Array, "n h w c_in"]) -> Float[Array, "n h2 w2 c_out"]:
        wide = features if self.expand is None else relu6(self.expand(features))
        change = self.project(relu6(self.depthwise(wide)))
        return features + change if self.has_shortcut else change


class EfficientNet(nnx.Module):
    """Stem, stages of blocks, head, mean over the picture, one dense layer.

    Shapes and parameters of Lite0 for 224x224x3:

    | layer | shape | parameters |
    |---|---|---|
    | stem | 112 x 112 x 32 | 896 |
    | stage1 | 112 x 112 x 16 | 848 |
    | stage2 | 56 x 56 x 24 | 13,440 |
    | stage3 | 28 x 28 x 40 | 38,864 |
    | stage4 | 14 x 14 x 80 | 195,840 |
    | stage5 | 14 x 14 x 112 | 442,800 |
    | stage6 | 7 x 7 x 192 | 1,643,616 |
    | stage7 | 7 x 7 x 320 | 602,816 |
    | head | 7 x 7 x 1280 | 410,880 |
    | pool | 1280 | |
    | logits | 1000 | 1,281,000 |
    | | | 4,631,000 |
    """

    def __init__(self, spec: EfficientNetSpec, n_channels: int, *, rngs: nnx.Rngs):
        if {len(spec.mean), len(spec.std)} - {1, n_channels}:
            raise InputError(
                f"expected mean and std of {n_channels} channels, got {spec.mean} and {spec.std}: "
                "give one number for each channel of the images, or one for all"
            )
        self.spec = spec
        self.n_channels = n_channels
        self.stem = nnx.Conv(n_channels, STEM_WIDTH, (3, 3), strides=2, padding="SAME", rngs=rngs)
        self.stages = nnx.List()
        width = STEM_WIDTH
        for n_blocks, kernel_size, stride, expansion, c_out in spec.stages:
            blocks = []
            for j in range(n_blocks):
                settings = {"stride": stride if j == 0 else 1, "expansion": expansion}
                blocks.append(MBConv(width, c_out, kernel_size, rngs=rngs, **settings))
                width = c_out
            self.stages.append(nnx.Sequential(*blocks))
        self.head = nnx.Linear(width, HEAD_WIDTH, rngs=rngs)
        self.classifier = nnx.Linear(HEAD_WIDTH, spec.n_classes, rngs=rngs)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Name the layers that `activations` knows, in the order of the layers."""
        stages = (f"stage{i + 1}" for i in range(len(self.stages)))
        return ("stem", *stages, "head", "pool", "logits")

    def __call__(
        self, images: Float[Array, "n h w c"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n k"]:
        """The logit of each class.

        Args:
            images: of any size, with the channels that the model was built for.
            key: taken so that all classifiers are called alike; nothing is drawn here.

        Raises:
            InputError: other channels.
        """
        return self.activations(images, "logits")

    def activations(self, images: Float[Array, "n h w c"], layer: str) -> Float[Array, "n ..."]:
        """Give the activations of a layer: [n h' w' c'] up to the head, then [n c'].

        Args:
            images: in [0, 1], of any size, with the channels that the model was built for.
            layer: one of `layer_names`.

        Raises:
            InputError: other channels, or no such layer.
        """
        checks.layer_is_known(layer, self.layer_names)
        checks.images_have(images, (*images.shape[1:3], self.n_channels))
        steps = (self._stem, *self.stages, self._head, self._pool, self.classifier)
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
        return relu6(self.stem((images - mean) / std))

    def _head(self, features: Array) -> Array:
        return relu6(self.head(features))

    def _pool(self, features: Array) -> Array:
        return features.mean((1, 2))
