"""Several starts of k-means that iterate together: each comes to what it would alone."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import KMeans, rows
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster.kmeans_parts import runs, stacks
from scratchclust.cluster.kmeans_parts.iterations import Settings, iterate_each
from scratchclust.cluster.kmeans_parts.points import KMeansPoints, points_in_blocks
from scratchclust.cluster.kmeans_parts.stacked_pass import inertias_of
from scratchclust.cluster.kmeans_parts.two_least import two_least
from scratchclust.distances import centre_of, unit_rows
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import D, K, N, blobs, one_device

one_device = pytest.fixture(one_device)
R = 6


def _points(X: np.ndarray, n_clusters: int, weights: np.ndarray | None = None) -> KMeansPoints:
    return points_in_blocks(X, offset=centre_of(X), n_clusters=n_clusters, sample_weight=weights)


def _starts(X: np.ndarray, n_clusters: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [X[rng.choice(len(X), n_clusters, replace=False)] for _ in range(R)]


def _runs(points: KMeansPoints, starts: list[np.ndarray], settings: Settings) -> list[Any]:
    return list(iterate_each(points, [partial(points.centred, c) for c in starts], settings))


def _assert_same(one: Any, other: Any) -> None:
    assert one.n_iter == other.n_iter
    assert bool(one.state.stable) == bool(other.state.stable)
    np.testing.assert_array_equal(one.labels, other.labels)
    np.testing.assert_array_equal(one.state.labels, other.state.labels)
    np.testing.assert_array_equal(one.state.centroids, other.state.centroids)
    np.testing.assert_array_equal(one.state.before, other.state.before)
    for told, also in zip(runs._joined(one.history), runs._joined(other.history), strict=True):
        np.testing.assert_allclose(told, also, rtol=1e-5, atol=1e-12)


CASES = {
    "plain": {},
    "tolerance": {"tol": 1e-2},
    "max_iter": {"max_iter": 3},
    "cosine": {"metric": "cosine"},
    "elkan": {"algorithm": "elkan"},
}


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.full) for seed in range(1, 4))]
)
@pytest.mark.parametrize("case", CASES)
def test_a_start_comes_to_the_same_bits_in_a_stack_and_alone(one_device, case, seed):
    X = blobs(seed)
    X = np.asarray(unit_rows(X)) if case == "cosine" else X
    settings = Settings(**{"tol": 0.0, **CASES[case]})
    points = _points(X, K)
    starts = _starts(X, K, seed)
    together = _runs(points, starts, settings)
    for run, start in zip(together, starts, strict=True):
        _assert_same(run, _runs(points, [start], settings)[0])
    for run, backwards in zip(together, _runs(points, starts[::-1], settings)[::-1], strict=True):
        _assert_same(run, backwards)  # whatever the order


@pytest.mark.parametrize("seed", range(6))
def test_weights_and_empty_clusters_that_are_refilled(one_device, seed):
    rng = np.random.default_rng(seed)
    X = np.repeat(blobs(seed)[:79], 3, axis=0)  # duplicates
    weights = rng.integers(0, 3, len(X)).astype(np.float32)
    far = np.full((1, D), 100, np.float32)  # nothing is near: empty at once
    starts = [np.concatenate([start[1:], far]) for start in _starts(X, K, seed)]
    points = _points(X, K, weights)
    together = _runs(points, starts, Settings(tol=0.0))
    for run, start in zip(together, starts, strict=True):
        _assert_same(run, _runs(points, [start], Settings(tol=0.0))[0])
        expected = reference.lloyd(X, start, sample_weight=weights, tol=0.0)
        np.testing.assert_array_equal(run.history[-1].n_moved[-1:], expected.history.n_moved[-1:])
        np.testing.assert_allclose(
            points.uncentred(run.state.centroids), expected.centroids, atol=1e-4
        )


def test_more_clusters_than_distinct_points_end(one_device):
    X = np.repeat(blobs(0)[:3], N // 3, axis=0)
    starts = _starts(X, K, 0)
    points = _points(X, K)
    together = _runs(points, starts, Settings(tol=0.0))
    for run, start in zip(together, starts, strict=True):
        _assert_same(run, _runs(points, [start], Settings(tol=0.0))[0])
        assert bool(run.state.stable)


@pytest.mark.full
def test_starts_that_have_ended_are_dropped_and_nothing_changes(one_device, monkeypatch):
    X = blobs(1)
    points = _points(X, K)
    starts = _starts(X, K, 1)
    expected = _runs(points, starts, Settings(tol=0.0))
    sizes = []
    smaller = stacks.some_of
    monkeypatch.setattr(stacks, "WORTH_COMPILING", 0.0)
    monkeypatch.setattr(stacks, "MOST_ITERATIONS_PER_CALL", 2)
    monkeypatch.setattr(
        stacks, "some_of", lambda state, index: (sizes.append(len(index)), smaller(state, index))[1]
    )
    for run, alone in zip(_runs(points, starts, Settings(tol=0.0)), expected, strict=True):
        _assert_same(run, alone)
    assert sizes
    assert sizes == sorted(sizes, reverse=True)
    assert all(size & (size - 1) == 0 for size in sizes)


def test_columns_of_a_stack_are_bounded(one_device, monkeypatch):
    X = blobs(2)
    points = _points(X, K)
    starts = _starts(X, K, 2)
    expected = _runs(points, starts, Settings(tol=0.0))
    widths = []
    run = stacks.Stack.run
    monkeypatch.setattr("scratchclust.cluster.kmeans_parts.iterations.MOST_COLUMNS", 2 * K)
    monkeypatch.setattr(
        stacks.Stack, "run", lambda self: (widths.append(self.n_columns), run(self))[1]
    )
    for one, alone in zip(_runs(points, starts, Settings(tol=0.0)), expected, strict=True):
        _assert_same(one, alone)
    assert widths == [2 * K] * (R // 2)


def test_blocks_of_the_product_change_no_label(one_device, monkeypatch):
    X = blobs(3)
    points = _points(X, K)
    starts = _starts(X, K, 3)
    expected = _runs(points, starts, Settings(tol=0.0))
    jax.clear_caches()
    for name in ("SMALL", "SMALL_SHARE"):
        monkeypatch.setattr(f"scratchclust.cluster.kmeans_parts.stacked_pass.{name}", 0)
    monkeypatch.setattr(rows, "block_size", lambda n, columns: 32)
    for one, whole in zip(_runs(points, starts, Settings(tol=0.0)), expected, strict=True):
        _assert_same(one, whole)
    jax.clear_caches()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "init",
    [
        pytest.param("random", marks=pytest.mark.full),
        "k-means++",
        pytest.param("k-means||", marks=pytest.mark.full),
    ],
)
def test_the_best_of_ten_is_the_best_of_ten_alone(one_device, init, dtype):
    X = blobs(4).astype(dtype)
    key = jax.random.key(0)
    best = fast.kmeans(X, K, key=key, init=init, n_init=10, tol=0.0)
    points = _points(X, K)
    alone = []
    for of_start in jax.random.split(key, 10):
        start = runs.draw_start(runs.STARTS[init], points, K, of_start)
        alone.append(fast.lloyd(X, np.asarray(points.uncentred(start)), tol=0.0))
    least = min(alone, key=lambda result: result.inertia)
    np.testing.assert_allclose(best.inertia, least.inertia, rtol=1e-6)
    assert any(np.array_equal(best.labels, result.labels) for result in alone)
    assert len(best.history.shift) == best.n_iter


def test_the_bounds_of_inertias_hold_them(one_device):
    X = blobs(5) + 50
    points = _points(X, K)
    starts = _starts(X, K, 5)
    centred = np.stack([points.centred(start) for start in starts])
    inertias, errors = map(np.asarray, inertias_of(points.rows, centred))
    exact = [reference.assign(X.astype(float), start)[1].sum() for start in starts]
    assert (abs(inertias - exact) <= errors).all()
    assert (errors < 1e-3 * inertias).all()


def test_starts_of_a_function_run_together(one_device):
    X = blobs(6)
    starts = _starts(X, K, 6)
    given = iter(starts)

    def init(X: Any, n_clusters: int, random_state: Any) -> np.ndarray:
        return next(given)

    best = KMeans(K, init=init, n_init=R, tol=0.0).fit(X)
    alone = [fast.lloyd(X, start, tol=0.0) for start in starts]
    least = min(alone, key=lambda result: result.inertia)
    np.testing.assert_allclose(best.inertia_, least.inertia, rtol=1e-6)
    assert best.n_iter_ in [result.n_iter for result in alone]


def test_two_least_by_brute_force():
    rng = np.random.default_rng(0)
    for k in (1, 2, 3, 10, 11, 25):
        scores = rng.integers(0, 6, size=(3, k, 50)).astype(np.float32)  # many equal ones
        labels, least, second = map(np.asarray, two_least(jnp.asarray(scores)))
        in_order = np.sort(scores, axis=1)
        np.testing.assert_array_equal(labels, scores.argmin(axis=1))
        np.testing.assert_array_equal(least, in_order[:, 0])
        np.testing.assert_array_equal(second, in_order[:, 1] if k > 1 else np.inf)
