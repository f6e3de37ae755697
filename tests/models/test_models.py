"""Autoencoder, U-Net and VAE: shapes, parameter counts, what their parts are to each other, what is
refused.
"""

import dataclasses
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust.errors import InputError
from scratchclust.models import ConvAutoencoderSpec, UNetSpec, VAESpec, count_parameters
from tests.models.model_cases import build, pictures, run, shape_of

TINY: dict[str, Any] = {"widths": (4, 5), "latent_dim": 3}
SHAPES = [(8, 8, 1), (8, 8, 3), (28, 28, 1), (32, 32, 3), (30, 21, 3), (5, 7, 1)]
PHOTOS = ConvAutoencoderSpec(
    widths=(64, 128, 256),
    latent_dim=None,
    batch_norm=True,
    downsample="max_pool",
    upsample="transposed_valid",
    decoder_kernels=(5, 9, 17),
    output="tanh",
)
PIXELS = ConvAutoencoderSpec(
    widths=(3, 1), latent_dim=None, downsample="max_pool", upsample="resize"
)


@pytest.mark.quick(every=5)  # all shapes, upsamplings and codes, but not each with each
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("upsample", ["depth_to_space", "resize", "transposed"])
@pytest.mark.parametrize("latent_dim", [7, None])
def test_every_size_comes_back(shape, upsample, latent_dim):
    grid = (-(-shape[0] // 4), -(-shape[1] // 4), 5)
    fields = {"widths": (4, 5), "latent_dim": latent_dim, "upsample": upsample}
    for spec in (
        ConvAutoencoderSpec(**fields),
        ConvAutoencoderSpec(**fields, downsample="max_pool", batch_norm=True),
        UNetSpec(**fields),
        UNetSpec(**fields, skips=False, batch_norm=True),
    ):
        code, reconstruction = shape_of(
            lambda m: (m.encode(jnp.zeros((2, *shape))), m(jnp.zeros((2, *shape)))), spec, shape
        )
        assert code == ((2, *grid) if latent_dim is None else (2, 7))
        assert reconstruction == (2, *shape)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_size_comes_back_from_a_vae(shape):
    logits, mean, log_var = shape_of(
        lambda m: m(jnp.zeros((2, *shape)), key=jax.random.key(0)), VAESpec(latent_dim=6), shape
    )
    assert logits == (2, *shape)
    assert mean == log_var == (2, 6)


def test_three_uneven_halvings():
    spec = ConvAutoencoderSpec(widths=(2, 3, 4), latent_dim=None)
    assert spec.sizes((28, 28, 1)) == ((28, 28), (14, 14), (7, 7), (4, 4))
    assert shape_of(
        lambda m: (m.encode(jnp.zeros((1, 28, 28, 1))), m(jnp.zeros((1, 28, 28, 1)))),
        spec,
        (28, 28, 1),
    ) == (
        (1, 4, 4, 4),
        (1, 28, 28, 1),
    )


def test_the_codes_of_the_recipes():
    assert shape_of(lambda m: m.encode(jnp.zeros((2, 32, 32, 1))), PIXELS, (32, 32, 1)) == (
        2,
        8,
        8,
        1,
    )
    code, images = shape_of(
        lambda m: (m.encode(jnp.zeros((2, 32, 32, 3))), m(jnp.zeros((2, 32, 32, 3)))),
        PHOTOS,
        (32, 32, 3),
    )
    assert code == (2, 4, 4, 256)  # 4,096 numbers
    assert images == (2, 32, 32, 3)


@pytest.mark.parametrize(
    ("spec", "shape", "expected"),
    [
        # 3x3 kernels from 1 to 32 to 64 channels, 3,136 x 32 twice, 64 to 4 * 32 and 32 to 4
        # channels, with biases
        (ConvAutoencoderSpec(), (28, 28, 1), 320 + 18_496 + 100_384 + 103_488 + 73_856 + 1_156),
        (
            ConvAutoencoderSpec(upsample="resize"),
            (28, 28, 1),
            320 + 18_496 + 100_384 + 103_488 + 18_464 + 289,
        ),
        (PIXELS, (32, 32, 1), 30 + 28 + 30 + 28),
        (PHOTOS, (32, 32, 3), 1_909_891),
        (VAESpec(), (28, 28, 1), 297_700 + 100_384),
        (UNetSpec(), (28, 28, 1), 536_545),
        (UNetSpec(skips=False), (28, 28, 1), 536_545 - 64 * 64 * 9 - 32 * 32 * 9),
    ],
)
def test_parameter_counts(spec, shape, expected):
    assert count_parameters(nnx.eval_shape(lambda: build(spec, shape))) == expected


def test_batch_norm_takes_the_place_of_the_bias():
    plain, normal = (
        nnx.eval_shape(lambda b=b: build(ConvAutoencoderSpec(batch_norm=b), (8, 8, 1)))
        for b in (False, True)
    )
    assert count_parameters(normal) - count_parameters(plain) == 32 + 64 + (2 * 32 - 4 * 32)


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "linear"])
@pytest.mark.parametrize("spec_class", [ConvAutoencoderSpec, UNetSpec])
def test_the_output_is_the_squashed_logits(spec_class, output):
    model, images = build(spec_class(**TINY, output=output), (8, 8, 1)), pictures(3, (8, 8, 1))
    squash = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "linear": lambda x: x}[output]
    np.testing.assert_allclose(model(images), squash(model.logits(images)), atol=1e-6)


