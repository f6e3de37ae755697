"""Mini-batch k-means: k-means from small random samples, for streams and for data larger than
memory.

Lloyd's algorithm reads all points for one step. Here each step takes a batch of b random points,
assigns them, and moves each centroid towards those it won, by a rate that falls with the weight n_j
it has won so far:

    n_j' = n_j + sum_{i: l_i = j} w_i          c_j' = (n_j c_j + sum_{i: l_i = j} w_i x_i) / n_j'

so that c_j is the mean of all points it ever won (the learning rate is 1 / n_j for each point).
With n_j = 0 and all points as the batch it is a step of Lloyd's algorithm. A centroid that wins too
little is put onto a random point of the batch. It ends when the inertia of the batches, smoothed,
has not fallen for `max_no_improvement` steps.

The inertia is a little worse than that of Lloyd's algorithm. The fast twin of this file is
`scratchclust/cluster/minibatch_kmeans.py`.

Sources: Sculley, Web-scale k-means clustering, 2010. The reassignment and the end are
scikit-learn's.
"""

from typing import Any

import numpy as np
from jaxtyping import Float, Real

from scratchclust import checks
from scratchclust.constants import (
    INIT_SIZE_BATCHES,
    MOST_REASSIGNED_SHARE,
    REASSIGNED_AFTER_POINTS,
)
from scratchclust.errors import InputError
from scratchclust.reference.kmeans import assign
from scratchclust.reference.kmeans_starts import STARTS, check_n_clusters
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState

RULES = {
    "init": checks.one_of(*STARTS) | checks.array,
    "n_init": checks.whole(1),
    "batch_size": checks.whole(1),
    "max_iter": checks.whole(1),
    "tol": checks.number(least=0),
    "max_no_improvement": checks.whole(0) | checks.nothing,
    "reassignment_ratio": checks.number(least=0),
}


def minibatch_step(
    X: Real[np.ndarray, "b d"],
    state: MiniBatchState,
    *,
    sample_weight: Float[np.ndarray, " b"] | None = None,
) -> tuple[MiniBatchState, float]:
    """Move the centroids towards the points of one batch.

    Args:
        X: the batch.
        state: centroids, and the weight that each has won.
        sample_weight: w; None means 1 for every point.

    Returns:
        The state after it, and the inertia of the batch before it: sum of w |x - c|^2. Cost O(b k
        d).
    """
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    labels, distances = assign(X, state.centroids)
    centroids = state.centroids.astype(np.float64)
    counts = state.counts.astype(np.float64)
    for j in range(len(centroids)):
        won = labels == j
        if weights[won].sum() > 0:
            total = counts[j] + weights[won].sum()
            centroids[j] = (counts[j] * centroids[j] + weights[won] @ X[won]) / total
            counts[j] = total
    found = MiniBatchState(centroids, counts, state.n_since_reassigned + len(X))
    return found, float(weights @ distances)


def reassign(
    X: Real[np.ndarray, "b d"],
    state: MiniBatchState,
    *,
    rng: np.random.Generator,
    reassignment_ratio: float = 0.01,
    sample_weight: Float[np.ndarray, " b"] | None = None,
) -> MiniBatchState:
    """Put each centroid that wins less than `reassignment_ratio` of the most onto a random point.

    Only when it is time: some centroid has won nothing, or 10 k points have passed since the last
    time. At most half as many as the batch has points are moved, those that have won least; their
    weight becomes the least of the others.

    Args:
        X: the batch.
        state: after `minibatch_step`.
        rng: source of randomness.
        reassignment_ratio: 0 moves none.
        sample_weight: relative probability of each point; None means equal.
    """
    k = len(state.centroids)
    most_since = REASSIGNED_AFTER_POINTS * k
    if not ((state.counts == 0).any() or state.n_since_reassigned >= most_since):
        return state
    state = state._replace(n_since_reassigned=0)
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    most = min(int(MOST_REASSIGNED_SHARE * len(X)), np.count_nonzero(weights), k - 1)
    poor = np.flatnonzero(state.counts < reassignment_ratio * state.counts.max())
    poor = poor[np.argsort(state.counts[poor], kind="stable")][:most]
    if len(poor) == 0:
        return state
    centroids = state.centroids.copy()
    counts = state.counts.copy()
    drawn = rng.choice(len(X), size=len(poor), replace=False, p=weights / weights.sum())
    centroids[poor] = X[drawn]
    counts[poor] = np.delete(counts, poor).min()
    return state._replace(centroids=centroids, counts=counts)


