"""The Gaussian mixture as an estimator, over `scratchclust.cluster.gaussian_mixture`."""

import warnings
from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_is_fitted

from scratchclust import checks
from scratchclust.checks import Rule, array, flag, nothing, number, one_of, seed, verbosity, whole
from scratchclust.cluster.covariances import type_of
from scratchclust.cluster.gaussian_mixture import (
    assign,
    e_step,
    em,
    gaussian_mixture,
    log_likelihoods,
)
from scratchclust.cluster.mixtures import precisions, sample
from scratchclust.constants import COVARIANCE_TYPES, INIT_PARAMS
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_matrix, key_of, like
from scratchclust.results import GaussianMixtureResult, Mixture


class GaussianMixture(DensityMixin, Estimator):
    """A mixture of normal distributions by EM, on all local devices; a stand-in for scikit-learn's
    GaussianMixture.

    It raises the mean log-likelihood of the points; `scratchclust.reference.gaussian_mixture`
    explains how. Points in float32 are computed with in float32 on centred data, and in float64
    where a component is far narrower than the data or its covariance nearly singular. Points in
    float64 get float64's digits: few of them are computed with in float64 throughout, many in
    float32 until the likelihood settles and from there in float64 until it settles again.

    Args:
        n_components: k.
        covariance_type: "full" (a matrix for each component), "tied" (one for all), "diag" (a
            diagonal for each) or "spherical" (a single variance for each).
        tol: it has converged when the mean log-likelihood changes by less.
        reg_covar: added to every variance.
        max_iter: iterations at most, of each start; 0 leaves the start as it is.
        n_init: starts, of which the one with the largest lower bound is kept.
        init_params: "kmeans" starts from the clusters of k-means, "k-means++" and
            "random_from_data" from k of the points, "random" from random responsibilities.
        weights_init: [k], of the start, instead of what `init_params` finds; so are the next two.
        means_init: [k d].
        precisions_init: inverse covariances; [k d d] full, [d d] tied, [k d] diag, [k] spherical.
        random_state: seed of the starts and of `sample`.
        warm_start: True goes on where the last fit ended, if there was one; then there is one
            start.
        verbose: 1 prints a line for iterations and one when fit ends, 2 also by how much the
            likelihood changed.
        verbose_interval: of so many iterations the last one is printed.

    Attributes:
        weights_: [k], sum to 1.
        means_: [k d].
        covariance_type_: of the fit, with which alone `warm_start` goes on.
        covariances_: [k d d] full, [d d] tied, [k d] diag, [k] spherical; in float64, as the next
            two.
        precisions_cholesky_: the same shape: P of S^-1 = P P^T.
        precisions_: S^-1, computed when it is asked for.
        labels_: [n] int32, the most probable component of each point of fit.
        lower_bound_: the mean log-likelihood of the points of fit before the last update; -inf
            without any. `score` is that of the final mixture.
        lower_bounds_: [n_iter_], the mean log-likelihood before the update of each iteration.
        n_iter_: iterations of the best start.
        converged_: False if max_iter ended it.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Not here: sparse X, as in scikit-learn (call `.toarray()`, or reduce it first). Where
    scikit-learn's matrices have the type of X, ours are float64; its labels are int64, ours int32.

    Example:
        >>> import numpy as np
        >>> from scratchclust import GaussianMixture
        >>> X = np.array([[1.0, 2], [1, 4], [1, 0], [10, 2], [10, 4], [10, 0]])
        >>> sorted(GaussianMixture(2, random_state=0).fit(X).means_[:, 0].round(6).tolist())
        [1.0, 10.0]
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_components": whole(1),
        "covariance_type": one_of(*COVARIANCE_TYPES),
        "tol": number(least=0),
        "reg_covar": number(least=0),
        "max_iter": whole(0),
        "n_init": whole(1),
        "init_params": one_of(*INIT_PARAMS),
        "weights_init": nothing | array,
        "means_init": nothing | array,
        "precisions_init": nothing | array,
        "random_state": seed,
        "warm_start": flag,
        "verbose": verbosity,
        "verbose_interval": whole(1),
    }

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
        init_params: str = "kmeans",
        weights_init: Any = None,
        means_init: Any = None,
        precisions_init: Any = None,
        random_state: Any = None,
        warm_start: bool = False,
        verbose: int = 0,
        verbose_interval: int = 10,
    ) -> None:
        self.n_components = n_components
        self.covariance_type = covariance_type
        self.tol = tol
        self.reg_covar = reg_covar
        self.max_iter = max_iter
        self.n_init = n_init
        self.init_params = init_params
        self.weights_init = weights_init
        self.means_init = means_init
        self.precisions_init = precisions_init
        self.random_state = random_state
        self.warm_start = warm_start
        self.verbose = verbose
        self.verbose_interval = verbose_interval

    def fit(self, X: Any, y: Any = None) -> "GaussianMixture":
        """Find the mixture that most likely drew X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            ConvergenceWarning: no start that was kept converged.
            UserWarning: X has fewer distinct points than components.
        """
        given = self._checked()
        X = check_matrix(self, X, reset=True, minimum=2)
        if len(X) < given.n_components:
            raise InputError(
                f"Expected n_samples >= n_components but got n_components = {given.n_components}, "
                f"n_samples = {len(X)}: ask for fewer components"
            )
        goes_on = given.warm_start and self.__sklearn_is_fitted__()
        result = self._go_on(X, given) if goes_on else self._begin(X, given)
        mixture = result.mixture
        self.weights_ = like(X, mixture.weights, X.dtype)
        self.means_ = like(X, mixture.means, X.dtype)
        self.covariances_ = mixture.covariances
        self.precisions_cholesky_ = mixture.precisions_cholesky
        self.covariance_type_ = given.covariance_type
        self.labels_ = like(X, result.labels)
        self.lower_bounds_ = result.lower_bounds
        self.lower_bound_ = float(result.lower_bounds[-1]) if result.n_iter else -np.inf
        self.n_iter_ = result.n_iter
        self.converged_ = result.converged
        self._tell(result, given)
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """`labels_` after `fit(X)`: the most probable component of each row of X [n d], int32 [n];
        y is ignored.
        """
        return self.fit(X).labels_

    def predict(self, X: Any) -> Any:
        """The most probable component of each row of X [n d], int32 [n]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, assign(X, self._mixture(), covariance_type=self.covariance_type))

    def predict_proba(self, X: Any) -> Any:
        """The probability of each component given each row of X [n d], [n k]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, e_step(X, self._mixture(), covariance_type=self.covariance_type)[1], X.dtype)

    def score_samples(self, X: Any) -> Any:
        """The log-likelihood of each row of X [n d], [n]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(
            X, log_likelihoods(X, self._mixture(), covariance_type=self.covariance_type), X.dtype
        )

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of X [n d]; y is ignored."""
        return float(np.asarray(self.score_samples(X), np.float64).mean())

    def sample(self, n_samples: Any = 1) -> tuple[Any, Any]:
        """Points drawn from the mixture, one component after the other.

        Args:
            n_samples: n.

        Returns:
            The points [n d], in the type of `means_`, and the component of each, int32 [n].
        """
        check_is_fitted(self)
        n_samples = whole(1)("n_samples", n_samples)
        key = key_of(checks.seed("random_state", self.random_state))
        X, labels = sample(
            self._mixture(), n_samples, key=key, covariance_type=self.covariance_type
        )
        return like(self.means_, X, self.means_.dtype), like(self.means_, labels)

    def aic(self, X: Any) -> float:
        """Akaike's criterion of X, -2 log-likelihood + 2 parameters: the lower the better."""
        return -2 * self.score(X) * len(X) + 2 * self._n_parameters()

    def bic(self, X: Any) -> float:
        """The Bayesian criterion of X, -2 log-likelihood + log(n) parameters: the lower the
        better.
        """
        return -2 * self.score(X) * len(X) + float(np.log(len(X))) * self._n_parameters()

    @property
    def precisions_(self) -> np.ndarray:
        """The inverse covariances, in the shape of `covariances_`."""
        return precisions(self._mixture(), covariance_type=self.covariance_type)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "converged_")

    def _mixture(self) -> Mixture:
        weights = np.asarray(self.weights_, np.float64)
        means = np.asarray(self.means_, np.float64)
        return Mixture(weights, means, self.covariances_, self.precisions_cholesky_)

    def _n_parameters(self) -> int:
        """Free numbers of the mixture: those of the covariances and of the means, and one weight
        less than components.
        """
        k, d = self.means_.shape
        return type_of(self.covariance_type).n_parameters(k, d) + k * d + k - 1

    def _begin(self, X: Any, given: SimpleNamespace) -> GaussianMixtureResult:
        names = ("covariance_type", "tol", "reg_covar", "max_iter", "n_init")
        starts = ("init_params", "weights_init", "means_init", "precisions_init")
        settings = {name: getattr(given, name) for name in (*names, *starts)}
        return gaussian_mixture(X, given.n_components, key=key_of(given.random_state), **settings)

    def _go_on(self, X: Any, given: SimpleNamespace) -> GaussianMixtureResult:
        k = given.n_components
        d = X.shape[1]
        of_before = getattr(self, "covariance_type_", given.covariance_type)  # [k d] may be [d d]
        if of_before != given.covariance_type:
            raise InputError(
                f"expected warm_start to go on with covariance_type={of_before!r} of the fit "
                f"before, got {given.covariance_type!r}: set warm_start=False"
            )
        shape = type_of(given.covariance_type).shape(k, d)
        if self.means_.shape != (k, d) or self.covariances_.shape != shape:
            raise InputError(
                f"expected warm_start to go on from {k} components of {d} features with "
                f"covariances of the shape {list(shape)}, got means of the shape "
                f"{list(self.means_.shape)} and covariances of {list(self.covariances_.shape)}: "
                "set warm_start=False"
            )
        names = ("covariance_type", "tol", "reg_covar", "max_iter")
        settings = {name: getattr(given, name) for name in names}
        return em(X, self._mixture(), lower_bound=self.lower_bound_, **settings)

    def _tell(self, result: GaussianMixtureResult, given: SimpleNamespace) -> None:
        """Print what `verbose` asks for, and warn if EM did not converge."""
        if given.verbose:
            self._print(result, given)
        if not result.converged and given.max_iter:
            warnings.warn(
                "Best performing initialization did not converge. Try different init parameters, "
                "or increase max_iter, tol, or check for degenerate data.",
                ConvergenceWarning,
                stacklevel=3,
            )

    def _print(self, result: GaussianMixtureResult, given: SimpleNamespace) -> None:
        bounds = result.lower_bounds
        for i in range(given.verbose_interval, len(bounds) + 1, given.verbose_interval):
            line = f"iteration {i}: mean log-likelihood {bounds[i - 1]:.6g}"
            if given.verbose > 1 and i > 1:
                line += f", change {bounds[i - 1] - bounds[i - 2]:.3g}"
            print(line)
        ending = "converged" if result.converged else f"stopped by max_iter={given.max_iter}"
        print(
            f"EM {ending} after {result.n_iter} iterations "
            f"with mean log-likelihood {result.log_likelihood:.6g}"
        )
