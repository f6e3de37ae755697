"""Nystroem's approximation of kernel PCA, fast: landmarks stand for the points, and sums run over
blocks of rows.

Part of the twin of `scratchclust/reference/kernel_pca.py`, where the mathematics is explained.
"""

import numpy as np
from jaxtyping import Real

from scratchclust import rows
from scratchclust.constants import KERNEL_ROUNDING_EPS
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
    Kernel,
    check_finite,
    check_that_some_are_alike,
    leading,
    result_of,
)
from scratchclust.reduce.precision import in_precision_of
from scratchclust.results import KernelPCAResult
from scratchclust.rows import AnyArray


def by_landmarks(
    X: Real[AnyArray, "n d"],
    landmarks: Real[AnyArray, "m d"],
    n_components: int | None,
    kernel: Kernel,
) -> KernelPCAResult:
    """The axes from the eigenvectors of C [m m].

    The kernel with the landmarks is summed about its mean over the landmarks, so that little
    cancels where the mean over the points is taken away afterwards.
    """
    n = len(X)
    K = kernel.of(landmarks, landmarks)
    about = K.mean(axis=0)
    sums, scatter, dtype = _sums(X, landmarks, about, kernel)
    check_finite(scatter, kernel)
    means = about + sums / n
    check_that_some_are_alike(kernel, means, n, ALIKE[dtype])
    scatter -= np.outer(sums, sums) / n
    negligible = NEGLIGIBLE_OF_SUMS[dtype]
    roots, vectors = leading(K, None, negligible=negligible)
    W = vectors / np.sqrt(roots)
    eps = float(np.finfo(dtype).eps)
    rounding = KERNEL_ROUNDING_EPS * eps * n**0.5 * float(np.abs(K).max())
    eigenvalues, vectors = leading(W.T @ scatter @ W, n_components, rounding, negligible=negligible)
    coefficients = W @ vectors
    return result_of(landmarks, means, coefficients, eigenvalues, kernel, signed=coefficients)


def _sums(
    X: AnyArray, landmarks: AnyArray, about: np.ndarray, kernel: Kernel
) -> tuple[np.ndarray, np.ndarray, np.dtype]:
    """The sum [m] and the sum of outer products [m m] of k(x, L) - about, and the precision in
    which they were taken.
    """
    if callable(kernel.name):
        features = kernel.of(X, landmarks) - about
        return features.sum(axis=0), features.T @ features, np.dtype(np.float64)
    m = len(about)
    sums = np.zeros(m)
    scatter = np.zeros((m, m))
    points = carriable(X, landmarks, kernel)
    centre = centre_for(landmarks, kernel)
    with in_precision_of(points):
        there = comparable(landmarks, centre, kernel)
        for part in parts_of(points, centre, kernel, m * (m + X.shape[1])):
            found = sums_of_kernel(part.data, there, about, kernel.numbers, kernel.name)
            of_part, of_products = rows.finished(found)
            sums = sums + np.asarray(of_part, np.float64)
            scatter = scatter + np.asarray(of_products, np.float64)
        return sums, scatter, np.dtype(rows.float_type(points))
