"""DBSCAN: scratchclust against scikit-learn, in blocks (64 features) and on the grid (two and three
features).

Quality is the share of points with the same label as scikit-learn gives them, which should be 1,
and the number of clusters.
"""

from functools import partial
from typing import Any

import numpy as np
import sklearn.cluster

from benchmarks.harness import Contender, compare
from scratchclust import DBSCAN

SIZES = [(10_000, 64, 8.5), (10_000, 64, 9.5), (50_000, 2, 0.05), (50_000, 3, 0.2)]
QUICK = [(500, 64, 9.5), (500, 2, 0.3)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, eps, repeats) for n, d, eps in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, eps: float, repeats: int) -> dict[str, Any]:
    X = clouds(n, d)
    peer = sklearn.cluster.DBSCAN(eps=eps)
    expected = peer.fit(X).labels_
    contenders = [
        Contender("scratchclust", partial(_fit, DBSCAN(eps=eps), X, expected)),
        Contender("scikit-learn", partial(_fit, peer, X, expected)),
    ]
    return compare(f"DBSCAN, {n:,} x {d}, eps {eps}, 5 samples", contenders, repeats=repeats)


def _fit(model: Any, X: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    labels = np.asarray(model.fit(X).labels_)
    return {"same": float((labels == expected).mean()), "clusters": int(labels.max()) + 1}


def clouds(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Twenty overlapping Gaussian clouds, float32 [n d]."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(20, d))
    return (centres[rng.integers(20, size=n)] + rng.normal(size=(n, d))).astype(np.float32)
