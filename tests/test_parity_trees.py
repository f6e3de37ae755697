"""Agglomerative clustering as scikit-learn's users know it: each parameter and attribute against theirs."""

import inspect

import numpy as np
import pytest
import sklearn.cluster
from scipy.spatial.distance import pdist, squareform
from sklearn.metrics import adjusted_rand_score

from scratchclust import AgglomerativeClustering

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
    *((f"distances_ {name}", {"linkage": name}, distances, 1e-9) for name in ("ward", "complete", "average", "single")),
    *((f"children_ {name}", {"linkage": name}, children, 0) for name in ("ward", "complete", "average", "single")),
    *((f"metric {name}", {**AVERAGE, "metric": name}, distances, 1e-9) for name in ("l1", "l2", "manhattan", "cosine")),
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


@pytest.mark.parametrize(("name", "parameters", "what", "tolerance"), ROWS, ids=[row[0] for row in ROWS])
def test_equal_to_scikit_learns(name, parameters, what, tolerance):
    ours, theirs = what(*pair(**parameters))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance)


@pytest.mark.parametrize("linkage", ["complete", "average", "single"])
def test_a_matrix_of_distances(linkage):
    ours, theirs = pair(SQUARE, metric="precomputed", linkage=linkage)
    np.testing.assert_allclose(ours.distances_, theirs.distances_, rtol=1e-12)
    np.testing.assert_array_equal(*children(ours, theirs))


def test_what_is_not_here_stands_in_the_docstring():
    theirs = inspect.signature(sklearn.cluster.AgglomerativeClustering).parameters
    not_here = inspect.getdoc(AgglomerativeClustering).split("Not here:")[1].split("\n\n")[0]
    for name in set(theirs) - set(inspect.signature(AgglomerativeClustering).parameters):
        assert f"`{name}`" in not_here
    assert "Sparse" in not_here
