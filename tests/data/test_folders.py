"""Folders of pictures: labels, order, every mode of Pillow, and broken or hostile files."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.data.listing import list_files, natural_key
from scratchclust.errors import InputError


def save(path, value=128, *, size=(4, 6), mode="RGB", **options):
    """A picture of one colour; size is (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), value).save(path, **options)
    return path


def test_class_folders_give_labels(tmp_path):
    save(tmp_path / "dog" / "2.png", (1, 2, 3))
    save(tmp_path / "dog" / "10.png", (4, 5, 6))
    save(tmp_path / "cat" / "deep" / "er" / "1.bmp", (7, 8, 9))
    pictures = data.load(tmp_path)
    assert pictures.paths == ("cat/deep/er/1.bmp", "dog/2.png", "dog/10.png")
    assert pictures.label_names == ("cat", "dog")
    np.testing.assert_array_equal(pictures.labels, [0, 1, 1])
    np.testing.assert_array_equal(pictures.images[:, 0, 0], [[7, 8, 9], [1, 2, 3], [4, 5, 6]])
    assert pictures.images.shape == (3, 4, 6, 3)
    assert pictures.name == tmp_path.name


def test_flat_folders_have_no_labels(tmp_path):
    save(tmp_path / "b.png")
    save(tmp_path / "a.jpg")
    flat = data.load(tmp_path)
    assert (flat.labels, flat.label_names, flat.paths) == (None, None, ("a.jpg", "b.png"))


def test_a_picture_beside_the_class_folders_takes_no_labels_from_the_others(tmp_path):
    for name in ("cat/1.png", "dog/1.png", "1.png"):
        save(tmp_path / name)
    with pytest.warns(
        UserWarning, match=r"1 pictures beside the class folders have no label \(-1\), first 1.png"
    ):
        pictures = data.load(tmp_path)
    assert pictures.paths == ("1.png", "cat/1.png", "dog/1.png")
    np.testing.assert_array_equal(pictures.labels, [-1, 0, 1])
    assert pictures.label_names == ("cat", "dog")
    assert "1 pictures beside the class folders have no label" in pictures.taken
    (tmp_path / "1.png").write_text("a note, and no picture")
    with pytest.warns(UserWarning, match=r"skipped 1 of 3 files"):
        np.testing.assert_array_equal(data.load(tmp_path).labels, [0, 1])


def test_a_wrapper_makes_no_class(tmp_path):
    save(tmp_path / "photos" / "2024" / "1.png")
    save(tmp_path / "photos" / "2024" / "2.png")
    (tmp_path / "README.txt").write_text("by whom")
    with pytest.warns(UserWarning, match=r"skipped 1 of 3 files"):
        flat = data.load(tmp_path)
    assert (flat.labels, flat.label_names, len(flat.images)) == (None, None, 2)
    assert "looked through photos/2024/; no classes" in flat.taken
    save(
        tmp_path / "photos" / "2024" / "cat" / "1.png"
    )  # one class, and pictures of none: nothing to tell apart
    with pytest.warns(UserWarning, match=r"skipped 1 of 4 files"):
        assert data.load(tmp_path).labels is None


def test_classes_and_splits_are_found_through_wrappers(tmp_path):
    for name in ("train/images/cat/1.png", "train/images/dog/1.png", "test/images/dog/1.png"):
        save(tmp_path / "set" / "v2" / name)
    (tmp_path / "set" / "v2" / "train" / "labels").mkdir()
    (tmp_path / "set" / "v2" / "train" / "labels" / "1.txt").write_text("0 0.5 0.5 1 1")
    with pytest.warns(UserWarning, match=r"skipped 1 of 4 files"):
        train = data.load(tmp_path, split="train")
    assert (train.label_names, train.labels.tolist()) == (("cat", "dog"), [0, 1])
    assert data.load(tmp_path, split="test").labels.tolist() == [1]


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("train", "val"), ("train", "val")),
        (("Train", "Test"), ("train", "test")),
        (("training", "testing"), ("train", "test")),
        (("TRAIN", "valid", "Test"), ("train", "test", "val")),
        (("train", "validation", "test"), ("train", "test", "val")),
        (("train",), ("train",)),
    ],
)
def test_the_usual_names_of_splits(tmp_path, folders, splits):
    for folder in folders:
        for name in ("cat", "dog"):
            save(tmp_path / folder / name / "1.png")
    everything = data.load(tmp_path)
    assert everything.label_names == ("cat", "dog")
    np.testing.assert_array_equal(everything.labels, [0, 1] * len(folders))
    for split in splits:
        part = data.load(tmp_path, split=split)
        assert part.labels.tolist() == [0, 1]
        assert part.paths[0].split("/")[0].casefold().startswith(split)
    for split, folder in zip(sorted(splits), sorted(folders, key=str.casefold), strict=True):
        assert f"{split} ({folder}/)" in everything.taken
    assert "2 classes by folder (cat, dog)" in everything.taken


