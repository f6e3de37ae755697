"""Dunn's index, fast: the twin of `scratchclust/reference/dunn.py`, where the mathematics is explained.

One pass in float32 (`pairs.py`) finds the rows that can hold the deciding pairs, by a proven bound on its rounding
error; the distances of those few rows are computed again in float64, and of the pairs that remain by the definition.
So the index is exact, as if all pairs had been computed in float64.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Shaped

from scratchclust.distances import error_bound
from scratchclust.metrics.pairs import AnyArray, Labeling, PairScores, encode_clusters, pair_scores

BLOCK = 256  # rows that are computed again at once
MAX_PAIRS = 100_000  # pairs computed by the definition; more than these differ by float64's rounding only


def dunn_index(X: Float[AnyArray, "n d"], labels: Shaped[AnyArray, " n"]) -> float:
    """The smallest distance between points of different clusters over the largest within one.

    Args:
        X: points.
        labels: cluster of each point; the integer -1 is noise.

    Returns:
        D in [0, inf]. Cost O(n^2 d) time, memory O(n d).

    Raises:
        ValueError: fewer than two clusters.
    """
    labeling = encode_clusters(X, labels)
    return dunn_of(Centred(X), labeling, pair_scores(X, [labeling], silhouette=False)[0])


class Centred:
    """X in float64 less its mean, made when it is first needed, for all labelings of a call."""

    def __init__(self, X: AnyArray) -> None:
        self._X = X
        self._centred: np.ndarray | None = None

    @property
    def points(self) -> Float[np.ndarray, "n d"]:
        if self._centred is None:
            X = np.asarray(self._X, np.float64)
            self._centred = X - X.mean(axis=0)
        return self._centred


def dunn_of(X: Centred, labeling: Labeling, scores: PairScores) -> float:
    """Dunn's index from the float32 pass over all pairs, its deciding pairs computed again in float64."""
    clustered = labeling.codes >= 0
    nearest = np.where(clustered, scores.nearest_other, np.inf)
    farthest = np.where(clustered, scores.farthest_own, 0)
    error = error_bound(float(np.linalg.norm(X.points, axis=1).max()), X.points.shape[1])
    separation = _least(X.points, labeling.codes, np.flatnonzero(nearest <= nearest.min() + 2 * error), _between)
    if separation == 0:
        return 0.0
    diameter = -_least(X.points, labeling.codes, np.flatnonzero(farthest >= farthest.max() - 2 * error), _within)
    return math.sqrt(separation / diameter) if diameter > 0 else math.inf


def _between(squared: np.ndarray, codes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Squared distances where the pair is of two clusters, infinity elsewhere."""
    return np.where((codes[None, :] != own[:, None]) & (codes[None, :] >= 0), squared, np.inf)


def _within(squared: np.ndarray, codes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Minus the squared distances where the pair is of one cluster, infinity elsewhere."""
    return np.where(codes[None, :] == own[:, None], -squared, np.inf)


def _least(X: np.ndarray, codes: np.ndarray, candidates: np.ndarray, select: Callable) -> float:
    """The least value of `select` over all pairs of a candidate row with any row, in float64 by the definition."""
    norms = (X * X).sum(axis=1)
    error = error_bound(math.sqrt(norms.max()), X.shape[1], np.float64)
    best, pairs = math.inf, []
    for first in range(0, len(candidates), BLOCK):
        block = candidates[first : first + BLOCK]
        squared = norms[block][:, None] - 2 * X[block] @ X.T + norms[None, :]
        values = select(squared, codes, codes[block])
        best = min(best, values.min())
        i, j = np.nonzero(values <= best + 2 * error)
        pairs.append(np.stack([values[i, j], block[i], j], axis=1))
    values, i, j = np.concatenate(pairs).T
    deciding = np.flatnonzero(values <= best + 2 * error)[:MAX_PAIRS]
    i, j = i[deciding].astype(int), j[deciding].astype(int)
    squared = np.concatenate([((X[a] - X[b]) ** 2).sum(axis=1) for a, b in zip(_chunks(i), _chunks(j), strict=True)])
    return float((squared if select is _between else -squared).min())


def _chunks(index: np.ndarray) -> list[np.ndarray]:
    return np.array_split(index, math.ceil(len(index) / BLOCK))
