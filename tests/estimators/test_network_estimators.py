"""Learned features as scikit-learn sees them: seeds, images, parameters, files, pipelines, codes,
labels.
"""

import pickle

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from scratchclust import PCA, AdamSpec, ClassifierSpec, KMeans, UNetSpec, VAESpec, persist
from scratchclust.errors import InputError
from scratchclust.estimators.network_base import check_classes
from scratchclust.features.pixels import pixels
from tests.features.network_cases import (
    IMAGES,
    LABELS,
    LENGTHS,
    MAKERS,
    NEW,
    SMALL,
    autoencoder,
    class_losses,
    classifier,
    fitted,
    same,
)


@pytest.mark.parametrize("make", MAKERS)
class TestEach:
    def test_a_seed_decides_every_bit(self, make):
        assert same(make().fit(IMAGES, LABELS), fitted(make))
        assert not same(make(random_state=1).fit(IMAGES, LABELS), fitted(make))

    def test_transforms_new_images(self, make):
        features = fitted(make).transform(NEW)
        assert features.shape == (9, LENGTHS[make])
        assert features.dtype == np.float32
        assert np.isfinite(features).all()
        assert fitted(make).n_features_out_ == LENGTHS[make]
        np.testing.assert_allclose(
            fitted(make).transform(NEW[2:4]), features[2:4], rtol=1e-4, atol=1e-5
        )
        assert fitted(make).transform(jnp.asarray(NEW)).tobytes() == features.tobytes()
        assert isinstance(fitted(make).transform(jnp.asarray(NEW)), type(jnp.zeros(1)))

    def test_what_cannot_be_images_is_refused(self, make):
        with pytest.raises(
            InputError, match=r"expected images of shape \[n, height, .*, got \[40, 64\]"
        ):
            make().fit(IMAGES.reshape(40, -1), LABELS)
        broken = (IMAGES / 255).astype(np.float32)
        broken[3, 2, 1] = np.nan
        with pytest.raises(InputError, match="the images hold NaN or infinity"):
            make().fit(broken, LABELS)
        with pytest.raises(
            InputError, match=r"expected images of \[8, 8, 1\] .* as in fit, got \[8, 4, 1\]"
        ):
            fitted(make).transform(NEW[:, :, :4])
        with pytest.raises(InputError, match="expected images of uint8, or of float in"):
            make().fit(IMAGES.astype(np.float32), LABELS)
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            make().transform(NEW)

    def test_what_cannot_be_parameters_is_refused(self, make):
        for parameters, message in (
            ({"epochs": 0}, "expected epochs to be a whole number of at least 1, got 0"),
            (
                {"batch_size": 2.5},
                "expected batch_size to be a whole number of at least 1, got 2.5",
            ),
            (
                {"precision": "half"},
                "expected precision to be one of 'float32', 'bfloat16', 'tf32', got 'half'",
            ),
            ({"color": "sepia"}, "expected color to be one of 'rgb', 'luma', 'mean', got 'sepia'"),
            ({"optimizer": "lion"}, "expected optimizer to be one of 'sgd', .* got 'lion'"),
            ({"model": "mlp"}, "expected model to be .* got 'mlp'"),
        ):
            with pytest.raises(ValueError, match=message):
                make(**parameters).fit(IMAGES, LABELS)

    def test_parameters_clones_and_pickles(self, make):
        estimator = clone(fitted(make))
        assert estimator.get_params() == fitted(make).get_params()
        assert not hasattr(estimator, "parameters_")
        assert estimator.set_params(epochs=7).epochs == 7
        again = pickle.loads(pickle.dumps(fitted(make)))
        assert again.transform(NEW).tobytes() == fitted(make).transform(NEW).tobytes()

    @pytest.mark.quick(1)
    def test_files_give_the_same_bits(self, make, tmp_path):
        optimizer = AdamSpec(0.01, b1=0.5)
        estimator = make(optimizer=optimizer, checkpoint_dir=tmp_path / "c", epochs=1).fit(
            IMAGES, LABELS
        )
        estimator.save(tmp_path / "model")
        again = persist.load(tmp_path / "model")
        assert again.get_params() == estimator.get_params() | {
            "checkpoint_dir": None
        }  # a place on this machine
        assert again.spec_ == estimator.spec_
        assert again.history_ == estimator.history_
        assert same(again, estimator)
        assert again.transform(NEW).tobytes() == estimator.transform(NEW).tobytes()

    @pytest.mark.quick(1)
    def test_in_a_pipeline(self, make):
        pipeline = make_pipeline(make(epochs=1), PCA(2), KMeans(2, random_state=0)).fit(
            IMAGES, LABELS
        )
        assert pipeline.predict(NEW).shape == (9,)
        assert set(pipeline[-1].labels_) == {0, 1}

    @pytest.mark.quick(1)
    def test_pandas(self, make):
        frame = make(epochs=1).set_output(transform="pandas").fit_transform(IMAGES, LABELS)
        name = make.__call__().__class__.__name__.lower()
        assert list(frame.columns) == [f"{name}{i}" for i in range(LENGTHS[make])]
        assert len(frame) == 40


