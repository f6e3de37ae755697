"""Internal scores of several labelings of a few thousand points, on the host.

The scores in `silhouette.py` and `centroids.py` are compiled for each number of clusters; of few
points, compiling takes longer than all else. Here nothing is compiled: NumPy in float64, and all
distances at once.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Real

from scratchclust.metrics.centroids import calinski_harabasz_of, davies_bouldin_of, mean_spread
from scratchclust.metrics.inputs import points_in_range
from scratchclust.metrics.labels import Labeling, Labels, cluster_sizes, encode_for
from scratchclust.metrics.silhouette import silhouettes_of
from scratchclust.rows import AnyArray


def scores_of_few(X: Real[AnyArray, "n d"], labelings: Sequence[Labels]) -> list[dict[str, float]]:
    """Silhouette, Calinski-Harabasz and Davies-Bouldin scores of each labeling.

    Args:
        X: points, so few that n x n numbers are no burden.
        labelings: [n] integers or strings each; -1 is noise.

    Returns:
        For each labeling a dict of `silhouette`, `calinski_harabasz` and `davies_bouldin`; NaN with
        fewer than two clusters. Cost O(n^2 (d + sum of k)) time, 16 n^2 bytes.

    Raises:
        InputError: X or labels that cannot be read, or of different lengths.
    """
    points = np.asarray(points_in_range(X), np.float64)
    points = points - points.mean(axis=0)
    distances = _distances(points)
    encoded = [encode_for(X, labels, f"labeling {i}") for i, labels in enumerate(labelings)]
    return [_scores(points, distances, labeling) for labeling in encoded]


def _distances(X: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n n"]:
    """|x_i - x_j|, by the expanded square."""
    norms = (X**2).sum(axis=1)
    squares = X @ (-2 * X.T)
    squares += norms[:, None]
    squares += norms[None, :]
    np.fill_diagonal(squares, 0)
    np.maximum(squares, 0, out=squares)
    return np.sqrt(squares, out=squares)


def _scores(
    X: Float[np.ndarray, "n d"], distances: Float[np.ndarray, "n n"], labeling: Labeling
) -> dict[str, float]:
    names = ("silhouette", "calinski_harabasz", "davies_bouldin")
    if labeling.n_clusters < 2:
        return dict.fromkeys(names, math.nan)
    members = (labeling.codes[:, None] == np.arange(labeling.n_clusters)).astype(np.float64)
    sizes = cluster_sizes(labeling)
    centroids = members.T @ X / sizes[:, None]
    own = np.linalg.norm(X - centroids[labeling.codes], axis=1)
    silhouettes = silhouettes_of(X, labeling, distances @ members)
    scores = (
        np.nanmean(silhouettes),
        calinski_harabasz_of(own, centroids, labeling),
        davies_bouldin_of(mean_spread(own, labeling), centroids),
    )
    return dict(zip(names, map(float, scores), strict=True))
