"""Features that nobody named: what stays the same in views of an image, and differs from others'.

    code = encoder(view),    z = projector(code),    trained so that the z of an image's views
                                                     agree, and those of all images fill the room

After the training the projector is put aside, and the code of an image is

| trained on | code of an image |
|---|---|
| patches (crops that never show all of it) | mean of the codes of a grid of 3 x 3 patches |
| views of the image | the code of the whole image |

The losses stand in `scratchclust/train/objectives`, views in `scratchclust/train/views.py`, signs
of a collapse in `scratchclust/train/collapse.py`.

Source: Tong, Chen, Ma and LeCun, EMP-SSL: towards self-supervised learning in one training epoch,
2023 (patches, and the mean of their codes).
"""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, Float32, Num

from scratchclust.checks import Rule, one_of, that_is
from scratchclust.errors import InputError, TrainingError
from scratchclust.features.networks import in_batches
from scratchclust.models import (
    EncoderProjector,
    EncoderProjectorSpec,
    ProjectorSpec,
    ResNetSpec,
    StridedSpec,
)
from scratchclust.train.collapse import collapse_of, effective_rank, find_collapse, uniformity
from scratchclust.train.loop import TrainingResult, fit
from scratchclust.train.losses import Batch, Loss, Scalar, Terms
from scratchclust.train.objectives.coding_rate import EMPSSLLoss
from scratchclust.train.objectives.contrastive import ContrastiveLoss
from scratchclust.train.objectives.sigreg import LeJEPALoss
from scratchclust.train.settings import Callback, Training
from scratchclust.train.view_frames import crop_and_resize
from scratchclust.train.view_specs import DIGITS, PATCHES, SIMCLR_CIFAR, ViewSpec
from scratchclust.train.views import Views

__all__ = [
    "MODEL",
    "MODELS",
    "OBJECTIVES",
    "VIEWS",
    "code_length",
    "codes_of",
    "draw_views",
    "encode",
    "first_model",
    "fit_self_supervised",
    "loss_of",
    "measure",
    "spec_of",
    "views_of",
]

GRID = 3  # patches to a side, of which the code of an image is the mean
MEASURED_IMAGES = 1_000  # whose code is looked at after each epoch
LEAST_MEASURED = 16  # fewer images say nothing of a collapse
# Before so many steps a network may say nearly the same of all images because it has learned
# nothing yet, nor have the running averages of its batch normalisation, by which codes are made:
# one step of a ResNet-20 on 60 photographs left a uniformity of -0.016, four on 512 left -0.20.
LEAST_STEPS = 20
# Codes behind a ReLU lie in one corner of the sphere: -0.3 was seen of fresh parameters, so that
# the limit for directions of all signs would be near to healthy ones.
MOST_UNIFORMITY = -0.05

MODELS: dict[str, EncoderProjectorSpec] = {
    "strided": EncoderProjectorSpec(
        encoder=StridedSpec(widths=(64, 128, 256)), projector=ProjectorSpec(hidden=(256,), out=128)
    ),
    "resnet18": EncoderProjectorSpec(
        encoder=ResNetSpec(depth=18, family="imagenet-3x3", n_classes=None),
        projector=ProjectorSpec(hidden=(512,), out=128),
    ),
}
MODEL = one_of(*MODELS) | that_is(
    "a StridedSpec, a ResNetSpec or an EncoderProjectorSpec",
    lambda value: isinstance(value, EncoderProjectorSpec | StridedSpec | ResNetSpec),
)


@dataclass(frozen=True)
class Objective:
    """What a word for an objective stands for: a loss, and how it is used if nothing is said."""

    loss: Any  # (views) -> Loss
    views: ViewSpec
    n_views: int


OBJECTIVES = {
    "emp-ssl": Objective(EMPSSLLoss, PATCHES, 8),
    "simclr": Objective(ContrastiveLoss, SIMCLR_CIFAR, 2),
    "lejepa": Objective(LeJEPALoss, SIMCLR_CIFAR, 4),
}
VIEW_WORDS = {"patches": PATCHES, "simclr": SIMCLR_CIFAR, "digits": DIGITS}
VIEWS: Rule = one_of("auto", *VIEW_WORDS) | that_is(
    "a ViewSpec", lambda value: isinstance(value, ViewSpec)
)


