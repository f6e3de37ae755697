"""Convolution as a product of patches, and parameters from draws of fixed length."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from scratchclust.models import draws
from scratchclust.models.convolution import convolve, patches
from scratchclust.models.layers import HE_NORMAL, LECUN_NORMAL

LAYOUT = ("NHWC", "HWIO", "NHWC")


def test_patches_by_hand() -> None:
    picture = jnp.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    seen = patches(picture, (3, 3), (1, 1), [(1, 1), (1, 1)])
    assert seen[0, 0, 0].tolist() == [0, 0, 0, 0, 1, 2, 0, 3, 4]
    assert seen[0, 1, 1].tolist() == [1, 2, 0, 3, 4, 0, 0, 0, 0]


@pytest.mark.quick(every=5)
@pytest.mark.parametrize(
    ("size", "side", "stride", "padding"),
    [
        ((2, 2), 3, 1, "SAME"),
        ((4, 3), 3, 2, "SAME"),
        ((1, 1), 5, 1, "SAME"),
        ((2, 5), 3, 1, [(1, 1), (1, 1)]),
        ((4, 4), 3, 1, "VALID"),
        ((7, 7), 3, 2, "SAME"),  # not small
    ],
)
def test_convolution_and_its_gradients_are_lax_own(size, side, stride, padding) -> None:
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(3, *size, 4)), jnp.float32)
    w = jnp.asarray(rng.normal(size=(side, side, 4, 5)), jnp.float32)

    def ours(x, w):
        return convolve(x, w, (stride, stride), padding, dimension_numbers=LAYOUT)

    def theirs(x, w):
        strides = (stride, stride)
        return lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=LAYOUT)

    dy = jnp.asarray(rng.normal(size=jax.eval_shape(theirs, x, w).shape), jnp.float32)
    for found, right in zip(
        with_gradients(ours)(x, w, dy), with_gradients(theirs)(x, w, dy), strict=True
    ):
        np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


def with_gradients(convolution):
    """Its result, and of a gradient of that those of the pictures and the kernel."""

    @jax.jit
    def found(x, w, dy):
        y, back = jax.vjp(convolution, x, w)
        return y, *back(dy)

    return found


def test_small_pictures_are_left_to_products() -> None:
    def program(side: int) -> str:
        layer = nnx.Conv(4, 4, (3, 3), conv_general_dilated=convolve, rngs=nnx.Rngs(0))
        return str(jax.make_jaxpr(lambda x: layer(x))(jnp.zeros((2, side, side, 4))))

    assert "conv_general_dilated" not in program(2)
    assert "conv_general_dilated" in program(3)


@pytest.mark.parametrize("shape", [(3, 3, 1, 8), (20, 7), (1, 1)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(HE_NORMAL, jax.nn.initializers.he_normal), (LECUN_NORMAL, jax.nn.initializers.lecun_normal)],
)
def test_draws_are_those_of_jax(ours, theirs, shape) -> None:
    for seed in range(3):
        key = jax.random.key(seed)
        expected = theirs()(key, shape, jnp.float32)
        np.testing.assert_allclose(ours(key, shape, jnp.float32), expected, rtol=3e-6, atol=1e-7)


def test_long_draws_are_those_of_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draws, "DRAWN", 10)
    key = jax.random.key(0)
    expected = jax.nn.initializers.he_normal()(key, (4, 5), jnp.float32)
    np.testing.assert_array_equal(HE_NORMAL(key, (4, 5), jnp.float32), expected)


def test_one_program_draws_all_shapes() -> None:
    numbers: Any = draws._numbers
    numbers.clear_cache()
    for shape in ((3, 3, 1, 8), (20, 7), (1, 1)):
        HE_NORMAL(jax.random.key(0), shape, jnp.float32)
        LECUN_NORMAL(jax.random.key(0), shape, jnp.float32)
    assert numbers._cache_size() == 1
