"""What is known of a folder of pictures while it is read: what is skipped, what is to be told."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from scratchclust.data.dataset import Request, SkippedFile
from scratchclust.data.headers import ANIMATION, PAGES
from scratchclust.data.layout import MOST_NAMED
from scratchclust.data.listing import Listing, natural_key
from scratchclust.data.pictures import CURES
from scratchclust.errors import InputError, escaped

ALL_CURES = tuple(cure for _, cure in CURES.values())


OUTSIDE = "outside"
NOTES = {  # by what is noted
    ANIMATION: "of {n} animations only the first frame is read",
    PAGES: "of {n} files with several pages only the first is read",
    OUTSIDE: "{n} files are read through links that lead out of the folder",
}


class Known:
    """What could not be used of a folder, and what else is to be told of it."""

    def __init__(self, folder: Path, request: Request, listing: Listing) -> None:
        self.folder = folder
        self.request = request
        self.n_listed = len(listing.files)
        self.n_files = len(listing.files) + len(listing.unusable)
        self.skipped: list[SkippedFile] = []
        more = ", ..." if len(listing.runs) > MOST_NAMED else ""
        self.words = (
            [f"left out runs: {', '.join(listing.runs[:MOST_NAMED])}{more}"] if listing.runs else []
        )
        self._noted: dict[str, list[str]] = {}  # paths by what is to be noted of them
        if listing.outside:
            self._noted[OUTSIDE] = listing.outside
        for file in listing.unusable:
            self.skip(*file)

    def skip(self, path: str, reason: str) -> None:
        """Leave a file out.

        Raises:
            InputError: none may be, by the request.
        """
        path = os.fsencode(path).decode(errors="backslashreplace")
        if self.request.strict:
            raise InputError(
                f"{self.folder / path} cannot be read as a picture ({reason}): remove it, or load "
                "without strict"
            )
        self.skipped.append(SkippedFile(path, reason))

    def note(self, kind: str, path: str) -> None:
        """Keep in mind what is to be told of a picture that is read: see `note_of`."""
        self._noted.setdefault(kind, []).append(path)

    def notes(self) -> tuple[str, ...]:
        """What was noted, a line a kind."""
        return tuple(note_of(kind, len(paths), paths) for kind, paths in self._noted.items())

    def why_none(self) -> str:
        """The message where nothing of the folder could be used, with the cure."""
        first = most_telling(self.skipped)
        has_cure = first.reason.endswith(ALL_CURES)
        return (
            f"{self.folder}: none of its {self.n_files} files is a readable picture "
            f"({first.path}, {first.reason}): "
            f"{'do that, or give other pictures' if has_cure else 'give pictures'}"
        )

    def in_order(self) -> tuple[SkippedFile, ...]:
        """What was skipped, in natural order."""
        return tuple(sorted(self.skipped, key=lambda file: natural_key(file.path)))

    def warn(self) -> None:
        """Say in one line what was skipped."""
        if self.skipped:
            first = most_telling(self.in_order())
            warnings.warn(
                f"{self.folder}: skipped {len(self.skipped)} of {self.n_files} files that are no "
                f"readable pictures, first {first.path} ({first.reason})",
                stacklevel=2,
            )


def note_of(kind: str, n: int, paths: Sequence[str]) -> str:
    """A line for people: of how many files something is to be told, what, and the first names."""
    names = ", ".join(escaped(path) for path in paths[:MOST_NAMED])
    more = ", ..." if n > MOST_NAMED else ""
    return f"{NOTES[kind].format(n=n)}: {names}{more}"


def most_telling(skipped: Sequence[SkippedFile]) -> SkippedFile:
    """The first file that something installable could read, else the first of all."""
    return next((file for file in skipped if file.reason.endswith(ALL_CURES)), skipped[0])
