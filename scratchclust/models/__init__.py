"""What is computed: the network architectures, in Flax NNX, one a file.

| file | what it is | calls |
|---|---|---|
| `conv_autoencoder` | image to a small code and back | `encode`, `decode`, `logits` |
| `unet` | the same with skip connections that pass the code by | `encode`, `logits` |
| `vae` | the code is a normal distribution | `encode`, `sample_code`, `decode` |
| `classifier` | a small network that names digits | `activations`, `encode` |
| `resnet` | residual networks for CIFAR and ImageNet | `activations`, `encode` |
| `strided` | a small network of strided convolutions, quick on a CPU | `activations`, `encode` |
| `projector` | an encoder with dense layers behind it, of views | `(features, projections)` |
| `efficientnet` | EfficientNet-Lite, for features alone | `activations`, `encode` |
| `vision_transformer` | DINOv2 and CLIP's picture half, likewise | `activations`, `encode` |

Every architecture is written down by a frozen dataclass of numbers, strings and tuples, and built
from it: `spec.build(image_shape=(28, 28, 1), rngs=nnx.Rngs(0))`. Images are float [n h w c].

Models hold parameters and the running statistics of batch normalisation, which `model.train()` and
`model.eval()` switch. They hold no random state: whoever wants noise or dropout passes a `key`.
Inside a compiled step, merge with a copy, since batch normalisation writes its statistics into the
model:

    graphdef, params, rest = nnx.split(model, nnx.Param, ...)
    nnx.merge(graphdef, params, rest, copy=True)
"""

from scratchclust.models.classifier import Classifier, ClassifierSpec
from scratchclust.models.conv_autoencoder import ConvAutoencoder, ConvAutoencoderSpec
from scratchclust.models.efficientnet import EfficientNet, EfficientNetSpec
from scratchclust.models.layers import count_parameters
from scratchclust.models.projector import (
    EncoderProjector,
    EncoderProjectorSpec,
    Projector,
    ProjectorSpec,
)
from scratchclust.models.resnet import ResNet, ResNetSpec
from scratchclust.models.strided import StridedNetwork, StridedSpec
from scratchclust.models.unet import UNet, UNetSpec
from scratchclust.models.vae import VAE, VAESpec
from scratchclust.models.vision_transformer import VisionTransformer, VisionTransformerSpec

__all__ = [
    "VAE",
    "Classifier",
    "ClassifierSpec",
    "ConvAutoencoder",
    "ConvAutoencoderSpec",
    "EfficientNet",
    "EfficientNetSpec",
    "EncoderProjector",
    "EncoderProjectorSpec",
    "Projector",
    "ProjectorSpec",
    "ResNet",
    "ResNetSpec",
    "StridedNetwork",
    "StridedSpec",
    "UNet",
    "UNetSpec",
    "VAESpec",
    "VisionTransformer",
    "VisionTransformerSpec",
    "count_parameters",
]
