"""How sharp pictures are, and how bright, in blocks on all devices: the twin of
`scratchclust/reference/sharpness.py`.

    sharpness = var(L) / max(var(y), v_0^2)        brightness = mean(y)

The pictures stay uint8 but for one block a device (`blocks.py`), so that a memory-mapped set of any
size passes through.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Float32, UInt8

from scratchclust import rows
from scratchclust.constants import LEAST_CONTRAST, LUMA
from scratchclust.curation.blocks import in_blocks


class Measured(NamedTuple):
    """Two numbers of each picture."""

    sharpness: Float32[np.ndarray, " n"]
    brightness: Float32[np.ndarray, " n"]  # mean luma, from 0, black, to 1, white


def sharpness(images: UInt8[np.ndarray, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Give var(L) / max(var(y), v_0^2) of each picture, of 1 or 3 channels."""
    return measure(images).sharpness


def measure(images: UInt8[np.ndarray, "n h w c"]) -> Measured:
    """Measure sharpness and brightness in one pass over the pixels.

    Args:
        images: at least one, of 1 or 3 channels, in memory or memory-mapped.

    Returns:
        Cost O(n h w c) time, one block of pictures as floats in memory.
    """
    both = in_blocks(_measure, images)
    return Measured(both[:, 0].copy(), np.clip(both[:, 1], 0, 1))


@jax.jit
def _measure(data: rows.Rows) -> Array:
    def block(images: Array) -> tuple[None, Array]:
        y = luma(images)
        spread = jnp.maximum(y.var(axis=(1, 2)), LEAST_CONTRAST**2)
        of_edges = laplacian(y).var(axis=(1, 2))
        return None, jnp.stack([of_edges / spread, y.mean(axis=(1, 2))], axis=1)

    return rows.map_sum(block, data)[1]


def luma(images: UInt8[Array, "n h w c"]) -> Float[Array, "n h w"]:
    """Grey as bright as the eye sees it, in [0, 1]: y = 0.299 r + 0.587 g + 0.114 b."""
    unit = images.astype(jnp.float32) / 255
    if images.shape[3] == 1:
        return unit[..., 0]
    red, green, blue = LUMA
    return red * unit[..., 0] + green * unit[..., 1] + blue * unit[..., 2]


def laplacian(y: Float[Array, "n h w"]) -> Float[Array, "n h w"]:
    """Sum the differences of each pixel's four neighbours to it."""
    p = jnp.pad(y, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
    return p[:, :-2, 1:-1] + p[:, 2:, 1:-1] + p[:, 1:-1, :-2] + p[:, 1:-1, 2:] - 4 * y
