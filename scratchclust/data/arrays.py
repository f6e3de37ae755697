"""Arrays that NumPy saved: `.npy` and `.npz`. Pickled objects are never loaded."""

import lzma
import math
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
from scratchclust.data.idx import MAX_DEFLATE_RATIO
from scratchclust.errors import InputError

IMAGE_KEYS = ("images", "x", "X", "arr_0")
LABEL_KEYS = ("labels", "y")
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
    return Reading(as_pixels(array[: request.limit] if array.ndim else array, str(path)), None, None, path.stem)


def read_vector(path: Path) -> np.ndarray:
    """One array as it is, for labels; refused if it is damaged or holds objects. Raises InputError."""
    with path.open("rb") as stream:
        _check_header(stream, path.stat().st_size, str(path))
    return np.load(path, allow_pickle=False)


def read_npz(path: Path, request: Request) -> Reading:
    """Images and labels under the usual names.

    Images: `images`, `x`, `X` or `arr_0`; labels, if any: `labels` or `y`. Or, as in Keras' mnist.npz: `x_train`,
    `y_train`, `x_test`, `y_test`. Optional: `label_names`, strings.

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
        raise InputError(f"{path} is a damaged .npz file ({one_line(error)}): save or fetch it again") from error


def as_pixels(array: np.ndarray, source: str) -> UInt8[np.ndarray, "n h w c"]:
    """Images as uint8 [n, h, w, c].

    uint8 stays. Floats x in [0, 1] become round(255 x), ties to even, which is the exact inverse of x = pixel / 255.

    Args:
        array: [n, h, w] or [n, h, w, 1 or 3], uint8 or float.
        source: the file that holds it, for the message.

    Raises:
        InputError: another shape, another type, or floats outside [0, 1].
    """
    if array.ndim == 2:
        raise InputError(
            f"{source}: expected images [n, h, w], found rows of shape {array.shape}: reshape them to [n, h, w]"
        )
    if array.ndim == 3:
        array = array[..., None]
    if array.ndim != 4 or array.shape[3] not in (1, 3):
        raise InputError(f"{source}: expected images [n, h, w] or [n, h, w, 1 or 3], found shape {array.shape}")
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind != "f":
        raise InputError(
            f"{source}: expected uint8, or floats from 0 to 1, found {array.dtype}: save as .astype(np.uint8)"
        )
    # Written so that NaN is refused too.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            f"{source}: expected floats from 0 to 1, found {array.min():g} to {array.max():g}: "
            "bring them to that range, or to 0 to 255 and save as uint8"
        )
    pixels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), BLOCK):
        scaled = array[start : start + BLOCK] * array.dtype.type(255)
        pixels[start : start + BLOCK] = np.rint(scaled, out=scaled)
    return pixels


def _read_members(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path, request: Request
) -> Reading:
    keys = _keys_by_split(members, path)
    splits = choose_splits(request.split, [split for split in keys if split != "all"], str(path))
    names = _read_label_names(archive, members, path)
    images, labels = [], []
    for split in splits or ("all",):
        image_key, label_key = keys[split]
        images.append(as_pixels(_read_member(archive, members[image_key], path), f"{path}[{image_key}]"))
        if label_key is None:
            labels.append(None)
            continue
        found = _read_member(archive, members[label_key], path)
        n_classes = None if names is None else len(names)
        labels.append(check_labels(found, len(images[-1]), f"{path}[{label_key}]", n_classes=n_classes))
    if len({part.shape[1:] for part in images}) > 1:
        raise InputError(f"{path}: x_train and x_test differ in shape: load split='train' or split='test'")
    joined = join_labels(labels, str(path))
    pixels = images[0] if len(images) == 1 else np.concatenate(images)
    return Reading(pixels, joined, names if joined is not None else None, path.stem)


def _keys_by_split(members: dict[str, Any], path: Path) -> dict[str, tuple[str, str | None]]:
    """For each split ("all" if the file is not divided) the names of its images and its labels."""
    images = next((key for key in IMAGE_KEYS if key in members), None)
    if images is not None:
        return {"all": (images, next((key for key in LABEL_KEYS if key in members), None))}
    splits = [split for split in ("train", "test") if f"x_{split}" in members]
    if not splits:
        found = ", ".join(sorted(members)) or "nothing"
        raise InputError(f"{path}: expected an array named images, x, X or arr_0, or x_train and x_test, found {found}")
    return {split: (f"x_{split}", f"y_{split}" if f"y_{split}" in members else None) for split in splits}


def _read_label_names(
    archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], path: Path
) -> tuple[str, ...] | None:
    if "label_names" not in members:
        return None
    names = _read_member(archive, members["label_names"], path)
    if names.dtype.kind != "U" or names.ndim != 1:
        raise InputError(f"{path}[label_names]: expected a list of strings, found {names.dtype} of shape {names.shape}")
    return tuple(names.tolist())


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path) -> np.ndarray:
    source = f"{path}[{info.filename.removesuffix('.npy')}]"
    if info.compress_size > path.stat().st_size or info.file_size > MAX_DEFLATE_RATIO * info.compress_size:
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
    try:
        version = npy_format.read_magic(stream)
        readers = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}
        # Version 3 differs only in that names of structured types may be in any script; we use no such types.
        shape, _, dtype = readers[version](stream)
    except (OSError, zipfile.BadZipFile, zlib.error, lzma.LZMAError):  # not the header, but the file around it
        raise
    # ValueError and EOFError as a rule; but a damaged header is parsed as Python, which fails in many ways.
    except Exception as error:
        raise InputError(f"{source} is no .npy array ({one_line(error)}): save it again with numpy.save") from error
    if dtype.hasobject:
        raise InputError(f"{source} holds Python objects, which may run code when loaded: save a plain uint8 array")
    expected = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or expected != n_bytes - stream.tell():
        raise InputError(
            f"{source}: its header promises {expected} bytes for shape {shape}, found {n_bytes - stream.tell()}: "
            "it is cut short or damaged; save or fetch it again"
        )
