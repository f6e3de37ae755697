"""k-means as an estimator, over the functions of `scratchclust.cluster.kmeans`."""

import warnings
from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from scratchclust.checks import Rule, flag, one_of
from scratchclust.cluster.kmeans_parts.iterations import PASSES, Settings
from scratchclust.cluster.kmeans_parts.runs import best_run, best_run_from, warn_of_empty
from scratchclust.distances import unit_rows
from scratchclust.estimators.base import key_of, like
from scratchclust.estimators.centroids import (
    CentroidEstimator,
    checked_start,
    start_by_function,
)
from scratchclust.results import KMeansResult
from scratchclust.streams import Changed, Source

EMPTY = (
    "Number of distinct clusters ({}) found smaller than n_clusters ({}). "
    "Possibly due to duplicate points in X: "
)


class KMeans(CentroidEstimator):
    """k-means clustering by Lloyd's algorithm, on all local devices; a stand-in for scikit-learn's
    KMeans.

    It minimises the inertia sum_i w_i min_j |x_i - c_j|^2; `scratchclust.reference.kmeans` explains
    how.

    Iterations are computed in float32 on centred data (float64 with `jax_enable_x64`); what float32
    leaves in doubt when they end is decided in float64, so that `labels_` are the nearest of
    `cluster_centers_`, and `predict(X)` says the same. float64 NumPy data get centroids, inertia
    and distances in float64: the last iteration is repeated in it on the host, and iterations go on
    there until no label changes (or max_iter, or tol, ends them).

    Args:
        n_clusters: k.
        init: "k-means++" (greedy, as scikit-learn's), "random", "k-means||" (for k in the hundreds
            and more), an array of centroids [k d], or a function of (X, n_clusters, random_state)
            that returns one.
        n_init: number of starts, the best of which is kept; "auto" is 10 for "random" and
            functions, else 1. Given centroids are one start, whatever this says.
        max_iter: iterations at most, of each start.
        tol: it has converged when the centroids move no more than tol times the mean variance of
            the features (squared), or when no label changes; with 0 only the labels decide.
        metric: "euclidean", or "cosine": points and centroids are scaled to length 1 (spherical
            k-means), and all distances are then between these, |x - c|^2 = 2 (1 - cos).
        algorithm: "lloyd", or "elkan": the same result, with bounds on the distances that save most
            of them in long runs with few clusters, for the memory of n x k numbers.
        copy_x: X is never changed, whatever this says; it is here because scikit-learn has it.
        verbose: 1 prints the iterations of the best start when fit ends.
        random_state: seed of the starts; the same seed on the same machine gives the same bits.

    Attributes:
        cluster_centers_: [k d].
        labels_: [n] int32, the cluster of each point.
        inertia_: the sum of w |x - c|^2 over the points and their centroids.
        n_iter_: iterations of the best start.
        converged_: False if max_iter ended it.
        history_: dict of `inertia`, `shift` and `n_moved`, [n_iter_] each.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Not here: sparse input (X.toarray(), or PCA first), and scikit-learn's private attributes.

    Example:
        >>> import numpy as np
        >>> from scratchclust import KMeans
        >>> X = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
        >>> KMeans(n_clusters=2, random_state=0).fit(X).inertia_
        1.0
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        **CentroidEstimator.common_rules,
        "metric": one_of("euclidean", "cosine"),
        "algorithm": one_of(*PASSES),
        "copy_x": flag,
    }

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
            ConvergenceWarning: scikit-learn's: clusters ended without points, as when X has fewer
                distinct points.
            RuntimeWarning: n_init > 1 with given centroids, or Elkan's algorithm for one cluster.
        """
        given, X, weights = self._checked_fit(X, sample_weight)
        n_init = self._number_of_starts(given, 10)
        result = self._best_of_starts(X, weights, given, n_init)
        warn_of_empty(result, EMPTY, ConvergenceWarning)
        self.cluster_centers_ = like(X, result.centroids, X.dtype)
        self.labels_ = like(X, result.labels)
        self.inertia_ = result.inertia
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        history = result.history._asdict()
        self.history_ = {name: np.array(entries) for name, entries in history.items()}
        if given.verbose:
            self._print_history(given)
        return self

    def _points(self, X: Any) -> Any:
        X = super()._points(X)
        if self.metric != "cosine":
            return X
        return Changed(X, unit_rows) if isinstance(X, Source) else unit_rows(X)

    def _best_of_starts(
        self, X: Any, weights: np.ndarray | None, given: SimpleNamespace, n_init: int
    ) -> KMeansResult:
        settings = Settings(given.max_iter, given.tol, given.metric, _algorithm_for(given))
        if isinstance(given.init, str):
            key = key_of(given.random_state)
            return best_run(
                X, given.n_clusters, weights, settings, key=key, init=given.init, n_init=n_init
            )
        if callable(given.init):
            random_state = check_random_state(given.random_state)
            starts = [start_by_function(given, X, random_state) for _ in range(n_init)]
        else:
            starts = [checked_start(given.init, given.n_clusters, X)]
        return best_run_from(X, starts, weights, settings)

    def _print_history(self, given: SimpleNamespace) -> None:
        """What `verbose` tells, in scikit-learn's words, and how it ended."""
        print("Initialization complete")
        for i, inertia in enumerate(self.history_["inertia"]):
            print(
                f"Iteration {i}, inertia {inertia:.9g}, {self.history_['n_moved'][i]} points moved"
            )
        if self.history_["n_moved"][-1] == 0:
            print(f"Converged at iteration {self.n_iter_ - 1}: strict convergence.")
        elif self.converged_:
            shift = self.history_["shift"][-1]
            print(
                f"Converged at iteration {self.n_iter_ - 1}: "
                f"center shift {shift:.3g} within tolerance {given.tol:g}."
            )
        ending = "converged" if self.converged_ else f"stopped by max_iter={given.max_iter}"
        print(f"k-means {ending} after {self.n_iter_} iterations with inertia {self.inertia_:.6g}")


def _algorithm_for(given: SimpleNamespace) -> str:
    if given.algorithm == "elkan" and given.n_clusters == 1:
        warnings.warn(
            "algorithm='elkan' doesn't make sense for a single cluster. Using 'lloyd' instead.",
            RuntimeWarning,
            stacklevel=4,
        )
        return "lloyd"
    return given.algorithm
