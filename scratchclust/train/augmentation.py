"""Pictures that are drawn anew in each epoch, so that a classifier learns what does not depend on the frame."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num, PRNGKeyArray

from scratchclust.train.steps import unit_scale


def flip_and_crop(images: Num[Array, "n h w c"], key: PRNGKeyArray) -> Float[Array, "n h2 w2 c"]:
    """A random window of 7/8 of the height and the width of each image, mirrored left to right with probability 1/2.

    The window lies within the image, nothing is padded: a network that takes any size (`ResNet`) is trained on the
    windows, which cost a quarter less than the images, and used on the images. Bytes become floats in [0, 1].

    Args:
        images: [n, h, w, c] uint8 or float, as they are stored.
        key: decides the windows and the mirrors, one for each image.
    """
    n, h, w, c = images.shape
    window = (h - h // 8, w - w // 8, c)
    corner_key, flip_key = jax.random.split(key)
    highest = jnp.array([h // 8 + 1, w // 8 + 1, 1])
    corners = jnp.floor(jax.random.uniform(corner_key, (n, 3)) * highest[None]).astype(jnp.int32)
    cropped = jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, corner, window))(images, corners)
    mirrored = jax.random.bernoulli(flip_key, 0.5, (n, 1, 1, 1))
    return unit_scale(jnp.where(mirrored, cropped[:, :, ::-1], cropped))


AUGMENTATIONS = {"flip-crop": flip_and_crop}
