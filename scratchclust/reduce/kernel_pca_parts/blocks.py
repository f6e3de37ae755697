"""What kernel PCA does with blocks of points: the kernel with others, and products and sums of it,
compiled.

In the precision of the points (`precision.py`): float32, unless they are float64 NumPy arrays.
`carriable` makes such of points whose kernel float32 cannot carry.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.distances import PRECISION, centre_of, product, squared_distances
from scratchclust.reduce.kernel_pca_parts.kernels import Kernel, directions
from scratchclust.reduce.precision import is_double
from scratchclust.rows import AnyArray

EPS = float(np.finfo(np.float32).eps)
# Rounding that is borne: of what stands in an exponential, absolute, ...
LOST_OF_EXPONENT = 1e-4
LOST_OF_SPREAD = 1e-5  # ... and of the kernel, relative to how much the points differ.
# the mean square of how far directions are from their mean, of which float32 has enough digits
CONE = 1e-4
LARGEST_VALUE = 1e30  # of a kernel: it leaves room for sums in float32


class Part(NamedTuple):
    """Some of the points: what one compiled call takes."""

    n: int  # points
    data: rows.Rows  # of (points [. d], 1 for each of them [.])


class Axes(NamedTuple):
    """What projects points on q axes: their kernel with the landmarks, less the means, times the
    coefficients.
    """

    landmarks: AnyArray  # [m d], comparable
    means: AnyArray  # [m]
    coefficients: AnyArray  # [m q]
    sums: AnyArray  # [q] of the coefficients, by `kernels.sums_of`


def carriable(X: AnyArray, landmarks: AnyArray, kernel: Kernel, centre: Any = None) -> AnyArray:
    """X, as a float64 NumPy array if float32 cannot carry its kernel with the landmarks.

    The rounding of x . y is about eps |x| |y|. It is too much for exp(-gamma |x - y|^2) if the
    points lie many widths of the kernel apart; and that of the kernel itself if the points differ
    little beside it: a wide kernel is 1 but for a little everywhere, and powers of x . y are nearly
    equal if the points lie far from zero and near to each other. Powers can leave the range of
    float32 too. "linear" and "cosine" are centred first, and bear it, unless all directions are
    nearly the same: their mean, the centre, is nearly as long as they are. Cost O((n + m) d) time.
    """
    if is_double(X) or kernel.name == "linear":
        return X
    if kernel.name == "cosine":
        is_carried = centre is None or 1 - float(centre @ centre) > CONE
    else:
        spread = kernel.gamma * _largest_square(landmarks - centre_of(landmarks)[None])
        if kernel.name == "rbf":
            is_carried = 4 * spread * EPS <= LOST_OF_EXPONENT and LOST_OF_SPREAD * spread >= EPS
        else:
            square = max(_largest_square(X), _largest_square(landmarks))
            largest = kernel.gamma * square + abs(kernel.coef0)
            in_range = kernel.name == "sigmoid" or (
                kernel.degree * np.log10(largest + 1) <= np.log10(LARGEST_VALUE)
            )
            is_carried = in_range and largest * EPS <= LOST_OF_SPREAD * spread
    return X if is_carried else np.asarray(X, np.float64)


def _largest_square(X: AnyArray) -> float:
    with np.errstate(over="ignore"):
        return float((X * X).sum(axis=1).max())


def parts_of(X: AnyArray, centre: Any, kernel: Kernel, cost: int) -> list[Part]:
    """The points (in `comparable` form) in blocks, in parts that keep compiled calls short.

    Args:
        X: the points.
        centre: from `centre_for`.
        kernel: whose kernel with others is wanted.
        cost: multiplications for a point.
    """
    block = rows.block_size(len(X), max(min(cost // 64, 2**12), X.shape[1]))
    parts = []
    for span in rows.calls(len(X), cost, block):
        n = span.stop - span.start
        x = rows.split(comparable(X[span], centre, kernel), block=block)
        valid = rows.split(np.ones(n, np.float32), block=block, dtype=x.dtype)
        parts.append(Part(n, rows.Rows((x, valid), rows.mesh())))
    return parts


def comparable(X: AnyArray, centre: Any, kernel: Kernel) -> AnyArray:
    """The points (or their directions) as `_values` takes them: about the centre, if any."""
    X = directions(X) if kernel.name == "cosine" else X
    if centre is None:
        return X
    # In the points' own precision: a float64 centre would make float64 of float32 points.
    xp = np if isinstance(X, np.ndarray) else jnp
    return X - xp.asarray(centre, X.dtype)[None]


def centre_for(landmarks: AnyArray, kernel: Kernel, given: Any = None) -> Any:
    """What to take from the points first.

    A point amid them where only differences count, else what a result says.
    """
    return centre_of(landmarks) if kernel.name == "rbf" else given


def _values(x: Array, y: Array, numbers: Any, name: str) -> Array:
    """k of each row of x [b d] and each of y [m d], [b m]."""
    gamma, degree, coef0 = numbers
    if name == "rbf":
        return jnp.exp(-gamma * squared_distances(x, y))
    inner = product(x, y)
    if name == "poly":
        return (gamma * inner + coef0) ** degree
    return jnp.tanh(gamma * inner + coef0) if name == "sigmoid" else inner


@partial(jax.jit, static_argnames="name")
def kernel_blocks(data: rows.Rows, points: AnyArray, numbers: Any, name: str) -> Array:
    """K, block by block of its rows [n_blocks block n]."""
    dtype = data.arrays[0].dtype
    return rows.map_sum(
        lambda x, _, y: (None, _values(x, y, numbers, name)), data, jnp.asarray(points, dtype)
    )[1]


@jax.jit
def times_blocks(data: rows.Rows, vectors: AnyArray) -> Array:
    """K V, block by block."""
    return rows.map_sum(
        lambda k, v: (None, jnp.matmul(k, v, precision=PRECISION)), data, jnp.asarray(vectors)
    )[1]


@partial(jax.jit, static_argnames="name")
def sums_of_kernel(
    data: rows.Rows, landmarks: AnyArray, about: AnyArray, numbers: Any, name: str
) -> tuple[Array, Array]:
    """The sum [m] and the sum of outer products [m m] of k(x, L) - about."""
    dtype = data.arrays[0].dtype

    def block(
        x: Array, valid: Array, landmarks: Array, about: Array
    ) -> tuple[tuple[Array, Array], None]:
        k = (_values(x, landmarks, numbers, name) - about[None, :]) * valid[:, None]
        return (k.sum(axis=0), jnp.matmul(k.T, k, precision=PRECISION)), None

    return rows.map_sum(block, data, jnp.asarray(landmarks, dtype), jnp.asarray(about, dtype))[0]


@partial(jax.jit, static_argnames="name")
def project(data: rows.Rows, axes: Axes, numbers: Any, name: str) -> Array:
    """The coordinates (k(x, L) - means) coefficients, block by block [n_blocks block q].

    Args:
        data: points in blocks.
        axes: what they are made of; what k - means has in common for all landmarks is multiplied by
            the sums, apart.
        numbers: gamma, degree and coef0.
        name: of the kernel.
    """

    def block(
        x: Array, _: Array, landmarks: Array, means: Array, coefficients: Array, sums: Array
    ) -> tuple[None, Array]:
        k = _values(x, landmarks, numbers, name) - means[None, :]
        common = k.mean(axis=1, keepdims=True)
        along = jnp.matmul(k - common, coefficients, precision=PRECISION)
        return None, along + common * sums[None]

    dtype = data.arrays[0].dtype
    return rows.map_sum(block, data, *(jnp.asarray(array, dtype) for array in axes))[1]
