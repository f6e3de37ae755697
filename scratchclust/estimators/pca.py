"""PCA as an estimator, over the functions of `scratchclust.reduce.pca` and `probabilistic_pca`."""

from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust import rows, shares
from scratchclust.checks import Rule, flag, nothing, number, one_of, seed, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_coordinates, check_matrix, key_of, like
from scratchclust.reduce.pca import (
    arpack_pca,
    inverse_transform,
    pca_and_blocks,
    randomized_pca,
    svd_pca,
    transform,
    transform_blocks,
)
from scratchclust.reduce.precision import is_double
from scratchclust.reduce.probabilistic_pca import (
    covariance,
    likeliest_dimension,
    log_likelihood,
    precision,
)
from scratchclust.results import PCAResult
from scratchclust.streams import Source

# More features and points than that, of which few axes are wanted: "auto" is the randomised solver.
MANY = 2048
# Up to so many features and points of float64 "auto" is the most exact solver: it takes no time.
FEW = 500
ROUNDING = 1e-15  # of the total variance: a rest that is no more is none
N_ITER = 7  # iterations of the randomised solver


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Principal component analysis on all local devices; a stand-in for scikit-learn's PCA.

    The points decide the digits. A float64 NumPy array is computed with in float64 throughout, and
    gives float64. Of float32 points (and small integers, which become float32) the products are
    float32, the rest is float64: the axes are good to about 1e-6, and variances below a millionth
    of the largest count as none.

    Args:
        n_components: number of axes, at least 1; None keeps min(n, d) of them ("arpack": one less);
            a number between 0 and 1 keeps as many as explain more than that share of the variance;
            "mle" as many as Minka's estimate finds likeliest (it needs n >= d). Both need all axes,
            so neither goes with "randomized" or "arpack".
        copy: accepted; X is never written to.
        whiten: divide each coordinate by its standard deviation.
        svd_solver: "full" (singular value decomposition in float64 on the host: the most exact),
            "covariance_eigh" (exact: the covariance, or the Gram matrix if that is smaller),
            "arpack" (SciPy's iteration, in float64 on the host; fewer than min(n, d) axes),
            "randomized" (fast for many features and few axes), or "auto": randomised if min(n, d)
            exceeds 2,048 and less than a tenth of the axes is wanted, full for float64 points if n
            and d are at most 500, else covariance_eigh.
        tol: of "arpack": relative accuracy of the singular values; 0 means all digits.
        iterated_power: of "randomized": number of iterations; "auto" is 7.
        n_oversamples: of "randomized": directions beyond the axes that are wanted.
        power_iteration_normalizer: accepted: "auto", "QR", "LU", "none"; QR, the most exact, is
            always taken.
        random_state: seed of the randomised solver, and of the start of "arpack".

    Attributes:
        components_: [q d], orthonormal; in each row the entry of largest magnitude is positive. If
            n < d, an axis without variance is a row of zeros with "covariance_eigh".
        explained_variance_, explained_variance_ratio_, singular_values_: [q].
        mean_: [d].
        n_components_: q.
        noise_variance_: mean variance of the min(n, d) - q axes left out.
        n_samples_, n_features_in_, feature_names_in_: as in scikit-learn.

    Not here: sparse input (make it dense, by `X.toarray()`); `n_components=0`. Two points are
    needed at least. With `whiten=True` the covariance of the model is that of the data still, where
    scikit-learn scales the axes once more.
    """

    learns_from_shares = True
    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_components": whole(1) | number(above=0, below=1) | one_of("mle") | nothing,
        "copy": flag,
        "whiten": flag,
        "svd_solver": one_of("auto", "full", "covariance_eigh", "arpack", "randomized"),
        "tol": number(least=0),
        "iterated_power": whole(0) | one_of("auto"),
        "n_oversamples": whole(1),
        "power_iteration_normalizer": one_of("auto", "QR", "LU", "none"),
        "random_state": seed,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int | float | str | None = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: str = "auto",
        tol: float = 0.0,
        iterated_power: int | str = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: str = "auto",
        random_state: Any = None,
    ) -> None:
        self.n_components: Any = n_components
        self.copy = copy
        self.whiten = whiten
        self.svd_solver = svd_solver
        self.tol = tol
        self.iterated_power = iterated_power
        self.n_oversamples = n_oversamples
        self.power_iteration_normalizer = power_iteration_normalizer
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "PCA":
        """Find the principal axes of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """As `fit(X).transform(X)`, [n q], with the points centred once where the axes come from
        their covariance.
        """
        X, blocks = self._fit(X)
        if blocks is None:
            return self.transform(X)
        found = transform_blocks(blocks, len(X), self._result(), whiten=self._checked().whiten)
        return like(X, found, X.dtype)

    def _fit(self, X: Any) -> tuple[Any, Any]:
        """Fit; X as it was computed with, and its centred blocks if there are any."""
        given = self._checked()
        minimum = 1 if rows.is_shared() else 2
        X = check_matrix(self, X, reset=True, minimum=minimum, by_parts=True)
        n = shares.total(len(X))
        blocks = None
        n_components = _number_of_axes(given, n, X.shape[1])
        solver = _solver(given.svd_solver, X, n_components)
        if solver == "full":
            result = svd_pca(X, n_components)
        elif solver == "covariance_eigh":
            result, blocks = pca_and_blocks(X, n_components)
        elif solver == "arpack":
            result = arpack_pca(X, n_components, key=key_of(given.random_state), tol=given.tol)
        else:
            n_iter = N_ITER if given.iterated_power == "auto" else given.iterated_power
            result = randomized_pca(
                X,
                n_components,
                key=key_of(given.random_state),
                n_oversamples=given.n_oversamples,
                n_iter=n_iter,
            )
        self._store(X, n, _leading(result, given.n_components, n))
        return X, None if is_double(X) or rows.is_shared() else blocks

    def transform(self, X: Any) -> Any:
        """Coordinates of X [n d] along the axes, [n q]."""
        check_is_fitted(self)
        whiten = self._checked().whiten
        X = check_matrix(self, X, reset=False, by_parts=True)
        return like(X, transform(X, self._result(), whiten=whiten), X.dtype)

    def inverse_transform(self, X: Any) -> Any:
        """The points [n d] of coordinates X [n q].

        Raises:
            ValueError: X has not a column for each axis.
        """
        check_is_fitted(self)
        whiten = self._checked().whiten
        X = check_coordinates(X, self.n_components_)
        return like(X, inverse_transform(X, self._result(), whiten=whiten), X.dtype)

    def get_covariance(self) -> Any:
        """The covariance [d d] of the model: the variances along the axes, else the noise."""
        check_is_fitted(self)
        found = covariance(self._result(), self.noise_variance_)
        return like(self.components_, found, self.components_.dtype)

    def get_precision(self) -> Any:
        """The inverse [d d] of `get_covariance()`.

        Raises:
            ValueError: it is singular.
        """
        check_is_fitted(self)
        found = precision(self._result(), self.noise_variance_)
        return like(self.components_, found, self.components_.dtype)

    def score_samples(self, X: Any) -> Any:
        """The log-likelihood of each row of X [n d] under the model, [n].

        Raises:
            ValueError: the covariance of the model is singular.
        """
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, log_likelihood(X, self._result(), self.noise_variance_), X.dtype)

    def score(self, X: Any, y: Any = None) -> float:
        """The mean log-likelihood of the rows of X [n d]; y is ignored."""
        return float(np.mean(np.asarray(self.score_samples(X)), dtype=np.float64))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.n_components_

    def _store(self, X: Any, n: int, result: PCAResult) -> None:
        self.n_samples_ = n
        self.n_components_ = len(result.components)
        self.mean_ = like(X, result.mean, X.dtype)
        self.components_ = like(X, result.components, X.dtype)
        self.explained_variance_ = like(X, result.explained_variance, X.dtype)
        self.explained_variance_ratio_ = like(X, result.explained_variance_ratio, X.dtype)
        self.singular_values_ = like(X, result.singular_values, X.dtype)
        left_out = min(n, X.shape[1]) - self.n_components_
        rest = result.total_variance - float(np.sum(result.explained_variance))
        is_rounding = rest <= (ROUNDING * result.total_variance if is_double(X) else 0)
        self.noise_variance_ = 0.0 if is_rounding or not left_out else rest / left_out

    def _result(self) -> PCAResult:
        return PCAResult(
            self.mean_,
            self.components_,
            self.explained_variance_,
            self.explained_variance_ratio_,
            self.singular_values_,
            float("nan"),
        )


