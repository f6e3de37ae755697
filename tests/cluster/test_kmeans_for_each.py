"""k-means for several numbers of clusters: as good as one fit for each, and of one program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import KMeans, metrics
from scratchclust.cluster import kmeans_for_each as module
from scratchclust.cluster.kmeans_for_each import kmeans_for_each
from scratchclust.errors import InputError
from scratchclust.reference.kmeans import assign

N, D = 150, 4
KS = [2, 3, 5, 8]
RNG = np.random.default_rng(0)
CENTRES = 10.0 * np.array([[i >> axis & 1 for axis in range(D)] for i in range(5)])
TRUTH = np.arange(N) % 5
BLOBS = (CENTRES[TRUTH] + RNG.normal(size=(N, D))).astype(np.float32)


def labels_of(X: np.ndarray, ks: list[int], seed: int = 0, n_init: int = 1) -> list[np.ndarray]:
    return kmeans_for_each(X, ks, key=jax.random.key(seed), n_init=n_init, largest=8)


def means_of(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.stack([X[labels == j].mean(axis=0) for j in range(labels.max() + 1)])


def inertia(X: np.ndarray, labels: np.ndarray) -> float:
    X = X.astype(np.float64)
    return float(((X - means_of(X, labels)[labels]) ** 2).sum())


def test_clear_clusters_are_found_by_every_seed() -> None:
    for seed in range(20):
        (labels,) = labels_of(BLOBS, [5], seed, n_init=3)
        assert metrics.adjusted_rand_score(TRUTH, labels) == 1


def test_there_are_as_many_clusters_as_asked_for_and_each_point_is_in_the_nearest() -> None:
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(N, D)).astype(np.float32)
        for k, labels in zip(KS, labels_of(X, KS, seed), strict=True):
            assert np.array_equal(np.unique(labels), np.arange(k))
            # but for the few that the last step, shorter than the tolerance, may move
            nearest, _ = assign(X.astype(np.float64), means_of(X, labels))
            assert (nearest == labels).mean() > 0.97


@pytest.mark.full
def test_as_good_as_a_fit_for_each() -> None:
    """Of noise, where starts differ most: the inertia is within a percent of KMeans's, on average
    over seeds, and within three for each.
    """
    ratios = []
    for seed in range(10):
        X = np.random.default_rng(seed).normal(size=(N, D)).astype(np.float32)
        for k, labels in zip(KS, labels_of(X, KS, seed, n_init=10), strict=True):
            expected = KMeans(k, n_init=10, random_state=seed).fit(X).inertia_
            ratios.append(inertia(X, labels) / expected)
    assert abs(np.mean(ratios) - 1) < 0.01
    assert max(ratios) < 1.03


def test_more_starts_are_no_worse() -> None:
    X = RNG.normal(size=(N, D)).astype(np.float32)
    of_one = np.mean([inertia(X, labels_of(X, [8], seed)[0]) for seed in range(10)])
    of_ten = np.mean([inertia(X, labels_of(X, [8], seed, n_init=10)[0]) for seed in range(10)])
    assert of_ten < of_one


def test_columns_of_zeros_change_nothing_that_matters() -> None:
    wide = np.concatenate([BLOBS, np.zeros((N, 3), np.float32)], axis=1)
    (labels,) = labels_of(wide, [5], n_init=3)
    assert metrics.adjusted_rand_score(TRUTH, labels) == 1


@pytest.mark.parametrize("times", [1e-20, 1e25])
def test_the_unit_of_length_changes_nothing(times: float) -> None:
    far = (BLOBS.astype(np.float64) + 1000) * times
    (labels,) = labels_of(far, [5], n_init=3)
    assert metrics.adjusted_rand_score(TRUTH, labels) == 1


def test_wide_points_are_projected_onto_their_leading_axes() -> None:
    """Clusters in four of 300 directions, and noise in all; and of low rank nothing is lost."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 300)).astype(np.float32)
    X[:, :D] += 3 * BLOBS
    for seed in range(3):
        (labels,) = labels_of(X, [5], seed, n_init=3)
        assert metrics.adjusted_rand_score(TRUTH, labels) == 1
    assert module._projected(X).shape == (N, module.MOST_AXES)
    few = (rng.normal(size=(N, 9)) @ rng.normal(size=(9, 300))).astype(np.float32)
    lengths = np.linalg.norm(few, axis=1)
    np.testing.assert_allclose(np.linalg.norm(module._projected(few), axis=1), lengths, rtol=1e-4)


def test_one_program_serves_all_numbers() -> None:
    labels_of(BLOBS, [2])
    before = module._run._cache_size()  # pyright: ignore[reportAttributeAccessIssue]
    labels_of(BLOBS, [1, 3, 4, 7, 8])
    after = module._run._cache_size()  # pyright: ignore[reportAttributeAccessIssue]
    assert after == before


def test_fewer_distinct_points_than_clusters_come_to_an_end() -> None:
    X = np.repeat(np.array([[0.1, 0.7], [0.3, 5.1], [9.3, 2.2]], np.float32), 50, axis=0)
    for seed in range(5):
        (labels,) = labels_of(X, [8], seed)
        assert inertia(X, np.unique(labels, return_inverse=True)[1]) < 1e-8


def test_an_empty_cluster_gets_the_farthest_point() -> None:
    labels = jnp.array([0, 0, 2, 2], jnp.int32)
    squares = jnp.array([1.0, 4, 9, 2])
    assert module._refill_one(labels, squares, squares, 3, 5).tolist() == [0, 0, 1, 2]
    on_centroids = jnp.zeros(4)
    assert module._refill_one(labels, on_centroids, squares, 3, 5).tolist() == labels.tolist()


def test_the_seed_decides() -> None:
    first, again, other = (labels_of(BLOBS, [8], seed)[0] for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_more_clusters_than_points_are_refused() -> None:
    with pytest.raises(InputError, match="n_clusters"):
        kmeans_for_each(BLOBS[:4], [5], key=jax.random.key(0))
