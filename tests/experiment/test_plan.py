"""Plans: everything resolved once, and what cannot be is refused before an image is read."""

import dataclasses
import subprocess
import sys
import types
from typing import Any

import numpy as np
import pytest
from flax import nnx
from sklearn.base import ClusterMixin

import scratchclust
from scratchclust import ESTIMATORS, data
from scratchclust.errors import InputError
from scratchclust.experiment import fit, run
from scratchclust.experiment.fit import build
from scratchclust.features import autoencoder, classifier, pretrained, self_supervised
from scratchclust.recipes import RECIPES, Settings, catalogue, find
from scratchclust.recipes.known_sets import KNOWN_SETS, known_set
from scratchclust.recipes.lengths import (
    FEATURES,
    LARGEST_AXES,
    NEEDS,
    Known,
    n_features,
    needs,
)
from scratchclust.recipes.plan import plan
from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant
from scratchclust.recipes.words import METHODS, NAMES, OFFERED, REDUCTIONS, n_clusters_of

FEATURE_STEPS = {
    f"{recipe.name}: {variant.name}": variant.features
    for recipe in RECIPES.values()
    for variant in recipe.variants
}


def refused(recipe: str | Recipe, **settings: Any) -> str:
    """What is said of settings that cannot be; one line."""
    with pytest.raises(InputError) as caught:
        plan(recipe, Settings(**settings))
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


# --- refused


@pytest.mark.parametrize("recipe", RECIPES)
def test_pca_is_bounded_by_the_shortest_features(recipe: str) -> None:
    shortest = min(lengths["features"] or 0 for lengths in plan(recipe).lengths.values())
    assert shortest > 1
    assert plan(recipe, Settings(reduce=f"pca:{shortest}"))
    message = refused(recipe, reduce=f"pca:{shortest + 1}")
    assert message.endswith(f"give larger ones, or reduce=pca:{shortest} or fewer") or (
        message.endswith(f"give reduce=pca:{shortest} or fewer")
    )


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_limit_below_what_a_step_needs(recipe: str) -> None:
    needed = max(need.n for variant in find(recipe).variants for need in needs(variant))
    assert plan(recipe, Settings(limit=needed))
    assert f"limit={needed - 1} leaves too few images for" in refused(recipe, limit=needed - 1)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reduce": "tsne", "limit": 30}, "limit=30 leaves too few images for t-SNE: give 31"),
        ({"reduce": "kernel-pca:200", "limit": 199}, "too few images for kernel PCA: give 200"),
        ({"reduce": "kernel-pca:70001"}, "for kernel PCA"),
        ({"reduce": "pca:100000"}, "for 100000 principal components"),
        ({"reduce": "umap"}, "expected reduce= to be one of none, pca:50, kernel-pca:200, tsne"),
        ({"reduce": "pca:-1"}, "expected reduce="),
        ({"reduce": "tsne:2"}, "expected reduce="),
        ({"reduce": ""}, "expected reduce="),
        ({"limit": 1}, "limit=1 leaves too few images"),
        ({"limit": 0}, "expected limit= to be a whole number of at least 1, got 0"),
        ({"precision": "float16"}, "expected precision= to be one of float32, bfloat16"),
        ({"fit": "bend", "size": 8}, "expected fit= to be one of crop, pad, squeeze"),
    ],
    ids=str,
)
def test_what_no_recipe_can_do(recipe: str, settings: dict[str, Any], message: str) -> None:
    assert message in refused(recipe, **settings)


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "compare"])
@pytest.mark.parametrize(
    "method", ["", "kmean", "kmeans:3", "dbscan:0", "dbscan:inf", "agglomerative:wart", "gmm:full"]
)
def test_no_method(recipe: str, method: str) -> None:
    assert refused(recipe, method=method).startswith("expected ")


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name != "photos"])
@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((5,), "classes= needs at least two labels"),
        ((5, 6, 5), "classes=5,6,5 names a label twice"),
        ((5, 10, 77), "has no image of the labels 10, 77 of classes=: it has 0 to 9"),
    ],
)
def test_no_classes(recipe: str, classes: tuple[int, ...], message: str) -> None:
    assert message in refused(recipe, classes=classes)


def test_a_network_is_trained_for_all_its_classes() -> None:
    message = "trains a network for 10 classes, but the labels have 2: leave classes= out"
    assert message in refused("pretrain", classes=(3, 5))


