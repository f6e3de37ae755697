"""Which views are made of pictures: a spec says it, ready ones stand below, and `draw_parameters`
draws from it what is done to each picture.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from scratchclust.checks import Refused, Rule, nothing, number, whole
from scratchclust.errors import InputError
from scratchclust.results import ViewParameters

NOT_SOLARISED = 2.0  # a threshold that no pixel reaches
BLURRED_SHARE = 1 / 20  # of the shorter side: SimCLR's kernel is a tenth of it wide


def _tuple_of(rules: Sequence[Rule], expected: str) -> Rule:
    """A tuple, or a list as JSON has it, with a value for each of these rules."""

    def accept(values: Any) -> tuple[Any, ...]:
        if not isinstance(values, tuple | list) or len(values) != len(rules):
            raise Refused
        return tuple(rule.accept(value) for rule, value in zip(rules, values, strict=True))

    return Rule(expected, accept)


def _range(rule: Rule, expected: str) -> Rule:
    def accept(values: Any) -> tuple[float, float]:
        low, high = _tuple_of((rule, rule), expected).accept(values)
        if low > high:
            raise Refused
        return low, high

    return Rule(expected, accept)


_RATE = number(least=0, most=1)
_STRENGTH = number(least=0)
_RULES = {
    "rotation": number(least=0, most=180),
    "scale": _range(number(above=0), "two numbers above 0, the smaller first, as (0.9, 1.1)"),
    "shift": _RATE,
    "crop_area": _range(
        number(above=0, most=1),
        "two shares above 0 and up to 1, the smaller first, as (0.08, 1)",
    ),
    "crop_aspect": _range(
        number(above=0), "two proportions above 0, the smaller first, as (3 / 4, 4 / 3)"
    ),
    "size": nothing | _tuple_of((whole(1), whole(1)), "(height, width) in pixels"),
    "flip_rate": _RATE,
    "jitter": _tuple_of(
        (_STRENGTH, _STRENGTH, _STRENGTH, number(least=0, most=0.5)),
        "four strengths of at least 0, that of hue at most 0.5, as (0.4, 0.4, 0.4, 0.1)",
    ),
    "jitter_rate": _RATE,
    "grey_rate": _RATE,
    "blur_rate": _RATE,
    "blur_sigma": _range(_STRENGTH, "two numbers of pixels, the smaller first, as (0.1, 2)"),
    "solarise_rate": _RATE,
    "solarise_from": _RATE,
    "cutout_rate": _RATE,
    "cutout_share": _RATE,
}


@dataclass(frozen=True, kw_only=True)
class ViewSpec:
    """How views are made, in numbers; by default they are the images themselves.

    The changes come in the order of these fields, each drawn for each image by itself. What no
    image needs is not computed.

    Attributes:
        rotation: an angle from -rotation to rotation, in degrees.
        scale: a factor between these, its logarithm uniform.
        shift: a share of each side from -shift to shift, down and to the right.
        crop_area: a share of the image between these, uniform.
        crop_aspect: width over height of the crop, in pixels, its logarithm uniform between these,
            as far as the area leaves room. (torchvision draws both anew where the crop is too wide
            or too high, and so fewer large ones.)
        size: height and width of the views, to which the crop is resized; None: of the images.
        flip_rate: probability of a mirrored image.
        jitter: strengths of brightness, contrast, saturation and hue: factors from 1 - strength
            (at least 0) to 1 + strength; and the hue turned by up to that many rounds.
        jitter_rate: probability of the jitter.
        grey_rate: probability that only the luma is left.
        blur_rate: probability of a blur.
        blur_sigma: in pixels, uniform between these; the kernel is a tenth of the side wide, and
            at least 3 pixels.
        solarise_rate: probability that what is bright is turned into its negative.
        solarise_from: from which value.
        cutout_rate: probability of a square of the mean colour, around any pixel.
        cutout_share: its side, as a share of the shorter side.

    Raises:
        InputError: a field that cannot be.
    """

    rotation: float | int = 0
    scale: Sequence[float | int] = (1, 1)
    shift: float | int = 0
    crop_area: Sequence[float | int] = (1, 1)
    crop_aspect: Sequence[float | int] = (3 / 4, 4 / 3)
    size: Sequence[int] | None = None
    flip_rate: float | int = 0
    jitter: Sequence[float | int] = (0, 0, 0, 0)
    jitter_rate: float | int = 0.8
    grey_rate: float | int = 0
    blur_rate: float | int = 0
    blur_sigma: Sequence[float | int] = (0.1, 2)
    solarise_rate: float | int = 0
    solarise_from: float | int = 0.5
    cutout_rate: float | int = 0
    cutout_share: float | int = 0.5

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            object.__setattr__(self, name, rule(name, getattr(self, name)))

    def size_of(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the views of images of this height and width."""
        height, width = self.size or image_size
        return height, width

    def poses(self) -> bool:
        """Whether images are turned, enlarged or moved."""
        return (self.rotation, self.scale, self.shift) != (0, (1, 1), 0)

    def crops(self) -> bool:
        """Whether a part of the images is cut out or resized."""
        return self.crop_area != (1, 1) or self.size is not None

    def jitters(self) -> bool:
        """Whether colours are changed by factors."""
        return any(self.jitter) and self.jitter_rate > 0

    def changes_colours(self) -> bool:
        """Whether images must have colours, or be grey pictures of one channel."""
        return self.jitters() or self.grey_rate > 0


