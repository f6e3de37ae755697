"""Principal component analysis: the orthogonal directions in which the data vary most.

With m the mean row and Z = X - m, the covariance of the features is

    C = Z^T Z / (n - 1)                                             [d d]

and its eigenvectors v_1, v_2, ... of eigenvalues l_1 >= l_2 >= ... are the principal axes: v_q is
the direction of largest variance l_q among those orthogonal to the axes before. If there are fewer
points than features, the smaller Gram matrix Z Z^T / (n - 1) [n n] has the same non-zero
eigenvalues, and its eigenvectors u_q give v_q = Z^T u_q / |.|.

An eigenvector's sign is arbitrary; here the entry of largest magnitude is positive, as in
scikit-learn (the first of those that are equal but for rounding). An axis v_q without variance (l_q
= 0) is arbitrary too: it is some unit vector orthogonal to the others if it comes from C, and zero
if it comes from the Gram matrix, which knows nothing of it.

Squares lose digits: beside the largest eigenvalue of C those below 1e-16 of it drown. The singular
value decomposition

    Z = U diag(s) V^T,      v_q the columns of V,      l_q = s_q^2 / (n - 1)

takes no squares, so that standard deviations count down to 1e-16 of the largest (there they are
1e-8).

The fast twin of this file is `scratchclust/reduce/pca.py`.

Sources: Jolliffe, Principal Component Analysis, 2nd ed., 2002. Halko, Martinsson & Tropp, Finding
structure with randomness, 2011, algorithm 4.4 and section 5.
"""

import numpy as np
from jaxtyping import Bool, Float, Real

from scratchclust.checks import finite
from scratchclust.constants import SIGN_TIE
from scratchclust.errors import InputError
from scratchclust.results import PCAResult


def pca(X: Real[np.ndarray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes, by eigendecomposition of the covariance or the Gram matrix.

    The smaller of the two is taken.

    Args:
        X: points, at least two.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d) + min(n, d)^3) time.

    Raises:
        InputError: fewer than two points, NaN or infinity among them, or a q that is not within
            1..min(n, d).
    """
    X = X.astype(np.float64)
    n, d = X.shape
    q = min(n, d) if n_components is None else n_components
    mean = _finite_mean(X, q)
    Z = X - mean
    if d <= n:
        eigenvalues, eigenvectors = np.linalg.eigh(Z.T @ Z / (n - 1))
        components = eigenvectors.T
    else:
        eigenvalues, eigenvectors = np.linalg.eigh(Z @ Z.T / (n - 1))
        components = _unit_or_zero(eigenvectors.T @ Z, _negligible(eigenvalues, d))
    eigenvalues = np.where(_negligible(eigenvalues, d), 0, eigenvalues)
    falling = np.argsort(eigenvalues, kind="stable")[::-1][:q]
    return _result_of(mean, components[falling], eigenvalues[falling], (Z**2).sum() / (n - 1), n)


def svd_pca(X: Real[np.ndarray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes by singular value decomposition of the centred points.

    The most exact way, and the slowest.

    Args:
        X: points, at least two.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d)) time, about ten times that of `pca`.

    Raises:
        InputError: as for `pca`.
    """
    X = X.astype(np.float64)
    n, d = X.shape
    q = min(n, d) if n_components is None else n_components
    mean = _finite_mean(X, q)
    _, lengths, components = np.linalg.svd(X - mean, full_matrices=False)
    lengths = np.where(lengths > max(n, d) * np.finfo(np.float64).eps * lengths[0], lengths, 0)
    variances = lengths**2 / (n - 1)
    return _result_of(mean, components[:q], variances[:q], (lengths**2).sum() / (n - 1), n)


