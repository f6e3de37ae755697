"""Clusters of an encoder that was trained without labels, and no label here either: SCAN's steps.

    1. neighbours      the m images whose code is nearest to that of each, by cosine
    2. heads           logits = W code + b, trained so that neighbours fall into the same cluster
                       and no cluster takes them all; several at once, of which the one of least
                       loss over all images is kept
       encoder         the same loss of views of the images, with the encoder trained along
    3. self-labels     what the network is sure of in a view that is hardly changed is the label
                       of a strongly changed one

The code of the images does not change in step 2 as long as the encoder rests, so the heads are
trained on codes (`scan_heads.py`), which takes seconds. The losses stand in
`scratchclust/train/objectives/neighbor_consistency.py` and `self_labels.py`.

Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, SCAN: learning to classify
images without labels, 2020. (There the encoder is always trained along, and the neighbours are
those of the projections.)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Float32, Int, Num

from scratchclust.checks import Rule, one_of, that_is
from scratchclust.errors import InputError
from scratchclust.features.networks import in_batches, model_of
from scratchclust.features.scan_heads import MEASURED_IMAGES, TrainedHeads, watch_clusters
from scratchclust.features.self_supervised import codes_of
from scratchclust.models import EncoderProjectorSpec, ProjectorSpec
from scratchclust.neighbors import nearest_neighbors
from scratchclust.train.loop import TrainingResult, fit
from scratchclust.train.losses import Batch, Loss, Scalar, Terms
from scratchclust.train.objectives.neighbor_consistency import NeighborLoss
from scratchclust.train.objectives.self_labels import SelfLabelLoss
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import ViewSpec
from scratchclust.train.views import Views

__all__ = [
    "VIEWS",
    "OfCodes",
    "fit_encoder",
    "fit_self_labels",
    "logits_of",
    "mine_neighbors",
    "network_of",
    "network_spec",
    "strong_views",
    "weak_views",
]

CUTOUT_RATE = 0.5  # of strongly changed views
VIEWS: Rule = one_of("auto") | that_is("a ViewSpec", lambda value: isinstance(value, ViewSpec))


@dataclass(frozen=True)
class OfCodes:
    """A loss of clusters' logits as that of an encoder with the head behind it.

    Attributes:
        loss: of `model(pictures) -> logits`.
        code_views: that the encoder was trained on, which say what the code of a picture is.
    """

    loss: Loss
    code_views: ViewSpec

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        def logits(pictures: Array) -> Array:
            return model.projector(codes_of(model, pictures, self.code_views))

        return self.loss(logits, batch, key)


def mine_neighbors(Z: Float32[np.ndarray, "n d"], n_neighbors: int) -> Int[np.ndarray, "n m"]:
    """Find the images whose code is nearest to that of each, by cosine.

    Args:
        Z: the codes.
        n_neighbors: m.

    Raises:
        InputError: not fewer neighbours than images, or a code of zeros.
    """
    if n_neighbors >= len(Z):
        raise InputError(
            f"expected n_neighbors below {len(Z)}, the number of images, got {n_neighbors}: "
            "give fewer, or more images"
        )
    return nearest_neighbors(Z, n_neighbors, metric="cosine").indices.astype(np.int32)


def network_spec(encoder: EncoderProjectorSpec, n_clusters: int) -> EncoderProjectorSpec:
    """Give the spec of an encoder with a linear head behind it."""
    return replace(encoder, projector=ProjectorSpec(hidden=(), out=n_clusters))


def network_of(
    spec: EncoderProjectorSpec,
    image_shape: tuple[int, int, int],
    arrays: Mapping[str, np.ndarray],
    heads: TrainedHeads,
) -> Any:
    """Put a head behind the encoder of these arrays, in evaluation mode.

    Args:
        spec: of `network_spec`.
        image_shape: height, width and channels.
        arrays: of a trained encoder and projector, by their path; the projector is left.
        heads: of `fit_heads`.
    """
    of_encoder = {name: a for name, a in arrays.items() if name.startswith("encoder.")}
    head = {"projector.last.kernel": heads.kernel, "projector.last.bias": heads.bias}
    return model_of(spec, image_shape, {**of_encoder, **head})


def fit_encoder(
    images: Num[np.ndarray, "n h w c"],
    model: Any,
    neighbors: Int[np.ndarray, "n m"],
    *,
    code_views: ViewSpec,
    views: ViewSpec,
    entropy_weight: float | int,
    key: Any,
    training: Training,
) -> TrainingResult:
    """Train encoder and head so that views of neighbours fall into the same cluster.

    Args:
        images: uint8, or float in [0, 1].
        model: of `network_of`; it stays as it is.
        neighbors: of `mine_neighbors`.
        code_views: that the encoder was trained on.
        views: of the images.
        entropy_weight: as in `scan_loss`.
        key: of the shuffles and the views.
        training: the settings, as `train` explains them.

    Raises:
        TrainingError: the loss became NaN, or one cluster has taken nearly all.
    """
    loss = NeighborLoss(Views(views, 1), entropy_weight)
    return _fit_network(Batch(images, None, neighbors), model, loss, code_views, key, training)


def fit_self_labels(
    images: Num[np.ndarray, "n h w c"],
    model: Any,
    *,
    code_views: ViewSpec,
    weak: ViewSpec,
    strong: ViewSpec,
    threshold: float | int,
    key: Any,
    training: Training,
) -> TrainingResult:
    """Train encoder and head to say of strongly changed images what they are sure of in others.

    Args:
        images: uint8, or float in [0, 1].
        model: of `network_of` or `fit_encoder`; it stays as it is.
        code_views: that the encoder was trained on.
        weak: how the images are changed that give the labels.
        strong: how those are that learn them.
        threshold: the probability that a label must exceed.
        key: of the shuffles and the views.
        training: the settings, as `train` explains them.

    Raises:
        TrainingError: the loss became NaN, or one cluster has taken nearly all.
    """
    loss = SelfLabelLoss(Views(weak, 1), Views(strong, 1), threshold)
    return _fit_network(Batch(images, None), model, loss, code_views, key, training)


def _fit_network(
    data: Batch, model: Any, loss: Loss, code_views: ViewSpec, key: Any, training: Training
) -> TrainingResult:
    some = data.images[:MEASURED_IMAGES]
    watch = watch_clusters(lambda model: logits_of(model, some, code_views)[:, None])
    return fit(
        model,
        data,
        loss=OfCodes(loss, code_views),
        key=key,
        training=replace(training, callbacks=[watch, *training.callbacks]),
    )


def logits_of(
    model: Any, images: Num[np.ndarray, "n h w c"], code_views: ViewSpec
) -> Float32[np.ndarray, "n q"]:
    """Give the logit of each cluster, for each image.

    Args:
        model: of `network_of`.
        images: uint8, or float in [0, 1].
        code_views: that the encoder was trained on.
    """
    return in_batches(model, _Logits(code_views), images)


def weak_views(code_views: ViewSpec) -> ViewSpec:
    """Give views that are hardly changed: mirrored, where the encoder has seen mirrored ones."""
    return ViewSpec(flip_rate=code_views.flip_rate)


def strong_views(code_views: ViewSpec) -> ViewSpec:
    """Give views with all that the encoder has learned not to mind, and a square cut out.

    Crops are from the smallest that it has seen to the whole image, in the size of the image.
    """
    crop_area = (min(code_views.crop_area), 1)
    return replace(code_views, crop_area=crop_area, size=None, cutout_rate=CUTOUT_RATE)


@dataclass(frozen=True)
class _Logits:
    """(model, images) -> logits, compiled once for the same views."""

    code_views: ViewSpec

    def __call__(self, model: Any, images: Float[Array, "n h w c"]) -> Float[Array, "n q"]:
        return model.projector(codes_of(model, images, self.code_views))