SIMCLR_CIFAR = ViewSpec(
    crop_area=(0.08, 1), flip_rate=0.5, jitter=(0.4, 0.4, 0.4, 0.1), jitter_rate=0.8, grey_rate=0.2
)
"""SimCLR's for CIFAR-10 (its appendix B.9: strength 0.5, no blur): two views of an image."""

PATCHES = ViewSpec(
    crop_area=(0.25, 0.25),
    crop_aspect=(1, 1),
    size=(16, 16),
    flip_rate=0.5,
    jitter=(0.4, 0.4, 0.4, 0.2),
    jitter_rate=0.8,
    grey_rate=0.2,
    blur_rate=0.1,
    solarise_rate=0.1,
)
"""EMP-SSL's for CIFAR-10 (Tong et al., 2023): 20 patches of an image, a quarter of it each, which
are not enlarged to 32x32 again, as they are there: `dataclasses.replace(PATCHES, size=(32, 32))`
does that, for four times the work.
"""

DIGITS = ViewSpec(rotation=10, scale=(0.9, 1.1), shift=0.1)
"""What leaves a digit the digit that it is, as in Guo et al., "Deep embedded clustering with data
augmentation", 2018 (which has no scale): no mirror, no crop.
"""


def blur_radius(size: tuple[int, int]) -> int:
    """Pixels to either side that a blur of views of this size looks at; 0 where they have no
    neighbours.
    """
    return min(max(1, round(BLURRED_SHARE * min(size))), min(size) - 1)


def draw_parameters(
    key: PRNGKeyArray, spec: ViewSpec, n: int, image_size: tuple[int, int]
) -> ViewParameters:
    """Draw what is done to each of n images.

    Args:
        key: decides all.
        spec: of the distributions.
        n: images.
        image_size: their height and width.

    Raises:
        InputError: views too small to be blurred.
    """
    size = spec.size_of(image_size)
    if spec.blur_rate and min(size) < 2:
        raise InputError(
            f"expected views of at least 2x2 to blur, got {size[0]}x{size[1]}: leave blur_rate at 0"
        )
    keys = ViewParameters(*jax.random.split(key, len(ViewParameters._fields)))
    return ViewParameters(
        poses=_draw_poses(keys.poses, spec, n, image_size) if spec.poses() else None,
        boxes=_draw_boxes(keys.boxes, spec, n, image_size) if spec.crops() else None,
        mirrored=_draw_flags(keys.mirrored, spec.flip_rate, n) if spec.flip_rate else None,
        colours=_draw_colours(keys.colours, spec, n) if spec.jitters() else None,
        greyed=_draw_flags(keys.greyed, spec.grey_rate, n) if spec.grey_rate else None,
        sigmas=_draw_sigmas(keys.sigmas, spec, n) if spec.blur_rate else None,
        thresholds=_draw_thresholds(keys.thresholds, spec, n) if spec.solarise_rate else None,
        squares=_draw_squares(keys.squares, spec, n, size) if spec.cutout_rate else None,
    )


