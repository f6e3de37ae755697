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

import numpy as np
from jaxtyping import Float, Real

from scratchclust.checks import check_weights
from scratchclust.errors import InputError
from scratchclust.reference.kmeans import assign
from scratchclust.reference.kmeans_starts import STARTS
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState

MOST_REASSIGNED = 0.5  # of the points of a batch, become centroids at once


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
    centroids, counts = state.centroids.astype(np.float64), state.counts.astype(np.float64)
    for j in range(len(centroids)):
        won = labels == j
        if weights[won].sum() > 0:
            total = counts[j] + weights[won].sum()
            centroids[j] = (counts[j] * centroids[j] + weights[won] @ X[won]) / total
            counts[j] = total
    return MiniBatchState(centroids, counts, state.n_since_reassigned + len(X)), float(
        weights @ distances
    )


def reassign(
    X: Real[np.ndarray, "b d"],
    state: MiniBatchState,
    *,
    rng: np.random.Generator,
    reassignment_ratio: float = 0.01,
    sample_weight: Float[np.ndarray, " b"] | None = None,
) -> MiniBatchState:
    """Put each centroid that has won less than `reassignment_ratio` of the most onto a random point
    of the batch.

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
    if not ((state.counts == 0).any() or state.n_since_reassigned >= 10 * k):
        return state
    state = state._replace(n_since_reassigned=0)
    weights = np.ones(len(X)) if sample_weight is None else sample_weight
    most = min(int(MOST_REASSIGNED * len(X)), np.count_nonzero(weights), k - 1)
    poor = np.flatnonzero(state.counts < reassignment_ratio * state.counts.max())
    poor = poor[np.argsort(state.counts[poor], kind="stable")][:most]
    if len(poor) == 0:
        return state
    centroids, counts = state.centroids.copy(), state.counts.copy()
    centroids[poor] = X[
        rng.choice(len(X), size=len(poor), replace=False, p=weights / weights.sum())
    ]
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
        len(X),
        n_clusters,
        init,
        sample_weight,
        n_init,
        batch_size,
        max_iter,
        tol,
        reassignment_ratio,
        init_size,
    )
    if not np.isfinite(X).all():
        raise InputError("X holds NaN or infinity: leave out or fill those rows first")
    weights, b = (
        np.ones(len(X)) if sample_weight is None else sample_weight,
        min(batch_size, len(X)),
    )
    size = init_size or 3 * max(b, n_clusters)
    state = MiniBatchState(
        _best_start(X, n_clusters, rng, init, n_init, weights, size), np.zeros(n_clusters), 0
    )
    smooth, inertias, converged = Smoothed(b, len(X), max_no_improvement), [], False
    threshold = tol * X.var(axis=0).mean()
    while not converged and len(inertias) < max(max_iter * len(X) // b, 1):
        index = rng.integers(len(X), size=b)
        moved, inertia = minibatch_step(X[index], state, sample_weight=weights[index])
        shift = ((moved.centroids - state.centroids) ** 2).sum()
        state = reassign(
            X[index],
            moved,
            rng=rng,
            reassignment_ratio=reassignment_ratio,
            sample_weight=weights[index],
        )
        inertias.append(inertia)
        settled = tol > 0 and len(inertias) > 1 and shift <= threshold
        converged = bool(smooth.has_settled(inertia) or settled)
    average = smooth.average if len(inertias) > 1 else inertias[0]
    labels, inertia = None, average / b * len(X)
    if compute_labels:
        labels, distances = assign(X, state.centroids)
        inertia = float(weights @ distances)
    n_iter = -(-len(inertias) * b // len(X))
    return MiniBatchKMeansResult(
        state, labels, inertia, n_iter, len(inertias), converged, np.array(inertias) / b
    )


class Smoothed:
    """The moving average of the inertia of the batches, and whether it has stopped falling."""

    def __init__(self, batch_size: int, n: int, max_no_improvement: int | None) -> None:
        self.alpha = min(2 * batch_size / (n + 1), 1)
        self.patience = max_no_improvement
        self.average, self.least, self.n_worse, self.n_steps = 0.0, np.inf, 0, 0

    def has_settled(self, inertia: float) -> bool:
        """Take one more batch in; the first, which only knows the start, does not count."""
        self.n_steps += 1
        if self.n_steps == 1:
            return False
        self.average = (
            inertia if self.n_steps == 2 else (1 - self.alpha) * self.average + self.alpha * inertia
        )
        better = self.average < self.least
        self.n_worse, self.least = 0 if better else self.n_worse + 1, min(self.least, self.average)
        return self.patience is not None and self.n_worse >= self.patience


def _best_start(
    X: Real[np.ndarray, "n d"],
    n_clusters: int,
    rng: np.random.Generator,
    init: str | Real[np.ndarray, "k d"],
    n_init: int,
    weights: Float[np.ndarray, " n"],
    size: int,
) -> Float[np.ndarray, "k d"]:
    """The start of least inertia on a random sample."""
    if not isinstance(init, str):
        return init.astype(np.float64)
    size = min(size, len(X))
    trial, best, least = rng.integers(len(X), size=size), None, np.inf
    for _ in range(n_init):
        index = rng.choice(len(X), size=size, replace=False)
        start = STARTS[init](
            X[index], n_clusters, rng=rng, sample_weight=_some_positive(weights[index])
        )
        inertia = weights[trial] @ assign(X[trial], start)[1]
        if best is None or inertia < least:
            best, least = start.astype(np.float64), inertia
    assert best is not None
    return best


def _some_positive(weights: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The weights, or equal ones where all of a sample are 0."""
    return weights if weights.any() else np.ones(len(weights))


def _check_arguments(
    n: int,
    n_clusters: int,
    init: str | Real[np.ndarray, "k d"],
    sample_weight: Float[np.ndarray, " n"] | None,
    n_init: int,
    batch_size: int,
    max_iter: int,
    tol: float,
    reassignment_ratio: float,
    init_size: int | None,
) -> None:
    if isinstance(init, str) and init not in STARTS:
        raise InputError(
            f"init={init!r} is unknown: expected one of {', '.join(map(repr, STARTS))}, or centroids"
        )
    if not 1 <= n_clusters <= n:
        raise InputError(
            f"n_clusters={n_clusters}: expected 1 to {n}, the number of points; choose among these"
        )
    if not isinstance(init, str) and len(init) != n_clusters:
        raise InputError(
            f"expected {n_clusters} starting centroids, one for each cluster, got {len(init)}"
        )
    if n_init < 1 or batch_size < 1 or max_iter < 1:
        raise InputError(
            f"n_init={n_init}, batch_size={batch_size}, max_iter={max_iter}: expected at least 1 for all three"
        )
    if not (tol >= 0 and reassignment_ratio >= 0):
        raise InputError(
            f"tol={tol}, reassignment_ratio={reassignment_ratio}: expected at least 0 for both"
        )
    if init_size is not None and init_size < n_clusters:
        raise InputError(
            f"init_size={init_size}: expected at least n_clusters={n_clusters}, one point for each cluster"
        )
    check_weights(sample_weight)
