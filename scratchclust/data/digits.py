"""The embedded data set: scikit-learn's 1,797 handwritten digits of 8x8 pixels."""

from typing import Any

import numpy as np

from scratchclust.data.dataset import Reading, Request, choose_splits
from scratchclust.data.prepared import PreparedSet

STEP = 15  # a digit's ink, a whole number from 0 to 16, times this is its pixel


def read_digits(request: Request) -> Reading:
    """The digits as uint8: pixel = 15 * ink, with ink from 0 to 16.

    15 is the largest whole factor that fits in a byte. The ink comes back exactly as `images //
    15`, and every distance is exactly 15 times that of scikit-learn's array, so every clustering is
    the same; white is 240.

    Raises:
        InputError: a split was asked for; the set has none.
    """
    choose_splits(request.split, (), "digits")
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return Reading(
        images=(digits.images * STEP).astype(np.uint8)[..., None],
        labels=digits.target.astype(np.int32),
        label_names=tuple(str(name) for name in digits.target_names),
        name="digits",
    )


def describe() -> PreparedSet:
    """Tell what `scratchclust data digits` shows: there is nothing to prepare."""
    import sklearn

    reading = read_digits(Request())
    return PreparedSet(
        name="digits",
        version=f"scikit-learn {sklearn.__version__}",
        folder=None,
        n_images={"all": len(reading.images)},
        shape=reading.images.shape[1:],
        label_names=reading.label_names,
    )
