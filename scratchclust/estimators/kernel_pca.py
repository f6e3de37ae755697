"""Kernel PCA as an estimator, over `scratchclust.reduce.kernel_pca` and `pre_images`."""

from functools import partial
from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from scratchclust.arrays import own
from scratchclust.checks import Rule, flag, function, nothing, number, one_of, seed, that_is, whole
from scratchclust.constants import KERNEL_BYTES, KERNELS, N_LANDMARKS
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_coordinates, check_matrix, key_of, like
from scratchclust.reduce.kernel_pca import kernel_pca, transform
from scratchclust.reduce.leading_eigenpairs import Lanczos
from scratchclust.reduce.pre_images import fit_inverse, inverse_transform
from scratchclust.results import KernelPCAResult


class KernelPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Principal axes in the space of a kernel, on all local devices; a stand-in for scikit-learn's
    KernelPCA.

    `scratchclust.reference.kernel_pca` explains how. The kernel matrix of more than 16,384 points
    (2 GiB in float64) is never made: 2,048 random points then stand for all (Nystroem), and a
    warning says so.

    The points decide the digits. A float64 NumPy array is computed with in float64 throughout, and
    gives float64. Of float32 points (and small integers) the kernel is computed in float32 where
    that can carry it, else in float64: with "rbf" if the points lie hundreds of widths apart or
    nearly coincide, with "poly" and "sigmoid" if they lie far from zero, beside how much they
    differ. The eigenproblem of up to 2,048 points is solved in float64 always.

    Args:
        n_components: number of axes, at most n; None keeps every axis with variance.
        kernel: "linear", "rbf", "poly", "sigmoid", "cosine", "precomputed" (X is the kernel of the
            points with those of the fit), or a function of two points (called for each pair: slow;
            it cannot be saved).
        gamma: of "rbf", "poly" and "sigmoid"; None means 1 / n_features.
        degree: of "poly".
        coef0: of "poly" and "sigmoid".
        kernel_params: keyword arguments of a kernel that is a function.
        alpha: ridge of the regression that learns the way back; larger is smoother.
        fit_inverse_transform: learn the way back. Of more than 16,384 points 2,048 random ones
            teach it.
        eigen_solver: "auto" (iteration for at most n / 32 axes of more than 2,048 points, else
            dense), "dense", "arpack" or "randomized"; the last two both mean block Lanczos.
            "linear" and "cosine" are PCA in any case.
        tol: of the iteration: the residual, relative to the largest eigenvalue; 0 means all digits
            of the products.
        max_iter: of the iteration: products with the kernel matrix; None means 200.
        iterated_power: accepted; block Lanczos ends when it is done.
        remove_zero_eig: leave out axes without variance, where `n_components` is given too; else
            their coordinates and eigenvalues are 0.
        random_state: seed of the landmarks, and of the start of the iteration.
        copy_X: False keeps the caller's own array in `landmarks_` where it can be: do not change it
            then.
        n_jobs: accepted; all local devices take part.

    Attributes:
        eigenvalues_: [q] of the centred kernel matrix, falling.
        landmarks_: [m d], the points of fit, or those that stand for them ("linear" and "cosine":
            the axes; "precomputed": [n 0]).
        kernel_means_: [m], the mean over the points of fit of the kernel with each.
        coefficients_: [m q], by which the kernel less its means is multiplied.
        centre_: [d] or None, what is taken from the points first.
        gamma_: the gamma that was used.
        X_transformed_fit_, dual_coef_: [n q] and [n d], with `fit_inverse_transform`: the
            coordinates of the points, and what their kernel is multiplied by on the way back.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Not here: `eigenvectors_` and `X_fit_`, since neither "linear" and "cosine" nor landmarks need
    an array as long as the points (elsewhere they are `coefficients_ * sqrt(eigenvalues_)` and
    `landmarks_`). Sparse input: make it dense, by `X.toarray()`. Axes of negative eigenvalue are
    left out with "sigmoid", and refused, as in scikit-learn, with a kernel that was given. A kernel
    that overflows, or under which all points are equal or no two are alike, is refused.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_components": whole(1) | nothing,
        "kernel": one_of(*KERNELS, "precomputed") | function,
        "gamma": number(above=0) | nothing,
        "degree": number(least=0),
        "coef0": number(),
        "kernel_params": that_is("a dict", lambda value: isinstance(value, dict)) | nothing,
        "alpha": number(least=0),
        "fit_inverse_transform": flag,
        "eigen_solver": one_of("auto", "dense", "arpack", "randomized"),
        "tol": number(least=0),
        "max_iter": whole(1) | nothing,
        "iterated_power": whole(0) | one_of("auto"),
        "remove_zero_eig": flag,
        "random_state": seed,
        "copy_X": flag,
        "n_jobs": whole() | nothing,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int | None = None,
        *,
        kernel: Any = "linear",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict | None = None,
        alpha: float = 1.0,
        fit_inverse_transform: bool = False,
        eigen_solver: str = "auto",
        tol: float = 0,
        max_iter: int | None = None,
        iterated_power: Any = "auto",
        remove_zero_eig: bool = False,
        random_state: Any = None,
        copy_X: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.kernel_params = kernel_params
        self.alpha = alpha
        self.fit_inverse_transform = fit_inverse_transform
        self.eigen_solver = eigen_solver
        self.tol = tol
        self.max_iter = max_iter
        self.iterated_power = iterated_power
        self.remove_zero_eig = remove_zero_eig
        self.random_state = random_state
        self.copy_X = copy_X
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any = None) -> "KernelPCA":
        """Find the principal axes of the images of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: landmarks stand for the points, of which there are too many.
        """
        given = self._checked()
        if given.fit_inverse_transform and given.kernel == "precomputed":
            raise InputError(
                "Cannot fit_inverse_transform with a precomputed kernel: there are no points to go "
                "back to"
            )
        X = check_matrix(self, X, reset=True, minimum=2)
        key = key_of(given.random_state)
        result = kernel_pca(
            X,
            None if given.n_components is None else min(given.n_components, len(X)),
            key=key,
            kernel=_kernel_of(given),
            gamma=given.gamma,
            degree=given.degree,
            coef0=given.coef0,
            algorithm=_algorithm_of(given),
        )
        if given.n_components is not None and not given.remove_zero_eig:
            result = _with_zeros(result, min(given.n_components, len(X)))
        eigenvalues = self._in_type_of(X, result.eigenvalues)
        inverse = (
            self._inverse(X, result, key, given.alpha) if given.fit_inverse_transform else None
        )
        self._store(
            result, eigenvalues, inverse, given.copy_X
        )  # the last step: a fit that fails changes nothing
        return self

    def transform(self, X: Any) -> Any:
        """Coordinates of X [n d] along the axes, [n q].

        Raises:
            ValueError: X has another number of features, or its kernel overflows.
        """
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return self._in_type_of(X, transform(X, self._result()))

    def inverse_transform(self, X: Any) -> Any:
        """Points [n d] of coordinates X [n q], approximately.

        Raises:
            NotFittedError: the way back was not learned (a ValueError).
            ValueError: X has not a column for each axis.
        """
        if not hasattr(self, "dual_coef_"):
            raise NotFittedError(
                "the way back was not learned, and inverse_transform is not available: "
                "fit with fit_inverse_transform=True"
            )
        X = check_coordinates(X, self._n_features_out)
        found = inverse_transform(X, self.X_transformed_fit_, self.dual_coef_, self._result())
        return like(X, found, X.dtype)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefficients_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        tags.input_tags.pairwise = self.kernel == "precomputed"
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.coefficients_.shape[1]

    def _store(
        self, result: KernelPCAResult, eigenvalues: Any, inverse: tuple[Any, Any] | None, copy: bool
    ) -> None:
        for name in ("dual_coef_", "X_transformed_fit_"):  # of a fit before
            vars(self).pop(name, None)
        self.landmarks_ = np.array(result.landmarks) if copy else own(result.landmarks)
        self.kernel_means_ = own(result.kernel_means)
        self.coefficients_ = own(result.coefficients)
        self.gamma_ = result.gamma
        self.centre_ = None if result.centre is None else own(result.centre)
        self.eigenvalues_ = eigenvalues
        if inverse is not None:
            self.dual_coef_, self.X_transformed_fit_ = inverse

    def _inverse(
        self, X: Any, result: KernelPCAResult, key: jax.Array, alpha: float
    ) -> tuple[Any, Any]:
        """The way back to points, and the coordinates from which it was learned."""
        if 8 * len(X) ** 2 > KERNEL_BYTES:
            X = X[np.sort(np.asarray(jax.random.permutation(key, len(X))[:N_LANDMARKS]))]
        coordinates = np.asarray(transform(X, result), np.float64)
        found = like(X, fit_inverse(coordinates, X, result, alpha=alpha), X.dtype)
        return found, self._in_type_of(X, coordinates)

    def _in_type_of(self, X: Any, values: Any) -> Any:
        with np.errstate(over="ignore"):  # which is what we look for
            found = like(X, values, X.dtype)
        if not isinstance(X, jax.Array) and not np.isfinite(found).all():
            raise InputError(
                f"eigenvalues or coordinates leave the range of {X.dtype}: give float64, or scale X"
            )
        return found

    def _result(self) -> KernelPCAResult:
        given = self._checked()
        return KernelPCAResult(
            self.landmarks_,
            self.kernel_means_,
            self.coefficients_,
            np.asarray(self.eigenvalues_),
            _kernel_of(given),
            self.gamma_,
            given.degree,
            given.coef0,
            getattr(self, "centre_", None),  # a model that an earlier version saved has none
        )


def _kernel_of(given: SimpleNamespace) -> Any:
    if callable(given.kernel) and given.kernel_params:
        return partial(given.kernel, **given.kernel_params)
    return given.kernel


def _algorithm_of(given: SimpleNamespace) -> Any:
    if given.eigen_solver in ("auto", "dense"):
        return given.eigen_solver
    return Lanczos(given.tol, given.max_iter)


def _with_zeros(result: KernelPCAResult, n_components: int) -> KernelPCAResult:
    """The result with so many axes: those without variance have the eigenvalue 0 and the
    coordinates 0.
    """
    missing = n_components - len(result.eigenvalues)
    return result._replace(
        coefficients=np.pad(result.coefficients, ((0, 0), (0, missing))),
        eigenvalues=np.pad(result.eigenvalues, (0, missing)),
    )
