"""Kernel principal component analysis: the principal axes of the points after a map that nobody has
to write down.

A kernel k(x, y) is an inner product phi(x) . phi(y) of images of the points:

    linear      x . y                              poly        (gamma x . y + coef0)^degree
    rbf         exp(-gamma |x - y|^2)              cosine      x . y / (|x| |y|), 0 where one of them is 0
    sigmoid     tanh(gamma x . y + coef0)          or any function of two points, or the matrix K itself ("precomputed")

and PCA needs no more. (sigmoid is no inner product: axes of negative eigenvalue are left out.)

With K_ij = k(x_i, x_j), the centred images have the inner products

    K' = (I - 1/n) K (I - 1/n)                     1/n: the matrix of which every entry is 1 / n

and if u_q is a unit eigenvector of K' with eigenvalue l_q, the points have the coordinates
sqrt(l_q) u_q along the q-th axis. For a new point it is enough to take the mean of the kernel away,
k_j = mean_i k(x_i, x_j), because the entries of u_q sum to 0:

    y_q(x) = sum_j (k(x, x_j) - k_j) u_jq / sqrt(l_q)

K has n^2 entries. Beyond a memory limit m points L stand for all (Nystroem): the images are
projected onto the span of those of the landmarks, where phi(x) has the coordinates k(x, L) W with W
= K_LL^(-1/2), and PCA of these is

    C = W^T sum_i (k(x_i, L) - k_L)^T (k(x_i, L) - k_L) W  =  V diag(l) V^T          y(x) = (k(x, L) - k_L) W V

With all points as landmarks that is the exact result. An eigenvector's sign is arbitrary: here its
entry of largest magnitude is positive. The fast twin of this file is
`scratchclust/reduce/kernel_pca.py`.

Sources: Schoelkopf, Smola & Mueller, Nonlinear component analysis as a kernel eigenvalue problem,
1998. Williams & Seeger, Using the Nystroem method to speed up kernel machines, 2001.
"""

import warnings
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Real

from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances
from scratchclust.results import KernelPCAResult

KERNELS = ("linear", "rbf", "poly", "sigmoid", "cosine")
MEMORY_LIMIT = 2**31  # bytes of K in float64: 16,384 points
NEGLIGIBLE = 1e-12  # of the largest eigenvalue: no more than rounding
NEGATIVE = 1e-5  # of the largest eigenvalue: one that is more below zero is not rounding
EPS = float(np.finfo(np.float64).eps)
ROUNDING = (
    4 * EPS
)  # of the largest entry, times sqrt(n): what rounding leaves of an eigenvalue of zero
Kernel = str | Callable[..., float]


def kernel_matrix(
    X: Real[np.ndarray, "m d"],
    Y: Real[np.ndarray, "n d"],
    *,
    kernel: Kernel = "linear",
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
    _check_kernel(kernel)
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):  # which is what we look for
        K = _kernel_matrix(X, Y, kernel, gamma, degree, coef0)
    if not np.isfinite(K).all():
        raise InputError(
            f"kernel={kernel!r} with degree={degree:g} and coef0={coef0:g} gives infinity or NaN: take a smaller, "
            'whole degree, a smaller gamma or coef0, kernel="rbf", or scale X, by X / abs(X).max() for instance'
        )
    return K


def _kernel_matrix(
    X: Float[np.ndarray, "m d"],
    Y: Float[np.ndarray, "n d"],
    kernel: Kernel,
    gamma: float | None,
    degree: float,
    coef0: float,
) -> Float[np.ndarray, "m n"]:
    if callable(kernel):
        return np.array([[kernel(x, y) for y in Y] for x in X], np.float64)
    scale = 1 / X.shape[1] if gamma is None else gamma
    if kernel == "rbf":
        return np.exp(-scale * squared_distances(X, Y))
    if kernel == "poly":
        return (scale * X @ Y.T + coef0) ** degree
    if kernel == "sigmoid":
        return np.tanh(scale * X @ Y.T + coef0)
    if kernel == "cosine":
        X, Y = _unit_or_zero(X), _unit_or_zero(Y)
    return X @ Y.T


