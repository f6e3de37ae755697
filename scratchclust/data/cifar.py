"""The binary versions of CIFAR-10 and CIFAR-100, as a folder or the archive; no pickled ones.

A batch is a sequence of records: a byte for the label (CIFAR-100: one for the coarse label, one for
the fine one, which is taken), then 32 x 32 bytes each of red, green and blue. Source: the
description on the CIFAR-10 site.
"""

import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from scratchclust.data.archives import check_member_name
from scratchclust.data.dataset import Reading, Request, check_labels, choose_splits, one_line
from scratchclust.data.signatures import kind_of, start_of
from scratchclust.errors import InputError

PIXELS = 3 * 32 * 32  # bytes of an image
MOST_MEMBERS = 100  # the original archives have 9 and 5
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PICKLED = {"data_batch_1", "test_batch", "batches.meta"}
PICKLED_FOLDERS = ("cifar-10-batches-py", "cifar-100-python")
STL10 = ("train_X.bin", "test_X.bin", "unlabeled_X.bin")
STL10_RECORD = 3 * 96 * 96
ADVICE = "holds the pickled Python version, which may run code when loaded: use the binary one, {}"


class Kind(NamedTuple):
    """One of the two sets."""

    name: str  # for `Dataset.name`
    title: str  # for people
    archive: str
    folder: str  # in the archive
    batches: dict[str, tuple[str, ...]]  # the files, by split
    meta: str  # the file with the names of the labels
    n_label_bytes: int
    n_classes: int
    names: tuple[str, ...] | None  # of the labels, where there is no `meta`
    largest: int  # bytes of a batch

    @property
    def record(self) -> int:
        """The bytes of an image and its labels."""
        return self.n_label_bytes + PIXELS

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(name for names in self.batches.values() for name in names)


