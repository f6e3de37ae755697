"""What a self-supervised training takes, counted from its step: no network is built, nothing is
loaded.

    training = 3 multiplications(network) views images epochs      forward, and backward twice that
    coding   =   multiplications(encoder) patches images

with the multiplications of a convolution height width kernel^2 channels_in channels_out. Defaults
are those of `SelfSupervisedFeatures`; a test compares them, and the counts with those of networks
that were built.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from scratchclust.costs import FLOAT, Work
from scratchclust.estimates import work_of
from scratchclust.recipes.lengths import Shape
from scratchclust.recipes.recipe import Spec, Step

MODELS = {
    "strided": Spec(
        "EncoderProjectorSpec",
        {
            "encoder": Spec("StridedSpec", {"widths": (64, 128, 256)}),
            "projector": Spec("ProjectorSpec", {"hidden": (256,), "out": 128}),
        },
    ),
    "resnet18": Spec(
        "EncoderProjectorSpec",
        {
            "encoder": Spec(
                "ResNetSpec", {"depth": 18, "family": "imagenet-3x3", "n_classes": None}
            ),
            "projector": Spec("ProjectorSpec", {"hidden": (512,), "out": 128}),
        },
    ),
}
N_VIEWS = {"emp-ssl": 8, "simclr": 2, "lejepa": 4}
PATCH = {"crop_area": (0.25, 0.25), "size": (16, 16)}  # of the views "patches"
EPOCHS = 10
BATCH_SIZE = 128
GRID = 9  # patches whose mean is the code of an image
VOTERS = 10_000  # images at most, whose labels vote on others' where an experiment looks at a code
MEASURED = 1_000  # images whose code is looked at after each epoch
SCAN = {  # of `SCANFeatures`
    "n_clusters": 10,
    "n_neighbors": 20,
    "n_heads": 10,
    "epochs": 30,
    "encoder_epochs": 0,
    "self_label_epochs": 10,
    "batch_size": 512,
}
RESNET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}
# Steps of arithmetic beside the products:
OF_VIEW = 150.0  # for a number of a view: cropped, turned in hue, its contrast, grey, blurred
OF_ACTIVATION = 20.0  # for a number that a layer gives: normalised, ReLU, and their gradients
OF_PARAMETER = 12.0  # by Adam


@dataclass(frozen=True)
class Layer:
    """A convolution, or with area 1 and kernel_size 1 a dense layer."""

    area: int  # height times width of what it gives
    kernel_size: int
    c_in: int
    c_out: int

    @property
    def n_parameters(self) -> int:
        """Of the kernel."""
        return self.kernel_size**2 * self.c_in * self.c_out

    @property
    def n_multiplications(self) -> int:
        """For one picture, forward."""
        return self.area * self.n_parameters


def self_supervised(step: Step, n: int, n_fitted: int, shape: Shape) -> Work:
    """The work of `SelfSupervisedFeatures` that learn from n_fitted images and code n.

    Memory is that of a step's activations, forward and kept for the way back, the parameters with
    their gradients and moments, and the images on the device, a byte a number.
    """
    given = step.parameters
    network = _network_of(given.get("model", "strided"))
    n_views = given.get("n_views") or N_VIEWS[given.get("objective", "emp-ssl")]
    of_views = _views_of(given.get("views", "auto"), given.get("objective", "emp-ssl"))
    size = of_views.get("size") or shape[:2]
    encoder = encoder_layers(network["encoder"], size, shape[2])
    layers = [*encoder, *projector_layers(network["projector"], encoder[-1].c_out)]
    batch = min(given.get("batch_size", BATCH_SIZE), n_fitted)
    epochs = given.get("epochs", EPOCHS)
    seen = float(n_fitted) * n_views * epochs  # views
    steps = math.ceil(n_fitted / batch) * epochs
    n_numbers = shape[0] * shape[1] * shape[2]
    of_view = float(size[0] * size[1] * shape[2])
    held = of_view + sum(layer.area * layer.c_out for layer in layers)
    n_parameters = float(sum(layer.n_parameters for layer in layers))
    training = Work(
        products=3 * 2.0 * seen * sum(layer.n_multiplications for layer in layers),
        elements=seen * (OF_VIEW * of_view + OF_ACTIVATION * held)
        + OF_PARAMETER * steps * n_parameters,
        bytes=FLOAT * (6 * seen * held + 6 * steps * n_parameters),
        memory=FLOAT * (3 * batch * n_views * held + 6 * n_parameters)
        + float(n_fitted) * n_numbers,
        calls=steps,
    )
    return training + codes(step, n + epochs * min(MEASURED, n_fitted), shape)


def codes(step: Step, n: int, shape: Shape) -> Work:
    """The work of coding n images with trained `SelfSupervisedFeatures`."""
    given = step.parameters
    of_views = _views_of(given.get("views", "auto"), given.get("objective", "emp-ssl"))
    is_whole = max(of_views.get("crop_area", (1, 1))) == 1
    size = shape[:2] if is_whole else of_views.get("size") or shape[:2]
    layers = encoder_layers(_network_of(given.get("model", "strided"))["encoder"], size, shape[2])
    coded = float(n) * (1 if is_whole else GRID)
    return Work(
        products=2.0 * coded * sum(layer.n_multiplications for layer in layers),
        elements=coded * OF_ACTIVATION * sum(layer.area * layer.c_out for layer in layers),
    )


def scan(step: Step, features: Step, n: int, n_fitted: int, shape: Shape) -> Work:
    """The work of `SCANFeatures` that refine trained features on n_fitted images, and of the logits
    of n.

        heads = 3 multiplications(head) 2 heads images epochs         an image and a neighbour
        encoder = 3 multiplications(encoder) 2 patches images epochs    likewise
        self-labels = (1 + 3) multiplications(encoder) patches images epochs    no way back for
                                                                    the view that gives the labels
    """
    given = step.parameters
    of_views = _views_of(
        features.parameters.get("views", "auto"), features.parameters.get("objective", "emp-ssl")
    )
    is_whole = max(of_views.get("crop_area", (1, 1))) == 1
    size = shape[:2] if is_whole else of_views.get("size") or shape[:2]
    n_patches = 1 if is_whole else GRID
    network = _network_of(features.parameters.get("model", "strided"))
    layers = encoder_layers(network["encoder"], size, shape[2])
    d = layers[-1].c_out
    q = given.get("n_clusters", SCAN["n_clusters"])
    ways = {  # of all layers, for an image: forward, and twice that where there is a way back
        "encoder_epochs": 2 * 3,
        "self_label_epochs": 1 + 3,
    }
    passes = sum(n * given.get(name, SCAN[name]) for name, n in ways.items())
    epochs = sum(given.get(name, SCAN[name]) for name in ("epochs", *ways))
    batch = min(given.get("batch_size", SCAN["batch_size"]), n_fitted)
    of_head = given.get("n_heads", SCAN["n_heads"]) * d * q
    coded = n_patches * float(n_fitted + n + epochs * min(MEASURED, n_fitted))
    seen = n_patches * float(n_fitted) * passes + coded  # pictures, each once through all layers
    held = float(sum(layer.area * layer.c_out for layer in layers))
    n_parameters = float(sum(layer.n_parameters for layer in layers))
    training = Work(
        products=2.0 * seen * sum(layer.n_multiplications for layer in layers)
        + 3 * 2.0 * 2 * n_fitted * given.get("epochs", SCAN["epochs"]) * of_head,
        elements=seen * OF_ACTIVATION * held
        + OF_VIEW * float(n_fitted) * passes * shape[0] * shape[1] * shape[2],
        bytes=FLOAT * 2 * seen * held,
        memory=FLOAT * (3 * 2 * batch * n_patches * held + 6 * n_parameters)
        + float(n_fitted) * shape[0] * shape[1] * shape[2],
        calls=math.ceil(n_fitted / batch) * epochs,
    )
    return training + work_of(
        "neighbors", n_fitted, d, given.get("n_neighbors", SCAN["n_neighbors"])
    )


def encoder_layers(encoder: Spec, size: tuple[int, int], channels: int) -> list[Layer]:
    """The layers of a `StridedSpec` or a `ResNetSpec`, for pictures of a size."""
    if encoder.name == "ResNetSpec":
        return _of_resnet(encoder.fields, size, channels)
    widths = encoder.fields.get("widths", (32, 64, 128))
    kernel_size = encoder.fields.get("kernel_size", 3)
    return [
        Layer(_area(size, 2 ** (i + 1)), kernel_size, c_in, c_out)
        for i, (c_in, c_out) in enumerate(pairwise((channels, *widths)))
    ]


def projector_layers(projector: Spec, n_features: int) -> list[Layer]:
    """The dense layers of a `ProjectorSpec` behind so many features."""
    hidden = projector.fields.get("hidden", (512,))
    widths = (n_features, *hidden, projector.fields.get("out", 128))
    return [Layer(1, 1, c_in, c_out) for c_in, c_out in pairwise(widths)]


def _of_resnet(fields: Mapping[str, Any], size: tuple[int, int], channels: int) -> list[Layer]:
    family = fields.get("family", "cifar")
    depth = fields.get("depth", 20)
    widths = (16, 32, 64) if family == "cifar" else (64, 128, 256, 512)
    blocks = ((depth - 2) // 6,) * 3 if family == "cifar" else RESNET_BLOCKS[depth]
    is_large = family == "imagenet"  # a stem of stride 2, and pooling
    layers = [Layer(_area(size, 2 if is_large else 1), 7 if is_large else 3, channels, widths[0])]
    c_in = widths[0]
    for stage, (width, n_blocks) in enumerate(zip(widths, blocks, strict=True)):
        stride = (4 if is_large else 1) * 2**stage
        for block in range(n_blocks):
            before = stride // 2 if stage and not block else stride
            c_out = 4 * width if depth == 50 and family != "cifar" else width
            if c_out == width:
                layers += [
                    Layer(_area(size, stride), 3, c_in, width),
                    Layer(_area(size, stride), 3, width, width),
                ]
            else:
                layers += [
                    Layer(_area(size, before), 1, c_in, width),
                    Layer(_area(size, stride), 3, width, width),
                    Layer(_area(size, stride), 1, width, c_out),
                ]
            if family != "cifar" and (c_in != c_out or before != stride):
                layers.append(Layer(_area(size, stride), 1, c_in, c_out))
            c_in = c_out
    return layers


def _area(size: tuple[int, int], stride: int) -> int:
    height, width = size
    return math.ceil(height / stride) * math.ceil(width / stride)


def _network_of(model: str | Spec) -> dict[str, Spec]:
    """The specs of the encoder and the projector, as `features.self_supervised.spec_of` has it."""
    spec = MODELS[model] if isinstance(model, str) else model
    if spec.name != "EncoderProjectorSpec":
        return {"encoder": spec, "projector": MODELS["strided"].fields["projector"]}
    empty = {"encoder": Spec("StridedSpec", {}), "projector": Spec("ProjectorSpec", {})}
    return {**empty, **spec.fields}


def _views_of(views: str | Spec, objective: str) -> Mapping[str, Any]:
    """The fields of the views that their work depends on."""
    if isinstance(views, Spec):
        return views.fields
    is_patches = views == "patches" or (views == "auto" and objective == "emp-ssl")
    return PATCH if is_patches else {}
