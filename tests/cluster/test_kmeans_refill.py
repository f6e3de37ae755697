"""Empty clusters, duplicates, and the cosine metric: where k-means goes wrong in other
implementations.
"""

import warnings

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.cluster import KMeans as SklearnKMeans

from scratchclust import distances
from scratchclust.errors import InputError
from scratchclust.reference import distances as reference_distances
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import (
    TWINS,
    D,
    K,
    N,
    blobs,
    blobs_and_start,
    each_twin,
    inertia_of,
    one_device,
)

one_device = pytest.fixture(one_device)
EMPTY = (
    "only {} of {} clusters have points, as happens when fewer points than clusters are distinct"
)


# --------------------------------------------------------------------------------------------------
# refill_empty


@each_twin
def test_refill_by_hand(twin):
    labels, distances = np.array([0, 0, 0, 0, 1]), np.array([1.0, 9.0, 4.0, 0.0, 25.0])
    # The farthest point, 4, is the last of its cluster and stays; 1 fills the first empty cluster,
    # 2 the second.
    np.testing.assert_array_equal(twin.refill_empty(labels, distances, 4), [0, 2, 3, 0, 1])
    # A point of weight 0 fills nothing, so now 2 and 0 go.
    weights = np.array([1.0, 0.0, 2.0, 1.0, 1.0])
    np.testing.assert_array_equal(
        twin.refill_empty(labels, distances, 4, sample_weight=weights), [3, 0, 2, 0, 1]
    )


@each_twin
def test_refill_leaves_what_cannot_be_mended(twin):
    labels = np.array([0, 0, 2])
    # Every point lies on its centroid: moving one would gain nothing.
    np.testing.assert_array_equal(twin.refill_empty(labels, np.zeros(3), 3), labels)
    # Of equally far points the first goes; a cluster that was refilled is not emptied again.
    np.testing.assert_array_equal(twin.refill_empty(np.array([0, 0, 0]), np.ones(3), 5), [1, 2, 0])


@each_twin
def test_refill_changes_nothing_without_empty_clusters(twin):
    labels = np.arange(20) % 4
    np.testing.assert_array_equal(twin.refill_empty(labels, np.arange(20.0), 4), labels)


@pytest.mark.parametrize("weighted", [False, True])
def test_refill_on_random_labelings(weighted):
    n, k = 40, 12
    for seed in range(200):
        rng = np.random.default_rng(seed)
        labels = rng.choice(rng.choice(k, rng.integers(1, k), replace=False), size=n)
        distances = rng.choice([0.0, 1.0, 2.0, 3.5, 7.25], size=n).astype(np.float32)  # with ties
        weights = rng.integers(0, 3, size=n).astype(np.float32) if weighted else None
        slow, quick = (
            twin.refill_empty(labels, distances, k, sample_weight=weights) for twin in TWINS
        )
        np.testing.assert_array_equal(slow, quick)
        members = np.ones(n, bool) if weights is None else weights > 0
        before, after = (np.bincount(each[members], minlength=k) > 0 for each in (labels, slow))
        assert (after >= before).all()  # no cluster lost its last point
        spare = (members & (distances > 0)).sum() - before.sum()
        assert after.sum() >= min(k, before.sum() + max(spare, 0))


# ------------------------------------------------------------------------------------------ empty
# clusters in lloyd


@each_twin
def test_lloyd_refills_by_hand(twin):
    result = twin.lloyd(
        np.array([[0.0], [1.0], [10.0]]), np.array([[0.0], [100.0], [200.0]]), tol=0.0
    )
    # All points go to the first centroid; the farthest, 10, fills cluster 1, the next, 1, cluster
    # 2.
    np.testing.assert_allclose(result.centroids, [[0], [10], [1]], atol=1e-5)
    np.testing.assert_array_equal(result.labels, [0, 2, 1])
    np.testing.assert_allclose(result.history.inertia, [101, 0], atol=1e-4)
    np.testing.assert_allclose(result.history.shift, [90**2 + 199**2, 0], rtol=1e-5)
    np.testing.assert_array_equal(result.history.n_moved, [3, 2])
    assert (result.n_iter, result.converged) == (2, True)


@each_twin
def test_one_empty_cluster_as_scikit_learn(twin):
    for seed in range(20):
        X, start = blobs_and_start(seed)
        start[seed % K] = 1000
        theirs = SklearnKMeans(K, init=start.astype(np.float64), n_init=1, tol=0).fit(
            X.astype(np.float64)
        )
        ours = twin.lloyd(X, start, tol=0.0)
        np.testing.assert_array_equal(ours.labels, theirs.labels_)
        assert ours.n_iter == theirs.n_iter_
        np.testing.assert_allclose(ours.inertia, theirs.inertia_, rtol=1e-5)


@each_twin
def test_labels_and_inertia_belong_to_the_centroids_after_a_refill(twin):
    X, start = blobs_and_start(0)
    start[1:] += 1000
    result = twin.lloyd(X, start, tol=0.0, max_iter=1)
    assert result.history.n_moved[0] == N
    np.testing.assert_array_equal(
        result.labels, reference.assign(X, np.asarray(result.centroids))[0]
    )
    assert len(np.unique(result.labels)) == K
    np.testing.assert_allclose(result.inertia, inertia_of(X, result.centroids), rtol=1e-5)


