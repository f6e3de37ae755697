"""PretrainedFeatures: ImageNet's ResNets against transformers and torch, our files, images of any
size, refusals.
"""

import json
import shutil
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file
from sklearn.pipeline import Pipeline

from scratchclust import (
    ClassifierFeatures,
    ClassifierSpec,
    KMeans,
    PretrainedFeatures,
    ResNetSpec,
    SelfSupervisedFeatures,
    StridedSpec,
    persist,
)
from scratchclust.data.preprocessing import luma_grey, resize
from scratchclust.errors import InputError
from scratchclust.features import pretrained
from scratchclust.features.huggingface import our_name_in_theirs

SMALL = ResNetSpec(depth=8, n_classes=3, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
IMAGENET = {
    18: {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]},
    34: {"layer_type": "basic", "depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 256, 512]},
    50: {
        "layer_type": "bottleneck",
        "depths": [3, 4, 6, 3],
        "hidden_sizes": [256, 512, 1024, 2048],
    },
}


def photographs(n=5, shape=(40, 40, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8)


def file_of(folder, spec=SMALL, shape=(16, 16, 3)):
    pretrained.write(
        folder / "weights.safetensors", spec.build(shape, rngs=nnx.Rngs(0)), spec, shape
    )
    return folder / "weights.safetensors"


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    """A folder with random weights, written without torch."""
    folder = tmp_path_factory.mktemp("resnet18")
    (folder / "config.json").write_text(
        json.dumps({"model_type": "resnet", "embedding_size": 64, **IMAGENET[18]})
    )
    spec = ResNetSpec(family="imagenet", depth=18, n_classes=4)
    model = nnx.eval_shape(lambda: spec.build((32, 32, 3), rngs=nnx.Rngs(0)))
    rng, theirs = np.random.default_rng(0), {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(nnx.state(model)))[0]:
        name = our_name_in_theirs(jax.tree_util.keystr(path, simple=True, separator="."))
        shape = (
            tuple(np.array(leaf.shape)[[3, 2, 0, 1]]) if len(leaf.shape) == 4 else leaf.shape[::-1]
        )
        name = name if name.startswith("classifier") else f"resnet.{name}"
        theirs[name] = rng.uniform(0.5, 1, shape).astype(np.float32) / max(1, np.prod(shape[1:]))
    save_file(theirs, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("depth", "with_classifier"),
    [
        (18, False),
        pytest.param(34, True, marks=pytest.mark.full),
        pytest.param(50, True, marks=pytest.mark.full),
    ],
)
def test_imagenet_resnets_equal_those_of_transformers(depth, with_classifier, tmp_path):
    torch = pytest.importorskip("torch", reason='needs torch: pip install -e ".[peers]"')
    transformers = pytest.importorskip(
        "transformers", reason='needs transformers: pip install -e ".[peers]"'
    )
    torch.manual_seed(depth)
    kind = (
        transformers.ResNetForImageClassification if with_classifier else transformers.ResNetModel
    )
    theirs = kind(transformers.ResNetConfig(num_labels=7, **IMAGENET[depth])).eval()
    for norm in (module for module in theirs.modules() if isinstance(module, torch.nn.BatchNorm2d)):
        norm.running_mean.normal_(0, 0.1), norm.running_var.uniform_(0.5, 1.5)
        norm.weight.data.uniform_(0.5, 1), norm.bias.data.normal_(0, 0.1)
    arrays = {
        name: tensor.numpy() for name, tensor in theirs.state_dict().items()
    }  # as save_pretrained writes them
    save_file(arrays, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(theirs.config.to_json_string())
    images = photographs(3, (48, 40, 3))
    seen = (resize(images, 64) / 255 - np.array([0.485, 0.456, 0.406])) / np.array(
        [0.229, 0.224, 0.225]
    )
    with torch.no_grad():
        found = theirs(
            torch.tensor(seen.transpose(0, 3, 1, 2), dtype=torch.float32), output_hidden_states=True
        )
    picture = found.hidden_states[-1].numpy()
    expected = {
        "last_conv": picture.transpose(0, 2, 3, 1).reshape(3, -1),
        "pool": picture.mean((2, 3)),
    }
    expected |= {"logits": found.logits.numpy()} if with_classifier else {}
    for layer, values in expected.items():
        ours = PretrainedFeatures(tmp_path, layer=layer, size=64).fit_transform(images)
        np.testing.assert_allclose(ours, values, atol=1e-4)


def test_a_folder_of_imagenet_weights(resnet18):
    features = PretrainedFeatures(resnet18, size=32)
    vectors = features.fit_transform(photographs())
    assert vectors.shape == (5, 512)
    assert features.spec_ == ResNetSpec(
        family="imagenet",
        depth=18,
        n_classes=4,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    assert features.network_shape_ == (32, 32, 3)
    assert PretrainedFeatures(str(resnet18)).fit(photographs()).network_shape_ == (224, 224, 3)
    theirs = load_file(resnet18 / "model.safetensors")
    kernel = theirs["resnet.encoder.stages.1.layers.0.shortcut.convolution.weight"]
    np.testing.assert_array_equal(
        features.parameters_["stages.1.layers.0.shortcut.conv.kernel"], kernel.transpose(2, 3, 1, 0)
    )


def test_the_folder_says_how_its_images_were_prepared(resnet18, tmp_path):
    folder = shutil.copytree(resnet18, tmp_path / "copy")
    prepared = {
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.25, 0.25, 0.25],
        "size": {"shortest_edge": 96},
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(prepared))
    features = PretrainedFeatures(folder).fit(photographs())
    assert features.network_shape_ == (96, 96, 3)
    assert (features.spec_.mean, features.spec_.std) == ((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


@pytest.mark.full
def test_a_trained_classifier_becomes_pretrained_features(tmp_path):
    """What `ClassifierFeatures` learned from some images, and `PretrainedFeatures` says of them, is
    the same.
    """
    images, labels = photographs(30, (16, 16, 3)), np.arange(30) % 3
    trained = ClassifierFeatures("pool", model=SMALL, epochs=1, batch_size=10, random_state=0).fit(
        images, labels
    )
    trained.save_weights(tmp_path / "mine.safetensors")
    again = PretrainedFeatures(tmp_path / "mine.safetensors").fit(images)
    np.testing.assert_array_equal(again.transform(images), trained.transform(images))
    assert again.spec_ == SMALL
    with pytest.raises(
        InputError, match=r"mine.safetensors exists already: give another name, or remove it"
    ):
        trained.save_weights(tmp_path / "mine.safetensors")


@pytest.mark.parametrize(
    "encoder", [StridedSpec(widths=(2, 6)), ResNetSpec(depth=8, n_classes=None)]
)
def test_a_self_supervised_encoder_becomes_pretrained_features(encoder, tmp_path):
    """The same codes, of the encoder alone: the projector stays behind."""
    images = photographs(12, (16, 16, 3))  # too few to be looked at for a collapse
    trained = SelfSupervisedFeatures(
        encoder, objective="simclr", epochs=1, batch_size=6, random_state=0
    ).fit(images)
    trained.save_weights(tmp_path / "mine.safetensors")
    again = PretrainedFeatures(tmp_path / "mine.safetensors").fit(images)
    np.testing.assert_allclose(
        again.transform(images), trained.transform(images), rtol=1e-5, atol=1e-6
    )
    assert again.spec_ == encoder
    assert not [name for name in again.parameters_ if "projector" in name]


def test_the_mean_over_patches_is_not_saved(tmp_path):
    """PretrainedFeatures would encode whole images, which such a network has never seen."""
    trained = SelfSupervisedFeatures(
        StridedSpec(widths=(2, 6)), views="patches", n_views=2, epochs=1, batch_size=6
    ).fit(photographs(12, (16, 16, 3)))
    with pytest.raises(InputError, match=r"the mean over patches, .* keep it with persist\.save"):
        trained.save_weights(tmp_path / "mine.safetensors")
    assert not [*tmp_path.iterdir()]


@pytest.mark.full
def test_mean_and_std_of_the_spec_are_taken_off_the_images():
    shifted, plain = SMALL.build((8, 8, 3), rngs=nnx.Rngs(0)), ResNetSpec(depth=8, n_classes=3)
    unshifted = plain.build((8, 8, 3), rngs=nnx.Rngs(0))
    images = jnp.asarray(photographs(4, (8, 8, 3)) / 255, jnp.float32)
    mean, std = (jnp.asarray(of, jnp.float32).reshape(1, 1, 1, 3) for of in (SMALL.mean, SMALL.std))
    np.testing.assert_allclose(shifted(images), unshifted((images - mean) / std), atol=1e-5)


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    ("shape", "channels"), [((16, 16, 3), 3), ((16, 16, 1), 3), ((28, 20, 1), 3), ((30, 9, 3), 1)]
)
def test_images_are_resized_and_repeated(shape, channels, tmp_path):
    spec = ResNetSpec(depth=8, n_classes=3)
    file = file_of(tmp_path, spec, (16, 16, channels))
    images = photographs(4, shape)
    made = resize(
        luma_grey(images) if channels == 1 else np.repeat(images, 3 // shape[2], axis=3), 16
    )
    model = spec.build((16, 16, channels), rngs=nnx.Rngs(0))
    model.eval()
    expected = model.encode(jnp.asarray(made / 255, jnp.float32))
    np.testing.assert_allclose(PretrainedFeatures(file).fit_transform(images), expected, atol=2e-3)


def test_bytes_and_floats_and_batches_agree(tmp_path, monkeypatch):
    images = photographs(7, (16, 16, 3))
    features = PretrainedFeatures(file_of(tmp_path), layer="last_conv").fit(images)
    vectors = features.transform(images)
    assert vectors.shape == (7, features.n_features_out_) == (7, 4 * 4 * 64)
    np.testing.assert_allclose(
        features.transform(images.astype(np.float32) / 255), vectors, atol=1e-5
    )
    assert isinstance(features.transform(jnp.asarray(images)), jax.Array)
    monkeypatch.setattr(pretrained, "BATCH_PIXELS", 2 * 16 * 16)
    np.testing.assert_allclose(features.transform(images), vectors, atol=1e-5)


def test_in_a_pipeline_saved_and_loaded(tmp_path):
    """A saved pipeline needs the file of weights no more."""
    images, file = photographs(12, (16, 16, 3)), file_of(tmp_path)
    pipeline = Pipeline(
        [("features", PretrainedFeatures(file)), ("cluster", KMeans(2, random_state=0))]
    ).fit(images)
    persist.save(pipeline, tmp_path / "model")
    file.unlink()
    again = persist.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(images), pipeline.predict(images))
    assert list(again[0].get_feature_names_out())[:2] == [
        "pretrainedfeatures0",
        "pretrainedfeatures1",
    ]


def test_labels_are_never_looked_at(tmp_path):
    images, file = photographs(6, (16, 16, 3)), file_of(tmp_path)
    with_labels = PretrainedFeatures(file).fit(images, [5, "a", None]).transform(images)
    np.testing.assert_array_equal(
        with_labels, PretrainedFeatures(file).fit(images).transform(images)
    )


def broken(folder, change, tmp_path):
    folder = shutil.copytree(folder, tmp_path / "broken")
    config = json.loads((folder / "config.json").read_text())
    change(folder, config)
    if (folder / "config.json").exists() and "text" not in config:
        (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda f, c: (f / "config.json").unlink(),
            r"has no config.json: give a folder with config.json and model",
        ),
        (
            lambda f, c: (f / "model.safetensors").unlink(),
            r"has no model.safetensors: give a folder",
        ),
        (
            lambda f, c: (f / "model.safetensors").write_bytes(b"12345678"),
            r"model.safetensors is damaged: fetch it",
        ),
        (
            lambda f, c: (c.update(text=1), (f / "config.json").write_text("{")),
            r"config.json is damaged \(no JSON\)",
        ),
        (
            lambda f, c: (c.update(text=1), (f / "config.json").write_text("[]")),
            r"config.json is no object of JSON",
        ),
        (
            lambda f, c: (f / "preprocessor_config.json").write_text('{"size": [224, 224]}'),
            r"another size, image_mean",
        ),
        (
            lambda f, c: (f / "preprocessor_config.json").write_text('{"image_mean": null}'),
            r"another size, image_mean",
        ),
        (
            lambda f, c: c.update(depths=[3, 4, 23, 3]),
            r"is no ResNet-18, -34 or -50 \(depths \[3, 4, 23, 3\]",
        ),
        (lambda f, c: c.update(model_type="vit"), r"has model_type 'vit': expected 'resnet'"),
        (lambda f, c: c.update(hidden_act="gelu"), r"has hidden_act 'gelu': expected 'relu'"),
        (
            lambda f, c: c.update(depths=[3, 4, 6, 3]),
            r"does not fit its config.json: expected .* got none: fetch both",
        ),
    ],
)
def test_folders_that_are_refused(resnet18, change, message, tmp_path):
    with pytest.raises(InputError, match=message):
        PretrainedFeatures(broken(resnet18, change, tmp_path)).fit(photographs())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (
            lambda path: path.write_bytes(path.read_bytes()[:1000]),
            r"is no file of weights, or it is damaged: give one",
        ),
        (
            lambda path: save_file({"a": np.zeros(1)}, path),
            r"is no file of weights, or it is damaged: give one",
        ),
        (
            lambda path: save_file(
                {"a": np.zeros(1)}, path, {"spec": "[]", "input_shape": "[16, 16, 3]"}
            ),
            r"is no file of weights, or it is damaged: give one",
        ),
        (
            lambda path: save_file(
                {"a": np.zeros(1)},
                path,
                {"spec": '{"ResNetSpec": {"depth": 8}}', "input_shape": "[16, 16, 3]"},
            ),
            r"is no file of weights, or it is damaged: give one",
        ),
    ],
)
def test_files_that_are_refused(damage, message, tmp_path):
    file = file_of(tmp_path)
    damage(file)
    with pytest.raises(InputError, match=message):
        PretrainedFeatures(file).fit(photographs())


