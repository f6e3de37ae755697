"""What part of a picture a view shows, in JAX: the crop, the pose and the mirror of
`scratchclust/train/views.py`.

The twin, where the mathematics is explained, is `scratchclust/reference/views.py`.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

FULL = jax.lax.Precision.HIGHEST


def crop_and_resize(
    images: Float[Array, "n h w c"], boxes: Float[Array, "n 4"], size: tuple[int, int]
) -> Float[Array, "n h2 w2 c"]:
    """Cut a box out of each image, and bring it to a size.

    On a CPU it takes 2 ns for each number that comes out, and products with the same weights, which
    accelerators are given, 3 to 14 (32x32 to 32x32 and to 16x16; two cores with AVX-512).

    Args:
        images: any numbers.
        boxes: row and column of the upper left pixel, height, width: whole numbers, inside.
        size: height and width of what comes out.
    """
    return jax.lax.platform_dependent(
        images, boxes, cpu=partial(_fetched, size=size), default=partial(_weighted, size=size)
    )


def _places(begin: Array, length: Array, n: int) -> Float[Array, "b n"]:
    """Where each of n parts of a line is read: y_i of the definition."""
    inside = (jnp.arange(n) + 0.5)[None] * (length / n)[:, None] - 0.5
    return begin[:, None] + jnp.clip(inside, 0, (length - 1)[:, None])


def _fetched(images: Array, boxes: Array, *, size: tuple[int, int]) -> Array:
    rows = _places(boxes[:, 0], boxes[:, 2], size[0])
    columns = _places(boxes[:, 1], boxes[:, 3], size[1])

    def of_image(image: Array, rows: Array, columns: Array) -> Array:
        return _between(_between(image, rows).swapaxes(0, 1), columns).swapaxes(0, 1)

    return jax.vmap(of_image)(images, rows, columns)


def _between(lines: Float[Array, "h w c"], at: Float[Array, " n"]) -> Float[Array, "n w c"]:
    """The lines at places that lie inside, linearly."""
    first = at.astype(jnp.int32)
    second = jnp.minimum(first + 1, len(lines) - 1)
    part = (at - first)[:, None, None]
    upper, lower = (lines.at[i].get(mode="promise_in_bounds") for i in (first, second))
    return (1 - part) * upper + part * lower


def _weighted(images: Array, boxes: Array, *, size: tuple[int, int]) -> Array:
    """The same by products with max(0, 1 - |y_i - y|), which fetch nothing."""

    def weights(begin: Array, length: Array, n: int, n_lines: int) -> Float[Array, "b n h"]:
        apart = _places(begin, length, n)[:, :, None] - jnp.arange(n_lines)[None, None]
        return jnp.maximum(0, 1 - jnp.abs(apart))

    of_rows = weights(boxes[:, 0], boxes[:, 2], size[0], images.shape[1])
    of_columns = weights(boxes[:, 1], boxes[:, 3], size[1], images.shape[2])
    rows = jnp.einsum("nih,nhwc->niwc", of_rows, images, precision=FULL)
    return jnp.einsum("njw,niwc->nijc", of_columns, rows, precision=FULL)


def pose(images: Float[Array, "n h w c"], poses: Float[Array, "n 4"]) -> Float[Array, "n h w c"]:
    """Turn, enlarge and move each image about its middle.

    Four neighbours are fetched for each pixel: products with weights take a multiplication for each
    pixel of the image (65 ns on a CPU, where this takes 5). A TPU, which fetches one number after
    the other, is given those.

    Args:
        images: 0 is what lies outside of them.
        poses: angle in radians, against the clock; scale; pixels down; pixels to the right.
    """
    h, w = images.shape[1:3]
    angle, scale, down, right = (column[:, None, None] for column in poses.T)
    y = (jnp.arange(h) - (h - 1) / 2)[None, :, None]
    x = (jnp.arange(w) - (w - 1) / 2)[None, None, :]
    y, x = jnp.broadcast_arrays((y - down) / scale, (x - right) / scale)
    before_y = jnp.cos(angle) * y + jnp.sin(angle) * x
    before_x = jnp.cos(angle) * x - jnp.sin(angle) * y
    at = before_y + (h - 1) / 2, before_x + (w - 1) / 2
    return jax.lax.platform_dependent(
        images, *at, tpu=bilinear_by_products, default=jax.vmap(_bilinear)
    )


def bilinear_by_products(
    images: Float[Array, "n h w c"], y: Float[Array, "n h w"], x: Float[Array, "n h w"]
) -> Float[Array, "n h w c"]:
    """image(y, x) between the pixels, 0 outside, for all images, by the weights max(0, 1 - |y - i|)
    of their rows i and those of their columns. Memory: n h w^2 c numbers.
    """
    n, h, w, _ = images.shape

    def weights(at: Array, n_lines: int) -> Float[Array, "n p lines"]:
        apart = at.reshape(n, -1, 1) - jnp.arange(n_lines)[None, None]
        return jnp.maximum(0, 1 - jnp.abs(apart))

    of_columns = weights(x, w)[..., None]
    lines = jnp.einsum("npi,nijc->npjc", weights(y, h), images, precision=FULL)
    return (lines * of_columns).sum(axis=2).reshape(images.shape)


def _bilinear(
    image: Float[Array, "h w c"], y: Float[Array, "h w"], x: Float[Array, "h w"]
) -> Float[Array, "h w c"]:
    """image(y, x) between the pixels; 0 outside."""
    h, w = image.shape[:2]
    padded = jnp.pad(image, ((1, 1), (1, 1), (0, 0)))  # the last pixel fades to 0 over one more
    y = jnp.clip(y + 1, 0, h + 1)
    x = jnp.clip(x + 1, 0, w + 1)
    i = jnp.minimum(y.astype(jnp.int32), h)
    j = jnp.minimum(x.astype(jnp.int32), w)
    a = (y - i)[:, :, None]
    b = (x - j)[:, :, None]

    def pixel(down: int, right: int) -> Array:
        return padded.at[i + down, j + right].get(mode="promise_in_bounds")

    upper = (1 - b) * pixel(0, 0) + b * pixel(0, 1)
    lower = (1 - b) * pixel(1, 0) + b * pixel(1, 1)
    return (1 - a) * upper + a * lower


def flip(images: Float[Array, "n h w c"], mirrored: Bool[Array, " n"]) -> Float[Array, "n h w c"]:
    """Mirror some images left to right.

    Args:
        images: any numbers.
        mirrored: which.
    """
    return jnp.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
