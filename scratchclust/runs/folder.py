"""The life of a run's folder: claimed as DIR.partial under a lock, renamed to DIR when it is
complete.

Nothing is ever half there. A run that dies leaves DIR.partial; the operating system drops its lock
with the process, so a dead run is no obstacle. Replacing an old DIR is the last step, after the new
one is complete.
"""

import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scratchclust.errors import InputError, escaped, writing
from scratchclust.files import put_in_place

LOCK = ".lock"
STAGES = "stages"
LOG = "log.txt"


@dataclass(frozen=True)
class RunFolder:
    """A claimed folder: work goes to `path` (DIR.partial), and `finish` makes it `final` (DIR)."""

    final: Path
    path: Path
    lock: FileLock
    overwrite: bool = False

    @property
    def stages(self) -> Path:
        return self.path / STAGES

    def finish(self) -> None:
        """Flush DIR.partial to the disk and rename it to DIR; an older DIR is removed after that
        and not before.

        Raises:
            InputError: something that must not be replaced has come to lie at DIR; DIR.partial is
                kept, complete.
        """
        _check_final(self.final, overwrite=self.overwrite)
        if os.name == "nt":
            self.lock.release()  # Windows renames no folder with an open file in it
        put_in_place(self.path, self.final)
        _remove(self.final / STAGES)
        (self.final / LOCK).unlink(missing_ok=True)


@contextmanager
def working(
    output: str | Path, *, resume: bool = False, overwrite: bool = False
) -> Iterator[RunFolder]:
    """Claim the folder for one run and hold its lock; what is logged under "scratchclust" goes to
    its log.txt.

    Args:
        output: DIR. Its parents are made as needed.
        resume: continue in an existing DIR.partial.
        overwrite: replace an existing DIR at the end; without `resume`, also clear an existing
            DIR.partial.

    Yields:
        the claimed folder. Leaving without `finish` keeps DIR.partial for `resume`; only where the
        input was refused and it holds no file but its log, it is removed.

    Raises:
        InputError: DIR or DIR.partial is there and nothing was said about it, another process works
            in it, or it is no run's folder and so must not be replaced.
    """
    try:
        final = Path(output).expanduser().resolve()
        path = final.with_name(final.name + ".partial")
        _check_final(final, overwrite=overwrite)
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # no name, a name too long, nobody's ~
        raise InputError(
            f"{output} cannot be a run's folder ({error}): give another output="
        ) from error
    folder = RunFolder(final, path, FileLock(path / LOCK, timeout=0), overwrite)
    _claim(folder, resume=resume, overwrite=overwrite)
    try:
        # again: another run may have ended before this one had the lock
        _check_final(final, overwrite=overwrite)
        with writing(folder.path), _logging_to(folder.path / LOG):
            yield folder
    except InputError:
        if not _holds_work(folder.path):
            _remove(folder.path)
        raise
    finally:
        folder.lock.release()


def slug(name: str) -> str:
    """Write the name in small letters, digits and hyphens, for a file's name: "PCA + k-means" is
    "pca-k-means".
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _check_final(final: Path, *, overwrite: bool) -> None:
    if not final.exists():
        return
    if not overwrite:
        raise InputError(
            f"{final} is there already: give another output=, or overwrite= to replace it at the "
            "end of the new run"
        )
    if not final.is_dir() or (any(final.iterdir()) and not _looks_like_a_run(final)):
        raise InputError(
            f"{final} is no folder of a run, so overwrite= leaves it alone: give another output="
        )


def _looks_like_a_run(folder: Path) -> bool:
    """Also when it is damaged; but not a stranger's folder, even with a metrics.json of its own."""
    return (folder / "metrics.json").is_file() and any(
        (folder / name).exists() for name in ("assignments.csv", "model")
    )


def _claim(folder: RunFolder, *, resume: bool, overwrite: bool) -> None:
    there = folder.path.exists()
    try:
        folder.path.parent.mkdir(parents=True, exist_ok=True)
        # where it was not there, only one of two processes can make it
        folder.path.mkdir(exist_ok=there)
    except OSError as error:
        raise InputError(
            f"cannot make {folder.path} ({error.strerror}): give another output="
        ) from error
    if there:
        _take_over(folder, resume=resume, overwrite=overwrite)
    else:
        _acquire(folder)


def _holds_work(path: Path) -> bool:
    """Whether a DIR.partial holds a file that took time to make: a stage's, a checkpoint's, a
    figure.
    """
    return any(entry.is_file() and entry.name not in (LOCK, LOG) for entry in path.rglob("*"))


def _take_over(folder: RunFolder, *, resume: bool, overwrite: bool) -> None:
    """Claim a DIR.partial that was there, once it is sure that nobody works in it."""
    path = folder.path
    # glob, unlike iterdir, finds nothing in a folder that its run has just renamed
    if any(path.glob("*")) and not (path / LOCK).is_file():
        raise InputError(
            f"{path} is in the way and was not left by a run: move it, or give another output="
        )
    _acquire(folder)
    if not resume and not overwrite:
        folder.lock.release()
        raise InputError(
            f"{path} was left by an interrupted run: resume= continues it, overwrite= starts anew"
        )
    if not resume:
        for entry in path.iterdir():
            if entry.name != LOCK:
                _remove(entry)


def _acquire(folder: RunFolder) -> None:
    try:
        folder.lock.acquire()
    except (Timeout, FileNotFoundError) as error:  # held, or just renamed by the run that held it
        raise InputError(
            f"another run is at work in {folder.path}: wait for it, or give another output="
        ) from error


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class _OneLineEach(logging.Formatter):
    """Names of files in a message cannot forge lines of the log, nor act on the terminal that shows
    it.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        return escaped(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        return "\n".join(map(escaped, super().formatException(ei).split("\n")))


@contextmanager
def _logging_to(path: Path) -> Iterator[None]:
    logger = logging.getLogger("scratchclust")
    handler = logging.FileHandler(path, encoding="utf-8", errors="backslashreplace")
    handler.setFormatter(_OneLineEach("%(asctime)s %(levelname)s %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    except BaseException:
        logger.exception("the run ended early")
        raise
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
        handler.close()
