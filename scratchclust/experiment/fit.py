"""One variant of a recipe on one set of images: fitted, timed, scored, and kept as a stage."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from scratchclust.experiment import together
from scratchclust.experiment.build import build, build_pipeline, seeded
from scratchclust.experiment.images import Images
from scratchclust.experiment.scores import (
    agreement_scores,
    applied_scores,
    internal_and_samples,
    spread,
    test_scores,
    training_scores,
)
from scratchclust.experiment.telling import (
    Clustering,
    ask_clustering,
    ask_features,
    ask_nearness,
    ask_rule,
    takes,
)
from scratchclust.experiment.watch import ProgressTeller, Watcher, looked_on
from scratchclust.recipes.plan import Tell
from scratchclust.recipes.recipe import Step, Variant
from scratchclust.recipes.words import NAMES
from scratchclust.runs import Stage, nearness
from scratchclust.runs.result import ByEpoch, Result, StepSeconds

PHASES = {  # the steps of a pipeline -> whose seconds they are in metrics.json
    "features": "features",
    "reduce": "reduce",
    "embed": "reduce",
    "cluster": "cluster",
}


class Fitted(NamedTuple):
    """A pipeline after its fit."""

    pipeline: Pipeline
    X: Float[np.ndarray, "n d"]  # the vectors that were clustered
    labelings: list[Int[np.ndarray, " n"]]  # of every repetition of the clustering
    seconds: dict[str, float]  # by phase
    by_epoch: ByEpoch | None  # of who looked on while the features learned


def fit_variant(
    variant: Variant,
    images: Images,
    *,
    seed: int,
    tell: Tell,
    labels_used: bool = False,
    checkpoints: Path | None = None,
    watched_every: int | None = None,
    for_new_images: bool = True,
    prepared: Stage | None = None,
) -> Stage:
    """Fit the variant's pipeline to the images and score the clusters.

    Args:
        variant: what to fit.
        images: the features learn from `images.learned`; everything else sees `images.clustered`.
        seed: the random state of every step that has one.
        tell: is told each step, and the progress within.
        labels_used: whether the features are given labels; if not, only the scores look at them.
        checkpoints: a folder for those of a training and of t-SNE, which go on from them.
        watched_every: epochs of an autoencoder, or of an encoder without labels, after which its
            code is clustered and scored.
        for_new_images: whether the nearness of each image is measured, and what new ones need is
            kept: of the variant whose columns and model a run's folder has.
        prepared: of `prepare_variant` or `fit_features`; None: all steps are fitted here.

    Returns:
        The stage: the scores of a `Result`; the arrays "labels", "distance", "confidence", "x",
        "y", "silhouette", "inertia", "n_moved" and "k_distances", as far as there are any, and
        those of `near_arrays` and `plane` that new images need; and the pipeline. Silhouette and
        Dunn are those of the vectors that were clustered.
    """

    def tell_of_variant(line: str) -> None:
        tell(f"{variant.name}: {line}")

    watched = None if variant.refine else watched_every  # its clusters are not of these features
    learning = _Learning(images, labels_used, checkpoints, watched)
    fitted = _fit(variant, learning, seed, tell_of_variant, prepared)
    tell_of_variant("scores")
    start = perf_counter()
    clustering = fitted.pipeline.named_steps["cluster"]
    told = ask_clustering(clustering)
    labels = images.clustered.labels
    internal, silhouette = internal_and_samples(fitted.X, told.labels, labels)
    arrays = {
        "labels": told.labels,
        **(near_arrays(clustering, fitted.X, told.labels) if for_new_images else {}),
        **told.history,
        **({} if told.k_distances is None else {"k_distances": told.k_distances}),
        "silhouette": silhouette,
        **plane(fitted.X, seed=seed),
    }
    scores = {
        **agreement_scores(labels, told.labels)._asdict(),
        **internal._asdict(),
        **_repetitions(fitted, labels),
        **_beyond_the_clusters(fitted, images),
    }
    seconds = StepSeconds(**fitted.seconds, score=perf_counter() - start)
    result = Result(
        name=variant.name,
        method=NAMES[variant.cluster.estimator],
        n_fitted=len(_source(variant, images).images),
        n_scored=len(fitted.X),
        labels_used=labels_used,
        n_features=fitted.X.shape[1],
        seconds=seconds,
        **_outcome(told),
        **scores,
    )
    return Stage(result.to_json(), arrays, fitted.pipeline)


def prepare_variant(
    variant: Variant, images: Images, *, seed: int, tell: Tell, checkpoints: Path | None = None
) -> Stage:
    """Fit the steps before the clustering alone, without labels; arguments as of `fit_variant`.

    Returns:
        The stage: the seconds by phase; the array "X" [n d], the vectors that a clustering is to
        see; and the pipeline of these steps.
    """
    pipeline = build_pipeline(variant, seed)
    learning = _Learning(images, labels_used=False, checkpoints=checkpoints, watched_every=None)

    def tell_of_variant(line: str) -> None:
        tell(f"{variant.name}: {line}")

    begun = _features(pipeline, learning, tell_of_variant)
    return _reduced(pipeline, begun, checkpoints, tell_of_variant)


def fit_features(
    variant: Variant,
    images: Images,
    *,
    seed: int,
    tell: Tell,
    labels_used: bool = False,
    checkpoints: Path | None = None,
    watched_every: int | None = None,
) -> Stage:
    """Fit the features alone, for all variants that have the same; arguments as of `fit_variant`.

    Returns:
        The stage: the seconds of "features", and "by_epoch", where somebody looked on, with the
        steps of this variant behind the features; the array "X" [n d]; and the pipeline of this one
        step.
    """

    def tell_of_variant(line: str) -> None:
        tell(f"{variant.name}: {line}")

    watched = None if variant.refine else watched_every  # its clusters are not of these features
    learning = _Learning(images, labels_used, checkpoints, watched)
    return _features(build_pipeline(variant, seed), learning, tell_of_variant)


def shared(features: Stage) -> Stage:
    """Give the stage of `fit_features` as it is for a variant beside the one that made it: its
    seconds are shared, and who looked on saw the clusters of that one.
    """
    return replace(features, scores={"shared_features": features.scores["features"]})


def near_arrays(
    clustering: Any, X: Float[np.ndarray, "n d"], labels: Int[np.ndarray, " n"]
) -> dict[str, np.ndarray]:
    """Give "distance" and "confidence" of each image, NaN where they are not known, and what is
    kept for new ones: "vectors", unless the clustering has them, and "projection", if there is one.
    """
    rule = ask_rule(clustering)
    near = ask_nearness(clustering, X)
    kept = nearness.keep(X)
    measured = nearness.measure(
        rule, X, labels, kept=kept, distances=near.distances, probabilities=near.probabilities
    )
    found = measured._asdict()
    if rule.points_in_model:
        return found
    projection = {} if kept.projection is None else {"projection": kept.projection}
    return {**found, "vectors": kept.vectors, **projection}


def plane(X: Float[np.ndarray, "n d"], *, seed: int = 0) -> dict[str, Float[np.ndarray, " n"]]:
    """Give the first two principal components of X as x and y (y is 0 where there is only one); a
    plane is left as it is.

    With components, "plane" holds the mean and the two axes [3 d], for the places of new images.
    """
    if X.shape[1] == 2:  # a map: as it is
        return {"x": X[:, 0], "y": X[:, 1]}
    components = min(2, *X.shape)
    pca = build(Step("PCA", {"n_components": components}), seed)
    points = np.asarray(pca.fit_transform(X))
    axes = np.zeros((3, X.shape[1]), np.float32)
    axes[0] = pca.mean_
    axes[1 : 1 + components] = pca.components_
    return {
        "x": points[:, 0],
        "y": points[:, 1] if components == 2 else np.zeros_like(points[:, 0]),
        "plane": axes,
    }


def map_of(
    X: Float[np.ndarray, "n d"], *, seed: int, tell: Tell, checkpoints: Path
) -> Float[np.ndarray, "n 2"]:
    """Place X on a map by t-SNE, which goes on from its checkpoints; d > 2, n > 30."""
    tell("map")
    tsne = build(Step("TSNE"), seed)
    with _keeping_checkpoints(tsne, checkpoints), looked_on(tsne, ProgressTeller(tell)):
        return np.asarray(tsne.fit_transform(X))


class _Learning(NamedTuple):
    """What the features learn from, and what is kept and looked at meanwhile."""

    images: Images
    labels_used: bool
    checkpoints: Path | None
    watched_every: int | None


def _fit(
    variant: Variant, learning: _Learning, seed: int, tell: Tell, prepared: Stage | None
) -> Fitted:
    """Do what `Pipeline.fit` does, with a clock between the steps; the clustering is repeated."""
    pipeline = build_pipeline(variant, seed)
    begun = prepared or _features(pipeline, learning, tell)
    if variant.refine is not None:
        begun = _refined(variant.refine, begun, learning, seed, tell)
    before = _reduced(pipeline, begun, learning.checkpoints, tell)
    pipeline.set_params(**before.pipeline.named_steps)
    X = before.arrays["X"]
    tell("cluster")
    start = perf_counter()
    teller = ProgressTeller(tell)
    clustering = pipeline.named_steps["cluster"]
    median, labelings = _repeated(clustering, X, seed, variant.n_repeats, teller)
    pipeline.set_params(cluster=median)
    seconds = {**before.scores, "cluster": perf_counter() - start}
    curves = seconds.pop("by_epoch", None)
    by_epoch = None if curves is None else ByEpoch.from_json(curves)
    return Fitted(pipeline, X, labelings, seconds, by_epoch)


def _features(pipeline: Pipeline, learning: _Learning, tell: Tell) -> Stage:
    """Fit the first step; the stage as `fit_features` has it."""
    features = pipeline.named_steps["features"]
    watcher = _watcher(pipeline, learning, tell)
    tell("features")
    start = perf_counter()
    with looked_on(features, ProgressTeller(tell), watcher):
        _learn(features, learning)
    X = together.transform(features, learning.images.clustered.images, on_images=True)
    scores: dict[str, Any] = {"features": perf_counter() - start}
    if watcher is not None:
        scores["by_epoch"] = watcher.curves().to_json()
    return Stage(scores, {"X": X}, pipeline[:1])


def _refined(step: Step, begun: Stage, learning: _Learning, seed: int, tell: Tell) -> Stage:
    """Fit the step on from fitted features, which it takes the place of."""
    tell("refine")
    start = perf_counter()
    refined = build(step, seed, features=begun.pipeline.named_steps["features"])
    with looked_on(refined, ProgressTeller(tell)):
        _learn(refined, learning)
    X = together.transform(refined, learning.images.clustered.images, on_images=True)
    seconds = begun.scores.get("features", 0.0) + perf_counter() - start
    return Stage({**begun.scores, "features": seconds}, {"X": X}, Pipeline([("features", refined)]))


def _reduced(pipeline: Pipeline, begun: Stage, checkpoints: Path | None, tell: Tell) -> Stage:
    """Fit the steps that are left between those of a stage and the clustering; the stage of all."""
    X = begun.arrays["X"]
    scores = dict(begun.scores)
    left = pipeline.steps[len(begun.pipeline) : -1]
    for name, estimator in left:
        tell(name)
        start = perf_counter()
        folder = checkpoints and checkpoints / _named_by(X)
        with _keeping_checkpoints(estimator, folder), looked_on(estimator, ProgressTeller(tell)):
            X = together.fit_transform(estimator, X)
        phase = PHASES[name]
        scores[phase] = scores.get(phase, 0.0) + perf_counter() - start
    return Stage(scores, {"X": X}, Pipeline([*begun.pipeline.steps, *left]))


def _watcher(pipeline: Pipeline, learning: _Learning, tell: Tell) -> Watcher | None:
    features = ask_features(pipeline.named_steps["features"])
    every = learning.watched_every
    if every is None or learning.checkpoints is None:
        return None
    if features.autoencoder is None and features.encoder is None:
        return None
    notes = learning.checkpoints.with_suffix(".by-epoch.json")
    return Watcher(every, learning.images, pipeline[1:], notes, tell)


def _learn(features: Any, learning: _Learning) -> None:
    """Fit the features; a training keeps checkpoints."""
    source = learning.images.learned or learning.images.clustered
    with _keeping_checkpoints(features, learning.checkpoints):
        if learning.labels_used:
            features.fit(source.images, source.labels)
        else:
            together.fit(features, source.images, on_images=True)


def _named_by(X: Float[np.ndarray, "n d"]) -> str:
    """A name for the checkpoints of a map of X: those of other vectors, say after another training,
    would be refused.
    """
    return hashlib.sha256(X.tobytes()).hexdigest()[:12]


@contextmanager
def _keeping_checkpoints(estimator: Any, folder: Path | None) -> Iterator[None]:
    """Inside, an estimator that can keep checkpoints has them in the folder, and goes on from those
    there.
    """
    if not takes(estimator, "checkpoint_dir"):
        yield
        return
    estimator.set_params(checkpoint_dir=folder)
    try:
        yield
    finally:
        estimator.set_params(checkpoint_dir=None)


def _repeated(
    estimator: Any, X: Float[np.ndarray, "n d"], seed: int, n_repeats: int, teller: ProgressTeller
) -> tuple[Any, list[np.ndarray]]:
    """Fit from seeds seed, seed + 1, ...: give the one of (lower) median inertia, and the labels of
    all.
    """
    fitted: list[Any] = [seeded(clone(estimator), (seed + i) % 2**32) for i in range(n_repeats)]
    for copy in fitted:
        with looked_on(copy, teller):
            together.fit(copy, X)
    told = [ask_clustering(copy) for copy in fitted]
    by_inertia = sorted(range(n_repeats), key=lambda i: told[i].inertia or 0.0)
    return fitted[by_inertia[(n_repeats - 1) // 2]], [one.labels for one in told]


def _source(variant: Variant, images: Images) -> Any:
    """What a variant learned from: for a blind one that trains nothing, what it clusters."""
    return images.clustered if variant.blind or images.learned is None else images.learned


def _outcome(told: Clustering) -> dict[str, Any]:
    """The fields of a `Result` that the clustering knows."""
    return {
        "n_clusters": told.n_clusters,
        "inertia": told.inertia,
        "n_iter": told.n_iter,
        "converged": told.converged,
        "n_noise": told.n_noise,
        "eps": told.eps,
        "n_neighbors": told.n_neighbors,
        "n_connected_components": told.n_connected_components,
        "coordinates": told.coordinates,
    }


def _repetitions(fitted: Fitted, labels: Int[np.ndarray, " n"] | None) -> dict[str, Any]:
    """The fields of a `Result` about repeated clusterings."""
    n = len(fitted.labelings)
    if n == 1:
        return {}
    return {"n_repeats": n, "spread": spread(fitted.X, fitted.labelings, labels)}


def _beyond_the_clusters(fitted: Fitted, images: Images) -> dict[str, Any]:
    """The fields of a `Result` about the features, and about images beside the clustered ones."""
    pipeline = fitted.pipeline
    applied = None if images.applied is None else applied_scores(pipeline, images.applied)
    return {
        **test_scores(pipeline, images)._asdict(),
        **training_scores(pipeline.named_steps["features"], images.clustered)._asdict(),
        "applied": applied,
        "by_epoch": fitted.by_epoch,
    }
