"""Which reader a path belongs to. A folder is told by what lies in it, a file by its name and how
it begins.
"""

from pathlib import Path

from scratchclust.data.dataset import Reading, Request
from scratchclust.data.signatures import NUMPY, kind_of, start_of, unpacked_start
from scratchclust.errors import InputError


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
    name = path.name.lower()
    if name.endswith((".npy", ".npz")):
        from scratchclust.data import arrays

        return (
            arrays.read_npy(path, request)
            if name.endswith(".npy")
            else arrays.read_npz(path, request)
        )
    from scratchclust.data import idx

    if idx.is_named_so(path):
        return idx.read_file(path, request)
    if name.endswith(".bin"):
        from scratchclust.data import cifar

        return cifar.read_batch_file(path, request)
    if name.endswith((".tar", ".tar.gz", ".tgz", ".gz")):
        return _read_packed(path, request)
    if idx.looks_like_idx(start_of(path)):
        return idx.read_file(path, request)
    from scratchclust.data.folders import read_picture_file

    return read_picture_file(path, request)


def _read_packed(path: Path, request: Request) -> Reading:
    """A tar archive or a gzip file, by what is in it."""
    from scratchclust.data import arrays, cifar, idx

    start = unpacked_start(path)
    if (
        path.name.lower().endswith((".tar", ".tar.gz", ".tgz"))
        or kind_of(start or b"") == "a tar archive"
    ):
        return cifar.read_archive(path, request)
    if (start or b"").startswith(NUMPY) or path.name.lower().endswith(".npy.gz"):
        return arrays.read_npy_gz(path, request)
    if start is None or idx.looks_like_idx(start):  # a damaged one: the reader says what is wrong
        return idx.read_file(path, request)
    raise InputError(
        f"{path} is {kind_of(start) or 'something unknown'} in a gzip file: expected IDX, .npy or CIFAR's archive in "
        "it; unpack it with gunzip, and give pictures, .npy or .npz"
    )


def _read_folder(path: Path, request: Request) -> Reading:
    from scratchclust.data import array_folders, cifar, idx

    folder = idx.find_folder(path)
    if folder is not None:
        return idx.read_folder(folder, request)
    folder = cifar.find_folder(path)
    if folder is not None:
        return cifar.read_folder(folder, request)
    folder = array_folders.find_folder(path)
    if folder is not None:
        return array_folders.read_folder(folder, request)
    from scratchclust.data.folders import read_folder

    return read_folder(path, request)
