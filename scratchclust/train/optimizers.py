"""Gradient descent and four ways to do better, each as a pair of functions with a state between
them.

Every optimiser is an `optax.GradientTransformation`, a pair (init, update):

    state = init(parameters)
    updates, state = update(gradients, state, parameters)
    parameters = parameters + updates

g_t is the gradient at step t = 0, 1, ..., eta_t the learning rate. Parameters are any tree of
arrays. The definitions are in `scratchclust/reference/optimizers.py`, and optax's own optimisers
fit wherever these do. The specs at the end of this file say an optimiser and its numbers as frozen
data. A new optimiser is a function and its spec, `class MySpec(OptimizerSpec, of=my)`; what knows
it by its name follows from that. (Its public name stands in `scratchclust/__init__.py` too, so that
this need not be imported to know it; a test compares the two.)

Sources: Polyak, 1964; Sutskever et al., 2013 (momentum). Kingma & Ba, Adam, 2015. Loshchilov &
Hutter, Decoupled weight decay, 2019. Zeiler, ADADELTA, 2012.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar, NamedTuple, get_origin, get_type_hints

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from scratchclust.checks import Rule, flag, number, one_of, that_is
from scratchclust.errors import InputError
from scratchclust.train.schedules import SCHEDULES, CosineSpec, Schedule, StepSpec, constant


class SGDState(NamedTuple):
    """Nothing but the number of steps taken."""

    count: Array  # [] int32


class MomentumState(NamedTuple):
    """The steps taken, and the velocity v."""

    count: Array  # [] int32
    velocity: Any


class AdamState(NamedTuple):
    """The steps taken, and the running means m of the gradient and v of its square."""

    count: Array  # [] int32
    m: Any
    v: Any


class AdadeltaState(NamedTuple):
    """The steps taken, and the running means of the squared gradient and of the squared update."""

    count: Array  # [] int32
    squared_gradient: Any
    squared_update: Any


def sgd(learning_rate: float | Schedule) -> optax.GradientTransformation:
    """Gradient descent: downhill, in proportion to the slope.

        u_t = -eta_t g_t

    Args:
        learning_rate: eta, a number or a schedule.
    """
    eta = _schedule(learning_rate)

    def update(gradients: Any, state: SGDState, params: Any = None) -> tuple[Any, SGDState]:
        updates = jax.tree.map(lambda g: -eta(state.count) * g, gradients)
        return updates, SGDState(state.count + 1)

    return _pair(lambda params: SGDState(_zero()), update)


def momentum(
    learning_rate: float | Schedule,
    decay: float = 0.9,
    *,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> optax.GradientTransformation:
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
        return MomentumState(_zero(), _zeros(params))

    def update(
        gradients: Any, state: MomentumState, params: Any = None
    ) -> tuple[Any, MomentumState]:
        h = gradients
        if weight_decay:
            h = jax.tree.map(lambda g, p: g + weight_decay * p, gradients, params)
        velocity = jax.tree.map(lambda v, h: decay * v + h, state.velocity, h)
        ahead = jax.tree.map(lambda v, h: h + decay * v, velocity, h) if nesterov else velocity
        updates = jax.tree.map(lambda v: -eta(state.count) * v, ahead)
        return updates, MomentumState(state.count + 1, velocity)

    return _pair(init, update)


def adam(
    learning_rate: float | Schedule, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
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
        return AdamState(_zero(), _zeros(params), _zeros(params))

    def update(gradients: Any, state: AdamState, params: Any = None) -> tuple[Any, AdamState]:
        t = state.count + 1
        m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state.m, gradients)
        v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g**2, state.v, gradients)
        rate = eta(state.count)
        m_share = 1 - b1**t
        v_share = 1 - b2**t
        # eps outside of the root and after the correction of the bias: Algorithm 1 of the paper.
        # The variant at the end of its section 2, which some libraries took up, puts the
        # uncorrected sqrt(v) + eps below.
        updates = jax.tree.map(
            lambda m, v: -rate * ((m / m_share) / (jnp.sqrt(v / v_share) + eps)), m, v
        )
        return updates, AdamState(t, m, v)

    return _pair(init, update)


def adamw(
    learning_rate: float | Schedule,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 1e-4,
) -> optax.GradientTransformation:
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

    def update(gradients: Any, state: AdamState, params: Any) -> tuple[Any, Any]:
        updates, after = plain.update(gradients, state)
        # eta_t scales the decay too, as in PyTorch and optax; in the paper only its schedule does,
        # without the rate.
        decay = eta(state.count) * weight_decay
        return jax.tree.map(lambda u, p: u - decay * p, updates, params), after

    return _pair(plain.init, update)


def adadelta(
    learning_rate: float | Schedule = 1.0, rho: float = 0.9, eps: float = 1e-6
) -> optax.GradientTransformation:
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
        return AdadeltaState(_zero(), _zeros(params), _zeros(params))

    def update(
        gradients: Any, state: AdadeltaState, params: Any = None
    ) -> tuple[Any, AdadeltaState]:
        s = jax.tree.map(lambda s, g: rho * s + (1 - rho) * g**2, state.squared_gradient, gradients)
        # eps inside of both roots: equation 9 and Algorithm 1 of the paper.
        d = jax.tree.map(
            lambda g, x, s: g * jnp.sqrt(x + eps) / jnp.sqrt(s + eps),
            gradients,
            state.squared_update,
            s,
        )
        x = jax.tree.map(lambda x, d: rho * x + (1 - rho) * d**2, state.squared_update, d)
        updates = jax.tree.map(lambda d: -eta(state.count) * d, d)
        return updates, AdadeltaState(state.count + 1, s, x)

    return _pair(init, update)


def _schedule(learning_rate: float | Schedule) -> Schedule:
    return learning_rate if callable(learning_rate) else constant(learning_rate)


def _zero() -> Array:
    return jnp.zeros((), jnp.int32)


def _zeros(params: Any) -> Any:
    return jax.tree.map(jnp.zeros_like, params)


def _pair(
    init: Callable[..., Any], update: Callable[..., tuple[Any, Any]]
) -> optax.GradientTransformation:
    # Callable[...]: optax's types want its own names of the arguments
    return optax.GradientTransformation(init, update)


# ---- the same as data

Rate = Annotated[
    float | int | CosineSpec | StepSpec,
    Rule(
        "a positive number (0.001 is usual), a CosineSpec or a StepSpec",
        (number(above=0) | that_is("one", lambda value: isinstance(value, SCHEDULES))).accept,
    ),
]
Share = Annotated[
    float | int,
    Rule(
        "at least 0 and below 1, a share that is kept at each step",
        number(least=0, below=1).accept,
    ),
]
NotNegative = Annotated[float | int, number(least=0)]
Flag = Annotated[bool, flag]

OPTIMIZERS: dict[str, type["OptimizerSpec"]] = {}
"""The specs by the names of their functions; a class enters itself."""


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimiser as data: what all specs have, a learning rate that may change, and `build`.

    A spec is a frozen dataclass `class AdamSpec(OptimizerSpec, of=adam)` whose fields are the
    arguments of the function. The type of each is `Annotated` with the rule that its values are
    checked by; a field without one is a TypeError where the class is defined.

    Raises:
        InputError: a field is not what its rule says.
    """

    function: ClassVar[Callable[..., optax.GradientTransformation]]
    rules: ClassVar[dict[str, Rule]]

    learning_rate: Rate = 0.01

    def __init_subclass__(cls, *, of: Callable[..., optax.GradientTransformation]) -> None:
        super().__init_subclass__()
        cls.function = staticmethod(of)
        cls.rules = _rules_of(cls)
        OPTIMIZERS[of.__name__] = cls

    def __post_init__(self) -> None:
        for name, rule in self.rules.items():
            value = getattr(self, name)
            accepted = rule(name, value)
            if type(value) not in (int, float):  # NumPy's numbers do not go into JSON
                object.__setattr__(self, name, accepted)

    def build(self, n_steps: int) -> optax.GradientTransformation:
        """Build the optimiser for a run of n_steps steps.

        The same numbers give the same object again, so that what was compiled for it is not
        compiled anew.
        """
        return _build(self, n_steps if isinstance(self.learning_rate, SCHEDULES) else None)


