"""Nearest neighbours: by hand for both twins, equal to scikit-learn's, and exact where expanded
squares are not.
"""

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import sklearn.neighbors

from scratchclust import neighbors as fast
from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.neighbors_parts import on_cpu
from scratchclust.reference import neighbors as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def points(n: int = 60, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """On a line, 0, 1, 3, 7: from 3 the nearest is 1 (at 2), then 0 (at 3)."""
    found = twin.nearest_neighbors(np.array([[0.0], [1.0], [3.0], [7.0]]), 2)
    assert found.indices.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    assert found.distances.tolist() == [[1, 3], [1, 2], [2, 3], [4, 6]]
    assert found.indices.dtype == np.int32


@each_twin
def test_queries_may_be_points_themselves(twin: ModuleType) -> None:
    X = np.array([[0.0, 0], [3, 4], [6, 8]])
    found = twin.nearest_neighbors(X, 3, queries=X[1:2])
    assert found.indices.tolist() == [[1, 0, 2]]
    assert found.distances.tolist() == [[0, 5, 5]]


@each_twin
def test_cosine_knows_directions_alone(twin: ModuleType) -> None:
    found = twin.nearest_neighbors(
        np.array([[1.0, 0], [50, 50], [0, 3], [-2, 0]]), 3, metric="cosine"
    )
    assert found.indices[0].tolist() == [1, 2, 3]
    np.testing.assert_allclose(found.distances[0], [1 - np.sqrt(0.5), 1, 2], atol=1e-7)


@each_twin
def test_equally_near_ones_come_by_index(twin: ModuleType) -> None:
    found = twin.nearest_neighbors(np.array([[1.0], [0.0], [2.0], [1.0], [0.0]]), 4)
    assert found.indices[0].tolist() == [3, 1, 2, 4]


@pytest.mark.quick(6)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize(
    ("n", "d", "k"), [(2, 1, 1), (50, 3, 49), (300, 7, 10), (3000, 4, 15), (700, 64, 600)]
)
def test_twins_and_scikit_learn_agree(n: int, d: int, k: int, metric: str) -> None:
    X = points(n, d) + 3
    ours, theirs = (
        fast.nearest_neighbors(X, k, metric=metric),
        reference.nearest_neighbors(X, k, metric=metric),
    )
    peer = sklearn.neighbors.NearestNeighbors(n_neighbors=k, metric=metric, algorithm="brute").fit(
        X
    )
    distances, indices = peer.kneighbors()
    for found in (ours, theirs):
        np.testing.assert_array_equal(found.indices, indices)
        np.testing.assert_allclose(found.distances, distances, rtol=1e-9, atol=1e-12)
    q = points(33, d, seed=1)
    ours, theirs = (
        twin.nearest_neighbors(X, k, queries=q, metric=metric) for twin in (fast, reference)
    )
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_allclose(ours.distances, theirs.distances, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(20))
def test_invariants(seed: int) -> None:
    """Turning, moving and permuting the points changes nothing but their numbers; distances rise;
    no point twice.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    found = fast.nearest_neighbors(X, 6)
    assert (np.diff(found.distances, axis=1) >= 0).all()
    assert all(len(set(row)) == 6 and i not in row for i, row in enumerate(found.indices.tolist()))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    np.testing.assert_array_equal(fast.nearest_neighbors(X @ turn + 5, 6).indices, found.indices)
    order = rng.permutation(40)
    np.testing.assert_array_equal(
        order[fast.nearest_neighbors(X[order], 6).indices], found.indices[order]
    )


def test_clouds_far_from_each_other_lose_no_digits() -> None:
    """Within a cloud 10,000 away from the centre the expanded squares know nothing: |x|^2 eps is
    10.
    """
    X = np.concatenate([points(200), points(200, seed=1) + 1e4])
    ours, exact = fast.nearest_neighbors(X, 5), reference.nearest_neighbors(X, 5)
    np.testing.assert_array_equal(ours.indices, exact.indices)
    np.testing.assert_allclose(ours.distances, exact.distances, rtol=1e-6)


def test_near_duplicates_are_exact() -> None:
    X = points(100) + 10
    X = np.concatenate([X, X + 1e-9 * points(100, seed=1)])
    ours, exact = fast.nearest_neighbors(X, 3), reference.nearest_neighbors(X, 3)
    np.testing.assert_array_equal(ours.indices[:, 0], np.roll(np.arange(200), 100))
    np.testing.assert_allclose(ours.distances[:, 0], exact.distances[:, 0], rtol=1e-12)


def test_many_equal_points_end_well() -> None:
    X = np.repeat(points(30, 5), 40, axis=0).astype(np.float32)
    found = fast.nearest_neighbors(X, 10)
    assert not found.distances.any()
    assert (found.indices // 40 == np.arange(1200)[:, None] // 40).all()
    assert (found.indices != np.arange(1200)[:, None]).all()


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_device_counts_agree(n_devices: int) -> None:
    X = points(500, 6)
    with rows.on(jax.local_devices()[:n_devices]):
        found = fast.nearest_neighbors(X, 7)
    expected = reference.nearest_neighbors(X, 7)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-12)


def test_long_searches_are_made_of_short_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fast.nearest_neighbors(points(700), 5)
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(tile=16, multiplications_per_call=1)
    )
    monkeypatch.setattr(on_cpu, "BLOCK", 16)
    parts = fast.nearest_neighbors(points(700), 5)
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_array_equal(parts.distances, whole.distances)


def test_jax_arrays_and_float32_and_bytes() -> None:
    X = np.rint(points(80) * 10).astype(np.float32)
    expected = reference.nearest_neighbors(X, 4)
    for given in (jnp.asarray(X), X, X.astype(np.int16)):
        found = fast.nearest_neighbors(given, 4)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6)
    pixels = (X + 100).astype(np.uint8)
    np.testing.assert_allclose(
        fast.nearest_neighbors(pixels, 4).distances, expected.distances, rtol=1e-6
    )


def test_the_same_shapes_compile_once() -> None:
    fast.nearest_neighbors(points(90), 4)
    programs: list[Any] = [on_cpu._beside_norms, on_cpu._scores, on_cpu._by_definition]
    before = [program._cache_size() for program in programs]
    assert min(before) > 0
    fast.nearest_neighbors(points(90, seed=5), 4)
    assert [program._cache_size() for program in programs] == before


@each_twin
@pytest.mark.parametrize(
    ("X", "k", "more", "message"),
    [
        (points(5), 5, {}, "within 1 and 4"),
        (points(5), 0, {}, "within 1 and 4"),
        (points(5), 6, {"queries": points(3)}, "within 1 and 5"),
        (points(5), 1, {"metric": "manhattan"}, "one of 'euclidean', 'cosine', got 'manhattan'"),
        (np.array([[1.0], [np.nan]]), 1, {}, "NaN or infinity"),
        (points(5), 1, {"queries": np.full((1, 4), np.inf)}, "NaN or infinity"),
        (np.array([[1.0], [0.0]]), 1, {"metric": "cosine"}, "all zero"),
    ],
)
def test_errors_teach(twin: ModuleType, X: np.ndarray, k: int, more: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        twin.nearest_neighbors(X, k, **more)


@each_twin
def test_queries_of_another_length_are_refused_where_nobody_checks_shapes(twin: ModuleType) -> None:
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        with pytest.raises(InputError, match="queries of 4 features"):
            twin.nearest_neighbors(points(5), 1, queries=points(3, 2))
    finally:
        jaxtyping.config.update("jaxtyping_disable", False)


@each_twin
@pytest.mark.parametrize("factor", [1e20, 1e160, 1e300, 1e-20, 1e-170, 1e-300])
def test_no_scale_is_too_large_or_too_small(twin: ModuleType, factor: float) -> None:
    X, q = points(90), points(20, seed=1)
    for queries, scaled in ((None, None), (q, q * factor)):
        expected = reference.nearest_neighbors(X, 5, queries=queries)
        found = twin.nearest_neighbors(X * factor, 5, queries=scaled)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances / factor, expected.distances, rtol=1e-12)


@pytest.mark.parametrize("factor", [1e20, 1e30, 1e-20])
def test_no_scale_of_jax_arrays_either(factor: float) -> None:
    X, q = points(90).astype(np.float32), points(20, seed=1).astype(np.float32)
    for queries in (None, jnp.asarray(q * np.float32(factor))):
        found = fast.nearest_neighbors(jnp.asarray(X * np.float32(factor)), 5, queries=queries)
        expected = reference.nearest_neighbors(X, 5, queries=None if queries is None else q)
        np.testing.assert_allclose(found.distances / factor, expected.distances, rtol=1e-6)


@pytest.mark.quick(1)
@pytest.mark.parametrize("far", [1e10, 1e25, 1e100])
def test_details_far_smaller_than_the_whole_are_exact(far: float) -> None:
    """Where even scaled squares are 0 in float32, the host decides; one far point drags nobody
    away.
    """
    X = points(300)
    X[0] = far
    X[1:100] *= 1e-12
    ours = fast.nearest_neighbors(X, 4)
    distances = np.sqrt(((X[1:, None] - X[None, 1:]) ** 2).sum(axis=2))
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(
        ours.indices[1:], 1 + distances.argsort(axis=1, kind="stable")[:, :4]
    )
    np.testing.assert_allclose(ours.distances[1:], np.sort(distances, axis=1)[:, :4], rtol=1e-12)


def test_far_queries_are_exact() -> None:
    X, q = points(100), points(30, seed=1)
    q[::3] *= 1e30
    ours, exact = (
        fast.nearest_neighbors(X, 4, queries=q),
        reference.nearest_neighbors(X, 4, queries=q),
    )
    np.testing.assert_allclose(ours.distances, exact.distances, rtol=1e-12)
    by_hand = np.sort(np.sqrt(((q[1] - X) ** 2).sum(axis=1)))[:4]
    np.testing.assert_allclose(ours.distances[1], by_hand, rtol=1e-12)


def test_float64_decides_what_float32_cannot() -> None:
    """Neighbours whose distances differ by 1e-9: a tie in float32, told apart in float64."""
    ring = np.array([[np.cos(a), np.sin(a)] for a in np.linspace(0, 6, 50)])
    order = np.random.default_rng(0).permutation(50)
    X = np.concatenate([[[0.0, 0.0]], ring * (1 + 1e-9 * order)[:, None]])
    found = fast.nearest_neighbors(X, 50, queries=X[:1])
    np.testing.assert_array_equal(found.indices[0, 1:], 1 + np.argsort(order)[:49])


@each_twin
def test_equal_points_however_small_are_no_error(twin: ModuleType) -> None:
    for value in (0.0, 1e-20, 1e300):
        found = twin.nearest_neighbors(np.full((4, 2), value), 2)
        assert not found.distances.any()
        assert found.indices.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1]]
