"""Catch the compiled programs that the package calls, with the shapes it calls them with.

`recording` lets everything run as it would, and writes down each program that is called. In
`first_call` nothing heavy runs: the package's own functions on the host cut and place their data,
but what lies on a device is an `OnDevice`, of which only shape and type exist, and each program is
traced instead of run, until the wanted one is called. So a program of 10^7 points is had on a small
machine, for devices that are not there, and with the shapes that the package itself chooses.
"""

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from types import FunctionType
from typing import Any, NamedTuple
from unittest import mock

import jax
import numpy as np
from jax.core import Tracer

import scratchclust
from scratchclust import rows

Jitted = type(jax.jit(lambda: 0))
NOT_COMPUTING = ("report", "commands", "cli", "experiment", "recipes", "runs", "data", "__main__")
# fmt: off
OPERATORS = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "pow", "rpow", "matmul",
    "floordiv", "mod", "neg", "abs", "invert", "and", "or", "xor", "lt", "le", "gt", "ge", "eq",
    "ne", "getitem",
)
# fmt: on


class Program(NamedTuple):
    """A compiled function and what it was called with, arrays by their shapes."""

    name: str  # "scratchclust.module.function"
    jitted: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    in_float64: bool = False  # called under `jax.enable_x64`

    def traced(self) -> Any:
        with jax.enable_x64(self.in_float64):
            return self.jitted.trace(*self.args, **self.kwargs)

    def lowered(self, platform: str) -> Any:
        """For "cuda", "rocm", "tpu": no such device need be there.

        Raises:
            NotImplementedError: something in the program has no form there.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # donated arrays that some platform cannot reuse
            with jax.enable_x64(self.in_float64):
                return self.traced().lower(lowering_platforms=(platform,))


class OnDevice:
    """An array that would lie on a device: its shape and type. Read by the host it is all ones, and
    where that decides something it is False: nothing has ended yet.
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any, sharding: Any) -> None:
        self.shape = tuple(shape)
        self.dtype = dtype
        self.sharding = sharding
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.is_fully_addressable = True

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        one = np.zeros if self.dtype == np.bool_ else np.ones
        return np.broadcast_to(one((), dtype or self.dtype), self.shape)

    def copy_to_host_async(self) -> None:
        """Nothing to copy."""

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        return (self._of("__getitem__", i) for i in range(len(self)))

    def __bool__(self) -> bool:
        return False

    def __int__(self) -> int:
        return 1

    __index__ = __int__

    def __float__(self) -> float:
        return 1.0

    def __getattr__(self, name: str) -> Any:
        """A method or a property of JAX's arrays: what it would give."""
        if name.startswith("__") or not hasattr(jax.Array, name):
            raise AttributeError(name)
        if callable(getattr(jax.Array, name)):
            return partial(self._of, name)
        return self._result(lambda x: getattr(x, name))

    def _of(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._result(lambda x, *args: getattr(x, method)(*args, **kwargs), *args)

    def _result(self, f: Callable[..., Any], *args: Any) -> Any:
        return _for_shapes(f)(self, *args)


def _for_shapes(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, which for an `OnDevice` among its arguments, or a place to put its result, gives
    `OnDevice`s.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        if (place := kwargs.pop("device", None)) is not None:
            place = place if isinstance(place, jax.sharding.NamedSharding) else rows.whole()
            return on_device(jax.eval_shape(lambda: f(*args, **kwargs)), place)
        leaves, tree = jax.tree.flatten((args, kwargs))
        which = [i for i, leaf in enumerate(leaves) if isinstance(leaf, OnDevice)]
        if not which:
            return f(*args, **kwargs)

        def of_shapes(given: list[Any]) -> Any:
            for i, value in zip(which, given, strict=True):
                leaves[i] = value
            args, kwargs = tree.unflatten(leaves)
            return f(*args, **kwargs)

        sharding = leaves[which[0]].sharding
        return on_device(jax.eval_shape(of_shapes, [shape_of(leaves[i]) for i in which]), sharding)

    return call


def _operator(name: str) -> Callable[..., Any]:
    return lambda self, *args: self._of(f"__{name}__", *args)


for _name in OPERATORS:
    setattr(OnDevice, f"__{_name}__", _operator(_name))


def shape_of(value: Any, sharding: Any = None) -> Any:
    """Shape, type and place of an array; anything else as it is."""
    if isinstance(value, OnDevice | jax.Array | np.ndarray | np.generic):
        placed = getattr(value, "sharding", None)
        if not isinstance(placed, jax.sharding.NamedSharding):
            placed = sharding
        dtype = value.dtype if jax.numpy.issubdtype(value.dtype, jax.dtypes.extended) else None
        dtype = dtype or jax.dtypes.canonicalize_dtype(value.dtype)
        return jax.ShapeDtypeStruct(np.shape(value), dtype, sharding=placed)
    return value


def on_device(shapes: Any, sharding: Any) -> Any:
    """What has shape and type, as arrays that would lie there."""
    return jax.tree.map(lambda s: OnDevice(s.shape, s.dtype, sharding), shapes)


def first_call(name: str, drive: Callable[[], Any]) -> Program:
    """The program of this name as `drive` calls it first; before it nothing runs on a device.

    Args:
        name: "module.function", the end of its full name; or several, with "|" between them, of
            which another is called on another platform.
        drive: calls the package.

    Raises:
        LookupError: the program is not called.
    """
    seen = []

    def traced(program: Program) -> Any:
        seen.append(program.name)
        if program.name.endswith(tuple("." + end for end in name.split("|"))):
            raise _Caught(program)
        return on_device(program.traced().out_info, rows.whole())

    def put(values: Any, place: Any = None, **_: Any) -> Any:
        spread = jax.tree.broadcast(place, values) if place is not None else place
        return jax.tree.map(lambda v, s: _placed(v, s), values, spread)

    with ExitStack() as stack:
        stack.enter_context(_instead_of_programs(traced, lambda: rows.whole()))
        stack.enter_context(mock.patch.object(jax, "device_put", put))
        stack.enter_context(mock.patch.object(jax, "make_array_from_callback", _made))
        joined = "make_array_from_single_device_arrays"
        stack.enter_context(mock.patch.object(jax, joined, _made_of_parts))
        for function, f in list(vars(jax.numpy).items()):
            if isinstance(f, FunctionType | Jitted):
                stack.enter_context(mock.patch.object(jax.numpy, function, _for_shapes(f)))
        # a CPU stands for an accelerator: what is lowered is what one would run
        platform = "gpu" if rows.platform() == "cpu" else rows.platform()
        stack.enter_context(mock.patch.object(rows, "platform", return_value=platform))
        stack.enter_context(mock.patch.object(rows, "join", _joined))
        of_arrays = rows.is_on_host
        stack.enter_context(
            mock.patch.object(
                rows, "is_on_host", lambda X: not isinstance(X, OnDevice) and of_arrays(X)
            )
        )
        try:
            drive()
        except _Caught as caught:
            return caught.program
    raise LookupError(f"expected {name} to be called, got calls of {seen or 'nothing'}")


@contextmanager
def recording() -> Iterator[list[Program]]:
    """Everything runs, and each program that is called is in the list, once for all shapes."""
    found: dict[tuple[str, int], Program] = {}

    def noted(program: Program) -> Any:
        key = program.name, len(jax.tree.leaves((program.args, program.kwargs)))
        if key not in found:
            found[key] = program
            programs.append(program)
        return NotImplemented

    programs: list[Program] = []
    with _instead_of_programs(noted, lambda: None):
        yield programs


class _Caught(Exception):
    def __init__(self, program: Program) -> None:
        self.program = program


def _placed(value: Any, sharding: Any) -> Any:
    if jax.numpy.issubdtype(getattr(value, "dtype", np.float32), jax.dtypes.extended):
        dtype = value.dtype
    else:
        dtype = jax.dtypes.canonicalize_dtype(np.asarray(value).dtype)
    if not isinstance(sharding, jax.sharding.NamedSharding):
        sharding = rows.whole()
    return OnDevice(np.shape(value), dtype, sharding)


def _made(shape: tuple[int, ...], sharding: Any, data: Callable[..., Any], **_: Any) -> OnDevice:
    part = data(tuple(slice(0, 1) for _ in shape))
    return _placed(np.broadcast_to(np.zeros((), part.dtype), shape), sharding)


def _made_of_parts(shape: tuple[int, ...], sharding: Any, parts: list[Any], **_: Any) -> OnDevice:
    return OnDevice(shape, parts[0].dtype, sharding)


def _joined(blocks: Any, n: int) -> Any:
    return on_device(jax.ShapeDtypeStruct((n, *blocks.shape[2:]), blocks.dtype), rows.whole())


@contextmanager
def _instead_of_programs(
    call: Callable[[Program], Any], sharding: Callable[[], Any]
) -> Iterator[None]:
    """While this lasts, a call of a compiled function of the package is `call` of what it is; where
    that gives NotImplemented, it runs. Calls inside of another one are left alone.
    """
    real = jax.jit

    def wrapped(jitted: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            leaves = jax.tree.leaves((args, kwargs))
            if any(isinstance(leaf, Tracer) for leaf in leaves) or run.over:
                return jitted(*args, **kwargs)
            of_shapes = jax.tree.map(partial(shape_of, sharding=sharding()), (args, kwargs))
            name = f"{jitted.__module__}.{jitted.__name__}"
            in_float64 = bool(jax.config.read("jax_enable_x64"))
            found = call(Program(name, jitted, *of_shapes, in_float64=in_float64))
            return jitted(*args, **kwargs) if found is NotImplemented else found

        run.over = False
        made.append(run)
        return run

    def jit(function: Any = None, **settings: Any) -> Any:
        if function is None:
            return partial(jit, **settings)
        jitted = real(function, **settings)
        of_package = getattr(function, "__module__", "").startswith("scratchclust")
        return wrapped(jitted) if of_package else jitted

    made: list[Any] = []
    once = cache(wrapped)
    import_all()
    from scratchclust.train.steps import programs

    programs.cache_clear()
    with ExitStack() as stack:
        for module in [m for n, m in sys.modules.items() if n.startswith("scratchclust")]:
            for name, value in list(vars(module).items()):
                if isinstance(value, Jitted):
                    stack.enter_context(mock.patch.object(module, name, once(value)))
        stack.enter_context(mock.patch.object(jax, "jit", jit))
        try:
            yield
        finally:
            for run in made:
                run.over = True
            programs.cache_clear()


@cache
def import_all() -> None:
    """Every module of the package that computes."""
    for module in pkgutil.walk_packages(scratchclust.__path__, "scratchclust."):
        if module.name.split(".")[1] not in NOT_COMPUTING:
            importlib.import_module(module.name)
