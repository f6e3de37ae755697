"""A whole file or folder, or none; and what is in it, by its digest.

What is written goes to a draft beside its place, is flushed to the disk, and is renamed: whoever
reads never meets half of one, also when the process is killed or the power fails in between. An
older file is there until the new one is. An older folder is moved aside for a moment, as no folder
can be renamed over another; killed in that moment, a process leaves it beside its place, as
`.NAME.old`.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import writing


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Inside, the draft of a file is written; after that it is the file, in the place of an older.

    Args:
        path: where the file is to be; its folder must be there.

    Yields:
        The path of the draft, of which nothing is left where what is inside raises.

    Raises:
        OSError: it could not be written; `filename` is the path.
    """
    path = Path(path)
    draft = _draft_of(path)
    try:
        with writing(path):
            yield draft
            flush(draft)
            os.replace(draft, path)
            flush(path.parent)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Inside, the draft of a folder is filled; after that it is the folder, in the place of an
    older one, which is moved away first and removed last.

    Args:
        path: where the folder is to be; the folders above are made.

    Yields:
        The path of the draft, empty. Nothing is left of it where what is inside raises.

    Raises:
        OSError: it could not be written; `filename` is the path, or that of a file within.
    """
    path = Path(path)
    draft = _draft_of(path)
    shutil.rmtree(draft, ignore_errors=True)
    try:
        with writing(path):
            draft.mkdir(parents=True)
            yield draft
            put_in_place(draft, path)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def put_in_place(draft: Path, path: Path) -> None:
    """Flush a folder and rename it to its place; a folder that is there is removed after that."""
    for file in draft.rglob("*"):
        if not file.is_symlink():  # its name is in its folder; what it leads to is another's
            flush(file)
    flush(draft)
    old = path.with_name(f".{path.name}.old")
    was_there = path.exists()
    if was_there:
        shutil.rmtree(old, ignore_errors=True)
        os.rename(path, old)
    try:
        os.rename(draft, path)
    except OSError:
        if was_there:
            os.rename(old, path)
        raise
    flush(path.parent)
    shutil.rmtree(old, ignore_errors=True)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    if path.is_dir():
        # Windows opens no folder, and some file systems flush none: nothing more can be done there.
        with contextlib.suppress(OSError):
            _fsync(path, os.O_RDONLY)
    else:
        _fsync(path, os.O_RDWR)


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _draft_of(path: Path) -> Path:
    # One name, so that what a killed process left is written over; one process writes at a time.
    return path.with_name(f".{path.name}.draft")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as a whole file.

    The bytes of a file's name that is not UTF-8, lone surrogates in Python, are written as
    \\udcxx: so JSON has it too.
    """
    with whole_file(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write `plain(value)` as JSON, indented, in the order given; what is no letter is escaped, as
    JSON can.
    """
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, re.sub(r"[^\n -~]", _as_json_shows, text) + "\n")


def _as_json_shows(found: re.Match[str]) -> str:
    letter = found.group()
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]


def plain(value: Any) -> Any:
    """The value in JSON's own types: NumPy numbers and arrays become Python's, NaN and infinities
    None (null).
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal; the file is read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_of_tree(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below the folder, by its path relative to it, with forward
    slashes.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in paths}


def sha256_of_array(array: Any) -> str:
    """The SHA-256 of an array: its shape, its type, its numbers in row-major order."""
    array = np.ascontiguousarray(array)
    digest = hashlib.sha256(f"{array.shape} {array.dtype.str} ".encode())
    # as bytes: bfloat16 has no buffer of its own
    digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of `plain(value)` as JSON with sorted keys: equal for equal contents."""
    text = json.dumps(plain(value), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