def test_a_symmetric_network_works_between_minus_one_and_one():
    plain, symmetric = (
        build(ConvAutoencoderSpec(**TINY, output="tanh", symmetric=symmetric), (8, 8, 1))
        for symmetric in (False, True)
    )
    images = pictures(3, (8, 8, 1))
    np.testing.assert_allclose(symmetric.encode(images), plain.encode(2 * images - 1), atol=1e-6)
    np.testing.assert_allclose(symmetric(images), (plain(2 * images - 1) + 1) / 2, atol=1e-6)
    assert float(jnp.abs(symmetric(images) - plain(images)).max()) > 0.1


def test_an_autoencoder_is_its_two_halves():
    model, images = build(ConvAutoencoderSpec(**TINY), (8, 8, 1)), pictures(4, (8, 8, 1))
    np.testing.assert_array_equal(model(images), model.decode(model.encode(images)))
    np.testing.assert_array_equal(model.logits(images), model.decode_logits(model.encode(images)))


def test_images_do_not_see_each_other():
    images = pictures(4, (8, 8, 1))
    for spec in (ConvAutoencoderSpec(**TINY), UNetSpec(**TINY)):
        model = build(spec, (8, 8, 1))
        np.testing.assert_allclose(run(model, images[2:3]), run(model, images)[2:3], atol=1e-5)


def test_zero_code_is_a_unet_whose_code_is_zero():
    model, images = build(UNetSpec(**TINY), (8, 8, 1)), pictures(3, (8, 8, 1))
    emptied = nnx.clone(model)
    emptied.to_code.kernel[...] = jnp.zeros_like(model.to_code.kernel[...])
    assert (model(images) != emptied(images)).any()
    np.testing.assert_array_equal(model(images, zero_code=True), emptied(images))


@pytest.mark.parametrize("latent_dim", [3, None])
@pytest.mark.parametrize("skips", [True, False])
def test_with_a_zero_code_only_skips_know_the_picture(skips, latent_dim):
    model = build(UNetSpec(widths=(4, 5), skips=skips, latent_dim=latent_dim), (8, 8, 1))
    pictures_drawn = np.asarray(model(pictures(3, (8, 8, 1)), zero_code=True))
    assert (np.ptp(pictures_drawn, axis=0).max() > 1e-3) == skips


