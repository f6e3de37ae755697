"""A number of clusters is suggested: on sets whose number is known by construction, and where there
is none.
"""

from itertools import pairwise

import numpy as np
import pytest

from scratchclust import AgglomerativeClustering, SpectralClustering, metrics
from scratchclust.errors import InputError
from scratchclust.experiment import how_many
from scratchclust.experiment.how_many import cluster_for_each, cut, suggest
from scratchclust.recipes.recipe import Step
from scratchclust.recipes.words import cluster_step
from scratchclust.runs.findings import Suggestion

TREE = cluster_step("agglomerative", 2)
GRAPH = cluster_step("spectral", 2)


def blobs(k: int, n: int = 150, seed: int = 0) -> np.ndarray:
    """Points about k corners of a cube of side 10, of deviation 1 in each of 4 directions."""
    rng = np.random.default_rng(seed)
    corners = np.array([[i >> axis & 1 for axis in range(4)] for i in range(16)])
    centres = 10.0 * corners[rng.permutation(16)[:k]]
    return (centres[np.arange(n) % k] + rng.normal(size=(n, 4))).astype(np.float32)


def moons(n: int = 200) -> np.ndarray:
    rng = np.random.default_rng(0)
    angle = rng.uniform(0, np.pi, size=n)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    X = np.where((np.arange(n) % 2 == 0)[:, None], upper, lower)
    return (X + 0.04 * rng.normal(size=(n, 2))).astype(np.float32)


def noise(n: int = 150) -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(n, 4)).astype(np.float32)


def stability_of(found: Suggestion) -> np.ndarray:
    return np.array(found.stability, float)


@pytest.mark.quick(1)
@pytest.mark.parametrize("k", [3, 5, 8])
def test_separate_clusters_are_counted(k: int) -> None:
    found = suggest(blobs(k), TREE, ks=range(2, 12))
    assert found.suggested == k
    assert stability_of(found)[k - 2] == pytest.approx(1)
    assert "no clear number" not in found.rule
    assert f"{k} is the largest number" in found.rule


@pytest.mark.full
@pytest.mark.parametrize("method", ["kmeans", "gmm", "spectral"])
@pytest.mark.parametrize("k", [3, 5])
def test_separate_clusters_are_counted_by_other_methods(k: int, method: str) -> None:
    assert suggest(blobs(k), cluster_step(method, 2), ks=range(2, 8)).suggested == k


@pytest.mark.full
def test_two_moons_are_two_in_a_graph() -> None:
    # of 200 the samples' graphs fall apart, in which six pieces are about as stable as the moons
    assert suggest(moons(400), GRAPH, ks=range(2, 8)).suggested == 2


def test_noise_has_no_clear_number() -> None:
    found = suggest(noise(), TREE, ks=range(2, 9))
    assert found.suggested in range(2, 9)
    assert "There is no clear number" in found.rule
    assert stability_of(found).max() < 0.3


def test_the_seed_decides() -> None:
    first = suggest(noise(), TREE, ks=[2, 4], seed=1)
    assert first == suggest(noise(), TREE, ks=[2, 4], seed=1)
    assert first.stability != suggest(noise(), TREE, ks=[2, 4], seed=2).stability


def test_scores_are_those_of_one_clustering() -> None:
    X = blobs(3)
    found = suggest(X, TREE, ks=[4, 2, 4])
    assert list(found.n_clusters) == [2, 4]
    for i, k in enumerate(found.n_clusters):
        labels = AgglomerativeClustering(k).fit(X).labels_
        assert found.silhouette[i] == pytest.approx(metrics.silhouette_score(X, labels), rel=1e-5)
        assert found.calinski_harabasz[i] == pytest.approx(
            metrics.calinski_harabasz_score(X, labels), rel=1e-5
        )
        assert found.davies_bouldin[i] == pytest.approx(
            metrics.davies_bouldin_score(X, labels), rel=1e-5
        )
    assert Suggestion.from_json(found.to_json()) == found


@pytest.mark.full
def test_a_large_set_is_sampled_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scratchclust.experiment.how_many.MOST_POINTS", 60)
    found = suggest(blobs(3), TREE, ks=[2, 3, 4])
    assert found.suggested == 3
    assert "a random sample of 60 of the 150 images" in found.rule


def test_few_images_are_tried_with_few_clusters() -> None:
    assert list(suggest(blobs(2, 30), TREE).n_clusters) == [2, 3, 4]


def test_no_more_clusters_are_tried_than_points_are_distinct() -> None:
    assert list(suggest(np.repeat(noise(3), 20, axis=0), TREE).n_clusters) == [2, 3]


@pytest.mark.full
def test_equal_images_have_no_clear_number() -> None:
    found = suggest(np.zeros((40, 3), np.float32), TREE, ks=[2, 3])
    assert np.isfinite(stability_of(found)).all()


def test_what_is_told() -> None:
    told: list[str] = []
    suggest(blobs(2), TREE, ks=[2, 3], tell=told.append)
    assert told[0] == "how many clusters: scores of 2 to 3"
    assert "how many clusters: pair 5 of 5 samples" in told


@pytest.mark.parametrize(
    ("n", "ks", "message"),
    [
        (5, None, "expected at least 12 images to suggest a number of clusters, got 5: say"),
        (11, None, "expected at least 12 images"),
        (20, [2, 16], r"expected ks within 2..15 for samples of 16 of 20 images, got \[2, 16\]"),
        (20, [1, 2], "expected ks within 2..15"),
        (20, [], "expected ks within 2..15"),
    ],
)
def test_too_few_images(n: int, ks: list[int] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        suggest(noise(n), TREE, ks=ks)


def test_the_least_number_of_images() -> None:
    assert list(suggest(noise(12), TREE).n_clusters) == [2]


def test_a_method_that_counts_itself_is_refused() -> None:
    with pytest.raises(InputError, match="dbscan finds the number of clusters itself: ask for"):
        suggest(noise(), cluster_step("dbscan", 2))


def test_one_tree_is_cut_as_many() -> None:
    """The labels are numbered otherwise, but the clusters are the estimator's own for each k."""
    X = noise(60)
    ks = [1, 2, 5, 59, 60]
    for k, labels in zip(ks, cluster_for_each(X, TREE, ks, 0), strict=True):
        expected = AgglomerativeClustering(k).fit(X).labels_
        assert metrics.adjusted_rand_score(expected, labels) == 1
        assert len(np.unique(labels)) == k


def test_the_clusters_of_a_tree_lie_within_each_other() -> None:
    for seed in range(20):
        X = np.random.default_rng(seed).normal(size=(12, 2))
        children = np.asarray(AgglomerativeClustering(1).fit(X).children_)
        labelings = [cut(children, 12, k) for k in range(1, 13)]
        for coarse, fine in pairwise(labelings):
            assert len(np.unique(np.stack([coarse, fine]), axis=1).T) == fine.max() + 1


@pytest.mark.full
def test_one_graph_serves_for_all_numbers() -> None:
    X = blobs(4)
    ks = [4, 6]
    expected = SpectralClustering(4, random_state=0).fit(X).labels_
    found = cluster_for_each(X, Step("SpectralClustering"), ks, 0)
    assert metrics.adjusted_rand_score(expected, found[0]) == pytest.approx(1)


@pytest.mark.full
def test_mixtures_of_all_numbers_are_not_fitted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(how_many, "build", lambda *_: pytest.fail("a fit for each number"))
    labelings = cluster_for_each(blobs(4), cluster_step("gmm", 2), [2, 4], 0)
    assert [len(np.unique(labels)) for labels in labelings] == [2, 4]
