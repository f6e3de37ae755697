"""The smallest and most degenerate inputs of trees, neighbours and spectral clustering; every kind
of array.
"""

import numpy as np
import pytest
import scipy.cluster.hierarchy as hierarchy
import sklearn.neighbors
from sklearn.metrics import adjusted_rand_score

from scratchclust import AgglomerativeClustering, SpectralClustering
from scratchclust.errors import InputError
from scratchclust.neighbors import nearest_neighbors
from scratchclust.reduce.spectral_embedding import spectral_embedding
from scratchclust.reference import spectral_embedding as reference

pytestmark = pytest.mark.full
LINKAGES = ["ward", "complete", "average", "single"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
DEGENERATE = {
    "two points": X[:2],
    "three points": X[:3],
    "one feature": X[:, :1],
    "rank one": X[:, :1] * [1.0, 2.0, -3.0],
    "constant features": X * [1, 0, 0],
    "equal rows": np.ones((6, 2)),
    "two places": np.repeat(X[:2], [1, 9], axis=0),
    "equal pairs": np.repeat(X[:20], 2, axis=0),
    "on a line, evenly": np.arange(12.0)[:, None],
    "a lattice": np.stack(np.meshgrid(np.arange(4.0), np.arange(4.0)), -1).reshape(-1, 2),
    "zeros": np.zeros((4, 3)),
    "one far away": np.concatenate([X[:20], [[1e12, 0, 0]]]),
}


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("name", DEGENERATE)
def test_heights_equal_scipys(name, linkage):
    data = DEGENERATE[name]
    ties = name == "a lattice" and linkage in (
        "complete",
        "average",
    )  # which pair is merged first decides the rest
    model = AgglomerativeClustering(1, linkage=linkage).fit(data)
    expected = hierarchy.linkage(data, linkage)[:, 2]
    np.testing.assert_allclose(
        model.distances_[: 8 if ties else None], expected[: 8 if ties else None], rtol=1e-9
    )
    assert hierarchy.is_valid_linkage(model.linkage_matrix_)
    assert (np.diff(model.distances_) >= 0).all()
    assert not model.labels_.any()
    every = AgglomerativeClustering(len(data), linkage=linkage).fit_predict(data)
    assert every.tolist() == list(range(len(data)))


def as_memory_map(data, folder):
    np.save(folder / "X.npy", data)
    return np.load(folder / "X.npy", mmap_mode="r")


def read_only(data):
    data = data.copy()
    data.flags.writeable = False
    return data


KINDS = {
    **{
        f"{kind}": lambda data, folder, kind=kind: data.astype(kind)
        for kind in ("bool", "int8", "uint8", "float16")
    },
    **{
        f"{kind}": lambda data, folder, kind=kind: data.astype(kind)
        for kind in ("float32", ">f8", ">f4", ">i4")
    },
    "Fortran": lambda data, folder: np.asfortranarray(data),
    "strided": lambda data, folder: np.repeat(data, 2, axis=0)[::2],
    "reversed": lambda data, folder: data[::-1].copy()[::-1],
    "read-only": lambda data, folder: read_only(data),
    "memory-mapped": as_memory_map,
    "a list": lambda data, folder: data.tolist(),
    "objects": lambda data, folder: data.astype(object),
}


@pytest.mark.parametrize("linkage", LINKAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_gives_the_same_tree(kind, linkage, tmp_path):
    whole = RNG.integers(0, 2 if kind == "bool" else 100, (40, 5)).astype(float)
    given = KINDS[kind](whole, tmp_path)
    model = AgglomerativeClustering(3, linkage=linkage).fit(given)
    merged_first = slice(
        10 if kind == "bool" else None
    )  # so many ties of bits that which goes first decides the rest
    np.testing.assert_allclose(
        model.distances_[merged_first],
        hierarchy.linkage(whole, linkage)[merged_first, 2],
        rtol=1e-9,
    )
    assert model.labels_.flags.writeable


@pytest.mark.parametrize("linkage", LINKAGES)
def test_what_is_too_small_is_refused(linkage):
    model = AgglomerativeClustering(linkage=linkage)
    for data, message in (
        (X[:1], "minimum of 2 is required"),
        (X[:0], "minimum of 2 is required"),
        (X[:, :0], r"0 feature\(s\)"),
        (X + 1j, "Complex data not supported"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(data)
    with pytest.raises(InputError, match="n_samples=2 should be >= n_clusters=3"):
        model.set_params(n_clusters=3).fit(X[:2])


@pytest.mark.parametrize("metric", ["cosine", "manhattan", "precomputed"])
@pytest.mark.parametrize("linkage", LINKAGES[1:])
def test_two_and_three_points_in_other_metrics(metric, linkage):
    for n in (2, 3):
        data = np.abs(X[:n, :2]) if metric != "precomputed" else 1 - np.eye(n)
        model = AgglomerativeClustering(1, metric=metric, linkage=linkage).fit(data)
        assert hierarchy.is_valid_linkage(model.linkage_matrix_)
        if metric == "precomputed":
            assert model.distances_.tolist() == [1.0] * (n - 1)


@pytest.mark.parametrize("name", DEGENERATE)
def test_neighbours_equal_scikit_learns(name):
    data = DEGENERATE[name]
    for k in {1, min(3, len(data) - 1), len(data) - 1}:
        found = nearest_neighbors(data, k)
        peer = sklearn.neighbors.NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(data)
        np.testing.assert_allclose(found.distances, peer.kneighbors()[0], rtol=1e-12, atol=1e-15)
        differences = data[:, None] - data[found.indices]
        np.testing.assert_allclose(
            found.distances, np.sqrt((differences**2).sum(axis=2)), rtol=1e-12
        )
        assert all(
            i not in row and len(set(row)) == k for i, row in enumerate(found.indices.tolist())
        )
    itself = nearest_neighbors(data, 1, queries=data)
    assert not itself.distances.any()
    np.testing.assert_array_equal(data[itself.indices[:, 0]], data)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_has_the_same_neighbours_and_clusters(kind, tmp_path):
    rng = np.random.default_rng(1)
    whole = np.concatenate([rng.integers(0, 40, (20, 8)), rng.integers(80, 120, (20, 8))]).astype(
        float
    )
    whole = (
        np.concatenate([rng.random((20, 40)) < 0.1, rng.random((20, 40)) > 0.1]) * 1.0
        if kind == "bool"
        else whole
    )
    given = KINDS[kind](whole, tmp_path)
    model = SpectralClustering(2, n_neighbors=12, random_state=0).fit(given)
    assert adjusted_rand_score(model.labels_, np.arange(40) // 20) == 1
    np.testing.assert_array_equal(model.predict(given), model.labels_)
    expected = reference.spectral_embedding(whole, 2, n_neighbors=12)
    np.testing.assert_allclose(model.eigenvalues_, expected.eigenvalues, atol=1e-6)
    assert model.labels_.flags.writeable
    if kind not in ("a list", "objects", "bool", "float16"):
        peer = sklearn.neighbors.NearestNeighbors(n_neighbors=3).fit(whole)
        np.testing.assert_allclose(
            nearest_neighbors(given, 3).distances, peer.kneighbors()[0], rtol=1e-6
        )


@pytest.mark.filterwarnings("ignore:the graph of", "ignore:only .* of .* clusters have points")
@pytest.mark.parametrize("name", DEGENERATE)
def test_spectral_coordinates_equal_the_definitions(name):
    data = DEGENERATE[name]
    n = len(data)
    for q in sorted({1, 2, n}):
        found, expected = (
            twin(data, q) for twin in (spectral_embedding, reference.spectral_embedding)
        )
        np.testing.assert_allclose(found.eigenvalues, expected.eigenvalues, atol=1e-9)
        assert found[2:] == expected[2:]
        np.testing.assert_allclose(found.embedding.T @ found.embedding, np.eye(q), atol=1e-9)
        model = SpectralClustering(q, random_state=0).fit(data)
        assert set(model.labels_) <= set(range(q))
        assert np.isfinite(model.embedding_).all()
        np.testing.assert_array_equal(model.predict(data), model.labels_)  # also of equal points
        if q == 1:
            assert not model.labels_.any()


@pytest.mark.parametrize("affinity", ["nearest_neighbors", "rbf", "precomputed"])
def test_two_and_three_points_by_their_graphs(affinity):
    for n in (2, 3):
        given = np.eye(n) + 0.5 if affinity == "precomputed" else X[:n]
        model = SpectralClustering(n, affinity=affinity, random_state=0).fit(given)
        assert sorted(model.labels_) == list(range(n))
        assert model.eigenvalues_[0] == pytest.approx(0, abs=1e-12)
        assert model.eigenvalues_.sum() == pytest.approx(n)  # the trace of L
        assert not SpectralClustering(1, affinity=affinity, random_state=0).fit_predict(given).any()


def test_what_is_too_small_for_a_graph_is_refused():
    for data, message in (
        (X[:1], "minimum of 2 is required"),
        (X[:, :0], r"0 feature\(s\)"),
        (X[:3] + 1j, "Complex data not supported"),
    ):
        with pytest.raises(ValueError, match=message):
            SpectralClustering(2).fit(data)
    with pytest.raises(InputError, match="n_samples=2 should be >= n_clusters=3"):
        SpectralClustering(3).fit(X[:2])
    for n in (0, 1):
        with pytest.raises(
            InputError, match=r"expected n_neighbors within 1 and -?\d, the number of other points"
        ):
            nearest_neighbors(X[:n], 1)
