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
from jaxtyping import UInt8
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
from scratchclust.data.depth import LARGEST, tell_white, to_bytes, white_above
from scratchclust.data.idx import MAX_DEFLATE_RATIO
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
SMALLEST_PICTURE = 8  # pixels in height and width: what is smaller is no single colour picture
BLOCK = 256  # images converted at once


def read_npy(path: Path, request: Request) -> Reading:
    """One array of images, without labels.

    Raises:
        InputError: damaged, objects inside, or not images as `as_pixels` wants them.
    """
    choose_splits(request.split, (), str(path))
    with path.open("rb") as stream:
        _check_header(stream, path.stat().st_size, str(path))
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return Reading(
        as_pixels(array[: request.limit] if array.ndim else array, str(path)), None, None, path.stem
    )


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
    """One array as it is, for labels; refused if it is damaged or holds objects. Raises InputError."""
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


def as_pixels(
    array: np.ndarray, source: str, *, n_labels: int | None = None
) -> UInt8[np.ndarray, "n h w c"]:
    """Images as uint8 [n, h, w, c].

    uint8 stays. Floats x in [0, 1] become round(255 x), ties to even, which is the exact inverse of
    x = pixel / 255. False and True become 0 and 255. Whole numbers of other types are bytes, if
    none is above 255; up to 65535 they become round(255 x / white), where white is that of the
    smallest usual depth that holds them all (10, 12, 14 or 16 bits), which a warning tells. What is
    all 0 or 1 becomes 0 and 255.

    Args:
        array: [n, h, w] or [n, h, w, 1 or 3], bool, whole numbers from 0 to 65535, or float.
        source: the file that holds it, for the message.
        n_labels: how many labels there are beside it, which tells one colour picture from many grey
            images.

    Raises:
        InputError: another shape, or one that may as well be a single colour picture; another type;
            numbers out of range.
    """
    array = _as_images(array, source, is_many=array.ndim > 0 and n_labels == len(array))
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu":
        return _whole_as_pixels(array, source)
    if array.dtype.kind != "f":
        raise InputError(
            f"{source}: expected whole numbers, or floats from 0 to 1, found {array.dtype}: save pixels"
        )
    # Written so that NaN is refused too.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            f"{source}: expected floats from 0 to 1, found {array.min():g} to {array.max():g}: "
            f"bring them to that range, {_scaling(array)}"
        )
    pixels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), BLOCK):
        scaled = array[start : start + BLOCK] * array.dtype.type(255)
        pixels[start : start + BLOCK] = np.rint(scaled, out=scaled)
    return pixels


def _as_images(array: np.ndarray, source: str, *, is_many: bool) -> np.ndarray:
    """The array as [n, h, w, 1 or 3], or a refusal with the cure."""
    expected = (
        f"{source}: expected images [n, h, w] or [n, h, w, 1 or 3], found shape {array.shape}"
    )
    if array.ndim == 2:
        raise InputError(
            f"{source}: expected images [n, h, w], found rows of shape {array.shape}: reshape them to [n, h, w]"
        )
    if array.ndim == 3:
        n, height, width = array.shape
        if not is_many and width in (1, 3, 4) and min(n, height) >= SMALLEST_PICTURE:
            raise InputError(
                f"{expected}, which may be one picture of {n}x{height} or {n} grey images of {height}x{width}: "
                "save images[None, ..., :3] for the one picture, images[..., None] for the many"
            )
        if not is_many and n == 3 and min(height, width) >= SMALLEST_PICTURE:
            raise InputError(
                f"{expected}, which may be one colour picture of {height}x{width} or three grey images: "
                "save numpy.moveaxis(images, 0, -1)[None] for the one picture, images[..., None] for the three"
            )
        return array[..., None]
    if array.ndim == 4 and array.shape[3] not in (1, 3) and array.shape[1] in (1, 3):
        raise InputError(
            f"{expected}, which looks like [n, channels, h, w]: save numpy.moveaxis(images, 1, -1)"
        )
    if array.ndim == 4 and array.shape[3] == 4:
        raise InputError(f"{expected}, which looks like RGB and transparency: save images[..., :3]")
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        raise InputError(f"{expected}: save them in such a shape")
    return array


