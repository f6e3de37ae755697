"""Mini-batch k-means: scratchclust against scikit-learn, each until it ends, and for the same
number of steps.

Quality is the inertia of all points.
"""

from functools import partial
from typing import Any

import numpy as np
import sklearn.cluster

from benchmarks.harness import Contender, compare, mixture
from scratchclust import MiniBatchKMeans

SIZES = [(10_000, 64, 10), (10_000, 64, 100)]
QUICK = [(2_000, 8, 3)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """Two comparisons for each size."""
    settings = ({"max_no_improvement": None, "max_iter": 10}, {"max_no_improvement": 10})
    return [
        _compare(*size, given, repeats)
        for size in (QUICK if quick else SIZES)
        for given in settings
    ]


def _compare(n: int, d: int, k: int, given: dict[str, Any], repeats: int) -> dict[str, Any]:
    X = mixture(n, d, k)
    contenders = [
        Contender("scratchclust", partial(_fit, MiniBatchKMeans, X, k, given)),
        Contender("scikit-learn", partial(_fit, sklearn.cluster.MiniBatchKMeans, X, k, given)),
    ]
    ending = "until it ends" if given["max_no_improvement"] else "10 passes"
    return compare(
        f"mini-batch k-means, {n:,} x {d}, k = {k}, {ending}", contenders, repeats=repeats
    )


def _fit(estimator: Any, X: np.ndarray, k: int, given: dict[str, Any]) -> dict[str, Any]:
    model = estimator(k, random_state=0, **given).fit(X)
    return {"inertia": float(model.inertia_), "steps": model.n_steps_}
