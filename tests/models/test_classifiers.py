"""Classifier and ResNet: counts, layers by name, dropout, and their parts against plain NumPy."""

import dataclasses
import json
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from scratchclust.errors import InputError
from scratchclust.models import ClassifierSpec, ResNetSpec, count_parameters
from scratchclust.models.resnet import Block, ConvNorm
from tests.models.model_cases import build, pictures, run, shape_of

SMALL = ClassifierSpec(n_classes=3, widths=(4, 5), dense_width=6)


def imagenet(depth: int) -> ResNetSpec:
    return ResNetSpec(family="imagenet", depth=depth, n_classes=1000)


@pytest.mark.parametrize(
    ("spec", "shape", "expected"),
    [
        (ClassifierSpec(), (28, 28, 1), 1_199_882),  # as Keras prints
        (ClassifierSpec(), (32, 32, 3), 320 + 2 * 288 + 18_496 + (14 * 14 * 64 + 1) * 128 + 1_290),
        (ResNetSpec(depth=20), (32, 32, 3), 269_722),  # 0.27 M in the paper
        pytest.param(ResNetSpec(depth=56), (32, 32, 3), 853_018, marks=pytest.mark.full),  # 0.85 M
        (imagenet(18), (224, 224, 3), 11_689_512),  # these as in torchvision
        pytest.param(imagenet(34), (224, 224, 3), 21_797_672, marks=pytest.mark.full),
        pytest.param(imagenet(50), (224, 224, 3), 25_557_032, marks=pytest.mark.full),
    ],
)
def test_parameter_counts(spec, shape, expected):
    assert count_parameters(nnx.eval_shape(lambda: build(spec, shape))) == expected


@pytest.mark.quick(2)
@pytest.mark.parametrize(
    ("spec", "shape", "expected"),
    [
        (
            ClassifierSpec(),
            (28, 28, 1),
            {
                "conv1": (26, 26, 32),
                "conv2": (24, 24, 64),
                "pool": (12, 12, 64),
                "dense": (128,),
                "logits": (10,),
            },
        ),
        (
            SMALL,
            (9, 6, 3),
            {
                "conv1": (7, 4, 4),
                "conv2": (5, 2, 5),
                "pool": (2, 1, 5),
                "dense": (6,),
                "logits": (3,),
            },
        ),
        (
            ResNetSpec(depth=8),
            (30, 21, 1),
            {
                "stem": (30, 21, 16),
                "stage1": (30, 21, 16),
                "stage2": (15, 11, 32),
                "stage3": (8, 6, 64),
                "pool": (64,),
                "logits": (10,),
            },
        ),
        (
            imagenet(18),
            (224, 224, 3),
            {
                "stem": (56, 56, 64),
                "stage1": (56, 56, 64),
                "stage2": (28, 28, 128),
                "stage3": (14, 14, 256),
                "stage4": (7, 7, 512),
                "pool": (512,),
                "logits": (1000,),
            },
        ),
    ],
)
def test_layer_names_and_shapes(spec, shape, expected):
    images = jnp.zeros((2, *shape))

    def all_layers(model):
        assert model.layer_names == tuple(expected)
        return (
            {name: model.activations(images, name) for name in model.layer_names},
            model(images),
            model.encode(images),
        )

    layers, logits, code = shape_of(all_layers, spec, shape)
    assert layers == {name: (2, *shape) for name, shape in expected.items()}
    assert logits == layers["logits"]
    assert code == layers["dense" if "dense" in expected else "pool"]


@pytest.mark.full
def test_bottlenecks_give_four_times_the_channels():
    def some_layers(model):
        assert model.layer_names == (
            "stem",
            "stage1",
            "stage2",
            "stage3",
            "stage4",
            "pool",
            "logits",
        )
        return model.activations(jnp.zeros((2, 33, 32, 1)), "stage1"), model.encode(
            jnp.zeros((2, 33, 32, 1))
        )

    assert shape_of(some_layers, imagenet(50), (33, 32, 1)) == ((2, 9, 8, 256), (2, 2048))


