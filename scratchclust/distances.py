"""Squared Euclidean distances of a block of rows, as one matrix product that does not lose its digits.

    |x - y|^2 = |x|^2 - 2 x.y + |y|^2

cancels when x and y are far from zero and near to each other. So callers centre their data first (`centre_of`, and
the `offset` of `rows.split`), negative results are clipped, the product is taken in full float32 (recent NVIDIA chips
would use TF32 otherwise), and the few pairs on which a result hangs are computed again in float64 by those who need
them; `error_bound` tells which these are.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

PRECISION = jax.lax.Precision.HIGHEST


def mean_of(X: Any) -> Any:
    """The mean row [d] of X [n d], to be subtracted before distances are taken; float64 for a NumPy array.

    A float32 sum over many rows far from zero stops growing, so a JAX array is summed relative to its first row.
    """
    return X.mean(axis=0, dtype=np.float64) if isinstance(X, np.ndarray) else _mean_from_first(X)


@jax.jit
def _mean_from_first(X: Array) -> Array:
    X = X if jnp.issubdtype(X.dtype, jnp.floating) else X.astype(jnp.float32)
    return X[0] + jnp.mean(X - X[:1], axis=0)


def centre_of(X: Any) -> Any:
    """A point [d] amid the rows of X [n d], to be subtracted before distances are taken: no pass over all of X.

    The median, feature by feature, of at most 33 evenly spaced rows: any point among the data keeps as many digits
    as the mean would, and a median no outlier can drag away.
    """
    rows_in_between = X[:: max(len(X) // 32, 1)]
    return np.median(rows_in_between, axis=0) if isinstance(X, np.ndarray) else _median(rows_in_between)


@jax.jit
def _median(X: Array) -> Array:
    return jnp.median(X if jnp.issubdtype(X.dtype, jnp.floating) else X.astype(jnp.float32), axis=0)


def product(x: Float[Array, "a d"], y: Float[Array, "b d"]) -> Float[Array, "a b"]:
    """The inner products x_i . y_j in full precision."""
    return jax.lax.dot_general(x, y, (((1,), (1,)), ((), ())), precision=PRECISION)


def squared_norms(x: Float[Array, "a d"]) -> Float[Array, " a"]:
    """|x_i|^2."""
    return (x * x).sum(axis=1)


def squared_distances(x: Float[Array, "a d"], y: Float[Array, "b d"]) -> Float[Array, "a b"]:
    """|x_i - y_j|^2, clipped at zero. Cost O(a b d), nearly all of it in the matrix product."""
    return jnp.maximum(squared_norms(x)[:, None] - 2 * product(x, y) + squared_norms(y)[None, :], 0)


def error_bound(largest_norm: float, n_features: int, dtype: Any = np.float32) -> float:
    """A bound on the rounding error of `squared_distances` between rows no longer than `largest_norm`.

    The classical gamma_{d+4} (|x| + |y|)^2 with gamma_m = m u / (1 - m u) and u half the machine epsilon
    (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., section 3.1).
    """
    m_u = (n_features + 4) * float(np.finfo(dtype).eps) / 2
    return m_u / (1 - m_u) * (2 * largest_norm) ** 2
