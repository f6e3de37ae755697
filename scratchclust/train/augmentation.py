"""Pictures that are drawn anew in each epoch, so that a classifier learns what does not depend on the frame."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Num, PRNGKeyArray

from scratchclust.train.steps import unit_scale


def flip_and_crop(images: Num[Array, "n h w c"], key: PRNGKeyArray) -> Float[Array, "n h w c"]:
    """Each image moved by up to 1/8 of its sides, and mirrored left to right with probability 1/2.

    What moves in at an edge is the image's own mirror image there, so that no black bar is seen which no photograph
    has. Bytes become floats in [0, 1]. (He et al., 2016, move by 4 of 32 pixels, over zeros.)

    Args:
        images: [n, h, w, c] uint8 or float, as they are stored.
        key: decides the moves and the mirrors, one for each image.
    """
    n, h, w, c = images.shape
    padded = jnp.pad(images, ((0, 0), (h // 8, h // 8), (w // 8, w // 8), (0, 0)), mode="reflect")
    corner_key, flip_key = jax.random.split(key)
    places = jnp.array([2 * (h // 8) + 1, 2 * (w // 8) + 1, 1])
    corners = jnp.floor(jax.random.uniform(corner_key, (n, 3)) * places[None]).astype(jnp.int32)
    moved = jax.vmap(lambda image, corner: jax.lax.dynamic_slice(image, corner, (h, w, c)))(padded, corners)
    mirrored = jax.random.bernoulli(flip_key, 0.5, (n, 1, 1, 1))
    return unit_scale(jnp.where(mirrored, moved[:, :, ::-1], moved))


AUGMENTATIONS = {"flip-crop": flip_and_crop}
