"""DBSCAN as an estimator, over the functions of `scratchclust.cluster.dbscan`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClusterMixin

from scratchclust.checks import Rule, number, one_of, shown, whole
from scratchclust.cluster.dbscan import dbscan, k_distances, knee
from scratchclust.constants import DBSCAN_METRICS
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_matrix, like


class DBSCAN(ClusterMixin, Estimator):
    """Clusters of high density, of any shape and number, and noise: scikit-learn's labels.

    `scratchclust.reference.dbscan` explains how; here it takes O(n) memory. Choosing eps is the
    hard part: `scratchclust.cluster.dbscan.k_distances` gives the curve to choose it by. There is
    no `predict`: a new point could join two clusters into one, or make a core point of another.

    Args:
        eps: the largest distance of neighbours; or "knee": where the sorted distances to the
            min_samples-th neighbour bend, an eps to begin with.
        min_samples: neighbours that make a point a core point, itself included.
        metric: "euclidean", "cosine" (rows of zeros, which have no direction, are refused), or
            "precomputed": X holds the distances [n n], row i those from point i.

    Attributes:
        eps_: the eps that was used.
        k_distances_: [n], the curve whose knee that is; None where eps was given.
        labels_: [n] int32, the cluster of each point; -1 for noise.
        core_sample_indices_: [m] int32, the core points, rising.
        components_: [m d], the core points themselves; of given distances their rows.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Which pairs are near is decided in float64 where float32 products leave it in doubt. Sums of
    weights are float64's: where they are no whole numbers and meet min_samples but for rounding,
    scikit-learn may decide otherwise.

    Not here: `algorithm`, `leaf_size` and `n_jobs`, since how neighbours are found is chosen by the
    points and the devices; `metric_params` and `p`, which belong to other metrics (give their
    distances as "precomputed"); sparse X (call `.toarray()`, or reduce it first). Labels are int32,
    scikit-learn's int64.

    Example:
        >>> import numpy as np
        >>> from scratchclust import DBSCAN
        >>> X = np.array([[0.0], [0.1], [0.2], [5.0]])
        >>> DBSCAN(eps=0.3, min_samples=2).fit_predict(X).tolist()
        [0, 0, 0, -1]
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "eps": number(above=0, infinite=True) | one_of("knee"),
        "min_samples": whole(1),
        "metric": one_of(*DBSCAN_METRICS),
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self, eps: float | str = 0.5, *, min_samples: int = 5, metric: str = "euclidean"
    ) -> None:
        self.eps: Any = eps
        self.min_samples = min_samples
        self.metric = metric

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Find the clusters of X [n d]; y is ignored.

        Args:
            X: points, or distances [n n].
            y: nothing.
            sample_weight: [n], or one number for all; a core point has neighbours that weigh
                min_samples, itself included. Negative ones are allowed. None means 1. An eps that
                is looked for ("knee") knows no weights.

        Raises:
            InputError: a parameter or X cannot be used; the message says what was expected.
        """
        given = self._checked()
        X = check_matrix(self, X, reset=True)
        weights = None if sample_weight is None else _weights_of(sample_weight, len(X))
        if given.eps == "knee":
            self.k_distances_ = k_distances(X, given.min_samples, metric=given.metric)
            self.eps_ = knee(self.k_distances_)
        else:
            self.k_distances_ = None
            self.eps_ = float(given.eps)
        found = dbscan(
            X, self.eps_, min_samples=given.min_samples, metric=given.metric, sample_weight=weights
        )
        self.labels_ = like(X, found.labels)
        self.core_sample_indices_ = like(X, found.core_sample_indices)
        self.components_ = like(X, X[found.core_sample_indices])
        return self

    def fit_predict(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
        """`labels_` after `fit(X, sample_weight=sample_weight)`: int32 [n]; y is ignored."""
        return self.fit(X, sample_weight=sample_weight).labels_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


def _weights_of(sample_weight: Any, n: int) -> np.ndarray:
    """Weights as float64 [n], from one for each point or one for all."""
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.empty((0, 0))
    if weights.shape not in ((), (n,)):
        raise InputError(
            f"expected sample_weight to be {n} numbers, one for each row of X, "
            f"got {shown(sample_weight)}"
        )
    return np.broadcast_to(weights, n).copy()