def test_what_lies_beside_the_splits_is_named_and_left_out(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/b/1.png", "samples/1.png"):
        save(tmp_path / name)
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "list.csv").write_text("a,b")
    with pytest.warns(
        UserWarning,
        match=r"skipped 2 of 5 files.* first annotations/list.csv \(lies beside the splits",
    ):
        everything = data.load(tmp_path)
    assert everything.label_names == ("a", "b")
    np.testing.assert_array_equal(everything.labels, [0, 1, 1])
    assert [file.path for file in everything.skipped] == ["annotations/list.csv", "samples/1.png"]
    assert data.load(tmp_path, split="train").labels.tolist() == [0, 1]
    with pytest.raises(
        InputError,
        match=r"list.csv cannot be read as a picture \(lies beside the splits train, test",
    ):
        data.load(tmp_path, strict=True)


def test_the_folders_of_runs_are_no_data(tmp_path):
    save(tmp_path / "cat" / "1.png")
    save(tmp_path / "dog" / "1.png")
    before = data.load(tmp_path, strict=True)
    finished, working = tmp_path / "runs" / "pixels", tmp_path / "runs" / "digits.partial"
    for run in (finished, working):
        save(run / "figures" / "clusters.png", size=(100, 100))
        (run / "log.txt").write_text("starting")
    (finished / "metrics.json").write_text("{}")
    (finished / "assignments.csv").write_text("image,cluster")
    after = data.load(tmp_path, strict=True)
    assert (after.sha256, after.paths, after.label_names) == (
        before.sha256,
        before.paths,
        before.label_names,
    )
    assert "left out runs: runs/digits.partial, runs/pixels" in after.taken
    with pytest.raises(
        InputError, match=r"pixels is the folder of a run, its pictures are figures"
    ):
        data.load(finished)
    assert len(data.load(finished / "figures").images) == 1  # who asks for them gets them


def test_a_limit_is_a_sample_over_all_classes(tmp_path):
    for name, n in {"a": 30, "b": 12, "c": 1}.items():
        for i in range(n):
            save(tmp_path / name / f"{i}.png", i, mode="L", size=(1, 1))
    some = data.load(tmp_path, limit=15)
    assert np.bincount(some.labels).tolist() == [10, 4, 1]  # one of each, then in proportion
    assert list(some.paths) == sorted(some.paths, key=natural_key)
    expected = [int(path.split("/")[1].removesuffix(".png")) for path in some.paths]
    np.testing.assert_array_equal(some.images.ravel(), expected)
    assert data.load(tmp_path, limit=15).paths == some.paths
    assert data.load(tmp_path, limit=15, seed=1).paths != some.paths
    assert data.load(tmp_path, limit=3).labels.tolist() == [0, 1, 2]
    assert data.load(tmp_path, limit=43).paths == data.load(tmp_path).paths


