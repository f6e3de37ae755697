"""k-means: find k centroids so that the points are near to their nearest one.

The objective is the inertia, over points x_i with weights w_i:

    J(c_1, ..., c_k) = sum_i w_i min_j |x_i - c_j|^2

Lloyd's algorithm lowers it by two steps in turn, neither of which can raise it, until no label
changes:

    assign              l_i = argmin_j |x_i - c_j|^2
    update_centroids    c_j = sum_{i: l_i = j} w_i x_i / sum_{i: l_i = j} w_i

It ends in a local minimum that depends on the start; `kmeans_starts.py` beside this file draws good
ones. The fast twin of this file is `scratchclust/cluster/kmeans.py`.

Sources: Lloyd, Least squares quantization in PCM, 1982. Dhillon & Modha, Concept decompositions,
2001 (cosine metric).
"""

import warnings

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust import checks
from scratchclust.constants import NO_DIRECTION_LENGTH, ON_CENTROID_ULPS
from scratchclust.reference.distances import squared_distances, unit_rows
from scratchclust.reference.kmeans_starts import (
    STARTS,
    plus_plus,
    random_points,
    scalable_plus_plus,
)
from scratchclust.results import KMeansHistory, KMeansResult

__all__ = [
    "assign",
    "kmeans",
    "lloyd",
    "plus_plus",
    "random_points",
    "refill_empty",
    "scalable_plus_plus",
    "update_centroids",
]

ROUNDING = ON_CENTROID_ULPS * np.finfo(np.float64).eps  # relative, of a point on its centroid


