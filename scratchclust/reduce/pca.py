"""Principal component analysis, fast: the twin of `scratchclust/reference/pca.py`, where the
mathematics is explained.

What touches the n rows (sums of outer products, projections) runs by blocks on all devices; the
eigenproblem, of size min(n, d) or less, is solved on the host in float64 by LAPACK. The rows decide
the digits:

- float32 (and small integers): products in float32. Axes and coordinates are JAX arrays, the
  variances float64 NumPy arrays; so is the mean of a NumPy array, and far from zero it keeps all
  digits. Variances below a millionth of the largest drown in the rounding of float32, and count as
  none.
- a float64 NumPy array: products in float64 (`precision.py`), and float64 NumPy arrays come back.
- a JAX array: in its own precision, and JAX arrays come back.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse.linalg
from jaxtyping import Array, Float, PRNGKeyArray, Real

from scratchclust import rows
from scratchclust.distances import PRECISION, check_range, mean_of
from scratchclust.errors import InputError
from scratchclust.reduce.leading_eigenpairs import largest_eigenpairs
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.results import PCAResult

AnyArray = Array | np.ndarray
TIE = 1e-5  # relative difference of two magnitudes below which they count as equal
# Where an eigenvalue should be zero, rounding leaves up to 0.6 eps of the largest (seen over ranks,
# shapes, offsets).
NEGLIGIBLE = 10  # eps
FLOAT64_EPS = float(np.finfo(np.float64).eps)
LEAST_SQUARE = 1e-290  # below it float64 has fewer digits


def pca(X: Real[AnyArray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes by eigendecomposition of the covariance or Gram matrix, whichever
    is smaller.

    Args:
        X: points, at least two.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d) + min(n, d)^3) time, memory O(n d + min(n,
        d)^2).

    Raises:
        InputError: fewer than two points, NaN or infinity among them, numbers whose squares leave
            the range of the products, or a q that is not within 1..min(n, d).
    """
    n, d = X.shape
    q = min(n, d) if n_components is None else n_components
    mean = _checked_mean(X, q)
    with in_precision_of(X):
        data = _in_blocks(X, mean)
        dtype = data.arrays[0].dtype
        if d <= n:
            scatter, total = _scatter(data)
            _check_range(X, float(total))
            eigenvalues, vectors = _leading(scatter, q, d)
            components = vectors.T
        else:
            whole = rows.join(data.arrays[0], n)
            gram, total = _gram(data, rows.on_every_device(whole, rows.mesh()))
            _check_range(X, float(total))
            eigenvalues, vectors = _leading(rows.join(gram, n), q, d)
            axes = vectors.T @ np.asarray(whole, np.float64)
            components = _unit_or_zero(axes, _negligible(eigenvalues, d, dtype))
        total = float(total)
    return _result(X, mean, components.astype(dtype), eigenvalues / (n - 1), total / (n - 1))