def kernel_pca(
    X: Real[np.ndarray, "n d"],
    n_components: int | None = None,
    *,
    rng: np.random.Generator,
    kernel: Kernel = "linear",
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
    n, given = len(X), {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    if gamma is None:
        given["gamma"] = 1 / X.shape[1]
    if 8 * n**2 > memory_limit and kernel != "precomputed":
        m = min(n_landmarks, n)
        warnings.warn(
            f"the kernel of {n:,} points would take {8 * n**2:,} bytes, more than the limit of {memory_limit:,}: "
            f"{m:,} random points stand for all of them (Nystroem), and the result is approximate",
            stacklevel=2,
        )
        return nystroem(X, X[rng.choice(n, size=m, replace=False)], n_components, **given)
    K = X.astype(np.float64) if kernel == "precomputed" else kernel_matrix(X, X, **given)
    means = K.mean(axis=0)
    _check_that_some_are_alike(kernel, means, n)
    centred = K - means[None, :] - means[:, None] + means.mean()
    eigenvalues, vectors = _leading(
        centred, n_components, ROUNDING * n**0.5 * float(np.abs(K).max()), kernel
    )
    vectors = vectors - vectors.mean(
        axis=0
    )  # 0 but for the rounding of K, which far from zero is not small
    landmarks = X[:, :0] if kernel == "precomputed" else X
    return _result(landmarks, means, vectors / np.sqrt(eigenvalues), eigenvalues, **given)


def nystroem(
    X: Real[np.ndarray, "n d"],
    landmarks: Real[np.ndarray, "m d"],
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
        The result; cost O(n m (d + m) + m^3) time.

    Raises:
        InputError: an unknown kernel, or one that overflows or tells no points apart.
    """
    given = {"kernel": kernel, "gamma": gamma, "degree": degree, "coef0": coef0}
    features = kernel_matrix(X, landmarks, **given)
    means = features.mean(axis=0)
    _check_that_some_are_alike(kernel, means, len(X))
    W = _inverse_root(kernel_matrix(landmarks, landmarks, **given))
    projected = (features - means) @ W
    eigenvalues, vectors = _leading(
        projected.T @ projected, n_components, ROUNDING * float(((features @ W) ** 2).sum())
    )
    return _result(landmarks, means, W @ vectors, eigenvalues, **given)


def transform(X: Real[np.ndarray, "n d"], result: KernelPCAResult) -> Float[np.ndarray, "n q"]:
    """Coordinates along the axes, sum_j (k(x, x_j) - k_j) a_jq.

    Args:
        X: points, those of the fit or new ones.
        result: from `kernel_pca` or `nystroem`.
    """
    given = {
        "kernel": result.kernel,
        "gamma": result.gamma,
        "degree": result.degree,
        "coef0": result.coef0,
    }
    K = X if result.kernel == "precomputed" else kernel_matrix(X, result.landmarks, **given)
    centred = K - result.kernel_means
    common = centred.mean(axis=1, keepdims=True)
    return (centred - common) @ result.coefficients + common * _sums_of(result.coefficients)


def _sums_of(coefficients: Float[np.ndarray, "m q"]) -> Float[np.ndarray, " q"]:
    """sum_j a_jq, exactly 0 where it is but for rounding: what k has in common for all landmarks,
    which far from zero is nearly all of it, must not be multiplied by that rounding."""
    sums = coefficients.sum(axis=0)
    return np.where(np.abs(sums) <= NEGLIGIBLE * np.abs(coefficients).sum(axis=0), 0, sums)


def _leading(
    symmetric: Float[np.ndarray, "m m"],
    n_components: int | None,
    rounding: float,
    kernel: Kernel = "rbf",
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "m q"]]:
    """The largest eigenvalues, falling, those that are more than rounding; and their unit
    eigenvectors in columns.
    """
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    eigenvalues, vectors = eigenvalues[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    if kernel not in KERNELS and eigenvalues.min() < -NEGATIVE * eigenvalues.max():
        raise InputError(
            f"There are significant negative eigenvalues, {eigenvalues.min():.3g} beside {eigenvalues.max():.3g}: the "
            "kernel is no inner product (distances are none); ask for fewer axes (n_components), or give another"
        )
    kept = eigenvalues > max(NEGLIGIBLE * eigenvalues[0], rounding)
    if not kept.any():
        raise InputError(
            "all points have the same image under the kernel: there is no axis along which they vary; "
            'take another gamma (larger for "rbf", smaller for "sigmoid"), or centre X'
        )
    return eigenvalues[kept], vectors[:, kept]


def _check_that_some_are_alike(kernel: Kernel, means: Float[np.ndarray, " m"], n: int) -> None:
    """An InputError if K is the identity, which any axes would suit equally well; its means are 1 /
    n then.
    """
    if kernel == "rbf" and n * means.max() - 1 <= EPS:
        raise InputError(
            "no two points are alike under the kernel: their distances are many times its width; "
            "take a smaller gamma, 1 / (n_features * X.var()) for instance, or scale X"
        )


def _inverse_root(symmetric: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m r"]:
    """A W of W W^T = S^+, the pseudo-inverse: eigenvectors divided by the roots of their
    eigenvalues.
    """
    eigenvalues, vectors = np.linalg.eigh(symmetric)
    kept = eigenvalues > NEGLIGIBLE * eigenvalues[-1]
    return vectors[:, kept] / np.sqrt(eigenvalues[kept])


def _result(
    landmarks: Real[np.ndarray, "m d"],
    means: Float[np.ndarray, " m"],
    coefficients: Float[np.ndarray, "m q"],
    eigenvalues: Float[np.ndarray, " q"],
    *,
    kernel: Kernel,
    gamma: float | None,
    degree: float,
    coef0: float,
) -> KernelPCAResult:
    """The result with its signs settled."""
    largest = np.abs(coefficients).argmax(axis=0)
    signs = np.sign(coefficients[largest, np.arange(coefficients.shape[1])])
    scale = 1 / landmarks.shape[1] if gamma is None else gamma
    return KernelPCAResult(
        landmarks, means, coefficients * signs, eigenvalues, kernel, scale, degree, coef0
    )


def _unit_or_zero(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    norms = np.linalg.norm(X, axis=1, keepdims=True)
    return X / np.where(norms > 0, norms, 1)


def _check_kernel(kernel: Kernel) -> None:
    if kernel not in KERNELS and not callable(kernel):
        raise InputError(
            f"kernel={kernel!r} is unknown: expected one of {', '.join(map(repr, KERNELS))}, 'precomputed' "
            "or a function of two points"
        )


def _check_arguments(
    X: Real[np.ndarray, "n d"], n_components: int | None, kernel: Kernel, n_landmarks: int
) -> None:
    if kernel != "precomputed":
        _check_kernel(kernel)
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
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
