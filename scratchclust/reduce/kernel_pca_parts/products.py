"""Few axes of many points: the kernel matrix by blocks on all devices, and block Lanczos, which
multiplies by it.

Part of the twin of `scratchclust/reference/kernel_pca.py`, where the mathematics is explained.
"""

import jax
import numpy as np
from jaxtyping import Array, Real

from scratchclust import rows
from scratchclust.constants import KERNEL_ROUNDING_EPS
from scratchclust.reduce.kernel_pca_parts.blocks import (
    carriable,
    centre_for,
    comparable,
    kernel_blocks,
    parts_of,
    times_blocks,
)
from scratchclust.reduce.kernel_pca_parts.kernels import (
    ALIKE,
    NEGLIGIBLE_OF_SUMS,
    Kernel,
    check_finite,
    check_that_some_are_alike,
    no_axis,
    result_of,
)
from scratchclust.reduce.leading_eigenpairs import Lanczos, leading_eigenpairs
from scratchclust.reduce.precision import in_precision_of
from scratchclust.results import KernelPCAResult
from scratchclust.rows import AnyArray

# of |A v - l v|, relative to the largest eigenvalue: what the products can give
TOLERANCE = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-10}
MULTIPLICATIONS_PER_EXP = 100  # that an exponential or a power is worth


class KernelMatrix:
    """K [n n] of the points, in blocks on all devices; all is done in their precision."""

    def __init__(self, points: AnyArray, kernel: Kernel) -> None:
        n, d = points.shape
        centre = centre_for(points, kernel)
        there = comparable(points, centre, kernel)
        self._n = n
        self._parts = []
        for part in parts_of(points, centre, kernel, n * (d + MULTIPLICATIONS_PER_EXP)):
            blocks = rows.finished(kernel_blocks(part.data, there, kernel.numbers, kernel.name))
            self._parts.append(rows.Rows((blocks,), part.data.mesh))
        self.dtype = np.dtype(self._parts[0].arrays[0].dtype)

    def times(self, vectors: Real[np.ndarray, "n b"]) -> Real[np.ndarray, "n b"]:
        """K V, in float64."""
        found = []
        for part in self._parts:
            blocks = rows.finished(times_blocks(part, vectors.astype(self.dtype)))
            found.append(np.asarray(blocks, np.float64).reshape(-1, vectors.shape[1]))
        return np.concatenate(found)[: self._n]

    def times_centred(self, vectors: Real[np.ndarray, "n b"]) -> Real[np.ndarray, "n b"]:
        """K' V = H K (H V) with H = I - 1/n."""
        images = self.times(vectors - vectors.mean(axis=0))
        return images - images.mean(axis=0)


def by_products(
    X: Real[AnyArray, "n d"], n_components: int, kernel: Kernel, *, key: Array, lanczos: Lanczos
) -> KernelPCAResult:
    """The axes from the leading eigenvectors of K', found by products with it."""
    n = len(X)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    points = carriable(X, X, kernel)
    with in_precision_of(points):
        K = KernelMatrix(points, kernel)
        means = K.times(np.full((n, 1), 1 / n))[:, 0]
        check_finite(means, kernel)
        check_that_some_are_alike(kernel, means, n, ALIKE[K.dtype])
        if not lanczos.tolerance:
            lanczos = lanczos._replace(tolerance=TOLERANCE[K.dtype])
        eigenvalues, vectors = leading_eigenpairs(
            K.times_centred, n, n_components, rng=rng, lanczos=lanczos
        )
    eps = float(np.finfo(K.dtype).eps)
    rounding = KERNEL_ROUNDING_EPS * eps * n**0.5 * float(np.abs(means).max())
    kept = eigenvalues > max(NEGLIGIBLE_OF_SUMS[K.dtype] * eigenvalues[0], rounding)
    if not kept.any():
        raise no_axis()
    eigenvalues = eigenvalues[kept]
    vectors = vectors[:, kept]
    coefficients = vectors / np.sqrt(eigenvalues)
    return result_of(X, means, coefficients, eigenvalues, kernel, signed=vectors)
