"""The images of a run: which labels are taken, how a limit is met, and what is said of it."""

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scratchclust import data
from scratchclust.errors import InputError
from scratchclust.experiment import run, write
from scratchclust.experiment.images import check_labelled, load, record
from scratchclust.recipes import Recipe, Settings, Step, Variant
from scratchclust.recipes.plan import plan

TWO_CLUSTERS = Recipe(
    name="two-clusters",
    summary="of a test",
    dataset="digits",
    split="all",
    variants=(Variant("k-means", Step("PixelFeatures"), Step("KMeans", {"n_clusters": 2})),),
    method="",
    target="",
    duration="",
)


def load_one(name: Any, **changes: Any) -> Any:
    """The clustered images of a run, read as recipes do."""
    planned = plan(TWO_CLUSTERS, Settings(data=str(name), **changes))
    return load(planned, tell=lambda line: None).clustered


def test_a_label_that_is_not_there_is_told() -> None:
    message = r"digits has no image of the labels 12, 77 of classes=: it has 0 to 9"
    with pytest.raises(InputError, match=message):
        plan("digits", Settings(classes=(77, 5, 12)))  # before anything is read
    chosen = load_one("digits", classes=(5, 7))
    assert sorted(set(chosen.labels.tolist())) == [5, 7]


def test_a_label_that_is_not_there_is_told_of_ones_own_images(tmp_path) -> None:
    images = np.arange(9, dtype=np.uint8).reshape(9, 1, 1)
    np.savez(tmp_path / "a.npz", images=images, labels=np.repeat([0, 1, 4], 3))
    message = r"a.npz, all, has no image of the labels 3, 7 of classes=: it has 0 to 1, 4"
    with pytest.raises(InputError, match=message):
        load_one(tmp_path / "a.npz", classes=(7, 1, 3))


def test_a_limit_of_chosen_labels_takes_all_of_them(tmp_path) -> None:
    images = np.arange(90, dtype=np.uint8).reshape(90, 1, 1)
    np.savez(tmp_path / "a.npz", images=images, labels=np.repeat([0, 1, 2], 30))
    some = load_one(tmp_path / "a.npz", classes=(1, 2), limit=10)
    assert np.bincount(some.labels).tolist() == [0, 5, 5]
    np.testing.assert_array_equal(some.images.ravel() // 30, some.labels)
    other = load_one(tmp_path / "a.npz", classes=(1, 2), limit=10, seed=1)
    assert other.sha256 != some.sha256


def test_the_record_tells_images_and_labels_apart() -> None:
    digits: Any = data.load("digits", limit=20)
    changed = digits._replace(labels=digits.labels[::-1])
    assert record(digits)["sha256"] == record(changed)["sha256"]
    assert record(digits)["labels_sha256"] != record(changed)["labels_sha256"]
    assert record(digits._replace(labels=None))["labels_sha256"] is None
    assert record(digits)["taken"] == "20 of 1797 images; 8x8 grey, values 0 to 240"


def test_what_learns_from_labels_is_told_which_are_missing() -> None:
    digits: Any = data.load("digits", limit=20)
    check_labelled(digits, "classifier", "digits")
    message = (
        "recipe classifier learns from labels, but {} of the 20 images of mine have none: "
        "put each into a folder"
    )
    with pytest.raises(InputError, match=message.format(20)):
        check_labelled(digits._replace(labels=None), "classifier", "mine")
    labels = digits.labels.copy()
    labels[:3] = -1
    with pytest.raises(InputError, match=message.format(3)):
        check_labelled(digits._replace(labels=labels), "classifier", "mine")


def write_garments(folder: Path, n: int = 24) -> None:
    """Made-up images in files with the names and the layout of Fashion-MNIST's."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, images in (
        ("train", rng.integers(0, 256, (n, 28, 28), np.uint8)),
        ("t10k", rng.integers(0, 256, (n, 28, 28), np.uint8)),
    ):
        labels = (np.arange(n) % 10).astype(np.uint8)
        header = struct.pack(">IIII", 2051, n, 28, 28)
        for file, content in (
            (f"{name}-images-idx3-ubyte.gz", header + images.tobytes()),
            (f"{name}-labels-idx1-ubyte.gz", struct.pack(">II", 2049, n) + labels.tobytes()),
        ):
            (folder / file).write_bytes(gzip.compress(content))


@pytest.mark.parametrize(("split", "n"), [("test", 24), (None, 48)])
def test_graph_finds_the_files_of_fashion_mnist(split: str | None, n: int, tmp_path: Path) -> None:
    write_garments(tmp_path / "FashionMNIST")
    planned = plan("graph", Settings(data=str(tmp_path / "FashionMNIST"), split=split))
    garments = load(planned, tell=lambda line: None).clustered
    assert (garments.name, garments.split) == ("fashion_mnist", split or "all")
    assert garments.images.shape == (n, 28, 28, 1)
    assert garments.label_names is not None
    assert garments.label_names[garments.labels[1]] == "Trouser"


@pytest.mark.full
def test_graph_clusters_the_files_of_fashion_mnist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "draw_all", lambda *_, **__: None)
    write_garments(tmp_path / "FashionMNIST")
    settings = Settings(data=str(tmp_path / "FashionMNIST"), split="test")
    done = run("graph", settings, output=tmp_path / "run")
    assert done.metrics["dataset"]["name"] == "fashion_mnist"
    assert done.metrics["labels_used"] is False
    (result,) = done.metrics["results"]
    assert (result["n_clusters"], result["n_scored"]) == (10, 24)
    assert 0 < result["accuracy"] <= 1
