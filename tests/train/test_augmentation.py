"""Moves and mirrors: each is one of those there are, all of them occur, and the same key gives the
same.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust.train.augmentation import crop, flip_and_crop


def moved_and_mirrored(image):
    """All moves of an 8x8 image by -1, 0 or 1 in both directions, as they are and mirrored: [18, 8,
    8, c].
    """
    h, w = image.shape[:2]
    moves = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            moved = np.empty_like(image)
            for i in range(h):
                for j in range(w):
                    # what is beyond the edge is the image in the mirror of the last pixel
                    k = abs(i + down)
                    m = abs(j + right)
                    moved[i, j] = image[min(k, 2 * h - 2 - k), min(m, 2 * w - 2 - m)]
            moves.append(moved)
    return np.stack([*moves, *(moved[:, ::-1] for moved in moves)])


@pytest.mark.quick(1)
@pytest.mark.parametrize(("augment", "n_pictures"), [(crop, 9), (flip_and_crop, 18)])
def test_each_image_is_moved_and_each_move_occurs(augment, n_pictures):
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 3), dtype=np.uint8)
    drawn = np.asarray(augment(jnp.asarray(images), jax.random.key(0)))
    assert drawn.shape == images.shape
    found = [
        np.flatnonzero((np.abs(moved_and_mirrored(image / 255) - one) < 1e-6).all((1, 2, 3)))
        for image, one in zip(images, drawn, strict=True)
    ]
    assert [len(where) for where in found] == [1] * 400
    counts = np.bincount(np.concatenate(found), minlength=18)
    assert counts[:n_pictures].min() >= 8  # 22 or 44 each on average
    assert counts[n_pictures:].sum() == 0
    np.testing.assert_array_equal(augment(jnp.asarray(images), jax.random.key(0)), drawn)
    assert (augment(jnp.asarray(images), jax.random.key(1)) != drawn).any()


@pytest.mark.quick(1)
@pytest.mark.parametrize("size", [(32, 32, 3), (5, 7, 1), (28, 16, 1)])
def test_the_size_stays(size):
    for augment in (crop, flip_and_crop):
        assert augment(jnp.zeros((2, *size)), jax.random.key(0)).shape == (2, *size)