def svd_pca(X: Real[AnyArray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes by singular value decomposition of the centred points: the most
    exact, and slowest.

    On the host, in float64, by LAPACK.

    Args:
        X: points, at least two.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d)) time, about ten times that of `pca`, and
        memory O(n d).

    Raises:
        InputError: as for `pca`.
    """
    n, d = X.shape
    q = min(n, d) if n_components is None else n_components
    mean = _checked_mean(X, q)
    _, lengths, components = scipy.linalg.svd(_centred(X, mean), full_matrices=False)
    lengths = np.where(lengths > max(n, d) * FLOAT64_EPS * lengths[0], lengths, 0)
    with np.errstate(over="ignore"):  # which is what we look for
        total = float((lengths**2).sum()) / (n - 1)
    _check_range(X, total)
    return _result(X, mean, components[:q], lengths[:q] ** 2 / (n - 1), total)


def arpack_pca(
    X: Real[AnyArray, "n d"], n_components: int, *, key: PRNGKeyArray, tol: float = 0.0
) -> PCAResult:
    """What `svd_pca` finds, few axes of it, by ARPACK's iteration of the centred points and their
    transpose.

    On the host, in float64, by SciPy.

    Args:
        X: points.
        n_components: q, less than min(n, d).
        key: where the iteration begins.
        tol: of the singular values, relative; 0 means all digits.

    Returns:
        Mean, axes and variances. Cost O(n d q) time for some tens of products.

    Raises:
        InputError: as for `pca`, and if all axes are wanted.
    """
    n, d = X.shape
    mean = _checked_mean(X, n_components)
    if n_components == min(n, d):
        raise InputError(
            f"expected n_components below min(n, d) = {min(n, d)}, got {n_components}: take `svd_pca`"
        )
    Z = _centred(X, mean)
    start = np.random.default_rng(np.asarray(jax.random.key_data(key))).uniform(-1, 1, min(n, d))
    with np.errstate(over="ignore"):  # which is what we look for
        total = float((Z**2).sum()) / (n - 1)
    _check_range(X, total)
    if total == 0:  # nothing to iterate on: any axes will do
        return _result(X, mean, np.eye(n_components, d), np.zeros(n_components), total)
    found: Any = scipy.sparse.linalg.svds(Z, k=n_components, tol=tol, v0=start)  # pyright: ignore[reportArgumentType]
    _, lengths, components = found
    falling = np.argsort(-lengths, kind="stable")
    lengths = np.where(lengths > max(n, d) * FLOAT64_EPS * lengths.max(), lengths, 0)
    return _result(X, mean, components[falling], lengths[falling] ** 2 / (n - 1), total)


def randomized_pca(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    key: PRNGKeyArray,
    n_oversamples: int = 10,
    n_iter: int = 7,
) -> PCAResult:
    """The leading principal axes of data of many features, by subspace iteration from a random
    start.

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
    with in_precision_of(X):
        data = _in_blocks(X, mean)
        dtype = data.arrays[0].dtype
        directions = jax.random.normal(key, (d, min(n_components + n_oversamples, n, d)), dtype)
        # QR on the host: it is small, and several CPU devices lock up when sums are started before
        # the last has ended.
        basis, _ = np.linalg.qr(np.asarray(directions))
        for _ in range(n_iter):
            basis, _ = np.linalg.qr(np.asarray(_scatter_times(data, basis)))
        projected, total = _projected_scatter(data, basis)
        total = float(total)
        _check_range(X, total)
        eigenvalues, vectors = _leading(projected, n_components, d)
    components = (basis.astype(np.float64) @ vectors).T.astype(dtype)
    return _result(X, mean, components, eigenvalues / (n - 1), total / (n - 1))


def transform(
    X: Real[AnyArray, "n d"], result: PCAResult, *, whiten: bool = False
) -> Float[AnyArray, "n q"]:
    """Coordinates along the axes, (x - m) . v_q; whitened, each divided by sqrt(l_q) so that it has
    variance 1.

    Args:
        X: points, those of the fit or new ones. Float64 NumPy points are projected in float64 on
            the host.
        result: from `pca`, `svd_pca`, `arpack_pca` or `randomized_pca`.
        whiten: an axis without variance becomes 0.
    """
    scale = _scales(result)
    divisor = np.where(scale > 0, scale, np.inf) if whiten else np.ones(len(scale))
    axes = np.asarray(result.components, np.float64) / divisor[:, None]
    if is_double(X):
        return _centred(X, result.mean) @ axes.T
    data = _in_blocks(X, result.mean)
    return rows.join(_project(data, jnp.asarray(axes.T, data.arrays[0].dtype)), len(X))


def inverse_transform(
    Y: Float[AnyArray, "n q"], result: PCAResult, *, whiten: bool = False
) -> Float[AnyArray, "n d"]:
    """The points of coordinates Y, m + sum_q y_q v_q: X itself when every axis was kept, else its
    nearest image.

    Float64 NumPy coordinates are taken back in float64 on the host.
    """
    scale = _scales(result) if whiten else np.ones(len(result.components))
    axes = np.asarray(result.components, np.float64) * scale[:, None]
    if is_double(Y):
        return np.asarray(Y) @ axes + np.asarray(result.mean, np.float64)
    data = rows.Rows((rows.split(Y, block=rows.block_size(len(Y), len(result.mean))),), rows.mesh())
    dtype = data.arrays[0].dtype
    centred = rows.join(_project(data, jnp.asarray(axes, dtype)), len(Y))
    return centred + jnp.asarray(result.mean, dtype)[None]


