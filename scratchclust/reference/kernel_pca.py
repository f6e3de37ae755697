"""Kernel PCA: the principal axes of the points after a map that nobody has to write down.

A kernel k(x, y) is an inner product phi(x) . phi(y) of images of the points:

    linear      x . y                              poly        (gamma x . y + coef0)^degree
    rbf         exp(-gamma |x - y|^2)              cosine      x . y / (|x| |y|), 0 where one is 0
    sigmoid     tanh(gamma x . y + coef0)          or any function of two points

or the matrix K itself ("precomputed"), and PCA needs no more. (sigmoid is no inner product: axes of
negative eigenvalue are left out.)

With K_ij = k(x_i, x_j), the centred images have the inner products

    K' = (I - 1/n) K (I - 1/n)                     1/n: the matrix of which every entry is 1 / n

and if u_q is a unit eigenvector of K' with eigenvalue l_q, the points have the coordinates
sqrt(l_q) u_q along the q-th axis. For a new point it is enough to take the mean of the kernel away,
k_j = mean_i k(x_i, x_j), because the entries of u_q sum to 0:

    y_q(x) = sum_j (k(x, x_j) - k_j) u_jq / sqrt(l_q)

K has n^2 entries. Beyond a memory limit m points L stand for all (Nystroem): the images are
projected onto the span of those of the landmarks, where phi(x) has the coordinates k(x, L) W with W
= K_LL^(-1/2), and PCA of these is

    C = W^T sum_i (k(x_i, L) - k_L)^T (k(x_i, L) - k_L) W  =  V diag(l) V^T
    y(x) = (k(x, L) - k_L) W V

With all points as landmarks that is the exact result. An eigenvector's sign is arbitrary: here its
entry of largest magnitude is positive. The fast twin of this file is
`scratchclust/reduce/kernel_pca.py`.

Sources: Schoelkopf, Smola & Mueller, Nonlinear component analysis as a kernel eigenvalue problem,
1998. Williams & Seeger, Using the Nystroem method to speed up kernel machines, 2001.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Real

from scratchclust.checks import finite, function, one_of, whole
from scratchclust.constants import (
    KERNEL_BYTES,
    KERNEL_ROUNDING_EPS,
    KERNELS,
    N_LANDMARKS,
    NEGATIVE_EIGENVALUE,
    NEGLIGIBLE_EIGENVALUE,
)
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances
from scratchclust.results import KernelPCAResult

EPS = float(np.finfo(np.float64).eps)
ROUNDING = KERNEL_ROUNDING_EPS * EPS  # of the largest entry, times sqrt(n)


class Kernel(NamedTuple):
    """A kernel and its numbers: k is `of`."""

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

    def of(self, X: Real[np.ndarray, "m d"], Y: Real[np.ndarray, "n d"]) -> Any:
        """k(x_i, y_j), [m n] in float64.

        Raises:
            InputError: an unknown kernel, or one that overflows.
        """
        (one_of(*KERNELS) | function)("kernel", self.name)
        with np.errstate(over="ignore", invalid="ignore"):  # which is what we look for
            K = self._values(X.astype(np.float64), Y.astype(np.float64))
        _check_finite(K, self)
        return K

    def _values(self, X: Float[np.ndarray, "m d"], Y: Float[np.ndarray, "n d"]) -> Any:
        if callable(self.name):
            return np.array([[self.name(x, y) for y in Y] for x in X], np.float64)
        if self.name == "rbf":
            return np.exp(-self.gamma * squared_distances(X, Y))
        if self.name == "poly":
            return (self.gamma * X @ Y.T + self.coef0) ** self.degree
        if self.name == "sigmoid":
            return np.tanh(self.gamma * X @ Y.T + self.coef0)
        if self.name == "cosine":
            return _unit_or_zero(X) @ _unit_or_zero(Y).T
        return X @ Y.T


def kernel_matrix(
    X: Real[np.ndarray, "m d"],
    Y: Real[np.ndarray, "n d"],
    *,
    kernel: str | Callable[..., Any] = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
) -> Float[np.ndarray, "m n"]:
    """k(x_i, y_j).

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
    X: Real[np.ndarray, "n d"],
    n_components: int | None = None,
    *,
    rng: np.random.Generator,
    kernel: str | Callable[..., Any] = "linear",
    gamma: float | None = None,
    degree: float = 3.0,
    coef0: float = 1.0,
    memory_limit: int = KERNEL_BYTES,
    n_landmarks: int = N_LANDMARKS,
) -> KernelPCAResult:
    """The leading principal axes of the images of the points.

    Args:
        X: points, at least two.
        n_components: q; None keeps every axis with variance.
        rng: draws the landmarks.
        kernel, gamma, degree, coef0: as for `kernel_matrix`; "precomputed" if X is K [n n] itself.
        memory_limit: bytes that K may take, 8 n^2; beyond it the result is Nystroem's.
        n_landmarks: m, for Nystroem.

    Raises:
        InputError: an argument that cannot be used, NaN or infinity, a kernel that overflows or
            tells no points apart, or one that was given and is no inner product.

    Warns:
        UserWarning: K would not fit the memory limit, and landmarks stand for the points.
    """
    _check_arguments(X, n_components, kernel, n_landmarks)
    n, d = X.shape
    this = Kernel.for_features(d, kernel, gamma, degree, coef0)
    if 8 * n**2 > memory_limit and this.name != "precomputed":
        m = min(n_landmarks, n)
        warnings.warn(
            f"the kernel of {n:,} points would take {8 * n**2:,} bytes, more than the limit of "
            f"{memory_limit:,}: {m:,} random points stand for all of them (Nystroem), and the "
            "result is approximate",
            stacklevel=2,
        )
        return _by_landmarks(X, X[rng.choice(n, size=m, replace=False)], n_components, this)
    return _by_matrix(X, n_components, this)