def _rules_of(spec: type[OptimizerSpec]) -> dict[str, Rule]:
    """The rule in the type of each field."""
    rules = {}
    for name, hint in get_type_hints(spec, include_extras=True).items():
        if get_origin(hint) is ClassVar:
            continue
        found = [rule for rule in getattr(hint, "__metadata__", ()) if isinstance(rule, Rule)]
        if not found:
            raise TypeError(f"{spec.__name__}.{name} has no rule: annotate it as Share, Rate, ...")
        rules[name] = found[0]
    return rules


@cache
def _build(spec: OptimizerSpec, n_steps: int | None) -> optax.GradientTransformation:
    numbers = dict(vars(spec))
    if n_steps is not None:
        numbers["learning_rate"] = numbers["learning_rate"].build(n_steps)
    return type(spec).function(**numbers)


@dataclass(frozen=True)
class SGDSpec(OptimizerSpec, of=sgd):
    """`sgd` as data."""


@dataclass(frozen=True)
class MomentumSpec(OptimizerSpec, of=momentum):
    """`momentum` as data."""

    decay: Share = 0.9
    nesterov: Flag = False
    weight_decay: NotNegative = 0.0


@dataclass(frozen=True)
class AdamSpec(OptimizerSpec, of=adam):
    """`adam` as data."""

    learning_rate: Rate = 1e-3
    b1: Share = 0.9
    b2: Share = 0.999
    eps: NotNegative = 1e-8


