"""Lloyd's algorithm: the same points, start and number of iterations for scratchclust and scikit-learn.

Both are timed as a whole fit: checks, centring, all iterations, final labels. "on device" starts from a JAX array.
"""

import warnings
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import sklearn.cluster

from benchmarks.harness import Contender, compare, mixture
from scratchclust import KMeans

SIZES = [(10_000, 1_024, 10), (60_000, 784, 10), (60_000, 128, 10), (262_144, 64, 100), (131_072, 32, 1_000)]
QUICK = [(2_000, 64, 10)]
ITERATIONS = 20


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, k, repeats) for n, d, k in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, k: int, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, k)
    start = X[np.random.default_rng(1).choice(n, k, replace=False)].copy()
    settings: dict[str, Any] = {"init": start, "n_clusters": k, "n_init": 1, "max_iter": ITERATIONS, "tol": 0}
    contenders = [
        Contender("scratchclust", partial(_fit, KMeans(**settings), X)),
        Contender("scratchclust, on device", partial(_fit, KMeans(**settings), jnp.asarray(X))),
        Contender("scikit-learn", partial(_fit, sklearn.cluster.KMeans(**settings), X)),
    ]
    return compare(f"k-means, {n:,} x {d:,}, k = {k:,}, {ITERATIONS} iterations", contenders, repeats=repeats)


def _fit(model: Any, X: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns when max_iter ends it, which is meant here
        model.fit(X)
    jax.block_until_ready((model.labels_, model.cluster_centers_))
    return {"inertia": float(model.inertia_), "n_iter": int(model.n_iter_)}
