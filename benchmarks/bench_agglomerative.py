"""Agglomerative clustering: scratchclust against scikit-learn, which calls SciPy.

Quality is the largest relative difference of a height from SciPy's (`heights`), which should be
rounding.
"""

from functools import partial
from typing import Any

import numpy as np
import scipy.cluster.hierarchy
import sklearn.cluster

from benchmarks.bench_dbscan import clouds
from benchmarks.harness import Contender, compare
from scratchclust import AgglomerativeClustering

SIZES = [(10_000, 64)]
QUICK = [(300, 16)]


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size and linkage."""
    linkages = ("ward", "single", "complete", "average")
    return [
        _compare(n, d, linkage, repeats)
        for n, d in (QUICK if quick else SIZES)
        for linkage in linkages
    ]


def _compare(n: int, d: int, linkage: str, repeats: int) -> dict[str, Any]:
    X = clouds(n, d)
    expected = scipy.cluster.hierarchy.linkage(X, linkage)[:, 2]
    peer = sklearn.cluster.AgglomerativeClustering(20, linkage=linkage, compute_distances=True)
    contenders = [
        Contender(
            "scratchclust", partial(_fit, AgglomerativeClustering(20, linkage=linkage), X, expected)
        ),
        Contender("scikit-learn", partial(_fit, peer, X, expected)),
    ]
    return compare(f"{linkage} linkage, {n:,} x {d}, 20 clusters", contenders, repeats=repeats)


def _fit(model: Any, X: np.ndarray, expected: np.ndarray) -> dict[str, Any]:
    return {"heights": float((np.abs(model.fit(X).distances_ - expected) / expected).max())}
