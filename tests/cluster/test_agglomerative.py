"""Agglomerative clustering: by hand for both twins, equal to SciPy's trees and scikit-learn's
clusters.
"""

from types import ModuleType

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
import pytest
import scipy.cluster.hierarchy as hierarchy
import scipy.sparse.csgraph
import sklearn.cluster
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from scratchclust import AgglomerativeClustering, exact_pairs, persist, rows
from scratchclust.cluster import agglomerative as fast
from scratchclust.cluster.agglomerative_parts import neighbor_chain
from scratchclust.constants import LINKAGES
from scratchclust.errors import InputError
from scratchclust.reference import agglomerative as reference
from scratchclust.reference.distances import squared_distances
from scratchclust.results import AgglomerativeResult

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)
each_linkage = pytest.mark.parametrize("linkage", LINKAGES)
BY_HAND = {  # on a line, 0, 1, 3, 7: heights of the merges
    "single": [1, 2, 4],
    "complete": [1, 3, 7],
    "average": [1, 2.5, 17 / 3],
    "ward": [1, np.sqrt(4 / 3) * 2.5, np.sqrt(6 / 4) * 17 / 3],
}


def points(n: int = 60, d: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)) + 5


@each_twin
@each_linkage
def test_by_hand(twin: ModuleType, linkage: str) -> None:
    tree = twin.agglomerative(np.array([[0.0], [1.0], [3.0], [7.0]]), linkage)
    np.testing.assert_allclose(tree.linkage_matrix[:, 2], BY_HAND[linkage], rtol=1e-12)
    assert tree.linkage_matrix[:, [0, 1, 3]].tolist() == [[0, 1, 2], [2, 4, 3], [3, 5, 4]]
    assert twin.cut(tree, 2).tolist() == [0, 0, 0, 1]
    assert twin.cut(tree, 3).tolist() == [0, 0, 1, 2]
    assert twin.cut(tree, 2).dtype == np.int32


@pytest.mark.quick(8)
@each_linkage
@pytest.mark.parametrize(("n", "d"), [(3, 1), (20, 2), (60, 4), (150, 8)])
def test_twins_and_scipy_agree(n: int, d: int, linkage: str) -> None:
    for seed in range(3):
        X = points(n, d, seed)
        expected = hierarchy.linkage(X, linkage)
        for twin in (reference, fast):
            matrix = twin.agglomerative(X, linkage).linkage_matrix
            np.testing.assert_allclose(matrix, expected, rtol=1e-9)
            assert hierarchy.is_valid_linkage(matrix)


@pytest.mark.quick(1)
@each_linkage
def test_larger_trees_equal_scipys(linkage: str) -> None:
    """Many rounds of Ward and of the spanning tree; the chain packs its matrix several times."""
    X = points(700, 6)
    np.testing.assert_allclose(
        fast.agglomerative(X, linkage).linkage_matrix, hierarchy.linkage(X, linkage), rtol=1e-9
    )


@each_linkage
@pytest.mark.parametrize("n_clusters", [1, 2, 7, 60])
def test_cuts_equal_scikit_learns(linkage: str, n_clusters: int) -> None:
    X = points(seed=1)
    peer = sklearn.cluster.AgglomerativeClustering(n_clusters, linkage=linkage).fit(X)
    for twin in (reference, fast):
        labels = twin.cut(twin.agglomerative(X, linkage), n_clusters)
        assert adjusted_rand_score(labels, peer.labels_) == 1
        assert np.unique(labels, return_index=True)[1].tolist() == sorted(
            np.unique(labels, return_index=True)[1]
        )
        assert labels.max() == n_clusters - 1


@pytest.mark.quick(20)
@each_linkage
@pytest.mark.parametrize("seed", range(20))
def test_invariants(linkage: str, seed: int) -> None:
    """Heights rise; turning, moving and permuting the points changes nothing but their numbers."""
    X = points(40, 3, seed)
    rng = np.random.default_rng(seed)
    tree = fast.agglomerative(X, linkage)
    assert (np.diff(tree.linkage_matrix[:, 2]) >= 0).all()
    turn, order = np.linalg.qr(rng.normal(size=(3, 3)))[0], rng.permutation(40)
    other = fast.agglomerative((X @ turn - 100)[order], linkage)
    np.testing.assert_allclose(other.linkage_matrix[:, 2], tree.linkage_matrix[:, 2], rtol=1e-9)
    assert adjusted_rand_score(fast.cut(other, 5), fast.cut(tree, 5)[order]) == 1


