"""Networks in Hugging Face's layout: config.json beside model.safetensors, and
preprocessor_config.json.

ImageNet's ResNets stand here, `vision_transformers` has the other families.
"""

import json
import re
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx

from scratchclust.errors import InputError
from scratchclust.features import vision_transformers
from scratchclust.models import ResNetSpec, VisionTransformerSpec
from scratchclust.models.resnet import IMAGENET_BLOCKS

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
PREPROCESSOR = "preprocessor_config.json"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
IMAGENET_SIZE = 224
RESNET = "resnet"  # the model_type of a config.json without one
PLAIN = {  # what `ResNet` computes; other values make another network
    "num_channels": 3,
    "embedding_size": 64,
    "hidden_act": "relu",
    "downsample_in_first_stage": False,
    "downsample_in_bottleneck": False,
}
_PLACES = (  # patterns in our names, and what stands there in theirs
    (r"^head\.kernel$", "classifier.1.weight"),
    (r"^head\.bias$", "classifier.1.bias"),
    (r"^stem\.", "embedder.embedder."),
    (r"^stages\.(\d+)\.layers\.(\d+)\.layers\.", r"encoder.stages.\1.layers.\2.layer."),
    (r"^stages\.(\d+)\.layers\.(\d+)\.shortcut\.", r"encoder.stages.\1.layers.\2.shortcut."),
    (r"\.conv\.kernel$", ".convolution.weight"),
    (r"\.norm\.scale$", ".normalization.weight"),
    (r"\.norm\.bias$", ".normalization.bias"),
    (r"\.norm\.(mean|var)$", r".normalization.running_\1"),
)
PREFIXES = ("resnet.", "dinov2.", "vision_model.")  # of names in a network with more around it
Found = tuple[ResNetSpec | VisionTransformerSpec, dict[str, np.ndarray], tuple[int, int, int]]


def read_folder(folder: Path) -> Found:
    """Read the spec, the arrays under our names, and (height, width, channels) of the images.

    A ResNet's file without a classifier gives one of a single class that answers 0.

    Raises:
        InputError: a file is missing or damaged, or it is another network than ResNet-18, -34 and
            -50, DINOv2 and CLIP.
    """
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder} has no {name}: "
                f"give a folder with {CONFIG} and {WEIGHTS}, as the hub has them"
            )
    config = _json(folder / CONFIG)
    kind = config.get("model_type", RESNET)
    known = (RESNET, *vision_transformers.FAMILY_OF)
    if kind not in known:
        raise InputError(
            f"{folder / CONFIG} has model_type {kind!r}: expected {', '.join(map(repr, known))}"
        )
    seen = _json(folder / PREPROCESSOR)
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        theirs = {
            _without_prefix(name): array for name, array in load_file(folder / WEIGHTS).items()
        }
    except SafetensorError as error:
        raise InputError(f"{folder / WEIGHTS} is damaged: fetch it again") from error
    try:
        size = _size_of(seen)
        scale = _scale_of(seen, kind)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{folder / PREPROCESSOR} has another size, image_mean or image_std than a number "
            "and three numbers each: remove it to have the usual ones"
        ) from error
    if kind == RESNET:
        n_classes = len(theirs.get("classifier.1.bias", [0]))
        spec = _spec_of(config, scale, n_classes=n_classes, folder=folder)
    else:
        spec = vision_transformers.spec_of(config, scale, theirs, folder / CONFIG)
    return spec, _rename(spec, theirs, folder), (size, size, 3)


def read_hub(name: str) -> Found:
    """Read the same for a name on the hub; what was fetched once is kept by huggingface_hub.

    Raises:
        InputError: huggingface_hub is not installed, or the network cannot be had.
    """
    try:
        from huggingface_hub import snapshot_download  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            f"{name!r} is no file or folder here, and fetching it from the hub needs "
            'huggingface_hub: pip install -e ".[pretrained]" in the checkout, or give a folder'
        ) from error
    try:
        folder = snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS, PREPROCESSOR])
    except Exception as error:  # its errors, those of its transport, those of the system
        raise InputError(
            f"{name!r} is no file or folder here and could not be fetched from the hub "
            f"({type(error).__name__}): check the name and the network, "
            f"or give a folder with {CONFIG} and {WEIGHTS}"
        ) from error
    return read_folder(Path(folder))


