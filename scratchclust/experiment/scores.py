"""The scores of a run, under the names they have in metrics.json."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from scratchclust import metrics
from scratchclust.experiment.images import Images


def agreement_scores(
    labels_true: Int[np.ndarray, "n"] | None, labels_pred: Int[np.ndarray, "n"]
) -> dict[str, Any]:
    """Agreement with the true labels, over the images whose label is known; empty where none is."""
    if labels_true is None or not (labels_true >= 0).any():
        return {}
    known = labels_true >= 0
    true, pred = labels_true[known], labels_pred[known]
    return {
        "n_labelled": int(known.sum()),
        "accuracy": metrics.clustering_accuracy(true, pred),
        "purity": metrics.purity_score(true, pred),
        "mean_cluster_purity": metrics.mean_cluster_purity(true, pred),
        "nmi": metrics.normalized_mutual_info_score(true, pred),
        "ari": metrics.adjusted_rand_score(true, pred),
        "homogeneity": metrics.homogeneity_score(true, pred),
        "completeness": metrics.completeness_score(true, pred),
    }


def internal_and_samples(
    X: Float[np.ndarray, "n d"],
    labels_pred: Int[np.ndarray, "n"],
    labels_true: Int[np.ndarray, "n"] | None,
) -> tuple[dict[str, Any], Float[np.ndarray, "n"]]:
    """Silhouette and Dunn's index of the clusters, and of the true labels as a yardstick, from one
    pass.

    Returns:
        "silhouette", "dunn", and, where all labels are known, "silhouette_of_labels" and
        "dunn_of_labels"; and the silhouette of each image.
    """
    if len(np.unique(labels_pred[labels_pred >= 0])) < 2:  # of one cluster neither is defined
        return {"silhouette": None, "dunn": None}, np.full(len(X), np.nan)
    labelings = [labels_pred]
    if labels_true is not None and (labels_true >= 0).all() and len(np.unique(labels_true)) > 1:
        labelings.append(labels_true)
    ours, *theirs = metrics.internal_scores(X, labelings)
    scores = {"silhouette": ours["silhouette"], "dunn": ours["dunn"]}
    for yardstick in theirs:
        scores.update(
            silhouette_of_labels=yardstick["silhouette"], dunn_of_labels=yardstick["dunn"]
        )
    return scores, ours["silhouette_samples"]


def spread(
    X: Float[np.ndarray, "n d"],
    labelings: list[Int[np.ndarray, "n"]],
    labels_true: Int[np.ndarray, "n"] | None,
) -> dict[str, dict[str, float]]:
    """Mean, standard deviation, smallest and largest of each score over several clusterings of the
    same points.
    """
    scores = [
        {
            "silhouette": internal["silhouette"],
            "dunn": internal["dunn"],
            **agreement_scores(labels_true, labels),
        }
        for internal, labels in zip(metrics.internal_scores(X, labelings), labelings, strict=True)
    ]
    columns = {
        name: np.array([one[name] for one in scores], float)
        for name in scores[0]
        if name != "n_labelled"
    }
    return {
        name: {
            "mean": values.mean(),
            "std": values.std(ddof=1),
            "min": values.min(),
            "max": values.max(),
        }
        for name, values in columns.items()
    }


def test_scores(pipeline: Any, images: Images) -> dict[str, Any]:
    """The accuracy of a classifier on the images that test it, and the purity of the clusters among
    these alone.
    """
    features, tested = pipeline.named_steps["features"], images.tested
    if tested is None or not hasattr(features, "predict"):
        return {}
    scores = {"test_accuracy": features.score(tested.images, tested.labels)}
    scores["test_majority"] = float(
        np.bincount(tested.labels[tested.labels >= 0]).max() / len(tested.labels)
    )
    if hasattr(pipeline, "predict"):  # not every clustering has a place for new images
        clusters = np.asarray(pipeline.predict(tested.images))
        scores["test_mean_cluster_purity"] = metrics.mean_cluster_purity(tested.labels, clusters)
    return scores


def training_scores(features: Any, dataset: Any) -> dict[str, Any]:
    """What is known of an autoencoder beyond its clusters: its mean squared error per pixel on
    images.

    Returns:
        "reconstruction_mse", the mean over the images, and its standard error; "mean_image_mse",
        the error of one that draws the mean image whatever it sees, and so has learned nothing;
        nothing of other features.
    """
    if not hasattr(features, "reconstruct"):
        return {}
    drawn, originals = features.reconstruct(dataset.images), features.prepared(dataset.images)
    of_images = _squared_errors(drawn, originals)
    mean_image = np.broadcast_to(originals.mean(axis=0, dtype=np.float64), originals.shape)
    return {
        "reconstruction_mse": of_images.mean(),
        "reconstruction_mse_se": _standard_error(of_images),
        "mean_image_mse": _squared_errors(mean_image, originals).mean(),
    }


def _squared_errors(drawn: np.ndarray, originals: np.ndarray) -> Float[np.ndarray, "n"]:
    """The mean squared error per pixel of each image."""
    errors = []
    for begin in range(0, len(drawn), 1000):
        part = slice(begin, begin + 1000)
        errors.append(((drawn[part] - originals[part]) ** 2).mean(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(errors)


def applied_scores(pipeline: Any, dataset: Any) -> dict[str, Any]:
    """Scores of a fitted pipeline on images that no step of it was fitted to.

    Returns:
        The agreement with their labels, "majority", the share of the largest class, which is what
        one cluster for all would get; and the standard errors: of the accuracy a, sqrt(a (1 - a) /
        n), and of the reconstruction. The matching of clusters and labels is found on these same
        images, which favours it a little.
    """
    scores: dict[str, Any] = {"n_scored": len(dataset.images)}
    scores |= training_scores(pipeline[0], dataset)
    if dataset.labels is None or not hasattr(
        pipeline, "predict"
    ):  # not every clustering has a place for new images
        return scores
    scores |= agreement_scores(dataset.labels, np.asarray(pipeline.predict(dataset.images)))
    if "accuracy" in scores:
        accuracy, known = scores["accuracy"], dataset.labels[dataset.labels >= 0]
        scores["accuracy_se"] = float(np.sqrt(accuracy * (1 - accuracy) / len(known)))
        scores["majority"] = float(np.bincount(known).max() / len(known))
    return scores


def _standard_error(values: Float[np.ndarray, "n"]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
