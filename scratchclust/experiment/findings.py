"""What a run found beside scores and clusters: the content of findings.json."""

from typing import Any

import numpy as np

from scratchclust import runs
from scratchclust.curation.showing import outliers, shown
from scratchclust.experiment.checked import FLAGS, duplicates_of
from scratchclust.experiment.telling import ask_rule
from scratchclust.recipes.plan import Plan
from scratchclust.runs import nearness
from scratchclust.runs.findings import (
    ClusterFindings,
    DuplicateGroup,
    Findings,
    LeftOut,
    Suggestion,
)

FLAGGED = dict(zip(FLAGS, ("blurred", "dark", "bright", "of an odd size"), strict=True))
NAMED = 5  # pictures by name in a note


def findings_of(
    plan: Plan,
    dataset: Any,
    stage: runs.Stage,
    suggestion: runs.Stage | None,
    checks: runs.Stage | None,
) -> Findings:
    """Gather what is shown beside the scores.

    Args:
        plan: of the run.
        dataset: the `scratchclust.data.Dataset` that was clustered.
        stage: of the first variant.
        suggestion: of the number of clusters; None: a person said it, or the method finds it.
        checks: of the pictures; None: there are none.
    """
    rule = ask_rule(stage.pipeline.named_steps["cluster"])
    distance_means, confidence_means = rule.meanings
    labels = stage.arrays["labels"]
    distance = stage.arrays["distance"]
    duplicates = duplicates_of(checks)
    return Findings(
        distance=distance_means,
        confidence=confidence_means,
        map=_of_map(stage),
        choice=None if plan.cluster is None else plan.cluster.choice,
        suggestion=None if suggestion is None else Suggestion.from_json(suggestion.scores),
        clusters=_clusters(stage, duplicates, seed=plan.settings.seed),
        outliers=outliers(labels, distance).tolist(),
        usual_distance=nearness.usual_of(rule, labels, distance),
        duplicates=duplicates,
        left_out=[LeftOut(path=file.path, reason=file.reason) for file in dataset.skipped],
        notes=[*dataset.notes, *_of_checks(dataset, checks)],
    )


def _of_map(stage: runs.Stage) -> str:
    """What x and y are: who made them has left the axes, or, of t-SNE, none."""
    if "plane" in stage.arrays:
        return "The map is the first two principal components of the vectors that were clustered."
    if stage.scores["n_features"] == 2:
        return "The map is the two numbers of each vector that was clustered."
    return (
        "The map is made by t-SNE from the vectors that were clustered, for the eye alone: no "
        "cluster comes from it."
    )


def _clusters(
    stage: runs.Stage, duplicates: list[DuplicateGroup], *, seed: int
) -> list[ClusterFindings]:
    arrays = stage.arrays
    found = shown(
        arrays["labels"], arrays["distance"], arrays["confidence"], seed=seed, groups=duplicates
    )
    return [ClusterFindings(**one._asdict()) for one in found]


def _of_checks(dataset: Any, checks: runs.Stage | None) -> list[str]:
    """A line for each flag that some pictures have."""
    if checks is None or dataset.original_sizes is None:
        return []
    names = dataset.paths or range(len(dataset.images))
    lines = []
    for flag, word in FLAGGED.items():
        chosen = np.flatnonzero(checks.arrays[flag]).tolist()
        if chosen:
            first = ", ".join(str(names[i]) for i in chosen[:NAMED])
            more = ", ..." if len(chosen) > NAMED else ""
            seem = "seems" if len(chosen) == 1 else "seem"
            lines.append(f"{len(chosen):,} {seem} {word} beside the others: {first}{more}")
    return lines
