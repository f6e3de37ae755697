"""Several starts of k-means that iterate together on a CPU, driven from the host.

A stack of r starts runs by compiled calls of a few iterations (`stacked_steps.py`). Between two of
them a person can interrupt; empty clusters are refilled by hand (`refill.py`); and starts that have
ended are dropped, so that the product is as wide as there are starts left.

How starts are shared out among stacks, and iterations among calls, changes no bit: all that an
iteration carries is in the state, and a start does not feel its neighbours.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from scratchclust import rows
from scratchclust.cluster.kmeans_parts.lloyd_steps import MOST_ITERATIONS_PER_CALL, LloydState
from scratchclust.cluster.kmeans_parts.points import KMeansPoints
from scratchclust.cluster.kmeans_parts.refill import refill_in_blocks
from scratchclust.cluster.kmeans_parts.stacked_steps import (
    first_states,
    one_of,
    run_stack,
    some_of,
    with_one,
)
from scratchclust.results import KMeansHistory
from scratchclust.rows import AnyArray

MOST_COLUMNS = 256  # centroids of a stack, or one start: a product of more columns is no faster
# Multiplications that a stack has done, beyond which a smaller one is worth its compilation: about
# a second of a core.
WORTH_COMPILING = 1e11


class Run(NamedTuple):
    """What the compiled iterations from one start came to."""

    state: LloydState
    # [n_blocks block], of which the centroids are the means: nearest of `before`, perhaps refilled
    labels: Array
    threshold: float  # of the shift, below which it has converged
    n_iter: int
    history: list[KMeansHistory]  # of each compiled call


@dataclass
class Start:
    """One start of a stack."""

    centroids: Float[AnyArray, "k d"]
    n_iter: int = 0
    histories: list[KMeansHistory] = field(default_factory=list)  # of each compiled call
    run: Run | None = None  # once it is stable, or has used up its iterations

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.run is not None


class Stack:
    """Starts that iterate together.

    Args:
        points: of all starts.
        threshold: of the shift, below which a start has converged.
        max_iter: iterations of each start at most.
        is_cosine: whether centroids are scaled to length 1.
    """

    def __init__(
        self, points: KMeansPoints, threshold: float, max_iter: int, *, is_cosine: bool
    ) -> None:
        self.starts: list[Start] = []
        self._points = points
        self._threshold = threshold
        self._max_iter = max_iter
        dtype = points.rows.arrays[0].dtype
        self._unit = jnp.asarray(points.offset, dtype) if is_cosine else None
        self._multiplications = 0.0

    @property
    def n_columns(self) -> int:
        """Centroids of all starts."""
        return sum(len(start.centroids) for start in self.starts)

    def add(self, centroids: Float[AnyArray, "k d"]) -> None:
        """Add a start: centred centroids."""
        self.starts.append(Start(centroids))

    def run(self) -> list[Run]:
        """Iterate until every start has ended, and tell what they came to, in their order."""
        in_stack = self.starts
        centroids = np.stack([np.asarray(start.centroids) for start in in_stack])
        state = rows.finished(first_states(self._points.rows, centroids))
        # the first call may have to be compiled, and the first iteration is unlike the others
        pace = rows.Pace(first=2, longest=MOST_ITERATIONS_PER_CALL)
        while not all(start.has_ended for start in in_stack):
            with pace.timed() as call:
                state, call.steps = self._iterate(state, in_stack, pace.steps)
            state, in_stack = self._drop_ended(state, in_stack)
        return [start.run for start in self.starts if start.run is not None]

    def _iterate(
        self, state: LloydState, in_stack: list[Start], steps: int
    ) -> tuple[LloydState, int]:
        """One compiled call, and how many iterations it took."""
        left = [0 if s.has_ended else self._max_iter - s.n_iter for s in in_stack]
        state = rows.finished(
            run_stack(
                self._points.rows,
                state,
                most=np.minimum(left, steps).astype(np.int32),
                threshold=self._threshold,
                unit=self._unit,
            )
        )
        told = jax.tree.map(np.asarray, (state.n_iter, state.n_empty > 0, state.history))
        for i, start in enumerate(in_stack):
            if not start.has_ended:
                state = self._take_note(state, i, start, _entry(told, i))
        slowest = int(told[0].max())
        self._multiplications += float(slowest) * state.sums.size * self._points.n
        return state, slowest

    def _take_note(
        self, state: LloydState, i: int, start: Start, told: tuple[Any, Any, KMeansHistory]
    ) -> LloydState:
        """Refill a start's empty clusters, write down what it did, and see whether it has ended."""
        n_iter, has_empty, history = told
        is_last = start.n_iter + n_iter >= self._max_iter
        start.n_iter += int(n_iter)
        if not (has_empty or is_last or bool(state.stable[i])):
            start.histories.append(_entry(history, slice(n_iter)))
            return state
        alone = rows.finished(one_of(self._points.rows, state, i))
        labels = alone.labels
        if has_empty:
            alone, labels = refill_in_blocks(
                self._points, alone, threshold=self._threshold, unit=self._unit
            )
            state = rows.finished(with_one(state, i, alone))
        start.histories.append(_entry(jax.tree.map(np.asarray, alone.history), slice(n_iter)))
        if is_last or bool(alone.stable):
            start.run = Run(alone, labels, self._threshold, start.n_iter, start.histories)
        return state

    def _drop_ended(
        self, state: LloydState, in_stack: list[Start]
    ) -> tuple[LloydState, list[Start]]:
        """Go on with a smaller stack where that saves more than its compilation takes.

        It has a power of two of starts, so that few programs are compiled; some that have ended may
        fill it up.
        """
        ended = np.array([start.has_ended for start in in_stack])
        n_live = int((~ended).sum())
        size = 1 << max(n_live - 1, 0).bit_length()
        if n_live == 0 or size >= len(ended) or self._multiplications < WORTH_COMPILING:
            return state, in_stack
        index = np.argsort(ended, kind="stable")[:size]
        return rows.finished(some_of(state, index)), [in_stack[i] for i in index]


def _entry(entries: Any, i: int | slice) -> Any:
    """What all arrays have at i."""
    return jax.tree.map(lambda array: array[i], entries)
