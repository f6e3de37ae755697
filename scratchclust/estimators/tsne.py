"""t-SNE as an estimator, over the functions of `scratchclust.reduce.tsne`."""

from pathlib import Path
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import (
    Rule,
    array,
    finite,
    nothing,
    number,
    one_of,
    path,
    seed,
    verbosity,
    whole,
)
from scratchclust.constants import NEW_PERPLEXITY
from scratchclust.errors import InputError
from scratchclust.estimators.base import (
    Estimator,
    TellsProgress,
    check_matrix,
    kept,
    key_of,
    like,
)
from scratchclust.progress import Progress
from scratchclust.reduce.tsne import random_start, transform, tsne

CHECKPOINT = "tsne.safetensors"


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TellsProgress, Estimator):
    """t-SNE, a map in which neighbours in the data are neighbours again; a stand-in for
    scikit-learn's TSNE.

    `scratchclust.reference.tsne` explains it. Neighbourhood is what a map shows: sizes of clusters,
    the gaps between them and their shapes say little. The map is computed in float32, and handed
    out in the type of the data.

    Args:
        n_components: dimension of the map.
        perplexity: about how many neighbours each point has, from 1 to below the number of points.
        early_exaggeration: factor of the attraction in the first 250 iterations, at most: n points
            take no more than n / 200, or 4 where that is less, since what is made for thousands
            draws dozens into knots.
        learning_rate: "auto" is n / exaggeration, at least 10. It multiplies a quarter of the
            gradient, as in FIt-SNE and openTSNE: scikit-learn's 200 is 800 here.
        max_iter: number of iterations, at most; scikit-learn refuses fewer than 250.
        n_iter_without_progress: after the exaggeration, so many iterations without a smaller
            divergence end the fit.
        min_grad_norm: after the exaggeration, a gradient no longer than that ends the fit. Both are
            looked at every 50 iterations.
        metric: "euclidean"; "cosine", 1 - cos; or "precomputed": X are distances [n n], and those
            [m n] of new points to the ones of the fit. All are squared in the affinities, as in
            scikit-learn. Any other metric goes by "precomputed" and
            `sklearn.metrics.pairwise_distances`.
        init: "pca" (the principal coordinates, scaled to standard deviation 1e-4, and a hundredth
            of that as a spread of its own on each axis, without which points on a line would stay
            there), "random", or an array [n q]. "pca" needs points, no distances.
        method: "exact" between all pairs of points; "fft" in time linear in n, in the plane only,
            and with fewer than 200 points between all pairs too; "auto": exact up to 2,000 points
            and off the plane.
        checkpoint_dir: a folder for the state of the map, written every few seconds; where it holds
            one of this very map, fit goes on from there, so that a killed fit loses little and one
            of more iterations repeats none. With init="random" it needs a `random_state`.
        random_state: seed of init="random", and of the small spread of "pca", which is always the
            same without one.
        verbose: 1 prints the divergence every 50 iterations. A callback (`set_callbacks`) that has
            a method `on_progress(progress)` hears it as data.

    Attributes:
        embedding_: [n q], the map.
        kl_divergence_: between the affinities of the data and those of the map, without
            exaggeration.
        history_: dict of `iteration` and `kl_divergence`, an entry every 50 iterations.
        n_iter_: number of iterations done (scikit-learn's is the index of the last, one less).
        learning_rate_: that was used, four times scikit-learn's.
        points_: [n d] of the fit, which new points need.
        n_features_in_, feature_names_in_: as in scikit-learn.

    Not here:
        method="barnes_hut" and its `angle`: "fft" is as near, in time linear in n; `n_jobs`: all
        devices work; `metric_params`, metrics by name or function: see `metric`; sparse X: make it
        dense, or reduce it before.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_components": whole(1),
        # below 1 is refused where the points are known, as in scikit-learn
        "perplexity": number(above=0),
        "early_exaggeration": number(least=1),
        "learning_rate": number(above=0) | one_of("auto"),
        "max_iter": whole(1),
        "n_iter_without_progress": whole(-1),
        "min_grad_norm": number(least=0),
        "metric": one_of("euclidean", "cosine", "precomputed"),
        "init": one_of("pca", "random") | array,
        "method": one_of("auto", "exact", "fft"),
        "checkpoint_dir": path | nothing,
        "random_state": seed,
        "verbose": verbosity,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: float | str = "auto",
        max_iter: int = 1000,
        n_iter_without_progress: int = 300,
        min_grad_norm: float = 1e-7,
        metric: str = "euclidean",
        init: Any = "pca",
        method: str = "auto",
        checkpoint_dir: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate = learning_rate
        self.max_iter = max_iter
        self.n_iter_without_progress = n_iter_without_progress
        self.min_grad_norm = min_grad_norm
        self.metric = metric
        self.init = init
        self.method = method
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "TSNE":
        """Make the map of X [n d], or of distances [n n]; y is ignored.

        Raises:
            InputError: a parameter or the checkpoint cannot be used; the message says what was
                expected.
            ValueError: X cannot be used.
        """
        given = self._checked()
        X = check_matrix(self, X, reset=True, minimum=2)
        context = self._init_callback_context()
        context.call_on_fit_task_begin(estimator=self, X=X)

        def tell(iteration: int, divergence: float) -> None:
            self._tell(
                Progress(
                    "iteration",
                    iteration,
                    given.max_iter,
                    "KL divergence",
                    divergence,
                    part="t-SNE, ",
                    digits=6,
                )
            )

        folder = given.checkpoint_dir
        result = tsne(
            X,
            given.n_components,
            perplexity=given.perplexity,
            early_exaggeration=given.early_exaggeration,
            learning_rate=None if given.learning_rate == "auto" else given.learning_rate,
            max_iter=given.max_iter,
            n_iter_without_progress=given.n_iter_without_progress,
            min_grad_norm=given.min_grad_norm,
            metric=given.metric,
            start=_start_of(X, given),
            progress=tell,
            key=None if given.random_state is None else key_of(given.random_state),
            algorithm=given.method,
            checkpoint=None if folder is None else Path(folder) / CHECKPOINT,
        )
        self.embedding_ = like(X, result.embedding, X.dtype)
        self.kl_divergence_ = result.kl_divergence
        self.n_iter_ = result.n_iter
        self.learning_rate_ = result.learning_rate
        history = result.history._asdict()
        self.history_ = {name: np.array(entries) for name, entries in history.items()}
        self.points_ = kept(X)
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """The map of X [n d], [n q]; y is ignored."""
        return self.fit(X).embedding_

    def transform(self, X: Any) -> Any:
        """Places [m q] for the rows of X [m d] in the finished map, which stays as it is.

        Each row finds its own place, whatever the others are, with the perplexity of the fit but no
        more than 5: the few nearest points know best on which island it belongs. A row that equals
        a point of the fit gets that one's place.
        """
        check_is_fitted(self)
        given = self._checked()
        X = check_matrix(self, X, reset=False)
        perplexity = min(given.perplexity, NEW_PERPLEXITY)
        places = transform(
            X, self.points_, self.embedding_, perplexity=perplexity, metric=given.metric
        )
        return like(X, places, X.dtype)

    @property
    def _n_features_out(self) -> int:
        return self.embedding_.shape[1]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = self.metric == "precomputed"
        return tags


def _start_of(X: Any, given: Any) -> Any:
    """The first map; None for that of PCA."""
    n = len(X)
    q = given.n_components
    if isinstance(given.init, str) and given.init == "random":
        return random_start(n, q, key=key_of(given.random_state))
    if isinstance(given.init, str):
        if given.metric == "precomputed":
            raise InputError(
                'The parameter init="pca" cannot be used with metric="precomputed": take "random"'
            )
        if q > min(X.shape):
            raise InputError(
                f'init="pca" has only {min(X.shape)} axes for n_components={q}, as '
                f'n_samples={n}, n_features={X.shape[1]}: take init="random", or fewer components'
            )
        return None
    start = np.array(given.init, np.float32)
    if start.shape != (n, q):
        raise InputError(f"expected init to be of shape {[n, q]}, got {list(start.shape)}")
    finite(start, "init", "give numbers for all points")
    return start
