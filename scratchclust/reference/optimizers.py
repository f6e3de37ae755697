"""Gradient descent and four ways to do better, each as a pair of functions with a state between
them.

Every optimiser is a pair (init, update), as in optax:

    state = init(parameters)
    updates, state = update(gradients, state, parameters)
    parameters = parameters + updates

g_t is the gradient at step t = 0, 1, ..., eta_t the learning rate. Parameters are one array or a
list of arrays, and nothing is changed in place. The fast twin of this file is
`scratchclust/train/optimizers.py`.

Sources: Polyak, 1964; Sutskever et al., 2013 (momentum). Kingma & Ba, Adam, 2015. Loshchilov &
Hutter, Decoupled weight decay, 2019. Zeiler, ADADELTA, 2012.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from scratchclust.reference.schedules import Schedule, constant


class GradientTransformation(NamedTuple):
    """optax's pair, without optax."""

    init: Callable[[Any], Any]  # parameters -> state
    update: Callable[..., tuple[Any, Any]]  # gradients, state, parameters -> updates, state


class SGDState(NamedTuple):
    """Nothing but the number of steps taken."""

    count: int


class MomentumState(NamedTuple):
    """The steps taken, and the velocity v."""

    count: int
    velocity: Any


class AdamState(NamedTuple):
    """The steps taken, and the running means m of the gradient and v of its square."""

    count: int
    m: Any
    v: Any


class AdadeltaState(NamedTuple):
    """The steps taken, and the running means of the squared gradient and of the squared update."""

    count: int
    squared_gradient: Any
    squared_update: Any


def sgd(learning_rate: float | Schedule) -> GradientTransformation:
    """Gradient descent: downhill, in proportion to the slope.

        u_t = -eta_t g_t

    Args:
        learning_rate: eta, a number or a schedule.
    """
    eta = _schedule(learning_rate)

    def update(gradients: Any, state: SGDState, params: Any = None) -> tuple[Any, SGDState]:
        updates = _map(lambda g: -eta(state.count) * g, gradients)
        return updates, SGDState(state.count + 1)

    return GradientTransformation(lambda params: SGDState(0), update)


