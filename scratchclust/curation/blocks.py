"""Pictures through a compiled function, a block a device at a time: they may be memory-mapped."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Shaped, UInt8

from scratchclust import rows

PIXELS_PER_CALL = 2**24  # of all channels


def in_blocks(
    f: Callable[..., Any], images: UInt8[np.ndarray, "n h w c"], *shared: Any
) -> Shaped[np.ndarray, "n k"]:
    """Apply f to all pictures, so many at a time that memory stays small.

    Args:
        f: a compiled function of `rows.Rows` of pictures, and of `shared`: [n_blocks block k].
        images: at least one, in memory or memory-mapped.
        shared: further arguments.
    """
    pixels = int(np.prod(images.shape[1:]))
    block = rows.block_size(len(images), pixels)
    unit = block * rows.mesh().size
    per_call = min(rows.ceil_div(len(images), unit), max(PIXELS_PER_CALL // (pixels * unit), 1))
    per_call *= unit
    found = []
    for begin in range(0, len(images), per_call):
        part = images[begin : begin + per_call]
        filled = np.zeros((per_call, *images.shape[1:]), np.uint8)  # one shape for all calls
        filled[: len(part)] = part
        data = rows.Rows((rows.split(filled, block=block, dtype=np.uint8),), rows.mesh())
        results = np.asarray(rows.finished(f(data, *shared)))
        found.append(results.reshape(per_call, -1)[: len(part)])
    return np.concatenate(found)
