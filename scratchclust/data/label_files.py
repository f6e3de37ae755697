"""Labels of images from a CSV file: a column that names images, a column of labels."""

import csv
import itertools
import os
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from scratchclust.data.dataset import expand_home, one_line
from scratchclust.data.listing import natural_key
from scratchclust.errors import InputError

# Names of the columns, in any case.
IMAGE_COLUMNS = ("image", "file", "filename", "file_name", "path", "name", "id")
LABEL_COLUMNS = ("label", "class", "category", "target")
DELIMITERS = ",;\t"


class _Row(NamedTuple):
    line: int  # of the file, from 1
    image: str
    label: str


def read_labels(
    path: str | os.PathLike[str], paths: Sequence[str] | int, *, folder: str | None = None
) -> tuple[Int32[np.ndarray, " n"], tuple[str, ...]]:
    """The labels of images from a CSV file.

    The columns are called image and label (or file, path, class and the like, see `IMAGE_COLUMNS`),
    or, without such a first line, they are the only two, in this order. Columns are parted by
    commas, semicolons or tabs. A picture is named by its path in the folder, or by the name of the
    file alone, with its ending or without, where no other picture has it. An image without a row,
    or with an empty label, has the label -1, not known. A row of no image is passed over, with a
    warning that counts them.

    Args:
        path: the CSV file, UTF-8.
        paths: of the pictures, as in `Dataset.paths`; or how many images there are, which the file
            then calls by their numbers from 0.
        folder: the name of the folder of the pictures, which may stand in front of their paths.

    Returns:
        The labels, which count what they are called in natural order (2 before 10), and these
        names.

    Raises:
        InputError: no such file, no CSV, without these columns; not one row of an image; or two
            labels of one image.
    """
    source = expand_home(path)
    rows = list(_rows_of(source))
    places = _Places(paths, folder)
    found: dict[int, _Row] = {}
    strangers: list[_Row] = []
    for row in rows:
        place = places.of(row.image)
        if place is None:
            strangers.append(row)
            continue
        first = found.setdefault(place, row)
        if first.label != row.label:
            raise InputError(
                f"{source}: {row.image} has the label {first.label!r} in line {first.line} and "
                f"{row.label!r} in line {row.line}: leave one of them"
            )
    if not found:
        raise InputError(_why_none(source, rows, places))
    if strangers:
        warnings.warn(
            f"{source}: {len(strangers)} of {len(rows)} rows name none of the images, first "
            f"{strangers[0].image!r} in line {strangers[0].line}",
            stacklevel=2,
        )
    names = tuple(sorted({row.label for row in found.values()} - {""}, key=natural_key))
    number = {name: i for i, name in enumerate(names)}
    labels = np.full(places.n, -1, np.int32)
    for place, row in found.items():
        labels[place] = number.get(row.label, -1)
    return labels, names


class _Places:
    """Which image a word of the file means."""

    def __init__(self, paths: Sequence[str] | int, folder: str | None) -> None:
        self.folder = folder
        self.are_numbers = isinstance(paths, int)
        self.names = [str(i) for i in range(paths)] if isinstance(paths, int) else list(paths)
        self.n = len(self.names)
        whole = [_as_path(path) for path in self.names]
        last = [path.rsplit("/", 1)[-1] for path in whole]
        stems = [name.rsplit(".", 1)[0] for name in last]
        self._ways = [_of_one_each(names) for names in (whole, last, stems)]

    def of(self, word: str) -> int | None:
        """The place of an image, None if the word is that of none."""
        if self.are_numbers:
            return int(word) if word.isdecimal() and int(word) < self.n else None
        path = _as_path(word)
        front, _, within = path.partition("/")
        words = [path, within] if front == self.folder else [path]
        found = [way[name] for name in words for way in self._ways if name in way]
        return found[0] if found else None


def _as_path(word: str) -> str:
    return word.replace("\\", "/").removeprefix("./")


def _of_one_each(names: Sequence[str]) -> dict[str, int]:
    """The places of those names that only one has."""
    counts = Counter(names)
    return {name: place for place, name in enumerate(names) if counts[name] == 1}


def _rows_of(source: Path) -> Iterator[_Row]:
    """The rows of a file: where an image is named, and its label."""
    try:
        with source.open(encoding="utf-8-sig", newline="") as stream:
            start = stream.readline()
            stream.seek(0)
            lines = csv.reader(stream, delimiter=_delimiter_of(start), strict=True)
            first = next(lines, [])
            columns = _columns_of(first)
            if columns is None and len(first) != 2:
                got = ", ".join(first)[:160] or "nothing"
                raise InputError(
                    f"{source}: expected a first line with the columns image and label, got {got}"
                )
            data: Iterable[list[str]] = lines if columns else itertools.chain([first], lines)
            image, label = columns or (0, 1)
            line = 2 if columns else 1
            for cells in data:
                if len(cells) > image and cells[image].strip():
                    text = cells[label].strip() if len(cells) > label else ""
                    yield _Row(line, cells[image].strip(), text)
                line = lines.line_num + 1
    except UnicodeDecodeError as error:
        raise InputError(f"{source} is no UTF-8 text: save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{source} is no CSV file ({one_line(error)}): save it again") from error
    except OSError as error:
        raise InputError(
            f"{source} cannot be read ({error.strerror}): give a CSV file with the columns image "
            "and label"
        ) from error


def _delimiter_of(line: str) -> str:
    return max(DELIMITERS, key=line.count)


def _columns_of(first: Sequence[str]) -> tuple[int, int] | None:
    """Where images and labels stand, None if the first line does not name both."""
    at: Mapping[str, int] = {cell.strip().casefold(): i for i, cell in enumerate(first)}
    image = next((at[name] for name in IMAGE_COLUMNS if name in at), None)
    label = next((at[name] for name in LABEL_COLUMNS if name in at), None)
    return None if image is None or label is None else (image, label)


def _why_none(source: Path, rows: Sequence[_Row], places: _Places) -> str:
    if not rows:
        return f"{source} holds no labels: expected lines of an image and its label"
    images = "numbers from 0" if places.are_numbers else f"{places.names[0]!r} and the like"
    return (
        f"{source}: none of its {len(rows)} rows names an image, expected {images}, got "
        f"{rows[0].image!r}: give the file that belongs to these images"
    )
