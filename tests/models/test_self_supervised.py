"""The networks of self-supervised training: counts, their parts by definition, views in their
order, one and two devices.
"""

import dataclasses
import json
import math
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import scratchclust
from scratchclust import persist, rows
from scratchclust.errors import InputError
from scratchclust.models import (
    EncoderProjectorSpec,
    ProjectorSpec,
    ResNetSpec,
    StridedSpec,
    count_parameters,
)
from scratchclust.train.loop import train
from scratchclust.train.losses import Batch
from scratchclust.train.optimizer_specs import AdamSpec
from scratchclust.train.steps import make_train_step
from scratchclust.train.view_specs import ViewSpec
from scratchclust.train.views import Views
from tests.models.model_cases import build, fit, pictures, run, shape_of

SMALL = EncoderProjectorSpec(
    encoder=StridedSpec(widths=(8, 16)), projector=ProjectorSpec(hidden=(12,), out=5)
)
RESNET_18 = ResNetSpec(family="imagenet-3x3", depth=18, n_classes=None)


def views_of(n_views, n, shape=(8, 8, 3), seed=0):
    return pictures(n_views * n, shape, seed=seed).reshape(n_views, n, *shape)


def with_statistics(model):
    """In evaluation mode, with normalisations that are not the identity."""
    rng = np.random.default_rng(0)
    variable: Any
    for _, norm in nnx.iter_modules(model):
        if isinstance(norm, nnx.BatchNorm):
            for variable in (norm.mean, norm.var, norm.scale, norm.bias):
                variable[...] = jnp.asarray(rng.uniform(0.5, 2, variable.shape), jnp.float32)
    model.eval()
    return model


def normalised(x, norm):
    """By a normalisation in evaluation mode, in NumPy."""
    parts = (norm.mean, norm.var, norm.scale, norm.bias)
    mean, var, scale, bias = (np.asarray(part[...]) for part in parts)
    return (x - mean) / np.sqrt(var + 1e-5) * scale + bias


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # 3x3 kernels without bias, and two numbers of the normalisation for each channel
        (StridedSpec(), 27 * 32 + 64 + 288 * 64 + 128 + 576 * 128 + 256),
        (StridedSpec(widths=(8,), kernel_size=5), 75 * 8 + 16),
        (RESNET_18, 11_168_832),
        (dataclasses.replace(RESNET_18, n_classes=10), 11_173_962),  # 11.17 M
        (EncoderProjectorSpec(), 93_472 + 128 * 512 + 1024 + 512 * 128 + 128),
        (EncoderProjectorSpec(encoder=RESNET_18), 11_168_832 + 328_832),
    ],
)
def test_parameter_counts(spec, expected):
    assert count_parameters(nnx.eval_shape(lambda: build(spec, (32, 32, 3)))) == expected


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            StridedSpec(),
            {"layer1": (8, 8, 32), "layer2": (4, 4, 64), "layer3": (2, 2, 128), "pool": (128,)},
        ),
        (
            RESNET_18,
            {
                "stem": (16, 16, 64),
                "stage1": (16, 16, 64),
                "stage2": (8, 8, 128),
                "stage3": (4, 4, 256),
                "stage4": (2, 2, 512),
                "pool": (512,),
            },
        ),
    ],
    ids=["strided", "resnet"],
)
def test_layer_names_and_shapes(spec, expected):
    images = jnp.zeros((2, 16, 16, 3))

    def all_layers(model):
        assert model.layer_names == tuple(expected)
        assert model.n_features == expected["pool"][0]
        found = {name: model.activations(images, name) for name in model.layer_names}
        return found, model(images), model.encode(images)

    layers, called, code = shape_of(all_layers, spec, (16, 16, 3))
    assert layers == {name: (2, *shape) for name, shape in expected.items()}
    assert called == code == layers["pool"]


@pytest.mark.parametrize("shape", [(16, 16, 3), (7, 5, 1), (1, 1, 3)], ids=str)
def test_multiplications_are_those_of_the_kernels(shape):
    spec = StridedSpec(widths=(4, 6, 5))
    sizes = shape_of(
        lambda model: [model.activations(jnp.zeros((1, *shape)), f"layer{i}") for i in (1, 2, 3)],
        spec,
        shape,
    )
    assert spec.n_multiplications(shape) == sum(
        math.prod(size) * 9 * c_in
        for size, (c_in, _) in zip(sizes, pairwise((shape[2], 4, 6, 5)), strict=True)
    )


