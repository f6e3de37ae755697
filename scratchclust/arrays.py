"""The one way in for points, and the one way out for results, of every estimator and every score.

In: whatever is array-like (lists, tables, memory maps, integers of any kind) becomes [n d] of
float32 or float64, finite, or is refused in scikit-learn's words; a JAX array stays where it is.
Out: what came from NumPy gets arrays that are the caller's own: writable, and no view of a device's
memory.
"""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scratchclust.errors import InputError, InputTypeError

# float32 holds all values of these
SMALL = (np.uint8, np.int8, np.uint16, np.int16, np.bool_, np.float16)


def kinds_of(X: Any) -> Any:
    """scikit-learn's `dtype` for X: floats stay, small integers become float32, others float64."""
    return np.float32 if getattr(X, "dtype", None) in SMALL else [np.float64, np.float32]


def as_points(X: Any, *, minimum: int = 1, finite: bool = True) -> Any:
    """X [n d] as a finite float array: a JAX array stays where it is, others come to NumPy.

    float32 and float64 stay as they are; small integers (uint8 pixels) become float32, wide ones
    float64.

    Args:
        X: array-like.
        minimum: least number of rows.
        finite: whether NaN and infinity are refused.

    Raises:
        InputError: not two-dimensional, no real numbers, not finite, sparse, too few rows. The
            message is scikit-learn's where X is no JAX array.
    """
    if isinstance(X, jax.Array):
        return device_points(X, minimum=minimum, finite=finite)
    from sklearn.utils.validation import check_array  # late: importing it takes a second

    try:
        with np.errstate(invalid="ignore"):  # infinity minus infinity, in its look for either
            return check_array(
                X,
                dtype=kinds_of(X),
                ensure_min_samples=minimum,
                ensure_all_finite=finite,
                input_name="X",
            )
    except TypeError as error:
        raise InputTypeError(without_arrays(error)) from error
    except ValueError as error:
        raise InputError(without_arrays(error)) from error


def without_arrays(error: Exception) -> str:
    """scikit-learn's message on one line, without the array that it shows between its sentences."""
    return " ".join(re.sub(r"\n(array=)?\s*\[.*\]\.?", "", str(error), flags=re.DOTALL).split())


def device_points(X: jax.Array, *, minimum: int = 1, finite: bool = True) -> jax.Array:
    """`as_points` for a JAX array.

    Raises:
        InputError: not two-dimensional, complex, not finite, too few rows.
    """
    if X.ndim != 2 or X.shape[0] < minimum or X.shape[1] == 0:
        raise InputError(
            f"expected a 2D array of at least {minimum} rows and one column, "
            f"got shape {list(X.shape)}: reshape images with PixelFeatures, "
            "or with X.reshape(len(X), -1)"
        )
    if jnp.issubdtype(X.dtype, jnp.complexfloating):
        raise InputError(f"Complex data not supported, got {X.dtype}: take X.real, or abs(X)")
    if not jnp.issubdtype(X.dtype, jnp.floating) or X.dtype.itemsize < 4:
        X = X.astype(jnp.float32)
    if finite and not bool(jnp.isfinite(X).all()):
        raise InputError("Input X contains NaN or infinity: drop or fill those rows first")
    return X


def like(X: Any, values: Any, dtype: Any = None) -> Any:
    """`values` (of `dtype`) as a JAX array if X is one, else as a NumPy array of one's own."""
    if isinstance(X, jax.Array):
        values = jnp.asarray(values)
        return values if dtype is None else values.astype(dtype)
    return own(values, dtype)


def own(values: Any, dtype: Any = None) -> np.ndarray:
    """A writable NumPy array of these values without memory of a device; copied only if needed.

    A NumPy array that is writable already comes back itself: whoever keeps the array of a caller
    copies it first.
    """
    array = np.asarray(values)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return array if array.flags.writeable else array.copy()


def kept(X: Any) -> Any:
    """X for an estimator to keep: a copy of a NumPy array, which may change; no JAX array can."""
    return X if isinstance(X, jax.Array) else np.array(X)
