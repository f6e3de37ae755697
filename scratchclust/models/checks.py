"""What specs, images and codes must look like, said in the words of the person who got it wrong.

The rules are those of `scratchclust/checks.py`, each with a cure behind it. Here numbers are
Python's alone: specs go into JSON as they are.
"""

import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from scratchclust.checks import Rule, that_is
from scratchclust.errors import InputError


def is_number(value: Any) -> bool:
    """Whether it is an int or a float; a bool is none here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _all(values: Any, is_one: Any) -> bool:
    return isinstance(values, tuple | list) and len(values) > 0 and all(map(is_one, values))


POSITIVE_INT = that_is("an int of at least 1", _is_positive_int)
POSITIVE_INTS = that_is(
    "a tuple of ints of at least 1", lambda values: _all(values, _is_positive_int)
)
NUMBERS = that_is(
    "a tuple of numbers",
    lambda values: _all(values, lambda value: is_number(value) and math.isfinite(value)),
)
BOOLEAN = that_is("True or False", lambda value: isinstance(value, bool))
FRACTION = that_is("a number from 0 to below 1", lambda value: is_number(value) and 0 <= value < 1)


def positive_int(name: str, value: Any, cure: str) -> None:
    """Refuse what is not an int of at least 1 (of Python: NumPy's do not go into JSON).

    Raises:
        InputError: it is not.
    """
    _apply(POSITIVE_INT, name, value, cure)


def positive_ints(name: str, value: Any, cure: str) -> tuple[int, ...]:
    """Give a tuple of ints of at least 1, and of at least one of them, out of a tuple or a list
    (as JSON has it).

    Raises:
        InputError: it is none.
    """
    return tuple(_apply(POSITIVE_INTS, name, value, cure))


def numbers(name: str, value: Any, cure: str) -> tuple[float, ...]:
    """Give a tuple of finite numbers, and of at least one of them, out of a tuple or a list (as
    JSON has it).

    Raises:
        InputError: it is none.
    """
    return tuple(map(float, _apply(NUMBERS, name, value, cure)))


def of_channels(mean: Any, std: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Give the mean and the deviation by which a network's images are standardised: each a number
    for each channel, or one for all.

    Raises:
        InputError: one of them is none, or the deviation is not above 0.
    """
    each = "one for each channel, or one"
    deviations = numbers("std", std, each)
    if min(deviations) <= 0:
        raise InputError(
            f"expected std above 0, got {deviations}: give that of each channel of the images"
        )
    return numbers("mean", mean, each), deviations


def fraction(name: str, value: Any, cure: str) -> None:
    """Refuse what is not a number in [0, 1).

    Raises:
        InputError: it is not.
    """
    _apply(FRACTION, name, value, cure)


def one_of(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Refuse what is not among the choices.

    Raises:
        InputError: it is not.
    """
    known = tuple(choices)
    rule = that_is(f"one of {_list(known)}", lambda value: value in known)
    _apply(rule, name, value, "choose one of those")


def boolean(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InputError: it is not.
    """
    _apply(BOOLEAN, name, value, "write one of those")


def image_shape_of(value: Any) -> tuple[int, int, int]:
    """Give the shape of one image as three ints.

    Raises:
        InputError: it is not (height, width, channels).
    """
    cure = "pass (height, width, channels), as in images.shape[1:]"
    height, width, channels = positive_ints("image_shape", _three(value, cure), cure)
    return height, width, channels


def images_have(images: jax.Array, shape: tuple[int, ...]) -> None:
    """Refuse images that are not float, or of another shape than the model was built for.

    Raises:
        InputError: they are.
    """
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(
            f"expected float images, got {images.dtype}: "
            "cast them, as in images.astype(float32) / 255"
        )
    if images.ndim != 4 or images.shape[1:] != tuple(shape):
        raise InputError(
            f"expected images [n, {', '.join(map(str, shape))}], got shape {list(images.shape)}: "
            "resize them, or build the model with image_shape=images.shape[1:]"
        )


def codes_have(code: jax.Array, shape: tuple[int, ...]) -> None:
    """Refuse codes of another shape than the decoder reads.

    Raises:
        InputError: they are.
    """
    if code.shape[1:] != tuple(shape):
        raise InputError(
            f"expected codes [n, {', '.join(map(str, shape))}], got shape {list(code.shape)}: "
            "pass what encode returned"
        )


def layer_is_known(layer: str, layer_names: tuple[str, ...]) -> None:
    """Refuse a layer that the model does not have.

    Raises:
        InputError: it has none of that name.
    """
    if layer not in layer_names:
        raise InputError(
            f"expected a layer out of {_list(layer_names)}, got {layer!r}: choose one of those"
        )


def _apply(rule: Rule, name: str, value: Any, cure: str) -> Any:
    """The value as the rule gives it, or its refusal with a cure."""
    try:
        return rule(name, value)
    except InputError as refused:
        raise InputError(f"{refused}: {cure}") from None


def _three(value: Any, cure: str) -> Any:
    if isinstance(value, tuple | list) and len(value) != 3:
        raise InputError(
            f"expected image_shape to be (height, width, channels), got {value!r}: {cure}"
        )
    return value


def _list(choices: Iterable[Any]) -> str:
    return ", ".join(map(repr, choices))
