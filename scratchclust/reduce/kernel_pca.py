"""Kernel PCA, fast: the twin of `scratchclust/reference/kernel_pca.py`, where the mathematics is explained.

How the leading eigenvectors of the centred kernel matrix are found depends on what is asked for:

- "linear" and "cosine" need no kernel matrix: they are PCA of the points, or of the points scaled to length 1. The axes
  themselves are then the landmarks.
- Few axes of many points: the matrix is made by blocks on all devices in float32, and block Lanczos multiplies by it
  (`leading_eigenpairs.py`).
- Few points or many axes: all of the eigenproblem, on the host in float64.
- Beyond the memory limit: Nystroem, with sums over blocks of rows; never more than m x m numbers.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.distances import centre_of, check_range
from scratchclust.errors import InputError
from scratchclust.reduce.kernel_blocks import (
    comparable,
    directions,
    kernel_blocks,
    numbers_of,
    parts_of,
    project,
    sums_of_kernel,
    times_blocks,
)
from scratchclust.reduce.leading_eigenpairs import leading_eigenpairs
from scratchclust.reduce.pca import pca
from scratchclust.results import KernelPCAResult

AnyArray = Array | np.ndarray
KERNELS = ("linear", "rbf", "poly", "cosine")
MEMORY_LIMIT = 2**31  # bytes of K in float64: 16,384 points
NEGLIGIBLE = 1e-12  # of the largest eigenvalue in float64: no more than rounding
NEGLIGIBLE_IN_FLOAT32 = 1e-6
FEW = 2048  # points whose eigenproblem is solved whole
EXP = 100  # multiplications that an exponential or a power is worth


def kernel_matrix(
    X: Real[AnyArray, "m d"],
    Y: Real[AnyArray, "n d"],
    *,
    kernel: str = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> Float[np.ndarray, "m n"]:
    """k(x_i, y_j), on the host in float64.

    Args:
        X, Y: points.
        kernel: "linear", "rbf", "poly" or "cosine".
        gamma: of "rbf" and "poly"; None means 1 / d.
        degree, coef0: of "poly".

    Raises:
        InputError: an unknown kernel.
    """
    _check_kernel(kernel)
    gamma, degree, coef0 = numbers_of(X.shape[1], kernel, gamma, degree, coef0)
    x, y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    if kernel == "rbf":
        x, y = x - y.mean(axis=0), y - y.mean(axis=0)
    if kernel == "cosine":
        x, y = np.asarray(directions(x)), np.asarray(directions(y))
    K = x @ y.T
    if kernel == "poly":
        return (gamma * K + coef0) ** degree
    if kernel == "rbf":  # -gamma |x - y|^2, expanded, in the memory of K
        K *= 2
        K -= (x**2).sum(axis=1)[:, None]
        K -= (y**2).sum(axis=1)[None, :]
        np.exp(gamma * np.minimum(K, 0, out=K), out=K)
    return K


def kernel_pca(
    X: Real[AnyArray, "n d"],
    n_components: int | None = None,
    *,
    key: PRNGKeyArray,
    kernel: str = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
    memory_limit: int = MEMORY_LIMIT,
    n_landmarks: int = 2048,
) -> KernelPCAResult:
    """The leading principal axes of the images of the points.

    Args:
        X: points, at least two.
        n_components: q; None keeps every axis with variance.
        key: draws the landmarks, and where the iteration for few axes begins.
        kernel, gamma, degree, coef0: as for `kernel_matrix`.
        memory_limit: bytes that K may take, 8 n^2; beyond it the result is Nystroem's ("linear" and "cosine" need no
            K as long as there are few features).
        n_landmarks: m, for Nystroem.

    Raises:
        InputError: an argument that cannot be used; NaN, infinity, or numbers whose squares leave the range of float32.

    Warns:
        UserWarning: K would not fit the memory limit, and landmarks stand for the points.
    """
    _check_arguments(X, n_components, kernel, n_landmarks)
    n, d = X.shape
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    if kernel in ("linear", "cosine") and 8 * min(n, d) ** 2 <= memory_limit:
        return _by_axes(X, n_components, **given)
    if 8 * n**2 > memory_limit:
        m = min(n_landmarks, n)
        warnings.warn(
            f"the kernel of {n:,} points would take {8 * n**2:,} bytes, more than the limit of {memory_limit:,}: "
            f"{m:,} random points stand for all of them (Nystroem), and the result is approximate",
            stacklevel=2,
        )
        return nystroem(X, X[np.sort(np.asarray(jax.random.permutation(key, n)[:m]))], n_components, **given)
    if n > FEW and n_components is not None and n_components <= n // 32:
        return _by_products(X, n_components, key, **given)
    K = kernel_matrix(X, X, **given)
    means = K.mean(axis=0)
    K -= means[None, :]
    K -= (means - means.mean())[:, None]
    eigenvalues, vectors = _leading(K, n_components, NEGLIGIBLE)
    return _result(X, means, vectors / np.sqrt(eigenvalues), eigenvalues, vectors, **given)


def nystroem(
    X: Real[AnyArray, "n d"],
    landmarks: Real[AnyArray, "m d"],
    n_components: int | None = None,
    *,
    kernel: str = "linear",
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
        The result; cost O(n m (d + m) + m^3) time, memory O(n d + m^2). Axes that the rounding of float32 drowns, with
        eigenvalues below a millionth of the largest, are left out.

    Raises:
        InputError: an unknown kernel.
    """
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    K = kernel_matrix(landmarks, landmarks, **given)
    about = K.mean(axis=0)
    sums, scatter = np.zeros(len(K)), np.zeros(K.shape)
    centre = centre_of(landmarks)
    of_landmarks, numbers = comparable(landmarks, centre, kernel), numbers_of(X.shape[1], **given)
    for part in parts_of(X, centre, kernel, len(K) * (len(K) + X.shape[1])):
        found = rows.finished(sums_of_kernel(part, of_landmarks, about, numbers, kernel))
        sums, scatter = sums + np.asarray(found[0], np.float64), scatter + np.asarray(found[1], np.float64)
    scatter -= np.outer(sums, sums) / len(X)
    roots, vectors = _leading(K, None, NEGLIGIBLE_IN_FLOAT32)
    W = vectors / np.sqrt(roots)
    eigenvalues, vectors = _leading(W.T @ scatter @ W, n_components, NEGLIGIBLE_IN_FLOAT32)
    coefficients = W @ vectors
    return _result(landmarks, about + sums / len(X), coefficients, eigenvalues, coefficients, **given)


