"""Folders of pictures: decoded by threads into one array; what is no picture is listed, skipped."""

import warnings
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from scratchclust.data.bars import track
from scratchclust.data.dataset import Reading, Request, choose_splits, drawn_order
from scratchclust.data.decoding import decode_all, is_utf8, why_unreadable
from scratchclust.data.gathering import Gathered
from scratchclust.data.known import Known, note_of
from scratchclust.data.layout import Layout, find_layout, in_words
from scratchclust.data.listing import is_run, list_files, natural_key
from scratchclust.data.pictures import decode, endings, strict_pillow
from scratchclust.errors import InputError


class Listed(NamedTuple):
    """What of a folder is to be read."""

    files: list[str]
    layout: Layout
    known: Known


def read_folder(folder: Path, request: Request) -> Reading:
    """Every picture below a folder, in natural order of their paths (img2 before img10).

    What the folders mean, `layout.find_layout` says: train, test and val (by their usual names) are
    splits, the folders below are classes, numbered in natural order. A picture beside the class
    folders has the label -1, not known. A folder without a readable picture is no class, nor is one
    alone. With a limit, what lies in classes is drawn by the seed, from all of them. Hidden files,
    what systems and archives leave behind (`listing.LEFT_BEHIND`) and the folders of runs are
    ignored, links are followed. The pictures are RGB unless all are grey.

    Raises:
        InputError: no picture, different sizes without `size`, the folder of a run, or with
            `strict` a file that cannot be read.
        PermissionError: a subfolder that cannot be listed.
    """
    files, layout, known = listed(folder, request)
    pixels, sizes, paths = _read(files, layout, known)
    labels, names = _labels(paths, layout, known)
    return Reading(
        images=pixels,
        labels=labels,
        label_names=names or None,
        name=folder.resolve().name,
        paths=tuple(paths),
        skipped=known.in_order(),
        taken=(
            f"{len(paths)} pictures of {known.n_listed} files",
            *in_words(layout, names),
            *known.words,
        ),
        original_sizes=sizes,
        notes=known.notes(),
    )


def listed(folder: Path, request: Request) -> Listed:
    """The files of the wanted splits, in natural order, and what their folders mean.

    Raises:
        InputError: the folder of a run, an empty one, or one without that split.
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
        [path for path in listing.files if is_utf8(path)] or listing.files, endings()
    )
    wanted = choose_splits(request.split, list(layout.splits), str(folder))
    known = Known(folder, request, listing)
    files = listing.files
    if layout.splits:
        for path in files if request.split == "all" else ():
            if not layout.split_of(path):
                known.skip(path, f"lies beside the splits {', '.join(layout.splits)}")
        files = [path for split in wanted for path in files if layout.split_of(path) == split]
    return Listed(files, layout, known)


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
            f"{path} cannot be read ({why_unreadable(error, path)}): expected IDX, .npy, .npz, the "
            "binary archives of CIFAR-10 and CIFAR-100, a picture, or a folder of pictures"
        ) from error
    gathered = Gathered(path, 1, request)
    gathered.add(path.name, picture)
    pixels, sizes = gathered.finish()
    notes = [note_of(picture.more, 1, [path.name])] if picture.more else []
    return Reading(
        images=pixels,
        labels=None,
        label_names=None,
        name=path.stem,
        paths=(path.name,),
        taken=("one picture", *gathered.words),
        original_sizes=sizes,
        notes=tuple(notes),
    )


def _read(files: Sequence[str], layout: Layout, known: Known) -> tuple[Any, Any, list[str]]:
    """Pixels [n h w 1 or 3], sizes in the files [n 2] and paths, up to the limit, in natural order
    by split.
    """
    request = known.request
    is_drawn = request.limit is not None and bool(layout.names)
    tried = list(files)
    if is_drawn:
        order = drawn_order([layout.class_of(path) for path in files], request.seed)
        tried = [files[int(i)] for i in order]
    gathered = Gathered(known.folder, min(len(tried), request.limit or len(tried)), request)
    try:
        _fill(gathered, tried, known)
        places = None
        if is_drawn:
            rank = {path: i for i, path in enumerate(files)}
            places = sorted(
                range(len(gathered.paths)), key=lambda place: rank[gathered.paths[place]]
            )
        pixels, sizes = gathered.finish(places)
    except BaseException:
        gathered.discard()
        raise
    known.words += gathered.words
    return pixels, sizes, gathered.paths


def _fill(gathered: Gathered, tried: Sequence[str], known: Known) -> None:
    """Gather the first files that are pictures, up to the limit."""
    request = known.request
    n_wanted = min(len(tried), request.limit or len(tried))
    with strict_pillow(), closing(decode_all(known.folder, tried, request)) as results:
        for path, found in track(
            results, n_wanted, "reading pictures", verbose=request.verbose, tell=request.tell
        ):
            if isinstance(found, str):
                known.skip(path, found)
                continue
            gathered.add(path, found)
            if found.more:
                known.note(found.more, path)
            if len(gathered.paths) == n_wanted:
                break
    if not gathered.paths:
        raise InputError(known.why_none())
    known.warn()


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
