"""What is said before long work: of a person's own images how many, what is picked, and what it
takes; of a recipe how long.

Clusterings, reductions, scores and maps are counted by `scratchclust.costs`; here stands what only
an experiment does: reading, features, checks, the suggestion of a number, the page. All is divided
by the rates of this device. It is rough: it tells a minute from an hour.
"""

from collections.abc import Iterable
from typing import Any

from scratchclust.costs import Work
from scratchclust.estimates import seconds_of, work_of
from scratchclust.experiment.cluster import MOST_ON_A_MAP
from scratchclust.experiment.self_supervised_work import VOTERS, codes, scan, self_supervised
from scratchclust.rates import Rates, host_rates
from scratchclust.recipes.known_sets import known_set
from scratchclust.recipes.lengths import Known, n_features
from scratchclust.recipes.plan import Plan
from scratchclust.recipes.recipe import Spec, Step, Variant
from scratchclust.recipes.words import REDUCTIONS, method_of, n_clusters_of

# Steps of arithmetic, at the rate of `Rates.elements`:
READING = 600.0  # for a pixel of a file
FEATURES = {  # for an image; patches are looked for, networks are deep
    "PixelFeatures": 5e5,
    "GradientFeatures": 1e7,
    "PatchFeatures": 1.2e8,
    "PretrainedFeatures": 3e8,
}
DRAWING = 5e6  # for an image: its checks, its line, its thumbnail
SUGGESTING = 3.5e11  # 19 numbers of clusters of ten samples, twice
ALWAYS = 5e11  # start, compiling, figures and page
PAIRS = 64.0  # for a pair of images, to find near-duplicates
# Work of a training beside that of the convolutional autoencoder's:
NETWORKS = {"unet": 6.0, "UNetSpec": 6.0, "ResNetSpec": 8.0}
TRAINED = ("AutoencoderFeatures", "DECFeatures", "ClassLossFeatures", "ClassifierFeatures")
PROGRAM = 1 << 30  # bytes of the program itself
MAPPED = 1 << 30  # bytes of pixels above which they lie on the disk
PER_IMAGE_ON_DISK = 3_000  # bytes of a thumbnail and a line of the table
TYPICAL = 1_000  # numbers of an image, where the features do not say how many they make
USUAL_AXES = 50  # of what is mapped
MOST_ROUNDS = 20  # of `DECFeatures`, where a step says none
USUAL_CLUSTERS = 10  # where the number is still to be found
LONG = 60.0  # seconds from which on a recipe's time is said


def lines_of(plan: Plan, look: Any, rates: Rates | None = None) -> list[str]:
    """Say what is coming, of a person's own images.

    Args:
        plan: of `recipes.cluster`.
        look: a `scratchclust.data.Look` at the images.
        rates: of the device; None: of the host's cores, where JAX has not been started yet.
    """
    n = min(look.n, plan.settings.limit or look.n)
    size = plan.source.size if isinstance(plan.source.size, tuple) else look.median_size
    kind = "grey" if look.is_grey else "colour"
    (variant,) = plan.variants
    shape = (size[0], size[1], 1 if look.is_grey else 3)
    d = _n_numbers(variant.features, n, shape)
    work = _of_features(variant.features, n, n, shape, d) + _of_variant(variant, n, d)
    work += _of_page(variant, n, shape)
    if look.kind == "pictures":
        height, width = look.median_size
        work += Work(elements=READING * n * height * width)
    if plan.cluster is not None and plan.cluster.suggests:
        work += Work(elements=SUGGESTING)
    pixels = look.n_bytes(size) * n / max(1, look.n)
    memory = PROGRAM + min(pixels, MAPPED) + 4.0 * n * d + work.memory
    disk = max(0.0, pixels - MAPPED) + n * (PER_IMAGE_ON_DISK + 2 * 4 * d)
    seconds = seconds_of(work, rates or host_rates())
    described = f"{n:,} images of {size[0]}x{size[1]}, {kind}: {variant.name}"
    lines = [f"{described}; about {_bytes(memory)} of memory, {_bytes(disk)} of disk, "]
    lines[0] += f"{_duration(seconds)} on this machine"
    if plan.cluster is not None and plan.cluster.choice is not None:
        lines.append(plan.cluster.choice)
    return lines