def transform(X: Real[AnyArray, "n d"], result: KernelPCAResult) -> Float[Array, "n q"]:
    """Coordinates along the axes, sum_j (k(x, x_j) - k_j) a_jq.

    Args:
        X: points, those of the fit or new ones.
        result: from `kernel_pca` or `nystroem`.
    """
    kernel, centre, found, left = result.kernel, centre_of(result.landmarks), [], len(X)
    of_landmarks = comparable(result.landmarks, centre, kernel)
    numbers = numbers_of(X.shape[1], kernel, result.gamma, result.degree, result.coef0)
    means, coefficients = (np.asarray(array, np.float64) for array in (result.kernel_means, result.coefficients))
    for part in parts_of(X, centre, kernel, len(means) * sum(coefficients.shape)):
        n_here = min(left, part.arrays[1].size)
        found.append(rows.join(project(part, of_landmarks, means, coefficients, numbers, kernel), n_here))
        left -= n_here
    return jnp.concatenate(found)


def _by_axes(
    X: AnyArray, n_components: int | None, kernel: str, gamma: float | None, degree: float, coef0: float
) -> KernelPCAResult:
    """A kernel that is an inner product of the points, or of their directions: PCA."""
    X = X if kernel == "linear" else directions(X)
    found = pca(X, None if n_components is None else min(n_components, *X.shape))
    eigenvalues = np.asarray(found.singular_values, np.float64) ** 2
    if not eigenvalues[0] > 0:
        raise InputError("all points have the same image under the kernel: there is no axis along which they vary")
    axes = np.asarray(found.components, np.float64)[eigenvalues > NEGLIGIBLE_IN_FLOAT32 * eigenvalues[0]]
    eigenvalues, means = eigenvalues[: len(axes)], axes @ np.asarray(found.mean, np.float64)
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    result = _result(axes, means, np.eye(len(axes)), eigenvalues, None, **given)
    coordinates = np.asarray(transform(X, result))
    return _result(axes, means, np.eye(len(axes)), eigenvalues, coordinates, **given)


