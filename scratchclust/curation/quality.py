"""Cheap checks of pictures: how blurred and how bright each is, how large, and what stands out.

Blur and brightness are taken at the working size, to which all pictures were brought; width and
height are those of the file. With `sharpness` as `scratchclust/reference/sharpness.py` defines it,

    blur = 1 / (1 + sharpness)        brightness = mean luma

both in [0, 1]. A flag says that a picture is far from what most of the set have, by the modified
z-score of Iglewicz and Hoaglin (How to detect and handle outliers, 1993),

    z = (v - median(v)) / max(1.4826 MAD(v), s)        far: |z| > 3.5

with the median absolute deviation MAD and a least spread s, so that where all are alike only what
is plainly different is far: drawings on black are not all dark, and photographs on white not all
bright.

| flag        | v                           | 3.5 s                     | far                      |
|-------------|-----------------------------|---------------------------|--------------------------|
| is_blurred  | log sharpness               | `LEAST_SHARPNESS_FACTOR`  | below                    |
| is_dark     | log(b / (1 - b))            | `LEAST_BRIGHTNESS_FACTOR` | below, and b < 1/2       |
| is_bright   | the same                    | `LEAST_BRIGHTNESS_FACTOR` | above, and b > 1/2       |
| is_odd_size | log(width height)           | `LEAST_AREA_FACTOR`       | either way               |
|             | log(longer / shorter side)  | `LEAST_SIDES_FACTOR`      | above                    |

A picture as tall as others are wide has the same proportions. Fewer than `FEW` pictures tell
nothing of what most have: none is flagged.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float32, Int32, Integer, UInt8

from scratchclust.curation.sharpness import measure

FAR = 3.5  # modified z-scores
NORMAL = 1.4826  # times the MAD of a normal distribution is its standard deviation
FEW = 5  # pictures
# What is not farther from the median than by this factor is not far, however alike the others are.
LEAST_SHARPNESS_FACTOR = 4.0
LEAST_BRIGHTNESS_FACTOR = 8.0  # of b / (1 - b)
LEAST_AREA_FACTOR = 4.0
LEAST_SIDES_FACTOR = 2.0
TINY = 1e-3  # is added to sharpness, and to b and 1 - b: logarithms of nothing


class Quality(NamedTuple):
    """What cheap checks tell of each picture."""

    blur: Float32[np.ndarray, " n"]  # from 0, all edges, to 1, none
    brightness: Float32[np.ndarray, " n"]  # from 0, black, to 1, white
    width: Int32[np.ndarray, " n"]  # of the original, in pixels
    height: Int32[np.ndarray, " n"]
    is_blurred: Bool[np.ndarray, " n"]
    is_dark: Bool[np.ndarray, " n"]
    is_bright: Bool[np.ndarray, " n"]
    is_odd_size: Bool[np.ndarray, " n"]


def quality(
    images: UInt8[np.ndarray, "n h w c"],
    original_sizes: Integer[np.ndarray, "n 2"] | None = None,
) -> Quality:
    """Check every picture.

    Args:
        images: at their working size, of 1 or 3 channels; in memory or memory-mapped.
        original_sizes: height and width of each as it is in its file; None: these images are the
            originals.

    Returns:
        The numbers, and the flags by the rules of this file. Cost O(n h w c) time; memory for one
        block of pictures.
    """
    if original_sizes is None:
        original_sizes = np.full((len(images), 2), images.shape[1:3], np.int32)
    height, width = np.asarray(original_sizes).astype(np.int32).T
    measured = measure(images)
    brightness = measured.brightness
    light = np.log((brightness + TINY) / (1 - brightness + TINY))
    from_usual = distance_from_usual(light, LEAST_BRIGHTNESS_FACTOR)
    return Quality(
        blur=1 / (1 + measured.sharpness),
        brightness=brightness,
        width=width,
        height=height,
        is_blurred=distance_from_usual(np.log(measured.sharpness + TINY), LEAST_SHARPNESS_FACTOR)
        < -FAR,
        is_dark=(from_usual < -FAR) & (brightness < 0.5),
        is_bright=(from_usual > FAR) & (brightness > 0.5),
        is_odd_size=_is_odd(height.astype(np.float64), width.astype(np.float64)),
    )


def distance_from_usual(
    values: Float[np.ndarray, " n"], least_factor: float
) -> Float[np.ndarray, " n"]:
    """Give modified z-scores of logarithms; 0 for all where there are too few.

    Args:
        values: logarithms.
        least_factor: what is within this factor of the median is not far.
    """
    if len(values) < FEW:
        return np.zeros(len(values))
    off = values.astype(np.float64) - np.median(values)
    spread = max(NORMAL * float(np.median(np.abs(off))), np.log(least_factor) / FAR)
    return off / spread


def _is_odd(
    height: Float[np.ndarray, " n"], width: Float[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    area = distance_from_usual(np.log(height * width), LEAST_AREA_FACTOR)
    longer = np.maximum(height, width) / np.minimum(height, width)
    return (np.abs(area) > FAR) | (distance_from_usual(np.log(longer), LEAST_SIDES_FACTOR) > FAR)
