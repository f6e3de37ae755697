"""Lloyd's algorithm: the same points, start and number of iterations for scratchclust and
scikit-learn.

Both are timed as a whole fit: checks, centring, all iterations, final labels. "on device" starts
from a JAX array. "elkan" skips distances by bounds, which pays the longer the centroids have moved
little; so some problems run until no label changes. There the numbers of iterations can differ:
after a hundred, a rounding has decided some label.
"""

import warnings
from functools import partial
from typing import Any

import jax
import numpy as np
import sklearn.cluster

from benchmarks.harness import Contender, compare, mixture, placed
from benchmarks.peers import kmeans_rivals
from scratchclust import KMeans

SIZES = [
    (10_000, 1_024, 10),
    (60_000, 784, 10),
    (60_000, 128, 10),
    (262_144, 64, 100),
    (131_072, 32, 1_000),
]
QUICK = [(2_000, 64, 10)]
ITERATIONS = 20
UNTIL_STABLE = [(10_000, 1_024, 10), (20_000, 784, 10), (60_000, 128, 10)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    short = [_compare(n, d, k, ITERATIONS, repeats) for n, d, k in (QUICK if quick else SIZES)]
    return [
        *short,
        *(_compare(n, d, k, 1000, repeats) for n, d, k in (QUICK if quick else UNTIL_STABLE)),
    ]


def _compare(n: int, d: int, k: int, max_iter: int, repeats: int) -> dict[str, Any]:
    X = mixture(n, d, k)
    start = X[np.random.default_rng(1).choice(n, k, replace=False)].copy()
    settings: dict[str, Any] = {
        "init": start,
        "n_clusters": k,
        "n_init": 1,
        "max_iter": max_iter,
        "tol": 0,
    }
    on_device, moving = placed(X)
    contenders = [
        Contender("scratchclust", partial(_fit, KMeans(**settings), X)),
        Contender("scratchclust, on device", partial(_fit, KMeans(**settings), on_device), moving),
        Contender("scikit-learn", partial(_fit, sklearn.cluster.KMeans(**settings), X)),
    ]
    if max_iter == ITERATIONS:
        contenders[-1:-1] = kmeans_rivals(X, start, max_iter)
    if max_iter > ITERATIONS:
        settings["algorithm"] = "elkan"
        contenders.insert(2, Contender("scratchclust, elkan", partial(_fit, KMeans(**settings), X)))
        contenders.insert(
            3,
            Contender("scikit-learn, elkan", partial(_fit, sklearn.cluster.KMeans(**settings), X)),
        )
    length = f"{max_iter} iterations" if max_iter == ITERATIONS else "until no label changes"
    return compare(f"k-means, {n:,} x {d:,}, k = {k:,}, {length}", contenders, repeats=repeats)


def _fit(model: Any, X: Any) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # scikit-learn warns when max_iter ends it, which is meant here
        model.fit(X)
    jax.block_until_ready((model.labels_, model.cluster_centers_))
    return {"inertia": float(model.inertia_), "n_iter": int(model.n_iter_)}
