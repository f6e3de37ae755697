"""Squared Euclidean distances of a block of rows, as one matrix product that does not lose its
digits.

    |x - y|^2 = |x|^2 - 2 x.y + |y|^2

cancels when x and y are far from zero and near to each other. So callers centre their data first
(`centre_of`, and the `offset` of `rows.split`), negative results are clipped, the product is taken
in full float32 (recent NVIDIA chips would use TF32 otherwise), and the few pairs on which a result
hangs are computed again in float64 by those who need them; `error_bound` tells which these are.
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust import checks, rows, shares
from scratchclust.errors import InputError
from scratchclust.rows import AnyArray, ceil_div

PRECISION = jax.lax.Precision.HIGHEST
# In place of it, on an NVIDIA GPU, for the products x.y of float32 rows. On an H100 HIGHEST are the
# ordinary units, 51 TFLOP/s by the data sheet; three products of TF32, or six of bfloat16, are the
# tensor cores, 165 at their peak. Roundings of a product, in 2^-24 |x| |y|, emulated:
#
#     largest found         d = 8     64    784
#     HIGHEST                   3      7     13
#     BF16_BF16_F32_X6          3      4     20
#     TF32_TF32_F32_X3          7      7     37
#     `error_bound`            48    272  3,152
#     `square_error`           64     64     64    of the difference of two products
#
# So what rests on these bounds stays as it is with six products, and with three but for the last
# line. The program for an H100 has as many kernels then, and as many bytes pass through memory: the
# parts are made inside of the product. It is None, since nobody has timed it on one.
PRECISION_ON_CUDA: jax.lax.DotAlgorithmPreset | None = None
# Share of |x|^2 + |y|^2: the expanded square of nearer pairs has lost more than 12 of its 24 bits.
NEAR = 2.0**-12
# Rows at most, evenly spaced, that tell where the data lie.
FEW_ROWS = 33
# Coordinates whose squares float32 can hold.
LEAST = 1e-15
MOST = 1e18
# Widths of data within which nothing need be scaled.
LEAST_SPAN = 2.0**-30
MOST_SPAN = 2.0**50
# Scaled rows are about 2^54 long: float32 holds the squares of their distances, and small ones have
# room below.
BITS_OF_LENGTH = 54
# Distances whose squares float32 holds together with those of their lesser coordinates.
LEAST_DETAIL = 2.0**-50
# So far from zero, numbers less than 2^54 apart lose nothing when one is subtracted from another.
FAR = 2.0**70


def mean_of(X: Any) -> Any:
    """The mean row [d] of X [n d], to be subtracted before distances are taken.

    It is float64 for a NumPy array. A float32 sum over many rows far from zero stops growing, so a
    JAX array is summed relative to its first row.
    """
    if rows.is_shared():
        sums = np.asarray(X.mean(axis=0, dtype=np.float64), np.float64) * len(X)
        return shares.summed(sums) / shares.total(len(X))
    return X.mean(axis=0, dtype=np.float64) if isinstance(X, np.ndarray) else _mean_from_first(X)


@jax.jit
def _mean_from_first(X: Array) -> Array:
    X = X.astype(jnp.promote_types(X.dtype, jnp.float32))
    return X[0] + jnp.mean(X - X[:1], axis=0)


def centre_of(X: Any) -> Any:
    """A point [d] amid the rows of X [n d], to be subtracted before distances are taken.

    No pass over all of X: the lower median, feature by feature, of at most 33 evenly spaced rows.
    Any point among the data keeps as many digits as the mean would, and a median no outlier can
    drag away (the lower one: it is a value of the data, not half way between two of them).
    """
    rows_in_between = X[:: ceil_div(len(X), FEW_ROWS)]
    middle = (len(rows_in_between) - 1) // 2
    if isinstance(rows_in_between, np.ndarray):
        return np.sort(rows_in_between, axis=0)[middle]
    return _sorted_row(rows_in_between, middle)


def centre_of_all(X: Any) -> Any:
    """`centre_of` the rows of all processes, where they are shared out."""
    if not rows.is_shared():
        return centre_of(X)
    of_all = shares.AllRows(X)
    return centre_of(of_all[:: ceil_div(len(of_all), FEW_ROWS)])


@partial(jax.jit, static_argnums=1)
def _sorted_row(X: Array, i: int) -> Array:
    return jnp.sort(X, axis=0)[i]


def product(x: Float[Array, "a d"], y: Float[Array, "b d"]) -> Float[Array, "a b"]:
    """The inner products x_i . y_j in full precision."""

    def by(precision: Any, x: Array, y: Array) -> Array:
        return jax.lax.dot_general(x, y, (((1,), (1,)), ((), ())), precision=precision)

    if PRECISION_ON_CUDA is None or x.dtype != jnp.float32:
        return by(PRECISION, x, y)
    return jax.lax.platform_dependent(
        x, y, cuda=partial(by, PRECISION_ON_CUDA), default=partial(by, PRECISION)
    )


def squared_norms(x: Float[Array, "a d"]) -> Float[Array, " a"]:
    """|x_i|^2."""
    return (x * x).sum(axis=1)


def squared_distances(x: Float[Array, "a d"], y: Float[Array, "b d"]) -> Float[Array, "a b"]:
    """|x_i - y_j|^2, clipped at zero. Cost O(a b d), nearly all of it in the matrix product."""
    return jnp.maximum(squared_norms(x)[:, None] - 2 * product(x, y) + squared_norms(y)[None, :], 0)


def unit_rows(X: Real[AnyArray, "n d"], what: str = "row") -> Float[AnyArray, "n d"]:
    """Every row scaled to length 1.

    Raises:
        InputError: a row is all zero; it is named by `what` and its number.
    """
    xp = np if isinstance(X, np.ndarray) else jnp
    largest = xp.abs(X).max(axis=1, keepdims=True)
    if (largest == 0).any():
        raise InputError(
            f"{what} {int((largest == 0).argmax())} is all zero and has no direction: "
            'metric="cosine" needs non-zero rows; drop it, or use metric="euclidean"'
        )
    X = X / largest  # squares of very large or small numbers leave the range of float32
    return X / xp.linalg.norm(X, axis=1, keepdims=True)


def check_range(X: Any, largest: float) -> None:
    """Refuse what no distance can be computed of in float32, after the points were centred.

    Args:
        X: points as they came; read only where something is wrong.
        largest: the largest |x|^2 of the centred points.

    Raises:
        InputError: X holds NaN or infinity, or numbers whose squares leave the range of float32.
    """
    if LEAST**2 < largest < MOST**2:
        return
    values = np.asarray(X)
    checks.finite(values)
    magnitude = float(np.abs(values).max(initial=0))
    if largest >= MOST**2 or not np.isfinite(largest) or 0 < magnitude < LEAST:
        raise InputError(
            f"the largest number of X is {magnitude:.3g}: the squares of distances would leave the "
            "range of float32; scale X, by X / abs(X).max() for instance"
        )


def exponent_of(
    X: Real[AnyArray, "n d"],
    others: Real[AnyArray, "m d"] | None = None,
    *,
    detail: float = math.inf,
) -> int:
    """The e for which squared distances of X / 2^e are well within the range of float32.

    It is 0 if those of X are. Division by a power of two rounds nothing, so that every distance is
    2^e times that of the divided points. Cost: two passes over X, and two more where these leave
    doubt.

    Args:
        X: at least one point; where one is not finite, e is 0.
        others: further points, to be divided alike.
        detail: the smallest distance that matters, if it is known.
    """
    arrays = [X] if others is None or not len(others) else [X, others]
    if detail >= LEAST_DETAIL and _is_plainly_in_range(X, arrays):
        return 0
    low = np.min([np.asarray(a.min(axis=0), np.float64) for a in arrays], axis=0)
    high = np.max([np.asarray(a.max(axis=0), np.float64) for a in arrays], axis=0)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return 0
    centre = np.asarray(centre_of(X), np.float64)
    with np.errstate(over="ignore"):
        widest = float(np.maximum(high - centre, centre - low).max(initial=0))
    if widest == 0 or (LEAST_SPAN <= widest <= MOST_SPAN and detail >= LEAST_DETAIL):
        return 0
    longer = math.ceil(math.log2(X.shape[1]) / 2)  # a row may be than its largest coordinate
    return (1025 if np.isinf(widest) else int(np.frexp(widest)[1])) + longer - BITS_OF_LENGTH


def _is_plainly_in_range(X: AnyArray, arrays: list[AnyArray]) -> bool:
    """Whether no number is large, and a few rows of X are wide enough.

    That is faster told than the width of each feature.
    """
    if not np.max([[float(a.max()), -float(a.min())] for a in arrays]) <= MOST_SPAN / 2:
        return False
    few = np.asarray(X[:: ceil_div(len(X), FEW_ROWS)], np.float64)
    return float((few.max(axis=0) - few.min(axis=0)).max(initial=0)) >= 2 * LEAST_SPAN


def scaled(
    X: Real[AnyArray, "n d"], centre: Real[AnyArray, " d"], exponent: int
) -> Float[AnyArray, "n d"]:
    """X / 2^exponent, less the centre (`centre_of`) where that is too far from zero.

    A NumPy array becomes float64, a JAX array keeps its type.
    """
    with np.errstate(over="ignore"):
        far = np.abs(np.ldexp(np.asarray(centre, np.float64), -exponent)) > FAR
    if isinstance(X, jax.Array):
        half = -exponent // 2  # the whole power may be beyond float32
        return (
            (X - jnp.where(far, jnp.asarray(centre, X.dtype), 0)[None])
            * 2.0**half
            * 2.0 ** (-exponent - half)
        )
    return np.ldexp(
        X.astype(np.float64) - np.where(far, np.asarray(centre, np.float64), 0), -exponent
    )


def error_bound(largest_norm: float, n_features: int, dtype: Any = np.float32) -> float:
    """A bound on the rounding error of `squared_distances` of rows no longer than `largest_norm`.

    The classical gamma_{d+4} (|x| + |y|)^2 with gamma_m = m u / (1 - m u) and u half the machine
    epsilon (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
    """
    m_u = (n_features + 4) * float(np.finfo(dtype).eps) / 2
    return m_u / (1 - m_u) * (2 * largest_norm) ** 2
