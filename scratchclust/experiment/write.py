"""What a finished run leaves: figures/, model/, thumbnails/, assignments.csv and metrics.json."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchclust import runs
from scratchclust.experiment.draw import draw_all, draw_over_k
from scratchclust.experiment.images import record
from scratchclust.recipes.plan import Plan, Tell
from scratchclust.runs.records import ASSIGNMENTS
from scratchclust.runs.result import (
    DatasetRecord,
    Elbow,
    Record,
    Result,
    Scan,
    Seconds,
    StepSeconds,
)
from scratchclust.runs.thumbnails import write_thumbnails


def write_outputs(
    plan: Plan,
    folder: Path,
    dataset: Any,
    stages: Mapping[str, runs.Stage],
    curves: Mapping[str, runs.Stage],
    *,
    tell: Tell,
) -> None:
    """Write all but metrics.json and the page: the figures, the first variant's pipeline, the
    table of images, small pictures of them.
    """
    # half drawn before a death, or of another configuration
    shutil.rmtree(folder / "figures", ignore_errors=True)
    draw_all(folder / "figures", stages, dataset, seed=plan.settings.seed, tell=tell)
    for name, stage in curves.items():
        draw_over_k(folder / "figures" / f"{name}.png", stage, next(iter(stages)))
    tell("writing the run")
    runs.write_assignments(folder / ASSIGNMENTS, assignment_columns(dataset, stages))
    write_thumbnails(folder, dataset.images)
    runs.write_model(folder, next(iter(stages.values())).pipeline)


def assignment_columns(dataset: Any, stages: Mapping[str, runs.Stage]) -> dict[str, Any]:
    """Give the columns of assignments.csv: those of the first variant, and the clusters of each
    further one.
    """
    first, *further = stages.values()
    columns = {name: first.arrays[name] for name in ("distance", "confidence", "x", "y")}
    others = {f"cluster_{stage.scores['name']}": stage.arrays["labels"] for stage in further}
    return {
        "image": dataset.paths or range(len(dataset.images)),
        "label": _label_cells(dataset),
        "cluster": first.arrays["labels"],
        **columns,
        **others,
    }


def metrics_of(
    plan: Plan,
    dataset: Any,
    stages: Mapping[str, runs.Stage],
    curves: Mapping[str, runs.Stage],
    seconds: Mapping[str, float],
    *,
    command: str | None,
) -> Record:
    """Give the content of metrics.json. A stage's seconds are those it took when it was made;
    `total` is this process's.
    """
    results = [Result.from_json(stage.scores) for stage in stages.values()]
    scan = curves.get("scan")
    elbow = curves.get("elbow")
    return Record(
        recipe=plan.recipe.name,
        command=command,
        seed=plan.settings.seed,
        labels_used=plan.labels_used,
        dataset=DatasetRecord(name=dataset.name, split=plan.source.split, **record(dataset)),
        parameters=plan.parameters,
        environment=runs.environment(plan.settings.precision),
        seconds=Seconds(**seconds, **_of_steps(results)),
        results=results,
        scan=None if scan is None else Scan.from_json(scan.scores),
        elbow=None if elbow is None else Elbow.from_json(elbow.scores),
    )


def _of_steps(results: list[Result]) -> dict[str, float]:
    """The seconds of each step, summed over the variants."""
    taken = [result.seconds.to_json() for result in results]
    steps = StepSeconds.__dataclass_fields__
    return {step: sum((one.get(step, 0.0) for one in taken), 0.0) for step in steps}


def _label_cells(dataset: Any) -> list[str | None] | None:
    if dataset.labels is None:
        return None
    names = dataset.label_names
    return [
        None if label < 0 else names[label] if names else str(label)
        for label in dataset.labels.tolist()
    ]
