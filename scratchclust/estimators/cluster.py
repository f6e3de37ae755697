"""Clustering estimators over the functions of `scratchclust.cluster`."""

from typing import Any, no_type_check

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from scratchclust.cluster.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans import PASSES, assign, kmeans, lloyd, unit_rows
from scratchclust.cluster.kmeans_starts import STARTS
from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.results import KMeansResult


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """k-means clustering by Lloyd's algorithm, on all local devices; a stand-in for scikit-learn's KMeans.

    It minimises the inertia sum_i w_i min_j |x_i - c_j|^2; `scratchclust.reference.kmeans` explains how. Computation
    is in float32 on centred data (float64 with `jax_enable_x64`).

    Args:
        n_clusters: k.
        init: "k-means++" (greedy, as scikit-learn's), "random", "k-means||" (for k in the hundreds and more), an array
            of centroids [k d], or a function of (X, n_clusters, random_state) that returns one.
        n_init: number of starts, the best of which is kept; "auto" is 10 for "random" and functions, else 1.
        max_iter: iterations at most, of each start.
        tol: it has converged when the centroids move no more than tol times the mean variance of the features
            (squared), or when no label changes; with 0 only the labels decide.
        metric: "euclidean", or "cosine": points and centroids are scaled to length 1 (spherical k-means), and all
            distances are then between these, |x - c|^2 = 2 (1 - cos).
        algorithm: "lloyd", or "elkan": the same result, with bounds on the distances that save most of them in long
            runs with few clusters, for the memory of n x k numbers.
        copy_x: X is never changed, whatever this says; it is here because scikit-learn has it.
        verbose: 1 prints a line when fit ends, 2 a line for each iteration as well.
        random_state: seed of the starts; the same seed on the same machine gives the same bits.

    Attributes:
        cluster_centers_: [k d].
        labels_: [n] int32, the cluster of each point.
        inertia_: the sum of w |x - c|^2 over the points and their centroids.
        n_iter_: iterations of the best start.
        converged_: False if max_iter ended it.
        history_: dict of `inertia`, `shift` and `n_moved`, [n_iter_] each.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Example:
        >>> import numpy as np
        >>> from scratchclust import KMeans
        >>> X = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
        >>> KMeans(n_clusters=2, random_state=0).fit(X).inertia_
        1.0
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        n_init: int | str = "auto",
        max_iter: int = 300,
        tol: float = 1e-4,
        metric: str = "euclidean",
        algorithm: str = "lloyd",
        copy_x: bool = True,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.n_init = n_init
        self.max_iter = max_iter
        self.tol = tol
        self.metric = metric
        self.algorithm = algorithm
        self.copy_x = copy_x
        self.verbose = verbose
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "KMeans":
        """Find the clusters of X [n d]; y is ignored; `sample_weight` [n] weighs the points.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: X has fewer distinct points than clusters.
        """
        self._check_parameters()
        X = check_matrix(self, X, reset=True)
        if len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}: ask for fewer clusters")
        weights = None if sample_weight is None else _checked_weights(sample_weight, X)
        result = self._best_of_starts(X, weights)
        self.cluster_centers_ = like(X, result.centroids, X.dtype)
        self.labels_ = like(X, result.labels)
        self.inertia_, self.n_iter_, self.converged_ = result.inertia, result.n_iter, result.converged
        self.history_ = {name: np.asarray(entries) for name, entries in result.history._asdict().items()}
        if self.verbose:
            self._print_history()
        return self

    def predict(self, X: Any) -> Any:
        """The nearest centroid of each row of X [n d], int32 [n]."""
        check_is_fitted(self)
        X = self._in_metric(check_matrix(self, X, reset=False))
        return like(X, assign(X, self.cluster_centers_)[0])

    def transform(self, X: Any) -> Any:
        """The distance of each row of X [n d] to each centroid, [n k]."""
        check_is_fitted(self)
        X = self._in_metric(check_matrix(self, X, reset=False))
        return like(X, distances_to_centroids(X, self.cluster_centers_), X.dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the inertia of X with the fitted centroids; y is ignored."""
        check_is_fitted(self)
        X = self._in_metric(check_matrix(self, X, reset=False))
        distances = np.asarray(assign(X, self.cluster_centers_)[1], np.float64)
        return -float(distances.sum() if sample_weight is None else _checked_weights(sample_weight, X) @ distances)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_centers_")

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def _in_metric(self, X: Any) -> Any:
        return unit_rows(X) if self.metric == "cosine" else X

    def _best_of_starts(self, X: Any, weights: Any) -> KMeansResult:
        given: dict[str, Any] = {
            "sample_weight": weights,
            "max_iter": self.max_iter,
            "tol": float(self.tol),
            "metric": self.metric,
            "algorithm": self.algorithm,
        }
        n_init = self.n_init
        if n_init == "auto":
            n_init = 10 if callable(self.init) or (isinstance(self.init, str) and self.init == "random") else 1
        if isinstance(self.init, str):
            return kmeans(X, self.n_clusters, key=key_of(self.random_state), init=self.init, n_init=n_init, **given)
        if not callable(self.init):
            return lloyd(X, self._checked_start(self.init, X), **given)
        random_state = check_random_state(self.random_state)
        starts = [self.init(X, self.n_clusters, random_state) for _ in range(n_init)]
        results = [lloyd(X, self._checked_start(start, X), **given) for start in starts]
        return min(results, key=lambda result: result.inertia)

    def _check_parameters(self) -> None:
        check_positive(n_clusters=self.n_clusters, max_iter=self.max_iter)
        if self.n_init != "auto":
            check_positive(n_init=self.n_init)
        if isinstance(self.init, str):
            check_choice("init", self.init, tuple(STARTS))
        check_choice("metric", self.metric, ("euclidean", "cosine"))
        check_choice("algorithm", self.algorithm, tuple(PASSES))
        if not (isinstance(self.tol, int | float | np.number) and self.tol >= 0):
            raise ValueError(f"expected tol >= 0, got {self.tol!r}")

    def _checked_start(self, start: Any, X: Any) -> Any:
        start = start if isinstance(start, jax.Array) else np.asarray(start, X.dtype)
        if start.shape != (self.n_clusters, X.shape[1]):
            raise ValueError(
                f"expected starting centroids of shape {[self.n_clusters, X.shape[1]]} (clusters, features), "
                f"got {list(start.shape)}"
            )
        if not bool(np.isfinite(np.asarray(start)).all()):
            raise ValueError("the starting centroids hold NaN or infinity: give finite ones")
        return start

    def _print_history(self) -> None:
        lines = zip(*self.history_.values(), strict=True) if self.verbose > 1 else ()
        for i, (inertia, shift, n_moved) in enumerate(lines, 1):
            print(f"iteration {i}: inertia {inertia:.6g}, shift {shift:.3g}, {n_moved} points moved")
        ending = "converged" if self.converged_ else f"stopped by max_iter={self.max_iter}"
        print(f"k-means {ending} after {self.n_iter_} iterations with inertia {self.inertia_:.6g}")


def _checked_weights(sample_weight: Any, X: Any) -> np.ndarray:
    given = sample_weight if np.isscalar(sample_weight) else np.asarray(sample_weight)
    weights = _check_sample_weight(given, np.empty((len(X), 1)), dtype=np.float64)
    if (weights < 0).any():
        raise ValueError("expected sample_weight >= 0, got negative weights: use 0 to leave a point out")
    return weights