def test_names_that_are_refused(monkeypatch):
    with pytest.raises(
        InputError,
        match=r"no weights 'resnet20': give 'cifar10-resnet20', .* a file .* 'microsoft/resnet-18'",
    ):
        PretrainedFeatures("resnet20").fit(photographs())
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        InputError,
        match=r"'some/resnet' .* needs huggingface_hub: pip install -e \"\.\[pretrained\]",
    ):
        PretrainedFeatures("some/resnet").fit(photographs())


@pytest.mark.parametrize("weights", [None, 3, ["cifar10-resnet20"]])
def test_what_is_no_name_is_refused(weights):
    with pytest.raises(InputError, match=r"expected weights to be a name or a path, got"):
        PretrainedFeatures(weights).fit(photographs())


def test_a_network_of_one_size_and_a_size_of_numpy(tmp_path):
    file = file_of(tmp_path, ClassifierSpec(n_classes=3), (16, 16, 1))
    assert PretrainedFeatures(file, size=16).fit_transform(photographs()).shape == (5, 6 * 6 * 64)
    with pytest.raises(
        InputError, match=r"this network takes images of 16x16 alone, got size=24: leave size out"
    ):
        PretrainedFeatures(file, size=24).fit(photographs())
    assert PretrainedFeatures(size=np.int64(16)).fit_transform(photographs()).shape == (5, 64)


