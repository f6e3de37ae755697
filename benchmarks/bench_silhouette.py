"""The mean silhouette of all points: scratchclust against scikit-learn on the same labels.

And of the labels of k-means for k = 2 to 20 together, with Dunn's index: all from one pass over the
distances, against scikit-learn's silhouettes alone, one after the other.
"""

from functools import partial
from typing import Any

import numpy as np
import sklearn.metrics

from benchmarks.harness import Contender, compare, mixture, placed
from scratchclust import KMeans, metrics

SIZES = [(10_000, 1_024, 10), (10_000, 64, 10), (20_000, 784, 10), (8_000, 64, 4_000)]
QUICK = [(1_000, 64, 10), (1_000, 64, 500)]
SCAN = range(2, 21)  # numbers of clusters


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    comparisons = [_compare(n, d, k, repeats) for n, d, k in (QUICK if quick else SIZES)]
    return [*comparisons, _compare_scan(_images(1_000 if quick else 10_000), repeats)]


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


def _compare_scan(X: np.ndarray, repeats: int) -> dict[str, Any]:
    labelings = [np.asarray(KMeans(k, random_state=0).fit(X).labels_) for k in SCAN]
    contenders = [
        Contender("scratchclust, Dunn as well", partial(_all, X, labelings)),
        Contender("scikit-learn", partial(_one_by_one, X, labelings)),
    ]
    problem = f"silhouettes of k-means for k = 2 to 20, {len(X):,} x {X.shape[1]}"
    return compare(problem, contenders, repeats=min(repeats, 3))


def _images(n: int) -> np.ndarray:
    """Images of MNIST's test half as rows; clouds of the same shape where there are none."""
    try:  # data need Pillow, which a bare machine has not
        from scratchclust.data import load

        return load("mnist", split="test").images[:n].reshape(n, -1).astype(np.float32)
    except Exception as reason:
        print(f"without MNIST ({reason}): made-up clouds")
        return mixture(n, 784, 10)


def _all(X: np.ndarray, labelings: list[np.ndarray]) -> dict[str, Any]:
    scores = metrics.internal_scores(X, labelings)
    return {"mean silhouette": float(np.mean([one["silhouette"] for one in scores]))}


def _one_by_one(X: np.ndarray, labelings: list[np.ndarray]) -> dict[str, Any]:
    scores = [sklearn.metrics.silhouette_score(X, labels) for labels in labelings]
    return {"mean silhouette": float(np.mean(scores))}


def _score(score: Any, X: Any, labels: np.ndarray) -> dict[str, Any]:
    return {"silhouette": float(score(X, labels))}


def _both(X: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    scores = metrics.internal_scores(X, [labels])[0]
    return {"silhouette": scores["silhouette"], "dunn": scores["dunn"]}
