"""The state of an unfinished map in a file that is whole or absent, of this very map or refused.

One safetensors file: `embedding`, `step`, `gains` [n q], the history, and in its header the number
of iterations, what the map is made of (data, start and parameters) and the SHA-256 of all that. A
process may be killed at any moment (`files.whole_file`). The grid is not in it: it is a function of
the map.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchclust.errors import InputError
from scratchclust.files import sha256_of_json, whole_file

SCHEMA = 2  # 1: steps and gains went on past the end of the exaggeration
PAUSE_SECONDS = 5.0  # between two checkpoints, at least
ARRAYS = ("embedding", "step", "gains", "iterations", "divergences")


class Reached(NamedTuple):
    """How far a map is: all that the next iterations depend on, and the history."""

    embedding: Any  # [n q]
    step: Any  # [n q]
    gains: Any  # [n q]
    iteration: int  # iterations done
    history: list[tuple[int, float]]  # iterations done and the divergence after them


class Checkpoint:
    """Where a map on its way is kept.

    Args:
        path: the file; its folder is made.
        made_of: what decides the map, but for the number of iterations, in JSON's types.
    """

    def __init__(self, path: str | Path, made_of: dict[str, Any]) -> None:
        self.path = Path(path)
        self.made_of = made_of
        self._written = -np.inf  # by the clock

    def load(self) -> Reached | None:
        """What the file holds; None if there is none.

        Raises:
            InputError: the file is damaged, or of another map.
        """
        if not self.path.exists():
            return None
        arrays, header = _read(self.path)
        made_of = json.loads(header["made_of"])
        differing = [name for name, value in self.made_of.items() if made_of.get(name) != value]
        if differing:
            what = ", ".join(
                f"{name}: {made_of.get(name)} there, {self.made_of[name]} now" for name in differing
            )
            raise _refused(self.path, f"it is of another map ({what})")
        embedding, step, gains, iterations, divergences = (arrays[name] for name in ARRAYS)
        history = list(zip(iterations.tolist(), divergences.tolist(), strict=True))
        return Reached(embedding, step, gains, int(header["iteration"]), history)

    def save(self, reached: Reached, *, last: bool) -> None:
        """Replace the file, unless that was done just now; the `last` state of a map is always
        written.

        Raises:
            OSError: it could not be written (a full disk); the file that was there stays.
        """
        if not last and time.monotonic() - self._written < PAUSE_SECONDS:
            return
        iterations, divergences = np.array(reached.history, np.float64).reshape(-1, 2).T
        values = *reached[:3], iterations.astype(np.int32), divergences
        arrays = {
            name: np.ascontiguousarray(value) for name, value in zip(ARRAYS, values, strict=True)
        }
        header = {
            "schema": str(SCHEMA),
            "iteration": str(reached.iteration),
            "made_of": json.dumps(self.made_of),
        }
        _write(self.path, arrays, header | {"sha256": _digest(arrays, header)})
        self._written = time.monotonic()


def sha256_of(array: Any) -> str:
    """The SHA-256 of an array: its type, its shape, its numbers.

    Not that of `files.sha256_of_array`, which has the shape first: checkpoints that are there have
    this one.
    """
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _digest(arrays: Mapping[str, Any], header: dict[str, str]) -> str:
    """The SHA-256 of everything but itself."""
    return sha256_of_json({name: sha256_of(arrays[name]) for name in arrays} | {"header": header})


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            header = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no dict)
    except Exception as error:  # a changed header may say anything
        reason = " ".join(str(error).split())
        raise _refused(path, f"it is damaged, or no checkpoint ({reason})") from error
    if header.pop("sha256", None) != _digest(arrays, header):
        raise _refused(path, "it is damaged (its SHA-256 differs from the one that it names)")
    if header.get("schema") != str(SCHEMA):
        raise _refused(path, f"it has schema {header.get('schema')}, this version reads {SCHEMA}")
    return arrays, header


def _write(path: Path, arrays: dict[str, np.ndarray], header: dict[str, str]) -> None:
    from safetensors.numpy import save

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with whole_file(path) as draft:
            draft.write_bytes(save(arrays, header))
    except OSError as error:
        message = f"the checkpoint could not be written to {path} ({error.strerror}): "
        raise OSError(error.errno, f"{message}make room, or choose another place") from error


def _refused(path: Path, reason: str) -> InputError:
    return InputError(
        f"checkpoint {path} is refused: {reason}: remove it, or choose another place, to begin anew"
    )
