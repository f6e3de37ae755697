"""Gradient features of an image: it is set upright, then its edges are counted by place and
direction.

Straightening. With the pixels as masses, (r, c) is the centre of an image, v_rr the variance of its
mass over the rows and v_rc the covariance of rows and columns. Rows are moved against each other by
the slope s = v_rc / v_rr, so that the long axis stands upright, and the centre of mass comes to the
centre of the picture (r0, c0):

    y[i, j] = x(r + i - r0, c + s (i - r0) + j - c0)

where x is bilinear between pixels and 0 outside of the picture.

Histogram of oriented gradients. With

    g_x[i, j] = x[i, j + 1] - x[i, j - 1]
    g_y[i, j] = x[i + 1, j] - x[i - 1, j]                   both 0 at the border

size m = |g| and direction a = angle(g) B / 2 pi in [0, B), each pixel gives its size to the two
nearest of B directions,

    p_b[i, j] = m[i, j] max(0, 1 - |a[i, j] - b|)           round a circle of length B

The planes p_b are smoothed by a Gaussian, read off in the middle of each cell of a grid, and their
square roots, scaled to length 1, are the features.

The fast twin of this file is `scratchclust/features/gradients.py`.

Sources: Dalal and Triggs, Histograms of oriented gradients for human detection, 2005 (without their
blocks); the slope: LeCun et al., Gradient-based learning applied to document recognition, 1998
("deslanted").
"""

import numpy as np
from jaxtyping import Float

from scratchclust.constants import EMPTY_IMAGE


def straighten(images: Float[np.ndarray, "n h w"]) -> Float[np.ndarray, "n h w"]:
    """Set each image's long axis upright and its mass in the middle.

    Args:
        images: 0 is empty.
    """
    return np.array([_straighten(image) for image in images]).reshape(images.shape)


def oriented_gradients(
    images: Float[np.ndarray, "n h w"],
    *,
    n_orientations: int = 8,
    cell_size: int = 3,
    sigma: float = 1.5,
) -> Float[np.ndarray, "n d"]:
    """Count the oriented gradients of each image into a histogram, scaled to length 1.

    Args:
        images: any scale: a factor changes nothing.
        n_orientations: B.
        cell_size: of the grid, in pixels.
        sigma: of the Gaussian, in pixels; 0 smooths nothing.

    Returns:
        d = B ceil((h - c // 2) / c) ceil((w - c // 2) / c) features with c = cell_size, ordered by
        direction, row, column; 648 for 28x28.
    """
    n, h, w = images.shape
    over_rows = smoothing(h, cell_size, sigma)
    over_columns = smoothing(w, cell_size, sigma)
    gx = np.zeros_like(images)
    gy = np.zeros_like(images)
    gx[:, :, 1:-1] = images[:, :, 2:] - images[:, :, :-2]
    gy[:, 1:-1] = images[:, 2:] - images[:, :-2]
    size = np.hypot(gx, gy)
    angle = np.arctan2(gy, gx) / (2 * np.pi) * n_orientations
    planes = []
    for b in range(n_orientations):
        apart = np.abs((angle - b + n_orientations / 2) % n_orientations - n_orientations / 2)
        planes.append(over_rows @ (size * np.maximum(0, 1 - apart)) @ over_columns.T)
    features = np.sqrt(np.stack(planes, axis=1).reshape(n, -1))
    return features / (np.linalg.norm(features, axis=1, keepdims=True) + EMPTY_IMAGE)


def smoothing(n_pixels: int, cell_size: int, sigma: float) -> Float[np.ndarray, "cells n_pixels"]:
    """Weight the pixels by a Gaussian around each cell's middle: smoothed = weights @ pixels.

        weights[k, j] = sum over t of exp(-t^2 / 2 sigma^2) / Z

    over the offsets |t| <= 4 sigma from the middle of cell k to pixel j; beyond its ends the line
    of pixels is repeated as in a mirror.
    """
    middles = np.arange(cell_size // 2, n_pixels, cell_size)
    radius = int(4 * sigma + 0.5)
    offsets = np.arange(-radius, radius + 1)
    bell = np.exp(-(offsets**2) / (2 * sigma**2)) if sigma > 0 else np.ones(1)
    reached = (middles[:, None] + offsets) % (2 * n_pixels)
    mirrored = np.where(reached < n_pixels, reached, 2 * n_pixels - 1 - reached)
    weights = np.zeros((len(middles), n_pixels))
    np.add.at(weights, (np.arange(len(middles))[:, None], mirrored), bell / bell.sum())
    return weights


def _straighten(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    h, w = image.shape
    rows, columns = np.mgrid[:h, :w]
    mass = image.sum() + EMPTY_IMAGE
    r = (rows * image).sum() / mass
    c = (columns * image).sum() / mass
    v_rr = ((rows - r) ** 2 * image).sum() / mass
    v_rc = ((rows - r) * (columns - c) * image).sum() / mass
    up = rows - (h - 1) / 2
    slope = v_rc / (v_rr + EMPTY_IMAGE)
    return _bilinear(image, r + up, c + slope * up + columns - (w - 1) / 2)


def _bilinear(
    image: Float[np.ndarray, "h w"], r: np.ndarray, c: np.ndarray
) -> Float[np.ndarray, "h w"]:
    """image(r, c) between the pixels; 0 outside."""
    h, w = image.shape
    padded = np.pad(image, 1)  # the last pixel fades to 0 over one more
    r = np.clip(r + 1, 0, h + 1)
    c = np.clip(c + 1, 0, w + 1)
    i = np.minimum(r.astype(int), h)
    j = np.minimum(c.astype(int), w)
    a = r - i
    b = c - j
    upper = (1 - b) * padded[i, j] + b * padded[i, j + 1]
    lower = (1 - b) * padded[i + 1, j] + b * padded[i + 1, j + 1]
    return (1 - a) * upper + a * lower
