"""What kernel PCA does with blocks of points: the kernel with others, and products and sums of it,
compiled.

In the precision of the points (`precision.py`): float32, unless they are float64 NumPy arrays.
`carriable` makes such of points whose kernel float32 cannot carry.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.distances import PRECISION, centre_of, product, squared_distances
from scratchclust.reduce.kernel_pca_parts.kernels import directions
from scratchclust.reduce.precision import is_double

AnyArray = Array | np.ndarray
STRETCH = 2e10  # multiplications in one compiled call on one device: a fraction of a second
EPS = float(np.finfo(np.float32).eps)
LOST_OF_EXPONENT = 1e-4  # so much rounding of what stands in an exponential is borne
LOST_OF_SPREAD = 1e-5  # and so much of the kernel, relative to how much the points differ
# the mean square of how far directions are from their mean, of which float32 has enough digits
CONE = 1e-4
MOST = 1e30  # the largest value of a kernel that leaves room for sums in float32


def carriable(
    X: AnyArray,
    landmarks: AnyArray,
    kernel: str,
    numbers: tuple[float, float, float],
    centre: Any = None,
) -> AnyArray:
    """X, as a float64 NumPy array if float32 cannot carry its kernel with the landmarks. Cost O((n
    + m) d) time.

    The rounding of x . y is about eps |x| |y|. It is too much for exp(-gamma |x - y|^2) if the
    points lie many widths of the kernel apart; and that of the kernel itself if the points differ
    little beside it: a wide kernel is 1 but for a little everywhere, and powers of x . y are nearly
    equal if the points lie far from zero and near to each other. Powers can leave the range of
    float32 too. "linear" and "cosine" are centred first, and bear it, unless all directions are
    nearly the same: their mean, the centre, is nearly as long as they are.
    """
    if is_double(X) or kernel == "linear":
        return X
    if kernel == "cosine":
        return (
            X if centre is None or 1 - float(centre @ centre) > CONE else np.asarray(X, np.float64)
        )
    gamma, degree, coef0 = numbers
    spread = gamma * _largest_square(landmarks - centre_of(landmarks)[None])
    if kernel == "rbf":
        carried = 4 * spread * EPS <= LOST_OF_EXPONENT and LOST_OF_SPREAD * spread >= EPS
    else:
        largest = gamma * max(_largest_square(X), _largest_square(landmarks)) + abs(coef0)
        in_range = kernel == "sigmoid" or degree * np.log10(largest + 1) <= np.log10(MOST)
        carried = in_range and largest * EPS <= LOST_OF_SPREAD * spread
    return X if carried else np.asarray(X, np.float64)


def _largest_square(X: AnyArray) -> float:
    with np.errstate(over="ignore"):
        return float((X * X).sum(axis=1).max())


def parts_of(X: AnyArray, centre: Any, kernel: str, cost: int) -> list[rows.Rows]:
    """The points (in `comparable` form) in blocks, and 1 for each of them, in parts that keep
    compiled calls short.
    """
    block = rows.block_size(len(X), max(min(cost // 64, 2**12), X.shape[1]))
    unit, parts = block * rows.mesh().size, []
    in_part = max(int(STRETCH / cost) // block, 1) * unit
    for begin in range(0, len(X), in_part):
        x = rows.split(comparable(X[begin : begin + in_part], centre, kernel), block=block)
        valid = rows.split(
            np.ones(min(in_part, len(X) - begin), np.float32), block=block, dtype=x.dtype
        )
        parts.append(rows.Rows((x, valid), rows.mesh()))
    return parts


def comparable(X: AnyArray, centre: Any, kernel: str) -> AnyArray:
    """The points (or their directions) as `_kernel_of` takes them: about the centre, if there is
    one.
    """
    X = directions(X) if kernel == "cosine" else X
    if centre is None:
        return X
    # In the points' own precision: a float64 centre would make float64 of float32 points.
    return (
        X
        - (
            np.asarray(centre, X.dtype)
            if isinstance(X, np.ndarray)
            else jnp.asarray(centre, X.dtype)
        )[None]
    )


def centre_for(landmarks: AnyArray, kernel: str, given: Any = None) -> Any:
    """What to take from the points first: amid them if only differences count, else what a result
    says.
    """
    return centre_of(landmarks) if kernel == "rbf" else given


def _kernel_of(x: Array, y: Array, numbers: Any, kernel: str) -> Array:
    """k of each row of x [b d] and each of y [m d], [b m]."""
    gamma, degree, coef0 = numbers
    if kernel == "rbf":
        return jnp.exp(-gamma * squared_distances(x, y))
    inner = product(x, y)
    if kernel == "poly":
        return (gamma * inner + coef0) ** degree
    return jnp.tanh(gamma * inner + coef0) if kernel == "sigmoid" else inner


@partial(jax.jit, static_argnames="kernel")
def kernel_blocks(data: rows.Rows, points: AnyArray, numbers: Any, kernel: str) -> Array:
    """K, block by block of its rows [n_blocks block n]."""
    dtype = data.arrays[0].dtype
    kept = rows.map_sum(
        lambda x, _, y: (None, _kernel_of(x, y, numbers, kernel)), data, jnp.asarray(points, dtype)
    )
    return kept[1]


@jax.jit
def times_blocks(data: rows.Rows, vectors: AnyArray) -> Array:
    """K V, block by block."""
    return rows.map_sum(
        lambda k, v: (None, jnp.matmul(k, v, precision=PRECISION)), data, jnp.asarray(vectors)
    )[1]


@partial(jax.jit, static_argnames="kernel")
def sums_of_kernel(
    data: rows.Rows, landmarks: AnyArray, about: AnyArray, numbers: Any, kernel: str
) -> tuple[Array, Array]:
    """The sum [m] and the sum of outer products [m m] of k(x, L) - about."""
    dtype = data.arrays[0].dtype

    def block(
        x: Array, valid: Array, landmarks: Array, about: Array
    ) -> tuple[tuple[Array, Array], None]:
        k = (_kernel_of(x, landmarks, numbers, kernel) - about[None, :]) * valid[:, None]
        return (k.sum(axis=0), jnp.matmul(k.T, k, precision=PRECISION)), None

    return rows.map_sum(block, data, jnp.asarray(landmarks, dtype), jnp.asarray(about, dtype))[0]


@partial(jax.jit, static_argnames="kernel")
def project(data: rows.Rows, arrays: tuple[AnyArray, ...], numbers: Any, kernel: str) -> Array:
    """The coordinates (k(x, L) - means) coefficients, block by block [n_blocks block q].

    Args:
        data: points in blocks.
        arrays: L, the means, the coefficients and their sums (`kernels.sums_of`), by which what k -
            means has in common for all landmarks is multiplied, apart.
        numbers: gamma, degree and coef0.
        kernel: its name.
    """

    def block(
        x: Array, _: Array, landmarks: Array, means: Array, coefficients: Array, sums: Array
    ) -> tuple[None, Array]:
        k = _kernel_of(x, landmarks, numbers, kernel) - means[None, :]
        common = k.mean(axis=1, keepdims=True)
        return None, jnp.matmul(k - common, coefficients, precision=PRECISION) + common * sums[None]

    return rows.map_sum(
        block, data, *(jnp.asarray(array, data.arrays[0].dtype) for array in arrays)
    )[1]