@pytest.mark.quick(5)
@pytest.mark.parametrize("seed", range(20))
def test_ties_change_what_is_arbitrary_alone(seed: int) -> None:
    """Whole numbers: single linkage has the same heights and clusters in whatever order of ties."""
    X = np.random.default_rng(seed).integers(0, 6, (50, 2)) * 1.0
    ours, naive = fast.agglomerative(X, "single"), reference.agglomerative(X, "single")
    np.testing.assert_allclose(ours.linkage_matrix[:, 2], naive.linkage_matrix[:, 2])
    n_clusters = fast.count_clusters(ours, 1.2)  # between the ties of 1 and of sqrt(2)
    assert adjusted_rand_score(fast.cut(ours, n_clusters), reference.cut(naive, n_clusters)) == 1
    for linkage in ("ward", "complete", "average"):
        matrix = fast.agglomerative(X, linkage).linkage_matrix
        assert hierarchy.is_valid_linkage(matrix)
        again = fast.agglomerative(
            X + 1e-7 * np.random.default_rng(seed).normal(size=X.shape), linkage
        )
        assert matrix[0, 2] == pytest.approx(again.linkage_matrix[0, 2], abs=1e-5)


@each_linkage
def test_every_merge_joins_the_nearest_clusters_of_that_moment(linkage: str) -> None:
    """Brute force from the definitions, on ties as well: no pair is nearer than the one that is
    merged.
    """
    for X in (points(8, 2), np.array([[0.0], [1], [2], [3], [3], [5], [6], [6]])):
        clusters = {i: [i] for i in range(8)}
        for step, (a, b, height, _) in enumerate(fast.agglomerative(X, linkage).linkage_matrix):
            pairs = [(i, j) for i in clusters for j in clusters if i < j]
            nearest = min(by_definition(X[clusters[i]], X[clusters[j]], linkage) for i, j in pairs)
            assert height == pytest.approx(nearest, abs=1e-9)
            clusters[8 + step] = clusters.pop(int(a)) + clusters.pop(int(b))


def by_definition(a: np.ndarray, b: np.ndarray, linkage: str) -> float:
    distances = np.sqrt(squared_distances(a, b))
    ward = np.sqrt(2 * len(a) * len(b) / (len(a) + len(b))) * np.linalg.norm(
        a.mean(axis=0) - b.mean(axis=0)
    )
    of = {
        "single": distances.min(),
        "complete": distances.max(),
        "average": distances.mean(),
        "ward": ward,
    }
    return float(of[linkage])


@pytest.mark.parametrize("seed", range(5))
def test_single_linkage_is_a_cut_of_the_spanning_tree(seed: int) -> None:
    X = points(80, 3, seed)
    distances = np.sqrt(squared_distances(X, X))
    tree = scipy.sparse.csgraph.minimum_spanning_tree(distances).toarray()
    ours = fast.agglomerative(X, "single")
    np.testing.assert_allclose(ours.linkage_matrix[:, 2], np.sort(tree[tree > 0]))
    threshold = float(np.median(tree[tree > 0]))
    n_components, components = scipy.sparse.csgraph.connected_components(
        (tree > 0) & (tree < threshold), False
    )
    assert fast.count_clusters(ours, threshold) == n_components
    assert fast.cut(ours, n_components).tolist() == components.tolist()


@each_twin
@each_linkage
def test_one_two_and_equal_points(twin: ModuleType, linkage: str) -> None:
    one = twin.agglomerative(np.zeros((1, 3)), linkage)
    assert one.linkage_matrix.shape == (0, 4)
    assert twin.cut(one, 1).tolist() == [0]
    assert twin.count_clusters(one, 1) == 1
    two = twin.agglomerative(np.array([[0.0, 0], [3, 4]]), linkage)
    assert two.linkage_matrix.tolist() == [[0, 1, 5, 2]]
    same = twin.agglomerative(np.repeat(np.array([[1.0], [4.0]]), 6, axis=0), linkage)
    assert same.linkage_matrix[:-1, 2].tolist() == [0] * 10
    assert twin.cut(same, 2).tolist() == [0] * 6 + [1] * 6
    assert hierarchy.is_valid_linkage(same.linkage_matrix)


