"""Grey of 10, 12, 14 or 16 bits to bytes, where a file does not say which number is white."""

import warnings

import numpy as np
from jaxtyping import UInt8, UInt16

DEPTHS = (8, 10, 12, 14, 16)  # bits that cameras, scanners and microscopes give
LARGEST = (1 << 16) - 1


def white_above(largest: int) -> int:
    """The white of the smallest usual depth that holds the largest value of a set: 255 to 65535.

    Not the largest value itself: so the pictures of another day, a little darker, come out on the
    same scale.
    """
    return next((1 << bits) - 1 for bits in DEPTHS if largest < 1 << bits)


def to_bytes(values: UInt16[np.ndarray, "..."], white: int) -> UInt8[np.ndarray, "..."]:
    """round(255 v / white), ties to even; what lies above white becomes white."""
    return np.rint(np.minimum(values, white) * (255 / white)).astype(np.uint8)


def tell_white(source: str, largest: int, white: int) -> None:
    """Warn that a white was taken which no file declares, where it is not that of 16 bits."""
    if white < LARGEST:
        warnings.warn(
            f"{source}: 16-bit numbers up to {largest} only, and nothing that says which is "
            f"white: taken as {white.bit_length()} bits, {white} is white; if that is wrong, save "
            "them as 8 bits",
            stacklevel=2,
        )
