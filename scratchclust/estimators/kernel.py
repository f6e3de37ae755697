"""Kernel PCA as an estimator, over the functions of `scratchclust.reduce.kernel_pca`."""

from typing import Any, no_type_check

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.reduce.kernel_pca import KERNELS, kernel_pca, transform
from scratchclust.results import KernelPCAResult


class KernelPCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Principal axes in the space of a kernel, on all local devices; a stand-in for scikit-learn's KernelPCA.

    `scratchclust.reference.kernel_pca` explains how. The kernel matrix of more than 16,384 points (2 GiB in float64) is
    never made: 2,048 random points then stand for all (Nystroem), and a warning says so.

    Args:
        n_components: number of axes; None keeps every axis with variance. Axes without variance are left out.
        kernel: "linear", "rbf", "poly" or "cosine".
        gamma: of "rbf" and "poly"; None means 1 / n_features.
        degree, coef0: of "poly".
        random_state: seed of the landmarks, and of the start of the iteration for few axes of many points.

    Attributes:
        eigenvalues_: [q] of the centred kernel matrix, falling.
        landmarks_: [m d], the points of fit, or those that stand for them ("linear" and "cosine": the axes).
        kernel_means_: [m], the mean over the points of fit of the kernel with each.
        coefficients_: [m q], by which the kernel less its means is multiplied.
        gamma_: the gamma that was used.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int | None = None,
        *,
        kernel: str = "linear",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        random_state: Any = None,
    ) -> None:
        self.n_components = n_components
        self.kernel = kernel
        self.gamma = gamma
        self.degree = degree
        self.coef0 = coef0
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "KernelPCA":
        """Find the principal axes of the images of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: landmarks stand for the points, of which there are too many.
        """
        self._check_parameters()
        X = check_matrix(self, X, reset=True, minimum=2)
        result = kernel_pca(
            X,
            None if self.n_components is None else int(self.n_components),
            key=key_of(self.random_state),
            kernel=self.kernel,
            gamma=None if self.gamma is None else float(self.gamma),
            degree=float(self.degree),
            coef0=float(self.coef0),
        )
        self.landmarks_, self.kernel_means_ = np.asarray(result.landmarks), np.asarray(result.kernel_means)
        self.coefficients_, self.gamma_ = np.asarray(result.coefficients), result.gamma
        self.eigenvalues_ = like(X, result.eigenvalues, X.dtype)
        return self

    def transform(self, X: Any) -> Any:
        """Coordinates of X [n d] along the axes, [n q]."""
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, transform(X, self._result()), X.dtype)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coefficients_")

    @property
    def _n_features_out(self) -> int:
        return self.coefficients_.shape[1]

    def _result(self) -> KernelPCAResult:
        return KernelPCAResult(
            self.landmarks_,
            self.kernel_means_,
            self.coefficients_,
            self.eigenvalues_,
            self.kernel,
            self.gamma_,
            float(self.degree),
            float(self.coef0),
        )

    def _check_parameters(self) -> None:
        if self.n_components is not None:
            check_positive(n_components=self.n_components)
        check_choice("kernel", self.kernel, KERNELS)
        if self.gamma is not None and not (isinstance(self.gamma, int | float | np.number) and self.gamma > 0):
            raise ValueError(f"expected gamma > 0 or None, got {self.gamma!r}")
        for name in ("degree", "coef0"):
            if not (isinstance(getattr(self, name), int | float | np.number)):
                raise ValueError(f"expected {name} to be a number, got {getattr(self, name)!r}")
