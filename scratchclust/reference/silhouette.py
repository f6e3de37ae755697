"""The silhouette: how much nearer is a point to its own cluster than to the next one?

For a point i of cluster A with more than one point, and |x - y| the Euclidean distance,

    a(i) = mean of |x_i - x_j| over the other points j of A
    b(i) = min over the other clusters B of the mean of |x_i - x_j| over the points j of B
    s(i) = (b(i) - a(i)) / max(a(i), b(i))                          in [-1, 1]

and s(i) = 0 for the only point of a cluster, and where a(i) = b(i) = 0. The score is the mean of
s(i). Noise (label -1) is left out altogether: it is no cluster, nobody's neighbour, and its own
s(i) is NaN.

The fast twin of this file is `scratchclust/metrics/silhouette.py`.

Source: Rousseeuw, Silhouettes: a graphical aid to the interpretation and validation of cluster
analysis, 1987. Simplified: Hruschka, de Castro & Campello, Evolutionary algorithms for clustering
gene-expression data, 2004.
"""

import numpy as np
from jaxtyping import Bool, Float, Real, Shaped

from scratchclust.checks import finite, one_of
from scratchclust.errors import InputError

__all__ = ["silhouette_samples", "silhouette_score", "simplified_silhouette_score"]


def silhouette_samples(
    X: Real[np.ndarray, "n d"], labels: Shaped[np.ndarray, " n"], *, metric: str = "euclidean"
) -> Float[np.ndarray, " n"]:
    """s(i) of every point.

    Args:
        X: points; or with metric="precomputed" their distances [n n].
        labels: cluster of each point; the integer -1 is noise.
        metric: "euclidean" or "precomputed".

    Returns:
        s(i) in [-1, 1], NaN for noise. Cost O(n^2 d) time.

    Raises:
        InputError: fewer than two clusters, an unknown metric, or precomputed distances that are
            not square or of which one of a point to itself is not zero, or one between points that
            are not noise is NaN or infinite.
    """
    X = in_range(X)
    clusters = clusters_of(labels)
    _check_metric(X, metric, np.isin(labels, clusters))
    scores = np.full(len(X), np.nan)
    for i in np.flatnonzero(np.isin(labels, clusters)):
        distances = X[i] if metric == "precomputed" else np.linalg.norm(X - X[i], axis=1)
        own = labels == labels[i]
        if own.sum() == 1:
            scores[i] = 0
            continue
        # the distance to itself is 0, and is not counted
        a = distances[own].sum() / (own.sum() - 1)
        b = min(distances[labels == other].mean() for other in clusters if other != labels[i])
        scores[i] = (b - a) / max(a, b) if max(a, b) > 0 else 0
    return scores


def silhouette_score(
    X: Real[np.ndarray, "n d"], labels: Shaped[np.ndarray, " n"], *, metric: str = "euclidean"
) -> float:
    """The mean of s(i) over the points that are not noise.

    Arguments and errors are those of `silhouette_samples`.
    """
    return float(np.nanmean(silhouette_samples(X, labels, metric=metric)))


def simplified_silhouette_score(
    X: Real[np.ndarray, "n d"], labels: Shaped[np.ndarray, " n"]
) -> float:
    """The silhouette with distances to centroids in place of mean distances to points.

        a(i) = |x_i - c_A|      b(i) = min over the other clusters B of |x_i - c_B|

    Args:
        X: points.
        labels: cluster of each point; the integer -1 is noise and left out.

    Returns:
        The mean of s(i); 0 for the only point of a cluster, and where a(i) = b(i) = 0. Cost
        O(n k d) time instead of O(n^2 d).

    Raises:
        InputError: fewer than two clusters.
    """
    X = in_range(X)
    clusters = clusters_of(labels)
    centroids = np.stack([X[labels == cluster].mean(axis=0) for cluster in clusters])
    scores = []
    for i in np.flatnonzero(np.isin(labels, clusters)):
        distances = np.linalg.norm(centroids - X[i], axis=1)
        own = clusters == labels[i]
        a = distances[own][0]
        b = distances[~own].min()
        alone = (labels == labels[i]).sum() == 1
        scores.append(0 if alone or max(a, b) == 0 else (b - a) / max(a, b))
    return float(np.mean(scores))


def in_range(X: Real[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    """X times the power of two that brings its largest finite number near 1.

    No score depends on the unit of length, but the squares of very large or very small numbers
    leave the range of floats.
    """
    X = X.astype(np.float64)
    _, exponent = np.frexp(np.abs(X[np.isfinite(X)]).max(initial=0))
    return np.ldexp(X, -exponent)


def clusters_of(labels: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " k"]:
    """The distinct labels without the noise label -1.

    Raises:
        InputError: they are fewer than two.
    """
    clusters = np.unique(labels)
    if clusters.dtype.kind in "if":
        clusters = clusters[clusters != -1]
    if len(clusters) < 2:
        raise InputError(
            f"expected at least two clusters besides noise, got {len(clusters)}: with fewer "
            "there is nothing to compare; check the labels, or ask for more clusters"
        )
    return clusters


def _check_metric(
    X: Real[np.ndarray, "n d"], metric: str, clustered: Bool[np.ndarray, " n"]
) -> None:
    one_of("euclidean", "precomputed")("metric", metric)
    if metric == "euclidean":
        return
    if X.shape[0] != X.shape[1]:
        raise InputError(
            f'metric="precomputed" expects square distances [n n], got {list(X.shape)}: '
            "give the distance of each point to each"
        )
    if X.diagonal().any():
        raise InputError(
            'metric="precomputed" expects zeros on the diagonal, got others: '
            "set them with np.fill_diagonal(X, 0)"
        )
    between = X[np.ix_(clustered, clustered)]
    finite(between, "the distances between points in clusters", "make those points noise (-1)")
