"""The colours of views, in JAX: what of `scratchclust/train/views.py` looks at red, green and blue.

The twin, where the mathematics is explained, is `scratchclust/reference/views.py`.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from scratchclust.constants import LUMA


def change_colours(
    images: Float[Array, "n h w c"], colours: Float[Array, "n 4"]
) -> Float[Array, "n h w c"]:
    """Change brightness, contrast, saturation and hue, in this order.

    Args:
        images: in [0, 1]; of three channels, or of one, which has neither saturation nor hue.
        colours: factors b, c and s, of which 1 changes nothing, and f in rounds.
    """
    b, c, s, f = (column[:, None, None] for column in colours.T)
    # a channel at a time: on a CPU half of the time that arrays with channels take
    x = [jnp.clip(b * channel, 0, 1) for channel in jnp.unstack(images, axis=-1)]
    middle = luma(x).mean(axis=(1, 2), keepdims=True)
    x = [jnp.clip(c * channel + (1 - c) * middle, 0, 1) for channel in x]
    if len(x) == 3:
        seen = luma(x)
        x = [jnp.clip(s * channel + (1 - s) * seen, 0, 1) for channel in x]
        x = turn_hue(x, f)
    return jnp.stack(x, axis=-1)


def luma(channels: Sequence[Float[Array, "n h w"]]) -> Float[Array, "n h w"]:
    """The brightness that is seen; of one channel that itself."""
    if len(channels) == 1:
        return channels[0]
    red, green, blue = channels
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def turn_hue(
    channels: Sequence[Float[Array, "n h w"]], f: Float[Array, "n 1 1"]
) -> list[Float[Array, "n h w"]]:
    """Turn the hue by f rounds. With the smallest channel m, the chroma d = max - m and the hue h
    in sixths of a round, from 0 to 6,

        R = m + d [|h - 3| - 1]    G = m + d [2 - |h - 2|]    B = m + d [2 - |h - 4|]

    which is the twin's formula without its remainders.
    """
    red, green, blue = channels
    v = jnp.maximum(jnp.maximum(red, green), blue)
    m = jnp.minimum(jnp.minimum(red, green), blue)
    d = v - m
    per_chroma = 1 / jnp.where(d == 0, 1, d)  # grey has no hue, and keeps none
    of_green = 2 + (blue - red) * per_chroma
    of_blue = 4 + (red - green) * per_chroma
    h = jnp.where(v == red, (green - blue) * per_chroma, jnp.where(v == green, of_green, of_blue))
    h = h + 6 * f
    h = h - 6 * jnp.floor(h / 6)
    parts = (jnp.abs(h - 3) - 1, 2 - jnp.abs(h - 2), 2 - jnp.abs(h - 4))
    return [m + d * jnp.clip(part, 0, 1) for part in parts]


def grey(images: Float[Array, "n h w c"], greyed: Bool[Array, " n"]) -> Float[Array, "n h w c"]:
    """Take the colours from some images: each channel becomes the luma.

    Args:
        images: of three channels, or of one, which stay.
        greyed: which.
    """
    seen = luma(jnp.unstack(images, axis=-1))[..., None]
    return jnp.where(greyed[:, None, None, None], seen, images)


def solarise(
    images: Float[Array, "n h w c"], thresholds: Float[Array, " n"]
) -> Float[Array, "n h w c"]:
    """Turn what is bright into its negative: x >= threshold becomes 1 - x.

    Args:
        images: in [0, 1].
        thresholds: of each image; above 1 nothing changes.
    """
    return jnp.where(images >= thresholds[:, None, None, None], 1 - images, images)
