"""What only the JAX twin can get wrong: devices, blocks, memory, compilation, types of arrays; and
bad arguments.
"""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from scratchclust import rows
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster.kmeans_parts.lloyd_steps import (
    every_distance,
    first_state,
    run_iterations,
)
from scratchclust.cluster.kmeans_parts.points import points_in_blocks
from scratchclust.cluster.kmeans_parts.stacked_steps import run_stack
from scratchclust.errors import InputError
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import D, K, N, blobs, blobs_and_start, each_twin

# --------------------------------------------------------------------------------------------------
# devices


@pytest.mark.full
def test_one_two_and_four_devices_agree():
    X, start = blobs_and_start(0)
    results = []
    for n_devices in (1, 2, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            results.append(fast.lloyd(X, start, tol=0.0))
    for result in results[1:]:
        np.testing.assert_array_equal(result.labels, results[0].labels)
        np.testing.assert_allclose(result.centroids, results[0].centroids, atol=1e-5)
        assert result.n_iter == results[0].n_iter


@pytest.mark.parametrize("start", ["random_points", "plus_plus"])
def test_starts_agree_on_one_and_four_devices(start):
    X = blobs(0)
    chosen = []
    for n_devices in (1, 4):
        with rows.on(jax.local_devices()[:n_devices]):
            chosen.append(np.asarray(getattr(fast, start)(X, 8, key=jax.random.key(0))))
    np.testing.assert_array_equal(*chosen)


def test_arrays_of_other_devices_are_welcome():
    X, start = blobs_and_start(0)
    expected = fast.lloyd(X, start, tol=0.0)
    with rows.on(jax.local_devices()[2:]):
        elsewhere = fast.lloyd(
            jax.device_put(X, jax.local_devices()[1]), expected.centroids, tol=0.0
        )
    np.testing.assert_array_equal(elsewhere.labels, expected.labels)
    labels, _ = fast.assign(
        elsewhere.labels[:, None].astype(jnp.float32) * jnp.ones(D)[None], elsewhere.centroids
    )
    assert labels.shape == (N,)


# --------------------------------------------------------------------------------------------------
# numbers, far off


@pytest.mark.parametrize("from_jax", [False, True])
def test_offset_of_ten_thousand_in_float32(from_jax):
    for seed in range(5):
        X, start = (array + np.float32(10_000) for array in blobs_and_start(seed))
        exact = reference.lloyd(X.astype(np.float64), start.astype(np.float64), tol=0.0)
        result = fast.lloyd(
            *(jnp.asarray(array) if from_jax else array for array in (X, start)), tol=0.0
        )
        np.testing.assert_array_equal(result.labels, exact.labels)
        np.testing.assert_allclose(result.inertia, exact.inertia, rtol=1e-5)
        np.testing.assert_allclose(
            result.centroids, exact.centroids, atol=1e-3
        )  # float32 itself has steps of 1e-3


@pytest.mark.parametrize("from_jax", [False, True])
def test_a_point_far_off_is_at_no_distance_from_itself(from_jax):
    X = blobs(0) + np.float32(10_000)
    labels, distances = fast.assign(jnp.asarray(X) if from_jax else X, X[:K])
    np.testing.assert_array_equal(labels[:K], np.arange(K))
    np.testing.assert_array_equal(distances[:K], 0)


def test_near_duplicates_far_from_the_rest():
    X = np.array([[1e4, 0.0], [1e4, 1e-2], [-1e4, 0.0], [-1e4, 10.0]], np.float32)
    labels, distances = fast.assign(X, X)
    # Points at 1e-2 from each other cannot be told apart by squares of 1e8; the distance to the one
    # chosen is exact.
    np.testing.assert_allclose(distances, np.square(X - X[labels]).sum(axis=1), rtol=1e-5)
    assert (distances < 1.01e-4).all()
    np.testing.assert_array_equal(labels[2:], [2, 3])


def test_float64_arrays_keep_their_digits():
    X, start = (1e6 + array.astype(np.float64) for array in blobs_and_start(0))
    exact, result = reference.lloyd(X, start, tol=0.0), fast.lloyd(X, start, tol=0.0)
    assert isinstance(result.centroids, np.ndarray)
    assert result.centroids.dtype == np.float64
    np.testing.assert_array_equal(result.labels, exact.labels)
    np.testing.assert_allclose(
        result.centroids, exact.centroids, rtol=0, atol=1e-5
    )  # float32 has steps of 0.06 there
    centroids = fast.update_centroids(X, exact.labels, start)
    np.testing.assert_allclose(
        centroids, reference.update_centroids(X, exact.labels, start), rtol=0, atol=1e-5
    )


@pytest.mark.full
def test_x64():
    X, start = (array.astype(np.float64) for array in blobs_and_start(0))
    exact = reference.lloyd(X, start, tol=0.0)
    with jax.enable_x64(True):
        result = fast.lloyd(X, start, tol=0.0)
        assert isinstance(result.centroids, jax.Array)
        assert result.centroids.dtype == np.float64
        assert result.labels.dtype == np.int32
        np.testing.assert_allclose(result.centroids, exact.centroids, rtol=1e-12)
        np.testing.assert_allclose(result.inertia, exact.inertia, rtol=1e-12)
        start[1:] += 1000  # and with a refill
        assert len(np.unique(fast.lloyd(X, start, tol=0.0).labels)) == K
        assert fast.plus_plus(X, K, key=jax.random.key(0)).dtype == np.float64


def test_types_of_arrays():
    X, start = blobs_and_start(0)
    for given in (X, jnp.asarray(X)):
        result = fast.lloyd(given, start)
        assert isinstance(result.centroids, jax.Array)
        assert isinstance(result.labels, jax.Array)
        assert (result.centroids.dtype, result.labels.dtype) == (np.float32, np.int32)
        assert isinstance(result.inertia, float)
        assert isinstance(result.n_iter, int)
        assert isinstance(result.converged, bool)
    plain, fortran, strided = (
        fast.lloyd(given, start, tol=0.0)
        for given in (X, np.asfortranarray(X), np.repeat(X, 2, axis=0)[::2])
    )
    np.testing.assert_array_equal(plain.labels, fortran.labels)
    np.testing.assert_array_equal(plain.labels, strided.labels)


# --------------------------------------------------------------------------------------------------
# memory, compilation


def temporary_bytes(n, k):
    X = np.zeros((n, 16), np.float32)
    points = points_in_blocks(X, offset=X[0], n_clusters=k)
    state = first_state(points.rows, jnp.asarray(points.centred(X[:k])), None)
    given = {"most": 8, "threshold": 0.0, "unit": None, "one_pass": every_distance}
    compiled = run_iterations.lower(points.rows, state, **given).compile()
    return compiled.memory_analysis().temp_size_in_bytes


@pytest.mark.full
def test_memory_is_bounded_by_a_block():
    n_devices = len(jax.local_devices())
    few, many = 2**14, 2**17
    for k in (4, 64):
        growth = (temporary_bytes(many, k) - temporary_bytes(few, k)) * n_devices
        assert growth <= 4 * (
            many - few
        )  # the labels, four bytes a row: nothing of size n x k or n x d


def test_second_call_compiles_nothing(caplog):
    X, start = blobs_and_start(0)

    def run(x, seed):
        fast.lloyd(x, start)
        return fast.kmeans(x, K, key=jax.random.key(seed), n_init=2)

    run(X, 0)
    before = run_stack._cache_size()
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        run(X + 1, 1)
        assert "Compiling" not in caplog.text
        assert run_stack._cache_size() == before
        jax.jit(lambda x: 3 * x)(X)
        assert "Compiling" in caplog.text  # so the log would have shown it


def test_a_run_compiles_its_loop_once():
    X = blobs(0, n_blobs=3)[:90]
    before = run_stack._cache_size()
    result = fast.lloyd(X, X[:3], tol=0.0)
    assert result.n_iter > 2  # more than one call
    assert run_stack._cache_size() == before + 1


@pytest.mark.quick(2)
@pytest.mark.parametrize("init", ["random", "k-means++", "k-means||"])
def test_same_key_same_bits(init):
    X = blobs(0)
    first, again = (fast.kmeans(X, 8, key=jax.random.key(7), init=init, n_init=2) for _ in range(2))
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(again), strict=True):
        np.testing.assert_array_equal(one, other)


