"""Arrays that NumPy saved: `.npy` and `.npz`. Pickled objects are never loaded."""

import gzip
import lzma
import math
import warnings
import zipfile
import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.lib import format as npy_format

from scratchclust.data.archives import check_member_name
from scratchclust.data.dataset import (
    LARGEST_UNPACKED,
    Reading,
    Request,
    check_labels,
    choose_splits,
    join_labels,
    one_line,
)
from scratchclust.data.idx import MAX_DEFLATE_RATIO
from scratchclust.data.pixels import as_images, as_pixels
from scratchclust.errors import InputError

# The names of arrays in a .npz, in any case; with a split's name before or behind, as x_train or
# train_images.
IMAGE_KEYS = ("images", "image", "x", "data", "arr_0")
LABEL_KEYS = ("labels", "label", "y", "targets", "target", "arr_1")
SPLIT_KEYS = {"train": "train", "test": "test", "val": "val", "valid": "val", "validation": "val"}
DAMAGED = (
    ValueError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    MemoryError,
)


def read_npy(path: Path, request: Request) -> Reading:
    """One array of images, without labels.

    Raises:
        InputError: damaged, objects inside, or not images as `as_pixels` wants them.
    """
    choose_splits(request.split, (), str(path))
    with path.open("rb") as stream:
        _check_header(stream, path.stat().st_size, str(path))
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    images = as_images(array, str(path))  # of all: three of many images look like one in colour
    return Reading(as_pixels(images[: request.limit], str(path)), None, None, path.stem)