def test_the_classifier_against_lax():
    model, images = build(SMALL, (8, 8, 3)), pictures(4, (8, 8, 3))
    layer = {name: model.activations(images, name) for name in model.layer_names}

    def convolved(x, conv):
        y = lax.conv_general_dilated(
            x, conv.kernel[...], (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.maximum(y + conv.bias[...].reshape(1, 1, 1, -1), 0)

    np.testing.assert_allclose(layer["conv1"], convolved(images, model.conv1), atol=1e-5)
    np.testing.assert_allclose(layer["conv2"], convolved(layer["conv1"], model.conv2), atol=1e-5)
    np.testing.assert_array_equal(
        layer["pool"], layer["conv2"].reshape(4, 2, 2, 2, 2, 5).max((2, 4))
    )
    dense = np.asarray(layer["pool"]).reshape(4, -1) @ model.dense.kernel[...] + model.dense.bias[
        ...
    ].reshape(1, -1)
    np.testing.assert_allclose(layer["dense"], np.maximum(dense, 0), atol=1e-5)
    logits = layer["dense"] @ model.head.kernel[...] + model.head.bias[...].reshape(1, -1)
    np.testing.assert_allclose(layer["logits"], logits, atol=1e-5)
    np.testing.assert_array_equal(model(images), layer["logits"])


def test_the_classifier_drops_only_with_a_key():
    images, key = pictures(4, (8, 8, 3)), jax.random.key(0)
    model, undropped = (
        build(SMALL, (8, 8, 3)),
        build(dataclasses.replace(SMALL, dropout_rates=(0, 0)), (8, 8, 3)),
    )
    np.testing.assert_array_equal(undropped(images, key=key), model(images))
    np.testing.assert_array_equal(model(images, key=key), model(images, key=key))
    assert (model(images, key=key) != model(images)).any()
    assert (model(images, key=key) != model(images, key=jax.random.key(1))).any()


def convolve(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Convolution by its definition, with kernel // 2 zeros on every side."""
    k = kernel.shape[0]
    x = np.pad(x, ((0, 0), (k // 2, k // 2), (k // 2, k // 2), (0, 0)))
    h, w = (x.shape[1] - k) // stride + 1, (x.shape[2] - k) // stride + 1
    y = np.zeros((len(x), h, w, kernel.shape[3]))
    for i, j in np.ndindex(h, w):
        patch = x[:, i * stride : i * stride + k, j * stride : j * stride + k]
        y[:, i, j] = np.tensordot(patch, kernel, axes=3)
    return y


def conv_norm(x: np.ndarray, layer: ConvNorm, stride: int) -> np.ndarray:
    norm, y = layer.norm, convolve(x, np.asarray(layer.conv.kernel[...]), stride)
    mean, var, scale, bias = (
        np.asarray(v[...]) for v in (norm.mean, norm.var, norm.scale, norm.bias)
    )
    return (y - mean) / np.sqrt(var + 1e-5) * scale + bias


def with_statistics(module: nnx.Module, seed: int = 0) -> None:
    """Normalisations as if trained: none of them is the identity."""
    rng = np.random.default_rng(seed)
    for _, norm in nnx.iter_modules(module):
        if isinstance(norm, nnx.BatchNorm):
            for variable in (norm.mean, norm.var, norm.scale, norm.bias):
                variable[...] = jnp.asarray(rng.uniform(0.5, 2, variable.shape), jnp.float32)
    module.eval()


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("size", [(6, 6), (5, 7)])
@pytest.mark.parametrize(
    ("spec", "c_in", "stride", "strides"),
    [
        (ResNetSpec(), 4, 1, (1, 1)),  # the shortcut is the input itself
        (ResNetSpec(), 2, 2, (2, 1)),  # option A
        (imagenet(18), 2, 2, (2, 1)),  # projection
        (imagenet(50), 2, 1, (1, 1, 1)),
        (imagenet(50), 8, 2, (1, 2, 1)),  # v1.5: the stride in the middle
    ],
)
def test_a_block_by_its_definition(spec, c_in, stride, strides, size):
    block = Block(c_in, 4, stride=stride, spec=spec, rngs=nnx.Rngs(0))
    with_statistics(block)
    x = np.random.default_rng(1).normal(size=(2, *size, c_in)).astype(np.float32)
    change = x
    for layer, s in zip(block.layers, strides, strict=True):
        change = conv_norm(change if layer is block.layers[0] else np.maximum(change, 0), layer, s)
    if isinstance(block.shortcut, ConvNorm):
        shortcut = conv_norm(x, block.shortcut, stride)
    else:
        shortcut = np.zeros_like(change)
        shortcut[..., :c_in] = x[:, ::stride, ::stride]
    np.testing.assert_allclose(
        block(jnp.asarray(x)), np.maximum(change + shortcut, 0), rtol=1e-4, atol=1e-4
    )


def test_the_imagenet_stem_by_its_definition():
    """Symmetric padding, also of the max-pooling; "SAME" would sample other pixels."""
    model, images = nnx.eval_shape(lambda: build(imagenet(18), (9, 12, 3))), pictures(2, (9, 12, 3))
    model.stem = ConvNorm(
        3, 64, 7, stride=2, rngs=nnx.Rngs(0)
    )  # the rest stays unfilled: nobody asks for it
    with_statistics(model.stem)
    features = np.maximum(conv_norm(np.asarray(images), model.stem, 2), 0)
    padded = np.pad(features, ((0, 0), (1, 1), (1, 1), (0, 0)), constant_values=-np.inf)
    rows, columns = range(0, features.shape[1], 2), range(0, features.shape[2], 2)
    expected = np.stack(
        [[padded[:, i : i + 3, j : j + 3].max((1, 2)) for j in columns] for i in rows]
    )
    np.testing.assert_allclose(
        model.activations(images, "stem"), expected.transpose(2, 0, 1, 3), rtol=1e-4, atol=1e-4
    )


def test_a_resnet_is_the_chain_of_its_layers():
    model, images = build(ResNetSpec(depth=8), (8, 8, 3)), pictures(2, (8, 8, 3))
    with_statistics(model)
    names = model.layer_names
    each_layer = nnx.jit(lambda model, x: {name: model.activations(x, name) for name in names})
    found = SimpleNamespace(**each_layer(model, images))
    for before, stage, after in [
        (found.stem, 0, found.stage1),
        (found.stage1, 1, found.stage2),
        (found.stage2, 2, found.stage3),
    ]:
        np.testing.assert_allclose(run(model.stages[stage].layers[0], before), after, atol=1e-5)
    np.testing.assert_allclose(found.pool, np.asarray(found.stage3).mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(found.logits, model.head(found.pool), atol=1e-5)
    with_a_key = run(model, images, key=jax.random.key(0))
    np.testing.assert_array_equal(with_a_key, run(model, images))
    np.testing.assert_allclose(with_a_key, found.logits, atol=1e-5)


@pytest.mark.parametrize("spec", [ClassifierSpec(widths=(4, 5)), imagenet(34)])
def test_specs_pass_through_json(spec):
    again = type(spec)(**json.loads(json.dumps(dataclasses.asdict(spec))))
    assert again == spec
    assert hash(again) == hash(spec)


@pytest.mark.parametrize(
    ("spec_class", "fields", "message"),
    [
        (
            ClassifierSpec,
            {"n_classes": 0},
            r"expected n_classes to be an int .* got 0: count the distinct labels",
        ),
        (ClassifierSpec, {"dense_width": -1}, r"expected dense_width .* got -1: 128 is usual"),
        (
            ClassifierSpec,
            {"widths": (32,)},
            r"expected widths of two convolutions, got \(32,\): give two",
        ),
        (
            ClassifierSpec,
            {"widths": (32, 0)},
            r"expected widths to be a tuple of ints of at least 1, got \(32, 0\)",
        ),
        (
            ClassifierSpec,
            {"dropout_rates": (0.5,)},
            r"expected two dropout_rates, got \(0.5,\): give two",
        ),
        (
            ClassifierSpec,
            {"dropout_rates": (0.5, 1)},
            r"each of dropout_rates .* from 0 to below 1, got 1: 0 drops",
        ),
        (
            ResNetSpec,
            {"family": "mnist"},
            r"expected family to be one of 'cifar', 'imagenet', 'imagenet-3x3', got 'mnist'",
        ),
        (
            ResNetSpec,
            {"depth": 18},
            r'depth of the "cifar" family to be 6 m \+ 2 .* got 18: take 20, 32',
        ),
        (ResNetSpec, {"depth": 2}, r"got 2: take 20"),
        (ResNetSpec, {"depth": 0}, r"expected depth to be an int of at least 1, got 0"),
        (
            ResNetSpec,
            {"family": "imagenet"},
            r'depth of the "imagenet" family to be one of 18, 34, 50, got 20',
        ),
        (ResNetSpec, {"n_classes": 0}, r"expected n_classes"),
    ],
)
def test_specs_that_are_refused(spec_class, fields, message):
    with pytest.raises(InputError, match=message):
        spec_class(**fields)


def test_images_and_layers_that_are_refused():
    with pytest.raises(
        InputError, match=r"expected images of at least 6x6, got 5x9: enlarge them first"
    ):
        build(SMALL, (5, 9, 1))
    classifier, resnet = build(SMALL, (8, 8, 3)), build(ResNetSpec(depth=8), (8, 8, 3))
    with pytest.raises(
        InputError, match=r"expected images \[n, 8, 8, 3\], got shape \[2, 8, 9, 3\]"
    ):
        classifier(jnp.zeros((2, 8, 9, 3)))
    with pytest.raises(
        InputError, match=r"expected images \[n, 8, 9, 3\], got shape \[2, 8, 9, 1\]"
    ):
        resnet(jnp.zeros((2, 8, 9, 1)))
    with pytest.raises(
        InputError, match=r"expected a layer out of 'conv1', .* 'logits', got 'conv3': choose one"
    ):
        classifier.activations(jnp.zeros((2, 8, 8, 3)), "conv3")
    with pytest.raises(
        InputError, match=r"expected a layer out of 'stem', 'stage1', .* got 'stage4'"
    ):
        resnet.activations(jnp.zeros((2, 8, 8, 3)), "stage4")
