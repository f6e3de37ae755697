"""What every check of an argument says: expected, got, cure. Nothing but Python and NumPy.

A rule is a sentence and a function that turns a value that it accepts into Python's own type
(NumPy's int64 becomes an int, its bool_ a bool), so that whoever comes after meets one kind of
number. Estimators have a rule for each parameter, functions call one for an argument; rules are
joined by `|`:

    n_init = whole(1)("n_init", n_init)  # 3, an int, or
    # InputError: expected n_init to be a whole number of at least 1, got 2.5

    RULES = {"n_clusters": whole(1), "n_init": whole(1) | one_of("auto"), "tol": number(least=0)}
    given = checked(RULES, {"n_clusters": np.int64(3), "n_init": "auto", "tol": 0})
    given.n_clusters  # 3, an int

What is no value of one parameter has a function of its own: `finite`, `weights`, `enough_samples`.
"""

import numbers
import operator
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from scratchclust.errors import InputError


class Refused(Exception):
    """A rule does not accept a value."""


@dataclass(frozen=True)
class Rule:
    """What a parameter may be.

    Attributes:
        expected: as it stands in the message: "expected NAME to be ..., got ...".
        accept: gives the value back, as Python's own type; raises `Refused` for all others.
    """

    expected: str
    accept: Callable[[Any], Any]

    def __or__(self, other: "Rule") -> "Rule":
        def accept(value: Any) -> Any:
            try:
                return self.accept(value)
            except Refused:
                return other.accept(value)

        return Rule(f"{self.expected} or {other.expected}", accept)

    def __call__(self, name: str, value: Any, cure: str = "") -> Any:
        """The value as Python's own type, or an InputError that calls it by its name.

        Args:
            name: of the argument.
            value: that was given.
            cure: what to do instead, where the expectation does not say it.
        """
        try:
            return self.accept(value)
        except Refused:
            raise _unexpected(name, self.expected, shown(value), cure) from None


def _unexpected(name: str, expected: str, got: str, cure: str) -> InputError:
    message = f"expected {name} to be {expected}, got {got}"
    return InputError(f"{message}: {cure}" if cure else message)


def checked(rules: Mapping[str, Rule], values: Mapping[str, Any]) -> SimpleNamespace:
    """All values that have a rule, as attributes, each as its rule gives it back.

    Raises:
        InputError: for the first that its rule refuses.
    """
    return SimpleNamespace(**{name: rule(name, values[name]) for name, rule in rules.items()})


def finite(X: Any, name: str = "X", cure: str = "leave out or fill those rows first") -> None:
    """Refuse numbers that are none; a JAX array is looked through where it is.

    Raises:
        InputError: X holds NaN or infinity.
    """
    xp = X.__array_namespace__() if hasattr(X, "__array_namespace__") else np
    if not xp.isfinite(X).all():
        raise _unexpected(name, "finite", "NaN or infinity", cure)


def weights(sample_weight: Any, name: str = "sample_weight") -> None:
    """Refuse weights of points that cannot be used; None is fine.

    Raises:
        InputError: some are negative or not finite, or none is above 0.
    """
    if sample_weight is None:
        return
    given = np.asarray(sample_weight)
    if not np.isfinite(given).all():
        found = "NaN or infinity among them"
    elif (given < 0).any():
        found = f"a negative one, {shown(given.min())}"
    elif not (given > 0).any():
        found = "none above 0"
    else:
        return
    expected = "finite numbers of at least 0, at least one above 0"
    raise _unexpected(name, expected, found, "a point of weight 0 counts for nothing")


def enough_samples(n_samples: int, n_clusters: int, name: str = "n_clusters") -> None:
    """Refuse more clusters than there are points, in scikit-learn's words.

    Args:
        n_samples: points in all.
        n_clusters: clusters (or axes, or components) that are asked for.
        name: of the parameter that asks for them.

    Raises:
        InputError: n_samples < n_clusters.
    """
    if n_samples < n_clusters:
        fewer = "fewer clusters" if name == "n_clusters" else "fewer"
        raise InputError(f"n_samples={n_samples} should be >= {name}={n_clusters}: ask for {fewer}")


