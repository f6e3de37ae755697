"""Commute times: by hand, by the inverse of the Laplacian, twins, parts, and what they mend."""

from types import ModuleType

import numpy as np
import pytest
from sklearn.datasets import make_circles, make_moons

from scratchclust import GradientFeatures, SpectralClustering
from scratchclust.data import load
from scratchclust.errors import InputError
from scratchclust.estimators.for_each_k import spectral_labels
from scratchclust.metrics import clustering_accuracy
from scratchclust.reduce import commute_time as fast
from scratchclust.reduce.spectral_embedding import spectral_embedding
from scratchclust.reference import commute_time as reference
from scratchclust.results import SpectralEmbeddingResult

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def cloud(n: int = 200, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 3))


def commute(n_clusters: int, **parameters) -> SpectralClustering:
    parameters = {"n_init": 1, "random_state": 0} | parameters  # of ten starts, two seconds each
    return SpectralClustering(n_clusters, coordinates="commute-time", **parameters)


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """Weights 1 / sqrt(lambda): 2 of 1/4, 1 of 1, and 100 of what lies below 1e-4."""
    vectors = np.arange(1.0, 9).reshape(2, 4)
    found = SpectralEmbeddingResult(vectors, np.array([0, 1e-6, 0.25, 1]), 1, 3)
    np.testing.assert_allclose(twin.commute_time_coordinates(found, 2), [[200, 6, 4], [600, 14, 8]])
    in_parts = found._replace(n_connected_components=2)
    np.testing.assert_allclose(
        twin.commute_time_coordinates(in_parts, 3), [[100, 200, 6, 4], [500, 600, 14, 8]]
    )
    for n_clusters in (1, 2):  # as many parts as clusters: the parts alone
        np.testing.assert_allclose(
            twin.commute_time_coordinates(in_parts, n_clusters), [[100, 200], [500, 600]]
        )


@each_twin
def test_distances_are_commute_times(twin: ModuleType) -> None:
    """C_ij = vol (G_ii + G_jj - 2 G_ij) with G the pseudoinverse of D - W, which needs no
    eigenvector of the normalised Laplacian.
    """
    X = cloud(12)
    W = np.exp(-((X[:, None] - X[None]) ** 2).sum(axis=2) / 4)
    np.fill_diagonal(W, 0)
    degrees = W.sum(axis=1)
    G = np.linalg.pinv(np.diag(degrees) - W)
    expected = degrees.sum() * (np.diag(G)[:, None] + np.diag(G) - 2 * G)
    Z = twin.commute_time_coordinates(spectral_embedding(W, 12, affinity="precomputed"), 2)
    Z = Z / np.sqrt(degrees / degrees.sum())[:, None]
    np.testing.assert_allclose(((Z[:, None] - Z[None]) ** 2).sum(axis=2), expected, atol=1e-6)


@pytest.mark.parametrize("shifts", [(0,), (0, 100), (0, 100, 200)])
@pytest.mark.parametrize("n_clusters", [1, 2, 3, 5])
def test_twins_agree(shifts: tuple[int, ...], n_clusters: int) -> None:
    X = np.concatenate([cloud(40, seed) + shift for seed, shift in enumerate(shifts)])
    found = spectral_embedding(X, 9)
    ours, theirs = (twin.commute_time_coordinates(found, n_clusters) for twin in (fast, reference))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.quick(1)
@pytest.mark.filterwarnings("ignore:the graph of")
@pytest.mark.parametrize("shape", [make_moons, make_circles])
def test_shapes_that_k_means_cannot_tell_apart(shape) -> None:
    extra = {"factor": 0.4} if shape is make_circles else {}
    X, y = shape(120, noise=0.04, random_state=0, **extra)
    assert clustering_accuracy(y, commute(2).fit_predict(X)) > 0.98


@pytest.mark.full
def test_parts_come_first() -> None:
    n_parts = 3
    X = np.concatenate([cloud(30, seed) + 100 * seed for seed in range(n_parts)])
    y = np.repeat(np.arange(n_parts), 30)
    model = commute(n_parts).fit(X)
    assert model.n_connected_components_ == n_parts
    assert clustering_accuracy(y, model.labels_) == 1
    finer = commute(n_parts + 2).fit(X)
    pairs = {*zip(finer.labels_.tolist(), y.tolist(), strict=True)}
    assert len(pairs) == n_parts + 2  # no cluster reaches into two parts


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_few_points_equal_points_and_one_cluster() -> None:
    assert not commute(1).fit_predict(cloud(5)).any()
    assert sorted(commute(2).fit_predict(np.array([[0.0], [1.0]]))) == [0, 1]
    assert sorted(commute(6).fit_predict(cloud(6))) == list(range(6))
    labels = np.asarray(commute(3).fit_predict(np.repeat(cloud(3), 15, axis=0))).reshape(3, 15)
    assert (labels == labels[:, :1]).all()
    assert len({*labels[:, 0].tolist()}) == 3
    assert commute(2, n_components=1).fit(cloud(30)).embedding_.shape == (30, 1)


def test_the_parameter_and_what_it_leaves() -> None:
    X = cloud(90)
    old = SpectralClustering(3, n_init=1, coordinates="eigenvectors", random_state=0).fit(X)
    new = commute(3).fit(X)
    assert (old.embedding_.shape, new.embedding_.shape) == ((90, 3), (90, 11))
    np.testing.assert_allclose(new.eigenvalues_[:3], old.eigenvalues_, atol=1e-12)
    assert commute(3, n_components=3).fit(X).embedding_.shape == (90, 3)
    np.testing.assert_array_equal(new.predict(X), new.labels_)
    with pytest.raises(InputError, match="coordinates to be one of 'eigenvectors', 'commute-time'"):
        SpectralClustering(2, coordinates="diffusion").fit(X)


def test_given_affinities_and_the_gaussian_of_points() -> None:
    X, y = (np.asarray(part) for part in make_moons(120, noise=0.04, random_state=0))
    W = np.exp(-30 * ((X[:, None] - X[None]) ** 2).sum(axis=2))
    given = commute(2, affinity="precomputed").fit_predict(W)
    np.testing.assert_array_equal(given, commute(2, affinity="rbf", gamma=30).fit_predict(X))
    assert clustering_accuracy(y, given) > 0.95


@pytest.mark.full
@pytest.mark.parametrize("coordinates", ["eigenvectors", "commute-time"])
def test_one_graph_serves_for_all_numbers(coordinates: str) -> None:
    X = np.concatenate([cloud(25, seed) + 4 * seed for seed in range(4)])
    like = SpectralClustering(2, coordinates=coordinates)
    found = spectral_labels(X, [2, 4], like, random_state=0)
    for k, labels in zip((2, 4), found, strict=True):
        alone = SpectralClustering(k, coordinates=coordinates, random_state=0).fit_predict(X)
        assert clustering_accuracy(alone, labels) == 1


@pytest.mark.full
def test_two_digits_in_one_cluster_are_told_apart() -> None:
    """Of the digits' gradients the ten eigenvectors alone put two classes together, and split one;
    these labels were in sight when the rule was found.
    """
    digits = load("digits")
    X = GradientFeatures().fit_transform(digits.images)
    model = SpectralClustering(10, coordinates="eigenvectors", random_state=0)
    plain = model.fit_predict(X)
    assert clustering_accuracy(digits.labels, plain) < 0.92
    assert clustering_accuracy(digits.labels, commute(10, n_init=10).fit_predict(X)) > 0.95
