"""Recipes that train networks, on small made-up images: what learns from what, and whether labels
decide.
"""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from sklearn.pipeline import Pipeline

from scratchclust import data, runs
from scratchclust.errors import InputError
from scratchclust.experiment import Outcome, draw, run, scan, scores, write
from scratchclust.experiment.doubts import why_untrained
from scratchclust.experiment.images import Images, in_drawn_order, in_groups
from scratchclust.experiment.run import different
from scratchclust.experiment.show import lines_of
from scratchclust.experiment.staged import fingerprint
from scratchclust.files import write_json
from scratchclust.metrics import mean_cluster_purity
from scratchclust.recipes import RECIPES, Settings, find
from scratchclust.recipes.lengths import Known
from scratchclust.recipes.plan import plan
from scratchclust.recipes.recipe import Applied, Spec
from scratchclust.runs.result import (
    AppliedResult,
    ByEpoch,
    DatasetRecord,
    Record,
    Result,
    Seconds,
    StepSeconds,
)

pytestmark = pytest.mark.full

WITHOUT_LABELS = [name for name, recipe in RECIPES.items() if not recipe.labels_used]
WITH_LABELS = [name for name, recipe in RECIPES.items() if recipe.labels_used]
NO_TRAINING = [
    name
    for name, recipe in RECIPES.items()
    if not any("epochs" in variant.features.parameters for variant in recipe.variants)
]
SETTINGS = {name: Settings(limit=60) for name in NO_TRAINING}  # the others train for one epoch
SETTINGS["photos"] = Settings(limit=210, epochs=1)  # the 200 axes of kernel PCA
ELBOW = find("classifier").elbow
real_load = data.load


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images that stand for MNIST and CIFAR-10: a bar at the place of their class, in noise."""
    monkeypatch.setattr(data, "load", made_up_data)
    monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
    monkeypatch.setitem(
        RECIPES, "classifier", replace(find("classifier"), elbow=(1, 2))
    )  # each k is compiled
    monkeypatch.setitem(RECIPES, "photos", small_photos())
    monkeypatch.setitem(RECIPES, "deep-ae", small_deep_ae())


def small_photos() -> Any:
    """The recipe with a small network and a short t-SNE."""
    photos = find("photos")
    deep, pixels = photos.variants
    model = deep.features.parameters["model"]
    small = replace(model, fields={**model.fields, "widths": (4, 4, 8)})
    features = replace(deep.features, parameters={**deep.features.parameters, "model": small})
    embed = replace(deep.embed, parameters={**deep.embed.parameters, "max_iter": 300})
    return replace(photos, variants=(replace(deep, features=features, embed=embed), pixels))


def small_deep_ae() -> Any:
    """The recipe with a small network, two views of an image, and two rounds."""
    small = {"model": Spec("ConvAutoencoderSpec", {"widths": (2, 4)}), "n_views": 2}
    variants = []
    for variant in find("deep-ae").variants:
        changed = {**small, "max_rounds": 2}
        known = {name: changed[name] for name in changed if name in variant.features.parameters}
        parameters = {**variant.features.parameters, **known}
        features = replace(variant.features, parameters=parameters)
        variants.append(replace(variant, features=features))
    return replace(find("deep-ae"), variants=tuple(variants))


def made_up_data(
    name: str, *, split: str = "all", limit: int | None = None, **_: Any
) -> data.Dataset:
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


GOLDEN = Path(__file__).parent / "golden"  # metrics.json as it was before its form was typed


def form_of(value: Any) -> Any:
    """Keys in their order, and which values are null."""
    if isinstance(value, dict):
        return [(name, form_of(one)) for name, one in value.items()]
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [form_of(one) for one in value]
    return None if value is None else "known"


def has_the_form_of_before(metrics: dict[str, Any], name: str) -> bool:
    before = json.loads((GOLDEN / f"{name}.json").read_text())
    parts = [part for part in before if part not in ("parameters", "environment")]
    now = [part for part in metrics if part not in ("parameters", "environment")]
    return form_of({part: metrics[part] for part in now}) == form_of(
        {part: before[part] for part in parts}
    )


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("digits-scan", Settings(limit=60, scan=True)),
        ("digits-dbscan", Settings(limit=60, method="dbscan")),
        ("unlabelled", Settings(limit=60, method="agglomerative")),
    ],
)
def test_metrics_have_the_form_that_they_had_before(
    name: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_, graph = find("digits").variants
    variants = (replace(first, n_repeats=3), graph) if settings.scan else (first,)
    monkeypatch.setitem(RECIPES, "digits", replace(find("digits"), variants=variants))
    monkeypatch.setattr(scan, "LARGEST", 4)  # each k is compiled
    if name == "unlabelled":
        without = {"labels": None}
        monkeypatch.setattr(data, "load", lambda *a, **k: made_up_data(*a, **k)._replace(**without))
    done = run("digits", settings, output=tmp_path / "run")
    assert has_the_form_of_before(done.metrics, name)
    done.metrics["results"][0].pop("n_features")  # so that a difference would be seen
    assert not has_the_form_of_before(done.metrics, name)


@pytest.mark.parametrize("name", WITHOUT_LABELS)
def test_labels_decide_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule for every figure: with the labels shuffled, the assignments are the same to the last
    bit.
    """
    settings = SETTINGS.get(name, Settings(limit=60, epochs=1))
    monkeypatch.setitem(
        RECIPES, name, replace(find(name), classes=None)
    )  # labels may choose which images there are
    first = run(name, settings, output=tmp_path / "first")
    with_shuffled_labels(monkeypatch)
    second = run(name, settings, output=tmp_path / "second")
    assert clusters(first) == clusters(second)
    assert first.metrics["labels_used"] is False
    accuracies = (
        [result["accuracy"] for result in done.metrics["results"]] for done in (first, second)
    )
    assert next(accuracies) != next(accuracies)  # so the labels were indeed others


