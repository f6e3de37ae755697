"""What a person may change in a recipe, and what of it is refused, whatever the recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scratchclust.errors import InputError

if TYPE_CHECKING:
    from scratchclust.data.dataset import Fit

Tell = Callable[[str], None]  # takes a line that says what is being done

PRECISIONS = ("float32", "bfloat16")
FITS = ("crop", "pad", "squeeze")
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class Settings:
    """What a person may change in a recipe.

    Attributes:
        seed: the random state of every step that has one.
        limit: the first so many images.
        split: another split than the recipe's.
        full: the recipe in full size: all splits, where it takes only one, and all epochs.
        scan: also inertia, silhouette and Dunn's index over k = 2..20.
        epochs: of the networks, in the place of the recipe's own.
        data: other images: a name or a path that `scratchclust.data.load` takes.
        size: height and width, or (height, width), to which every image is brought.
        fit: how images of other proportions are: "crop", "pad" or "squeeze".
        strict: refuse a folder with files that are no readable pictures.
        weights: of a network that was trained before: what `PretrainedFeatures` takes.
        classes: only images of these labels, and as many clusters.
        method: another clustering, a word of `recipes.words.METHODS`.
        reduce: another reduction, a word of `recipes.words.REDUCTIONS`.
        precision: in which networks are trained; "bfloat16" leaves their parameters in float32.
    """

    seed: int = 0
    limit: int | None = None
    split: str | None = None
    full: bool = False
    scan: bool = False
    epochs: int | None = None
    data: str | None = None
    size: int | tuple[int, int] | None = None
    fit: "Fit" = "crop"
    strict: bool = False
    weights: str | None = None
    classes: tuple[int, ...] | None = None
    method: str | None = None
    reduce: str | None = None
    precision: str = "float32"


def check_settings(settings: Settings) -> None:
    """Refuse settings that no recipe can be run with.

    Raises:
        InputError: one of them cannot be, or two do not go together.
    """
    _check_values(settings)
    if settings.full and (settings.data is not None or settings.split is not None):
        raise InputError("full=, split= and data= each say what to cluster: leave full= out")
    if settings.strict and settings.data is None:
        raise InputError(
            "strict= is about the files of one's own folder: give data= too, or leave strict= out"
        )
    if settings.fit != "crop" and settings.size is None:
        raise InputError(
            f"fit={settings.fit} says how images come to a size=: give one, or leave fit= out"
        )
    if settings.classes is not None:
        _check_classes(settings.classes)


def _check_values(settings: Settings) -> None:
    if not 0 <= settings.seed <= LARGEST_SEED:
        raise InputError(
            f"expected seed= to be a whole number from 0 to {LARGEST_SEED}, got {settings.seed}"
        )
    for name in ("limit", "epochs"):
        value = getattr(settings, name)
        if value is not None and value < 1:
            raise InputError(f"expected {name}= to be a whole number of at least 1, got {value}")
    for name, words in (("fit", FITS), ("precision", PRECISIONS)):
        value = getattr(settings, name)
        if value not in words:
            raise InputError(f"expected {name}= to be one of {', '.join(words)}, got {value!r}")


def _check_classes(classes: tuple[int, ...]) -> None:
    listed = ",".join(map(str, classes))
    if len(set(classes)) != len(classes):
        raise InputError(f"classes={listed} names a label twice: name each once")
    if len(classes) < 2:
        raise InputError(
            "classes= needs at least two labels, as 5,6,8,9: one makes nothing to tell apart"
        )
