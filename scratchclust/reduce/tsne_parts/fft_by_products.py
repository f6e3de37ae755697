"""The grid of t-SNE for a TPU: spreading, transforms and reading as matrix products.

A TPU scatters and gathers one number after the other, and its compiler takes minutes for the FFT of
such a grid; products are what it is made for. With the splines of all points at all nodes of a
side, A [n G] and B [n G], four of which are not zero in each row,

    spread        charges = A^T B
    read          f_i = sum_ab A_ia F_ab B_ib, the row sums of (A F) * B

Real transforms do for real charges: along the rows Hartley's, with cas(t) = cos(t) + sin(t), along
the columns cosines and sines. With a = 2 pi u x / 2G and b = 2 pi v y / 2G

    P_uv = sum_xy c_xy cas(a) cos(b)        Q_uv = sum_xy c_xy cas(a) sin(b)        v = 0 .. G

and c_xy = sum_uv m_v (P_uv cas(a) cos(b) + Q_uv cas(a) sin(b)) / (2G)^2, where m_v is 1 for v = 0
and v = G, and 2 between. Of a kernel that is odd along x, with the transform i K, the convolution
has K P and K Q in the place of P and Q, and cas(-a) in that of cas(a); of one that is odd along y K
Q and -K P.

The products cost 6 n G^2 + 18 G^3 multiplications: of 70,000 points and 1,024 nodes a side some
milliseconds. Each is a loop over blocks of rows, which compiles in a tenth of the time that the
whole product takes. The numbers are those of `fft.py` up to rounding.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust.distances import PRECISION

POINTS = 256  # whose splines are there at a time
ROWS = 256  # of a product at a time
FEW = 32  # rows of a matrix of waves


def spread(at: Float[Array, "n 2"], size: int) -> Float[Array, "G G"]:
    """The charges of the nodes.

    Args:
        at: the points, in units of nodes from the first one.
        size: G.
    """

    def add(charges: Array, at: Array) -> tuple[Array, None]:
        # transposed by its making: an array that is turned afterwards takes long to compile
        across = _spline(at[None, :, 0] - _nodes(size)[:, None])
        along = _spline(at[:, None, 1] - _nodes(size)[None, :])
        return charges + jnp.matmul(across, along, precision=PRECISION), None

    return jax.lax.scan(add, jnp.zeros((size, size), at.dtype), _in_blocks(at))[0]


def read(at: Float[Array, "n 2"], fields: Float[Array, "m G G"]) -> Float[Array, "n m"]:
    """The values of fields at the points."""
    nodes = _nodes(fields.shape[1])

    def block(at: Array) -> Array:
        a, b = (_spline(column[:, None] - nodes[None, :]) for column in at.T)

        def one(field: Array) -> Array:
            return (jnp.matmul(a, field, precision=PRECISION) * b).sum(axis=1)

        return jax.lax.map(one, fields)

    found = jax.lax.map(block, _in_blocks(at))  # [_ m b]
    return found.transpose(0, 2, 1).reshape(-1, len(fields))[: len(at)]


def transform(charges: Float[Array, "G G"]) -> Float[Array, "2 N h"]:
    """P and Q of charges, N = 2 G and h = G + 1."""
    size = len(charges)
    n = 2 * size
    cas = _cas(n, size, n)
    waves = jnp.stack(_cos_sin(size, size + 1, n))
    return jax.lax.map(lambda wave: _times(cas, _times(charges, wave)), waves)


def slopes_of(transform: Float[Array, "2 N h"], slopes: Float[Array, "2 N h"]) -> Any:
    """The convolutions with kernels of transforms i slopes, odd along x and along y [2 G G]."""
    _, n, half = transform.shape
    size = n // 2
    p, q = transform
    turned = slopes[:, None] * jnp.stack([jnp.stack([p, q]), jnp.stack([q, -p])])
    twice = jnp.full(half, 2.0, p.dtype).at[jnp.array([0, size])].set(1)
    waves = jnp.stack(_cos_sin(half, size, n)) * twice[None, :, None]

    def back(of_one: tuple[Array, Array]) -> Array:
        parts = jax.lax.map(lambda pair: _times(*pair), (of_one[0], waves))
        return _times(of_one[1], parts.sum(axis=0))

    cos, sin = _cos_sin(size, n, n)
    return jax.lax.map(back, (turned, jnp.stack([cos - sin, cos + sin]))) / n**2


def kernel_transforms(values: Float[Array, "N N"], slope: Float[Array, "N N"]) -> Any:
    """Those of a kernel that is even along both axes, which is real, and of one that is odd along
    the rows, and its transpose, which are imaginary: [N h] and [2 N h].
    """
    n = len(values)
    cos, sin = _cos_sin(n, n, n)  # symmetric
    left, kernels = jnp.stack([cos, sin]), jnp.stack([values, slope])
    even, odd = jax.lax.map(lambda pair: _times(_times(*pair), cos), (left, kernels))
    return tuple(part[..., : n // 2 + 1] for part in (even, -jnp.stack([odd, odd.T])))


def _cos_sin(rows: int, columns: int, n: int) -> tuple[Array, Array]:
    """The cosine and the sine of 2 pi a b / n for a < rows and b < columns.

    By those of the sum of two angles: so few are computed as such that it compiles at once.
    """
    # The barriers keep the compiler from computing the matrix itself, which takes it minutes.
    few = jax.lax.optimization_barrier(jnp.arange(FEW, dtype=jnp.int32))
    many = jax.lax.optimization_barrier(jnp.arange(-(-rows // FEW), dtype=jnp.int32))

    def of(a: Array) -> tuple[Array, Array]:
        turns = (a[:, None] * jnp.arange(columns, dtype=jnp.int32)[None, :]) % n  # no digit is lost
        angle = 2 * jnp.pi * turns.astype(jnp.float32) / n
        return jax.lax.optimization_barrier((jnp.cos(angle), jnp.sin(angle)))

    c, s = (part[None] for part in of(few))
    far_c, far_s = (part[:, None] for part in of(FEW * many))
    sums = far_c * c - far_s * s, far_s * c + far_c * s
    cos, sin = (part.reshape(-1, columns)[:rows] for part in sums)
    return cos, sin


def _cas(rows: int, columns: int, n: int) -> Array:
    cos, sin = _cos_sin(rows, columns, n)
    return cos + sin


def _nodes(size: int) -> Float[Array, " size"]:
    return jnp.arange(size, dtype=jnp.float32)


def _spline(distances: Array) -> Array:
    """The cubic spline so far from its middle."""
    r = jnp.abs(distances)
    s, t = jnp.maximum(2 - r, 0), jnp.maximum(1 - r, 0)
    return (s * s * s - 4 * t * t * t) / 6


def _in_blocks(at: Float[Array, "n 2"]) -> Float[Array, "_ b 2"]:
    """Points in blocks; those of the filling are beyond all nodes."""
    block = min(POINTS, len(at))
    filled = jnp.pad(at, ((0, -len(at) % block), (0, 0)), constant_values=-9)
    return filled.reshape(-1, block, 2)


def _times(a: Float[Array, "m k"], b: Float[Array, "k n"]) -> Float[Array, "m n"]:
    """The product, a block of rows at a time."""
    blocks = a.reshape(-1, math.gcd(len(a), ROWS), a.shape[1])
    return jax.lax.map(lambda block: jnp.matmul(block, b, precision=PRECISION), blocks).reshape(
        len(a), -1
    )
