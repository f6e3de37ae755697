"""Runs a program as on a machine that has jax, flax, optax, numpy, scipy, scikit-learn and torch
alone, with what these need, and no network: `python -m tests.project.bare_machine MODULE ARGUMENT
...`.

Every other distribution that is installed here is kept from it.
"""

import importlib.metadata
import re
import runpy
import socket
import sys
from importlib.machinery import PathFinder

GIVEN = ("jax", "flax", "optax", "numpy", "scipy", "scikit-learn", "torch", "scratchclust")
HERE = {"benchmarks", "scratchclust", "tests"}  # of the checkout


def needed(names):
    """The distributions of these names and all that they need, as far as they are installed."""
    found, waiting = set(), list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        try:
            requirements = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            # what scratchclust itself needs is not there: the checkout alone is
            requirements = [] if name == "scratchclust" else requirements
            waiting += [re.split(r"[^\w.-]", r)[0] for r in requirements if "extra ==" not in r]
    return found


def kept_away():
    """The top-level modules that only other distributions bring."""
    there = needed(GIVEN)
    of_modules = importlib.metadata.packages_distributions()
    return {
        module
        for module, names in of_modules.items()
        if module not in HERE
        and not any(re.sub(r"[-_.]+", "-", name).lower() in there for name in names)
    }


class Finder:
    """Finds modules as Python does, but those that are kept away."""

    absent = kept_away()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.absent:
            return None
        return PathFinder.find_spec(name, path, target)

    @classmethod
    def invalidate_caches(cls):
        PathFinder.invalidate_caches()


def refuse(self, address):
    raise OSError(f"there is no network here: {address}")


if __name__ == "__main__":
    sys.meta_path = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
    for name in [name for name in sys.modules if name.partition(".")[0] in Finder.absent]:
        del sys.modules[name]
    socket.socket.connect = refuse
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
