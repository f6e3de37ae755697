"""The exceptions of our own: something given is wrong, or a training cannot go on; and the cure."""

import errno
import os
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

FULL = (errno.ENOSPC, errno.EDQUOT)  # no room on the disk, or none that this user may take


def escaped(text: str) -> str:
    """The text on one line that is safe to show: odd characters of files' names as Python has them.

    Such are newlines, which would forge a line, the escape sequences of terminals, marks that turn
    the direction of writing, and bytes that are not UTF-8. Letters of all scripts and all spaces
    stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(
        letter
        if letter.isprintable() or unicodedata.category(letter) == "Zs"
        else repr(letter)[1:-1]
        for letter in text
    )


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Inside, an error of writing names the file: Python does so at opening, not for a full disk.

    Raises:
        OSError: with the path as `filename`; what NumPy and safetensors raise for a full disk
            becomes one too.
    """
    try:
        yield
    except Exception as error:
        number = _number_of(error)
        if number is None or getattr(error, "filename", None) is not None:
            raise
        raise OSError(number, os.strerror(number), os.fspath(path)) from error


def _number_of(error: Exception) -> int | None:
    if isinstance(error, OSError):
        # NumPy: "16384 requested and 12288 written", without a number
        return (
            errno.ENOSPC if error.errno is None and " requested and " in str(error) else error.errno
        )
    if type(error).__name__ == "SafetensorError":
        return next((number for number in FULL if f"(os error {number})" in str(error)), None)
    return None


class LostProcessError(RuntimeError):
    """Another of several processes has ended, so that this one cannot go on."""


class InputError(ValueError):
    """A file, an argument or a combination of arguments that cannot be used.

    The message is one line: what was expected, what came, and the cure. The command line prints it
    and ends with exit code 2; every other exception is a failure of the program and ends with 1.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(escaped(message))


class InputTypeError(InputError, TypeError):
    """An `InputError` for a wrong kind of thing, where scikit-learn raises TypeError."""


class TrainingError(RuntimeError):
    """A training that cannot go on, and what it had reached.

    The message is one line: what happened, at which step, and what to try.

    Attributes:
        model: the model after the last epoch that was whole and finite (the one that came in,
            before the first).
        history: each loss term of the epochs up to there, name -> list.
        epoch: the epoch in which it ended, from 1.
        step: the step of that epoch, from 1; 0 where none is to blame.
    """

    def __init__(
        self, message: str, *, model: Any = None, history: Any = None, epoch: int = 0, step: int = 0
    ) -> None:
        super().__init__(message)
        self.model = model
        self.history = history
        self.epoch = epoch
        self.step = step
