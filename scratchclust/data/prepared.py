"""Data sets that TensorFlow Datasets prepared: where they lie, what they hold, and what to do where
one is missing. `preparing.py` makes them.
"""

import difflib
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from scratchclust.data.dataset import expand_home, one_line
from scratchclust.errors import InputError

VERSION = re.compile(r"\d+\.\d+\.\d+")
NAME = re.compile(r"(?P<name>[A-Za-z]\w*(/[A-Za-z0-9_][\w.-]*)?)(:(?P<version>\d+\.\d+\.\d+))?")
LONGEST_NAME = 200  # letters; file systems allow 255 bytes
INSTALL_TO_READ = "`pip install --force-reinstall tensorflow-datasets array-record` (on Linux)"
INSTALL_TO_PREPARE = '`pip install -e ".[prepare]"` in the checkout of scratchclust'
# For names that were meant, where TensorFlow Datasets cannot be asked for its own list.
WELL_KNOWN = (
    "digits",
    "mnist_2000",
    "mnist",
    "fashion_mnist",
    "kmnist",
    "emnist",
    "qmnist",
    "cifar10",
    "cifar100",
    "svhn_cropped",
    "stl10",
    "cats_vs_dogs",
    "tf_flowers",
    "oxford_flowers102",
    "oxford_iiit_pet",
    "omniglot",
    "food101",
    "eurosat",
    "horses_or_humans",
    "rock_paper_scissors",
    "imagenette",
)
IDX_SETS = ("mnist", "fashion_mnist", "kmnist")
IDX_FILES = (
    "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, "
    "t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz"
)


class PreparedSet(NamedTuple):
    """What `scratchclust data NAME` tells of a data set that can be loaded."""

    name: str
    version: str
    folder: Path | None  # None: embedded
    n_images: dict[str, int]  # by split
    shape: tuple[int | None, ...]  # (height, width, channels) of an image; None where it varies
    label_names: tuple[str, ...] | None

    @property
    def n_classes(self) -> int | None:
        """The number of classes; None for a set without labels."""
        return None if self.label_names is None else len(self.label_names)


