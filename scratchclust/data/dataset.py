"""What every reader returns, and the small rules that all of them share."""

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

import numpy as np
from jaxtyping import Int32, UInt8

from scratchclust.checks import Rule, nothing, one_of, whole
from scratchclust.errors import InputError

Fit = Literal["crop", "pad", "squeeze"]  # how images of other proportions come to a size

LARGEST_SIDE = 1 << 14  # pixels
AT_ONCE = 1 << 24  # bytes of images that are handled at once, where they need not all be
# bytes that a compressed file may unpack to: a small file can promise any number
LARGEST_UNPACKED = 4 << 30


class MixedSizesError(InputError):
    """Images of different sizes, and no size that all are to be brought to."""


class SkippedFile(NamedTuple):
    """A file of a folder that could not be read as a picture."""

    path: str  # relative to the folder that was loaded
    reason: str


class Dataset(NamedTuple):
    """Images of one size with what is known about them."""

    images: UInt8[np.ndarray, "n h w c"]  # c is 1 (grey) or 3 (RGB)
    labels: Int32[np.ndarray, " n"] | None  # None: not known; -1: of this image not known
    label_names: tuple[str, ...] | None  # label i is called label_names[i]
    name: str  # the data set's name, or the file's or folder's without the path to it
    sha256: str  # of exactly these pixels, see `pixels_sha256`
    split: str = "all"
    # [n], folders of pictures: each picture's path relative to the folder
    paths: tuple[str, ...] | None = None
    skipped: tuple[SkippedFile, ...] = ()  # folders of pictures: what could not be read
    taken: str = ""  # one line, for people: what was taken for what
    # pictures: height and width in their files, upright as EXIF says; None for arrays
    original_sizes: Int32[np.ndarray, "n 2"] | None = None
    notes: tuple[str, ...] = ()  # a line each, for people: as that of animations one frame was read


class Request(NamedTuple):
    """What `load` was asked for, as far as a reader can save work by knowing it."""

    split: str = "all"
    limit: int | None = None  # a reader may return more; `load` cuts
    size: tuple[int, int] | None = None  # (height, width)
    strict: bool = False
    verbose: bool = False
    seed: int = 0  # decides which images a limit takes, where they lie class by class
    tell: Callable[[str], None] | None = None  # told how far slow reading has come
    fit: Fit = "crop"
    memory_map: Path | None = None  # the .npy file that many pixels are written to


class Reading(NamedTuple):
    """What a reader found: a `Dataset` before it is cut, brought to its size and hashed."""

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int32[np.ndarray, " n"] | None
    label_names: tuple[str, ...] | None
    name: str
    paths: tuple[str, ...] | None = None
    skipped: tuple[SkippedFile, ...] = ()
    taken: tuple[str, ...] = ()  # what was taken for what, in the reader's words
    original_sizes: Int32[np.ndarray, "n 2"] | None = None
    notes: tuple[str, ...] = ()


def pixels_sha256(images: UInt8[np.ndarray, "n h w c"]) -> str:
    """SHA-256 of a line `uint8 (n, h, w, c)` and a newline, then of the pixels in C order."""
    digest = hashlib.sha256(f"{images.dtype} {images.shape}\n".encode())
    step = rows_at_once(math.prod(images.shape[1:]))
    for start in range(0, len(images), step):  # views are copied, but not as a whole
        digest.update(np.ascontiguousarray(images[start : start + step]).data)
    return digest.hexdigest()