def _checked_mean(X: AnyArray, n_components: int) -> Float[AnyArray, " d"]:
    """The mean row, which is finite just if all rows are; an InputError if X or the number of axes
    cannot be used.
    """
    n, d = X.shape
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one does not vary")
    if not 1 <= n_components <= min(n, d):
        raise InputError(
            f"expected n_components within 1 and min(n, d) = {min(n, d)}, got {n_components}"
        )
    with np.errstate(
        invalid="ignore", over="ignore"
    ):  # infinity minus infinity, which is what we look for
        mean = mean_of(X)
    if not np.isfinite(np.asarray(mean)).all():
        if not is_double(X) or not np.isfinite(X).all():
            raise InputError("X holds NaN or infinity: leave out or fill those rows first")
        _check_range(X, np.inf)
    return mean


def _check_range(X: AnyArray, total: float) -> None:
    """An InputError where the squares leave the range of the products, which is wide in float64."""
    if not is_double(X):
        check_range(X, total)
    elif not LEAST_SQUARE < total < np.inf and np.ptp(X, axis=0).max() > 0:
        raise InputError(
            f"the largest number of X is {np.abs(X).max():.3g}: the squares of distances would leave the range of "
            "float64; scale X, by X / abs(X).max() for instance"
        )


def _centred(X: AnyArray, mean: Any) -> Float[np.ndarray, "n d"]:
    """X less the mean, on the host in float64."""
    return np.asarray(X, np.float64) - np.asarray(mean, np.float64)


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


def _leading(symmetric: AnyArray, q: int, n_features: int) -> tuple[np.ndarray, np.ndarray]:
    """The q largest eigenvalues, falling, and their eigenvectors in columns; of float64 sums
    rounding becomes 0.
    """
    eigenvalues, vectors = largest_eigenpairs(np.asarray(symmetric, np.float64), q)
    if symmetric.dtype == np.float64:
        eigenvalues = np.where(_negligible(eigenvalues, n_features, np.float64), 0, eigenvalues)
    return eigenvalues, vectors


def _negligible(variance: np.ndarray, n_features: int, dtype: Any) -> np.ndarray:
    """Where the variance [q] is no more than rounding: of the sums, in the type of the data, or of
    the eigenproblem.
    """
    of_sums = NEGLIGIBLE * float(jnp.finfo(dtype).eps)
    return variance <= max(of_sums, n_features * FLOAT64_EPS) * variance.max()


def _unit_or_zero(axes: np.ndarray, is_zero: np.ndarray) -> np.ndarray:
    """Rows [q d] scaled to length 1, or to zero where it is said so."""
    norms = np.where(is_zero, np.inf, np.linalg.norm(axes, axis=1))
    return axes / norms[:, None]


def _scales(result: PCAResult) -> np.ndarray:
    """sqrt(l_q), the standard deviation along each axis; 0 where it is no more than rounding."""
    variance = np.asarray(result.explained_variance, np.float64)
    if result.components.dtype == np.float64:  # what is no more than rounding is 0 already
        return np.sqrt(variance)
    return np.where(
        _negligible(variance, len(result.mean), result.components.dtype), 0, np.sqrt(variance)
    )


def _result(
    X: AnyArray, mean: AnyArray, components: np.ndarray, eigenvalues: np.ndarray, total: float
) -> PCAResult:
    """The axes with their signs settled, and what follows from the eigenvalues (rounded below zero:
    zero).
    """
    magnitudes = np.abs(components)
    largest = (magnitudes >= (1 - TIE) * magnitudes.max(axis=1, keepdims=True)).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
    variance = np.maximum(eigenvalues, 0)
    ratio = variance / total if total > 0 else np.zeros_like(variance)
    axes = components * signs[:, None].astype(components.dtype)
    lengths = np.sqrt((len(X) - 1) * variance)
    return PCAResult(
        mean, axes if is_double(X) else jnp.asarray(axes), variance, ratio, lengths, total
    )
