"""Pictures drawn anew in each epoch: a classifier learns what does not depend on the frame."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num, PRNGKeyArray

from scratchclust.train.steps import unit_scale


def crop(images: Num[Array, "n h w c"], key: PRNGKeyArray) -> Float[Array, "n h w c"]:
    """Move each image by up to 1/8 of its sides: a window of its size, cut at random from the
    image with a border.

    What moves in at an edge is the image's own mirror image there, so that no black bar is seen
    which no photograph has. Bytes become floats in [0, 1]. (He et al., 2016, move by 4 of 32
    pixels, over zeros.)

    Args:
        images: [n, h, w, c] uint8 or float, as they are stored.
        key: decides the moves, one for each image.
    """
    return unit_scale(_move(images, key))


def flip_and_crop(images: Num[Array, "n h w c"], key: PRNGKeyArray) -> Float[Array, "n h w c"]:
    """Move each image as `crop` does, and mirror it left to right with probability 1/2.

    Args:
        images: [n, h, w, c] uint8 or float, as they are stored.
        key: decides the moves and the mirrors, one for each image.
    """
    corner_key, flip_key = jax.random.split(key)
    moved = _move(images, corner_key)
    mirrored = jax.random.bernoulli(flip_key, 0.5, (len(images), 1, 1, 1))
    return unit_scale(jnp.where(mirrored, moved[:, :, ::-1], moved))


def _move(images: Num[Array, "n h w c"], key: PRNGKeyArray) -> Num[Array, "n h w c"]:
    n, h, w, c = images.shape
    padded = jnp.pad(images, ((0, 0), (h // 8, h // 8), (w // 8, w // 8), (0, 0)), mode="reflect")
    places = jnp.array([2 * (h // 8) + 1, 2 * (w // 8) + 1, 1])
    corners = jnp.floor(jax.random.uniform(key, (n, 3)) * places[None]).astype(jnp.int32)
    return jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, corner, (h, w, c)))(
        padded, corners
    )


AUGMENTATIONS = {"crop": crop, "flip-crop": flip_and_crop}
