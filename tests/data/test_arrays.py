"""`.npy` and `.npz`: round trips, what is refused, and files that lie."""

import io
import pickle
import tracemalloc
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

from scratchclust import data
from scratchclust.data import arrays
from scratchclust.errors import InputError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (4, 5, 6, 3), np.uint8)


@contextmanager
def memory_below(limit):
    """Fail if the body allocates more bytes than this at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def save(path, array):
    np.save(path, array)
    return path


@pytest.mark.parametrize(
    "images", [PIXELS, PIXELS[..., 0], PIXELS[..., :1], np.asfortranarray(PIXELS)]
)
def test_npy_round_trip(tmp_path, images):
    loaded = data.load(save(tmp_path / "mine.npy", images))
    np.testing.assert_array_equal(loaded.images, images if images.ndim == 4 else images[..., None])
    assert (loaded.labels, loaded.label_names, loaded.name) == (None, None, "mine")


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_come_back_to_the_bytes_they_came_from(tmp_path, dtype):
    every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    loaded = data.load(save(tmp_path / "unit.npy", (every / 255).astype(dtype)))
    np.testing.assert_array_equal(loaded.images[..., 0], every)


@pytest.mark.parametrize("key", ["images", "x", "X", "arr_0"])
@pytest.mark.parametrize("label_key", ["labels", "y"])
def test_npz_names(tmp_path, key, label_key):
    np.savez_compressed(
        tmp_path / "mine.npz", **{key: PIXELS, label_key: np.array([[3], [1], [0], [1]], np.uint8)}
    )
    loaded = data.load(tmp_path / "mine.npz", limit=3)
    np.testing.assert_array_equal(loaded.images, PIXELS[:3])
    np.testing.assert_array_equal(loaded.labels, [3, 1, 0])


def test_keras_npz_has_splits(tmp_path):
    np.savez(
        tmp_path / "mnist.npz", x_train=PIXELS[:3], y_train=[0, 1, 2], x_test=PIXELS[3:], y_test=[5]
    )
    np.testing.assert_array_equal(data.load(tmp_path / "mnist.npz").labels, [0, 1, 2, 5])
    test = data.load(tmp_path / "mnist.npz", split="test")
    np.testing.assert_array_equal(test.images, PIXELS[3:])
    np.testing.assert_array_equal(test.labels, [5])
    assert (test.name, test.split) == ("mnist", "test")


def test_label_names_of_an_npz(tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS, labels=[0, 1, 1, 0], label_names=["cat", "dog"])
    assert data.load(tmp_path / "a.npz").label_names == ("cat", "dog")
    np.savez(tmp_path / "b.npz", images=PIXELS, labels=[0, 1, 2, 0], label_names=["cat", "dog"])
    with pytest.raises(
        InputError, match=r"b.npz\[labels\]: label 2 of image 2 is out of range, expected 0 to 1"
    ):
        data.load(tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", images=PIXELS, label_names=[1, 2])
    with pytest.raises(
        InputError, match=r"c.npz\[label_names\]: expected a list of strings, got int64"
    ):
        data.load(tmp_path / "c.npz")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (PIXELS.reshape(4, -1), r"got rows of shape \(4, 90\): reshape them to \[n, h, w\]"),
        (PIXELS[0, 0, :, 0], r"expected images .* got shape \(6,\)"),
        (PIXELS[..., :2], r"got shape \(4, 5, 6, 2\)"),
        (PIXELS[..., [0, 1, 2, 2]], r"looks like RGB and transparency: save images\[..., :3\]"),
        (
            np.moveaxis(PIXELS, -1, 1),
            r"looks like \[n, channels, h, w\]: save numpy.moveaxis\(images, 1, -1\)",
        ),
        (
            PIXELS.astype(np.int64) - 9,
            r"whole numbers from 0 to 65535, got -9 to 2\d+: as by \(images - \(-9\)\) / ",
        ),
        (
            PIXELS.astype(np.uint32) << 9,
            r"expected whole numbers from 0 to 65535, got 0 to \d+: as by",
        ),
        (PIXELS.astype(np.float32), "expected floats from 0 to 1, got .* to 25"),
        (PIXELS / -255, "expected floats from 0 to 1, got -"),
        (np.full((1, 2, 2), np.nan), "expected floats from 0 to 1, got nan"),
        (np.zeros((0, 2, 2), np.uint8), "holds no pixels"),
        (np.zeros((3, 0, 2), np.uint8), "holds no pixels"),
        (np.array([[[{}]]], object), "holds Python objects, which may run code when loaded"),
        (
            np.zeros((2, 2, 2), [("a", "u1")]),
            "expected whole numbers, or floats from 0 to 1, got ",
        ),
    ],
)
def test_arrays_that_are_no_images(tmp_path, array, message):
    with pytest.raises(InputError, match=message):
        data.load(save(tmp_path / "wrong.npy", array))
    np.savez(tmp_path / "wrong.npz", images=array)
    with pytest.raises(InputError, match=message):
        data.load(tmp_path / "wrong.npz")


def test_an_object_array_does_not_run(tmp_path):
    class Attack:
        def __reduce__(self):
            return (tmp_path.joinpath("ran").touch, ())

    np.save(tmp_path / "evil.npy", np.array([Attack()], object))
    with pytest.raises(InputError, match=r"evil.npy holds Python objects"):
        data.load(tmp_path / "evil.npy")
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Attack()))
    with pytest.raises(InputError, match=r"pickle.npy is no .npy array"):
        data.load(tmp_path / "pickle.npy")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], r"expected 4 labels, one for each image, got shape \(3,\)"),
        ([0, 1, 2, -1], "label -1 of image 3 is out of range"),
        ([0, 1, 2, 2**31], "label 2147483648 of image 3 is out of range, expected 0 to 2147483647"),
        ([0.0, 1.0, 2.0, 3.0], "expected labels as whole numbers from 0, got float64"),
        (["a", "b", "c", "d"], "expected labels as whole numbers from 0, got <U1"),
        (np.array([0, 1, 2, None], object), "holds Python objects"),
    ],
)
def test_wrong_labels(tmp_path, labels, message):
    np.savez(tmp_path / "wrong.npz", images=PIXELS, labels=labels)
    with pytest.raises(InputError, match=message) as caught:
        data.load(tmp_path / "wrong.npz")
    assert "wrong.npz[labels]" in str(caught.value)


def test_no_known_name_or_split(tmp_path):
    np.savez(tmp_path / "a.npz", pictures=PIXELS, what=PIXELS)
    with pytest.raises(
        InputError,
        match=r"expected an array named images, x, data or arr_0, .* got pictures, what",
    ):
        data.load(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", images=PIXELS)
    with pytest.raises(InputError, match=r"b.npz has no train and test split"):
        data.load(tmp_path / "b.npz", split="train")
    np.savez(tmp_path / "c.npz", x_train=PIXELS)
    with pytest.raises(InputError, match=r"c.npz has no split 'test': it has 'train'"):
        data.load(tmp_path / "c.npz", split="test")
    np.savez(tmp_path / "d.npz", x_train=PIXELS, x_test=PIXELS[:, :2])
    with pytest.raises(
        InputError, match=r"its splits \(train, test\) differ in shape: load one split"
    ):
        data.load(tmp_path / "d.npz")
    np.save(tmp_path / "e.npy", PIXELS)
    with pytest.raises(InputError, match=r"e.npy has no train and test split"):
        data.load(tmp_path / "e.npy", split="test")


def npy_bytes(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def lying_header(shape):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return stream.getvalue() + bytes(100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (npy_bytes(PIXELS)[:-1], "promises 360 bytes .* got 359: it is cut short or damaged"),
        (npy_bytes(PIXELS) + b"x", "promises 360 bytes .* got 361"),
        (npy_bytes(PIXELS)[:40], "is no .npy array"),
        (b"", "is no .npy array"),
        (b"\x93NUMPY\x09\x00" + npy_bytes(PIXELS)[8:], "is no .npy array"),
        (lying_header((2**40, 1024, 1024)), "promises 1152921504606846976 bytes"),
    ],
)
def test_broken_arrays(tmp_path, content, message):
    (tmp_path / "broken.npy").write_bytes(content)
    with pytest.raises(InputError, match=message):
        data.load(tmp_path / "broken.npy")
    with zipfile.ZipFile(tmp_path / "broken.npz", "w") as archive:
        archive.writestr("images.npy", content)
    with pytest.raises(InputError, match=message):
        data.load(tmp_path / "broken.npz")


def test_broken_archives(tmp_path):
    np.savez(tmp_path / "good.npz", images=PIXELS)
    content = bytearray((tmp_path / "good.npz").read_bytes())
    for name, damaged in {"cut": content[:200], "empty": b"", "text": b"hello"}.items():
        (tmp_path / f"{name}.npz").write_bytes(damaged)
        with pytest.raises(InputError, match=f"{name}.npz is a damaged .npz file"):
            data.load(tmp_path / f"{name}.npz")
    content[300] ^= 1  # a pixel: the checksum of the archive tells
    (tmp_path / "flipped.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"flipped.npz is a damaged .npz file \(Bad CRC-32"):
        data.load(tmp_path / "flipped.npz")


@pytest.mark.parametrize(
    "name", ["../images.npy", "/images.npy", "a/../../images.npy", "C:\\images.npy", "..\\x.npy"]
)
def test_unsafe_paths_in_an_archive(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        archive.writestr("images.npy", npy_bytes(PIXELS))
        archive.writestr(name, npy_bytes(PIXELS))
    with pytest.raises(
        InputError, match=r"evil.npz holds the unsafe path .*: do not use this archive"
    ):
        data.load(tmp_path / "evil.npz")


def test_a_member_that_claims_terabytes_is_not_allocated(tmp_path):
    header = lying_header((2**20, 1024, 1024))
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", header)
        archive.infolist()[0].file_size = (
            2**40 + len(header) - 100
        )  # the directory tells the same lie
    message = r"bomb.npz\[images\] claims 1099511627\d+ bytes, more than"
    with memory_below(10e6), pytest.raises(InputError, match=message):
        data.load(tmp_path / "bomb.npz")


@pytest.mark.parametrize("limit", [1, 3])
def test_a_limit_does_not_change_what_a_shape_means(tmp_path, limit):
    path = save(tmp_path / "grey.npy", np.zeros((60, 28, 28), np.uint8))
    assert data.load(path, limit=limit).images.shape == (limit, 28, 28, 1)
    path = save(tmp_path / "either.npy", np.zeros((60, 28, 3), np.uint8))
    with pytest.raises(InputError, match="which may be one picture of 60x28"):
        data.load(path, limit=limit)


def test_a_large_npy_is_not_read_whole_for_a_few(tmp_path):
    images = np.lib.format.open_memmap(tmp_path / "big.npy", "w+", np.uint8, (1000, 200, 200))
    images[:] = 1
    del images
    with memory_below(5e6):
        assert data.load(tmp_path / "big.npy", limit=2).images.sum() == 2 * 200 * 200


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-2, -3, 4), }",
        # damaged: tokenize.TokenError
        "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3, 4",
        " {[]: 1}",  # TypeError or IndentationError
    ],
)
@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_damaged_headers(tmp_path, header, kind):
    text = header.encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(24)
    path = tmp_path / f"mine.{kind}"
    if kind == "npy":
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("images.npy", content)
    with pytest.raises(InputError, match=r"is no .npy array|its header promises|damaged") as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def test_a_single_number_is_no_image(tmp_path):
    with pytest.raises(InputError, match=r"expected images \[n, h, w\].*got shape \(\)"):
        data.load(save(tmp_path / "one.npy", np.uint8(5)))


def test_an_archive_s_directory_that_lies(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, images=PIXELS)
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("images.npy")
    content, size = bytearray(path.read_bytes()), (1 << 31).to_bytes(4, "little")
    directory = content.index(b"PK\x01\x02")
    content[directory + 20 : directory + 28] = size + size  # both the packed and the unpacked size
    path.write_bytes(content)
    assert info.file_size < 1000
    with (
        memory_below(1 << 20),
        pytest.raises(InputError, match=r"claims 2147483648 bytes, more than its compressed"),
    ):
        data.load(path)


def test_a_bomb_that_keeps_its_promise(tmp_path, monkeypatch):
    path = tmp_path / "big.npz"
    np.savez_compressed(path, images=np.zeros((10, 100, 100), np.uint8))
    monkeypatch.setattr(arrays, "LARGEST_UNPACKED", 50_000)
    with pytest.raises(
        InputError, match=r"would unpack to .* more than the .* allowed: .* save it uncompressed"
    ):
        data.load(path)
    np.savez(path, images=np.zeros((10, 100, 100), np.uint8))  # what is not packed cannot be a bomb
    assert len(data.load(path).images) == 10


def test_floats_are_converted_without_a_second_copy(tmp_path):
    images = np.random.default_rng(0).random((3000, 16, 16)).astype(np.float32)
    path = save(tmp_path / "floats.npy", images)
    with memory_below(3 * images.nbytes // 4):
        loaded = data.load(path).images
    np.testing.assert_array_equal(loaded[..., 0], np.rint(images * np.float32(255)))


def test_a_folder_of_arrays_has_splits(tmp_path):
    save(tmp_path / "trainX.npy", PIXELS[:3])
    save(tmp_path / "valX.npy", PIXELS[3:])
    save(tmp_path / "valY.npy", np.array([1]))
    train, test = (data.load(tmp_path, split=split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, PIXELS[:3])
    np.testing.assert_array_equal(test.images, PIXELS[3:])
    assert (train.labels, test.labels.tolist(), train.name) == (None, [1], tmp_path.name)
    assert len(data.load(tmp_path, split="train", limit=2).images) == 2
    with pytest.raises(InputError, match="has labels for only some of its splits"):
        data.load(tmp_path)
    save(tmp_path / "trainY.npy", np.array([0, 1, 2]))
    joined = data.load(tmp_path)
    np.testing.assert_array_equal(joined.images, PIXELS)
    assert joined.labels.tolist() == [0, 1, 2, 1]
    assert data.load(tmp_path, limit=2).labels.tolist() == [0, 1]


def test_refused_folders_of_arrays(tmp_path):
    save(tmp_path / "trainX.npy", PIXELS)
    with pytest.raises(InputError, match="has no split 'test': it has 'train'"):
        data.load(tmp_path, split="test")
    save(tmp_path / "trainY.npy", np.array([0, 1]))
    with pytest.raises(
        InputError, match=r"trainY.npy: expected 4 labels, one for each image, got shape \(2,\)"
    ):
        data.load(tmp_path)
    save(tmp_path / "trainY.npy", np.array([None] * 4))
    with pytest.raises(InputError, match=r"trainY.npy holds Python objects"):
        data.load(tmp_path)
    save(tmp_path / "trainY.npy", np.arange(4))
    save(tmp_path / "testX.npy", PIXELS[:, 1:])
    with pytest.raises(InputError, match="its splits differ in shape: load one split"):
        data.load(tmp_path)
    save(tmp_path / "testX.npy", PIXELS[:1])
    save(tmp_path / "valX.npy", PIXELS[1:])  # beside a test split it is one of its own
    assert [len(data.load(tmp_path, split=split).images) for split in ("train", "test", "val")] == [
        4,
        1,
        3,
    ]


RAMP = np.linspace(0, 1, 4 * 16 * 16).reshape(4, 16, 16)


@pytest.mark.parametrize("dtype", [np.uint16, np.int16, np.int32, np.uint64, ">u2", ">i4"])
def test_whole_numbers_of_every_type_keep_what_they_show(tmp_path, dtype):
    every = np.arange(256).reshape(1, 16, 16)
    np.testing.assert_array_equal(
        data.load(save(tmp_path / "a.npy", every.astype(dtype))).images[..., 0], every
    )
    values = np.rint(RAMP * 4095).astype(dtype)
    with pytest.warns(
        UserWarning,
        match=r"a.npy: 16-bit numbers up to 4095 only.* taken as 12 bits, 4095 is white",
    ):
        images = data.load(save(tmp_path / "a.npy", values)).images[..., 0]
    np.testing.assert_array_equal(images, np.rint(values.astype(float) * (255 / 4095)))


def test_sixteen_bits_need_no_word(tmp_path):
    values = np.rint(RAMP * 65535).astype(np.uint16)
    images = data.load(save(tmp_path / "a.npy", values)).images[..., 0]
    np.testing.assert_array_equal(images, np.rint(values / 257))


@pytest.mark.parametrize("dtype", [bool, np.int64])
def test_no_and_yes_are_black_and_white(tmp_path, dtype):
    values = PIXELS > 99
    np.testing.assert_array_equal(
        data.load(save(tmp_path / "a.npy", values.astype(dtype))).images, 255 * values
    )


@pytest.mark.parametrize(
    "numbers", [np.arange(-300, 300), np.arange(70_000, 71_000), np.linspace(-3, 700, 50)]
)
def test_the_cure_for_numbers_out_of_range_keeps_what_they_show(tmp_path, numbers):
    images = np.resize(numbers, (len(numbers), 2, 2))
    with pytest.raises(InputError, match=r": (bring them to that range, )?as by ") as caught:
        data.load(save(tmp_path / "a.npy", images))
    formula = str(caught.value).split("as by ")[1]
    cured = eval(formula, {"images": images})  # what the message says, letter by letter
    loaded = data.load(save(tmp_path / "a.npy", np.clip(cured, 0, 1))).images
    assert np.corrcoef(loaded.ravel(), images.ravel())[0, 1] > 0.9999


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (40, 30, 3),
            r"one picture of 40x30 or 40 grey images of 30x3: save images\[None, ..., :3\] for "
            r"the one",
        ),
        ((40, 30, 4), r"one picture of 40x30 or 40 grey images of 30x4"),
        ((40, 30, 1), r"one picture of 40x30 or 40 grey images of 30x1"),
        (
            (3, 40, 30),
            r"one colour picture of 40x30 or three grey images: save numpy.moveaxis\(images, 0, "
            r"-1\)\[None",
        ),
    ],
)
def test_shapes_that_can_mean_two_things_are_refused_with_both_cures(tmp_path, shape, message):
    images = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    with pytest.raises(InputError, match=message) as caught:
        data.load(save(tmp_path / "a.npy", images))
    one, many = (
        part.split(" for ")[0]
        for part in str(caught.value).split(": save ")[1].split(", images[..., None]")
    )
    picture = data.load(save(tmp_path / "a.npy", eval(one, {"images": images, "numpy": np}))).images
    assert picture.shape[:3] == (1, 40, 30)
    assert many == ""
    assert len(data.load(save(tmp_path / "a.npy", images[..., None])).images) == len(images)
    np.savez(
        tmp_path / "a.npz", images=images, labels=np.zeros(len(images), int)
    )  # the labels tell
    assert len(data.load(tmp_path / "a.npz").images) == len(images)


@pytest.mark.parametrize(
    ("key", "label_key"),
    [("images", "label"), ("X", "Y"), ("data", "targets"), ("Image", "Target"), ("arr_0", "arr_1")],
)
def test_more_names_of_labels(tmp_path, key, label_key):
    np.savez(tmp_path / "a.npz", **{key: PIXELS, label_key: [3, 1, 0, 1]})
    loaded = data.load(tmp_path / "a.npz")
    assert loaded.labels.tolist() == [3, 1, 0, 1]
    assert f"images from {key}, labels from {label_key}" in loaded.taken


@pytest.mark.parametrize("names", ["x_{}", "X_{}", "{}_images", "{}X", "{}_data"])
@pytest.mark.parametrize("label_names", ["y_{}", "Y_{}", "{}_labels", "{}Y", "{}_targets"])
def test_names_of_splits(tmp_path, names, label_names):
    parts = {"train": slice(2), "val": slice(2, 3), "test": slice(3, 4)}
    images = {names.format(split): PIXELS[part] for split, part in parts.items()}
    labels = {label_names.format(split): np.arange(4)[part] for split, part in parts.items()}
    np.savez(tmp_path / "a.npz", **images, **labels)
    for split, part in parts.items():
        loaded = data.load(tmp_path / "a.npz", split=split)
        np.testing.assert_array_equal(loaded.images, PIXELS[part])
        np.testing.assert_array_equal(loaded.labels, np.arange(4)[part])
    assert data.load(tmp_path / "a.npz").labels.tolist() == [
        0,
        1,
        3,
        2,
    ]  # train, test, then the others


def test_arrays_that_are_not_used_are_named(tmp_path):
    np.savez(tmp_path / "a.npz", images=PIXELS, species=[0, 1, 2, 3])
    with pytest.warns(
        UserWarning, match=r"a.npz: images from images, no labels; not used: species"
    ):
        assert data.load(tmp_path / "a.npz").labels is None
    np.savez(tmp_path / "b.npz", PIXELS, np.zeros((4, 2)))  # arr_1 is no list of labels
    with pytest.warns(UserWarning, match=r"b.npz: images from arr_0, no labels; not used: arr_1"):
        assert data.load(tmp_path / "b.npz").labels is None


def test_a_limit_of_sorted_labels_takes_all_classes(tmp_path):
    images = np.arange(60, dtype=np.uint8).reshape(60, 1, 1)
    np.savez(tmp_path / "a.npz", images=images, labels=np.repeat([0, 1, 2], [40, 15, 5]))
    some = data.load(tmp_path / "a.npz", limit=12)
    assert np.bincount(some.labels).tolist() == [8, 3, 1]
    np.testing.assert_array_equal(
        np.repeat([0, 1, 2], [40, 15, 5])[some.images.ravel()], some.labels
    )
    assert data.load(tmp_path / "a.npz", limit=12, seed=1).sha256 != some.sha256
    np.savez(
        tmp_path / "b.npz", images=images, labels=np.arange(60) % 3
    )  # mixed already: the first ones
    np.testing.assert_array_equal(
        data.load(tmp_path / "b.npz", limit=12).images.ravel(), np.arange(12)
    )
