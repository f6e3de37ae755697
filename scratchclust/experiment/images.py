"""The images of a run: those that are clustered, that the features learn from, that test what was
fitted.
"""

import hashlib
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from scratchclust.errors import InputError

logger = logging.getLogger("scratchclust.recipes")


_IN_OPTIONS = {
    "load without strict": "leave --strict out",
    "ask for fewer clusters": "give more images, or take --method dbscan, which finds the number of clusters",
    "choose fewer clusters": "give more images, or take --method dbscan, which finds the number of clusters",
    "call fit(images, labels)": "give images in folders of their classes",
}


class Images(NamedTuple):
    """Data sets as `scratchclust.data.load` gives them."""

    clustered: Any  # fitted by the clustering, scored, drawn
    learned: Any = None  # what the features learn from; None: from `clustered`
    tested: Any = None  # what a classifier is tested on; None: not at all
    applied: Any = None  # what a fitted pipeline is applied to; None: nothing


def load(
    name: str,
    splits: tuple[str, str | None, str | None],
    *,
    limit: int | None,
    classes: tuple[int, ...] | None,
    needed: tuple[int, str],
    tell: Callable[[str], None],
    reading: Mapping[str, Any] | None = None,
) -> Images:
    """Reads the splits of a data set.

    Args:
        name: A name or a path that `scratchclust.data.load` takes.
        splits: Of the images that are clustered, learned from (None: the same) and tested on (None:
            nothing).
        limit: The first so many images of each.
        classes: Only images of these labels.
        needed: The smallest number of images to cluster, and for what.
        tell: Is told each split.
        reading: Other arguments of `scratchclust.data.load`.

    Raises:
        InputError: The data cannot be read, have no labels where classes are chosen, or too few
            images.
    """
    found = []
    for split in splits:
        if split is not None:
            tell(f"loading {name}, {split}")
        more = {**(reading or {}), "tell": lambda line: tell(f"loading {line}")}
        found.append(None if split is None else _one(name, split, limit, classes, more))
    images = Images(*found)
    n_needed, purpose = needed
    if len(images.clustered.images) < n_needed:
        n = len(images.clustered.images)
        raise InputError(f"{name} has {n} images, too few for {purpose}: give {n_needed} or more")
    logger.info("taken: %s", images.clustered.taken)
    for dataset in filter(None, images):  # `data.load` has told their number and the first
        for file in dataset.skipped:
            logger.warning("skipped %s: %s", file.path, file.reason)
    return images


def in_drawn_order(dataset: Any, n: int) -> Any:
    """The first n images of a data set in an order that is drawn once for all; all of them if there
    are not more.
    """
    from scratchclust import data

    chosen = np.random.default_rng(0).permutation(len(dataset.images))[:n]
    images = dataset.images[chosen]
    labels = None if dataset.labels is None else dataset.labels[chosen]
    paths = None if dataset.paths is None else tuple(dataset.paths[i] for i in chosen)
    return dataset._replace(
        images=images, labels=labels, paths=paths, sha256=data.pixels_sha256(images)
    )


def in_groups(dataset: Any, groups: Mapping[str, tuple[int, ...]]) -> Any:
    """The data set with the groups in the place of its labels; -1, not known, for those of no
    group.
    """
    if dataset.labels is None:
        return dataset
    labels = np.full(len(dataset.labels), -1, np.int32)
    for group, members in enumerate(groups.values()):
        labels[np.isin(dataset.labels, members)] = group
    return dataset._replace(labels=labels, label_names=tuple(groups))


def _one(
    name: str,
    split: str,
    limit: int | None,
    classes: tuple[int, ...] | None,
    reading: Mapping[str, Any],
) -> Any:
    from scratchclust import data

    try:
        if classes is None:
            return data.load(name, split=split, limit=limit, **reading)
        dataset = data.load(name, split=split, **reading)
    except InputError as error:
        raise InputError(in_options(str(error))) from error
    if dataset.labels is None:
        raise InputError(
            f"{name} has no labels by which to choose the classes {classes}: give labelled images"
        )
    there = np.unique(dataset.labels[dataset.labels >= 0])
    if absent := sorted({*classes} - {*there.tolist()}):
        raise InputError(
            f"{name}, {split}, has no image of the labels {', '.join(map(str, absent))} of --digits: "
            f"it has {_ranges(there.tolist())}"
        )
    chosen = np.flatnonzero(np.isin(dataset.labels, classes))
    labels = dataset.labels[chosen]
    if limit is not None and data.is_class_by_class(labels):
        chosen = chosen[np.sort(data.drawn_order(labels, reading.get("seed", 0))[:limit])]
    chosen = chosen[:limit]
    images = dataset.images[chosen]
    paths = None if dataset.paths is None else tuple(dataset.paths[i] for i in chosen)
    sha256 = data.pixels_sha256(images)
    return dataset._replace(
        images=images, labels=dataset.labels[chosen], paths=paths, sha256=sha256
    )


def check_labelled(dataset: Any, recipe: str, name: str) -> None:
    """Refuses images that a recipe is to learn from and whose labels are not all known. Raises
    InputError.
    """
    n_unknown = len(dataset.images) if dataset.labels is None else int((dataset.labels < 0).sum())
    if n_unknown:
        raise InputError(
            f"recipe {recipe} learns from labels, but {n_unknown} of the {len(dataset.images)} images of {name} have "
            "none: put each into a folder of its class, or take a recipe that needs no labels"
        )


def record(dataset: Any) -> dict[str, Any]:
    """What metrics.json tells of the images, and by what a finished run is known to be of the same
    ones.
    """
    labels = dataset.labels
    return {
        "n": len(dataset.images),
        "shape": list(dataset.images.shape[1:]),
        "sha256": dataset.sha256,
        "labels_sha256": None if labels is None else hashlib.sha256(labels.tobytes()).hexdigest(),
        "taken": dataset.taken,
    }


def in_options(message: str) -> str:
    """A message of the library with the command line's options in the place of Python's arguments
    and calls.
    """
    # Not within a path: folders may well be called split=train.
    message = re.sub(r"(?<![^\s(])(size|split|limit)='?(\w+)'?(?=[\s,;:)]|$)", r"--\1 \2", message)
    for theirs, ours in _IN_OPTIONS.items():
        message = message.replace(theirs, ours)
    return message


def _ranges(numbers: list[int]) -> str:
    """Sorted whole numbers as "0 to 9, 12"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