@dataclass(frozen=True)
class AdamWSpec(AdamSpec, of=adamw):
    """`adamw` as data."""

    weight_decay: NotNegative = 1e-4


@dataclass(frozen=True)
class AdadeltaSpec(OptimizerSpec, of=adadelta):
    """`adadelta` as data."""

    learning_rate: Rate = 1.0
    rho: Share = 0.9
    eps: NotNegative = 1e-6


OPTIMIZER = one_of(*OPTIMIZERS) | that_is(
    "a spec of them", lambda value: isinstance(value, OptimizerSpec)
)
"""What an estimator takes as its optimiser."""


def optimizer_of(optimizer: Any, learning_rate: Any = None) -> OptimizerSpec:
    """Give the spec of an optimiser.

    Args:
        optimizer: "sgd", "momentum", "adam", "adamw", "adadelta", or a spec of one of them.
        learning_rate: a number or a spec of a schedule, in the place of the spec's own; None
            leaves that.

    Raises:
        InputError: an unknown word, or no spec.
    """
    given = OPTIMIZER("optimizer", optimizer)
    spec = OPTIMIZERS[given]() if isinstance(given, str) else given
    return spec if learning_rate is None else replace(spec, learning_rate=learning_rate)


def build_optimizer(optimizer: Any, n_steps: int) -> tuple[optax.GradientTransformation, str]:
    """Build the transformation for a run of so many steps, and say in a line what it is.

    Args:
        optimizer: a name, a spec (what has `build`), or a transformation of optax.
        n_steps: of the whole run; part of the line where a schedule depends on it.

    Raises:
        InputError: none of these.
    """
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[one_of(*OPTIMIZERS)("optimizer", optimizer)]()
    if hasattr(optimizer, "build"):
        varies = hasattr(getattr(optimizer, "learning_rate", None), "build")
        described = f"{optimizer}, {n_steps} steps" if varies else str(optimizer)
        return optimizer.build(n_steps), described
    if not (hasattr(optimizer, "init") and hasattr(optimizer, "update")):
        raise InputError(
            "expected optimizer to be a name, a spec or a transformation of optax, "
            f"got {optimizer!r}: give one of these"
        )
    return optimizer, "a transformation of optax"
