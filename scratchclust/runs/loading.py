"""A finished run, read again: its scores, its assignments, and what places new images in it.

New images pass in blocks of one size, the last filled up: a program is compiled once, and an image
comes out the same to the last bit whatever stands beside it. Features come in smaller blocks, since
of a large network one image alone would otherwise cost as much as many.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int, Int32, Num

from scratchclust.checks import between
from scratchclust.errors import InputError
from scratchclust.runs.digests import check_seal
from scratchclust.runs.nearness import Nearness, Place
from scratchclust.runs.nearness import read as read_nearness
from scratchclust.runs.records import ASSIGNMENT_COLUMNS, ASSIGNMENTS, METRICS, MODEL, TOP_KEYS
from scratchclust.runs.result import SCHEMA

BLOCK = 64  # new images at a time
NETWORK_BLOCK = 16  # of which features are computed at a time
_NUMBERS = {"distance", "confidence", "x", "y", "blur", "brightness"}
_SIDES = {"width", "height"}


class Assigned(NamedTuple):
    """New images among the clusters of a run; NaN where a number is not known."""

    cluster: Int32[np.ndarray, " n"]  # -1: noise
    distance: Float32[np.ndarray, " n"]
    confidence: Float32[np.ndarray, " n"]
    x: Float32[np.ndarray, " n"]  # the place on the run's map
    y: Float32[np.ndarray, " n"]
    # beyond the distance that 99% of the fitted images keep; None: that is not known
    unusual: Bool[np.ndarray, " n"] | None


@dataclass(frozen=True)
class Run:
    """A run's folder in memory; made by `load`."""

    folder: Path
    metrics: dict[str, Any]  # metrics.json; `runs.result.Record.from_json` makes it typed
    # assignments.csv by column: text, int32 clusters, float64 with NaN where empty
    assignments: dict[str, np.ndarray]
    pipeline: Any  # the fitted sklearn Pipeline of the first result, from images to clusters
    # of the fitted images, which `assign` and `similar` need; None: the run is of an older version
    nearness: Nearness | None = None

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
        self._check_shape(images)
        return np.asarray(predict(images))

    def assign(self, images: Num[np.ndarray, "n h w c"]) -> Assigned:
        """Find the clusters of new images, how near and how sure each is, and its place on the map.

        An image is unusual beyond the distance that 99% of the fitted images keep, measured as if
        each were new. Neither the order of the images nor their companions change anything. Where
        the method itself has no place for new images, their nearest fitted ones decide: they vote
        (agglomerative), or the nearest core point within eps draws them in (dbscan).

        Args:
            images: as in `predict`.

        Raises:
            InputError: as in `predict`; methods without a place for new images are refused only
                where the run is of a version that kept nothing for this.
        """
        if self.nearness is None:
            unknown = np.full(len(images), np.nan, np.float32)
            return Assigned(
                self.predict(images).astype(np.int32), unknown, unknown, unknown, unknown, None
            )
        self._check_shape(images)
        blocks = [self._place(images[i : i + BLOCK]) for i in range(0, len(images), BLOCK)]
        blocks = blocks or [self._place(images)]
        place = Place(*(np.concatenate(column) for column in zip(*blocks, strict=True)))
        usual = self.nearness.usual_distance
        return Assigned(*place, None if usual is None else ~(place.distance <= usual))

    def similar(
        self, image: Num[np.ndarray, "*one h w c"], n: int = 10
    ) -> tuple[Int[np.ndarray, " n"], Float64[np.ndarray, " n"]]:
        """Find the n fitted images nearest to one, between the vectors that were clustered.

        Args:
            image: [h w c] or [1 h w c], in size and value range as in `predict`.
            n: how many.

        Returns:
            Their lines in `assignments` (`run.assignments["image"][indices]` are their names) and
            their distances, the nearest first.

        Raises:
            InputError: more are asked for than were fitted, the image has another shape, or the run
                is of a version that kept no vectors.
        """
        if self.nearness is None:
            raise InputError(
                f"{self.folder} was made by a version of scratchclust that kept no vectors of its "
                "images: make the run again with overwrite="
            )
        one = image if image.ndim == 4 else image[None]
        if len(one) != 1:
            raise InputError(f"expected one image, got {len(one)}: ask for each alone")
        self._check_shape(one)
        fitted = self.nearness.fitted
        n = between(1, len(fitted.points), "the number of fitted images")("n", n)
        found = fitted.neighbors(self.nearness.kept(self._vectors(one)), n)
        return np.asarray(found.indices)[0], np.asarray(found.distances, np.float64)[0]

    def _check_shape(self, images: Num[np.ndarray, "n h w c"]) -> None:
        expected = tuple(self.metrics["dataset"]["shape"])
        if images.shape[1:] != expected:
            raise InputError(
                f"this run clusters images of shape {expected} (height, width, channels), but "
                f"these have shape {images.shape[1:]}: resize or convert them"
            )

    def _place(self, images: Num[np.ndarray, "n h w c"]) -> Place:
        """The places of at most a block of images."""
        assert self.nearness is not None
        map_of_fitted = (self.assignments["x"], self.assignments["y"])
        found = self.nearness.place(self.pipeline[-1], self._vectors(images), map_of_fitted)
        return Place(*(column[: len(images)] for column in found))

    def _vectors(self, images: Num[np.ndarray, "n h w c"]) -> Float[np.ndarray, "block d"]:
        """The vectors of a block that the images begin and their last fills up."""
        starts = range(0, max(len(images), 1), NETWORK_BLOCK)
        parts = [_filled(images[i : i + NETWORK_BLOCK], NETWORK_BLOCK) for i in starts]
        found = np.concatenate([np.asarray(self.pipeline[0].transform(part)) for part in parts])
        X = _filled(found[: max(len(images), 1)], BLOCK)
        for _, step in self.pipeline.steps[1:-1]:
            X = np.asarray(step.transform(X))
        return X


def _filled(rows: Num[np.ndarray, "n ..."], n: int) -> Num[np.ndarray, "m ..."]:
    """The rows and as many of the last as make n; of none, zeros."""
    if not len(rows):
        return np.zeros((n, *rows.shape[1:]), rows.dtype)
    return rows[np.minimum(np.arange(n), len(rows) - 1)]


def load(run_folder: str | Path) -> Run:
    """Read a finished run's folder.

    Args:
        run_folder: DIR, as `scratchclust run --output DIR` made it.

    Returns:
        the run, with `.metrics`, `.assignments`, `.pipeline`, `.predict(images)`,
        `.assign(images)` and `.similar(image, n)`.

    Raises:
        InputError: the folder is missing, unfinished, of something else or of a newer version, or a
            file in it was changed or is damaged.
    """
    folder = Path(run_folder)
    metrics = read_metrics(folder)
    assignments = read_assignments(folder / ASSIGNMENTS)
    check_seal(folder)
    pipeline = _read_model(folder / MODEL)
    return Run(folder, metrics, assignments, pipeline, read_nearness(folder, pipeline[-1]))


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
    if name in _SIDES:  # -1 where it is not known
        return np.array([int(cell or -1) for cell in column], dtype=np.int32)
    return np.array(column, dtype=np.int32 if name.startswith("cluster") else str)


def _read_model(folder: Path) -> Any:
    from scratchclust import persist

    try:
        return persist.load(folder)
    except InputError as error:
        raise InputError(f"{error}; or run the recipe again with overwrite=") from error
