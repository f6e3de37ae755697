"""k-means: hand-computed cases, the twins against each other, scikit-learn, brute force,
invariants, reductions.
"""

import itertools

import numpy as np
import pytest
from sklearn.cluster import KMeans as SklearnKMeans
from sklearn.datasets import load_digits

from scratchclust import data
from scratchclust.cluster import kmeans as fast
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import D, K, N, blobs, blobs_and_start, each_twin, inertia_of

SEEDS = range(20)
SQUARE = np.array([[0.0, 0.0], [0.0, 2.0], [10.0, 0.0], [10.0, 2.0]])


def sklearn_kmeans(X, start, *, sample_weight=None, tol=0.0, max_iter=300):
    model = SklearnKMeans(
        len(start), init=start.astype(np.float64), n_init=1, tol=tol, max_iter=max_iter
    )
    return model.fit(X.astype(np.float64), sample_weight=sample_weight)


# --------------------------------------------------------------------------------------------------
# hand-computed cases


@each_twin
def test_assign_by_hand(twin):
    labels, distances = twin.assign(np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [2.0]]))
    np.testing.assert_array_equal(
        labels, [0, 0, 1]
    )  # 1 is as near to 0 as to 2: the lowest index wins
    assert labels.dtype == np.int32
    np.testing.assert_allclose(distances, [0, 1, 1], atol=1e-6)


@each_twin
def test_update_centroids_by_hand(twin):
    X, weights = np.array([[0.0], [4.0], [7.0]]), np.array([1.0, 3.0, 0.0])
    centroids = twin.update_centroids(
        X, np.array([0, 0, 1]), np.array([[9.0], [8.0], [6.0]]), sample_weight=weights
    )
    # (1*0 + 3*4) / 4; a cluster whose points weigh nothing, and one without points, keep their
    # centroids.
    np.testing.assert_allclose(centroids, [[3], [8], [6]], rtol=1e-6)


@each_twin
def test_lloyd_by_hand(twin):
    result = twin.lloyd(SQUARE, np.array([[0.0, 0.0], [10.0, 0.0]]), tol=0.0)
    np.testing.assert_allclose(result.centroids, [[0, 1], [10, 1]], atol=1e-6)
    np.testing.assert_array_equal(result.labels, [0, 0, 1, 1])
    assert (result.inertia, result.n_iter, result.converged) == (pytest.approx(4), 2, True)
    np.testing.assert_allclose(result.history.inertia, [8, 4], rtol=1e-6)
    np.testing.assert_allclose(result.history.shift, [2, 0], atol=1e-6)
    np.testing.assert_array_equal(result.history.n_moved, [4, 0])


@each_twin
def test_lloyd_with_weights_by_hand(twin):
    X, weights = np.array([[0.0], [1.0], [10.0], [2.0]]), np.array([1.0, 3.0, 1.0, 0.0])
    result = twin.lloyd(X, np.array([[0.0], [10.0]]), sample_weight=weights, tol=0.0)
    np.testing.assert_allclose(result.centroids, [[0.75], [10]], rtol=1e-6)
    np.testing.assert_array_equal(
        result.labels, [0, 0, 1, 0]
    )  # a point of weight 0 is labelled, but moves nothing
    np.testing.assert_allclose(result.history.inertia, [3, 0.5625 + 3 * 0.0625], rtol=1e-5)
    np.testing.assert_array_equal(result.history.n_moved, [3, 0])


# -------------------------------------------------------------------------------------------- the
# twins, scikit-learn


@pytest.mark.quick(10)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighted", [False, True])
def test_twins_agree(seed, weighted):
    X, start = blobs_and_start(seed)
    weights = (
        np.random.default_rng(seed).integers(0, 4, size=N).astype(np.float64) if weighted else None
    )
    slow, quick = (
        twin.lloyd(X, start, sample_weight=weights, tol=0.0) for twin in (reference, fast)
    )
    assert slow.n_iter == quick.n_iter
    assert slow.converged
    assert quick.converged
    np.testing.assert_array_equal(slow.labels, quick.labels)
    np.testing.assert_array_equal(slow.history.n_moved, quick.history.n_moved)
    np.testing.assert_allclose(slow.centroids, quick.centroids, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(slow.inertia, quick.inertia, rtol=1e-5)
    np.testing.assert_allclose(slow.history.inertia, quick.history.inertia, rtol=1e-5)
    np.testing.assert_allclose(slow.history.shift, quick.history.shift, rtol=1e-3, atol=1e-6)


def test_twins_agree_with_many_clusters():
    X, start = blobs_and_start(
        0, n_clusters=40
    )  # more than are summed by a product with one-hot labels
    slow, quick = (twin.lloyd(X, start, tol=0.0) for twin in (reference, fast))
    np.testing.assert_array_equal(slow.labels, quick.labels)
    assert slow.n_iter == quick.n_iter
    np.testing.assert_allclose(slow.centroids, quick.centroids, rtol=1e-5, atol=1e-5)


@each_twin
def test_scikit_learn_on_blobs(twin):
    iterations = []
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        theirs, ours = sklearn_kmeans(X, start), twin.lloyd(X, start, tol=0.0)
        np.testing.assert_array_equal(ours.labels, theirs.labels_)
        assert ours.n_iter == theirs.n_iter_
        np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-5)
        np.testing.assert_allclose(ours.centroids, theirs.cluster_centers_, rtol=1e-4, atol=1e-5)
        iterations.append(ours.n_iter)
    assert max(iterations) > 10  # the blobs overlap: it was not over at once


