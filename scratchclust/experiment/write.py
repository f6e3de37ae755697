"""What a finished run leaves: figures/, model/, thumbnails/, assignments.csv and metrics.json."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchclust import runs
from scratchclust.experiment.checked import columns_of
from scratchclust.experiment.draw import draw_all, draw_over_k, draw_suggestion
from scratchclust.experiment.images import record
from scratchclust.experiment.telling import ask_rule
from scratchclust.features.weights import trained_on
from scratchclust.recipes.plan import Plan, Tell
from scratchclust.runs import nearness
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
    checks: runs.Stage | None = None,
    *,
    tell: Tell,
) -> None:
    """Write the figures, the first variant's pipeline, and the table of images."""
    # half drawn before a death, or of another configuration
    shutil.rmtree(folder / "figures", ignore_errors=True)
    draw_all(folder / "figures", stages, dataset, seed=plan.settings.seed, tell=tell)
    for name, stage in curves.items():
        if name == "suggestion":
            draw_suggestion(folder / "figures" / f"{name}.png", stage)
            continue
        draw_over_k(folder / "figures" / f"{name}.png", stage, next(iter(stages)))
    tell("writing the run")
    runs.write_assignments(folder / ASSIGNMENTS, assignment_columns(dataset, stages, checks))
    first = next(iter(stages.values()))
    runs.write_model(folder, first.pipeline)
    write_nearness(folder, first)


def write_nearness(folder: Path, stage: runs.Stage) -> None:
    """Write what `assign` needs of a variant, beside its model."""
    arrays = stage.arrays
    vectors = arrays.get("vectors")
    nearness.write(
        folder,
        ask_rule(stage.pipeline.named_steps["cluster"]),
        kept=None if vectors is None else nearness.Kept(vectors, arrays.get("projection")),
        labels=arrays["labels"],
        distance=arrays["distance"],
        plane=arrays.get("plane"),
    )


def write_page_of(folder: Path, dataset: Any, *, tell: Tell) -> None:
    """Write the thumbnails of all images, and the page; the rest of the folder is there."""
    from scratchclust.experiment.page import images_shown, write_page

    tell("writing the page: thumbnails")
    write_thumbnails(folder, dataset.images, larger=images_shown(folder))
    tell("writing the page")
    write_page(folder)


def assignment_columns(
    dataset: Any, stages: Mapping[str, runs.Stage], checks: runs.Stage | None = None
) -> dict[str, Any]:
    """Give the columns of assignments.csv: those of the first variant, what checks tell of
    pictures, and the clusters of each further variant.
    """
    first, *further = stages.values()
    columns = {name: first.arrays[name] for name in ("distance", "confidence", "x", "y")}
    others = {f"cluster_{stage.scores['name']}": stage.arrays["labels"] for stage in further}
    return {
        "image": dataset.paths or range(len(dataset.images)),
        "label": _label_cells(dataset),
        "cluster": first.arrays["labels"],
        **columns,
        **columns_of(dataset, checks),
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
        features_from=features_from(plan),
        environment=runs.environment(plan.settings.precision),
        seconds=Seconds(**seconds, **_of_steps(results)),
        results=results,
        scan=None if scan is None else Scan.from_json(scan.scores),
        elbow=None if elbow is None else Elbow.from_json(elbow.scores),
    )


def features_from(plan: Plan) -> str | None:
    """Say what the networks of others, whose features a plan takes, were trained on."""
    steps = [variant.features for variant in plan.variants]
    taken = [step.parameters["weights"] for step in steps if step.estimator == "PretrainedFeatures"]
    return "; ".join(dict.fromkeys(trained_on(weights) for weights in taken)) or None


def _of_steps(results: list[Result]) -> dict[str, float]:
    """The seconds of each step, summed over the variants; features that several share, once."""
    taken = [result.seconds.to_json() for result in results]
    steps = [step for step in StepSeconds.__dataclass_fields__ if step != "shared_features"]
    return {step: sum((one.get(step, 0.0) for one in taken), 0.0) for step in steps}


def _label_cells(dataset: Any) -> list[str | None] | None:
    if dataset.labels is None:
        return None
    names = dataset.label_names
    return [
        None if label < 0 else names[label] if names else str(label)
        for label in dataset.labels.tolist()
    ]
