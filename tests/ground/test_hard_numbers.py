"""Numbers with which float32, integers or bookkeeping go wrong unless somebody thought of them, for
both twins.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.cluster

from scratchclust import PCA, KMeans, metrics, reference, rows
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster.kmeans_parts.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans_parts.points import points_in_blocks
from scratchclust.cluster.kmeans_starts import _weight_nearest
from scratchclust.distances import centre_of
from scratchclust.errors import InputError
from scratchclust.metrics.inputs import points_in_range
from scratchclust.reduce import pca as fast_pca
from scratchclust.reference import dunn as reference_dunn
from scratchclust.reference import kmeans as slow
from scratchclust.reference import kmeans_starts as slow_starts
from scratchclust.reference import pca as slow_pca
from scratchclust.reference import silhouette as reference_silhouette

assert reference  # its modules are imported above

TWINS = pytest.mark.parametrize("twin", [slow, fast], ids=["reference", "JAX"])


def blobs(*centres, std=0.5, n=100, seed=0):
    rng = np.random.default_rng(seed)
    return np.concatenate([centre + std * rng.normal(size=(n, 2)) for centre in centres])


def by_definition(X, centroids):
    return np.sqrt(((X[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2))


# --- an outlier, and clusters that are near to each other


@pytest.mark.parametrize("far", [1e3, 1e4, 1e5])
def test_an_outlier_does_not_blur_what_is_predicted(far):
    X = np.concatenate([blobs(0, 5), [[far, far]]])
    model = KMeans(3, init=np.array([[0, 0], [5, 5], [far, far]]), n_init=1).fit(X)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    assert -model.score(X) == pytest.approx(model.inertia_, rel=1e-4)
    expected = by_definition(X, model.cluster_centers_)
    np.testing.assert_allclose(
        model.transform(X), expected, rtol=1e-4, atol=1e-6 * far
    )  # the outlier has its rounding


def test_small_distances_are_those_of_the_definition():
    X = blobs([0, 0], [10, 0], [0, 10], std=1e-3)
    centroids = np.array([[0, 0], [10, 0], [0, 10]]) + 1e-4
    np.testing.assert_allclose(
        distances_to_centroids(X, centroids), by_definition(X, centroids), atol=2e-6
    )  # 10 in float32


@pytest.mark.quick(2)
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("n_devices", [1, 4])
def test_clusters_near_to_each_other_and_far_from_others(algorithm, n_devices):
    centres = np.array([[0, 0], [1, 1], [1e4, 1e4], [1e4 + 1, 1e4 + 1]])
    X = blobs(*centres, std=0.05)
    with rows.on(jax.local_devices()[:n_devices]):
        found = fast.lloyd(X, centres, algorithm=algorithm, tol=0.0)
        assigned, squared = fast.assign(X, centres)
    expected = slow.lloyd(X, centres, tol=0.0)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.labels, np.repeat(np.arange(4), 100))
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-2)
    np.testing.assert_array_equal(assigned, expected.labels)
    np.testing.assert_allclose(squared, slow.assign(X, centres)[1], rtol=0.1, atol=1e-3)


def test_equal_distances_go_to_the_lowest_index_as_in_the_reference():
    X = np.array([[0.0, 1], [0, -1], [0, 3], [5, 0.5]] * 50)
    centroids = np.array([[1.0, 0], [-1, 0], [1, 0], [0, 2]])
    np.testing.assert_array_equal(fast.assign(X, centroids)[0], slow.assign(X, centroids)[0])


def test_the_centre_is_amid_the_data():
    X = np.array([[0.0, 5], [1e9, 6]])
    np.testing.assert_array_equal(centre_of(X), [0, 5])
    np.testing.assert_array_equal(centre_of(jnp.asarray(X)), [0, 5])
    for n in (32, 33, 34, 63, 95, 1000):
        step = -(-n // 33)
        assert len(np.arange(n)[::step]) <= 33
        assert centre_of(np.arange(n)[:, None].astype(float))[0] in range(n)


# --- types


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, pytest.param(np.float32, marks=pytest.mark.full)]
)
def test_integers_and_float32_mean_what_they_say(dtype):
    X = np.random.default_rng(0).integers(0, 256, (60, 5)).astype(dtype)
    same, labels = X.astype(np.float64), np.arange(60) % 4
    assert reference_dunn.dunn_index(X, labels) == reference_dunn.dunn_index(same, labels)
    assert metrics.dunn_index(X, labels) == pytest.approx(
        reference_dunn.dunn_index(same, labels), rel=1e-6
    )
    score = reference_silhouette.silhouette_score(same, labels)
    assert reference_silhouette.silhouette_score(X, labels) == score
    assert metrics.silhouette_score(X, labels) == pytest.approx(score, abs=1e-5)
    simplified = reference_silhouette.simplified_silhouette_score(same, labels)
    assert reference_silhouette.simplified_silhouette_score(X, labels) == simplified
    expected = slow.lloyd(same, same[:4])
    for twin in (slow, fast):
        found = twin.lloyd(X, X[:4].astype(np.float32))
        np.testing.assert_array_equal(found.labels, expected.labels)
        assert found.inertia == pytest.approx(expected.inertia, rel=1e-5)
    for start in (slow_starts.plus_plus, slow_starts.scalable_plus_plus):
        ours, theirs = (start(points, 4, rng=np.random.default_rng(1)) for points in (X, same))
        np.testing.assert_array_equal(ours, theirs)
    axes = slow_pca.pca(same).components
    np.testing.assert_allclose(slow_pca.pca(X).components, axes, atol=1e-12)
    np.testing.assert_allclose(np.asarray(fast_pca.pca(X).components), axes, atol=1e-4)


def test_the_mean_of_a_bfloat16_array_is_not_one():
    X = jnp.asarray(50 + np.random.default_rng(0).normal(size=(500, 3)), jnp.bfloat16)
    expected = slow_pca.pca(np.asarray(X.astype(jnp.float32)))
    np.testing.assert_allclose(
        fast_pca.pca(X).explained_variance, expected.explained_variance, rtol=1e-3
    )


@pytest.mark.parametrize("kind", [list, "frame"])
def test_lists_and_tables_are_points(kind):
    X = np.random.default_rng(0).normal(size=(6, 2))
    given = X.tolist() if kind is list else pytest.importorskip("pandas").DataFrame(X)
    np.testing.assert_array_equal(points_in_range(given), X)


@pytest.mark.parametrize(
    ("points", "message"), [([[1, 2], [3]], "inhomogeneous"), ([["a"], ["b"]], "could not convert")]
)
def test_what_are_no_points(points, message):
    with pytest.raises(InputError, match=message):
        points_in_range(points)


# --- the range of float32


@TWINS
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number(twin, value):
    X = blobs(0, 5)
    X[3, 1] = value
    randomness = {"rng": np.random.default_rng(0)} if twin is slow else {"key": jax.random.key(0)}
    with pytest.raises(InputError, match="NaN or infinity"):
        twin.kmeans(X, 2, **randomness)
    with pytest.raises(InputError, match="NaN or infinity"):
        twin.lloyd(X, X[:2])


@pytest.mark.quick(1)
@pytest.mark.parametrize("factor", [1e25, 1e-25])
def test_beyond_the_range(factor):
    X = blobs(0, 5) * factor
    with pytest.raises(InputError, match="scale X"):
        KMeans(2, random_state=0).fit(X)
    for axes in (PCA(2), PCA(1, svd_solver="randomized", random_state=0)):
        with pytest.raises(InputError, match="scale X"):
            axes.fit(X.astype(np.float32))
        expected = axes.fit(X / factor).explained_variance_ratio_  # float64 holds these numbers
        np.testing.assert_allclose(axes.fit(X).explained_variance_ratio_, expected, rtol=1e-9)


@pytest.mark.quick(1)
@pytest.mark.parametrize("factor", [1e12, 1e-12])
def test_within_the_range(factor):
    X = blobs(0, 5)
    found = fast.lloyd(X * factor, X[[0, 150]] * factor)
    np.testing.assert_array_equal(found.labels, slow.lloyd(X, X[[0, 150]]).labels)
    assert found.inertia == pytest.approx(slow.lloyd(X, X[[0, 150]]).inertia * factor**2, rel=1e-4)


@pytest.mark.full
def test_equal_points_are_not_out_of_range():
    X = np.full((20, 3), 0.1)
    model = KMeans(1).fit(X)
    assert model.inertia_ == 0
    np.testing.assert_array_equal(model.predict(X), np.zeros(20))
    assert PCA(2).fit(X).explained_variance_.max() < 1e-15
    assert KMeans(1).fit(np.zeros((5, 2))).inertia_ == 0


@TWINS
@pytest.mark.parametrize("factor", [1e-30, 1e25])
def test_a_direction_has_no_length(twin, factor):
    X = (blobs([0, 5], [5, 0]) * factor).astype(np.float32)
    expected = slow.lloyd(blobs([0, 5], [5, 0]), np.eye(2), metric="cosine")
    found = twin.lloyd(X, np.eye(2, dtype=np.float32), metric="cosine")
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.inertia == pytest.approx(expected.inertia, rel=1e-4)


@TWINS
def test_a_start_without_direction_is_called_so(twin):
    with pytest.raises(InputError, match="starting centroid 1 is all zero"):
        twin.lloyd(blobs(3, 5), np.array([[1.0, 1], [0, 0]]), metric="cosine")


# --- weights and labels


@TWINS
@pytest.mark.parametrize("weight", [1e-50, 1e-30, 1e39, 3.0])
def test_only_ratios_of_weights_decide(twin, weight):
    X = blobs(0, 5)
    expected = slow.lloyd(X, X[[0, 150]])
    found = twin.lloyd(X, X[[0, 150]], sample_weight=np.full(len(X), weight))
    np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.inertia == pytest.approx(expected.inertia * weight, rel=1e-4)
    np.testing.assert_allclose(found.history.inertia, expected.history.inertia * weight, rtol=1e-4)
    np.testing.assert_allclose(found.centroids, expected.centroids, atol=1e-4)


@TWINS
def test_infinite_weights(twin):
    X = blobs(0, 5)
    with pytest.raises(InputError, match="infinity"):
        twin.lloyd(X, X[:2], sample_weight=np.where(np.arange(len(X)) == 0, np.inf, 1.0))


def test_one_weight_for_all():
    X = blobs(0, 5)
    start = X[[0, 150]]
    one, all_ = (
        KMeans(2, init=start, n_init=1).fit(X, sample_weight=weight)
        for weight in (2.0, np.full(200, 2.0))
    )
    theirs = sklearn.cluster.KMeans(2, init=start, n_init=1).fit(X, sample_weight=2.0)
    assert one.inertia_ == all_.inertia_ == pytest.approx(theirs.inertia_, rel=1e-5)


@pytest.mark.parametrize("k", [4, 40])
def test_points_in_no_cluster(k):
    rng = np.random.default_rng(0)
    X, centroids, labels = (
        rng.normal(size=(500, 3)),
        rng.normal(size=(k, 3)),
        rng.integers(-1, k, 500),
    )
    expected = slow.update_centroids(X, labels, centroids)
    np.testing.assert_allclose(fast.update_centroids(X, labels, centroids), expected, atol=1e-6)


@TWINS
def test_points_in_no_cluster_are_not_moved(twin):
    labels, distances = np.array([0, -1, 2, 2]), np.array([1.0, 9, 1, 2])
    np.testing.assert_array_equal(twin.refill_empty(labels, distances, 3), [0, -1, 2, 1])


@pytest.mark.parametrize("n_clusters", [0, 7])
@pytest.mark.parametrize("name", ["random_points", "plus_plus", "scalable_plus_plus"])
@TWINS
def test_too_many_starts(twin, name, n_clusters):
    randomness = {"rng": np.random.default_rng(0)} if twin is slow else {"key": jax.random.key(0)}
    with pytest.raises(InputError, match="expected n_clusters to be a whole number from 1 to 5"):
        getattr(twin, name)(np.random.default_rng(0).normal(size=(5, 2)), n_clusters, **randomness)


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_at_once", [1, 7, 50])
def test_weight_nearest_part_by_part(n_at_once):
    rng = np.random.default_rng(0)
    X, centroids, weights = rng.normal(size=(300, 4)), rng.normal(size=(21, 4)), rng.random(300)
    points = points_in_blocks(X, offset=np.zeros(4), n_clusters=n_at_once, sample_weight=weights)
    expected = np.bincount(slow.assign(X, centroids)[0], weights=weights, minlength=21)
    found = _weight_nearest(points.rows, jnp.asarray(centroids, jnp.float32), n_at_once)
    np.testing.assert_allclose(np.asarray(found) * points.unit, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [["a", float("nan"), "b"], ["a", "b", -1], ("a", None, "b"), np.array([2**70, 1, 2], object)],
)
def test_labels_of_two_kinds(labels):
    with pytest.raises(InputError, match="must be integers or strings without gaps"):
        metrics.purity_score([0, 1, 1], labels)


# --- distances that came from elsewhere


@pytest.mark.parametrize(
    "silhouette", [reference_silhouette.silhouette_samples, metrics.silhouette_samples]
)
def test_precomputed_distances_that_are_none(silhouette):
    X = np.random.default_rng(0).normal(size=(12, 2))
    D, labels = by_definition(X, X), np.arange(12) % 3
    labels[5] = -1
    expected = silhouette(D, labels, metric="precomputed")
    D[5, :5] = D[:5, 5] = np.inf  # noise: nobody asks
    np.testing.assert_allclose(silhouette(D, labels, metric="precomputed"), expected, atol=1e-6)
    D[0, 4] = D[4, 0] = np.nan
    with pytest.raises(
        InputError, match="expected the distances between points in clusters to be finite"
    ):
        silhouette(D, labels, metric="precomputed")


def test_noise_far_away_changes_no_score():
    X = np.concatenate([blobs([0, 0], [0.05, 0], std=0.01), [[1e6, 1e6]]])
    labels = np.append(np.repeat([0, 1], 100), -1)
    expected = reference_silhouette.silhouette_score(X, labels)
    assert metrics.silhouette_score(X, labels) == pytest.approx(expected, abs=1e-5)
    assert metrics.dunn_index(X, labels) == pytest.approx(reference_dunn.dunn_index(X, labels))


# --- PCA


def test_what_comes_back_keeps_the_digits_of_float64():
    X = 1e6 + np.random.default_rng(0).normal(size=(50, 3))
    model = PCA(3).fit(X)
    np.testing.assert_allclose(model.inverse_transform(model.transform(X)), X, atol=1e-5)


def test_with_x64_small_variances_count():
    X = np.random.default_rng(0).normal(size=(100, 3)) * [1, 1e-2, 1e-4]
    with jax.enable_x64():
        result = fast_pca.pca(X)
        whitened = np.asarray(fast_pca.transform(X, result, whiten=True))
    np.testing.assert_allclose(whitened.std(axis=0, ddof=1), 1, rtol=1e-6)


def test_memory_does_not_grow_with_cpu_devices():
    X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    shards = rows.on_every_device(X, rows.mesh()).addressable_shards
    assert len(shards) == 4
    assert len({shard.data.unsafe_buffer_pointer() for shard in shards}) == 1
