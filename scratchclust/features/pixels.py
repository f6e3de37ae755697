"""The simplest features of an image: its pixels."""

from typing import Any

import numpy as np
from jaxtyping import Float32, Num

from scratchclust.data import preprocessing
from scratchclust.errors import InputError

COLORS = ("rgb", "luma", "mean")


def pixels(
    images: Num[np.ndarray, "n h w c"],
    *,
    color: str = "rgb",
    size: int | None = None,
    symmetric: bool = False,
) -> Float32[np.ndarray, "n h2 w2 c2"]:
    """Bring images to float32 in [0, 1], or [-1, 1] if `symmetric`; grey and resized if asked.

    Args:
        images: uint8, or float in [0, 1].
        color: "rgb" keeps the channels, "luma" and "mean" make one of them
            (`scratchclust.data.preprocessing`).
        size: height and width of the result; None keeps those of the images.
        symmetric: whether grey is 0 rather than black.

    Raises:
        InputError: float images outside [0, 1], or neither 1 nor 3 channels where grey is asked
            for.
    """
    images = on_byte_scale(images)
    if color == "luma":
        images = preprocessing.luma_grey(images)
    elif color == "mean":
        images = preprocessing.mean_grey(images)
    if size is not None:
        images = preprocessing.resize(images, size)
    return preprocessing.to_symmetric(images) if symmetric else preprocessing.to_unit(images)


def on_byte_scale(images: Num[np.ndarray, "n h w c"]) -> Any:
    """Give images from 0 to 255: uint8 as it is, float from [0, 1] times 255."""
    if images.dtype == np.uint8:
        return images
    low = float(images.min())
    high = float(images.max())
    if images.dtype.kind != "f" or not (low >= 0 and high <= 1):
        raise InputError(
            f"expected images of uint8, or of float in [0, 1], got {images.dtype} "
            f"from {low:g} to {high:g}: divide by the largest possible value first"
        )
    return images * np.float32(255)
