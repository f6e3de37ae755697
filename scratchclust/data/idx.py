"""IDX, the format of the MNIST files, plain or gzipped.

A file is two zero bytes, a byte for the type (8: uint8), a byte for the number of axes, each axis's length as a
big-endian uint32, then the values. Source: the description on the MNIST site.
"""

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import cast

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
from scratchclust.errors import InputError

UINT8 = 8
N_CLASSES = 10  # of MNIST and of the sets that replace it file by file
MAX_DEFLATE_RATIO = 1032  # deflate cannot compress better than this
CHUNK = 1 << 20  # bytes

FILE_PREFIXES = {"train": "train", "test": "t10k"}
# torchvision's folders, by the name that TensorFlow Datasets uses.
FOLDER_NAMES = {"mnist": "mnist", "fashionmnist": "fashion_mnist", "kmnist": "kmnist"}
DIGITS = tuple("0123456789")
GARMENTS = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
LABEL_NAMES = {"mnist": DIGITS, "fashion_mnist": GARMENTS}


def find_folder(path: Path) -> Path | None:
    """The folder of IDX images in `path`: itself, its `raw`, or torchvision's `NAME/raw`; None if there is none.

    Raises:
        InputError: several such folders, so that one must be chosen.
    """
    for folder in (path, path / "raw"):
        if _holds_images(folder):
            return folder
    found = [folder for folder in sorted(path.glob("*/raw")) if _holds_images(folder)]
    if len(found) > 1:
        names = ", ".join(folder.parent.name for folder in found)
        raise InputError(f"{path} holds several data sets ({names}): give one of them, for example {found[0].parent}")
    return found[0] if found else None


def looks_like_idx(path: Path) -> bool:
    """Whether a file is IDX by its name, or by the two zero bytes and the type that it starts with."""
    if "-ubyte" in path.name or path.name.lower().endswith(".gz"):
        return True
    with path.open("rb") as stream:
        start = stream.read(4)
    return len(start) == 4 and start[:3] == bytes([0, 0, UINT8])


def read_folder(folder: Path, request: Request) -> Reading:
    """Train and test images with their labels, as torchvision and the original site name the files.

    Raises:
        InputError: a file is damaged, or labels do not fit the images.
    """
    available = [split for split in FILE_PREFIXES if _find(folder, split, "images") is not None]
    parts = [_read_split(folder, split) for split in choose_splits(request.split, available, str(folder))]
    if len({images.shape[1:] for images, _ in parts}) > 1:
        shapes = " and ".join(str(images.shape[1:]) for images, _ in parts)
        raise InputError(f"{folder}: train and test images differ in shape, {shapes}: load one split at a time")
    labels = join_labels([labels for _, labels in parts], str(folder))
    set_folder = folder.resolve().parent if folder.name == "raw" else folder.resolve()
    name = FOLDER_NAMES.get(set_folder.name.lower(), set_folder.name)
    label_names = LABEL_NAMES.get(name) if labels is not None else None
    images = parts[0][0] if len(parts) == 1 else np.concatenate([images for images, _ in parts])
    return Reading(images, labels, label_names, name)


def read_file(path: Path, request: Request) -> Reading:
    """A single IDX file of images; the labels come from the file beside it whose name says so, if there is one.

    Raises:
        InputError: damaged, or no images, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    images = read_images(path)
    labels_path = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    labels = None
    if labels_path.name != path.name and labels_path.is_file():
        labels = read_labels(labels_path, len(images))
    return Reading(images, labels, None, path.name.split(".")[0])


def read_images(path: Path) -> UInt8[np.ndarray, "n h w c"]:
    """The images of an IDX file, [n, h, w] or [n, h, w, c] in the file.

    Raises:
        InputError: damaged, or not images.
    """
    array = _read_array(path)
    if array.ndim == 1:
        raise InputError(f"{path} holds labels (magic number 2049), expected images (2051): give the file of images")
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        raise InputError(f"{path}: expected images [n, h, w] or [n, h, w, 1 or 3], found shape {array.shape}")
    return array


def read_labels(path: Path, n_images: int) -> Int32[np.ndarray, " n"]:
    """The labels of an IDX file, one for each image, 0 to 9.

    Raises:
        InputError: damaged, not labels, not as many as images, or out of range.
    """
    array = _read_array(path)
    if array.ndim != 1:
        raise InputError(f"{path} holds an array of {array.ndim} axes, expected labels (magic number 2049), one axis")
    return check_labels(array, n_images, str(path), n_classes=N_CLASSES)


def _holds_images(folder: Path) -> bool:
    return any(_find(folder, split, "images") for split in FILE_PREFIXES)


def _find(folder: Path, split: str, kind: str) -> Path | None:
    n_axes = {"images": 3, "labels": 1}[kind]
    stem = f"{FILE_PREFIXES[split]}-{kind}"
    names = (f"{stem}{joint}idx{n_axes}-ubyte{suffix}" for suffix in ("", ".gz") for joint in "-.")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _read_split(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    images = read_images(cast(Path, _find(folder, split, "images")))
    labels = _find(folder, split, "labels")
    return images, None if labels is None else read_labels(labels, len(images))


def _read_array(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as probe:
            gzipped = probe.read(2) == b"\x1f\x8b"
        with gzip.open(path) if gzipped else path.open("rb") as stream:
            return _parse(stream, path, gzipped)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip file ({one_line(error)}): fetch it again") from error


def _parse(stream: BufferedIOBase, path: Path, gzipped: bool) -> UInt8[np.ndarray, "..."]:
    """The array in the stream."""
    shape = _read_header(stream, path)
    expected = math.prod(shape)
    # Before anything is allocated: a damaged or hostile header may claim terabytes.
    if expected > path.stat().st_size * (MAX_DEFLATE_RATIO if gzipped else 1):
        raise InputError(
            f"{path} is cut short: its header promises {expected} values, more than it can hold: fetch it again"
        )
    if gzipped and expected > LARGEST_UNPACKED:
        raise InputError(
            f"{path} would unpack to {expected / 2**30:.1f} GiB, more than the {LARGEST_UNPACKED >> 30} that are "
            "allowed: if that is meant, unpack it with gunzip first"
        )
    if not expected:
        raise InputError(f"{path} holds no pixels, its header says shape {shape}: fetch it again, or give another file")
    values = bytearray()
    while len(values) <= expected and (chunk := stream.read(CHUNK)):
        values += chunk
    if len(values) != expected:
        problem, found = ("cut short", len(values)) if len(values) < expected else ("too long", "more")
        raise InputError(f"{path} is {problem}: its header promises {expected} values, found {found}: fetch it again")
    return np.frombuffer(values, np.uint8).reshape(shape)


def _read_header(stream: BufferedIOBase, path: Path) -> tuple[int, ...]:
    start = stream.read(4)
    if len(start) < 4 or start[:2] != b"\0\0" or not 1 <= start[3] <= 4:
        found = int.from_bytes(start, "big")
        raise InputError(
            f"{path}: wrong magic number {found}, expected 2051 (images) or 2049 (labels): "
            "it is no IDX file, or damaged; fetch it again"
        )
    if start[2] != UINT8:
        raise InputError(f"{path}: its values have IDX type {start[2]:#04x}, expected 0x08 (uint8): save it as .npy")
    lengths = stream.read(4 * start[3])
    if len(lengths) < 4 * start[3]:
        raise InputError(f"{path} is cut short within its header of {4 + 4 * start[3]} bytes: fetch it again")
    return struct.unpack(f">{start[3]}I", lengths)
