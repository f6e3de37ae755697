"""The kernels of kernel PCA, on the host in float64, their eigenvectors, and what is said where
there is none of use.

Part of the twin of `scratchclust/reference/kernel_pca.py`, where they are defined; `blocks.py` has
them on the devices.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Real

from scratchclust.checks import function, one_of
from scratchclust.constants import KERNELS, NEGATIVE_EIGENVALUE, NEGLIGIBLE_EIGENVALUE
from scratchclust.distances import unit_rows
from scratchclust.errors import InputError
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.results import KernelPCAResult
from scratchclust.rows import AnyArray

FLOAT64_EPS = float(np.finfo(np.float64).eps)
# of the largest eigenvalue: one that is no more is rounding, where sums run over the points
NEGLIGIBLE_OF_SUMS = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-9}
# the sum of a row of K beyond its diagonal: one that is no more is rounding
ALIKE = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): FLOAT64_EPS}


class Kernel(NamedTuple):
    """A kernel and its numbers: k is `of`, on the host in float64."""

    name: str | Callable[..., Any]  # of KERNELS, "precomputed", or a function of two points
    gamma: float  # of "rbf", "poly" and "sigmoid"
    degree: float  # of "poly"
    coef0: float  # of "poly" and "sigmoid"

    @classmethod
    def for_features(
        cls, n_features: int, name: Any, gamma: float | None, degree: float, coef0: float
    ) -> "Kernel":
        """The kernel of points of so many features, of which gamma None is 1 / n_features."""
        return cls(name, 1 / n_features if gamma is None else gamma, degree, coef0)

    @classmethod
    def in_result(cls, result: KernelPCAResult) -> "Kernel":
        """The kernel that a result was made with."""
        return cls(result.kernel, result.gamma, result.degree, result.coef0)

    @property
    def is_given(self) -> bool:
        """Whether it came from outside, and may be no inner product."""
        return self.name not in KERNELS

    @property
    def is_linear(self) -> bool:
        """Whether it is the inner product of the points, or of their directions."""
        return self.name in ("linear", "cosine")

    @property
    def numbers(self) -> tuple[float, float, float]:
        """gamma, degree and coef0, as the compiled functions take them beside the (static) name."""
        return self.gamma, self.degree, self.coef0

    def of(self, X: Real[AnyArray, "m d"], Y: Real[AnyArray, "n d"]) -> Any:
        """k(x_i, y_j), [m n] in float64.

        Raises:
            InputError: an unknown kernel, or one that overflows.
        """
        (one_of(*KERNELS) | function)("kernel", self.name)
        with np.errstate(over="ignore", invalid="ignore"):  # which is what we look for
            K = self._values(np.asarray(X, np.float64), np.asarray(Y, np.float64))
        check_finite(K, self)
        return K

    def _values(self, x: np.ndarray, y: np.ndarray) -> Any:
        if callable(self.name):
            return np.array([[self.name(a, b) for b in y] for a in x], np.float64)
        if self.name == "rbf":
            middle = y.mean(axis=0)
            return _exponential(x - middle, y - middle, self.gamma)
        if self.name == "poly":
            return (self.gamma * (x @ y.T) + self.coef0) ** self.degree
        if self.name == "sigmoid":
            return np.tanh(self.gamma * (x @ y.T) + self.coef0)
        if self.name == "cosine":
            return np.asarray(directions(x)) @ np.asarray(directions(y)).T
        return x @ y.T


def _exponential(x: np.ndarray, y: np.ndarray, gamma: float) -> np.ndarray:
    """exp(-gamma |x - y|^2), the square expanded, in the memory of K."""
    K = x @ y.T
    K *= 2
    K -= (x**2).sum(axis=1)[:, None]
    K -= (y**2).sum(axis=1)[None, :]
    return np.exp(gamma * np.minimum(K, 0, out=K), out=K)


def directions(X: AnyArray) -> AnyArray:
    """The rows scaled to length 1, but rows of zeros, which have no direction, left as they are."""
    X = np.asarray(X)
    zero = (X == 0).all(axis=1)
    if not zero.any():
        return unit_rows(X)
    return np.where(zero[:, None], 0, unit_rows(np.where(zero[:, None], 1, X)))


def sums_of(coefficients: np.ndarray) -> np.ndarray:
    """sum_j a_jq, exactly 0 where it is but for rounding.

    What k has in common for all landmarks, which far from zero is nearly all of it, must not be
    multiplied by that rounding.
    """
    sums = coefficients.sum(axis=0)
    negligible = NEGLIGIBLE_EIGENVALUE * np.abs(coefficients).sum(axis=0)
    return np.where(np.abs(sums) <= negligible, 0, sums)


def leading(
    symmetric: np.ndarray,
    n_components: int | None,
    rounding: float = 0.0,
    *,
    negligible: float = NEGLIGIBLE_EIGENVALUE,
    is_given: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, falling, that are more than rounding; their unit eigenvectors in
    columns.

    Args:
        symmetric: the matrix [m m].
        n_components: how many at most; None: all.
        rounding: what is no more than rounding, absolute.
        negligible: the same, relative to the largest.
        is_given: whether the matrix is of a kernel that came from outside.

    Raises:
        InputError: none is more, or some are negative though the kernel was given.
    """
    m = len(symmetric)
    eigenvalues, vectors = largest_eigenpairs(symmetric, min(n_components or m, m))
    if is_given and eigenvalues.min() < -NEGATIVE_EIGENVALUE * eigenvalues.max():
        raise InputError(
            f"There are significant negative eigenvalues, {eigenvalues.min():.3g} beside "
            f"{eigenvalues.max():.3g}: the kernel is no inner product (distances are none); ask "
            "for fewer axes (n_components), or give another"
        )
    kept = eigenvalues > max(negligible * eigenvalues[0], rounding)
    if not kept.any():
        raise no_axis()
    return eigenvalues[kept], vectors[:, kept]


