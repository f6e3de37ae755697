"""EfficientNet-Lite: counts, shapes, the depthwise sum against a grouped convolution, refusals."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from scratchclust.errors import InputError
from scratchclust.models import EfficientNetSpec, count_parameters
from scratchclust.models.efficientnet import Depthwise, MBConv, same_padding
from tests.models.model_cases import build, pictures, shape_of

SMALL = EfficientNetSpec(stages=((1, 3, 1, 1, 8), (2, 5, 2, 2, 4)), n_classes=3)


def test_counts_are_those_of_lite0():
    """4,652,008 in the original, which has a scale for each of its channels beside the bias."""
    model = nnx.eval_shape(lambda: build(EfficientNetSpec(), (224, 224, 3)))
    counts = {"stem": count_parameters(model.stem), "head": count_parameters(model.head)}
    counts |= {f"stage{i + 1}": count_parameters(stage) for i, stage in enumerate(model.stages)}
    counts |= {"logits": count_parameters(model.classifier)}
    for layer, count in counts.items():  # the table in the docstring
        assert f"| {layer} |" in type(model).__doc__
        assert f"| {count:,} |" in type(model).__doc__
    channels = 32 + 1280  # of the stem and the head
    for stage in model.stages:
        for block in stage.layers:
            channels += block.depthwise.bias.size + block.project.bias.size
            channels += block.expand.bias.size if block.expand else 0
    assert count_parameters(model) + channels == 4_652_008


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((224, 224, 3), {"stem": (112, 112, 32), "stage4": (14, 14, 80), "head": (7, 7, 1280)}),
        ((33, 64, 3), {"stem": (17, 32, 32), "stage3": (5, 8, 40), "pool": (1280,)}),
        ((1, 1, 1), {"head": (1, 1, 1280), "pool": (1280,), "logits": (1000,)}),
    ],
)
def test_shapes_of_the_layers(shape, expected):
    def of(layer):
        return shape_of(
            lambda model: model.activations(pictures(2, shape), layer), EfficientNetSpec(), shape
        )

    assert {layer: of(layer)[1:] for layer in expected} == expected


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel_size", [3, 5])
@pytest.mark.parametrize("shape", [(8, 8), (7, 10), (1, 2)])
def test_the_depthwise_sum_is_the_grouped_convolution(shape, kernel_size, stride):
    layer = Depthwise(6, kernel_size, stride=stride, rngs=nnx.Rngs(0))
    layer.bias[...] = jnp.arange(6.0)
    images = pictures(2, (*shape, 6))
    expected = lax.conv_general_dilated(
        images,
        layer.kernel[...].reshape(kernel_size, kernel_size, 1, 6),
        (stride, stride),
        "SAME",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=6,
    )
    np.testing.assert_allclose(layer(images), np.asarray(expected) + np.arange(6.0), atol=1e-5)


def test_padding_by_hand():
    """Of an even picture, stride 2 pads behind alone: the rule of TensorFlow."""
    assert [same_padding(8, 3, 2), same_padding(7, 3, 2), same_padding(8, 5, 2)] == [
        (0, 1),
        (1, 1),
        (1, 2),
    ]
    assert [same_padding(8, 3, 1), same_padding(4, 1, 3)] == [(1, 1), (0, 0)]


def test_a_block_without_change_gives_its_input_back():
    block = MBConv(4, 4, 3, stride=1, expansion=6, rngs=nnx.Rngs(0))
    block.project.kernel[...] = jnp.zeros_like(block.project.kernel[...])
    features = pictures(2, (5, 5, 4))
    np.testing.assert_array_equal(block(features), features)


@pytest.mark.parametrize(
    ("c_out", "stride", "expansion", "expected"),
    [(4, 1, 6, True), (4, 2, 6, False), (5, 1, 6, False), (4, 1, 1, True)],
)
def test_shortcuts_and_expansions(c_out, stride, expansion, expected):
    block = nnx.eval_shape(
        lambda: MBConv(4, c_out, 3, stride=stride, expansion=expansion, rngs=nnx.Rngs(0))
    )
    assert (block.has_shortcut, block.expand is None) == (expected, expansion == 1)


def test_images_by_themselves_and_together():
    model = build(SMALL, (12, 9, 3))
    images = pictures(5, (12, 9, 3))
    logits = jax.jit(lambda images: model(images))
    alone = [logits(jnp.repeat(images[i : i + 1], 5, axis=0))[0] for i in range(5)]
    np.testing.assert_allclose(logits(images), alone, atol=1e-4)


def test_a_spec_in_json_and_back():
    written = json.loads(json.dumps(dataclasses.asdict(SMALL)))
    assert EfficientNetSpec(**written) == SMALL
    assert hash(EfficientNetSpec(**written)) == hash(SMALL)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"stages": ()}, r"expected stages to be a tuple, got \(\): give blocks, kernel size"),
        ({"stages": ((1, 3, 1, 1),)}, r"expected stages of five numbers, got \(\(1, 3, 1, 1\),\)"),
        ({"stages": ((1, 3, 0, 1, 8),)}, r"expected a stage to be a tuple of ints of at least 1"),
        ({"n_classes": 0}, r"expected n_classes to be an int of at least 1, got 0: ImageNet has"),
        ({"mean": (1, 2)}, r"expected mean and std of 3 channels, got \(1.0, 2.0\)"),
        ({"std": (0.0,)}, r"expected std above 0, got \(0.0,\)"),
    ],
)
def test_specs_that_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        build(EfficientNetSpec(**fields), (8, 8, 3))


def test_images_that_are_refused():
    model = build(SMALL, (8, 8, 3))
    with pytest.raises(InputError, match=r"expected images \[n, 9, 9, 3\], got shape"):
        model(pictures(1, (9, 9, 1)))
    with pytest.raises(InputError, match=r"expected a layer out of 'stem', 'stage1'"):
        model.activations(pictures(1, (8, 8, 3)), "dense")
