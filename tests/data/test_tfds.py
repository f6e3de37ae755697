"""Prepared TensorFlow Datasets, made here without TensorFlow; the cache; and what is said when
nothing is there.
"""

import importlib.util
import io
import json
import logging
import os
import re
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.data import cache, prepared, tfds
from scratchclust.errors import InputError

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("array_record") is None,
    reason="TensorFlow Datasets' ArrayRecord exists for Linux only",
)

FEATURES = "tensorflow_datasets.core.features"
RNG = np.random.default_rng(0)
PIXELS = {
    "train": RNG.integers(0, 256, (5, 4, 6, 3), np.uint8),
    "test": RNG.integers(0, 256, (2, 4, 6, 3), np.uint8),
}
LABELS = {"train": [0, 1, 1, 0, 1], "test": [1, 0]}


def image_feature(*shape, dtype="uint8"):
    dimensions = [str(length) for length in shape]
    return {
        "pythonClassName": f"{FEATURES}.image_feature.Image",
        "image": {"dtype": dtype, "shape": {"dimensions": dimensions}},
    }


def label_feature(n_classes):
    return {
        "pythonClassName": f"{FEATURES}.class_label_feature.ClassLabel",
        "classLabel": {"numClasses": str(n_classes)},
    }


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def example(pixels, label):
    from tensorflow_datasets.proto import tf_example_pb2

    record = tf_example_pb2.Example()
    record.features.feature["image"].bytes_list.value.append(png(pixels))
    record.features.feature["label"].int64_list.value.append(label)
    return record.SerializeToString()