@pytest.mark.full
@each_twin
def test_200_random_starts_end_well(twin, one_device):
    X = blobs(0)
    for seed in range(200):
        start = (20 * np.random.default_rng(seed).normal(size=(8, D))).astype(
            np.float32
        )  # most see no point
        result = twin.lloyd(X, start, tol=0.0)
        assert result.converged
        assert np.isfinite(result.centroids).all()
        assert (
            np.bincount(result.labels, minlength=8) > 0
        ).all()  # the points are distinct, so none stays empty


# --------------------------------------------------------------------------------------------------
# duplicates


def three_points(seed):
    """Three distinct points, many times each; their means are rounded."""
    rng = np.random.default_rng(seed)
    return np.repeat(rng.normal(size=(3, D)), [120, 90, 27], axis=0)[rng.permutation(N)]


@pytest.mark.quick(4)
@each_twin
@pytest.mark.parametrize("init", ["random", "k-means++", "k-means||"])
def test_more_clusters_than_distinct_points(twin, init):
    for seed in range(3):
        with pytest.warns(UserWarning, match=EMPTY.format(3, 8)):
            result = twin.kmeans(three_points(seed), 8, init=init, tol=0.0, **twin.random(seed))
        assert result.converged
        assert np.isfinite(result.centroids).all()
        assert result.inertia == pytest.approx(0, abs=1e-8)
        assert len(np.unique(result.labels)) == 3


@pytest.mark.full
@each_twin
def test_duplicates_from_200_random_starts(twin, one_device):
    X = three_points(0)
    for seed in range(200):
        start = np.random.default_rng(seed).normal(size=(8, D))
        with pytest.warns(UserWarning, match=EMPTY.format(3, 8)):
            result = twin.lloyd(X, start, tol=0.0)
        assert result.converged
        assert np.isfinite(result.centroids).all()
        assert result.inertia == pytest.approx(0, abs=1e-8)


@each_twin
def test_enough_points_do_not_warn(twin):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        twin.kmeans(blobs(0), 8, **twin.random(0))


# --------------------------------------------------------------------------------------------------
# cosine


@each_twin
def test_cosine_centroids_are_of_length_one(twin):
    X, start = blobs_and_start(0)
    result = twin.lloyd(X, start, tol=0.0, metric="cosine")
    np.testing.assert_allclose(np.linalg.norm(result.centroids, axis=1), 1, rtol=1e-6)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    cosines = (unit * np.asarray(result.centroids)[result.labels]).sum(axis=1)
    np.testing.assert_allclose(result.inertia, 2 * (1 - cosines).sum(), rtol=1e-5)


@each_twin
def test_cosine_knows_no_lengths(twin):
    for seed in range(20):
        X, start = blobs_and_start(seed)
        lengths = np.random.default_rng(seed).uniform(0.01, 100, size=(N, 1)).astype(np.float32)
        plain, scaled = (twin.lloyd(x, start, tol=0.0, metric="cosine") for x in (X, X * lengths))
        np.testing.assert_array_equal(plain.labels, scaled.labels)
        np.testing.assert_allclose(plain.centroids, scaled.centroids, atol=1e-5)


def test_cosine_twins_agree():
    for seed in range(20):
        X, start = blobs_and_start(seed)
        slow, quick = (twin.lloyd(X, start, tol=0.0, metric="cosine") for twin in TWINS)
        np.testing.assert_array_equal(slow.labels, quick.labels)
        assert slow.n_iter == quick.n_iter
        np.testing.assert_allclose(slow.centroids, quick.centroids, atol=1e-5)
        np.testing.assert_allclose(slow.inertia, quick.inertia, rtol=1e-5)


@each_twin
@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0])
def test_cosine_keeps_a_centroid_whose_points_cancel(twin, angle):
    angles = angle + np.arange(3) * 2 * np.pi / 3  # turned by 0.3, their sum is only nearly zero
    X = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    result = twin.lloyd(X, np.array([[3.0, 4.0]]), tol=0.0, metric="cosine")
    np.testing.assert_allclose(result.centroids, [[0.6, 0.8]], rtol=1e-6)
    assert result.inertia == pytest.approx(6)


@each_twin
def test_cosine_refills(twin):
    X, start = blobs_and_start(0)
    start[2] = -100 * start[0] + start[1] * 0.001
    start[3] = start[2]
    result = twin.lloyd(X, start, tol=0.0, metric="cosine")
    np.testing.assert_allclose(np.linalg.norm(result.centroids, axis=1), 1, rtol=1e-6)
    assert len(np.unique(result.labels)) == K


@each_twin
def test_zero_row_has_no_direction(twin):
    X = blobs(0)
    X[5] = 0
    message = (
        r'row 5 is all zero and has no direction: metric="cosine" needs non-zero rows; drop it'
    )
    with pytest.raises(InputError, match=message):
        twin.lloyd(X, X[:K], metric="cosine")
    with pytest.raises(InputError, match=message):
        twin.kmeans(X, K, metric="cosine", **twin.random(0))


def test_cosine_of_a_jax_array():
    X = blobs(0)
    given = jnp.asarray(X)
    np.testing.assert_allclose(
        distances.unit_rows(given), reference_distances.unit_rows(X), rtol=1e-6
    )
    with pytest.raises(InputError, match="row 2 is all zero"):
        distances.unit_rows(given.at[2].set(0))
