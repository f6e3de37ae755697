"""The last step behind features that are logits of clusters: of each image the largest."""

from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.estimators.base import Estimator, check_matrix, like


class MostProbable(ClusterMixin, Estimator):
    """Takes the columns of X for logits of clusters: the cluster of a row is its largest column.

        p_ij = exp(x_ij) / sum_l exp(x_il)        label_i = argmax_j p_ij

    Behind `SCANFeatures` it makes a pipeline from images to clusters. Of other vectors it makes
    nothing sensible.

    Attributes:
        labels_: the cluster of each row of the fit; of equal columns the first.
        means_: [k d], the mean of the rows of each cluster; of one without rows, that of all.
        n_features_in_: number of columns, which is that of the clusters.

    Example:
        >>> from scratchclust import MostProbable
        >>> MostProbable().fit_predict([[0.0, 2.0], [1.0, -3.0]])
        array([1, 0], dtype=int32)
    """

    labels_: Any
    means_: Any

    def fit(self, X: Any, y: Any = None) -> "MostProbable":
        """Label the rows of X [n k]; y is ignored.

        Raises:
            InputError: X is no finite matrix of numbers.
        """
        self._checked()
        rows = np.asarray(check_matrix(self, X, reset=True))
        labels = _largest(rows)
        means = [
            rows[labels == j].mean(axis=0) if (labels == j).any() else rows.mean(axis=0)
            for j in range(rows.shape[1])
        ]
        self.labels_ = like(X, labels)
        self.means_ = like(X, np.stack(means))
        return self

    def predict(self, X: Any) -> Any:
        """Give the largest column of each row of X [n k].

        Raises:
            InputError: as `fit`, or another number of columns.
        """
        return like(X, _largest(self._logits(X)))

    def predict_proba(self, X: Any) -> Any:
        """Give the probabilities [n k] whose logits X are; errors of `predict`."""
        logits = self._logits(X)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return like(X, shares / shares.sum(axis=1, keepdims=True))

    def _logits(self, X: Any) -> Float[np.ndarray, "n k"]:
        check_is_fitted(self, "labels_")
        return np.asarray(check_matrix(self, X, reset=False))


def _largest(logits: np.ndarray) -> np.ndarray:
    return logits.argmax(axis=1).astype(np.int32)