def write_set(
    root,
    name="toy",
    version="1.0.0",
    *,
    pixels=PIXELS,
    labels=LABELS,
    image=None,
    n_classes=2,
    file_format="array_record",
):
    """A prepared set as TensorFlow Datasets writes it; returns its folder."""
    from array_record.python import array_record_module

    folder = root / name / version
    folder.mkdir(parents=True)
    stem = name.split("/")[0]
    for split, images in pixels.items():
        file = folder / f"{stem}-{split}.array_record-00000-of-00001"
        writer = array_record_module.ArrayRecordWriter(str(file), "group_size:1")
        for image_pixels, label in zip(images, labels[split], strict=True):
            writer.write(example(image_pixels, label))
        writer.close()
    description = {
        "name": stem,
        "version": version,
        "fileFormat": file_format,
        "splits": [
            {
                "name": split,
                "numBytes": "1000",
                "shardLengths": [str(len(images))],
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
            }
            for split, images in pixels.items()
        ],
        "supervisedKeys": {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}},
    }
    features = {"image": image or image_feature(4, 6, 3), "label": label_feature(n_classes)}
    container = {
        "pythonClassName": f"{FEATURES}.features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }
    (folder / "dataset_info.json").write_text(json.dumps(description))
    (folder / "features.json").write_text(json.dumps(container))
    if n_classes == 2:
        (folder / "label.labels.txt").write_text("cat\ndog\n")
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A folder of prepared sets, and a cache of the test's own."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "sets"))
    monkeypatch.setenv("SCRATCHCLUST_CACHE", str(tmp_path / "cache"))
    (tmp_path / "sets").mkdir()
    return tmp_path / "sets"


@pytest.fixture
def decoded(monkeypatch):
    """The splits that were decoded, in order, rather than read from the cache."""
    splits = []
    decode = tfds._decode
    monkeypatch.setattr(
        tfds,
        "_decode",
        lambda folder, split, request: splits.append(split) or decode(folder, split, request),
    )
    return splits


def test_a_prepared_set(root):
    write_set(root)
    train = data.load("toy", split="train")
    np.testing.assert_array_equal(train.images, PIXELS["train"])
    np.testing.assert_array_equal(train.labels, LABELS["train"])
    assert train.labels.dtype == np.int32
    assert (train.name, train.label_names) == ("toy", ("cat", "dog"))
    everything = data.load("toy")
    np.testing.assert_array_equal(
        everything.images, np.concatenate([PIXELS["train"], PIXELS["test"]])
    )
    np.testing.assert_array_equal(everything.labels, LABELS["train"] + LABELS["test"])
    np.testing.assert_array_equal(data.load("toy", limit=2).images, PIXELS["train"][:2])


def test_each_fit_has_a_place_of_its_own_in_the_cache(root, decoded):
    write_set(root)
    sizes = {
        fit: data.load("toy", split="train", size=4, fit=fit).sha256
        for fit in ("crop", "pad", "squeeze")
    }
    assert len({*sizes.values()}) == 3
    assert {fit: data.load("toy", split="train", size=4, fit=fit).sha256 for fit in sizes} == sizes
    assert decoded == ["train"] * 3


def test_train_comes_first_whatever_the_set_says(root):
    pixels = {
        name: np.full((1, 4, 6, 3), i, np.uint8)
        for i, name in enumerate(["extra", "test", "train"])
    }
    write_set(root, pixels=pixels, labels={key: [0] for key in pixels})
    np.testing.assert_array_equal(data.load("toy").images[:, 0, 0, 0], [2, 1, 0])
    np.testing.assert_array_equal(data.load("toy", split="extra").images[:, 0, 0, 0], [0])
    with pytest.raises(
        InputError, match=r"toy has no split 'validation': it has 'extra', 'test', 'train'"
    ):
        data.load("toy", split="validation")


def test_grey(root):
    write_set(
        root, pixels={"train": PIXELS["train"][..., 0]}, labels=LABELS, image=image_feature(4, 6, 1)
    )
    np.testing.assert_array_equal(data.load("toy").images, PIXELS["train"][..., :1])


def test_the_newest_version_or_the_one_that_is_named(root):
    for version, value in {"1.9.0": 9, "1.10.0": 10}.items():
        pixels = {"train": np.full((1, 4, 6, 3), value, np.uint8)}
        write_set(root, version=version, pixels=pixels, labels={"train": [0]})
    (root / "toy" / "2.0.0.incomplete_X").mkdir()
    assert data.load("toy").images[0, 0, 0, 0] == 10
    assert data.load("toy:1.9.0").images[0, 0, 0, 0] == 9
    assert data.load("toy:1.9.0").name == "toy"
    assert prepared.find_prepared("toy:3.0.0") is None


def test_configurations(root):
    write_set(root, "toy/fog_1")
    fog = data.load("toy/fog_1", split="test")
    assert fog.name == "toy/fog_1"
    np.testing.assert_array_equal(fog.images, PIXELS["test"])
    np.testing.assert_array_equal(data.load("toy", split="test").images, PIXELS["test"])
    write_set(root, "toy/snow_1")
    with pytest.raises(
        InputError,
        match=r"toy is prepared in several configurations: name one of toy/fog_1, toy/snow_1",
    ):
        data.load("toy")
    with pytest.raises(InputError, match=r"toy/rain_1: no such file or folder"):
        data.load("toy/rain_1")


def test_the_folder_can_be_an_argument(root, tmp_path):
    write_set(tmp_path / "elsewhere")
    assert (
        len(data.load("toy", data_dir=tmp_path / "elsewhere", cache_dir=tmp_path / "mine").images)
        == 7
    )
    assert (tmp_path / "mine" / "tfds" / "toy" / "1.0.0" / "train" / "images.npy").exists()


def test_different_sizes(root):
    pixels = {"train": [np.full((4, 6, 3), 10, np.uint8), np.full((8, 3, 3), 20, np.uint8)]}
    write_set(root, pixels=pixels, labels={"train": [0, 1]}, image=image_feature(-1, -1, 3))
    with pytest.raises(
        InputError, match=r"toy/1.0.0 has images of different sizes: give one size .* size=64"
    ):
        data.load("toy")
    resized = data.load("toy", size=(2, 5))
    assert resized.images.shape == (2, 2, 5, 3)
    np.testing.assert_array_equal(resized.images[:, 0, 0, 0], [10, 20])
    assert data.load("toy", size=3).images.shape == (2, 3, 3, 3)  # the cache keeps the sizes apart
    assert data.load("toy", size=(2, 5)).sha256 == resized.sha256


# The cache


def test_the_second_load_decodes_nothing(root, decoded):
    write_set(root)
    first = data.load("toy")
    assert decoded == ["train", "test"]
    second = data.load("toy")
    data.load("toy", split="test", limit=1)
    assert decoded == ["train", "test"]
    assert second.sha256 == first.sha256
    np.testing.assert_array_equal(second.images, first.images)
    np.testing.assert_array_equal(second.labels, first.labels)
    assert second.label_names == first.label_names
    second.images[:] = 0  # a copy: the cache is not touched
    assert data.load("toy").sha256 == first.sha256


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: flip_a_bit(folder / "images.npy"),
        lambda folder: flip_a_bit(folder / "labels.npy"),
        lambda folder: (folder / "images.npy").write_bytes(
            (folder / "images.npy").read_bytes()[:-10]
        ),
        lambda folder: (folder / "images.npy").write_bytes(b""),
        lambda folder: (folder / "labels.npy").unlink(),
        lambda folder: (folder / "manifest.json").unlink(),
        lambda folder: (folder / "manifest.json").write_text("{"),
        lambda folder: (folder / "manifest.json").write_text("[]"),
        lambda folder: (folder / "manifest.json").write_text('{"schema": 1}'),
        lambda folder: np.save(folder / "images.npy", np.zeros((5, 4, 6, 3), np.uint8)),
        lambda folder: np.save(folder / "images.npy", np.array([{}]), allow_pickle=True),
    ],
)
def test_a_damaged_cache_is_redone(root, tmp_path, decoded, damage):
    write_set(root)
    data.load("toy", split="train")
    damage(tmp_path / "cache" / "tfds" / "toy" / "1.0.0" / "train")
    np.testing.assert_array_equal(data.load("toy", split="train").images, PIXELS["train"])
    data.load("toy", split="train")
    assert decoded == ["train", "train"]
    assert sorted(
        path.name for path in (tmp_path / "cache" / "tfds" / "toy" / "1.0.0").iterdir()
    ) == ["train"]


