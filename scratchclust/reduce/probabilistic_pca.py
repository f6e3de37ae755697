"""PCA as a model of probability, fast.

The twin of `scratchclust/reference/probabilistic_pca.py`, which explains it and has the same steps
in the same order. (x - m)^T C^-1 (x - m) is `_squares` here: by blocks of rows on all devices,
along the axes and what is left beside them, so that no [d d] matrix is made; in the precision of
the points, as in `pca.py`. The matrices and the choice of q are small, and are computed on the host
in float64.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Real
from scipy.special import gammaln

from scratchclust import rows
from scratchclust.constants import LEAST_VARIANCE, VARIANCE_TIE
from scratchclust.distances import PRECISION
from scratchclust.errors import InputError
from scratchclust.reduce.precision import in_precision_of, is_double
from scratchclust.results import PCAResult
from scratchclust.rows import AnyArray


def covariance(result: PCAResult, noise_variance: float) -> Float[np.ndarray, "d d"]:
    """C [d d].

    Args:
        result: the q leading axes.
        noise_variance: s^2.
    """
    axes, variances = _axes_and_variances(result, noise_variance)
    return (axes.T * (variances - noise_variance)) @ axes + noise_variance * np.eye(axes.shape[1])


def precision(result: PCAResult, noise_variance: float) -> Float[np.ndarray, "d d"]:
    """C^-1 [d d].

    Args:
        result: the q leading axes.
        noise_variance: s^2.

    Raises:
        InputError: C is singular.
    """
    _check_regular(result, noise_variance)
    axes, variances = _axes_and_variances(result, noise_variance)
    if noise_variance == 0:
        return (axes.T / variances) @ axes
    return (
        np.eye(axes.shape[1]) / noise_variance
        - (axes.T * (1 / noise_variance - 1 / variances)) @ axes
    )


def log_likelihood(
    X: Real[AnyArray, "n d"], result: PCAResult, noise_variance: float
) -> Float[AnyArray, " n"]:
    """ln p(x) of each point.

        -1/2 [ d ln 2 pi + ln |C| + sum_q y_q^2 / l_q + |x - m - sum_q y_q v_q|^2 / s^2 ]

    Args:
        X: points, those of the fit or new ones.
        result: the q leading axes.
        noise_variance: s^2.

    Raises:
        InputError: C is singular.
    """
    _check_regular(result, noise_variance)
    axes, variances = _axes_and_variances(result, noise_variance)
    q, d = axes.shape
    # without noise q = d, and nothing is left beside the axes
    noise = noise_variance if noise_variance > 0 else 1.0
    constant = d * math.log(2 * math.pi) + float(np.log(variances).sum())
    constant += (d - q) * math.log(noise)
    block = rows.block_size(len(X), 2 * d)
    with in_precision_of(X):
        data = rows.Rows((rows.split(X, block=block, offset=result.mean),), rows.mesh())
        dtype = data.arrays[0].dtype
        shared = (
            jnp.asarray(array, dtype)
            for array in (axes, 1 / variances, np.full(1, (q < d) / noise))
        )
        squares = rows.join(_squares(data, *shared), len(X))
    if is_double(X):
        return -0.5 * (constant + np.asarray(squares))
    return -0.5 * (constant + squares)


@jax.jit
def _squares(data: rows.Rows, axes: Array, inverse: Array, inverse_noise: Array) -> Array:
    """(x - m)^T C^-1 (x - m) of each row, block by block."""

    def block(z: Array, axes: Array, inverse: Array, inverse_noise: Array) -> tuple[None, Array]:
        along = jnp.matmul(z, axes.T, precision=PRECISION)
        beside = z - jnp.matmul(along, axes, precision=PRECISION)
        squares = (along**2 * inverse[None]).sum(axis=1)
        return None, squares + (beside**2).sum(axis=1) * inverse_noise

    return rows.map_sum(block, data, axes, inverse, inverse_noise)[1]


def likeliest_dimension(variances: Float[np.ndarray, " d"], n_samples: int) -> int:
    """The number of axes, 1..d - 1 (1 if d = 1), of the largest evidence; the least of several.

    Args:
        variances: l_1 >= ... >= l_d, all of them.
        n_samples: n.

    Returns:
        q. Cost O(d^3) time in d steps of NumPy.
    """
    evidences = [_evidence(variances, q, n_samples) for q in range(1, len(variances))]
    return 1 + int(np.argmax(evidences)) if evidences else 1


def _evidence(variances: Float[np.ndarray, " d"], q: int, n: int) -> float:
    """ln p(X | q), but for what does not depend on q."""
    d = len(variances)
    if (
        variances[q - 1] < LEAST_VARIANCE
        or variances[q - 1] - variances[q] <= VARIANCE_TIE * variances[0]
    ):
        return -math.inf
    noise = max(float(variances[q:].mean()), LEAST_VARIANCE)
    m = d * q - q * (q + 1) / 2
    halves = (d - np.arange(q)) / 2
    of_axes = float((gammaln(halves) - halves * math.log(math.pi)).sum()) - q * math.log(2)
    fit = -n / 2 * float(np.log(variances[:q]).sum()) - n * (d - q) / 2 * math.log(noise)
    modelled = np.where(np.arange(d) < q, variances, noise)
    later = np.arange(d)[None, :] > np.arange(q)[:, None]
    apart = variances[:q, None] - variances[None, :]
    differences = apart * (1 / modelled[None, :] - 1 / modelled[:q, None])
    curvature = float(np.log(n * differences[later & (apart > VARIANCE_TIE * variances[0])]).sum())
    return of_axes + fit + (m + q) / 2 * math.log(2 * math.pi) - curvature / 2 - q / 2 * math.log(n)


def _axes_and_variances(result: PCAResult, noise_variance: float) -> tuple[np.ndarray, np.ndarray]:
    """The axes and their variances, none less than the noise, in float64."""
    variances = np.maximum(np.asarray(result.explained_variance, np.float64), noise_variance)
    return np.asarray(result.components, np.float64), variances


def _check_regular(result: PCAResult, noise_variance: float) -> None:
    q, d = result.components.shape
    if noise_variance == 0 and (q < d or not (np.asarray(result.explained_variance) > 0).all()):
        raise InputError(
            f"the covariance of {q} axes among {d} features without noise is singular, and no "
            "point has a likelihood: keep fewer axes (n_components), so that those left out make "
            "the noise"
        )