@pytest.mark.filterwarnings("ignore:the graph of")  # bars of different height share no edge
@pytest.mark.parametrize("name", WITH_LABELS)
def test_who_uses_labels_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(limit=150, epochs=1, split="test")
    if (
        RECIPES[name].classes is not None
    ):  # their labels choose the images: shuffled, these would be others
        settings = Settings(limit=100, epochs=1)
    first = run(name, settings, output=tmp_path / "first")
    assert first.metrics["labels_used"] is True
    with_shuffled_labels(monkeypatch)
    second = run(name, settings, output=tmp_path / "second")
    assert clusters(first) != clusters(second)


@pytest.mark.filterwarnings("ignore:the graph of")  # bars of different height share no edge
def test_a_blind_variant_among_others_sees_no_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blind = tuple(variant for variant in find("class-losses").variants if variant.blind)
    assert [variant.name for variant in blind] == ["gradients + graph, no labels"]
    monkeypatch.setitem(
        RECIPES, "class-losses", replace(find("class-losses"), variants=blind, classes=None)
    )
    first = run("class-losses", Settings(limit=100), output=tmp_path / "first")
    with_shuffled_labels(monkeypatch)
    second = run("class-losses", Settings(limit=100), output=tmp_path / "second")
    assert clusters(first) == clusters(second)
    (result,) = first.metrics["results"]
    assert (result["labels_used"], result["n_fitted"], result["n_scored"]) == (False, 100, 100)


@pytest.mark.filterwarnings("ignore:the graph of")
def test_features_learn_from_one_split_and_another_is_clustered(tmp_path: Path) -> None:
    done = run("class-losses", Settings(epochs=1), output=tmp_path / "run")
    train, test = (made_up_data("mnist", split=split) for split in ("train", "test"))
    n_train, n_test = (
        int(np.isin(dataset.labels, (5, 6, 8, 9)).sum()) for dataset in (train, test)
    )
    *trained, blind = done.metrics["results"]
    for result in trained:
        assert (result["n_fitted"], result["n_scored"], result["n_features"]) == (
            n_train,
            n_test,
            4,
        )
        assert result["labels_used"] is True
    assert (blind["n_fitted"], blind["n_scored"], blind["labels_used"]) == (n_test, n_test, False)
    assert done.metrics["dataset"]["n"] == n_test
    assert set(runs.load(done.folder).assignments["label"]) == set("5689")


