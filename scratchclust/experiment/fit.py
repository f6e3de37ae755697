"""One variant of a recipe on one set of images: fitted, timed, scored, and kept as a stage."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.base import clone
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust.experiment.images import Images
from scratchclust.experiment.scores import (
    agreement_scores,
    applied_scores,
    internal_and_samples,
    spread,
    test_scores,
    training_scores,
)
from scratchclust.experiment.watch import Watcher, watched
from scratchclust.recipes.plan import Tell
from scratchclust.recipes.recipe import Spec, Step, Variant
from scratchclust.recipes.words import NAMES
from scratchclust.runs import Stage


def build(step: Step, seed: int, **overrides: Any) -> Any:
    """The step's estimator, unfitted; the seed is its random state where it has one."""
    parameters = {name: _spec(value) for name, value in {**step.parameters, **overrides}.items()}
    return _seeded(getattr(scratchclust, step.estimator)(**parameters), seed)


def _seeded(estimator: Any, seed: int) -> Any:
    return (
        estimator.set_params(random_state=seed)
        if "random_state" in estimator.get_params()
        else estimator
    )


def fit_variant(
    variant: Variant,
    images: Images,
    *,
    seed: int,
    tell: Tell,
    labels_used: bool = False,
    checkpoints: Path | None = None,
    watched_every: int | None = None,
) -> Stage:
    """Fits the variant's pipeline to the images and scores the clusters.

    Args:
        variant: What to fit.
        images: The features learn from `images.learned`; everything else sees `images.clustered`.
        seed: The random state of every step that has one.
        tell: Is told each step.
        labels_used: Whether the features are given labels; if not, only the scores look at them.
        checkpoints: A folder for those of a training and of t-SNE, which go on from them.
        watched_every: Epochs of an autoencoder after which its code is clustered and scored.

    Returns:
        The stage: scores as in metrics.json, the arrays "labels", "distance", "confidence", "x",
            "y", "silhouette",
        "inertia", "n_moved", and the pipeline. Silhouette and Dunn are those of the vectors that
        were clustered.
    """
    labels = images.clustered.labels
    pipeline = Pipeline([(name, build(step, seed)) for name, step in variant.steps.items()])
    learning = _Learning(
        images, labels_used, checkpoints, _watcher(pipeline, images, checkpoints, watched_every)
    )
    X, seconds, labelings = _fit_steps(
        pipeline, learning, lambda line: tell(f"{variant.name}: {line}"), seed, variant.n_repeats
    )
    tell(f"{variant.name}: scores")
    start = perf_counter()
    clustering = pipeline.named_steps["cluster"]
    internal, silhouette = internal_and_samples(X, clustering.labels_, labels)
    arrays = {
        **_per_image(clustering, X),
        **_history(clustering),
        "silhouette": silhouette,
        **plane(X, seed=seed),
    }
    scores = {
        **_outcome(clustering, n_fitted=len(_source(variant, images).images), n_scored=len(X)),
        "name": variant.name,
        "labels_used": labels_used,
        **agreement_scores(labels, clustering.labels_),
        **internal,
        **(
            {"n_repeats": len(labelings), "spread": spread(X, labelings, labels)}
            if len(labelings) > 1
            else {}
        ),
        **test_scores(pipeline, images),
        **training_scores(pipeline.named_steps["features"], images.clustered),
        **({} if images.applied is None else {"applied": applied_scores(pipeline, images.applied)}),
        **({} if learning.watcher is None else {"by_epoch": learning.watcher.curves()}),
        "n_features": X.shape[1],
        "seconds": {**seconds, "score": perf_counter() - start},
    }
    return Stage(scores, arrays, pipeline)


