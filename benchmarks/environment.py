"""On what a benchmark ran: the kind of device, its cores, versions, threads and precision; nothing
that names a machine.
"""

import importlib.metadata
import os
import platform
import re
from pathlib import Path
from typing import Any

NAMES = (
    "scratchclust",
    "jax",
    "jaxlib",
    "flax",
    "numpy",
    "scipy",
    "scikit-learn",
    "openTSNE",
    "faiss-cpu",
    "torch",
)
OF_GPU = (
    "jax-cuda12-plugin",
    "jax-cuda13-plugin",
    "jax-rocm7-plugin",
    "faiss-gpu-cu12",
    "cuml-cu12",
    "cuml-cu13",
    "flash-kmeans",
    "triton",
    "nvidia-cudnn-cu12",
    "nvidia-cudnn-cu13",
)
DRIVER = Path("/proc/driver/nvidia/version")
PRECISION = {
    "scratchclust": "float32 data; products in full float32, sums of rows in float32",
    "networks": "float32 as the device's library computes it: TF32 on NVIDIA GPUs since 2020",
}


def device() -> dict[str, Any]:
    """The device that JAX computes on, and the cores beside it."""
    import jax

    devices = jax.local_devices()
    return {
        "kind": devices[0].device_kind,
        "platform": devices[0].platform,
        "n_devices": len(devices),
        "cores": n_cores(),
        "architecture": platform.machine(),
    }


def slug(found: dict[str, Any]) -> str:
    """What the device's result file is called: its kind, and its number, of a CPU's that of its
    cores.
    """
    kind = re.sub(r"[^a-z0-9]+", "-", found["kind"].lower()).strip("-")
    if found["platform"] == "cpu":
        return f"{kind}-{found['cores']}-cores"
    return kind if found["n_devices"] == 1 else f"{kind}-x{found['n_devices']}"


def environment() -> dict[str, Any]:
    """Versions, threads and precision, for the record of a section."""
    names = (*NAMES, *OF_GPU) if device()["platform"] != "cpu" else NAMES
    versions = {name: version for name in names if (version := _version(name)) is not None}
    return {
        "python": platform.python_version(),
        "versions": {**versions, **_of_platform()},
        "threads": _threads(),
        "precision": PRECISION,
    }


def n_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))  # a container may grant fewer than the machine has
    return os.cpu_count() or 1


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None  # not here, or run from a checkout that is not installed


def _of_platform() -> dict[str, str]:
    """Of a GPU: the driver, and CUDA (or ROCm) as JAX's plugin says it."""
    import jax

    first = jax.local_devices()[0]
    if first.platform == "cpu":
        return {}
    found = {"platform": " ".join(first.client.platform_version.split())}
    if DRIVER.exists() and (number := re.search(r"\d+\.\d+[.\d]*", DRIVER.read_text())):
        found["driver"] = number[0]
    return found


def _threads() -> dict[str, int]:
    """How many threads each library of the host takes, by its name."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return {}
    return {
        f"{pool['internal_api']} ({pool['prefix']})": pool["num_threads"]
        for pool in threadpool_info()
    }