def _whole_as_pixels(array: np.ndarray, source: str) -> np.ndarray:
    """Whole numbers as bytes."""
    smallest, largest = (int(array.min()), int(array.max())) if array.size else (0, 0)
    if smallest < 0 or largest > LARGEST:
        raise InputError(
            f"{source}: expected whole numbers from 0 to {LARGEST}, found {smallest} to {largest}: {_scaling(array)}"
        )
    if largest == 1:
        return array.astype(np.uint8) * np.uint8(255)
    white = white_above(largest)
    if white == 255:
        return array.astype(np.uint8)
    tell_white(source, largest, white)
    pixels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), BLOCK):
        pixels[start : start + BLOCK] = to_bytes(
            array[start : start + BLOCK].astype(np.uint16), white
        )
    return pixels


def _scaling(array: np.ndarray) -> str:
    """The cure for numbers out of range: one that neither wraps around nor turns most of them to
    black.
    """
    smallest = array.min()
    largest = array.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        return "after numpy.nan_to_num"
    return f"as by (images - ({smallest:g})) / {float(largest) - float(smallest):g}"


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
        found = None if label_key is None else _read_member(archive, members[label_key], path)
        array = _read_member(archive, members[image_key], path)
        n_labels = len(found) if found is not None and found.ndim else None
        images.append(as_pixels(array, f"{path}[{image_key}]", n_labels=n_labels))
        if label_key == "arr_1" and not _fits(found, len(images[-1])):
            keys[split] = (image_key, None)
            label_key = None
        if label_key is None or found is None:
            labels.append(None)
        else:
            labels.append(
                check_labels(found, len(images[-1]), f"{path}[{label_key}]", n_classes=n_classes)
            )
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


def _fits(labels: np.ndarray | None, n: int) -> bool:
    return labels is not None and labels.dtype.kind in "iu" and labels.shape in ((n,), (n, 1))


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
            f"{path}: expected an array named images, x, data or arr_0, or x_train and x_test, found {names}"
        )
    return {"all": keys["all"]} if "all" in keys else keys


def _rank(key: str, words: tuple[str, ...]) -> tuple[int, str]:
    word = _parts(key)[1]
    return words.index(word) if word in words else len(words), key


def _parts(key: str) -> tuple[str, str]:
    """The split and the word in an array's name: ("train", "x") of x_train, X_train, train_x and
    trainX.
    """
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
            f"{path}[label_names]: expected a list of strings, found {names.dtype} of shape {names.shape}"
        )
    return tuple(names.tolist())


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    source = f"{path}[{info.filename.removesuffix('.npy')}]"
    if (
        info.compress_size > path.stat().st_size
        or info.file_size > MAX_DEFLATE_RATIO * info.compress_size
    ):
        raise InputError(
            f"{source} claims {info.file_size} bytes, more than its compressed bytes can hold: save it again"
        )
    if info.file_size > max(LARGEST_UNPACKED, info.compress_size):
        raise InputError(
            f"{source} would unpack to {info.file_size / 2**30:.1f} GiB, more than the {LARGEST_UNPACKED >> 30} that "
            "are allowed: if that is meant, save it uncompressed with numpy.savez, or as .npy"
        )
    with archive.open(info) as stream:
        _check_header(cast(BufferedIOBase, stream), info.file_size, source)
    with archive.open(info) as stream:
        return npy_format.read_array(stream, allow_pickle=False)


def _check_header(stream: BufferedIOBase, n_bytes: int, source: str) -> None:
    """Refuse objects, and a header that does not fit the file's size, before anything is allocated."""
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
    except (
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
    ):  # not the header, but the file around it
        raise
    # ValueError and EOFError as a rule; but a damaged header is parsed as Python, which fails in
    # many ways.
    except Exception as error:
        raise InputError(
            f"{source} is no .npy array ({one_line(error)}): save it again with numpy.save"
        ) from error
    if dtype.hasobject:
        raise InputError(
            f"{source} holds Python objects, which may run code when loaded: save a plain uint8 array"
        )
    return shape, is_fortran, dtype


def _check_size(found: int, promised: int, shape: tuple[int, ...], source: str) -> None:
    if min(shape, default=0) < 0 or promised != found:
        raise InputError(
            f"{source}: its header promises {promised} bytes for shape {shape}, found {found}: "
            "it is cut short or damaged; save or fetch it again"
        )