def our_name_in_theirs(name: str) -> str:
    """Name the place of one of our arrays in transformers' ResNetForImageClassification, without
    its leading "resnet.".
    """
    for ours, theirs in _PLACES:
        name = re.sub(ours, theirs, name)
    return name


def _without_prefix(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _rename(
    spec: ResNetSpec | VisionTransformerSpec, theirs: dict[str, np.ndarray], folder: Path
) -> dict[str, np.ndarray]:
    model = nnx.eval_shape(lambda: spec.build((IMAGENET_SIZE, IMAGENET_SIZE, 3), rngs=nnx.Rngs(0)))
    leaves = jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(nnx.state(model)))[0]
    arrays = {}
    for path, leaf in leaves:
        ours = jax.tree_util.keystr(path, simple=True, separator=".")
        if isinstance(spec, ResNetSpec):
            name = our_name_in_theirs(ours)
        else:
            name = vision_transformers.our_name_in_theirs(ours, spec.family)
        if name.startswith("classifier") and name not in theirs:
            arrays[ours] = np.zeros(leaf.shape, np.float32)
            continue
        array = np.asarray(theirs.get(name, np.empty(0)), np.float32)
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        elif ours.endswith(".kernel"):
            array = array.T
        elif array.shape[: -len(leaf.shape)] in ((1,), (1, 1)):  # of tokens, one for the batch
            array = array.reshape(array.shape[-len(leaf.shape) :])
        if array.shape != leaf.shape:
            found = list(array.shape) if name in theirs else "none"
            raise InputError(
                f"{folder / WEIGHTS} does not fit its {CONFIG}: expected {name} to become "
                f"{list(leaf.shape)}, got {found}: fetch both from the same place"
            )
        arrays[ours] = np.ascontiguousarray(array)
    return arrays


def _spec_of(
    config: dict[str, Any], scale: dict[str, Any], *, n_classes: int, folder: Path
) -> ResNetSpec:
    for name, value in PLAIN.items():
        if config.get(name, value) != value:
            raise InputError(
                f"{folder / CONFIG} has {name} {config[name]!r}: "
                f"expected {value!r}, as ImageNet's ResNets"
            )
    bottleneck = config.get("layer_type", "bottleneck") == "bottleneck"
    for depth, blocks in IMAGENET_BLOCKS.items():
        widths = [(256, 512, 1024, 2048), (64, 128, 256, 512)][depth != 50]
        sizes = tuple(config.get("depths", ())), tuple(config.get("hidden_sizes", ()))
        if sizes == (blocks, widths) and bottleneck == (depth == 50):
            return ResNetSpec(family="imagenet", depth=depth, n_classes=n_classes, **scale)
    raise InputError(
        f"{folder / CONFIG} is no ResNet-18, -34 or -50 (depths {config.get('depths')}, widths "
        f"{config.get('hidden_sizes')}, blocks {config.get('layer_type')}): give one of those"
    )


def _scale_of(seen: dict[str, Any], kind: str) -> dict[str, Any]:
    usual = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    if vision_transformers.FAMILY_OF.get(kind) == "clip":
        usual = vision_transformers.CLIP_SCALE
    return {
        name: tuple(map(float, seen.get(f"image_{name}", value))) for name, value in usual.items()
    }


def _size_of(seen: dict[str, Any]) -> int:
    """Height and width of what the network was shown: what was cut out, if anything was."""
    size = seen.get("size", IMAGENET_SIZE)
    if seen.get("do_center_crop", True):
        size = seen.get("crop_size", size)
    if isinstance(size, dict):
        size = size.get("shortest_edge", size.get("height", IMAGENET_SIZE))
    return int(size)


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is damaged (no JSON): fetch it again") from error
    if not isinstance(found, dict):
        raise InputError(f"{path} is no object of JSON: fetch it again")
    return found
