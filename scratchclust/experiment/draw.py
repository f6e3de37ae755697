"""Which figures a run has, and from which of its arrays. The drawing itself is in
`scratchclust.report`, what networks compute for it in `pictures`.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int
from matplotlib.figure import Figure

from scratchclust import metrics
from scratchclust.experiment.doubts import why_untrained
from scratchclust.experiment.pictures import (
    drawn_again,
    nearest_codes,
    pictures_of_clusters,
    random_pictures,
    walks,
)
from scratchclust.experiment.telling import (
    VAE,
    Encoder,
    Features,
    History,
    ask_clustering,
    ask_features,
)
from scratchclust.metrics.agreement import match_clusters
from scratchclust.recipes.plan import Tell
from scratchclust.report import figures
from scratchclust.runs import Stage, slug
from scratchclust.runs.findings import Suggestion
from scratchclust.runs.result import ByEpoch, Result

N_DRAWN = 10  # images beside their reconstructions
N_VIEWED = 6  # images beside their views
N_VIEWS = 10  # of each of them


def draw_all(
    folder: Path, stages: Mapping[str, Stage], dataset: Any, *, seed: int, tell: Tell
) -> None:
    """Draw the figures of every variant into the folder: those of the first under plain names,
    those of the others with the variant's name behind, and the inertia of all in one.

    Args:
        folder: figures/; it is made.
        stages: by the variant's name, the first one first.
        dataset: the `scratchclust.data.Dataset` that was clustered.
        seed: of the random choice of images to show.
        tell: is told each variant.
    """
    first = next(iter(stages.values())).arrays["labels"]
    results = {name: Result.from_json(stage.scores) for name, stage in stages.items()}
    for index, (name, stage) in enumerate(stages.items()):
        tell(f"{name}: figures")
        suffix = f"-{slug(name)}" if index else ""
        colors = colors_as_in(first, stage.arrays["labels"])
        for kind, figure in _of_variant(stage, results[name], dataset, seed, colors).items():
            figures.save(figures.name_variant(figure, name), folder / f"{kind}{suffix}.png")
    for kind, figure in _of_all(stages, results, dataset, seed).items():
        figures.save(figure, folder / f"{kind}.png")


def draw_over_k(path: Path, stage: Stage, variant: str) -> None:
    """Draw what a stage has of inertia, silhouette and Dunn's index over k into a file."""
    names = ("n_clusters", "inertia", "silhouette", "dunn", "chosen")
    scores = {name: stage.scores.get(name) for name in names}
    figures.save(figures.name_variant(figures.scan(**scores), variant), path)


def draw_suggestion(path: Path, stage: Stage) -> None:
    """Draw the scores from which a number of clusters is suggested into a file."""
    found = Suggestion.from_json(stage.scores)
    figure = figures.how_many(
        found.n_clusters,
        found.silhouette,
        found.calinski_harabasz,
        found.davies_bouldin,
        found.stability,
        found.suggested,
    )
    figures.save(figure, path)


