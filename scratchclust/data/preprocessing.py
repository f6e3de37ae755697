"""Preprocessing as plain functions: images in, float32 out.

Images are [n, h, w, c] with pixel values from 0 (black) to 255 (white), as uint8 or as floats on
that same scale; the grey functions and `resize` keep the scale, `to_unit` and `to_symmetric` change
it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Num

from scratchclust.data.dataset import check_size
from scratchclust.errors import InputError

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # red, green, blue: ITU-R BT.601


class Standardised(NamedTuple):
    """What `standardise` returns; `mean` and `scale` bring new rows to the same scale."""

    X: Float32[np.ndarray, "n d"]
    mean: Float[np.ndarray, " d"]
    scale: Float[np.ndarray, " d"]


def luma_grey(images: Num[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n h w 1"]:
    """Grey as bright as the eye sees it: y = 0.299 r + 0.587 g + 0.114 b (ITU-R BT.601).

    Grey images (c = 1) pass through.

    Raises:
        InputError: neither one nor three channels.
    """
    if _n_channels(images) == 1:
        return images.astype(np.float32)
    return (images.astype(np.float32) @ LUMA_WEIGHTS)[..., None]


def mean_grey(images: Num[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n h w 1"]:
    """Grey as the mean of the channels: y = (r + g + b) / 3.

    Grey images (c = 1) pass through.

    Raises:
        InputError: neither one nor three channels.
    """
    _n_channels(images)
    return images.mean(axis=3, dtype=np.float32, keepdims=True)


def flatten(images: Num[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n d"]:
    """One row for each image: X[i, (y w + x) c + k] = images[i, y, x, k], so d = h w c."""
    return images.reshape(len(images), -1).astype(np.float32)


def to_unit(images: Num[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n h w c"]:
    """From [0, 255] to [0, 1]: x / 255."""
    return images.astype(np.float32) / np.float32(255)


def to_symmetric(images: Num[np.ndarray, "n h w c"]) -> Float32[np.ndarray, "n h w c"]:
    """From [0, 255] to [-1, 1]: 2 x / 255 - 1."""
    return images.astype(np.float32) * np.float32(2 / 255) - np.float32(1)


def standardise(
    X: Num[np.ndarray, "n d"],
    mean: Float[np.ndarray, " d"] | None = None,
    scale: Float[np.ndarray, " d"] | None = None,
) -> Standardised:
    """Each feature to mean 0 and standard deviation 1: (x - mean) / scale.

    mean_j = (1/n) sum_i x_ij and scale_j = sqrt((1/n) sum_i (x_ij - mean_j)^2), in float64. A
    constant feature has scale 1, so that it becomes 0 and not 0/0.

    Args:
        X: [n, d].
        mean, scale: [d], from an earlier call, to bring new rows to the same scale; both or
            neither.

    Raises:
        InputError: only one of the two was given, or X has no rows to learn them from.
    """
    if (mean is None) != (scale is None):
        raise InputError(
            "standardise needs mean and scale together, got only one: pass both of an earlier call"
        )
    if mean is None or scale is None:
        mean, scale = _mean_and_scale(X)
    standard = X - mean  # in float64
    standard /= scale
    return Standardised(standard.astype(np.float32), mean, scale)


def resize(
    images: Num[np.ndarray, "n h w c"], size: int | tuple[int, int]
) -> Float32[np.ndarray, "n height width c"]:
    """Resample to another height and width: bilinear, antialiased when it shrinks.

    Rows and columns are resampled one after the other, by one matrix each: out = R_h image R_w^T;
    see `resampling_matrix`. The whole image is used; the proportions change if those of `size`
    differ.

    Args:
        images: [n, h, w, c].
        size: the height and width in pixels; one number makes a square.

    Raises:
        InputError: the size is not one or two whole numbers of at least 1.
    """
    height, width = check_size(size) or images.shape[1:3]
    rows = resampling_matrix(images.shape[1], height)
    columns = resampling_matrix(images.shape[2], width)
    # Two products in this order; one einsum over both matrices would cost h w times as much.
    half = np.einsum("Hh,nhwc->nHwc", rows, images.astype(np.float32), optimize=True)
    return np.einsum("Ww,nHwc->nHWc", columns, half, optimize=True).astype(np.float32)


def resampling_matrix(n: int, size: int) -> Float32[np.ndarray, "size n_old"]:
    """Weights R of n old pixels in `size` new ones, along one axis; each row sums to 1.

    A new pixel i has its centre at u_i = (i + 1/2) n / size - 1/2 on the old axis. It sees the old
    pixels under a triangle of half width s = max(1, n / size), which is linear interpolation when
    growing and a weighted mean over the covered pixels when shrinking:

        R_ij = max(0, 1 - |j - u_i| / s) / sum_k max(0, 1 - |k - u_i| / s)
    """
    centres = (np.arange(size) + 0.5) * n / size - 0.5
    half_width = max(1.0, n / size)
    triangle = np.maximum(0, 1 - np.abs(np.arange(n) - centres[:, None]) / half_width)
    return (triangle / triangle.sum(axis=1, keepdims=True)).astype(np.float32)


def _mean_and_scale(X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if not len(X):
        raise InputError(
            "standardise found no rows to learn the mean and scale from: give at least one"
        )
    mean = X.mean(axis=0, dtype=np.float64)
    scale = np.sqrt(np.square(X - mean).mean(axis=0))
    # Not `scale == 0`: the mean of equal values may differ from them in its last bit.
    return mean, np.where(np.ptp(X, axis=0) == 0, 1.0, scale)


def _n_channels(images: np.ndarray) -> int:
    """1 or 3, or a refusal."""
    n_channels = images.shape[3]
    if n_channels not in (1, 3):
        raise InputError(
            f"expected images with 1 or 3 channels, got {n_channels} in shape {images.shape}: "
            "give RGB"
        )
    return n_channels
