"""Checkpoints: killed and resumed, damaged, of another training, on a full disk."""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.errors import InputError, TrainingError
from scratchclust.train.checkpoint import Checkpoints, Record
from scratchclust.train.loop import train
from scratchclust.train.losses import classification_loss, reconstruction_loss
from scratchclust.train.optimizer_specs import AdamSpec, SGDSpec
from scratchclust.train.schedules import CosineSpec
from scratchclust.train.steps import unit_scale
from tests.train.training_cases import (
    assert_same,
    autoencoder,
    classifier,
    data,
    train_autoencoder,
    train_classifier,
)

EPOCHS = 6


@pytest.fixture(autouse=True)
def one_device():
    with rows.on(jax.local_devices()[:1]):
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of checkpoints of the epochs 1, 2 and 3; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("trained")
    with rows.on(jax.local_devices()[:1]):
        train_autoencoder(epochs=3, checkpoints=Checkpoints(folder, keep=3))
    return folder


@pytest.fixture
def folder(trained, tmp_path):
    return Path(shutil.copytree(trained, tmp_path / "checkpoints"))


def resume(folder, **settings):
    return train_autoencoder(checkpoints=Checkpoints(folder), resume=True, **settings)


def record(epoch=1, **arrays):
    return Record(
        epoch, arrays or {"params.w": np.arange(4.0)}, {"loss": [1.0]}, [0, 7], {"batch_size": 8}
    )


class TestWhole:
    def test_what_is_saved_comes_back(self, tmp_path):
        arrays = {
            "params.w": np.array([[1.5, np.pi]], np.float32),
            "rest.key": np.array([1, 2**32 - 1], np.uint32),
            "opt_state.count": np.array(3, np.int32),
            "params.flag": np.array(True),
        }
        history = {"loss": [0.1 + 0.2, 1e-30], "accuracy": [None, 0.5]}
        saved = Record(2, arrays, history, [1, 2], {"batch_size": 8, "loss": "mse"})
        Checkpoints(tmp_path).save(saved)
        loaded = Checkpoints(tmp_path).load({"batch_size": 8, "loss": "mse"})
        assert loaded._replace(arrays={}) == saved._replace(arrays={})
        for name, array in arrays.items():
            np.testing.assert_array_equal(loaded.arrays[name], array)
            assert loaded.arrays[name].dtype == array.dtype

    def test_the_newest_stay(self, tmp_path):
        for epoch in (1, 2, 9, 10, 100_000):
            Checkpoints(tmp_path, keep=3).save(record(epoch))
        assert sorted(os.listdir(tmp_path)) == ["epoch-00009", "epoch-00010", "epoch-100000"]
        assert Checkpoints(tmp_path).load({}).epoch == 100_000

    def test_every_so_many_epochs_and_at_the_end(self, tmp_path):
        train_autoencoder(epochs=5, checkpoints=Checkpoints(tmp_path, every=2, keep=9))
        assert sorted(os.listdir(tmp_path)) == ["epoch-00002", "epoch-00004", "epoch-00005"]

    def test_nothing_there_is_a_beginning(self, tmp_path):
        assert Checkpoints(tmp_path / "none").load({}) is None
        assert_same(resume(tmp_path / "none", epochs=1).model, train_autoencoder(epochs=1).model)

    def test_what_a_killed_process_left_is_cleaned_up(self, tmp_path):
        (tmp_path / ".epoch-00001.draft" / "arrays").mkdir(parents=True)
        Checkpoints(tmp_path).save(record())
        assert os.listdir(tmp_path) == ["epoch-00001"]

    @pytest.mark.parametrize("name", ["every", "keep"])
    @pytest.mark.parametrize("value", [0, True])
    def test_numbers_below_one_are_refused(self, name, value):
        with pytest.raises(
            InputError, match=f"expected {name} to be a whole number of at least 1, got {value}"
        ):
            Checkpoints("folder", **{name: value})


class TestResuming:
    def test_dropout_batch_statistics_and_moments_go_on_bit_for_bit(self, tmp_path):
        whole = train_classifier(epochs=5)
        train_classifier(epochs=2, checkpoints=Checkpoints(tmp_path))
        resumed = train_classifier(epochs=5, checkpoints=Checkpoints(tmp_path), resume=True)
        assert_same(resumed.model, whole.model)
        assert resumed.history == whole.history

    def test_callbacks_are_not_called_again(self, folder):
        called = []
        resume(folder, epochs=4, callbacks=[lambda epoch, *_: called.append(epoch)])
        assert called == [4]

    def test_a_finished_run_only_comes_back(self, folder):
        again = resume(
            folder, epochs=3, progress=lambda report: pytest.fail("nothing is left to do")
        )
        assert_same(again.model, train_autoencoder(epochs=3).model)

    def test_fewer_epochs_than_were_run(self, folder):
        with pytest.raises(
            InputError, match="the checkpoint is of epoch 3, but epochs is 2: give 3 or more"
        ):
            resume(folder, epochs=2)

    def test_an_old_folder_is_not_written_into(self, folder):
        with pytest.raises(
            InputError,
            match="holds checkpoints of an earlier training: go on with resume=True, choose",
        ):
            train_autoencoder(checkpoints=Checkpoints(folder))


