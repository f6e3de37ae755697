"""From a recipe and a person's settings to a `Plan`: everything resolved, or refused at once.

    Recipe, Settings  ->  Source (which images), variants (which pipelines)  ->  Plan

What cannot be is refused here, as far as it can be known before images are read; what their shape
and number decide, by `Plan.check_images`, once they are read. Both ask `lengths`. Nothing here
needs NumPy. A `Recipe` that is made of a person's words is planned like one of the catalogue.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from scratchclust.errors import InputError
from scratchclust.recipes.catalogue import find
from scratchclust.recipes.known_sets import known_set
from scratchclust.recipes.lengths import (
    Known,
    check_axes,
    lengths_of,
    n_classes_of_network,
    needs,
)
from scratchclust.recipes.recipe import Applied, Recipe, Spec, Step, Variant
from scratchclust.recipes.settings import Settings, Tell, check_settings
from scratchclust.recipes.words import (
    method_of,
    n_clusters_of,
    with_method,
    with_n_clusters,
    with_reduction,
)

if TYPE_CHECKING:
    from scratchclust.data.dataset import Fit

__all__ = ["Cluster", "Plan", "Settings", "Source", "Tell", "describe", "plan"]


@dataclass(frozen=True)
class Source:
    """Which images take part, and in which form.

    Attributes:
        name: a name or a path that `scratchclust.data.load` takes.
        split: what is clustered.
        fit_split: what the features learn from; None: from what is clustered.
        test_split: what a classifier is tested on; None: on nothing.
        applied: which images everything is tried on in the end; None: on none.
        groups: of labels, each of which counts as one label; None: labels are as they are.
        classes: the labels of the images that take part; None: all.
        limit: the first so many images of each split; None: all.
        size, fit, strict: how images are read, as in `Settings`.
        known: what is known of the images before they are read.
    """

    name: str
    split: str
    fit_split: str | None
    test_split: str | None
    applied: Applied | None
    groups: Mapping[str, tuple[int, ...]] | None
    classes: tuple[int, ...] | None
    limit: int | None
    size: int | tuple[int, int] | None
    fit: "Fit"
    strict: bool
    known: Known


@dataclass(frozen=True)
class Cluster:
    """What is special to a person's own images, clustered in a person's own words.

    Attributes:
        suggests: whether the number of clusters is still to be found.
        labels: a CSV file (image, label); None: there is none.
        choice: what was picked for what a person left open, and why; None: nothing was.
    """

    suggests: bool
    labels: str | None
    choice: str | None


@dataclass(frozen=True)
class Plan:
    """All that is decided of a run before an image is read.

    Attributes:
        recipe: what the experiment is.
        settings: what a person changed in it.
        source: which images take part.
        variants: the pipelines to fit, with everything that was asked for; each name once.
        lengths: by a variant's name and a step's, how many numbers the step gives for an image;
            None where that is not known before images are read.
        n_clusters: by a variant's name; None where the method finds the number.
        epochs: by a variant's name, those of its network; None where none is trained.
        elbow: the numbers of clusters over which the inertia is drawn; None: it is not.
        labels_used: whether labels take part in training.
        parameters: everything but the seed that decides the result, as in metrics.json.
        cluster: what only `recipes.cluster` plans; None for the recipes of the catalogue.
    """

    recipe: Recipe
    settings: Settings
    source: Source
    variants: tuple[Variant, ...]
    lengths: Mapping[str, Mapping[str, int | None]]
    n_clusters: Mapping[str, int | None]
    epochs: Mapping[str, int | None]
    elbow: tuple[int, ...] | None
    labels_used: bool
    parameters: Mapping[str, Any]
    cluster: Cluster | None = None

    def trained_with(self, variant: Variant) -> tuple[Variant, ...]:
        """The variants that have one trained network with this one, in order; the variant alone
        where nobody else has it, or where it trains none.
        """
        if "epochs" not in variant.features.parameters:
            return (variant,)
        return tuple(
            other
            for other in self.variants
            if (other.features, other.blind) == (variant.features, variant.blind)
        )

    def check_images(self, known: Known) -> None:
        """Refuse images of which there are too few, or which are too small, for a variant.

        Args:
            known: of the images, now that they are read.

        Raises:
            InputError: the message says what to give.
        """
        if known.n is not None:
            _check_number(self.source, self.variants, known.n)
        for variant in self.variants:
            _check_n_classes(self, variant, known)
            check_axes(variant, known)


def plan(recipe: str | Recipe, settings: Settings | None = None) -> Plan:
    """Everything that a recipe and a person's settings decide.

    Args:
        recipe: a name of `scratchclust.recipes.RECIPES`, or a recipe.
        settings: what differs from the recipe as it stands.

    Raises:
        InputError: there is no such recipe, or the settings cannot be, or not with it.
    """
    recipe = find(recipe) if isinstance(recipe, str) else recipe
    settings = settings or Settings()
    check_settings(settings)
    _check_recipe_takes(recipe, settings)
    variants = _variants(recipe, settings)
    _check_scan(settings, variants)
    if settings.data is None:
        source = _source_of_recipe(recipe, settings)
    else:
        source = _source_of_ones_own(recipe, settings, settings.data)
    planned = _with_what_follows(recipe, settings, source, variants)
    planned.check_images(planned.source.known)
    return planned


def _with_what_follows(
    recipe: Recipe, settings: Settings, source: Source, variants: tuple[Variant, ...]
) -> Plan:
    changed = {name: value for name, value in asdict(settings).items() if name != "seed"}
    has_inertia = method_of(variants[0].cluster).has_inertia
    return Plan(
        recipe=recipe,
        settings=settings,
        source=source,
        variants=variants,
        lengths={variant.name: lengths_of(variant, source.known) for variant in variants},
        n_clusters={variant.name: n_clusters_of(variant) for variant in variants},
        epochs={variant.name: variant.features.parameters.get("epochs") for variant in variants},
        elbow=recipe.elbow if has_inertia else None,
        labels_used=recipe.labels_used,
        parameters={**changed, "variants": [describe(variant) for variant in variants]},
    )


# --- which images


def _source_of_recipe(recipe: Recipe, settings: Settings) -> Source:
    """The recipe's own images: the split asked for, or in full size, or as the recipe says."""
    in_size = recipe.full_split if settings.full else None
    split = settings.split or in_size or recipe.split
    limit = settings.limit or recipe.limit
    classes = settings.classes or recipe.classes
    return Source(
        name=recipe.dataset,
        split=split,
        fit_split=None if recipe.fit_split == split else recipe.fit_split,
        test_split=recipe.test_split,
        applied=_applied_to(recipe, settings),
        groups=recipe.groups,
        classes=classes,
        limit=limit,
        size=settings.size,
        fit=settings.fit,
        strict=settings.strict,
        known=_known_before(recipe.dataset, split, limit, classes, recipe.groups, settings.size),
    )


