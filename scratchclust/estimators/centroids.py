"""What KMeans and MiniBatchKMeans share: all that centroids tell of points, and the parameters of
both.
"""

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from scratchclust import checks, shares
from scratchclust.checks import Rule, array, function, number, one_of, seed, verbosity, whole
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans_parts.nearest_centroid import inertia_of
from scratchclust.cluster.kmeans_starts import STARTS
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_matrix, like
from scratchclust.streams import Source, by_parts

START: tuple[str, ...] = tuple(STARTS)


class CentroidEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """An estimator whose fit ends in `cluster_centers_` [k d] and `labels_` [n]."""

    learns_from_shares = True
    common_rules: ClassVar[dict[str, Rule]] = {
        "n_clusters": whole(1),
        "init": one_of(*START) | function | array,
        "n_init": whole(1) | one_of("auto"),
        "max_iter": whole(1),
        "tol": number(least=0),
        "verbose": verbosity,
        "random_state": seed,
    }
    fit: Callable[..., Any]
    cluster_centers_: Any
    labels_: Any

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """`labels_` after `fit`, int32 [n]; y is ignored."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def fit_transform(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """The distance of each row of X [n d] to each centroid that `fit` found, [n k]; y is
        ignored.
        """
        return self.fit(X, sample_weight=sample_weight).transform(X)

    def predict(self, X: Any) -> Any:
        """The nearest centroid of each row of X [n d], int32 [n]: for the points of fit `labels_`,
        to the last one.
        """
        X = self._points(X)
        return like(X, assign(X, self.cluster_centers_)[0])

    def transform(self, X: Any) -> Any:
        """The distance of each row of X [n d] to each centroid, [n k]; exactly 0 for a row that is
        one.
        """
        X = self._points(X)
        centroids = self.cluster_centers_
        if isinstance(X, Source):
            return by_parts(lambda part: distances_to_centroids(part, centroids), X, len(centroids))
        return like(X, distances_to_centroids(X, centroids), X.dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the inertia of X with the fitted centroids; y is ignored."""
        X = self._points(X)
        squares = assign(X, self.cluster_centers_)[1]
        return -shares.summed(inertia_of(squares, checked_weights(sample_weight, X)))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_centers_")

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def _checked_fit(
        self, X: Any, sample_weight: Any
    ) -> tuple[SimpleNamespace, Any, np.ndarray | None]:
        """What every fit begins with: the parameters, the points and the weights, all checked."""
        given = self._checked()
        X = check_matrix(self, X, reset=True, by_parts=True)
        checks.enough_samples(shares.total(len(X)), given.n_clusters)
        return given, X, checked_weights(sample_weight, X)

    def _points(self, X: Any) -> Any:
        """X in the type and the metric in which it is compared with the centroids."""
        check_is_fitted(self)
        return check_matrix(self, X, reset=False, by_parts=True)

    def _number_of_starts(self, given: Any, of_random: int) -> int:
        """What n_init="auto" means; given centroids are one start, and more of them a warning."""
        is_word = isinstance(given.init, str)
        is_function = callable(given.init)
        is_array = not (is_word or is_function)
        if given.n_init == "auto":
            return of_random if is_function or (is_word and given.init == "random") else 1
        if is_array and given.n_init > 1:
            warnings.warn(
                "Explicit initial center position passed: performing only one init in "
                f"{type(self).__name__} instead of n_init={given.n_init}; leave n_init at 'auto'",
                RuntimeWarning,
                stacklevel=3,
            )
        return 1 if is_array else given.n_init


def checked_weights(sample_weight: Any, X: Any) -> np.ndarray | None:
    """The weights of the rows of X in float64, one for all if it is a number; None where none were
    given.

    Raises:
        ValueError: another number of them than rows, not finite, negative, or none above 0.
    """
    if sample_weight is None:
        return None
    given = sample_weight if np.isscalar(sample_weight) else np.asarray(sample_weight)
    weights = _check_sample_weight(given, np.empty((len(X), 1)), dtype=np.float64)
    checks.weights(weights)
    return weights


def start_by_function(given: SimpleNamespace, X: Any, random_state: Any) -> Any:
    """The starting centroids [k d] that the function `init` finds in X."""
    shares.refuse("a start by a function")
    start = given.init(X, given.n_clusters, random_state=random_state)
    return checked_start(start, given.n_clusters, X)


def checked_start(start: Any, n_clusters: int, X: Any) -> Any:
    """Starting centroids [k d], in the type of X.

    Raises:
        InputError: no numbers, not finite, or of another shape.
    """
    try:
        start = start if isinstance(start, jax.Array) else np.array(start, X.dtype)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"expected starting centroids of numbers, got {type(start).__name__}: {error}"
        ) from None
    if start.shape != (n_clusters, X.shape[1]):
        raise InputError(
            f"expected starting centroids of shape {[n_clusters, X.shape[1]]} (clusters, features),"
            f" got {list(start.shape)}"
        )
    if not bool(np.isfinite(np.asarray(start)).all()):
        raise InputError("the starting centroids hold NaN or infinity: give finite ones")
    return start