def test_broken_links_are_named(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").symlink_to(".git/annex/objects/b.png")
    with pytest.warns(
        UserWarning, match=r"skipped 1 of 2 files.* first b.png \(a link to .*, which is not there"
    ):
        pictures = data.load(tmp_path)
    assert [file.path for file in pictures.skipped] == ["b.png"]
    with pytest.raises(
        InputError, match=r"b.png cannot be read as a picture \(a link to .git/annex"
    ):
        data.load(tmp_path, strict=True)
    (tmp_path / "a.png").unlink()
    with pytest.raises(
        InputError,
        match=r"none of its 1 files is a readable picture \(b.png, a link to .*`dvc pull`",
    ):
        data.load(tmp_path)


def test_progress_is_told_to_whoever_asks(tmp_path, monkeypatch):
    monkeypatch.setattr("scratchclust.data.bars.PERIOD", -1.0)
    for i in range(3):
        save(tmp_path / f"{i}.png")
    lines = []
    data.load(tmp_path, tell=lines.append)
    assert lines[:2] == ["reading pictures: 1 of 3", "reading pictures: 2 of 3"]


def test_train_and_test_folders_are_splits(tmp_path):
    for name, value in {"train/b/1.png": 1, "train/a/1.png": 2, "test/b/1.png": 3}.items():
        save(tmp_path / name, value, mode="L")
    everything = data.load(tmp_path)
    assert everything.paths == ("train/a/1.png", "train/b/1.png", "test/b/1.png")
    np.testing.assert_array_equal(everything.labels, [0, 1, 1])
    test = data.load(tmp_path, split="test")
    np.testing.assert_array_equal(test.images.ravel()[:1], [3])
    np.testing.assert_array_equal(test.labels, [1])
    assert test.label_names == ("a", "b")


def test_other_folders_are_no_splits(tmp_path):
    save(tmp_path / "train" / "1.png")
    save(tmp_path / "bus" / "1.png")
    assert data.load(tmp_path).label_names == ("bus", "train")
    with pytest.raises(InputError, match=r"has no train and test split"):
        data.load(tmp_path, split="train")


def test_the_order_is_natural_and_the_same_on_every_file_system():
    names = [
        "img10.png",
        "img2.png",
        "Img1.png",
        "a/2.png",
        "a/10.png",
        "a10/1.png",
        "a2/1.png",
        "b.png",
        "007.png",
        "7.png",
    ]
    expected = [
        "007.png",
        "7.png",
        "a/2.png",
        "a/10.png",
        "a2/1.png",
        "a10/1.png",
        "b.png",
        "Img1.png",
        "img2.png",
        "img10.png",
    ]
    assert sorted(names, key=natural_key) == expected
    assert sorted(set(names), key=natural_key) == expected


def test_hidden_files_are_ignored(tmp_path):
    save(tmp_path / "seen.png")
    save(tmp_path / ".hidden.png")
    save(tmp_path / ".folder" / "1.png")
    (tmp_path / ".DS_Store").write_bytes(b"x")
    assert data.load(tmp_path, strict=True).paths == ("seen.png",)


def test_links_are_followed_and_loops_end(tmp_path):
    save(tmp_path / "elsewhere" / "1.png")
    folder = tmp_path / "set"
    save(folder / "cat" / "1.png")
    (folder / "dog").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "cat" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "broken.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(folder / "pipe.png")
    with pytest.warns(UserWarning, match=r"skipped 2 of 4 files"):
        pictures = data.load(folder)
    assert pictures.paths == ("cat/1.png", "dog/1.png")
    assert pictures.skipped[1] == ("pipe.png", "neither a file nor a folder")


def test_limit_counts_pictures_not_files(tmp_path):
    (tmp_path / "0.png").write_bytes(b"broken")
    for i in range(1, 40):
        save(tmp_path / f"{i}.png", (i, 0, 0))
    with pytest.warns(UserWarning, match=r"0.png"):
        some = data.load(tmp_path, limit=3)
    assert some.paths == ("1.png", "2.png", "3.png")
    np.testing.assert_array_equal(some.images[:, 0, 0, 0], [1, 2, 3])


def test_the_first_pictures_of_many(tmp_path):
    for i in range(300):  # more than the threads decode ahead
        save(tmp_path / f"{i}.png", i % 256, mode="L", size=(1, 1))
    np.testing.assert_array_equal(data.load(tmp_path).images.ravel(), np.arange(300) % 256)


@pytest.mark.parametrize(
    ("mode", "value", "suffix", "expected"),
    [
        ("1", 1, "png", [255]),
        ("L", 77, "png", [77]),
        ("LA", (100, 255), "png", [100]),
        ("LA", (100, 0), "png", [255]),  # transparent: the white behind it
        ("RGB", (1, 2, 3), "png", [1, 2, 3]),
        ("RGB", (9, 9, 9), "png", [9]),
        ("RGBA", (0, 0, 0, 0), "png", [255]),
        ("RGBA", (255, 0, 0, 51), "png", [255, 204, 204]),  # a fifth red, four fifths white
        ("CMYK", (0, 255, 255, 0), "tiff", [255, 0, 0]),
        ("I;16", 65535, "png", [255]),
        ("I;16", 257 * 100 + 128, "png", [100]),
        ("I;16", 257 * 100 + 129, "png", [101]),
        ("I", 257 * 150, "tiff", [150]),
        ("F", 0.5, "tiff", [128]),
    ],
)
def test_every_mode(tmp_path, mode, value, suffix, expected):
    save(tmp_path / f"one.{suffix}", value, mode=mode)
    image = data.load(tmp_path).images[0]
    assert image.shape == (4, 6, len(expected))
    np.testing.assert_array_equal(image.reshape(-1, len(expected)), [expected] * 24)


def test_palettes(tmp_path):
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    picture.save(tmp_path / "palette.png")
    np.testing.assert_array_equal(data.load(tmp_path).images[0, 0], [[10, 20, 30], [40, 50, 60]])
    picture.save(tmp_path / "palette.png", transparency=1)
    np.testing.assert_array_equal(data.load(tmp_path).images[0, 0], [[10, 20, 30], [255, 255, 255]])
    picture.save(
        tmp_path / "palette.png", transparency=bytes([255, 0])
    )  # Pillow remarks on this one
    np.testing.assert_array_equal(data.load(tmp_path).images[0, 0], [[10, 20, 30], [255, 255, 255]])


@pytest.mark.parametrize(
    ("mode", "value"), [("I", 70000), ("I", -1), ("F", 1.5), ("F", float("nan"))]
)
def test_numbers_out_of_range_are_unreadable(tmp_path, mode, value):
    save(tmp_path / "deep.tiff", value, mode=mode)
    with pytest.raises(InputError, match=r"none of its 1 files .*deep.tiff, its values run from"):
        data.load(tmp_path)


def test_grey_only_if_every_picture_is(tmp_path):
    save(tmp_path / "1.png", 5, mode="L")
    save(tmp_path / "2.png", (6, 6, 6))
    np.testing.assert_array_equal(data.load(tmp_path).images[:, 0, 0], [[5], [6]])
    save(tmp_path / "3.png", (7, 8, 7))
    np.testing.assert_array_equal(
        data.load(tmp_path).images[:, 0, 0], [[5, 5, 5], [6, 6, 6], [7, 8, 7]]
    )


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "tiff", "webp", "ppm"])
def test_formats(tmp_path, suffix):
    options = {"lossless": True} if suffix == "webp" else {}
    save(tmp_path / f"a.{suffix}", (200, 100, 0), **options)
    np.testing.assert_array_equal(data.load(tmp_path).images[0, 3, 5], [200, 100, 0])


