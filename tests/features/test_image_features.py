"""What all image estimators have in common: parameters of NumPy's kinds, and results that are
the caller's own.
"""

from functools import cache

import numpy as np
import pytest

from scratchclust import (
    CosineSpec,
    GradientFeatures,
    PatchFeatures,
    PixelFeatures,
    PretrainedFeatures,
)
from scratchclust.errors import InputError
from tests.features.network_cases import (
    IMAGES,
    LABELS,
    NEW,
    autoencoder,
    class_losses,
    classifier,
    flat,
)

MAKERS = {
    "pixels": PixelFeatures,
    "pixels, standard": lambda: PixelFeatures(scale="standard"),
    "gradients": GradientFeatures,
    "patches": lambda: PatchFeatures(5, patch_size=4, n_patches=200, random_state=0),
    "autoencoder": lambda: autoencoder(epochs=1),
    "classifier": lambda: classifier(epochs=1),
    "class losses": lambda: class_losses(epochs=1),
    "pretrained": PretrainedFeatures,
}


def arrays_in(value):
    if isinstance(value, dict):
        return [array for item in value.values() for array in arrays_in(item)]
    return [value] if isinstance(value, np.ndarray) else []


@pytest.mark.quick(2)
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_what_comes_back_is_writable_and_the_callers_own(name, dtype):
    images = IMAGES if dtype == "uint8" else (IMAGES / 255).astype(np.float32)
    images = images.copy()
    estimator = MAKERS[name]().fit(images, LABELS)
    kept = arrays_in(vars(estimator))
    features = estimator.transform(images)
    handed_out = [features, *kept]
    if hasattr(estimator, "inverse_transform"):
        handed_out.append(estimator.inverse_transform(features))
    if hasattr(estimator, "predict"):
        handed_out.append(estimator.predict(images))
    for array in handed_out:
        assert array.flags.writeable
        assert not np.shares_memory(array, images)
    before = estimator.transform(NEW)
    images[:] = 0
    features[:] = -1
    np.testing.assert_array_equal(estimator.transform(NEW), before)


def test_the_arrays_of_a_network_can_be_changed():
    estimator = autoencoder(epochs=1).fit(IMAGES)
    for array in flat(estimator.parameters_):
        array[:] = 0
    assert not estimator.transform(NEW).any()


def test_whole_numbers_of_numpy():
    numbers = {"epochs": np.int64(1), "batch_size": np.uint8(16), "latent_dim": np.int8(4)}
    assert autoencoder(**numbers).fit_transform(IMAGES).shape == (len(IMAGES), 4)
    assert PixelFeatures(size=np.int64(4)).fit_transform(IMAGES).shape == (len(IMAGES), 16)
    assert GradientFeatures(cell_size=np.uint8(2), sigma=np.float32(1)).fit(IMAGES).cell_size_ == 2
    assert PretrainedFeatures(size=np.int16(16)).fit(IMAGES).network_shape_ == (16, 16, 3)


def test_a_schedule_is_a_learning_rate():
    assert autoencoder(learning_rate=CosineSpec(peak=0.01), epochs=1).fit(IMAGES).history_["loss"]


@pytest.mark.parametrize("make", [autoencoder, classifier, class_losses])
@pytest.mark.parametrize("parameter", ["model", "optimizer", "learning_rate", "checkpoint_dir"])
def test_a_wrong_type_is_refused_in_one_wording(make, parameter):
    with pytest.raises(InputError, match=f"^expected {parameter} to be .*, got <object object"):
        make(**{parameter: object()}).fit(IMAGES, LABELS)


def test_a_parameter_that_was_broken_after_the_fit_is_refused():
    estimator = autoencoder(epochs=1).fit(IMAGES).set_params(color="grey")
    with pytest.raises(
        InputError, match="expected color to be one of 'rgb', 'luma', 'mean', got 'grey'"
    ):
        estimator.transform(NEW)
    with pytest.raises(
        InputError, match="expected size to be None or a whole number of at least 1, got -1"
    ):
        PixelFeatures().fit(IMAGES).set_params(size=-1).transform(NEW)
    with pytest.raises(
        InputError, match="expected n_orientations to be a whole number of at least 1, got 0"
    ):
        GradientFeatures().fit(IMAGES).set_params(n_orientations=0).transform(NEW)


def as_memory_map(images, folder):
    np.save(folder / "images.npy", images)
    return np.load(folder / "images.npy", mmap_mode="r")


def read_only(images):
    images = images.copy()
    images.flags.writeable = False
    return images


KINDS = {
    "Fortran": lambda images, folder: np.asfortranarray(images),
    "strided": lambda images, folder: np.repeat(images, 2, axis=2)[:, :, ::2],
    "reversed": lambda images, folder: images[::-1].copy()[::-1],
    "read-only": lambda images, folder: read_only(images),
    "memory-mapped": as_memory_map,
    "float16": lambda images, folder: (images / 255).astype(np.float16),
    "float32": lambda images, folder: (images / 255).astype(np.float32),
    "float64, Fortran": lambda images, folder: np.asfortranarray(images / 255),
    "big-endian": lambda images, folder: (images / 255).astype(">f4"),
}


@cache
def features_of_bytes(name):
    return MAKERS[name]().fit_transform(IMAGES)


@pytest.mark.full
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["pixels", "pixels, standard", "gradients", "patches", "pretrained"]
)
def test_every_kind_of_array_gives_the_same_features(name, kind, tmp_path):
    found = MAKERS[name]().fit_transform(KINDS[kind](IMAGES, tmp_path))
    rounding = 0.05 if kind == "float16" else 1e-3
    assert np.abs(found - features_of_bytes(name)).mean() < rounding
    assert found.dtype == np.float32


@pytest.mark.quick(4)
@pytest.mark.parametrize(
    "name", ["pixels", "pixels, standard", "gradients", "patches", "pretrained", "autoencoder"]
)
def test_one_image_and_equal_images(name):
    for images in (IMAGES[:1], np.repeat(IMAGES[:1], 3, axis=0), np.zeros((2, 8, 8, 1), np.uint8)):
        features = MAKERS[name]().fit_transform(images)
        assert len(features) == len(images)
        assert np.isfinite(features).all()
        np.testing.assert_allclose(
            features, np.repeat(features[:1], len(images), axis=0), atol=1e-5
        )


@pytest.mark.parametrize("name", ["pixels", "gradients", "patches", "pretrained"])
@pytest.mark.parametrize("dtype", [complex, object, "U3", "M8[s]"])
def test_what_holds_no_real_numbers_is_refused(name, dtype):
    images = np.zeros((2, 8, 8, 1)).astype("i8" if dtype == "M8[s]" else float).astype(dtype)
    with pytest.raises(
        InputError,
        match=r"expected images of uint8, or of float in \[0, 1\], got .*: bring them to",
    ):
        MAKERS[name]().fit(images)
