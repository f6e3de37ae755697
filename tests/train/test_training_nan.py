"""A loss or a parameter that is no finite number stops the training: where, what is said, and what
is kept.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust import rows
from scratchclust.errors import InputError, TrainingError
from scratchclust.train import runner as runners
from scratchclust.train.checkpoint import Checkpoints
from scratchclust.train.losses import Batch, mse
from scratchclust.train.optimizer_specs import SGDSpec
from scratchclust.train.runner import Runner
from scratchclust.train.settings import Training
from tests.train.training_cases import (
    Autoencoder,
    arrays_of,
    assert_same,
    autoencoder,
    train_autoencoder,
)

STEPS = 6  # in an epoch of `train_autoencoder`


class Steps(nnx.Variable):
    """How often the model was called."""


class Counting(Autoencoder):
    def __init__(self, *, rngs):
        super().__init__(rngs=rngs)
        self.steps = Steps(jnp.array(0))

    def __call__(self, images):
        self.steps[...] += 1
        return super().__call__(images)


def bad_from(step, value):
    """A loss that is this value from a step on, counted from 1 over all epochs."""

    def loss(model, batch, key):
        found = mse(batch.images, model(batch.images))
        return jnp.where(model.steps[...] >= step, value, found), {}

    return loss


def bad_gradient_at(step):
    """A loss that stays finite while its gradient does not: sqrt(0) at one step."""

    def loss(model, batch, key):
        found = mse(batch.images, model(batch.images))
        less = jnp.where(model.steps[...] == step, jax.lax.stop_gradient(found), 0)
        return jnp.sqrt(found - less), {}

    return loss


@pytest.fixture(autouse=True)
def one_device():
    with rows.on(jax.local_devices()[:1]):
        yield


@pytest.fixture(params=["steps", "scans"])
def calls(request, monkeypatch):
    """The two ways in which steps are called."""
    if request.param == "scans":
        monkeypatch.setattr(runners, "STEPWISE", set())
        monkeypatch.setattr(rows, "SECONDS_PER_CALL", 1e6)


def counting():
    return Counting(rngs=nnx.Rngs(0))


@pytest.mark.quick(every=2)
@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize(("value", "word"), [(jnp.nan, "nan"), (jnp.inf, "inf")])
def test_the_step_is_found_and_the_last_good_epoch_kept(value, word):
    bad = STEPS + 4  # the fourth step of the second epoch
    with pytest.raises(
        TrainingError, match=f"the loss became {word} at step 4 of {STEPS} in epoch 2"
    ) as caught:
        train_autoencoder(counting(), loss=bad_from(bad, value))
    message = str(caught.value)
    assert "\n" not in message
    assert "try a smaller learning rate" in message
    assert (caught.value.epoch, caught.value.step) == (2, 4)
    good = train_autoencoder(counting(), loss=bad_from(bad, value), epochs=1)
    assert_same(caught.value.model, good.model)
    assert caught.value.history == good.history


def test_the_last_losses_are_said():
    seen = []
    with pytest.raises(TrainingError, match="the losses before it in this epoch") as caught:
        train_autoencoder(
            counting(),
            loss=bad_from(3, jnp.nan),
            callbacks=[lambda *_: pytest.fail("the epoch did not end")],
            progress=lambda report: seen.append(report.value),
        )
    assert f"in this epoch: {seen[0]:.4g}, " in str(caught.value)


def test_in_the_very_first_step_nothing_is_lost():
    model = counting()
    with pytest.raises(
        TrainingError,
        match=r"at step 1 of 6 in epoch 1 \(the losses before it in this epoch: none\)",
    ) as e:
        train_autoencoder(model, loss=bad_from(1, jnp.nan))
    assert_same(e.value.model, model)
    assert e.value.history == {}


def test_a_rate_that_is_too_large_really_diverges():
    def loss(model, batch, key):
        return ((model.down.kernel[...] - 1) ** 2).sum(), {}

    with pytest.raises(TrainingError, match="the loss became inf at step") as caught:
        train_autoencoder(loss=loss, optimizer=SGDSpec(100.0), epochs=20)
    assert all(np.isfinite(array).all() for array in arrays_of(caught.value.model))
    assert len(caught.value.history["loss"]) == caught.value.epoch - 1 > 0


def test_parameters_that_no_loss_has_seen_yet():
    with pytest.raises(
        TrainingError, match="became NaN or infinite at step 6 of 6 in epoch 2, though the loss"
    ) as caught:
        train_autoencoder(counting(), loss=bad_gradient_at(2 * STEPS))
    assert (caught.value.epoch, caught.value.step) == (2, STEPS)
    assert all(np.isfinite(array).all() for array in arrays_of(caught.value.model))
    assert len(caught.value.history["loss"]) == 1


def test_no_checkpoint_is_written_of_it_and_the_one_before_can_be_resumed(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    loss = bad_from(2 * STEPS + 1, jnp.nan)
    with pytest.raises(TrainingError, match="in epoch 3"):
        train_autoencoder(counting(), loss=loss, checkpoints=checkpoints)
    assert [path.name for path in checkpoints.found()] == ["epoch-00002", "epoch-00001"]
    resumed = train_autoencoder(
        counting(), loss=loss, checkpoints=checkpoints, epochs=2, resume=True
    )
    assert_same(resumed.model, train_autoencoder(counting(), loss=loss, epochs=2).model)


def test_images_with_nan_are_refused_before_the_first_step():
    images = np.zeros((8, 4, 4, 1), np.float32)
    images[3] = np.inf
    with pytest.raises(
        InputError, match="expected finite images, got NaN or infinity among the pixels"
    ):
        Runner(
            autoencoder(),
            Batch(images, None),
            loss=bad_from(1, 0.0),
            key=jax.random.key(0),
            training=Training(optimizer="adam", epochs=1, batch_size=8),
        )
