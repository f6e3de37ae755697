"""Mini-batch k-means as an estimator, over the functions of `scratchclust.cluster.minibatch_kmeans`."""

from typing import Any, no_type_check

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from scratchclust.cluster.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_starts import STARTS
from scratchclust.cluster.minibatch_kmeans import minibatch_kmeans, minibatch_step, reassign, start_of_batch
from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.estimators.cluster import _checked_weights
from scratchclust.results import MiniBatchState


class MiniBatchKMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, Estimator):
    """k-means from small random batches, for much data and for streams; a stand-in for scikit-learn's.

    `scratchclust.reference.minibatch_kmeans` explains how. A NumPy memory map of float32 or float64 is never held in
    memory as a whole; for a stream, call `partial_fit` with one batch after another.

    Args:
        n_clusters: k.
        init: "k-means++", "random", "k-means||", an array of centroids [k d], or a function of (X, n_clusters,
            random_state) that returns one.
        max_iter: passes over the data at most.
        batch_size: points in a batch.
        tol: it has converged when the centroids move no more than tol times the mean variance of the features
            (squared) in a step; 0 leaves it to `max_no_improvement`.
        max_no_improvement: steps in which the smoothed inertia does not fall, after which it ends; None: never.
        n_init: random starts, compared on a sample; "auto" is 3 for "random", else 1.
        reassignment_ratio: centroids that win less than this part of the most are put elsewhere.
        random_state: seed.
        verbose: 1 prints a line when fit ends.

    Attributes:
        cluster_centers_: [k d].
        counts_: [k], the weight that each centroid has won.
        labels_: [n] int32, the cluster of each point of fit, or of the last batch.
        inertia_: the sum of w |x - c|^2 over these.
        n_iter_: passes over the data that the steps amount to (fit alone).
        n_steps_: batches.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        n_init: int | str = "auto",
        reassignment_ratio: float = 0.01,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """Find the clusters of X [n d]; y is ignored; `sample_weight` [n] weighs the points.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.
        """
        X, weights = self._checked(X, sample_weight, reset=True)
        n_init = self.n_init
        if n_init == "auto":
            n_init = 3 if isinstance(self.init, str) and self.init == "random" else 1
        result = minibatch_kmeans(
            X,
            int(self.n_clusters),
            key=key_of(self.random_state),
            init=self._checked_init(X),
            n_init=int(n_init),
            sample_weight=weights,
            batch_size=int(self.batch_size),
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            max_no_improvement=self.max_no_improvement,
            reassignment_ratio=float(self.reassignment_ratio),
        )
        self._store(X, result.state)
        self.labels_, self.inertia_ = like(X, result.labels), result.inertia
        self.n_iter_, self.n_steps_ = result.n_iter, result.n_steps
        if self.verbose:
            ending = "converged" if result.converged else f"stopped by max_iter={self.max_iter}"
            print(f"mini-batch k-means {ending} after {self.n_steps_} steps with inertia {self.inertia_:.6g}")
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """One step with X [n d] as the batch. The first also draws the start from it, so it needs k points.

        Raises:
            ValueError: as for `fit`.
        """
        first = not hasattr(self, "cluster_centers_")
        X, weights = self._checked(X, sample_weight, reset=first)
        n_before = 0 if first else self.n_steps_
        key_start, key = jax.random.split(jax.random.fold_in(key_of(self.random_state), n_before))
        if first:
            init = self._checked_init(X)
            centroids = start_of_batch(X, int(self.n_clusters), key=key_start, init=init, sample_weight=weights)
            state = MiniBatchState(centroids, np.zeros(self.n_clusters, X.dtype), 0)
        else:
            state = MiniBatchState(self.cluster_centers_, self.counts_, self.n_since_reassigned_)
        state, _ = minibatch_step(X, state, sample_weight=weights)
        ratio = float(self.reassignment_ratio)
        self._store(X, reassign(X, state, key=key, reassignment_ratio=ratio, sample_weight=weights))
        labels, distances = assign(X, self.cluster_centers_)
        distances = np.asarray(distances, np.float64)
        self.labels_ = like(X, labels)
        self.inertia_ = float(distances.sum() if weights is None else weights @ distances)
        self.n_steps_ = n_before + 1
        return self

    def predict(self, X: Any) -> Any:
        """The nearest centroid of each row of X [n d], int32 [n]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, assign(X, self.cluster_centers_)[0])

    def transform(self, X: Any) -> Any:
        """The distance of each row of X [n d] to each centroid, [n k]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, distances_to_centroids(X, self.cluster_centers_), X.dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Minus the inertia of X with the fitted centroids; y is ignored."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        distances = np.asarray(assign(X, self.cluster_centers_)[1], np.float64)
        return -float(distances.sum() if sample_weight is None else _checked_weights(sample_weight, X) @ distances)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "cluster_centers_")

    @property
    def _n_features_out(self) -> int:
        return len(self.cluster_centers_)

    def _store(self, X: Any, state: MiniBatchState) -> None:
        self.cluster_centers_ = like(X, state.centroids, X.dtype)
        self.counts_, self.n_since_reassigned_ = like(X, state.counts, X.dtype), int(state.n_since_reassigned)

    def _checked(self, X: Any, sample_weight: Any, *, reset: bool) -> tuple[Any, np.ndarray | None]:
        """X and the weights, once the parameters are in order; a first batch must have k points."""
        check_positive(n_clusters=self.n_clusters, max_iter=self.max_iter, batch_size=self.batch_size)
        for name in ("n_init", "max_no_improvement"):
            if getattr(self, name) not in ("auto", None):
                check_positive(**{name: getattr(self, name)})
        for name in ("tol", "reassignment_ratio"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and value >= 0):
                raise ValueError(f"expected {name} >= 0, got {value!r}")
        X = check_matrix(self, X, reset=reset)
        if reset and len(X) < self.n_clusters:
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}: ask for fewer clusters")
        return X, None if sample_weight is None else _checked_weights(sample_weight, X)

    def _checked_init(self, X: Any) -> Any:
        """The name of a start, or centroids [k d]."""
        if isinstance(self.init, str):
            check_choice("init", self.init, tuple(STARTS))
            return self.init
        init = self.init
        start = init(X, self.n_clusters, check_random_state(self.random_state)) if callable(init) else init
        start = start if isinstance(start, jax.Array) else np.asarray(start, X.dtype)
        if start.shape != (self.n_clusters, X.shape[1]) or not bool(np.isfinite(np.asarray(start)).all()):
            raise ValueError(
                f"expected finite starting centroids of shape {[self.n_clusters, X.shape[1]]} (clusters, features), "
                f"got shape {list(start.shape)}"
            )
        return start
