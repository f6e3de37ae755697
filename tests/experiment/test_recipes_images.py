"""The images of a run: which labels are taken, how a limit is met, and what is said of it on the
command line.
"""

from typing import Any

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.errors import InputError
from scratchclust.experiment.images import check_labelled, in_options, load, record


def load_one(name: Any, **changes: Any) -> Any:
    """The clustered images of a run, read as recipes do."""
    options = {
        "limit": None,
        "classes": None,
        "needed": (1, "a test"),
        "tell": lambda line: None,
        **changes,
    }
    return load(str(name), ("all", None, None), **options).clustered


def test_a_label_that_is_not_there_is_told() -> None:
    message = r"digits, all, has no image of the labels 12, 77 of --digits: it has 0 to 9"
    with pytest.raises(InputError, match=message):
        load_one("digits", classes=(77, 5, 12))
    chosen = load_one("digits", classes=(5, 7))
    assert sorted(set(chosen.labels.tolist())) == [5, 7]


def test_a_limit_of_chosen_labels_takes_all_of_them(tmp_path) -> None:
    images = np.arange(90, dtype=np.uint8).reshape(90, 1, 1)
    np.savez(tmp_path / "a.npz", images=images, labels=np.repeat([0, 1, 2], 30))
    some = load_one(tmp_path / "a.npz", classes=(1, 2), limit=10)
    assert np.bincount(some.labels).tolist() == [0, 5, 5]
    np.testing.assert_array_equal(some.images.ravel() // 30, some.labels)
    other = load_one(tmp_path / "a.npz", classes=(1, 2), limit=10, reading={"seed": 1})
    assert other.sha256 != some.sha256


def test_the_record_tells_images_and_labels_apart() -> None:
    digits = data.load("digits", limit=20)
    changed = digits._replace(labels=digits.labels[::-1])
    assert record(digits)["sha256"] == record(changed)["sha256"]
    assert record(digits)["labels_sha256"] != record(changed)["labels_sha256"]
    assert record(digits._replace(labels=None))["labels_sha256"] is None
    assert record(digits)["taken"] == "20 of 1797 images; 8x8 grey, values 0 to 240"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "give one size for all, for example size=64",
            "give one size for all, for example --size 64",
        ),
        ("load split='train' or split='test'", "load --split train or --split test"),
        ("remove it, or load without strict", "remove it, or leave --strict out"),
        ("limit=5", "--limit 5"),
        ("/me/split=train/size=3.npz: damaged", "/me/split=train/size=3.npz: damaged"),
        ("split=train/a.npz: damaged", "split=train/a.npz: damaged"),
        (
            "none came: call fit(images, labels)",
            "none came: give images in folders of their classes",
        ),
        (
            "choose fewer clusters",
            "give more images, or take --method dbscan, which finds the number of clusters",
        ),
    ],
)
def test_cures_speak_of_options(message: str, expected: str) -> None:
    assert in_options(message) == expected


def test_errors_of_reading_speak_of_options(tmp_path) -> None:
    for i in (4, 5):
        Image.new("L", (i, i)).save(tmp_path / f"{i}.png")
    with pytest.raises(InputError, match=r"give one size for all, for example --size 64"):
        load_one(tmp_path)


def test_what_learns_from_labels_is_told_which_are_missing() -> None:
    digits = data.load("digits", limit=20)
    check_labelled(digits, "classifier", "digits")
    message = "recipe classifier learns from labels, but {} of the 20 images of mine have none: put each into a folder"
    with pytest.raises(InputError, match=message.format(20)):
        check_labelled(digits._replace(labels=None), "classifier", "mine")
    labels = digits.labels.copy()
    labels[:3] = -1
    with pytest.raises(InputError, match=message.format(3)):
        check_labelled(digits._replace(labels=labels), "classifier", "mine")
