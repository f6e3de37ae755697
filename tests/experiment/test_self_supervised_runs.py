"""Runs that train an encoder without labels: what is told while it learns, what a killed one comes
to, and what is drawn.
"""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust import data, runs
from scratchclust.experiment import Outcome, draw, run, scores, write
from scratchclust.experiment.images import Images
from scratchclust.experiment.pictures import nearest_codes
from scratchclust.experiment.watch import Watcher
from scratchclust.recipes import Settings, find
from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant
from scratchclust.runs.result import Result

ENCODER = Spec(
    "EncoderProjectorSpec",
    {
        "encoder": Spec("StridedSpec", {"widths": (4, 6)}),
        "projector": Spec("ProjectorSpec", {"hidden": (), "out": 4}),
    },
)
VIEWS = Spec("ViewSpec", {"crop_area": (0.25, 0.25), "crop_aspect": (1, 1), "size": (4, 4)})
NETWORK = Step(
    "SelfSupervisedFeatures",
    {"model": ENCODER, "views": VIEWS, "n_views": 2, "epochs": 4, "batch_size": 30},
)
TEXTS: Any = {"summary": "", "method": "", "target": "", "duration": ""}
SMALL = Recipe(
    name="small",
    dataset="digits",
    split="all",
    watched_every=2,
    variants=(
        Variant("code + k-means", NETWORK, Step("KMeans", {"n_clusters": 3})),
        Variant("code + graph", NETWORK, Step("SpectralClustering", {"n_clusters": 3})),
    ),
    **TEXTS,
)
SETTINGS = Settings(limit=90)
CURVES = ["epoch", "accuracy", "knn_accuracy", "effective_rank", "uniformity"]


@pytest.fixture(scope="module", autouse=True)
def without_figures():
    """They take most of a short run's time; one test draws those that are told of here."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
        yield


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory, without_figures: None) -> Outcome:
    return run(SMALL, SETTINGS, output=tmp_path_factory.mktemp("runs") / "small")


def clusters(done: Outcome) -> list[dict[str, str]]:
    with (done.folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return [{**row, "label": ""} for row in csv.DictReader(file)]


@pytest.mark.full
def test_the_code_is_watched(outcome: Outcome) -> None:
    first, graph = outcome.metrics["results"]
    curves = first["by_epoch"]
    assert list(curves) == CURVES
    assert curves["epoch"] == [2, 4]
    assert curves["accuracy"][1] == first["accuracy"]
    assert all(0 < share <= 1 for share in curves["knn_accuracy"])
    assert all(1 <= rank <= 6 for rank in curves["effective_rank"])
    assert all(uniform < 0 for uniform in curves["uniformity"])
    assert "by_epoch" not in graph
    assert graph["seconds"]["shared_features"] == first["seconds"]["features"]


@pytest.mark.full
def test_what_was_to_be_seen_through_and_what_is_near_are_drawn(outcome: Outcome) -> None:
    """Of the network that is read from the run's folder."""
    features = runs.load(outcome.folder).pipeline.named_steps["features"]
    stages = {name: draw.ask_features(features) for name in ("code + k-means", "code + graph")}
    digits = data.load("digits", limit=90)
    drawn = draw._of_networks(draw._once_each(stages), digits, 0)
    assert list(drawn) == ["training", "views", "nearest_images"]
    titles = [ax.get_title("left") for ax in drawn["nearest_images"].axes]
    assert titles[0].startswith("before the training: ")
    assert titles[1].endswith(" of 112 are of the same class")
    curves = Result.from_json(outcome.metrics["results"][0]).by_epoch
    assert curves is not None
    by_epoch = draw._by_epoch({"code": curves})
    assert [ax.get_title("left") for ax in by_epoch.axes] == [
        *("accuracy", "knn accuracy", "effective rank", "uniformity")
    ]
    assert by_epoch.get_suptitle() == "Clusters of the code, and its neighbours, by epoch"