def test_a_jpeg_and_its_orientation(tmp_path):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, 16:] = 255  # the right half is white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to see it upright: the right half comes down
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", quality=100, exif=exif)
    upright = data.load(tmp_path).images[0]
    assert upright.shape == (32, 16, 1)
    assert upright[:12].max() < 20
    assert upright[20:].min() > 235


def test_large_jpegs_shrink_to_the_mean_of_what_they_cover(tmp_path):
    pixels = np.zeros((512, 1024, 3), np.uint8)
    pixels[:, 256:512] = 200  # in the centred square, the left half
    Image.fromarray(pixels).save(tmp_path / "large.jpg", quality=95)
    image = data.load(tmp_path, size=8).images[0]
    assert image.shape == (8, 8, 1)
    np.testing.assert_allclose(image[:, [1, 2, 5, 6], 0], [[200, 200, 0, 0]] * 8, atol=2)


def test_mixed_sizes(tmp_path):
    save(tmp_path / "a.png", 10, mode="L", size=(4, 6))
    save(tmp_path / "b.png", 20, mode="L", size=(5, 6))
    with pytest.raises(
        InputError,
        match=r"b.png has 5x6 pixels \(height x width\), but a.png has 4x6: .*for example size=64",
    ):
        data.load(tmp_path)
    pictures = data.load(tmp_path, size=(3, 2))
    assert pictures.images.shape == (2, 3, 2, 1)
    np.testing.assert_array_equal(pictures.images[:, 0, 0, 0], [10, 20])