def test_a_classifier_is_tested_on_images_it_has_not_seen(tmp_path: Path) -> None:
    done = run("classifier", Settings(epochs=2), output=tmp_path / "run")
    (result,) = done.metrics["results"]
    test = made_up_data("mnist", split="test")
    features = runs.load(done.folder).pipeline.named_steps["features"]
    assert result["test_accuracy"] == features.score(test.images, test.labels)
    assert result["test_accuracy"] > 0.3  # bars are easy; chance is 0.1
    clusters = runs.load(done.folder).predict(test.images)
    assert result["test_mean_cluster_purity"] == pytest.approx(
        mean_cluster_purity(test.labels, clusters)
    )


def test_scores_of_the_test_images_are_theirs_alone() -> None:
    class Classifier:
        def predict(self, images: Any) -> Any:
            raise AssertionError("the pipeline predicts clusters")

        def score(self, images: Any, labels: Any) -> float:
            return 0.5 if images is test.images and labels is test.labels else 0.0

    class Fitted:
        named_steps: ClassVar[dict[str, Any]] = {"features": Classifier()}

        def predict(self, images: Any) -> Any:
            return np.arange(len(images)) // 4

    test = made_up_data("mnist", split="test", limit=8)._replace(
        labels=np.array([0, 0, 0, 1, 2, 2, 3, 3], np.int32)
    )
    all_ = made_up_data("mnist", split="train", limit=40)
    found = scores.test_scores(Fitted(), Images(all_, all_, test))
    purity = (3 / 4 + 2 / 4) / 2
    assert found == scores.OnTest(
        test_accuracy=0.5, test_majority=3 / 8, test_mean_cluster_purity=purity
    )
    assert scores.test_scores(Fitted(), Images(all_)) == scores.OnTest()


def test_the_reconstruction_error_is_that_of_the_clustered_images(tmp_path: Path) -> None:
    done = run("pixels-conv-ae", Settings(limit=40, epochs=1), output=tmp_path / "run")
    (result,) = done.metrics["results"]
    images = made_up_data("cifar10", split="test", limit=40).images
    features = runs.load(done.folder).pipeline.named_steps["features"]
    drawn, originals = features.reconstruct(images), features.prepared(images)
    assert drawn.shape == originals.shape == (40, 32, 32, 1)
    assert result["reconstruction_mse"] == pytest.approx(
        ((drawn - originals) ** 2).mean(), rel=1e-5
    )
    assert result["n_features"] == 64


def test_a_vae_also_draws_samples_and_walks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "draw_all", draw.draw_all)
    small = {"dataset": "digits", "split": "all", "fit_split": None}
    conv, _, vae = find("latents").variants
    for name, variants in {"both": (conv, vae), "conv": (conv,)}.items():
        monkeypatch.setitem(
            RECIPES, "latents", replace(find("latents"), variants=variants, **small)
        )
        run("latents", Settings(limit=60, epochs=1), output=tmp_path / name)
    both, alone = (
        {path.stem for path in (tmp_path / name / "figures").iterdir()} for name in ("both", "conv")
    )
    assert both - {name for name in both if name.endswith("-vae-k-means")} == alone | {
        "samples",
        "latent_walk",
        "comparison",
    }


