"""What the folders above pictures mean, by paths alone: a wrapper around all, splits, classes."""

import os
from collections.abc import Sequence
from typing import NamedTuple

from scratchclust.data.dataset import choose_splits
from scratchclust.data.listing import natural_key

SPLIT_NAMES = {  # in any case
    "train": "train",
    "training": "train",
    "test": "test",
    "testing": "test",
    "val": "val",
    "valid": "val",
    "validation": "val",
}
MOST_NAMED = 4  # classes, or runs, in the line that tells what was taken for what


class Layout(NamedTuple):
    """Which folders are splits and which are classes."""

    # the folders around everything that were looked through, "" or such as "photos/2024/"
    wrapper: str
    # the folders of each split, as "photos/train/"; empty if it is not divided
    splits: dict[str, tuple[str, ...]]
    level: int  # at which class folders lie: 0 is the folder itself
    names: tuple[str, ...]  # of the classes, in natural order; empty unless there are two

    def class_of(self, path: str) -> str:
        """The class of a file, "" if it lies above the class folders."""
        return folder_at(path, self.level) if self.names else ""

    def split_of(self, path: str) -> str:
        """The split of a file, "" if it lies beside them all."""
        return next(
            (split for split, folders in self.splits.items() if path.startswith(folders)), ""
        )


def find_layout(files: Sequence[str], endings: frozenset[str]) -> Layout:
    """What the folders mean.

    A folder that alone holds all pictures is looked through, unless it is named like a split.
    Folders named like two splits are splits, and so is one that is alone; below them there may be
    another wrapper, the same in all. The folders that then follow are the classes, if there are
    two.

    Args:
        files: paths with `/`.
        endings: what the names of pictures end in, such as ".png"; other files decide nothing, but
            those without.
    """
    decisive = endings | {""}
    likely = [path for path in files if suffix_of(path) in decisive] or list(files)
    level = _through_wrappers(likely, 0)
    wrapper = "".join(f"{part}/" for part in likely[0].split("/")[:level]) if likely else ""
    folders = {folder_at(path, level) for path in likely} - {""}
    named = {name for name in folders if name.casefold() in SPLIT_NAMES}
    splits: dict[str, tuple[str, ...]] = {}
    if len({SPLIT_NAMES[name.casefold()] for name in named}) > 1 or (named and named == folders):
        for name in sorted(named, key=natural_key):
            split = SPLIT_NAMES[name.casefold()]
            splits[split] = (*splits.get(split, ()), f"{wrapper}{name}/")
        splits = {split: splits[split] for split in choose_splits("all", list(splits), "")}
        likely = [path for path in likely if folder_at(path, level) in named]
        level = _through_wrappers(likely, level + 1)
    names = sorted({folder_at(path, level) for path in likely} - {""}, key=natural_key)
    return Layout(wrapper, splits, level, tuple(names) if len(names) > 1 else ())


def suffix_of(path: str) -> str:
    """What a path's name ends in, in small letters, with the dot; "" if in nothing."""
    suffix = os.path.splitext(path)[1].lower()
    return "" if suffix == "." else suffix


def folder_at(path: str, level: int) -> str:
    """The name of the folder at this level, "" if the file lies above it."""
    parts = path.split("/")
    return parts[level] if len(parts) > level + 1 else ""


def in_words(layout: Layout, names: Sequence[str]) -> list[str]:
    """What was taken for what, for people: wrapper, splits, and the classes of these names."""
    words = [f"looked through {layout.wrapper}"] if layout.wrapper else []
    if layout.splits:
        splits = (f"{split} ({', '.join(folders)})" for split, folders in layout.splits.items())
        words.append(f"splits {', '.join(splits)}")
    if not names:
        return [*words, "no classes"]
    more = ", ..." if len(names) > MOST_NAMED else ""
    return [*words, f"{len(names)} classes by folder ({', '.join(names[:MOST_NAMED])}{more})"]


def _through_wrappers(files: Sequence[str], level: int) -> int:
    """The first level at which not all files lie in one folder, or in one named like a split."""
    while len(folders := {folder_at(path, level) for path in files}) == 1:
        folder = next(iter(folders))
        if not folder or folder.casefold() in SPLIT_NAMES:
            break
        level += 1
    return level