def test_equal_pictures_too_large_for_memory_want_a_size(tmp_path, monkeypatch):
    monkeypatch.setattr("scratchclust.data.gathering.LARGEST_UNASKED", 100)
    save(tmp_path / "a.png")
    save(tmp_path / "b.png")
    with pytest.raises(
        InputError, match=r"2 pictures of 4x6 pixels would take 0.0 GiB of memory: give a size"
    ):
        data.load(tmp_path)
    assert data.load(tmp_path, size=8).images.shape == (2, 8, 8, 3)


def test_broken_files_are_listed_and_skipped(tmp_path):
    save(tmp_path / "a" / "good.png", (1, 2, 3))
    good = (tmp_path / "a" / "good.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(good[:-30])
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "notes.txt").write_text("no picture")
    (tmp_path / "b" / "empty.jpg").write_bytes(b"")
    with pytest.warns(
        UserWarning, match=r"skipped 3 of 4 files that are no readable pictures, first a/cut.png"
    ) as caught:
        pictures = data.load(tmp_path)
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert pictures.paths == ("a/good.png",)
    assert [skipped.path for skipped in pictures.skipped] == [
        "a/cut.png",
        "b/empty.jpg",
        "b/notes.txt",
    ]
    assert pictures.skipped[2].reason == "not a format that Pillow reads"
    with pytest.raises(
        InputError,
        match=r"a/cut.png cannot be read as a picture \(.*\): remove it, or load without strict",
    ):
        data.load(tmp_path, strict=True)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "tiff", "webp"])
def test_damage_anywhere_in_a_file_gives_a_picture_or_one_line(tmp_path, suffix):
    rng = np.random.default_rng(0)
    file = tmp_path / f"damaged.{suffix}"
    Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8)).save(file)
    content = file.read_bytes()
    refusals = []
    for _ in range(30):
        damaged = bytearray(content)
        for position in rng.integers(0, len(content), 3):
            damaged[position] = rng.integers(256)
        file.write_bytes(damaged)
        try:
            assert data.load(file, size=4).images.shape[:3] == (1, 4, 4)
        except InputError as error:
            refusals.append(str(error))
    assert refusals
    assert all(file.name in refusal and "\n" not in refusal for refusal in refusals)


