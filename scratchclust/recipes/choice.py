"""What "auto" stands for: features, reduction, method and size, by the look of the images alone.

| images                           | features                | method                        |
|----------------------------------|-------------------------|-------------------------------|
| grey, up to 64 x 64              | gradients               | graph                         |
| others, with ImageNet's weights  | EfficientNet-Lite0      | graph                         |
| others, without                  | our own, of no labels   | graph                         |
| over `MOST_IN_A_GRAPH` images    | as above                | PCA to 50, mini-batch k-means |

No label takes part. The features were chosen by what measured best on MNIST and CIFAR-10, whose
labels judged that: figures stated for these two sets are a little kinder than those of others.
"""

from typing import NamedTuple

from scratchclust.features.weights import EFFICIENTNET, is_at_hand
from scratchclust.recipes.feature_words import (
    CURE,
    GRADIENTS,
    OWN_UNLABELLED,
    PIXELS,
    PRETRAINED,
    largest_side_of,
)

SMALL = 64  # pixels: sides of pictures that are taken as they are
SMALLEST = 7  # pixels: of smaller sides only the pixels tell something
MOST_IN_A_GRAPH = 70_000  # images: its neighbours take time by their square
FEWEST_IN_A_GRAPH = 20  # images: of fewer, "nearest neighbours" are nearly all
STRONGEST = PRETRAINED.word
WITHOUT_IMAGENET = f"{PRETRAINED.word}:{OWN_UNLABELLED}"
AUTO = "auto"


class Seen(NamedTuple):
    """What is known of the images before they are read."""

    n: int
    height: int  # the median
    width: int
    is_grey: bool
    is_of_files: bool  # pictures, a file each: only these are brought to a size by themselves


class Choice(NamedTuple):
    """What is done, in words, and why."""

    features: str
    reduce: str
    method: str
    size: tuple[int, int] | None  # None: as they are
    sentence: str | None  # None: nothing was chosen here


def choose(
    seen: Seen,
    *,
    features: str = AUTO,
    reduce: str | None = None,
    method: str = AUTO,
    size: int | tuple[int, int] | None = None,
) -> Choice:
    """Choose what a person left open.

    Args:
        seen: the look of the images.
        features: a word of `FEATURES`; or "auto".
        reduce: a word of `REDUCTIONS`; None: left open.
        method: a word of `METHODS`; or "auto".
        size: of the images; None: left open.
    """
    best, why, cure = _features_for(seen)
    chosen_features = best if features == AUTO else features
    chosen_method, why_method = _method_for(seen.n)
    if method != AUTO:
        chosen_method = method
        why_method = ""
    chosen_reduce = reduce or _reduction_for(chosen_method, chosen_features, method)
    return Choice(
        chosen_features,
        chosen_reduce,
        chosen_method,
        _size_for(seen, chosen_features, size),
        _sentence(
            f"{_name(chosen_features)}, for {why}{cure}" if features == AUTO else "",
            f"{chosen_method}, {why_method}" if method == AUTO else "",
        ),
    )


def _features_for(seen: Seen) -> tuple[str, str, str]:
    """The word, for which images it is the best one, and how to get a better one."""
    if min(seen.height, seen.width) < SMALLEST:
        return PIXELS.word, "images too small for anything else", ""
    if seen.is_grey and max(seen.height, seen.width) <= SMALL:
        return GRADIENTS.word, "small grey images", ""
    what = "large grey images" if seen.is_grey else "images in colour"
    if is_at_hand(EFFICIENTNET):
        return f"{STRONGEST}:{EFFICIENTNET}", f"{what}, ImageNet's weights being at hand", ""
    return WITHOUT_IMAGENET, f"{what} without ImageNet's weights", f" ({CURE} brings better ones)"


def _method_for(n: int) -> tuple[str, str]:
    if n > MOST_IN_A_GRAPH:
        return "minibatch-kmeans", f"for more than {MOST_IN_A_GRAPH:,} images"
    if n < FEWEST_IN_A_GRAPH:
        return "kmeans", f"for fewer than {FEWEST_IN_A_GRAPH} images"
    return "spectral", "the graph of nearest neighbours"


def _reduction_for(chosen: str, features: str, asked: str) -> str:
    """Only where the method was left open too: a person's method gets the vectors as they are."""
    is_open = asked == AUTO and chosen == "minibatch-kmeans" and features != "autoencoder"
    return "pca:50" if is_open else "none"


def _size_for(
    seen: Seen, features: str, size: int | tuple[int, int] | None
) -> tuple[int, int] | None:
    """The size asked for; of files, up to the features' largest side; of arrays, as they are.

    Pictures of other proportions than a square are brought to one where they are made smaller.
    """
    if isinstance(size, int):
        return size, size
    if size is not None or not seen.is_of_files:
        return size
    most = largest_side_of(features)
    if max(seen.height, seen.width) <= most:
        return max(1, seen.height), max(1, seen.width)
    return most, most


def _name(features: str) -> str:
    word, _, weights = features.partition(":")
    return weights or word


def _sentence(of_features: str, of_method: str) -> str | None:
    parts = [f"features {of_features}" if of_features else ""]
    parts.append(f"method {of_method}" if of_method else "")
    told = "; ".join(part for part in parts if part)
    return f"Picked by the look of the images, not by labels: {told}" if told else None
