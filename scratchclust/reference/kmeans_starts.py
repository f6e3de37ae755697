"""Where k-means starts: three ways to draw k points, each better and dearer than the one before.

The inertia that Lloyd's algorithm reaches depends on where it starts. Random points often put two
centroids into one cluster and none into another; k-means++ draws each next point far from those
before; k-means|| does so for many points at once, since k rounds take long when k is large. The
fast twin of this file is `scratchclust/cluster/kmeans_starts.py`.

Sources: Arthur & Vassilvitskii, k-means++, 2007. Bahmani et al., Scalable k-means++, 2012.
"""

import math

import numpy as np
from jaxtyping import Float, Real

from scratchclust import checks
from scratchclust.constants import OVERSAMPLING_ROUNDS
from scratchclust.reference.distances import squared_distances


def random_points(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    sample_weight: Float[np.ndarray, " n"] | None = None,
) -> Real[np.ndarray, "k d"]:
    """k points drawn at random, with probability as their weight.

    They are distinct in value as long as there are distinct ones.

    Args:
        X: points.
        n_clusters: k.
        rng: source of randomness.
        sample_weight: relative probability of each point; None means equal. Points of weight 0 come
            last of all.
    """
    check_n_clusters(n_clusters, len(X))
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    # The exponential race: ordering by E_i / w_i draws without replacement, each time in proportion
    # to w.
    with np.errstate(divide="ignore"):
        order = np.argsort(rng.exponential(size=len(X)) / weights, kind="stable")
    with_weight = order[: np.count_nonzero(weights)]
    _, first_of_each_value = np.unique(X[with_weight], axis=0, return_index=True)
    distinct = np.sort(first_of_each_value)
    repeats = np.setdiff1d(np.arange(len(X)), distinct)
    return X[order[np.concatenate([distinct, repeats])[:n_clusters]]]


def plus_plus(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    sample_weight: Float[np.ndarray, " n"] | None = None,
) -> Real[np.ndarray, "k d"]:
    """Greedy k-means++: each next centroid is a point drawn far from those chosen before.

    The first is drawn with probability w_i. Then, with D_i^2 the squared distance to the nearest
    centroid so far, 2 + floor(log k) candidates are drawn with probability

        w_i D_i^2 / sum_i w_i D_i^2

    and the one that leaves the least inertia is taken, as scikit-learn does it. When every point
    coincides with a centroid, nothing is left to draw by, and the draw is by weight alone.

    Args:
        X: points.
        n_clusters: k.
        rng: source of randomness.
        sample_weight: w; None means 1 for every point.
    """
    check_n_clusters(n_clusters, len(X))
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    n_candidates = 2 + int(math.log(n_clusters))
    chosen = [int(rng.choice(len(X), p=weights / weights.sum()))]
    nearest = squared_distances(X, X[chosen])[:, 0]
    for _ in range(1, n_clusters):
        mass = weights * nearest if (weights * nearest).sum() > 0 else weights
        candidates = rng.choice(len(X), size=n_candidates, p=mass / mass.sum())
        remaining = np.minimum(nearest[:, None], squared_distances(X, X[candidates]))
        best = (weights @ remaining).argmin()
        chosen.append(int(candidates[best]))
        nearest = remaining[:, best]
    return X[chosen]


def scalable_plus_plus(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    sample_weight: Float[np.ndarray, " n"] | None = None,
) -> Real[np.ndarray, "k d"]:
    """k-means||: five rounds of 2 k draws at once instead of k rounds of one, for large k.

    Each round draws 2 k points with probability w_i D_i^2 / sum_i w_i D_i^2. The candidates of all
    rounds, each with the weight of the points nearest to it, are reduced to k by k-means++. The
    draws are independent, with replacement (the paper tosses a coin for every point, so that their
    number varies).

    Args:
        X: points.
        n_clusters: k.
        rng: source of randomness.
        sample_weight: w; None means 1 for every point.
    """
    check_n_clusters(n_clusters, len(X))
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    candidates = X[rng.choice(len(X), size=1, p=weights / weights.sum())]
    nearest = squared_distances(X, candidates)[:, 0]
    for _ in range(OVERSAMPLING_ROUNDS):
        mass = weights * nearest if (weights * nearest).sum() > 0 else weights
        drawn = X[rng.choice(len(X), size=2 * n_clusters, p=mass / mass.sum())]
        nearest = np.minimum(nearest, squared_distances(X, drawn).min(axis=1))
        candidates = np.concatenate([candidates, drawn])
    labels = squared_distances(X, candidates).argmin(axis=1)
    weight_nearest = np.bincount(labels, weights=weights, minlength=len(candidates))
    return plus_plus(candidates, n_clusters, rng=rng, sample_weight=weight_nearest)


def check_n_clusters(n_clusters: int, n: int) -> None:
    """Refuse more clusters than points, or none."""
    among = checks.between(1, n, "the number of points")
    among("n_clusters", n_clusters, "choose among these")


STARTS = {"random": random_points, "k-means++": plus_plus, "k-means||": scalable_plus_plus}
