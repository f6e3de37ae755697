"""The Gaussian mixture as an estimator, over the functions of `scratchclust.cluster.gaussian_mixture`."""

from typing import Any, no_type_check

import numpy as np
from sklearn.base import DensityMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.cluster.gaussian_mixture import COVARIANCE_TYPES, e_step, gaussian_mixture, log_likelihoods
from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.results import GaussianMixtureResult, Mixture


class GaussianMixture(DensityMixin, Estimator):
    """A mixture of normal distributions by EM, on all local devices; a stand-in for scikit-learn's GaussianMixture.

    It raises the mean log-likelihood of the points; `scratchclust.reference.gaussian_mixture` explains how. Computation
    is in float32 on centred data, and in float64 where a component is far narrower than the data or its covariance
    nearly singular.

    Args:
        n_components: k.
        covariance_type: "full" (a matrix for each component), "tied" (one for all), "diag" (a diagonal for each) or
            "spherical" (a single variance for each).
        tol: it has converged when the mean log-likelihood changes by less.
        reg_covar: added to every variance.
        max_iter: iterations at most, of each start.
        n_init: starts from clusters of k-means, the best of which is kept.
        random_state: seed of k-means.
        verbose: 1 prints a line when fit ends, 2 a line for each iteration as well.

    Attributes:
        weights_: [k], sum to 1.
        means_: [k d].
        covariances_: [k d d] full, [d d] tied, [k d] diag, [k] spherical; in float64, as the next.
        precisions_cholesky_: the same shape: P of S^-1 = P P^T.
        labels_: [n] int32, the most probable component of each point of fit.
        lower_bound_: the mean log-likelihood of the points of fit (of the final mixture; scikit-learn gives that of the
            iteration before).
        lower_bounds_: [n_iter_], the mean log-likelihood before the update of each iteration.
        n_iter_: iterations of the best start.
        converged_: False if max_iter ended it.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: str = "full",
        tol: float = 1e-3,
        reg_covar: float = 1e-6,
        max_iter: int = 100,
        n_init: int = 1,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "GaussianMixture":
        """Find the mixture that most likely drew X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: X has fewer distinct points than components.
        """
        self._check_parameters()
        X = check_matrix(self, X, reset=True, minimum=2)
        if len(X) < self.n_components:
            raise ValueError(
                f"n_samples={len(X)} should be >= n_components={self.n_components}: ask for fewer components"
            )
        result = gaussian_mixture(
            X,
            int(self.n_components),
            key=key_of(self.random_state),
            covariance_type=self.covariance_type,
            tol=float(self.tol),
            reg_covar=float(self.reg_covar),
            max_iter=int(self.max_iter),
            n_init=int(self.n_init),
        )
        self.weights_, self.means_ = (like(X, array, X.dtype) for array in result.mixture[:2])
        self.covariances_, self.precisions_cholesky_ = result.mixture[2:]
        self.labels_, self.lower_bounds_ = like(X, result.labels), result.lower_bounds
        self.lower_bound_, self.n_iter_, self.converged_ = result.log_likelihood, result.n_iter, result.converged
        if self.verbose:
            self._print_history(result)
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """`labels_` after `fit(X)`: the most probable component of each row of X [n d], int32 [n]; y is ignored."""
        return self.fit(X).labels_

    def predict(self, X: Any) -> Any:
        """The most probable component of each row of X [n d], int32 [n]."""
        return self.predict_proba(X).argmax(axis=1).astype(np.int32)

    def predict_proba(self, X: Any) -> Any:
        """The probability of each component given each row of X [n d], [n k]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, e_step(X, self._mixture(), covariance_type=self.covariance_type)[1], X.dtype)

    def score_samples(self, X: Any) -> Any:
        """The log-likelihood of each row of X [n d], [n]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, log_likelihoods(X, self._mixture(), covariance_type=self.covariance_type), X.dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of X [n d]; y is ignored."""
        return float(np.asarray(self.score_samples(X), np.float64).mean())

    def aic(self, X: Any) -> float:
        """Akaike's criterion of X, -2 log-likelihood + 2 parameters: the lower the better."""
        return -2 * self.score(X) * len(X) + 2 * self._n_parameters()

    def bic(self, X: Any) -> float:
        """The Bayesian criterion of X, -2 log-likelihood + log(n) parameters: the lower the better."""
        return -2 * self.score(X) * len(X) + float(np.log(len(X))) * self._n_parameters()

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "means_")

    def _mixture(self) -> Mixture:
        return Mixture(self.weights_, self.means_, self.covariances_, self.precisions_cholesky_)

    def _n_parameters(self) -> int:
        """Free numbers of the mixture: of a covariance matrix its triangle, and one weight less than components."""
        k, d = self.means_.shape
        of_covariances = {"full": k * d * (d + 1) // 2, "tied": d * (d + 1) // 2, "diag": k * d, "spherical": k}
        return of_covariances[self.covariance_type] + k * d + k - 1

    def _check_parameters(self) -> None:
        check_positive(n_components=self.n_components, max_iter=self.max_iter, n_init=self.n_init)
        check_choice("covariance_type", self.covariance_type, COVARIANCE_TYPES)
        for name in ("tol", "reg_covar"):
            value = getattr(self, name)
            if not (isinstance(value, int | float | np.number) and value >= 0):
                raise ValueError(f"expected {name} >= 0, got {value!r}")

    def _print_history(self, result: GaussianMixtureResult) -> None:
        for i, bound in enumerate(result.lower_bounds if self.verbose > 1 else (), 1):
            print(f"iteration {i}: mean log-likelihood {bound:.6g}")
        ending = "converged" if result.converged else f"stopped by max_iter={self.max_iter}"
        print(f"EM {ending} after {result.n_iter} iterations with mean log-likelihood {result.log_likelihood:.6g}")