def confidence(distances: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n"]:
    """How clearly a point belongs to its cluster: 1 - d1 / d2, with d1 and d2 the distances to the
    nearest and the second nearest centroid.

    0 is on the border of two clusters, 1 on the centroid itself. With one cluster only, or where
    both distances are 0, it is 1 and 0: nothing else competes, and nothing decides.
    """
    if distances.shape[1] == 1:
        return np.ones(len(distances), dtype=distances.dtype)
    d1, d2 = np.partition(distances, 1, axis=1)[:, :2].T
    return 1 - np.divide(d1, d2, out=np.ones_like(d1), where=d2 > 0)


def plane(X: Float[np.ndarray, "n d"], *, seed: int = 0) -> dict[str, Float[np.ndarray, "n"]]:
    """The first two principal components of X as x and y (y is 0 where there is only one); a plane
    is left as it is.
    """
    if X.shape[1] == 2:  # a map: as it is
        return {"x": X[:, 0], "y": X[:, 1]}
    components = min(2, *X.shape)
    points = np.asarray(build(Step("PCA", {"n_components": components}), seed).fit_transform(X))
    return {
        "x": points[:, 0],
        "y": points[:, 1] if components == 2 else np.zeros_like(points[:, 0]),
    }


class _Learning(NamedTuple):
    """What the features learn from, and who looks on."""

    images: Images
    labels_used: bool
    checkpoints: Path | None
    watcher: Watcher | None


def _watcher(
    pipeline: Pipeline, images: Images, checkpoints: Path | None, every: int | None
) -> Watcher | None:
    if (
        every is None
        or checkpoints is None
        or not hasattr(pipeline.named_steps["features"], "reconstruct")
    ):
        return None
    return Watcher(every, images, pipeline[1:], checkpoints.with_suffix(".by-epoch.json"))


def _fit_steps(
    pipeline: Pipeline, learning: _Learning, tell: Tell, seed: int, n_repeats: int
) -> tuple[np.ndarray, dict[str, float], list[np.ndarray]]:
    """What `Pipeline.fit` does, with a clock between the steps; the clustering is repeated.

    Returns:
        The vectors that were clustered, the seconds, and the labels of every repetition.
    """
    X, seconds, labelings = learning.images.clustered.images, {}, []
    for name, estimator in pipeline.steps[:]:
        tell(name)
        start = perf_counter()
        if name == "cluster":
            median, labelings = _repeated(estimator, X, seed, n_repeats)
            pipeline.set_params(cluster=median)
        elif name == "features":
            with told_of_progress(tell):
                _learn(estimator, learning)
            X = np.asarray(estimator.transform(X))
        else:
            # named by the vectors too: checkpoints of a map of others, say after another training,
            # would be refused
            folder = (
                learning.checkpoints
                and learning.checkpoints / hashlib.sha256(X.tobytes()).hexdigest()[:12]
            )
            with _keeping_checkpoints(estimator, folder), told_of_progress(tell):
                X = np.asarray(estimator.fit_transform(X))
        phase = "reduce" if name == "embed" else name  # metrics.json knows four
        seconds[phase] = seconds.get(phase, 0.0) + perf_counter() - start
    return X, seconds, labelings


def _learn(estimator: Any, learning: _Learning) -> None:
    """Fits the features; a training keeps checkpoints."""
    source = learning.images.learned or learning.images.clustered
    keeping = _keeping_checkpoints(estimator, learning.checkpoints)
    with keeping, watched(estimator, learning.watcher):
        estimator.fit(source.images, source.labels) if learning.labels_used else estimator.fit(
            source.images
        )


@contextmanager
def _keeping_checkpoints(estimator: Any, folder: Path | None) -> Iterator[None]:
    """Inside, an estimator that can keep checkpoints has them in the folder, and goes on from those
    there.
    """
    able = "checkpoint_dir" in estimator.get_params()
    if able:
        estimator.set_params(checkpoint_dir=folder)
    try:
        yield
    finally:
        if able:
            estimator.set_params(checkpoint_dir=None)


def _spec(value: Any) -> Any:
    if not isinstance(value, Spec):
        return value
    return getattr(scratchclust, value.name)(
        **{name: _spec(field) for name, field in value.fields.items()}
    )


@contextmanager
def told_of_progress(tell: Tell) -> Iterator[None]:
    """Inside, what trainings and maps log is told too."""
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: tell(record.getMessage())
    loggers = [logging.getLogger(name) for name in ("scratchclust.train", "scratchclust.estimators")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _repeated(
    estimator: Any, X: Float[np.ndarray, "n d"], seed: int, n_repeats: int
) -> tuple[Any, list[np.ndarray]]:
    """Fits from seeds seed, seed + 1, ...: the one of (lower) median inertia, and the labels of
    all.
    """
    copies: list[Any] = [clone(estimator) for _ in range(n_repeats)]
    fitted = [_seeded(copy, (seed + i) % 2**32).fit(X) for i, copy in enumerate(copies)]
    median = sorted(fitted, key=lambda model: getattr(model, "inertia_", 0))[(n_repeats - 1) // 2]
    return median, [np.asarray(model.labels_) for model in fitted]


def _source(variant: Variant, images: Images) -> Any:
    """What a variant learned from: for a blind one that trains nothing, what it clusters."""
    return images.clustered if variant.blind or images.learned is None else images.learned


def _per_image(clustering: Any, X: Float[np.ndarray, "n d"]) -> dict[str, np.ndarray]:
    """Labels, and how near and how clearly each point belongs to its cluster: NaN where the method
    does not say.

    Of k-means these are distances to centroids, where k-means worked; of a mixture the confidence
    is a probability.
    """
    labels, nothing = np.asarray(clustering.labels_), np.full(len(X), np.nan, np.float32)
    if hasattr(clustering, "predict_proba"):
        return {
            "labels": labels,
            "distance": nothing,
            "confidence": np.asarray(clustering.predict_proba(X)).max(axis=1),
        }
    if not hasattr(clustering, "transform") and not hasattr(clustering, "distances_to_centroids_"):
        return {"labels": labels, "distance": nothing, "confidence": nothing}
    known = (
        clustering.transform(X)
        if hasattr(clustering, "transform")
        else clustering.distances_to_centroids_
    )
    distances = np.asarray(known)
    return {
        "labels": labels,
        "distance": np.take_along_axis(distances, labels[:, None], axis=1)[:, 0],
        "confidence": confidence(distances),
    }


def _history(clustering: Any) -> dict[str, np.ndarray]:
    history = getattr(clustering, "history_", {})
    found = {name: np.asarray(history[name]) for name in ("inertia", "n_moved") if name in history}
    curve = getattr(clustering, "k_distances_", None)
    return found if curve is None else {**found, "k_distances": curve}


def _outcome(clustering: Any, *, n_fitted: int, n_scored: int) -> dict[str, Any]:
    labels = np.asarray(clustering.labels_)
    asked = getattr(clustering, "n_clusters", getattr(clustering, "n_components", None))
    found = {
        "inertia": getattr(clustering, "inertia_", None),
        "n_iter": getattr(clustering, "n_iter_", None),
        "converged": getattr(clustering, "converged_", None),
    }
    more = {
        "n_noise": int((labels < 0).sum()) or None,
        "eps": getattr(clustering, "eps_", None),
        "n_neighbors": getattr(clustering, "n_neighbors_", None),
        "n_connected_components": getattr(clustering, "n_connected_components_", None),
    }
    return {
        "method": NAMES[type(clustering).__name__],
        "n_clusters": int(labels.max(initial=-1)) + 1 if asked is None else asked,
        "n_fitted": n_fitted,
        "n_scored": n_scored,
        **found,
        **{name: value for name, value in more.items() if value is not None},
    }