# --------------------------------------------------------------------------------------------------
# bad arguments


@each_twin
def test_wrong_shapes_are_refused(twin):
    X, start = blobs_and_start(0)
    for wrong in (X[0], X[:, :-1], X[None]):
        with pytest.raises(TypeCheckError):
            twin.assign(wrong, start)
    with pytest.raises(TypeCheckError):
        twin.lloyd(X, start, sample_weight=np.ones(N - 1))


@each_twin
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"metric": "manhattan"},
            "expected metric to be one of 'euclidean', 'cosine', got 'manhattan'",
        ),
        (
            {"init": "kmeans"},
            r"expected init to be one of 'random', 'k-means\+\+', 'k-means\|\|', got 'kmeans'",
        ),
        ({"n_init": 0}, "expected n_init to be a whole number of at least 1, got 0"),
        ({"max_iter": 0}, "expected max_iter to be a whole number of at least 1, got 0"),
        ({"tol": -1.0}, "expected tol to be a finite number of at least 0, got -1.0"),
        ({"tol": np.nan}, "expected tol to be a finite number of at least 0, got nan"),
        (
            {"sample_weight": np.zeros(N)},
            "expected sample_weight to be finite numbers of at least 0, .*, got none above 0",
        ),
        (
            {"sample_weight": -np.ones(N)},
            "expected sample_weight to be finite numbers of at least 0, .*, got a negative one, -1",
        ),
        (
            {"n_clusters": N + 1},
            f"expected n_clusters to be a whole number from 1 to {N}, the number of points, "
            f"got {N + 1}: choose among these",
        ),
        (
            {"n_clusters": 0},
            f"expected n_clusters to be a whole number from 1 to {N}, the number of points, got 0",
        ),
    ],
)
def test_bad_arguments(twin, arguments, message):
    X, start = blobs_and_start(0)
    with pytest.raises(InputError, match=message):
        twin.kmeans(X, **{"n_clusters": K, **twin.random(0), **arguments})
    if not arguments.keys() & {"init", "n_init", "n_clusters"}:
        with pytest.raises(InputError, match=message):
            twin.lloyd(X, start, **arguments)
