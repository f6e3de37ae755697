"""Agglomerative clustering as an estimator, over the functions of `scratchclust.cluster`."""

from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClusterMixin

from scratchclust.arrays import as_points
from scratchclust.checks import Rule, flag, function, nothing, number, one_of, whole
from scratchclust.cluster.agglomerative import agglomerative, check_words, count_clusters, cut
from scratchclust.constants import AGGLOMERATIVE_METRICS, LINKAGES
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_matrix, like

SYNONYMS = {"l2": "euclidean", "l1": "manhattan"}  # scikit-learn's other names of metrics


class AgglomerativeClustering(ClusterMixin, Estimator):
    """Clusters from a tree of merges: the two nearest clusters are merged again and again.

    `scratchclust.reference.agglomerative` explains the linkages. "ward" and "single" (with the
    metric "euclidean" or "cosine") need O(n) memory; all else keeps all distances, 8 n^2 bytes, and
    refuses what is too much. Distances are float64, whatever X is.
    `scipy.cluster.hierarchy.dendrogram` draws `linkage_matrix_`. There is no `predict`: a new point
    would change the tree.

    Not here: `connectivity` other than None (trees of a graph of neighbours), and `memory` (no fit
    writes to a folder). Sparse input is refused: give X.toarray().

    Args:
        n_clusters: clusters where the tree is cut; None where `distance_threshold` says it.
        metric: "euclidean" ("l2"), "cosine", "manhattan" ("l1"), "precomputed" (X is the matrix of
            distances), or a function from X to that matrix; for "ward" the first alone.
        connectivity: None.
        compute_full_tree: "auto" or True; False has no meaning where nothing is gained by less than
            the whole tree, which is built in any case.
        linkage: "ward", "complete", "average" or "single".
        distance_threshold: clusters this far from each other, or farther, are not merged; needs
            n_clusters=None.
        compute_distances: False leaves `distances_` out, as scikit-learn does by default, unless
            there is a `distance_threshold`. They cost nothing here.

    Attributes:
        labels_: [n] int32, the cluster of each point, numbered by their first points.
        n_clusters_: where the tree was cut.
        n_leaves_: n.
        n_connected_components_: 1.
        children_: [n - 1, 2] int64, the two that each merge joins: points below n, merge m as n +
            m.
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

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_clusters": nothing | whole(1),
        "metric": one_of(*AGGLOMERATIVE_METRICS, *SYNONYMS) | function,
        "connectivity": Rule("None (trees of a graph of neighbours are not here)", nothing.accept),
        "compute_full_tree": one_of("auto") | flag,
        "linkage": one_of(*LINKAGES),
        "distance_threshold": nothing | number(least=0),
        "compute_distances": flag,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int | None = 2,
        *,
        metric: Any = "euclidean",
        connectivity: None = None,
        compute_full_tree: Any = "auto",
        linkage: str = "ward",
        distance_threshold: float | None = None,
        compute_distances: bool = True,
    ) -> None:
        self.n_clusters = n_clusters
        self.metric = metric
        self.connectivity = connectivity
        self.compute_full_tree = compute_full_tree
        self.linkage = linkage
        self.distance_threshold = distance_threshold
        self.compute_distances = compute_distances

    def fit(self, X: Any, y: Any = None) -> "AgglomerativeClustering":
        """Build the tree of X [n d] and cut it; y is ignored.

        Raises:
            InputError: a parameter or X cannot be used; the message says what was expected.
        """
        given = self._checked()
        by_function = callable(given.metric)
        metric = "precomputed" if by_function else SYNONYMS.get(given.metric, str(given.metric))
        _check_together(given, metric)
        X = check_matrix(self, X, reset=True, minimum=2)
        if given.n_clusters is not None and given.n_clusters > len(X):
            raise InputError(
                f"n_samples={len(X)} should be >= n_clusters={given.n_clusters}: "
                "ask for fewer clusters"
            )
        points_or_distances = _distances_by(given.metric, X) if by_function else X
        tree = agglomerative(points_or_distances, given.linkage, metric=metric)
        self.n_leaves_ = len(X)
        self.n_connected_components_ = 1
        self.n_clusters_ = given.n_clusters or count_clusters(tree, given.distance_threshold)
        self.linkage_matrix_ = tree.linkage_matrix
        self.children_ = tree.linkage_matrix[:, :2].astype(np.int64)
        vars(self).pop("distances_", None)
        if given.compute_distances or given.n_clusters is None:
            self.distances_ = tree.linkage_matrix[:, 2].copy()
        self.labels_ = like(X, cut(tree, self.n_clusters_))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.metric, str) and self.metric == "precomputed"
        return tags


def _distances_by(metric: Any, X: Any) -> Any:
    """The distances [n n] that a function gives for the points X."""
    distances = as_points(metric(X))
    if distances.shape != (len(X), len(X)):
        raise InputError(
            f"expected metric(X) to be of shape {[len(X), len(X)]}, a distance for each two of the "
            f"points, got {list(distances.shape)}: let the function return all of them"
        )
    return distances


def _check_together(given: SimpleNamespace, metric: str) -> None:
    """Refuse parameters of `AgglomerativeClustering` that do not go together."""
    if (given.n_clusters is None) == (given.distance_threshold is None):
        raise InputError(
            "Exactly one of n_clusters and distance_threshold has to be given, got "
            f"n_clusters={given.n_clusters} and distance_threshold={given.distance_threshold}: "
            "set the other one to None"
        )
    if given.distance_threshold is not None and given.compute_full_tree is False:
        raise InputError(
            "compute_full_tree must be True if distance_threshold is set, got False: leave it out"
        )
    check_words(given.linkage, metric)