def result_of(
    landmarks: AnyArray,
    means: np.ndarray,
    coefficients: np.ndarray,
    eigenvalues: np.ndarray,
    kernel: Kernel,
    *,
    signed: np.ndarray | None = None,
    centre: np.ndarray | None = None,
) -> KernelPCAResult:
    """The result with its signs settled.

    Args:
        landmarks, means, coefficients, eigenvalues: as in the result.
        kernel: that it was made with.
        signed: its largest entry in each column becomes positive; None: the signs stay.
        centre: what is taken from the points first.
    """
    if signed is not None:
        largest = np.abs(signed).argmax(axis=0)
        coefficients = coefficients * np.sign(signed[largest, np.arange(signed.shape[1])])
    return KernelPCAResult(landmarks, means, coefficients, eigenvalues, *kernel, centre)


def check_finite(values: Any, kernel: Kernel) -> None:
    """Refuse a kernel if it, or what was computed of it, is infinite or no number."""
    xp = jnp if isinstance(values, jax.Array) else np
    if not bool(xp.isfinite(values).all()):
        raise InputError(
            f"kernel={kernel.name!r} with degree={kernel.degree:g} and coef0={kernel.coef0:g} "
            "gives infinity or NaN: take a smaller, whole degree, a smaller gamma or coef0, "
            'kernel="rbf", or scale X, by X / abs(X).max() for instance'
        )


def check_that_some_are_alike(kernel: Kernel, means: np.ndarray, n: int, rounding: float) -> None:
    """Refuse a K that is the identity (its means are 1 / n): any axes would suit it."""
    if kernel.name == "rbf" and n * means.max() - 1 <= rounding:
        raise InputError(
            "no two points are alike under the kernel: their distances are many times its width; "
            "take a smaller gamma, 1 / (n_features * X.var()) for instance, or scale X"
        )


def no_axis() -> InputError:
    """What is said where the images of the points do not vary."""
    return InputError(
        "all points have the same image under the kernel: there is no axis along which they "
        'vary; take another gamma (larger for "rbf", smaller for "sigmoid"), or centre X'
    )
