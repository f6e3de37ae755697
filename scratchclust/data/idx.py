"""IDX, the format of the MNIST files, plain or gzipped.

A file is two zero bytes, a byte for the type (8: uint8), a byte for the number of axes, each axis's
length as a big-endian uint32, then the values. Source: the description on the MNIST site.
"""

import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Mapping
from io import BufferedIOBase
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from scratchclust.data.dataset import (
    LARGEST_UNPACKED,
    Reading,
    Request,
    check_labels,
    choose_splits,
    join_labels,
    one_line,
)
from scratchclust.data.idx_names import FOLDER_NAMES, LABEL_NAMES, N_CLASSES, read_mapping
from scratchclust.errors import InputError

UINT8 = 8
IMAGE_TYPES = {UINT8: "u1"}
TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4"}  # of labels; images are uint8
MAX_DEFLATE_RATIO = 1032  # deflate cannot compress better than this
CHUNK = 1 << 20  # bytes

# train-images-idx3-ubyte.gz, emnist-letters-test-images-idx3-ubyte, qmnist-train-labels-idx2-int
FILE = re.compile(
    r"(?P<set>.*?)[-_.]?(?P<split>train|t10k|test)[-_.](?P<kind>images|labels)[-_.]idx\d[-_.](ubyte|int)(\.gz)?"
)
SPLITS = {"train": "train", "t10k": "test", "test": "test"}


class _Set(NamedTuple):
    """The files of one data set in a folder, by split."""

    name: str  # what their names begin with, "" if with the split
    images: dict[str, Path]
    labels: dict[str, Path]


def find_folder(path: Path) -> Path | None:
    """The folder of IDX images in `path`: itself, its `raw`, torchvision's `NAME/raw`; or None.

    Raises:
        InputError: several such folders, so that one must be chosen.
    """
    for folder in (path, path / "raw"):
        if _holds_images(folder):
            return folder
    found = [folder for folder in sorted(path.glob("*/raw")) if _holds_images(folder)]
    if len(found) > 1:
        names = ", ".join(folder.parent.name for folder in found)
        raise InputError(
            f"{path} holds several data sets ({names}): give one of them, for example "
            f"{found[0].parent}"
        )
    return found[0] if found else None


def is_named_so(path: Path) -> bool:
    """Whether a file is IDX by its name."""
    return "-ubyte" in path.name or FILE.fullmatch(path.name) is not None


def looks_like_idx(start: bytes) -> bool:
    """Whether a file that begins so is IDX: two zero bytes, a known type, 1 to 4 axes."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in TYPES and 1 <= start[3] <= 4


def read_folder(folder: Path, request: Request) -> Reading:
    """Train and test images with their labels, as the sites and torchvision name the files.

    Raises:
        InputError: a file is damaged, labels do not fit the images, or several sets lie there.
    """
    sets = _sets(folder)
    if len(sets) > 1:
        names = ", ".join(sets)
        raise InputError(
            f"{folder} holds several data sets ({names}): move the files of one into a folder, or "
            "give a file of images"
        )
    found = next(iter(sets.values()))
    set_folder = folder.resolve().parent if folder.name == "raw" else folder.resolve()
    plain = re.sub("[-_ ]", "", set_folder.name.lower())
    name = found.name or FOLDER_NAMES.get(plain, set_folder.name)
    parts = []
    for split in choose_splits(request.split, list(found.images), str(folder)):
        images = read_images(found.images[split])
        labels = found.labels.get(split)
        n_classes = N_CLASSES.get(name)
        parts.append(
            (
                images,
                None if labels is None else read_labels(labels, len(images), n_classes=n_classes),
            )
        )
    if len({images.shape[1:] for images, _ in parts}) > 1:
        shapes = " and ".join(str(images.shape[1:]) for images, _ in parts)
        raise InputError(
            f"{folder}: train and test images differ in shape, {shapes}: load one split at a time"
        )
    labels = join_labels([labels for _, labels in parts], str(folder))
    images = parts[0][0] if len(parts) == 1 else np.concatenate([images for images, _ in parts])
    return _reading(images, labels, name, folder)


def read_file(path: Path, request: Request) -> Reading:
    """One IDX file of images; the labels come from the file beside it whose name says so, if any.

    Raises:
        InputError: damaged, or no images, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    images = read_images(path)
    match = FILE.fullmatch(path.name)
    if match is not None and match["set"]:
        found = _sets(path.parent).get(match["set"])
        split = SPLITS[match["split"]]
        labels_path = found.labels.get(split) if found is not None else None
        labels = None if labels_path is None else read_labels(labels_path, len(images))
        return _reading(images, labels, match["set"], path.parent)
    labels_path = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = None
    if labels_path.name != path.name and labels_path.is_file():
        labels = read_labels(labels_path, len(images))
    return Reading(images, labels, None, path.name.split(".")[0])


