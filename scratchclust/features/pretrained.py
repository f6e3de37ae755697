"""Networks that were trained elsewhere, as features: our own ResNet-20, a file of ours,
EfficientNet-Lite0 from its package, or what Hugging Face's layout holds.

A file of ours is one safetensors file whose metadata say the spec and the size of the images.
`imagenet` reads the package, `huggingface` the folders; `scratchclust/models` has the networks and
the tables of names. Nothing is unpickled.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, Num

from scratchclust.data.preprocessing import LUMA_WEIGHTS, resampling_matrix
from scratchclust.errors import InputError
from scratchclust.features.classifier import layers_of, of_layer
from scratchclust.features.huggingface import read_folder, read_hub
from scratchclust.features.imagenet import read_efficientnet_lite0
from scratchclust.features.networks import arrays_of, in_batches, model_of
from scratchclust.features.weights import EFFICIENTNET, HUB_NAME, SHIPPED, is_at_hand, trained_on
from scratchclust.models import (
    ClassifierSpec,
    EfficientNetSpec,
    ResNetSpec,
    StridedSpec,
    VisionTransformerSpec,
)
from scratchclust.train.steps import unit_scale

__all__ = [
    "SHIPPED",
    "Pretrained",
    "feature_layers",
    "features",
    "is_at_hand",
    "layer_named",
    "read",
    "shape_seen",
    "trained_on",
    "unit_length",
    "write",
]

LAST_CONV = "last_conv"
# of the images of a batch: the activations of an ImageNet ResNet are some 60 times as many
BATCH_PIXELS = 512 * 32 * 32
_SPECS = {
    spec.__name__: spec
    for spec in (ResNetSpec, ClassifierSpec, EfficientNetSpec, StridedSpec, VisionTransformerSpec)
}


class Pretrained(NamedTuple):
    """A network and what it wants to see."""

    spec: Any
    arrays: dict[str, np.ndarray]  # as `arrays_of` names them
    # height, width and channels of the images that it was trained on
    input_shape: tuple[int, int, int]

    @property
    def model(self) -> nnx.Module:
        """The network in evaluation mode."""
        return model_of(self.spec, self.input_shape, self.arrays)


def read(weights: Any) -> Pretrained:
    """Read the network of a name, a file or a folder.

    Args:
        weights: "cifar10-resnet20" or "cifar10-selfsup", which come with the package;
            "efficientnet-lite0", from the package that the extra `imagenet` brings; a file that
            `write` made; a folder in Hugging Face's layout with an ImageNet ResNet-18, -34 or -50,
            a DINOv2 or a CLIP; or such a network's name on the hub, as "microsoft/resnet-18",
            which needs huggingface_hub and, for the first time, the network.

    Raises:
        InputError: nothing of that name, a damaged file, or another network.
    """
    if not isinstance(weights, str | os.PathLike):
        raise InputError(f"expected weights to be a name or a path, got {weights!r}")
    if weights in SHIPPED:
        return _read_file(SHIPPED[str(weights)])
    if weights == EFFICIENTNET:
        return Pretrained(*read_efficientnet_lite0())
    path = Path(weights)
    if path.is_dir():
        return Pretrained(*read_folder(path))
    if path.is_file():
        return _read_file(path)
    if isinstance(weights, str) and HUB_NAME.fullmatch(weights):
        return Pretrained(*read_hub(weights))
    known = ", ".join(map(repr, (*SHIPPED, EFFICIENTNET)))
    raise InputError(
        f"there are no weights {str(weights)!r}: give {known}, "
        "a file that save_weights wrote, a folder with config.json and model.safetensors, "
        "or a name on the hub as 'microsoft/resnet-18'"
    )


def write(
    path: str | Path, model: nnx.Module, spec: Any, input_shape: tuple[int, int, int], **notes: Any
) -> None:
    """Write a network as one file, for `read`.

    Args:
        path: a file that does not exist yet, by custom ending in .safetensors.
        model: the network.
        spec: its spec.
        input_shape: (height, width, channels) of the images that it was trained on.
        notes: in JSON's types; kept in the file's metadata.

    Raises:
        InputError: the file exists.
    """
    from safetensors.numpy import save_file

    path = Path(path)
    if path.exists():
        raise InputError(f"{path} exists already: give another name, or remove it first")
    described = {"spec": {type(spec).__name__: asdict(spec)}, "input_shape": input_shape, **notes}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(
        arrays_of(model),
        path,
        metadata={name: json.dumps(value) for name, value in described.items()},
    )


def feature_layers(found: Pretrained) -> tuple[str, ...]:
    """Name the layers that can be asked for."""
    return (*layers_of(found.spec, found.input_shape), LAST_CONV)


def layer_named(layer: str, spec: Any, shape: tuple[int, int, int]) -> str:
    """Give the network's own name of a layer: "last_conv" is the last that is still a picture."""
    names = layers_of(spec, shape)
    return names[names.index("pool") - 1] if layer == LAST_CONV else layer


