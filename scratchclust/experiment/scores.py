"""The scores of a run, under the names they have in metrics.json."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from scratchclust import metrics
from scratchclust.experiment.images import Images
from scratchclust.experiment.telling import ask_features, ask_predict
from scratchclust.runs.result import AppliedResult, Spread

MOST_VOTERS = 10_000  # images whose labels vote on those of others: all would take minutes


class Agreement(NamedTuple):
    """With the true labels, over the images whose label is known; None where none is."""

    n_labelled: int | None = None
    accuracy: float | None = None
    purity: float | None = None
    mean_cluster_purity: float | None = None
    nmi: float | None = None
    ari: float | None = None
    homogeneity: float | None = None
    completeness: float | None = None


class Internal(NamedTuple):
    """Of clusters alone; and of the true labels as a yardstick, where all are known."""

    silhouette: float | None = None
    dunn: float | None = None
    silhouette_of_labels: float | None = None
    dunn_of_labels: float | None = None


class OnTest(NamedTuple):
    """Of a classifier, on images that it has not seen."""

    test_accuracy: float | None = None
    test_majority: float | None = None  # the share of the largest class
    test_mean_cluster_purity: float | None = None  # of the clusters among these images alone


class Reconstruction(NamedTuple):
    """The mean squared error per pixel of an autoencoder."""

    reconstruction_mse: float | None = None  # the mean over the images
    reconstruction_mse_se: float | None = None  # its standard error
    mean_image_mse: float | None = None  # of one that draws the mean image whatever it sees


class OfCode(NamedTuple):
    """Of an encoder that was trained without labels."""

    knn_accuracy: float | None = None  # of the vote of neighbours
    effective_rank: float | None = None  # of the code of images of the fit, as its history has it
    uniformity: float | None = None


def agreement_scores(
    labels_true: Int[np.ndarray, " n"] | None, labels_pred: Int[np.ndarray, " n"]
) -> Agreement:
    """Compare the clusters with the true labels, over the images whose label is known."""
    if labels_true is None or not (labels_true >= 0).any():
        return Agreement()
    known = labels_true >= 0
    true = labels_true[known]
    pred = labels_pred[known]
    return Agreement(
        n_labelled=int(known.sum()),
        accuracy=metrics.clustering_accuracy(true, pred),
        purity=metrics.purity_score(true, pred),
        mean_cluster_purity=metrics.mean_cluster_purity(true, pred),
        nmi=metrics.normalized_mutual_info_score(true, pred),
        ari=metrics.adjusted_rand_score(true, pred),
        homogeneity=metrics.homogeneity_score(true, pred),
        completeness=metrics.completeness_score(true, pred),
    )


def internal_and_samples(
    X: Float[np.ndarray, "n d"],
    labels_pred: Int[np.ndarray, " n"],
    labels_true: Int[np.ndarray, " n"] | None,
) -> tuple[Internal, Float[np.ndarray, " n"]]:
    """Score the clusters by silhouette and Dunn's index, and the true labels as a yardstick, in one
    pass.

    Returns:
        The scores, and the silhouette of each image.
    """
    if len(np.unique(labels_pred[labels_pred >= 0])) < 2:  # of one cluster neither is defined
        return Internal(), np.full(len(X), np.nan)
    labelings = [labels_pred]
    if labels_true is not None and (labels_true >= 0).all() and len(np.unique(labels_true)) > 1:
        labelings.append(labels_true)
    ours, *theirs = metrics.internal_scores(X, labelings)
    scores = Internal(float(ours["silhouette"]), float(ours["dunn"]))
    for yardstick in theirs:
        scores = scores._replace(
            silhouette_of_labels=float(yardstick["silhouette"]),
            dunn_of_labels=float(yardstick["dunn"]),
        )
    return scores, ours["silhouette_samples"]


def spread(
    X: Float[np.ndarray, "n d"],
    labelings: list[Int[np.ndarray, " n"]],
    labels_true: Int[np.ndarray, " n"] | None,
) -> dict[str, Spread]:
    """Sum up each score over several clusterings of the same points."""
    internal = metrics.internal_scores(X, labelings)
    agreement = [agreement_scores(labels_true, labels) for labels in labelings]
    scores = {name: [one[name] for one in internal] for name in ("silhouette", "dunn")}
    for name in Agreement._fields[1:]:
        if agreement[0].n_labelled is not None:
            scores[name] = [one._asdict()[name] for one in agreement]
    return {name: _summed_up(np.array(values, float)) for name, values in scores.items()}


def _summed_up(values: Float[np.ndarray, " n"]) -> Spread:
    return Spread(
        mean=float(values.mean()),
        std=float(values.std(ddof=1)),
        min=float(values.min()),
        max=float(values.max()),
    )


def test_scores(pipeline: Any, images: Images) -> OnTest:
    """Score a classifier on the images that test it, and the clusters among these alone."""
    tested = images.tested
    classifier = ask_features(pipeline.named_steps["features"]).classifier
    if tested is None or classifier is None:
        return OnTest()
    known = tested.labels[tested.labels >= 0]
    scores = OnTest(
        test_accuracy=float(classifier.score(tested.images, tested.labels)),
        test_majority=float(np.bincount(known).max() / len(tested.labels)),
    )
    predict = ask_predict(pipeline)
    if predict is None:
        return scores
    clusters = np.asarray(predict(tested.images))
    purity = metrics.mean_cluster_purity(tested.labels, clusters)
    return scores._replace(test_mean_cluster_purity=purity)


def training_scores(features: Any, dataset: Any) -> Reconstruction:
    """Measure how well an autoencoder draws images again; nothing is known of other features."""
    autoencoder = ask_features(features).autoencoder
    if autoencoder is None:
        return Reconstruction()
    drawn = autoencoder.reconstruct(dataset.images)
    originals = autoencoder.prepared(dataset.images)
    of_images = _squared_errors(drawn, originals)
    mean_image = np.broadcast_to(originals.mean(axis=0, dtype=np.float64), originals.shape)
    return Reconstruction(
        reconstruction_mse=float(of_images.mean()),
        reconstruction_mse_se=_standard_error(of_images),
        mean_image_mse=float(_squared_errors(mean_image, originals).mean()),
    )


def code_scores(features: Any, Z: Float[np.ndarray, "n d"], images: Images) -> OfCode:
    """Judge the code of an encoder; nothing is known of other features.

    Its neighbours among up to 10,000 images that it learned from vote on the label of each image
    that is clustered. Where it learned from these, every second one votes on the others. Labels
    judge, and decide nothing.

    Args:
        features: fitted ones.
        Z: what they make of the images that are clustered.
        images: of the run.
    """
    encoder = ask_features(features).encoder
    if encoder is None:
        return OfCode()
    last = {name: values[-1] for name, values in encoder.history_.items()}
    room = OfCode(effective_rank=last.get("effective_rank"), uniformity=last.get("uniformity"))
    voting = _voting(encoder, Z, images)
    if voting is None:
        return room
    from scratchclust.train.knn import knn_accuracy  # loads what trains networks

    return room._replace(knn_accuracy=knn_accuracy(*voting))


def _voting(
    encoder: Any, Z: Float[np.ndarray, "n d"], images: Images
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
    """Codes and labels of those that vote, and of those that are voted on; None where not known."""
    judged = images.clustered.labels
    if judged is None:
        return None
    if images.learned is None:
        codes, labels = Z[1::2], judged[1::2]
        Z, judged = Z[::2], judged[::2]
    elif images.learned.labels is None:
        return None
    else:
        codes = np.asarray(encoder.transform(images.learned.images[:MOST_VOTERS]))
        labels = images.learned.labels[:MOST_VOTERS]
    votes, known = labels >= 0, judged >= 0
    if not votes.any() or not known.any():
        return None
    return codes[votes], labels[votes], Z[known], judged[known]


def _squared_errors(drawn: np.ndarray, originals: np.ndarray) -> Float[np.ndarray, " n"]:
    """The mean squared error per pixel of each image."""
    errors = []
    for begin in range(0, len(drawn), 1000):
        part = slice(begin, begin + 1000)
        errors.append(((drawn[part] - originals[part]) ** 2).mean(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(errors)


def applied_scores(pipeline: Any, dataset: Any) -> AppliedResult:
    """Score a fitted pipeline on images that no step of it was fitted to.

    Returns:
        The agreement with their labels, "majority", the share of the largest class, which is what
        one cluster for all would get; and the standard errors: of the accuracy a, sqrt(a (1 - a) /
        n), and of the reconstruction. The matching of clusters and labels is found on these same
        images, which favours it a little.
    """
    known = {
        "n_scored": len(dataset.images),
        **training_scores(pipeline[0], dataset)._asdict(),
    }
    predict = ask_predict(pipeline)
    if dataset.labels is None or predict is None:
        return AppliedResult(**known)
    agreement = agreement_scores(dataset.labels, np.asarray(predict(dataset.images)))
    known |= agreement._asdict()
    if agreement.accuracy is not None:
        accuracy = agreement.accuracy
        labels = dataset.labels[dataset.labels >= 0]
        known["accuracy_se"] = float(np.sqrt(accuracy * (1 - accuracy) / len(labels)))
        known["majority"] = float(np.bincount(labels).max() / len(labels))
    return AppliedResult(**known)


def _standard_error(values: Float[np.ndarray, " n"]) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else 0.0
