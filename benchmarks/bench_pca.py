"""PCA to 50 axes: scratchclust against scikit-learn, with the solver that each chooses and with the
same one.

Quality is the share of the variance that the axes explain.
"""

from functools import partial
from typing import Any

import jax
import sklearn.decomposition

from benchmarks.harness import Contender, compare, mixture, placed
from scratchclust import PCA

SIZES = [(10_000, 1_024), (60_000, 784), (60_000, 128)]
QUICK = [(1_000, 64)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, repeats) for n, d in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, 20)
    peer = partial(sklearn.decomposition.PCA, 50, random_state=0)
    on_device, moving = placed(X)
    contenders = [
        Contender("scratchclust", partial(_fit, PCA(50), X)),
        Contender("scratchclust, on device", partial(_fit, PCA(50), on_device), moving),
        Contender(
            "scratchclust, randomized",
            partial(_fit, PCA(50, svd_solver="randomized", random_state=0), X),
        ),
        Contender("scikit-learn, randomized", partial(_fit, peer(svd_solver="randomized"), X)),
        Contender("scikit-learn, auto", partial(_fit, peer(), X)),
        Contender(
            "scikit-learn, covariance_eigh", partial(_fit, peer(svd_solver="covariance_eigh"), X)
        ),
    ]
    return compare(f"PCA, {n:,} x {d:,}, 50 axes, fit and transform", contenders, repeats=repeats)


def _fit(model: Any, X: Any) -> dict[str, Any]:
    jax.block_until_ready(model.fit_transform(X))
    return {"explained": float(model.explained_variance_ratio_.sum())}
