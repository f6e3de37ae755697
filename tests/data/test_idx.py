"""IDX files: goldens written with struct, the usual layouts, and files that lie."""

import gzip
import io
import struct
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from scratchclust import data
from scratchclust.data import idx as idx_files
from scratchclust.errors import InputError

# Two images of 2x3 pixels: 0..5 and 6..11.
IMAGES = struct.pack(">BBBBIII", 0, 0, 8, 3, 2, 2, 3) + bytes(range(12))
LABELS = struct.pack(">BBBBI", 0, 0, 8, 1, 2) + bytes([7, 3])
TEST_IMAGES = struct.pack(">IIII", 2051, 1, 2, 3) + bytes(range(100, 106))
TEST_LABELS = struct.pack(">II", 2049, 1) + bytes([9])
GOLDEN = np.arange(12, dtype=np.uint8).reshape(2, 2, 3, 1)


@contextmanager
def memory_below(limit):
    """Fail if the body allocates more bytes than this at once."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


def write_set(folder, joint="-", suffix=""):
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        f"train-images{joint}idx3-ubyte": IMAGES,
        f"train-labels{joint}idx1-ubyte": LABELS,
        f"t10k-images{joint}idx3-ubyte": TEST_IMAGES,
        f"t10k-labels{joint}idx1-ubyte": TEST_LABELS,
    }
    for name, content in contents.items():
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(content) if suffix else content)


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_original_site_s_files(tmp_path, joint, suffix):
    write_set(tmp_path / "mnist", joint, suffix)
    train = data.load(tmp_path / "mnist", split="train")
    np.testing.assert_array_equal(train.images, GOLDEN)
    np.testing.assert_array_equal(train.labels, [7, 3])
    everything = data.load(tmp_path / "mnist")
    np.testing.assert_array_equal(everything.labels, [7, 3, 9])
    np.testing.assert_array_equal(everything.images[2].ravel(), range(100, 106))
    assert (everything.name, everything.label_names) == ("mnist", tuple("0123456789"))


@pytest.mark.parametrize("give", [".", "FashionMNIST", "FashionMNIST/raw"])
def test_torchvision_s_folders(tmp_path, give):
    write_set(tmp_path / "FashionMNIST" / "raw")
    test = data.load(tmp_path / give, split="test")
    assert (test.name, test.split) == ("fashion_mnist", "test")
    assert test.label_names[test.labels[0]] == "Ankle boot"
    np.testing.assert_array_equal(test.images.ravel(), range(100, 106))


@pytest.mark.parametrize("folder", ["fashion_mnist", "Fashion-MNIST", "fashion"])
def test_other_names_of_the_garments_folder(tmp_path, folder):
    write_set(tmp_path / folder, suffix=".gz")
    train = data.load(tmp_path / folder, split="train")
    assert train.name == "fashion_mnist"
    assert [train.label_names[label] for label in train.labels] == ["Sneaker", "Dress"]


def test_two_sets_in_one_folder_must_be_told_apart(tmp_path):
    write_set(tmp_path / "MNIST" / "raw")
    write_set(tmp_path / "FashionMNIST" / "raw")
    with pytest.raises(
        InputError, match=r"several data sets \(FashionMNIST, MNIST\): give one of them"
    ):
        data.load(tmp_path)


def test_a_set_of_another_name_has_no_label_names(tmp_path):
    write_set(tmp_path / "letters")
    letters = data.load(tmp_path / "letters")
    assert (letters.name, letters.label_names) == ("letters", None)


def test_only_train_is_there(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(IMAGES)
    images = data.load(tmp_path)
    assert images.labels is None
    assert len(images.images) == 2
    with pytest.raises(InputError, match=r"has no split 'test': it has 'train'"):
        data.load(tmp_path, split="test")


def test_labels_for_only_one_split(tmp_path):
    write_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(InputError, match=r"labels for only some of its splits"):
        data.load(tmp_path)
    assert data.load(tmp_path, split="test").labels is None


def test_a_single_file_with_and_without_its_labels(tmp_path):
    write_set(tmp_path, suffix=".gz")
    one = data.load(tmp_path / "train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(one.images, GOLDEN)
    np.testing.assert_array_equal(one.labels, [7, 3])
    (tmp_path / "mine.idx").write_bytes(IMAGES)
    alone = data.load(tmp_path / "mine.idx")
    assert (alone.labels, alone.name) == (None, "mine")
    with pytest.raises(InputError, match=r"mine.idx has no train and test split"):
        data.load(tmp_path / "mine.idx", split="train")


def test_colour_in_four_axes(tmp_path):
    (tmp_path / "rgb.idx").write_bytes(
        struct.pack(">BBBB4I", 0, 0, 8, 4, 1, 1, 2, 3) + bytes([1, 2, 3, 4, 5, 6])
    )
    np.testing.assert_array_equal(
        data.load(tmp_path / "rgb.idx").images, [[[[1, 2, 3], [4, 5, 6]]]]
    )


def broken(content, message, *, kind="images"):
    return pytest.param(content, message, kind, id=message[:30])


@pytest.mark.parametrize(
    ("content", "message", "kind"),
    [
        broken(IMAGES[:-1], "cut short: its header promises 12 values, got 11"),
        broken(IMAGES + b"x", "too long: its header promises 12 values, got more"),
        broken(b"", "wrong magic number 0, expected 2051"),
        broken(IMAGES[:9], "cut short within its header of 16 bytes"),
        broken(
            struct.pack(">I", 2052) + IMAGES[4:], "cut short"
        ),  # four axes: the pixels become a length
        broken(b"\x89PNG" + IMAGES[4:], "wrong magic number 2303741511, expected 2051"),
        broken(struct.pack(">BBBB", 0, 0, 13, 3) + IMAGES[4:], "IDX type 0x0d, expected 0x08"),
        broken(LABELS, r"holds labels \(magic number 2049\), expected images"),
        broken(
            struct.pack(">BBBBII", 0, 0, 8, 2, 2, 6) + bytes(12),
            r"expected images .* got shape \(2, 6\)",
        ),
        broken(gzip.compress(IMAGES)[:-9], "damaged gzip file"),
        broken(
            gzip.compress(IMAGES)[:14] + b"\xff\xff\xff" + gzip.compress(IMAGES)[17:],
            "damaged gzip file",
        ),
        broken(gzip.compress(IMAGES[:-1]), "cut short: its header promises 12 values, got 11"),
        broken(gzip.compress(IMAGES + b"xyz"), "too long: its header promises 12 values, got more"),
        broken(LABELS[:-1], "cut short", kind="labels"),
        broken(IMAGES, "an array of 3 axes, expected labels", kind="labels"),
        broken(
            struct.pack(">II", 2049, 3) + bytes(3),
            r"expected 2 labels.* got shape \(3,\)",
            kind="labels",
        ),
        broken(
            struct.pack(">II", 2049, 2) + bytes([3, 10]),
            "label 10 of image 1 is out of range",
            kind="labels",
        ),
    ],
)
def test_broken_files_are_named_with_the_cure(tmp_path, content, message, kind):
    tmp_path = tmp_path / "mnist"  # by whose name it is known that labels run to 9
    write_set(tmp_path)
    name = f"train-{kind}-idx{ {'images': 3, 'labels': 1}[kind] }-ubyte"
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        data.load(tmp_path, split="train")
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_no_images(tmp_path):
    (tmp_path / "none.idx").write_bytes(struct.pack(">IIII", 2051, 0, 2, 3))
    with pytest.raises(InputError, match=r"none.idx holds no pixels"):
        data.load(tmp_path / "none.idx")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_what_a_header_claims_is_not_allocated(tmp_path, pack):
    terabytes = struct.pack(">IIII", 2051, 2**32 - 1, 2**10, 2**10) + bytes(100)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(pack(terabytes))
    with (
        memory_below(50e6),
        pytest.raises(InputError, match=r"cut short: its header promises 45035"),
    ):
        data.load(tmp_path)


def test_a_gzip_bomb_is_read_only_as_far_as_its_header_promises(tmp_path):
    bomb = gzip.compress(IMAGES + bytes(200_000_000), compresslevel=1)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(bomb)
    message = r"too long: its header promises 12 values, got more"
    with memory_below(50e6), pytest.raises(InputError, match=message):
        data.load(tmp_path)


def test_train_and_test_of_different_shapes(tmp_path):
    write_set(tmp_path)
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(struct.pack(">IIII", 2051, 1, 1, 1) + b"x")
    with pytest.raises(InputError, match=r"train and test images differ in shape"):
        data.load(tmp_path)


def test_a_bomb_that_keeps_its_promise(tmp_path, monkeypatch):
    content = struct.pack(">IIII", 2051, 10, 100, 100) + bytes(100_000)
    (tmp_path / "a-images.idx.gz").write_bytes(gzip.compress(content))
    monkeypatch.setattr(idx_files, "LARGEST_UNPACKED", 50_000)
    with pytest.raises(
        InputError, match=r"would unpack to .* more than the .* allowed: .* gunzip first"
    ):
        data.load(tmp_path / "a-images.idx.gz")
    (tmp_path / "a-images.idx").write_bytes(content)
    assert len(data.load(tmp_path / "a-images.idx").images) == 10


@pytest.mark.parametrize("shape", [(0, 2, 3), (0, 2**32 - 1, 2**32 - 1)])
def test_files_that_hold_nothing(tmp_path, shape):
    (tmp_path / "a-images.idx").write_bytes(struct.pack(">IIII", 2051, *shape))
    with pytest.raises(
        InputError, match=r"a-images.idx holds no pixels, its header says shape \(0, "
    ):
        data.load(tmp_path / "a-images.idx")


def test_a_folder_where_the_labels_should_be(tmp_path):
    (tmp_path / "a-images.idx").write_bytes(IMAGES)
    (tmp_path / "a-labels.idx").mkdir()
    assert data.load(tmp_path / "a-images.idx").labels is None


def idx(values, code=8):
    """An IDX file of these values."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape)
    return header + values.astype({8: ">u1", 12: ">i4"}[code]).tobytes()


