"""The kernels of kernel PCA, on the host in float64, their eigenvectors, and what is said where
there is none of use.

Part of the twin of `scratchclust/reference/kernel_pca.py`, where they are defined;
`kernel_blocks.py` has them on the devices.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real

from scratchclust.distances import unit_rows
from scratchclust.errors import InputError
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.results import KernelPCAResult

AnyArray = Array | np.ndarray
Kernel = str | Callable[..., Any]
KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine")
# Of the largest eigenvalue, no more than rounding: of a whole matrix, and where sums run over the
# points, by precision.
NEGLIGIBLE = 1e-12
NEGLIGIBLE_OF_SUMS = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-9}
# eps of the largest entry, times sqrt(n): what rounding leaves of an eigenvalue of zero
ROUNDING = 4
NEGATIVE = 1e-5  # of the largest eigenvalue: one that is more below zero is not rounding
FLOAT64_EPS = float(np.finfo(np.float64).eps)
ALIKE = {
    np.dtype(np.float32): 1e-5,
    np.dtype(np.float64): FLOAT64_EPS,
}  # the sum of a row of K beyond its diagonal


def kernel_matrix(
    X: Real[AnyArray, "m d"],
    Y: Real[AnyArray, "n d"],
    *,
    kernel: Kernel = "linear",
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
    check_kernel(kernel)
    x, y = np.asarray(X, np.float64), np.asarray(Y, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # which is what we look for
        K = _kernel_matrix(x, y, kernel, *numbers_of(X.shape[1], gamma, degree, coef0))
    check_finite(K, kernel, degree, coef0)
    return K


def _kernel_matrix(
    x: np.ndarray, y: np.ndarray, kernel: Kernel, gamma: float, degree: float, coef0: float
) -> Any:
    if callable(kernel):
        return np.array([[kernel(a, b) for b in y] for a in x], np.float64)
    if kernel == "rbf":
        x, y = x - y.mean(axis=0), y - y.mean(axis=0)
    if kernel == "cosine":
        x, y = np.asarray(directions(x)), np.asarray(directions(y))
    K = x @ y.T
    if kernel == "poly":
        return (gamma * K + coef0) ** degree
    if kernel == "sigmoid":
        return np.tanh(gamma * K + coef0)
    if kernel == "rbf":  # -gamma |x - y|^2, expanded, in the memory of K
        K *= 2
        K -= (x**2).sum(axis=1)[:, None]
        K -= (y**2).sum(axis=1)[None, :]
        np.exp(gamma * np.minimum(K, 0, out=K), out=K)
    return K


def numbers_of(
    n_features: int, gamma: float | None, degree: float, coef0: float
) -> tuple[float, float, float]:
    """gamma, degree and coef0 of a kernel as the compiled functions take them, whichever it is."""
    return (1 / n_features if gamma is None else gamma), degree, coef0


def directions(X: AnyArray) -> AnyArray:
    """The rows scaled to length 1, but rows of zeros, which have no direction, left as they are."""
    X = np.asarray(X)
    zero = (X == 0).all(axis=1)
    if not zero.any():
        return unit_rows(X)
    return np.where(zero[:, None], 0, unit_rows(np.where(zero[:, None], 1, X)))


def leading(
    symmetric: np.ndarray,
    q: int | None,
    negligible: float,
    rounding: float = 0.0,
    *,
    kernel: Kernel = "rbf",
) -> tuple[np.ndarray, np.ndarray]:
    """The q largest eigenvalues, falling, those that are more than rounding; and their unit
    eigenvectors in columns.

    Args:
        symmetric: the matrix.
        q: how many at most; None: all.
        negligible: what is no more than rounding, relative to the largest.
        rounding: the same, absolute.
        kernel: which may be no inner product.

    Raises:
        InputError: none is more, or some are negative though the kernel was given.
    """
    eigenvalues, vectors = largest_eigenpairs(
        symmetric, len(symmetric) if q is None else min(q, len(symmetric))
    )
    check_not_negative(kernel, eigenvalues)
    kept = eigenvalues > max(negligible * eigenvalues[0], rounding)
    if not kept.any():
        raise no_axis()
    return eigenvalues[kept], vectors[:, kept]


def sums_of(coefficients: np.ndarray) -> np.ndarray:
    """sum_j a_jq, exactly 0 where it is but for rounding: what k has in common for all landmarks,
    which far from zero is nearly all of it, must not be multiplied by that rounding."""
    sums = coefficients.sum(axis=0)
    return np.where(np.abs(sums) <= NEGLIGIBLE * np.abs(coefficients).sum(axis=0), 0, sums)


def result_of(
    landmarks: AnyArray,
    means: np.ndarray,
    coefficients: np.ndarray,
    eigenvalues: np.ndarray,
    signed: np.ndarray | None,
    *,
    kernel: Kernel,
    gamma: float,
    degree: float,
    coef0: float,
    centre: np.ndarray | None = None,
) -> KernelPCAResult:
    """The result; where `signed` is given, with the signs that make its largest entry in each
    column positive.
    """
    if signed is not None:
        largest = np.abs(signed).argmax(axis=0)
        coefficients = coefficients * np.sign(signed[largest, np.arange(signed.shape[1])])
    return KernelPCAResult(
        landmarks, means, coefficients, eigenvalues, kernel, gamma, degree, coef0, centre
    )


def check_kernel(kernel: Kernel) -> None:
    """An InputError if there is no such kernel."""
    if kernel not in KERNELS and not callable(kernel):
        raise InputError(
            f"kernel={kernel!r} is unknown: expected one of {', '.join(map(repr, KERNELS))}, 'precomputed' "
            "or a function of two points"
        )


def check_finite(values: Any, kernel: Kernel, degree: float, coef0: float) -> None:
    """An InputError if a kernel, or what was computed of it, is infinite or no number."""
    xp = jnp if isinstance(values, jax.Array) else np
    if not bool(xp.isfinite(values).all()):
        raise InputError(
            f"kernel={kernel!r} with degree={degree:g} and coef0={coef0:g} gives infinity or NaN: take a smaller, "
            'whole degree, a smaller gamma or coef0, kernel="rbf", or scale X, by X / abs(X).max() for instance'
        )


def check_that_some_are_alike(kernel: Kernel, means: np.ndarray, n: int, rounding: float) -> None:
    """An InputError if K is the identity, which any axes would suit equally well; its means are 1 /
    n then.
    """
    if kernel == "rbf" and n * means.max() - 1 <= rounding:
        raise InputError(
            "no two points are alike under the kernel: their distances are many times its width; "
            "take a smaller gamma, 1 / (n_features * X.var()) for instance, or scale X"
        )


def check_not_negative(kernel: Kernel, eigenvalues: np.ndarray) -> None:
    """An InputError if a kernel that was given is no inner product along the axes that are wanted."""
    if kernel not in KERNELS and eigenvalues.min() < -NEGATIVE * eigenvalues.max():
        raise InputError(
            f"There are significant negative eigenvalues, {eigenvalues.min():.3g} beside {eigenvalues.max():.3g}: the "
            "kernel is no inner product (distances are none); ask for fewer axes (n_components), or give another"
        )


def no_axis() -> InputError:
    """What is said where the images of the points do not vary."""
    return InputError(
        "all points have the same image under the kernel: there is no axis along which they vary; "
        'take another gamma (larger for "rbf", smaller for "sigmoid"), or centre X'
    )