def bomb(width, height):
    """A PNG of a few bytes that claims this size."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "side", [10_000, 40_000]
)  # Pillow warns at the first and raises at the second
def test_decompression_bombs(tmp_path, side):
    save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(bomb(side, side))
    with pytest.warns(
        UserWarning,
        match=r"skipped 1 of 2 files .* first b.png \(so many pixels that it may be a decomp",
    ):
        assert data.load(tmp_path, size=8).paths == ("a.png",)
    with pytest.raises(
        InputError, match=r"b.png cannot be read as a picture \(so many pixels .* save it smaller"
    ):
        data.load(tmp_path, size=8, strict=True)
    with pytest.raises(
        InputError,
        match=r"b.png cannot be read \(so many pixels .* \(the limit is \d+\): save it small",
    ):
        data.load(tmp_path / "b.png")


def test_empty_folders(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / ".hidden").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"is an empty folder, expected pictures: give the folder that holds them"
    ):
        data.load(tmp_path)
    (tmp_path / "cat" / "a.txt").write_text("x")
    with pytest.raises(
        InputError, match=r"none of its 1 files is a readable picture \(cat/a.txt, not a format"
    ):
        data.load(tmp_path)


def test_one_picture_alone(tmp_path):
    save(tmp_path / "me.png", (1, 2, 3))
    one = data.load(tmp_path / "me.png")
    assert (one.images.shape, one.paths, one.name, one.labels) == (
        (1, 4, 6, 3),
        ("me.png",),
        "me",
        None,
    )
    with pytest.raises(InputError, match=r"me.png has no train and test split"):
        data.load(tmp_path / "me.png", split="test")
    (tmp_path / "me.txt").write_text("hello")
    with pytest.raises(
        InputError, match=r"me.txt cannot be read \(not a format that Pillow reads\): expected IDX"
    ):
        data.load(tmp_path / "me.txt")


def test_warning_filters_are_restored(tmp_path):
    save(tmp_path / "a.png")
    before = list(warnings.filters)
    data.load(tmp_path, limit=1)
    assert list(warnings.filters) == before


def test_a_note_beside_train_and_test_changes_nothing(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/b/1.png"):
        save(tmp_path / name)
    (tmp_path / "README.txt").write_text("who took these pictures")
    with pytest.warns(UserWarning, match=r"skipped 1 of 4 files"):
        everything = data.load(tmp_path)
    assert everything.label_names == ("a", "b")
    np.testing.assert_array_equal(everything.labels, [0, 1, 1])
    assert data.load(tmp_path, split="train").paths == ("train/a/1.png", "train/b/1.png")


def test_folders_without_pictures_are_no_classes(tmp_path):
    save(tmp_path / "cat" / "1.png")
    save(tmp_path / "dog" / "1.png")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "1.xml").write_text("<box/>")
    with pytest.warns(UserWarning, match=r"annotations/1.xml"):
        pictures = data.load(tmp_path)
    assert pictures.label_names == ("cat", "dog")
    np.testing.assert_array_equal(pictures.labels, [0, 1])
    assert data.load(tmp_path / "cat", strict=True).labels is None


def test_classes_are_numbered_alike_whatever_is_read(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/b/1.png"):
        save(tmp_path / name)
    assert data.load(tmp_path, limit=1).label_names == ("a", "b")
    assert data.load(tmp_path, split="test").label_names == ("a", "b")


def test_what_links_lead_to_is_there_under_each_name(tmp_path):
    save(tmp_path / "set" / "dog" / "1.png")
    save(tmp_path / "set" / "cat" / "1.png")
    (tmp_path / "set" / "cat" / "also").symlink_to(
        tmp_path / "set" / "dog", target_is_directory=True
    )
    (tmp_path / "set" / "hound").symlink_to(tmp_path / "set" / "dog", target_is_directory=True)
    pictures = data.load(tmp_path / "set")
    assert pictures.paths == ("cat/1.png", "cat/also/1.png", "dog/1.png", "hound/1.png")
    assert pictures.label_names == ("cat", "dog", "hound")


def test_many_links_to_each_other_end(tmp_path):
    folders = [tmp_path / "set" / "class" / str(i) for i in range(9)]
    for folder in folders:
        save(folder / "1.png")
    for folder in folders:
        for other in folders:
            (folder / f"to{other.name}").symlink_to(other, target_is_directory=True)
    assert len(list_files(tmp_path / "set").files) < 9**3


def test_a_folder_that_cannot_be_listed_is_not_left_out(tmp_path, monkeypatch):
    save(tmp_path / "cat" / "1.png")
    save(tmp_path / "dog" / "1.png")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"dog: no permission to read it: change its rights"):
        data.load(tmp_path)


def test_names_that_are_no_text(tmp_path):
    save(tmp_path / "cat" / "1.png")
    os.rename(save(tmp_path / "cat" / "2.png"), os.fsencode(tmp_path / "cat") + b"/\xe9.png")
    save(tmp_path / "dog" / "1.png")
    os.rename(tmp_path / "dog", os.fsencode(tmp_path) + b"/d\xf6g")
    with pytest.warns(UserWarning, match=r"skipped 2 of 3 files"):
        pictures = data.load(tmp_path)
    assert (pictures.paths, pictures.label_names) == (("cat/1.png",), None)
    assert {file.path for file in pictures.skipped} == {"cat/\\xe9.png", "d\\xf6g/1.png"}
    with pytest.raises(
        InputError, match=r"its name is not UTF-8, so that no report could name it: rename it"
    ):
        data.load(tmp_path, strict=True)


def test_a_newline_in_a_name_stays_on_one_line(tmp_path):
    (tmp_path / "a\nb.png").write_bytes(b"")
    with pytest.raises(InputError) as caught:
        data.load(tmp_path, strict=True)
    assert "\n" not in str(caught.value)
