"""Folders of pictures: subfolders are classes, files that are no pictures are listed and skipped."""

import os
import re
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import numpy as np

from scratchclust.data.dataset import Reading, Request, SkippedFile, choose_splits, one_line
from scratchclust.data.depth import tell_white, to_bytes, white_above
from scratchclust.data.pictures import Picture, decode, is_grey, strict_pillow
from scratchclust.data.progress import track
from scratchclust.errors import InputError

SPLITS = ("train", "test")
CLASS_DEPTH = 2  # class folders lie at most so deep, below a split
N_THREADS = min(8, os.cpu_count() or 1)  # Pillow decodes without holding Python's lock
LARGEST_UNASKED = 4 << 30  # bytes of pixels that are read without a size having been asked for


class _Pictures(NamedTuple):
    pixels: np.ndarray  # [n, h, w, 1 or 3] uint8
    paths: list[str]
    skipped: list[SkippedFile]


class _Depth:
    """Puts pictures into one array of bytes: those of 16-bit numbers at the end, all on one scale."""

    def __init__(self) -> None:
        self.waiting: dict[int, np.ndarray] = {}  # 16-bit numbers [h, w], by the picture's place
        self.largest = 0  # of them all
        self.upper_bytes: list[int] = []  # the largest value of each picture that lost its lower eight bits

    def put(self, picture: Picture, pixels: np.ndarray, place: int) -> None:
        if picture.is_upper_byte:
            self.upper_bytes.append(int(picture.pixels.max()))
        if picture.pixels.ndim == 3:
            pixels[place] = picture.pixels
            return
        self.waiting[place] = picture.pixels
        self.largest = max(self.largest, picture.largest)

    def finish(self, pixels: np.ndarray, source: str) -> None:
        if self.waiting:
            white = white_above(self.largest)
            tell_white(source, self.largest, white)
            for place, values in self.waiting.items():
                pixels[place] = to_bytes(values, white)[..., None]
        if self.upper_bytes and max(self.upper_bytes) < 64:  # 14 bits in 16, or fewer
            warnings.warn(
                f"{source}: {len(self.upper_bytes)} pictures of 16-bit colour reach {max(self.upper_bytes)} of 255: "
                "if they hold fewer bits than 16, they are read too dark; save them with 8 bits a channel",
                stacklevel=2,
            )


def read_folder(folder: Path, request: Request) -> Reading:
    """Every picture below a folder, in natural order of their paths (img2 before img10).

    Pictures in subfolders get the first subfolder's name as their label, numbered in natural order; if a picture lies
    directly in the folder there are no labels. If the only subfolders are `train` and `test`, they are splits and the
    classes lie below them. A subfolder without a readable picture is no class. Hidden files are ignored, links are
    followed. The pictures are RGB unless all are grey.

    Raises:
        InputError: no picture, a decompression bomb, different sizes without `size`, or with `strict`
            a file that cannot be read.
        PermissionError: a subfolder that cannot be listed.
    """
    files = list_files(folder)
    if not files:
        raise InputError(f"{folder} is an empty folder, expected pictures: give the folder that holds them")
    splits = SPLITS if {_class_of(path, 0) for path in files} - {""} == set(SPLITS) else ()
    wanted = choose_splits(request.split, splits, str(folder))
    below = 1 if splits else 0  # the level at which class folders lie
    names = {_class_of(path, below) for path in files if _is_utf8(path)} - {""}
    if splits:
        beside = [path for path in files if "/" not in path] if request.split == "all" else []
        files = [path for split in wanted for path in files if path.startswith(f"{split}/")] + beside
    pictures = _read(folder, files, request)
    labels = None
    classes = [_class_of(path, below) for path in pictures.paths]
    # Only what was tried and found to be no picture takes a class away: with a limit or a split, others are not tried.
    names = sorted(names - ({_class_of(file.path, below) for file in pictures.skipped} - {*classes}), key=natural_key)
    if all(classes):
        number = {name: i for i, name in enumerate(names)}
        labels = np.array([number[name] for name in classes], np.int32)
    return Reading(
        images=pictures.pixels,
        labels=labels,
        label_names=None if labels is None else tuple(names),
        name=folder.resolve().name,
        paths=tuple(pictures.paths),
        skipped=tuple(pictures.skipped),
    )


