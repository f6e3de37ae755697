"""Lloyd's iterations from one start or several, driven from the host.

The definition is the loop of `lloyd` in `scratchclust/reference/kmeans.py`. Compiled calls of a few
iterations each, between which a person can interrupt, and by hand the rare one that leaves a
cluster empty (`refill.py`). Two compiled loops do the same work:

    on a CPU             several starts at a time (`stacked_steps.py`, driven by `stacks.py`)
    elsewhere, over several processes, and
    algorithm="elkan"    one start after the other (`lloyd_steps.py`)
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from scratchclust import checks, rows
from scratchclust.cluster.kmeans_parts.elkan_bounds import nothing_known, where_needed
from scratchclust.cluster.kmeans_parts.lloyd_steps import (
    MOST_ITERATIONS_PER_CALL,
    every_distance,
    first_state,
    run_iterations,
)
from scratchclust.cluster.kmeans_parts.points import KMeansPoints
from scratchclust.cluster.kmeans_parts.refill import refill_in_blocks
from scratchclust.cluster.kmeans_parts.stacks import MOST_COLUMNS, Run, Stack
from scratchclust.results import KMeansHistory
from scratchclust.rows import AnyArray

PASSES = {"lloyd": every_distance, "elkan": where_needed}


class Settings(NamedTuple):
    """How Lloyd's algorithm runs: the arguments of `lloyd` in `kmeans.py`, which tells what they
    mean.
    """

    max_iter: int = 300
    tol: float = 1e-4
    metric: str = "euclidean"
    algorithm: str = "lloyd"

    def check(self) -> "Settings":
        """The settings as Python's own types.

        Raises:
            InputError: one of them cannot be used.
        """
        return Settings(
            max_iter=checks.whole(1)("max_iter", self.max_iter),
            tol=checks.number(least=0)("tol", self.tol),
            metric=checks.one_of("euclidean", "cosine")("metric", self.metric),
            algorithm=checks.one_of(*PASSES)("algorithm", self.algorithm),
        )


def iterate_each(
    points: KMeansPoints, starts: Sequence[Callable[[], AnyArray]], settings: Settings
) -> Iterator[Run]:
    """Run from every start, each a function that draws centred centroids [k d]; in their order."""
    # the variance costs a pass over the data
    threshold = settings.tol * points.mean_variance if settings.tol else 0.0
    if settings.algorithm != "lloyd" or rows.platform() != "cpu" or rows.is_shared():
        for start in starts:
            yield _iterate(points, start(), settings, threshold)
        return
    waiting = list(starts)
    while waiting:
        stack = Stack(points, threshold, settings.max_iter, is_cosine=settings.metric == "cosine")
        while waiting and stack.n_columns < MOST_COLUMNS:
            stack.add(waiting.pop(0)())
        yield from stack.run()


def _iterate(
    points: KMeansPoints, centroids: AnyArray, settings: Settings, threshold: float
) -> Run:
    """Compiled calls of a few iterations each, and by hand the rare one that leaves a cluster
    empty.

    The first call has two iterations: it may have to be compiled, so that its time tells nothing of
    the next, and the very first iteration, which moves every label, is unlike the others. Then the
    clock says how many a call takes (`rows.Pace`), so that Ctrl-C is heard between two calls. How
    iterations are shared out among calls changes no bit: all that they carry is in the state.
    """
    unit = jnp.asarray(points.offset, centroids.dtype) if settings.metric == "cosine" else None
    one_pass = PASSES[settings.algorithm]
    bounds = nothing_known(points.rows, len(centroids)) if one_pass is where_needed else None
    state = first_state(points.rows, jnp.asarray(centroids), bounds)
    labels = state.labels
    histories: list[KMeansHistory] = []
    n_iter = 0
    pace = rows.Pace(first=2, longest=MOST_ITERATIONS_PER_CALL)
    while n_iter < settings.max_iter and not state.stable:
        most = min(pace.steps, settings.max_iter - n_iter)
        with pace.timed() as call:
            # finished: several CPU devices lock up where the next program starts before this ended
            state = rows.finished(
                run_iterations(
                    points.rows,
                    state,
                    most=most,
                    threshold=threshold,
                    unit=unit,
                    one_pass=one_pass,
                )
            )
            call.steps = int(state.n_iter)
        labels = state.labels
        if int(state.n_empty) > 0:
            state, labels = refill_in_blocks(points, state, threshold=threshold, unit=unit)
        histories.append(
            KMeansHistory(*(np.asarray(entries)[: call.steps] for entries in state.history))
        )
        n_iter += call.steps
    return Run(state, labels, threshold, n_iter, histories)