@pytest.mark.full
def test_labels_decide_nothing(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.load

    def shuffled(*args: Any, **kwargs: Any) -> Any:
        found = whole(*args, **kwargs)
        assert found.labels is not None
        return found._replace(labels=np.random.default_rng(1).permutation(found.labels))

    monkeypatch.setattr(data, "load", shuffled)
    told: list[str] = []
    done = run(SMALL, SETTINGS, output=tmp_path / "run", tell=told.append)
    assert clusters(done) == clusters(outcome)
    before, after = (one.metrics["results"][0]["by_epoch"] for one in (outcome, done))
    assert before["effective_rank"] == after["effective_rank"]
    assert before["knn_accuracy"] != after["knn_accuracy"]
    assert sum("code: knn accuracy" in line for line in told) == 2


@pytest.mark.full
def test_a_killed_training_comes_to_the_same_bits(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead in its third epoch, after two that were noted and kept."""
    whole = Watcher.on_fit_task_end

    def die(self: Any, estimator: Any, context: Any, *, fitted_estimator: Any) -> None:
        if context.task_name == "epoch 3":
            raise RuntimeError("the power went out")
        whole(self, estimator, context, fitted_estimator=fitted_estimator)

    with monkeypatch.context() as patch:
        patch.setattr(Watcher, "on_fit_task_end", die)
        with pytest.raises(RuntimeError, match="the power went out"):
            run(SMALL, SETTINGS, output=tmp_path / "run")
    (notes,) = (tmp_path / "run.partial").rglob("*by-epoch.json")
    assert sorted(json.loads(notes.read_text())) == ["2"]
    told: list[str] = []
    done = run(SMALL, SETTINGS, output=tmp_path / "run", resume=True, tell=told.append)
    assert not any("epoch 2 of 4" in line for line in told)
    assert any("epoch 3 of 4" in line for line in told)
    assert clusters(done) == clusters(outcome)
    for before, after in zip(outcome.metrics["results"], done.metrics["results"], strict=True):
        assert {**before, "seconds": 0} == {**after, "seconds": 0}


@pytest.mark.parametrize("name", ["self-supervised", "self-supervised-small"])
def test_the_recipe_has_one_training_for_both_clusterings(name: str) -> None:
    recipe = find(name)
    first, *others = recipe.variants
    assert (recipe.split, recipe.fit_split, recipe.labels_used) == ("test", "train", False)
    assert len(others) >= 1
    assert all(variant.features == first.features for variant in others)
    assert first.features.parameters["epochs"] % recipe.watched_every == 0


# --- the vote


class Encoder:
    """Codes are the corners of the pictures."""

    def __init__(self, **history: Any) -> None:
        self.history_ = history
        self.seen: list[int] = []

    def transform(self, X: Any) -> Any:
        self.seen.append(len(X))
        return np.asarray(X[:, 0, 0, :2], np.float32)

    def make_views(self, X: Any, n_views: int | None = None) -> Any:
        raise AssertionError

    def before_training(self) -> "Encoder":
        return Encoder()


def dataset(codes: list[tuple[float, float]], labels: list[int] | None) -> Any:
    images = np.zeros((len(codes), 2, 2, 2))
    images[:, 0, 0] = codes
    known = None if labels is None else np.array(labels, np.int32)
    return data.Dataset(images, known, None, "made", "0", "all")


UP, ASIDE = (0.0, 1.0), (1.0, 0.0)


def test_those_that_taught_vote_on_those_that_are_clustered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoder = Encoder(effective_rank=[3.0, 2.0], uniformity=[-1.0, -2.0])
    learned = dataset([UP, ASIDE, UP, ASIDE], [5, 6, -1, 5])
    clustered = dataset([UP, ASIDE, UP, UP], [5, 6, 5, -1])
    Z = encoder.transform(clustered.images)
    found = scores.code_scores(encoder, Z, Images(clustered, learned))
    # the two ASIDE have as many votes: the lower class, 5, has them
    assert found == scores.OfCode(knn_accuracy=2 / 3, effective_rank=2.0, uniformity=-2.0)
    monkeypatch.setattr(scores, "MOST_VOTERS", 2)
    assert scores.code_scores(encoder, Z, Images(clustered, learned)).knn_accuracy == 1
    assert encoder.seen == [4, 4, 2]


def test_who_learned_from_what_is_clustered_votes_on_the_others() -> None:
    encoder = Encoder()
    clustered = dataset([UP, UP, ASIDE, ASIDE, UP, ASIDE], [5, 5, 6, 6, 6, 6])
    Z = encoder.transform(clustered.images)
    found = scores.code_scores(encoder, Z, Images(clustered))
    assert found == scores.OfCode(knn_accuracy=2 / 3)
    assert encoder.seen == [6]


def test_without_labels_nobody_votes() -> None:
    encoder = Encoder(effective_rank=[2.0])
    for clustered, learned in (
        (dataset([UP, ASIDE], None), None),
        (dataset([UP, ASIDE], [1, 2]), dataset([UP], None)),
        (dataset([UP, ASIDE], [-1, -1]), dataset([UP], [1])),
    ):
        found = scores.code_scores(encoder, np.eye(2), Images(clustered, learned))
        assert found == scores.OfCode(effective_rank=2.0)
    assert scores.code_scores(object(), np.eye(2), Images(clustered)) == scores.OfCode()


# --- what is near


def test_the_nearest_codes_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """By directions: a longer code is no farther, and no image is its own neighbour."""
    monkeypatch.setattr("scratchclust.experiment.pictures.N_NEAREST", 2)
    codes = [UP, (0.0, 9.0), (1.0, 2.0), ASIDE, (2.0, 1.0)]
    images = dataset(codes, None).images
    labels = np.array([1, 1, 2, 3, 3], np.int32)
    encoder: Any = Encoder()
    found = nearest_codes(encoder, images, labels, np.random.default_rng(0))
    expected = [[1, 2], [0, 2], [0, 1], [4, 2], [3, 2]]
    assert len(found.images) == 5
    before, after = found.found.items()
    assert before[0] == "before the training: 4 of 10 are of the same class"
    assert after[0] == "after the training: 4 of 10 are of the same class"
    # those of image 2: 0 and 1, of cosine 0.894; then 4, of 0.8
    np.testing.assert_array_equal(after[1], images[np.array(expected)])
    unlabelled = nearest_codes(encoder, images, None, np.random.default_rng(0))
    assert list(unlabelled.found) == ["before the training", "after the training"]


def test_only_encoders_are_drawn_so() -> None:
    pixels = draw.ask_features(object())
    assert draw._of_networks({"pixels": pixels}, dataset([UP] * 3, None), 0) == {}


def small_in_full_size() -> Recipe:
    """The catalogue's variants in full size with this small network, on the digits: the steps of
    the large one are looked at in `tests/project/test_lowering.py`.
    """
    few = {**NETWORK.parameters, "optimizer": "adam", "precision": "float32"}
    variants = tuple(
        replace(one, features=replace(one.features, parameters={**one.features.parameters, **few}))
        for one in find("self-supervised").full_variants or ()
    )
    return replace(SMALL, full_variants=variants, watched_every=None)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore:no image was surer of its cluster")  # after two epochs
def test_full_size_begins(tmp_path: Path) -> None:
    """The first two epochs of each of its trainings, on a few images."""
    settings = Settings(full=True, limit=90, epochs=2)
    done = run(small_in_full_size(), settings, output=tmp_path / "run")
    names = ["EMP-SSL + k-means", "EMP-SSL + graph", "EMP-SSL, SCAN + most-probable"]
    results = done.metrics["results"]
    assert [result["name"] for result in results] == names
    first, graph, scan = (result["seconds"] for result in results)
    assert "features" not in graph
    assert scan["shared_features"] == graph["shared_features"] == first["features"]
    assert scan["features"] > 0  # of the steps that are SCAN's own
    assert (results[2]["n_features"], results[2]["method"]) == (10, "most-probable")
    assert len({row["cluster_EMP-SSL, SCAN + most-probable"] for row in clusters(done)}) > 1
    again = run(small_in_full_size(), settings, output=tmp_path / "run", resume=True)
    assert again.was_finished