def randomized_pca(
    X: Real[np.ndarray, "n d"],
    n_components: int,
    *,
    rng: np.random.Generator,
    n_oversamples: int = 10,
    n_iter: int = 7,
) -> PCAResult:
    """The leading principal axes of data of many features, by subspace iteration at random.

    A random subspace of dimension q + n_oversamples is multiplied by the covariance again and
    again, which turns it towards the leading axes; inside it the eigenproblem is small
    (Rayleigh-Ritz):

        Q = orthonormal basis of random [d l]
        repeat n_iter times:  Q = orthonormal basis of Z^T (Z Q)
        (Z Q)^T (Z Q) / (n - 1) = W diag(l) W^T          v = Q W

    Args:
        X: points.
        n_components: q.
        rng: source of randomness.
        n_oversamples: extra dimensions, l - q, which make the result accurate.
        n_iter: number of iterations.

    Returns:
        Mean, axes and variances, approximately. Cost O(n d l n_iter) time.

    Raises:
        InputError: as for `pca`.
    """
    X = X.astype(np.float64)
    n, d = X.shape
    mean = _finite_mean(X, n_components)
    Z = X - mean
    Q, _ = np.linalg.qr(rng.normal(size=(d, min(n_components + n_oversamples, n, d))))
    for _ in range(n_iter):
        Q, _ = np.linalg.qr(Z.T @ (Z @ Q))
    eigenvalues, W = np.linalg.eigh((Z @ Q).T @ (Z @ Q) / (n - 1))
    eigenvalues = np.where(_negligible(eigenvalues, d), 0, eigenvalues)
    falling = np.argsort(eigenvalues)[::-1][:n_components]
    return _result_of(mean, (Q @ W).T[falling], eigenvalues[falling], (Z**2).sum() / (n - 1), n)


def transform(
    X: Real[np.ndarray, "n d"], result: PCAResult, *, whiten: bool = False
) -> Float[np.ndarray, "n q"]:
    """Coordinates along the axes, (x - m) . v_q.

    Whitened, each is divided by sqrt(l_q), so that it has variance 1.

    Args:
        X: points, those of the fit or new ones.
        result: from `pca` or `randomized_pca`.
        whiten: an axis without variance becomes 0.
    """
    projected = (X - result.mean) @ result.components.T
    if not whiten:
        return projected
    scale = _scales(result)
    return projected / np.where(scale > 0, scale, np.inf)


def inverse_transform(
    Y: Float[np.ndarray, "n q"], result: PCAResult, *, whiten: bool = False
) -> Float[np.ndarray, "n d"]:
    """The points of coordinates Y, m + sum_q y_q v_q.

    That is X itself when every axis was kept, else its nearest image.
    """
    scaled = Y * _scales(result) if whiten else Y
    return scaled @ result.components + result.mean


def _finite_mean(X: Real[np.ndarray, "n d"], n_components: int) -> Float[np.ndarray, " d"]:
    """The mean row, which is finite just if all rows are.

    Raises:
        InputError: X or the number of axes cannot be used.
    """
    n, d = X.shape
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one does not vary")
    if not 1 <= n_components <= min(n, d):
        raise InputError(
            f"expected n_components to be from 1 to min(n, d) = {min(n, d)}, got {n_components}"
        )
    with np.errstate(invalid="ignore"):  # infinity minus infinity, which is what we look for
        mean = X.mean(axis=0)
    finite(mean, "X")
    return mean


def _negligible(variance: Float[np.ndarray, " q"], n_features: int) -> Bool[np.ndarray, " q"]:
    """Where the variance is no more than rounding: d eps times the largest."""
    return variance <= variance.max() * n_features * np.finfo(variance.dtype).eps


def _unit_or_zero(
    axes: Float[np.ndarray, "q d"], is_zero: Bool[np.ndarray, " q"]
) -> Float[np.ndarray, "q d"]:
    """Rows scaled to length 1, or to zero where it is said so."""
    norms = np.where(is_zero, np.inf, np.linalg.norm(axes, axis=1))
    return axes / norms[:, None]


def _scales(result: PCAResult) -> Float[np.ndarray, " q"]:
    """sqrt(l_q), the standard deviation along each axis; what is rounding is 0 already."""
    return np.sqrt(result.explained_variance)


def _result_of(
    mean: Float[np.ndarray, " d"],
    components: Float[np.ndarray, "q d"],
    eigenvalues: Float[np.ndarray, " q"],
    total: float,
    n: int,
) -> PCAResult:
    """The axes with their signs settled, and what follows from the eigenvalues.

    An eigenvalue that rounding left below zero is zero.
    """
    magnitudes = np.abs(components)
    largest = (magnitudes >= (1 - SIGN_TIE) * magnitudes.max(axis=1, keepdims=True)).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
    variance = np.maximum(eigenvalues, 0)
    ratio = variance / total if total > 0 else np.zeros_like(variance)
    return PCAResult(
        mean,
        components * signs[:, None],
        variance,
        ratio,
        np.sqrt((n - 1) * variance),
        float(total),
    )
