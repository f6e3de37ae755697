"""A run's folder: how it comes into being, survives a death, is continued, and is read again.

    DIR.partial/   while the run works: a lock, log.txt, and stages/ with what is finished of it
    DIR/           when it is complete: metrics.json, assignments.csv, figures/, model/,
                   thumbnails/, report.html, log.txt

`folder` has the life cycle, `stages` what a resumed run keeps, `records` what a complete run holds,
`result` the form of its metrics.json, `loading` the way back (`scratchclust.runs.load(folder)`),
`environment` what the run was made with.
"""

from scratchclust.runs.environment import environment
from scratchclust.runs.folder import RunFolder, slug, working
from scratchclust.runs.loading import Run, load, read_metrics
from scratchclust.runs.records import write_assignments, write_metrics, write_model
from scratchclust.runs.result import Record
from scratchclust.runs.stages import Stage, load_stage, save_stage

__all__ = [
    "Record",
    "Run",
    "RunFolder",
    "Stage",
    "environment",
    "load",
    "load_stage",
    "read_metrics",
    "save_stage",
    "slug",
    "working",
    "write_assignments",
    "write_metrics",
    "write_model",
]
