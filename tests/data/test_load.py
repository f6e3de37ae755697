"""`load` itself: names, options, the hash, the digits."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from scratchclust import data
from scratchclust.data import formats
from scratchclust.data.dataset import (
    Reading,
    check_fit,
    check_limit,
    check_size,
    pixels_sha256,
)
from scratchclust.errors import InputError


@pytest.fixture
def pair(tmp_path):
    """Two grey images of 2x3 pixels, saved with labels."""
    images = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.savez(tmp_path / "pair.npz", images=images, labels=np.array([1, 0]))
    return tmp_path / "pair.npz", images[..., None]


def test_digits_are_fifteen_times_scikit_learns():
    digits = data.load("digits")
    peer = load_digits()
    assert digits.images.shape == (1797, 8, 8, 1)
    assert digits.images.dtype == np.uint8
    np.testing.assert_array_equal(digits.images[..., 0] // 15, peer.images)
    np.testing.assert_array_equal(digits.images[..., 0], 15 * peer.images)
    np.testing.assert_array_equal(digits.labels, peer.target)
    assert digits.labels.dtype == np.int32
    assert digits.label_names == tuple("0123456789")
    assert (digits.name, digits.split, digits.paths, digits.skipped) == ("digits", "all", None, ())


@pytest.mark.parametrize("split", ["train", "test"])
def test_digits_have_no_splits(split):
    with pytest.raises(
        InputError,
        match=f"digits has no train and test split, but split='{split}'.*use split='all'",
    ):
        data.load("digits", split=split)


def test_limit_takes_the_first(pair):
    path, images = pair
    some = data.load(path, limit=1)
    np.testing.assert_array_equal(some.images, images[:1])
    np.testing.assert_array_equal(some.labels, [1])
    assert len(data.load(path, limit=10).images) == 2


def test_the_hash_is_of_shape_type_and_pixels(pair):
    path, images = pair
    everything = data.load(path)
    assert (
        everything.sha256 == hashlib.sha256(b"uint8 (2, 2, 3, 1)\n" + bytes(range(12))).hexdigest()
    )
    assert (
        data.load(path, limit=1).sha256
        == hashlib.sha256(b"uint8 (1, 2, 3, 1)\n" + bytes(range(6))).hexdigest()
    )
    assert pixels_sha256(images.reshape(2, 3, 2, 1)) != everything.sha256
    assert pixels_sha256(np.asfortranarray(images)) == everything.sha256


def test_the_caller_owns_what_it_gets(pair):
    path, images = pair
    first = data.load(path)
    first.images[:] = 7
    first.labels[:] = 7
    np.testing.assert_array_equal(data.load(path).images, images)


def test_size_crops_the_centre_and_resamples(tmp_path):
    # The centred square is the middle two columns. In one pixel, its triangle of half width 2
    # reaches their neighbours: (0.25 * 0 + 0.75 * 100 + 0.75 * 200 + 0.25 * 0) / 2 = 112.5.
    row = [0, 100, 200, 0]
    np.save(tmp_path / "wide.npy", np.array([[row, row]], np.uint8))
    np.testing.assert_array_equal(
        data.load(tmp_path / "wide.npy", size=2).images[0, ..., 0], [[100, 200]] * 2
    )
    np.testing.assert_array_equal(
        data.load(tmp_path / "wide.npy", size=(1, 1)).images[0, ..., 0], [[113]]
    )
    assert data.load(tmp_path / "wide.npy", size=(4, 8)).images.shape == (1, 4, 8, 1)


def test_size_equals_the_resize_of_preprocessing_when_nothing_is_cropped():
    images = np.random.default_rng(0).integers(0, 256, (3, 24, 24, 3), np.uint8)
    from scratchclust.data.finishing import _resize
    from scratchclust.data.preprocessing import resize

    for size in (9, 24, 40):
        assert np.abs(_resize(images, (size, size)) - resize(images, size)).max() <= 1


def test_mnist_2000_is_embedded():
    part = data.load("mnist_2000")
    assert part.images.shape == (2000, 28, 28, 1)
    assert part.images.dtype == np.uint8
    assert part.labels[:10].tolist() == [2, 0, 4, 8, 7, 6, 0, 6, 3, 1]
    assert np.bincount(part.labels).tolist() == [203, 219, 222, 196, 183, 180, 195, 208, 203, 191]
    assert part.images[0].sum() == 33963
    with pytest.raises(InputError, match="mnist_2000 has no train and test split"):
        data.load("mnist_2000", split="test")
    assert data.prepare("mnist_2000").n_images == {"all": 2000}


@pytest.mark.real_data
def test_mnist_2000_is_what_mnist_gives():
    part, whole = data.load("mnist_2000"), data.load("mnist", split="test", limit=2000)
    np.testing.assert_array_equal(part.images, whole.images)
    np.testing.assert_array_equal(part.labels, whole.labels)


@pytest.mark.parametrize(
    ("fit", "expected"),
    [
        ("crop", [[100, 200], [100, 200]]),
        ("pad", [[71, 126], [0, 0]]),  # whole it is two pixels by one
        ("squeeze", [[71, 126], [71, 126]]),
    ],
)
def test_fit(tmp_path, fit, expected):
    # In halves, triangles of half width 2: (0.75 * 0 + 0.75 * 100 + 0.25 * 200) / 1.75 = 71.4, and
    # 220 / 1.75 = 125.7.
    row = [0, 100, 200, 60]
    np.save(tmp_path / "wide.npy", np.array([[row, row]], np.uint8))
    found = data.load(tmp_path / "wide.npy", size=2, fit=fit)
    np.testing.assert_array_equal(found.images[0, ..., 0], expected)


@pytest.mark.parametrize(
    ("fit", "words"),
    [("crop", "cut to the centre"), ("pad", "whole on a black ground"), ("squeeze", "squeezed")],
)
def test_fit_is_told(fit, words):
    assert data.load("digits", size=(4, 6), fit=fit).taken.endswith(
        f"; {words} where the proportions differ"
    )
    assert data.load("digits", size=4, fit=fit).taken.endswith("; resampled whole")
    assert words not in data.load("digits").taken


def test_fits_are_one_where_the_proportions_are_those_of_the_size():
    found = [
        data.load("digits", limit=50, size=(12, 12), fit=fit).sha256
        for fit in ("crop", "pad", "squeeze")
    ]
    assert len({*found}) == 1


def test_a_wrong_fit():
    with pytest.raises(
        InputError,
        match=r"expected fit to be one of 'crop', 'pad', 'squeeze', got 'cut': it is how",
    ):
        check_fit("cut", (8, 8))
    for fit in ("pad", "squeeze"):
        with pytest.raises(
            InputError, match=rf"expected a size with fit='{fit}', got none: give one, as size=64"
        ):
            data.load("digits", fit=fit)


def test_channels(tmp_path):
    colour = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]], np.uint8)
    np.save(tmp_path / "colour.npy", colour)
    np.testing.assert_array_equal(
        data.load(tmp_path / "colour.npy", channels=1).images.ravel(), [76, 150, 29]
    )
    np.testing.assert_array_equal(data.load(tmp_path / "colour.npy", channels=3).images, colour)
    np.save(tmp_path / "grey.npy", colour[..., 0])
    np.testing.assert_array_equal(
        data.load(tmp_path / "grey.npy", channels=3).images[..., 2], colour[..., 0]
    )
    assert data.load(tmp_path / "grey.npy", channels=1).images.shape == (1, 1, 3, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limit": 0}, "expected limit to be None or a whole number of at least 1, got 0: it is"),
        ({"limit": True}, "expected limit to be .* got True"),
        ({"size": 0}, r"expected size to be None or a whole number from 1 to .*, got 0"),
        ({"size": (8, -8)}, "expected size to be .* got .8, -8."),
        ({"channels": 4}, r"expected channels to be 1 \(grey\), 3 \(RGB\) or None.* got 4"),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(InputError, match=message):
        data.load("digits", **options)


@pytest.mark.parametrize("limit", [2.5, "10", np.float32(3)])
def test_a_limit_of_a_wrong_type(limit):  # through `load`, beartype would refuse it first
    with pytest.raises(
        InputError, match=r"expected limit to be None or a whole number of at least 1, got"
    ):
        check_limit(limit)


@pytest.mark.parametrize("size", ["64", (8, 8, 3), (8.0, 8), 6.5])
def test_a_size_of_a_wrong_type(size):
    with pytest.raises(
        InputError,
        match=r"expected size to be None or a whole number .* or a pair \(height, width\) of such",
    ):
        check_size(size)


def test_a_path_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"nothing: no such file or folder: check the path"):
        data.load(tmp_path / "nothing")
    with pytest.raises(InputError, match=r"pictures/nothing: no such file or folder"):
        data.load("pictures/nothing")
    with pytest.raises(
        InputError, match=r"'photo.jpg' is neither a file, a folder, nor a possible name"
    ):
        data.load("photo.jpg")


def test_an_existing_path_wins_over_a_name(tmp_path, monkeypatch):
    np.savez(tmp_path / "digits.npz", images=np.zeros((1, 2, 2), np.uint8))
    (tmp_path / "digits.npz").rename(tmp_path / "digits")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"digits cannot be read"
    ):  # a file without its ending is no .npz
        data.load("digits")


def test_names_that_cannot_be(tmp_path, monkeypatch):
    with pytest.raises(
        InputError, match=r"the name of the data is empty: give a data set's name or a path"
    ):
        data.load("")
    with pytest.raises(
        InputError,
        match=r"~nobody-of-that-name/x: its ~ is nobody's home folder: write the path out",
    ):
        data.load("~nobody-of-that-name/x")
    with pytest.raises(
        InputError,
        match=r"x' is neither a file, a folder, nor a possible name of a data set: check",
    ):
        data.load("x" * 300)
    with pytest.raises(
        InputError, match=r"cifar10_corrupted/fog_1: no such file.*`scratchclust data NAME`"
    ):
        data.load("cifar10_corrupted/fog_1", data_dir=tmp_path)


@pytest.mark.parametrize("size", [10**6, 2**40, (8, 10**9)])
def test_a_size_beyond_all_pictures(size):
    with pytest.raises(
        InputError,
        match=r"expected size to be None or a whole number from 1 to 16384 or a pair .* got",
    ):
        data.load("digits", size=size)


def test_a_named_pipe_is_refused_and_does_not_hang(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(InputError, match=r"pipe.npy is neither a file nor a folder"):
        data.load(tmp_path / "pipe.npy")


def test_a_file_without_permission(tmp_path, monkeypatch):
    np.save(tmp_path / "secret.npy", np.zeros((1, 2, 2), np.uint8))

    def refuse(*args, **kwargs):  # root may read everything, so the refusal is simulated
        raise PermissionError(13, "Permission denied", str(tmp_path / "secret.npy"))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"secret.npy: no permission to read it"):
        data.load(tmp_path / "secret.npy")


def test_a_new_format_is_a_row(tmp_path, monkeypatch):
    (tmp_path / "one.toy").write_bytes(bytes(6))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "toys").write_bytes(bytes(6))

    def read(path, request):
        pixels = np.frombuffer((path / "toys" if path.is_dir() else path).read_bytes(), np.uint8)
        return Reading(pixels.reshape(1, 2, 3, 1), None, None, path.stem)

    by_name = formats.FileFormat(lambda file: file.name.endswith(".toy"), read)
    by_content = formats.FolderFormat(
        lambda path: path if (path / "toys").is_file() else None, read
    )
    monkeypatch.setattr(formats, "FILES", (by_name, *formats.FILES))
    monkeypatch.setattr(formats, "FOLDERS", (by_content, *formats.FOLDERS))
    assert data.load(tmp_path / "one.toy").images.shape == (1, 2, 3, 1)
    assert data.load(tmp_path / "folder").name == "folder"


def test_every_message_is_one_line(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"no\nzip\n")
    with pytest.raises(InputError) as caught:
        data.load(tmp_path / "a.npz")
    assert "\n" not in str(caught.value)


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, scratchclust.data, scratchclust.data.preprocessing\n"
        "heavy = {'jax', 'sklearn', 'scipy', 'PIL', 'tensorflow_datasets', 'rich', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_progress_shows_only_what_is_slow_and_only_if_asked(monkeypatch, capsys):
    from scratchclust.data import bars

    assert list(bars.track("abc", 3, "reading", verbose=True)) == ["a", "b", "c"]
    assert capsys.readouterr().err.strip() == ""
    monkeypatch.setattr(bars, "PATIENCE", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich take the captured stream for a terminal
    assert list(bars.track("abc", 3, "reading", verbose=True)) == ["a", "b", "c"]
    assert "reading" in capsys.readouterr().err
    assert list(bars.track("abc", 3, "reading", verbose=False)) == ["a", "b", "c"]
    captured = capsys.readouterr()
    assert captured.err == captured.out == ""