def test_clusters_are_watched_while_an_autoencoder_learns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs in numeric order, also beyond 9; the last one is the finished network; and watching
    changes nothing.
    """
    monkeypatch.setitem(RECIPES, "digits", replace(find("digits"), watched_every=5))
    watched = run("digits", Settings(limit=60, epochs=10), output=tmp_path / "watched")
    result = watched.metrics["results"][2]
    others = [other for other in watched.metrics["results"] if other is not result]
    assert result["by_epoch"]["epoch"] == [5, 10]
    assert result["by_epoch"]["reconstruction_mse"][1] == pytest.approx(
        result["reconstruction_mse"], rel=1e-6
    )
    assert result["by_epoch"]["accuracy"][1] == result["accuracy"]
    assert result["by_epoch"]["accuracy"][0] > 0.2
    assert not any("by_epoch" in other for other in others)
    monkeypatch.setitem(RECIPES, "digits", replace(find("digits"), watched_every=None))
    alone = run("digits", Settings(limit=60, epochs=10), output=tmp_path / "alone")
    assert clusters(alone) == clusters(watched)


def test_what_was_watched_is_kept_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a run that is resumed; here the run dies right after its last look."""

    def die(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("dead")

    monkeypatch.setitem(RECIPES, "digits", replace(find("digits"), watched_every=1))
    monkeypatch.setattr("scratchclust.experiment.write.write_outputs", die)
    with pytest.raises(RuntimeError, match="dead"):
        run("digits", Settings(limit=60, epochs=2), output=tmp_path / "run")
    (notes,) = (tmp_path / "run.partial").rglob("*by-epoch.json")
    assert sorted(json.loads(notes.read_text())) == ["1", "2"]


def test_a_resumed_training_has_the_epochs_before_it_too(tmp_path: Path) -> None:
    from scratchclust.experiment.watch import Watcher

    (tmp_path / "notes.json").write_text('{"10": {"accuracy": 0.4}, "2": {"accuracy": 0.3}}')
    watcher = Watcher(
        2, Images(made_up_data("digits", limit=20)), Pipeline([]), tmp_path / "notes.json"
    )
    assert watcher.curves() == ByEpoch(epoch=[2, 10], accuracy=[0.3, 0.4])


def test_the_elbow_of_the_classifier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(range(1, 15)) == list(ELBOW or ())
    monkeypatch.setitem(RECIPES, "classifier", replace(find("classifier"), elbow=(1, 2, 300)))
    done = run("classifier", Settings(limit=40, split="test", epochs=1), output=tmp_path / "run")
    elbow, (result,) = done.metrics["elbow"], done.metrics["results"]
    assert elbow["n_clusters"] == [1, 2]  # there are no 300 images
    assert elbow["inertia"][0] > elbow["inertia"][1] > result["inertia"]
    assert "scan" not in done.metrics
    assert has_the_form_of_before(done.metrics, "classifier")
    assert (done.folder / "figures" / "elbow.png").stat().st_size > 1000


def test_other_weights(tmp_path: Path) -> None:
    """A network of one's own in the place of the one that comes with the package."""
    from flax import nnx

    from scratchclust import ResNetSpec
    from scratchclust.features import pretrained

    spec = ResNetSpec(depth=8)
    model = spec.build((16, 16, 3), rngs=nnx.Rngs(0))
    pretrained.write(tmp_path / "own.safetensors", model, spec, (16, 16, 3))
    settings = Settings(limit=30, weights=str(tmp_path / "own.safetensors"))
    done = run("pretrained", settings, output=tmp_path / "run")
    assert [result["n_features"] for result in done.metrics["results"]] == [4 * 4 * 64, 64]
    with pytest.raises(
        InputError, match=r"recipe classifier takes no pretrained network: leave weights= out"
    ):
        run("classifier", settings, output=tmp_path / "refused")
    images = Images(made_up_data("digits", limit=20))
    same = plan("pretrained", settings)
    before = fingerprint(same, images, {})
    (tmp_path / "own.safetensors").unlink()
    other = spec.build((16, 16, 3), rngs=nnx.Rngs(1))
    pretrained.write(tmp_path / "own.safetensors", other, spec, (16, 16, 3))
    assert fingerprint(same, images, {}) != before  # a stage of the old network is not kept


def test_a_complete_run_of_any_recipe_is_left_as_it_is(tmp_path: Path) -> None:
    """Also where the parameters have tuples in them, which metrics.json gives back as lists."""
    for name in RECIPES:
        planned = plan(name)
        metrics = {"recipe": name, "seed": 0, "parameters": planned.parameters}
        write_json(tmp_path / "metrics.json", metrics)
        found = json.loads((tmp_path / "metrics.json").read_text())
        assert different(planned, found) == []
        other = plan(name, Settings(seed=1, limit=300))
        assert different(other, found) == ["seed", "parameters"]


def test_the_precision_of_a_training_is_told(tmp_path: Path) -> None:
    done = run(
        "digits", Settings(limit=40, epochs=1, precision="bfloat16"), output=tmp_path / "run"
    )
    assert done.metrics["environment"]["precision"] == "bfloat16"
    steps = [variant["features"] for variant in done.metrics["parameters"]["variants"]]
    assert [step.get("precision") for step in steps] == [None, None, "bfloat16", None]
    with pytest.raises(
        InputError, match=r"recipe pixels trains no network, and all else is done in float32"
    ):
        run("pixels", Settings(limit=40, precision="bfloat16"), output=tmp_path / "refused")


def test_full_size_is_in_the_parameters(tmp_path: Path) -> None:
    def epochs(settings: Settings) -> Any:
        parameters = plan("latents", settings).parameters
        return parameters["variants"][0]["features"]["epochs"]

    assert [
        epochs(s) for s in (Settings(), Settings(full=True), Settings(full=True, epochs=7))
    ] == [2, 20, 7]


def test_classes_need_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        data, "load", lambda *args, **kwargs: made_up_data(*args, **kwargs)._replace(labels=None)
    )
    with pytest.raises(InputError, match="mnist has no labels by which to choose the classes"):
        run("class-losses", Settings(epochs=1), output=tmp_path / "run")


