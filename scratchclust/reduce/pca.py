"""Principal component analysis, fast: the twin of `scratchclust/reference/pca.py`.

The mathematics is explained there. Here what touches the n rows runs by blocks on all devices; the
eigenproblem, of size min(n, d) or less, is solved on the host in float64 by LAPACK. Where the steps
of the definition are:

    m, and what is refused             `_finite_mean`
    Z = X - m                          `sums.in_blocks`; on the host `_centre`
    Z^T Z, Z Z^T                       `sums.scatter` (by BLAS in `on_host`), `sums.gram`; of rows
                                       that memory does not hold `streamed.scatter_of_parts`
    their eigenvectors                 `axes.leading`, of large ones by `leading_eigenpairs.py`
    Z^T (Z Q), (Z Q)^T (Z Q)           `sums.scatter_times`, `sums.project_scatter`
    eigenvalues that are rounding      `axes.negligible`
    v_q = Z^T u_q / |.|                `axes.unit_or_zero`
    the sign of v_q, shares, lengths   `_result_of`
    (x - m) . v_q and back             `sums.project`

with `sums`, `on_host` and `axes` in `pca_parts/`. `arpack_pca` has no definition of its own: it
finds what `svd_pca` finds. The rows decide the digits:

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

from scratchclust import rows, shares
from scratchclust.checks import finite
from scratchclust.constants import SIGN_TIE
from scratchclust.distances import check_range, mean_of
from scratchclust.errors import InputError
from scratchclust.reduce.pca_parts import on_host, sums
from scratchclust.reduce.pca_parts.axes import FLOAT64_EPS, leading, negligible, unit_or_zero
from scratchclust.reduce.pca_parts.streamed import mean_of_parts, scatter_of_parts
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.results import PCAResult
from scratchclust.rows import AnyArray
from scratchclust.streams import AnyRows, Source, by_parts

LEAST_SQUARE = 1e-290  # below it float64 has fewer digits


def pca(X: Real[AnyRows, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes, by eigendecomposition of the covariance or the Gram matrix.

    The smaller of the two is taken.

    Args:
        X: points, at least two; a `streams.Source` (of n >= d) is read part by part.
        n_components: q; None means min(n, d).

    Returns:
        Mean, axes and variances. Cost O(n d min(n, d) + min(n, d)^3) time, memory O(n d + min(n,
        d)^2).

    Raises:
        InputError: fewer than two points, NaN or infinity among them, numbers whose squares leave
            the range of the products, or a q that is not within 1..min(n, d).
    """
    return pca_and_blocks(X, n_components)[0]


def pca_and_blocks(
    X: Real[AnyRows, "n d"], n_components: int | None = None
) -> tuple[PCAResult, rows.Rows | None]:
    """As `pca`, and the centred points in blocks, for `transform_blocks`; None of a source."""
    n, d = shares.total(len(X)), X.shape[1]
    q = min(n, d) if n_components is None else n_components
    mean = _finite_mean(X, q)
    if isinstance(X, Source):
        return _pca_by_parts(X, q, mean), None
    if d > n and rows.is_shared():  # so few are soon gathered
        return _of_all_in_one(shares.whole(X), n_components), None
    with in_precision_of(X):
        data = sums.in_blocks(X, mean)
        dtype = data.arrays[0].dtype
        if d <= n:
            scatter, total = sums.scatter(data)
            _check_range(X, float(total))
            eigenvalues, vectors = leading(scatter, q, d)
            components = vectors.T
        else:
            whole = rows.join(data.arrays[0], n)
            gram, total = sums.gram(data, rows.on_every_device(whole, rows.mesh()))
            _check_range(X, float(total))
            eigenvalues, vectors = leading(rows.join(gram, n), q, d)
            axes = vectors.T @ np.asarray(whole, np.float64)
            components = unit_or_zero(axes, negligible(eigenvalues, d, dtype))
        total = float(total)
    components = components.astype(dtype)
    return _result_of(X, mean, components, eigenvalues / (n - 1), total / (n - 1)), data


def _pca_by_parts(X: Source, n_components: int, mean: AnyArray) -> PCAResult:
    """`pca` of rows that are read part by part."""
    n, d = X.shape
    scatter, total = scatter_of_parts(X, np.asarray(mean))
    eigenvalues, vectors = leading(scatter, n_components, d)
    components = vectors.T.astype(X.dtype)
    return _result_of(X, mean, components, eigenvalues / (n - 1), total / (n - 1))


