"""What is known of a few named data sets before one of their images is read."""

import os
from typing import NamedTuple


class KnownSet(NamedTuple):
    """The images of a data set.

    Attributes:
        shape: (height, width, channels).
        n_images: by split.
        n_classes: of the labels 0, 1, ...
    """

    shape: tuple[int, int, int]
    n_images: dict[str, int]
    n_classes: int

    def n_of(self, split: str) -> int | None:
        """The number of images of a split, of "all" of them too; None of one that is not known."""
        return sum(self.n_images.values()) if split == "all" else self.n_images.get(split)


_OF_MNIST = KnownSet((28, 28, 1), {"train": 60_000, "test": 10_000}, 10)
KNOWN_SETS = {
    "digits": KnownSet((8, 8, 1), {"all": 1_797}, 10),
    "mnist_2000": KnownSet((28, 28, 1), {"all": 2_000}, 10),
    "mnist": _OF_MNIST,
    "fashion_mnist": _OF_MNIST,
    "cifar10": KnownSet((32, 32, 3), {"train": 50_000, "test": 10_000}, 10),
}


def known_set(name: str) -> KnownSet | None:
    """The data set of a name; None of others, and where a file or folder of that name is read."""
    return None if os.path.lexists(name) else KNOWN_SETS.get(name)
