"""Folders of pictures: decoded by threads into one array; what is no picture is listed, skipped."""

import os
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np

from scratchclust.data.bars import track
from scratchclust.data.dataset import (
    Reading,
    Request,
    choose_splits,
    drawn_order,
    one_line,
)
from scratchclust.data.depth import tell_white, to_bytes, white_above
from scratchclust.data.known import Known
from scratchclust.data.layout import Layout, find_layout, in_words
from scratchclust.data.listing import is_run, list_files, natural_key
from scratchclust.data.pictures import (
    Picture,
    cure_of,
    decode,
    endings,
    is_grey,
    strict_pillow,
)
from scratchclust.data.signatures import kind_of, start_of
from scratchclust.errors import InputError

N_THREADS = min(8, os.cpu_count() or 1)  # Pillow decodes without holding Python's lock
LARGEST_UNASKED = 4 << 30  # bytes of pixels that are read without a size having been asked for


class _Depth:
    """An array that pictures are put into: those of 16 bits at the end, all on one scale."""

    def __init__(self) -> None:
        self.waiting: dict[int, np.ndarray] = {}  # 16-bit numbers [h, w], by the picture's place
        self.largest = 0  # of them all
        # the largest value of each picture that lost its lower eight bits
        self.upper_bytes: list[int] = []

    def put(self, picture: Picture, pixels: np.ndarray, place: int) -> None:
        if picture.is_upper_byte:
            self.upper_bytes.append(int(picture.pixels.max()))
        if picture.pixels.ndim == 3:
            pixels[place] = picture.pixels
            return
        self.waiting[place] = picture.pixels
        self.largest = max(self.largest, picture.largest)

    def finish(self, pixels: np.ndarray, source: str) -> list[str]:
        """Fill in the 16-bit pictures; gives what is to be told of their white."""
        words = []
        if self.waiting:
            white = white_above(self.largest)
            words.append(f"white at {white} ({white.bit_length()} bits)")
            tell_white(source, self.largest, white)
            for place, values in self.waiting.items():
                pixels[place] = to_bytes(values, white)[..., None]
        if self.upper_bytes and max(self.upper_bytes) < 64:  # 14 bits in 16, or fewer
            warnings.warn(
                f"{source}: {len(self.upper_bytes)} pictures of 16-bit colour reach "
                f"{max(self.upper_bytes)} of 255: if they hold fewer bits than 16, they are read "
                "too dark; save them with 8 bits a channel",
                stacklevel=2,
            )
        return words


def read_folder(folder: Path, request: Request) -> Reading:
    """Every picture below a folder, in natural order of their paths (img2 before img10).

    What the folders mean, `layout.find_layout` says: train, test and val (by their usual names) are
    splits, the folders below are classes, numbered in natural order. A picture beside the class
    folders has the label -1, not known. A folder without a readable picture is no class, nor is one
    alone. With a limit, what lies in classes is drawn by the seed, from all of them. Hidden files
    and the folders of runs are ignored, links are followed. The pictures are RGB unless all are
    grey.

    Raises:
        InputError: no picture, different sizes without `size`, the folder of a run, or with
            `strict` a file that cannot be read.
        PermissionError: a subfolder that cannot be listed.
    """
    if is_run(folder):
        raise InputError(
            f"{folder} is the folder of a run, its pictures are figures: give the folder of the "
            "pictures"
        )
    listing = list_files(folder)
    if not listing.files and not listing.unusable:
        raise InputError(
            f"{folder} is an empty folder, expected pictures: give the folder that holds them"
        )
    layout = find_layout(
        [path for path in listing.files if _is_utf8(path)] or listing.files, endings()
    )
    wanted = choose_splits(request.split, list(layout.splits), str(folder))
    known = Known(folder, request, listing)
    files = listing.files
    if layout.splits:
        for path in files if request.split == "all" else ():
            if not layout.split_of(path):
                known.skip(path, f"lies beside the splits {', '.join(layout.splits)}")
        files = [path for split in wanted for path in files if layout.split_of(path) == split]
    pixels, paths = _read(files, layout, known)
    labels, names = _labels(paths, layout, known)
    return Reading(
        images=pixels,
        labels=labels,
        label_names=names or None,
        name=folder.resolve().name,
        paths=tuple(paths),
        skipped=known.in_order(),
        taken=(
            f"{len(paths)} pictures of {len(listing.files)} files",
            *in_words(layout, names),
            *known.words,
        ),
    )


def read_picture_file(path: Path, request: Request) -> Reading:
    """A single picture, as a set of one.

    Raises:
        InputError: Pillow cannot read it, or a split was asked for.
    """
    choose_splits(request.split, (), str(path))
    try:
        with strict_pillow():
            picture = decode(path, request.size, request.fit)
    except Exception as error:
        raise InputError(
            f"{path} cannot be read ({_reason(error, path)}): expected IDX, .npy, .npz, the "
            "binary archives of CIFAR-10 and CIFAR-100, a picture, or a folder of pictures"
        ) from error
    depth = _Depth()
    rgb = np.empty((1, *picture.pixels.shape[:2], 3), np.uint8)
    depth.put(picture, rgb, 0)
    words = depth.finish(rgb, str(path))
    pixels = rgb[..., :1] if is_grey(rgb[0]) else rgb
    return Reading(pixels, None, None, path.stem, (path.name,), taken=("one picture", *words))