class TestDamage:
    def files(self, folder):
        return sorted(path for path in (folder / "epoch-00003").rglob("*") if path.is_file())

    def test_a_flipped_bit_in_any_file(self, folder):
        flip, untouched = random.Random(0), folder.with_name("untouched")
        shutil.copytree(folder, untouched)
        for path in self.files(folder):
            content = bytearray(path.read_bytes())
            if not content:
                continue
            content[flip.randrange(len(content))] ^= 1 << flip.randrange(8)
            path.write_bytes(content)
            configuration = json.loads((untouched / "epoch-00002" / "state.json").read_text())[
                "configuration"
            ]
            with pytest.warns(
                UserWarning, match=r"epoch-00003 is refused: .*; epoch-00002 is used instead"
            ):
                assert Checkpoints(folder).load(configuration).epoch == 2
            shutil.copy(untouched / path.relative_to(folder), path)

    def test_the_run_goes_on_from_the_one_before_to_the_same_end(self, folder):
        largest = max(self.files(folder), key=lambda path: path.stat().st_size)
        largest.write_bytes(largest.read_bytes()[:-1])
        name = largest.relative_to(folder / "epoch-00003").as_posix()
        with pytest.warns(
            UserWarning, match=f"{name} is damaged .its SHA-256 differs from the manifest's."
        ):
            resumed = resume(folder, epochs=4)
        assert_same(resumed.model, train_autoencoder(epochs=4).model)
        assert sorted(os.listdir(folder)) == ["epoch-00003", "epoch-00004"]

    def test_a_damaged_one_does_not_count_among_those_that_stay(self, folder):
        """Checkpoints of 2 and 3, of which 3 is damaged; the next one is that of 5."""
        shutil.rmtree(folder / "epoch-00001")
        self.files(folder)[0].write_bytes(b"")
        with pytest.warns(UserWarning, match="epoch-00003 is refused"):
            train_autoencoder(checkpoints=Checkpoints(folder, every=5), resume=True, epochs=5)
        assert sorted(os.listdir(folder)) == ["epoch-00002", "epoch-00005"]

    @pytest.mark.parametrize("name", ["state.json", "manifest.json", "arrays/_METADATA"])
    def test_a_missing_file(self, folder, name):
        (folder / "epoch-00003" / name).unlink()
        with pytest.warns(
            UserWarning,
            match=f"epoch-00003 is refused: {name} is missing; epoch-00002 is used instead",
        ):
            resume(folder)

    def test_a_later_schema(self, folder):
        manifest = folder / "epoch-00003" / "manifest.json"
        manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 2'))
        with pytest.warns(UserWarning, match=r"manifest.json has schema 2, this version reads 1"):
            resume(folder)

    def test_a_manifest_that_is_no_manifest(self, folder):
        for i, text in enumerate(("{", "[]", '{"schema": 1}', '{"schema": 1, "sha256": 3}')):
            (folder / "epoch-00003" / "manifest.json").write_text(text)
            with pytest.warns(UserWarning, match=r"manifest.json is damaged"):
                train_autoencoder(
                    checkpoints=Checkpoints(folder, every=9 + i), epochs=3, resume=True
                )
            shutil.copytree(folder / "epoch-00002", folder / "epoch-00003", dirs_exist_ok=True)

    def test_none_is_left(self, folder):
        for path in folder.glob("*/manifest.json"):
            path.unlink()
        with pytest.raises(
            InputError,
            match=r"none of 3 checkpoints in .* can be used: .*manifest.json is missing: rem",
        ):
            resume(folder)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"batch_size": 4}, "batch_size: 8 there, 4 now"),
        ({"key": jax.random.key(1)}, r"key: \[0, 0\] there, \[0, 1\] now"),
        (
            {"optimizer": AdamSpec(0.02)},
            r"optimizer: AdamSpec\(learning_rate=0.01, .* there, AdamSpec",
        ),
        ({"optimizer": SGDSpec(0.01)}, "model: .*optimizer: "),
        ({"optimizer": AdamSpec(CosineSpec(0.01))}, "optimizer: "),
        (
            {"loss": lambda *arguments: reconstruction_loss()(*arguments)},
            "loss: _ReconstructionLoss.* there, <function",
        ),
        ({"precision": "bfloat16"}, "precision: float32 there, bfloat16 now"),
        ({"n": 40}, "images: "),
        (
            {"prepare": lambda images, key: unit_scale(images)},
            "prepare: <function unit_scale.* there, <function",
        ),
        (
            {"optimizer": AdamSpec(CosineSpec(0.01, warmup=0.1)), "epochs": 4},
            "optimizer: .* there, AdamSpec.*, 24 steps now",
        ),
    ],
)
def test_another_configuration_is_refused(folder, settings, reason):
    with pytest.raises(
        InputError, match=f"can be used: .*it is of another configuration .*{reason}"
    ):
        resume(folder, **settings)


