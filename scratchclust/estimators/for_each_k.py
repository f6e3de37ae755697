"""Labels of some estimators for several numbers of clusters, where one fit after the other would
compute, and compile, the same again and again.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int, Real

from scratchclust.cluster.kmeans_for_each import kmeans_for_each
from scratchclust.cluster.mixture_for_each import mixtures_for_each
from scratchclust.estimators.base import key_of
from scratchclust.estimators.spectral import (
    SpectralClustering,
    clearest,
    directions_for,
    leading,
    n_components_of,
    tried_by,
)
from scratchclust.reduce.spectral_embedding import spectral_embedding
from scratchclust.results import SpectralEmbeddingResult


def kmeans_labels(
    X: Real[np.ndarray, "n d"], ks: Sequence[int], *, n_init: int = 1, random_state: int
) -> list[Int[np.ndarray, " n"]]:
    """Cluster X as `KMeans(k, n_init=n_init)` does, for each k.

    The starts are others than KMeans's, and float32 decides.

    Raises:
        InputError: more clusters than points, or none.
    """
    return kmeans_for_each(X, ks, key=key_of(random_state), n_init=n_init)


def mixture_labels(
    X: Real[np.ndarray, "n d"],
    ks: Sequence[int],
    *,
    covariance_type: str = "full",
    random_state: int,
) -> list[Int[np.ndarray, " n"]]:
    """Cluster X as `GaussianMixture(k, covariance_type=...)` does, for each k.

    The starts are others than GaussianMixture's.

    Raises:
        InputError: more components than points, or a covariance that is not positive definite.
    """
    key = key_of(random_state)
    return mixtures_for_each(X, ks, key=key, covariance_type=covariance_type)


def spectral_labels(
    X: Real[np.ndarray, "n d"], ks: Sequence[int], like: SpectralClustering, *, random_state: int
) -> list[Int[np.ndarray, " n"]]:
    """Cluster X as a `SpectralClustering` of other k's does, for each k.

    The eigenvectors for many clusters begin with those for fewer, and columns of zeros change no
    distance: so one graph, one set of eigenvectors and one program serve for all k. But for those
    that are fewer than the graph has parts: these need more neighbours, and so another graph.

    Args:
        X: points; affinities if those are "precomputed".
        ks: numbers of clusters, rising.
        like: its parameters are taken, but for n_clusters and random_state.
        random_state: seed of k-means.

    Raises:
        InputError: as from `SpectralClustering.fit`.
    """
    found: list[np.ndarray] = []
    while len(found) < len(ks):
        left = ks[: len(ks) - len(found)]
        graph = spectral_embedding(
            X,
            n_components_of(like, left[-1], len(X)),
            n_neighbors=like.n_neighbors,
            affinity=like.affinity,
            gamma=like.gamma,
            most_parts=like.n_components or left[-1],
        )
        fewest = 1 if like.n_components else min(graph.n_connected_components, left[-1])
        served = [k for k in left if k >= fewest]
        found = [*_labels_in(graph, served, ks[-1], like, random_state), *found]
    return found


def _labels_in(
    graph: SpectralEmbeddingResult,
    ks: Sequence[int],
    largest: int,
    like: SpectralClustering,
    seed: int,
) -> list[Int[np.ndarray, " n"]]:
    """The labels for each k by k-means on the axes of its own, or on all if they were asked for."""
    key = key_of(seed)
    n = len(graph.embedding)
    found = []
    for k in ks:
        tried = []
        for coordinates in tried_by(like.coordinates):
            points = np.zeros((n, n_components_of(like, largest, n)), np.float32)
            own = leading(graph, n_components_of(like, k, n, coordinates))
            directions = directions_for(own, k, coordinates)
            points[:, : directions.shape[1]] = directions
            tried += kmeans_for_each(points, [k], key=key, n_init=like.n_init, largest=largest)
        found.append(tried[clearest(points, tried, k)])
    return found