def nystroem(
    X: Real[np.ndarray, "n d"],
    landmarks: Real[np.ndarray, "m d"],
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
        The result; cost O(n m (d + m) + m^3) time.

    Raises:
        InputError: an unknown kernel, or one that overflows or tells no points apart.
    """
    this = Kernel.for_features(X.shape[1], kernel, gamma, degree, coef0)
    return _by_landmarks(X, landmarks, n_components, this)


def transform(X: Real[np.ndarray, "n d"], result: KernelPCAResult) -> Float[np.ndarray, "n q"]:
    """Coordinates along the axes, sum_j (k(x, x_j) - k_j) a_jq.

    Args:
        X: points, those of the fit or new ones.
        result: from `kernel_pca` or `nystroem`.
    """
    kernel = Kernel.in_result(result)
    K = X if kernel.name == "precomputed" else kernel.of(X, result.landmarks)
    centred = K - result.kernel_means
    common = centred.mean(axis=1, keepdims=True)
    return (centred - common) @ result.coefficients + common * _sums_of(result.coefficients)


def _by_matrix(
    X: Real[np.ndarray, "n d"], n_components: int | None, kernel: Kernel
) -> KernelPCAResult:
    """The axes from the eigenvectors of K' [n n]."""
    n = len(X)
    K = X.astype(np.float64) if kernel.name == "precomputed" else kernel.of(X, X)
    means = K.mean(axis=0)
    _check_that_some_are_alike(kernel, means, n)
    centred = K - means[None, :] - means[:, None] + means.mean()
    rounding = ROUNDING * n**0.5 * float(np.abs(K).max())
    eigenvalues, vectors = _leading(centred, n_components, rounding, is_given=kernel.is_given)
    # 0 but for the rounding of K, which far from zero is not small
    vectors = vectors - vectors.mean(axis=0)
    landmarks = X[:, :0] if kernel.name == "precomputed" else X
    return _result_of(landmarks, means, vectors / np.sqrt(eigenvalues), eigenvalues, kernel)


def _by_landmarks(
    X: Real[np.ndarray, "n d"],
    landmarks: Real[np.ndarray, "m d"],
    n_components: int | None,
    kernel: Kernel,
) -> KernelPCAResult:
    """The axes from the eigenvectors of C [m m]: Nystroem's."""
    features = kernel.of(X, landmarks)
    means = features.mean(axis=0)
    _check_that_some_are_alike(kernel, means, len(X))
    W = _inverse_root(kernel.of(landmarks, landmarks))
    projected = (features - means) @ W
    rounding = ROUNDING * float(((features @ W) ** 2).sum())
    eigenvalues, vectors = _leading(projected.T @ projected, n_components, rounding)
    return _result_of(landmarks, means, W @ vectors, eigenvalues, kernel)


def _sums_of(coefficients: Float[np.ndarray, "m q"]) -> Float[np.ndarray, " q"]:
    """sum_j a_jq, exactly 0 where it is but for rounding.

    What k has in common for all landmarks, which far from zero is nearly all of it, must not be
    multiplied by that rounding.
    """
    sums = coefficients.sum(axis=0)
    negligible = NEGLIGIBLE_EIGENVALUE * np.abs(coefficients).sum(axis=0)
    return np.where(np.abs(sums) <= negligible, 0, sums)


def _leading(
    symmetric: Float[np.ndarray, "m m"],
    n_components: int | None,
    rounding: float,
    *,
    is_given: bool = False,
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "m q"]]:
    """The largest eigenvalues, falling, that are more than rounding; their unit eigenvectors in
    columns.
    """
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    eigenvalues = eigenvalues[::-1][:n_components]
    vectors = vectors[:, ::-1][:, :n_components]
    if is_given and eigenvalues.min() < -NEGATIVE_EIGENVALUE * eigenvalues.max():
        raise InputError(
            f"There are significant negative eigenvalues, {eigenvalues.min():.3g} beside "
            f"{eigenvalues.max():.3g}: the kernel is no inner product (distances are none); ask "
            "for fewer axes (n_components), or give another"
        )
    kept = eigenvalues > max(NEGLIGIBLE_EIGENVALUE * eigenvalues[0], rounding)
    if not kept.any():
        raise InputError(
            "all points have the same image under the kernel: there is no axis along which they "
            'vary; take another gamma (larger for "rbf", smaller for "sigmoid"), or centre X'
        )
    return eigenvalues[kept], vectors[:, kept]