def _source_of_ones_own(recipe: Recipe, settings: Settings, name: str) -> Source:
    """A person's own images: all, or what the recipe fits, where it applies that to others.

    The features learn from what is clustered, and labels are as they are.
    """
    split = settings.split or ("all" if recipe.applied is None else recipe.split)
    limit = settings.limit
    classes = settings.classes
    return Source(
        name=name,
        split=split,
        fit_split=None,
        test_split=None,
        applied=_applied_to(recipe, settings),
        groups=None,
        classes=classes,
        limit=limit,
        size=settings.size,
        fit=settings.fit,
        strict=settings.strict,
        known=_known_before(name, split, limit, classes, None, settings.size),
    )


def _applied_to(recipe: Recipe, settings: Settings) -> Applied | None:
    """What everything is tried on in the end: of one's own images all, unless there is a limit."""
    if recipe.applied is None or settings.split is not None:
        return None
    n = recipe.applied.n if settings.data is None else None
    numbers = [number for number in (n, settings.limit) if number is not None]
    return replace(recipe.applied, n=min(numbers, default=None))


def _known_before(
    name: str,
    split: str,
    limit: int | None,
    classes: tuple[int, ...] | None,
    groups: Mapping[str, tuple[int, ...]] | None,
    size: int | tuple[int, int] | None,
) -> Known:
    """What is known of images by their set's name; the numbers are the largest that can be."""
    found = known_set(name)
    if found is None:
        return Known(limit, None, None if classes is None else len(classes))
    if absent := sorted(label for label in classes or () if not 0 <= label < found.n_classes):
        raise InputError(
            f"{name} has no image of the labels {', '.join(map(str, absent))} of classes=: "
            f"it has 0 to {found.n_classes - 1}"
        )
    numbers = [number for number in (limit, found.n_of(split)) if number is not None]
    height, width = size if isinstance(size, tuple) else (size, size)
    shape = (height or found.shape[0], width or found.shape[1], found.shape[2])
    return Known(
        min(numbers, default=None), shape, len(groups or classes or range(found.n_classes))
    )


# --- which pipelines


def _variants(recipe: Recipe, settings: Settings) -> tuple[Variant, ...]:
    """The recipe's variants as asked for; once, where two have become the same."""
    found: dict[str, Variant] = {}
    for variant in (settings.full and recipe.full_variants) or recipe.variants:
        asked = _as_asked(_with_features_asked(variant, recipe, settings), settings)
        found.setdefault(asked.name, asked)
    return tuple(found.values())


