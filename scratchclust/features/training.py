"""How a training is asked for in words, where it keeps its checkpoints, and what it tells."""

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from scratchclust.errors import InputError
from scratchclust.train.checkpoint import Checkpoints, History
from scratchclust.train.loop import TrainingResult
from scratchclust.train.optimizers import OPTIMIZERS
from scratchclust.train.progress import Progress
from scratchclust.train.schedules import CosineSpec, StepSpec

SCHEDULES = (CosineSpec, StepSpec)


class Stopped(Exception):
    """What a callback of a training raises to end it after this epoch; `result` is what it has
    reached.
    """

    def __init__(self, model: Any, history: History) -> None:
        super().__init__("a callback ended the training")
        self.result = TrainingResult(model, history)


def until_stopped(
    fit: Callable[..., TrainingResult], *args: Any, **settings: Any
) -> TrainingResult:
    """fit(*args, **settings), or what it had reached when a callback raised `Stopped`."""
    try:
        return fit(*args, **settings)
    except Stopped as stopped:
        return stopped.result


def optimizer_of(optimizer: Any, learning_rate: Any) -> Any:
    """The spec of an optimiser.

    Args:
        optimizer: "sgd", "momentum", "adam", "adamw", "adadelta", or a spec of one of them.
        learning_rate: a number or one of `SCHEDULES`, in the place of the spec's own; None leaves
            that.

    Raises:
        InputError: an unknown word, or no spec.
    """
    spec: Any = optimizer
    if isinstance(optimizer, str) and optimizer in OPTIMIZERS:
        spec = OPTIMIZERS[optimizer]()
    if not isinstance(spec, tuple(OPTIMIZERS.values())):
        known = ", ".join(map(repr, OPTIMIZERS))
        raise InputError(
            f"expected optimizer to be one of {known}, or a spec of them, got {optimizer!r}"
        )
    return spec if learning_rate is None else replace(spec, learning_rate=learning_rate)


def checkpoints_in(
    folder: str | Path | None, name: str, epochs: int
) -> tuple[Checkpoints | None, bool]:
    """The checkpoints in a folder, about ten in a training, and whether there are some from which
    to go on.
    """
    if folder is None:
        return None, False
    checkpoints = Checkpoints(Path(folder) / name, every=max(1, epochs // 10))
    return checkpoints, bool(checkpoints.found())


def tell_epochs(logger: logging.Logger, what: str, verbose: int) -> Callable[[Progress], None]:
    """Tells the logger of every epoch, and prints it if `verbose`."""

    def tell(progress: Progress) -> None:
        if progress.step < progress.steps:
            return
        line = describe(progress, what)
        logger.info(line)
        if verbose:
            print(line, flush=True)

    return tell


def describe(progress: Progress, what: str = "") -> str:
    """One line: "epoch 3 of 10: loss 21.32, 4,512 images/s, 40 s left"."""
    line = f"{what}epoch {progress.epoch} of {progress.epochs}: loss {progress.loss:.4g}"
    if progress.images_per_second is None or progress.seconds_left is None:
        return line
    return (
        f"{line}, {progress.images_per_second:,.0f} images/s, {progress.seconds_left:,.0f} s left"
    )