def data_root(data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Where prepared sets lie: the argument, TFDS_DATA_DIR, or TensorFlow Datasets' own default."""
    return expand_home(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def find_prepared(name: str, data_dir: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder of a prepared set, `name`, `name/configuration`, `name:1.2.3`; None without one.

    Without a version it is the newest; without a configuration the only one that is there.

    Raises:
        InputError: no possible name of a data set, or several configurations to choose from.
    """
    match = NAME.fullmatch(name)
    if match is None or len(name) > LONGEST_NAME:
        raise InputError(
            f"{name!r} is neither a file, a folder, nor a possible name of a data set: check it"
        )
    folder = data_root(data_dir) / match["name"]
    found = _versions(folder, match["version"])
    if not found:
        configurations = {
            path.parent.name: _versions(path.parent, match["version"])
            for path in folder.glob("*/*.*.*")
        }
        configurations = {key: versions for key, versions in configurations.items() if versions}
        if len(configurations) > 1:
            choices = ", ".join(f"{match['name']}/{key}" for key in sorted(configurations))
            raise InputError(f"{name} is prepared in several configurations: name one of {choices}")
        found = next(iter(configurations.values()), [])
    return max(
        found, key=lambda path: [int(number) for number in path.name.split(".")], default=None
    )


def is_prepared(name: str, data_dir: str | os.PathLike[str] | None = None) -> bool:
    """Whether this is the name of a prepared set, and not a path that looks like one."""
    possible = NAME.fullmatch(name) is not None and len(name) <= LONGEST_NAME
    return possible and find_prepared(name, data_dir) is not None


def splits_of(folder: Path) -> dict[str, int]:
    """The splits of a prepared set, with their numbers of images.

    Raises:
        InputError: its description is damaged, or it is in a format that only TensorFlow reads.
    """
    info_file = folder / "dataset_info.json"
    try:
        info: dict[str, Any] = json.loads(info_file.read_text(encoding="utf-8"))
        splits = {split["name"]: sum(map(int, split["shardLengths"])) for split in info["splits"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{info_file} is damaged ({error!r}): delete {folder} and prepare the set again"
        ) from error
    if info.get("fileFormat") != "array_record":
        raise InputError(
            f"{folder} is in the format {info.get('fileFormat')!r}, expected array_record, which "
            "needs no TensorFlow: move it away and prepare the set again with `scratchclust data "
            "NAME`"
        )
    return splits


def name_of(folder: Path, root: Path) -> str:
    """The name of a prepared set, without its version: `name` or `name/configuration`."""
    return folder.parent.relative_to(root).as_posix()


def fingerprint(folder: Path) -> str:
    """SHA-256 of a set's description and its files' names, sizes and times, not of contents."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        # not sizes alone: records are padded, and a set prepared anew may well have the old ones
        status = path.stat()
        digest.update(f"{path.name} {status.st_size} {status.st_mtime_ns}\n".encode())
        if path.suffix == ".json":
            digest.update(path.read_bytes())
    return digest.hexdigest()


def why_no_tfds() -> str | None:
    """None if TensorFlow Datasets can be imported, else what is wrong: it is missing, or broken."""
    try:
        import tensorflow_datasets  # noqa: F401
    # Broken: what it imports in turn is missing or of a version that it does not bear, and that
    # fails in many ways.
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and error.name == "tensorflow_datasets":
            return "is not installed"
        return f"cannot be imported ({type(error).__name__}: {one_line(error)})"
    return None


def missing(name: str, root: Path) -> InputError:
    """The error for a set that is not there: what was looked for, and every way to get it."""
    if error := unknown(name):
        return error
    problem = why_no_tfds()
    problem = f" (and TensorFlow Datasets, which runs on Linux, {problem})" if problem else ""
    prepare = f"run `scratchclust data {name}`, which needs a network and {INSTALL_TO_PREPARE}"
    return InputError(
        f"{name!r} is not prepared in {root}{problem}: {ways_to(prepare, name, root)}"
    )


def ways_to(first: str, name: str, root: Path) -> str:
    """The first way to a set, and for the well-known ones the way without TensorFlow."""
    base = name.split(":")[0]
    if base == "cifar10":
        archive = "CIFAR-10's binary version, cifar-10-binary.tar.gz"
        return f"{first}; or fetch {archive}, and give its path instead"
    return f"{first}; or {_idx_way(root)}" if base in IDX_SETS else first


def unknown(name: str) -> InputError | None:
    """The error for a name that TensorFlow Datasets does not know; None if it may know it."""
    base = re.split("[:/]", name)[0]
    try:
        import tensorflow_datasets as tfds

        known = tfds.list_builders(with_community_datasets=False)
        is_complete = True
    except Exception:  # `why_no_tfds` tells; a name that looks like another can be told without it
        known = [*WELL_KNOWN]
        is_complete = False
    similar = difflib.get_close_matches(
        base, ["digits", "mnist_2000", *known], n=3, cutoff=0.6 if is_complete else 0.75
    )
    if base in known or not (similar or is_complete):
        return None
    meant = ", ".join(dict.fromkeys(similar))
    hint = f", did you mean {meant}?" if similar else ": give a data set's name or an existing path"
    what = "no data set of TensorFlow Datasets" if is_complete else "no well-known data set"
    return InputError(f"{name!r} is no file or folder here and {what}{hint}")


def _idx_way(root: Path) -> str:
    from scratchclust.data import idx

    try:
        there = idx.find_folder(root)
    except InputError:  # several sets lie there
        there = root / "NAME"
    if there is not None:
        return f"give the folder of IDX files that is there, {there}, instead of the name"
    return f"put {IDX_FILES} into a folder and give its path instead of the name"


def _versions(folder: Path, version: str | None) -> list[Path]:
    """The prepared versions in a folder, or only the one that is wanted."""
    found = [
        path.parent
        for path in folder.glob("*/dataset_info.json")
        if VERSION.fullmatch(path.parent.name)
    ]
    return [path for path in found if version in (None, path.name)]