@pytest.mark.filterwarnings("ignore:the graph of")
def test_chosen_labels_are_the_images_and_the_clusters(tmp_path: Path) -> None:
    """--digits: only images of these labels, and as many clusters; the fitted graph knows its own
    images again.
    """
    done = run("graph", Settings(classes=(1, 7, 9)), output=tmp_path / "run")
    test = made_up_data("mnist", split="test")
    assert test.labels is not None
    chosen = np.isin(test.labels, (1, 7, 9))
    (result,) = done.metrics["results"]
    assert (result["method"], result["n_clusters"], result["n_scored"]) == (
        "spectral",
        3,
        chosen.sum(),
    )
    assert (result["n_neighbors"], result["n_connected_components"]) == (10, 3)
    assert result["coordinates"] in ("eigenvectors", "commute-time")
    assert done.metrics["parameters"]["classes"] == [1, 7, 9]
    loaded = runs.load(done.folder)
    assert set(loaded.assignments["label"]) == {"1", "7", "9"}
    np.testing.assert_array_equal(
        loaded.predict(test.images[chosen]), loaded.assignments["cluster"]
    )


@pytest.mark.parametrize(
    ("settings", "names", "message"),
    [
        (Settings(method="gmm"), ["pixels + gmm", "PCA + gmm", "conv AE + gmm"], None),
        (
            Settings(reduce="none"),
            ["pixels + k-means", "conv AE + k-means", "pixels + graph"],
            None,
        ),
        (
            Settings(reduce="pca:5", method="kmeans"),
            ["pixels, pca:5 + kmeans", "conv AE, pca:5 + kmeans"],
            None,
        ),
        (
            Settings(method="spektral"),
            None,
            r"expected method= to be one of kmeans, gmm, dbscan\[:EPS\], agglomerative\[:LINKAGE\]",
        ),
        (
            Settings(method="agglomerative:wart"),
            None,
            "to be one of ward, complete, average, single, got 'agglomerative:wart'",
        ),
        (Settings(method="dbscan:-1"), None, "a radius above 0"),
        (Settings(method="dbscan:wide"), None, "a radius above 0"),
        (
            Settings(method="dbscan", scan=True),
            None,
            "scan= tries numbers of clusters, but dbscan finds that number",
        ),
        (
            Settings(reduce="pca:0"),
            None,
            "expected reduce= to be one of none, pca:50, kernel-pca:200, tsne, got 'pca:0'",
        ),
        (Settings(reduce="tsne:3"), None, "expected reduce= to be one of"),
        (
            Settings(reduce="pca:50"),
            None,
            "'conv AE, pca:50 . k-means' has 32 numbers for each image, too few for 50",
        ),
    ],
)
def test_other_methods_and_reductions(
    settings: Settings, names: list[str] | None, message: str | None
) -> None:
    if message is not None:
        with pytest.raises(InputError, match=message):
            plan("digits", settings)
    else:
        assert [variant.name for variant in plan("digits", settings).variants] == names


