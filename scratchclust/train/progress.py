"""What a training tells while it works: where it is, its loss, its pace, and the time left."""

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

PAUSE = 0.1  # seconds at least between two reports within an epoch


class Progress(NamedTuple):
    """One report. The last one of each epoch always comes."""

    epoch: int  # from 1
    epochs: int
    step: int  # finished in this epoch
    steps: int  # in an epoch
    loss: float  # of the last step
    images_per_second: (
        float | None
    )  # since the first call, so without its compilation; None until it is known
    seconds_left: float | None  # at this pace


class Clock:
    """Counts images and seconds, and passes on reports that are not too frequent."""

    def __init__(
        self, tell: Callable[[Progress], object] | None, epochs: int, steps: int, batch_size: int
    ) -> None:
        self._tell, self._epochs, self._steps, self._batch_size = tell, epochs, steps, batch_size
        # steps that were done, and when, at the end of the first call
        self._begin: tuple[int, float] | None = None
        self._last = float("-inf")

    def report(self, epoch: int, step: int, loss: float) -> None:
        """Says that so many steps of this epoch are finished."""
        now, done = monotonic(), (epoch - 1) * self._steps + step
        if self._begin is None:
            self._begin = done, now
        if self._tell is None or (now - self._last < PAUSE and step < self._steps):
            return
        self._last = now
        steps, seconds = done - self._begin[0], now - self._begin[1]
        if steps == 0 or seconds == 0:
            pace, left = None, None
        else:
            pace = steps * self._batch_size / seconds
            left = (self._epochs * self._steps - done) * seconds / steps
        self._tell(Progress(epoch, self._epochs, step, self._steps, loss, pace, left))
