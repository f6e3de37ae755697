"""The pixels of images as features, over the functions of `scratchclust.features.pixels`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, nothing, one_of, whole
from scratchclust.data.preprocessing import flatten, standardise
from scratchclust.errors import InputError
from scratchclust.estimators.base import like
from scratchclust.estimators.image_base import ImageFeatures, check_images
from scratchclust.features.pixels import COLORS, pixels


class PixelFeatures(ImageFeatures):
    """The pixels of an image as one vector of float32.

    Args:
        color: "rgb" keeps the channels as they are; "luma" (0.299 r + 0.587 g + 0.114 b) and "mean"
            make grey.
        scale: "unit" gives [0, 1], "symmetric" [-1, 1], "standard" mean 0 and variance 1 of each
            feature over the images of the fit (a constant feature becomes 0).
        size: height and width to resize to; None keeps the images' own, which must then be those of
            the fit.

    Attributes:
        image_shape_: (height, width, channels) of the images that the vectors stand for.
        input_shape_: (height, width, channels) of the images of the fit.
        mean_, scale_: [d], what "standard" subtracts and divides by; None otherwise.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "color": one_of(*COLORS),
        "scale": one_of("unit", "symmetric", "standard"),
        "size": nothing | whole(1),
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(self, color: str = "rgb", scale: str = "unit", size: int | None = None) -> None:
        self.color = color
        self.scale = scale
        self.size = size

    def fit(self, X: Any, y: Any = None) -> "PixelFeatures":
        """Learn the shape of the images X [n h w c], and for "standard" their mean and scale; y is
        ignored.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Do `fit` and `transform` in one go over the images; y is ignored."""
        return like(X, self._fit(X))

    def transform(self, X: Any) -> Any:
        """Give images X [n h w c], uint8 or float in [0, 1], as vectors [n d] of float32.

        Raises:
            InputError: X are no images, or (with size=None) not of the shape of the fit.
        """
        check_is_fitted(self, "image_shape_")
        like_fit = self.input_shape_ if self.size is None else None
        images = self._prepare(check_images(X, like_fit=like_fit))
        if images.shape[1:] != self.image_shape_:
            raise InputError(
                f"expected {self.image_shape_[2]} channels as in fit, got {images.shape[3]}"
            )
        return like(X, self._standardise(flatten(images)))

    def inverse_transform(self, X: Any) -> Any:
        """Give vectors X [n d] as images [n h w c] of float32 in [0, 1], clipped to that range.

        Raises:
            InputError: no vectors, or of another length than those of the fit.
        """
        check_is_fitted(self, "image_shape_")
        vectors = np.asarray(X, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self._n_features_out:
            shape = f"[n, {self._n_features_out}]"
            raise InputError(
                f"expected vectors of shape {shape}, got {list(vectors.shape)}: "
                "give what transform gave"
            )
        if self.mean_ is not None and self.scale_ is not None:
            vectors = vectors * self.scale_ + self.mean_
        if self.scale == "symmetric":
            vectors = (vectors + 1) / 2
        return like(X, np.clip(vectors, 0, 1).astype(np.float32).reshape(-1, *self.image_shape_))

    def _fit(self, X: Any) -> np.ndarray:
        self._checked()
        images = check_images(X)
        prepared = self._prepare(images)
        self.input_shape_ = tuple(images.shape[1:])
        self.image_shape_ = tuple(prepared.shape[1:])
        vectors = flatten(prepared)
        self.mean_ = self.scale_ = None
        if self.scale == "standard":
            vectors, mean, scale = standardise(vectors)
            self.mean_ = mean.astype(np.float32)
            self.scale_ = scale.astype(np.float32)
        return vectors

    def _prepare(self, images: np.ndarray) -> np.ndarray:
        given = self._checked()
        return pixels(
            images, color=given.color, size=given.size, symmetric=given.scale == "symmetric"
        )

    def _standardise(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.mean_ is None else standardise(vectors, self.mean_, self.scale_).X

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.image_shape_))
