"""The road of a CPU to the nearest neighbours: what is chosen by minima of groups is what a sort of
all scores chooses, to the last tie.
"""

import numpy as np
import pytest

from scratchclust import rows
from scratchclust.neighbors import nearest_neighbors
from scratchclust.neighbors_parts import on_cpu
from scratchclust.reference import neighbors as reference


@pytest.mark.parametrize(("m", "count"), [(64, 5), (96, 2), (1024, 17), (40, 40), (64, 9)])
def test_the_least_are_those_of_a_sort(m: int, count: int) -> None:
    """Few distinct values, infinities, and queries among the points: nearly everything ties."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores = rng.integers(-3, 4, (7, m)).astype(np.float32)
        scores[rng.random(scores.shape) < 0.1 * (m > count)] = np.inf
        own = np.where(rng.random(7) < 0.5 * (m > count), 100 + rng.integers(m, size=7), -1)
        minima = scores.reshape(7, -1, on_cpu._group_size(m, count)).min(axis=2)
        found = on_cpu._least(scores, minima, own, first=100, count=count)
        of_others = np.where(100 + np.arange(m)[None, :] == own[:, None], np.inf, scores)
        expected = np.sort(of_others.argsort(axis=1, kind="stable")[:, :count], axis=1)
        values = np.take_along_axis(of_others, expected, axis=1)
        np.testing.assert_array_equal(np.sort(found.scores), np.sort(values))
        finite = np.isfinite(values).all(axis=1)
        np.testing.assert_array_equal(found.indices[finite], 100 + expected[finite])
        np.testing.assert_array_equal(found.scores[finite], values[finite])


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("n_neighbors", [1, 4, 30, 130])
def test_points_in_several_parts(n_neighbors: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of five tiles two parts are made, the last with a tile of filling; most points tie."""
    monkeypatch.setattr(on_cpu, "COLUMNS", 96)
    monkeypatch.setattr(on_cpu, "BLOCK", 8)
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=8))
    rng = np.random.default_rng(n_neighbors)
    X = rng.integers(0, 4, (131, 3)).astype(np.float32)
    for queries in (None, X[:21] + 1):
        found = nearest_neighbors(X, n_neighbors, queries=queries)
        expected = reference.nearest_neighbors(X, n_neighbors, queries=queries)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6)


def test_few_groups_are_looked_into() -> None:
    """Of 20,000 scores 98 are wanted: hardly more are no larger than the limit."""
    scores = np.random.default_rng(0).normal(size=(20, 20_480)).astype(np.float32)
    group = on_cpu._group_size(20_480, 98)
    assert group == on_cpu.GROUP
    minima = scores.reshape(20, -1, group).min(axis=2)
    limits = np.sort(minima, axis=1)[:, 98]
    assert (scores <= limits[:, None]).sum(axis=1).max() < 130


@pytest.mark.parametrize("dtype", [">i4", ">f4", "<f8", "u1"])
def test_numbers_of_any_kind_are_searched(dtype: str) -> None:
    X = np.random.default_rng(0).integers(0, 9, (40, 3)).astype(dtype)
    found = nearest_neighbors(X, 4)
    expected = reference.nearest_neighbors(X, 4)
    np.testing.assert_array_equal(found.indices, expected.indices)
