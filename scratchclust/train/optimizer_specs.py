"""Optimisers as data: a spec says one and its numbers, and builds it.

A new optimiser is a function in `optimizers.py` (or `layer_optimizers.py`) and its spec here,
`class MySpec(OptimizerSpec, of=my)`; who knows it by its name follows from that. (Its public name
stands in `scratchclust/__init__.py` too, so that this need not be imported to know it; a test
compares the two.)
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Any, ClassVar, get_origin, get_type_hints

import optax

from scratchclust.checks import Rule, flag, number, one_of, that_is
from scratchclust.errors import InputError
from scratchclust.train.layer_optimizers import lars, muon
from scratchclust.train.optimizers import adadelta, adam, adamw, momentum, sgd
from scratchclust.train.schedules import SCHEDULES, CosineSpec, StepSpec

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


@dataclass(frozen=True)
class LARSSpec(OptimizerSpec, of=lars):
    """`lars` as data."""

    learning_rate: Rate = 1.0
    decay: Share = 0.9
    weight_decay: NotNegative = 1e-6
    trust: NotNegative = 0.001


@dataclass(frozen=True)
class MuonSpec(OptimizerSpec, of=muon):
    """`muon` as data."""

    learning_rate: Rate = 0.02
    decay: Share = 0.95
    weight_decay: NotNegative = 0.0
    nesterov: Flag = True
    adam_share: NotNegative = 0.015


OPTIMIZER = one_of(*OPTIMIZERS) | that_is(
    "a spec of them", lambda value: isinstance(value, OptimizerSpec)
)
"""What an estimator takes as its optimiser."""


def optimizer_of(optimizer: Any, learning_rate: Any = None) -> OptimizerSpec:
    """Give the spec of an optimiser.

    Args:
        optimizer: "sgd", "momentum", "adam", "adamw", "adadelta", "lars", "muon", or a spec of one
            of them.
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
