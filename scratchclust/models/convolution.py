"""Convolution of pictures that are smaller than the kernel, which XLA's own is slow at on a CPU."""

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

Pads = Sequence[tuple[int, int]]


def convolve(
    pictures: Float[Array, "n h w c_in"],
    kernel: Float[Array, "k k2 c_in c_out"],
    strides: Sequence[int],
    padding: str | Pads,
    **settings: Any,
) -> Float[Array, "n h2 w2 c_out"]:
    """y[p] = sum_ij x[s p + (i, j) - before] w[i, j]: `lax.conv_general_dilated` to the rounding,
    for `flax.nnx.Conv(..., conv_general_dilated=convolve)` without groups and dilation.

    Where the kernel is larger than the picture XLA exchanges the two and reverses, which the
    library of its CPU backend does not do, so that it writes plain loops (jaxlib 0.10 and 0.12);
    so it does for the gradient where what comes out is smaller. Those of 128 pictures of 2x2 from
    64 to 128 channels took 8 ms forward and as long backward, 16 of the 20 ms of a step of the
    autoencoder on 8x8 pictures. With products of
    patches that step takes a seventh of its processor time.

    Args:
        pictures: channels last.
        kernel: of sides k and k2.
        strides: down, to the right.
        padding: "SAME", "VALID", or (before, after) of height and width.
        settings: as flax gives them.
    """
    sides = kernel.shape[:2]
    size = pictures.shape[1:3]
    pads: Pads = (
        [*lax.padtype_to_pads(size, sides, strides, padding)]
        if isinstance(padding, str)
        else padding
    )
    outputs = _output_size(size, sides, strides, pads)
    if all(length >= side for length, side in zip(outputs, sides, strict=True)):
        return lax.conv_general_dilated(pictures, kernel, strides, padding, **settings)
    cut = patches(pictures, sides, strides, pads)
    rows = kernel.reshape(-1, kernel.shape[-1])
    return jnp.matmul(cut, rows, precision=settings.get("precision"))


def patches(
    pictures: Float[Array, "n h w c"], sides: Sequence[int], strides: Sequence[int], pads: Pads
) -> Float[Array, "n h2 w2 patch"]:
    """Cut out what a kernel sees from each of its places, in the kernel's own order: row, column,
    channel.
    """
    outputs = _output_size(pictures.shape[1:3], sides, strides, pads)
    padded = jnp.pad(pictures, ((0, 0), *pads, (0, 0)))
    down, right = strides
    ends = [step * (length - 1) + 1 for step, length in zip(strides, outputs, strict=True)]
    seen = [
        padded[:, i : i + ends[0] : down, j : j + ends[1] : right]
        for i in range(sides[0])
        for j in range(sides[1])
    ]
    return jnp.concatenate(seen, axis=-1)


def _output_size(
    size: Sequence[int], sides: Sequence[int], strides: Sequence[int], pads: Pads
) -> list[int]:
    """Height and width of what comes out."""
    return [
        (length + sum(pad) - side) // step + 1
        for length, side, step, pad in zip(size, sides, strides, pads, strict=True)
    ]
