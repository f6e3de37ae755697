"""How a network is trained, as one value: what the estimators hand on to the loop.

What is trained, on what and by which loss is not here: these differ between the networks, while
the settings are the same for all.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, NamedTuple

from scratchclust import checks
from scratchclust.errors import InputError
from scratchclust.progress import Progress
from scratchclust.train.checkpoint import Checkpoints, History
from scratchclust.train.steps import PRECISIONS, Prepare, unit_scale


class _Answer(Enum):
    STOP = "stop"


STOP: Literal[_Answer.STOP] = _Answer.STOP
"""What a callback returns to end the training after this epoch."""

Callback = Callable[[int, Any, History], Mapping[str, float] | Literal[_Answer.STOP] | None]
"""(epoch, model, history) -> numbers by name, which enter the history; or None, or `STOP`."""


class Every(NamedTuple):
    """A callback that is called only after every so many epochs: `Every(10, cluster_and_score)`."""

    epochs: int
    callback: Callback


@dataclass(frozen=True, kw_only=True)
class Training:
    """The settings of a training; `train` explains each.

    Raises:
        InputError: one of them cannot be, or some do not go together.
    """

    optimizer: Any  # a name, a spec, or a transformation of optax
    epochs: int
    batch_size: int
    prepare: Prepare = unit_scale
    precision: str = "float32"
    callbacks: Sequence[Callback | Every] = ()
    checkpoints: Checkpoints | None = None
    resume: bool = False
    progress: Callable[[Progress], object] | None = None

    def __post_init__(self) -> None:
        checks.whole(1)("epochs", self.epochs)
        checks.whole(1)("batch_size", self.batch_size)
        checks.one_of(*PRECISIONS)("precision", self.precision)
        for callback in self.callbacks:
            if isinstance(callback, Every) and callback.epochs < 1:
                raise InputError(
                    f"expected a callback every 1 or more epochs, got {callback.epochs}"
                )
        if self.resume and self.checkpoints is None:
            raise InputError(
                "resume=True needs to know from where: give checkpoints=Checkpoints(folder)"
            )

    def callbacks_after(self, epoch: int) -> list[Callback]:
        """Those that are to be called after this epoch, in order."""
        pairs = [
            callback if isinstance(callback, Every) else Every(1, callback)
            for callback in self.callbacks
        ]
        return [pair.callback for pair in pairs if epoch % pair.epochs == 0]
