"""Patch features, over the functions of `scratchclust.features.patches`."""

from typing import Any, ClassVar, no_type_check

import numpy as np
from jaxtyping import Float32
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, enough_samples, flag, nothing, seed, whole
from scratchclust.cluster.kmeans import kmeans
from scratchclust.constants import CONSTANT_ACTIVATION
from scratchclust.errors import InputError
from scratchclust.estimators.base import key_of, like
from scratchclust.estimators.image_base import ImageFeatures, check_images
from scratchclust.features.patches import (
    normalise_contrast,
    patches_at,
    pooled_activations,
    whitening,
)
from scratchclust.features.pixels import on_byte_scale

DICTIONARY_ITERATIONS = 50  # of k-means, which is nearly still by then


class PatchFeatures(ImageFeatures):
    """Which patches of a learned dictionary an image has, and in which quarter.

    For photographs: nothing is learned from labels or from other images. The dictionary are the
    centroids of k-means of random patches of the fit, of normalised contrast and whitened
    (`scratchclust.reference.patches` has the mathematics; Coates, Lee and Ng, 2011). Each feature
    then has mean 0 and variance 1 over the images of the fit, as there.

    Args:
        n_clusters: patches in the dictionary, K.
        patch_size: height and width of a patch, in pixels.
        n_patches: random patches that the dictionary is learned from.
        flip: whether the mirrored image counts as well: twice the time.
        crop: height and width, in pixels, of five crops, in the corners and in the middle, over
            which the quarters are averaged; None: the image as it is.
        random_state: seed of the patches and of k-means.

    Attributes:
        input_shape_: (height, width, channels) of the images of the fit.
        patch_mean_, whitening_: [d] and [d d], d = patch_size^2 channels, float32: what whitens a
            patch.
        cluster_centers_: [K d], the dictionary, whitened.
        mean_, scale_: [4 K], what is subtracted from each feature, and what divides it.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_clusters": whole(1),
        "patch_size": whole(1),
        "n_patches": whole(1),
        "flip": flag,
        "crop": nothing | whole(2),
        "random_state": seed,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 200,
        *,
        patch_size: int = 6,
        n_patches: int = 40_000,
        flip: bool = False,
        crop: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.patch_size = patch_size
        self.n_patches = n_patches
        self.flip = flip
        self.crop = crop
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "PatchFeatures":
        """Learn the dictionary from the images X [n h w c]; y is ignored.

        Raises:
            InputError: a parameter cannot be used, X are no images, or none larger than a patch.
        """
        self._fit(X)
        return self

    def fit_transform(self, X: Any, y: Any = None, **fit_params: Any) -> Any:
        """Do `fit` and `transform` in one go over the images; y is ignored."""
        return like(X, self._fit(X))

    def transform(self, X: Any) -> Any:
        """Give images X [n h w c], uint8 or float in [0, 1], as vectors [n 4K] of float32.

        Raises:
            InputError: X are no images, or not of the shape of the fit.
        """
        check_is_fitted(self, "cluster_centers_")
        self._checked()
        images = on_byte_scale(check_images(X, like_fit=self.input_shape_))
        return like(X, self._standardise(self._activations(images)))

    def _fit(self, X: Any) -> Float32[np.ndarray, "n features"]:
        given = self._checked()
        enough_samples(given.n_patches, given.n_clusters)
        images = on_byte_scale(check_images(X))
        _, h, w, _ = images.shape
        if min(h, w) <= given.patch_size:
            side = given.patch_size + 1
            raise InputError(
                f"expected images of at least {side}x{side} for patch_size={given.patch_size}, "
                f"got {h}x{w}: give larger ones, or a smaller patch_size="
            )
        _check_crop(given.crop, given.patch_size, h, w)
        random = check_random_state(given.random_state)
        ends = (len(images), h - given.patch_size + 1, w - given.patch_size + 1)
        places = np.stack([random.randint(end, size=given.n_patches) for end in ends], axis=1)
        patches = np.asarray(normalise_contrast(patches_at(images, places, given.patch_size)))
        mean, matrix = whitening(patches)
        whitened = ((patches - mean) @ matrix).astype(np.float32)
        self.input_shape_ = tuple(images.shape[1:])
        self.patch_mean_ = mean.astype(np.float32)
        self.whitening_ = matrix.astype(np.float32)
        self.cluster_centers_ = _dictionary(whitened, given.n_clusters, random)
        activations = self._activations(images)
        deviations = activations.std(axis=0, dtype=np.float64)
        self.mean_ = activations.mean(axis=0, dtype=np.float64).astype(np.float32)
        self.scale_ = np.where(deviations > CONSTANT_ACTIVATION, deviations, 1).astype(np.float32)
        return self._standardise(activations)

    def _activations(self, images: np.ndarray) -> Float32[np.ndarray, "n features"]:
        return np.asarray(
            pooled_activations(
                images,
                self.cluster_centers_,
                self.patch_mean_,
                self.whitening_,
                self.patch_size,
                flip=bool(self.flip),
                crop=self.crop,
            )
        )

    def _standardise(self, activations: np.ndarray) -> Float32[np.ndarray, "n features"]:
        activations -= self.mean_
        activations /= self.scale_
        return activations

    @property
    def _n_features_out(self) -> int:
        return 4 * len(self.cluster_centers_)


def _check_crop(crop: int | None, patch_size: int, h: int, w: int) -> None:
    if crop is not None and not patch_size < crop <= min(h, w):
        raise InputError(
            f"expected crop > patch_size={patch_size} and within images of {h}x{w}, got {crop}: "
            "give another, or None for the whole image"
        )


def _dictionary(
    patches: Float32[np.ndarray, "m d"], n_clusters: int, random: np.random.RandomState
) -> Float32[np.ndarray, "k d"]:
    """The centroids of the patches; where so few are different, these, again and again."""
    different = np.unique(patches, axis=0)
    if len(different) <= n_clusters:
        return np.resize(different, (n_clusters, patches.shape[1]))
    found = kmeans(patches, n_clusters, key=key_of(random), max_iter=DICTIONARY_ITERATIONS)
    return np.array(found.centroids, np.float32)
