"""Labels of pictures from a CSV file: a column of images, a column of labels."""

import os
from collections.abc import Sequence

import numpy as np
from jaxtyping import Int32


def read_labels(
    path: str | os.PathLike[str], paths: Sequence[str] | int
) -> tuple[Int32[np.ndarray, " n"], tuple[str, ...]]:
    """The labels of images from a CSV file.

    Args:
        path: the CSV file, with the columns image and label.
        paths: of the pictures, as in `Dataset.paths`; or how many images there are, where they are
            called by their numbers from 0.

    Returns:
        Labels, -1 where the file names none, and what they are called.
    """
    raise NotImplementedError