@pytest.mark.full
def test_grey_by_the_mean_is_not_saved(tmp_path):
    """PretrainedFeatures would make grey by luma, and other features of the same weights."""
    images = photographs(8, (16, 16, 3))
    fitted = ClassifierFeatures(layer="pool", color="mean", epochs=1).fit(images, np.arange(8) % 2)
    with pytest.raises(InputError, match='grey by luma, not by the mean: train with color="luma"'):
        fitted.save_weights(tmp_path / "weights.safetensors")
    luma = ClassifierFeatures(layer="pool", color="luma", epochs=1).fit(images, np.arange(8) % 2)
    luma.save_weights(tmp_path / "new" / "weights.safetensors")
    features = PretrainedFeatures(tmp_path / "new" / "weights.safetensors").fit_transform(images)
    np.testing.assert_allclose(features, luma.transform(images), atol=2e-3)


def test_large_images_come_in_small_batches(tmp_path, monkeypatch):
    """The batch is on the device in its own size before it is made smaller."""
    sizes = []
    monkeypatch.setattr(
        pretrained,
        "in_batches",
        lambda *args, batch_size, **kwargs: (
            sizes.append(batch_size) or np.zeros((1, 64), np.float32)
        ),
    )
    PretrainedFeatures().fit_transform(photographs(1, (1024, 2048, 3)))
    PretrainedFeatures().fit_transform(photographs(1, (8, 8, 3)))
    assert sizes == [1, 512]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("head.kernel", "classifier.1.weight"),
        ("head.bias", "classifier.1.bias"),
        ("stem.conv.kernel", "embedder.embedder.convolution.weight"),
        ("stem.norm.mean", "embedder.embedder.normalization.running_mean"),
        (
            "stages.3.layers.1.layers.0.conv.kernel",
            "encoder.stages.3.layers.1.layer.0.convolution.weight",
        ),
        (
            "stages.0.layers.2.layers.2.norm.scale",
            "encoder.stages.0.layers.2.layer.2.normalization.weight",
        ),
        (
            "stages.0.layers.0.layers.1.norm.var",
            "encoder.stages.0.layers.0.layer.1.normalization.running_var",
        ),
        (
            "stages.1.layers.0.shortcut.norm.bias",
            "encoder.stages.1.layers.0.shortcut.normalization.bias",
        ),
    ],
)
def test_names_of_transformers(ours, theirs):
    """Written down from the state of transformers' ResNetForImageClassification, less its leading
    "resnet.".
    """
    assert our_name_in_theirs(ours) == theirs


