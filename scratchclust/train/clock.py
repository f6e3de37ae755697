"""The clock of a training: where it is, its pace, and the time left, as `Progress`."""

from collections.abc import Callable
from time import monotonic

from scratchclust.progress import Progress

SECONDS_BETWEEN_REPORTS = 0.1  # at least, within an epoch: who draws a bar needs no more


class Clock:
    """Counts steps and seconds, and passes on reports that are not too frequent.

    The last report of each epoch always comes, with `share` 1. The pace is that since the first
    call, so without its compilation; it is None until it is known.

    Args:
        tell: hears the reports, if anyone does.
        epochs: of the training.
        steps: in an epoch.
        batch_size: images in a step.
    """

    def __init__(
        self, tell: Callable[[Progress], object] | None, *, epochs: int, steps: int, batch_size: int
    ) -> None:
        self._tell = tell
        self._epochs = epochs
        self._steps = steps
        self._batch_size = batch_size
        # steps that were done, and when, at the end of the first call
        self._begin: tuple[int, float] | None = None
        self._last = float("-inf")

    def report(self, epoch: int, step: int, loss: float) -> None:
        """Say that so many steps of this epoch, counted from 1, are finished."""
        now = monotonic()
        done = (epoch - 1) * self._steps + step
        if self._begin is None:
            self._begin = done, now
        within = step < self._steps
        if self._tell is None or (within and now - self._last < SECONDS_BETWEEN_REPORTS):
            return
        self._last = now
        pace, left = self._pace(done, now)
        self._tell(
            Progress(
                unit="epoch",
                done=epoch,
                total=self._epochs,
                measure="loss",
                value=loss,
                share=step / self._steps,
                images_per_second=pace,
                seconds_left=left,
            )
        )

    def _pace(self, done: int, now: float) -> tuple[float | None, float | None]:
        """Images a second, and seconds to the end of the training."""
        assert self._begin is not None
        steps = done - self._begin[0]
        seconds = now - self._begin[1]
        if steps == 0 or seconds == 0:
            return None, None
        remaining = self._epochs * self._steps - done
        return steps * self._batch_size / seconds, remaining * seconds / steps
