"""Elkan's bounds and the carried sums: the same result as without them, and bounds that do hold."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import make_blobs

from scratchclust import KMeans, rows
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster.kmeans_parts.cluster_means import change_of_sums, weights_of_clusters
from scratchclust.cluster.kmeans_parts.elkan_bounds import nothing_known, where_needed
from scratchclust.cluster.kmeans_parts.lloyd_steps import (
    LloydPass,
    every_distance,
    first_state,
    run_iterations,
)
from scratchclust.cluster.kmeans_parts.points import (
    Chunk,
    chosen_first,
    n_chunks,
    points_in_blocks,
)
from scratchclust.distances import centre_of
from scratchclust.reference import kmeans as reference


def problem(seed, n=1500, d=8, k=9):
    X = make_blobs(n, d, centers=6, cluster_std=4.0, random_state=seed)[0].astype(np.float32)
    return X, X[np.random.default_rng(seed).choice(n, k, replace=False)]


def iterate(data, state, most, one_pass, threshold=0.0):
    return run_iterations(data, state, most=most, threshold=threshold, unit=None, one_pass=one_pass)


@pytest.mark.quick(5)
@pytest.mark.parametrize("seed", range(20))
def test_elkan_is_lloyd(seed):
    X, start = problem(seed)
    lloyd, elkan = (fast.lloyd(X, start, tol=0.0, algorithm=name) for name in ("lloyd", "elkan"))
    np.testing.assert_array_equal(lloyd.labels, elkan.labels)
    assert lloyd.n_iter == elkan.n_iter > 5
    np.testing.assert_allclose(lloyd.centroids, elkan.centroids, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(lloyd.history.n_moved, elkan.history.n_moved)
    np.testing.assert_allclose(lloyd.history.inertia, elkan.history.inertia, rtol=1e-5)


@pytest.mark.quick(2)
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_both_are_the_reference(algorithm, metric):
    X, start = problem(3, n=400)
    weights = np.random.default_rng(0).integers(0, 4, len(X)) / 3
    given = {"sample_weight": weights.astype(np.float32), "tol": 0.0, "metric": metric}
    slow = reference.lloyd(X.astype(np.float64), start.astype(np.float64), **given)
    quick = fast.lloyd(X, start, algorithm=algorithm, **given)
    np.testing.assert_array_equal(slow.labels, quick.labels)
    np.testing.assert_allclose(slow.centroids, quick.centroids, atol=1e-4)
    assert slow.n_iter == quick.n_iter


@pytest.mark.full
@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_elkan_on_several_devices(n_devices):
    X, start = problem(5)
    whole = fast.lloyd(X, start, tol=0.0, algorithm="elkan")
    with rows.on(jax.local_devices()[:n_devices]):
        part = fast.lloyd(X, start, tol=0.0, algorithm="elkan")
    np.testing.assert_array_equal(whole.labels, part.labels)


@pytest.mark.parametrize("seed", range(5))
def test_the_bounds_hold(seed):
    X, start = problem(seed, n=700)
    X += 1000  # the rounding that the bounds must allow for is that of centred points
    points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(start))
    state = first_state(
        points.rows, points.centred(start + 1000), nothing_known(points.rows, len(start))
    )
    for _ in range(4):
        state = rows.finished(iterate(points.rows, state, 3, where_needed))
        x, before = rows.join(points.rows.arrays[0], len(X)), np.asarray(state.before, np.float64)
        distances = np.linalg.norm(np.asarray(x, np.float64)[:, None] - before[None], axis=2)
        lower = rows.join(jnp.swapaxes(state.bounds.lower, 1, 2), len(X))
        upper, labels = rows.join(state.bounds.upper, len(X)), rows.join(state.labels, len(X))
        assert (lower <= distances).all()
        assert (upper >= distances[np.arange(len(X)), labels]).all()


@pytest.mark.full
def test_few_rows_are_compared_in_the_end():
    """What the bounds are for: rows that are not compared may hold anything."""
    X, start = problem(1)
    points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(start))
    state = first_state(points.rows, points.centred(start), nothing_known(points.rows, len(start)))
    state = rows.finished(iterate(points.rows, state, 60, where_needed))
    assert state.stable
    x, norms, weights = points.rows.arrays
    spoilt = rows.Rows((jnp.full_like(x, jnp.nan), norms, weights), points.rows.mesh)
    again = rows.finished(iterate(spoilt, state._replace(stable=jnp.bool(False)), 1, where_needed))
    np.testing.assert_array_equal(state.labels, again.labels)
    assert not jnp.isnan(again.centroids).any()


def test_sums_stay_exact_when_a_cluster_shrinks():
    """Nearly all points of a cluster leave it at once: no rounding of the large sum may remain in
    the small one.
    """
    X = np.random.default_rng(0).normal(1e4, 1, (4000, 2)).astype(np.float32)
    points = points_in_blocks(X, offset=np.zeros(2), n_clusters=2)
    stay = rows.split(np.arange(4000) % 1000 == 0, block=points.block, dtype=np.int32)

    def scripted(data, state):
        labels = jnp.where(
            (state.labels < 0).any(), 0, 1 - stay
        )  # all in one cluster, then only four

        def block(x, norms, weights, previous, labels):
            found = (
                change_of_sums(x, weights, labels, previous, 2),
                weights_of_clusters(weights, labels, 2),
            )
            return found, None

        (change, weights), _ = rows.map_sum(
            block, rows.Rows((*data.arrays, state.labels, labels), data.mesh)
        )
        return LloydPass(state.sums + change, weights, jnp.zeros(()), jnp.int32(1), labels, None)

    state = first_state(points.rows, jnp.zeros((2, 2)), None)
    for _ in range(2):
        state = state._replace(n_empty=jnp.int32(0))
        state = rows.finished(iterate(points.rows, state, 1, scripted, threshold=-1.0))
    np.testing.assert_allclose(
        state.centroids[0], X[::1000].mean(axis=0, dtype=np.float64), rtol=1e-6
    )


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("k", [3, 40])
def test_change_of_sums_by_its_definition(share, k):
    rng = np.random.default_rng(int(100 * share) + k)
    x, weights = rng.normal(size=(256, 5)).astype(np.float32), rng.random(256).astype(np.float32)
    previous = rng.integers(-1, k, 256).astype(np.int32)
    labels = np.where(
        rng.random(256) < share, rng.integers(0, k, 256), np.maximum(previous, 0)
    ).astype(np.int32)
    expected = np.zeros((k, 5))
    for point, weight, new, old in zip(x, weights, labels, previous, strict=True):
        expected[new] += weight * point
        if old >= 0:
            expected[old] -= weight * point
    change = jax.jit(change_of_sums, static_argnums=4)(
        *map(jnp.asarray, (x, weights, labels, previous)), k
    )
    np.testing.assert_allclose(change, expected, atol=1e-4)


@pytest.mark.parametrize("chosen", [[], [0], [255], [3, 250], list(range(100)), list(range(256))])
def test_chunks_hold_each_chosen_row_once(chosen):
    mask = jnp.zeros(256, bool).at[jnp.array(chosen, jnp.int32)].set(True)
    order = chosen_first(mask)
    chunks = [Chunk.of(order, i) for i in range(int(n_chunks(mask)))]
    weights = jnp.arange(256.0) + 1
    found = [int(i) for chunk in chunks for i in chunk.index if i < 256]
    assert found == chosen
    assert sum(float(chunk.weights(weights).sum()) for chunk in chunks) == sum(
        i + 1 for i in chosen
    )
    marked = jnp.zeros(256)
    for chunk in chunks:
        marked = chunk.put(marked, chunk.take(weights))
    np.testing.assert_array_equal(marked, jnp.where(mask, weights, 0))


@pytest.mark.full
def test_elkan_with_clusters_that_run_empty():
    X = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    with pytest.warns(UserWarning, match="only 4 of 6 clusters have points"):
        result = fast.lloyd(X, np.repeat(X[:1], 6, axis=0), tol=0.0, algorithm="elkan")
    assert result.inertia < 1e-6
    X, start = problem(7, n=300)
    start[3:5] = 1e3  # nobody's nearest: refilled
    lloyd, elkan = (fast.lloyd(X, start, tol=0.0, algorithm=name) for name in ("lloyd", "elkan"))
    np.testing.assert_array_equal(lloyd.labels, elkan.labels)
    assert len(np.unique(np.asarray(elkan.labels))) == len(start)


def test_the_estimator_takes_elkan():
    X, _ = problem(2)
    lloyd, elkan = (
        KMeans(9, algorithm=name, random_state=0, tol=0).fit(X) for name in ("lloyd", "elkan")
    )
    np.testing.assert_array_equal(lloyd.labels_, elkan.labels_)
    with pytest.raises(
        ValueError, match="expected algorithm to be one of 'lloyd', 'elkan', got 'fast'"
    ):
        fast.kmeans(X, 2, key=jax.random.key(0), algorithm="fast")


def test_passes_agree_on_one_iteration():
    X, start = problem(4)
    points = points_in_blocks(X, offset=centre_of(X), n_clusters=len(start))
    first = first_state(points.rows, points.centred(start), nothing_known(points.rows, len(start)))
    one, other = (
        rows.finished(jax.jit(p)(points.rows, first)) for p in (every_distance, where_needed)
    )
    np.testing.assert_allclose(one.sums, other.sums, rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(one.weights, other.weights)
    np.testing.assert_allclose(one.inertia, other.inertia, rtol=1e-5)