def _draw_poses(
    key: PRNGKeyArray, spec: ViewSpec, n: int, image_size: tuple[int, int]
) -> Float[Array, "n 4"]:
    smallest, largest = map(math.log, spec.scale)
    most = jnp.array([math.radians(spec.rotation), 0, *(spec.shift * side for side in image_size)])
    u = jax.random.uniform(key, (n, 4))
    scale = jnp.exp(smallest + (largest - smallest) * u[:, 1])
    return ((2 * u - 1) * most[None]).at[:, 1].set(scale)


def _draw_boxes(
    key: PRNGKeyArray, spec: ViewSpec, n: int, image_size: tuple[int, int]
) -> Float[Array, "n 4"]:
    """Boxes of whole pixels: the area, the proportion as far as there is room, then the place."""
    h, w = image_size
    u_area, u_aspect, u_row, u_column = jax.random.uniform(key, (4, n))
    least, most = spec.crop_area
    area = least + (most - least) * u_area
    narrow, wide = spec.crop_aspect
    narrowest = jnp.log(jnp.clip(narrow, area * w / h, w / (area * h)))
    widest = jnp.log(jnp.clip(wide, area * w / h, w / (area * h)))
    aspect = jnp.exp(narrowest + (widest - narrowest) * u_aspect)
    height = jnp.clip(jnp.round(jnp.sqrt(area * h * w / aspect)), 1, h)
    width = jnp.clip(jnp.round(jnp.sqrt(area * h * w * aspect)), 1, w)
    row = jnp.floor(u_row * (h - height + 1))
    column = jnp.floor(u_column * (w - width + 1))
    return jnp.stack([row, column, height, width], axis=1)


def _draw_flags(key: PRNGKeyArray, rate: float | int, n: int) -> Bool[Array, " n"]:
    return jax.random.bernoulli(key, rate, (n,))


def _draw_colours(key: PRNGKeyArray, spec: ViewSpec, n: int) -> Float[Array, "n 4"]:
    """Three factors and a turn of the hue; 1, 1, 1, 0 where the image keeps its colours."""
    flag_key, key = jax.random.split(key)
    strengths = jnp.array(spec.jitter)
    neutral = jnp.array([1.0, 1.0, 1.0, 0.0])
    least = jnp.maximum(neutral - strengths, jnp.array([0.0, 0.0, 0.0, -0.5]))
    u = jax.random.uniform(key, (n, 4))
    colours = least[None] + (neutral + strengths - least)[None] * u
    return jnp.where(_draw_flags(flag_key, spec.jitter_rate, n)[:, None], colours, neutral[None])


def _draw_sigmas(key: PRNGKeyArray, spec: ViewSpec, n: int) -> Float[Array, " n"]:
    flag_key, key = jax.random.split(key)
    least, most = spec.blur_sigma
    sigmas = least + (most - least) * jax.random.uniform(key, (n,))
    return jnp.where(_draw_flags(flag_key, spec.blur_rate, n), sigmas, 0)


def _draw_thresholds(key: PRNGKeyArray, spec: ViewSpec, n: int) -> Float[Array, " n"]:
    return jnp.where(
        _draw_flags(key, spec.solarise_rate, n), float(spec.solarise_from), NOT_SOLARISED
    )


def _draw_squares(
    key: PRNGKeyArray, spec: ViewSpec, n: int, size: tuple[int, int]
) -> Float[Array, "n 3"]:
    """Squares around any pixel of the view, so that some lie beyond its border in part."""
    flag_key, key = jax.random.split(key)
    middles = jnp.floor(jax.random.uniform(key, (n, 2)) * jnp.array(size)[None])
    side = float(round(spec.cutout_share * min(size)))
    sides = jnp.where(_draw_flags(flag_key, spec.cutout_rate, n), side, 0.0)
    return jnp.concatenate([middles, sides[:, None]], axis=1)
