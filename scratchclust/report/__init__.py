"""What a run shows: figures of arrays. Nothing is computed but where things go on the page.

`scratchclust.report.figures` is imported when first used, since it loads matplotlib.
"""

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    if name == "figures":
        return importlib.import_module(f"scratchclust.report.{name}")
    raise AttributeError(f"module 'scratchclust.report' has no attribute {name!r}")
