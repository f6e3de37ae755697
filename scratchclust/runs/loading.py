"""A finished run, read again: its scores, its assignments, and its pipeline for new images."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Num

from scratchclust.errors import InputError
from scratchclust.runs.records import ASSIGNMENT_COLUMNS, ASSIGNMENTS, METRICS, MODEL, TOP_KEYS
from scratchclust.runs.result import SCHEMA

_NUMBERS = {"distance", "confidence", "x", "y"}


@dataclass(frozen=True)
class Run:
    """A run's folder in memory; made by `load`."""

    folder: Path
    metrics: dict[str, Any]  # metrics.json; `runs.result.Record.from_json` makes it typed
    # assignments.csv by column: text, int32 clusters, float64 with NaN where empty
    assignments: dict[str, np.ndarray]
    pipeline: Any  # the fitted sklearn Pipeline of the first result, from images to clusters

    def predict(self, images: Num[np.ndarray, "n h w c"]) -> Int[np.ndarray, " n"]:
        """Find the clusters of new images, [n] int32, by the fitted pipeline; on the run's own
        images, its assignments.

        Args:
            images: [n, h, w, c] in the size and the value range (uint8: 0 to 255) of those that
                were clustered.

        Raises:
            InputError: the images have another height, width or number of channels, or the
                clustering has no place for new ones.
        """
        try:
            predict = self.pipeline.predict  # a Pipeline has it where its last step does
        except AttributeError as error:
            method = self.metrics["results"][0]["method"]
            raise InputError(
                f"{method} has no place for new images: they would change its clusters; "
                "run again with method=kmeans, gmm or spectral"
            ) from error
        expected = tuple(self.metrics["dataset"]["shape"])
        if images.shape[1:] != expected:
            raise InputError(
                f"this run clusters images of shape {expected} (height, width, channels), but "
                f"these have shape {images.shape[1:]}: resize or convert them"
            )
        return np.asarray(predict(images))


def load(run_folder: str | Path) -> Run:
    """Read a finished run's folder.

    Args:
        run_folder: DIR, as `scratchclust run --output DIR` made it.

    Returns:
        the run, with `.metrics`, `.assignments`, `.pipeline` and `.predict(images)`.

    Raises:
        InputError: the folder is missing, unfinished, of something else, or damaged.
    """
    folder = Path(run_folder)
    metrics = read_metrics(folder)
    assignments = read_assignments(folder / ASSIGNMENTS)
    return Run(folder, metrics, assignments, _read_model(folder / MODEL))


def read_metrics(folder: Path) -> dict[str, Any]:
    """Read metrics.json of a run's folder and check its schema. Raises InputError like `load`."""
    path = folder / METRICS
    if not path.is_file():
        raise InputError(f"{folder} {_what_instead(folder)}")
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is damaged (no JSON): run the recipe again with overwrite="
        ) from error
    foreign = InputError(
        f"{path} is not the record of a run: give a folder made by `scratchclust run`"
    )
    if not isinstance(metrics, dict) or not {"schema", *TOP_KEYS} <= metrics.keys():
        raise foreign
    if metrics["schema"] != SCHEMA:
        raise InputError(
            f"{path} has schema {metrics['schema']!r}, this version of scratchclust reads "
            f"{SCHEMA}: use the version that made it, or run the recipe again"
        )
    dataset = metrics["dataset"]
    if not isinstance(dataset, dict) or not isinstance(dataset.get("shape"), list):
        raise foreign
    return metrics


def _what_instead(folder: Path) -> str:
    if not folder.is_dir():
        return "is no folder: give one made by `scratchclust run`"
    if folder.name.endswith(".partial"):
        return "is an unfinished run: the same run with resume=True continues it"
    return "is no run's folder (it has no metrics.json): give one made by `scratchclust run`"


def read_assignments(path: Path) -> dict[str, np.ndarray]:
    """Read assignments.csv by column, as in `Run.assignments`. Raises InputError like `load`."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file, strict=True)
        if tuple(names[: len(ASSIGNMENT_COLUMNS)]) != ASSIGNMENT_COLUMNS:
            raise ValueError(f"columns {names}")
        columns = list(zip(*rows, strict=True)) or [()] * len(names)
        return {name: _parse(name, column) for name, column in zip(names, columns, strict=True)}
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{path} is missing or damaged ({error}): run the recipe again with overwrite="
        ) from error


def _parse(name: str, column: tuple[str, ...]) -> np.ndarray:
    if name in _NUMBERS:
        return np.array([float(cell) if cell else np.nan for cell in column])
    return np.array(column, dtype=np.int32 if name.startswith("cluster") else str)


def _read_model(folder: Path) -> Any:
    from scratchclust import persist

    try:
        return persist.load(folder)
    except InputError as error:
        raise InputError(f"{error}; or run the recipe again with overwrite=") from error
