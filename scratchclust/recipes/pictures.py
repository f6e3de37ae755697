"""Which figures a run has, and from which of its arrays. The drawing itself is in `scratchclust.report`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Num
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from scratchclust import metrics
from scratchclust.metrics.agreement import match_clusters
from scratchclust.recipes.work import Tell
from scratchclust.report import figures
from scratchclust.runs import Stage, slug

N_DRAWN = 10  # images beside their reconstructions


def draw_all(folder: Path, stages: Mapping[str, Stage], dataset: Any, *, seed: int, tell: Tell) -> None:
    """Draws the figures of every variant into the folder: those of the first under plain names, those of the others
    with the variant's name behind, and the inertia of all in one.

    Args:
        folder: figures/; it is made.
        stages: By the variant's name, the first one first.
        dataset: The `scratchclust.data.Dataset` that was clustered.
        seed: Of the random choice of images to show.
        tell: Is told each variant.
    """
    for index, (name, stage) in enumerate(stages.items()):
        tell(f"{name}: figures")
        suffix = f"-{slug(name)}" if index else ""
        for kind, figure in _of_variant(stage, dataset, seed).items():
            figures.save(figure, folder / f"{kind}{suffix}.png")
    histories = {name: stage.arrays["inertia"] for name, stage in stages.items()}
    figures.save(figures.inertia_history(histories), folder / "inertia.png")
    networks = {name: stage.pipeline.named_steps["features"] for name, stage in stages.items()}
    for kind, figure in _of_networks(networks, dataset, seed).items():
        figures.save(figure, folder / f"{kind}.png")


def draw_scan(folder: Path, stage: Stage) -> None:
    """Draws inertia, silhouette and Dunn's index over k into scan.png."""
    scores = {name: stage.scores[name] for name in ("n_clusters", "inertia", "silhouette", "dunn", "chosen")}
    figures.save(figures.scan(**scores), folder / "scan.png")


def centroids_as_images(pipeline: Pipeline) -> Num[np.ndarray, "k h w c"]:
    """The centroids, taken back through the reduction and the features to images in [0, 1]."""
    return np.asarray(pipeline[:-1].inverse_transform(pipeline.named_steps["cluster"].cluster_centers_))


def _centroids(stage: Stage, images: Num[np.ndarray, "n h w c"], counts: list[int]) -> Figure:
    """The centroids as images; where the features cannot draw, the mean image of each cluster."""
    features = stage.pipeline.named_steps["features"]
    if hasattr(features, "inverse_transform") and not _is_unet(features):
        return figures.centroid_images(centroids_as_images(stage.pipeline), counts)
    labels = stage.arrays["labels"]
    none = np.zeros((1, *images.shape[1:]))
    means = np.stack([(images[labels == j] if n else none).mean(axis=0) / 255 for j, n in enumerate(counts)])
    return figures.centroid_images(means, counts, title=f"Mean image of each of {len(counts)} clusters")


def _is_unet(features: Any) -> bool:
    """Whether these are codes of a U-Net, which cannot be drawn without the ways around them."""
    return type(getattr(features, "spec_", None)).__name__ == "UNetSpec"


def _of_networks(networks: Mapping[str, Any], dataset: Any, seed: int) -> dict[str, Figure]:
    """The losses of all networks, and the same images as each autoencoder draws them."""
    histories = {name: network.history_ for name, network in networks.items() if hasattr(network, "history_")}
    by_class = {
        f"class {network.classes_[int(j)]}": history
        for network in networks.values()
        if hasattr(network, "losses")
        for j, history in network.history_.items()
    }
    shown = {name: _without_twins(history) for name, history in (by_class or histories).items()}
    drawn = {"training": figures.training_curves(shown)} if shown else {}
    painters = {name: network for name, network in networks.items() if hasattr(network, "reconstruct")}
    if painters:
        chosen = np.random.default_rng(seed).choice(len(dataset.images), min(N_DRAWN, len(dataset.images)), False)
        images = dataset.images[np.sort(chosen)]
        originals = next(iter(painters.values())).prepared(images)
        again = {name: network.reconstruct(images) for name, network in painters.items()}
        unets = {name: network for name, network in painters.items() if _is_unet(network)}
        again |= {f"{name}, code = 0": network.reconstruct(images, zero_code=True) for name, network in unets.items()}
        drawn["reconstructions"] = figures.reconstructions(originals, again)
    return drawn


def _without_twins(history: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The terms of a loss but those that are the loss itself."""
    return {name: values for name, values in history.items() if name == "loss" or values != history["loss"]}


def _of_variant(stage: Stage, dataset: Any, seed: int) -> dict[str, Figure]:
    labels, rng = stage.arrays["labels"], np.random.default_rng(seed)
    counts = np.bincount(labels, minlength=stage.scores["n_clusters"])
    points = np.column_stack([stage.arrays["x"], stage.arrays["y"]])
    drawn = {
        "random_images": figures.random_images(dataset.images, labels, rng=rng),
        "centroids": _centroids(stage, dataset.images, counts.tolist()),
        "embedding": figures.embedding(points, labels, dataset.images, rng=rng),
    }
    if np.isfinite(stage.arrays["silhouette"]).all():  # not where all images are equal: one cluster has none
        drawn["silhouette"] = figures.silhouette_plot(stage.arrays["silhouette"], labels)
    if dataset.labels is not None and (dataset.labels >= 0).any():
        drawn |= _against_labels(dataset.labels, labels, dataset.label_names)
    return drawn


def _against_labels(true: Int[np.ndarray, "n"], labels: Int[np.ndarray, "n"], names: Any) -> dict[str, Figure]:
    true, labels = true[true >= 0], labels[true >= 0]
    matching = match_clusters(true, labels)
    classes = [names[label] if names else str(label) for label in matching.classes.tolist()]
    clusters = np.unique(labels).tolist()
    return {
        "label_histograms": figures.label_histograms(
            metrics.contingency_matrix(true, labels), classes, [f"cluster {cluster}" for cluster in clusters]
        ),
        "confusion": figures.confusion_matrix(matching.contingency, classes, [str(c) for c in matching.clusters]),
    }
