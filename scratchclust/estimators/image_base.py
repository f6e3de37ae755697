"""What the estimators that take images share: checks of their own, and what scikit-learn asks."""

from typing import Any

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator


def check_images(X: Any, *, like_fit: tuple[int, ...] | None = None) -> np.ndarray:
    """Give images [n h w c] as a NumPy array.

    Raises:
        InputError: another number of dimensions, no image, no real numbers, or another size or
            channels than in fit.
    """
    images = np.asarray(X)
    if images.ndim != 4 or 0 in images.shape:
        raise InputError(
            f"expected images of shape [n, height, width, channels], got {list(images.shape)}: "
            "give grey images a last axis with images[..., None]"
        )
    if images.dtype.kind not in "buif":
        raise InputError(
            f"expected images of uint8, or of float in [0, 1], got {images.dtype}: "
            "bring them to one of these"
        )
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError("the images hold NaN or infinity: drop or fill those pixels first")
    if like_fit is not None and images.shape[1:] != like_fit:
        raise InputError(
            f"expected images of {list(like_fit)} (height, width, channels) as in fit, "
            f"got {list(images.shape[1:])}: bring them to that shape first"
        )
    return images


class ImageFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, Estimator):
    """Base of the estimators that take images [n h w c], which scikit-learn's own checks do not
    know.
    """

    n_features_out_: int

    @property
    def _n_features_out(self) -> int:
        return self.n_features_out_

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = False
        return tags
