"""What a finished run leaves: figures/, model/, assignments.csv and metrics.json."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scratchclust import runs
from scratchclust.experiment.draw import draw_all, draw_over_k
from scratchclust.experiment.images import record
from scratchclust.recipes.plan import Plan, Tell

_STEPS = ("features", "reduce", "cluster", "score")


def write_outputs(
    plan: Plan,
    folder: Path,
    dataset: Any,
    stages: Mapping[str, runs.Stage],
    curves: Mapping[str, runs.Stage],
    *,
    tell: Tell,
) -> None:
    """Writes everything but metrics.json: the figures, the first variant's pipeline, the table of
    images.
    """
    shutil.rmtree(
        folder / "figures", ignore_errors=True
    )  # half drawn before a death, or of another configuration
    draw_all(folder / "figures", stages, dataset, seed=plan.settings.seed, tell=tell)
    for name, stage in curves.items():
        draw_over_k(folder / "figures" / f"{name}.png", stage, next(iter(stages)))
    tell("writing the run")
    runs.write_assignments(folder / "assignments.csv", assignment_columns(dataset, stages))
    runs.write_model(folder, next(iter(stages.values())).pipeline)


def assignment_columns(dataset: Any, stages: Mapping[str, runs.Stage]) -> dict[str, Any]:
    """The columns of assignments.csv: those of the first variant, and the clusters of each further
    one.
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
) -> dict[str, Any]:
    """The content of metrics.json. A stage's seconds are those it took when it was made; `total` is
    this process's.
    """
    results = [stage.scores for stage in stages.values()]
    steps = {step: sum(result["seconds"].get(step, 0.0) for result in results) for step in _STEPS}
    return {
        "recipe": plan.recipe.name,
        "command": command,
        "seed": plan.settings.seed,
        "labels_used": plan.labels_used,
        "dataset": {
            "name": dataset.name,
            "split": plan.source.split,
            **record(dataset),
        },
        "parameters": plan.parameters,
        "environment": runs.environment(plan.settings.precision),
        "seconds": {**seconds, **steps},
        "results": results,
        **{name: stage.scores for name, stage in curves.items()},
    }


def _label_cells(dataset: Any) -> list[str | None] | None:
    if dataset.labels is None:
        return None
    names = dataset.label_names
    return [
        None if label < 0 else names[label] if names else str(label)
        for label in dataset.labels.tolist()
    ]