def _is_utf8(path: str) -> bool:
    # how Python holds the bytes that are not
    return not any("\udc80" <= letter <= "\udcff" for letter in path)


def _read(files: Sequence[str], layout: Layout, known: Known) -> tuple[np.ndarray, list[str]]:
    """Pixels [n h w 1 or 3] and paths of files, up to the limit, in natural order by split."""
    request = known.request
    is_drawn = request.limit is not None and bool(layout.names)
    tried = list(files)
    if is_drawn:
        order = drawn_order([layout.class_of(path) for path in files], request.seed)
        tried = [files[int(i)] for i in order]
    pixels, paths = _fill(tried, known)
    if is_drawn:
        places = {path: i for i, path in enumerate(files)}
        sorting = sorted(range(len(paths)), key=lambda i: places[paths[i]])
        pixels = pixels[sorting]
        paths = [paths[i] for i in sorting]
    return pixels[..., :1] if all(map(is_grey, pixels)) else pixels, paths


def _fill(tried: Sequence[str], known: Known) -> tuple[np.ndarray, list[str]]:
    """Pixels [n h w 3] and paths of the first files, up to the limit, that are pictures."""
    folder = known.folder
    request = known.request
    n_wanted = min(len(tried), request.limit or len(tried))
    pixels = None
    depth = _Depth()
    paths: list[str] = []
    with strict_pillow(), closing(_decode_all(folder, tried, request)) as results:
        for path, found in track(
            results, n_wanted, "reading pictures", verbose=request.verbose, tell=request.tell
        ):
            if isinstance(found, str):
                known.skip(path, found)
                continue
            shape = (*found.pixels.shape[:2], 3)
            if pixels is None:
                pixels = _allocate(n_wanted, shape, folder, request)
            if shape != pixels.shape[1:]:
                raise InputError(_mixed_sizes(folder, paths[0], pixels.shape, path, shape))
            depth.put(found, pixels, len(paths))
            paths.append(path)
            if len(paths) == n_wanted:
                break
    if pixels is None:
        raise InputError(known.why_none())
    known.warn()
    pixels = pixels[: len(paths)]
    known.words += depth.finish(pixels, str(folder))
    return pixels, paths


def _labels(
    paths: Sequence[str], layout: Layout, known: Known
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The labels of the pictures, -1 beside class folders, and the classes' names; or None, ()."""
    classes = [layout.class_of(path) for path in paths]
    # Only what was tried and found to be no picture takes a class away: with a limit or a split,
    # others are not tried.
    without = {layout.class_of(file.path) for file in known.skipped} - {*classes}
    names = tuple(sorted({*layout.names, *classes} - without - {""}, key=natural_key))
    if len(names) < 2 or not any(classes):
        return None, ()
    number = {name: i for i, name in enumerate(names)}
    labels = np.array([number.get(name, -1) for name in classes], np.int32)
    beside = [path for path, label in zip(paths, labels, strict=True) if label < 0]
    if beside:
        words = (
            f"{len(beside)} pictures beside the class folders have no label (-1), first {beside[0]}"
        )
        known.words.append(words)
        warnings.warn(f"{known.folder}: {words}", stacklevel=2)
    return labels, names


def _decode_all(
    folder: Path, files: Sequence[str], request: Request
) -> Generator[tuple[str, Picture | str]]:
    """For each file its pixels, or the reason why there are none."""

    def attempt(path: str) -> Picture | str:
        if not _is_utf8(path):
            return "its name is not UTF-8, so that no report could name it: rename it"
        try:
            return decode(folder / path, request.size, request.fit)
        # Pillow's decoders raise nearly anything on a damaged file (OSError, SyntaxError,
        # struct.error, ...).
        except Exception as error:
            return _reason(error, folder / path)

    pool = ThreadPoolExecutor(N_THREADS)
    try:
        # By windows: decoding must not run far ahead of the caller, who may stop or run short of
        # memory.
        for start in range(0, len(files), 16 * N_THREADS):
            window = files[start : start + 16 * N_THREADS]
            yield from zip(window, pool.map(attempt, window), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _allocate(n: int, shape: tuple[int, ...], folder: Path, request: Request) -> np.ndarray:
    n_bytes = n * int(np.prod(shape))
    if request.size is None and n_bytes > LARGEST_UNASKED:
        raise InputError(
            f"{folder}: {n} pictures of {shape[0]}x{shape[1]} pixels would take "
            f"{n_bytes / 2**30:.1f} GiB of memory: give a size, for example size=64"
        )
    return np.empty((n, *shape), np.uint8)


def _mixed_sizes(
    folder: Path, first: str, shape: tuple[int, ...], other: str, found: tuple[int, ...]
) -> str:
    return (
        f"{folder / other} has {found[0]}x{found[1]} pixels (height x width), but {first} has "
        f"{shape[1]}x{shape[2]}: give one size for all, for example size=64"
    )


def _reason(error: BaseException, path: Path) -> str:
    # Pillow's own message repeats the path.
    if type(error).__name__ == "UnidentifiedImageError":
        kind = kind_of(start_of(path))
        told = f": it is {kind}" if kind else ""
        cure = cure_of(kind)
        return f"not a format that Pillow reads{told}{cure and f'; {cure}'}"
    return one_line(error)
