"""Kernel PCA, fast: the twin of `scratchclust/reference/kernel_pca.py`.

The mathematics is explained there. Here the way to the leading eigenvectors of the centred kernel
matrix depends on what is asked for:

- "linear" and "cosine" need no kernel matrix: they are PCA of the points, or of the points scaled
  to length 1 (`_by_axes`). The axes themselves are then the landmarks, and the mean is taken from
  the points first.
- Few axes of many points: the matrix is made by blocks on all devices, and block Lanczos multiplies
  by it (`by_products` in `kernel_pca_parts/products.py`).
- Few points or many axes, and every kernel that is a function or a matrix: all of the eigenproblem,
  on the host in float64 (`_by_matrix`).
- Beyond the memory limit: Nystroem, with sums over blocks of rows; never more than m x m numbers
  (`by_landmarks` in `kernel_pca_parts/nystroem.py`).

Where the steps of the definition are:

    k(x, y)                         `Kernel.of` in `kernel_pca_parts/kernels.py`, on the host;
                                    `_values` in `kernel_pca_parts/blocks.py`, on the devices
    K' and its eigenvectors         `_by_matrix`; `KernelMatrix.times_centred` and `by_products`
    eigenvalues that are rounding   `leading` in `kernel_pca_parts/kernels.py`
    C, W and V of the landmarks     `by_landmarks`
    (k(x, x_j) - k_j) a_jq          `_project_on_host`; `project` in `kernel_pca_parts/blocks.py`
    sum_j a_jq, the signs           `sums_of`, `result_of` in `kernel_pca_parts/kernels.py`

On the devices float64 NumPy arrays are computed with in float64, others in float32, as long as it
can carry the digits of the kernel (`carriable` in `kernel_pca_parts/blocks.py`); else in float64
too.
"""

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.checks import finite, function, one_of, whole
from scratchclust.constants import (
    KERNEL_BYTES,
    KERNEL_ROUNDING_EPS,
    KERNELS,
    N_LANDMARKS,
    NEGLIGIBLE_EIGENVALUE,
)
from scratchclust.distances import check_range
from scratchclust.errors import InputError
from scratchclust.reduce.kernel_pca_parts.blocks import (
    Axes,
    carriable,
    centre_for,
    comparable,
    parts_of,
    project,
)
from scratchclust.reduce.kernel_pca_parts.kernels import (
    FLOAT64_EPS,
    NEGLIGIBLE_OF_SUMS,
    Kernel,
    check_finite,
    check_that_some_are_alike,
    directions,
    leading,
    no_axis,
    result_of,
    sums_of,
)
from scratchclust.reduce.kernel_pca_parts.nystroem import by_landmarks
from scratchclust.reduce.kernel_pca_parts.products import MULTIPLICATIONS_PER_EXP, by_products
from scratchclust.reduce.leading_eigenpairs import Lanczos
from scratchclust.reduce.pca import pca
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.results import KernelPCAResult
from scratchclust.rows import AnyArray

__all__ = ["kernel_matrix", "kernel_pca", "nystroem", "transform"]

FEW_POINTS = 2048  # up to which all of the eigenproblem is solved
POINTS_PER_AXIS = 32  # and so many for each axis that is wanted
MULTIPLICATIONS_ON_HOST = 10**7  # in float64, for which nothing is compiled


