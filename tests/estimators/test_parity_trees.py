"""Agglomerative and spectral clustering as scikit-learn's users know them: each parameter,
attribute, method.
"""

import inspect

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.cluster
import sklearn.manifold
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from scratchclust import AgglomerativeClustering, SpectralClustering

X = np.random.default_rng(0).normal(size=(60, 3))
SQUARE = squareform(pdist(X))


def pair(data=X, **parameters):
    """Both, fitted."""
    theirs = sklearn.cluster.AgglomerativeClustering(**{"compute_distances": True, **parameters})
    return AgglomerativeClustering(**parameters).fit(data), theirs.fit(data)


def compared(what):
    """From both fitted models to two arrays."""
    return lambda ours, theirs: (getattr(ours, what), getattr(theirs, what))


def children(ours, theirs):
    return ours.children_, np.sort(theirs.children_, axis=1)


def partition(ours, theirs):
    return adjusted_rand_score(ours.labels_, theirs.labels_), 1.0


def distances(ours, theirs):
    return ours.distances_, theirs.distances_


def manhattan(data):
    return squareform(pdist(data, "cityblock"))


AVERAGE = {"linkage": "average", "n_clusters": 4}
ROWS = [  # name, parameters, what is compared, relative tolerance
    ("default", {}, partition, 0),
    ("n_clusters", {"n_clusters": 7}, partition, 0),
    ("distance_threshold", {"n_clusters": None, "distance_threshold": 2.0}, partition, 0),
    ("n_clusters_", {"n_clusters": None, "distance_threshold": 2.0}, compared("n_clusters_"), 0),
    *(
        (f"distances_ {name}", {"linkage": name}, distances, 1e-9)
        for name in ("ward", "complete", "average", "single")
    ),
    *(
        (f"children_ {name}", {"linkage": name}, children, 0)
        for name in ("ward", "complete", "average", "single")
    ),
    *(
        (f"metric {name}", {**AVERAGE, "metric": name}, distances, 1e-9)
        for name in ("l1", "l2", "manhattan", "cosine")
    ),
    ("metric, single", {"linkage": "single", "metric": "cosine"}, distances, 1e-9),
    ("metric, complete", {"linkage": "complete", "metric": "manhattan"}, children, 0),
    ("metric, a function", {**AVERAGE, "metric": manhattan}, distances, 1e-9),
    ("metric l2, ward", {"metric": "l2"}, distances, 1e-9),
    ("compute_full_tree", {"compute_full_tree": True}, partition, 0),
    ("connectivity", {"connectivity": None}, partition, 0),
    ("compute_distances", {"compute_distances": True}, distances, 1e-9),
    ("n_leaves_", {}, compared("n_leaves_"), 0),
    ("n_connected_components_", {}, compared("n_connected_components_"), 0),
    ("n_features_in_", {}, compared("n_features_in_"), 0),
]


@pytest.mark.parametrize(
    ("name", "parameters", "what", "tolerance"), ROWS, ids=[row[0] for row in ROWS]
)
def test_equal_to_scikit_learns(name, parameters, what, tolerance):
    ours, theirs = what(*pair(**parameters))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)


@pytest.mark.parametrize("linkage", ["complete", "average", "single"])
def test_a_matrix_of_distances(linkage):
    ours, theirs = pair(SQUARE, metric="precomputed", linkage=linkage)
    np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-12)
    np.testing.assert_array_equal(*children(ours, theirs))


BLOBS = np.concatenate(
    [np.random.default_rng(seed).normal(size=(30, 2)) + 6 * seed for seed in range(3)]
)
GAUSSIAN = np.exp(-0.1 * squareform(pdist(BLOBS)) ** 2)
SPECTRAL = [  # name, parameters, data
    ("precomputed", {"affinity": "precomputed"}, GAUSSIAN),
    ("precomputed, n_components", {"affinity": "precomputed", "n_components": 4}, GAUSSIAN),
    ("rbf and gamma", {"affinity": "rbf", "gamma": 0.1}, BLOBS),
    ("nearest_neighbors", {"affinity": "nearest_neighbors", "n_neighbors": 10}, BLOBS),
    ("eigen_solver", {"affinity": "rbf", "gamma": 0.1, "eigen_solver": "arpack"}, BLOBS),
    ("n_init", {"affinity": "rbf", "gamma": 0.1, "n_init": 3}, BLOBS),
    ("assign_labels", {"affinity": "rbf", "gamma": 0.1, "assign_labels": "kmeans"}, BLOBS),
    ("verbose", {"affinity": "rbf", "gamma": 0.1, "verbose": False}, BLOBS),
]


@pytest.mark.quick(every=3)
@pytest.mark.filterwarnings(
    "ignore:Graph is not fully connected"
)  # theirs; the parts are the clusters here
@pytest.mark.parametrize(("name", "parameters", "data"), SPECTRAL, ids=[row[0] for row in SPECTRAL])
def test_spectral_clusters_equal_scikit_learns(name, parameters, data):
    ours = SpectralClustering(3, random_state=0, **parameters).fit(data)
    theirs = sklearn.cluster.SpectralClustering(3, random_state=0, **parameters).fit(data)
    assert adjusted_rand_score(ours.labels_, theirs.labels_) == 1
    assert ours.n_features_in_ == theirs.n_features_in_
    np.testing.assert_array_equal(ours.fit_predict(data), ours.labels_)


@pytest.mark.quick(1)
@pytest.mark.parametrize("n_components", [1, 3, 6])
def test_eigenvectors_of_given_affinities_equal_scikit_learns(n_components):
    """Theirs are divided by the root of the degree, and have signs of their own."""
    ours = (
        SpectralClustering(1, n_components=n_components, affinity="precomputed")
        .fit(GAUSSIAN)
        .embedding_
    )
    theirs = sklearn.manifold.spectral_embedding(
        GAUSSIAN, n_components=n_components, drop_first=False, random_state=0, eigen_tol=0
    )
    theirs = theirs * np.sqrt(GAUSSIAN.sum(axis=1) - 1)[:, None]
    np.testing.assert_allclose(ours, theirs * np.sign((ours * theirs).sum(axis=0)), atol=1e-7)


@pytest.mark.parametrize("ours", [AgglomerativeClustering, SpectralClustering])
def test_what_is_not_here_stands_in_the_docstring(ours):
    theirs = inspect.signature(getattr(sklearn.cluster, ours.__name__)).parameters
    not_here = inspect.getdoc(ours).split("Not here:")[1].split("\n\n")[0]
    for name in set(theirs) - set(inspect.signature(ours).parameters):
        assert f"`{name}`" in not_here
    assert "Sparse" in not_here


@pytest.mark.parametrize("ours", [AgglomerativeClustering, SpectralClustering])
def test_sparse_input_is_told_what_to_do(ours):
    with pytest.raises(TypeError, match=r"Use '.toarray\(\)' to convert to a dense numpy array"):
        ours(2).fit(scipy.sparse.csr_array(np.eye(6)))


@pytest.mark.parametrize("ours", [AgglomerativeClustering, SpectralClustering])
@pytest.mark.parametrize("kind", ["Float64", "float32", object])
def test_tables(ours, kind):
    table = pandas.DataFrame(BLOBS, columns=["a", "b"]).astype(kind)
    model = (
        ours(3).set_params(**({"random_state": 0} if ours is SpectralClustering else {})).fit(table)
    )
    assert adjusted_rand_score(model.labels_, np.arange(90) // 30) == 1
    assert model.feature_names_in_.tolist() == ["a", "b"]