def read_npy_gz(path: Path, request: Request) -> Reading:
    """One gzipped array of images, without labels.

    Raises:
        InputError: damaged, objects inside, too large when unpacked, or not images as `as_pixels`
            wants them.
    """
    choose_splits(request.split, (), str(path))
    try:
        with gzip.open(path) as stream:
            shape, is_fortran, dtype = _read_header(cast(BufferedIOBase, stream), str(path))
            n_bytes = math.prod(shape) * dtype.itemsize
            if n_bytes > min(LARGEST_UNPACKED, MAX_DEFLATE_RATIO * path.stat().st_size):
                raise InputError(
                    f"{path} claims {n_bytes} bytes, more than it can hold or is allowed: "
                    "if that is meant, unpack it with gunzip first"
                )
            content = stream.read(n_bytes + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(
            f"{path} is a damaged gzip file ({one_line(error)}): fetch it again"
        ) from error
    _check_size(len(content), n_bytes, shape, str(path))
    array = np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")
    name = path.name.split(".")[0]
    return Reading(as_pixels(array, str(path)), None, None, name)


def read_vector(path: Path) -> np.ndarray:
    """One array as it is, for labels.

    Raises:
        InputError: damaged, or objects inside.
    """
    with path.open("rb") as stream:
        _check_header(stream, path.stat().st_size, str(path))
    return np.load(path, allow_pickle=False)


def read_npz(path: Path, request: Request) -> Reading:
    """Images and labels under the usual names, in any case.

    Images: `images`, `image`, `x`, `data` or `arr_0`; labels, if any: `labels`, `label`, `y`,
    `targets`, `target`, or `arr_1`, if it is one whole number for each image. Or divided, as in
    Keras' mnist.npz: `x_train`, `y_train`, `x_test`, `y_test`, also `x_val`, `train_images` and the
    like. Optional: `label_names`, strings. What else lies there is named in a warning.

    Raises:
        InputError: damaged, no such names, objects inside, or not images as `as_pixels` wants them.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            for info in members.values():
                check_member_name(info.filename, path)
            return _read_members(archive, members, path, request)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(
            f"{path} is a damaged .npz file ({one_line(error)}): save or fetch it again"
        ) from error


def _read_members(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path, request: Request
) -> Reading:
    keys = _keys_by_split(members, path)
    splits = choose_splits(
        request.split, [split for split in keys if split != "all"], str(path)
    ) or ("all",)
    names = _read_label_names(archive, members, path)
    n_classes = None if names is None else len(names)
    images = []
    labels = []
    words = []
    for split in splits:
        image_key, label_key = keys[split]
        pixels, found = _read_split(archive, members, keys[split], path, n_classes)
        if found is None:
            label_key = None
            keys[split] = (image_key, None)
        images.append(pixels)
        labels.append(found)
        words.append(
            f"images from {image_key}, {f'labels from {label_key}' if label_key else 'no labels'}"
        )
    if len({part.shape[1:] for part in images}) > 1:
        raise InputError(
            f"{path}: its splits ({', '.join(splits)}) differ in shape: load one split at a time"
        )
    unused = sorted(
        set(members) - {key for pair in keys.values() for key in pair} - {"label_names"}
    )
    if unused:
        words.append(f"not used: {', '.join(unused)}")
        warnings.warn(f"{path}: {'; '.join(words)}", stacklevel=2)
    joined = join_labels(labels, str(path))
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    return Reading(
        pixels, joined, names if joined is not None else None, path.stem, taken=tuple(words)
    )


def _read_split(
    archive: zipfile.ZipFile,
    members: dict[str, zipfile.ZipInfo],
    keys: tuple[str, str | None],
    path: Path,
    n_classes: int | None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Images and labels by their names; None without labels, or where arr_1 holds none."""
    image_key, label_key = keys
    found = None if label_key is None else _read_member(archive, members[label_key], path)
    array = _read_member(archive, members[image_key], path)
    n_labels = len(found) if found is not None and found.ndim else None
    pixels = as_pixels(array, f"{path}[{image_key}]", n_labels=n_labels)
    if found is None or (label_key == "arr_1" and not _fits(found, len(pixels))):
        return pixels, None
    source = f"{path}[{label_key}]"
    return pixels, check_labels(found, len(pixels), source, n_classes=n_classes)


def _fits(labels: np.ndarray, n: int) -> bool:
    return labels.dtype.kind in "iu" and labels.shape in ((n,), (n, 1))


def _keys_by_split(members: dict[str, Any], path: Path) -> dict[str, tuple[str, str | None]]:
    """For each split ("all" if the file is not divided) the names of its images and its labels."""
    found: dict[str, dict[str, str]] = {}
    for words, kind in ((IMAGE_KEYS, "images"), (LABEL_KEYS, "labels")):
        for key in sorted(members, key=lambda key: _rank(key, words)):
            split, word = _parts(key)
            if word in words:
                found.setdefault(split, {}).setdefault(kind, key)
    keys = {
        split: (kinds["images"], kinds.get("labels"))
        for split, kinds in found.items()
        if "images" in kinds
    }
    if not keys:
        names = ", ".join(sorted(members)) or "nothing"
        raise InputError(
            f"{path}: expected an array named images, x, data or arr_0, or x_train and x_test, "
            f"got {names}"
        )
    return {"all": keys["all"]} if "all" in keys else keys


def _rank(key: str, words: tuple[str, ...]) -> tuple[int, str]:
    word = _parts(key)[1]
    return words.index(word) if word in words else len(words), key


def _parts(key: str) -> tuple[str, str]:
    """The split and the word in a name: ("train", "x") of x_train, X_train, train_x and trainX."""
    lower = key.casefold()
    for name, split in sorted(SPLIT_KEYS.items(), key=lambda item: -len(item[0])):
        if lower.startswith(name) or lower.endswith(name):
            rest = lower.removeprefix(name) if lower.startswith(name) else lower.removesuffix(name)
            return split, rest.strip("_-. ")
    return "all", lower


def _read_label_names(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path
) -> tuple[str, ...] | None:
    if "label_names" not in members:
        return None
    names = _read_member(archive, members["label_names"], path)
    if names.dtype.kind != "U" or names.ndim != 1:
        raise InputError(
            f"{path}[label_names]: expected a list of strings, got {names.dtype} of shape "
            f"{names.shape}"
        )
    return tuple(names.tolist())


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    source = f"{path}[{info.filename.removesuffix('.npy')}]"
    if (
        info.compress_size > path.stat().st_size
        or info.file_size > MAX_DEFLATE_RATIO * info.compress_size
    ):
        raise InputError(
            f"{source} claims {info.file_size} bytes, more than its compressed bytes can hold: "
            "save it again"
        )
    if info.file_size > max(LARGEST_UNPACKED, info.compress_size):
        raise InputError(
            f"{source} would unpack to {info.file_size / 2**30:.1f} GiB, more than the "
            f"{LARGEST_UNPACKED >> 30} that are allowed: if that is meant, save it uncompressed "
            "with numpy.savez, or as .npy"
        )
    with archive.open(info) as stream:
        _check_header(cast(BufferedIOBase, stream), info.file_size, source)
    with archive.open(info) as stream:
        return npy_format.read_array(stream, allow_pickle=False)


def _check_header(stream: BufferedIOBase, n_bytes: int, source: str) -> None:
    """Refuse objects, and a header that does not fit the file, before anything is allocated."""
    shape, _, dtype = _read_header(stream, source)
    _check_size(n_bytes - stream.tell(), math.prod(shape) * dtype.itemsize, shape, source)


def _read_header(stream: BufferedIOBase, source: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether the first axis is the fastest, and type; objects are refused."""
    try:
        version = npy_format.read_magic(stream)
        readers = {
            (1, 0): npy_format.read_array_header_1_0,
            (2, 0): npy_format.read_array_header_2_0,
        }
        # Version 3 differs only in that names of structured types may be in any script; we use no
        # such types.
        shape, is_fortran, dtype = readers[version](stream)
    except (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError):
        raise  # it is not the header, but the file around it
    # ValueError and EOFError as a rule; but a damaged header is parsed as Python, which fails in
    # many ways.
    except Exception as error:
        raise InputError(
            f"{source} is no .npy array ({one_line(error)}): save it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise InputError(
            f"{source} holds Python objects, which may run code when loaded: save a plain uint8 "
            "array"
        )
    return shape, is_fortran, dtype


def _check_size(found: int, promised: int, shape: tuple[int, ...], source: str) -> None:
    if min(shape, default=0) < 0 or promised != found:
        raise InputError(
            f"{source}: its header promises {promised} bytes for shape {shape}, got {found}: "
            "it is cut short or damaged; save or fetch it again"
        )
