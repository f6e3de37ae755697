"""scratchclust: image clustering from scratch, in NumPy to be read and in JAX to be fast.

Importing the package loads neither jax nor scikit-learn: each public name is imported when it is first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

ESTIMATORS = {
    "KMeans": "cluster",
    "PCA": "reduce",
    "PixelFeatures": "features",
}
_MODULES = ("cluster", "data", "estimators", "metrics", "persist", "recipes", "reduce", "reference", "report", "runs")

__all__ = ["__version__", *ESTIMATORS, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in ESTIMATORS:
        return getattr(importlib.import_module(f"scratchclust.estimators.{ESTIMATORS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"scratchclust.{name}")
    raise AttributeError(f"module 'scratchclust' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
