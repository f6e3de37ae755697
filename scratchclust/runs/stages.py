"""Stages: the finished parts of a run's work, which a resumed run keeps.

A stage is a folder below DIR.partial/stages with a fitted pipeline (safetensors and JSON), its
scores and arrays, and stage.json: the fingerprint of the configuration that made it, and the
SHA-256 of each file. It is written elsewhere and renamed into place, so it is whole or absent; what
is damaged later, or belongs to another configuration, is redone.
"""

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import writing
from scratchclust.files import sha256_of_tree, whole_folder, write_json

logger = logging.getLogger("scratchclust.runs")

_MANIFEST = "stage.json"
_PIPELINE = "pipeline"
_SCORES = "scores.json"


@dataclass(frozen=True)
class Stage:
    """What one part of the work left behind."""

    scores: dict[str, Any]  # as `to_json` of a part of `runs.result` gives them
    arrays: dict[str, np.ndarray] = field(default_factory=dict)  # by name, such as "labels"
    pipeline: Any = None  # a fitted sklearn Pipeline of this package's estimators, or None


def save_stage(folder: Path, stage: Stage, configuration_fingerprint: str) -> None:
    """Write the stage as `folder`, in the place of an older one."""
    from scratchclust import persist

    with whole_folder(folder) as draft:
        write_json(draft / _SCORES, stage.scores)
        for name, array in stage.arrays.items():
            with writing(draft / f"{name}.npy"):
                np.save(draft / f"{name}.npy", array, allow_pickle=False)
        if stage.pipeline is not None:
            (draft / _PIPELINE).mkdir()
            with writing(draft / _PIPELINE):
                persist.write(stage.pipeline, draft / _PIPELINE)
        # last: it has the digest of every other file
        manifest = {"fingerprint": configuration_fingerprint, "files": sha256_of_tree(draft)}
        write_json(draft / _MANIFEST, manifest)


def load_stage(folder: Path, configuration_fingerprint: str) -> Stage | None:
    """Read the stage in `folder`; None (with a line in the log, unless there was none) where it
    must be redone.
    """
    if not folder.is_dir():
        return None
    reason = _why_unusable(folder, configuration_fingerprint)
    if reason:
        logger.warning("stage %s is redone: %s", folder.name, reason)
        return None
    logger.info("stage %s is kept", folder.name)
    return _read(folder)


def _why_unusable(folder: Path, configuration_fingerprint: str) -> str | None:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        made_by = manifest["fingerprint"]
        files = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"its {_MANIFEST} cannot be read"
    if made_by != configuration_fingerprint:
        return "it belongs to another configuration (recipe, seed, data, parameters or version)"
    there = sha256_of_tree(folder)
    there.pop(_MANIFEST)
    if there != files:
        changed = sorted(name for name in {*there, *files} if there.get(name) != files.get(name))
        return f"damaged file {changed[0]} (SHA-256 differs)"
    return None


def _read(folder: Path) -> Stage:
    from scratchclust import persist

    scores = json.loads((folder / _SCORES).read_text(encoding="utf-8"))
    arrays = {path.stem: np.load(path, allow_pickle=False) for path in sorted(folder.glob("*.npy"))}
    pipeline = persist.load(folder / _PIPELINE) if (folder / _PIPELINE).exists() else None
    return Stage(scores, arrays, pipeline)
