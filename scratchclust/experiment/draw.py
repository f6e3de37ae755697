"""Which figures a run has, and from which of its arrays. The drawing itself is in
`scratchclust.report`.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Num
from matplotlib.figure import Figure
from sklearn.pipeline import Pipeline

from scratchclust import metrics
from scratchclust.experiment.doubts import why_untrained
from scratchclust.metrics.agreement import match_clusters
from scratchclust.recipes.plan import Tell
from scratchclust.report import figures
from scratchclust.runs import Stage, slug

N_DRAWN = 10  # images beside their reconstructions
N_SAMPLES = 64  # pictures that a VAE draws from random codes
N_WALKS, N_STEPS = 6, 10  # its walks from image to image, and the pictures in each


def draw_all(
    folder: Path, stages: Mapping[str, Stage], dataset: Any, *, seed: int, tell: Tell
) -> None:
    """Draws the figures of every variant into the folder: those of the first under plain names,
    those of the others with the variant's name behind, and the inertia of all in one.

    Args:
        folder: figures/; it is made.
        stages: By the variant's name, the first one first.
        dataset: The `scratchclust.data.Dataset` that was clustered.
        seed: Of the random choice of images to show.
        tell: Is told each variant.
    """
    first = next(iter(stages.values())).arrays["labels"]
    for index, (name, stage) in enumerate(stages.items()):
        tell(f"{name}: figures")
        suffix = f"-{slug(name)}" if index else ""
        colors = colors_as_in(first, stage.arrays["labels"])
        for kind, figure in _of_variant(stage, dataset, seed, colors).items():
            figures.save(figures.name_variant(figure, name), folder / f"{kind}{suffix}.png")
    histories = {
        name: stage.arrays["inertia"] for name, stage in stages.items() if "inertia" in stage.arrays
    }
    if histories:
        figures.save(figures.inertia_history(histories, apart=True), folder / "inertia.png")
    if len(stages) > 1:
        figures.save(_side_by_side(stages), folder / "comparison.png")
    networks = {name: stage.pipeline.named_steps["features"] for name, stage in stages.items()}
    for kind, figure in _of_networks(networks, dataset, seed).items():
        figures.save(figure, folder / f"{kind}.png")
    watched = {
        name: stage.scores["by_epoch"]
        for name, stage in stages.items()
        if "by_epoch" in stage.scores
    }
    if any(curves["epoch"] for curves in watched.values()):
        figures.save(_by_epoch(watched), folder / "by_epoch.png")


def _side_by_side(stages: Mapping[str, Stage]) -> Figure:
    """The scores of all variants, and the time that each took."""
    named = {
        "accuracy": "accuracy",
        "purity": "purity",
        "nmi": "NMI",
        "ari": "ARI",
        "silhouette": "silhouette",
    }
    results = [stage.scores for stage in stages.values()]
    scores = {
        name: [result.get(score) for result in results]
        for score, name in {**named, "dunn": "Dunn"}.items()
    }
    applied = [result.get("applied", {}).get("accuracy") for result in results]
    others = {} if set(applied) == {None} else {"accuracy on others": applied}
    seconds = [sum(result["seconds"].values()) for result in results]
    untrained = {True: "\n(network has learned nothing)", False: ""}
    names = [
        f"{name}{untrained[why_untrained(stage.scores) is not None]}"
        for name, stage in stages.items()
    ]
    return figures.comparison_bars(names, {**scores, **others, "seconds": seconds})


def draw_over_k(path: Path, stage: Stage, variant: str) -> None:
    """Draws what a stage has of inertia, silhouette and Dunn's index over k into a file."""
    scores = {
        name: stage.scores.get(name)
        for name in ("n_clusters", "inertia", "silhouette", "dunn", "chosen")
    }
    figures.save(figures.name_variant(figures.scan(**scores), variant), path)


