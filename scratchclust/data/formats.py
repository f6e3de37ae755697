"""Which reader a path belongs to, by what lies in a folder or by the name and start of a file.

Both are tables, of which the first row that fits is taken. A new format is one module, with what
tells it and what reads it, and a row here.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from scratchclust.data import array_folders, arrays, cifar, idx
from scratchclust.data.dataset import Reading, Request
from scratchclust.data.signatures import NUMPY, kind_of, start_of, unpacked_start
from scratchclust.errors import InputError

Read = Callable[[Path, Request], Reading]

TAR = (".tar", ".tar.gz", ".tgz")


class File:
    """What tells the format of a file; its bytes are read when a row first asks for them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name.lower()

    @cached_property
    def start(self) -> bytes:
        """Its first bytes."""
        return start_of(self.path)

    @cached_property
    def unpacked(self) -> bytes | None:
        """The first bytes of what is packed in it; None if it is no gzip file, or damaged."""
        return unpacked_start(self.path)

    @property
    def is_packed(self) -> bool:
        """Whether it is an archive or a gzip file by its name."""
        return self.name.endswith((*TAR, ".gz"))


class FileFormat(NamedTuple):
    """A row for files."""

    is_one: Callable[[File], bool]
    read: Read


class FolderFormat(NamedTuple):
    """A row for folders."""

    find: Callable[[Path], Path | None]  # the folder itself, or one in it; None: of another format
    read: Read


def read_path(path: Path, request: Request) -> Reading:
    """Read an existing file or folder.

    Raises:
        InputError: it cannot be used; the line names the file and the cure.
    """
    if path.is_dir():
        return _read_folder(path, request)
    if not path.is_file():
        raise InputError(
            f"{path} is neither a file nor a folder: copy what it delivers into a file first"
        )
    file = File(path)
    read = next(row.read for row in FILES if row.is_one(file))
    return read(path, request)


def is_of_pictures(folder: Path) -> bool:
    """Whether a folder is of no other format, so that its files are read as pictures.

    Raises:
        InputError: several data sets lie in it.
    """
    return all(row.find(folder) is None for row in FOLDERS if row.read is not _read_pictures)


def _read_folder(path: Path, request: Request) -> Reading:
    found = ((row.read, row.find(path)) for row in FOLDERS)
    read, folder = next((read, folder) for read, folder in found if folder is not None)
    return read(folder, request)


def _is_named(*endings: str) -> Callable[[File], bool]:
    return lambda file: file.name.endswith(endings)


def _is_archive(file: File) -> bool:
    if file.name.endswith(TAR):
        return True
    # one may be named .gz alone
    return file.is_packed and kind_of(file.unpacked or b"") == "a tar archive"


def _is_packed_array(file: File) -> bool:
    if file.name.endswith(".npy.gz"):
        return True
    return file.is_packed and (file.unpacked or b"").startswith(NUMPY)


def _is_packed_idx(file: File) -> bool:
    # also a damaged one: the reader says what is wrong
    return file.is_packed and (file.unpacked is None or idx.looks_like_idx(file.unpacked))


def _refuse_packed(path: Path, request: Request) -> Reading:
    kind = kind_of(unpacked_start(path) or b"") or "something unknown"
    raise InputError(
        f"{path} is {kind} in a gzip file: expected IDX, .npy or CIFAR's archive in it; unpack it "
        "with gunzip, and give pictures, .npy or .npz"
    )


def _read_picture(path: Path, request: Request) -> Reading:
    from scratchclust.data.folders import read_picture_file  # late: it imports Pillow

    return read_picture_file(path, request)


def _read_pictures(path: Path, request: Request) -> Reading:
    from scratchclust.data.folders import read_folder  # late: it imports Pillow

    return read_folder(path, request)


FILES = (
    FileFormat(_is_named(".npy"), arrays.read_npy),
    FileFormat(_is_named(".npz"), arrays.read_npz),
    FileFormat(lambda file: idx.is_named_so(file.path), idx.read_file),
    FileFormat(_is_named(".bin"), cifar.read_batch_file),
    FileFormat(_is_archive, cifar.read_archive),
    FileFormat(_is_packed_array, arrays.read_npy_gz),
    FileFormat(_is_packed_idx, idx.read_file),
    FileFormat(lambda file: file.is_packed, _refuse_packed),
    FileFormat(lambda file: idx.looks_like_idx(file.start), idx.read_file),
    FileFormat(lambda file: True, _read_picture),
)

FOLDERS = (
    FolderFormat(idx.find_folder, idx.read_folder),
    FolderFormat(cifar.find_folder, cifar.read_folder),
    FolderFormat(array_folders.find_folder, array_folders.read_folder),
    FolderFormat(lambda path: path, _read_pictures),
)
