"""Options that several commands share, and what is read from an option's text."""

import functools
import inspect
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import typer

from scratchclust.errors import InputError


class Device(StrEnum):
    """Where JAX computes."""

    cpu = "cpu"
    gpu = "gpu"
    tpu = "tpu"


class Precision(StrEnum):
    """The numbers that networks compute with; their parameters are float32 in any case."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class FitOption(StrEnum):
    """How images of other proportions come to a size."""

    crop = "crop"
    pad = "pad"
    squeeze = "squeeze"


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", help="No progress and no table: print only the result's place.")
]
WITHOUT_EFFECT = {  # where nothing is computed
    "debug": (Debug, False),  # `cli` sees to it
    "device": (Annotated[Device | None, typer.Option("--device", hidden=True)], None),
    "precision": (
        Annotated[Precision, typer.Option("--precision", hidden=True)],
        Precision.float32,
    ),
    "resume": (Annotated[bool, typer.Option("--resume", hidden=True)], False),
    "overwrite": (Annotated[bool, typer.Option("--overwrite", hidden=True)], False),
}


def with_options_of_all(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that all commands take, and that do nothing where none computes.

    A script can so give the same ones to every command.
    """
    signature = inspect.signature(command)
    further = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in WITHOUT_EFFECT.items()
    ]

    @functools.wraps(command)
    def without_them(**given: Any) -> None:
        command(**{name: given[name] for name in signature.parameters})

    parameters = [*signature.parameters.values(), *further]
    vars(without_them)["__signature__"] = signature.replace(parameters=parameters)
    added = {name: kind for name, (kind, _) in WITHOUT_EFFECT.items()}
    without_them.__annotations__ = {**command.__annotations__, **added}
    return without_them


def labels_of(digits: str | None) -> tuple[int, ...] | None:
    """The labels of --digits."""
    if digits is None:
        return None
    parts = digits.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise InputError(f"--digits expects labels between commas, as 5,6,8,9, but is {digits!r}")
    return tuple(int(part) for part in parts)


def size_of(size: str | None) -> int | tuple[int, int] | None:
    """The pixels of --size: one number for a square, also where it was written as two."""
    if size is None:
        return None
    sides = size.lower().split("x")
    if len(sides) > 2 or not all(
        side.isascii() and side.isdecimal() and int(side) for side in sides
    ):
        raise InputError(
            f"--size expects pixels, as 64, or height x width, as 64x48, but is {size!r}"
        )
    height = int(sides[0])
    width = int(sides[-1])
    return height if height == width else (height, width)