def _by_products(
    X: AnyArray, n_components: int, key: Array, kernel: str, gamma: float | None, degree: float, coef0: float
) -> KernelPCAResult:
    """The leading eigenvectors of K' = H K H with H = I - 1/n; for centred columns V it is K' V = H (K V)."""
    given: dict[str, Any] = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    n, d = X.shape
    centre, numbers = centre_of(X), numbers_of(d, **given)
    of_points, parts = comparable(X, centre, kernel), parts_of(X, centre, kernel, n * (d + EXP))
    matrix = [rows.Rows((rows.finished(kernel_blocks(part, of_points, numbers, kernel)),), part.mesh) for part in parts]

    def times(vectors: np.ndarray) -> np.ndarray:
        found = (
            rows.finished(times_blocks(part, (vectors - vectors.mean(axis=0)).astype(np.float32))) for part in matrix
        )
        joined = np.concatenate([np.asarray(blocks, np.float64).reshape(-1, vectors.shape[1]) for blocks in found])[:n]
        return joined - joined.mean(axis=0)

    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    eigenvalues, vectors = leading_eigenpairs(times, n, n_components, rng=rng)
    kept = eigenvalues > max(NEGLIGIBLE_IN_FLOAT32 * eigenvalues[0], 0)
    if not kept.any():
        raise InputError("all points have the same image under the kernel: there is no axis along which they vary")
    ones = np.ones((n, 1), np.float32) / np.float32(n)
    means = np.concatenate([np.asarray(rows.finished(times_blocks(part, ones))).reshape(-1) for part in matrix])[:n]
    eigenvalues, vectors = eigenvalues[kept], vectors[:, kept]
    return _result(X, means.astype(np.float64), vectors / np.sqrt(eigenvalues), eigenvalues, vectors, **given)


def _leading(symmetric: np.ndarray, q: int | None, negligible: float) -> tuple[np.ndarray, np.ndarray]:
    """The q largest eigenvalues, falling, those that are more than rounding; and their unit eigenvectors in columns."""
    size = len(symmetric)
    wanted = None if q is None or q >= size else [size - q, size - 1]
    eigenvalues, vectors = scipy.linalg.eigh(symmetric, subset_by_index=wanted)
    eigenvalues, vectors = eigenvalues[::-1], vectors[:, ::-1]
    kept = eigenvalues > max(negligible * eigenvalues[0], 0)
    if not kept.any():
        raise InputError("all points have the same image under the kernel: there is no axis along which they vary")
    return eigenvalues[kept], vectors[:, kept]


def _result(
    landmarks: AnyArray,
    means: np.ndarray,
    coefficients: np.ndarray,
    eigenvalues: np.ndarray,
    signed: np.ndarray | None,
    *,
    kernel: str,
    gamma: float | None,
    degree: float,
    coef0: float,
) -> KernelPCAResult:
    """The result; where `signed` is given, with the signs that make its largest entry in each column positive."""
    if signed is not None:
        largest = np.abs(signed).argmax(axis=0)
        coefficients = coefficients * np.sign(signed[largest, np.arange(signed.shape[1])])
    gamma, _, _ = numbers_of(landmarks.shape[1], kernel, gamma, degree, coef0)
    return KernelPCAResult(landmarks, means, coefficients, eigenvalues, kernel, gamma, degree, coef0)


def _check_kernel(kernel: str) -> None:
    if kernel not in KERNELS:
        raise InputError(f"kernel={kernel!r} is unknown: expected one of {', '.join(map(repr, KERNELS))}")


def _check_arguments(X: AnyArray, n_components: int | None, kernel: str, n_landmarks: int) -> None:
    _check_kernel(kernel)
    if len(X) < 2:
        raise InputError(f"expected at least two points, got {len(X)}: a single one does not vary")
    if n_components is not None and not 1 <= n_components <= len(X):
        raise InputError(f"expected n_components within 1 and {len(X)}, the number of points, got {n_components}")
    if n_landmarks < 1:
        raise InputError(f"n_landmarks={n_landmarks}: expected at least 1")
    xp = np if isinstance(X, np.ndarray) else jnp
    if not bool(xp.isfinite(X).all()):
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    check_range(X, float(xp.abs(X).max()) ** 2)
