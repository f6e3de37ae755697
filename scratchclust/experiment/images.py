"""The images of a run: what is clustered, what the features learn from, what tests them."""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchclust.errors import InputError
from scratchclust.experiment import together
from scratchclust.recipes.cluster import check_number
from scratchclust.recipes.lengths import Known
from scratchclust.recipes.plan import Plan, Tell
from scratchclust.recipes.recipe import Applied

logger = logging.getLogger("scratchclust.recipes")


class Images(NamedTuple):
    """Data sets as `scratchclust.data.load` gives them."""

    clustered: Any  # fitted by the clustering, scored, drawn
    learned: Any = None  # what the features learn from; None: from `clustered`
    tested: Any = None  # what a classifier is tested on; None: not at all
    applied: Any = None  # what a fitted pipeline is applied to; None: nothing


def load(plan: Plan, *, tell: Tell, memory_map: Path | None = None) -> Images:
    """Read the images of a run, and refuse those that it cannot be done with.

    Args:
        plan: what is to be done, with `plan.source`, which says of which images.
        tell: is told each split.
        memory_map: a file for the pixels of a person's own images, if these are many; None: they
            are all in memory.

    Raises:
        InputError: the data cannot be read, have no labels where labels are needed, or too few
            images, or too small ones.
    """
    source = plan.source
    with together.loading(plan):
        clustered = _read(plan, source.split, tell, memory_map)
    together.check_loaded(clustered)
    if plan.cluster is not None:
        check_number(source.name, len(clustered.images), suggests=plan.cluster.suggests)
    if plan.cluster is not None and plan.cluster.labels is not None:
        clustered = _labelled_by(plan.cluster.labels, clustered)
    known = Known(len(clustered.images), clustered.images.shape[1:], is_read=True)
    plan.check_images(known)
    images = Images(
        clustered,
        None if source.fit_split is None else _read(plan, source.fit_split, tell),
        None if source.test_split is None else _read(plan, source.test_split, tell),
    )
    logger.info("taken: %s", clustered.taken)
    for dataset in filter(None, images):  # `data.load` has told their number and the first
        for file in dataset.skipped:
            logger.warning("skipped %s: %s", file.path, file.reason)
    if plan.labels_used and any(not variant.blind for variant in plan.variants):
        teaching = images.clustered if images.learned is None else images.learned
        check_labelled(teaching, plan.recipe.name, source.name)
        n_classes = len(source.groups or np.unique(teaching.labels))
        plan.check_images(known._replace(n_classes=n_classes))
    if source.applied is not None:
        images = images._replace(applied=_applied(plan, source.applied, tell))
    return images if source.groups is None else _all_in_groups(images, source.groups)


def load_clustered(plan: Plan, memory_map: Path) -> Any:
    """Read the images that are clustered, as `load` does, for a process that only helps."""
    return _read(plan, plan.source.split, lambda line: None, memory_map)


def _labelled_by(file: str, dataset: Any) -> Any:
    """The images with the labels of a person's table in the place of those they may have."""
    from scratchclust.data.label_files import read_labels

    labels, names = read_labels(file, dataset.paths or len(dataset.images), folder=dataset.name)
    return dataset._replace(labels=labels, label_names=names)


def _read(plan: Plan, split: str, tell: Tell, memory_map: Path | None = None) -> Any:
    """The images of a split that take part: of the classes, and no more than the limit."""
    source = plan.source
    if source.classes is None:
        return _load(plan, split, tell, limit=source.limit, memory_map=memory_map)
    dataset = _load(plan, split, tell)
    _check_classes_there(dataset, source.classes, f"{source.name}, {split},", source.name)
    return of_classes(dataset, source.classes, limit=source.limit, seed=plan.settings.seed)


def _load(plan: Plan, split: str, tell: Tell, **more: Any) -> Any:
    from scratchclust import data

    source = plan.source
    tell(f"loading {source.name}, {split}")
    return data.load(
        source.name,
        split=split,
        size=source.size,
        fit=source.fit,
        strict=source.strict,
        seed=plan.settings.seed,
        tell=lambda line: tell(f"loading {line}"),
        **more,
    )


