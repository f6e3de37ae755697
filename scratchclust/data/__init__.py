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
from scratchclust.data.label_files import read_labels
from scratchclust.data.loading import load, prepare
from scratchclust.data.looking import Look, look

__all__ = [
    "Dataset",
    "Look",
    "SkippedFile",
    "drawn_order",
    "is_class_by_class",
    "load",
    "look",
    "pixels_sha256",
    "prepare",
    "read_labels",
]
