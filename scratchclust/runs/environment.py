"""What a run was made with, for its record."""

import os
import platform
from importlib import metadata
from typing import Any

import scratchclust

_PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "scipy", "scikit-learn")


def environment(precision: str = "float32") -> dict[str, Any]:
    """Tell versions, device, threads and precision; JAX's backend starts where it has not yet.

    Returns:
        "scratchclust", "python", one version for each package (None where it is not installed),
        "platform" (such as "Linux-x86_64"), "device" (such as "cpu" or "NVIDIA H100"), "n_devices"
        (how many of them XLA sees), "threads" (processor cores this process may use) and
        "precision", as it was given.
    """
    import jax

    devices = jax.local_devices()
    return {
        "scratchclust": scratchclust.__version__,
        "python": platform.python_version(),
        **{package: _version(package) for package in _PACKAGES},
        "platform": f"{platform.system()}-{platform.machine()}",
        "device": devices[0].device_kind,
        "n_devices": len(devices),
        "threads": _n_threads(),
        "precision": precision,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _n_threads() -> int | None:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))  # a container may grant fewer than the machine has
    return os.cpu_count()
