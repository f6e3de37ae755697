"""Which fingerprints are within a distance of each other: all pairs, in blocks on all devices.

Blocks of rows meet tiles of all others, one matrix product each; what comes back is a bit a pair,
so that memory is one call's bits, never n x n numbers. Fingerprints are whole numbers whose squares
stay below 2^24, so float32 decides exactly.
"""

from collections.abc import Iterator
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Int16, ScalarLike, UInt8

from scratchclust import rows
from scratchclust.distances import product

TILE = 2048  # fingerprints that a block meets at a time
BITS = 8  # in a byte


class TooManyPairs(Exception):
    """More pairs are within the distance than were to be listed."""


def pairs_within(
    F: Int16[np.ndarray, "n d"], most: float, *, limit: int
) -> Iterator[tuple[int, Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]]:
    """Find the pairs i < j with |F_i - F_j| <= most, those of some rows i at a time, in order.

    Args:
        F: fingerprints.
        most: the largest distance.
        limit: so many pairs are listed at most.

    Yields:
        The number of rows that are done, then i and j of the pairs found among the last of them.

    Raises:
        TooManyPairs: instead of those that would exceed the limit.
    """
    n_found = 0
    for begin, bits in _meet(F, most, above=True):
        n_found += int(np.bitwise_count(bits).sum(dtype=np.int64))
        if n_found > limit:
            raise TooManyPairs
        i, byte = np.nonzero(bits)
        place, bit = np.nonzero(np.unpackbits(bits[i, byte][:, None], axis=1))
        yield begin + len(bits), begin + i[place], byte[place] * BITS + bit


def count_within(F: Int16[np.ndarray, "n d"], most: float) -> Int[np.ndarray, " n"]:
    """Count the fingerprints within a distance of each, itself included."""
    return np.concatenate(
        [np.bitwise_count(bits).sum(axis=1, dtype=np.int64) for _, bits in _meet(F, most)]
    )


def _meet(
    F: Int16[np.ndarray, "n d"], most: float, *, above: bool = False
) -> Iterator[tuple[int, UInt8[np.ndarray, "m bytes"]]]:
    """For rows after rows, the number of the first and a bit for each fingerprint that is near.

    Args:
        F: fingerprints.
        most: the largest distance.
        above: only the later ones get a bit.
    """
    n = len(F)
    tile = min(TILE, rows.ceil_div(n, BITS) * BITS)
    x = np.zeros((rows.ceil_div(n, tile), tile, F.shape[1]), np.float32)
    x.reshape(-1, F.shape[1])[:n] = F
    norms = np.full(x.shape[:2], np.inf, np.float32)
    norms.ravel()[:n] = np.square(F, dtype=np.int32).sum(axis=1)
    block = rows.block_size(n, max(tile, F.shape[1]))
    unit = block * rows.mesh().size
    per_call = min(rows.items_per_call(x.size, block), rows.ceil_div(n, unit) * unit)
    x = rows.on_every_device(x, rows.mesh())
    norms = rows.on_every_device(norms, rows.mesh())
    for begin in range(0, n, per_call):
        asking = np.minimum(np.arange(begin, begin + per_call), n - 1)  # one shape for all calls
        data = rows.Rows(
            (
                rows.split(F[asking], block=block, dtype=np.float32),
                rows.split(asking, block=block, dtype=np.int32),
            ),
            rows.mesh(),
        )
        bits = np.asarray(rows.finished(_near_bits(data, x, norms, float(most) ** 2, above)))
        yield begin, bits.reshape(per_call, -1)[: n - begin]


@partial(jax.jit, static_argnames="above")
def _near_bits(
    data: rows.Rows,
    x: Float[Array, "T tile d"],
    norms: Float[Array, "T tile"],
    most: ScalarLike,
    above: bool,
) -> Array:
    def block(q: Array, own: Array, x: Array, norms: Array) -> tuple[None, Array]:
        tile = x.shape[1]
        of_query = jnp.square(q).sum(axis=1)

        def meet(y: Array, of_y: Array, first: Array) -> Array:
            squares = of_query[:, None] - 2 * product(q, y) + of_y[None, :]
            near = squares <= most
            if above:
                near &= (first + jnp.arange(tile))[None, :] > own[:, None]
            return jnp.packbits(near, axis=1)

        def step(_: None, part: tuple[Array, Array, Array]) -> tuple[None, Array]:
            if not above:
                return None, meet(*part)
            nothing = jnp.zeros((len(q), tile // BITS), jnp.uint8)
            has_later = part[2] + tile > own[0]
            return None, jax.lax.cond(has_later, meet, lambda *_: nothing, *part)

        firsts = jnp.arange(len(x), dtype=jnp.int32) * tile
        bits = jax.lax.scan(step, None, (x, norms, firsts))[1]
        return None, jnp.moveaxis(bits, 0, 1).reshape(len(q), -1)

    return rows.map_sum(block, data, x, norms)[1]
