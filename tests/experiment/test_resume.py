"""Recipes that died: --resume keeps what is finished, redoes what is damaged or of another
configuration.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust import data, runs
from scratchclust.errors import InputError
from scratchclust.experiment import Outcome, fit, run, write
from scratchclust.experiment.images import Images
from scratchclust.experiment.scores import Reconstruction
from scratchclust.experiment.telling import ask_features
from scratchclust.recipes import Settings, find
from scratchclust.recipes.recipe import Step, Variant
from scratchclust.reduce import tsne

DIGITS = replace(find("digits"), variants=find("digits").variants[:3])  # pixels, PCA, a network
FEW = Settings(limit=150, epochs=2)


@pytest.fixture(scope="module", autouse=True)
def without_figures():
    """Figures take most of a short run's time, and no stage depends on them."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, without_figures: None) -> Outcome:
    """A run that nothing interrupted."""
    return run(DIGITS, FEW, output=tmp_path_factory.mktemp("runs") / "digits")


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def with_shuffled_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = data.load

    def load(*args: Any, **kwargs: Any) -> data.Dataset:
        dataset = whole(*args, **kwargs)
        return dataset._replace(
            labels=np.random.default_rng(1).permutation(np.asarray(dataset.labels))
        )

    monkeypatch.setattr(data, "load", load)


def die_at(variant_name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit.fit_variant

    def fit_variant(variant: Any, *args: Any, **kwargs: Any) -> runs.Stage:
        if variant.name == variant_name:
            raise RuntimeError("the power went out")
        return whole(variant, *args, **kwargs)

    monkeypatch.setattr(fit, "fit_variant", fit_variant)


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DIR of a run that died in its second variant."""
    with monkeypatch.context() as context:
        die_at("PCA + k-means", context)
        with pytest.raises(RuntimeError, match="the power went out"):
            run(DIGITS, FEW, output=tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run.partial"]
    return tmp_path / "run"


def test_resume_keeps_the_finished_stage(
    interrupted: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_at("pixels + k-means", monkeypatch)  # it must not be fitted again
    done = run(DIGITS, FEW, output=interrupted, resume=True)
    assert "stage pixels-k-means is kept" in (done.folder / "log.txt").read_text(encoding="utf-8")
    assert table(done.folder) == table(outcome.folder)
    assert [path.name for path in interrupted.parent.iterdir()] == ["run"]
    clusters = runs.load(done.folder).predict(data.load("digits", limit=150).images)
    assert [str(cluster) for cluster in clusters] == [
        row["cluster"] for row in table(outcome.folder)
    ]


@pytest.mark.quick(1)
@pytest.mark.parametrize(
    "settings",
    [Settings(limit=150, epochs=2, seed=1), Settings(limit=140, epochs=2)],
    ids=["seed", "images"],
)
def test_resume_redoes_what_is_of_another_configuration(
    interrupted: Path, settings: Settings
) -> None:
    done = run(DIGITS, settings, output=interrupted, resume=True)
    log = (done.folder / "log.txt").read_text(encoding="utf-8")
    assert "stage pixels-k-means is redone: it belongs to another configuration" in log
    assert done.metrics["seed"] == settings.seed


@pytest.mark.full
def test_resume_redoes_when_only_the_labels_differ(
    interrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_shuffled_labels(monkeypatch)
    done = run(DIGITS, FEW, output=interrupted, resume=True)
    assert done.metrics["results"][0]["accuracy"] < 0.4


def test_resume_redoes_what_is_damaged(interrupted: Path, outcome: Outcome) -> None:
    labels = interrupted.with_name("run.partial") / "stages" / "pixels-k-means" / "labels.npy"
    content = labels.read_bytes()
    labels.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = run(DIGITS, FEW, output=interrupted, resume=True)
    log = (done.folder / "log.txt").read_text(encoding="utf-8")
    assert "stage pixels-k-means is redone: damaged file labels.npy" in log
    assert table(done.folder) == table(outcome.folder)


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """DIR of a run that died when its network was trained and its stage not yet kept."""

    def die(features: Any, images: Any) -> Reconstruction:
        if ask_features(features).autoencoder is not None:
            raise RuntimeError("the power went out")
        return Reconstruction()

    with monkeypatch.context() as context:
        context.setattr(fit, "training_scores", die)
        with pytest.raises(RuntimeError, match="the power went out"):
            run(DIGITS, FEW, output=tmp_path / "run")
    assert list((tmp_path / "run.partial" / "checkpoints").glob("conv-ae-k-means-*/epoch-00002"))
    return tmp_path / "run"


def test_resume_goes_on_from_the_checkpoints(trained: Path, outcome: Outcome) -> None:
    told: list[str] = []
    done = run(DIGITS, FEW, output=trained, resume=True, tell=told.append)
    assert table(done.folder) == table(outcome.folder)
    assert not any("epoch" in line for line in told)  # nothing was left to train


@pytest.mark.full
def test_checkpoints_of_another_configuration_are_left_alone(trained: Path) -> None:
    told: list[str] = []
    done = run(
        DIGITS,
        Settings(limit=150, epochs=1, seed=1),
        output=trained,
        resume=True,
        tell=told.append,
    )
    assert any("epoch 1 of 1" in line for line in told)
    assert done.metrics["seed"] == 1


def test_resume_of_a_complete_run_looks_at_its_images(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.load

    def other(*args: Any, **kwargs: Any) -> data.Dataset:
        return whole(*args, **kwargs)._replace(sha256="of other pictures")

    def gone(*args: Any, **kwargs: Any) -> data.Dataset:
        raise InputError("digits: no such file or folder: check the path")

    message = "is complete, but was made with different images: give another output=, or overwrite="
    with_shuffled_labels(monkeypatch)
    with pytest.raises(InputError, match=message):
        run(DIGITS, FEW, output=outcome.folder, resume=True)
    monkeypatch.setattr(data, "load", other)
    with pytest.raises(InputError, match=message):
        run(DIGITS, FEW, output=outcome.folder, resume=True)
    monkeypatch.setattr(data, "load", gone)
    with pytest.raises(InputError, match="no such file or folder"):
        run(DIGITS, FEW, output=outcome.folder, resume=True)


def test_resume_of_a_complete_run_computes_nothing(
    outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "fit_variant", lambda *_, **__: pytest.fail("nothing is to be fitted"))
    again = run(DIGITS, FEW, output=outcome.folder, resume=True)
    assert again.was_finished
    assert again.metrics == outcome.metrics
    with pytest.raises(
        InputError,
        match="is complete, but was made with different seed and parameters: give another",
    ):
        run(DIGITS, Settings(seed=5), output=outcome.folder, resume=True)


@pytest.mark.full
def test_a_map_goes_on_from_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variant = Variant(
        "map",
        Step("PixelFeatures"),
        Step("KMeans", {"n_clusters": 3}),
        Step("TSNE", {"perplexity": 9, "max_iter": 60}),
    )

    def fitted(limit: int) -> runs.Stage:
        images = Images(data.load("digits", limit=limit))
        return fit.fit_variant(variant, images, seed=0, tell=lambda _: None, checkpoints=tmp_path)

    stage = fitted(60)
    assert stage.pipeline.named_steps["reduce"].checkpoint_dir is None
    fitted(61)  # other vectors have a checkpoint of their own
    assert len(list(tmp_path.glob("*/tsne.safetensors"))) == 2
    monkeypatch.setattr(
        tsne, "joint_affinities", lambda *_: pytest.fail("the map is there already")
    )
    np.testing.assert_array_equal(fitted(60).arrays["x"], stage.arrays["x"])
