"""The grid of t-SNE for a TPU: spreading, Fourier transforms and reading as matrix products.

A TPU scatters and gathers one number after the other, and its compiler takes minutes for the FFT of
such a grid; products are what it is made for. With the splines of all points at all nodes of a
side, A [n G] and B [n G], four of which are not zero in each row,

    spread        charges = A^T B
    read          f_i = sum_ab A_ia F_ab B_ib, the row sums of (A F) * B
    transform     W c W^T, with W_ab = exp(-2 pi i a b / 2G), where half of the grid is empty

The products cost 6 n G^2 + 30 G^3 multiplications: of 70,000 points and 768 nodes a side some
milliseconds. The numbers are those of `fft.py` up to rounding.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from scratchclust.distances import PRECISION

POINTS = 4096  # whose splines are there at a time


def spread(at: Float[Array, "n 2"], size: int) -> Float[Array, "G G"]:
    """The charges of the nodes.

    Args:
        at: the points, in units of nodes from the first one.
        size: G.
    """

    def add(charges: Array, at: Array) -> tuple[Array, None]:
        a, b = (_splines(column, size) for column in at.T)
        return charges + _times(a.T, b), None

    return jax.lax.scan(add, jnp.zeros((size, size), at.dtype), _in_blocks(at))[0]


def read(at: Float[Array, "n 2"], fields: Float[Array, "m G G"]) -> Float[Array, "n m"]:
    """The values of fields at the points."""

    def block(at: Array) -> Array:
        a, b = (_splines(column, fields.shape[1]) for column in at.T)
        return jnp.stack([(_times(a, f) * b).sum(axis=1) for f in fields], axis=1)

    return jax.lax.map(block, _in_blocks(at)).reshape(-1, len(fields))[: len(at)]


def rfft2(x: Float[Array, "a b"], n: int) -> Complex[Array, "n _"]:
    """As `jnp.fft.rfft2(x, (n, n))`, n even, of x with n rows and columns or fewer."""
    rows_of, columns_of = _waves(n, len(x), n), _waves(x.shape[1], n, n)[:, : n // 2 + 1]
    half = [_times(x, part) for part in (columns_of.real, columns_of.imag)]
    return _complex(rows_of, half)


def irfft2(spectrum: Complex[Array, "n h"], size: int) -> Float[Array, "size size"]:
    """The first rows and columns of `jnp.fft.irfft2(spectrum)`."""
    n = len(spectrum)
    back = jnp.conj(_waves(size, n, n))
    found = _complex(back, [spectrum.real, spectrum.imag])  # [size h]
    twice = jnp.full(n // 2 + 1, 2.0, found.real.dtype).at[jnp.array([0, n // 2])].set(1)
    waves = jnp.conj(_waves(n // 2 + 1, size, n)) * twice[:, None]
    return (_times(found.real, waves.real) - _times(found.imag, waves.imag)) / n**2


def _complex(a: Array, b: list[Array]) -> Array:
    """The product of a complex matrix and one in two parts."""
    real = _times(a.real, b[0]) - _times(a.imag, b[1])
    return jax.lax.complex(real, _times(a.real, b[1]) + _times(a.imag, b[0]))


def _waves(rows: int, columns: int, n: int) -> Array:
    """exp(-2 pi i a b / n)."""
    # The barrier keeps the compiler from computing the matrix itself, which takes it minutes.
    a = jax.lax.optimization_barrier(jnp.arange(rows, dtype=jnp.int32))[:, None]
    turns = (a * jnp.arange(columns, dtype=jnp.int32)[None, :]) % n  # no digit is lost
    angle = -2 * jnp.pi * turns.astype(jnp.float32) / n
    return jax.lax.complex(jnp.cos(angle), jnp.sin(angle))


def _splines(at: Float[Array, " n"], size: int) -> Float[Array, "n G"]:
    """The cubic spline about each point at all nodes of a side."""
    r = jnp.abs(at[:, None] - jnp.arange(size, dtype=at.dtype)[None, :])
    near = 3 * r**3 - 6 * r**2 + 4
    return jnp.where(r < 1, near, jnp.maximum(2 - r, 0) ** 3) / 6


def _in_blocks(at: Float[Array, "n 2"]) -> Float[Array, "_ b 2"]:
    """Points in blocks; those of the filling are beyond all nodes."""
    block = min(POINTS, len(at))
    filled = jnp.pad(at, ((0, -len(at) % block), (0, 0)), constant_values=-9)
    return filled.reshape(-1, block, 2)


def _times(a: Any, b: Any) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)
