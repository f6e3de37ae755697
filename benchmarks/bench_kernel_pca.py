"""Kernel PCA to 8 axes, fit and transform: scratchclust against scikit-learn.

Quality is the sum of the eigenvalues, which no other axes can exceed.
"""

from functools import partial
from typing import Any

import jax
import numpy as np
import sklearn.decomposition

from benchmarks.harness import Contender, compare, mixture
from scratchclust import KernelPCA

SIZES = [(10_000, 64)]
QUICK = [(300, 8)]
KERNELS = ("rbf", "poly", "linear")


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each kernel."""
    return [
        _compare(n, d, kernel, repeats)
        for n, d in (QUICK if quick else SIZES)
        for kernel in KERNELS
    ]


def _compare(n: int, d: int, kernel: str, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, 20)
    contenders = [
        Contender("scratchclust", partial(_fit, KernelPCA, X, kernel)),
        Contender("scikit-learn", partial(_fit, sklearn.decomposition.KernelPCA, X, kernel)),
    ]
    return compare(
        f"kernel PCA, {kernel}, {n:,} x {d}, 8 axes, fit and transform", contenders, repeats=repeats
    )


def _fit(estimator: Any, X: np.ndarray, kernel: str) -> dict[str, Any]:
    model = estimator(8, kernel=kernel, random_state=0).fit(X)
    jax.block_until_ready(model.transform(X))
    return {"eigenvalues": float(np.sum(model.eigenvalues_, dtype=np.float64))}
