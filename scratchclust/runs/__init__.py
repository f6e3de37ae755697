"""A run's folder: how it comes into being, survives a death, is continued, and is read again.

    DIR.partial/   while the run works: a lock, log.txt, and stages/ with what is finished of it
    DIR/           when it is complete: metrics.json, assignments.csv, findings.json, figures/,
                   thumbnails/, model/, nearness/, report.html, manifest.json, log.txt

`folder` has the life cycle, `stages` what a resumed run keeps, `records` what a complete run holds,
`result` the form of its metrics.json, `nearness` what tells how near images are to their clusters,
`digests` what notices damage, `loading` the way back (`scratchclust.runs.load(folder)`),
`environment` what the run was made with.
"""

from scratchclust.runs.digests import seal
from scratchclust.runs.environment import environment
from scratchclust.runs.findings import Findings, read_findings, write_findings
from scratchclust.runs.folder import RunFolder, slug, working
from scratchclust.runs.loading import Assigned, Run, load, read_assignments, read_metrics
from scratchclust.runs.records import AssignmentLines, write_assignments, write_metrics, write_model
from scratchclust.runs.result import Record
from scratchclust.runs.stages import Stage, load_stage, save_stage

__all__ = [
    "Assigned",
    "AssignmentLines",
    "Findings",
    "Record",
    "Run",
    "RunFolder",
    "Stage",
    "environment",
    "load",
    "load_stage",
    "read_assignments",
    "read_findings",
    "read_metrics",
    "save_stage",
    "seal",
    "slug",
    "working",
    "write_assignments",
    "write_findings",
    "write_metrics",
    "write_model",
]
