"""Views, fast: the twin of `scratchclust/reference/views.py`, where the mathematics is explained.

The same functions, for all images of a batch at once and inside of a compiled step, so that the
data set stays on the device as bytes. `make_views` draws and applies; `Views` is that as the
`prepare` of a training. Where things are done otherwise than in the twin:

| step | here |
|---|---|
| crop | the two neighbours of each place are fetched; on TPUs and GPUs, products with weights |
| hue | one division and one `floor` a pixel, no remainder: a sixth of the time on a CPU |
| what is not applied | by neutral numbers, so that all images take the same way |
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num, PRNGKeyArray

from scratchclust.checks import that_is, whole
from scratchclust.constants import LEAST_BLUR
from scratchclust.errors import InputError
from scratchclust.results import ViewParameters
from scratchclust.train.steps import unit_scale
from scratchclust.train.view_colours import change_colours, grey, solarise
from scratchclust.train.view_frames import crop_and_resize, flip, pose
from scratchclust.train.view_specs import ViewSpec, blur_radius, draw_parameters

__all__ = [
    "Views",
    "apply_parameters",
    "blur",
    "change_colours",
    "crop_and_resize",
    "cut_out",
    "flip",
    "grey",
    "make_views",
    "pose",
    "solarise",
]


@dataclass(frozen=True)
class Views:
    """The views of a batch as the `prepare` of a training: `train(..., prepare=Views(spec, 2))`.

    The model then sees [v n h' w' c]. Two of the same settings are equal, and compile nothing anew.

    Attributes:
        spec: what is done.
        n_views: how often, to each image.

    Raises:
        InputError: no spec, or no whole number of at least 1.
    """

    spec: ViewSpec
    n_views: int

    def __post_init__(self) -> None:
        that_is("a ViewSpec", lambda value: isinstance(value, ViewSpec))("spec", self.spec)
        object.__setattr__(self, "n_views", whole(1)("n_views", self.n_views))

    def __call__(
        self, images: Num[Array, "n h w c"], key: PRNGKeyArray
    ) -> Float[Array, "v n h2 w2 c"]:
        """`make_views` of these images."""
        return make_views(images, key, self.spec, self.n_views)


def make_views(
    images: Num[Array, "n h w c"], key: PRNGKeyArray, spec: ViewSpec, n_views: int
) -> Float[Array, "v n h2 w2 c"]:
    """Draw how each image is to be changed, v times, and change it.

    Of the same key view j of image i is the same on one device and on several. Where the images are
    spread over devices, so are the views, along n.

    Args:
        images: uint8, or float in [0, 1].
        key: decides all that is drawn.
        spec: what is drawn and done; static.
        n_views: v; static.

    Returns:
        float32 in [0, 1], of the size that the spec says.

    Raises:
        InputError: images of another shape or type, or colours to be changed where there are none.
    """
    if images.ndim != 4:
        raise InputError(
            f"expected images [n, h, w, c], got shape {list(images.shape)}: "
            "grey pictures have one channel, as in images[..., None]"
        )
    if spec.changes_colours() and images.shape[3] not in (1, 3):
        raise InputError(
            f"expected images of 1 or 3 channels to change their colours, got {images.shape[3]}: "
            "leave jitter and grey_rate at 0"
        )
    unit_scale(images[:0])  # another type is refused here, before anything is compiled
    return _make_views(images, key, spec, whole(1)("n_views", n_views))


@partial(jax.jit, static_argnames=("spec", "n_views"))
def _make_views(images: Array, key: PRNGKeyArray, spec: ViewSpec, n_views: int) -> Array:
    n, h, w, _ = images.shape
    pixels = unit_scale(images)
    size = spec.size_of((h, w))
    radius = blur_radius(size)

    always = jax.random.uniform(key) < 2  # which no compiler knows

    def one_view(key: PRNGKeyArray) -> Array:
        parameters = draw_parameters(key, spec, n, (h, w))
        views = pixels
        for stage in _stages(parameters, size, radius):
            views = _once(stage, always, views)
        return jnp.clip(views, 0, 1)  # weights add up to 1 but for rounding

    return jax.vmap(one_view)(jax.random.split(key, n_views))


def _once(stage: Callable[[Array], Array], always: Bool[Array, ""], views: Array) -> Array:
    """stage(views), which is computed once and then read.

    XLA:CPU would compute it anew for each of its readers: for each channel, for each neighbour of a
    blurred pixel, and so the stage before it (`PATCHES` took ten times as long). It forgets
    optimisation barriers before it joins loops, but does not join what stands in a branch.
    """

    def in_a_branch(views: Array) -> Array:
        made = jax.eval_shape(stage, views)
        return jax.lax.cond(always, stage, lambda _: jnp.zeros(made.shape, made.dtype), views)

    return jax.lax.platform_dependent(views, cpu=in_a_branch, default=stage)


def apply_parameters(
    images: Float[Array, "n h w c"],
    parameters: ViewParameters,
    size: tuple[int, int],
    blur_radius: int,
) -> Float[Array, "n h2 w2 c"]:
    """Make one view of each image: every change whose parameters are there, in their order.

    Args:
        images: in [0, 1].
        parameters: of each image; None leaves a change out.
        size: height and width of a view.
        blur_radius: see `blur`.
    """
    views = images
    for stage in _stages(parameters, size, blur_radius):
        views = stage(views)
    return views


def _stages(
    parameters: ViewParameters, size: tuple[int, int], blur_radius: int
) -> list[Callable[[Array], Array]]:
    """The changes that have parameters; two that read each pixel once are one stage."""
    p = parameters
    changes = [
        [(pose, p.poses)],
        [(partial(crop_and_resize, size=size), p.boxes), (flip, p.mirrored)],
        [(change_colours, p.colours), (grey, p.greyed)],
        *([(partial(_blur_along, radius=blur_radius, axis=i), p.sigmas)] for i in (1, 2)),
        [(solarise, p.thresholds), (cut_out, p.squares)],
    ]
    given = [[(f, drawn) for f, drawn in stage if drawn is not None] for stage in changes]
    return [partial(_in_turn, stage) for stage in given if stage]


def _in_turn(stage: list[tuple[Callable[..., Array], Array]], views: Array) -> Array:
    for change, drawn in stage:
        views = change(views, drawn)
    return views


def blur(
    images: Float[Array, "n h w c"], sigmas: Float[Array, " n"], radius: int
) -> Float[Array, "n h w c"]:
    """Average each pixel with those around it, rows and then columns.

    Args:
        images: any numbers.
        sigmas: of each image, in pixels; 0 changes nothing.
        radius: less than height and width.
    """
    of_rows = _blur_along(images, sigmas, radius=radius, axis=1)
    return _blur_along(of_rows, sigmas, radius=radius, axis=2)


def _blur_along(
    lines: Float[Array, "n h w c"], sigmas: Float[Array, " n"], *, radius: int, axis: int
) -> Float[Array, "n h w c"]:
    t = jnp.arange(-radius, radius + 1)[None]
    bell = jnp.exp(-(t**2) / (2 * jnp.maximum(sigmas, LEAST_BLUR) ** 2)[:, None])
    n_lines = lines.shape[axis]
    around = [(radius, radius) if i == axis else (0, 0) for i in range(4)]
    # divided first, since XLA:CPU does not divide again for each neighbour what it has divided
    divided = lines / bell.sum(axis=1)[:, None, None, None]
    padded = jnp.pad(divided, around, mode="reflect")

    def tap(t: int) -> Array:
        neighbours = jax.lax.slice_in_dim(padded, t, t + n_lines, axis=axis)
        return bell[:, t, None, None, None] * neighbours

    return sum((tap(t) for t in range(1, 2 * radius + 1)), tap(0))


def cut_out(
    images: Float[Array, "n h w c"], squares: Float[Array, "n 3"]
) -> Float[Array, "n h w c"]:
    """Put a square of the image's mean colour over each image; what lies beyond its border is lost.

    Args:
        images: any numbers.
        squares: row and column of the middle, and the side, whole numbers: rows from the middle
            minus side // 2, and so many. A side of 0 changes nothing.
    """
    row, column, side = squares.T
    rows = _inside(row, side, images.shape[1])
    columns = _inside(column, side, images.shape[2])
    cut = (rows[:, :, None] & columns[:, None, :])[..., None]
    return jnp.where(cut, images.mean(axis=(1, 2), keepdims=True), images)


def _inside(middle: Array, side: Array, n: int) -> Bool[Array, "b n"]:
    after = jnp.arange(n)[None] - (middle - jnp.floor(side / 2))[:, None]
    return (after >= 0) & (after < side[:, None])
