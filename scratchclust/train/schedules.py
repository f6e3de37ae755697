"""Learning rates that change with the number of steps taken, as optax takes them: functions t ->
learning rate.

Defined in `scratchclust/reference/schedules.py`. Here t is a traced int32, and the specs say the
same as frozen data in shares of a run, so that they need not know its length.

Sources: Loshchilov & Hutter, SGDR, 2017 (cosine). Goyal et al., Accurate, large minibatch SGD, 2017
(warm-up).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp

from scratchclust.checks import Rule, number

Schedule = Callable[[Any], Any]
POSITIVE = Rule("a positive number (0.001 is a usual learning rate)", number(above=0).accept)
SHARE_OF_STEPS = Rule(
    "at least 0 and below 1, as a share of the run's steps", number(least=0, below=1).accept
)


def constant(value: float) -> Schedule:
    """The same rate at every step: eta(t) = value."""
    return lambda t: value


def cosine(peak: float, n_steps: int, *, warmup: int = 0, final: float = 0.0) -> Schedule:
    """A straight rise to the peak, then half a period of the cosine down to the end.

        eta(t) = peak t / warmup                                            for t < warmup
        eta(t) = final + (peak - final) (1 + cos(pi (t - warmup) / (n_steps - warmup))) / 2
                                                                            from there on

    Args:
        peak: the largest rate.
        n_steps: length of the whole, the rise included; later steps stay at `final`.
        warmup: number of steps of the rise; the very first step then has rate 0, as in optax.
        final: the rate at the end.
    """

    def eta(t: Any) -> Any:
        rise = peak * t / max(warmup, 1)
        done = jnp.minimum((t - warmup) / max(n_steps - warmup, 1), 1)
        fall = final + (peak - final) * (1 + jnp.cos(math.pi * done)) / 2
        return jnp.where(t < warmup, rise, fall)

    return eta


def step(initial: float, boundaries: tuple[int, ...], *, factor: float = 0.1) -> Schedule:
    """A stair: the rate is multiplied by `factor` at each boundary.

        eta(t) = initial factor^(number of boundaries that are <= t)

    Args:
        initial: the rate before the first boundary.
        boundaries: step numbers.
        factor: what each multiplies the rate by.
    """
    return lambda t: initial * factor ** jnp.sum(jnp.asarray(boundaries, jnp.int32) <= t)


@dataclass(frozen=True)
class CosineSpec:
    """A cosine over the whole run, after a warm-up.

    Raises:
        InputError: a rate that is not positive, or a warm-up outside of [0, 1).
    """

    peak: float
    warmup: float = 0.0  # share of the run's steps
    final: float = 0.0

    def __post_init__(self) -> None:
        POSITIVE("peak", self.peak)
        SHARE_OF_STEPS("warmup", self.warmup)
        between = number(least=0, most=self.peak).accept
        Rule(f"between 0 and the peak {self.peak}", between)("final", self.final)

    def build(self, n_steps: int) -> Schedule:
        """Build the schedule of a run of n_steps steps."""
        return cosine(self.peak, n_steps, warmup=int(self.warmup * n_steps), final=self.final)


@dataclass(frozen=True)
class StepSpec:
    """A stair whose boundaries are shares of the run's steps.

    Raises:
        InputError: a rate or a factor that is not positive, or a boundary outside of [0, 1).
    """

    initial: float
    boundaries: Sequence[float | int] = (0.5, 0.75)
    factor: float = 0.1

    def __post_init__(self) -> None:
        POSITIVE("initial", self.initial)
        POSITIVE("factor", self.factor)
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        for boundary in self.boundaries:
            SHARE_OF_STEPS("each of boundaries", boundary)

    def build(self, n_steps: int) -> Schedule:
        """Build the schedule of a run of n_steps steps."""
        boundaries = tuple(math.ceil(boundary * n_steps) for boundary in self.boundaries)
        return step(self.initial, boundaries, factor=self.factor)


SCHEDULES = (CosineSpec, StepSpec)
