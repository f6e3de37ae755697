"""k-means on the road that an accelerator takes, walked here on a CPU."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import KMeans, MiniBatchKMeans, rows
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster import minibatch_kmeans as minibatch
from scratchclust.cluster.kmeans_parts import minibatch_data, nearest_centroid
from scratchclust.cluster.kmeans_parts.cluster_means import (
    part_of_sums,
    sums_of_block,
    weights_of_clusters,
)
from scratchclust.cluster.kmeans_parts.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans_parts.least_score import (
    DECIDED_AT_ONCE,
    _decide_at_once,
    _decide_by_chunks,
)
from scratchclust.cluster.kmeans_parts.minibatch_data import gather_batches
from scratchclust.cluster.kmeans_parts.points import points_in_blocks
from scratchclust.cluster.minibatch_kmeans import minibatch_kmeans
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import blobs

# ------------------------------------------------------------------------------------------
# All of it


def test_the_road_is_that_of_a_gpu(accelerator_road):
    here = jax.jit(lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos))(0.0)
    assert float(here) == 1
    assert rows.limits() == rows.LIMITS["gpu"]
    assert rows.mesh().size == 1
    assert not rows.is_on_host(jnp.zeros(3))


def test_without_the_fixture_it_is_that_of_a_cpu():
    here = jax.jit(lambda x: jax.lax.platform_dependent(x, cpu=jnp.sin, default=jnp.cos))(0.0)
    assert float(here) == 0


@pytest.mark.quick(2)
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_kmeans_finds_the_labels_of_the_definition(accelerator_road, algorithm, asarray):
    X = blobs(0)
    start = X[:5]
    found = KMeans(5, init=start, n_init=1, algorithm=algorithm, tol=0.0).fit(asarray(X))
    expected = reference.lloyd(X, start, tol=0.0)
    np.testing.assert_array_equal(found.labels_, expected.labels)
    np.testing.assert_allclose(found.inertia_, expected.inertia, rtol=1e-5)


@pytest.mark.quick(1)
@pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_minibatch_kmeans_labels_by_the_definition(accelerator_road, asarray):
    X = blobs(0)
    model = MiniBatchKMeans(5, random_state=0, batch_size=64).fit(asarray(X))
    labels, _ = reference.assign(X, np.asarray(model.cluster_centers_))
    np.testing.assert_array_equal(model.labels_, labels)


# ------------------------------------------------------------------------------------------
# Its parts, against those of a CPU


@pytest.mark.quick(every=2)
@pytest.mark.parametrize(
    ("n", "k", "copies"), [(500, 9, 0), (90, 4, 0), (700, 40, 8), (256, 1, 0)], ids=str
)
def test_ties_are_decided_alike(n, k, copies):
    """Few small whole numbers: many points are equally near to two centroids. With copies of
    centroids every point is in doubt, more than are decided at once.
    """
    rng = np.random.default_rng(n + k)
    x = rng.integers(0, 3, (n, 4)).astype(np.float32)
    centroids = x[rng.choice(n, k, replace=False)]
    centroids[k - copies :] = centroids[:copies]
    squared = ((x[:, None].astype(float) - centroids[None]) ** 2).sum(axis=2)
    doubtful = (squared == squared.min(axis=1, keepdims=True)).sum(axis=1) > 1
    assert (doubtful.sum() > DECIDED_AT_ONCE) == (copies > 0)
    labels = np.where(doubtful, -5, squared.argmin(axis=1)).astype(np.int32)
    arguments = [jnp.asarray(a) for a in (labels, doubtful, x, centroids)]
    for decide in (_decide_at_once, _decide_by_chunks):
        np.testing.assert_array_equal(decide(*arguments), squared.argmin(axis=1))


@pytest.mark.parametrize("k", [3, 40, 100])
def test_sums_are_alike(accelerator_road, k):
    """In each of the ways: a product, a product where a CPU scatters, scattering."""
    rng = np.random.default_rng(k)
    x, weights = rng.normal(size=(256, 5)).astype(np.float32), rng.random(256).astype(np.float32)
    labels, previous = rng.integers(-1, k, (2, 256)).astype(np.int32)
    one_hot = (labels[:, None] == np.arange(k)).astype(float) * weights[:, None]
    expected = one_hot.T @ x
    x, weights, labels, previous = map(jnp.asarray, (x, weights, labels, previous))
    assert_near = partial(np.testing.assert_allclose, atol=1e-5, rtol=1e-5)
    assert_near(sums_of_block(x, weights, labels, k), expected)
    assert_near(part_of_sums(x, weights, labels, previous, k), expected)
    assert_near(weights_of_clusters(weights, labels, k), one_hot.sum(0))


@pytest.mark.filterwarnings("ignore:only")  # fewer points than clusters are distinct
def test_clusters_that_coincide_and_many_equal_points(accelerator_road):
    rng = np.random.default_rng(1)
    X = rng.integers(0, 3, (300, 3)).astype(np.float32)
    start = X[rng.choice(300, 70)]  # many are equal, and cannot all be refilled
    found = fast.lloyd(X, start, tol=0.0, max_iter=50)
    labels, squares = reference.assign(X, np.asarray(found.centroids))
    np.testing.assert_array_equal(found.labels, labels)
    assert found.inertia == pytest.approx(squares.sum(), rel=1e-5, abs=1e-4)


def test_distances_by_the_definition_are_alike(accelerator_road):
    X = blobs(2)
    found = distances_to_centroids(X, X[:7])  # some points are centroids
    expected = np.linalg.norm(X[:, None].astype(float) - X[None, :7], axis=2)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_random_points_are_the_same_by_either_road(request):
    X = blobs(3)
    X[100:] = X[0]  # fewer distinct ones than are looked at first
    weights = (np.arange(len(X)) % 3 > 0).astype(np.float32)
    chosen = [fast.random_points(X, 90, key=jax.random.key(1), sample_weight=weights)]
    request.getfixturevalue("accelerator_road")
    chosen.append(fast.random_points(X, 90, key=jax.random.key(1), sample_weight=weights))
    np.testing.assert_array_equal(chosen[0], chosen[1])


def test_batches_gathered_on_the_device_are_those_of_the_host(accelerator_road):
    X = blobs(4)
    sample = points_in_blocks(X, offset=X[0], n_clusters=3)
    index = np.random.default_rng(0).integers(len(X), size=(3, 50))
    weights = np.arange(len(X)) / 7
    for of_device, of_host in zip(
        gather_batches(jnp.asarray(X), index, weights, sample).arrays,
        gather_batches(X, index, weights, sample).arrays,
        strict=True,
    ):
        np.testing.assert_array_equal(of_device, of_host)


@pytest.mark.quick(1)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("weighted", [False, True])
def test_minibatch_kmeans_sends_x_once(accelerator_road, dtype, weighted, monkeypatch):
    """The batches of an array that stays on the device have the bits of those that are sent."""
    rng = np.random.default_rng(8)
    X = (20 * blobs(8) + 120).astype(dtype)
    weights = rng.random(len(X)) if weighted else None
    run = partial(
        minibatch_kmeans, X, 5, key=jax.random.key(2), batch_size=50, sample_weight=weights
    )
    gathered = []
    real = minibatch_data._gather_on_device
    monkeypatch.setattr(
        minibatch_data, "_gather_on_device", lambda *args: gathered.append(1) or real(*args)
    )
    with monkeypatch.context() as patch:
        patch.setitem(rows.LIMITS, "gpu", rows.LIMITS["gpu"]._replace(resident_bytes=0))
        expected = run()
        assert not gathered
    found = run()
    assert gathered
    for ours, theirs in zip(found, expected, strict=True):
        jax.tree.map(np.testing.assert_array_equal, ours, theirs)
    gathered.clear()
    monkeypatch.setattr(minibatch, "NUMBERS_PER_CALL_ON_ACCELERATOR", X.size - 1)
    run(compute_labels=False)  # a part of X may do
    assert not gathered


class OnlySmall:
    """`np.asarray` for what the host reads, which refuses JAX arrays of more than so many bytes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.real = np.asarray

    def __call__(self, a, *args, **kwargs):
        assert not isinstance(a, jax.Array) or a.nbytes <= self.most, a.shape
        return self.real(a, *args, **kwargs)


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_and_distances_stay_on_the_device(accelerator_road, weighted, monkeypatch):
    """Of many points those in doubt come to the host, of the rest some sums."""
    rng = np.random.default_rng(6)
    X = rng.integers(0, 3, (6000, 3)).astype(np.float32)  # 27 places, many of them ties
    start = np.unique(X, axis=0)[::5]
    weights = rng.random(len(X)) if weighted else None
    expected = reference.lloyd(X, start, tol=0.0, sample_weight=weights)
    there = jnp.asarray(X)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "join", lambda blocks, n: blocks.reshape(-1)[:n])  # as off a CPU
        patch.setattr(np, "asarray", OnlySmall(12_000))
        found = fast.lloyd(there, start, tol=0.0, sample_weight=weights)
        labels, squares = fast.assign(there, found.centroids)
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-6)
    np.testing.assert_array_equal(labels, found.labels)
    exact = reference.assign(X, np.asarray(found.centroids))[1]
    np.testing.assert_allclose(squares, exact, rtol=1e-5, atol=1e-6)


