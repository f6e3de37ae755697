"""The file of results: one for each kind of device, a section for each part of the suite.

    {"schema": 1, "device": {...}, "sections": {"kmeans": {"command", "environment", "repeats",
     "seconds", "comparisons": [...]}, ...}}

A part that runs again replaces its section and leaves the others as they are.
"""

import json
import os
from pathlib import Path
from typing import Any

from benchmarks.environment import device, environment, slug

SCHEMA = 1
FOLDER = Path(__file__).parent / "results"
OTHERS = (
    "ahead",
    "weak_scaling",
    "larger",
    "neighbor-rule",
    "spectral-rules",
)  # such files are other programs'


def result_files(folder: Path = FOLDER) -> list[Path]:
    """The files of results in a folder, those of CPUs first."""
    found = [path for path in folder.glob("*.json") if not path.stem.startswith(OTHERS)]
    return sorted(found, key=lambda path: (not path.stem.startswith("cpu"), path.stem))


def read(path: Path) -> dict[str, Any]:
    """What a file of results holds.

    Raises:
        ValueError: it has another schema.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if found.get("schema") != SCHEMA:
        raise ValueError(
            f"expected schema {SCHEMA} in {path.name}, got {found.get('schema')}: remove the file, "
            "and run python -m benchmarks"
        )
    return found


def write_section(name: str, section: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Put a section into the file of this device, and return the file's path."""
    here = device()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{slug(here)}.json"
    whole = read(path) if path.exists() else {"schema": SCHEMA, "sections": {}}
    sections = {**whole["sections"], name: section}
    whole = {"schema": SCHEMA, "device": here, "sections": dict(sorted(sections.items()))}
    text = json.dumps(whole, indent=1, default=float) + "\n"
    unfinished = path.with_suffix(".partial")
    unfinished.write_text(text, encoding="utf-8")
    os.replace(unfinished, path)
    return path


def write_study(name: str, results: dict[str, Any], folder: Path = FOLDER) -> Path:
    """Put what a script beside the suite found into the file, as a section of its name."""
    section = {"environment": environment(), **results}
    return write_section(name.replace("-", "_"), section, folder)
