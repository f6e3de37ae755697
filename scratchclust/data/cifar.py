"""CIFAR-10's binary version, as a folder or as the archive itself. The pickled version is refused.

A batch is a sequence of records: one byte for the label, then 32 x 32 bytes each of red, green and blue.
Source: the description on the CIFAR-10 site.
"""

import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from scratchclust.data.archives import check_member_name
from scratchclust.data.dataset import Reading, Request, check_labels, choose_splits, one_line
from scratchclust.errors import InputError

RECORD = 1 + 3 * 32 * 32  # bytes
LARGEST_BATCH = 10_000 * RECORD
MOST_MEMBERS = 100  # the original archive has 9
BATCHES = {"train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)), "test": ("test_batch.bin",)}
META = "batches.meta.txt"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
WANTED = {*BATCHES["train"], *BATCHES["test"], META}
PICKLED = {"data_batch_1", "test_batch", "batches.meta"}
ADVICE = "holds the pickled Python version, which may run code when loaded: use the binary one, cifar-10-binary.tar.gz"


def find_folder(path: Path) -> Path | None:
    """The folder of CIFAR-10's batches in `path`: itself or its `cifar-10-batches-bin`; None if there is none.

    Raises:
        InputError: the pickled version lies there.
    """
    for folder in (path, path / "cifar-10-batches-bin"):
        if any((folder / name).is_file() for name in WANTED - {META}):
            return folder
    for folder in (path, path / "cifar-10-batches-py"):
        if any((folder / name).is_file() for name in PICKLED):
            raise InputError(f"{folder} {ADVICE}")
    return None


def read_folder(folder: Path, request: Request) -> Reading:
    """The batches in a folder.

    Raises:
        InputError: a batch is missing or damaged.
    """
    files = {name: folder / name for name in WANTED if (folder / name).is_file()}
    return _read_batches({name: _read_small(path) for name, path in files.items()}, request, str(folder))


def read_batch_file(path: Path, request: Request) -> Reading:
    """A single batch, such as `test_batch.bin`.

    Raises:
        InputError: damaged, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    images, labels = _parse_batch(_read_small(path), str(path))
    return Reading(images, labels, CLASSES, path.stem)


def read_archive(path: Path, request: Request) -> Reading:
    """The archive as it is fetched; its members are read in memory, by exact name.

    Raises:
        InputError: damaged, an unsafe path inside, another archive, or the pickled version.
    """
    try:
        with tarfile.open(path) as archive:
            contents = _read_members(archive, path)
    # MemoryError: a header that claims more than there is memory for.
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError) as error:
        raise InputError(f"{path} is a damaged archive ({one_line(error)}): fetch it again") from error
    return _read_batches(contents, request, str(path))


def _read_members(archive: tarfile.TarFile, path: Path) -> dict[str, bytes]:
    contents = {}
    for i, member in enumerate(archive):
        check_member_name(member.name, path)
        folder, name = str(PurePosixPath(member.name).parent), PurePosixPath(member.name).name
        if folder == "cifar-10-batches-py" or (folder == "." and name in PICKLED):
            raise InputError(f"{path} {ADVICE}")
        # Before the archive goes on: skipping a member means unpacking it.
        if member.size > LARGEST_BATCH or i >= MOST_MEMBERS:
            raise InputError(
                f"{path}: member {i + 1}, {member.name!r} of {member.size} bytes, does not belong to CIFAR-10: "
                "expected cifar-10-binary.tar.gz; unpack any other archive and give its folder"
            )
        stream = archive.extractfile(member) if member.isfile() and name in WANTED else None
        if stream is not None and folder in ("cifar-10-batches-bin", "."):
            contents[name] = stream.read()
    return contents


def _read_batches(contents: Mapping[str, bytes], request: Request, source: str) -> Reading:
    """Images and labels of the wanted splits, from the files' contents by name."""
    available = [split for split, names in BATCHES.items() if any(name in contents for name in names)]
    if not available:
        raise InputError(f"{source} holds no batch of CIFAR-10: expected data_batch_1.bin to 5, test_batch.bin")
    names = [name for split in choose_splits(request.split, available, source) for name in BATCHES[split]]
    missing = [name for name in names if name not in contents]
    if missing:
        raise InputError(f"{source}: {', '.join(missing)} missing: unpack cifar-10-binary.tar.gz again")
    parts = [_parse_batch(contents[name], f"{source}/{name}") for name in names]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Reading(images, labels, _label_names(contents.get(META), f"{source}/{META}"), "cifar10")


def _parse_batch(content: bytes, source: str) -> tuple[np.ndarray, np.ndarray]:
    if not content or len(content) % RECORD:
        raise InputError(
            f"{source} has {len(content)} bytes, expected a multiple of {RECORD}: cut short; fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, RECORD)
    labels = check_labels(records[:, 0], len(records), source, n_classes=len(CLASSES))
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _label_names(content: bytes | None, source: str) -> tuple[str, ...]:
    if content is None:
        return CLASSES
    names = tuple(content.decode(errors="replace").split())
    if len(names) != len(CLASSES):
        raise InputError(
            f"{source}: expected the names of {len(CLASSES)} classes, found {len(names)}: delete this file"
        )
    return names


def _read_small(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_BATCH:
        raise InputError(
            f"{path} has {path.stat().st_size} bytes, a batch of CIFAR-10 at most {LARGEST_BATCH}: wrong file"
        )
    return path.read_bytes()
