"""Spectral embedding and clustering: by hand, twins, scikit-learn's eigenvectors, parts, new points, the rule."""

import warnings
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse
import sklearn.manifold
from sklearn.datasets import make_moons

from scratchclust import GradientFeatures, PixelFeatures, SpectralClustering, persist
from scratchclust.data import load
from scratchclust.errors import InputError
from scratchclust.metrics import clustering_accuracy
from scratchclust.reduce import spectral_embedding as fast
from scratchclust.reference import spectral_embedding as reference

each_twin = pytest.mark.parametrize("twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")])


def cloud(n: int = 200, d: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d))


def moons(n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return make_moons(n, noise=0.05, random_state=seed)


@each_twin
def test_a_path_by_hand(twin: ModuleType) -> None:
    """0, 1, 3 and the one nearest neighbour of each: 0 - 1 with weight 1, 1 - 3 with 1/2. With the degrees 1, 3/2, 1/2
    L has the eigenvalues 0, 1, 2 and, of 1, the eigenvector (-sqrt(1/3), 0, sqrt(2/3))."""
    found = twin.spectral_embedding(np.array([[0.0], [1.0], [3.0]]), 3, n_neighbors=1, weights="plain")
    np.testing.assert_allclose(found.eigenvalues, [0, 1, 2], atol=1e-12)
    np.testing.assert_allclose(found.embedding[:, 0], np.sqrt([1 / 3, 1 / 2, 1 / 6]), atol=1e-12)
    np.testing.assert_allclose(found.embedding[:, 1], [-np.sqrt(1 / 3), 0, np.sqrt(2 / 3)], atol=1e-12)
    assert (found.n_connected_components, found.n_neighbors) == (1, 1)


@each_twin
def test_self_tuned_weights_by_hand(twin: ModuleType) -> None:
    """Two neighbours of each: the scales of 0, 1, 3 are 3, 2, 3, so 0 - 1 weighs exp(-1 / 6), 1 - 3 exp(-4 / 6)."""
    near = twin.nearest_neighbors(np.array([[0.0], [1.0], [3.0]]), 2)
    weights = twin._weights(near, "self-tuned")
    np.testing.assert_allclose(weights[1], np.exp([-1 / 6, -4 / 6]))
    np.testing.assert_allclose(weights[0], np.exp([-1 / 6, -9 / 9]))


@pytest.mark.parametrize("weights", ["self-tuned", "plain"])
@pytest.mark.parametrize(("n", "q"), [(12, 3), (200, 5), (700, 6)])
def test_twins_agree(n: int, q: int, weights: str) -> None:
    X = cloud(n)
    ours, theirs = (twin.spectral_embedding(X, q, weights=weights) for twin in (fast, reference))
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, atol=1e-7)
    np.testing.assert_allclose(ours.embedding, theirs.embedding, atol=1e-4)
    assert ours[2:] == theirs[2:] == (1, fast.default_n_neighbors(n))