def test_a_set_that_was_prepared_anew_is_decoded_anew(root, tmp_path, decoded):
    folder = write_set(root)
    data.load("toy", split="test")
    folder.rename(tmp_path / "old")
    write_set(root, pixels={"test": PIXELS["train"]}, labels={"test": LABELS["train"]})
    np.testing.assert_array_equal(data.load("toy", split="test").images, PIXELS["train"])
    assert decoded == ["test", "test"]


def test_other_labels_in_files_of_the_same_size(root, tmp_path, decoded):
    """Records are padded to 64 KiB: the files of a set prepared anew are as long as the old."""
    first = write_set(root)
    data.load("toy", split="test")
    sizes = sorted(path.stat().st_size for path in first.iterdir())
    first.rename(tmp_path / "old")
    again = write_set(root, labels={**LABELS, "test": [0, 1]})
    assert sorted(path.stat().st_size for path in again.iterdir()) == sizes
    np.testing.assert_array_equal(data.load("toy", split="test").labels, [0, 1])


@pytest.mark.parametrize(("stale", "late_at"), [(False, 1), (True, 3)])
def test_two_processes_write_the_same_split(tmp_path, monkeypatch, stale, late_at):
    """The other one is faster: before the rename, or while the old folder has been moved away."""
    split, folder = cache.CachedSplit(PIXELS["test"], None, None), tmp_path / "x"
    if stale:
        cache.store(folder, split, "what was here before")
    rename, calls = os.replace, []

    def late(old, new):
        calls.append(old)
        if len(calls) == late_at:
            with monkeypatch.context() as undone:
                undone.setattr(cache.os, "replace", rename)
                cache.store(folder, split, "here")
        rename(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, "replace", late)
        cache.store(folder, split, "here")
    assert len(calls) == late_at
    np.testing.assert_array_equal(cache.fetch(folder, "here").images, PIXELS["test"])
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_shared_cache_can_be_read_by_those_who_share_it(tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o755)
    cache.store(tmp_path / "shared" / "x", cache.CachedSplit(PIXELS["test"], None, None), "here")
    assert (tmp_path / "shared" / "x").stat().st_mode & 0o777 == 0o755


