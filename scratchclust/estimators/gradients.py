"""Gradient features, over the functions of `scratchclust.features.gradients`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, flag, nothing, number, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import like
from scratchclust.estimators.image_base import ImageFeatures, check_images
from scratchclust.features.gradients import oriented_gradients, straighten
from scratchclust.features.pixels import pixels


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
                f"expected images of at least 3x3, got {shape[0]}x{shape[1]}: "
                "smaller ones have no edges"
            )
        self.input_shape_ = tuple(shape)
        self.cell_size_ = given.cell_size or max(1, round(3 * side / 28))
        self.sigma_ = self.cell_size_ / 2 if given.sigma is None else given.sigma
        return self

    def transform(self, X: Any) -> Any:
        """Give images X [n h w c], uint8 or float in [0, 1], as vectors [n d] of float32.

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
        cell = self.cell_size_
        of_side = [len(range(cell // 2, side, cell)) for side in self.input_shape_[:2]]
        return self.n_orientations * of_side[0] * of_side[1]
