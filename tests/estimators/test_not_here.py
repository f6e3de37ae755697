"""What scikit-learn's class of the same name has and ours has not is named in our docstring."""

import inspect
import re

import pytest
import sklearn.cluster
import sklearn.decomposition
import sklearn.manifold
import sklearn.mixture

import scratchclust

PEERS = {
    name: getattr(module, name)
    for module in (sklearn.cluster, sklearn.decomposition, sklearn.manifold, sklearn.mixture)
    for name in scratchclust.ESTIMATORS
    if hasattr(module, name)
}
ELSEWHERE = {  # what comes from scikit-learn's base classes, or is about its own plumbing
    "set_fit_request",
    "set_score_request",
    "set_partial_fit_request",
    "set_transform_request",
    "set_predict_request",
    "get_metadata_routing",
}


def attributes_of(peer) -> set[str]:
    """Those that its docstring lists under Attributes."""
    section = inspect.getdoc(peer).split("Attributes\n----------\n")[1]
    return set(re.findall(r"^(\w+_) : ", re.split(r"\n\w[\w ]*\n-+\n", section)[0], re.M))


def methods_of(peer) -> set[str]:
    return {
        name for name, _ in inspect.getmembers(peer, callable) if not name.startswith("_")
    } - ELSEWHERE


def test_the_peers_are_found():
    assert len(PEERS) == 9
    assert "cluster_centers_" in attributes_of(PEERS["KMeans"])
    assert "fit_predict" in methods_of(PEERS["KMeans"])


@pytest.mark.parametrize("name", PEERS)
def test_what_is_missing_is_named(name):
    ours, peer = getattr(scratchclust, name), PEERS[name]
    doc = inspect.getdoc(ours)
    parameters = set(inspect.signature(peer).parameters) - set(inspect.signature(ours).parameters)
    methods = methods_of(peer) - methods_of(ours)
    missing = {
        word
        for word in parameters | methods | attributes_of(peer)
        if not re.search(rf"\b{word}\b", doc)
    }
    assert not missing