def test_what_a_killed_process_left_is_cleared_after_a_day(tmp_path):
    for name, age in ((".partial-old", 2 * 24 * 3600), (".partial-new", 60)):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    cache.store(tmp_path / "x", cache.CachedSplit(PIXELS["test"], None, None), "here")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".partial-new", "x"]


def test_writing_that_dies_leaves_nothing_half_done(root, tmp_path, monkeypatch):
    write_set(root)

    def die(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cache.os, "replace", die)
        with pytest.raises(KeyboardInterrupt):
            data.load("toy", split="test")
    assert list((tmp_path / "cache" / "tfds" / "toy" / "1.0.0").iterdir()) == []
    assert len(data.load("toy", split="test").images) == 2


def test_a_cache_that_cannot_be_written_is_done_without(root, tmp_path):
    write_set(root)
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(
        UserWarning, match=r"cannot write the cache .* set SCRATCHCLUST_CACHE to a folder"
    ):
        test = data.load("toy", split="test")
    np.testing.assert_array_equal(test.images, PIXELS["test"])


def test_the_cache_s_place(monkeypatch, tmp_path):
    monkeypatch.setenv("SCRATCHCLUST_CACHE", str(tmp_path / "a"))
    assert cache.cache_root() == tmp_path / "a"
    assert cache.cache_root(tmp_path / "b") == tmp_path / "b"
    monkeypatch.delenv("SCRATCHCLUST_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    if sys.platform == "linux":
        assert cache.cache_root() == tmp_path / "home" / "scratchclust"


def test_a_split_without_labels_round_trips(tmp_path):
    cache.store(tmp_path / "x", cache.CachedSplit(PIXELS["test"], None, None), "here")
    again = cache.fetch(tmp_path / "x", "here")
    np.testing.assert_array_equal(again.images, PIXELS["test"])
    assert (again.labels, again.label_names) == (None, None)
    assert cache.fetch(tmp_path / "x", "elsewhere") is None


# Broken sets


def test_broken_sets(root):
    folder = write_set(root)
    records = folder / "toy-test.array_record-00000-of-00001"
    whole = records.read_bytes()
    for content in (b"", whole[: len(whole) // 2], bytes(len(whole))):
        records.write_bytes(content)
        with pytest.raises(
            InputError, match=r"toy/1.0.0: its split 'test' is damaged .*: prepare the set again"
        ) as caught:
            data.load("toy", split="test")
        assert "\n" not in str(caught.value)
    (folder / "features.json").write_text("{")
    with pytest.raises(
        InputError, match=r"toy/1.0.0 is damaged .*: delete it and prepare the set again"
    ):
        data.load("toy", split="train")
    (folder / "dataset_info.json").write_text('{"splits": 3}')
    with pytest.raises(
        InputError, match=r"dataset_info.json is damaged .*: delete .* and prepare the set again"
    ):
        data.load("toy")


def test_sets_that_are_no_images(root):
    write_set(root, "deep", image=image_feature(4, 6, 3, dtype="uint16"))
    with pytest.raises(
        InputError,
        match=r"deep/1.0.0 is no set of 8-bit grey or RGB images, it has image \(Image\), label",
    ):
        data.load("deep")
    write_set(root, "film", image=image_feature(4, 6, 4))
    with pytest.raises(InputError, match=r"film/1.0.0 is no set of 8-bit grey or RGB images"):
        data.load("film")


def test_other_formats_and_empty_splits(root):
    write_set(root, "old", file_format="tfrecord")
    with pytest.raises(
        InputError, match=r"old/1.0.0 is in the format 'tfrecord', expected array_record"
    ):
        data.load("old")
    with pytest.raises(InputError, match=r"in the format 'tfrecord'"):
        data.prepare("old")
    write_set(root, "none", pixels={"train": []}, labels={"train": []})
    with pytest.raises(InputError, match=r"none/1.0.0: its split 'train' is empty"):
        data.load("none")


def test_an_image_that_contradicts_its_description(root):
    write_set(root, image=image_feature(6, 4, 3))
    with pytest.raises(
        InputError,
        match=r"image 0 of test has shape \(4, 6, 3\), expected \(6, 4, 3\): delete the folder",
    ):
        data.load("toy", split="test")
    assert data.load("toy", split="test", size=5).images.shape == (2, 5, 5, 3)


def test_labels_out_of_range(root):
    write_set(root, labels={"train": [0, 1, 7, 0, 1], "test": [-1, 0]})
    with pytest.raises(
        InputError,
        match=r"toy/1.0.0 \(train\): label 7 of image 2 is out of range, expected 0 to 1",
    ):
        data.load("toy", split="train")
    with pytest.raises(
        InputError, match=r"toy/1.0.0 \(test\): label -1 of image 0 is out of range"
    ):
        data.load("toy", split="test")


def test_a_split_whose_labels_are_unknown(root):
    """TensorFlow Datasets writes -1 where there is no label."""
    write_set(root, labels={"train": LABELS["train"], "test": [-1, -1]})
    test = data.load("toy", split="test")
    np.testing.assert_array_equal(test.images, PIXELS["test"])
    assert (test.labels, test.label_names) == (None, None)
    np.testing.assert_array_equal(data.load("toy", split="train").labels, LABELS["train"])
    with pytest.raises(
        InputError, match=r"toy has labels for only some of its splits: .* load one split"
    ):
        data.load("toy")


def test_records_that_are_something_else(root, monkeypatch):
    from google.protobuf.message import DecodeError

    write_set(root)
    for failure in (
        DecodeError("Error parsing message"),
        Image.DecompressionBombError("too many pixels"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(
                tfds, "_without_advice", lambda failure=failure: (_ for _ in ()).throw(failure)
            )
            with pytest.raises(
                InputError, match=r"its split 'test' is damaged \(.*\): prepare the set again"
            ):
                data.load("toy", split="test")


def test_no_advice_about_opencv(root, caplog, capsys):
    write_set(root)
    with caplog.at_level(logging.DEBUG):
        data.load("toy", split="test")
    assert "OpenCV" not in caplog.text + capsys.readouterr().err
    assert not logging.getLogger("absl").filters


# Preparing, and sets that are not there


def test_prepare_checks_what_is_there(root):
    folder = write_set(root)
    assert data.prepare("toy") == prepared.PreparedSet(
        "toy", "1.0.0", folder, {"train": 5, "test": 2}, (4, 6, 3), ("cat", "dog")
    )
    assert data.prepare("toy").n_classes == 2
    (folder / "toy-test.array_record-00000-of-00001").write_bytes(b"")
    with pytest.raises(InputError, match=r"split 'test' is damaged"):
        data.prepare("toy")


def test_prepare_digits():
    digits = data.prepare("digits")
    assert digits[:5] == ("digits", digits.version, None, {"all": 1797}, (8, 8, 1))
    assert digits.n_classes == 10


def without(monkeypatch, *modules):
    """Make these modules look as if they were not installed."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name in modules else find_spec(name, *rest),
    )
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)  # importing it raises ImportError


def test_a_known_set_that_is_not_prepared(root):
    with pytest.raises(InputError) as caught:
        data.load("mnist")
    message = str(caught.value)
    for part in (
        "'mnist' is not prepared in",
        str(root),
        "`scratchclust data mnist`",
        '`pip install -e ".[prepare]"` in the checkout',
    ):
        assert part in message
    assert "train-images-idx3-ubyte.gz" in message
    assert "\n" not in message
    with pytest.raises(InputError, match=r"cifar-10-binary.tar.gz, and give its path instead"):
        data.load("cifar10")


def test_idx_files_that_are_there_are_pointed_out(root):
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "t10k-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"give the folder of IDX files that is there, .*MNIST/raw, instead"
    ):
        data.load("mnist")
    other = root / "FashionMNIST" / "raw"
    other.mkdir(parents=True)
    (other / "t10k-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"give the folder of IDX files that is there, .*/NAME, instead"
    ):
        data.load("fashion_mnist")


def test_misspelt_names(root):
    with pytest.raises(
        InputError, match=r"'mnits' is no file or folder here and no data set .* did you mean mnist"
    ):
        data.load("mnits")
    with pytest.raises(InputError, match=r"'digit' is no file .* did you mean digits"):
        data.load("digit")
    with pytest.raises(
        InputError,
        match=r"'qqqqqqqq' is no file or folder here.*: give a data set's name or an existing",
    ):
        data.load("qqqqqqqq")


def test_without_tensorflow_datasets(root, monkeypatch):
    write_set(root)
    without(monkeypatch, "tensorflow_datasets")
    with pytest.raises(
        InputError,
        match=r"toy/1.0.0 needs TensorFlow Datasets, which is not installed: `pip .*tensorflow-dat",
    ):
        data.load("toy")
    with pytest.raises(
        InputError,
        match=r"'mnist' is not prepared in .*TensorFlow Datasets, which runs on Linux, is not",
    ):
        data.load("mnist")
    with pytest.raises(
        InputError,
        match=r"and tensorflow_datasets is not installed: .*pip install .*or put train-images",
    ):
        data.prepare("mnist")
    for ask in (data.load, data.prepare):  # what was meant comes before what is missing
        with pytest.raises(
            InputError,
            match=r"'mnst' is no file .* no well-known data set, did you mean .*mnist.*\?",
        ):
            ask("mnst")


BROKEN = """
import sys, warnings
from pathlib import Path
from scratchclust import data
from scratchclust.errors import InputError
root = Path(sys.argv[1])
print(*(len(data.load(what).images) for what in ("digits", root / "pictures", root / "a.npy")))
assert "tensorflow_datasets" not in sys.modules
for ask in (data.load, data.prepare):
    for name in ("mnist", "mnst", "toy"):
        try:
            ask(name, data_dir=root / "sets")
        except InputError as error:
            print(error)
"""


def test_a_broken_tensorflow_datasets_stops_nobody_with_pictures(tmp_path):
    write_set(tmp_path / "sets")
    stub = "raise RuntimeError('protobuf is of\\nanother version')"
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "tensorflow_datasets.py").write_text(stub)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "pictures" / "a.png")
    np.save(tmp_path / "a.npy", PIXELS["train"])
    path = os.pathsep.join([str(tmp_path / "stub"), *filter(None, sys.path)])
    command = [sys.executable, "-c", BROKEN, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": path, "SCRATCHCLUST_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    counts, *told = done.stdout.splitlines()
    assert counts == "1797 1 5"
    reason = r"cannot be imported \(RuntimeError: protobuf is of another version\)"
    expected = (
        rf"'mnist' is not prepared in .*TensorFlow Datasets, which runs on Linux, {reason}",
        r"did you mean .*mnist",
        rf"toy/1.0.0 needs TensorFlow Datasets, which {reason}: `pip install",
        rf"'mnist' is not prepared in .*, and tensorflow_datasets {reason}: install what prepares "
        r"it",
        r"did you mean .*mnist",
        rf"toy/1.0.0 needs TensorFlow Datasets, which {reason}: `pip install",
    )
    assert len(told) == len(expected)
    for line, pattern in zip(told, expected, strict=True):
        assert re.search(pattern, line), line


def test_cures_name_no_package_that_no_registry_has():
    package = Path(data.__file__).parents[1]
    wrong = [path for path in package.rglob("*.py") if "scratchclust[" in path.read_text()]
    assert not wrong


def test_preparing_without_tensorflow(root, monkeypatch):
    without(monkeypatch, "tensorflow")
    with pytest.raises(InputError) as caught:
        data.prepare("fashion_mnist")
    message = str(caught.value)
    assert (
        'tensorflow is not installed: install what prepares it, `pip install -e ".[prepare]"` in '
        "the" in message
    )
    assert "; or put" in message
    assert "\n" not in message


@pytest.fixture
def pretend_tensorflow(monkeypatch):
    """TensorFlow looks installed; what it would do is done by the test."""
    find_spec = importlib.util.find_spec
    present = types.SimpleNamespace(name="tensorflow")
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: present if name == "tensorflow" else find_spec(name, *rest),
    )


def test_preparing_writes_array_records_where_load_finds_them(
    root, monkeypatch, pretend_tensorflow
):
    import tensorflow_datasets

    class Builder:
        def __init__(self, name, data_dir):
            self.name, self.root = name, data_dir

        def download_and_prepare(self, file_format):
            assert file_format == "array_record"
            self.data_dir = str(write_set(self.root, self.name))

    monkeypatch.setattr(
        tensorflow_datasets, "builder", lambda name, data_dir: Builder(name, data_dir)
    )
    assert data.prepare("mnist").n_images == {"train": 5, "test": 2}
    np.testing.assert_array_equal(data.load("mnist", split="test").images, PIXELS["test"])


@pytest.mark.parametrize(
    "failure",
    [
        OSError("disk\nfull"),
        ConnectionError("HTTPConnectionPool(host=...)"),
        ImportError("needs scipy"),
        AssertionError("Manual directory does not exist"),
        ValueError("Failed to construct dataset: BuilderConfig nonsense not found"),
        RuntimeError("the checksum differs"),
    ],
)
def test_preparing_fails(root, monkeypatch, pretend_tensorflow, failure):
    import tensorflow_datasets

    def fail(name, data_dir):
        raise failure

    monkeypatch.setattr(tensorflow_datasets, "builder", fail)
    with pytest.raises(
        InputError, match=r"TensorFlow Datasets failed \(.*\), so .* try again; or put train-images"
    ) as caught:
        data.prepare("mnist", verbose=True)
    assert "\n" not in str(caught.value)
    assert "HTTPConnectionPool" not in str(caught.value)
    with pytest.raises(InputError, match=r"'mnits' is no file or folder here"):
        data.prepare("mnits")


@pytest.mark.parametrize("verbose", [False, True])
def test_what_preparing_prints_goes_to_standard_error_or_nowhere(
    root, monkeypatch, pretend_tensorflow, capsys, caplog, verbose
):
    import tensorflow_datasets
    from tensorflow_datasets.core.download import downloader

    before = downloader.MAX_RETRIES

    def fail(name, data_dir):
        print("Downloading")
        logging.getLogger("urllib3.connectionpool").warning("Retrying")
        raise ConnectionError(f"after {downloader.MAX_RETRIES} attempts")

    monkeypatch.setattr(tensorflow_datasets, "builder", fail)
    with pytest.raises(InputError, match=r"TensorFlow Datasets failed \(no connection\)") as caught:
        data.prepare("mnist", verbose=verbose)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == ("Downloading\n" if verbose else "")
    assert "Retrying" not in caplog.text
    # Not for minutes, and only while preparing.
    assert str(caught.value.__cause__) == "after 3 attempts"
    assert downloader.MAX_RETRIES == before > 3


# Real data


@pytest.mark.real_data
def test_mnist(tfds_dir, tmp_path):
    test = data.load("mnist", split="test", data_dir=tfds_dir, cache_dir=tmp_path)
    assert test.images.shape == (10_000, 28, 28, 1)
    np.testing.assert_array_equal(test.labels[:10], [2, 0, 4, 8, 7, 6, 0, 6, 3, 1])
    # The numbers of each digit are published with the set; TensorFlow Datasets shuffles their
    # order.
    np.testing.assert_array_equal(
        np.bincount(test.labels), [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    )
    np.testing.assert_allclose(test.images.mean() / 255, 0.1325, atol=1e-4)
    assert (
        data.load("mnist", split="test", data_dir=tfds_dir, cache_dir=tmp_path).sha256
        == test.sha256
    )
    summary = data.prepare("mnist", data_dir=tfds_dir)
    assert (summary.n_images, summary.shape, summary.n_classes) == (
        {"train": 60_000, "test": 10_000},
        (28, 28, 1),
        10,
    )


@pytest.mark.full
@pytest.mark.real_data
def test_cifar10(tfds_dir, tmp_path):
    test = data.load("cifar10", split="test", data_dir=tfds_dir, cache_dir=tmp_path)
    assert test.images.shape == (10_000, 32, 32, 3)
    np.testing.assert_array_equal(np.bincount(test.labels), [1000] * 10)
    assert test.label_names[:3] == ("airplane", "automobile", "bird")
    np.testing.assert_allclose(
        test.images.mean(axis=(0, 1, 2)) / 255, [0.4942, 0.4851, 0.4504], atol=2e-3
    )