def test_points_in_doubt_are_decided_as_by_the_host(accelerator_road, monkeypatch):
    X = np.random.default_rng(7).integers(0, 4, (500, 2)).astype(np.float32)
    centroids = X[[0, 1, 2, 3, 0]]  # two that are equal: all their points are in doubt
    points = points_in_blocks(X, offset=X[0], n_clusters=5)
    labels, squares = nearest_centroid.assign_by_definition(X, points, centroids)
    assert isinstance(labels, jax.Array)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "platform", lambda: "cpu")
        on_host = nearest_centroid.assign_by_definition(X, points, centroids)
    np.testing.assert_array_equal(labels, on_host[0])
    np.testing.assert_array_equal(squares, on_host[1])


@pytest.mark.full
def test_an_empty_cluster_is_warned_of(accelerator_road):
    X = np.repeat(np.eye(3, dtype=np.float32), 4, axis=0)
    with pytest.warns(UserWarning, match="only 3 of 4 clusters"):
        fast.lloyd(jnp.asarray(X), X[[0, 1, 4, 8]])


def test_inertia_of_tiny_and_of_no_weights(accelerator_road):
    squares = np.arange(3000, dtype=np.float32)
    for scale in (0.0, 1e-300, 1.0, 1e300):
        weights = scale * (np.arange(3000) % 5)
        found = nearest_centroid.inertia_of(jnp.asarray(squares), weights)
        assert found == pytest.approx(weights @ squares, rel=1e-6)
    assert nearest_centroid.inertia_of(jnp.asarray(squares), None) == squares.sum(dtype=float)
