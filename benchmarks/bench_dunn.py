"""Dunn's index: scratchclust against brute force (SciPy's distances, block by block, float64)."""

import math
from functools import partial
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from benchmarks.harness import Contender, compare, mixture
from scratchclust import metrics

SIZES = [(10_000, 1_024), (10_000, 64)]
QUICK = [(1_000, 64)]
BLOCK = 1_000


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for each size."""
    return [_compare(n, d, repeats) for n, d in (QUICK if quick else SIZES)]


def _compare(n: int, d: int, repeats: int) -> dict[str, Any]:
    X, labels = mixture(n, d, 5), np.random.default_rng(1).integers(10, size=n)
    contenders = [
        Contender("scratchclust", partial(_dunn, metrics.dunn_index, X, labels)),
        Contender("brute force", partial(_dunn, brute_force, X, labels)),
    ]
    return compare(f"Dunn's index, {n:,} x {d:,}, 10 clusters", contenders, repeats=repeats)


def brute_force(X: np.ndarray, labels: np.ndarray) -> float:
    """The definition, on all pairs."""
    X = X.astype(np.float64)
    separation, diameter = math.inf, 0.0
    for first in range(0, len(X), BLOCK):
        distances = cdist(X[first : first + BLOCK], X)
        same = labels[first : first + BLOCK, None] == labels[None, :]
        separation = min(separation, distances[~same].min())
        diameter = max(diameter, distances[same].max())
    return float(separation / diameter)


def _dunn(score: Any, X: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    return {"dunn": float(score(X, labels))}
