"""Views for an autoencoder: what it sees of an image that it is to draw, and codes that are a mean
over several of them. `features/autoencoder.py` says how they are used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust.checks import Rule, nothing, one_of, that_is
from scratchclust.errors import InputError
from scratchclust.train.losses import Batch, Loss, Scalar, Terms
from scratchclust.train.objectives.views import draw
from scratchclust.train.view_specs import DIGITS, ViewSpec, blur_radius, draw_parameters
from scratchclust.train.views import Views, apply_parameters

VIEW_WORDS = {"digits": DIGITS}
VIEWS: Rule = (
    nothing | one_of(*VIEW_WORDS) | that_is("a ViewSpec", lambda value: isinstance(value, ViewSpec))
)
ENCODED_VIEWS = 7  # the seed of those whose mean code is taken: the same for every image and fit


def views_of(
    views: Any, n_views: int | None, image_shape: tuple[int, int, int]
) -> tuple[ViewSpec | None, int | None]:
    """Give the spec of the views, and of how many of them a code is the mean; None: of the image.

    Args:
        views: None, "digits" or a `ViewSpec`.
        n_views: None, or a number.
        image_shape: (height, width, channels).

    Raises:
        InputError: an unknown word, a number of views of which nothing is said, or views of
            another size than the images.
    """
    views = VIEWS("views", views)
    if views is None:
        if n_views is not None:
            raise InputError(
                f"n_views={n_views} says of how many views a code is the mean, but there are none: "
                "give views='digits' or a ViewSpec, or leave n_views out"
            )
        return None, None
    spec = VIEW_WORDS[views] if isinstance(views, str) else views
    height, width = image_shape[:2]
    size = spec.size_of((height, width))
    if size != (height, width):
        raise InputError(
            f"expected views of the images' size, {height}x{width}, got {size[0]}x{size[1]}: "
            "leave size= out of the ViewSpec"
        )
    return spec, n_views


@dataclass(frozen=True)
class DrawnFromView:
    """A loss of images and of what a model draws from a view of each.

    Attributes:
        loss: that compares the images with what the model makes of them.
        views: of each image one.
    """

    loss: Loss
    views: Views

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        view_key, key = jax.random.split(key)
        view = draw(self.views, batch.images, view_key)[0]
        return self.loss(_OfView(model, view), batch, key)


@dataclass(frozen=True)
class _OfView:
    """A model that sees the view, whatever images it is asked for."""

    model: Any
    view: Float[Array, "n h w c"]

    def __call__(self, images: Array, **given: Any) -> Any:
        return self.model(self.view, **given)

    def logits(self, images: Array) -> Array:
        return self.model.logits(self.view)


@dataclass(frozen=True)
class MeanOverViews:
    """(model, images) -> the mean of what a function gives for views, compiled once for the same.

    The views are drawn for one image, and every image is changed in these ways: so its code does
    not depend on its place among others.
    """

    codes: Callable[[Any, Array], Array]
    views: ViewSpec
    n_views: int

    def __call__(self, model: Any, images: Float[Array, "n h w c"]) -> Float[Array, "n d"]:
        n, height, width, _ = images.shape
        key = jax.random.key(ENCODED_VIEWS)
        drawn = draw_parameters(key, self.views, self.n_views, (height, width))

        def of_view(parameters: Any) -> Array:
            of_all = jax.tree.map(lambda x: jnp.broadcast_to(x[None], (n, *x.shape)), parameters)
            radius = blur_radius((height, width))
            return self.codes(model, apply_parameters(images, of_all, (height, width), radius))

        return jax.lax.map(of_view, drawn).mean(axis=0)
