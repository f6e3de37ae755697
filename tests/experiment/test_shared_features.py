"""Variants of one network: it is trained once, a resumed run finds it, and its seconds are told
once.
"""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust.estimators.autoencoder import AutoencoderFeatures
from scratchclust.experiment import Outcome, draw, fit, run, write
from scratchclust.experiment.show import lines_of
from scratchclust.recipes import Settings
from scratchclust.recipes.plan import plan
from scratchclust.recipes.recipe import Recipe, Step, Variant

NETWORK = Step("AutoencoderFeatures", {"latent_dim": 4, "epochs": 2})
KMEANS = Step("KMeans", {"n_clusters": 3})
ONE = Variant("code + k-means", NETWORK, KMEANS)
OTHER = Variant("code, PCA + k-means", NETWORK, KMEANS, reduce=Step("PCA", {"n_components": 2}))
PIXELS = Variant("pixels + k-means", Step("PixelFeatures"), KMEANS)
SETTINGS = Settings(limit=40)


def recipe(*variants: Variant, **more: Any) -> Recipe:
    texts: Any = {"summary": "", "method": "", "target": "", "duration": ""}
    return Recipe(
        name="shared", dataset="digits", split="all", variants=variants, **{**texts, **more}
    )


@pytest.fixture(scope="module", autouse=True)
def without_figures():
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, without_figures: None) -> Outcome:
    """Of both variants, which nothing interrupted."""
    return run(recipe(ONE, OTHER), SETTINGS, output=tmp_path_factory.mktemp("runs") / "both")


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A number for each training there was: of the images that it learned from."""
    found: list[int] = []
    whole = AutoencoderFeatures.fit

    def counted(self: Any, X: Any, y: Any = None) -> Any:
        found.append(len(X))
        return whole(self, X, y)

    monkeypatch.setattr(AutoencoderFeatures, "fit", counted)
    return found


def columns(done: Outcome, *names: str) -> list[tuple[str, ...]]:
    with (done.folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return [tuple(row[name] for name in names) for row in csv.DictReader(file)]


def test_which_variants_have_one_network() -> None:
    blind = replace(OTHER, name="blind", blind=True)
    longer = replace(ONE, name="3", features=Step("AutoencoderFeatures", {"epochs": 3}))
    pixels = replace(PIXELS, name="pixels again")
    planned = plan(recipe(ONE, PIXELS, OTHER, pixels, blind, longer))
    found = {
        one.name: [each.name for each in planned.trained_with(one)] for one in planned.variants
    }
    alone = (PIXELS.name, pixels.name, "blind", "3")
    assert found == {
        **{name: [ONE.name, OTHER.name] for name in (ONE.name, OTHER.name)},
        **{name: [name] for name in alone},
    }


@pytest.mark.full
def test_it_is_trained_once_and_its_seconds_are_told_once(
    trainings: list[int], tmp_path: Path
) -> None:
    done = run(recipe(ONE, PIXELS, OTHER), SETTINGS, output=tmp_path / "run")
    assert trainings == [40]
    first, pixels, other = (result["seconds"] for result in done.metrics["results"])
    assert list(first) == ["features", "cluster", "score"]
    assert list(other) == ["shared_features", "reduce", "cluster", "score"]
    assert other["shared_features"] == first["features"] > 0
    assert done.metrics["seconds"]["features"] == first["features"] + pixels["features"]
    (line,) = [line for line in lines_of(done, None) if "were made once" in line]
    assert line.startswith(f"{OTHER.name}: {first['features']:.1f} of its seconds are of features")


@pytest.mark.full
def test_alone_each_variant_comes_to_the_same_bits(outcome: Outcome, tmp_path: Path) -> None:
    one = run(recipe(ONE), SETTINGS, output=tmp_path / "one")
    other = run(recipe(OTHER), SETTINGS, output=tmp_path / "other")
    names = ("cluster", "distance", "confidence", "x", "y")
    assert columns(outcome, *names) == columns(one, *names)
    assert columns(outcome, f"cluster_{OTHER.name}") == columns(other, "cluster")
    for alone, together in zip((one, other), outcome.metrics["results"], strict=True):
        (result,) = alone.metrics["results"]
        assert {**result, "seconds": 0} == {**together, "seconds": 0}


@pytest.mark.full
def test_a_resumed_run_finds_the_network(
    outcome: Outcome, trainings: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead in the second variant; then again, when the first variant's own stage is lost."""
    whole = fit.fit_variant

    def die(variant: Variant, *args: Any, **kwargs: Any) -> Any:
        if variant.name == OTHER.name:
            raise RuntimeError("the power went out")
        return whole(variant, *args, **kwargs)

    monkeypatch.setattr(fit, "fit_variant", die)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="the power went out"):
            run(recipe(ONE, OTHER), SETTINGS, output=tmp_path / "run", resume=True)
        (tmp_path / "run.partial" / "stages" / "code-k-means" / "stage.json").unlink()
    monkeypatch.setattr(fit, "fit_variant", whole)
    done = run(recipe(ONE, OTHER), SETTINGS, output=tmp_path / "run", resume=True)
    assert trainings == [40]
    names = ("cluster", "distance", "x", "y", f"cluster_{OTHER.name}")
    assert columns(done, *names) == columns(outcome, *names)
    log = (done.folder / "log.txt").read_text(encoding="utf-8")
    assert "stage features-code-k-means is kept" in log


@pytest.mark.full
def test_a_training_that_died_goes_on(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the power went out")

    with monkeypatch.context() as context:
        context.setattr(AutoencoderFeatures, "transform", die)
        with pytest.raises(RuntimeError, match="the power went out"):
            run(recipe(ONE, OTHER), SETTINGS, output=tmp_path / "run")
    told: list[str] = []
    done = run(recipe(ONE, OTHER), SETTINGS, output=tmp_path / "run", resume=True, tell=told.append)
    assert not any("epoch" in line for line in told)
    names = ("cluster", "distance", "x", "y", f"cluster_{OTHER.name}")
    assert columns(done, *names) == columns(outcome, *names)


@pytest.mark.full
def test_the_first_of_them_is_looked_on(tmp_path: Path) -> None:
    done = run(recipe(ONE, OTHER, watched_every=1), SETTINGS, output=tmp_path / "run")
    first, other = done.metrics["results"]
    assert first["by_epoch"]["epoch"] == [1, 2]
    assert first["by_epoch"]["accuracy"][1] == first["accuracy"]
    assert "by_epoch" not in other


def test_its_curve_is_drawn_once() -> None:
    history = {"loss": [2.0, 1.0]}

    def features(history: Any) -> Any:
        return draw.ask_features(type("Features", (), {"history_": history})())

    found = draw._once_each(
        {
            "a": features(history),
            "pixels": features(None),
            "b": features(dict(history)),
            "c": features({"loss": [2.0, 1.5]}),
            "pixels again": features(None),
        }
    )
    assert list(found) == ["a", "pixels", "c", "pixels again"]


def test_the_stage_of_another_variant_says_what_is_shared() -> None:
    made = fit.Stage({"features": 3.0, "by_epoch": {"epoch": [1]}}, {"X": np.zeros((2, 2))})
    there = fit.shared(made)
    assert there.scores == {"shared_features": 3.0}
    assert there.arrays is made.arrays
