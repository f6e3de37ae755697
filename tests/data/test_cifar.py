"""CIFAR-10's binary version: goldens by hand, the archive in memory, hostile archives."""

import io
import tarfile

import numpy as np
import pytest

from scratchclust import data
from scratchclust.errors import InputError

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def record(label, red, green, blue):
    """One image: three planes, each of one value but for its first pixel, which is one more."""
    planes = b"".join(bytes([value + 1]) + bytes([value]) * 1023 for value in (red, green, blue))
    return bytes([label]) + planes


CONTENTS = {f"data_batch_{i}.bin": record(i, 10 * i, 1, 2) for i in range(1, 6)} | {
    "test_batch.bin": record(9, 3, 4, 5) + record(0, 6, 7, 8),
    "batches.meta.txt": "\n".join(CLASSES).encode() + b"\n\n",
    "readme.html": b"<html>",
}


def write_folder(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in CONTENTS.items():
        (folder / name).write_bytes(content)
    return folder


def write_archive(path, contents, folder="cifar-10-batches-bin/", mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=["folder", "parent", "archive", "plain tar"])
def source(request, tmp_path):
    if request.param == "folder":
        return write_folder(tmp_path / "anything")
    if request.param == "parent":
        return write_folder(tmp_path / "cifar-10-batches-bin").parent
    if request.param == "archive":
        return write_archive(tmp_path / "cifar-10-binary.tar.gz", CONTENTS)
    return write_archive(tmp_path / "cifar.tar", CONTENTS, mode="w")


def test_golden(source):
    test = data.load(source, split="test")
    assert test.images.shape == (2, 32, 32, 3)
    np.testing.assert_array_equal(test.images[0, 0, 0], [4, 5, 6])
    np.testing.assert_array_equal(test.images[0, 0, 1], [3, 4, 5])
    np.testing.assert_array_equal(test.images[1, 31, 31], [6, 7, 8])
    np.testing.assert_array_equal(test.labels, [9, 0])
    assert (test.name, test.label_names) == ("cifar10", CLASSES)


def test_train_then_test(source):
    everything = data.load(source)
    np.testing.assert_array_equal(everything.labels, [1, 2, 3, 4, 5, 9, 0])
    np.testing.assert_array_equal(everything.images[:5, 9, 9, 0], [10, 20, 30, 40, 50])
    np.testing.assert_array_equal(data.load(source, split="train", limit=2).labels, [1, 2])


def test_one_batch_alone(tmp_path):
    write_folder(tmp_path)
    batch = data.load(tmp_path / "test_batch.bin")
    np.testing.assert_array_equal(batch.labels, [9, 0])
    with pytest.raises(InputError, match=r"test_batch.bin has no train and test split"):
        data.load(tmp_path / "test_batch.bin", split="test")


def test_without_the_file_of_names(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "batches.meta.txt").unlink()
    assert data.load(folder).label_names == CLASSES
    (folder / "batches.meta.txt").write_text("cat\ndog\n")
    with pytest.raises(
        InputError, match=r"batches.meta.txt: expected the names of 10 classes, got 2"
    ):
        data.load(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENTS["test_batch.bin"][:-1], "has 6145 bytes, expected a multiple of 3073: cut short"),
        (b"", "has 0 bytes, expected a multiple of 3073"),
        (record(10, 1, 2, 3), "label 10 of image 0 is out of range, expected 0 to 9"),
    ],
)
def test_broken_batches(tmp_path, content, message):
    folder = write_folder(tmp_path)
    (folder / "test_batch.bin").write_bytes(content)
    with pytest.raises(InputError, match=f"test_batch.bin.*{message}"):
        data.load(folder)
    archive = write_archive(tmp_path / "c.tar.gz", CONTENTS | {"test_batch.bin": content})
    with pytest.raises(InputError, match=f"c.tar.gz/test_batch.bin.*{message}"):
        data.load(archive)


def test_missing_batches(tmp_path):
    folder = write_folder(tmp_path)
    (folder / "data_batch_3.bin").unlink()
    with pytest.raises(
        InputError, match=r"data_batch_3.bin missing: unpack cifar-10-binary.tar.gz again"
    ):
        data.load(folder)
    assert len(data.load(folder, split="test").images) == 2
    with pytest.raises(InputError, match=r"holds no batch of CIFAR-10"):
        data.load(write_archive(tmp_path / "c.tar.gz", {"readme.html": b"x"}))


def test_a_file_too_large_for_a_batch_is_not_read(tmp_path):
    with (tmp_path / "huge.bin").open("wb") as stream:
        stream.truncate(10**12)  # sparse
    with pytest.raises(
        InputError, match=r"huge.bin is no batch of CIFAR-10 .*: it has 1000000000000 bytes"
    ):
        data.load(tmp_path / "huge.bin")


@pytest.mark.parametrize("where", [".", "cifar-10-batches-py"])
def test_the_pickled_version_is_refused(tmp_path, where):
    (tmp_path / where).mkdir(exist_ok=True)
    (tmp_path / where / "data_batch_1").write_bytes(b"\x80\x02.")
    with pytest.raises(
        InputError, match=r"pickled Python version.*use the binary one, cifar-10-binary.tar.gz"
    ):
        data.load(tmp_path)
    archive = write_archive(
        tmp_path / "py.tar.gz", {"data_batch_1": b"\x80\x02."}, folder=f"{where}/"
    )
    with pytest.raises(InputError, match=r"py.tar.gz holds the pickled Python version"):
        data.load(archive)


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "C:\\evil", "\\\\host\\evil", "..\\evil"]
)
def test_unsafe_paths(tmp_path, name):
    archive = write_archive(tmp_path / "evil.tar.gz", {name: b"x"} | CONTENTS, folder="")
    with pytest.raises(InputError, match=r"evil.tar.gz holds the unsafe path .*evil'"):
        data.load(archive)
    assert not list(tmp_path.parent.glob("evil"))