def test_bytes_and_floats_are_the_same_images():
    features = fitted(autoencoder).transform(NEW)
    np.testing.assert_allclose(
        fitted(autoencoder).transform(NEW / 255), features, rtol=1e-4, atol=1e-5
    )
    floats = autoencoder().fit((IMAGES / 255).astype(np.float32), LABELS)
    np.testing.assert_allclose(floats.transform(NEW), features, rtol=1e-2, atol=1e-3)


def test_luma_makes_grey_of_colours():
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (20, 8, 8, 3)).astype(np.uint8)
    estimator = autoencoder(color="luma", epochs=1).fit(colours, LABELS[:20])
    grey = autoencoder(epochs=1).fit(pixels(colours, color="luma"), LABELS[:20])
    assert same(estimator, grey)
    assert (
        estimator.transform(colours[:3]).tobytes()
        == grey.transform(pixels(colours[:3], color="luma")).tobytes()
    )
    assert estimator.input_shape_ == (8, 8, 3)


class TestAutoencoderFeatures:
    def test_labels_do_not_matter(self):
        shuffled = autoencoder().fit(IMAGES, np.random.default_rng(0).permutation(LABELS))
        assert same(shuffled, fitted(autoencoder))
        assert same(autoencoder().fit(IMAGES), fitted(autoencoder))

    @pytest.mark.parametrize(
        "model", [SMALL, VAESpec(widths=(2,), latent_dim=3, likelihood="gaussian")]
    )
    def test_codes_are_drawn_as_images(self, model):
        estimator = autoencoder(model=model, epochs=1).fit(IMAGES)
        drawn = estimator.reconstruct(NEW)
        assert drawn.shape == NEW.shape
        np.testing.assert_allclose(
            estimator.inverse_transform(estimator.transform(NEW)), drawn, atol=1e-6
        )
        np.testing.assert_allclose(estimator.prepared(NEW), NEW / 255, atol=1e-7)
        for codes in (np.zeros((2, 7)), np.zeros(4), np.zeros((0, estimator.n_features_out_))):
            with pytest.raises(
                InputError,
                match=r"expected codes of shape \[n, .\], got .*: give what transform gave",
            ):
                estimator.inverse_transform(codes)

    @pytest.mark.full
    def test_a_unet_reconstructs_but_does_not_decode(self):
        estimator = autoencoder(
            model=UNetSpec(widths=(2,), latent_dim=3), epochs=1, loss="bernoulli"
        ).fit(IMAGES)
        assert (estimator.reconstruct(NEW) != estimator.reconstruct(NEW, zero_code=True)).any()
        with pytest.raises(InputError, match="codes alone cannot be decoded"):
            estimator.inverse_transform(estimator.transform(NEW))

    def test_losses_are_terms_of_the_history(self):
        assert set(fitted(autoencoder).history_) == {"loss", "mse", "mse_per_pixel"}
        vae = autoencoder(
            model=VAESpec(widths=(2,), latent_dim=3, likelihood="gaussian"), epochs=1
        ).fit(IMAGES)
        assert set(vae.history_) == {"loss", "reconstruction", "kl"}
        with pytest.raises(
            InputError, match="expected loss to be one of 'mse', 'bernoulli', got 'l1'"
        ):
            autoencoder(loss="l1").fit(IMAGES)