def assign(
    X: Real[np.ndarray, "n d"], centroids: Float[np.ndarray, "k d"]
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nearest centroid of each point, l_i = argmin_j |x_i - c_j|^2.

    The lowest index where two are equally near.

    Args:
        X: points.
        centroids: at least one.

    Returns:
        labels [n] int32, and the squared distance [n] of each point to its nearest centroid. Cost
        O(n k d).
    """
    distances = squared_distances(X, centroids)
    labels = distances.argmin(axis=1).astype(np.int32)
    return labels, distances.min(axis=1)


def refill_empty(
    labels: Int[np.ndarray, " n"],
    squared_distances: Float[np.ndarray, " n"],
    n_clusters: int,
    *,
    sample_weight: Float[np.ndarray, " n"] | None = None,
) -> Int[np.ndarray, " n"]:
    """Give every empty cluster the point farthest from its own centroid that can be spared.

    scikit-learn's rule, guarded: the farthest point goes to the first empty cluster, the next to
    the second, but a point that is the last of its cluster stays (else one gap closes and another
    opens), and so does one that lies on its centroid (then there are fewer distinct points than
    clusters, and moving it would gain nothing).

    Args:
        labels: label of each point; one below 0 is in no cluster, and stays there.
        squared_distances: squared distance of each point to the centroid of its cluster.
        n_clusters: k.
        sample_weight: points of weight 0 neither fill a cluster nor count as its members.

    Returns:
        The new labels. Clusters stay empty when no point can be spared.
    """
    labels = labels.copy()
    members = labels >= 0 if sample_weight is None else (labels >= 0) & (sample_weight > 0)
    counts = np.bincount(labels[members], minlength=n_clusters)
    empty = [cluster for cluster in range(n_clusters) if counts[cluster] == 0]
    for i in np.argsort(-squared_distances, kind="stable"):
        if not empty:
            break
        if members[i] and squared_distances[i] > 0 and counts[labels[i]] > 1:
            counts[labels[i]] -= 1
            labels[i] = empty.pop(0)
            counts[labels[i]] += 1
    return labels


def update_centroids(
    X: Real[np.ndarray, "n d"],
    labels: Int[np.ndarray, " n"],
    centroids: Float[np.ndarray, "k d"],
    *,
    sample_weight: Float[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, "k d"]:
    """The weighted mean of each cluster, c_j = sum_{i: l_i = j} w_i x_i / sum_{i: l_i = j} w_i.

    Args:
        X: points.
        labels: label of each point; one below 0 is in no cluster.
        centroids: the present ones; a cluster without weight keeps its own.
        sample_weight: w; None means 1 for every point.
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    updated = centroids.astype(np.float64)
    for j in range(len(centroids)):
        in_cluster = labels == j
        if weights[in_cluster].sum() > 0:
            updated[j] = np.average(X[in_cluster], axis=0, weights=weights[in_cluster])
    return updated


def lloyd(
    X: Real[np.ndarray, "n d"],
    centroids: Float[np.ndarray, "k d"],
    *,
    sample_weight: Float[np.ndarray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
) -> KMeansResult:
    """Lloyd's algorithm from given centroids: assign, update, until stable.

    It has converged when no label changes and no empty cluster was refilled, or when sum_j |c_j' -
    c_j|^2 <= tol * mean variance of the features (scikit-learn's definition of `tol`; with tol=0
    the labels decide, or centroids that do not move at all).

    Args:
        X: points.
        centroids: the start.
        sample_weight: w; None means 1 for every point.
        max_iter: iterations at most.
        tol: tolerance of the shift, relative to the variance of the data.
        metric: "euclidean", or "cosine" for spherical k-means: points and centroids are scaled to
            length 1, and the inertia is then sum_i w_i |x_i - c|^2 = 2 sum_i w_i (1 - cos(x_i, c)).

    Raises:
        InputError: an argument that cannot be used; NaN or infinity; an all-zero row with the
            cosine metric: it has no direction.

    Warns:
        UserWarning: some clusters ended without points.
    """
    _check_arguments(X, sample_weight, max_iter=max_iter, tol=tol, metric=metric)
    X = X.astype(np.float64)
    centroids = centroids.astype(np.float64)
    if metric == "cosine":
        X = unit_rows(X)
        centroids = unit_rows(centroids, "starting centroid")
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    threshold = tol * X.var(axis=0).mean()
    on_centroid = ROUNDING**2 * (X**2).sum(axis=1)
    previous = np.full(len(X), -1)
    converged = False
    history = []
    while not converged and len(history) < max_iter:
        labels, distances = assign(X, centroids)
        apart = np.where(distances > on_centroid, distances, 0)
        refilled = refill_empty(labels, apart, len(centroids), sample_weight=weights)
        updated = update_centroids(X, refilled, centroids, sample_weight=weights)
        if metric == "cosine":
            updated = _unit_or_kept(updated, centroids)
        shift = ((updated - centroids) ** 2).sum()
        n_moved = (labels != previous)[weights > 0].sum()
        history.append((weights @ distances, shift, n_moved))
        converged = bool((n_moved == 0 and (refilled == labels).all()) or shift <= threshold)
        centroids = updated
        previous = labels
    # those of the last step belong to the centroids before it
    labels, distances = assign(X, centroids)
    _warn_of_empty(labels, len(centroids))
    inertias, shifts, moved = np.array(history).T
    told = KMeansHistory(inertias, shifts, moved.astype(np.int32))
    inertia = float(weights @ distances)
    return KMeansResult(centroids, labels, inertia, len(history), converged, told)


def kmeans(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    init: str = "k-means++",
    n_init: int = 1,
    sample_weight: Float[np.ndarray, " n"] | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    metric: str = "euclidean",
) -> KMeansResult:
    """k-means from `n_init` random starts; the result of least inertia is returned.

    Args:
        X: points.
        n_clusters: k.
        rng: source of randomness.
        init: "random", "k-means++" or "k-means||".
        n_init: number of starts.
        sample_weight, max_iter, tol, metric: as for `lloyd`.

    Raises:
        InputError: as for `lloyd`, or more clusters than points.

    Warns:
        UserWarning: some clusters ended without points, as they must when fewer points than
            clusters are distinct.
    """
    given = {"init": init, "n_init": n_init, "max_iter": max_iter, "tol": tol, "metric": metric}
    _check_arguments(X, sample_weight, **given)
    points = unit_rows(X) if metric == "cosine" else X
    results = []
    for _ in range(n_init):
        start = STARTS[init](points, n_clusters, rng=rng, sample_weight=sample_weight)
        results.append(
            lloyd(X, start, sample_weight=sample_weight, max_iter=max_iter, tol=tol, metric=metric)
        )
    return min(results, key=lambda result: result.inertia)


def _check_arguments(
    X: Real[np.ndarray, "n d"],
    sample_weight: Float[np.ndarray, " n"] | None,
    *,
    max_iter: int,
    tol: float,
    metric: str,
    init: str = "random",
    n_init: int = 1,
) -> None:
    """Refuse what cannot be used."""
    checks.whole(1)("max_iter", max_iter)
    checks.number(least=0)("tol", tol)
    checks.one_of("euclidean", "cosine")("metric", metric)
    checks.one_of(*STARTS)("init", init)
    checks.whole(1)("n_init", n_init)
    checks.finite(X)
    checks.weights(sample_weight)


def _warn_of_empty(labels: Int[np.ndarray, " n"], n_clusters: int) -> None:
    """Say so when clusters ended without points."""
    n_found = len(np.unique(labels))
    if n_found < n_clusters:
        warnings.warn(
            f"only {n_found} of {n_clusters} clusters have points, as happens when fewer points "
            "than clusters are distinct, or when max_iter ends it too soon; choose fewer clusters",
            stacklevel=3,
        )


def _unit_or_kept(
    updated: Float[np.ndarray, "k d"], kept: Float[np.ndarray, "k d"]
) -> Float[np.ndarray, "k d"]:
    """Centroids scaled to length 1; where the points of a cluster cancel, the centroid before is
    kept.
    """
    norms = np.linalg.norm(updated, axis=1, keepdims=True)
    unit = updated / np.maximum(norms, NO_DIRECTION_LENGTH)
    return np.where(norms > NO_DIRECTION_LENGTH, unit, kept)