def read_picture_file(path: Path, request: Request) -> Reading:
    """A single picture, as a set of one.

    Raises:
        InputError: Pillow cannot read it, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    try:
        with strict_pillow():
            picture = decode(path, request.size)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{path} cannot be read ({_reason(error)}): expected IDX, .npy, .npz, CIFAR-10's binary archive, "
            "a picture, or a folder of pictures"
        ) from error
    depth = _Depth()
    rgb = np.empty((1, *picture.pixels.shape[:2], 3), np.uint8)
    depth.put(picture, rgb, 0)
    depth.finish(rgb, str(path))
    return Reading(rgb[..., :1] if is_grey(rgb[0]) else rgb, None, None, path.stem, (path.name,))


def list_files(folder: Path) -> list[str]:
    """The visible regular files below a folder, as relative paths with `/`, in natural order.

    What links lead to is listed under each of their names, but in each class folder once: so loops end.

    Raises:
        PermissionError: a folder that cannot be listed.
    """
    found: list[str] = []
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
        folders[:] = [name for name in sorted(folders) if not name.startswith(".") and is_new(parent, name)]
        visible = (Path(parent, name) for name in files if not name.startswith("."))
        # is_file: opening a named pipe would wait for ever.
        found += [path.relative_to(folder).as_posix() for path in visible if path.is_file()]
    return sorted(found, key=natural_key)


def natural_key(path: str) -> list[tuple[list[tuple[str, int, str]], str]]:
    """A sorting key that compares folder by folder, and numbers in names by their value."""
    return [
        ([(*_number(piece), piece) for piece in re.findall(r"[0-9]+|[^0-9]+", part)], part) for part in path.split("/")
    ]


def _number(piece: str) -> tuple[str, int]:
    # Digits sort before letters, as in ASCII.
    return ("0", int(piece)) if piece[0] in "0123456789" else (piece.casefold(), 0)


def _class_of(path: str, level: int) -> str:
    """The name of the folder at this level, "" if the file lies above it."""
    parts = path.split("/")
    return parts[level] if len(parts) > level + 1 else ""


def _refuse(error: OSError) -> None:
    raise error


def _is_utf8(path: str) -> bool:
    return not any("\udc80" <= letter <= "\udcff" for letter in path)  # how Python holds the bytes that are not


def _read(folder: Path, files: Sequence[str], request: Request) -> _Pictures:
    """Decode the files until there are `limit` pictures."""
    n_wanted = min(len(files), request.limit or len(files))
    pixels = None
    paths: list[str] = []
    skipped: list[SkippedFile] = []
    depth = _Depth()
    with strict_pillow(), closing(_decoded(folder, files, request)) as results:
        for path, found in track(results, n_wanted, "reading pictures", verbose=request.verbose):
            if isinstance(found, str):
                skipped.append(_skip(folder, path, found, request))
                continue
            shape = (*found.pixels.shape[:2], 3)
            if pixels is None:
                pixels = _allocate(n_wanted, shape, folder, request)
            if shape != pixels.shape[1:]:
                raise InputError(_mixed_sizes(folder, paths[0], pixels.shape, path, shape))
            depth.put(found, pixels, len(paths))
            paths.append(path)
            if len(paths) == n_wanted:
                break
    if pixels is None:
        first = f"{skipped[0].path}, {skipped[0].reason}"
        raise InputError(f"{folder}: none of its {len(files)} files is a readable picture ({first}): give pictures")
    _warn_of(skipped, folder, len(files))
    pixels = pixels[: len(paths)]
    depth.finish(pixels, str(folder))
    return _Pictures(pixels[..., :1] if all(map(is_grey, pixels)) else pixels, paths, skipped)


def _decoded(folder: Path, files: Sequence[str], request: Request) -> Generator[tuple[str, Picture | str]]:
    """For each file its pixels, or the reason why there are none."""

    def attempt(path: str) -> Picture | str:
        if not _is_utf8(path):
            return "its name is not UTF-8, so that no report could name it: rename it"
        try:
            return decode(folder / path, request.size)
        except InputError:
            raise
        # Pillow's decoders raise nearly anything on a damaged file (OSError, SyntaxError, struct.error, ...).
        except Exception as error:
            return _reason(error)

    pool = ThreadPoolExecutor(N_THREADS)
    try:
        # By windows: decoding must not run far ahead of the caller, who may stop or run short of memory.
        for start in range(0, len(files), 16 * N_THREADS):
            window = files[start : start + 16 * N_THREADS]
            yield from zip(window, pool.map(attempt, window), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _allocate(n: int, shape: tuple[int, ...], folder: Path, request: Request) -> np.ndarray:
    n_bytes = n * int(np.prod(shape))
    if request.size is None and n_bytes > LARGEST_UNASKED:
        raise InputError(
            f"{folder}: {n} pictures of {shape[0]}x{shape[1]} pixels would take {n_bytes / 2**30:.1f} GiB of memory: "
            "give a size, for example size=64"
        )
    return np.empty((n, *shape), np.uint8)


def _mixed_sizes(folder: Path, first: str, shape: tuple[int, ...], other: str, found: tuple[int, ...]) -> str:
    return (
        f"{folder / other} has {found[0]}x{found[1]} pixels (height x width), but {first} has "
        f"{shape[1]}x{shape[2]}: give one size for all, for example size=64"
    )


def _skip(folder: Path, path: str, reason: str, request: Request) -> SkippedFile:
    path = os.fsencode(path).decode(errors="backslashreplace")
    if request.strict:
        raise InputError(f"{folder / path} cannot be read as a picture ({reason}): remove it, or load without strict")
    return SkippedFile(path, reason)


def _warn_of(skipped: Sequence[SkippedFile], folder: Path, n_files: int) -> None:
    if skipped:
        warnings.warn(
            f"{folder}: skipped {len(skipped)} of {n_files} files that are no readable pictures, "
            f"first {skipped[0].path} ({skipped[0].reason})",
            stacklevel=2,
        )


def _reason(error: BaseException) -> str:
    # Pillow's own message repeats the path.
    if type(error).__name__ == "UnidentifiedImageError":
        return "not a format that Pillow reads"
    return one_line(error)