def colors_as_in(first: Int[np.ndarray, "n"], labels: Int[np.ndarray, "n"]) -> dict[int, int]:
    """The number of each cluster's colour: that of the cluster of the first variant with which it
    shares the most.

    Clusters are matched one to one, so that as many images as possible keep their colour. A cluster
    without a partner gets the first number that nobody has.
    """
    matching = match_clusters(np.where(first < 0, first.max(initial=0) + 1, first), labels)
    numbers, left = {}, []
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


def centroids_as_images(pipeline: Pipeline) -> Num[np.ndarray, "k h w c"]:
    """The centroids, taken back through the reduction and the features to images in [0, 1]."""
    return np.asarray(
        pipeline[:-1].inverse_transform(pipeline.named_steps["cluster"].cluster_centers_)
    )


def _centroids(stage: Stage, images: Num[np.ndarray, "n h w c"], counts: list[int]) -> Figure:
    """The centroids as images; where the features cannot draw, or there are none, the mean image of
    each cluster.
    """
    features, clustering = (
        stage.pipeline.named_steps["features"],
        stage.pipeline.named_steps["cluster"],
    )
    can_draw = hasattr(stage.pipeline[:-1], "inverse_transform") and not _has_spec(
        features, "UNetSpec"
    )
    if can_draw and hasattr(clustering, "cluster_centers_"):
        return figures.centroid_images(centroids_as_images(stage.pipeline), counts)
    labels = stage.arrays["labels"]
    none = np.zeros((1, *images.shape[1:]))
    means = np.stack(
        [(images[labels == j] if n else none).mean(axis=0) / 255 for j, n in enumerate(counts)]
    )
    return figures.centroid_images(
        means, counts, title=f"Mean image of each of {len(counts)} clusters"
    )


def _has_spec(features: Any, kind: str) -> bool:
    """Whether these are codes of such a network. (Those of a U-Net cannot be drawn without the ways
    around them.)
    """
    return (
        hasattr(features, "inverse_transform")
        and type(getattr(features, "spec_", None)).__name__ == kind
    )


def _of_networks(networks: Mapping[str, Any], dataset: Any, seed: int) -> dict[str, Figure]:
    """The losses of all networks, and the same images as each autoencoder draws them."""
    histories = {
        name: network.history_ for name, network in networks.items() if hasattr(network, "history_")
    }
    by_class = {
        f"class {network.classes_[int(j)]}": history
        for network in networks.values()
        if hasattr(network, "losses")
        for j, history in network.history_.items()
    }
    shown = {name: _without_twins(history) for name, history in (by_class or histories).items()}
    drawn = {"training": figures.training_curves(shown)} if shown else {}
    painters = {
        name: network for name, network in networks.items() if hasattr(network, "reconstruct")
    }
    if painters:
        chosen = np.random.default_rng(seed).choice(
            len(dataset.images), min(N_DRAWN, len(dataset.images)), False
        )
        images = dataset.images[np.sort(chosen)]
        originals = next(iter(painters.values())).prepared(images)
        again = {name: network.reconstruct(images) for name, network in painters.items()}
        unets = {
            name: network for name, network in painters.items() if _has_spec(network, "UNetSpec")
        }
        again |= {
            f"{name}, code = 0": network.reconstruct(images, zero_code=True)
            for name, network in unets.items()
        }
        drawn["reconstructions"] = figures.reconstructions(originals, again)
    vaes = {name: network for name, network in networks.items() if _has_spec(network, "VAESpec")}
    for index, (name, vae) in enumerate(vaes.items()):
        suffix = f"-{slug(name)}" if index else ""
        for kind, figure in _of_vae(vae, dataset.images, seed).items():
            drawn[f"{kind}{suffix}"] = figures.name_variant(figure, name)
    return drawn