@pytest.mark.parametrize("spec_class", [ConvAutoencoderSpec, UNetSpec, VAESpec])
def test_specs_pass_through_json(spec_class):
    spec = spec_class(widths=(4, 5), batch_norm=True, upsample="resize")
    again = spec_class(**json.loads(json.dumps(dataclasses.asdict(spec))))
    assert again == spec
    assert hash(again) == hash(spec)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"widths": ()},
            r"expected widths to be a tuple of ints of at least 1, got \(\): give the channels",
        ),
        ({"widths": (4, 0)}, r"got \(4, 0\)"),
        (
            {"kernel_size": -3},
            r"expected kernel_size to be an int of at least 1, got -3: 3 is usual",
        ),
        ({"latent_dim": 0}, r"expected latent_dim .* got 0: give the numbers in a code, or None"),
        ({"activation": "swish"}, r"expected activation to be one of 'relu', .* got 'swish'"),
        (
            {"upsample": "bilinear"},
            r"expected upsample to be one of 'depth_to_space', .* got 'bilinear'",
        ),
    ],
)
@pytest.mark.parametrize("spec_class", [ConvAutoencoderSpec, UNetSpec, VAESpec])
def test_specs_that_are_refused(spec_class, fields, message):
    with pytest.raises(InputError, match=message):
        spec_class(**fields)


@pytest.mark.parametrize(
    ("spec_class", "fields", "message"),
    [
        (
            ConvAutoencoderSpec,
            {"output": "relu"},
            r"expected output to be one of 'sigmoid', 'tanh', 'linear'",
        ),
        (
            ConvAutoencoderSpec,
            {"downsample": "mean"},
            r"expected downsample to be one of 'stride', 'max_pool'",
        ),
        (
            ConvAutoencoderSpec,
            {"decoder_kernels": (3,)},
            r"expected 2 decoder_kernels, got 1: give one for each",
        ),
        (
            ConvAutoencoderSpec,
            {"decoder_kernels": (3, -1)},
            r"expected decoder_kernels to be a tuple of ints",
        ),
        (UNetSpec, {"output": "relu"}, r"expected output to be one of"),
        (UNetSpec, {"upsample": "transposed_valid"}, r"expected upsample to be one of"),
        (VAESpec, {"latent_dim": None}, r"expected latent_dim .* a distribution over codes needs"),
        (
            VAESpec,
            {"likelihood": "poisson"},
            r"expected likelihood to be one of 'bernoulli', 'gaussian'",
        ),
        (VAESpec, {"beta": -1}, r"expected beta to be a number of at least 0, got -1"),
        (VAESpec, {"beta": float("nan")}, r"got nan: 1.0 is the usual bound"),
    ],
)
def test_fields_of_one_spec_that_are_refused(spec_class, fields, message):
    with pytest.raises(InputError, match=message):
        spec_class(**fields)


def test_images_that_cannot_be_halved_so_often():
    message = r"halved 4 times, once for each of the widths, got 8x30: leave some widths out"
    for spec in (ConvAutoencoderSpec(widths=(2, 2, 2, 2)), UNetSpec(widths=(2, 2, 2, 2))):
        with pytest.raises(InputError, match=message):
            build(spec, (8, 30, 1))
    assert UNetSpec(widths=(2, 2, 2)).code_grid((8, 30, 1)) == (1, 4, 2)


def test_kernels_that_do_not_grow_enough():
    spec = ConvAutoencoderSpec(widths=(2, 2), upsample="transposed_valid", decoder_kernels=(5, 8))
    with pytest.raises(
        InputError, match=r"grows 8x8 to 16x16, got 8 in decoder_kernels: give at least 9, or"
    ):
        nnx.eval_shape(lambda: build(spec, (16, 16, 1)))


@pytest.mark.parametrize("spec_class", [ConvAutoencoderSpec, UNetSpec, VAESpec])
def test_other_images_and_codes_are_refused(spec_class):
    model = build(spec_class(**TINY), (8, 8, 1))
    with pytest.raises(
        InputError, match=r"expected images \[n, 8, 8, 1\], got shape \[2, 9, 8, 1\]"
    ):
        model.encode(jnp.zeros((2, 9, 8, 1)))
    if spec_class is not UNetSpec:
        with pytest.raises(
            InputError, match=r"expected codes \[n, 3\], got shape \[2, 4\]: pass what encode"
        ):
            model.decode(jnp.zeros((2, 4)))
