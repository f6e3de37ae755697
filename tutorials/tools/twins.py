"""Which function of the reference has which twin. The test of the twins and the site read it here.

Each public function of `scratchclust.reference.NAME` stands, with the same name, in the module NAME of one of ROOMS.
"""

import importlib
import importlib.util
import inspect
from pathlib import Path
from types import ModuleType

REFERENCE = "scratchclust.reference"
ROOMS = (
    "scratchclust.features",
    "scratchclust.cluster",
    "scratchclust.reduce",
    "scratchclust.metrics",
    "scratchclust.train",
    "scratchclust.train.objectives",
    "scratchclust.curation",
    "scratchclust",
)


def names() -> list[str]:
    """The modules of the reference."""
    package = Path(str(importlib.import_module(REFERENCE).__file__)).parent
    return sorted(path.stem for path in package.glob("[!_]*.py"))


def reference_of(name: str) -> ModuleType:
    """The module to be read."""
    return importlib.import_module(f"{REFERENCE}.{name}")


def twin_of(name: str) -> ModuleType:
    """The module to be fast."""
    for room in ROOMS:
        if importlib.util.find_spec(f"{room}.{name}"):
            return importlib.import_module(f"{room}.{name}")
    raise AssertionError(f"reference/{name}.py has no twin in {', '.join(ROOMS)}")


def public_functions(module: ModuleType) -> list[str]:
    """Those of `__all__`, or, without it, those of the file itself whose name has no underscore in front."""
    own = [name for name, f in inspect.getmembers(module, inspect.isfunction) if f.__module__ == module.__name__]
    return getattr(module, "__all__", [name for name in own if not name.startswith("_")])


def pairs() -> list[tuple[str, str]]:
    """Module and function of everything that stands twice."""
    return [(name, function) for name in names() for function in public_functions(reference_of(name))]
