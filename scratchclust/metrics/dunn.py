"""Dunn's index, fast: the twin of `reference/dunn.py`, where the mathematics is explained.

One pass in float32 (`pairs.py`) finds the rows that can hold the deciding pairs, by a proven bound
on its rounding error. The distances of those few rows are taken once more, for all labelings
together, which leaves the pairs within that bound of the best; and these are computed by the
definition, in float64. So the index is the same as if every pair had been. Only where the bound
leaves very many pairs are those rows looked at in float64 first, on the host. Where the steps of
the definition are:

    in_range, clusters_of    `points_in_range` in `inputs.py`, `encode_clusters` in `labels.py`
    separation               `_deciding_pairs` of `_between`, then `HostPoints.distances`
    diameter                 `_deciding_pairs` of `_within`, then `HostPoints.distances`
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust import rows
from scratchclust.distances import centre_of, error_bound
from scratchclust.metrics.inputs import points_in_range
from scratchclust.metrics.labels import Labeling, Labels, encode_clusters
from scratchclust.metrics.pairs import PairScores, pair_scores
from scratchclust.metrics.tiles import Tiles, squares_of_rows
from scratchclust.rows import AnyArray

MAX_ELEMENTS = 2**22  # of a block of distances in float64: 32 MB
# computed by the definition; if more pairs tie, the index is exact up to float64's rounding
MAX_PAIRS = 100_000
LONGER = 1 + 2.0**-10  # than float32 computes it no row is


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
    return dunn_of_each(X, [labeling], pair_scores(X, [labeling], silhouette=False))[0]


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
        step = max(1, MAX_ELEMENTS // self._X.shape[1])
        X = np.asarray(self._X)
        parts = [
            np.linalg.norm(
                X[i[first : first + step]].astype(np.float64) - X[j[first : first + step]], axis=1
            )
            for first in range(0, len(i), step)
        ]
        return np.concatenate(parts)


class _Search(NamedTuple):
    """Where a labeling's deciding pairs are looked for, and by what."""

    codes: Int[np.ndarray, " n"]
    candidates: Int[np.ndarray, " c"]  # rows that can hold such a pair, rising
    # of squared distances, the rows' codes and all: the value that is to be least
    select: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def dunn_of_each(X: AnyArray, labelings: list[Labeling], scores: list[PairScores]) -> list[float]:
    """Dunn's index of each labeling from the float32 pass, the deciding pairs taken in float64."""
    if not scores:
        return []
    points = HostPoints(X)
    tiles = scores[0].tiles
    error = error_bound(LONGER * tiles.longest, X.shape[1])
    codes = [labeling.codes for labeling in labelings]
    searches = [
        _Search(of_one, _rows_within(2 * error, one.nearest_other, of_one), _between)
        for of_one, one in zip(codes, scores, strict=True)
    ]
    separations = [
        points.distances(i, j).min() for i, j in _deciding_pairs(points, tiles, searches, error)
    ]
    apart = [place for place, separation in enumerate(separations) if separation > 0]
    searches = [
        _Search(codes[i], _rows_within(2 * error, -scores[i].farthest_own, codes[i]), _within)
        for i in apart
    ]
    diameters = np.full(len(scores), math.inf)  # of no account beside a separation of 0
    for place, (i, j) in zip(apart, _deciding_pairs(points, tiles, searches, error), strict=True):
        diameters[place] = points.distances(i, j).max()
    return [
        float(separation / diameter) if diameter > 0 else math.inf
        for separation, diameter in zip(separations, diameters, strict=True)
    ]


def _rows_within(
    margin: float, values: Float[np.ndarray, " n"], codes: Int[np.ndarray, " n"]
) -> Int[np.ndarray, " c"]:
    """The rows in clusters whose value is within a margin of the least."""
    values = np.where(codes >= 0, values, np.inf)
    return np.flatnonzero(values <= values.min() + margin)


def _deciding_pairs(
    points: HostPoints, tiles: Tiles, searches: list[_Search], error: float
) -> list[tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]]:
    """For each search the pairs, with a candidate row, that are least but for rounding."""
    nothing = np.empty(0, int)
    found = [(np.empty(0), nothing, nothing)] * len(searches)
    asking = [search.candidates for search in searches]
    for block, squared in squares_of_rows(tiles, np.unique(np.concatenate([nothing, *asking]))):
        for place, search in enumerate(searches):
            mine = np.isin(block, search.candidates)
            if mine.any() and len(found[place][0]) <= MAX_PAIRS:
                here = _least_of(search, block[mine], squared[mine], 2 * error)
                found[place] = _least_of_both(found[place], here, 2 * error)
    return [
        (i, j) if len(i) <= MAX_PAIRS else _least_pairs(points, search)
        for search, (_, i, j) in zip(searches, found, strict=True)
    ]


_Pairs = tuple[np.ndarray, np.ndarray, np.ndarray]  # [m]: their values, rows i and columns j


def _least_of(
    search: _Search, block: Int[np.ndarray, " b"], squared: Float[np.ndarray, "b n"], margin: float
) -> _Pairs:
    """The pairs of these rows whose value is within a margin of the least."""
    squared = squared[:, : len(search.codes)]
    selected = search.select(squared, search.codes[block][:, None], search.codes[None, :])
    row, column = np.nonzero(selected <= np.float64(selected.min()) + margin)
    return selected[row, column].astype(np.float64), block[row], column


def _least_of_both(some: _Pairs, more: _Pairs, margin: float) -> _Pairs:
    """Those of the pairs of both whose value is within a margin of the least."""
    values, i, j = (np.concatenate(two) for two in zip(some, more, strict=True))
    best = np.flatnonzero(values <= values.min() + margin)
    return values[best], i[best], j[best]


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
    points: HostPoints, search: _Search
) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
    """The pairs with a candidate row whose value is least, up to float64's rounding: few of them,
    where more tie.
    """
    Z = points.centred
    norms = (Z * Z).sum(axis=1)
    margin = 2 * error_bound(math.sqrt(norms.max()), Z.shape[1], np.float64)
    step = max(1, MAX_ELEMENTS // len(Z))
    nothing = np.empty(0, int)
    found = np.empty(0), nothing, nothing
    for first in range(0, len(search.candidates), step):
        block = search.candidates[first : first + step]
        squared = norms[block][:, None] - 2 * Z[block] @ Z.T + norms[None, :]
        values, i, j = _least_of_both(found, _least_of(search, block, squared, margin), margin)
        found = values[:MAX_PAIRS], i[:MAX_PAIRS], j[:MAX_PAIRS]
    return found[1], found[2]
