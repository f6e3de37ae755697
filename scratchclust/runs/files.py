"""Files that are whole or absent: written beside their place and moved there, and known by their
SHA-256.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from scratchclust.errors import writing


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text so that a reader sees the old file or the new one, never half of it.

    The bytes of a file's name that is not UTF-8, lone surrogates in Python, are written as \\udcxx:
    so JSON has it too.
    """
    draft = path.with_name(f".{path.name}.draft")
    with writing(path):
        draft.write_text(text, encoding="utf-8", errors="backslashreplace")
    os.replace(draft, path)


def write_json(path: Path, value: Any) -> None:
    """Writes `plain(value)` as JSON, indented, in the order given; what is no letter is escaped, as
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
    """The SHA-256 of every file below the folder, by its path relative to it, with forward slashes."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in paths}
