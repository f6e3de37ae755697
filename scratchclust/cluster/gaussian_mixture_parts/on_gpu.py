"""EM's iterations on a GPU, compiled: many in one call, of which the host reads the likelihoods.

The steps are those of `steps.py` and `sums.py` beside this file, and the mixture between two passes
is in float64 here, too, which a GPU for scientific work computes fast: k = 10 matrices of 784 rows
are 49 MB, which the host would read, factor in 0.2 s, and send back, where the pass over 60,000
points takes 30 ms. (A TPU has no float64, and leaves them to the host.)

What is rare is left to the host: where a covariance is not positive definite, or the sums have lost
its digits, the iterations end before it, and `maximise` in `sums.py` takes a finer arithmetic.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from scratchclust import rows
from scratchclust.cluster.gaussian_mixture_parts.families import CovarianceType, Sums
from scratchclust.cluster.gaussian_mixture_parts.points import MixturePoints, are_lost
from scratchclust.cluster.gaussian_mixture_parts.steps import densities, expect_and_sum
from scratchclust.cluster.gaussian_mixture_parts.sums import mixture_of
from scratchclust.constants import LEAST_COUNT
from scratchclust.results import Mixture

MOST_ITERATIONS_PER_CALL = 64  # the room for their lower bounds


class EMRule(NamedTuple):
    """How an iteration goes, and when they end."""

    reg_covar: Any
    tol: Any
    settled_share: Any  # of the likelihood: changes that are no more are rounding
    most: Any  # iterations


class EMState(NamedTuple):
    """Where EM stands."""

    mixture: Mixture  # centred, in float64
    bound: Array  # the last lower bound
    bounds: Array  # those of this call [MOST_ITERATIONS_PER_CALL]
    n_iter: Array  # iterations in this call
    settled: Array
    stuck: Array  # the mixture that would follow is none, or not known well enough


class OfPoints(NamedTuple):
    """What does not change from iteration to iteration."""

    n: Any
    mean_squares: Any  # [d]
    scatter: Any  # [d d] of all points, where the type needs it; else None


def can_iterate_on_gpu(points: MixturePoints) -> bool:
    """Whether EM of these points goes this way. (Not where one program is to serve mixtures of
    several numbers of components.)
    """
    is_here = rows.platform() == "gpu" and not rows.is_shared()
    return is_here and not points.by_differences and not points.room


def iterate_on_gpu(
    points: MixturePoints, mixture: Mixture, rule: EMRule, bound: float
) -> tuple[Mixture, list[float]]:
    """Iterate from a centred mixture until it has settled, is stuck, or `rule.most` have passed.

    Returns:
        The mixture on the host, and the lower bound of each iteration: none where the first is
        stuck.
    """
    how: dict[str, Any] = {"kind": points.kind, "arithmetic": points.arithmetic}
    scatter = points.scatter if points.kind.needs_scatter else None
    given = OfPoints(float(len(points.X)), points.mean_squares, scatter)
    bounds: list[float] = []
    pace = rows.Pace(first=2, longest=MOST_ITERATIONS_PER_CALL)
    with jax.enable_x64(True):
        state = _first_state(mixture, bound)
        while len(bounds) < rule.most and not (state.settled or state.stuck):
            most = min(pace.steps, rule.most - len(bounds))
            with pace.timed() as call:
                if len(points.parts) == 1:
                    of_call = rule._replace(most=np.int32(most))
                    state = run_iterations(points.parts[0], state, given, of_call, **how)
                else:  # a pass is several calls, so that none takes long
                    of_parts = [sum_of_part(part, state.mixture, **how) for part in points.parts]
                    state = conclude(of_parts, state, given, rule, **how)
                call.steps = max(int(state.n_iter), 1)
            bounds.extend(np.asarray(state.bounds)[: int(state.n_iter)].tolist())
        return Mixture(*(np.array(numbers) for numbers in state.mixture)), bounds


def _first_state(mixture: Mixture, bound: float) -> EMState:
    """All of it comes from NumPy: nothing is compiled."""
    no: Any = np.bool_(False)
    none: Any = np.zeros(MOST_ITERATIONS_PER_CALL)
    last: Any = np.float64(bound)
    begin: Any = np.int32(0)
    return EMState(mixture, last, none, begin, no, no)


@partial(jax.jit, static_argnames=("kind", "arithmetic"))
def run_iterations(
    part: rows.Rows,
    state: EMState,
    given: OfPoints,
    rule: EMRule,
    *,
    kind: CovarianceType,
    arithmetic: str,
) -> EMState:
    """Up to `rule.most` iterations over points that are one part, in one compiled loop."""

    def goes_on(state: EMState) -> Array:
        return (state.n_iter < rule.most) & ~state.settled & ~state.stuck

    def iterate(state: EMState) -> EMState:
        of_part = _sum_of_part(part, state.mixture, kind)
        return _conclude([of_part], state, given, rule, kind, arithmetic)

    found = jax.lax.while_loop(goes_on, iterate, _begun(state))
    return rows.constrain(found, part.mesh)


@partial(jax.jit, static_argnames=("kind", "arithmetic"))
def sum_of_part(
    part: rows.Rows, mixture: Mixture, *, kind: CovarianceType, arithmetic: str
) -> tuple[Sums, Array]:
    """The sums over one part, and its log-likelihood, in float64."""
    return _sum_of_part(part, mixture, kind)


@partial(jax.jit, static_argnames=("kind", "arithmetic"))
def conclude(
    of_parts: list[tuple[Sums, Array]],
    state: EMState,
    given: OfPoints,
    rule: EMRule,
    *,
    kind: CovarianceType,
    arithmetic: str,
) -> EMState:
    """One iteration, from the sums over all parts."""
    return _conclude(of_parts, _begun(state), given, rule, kind, arithmetic)


def _begun(state: EMState) -> EMState:
    return state._replace(n_iter=jnp.int32(0), bounds=jnp.zeros_like(state.bounds))


def _sum_of_part(part: rows.Rows, mixture: Mixture, kind: CovarianceType) -> tuple[Sums, Array]:
    of_pass = jax.tree.map(
        lambda numbers: numbers.astype(part.arrays[0].dtype), densities(mixture, kind)
    )
    found = expect_and_sum(part, of_pass, None, kind)
    sums, log_likelihoods = jax.tree.map(lambda numbers: numbers.astype(jnp.float64), found)
    return sums, log_likelihoods.sum()


def _conclude(
    of_parts: list[tuple[Sums, Array]],
    state: EMState,
    given: OfPoints,
    rule: EMRule,
    kind: CovarianceType,
    arithmetic: str,
) -> EMState:
    """The next mixture and the lower bound; where that is stuck, those before."""
    of_all: Any = jax.tree.map(lambda *parts: sum(parts[1:], parts[0]), *of_parts)
    sums, total = of_all
    sums = sums if given.scatter is None else sums._replace(second=given.scatter)
    shift = sums.first / (sums.counts + LEAST_COUNT)[:, None]
    mixture = mixture_of(sums, shift, None, rule.reg_covar, kind, kind.factors_or_nan)
    P = mixture.precisions_cholesky
    stuck = ~jnp.isfinite(P).all() | are_lost(mixture, given.mean_squares, kind, arithmetic)
    bound = total / given.n
    change = jnp.abs(bound - state.bound)
    settled = change < jnp.maximum(rule.tol, rule.settled_share * jnp.abs(bound))
    bounds = state.bounds.at[state.n_iter].set(bound)
    found = EMState(mixture, bound, bounds, state.n_iter + 1, settled, stuck)
    before = state._replace(stuck=stuck)
    return jax.tree.map(lambda new, old: jnp.where(stuck, old, new), found, before)
