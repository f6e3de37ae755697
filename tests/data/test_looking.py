"""A first look: what it tells without reading all, and how little it opens."""

import os
import re
import time

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.data import dataset, headers, looking, pictures, tfds
from scratchclust.errors import InputError


def save(path, value=(1, 2, 3), *, size=(4, 6), mode="RGB", **options):
    """A picture of one colour; size is (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), value).save(path, **options)


def test_a_folder_of_pictures(tmp_path):
    save(tmp_path / "a" / "1.png", size=(10, 20))
    save(tmp_path / "a" / "2.jpg", size=(30, 40))
    save(tmp_path / "b" / "3.gif", 9, mode="L", size=(30, 40))
    save(tmp_path / "b" / "4.png", (9, 9, 9), size=(30, 40))
    (tmp_path / "notes.txt").write_text("no picture, by its name")
    (tmp_path / "b" / "5.png").write_text("no picture, by its header")
    found = data.look(tmp_path)
    assert (found.kind, found.n, found.readable_share) == ("pictures", 5, 0.8)
    assert found.sizes.tolist() == [[10, 20], [30, 40], [30, 40], [30, 40]]
    assert (found.grey_share, found.is_grey, found.is_of_one_size) == (0.5, False, False)
    assert found.median_size == (30, 40)
    assert found.n_bytes((8, 10)) == 5 * 8 * 10 * 3
    assert found.n_bytes() == 5 * 30 * 40 * 3


def test_grey_pictures_of_one_size_take_a_byte_a_pixel(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", i, mode="L")
    found = data.look(tmp_path)
    assert (found.is_grey, found.is_of_one_size, found.n_bytes()) == (True, True, 3 * 4 * 6)


def test_sizes_are_upright(tmp_path):
    exif = Image.Exif()
    exif[headers.ORIENTATION] = 6
    for suffix in ("jpg", "png", "webp", "tiff"):
        save(tmp_path / f"a.{suffix}", size=(4, 6), exif=exif)
    found = data.look(tmp_path)
    assert found.sizes.tolist() == [[6, 4]] * 4
    np.testing.assert_array_equal(data.load(tmp_path).original_sizes, found.sizes)


def test_little_is_opened_and_less_is_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr(looking, "N_OPENED", 20)
    monkeypatch.setattr(looking, "N_DECODED", 5)
    for i in range(50):
        save(tmp_path / f"{i}.png", (i, 0, 0), size=(1 + i, 2))
    decoded = []
    decode = pictures.decode
    monkeypatch.setattr(pictures, "decode", lambda *args: decoded.append(args) or decode(*args))
    found = data.look(tmp_path)
    assert (found.n, len(found.sizes), len(decoded)) == (50, 20, 5)
    assert found.sizes[[0, -1], 0].tolist() == [1, 50]  # from the first to the last
    monkeypatch.setattr(looking, "LARGEST_DECODED", 20)
    decoded.clear()
    data.look(tmp_path)
    assert len(decoded) == 2


def test_a_split_alone(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png"):
        save(tmp_path / name)
    assert [data.look(tmp_path, split=split).n for split in ("all", "train", "test")] == [3, 2, 1]
    with pytest.raises(InputError, match=r"has no split 'val'"):
        data.look(tmp_path, split="val")


def test_nothing_that_can_be_read(tmp_path):
    with pytest.raises(InputError, match=r"is an empty folder"):
        data.look(tmp_path)
    (tmp_path / "a.jpg").write_text("a text")
    found = data.look(tmp_path)
    assert (found.n, found.readable_share, found.median_size, found.n_bytes()) == (1, 0, (0, 0), 0)
    with pytest.raises(InputError, match=r"no such file or folder"):
        data.look(tmp_path / "none")
    with pytest.raises(InputError, match=r"neither a file, a folder, nor a possible name"):
        data.look("a" * 5000)


def test_arrays(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.zeros((7, 4, 6), np.uint8))
    np.savez(tmp_path / "b.npz", images=np.zeros((7, 4, 6, 3), np.uint8))
    save(tmp_path / "c.png", size=(9, 8))
    # nothing is hashed, as all would have to be read for it
    monkeypatch.setattr(dataset, "pixels_sha256", None)
    found = [data.look(tmp_path / name) for name in ("a.npy", "b.npz", "c.png")]
    assert [look.kind for look in found] == ["arrays", "arrays", "pictures"]
    assert [look.n_bytes() for look in found] == [7 * 4 * 6, 7 * 4 * 6 * 3, 9 * 8 * 3]
    assert data.look("digits").n_bytes() == 1797 * 64


def test_a_prepared_set_of_different_sizes_is_sampled(monkeypatch):
    images = [np.zeros((4, 6, 3), np.uint8), np.full((8, 6, 3), [1, 2, 3], np.uint8)]

    def mixed(*args):
        raise dataset.MixedSizesError("different sizes: give a size")

    monkeypatch.setattr(tfds, "read_tfds", mixed)
    monkeypatch.setattr(tfds, "sample", lambda *args: (1000, images))
    found = data.look("cats_vs_dogs")
    assert (found.kind, found.n, found.grey_share) == ("arrays", 1000, 0.5)
    assert found.sizes.tolist() == [[4, 6], [8, 6]]


@pytest.mark.full
def test_a_look_at_100_000_files_takes_seconds(tmp_path):
    for i in range(100):
        save(tmp_path / str(i) / "0.png", size=(28, 28))
        for j in range(1, 1000):
            os.link(tmp_path / str(i) / "0.png", tmp_path / str(i) / f"{j}.png")
    start = time.process_time()
    assert data.look(tmp_path).n == 100_000
    assert time.process_time() - start < 10


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    save(tmp_path / "dog" / "1.png")

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=re.escape(f"{tmp_path}: no permission to read it")):
        data.look(tmp_path)
