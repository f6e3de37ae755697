"""Mini-batch k-means as an estimator, over the functions of
`scratchclust.cluster.minibatch_kmeans`.
"""

import warnings
from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import jax
import numpy as np
from sklearn.utils import check_random_state

from scratchclust import checks, shares
from scratchclust.checks import Rule, flag, nothing, number, whole
from scratchclust.cluster.kmeans import assign
from scratchclust.cluster.kmeans_parts.nearest_centroid import inertia_of
from scratchclust.cluster.minibatch_kmeans import (
    minibatch_kmeans,
    minibatch_step,
    reassign,
    start_of_batch,
)
from scratchclust.constants import INIT_SIZE_BATCHES
from scratchclust.estimators.base import check_matrix, key_of, like
from scratchclust.estimators.centroids import (
    CentroidEstimator,
    checked_start,
    checked_weights,
    start_by_function,
)
from scratchclust.results import MiniBatchKMeansResult, MiniBatchState


class MiniBatchKMeans(CentroidEstimator):
    """k-means from small random batches, for much data and for streams; a stand-in for
    scikit-learn's.

    `scratchclust.reference.minibatch_kmeans` explains how. A NumPy memory map of float32 or float64
    is never held in memory as a whole; for a stream, call `partial_fit` with one batch after
    another.

    The steps of `fit` are in float32 on centred data, which is what its centroids are good to;
    `partial_fit`, `predict`, `transform`, `score` and `inertia_` are float64 where X is a float64
    NumPy array.

    Args:
        n_clusters: k.
        init: "k-means++", "random", "k-means||", an array of centroids [k d], or a function of (X,
            n_clusters, random_state) that returns one; X is then a sample of `init_size` points.
        max_iter: passes over the data at most.
        batch_size: points in a batch.
        tol: it has converged when the centroids move no more than tol times the mean variance of
            the features (squared) in a step; 0 leaves it to `max_no_improvement`.
        max_no_improvement: steps in which the smoothed inertia does not fall, after which it ends;
            None: never.
        n_init: starts, compared on a sample; "auto" is 3 for "random" and functions, else 1. Given
            centroids are one start, whatever this says.
        init_size: points of the sample from which starts are drawn (functions get it too); None: 3
            batches, or 3 k where that is more.
        reassignment_ratio: centroids that win less than this part of the most are put elsewhere.
        compute_labels: False saves the pass over all data at the end: no `labels_`, and `inertia_`
            is estimated from the last batches.
        random_state: seed.
        verbose: 1 prints the steps when fit ends.

    Attributes:
        cluster_centers_: [k d].
        counts_: [k], the weight that each centroid has won.
        labels_: [n] int32, the cluster of each point of fit, or of the last batch; unless
            compute_labels is False.
        inertia_: the sum of w |x - c|^2 over these; not after `partial_fit` with
            compute_labels=False.
        n_iter_: passes over the data that the steps amount to (fit alone).
        n_steps_: batches.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Not here: sparse input (X.toarray(), or PCA first), and scikit-learn's private attributes.
    scikit-learn draws points in proportion to their weight, here every point is as likely and its
    weight counts in the step.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        **CentroidEstimator.common_rules,
        "batch_size": whole(1),
        "compute_labels": flag,
        "max_no_improvement": whole(0) | nothing,
        "init_size": whole(1) | nothing,
        "reassignment_ratio": number(least=0),
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Any = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int = 0,
        compute_labels: bool = True,
        random_state: Any = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: int | str = "auto",
        reassignment_ratio: float = 0.01,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.verbose = verbose
        self.compute_labels = compute_labels
        self.random_state = random_state
        self.tol = tol
        self.max_no_improvement = max_no_improvement
        self.init_size = init_size
        self.n_init = n_init
        self.reassignment_ratio = reassignment_ratio

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """Find the clusters of X [n d]; y is ignored; `sample_weight` [n] weighs the points.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            RuntimeWarning: init_size below n_clusters, or n_init > 1 with given centroids.
        """
        given, X, weights = self._checked_fit(X, sample_weight)
        n_init = self._number_of_starts(given, 3)
        init_size = _init_size(given)
        result = minibatch_kmeans(
            X,
            given.n_clusters,
            key=key_of(given.random_state),
            init=_start(X, weights, given, n_init, init_size),
            n_init=n_init,
            sample_weight=weights,
            batch_size=given.batch_size,
            max_iter=given.max_iter,
            tol=given.tol,
            max_no_improvement=given.max_no_improvement,
            init_size=init_size,
            reassignment_ratio=given.reassignment_ratio,
            compute_labels=given.compute_labels,
        )
        self._store(X, result.state)
        self.__dict__.pop("labels_", None)  # of an earlier fit
        if given.compute_labels:
            self.labels_ = like(X, result.labels)
        self.inertia_ = result.inertia
        self.n_iter_ = result.n_iter
        self.n_steps_ = result.n_steps
        if given.verbose:
            _print_steps(result, given)
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> "MiniBatchKMeans":
        """One step with X [n d] as the batch. The first also draws the start from it, so it needs k
        points.

        Raises:
            ValueError: as for `fit`.
        """
        shares.refuse("partial_fit")
        given = self._checked()
        first = not hasattr(self, "cluster_centers_")
        X = check_matrix(self, X, reset=first)
        weights = checked_weights(sample_weight, X)
        n_before = 0 if first else self.n_steps_
        key_start, key = jax.random.split(jax.random.fold_in(key_of(given.random_state), n_before))
        if first:
            self._number_of_starts(given, 1)  # warns
        state = self._first_state(X, weights, given, key_start) if first else self._state()
        state, _ = minibatch_step(X, state, sample_weight=weights)
        ratio = given.reassignment_ratio
        self._store(X, reassign(X, state, key=key, reassignment_ratio=ratio, sample_weight=weights))
        for of_an_earlier_batch in ("labels_", "inertia_"):
            self.__dict__.pop(of_an_earlier_batch, None)
        if given.compute_labels:
            labels, squares = assign(X, self.cluster_centers_)
            self.labels_ = like(X, labels)
            self.inertia_ = inertia_of(squares, weights)
        self.n_steps_ = n_before + 1
        return self

    def _state(self) -> MiniBatchState:
        return MiniBatchState(self.cluster_centers_, self.counts_, self.n_since_reassigned_)

    def _first_state(
        self, X: Any, weights: np.ndarray | None, given: SimpleNamespace, key: jax.Array
    ) -> MiniBatchState:
        checks.enough_samples(len(X), given.n_clusters)
        init = _start(X, weights, given, 1, len(X))
        centroids = start_of_batch(X, given.n_clusters, key=key, init=init, sample_weight=weights)
        return MiniBatchState(centroids, np.zeros(given.n_clusters, X.dtype), 0)

    def _store(self, X: Any, state: MiniBatchState) -> None:
        self.cluster_centers_ = like(X, state.centroids, X.dtype)
        self.counts_ = like(X, state.counts, X.dtype)
        self.n_since_reassigned_ = int(state.n_since_reassigned)


def _init_size(given: SimpleNamespace) -> int | None:
    """`init_size`, or, where a start would need more points, three times the clusters."""
    if given.init_size is None or given.init_size >= given.n_clusters:
        return given.init_size
    warnings.warn(
        f"init_size={given.init_size} should be larger than n_clusters={given.n_clusters}. "
        "Setting it to min(3*n_clusters, n_samples)",
        RuntimeWarning,
        stacklevel=3,
    )
    return 3 * given.n_clusters


def _start(
    X: Any, weights: np.ndarray | None, given: SimpleNamespace, n_init: int, init_size: int | None
) -> Any:
    """The name of a start, or centroids [k d].

    Of a function's the best on another sample than it was given.
    """
    if isinstance(given.init, str):
        return given.init
    if not callable(given.init):
        return checked_start(given.init, given.n_clusters, X)
    random_state = check_random_state(given.random_state)
    batch_size = min(given.batch_size, len(X))
    size = min(init_size or INIT_SIZE_BATCHES * max(batch_size, given.n_clusters), len(X))
    trial = np.sort(random_state.randint(len(X), size=size))
    starts = []
    for _ in range(n_init):
        sample = X
        if size < len(X):
            sample = X[np.sort(random_state.choice(len(X), size=size, replace=False))]
        starts.append(start_by_function(given, sample, random_state))
    if n_init == 1:
        return starts[0]
    of_trial = None if weights is None else weights[trial]
    inertias = [inertia_of(assign(X[trial], start)[1], of_trial) for start in starts]
    return starts[int(np.argmin(inertias))]


def _print_steps(result: MiniBatchKMeansResult, given: SimpleNamespace) -> None:
    for i, inertia in enumerate(result.batch_inertias, 1):
        print(f"Minibatch step {i}/{result.n_steps}: mean batch inertia: {inertia:.9g}")
    if result.converged:
        reasons = []
        if given.tol > 0:
            reasons.append("small centers change")
        if given.max_no_improvement is not None:
            reasons.append("lack of improvement in inertia")
        print(f"Converged ({' or '.join(reasons)}) at step {result.n_steps}")
    ending = "converged" if result.converged else f"stopped by max_iter={given.max_iter}"
    print(
        f"mini-batch k-means {ending} after {result.n_steps} steps "
        f"with inertia {result.inertia:.6g}"
    )
