"""Decoded splits on disk, so that the second load of a data set is a matter of milliseconds.

A split is a folder with `images.npy`, `labels.npy` (if there are labels) and `manifest.json`. It
appears at once, complete, by a rename; what does not agree with its manifest is treated as absent
and written anew.
"""

import contextlib
import json
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32, UInt8

from scratchclust.data.dataset import expand_home
from scratchclust.errors import InputError

SCHEMA = 1
ABANDONED = 24 * 3600  # seconds after which a partial folder is nobody's any more


class CachedSplit(NamedTuple):
    """One split, decoded; from `fetch` its arrays are read-only maps of the files."""

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int32[np.ndarray, " n"] | None
    label_names: tuple[str, ...] | None


def cache_root(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """The cache's folder: the argument, SCRATCHCLUST_CACHE, or the user's folder for caches.

    Raises:
        InputError: neither is given, and the package that knows the user's cache folder is missing.
    """
    chosen = cache_dir or os.environ.get("SCRATCHCLUST_CACHE")
    if chosen:
        return expand_home(chosen)
    try:
        import platformdirs
    except ImportError as error:
        raise InputError(
            "platformdirs, which finds your cache folder, is not installed: pip install "
            "platformdirs, or set SCRATCHCLUST_CACHE to a folder for decoded data sets"
        ) from error
    return platformdirs.user_cache_path("scratchclust")


def store(folder: Path, split: CachedSplit, source: str) -> None:
    """Write a split, replacing what lies there.

    Args:
        folder: the split's own folder.
        split: what to write.
        source: identifies what the split was decoded from; `fetch` wants the same.

    Raises:
        OSError: the cache cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear_abandoned(folder.parent)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    # mkdtemp's is its maker's alone; the cache may be shared
    partial.chmod(folder.parent.stat().st_mode & 0o777)
    try:
        arrays = {
            key: array
            for key, array in (("images", split.images), ("labels", split.labels))
            if array is not None
        }
        for key, array in arrays.items():
            np.save(partial / f"{key}.npy", array)
        manifest = {
            "schema": SCHEMA,
            "source": source,
            "label_names": split.label_names,
            "arrays": {key: _describe(array) for key, array in arrays.items()},
        }
        (partial / "manifest.json").write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        _put_in_place(partial, folder, source)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def fetch(folder: Path, source: str) -> CachedSplit | None:
    """The split in this folder; None if it is missing, damaged, or decoded from something else."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if (manifest["schema"], manifest["source"]) != (SCHEMA, source):
            return None
        arrays = {}
        for key, expected in manifest["arrays"].items():
            arrays[key] = np.load(folder / f"{key}.npy", mmap_mode="r", allow_pickle=False)
            if _describe(arrays[key]) != expected:
                return None
        names = manifest["label_names"]
        return CachedSplit(
            arrays["images"], arrays.get("labels"), None if names is None else tuple(names)
        )
    # Whatever a half-written or damaged file leads to: it is decoded again.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError):
        return None


def _clear_abandoned(parent: Path) -> None:
    """Remove what processes that were killed have left half written."""
    for left in parent.glob(".partial-*"):
        with contextlib.suppress(FileNotFoundError):  # another process has just put it in place
            if time.time() - left.stat().st_mtime > ABANDONED:
                shutil.rmtree(left, ignore_errors=True)


def _describe(array: np.ndarray) -> dict[str, str | int | Sequence[int]]:
    """What must agree. CRC-32 finds damage, fast; it is no defence against an attacker."""
    return {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "crc32": zlib.crc32(np.ascontiguousarray(array).data),
    }


def _put_in_place(partial: Path, folder: Path, source: str) -> None:
    try:
        os.replace(partial, folder)
        return
    except OSError:
        if fetch(folder, source) is not None:  # another process was faster
            return
    # A folder that is not empty cannot be replaced: move the old one away first.
    old = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        if folder.exists():
            os.replace(folder, old)
        os.replace(partial, folder)
    except OSError:
        if fetch(folder, source) is None:
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
