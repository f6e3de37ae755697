"""`load`: from a name or a path to a `Dataset`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scratchclust.checks import that_is
from scratchclust.data.dataset import (
    Dataset,
    Fit,
    Reading,
    Request,
    check_fit,
    check_limit,
    check_size,
    expand_home,
)
from scratchclust.data.finishing import finish
from scratchclust.errors import InputError

if TYPE_CHECKING:
    from scratchclust.data.prepared import PreparedSet

CHANNELS = that_is("1 (grey), 3 (RGB) or None (as they are)", lambda value: value in (None, 1, 3))


def load(
    name_or_path: str | os.PathLike[str],
    *,
    split: str = "all",
    limit: int | None = None,
    size: int | tuple[int, int] | None = None,
    fit: Fit = "crop",
    channels: int | None = None,
    strict: bool = False,
    data_dir: str | os.PathLike[str] | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    verbose: bool = False,
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
    memory_map: str | os.PathLike[str] | None = None,
) -> Dataset:
    """Read a data set, a file or a folder of pictures.

    What exists as a path is read as a file or folder: IDX (the format of MNIST, EMNIST and QMNIST),
    `.npy`, `.npy.gz`, `.npz`, a folder with trainX.npy (and testX.npy, valX.npy, and the same with
    a Y for labels), the binary versions of CIFAR-10 and CIFAR-100, pictures. Any other name without
    a path separator is a data set: `digits` and `mnist_2000` (embedded) or one prepared with
    TensorFlow Datasets, such as `mnist`, `fashion_mnist`, `cifar10`. A version may follow
    (`mnist:3.0.1`), and a prepared set's configuration too (`cifar10_corrupted/fog_1`).

    Args:
        name_or_path: the name or path.
        split: "train", "test", another split that the set has, or "all": train, then test, then the
            others.
        limit: only so many images: the first, but where they lie class by class (class folders,
            sorted labels) a sample over all classes.
        size: bring every image to this height and width (pixels), or to (height, width), bilinearly
            with antialiasing. None: leave the size, which must then be the same for all.
        fit: how an image of other proportions comes to that size: "crop" takes the largest centred
            part that has them, "pad" the whole image, centred on black, "squeeze" the whole image,
            its proportions given up.
        channels: 1 turns colour into luma grey, 3 repeats grey; None leaves what there is.
        strict: refuse a folder that holds files which are no readable pictures, instead of skipping
            them.
        data_dir: where prepared data sets lie; default the environment's TFDS_DATA_DIR, or
            ~/tensorflow_datasets.
        cache_dir: where decoded data sets are kept; default the environment's SCRATCHCLUST_CACHE,
            or the user's cache.
        verbose: show progress of slow reading on standard error.
        seed: decides which images that sample holds.
        tell: called with a line that says how far slow reading has come, a few times a second, in
            place of `verbose`.
        memory_map: a .npy file for pixels that are more than `stores.MAPPED_ABOVE` (1 GiB): those
            of pictures are written to it as they are decoded, so that memory holds few of them,
            however many there are. The images are then a map of it that is only read, or, where
            nothing is to be done to them, of the file that they come from. None: all in memory.

    Returns:
        A `Dataset`. Its images are a new array that the caller may change, unless it is a map; its
        `taken` says in one line what was taken for what.

    Raises:
        InputError: nothing of that name, or something that cannot be used, or no room for the
            pixels; the line says which file and what to do.
        OSError: the disk is full, while they are written.
    """
    CHANNELS("channels", channels)
    pair = check_size(size)
    request = Request(
        split,
        check_limit(limit),
        pair,
        strict,
        verbose,
        seed,
        tell,
        check_fit(fit, pair),
        None if memory_map is None else expand_home(memory_map),
    )
    reading = read(name_or_path, request, data_dir, cache_dir)
    return finish(reading, request, channels, os.fspath(name_or_path))


def prepare(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    verbose: bool = False,
) -> "PreparedSet":
    """Check a data set that is there, or prepare it: with the extra `prepare`, and a network.

    Args:
        name: a data set of TensorFlow Datasets, `digits` or `mnist_2000`.
        data_dir: as in `load`.
        verbose: show TensorFlow Datasets' progress.

    Raises:
        InputError: it cannot be prepared here; the line says what to install or which files to put
            where.
    """
    if name == "digits":
        from scratchclust.data.digits import describe

        return describe()
    if name == "mnist_2000":
        from scratchclust.data.mnist_2000 import describe

        return describe()
    from scratchclust.data.preparing import check_or_prepare

    return check_or_prepare(name, data_dir=data_dir, verbose=verbose)


def read(
    name_or_path: str | os.PathLike[str],
    request: Request,
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
) -> Reading:
    """What the reader of a name or a path finds, before `load` finishes it.

    Raises:
        InputError: as from `load`.
    """
    with named_if_forbidden():
        return _read(name_or_path, request, data_dir, cache_dir)


@contextmanager
def named_if_forbidden() -> Iterator[None]:
    """Inside, a file or folder that may not be read ends in an InputError that names it."""
    try:
        yield
    except PermissionError as error:
        raise InputError(
            f"{error.filename}: no permission to read it: change its rights or give another path"
        ) from error


def _read(
    name_or_path: str | os.PathLike[str],
    request: Request,
    data_dir: str | os.PathLike[str] | None,
    cache_dir: str | os.PathLike[str] | None,
) -> Reading:
    if not os.fspath(name_or_path):
        raise InputError("the name of the data is empty: give a data set's name or a path")
    path = expand_home(name_or_path)
    if _exists(path):
        from scratchclust.data.formats import read_path

        return read_path(path, request)
    from scratchclust.data.prepared import NAME, is_prepared

    name = os.fspath(name_or_path)
    if isinstance(name_or_path, os.PathLike) or (
        os.sep in name and not is_prepared(name, data_dir)
    ):
        known = (
            " (a prepared data set's configuration is named like this too: "
            "`scratchclust data NAME` prepares it)"
        )
        raise InputError(
            f"{name}: no such file or folder: check the path{known if NAME.fullmatch(name) else ''}"
        )
    if name == "digits":
        from scratchclust.data.digits import read_digits

        return read_digits(request)
    if name == "mnist_2000":
        from scratchclust.data.mnist_2000 import read_mnist_2000

        return read_mnist_2000(request)
    from scratchclust.data.tfds import read_tfds

    return read_tfds(name, request, data_dir, cache_dir)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        raise
    except OSError:  # no possible path: a name that is too long
        return False
