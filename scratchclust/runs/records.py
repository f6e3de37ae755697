"""What a complete run holds: metrics.json for the scores, assignments.csv for the images, model/
for new ones.
"""

import csv
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import writing
from scratchclust.files import write_json

SCHEMA = 1
MODEL = "model"
TOP_KEYS = (
    *(
        "recipe",
        "command",
        "seed",
        "labels_used",
        "dataset",
        "parameters",
        "environment",
        "seconds",
        "results",
    ),
)
CURVES = ("scan", "elbow")  # over numbers of clusters, where they were computed
DATASET_KEYS = ("name", "split", "n", "shape", "sha256")
SECONDS_KEYS = ("total", "load", "compile", "features", "reduce", "cluster", "score")
RESULT_KEYS = (
    *("name", "method", "n_clusters", "n_fitted", "n_scored", "accuracy", "purity", "nmi", "ari"),
    *("silhouette", "dunn", "inertia", "n_iter", "converged"),
)
ASSIGNMENT_COLUMNS = ("image", "label", "cluster", "distance", "confidence", "x", "y")


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Writes metrics.json with every key of the schema; what is missing, NaN or infinite becomes
    null.

    Args:
        path: The file.
        metrics: `TOP_KEYS` and any of `CURVES`. "results" is a list of mappings with `RESULT_KEYS`
            and any others.

    Raises:
        ValueError: If a key at the top is none of the schema's: a reader would not find it.
    """
    known = (*TOP_KEYS, *CURVES)
    unknown = set(metrics) - set(known)
    if unknown:
        raise ValueError(
            f"metrics.json has no key {sorted(unknown)[0]!r}: its keys are {', '.join(known)}"
        )
    record: dict[str, Any] = {"schema": SCHEMA, **_with_all(TOP_KEYS, metrics)}
    record["dataset"] = _with_all(DATASET_KEYS, metrics.get("dataset") or {})
    record["seconds"] = _with_all(SECONDS_KEYS, metrics.get("seconds") or {})
    record["results"] = [_with_all(RESULT_KEYS, result) for result in metrics.get("results") or []]
    write_json(path, record)


def write_assignments(path: Path, columns: Mapping[str, Sequence[Any] | np.ndarray | None]) -> None:
    """Writes assignments.csv: one line an image, the contract's columns first, then cluster_<name>
    for further results.

    Args:
        path: The file.
        columns: By name; all of the same length. None or missing leaves a column empty, as does NaN
            or None a cell. Numbers are written in as few digits as give the same bits back.
    """
    names = [*ASSIGNMENT_COLUMNS, *(name for name in columns if name not in ASSIGNMENT_COLUMNS)]
    n = len(columns["image"] if columns["image"] is not None else ())
    cells = [_cells(columns.get(name), n) for name in names]
    draft = path.with_name(f".{path.name}.draft")
    with (
        writing(path),
        draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*cells, strict=True))
    os.replace(draft, path)


def write_model(run_folder: Path, pipeline: Any) -> None:
    """Saves the fitted pipeline (safetensors, JSON, SHA-256 of each file) as model/, in the place
    of an older one.
    """
    from scratchclust import persist

    shutil.rmtree(run_folder / MODEL, ignore_errors=True)
    with writing(run_folder / MODEL):
        persist.save(pipeline, run_folder / MODEL)


def _with_all(keys: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(keys), **values}


def _cells(column: Sequence[Any] | np.ndarray | None, n: int) -> list[str]:
    return [""] * n if column is None else [_cell(value) for value in column]


def _cell(value: Any) -> str:
    # str of a NumPy float is its shortest form in its own precision; float() of a float32 would
    # show 0.10000000149.
    return "" if value is None or value != value else str(value)
