"""The smallest and most degenerate inputs of agglomerative clustering, against SciPy's trees; every kind of array."""

import numpy as np
import pytest
import scipy.cluster.hierarchy as hierarchy

from scratchclust import AgglomerativeClustering
from scratchclust.errors import InputError

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
    ties = name == "a lattice" and linkage in ("complete", "average")  # which pair is merged first decides the rest
    model = AgglomerativeClustering(1, linkage=linkage).fit(data)
    expected = hierarchy.linkage(data, linkage)[:, 2]
    np.testing.assert_allclose(model.distances_[: 8 if ties else None], expected[: 8 if ties else None], rtol=1e-9)
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
    **{f"{kind}": lambda data, folder, kind=kind: data.astype(kind) for kind in ("bool", "int8", "uint8", "float16")},
    **{f"{kind}": lambda data, folder, kind=kind: data.astype(kind) for kind in ("float32", ">f8", ">f4", ">i4")},
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
    merged_first = slice(10 if kind == "bool" else None)  # so many ties of bits that which goes first decides the rest
    np.testing.assert_allclose(
        model.distances_[merged_first], hierarchy.linkage(whole, linkage)[merged_first, 2], rtol=1e-9
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
