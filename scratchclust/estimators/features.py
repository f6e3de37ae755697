"""Estimators that turn images into vectors, over the functions of `scratchclust.features`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, flag, nothing, number, one_of, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, like
from scratchclust.features.gradients import oriented_gradients, straighten
from scratchclust.features.pixels import COLORS, flatten, pixels, standardise


def check_images(X: Any, *, like_fit: tuple[int, ...] | None = None) -> np.ndarray:
    """Images [n h w c] as a NumPy array.

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
            f"expected images of uint8, or of float in [0, 1], got {images.dtype}: bring them to one of these"
        )
    if images.dtype.kind == "f" and not np.isfinite(images).all():
        raise InputError("the images hold NaN or infinity: drop or fill those pixels first")
    if like_fit is not None and images.shape[1:] != like_fit:
        raise InputError(
            f"expected images of {list(like_fit)} (height, width, channels) as in fit, got {list(images.shape[1:])}: "
            "bring them to that shape first"
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
        """`fit` and `transform` in one go over the images; y is ignored."""
        return like(X, self._fit(X))

    def transform(self, X: Any) -> Any:
        """Images [n h w c], uint8 or float in [0, 1], as vectors [n d] of float32.

        Raises:
            InputError: X are no images, or (with size=None) not of the shape of the fit.
        """
        check_is_fitted(self, "image_shape_")
        like_fit = self.input_shape_ if self.size is None else None
        images = self._prepared(check_images(X, like_fit=like_fit))
        if images.shape[1:] != self.image_shape_:
            raise InputError(
                f"expected {self.image_shape_[2]} channels as in fit, got {images.shape[3]}"
            )
        return like(X, self._standardised(flatten(images)))

    def inverse_transform(self, X: Any) -> Any:
        """Vectors [n d] as images [n h w c] of float32 in [0, 1]; beyond that range they are
        clipped.

        Raises:
            InputError: no vectors, or of another length than those of the fit.
        """
        check_is_fitted(self, "image_shape_")
        vectors = np.asarray(X, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self._n_features_out:
            shape = f"[n, {self._n_features_out}]"
            raise InputError(
                f"expected vectors of shape {shape}, got {list(vectors.shape)}: give what transform gave"
            )
        if self.mean_ is not None and self.scale_ is not None:
            vectors = vectors * self.scale_ + self.mean_
        if self.scale == "symmetric":
            vectors = (vectors + 1) / 2
        return like(X, np.clip(vectors, 0, 1).astype(np.float32).reshape(-1, *self.image_shape_))

    def _fit(self, X: Any) -> np.ndarray:
        self._checked()
        images = check_images(X)
        prepared = self._prepared(images)
        self.input_shape_, self.image_shape_ = tuple(images.shape[1:]), tuple(prepared.shape[1:])
        vectors = flatten(prepared)
        self.mean_ = self.scale_ = None
        if self.scale == "standard":
            vectors, mean, scale = standardise(vectors)
            self.mean_, self.scale_ = mean.astype(np.float32), scale.astype(np.float32)
        return vectors

    def _prepared(self, images: np.ndarray) -> np.ndarray:
        given = self._checked()
        return pixels(
            images, color=given.color, size=given.size, symmetric=given.scale == "symmetric"
        )

    def _standardised(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.mean_ is None else standardise(vectors, self.mean_, self.scale_).X

    @property
    def _n_features_out(self) -> int:
        return int(np.prod(self.image_shape_))


class GradientFeatures(ImageFeatures):
    """Images set upright, and the histograms of their edges by place and direction, as one vector
    of length 1.

    Colours become grey first (luma). `scratchclust.reference.gradients` has the mathematics. No
    label and no training is needed, and no shift or slant of a drawing matters much: made for
    figures on an empty (black) ground.

    Args:
        straighten: whether to move each image's mass to the centre and to shear it upright; for
            photographs, whose brightness is no mass, rather not.
        n_orientations: directions that are told apart.
        cell_size: pixels from one place of the grid to the next; None: 3 for images of 28 pixels,
            and in proportion.
        sigma: of the Gaussian around each place, in pixels; None: half a cell.

    Attributes:
        input_shape_: (height, width, channels) of the images of the fit.
        cell_size_, sigma_: as used.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "straighten": flag,
        "n_orientations": whole(1),
        "cell_size": nothing | whole(1),
        "sigma": nothing | number(least=0),
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        straighten: bool = True,
        *,
        n_orientations: int = 8,
        cell_size: int | None = None,
        sigma: float | None = None,
    ) -> None:
        self.straighten = straighten
        self.n_orientations = n_orientations
        self.cell_size = cell_size
        self.sigma = sigma

    def fit(self, X: Any, y: Any = None) -> "GradientFeatures":
        """Learn the shape of the images X [n h w c]; y is ignored.

        Raises:
            InputError: a parameter cannot be used, X are no images, or smaller than 3x3.
        """
        given = self._checked()
        shape = check_images(X).shape[1:]
        side = min(shape[:2])
        if side < 3:
            raise InputError(
                f"expected images of at least 3x3, got {shape[0]}x{shape[1]}: smaller ones have no edges"
            )
        self.input_shape_ = tuple(shape)
        self.cell_size_ = given.cell_size or max(1, round(3 * side / 28))
        self.sigma_ = self.cell_size_ / 2 if given.sigma is None else given.sigma
        return self

    def transform(self, X: Any) -> Any:
        """Images [n h w c], uint8 or float in [0, 1], as vectors [n d] of float32.

        Raises:
            InputError: X are no images, or not of the shape of the fit.
        """
        check_is_fitted(self, "input_shape_")
        given = self._checked()
        grey = pixels(check_images(X, like_fit=self.input_shape_), color="luma")[..., 0]
        upright = straighten(grey) if given.straighten else grey
        vectors = oriented_gradients(
            upright,
            n_orientations=given.n_orientations,
            cell_size=self.cell_size_,
            sigma=self.sigma_,
        )
        return like(X, np.asarray(vectors))

    @property
    def _n_features_out(self) -> int:
        of_side = [
            -(-(pixels - self.cell_size_ // 2) // self.cell_size_)
            for pixels in self.input_shape_[:2]
        ]
        return self.n_orientations * of_side[0] * of_side[1]
