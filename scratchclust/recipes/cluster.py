"""A person's words for `cluster`, refused where they cannot be, and the plan of what they mean.

    Asked  --check_asked-->  (a look at the images: Seen)  --plan_of-->  Plan

`check_asked` needs no image: it refuses what is wrong whatever the images are.
"""

import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from scratchclust.errors import InputError
from scratchclust.recipes.choice import AUTO, Choice, Seen, choose
from scratchclust.recipes.feature_words import feature_step, name_of
from scratchclust.recipes.lengths import Known
from scratchclust.recipes.plan import Cluster, Plan, plan
from scratchclust.recipes.recipe import Recipe, Step, Variant
from scratchclust.recipes.settings import Settings, check_settings
from scratchclust.recipes.words import (
    METHODS,
    OFFERED,
    cluster_step,
    method_of,
    method_words,
    reduce_step,
)

if TYPE_CHECKING:
    from scratchclust.data.dataset import Fit

NAME = "cluster"  # the recipe's, in metrics.json
HOWS = ("link", "copy")
FEWEST = 3  # images: with fewer, no number of clusters can be told from another
FEWEST_SUGGESTED = 12  # images: of fewer, samples of them tell nothing of a number of clusters


@dataclass(frozen=True)
class Asked:
    """What a person asks for.

    Attributes:
        data: what `scratchclust.data.load` takes.
        clusters: how many; None: a number is suggested, and taken.
        features, reduce, method: words; None and "auto" leave it open.
        size, fit, limit, seed, precision: as in `Settings`.
        labels: a CSV file (image, label) to score against.
        sort_into: a folder for the sorted pictures.
        how: "link" or "copy"; None: links.
    """

    data: str
    clusters: int | None = None
    features: str = AUTO
    reduce: str | None = None
    method: str = AUTO
    size: int | tuple[int, int] | None = None
    fit: "Fit" = "crop"
    limit: int | None = None
    seed: int = 0
    labels: str | None = None
    sort_into: str | None = None
    how: str | None = None
    precision: str = "float32"


def check_asked(asked: Asked) -> None:
    """Refuse what cannot be, whatever the images are.

    Raises:
        InputError: a word, a number or a file that cannot be, or two that do not go together.
    """
    check_settings(_settings(asked, asked.size or 1))
    if asked.clusters is not None and asked.clusters < 2:
        raise InputError(f"expected clusters= to be 2 or more, or auto, got {asked.clusters}")
    if asked.features != AUTO:
        feature_step(asked.features)
    if asked.reduce is not None:
        reduce_step(asked.reduce)
    if asked.method != AUTO:
        _check_method(asked.method, asked.clusters)
    if asked.precision != "float32" and asked.features != "autoencoder":
        raise InputError(
            "precision= is of networks that are trained, and only features=autoencoder are: leave "
            "it out"
        )
    if asked.labels is not None and not Path(asked.labels).expanduser().is_file():
        raise InputError(f"labels={asked.labels!r} is no file: give a CSV file of image, label")
    _check_sorting(asked)


def plan_of(asked: Asked, seen: Seen) -> Plan:
    """Plan what is asked for, with what was left open chosen by the look of the images.

    Raises:
        InputError: these images cannot be clustered so.
    """
    n = min(seen.n, asked.limit or seen.n)
    finds = asked.method.partition(":")[0] in ("dbscan",)
    check_number(asked.data, n, suggests=asked.clusters is None and not finds)
    chosen = choose(
        seen, features=asked.features, reduce=asked.reduce, method=asked.method, size=asked.size
    )
    variant = _variant(chosen, asked.clusters)
    planned = plan(_recipe(asked, variant), _settings(asked, chosen.size))
    planned.check_images(_known(asked, seen, chosen))
    words = {name: value for name, value in asdict(asked).items() if name in WORDS}
    words["clusters"] = asked.clusters or AUTO
    parameters = {**planned.parameters, "asked": words, "choice": chosen.sentence}
    return replace(
        planned,
        parameters=parameters,
        cluster=Cluster(
            suggests=asked.clusters is None and method_of(variant.cluster).counts is not None,
            labels=asked.labels,
            choice=chosen.sentence,
        ),
    )


def _known(asked: Asked, seen: Seen, chosen: Choice) -> Known:
    height, width = chosen.size or (seen.height, seen.width)
    n = min(seen.n, asked.limit or seen.n)
    return Known(n, (height, width, 1 if seen.is_grey else 3))


WORDS = ("features", "reduce", "method")  # of a person, in metrics.json beside what they became


def _settings(asked: Asked, size: int | tuple[int, int] | None) -> Settings:
    _, _, weights = asked.features.partition(":")
    return Settings(
        seed=asked.seed,
        limit=asked.limit,
        data=asked.data,
        size=size,
        fit=asked.fit,
        weights=weights or None,
        precision=asked.precision,
    )


