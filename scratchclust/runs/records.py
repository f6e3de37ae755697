"""What a complete run holds: metrics.json for the scores, assignments.csv for the images, model/
for new ones.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from io import TextIOBase
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.files import whole_file, whole_folder, write_json
from scratchclust.runs.result import Record, Result, keys

METRICS = "metrics.json"
ASSIGNMENTS = "assignments.csv"
MODEL = "model"
# that every metrics.json has; those of earlier versions know nothing of `features_from`
TOP_KEYS = tuple(key for key in keys(Record) if key != "features_from")
RESULT_KEYS = keys(Result)  # that each of its results has
ASSIGNMENT_COLUMNS = ("image", "label", "cluster", "distance", "confidence", "x", "y")
Columns = Mapping[str, Sequence[Any] | np.ndarray | None]


def write_metrics(path: Path, record: Record) -> None:
    """Write metrics.json as a whole; what is NaN or infinite becomes null."""
    write_json(path, record.to_json())


def write_assignments(path: Path, columns: Columns) -> None:
    """Write assignments.csv as a whole: one line an image, the contract's columns first, then
    cluster_<name> for further results.

    Args:
        path: the file.
        columns: by name; all of the same length. None or missing leaves a column empty, as does NaN
            or None a cell. Numbers are written in as few digits as give the same bits back.
    """
    with (
        whole_file(path) as draft,
        draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        lines = AssignmentLines(file, columns)
        lines.write(columns)


class AssignmentLines:
    """Lines of an assignments.csv, written part by part below its header.

    Args:
        file: open for text, with newline="".
        further: names of columns behind the contract's, which may be among them.
    """

    def __init__(self, file: TextIOBase, further: Iterable[str]) -> None:
        behind = [name for name in further if name not in ASSIGNMENT_COLUMNS]
        self.names = [*ASSIGNMENT_COLUMNS, *behind]
        self._writer = csv.writer(file)
        self._writer.writerow(self.names)

    def write(self, columns: Columns) -> None:
        """Write a line for each image of these columns, as `write_assignments` takes them."""
        n = len(columns["image"] if columns["image"] is not None else ())
        cells = [_cells(columns.get(name), n) for name in self.names]
        self._writer.writerows(zip(*cells, strict=True))


def write_model(run_folder: Path, pipeline: Any) -> None:
    """Write the fitted pipeline (safetensors, JSON, SHA-256 of each file) as model/, in the place
    of an older one.
    """
    from scratchclust import persist

    with whole_folder(run_folder / MODEL) as draft:
        persist.write(pipeline, draft)


def _cells(column: Sequence[Any] | np.ndarray | None, n: int) -> list[str]:
    return [""] * n if column is None else [_cell(value) for value in column]


def _cell(value: Any) -> str:
    # str of a NumPy float is its shortest form in its own precision; float() of a float32 would
    # show 0.10000000149.
    return "" if value is None or value != value else str(value)