def _with_features_asked(variant: Variant, recipe: Recipe, settings: Settings) -> Variant:
    """The variant with what was asked for in the place of what its features have.

    A network is trained where there are epochs, and has a precision there.
    """
    parameters = dict(variant.features.parameters)
    epochs = settings.epochs or (recipe.full_epochs if settings.full else None)
    if epochs is not None and "epochs" in parameters:
        parameters["epochs"] = epochs
    if settings.precision != "float32" and "epochs" in parameters:
        parameters["precision"] = settings.precision
    if settings.weights is not None and "weights" in parameters:
        parameters["weights"] = settings.weights
    features = replace(variant.features, parameters=parameters)
    return replace(variant, features=features, refine=_refined_as_asked(variant.refine, settings))


def _refined_as_asked(step: Step | None, settings: Settings) -> Step | None:
    """The step with the epochs that were asked for in the place of each number of epochs that it
    has, and with the precision.
    """
    if step is None:
        return None
    asked: dict[str, Any] = {
        name: settings.epochs
        for name in step.parameters
        if settings.epochs is not None and name.endswith("epochs")
    }
    if settings.precision != "float32":
        asked["precision"] = settings.precision
    return replace(step, parameters={**step.parameters, **asked})


def _as_asked(variant: Variant, settings: Settings) -> Variant:
    if settings.classes is not None:
        variant = with_n_clusters(variant, len(settings.classes))
    if settings.method is not None:
        variant = with_method(variant, settings.method)
    return variant if settings.reduce is None else with_reduction(variant, settings.reduce)


def describe(variant: Variant) -> dict[str, Any]:
    """The variant in JSON's types: its name, each step's estimator and parameters, its repeats."""
    steps = {
        name: {
            "estimator": step.estimator,
            **{key: _plain(value) for key, value in step.parameters.items()},
        }
        for name, step in {**variant.steps, "refine": variant.refine}.items()
        if step is not None
    }
    blind = {"blind": True} if variant.blind else {}
    return {"name": variant.name, **steps, **blind, "n_repeats": variant.n_repeats}


def _plain(value: Any) -> Any:
    if not isinstance(value, Spec):
        return value
    return {"spec": value.name, **{name: _plain(field) for name, field in value.fields.items()}}


# --- refusals


def _check_recipe_takes(recipe: Recipe, settings: Settings) -> None:
    """Refuse settings that say something to which this recipe has nothing."""
    what = f"recipe {recipe.name}"
    trains = any("epochs" in variant.features.parameters for variant in recipe.variants)
    if settings.epochs is not None and not trains:
        raise InputError(f"{what} trains no network: leave epochs= out")
    if settings.precision != "float32" and not trains:
        raise InputError(
            f"{what} trains no network, and all else is done in float32: leave precision= out"
        )
    if settings.weights is not None and not any(
        "weights" in variant.features.parameters for variant in recipe.variants
    ):
        raise InputError(f"{what} takes no pretrained network: leave weights= out")
    in_full = (recipe.full_split, recipe.full_epochs, recipe.full_variants)
    if settings.full and not any(in_full):
        raise InputError(f"{what} takes all its images already: leave full= out")
    if settings.classes is not None and recipe.applied is not None:
        raise InputError(f"{what} has groups of labels of its own: leave classes= out")
    if recipe.has_all_methods and (settings.method is not None or settings.scan):
        raise InputError(f"{what} has all the methods already: leave method= and scan= out")


def _check_scan(settings: Settings, variants: tuple[Variant, ...]) -> None:
    finding = [variant for variant in variants if n_clusters_of(variant) is None]
    if settings.scan and finding:
        word = method_of(finding[0].cluster).word
        raise InputError(
            f"scan= tries numbers of clusters, but {word} finds that number: leave one of them out"
        )


def _check_number(source: Source, variants: tuple[Variant, ...], n: int) -> None:
    """Refuse n images, where a step of a variant needs more."""
    needed = max((need for variant in variants for need in needs(variant)), key=lambda it: it.n)
    if n >= needed.n:
        return
    enough = f"give {needed.n} or more"
    if source.limit is not None and source.limit < needed.n:
        raise InputError(
            f"limit={source.limit} leaves too few images for {needed.purpose}: {enough}"
        )
    raise InputError(
        f"{source.name} has {n} images, too few for {needed.purpose}: ask for less, or {enough}"
    )


def _check_n_classes(planned: Plan, variant: Variant, known: Known) -> None:
    made_for = n_classes_of_network(variant.features)
    if made_for is None or known.n_classes is None:
        return
    if known.n_classes < made_for or (known.is_read and known.n_classes > made_for):
        chosen = planned.settings.classes is not None
        cure = "leave classes= out" if chosen else "give images of every class"
        raise InputError(
            f"recipe {planned.recipe.name} trains a network for {made_for} classes, but the labels "
            f"have {known.n_classes}: {cure}"
        )
