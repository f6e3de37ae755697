"""Recipes that train networks, on small made-up images: what learns from what, and whether labels decide."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust import data, runs
from scratchclust.errors import InputError
from scratchclust.recipes import RECIPES, Outcome, Settings, find, run, writing

WITHOUT_LABELS = [name for name, recipe in RECIPES.items() if not recipe.labels_used]
WITH_LABELS = [name for name, recipe in RECIPES.items() if recipe.labels_used]
SETTINGS = {"digits": Settings(limit=60, epochs=1), "pixels": Settings(limit=60)}


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that stand for MNIST and CIFAR-10: a bar at the place of their class, in noise."""
    monkeypatch.setattr(data, "load", made_up_data)
    monkeypatch.setattr(writing, "draw_all", lambda *_, **__: None)


def made_up_data(name: str, *, split: str = "all", limit: int | None = None) -> data.Dataset:
    shape = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar10": (32, 32, 3)}[name]
    rng = np.random.default_rng(["train", "test", "all"].index(split))
    labels = rng.integers(0, 10, 400).astype(np.int32)
    images = rng.integers(0, 100, (400, *shape)).astype(np.uint8)
    for image, label in zip(images, labels, strict=True):
        begin = label * (shape[0] - 1) // 10
        image[begin : begin + max(shape[0] // 10, 1)] += 150
    images, labels = images[:limit], labels[:limit]
    return data.Dataset(images, labels, None, name, data.pixels_sha256(images), split)


def with_shuffled_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*args: Any, **kwargs: Any) -> data.Dataset:
        dataset = made_up_data(*args, **kwargs)
        assert dataset.labels is not None
        return dataset._replace(labels=np.random.default_rng(1).permutation(dataset.labels))

    monkeypatch.setattr(data, "load", load)


def clusters(done: Outcome) -> list[dict[str, str]]:
    with (done.folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return [{**row, "label": ""} for row in csv.DictReader(file)]


@pytest.mark.parametrize("name", WITHOUT_LABELS)
def test_labels_decide_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule for every figure: with the labels shuffled, the assignments are the same to the last bit."""
    settings = SETTINGS.get(name, Settings(limit=60, epochs=1))
    first = run(name, settings, output=tmp_path / "first")
    with_shuffled_labels(monkeypatch)
    second = run(name, settings, output=tmp_path / "second")
    assert clusters(first) == clusters(second)
    assert first.metrics["labels_used"] is False
    accuracies = ([result["accuracy"] for result in done.metrics["results"]] for done in (first, second))
    assert next(accuracies) != next(accuracies)  # so the labels were indeed others


@pytest.mark.parametrize("name", WITH_LABELS)
def test_who_uses_labels_says_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(limit=150, epochs=1, split="test")
    if RECIPES[name].classes is not None:  # their labels choose the images: shuffled, these would be others
        settings = Settings(limit=100, epochs=1)
    first = run(name, settings, output=tmp_path / "first")
    assert first.metrics["labels_used"] is True
    with_shuffled_labels(monkeypatch)
    second = run(name, settings, output=tmp_path / "second")
    assert clusters(first) != clusters(second)


def test_features_learn_from_one_split_and_another_is_clustered(tmp_path: Path) -> None:
    done = run("class-losses", Settings(epochs=1), output=tmp_path / "run")
    train, test = (made_up_data("mnist", split=split) for split in ("train", "test"))
    n_train, n_test = (int(np.isin(dataset.labels, (5, 6, 8, 9)).sum()) for dataset in (train, test))
    for result in done.metrics["results"]:
        assert (result["n_fitted"], result["n_scored"], result["n_features"]) == (n_train, n_test, 4)
    assert done.metrics["dataset"]["n"] == n_test
    assert set(runs.load(done.folder).assignments["label"]) == set("5689")


def test_a_classifier_is_tested_on_images_it_has_not_seen(tmp_path: Path) -> None:
    done = run("classifier", Settings(epochs=2), output=tmp_path / "run")
    (result,) = done.metrics["results"]
    test = made_up_data("mnist", split="test")
    features = runs.load(done.folder).pipeline.named_steps["features"]
    assert result["test_accuracy"] == features.score(test.images, test.labels)
    assert result["test_accuracy"] > 0.3  # bars are easy; chance is 0.1


def test_the_reconstruction_error_is_that_of_the_clustered_images(tmp_path: Path) -> None:
    done = run("pixels-conv-ae", Settings(limit=40, epochs=1), output=tmp_path / "run")
    (result,) = done.metrics["results"]
    images = made_up_data("cifar10", split="test", limit=40).images
    features = runs.load(done.folder).pipeline.named_steps["features"]
    drawn, originals = features.reconstruct(images), features.prepared(images)
    assert drawn.shape == originals.shape == (40, 32, 32, 1)
    assert result["reconstruction_mse"] == pytest.approx(((drawn - originals) ** 2).mean(), rel=1e-5)
    assert result["n_features"] == 64


def test_full_size_is_in_the_parameters(tmp_path: Path) -> None:
    from scratchclust.recipes.work import Work

    def epochs(settings: Settings) -> Any:
        parameters = Work(find("latents"), settings, None, lambda line: None).parameters
        return parameters["variants"][0]["features"]["epochs"]

    assert [epochs(s) for s in (Settings(), Settings(full=True), Settings(full=True, epochs=7))] == [2, 20, 7]


def test_classes_need_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda *args, **kwargs: made_up_data(*args, **kwargs)._replace(labels=None))
    with pytest.raises(InputError, match="mnist has no labels by which to choose the classes"):
        run("class-losses", Settings(epochs=1), output=tmp_path / "run")
