"""Principal component analysis, fast: the twin of `scratchclust/reference/pca.py`, where the mathematics is explained.

What touches the n rows (sums of outer products, projections) runs by blocks on all devices in float32; the
eigenproblem, of size min(n, d) or less, is solved on the host in float64 by SciPy. Hence the axes and coordinates
are JAX arrays and the variances float64 NumPy arrays; so is the mean of a NumPy array, and far from zero it keeps all
digits. Variances below a millionth of the largest drown in the rounding of float32, and count as none (with
`jax_enable_x64` and float64 data much smaller ones count).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.distances import PRECISION, check_range, mean_of
from scratchclust.errors import InputError
from scratchclust.results import PCAResult

AnyArray = Array | np.ndarray
TIE = 1e-5  # relative difference of two magnitudes below which they count as equal
# Where an eigenvalue should be zero, rounding leaves up to 0.6 eps of the largest (seen over ranks, shapes, offsets).
NEGLIGIBLE = 10  # eps


def pca(X: Real[AnyArray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes by eigendecomposition of the covariance or Gram matrix, whichever is smaller.

    Args:
        X: points, at least two.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d) + min(n, d)^3) time, memory O(n d + min(n, d)^2).

    Raises:
        InputError: fewer than two points, NaN or infinity among them, numbers whose squares leave the range of
            float32, or a q that is not within 1..min(n, d).
    """
    n, d = X.shape
    q = min(n, d) if n_components is None else n_components
    mean = _checked_mean(X, q)
    data = _in_blocks(X, mean)
    if d <= n:
        scatter, total = _scatter(data)
        check_range(X, float(total))
        eigenvalues, vectors = _leading(scatter, q)
        components = vectors.T
    else:
        whole = rows.join(data.arrays[0], n)
        gram, total = _gram(data, rows.on_every_device(whole, rows.mesh()))
        check_range(X, float(total))
        eigenvalues, vectors = _leading(rows.join(gram, n), q)
        components = _unit_or_zero(vectors.T @ np.asarray(whole, np.float64), _negligible(eigenvalues, d, whole.dtype))
    return _result(mean, components.astype(data.arrays[0].dtype), eigenvalues / (n - 1), float(total) / (n - 1), n)


def randomized_pca(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    key: PRNGKeyArray,
    n_oversamples: int = 10,
    n_iter: int = 7,
) -> PCAResult:
    """The leading principal axes of data of many features, by subspace iteration from a random start.

    Args:
        X: points.
        n_components: q.
        key: source of randomness.
        n_oversamples: extra dimensions, l - q, which make the result accurate.
        n_iter: number of iterations.

    Returns:
        Mean, axes and variances, approximately. Cost O(n d l n_iter) time.

    Raises:
        InputError: as for `pca`.
    """
    n, d = X.shape
    mean = _checked_mean(X, n_components)
    data = _in_blocks(X, mean)
    directions = jax.random.normal(key, (d, min(n_components + n_oversamples, n, d)), data.arrays[0].dtype)
    # QR on the host: it is small, and several CPU devices lock up when sums are started before the last has ended.
    basis, _ = np.linalg.qr(np.asarray(directions))
    for _ in range(n_iter):
        basis, _ = np.linalg.qr(np.asarray(_scatter_times(data, basis)))
    projected, total = _projected_scatter(data, basis)
    check_range(X, float(total))
    eigenvalues, vectors = _leading(projected, n_components)
    components = (basis.astype(np.float64) @ vectors).T.astype(data.arrays[0].dtype)
    return _result(mean, components, eigenvalues / (n - 1), float(total) / (n - 1), n)


def transform(X: Real[AnyArray, "n d"], result: PCAResult, *, whiten: bool = False) -> Float[Array, "n q"]:
    """Coordinates along the axes, (x - m) . v_q; whitened, each divided by sqrt(l_q) so that it has variance 1.

    Args:
        X: points, those of the fit or new ones.
        result: from `pca` or `randomized_pca`.
        whiten: an axis without variance becomes 0.
    """
    scale = _scales(result)
    divisor = np.where(scale > 0, scale, np.inf) if whiten else np.ones(len(scale))
    axes = np.asarray(result.components, np.float64) / divisor[:, None]
    data = _in_blocks(X, result.mean)
    return rows.join(_project(data, jnp.asarray(axes.T, data.arrays[0].dtype)), len(X))


def inverse_transform(Y: Float[AnyArray, "n q"], result: PCAResult, *, whiten: bool = False) -> Float[AnyArray, "n d"]:
    """The points of coordinates Y, m + sum_q y_q v_q: X itself when every axis was kept, else its nearest image.

    A NumPy array where Y and the mean are float64 ones: far from zero JAX would round the sum.
    """
    scale = _scales(result) if whiten else np.ones(len(result.components))
    data = rows.Rows((rows.split(Y, block=rows.block_size(len(Y), len(result.mean))),), rows.mesh())
    dtype = data.arrays[0].dtype
    axes = jnp.asarray(np.asarray(result.components, np.float64) * scale[:, None], dtype)
    centred, mean = rows.join(_project(data, axes), len(Y)), result.mean
    in_float64 = isinstance(mean, np.ndarray) and isinstance(Y, np.ndarray) and Y.dtype == np.float64
    return np.asarray(centred, np.float64) + mean if in_float64 else centred + jnp.asarray(mean, dtype)[None]


