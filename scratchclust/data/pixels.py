"""Arrays of any usual kind, as images of bytes: which shapes are images, and what numbers mean."""

import numpy as np
from jaxtyping import UInt8

from scratchclust.data.depth import LARGEST, tell_white, to_bytes, white_above
from scratchclust.errors import InputError

SMALLEST_PICTURE = 8  # pixels in height and width: what is smaller is no single colour picture
BLOCK = 256  # images converted at once


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
    array = as_images(array, source, is_many=array.ndim > 0 and n_labels == len(array))
    if array.dtype == np.uint8:
        return array
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind in "iu":
        return _whole_as_pixels(array, source)
    if array.dtype.kind != "f":
        raise InputError(
            f"{source}: expected whole numbers, or floats from 0 to 1, got {array.dtype}: save "
            "pixels"
        )
    # Written so that NaN is refused too.
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise InputError(
            f"{source}: expected floats from 0 to 1, got {array.min():g} to {array.max():g}: "
            f"bring them to that range, {_scaling(array)}"
        )
    pixels = np.empty(array.shape, np.uint8)
    for start in range(0, len(array), BLOCK):
        scaled = array[start : start + BLOCK] * array.dtype.type(255)
        pixels[start : start + BLOCK] = np.rint(scaled, out=scaled)
    return pixels


def as_images(array: np.ndarray, source: str, *, is_many: bool = False) -> np.ndarray:
    """Give the array a shape [n, h, w, 1 or 3]; its numbers are not looked at.

    Raises:
        InputError: another shape, or one that may mean two things and is not known to be of many
            images; with the cure.
    """
    expected = f"{source}: expected images [n, h, w] or [n, h, w, 1 or 3], got shape {array.shape}"
    if array.ndim == 2:
        raise InputError(
            f"{source}: expected images [n, h, w], got rows of shape {array.shape}: reshape "
            "them to [n, h, w]"
        )
    if array.ndim == 3:
        n, height, width = array.shape
        if not is_many and width in (1, 3, 4) and min(n, height) >= SMALLEST_PICTURE:
            raise InputError(
                f"{expected}, which may be one picture of {n}x{height} or {n} grey images of "
                f"{height}x{width}: "
                "save images[None, ..., :3] for the one picture, images[..., None] for the many"
            )
        if not is_many and n == 3 and min(height, width) >= SMALLEST_PICTURE:
            raise InputError(
                f"{expected}, which may be one colour picture of {height}x{width} or three grey "
                "images: "
                "save numpy.moveaxis(images, 0, -1)[None] for the one picture, images[..., None] "
                "for the three"
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
            f"{source}: expected whole numbers from 0 to {LARGEST}, got {smallest} to "
            f"{largest}: {_scaling(array)}"
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
    """The cure for numbers out of range: it neither wraps them nor turns most of them black."""
    smallest = array.min()
    largest = array.max()
    if not (np.isfinite(smallest) and np.isfinite(largest)):
        return "after numpy.nan_to_num"
    return f"as by (images - ({smallest:g})) / {float(largest) - float(smallest):g}"
