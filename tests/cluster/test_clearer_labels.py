"""Which of two clusterings to take: by hand, twins, and in the estimator."""

from types import ModuleType

import numpy as np
import pytest

from scratchclust import GradientFeatures, SpectralClustering
from scratchclust.cluster import clearer_labels as fast
from scratchclust.data import load
from scratchclust.estimators.for_each_k import spectral_labels
from scratchclust.metrics import clustering_accuracy, simplified_silhouette_score
from scratchclust.reference import clearer_labels as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


@each_twin
def test_agreement_by_hand(twin: ModuleType) -> None:
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert twin.agreement(labels, np.array([2, 2, 2, 0, 0, 1])) == 1
    finer = np.array([0, 0, 3, 1, 1, 2])  # one of six stands alone: it is lost one way round
    assert twin.agreement(labels, finer) == twin.agreement(finer, labels) == pytest.approx(5 / 6)
    assert twin.agreement(labels, np.zeros(6, int)) == pytest.approx(1 / 2)


@each_twin
def test_silhouette_by_hand(twin: ModuleType) -> None:
    """Centroids at 1 and 6: a = 1, 1, 0 and b = 6, 4, 5."""
    X = np.array([[0.0], [2], [6]])
    labels = np.array([0, 0, 2])
    expected = (5 / 6 + 3 / 4 + 1) / 3
    assert twin.centroid_silhouette(X, labels, 3) == pytest.approx(expected)
    assert twin.centroid_silhouette(X, np.zeros(3, int), 3) == 0
    assert twin.centroid_silhouette(np.ones((3, 1)), labels, 3) == 0  # all on both centroids


@each_twin
def test_the_clearer_ones(twin: ModuleType) -> None:
    """Two clusters put together and one split, against the three that there are."""
    X = np.repeat([[0.0, 0], [9, 0], [0, 9]], 20, axis=0)
    X += np.random.default_rng(0).normal(size=X.shape)
    right = np.repeat([0, 1, 2], 20)
    wrong = np.where(right == 2, 1, right)
    wrong[:10] = 2
    assert twin.are_clearer(X, wrong, right, 3)
    assert not twin.are_clearer(X, right, wrong, 3)
    assert not twin.are_clearer(X, right, right, 3)
    nearly = right.copy()
    nearly[:3] = 1  # 57 of 60: the same, and nothing is changed
    assert not twin.are_clearer(X, nearly, right, 3)
    nearly[:4] = 1
    assert twin.are_clearer(X, nearly, right, 3)


@each_twin
def test_without_a_clear_structure_nothing_is_changed(twin: ModuleType) -> None:
    """The same three, so wide that their silhouette is below a half."""
    centres = np.repeat([[0.0, 0], [9, 0], [0, 9]], 20, axis=0)
    noise = np.random.default_rng(0).normal(size=centres.shape)
    right = np.repeat([0, 1, 2], 20)
    wrong = np.where(right == 2, 1, right)
    wrong[:10] = 2
    for width in (1, 2, 5):
        X = centres + width * noise
        found, at_hand = (twin.centroid_silhouette(X, labels, 3) for labels in (right, wrong))
        assert found > at_hand + 0.1
        assert twin.are_clearer(X, wrong, right, 3) == (found >= 0.5) == (width < 5)


@pytest.mark.parametrize("seed", range(20))
def test_twins_agree(seed: int) -> None:
    n, k = 60, 4
    rng = np.random.default_rng(seed)
    others = rng.integers(k, size=n)
    labels = np.where(rng.random(n) < 0.3, rng.integers(k, size=n), others)
    X = 3 * np.eye(4, 3)[others] + rng.uniform(0.2, 1.5) * rng.normal(size=(n, 3))
    assert fast.agreement(labels, others) == reference.agreement(labels, others)
    assert fast.agreement(labels, others) >= clustering_accuracy(labels, others)
    silhouette = reference.centroid_silhouette(X, labels, k)
    assert fast.centroid_silhouette(X, labels, k) == pytest.approx(silhouette, abs=1e-12)
    assert fast.are_clearer(X, labels, others, k) == reference.are_clearer(X, labels, others, k)
    assert -1 <= silhouette <= 1


def test_it_is_the_simplified_silhouette() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    labels = rng.integers(4, size=80)
    expected = simplified_silhouette_score(X, labels)
    assert fast.centroid_silhouette(X, labels, 4) == pytest.approx(float(expected), abs=1e-5)


def clouds(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.array([[0, 0], [6, 0], [6, 3], [6, -3]])
    return np.concatenate([rng.normal(centre, 0.8, (60, 2)) for centre in centres])


@pytest.mark.full
@pytest.mark.parametrize("k", [3, 5, 7])
def test_the_estimator_takes_one_of_the_two(k: int) -> None:
    X = clouds()
    rules = ("eigenvectors", "commute-time", "auto")
    found = {rule: SpectralClustering(k, coordinates=rule, random_state=0).fit(X) for rule in rules}
    auto = found["auto"]
    taken = found[auto.coordinates_]
    assert taken.coordinates_ == auto.coordinates_
    assert clustering_accuracy(taken.labels_, auto.labels_) == 1
    assert auto.embedding_.shape == taken.embedding_.shape
    assert auto.distances_to_centroids_.shape == (len(X), k)
    np.testing.assert_allclose(auto.eigenvalues_, taken.eigenvalues_, atol=1e-9)
    np.testing.assert_array_equal(auto.predict(X), auto.labels_)


@pytest.mark.full
def test_the_same_for_many_numbers_of_clusters() -> None:
    X = clouds()
    found = spectral_labels(X, [2, 4], SpectralClustering(2, coordinates="auto"), random_state=0)
    for k, labels in zip((2, 4), found, strict=True):
        alone = SpectralClustering(k, coordinates="auto", random_state=0).fit_predict(X)
        assert clustering_accuracy(alone, labels) == 1


@pytest.mark.full
def test_given_affinities() -> None:
    X = clouds()
    W = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2))
    given = SpectralClustering(4, affinity="precomputed", coordinates="auto", random_state=0)
    of_points = SpectralClustering(4, affinity="rbf", coordinates="auto", random_state=0)
    assert clustering_accuracy(given.fit_predict(W), of_points.fit_predict(X)) == 1


@pytest.mark.full
def test_two_digits_in_one_cluster_are_told_apart() -> None:
    digits = load("digits")
    X = GradientFeatures().fit_transform(digits.images)
    auto = SpectralClustering(10, random_state=0).fit(X)  # "auto" is the default
    assert auto.coordinates_ == "commute-time"
    assert clustering_accuracy(digits.labels, auto.labels_) > 0.95
