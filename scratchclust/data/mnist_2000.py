"""The embedded part of MNIST: 2,000 of its test images, 28x28 grey.

MNIST is by Yann LeCun and Corinna Cortes, who hold its copyright, made from data sets of NIST; it
is given under the Creative Commons Attribution-Share Alike 3.0 licence, and so is this part of it.
Pixels and labels are theirs, unchanged: the first 2,000 of the order in which TensorFlow Datasets
keeps the test images, which is shuffled.

Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
recognition", 1998.
"""

from pathlib import Path

import numpy as np

from scratchclust.data.dataset import Reading, Request, choose_splits
from scratchclust.data.prepared import PreparedSet

FILE = Path(__file__).with_suffix(".npz")
NAME = FILE.stem


def read_mnist_2000(request: Request) -> Reading:
    """The images as uint8, white ink (255) on black (0), with their digits.

    Raises:
        InputError: a split was asked for; the set has none.
    """
    choose_splits(request.split, (), NAME)
    with np.load(FILE) as arrays:
        images = arrays["images"][..., None]
        labels = arrays["labels"].astype(np.int32)
    return Reading(images, labels, tuple("0123456789"), NAME)


def describe() -> PreparedSet:
    """Tell what `scratchclust data mnist_2000` shows: there is nothing to prepare."""
    reading = read_mnist_2000(Request())
    return PreparedSet(
        name=NAME,
        version="of scratchclust, from MNIST (CC BY-SA 3.0)",
        folder=None,
        n_images={"all": len(reading.images)},
        shape=reading.images.shape[1:],
        label_names=reading.label_names,
    )
