"""PCA as a model of probability: how likely points are, and how many axes there seem to be.

The points come from a normal distribution about the mean m whose covariance has the leading
variances l_1..l_q along the axes v_1..v_q and the noise s^2, the mean variance of the axes left
out, along all others:

    C = sum_q (l_q - s^2) v_q v_q^T + s^2 I
    C^-1 = I / s^2 - sum_q (1 / s^2 - 1 / l_q) v_q v_q^T      (sum_q v_q v_q^T / l_q without noise)
    ln p(x) = -1/2 [ d ln 2 pi + ln |C| + (x - m)^T C^-1 (x - m) ]
    ln |C| = sum_q ln l_q + (d - q) ln s^2

where an l_q below s^2 counts as s^2. Without noise (s^2 = 0) C is singular unless all d axes have
variance.

Minka's choice of q has the largest evidence p(X | q), the parameters integrated out (Laplace's
approximation):

    ln p(U) - n/2 sum_{j <= q} ln l_j - n (d - q)/2 ln s^2
            + (m + q)/2 ln 2 pi - 1/2 ln |A| - q/2 ln n
    m = d q - q (q + 1) / 2
    p(U) = 2^-q prod_{j <= q} Gamma((d - j + 1) / 2) pi^(-(d - j + 1) / 2)
    ln |A| = sum_{i <= q} sum_{i < j <= d} ln (1 / l'_j - 1 / l'_i) + ln (l_i - l_j) + ln n

with l'_j = l_j up to q and s^2 beyond. Where variances coincide the approximation would be
infinite: a q that cuts between two such axes is none, and other such pairs are left out of the sum.

The fast twin of this file is `scratchclust/reduce/probabilistic_pca.py`.

Sources: Tipping & Bishop, Probabilistic principal component analysis, 1999. Bishop, Pattern
Recognition and Machine Learning, 2006, section 12.2.1. Minka, Automatic choice of dimensionality
for PCA, 2000, equations 30 and 31.
"""

import math

import numpy as np
from jaxtyping import Float, Real

from scratchclust.constants import LEAST_VARIANCE, VARIANCE_TIE
from scratchclust.errors import InputError
from scratchclust.results import PCAResult


def covariance(result: PCAResult, noise_variance: float) -> Float[np.ndarray, "d d"]:
    """C [d d].

    Args:
        result: the q leading axes.
        noise_variance: s^2.
    """
    axes = result.components
    variances = np.maximum(result.explained_variance, noise_variance)
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
    axes = result.components
    variances = np.maximum(result.explained_variance, noise_variance)
    if noise_variance == 0:
        return (axes.T / variances) @ axes
    return (
        np.eye(axes.shape[1]) / noise_variance
        - (axes.T * (1 / noise_variance - 1 / variances)) @ axes
    )


def log_likelihood(
    X: Real[np.ndarray, "n d"], result: PCAResult, noise_variance: float
) -> Float[np.ndarray, " n"]:
    """ln p(x) of each point.

    Args:
        X: points, those of the fit or new ones.
        result: the q leading axes.
        noise_variance: s^2.

    Raises:
        InputError: C is singular.
    """
    C = covariance(result, noise_variance)
    Z = X - result.mean
    squares = np.einsum("nd,de,ne->n", Z, precision(result, noise_variance), Z)
    return -0.5 * (len(C) * np.log(2 * np.pi) + np.linalg.slogdet(C)[1] + squares)


def likeliest_dimension(variances: Float[np.ndarray, " d"], n_samples: int) -> int:
    """The number of axes, 1..d - 1 (1 if d = 1), of the largest evidence; the least of several.

    Args:
        variances: l_1 >= ... >= l_d, all of them.
        n_samples: n.
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
    of_axes = -q * math.log(2)
    for j in range(1, q + 1):
        of_axes += math.lgamma((d - j + 1) / 2) - (d - j + 1) / 2 * math.log(math.pi)
    fit = -n / 2 * np.log(variances[:q]).sum() - n * (d - q) / 2 * math.log(noise)
    modelled = np.where(np.arange(d) < q, variances, noise)
    curvature = 0.0
    for i in range(q):
        for j in range(i + 1, d):
            difference = (variances[i] - variances[j]) * (1 / modelled[j] - 1 / modelled[i])
            if variances[i] - variances[j] > VARIANCE_TIE * variances[0]:
                curvature += math.log(n * difference)
    return float(
        of_axes + fit + (m + q) / 2 * math.log(2 * math.pi) - curvature / 2 - q / 2 * math.log(n)
    )


def _check_regular(result: PCAResult, noise_variance: float) -> None:
    q, d = result.components.shape
    if noise_variance == 0 and (q < d or not (result.explained_variance > 0).all()):
        raise InputError(
            f"the covariance of {q} axes among {d} features without noise is singular, and no "
            "point has a likelihood: keep fewer axes (n_components), so that those left out make "
            "the noise"
        )
