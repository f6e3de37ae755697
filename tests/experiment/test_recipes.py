"""Recipes, run in this process on a part of the digits: what a run leaves, and what decides it."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from scratchclust import data, runs
from scratchclust.errors import InputError
from scratchclust.experiment import Outcome, run, scan, write
from scratchclust.experiment.fit import build, plane
from scratchclust.experiment.images import load
from scratchclust.recipes import RECIPES, Settings, find
from scratchclust.recipes.plan import plan
from scratchclust.recipes.recipe import Spec
from scratchclust.runs.records import RESULT_KEYS

FEW = Settings(limit=150, epochs=2)
SMALLEST = Settings(limit=60, data="digits")  # of `pixels`, which is one variant
VARIANTS = ["pixels + k-means", "PCA + k-means", "conv AE + k-means", "pixels + graph"]
PER_VARIANT = [
    "centroids",
    "confusion",
    "embedding",
    "label_histograms",
    "random_images",
    "silhouette",
]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "LARGEST", 11)  # each k is compiled
        settings = Settings(limit=150, epochs=2, scan=True)
        return run("digits", settings, output=tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(autouse=True)
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures take most of a short run's time; `outcome`, which is made before this, and one test
    draw them.
    """
    monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)


def table(folder: Path) -> list[dict[str, str]]:
    with (folder / "assignments.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# --- what a run leaves


@pytest.mark.full
def test_folder_is_complete(outcome: Outcome) -> None:
    assert sorted(path.name for path in outcome.folder.parent.iterdir()) == ["digits"]
    tables = ["assignments.csv", "findings.json", "manifest.json", "metrics.json"]
    folders = ["checkpoints", "figures", "model", "nearness", "thumbnails"]
    names = sorted(path.name for path in outcome.folder.iterdir())
    assert names == sorted([*tables, *folders, "log.txt", "report.html"])
    others = [
        f"{kind}-{name}"
        for kind in PER_VARIANT
        for name in ("pca-k-means", "conv-ae-k-means", "pixels-graph")
    ]
    figures = [
        *PER_VARIANT,
        *others,
        "comparison",
        "inertia",
        "reconstructions",
        "scan",
        "training",
    ]
    assert sorted(path.stem for path in (outcome.folder / "figures").iterdir()) == sorted(figures)
    for path in (outcome.folder / "figures").iterdir():
        assert imread(path).shape[0] > 100, path


@pytest.mark.full
def test_metrics_follow_the_schema(outcome: Outcome) -> None:
    metrics = json.loads((outcome.folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics == outcome.metrics
    assert (metrics["schema"], metrics["recipe"], metrics["seed"], metrics["labels_used"]) == (
        1,
        "digits",
        0,
        False,
    )
    assert metrics["command"] is None  # this was no command line
    digits = data.load("digits", limit=150)
    expected = {
        "name": "digits",
        "split": "all",
        "n": 150,
        "shape": [8, 8, 1],
        "sha256": digits.sha256,
    }
    assert {name: metrics["dataset"][name] for name in expected} == expected
    assert metrics["dataset"]["taken"] == "150 of 1797 images; 8x8 grey, values 0 to 240"
    assert len(metrics["dataset"]["labels_sha256"]) == 64
    assert len(metrics["dataset"]) == len(expected) + 2
    assert metrics["parameters"]["limit"] == 150
    assert [variant["name"] for variant in metrics["parameters"]["variants"]] == VARIANTS
    assert all(value >= 0 for value in metrics["seconds"].values())


@pytest.mark.full
def test_results_hold_every_score(outcome: Outcome) -> None:
    for result, name in zip(outcome.metrics["results"], VARIANTS, strict=True):
        assert set(RESULT_KEYS) <= result.keys()
        method = "spectral" if name == "pixels + graph" else "kmeans"
        assert (result["name"], result["method"], result["n_clusters"]) == (name, method, 10)
        assert (result["n_fitted"], result["n_scored"]) == (150, 150)
        assert result["converged"] is True
        assert 0.3 < result["accuracy"] <= result["purity"] <= 1
        assert 0 < result["dunn"] < 1
        assert -1 < result["silhouette_of_labels"] < result["silhouette"] < 1
        assert result["inertia"] > 0


@pytest.mark.full
def test_scan_is_in_the_metrics(outcome: Outcome) -> None:
    found = outcome.metrics["scan"]
    assert found["n_clusters"] == list(range(2, 12))
    for name in ("inertia", "silhouette", "dunn"):
        assert len(found[name]) == 10
    assert found["inertia"][0] > found["inertia"][-1]
    assert found["chosen"] == found["n_clusters"][int(np.argmax(found["silhouette"]))]
    ten = found["n_clusters"].index(10)
    assert scan.LARGEST == 20
    assert found["inertia"][ten] == pytest.approx(
        outcome.metrics["results"][0]["inertia"], rel=0.05
    )  # other starts


@pytest.mark.full
def test_assignments_table(outcome: Outcome) -> None:
    rows = table(outcome.folder)
    further = [f"cluster_{name}" for name in VARIANTS[1:]]
    columns = ["image", "label", "cluster", "distance", "confidence", "x", "y", *further]
    assert list(rows[0]) == columns
    assert [row["image"] for row in rows] == [str(i) for i in range(150)]
    labels = data.load("digits", limit=150).labels
    assert labels is not None
    assert [row["label"] for row in rows] == [str(label) for label in labels]
    assert all(0 <= float(row["confidence"]) <= 1 for row in rows)
    inertia = sum(float(row["distance"]) ** 2 for row in rows)
    assert inertia == pytest.approx(outcome.metrics["results"][0]["inertia"], rel=1e-4)


@pytest.mark.full
def test_a_loaded_run_predicts_its_own_assignments(outcome: Outcome) -> None:
    loaded = runs.load(outcome.folder)
    predicted = loaded.predict(data.load("digits", limit=150).images)
    np.testing.assert_array_equal(predicted, loaded.assignments["cluster"])
    one_by_one = [loaded.predict(image[None])[0] for image in data.load("digits", limit=5).images]
    np.testing.assert_array_equal(one_by_one, loaded.assignments["cluster"][:5])


@pytest.mark.full
def test_log_tells_the_stages(outcome: Outcome) -> None:
    log = (outcome.folder / "log.txt").read_text(encoding="utf-8")
    assert all(
        f"stage {name} is finished" in log
        for name in ("pixels-k-means", "pca-k-means", "conv-ae-k-means", "scan")
    )


@pytest.mark.full
def test_every_step_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    run("digits", FEW, output=tmp_path / "run", tell=told.append)
    assert any(line.startswith("conv AE + k-means: epoch 2 of 2: loss ") for line in told)
    for line in (
        "loading digits, all",
        "PCA + k-means: reduce",
        "PCA + k-means: scores",
        "writing the run",
    ):
        assert line in told


# --- what decides the result, and what must not


def with_labels(monkeypatch: pytest.MonkeyPatch, change: Any) -> None:
    whole = data.load

    def load(*args: Any, **kwargs: Any) -> data.Dataset:
        dataset = whole(*args, **kwargs)
        return dataset._replace(labels=change(dataset.labels))

    monkeypatch.setattr(data, "load", load)


@pytest.mark.full
def test_labels_never_decide(
    outcome: Outcome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the labels shuffled, everything but the labels' column is the same to the last bit."""
    with_labels(monkeypatch, np.random.default_rng(1).permutation)
    monkeypatch.setattr(scan, "LARGEST", 11)
    shuffled = run("digits", Settings(limit=150, epochs=2, scan=True), output=tmp_path / "run")
    for row, other in zip(table(outcome.folder), table(shuffled.folder), strict=True):
        assert {**row, "label": ""} == {**other, "label": ""}
    assert shuffled.metrics["scan"] == outcome.metrics["scan"]
    for before, after in zip(outcome.metrics["results"], shuffled.metrics["results"], strict=True):
        assert (before["inertia"], before["silhouette"]) == (after["inertia"], after["silhouette"])
        assert after["accuracy"] < before["accuracy"] - 0.1


@pytest.mark.full
def test_unlabelled_images_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    first, *_, last = find("digits").variants
    monkeypatch.setitem(RECIPES, "digits", replace(find("digits"), variants=(first, last)))
    images = data.load("digits", limit=60).images
    np.save(tmp_path / "mine.npy", images)
    done = run("digits", Settings(data=str(tmp_path / "mine.npy")), output=tmp_path / "run")
    assert done.metrics["dataset"]["n"] == 60
    for result in done.metrics["results"]:
        assert [result[name] for name in ("accuracy", "purity", "nmi", "ari")] == [None] * 4
        assert -1 < result["silhouette"] < 1
    assert {row["label"] for row in table(done.folder)} == {""}
    assert not (done.folder / "figures" / "confusion.png").exists()


def test_unreadable_pictures_are_told_and_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.load
    skipped = (data.SkippedFile("b/notes.txt", "no picture"),)
    monkeypatch.setattr(
        data, "load", lambda *args, **kwargs: whole(*args, **kwargs)._replace(skipped=skipped)
    )
    done = run("pixels", SMALLEST, output=tmp_path / "run")  # no warning beside `data.load`'s
    assert (done.folder / "log.txt").read_text(encoding="utf-8").count(
        "skipped b/notes.txt: no picture"
    ) == 1


@pytest.mark.full
def test_unknown_labels_are_left_out_of_the_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_labels(
        monkeypatch,
        lambda labels: np.where(np.arange(len(labels)) < 50, labels, -1).astype(np.int32),
    )
    done = run("pixels", Settings(limit=150), output=tmp_path / "run")
    assert done.metrics["results"][0]["n_labelled"] == 50
    assert sum(row["label"] == "" for row in table(done.folder)) == 100


@pytest.mark.full
def test_the_seed_decides(outcome: Outcome, tmp_path: Path) -> None:
    same = run("digits", FEW, output=tmp_path / "same")
    other = run("digits", Settings(limit=150, epochs=2, seed=1), output=tmp_path / "other")
    assert table(same.folder) == table(outcome.folder)
    assert [row["cluster"] for row in table(other.folder)] != [
        row["cluster"] for row in table(same.folder)
    ]


# --- refusals, before anything is computed


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("digitz", Settings(), "there is no recipe 'digitz': did you mean 'digits'?"),
        ("zzz", Settings(), "there is no recipe 'zzz': choose one of digits, pixels"),
        (
            "digits",
            Settings(limit=10),
            "limit=10 leaves too few images for 32 principal components: give 32",
        ),
        (
            "pixels",
            Settings(limit=10),
            "limit=10 leaves too few images for 10 clusters: give 11 or more",
        ),
        (
            "digits",
            Settings(fit="pad"),
            "fit=pad says how images come to a size=: give one, or leave fit= out",
        ),
        (
            "digits",
            Settings(strict=True),
            "strict= is about the files of one's own folder: give data= too",
        ),
        (
            "digits",
            Settings(seed=-1),
            "expected seed= to be a whole number from 0 to 4294967295, got -1",
        ),
        (
            "digits",
            Settings(full=True),
            "recipe digits takes all its images already: leave full= out",
        ),
        ("pixels", Settings(epochs=3), "recipe pixels trains no network: leave epochs= out"),
        (
            "digits",
            Settings(epochs=0),
            "expected epochs= to be a whole number of at least 1, got 0",
        ),
        ("graph", Settings(classes=(5, 5)), "classes=5,5 names a label twice"),
        ("graph", Settings(classes=(5,)), "classes= needs at least two labels"),
        (
            "graph",
            Settings(limit=2, classes=(5, 6, 8)),
            "limit=2 leaves too few images for a graph of 10 neighbours: give 11 or more",
        ),
        (
            "pixels",
            Settings(full=True, split="test"),
            "full=, split= and data= each say what to cluster",
        ),
    ],
)
def test_refused_settings(recipe: str, settings: Settings, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        run(recipe, settings, output=tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run("pixels", SMALLEST, output=tmp_path / "run")
    monkeypatch.setattr(data, "load", lambda *_, **__: pytest.fail("nothing is to be loaded"))
    with pytest.raises(InputError, match=r"is there already: give another output=, or"):
        run("digits", FEW, output=done.folder)


def test_missing_data_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("SCRATCHCLUST_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match="cifar10"):
        run("pixels", output=tmp_path / "runs" / "run")
    assert list((tmp_path / "runs").iterdir()) == []


def test_too_few_images_of_ones_own(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", data.load("digits", limit=8).images)
    with pytest.raises(
        InputError,
        match=r"mine.npy has 8 images, too few for 10 clusters: ask for less, or give 11 or more",
    ):
        run("pixels", Settings(data=str(tmp_path / "mine.npy")), output=tmp_path / "run")
    with pytest.raises(
        InputError,
        match=r"has 8 images, too few for 32 principal components: ask for less, or give 32",
    ):
        run("digits", Settings(data=str(tmp_path / "mine.npy")), output=tmp_path / "run")


def test_too_small_images_of_ones_own(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", data.load("digits", limit=40).images[:, :5, :5])
    message = (
        "images of 5x5x1 have 25 numbers each, too few for 32 principal components: "
        "give larger ones, or reduce=pca:25 or fewer"
    )
    with pytest.raises(InputError, match=message):
        run("digits", Settings(data=str(tmp_path / "mine.npy")), output=tmp_path / "run")
    assert not (tmp_path / "run.partial").exists()


@pytest.mark.full
def test_pictures_of_ones_own_are_read_as_asked(tmp_path: Path) -> None:
    from PIL import Image

    (tmp_path / "photos").mkdir()
    for i in range(12):
        Image.new("RGB", (8 + i, 20), (20 * i, 0, 0)).save(tmp_path / "photos" / f"{i}.png")
    (tmp_path / "photos" / "notes.txt").write_text("none of them")
    mine = Settings(data=str(tmp_path / "photos"))
    with pytest.raises(InputError, match="give one size for all, for example size=64"):
        run("pixels", mine, output=tmp_path / "run")
    with pytest.raises(InputError, match=r"notes.txt cannot be read as a picture"):
        run("pixels", replace(mine, size=8, strict=True), output=tmp_path / "run")
    with pytest.warns(UserWarning, match=r"no readable pictures|could not be used"):
        done = run("pixels", replace(mine, size=8), output=tmp_path / "run")
    assert done.metrics["dataset"]["shape"] == [8, 8, 3]
    assert done.metrics["parameters"]["size"] == 8


@pytest.mark.full
def test_size_and_fit_are_compared_with_a_finished_run(tmp_path: Path) -> None:
    asked = Settings(limit=40, size=(6, 10), fit="pad")
    done = run("pixels", replace(asked, data="digits"), output=tmp_path / "run")
    assert done.metrics["dataset"]["shape"] == [6, 10, 1]
    assert "whole on a black ground" in done.metrics["dataset"]["taken"]
    assert {"size": [6, 10], "fit": "pad"}.items() <= done.metrics["parameters"].items()
    assert run(
        "pixels", replace(asked, data="digits"), output=tmp_path / "run", resume=True
    ).was_finished
    for other in ({"fit": "squeeze"}, {"size": (10, 6)}, {"size": 6}):
        with pytest.raises(InputError, match="made with different parameters"):
            run(
                "pixels",
                replace(asked, data="digits", **other),
                output=tmp_path / "run",
                resume=True,
            )


def test_the_classes_of_a_recipe_are_those_of_its_own_data(tmp_path: Path) -> None:
    """`pretrained` looks at 5, 6, 8 and 9 of MNIST; a person's own pictures are all looked at,
    labelled or not.
    """
    digits = data.load("digits", limit=60)
    for name, labels in (("labelled", digits.labels), ("unlabelled", None)):
        arrays: Any = {"images": digits.images}
        if labels is not None:
            arrays["labels"] = labels
        np.savez(tmp_path / f"{name}.npz", **arrays)
        planned = plan("pretrained", Settings(data=str(tmp_path / f"{name}.npz")))
        assert len(load(planned, tell=lambda line: None).clustered.images) == 60


# --- parts


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_name_estimators_and_parameters_that_exist(name: str) -> None:
    for variant in find(name).variants:
        for step in variant.steps.values():
            estimator = build(step, seed=7)
            given = {
                name: value
                for name, value in step.parameters.items()
                if not isinstance(value, Spec)
            }
            assert given.items() <= estimator.get_params().items()
            assert estimator.get_params().get("random_state", 7) == 7


def test_plane_of_one_dimension() -> None:
    points = plane(np.array([[0.0], [1.0], [5.0]], dtype=np.float32))
    np.testing.assert_allclose(np.abs(points["x"]), [2, 1, 3], rtol=1e-5)
    np.testing.assert_array_equal(points["y"], 0)


# --- real data


@pytest.mark.full
@pytest.mark.real_data
def test_pixels_reproduces_what_was_published(
    tfds_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRATCHCLUST_CACHE", str(tmp_path / "cache"))
    done = run("pixels", output=tmp_path / "run")
    (result,) = done.metrics["results"]
    assert (result["n_fitted"], result["n_features"], result["converged"]) == (10_000, 1_024, True)
    assert 0.050 <= result["silhouette"] <= 0.060
    assert 0.07 <= result["dunn"] <= 0.11
    assert result["silhouette_of_labels"] < 0
    assert result["n_repeats"] == 11
    for name in (
        "silhouette",
        "dunn",
        "accuracy",
    ):  # the run that is shown is one of those that are summed up
        assert result["spread"][name]["min"] <= result[name] <= result["spread"][name]["max"]
    assert 0.050 <= result["spread"]["silhouette"]["mean"] <= 0.060
    assert 0.18 < result["accuracy"] < 0.23