def kernel_matrix(
    X: Real[AnyArray, "m d"],
    Y: Real[AnyArray, "n d"],
    *,
    kernel: str | Callable[..., Any] = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> Float[np.ndarray, "m n"]:
    """k(x_i, y_j), on the host in float64.

    Args:
        X, Y: points.
        kernel: "linear", "rbf", "poly", "sigmoid", "cosine", or a function of two points.
        gamma: of "rbf", "poly" and "sigmoid"; None means 1 / d.
        degree: of "poly".
        coef0: of "poly" and "sigmoid".

    Raises:
        InputError: an unknown kernel, or one that overflows.
    """
    return Kernel.for_features(X.shape[1], kernel, gamma, degree, coef0).of(X, Y)


def kernel_pca(
    X: Real[AnyArray, "n d"],
    n_components: int | None = None,
    *,
    key: PRNGKeyArray,
    kernel: str | Callable[..., Any] = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
    memory_limit: int = KERNEL_BYTES,
    n_landmarks: int = N_LANDMARKS,
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
    this = Kernel.for_features(d, kernel, gamma, degree, coef0)
    if this.is_linear and 8 * min(n, d) ** 2 <= memory_limit:
        return _by_axes(X, n_components, this)
    if 8 * n**2 > memory_limit and this.name != "precomputed":
        m = min(n_landmarks, n)
        warnings.warn(
            f"the kernel of {n:,} points would take {8 * n**2:,} bytes, more than the limit of "
            f"{memory_limit:,}: {m:,} random points stand for all of them (Nystroem), and the "
            "result is approximate",
            stacklevel=2,
        )
        drawn = np.sort(np.asarray(jax.random.permutation(key, n)[:m]))
        return by_landmarks(X, X[drawn], n_components, this)
    lanczos = _lanczos_for(algorithm, n, n_components)
    if lanczos is not None and n_components is not None and not this.is_given:
        return by_products(X, n_components, this, key=key, lanczos=lanczos)
    return _by_matrix(X, n_components, this)


def nystroem(
    X: Real[AnyArray, "n d"],
    landmarks: Real[AnyArray, "m d"],
    n_components: int | None = None,
    *,
    kernel: str | Callable[..., Any] = "linear",
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
    this = Kernel.for_features(X.shape[1], kernel, gamma, degree, coef0)
    return by_landmarks(X, landmarks, n_components, this)


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
    kernel = Kernel.in_result(result)
    m, q = result.coefficients.shape
    cost = len(X) * m * (X.shape[1] + MULTIPLICATIONS_PER_EXP + q)
    if kernel.is_given or (is_double(X) and cost <= MULTIPLICATIONS_ON_HOST):
        coordinates = _project_on_host(X, result, kernel)
    else:
        coordinates = _project_in_blocks(X, result, kernel)
    # on the host nothing is compiled
    check_finite(coordinates if isinstance(X, jax.Array) else np.asarray(coordinates), kernel)
    return coordinates if is_double(X) else jnp.asarray(coordinates)


def _lanczos_for(algorithm: str | Lanczos, n: int, n_components: int | None) -> Lanczos | None:
    """When the iteration for few axes ends; None: all of the eigenproblem is solved."""
    if n_components is None or n_components >= n:
        return None
    if isinstance(algorithm, Lanczos):
        return algorithm
    few_of_many = n > FEW_POINTS and n_components <= n // POINTS_PER_AXIS
    return Lanczos() if algorithm == "auto" and few_of_many else None


def _by_axes(X: AnyArray, n_components: int | None, kernel: Kernel) -> KernelPCAResult:
    """A kernel that is an inner product of the points, or of their directions: PCA."""
    points = X
    if kernel.name == "cosine":
        middle = directions(X).mean(axis=0, dtype=np.float64)
        points = directions(carriable(X, X, kernel, middle))
    found = pca(points, None if n_components is None else min(n_components, *X.shape))
    eigenvalues = np.asarray(found.singular_values, np.float64) ** 2
    mean = np.asarray(found.mean, np.float64)
    if not eigenvalues[0] > (FLOAT64_EPS * float(np.abs(mean).max())) ** 2 * X.size:
        raise no_axis()
    negligible = (
        NEGLIGIBLE_EIGENVALUE if is_double(points) else NEGLIGIBLE_OF_SUMS[np.dtype(np.float32)]
    )
    axes = np.asarray(found.components, np.float64)[eigenvalues > negligible * eigenvalues[0]]
    # what that rounds away is left to the means of the kernel
    centre = mean.astype(rows.offset_type(points))
    result = result_of(
        axes,
        axes @ (mean - centre),
        np.eye(len(axes)),
        eigenvalues[: len(axes)],
        kernel,
        centre=centre,
    )
    # The largest coordinate is to be positive, but they are known only after the projection.
    signed = np.asarray(transform(X, result))
    return result_of(*result[:4], kernel, signed=signed, centre=centre)


def _by_matrix(X: AnyArray, n_components: int | None, kernel: Kernel) -> KernelPCAResult:
    """The axes from the eigenvectors of K' [n n], all or so many of the largest, by LAPACK."""
    n = len(X)
    K = np.array(X, np.float64) if kernel.name == "precomputed" else kernel.of(X, X)
    with np.errstate(over="ignore"):
        means = K.mean(axis=0)
    check_finite(means, kernel)
    check_that_some_are_alike(kernel, means, n, FLOAT64_EPS)
    rounding = KERNEL_ROUNDING_EPS * FLOAT64_EPS * n**0.5 * float(max(K.max(), -K.min()))
    K -= means[None, :]
    K -= (means - means.mean())[:, None]
    eigenvalues, vectors = leading(K, n_components, rounding, is_given=kernel.is_given)
    # 0 but for the rounding of K, which far from zero is not small
    vectors = vectors - vectors.mean(axis=0)
    landmarks = X[:, :0] if kernel.name == "precomputed" else X
    coefficients = vectors / np.sqrt(eigenvalues)
    return result_of(landmarks, means, coefficients, eigenvalues, kernel, signed=vectors)


def _project_on_host(X: AnyArray, result: KernelPCAResult, kernel: Kernel) -> Any:
    """The coordinates in float64, or of a kernel that was given."""
    if kernel.name == "precomputed":
        K = np.asarray(X, np.float64)
    elif kernel.is_linear:
        points = comparable(np.asarray(X, np.float64), result.centre, kernel)
        K = points @ np.asarray(result.landmarks, np.float64).T
    else:
        K = kernel.of(X, result.landmarks)
    coefficients = np.asarray(result.coefficients, np.float64)
    centred = K - np.asarray(result.kernel_means, np.float64)
    common = centred.mean(axis=1, keepdims=True)
    return (centred - common) @ coefficients + common * sums_of(coefficients)


def _project_in_blocks(X: AnyArray, result: KernelPCAResult, kernel: Kernel) -> Any:
    """The coordinates by blocks on all devices, in the precision that carries the kernel."""
    landmarks = result.landmarks
    points = carriable(X, landmarks, kernel, result.centre)
    centre = centre_for(landmarks, kernel, result.centre)
    coefficients = np.asarray(result.coefficients, np.float64)
    found = []
    with in_precision_of(points):
        axes = Axes(
            landmarks if kernel.is_linear else comparable(landmarks, centre, kernel),
            np.asarray(result.kernel_means, np.float64),
            coefficients,
            sums_of(coefficients),
        )
        for part in parts_of(points, centre, kernel, len(coefficients) * sum(coefficients.shape)):
            blocks = project(part.data, axes, kernel.numbers, kernel.name)
            found.append(rows.join(blocks, part.n))
        return np.concatenate(found) if is_double(points) else jnp.concatenate(found)


def _check_arguments(X: AnyArray, n_components: int | None, kernel: Any, n_landmarks: int) -> None:
    n = len(X)
    (one_of(*KERNELS, "precomputed") | function)("kernel", kernel)
    if kernel == "precomputed" and n != X.shape[1]:
        raise InputError(
            f'expected X to be the kernel of each point with each, as kernel="precomputed", got an '
            f"array of shape {list(X.shape)}"
        )
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one does not vary")
    if n_components is not None and not 1 <= n_components <= n:
        raise InputError(
            f"expected n_components to be from 1 to n_samples = {n}, got {n_components}"
        )
    whole(1)("n_landmarks", n_landmarks)
    finite(X)
    if not is_double(X) and kernel != "precomputed":
        check_range(X, float(abs(X).max()) ** 2)