def test_equal_to_scikit_learns() -> None:
    """Theirs are divided by the root of the degree and not of length 1: the same directions in the same space."""
    affinity, _ = fast._graph(cloud(400), 10, "self-tuned")
    theirs = (
        sklearn.manifold.spectral_embedding(
            scipy.sparse.csr_matrix(affinity), n_components=4, drop_first=False, random_state=0, eigen_tol=1e-12
        )
        * np.sqrt(affinity.sum(axis=1))[:, None]
    )
    theirs /= np.linalg.norm(theirs, axis=0)
    ours = fast.spectral_embedding(cloud(400), 4, n_neighbors=10).embedding
    np.testing.assert_allclose(np.abs((ours * theirs).sum(axis=0)), 1, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_invariants(seed: int) -> None:
    """Orthonormal columns, eigenvalues within [0, 2] that rise from 0, the first coordinate of one sign; scaling and
    moving the points changes nothing."""
    X = cloud(80, seed=seed)
    found = fast.spectral_embedding(X, 4)
    np.testing.assert_allclose(found.embedding.T @ found.embedding, np.eye(4), atol=1e-8)
    assert found.eigenvalues[0] == 0
    assert (np.diff(found.eigenvalues) >= 0).all()
    assert found.eigenvalues[-1] <= 2
    assert (found.embedding[:, 0] > 0).all()
    np.testing.assert_allclose(fast.spectral_embedding(7 * X - 3, 4).eigenvalues, found.eigenvalues, atol=1e-5)


@each_twin
def test_parts_that_no_edge_joins_have_an_eigenvalue_0_each(twin: ModuleType) -> None:
    X = np.concatenate([cloud(30), cloud(20, seed=1) + 100, cloud(40, seed=2) - 100])
    found = twin.spectral_embedding(X, 4)
    np.testing.assert_allclose(found.eigenvalues[:3], 0, atol=1e-9)
    assert found.eigenvalues[3] > 0.01
    assert found.n_connected_components == 3


def test_a_part_of_many_points_among_others() -> None:
    """Beyond 500 points a sparse solver finds the eigenvectors of a part; small and large parts are put together."""
    X = np.concatenate([cloud(600), cloud(20, seed=1) + 100])
    ours = fast.spectral_embedding(X, 4)
    theirs = reference.spectral_embedding(X, 4)
    np.testing.assert_allclose(ours.eigenvalues, theirs.eigenvalues, atol=1e-7)
    np.testing.assert_allclose(np.abs(ours.embedding[:600, 0]) > 0, True)
    assert not ours.embedding[600:, 0].any()


@each_twin
def test_more_parts_than_coordinates_are_joined_by_more_neighbours(twin: ModuleType) -> None:
    X = np.concatenate([cloud(20) + shift for shift in (0, 100, 200, 300)])
    with pytest.warns(UserWarning, match="fell into more than 2 parts"):
        found = twin.spectral_embedding(X, 2, n_neighbors=3)
    assert (found.n_neighbors, found.n_connected_components) == (24, 1)
    assert 0 < found.eigenvalues[1] < 1e-4


@each_twin
def test_many_equal_points_end_well(twin: ModuleType) -> None:
    X = np.repeat(cloud(3), 15, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found = twin.spectral_embedding(X, 3)
    assert np.isfinite(found.embedding).all()
    assert (found.eigenvalues < 1e-4).all()


@each_twin
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_components": 21}, "within 1 and n = 20"),
        ({"n_components": 0}, "within 1 and n = 20"),
        ({"n_components": 2, "n_neighbors": 20}, "n_neighbors within 1 and 19"),
        ({"n_components": 2, "weights": "heavy"}, '"self-tuned" or "plain"'),
    ],
)
def test_errors_teach(twin: ModuleType, arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        twin.spectral_embedding(cloud(20), **arguments)


def test_the_rule_of_neighbours() -> None:
    for twin in (fast, reference):
        found = [twin.default_n_neighbors(n) for n in (2, 3, 500, 1797, 2000, 10_000, 70_000)]
        assert found == [1, 2, 7, 8, 8, 10, 12]


class TestSpectralClustering:
    @pytest.mark.filterwarnings("ignore:the graph of")  # a moon may fall in two
    @pytest.mark.parametrize("seed", range(5))
    def test_moons_that_k_means_cannot_tell_apart(self, seed: int) -> None:
        X, y = moons(seed=seed)
        found = SpectralClustering(2, random_state=0).fit(X)
        assert clustering_accuracy(y, found.labels_) > 0.98
        assert found.labels_.dtype == np.int32

    def test_new_points_by_their_neighbours(self) -> None:
        X, y = moons(400)
        new, of_new = moons(100, seed=7)
        fitted = SpectralClustering(2, random_state=0).fit(X)
        np.testing.assert_array_equal(fitted.predict(X), fitted.labels_)
        matching = np.array([np.bincount(y[fitted.labels_ == j]).argmax() for j in range(2)])
        assert (matching[fitted.predict(new)] == of_new).mean() > 0.98

    def test_the_same_seed_gives_the_same_bits_and_permuting_permutes(self) -> None:
        X, _ = moons()
        first, again = (SpectralClustering(3, random_state=4).fit(X) for _ in range(2))
        np.testing.assert_array_equal(first.embedding_, again.embedding_)
        np.testing.assert_array_equal(first.labels_, again.labels_)
        order = np.random.default_rng(0).permutation(len(X))
        permuted = SpectralClustering(3, random_state=4).fit(X[order])
        assert clustering_accuracy(first.labels_[order], permuted.labels_) > 0.98

    def test_clouds_far_apart_are_told_apart_also_where_there_are_more_than_clusters(self) -> None:
        X = np.concatenate([cloud(20) + shift for shift in (0, 100, 1000, 1100)])
        with pytest.warns(UserWarning, match="fell into more than 2 parts"):
            found = SpectralClustering(2, n_neighbors=3, random_state=0).fit(X)
        assert clustering_accuracy(np.arange(80) // 40, found.labels_) == 1

    def test_saved_and_loaded(self, tmp_path) -> None:
        X, _ = moons(80)
        fitted = SpectralClustering(2, random_state=0).fit(X)
        fitted.save(tmp_path / "model")
        np.testing.assert_array_equal(persist.load(tmp_path / "model").predict(X + 0.01), fitted.predict(X + 0.01))

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"n_clusters": 0}, "n_clusters"),
            ({"n_clusters": 31}, "n_samples=30 should be >= n_clusters=31"),
            ({"n_neighbors": 30}, "n_neighbors < n_samples=30"),
            ({"n_neighbors": 0}, "n_neighbors"),
            ({"n_init": 0}, "n_init"),
        ],
    )
    def test_errors_teach(self, parameters: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            SpectralClustering(**{"n_clusters": 2, **parameters}).fit(cloud(30))

    def test_the_rule_holds_on_the_digits(self) -> None:
        """Pixels, 10 clusters, the rule in n. (With log2 n instead, 11 neighbours, it was 0.81: two digits in one.)"""
        digits = load("digits")
        X = PixelFeatures().fit_transform(digits.images)
        assert clustering_accuracy(digits.labels, SpectralClustering(10, random_state=0).fit(X).labels_) > 0.85

    @pytest.mark.parametrize(("n", "least"), [(500, 0.9), (2000, 0.95)])
    def test_the_rule_holds_on_parts_of_mnist(self, tfds_dir, n: int, least: float) -> None:
        mnist = load("mnist", split="test", limit=n)
        X = GradientFeatures().fit_transform(mnist.images)
        assert clustering_accuracy(mnist.labels, SpectralClustering(10, random_state=0).fit(X).labels_) > least
