"""Windows and mirrors: each is one of the windows there are, all of them occur, and the same key gives the same."""

import jax
import jax.numpy as jnp
import numpy as np

from scratchclust.train.augmentation import flip_and_crop


def windows(image):
    """All windows of 7x7 of an 8x8 image, as they are and mirrored."""
    crops = [image[i : i + 7, j : j + 7] for i in range(2) for j in range(2)]
    return np.stack([*crops, *(crop[:, ::-1] for crop in crops)])


def test_each_image_becomes_one_of_its_windows_and_each_window_occurs():
    images = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 3), dtype=np.uint8)
    drawn = np.asarray(flip_and_crop(jnp.asarray(images), jax.random.key(0)))
    assert drawn.shape == (200, 7, 7, 3)
    found = [
        np.flatnonzero((np.abs(windows(image / 255) - one) < 1e-6).all((1, 2, 3)))
        for image, one in zip(images, drawn, strict=True)
    ]
    assert [len(where) for where in found] == [1] * 200
    counts = np.bincount(np.concatenate(found), minlength=8)
    assert counts.min() >= 10  # 25 each on average
    np.testing.assert_array_equal(flip_and_crop(jnp.asarray(images), jax.random.key(0)), drawn)
    assert (flip_and_crop(jnp.asarray(images), jax.random.key(1)) != drawn).any()


def test_32_pixels_become_28():
    assert flip_and_crop(jnp.zeros((2, 32, 32, 3)), jax.random.key(0)).shape == (2, 28, 28, 3)
    assert flip_and_crop(jnp.zeros((2, 5, 7, 1)), jax.random.key(0)).shape == (2, 5, 7, 1)
