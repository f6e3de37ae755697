"""The pieces of work whose time and memory the suite measures beside what is estimated: one call
each, at n points, d features and k clusters (axes, neighbours).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

import scratchclust
from benchmarks.harness import mixture
from scratchclust.neighbors import nearest_neighbors

N_ITER = 10  # of k-means and of EM


class Work(NamedTuple):
    """How a piece of work is run, and with which settings it is estimated."""

    run: Callable[[np.ndarray, int], Any]
    settings: Callable[[Any], dict[str, Any]]  # of what `run` returned


def data(n: int, d: int) -> np.ndarray:
    """Overlapping clouds, float32 [n d]."""
    return mixture(n, d, 10)


def _none(result: Any) -> dict[str, Any]:
    return {}


def _kmeans(X: np.ndarray, k: int) -> Any:
    start = X[np.random.default_rng(1).choice(len(X), k, replace=False)]
    model = scratchclust.KMeans(k, init=start, n_init=1, max_iter=N_ITER, tol=0)
    return model.fit(X)


def _mixture(X: np.ndarray, k: int) -> Any:
    from scratchclust.cluster.gaussian_mixture import em, m_step

    resp = np.eye(k, dtype=np.float32)[np.random.default_rng(0).integers(k, size=len(X))]
    return em(X, m_step(X, resp, covariance_type="full"), tol=0.0, max_iter=N_ITER)


def _labels(X: np.ndarray, k: int) -> np.ndarray:
    return np.random.default_rng(1).integers(k, size=len(X))


def _autoencoder(X: np.ndarray, k: int) -> Any:
    side = round(X.shape[1] ** 0.5)
    images = np.clip(128 + 30 * X, 0, 255).astype(np.uint8).reshape(len(X), side, side, 1)
    model = scratchclust.AutoencoderFeatures(latent_dim=k, epochs=1, batch_size=128, random_state=0)
    return model.fit(images)


WORKS: dict[str, Work] = {
    "kmeans": Work(_kmeans, lambda model: {"n_iter": model.n_iter_, "init": "array"}),
    "minibatch_kmeans": Work(
        lambda X, k: scratchclust.MiniBatchKMeans(k, random_state=0).fit(X),
        lambda model: {"n_steps": model.n_steps_},
    ),
    "gmm": Work(_mixture, lambda result: {"n_iter": result.n_iter, "init": "given"}),
    "dbscan": Work(lambda X, k: scratchclust.DBSCAN(eps=0.95 * X.shape[1] ** 0.5).fit(X), _none),
    "agglomerative": Work(lambda X, k: scratchclust.AgglomerativeClustering(k).fit(X), _none),
    "spectral": Work(lambda X, k: scratchclust.SpectralClustering(k, random_state=0).fit(X), _none),
    "most_probable": Work(lambda X, k: scratchclust.MostProbable().fit(X), _none),
    "pca": Work(
        lambda X, k: scratchclust.PCA(k, svd_solver="covariance_eigh").fit_transform(X),
        lambda result: {"transform": True},
    ),
    "kernel_pca": Work(
        lambda X, k: scratchclust.KernelPCA(k, kernel="rbf", random_state=0).fit(X),
        lambda result: {"transform": False},
    ),
    "tsne": Work(
        lambda X, k: scratchclust.TSNE(max_iter=500, method="fft").fit(X),
        lambda model: {"max_iter": model.n_iter_},
    ),
    "silhouette": Work(lambda X, k: scratchclust.metrics.silhouette_score(X, _labels(X, k)), _none),
    "dunn": Work(lambda X, k: scratchclust.metrics.dunn_index(X, _labels(X, k)), _none),
    "neighbors": Work(nearest_neighbors, _none),
    "autoencoder": Work(_autoencoder, _none),
}


def run(algorithm: str, X: np.ndarray, k: int) -> Any:
    """Do the work, and wait for its end."""
    result = WORKS[algorithm].run(X, k)
    return jax.block_until_ready(result) if isinstance(result, jax.Array) else result
