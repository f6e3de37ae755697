"""Self-supervised features: what is encoded, what is compared, and that a collapse is said."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from scratchclust import AdamSpec, ResNetSpec, StridedSpec, ViewSpec, rows
from scratchclust.errors import InputError, TrainingError
from scratchclust.features import self_supervised
from scratchclust.features.self_supervised import (
    OBJECTIVES,
    Objective,
    code_length,
    encode,
    fit_self_supervised,
    loss_of,
    measure,
    spec_of,
    views_of,
)
from scratchclust.train.losses import Batch
from scratchclust.train.objectives.coding_rate import cosine_to_mean, emp_ssl
from scratchclust.train.objectives.views import outputs_of_views
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import DIGITS, PATCHES, SIMCLR_CIFAR
from scratchclust.train.views import Views
from tests.features.network_cases import IMAGES, NEW, PATCH, SMALL_ENCODER, fitted
from tests.features.network_cases import self_supervised as estimator


@pytest.fixture(scope="module")
def model():
    model = SMALL_ENCODER.build((8, 8, 1), rngs=nnx.Rngs(0))
    model.eval()
    return model


def training(**settings):
    return Training(**({"optimizer": "adam", "epochs": 3, "batch_size": 20} | settings))


def test_the_code_of_an_image_is_the_mean_of_those_of_its_patches(model):
    pixels = (IMAGES[:5] / 255).astype(np.float32)
    corners = [(row, column) for row in (0, 2, 4) for column in (0, 2, 4)]
    patches = [pixels[:, row : row + 4, column : column + 4] for row, column in corners]
    expected = np.mean([model.encode(jax.numpy.asarray(patch)) for patch in patches], axis=0)
    found = encode(model, IMAGES[:5], PATCH)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(encode(model, pixels, PATCH), found, rtol=1e-5, atol=1e-6)


def test_views_of_the_whole_image_leave_it_whole(model):
    pixels = jax.numpy.asarray((IMAGES[:5] / 255).astype(np.float32))
    for views in (SIMCLR_CIFAR, DIGITS):
        found = encode(model, IMAGES[:5], views)
        np.testing.assert_allclose(found, model.encode(pixels), rtol=1e-5, atol=1e-6)


def test_the_loss_is_that_of_the_projections(model):
    views = Views(PATCH, 3)
    pixels = jax.numpy.asarray((IMAGES[:6] / 255).astype(np.float32))
    key = jax.random.key(1)
    value, terms = loss_of("emp-ssl", views)(model, Batch(pixels, None), key)
    _, projections = model(views(pixels, key))
    np.testing.assert_allclose(value, emp_ssl(projections), rtol=1e-5)
    assert set(terms) == {"coding_rate", "view_cosine"}
    assert loss_of("emp-ssl", views) == loss_of("emp-ssl", Views(PATCH, 3))  # compiled once


def test_words_and_specs():
    assert views_of("emp-ssl") == Views(PATCHES, 8)
    assert views_of("simclr") == Views(SIMCLR_CIFAR, 2)
    assert views_of("lejepa", "digits", 3) == Views(DIGITS, 3)
    assert views_of("simclr", ViewSpec()).spec == ViewSpec()
    assert spec_of(StridedSpec()).encoder == StridedSpec()
    assert spec_of(SMALL_ENCODER) is SMALL_ENCODER
    assert code_length(spec_of("strided"), (32, 32, 3)) == 256
    assert code_length(spec_of("resnet18"), (32, 32, 3)) == 512


def test_what_cannot_be_is_refused():
    with pytest.raises(
        InputError, match=r"expected n_views to be exactly 2 for objective='simclr'"
    ):
        views_of("simclr", n_views=4)
    with pytest.raises(InputError, match=r"expected n_views to be 2 or more .*, got 1"):
        views_of("emp-ssl", n_views=1)
    with pytest.raises(InputError, match=r"expected views to be one of 'auto', .* got 'crops'"):
        views_of("emp-ssl", "crops")
    with pytest.raises(
        InputError, match=r"expected objective to be one of 'emp-ssl', .* got 'moco'"
    ):
        views_of("moco")
    with pytest.raises(InputError, match=r"expected model to be one of 'strided', .* got 'vit'"):
        spec_of("vit")
    with pytest.raises(InputError, match=r"expected an encoder without a last layer"):
        spec_of(ResNetSpec())


@pytest.mark.quick(1)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_each_epoch_tells_how_much_room_the_code_takes(objective):
    views = views_of(objective, PATCH, 2)
    key = jax.random.key(0)
    found = fit_self_supervised(
        IMAGES, SMALL_ENCODER, objective=objective, views=views, key=key, training=training()
    )
    assert {"loss", "effective_rank", "uniformity"} < set(found.history)
    assert all(len(values) == 3 for values in found.history.values())
    expected = measure(encode(found.model, IMAGES, PATCH))
    assert {name: found.history[name][-1] for name in expected} == expected
    few = fit_self_supervised(
        IMAGES[:9], SMALL_ENCODER, objective=objective, views=views, key=key, training=training()
    )
    assert "uniformity" not in few.history


@dataclass(frozen=True)
class PullAlone:
    """Views agree, and nothing keeps images apart."""

    views: Any

    def __call__(self, model, batch, key):
        cosine = cosine_to_mean(outputs_of_views(model, self.views(batch.images, key)))
        return -cosine, {"view_cosine": cosine}


def test_a_collapse_ends_the_training(monkeypatch):
    monkeypatch.setitem(self_supervised.OBJECTIVES, "emp-ssl", Objective(PullAlone, PATCH, 4))
    finished = []
    with pytest.raises(
        TrainingError,
        match=r"after epoch \d+ the projections have collapsed: the (uniformity|effective rank) is "
        ".*: the network says the same of nearly all pictures",
    ) as raised:
        fit_self_supervised(
            IMAGES,
            SMALL_ENCODER,
            objective="emp-ssl",
            views=views_of("emp-ssl"),
            key=jax.random.key(0),
            training=training(
                epochs=60, optimizer=AdamSpec(0.03), callbacks=[lambda *_: finished.append(1)]
            ),
        )
    error = raised.value
    assert error.epoch == len(error.history["loss"]) == len(finished) + 1
    assert len(encode(error.model, IMAGES, PATCH)) == 40


def test_a_code_that_says_nothing_ends_the_training():
    """From the 20th step: before it a network has learned nothing that it could lose."""
    same = np.repeat(IMAGES[:1], 20, axis=0)  # an epoch is one step

    def fit(epochs):
        return fit_self_supervised(
            same,
            SMALL_ENCODER,
            objective="emp-ssl",
            views=views_of("emp-ssl", PATCH),
            key=jax.random.key(0),
            training=training(epochs=epochs),
        )

    assert fit(19).history["effective_rank"][-1] == pytest.approx(1, abs=1e-3)
    with pytest.raises(
        TrainingError, match=r"after epoch 20 the code has collapsed: the effective"
    ):
        fit(20)


@pytest.mark.full
def test_one_and_two_devices_give_the_same_training():
    def on(n_devices):
        with rows.on(jax.local_devices()[:n_devices]):
            return estimator(n_views=3, epochs=3, batch_size=20).fit(IMAGES)

    one, two = on(1), on(2)
    for name, values in one.parameters_.items():
        np.testing.assert_allclose(two.parameters_[name], values, rtol=1e-3, atol=1e-5)
    for name, values in one.history_.items():
        np.testing.assert_allclose(two.history_[name], values, rtol=1e-3)
    np.testing.assert_allclose(two.transform(NEW), one.transform(NEW), rtol=1e-3, atol=1e-5)


def test_the_parameters_before_the_training_are_those_it_began_with():
    features = estimator(optimizer="sgd", learning_rate=1e-30, epochs=1).fit(IMAGES)
    first = features.before_training()
    assert first.parameters_.keys() == features.parameters_.keys()
    for name, values in first.parameters_.items():
        if name.endswith("kernel"):
            np.testing.assert_array_equal(features.parameters_[name], values)
    assert first.transform(NEW).shape == (9, 6)
    assert np.abs(fitted(estimator).transform(NEW) - first.transform(NEW)).max() > 1e-3
    with pytest.raises(InputError, match=r"expected a whole number as random_state, got None, of"):
        features.set_params(random_state=None).before_training()


def test_views_to_look_at_are_like_those_that_are_compared():
    views = fitted(estimator).make_views(NEW)
    assert views.shape == (2, 9, 4, 4, 1)
    np.testing.assert_array_equal(fitted(estimator).make_views(NEW), views)
    assert fitted(estimator).make_views(NEW, 5).shape == (5, 9, 4, 4, 1)
    patches = {
        tuple((NEW[3, row : row + 4, column : column + 4] / 255).astype(np.float32).ravel())
        for row in range(5)
        for column in range(5)
    }
    for view in fitted(estimator).make_views(NEW, 3)[:, 3]:
        found = [np.abs(np.array(patch) - view.ravel()).max() for patch in patches]
        assert min(found) < 1e-5
    with pytest.raises(InputError, match=r"expected n_views to be"):
        fitted(estimator).make_views(NEW, 0)