def svd_pca(X: Real[AnyArray, "n d"], n_components: int | None = None) -> PCAResult:
    """The leading principal axes by singular value decomposition of the centred points.

    The most exact way, and the slowest: on the host, in float64, by LAPACK.

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
    shares.refuse("the singular value decomposition")
    q = min(n, d) if n_components is None else n_components
    mean = _finite_mean(X, q)
    _, lengths, components = scipy.linalg.svd(_centre(X, mean), full_matrices=False)
    lengths = np.where(lengths > max(n, d) * FLOAT64_EPS * lengths[0], lengths, 0)
    with np.errstate(over="ignore"):  # which is what we look for
        total = float((lengths**2).sum()) / (n - 1)
    _check_range(X, total)
    return _result_of(X, mean, components[:q], lengths[:q] ** 2 / (n - 1), total)


def arpack_pca(
    X: Real[AnyArray, "n d"], n_components: int, *, key: PRNGKeyArray, tol: float = 0.0
) -> PCAResult:
    """A few of the axes that `svd_pca` finds, by ARPACK's iteration.

    It multiplies by the centred points and their transpose: on the host, in float64, by SciPy.

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
    shares.refuse("ARPACK")
    mean = _finite_mean(X, n_components)
    if n_components == min(n, d):
        raise InputError(
            f"expected n_components to be below min(n, d) = {min(n, d)}, got {n_components}: "
            "take `svd_pca`"
        )
    Z = _centre(X, mean)
    start = np.random.default_rng(np.asarray(jax.random.key_data(key))).uniform(-1, 1, min(n, d))
    with np.errstate(over="ignore"):  # which is what we look for
        total = float((Z**2).sum()) / (n - 1)
    _check_range(X, total)
    if total == 0:  # nothing to iterate on: any axes will do
        return _result_of(X, mean, np.eye(n_components, d), np.zeros(n_components), total)
    found: Any = scipy.sparse.linalg.svds(Z, k=n_components, tol=tol, v0=start)  # pyright: ignore[reportArgumentType]
    _, lengths, components = found
    falling = np.argsort(-lengths, kind="stable")
    lengths = np.where(lengths > max(n, d) * FLOAT64_EPS * lengths.max(), lengths, 0)
    return _result_of(X, mean, components[falling], lengths[falling] ** 2 / (n - 1), total)


