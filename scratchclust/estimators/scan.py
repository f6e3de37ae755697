"""Clusters by SCAN's steps, over the functions of `scratchclust.features.scan`."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, no_type_check

import jax
import numpy as np
from sklearn.base import clone
from sklearn.callback import with_callbacks
from sklearn.exceptions import ConvergenceWarning

from scratchclust.checks import Rule, nothing, number, that_is, whole
from scratchclust.estimators.base import key_of, like
from scratchclust.estimators.network_base import TRAINING_RULES, Fit, NetworkFeatures
from scratchclust.estimators.self_supervised import SelfSupervisedFeatures
from scratchclust.features import scan, scan_heads
from scratchclust.features.networks import arrays_of
from scratchclust.progress import Progress
from scratchclust.train.optimizer_specs import AdamSpec
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import ViewSpec

HEAD_RATE = 0.01  # of Adam for the heads, whose inputs are of size 1


class SCANFeatures(NetworkFeatures):
    """The logits of clusters that a network finds without labels: neighbours in a self-supervised
    code belong together, and what is sure of an image holds for its changed views too.

    The cluster of an image is that of its largest logit: `labels_`, `predict`, `fit_predict`, or
    `MostProbable` behind it in a pipeline. The heads rest on the code alone and take seconds; the
    encoder is trained along in the two steps after them.

    Args:
        features: a `SelfSupervisedFeatures`; where it is fitted, it is used as it is; otherwise a
            copy is fitted to the same images first. None: one with its defaults.
        n_clusters: q.
        n_neighbors: images that are taken to be of the same cluster, for each image.
        n_heads: linear heads that begin at different places; the one of least loss over all images
            is kept.
        entropy_weight: of the evenness of the clusters in the loss of neighbours.
        threshold: probability beyond which a cluster becomes a label.
        weak: views that give labels: "auto" (mirrored, where the encoder was trained on mirrored
            ones) or a `ViewSpec`.
        strong: views that learn them, and those of the encoder's steps: "auto" (the changes that
            the encoder was trained on, larger crops, and a square cut out) or a `ViewSpec`.
        epochs: of the heads.
        encoder_epochs: in which the encoder is trained along with the head on neighbours; 0: it
            rests. (SCAN's paper trains it; that is for a GPU.)
        self_label_epochs: of the last step; 0 leaves it out.
        batch_size: images in a step, many for each cluster.
        optimizer, learning_rate: of the encoder's steps, as for `SelfSupervisedFeatures`; the heads
            have Adam and a rate of their own.
        precision, checkpoint_dir, verbose, random_state: as for `SelfSupervisedFeatures`.

    Attributes:
        features_: the fitted `SelfSupervisedFeatures`.
        labels_: the cluster of each image of the fit.
        head_losses_: the loss of each head over all images; the least was kept.
        weak_, strong_: the `ViewSpec` of the views.
        history_: a history for each step, "heads", "encoder" and "self-labels" as far as there was
            one: each term of the loss, and "effective_clusters" of up to 1,000 images.
        spec_, parameters_, input_shape_, n_features_out_: as for `SelfSupervisedFeatures`, of the
            encoder with the head in the place of the projector.

    Example:
        >>> from scratchclust import SCANFeatures, SelfSupervisedFeatures, data
        >>> images = data.load("digits").images[:64]
        >>> features = SelfSupervisedFeatures(n_views=2, epochs=1, random_state=0)
        >>> scan = SCANFeatures(features, epochs=2, self_label_epochs=0, random_state=0)
        >>> scan.fit_predict(images).shape
        (64,)
    """

    learns_from_shares = False
    parameter_rules: ClassVar[dict[str, Rule]] = {
        "features": nothing
        | that_is(
            "a SelfSupervisedFeatures", lambda value: isinstance(value, SelfSupervisedFeatures)
        ),
        "n_clusters": whole(2),
        "n_neighbors": whole(1),
        "n_heads": whole(1),
        "entropy_weight": number(least=0),
        "threshold": number(least=0, below=1),
        "weak": scan.VIEWS,
        "strong": scan.VIEWS,
        "encoder_epochs": whole(0),
        "self_label_epochs": whole(0),
        **{name: rule for name, rule in TRAINING_RULES.items() if name != "color"},
    }
    features_: SelfSupervisedFeatures
    labels_: Any
    head_losses_: list[float]
    weak_: ViewSpec
    strong_: ViewSpec
    history_: dict[str, Any]

    @no_type_check
    def __init__(
        self,
        features: Any = None,
        *,
        n_clusters: int = 10,
        n_neighbors: int = 20,
        n_heads: int = 10,
        entropy_weight: float = 5.0,
        threshold: float = 0.99,
        weak: Any = "auto",
        strong: Any = "auto",
        epochs: int = 30,
        encoder_epochs: int = 0,
        self_label_epochs: int = 10,
        batch_size: int = 512,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        precision: str = "float32",
        checkpoint_dir: Any = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.features = features
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.n_heads = n_heads
        self.entropy_weight = entropy_weight
        self.threshold = threshold
        self.weak = weak
        self.strong = strong
        self.epochs = epochs
        self.encoder_epochs = encoder_epochs
        self.self_label_epochs = self_label_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "SCANFeatures":
        """Find clusters of images X [n h w c]; y is ignored.

        Raises:
            InputError: the images or a parameter cannot be used.
            TrainingError: a loss became NaN or infinite, or one cluster has taken nearly all
                images; it carries the last good model.
        """
        given = self._checked()
        vars(self).pop("parameters_", None)  # a fit that fails leaves no old network
        self.features_ = self._fitted_features(X)
        images = self.features_._prepare(X)
        code_views = self.features_.views_
        self.weak_ = scan.weak_views(code_views) if given.weak == "auto" else given.weak
        self.strong_ = scan.strong_views(code_views) if given.strong == "auto" else given.strong
        self.input_shape_ = self.features_.input_shape_
        self.spec_ = scan.network_spec(self.features_.spec_, given.n_clusters)
        self.n_features_out_ = given.n_clusters
        steps = 1 + (given.encoder_epochs > 0) + (given.self_label_epochs > 0)
        context = self._init_callback_context(max_subtasks=steps)
        context.call_on_fit_task_begin(estimator=self, X=X)
        model = self._train(images, given, partial(self._step, context, X))
        self.parameters_ = arrays_of(model)
        self.labels_ = like(X, self._features(images).argmax(axis=1).astype(np.int32))
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Find clusters of images X [n h w c] and give that of each; errors of `fit`."""
        return self.fit(X).labels_

    def predict(self, X: Any) -> Any:
        """Give the cluster of each image X [n h w c]; errors of `transform`."""
        return like(X, np.asarray(self.transform(X)).argmax(axis=1).astype(np.int32))

    def predict_proba(self, X: Any) -> Any:
        """Give the probability [n q] of each cluster for each image; errors of `transform`."""
        logits = np.asarray(self.transform(X), np.float64)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        return like(X, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32))

    def _train(self, images: np.ndarray, given: SimpleNamespace, step: Any) -> Any:
        """Mine neighbours, train the heads, then the encoder as far as that is asked for."""
        heads_key, encoder_key, labels_key = jax.random.split(key_of(given.random_state), 3)
        code_views = self.features_.views_
        Z = np.asarray(self.features_._features(images))
        neighbors = scan.mine_neighbors(Z, given.n_neighbors)
        with step("heads", given.epochs) as training:
            heads = scan_heads.fit_heads(
                Z,
                neighbors,
                n_clusters=given.n_clusters,
                n_heads=given.n_heads,
                entropy_weight=given.entropy_weight,
                key=heads_key,
                training=replace(training, optimizer=AdamSpec(HEAD_RATE), precision="float32"),
            )
        self.head_losses_ = heads.losses
        self.history_ = {"heads": heads.history}
        arrays = self.features_.parameters_
        model = scan.network_of(self.spec_, self._seen_shape(), arrays, heads)
        if given.encoder_epochs:
            with step("encoder", given.encoder_epochs) as training:
                trained = scan.fit_encoder(
                    images,
                    model,
                    neighbors,
                    code_views=code_views,
                    views=self.strong_,
                    entropy_weight=given.entropy_weight,
                    key=encoder_key,
                    training=training,
                )
            model = trained.model
            self.history_["encoder"] = trained.history
        if given.self_label_epochs:
            with step("self-labels", given.self_label_epochs) as training:
                trained = scan.fit_self_labels(
                    images,
                    model,
                    code_views=code_views,
                    weak=self.weak_,
                    strong=self.strong_,
                    threshold=given.threshold,
                    key=labels_key,
                    training=training,
                )
            model = trained.model
            self.history_["self-labels"] = trained.history
            _warn_if_none(trained.history["sure"], given.threshold)
        return model

    @contextmanager
    def _step(self, context: Any, X: Any, name: str, epochs: int) -> Iterator[Training]:
        """Inside, one of the trainings is a task for the callbacks."""
        task = context.subcontext(task_name=name, max_subtasks=epochs)
        task.call_on_fit_task_begin(estimator=self, X=X)
        fit = Fit(task, X, None, usable=False)
        yield self._training(fit, part=f"{name}: ", folder=name, epochs=epochs)
        task.call_on_fit_task_end(estimator=self, X=X)

    def _fitted_features(self, X: Any) -> SelfSupervisedFeatures:
        """The features that came, if they are fitted; else a copy, fitted to X."""
        if hasattr(self.features, "parameters_"):
            return self.features
        given = self.features
        if given is None:
            given = SelfSupervisedFeatures(random_state=self.random_state)
        features: Any = clone(given)
        if features.checkpoint_dir is None and self.checkpoint_dir is not None:
            features.set_params(checkpoint_dir=Path(self.checkpoint_dir) / "features")
        features.set_callbacks(_Passing(self))
        features.fit(X)
        return features.set_callbacks()

    def _prepare(self, X: Any, *, reset: bool = False) -> np.ndarray:
        return self.features_._prepare(X, reset=reset)

    def _seen_shape(self) -> tuple[int, int, int]:
        return self.features_._seen_shape()

    def _features(self, images: np.ndarray) -> np.ndarray:
        return scan.logits_of(self._model(), images, self.features_.views_)


class _Passing:
    """Hears the features' progress, and tells it to those who listen to the whole."""

    def __init__(self, whole: Any) -> None:
        everyone = getattr(whole, "_skl_callbacks", ())
        self.listeners = [one for one in everyone if hasattr(one, "on_progress")]

    def on_progress(self, progress: Progress) -> None:
        for one in self.listeners:
            one.on_progress(progress._replace(part="features: "))

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing is to be prepared; so with all that follows."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        pass

    def teardown(self, estimator: Any, context: Any) -> None:
        pass


def _warn_if_none(sure: list[float], threshold: float) -> None:
    if not any(sure):
        warnings.warn(
            f"no image was surer of its cluster than threshold={threshold}, so that there was "
            "no self-label to learn: give more epochs to the heads, or a lower threshold",
            ConvergenceWarning,
            stacklevel=3,
        )
