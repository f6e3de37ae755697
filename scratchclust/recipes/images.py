"""The images of a run: those that are clustered, that the features learn from, that test what was fitted."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from scratchclust.errors import InputError

logger = logging.getLogger("scratchclust.recipes")


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
        splits: Of the images that are clustered, learned from (None: the same) and tested on (None: nothing).
        limit: The first so many images of each.
        classes: Only images of these labels.
        needed: The smallest number of images to cluster, and for what.
        tell: Is told each split.
        reading: Other arguments of `scratchclust.data.load`.

    Raises:
        InputError: The data cannot be read, have no labels where classes are chosen, or too few images.
    """
    found = []
    for split in splits:
        if split is not None:
            tell(f"loading {name}, {split}")
        found.append(None if split is None else _one(name, split, limit, classes, reading or {}))
    images = Images(*found)
    n_needed, purpose = needed
    if len(images.clustered.images) < n_needed:
        n = len(images.clustered.images)
        raise InputError(f"{name} has {n} images, too few for {purpose}: give {n_needed} or more")
    for dataset in filter(None, images):  # `data.load` has told their number and the first
        for file in dataset.skipped:
            logger.warning("skipped %s: %s", file.path, file.reason)
    return images


def in_drawn_order(dataset: Any, n: int) -> Any:
    """The first n images of a data set in an order that is drawn once for all; all of them if there are not more."""
    from scratchclust import data

    chosen = np.random.default_rng(0).permutation(len(dataset.images))[:n]
    images = dataset.images[chosen]
    labels = None if dataset.labels is None else dataset.labels[chosen]
    paths = None if dataset.paths is None else tuple(dataset.paths[i] for i in chosen)
    return dataset._replace(images=images, labels=labels, paths=paths, sha256=data.pixels_sha256(images))


def in_groups(dataset: Any, groups: Mapping[str, tuple[int, ...]]) -> Any:
    """The data set with the groups in the place of its labels; -1, not known, for those of no group."""
    if dataset.labels is None:
        return dataset
    labels = np.full(len(dataset.labels), -1, np.int32)
    for group, members in enumerate(groups.values()):
        labels[np.isin(dataset.labels, members)] = group
    return dataset._replace(labels=labels, label_names=tuple(groups))


def _one(name: str, split: str, limit: int | None, classes: tuple[int, ...] | None, reading: Mapping[str, Any]) -> Any:
    from scratchclust import data

    if classes is None:
        return data.load(name, split=split, limit=limit, **reading)
    dataset = data.load(name, split=split, **reading)
    if dataset.labels is None:
        raise InputError(f"{name} has no labels by which to choose the classes {classes}: give labelled images")
    chosen = np.flatnonzero(np.isin(dataset.labels, classes))[:limit]
    images = dataset.images[chosen]
    paths = None if dataset.paths is None else tuple(dataset.paths[i] for i in chosen)
    sha256 = data.pixels_sha256(images)
    return dataset._replace(images=images, labels=dataset.labels[chosen], paths=paths, sha256=sha256)
