"""Kernel PCA, fast: the twin of `scratchclust/reference/kernel_pca.py`, where the mathematics is
explained.

How the leading eigenvectors of the centred kernel matrix are found depends on what is asked for:

- "linear" and "cosine" need no kernel matrix: they are PCA of the points, or of the points scaled
  to length 1. The axes themselves are then the landmarks, and the mean is taken from the points
  first.
- Few axes of many points: the matrix is made by blocks on all devices, and block Lanczos multiplies
  by it (`leading_eigenpairs.py`).
- Few points or many axes, and every kernel that is a function or a matrix: all of the eigenproblem,
  on the host in float64.
- Beyond the memory limit: Nystroem, with sums over blocks of rows; never more than m x m numbers.

On the devices float64 NumPy arrays are computed with in float64, others in float32, as long as it
can carry the digits of the kernel (`kernel_blocks.carriable`); else in float64 too.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.distances import check_range
from scratchclust.errors import InputError
from scratchclust.reduce.kernel_pca_parts.blocks import (
    carriable,
    centre_for,
    comparable,
    kernel_blocks,
    parts_of,
    project,
    times_blocks,
)
from scratchclust.reduce.kernel_pca_parts.kernels import (
    ALIKE,
    FLOAT64_EPS,
    KERNELS,
    NEGLIGIBLE,
    NEGLIGIBLE_OF_SUMS,
    ROUNDING,
    Kernel,
    check_finite,
    check_kernel,
    check_that_some_are_alike,
    directions,
    kernel_matrix,
    leading,
    no_axis,
    numbers_of,
    result_of,
    sums_of,
)
from scratchclust.reduce.kernel_pca_parts.nystroem import nystroem
from scratchclust.reduce.leading_eigenpairs import Lanczos, leading_eigenpairs
from scratchclust.reduce.pca import pca
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.results import KernelPCAResult

__all__ = ["KERNELS", "kernel_matrix", "kernel_pca", "nystroem", "transform"]

AnyArray = Array | np.ndarray
MEMORY_LIMIT = 2**31  # bytes of K in float64: 16,384 points
TOLERANCE = {
    np.dtype(np.float32): 1e-6,
    np.dtype(np.float64): 1e-10,
}  # of Lanczos: what the products can give
FEW = 2048  # points whose eigenproblem is solved whole
EXP = 100  # multiplications that an exponential or a power is worth
ON_HOST = 10**7  # multiplications in float64 for which nothing is compiled


def kernel_pca(
    X: Real[AnyArray, "n d"],
    n_components: int | None = None,
    *,
    key: PRNGKeyArray,
    kernel: Kernel = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
    memory_limit: int = MEMORY_LIMIT,
    n_landmarks: int = 2048,
    algorithm: str | Lanczos = "auto",
) -> KernelPCAResult:
    """The leading principal axes of the images of the points.

    Args:
        X: points, at least two.
        n_components: q; None keeps every axis with variance.
        key: draws the landmarks, and where the iteration for few axes begins.
        kernel, gamma, degree, coef0: as for `kernel_matrix`; "precomputed" if X is K [n n] itself.
        memory_limit: bytes that K may take, 8 n^2; beyond it the result is Nystroem's ("linear" and
            "cosine" need no K as long as there are few features; a K that is given is there
            already).
        n_landmarks: m, for Nystroem.
        algorithm: "dense" (all of the eigenproblem, on the host), a `Lanczos` (its iteration; q
            must be less than n), or "auto": the iteration for at most n / 32 axes of more than
            2,048 points.

    Raises:
        InputError: an argument that cannot be used; NaN, infinity, or numbers whose squares leave
            the range of the products; a kernel that overflows or tells no points apart; one that
            was given and is no inner product.

    Warns:
        UserWarning: K would not fit the memory limit, and landmarks stand for the points.
    """
    _check_arguments(X, n_components, kernel, n_landmarks)
    n, d = X.shape
    given: dict[str, Any] = {"kernel": kernel, "gamma": numbers_of(d, gamma, degree, coef0)[0]}
    given |= {"degree": degree, "coef0": coef0}
    if kernel in ("linear", "cosine") and 8 * min(n, d) ** 2 <= memory_limit:
        return _by_axes(X, n_components, **given)
    if 8 * n**2 > memory_limit and kernel != "precomputed":
        m = min(n_landmarks, n)
        warnings.warn(
            f"the kernel of {n:,} points would take {8 * n**2:,} bytes, more than the limit of {memory_limit:,}: "
            f"{m:,} random points stand for all of them (Nystroem), and the result is approximate",
            stacklevel=2,
        )
        return nystroem(
            X, X[np.sort(np.asarray(jax.random.permutation(key, n)[:m]))], n_components, **given
        )
    few = algorithm == "auto" and n > FEW and n_components is not None and n_components <= n // 32
    lanczos = algorithm if isinstance(algorithm, Lanczos) else Lanczos() if few else None
    if lanczos is not None and n_components is not None and n_components < n and kernel in KERNELS:
        return _by_products(X, n_components, key, lanczos, **given)
    return _by_matrix(X, n_components, **given)


def transform(X: Real[AnyArray, "n d"], result: KernelPCAResult) -> Float[AnyArray, "n q"]:
    """Coordinates along the axes, sum_j (k(x, x_j) - k_j) a_jq.

    Args:
        X: points, those of the fit or new ones; of a kernel that was given, their kernel with the
            points of the fit.
        result: from `kernel_pca` or `nystroem`.

    Returns:
        [n q], a JAX array; for float64 NumPy points a float64 NumPy array.

    Raises:
        InputError: the kernel overflows.
    """
    kernel, landmarks, left = result.kernel, result.landmarks, len(X)
    numbers = result.gamma, result.degree, result.coef0
    means, coefficients = (
        np.asarray(array, np.float64) for array in (result.kernel_means, result.coefficients)
    )
    cost = len(means) * (X.shape[1] + EXP + coefficients.shape[1])
    if kernel not in KERNELS or (is_double(X) and len(X) * cost <= ON_HOST):
        centred = _kernel_with(X, result) - means
        common = centred.mean(axis=1, keepdims=True)
        coordinates = (centred - common) @ coefficients + common * sums_of(coefficients)
    else:
        points, found = carriable(X, landmarks, kernel, numbers, result.centre), []
        centre = centre_for(landmarks, kernel, result.centre)
        with in_precision_of(points):
            there = (
                landmarks
                if kernel in ("linear", "cosine")
                else comparable(landmarks, centre, kernel)
            )
            arrays = there, means, coefficients, sums_of(coefficients)
            for part in parts_of(points, centre, kernel, len(means) * sum(coefficients.shape)):
                n_here = min(left, part.arrays[1].size)
                found.append(rows.join(project(part, arrays, numbers, kernel), n_here))
                left -= n_here
            coordinates = np.concatenate(found) if is_double(points) else jnp.concatenate(found)
    seen = (
        coordinates if isinstance(X, jax.Array) else np.asarray(coordinates)
    )  # on the host nothing is compiled
    check_finite(seen, kernel, result.degree, result.coef0)
    return coordinates if is_double(X) else jnp.asarray(coordinates)


def _kernel_with(X: AnyArray, result: KernelPCAResult) -> Any:
    """k(x, landmarks) on the host in float64."""
    if result.kernel == "precomputed":
        return np.asarray(X, np.float64)
    if result.kernel in ("linear", "cosine"):
        points = comparable(np.asarray(X, np.float64), result.centre, result.kernel)
        return points @ np.asarray(result.landmarks, np.float64).T
    given = {"gamma": result.gamma, "degree": result.degree, "coef0": result.coef0}
    return kernel_matrix(X, result.landmarks, kernel=result.kernel, **given)


def _by_axes(
    X: AnyArray, n_components: int | None, kernel: str, gamma: float, degree: float, coef0: float
) -> KernelPCAResult:
    """A kernel that is an inner product of the points, or of their directions: PCA."""
    points = X
    if kernel == "cosine":
        middle = directions(X).mean(axis=0, dtype=np.float64)
        points = directions(carriable(X, X, kernel, (gamma, degree, coef0), middle))
    found = pca(points, None if n_components is None else min(n_components, *X.shape))
    eigenvalues = np.asarray(found.singular_values, np.float64) ** 2
    largest = float(np.abs(np.asarray(found.mean)).max())
    if not eigenvalues[0] > (FLOAT64_EPS * largest) ** 2 * X.size:
        raise no_axis()
    negligible = NEGLIGIBLE if is_double(points) else NEGLIGIBLE_OF_SUMS[np.dtype(np.float32)]
    axes = np.asarray(found.components, np.float64)[eigenvalues > negligible * eigenvalues[0]]
    mean = np.asarray(found.mean, np.float64)
    centre = mean.astype(
        rows.offset_type(points)
    )  # what that rounds away is left to the means of the kernel
    eigenvalues, means = eigenvalues[: len(axes)], axes @ (mean - centre)
    given: dict[str, Any] = {
        "kernel": kernel,
        "gamma": gamma,
        "degree": degree,
        "coef0": coef0,
        "centre": centre,
    }
    result = result_of(axes, means, np.eye(len(axes)), eigenvalues, None, **given)
    coordinates = np.asarray(transform(X, result))
    return result_of(axes, means, np.eye(len(axes)), eigenvalues, coordinates, **given)


def _by_matrix(
    X: AnyArray, n_components: int | None, kernel: Kernel, gamma: float, degree: float, coef0: float
) -> KernelPCAResult:
    """All of the eigenproblem of K, or of so many of its largest eigenvalues, by LAPACK."""
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    n = len(X)
    K = np.array(X, np.float64) if kernel == "precomputed" else kernel_matrix(X, X, **given)
    with np.errstate(over="ignore"):
        means = K.mean(axis=0)
    check_finite(means, kernel, degree, coef0)
    check_that_some_are_alike(kernel, means, n, FLOAT64_EPS)
    rounding = ROUNDING * FLOAT64_EPS * n**0.5 * float(max(K.max(), -K.min()))
    K -= means[None, :]
    K -= (means - means.mean())[:, None]
    eigenvalues, vectors = leading(K, n_components, NEGLIGIBLE, rounding, kernel=kernel)
    vectors = vectors - vectors.mean(
        axis=0
    )  # 0 but for the rounding of K, which far from zero is not small
    landmarks = X[:, :0] if kernel == "precomputed" else X
    return result_of(
        landmarks, means, vectors / np.sqrt(eigenvalues), eigenvalues, vectors, **given
    )


def _by_products(
    X: AnyArray,
    n_components: int,
    key: Array,
    lanczos: Lanczos,
    kernel: str,
    gamma: float,
    degree: float,
    coef0: float,
) -> KernelPCAResult:
    """The leading eigenvectors of K' = H K H with H = I - 1/n; for centred columns V it is K' V = H
    (K V).
    """
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    n, d = X.shape
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    numbers = gamma, degree, coef0
    points, centre = carriable(X, X, kernel, numbers), centre_for(X, kernel)
    with in_precision_of(points):
        there, parts = (
            comparable(points, centre, kernel),
            parts_of(points, centre, kernel, n * (d + EXP)),
        )
        made = (rows.finished(kernel_blocks(part, there, numbers, kernel)) for part in parts)
        matrix = [rows.Rows((blocks,), part.mesh) for blocks, part in zip(made, parts, strict=True)]
        dtype = np.dtype(matrix[0].arrays[0].dtype)

        def product(vectors: np.ndarray) -> np.ndarray:
            found = (rows.finished(times_blocks(part, vectors.astype(dtype))) for part in matrix)
            return np.concatenate(
                [np.asarray(blocks, np.float64).reshape(-1, vectors.shape[1]) for blocks in found]
            )[:n]

        def times(vectors: np.ndarray) -> np.ndarray:
            images = product(vectors - vectors.mean(axis=0))
            return images - images.mean(axis=0)

        means = product(np.full((n, 1), 1 / n))[:, 0]
        check_finite(means, kernel, degree, coef0)
        check_that_some_are_alike(kernel, means, n, ALIKE[dtype])
        lanczos = lanczos if lanczos.tolerance else lanczos._replace(tolerance=TOLERANCE[dtype])
        eigenvalues, vectors = leading_eigenpairs(times, n, n_components, rng=rng, lanczos=lanczos)
    rounding = ROUNDING * float(np.finfo(dtype).eps) * n**0.5 * float(np.abs(means).max())
    kept = eigenvalues > max(NEGLIGIBLE_OF_SUMS[dtype] * eigenvalues[0], rounding)
    if not kept.any():
        raise no_axis()
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return result_of(X, means, vectors / np.sqrt(eigenvalues), eigenvalues, vectors, **given)


def _check_arguments(
    X: AnyArray, n_components: int | None, kernel: Kernel, n_landmarks: int
) -> None:
    if kernel != "precomputed":
        check_kernel(kernel)
    elif X.shape[0] != X.shape[1]:
        raise InputError(
            f'expected the kernel of each point with each, as kernel="precomputed", got {list(X.shape)}'
        )
    if len(X) < 2:
        raise InputError(f"expected at least two points, got {len(X)}: a single one does not vary")
    if n_components is not None and not 1 <= n_components <= len(X):
        raise InputError(
            f"expected n_components within 1 and {len(X)}, the number of points, got {n_components}"
        )
    if n_landmarks < 1:
        raise InputError(f"n_landmarks={n_landmarks}: expected at least 1")
    xp = np if isinstance(X, np.ndarray) else jnp
    if not bool(xp.isfinite(X).all()):
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    if not is_double(X) and kernel != "precomputed":
        check_range(X, float(xp.abs(X).max()) ** 2)
