"""Sort the files of pictures into one folder for each cluster, as links or as copies.

No original is moved, changed or removed. The new folder is filled as a draft beside its place and
renamed at the end (`files.whole_folder`): whatever happens before that, nothing of it is there.

Links are symbolic and relative: they stay right when the disk is mounted elsewhere, or the folder
that holds pictures and links is moved, renamed or packed as a whole, which is what people do. (They
break when the new folder alone is moved; absolute ones break in all of those other cases.) Where no
relative way leads from one to the other, as between two drives of Windows, they are absolute.

A picture keeps its name. Where two of a cluster have the same, or one that a file system takes for
the same (`1.JPG` and `1.jpg`, or one letter in two encodings), all of these get the folders above
in front: `a/1.png` becomes `a_1.png`; where that is taken too, a number behind.
"""

import errno
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

from scratchclust.checks import one_of
from scratchclust.errors import InputError
from scratchclust.files import whole_folder

LONGEST_NAME = 240  # bytes; most file systems take 255
NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)
NO_LINKS_ON_WINDOWS = (1, 50, 1314)  # not a function, not supported, a privilege that is not held
drafts: list[Path] = []  # that are being filled: what an end without warning leaves behind


class LeftOut(NamedTuple):
    """A picture that was not sorted."""

    path: str
    reason: str


class Sorted(NamedTuple):
    """What `sort_into` did."""

    counts: dict[str, int]  # pictures in each of the new folders, by its name
    skipped: tuple[LeftOut, ...]


