"""What all estimators share: saving, and input that may be anything array-like or a JAX array."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.callback import CallbackSupportMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_feature_names, _check_n_features

from scratchclust import checks, persist, shares, streams
from scratchclust.arrays import as_points, kept, like, own
from scratchclust.checks import Rule
from scratchclust.errors import InputError
from scratchclust.progress import Progress

__all__ = [
    "Estimator",
    "TellsProgress",
    "check_coordinates",
    "check_matrix",
    "kept",
    "key_of",
    "like",
    "own",
]

logger = logging.getLogger("scratchclust.estimators")


class Estimator(BaseEstimator):
    """Base of every estimator here.

    Attributes:
        parameter_rules: what each parameter of `__init__` may be; a test sees that none is missing.
        learns_from_shares: whether fit works where each of several processes has rows of its own.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {}
    # whether fit may be given the rows of one process of several, on the mesh of all
    learns_from_shares: ClassVar[bool] = False

    def _checked(self) -> SimpleNamespace:
        """The parameters by name, each as Python's own type: what `fit` computes with.

        Raises:
            InputError: the first that its rule refuses; or the points are shared out among
                processes, and it needs all of them.
        """
        if not self.learns_from_shares:
            shares.refuse(type(self).__name__)
        return checks.checked(self.parameter_rules, vars(self))

    def save(self, path: str | Path) -> None:
        """Write this estimator to a folder; `scratchclust.persist.load(path)` gives it back.

        Args:
            path: a folder that does not exist yet.

        Raises:
            InputError: the folder exists, or a parameter (a function, a generator) cannot be
                written.
        """
        persist.save(self, path)


class TellsProgress(CallbackSupportMixin):
    """Beside `Estimator`, for one whose fit is long: it tells where it is.

    A callback (`set_callbacks`) hears it that has a method `on_progress(progress)` beside those of
    scikit-learn's protocol; with `verbose` it is printed; a log of "scratchclust" has it too.
    """

    verbose: int

    def _tell(self, progress: Progress) -> None:
        for callback in getattr(self, "_skl_callbacks", ()):
            if hasattr(callback, "on_progress"):
                callback.on_progress(progress)
        if progress.share < 1:  # within a unit: for what draws a bar
            return
        logger.info("%s", progress)
        if self.verbose:
            print(progress, flush=True)


def check_matrix(
    estimator: Any, X: Any, *, reset: bool, minimum: int = 1, by_parts: bool = False
) -> Any:
    """X [n d] as a finite float array: a JAX array stays where it is, everything else becomes a
    NumPy array.

    float32 and float64 stay as they are; small integers (uint8 pixels) become float32, wide ones
    float64.

    Args:
        estimator: whose `n_features_in_` and feature names are set (`reset`) or checked.
        X: array-like.
        reset: True in fit.
        minimum: least number of rows.
        by_parts: whether the estimator takes a `streams.Source`: then a source, and a memory map
            that is large, come back as one, and nothing is read of them but what they say of
            themselves.

    Raises:
        InputError: not two-dimensional, sparse, not finite, too few rows; as from `as_points`.
        ValueError: another number of features than in fit, or other names; scikit-learn's own.
    """
    _check_feature_names(estimator, X, reset=reset)
    source = streams.source_of(X) if by_parts else None
    X = as_points(X, minimum=minimum) if source is None else source
    _check_n_features(estimator, X, reset=reset)
    return X


def check_coordinates(X: Any, n_axes: int) -> Any:
    """X [n q] as a finite float array, with a column for each axis.

    Raises:
        InputError: another shape, or NaN or infinity in it.
    """
    X = X if isinstance(X, jax.Array) else np.asarray(X)
    if X.ndim != 2 or X.shape[1] != n_axes:
        raise InputError(f"expected coordinates of shape [n, {n_axes}], got {list(X.shape)}")
    return as_points(X)


def key_of(random_state: Any) -> jax.Array:
    """A JAX key from an int, a RandomState or None, as scikit-learn understands them."""
    return jax.random.key(int(check_random_state(random_state).randint(2**31 - 1)))