def momentum(
    learning_rate: float | Schedule,
    decay: float = 0.9,
    *,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> GradientTransformation:
    """Heavy ball: the velocity remembers past gradients, so that valleys are followed and zigzags
    cancel.

        h_t = g_t + weight_decay p_t
        v_t = decay v_(t-1) + h_t
        u_t = -eta_t v_t,    with Nesterov's look ahead    u_t = -eta_t (h_t + decay v_t)

    Args:
        learning_rate: eta, a number or a schedule.
        decay: the share of the velocity that is left after a step.
        nesterov: look ahead.
        weight_decay: pulls the parameters p to zero, through the gradient (L2).
    """
    eta = _schedule(learning_rate)

    def init(params: Any) -> MomentumState:
        return MomentumState(0, _zeros(params))

    def update(
        gradients: Any, state: MomentumState, params: Any = None
    ) -> tuple[Any, MomentumState]:
        h = gradients
        if weight_decay:
            h = _map(lambda g, p: g + weight_decay * p, gradients, params)
        velocity = _map(lambda v, h: decay * v + h, state.velocity, h)
        ahead = _map(lambda v, h: h + decay * v, velocity, h) if nesterov else velocity
        updates = _map(lambda v: -eta(state.count) * v, ahead)
        return updates, MomentumState(state.count + 1, velocity)

    return GradientTransformation(init, update)


def adam(
    learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> GradientTransformation:
    """Adam: momentum, with each parameter's step scaled by the size that its gradients have had.

        m_t = b1 m_(t-1) + (1 - b1) g_t            v_t = b2 v_(t-1) + (1 - b2) g_t^2
        m^  = m_t / (1 - b1^(t+1))                 v^  = v_t / (1 - b2^(t+1))
        u_t = -eta_t m^ / (sqrt(v^) + eps)

    Args:
        learning_rate: eta, a number or a schedule.
        b1: memory of the mean.
        b2: memory of the mean square.
        eps: keeps the quotient finite.
    """
    eta = _schedule(learning_rate)

    def init(params: Any) -> AdamState:
        return AdamState(0, _zeros(params), _zeros(params))

    def update(gradients: Any, state: AdamState, params: Any = None) -> tuple[Any, AdamState]:
        t = state.count + 1
        m = _map(lambda m, g: b1 * m + (1 - b1) * g, state.m, gradients)
        v = _map(lambda v, g: b2 * v + (1 - b2) * g**2, state.v, gradients)
        rate = eta(state.count)
        m_share = 1 - b1**t
        v_share = 1 - b2**t
        # eps outside of the root and after the correction of the bias: Algorithm 1 of the paper.
        # The variant at the end of its section 2, which some libraries took up, puts the
        # uncorrected sqrt(v) + eps below.
        updates = _map(lambda m, v: -rate * ((m / m_share) / (np.sqrt(v / v_share) + eps)), m, v)
        return updates, AdamState(t, m, v)

    return GradientTransformation(init, update)


def adamw(
    learning_rate: float | Schedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 1e-4,
) -> GradientTransformation:
    """Adam, with weight decay beside its quotient instead of inside.

        u_t = (u_t of Adam) - eta_t weight_decay p_t

    Args:
        learning_rate: eta, a number or a schedule.
        b1: memory of the mean.
        b2: memory of the mean square.
        eps: keeps the quotient finite.
        weight_decay: the share of the parameters p that a step of rate 1 takes away.
    """
    eta = _schedule(learning_rate)
    plain = adam(learning_rate, b1, b2, eps)

    def update(gradients: Any, state: AdamState, params: Any) -> tuple[Any, AdamState]:
        updates, after = plain.update(gradients, state)
        # eta_t scales the decay too, as in PyTorch and optax; in the paper only its schedule does,
        # without the rate.
        decay = eta(state.count) * weight_decay
        return _map(lambda u, p: u - decay * p, updates, params), after

    return GradientTransformation(plain.init, update)


def adadelta(
    learning_rate: float | Schedule = 1.0, rho: float = 0.9, eps: float = 1e-6
) -> GradientTransformation:
    """Adadelta: the step's unit is that of the parameter, so that the learning rate is hardly one
    any more.

        s_t = rho s_(t-1) + (1 - rho) g_t^2
        d_t = g_t sqrt(x_(t-1) + eps) / sqrt(s_t + eps)
        x_t = rho x_(t-1) + (1 - rho) d_t^2
        u_t = -eta_t d_t

    Args:
        learning_rate: eta, a number or a schedule; the paper has none, which is 1.
        rho: memory of both mean squares.
        eps: starts the motion: while x is 0, the steps are of its root's size.
    """
    eta = _schedule(learning_rate)

    def init(params: Any) -> AdadeltaState:
        return AdadeltaState(0, _zeros(params), _zeros(params))

    def update(
        gradients: Any, state: AdadeltaState, params: Any = None
    ) -> tuple[Any, AdadeltaState]:
        s = _map(lambda s, g: rho * s + (1 - rho) * g**2, state.squared_gradient, gradients)
        # eps inside of both roots: equation 9 and Algorithm 1 of the paper.
        d = _map(
            lambda g, x, s: g * np.sqrt(x + eps) / np.sqrt(s + eps),
            gradients,
            state.squared_update,
            s,
        )
        x = _map(lambda x, d: rho * x + (1 - rho) * d**2, state.squared_update, d)
        updates = _map(lambda d: -eta(state.count) * d, d)
        return updates, AdadeltaState(state.count + 1, s, x)

    return GradientTransformation(init, update)


def _schedule(learning_rate: float | Schedule) -> Schedule:
    return learning_rate if callable(learning_rate) else constant(learning_rate)


def _zeros(params: Any) -> Any:
    return _map(np.zeros_like, params)


def _map(f: Callable[..., Any], *trees: Any) -> Any:
    """f of one array of each, or of each in lists of arrays."""
    if isinstance(trees[0], list):
        return [f(*arrays) for arrays in zip(*trees, strict=True)]
    return f(*trees)
