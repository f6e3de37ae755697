"""What long work tells while it goes on: one form for trainings and maps alike."""

from typing import NamedTuple


class Progress(NamedTuple):
    """One report of long work, as data; `str` makes a line of it."""

    unit: str  # what is counted: "epoch", "iteration"
    done: int  # units, the one that is at work included
    total: int  # units at most
    measure: str  # what is getting smaller: "loss", "KL divergence"
    value: float  # of the measure
    share: float = 1.0  # of the present unit that is finished, in (0, 1]
    images_per_second: float | None = None  # None until it is known
    seconds_left: float | None = None  # at this pace
    part: str = ""  # before the unit, of which work this is: "class 5: ", "t-SNE, "
    digits: int = 4  # of the value that are shown

    def __str__(self) -> str:
        """Such as "epoch 3 of 10: loss 21.32, 4,512 images/s, 40 s left"."""
        line = f"{self.part}{self.unit} {self.done} of {self.total}: "
        line += f"{self.measure} {self.value:.{self.digits}g}"
        if self.images_per_second is not None:
            line += f", {self.images_per_second:,.0f} images/s"
        if self.seconds_left is not None:
            line += f", {self.seconds_left:,.0f} s left"
        return line
