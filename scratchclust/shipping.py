"""Rows of a NumPy array onto accelerators as they are: centred there, and cut into blocks.

On a CPU `rows.split` does all of that on the host. For an accelerator it would make a second array
there, for images of bytes one of four times the bytes, only to send it through a channel of about
10 GB/s. Here X itself goes, a piece at a time, and is subtracted from on the device: the same
numbers to the bit, since a float32 subtraction rounds alike everywhere.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

# Numbers, 64 MB in float32, below which the host is done before a device has compiled two small
# programs.
LEAST_NUMBERS = 2**24
# Numbers that are sent at a time: what a device needs beside the blocks, at most 256 MB.
NUMBERS_IN_PIECE = 2**26


def is_worth_it(X: np.ndarray, dtype: np.dtype) -> bool:
    """Whether X is large, and float32 holds all of its numbers: float64 is centred on the host,
    where it loses no digit.
    """
    return is_exact(X, dtype) and X.size >= LEAST_NUMBERS


def is_exact(X: np.ndarray, dtype: np.dtype) -> bool:
    """Whether `dtype` is float32, and holds all numbers of X."""
    return np.result_type(X.dtype, np.float32) == np.float32 == dtype


def in_blocks(
    X: np.ndarray,
    offset: np.ndarray | None,
    group: np.ndarray | None,
    *,
    n_blocks: int,
    block: int,
    mesh: Mesh,
) -> jax.Array:
    """X [n ...] less the offset in float32 blocks [n_blocks block ...], filled up with zeros.

    Args:
        X: of a type whose numbers float32 holds.
        offset: [d], or with `group` [k d]; float32, or None.
        group: [n], whose row of the offset each row loses; or None.
        n_blocks: a multiple of the number of devices.
        block: rows in a block.
        mesh: with one axis, over which the blocks are spread; devices of this process.

    Returns:
        The blocks. Memory of a device: its blocks, and a piece of X.
    """
    devices = list(mesh.devices.flat)
    n_rows = n_blocks // len(devices) * block
    parts = []
    for i, device in enumerate(devices):
        span = slice(i * n_rows, (i + 1) * n_rows)
        of_device = _sent(X[span], offset, None if group is None else group[span], n_rows, device)
        parts.append(of_device.reshape(-1, block, *X.shape[1:]))
    shape = n_blocks, block, *X.shape[1:]
    sharding = NamedSharding(mesh, PartitionSpec(*mesh.axis_names))
    return jax.make_array_from_single_device_arrays(shape, sharding, parts)


def _sent(
    X: np.ndarray, offset: Any, group: np.ndarray | None, n_rows: int, device: Any
) -> jax.Array:
    """The rows of one device [n_rows ...], a piece after the other."""
    rows_of_device = jnp.zeros((n_rows, *X.shape[1:]), jnp.float32, device=device)
    offset = None if offset is None else jax.device_put(offset, device)
    step = max(NUMBERS_IN_PIECE // max(X[:1].size, 1), 1)
    for begin in range(0, len(X), step):
        span = slice(begin, begin + step)
        of_piece = None if group is None else jax.device_put(group[span], device)
        piece = jax.device_put(X[span], device)
        rows_of_device = _with_piece(rows_of_device, piece, offset, of_piece, np.int32(begin))
    return rows_of_device


@partial(jax.jit, donate_argnums=0)
def _with_piece(
    rows: jax.Array, piece: jax.Array, offset: Any, group: Any, begin: Any
) -> jax.Array:
    """The rows with those of a piece, centred, from `begin` on."""
    centred = piece.astype(jnp.float32)
    if offset is not None:
        centred = centred - offset[None if group is None else group]
    return jax.lax.dynamic_update_slice_in_dim(rows, centred, begin, axis=0)