def spec_of(model: Any) -> EncoderProjectorSpec:
    """Give the spec that a word stands for; an encoder alone gets a projector.

    Raises:
        InputError: an unknown word, or a spec of something else.
    """
    model = MODEL("model", model)
    if isinstance(model, str):
        return MODELS[model]
    if isinstance(model, EncoderProjectorSpec):
        return model
    return EncoderProjectorSpec(encoder=model, projector=MODELS["strided"].projector)


def views_of(objective: str, views: Any = "auto", n_views: int | None = None) -> Views:
    """Give the views of each image that an objective compares.

    Args:
        objective: a word of `OBJECTIVES`.
        views: "patches", "simclr", "digits" or a `ViewSpec`; "auto" leaves the objective's own.
        n_views: how many of each image; None leaves the objective's own.

    Raises:
        InputError: an unknown word, or a number of views that the objective cannot compare.
    """
    usual = OBJECTIVES[one_of(*OBJECTIVES)("objective", objective)]
    views = VIEWS("views", views)
    n_views = usual.n_views if n_views is None else n_views
    if n_views < 2 or (objective == "simclr" and n_views != 2):
        wanted = "exactly 2" if objective == "simclr" else "2 or more"
        raise InputError(
            f"expected n_views to be {wanted} for objective={objective!r}, got {n_views}: "
            "None leaves its own number"
        )
    words = {"auto": usual.views, **VIEW_WORDS}
    return Views(words[views] if isinstance(views, str) else views, n_views)


def code_length(spec: EncoderProjectorSpec, image_shape: tuple[int, int, int]) -> int:
    """Count the numbers in the code of an image, without drawing a parameter.

    Raises:
        InputError: images of other channels than the network has means of.
    """
    return nnx.eval_shape(lambda: spec.build(image_shape, rngs=nnx.Rngs(0))).encoder.n_features


@dataclass(frozen=True)
class OfProjections:
    """A loss of projections as that of a network that gives features beside them."""

    loss: Loss

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        def project(pictures: Array) -> Array:
            return model(pictures[None])[1][0]

        return self.loss(project, batch, key)


def loss_of(objective: str, views: Views) -> Loss:
    """Give the loss of an encoder with its projector."""
    return OfProjections(OBJECTIVES[objective].loss(views))


def fit_self_supervised(
    images: Num[np.ndarray, "n h w c"],
    spec: EncoderProjectorSpec,
    *,
    objective: str,
    views: Views,
    key: Any,
    training: Training,
) -> TrainingResult:
    """Train an encoder on views of the images.

    After each epoch the history gets "effective_rank" and "uniformity" of the code of up to 1,000
    of the images (of at least 16), and after 20 steps a training that has lost it is ended.

    Args:
        images: uint8, or float in [0, 1].
        spec: of the network.
        objective: a word of `OBJECTIVES`.
        views: of `views_of`.
        key: of the first parameters, the shuffles and the views.
        training: the settings, as `train` explains them.

    Raises:
        TrainingError: the loss became NaN, or the code has collapsed, or its projections.
    """
    model = first_model(spec, images.shape[1:], key=key)
    if len(images) >= LEAST_MEASURED:
        watch = _watch(images, views.spec, training.batch_size)
        training = replace(training, callbacks=[watch, *training.callbacks])
    loss = loss_of(objective, views)
    train_key = jax.random.split(key)[1]
    return fit(model, Batch(images, None), loss=loss, key=train_key, training=training)


def first_model(
    spec: EncoderProjectorSpec, image_shape: tuple[int, int, int], *, key: Any
) -> EncoderProjector:
    """Build the model with the parameters that a training of this key begins with."""
    return spec.build(image_shape, rngs=nnx.Rngs(jax.random.split(key)[0]))


def encode(
    model: nnx.Module, images: Num[np.ndarray, "n h w c"], views: ViewSpec
) -> Float32[np.ndarray, "n d"]:
    """Give the code of each image as one vector.

    Args:
        model: an `EncoderProjector` in evaluation mode.
        images: uint8, or float in [0, 1].
        views: that it was trained on: if they are patches, so is what is encoded.
    """
    return in_batches(model, _Coder(views), images)


