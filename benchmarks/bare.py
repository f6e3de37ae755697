"""A machine without jaxtyping: annotations alone need it, so they can say nothing there.

The benchmarks must run on a machine that has JAX, Flax, optax, NumPy, SciPy, scikit-learn and
PyTorch alone. All else that the package needs is imported where it is used; jaxtyping is imported
at the head of most files.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any


class _Shape:
    """`Float[Array, "n d"]` of a package that is not here: anything."""

    def __class_getitem__(cls, item: Any) -> Any:
        return Any


class _StandIn(ModuleType):
    """Gives every name that is asked of jaxtyping."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("Array", "PRNGKeyArray"):
            import jax

            return jax.Array
        return Any if name == "ScalarLike" else _Shape


def stand_in() -> None:
    """Put a stand-in into jaxtyping's place, where it is not installed."""
    try:
        missing = importlib.util.find_spec("jaxtyping") is None
    except ValueError:  # None in sys.modules: it is kept from us
        missing = True
    if missing:
        sys.modules["jaxtyping"] = _StandIn("jaxtyping")