LETTERS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)  # upright


def write_emnist(folder, name="emnist-letters", splits=("train", "test")):
    folder.mkdir(exist_ok=True)
    for split in splits:
        images = idx(LETTERS.transpose(0, 2, 1))  # EMNIST's files hold them transposed
        (folder / f"{name}-{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
        (folder / f"{name}-{split}-labels-idx1-ubyte.gz").write_bytes(
            gzip.compress(idx(np.array([26, 1])))
        )


def test_emnist(tmp_path):
    write_emnist(tmp_path / "a")
    everything = data.load(tmp_path / "a")
    np.testing.assert_array_equal(everything.images[..., 0], np.concatenate([LETTERS, LETTERS]))
    assert everything.labels.tolist() == [26, 1, 26, 1]
    assert [everything.label_names[label] for label in (26, 1)] == ["Z", "A"]
    assert everything.name == "emnist-letters"
    assert "EMNIST's pictures turned upright" in everything.taken
    assert len(data.load(tmp_path / "a", split="test").images) == 2
    (tmp_path / "a" / "emnist-letters-mapping.txt").write_text(
        "".join(f"{i} {i + 96} {i + 64}\n" for i in range(1, 27))
    )
    assert data.load(tmp_path / "a").label_names[1] == "a"
    alone = data.load(tmp_path / "a" / "emnist-letters-train-images-idx3-ubyte.gz")
    np.testing.assert_array_equal(alone.images[..., 0], LETTERS)
    assert alone.labels.tolist() == [26, 1]
    write_emnist(tmp_path / "a", "emnist-balanced")
    with pytest.raises(
        InputError,
        match=r"several data sets \(emnist-balanced, emnist-letters\): move the files of one",
    ):
        data.load(tmp_path / "a")


def test_emnist_has_as_many_names_as_classes():
    from scratchclust.data.idx import LABEL_NAMES

    n_classes = {
        name: len(set(names) - {"none"})
        for name, names in LABEL_NAMES.items()
        if name.startswith("emnist")
    }
    assert n_classes == {
        "emnist-mnist": 10,
        "emnist-digits": 10,
        "emnist-letters": 26,
        "emnist-balanced": 47,
        "emnist-bymerge": 47,
        "emnist-byclass": 62,
    }


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_qmnist_s_labels_are_rows_of_which_the_first_number_counts(tmp_path, suffix):
    pack = gzip.compress if suffix else bytes
    rows = np.array([[7, 0, 1, 2, 3, 4, 5, 6], [2, 9, 9, 9, 9, 70_000, 9, 9]])
    for split in ("train", "test"):
        (tmp_path / f"qmnist-{split}-images-idx3-ubyte{suffix}").write_bytes(pack(IMAGES))
        (tmp_path / f"qmnist-{split}-labels-idx2-int{suffix}").write_bytes(pack(idx(rows, 12)))
    loaded = data.load(tmp_path)
    assert (loaded.labels.tolist(), loaded.name, loaded.label_names) == (
        [7, 2, 7, 2],
        "qmnist",
        tuple("0123456789"),
    )
    assert data.load(tmp_path / f"qmnist-train-images-idx3-ubyte{suffix}").labels.tolist() == [7, 2]


def test_labels_beyond_nine_are_no_damage(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(IMAGES)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(np.array([46, 255])))
    assert data.load(tmp_path).labels.tolist() == [46, 255]


def test_gzip_files_are_told_apart_by_what_is_in_them(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    for images in (array, np.asfortranarray(array), (array / 255).astype(np.float32)):
        with gzip.open(tmp_path / "a.npy.gz", "wb") as stream:
            np.save(stream, images)
        loaded = data.load(tmp_path / "a.npy.gz")
        np.testing.assert_array_equal(loaded.images[..., 0], array)
        assert loaded.name == "a"
    content = gzip.decompress((tmp_path / "a.npy.gz").read_bytes())
    (tmp_path / "cut.npy.gz").write_bytes(gzip.compress(content[:-3]))
    with pytest.raises(
        InputError, match=r"cut.npy.gz: its header promises 96 bytes .* got 93: it is cut short"
    ):
        data.load(tmp_path / "cut.npy.gz")
    (tmp_path / "cut.npy.gz").write_bytes((tmp_path / "a.npy.gz").read_bytes()[:-9])
    with pytest.raises(InputError, match=r"cut.npy.gz is a damaged gzip file"):
        data.load(tmp_path / "cut.npy.gz")
    (tmp_path / "mine.gz").write_bytes(gzip.compress(IMAGES))
    np.testing.assert_array_equal(data.load(tmp_path / "mine.gz").images, GOLDEN)
    for content, kind in {
        b"PK\x03\x04": "a zip archive",
        b"\x89HDF": "an HDF5 file",
        b"hello": "something unknown",
    }.items():
        (tmp_path / "other.gz").write_bytes(gzip.compress(content + bytes(100)))
        with pytest.raises(
            InputError, match=rf"other.gz is {kind} in a gzip file: expected IDX, .npy or CIFAR"
        ):
            data.load(tmp_path / "other.gz")


def test_a_npy_gz_that_claims_terabytes_is_not_unpacked(tmp_path):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "|u1", "fortran_order": False, "shape": (2**20, 2**10, 2**10)}
    )
    (tmp_path / "a.npy.gz").write_bytes(gzip.compress(stream.getvalue()))
    with (
        memory_below(10e6),
        pytest.raises(InputError, match=r"a.npy.gz claims 1099511627776 bytes"),
    ):
        data.load(tmp_path / "a.npy.gz")
