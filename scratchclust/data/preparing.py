"""Prepare a data set, with TensorFlow and a network: reading one (`tfds.py`) needs neither."""

import importlib.util
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from scratchclust.data.dataset import one_line
from scratchclust.data.prepared import (
    INSTALL_TO_PREPARE,
    PreparedSet,
    data_root,
    find_prepared,
    name_of,
    unknown,
    ways_to,
    why_no_tfds,
)
from scratchclust.data.tfds import describe
from scratchclust.errors import InputError


def check_or_prepare(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, verbose: bool = False
) -> PreparedSet:
    """See `scratchclust.data.prepare`."""
    root = data_root(data_dir)
    folder = find_prepared(name, root)
    if folder is None:
        folder = _prepare(name, root, verbose=verbose)
    return describe(folder, name_of(folder, root))


def _prepare(name: str, root: Path, *, verbose: bool) -> Path:
    """Download and prepare with TensorFlow Datasets; the folder of the prepared set."""
    if error := unknown(name):
        raise error
    problems = {"tensorflow_datasets": why_no_tfds(), "tensorflow": _why_no_tensorflow()}
    for module, problem in problems.items():
        if problem is not None:
            install = f"install what prepares it, {INSTALL_TO_PREPARE}"
            raise InputError(
                f"{name!r} is not prepared in {root}, and {module} {problem}: "
                f"{ways_to(install, name, root)}"
            )
    import tensorflow_datasets as tfds

    try:
        with _few_retries(), _messages(verbose):
            builder = tfds.builder(name, data_dir=root)
            builder.download_and_prepare(file_format="array_record")
    # Among others no network (requests' errors are OSErrors), a refused or a broken download, a set
    # that wants files put by hand, a package that only this set needs, a version or a configuration
    # that does not exist.
    except Exception as error:
        # requests' own ConnectionError quotes addresses and pools at length.
        reason = "no connection" if type(error).__name__ == "ConnectionError" else one_line(error)
        by_network = isinstance(error, OSError | tfds.download.DownloadError)
        cure = (
            "check the network and try again" if by_network else "mend what it says and try again"
        )
        retry = f"TensorFlow Datasets failed ({reason}), so {cure}"
        raise InputError(
            f"{name!r} is not prepared in {root}: {ways_to(retry, name, root)}"
        ) from error
    return Path(builder.data_dir)


def _why_no_tensorflow() -> str | None:
    return "is not installed" if importlib.util.find_spec("tensorflow") is None else None


@contextmanager
def _few_retries() -> Iterator[None]:
    """Give up after seconds without a network: TensorFlow Datasets would try for five minutes."""
    from tensorflow_datasets.core.download import downloader

    before = downloader.MAX_RETRIES
    downloader.MAX_RETRIES = 3
    try:
        yield
    finally:
        downloader.MAX_RETRIES = before


@contextmanager
def _messages(shown: bool) -> Iterator[None]:
    """Send what TensorFlow Datasets tells to standard error, or nowhere."""
    import tensorflow_datasets as tfds

    # It warns of each failed attempt; the error that follows the last one says it all.
    retries = logging.getLogger("urllib3.connectionpool")
    level = retries.level
    retries.setLevel(logging.ERROR)
    if not shown:
        tfds.disable_progress_bar()
    try:
        with redirect_stdout(sys.stderr if shown else io.StringIO()):
            yield
    finally:
        tfds.enable_progress_bar()
        retries.setLevel(level)