def test_dbscan_finds_its_radius_among_five_images() -> None:
    assert plan("pixels", Settings(method="dbscan", limit=5))
    assert "for the radius of DBSCAN: give 5" in refused("pixels", method="dbscan", limit=4)
    assert plan("pixels", Settings(method="dbscan:0.5", limit=2))


def test_images_that_are_too_small() -> None:
    assert "images of 2x2 are too small for GradientFeatures" in refused("graph", size=2)
    assert "images of 5x9 are too small for ClassifierFeatures" in refused(
        "classifier", size=(5, 9)
    )
    assert "which takes 5x5 or more: give larger ones" in refused("photos", size=4)
    assert "images of 1x1x1 have 1 numbers each, too few for 2 axes" in refused(
        "compare", size=1, method=None, reduce="tsne"
    )


def test_images_of_other_channels_than_a_network_has_means_of() -> None:
    own = plan("pretrain", Settings(data="nowhere/at/all"))
    own.check_images(Known(100, (32, 32, 3), 10, is_read=True))
    with pytest.raises(InputError, match="made for images of 3 channels, but these have 1"):
        own.check_images(Known(100, (32, 32, 1), 10, is_read=True))


def test_the_classes_of_ones_own_images_are_counted_before_anything_is_computed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "fit_variant", lambda *_, **__: pytest.fail("nothing is to be fitted"))
    digits: Any = data.load("digits", limit=200)
    few = digits.labels < 3
    np.savez(tmp_path / "a.npz", images=digits.images[few], labels=digits.labels[few])
    settings = Settings(data=str(tmp_path / "a.npz"), reduce="pca:4")
    with pytest.raises(InputError, match="has 3 numbers for each image, too few for 4 principal"):
        run("class-losses", settings, output=tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.full
def test_a_network_of_ones_own_is_asked_for_its_length_before_anything_is_computed(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fit, "fit_variant", lambda *_, **__: pytest.fail("nothing is to be fitted"))
    spec = scratchclust.ResNetSpec(depth=8)
    model = spec.build((16, 16, 3), rngs=nnx.Rngs(0))
    pretrained.write(tmp_path / "own.safetensors", model, spec, (16, 16, 3))
    own = Settings(data="digits", weights=str(tmp_path / "own.safetensors"), limit=90)
    reduced = dataclasses.replace(own, reduce="pca:65")
    assert plan("pretrained", reduced).lengths["pooled, pca:65 + k-means"]["features"] is None
    with pytest.raises(InputError, match="has 64 numbers for each image, too few for 65"):
        run("pretrained", reduced, output=tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["own.safetensors"]


# --- resolved


def test_a_plan_of_a_recipe_that_is_in_no_catalogue() -> None:
    clustering = Step("KMeans", {"n_clusters": 3})
    pixels = Variant("pixels + k-means", Step("PixelFeatures"), clustering)
    texts: Any = {"summary": "", "method": "", "target": "", "duration": ""}
    recipe = Recipe(name="mine", dataset="digits", split="all", variants=(pixels,), **texts)
    planned = plan(recipe, Settings(reduce="pca:5", limit=50))
    assert planned.lengths == {"pixels, pca:5 + k-means": {"features": 64, "reduce": 5}}
    assert planned.n_clusters == {"pixels, pca:5 + k-means": 3}
    assert planned.source.known == Known(50, (8, 8, 1), 10)
    with pytest.raises(dataclasses.FrozenInstanceError):
        planned.labels_used = True  # type: ignore[misc]


def test_epochs_and_numbers_of_clusters_are_resolved() -> None:
    planned = plan("class-losses", Settings(epochs=3, classes=(1, 2, 3)))
    assert list(planned.epochs.values()) == [3, 3, None]
    assert list(planned.n_clusters.values()) == [3, 3, 3]
    assert [lengths["features"] for lengths in planned.lengths.values()] == [3, 3, 648]
    assert set(plan("pixels", Settings(method="dbscan")).n_clusters.values()) == {None}


def test_settings_read_well_without_a_dash() -> None:
    message = refused("digits", reduce="pca:33")
    assert message == (
        "'conv AE, pca:33 + k-means' has 32 numbers for each image, too few for 33 principal "
        "components: give reduce=pca:32 or fewer"
    )


def test_a_code_is_trained_towards_as_many_clusters_as_are_asked_for() -> None:
    planned = plan("deep-ae", Settings(classes=(5, 6, 8)))
    steps = [step for variant in planned.variants for step in variant.steps.values()]
    numbers = [step.parameters["n_clusters"] for step in steps if "n_clusters" in step.parameters]
    assert numbers == [3] * 5  # four clusterings, and the features of one


# --- full size, and features that are refined


def test_full_size_may_have_variants_of_its_own() -> None:
    small = plan("self-supervised", Settings())
    full = plan("self-supervised", Settings(full=True))
    assert [variant.refine for variant in small.variants] == [None, None]
    scan = full.variants[-1]
    assert scan.refine is not None
    assert (scan.refine.estimator, scan.cluster.estimator) == ("SCANFeatures", "MostProbable")
    assert full.trained_with(scan) == full.variants  # one training for all three
    assert full.n_clusters == {variant.name: 10 for variant in full.variants}
    assert full.lengths[scan.name] == {"features": 10}
    described = full.parameters["variants"][-1]
    assert described["refine"]["estimator"] == "SCANFeatures"
    assert "refine" not in small.parameters["variants"][0]


def test_what_is_asked_for_reaches_what_refines() -> None:
    settings = Settings(full=True, epochs=2, precision="bfloat16", classes=(0, 1, 5))
    *_, scan = plan("self-supervised", settings).variants
    assert scan.refine is not None
    asked = {
        name: scan.refine.parameters[name]
        for name in ("epochs", "encoder_epochs", "self_label_epochs", "precision", "n_clusters")
    }
    assert list(asked.values()) == [2, 2, 2, "bfloat16", 3]
    assert scan.features.parameters["epochs"] == 2
    assert plan("self-supervised", settings).n_clusters[scan.name] == 3


# --- lengths, against what the estimators give


@pytest.mark.quick(every=3)
@pytest.mark.parametrize("shape", [(8, 8, 3), (9, 12, 3), (28, 28, 3)])
@pytest.mark.parametrize("name", FEATURE_STEPS)
def test_lengths_are_those_of_the_estimators(name: str, shape: tuple[int, int, int]) -> None:
    """Those of networks by their functions, which compute nothing; crops must fit in."""
    step = FEATURE_STEPS[name]
    if step.parameters.get("crop", 0) > min(shape[:2]):
        with pytest.raises(InputError, match="too small for PatchFeatures, which takes 28x28"):
            n_features(step, Known(shape=shape, n_classes=10))
        return
    expected = n_features(step, Known(shape=shape, n_classes=10))
    estimator = build(step, seed=0)
    given = estimator.get_params()
    if step.estimator in ("AutoencoderFeatures", "DECFeatures"):
        spec = autoencoder.spec_of(
            given["model"], latent_dim=given["latent_dim"], loss=given["loss"]
        )
        channels = shape[2] if given["color"] == "rgb" else 1
        assert autoencoder.code_length(spec, (*shape[:2], channels)) == expected
    elif step.estimator == "SelfSupervisedFeatures":
        spec = self_supervised.spec_of(given["model"])
        assert self_supervised.code_length(spec, shape) == expected
    elif step.estimator == "ClassifierFeatures":
        spec = classifier.spec_of(given["model"], 10)
        assert classifier.layer_length(spec, shape, given["layer"]) == expected
    elif step.estimator == "ClassLossFeatures":
        assert expected == 10  # one for each class; a test that trains says so too
    elif step.estimator == "PretrainedFeatures":
        assert estimator.fit(np.zeros((3, *shape), np.uint8)).n_features_out_ == expected
    else:
        images = np.random.default_rng(0).integers(0, 256, (3, *shape)).astype(np.uint8)
        assert estimator.fit_transform(images).shape == (3, expected)


@pytest.mark.quick(3)
@pytest.mark.parametrize(
    "step",
    [
        Step("PixelFeatures", {"size": 5}),
        Step("PixelFeatures", {"color": "mean", "size": 3}),
        Step("GradientFeatures", {"n_orientations": 4, "cell_size": 2}),
        Step("PatchFeatures", {"n_clusters": 3, "patch_size": 5, "n_patches": 50}),
        Step("PretrainedFeatures", {"size": 20, "layer": "last_conv"}),
        Step("PretrainedFeatures", {"layer": "logits"}),
    ],
    ids=str,
)
def test_lengths_of_other_parameters(step: Step) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 10, 7, 3)).astype(np.uint8)
    expected = n_features(step, Known(shape=(10, 7, 3)))
    assert build(step, seed=0).fit_transform(images).shape == (3, expected)