def test_a_strided_network_by_its_definition():
    model = with_statistics(build(StridedSpec(widths=(4,), mean=(0.4,), std=(0.2,)), (6, 6, 3)))
    images = np.asarray(pictures(2, (6, 6, 3)), np.float64)
    layer = model.layers[0]
    padded = np.pad((images - 0.4) / 0.2, ((0, 0), (0, 1), (0, 1), (0, 0)))  # "SAME": at the end
    expected = np.zeros((2, 3, 3, 4))
    for i, j in np.ndindex(3, 3):
        patch = padded[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        expected[:, i, j] = np.tensordot(patch, np.asarray(layer.conv.kernel[...]), axes=3)
    expected = np.maximum(normalised(expected, layer.norm), 0)
    found = run(model, jnp.asarray(images, jnp.float32))
    np.testing.assert_allclose(found, expected.mean((1, 2)), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("hidden", [(), (7,), (6, 4)])
def test_a_projector_by_its_definition(hidden, batch_norm):
    spec = ProjectorSpec(hidden=hidden, out=3, batch_norm=batch_norm)
    model = with_statistics(spec.build(5, rngs=nnx.Rngs(0)))
    features = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    x = features
    layer: Any
    for i, layer in enumerate(model.layers):
        x = x @ np.asarray(layer.kernel[...])
        if batch_norm:
            x = normalised(x, model.norms[i])
        else:
            x = x + np.asarray(layer.bias[...])
        x = np.maximum(x, 0)
    last: Any = model.last
    expected = x @ np.asarray(last.kernel[...]) + np.asarray(last.bias[...])
    np.testing.assert_allclose(model(jnp.asarray(features)), expected, rtol=1e-4, atol=1e-4)


def test_views_come_back_in_their_places():
    model = with_statistics(build(SMALL, (8, 8, 3)))
    views = views_of(3, 4)
    features, projections = run(model, views)
    assert features.shape == (3, 4, 16)
    assert projections.shape == (3, 4, 5)
    for view, feature, projection in zip(views, features, projections, strict=True):
        np.testing.assert_allclose(feature, model.encode(view), atol=1e-5)
        np.testing.assert_allclose(projection, model.projector(model.encode(view)), atol=1e-5)


def test_batch_statistics_are_those_of_all_views():
    model = build(SMALL, (8, 8, 3))
    model.train()
    views = views_of(2, 4)
    run(model, views.at[1].multiply(3))
    all_of_them = jnp.concatenate([views[0], 3 * views[1]])
    x = model.encoder.layers[0].conv((all_of_them - 0.5) / 0.25)
    norm = model.encoder.layers[0].norm
    np.testing.assert_allclose(norm.mean[...], 0.1 * x.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)


def spread_loss(model, batch, key):
    """Views of an image near to each other, the mean of all projections far from 0: something."""
    _, z = model(batch.images)
    loss = ((z - z.mean(0, keepdims=True)) ** 2).mean() + ((z.mean((0, 1)) - 1) ** 2).mean()
    return loss, {"size": (z**2).mean()}


def trained(n_devices, **settings):
    images = np.random.default_rng(0).integers(0, 256, (16, 8, 8, 3), dtype=np.uint8)
    with rows.on(jax.local_devices()[:n_devices]):
        return train(
            build(SMALL, (8, 8, 3)),
            images,
            loss=spread_loss,
            optimizer=AdamSpec(0.01),
            epochs=2,
            batch_size=8,
            key=jax.random.key(0),
            prepare=Views(ViewSpec(crop_area=(0.2, 1), flip_rate=0.5), 2),
            **settings,
        )


@pytest.mark.full
def test_a_training_on_views_is_the_same_on_two_devices():
    one, two = trained(1), trained(2)
    assert one.history["loss"][1] < one.history["loss"][0]
    for name, values in one.history.items():
        np.testing.assert_allclose(values, two.history[name], rtol=1e-3)
    for a, b in zip(
        *(jax.tree.leaves(nnx.state(found.model)) for found in (one, two)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-2, atol=1e-3)
    assert one.model.encode(pictures(3, (8, 8, 3))).shape == (3, 16)


def test_no_view_leaves_its_device():
    graphdef, params, rest = nnx.split(build(SMALL, (8, 8, 3)), nnx.Param, ...)
    spec = ViewSpec(flip_rate=0.5)
    optimizer = AdamSpec(0.01).build(1)
    step = make_train_step(graphdef, spread_loss, optimizer, Views(spec, 3), "float32")
    with rows.on(jax.local_devices()[:2]):
        mesh = rows.mesh()
    whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(mesh.axis_names))
    images = jax.device_put(jnp.zeros((8, 8, 8, 3), jnp.uint8), spread)
    state = jax.device_put((params, rest, optimizer.init(params)), whole)
    text = str(
        jax.jit(step, out_shardings=whole)
        .lower(*state, Batch(images, None), jax.device_put(jax.random.key(0), whole))
        .compile()
        .as_text()
    )
    assert "all-reduce" in text  # of gradients and statistics
    assert "all-gather" not in text
    assert "all-to-all" not in text
    assert "collective-permute" not in text


@pytest.mark.full
def test_an_encoder_with_its_projector_overfits_eight_images():
    images = views_of(1, 8, (8, 8, 1))
    spec = dataclasses.replace(SMALL, projector=ProjectorSpec(hidden=(16,), out=8))

    def loss(model, key):
        return -jnp.diag(jax.nn.log_softmax(model(images)[1][0])).mean()

    model = fit(build(spec, (8, 8, 1)), loss, steps=150, learning_rate=5e-3)
    np.testing.assert_array_equal(model(images)[1][0].argmax(1), np.arange(8))


@pytest.mark.parametrize(
    "spec",
    [
        StridedSpec(widths=[4, 5], mean=[0.1, 0.2, 0.3]),
        ProjectorSpec(hidden=[3, 4], out=2),
        ProjectorSpec(hidden=[]),
        RESNET_18,
    ],
)
def test_specs_go_through_json(spec):
    fields = json.loads(json.dumps(dataclasses.asdict(spec)))
    assert type(spec)(**fields) == spec
    assert hash(type(spec)(**fields)) == hash(spec)
    assert getattr(scratchclust, type(spec).__name__) is type(spec)


def test_a_spec_of_specs_is_saved_as_one():
    spec = EncoderProjectorSpec(encoder=RESNET_18, projector=ProjectorSpec(out=64))
    encoded = json.loads(json.dumps(persist._encode(spec, "", {})))
    assert persist._decode(encoded, {}) == spec


REFUSED = {
    "expected widths to be a tuple of ints": lambda: StridedSpec(widths=()),
    "expected kernel_size to be an int of at least 1": lambda: StridedSpec(kernel_size=0),
    "expected std above 0": lambda: StridedSpec(std=(0,)),
    "expected mean and std of 3 channels": lambda: build(StridedSpec(mean=(0, 0)), (8, 8, 3)),
    r"expected images \[n, 8, 8, 3\]": lambda: build(StridedSpec(), (8, 8, 3))(
        jnp.zeros((2, 8, 8, 1))
    ),
    "expected a layer out of 'layer1', 'pool', got 'logits'": lambda: build(
        StridedSpec(widths=(4,)), (8, 8, 3)
    ).activations(jnp.zeros((2, 8, 8, 3)), "logits"),
    "expected hidden to be a tuple of ints": lambda: ProjectorSpec(hidden=(0,)),
    "expected out to be an int of at least 1": lambda: ProjectorSpec(out=0),
    "expected an encoder without a last layer, got one of n_classes=10": lambda: (
        EncoderProjectorSpec(encoder=ResNetSpec())
    ),
    'depth of the "imagenet-3x3" family': lambda: ResNetSpec(family="imagenet-3x3", depth=20),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_is_refused(message):
    with pytest.raises(InputError, match=message):
        REFUSED[message]()
