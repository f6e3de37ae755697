"""Cheap checks of the pictures of a run, and groups of near-duplicates among them, as a stage."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from scratchclust.recipes.plan import Tell
from scratchclust.runs import Stage
from scratchclust.runs.findings import DuplicateGroup

COLUMNS = ("blur", "brightness", "width", "height")  # of assignments.csv
FLAGS = ("is_blurred", "is_dark", "is_bright", "is_odd_size")


def check(dataset: Any, *, tell: Tell) -> Stage:
    """Check every picture, and find the near-duplicates.

    Args:
        dataset: the `scratchclust.data.Dataset` that was clustered.
        tell: is told each step.

    Returns:
        The stage: "duplicates", a list of the `DuplicateGroup`s; the arrays `COLUMNS`, `FLAGS` and
        "duplicate_of", the best of its group for each other member of it, -1 for all else.
    """
    from scratchclust.curation.duplicates import duplicate_of, near_duplicates
    from scratchclust.curation.quality import quality

    tell("checks: blur and brightness")
    checked = quality(dataset.images, dataset.original_sizes)
    groups = near_duplicates(
        dataset.images, quality=checked, tell=lambda line: tell(f"checks: {line}")
    )
    found = checked._asdict()
    arrays = {name: np.asarray(found[name]) for name in (*COLUMNS, *FLAGS)}
    arrays["duplicate_of"] = duplicate_of(groups, len(dataset.images))
    return Stage({"duplicates": [_record(group).to_json() for group in groups]}, arrays)


def duplicates_of(stage: Stage | None) -> list[DuplicateGroup]:
    """Give the groups of the stage; of none, none."""
    found = [] if stage is None else stage.scores["duplicates"]
    return [DuplicateGroup.from_json(group) for group in found]


def columns_of(dataset: Any, stage: Stage | None) -> Mapping[str, Any]:
    """Give the columns of assignments.csv that pictures have; others have none."""
    if stage is None or dataset.original_sizes is None:
        return {}
    names = dataset.paths or range(len(dataset.images))
    best = stage.arrays["duplicate_of"].tolist()
    return {
        **{name: stage.arrays[name] for name in COLUMNS},
        "duplicate_of": [None if i < 0 else names[i] for i in best],
    }


def _record(group: Any) -> DuplicateGroup:
    return DuplicateGroup(
        medoid=int(group.medoid),
        members=[int(member) for member in group.members],
        best=int(group.best),
        reason=group.reason,
    )