@pytest.mark.parametrize(
    "model",
    [
        "strided",
        "resnet18",
        Spec("StridedSpec", {"widths": (4, 9)}),
        Spec("StridedSpec", {"kernel_size": 5}),
        Spec("ResNetSpec", {"depth": 20, "n_classes": None}),
        Spec("EncoderProjectorSpec", {"projector": Spec("ProjectorSpec", {"out": 3})}),
        Spec("EncoderProjectorSpec", {"encoder": Spec("StridedSpec", {"widths": (4, 7)})}),
    ],
    ids=str,
)
def test_lengths_of_self_supervised_encoders(model: Any) -> None:
    step = Step("SelfSupervisedFeatures", {"model": model})
    spec = self_supervised.spec_of(build(step, seed=0).get_params()["model"])
    expected = self_supervised.code_length(spec, (9, 12, 3))
    assert n_features(step, Known(shape=(9, 12, 3))) == expected


@pytest.mark.full
@pytest.mark.parametrize(
    "step",
    [
        Step("SelfSupervisedFeatures", {"epochs": 1}),
        Step("AutoencoderFeatures", {"epochs": 1, "latent_dim": 3}),
        Step("DECFeatures", {"n_clusters": 3, "epochs": 1, "max_rounds": 1, "latent_dim": 3}),
        Step("ClassifierFeatures", {"epochs": 1}),
        Step("ClassifierFeatures", {"epochs": 1, "layer": "logits"}),
        Step("ClassLossFeatures", {"epochs": 1, "latent_dim": 3}),
    ],
    ids=str,
)
def test_lengths_of_networks_that_were_trained(step: Step) -> None:
    digits: Any = data.load("digits", limit=40)
    few = digits.labels < 3
    features = build(step, seed=0).fit(digits.images[few], digits.labels[few])
    known = Known(int(few.sum()), (8, 8, 1), 3)
    assert features.transform(digits.images[few]).shape == (known.n, n_features(step, known))


