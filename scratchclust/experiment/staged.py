"""Stages of a run in its folder: what is there from before is kept, all else is made and saved."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import scratchclust
from scratchclust import runs
from scratchclust.experiment.images import Images
from scratchclust.files import sha256_of_file, sha256_of_json, sha256_of_tree
from scratchclust.recipes.plan import Plan, Tell

logger = logging.getLogger("scratchclust.recipes")


class Work(NamedTuple):
    """What every step of a run needs."""

    plan: Plan
    folder: runs.RunFolder
    images: Images
    tell: Tell


def kept_or_made(work: Work, name: str, key: str, make: Callable[[], runs.Stage]) -> runs.Stage:
    """The stage that is there from before, if its key is the same; else a new one, saved."""
    place = work.folder.stages / name
    stage = runs.load_stage(place, key)
    if stage is None:
        stage = make()
        runs.save_stage(place, stage, key)
        logger.info("stage %s is finished", name)
    return stage


def fingerprint(planned: Plan, images: Images, part: Mapping[str, Any]) -> str:
    """What a stage must agree in to be kept; labels too, since it keeps the scores against them."""
    used = {name: dataset for name, dataset in images._asdict().items() if dataset is not None}
    return sha256_of_json(
        {
            "version": scratchclust.__version__,
            "recipe": planned.recipe.name,
            "seed": planned.settings.seed,
            **{name: [dataset.sha256, _labels_sha256(dataset)] for name, dataset in used.items()},
            "part": part,
            "weights": _weights_sha256(planned.settings.weights),
        }
    )


def _labels_sha256(dataset: Any) -> str:
    return hashlib.sha256(b"" if dataset.labels is None else dataset.labels.tobytes()).hexdigest()


def _weights_sha256(weights: str | None) -> Any:
    """Of the person's own network, which may become another one under the same name."""
    path = Path(weights or "")
    if weights and path.is_file():
        return sha256_of_file(path)
    return sha256_of_tree(path) if weights and path.is_dir() else None
