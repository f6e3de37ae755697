"""PCA to 50 axes: scratchclust against scikit-learn, with the solver that each chooses and with the
same one.

Quality is the share of the variance that the axes explain, and the largest relative error of the
variances along them, against float64. scikit-learn's covariance_eigh takes X^T X - n m m^T without
centring X: quicker by a copy of X, and in float32 wrong where the mean is far from zero (the last
problem, where it counts for speed alone).
"""

from functools import partial
from typing import Any

import jax
import numpy as np
import sklearn.decomposition

from benchmarks.harness import Contender, compare, mixture, placed
from scratchclust import PCA

AXES = 50
FAR = 30.0  # added to every number, whose deviation is about 1
SIZES = [(10_000, 1_024, 0.0), (60_000, 784, 0.0), (60_000, 128, 0.0), (60_000, 784, FAR)]
QUICK = [(1_000, 64, 0.0), (1_000, 64, FAR)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, away, repeats) for n, d, away in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, away: float, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, 20) + np.float32(away)
    exact = np.linalg.eigvalsh(np.cov(X, rowvar=False, dtype=np.float64))[::-1][:AXES]
    peer = partial(sklearn.decomposition.PCA, AXES, random_state=0)
    fit = partial(_fit, exact)
    on_device, moving = placed(X)
    contenders = [
        Contender("scratchclust", partial(fit, PCA(AXES), X)),
        Contender("scratchclust, on device", partial(fit, PCA(AXES), on_device), moving),
        Contender(
            "scratchclust, randomized",
            partial(fit, PCA(AXES, svd_solver="randomized", random_state=0), X),
        ),
        Contender("scikit-learn, randomized", partial(fit, peer(svd_solver="randomized"), X)),
        Contender("scikit-learn, auto", partial(fit, peer(), X)),
        Contender(
            "scikit-learn, covariance_eigh", partial(fit, peer(svd_solver="covariance_eigh"), X)
        ),
    ]
    problem = f"PCA, {n:,} x {d:,}, {AXES} axes, fit and transform"
    if away:
        problem += f", {away:g} deviations from zero"
    return compare(problem, contenders, repeats=repeats)


def _fit(exact: np.ndarray, model: Any, X: Any) -> dict[str, Any]:
    jax.block_until_ready(model.fit_transform(X))
    variances = np.asarray(model.explained_variance_, np.float64)
    return {
        "explained": float(model.explained_variance_ratio_.sum()),
        "largest error of a variance": float(np.abs(variances / exact - 1).max()),
    }