class TestLabels:
    @pytest.mark.parametrize("make", [classifier, class_losses])
    def test_what_cannot_be_labels_is_refused(self, make):
        unknown, partly = LABELS.copy(), LABELS.astype(float)
        unknown[3], partly[3] = -1, np.nan
        for labels, message in (
            (None, r"learned from labels, but none came: call fit\(images, labels\)"),
            (LABELS[:7], r"expected 40 labels, one for each image, got shape \[7\]"),
            (LABELS[:, None], r"expected 40 labels, one for each image, got shape \[40, 1\]"),
            (unknown, r"some labels are unknown \(-1 or NaN\): leave those images out"),
            (partly, r"some labels are unknown \(-1 or NaN\): leave those images out"),
            (
                np.array(["a", None] * 20, dtype=object),
                "all integers or all strings, got object: name the unknown ones",
            ),
            (np.ones(40, int), "at least two classes, got only 1"),
        ):
            with pytest.raises(InputError, match=message):
                make().fit(IMAGES, labels)
        with pytest.raises(InputError, match="but none came"):
            make().fit(IMAGES)
        with pytest.raises(InputError, match="but none came"):
            make().fit_transform(IMAGES)

    def test_strings_come_back_as_they_were(self, tmp_path):
        words = np.array(["odd", "even"])[1 - LABELS]
        estimator = classifier().fit(IMAGES, words)
        assert same(estimator, classifier().fit(IMAGES, words.astype(object)))
        assert estimator.classes_.tolist() == ["even", "odd"]
        assert set(estimator.predict(NEW)) <= {"even", "odd"}
        assert estimator.score(IMAGES, words) == np.mean(estimator.predict(IMAGES) == words)
        estimator.save(tmp_path / "model")
        again = persist.load(tmp_path / "model")
        assert again.classes_.dtype == words.dtype
        assert again.predict(NEW).tolist() == estimator.predict(NEW).tolist()
        with pytest.raises(
            InputError, match=r"expected 9 labels, one for each image, got shape \[40\]"
        ):
            estimator.score(NEW, words)

    @pytest.mark.full
    def test_a_classifier_learns_its_classes(self):
        estimator = classifier(model=None, epochs=8, layer="pool", optimizer="adam").fit(
            IMAGES, LABELS * 5 + 2
        )
        assert estimator.classes_.tolist() == [2, 7]
        assert estimator.spec_ == ClassifierSpec(n_classes=2)
        assert estimator.score(IMAGES, LABELS * 5 + 2) > 0.9
        assert estimator.transform(NEW).shape == (9, 2 * 2 * 64)

    def test_what_cannot_be_a_classifier_is_refused(self):
        for parameters, message in (
            ({"layer": "conv9"}, "expected layer to be one of 'conv1', .*, got 'conv9'"),
            (
                {"model": ClassifierSpec()},
                "the labels have 2 classes, but ClassifierSpec.* has 10: give images of every",
            ),
        ):
            with pytest.raises(ValueError, match=message):
                classifier(**parameters).fit(IMAGES, LABELS)
        with pytest.raises(
            ValueError, match="expected losses to be one of 'raw', 'log-centred', got 'log'"
        ):
            class_losses(losses="log").fit(IMAGES, LABELS)

    def test_class_losses_are_raw_or_centred(self):
        raw = class_losses(losses="raw").fit(IMAGES, LABELS)
        assert same(raw, fitted(class_losses))
        logarithms = np.log(raw.transform(NEW))
        centred = logarithms - logarithms.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(fitted(class_losses).transform(NEW), centred, atol=1e-5)

    def test_each_network_sees_its_class_alone(self):
        alone = autoencoder().fit(IMAGES[LABELS == 1])
        for path, array in alone.parameters_.items():
            np.testing.assert_array_equal(fitted(class_losses).parameters_["1"][path], array)
        squares = (NEW / 255 - alone.reconstruct(NEW)) ** 2
        raw = class_losses(losses="raw").fit(IMAGES, LABELS)
        np.testing.assert_allclose(
            raw.transform(NEW)[:, 1], squares.mean(axis=(1, 2, 3)), rtol=1e-5
        )


def test_a_fit_that_fails_leaves_no_network_with_new_classes():
    model = classifier().fit(IMAGES, LABELS)
    with pytest.raises(ValueError, match="expected layer to be one of"):
        model.set_params(layer="none").fit(IMAGES, np.where(LABELS > 0, "cat", "dog"))
    with pytest.raises(NotFittedError):
        model.predict(NEW)


def test_labels_of_python_and_labels_of_bytes():
    classes, places = check_classes(np.array([5, 3, 5], dtype=object), 3)
    assert (classes.tolist(), places.tolist()) == ([3, 5], [1, 0, 1])
    with pytest.raises(InputError, match=r"some labels are unknown \(-1 or NaN\)"):
        check_classes(np.array([5, -1, 5], dtype=object), 3)
    for labels in ([b"a", b"b"], [1, "a"], [1j, 2j]):
        labels = np.array(labels, dtype=None if not isinstance(labels[1], str) else object)
        with pytest.raises(
            InputError, match="expected labels that are all integers or all strings, got"
        ):
            check_classes(labels, 2)