def shown(value: Any) -> str:
    """A value in a message: on one line and not too long; an array by its shape."""
    if hasattr(value, "shape") and getattr(value, "ndim", 0):
        return f"an array of shape {list(value.shape)}"
    if hasattr(value, "dtype") and getattr(value, "ndim", None) == 0:
        value = value.item() if hasattr(value, "item") else value
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def whole(least: int | None = None, most: int | None = None) -> Rule:
    """A whole number of any kind (Python's, NumPy's, JAX's), but no bool and no float."""

    def accept(value: Any) -> int:
        if isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) == np.bool_:
            raise Refused
        try:
            found = operator.index(value)
        except TypeError:
            raise Refused from None
        if (least is not None and found < least) or (most is not None and found > most):
            raise Refused
        return found

    return Rule(f"a whole number{_range(least=least, most=most)}", accept)


def between(least: int, most: int, meaning: str = "") -> Rule:
    """A whole number within two bounds, both accepted.

    Args:
        least: the lower bound.
        most: the upper bound.
        meaning: what the upper bound is, as in "the number of points".
    """
    because = f", {meaning}" if meaning else ""
    return Rule(f"a whole number from {least} to {most}{because}", whole(least, most).accept)


def number(
    *,
    least: int | float | None = None,
    most: int | float | None = None,
    above: int | float | None = None,
    below: int | float | None = None,
    infinite: bool = False,
) -> Rule:
    """A real number within bounds, never NaN, and infinite only if it says so.

    Args:
        least: it may be that, or more.
        most: it may be that, or less.
        above: it must be more.
        below: it must be less.
        infinite: whether infinity, within these bounds, is accepted.
    """

    def accept(value: Any) -> float:
        scalar = (
            value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
        )
        if isinstance(scalar, bool | np.bool_) or not isinstance(scalar, numbers.Real):
            raise Refused
        try:
            found = float(scalar)
        except OverflowError:
            raise Refused from None
        refused = (
            np.isnan(found)
            or (np.isinf(found) and not infinite)
            or (least is not None and found < least)
            or (most is not None and found > most)
            or (above is not None and found <= above)
            or (below is not None and found >= below)
        )
        if refused:
            raise Refused
        return found

    kind = "a number" if infinite else "a finite number"
    return Rule(kind + _range(least=least, most=most, above=above, below=below), accept)


def one_of(*words: str) -> Rule:
    """One of a few words."""

    def accept(value: Any) -> str:
        if not isinstance(value, str) or value not in words:
            raise Refused
        return str(value)

    listed = ", ".join(map(repr, words))
    return Rule(f"one of {listed}" if len(words) > 1 else listed, accept)


def that_is(what: str, is_one: Callable[[Any], bool]) -> Rule:
    """Anything of which a function says that it is one, handed on as it is."""

    def accept(value: Any) -> Any:
        if not is_one(value):
            raise Refused
        return value

    return Rule(what, accept)


def _range(
    *,
    least: int | float | None = None,
    most: int | float | None = None,
    above: int | float | None = None,
    below: int | float | None = None,
) -> str:
    bounds = {"of at least": least, "of at most": most, "above": above, "below": below}
    parts = [f"{words} {bound:g}" for words, bound in bounds.items() if bound is not None]
    return f" {' and '.join(parts)}" if parts else ""


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple) or bool(getattr(value, "ndim", 0))


def _as_verbosity(value: Any) -> int:
    return int(value) if isinstance(value, bool | np.bool_) else whole(0).accept(value)


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise Refused
    return bool(value)


def _as_seed(value: Any) -> Any:
    if value is None or isinstance(value, np.random.RandomState) or value is np.random:
        return value
    return whole(0, 2**32 - 1).accept(value)


nothing = that_is("None", lambda value: value is None)
flag = Rule("True or False", _as_bool)
array = that_is("an array", _is_array)
function = that_is("a function", callable)
path = that_is("a path", lambda value: isinstance(value, str | os.PathLike))
verbosity = Rule("a whole number of at least 0", _as_verbosity)
seed = Rule("None, a whole number from 0 to 4294967295 or a numpy.random.RandomState", _as_seed)