def _checked_mean(X: AnyArray, n_components: int) -> Float[AnyArray, " d"]:
    """The mean row, which is finite just if all rows are; an InputError if X or the number of axes cannot be used."""
    n, d = X.shape
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one does not vary")
    if not 1 <= n_components <= min(n, d):
        raise InputError(f"expected n_components within 1 and min(n, d) = {min(n, d)}, got {n_components}")
    with np.errstate(invalid="ignore"):  # infinity minus infinity, which is what we look for
        mean = mean_of(X)
    if not np.isfinite(np.asarray(mean)).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    return mean


def _in_blocks(X: AnyArray, mean: Float[AnyArray, " d"]) -> rows.Rows:
    """X less the mean, on all devices."""
    block = rows.block_size(len(X), X.shape[1])
    return rows.Rows((rows.split(X, block=block, offset=mean),), rows.mesh())


def _times(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=PRECISION)


@jax.jit
def _scatter(data: rows.Rows) -> tuple[Array, Array]:
    """Z^T Z [d d] and its trace."""
    return rows.map_sum(lambda z: ((_times(z.T, z), (z * z).sum()), None), data)[0]


@jax.jit
def _gram(data: rows.Rows, whole: Array) -> tuple[Array, Array]:
    """Z Z^T, block by block of its rows, and its trace."""
    total, gram = rows.map_sum(lambda z, whole: ((z * z).sum(), _times(z, whole.T)), data, whole)
    return gram, total


@jax.jit
def _scatter_times(data: rows.Rows, basis: AnyArray) -> Array:
    """Z^T (Z Q) [d l], without Z^T Z."""
    return rows.map_sum(lambda z, basis: (_times(z.T, _times(z, basis)), None), data, basis)[0]


@jax.jit
def _projected_scatter(data: rows.Rows, basis: AnyArray) -> tuple[Array, Array]:
    """(Z Q)^T (Z Q) [l l], and the trace of Z^T Z."""

    def block(z: Array, basis: Array) -> tuple[tuple[Array, Array], None]:
        projected = _times(z, basis)
        return (_times(projected.T, projected), (z * z).sum()), None

    return rows.map_sum(block, data, basis)[0]


@jax.jit
def _project(data: rows.Rows, axes: Array) -> Array:
    return rows.map_sum(lambda z, axes: (None, _times(z, axes)), data, axes)[1]


def _leading(symmetric: AnyArray, q: int) -> tuple[np.ndarray, np.ndarray]:
    """The q largest eigenvalues, falling, and their eigenvectors in columns, in float64."""
    size = len(symmetric)
    symmetric = np.asarray(symmetric, np.float64)
    eigenvalues, vectors = scipy.linalg.eigh(symmetric, subset_by_index=[size - q, size - 1])
    return eigenvalues[::-1], vectors[:, ::-1]


def _negligible(variance: np.ndarray, n_features: int, dtype: Any) -> np.ndarray:
    """Where the variance [q] is no more than rounding: of the sums, in the type of the data, or of the eigenproblem."""
    of_sums = NEGLIGIBLE * jnp.finfo(jax.dtypes.canonicalize_dtype(dtype)).eps
    return variance <= max(float(of_sums), n_features * float(np.finfo(np.float64).eps)) * variance.max()


def _unit_or_zero(axes: np.ndarray, is_zero: np.ndarray) -> np.ndarray:
    """Rows [q d] scaled to length 1, or to zero where it is said so."""
    norms = np.where(is_zero, np.inf, np.linalg.norm(axes, axis=1))
    return axes / norms[:, None]


def _scales(result: PCAResult) -> np.ndarray:
    """sqrt(l_q), the standard deviation along each axis; 0 where it is no more than rounding."""
    variance = np.asarray(result.explained_variance, np.float64)
    negligible = _negligible(variance, len(result.mean), result.components.dtype)
    return np.where(negligible, 0, np.sqrt(variance))


def _result(mean: AnyArray, components: np.ndarray, eigenvalues: np.ndarray, total: float, n: int) -> PCAResult:
    """The axes with their signs settled, and what follows from the eigenvalues (rounded below zero: zero)."""
    magnitudes = np.abs(components)
    largest = (magnitudes >= (1 - TIE) * magnitudes.max(axis=1, keepdims=True)).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
    variance = np.maximum(eigenvalues, 0)
    ratio = variance / total if total > 0 else np.zeros_like(variance)
    axes = jnp.asarray(components * signs[:, None].astype(components.dtype))
    return PCAResult(mean, axes, variance, ratio, np.sqrt((n - 1) * variance), total)