def shape_seen(found: Pretrained, size: int | np.integer | None) -> tuple[int, int, int]:
    """Give (height, width, channels) of the images that the network sees; None takes those of its
    training.

    Raises:
        InputError: another size than the only one that the network takes.
    """
    height, width, n_channels = found.input_shape
    if size is None:
        return found.input_shape
    if isinstance(found.spec, ClassifierSpec) and (size, size) != (height, width):
        raise InputError(
            f"this network takes images of {height}x{width} alone, got size={size}: leave size out"
        )
    return int(size), int(size), n_channels


def features(
    model: Any, images: Num[np.ndarray, "n h w c"], layer: str, shape: tuple[int, int, int]
) -> Float32[np.ndarray, "n d"]:
    """Give what a layer answers to each image, as one vector.

    Args:
        model: a classifier with `layer_names`.
        images: uint8, or float in [0, 1], of any size and 1 or 3 channels.
        layer: one of its `layer_names`.
        shape: (height, width, channels) that the images are brought to: resized by area or
            linearly, grey repeated or colours made grey (luma).
    """
    # before resizing or after
    largest = max(shape[0] * shape[1], images.shape[1] * images.shape[2])
    batch_size = max(1, BATCH_PIXELS // largest)
    return in_batches(model, of_layer(layer), images, prepare=_Fitted(shape), batch_size=batch_size)


def unit_length(X: Float32[np.ndarray, "n d"]) -> Float32[np.ndarray, "n d"]:
    """x / |x| for each row; a row of zeros stays one."""
    lengths = np.sqrt(np.einsum("nd,nd->n", X, X))  # without a second array of X's size
    return X / np.where(lengths == 0, 1, lengths)[:, None]


@dataclass(frozen=True)
class _Fitted:
    """Images as a network wants them; a value, so that what is compiled for it is found again."""

    shape: tuple[int, int, int]

    def __call__(self, images: Array) -> Float[Array, "n h w c"]:
        height, width, n_channels = self.shape
        images = unit_scale(images)
        if images.shape[3] == 3 and n_channels == 1:
            luma = jnp.asarray(LUMA_WEIGHTS).reshape(1, 1, 1, 3)
            images = (images * luma).sum(axis=3, keepdims=True)
        if images.shape[1] != height:
            images = jnp.einsum("Hh,nhwc->nHwc", resampling_matrix(images.shape[1], height), images)
        if images.shape[2] != width:
            images = jnp.einsum("Ww,nhwc->nhWc", resampling_matrix(images.shape[2], width), images)
        return jnp.repeat(images, n_channels, axis=3) if images.shape[3] == 1 else images


def _read_file(path: Path) -> Pretrained:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
        [(name, fields)] = json.loads(notes["spec"]).items()
        found = Pretrained(_SPECS[name](**fields), arrays, tuple(json.loads(notes["input_shape"])))
        _ = found.model  # whether the arrays are those of the spec
        return found
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is no file of weights, or it is damaged: "
            "give one that save_weights wrote, or the folder of a ResNet in Hugging Face's layout"
        ) from error