def test_kernel_pca_may_have_more_axes_than_pixels() -> None:
    planned = plan("digits", Settings(reduce="kernel-pca:200"))
    planned.check_images(Known(300, (8, 8, 1), is_read=True))


def test_methods_are_not_compared_by_another_method() -> None:
    with pytest.raises(InputError, match="recipe compare has all the methods already"):
        plan("compare", Settings(method="kmeans"))


def test_a_clustering_without_a_place_for_new_images_says_so(tmp_path: Path) -> None:
    done = run("graph", Settings(method="agglomerative", limit=60), output=tmp_path / "run")
    (result,) = done.metrics["results"]
    assert (result["method"], result["n_clusters"], result["inertia"]) == (
        "agglomerative",
        10,
        None,
    )
    loaded = runs.load(done.folder)
    distance = loaded.assignments["distance"]  # by neighbours in the cluster, where there are any
    clusters = loaded.assignments["cluster"]
    is_alone = np.bincount(clusters)[clusters] == 1
    np.testing.assert_array_equal(np.isnan(distance), is_alone)
    assert (distance[~is_alone] > 0).all()
    with pytest.raises(InputError, match="agglomerative has no place for new images"):
        loaded.predict(made_up_data("mnist", split="test").images)


def test_photos_are_fitted_on_some_and_applied_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "draw_all", draw.draw_all)
    monkeypatch.setitem(RECIPES, "photos", replace(find("photos"), watched_every=1))
    told: list[str] = []
    done = run("photos", Settings(limit=210, epochs=1), output=tmp_path / "run", tell=told.append)
    assert (
        sum("t-SNE, iteration 300 of 300: KL divergence" in line for line in told) == 2
    )  # a look, and the end
    deep, pixels = done.metrics["results"]
    assert done.metrics["dataset"]["split"] == "train"
    assert (deep["n_fitted"], deep["n_scored"], deep["applied"]["n_scored"]) == (210, 210, 210)
    assert {"features", "reduce", "cluster", "score"} == set(deep["seconds"])
    loaded = runs.load(done.folder)
    assert list(loaded.pipeline.named_steps) == ["features", "reduce", "embed", "cluster"]
    others = made_up_data("cifar10", split="test")
    chosen = np.random.default_rng(0).permutation(400)[:210]
    animals = np.isin(others.labels[chosen], (2, 3, 4, 5, 6, 7)).astype(np.int32)
    found = loaded.predict(others.images[chosen])
    assert deep["applied"]["accuracy"] == max((found == animals).mean(), (found != animals).mean())
    assert deep["applied"]["majority"] == max(animals.mean(), 1 - animals.mean())
    assert set(np.unique(loaded.assignments["label"])) == {"animal", "vehicle"}
    curves = deep["by_epoch"]
    assert curves["epoch"] == [1]
    for name in ("accuracy", "reconstruction_mse"):
        assert curves[f"applied_{name}"][-1] == pytest.approx(deep["applied"][name], rel=1e-5)
        assert curves[f"applied_{name}_se"][-1] == pytest.approx(
            deep["applied"][f"{name}_se"], rel=1e-5
        )
    assert "by_epoch" not in pixels
    assert has_the_form_of_before(done.metrics, "photos")
    assert (done.folder / "figures" / "by_epoch.png").is_file()


