"""Images in: `load` reads a data set's name, a file or a folder of pictures into one uint8 array.

Nothing heavy is imported here; scikit-learn, TensorFlow Datasets and Pillow are loaded by the
reader that needs them.
"""

from scratchclust.data.dataset import (
    Dataset,
    SkippedFile,
    drawn_order,
    is_class_by_class,
    pixels_sha256,
)
from scratchclust.data.loading import load, prepare

__all__ = [
    "Dataset",
    "SkippedFile",
    "drawn_order",
    "is_class_by_class",
    "load",
    "pixels_sha256",
    "prepare",
]
