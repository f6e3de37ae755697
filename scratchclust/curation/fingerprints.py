"""Near-duplicates among pictures, on all devices: the twin of
`scratchclust/reference/fingerprints.py`, where fingerprints and nearness are defined.

All pairs meet (`meetings.py`), and those within `LOOKED_AT` are looked at more closely.

`NEAR_PICTURES` is as large as it can be without taking two digits of MNIST for one, which are more
alike than photographs ever are: at 0.08 there is no pair among 5,000 test digits and 11 among
20,000 (thin strokes of one slant), at 0.1 there are 2 and 76; among 5,000 photographs of CIFAR-10
none at 0.08, and up to 0.15 three, of which one was looked at and is a copy in other colours. What
share of changed copies is found, of those, and of 400 parts of two large photographs that were
changed at 120 to 400 pixels a side and then brought to 64x64:

| copy                    | digits, 28x28 | CIFAR-10, 32x32 | large   |
|-------------------------|---------------|-----------------|---------|
| JPEG of quality 75      | 1.000         | 1.000           | 1.000   |
| JPEG of quality 50      | 0.999         | 0.959           | 0.995   |
| JPEG of quality 30      | 0.975         | 0.858           | 0.992   |
| half the size           | 0.000         | 0.372           | 1.000   |
| brighter by 15 of 255   | 1.000         | 0.998           | 0.990   |
| 15% brighter, cut off   | 1.000         | 0.882           | 0.858   |
| 15% darker              | 1.000         | 1.000           | 1.000   |
| 1% off each side        | 1.000         | 0.993           | 0.988   |
| 2% off two sides        | 0.780         | 0.746           | 0.822   |
| 2% off each side        | 0.900         | 0.642           | 0.655   |
| 5% off two sides        | 0.000         | 0.029           | 0.118   |

Without warps, at the same bound, it is 0.027 of CIFAR-10's for 2% off two sides, and 0.005 for half
the size.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int16, UInt8

from scratchclust import rows
from scratchclust.constants import (
    COLOUR_WEIGHT,
    FINGERPRINT_SIDE,
    FINGERPRINT_UNIT,
    LEAST_CONTRAST,
    LOOKED_AT,
    MOST_SHARPENED,
    MOST_SHIFT,
    NEAR_PICTURES,
)
from scratchclust.curation.blocks import in_blocks
from scratchclust.curation.meetings import pairs_within
from scratchclust.curation.sharpness import laplacian, luma
from scratchclust.data.preprocessing import resampling_matrix
from scratchclust.distances import PRECISION

N_PIXELS = FINGERPRINT_SIDE**2
BOUNDS = (MOST_SHIFT, MOST_SHIFT, MOST_SHIFT, MOST_SHARPENED)
RIDGE = 1e-6  # keeps tangents of a flat pattern solvable
PAIRS_PER_CALL = 2**12


def fingerprints(images: UInt8[np.ndarray, "n h w c"]) -> Int16[np.ndarray, "n d"]:
    """Give the fingerprint of each picture, 256 + c whole numbers.

    Args:
        images: at least one, of c = 1 or 3 channels, in memory or memory-mapped.
    """
    shrink = [resampling_matrix(side, FINGERPRINT_SIDE) for side in images.shape[1:3]]
    return np.rint(FINGERPRINT_UNIT * in_blocks(_fingerprints, images, *shrink)).astype(np.int16)


@jax.jit
def _fingerprints(data: rows.Rows, over_rows: Array, over_columns: Array) -> Array:
    def block(images: Array, over_rows: Array, over_columns: Array) -> tuple[None, Array]:
        s = jnp.einsum("Hh,nhw->nHw", over_rows, luma(images), precision=PRECISION)
        s = jnp.einsum("Ww,nHw->nHW", over_columns, s, precision=PRECISION)
        pattern = (s - s.mean(axis=(1, 2), keepdims=True)).reshape(len(s), N_PIXELS)
        length = jnp.linalg.norm(pattern, axis=1, keepdims=True)
        pattern = pattern / jnp.maximum(length, FINGERPRINT_SIDE * LEAST_CONTRAST)
        colour = images.astype(jnp.float32).mean(axis=(1, 2)) / 255 - 0.5
        colour = COLOUR_WEIGHT * colour / np.sqrt(images.shape[3])
        return None, jnp.concatenate([pattern, colour], axis=1)

    return rows.map_sum(block, data, over_rows, over_columns)[1]


def warped_distances(
    x: Int16[np.ndarray, "pairs d"], y: Int16[np.ndarray, "pairs d"]
) -> Float[np.ndarray, " pairs"]:
    """Give the distance of each two fingerprints that no slight warp explains."""
    found = [np.empty(0, np.float32)]
    for begin in range(0, len(x), PAIRS_PER_CALL):
        part = slice(begin, begin + PAIRS_PER_CALL)
        filling = [(0, PAIRS_PER_CALL - len(x[part])), (0, 0)]  # one shape for all calls
        distances = _warped(np.pad(x[part], filling), np.pad(y[part], filling))
        found.append(np.asarray(distances)[: len(x[part])])
    return np.concatenate(found)


@jax.jit
def _warped(x: Array, y: Array) -> Array:
    x = x.astype(jnp.float32) / FINGERPRINT_UNIT
    y = y.astype(jnp.float32) / FINGERPRINT_UNIT
    middle = ((x + y) / 2)[:, :N_PIXELS].reshape(-1, FINGERPRINT_SIDE, FINGERPRINT_SIDE)
    difference = x - y
    t = _tangents(middle)
    products = jnp.einsum("nap,nbp->nab", t, t, precision=PRECISION)
    products += RIDGE * jnp.eye(len(BOUNDS))[None]
    sides = jnp.einsum("nap,np->na", t, difference[:, :N_PIXELS], precision=PRECISION)
    a = jnp.linalg.solve(products, sides[..., None])[..., 0]
    bounds = jnp.array(BOUNDS)[None]
    explained = jnp.einsum("na,nap->np", jnp.clip(a, -bounds, bounds), t, precision=PRECISION)
    return jnp.linalg.norm(difference.at[:, :N_PIXELS].add(-explained), axis=1)


def _tangents(p: Float[Array, "n side side"]) -> Float[Array, "n 4 pixels"]:
    """Give the directions in which shifts, a scale and the sharpness move a pattern."""
    down, right = jnp.gradient(p, axis=(1, 2))
    r = (2 * jnp.arange(FINGERPRINT_SIDE) - FINGERPRINT_SIDE + 1) / FINGERPRINT_SIDE
    scale = down * r[None, :, None] + right * r[None, None, :]
    t = jnp.stack([down, right, scale, laplacian(p)], axis=1).reshape(len(p), 4, -1)
    return t - t.mean(axis=2, keepdims=True)


def near_pairs(F: Int16[np.ndarray, "n d"]) -> Int[np.ndarray, "pairs 2"]:
    """Find the pairs i < j of near-duplicates, in order.

    Args:
        F: fingerprints.

    Returns:
        Cost O(n^2 d) time; O(n d) memory, and what is found.
    """
    found = [np.empty((0, 2), np.int64)]
    found += [near for _, near in meet_all(F, limit=len(F) ** 2)]
    return np.concatenate(found)


def meet_all(
    F: Int16[np.ndarray, "n d"], *, limit: int, closely: bool = True
) -> Iterator[tuple[int, Int[np.ndarray, "pairs 2"]]]:
    """Find `near_pairs`, those of some rows at a time.

    Args:
        F: fingerprints.
        limit: so many pairs are looked at, at most.
        closely: whether pairs up to `LOOKED_AT` apart are looked at; without, `NEAR_PICTURES`
            alone decides, and no warp is allowed for.

    Yields:
        How many rows have met all others, and the pairs found among the last of them.

    Raises:
        TooManyPairs: more than the limit would have to be looked at.
    """
    most = LOOKED_AT if closely else NEAR_PICTURES
    for done, i, j in pairs_within(F, most * FINGERPRINT_UNIT, limit=limit):
        near = np.ones(len(i), bool)
        if closely:
            near = _squares(F, i, j) <= (NEAR_PICTURES * FINGERPRINT_UNIT) ** 2
            unsure = np.flatnonzero(~near)
            near[unsure] = warped_distances(F[i[unsure]], F[j[unsure]]) <= NEAR_PICTURES
        yield done, np.stack([i[near], j[near]], axis=1)


def _squares(
    F: Int16[np.ndarray, "n d"], i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Int[np.ndarray, " pairs"]:
    """|F_i - F_j|^2 of pairs."""
    squares = np.empty(len(i), np.int64)
    for begin in range(0, len(i), PAIRS_PER_CALL):
        part = slice(begin, begin + PAIRS_PER_CALL)
        difference = F[i[part]].astype(np.int32) - F[j[part]]
        squares[part] = np.square(difference, out=difference).sum(axis=1)
    return squares
