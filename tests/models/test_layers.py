"""Halving, doubling, dropout and batch normalisation: by hand, against lax, and what they do to
gradients.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from scratchclust.errors import InputError
from scratchclust.models import checks, count_parameters, layers

SQUARE = jnp.arange(16.0).reshape(1, 2, 2, 4)


def images(*shape: int, seed: int = 0) -> jax.Array:
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def test_depth_to_space_by_hand():
    """Pixel (0, 0) holds 0..3, its right neighbour 4..7, the row below 8..15."""
    expected = [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    np.testing.assert_array_equal(layers.depth_to_space(SQUARE)[0, :, :, 0], expected)


def test_depth_to_space_is_its_formula():
    x = np.asarray(images(2, 3, 4, 20))
    y = layers.depth_to_space(jnp.asarray(x))
    for i, j, a, b, k in np.ndindex(3, 4, 2, 2, 5):
        np.testing.assert_array_equal(
            y[:, 2 * i + a, 2 * j + b, k], x[:, i, j, (2 * a + b) * 5 + k]
        )


def test_nearest_by_hand():
    x = jnp.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(layers.nearest_twice(x)[0, :, :, 0], expected)


def test_halved_sizes():
    assert layers.halved_sizes((28, 28), 3) == ((28, 28), (14, 14), (7, 7), (4, 4))
    assert layers.halved_sizes((30, 21), 2) == ((30, 21), (15, 11), (8, 6))
    assert layers.halved_sizes((8, 8), 0) == ((8, 8),)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size", [(8, 8), (5, 7), (2, 3)])
def test_max_pool_against_reduce_window(size, padding):
    def windows(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), padding.upper())

    x, weights = images(3, *size, 4), images(*windows(images(3, *size, 4)).shape, seed=1)
    np.testing.assert_array_equal(layers.max_pool(x, padding=padding), windows(x))
    ours = jax.jit(jax.grad(lambda x: (weights * layers.max_pool(x, padding=padding)).sum()))(x)
    np.testing.assert_allclose(
        ours, jax.jit(jax.grad(lambda x: (weights * windows(x)).sum()))(x), rtol=1e-6
    )


def test_max_pool_shares_the_gradient_of_equals():
    gradient = jax.grad(lambda x: layers.max_pool(x).sum())(jnp.zeros((1, 3, 3, 1)))
    np.testing.assert_array_equal(
        gradient[0, :, :, 0], [[0.25, 0.25, 0.5], [0.25, 0.25, 0.5], [0.5, 0.5, 1]]
    )


def identity_kernel(shape: tuple[int, ...], at: tuple[int, int] = (1, 1)) -> jax.Array:
    """Copies input channel 0 to every output channel."""
    return jnp.zeros(shape).at[at[0], at[1], 0].set(1.0)


@pytest.mark.parametrize("kind", ["depth_to_space", "resize"])
def test_upsampling_with_an_identity_kernel_repeats_pixels(kind):
    layer = layers.Upsample(1, 1, 3, kind, rngs=nnx.Rngs(0))
    layer.conv.kernel[...] = identity_kernel(layer.conv.kernel.shape)
    x = images(2, 3, 4, 1)
    np.testing.assert_allclose(layer(x, (5, 8)), layers.nearest_twice(x)[:, :5], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "stride", "size"), [("transposed", 2, (6, 8)), ("transposed_valid", 1, (5, 6))]
)
def test_transposed_convolution_is_the_sum_of_shifted_kernels(kind, stride, size):
    """y[s i + a] += x[i] K[a], with the kernel as flax stores it (turned by 180 degrees)."""
    layer = layers.Upsample(2, 3, 3, kind, rngs=nnx.Rngs(0))
    x, kernel = np.asarray(images(1, 3, 4, 2)), np.asarray(layer.conv.kernel[...])
    expected = np.zeros((1, 12, 12, 3))
    for i, j, a, b in np.ndindex(3, 4, 3, 3):
        expected[0, stride * i + a, stride * j + b] += x[0, i, j] @ kernel[2 - a, 2 - b]
    np.testing.assert_allclose(
        layer(jnp.asarray(x), size), expected[:, : size[0], : size[1]], atol=1e-5
    )


def test_dropout_rate_and_scale():
    x = jnp.full((100, 1000), 3.0)
    dropped = np.asarray(layers.dropout(x, 0.25, jax.random.key(0)))
    np.testing.assert_allclose(np.unique(dropped), [0, 4])
    standard_error = (0.25 * 0.75 / x.size) ** 0.5
    assert abs((dropped == 0).mean() - 0.25) < 5 * standard_error


def test_dropout_only_with_a_key_and_a_rate():
    x = images(4, 5)
    assert layers.dropout(x, 0.5, None) is x
    assert layers.dropout(x, 0.0, jax.random.key(0)) is x
    first, again = (layers.dropout(x, 0.5, jax.random.key(1)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert (first != layers.dropout(x, 0.5, jax.random.key(2))).any()


def test_batch_norm_in_training():
    norm, x = layers.BatchNorm(3, rngs=nnx.Rngs(0)), images(6, 4, 5, 3) * 2 + 1
    norm.scale[...], norm.bias[...] = jnp.array([1.0, 2.0, 3.0]), jnp.array([0.0, 1.0, -1.0])
    norm.train()
    y, mean, var = norm(x), x.mean((0, 1, 2)), x.var((0, 1, 2))
    expected = (x - mean.reshape(1, 1, 1, 3)) / jnp.sqrt(var + 1e-5).reshape(1, 1, 1, 3)
    expected = expected * norm.scale[...].reshape(1, 1, 1, 3) + norm.bias[...].reshape(1, 1, 1, 3)
    np.testing.assert_allclose(y, expected, atol=1e-5)
    np.testing.assert_allclose(norm.mean[...], 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(norm.var[...], 0.9 + 0.1 * var, rtol=1e-5)


def test_batch_norm_after_training():
    norm, x = layers.BatchNorm(2, rngs=nnx.Rngs(0)), images(4, 3, 3, 2)
    norm.mean[...], norm.var[...] = jnp.array([1.0, -1.0]), jnp.array([4.0, 0.25])
    norm.eval()
    expected = (x - jnp.array([1.0, -1.0]).reshape(1, 1, 1, 2)) / jnp.array([2.0, 0.5]).reshape(
        1, 1, 1, 2
    )
    np.testing.assert_allclose(norm(x), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(norm.mean[...], [1, -1])


def test_batch_norm_keeps_bfloat16():
    norm, x = layers.BatchNorm(2, rngs=nnx.Rngs(0)), images(4, 3, 3, 2).astype(jnp.bfloat16)
    assert norm(x).dtype == jnp.bfloat16
    assert norm.mean[...].dtype == norm.var[...].dtype == jnp.float32


def test_count_parameters_leaves_statistics_out():
    norm = layers.BatchNorm(5, rngs=nnx.Rngs(0))
    assert count_parameters(norm) == 10
    assert sum(leaf.size for leaf in jax.tree.leaves(nnx.state(norm))) == 20


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (np.zeros((2, 4, 4, 1), np.uint8), r"expected float images, got uint8: cast them"),
        (
            np.zeros((4, 4, 1), np.float32),
            r"expected images \[n, 4, 4, 1\], got shape \[4, 4, 1\]: resize them",
        ),
        (np.zeros((2, 4, 4, 3), np.float32), r"got shape \[2, 4, 4, 3\]"),
    ],
)
def test_images_that_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        checks.images_have(jnp.asarray(wrong), (4, 4, 1))


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1, 1), (8, 0, 1), None])
def test_image_shapes_that_are_refused(shape):
    with pytest.raises(InputError, match=r"expected image_shape .*pass .*images.shape\[1:\]"):
        checks.image_shape_of(shape)


@pytest.mark.parametrize("value", [0, -1, 2.0, "3", True, None, np.int64(3)])
def test_what_is_no_positive_int(value):
    with pytest.raises(
        InputError, match=r"expected latent_dim to be an int of at least 1, got .*: 32 is usual"
    ):
        checks.positive_int("latent_dim", value, "32 is usual")


@pytest.mark.parametrize("value", [32, (), (1, 0), [2.0], "12", None])
def test_what_are_no_positive_ints(value):
    with pytest.raises(
        InputError,
        match=r"expected widths to be a tuple of ints of at least 1, got .*: give some",
    ):
        checks.positive_ints("widths", value, "give some")


def test_a_list_becomes_a_tuple():
    assert checks.positive_ints("widths", [3, 4], "give some") == (3, 4)


@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_what_is_no_boolean(value):
    with pytest.raises(InputError, match=r"expected skips to be True or False, got"):
        checks.boolean("skips", value)


@pytest.mark.parametrize("value", [1, 1.5, -0.1, float("nan"), "0.5", True])
def test_what_is_no_fraction(value):
    with pytest.raises(
        InputError,
        match=r"expected rate to be a number from 0 to below 1, got .*: 0 drops nothing",
    ):
        checks.fraction("rate", value, "0 drops nothing")