def rows_at_once(n_bytes: int) -> int:
    """How many images of so many bytes are handled at once."""
    return max(1, AT_ONCE // max(1, n_bytes))


def drawn_order(classes: Any, seed: int) -> np.ndarray:
    """An order of images whose first so many, for any number, are a random sample over all classes.

    First one of each class, larger classes before smaller; then each class in proportion to its
    size.

    Args:
        classes: of each image, a number or a name.
        seed: decides the order within the classes.

    Returns:
        The images' places, [n].
    """
    _, group = np.unique(np.asarray(classes), return_inverse=True)
    counts = np.bincount(group)
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(len(group))
    by_class = shuffled[np.argsort(group[shuffled], kind="stable")]
    rank = np.empty(len(group), int)
    rank[by_class] = np.arange(len(group)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = (rank + 0.5) / counts[group]
    return np.lexsort((rng.permutation(len(group)), share, rank > 0))


def is_class_by_class(labels: Int32[np.ndarray, " n"]) -> bool:
    """Whether images lie class by class, the first ones of few: labels that rise, and also stay."""
    steps = np.diff(labels)
    return bool((steps >= 0).all() and (steps == 0).any() and (steps > 0).any())


def choose_splits(split: str, available: Sequence[str], source: str) -> tuple[str, ...]:
    """The splits to read, in order: train, then test, then whatever else there is.

    Args:
        split: what was asked for; "all" is every split.
        available: the splits that the source has; empty if it is not divided.
        source: the file's or data set's name, for the message.

    Raises:
        InputError: the source does not have that split.
    """
    if split == "all":
        first = [name for name in ("train", "test") if name in available]
        return (*first, *(name for name in available if name not in first))
    if split in available:
        return (split,)
    if not available:
        raise InputError(
            f"{source} has no train and test split, but split={split!r} was asked for: use "
            "split='all'"
        )
    known = ", ".join(repr(name) for name in available)
    raise InputError(
        f"{source} has no split {split!r}: it has {known}; use one of them or split='all'"
    )


def join_labels(parts: Iterable[np.ndarray | None], source: str) -> Int32[np.ndarray, " n"] | None:
    """The labels of several splits as one array; None if no split has labels.

    Raises:
        InputError: only some of the splits have labels.
    """
    parts = list(parts)
    known = [labels for labels in parts if labels is not None]
    if not known:
        return None
    if len(known) < len(parts):
        raise InputError(
            f"{source} has labels for only some of its splits: add the missing labels or load one "
            "split"
        )
    return np.concatenate(known).astype(np.int32)


def check_labels(
    labels: np.ndarray, n_images: int, source: str, *, n_classes: int | None = None
) -> Int32[np.ndarray, " n"]:
    """Labels as int32, refused unless there is one for each image and each lies in its range.

    Args:
        labels: whole numbers, [n] or [n, 1] (as Keras stores CIFAR-10).
        n_images: how many there must be.
        source: the file that holds them, for the message.
        n_classes: labels run from 0 to n_classes - 1; None: from 0 to the largest int32.

    Raises:
        InputError: not whole numbers, a wrong number of them, or one out of range.
    """
    if labels.dtype.kind not in "iu":
        raise InputError(
            f"{source}: expected labels as whole numbers from 0, got {labels.dtype}: save them "
            "as int32"
        )
    if labels.shape not in {(n_images,), (n_images, 1)}:
        raise InputError(
            f"{source}: expected {n_images} labels, one for each image, got shape "
            f"{labels.shape}: images and labels must come from the same set"
        )
    labels = labels.reshape(-1)
    largest = np.iinfo(np.int32).max if n_classes is None else n_classes - 1
    wrong = np.flatnonzero((labels < 0) | (labels > largest))
    if wrong.size:
        first = int(wrong[0])
        raise InputError(
            f"{source}: label {labels[first]} of image {first} is out of range, expected 0 to "
            f"{largest}: the file is damaged or has other classes; fetch it again, or save images "
            "and labels as .npz"
        )
    return labels.astype(np.int32)


def check_limit(limit: Any) -> int | None:
    """None, or a whole number of at least 1."""
    return (nothing | whole(1))("limit", limit, "it is how many images")


def check_size(size: Any) -> tuple[int, int] | None:
    """None, or (height, width) from one side of a square or a pair, each at most `LARGEST_SIDE`."""
    return (nothing | SIZE)("size", size, "for example size=64")


def check_fit(fit: Any, size: tuple[int, int] | None) -> Fit:
    """One of "crop", "pad" and "squeeze"; the last two only with a size."""
    one_of(*get_args(Fit))("fit", fit, "it is how images come to a size")
    if size is None and fit != "crop":
        raise InputError(f"expected a size with fit={fit!r}, got none: give one, as size=64")
    return cast(Fit, fit)


def _as_pair(size: Any) -> tuple[int, int]:
    height, width = size if isinstance(size, tuple | list) and len(size) == 2 else (size, size)
    side = whole(1, LARGEST_SIDE)
    return side.accept(height), side.accept(width)


SIZE = Rule(f"a whole number from 1 to {LARGEST_SIDE} or a pair (height, width) of such", _as_pair)


def expand_home(path: str | os.PathLike[str]) -> Path:
    """The path with ~ in full.

    Raises:
        InputError: the home folder of a user who does not exist.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{os.fspath(path)}: its ~ is nobody's home folder: write the path out"
        ) from error


def one_line(error: BaseException) -> str:
    """An exception's message on one line of bounded length, to be quoted in ours."""
    return " ".join(str(error).split())[:160] or type(error).__name__
