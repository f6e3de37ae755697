"""What an estimator can tell: the only place that asks. Everything else reads these records.

Estimators differ: some clusterings have centroids, some probabilities, some neither; some features
were trained, some can draw. Who wants to know asks here once, and finds None for what there is not.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

import scratchclust
from scratchclust.runs.nearness import Rule

NEIGHBORS = 10  # that tell the nearness, of a clustering which has no number of its own
History = Mapping[str, list[Any]]  # of a training: each term of the loss, by epoch


class Clustering(NamedTuple):
    """What a fitted clustering says of its outcome."""

    labels: Int[np.ndarray, " n"]
    n_clusters: int
    inertia: float | None
    n_iter: int | None
    converged: bool | None
    n_noise: int | None  # None also where there is none
    eps: float | None
    min_samples: int | None
    n_neighbors: int | None
    n_connected_components: int | None
    coordinates: str | None  # of a graph: those that were taken
    history: dict[str, np.ndarray]  # of "inertia" and "n_moved" those that it has, by iteration
    k_distances: Float[np.ndarray, " n"] | None
    centroids: Float[np.ndarray, "k d"] | None


class Nearness(NamedTuple):
    """How near points are to clusters; a method says one of these, or nothing."""

    probabilities: Float[np.ndarray, "n k"] | None
    distances: Float[np.ndarray, "n k"] | None  # to the centroids, where the method worked


@runtime_checkable
class Autoencoder(Protocol):
    """Features that can draw again what they saw."""

    def prepared(self, X: Any) -> Any: ...

    def reconstruct(self, X: Any, *, zero_code: bool = False) -> Any: ...


@runtime_checkable
class VAE(Protocol):
    """Features that can draw from any code, also one of the normal distribution."""

    n_features_out_: int

    def transform(self, X: Any) -> Any: ...

    def inverse_transform(self, X: Any) -> Any: ...


@runtime_checkable
class Classifier(Protocol):
    """Features that know a class for each image."""

    def score(self, X: Any, y: Any) -> float: ...


@runtime_checkable
class Encoder(Protocol):
    """Features that were trained to see through views of images."""

    history_: History

    def transform(self, X: Any) -> Any: ...

    def make_views(self, X: Any, n_views: int | None = None) -> Any: ...

    def before_training(self) -> "Encoder": ...


class Features(NamedTuple):
    """What the features of images are, beside a transform."""

    history: History | None  # of the one network that was trained
    history_by_class: dict[str, History] | None  # of several networks, one a class
    history_by_step: dict[str, History] | None  # of one network that was trained in steps
    autoencoder: Autoencoder | None
    is_unet: bool  # an autoencoder that draws with skips, so not from a code alone
    vae: VAE | None
    classifier: Classifier | None
    encoder: Encoder | None


def ask_clustering(clustering: Any) -> Clustering:
    """Ask a fitted clustering for its outcome."""
    labels = np.asarray(clustering.labels_)
    asked = getattr(clustering, "n_clusters", getattr(clustering, "n_components", None))
    history = getattr(clustering, "history_", {})
    return Clustering(
        labels=labels,
        n_clusters=int(labels.max(initial=-1)) + 1 if asked is None else int(asked),
        inertia=_of(clustering, "inertia_", float),
        n_iter=_of(clustering, "n_iter_", int),
        converged=_of(clustering, "converged_", bool),
        n_noise=int((labels < 0).sum()) or None,
        eps=_of(clustering, "eps_", float),
        min_samples=_of(clustering, "min_samples", int),
        n_neighbors=_of(clustering, "n_neighbors_", int),
        n_connected_components=_of(clustering, "n_connected_components_", int),
        coordinates=_of(clustering, "coordinates_", str),
        history={
            name: np.asarray(history[name]) for name in ("inertia", "n_moved") if name in history
        },
        k_distances=_of(clustering, "k_distances_", np.asarray),
        centroids=_of(clustering, "cluster_centers_", np.asarray),
    )


def ask_nearness(clustering: Any, X: Float[np.ndarray, "n d"]) -> Nearness:
    """Ask a clustering that was fitted to X how near these points are to its clusters."""
    if hasattr(clustering, "predict_proba"):
        return Nearness(np.asarray(clustering.predict_proba(X)), None)
    if hasattr(clustering, "transform"):
        return Nearness(None, np.asarray(clustering.transform(X)))
    return Nearness(None, None)


def ask_rule(clustering: Any) -> Rule:
    """Ask a fitted clustering how the nearness of images to its clusters is to be measured."""
    if hasattr(clustering, "predict_proba"):
        return Rule(kind="posterior", centers=np.asarray(clustering.means_))
    if hasattr(clustering, "transform"):
        return Rule(kind="centers")
    return Rule(
        kind="neighbors",
        n_neighbors=_of(clustering, "n_neighbors_", int) or NEIGHBORS,
        eps=_of(clustering, "eps_", float),
        core=_of(clustering, "core_sample_indices_", np.asarray),
        points_in_model=getattr(clustering, "points_", None) is not None,
    )


def ask_features(features: Any) -> Features:
    """Ask the features of images for what they can do and, where fitted, what they learned."""
    history = getattr(features, "history_", None)
    by_class = None
    if hasattr(features, "losses") and history is not None:
        by_class = {f"class {features.classes_[int(j)]}": one for j, one in history.items()}
    draws_codes = hasattr(features, "inverse_transform")
    by_step = history if hasattr(features, "head_losses_") else None
    return Features(
        history=None if by_class is not None or by_step is not None else history,
        history_by_class=by_class,
        history_by_step=by_step,
        autoencoder=features if hasattr(features, "reconstruct") else None,
        is_unet=draws_codes and _has_spec(features, "UNetSpec"),
        vae=features if draws_codes and _has_spec(features, "VAESpec") else None,
        classifier=features if hasattr(features, "score") else None,
        encoder=features if hasattr(features, "make_views") else None,
    )


def ask_predict(pipeline: Any) -> Callable[[Any], Any] | None:
    """Ask a fitted pipeline for the clusters of new images; not every clustering has a place for
    them.
    """
    return pipeline.predict if hasattr(pipeline, "predict") else None


def ask_drawing(pipeline: Any) -> Callable[[Any], Any] | None:
    """Ask a fitted pipeline, its clustering left out, for the images of vectors."""
    unet = ask_features(pipeline.named_steps["features"]).is_unet
    steps = pipeline[:-1]
    return steps.inverse_transform if hasattr(steps, "inverse_transform") and not unet else None


def takes(estimator: Any, parameter: str) -> bool:
    """Whether the estimator has the parameter."""
    return parameter in estimator.get_params()


def calls_back(estimator: Any) -> bool:
    """Whether the estimator can tell callbacks where it is."""
    return hasattr(estimator, "set_callbacks")


def _of(estimator: Any, attribute: str, as_type: Callable[[Any], Any]) -> Any:
    value = getattr(estimator, attribute, None)
    return None if value is None else as_type(value)


def _has_spec(features: Any, name: str) -> bool:
    spec = getattr(features, "spec_", None)  # first: the specs load what builds networks
    return spec is not None and isinstance(spec, getattr(scratchclust, name))


def state_of(estimator: Any) -> tuple[type, dict[str, Any]]:
    """The estimator's class and attributes, but for those of one process alone (its callbacks)."""
    state = {name: value for name, value in vars(estimator).items() if not name.startswith("_")}
    return type(estimator), state


def estimator_of(state: tuple[type, dict[str, Any]]) -> Any:
    """The estimator of `state_of`."""
    kind, attributes = state
    estimator = object.__new__(kind)
    vars(estimator).update(attributes)
    return estimator


def replace_labels(estimator: Any, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change the labels of a fitted estimator, if it has some."""
    if hasattr(estimator, "labels_"):
        estimator.labels_ = change(np.asarray(estimator.labels_))
