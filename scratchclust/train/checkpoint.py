"""Checkpoints that are whole or absent (`scratchclust/files.py`), and known by SHA-256.

    FOLDER/epoch-00012/
        arrays/          parameters, batch statistics and the state of the optimiser, by orbax
        state.json       epoch, history, key and configuration
        manifest.json    the SHA-256 of every other file: orbax gives back a flipped bit
                         without a word

A process may be killed at any moment: what it was writing has a name that begins with a dot and is
removed later, and what was there before is still there.
"""

import json
import logging
import os
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchclust import processes
from scratchclust.checks import whole
from scratchclust.errors import InputError, TrainingError
from scratchclust.files import sha256_of_file, sha256_of_tree, whole_folder

SCHEMA = 1
ARRAYS = "arrays"
STATE = "state.json"
MANIFEST = "manifest.json"
MARGIN_BYTES = 2**16  # that orbax and the two JSON files may take beside the arrays themselves

History = dict[str, list[Any]]


class Record(NamedTuple):
    """The end of an epoch: all that the next one depends on."""

    epoch: int  # the last one that is finished, from 1
    arrays: dict[str, np.ndarray]  # see `state.Layout`
    history: History
    key: list[int]  # the numbers of the run's random key
    configuration: dict[str, Any]  # what must be the same for the run to go on, in JSON's types


@dataclass(frozen=True)
class Checkpoints:
    """Where a training leaves its state, how often, and how many of the newest stay.

    Raises:
        InputError: `every` or `keep` below 1.
    """

    folder: str | Path
    every: int = 1  # epochs
    keep: int = 2

    def __post_init__(self) -> None:
        whole(1)("every", self.every)
        whole(1)("keep", self.keep)

    def found(self) -> list[Path]:
        """List the checkpoints in the folder, good or not, the newest first."""
        folder = Path(self.folder)
        paths = folder.iterdir() if folder.is_dir() else ()
        return sorted(
            (path for path in paths if re.fullmatch(r"epoch-\d{5,}", path.name)),
            key=_epoch,
            reverse=True,
        )

    def save(self, record: Record) -> None:
        """Write a checkpoint, then remove those that are too old.

        Raises:
            TrainingError: it could not be written (a full disk); those before it are kept.
        """
        folder = Path(self.folder)
        final = folder / f"epoch-{record.epoch:05d}"
        try:
            self._clean()
            # an older one of this epoch was refused when the run was resumed, and is replaced
            with whole_folder(final) as draft:
                _fill(draft, record)
        except Exception as error:
            _remove(folder / f".{final.name}.draft")
            kept = ", ".join(path.name for path in self.found()) or "none"
            raise TrainingError(
                f"the checkpoint of epoch {record.epoch} could not be written to {folder} "
                f"({_reason(error)}): {_cure(error)}, then resume (kept: {kept})",
                epoch=record.epoch,
            ) from error
        self._prune(final)

    def load(self, configuration: dict[str, Any]) -> Record | None:
        """Read the newest checkpoint that is whole and of this configuration; None: there are none.

        One that is not is passed over with a warning that says which file and why.

        Raises:
            InputError: there are checkpoints, and none can be used.
        """
        refused = []
        for path in self.found():
            record, reason = _read(path, configuration)
            if record is not None:
                for line in refused:
                    warnings.warn(f"{line}; {path.name} is used instead", stacklevel=2)
                return record
            refused.append(f"checkpoint {path} is refused: {reason}")
        if refused:
            cure = "remove that folder or choose another to begin anew"
            raise InputError(
                f"none of {len(refused)} checkpoints in {self.folder} can be used: "
                f"{refused[0]}: {cure}"
            )
        return None

    def _prune(self, newest: Path) -> None:
        """Leave `keep` whole checkpoints up to the newest, and none of a later epoch: those were
        refused.
        """
        valid = [
            path for path in self.found() if _epoch(path) <= _epoch(newest) and not _damage(path)
        ]
        for path in self.found():
            if path not in valid[: self.keep]:
                os.rename(path, path.with_name(f".{path.name}.old"))
        self._clean()

    def _clean(self) -> None:
        """Remove what a killed process has left half written or half removed."""
        for path in Path(self.folder).glob(".epoch-*"):
            shutil.rmtree(path, ignore_errors=True)