@pytest.mark.parametrize(
    ("step", "smallest"),
    [
        (Step("AutoencoderFeatures"), 3),
        (Step("AutoencoderFeatures", {"model": "unet"}), 3),
        (Step("AutoencoderFeatures", {"model": "vae"}), 3),
        (find("photos").variants[0].features, 5),
        (find("pixels-conv-ae").variants[0].features, 3),
        (Step("ClassifierFeatures"), 6),
    ],
    ids=str,
)
def test_the_smallest_images_are_those_of_the_networks(step: Step, smallest: int) -> None:
    given = build(step, seed=0).get_params()
    spec = (
        classifier.spec_of(None, 3)
        if step.estimator == "ClassifierFeatures"
        else autoencoder.spec_of(given["model"])
    )
    nnx.eval_shape(lambda: spec.build((smallest, 9, 1), rngs=nnx.Rngs(0)))
    n_features(step, Known(shape=(smallest, 9, 1)))
    for too_small in ((smallest - 1, 9, 1), (9, smallest - 1, 1)):
        with pytest.raises(InputError):
            nnx.eval_shape(lambda shape=too_small: spec.build(shape, rngs=nnx.Rngs(0)))
        with pytest.raises(InputError, match="too small"):
            n_features(step, Known(shape=too_small))


def test_what_is_not_known_stays_so() -> None:
    nothing = Known()
    assert n_features(Step("PixelFeatures"), nothing) is None
    assert n_features(Step("ClassLossFeatures"), nothing) is None
    assert n_features(Step("PretrainedFeatures", {"weights": "a/b"}), nothing) is None
    assert n_features(Step("AutoencoderFeatures", {"model": "conv"}), nothing) is None
    own = plan("pixels", Settings(data="nowhere/at/all", reduce="pca:99999"))
    assert own.lengths == {"pixels, pca:99999 + k-means": {"features": None, "reduce": 99999}}
    with pytest.raises(InputError, match="images of 10x10x3 have 100 numbers each"):
        own.check_images(Known(100_000, (10, 10, 3), is_read=True))


# --- the tables, and the folder of recipes


