"""The scores of a run, under the names they have in metrics.json."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from scratchclust import metrics
from scratchclust.recipes.images import Images


def agreement_scores(labels_true: Int[np.ndarray, "n"] | None, labels_pred: Int[np.ndarray, "n"]) -> dict[str, Any]:
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
    X: Float[np.ndarray, "n d"], labels_pred: Int[np.ndarray, "n"], labels_true: Int[np.ndarray, "n"] | None
) -> tuple[dict[str, Any], Float[np.ndarray, "n"]]:
    """Silhouette and Dunn's index of the clusters, and of the true labels as a yardstick, from one pass.

    Returns:
        "silhouette", "dunn", and, where all labels are known, "silhouette_of_labels" and "dunn_of_labels"; and the
        silhouette of each image.
    """
    if len(np.unique(labels_pred[labels_pred >= 0])) < 2:  # of one cluster neither is defined
        return {"silhouette": None, "dunn": None}, np.full(len(X), np.nan)
    labelings = [labels_pred]
    if labels_true is not None and (labels_true >= 0).all() and len(np.unique(labels_true)) > 1:
        labelings.append(labels_true)
    ours, *theirs = metrics.internal_scores(X, labelings)
    scores = {"silhouette": ours["silhouette"], "dunn": ours["dunn"]}
    for yardstick in theirs:
        scores.update(silhouette_of_labels=yardstick["silhouette"], dunn_of_labels=yardstick["dunn"])
    return scores, ours["silhouette_samples"]


def spread(
    X: Float[np.ndarray, "n d"], labelings: list[Int[np.ndarray, "n"]], labels_true: Int[np.ndarray, "n"] | None
) -> dict[str, dict[str, float]]:
    """Mean, standard deviation, smallest and largest of each score over several clusterings of the same points."""
    scores = [
        {"silhouette": internal["silhouette"], "dunn": internal["dunn"], **agreement_scores(labels_true, labels)}
        for internal, labels in zip(metrics.internal_scores(X, labelings), labelings, strict=True)
    ]
    columns = {name: np.array([one[name] for one in scores], float) for name in scores[0] if name != "n_labelled"}
    return {
        name: {"mean": values.mean(), "std": values.std(ddof=1), "min": values.min(), "max": values.max()}
        for name, values in columns.items()
    }


def test_scores(pipeline: Any, images: Images) -> dict[str, Any]:
    """The accuracy of a classifier on the images that test it, and the purity of the clusters among these alone."""
    features, tested = pipeline.named_steps["features"], images.tested
    if tested is None or not hasattr(features, "predict"):
        return {}
    scores = {"test_accuracy": features.score(tested.images, tested.labels)}
    if hasattr(pipeline, "predict"):  # not every clustering has a place for new images
        clusters = np.asarray(pipeline.predict(tested.images))
        scores["test_mean_cluster_purity"] = metrics.mean_cluster_purity(tested.labels, clusters)
    return scores


def training_scores(features: Any, images: Images) -> dict[str, Any]:
    """What is known of an autoencoder beyond its clusters: its mean squared error per pixel on the clustered images."""
    scores: dict[str, Any] = {}
    if hasattr(features, "reconstruct"):
        drawn, error = features.reconstruct(images.clustered.images), 0.0
        originals = features.prepared(images.clustered.images)
        for begin in range(0, len(drawn), 1000):
            part = slice(begin, begin + 1000)
            error += float(((drawn[part] - originals[part]) ** 2).sum(dtype=np.float64))
        scores["reconstruction_mse"] = error / drawn.size
    return scores