def _fill(draft: Path, record: Record) -> None:
    # orbax refuses what is empty
    arrays = {name: array for name, array in record.arrays.items() if array.size}
    _reserve(draft / ARRAYS, sum(array.nbytes for array in arrays.values()))
    with _orbax() as checkpointer:
        checkpointer.save((draft / ARRAYS).absolute(), arrays)
    state = {name: value for name, value in record._asdict().items() if name != "arrays"}
    (draft / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
    manifest = {"schema": SCHEMA, "sha256": sha256_of_tree(draft)}
    (draft / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _remove(draft: Path) -> None:
    """Remove a draft; orbax's threads may go on to write into it for a moment after one of them
    has failed.
    """
    for _ in range(40):
        shutil.rmtree(draft, ignore_errors=True)
        time.sleep(0.05)
        if not draft.exists():
            return


def _reserve(path: Path, n_bytes: int) -> None:
    """Raise an OSError if there is no room for so many bytes: asked before orbax, whose threads
    make a lot of noise of it.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, n_bytes + MARGIN_BYTES)
    path.unlink()


def _read(path: Path, configuration: dict[str, Any]) -> tuple[Record | None, str]:
    """Read the record in a folder, or give None and the reason for it."""
    reason = _damage(path)
    if reason:
        return None, reason
    state = json.loads((path / STATE).read_bytes())
    there = state["configuration"]
    differing = ", ".join(
        f"{name}: {_short(there.get(name))} there, {_short(now)} now"
        for name, now in configuration.items()
        if now != there.get(name)
    )
    if differing:
        return None, f"it is of another configuration ({differing})"
    with _orbax() as checkpointer:
        arrays = checkpointer.restore((path / ARRAYS).absolute())
    return Record(arrays={name: np.asarray(array) for name, array in arrays.items()}, **state), ""


@contextmanager
def _orbax() -> Iterator[Any]:
    """Orbax's checkpointer, without its log: what fails is raised, and said in one line."""
    import orbax.checkpoint as ocp

    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with _checkpointer(ocp) as checkpointer:
            yield checkpointer
    finally:
        log.setLevel(level)


def _checkpointer(ocp: Any) -> Any:
    """Orbax's; of several processes the one that writes waits for no other."""
    if processes.count() == 1:
        return ocp.PyTreeCheckpointer()
    here = processes.index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=here, active_processes={here}, barrier_sync_key_prefix=f"of-{here}"
    )
    handler = ocp.PyTreeCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _damage(path: Path) -> str:
    """What is wrong with the files of a checkpoint; nothing: an empty string."""
    if not (path / MANIFEST).is_file():
        return f"{MANIFEST} is missing"
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        schema = manifest["schema"]
        digests = dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError):
        return f"{MANIFEST} is damaged"
    if schema != SCHEMA:
        return f"{MANIFEST} has schema {schema}, this version reads {SCHEMA}"
    for name, digest in digests.items():
        if not (path / name).is_file():
            return f"{name} is missing"
        if sha256_of_file(path / name) != digest:
            return f"{name} is damaged (its SHA-256 differs from the manifest's)"
    return ""


def _epoch(path: Path) -> int:
    return int(path.name.removeprefix("epoch-"))


def _reason(error: Exception) -> str:
    """The system's own words for what went wrong; tensorstore hides its code in a long line."""
    hidden = re.search(r"os_error_code='(\d+)'", str(error))
    code = int(hidden[1]) if hidden else getattr(error, "errno", None)
    return os.strerror(code) if code else " ".join(f"{type(error).__name__}: {error}".split())


def _cure(error: Exception) -> str:
    if isinstance(error, OSError) or "os_error_code" in str(error):
        return "make room or choose another folder"
    return "mend that"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:197] + "..."