def _of_vae(vae: Any, images: Num[np.ndarray, "n h w c"], seed: int) -> dict[str, Figure]:
    """What it draws from codes of the normal distribution, and on straight lines between the codes
    of images.
    """
    rng = np.random.default_rng(seed)
    drawn = vae.inverse_transform(rng.standard_normal((N_SAMPLES, vae.n_features_out_)))
    n_walks = min(N_WALKS, len(images) // 2)
    begin, end = rng.choice(len(images), (2, n_walks), replace=False)
    share = np.linspace(0, 1, N_STEPS)[None, :, None]
    codes = (1 - share) * vae.transform(images[begin])[:, None] + share * vae.transform(
        images[end]
    )[:, None]
    walks = vae.inverse_transform(codes.reshape(n_walks * N_STEPS, -1)).reshape(
        n_walks, N_STEPS, *drawn.shape[1:]
    )
    labels = [f"image {i} to {j}" for i, j in zip(begin, end, strict=True)]
    return {"samples": figures.samples(drawn), "latent_walk": figures.latent_walk(walks, labels)}


def _by_epoch(watched: Mapping[str, Mapping[str, list[Any]]]) -> Figure:
    """The scores of the clusters after some epochs of each network."""
    histories, errors = {}, {}
    for name, curves in watched.items():
        columns = {
            score: dict(zip(curves["epoch"], values, strict=True))
            for score, values in curves.items()
        }
        epochs = range(1, 1 + max(columns.pop("epoch"), default=0))
        by_epoch = {score: [at.get(epoch) for epoch in epochs] for score, at in columns.items()}
        histories[name] = {
            score: values for score, values in by_epoch.items() if not score.endswith("_se")
        }
        errors[name] = {
            score: by_epoch[f"{score}_se"] for score in histories[name] if f"{score}_se" in by_epoch
        }
    title = "Clusters of the code, and its reconstructions, by epoch"
    if any(errors.values()):
        title += "; bars: one standard error"
    return figures.training_curves(histories, errors=errors, title=title)


def _without_twins(history: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """The terms of a loss but those that are the loss itself."""
    return {
        name: values
        for name, values in history.items()
        if name == "loss" or values != history["loss"]
    }


def _of_variant(
    stage: Stage, dataset: Any, seed: int, colors: Mapping[int, int]
) -> dict[str, Figure]:
    labels, rng = stage.arrays["labels"], np.random.default_rng(seed)
    counts = np.bincount(labels[labels >= 0], minlength=stage.scores["n_clusters"])
    points = np.column_stack([stage.arrays["x"], stage.arrays["y"]])
    drawn = {
        "random_images": figures.random_images(dataset.images, labels, rng=rng),
        **(
            {"centroids": _centroids(stage, dataset.images, counts.tolist())} if len(counts) else {}
        ),
        "embedding": figures.embedding(points, labels, dataset.images, rng=rng, colors=colors),
    }
    if (
        np.isfinite(stage.arrays["silhouette"][labels >= 0]).all()
        and len(np.unique(labels[labels >= 0])) > 1
    ):
        drawn["silhouette"] = figures.silhouette_plot(
            stage.arrays["silhouette"], labels, colors=colors
        )
    if "k_distances" in stage.arrays:
        clustering = stage.pipeline.named_steps["cluster"]
        curve, eps, needed = (
            stage.arrays["k_distances"],
            stage.scores["eps"],
            clustering.min_samples,
        )
        drawn["k_distances"] = figures.k_distances(curve, eps, min_samples=needed)
    if dataset.labels is not None and (dataset.labels >= 0).any():
        drawn |= _against_labels(dataset.labels, labels, dataset.label_names)
    return drawn


def _against_labels(
    true: Int[np.ndarray, "n"], labels: Int[np.ndarray, "n"], names: Any
) -> dict[str, Figure]:
    true, labels = true[true >= 0], labels[true >= 0]
    matching = match_clusters(true, labels)
    classes = [names[label] if names else str(label) for label in matching.classes.tolist()]
    clusters = np.unique(labels)  # of which noise is the first, and to be the last
    order = np.argsort(clusters < 0, kind="stable")
    counts, named = (
        metrics.contingency_matrix(true, labels)[:, order],
        map(figures.cluster_name, clusters[order].tolist()),
    )
    short = ["noise" if cluster < 0 else str(cluster) for cluster in matching.clusters.tolist()]
    return {
        "label_histograms": figures.label_histograms(counts, classes, list(named)),
        "confusion": figures.confusion_matrix(matching.contingency, classes, short),
    }