@each_twin
def test_scikit_learn_with_tolerance_and_weights(twin):
    stopped_by_tol = 0
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        weights = np.random.default_rng(seed).uniform(0.1, 3, size=N)
        theirs = sklearn_kmeans(X, start, sample_weight=weights, tol=1e-2)
        ours = twin.lloyd(X, start, sample_weight=weights, tol=1e-2)
        np.testing.assert_array_equal(ours.labels, theirs.labels_)
        assert ours.n_iter == theirs.n_iter_
        np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-5)
        stopped_by_tol += ours.history.n_moved[-1] > 0
    assert stopped_by_tol > 10


def noisy_digits():
    pixels = load_digits().data
    return (pixels + 0.01 * np.random.default_rng(0).normal(size=pixels.shape)).astype(np.float32)


@pytest.mark.quick(2)
@each_twin
@pytest.mark.parametrize("seed", range(3))
def test_scikit_learn_on_digits(twin, seed):
    X = noisy_digits()  # without noise integer pixels tie
    start = X[np.random.default_rng(seed).choice(len(X), 10, replace=False)]
    theirs, ours = sklearn_kmeans(X, start), twin.lloyd(X, start, tol=0.0)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)
    assert ours.n_iter == theirs.n_iter_
    np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-5)


@pytest.mark.full
@pytest.mark.real_data
def test_scikit_learn_on_mnist(tfds_dir, tmp_path):
    images = data.load("mnist", split="test", data_dir=tfds_dir, cache_dir=tmp_path).images
    X = images.reshape(len(images), -1).astype(np.float32) / 255
    # From seed 0 a point meets a margin of 7e-6 between distances of 50 in iteration 14: below
    # float32's resolution.
    start = X[np.random.default_rng(1).choice(len(X), 10, replace=False)]
    theirs, ours = sklearn_kmeans(X, start), fast.lloyd(X, start, tol=0.0)
    np.testing.assert_array_equal(ours.labels, theirs.labels_)
    assert ours.n_iter == theirs.n_iter_
    np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-5)


# --------------------------------------------------------------------------------------------------
# brute force


def labelings(n, k):
    return (np.array(labels) for labels in itertools.product(range(k), repeat=n))


def euclidean_optimum(X, k):
    def inertia(labels):
        return sum(
            ((X[labels == j] - X[labels == j].mean(axis=0)) ** 2).sum() for j in np.unique(labels)
        )

    return min(inertia(labels) for labels in labelings(len(X), k))


def cosine_optimum(X, k):
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    # sum_i |x_i - c|^2 = 2 n - 2 c.sum_i x_i over unit vectors, least for c in the direction of the
    # sum.
    resultants = (
        sum(np.linalg.norm(unit[labels == j].sum(axis=0)) for j in range(k))
        for labels in labelings(len(X), k)
    )
    return 2 * len(X) - 2 * max(resultants)


@pytest.mark.quick(4)
@each_twin
@pytest.mark.parametrize(
    ("metric", "optimum"), [("euclidean", euclidean_optimum), ("cosine", cosine_optimum)]
)
@pytest.mark.parametrize("seed", range(3))
def test_best_of_many_starts_is_the_optimum(twin, metric, optimum, seed):
    X = np.random.default_rng(seed).normal(size=(7, 3))
    result = twin.kmeans(
        X, 3, init="random", n_init=30, tol=0.0, metric=metric, **twin.random(seed)
    )
    np.testing.assert_allclose(result.inertia, optimum(X, 3), rtol=1e-5)


# --------------------------------------------------------------------------------------------------
# invariants


@each_twin
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_inertia_never_rises(twin, metric):
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        result = twin.lloyd(X, start, tol=0.0, metric=metric)
        course = np.append(result.history.inertia, result.inertia)
        assert (np.diff(course) <= 1e-5 * course[0]).all()
        assert result.converged


