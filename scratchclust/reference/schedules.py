"""Learning rates that change with the number of steps taken: a schedule is a function t -> learning
rate, t = 0, 1, ...

A large rate crosses the landscape quickly, a small one settles at the bottom; so most runs begin
large and end small. The fast twin of this file is `scratchclust/train/schedules.py`.

Sources: Loshchilov & Hutter, SGDR, 2017 (cosine). Goyal et al., Accurate, large minibatch SGD, 2017
(warm-up).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

Schedule = Callable[[Any], Any]


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

    def eta(t: int) -> float:
        if t < warmup:
            return peak * t / warmup
        done = min((t - warmup) / max(n_steps - warmup, 1), 1)
        return final + (peak - final) * (1 + math.cos(math.pi * done)) / 2

    return eta


def step(initial: float, boundaries: tuple[int, ...], *, factor: float = 0.1) -> Schedule:
    """A stair: the rate is multiplied by `factor` at each boundary.

        eta(t) = initial factor^(number of boundaries that are <= t)

    Args:
        initial: the rate before the first boundary.
        boundaries: step numbers.
        factor: what each multiplies the rate by.
    """
    return lambda t: initial * factor ** np.sum(np.asarray(boundaries) <= t)
