"""What a model says of several views of each picture."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Num, PRNGKeyArray

from scratchclust.checks import Rule, function, number

Views = Callable[[Any, Any], Any]
"""views(images [n h w c], key) -> [v n h w c]: v pictures of each, drawn at random. A loss holds
one as a field, and losses are compared by their fields: so that two trainings share a program, give
both the same function, or one that is compared by its settings as well (a frozen dataclass)."""

VIEWS = Rule(f"{function.expected}, views(images, key) -> [v n h w c]", function.accept)
POSITIVE = number(above=0)
NOT_NEGATIVE = number(least=0)
SHARE = number(least=0, most=1)


def draw(
    views: Views, images: Num[Array, "n h w c"], key: PRNGKeyArray
) -> Float[Array, "v n h2 w2 c"]:
    """Draw views of each image, in its type: a model whose parameters are bfloat16 would compute
    in float32 on views that are.

    Args:
        views: what draws them.
        images: as the model would see them; of bytes the views are what `views` makes.
        key: decides what is drawn.
    """
    drawn = views(images, key)
    is_float = jnp.issubdtype(images.dtype, jnp.floating)
    return drawn.astype(images.dtype) if is_float else drawn


def outputs_of_views(
    model: Callable[[Any], Any], pictures: Float[Array, "v n h w c"]
) -> Float[Array, "v n d"]:
    """Apply a model to all views at once, so that the statistics of batch normalisation are those
    of all of them.

    Args:
        model: [m h w c] -> [m d].
        pictures: v views of n images.
    """
    v, n = pictures.shape[:2]
    # Views of an image side by side: what is spread over devices by images stays where it is.
    flat = jnp.swapaxes(pictures, 0, 1).reshape(n * v, *pictures.shape[2:])
    return jnp.swapaxes(model(flat).reshape(n, v, -1), 0, 1)