def test_a_split_of_ones_own_is_applied_to_nothing(tmp_path: Path) -> None:
    done = run(
        "photos",
        Settings(limit=210, epochs=1, split="test", reduce="none"),
        output=tmp_path / "run",
    )
    names = [result["name"] for result in done.metrics["results"]]
    assert names == ["conv AE + mini-batch k-means", "pixels + k-means"]
    assert not any("applied" in result for result in done.metrics["results"])


def test_photos_of_ones_own_keep_their_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    own = plan("photos", Settings(data="somewhere")).source
    cifar = plan("photos").source
    assert (own.split, own.limit, own.groups) == ("train", None, None)
    assert own.applied == Applied("test", None)  # all of them
    assert (cifar.split, cifar.limit, cifar.groups) == ("train", 8500, find("photos").groups)
    assert cifar.applied == find("photos").applied
    with pytest.raises(
        InputError, match="recipe photos has groups of labels of its own: leave classes= out"
    ):
        plan("photos", Settings(classes=(1, 2)))
    with pytest.raises(
        InputError, match="limit=100 leaves too few images for kernel PCA: give 200 or more"
    ):
        plan("photos", Settings(limit=100))
    with pytest.raises(
        InputError, match="limit=20 leaves too few images for t-SNE: give 31 or more"
    ):
        plan("digits", Settings(limit=20, reduce="tsne"))


