"""Gradient features, fast: the twin of `scratchclust/reference/gradients.py`, where the mathematics
is explained.

The same functions by blocks of images on all devices. Moving a picture by fractions of a pixel is
done for the rows, then for the columns; smoothing and reading off the grid are two small products
for each plane.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.compiling import TPU_OPTIONS
from scratchclust.constants import EMPTY_IMAGE
from scratchclust.rows import AnyArray

PLANES = 8  # numbers that the widest intermediate has for each pixel


def straighten(images: Float[AnyArray, "n h w"]) -> Float[AnyArray, "n h w"]:
    """Set each image's long axis upright and its mass in the middle.

    Args:
        images: 0 is empty.
    """
    return rows.join(_straighten_blocks(_in_blocks(images)), len(images))


def oriented_gradients(
    images: Float[AnyArray, "n h w"],
    *,
    n_orientations: int = 8,
    cell_size: int = 3,
    sigma: float = 1.5,
) -> Float[AnyArray, "n d"]:
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
    _, h, w = images.shape
    over_rows = smoothing(h, cell_size, sigma)
    over_columns = smoothing(w, cell_size, sigma)
    data = _in_blocks(images)
    dtype = data.arrays[0].dtype
    histogram_blocks = _histogram_blocks_on_tpu if rows.platform() == "tpu" else _histogram_blocks
    found = histogram_blocks(
        data, jnp.asarray(over_rows, dtype), jnp.asarray(over_columns, dtype), n_orientations
    )
    return rows.join(found, len(images))


def smoothing(n_pixels: int, cell_size: int, sigma: float) -> Float[np.ndarray, "cells n_pixels"]:
    """Weight the pixels by a Gaussian around each cell's middle: smoothed = weights @ pixels.

    At most 4 sigma wide to either side; beyond its ends the line of pixels is repeated as in a
    mirror.
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


def _in_blocks(images: AnyArray) -> rows.Rows:
    block = rows.block_size(len(images), PLANES * math.prod(images.shape[1:]))
    return rows.Rows((rows.split(images, block=block),), rows.mesh())


@jax.jit
def _straighten_blocks(data: rows.Rows) -> Array:
    return rows.map_sum(lambda images: (None, _straighten(images)), data)[1]


def _histograms_of_blocks(
    data: rows.Rows, over_rows: Array, over_columns: Array, n_orientations: int
) -> Array:
    def block(images: Array, over_rows: Array, over_columns: Array) -> tuple[None, Array]:
        return None, _histograms(images, over_rows, over_columns, n_orientations)

    return rows.map_sum(block, data, over_rows, over_columns)[1]


_compiled = partial(jax.jit, _histograms_of_blocks, static_argnames="n_orientations")
_histogram_blocks = _compiled()
_histogram_blocks_on_tpu = _compiled(compiler_options=TPU_OPTIONS)


def _straighten(images: Float[Array, "b h w"]) -> Float[Array, "b h w"]:
    _, h, w = images.shape
    y = jnp.arange(h, dtype=images.dtype)[None, :]
    x = jnp.arange(w, dtype=images.dtype)[None, :]
    by_row = images.sum(axis=2)
    by_column = images.sum(axis=1)
    mass = by_row.sum(axis=1) + EMPTY_IMAGE
    r = (y * by_row).sum(axis=1) / mass
    c = (x * by_column).sum(axis=1) / mass
    v_rr = (jnp.square(y - r[:, None]) * by_row).sum(axis=1) / mass
    # [b h] of each row, its mass times its distance to c
    across = ((x - c[:, None])[:, None, :] * images).sum(axis=2)
    v_rc = ((y - r[:, None]) * across).sum(axis=1) / mass
    up = y - (h - 1) / 2
    slope = (v_rc / (v_rr + EMPTY_IMAGE))[:, None]
    shift = (c - (w - 1) / 2)[:, None]
    down = jnp.broadcast_to((r - (h - 1) / 2)[:, None], by_column.shape)
    centred = _shift(images.swapaxes(1, 2), down)
    return _shift(centred.swapaxes(1, 2), shift + slope * up)


def _shift(
    lines: Float[Array, "b lines pixels"], by: Float[Array, "b lines"]
) -> Float[Array, "b lines pixels"]:
    """lines[..., j + by] between the pixels, linearly; 0 outside."""
    at = jnp.arange(lines.shape[2], dtype=lines.dtype)[None, None, :] + by[:, :, None]
    return jax.lax.platform_dependent(lines, at, tpu=weighted, default=_fetched)


def weighted(lines: Float[Array, "b l p"], at: Float[Array, "b l p"]) -> Float[Array, "b l p"]:
    """The lines at these places, by the weights max(0, 1 - |at - i|) of their pixels i: for a TPU,
    which fetches one number after the other.
    """
    pixels = jnp.arange(lines.shape[2], dtype=lines.dtype)
    weights = jnp.maximum(0, 1 - jnp.abs(at[..., None] - pixels[None, None, None]))
    return (weights * lines[:, :, None]).sum(axis=3)


def _fetched(lines: Float[Array, "b l p"], at: Float[Array, "b l p"]) -> Float[Array, "b l p"]:
    n_pixels = lines.shape[2]
    at = jnp.clip(at + 1, 0, n_pixels + 1)
    padded = jnp.pad(lines, ((0, 0), (0, 0), (1, 1)))  # the last pixel fades to 0 over one more
    first = jnp.minimum(at.astype(jnp.int32), n_pixels)
    part = at - first
    left = jnp.take_along_axis(padded, first, axis=2)
    right = jnp.take_along_axis(padded, first + 1, axis=2)
    return (1 - part) * left + part * right


def _histograms(
    images: Float[Array, "b h w"],
    over_rows: Float[Array, "p h"],
    over_columns: Float[Array, "q w"],
    n_orientations: int,
) -> Float[Array, "b d"]:
    gx = jnp.pad(images[:, :, 2:] - images[:, :, :-2], ((0, 0), (0, 0), (1, 1)))
    gy = jnp.pad(images[:, 2:] - images[:, :-2], ((0, 0), (1, 1), (0, 0)))
    size = jnp.hypot(gx, gy)
    angle = jnp.arctan2(gy, gx) / (2 * np.pi) * n_orientations
    directions = jnp.arange(n_orientations, dtype=angle.dtype)[None, :, None, None]
    apart = jnp.abs(
        (angle[:, None] - directions + n_orientations / 2) % n_orientations - n_orientations / 2
    )
    planes = size[:, None] * jnp.maximum(0, 1 - apart)
    smooth = jnp.einsum(
        "ph,bohw,qw->bopq", over_rows, planes, over_columns, precision=jax.lax.Precision.HIGHEST
    )
    features = jnp.sqrt(smooth.reshape(len(images), -1))
    return features / (jnp.linalg.norm(features, axis=1, keepdims=True) + EMPTY_IMAGE)