def randomized_pca(
    X: Real[AnyArray, "n d"],
    n_components: int,
    *,
    key: PRNGKeyArray,
    n_oversamples: int = 10,
    n_iter: int = 7,
) -> PCAResult:
    """The leading principal axes of data of many features, by subspace iteration at random.

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
    n, d = shares.total(len(X)), X.shape[1]
    mean = _finite_mean(X, n_components)
    with in_precision_of(X):
        data = sums.in_blocks(X, mean)
        dtype = data.arrays[0].dtype
        directions = jax.random.normal(key, (d, min(n_components + n_oversamples, n, d)), dtype)
        # QR on the host: it is small, and several CPU devices lock up when sums are started before
        # the last has ended.
        basis, _ = np.linalg.qr(np.asarray(directions))
        for _ in range(n_iter):
            basis, _ = np.linalg.qr(np.asarray(sums.scatter_times(data, basis)))
        projected, total = sums.project_scatter(data, basis)
        total = float(total)
        _check_range(X, total)
        eigenvalues, vectors = leading(projected, n_components, d)
    components = (basis.astype(np.float64) @ vectors).T.astype(dtype)
    return _result_of(X, mean, components, eigenvalues / (n - 1), total / (n - 1))


def transform(
    X: Real[AnyRows, "n d"], result: PCAResult, *, whiten: bool = False
) -> Float[AnyArray, "n q"]:
    """Coordinates along the axes, (x - m) . v_q.

    Whitened, each is divided by sqrt(l_q), so that it has variance 1.

    Args:
        X: points, those of the fit or new ones. Float64 NumPy points are projected in float64 on
            the host.
        result: from `pca`, `svd_pca`, `arpack_pca` or `randomized_pca`.
        whiten: an axis without variance becomes 0.
    """
    if isinstance(X, Source):
        return by_parts(lambda part: transform(part, result, whiten=whiten), X)
    if is_double(X):
        return _centre(X, result.mean) @ _axes(result, whiten).T
    with shares.alone():  # no other process need be asked
        return transform_blocks(sums.in_blocks(X, result.mean), len(X), result, whiten=whiten)


def transform_blocks(
    data: rows.Rows, n: int, result: PCAResult, *, whiten: bool = False
) -> Float[Array, "n q"]:
    """As `transform`, of the n points that `pca_and_blocks` centred."""
    axes = _axes(result, whiten).T.astype(data.arrays[0].dtype)
    with jax.enable_x64(axes.dtype == np.float64):
        return sums.project(data, axes, n)


def _axes(result: PCAResult, whiten: bool) -> Float[np.ndarray, "q d"]:
    """The axes in float64, whitened divided by the deviation along each; one without is zero."""
    scale = _scales(result)
    divisor = np.where(scale > 0, scale, np.inf) if whiten else np.ones(len(scale))
    return np.asarray(result.components, np.float64) / divisor[:, None]


def inverse_transform(
    Y: Float[AnyArray, "n q"], result: PCAResult, *, whiten: bool = False
) -> Float[AnyArray, "n d"]:
    """The points of coordinates Y, m + sum_q y_q v_q.

    That is X itself when every axis was kept, else its nearest image. Float64 NumPy coordinates are
    taken back in float64 on the host.
    """
    scale = _scales(result) if whiten else np.ones(len(result.components))
    axes = np.asarray(result.components, np.float64) * scale[:, None]
    if is_double(Y):
        return np.asarray(Y) @ axes + np.asarray(result.mean, np.float64)
    data = rows.Rows((rows.split(Y, block=rows.block_size(len(Y), len(result.mean))),), rows.mesh())
    dtype = data.arrays[0].dtype
    centred = sums.project(data, axes.astype(dtype), len(Y))
    return centred + jnp.asarray(result.mean, dtype)[None]


def _of_all_in_one(X: Float[np.ndarray, "n d"], n_components: int | None) -> PCAResult:
    """`pca` of the points of all processes, by process 0."""

    def find() -> PCAResult:
        with shares.alone():
            return pca(X, n_components)

    return shares.agreed(find)


def _finite_mean(X: AnyRows, n_components: int) -> Float[AnyArray, " d"]:
    """The mean row, which is finite just if all rows are.

    Raises:
        InputError: X or the number of axes cannot be used.
    """
    n, d = shares.total(len(X)), X.shape[1]
    if n < 2:
        raise InputError(f"expected at least two points, got {n}: a single one does not vary")
    if not 1 <= n_components <= min(n, d):
        raise InputError(
            f"expected n_components to be from 1 to min(n, d) = {min(n, d)}, got {n_components}"
        )
    # infinity minus infinity, which is what we look for
    with np.errstate(invalid="ignore", over="ignore"):
        if isinstance(X, Source):
            mean = mean_of_parts(X)
        elif isinstance(X, np.ndarray) and not rows.is_shared():
            mean = on_host.mean_of(X)
        else:
            mean = mean_of(X)
    if not np.isfinite(np.asarray(mean)).all():
        finite(X if is_double(X) else mean, "X")
        _check_range(X, np.inf)
    return mean


def _check_range(X: Any, total: float) -> None:
    """Refuse X where the squares leave the range of the products, which is wide in float64."""
    if not is_double(X):
        check_range(X, total)
    elif not LEAST_SQUARE < total < np.inf and np.ptp(X, axis=0).max() > 0:
        raise InputError(
            f"the largest number of X is {np.abs(X).max():.3g}: the squares of distances would "
            "leave the range of float64; scale X, by X / abs(X).max() for instance"
        )


def _centre(X: AnyArray, mean: Any) -> Float[np.ndarray, "n d"]:
    """X less the mean, on the host in float64."""
    return np.asarray(X, np.float64) - np.asarray(mean, np.float64)


def _scales(result: PCAResult) -> np.ndarray:
    """sqrt(l_q), the standard deviation along each axis; 0 where it is no more than rounding."""
    variance = np.asarray(result.explained_variance, np.float64)
    if result.components.dtype == np.float64:  # what is no more than rounding is 0 already
        return np.sqrt(variance)
    return np.where(
        negligible(variance, len(result.mean), result.components.dtype), 0, np.sqrt(variance)
    )


def _result_of(
    X: AnyRows, mean: AnyArray, components: np.ndarray, eigenvalues: np.ndarray, total: float
) -> PCAResult:
    """The axes with their signs settled, and what follows from the eigenvalues.

    An eigenvalue that rounding left below zero is zero.
    """
    magnitudes = np.abs(components)
    largest = (magnitudes >= (1 - SIGN_TIE) * magnitudes.max(axis=1, keepdims=True)).argmax(axis=1)
    signs = np.where(components[np.arange(len(components)), largest] < 0, -1, 1)
    variance = np.maximum(eigenvalues, 0)
    ratio = variance / total if total > 0 else np.zeros_like(variance)
    axes = components * signs[:, None].astype(components.dtype)
    lengths = np.sqrt((shares.total(len(X)) - 1) * variance)
    return PCAResult(
        mean, axes if is_double(X) else jnp.asarray(axes), variance, ratio, lengths, total
    )
