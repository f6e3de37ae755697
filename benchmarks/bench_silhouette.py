"""The mean silhouette of all points: scratchclust against scikit-learn on the same labels."""

from functools import partial
from typing import Any

import numpy as np
import sklearn.metrics

from benchmarks.harness import Contender, compare, mixture, placed
from scratchclust import metrics

SIZES = [(10_000, 1_024, 10), (10_000, 64, 10), (20_000, 784, 10), (8_000, 64, 4_000)]
QUICK = [(1_000, 64, 10), (1_000, 64, 500)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, k, repeats) for n, d, k in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, k: int, repeats: int) -> dict[str, Any]:
    X, labels = mixture(n, d, 5), np.random.default_rng(1).integers(k, size=n)
    on_device, moving = placed(X)
    contenders = [
        Contender("scratchclust", partial(_score, metrics.silhouette_score, X, labels)),
        Contender(
            "scratchclust, on device",
            partial(_score, metrics.silhouette_score, on_device, labels),
            moving,
        ),
        Contender("scratchclust, Dunn as well", partial(_both, X, labels)),
        Contender("scikit-learn", partial(_score, sklearn.metrics.silhouette_score, X, labels)),
    ]
    return compare(f"silhouette, {n:,} x {d:,}, {k:,} clusters", contenders, repeats=repeats)


def _score(score: Any, X: Any, labels: np.ndarray) -> dict[str, Any]:
    return {"silhouette": float(score(X, labels))}


def _both(X: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    scores = metrics.internal_scores(X, [labels])[0]
    return {"silhouette": scores["silhouette"], "dunn": scores["dunn"]}
