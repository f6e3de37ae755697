"""Maps of data in the plane: t-SNE over the functions of `scratchclust.reduce.tsne`."""

from pathlib import Path
from typing import Any, no_type_check

import jax
import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.estimators.base import Estimator, check_choice, check_matrix, check_positive, key_of, like
from scratchclust.reduce.tsne import random_start, transform, tsne

CHECKPOINT = "tsne.safetensors"


class TSNE(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """t-SNE, a map in which neighbours in the data are neighbours again; a stand-in for scikit-learn's TSNE.

    `scratchclust.reference.tsne` explains it. Neighbourhood is what a map shows: sizes of clusters, the gaps between
    them and their shapes say little.

    Args:
        n_components: dimension of the map.
        perplexity: about how many neighbours each point has, from 1 to below the number of points.
        early_exaggeration: factor of the attraction in the first 250 iterations.
        learning_rate: "auto" is n / early_exaggeration, at least 200. It multiplies a quarter of the gradient, as in
            FIt-SNE and openTSNE: scikit-learn's 200 is 800 here.
        max_iter: number of iterations.
        init: "pca" (the principal coordinates, scaled to standard deviation 1e-4), "random", or an array [n q].
        method: "exact" between all pairs of points; "fft" in time linear in n, in the plane only, and with fewer than
            200 points between all pairs too; "auto": exact up to 2,000 points and off the plane.
        checkpoint_dir: a folder for the state of the map, written every few seconds; where it holds one of this very
            map, fit goes on from there, so that a killed fit loses little and one of more iterations repeats none.
            With init="random" it needs a `random_state`.
        random_state: seed of init="random"; all else knows no chance.
        verbose: 1 prints the divergence every 50 iterations.

    Attributes:
        embedding_: [n q], the map.
        kl_divergence_: between the affinities of the data and those of the map, without exaggeration.
        history_: dict of `iteration` and `kl_divergence`, an entry every 50 iterations.
        n_iter_, learning_rate_: that were used.
        points_: [n d] of the fit, which new points need.
        n_features_in_, feature_names_in_: as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: float | str = "auto",
        max_iter: int = 1000,
        init: Any = "pca",
        method: str = "auto",
        checkpoint_dir: Any = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_components = n_components
        self.perplexity = perplexity
        self.early_exaggeration = early_exaggeration
        self.learning_rate: Any = learning_rate
        self.max_iter = max_iter
        self.init = init
        self.method = method
        self.checkpoint_dir = checkpoint_dir
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "TSNE":
        """Make the map of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter, X or the checkpoint cannot be used; the message says what was expected.
        """
        X = check_matrix(self, X, reset=True, minimum=2)
        self._check_parameters()
        if not self.perplexity < len(X):
            raise ValueError(
                f"perplexity={self.perplexity:g} must be less than n_samples={len(X)}: a third of the points is a lot"
            )
        result = tsne(
            X,
            int(self.n_components),
            perplexity=float(self.perplexity),
            early_exaggeration=float(self.early_exaggeration),
            learning_rate=None if self.learning_rate == "auto" else float(self.learning_rate),
            max_iter=int(self.max_iter),
            start=self._start(X),
            progress=_print if self.verbose else None,
            algorithm=self.method,
            checkpoint=None if self.checkpoint_dir is None else Path(self.checkpoint_dir) / CHECKPOINT,
        )
        self.embedding_ = like(X, result.embedding, X.dtype)
        self.kl_divergence_, self.n_iter_, self.learning_rate_ = (
            result.kl_divergence,
            result.n_iter,
            result.learning_rate,
        )
        self.history_ = {name: np.asarray(entries) for name, entries in result.history._asdict().items()}
        self.points_ = X
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """The map of X [n d], [n q]; y is ignored."""
        return self.fit(X).embedding_

    def transform(self, X: Any) -> Any:
        """Places [m q] for the rows of X [m d] in the finished map, which stays as it is.

        Each row finds its own place, whatever the others are; a row that equals a point of the fit gets that one's.
        """
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        return like(X, transform(X, self.points_, self.embedding_, perplexity=float(self.perplexity)), X.dtype)

    @property
    def _n_features_out(self) -> int:
        return self.embedding_.shape[1]

    def _check_parameters(self) -> None:
        check_positive(n_components=self.n_components, max_iter=self.max_iter)
        check_choice("method", self.method, ("auto", "exact", "fft"))
        if isinstance(self.init, str):
            check_choice("init", self.init, ("pca", "random"))
        for name, least in (("perplexity", 1), ("early_exaggeration", 1), ("learning_rate", 0)):
            value: Any = getattr(self, name)
            if name == "learning_rate" and isinstance(value, str) and value == "auto":
                continue
            number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
            if not number or not (np.isfinite(value) and float(value) >= least and float(value) > 0):
                raise ValueError(f"expected {name} to be a number of at least {least}, got {value!r}")

    def _start(self, X: Any) -> Any:
        """The first map; None for that of PCA."""
        if isinstance(self.init, str):
            if self.init == "random":
                return random_start(len(X), self.n_components, key=key_of(self.random_state))
            if self.n_components > min(X.shape):
                raise ValueError(
                    f'init="pca" has only {min(X.shape)} axes for n_components={self.n_components}, as '
                    f'n_samples={len(X)}, n_features={X.shape[1]}: take init="random", or fewer components'
                )
            return None
        start = self.init if isinstance(self.init, jax.Array) else np.asarray(self.init, np.float32)
        if start.shape != (len(X), self.n_components) or not bool(np.isfinite(np.asarray(start)).all()):
            raise ValueError(
                f"expected init to be a finite array of shape {[len(X), self.n_components]}, got {list(start.shape)}"
            )
        return start


def _print(iteration: int, divergence: float) -> None:
    print(f"iteration {iteration}: KL divergence {divergence:.6g}")
