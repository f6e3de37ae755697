"""DBSCAN and agglomerative clustering over the functions of `scratchclust.cluster`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClusterMixin

from scratchclust.checks import Rule, number, one_of, shown, whole
from scratchclust.cluster.agglomerative import LINKAGES, agglomerative, count_clusters, cut
from scratchclust.cluster.dbscan import METRICS as DBSCAN_METRICS
from scratchclust.cluster.dbscan import dbscan, k_distances, knee
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, like
from scratchclust.results import AgglomerativeResult


class DBSCAN(ClusterMixin, Estimator):
    """Clusters of high density, of any shape and number, and noise; in O(n) memory, with scikit-learn's labels.

    `scratchclust.reference.dbscan` explains how. Choosing eps is the hard part:
    `scratchclust.cluster.dbscan.k_distances` gives the curve to choose it by. There is no `predict`: a new point could
    join two clusters into one, or make a core point of another.

    Args:
        eps: the largest distance of neighbours; or "knee": where the sorted distances to the min_samples-th neighbour
            bend, an eps to begin with.
        min_samples: neighbours that make a point a core point, itself included.
        metric: "euclidean", "cosine" (rows of zeros, which have no direction, are refused), or "precomputed": X holds
            the distances [n n], row i those from point i.

    Attributes:
        eps_: the eps that was used.
        k_distances_: [n], the curve whose knee that is; None where eps was given.
        labels_: [n] int32, the cluster of each point; -1 for noise.
        core_sample_indices_: [m] int32, the core points, rising.
        components_: [m d], the core points themselves; of given distances their rows.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Which pairs are near is decided in float64 where float32 products leave it in doubt. Sums of weights are float64's:
    where they are no whole numbers and meet min_samples but for rounding, scikit-learn may decide otherwise.

    Not here: `algorithm`, `leaf_size` and `n_jobs`, since how neighbours are found is chosen by the points and the
    devices; `metric_params` and `p`, which belong to other metrics (give their distances as "precomputed"); sparse X
    (call `.toarray()`, or reduce it first). Labels are int32, scikit-learn's int64.

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
    def __init__(self, eps: float | str = 0.5, *, min_samples: int = 5, metric: str = "euclidean") -> None:
        self.eps: Any = eps
        self.min_samples = min_samples
        self.metric = metric

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "DBSCAN":
        """Find the clusters of X [n d]; y is ignored.

        Args:
            X: points, or distances [n n].
            y: nothing.
            sample_weight: [n], or one number for all; a core point has neighbours that weigh min_samples, itself
                included. Negative ones are allowed. None means 1. An eps that is looked for ("knee") knows no weights.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.
        """
        given = self._checked()
        X = check_matrix(self, X, reset=True)
        weights = None if sample_weight is None else _weights_of(sample_weight, len(X))
        self.k_distances_ = k_distances(X, given.min_samples, metric=given.metric) if given.eps == "knee" else None
        self.eps_ = float(given.eps) if self.k_distances_ is None else knee(self.k_distances_)
        found = dbscan(X, self.eps_, min_samples=given.min_samples, metric=given.metric, sample_weight=weights)
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
        raise InputError(f"expected sample_weight to be {n} numbers, one for each row of X, got {shown(sample_weight)}")
    return np.broadcast_to(weights, n).copy()


class AgglomerativeClustering(ClusterMixin, Estimator):
    """Clusters from a tree of merges: the two nearest clusters are merged again and again.

    `scratchclust.reference.agglomerative` explains the linkages. "ward" and "single" need O(n) memory; "complete" and
    "average" keep all distances, 8 n^2 bytes, and refuse what is too much. `scipy.cluster.hierarchy.dendrogram` draws
    `linkage_matrix_`. There is no `predict`: a new point would change the tree.

    Args:
        n_clusters: clusters where the tree is cut; None where `distance_threshold` says it.
        linkage: "ward", "complete", "average" or "single".
        distance_threshold: clusters this far from each other, or farther, are not merged; needs n_clusters=None.

    Attributes:
        labels_: [n] int32, the cluster of each point, numbered by their first points.
        n_clusters_: where the tree was cut.
        n_leaves_: n.
        children_: [n - 1, 2] int64, the two that each merge joins: points below n, merge m as n + m.
        distances_: [n - 1], rising, of each merge.
        linkage_matrix_: [n - 1, 4], all that in SciPy's format.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Example:
        >>> import numpy as np
        >>> from scratchclust import AgglomerativeClustering
        >>> X = np.array([[0.0], [1.0], [8.0], [10.0]])
        >>> AgglomerativeClustering(linkage="single").fit(X).distances_.tolist()
        [1.0, 2.0, 7.0]
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self, n_clusters: int | None = 2, *, linkage: str = "ward", distance_threshold: float | None = None
    ) -> None:
        self.n_clusters = n_clusters
        self.linkage = linkage
        self.distance_threshold = distance_threshold

    def fit(self, X: Any, y: Any = None) -> "AgglomerativeClustering":
        """Build the tree of X [n d] and cut it; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.
        """
        self._check_parameters()
        X = check_matrix(self, X, reset=True, minimum=2)
        if self.n_clusters is not None and self.n_clusters > len(X):
            raise ValueError(f"n_samples={len(X)} should be >= n_clusters={self.n_clusters}: ask for fewer clusters")
        tree = agglomerative(X, self.linkage)
        self.linkage_matrix_ = tree.linkage_matrix
        self.children_, self.distances_ = tree.linkage_matrix[:, :2].astype(np.int64), tree.linkage_matrix[:, 2]
        self.n_leaves_, self.n_clusters_ = len(X), self._clusters_of(tree)
        self.labels_ = like(X, cut(tree, self.n_clusters_))
        return self

    def _clusters_of(self, tree: AgglomerativeResult) -> int:
        if self.n_clusters is None:
            return count_clusters(tree, float(self.distance_threshold))
        return int(self.n_clusters)

    def _check_parameters(self) -> None:
        check_choice("linkage", self.linkage, LINKAGES)
        if (self.n_clusters is None) == (self.distance_threshold is None):
            raise ValueError(
                f"expected either n_clusters or distance_threshold, got n_clusters={self.n_clusters!r} and "
                f"distance_threshold={self.distance_threshold!r}: set the other one to None"
            )
        if self.n_clusters is not None:
            check_positive(n_clusters=self.n_clusters)
        else:
            _check_number("distance_threshold", self.distance_threshold)


def _check_number(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating) or not value >= 0:
        raise ValueError(f"expected {name} to be a number of at least 0, got {value!r}")