def _inverse_root(symmetric: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m r"]:
    """A W of W W^T = S^+, the pseudo-inverse: eigenvectors over the roots of their eigenvalues."""
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    kept = eigenvalues > NEGLIGIBLE_EIGENVALUE * eigenvalues[-1]
    return vectors[:, kept] / np.sqrt(eigenvalues[kept])


def _result_of(
    landmarks: Real[np.ndarray, "m d"],
    means: Float[np.ndarray, " m"],
    coefficients: Float[np.ndarray, "m q"],
    eigenvalues: Float[np.ndarray, " q"],
    kernel: Kernel,
) -> KernelPCAResult:
    """The result with its signs settled."""
    largest = np.abs(coefficients).argmax(axis=0)
    signs = np.sign(coefficients[largest, np.arange(coefficients.shape[1])])
    return KernelPCAResult(landmarks, means, coefficients * signs, eigenvalues, *kernel)


def _unit_or_zero(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)


def _check_finite(K: Float[np.ndarray, "m n"], kernel: Kernel) -> None:
    """Refuse a kernel that is infinite or no number."""
    if not np.isfinite(K).all():
        raise InputError(
            f"kernel={kernel.name!r} with degree={kernel.degree:g} and coef0={kernel.coef0:g} "
            "gives infinity or NaN: take a smaller, whole degree, a smaller gamma or coef0, "
            'kernel="rbf", or scale X, by X / abs(X).max() for instance'
        )


def _check_that_some_are_alike(kernel: Kernel, means: Float[np.ndarray, " m"], n: int) -> None:
    """Refuse a K that is the identity (its means are 1 / n): any axes would suit it."""
    if kernel.name == "rbf" and n * means.max() - 1 <= EPS:
        raise InputError(
            "no two points are alike under the kernel: their distances are many times its width; "
            "take a smaller gamma, 1 / (n_features * X.var()) for instance, or scale X"
        )


def _check_arguments(
    X: Real[np.ndarray, "n d"], n_components: int | None, kernel: Any, n_landmarks: int
) -> None:
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