def _recipe(asked: Asked, variant: Variant) -> Recipe:
    return Recipe(
        name=NAME,
        summary="a person's own images",
        dataset=asked.data,
        split="all",
        variants=(variant,),
        method="",
        target="",
        duration="",
    )


def _variant(chosen: Choice, n_clusters: int | None) -> Variant:
    features = feature_step(chosen.features)
    reduce = reduce_step(chosen.reduce)
    method = _method_step(chosen.method, n_clusters)
    vectors = name_of(features) if reduce is None else f"{name_of(features)}, {chosen.reduce}"
    return Variant(f"{vectors} + {chosen.method}", features, method, reduce=reduce)


def _method_step(word: str, n_clusters: int | None) -> Step:
    """The step; with no number of clusters where that is still to be found."""
    hidden = {method.word: method for method in METHODS if not method.is_offered}
    step = hidden[word].step(2) if word in hidden else cluster_step(word, n_clusters or 2)
    counts = method_of(step).counts
    if counts is None:
        return step
    parameters = {name: value for name, value in step.parameters.items() if name != counts}
    if n_clusters is not None:
        parameters = {counts: n_clusters, **parameters}
    return Step(step.estimator, parameters)


# --- refusals


def _check_method(method: str, clusters: int | None) -> None:
    word = method.partition(":")[0]
    if word not in OFFERED:
        raise InputError(f"expected method= to be one of auto, {method_words()}, got {method!r}")
    step = cluster_step(method, 2)
    if clusters is not None and method_of(step).counts is None:
        raise InputError(
            f"clusters={clusters} is a number of clusters, but method={word} finds that number: "
            "leave one of them out"
        )


def _check_sorting(asked: Asked) -> None:
    if asked.how is not None and asked.how not in HOWS:
        raise InputError(f"expected how= to be one of {', '.join(HOWS)}, got {asked.how!r}")
    if asked.sort_into is None:
        if asked.how is not None:
            raise InputError("how= says how pictures are sorted: give sort_into= too")
        return
    source = Path(asked.data).expanduser()
    if not source.is_dir():
        raise InputError(
            f"sort_into= sorts pictures that are files of a folder, but {asked.data} is no folder: "
            "leave it out"
        )
    target = Path(asked.sort_into).expanduser()
    there = Path(os.path.realpath(target))
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(
            f"sort_into={asked.sort_into!r} is there and not empty: give the name of a new folder"
        )
    if there.is_relative_to(os.path.realpath(source)):
        raise InputError(
            f"sort_into={asked.sort_into!r} lies in {asked.data}, whose pictures it is to hold: "
            "give a folder elsewhere"
        )
    above = next(folder for folder in there.parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        what = "no folder" if not above.is_dir() else "not yours to write to"
        raise InputError(
            f"sort_into={asked.sort_into!r} cannot be made, since {above} is {what}: "
            "give a folder elsewhere"
        )


def check_apart(sort_into: str | None, output: Path) -> None:
    """Refuse sorted pictures within a run's folder, which may be replaced, or around it.

    Args:
        sort_into: a folder for the sorted pictures; None: nothing is sorted.
        output: DIR, the run's folder.

    Raises:
        InputError: one of the two lies in the other.
    """
    if sort_into is None:
        return
    target = Path(os.path.realpath(Path(sort_into).expanduser()))
    run = Path(os.path.realpath(output.expanduser()))
    for folder in (run, run.with_name(run.name + ".partial")):
        if target.is_relative_to(folder) or folder.is_relative_to(target):
            raise InputError(
                f"sort_into={sort_into!r} and output={str(output)!r} lie in each other, and a "
                "run's folder may be replaced: give two folders apart"
            )


def check_sortable(asked: Asked, seen: Seen) -> None:
    """Refuse to sort images that are no files, once they were looked at.

    Raises:
        InputError: they are arrays.
    """
    if asked.sort_into is not None and not seen.is_of_files:
        raise InputError(
            f"sort_into= sorts pictures that are files, but {asked.data} holds arrays: leave it out"
        )


def check_number(images: str, n: int, *, suggests: bool) -> None:
    """Refuse so few images: by the first look, and again when those that can be read are known.

    Args:
        images: what was asked for.
        n: how many they are.
        suggests: whether a number of clusters is to be suggested.

    Raises:
        InputError: they are too few.
    """
    if n < FEWEST:
        found = "no image" if n == 0 else f"{n} image{'' if n == 1 else 's'}"
        raise InputError(
            f"{images} has {found} to cluster, and clusters can be told apart from {FEWEST} "
            "on: give more"
        )
    if suggests and n < FEWEST_SUGGESTED:
        raise InputError(
            f"{images} has {n} images, too few to suggest a number of clusters: say clusters="
        )
