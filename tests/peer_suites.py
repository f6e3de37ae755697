"""A pytest plugin: scikit-learn's own tests meet our estimators under scikit-learn's names.

python -m pytest -p tests.peer_suites --pyargs sklearn.cluster.tests.test_k_means
"""

import importlib

import scratchclust

HOMES = {
    "sklearn.cluster": [
        "KMeans",
        "MiniBatchKMeans",
        "DBSCAN",
        "AgglomerativeClustering",
        "SpectralClustering",
    ],
    "sklearn.decomposition": ["PCA", "KernelPCA"],
    "sklearn.mixture": ["GaussianMixture"],
    "sklearn.manifold": ["TSNE"],
}


def pytest_configure() -> None:
    """Before a test module is imported, and after scikit-learn's own modules have taken what they
    need.
    """
    for module in HOMES:
        importlib.import_module(module)
    for home, names in HOMES.items():
        for name in names:
            setattr(importlib.import_module(home), name, getattr(scratchclust, name))
