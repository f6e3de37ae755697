"""How many numbers each step makes of an image, and what a step cannot be fitted to.

The plan asks here before anything is computed, so that `reduce="pca:100"` of features of length 64
is refused at once. Estimators are known by their names only; a test compares these lengths with
what the estimators give.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from scratchclust.errors import InputError
from scratchclust.recipes.recipe import Spec, Step, Variant
from scratchclust.recipes.words import n_clusters_of

Shape = tuple[int, int, int]  # height, width, channels
PERPLEXITY = 30.0  # of t-SNE, where a step says none
MIN_SAMPLES = 5  # of DBSCAN, where a step says none
PATCH_SIZE = 6  # of patch features, where a step says none, and their number of clusters
N_PATCH_CLUSTERS = 200
SELF_SUPERVISED = {"strided": 256, "resnet18": 512}  # the words for an encoder
N_CLUSTERS = 10  # of SCAN's, where a step says none
N_NETWORK_CLASSES = 10  # of a ResNet, where its spec says none


class Network(NamedTuple):
    """A network that was trained before, and has a name here."""

    size: int  # height and width of the images of its training
    stride: int  # between the pixels of its last picture
    n_channels: int  # of that picture
    n_classes: int | None  # None: it has no last layer


NAMED_NETWORKS = {
    "cifar10-resnet20": Network(32, 4, 64, 10),
    "cifar10-selfsup": Network(32, 4, 64, None),
    "efficientnet-lite0": Network(224, 32, 1280, 1000),
}


class Known(NamedTuple):
    """What is known of the images; None is unknown.

    Attributes:
        n: images that are clustered.
        shape: of each image.
        n_classes: of the labels that features learn from.
        is_read: whether the images are; if not, the numbers are the largest that can be.
    """

    n: int | None = None
    shape: Shape | None = None
    n_classes: int | None = None
    is_read: bool = False


class Need(NamedTuple):
    """So many images, at least, and for what."""

    n: int
    purpose: str


def lengths_of(variant: Variant, known: Known) -> dict[str, int | None]:
    """How many numbers each step but the clustering gives for an image; None where not known.

    Raises:
        InputError: the images are too small for the features.
    """
    lengths = {"features": n_features(variant.last_features, known)}
    for name in ("reduce", "embed"):
        step = getattr(variant, name)
        if step is not None:
            axes = step.parameters.get("n_components", 2 if step.estimator == "TSNE" else None)
            is_cut = step.estimator == "KernelPCA" and known.n is not None
            lengths[name] = min(axes, known.n) if is_cut and axes is not None else axes
    return lengths


def n_features(step: Step, known: Known) -> int | None:
    """How many numbers a feature step makes of an image; None where that is not known.

    Raises:
        InputError: the images are too small for it, or of other channels.
    """
    if known.shape is not None:
        _check_side(step, known.shape)
        _check_channels(step, known.shape)
    return FEATURES[step.estimator](step, known)


def needs(variant: Variant) -> list[Need]:
    """How many images the steps of a variant need, at least."""
    found = _needs_of_clustering(variant)
    for step in (variant.reduce, variant.embed):
        if step is not None:
            found.append(NEEDS[step.estimator](step))
    return found


def _needs_of_clustering(variant: Variant) -> list[Need]:
    found = [Need(2, "a clustering")]
    given = variant.cluster.parameters
    n_clusters = n_clusters_of(variant)
    if n_clusters is not None:  # one more, or the silhouette is not defined
        found.append(Need(n_clusters + 1, f"{n_clusters} clusters"))
    if given.get("n_neighbors") is not None:
        found.append(
            Need(given["n_neighbors"] + 1, f"a graph of {given['n_neighbors']} neighbours")
        )
    if given.get("eps") == "knee":
        found.append(Need(given.get("min_samples", MIN_SAMPLES), "the radius of DBSCAN"))
    return found


def check_axes(variant: Variant, known: Known, *, n_features: int | None = None) -> None:
    """Refuse a variant whose reduction asks for more axes than there are numbers.

    Args:
        variant: a pipeline.
        known: of the images.
        n_features: the length of the features, where their estimator was asked for it.

    Raises:
        InputError: it does, or the images are too small for the features.
    """
    lengths = lengths_of(variant, known)
    there = n_features or lengths["features"]
    for name in ("reduce", "embed"):
        step = getattr(variant, name)
        if step is None:
            continue
        wanted = LARGEST_AXES[step.estimator](step)
        if there is not None and wanted > there:
            raise InputError(_too_few_numbers(variant, step, wanted, there, known))
        there = lengths[name]


def _too_few_numbers(variant: Variant, step: Step, wanted: int, there: int, known: Known) -> str:
    is_pca = step.estimator == "PCA"
    too_few = f"too few for {wanted} {'principal components' if is_pca else 'axes'}"
    cure = f"reduce=pca:{there} or fewer" if is_pca else "another reduce="
    if variant.features.estimator == "PixelFeatures" and known.shape is not None:
        height, width, n_channels = known.shape
        return (
            f"images of {height}x{width}x{n_channels} have {there} numbers each, {too_few}: "
            f"give larger ones, or {cure}"
        )
    return f"{variant.name!r} has {there} numbers for each image, {too_few}: give {cure}"


# --- features


def _pixels(step: Step, known: Known) -> int | None:
    if known.shape is None:
        return None
    height, width, n_channels = known.shape
    size = step.parameters.get("size")
    n_pixels = height * width if size is None else size * size
    return n_pixels * (n_channels if step.parameters.get("color", "rgb") == "rgb" else 1)


def _gradients(step: Step, known: Known) -> int | None:
    if known.shape is None:
        return None
    sides = known.shape[:2]
    cell_size = step.parameters.get("cell_size") or max(1, round(3 * min(sides) / 28))
    rows, columns = (math.ceil((side - cell_size // 2) / cell_size) for side in sides)
    return step.parameters.get("n_orientations", 8) * rows * columns


def _patches(step: Step, known: Known) -> int:
    return 4 * step.parameters.get("n_clusters", N_PATCH_CLUSTERS)


def _code(step: Step, known: Known) -> int | None:
    model = step.parameters.get("model", "conv")
    of_model = model.fields if isinstance(model, Spec) else {}
    latent_dim = step.parameters.get("latent_dim")
    if latent_dim is not None:
        return latent_dim
    if of_model.get("latent_dim", "unknown") is not None:  # None: the code is a picture
        return of_model.get("latent_dim")
    if known.shape is None or "widths" not in of_model:
        return None
    widths = of_model["widths"]
    height, width = (math.ceil(side / 2 ** len(widths)) for side in known.shape[:2])
    return height * width * widths[-1]


def _self_supervised(step: Step, known: Known) -> int | None:
    model = step.parameters.get("model", "strided")
    if isinstance(model, str):
        return SELF_SUPERVISED[model]
    encoder = model.fields.get("encoder", Spec("StridedSpec", {}))
    encoder = encoder if model.name == "EncoderProjectorSpec" else model
    if encoder.name == "ResNetSpec":
        return _pooled(encoder)
    return encoder.fields.get("widths", (128,))[-1]


def _clusters(step: Step, known: Known) -> int:
    return step.parameters.get("n_clusters", N_CLUSTERS)


def _class_losses(step: Step, known: Known) -> int | None:
    return known.n_classes


def _layer(step: Step, known: Known) -> int | None:
    layer = step.parameters.get("layer", "dense")
    if layer == "logits":
        return known.n_classes
    model = step.parameters.get("model")
    if isinstance(model, Spec) and model.name == "ResNetSpec":
        return _pooled(model) if layer == "pool" else None
    fields = model.fields if isinstance(model, Spec) else {}
    return fields.get("dense_width", 128) if layer == "dense" else None


def _pooled(resnet: Spec) -> int:
    if resnet.fields.get("family", "cifar") == "cifar":
        return 64
    return 2048 if resnet.fields.get("depth") == 50 else 512


def _pretrained(step: Step, known: Known) -> int | None:
    """Of the networks that have a name here; of others their files would have to be read."""
    weights = step.parameters.get("weights", "cifar10-resnet20")
    if weights not in NAMED_NETWORKS:
        return None
    network = NAMED_NETWORKS[weights]
    side = math.ceil((step.parameters.get("size") or network.size) / network.stride)
    of_layers = {
        "pool": network.n_channels,
        "last_conv": side * side * network.n_channels,
        "logits": network.n_classes,
    }
    return of_layers.get(step.parameters.get("layer", "pool"))


FEATURES: dict[str, Callable[[Step, Known], int | None]] = {
    "PixelFeatures": _pixels,
    "GradientFeatures": _gradients,
    "PatchFeatures": _patches,
    "AutoencoderFeatures": _code,
    "DECFeatures": _code,
    "SelfSupervisedFeatures": _self_supervised,
    "SCANFeatures": _clusters,
    "ClassLossFeatures": _class_losses,
    "ClassifierFeatures": _layer,
    "PretrainedFeatures": _pretrained,
}


def _check_side(step: Step, shape: Shape) -> None:
    """Refuse images that are too small for a feature step."""
    least = _smallest_side(step)
    if min(shape[:2]) < least:
        raise InputError(
            f"images of {shape[0]}x{shape[1]} are too small for {step.estimator}, which takes "
            f"{least}x{least} or more: give larger ones, or a larger size="
        )


def _check_channels(step: Step, shape: Shape) -> None:
    """Refuse images of other channels than those whose mean and deviation a network has."""
    model = step.parameters.get("model")
    fields = model.fields if isinstance(model, Spec) else {}
    for name in ("mean", "std"):
        n_channels = len(fields.get(name, (0,)))
        if n_channels not in (1, shape[2]):
            raise InputError(
                f"the network of this recipe is made for images of {n_channels} channels, "
                f"but these have {shape[2]}: give such images"
            )


def _smallest_side(step: Step) -> int:
    model = step.parameters.get("model")
    if step.estimator == "GradientFeatures":
        return 3
    if step.estimator == "PatchFeatures":
        patch = step.parameters.get("patch_size", PATCH_SIZE)
        return max(patch + 1, step.parameters.get("crop") or 0)
    if step.estimator == "ClassifierFeatures":
        return 1 if isinstance(model, Spec) and model.name == "ResNetSpec" else 6
    if step.estimator in ("AutoencoderFeatures", "DECFeatures", "ClassLossFeatures"):
        widths = model.fields.get("widths", (32, 64)) if isinstance(model, Spec) else (32, 64)
        return 2 ** (len(widths) - 1) + 1  # so that the last halving still has two pixels
    return 1


def n_classes_of_network(step: Step) -> int | None:
    """The number of classes that a network is made for; None where it takes that of the labels."""
    model = step.parameters.get("model")
    if step.estimator != "ClassifierFeatures" or not isinstance(model, Spec):
        return None
    return model.fields.get("n_classes", N_NETWORK_CLASSES)


# --- reductions


def _components(step: Step) -> int:
    return step.parameters.get("n_components", 1)


def _perplexity_and_one(step: Step) -> int:
    return math.floor(step.parameters.get("perplexity", PERPLEXITY)) + 1


NEEDS: dict[str, Callable[[Step], Need]] = {
    "PCA": lambda step: Need(_components(step), f"{_components(step)} principal components"),
    "KernelPCA": lambda step: Need(_components(step), "kernel PCA"),
    "TSNE": lambda step: Need(_perplexity_and_one(step), "t-SNE"),
}
LARGEST_AXES: dict[str, Callable[[Step], int]] = {  # that must not be more than the numbers
    "PCA": _components,
    "KernelPCA": lambda step: 1,  # it may have more axes than there are numbers
    "TSNE": lambda step: step.parameters.get("n_components", 2),  # it starts from those of PCA
}
