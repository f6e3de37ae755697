"""The files below a folder, in natural order: without those of runs, unusable ones apart."""

import os
import re
from pathlib import Path
from typing import NamedTuple

from scratchclust.data.dataset import SkippedFile

CLASS_DEPTH = 2  # class folders lie at most so deep, below a split


class Listing(NamedTuple):
    """What lies below a folder."""

    files: list[str]  # regular files, relative to the folder, with `/`, in natural order
    unusable: list[SkippedFile]  # links to nothing, and what is no file: in natural order
    runs: list[str]  # folders that runs of this package left or work in: no data


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or at work: its figures are no data."""
    if folder.name.endswith(".partial"):
        return any((folder / name).is_file() for name in (".lock", "log.txt"))
    return (folder / "metrics.json").is_file() and any(
        (folder / name).exists() for name in ("assignments.csv", "model")
    )


def list_files(folder: Path) -> Listing:
    """The visible files below a folder.

    What links lead to is listed under each of their names, but in each class folder once: so loops
    end.

    Raises:
        PermissionError: a folder that cannot be listed.
    """
    found: list[str] = []
    unusable: list[SkippedFile] = []
    runs: list[str] = []
    real = {os.fspath(folder): os.path.realpath(folder)}
    seen: set[tuple[tuple[str, ...], str]] = set()

    def is_new(parent: str, name: str) -> bool:
        path = os.path.join(parent, name)
        target = real[path] = os.path.realpath(path)
        place = Path(path).relative_to(folder).parts
        leads_up = any(real[os.path.join(folder, *place[:i])] == target for i in range(len(place)))
        is_known = (place[:CLASS_DEPTH], target) in seen
        seen.add((place[:CLASS_DEPTH], target))
        return not (leads_up or is_known)

    for parent, folders, files in os.walk(folder, followlinks=True, onerror=_refuse):
        visible = [name for name in sorted(folders) if not name.startswith(".")]
        of_runs = [name for name in visible if is_run(Path(parent, name))]
        runs += [Path(parent, name).relative_to(folder).as_posix() for name in of_runs]
        folders[:] = [name for name in visible if name not in of_runs and is_new(parent, name)]
        for name in files:
            path = Path(parent, name)
            if name.startswith("."):
                continue
            place = path.relative_to(folder).as_posix()
            if path.is_file():  # opening a named pipe would wait for ever
                found.append(place)
            else:
                unusable.append(SkippedFile(place, _why_unusable(path)))
    unusable.sort(key=lambda file: natural_key(file.path))
    return Listing(sorted(found, key=natural_key), unusable, sorted(runs, key=natural_key))


def natural_key(path: str) -> list[tuple[list[tuple[str, int, str]], str]]:
    """A sorting key that compares folder by folder, and numbers in names by their value."""
    return [
        ([(*_number(piece), piece) for piece in re.findall(r"[0-9]+|[^0-9]+", part)], part)
        for part in path.split("/")
    ]


def _why_unusable(path: Path) -> str:
    if path.is_symlink():
        fetch = "fetch it, as by `git annex get` or `dvc pull`"
        return f"a link to {os.readlink(path)}, which is not there: {fetch}"
    return "neither a file nor a folder"


def _number(piece: str) -> tuple[str, int]:
    # Digits sort before letters, as in ASCII.
    return ("0", int(piece)) if piece[0] in "0123456789" else (piece.casefold(), 0)


def _refuse(error: OSError) -> None:
    raise error
