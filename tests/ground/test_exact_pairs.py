"""Distances in float64 on the host: those of the definition, by brute force, in one strip and in
many.
"""

import numpy as np
import pytest

from scratchclust import exact_pairs
from scratchclust.reference.distances import squared_distances


def points(n: int, d: int = 3, seed: int = 0) -> np.ndarray:
    """Whole numbers, many of which are equally far from each other, far from zero."""
    return np.random.default_rng(seed).integers(0, 5, (n, d)) + 1e6


@pytest.fixture(params=[False, True], ids=["one strip", "many strips"])
def strips(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param:
        monkeypatch.setattr(exact_pairs, "DISTANCES_AT_A_TIME", 100)
        monkeypatch.setattr(exact_pairs, "NUMBERS_AT_A_TIME", 10)


def test_pair_squares_by_hand() -> None:
    X = np.array([[0, 0], [3, 4]], np.uint8)
    Y = np.array([[0.5, 0.0]])
    i = np.array([0, 1, 1])
    assert exact_pairs.pair_squares(X, Y, i, np.zeros(3, int)).tolist() == [0.25, 22.25, 22.25]
    assert exact_pairs.pair_squares(X, X, i[:0], i[:0]).shape == (0,)


@pytest.mark.usefixtures("strips")
def test_pairs_equal_the_definition() -> None:
    X = points(40)
    Y = points(30, seed=1)
    squares = squared_distances(X, Y)
    i, j = np.divmod(np.random.default_rng(0).permutation(1200), 30)
    np.testing.assert_array_equal(exact_pairs.pair_squares(X, Y, i, j), squares[i, j])
    distances = np.sqrt(squared_distances(X, X))
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(exact_pairs.all_distances(X), distances, rtol=1e-12)


@pytest.mark.usefixtures("strips")
def test_strips_hold_every_row_once() -> None:
    rows = np.arange(50, 90)
    parts = exact_pairs.strips(rows, 30)
    assert np.concatenate(parts).tolist() == rows.tolist()
    assert max(len(part) - 1 for part in parts) * 30 < exact_pairs.DISTANCES_AT_A_TIME
    assert exact_pairs.strips(rows[:0], 30) == []
    assert list(exact_pairs.near_rows(points(9), rows[:0], 1.0)) == []


@pytest.mark.usefixtures("strips")
def test_the_nearest_of_queries_by_brute_force() -> None:
    """Of equally near ones the lowest index comes first; a point is no neighbour of itself."""
    X = points(60)
    queries = np.concatenate([X[10:20], points(15, seed=1)])
    own = np.concatenate([np.arange(10, 20), np.full(15, -1)])
    squares = squared_distances(queries, X)
    squares[np.arange(10), own[:10]] = np.inf
    nearest = squares.argsort(axis=1, kind="stable")[:, :7]
    found, of_found = exact_pairs.nearest_of_queries(X, queries, own, 7)
    np.testing.assert_array_equal(found, nearest)
    np.testing.assert_array_equal(of_found, np.take_along_axis(squares, nearest, axis=1))


@pytest.mark.usefixtures("strips")
@pytest.mark.parametrize("kind", ["points", "groups", "sizes"])
def test_the_nearest_among_some_by_brute_force(kind: str) -> None:
    rng = np.random.default_rng(0)
    x = exact_pairs.centre_rows(points(60))
    asking = np.array([3, 8, 9, 40])
    among = np.sort(rng.permutation(60)[:30])
    among = np.union1d(among, asking)
    groups = rng.integers(0, 4, 60) if kind == "groups" else None
    sizes = rng.integers(1, 5, 60) * 1.0 if kind == "sizes" else None
    squares = squared_distances(x[asking], x[among])
    if sizes is not None:
        a = sizes[asking][:, None]
        b = sizes[among][None, :]
        squares *= 2 * a * b / (a + b)
    same = asking if groups is None else groups[asking]
    squares[same[:, None] == (among if groups is None else groups[among])[None, :]] = np.inf
    found = exact_pairs.nearest_among(x, asking, among, groups=groups, sizes=sizes)
    np.testing.assert_array_equal(found[0], among[squares.argmin(axis=1)])
    np.testing.assert_allclose(found[1], squares.min(axis=1), rtol=1e-12)