CIFAR10 = Kind(
    name="cifar10",
    title="CIFAR-10",
    archive="cifar-10-binary.tar.gz",
    folder="cifar-10-batches-bin",
    batches={
        "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    meta="batches.meta.txt",
    n_label_bytes=1,
    n_classes=10,
    names=CLASSES,
    largest=10_000 * (1 + PIXELS),
)
CIFAR100 = Kind(
    name="cifar100",
    title="CIFAR-100",
    archive="cifar-100-binary.tar.gz",
    folder="cifar-100-binary",
    batches={"train": ("train.bin",), "test": ("test.bin",)},
    meta="fine_label_names.txt",
    n_label_bytes=2,
    n_classes=100,
    names=None,
    largest=50_000 * (2 + PIXELS),
)
KINDS = (CIFAR10, CIFAR100)


def find_folder(path: Path) -> Path | None:
    """The folder of batches in `path`: itself, or the one of the archive; None if there is none.

    Raises:
        InputError: a pickled version lies there, or STL-10, which has the same look and is not
            read.
    """
    for kind in KINDS:
        for folder in (path, path / kind.folder):
            if any(_is_batch(folder / name, kind) for name in kind.files):
                return folder
    for folder in (path, path / PICKLED_FOLDERS[0]):
        if any((folder / name).is_file() for name in PICKLED):
            raise InputError(f"{folder} {ADVICE.format(CIFAR10.archive)}")
    if all((path / "cifar-100-python" / name).is_file() for name in ("train", "meta")):
        raise InputError(f"{path / 'cifar-100-python'} {ADVICE.format(CIFAR100.archive)}")
    for folder in (path, path / "stl10_binary"):
        if any((folder / name).is_file() for name in STL10):
            raise InputError(f"{folder} {_stl10_cure()}")
    return None


def read_folder(folder: Path, request: Request) -> Reading:
    """The batches in a folder.

    Raises:
        InputError: a batch is missing or damaged.
    """
    kind = next(
        kind for kind in KINDS if any(_is_batch(folder / name, kind) for name in kind.files)
    )
    files = {name: folder / name for name in (*kind.files, kind.meta) if (folder / name).is_file()}
    contents = {name: _read_small(path, kind) for name, path in files.items()}
    return _read_batches(kind, contents, request, str(folder))


def read_batch_file(path: Path, request: Request) -> Reading:
    """A single batch, such as `test_batch.bin`; which set it is of, its length and its labels tell.

    Raises:
        InputError: damaged, no batch of either set, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    kind = _kind_of_batch(path)
    images, labels = _parse_batch(kind, _read_small(path, kind), str(path))
    meta = path.with_name(kind.meta)
    names = _label_names(kind, _read_small(meta, kind) if meta.is_file() else None, str(meta))
    return Reading(images, labels, names, path.stem, taken=(f"a batch of {kind.title}",))


def read_archive(path: Path, request: Request) -> Reading:
    """The archive as it is fetched; its members are read in memory, by exact name.

    Raises:
        InputError: damaged, an unsafe path inside, another archive, or a pickled version.
    """
    try:
        with tarfile.open(path) as archive:
            kind, contents = _read_members(archive, path)
    # MemoryError: a header that claims more than there is memory for.
    except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, MemoryError) as error:
        raise InputError(
            f"{path} is a damaged archive ({one_line(error)}): fetch it again"
        ) from error
    return _read_batches(kind, contents, request, str(path))


def _is_batch(path: Path, kind: Kind) -> bool:
    """Whether the file is there; of CIFAR-100, whose names are common, also its length."""
    return path.is_file() and (kind is CIFAR10 or path.stat().st_size % kind.record == 0)


def _kind_of_batch(path: Path) -> Kind:
    """The set that a batch is of."""
    size = path.stat().st_size
    fitting = [kind for kind in KINDS if size and size % kind.record == 0 and size <= kind.largest]
    for kind in fitting:
        if len(fitting) == 1 or _labels_fit(path, kind):
            return kind
    if path.name in CIFAR10.files or fitting:
        return fitting[0] if fitting else CIFAR10  # the parser says what is wrong with it
    if path.name in STL10 or (size and size % STL10_RECORD == 0):
        raise InputError(f"{path} {_stl10_cure()}")
    what = kind_of(start_of(path))
    lengths = " or ".join(f"{kind.record} ({kind.title})" for kind in KINDS)
    raise InputError(
        f"{path} is {what or 'no batch of CIFAR-10 or CIFAR-100'}: it has {size} bytes, expected "
        f"a multiple of {lengths}; save images as .npy or .npz"
    )


def _labels_fit(path: Path, kind: Kind) -> bool:
    records = np.memmap(path, np.uint8, "r").reshape(-1, kind.record)
    return bool((records[:, kind.n_label_bytes - 1] < kind.n_classes).all())


def _stl10_cure() -> str:
    return (
        "is STL-10's binary version, which is not read: "
        "save its images as [n, h, w, 3] and its labels in one .npz"
    )


def _read_members(archive: tarfile.TarFile, path: Path) -> tuple[Kind, dict[str, bytes]]:
    found: dict[str, dict[str, bytes]] = {kind.name: {} for kind in KINDS}
    for i, member in enumerate(archive):
        check_member_name(member.name, path)
        folder = str(PurePosixPath(member.name).parent)
        name = PurePosixPath(member.name).name
        if folder in PICKLED_FOLDERS or (folder == "." and name in PICKLED):
            kind = CIFAR100 if folder == "cifar-100-python" else CIFAR10
            raise InputError(f"{path} {ADVICE.format(kind.archive)}")
        wanted = [
            kind
            for kind in KINDS
            if name in (*kind.files, kind.meta) and folder in (kind.folder, ".")
        ]
        # Before the archive goes on: skipping a member means unpacking it.
        if member.size > (wanted[0].largest if wanted else CIFAR10.largest) or i >= MOST_MEMBERS:
            raise InputError(
                f"{path}: member {i + 1}, {member.name!r} of {member.size} bytes, does not belong "
                "to CIFAR-10 or CIFAR-100: expected "
                f"{' or '.join(kind.archive for kind in KINDS)}; unpack any other archive and "
                "give its folder"
            )
        stream = archive.extractfile(member) if member.isfile() and wanted else None
        if stream is not None:
            found[wanted[0].name][name] = stream.read()
    return next(
        (kind, found[kind.name]) for kind in reversed(KINDS) if found[kind.name] or kind is CIFAR10
    )


def _read_batches(
    kind: Kind, contents: Mapping[str, bytes], request: Request, source: str
) -> Reading:
    """Images and labels of the wanted splits, from the files' contents by name."""
    available = [
        split for split, names in kind.batches.items() if any(name in contents for name in names)
    ]
    if not available:
        files = "; ".join(f"{', '.join(kind.files)} of {kind.title}" for kind in KINDS)
        raise InputError(f"{source} holds no batch of CIFAR-10 or CIFAR-100: expected {files}")
    names = [
        name
        for split in choose_splits(request.split, available, source)
        for name in kind.batches[split]
    ]
    missing = [name for name in names if name not in contents]
    if missing:
        raise InputError(f"{source}: {', '.join(missing)} missing: unpack {kind.archive} again")
    parts = [_parse_batch(kind, contents[name], f"{source}/{name}") for name in names]
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    label_names = _label_names(kind, contents.get(kind.meta), f"{source}/{kind.meta}")
    return Reading(
        images, labels, label_names, kind.name, taken=(f"{kind.title}'s binary version",)
    )


def _parse_batch(kind: Kind, content: bytes, source: str) -> tuple[np.ndarray, np.ndarray]:
    if not content or len(content) % kind.record:
        raise InputError(
            f"{source} has {len(content)} bytes, expected a multiple of {kind.record}: cut short; "
            "fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, kind.record)
    labels = check_labels(
        records[:, kind.n_label_bytes - 1], len(records), source, n_classes=kind.n_classes
    )
    planes = records[:, kind.n_label_bytes :].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _label_names(kind: Kind, content: bytes | None, source: str) -> tuple[str, ...] | None:
    if content is None:
        return kind.names
    names = tuple(content.decode(errors="replace").split())
    if len(names) != kind.n_classes:
        raise InputError(
            f"{source}: expected the names of {kind.n_classes} classes, got {len(names)}: "
            "delete this file"
        )
    return names


def _read_small(path: Path, kind: Kind) -> bytes:
    if path.stat().st_size > kind.largest:
        raise InputError(
            f"{path} has {path.stat().st_size} bytes, a batch of {kind.title} at most "
            f"{kind.largest}: wrong file"
        )
    return path.read_bytes()