@each_twin
def test_permuting_rows_permutes_labels(twin):
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        order = np.random.default_rng(seed).permutation(N)
        plain, permuted = twin.lloyd(X, start, tol=0.0), twin.lloyd(X[order], start, tol=0.0)
        np.testing.assert_array_equal(np.asarray(plain.labels)[order], permuted.labels)
        np.testing.assert_allclose(plain.inertia, permuted.inertia, rtol=1e-5)


@each_twin
def test_translating_changes_nothing(twin):
    for seed in SEEDS:
        X, start = (array.astype(np.float64) for array in blobs_and_start(seed))
        plain, moved = twin.lloyd(X, start, tol=0.0), twin.lloyd(X + 1000, start + 1000, tol=0.0)
        np.testing.assert_array_equal(plain.labels, moved.labels)
        np.testing.assert_allclose(np.asarray(plain.centroids) + 1000, moved.centroids, rtol=1e-7)
        np.testing.assert_allclose(plain.inertia, moved.inertia, rtol=1e-5)


@each_twin
def test_scaling_weights_scales_inertia_alone(twin):
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        weights = np.random.default_rng(seed).uniform(0.5, 2, size=N)
        plain, scaled = (
            twin.lloyd(X, start, sample_weight=w, tol=0.0) for w in (weights, 1e-4 * weights)
        )
        np.testing.assert_array_equal(plain.labels, scaled.labels)
        np.testing.assert_allclose(plain.centroids, scaled.centroids, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(1e-4 * plain.inertia, scaled.inertia, rtol=1e-5)


@each_twin
def test_whole_weights_are_repeated_points(twin):
    for seed in SEEDS:
        X, start = blobs_and_start(seed)
        weights = np.random.default_rng(seed).permutation(
            np.arange(N) % 4
        )  # the same sum for every seed
        weighted = twin.lloyd(X, start, sample_weight=weights.astype(np.float64), tol=0.0)
        repeated = twin.lloyd(np.repeat(X, weights, axis=0), start, tol=0.0)
        np.testing.assert_array_equal(np.repeat(weighted.labels, weights), repeated.labels)
        np.testing.assert_allclose(weighted.centroids, repeated.centroids, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weighted.inertia, repeated.inertia, rtol=1e-5)


# --------------------------------------------------------------------------------------------------
# reductions, other limits


@each_twin
@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_as_many_clusters_as_points(twin, init):
    X = np.random.default_rng(0).normal(size=(7, 3))
    result = twin.kmeans(X, 7, init=init, **twin.random(0))
    assert result.inertia == pytest.approx(0, abs=1e-10)
    assert sorted(np.asarray(result.labels)) == list(range(7))


@each_twin
def test_one_cluster_is_the_mean(twin):
    X = blobs(0)
    result = twin.kmeans(X, 1, **twin.random(0))
    np.testing.assert_allclose(
        result.centroids, X.mean(axis=0, keepdims=True), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(result.inertia, N * D * X.var(axis=0).mean(), rtol=1e-5)


@each_twin
def test_max_iter_ends_it_unconverged(twin):
    X, start = blobs_and_start(3)
    result = twin.lloyd(X, start, tol=0.0, max_iter=3)
    assert (result.n_iter, result.converged) == (3, False)
    assert [entries.shape for entries in result.history] == [(3,)] * 3
    assert result.history.n_moved.dtype == np.int32
    np.testing.assert_array_equal(
        result.labels, reference.assign(X, np.asarray(result.centroids))[0]
    )
    np.testing.assert_allclose(result.inertia, inertia_of(X, result.centroids), rtol=1e-5)


@each_twin
def test_history_has_an_entry_for_each_iteration(twin):
    X, start = blobs_and_start(3)
    result = twin.lloyd(X, start, tol=0.0)
    assert result.n_iter > 6  # more than one compiled call of the twin in JAX
    assert [entries.shape for entries in result.history] == [(result.n_iter,)] * 3
    assert (result.history.n_moved[0], result.history.n_moved[-1]) == (N, 0)
    assert result.centroids.shape == (K, D)


@each_twin
def test_best_of_several_starts_is_returned(twin):
    X = blobs(1)
    single = [twin.kmeans(X, K, init="random", **twin.random(seed)).inertia for seed in range(5)]
    many = twin.kmeans(X, K, init="random", n_init=20, **twin.random(0))
    assert many.inertia <= min(single) * (1 + 1e-5)
    np.testing.assert_allclose(many.inertia, inertia_of(X, many.centroids), rtol=1e-5)