@each_linkage
def test_near_duplicates_far_from_zero_are_exact(linkage: str) -> None:
    """Clouds 10,000 apart of pairs 1e-6 apart: expanded squares of float32 know neither."""
    X = points(60)
    X = np.concatenate([X, X + 1e-6 * points(60, seed=1)])
    X[::2] += 1e4
    expected = hierarchy.linkage(X, linkage)[:, 2]
    np.testing.assert_allclose(
        fast.agglomerative(X, linkage).linkage_matrix[:, 2], expected, rtol=1e-5
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_device_counts_agree(n_devices: int) -> None:
    X = points(300, 5)
    for linkage in ("ward", "single"):
        with rows.on(jax.local_devices()[:n_devices]):
            matrix = fast.agglomerative(X, linkage).linkage_matrix
        np.testing.assert_allclose(matrix, hierarchy.linkage(X, linkage), rtol=1e-9)


@each_linkage
def test_small_strips_change_nothing(linkage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fast.agglomerative(points(), linkage).linkage_matrix
    monkeypatch.setattr(exact_pairs, "DISTANCES_AT_A_TIME", 200)
    monkeypatch.setattr(exact_pairs, "NUMBERS_AT_A_TIME", 50)
    np.testing.assert_allclose(
        fast.agglomerative(points(), linkage).linkage_matrix, whole, rtol=1e-12
    )


def test_jax_arrays_float32_and_bytes() -> None:
    X = np.rint(points() * 20).astype(np.float32)
    expected = reference.agglomerative(X, "single").linkage_matrix[:, 2]
    for given in (jnp.asarray(X), X, X.astype(np.int16), X.astype(np.uint8)):
        np.testing.assert_allclose(
            fast.agglomerative(given, "single").linkage_matrix[:, 2], expected
        )


@each_twin
@pytest.mark.parametrize(
    ("X", "linkage", "message"),
    [
        (
            points(5),
            "median",
            "expected linkage to be one of 'ward', 'complete', 'average', 'single', got 'median'",
        ),
        (np.array([[1.0], [np.inf]]), "ward", "NaN or infinity"),
        (np.empty((0, 2)), "ward", "at least one point"),
    ],
)
def test_errors_teach(twin: ModuleType, X: np.ndarray, linkage: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        twin.agglomerative(X, linkage)


@each_twin
@pytest.mark.parametrize("n_clusters", [0, 5])
def test_a_cut_that_cannot_be(twin: ModuleType, n_clusters: int) -> None:
    with pytest.raises(
        InputError, match="expected n_clusters within 1 and 4, the number of points"
    ):
        twin.cut(AgglomerativeResult(hierarchy.linkage(points(4))), n_clusters)


@pytest.mark.parametrize("linkage", ["complete", "average"])
def test_too_large_a_matrix_is_refused_in_bytes(
    linkage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        InputError,
        match=r"all distances of 40,000 points, 12,800,000,000 bytes, and at most 8,589,934",
    ):
        fast.agglomerative(np.zeros((40_000, 2)), linkage)
    monkeypatch.setattr(neighbor_chain, "MOST_BYTES", 8 * 60**2 - 1)
    with pytest.raises(InputError, match="28,800 bytes, and at most 28,799 are allowed"):
        fast.agglomerative(points(), linkage)
    assert len(fast.agglomerative(points(), "ward").linkage_matrix) == 59
    assert len(fast.agglomerative(points(), "single").linkage_matrix) == 59


@each_linkage
def test_estimator(linkage: str, tmp_path) -> None:
    X = points()
    model = AgglomerativeClustering(4, linkage=linkage).fit(X)
    peer = sklearn.cluster.AgglomerativeClustering(4, linkage=linkage, compute_distances=True).fit(
        X
    )
    assert adjusted_rand_score(model.labels_, peer.labels_) == 1
    np.testing.assert_array_equal(model.children_, np.sort(peer.children_, axis=1))
    np.testing.assert_allclose(model.distances_, peer.distances_, rtol=1e-9)
    assert (model.n_leaves_, model.n_clusters_) == (peer.n_leaves_, peer.n_clusters_)
    assert not hasattr(model, "predict")
    model.save(tmp_path / "model")
    loaded = persist.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.linkage_matrix_, model.linkage_matrix_)
    np.testing.assert_array_equal(loaded.labels_, model.labels_)
    assert isinstance(
        AgglomerativeClustering(linkage=linkage).fit(jnp.asarray(X)).labels_, jax.Array
    )


@each_linkage
def test_a_threshold_means_what_scikit_learns_means(linkage: str) -> None:
    X = np.array([[0.0], [1], [2], [5], [9]])
    for threshold in (0, 0.5, 1, 1.0001, 3, 100):
        ours = AgglomerativeClustering(None, linkage=linkage, distance_threshold=threshold).fit(X)
        peer = sklearn.cluster.AgglomerativeClustering(
            None, linkage=linkage, distance_threshold=threshold
        ).fit(X)
        assert ours.n_clusters_ == peer.n_clusters_
    assert ours.n_clusters_ == 1


def test_scipy_draws_the_tree() -> None:
    matplotlib.use("Agg")
    drawn = hierarchy.dendrogram(AgglomerativeClustering().fit(points(12)).linkage_matrix_)
    assert sorted(drawn["leaves"]) == list(range(12))


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"n_clusters": 0},
            "expected n_clusters to be None or a whole number of at least 1, got 0",
        ),
        ({"n_clusters": 11}, "n_samples=10 should be >= n_clusters=11"),
        ({"linkage": "centroid"}, "expected linkage to be one of 'ward'"),
        ({"n_clusters": None}, "Exactly one of n_clusters and distance_threshold"),
        ({"distance_threshold": 1.0}, "Exactly one of n_clusters and distance_threshold"),
        (
            {"n_clusters": None, "distance_threshold": -1},
            "expected distance_threshold to be None or a finite number of at least 0",
        ),
    ],
)
def test_estimator_says_what_is_wrong(parameters: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        AgglomerativeClustering(**parameters).fit(points(10))


SCIPYS = {"cosine": "cosine", "manhattan": "cityblock", "euclidean": "euclidean"}


@each_twin
@pytest.mark.parametrize("metric", SCIPYS)
@pytest.mark.parametrize("linkage", ["complete", "average", "single"])
def test_metrics_equal_scipys(twin: ModuleType, metric: str, linkage: str) -> None:
    for seed in range(3):
        X = points(40, 3, seed) - 5
        expected = hierarchy.linkage(pdist(X, SCIPYS[metric]), linkage)
        found = twin.agglomerative(X, linkage, metric=metric).linkage_matrix
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
        given = squareform(pdist(X, SCIPYS[metric])) + np.eye(
            40
        )  # what stands on the diagonal does not matter
        found = twin.agglomerative(given, linkage, metric="precomputed").linkage_matrix
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@each_twin
def test_cosine_and_manhattan_by_hand(twin: ModuleType) -> None:
    """Directions east, north-east, north: 1 - cos 45 and 1 - cos 45, and from end to end 1."""
    X = np.array([[2.0, 0], [3, 3], [0, 1]])
    heights = twin.agglomerative(X, "complete", metric="cosine").linkage_matrix[:, 2]
    np.testing.assert_allclose(heights, [1 - np.sqrt(0.5), 1], rtol=1e-12)
    heights = twin.agglomerative(X, "average", metric="manhattan").linkage_matrix[:, 2]
    np.testing.assert_allclose(
        heights, [3, 4.5], rtol=1e-12
    )  # |2 - 0| + |0 - 1|; the mean of 1 + 3 and 3 + 2


@pytest.mark.quick(16)
@each_twin
@each_linkage
@pytest.mark.parametrize("factor", [1e160, 1e300, 1e25, 1e-25, 1e-170, 1e-300])
def test_no_scale_is_too_large_or_too_small(twin: ModuleType, linkage: str, factor: float) -> None:
    X = points(60, 3) - 5
    expected, found = (twin.agglomerative(data, linkage).linkage_matrix for data in (X, X * factor))
    np.testing.assert_array_equal(found[:, [0, 1, 3]], expected[:, [0, 1, 3]])
    np.testing.assert_allclose(found[:, 2] / factor, expected[:, 2], rtol=1e-12)
    small = AgglomerativeClustering(None, linkage=linkage, distance_threshold=factor).fit(
        X * factor
    )
    assert small.n_clusters_ == fast.count_clusters(AgglomerativeResult(expected), 1.0)


@each_linkage
@pytest.mark.parametrize("far", [1e20, 1e40, 1e100])
def test_one_point_far_away_takes_no_digits_from_the_others(linkage: str, far: float) -> None:
    X = points(60, 3) - 5
    X[0] = far
    np.testing.assert_allclose(
        fast.agglomerative(X, linkage).linkage_matrix, hierarchy.linkage(X, linkage), rtol=1e-9
    )


@pytest.mark.parametrize("linkage", ["complete", "average", "single"])
def test_the_scale_of_other_metrics(linkage: str) -> None:
    X = points(60, 3) - 5
    for metric, of_heights in (("manhattan", 1e200), ("cosine", 1.0)):
        expected = fast.agglomerative(X, linkage, metric=metric).linkage_matrix[:, 2]
        found = fast.agglomerative(X * 1e200, linkage, metric=metric).linkage_matrix[:, 2]
        np.testing.assert_allclose(found / of_heights, expected, rtol=1e-9, atol=1e-14)


@each_twin
@pytest.mark.parametrize(
    ("X", "settings", "message"),
    [
        (
            points(5),
            {"metric": "minkowski"},
            "expected metric to be one of 'euclidean', 'cosine', 'manhattan', 'pre",
        ),
        (
            points(5),
            {"linkage": "ward", "metric": "cosine"},
            "cosine was provided as metric. Ward can only work with",
        ),
        (
            np.eye(3) - 1,
            {"metric": "precomputed"},
            "expected distances of at least 0, got -1: give distances, not",
        ),
        (
            points(5),
            {"metric": "precomputed"},
            r"Distance matrix should be square, got matrix of shape \(5, 4\)",
        ),
        (
            np.arange(9.0).reshape(3, 3),
            {"metric": "precomputed"},
            "as far from i to j as from j to i: give a symm",
        ),
        (np.array([[1.0], [0.0]]), {"metric": "cosine"}, "row 1 is all zero"),
        (np.full((2, 2), np.nan), {"metric": "precomputed"}, "NaN or infinity"),
    ],
)
def test_metrics_that_cannot_be(
    twin: ModuleType, X: np.ndarray, settings: dict, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        twin.agglomerative(X, **{"linkage": "average", **settings})


def test_a_matrix_of_distances_is_not_written_over() -> None:
    given = squareform(pdist(points()))
    before = given.copy()
    AgglomerativeClustering(metric="precomputed", linkage="average").fit(given)
    np.testing.assert_array_equal(given, before)


def test_a_function_as_metric() -> None:
    X = points()
    by_function = AgglomerativeClustering(
        4, metric=lambda X: squareform(pdist(X, "cityblock")), linkage="average"
    )
    by_name = AgglomerativeClustering(4, metric="l1", linkage="average").fit(X)
    np.testing.assert_allclose(
        by_function.fit(X).linkage_matrix_, by_name.linkage_matrix_, rtol=1e-12
    )
    with pytest.raises(InputError, match="Ward can only work with euclidean"):
        AgglomerativeClustering(metric=by_function.metric).fit(X)


def test_what_comes_back_is_the_callers_own() -> None:
    X = points()
    model = AgglomerativeClustering(3).fit(X)
    for array in (model.labels_, model.children_, model.distances_, model.linkage_matrix_):
        assert array.flags.writeable
        assert not np.shares_memory(array, X)
    model.distances_[:] = 0
    assert model.linkage_matrix_[:, 2].all()
    labels = AgglomerativeClustering(3).fit_predict(X)
    labels[labels == 2] = -1


def test_distances_are_left_out_on_request() -> None:
    X = points()
    model = AgglomerativeClustering(2, compute_distances=True).fit(X)
    assert not hasattr(model.set_params(compute_distances=False).fit(X), "distances_")
    assert hasattr(
        AgglomerativeClustering(None, distance_threshold=1.0, compute_distances=False).fit(X),
        "distances_",
    )
    for parameters, message in (
        (
            {"connectivity": np.eye(60)},
            "expected connectivity to be None .trees of a graph of neighbours are not here",
        ),
        (
            {"n_clusters": None, "distance_threshold": 1.0, "compute_full_tree": False},
            "compute_full_tree must be True",
        ),
        (
            {"metric": "hamming"},
            "expected metric to be one of 'euclidean', .* or a function, got 'hamming'",
        ),
    ):
        with pytest.raises(InputError, match=message):
            AgglomerativeClustering(**parameters).fit(X)


def test_a_metric_that_leaves_points_out_is_refused():
    X = np.random.default_rng(0).normal(size=(60, 3))
    few = AgglomerativeClustering(linkage="average", metric=lambda X: np.ones((3, 3)) - np.eye(3))
    with pytest.raises(
        InputError, match=r"expected metric\(X\) to be of shape \[60, 60\].*, got \[3, 3\]"
    ):
        few.fit(X)
    assert not hasattr(few, "labels_")
