"""What all estimators share: saving, and input that may be anything array-like or a JAX array."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_feature_names, _check_n_features, validate_data

from scratchclust import persist


class Estimator(BaseEstimator):
    """Base of every estimator here."""

    def save(self, path: str | Path) -> None:
        """Write this estimator to a folder; `scratchclust.persist.load(path)` gives it back.

        Args:
            path: a folder that does not exist yet.

        Raises:
            InputError: the folder exists, or a parameter (a function, a generator) cannot be written.
        """
        persist.save(self, path)


def check_matrix(estimator: Any, X: Any, *, reset: bool, minimum: int = 1) -> Any:
    """X [n d] as a finite float array: a JAX array stays where it is, everything else becomes a NumPy array.

    float32 and float64 stay as they are; small integers (uint8 pixels) become float32, wide ones float64.

    Args:
        estimator: whose `n_features_in_` and feature names are set (`reset`) or checked.
        X: array-like.
        reset: True in fit.
        minimum: least number of rows.

    Raises:
        ValueError: not two-dimensional, not finite, another number of features than in fit, too few rows.
    """
    if not isinstance(X, jax.Array):
        small = getattr(X, "dtype", None) in (np.uint8, np.int8, np.uint16, np.int16, np.bool_, np.float16)
        dtype = np.float32 if small else [np.float64, np.float32]
        return validate_data(estimator, X, dtype=dtype, reset=reset, ensure_min_samples=minimum)
    if X.ndim != 2 or X.shape[0] < minimum or X.shape[1] == 0:
        raise ValueError(
            f"expected a 2D array of at least {minimum} rows and one column, got shape {list(X.shape)}: "
            "reshape images with PixelFeatures, or with X.reshape(len(X), -1)"
        )
    X = X if jnp.issubdtype(X.dtype, jnp.floating) and X.dtype.itemsize >= 4 else X.astype(jnp.float32)
    if not bool(jnp.isfinite(X).all()):
        raise ValueError("Input X contains NaN or infinity: drop or fill those rows first")
    _check_feature_names(estimator, X, reset=reset)
    _check_n_features(estimator, X, reset=reset)
    return X


def like(X: Any, values: Any, dtype: Any = None) -> Any:
    """`values` as a JAX array if X is one, else as a NumPy array, of `dtype` if it is given."""
    values = np.asarray(values) if not isinstance(X, jax.Array) else jnp.asarray(values)
    return values if dtype is None else values.astype(dtype)


def key_of(random_state: Any) -> jax.Array:
    """A JAX key from an int, a RandomState or None, as scikit-learn understands them."""
    return jax.random.key(int(check_random_state(random_state).randint(2**31 - 1)))


def check_positive(**parameters: Any) -> None:
    """A ValueError for the first parameter that is not a whole number of at least 1."""
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"expected {name} to be a whole number of at least 1, got {value!r}")


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """A ValueError if a parameter is none of the known words."""
    if value not in choices:
        raise ValueError(f"expected {name} to be one of {', '.join(map(repr, choices))}, got {value!r}")