def sort_into(
    target: Path,
    source: Path,
    paths: Sequence[str],
    clusters: Integer[np.ndarray, " n"],
    *,
    how: str,
    names: Mapping[int, str] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Sorted:
    """Make a folder with one subfolder for each cluster, and in it its pictures.

    A picture that is not in the source folder, since it is a link that leads out of it or lies
    behind one, is left out, and so is one that is no longer there or cannot be read.

    Args:
        target: the folder to make; it must not be there, or be empty.
        source: the folder of the pictures.
        paths: of the pictures, relative to it, with `/`.
        clusters: of each; -1 is none.
        how: "link" or "copy"; copies keep the time at which a picture was changed last.
        names: of the folders, by cluster; others are called cluster-0, cluster-1, ..., and noise.
        tell: is told each folder.

    Raises:
        InputError: the target is not empty, or one of the two folders lies in the other; names that
            are none or the same; the system makes no links here.
        OSError: it could not be written, as on a full disk; nothing of it is left.
    """
    one_of("link", "copy")("how", how)
    source = Path(os.path.realpath(source))
    target = Path(os.path.realpath(target))
    _check_places(target, source)
    if len(paths) != len(clusters):
        raise InputError(f"expected a cluster for each of {len(paths)} paths, got {len(clusters)}")
    folders = _folder_names(np.unique(clusters).tolist(), names or {})
    skipped: list[LeftOut] = []
    counts: dict[str, int] = {}
    with whole_folder(target) as draft, _noted(draft):
        for cluster, folder in folders.items():
            if tell is not None:
                tell(f"sorting into {folder}")
            members = [paths[int(i)] for i in np.flatnonzero(np.equal(clusters, cluster))]
            (draft / folder).mkdir()
            left_out = _fill(draft / folder, source, members, _link if how == "link" else _copy)
            counts[folder] = len(members) - len(left_out)
            skipped += left_out
        if target.exists():
            target.rmdir()  # an error if it has been filled meanwhile
    return Sorted(counts, tuple(skipped))


@contextmanager
def _noted(draft: Path) -> Iterator[None]:
    """Inside, the draft is among `drafts`."""
    drafts.append(draft)
    try:
        yield
    finally:
        drafts.remove(draft)


def _fill(
    folder: Path, source: Path, paths: Sequence[str], place: Callable[[Path, Path], str]
) -> list[LeftOut]:
    """Put pictures into a folder; gives those that are left out."""
    left_out = []
    for path, name in zip(paths, distinct_names(paths), strict=True):
        reason = _why_not(source, path) or place(source / path, folder / name)
        if reason:
            left_out.append(LeftOut(path, reason))
    return left_out


def distinct_names(paths: Sequence[str]) -> list[str]:
    """Give each path a file name of its own in one folder, on every file system.

    Args:
        paths: all different, with `/`.
    """
    own = [path.rpartition("/")[2] for path in paths]
    uses = Counter(_key(name) for name in own)
    taken = {key for key, n in uses.items() if n == 1}
    names = []
    for path, name in zip(paths, own, strict=True):
        if uses[_key(name)] > 1:
            name = _free(path.replace("/", "_"), taken)
            taken.add(_key(name))
        names.append(name)
    return names


def _free(name: str, taken: set[str]) -> str:
    """The name, cut from the front where it is too long, with a number where it is taken."""
    while len(os.fsencode(name)) > LONGEST_NAME:
        name = name[1:]
    stem, dot, ending = name.rpartition(".")
    if not stem:
        stem, dot, ending = name, "", ""
    found = name
    number = 1
    while _key(found) in taken:
        number += 1
        found = f"{stem} ({number}){dot}{ending}"
    return found


def _key(name: str) -> str:
    """What is equal for names that some file system takes for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _check_places(target: Path, source: Path) -> None:
    if not source.is_dir():
        raise InputError(
            f"expected the folder of the pictures, got {source}: pictures in one file of numbers "
            "cannot be sorted, nor those of a folder that is gone"
        )
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise InputError(f"{target} is there and not empty: sort into a new folder")
    for inner, outer in ((target, source), (source, target)):
        if _lies_in(inner, outer):
            raise InputError(
                f"{inner} lies in {outer}: sort into a folder beside that of the pictures, so "
                "that what is sorted is not taken for further pictures"
            )


def _lies_in(inner: Path, outer: Path) -> bool:
    # asked of the system: names of one folder may differ, in case or encoding
    above = [place for place in (inner, *inner.parents) if place.exists()]
    return outer.exists() and any(place.samefile(outer) for place in above)


def _folder_names(clusters: list[int], names: Mapping[int, str]) -> dict[int, str]:
    """The folder of each cluster, in order, -1 last."""
    ordered = sorted(clusters, key=lambda cluster: (cluster < 0, cluster))
    folders = {c: names.get(c, f"cluster-{c}" if c >= 0 else "noise") for c in ordered}
    for name in folders.values():
        if not name or name.startswith(".") or any(letter in name for letter in "/\\\0"):
            raise InputError(
                f"expected names of folders, not hidden and without / or \\, got {name!r}"
            )
    if len({_key(name) for name in folders.values()}) < len(folders):
        raise InputError(f"expected a name of its own for each cluster, got {[*folders.values()]}")
    return folders


def _why_not(source: Path, path: str) -> str:
    """Why a picture is not sorted; empty where it is."""
    real = Path(os.path.realpath(source / path))
    if not real.is_relative_to(source):
        return f"it leads out of the folder, to {real}"
    return "" if real.is_file() else "there is no such file any more"


def _link(original: Path, place: Path) -> str:
    try:
        # The draft lies beside its place, so the way from there is the way from here.
        way = os.path.relpath(original, place.parent)
    except ValueError:  # on another drive
        way = os.fspath(original)
    try:
        os.symlink(way, place)
    except OSError as error:
        makes_none = getattr(error, "winerror", None) in NO_LINKS_ON_WINDOWS
        if error.errno in NO_LINKS or makes_none:
            raise InputError(
                f"no links can be made in {place.parent.parent.parent} ({error.strerror}): use "
                "how='copy'"
            ) from error
        raise
    return ""


def _copy(original: Path, place: Path) -> str:
    """Copy the content and its time; not the permissions: a copy is the person's own."""
    try:
        reading = original.open("rb")
    except OSError as error:
        return f"it cannot be read: {error.strerror}"
    with reading, place.open("xb") as writing:
        shutil.copyfileobj(reading, writing, 2**20)
        times = os.fstat(reading.fileno())
    os.utime(place, ns=(times.st_atime_ns, times.st_mtime_ns))
    return ""