def lines_of_recipe(plan: Plan, rates: Rates | None = None) -> list[str]:
    """Say what is coming, of a recipe: nothing where it is short, or not known before images are
    read.

    Args:
        plan: of `recipes.plan`.
        rates: of the device; None: of the host's cores, where JAX has not been started yet.
    """
    known = plan.source.known
    if known.n is None or known.shape is None:
        return []
    n = known.n
    shape = known.shape
    of_set = known_set(plan.source.name)
    fitted = None if of_set is None else of_set.n_of(plan.source.fit_split or plan.source.split)
    n_fitted = min(fitted or n, plan.source.limit or fitted or n)
    work = _of_page(plan.variants[0], n, shape)
    for variant in plan.variants:
        d = _n_numbers(variant.features, n, shape)
        if plan.trained_with(variant)[0] is variant:  # the others have its network
            work += _of_features(variant.features, n, n_fitted, shape, d)
            work += _of_looks(plan, variant, n, n_fitted, shape, d)
        if variant.refine is not None:
            work += scan(variant.refine, variant.features, n, n_fitted, shape)
            d = _n_numbers(variant.refine, n, shape)
        work += _of_variant(variant, n, d)
    seconds = seconds_of(work, rates or host_rates())
    if seconds < LONG:
        return []
    memory = PROGRAM + 2.0 * n * shape[0] * shape[1] * shape[2] + work.memory
    described = f"{n:,} images of {shape[0]}x{shape[1]}, {_number_of(plan.variants)}"
    return [f"{described}; about {_bytes(memory)} of memory, {_duration(seconds)} on this machine"]


def _number_of(variants: Iterable[Variant]) -> str:
    n = len(list(variants))
    return f"{n} variant{'' if n == 1 else 's'}"


def _of_page(variant: Variant, n: int, shape: tuple[int, int, int]) -> Work:
    """What every run does, and what it does for each image: checks, thumbnails, near-duplicates, a
    place on the map of the first variant.
    """
    work = Work(elements=ALWAYS + DRAWING * n + PAIRS * float(n) * n)
    return work + work_of("tsne", n, USUAL_AXES, 2) if n <= MOST_ON_A_MAP else work


def _of_variant(variant: Variant, n: int, d: int) -> Work:
    """Reduction, clustering and scores of n images with d features."""
    work = Work()
    for step in (variant.reduce, variant.embed):
        if step is not None:
            word = next(each.word for each in REDUCTIONS if each.estimator == step.estimator)
            axes = step.parameters.get("n_components", 2)
            work += work_of(word, n, d, axes)
            d = axes
    k = n_clusters_of(variant) or USUAL_CLUSTERS
    work += work_of(method_of(variant.cluster).word, n, d, k).times(variant.n_repeats)
    return work + work_of("silhouette", n, d, k).times(variant.n_repeats)


def _of_looks(
    plan: Plan, variant: Variant, n: int, n_fitted: int, shape: tuple[int, int, int], d: int
) -> Work:
    """What is looked at between the epochs: the codes of n images are clustered, and those of an
    encoder without labels voted on.
    """
    every = plan.recipe.watched_every
    step = variant.features
    n_looks = 0 if every is None or variant.refine else step.parameters.get("epochs", 1) // every
    if step.estimator == "SelfSupervisedFeatures":
        look = codes(step, n + min(VOTERS, n_fitted), shape)
    elif step.estimator == "AutoencoderFeatures":
        once = Step(step.estimator, {**step.parameters, "epochs": 1})
        look = _of_features(once, n, n, shape, d).times(1 / 3)  # forward alone
    else:
        return Work()
    return (look + _of_variant(variant, n, d)).times(n_looks)


def _of_features(step: Step, n: int, n_fitted: int, shape: tuple[int, int, int], d: int) -> Work:
    """Features of n images; networks learn from n_fitted."""
    if step.estimator == "SelfSupervisedFeatures":
        return self_supervised(step, n, n_fitted, shape)
    if step.estimator not in TRAINED:
        return Work(elements=FEATURES.get(step.estimator, TYPICAL * 1e4) * n)
    epochs = step.parameters.get("epochs", 1)
    if step.estimator == "DECFeatures":  # the rounds after them, at most
        epochs += step.parameters.get("max_rounds", MOST_ROUNDS)
    model = step.parameters.get("model", "conv")
    of_network = NETWORKS.get(model.name if isinstance(model, Spec) else model, 1.0)
    n_numbers = shape[0] * shape[1] * shape[2]
    settings = {"epochs": epochs, "channels": shape[2]}
    return work_of("autoencoder", n_fitted, n_numbers, d, **settings).times(of_network)


def _n_numbers(step: Step, n: int, shape: tuple[int, int, int]) -> int:
    return n_features(step, Known(n, shape)) or TYPICAL


def _bytes(number: float) -> str:
    if number >= 1 << 30:
        return f"{number / (1 << 30):.1f} GiB"
    return f"{max(1, round(number / (1 << 20))):,} MiB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{10 * max(1, round(seconds / 10))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"