def colors_as_in(first: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"]) -> dict[int, int]:
    """Number each cluster's colour: that of the cluster of the first variant with which it shares
    the most.

    Clusters are matched one to one, so that as many images as possible keep their colour. A cluster
    without a partner gets the first number that nobody has.
    """
    matching = match_clusters(np.where(first < 0, first.max(initial=0) + 1, first), labels)
    numbers = {}
    left = []
    for cluster, row in zip(
        matching.clusters.tolist(), matching.matched_class.tolist(), strict=True
    ):
        partner = int(matching.classes[row]) if row >= 0 else -1
        if cluster >= 0 and 0 <= partner <= first.max(initial=-1):
            numbers[cluster] = partner
        elif cluster >= 0:
            left.append(cluster)
    taken = {*numbers.values(), *np.unique(first).tolist()}
    free = (number for number in itertools.count() if number not in taken)
    return numbers | dict(zip(sorted(left), free, strict=False))


def _of_all(
    stages: Mapping[str, Stage], results: Mapping[str, Result], dataset: Any, seed: int
) -> dict[str, Figure]:
    """The figures that show all variants."""
    drawn = {}
    histories = {
        name: stage.arrays["inertia"] for name, stage in stages.items() if "inertia" in stage.arrays
    }
    if histories:
        drawn["inertia"] = figures.inertia_history(histories, apart=True)
    if len(results) > 1:
        drawn["comparison"] = _side_by_side(results)
    features = {
        name: ask_features(stage.pipeline.named_steps["features"]) for name, stage in stages.items()
    }
    drawn |= _of_networks(_once_each(features), dataset, seed)
    watched = {
        name: result.by_epoch for name, result in results.items() if result.by_epoch is not None
    }
    if any(curves.epoch for curves in watched.values()):
        drawn["by_epoch"] = _by_epoch(watched)
    return drawn


def _side_by_side(results: Mapping[str, Result]) -> Figure:
    """The scores of all variants, and the time that each took."""
    all_of_them = list(results.values())
    scores = {
        "accuracy": [result.accuracy for result in all_of_them],
        "purity": [result.purity for result in all_of_them],
        "NMI": [result.nmi for result in all_of_them],
        "ARI": [result.ari for result in all_of_them],
        "silhouette": [result.silhouette for result in all_of_them],
        "Dunn": [result.dunn for result in all_of_them],
    }
    applied = [result.applied and result.applied.accuracy for result in all_of_them]
    if any(accuracy is not None for accuracy in applied):
        scores["accuracy on others"] = applied
    scores["seconds"] = [result.seconds.total() for result in all_of_them]
    untrained = {True: "\n(network has learned nothing)", False: ""}
    names = [
        f"{name}{untrained[why_untrained(result) is not None]}" for name, result in results.items()
    ]
    return figures.comparison_bars(names, scores)


def _once_each(features: Mapping[str, Features]) -> dict[str, Features]:
    """The features, a network that several variants share under the name of the first of them: it
    is known by its history.
    """
    found: dict[str, Features] = {}
    for name, one in features.items():
        known = [other.history for other in found.values()]
        if one.history is None or one.history not in known:
            found[name] = one
    return found


def _of_networks(features: Mapping[str, Features], dataset: Any, seed: int) -> dict[str, Figure]:
    """The losses of all networks, and the same images as each autoencoder draws them."""
    drawn = {}
    shown = {name: _without_twins(history) for name, history in _histories(features).items()}
    if shown:
        drawn["training"] = figures.training_curves(shown)
    n = len(dataset.images)
    chosen = np.random.default_rng(seed).choice(n, min(N_DRAWN, n), False)
    again = drawn_again(features, dataset.images[np.sort(chosen)])
    if again is not None:
        drawn["reconstructions"] = figures.reconstructions(again.originals, again.drawn)
    encoders = {name: one.encoder for name, one in features.items() if one.encoder is not None}
    for index, (name, encoder) in enumerate(encoders.items()):
        suffix = f"-{slug(name)}" if index else ""
        for kind, figure in _of_encoder(encoder, dataset, seed).items():
            drawn[f"{kind}{suffix}"] = figures.name_variant(figure, name)
    vaes = {name: one.vae for name, one in features.items() if one.vae is not None}
    for index, (name, vae) in enumerate(vaes.items()):
        suffix = f"-{slug(name)}" if index else ""
        for kind, figure in _of_vae(vae, dataset, seed).items():
            drawn[f"{kind}{suffix}"] = figures.name_variant(figure, name)
    return drawn


def _histories(features: Mapping[str, Features]) -> dict[str, History]:
    """Of the networks of each class, where there are such; else of each variant's network, or of
    each step of its training.
    """
    by_class: dict[str, History] = {}
    for one in features.values():
        by_class |= one.history_by_class or {}
    by_step = {
        f"{name}, {step}": history
        for name, one in features.items()
        for step, history in (one.history_by_step or {}).items()
    }
    plain = {name: one.history for name, one in features.items() if one.history is not None}
    return by_class or plain | by_step


def _of_vae(vae: VAE, dataset: Any, seed: int) -> dict[str, Figure]:
    """What it draws from codes of the normal distribution, and on straight lines between the codes
    of images.
    """
    rng = np.random.default_rng(seed)
    samples = random_pictures(vae, rng)
    walked = walks(vae, dataset.images, rng)
    labels = [f"image {i} to {j}" for i, j in walked.ends]
    return {
        "samples": figures.samples(samples),
        "latent_walk": figures.latent_walk(walked.images, labels),
    }


def _of_encoder(encoder: Encoder, dataset: Any, seed: int) -> dict[str, Figure]:
    """What it was to see through, and what is alike to it before its training and after it."""
    rng = np.random.default_rng(seed)
    n = len(dataset.images)
    shown = dataset.images[np.sort(rng.choice(n, min(N_VIEWED, n), replace=False))]
    labels = dataset.labels
    is_known = labels is not None and (labels >= 0).all()
    nearest = nearest_codes(encoder, dataset.images, labels if is_known else None, rng)
    return {
        "views": figures.views(shown, encoder.make_views(shown, N_VIEWS)),
        "nearest_images": figures.nearest_images(nearest.images, nearest.found),
    }


def _by_epoch(watched: Mapping[str, ByEpoch]) -> Figure:
    """The scores of the clusters after some epochs of each network."""
    histories = {}
    errors = {}
    for name, curves in watched.items():
        of_epoch = {score: _at_each_epoch(curves, score) for score in _scores_of(curves)}
        histories[name] = {
            score: values for score, values in of_epoch.items() if not score.endswith("_se")
        }
        errors[name] = {
            score: of_epoch[f"{score}_se"] for score in histories[name] if f"{score}_se" in of_epoch
        }
    draws = any(curves.reconstruction_mse is not None for curves in watched.values())
    title = (
        f"Clusters of the code, and its {'reconstructions' if draws else 'neighbours'}, by epoch"
    )
    if any(errors.values()):
        title += "; bars: one standard error"
    return figures.training_curves(histories, errors=errors, title=title)


def _scores_of(curves: ByEpoch) -> list[str]:
    return [name for name in curves.to_json() if name != "epoch"]


def _at_each_epoch(curves: ByEpoch, score: str) -> list[float | None]:
    """The score at epochs 1, 2, ...: None where nobody looked."""
    known = dict(zip(curves.epoch, curves.to_json()[score], strict=True))
    return [known.get(epoch) for epoch in range(1, 1 + max(curves.epoch, default=0))]


def _without_twins(history: History) -> dict[str, list[Any]]:
    """The terms of a loss but those that are the loss itself."""
    return {
        name: values
        for name, values in history.items()
        if name == "loss" or values != history["loss"]
    }


def _of_variant(
    stage: Stage, result: Result, dataset: Any, seed: int, colors: Mapping[int, int]
) -> dict[str, Figure]:
    rng = np.random.default_rng(seed)
    labels = stage.arrays["labels"]
    clustered = labels[labels >= 0]
    counts = np.bincount(clustered, minlength=result.n_clusters or 0)
    points = np.column_stack([stage.arrays["x"], stage.arrays["y"]])
    drawn = {"random_images": figures.random_images(dataset.images, labels, rng=rng)}
    if len(counts):
        drawn["centroids"] = _of_clusters(stage, dataset, counts.tolist())
    drawn["embedding"] = figures.embedding(points, labels, dataset.images, rng=rng, colors=colors)
    silhouette = stage.arrays["silhouette"]
    if np.isfinite(silhouette[labels >= 0]).all() and len(np.unique(clustered)) > 1:
        drawn["silhouette"] = figures.silhouette_plot(silhouette, labels, colors=colors)
    if "k_distances" in stage.arrays:
        drawn["k_distances"] = _of_neighbors(stage, result)
    if dataset.labels is not None and (dataset.labels >= 0).any():
        drawn |= _against_labels(dataset.labels, labels, dataset.label_names)
    return drawn


def _of_clusters(stage: Stage, dataset: Any, counts: list[int]) -> Figure:
    pictures = pictures_of_clusters(stage, dataset.images, counts)
    title = f"Mean image of each of {len(counts)} clusters" if pictures.are_means else None
    return figures.centroid_images(pictures.images, counts, title=title)


def _of_neighbors(stage: Stage, result: Result) -> Figure:
    told = ask_clustering(stage.pipeline.named_steps["cluster"])
    needed = told.min_samples or 1  # who has such distances has that number
    return figures.k_distances(stage.arrays["k_distances"], result.eps, min_samples=needed)


def _against_labels(
    true: Int[np.ndarray, " n"], labels: Int[np.ndarray, " n"], names: Any
) -> dict[str, Figure]:
    known = true >= 0
    true = true[known]
    labels = labels[known]
    matching = match_clusters(true, labels)
    classes = [names[label] if names else str(label) for label in matching.classes.tolist()]
    clusters = np.unique(labels)  # of which noise is the first, and to be the last
    order = np.argsort(clusters < 0, kind="stable")
    counts = metrics.contingency_matrix(true, labels)[:, order]
    named = [figures.cluster_name(cluster) for cluster in clusters[order].tolist()]
    short = ["noise" if cluster < 0 else str(cluster) for cluster in matching.clusters.tolist()]
    return {
        "label_histograms": figures.label_histograms(counts, classes, named),
        "confusion": figures.confusion_matrix(matching.contingency, classes, short),
    }
