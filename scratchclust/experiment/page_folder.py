"""What a run's folder holds, as far as its page needs it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from scratchclust.errors import InputError
from scratchclust.runs import read_metrics
from scratchclust.runs.findings import Findings, read_findings
from scratchclust.runs.loading import read_assignments
from scratchclust.runs.records import ASSIGNMENTS, METRICS
from scratchclust.runs.result import Record
from scratchclust.runs.thumbnails import Thumbnails, read_thumbnails


class Folder(NamedTuple):
    """What a run's folder holds, as far as the page needs it."""

    metrics: Mapping[str, Any]
    record: Record
    columns: Mapping[str, np.ndarray]  # assignments.csv
    findings: Findings | None
    thumbnails: Thumbnails | None
    figures: Mapping[str, bytes]

    @property
    def names(self) -> list[str]:
        return self.columns["image"].tolist()

    @property
    def labels(self) -> Int[np.ndarray, " n"]:
        return self.columns["cluster"]


def read(folder: Path) -> Folder:
    """Read what the page needs. Raises InputError where something is missing or damaged."""
    metrics = read_metrics(folder)
    try:
        record = Record.from_json(metrics)
        record.results[0]  # every run has one
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / METRICS} is damaged ({error}): run the recipe again with overwrite="
        ) from error
    columns = read_assignments(folder / ASSIGNMENTS)
    n = len(columns["image"])
    if n != record.dataset.n or not n:
        raise InputError(
            f"{folder / ASSIGNMENTS} has {n} images, metrics.json {record.dataset.n}: they are not "
            "of the same run; run the recipe again with overwrite="
        )
    findings = read_findings(folder)
    thumbnails = read_thumbnails(folder)
    if (thumbnails is not None and thumbnails.n != n) or _beyond(findings, n):
        raise InputError(
            f"{folder}: its findings or thumbnails tell of other images than {ASSIGNMENTS}: run "
            "the recipe again with overwrite="
        )
    figures = {path.stem: _figure(path) for path in sorted((folder / "figures").glob("*.png"))}
    return Folder(metrics, record, columns, findings, thumbnails, figures)


def _figure(path: Path) -> bytes:
    png = path.read_bytes()
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise InputError(f"{path} is damaged (no PNG): run the recipe again with overwrite=")
    return png


def _beyond(findings: Findings | None, n: int) -> bool:
    """Whether findings.json names an image that there is not."""
    if findings is None:
        return False
    named = [*findings.outliers]
    for cluster in findings.clusters:
        named += [*cluster.representatives, *cluster.random, *cluster.doubtful]
    for group in findings.duplicates:
        named += [group.medoid, group.best, *group.members]
    return any(not 0 <= image < n for image in named)
