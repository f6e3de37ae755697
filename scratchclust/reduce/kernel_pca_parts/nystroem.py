"""Nystroem's approximation of kernel PCA, fast: landmarks stand for the points, and sums run over
blocks of rows.

Part of the twin of `scratchclust/reference/kernel_pca.py`, where the mathematics is explained.
"""

from typing import Any

import numpy as np
from jaxtyping import Array, Real

from scratchclust import rows
from scratchclust.reduce.kernel_pca_parts.blocks import (
    carriable,
    centre_for,
    comparable,
    parts_of,
    sums_of_kernel,
)
from scratchclust.reduce.kernel_pca_parts.kernels import (
    ALIKE,
    NEGLIGIBLE_OF_SUMS,
    ROUNDING,
    Kernel,
    check_finite,
    check_that_some_are_alike,
    kernel_matrix,
    leading,
    numbers_of,
    result_of,
)
from scratchclust.reduce.precision import in_precision_of
from scratchclust.results import KernelPCAResult

AnyArray = Array | np.ndarray


def nystroem(
    X: Real[AnyArray, "n d"],
    landmarks: Real[AnyArray, "m d"],
    n_components: int | None = None,
    *,
    kernel: Kernel = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> KernelPCAResult:
    """Kernel PCA of the images of the points as projected onto the span of those of the landmarks.

    Args:
        X: points.
        landmarks: L.
        n_components, kernel, gamma, degree, coef0: as for `kernel_pca`.

    Returns:
        The result; cost O(n m (d + m) + m^3) time, memory O(n d + m^2). Axes that the rounding of
        the sums drowns, with eigenvalues below a millionth of the largest (1e-9 in float64), are
        left out.

    Raises:
        InputError: an unknown kernel, or one that overflows or tells no points apart.
    """
    numbers = numbers_of(X.shape[1], gamma, degree, coef0)
    given: dict[str, Any] = dict(
        zip(("kernel", "gamma", "degree", "coef0"), (kernel, *numbers), strict=True)
    )
    K = kernel_matrix(landmarks, landmarks, **given)
    about = K.mean(axis=0)
    sums, scatter, dtype = _sums(X, landmarks, about, kernel, numbers)
    check_finite(scatter, kernel, degree, coef0)
    check_that_some_are_alike(kernel, about + sums / len(X), len(X), ALIKE[dtype])
    scatter -= np.outer(sums, sums) / len(X)
    roots, vectors = leading(K, None, NEGLIGIBLE_OF_SUMS[dtype])
    W = vectors / np.sqrt(roots)
    rounding = ROUNDING * float(np.finfo(dtype).eps) * len(X) ** 0.5 * float(np.abs(K).max())
    eigenvalues, vectors = leading(
        W.T @ scatter @ W, n_components, NEGLIGIBLE_OF_SUMS[dtype], rounding
    )
    coefficients = W @ vectors
    return result_of(
        landmarks, about + sums / len(X), coefficients, eigenvalues, coefficients, **given
    )


def _sums(
    X: AnyArray,
    landmarks: AnyArray,
    about: np.ndarray,
    kernel: Kernel,
    numbers: tuple[float, float, float],
) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """The sum [m] and the sum of outer products [m m] of k(x, L) - about, and in which precision
    they were taken.
    """
    if callable(kernel):
        features = kernel_matrix(X, landmarks, kernel=kernel) - about
        return features.sum(axis=0), features.T @ features, np.dtype(np.float64)
    m = len(about)
    sums, scatter = np.zeros(m), np.zeros((m, m))
    points, centre = carriable(X, landmarks, kernel, numbers), centre_for(landmarks, kernel)
    with in_precision_of(points):
        there = comparable(landmarks, centre, kernel)
        for part in parts_of(points, centre, kernel, m * (m + X.shape[1])):
            found = rows.finished(sums_of_kernel(part, there, about, numbers, kernel))
            sums, scatter = (
                sums + np.asarray(found[0], np.float64),
                scatter + np.asarray(found[1], np.float64),
            )
        return sums, scatter, np.dtype(rows.float_type(points))