def test_a_hub_that_does_not_answer(monkeypatch):
    hub = pytest.importorskip(
        "huggingface_hub", reason='needs huggingface_hub: pip install -e ".[pretrained]"'
    )

    def fail(*args, **kwargs):
        raise ConnectionError("no route")

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(
        InputError,
        match=r"could not be fetched from the hub \(ConnectionError\): check the name and",
    ):
        PretrainedFeatures("some/resnet").fit(photographs())


def test_a_network_of_the_hub_is_read_like_a_folder(monkeypatch, resnet18):
    hub = pytest.importorskip(
        "huggingface_hub", reason='needs huggingface_hub: pip install -e ".[pretrained]"'
    )
    monkeypatch.setattr(hub, "snapshot_download", lambda name, allow_patterns: str(resnet18))
    assert PretrainedFeatures("some/resnet-18", size=32).fit_transform(photographs()).shape == (
        5,
        512,
    )


def test_images_and_parameters_that_are_refused(tmp_path):
    file = file_of(tmp_path)
    with pytest.raises(
        InputError, match=r"expected images of 1 or 3 channels, got 2: choose among the channels"
    ):
        PretrainedFeatures(file).fit(photographs(3, (16, 16, 2)))
    with pytest.raises(
        ValueError, match=r"expected layer to be one of 'stem', .* 'last_conv', got 'dense'"
    ):
        PretrainedFeatures(file, layer="dense").fit(photographs())
    with pytest.raises(
        ValueError, match=r"expected size to be None or a whole number of at least 1, got 0"
    ):
        PretrainedFeatures(file, size=0).fit(photographs())
    with pytest.raises(
        InputError, match=r"expected images of \[40, 40, 3\] .* as in fit, got \[16, 16, 3\]"
    ):
        PretrainedFeatures(file).fit(photographs()).transform(photographs(2, (16, 16, 3)))
    with pytest.raises(
        InputError, match=r"expected mean and std of 1 channels, got \(0.4, 0.5, 0.6\)"
    ):
        SMALL.build((16, 16, 1), rngs=nnx.Rngs(0))
    with pytest.raises(InputError, match=r"expected std above 0, got \(0.0,\)"):
        ResNetSpec(std=(0.0,))
    with pytest.raises(InputError, match=r"expected mean to be a tuple of numbers, got \(inf,\)"):
        ResNetSpec(mean=(float("inf"),))


