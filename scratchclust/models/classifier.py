"""A small convolutional classifier, that of Keras' MNIST example: its inner layers are features."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import jax
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.encoder_decoder import flat
from scratchclust.models.layers import dropout, max_pool


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec:
    """The classifier in numbers.

    Attributes:
        n_classes: classes to tell apart.
        widths: channels of the two 3x3 convolutions.
        dense_width: units of the dense layer.
        dropout_rates: share of the numbers that training drops after pooling and after the dense
            layer.

    Raises:
        InputError: a field that cannot be.
    """

    n_classes: int = 10
    widths: Sequence[int] = (32, 64)
    dense_width: int = 128
    dropout_rates: Sequence[float | int] = (0.25, 0.5)

    def __post_init__(self) -> None:
        checks.positive_int("n_classes", self.n_classes, "count the distinct labels")
        checks.positive_int("dense_width", self.dense_width, "128 is usual")
        widths = checks.positive_ints(
            "widths", self.widths, "give the channels of the two convolutions, as (32, 64)"
        )
        if len(widths) != 2:
            raise InputError(
                f"expected widths of two convolutions, got {self.widths!r}: give two, as (32, 64)"
            )
        if not isinstance(self.dropout_rates, tuple | list) or len(self.dropout_rates) != 2:
            raise InputError(
                f"expected two dropout_rates, got {self.dropout_rates!r}: give two, as (0.25, 0.5)"
            )
        for rate in self.dropout_rates:
            checks.fraction("each of dropout_rates", rate, "0 drops nothing")
        object.__setattr__(self, "widths", widths)
        object.__setattr__(self, "dropout_rates", tuple(self.dropout_rates))

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "Classifier":
        """Build the model with fresh parameters, for images of (height, width, channels), at least
        6x6.

        Raises:
            InputError: smaller images: two unpadded convolutions and the pooling leave nothing of
                them.
        """
        shape = checks.image_shape_of(image_shape)
        if min(shape[:2]) < 6:
            raise InputError(
                f"expected images of at least 6x6, got {shape[0]}x{shape[1]}: enlarge them first"
            )
        return Classifier(self, shape, rngs=rngs)


class Classifier(nnx.Module):
    """Two convolutions, max-pooling and two dense layers.

    | layer | what it does | shape, for 28x28x1 | parameters |
    |---|---|---|---|
    | | images | 28 x 28 x 1 | |
    | conv1 | conv 3x3 unpadded, relu | 26 x 26 x 32 | 320 |
    | conv2 | conv 3x3 unpadded, relu | 24 x 24 x 64 | 18,496 |
    | pool | max-pool 2x2 | 12 x 12 x 64 | |
    | dense | dropout, dense, relu | 128 | 1,179,776 |
    | logits | dropout, dense | 10 | 1,290 |

    1,199,882 parameters. Dropout acts only where a key is given.
    """

    layer_names = ("conv1", "conv2", "pool", "dense", "logits")

    def __init__(self, spec: ClassifierSpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs):
        h, w, c = image_shape
        # Keras' own start
        settings = {"kernel_init": jax.nn.initializers.glorot_uniform(), "rngs": rngs}
        self.spec = spec
        self.image_shape = image_shape
        self.conv1 = nnx.Conv(c, spec.widths[0], (3, 3), padding="VALID", **settings)
        self.conv2 = nnx.Conv(spec.widths[0], spec.widths[1], (3, 3), padding="VALID", **settings)
        pooled = math.prod(((h - 4) // 2, (w - 4) // 2, spec.widths[1]))
        self.dense = nnx.Linear(pooled, spec.dense_width, **settings)
        self.head = nnx.Linear(spec.dense_width, spec.n_classes, **settings)

    def __call__(
        self, images: Float[Array, "n h w c"], *, key: PRNGKeyArray | None = None
    ) -> Float[Array, "n k"]:
        """The logit of each class.

        Args:
            images: of the shape that the model was built for.
            key: of the dropout; None: no dropout.

        Raises:
            InputError: images of another shape.
        """
        key_pool, key_dense = (None, None) if key is None else jax.random.split(key)
        rate_pool, rate_dense = self.spec.dropout_rates
        hidden = self._dense(dropout(self.activations(images, "pool"), rate_pool, key_pool))
        return self.head(dropout(hidden, rate_dense, key_dense))

    def activations(self, images: Float[Array, "n h w c"], layer: str) -> Float[Array, "n ..."]:
        """Give the activations of a layer, without dropout.

        Args:
            images: of the shape that the model was built for.
            layer: one of `layer_names`.

        Raises:
            InputError: images of another shape, or no such layer.
        """
        checks.layer_is_known(layer, self.layer_names)
        checks.images_have(images, self.image_shape)
        steps = (self._conv1, self._conv2, self._pool, self._dense, self.head)
        features = images
        for step in steps[: self.layer_names.index(layer) + 1]:
            features = step(features)
        return features

    def encode(self, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        """Give the activations of the dense layer; errors of `activations`."""
        return self.activations(images, "dense")

    def _conv1(self, images: Array) -> Array:
        return nnx.relu(self.conv1(images))

    def _conv2(self, features: Array) -> Array:
        return nnx.relu(self.conv2(features))

    def _pool(self, features: Array) -> Array:
        return max_pool(features, padding="valid")

    def _dense(self, features: Array) -> Array:
        return nnx.relu(self.dense(flat(features)))
