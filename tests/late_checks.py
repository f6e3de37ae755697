"""Checks of types and shapes that are built at a function's first call.

jaxtyping's import hook builds them where a function is defined: two functions of source text and
what beartype writes for each, a millisecond. The package defines 3,000 functions, of which a worker
calls a part; and functions inside others are defined anew at every call of these, in programs that
are traced at every trace. That was a fifth of the time of the quick tier.
"""

import functools
import threading
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any

import jaxtyping

_build = jaxtyping.jaxtyped
_built: dict[CodeType, Callable[..., Any]] = {}
_running = threading.local()


def install() -> None:
    """Has the import hook's decorator build late, in modules that are not imported yet."""
    jaxtyping.jaxtyped = checked  # where the decorated modules look it up


def checked(function: Any = None, *, typechecker: Any) -> Any:
    """Stands for `jaxtyping.jaxtyped`: the same checks, at each call."""
    if function is None:
        return functools.partial(checked, typechecker=typechecker)
    if not isinstance(function, FunctionType):  # classes, properties
        return _build(function, typechecker=typechecker)
    is_inner = "<locals>" in function.__qualname__
    if is_inner and not (function.__defaults__ or function.__kwdefaults__):
        return _of_the_code(function, typechecker)
    built = None

    @functools.wraps(function)
    def outer(*args: Any, **kwargs: Any) -> Any:
        nonlocal built
        __tracebackhide__ = True
        if built is None:
            built = _build(function, typechecker=typechecker)
        return built(*args, **kwargs)

    return outer


def _of_the_code(function: FunctionType, typechecker: Any) -> Callable[..., Any]:
    """The function, with checks that all functions made of the same lines share."""

    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        built = _built.get(function.__code__)
        if built is None:
            built = _build(_whichever_runs(function), typechecker=typechecker)
            _built[function.__code__] = built
        before = getattr(_running, "function", None)
        _running.function = function
        try:
            return built(*args, **kwargs)
        finally:
            _running.function = before

    return inner


def _whichever_runs(function: FunctionType) -> Callable[..., Any]:
    @functools.wraps(function)
    def whichever(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return _running.function(*args, **kwargs)

    return whichever
