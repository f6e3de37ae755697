"""Dunn's index, fast: the twin of `reference/dunn.py`, where the mathematics is explained.

One pass in float32 (`pairs.py`) finds the rows that can hold the deciding pairs, by a proven bound
on its rounding error. A second look at those few rows, in float64 and again by matrix products,
leaves the pairs within its own rounding of the best; and these are computed by the definition. So
the index is the same as if every pair had been. Where the steps of the definition are:

    in_range, clusters_of    `points_in_range` in `inputs.py`, `encode_clusters` in `labels.py`
    separation               `_least_pairs` of `_between`, then `HostPoints.distances`
    diameter                 `_least_pairs` of `_within`, then `HostPoints.distances`
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust import rows
from scratchclust.distances import centre_of, error_bound
from scratchclust.metrics.inputs import points_in_range
from scratchclust.metrics.labels import Labeling, Labels, encode_clusters
from scratchclust.metrics.pairs import PairScores, pair_scores
from scratchclust.rows import AnyArray

MAX_ELEMENTS = 2**22  # of a block of distances in float64: 32 MB
# computed by the definition; if more pairs tie, the index is exact up to float64's rounding
MAX_PAIRS = 100_000


def dunn_index(X: Real[AnyArray, "n d"], labels: Labels) -> float:
    """The smallest distance between points of different clusters over the largest within one.

    Args:
        X: points.
        labels: [n] integers or strings, the cluster of each point; the integer -1 is noise.

    Returns:
        D in [0, inf]. Cost O(n^2 d) time, memory O(n d).

    Raises:
        InputError: fewer than two clusters; X or labels that cannot be read, or of different
            lengths.
    """
    X = points_in_range(X)
    labeling = encode_clusters(X, labels)
    return dunn_of(HostPoints(X), labeling, pair_scores(X, [labeling], silhouette=False)[0])


class HostPoints:
    """What the few deciding pairs need of X in float64: made once, when it is needed."""

    def __init__(self, X: AnyArray) -> None:
        self._X = X
        self._centred: Float[np.ndarray, "n d"] | None = None

    @property
    def centred(self) -> Float[np.ndarray, "n d"]:
        """X less the offset that the float32 pass subtracts: so the bound on its error holds."""
        if self._centred is None:
            offset = np.asarray(centre_of(self._X)).astype(rows.offset_type(self._X))
            self._centred = np.asarray(self._X, np.float64) - offset
        return self._centred

    def distances(
        self, i: Int[np.ndarray, " m"], j: Int[np.ndarray, " m"]
    ) -> Float[np.ndarray, " m"]:
        """|x_i - x_j| by the definition."""
        step = max(1, MAX_ELEMENTS // self.centred.shape[1])
        X = np.asarray(self._X)
        parts = [
            np.linalg.norm(
                X[i[first : first + step]].astype(np.float64) - X[j[first : first + step]], axis=1
            )
            for first in range(0, len(i), step)
        ]
        return np.concatenate(parts)


def dunn_of(X: HostPoints, labeling: Labeling, scores: PairScores) -> float:
    """Dunn's index from the float32 pass, its deciding pairs computed again in float64."""
    clustered = np.flatnonzero(labeling.codes >= 0)
    nearest = scores.nearest_other[clustered]
    farthest = scores.farthest_own[clustered]
    error = error_bound(float(np.linalg.norm(X.centred, axis=1).max()), X.centred.shape[1])
    i, j = _least_pairs(
        X, labeling.codes, clustered[nearest <= nearest.min() + 2 * error], _between
    )
    separation = X.distances(i, j).min()
    if separation == 0:
        return 0.0
    i, j = _least_pairs(
        X, labeling.codes, clustered[farthest >= farthest.max() - 2 * error], _within
    )
    diameter = X.distances(i, j).max()
    return float(separation / diameter) if diameter > 0 else math.inf


def _between(
    squared: Float[np.ndarray, "b n"], own: Int[np.ndarray, "b 1"], codes: Int[np.ndarray, "1 n"]
) -> Any:
    """Squared distances where the pair is of two clusters, infinity elsewhere."""
    return np.where((codes != own) & (codes >= 0), squared, np.inf)


def _within(
    squared: Float[np.ndarray, "b n"], own: Int[np.ndarray, "b 1"], codes: Int[np.ndarray, "1 n"]
) -> Any:
    """Minus squared distances where the pair is of one cluster: the largest is the least."""
    return np.where(codes == own, -squared, np.inf)


def _least_pairs(
    X: HostPoints, codes: Int[np.ndarray, " n"], candidates: Int[np.ndarray, " c"], select: Callable
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The pairs with a candidate row whose selected value is least, up to float64's rounding."""
    Z = X.centred
    norms = (Z * Z).sum(axis=1)
    error = error_bound(math.sqrt(norms.max()), Z.shape[1], np.float64)
    step = max(1, MAX_ELEMENTS // len(Z))
    values = np.empty(0)
    i = np.empty(0, int)
    j = np.empty(0, int)
    for first in range(0, len(candidates), step):
        block = candidates[first : first + step]
        squared = norms[block][:, None] - 2 * Z[block] @ Z.T + norms[None, :]
        selected = select(squared, codes[block][:, None], codes[None, :])
        row, column = np.nonzero(
            selected <= min(selected.min(), values.min(initial=np.inf)) + 2 * error
        )
        values = np.concatenate([values, selected[row, column]])
        i = np.concatenate([i, block[row]])
        j = np.concatenate([j, column])
        best = np.flatnonzero(values <= values.min() + 2 * error)[:MAX_PAIRS]
        values = values[best]
        i = i[best]
        j = j[best]
    return i, j
