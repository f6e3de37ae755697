"""The training loop: one step by hand, any number of devices, what comes back, what is told, and
what is compiled.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from benchmarks import bench_autoencoder
from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.models import ClassifierSpec, ConvAutoencoderSpec
from scratchclust.train import runner as runners
from scratchclust.train.checkpoint import Checkpoints
from scratchclust.train.loop import STOP, Every, train
from scratchclust.train.losses import Batch, classification_loss, mse, reconstruction_loss
from scratchclust.train.optimizer_specs import AdamSpec, SGDSpec
from scratchclust.train.runner import Runner
from scratchclust.train.schedules import CosineSpec
from scratchclust.train.settings import Training
from scratchclust.train.steps import devices_for, take_batch, unit_scale
from tests.train.training_cases import (
    Line,
    arrays_of,
    assert_same,
    autoencoder,
    classifier,
    data,
    train_autoencoder,
    train_classifier,
)

KEY = jax.random.key(0)


@pytest.fixture(autouse=True)
def one_device():
    """One is quicker; TestDevices asks for more."""
    with rows.on(jax.local_devices()[:1]):
        yield


def images_of(*values):
    return np.array(values, np.float32).reshape(-1, 1, 1, 1)


class TestOneStep:
    def test_gradient_descent_by_hand(self):
        # y = s x + o on x = 1, 2 from s = o = 0: loss (1 + 4) / 2, d/ds = -2 (1 + 4) / 2, d/do = -2
        # (1 + 2) / 2
        result = train(
            Line(),
            images_of(1, 2),
            loss=reconstruction_loss(),
            optimizer=SGDSpec(0.1),
            epochs=1,
            batch_size=2,
            key=KEY,
        )
        assert result.model.slope[...] == pytest.approx(0.5)
        assert result.model.offset[...] == pytest.approx(0.3)
        assert result.history == {"loss": [2.5], "mse": [2.5], "mse_per_pixel": [2.5]}

    def test_batch_statistics_are_those_of_the_whole_batch(self):
        images, _ = data(8)
        result = train_classifier(n=8, epochs=1, batch_size=8)
        x = classifier().conv(unit_scale(jnp.asarray(images)))
        np.testing.assert_allclose(
            result.model.norm.mean[...], 0.01 * x.mean((0, 1, 2)), rtol=1e-4, atol=1e-7
        )
        np.testing.assert_allclose(
            result.model.norm.var[...], 0.99 + 0.01 * x.var((0, 1, 2)), rtol=1e-4
        )

    def test_the_history_is_the_mean_over_the_steps(self):
        seen = []
        result = train_autoencoder(
            n=24, epochs=2, progress=lambda report: seen.append(report.value)
        )
        assert [len(values) for values in result.history.values()] == [2, 2, 2]
        one_step = train_autoencoder(
            n=8, epochs=1, progress=lambda report: seen.append(report.value)
        )
        assert one_step.history["loss"] == [seen[-1]]


class TestDevices:
    def on(self, n_devices, **settings):
        with rows.on(jax.local_devices()[:n_devices]):
            return train_classifier(**settings)

    @pytest.mark.quick(1)
    @pytest.mark.parametrize("n_devices", [2, 4])
    def test_more_devices_give_the_same_training(self, n_devices):
        one, more = self.on(1), self.on(n_devices)
        assert_same(one.model, more.model, rtol=1e-3, atol=1e-5)
        for name in one.history:
            np.testing.assert_allclose(one.history[name], more.history[name], rtol=1e-4)

    def test_the_devices_of_a_cpu_share_one_copy_of_the_images(self):
        images = data(64)[0]
        with rows.on(jax.local_devices()):
            shared = rows.on_every_device(images, rows.mesh())
        assert len({shard.data.unsafe_buffer_pointer() for shard in shared.addressable_shards}) == 1
        np.testing.assert_array_equal(shared, images)
        images[:] = 0  # the copy is the devices' own
        assert np.asarray(shared).any()

    def test_as_many_devices_as_divide_the_batch(self):
        with rows.on(jax.local_devices()):
            sizes = [len(devices_for(batch_size)) for batch_size in (1, 2, 3, 4, 6, 7, 8, 10)]
        assert sizes == [1, 2, 3, 4, 3, 1, 4, 2]
        assert_same(
            self.on(1, batch_size=6).model, self.on(4, batch_size=6).model, rtol=1e-3, atol=1e-5
        )

    def test_steps_in_one_scan_are_the_same_as_one_by_one(self, monkeypatch):
        stepwise = train_classifier(n=88, epochs=2)
        monkeypatch.setattr(runners, "STEPWISE", set())
        monkeypatch.setattr(runners, "MOST_STEPS_PER_CALL", 4)
        lengths = []
        advance = Runner.advance

        def noted(self, *arguments):
            state, terms = advance(self, *arguments)
            lengths.append(len(terms["loss"]))
            return state, terms

        monkeypatch.setattr(Runner, "advance", noted)
        monkeypatch.setattr(rows, "SECONDS_PER_CALL", 1e6)
        in_scans = train_classifier(n=88, epochs=2)
        assert lengths == [
            1,
            1,
            1,
            3,
            3,
            2,
            3,
            3,
            3,
            2,
        ]  # 11 steps: three calls to measure, then 11 // 3 each; the last two of an epoch queue up
        assert_same(stepwise.model, in_scans.model, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(stepwise.history["loss"], in_scans.history["loss"], rtol=1e-5)


class TestWhatComesBack:
    def test_a_trained_copy_in_evaluation_mode_and_the_model_as_it_was(self):
        model = classifier()
        before = arrays_of(model)
        result = train_classifier(model)
        assert all((a == b).all() for a, b in zip(before, arrays_of(model), strict=True))
        assert model(jnp.ones((2, 4, 4, 1))).shape == (2, 3)
        assert result.model.norm.use_running_average
        assert not model.norm.use_running_average
        assert any((a != b).any() for a, b in zip(before, arrays_of(result.model), strict=True))

    def test_the_key_decides_everything(self):
        one, two, other = (train_classifier(key=jax.random.key(seed)) for seed in (5, 5, 6))
        assert_same(one.model, two.model)
        assert one.history == two.history != other.history

    def test_each_epoch_sees_every_image_once_but_the_remainder(self):
        runner = self.runner(n=50, batch_size=8)
        assert runner.n_steps == 6
        orders = [np.asarray(runner.shuffle(epoch)[0]) for epoch in (1, 2)]
        assert all(sorted(order) == list(range(50)) for order in orders)
        assert (orders[0] != orders[1]).any()

    def test_a_batch_larger_than_the_data_shrinks(self):
        runner = self.runner(n=5, batch_size=8)
        assert (runner.batch_size, runner.n_steps) == (5, 1)

    def runner(self, n, batch_size):
        return Runner(
            autoencoder(),
            Batch(data(n)[0], None),
            loss=reconstruction_loss(),
            key=KEY,
            training=Training(optimizer="sgd", epochs=1, batch_size=batch_size),
        )

    def test_eight_images_are_learned_by_heart(self):
        assert train_classifier(n=8, epochs=60).history["accuracy"][-1] == 1
        result = train_autoencoder(n=8, epochs=400)
        assert result.history["mse_per_pixel"][-1] < 0.1 * result.history["mse_per_pixel"][0]


class TestSettings:
    @pytest.mark.parametrize(
        "optimizer", ["adam", AdamSpec(), optax.adam(1e-3)], ids=["name", "spec", "optax"]
    )
    def test_optimizers_by_name_by_spec_and_of_optax(self, optimizer):
        result = train_autoencoder(optimizer=optimizer)
        np.testing.assert_allclose(
            result.history["loss"], train_autoencoder(optimizer="adam").history["loss"], rtol=1e-5
        )

    def test_a_schedule_knows_the_length_of_the_run(self):
        # rate 0 at first, 1 after half of 2 steps: only the second step moves
        settings = {
            "optimizer": SGDSpec(CosineSpec(0.1, warmup=0.5)),
            "loss": reconstruction_loss(),
            "key": KEY,
        }
        result = train(Line(), images_of(1, 2), epochs=2, batch_size=2, **settings)
        assert result.model.slope[...] == pytest.approx(0.5)

    def test_floats_and_bytes(self):
        images, labels = data()
        settings = {
            "loss": classification_loss(),
            "optimizer": "adam",
            "epochs": 1,
            "batch_size": 8,
            "key": KEY,
        }
        as_bytes = train(classifier(), images, labels=labels, **settings)
        as_floats = train(classifier(), jnp.asarray(images / 255), labels=labels, **settings)
        assert_same(as_bytes.model, as_floats.model, rtol=1e-4, atol=1e-6)

    def test_prepare_draws_with_its_key(self):
        def noisy(images, key):
            return unit_scale(images) + jax.random.uniform(key, images.shape)

        one, two = train_autoencoder(prepare=noisy), train_autoencoder(prepare=noisy)
        assert_same(one.model, two.model)
        assert one.history["loss"][0] > train_autoencoder().history["loss"][0]

    def test_every_step_of_every_epoch_draws_anew(self):
        """The images are all one random number, and the loss is that number and one of its own."""
        seen = []

        def drawn(images, key):
            return jnp.full(images.shape, jax.random.uniform(key))

        def loss(model, batch, key):
            unused = 0 * model.up.bias[...].sum()
            return unused, {"prepared": batch.images.mean(), "own": jax.random.uniform(key)}

        def note(epoch, model, history):
            seen.append(epoch)

        settings = {"epochs": 3, "n": 16, "batch_size": 8, "prepare": drawn, "loss": loss}
        history = train_autoencoder(callbacks=[Every(1, note)], **settings).history
        assert seen == [1, 2, 3]
        for name in ("prepared", "own"):  # means over the two steps of an epoch
            assert len(set(history[name])) == 3
        one_epoch = train_autoencoder(**settings | {"epochs": 1}).history
        first_step_twice = train_autoencoder(**settings | {"epochs": 1, "n": 8}).history
        for name in ("prepared", "own"):
            assert one_epoch[name][0] != first_step_twice[name][0]

    def test_bfloat16_computes_in_it_and_keeps_float32_parameters(self):
        types = set()

        def noting(model, batch, key):
            reconstructions = model(batch.images)
            types.add((batch.images.dtype, model.up.kernel[...].dtype, reconstructions.dtype))
            return mse(batch.images, reconstructions), {}

        result = train_autoencoder(loss=noting, precision="bfloat16", epochs=10)
        assert types == {(jnp.dtype(jnp.bfloat16),) * 3}
        assert {leaf.dtype for leaf in jax.tree.leaves(nnx.state(result.model))} == {
            jnp.dtype(jnp.float32)
        }
        np.testing.assert_allclose(
            result.history["loss"], train_autoencoder(epochs=10).history["loss"], rtol=0.02
        )
        rounded = [
            np.array(jnp.asarray(a, jnp.bfloat16), np.float32) for a in arrays_of(result.model)
        ]
        assert any((a != b).any() for a, b in zip(rounded, arrays_of(result.model), strict=True))

    def test_bfloat16_with_batch_statistics(self):
        result = train_classifier(precision="bfloat16", epochs=10)
        assert result.model.norm.mean[...].dtype == jnp.float32
        np.testing.assert_allclose(
            result.history["loss"], train_classifier(epochs=10).history["loss"], rtol=0.05
        )

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"epochs": 0}, "expected epochs to be a whole number of at least 1, got 0"),
            ({"batch_size": 0}, "expected batch_size to be a whole number of at least 1, got 0"),
            (
                {"precision": "float16"},
                "expected precision to be one of 'float32', 'bfloat16', 'tf32', got 'float16'",
            ),
            (
                {"optimizer": "adagrad"},
                "expected optimizer to be one of 'sgd', 'momentum', 'adam', .*'muon', got 'ada",
            ),
            (
                {"optimizer": 3},
                "expected optimizer to be a name, a spec or a transformation of optax, got 3",
            ),
            (
                {"resume": True},
                r"resume=True needs to know from where: give checkpoints=Checkpoints\(folder\)",
            ),
            ({"loss": classification_loss()}, "trained with labels, but none came: give labels="),
        ],
    )
    def test_errors_teach(self, settings, message):
        with pytest.raises(InputError, match=message):
            train_autoencoder(**settings)

    @pytest.mark.parametrize(
        ("images", "labels", "message"),
        [
            (
                np.zeros((0, 4, 4, 1), np.uint8),
                None,
                "expected at least one image to train on, got none",
            ),
            (
                np.zeros((3, 4, 4, 1), np.int64),
                None,
                "expected images of type uint8 or float, got int32: convert them",
            ),
            (
                np.full((3, 4, 4, 1), np.nan),
                None,
                "expected finite images, got NaN or infinity among the pixels: drop",
            ),
            (
                data(3)[0],
                np.array([0, -1, 1], np.int32),
                "expected labels of 0 or more, got -1: leave images without",
            ),
        ],
    )
    def test_images_that_cannot_be_used(self, images, labels, message):
        settings = {
            "loss": reconstruction_loss(),
            "optimizer": "adam",
            "epochs": 1,
            "batch_size": 2,
            "key": KEY,
        }
        with pytest.raises(InputError, match=message):
            train(autoencoder(), images, labels=labels, **settings)

    def test_labels_beyond_the_classes_of_the_model(self):
        """They would give a loss of NaN, and the advice to learn more slowly."""
        model = classifier()
        model.spec = ClassifierSpec(n_classes=3)
        images, labels = data(8)
        settings = {
            "loss": classification_loss(),
            "optimizer": "adam",
            "epochs": 1,
            "batch_size": 4,
            "key": KEY,
        }
        with pytest.raises(
            InputError,
            match=r"expected labels from 0 to 2, as the model has 3 classes, got 3: number",
        ):
            train(model, images, labels=labels % 3 + 1, **settings)

    def test_images_in_bfloat16_reach_a_checkpoint(self, tmp_path):
        images = jnp.asarray(data(8)[0] / 255, jnp.bfloat16)
        settings = {"loss": reconstruction_loss(), "optimizer": "adam", "epochs": 1, "key": KEY}
        checkpoints = Checkpoints(tmp_path)
        train(autoencoder(), images, batch_size=4, checkpoints=checkpoints, **settings)
        assert len(checkpoints.found()) == 1

    def test_a_label_for_each_image(self):
        settings = {
            "loss": reconstruction_loss(),
            "key": KEY,
            "training": Training(optimizer="adam", epochs=1, batch_size=2),
        }
        with pytest.raises(InputError, match="expected one label for each of 8 images, got 7"):
            Runner(autoencoder(), Batch(data(8)[0], np.zeros(7, np.int32)), **settings)
        with pytest.raises(InputError, match="expected labels as whole numbers from 0, got float"):
            Runner(autoencoder(), Batch(data(8)[0], np.zeros(8)), **settings)


class TestNeighbors:
    """Each image comes with one of its neighbours, another one in each epoch."""

    NUMBERS = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    NEIGHBORS = (np.arange(12)[:, None] + np.array([1, 2, 3])) % 12

    def pairs(self, *, batch_size=4, epochs=30, n_devices=1):
        """The second number of each pair, by the first and the epoch."""
        settings = Training(
            optimizer="sgd", epochs=epochs, batch_size=batch_size, prepare=lambda x, key: x
        )
        found = np.full((epochs, 12), -1)
        with rows.on(jax.local_devices()[:n_devices]):
            data = Batch(self.NUMBERS, None, self.NEIGHBORS)
            runner = Runner(Line(), data, loss=reconstruction_loss(), key=KEY, training=settings)
            for epoch in range(epochs):
                order, _ = runner.shuffle(epoch)
                for t in range(runner.n_steps):
                    batch = take_batch(
                        runner._data, order, t, batch_size=batch_size, mesh=runner._mesh
                    )
                    first, second = np.asarray(batch.images).reshape(-1, 2).T
                    found[epoch, first] = second
        return found

    def test_pairs_are_of_neighbours_and_all_of_them_come(self):
        found = self.pairs()
        assert (found >= 0).all()  # each image once in an epoch
        for i in range(12):
            assert set(found[:, i]) == set(self.NEIGHBORS[i])
        steps = (found - np.arange(12)[None]) % 12
        assert [(steps == step).sum() for step in (1, 2, 3)] == [120, 120, 120]

    def test_they_are_the_same_on_several_devices(self):
        one = self.pairs(epochs=2)
        np.testing.assert_array_equal(self.pairs(epochs=2, n_devices=2), one)
        np.testing.assert_array_equal(self.pairs(epochs=2, n_devices=4), one)

    def test_what_cannot_be_neighbours_is_refused(self):
        settings = {
            "loss": reconstruction_loss(),
            "key": KEY,
            "training": Training(optimizer="adam", epochs=1, batch_size=2),
        }
        for neighbors, message in (
            (self.NEIGHBORS[:7], r"expected neighbours of shape \[12 m\], .* got \[7, 3\]"),
            (self.NEIGHBORS[:, :0], r"expected neighbours of shape \[12 m\], .* got \[12, 0\]"),
            (self.NEIGHBORS + 1, "expected neighbours from 0 to 11, .* got 1 to 12"),
        ):
            with pytest.raises(InputError, match=message):
                Runner(autoencoder(), Batch(self.NUMBERS, None, neighbors), **settings)


class TestCallbacks:
    def test_their_numbers_stand_at_their_epoch(self):
        def accuracy(epoch, model, history):
            assert len(history["loss"]) == epoch
            images, labels = data()
            return {"all": (model(unit_scale(jnp.asarray(images))).argmax(1) == labels).mean()}

        result = train_classifier(
            epochs=5, callbacks=[Every(2, accuracy), lambda epoch, *_: {"epoch": epoch}]
        )
        assert [value is None for value in result.history["all"]] == [
            True,
            False,
            True,
            False,
            True,
        ]
        assert all(isinstance(value, float) for value in result.history["all"] if value is not None)
        assert result.history["epoch"] == [1, 2, 3, 4, 5]

    def test_every_no_epochs(self):
        with pytest.raises(InputError, match="expected a callback every 1 or more epochs, got 0"):
            train_autoencoder(callbacks=[Every(0, lambda *_: None)])

    def test_one_that_returns_nothing(self):
        models = []
        result = train_classifier(
            epochs=2, callbacks=[lambda epoch, model, history: models.append(model)]
        )
        assert set(result.history) == {"loss", "accuracy"}
        assert_same(models[-1], result.model)

    def test_a_name_that_is_taken(self):
        with pytest.raises(
            InputError,
            match="a callback returned 'loss', which the history has already: choose another",
        ):
            train_classifier(callbacks=[lambda *_: {"loss": 0.0}])

    def test_one_that_says_stop_ends_the_training_after_the_epoch(self, tmp_path):
        called = []

        def stop_after_two(epoch, model, history):
            return STOP if epoch == 2 else None

        def count(epoch, model, history):
            called.append(epoch)
            return {"seen": epoch}

        checkpoints = Checkpoints(tmp_path, keep=9)
        settings = {"callbacks": [stop_after_two, count], "epochs": 4}
        result = train_classifier(checkpoints=checkpoints, **settings)
        assert called == result.history["seen"] == [1, 2]  # those after it are called as well
        two = train_classifier(epochs=2)
        assert_same(result.model, two.model)
        assert result.history["loss"] == two.history["loss"]
        assert [path.name for path in checkpoints.found()] == ["epoch-00001"]
        again = train_classifier(checkpoints=checkpoints, resume=True, **settings)
        assert_same(again.model, two.model)
        assert again.history == result.history

    def test_each_has_a_model_of_its_own(self):
        def spoil(epoch, model, history):
            model.train()
            model.dense.kernel[...] = 0

        found = []
        train_classifier(
            epochs=1, callbacks=[spoil, lambda epoch, model, history: found.append(model)]
        )
        assert_same(found[0], train_classifier(epochs=1).model)


class TestProgress:
    def test_every_epoch_ends_with_a_report(self):
        reports = []
        train_autoencoder(epochs=3, n=50, progress=reports.append)
        ends = [report for report in reports if report.share == 1]
        assert [(report.unit, report.done, report.total) for report in ends] == [
            ("epoch", 1, 3),
            ("epoch", 2, 3),
            ("epoch", 3, 3),
        ]
        assert reports[0].share == pytest.approx(1 / 6)
        assert {(report.measure, report.part) for report in reports} == {("loss", "")}
        assert all(np.isfinite(report.value) for report in reports)
        assert reports[0].images_per_second is None
        assert all(report.images_per_second > 0 for report in ends)
        assert ends[-1].seconds_left == 0
        assert ends[0].seconds_left > 0


class TestCompilation:
    def counted(self):
        traces = []

        def loss(model, batch, key):
            traces.append(batch.images.shape)
            return reconstruction_loss()(model, batch, key)

        return traces, loss

    def test_one_trace_for_all_epochs_and_all_calls(self):
        traces, loss = self.counted()
        train_autoencoder(loss=loss, epochs=3)
        assert traces == [(8, 4, 4, 1)]
        train_autoencoder(
            autoencoder(seed=1), loss=loss, n=60, key=jax.random.key(9)
        )  # another model of the same kind
        assert traces == [(8, 4, 4, 1)]
        train_autoencoder(loss=loss, batch_size=4)
        assert traces == [(8, 4, 4, 1), (4, 4, 4, 1)]


class TestProgramsOfASecondFit:
    def test_nothing_is_compiled_for_a_network_that_was_trained_before(self, caplog):
        odd = {"epochs": 1, "batch_size": 5}  # of no other test, so that it is compiled here
        with jax.log_compiles(), caplog.at_level("WARNING"):
            train_autoencoder(**odd)
            assert "Finished XLA compilation" in caplog.text, "so the log would have shown it"
            caplog.clear()
            train_autoencoder(**odd)
        assert "Finished XLA compilation" not in caplog.text

    @pytest.mark.full
    def test_two_warm_ups_leave_no_compilation_to_the_rounds_of_the_benchmark(
        self, caplog, monkeypatch
    ):
        """As on an accelerator, where steps are put into one program once their pace is known."""
        monkeypatch.setattr(runners, "STEPWISE", set())
        monkeypatch.setattr(rows, "SECONDS_PER_CALL", 1e6)  # also on a machine that is busy
        images = np.zeros((12 * 8, 8, 8, 1), np.uint8)
        model = ConvAutoencoderSpec(latent_dim=4).build((8, 8, 1), rngs=nnx.Rngs(0))
        runner = Runner(
            model,
            Batch(images, None),
            loss=reconstruction_loss("mse"),
            key=KEY,
            training=Training(optimizer="adam", epochs=1, batch_size=8),
        )

        def run():
            return bench_autoencoder._ours(runner, 12, one_batch=False)

        caught = []
        with jax.log_compiles(), caplog.at_level("WARNING"):
            for _ in range(bench_autoencoder.WARM_UPS + 1):
                caplog.clear()
                run()
                caught.append(caplog.text.count("Finished XLA compilation"))
        assert caught[0] > 0
        assert caught[1] > 0, "the reason for the second warm-up"
        assert caught[-1] == 0