def test_every_estimator_is_in_the_tables() -> None:
    """A clustering without a name would end a run with a KeyError, after all was computed."""
    clusterings = {
        name for name in ESTIMATORS if issubclass(getattr(scratchclust, name), ClusterMixin)
    }
    clusterings |= {"GaussianMixture"}  # which scikit-learn calls a density
    features = {name for name in ESTIMATORS if name.endswith("Features")}
    reductions = {reduction.estimator for reduction in REDUCTIONS} - {None}
    assert set(NAMES) == clusterings, "METHODS in recipes/words.py has a row for each"
    assert set(FEATURES) == features, "FEATURES in recipes/lengths.py has a row for each"
    others = set(ESTIMATORS) - clusterings - features
    assert reductions == others, "REDUCTIONS in recipes/words.py has a row for each"
    assert set(NEEDS) == set(LARGEST_AXES) == others, "as the tables of recipes/lengths.py have"


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.word)
def test_methods_are_estimators_with_these_parameters(method: Any) -> None:
    step = method.step(3)
    assert step.parameters.items() <= build(step, seed=0).get_params().items()
    assert n_clusters_of(Variant("", Step("PixelFeatures"), step)) == (3 if method.counts else None)
    assert hasattr(getattr(scratchclust, method.estimator), "fit_predict")


@pytest.mark.parametrize("reduction", REDUCTIONS[1:], ids=lambda reduction: reduction.word)
def test_reductions_are_estimators_with_these_parameters(reduction: Any) -> None:
    step = reduction.step(None)
    assert step.parameters.items() <= build(step, seed=0).get_params().items()


def test_the_words_are_those_of_the_contract() -> None:
    assert list(OFFERED) == ["kmeans", "gmm", "dbscan", "agglomerative", "spectral"]
    assert [reduction.example for reduction in REDUCTIONS] == [
        *("none", "pca:50", "kernel-pca:200", "tsne")
    ]


def test_a_file_of_the_catalogue_that_is_no_recipe_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """`RECIPES` reads all of them when it is imported."""
    digits = types.ModuleType("digits")
    monkeypatch.setitem(sys.modules, "scratchclust.recipes.catalogue.my_digits", digits)
    with pytest.raises(
        ImportError, match=r"my_digits.py: expected RECIPE of 'my-digits', got none"
    ):
        catalogue.recipe_of("my_digits")
    vars(digits)["RECIPE"] = find("digits")
    with pytest.raises(ImportError, match=r"expected RECIPE of 'my-digits', got 'digits'"):
        catalogue.recipe_of("my_digits")


def test_the_recipes_are_in_the_order_in_which_they_are_told() -> None:
    assert list(RECIPES)[:2] == ["digits", "pixels"]
    ranks = [recipe.rank for recipe in RECIPES.values()]
    assert ranks == sorted(set(ranks))


def test_known_sets(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    digits = data.load("digits")
    found = KNOWN_SETS["digits"]
    assert (found.n_of("all"), *found.shape) == digits.images.shape
    assert KNOWN_SETS["mnist"].n_of("all") == 70_000
    assert KNOWN_SETS["mnist"].n_of("val") is None
    assert {recipe.dataset for recipe in RECIPES.values()} <= set(KNOWN_SETS)
    (tmp_path / "digits").mkdir()
    monkeypatch.chdir(tmp_path)
    assert known_set("digits") is None  # a folder of that name is read in its place


@pytest.mark.full
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_known_sets_are_those_of_tensorflow_datasets(tfds_dir: Any, name: str) -> None:
    prepared = data.prepare(name)
    found = KNOWN_SETS[name]
    assert prepared.n_images == found.n_images
    assert (tuple(prepared.shape), prepared.n_classes) == (found.shape, found.n_classes)


def test_plans_are_made_without_numpy() -> None:
    program = (
        "import sys; from scratchclust.recipes.plan import plan; plan('digits')\n"
        "print([name for name in ('numpy', 'jax', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stderr, done.stdout) == ("", "[]\n")


def test_the_smallest_plan_of_each_spec_of_a_recipe_has_a_length() -> None:
    """Every network of the catalogue is one whose length is known."""
    for name, step in FEATURE_STEPS.items():
        assert n_features(step, Known(shape=(32, 32, 3), n_classes=10)), name
        assert all(
            not isinstance(value, Spec) or value.fields for value in step.parameters.values()
        )