def _solver(wanted: str, X: Any, n_components: int) -> str:
    """The solver that is taken.

    Raises:
        InputError: it needs rows in memory that are read by parts.
    """
    solver = solver_for(X, n_components) if wanted == "auto" else wanted
    if isinstance(X, Source) and solver != "covariance_eigh":
        raise InputError(
            f"svd_solver={solver!r} needs all rows in memory, and these are read by parts: "
            'take "covariance_eigh"'
        )
    return solver


def solver_for(X: Any, n_components: int) -> str:
    """The solver that "auto" means."""
    if isinstance(X, Source):
        return "covariance_eigh"
    if is_double(X) and max(X.shape) <= FEW and not rows.is_shared():
        return "full"
    smaller = min(shares.total(len(X)), X.shape[1])
    few_of_many = smaller > MANY and n_components < smaller / 10
    return "randomized" if few_of_many else "covariance_eigh"


def _number_of_axes(given: SimpleNamespace, n: int, d: int) -> int:
    """How many axes are computed; a share of the variance and Minka's estimate need all of them."""
    wanted = given.n_components
    largest = min(n, d)
    if isinstance(wanted, float | str):
        if given.svd_solver in ("arpack", "randomized"):
            what = (
                "is a share of the variance, which needs all axes,"
                if isinstance(wanted, float)
                else "cannot be a string"
            )
            raise InputError(
                f"n_components={wanted!r} {what} with svd_solver={given.svd_solver!r}: "
                'take "full" or "covariance_eigh", or a whole number of axes'
            )
        if wanted == "mle" and n < d:
            raise InputError(
                f"n_components='mle' is only supported if n_samples >= n_features, got {n} and "
                f"{d}: take a share of the variance, 0.95 for instance"
            )
        return largest
    if given.svd_solver == "arpack":
        if wanted is None and largest > 1:
            return largest - 1
        if wanted is None or wanted == largest:
            raise InputError(
                f"n_components={wanted} must be strictly less than min(n_samples, n_features)="
                f"{largest} with svd_solver='arpack': ask for fewer, or take \"full\""
            )
    if wanted is not None and wanted > largest:
        raise InputError(
            f"expected n_components to be at most min(n_samples, n_features) = {largest}, "
            f"got {wanted}: ask for fewer"
        )
    return largest if wanted is None else wanted


def _leading(result: PCAResult, wanted: Any, n: int) -> PCAResult:
    """The first axes: those that explain more than the wanted share, or are likeliest."""
    if not isinstance(wanted, float | str):
        return result
    if wanted == "mle":
        q = likeliest_dimension(np.asarray(result.explained_variance, np.float64), n)
    else:
        explained = np.cumsum(result.explained_variance_ratio)
        q = int(np.searchsorted(explained, wanted, side="right")) + 1
    return result._replace(
        components=result.components[:q].copy(),
        explained_variance=result.explained_variance[:q].copy(),
        explained_variance_ratio=result.explained_variance_ratio[:q].copy(),
        singular_values=result.singular_values[:q].copy(),
    )
