"""EM for Gaussian mixtures: scratchclust against scikit-learn, from the same mixture, the same
number of iterations.

Quality is the mean log-likelihood.
"""

import warnings
from functools import partial
from typing import Any

import numpy as np
import sklearn.mixture
from sklearn.exceptions import ConvergenceWarning

from benchmarks.harness import Contender, compare, mixture
from scratchclust.cluster.gaussian_mixture import em, m_step
from scratchclust.constants import COVARIANCE_TYPES
from scratchclust.results import Mixture

SIZES = [(10_000, 64, 10)]
QUICK = [(500, 8, 3)]
ITERATIONS = 20


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each type of covariance."""
    return [
        _compare(*size, kind, repeats)
        for size in (QUICK if quick else SIZES)
        for kind in COVARIANCE_TYPES
    ]


def _compare(n: int, d: int, k: int, covariance_type: str, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, k)
    nearest = ((X[:, None] - X[None, :k]) ** 2).sum(axis=2).argmin(axis=1)
    start = m_step(X, np.eye(k)[nearest], covariance_type=covariance_type)
    contenders = [
        Contender("scratchclust", partial(_ours, X, start, covariance_type)),
        Contender("scikit-learn", partial(_peer, X, start, covariance_type)),
    ]
    problem = f"Gaussian mixture, {covariance_type}, {n:,} x {d}, k = {k}, {ITERATIONS} iterations"
    return compare(problem, contenders, repeats=repeats)


def _ours(X: np.ndarray, start: Mixture, covariance_type: str) -> dict[str, Any]:
    result = em(X, start, covariance_type=covariance_type, tol=0.0, max_iter=ITERATIONS)
    return {"log-likelihood": float(result.lower_bounds[-1]), "iterations": result.n_iter}


def _peer(X: np.ndarray, start: Mixture, covariance_type: str) -> dict[str, Any]:
    matrices = covariance_type in ("full", "tied")
    model = sklearn.mixture.GaussianMixture(
        len(start.weights),
        covariance_type=covariance_type,
        tol=0,
        max_iter=ITERATIONS,
        weights_init=start.weights,
        means_init=start.means,
        precisions_init=np.linalg.inv(start.covariances) if matrices else 1 / start.covariances,
        init_params="random",
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    return {"log-likelihood": float(model.lower_bound_), "iterations": model.n_iter_}