def _reading(images: np.ndarray, labels: np.ndarray | None, name: str, folder: Path) -> Reading:
    """With the labels' names; EMNIST's images upright, since its files hold them transposed."""
    names = (
        None
        if labels is None
        else read_mapping(folder / f"{name}-mapping.txt") or LABEL_NAMES.get(name)
    )
    if names is not None and labels is not None and labels.size and labels.max() >= len(names):
        names = None
    is_transposed = name.startswith("emnist")
    if is_transposed:
        images = np.ascontiguousarray(images.transpose(0, 2, 1, 3))
    words = ("EMNIST's pictures turned upright",) if is_transposed else ()
    return Reading(images, labels, names, name, taken=words)


def read_images(path: Path) -> UInt8[np.ndarray, "n h w c"]:
    """The images of an IDX file, [n, h, w] or [n, h, w, c] in the file.

    Raises:
        InputError: damaged, or not images.
    """
    array = _read_array(path)
    if array.ndim == 1:
        raise InputError(
            f"{path} holds labels (magic number 2049), expected images (2051): give the file of "
            "images"
        )
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        raise InputError(
            f"{path}: expected images [n, h, w] or [n, h, w, 1 or 3], got shape {array.shape}"
        )
    return array


def read_labels(
    path: Path, n_images: int, *, n_classes: int | None = None
) -> Int32[np.ndarray, " n"]:
    """The labels of an IDX file, one for each image; of rows, as QMNIST has them, the first number.

    Raises:
        InputError: damaged, not labels, not as many as images, or out of range.
    """
    array = _read_array(path, TYPES)
    if array.ndim == 2 and array.dtype.itemsize > 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(
            f"{path} holds an array of {array.ndim} axes, expected labels (magic number 2049), "
            "one axis"
        )
    return check_labels(array, n_images, str(path), n_classes=n_classes)


def _holds_images(folder: Path) -> bool:
    return bool(_sets(folder))


def _sets(folder: Path) -> dict[str, _Set]:
    """The sets in a folder that have a file of images, by how the names of their files begin."""
    if not folder.is_dir():
        return {}
    sets: dict[str, _Set] = {}
    matches = [match for name in os.listdir(folder) if (match := FILE.fullmatch(name)) is not None]
    matches.sort(key=lambda match: match.string)  # the unpacked file before the packed one
    for match in matches:
        place = folder / match.string
        if place.is_file():
            found = sets.setdefault(match["set"], _Set(match["set"], {}, {}))
            files = found.images if match["kind"] == "images" else found.labels
            files.setdefault(SPLITS[match["split"]], place)
    return {name: found for name, found in sets.items() if found.images}


def _read_array(path: Path, types: Mapping[int, str] = IMAGE_TYPES) -> np.ndarray:
    try:
        with path.open("rb") as probe:
            gzipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else path.open("rb") as stream:
            return _parse(stream, path, gzipped, types)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is a damaged gzip file ({one_line(error)}): fetch it again"
        ) from error


def _parse(
    stream: BufferedIOBase, path: Path, gzipped: bool, types: Mapping[int, str]
) -> np.ndarray:
    """The array in the stream."""
    dtype, shape = _read_header(stream, path, types)
    expected = math.prod(shape) * dtype.itemsize
    # Before anything is allocated: a damaged or hostile header may claim terabytes.
    if expected > path.stat().st_size * (MAX_DEFLATE_RATIO if gzipped else 1):
        raise InputError(
            f"{path} is cut short: its header promises {expected} values, more than it can hold: "
            "fetch it again"
        )
    if gzipped and expected > LARGEST_UNPACKED:
        raise InputError(
            f"{path} would unpack to {expected / 2**30:.1f} GiB, more than the "
            f"{LARGEST_UNPACKED >> 30} that are allowed: if that is meant, unpack it with gunzip "
            "first"
        )
    if not expected:
        raise InputError(
            f"{path} holds no pixels, its header says shape {shape}: fetch it again, or give "
            "another file"
        )
    values = bytearray()
    while len(values) <= expected and (chunk := stream.read(CHUNK)):
        values += chunk
    if len(values) != expected:
        problem, found = (
            ("cut short", len(values)) if len(values) < expected else ("too long", "more")
        )
        raise InputError(
            f"{path} is {problem}: its header promises {expected} values, got {found}: fetch it "
            "again"
        )
    return np.frombuffer(values, dtype).reshape(shape)


def _read_header(
    stream: BufferedIOBase, path: Path, types: Mapping[int, str]
) -> tuple[np.dtype, tuple[int, ...]]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= 4:
        found = int.from_bytes(start, "big")
        raise InputError(
            f"{path}: wrong magic number {found}, expected 2051 (images) or 2049 (labels): "
            "it is no IDX file, or damaged; fetch it again"
        )
    if start[2] not in types:
        raise InputError(
            f"{path}: its values have IDX type {start[2]:#04x}, expected 0x08 (uint8): save it as "
            ".npy"
        )
    lengths = stream.read(4 * start[3])
    if len(lengths) < 4 * start[3]:
        raise InputError(
            f"{path} is cut short within its header of {4 + 4 * start[3]} bytes: fetch it again"
        )
    return np.dtype(types[start[2]]), struct.unpack(f">{start[3]}I", lengths)
