"""What specs, images and codes must look like, said in the words of the person who got it wrong."""

import math
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from scratchclust.errors import InputError


def positive_int(name: str, value: Any, cure: str) -> None:
    """Refuse what is not an int of at least 1 (of Python: NumPy's do not go into JSON).

    Raises:
        InputError: it is not.
    """
    if not _is_positive_int(value):
        raise InputError(f"expected {name} to be an int of at least 1, found {value!r}: {cure}")


def positive_ints(name: str, value: Any, cure: str) -> tuple[int, ...]:
    """A tuple of ints of at least 1, and of at least one of them. A list (as JSON gives) becomes a
    tuple.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, tuple | list) or not value or not all(map(_is_positive_int, value)):
        raise InputError(
            f"expected {name} to be a tuple of ints of at least 1, found {value!r}: {cure}"
        )
    return tuple(value)


def numbers(name: str, value: Any, cure: str) -> tuple[float, ...]:
    """A tuple of finite numbers, and of at least one of them. A list (as JSON gives) becomes a
    tuple.

    Raises:
        InputError: it is none.
    """
    if (
        not isinstance(value, tuple | list)
        or not value
        or not all(is_number(v) and math.isfinite(v) for v in value)
    ):
        raise InputError(f"expected {name} to be a tuple of numbers, found {value!r}: {cure}")
    return tuple(map(float, value))


def fraction(name: str, value: Any, cure: str) -> None:
    """Refuse what is not a number in [0, 1).

    Raises:
        InputError: it is not.
    """
    if not is_number(value) or not 0 <= value < 1:
        raise InputError(
            f"expected {name} to be a number from 0 to below 1, found {value!r}: {cure}"
        )


def one_of(name: str, value: Any, choices: Iterable[Any]) -> None:
    """Refuse what is not among the choices.

    Raises:
        InputError: it is not.
    """
    choices = tuple(choices)
    if value not in choices:
        raise InputError(
            f"expected {name} to be one of {_listed(choices)}, found {value!r}: choose one of those"
        )


def boolean(name: str, value: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, bool):
        raise InputError(
            f"expected {name} to be True or False, found {value!r}: write one of those"
        )


def image_shape_of(value: Any) -> tuple[int, int, int]:
    """The shape of one image as three ints.

    Raises:
        InputError: it is not (height, width, channels).
    """
    shape = positive_ints(
        "image_shape", value, "pass (height, width, channels), as in images.shape[1:]"
    )
    if len(shape) != 3:
        raise InputError(
            f"expected image_shape (height, width, channels), found {value!r}: pass images.shape[1:]"
        )
    return shape  # pyright: ignore[reportReturnType]


def images_have(images: jax.Array, shape: tuple[int, ...]) -> None:
    """Refuse images that are not float, or of another shape than the model was built for.

    Raises:
        InputError: they are.
    """
    if not jnp.issubdtype(images.dtype, jnp.floating):
        raise InputError(
            f"expected float images, found {images.dtype}: cast them, as in images.astype(float32) / 255"
        )
    if images.ndim != 4 or images.shape[1:] != tuple(shape):
        raise InputError(
            f"expected images [n, {', '.join(map(str, shape))}], found shape {list(images.shape)}: "
            "resize them, or build the model with image_shape=images.shape[1:]"
        )


def codes_have(code: jax.Array, shape: tuple[int, ...]) -> None:
    """Refuse codes of another shape than the decoder reads.

    Raises:
        InputError: they are.
    """
    if code.shape[1:] != tuple(shape):
        raise InputError(
            f"expected codes [n, {', '.join(map(str, shape))}], found shape {list(code.shape)}: "
            "pass what encode returned"
        )


def layer_is_known(layer: str, layer_names: tuple[str, ...]) -> None:
    """Refuse a layer that the model does not have.

    Raises:
        InputError: it has none of that name.
    """
    if layer not in layer_names:
        raise InputError(
            f"expected a layer out of {_listed(layer_names)}, found {layer!r}: choose one of those"
        )


def is_number(value: Any) -> bool:
    """Whether it is an int or a float; a bool is none here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_positive_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _listed(choices: Iterable[Any]) -> str:
    return ", ".join(map(repr, choices))