def test_links_are_not_followed(tmp_path):
    with tarfile.open(tmp_path / "links.tar.gz", "w:gz") as archive:
        info = tarfile.TarInfo("cifar-10-batches-bin/test_batch.bin")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(InputError, match=r"holds no batch of CIFAR-10"):
        data.load(tmp_path / "links.tar.gz")


def test_archives_that_are_something_else(tmp_path):
    many = write_archive(tmp_path / "many.tar.gz", {f"{i}.png": b"x" for i in range(200)})
    with pytest.raises(
        InputError, match=r"member 101, .*100.png' of 1 bytes, does not belong to CIFAR-10"
    ):
        data.load(many)
    big = write_archive(tmp_path / "big.tar.gz", {"zeros": bytes(31_000_000)})
    with pytest.raises(
        InputError, match=r"'cifar-10-batches-bin/zeros' of 31000000 bytes, does not belong"
    ):
        data.load(big)


@pytest.mark.parametrize("keep", [0, 10, 60, -20])
def test_damaged_archives(tmp_path, keep):
    good = write_archive(tmp_path / "good.tar.gz", CONTENTS).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(good[:keep])
    with pytest.raises(InputError, match=r"cut.tar.gz (is a damaged archive|holds no batch)"):
        data.load(tmp_path / "cut.tar.gz")


def test_a_flipped_bit_in_an_archive(tmp_path):
    good = bytearray(write_archive(tmp_path / "good.tar.gz", CONTENTS).read_bytes())
    good[len(good) // 2] ^= 16
    (tmp_path / "flipped.tar.gz").write_bytes(good)
    with pytest.raises(InputError, match=r"flipped.tar.gz"):
        data.load(tmp_path / "flipped.tar.gz")


@pytest.mark.parametrize("content", [b"", b"no archive at all", bytes(5000)])
def test_what_is_no_archive_is_told_in_one_line(tmp_path, content):
    (tmp_path / "cifar.tar.gz").write_bytes(content)
    with pytest.raises(InputError, match=r"cifar.tar.gz") as caught:
        data.load(tmp_path / "cifar.tar.gz")
    assert "\n" not in str(caught.value)


def test_a_flipped_byte_in_an_archive_packed_by_xz(tmp_path):
    path = write_archive(tmp_path / "cifar.tar", CONTENTS, mode="w:xz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cifar.tar is a damaged archive .*: fetch it again"):
        data.load(path)


def fine_record(coarse, fine, red, green, blue):
    return bytes([coarse]) + record(fine, red, green, blue)


FINE_NAMES = [f"class{i}" for i in range(100)]
FINE = {
    "train.bin": fine_record(19, 99, 10, 1, 2) + fine_record(0, 50, 20, 1, 2),
    "test.bin": fine_record(3, 12, 3, 4, 5),
    "fine_label_names.txt": "\n".join(FINE_NAMES).encode() + b"\n",
    "coarse_label_names.txt": b"fish\n" * 20,
}


@pytest.mark.parametrize("where", ["folder", "parent", "archive"])
def test_cifar100(tmp_path, where):
    source = write_archive(tmp_path / "cifar-100-binary.tar.gz", FINE, folder="cifar-100-binary/")
    if where != "archive":
        source = tmp_path / "set"
        folder = source / "cifar-100-binary" if where == "parent" else source
        folder.mkdir(parents=True)
        for name, content in FINE.items():
            (folder / name).write_bytes(content)
    everything = data.load(source)
    assert everything.labels.tolist() == [99, 50, 12]
    np.testing.assert_array_equal(everything.images[:, 9, 9], [[10, 1, 2], [20, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(everything.images[0, 0, 0], [11, 2, 3])
    assert (everything.name, everything.label_names) == ("cifar100", tuple(FINE_NAMES))
    assert data.load(source, split="test").labels.tolist() == [12]


def test_a_batch_of_cifar100_alone(tmp_path):
    (tmp_path / "mine.bin").write_bytes(FINE["train.bin"])
    batch = data.load(tmp_path / "mine.bin")
    assert (batch.labels.tolist(), batch.label_names) == ([99, 50], None)
    (tmp_path / "fine_label_names.txt").write_bytes(FINE["fine_label_names.txt"])
    assert data.load(tmp_path / "mine.bin").label_names == tuple(FINE_NAMES)


def test_other_binary_files_are_told_for_what_they_are(tmp_path):
    contents = {
        "train_X.bin": (
            bytes(2 * 96 * 96 * 3),
            "is STL-10's binary version, which is not read: save its images",
        ),
        "model.bin": (
            b"PK\x03\x04" + bytes(50),
            "is a zip archive: it has 54 bytes, expected a multiple of 3073",
        ),
        "raw.bin": (b"\x01" * 77, "is no batch of CIFAR-10 or CIFAR-100: it has 77 bytes"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} {message}"):
            data.load(tmp_path / name)
    with pytest.raises(InputError, match=r"is STL-10's binary version"):
        data.load(tmp_path)


def test_the_pickled_cifar100_is_refused(tmp_path):
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name in ("train", "test", "meta"):
        (folder / name).write_bytes(b"\x80\x02.")
    with pytest.raises(
        InputError, match=r"pickled Python version.*use the binary one, cifar-100-binary.tar.gz"
    ):
        data.load(tmp_path)
    archive = write_archive(
        tmp_path / "py.tar.gz", {"train": b"\x80\x02."}, folder="cifar-100-python/"
    )
    with pytest.raises(InputError, match=r"py.tar.gz holds the pickled .* cifar-100-binary.tar.gz"):
        data.load(archive)
