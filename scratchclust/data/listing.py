"""The files below a folder, in natural order: without those of runs, unusable ones apart."""

import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scratchclust.data.dataset import SkippedFile
from scratchclust.errors import escaped

CLASS_DEPTH = 2  # class folders lie at most so deep, below a split
# what systems and the archives that they pack leave beside pictures, in small letters; and all
# hidden files, such as .DS_Store and ._picture.jpg
LEFT_BEHIND = frozenset(
    {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir", "icon\r"}
)


class Listing(NamedTuple):
    """What lies below a folder."""

    files: list[str]  # regular files, relative to the folder, with `/`, in natural order
    unusable: list[SkippedFile]  # links to nothing, and what is no file: in natural order
    runs: list[str]  # folders that runs of this package left or work in: no data
    outside: list[str]  # of the files those that links lead to out of the folder


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, finished or at work: its figures are no data."""
    if folder.name.endswith(".partial"):
        return any((folder / name).is_file() for name in (".lock", "log.txt"))
    return (folder / "metrics.json").is_file() and any(
        (folder / name).exists() for name in ("assignments.csv", "model")
    )


def list_files(folder: Path) -> Listing:
    """The visible files below a folder, but what systems and archives leave behind.

    What links lead to is listed under each of their names, but in each class folder once: so loops
    end. A folder that is gone when its turn comes, or cannot be reached, is among the unusable.

    Raises:
        PermissionError: a folder that cannot be listed.
        OSError: the folder itself is gone.
    """
    walk = _Walk(folder)
    while walk.waiting:
        walk.list_next()
    walk.unusable.sort(key=lambda file: natural_key(file.path))
    return Listing(
        sorted(walk.files, key=natural_key),
        walk.unusable,
        sorted(walk.runs, key=natural_key),
        sorted(walk.outside, key=natural_key),
    )


class _Walk:
    """A walk through folders, from above, in the order of names: without recursion, as folders may
    lie deeper than Python calls.
    """

    def __init__(self, folder: Path) -> None:
        self.files: list[str] = []
        self.unusable: list[SkippedFile] = []
        self.runs: list[str] = []
        self.outside: list[str] = []
        self.waiting = [""]  # folders, as paths relative to the first
        self._top = os.fspath(folder)
        self._real = {"": os.path.realpath(folder)}  # where folders are, past all links
        self._seen: set[tuple[tuple[str, ...], str]] = set()

    def list_next(self) -> None:
        """List the folder whose turn it is."""
        place = self.waiting.pop()
        try:
            with os.scandir(os.path.join(self._top, place) if place else self._top) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except PermissionError:
            raise
        except OSError as error:
            if not place:
                raise
            self.unusable.append(SkippedFile(place, f"a folder: {error.strerror}"))
            return
        folders = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.casefold() in LEFT_BEHIND:
                continue
            path = f"{place}/{entry.name}" if place else entry.name
            if not _is(entry.is_dir):
                self._take_file(entry, path, place)
            elif is_run(Path(entry.path)):
                self.runs.append(path)
            elif self._is_new(entry, path, place):
                folders.append(path)
        self.waiting += reversed(folders)

    def _take_file(self, entry: os.DirEntry[str], path: str, place: str) -> None:
        if not _is(entry.is_file):  # opening a named pipe would wait for ever
            self.unusable.append(SkippedFile(path, _why_unusable(entry)))
            return
        self.files.append(path)
        real = os.path.realpath(entry.path) if entry.is_symlink() else self._real[place]
        if not f"{real}/".startswith(f"{self._real['']}/".replace("//", "/")):
            self.outside.append(path)

    def _is_new(self, entry: os.DirEntry[str], path: str, place: str) -> bool:
        parts = path.split("/")
        is_link = entry.is_symlink()
        real = os.path.realpath(entry.path) if is_link else f"{self._real[place]}/{entry.name}"
        if real != f"{self._real['']}/{path}":  # a link is on the way: it may lead up
            above = ("/".join(parts[:i]) for i in range(len(parts)))
            if any(self._real[folder] == real for folder in above):
                return False
        key = (tuple(parts[:CLASS_DEPTH]), real)
        is_known = key in self._seen
        self._seen.add(key)
        self._real[path] = real
        return not is_known


def natural_key(path: str) -> list[tuple[list[tuple[str, int, str]], str]]:
    """A sorting key that compares folder by folder, and numbers in names by their value."""
    return [
        ([(*_number(piece), piece) for piece in re.findall(r"[0-9]+|[^0-9]+", part)], part)
        for part in path.split("/")
    ]


def _is(kind: Callable[[], bool]) -> bool:
    try:
        return kind()
    except OSError:  # a link in a circle, or through a folder that may not be entered
        return False


def _why_unusable(entry: os.DirEntry[str]) -> str:
    if not entry.is_symlink():
        return "neither a file nor a folder"
    try:
        os.stat(entry.path)
    except FileNotFoundError:
        fetch = "fetch it, as by `git annex get` or `dvc pull`"
        return f"a link to {escaped(os.readlink(entry.path))}, which is not there: {fetch}"
    except OSError as error:
        return (
            "a link that leads in a circle"
            if error.errno == errno.ELOOP
            else f"a link that cannot be followed ({error.strerror})"
        )
    return "neither a file nor a folder"


def _number(piece: str) -> tuple[str, int]:
    # Digits sort before letters, as in ASCII.
    return ("0", int(piece)) if piece[0] in "0123456789" else (piece.casefold(), 0)
