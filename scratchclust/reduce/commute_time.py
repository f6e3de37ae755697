"""Commute times, fast: the twin of `scratchclust/reference/commute_time.py`."""

import numpy as np
from jaxtyping import Float

from scratchclust.constants import COMMUTE_LEAST_EIGENVALUE
from scratchclust.results import SpectralEmbeddingResult


def commute_time_coordinates(
    found: SpectralEmbeddingResult, n_clusters: int
) -> Float[np.ndarray, "n c"]:
    """Weigh eigenvectors by 1 / sqrt(lambda), as commute times do (why: see the twin).

    Args:
        found: eigenvectors, at best some more than clusters.
        n_clusters: of the clustering that follows; where the graph has at least as many parts, only
            the parts count.

    Returns:
        c = q - 1 coordinates of a connected graph, q of several parts. Cost O(n q).
    """
    parts = found.n_connected_components
    embedding = np.asarray(found.embedding)
    first = 1 if parts == 1 < min(n_clusters, embedding.shape[1]) else 0
    end = parts if parts >= n_clusters else embedding.shape[1]
    eigenvalues = np.asarray(found.eigenvalues)[first:end]
    return embedding[:, first:end] / np.sqrt(np.maximum(eigenvalues, COMMUTE_LEAST_EIGENVALUE))
