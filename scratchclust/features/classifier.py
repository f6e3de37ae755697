"""The inner activations of a classifier as features: what a network that was taught the classes
looks at.

The labels decide everything here: clusters of these features are clusters of what the classifier
was taught.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float32, Int, Num

from scratchclust.errors import InputError
from scratchclust.features.networks import in_batches
from scratchclust.models import ClassifierSpec, ResNetSpec
from scratchclust.train.augmentation import AUGMENTATIONS
from scratchclust.train.loop import TrainingResult, fit
from scratchclust.train.losses import Batch, classification_loss
from scratchclust.train.settings import Training
from scratchclust.train.steps import Prepare, unit_scale

__all__ = [
    "activations",
    "augmentation",
    "class_scores",
    "fit_classifier",
    "layer_length",
    "layers_of",
    "of_layer",
    "spec_of",
]

SPECS = (ClassifierSpec, ResNetSpec)


def spec_of(model: Any, n_classes: int) -> Any:
    """Give the spec of a classifier for so many classes: a given one, or for None the small one.

    Raises:
        InputError: no spec, or one for another number of classes.
    """
    if model is None:
        return ClassifierSpec(n_classes=n_classes)
    if not isinstance(model, SPECS):
        raise InputError(
            f"expected model to be None, a ClassifierSpec or a ResNetSpec, got {model!r}"
        )
    if model.n_classes != n_classes:
        raise InputError(
            f"the labels have {n_classes} classes, but {model} has {model.n_classes}: "
            "give images of every class, or another n_classes"
        )
    return model


def augmentation(name: str | None) -> Prepare:
    """Give what prepares the images of a training: "crop", "flip-crop", or None for the images as
    they are.

    Raises:
        InputError: an unknown word.
    """
    if name is None:
        return unit_scale
    if name not in AUGMENTATIONS:
        raise InputError(
            f"expected augment to be None or {', '.join(map(repr, AUGMENTATIONS))}, got {name!r}"
        )
    return AUGMENTATIONS[name]


@cache  # tracing a deep network takes a second
def layers_of(spec: Any, image_shape: tuple[int, int, int]) -> tuple[str, ...]:
    """Name the layers of a ClassifierSpec or ResNetSpec, from the image to the logits."""
    return tuple(nnx.eval_shape(lambda: spec.build(image_shape, rngs=nnx.Rngs(0))).layer_names)


def layer_length(spec: Any, image_shape: tuple[int, int, int], layer: str) -> int:
    """Count the numbers that a layer answers to an image of (height, width, channels); nothing is
    computed for it.
    """

    def answer() -> Array:
        model = spec.build(image_shape, rngs=nnx.Rngs(0))
        model.eval()
        return of_layer(layer)(model, jnp.zeros((1, *image_shape)))

    return jax.eval_shape(answer).shape[1]


def fit_classifier(
    images: Num[np.ndarray, "n h w c"],
    labels: Int[np.ndarray, " n"],
    spec: Any,
    *,
    key: Any,
    training: Training,
) -> TrainingResult:
    """Train a classifier on images and their classes 0, 1, ...

    Args:
        images: uint8, or float in [0, 1].
        labels: below spec.n_classes.
        spec: `ClassifierSpec` or `ResNetSpec`.
        key: of the first parameters, the shuffles and the dropout.
        training: the settings, as `train` explains them.

    Raises:
        InputError: a label that is no class of the spec; and those of `train`.
    """
    if np.max(labels) >= spec.n_classes:
        raise InputError(
            f"expected labels below {spec.n_classes}, got {np.max(labels)}: "
            "number the classes from 0"
        )
    build_key, train_key = jax.random.split(key)
    model = spec.build(images.shape[1:], rngs=nnx.Rngs(build_key))
    data = Batch(images, labels)
    return fit(model, data, loss=classification_loss(), key=train_key, training=training)


def activations(
    model: nnx.Module, images: Num[np.ndarray, "n h w c"], layer: str
) -> Float32[np.ndarray, "n d"]:
    """Give what a layer answers to each image, as one vector; `model.layer_names` lists them."""
    return in_batches(model, of_layer(layer), images)


def class_scores(
    model: nnx.Module, images: Num[np.ndarray, "n h w c"]
) -> Float32[np.ndarray, "n k"]:
    """Give the logit of each class, for each image."""
    return in_batches(model, _logits, images)


@cache  # one function object for each layer, so that it is compiled once
def of_layer(layer: str) -> Any:
    """Make the function (model, images) -> what this layer answers to each image, as one vector."""

    def flatten(model: Any, images: Array) -> Array:
        values = model.activations(images, layer)
        return values.reshape(len(values), -1)

    return flatten


def _logits(model: Any, images: Array) -> Array:
    return model(images)