def _applied(plan: Plan, wanted: Applied, tell: Tell) -> Any:
    """The images that everything is tried on in the end."""
    dataset = _load(plan, wanted.split, tell)
    n = len(dataset.images) if wanted.n is None else wanted.n
    return in_drawn_order(dataset, n)


def _check_classes_there(dataset: Any, classes: tuple[int, ...], where: str, name: str) -> None:
    if dataset.labels is None:
        raise InputError(
            f"{name} has no labels by which to choose the classes {classes}: give labelled images"
        )
    there = np.unique(dataset.labels[dataset.labels >= 0])
    if absent := sorted({*classes} - {*there.tolist()}):
        raise InputError(
            f"{where} has no image of the labels {', '.join(map(str, absent))} of classes=: "
            f"it has {_ranges(there.tolist())}"
        )


def of_classes(dataset: Any, classes: tuple[int, ...], *, limit: int | None, seed: int) -> Any:
    """The images of these labels; under a limit the first, or, class by class, a sample of all."""
    from scratchclust import data

    chosen = np.flatnonzero(np.isin(dataset.labels, classes))
    labels = dataset.labels[chosen]
    if limit is not None and data.is_class_by_class(labels):
        chosen = chosen[np.sort(data.drawn_order(labels, seed)[:limit])]
    return _of(dataset, chosen[:limit])


def in_drawn_order(dataset: Any, n: int) -> Any:
    """The first n images, or all, of a data set in an order that is drawn once for all."""
    return _of(dataset, np.random.default_rng(0).permutation(len(dataset.images))[:n])


def _of(dataset: Any, chosen: np.ndarray) -> Any:
    """The data set of the chosen images alone."""
    from scratchclust import data

    images = dataset.images[chosen]
    labels = None if dataset.labels is None else dataset.labels[chosen]
    paths = None if dataset.paths is None else tuple(dataset.paths[i] for i in chosen)
    sizes = None if dataset.original_sizes is None else dataset.original_sizes[chosen]
    return dataset._replace(
        images=images,
        labels=labels,
        paths=paths,
        original_sizes=sizes,
        sha256=data.pixels_sha256(images),
    )


def in_groups(dataset: Any, groups: Mapping[str, tuple[int, ...]]) -> Any:
    """The data set with groups in the place of its labels; -1, not known, for those of none."""
    if dataset.labels is None:
        return dataset
    labels = np.full(len(dataset.labels), -1, np.int32)
    for group, members in enumerate(groups.values()):
        labels[np.isin(dataset.labels, members)] = group
    return dataset._replace(labels=labels, label_names=tuple(groups))


def _all_in_groups(images: Images, groups: Mapping[str, tuple[int, ...]]) -> Images:
    there = {name: dataset for name, dataset in images._asdict().items() if dataset is not None}
    return images._replace(**{name: in_groups(found, groups) for name, found in there.items()})


def check_labelled(dataset: Any, recipe: str, name: str) -> None:
    """Refuse images that a recipe is to learn from, unless the labels of all are known.

    Raises:
        InputError: some are not.
    """
    n_unknown = len(dataset.images) if dataset.labels is None else int((dataset.labels < 0).sum())
    if n_unknown:
        raise InputError(
            f"recipe {recipe} learns from labels, but {n_unknown} of the {len(dataset.images)} "
            f"images of {name} have none: put each into a folder of its class, or take a recipe "
            "that needs no labels"
        )


def record(dataset: Any) -> dict[str, Any]:
    """What metrics.json tells of the images, by which a finished run is known to be of them."""
    labels = dataset.labels
    return {
        "n": len(dataset.images),
        "shape": list(dataset.images.shape[1:]),
        "sha256": dataset.sha256,
        "labels_sha256": None if labels is None else hashlib.sha256(labels.tobytes()).hexdigest(),
        "taken": dataset.taken,
    }


def _ranges(numbers: list[int]) -> str:
    """Sorted whole numbers as "0 to 9, 12"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs)
