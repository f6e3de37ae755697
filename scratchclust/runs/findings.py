"""What a run found beside scores and clusters: findings.json, which the page of the run shows.

Images are numbers here, the lines of assignments.csv from 0.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scratchclust.errors import InputError
from scratchclust.files import write_json
from scratchclust.runs.result import TOLD, Number, Numbers, Part

FINDINGS = "findings.json"
SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class ClusterFindings(Part):
    """What is shown of one cluster; -1 are the images of none."""

    cluster: int
    n: int
    representatives: Sequence[int]  # the most typical first
    random: Sequence[int]
    doubtful: Sequence[int]  # the least sure first


@dataclass(frozen=True, kw_only=True)
class DuplicateGroup(Part):
    """Near-duplicates: every member is near the medoid."""

    medoid: int
    members: Sequence[int]  # with the medoid and the best
    best: int  # the one to keep
    reason: str  # why that one


@dataclass(frozen=True, kw_only=True)
class LeftOut(Part):
    """A file that is not among the images."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Suggestion(Part):
    """Numbers of clusters that were tried, and the one that a stated rule suggests."""

    n_clusters: Sequence[int]
    silhouette: Numbers
    calinski_harabasz: Numbers
    davies_bouldin: Numbers
    # agreement of the labels under resampling: 1 is perfect, 0 that of a cloud without clusters
    stability: Numbers
    suggested: int
    rule: str  # by which it was chosen, in a sentence


@dataclass(frozen=True, kw_only=True)
class Findings(Part):
    """findings.json."""

    distance: str  # what the column means, in a sentence
    confidence: str
    map: str | None = None  # what x and y are, in a sentence
    # what was picked for "auto", and why; None: nothing was
    choice: str | None = None
    suggestion: Suggestion | None = field(default=None, metadata={**TOLD, "of": Suggestion})
    clusters: Sequence[ClusterFindings] = field(metadata={"of": ClusterFindings})
    outliers: Sequence[int] = ()  # the strangest first
    # the distance that 99% of the fitted images keep, all clusters together; None: not known
    usual_distance: Number | None = None
    duplicates: Sequence[DuplicateGroup] = field(default=(), metadata={"of": DuplicateGroup})
    left_out: Sequence[LeftOut] = field(default=(), metadata={"of": LeftOut})
    notes: Sequence[str] = ()  # about the input, such as animations of which one frame was taken

    def to_json(self) -> dict[str, Any]:
        """Give the file's content, with the number of its schema."""
        return {"schema": SCHEMA, **super().to_json()}


def write_findings(folder: Path, findings: Findings) -> None:
    """Write findings.json of a run's folder as a whole."""
    write_json(folder / FINDINGS, findings.to_json())


def read_findings(folder: Path) -> Findings | None:
    """Read findings.json of a run's folder; None where there is none.

    Raises:
        InputError: the file is damaged, or of a newer schema.
    """
    path = folder / FINDINGS
    if not path.is_file():
        return None
    try:
        content: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        schema = content["schema"]
        if schema == SCHEMA:
            return Findings.from_json(content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is damaged: run the recipe again with overwrite=") from error
    raise InputError(
        f"{path} has schema {schema!r}, this version of scratchclust reads {SCHEMA}: use the "
        "version that made it, or run again"
    )
