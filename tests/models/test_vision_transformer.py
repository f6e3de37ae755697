"""Vision transformers: counts, shapes, attention and interpolation by NumPy and torch, refusals."""

import dataclasses
import json

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust.errors import InputError
from scratchclust.models import VisionTransformerSpec, count_parameters
from scratchclust.models.vision_transformer import Attention, VisionTransformer, cubic_matrix
from tests.models.model_cases import build, pictures, shape_of

SMALL = VisionTransformerSpec(patch_size=4, grid=3, width=8, depth=2, n_heads=2, mlp_width=16)
SMALL_CLIP = dataclasses.replace(SMALL, family="clip", activation="quick_gelu", projection=5)
BASE = {"width": 768, "n_heads": 12, "mlp_width": 3072}
CLIP_B32 = VisionTransformerSpec(
    family="clip", patch_size=32, grid=7, activation="quick_gelu", projection=512, **BASE
)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        # those of transformers' Dinov2Model, less its mask token, which no picture has
        (VisionTransformerSpec(), 22_056_576 - 384),
        (VisionTransformerSpec(**BASE), 86_580_480 - 768),
        (CLIP_B32, 87_849_216),  # of its CLIPVisionModelWithProjection
    ],
)
def test_parameter_counts(spec, expected):
    assert count_parameters(nnx.eval_shape(lambda: build(spec, (224, 224, 3)))) == expected
    assert f"{expected:,}" in VisionTransformer.__doc__


@pytest.mark.parametrize(
    ("spec", "shape", "expected"),
    [
        (SMALL, (12, 12, 3), {"block1": (10, 8), "patches": (3, 3, 8), "pool": (8,)}),
        (SMALL, (4, 22, 1), {"block2": (6, 8), "patches": (1, 5, 8), "pool": (8,)}),
        (SMALL_CLIP, (9, 9, 3), {"patches": (2, 2, 8), "pool": (8,), "projection": (5,)}),
        pytest.param(
            *(VisionTransformerSpec(), (224, 224, 3)),
            {"block1": (257, 384), "patches": (16, 16, 384)},
            marks=pytest.mark.full,
        ),
    ],
)
def test_shapes_of_the_layers(spec, shape, expected):
    def of(layer):
        return shape_of(lambda model: model.activations(pictures(2, shape), layer), spec, shape)

    assert {layer: of(layer)[1:] for layer in expected} == expected


def test_attention_is_a_weighted_mean_of_values():
    """One head and one picture, in NumPy."""
    layer = Attention(4, 1, rngs=nnx.Rngs(0))
    tokens = np.random.default_rng(0).normal(size=(1, 3, 4)).astype(np.float32)
    q, k, v = (
        tokens[0] @ np.asarray(part.kernel[...]) for part in (layer.query, layer.key, layer.value)
    )
    scores = np.exp(q @ k.T / 2)
    expected = (scores / scores.sum(1, keepdims=True)) @ v @ np.asarray(layer.out.kernel[...])
    np.testing.assert_allclose(layer(jnp.asarray(tokens))[0], expected, atol=1e-5)


def test_heads_do_not_meet_before_the_last_layer():
    layer = Attention(4, 2, rngs=nnx.Rngs(0))
    tokens = pictures(1, (1, 5, 4))[0]
    layer.out.kernel[...] = jnp.eye(4)
    before = layer(tokens)
    layer.value.kernel[...] = layer.value.kernel[...].at[:, 2:].set(0)  # the second head's values
    np.testing.assert_allclose(layer(tokens)[..., :2], before[..., :2], atol=1e-6)
    np.testing.assert_allclose(layer(tokens)[..., 2:], 0, atol=1e-6)


def test_the_order_of_patches_is_known_by_positions_alone():
    model = build(SMALL, (12, 12, 3))
    images = pictures(2, (12, 12, 3))
    turned = images[:, :, ::-1].reshape(2, 12, 3, 4, 3)[:, :, :, ::-1].reshape(2, 12, 12, 3)
    assert np.abs(model.encode(images) - model.encode(turned)).max() > 1e-4
    model.positions[...] = jnp.zeros_like(model.positions[...])
    np.testing.assert_allclose(model.encode(images), model.encode(turned), atol=1e-5)


def test_interpolation_by_hand():
    """The same number of places is the identity; two places between two values, by the formula."""
    np.testing.assert_allclose(cubic_matrix(5, 5), np.eye(5), atol=1e-7)
    # from 2 to 1: u = 1/2, t = 3/2, 1/2, 1/2, 3/2, and the ends stand for what lies beyond
    np.testing.assert_allclose(cubic_matrix(2, 1), [[0.5, 0.5]], atol=1e-7)
    # from 1 to any number: all four neighbours are the one value
    np.testing.assert_allclose(cubic_matrix(1, 3), np.ones((3, 1)), atol=1e-7)
    # from 4 to 8: u = 7/4 for place 4, at t = 7/4, 3/4, 1/4, 5/4
    weights = [-0.03515625, 0.26171875, 0.87890625, -0.10546875]
    np.testing.assert_allclose(cubic_matrix(4, 8)[4], weights, atol=1e-7)


@pytest.mark.parametrize(("n", "size"), [(37, 16), (16, 37), (7, 5), (3, 1), (1, 4)])
def test_interpolation_equals_that_of_torch(n, size):
    torch = pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    values = np.random.default_rng(0).normal(size=(1, 2, n, n)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.tensor(values), size=(size, size), mode="bicubic", align_corners=False
    )
    matrix = cubic_matrix(n, size)
    np.testing.assert_allclose(matrix @ values @ matrix.T, expected.numpy(), atol=1e-5)


def test_a_spec_in_json_and_back():
    for spec in (SMALL, SMALL_CLIP):
        written = json.loads(json.dumps(dataclasses.asdict(spec)))
        assert VisionTransformerSpec(**written) == spec


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"family": "vit"}, r"expected family to be one of 'dinov2', 'clip', got 'vit'"),
        ({"activation": "relu"}, r"expected activation to be one of 'gelu', 'quick_gelu'"),
        ({"depth": 0}, r"expected depth to be an int of at least 1, got 0: see config.json"),
        ({"projection": 0}, r"expected projection to be an int of at least 1, got 0"),
        ({"n_heads": 5}, r"expected width to be a multiple of n_heads=5, got 384: each head"),
        ({"mean": (1, 2)}, r"expected mean and std of 3 channels, got \(1.0, 2.0\)"),
        ({"std": (0.0,)}, r"expected std above 0, got \(0.0,\)"),
    ],
)
def test_specs_that_are_refused(fields, message):
    with pytest.raises(InputError, match=message):
        build(VisionTransformerSpec(**fields), (28, 28, 3))


def test_images_that_are_refused():
    model = build(SMALL, (12, 12, 3))
    with pytest.raises(InputError, match=r"at least 4x4, a patch, got 12x3: enlarge them first"):
        model(pictures(1, (12, 3, 3)))
    with pytest.raises(
        InputError, match=r"expected a layer out of 'block1', .*'pool', got 'dense'"
    ):
        model.activations(pictures(1, (12, 12, 3)), "dense")