def test_another_model_and_other_labels_are_other_configurations(tmp_path):
    train_classifier(epochs=1, checkpoints=Checkpoints(tmp_path))
    with pytest.raises(InputError, match=r"it is of another configuration \(model: "):
        train_classifier(autoencoder(), epochs=1, checkpoints=Checkpoints(tmp_path), resume=True)
    images, labels = data(48)
    settings = {
        "loss": classification_loss(),
        "optimizer": AdamSpec(0.01),
        "batch_size": 8,
        "key": jax.random.key(0),
    }
    with pytest.raises(InputError, match=r"it is of another configuration \(labels: "):
        train(
            classifier(),
            images,
            labels=2 - labels,
            epochs=1,
            checkpoints=Checkpoints(tmp_path),
            resume=True,
            **settings,
        )


ROOT, PROGRAM = Path(__file__).parents[2], "tests.train.training_process"


def ends_badly(how, folder, number):
    command = [sys.executable, "-m", PROGRAM, how, str(folder), str(EPOCHS), str(number)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)


@pytest.mark.full
def test_sigkill_anywhere_and_resume_give_the_same_bits(tmp_path):
    ends = ends_badly("killed", tmp_path, 6).stdout.split()
    assert ends == ["killed"] * 6 + ["finished"]
    resumed = train_classifier(epochs=EPOCHS, checkpoints=Checkpoints(tmp_path), resume=True)
    whole = train_classifier(epochs=EPOCHS)
    assert_same(resumed.model, whole.model)
    assert resumed.history == whole.history


def test_a_full_disk_keeps_the_old_checkpoints(folder):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(
        resource.RLIMIT_FSIZE, (600, limits[1])
    )  # writes beyond fail, as on a full disk
    try:
        with pytest.raises(
            TrainingError, match=r"the checkpoint of epoch 4 could not be written to .*make room"
        ) as caught:
            resume(folder, epochs=5)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).endswith("then resume (kept: epoch-00003, epoch-00002, epoch-00001)")
    assert sorted(os.listdir(folder)) == ["epoch-00001", "epoch-00002", "epoch-00003"]
    assert (
        len(caught.value.history["loss"]) == 4
    )  # the epoch that could not be kept is in the error
    assert_same(caught.value.model, train_autoencoder(epochs=4).model)
    assert_same(resume(folder, epochs=5).model, train_autoencoder(epochs=5).model)


@pytest.mark.full
def test_a_disk_that_fills_up_while_the_arrays_are_written(tmp_path):
    train_classifier(epochs=3, checkpoints=Checkpoints(tmp_path))
    message, n_losses = ends_badly("full", tmp_path, 600).stdout.splitlines()
    assert message.startswith(
        f"the checkpoint of epoch 4 could not be written to {tmp_path} (File too large): make room"
    )
    assert message.endswith("then resume (kept: epoch-00003, epoch-00002)")
    assert n_losses == "4"
    assert sorted(os.listdir(tmp_path)) == ["epoch-00002", "epoch-00003"]
    resumed = train_classifier(epochs=EPOCHS, checkpoints=Checkpoints(tmp_path), resume=True)
    assert_same(resumed.model, train_classifier(epochs=EPOCHS).model)


def test_any_other_failure_to_write_is_told_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        TrainingError, match=r"epoch 1 could not be written to .* \(Not a directory\): make room"
    ):
        Checkpoints(tmp_path / "file" / "folder").save(record())
    with pytest.raises(
        TrainingError,
        match=r"epoch 2 could not be written to .* \(TypeError: .* complex .*mend that",
    ):
        Checkpoints(tmp_path).save(record(2)._replace(history={"loss": [1j]}))
    assert Checkpoints(tmp_path).found() == []