def minibatch_kmeans(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    init: str | Real[np.ndarray, "k d"] = "k-means++",
    n_init: int = 1,
    sample_weight: Float[np.ndarray, " n"] | None = None,
    batch_size: int = 1024,
    max_iter: int = 100,
    tol: float = 0.0,
    max_no_improvement: int | None = 10,
    init_size: int | None = None,
    reassignment_ratio: float = 0.01,
    compute_labels: bool = True,
) -> MiniBatchKMeansResult:
    """Mini-batch k-means, from the best of `n_init` starts.

    The starts are drawn from a random sample of `init_size` points, and compared on another one.

    Args:
        X: points.
        n_clusters: k.
        rng: source of randomness.
        init: "random", "k-means++", "k-means||", or the centroids to start from.
        n_init: number of starts.
        sample_weight: w; None means 1 for every point.
        batch_size: b; points are drawn with replacement.
        max_iter: passes over the data at most, n / b steps each.
        tol: it has converged when the centroids move no more than tol times the mean variance of
            the features (squared, in sum) in a step; with 0 that does not count.
        max_no_improvement: steps without progress after which it ends; None: never.
        init_size: points in the random sample; None: 3 batches, or 3 k where that is more.
        reassignment_ratio: as for `reassign`.
        compute_labels: False leaves the last pass over the data away: no labels, and for the
            inertia n times the smoothed inertia of a batch, by the point.

    Raises:
        InputError: an argument that cannot be used, or NaN or infinity.
    """
    _check_arguments(
        X,
        n_clusters,
        sample_weight=sample_weight,
        init=init,
        n_init=n_init,
        batch_size=batch_size,
        max_iter=max_iter,
        tol=tol,
        max_no_improvement=max_no_improvement,
        init_size=init_size,
        reassignment_ratio=reassignment_ratio,
    )
    n = len(X)
    b = min(batch_size, n)
    weights = np.ones(n) if sample_weight is None else sample_weight
    start = _best_start(
        X,
        n_clusters,
        rng=rng,
        init=init,
        n_init=n_init,
        weights=weights,
        size=init_size or INIT_SIZE_BATCHES * max(b, n_clusters),
    )
    state = MiniBatchState(start, np.zeros(n_clusters), 0)
    smooth = Smoothed(b, n, max_no_improvement)
    threshold = tol * X.var(axis=0).mean()
    inertias: list[float] = []
    converged = False
    while not converged and len(inertias) < max(max_iter * n // b, 1):
        index = rng.integers(n, size=b)
        batch = X[index]
        of_batch = weights[index]
        moved, inertia = minibatch_step(batch, state, sample_weight=of_batch)
        shift = ((moved.centroids - state.centroids) ** 2).sum()
        state = reassign(
            batch,
            moved,
            rng=rng,
            reassignment_ratio=reassignment_ratio,
            sample_weight=of_batch,
        )
        inertias.append(inertia)
        settled = tol > 0 and len(inertias) > 1 and shift <= threshold
        converged = bool(smooth.has_settled(inertia) or settled)
    labels = None
    inertia = (smooth.average if len(inertias) > 1 else inertias[0]) / b * n
    if compute_labels:
        labels, distances = assign(X, state.centroids)
        inertia = float(weights @ distances)
    return MiniBatchKMeansResult(
        state,
        labels,
        inertia,
        n_iter=-(-len(inertias) * b // n),
        n_steps=len(inertias),
        converged=converged,
        batch_inertias=np.array(inertias) / b,
    )


class Smoothed:
    """The moving average of the inertia of the batches, and whether it has stopped falling."""

    def __init__(self, batch_size: int, n: int, max_no_improvement: int | None) -> None:
        self.alpha = min(2 * batch_size / (n + 1), 1)
        self.patience = max_no_improvement
        self.average = 0.0
        self.least = np.inf
        self.n_worse = 0
        self.n_steps = 0

    def has_settled(self, inertia: float) -> bool:
        """Take one more batch in; the first, which only knows the start, does not count."""
        self.n_steps += 1
        if self.n_steps == 1:
            return False
        mixed = (1 - self.alpha) * self.average + self.alpha * inertia
        self.average = inertia if self.n_steps == 2 else mixed
        self.n_worse = 0 if self.average < self.least else self.n_worse + 1
        self.least = min(self.least, self.average)
        return self.patience is not None and self.n_worse >= self.patience


def _best_start(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    rng: np.random.Generator,
    init: str | Real[np.ndarray, "k d"],
    n_init: int,
    weights: Float[np.ndarray, " n"],
    size: int,
) -> Float[np.ndarray, "k d"]:
    """The start from a random sample of `size` points, of least inertia on another one."""
    if not isinstance(init, str):
        return init.astype(np.float64)
    size = min(size, len(X))
    trial = rng.integers(len(X), size=size)
    best = None
    least = np.inf
    for _ in range(n_init):
        index = rng.choice(len(X), size=size, replace=False)
        of_sample = _some_positive(weights[index])
        start = STARTS[init](X[index], n_clusters, rng=rng, sample_weight=of_sample)
        inertia = weights[trial] @ assign(X[trial], start)[1]
        if best is None or inertia < least:
            best = start.astype(np.float64)
            least = inertia
    assert best is not None
    return best


def _some_positive(weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The weights, or equal ones where all of a sample are 0."""
    return weights if weights.any() else np.ones(len(weights))


def _check_arguments(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    *,
    sample_weight: Float[np.ndarray, " n"] | None,
    init_size: int | None,
    **given: Any,
) -> None:
    """Refuse what cannot be used."""
    check_n_clusters(n_clusters, len(X))
    checks.weights(sample_weight)
    at_least_k = checks.whole(n_clusters) | checks.nothing
    at_least_k("init_size", init_size, "a start needs a point for each cluster")
    init = checks.checked(RULES, given).init
    if not isinstance(init, str) and len(init) != n_clusters:
        raise InputError(
            f"expected init to be {n_clusters} starting centroids, one for each cluster, "
            f"got {len(init)}"
        )
    checks.finite(X)
