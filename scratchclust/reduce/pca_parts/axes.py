"""The small eigenproblem of PCA, on the host in float64, and what of its result is rounding."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.rows import AnyArray

# eps of the largest eigenvalue: one that is no more counts as zero. Rounding leaves up to 0.6 of
# them (seen over ranks, shapes, offsets).
NEGLIGIBLE_EPS = 10
# Rows of a matrix of which all eigenvectors are found as soon as the few that are wanted. These ask
# for SciPy's LAPACK, beside which the threads of NumPy's go on spinning after the product: of 784
# rows all take 55 ms, 50 of them 32 ms alone and 50 ms after a product
FEW = 1024
FLOAT64_EPS = float(np.finfo(np.float64).eps)


def leading(symmetric: AnyArray, q: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """The q largest eigenvalues, falling, and their eigenvectors in columns.

    Of sums in float64 those that are no more than rounding become 0.
    """
    matrix = np.asarray(symmetric, np.float64)
    if len(matrix) <= FEW:
        eigenvalues, vectors = np.linalg.eigh(matrix)
        eigenvalues, vectors = eigenvalues[::-1][:q], vectors[:, ::-1][:, :q]
    else:
        eigenvalues, vectors = largest_eigenpairs(matrix, q)
    if symmetric.dtype == np.float64:
        eigenvalues = np.where(negligible(eigenvalues, n_features, np.float64), 0, eigenvalues)
    return eigenvalues, vectors


def negligible(variance: np.ndarray, n_features: int, dtype: Any) -> np.ndarray:
    """Where the variance [q] is no more than rounding: of the sums, or of the eigenproblem.

    `dtype` is that of the data, in which the sums were taken.
    """
    of_sums = NEGLIGIBLE_EPS * float(jnp.finfo(dtype).eps)
    return variance <= max(of_sums, n_features * FLOAT64_EPS) * variance.max()


def unit_or_zero(axes: np.ndarray, is_zero: np.ndarray) -> np.ndarray:
    """Rows [q d] scaled to length 1, or to zero where it is said so."""
    norms = np.where(is_zero, np.inf, np.linalg.norm(axes, axis=1))
    return axes / norms[:, None]
