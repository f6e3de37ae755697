"""Dimension-reduction estimators over the functions of `scratchclust.reduce`."""

from typing import Any, no_type_check

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.reduce.pca import inverse_transform, pca, randomized_pca, transform
from scratchclust.results import PCAResult

LARGE = 2048  # from this many features and points on, "auto" chooses the randomised solver when few axes are wanted


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Principal component analysis on all local devices; a stand-in for scikit-learn's PCA.

    Args:
        n_components: number of axes; None keeps min(n, d) of them; a number between 0 and 1 keeps as many as explain
            that share of the variance.
        whiten: divide each coordinate by its standard deviation.
        svd_solver: "covariance_eigh" (exact: the covariance, or the Gram matrix if that is smaller), "randomized"
            (fast for many features and few axes), or "auto": randomised if min(n, d) exceeds 2,048 and less than a
            tenth of the axes is wanted, else exact.
        random_state: seed of the randomised solver.

    Attributes:
        components_: [q d], orthonormal; in each row the entry of largest magnitude is positive. If n < d, an axis
            without variance is a row of zeros.
        explained_variance_, explained_variance_ratio_, singular_values_: [q].
        mean_: [d].
        n_components_: q.
        noise_variance_: mean variance of the axes left out.
        n_samples_, n_features_in_, feature_names_in_: as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int | float | None = None,
        *,
        whiten: bool = False,
        svd_solver: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_components: Any = n_components
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "PCA":
        """Find the principal axes of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.
        """
        check_choice("svd_solver", self.svd_solver, ("auto", "covariance_eigh", "randomized"))
        X = check_matrix(self, X, reset=True, minimum=2)
        n_components = self._checked_n_components(min(X.shape))
        if self._solver(n_components, min(X.shape)) == "randomized":
            result = randomized_pca(X, n_components, key=key_of(self.random_state))
        else:
            result = self._kept(pca(X, n_components))
        self._store(X, result)
        return self

    def transform(self, X: Any) -> Any:
        """Coordinates of X [n d] along the axes, [n q]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, transform(X, self._result(), whiten=self.whiten), X.dtype)

    def inverse_transform(self, X: Any) -> Any:
        """The points [n d] of coordinates X [n q].

        Raises:
            ValueError: X has not a column for each axis.
        """
        check_is_fitted(self)
        X = X if isinstance(X, jax.Array) else np.asarray(X)
        if X.ndim != 2 or X.shape[1] != self.n_components_:
            raise ValueError(f"expected coordinates of shape [n, {self.n_components_}], got {list(X.shape)}")
        if X.dtype not in (np.float32, np.float64):
            X = X.astype(np.float32 if isinstance(X, jax.Array) else np.float64)
        return like(X, inverse_transform(X, self._result(), whiten=self.whiten), X.dtype)

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _checked_n_components(self, largest: int) -> int:
        """How many axes are computed; a share of the variance needs all of them."""
        wanted = self.n_components
        if isinstance(wanted, float | np.floating) and 0 < wanted < 1:
            if self.svd_solver == "randomized":
                raise ValueError(
                    f"n_components={wanted} is a share of the variance, which needs all axes, got "
                    'svd_solver="randomized": take "covariance_eigh", or a whole number of axes'
                )
            return largest
        if wanted is None:
            return largest
        check_positive(n_components=wanted)
        if wanted > largest:
            raise ValueError(
                f"expected n_components <= min(n_samples, n_features)={largest}, got {wanted}: ask for fewer"
            )
        return int(wanted)

    def _solver(self, n_components: int, largest: int) -> str:
        if self.svd_solver != "auto":
            return self.svd_solver
        return "randomized" if largest > LARGE and n_components < largest / 10 else "covariance_eigh"

    def _kept(self, result: PCAResult) -> PCAResult:
        """The first axes that explain the wanted share of the variance."""
        wanted = self.n_components
        if wanted is None or wanted >= 1:
            return result
        enough = np.cumsum(result.explained_variance_ratio) >= wanted
        q = int(enough.argmax()) + 1 if enough.any() else len(enough)
        return result._replace(
            components=result.components[:q],
            explained_variance=result.explained_variance[:q],
            explained_variance_ratio=result.explained_variance_ratio[:q],
            singular_values=result.singular_values[:q],
        )

    def _store(self, X: Any, result: PCAResult) -> None:
        self.n_samples_, self.n_components_ = len(X), len(result.components)
        self.mean_ = like(X, result.mean, X.dtype)
        self.components_ = like(X, result.components, X.dtype)
        self.explained_variance_ = like(X, result.explained_variance, X.dtype)
        self.explained_variance_ratio_ = like(X, result.explained_variance_ratio, X.dtype)
        self.singular_values_ = like(X, result.singular_values, X.dtype)
        left_out = min(X.shape) - self.n_components_
        rest = result.total_variance - float(np.sum(result.explained_variance))
        self.noise_variance_ = max(rest, 0.0) / left_out if left_out else 0.0

    def _result(self) -> PCAResult:
        return PCAResult(
            self.mean_,
            self.components_,
            self.explained_variance_,
            self.explained_variance_ratio_,
            self.singular_values_,
            float("nan"),
        )