@pytest.mark.full
def test_a_network_of_one_size_is_trained_on_moved_images():
    images, labels = photographs(10, (16, 16, 1)), np.arange(10) % 2
    moved, mirrored, unmoved = (
        ClassifierFeatures(augment=augment, epochs=1, random_state=0)
        .fit(images, labels)
        .transform(images)
        for augment in ("crop", "flip-crop", None)
    )
    assert moved.shape == mirrored.shape == unmoved.shape == (10, 128)
    assert not np.allclose(moved, unmoved)
    assert not np.allclose(moved, mirrored)


def test_an_unknown_augmentation_is_refused():
    images, labels = photographs(10, (16, 16, 1)), np.arange(10) % 2
    with pytest.raises(
        InputError, match=r"expected augment to be None or one of 'crop', 'flip-crop', got 'rotate'"
    ):
        ClassifierFeatures(model=ResNetSpec(n_classes=2), layer="pool", augment="rotate").fit(
            images, labels
        )


@pytest.mark.full
def test_every_array_of_a_network_has_its_place():
    spec = ResNetSpec(family="imagenet", depth=50, n_classes=2)
    model = nnx.eval_shape(lambda: spec.build((32, 32, 3), rngs=nnx.Rngs(0)))
    paths = jax.tree_util.tree_flatten_with_path(nnx.to_pure_dict(nnx.state(model)))[0]
    names = [
        our_name_in_theirs(jax.tree_util.keystr(path, simple=True, separator="."))
        for path, _ in paths
    ]
    assert len(set(names)) == len(names)
    assert "encoder.stages.2.layers.5.layer.1.normalization.running_var" in names