def test_photos_of_ones_own_in_a_folder_of_arrays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fitted to trainX, which has no labels; scored on all of valX, by the labels as they are."""
    mine, others = (made_up_data("digits", split=split) for split in ("train", "test"))
    np.save(tmp_path / "trainX.npy", mine.images[:210])
    for _ in range(2):  # more than the 500 that are drawn of CIFAR-10
        others = others._replace(
            images=np.tile(others.images, (2, 1, 1, 1)), labels=np.tile(others.labels, 2)
        )
    np.save(tmp_path / "valX.npy", others.images[:600])
    np.save(tmp_path / "valY.npy", others.labels[:600] % 2)
    monkeypatch.setattr(data, "load", real_load)
    done = run(
        "photos", Settings(data=str(tmp_path), epochs=1, reduce="none"), output=tmp_path / "run"
    )
    for result in done.metrics["results"]:
        assert result["accuracy"] is None
        assert (
            result["n_fitted"],
            result["applied"]["n_scored"],
            result["applied"]["n_labelled"],
        ) == (210, 600, 600)
    (tmp_path / "valX.npy").unlink()
    with pytest.raises(InputError, match="has no split 'test': it has 'train'"):
        run("photos", Settings(data=str(tmp_path), epochs=1), output=tmp_path / "refused")


def test_scores_of_what_a_pipeline_is_applied_to_by_hand() -> None:
    class Fitted:
        def __getitem__(self, index: int) -> Any:
            return None

        def predict(self, images: Any) -> Any:
            return np.array([0, 0, 0, 1, 1])

    labels = np.array(
        [1, 1, 0, 0, -1], np.int32
    )  # the last is not known: 3 of 4 agree, 0 with 1 and 1 with 0
    dataset = made_up_data("digits", limit=5)._replace(labels=labels)
    found = scores.applied_scores(Fitted(), dataset)
    assert (found.n_scored, found.n_labelled) == (5, 4)
    assert (found.accuracy, found.majority) == (0.75, 0.5)
    assert found.accuracy_se == pytest.approx((0.75 * 0.25 / 4) ** 0.5)
    nothing = AppliedResult(n_scored=5)
    assert scores.applied_scores(Fitted(), dataset._replace(labels=None)) == nothing
    nobody_predicts = type("Clustering", (), {"__getitem__": lambda self, index: None})()
    assert scores.applied_scores(nobody_predicts, dataset) == nothing


def test_the_error_of_a_reconstruction_by_hand() -> None:
    class Painter:
        def prepared(self, images: Any) -> Any:
            return images / np.float32(255)

        def reconstruct(self, images: Any) -> Any:
            return images / np.float32(255) + np.array([0.1, 0.3], np.float32)[:, None, None, None]

    found = scores.training_scores(Painter(), made_up_data("digits", limit=2))
    assert found.reconstruction_mse == pytest.approx((0.01 + 0.09) / 2)
    assert found.reconstruction_mse_se == pytest.approx(np.std([0.01, 0.09], ddof=1) / 2**0.5)
    originals = made_up_data("digits", limit=2).images / 255
    half_way = ((originals[0] - originals[1]) ** 2).mean() / 4
    assert found.mean_image_mse == pytest.approx(half_way)
    nothing = scores.training_scores(object(), made_up_data("digits", limit=2))
    assert nothing == scores.Reconstruction()


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, None),
        ({"reconstruction_mse": None, "mean_image_mse": None}, None),
        ({"reconstruction_mse": 0.05, "mean_image_mse": 0.06}, None),
        (
            {"reconstruction_mse": 0.06, "mean_image_mse": 0.06},
            "error 0.06) than the mean image is (0.06)",
        ),
        ({"test_accuracy": 0.5, "test_majority": 0.1}, None),
        ({"test_accuracy": 0.1, "test_majority": 0.1}, "0.100 of the test images"),
    ],
)
def test_a_network_that_has_learned_nothing_is_known(
    result: dict[str, Any], words: str | None
) -> None:
    why = why_untrained(Result(name="one", seconds=StepSeconds(), **result))
    assert (why is None) if words is None else (why is not None and words in why)


def test_a_network_that_has_learned_nothing_is_not_ranked_without_a_word() -> None:
    ranked = {
        **dict.fromkeys(("accuracy", "purity", "nmi", "ari"), 0.9),
        "silhouette": 0.2,
        "dunn": 0.1,
        "labels_used": False,
        "seconds": StepSeconds(features=1.0),
    }
    good = Result(name="pixels", **ranked)
    bad = Result(name="conv AE", reconstruction_mse=0.2, mean_image_mse=0.1, **ranked)
    figure = draw._side_by_side({one.name: one for one in (good, bad)})
    methods = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert methods == ["pixels", "conv AE\n(network has learned nothing)"]
    record = Record(
        recipe="a",
        seed=0,
        labels_used=False,
        dataset=DatasetRecord(name="a", split="all", n=9, shape=[4, 4, 1], sha256="0"),
        parameters={},
        environment={},
        seconds=Seconds(total=1.0),
        results=[good, bad],
    )
    lines = "\n".join(lines_of(Outcome(Path("a"), record.to_json()), None))
    assert lines.count("the network has learned nothing") == 1
    assert "conv AE: the network has learned nothing: its pictures are no nearer" in lines


def test_groups_of_labels_and_a_drawn_order() -> None:
    dataset = made_up_data("cifar10", limit=50)
    grouped = in_groups(dataset, {"a": (1, 3), "b": (2,)})
    expected = [{1: 0, 3: 0, 2: 1}.get(label, -1) for label in dataset.labels.tolist()]
    assert (grouped.labels.tolist(), grouped.label_names) == (expected, ("a", "b"))
    assert in_groups(dataset._replace(labels=None), {"a": (1,)}).labels is None
    sizes = np.arange(100, dtype=np.int32).reshape(50, 2)
    paths = tuple(map(str, range(50)))
    drawn = in_drawn_order(dataset._replace(paths=paths, original_sizes=sizes), 20)
    order = [int(path) for path in drawn.paths]
    assert len(set(order)) == 20
    assert order != sorted(order)
    np.testing.assert_array_equal(drawn.images, dataset.images[order])
    np.testing.assert_array_equal(drawn.labels, dataset.labels[order])
    np.testing.assert_array_equal(drawn.original_sizes, sizes[order])
    assert drawn.sha256 == data.pixels_sha256(drawn.images)
    assert len(in_drawn_order(dataset, 500).images) == 50
