"""Labels are those of the definition, in fit and in predict; float64 points get float64 centroids
and inertia.
"""

import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.cluster

from scratchclust import KMeans, MiniBatchKMeans
from scratchclust.cluster import kmeans as fast
from scratchclust.cluster.kmeans_parts import float64_on_host, nearest_centroid
from scratchclust.cluster.kmeans_parts.points import points_in_blocks
from scratchclust.reference import kmeans as reference
from tests.cluster.kmeans_cases import one_device

one_device = pytest.fixture(one_device)


def tight_and_far(
    seed: int, width: float = 1e-2, dtype: str = "float64", n: int = 40
) -> np.ndarray:
    """Clusters so narrow and so far from each other that float32 cannot tell their points apart."""
    rng = np.random.default_rng(seed)
    centres = 1e4 * rng.integers(-2, 3, size=(3, 3))
    return (centres[rng.integers(3, size=n)] + width * rng.normal(size=(n, 3))).astype(dtype)


@pytest.mark.full
@pytest.mark.parametrize("algorithm", ["lloyd", "elkan"])
@pytest.mark.parametrize("from_jax", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_labels_are_those_that_predict_gives_and_the_nearest(
    dtype, from_jax, algorithm, one_device
):
    for seed in range(40):
        X = tight_and_far(seed, width=10.0 ** -(seed % 5), dtype=dtype)
        given = jnp.asarray(X, jnp.float32) if from_jax else X
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = KMeans(4, random_state=seed, algorithm=algorithm).fit(given)
        np.testing.assert_array_equal(model.labels_, model.predict(given))
        np.testing.assert_array_equal(
            np.concatenate([model.predict(row[None]) for row in given[:3]]), model.labels_[:3]
        )
        expected, squares = reference.assign(np.asarray(given), np.asarray(model.cluster_centers_))
        np.testing.assert_array_equal(model.labels_, expected)
        rounding: dict[str, Any] = (
            {"rel": 2e-2, "abs": 1e-4} if given.dtype == np.float32 else {"rel": 1e-12}
        )  # of 1e4 in float32
        assert model.inertia_ == pytest.approx(squares.sum(), **rounding)
        assert -model.score(given) == pytest.approx(model.inertia_, **rounding)


def test_far_and_tight_clusters_end_where_float64_ends(one_device):
    """Iterations go on where float32 took the labels for stable: the fixed point is that of the
    definition.
    """
    for seed in range(40):
        X = tight_and_far(seed)
        start = X[np.random.default_rng(seed).choice(len(X), 4, replace=False)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            model = KMeans(4, init=start, tol=0).fit(X)
        means = reference.update_centroids(X, model.labels_, model.cluster_centers_)
        np.testing.assert_allclose(model.cluster_centers_, means, rtol=0, atol=1e-11)
        assert model.converged_
        assert len(model.history_["inertia"]) == model.n_iter_
        expected = reference.lloyd(X, start, tol=0.0)
        assert model.inertia_ <= 2 * expected.inertia + 1e-9


def test_what_float32_can_tell_apart_ends_in_the_digits_of_float64():
    rng = np.random.default_rng(0)
    for seed in range(10):
        X = 1e6 + rng.normal(size=(237, 5)) + 6 * rng.integers(3, size=(237, 1))
        start, weights = X[:4], rng.random(237)
        given = {"init": start, "n_init": 1, "tol": 0, "max_iter": 3 if seed % 2 else 300}
        model = KMeans(4, **given).fit(X, sample_weight=weights)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            peer = sklearn.cluster.KMeans(4, **given).fit(X, sample_weight=weights)
        np.testing.assert_array_equal(model.labels_, peer.labels_)
        np.testing.assert_allclose(model.cluster_centers_, peer.cluster_centers_, rtol=1e-14)
        assert model.inertia_ == pytest.approx(peer.inertia_, rel=1e-12)
        assert model.n_iter_ == peer.n_iter_
        np.testing.assert_allclose(
            model.transform(X), reference_distances(X, model.cluster_centers_), rtol=1e-9
        )


def reference_distances(X, centroids):
    return np.sqrt(((X[:, None] - centroids[None]) ** 2).sum(axis=2))


def test_cosine_in_float64():
    X = np.random.default_rng(0).normal(size=(237, 5)) + 3 * np.eye(5)[np.arange(237) % 5]
    expected = reference.lloyd(X, X[:4], metric="cosine", tol=0.0)
    model = KMeans(4, init=X[:4], metric="cosine", tol=0).fit(X)
    np.testing.assert_array_equal(model.labels_, expected.labels)
    np.testing.assert_array_equal(model.labels_, model.predict(X))
    np.testing.assert_allclose(model.cluster_centers_, expected.centroids, rtol=1e-12)
    assert model.inertia_ == pytest.approx(expected.inertia, rel=1e-12)


@pytest.mark.quick(2)
@pytest.mark.parametrize("estimator", [KMeans, MiniBatchKMeans])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("offset", [0, 100])
def test_a_point_on_a_centroid_is_at_distance_0(estimator, dtype, offset):
    X = np.random.default_rng(0).integers(0, 100, size=(100, 7)).astype(dtype) + np.array(
        offset, dtype
    )
    model = estimator(5, random_state=0).fit(X)
    assert np.diag(model.transform(model.cluster_centers_)).tolist() == [0.0] * 5
    np.testing.assert_array_equal(model.predict(model.cluster_centers_), np.arange(5))
    assert model.transform(X).dtype == model.cluster_centers_.dtype


def test_mini_batch_streams_keep_the_digits_of_float64():
    X = 1e6 + np.random.default_rng(0).normal(size=(300, 4))
    ours = MiniBatchKMeans(5, init=X[:5], reassignment_ratio=0)
    theirs: Any = sklearn.cluster.MiniBatchKMeans(
        5,
        init=X[:5],  # pyright: ignore[reportArgumentType]
        n_init=1,  # pyright: ignore[reportArgumentType]
        reassignment_ratio=0,
    )
    for begin in range(0, 300, 100):
        ours.partial_fit(X[begin : begin + 100])
        theirs.partial_fit(X[begin : begin + 100])
    np.testing.assert_allclose(ours.cluster_centers_, theirs.cluster_centers_, rtol=1e-14)
    np.testing.assert_array_equal(ours.labels_, theirs.labels_)
    assert ours.inertia_ == pytest.approx(theirs.inertia_, rel=1e-9)
    # what is put onto a point has all its digits, and what stays keeps them
    reassigned = MiniBatchKMeans(
        5, init=np.concatenate([X[:4], [[0.0] * 4]]), random_state=0, reassignment_ratio=0.5
    )
    reassigned.partial_fit(X[:100])
    assert (reassigned.cluster_centers_[4] == X[:100]).all(axis=1).any()


def test_strips_beside_a_product_hold_hundreds_of_rows():
    """A product reads all centroids once a strip: of 21 rows each it took ten times as long."""
    for n_columns, at_least in ((512, 512), (3072, 512), (100_000, 100)):
        parts = float64_on_host._product_parts(10_000, n_columns)
        assert [(p.start, p.stop) for p in parts] == [
            (p.start, min(p.start + parts[0].stop, 10_000)) for p in parts
        ]
        assert sum(p.stop - p.start for p in parts) == 10_000
        assert parts[0].stop >= at_least
        assert parts[0].stop * n_columns <= 2**24


@pytest.mark.parametrize("strip", [1, 64, 2**19])
def test_the_nearest_by_float64_is_that_of_the_reference(strip, monkeypatch):
    monkeypatch.setattr(float64_on_host, "NUMBERS_IN_CACHE", strip)
    monkeypatch.setattr(float64_on_host, "NUMBERS_BESIDE_PRODUCT", strip)
    monkeypatch.setattr(float64_on_host, "LEAST_ROWS_OF_PRODUCT", 1)
    rng = np.random.default_rng(0)
    for X in (
        rng.normal(size=(50, 3)),
        rng.integers(0, 3, size=(50, 3)),
        tight_and_far(0),
        tight_and_far(1, 1e-7),
    ):
        centroids = np.concatenate([X[:5], X[:3], X[:1] + 1.0]).astype(float)  # and some twice
        labels, squares = reference.assign(X, centroids)
        np.testing.assert_array_equal(float64_on_host.nearest_in_float64(X, centroids), labels)
        np.testing.assert_array_equal(
            float64_on_host.squares_in_float64(X, centroids, labels), squares
        )
        expected = reference_distances(X.astype(float), centroids)
        np.testing.assert_allclose(
            float64_on_host.distances_in_float64(X, centroids), expected, rtol=1e-9
        )
        weights = rng.random(len(X))
        means, totals = float64_on_host.means_in_float64(X, centroids, labels, weights)
        np.testing.assert_allclose(
            means,
            reference.update_centroids(X, labels, centroids, sample_weight=weights),
            rtol=1e-13,
            atol=1e-13,
        )
        np.testing.assert_allclose(totals, np.bincount(labels, weights, len(centroids)))


def asked_of_the_host(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many points each call left to the host; a list that grows."""
    asked: list[int] = []
    monkeypatch.setattr(
        nearest_centroid,
        "nearest_in_float64",
        lambda X, c: asked.append(len(X)) or float64_on_host.nearest_in_float64(X, c),
    )
    return asked


def test_most_points_are_decided_on_the_device(monkeypatch):
    """The host is asked for those in doubt, and they are few where points are of one scale."""
    asked = asked_of_the_host(monkeypatch)
    X = np.random.default_rng(0).normal(size=(5000, 50)).astype(np.float32)
    labels, _ = fast.assign(X, X[:10])
    np.testing.assert_array_equal(labels, reference.assign(X, X[:10])[0])
    assert sum(asked) < 25
    assert isinstance(labels, jax.Array)


def test_most_points_of_many_features_are_decided_on_the_device(monkeypatch):
    """Points far from centroids that are near to each other, as means of many points are."""
    asked = asked_of_the_host(monkeypatch)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 3072)).astype(np.float32)
    centroids = np.stack(
        [X[rng.choice(len(X), 200, replace=False)].mean(axis=0) for _ in range(40)]
    )
    for offset in (centroids[0], X[0], centroids[0] + 2):  # wherever the blocks are centred
        asked.clear()
        points = points_in_blocks(X, offset=offset, n_clusters=len(centroids))
        labels, _ = nearest_centroid.assign_by_definition(X, points, centroids)
        np.testing.assert_array_equal(labels, reference.assign(X, centroids)[0])
        assert sum(asked) < 0.15 * len(X)


@pytest.mark.quick(1)
@pytest.mark.parametrize("scale", [1e-19, 1e-10, 1.0, 1e10])
def test_what_the_device_is_sure_of_is_so(scale):
    """Of centroids that are near to each other, or nearly zero, or twice there, seen from far."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        d, width = int(rng.choice([1, 2, 7, 300])), 10.0 ** -rng.integers(8)
        X = (scale * rng.normal(size=(64, d))).astype(np.float32)
        X[0] = 1.0  # for all of it must not be too small to compute with
        centroids = (scale * width * rng.normal(size=(9, d))).astype(np.float32)
        centroids[5] = centroids[3]
        along = centroids[0] - centroids[1]  # between two of them, but for rounding
        away = X[1:32] - np.outer(X[1:32] @ along, along) / max(along @ along, np.float32(1e-37))
        X[1:32] = (centroids[0] + centroids[1]) / 2 + away
        np.testing.assert_array_equal(
            fast.assign(X, centroids)[0], reference.assign(X, centroids)[0]
        )
        X, centroids = X + X[1:2], centroids + X[1:2]
        np.testing.assert_array_equal(
            fast.assign(X, centroids)[0], reference.assign(X, centroids)[0]
        )
