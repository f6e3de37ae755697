"""Preprocessing: goldens by hand, peers (Pillow, scikit-learn, JAX), invariants."""

import jax
import numpy as np
import pytest
from PIL import Image
from sklearn.preprocessing import StandardScaler

from scratchclust.data.preprocessing import (
    flatten,
    luma_grey,
    mean_grey,
    resampling_matrix,
    resize,
    standardise,
    to_symmetric,
    to_unit,
)
from scratchclust.errors import InputError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (3, 8, 10, 3), np.uint8)
GREY = COLOUR[..., :1]


def test_goldens():
    pixel = np.array([[[[100, 200, 50]]]], np.uint8)
    np.testing.assert_allclose(luma_grey(pixel), [[[[153.0]]]], rtol=1e-6)  # 29.9 + 117.4 + 5.7
    np.testing.assert_allclose(mean_grey(pixel), [[[[350 / 3]]]], rtol=1e-6)
    np.testing.assert_array_equal(
        flatten(np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)), [np.arange(12)]
    )
    ends = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    np.testing.assert_allclose(to_unit(ends).ravel(), [0, 0.2, 1], rtol=1e-6)
    np.testing.assert_allclose(to_symmetric(ends).ravel(), [-1, -0.6, 1], rtol=1e-6)


@pytest.mark.parametrize(
    "function", [luma_grey, mean_grey, flatten, to_unit, to_symmetric, lambda x: resize(x, 4)]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int64])
def test_every_type_gives_the_same_float32_and_leaves_its_input(function, dtype):
    images = COLOUR.astype(dtype)
    result = function(images)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, function(COLOUR))
    np.testing.assert_array_equal(images, COLOUR)


@pytest.mark.parametrize("function", [luma_grey, mean_grey])
def test_grey_passes_through_and_other_channels_are_refused(function):
    np.testing.assert_array_equal(function(GREY), GREY)
    assert function(COLOUR).shape == (3, 8, 10, 1)
    np.testing.assert_allclose(function(np.repeat(GREY, 3, axis=3)), GREY, rtol=1e-5)
    with pytest.raises(
        InputError, match=r"expected images with 1 or 3 channels, got 4 in shape \(3, 8, 10, 4\)"
    ):
        function(np.zeros((3, 8, 10, 4), np.uint8))


def test_luma_is_pillow_s():
    peer = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in COLOUR])
    assert (
        np.abs(luma_grey(COLOUR)[..., 0] - peer).max() <= 0.51
    )  # Pillow's weights are of 16 bits, and it rounds


def test_standardise_is_scikit_learn_s():
    X = RNG.normal(3, 5, (50, 4))
    X[:, 2] = 0.1  # constant, and its mean in float64 is not exactly 0.1
    ours, mean, scale = standardise(X)
    peer = StandardScaler().fit(X)
    np.testing.assert_allclose(ours, peer.transform(X), atol=1e-6)
    np.testing.assert_allclose(mean, peer.mean_, rtol=1e-12)
    np.testing.assert_allclose(scale, peer.scale_, rtol=1e-12)
    np.testing.assert_allclose(ours.std(axis=0), [1, 1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(standardise(X[:5], mean, scale).X, ours[:5], atol=1e-6)


def test_standardise_of_bytes_far_from_zero():
    X = (1e6 + RNG.normal(size=(1000, 2))).astype(np.float32)
    np.testing.assert_allclose(standardise(X).X.mean(axis=0), 0, atol=1e-5)


def test_standardise_refuses():
    X = np.zeros((2, 3))
    with pytest.raises(InputError, match=r"needs mean and scale together, got only one"):
        standardise(X, mean=np.zeros(3))
    with pytest.raises(InputError, match=r"found no rows to learn the mean and scale from"):
        standardise(X[:0])


def test_resampling_matrix_goldens():
    np.testing.assert_array_equal(resampling_matrix(3, 3), np.eye(3))
    np.testing.assert_allclose(resampling_matrix(2, 1), [[0.5, 0.5]])
    # Growing 2 to 4: centres at -0.25, 0.25, 0.75, 1.25.
    np.testing.assert_allclose(
        resampling_matrix(2, 4), [[1, 0], [0.75, 0.25], [0.25, 0.75], [0, 1]]
    )
    # Shrinking 4 to 2: centres 0.5 and 2.5, half width 2, weights 3/4 3/4 1/4 before they are
    # brought to sum 1.
    np.testing.assert_allclose(
        resampling_matrix(4, 2), np.array([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7, rtol=1e-6
    )


@pytest.mark.parametrize("size", [1, 3, (4, 9), (8, 10), (16, 20), (30, 7)])
def test_resize_is_pillow_s_and_jax_s(size):
    ours = resize(COLOUR, size)
    height, width = size if isinstance(size, tuple) else (size, size)
    bilinear = Image.Resampling.BILINEAR
    pillow = np.stack(
        [np.asarray(Image.fromarray(image).resize((width, height), bilinear)) for image in COLOUR]
    )
    assert np.abs(ours - pillow).max() <= 1.01  # Pillow rounds after each of the two passes
    peer = jax.image.resize(
        COLOUR.astype(np.float32), (3, height, width, 3), "linear", antialias=True
    )
    np.testing.assert_allclose(ours, peer, atol=1e-3)


@pytest.mark.parametrize("n", range(1, 12))
@pytest.mark.parametrize("size", [1, 2, 5, 11, 23])
def test_resampling_keeps_constants_and_mirrors(n, size):
    R = resampling_matrix(n, size)
    assert R.min() >= 0
    np.testing.assert_allclose(R.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(R[::-1, ::-1], R, atol=1e-6)


def test_resize_refuses():
    with pytest.raises(
        InputError, match=r"expected size to be None or a whole number from 1 to .* of such, got 0"
    ):
        resize(COLOUR, 0)


def test_a_wrong_shape_is_refused():
    with pytest.raises(Exception, match=r"[Tt]ype-check error"):  # beartype, by pytest's option
        flatten(COLOUR[0])
