"""What kernel PCA does with blocks of points: the kernel with others, and products and sums of it, compiled."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.distances import PRECISION, product, squared_distances, unit_rows

AnyArray = Array | np.ndarray
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second


def parts_of(X: AnyArray, centre: Any, kernel: str, cost: int) -> list[rows.Rows]:
    """The points (in `comparable` form) in blocks, and 1 for each of them, in parts that keep compiled calls short."""
    block = rows.block_size(len(X), max(min(cost // 64, 2**12), X.shape[1]))
    unit, parts = block * rows.mesh().size, []
    in_part = max(int(STRETCH / cost) // block, 1) * unit
    for begin in range(0, len(X), in_part):
        x = rows.split(comparable(X[begin : begin + in_part], centre, kernel), block=block)
        valid = rows.split(np.ones(min(in_part, len(X) - begin), np.float32), block=block, dtype=x.dtype)
        parts.append(rows.Rows((x, valid), rows.mesh()))
    return parts


def comparable(X: AnyArray, centre: Any, kernel: str) -> AnyArray:
    """The points as `_kernel_of` takes them: about the centre if only differences count, or as directions."""
    if kernel == "rbf":
        return X - (centre if isinstance(X, np.ndarray) else jnp.asarray(centre))[None]
    return directions(X) if kernel == "cosine" else X


def directions(X: AnyArray) -> AnyArray:
    """The rows scaled to length 1, but rows of zeros, which have no direction, left as they are."""
    X = np.asarray(X)
    zero = (X == 0).all(axis=1)
    if not zero.any():
        return unit_rows(X)
    return np.where(zero[:, None], 0, unit_rows(np.where(zero[:, None], 1, X)))


def numbers_of(
    n_features: int, kernel: str, gamma: float | None, degree: float, coef0: float
) -> tuple[float, float, float]:
    """gamma, degree and coef0 of a kernel as the compiled functions take them, whichever it is."""
    return (1 / n_features if gamma is None else gamma), degree, coef0


def _kernel_of(x: Array, y: Array, numbers: Any, kernel: str) -> Array:
    """k of each row of x [b d] and each of y [m d], [b m]."""
    gamma, degree, coef0 = numbers
    if kernel == "rbf":
        return jnp.exp(-gamma * squared_distances(x, y))
    inner = product(x, y)
    return (gamma * inner + coef0) ** degree if kernel == "poly" else inner


@partial(jax.jit, static_argnames="kernel")
def kernel_blocks(data: rows.Rows, points: AnyArray, numbers: Any, kernel: str) -> Array:
    """K, block by block of its rows [n_blocks block n]."""
    dtype = data.arrays[0].dtype
    kept = rows.map_sum(lambda x, _, y: (None, _kernel_of(x, y, numbers, kernel)), data, jnp.asarray(points, dtype))
    return kept[1]


@jax.jit
def times_blocks(data: rows.Rows, vectors: AnyArray) -> Array:
    """K V, block by block."""
    return rows.map_sum(lambda k, v: (None, jnp.matmul(k, v, precision=PRECISION)), data, jnp.asarray(vectors))[1]


@partial(jax.jit, static_argnames="kernel")
def sums_of_kernel(
    data: rows.Rows, landmarks: AnyArray, about: AnyArray, numbers: Any, kernel: str
) -> tuple[Array, Array]:
    """The sum [m] and the sum of outer products [m m] of k(x, L) - about."""
    dtype = data.arrays[0].dtype

    def block(x: Array, valid: Array, landmarks: Array, about: Array) -> tuple[tuple[Array, Array], None]:
        k = (_kernel_of(x, landmarks, numbers, kernel) - about[None, :]) * valid[:, None]
        return (k.sum(axis=0), jnp.matmul(k.T, k, precision=PRECISION)), None

    return rows.map_sum(block, data, jnp.asarray(landmarks, dtype), jnp.asarray(about, dtype))[0]


@partial(jax.jit, static_argnames="kernel")
def project(
    data: rows.Rows, landmarks: AnyArray, means: AnyArray, coefficients: AnyArray, numbers: Any, kernel: str
) -> Array:
    """The coordinates (k(x, L) - means) coefficients, block by block [n_blocks block q]."""

    def block(x: Array, _: Array, landmarks: Array, means: Array, coefficients: Array) -> tuple[None, Array]:
        k = _kernel_of(x, landmarks, numbers, kernel) - means[None, :]
        return None, jnp.matmul(k, coefficients, precision=PRECISION)

    given = (jnp.asarray(array, data.arrays[0].dtype) for array in (landmarks, means, coefficients))
    return rows.map_sum(block, data, *given)[1]