def draw_views(
    images: Num[np.ndarray, "n h w c"], views: ViewSpec, n_views: int, *, key: Any
) -> Float32[np.ndarray, "v n h2 w2 c"]:
    """Make views of images, to be looked at."""
    return np.asarray(Views(views, n_views)(jnp.asarray(images), key))


def codes_of(model: Any, images: Float[Array, "n h w c"], views: ViewSpec) -> Float[Array, "n d"]:
    """Give what `encode` does, of one batch in which all patches of all images are encoded at once:
    so that a model in training mode can learn by it.

    Args:
        model: an `EncoderProjector`.
        images: floats in [0, 1].
        views: that it was trained on.
    """
    n, height, width, _ = images.shape
    if max(views.crop_area) == 1:
        return model.encode(images)
    boxes = jnp.asarray(_boxes(views, (height, width)))
    size = views.size_of((height, width))
    # patches of an image side by side: what is spread over devices by images stays where it is
    patches = crop_and_resize(jnp.repeat(images, len(boxes), axis=0), jnp.tile(boxes, (n, 1)), size)
    patches = patches.astype(images.dtype)  # bfloat16 where the model computes in that
    return model.encode(patches).reshape(n, len(boxes), -1).mean(axis=1)


def measure(Z: Float32[np.ndarray, "n d"]) -> dict[str, float]:
    """Tell how many axes a code takes and how evenly it is spread, as `train.collapse` has it."""
    code = jnp.asarray(Z)
    return {"effective_rank": float(effective_rank(code)), "uniformity": float(uniformity(code))}


def _watch(images: Num[np.ndarray, "n h w c"], views: ViewSpec, batch_size: int) -> Callback:
    """Make the callback that measures the code, and ends a training that has lost it.

    Both are looked at: normalisation keeps a code from becoming the same for all images long after
    its projections have, so that nothing is learned any more.
    """

    def watch(epoch: int, model: Any, history: Any) -> dict[str, float]:
        Z = encode(model, images[:MEASURED_IMAGES], views)
        of_code = measure(Z)
        if epoch * max(len(images) // batch_size, 1) < LEAST_STEPS:
            return of_code
        rank, uniform = of_code["effective_rank"], of_code["uniformity"]
        projections = jnp.asarray(in_batches(model, _project, Z))
        for what, found in (
            ("code has", collapse_of(rank, uniform, most_uniformity=MOST_UNIFORMITY)),
            ("projections have", find_collapse(projections, most_uniformity=MOST_UNIFORMITY)),
        ):
            if found is not None:
                raise TrainingError(
                    f"after epoch {epoch} the {what} collapsed: {found}", epoch=epoch
                )
        return of_code

    return watch


def _project(model: Any, Z: Float[Array, "n d"]) -> Float[Array, "n p"]:
    return model.projector(Z)


@dataclass(frozen=True)
class _Coder:
    """(model, images) -> codes, compiled once for the same views."""

    views: ViewSpec

    def __call__(self, model: Any, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        n, height, width, _ = images.shape
        if max(self.views.crop_area) == 1:
            return model.encode(images)
        size = self.views.size_of((height, width))

        def of_patch(box: Float[Array, " 4"]) -> Float[Array, "n d"]:
            boxes = jnp.broadcast_to(box[None], (n, 4))
            return model.encode(crop_and_resize(images, boxes, size))

        boxes = jnp.asarray(_boxes(self.views, (height, width)))
        return jax.lax.map(of_patch, boxes).mean(axis=0)


def _boxes(views: ViewSpec, image_size: tuple[int, int]) -> Float32[np.ndarray, "m 4"]:
    """The patches of the grid: row, column, height and width, of the mean area of the crops."""
    share = np.sqrt(np.mean(views.crop_area))
    height, width = (max(1, round(share * side)) for side in image_size)
    rows = np.linspace(0, image_size[0] - height, GRID).round()
    columns = np.linspace(0, image_size[1] - width, GRID).round()
    return np.array([(r, c, height, width) for r in rows for c in columns], np.float32)
