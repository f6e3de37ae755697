"""Pixels in a mapped file: the same as in memory, written once, and nothing left after a fault."""

import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.data import dataset, gathering, stores
from scratchclust.errors import InputError


@pytest.fixture
def mapped(monkeypatch):
    """All pixels are too many for memory, and few are handled at once."""
    monkeypatch.setattr(stores, "MAPPED_ABOVE", 0)
    monkeypatch.setattr(dataset, "AT_ONCE", 200)


def pictures_in(folder, n=40, *, grey=False, deep=(), folders="ab"):
    """Pictures of noise, 4x6, some of 16 bits."""
    rng = np.random.default_rng(0)
    for i in range(n):
        path = folder / folders[i % len(folders)] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if i in deep:
            Image.fromarray(rng.integers(0, 4096, (4, 6), np.uint16)).save(path)
        else:
            noise = rng.integers(0, 256, (4, 6, 1 if grey else 3), np.uint8)
            Image.fromarray(np.broadcast_to(noise, (4, 6, 3))).save(path)
    return folder


def left_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.filterwarnings("ignore:.*16-bit numbers up to")
@pytest.mark.parametrize(
    "request_of_it", [{}, {"limit": 17, "seed": 3}, {"size": 8}, {"channels": 1}]
)
@pytest.mark.parametrize("kind", ["colour", "grey", "deep", "deep and grey"])
def test_a_folder_is_the_same_in_a_map(tmp_path, mapped, kind, request_of_it):
    folder = pictures_in(
        tmp_path / "set", grey="grey" in kind, deep=(0, 5, 39) if "deep" in kind else ()
    )
    maps = tmp_path / "maps"
    maps.mkdir()
    found = data.load(folder, memory_map=maps / "pixels.npy", **request_of_it)
    expected = data.load(folder, **request_of_it)
    assert isinstance(found.images, np.memmap)
    assert not found.images.flags.writeable
    np.testing.assert_array_equal(found.images, expected.images)
    assert found.images.shape[3] == (
        3 if kind in ("colour", "deep") and not request_of_it.get("channels") else 1
    )
    np.testing.assert_array_equal(found.original_sizes, expected.original_sizes)
    rest = {"images": None, "original_sizes": None, "labels": None}
    assert found._replace(**rest) == expected._replace(**rest)
    assert left_in(maps) == ["pixels.npy"]
    np.testing.assert_array_equal(np.load(maps / "pixels.npy"), expected.images)
    assert (maps / "pixels.npy").stat().st_size == stores.HEADER + expected.images.size


def test_grey_becomes_colour_in_a_map(tmp_path, mapped):
    folder = pictures_in(tmp_path / "set", grey=True)
    found = data.load(folder, channels=3, memory_map=tmp_path / "pixels.npy")
    np.testing.assert_array_equal(found.images, data.load(folder, channels=3).images)


def test_few_pixels_stay_in_memory(tmp_path):
    folder = pictures_in(tmp_path / "set", 3)
    found = data.load(folder, memory_map=tmp_path / "pixels.npy")
    assert found.images.flags.writeable
    assert left_in(tmp_path) == ["set"]


def test_skipped_files_leave_no_holes(tmp_path, mapped):
    folder = pictures_in(tmp_path / "set")
    (folder / "a" / "0.png").write_text("no picture")
    (folder / "b" / "77.png").write_text("no picture")
    with pytest.warns(UserWarning, match=r"skipped 2 of 41 files"):
        found = data.load(folder, memory_map=tmp_path / "pixels.npy")
    with pytest.warns(UserWarning, match=r"skipped 2 of 41 files"):
        np.testing.assert_array_equal(found.images, data.load(folder).images)


def test_an_older_file_is_replaced(tmp_path, mapped):
    (tmp_path / "pixels.npy").write_bytes(b"of another run")
    (tmp_path / ".pixels.npy.draft").write_bytes(b"of a run that was killed" * 10_000)
    folder = pictures_in(tmp_path / "set")
    found = data.load(folder, memory_map=tmp_path / "pixels.npy")
    again = data.load(folder, memory_map=tmp_path / "pixels.npy")
    np.testing.assert_array_equal(found.images, again.images)
    assert left_in(tmp_path) == ["pixels.npy", "set"]


def test_equal_pictures_too_large_for_memory_go_into_the_file(tmp_path, mapped, monkeypatch):
    monkeypatch.setattr(gathering, "LARGEST_UNASKED", 100)
    folder = pictures_in(tmp_path / "set")
    with pytest.raises(InputError, match=r"would take 0.0 GiB of memory"):
        data.load(folder)
    assert len(data.load(folder, memory_map=tmp_path / "pixels.npy").images) == 40


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    "request_of_it", [{"limit": 5}, {"size": (3, 5)}, {"channels": 1}, {"channels": 3}]
)
def test_arrays_are_the_same_in_a_map(tmp_path, mapped, dtype, request_of_it):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 3), np.uint8)
    np.save(tmp_path / "a.npy", images if dtype == np.uint8 else (images / 255).astype(dtype))
    found = data.load(tmp_path / "a.npy", memory_map=tmp_path / "pixels.npy", **request_of_it)
    expected = data.load(tmp_path / "a.npy", **request_of_it)
    np.testing.assert_array_equal(found.images, expected.images)
    assert found.sha256 == expected.sha256
    if not (dtype == np.float32 and request_of_it == {"channels": 3}):  # nothing is to be done
        assert not found.images.flags.writeable


def test_an_array_that_is_as_wanted_is_mapped_where_it_lies(tmp_path, mapped):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 3), np.uint8)
    np.save(tmp_path / "a.npy", images)
    found = data.load(tmp_path / "a.npy", memory_map=tmp_path / "pixels.npy")
    np.testing.assert_array_equal(found.images, images)
    assert not found.images.flags.writeable
    assert left_in(tmp_path) == ["a.npy"]


def test_the_hash_of_a_map_is_that_of_memory(monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, (30, 4, 6, 3), np.uint8)
    expected = dataset.pixels_sha256(images[..., :1])
    monkeypatch.setattr(dataset, "AT_ONCE", 1)
    assert dataset.pixels_sha256(images[..., :1]) == expected
    assert dataset.pixels_sha256(images[:0]) == dataset.pixels_sha256(images[:0].copy())


def test_no_room_is_said_before_decoding(tmp_path, mapped, monkeypatch):
    folder = pictures_in(tmp_path / "set")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(9000, 8000, 1000))
    words = r"40 images of 4x6 pixels take 0.0 GiB of the disk, which has 0.0 GiB left: make room"
    with pytest.raises(InputError, match=words):
        data.load(folder, memory_map=tmp_path / "pixels.npy")
    assert left_in(tmp_path) == ["set"]


def test_a_place_that_cannot_be_written(tmp_path, mapped):
    folder = pictures_in(tmp_path / "set")
    with pytest.raises(InputError, match=r"none/pixels.npy cannot be made .*\(No such file or dir"):
        data.load(folder, memory_map=tmp_path / "none" / "pixels.npy")


FULL_DISK = """
import resource, signal, sys
from scratchclust import data
from scratchclust.data import stores
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
stores.MAPPED_ABOVE = 0
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    data.load(sys.argv[1], size=64, memory_map=sys.argv[2])
except OSError as error:
    print(error.errno, error.filename)
"""


def test_a_file_that_may_not_grow_ends_in_one_error_and_leaves_nothing(tmp_path):
    """A limit of the system's own, met while the pictures are written: a real fault of `write`."""
    folder = pictures_in(tmp_path / "set", 20)
    command = [sys.executable, "-c", FULL_DISK, str(folder), str(tmp_path / "pixels.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == f"{errno.EFBIG} {tmp_path / 'pixels.npy'}\n", done.stderr
    assert left_in(tmp_path) == ["set"]


@pytest.mark.parametrize("step", ["write", "finish"])
def test_a_full_disk_leaves_nothing(tmp_path, mapped, monkeypatch, step):
    folder = pictures_in(tmp_path / "set", grey=True)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "write":
        write = stores.FileStore._put
        monkeypatch.setattr(
            stores.FileStore,
            "_put",
            lambda self, at, it: full() if at > 1000 else write(self, at, it),
        )
    else:
        monkeypatch.setattr(stores.FileStore, "_keep_first_channel", full)
    with pytest.raises(OSError, match="No space left on device"):
        data.load(folder, memory_map=tmp_path / "pixels.npy")
    assert left_in(tmp_path) == ["set"]


def test_other_faults_leave_nothing(tmp_path, mapped):
    folder = pictures_in(tmp_path / "set")
    Image.new("RGB", (9, 9)).save(folder / "b" / "100.png")
    with pytest.raises(InputError, match=r"b/100.png has 9x9 pixels"):
        data.load(folder, memory_map=tmp_path / "pixels.npy")

    def interrupted(line):
        raise KeyboardInterrupt

    (folder / "b" / "100.png").unlink()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scratchclust.data.bars.PERIOD", -1.0)
        with pytest.raises(KeyboardInterrupt):
            data.load(folder, memory_map=tmp_path / "pixels.npy", tell=interrupted)
    assert left_in(tmp_path) == ["set"]


MEMORY = """
import sys
from pathlib import Path
from scratchclust import data
from scratchclust.data import stores
stores.MAPPED_ABOVE = 1 << 20

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon"))

data.load(sys.argv[1], size=8, limit=1)
before, seen = anonymous(), []
tell = lambda line: seen.append(anonymous())
found = data.load(sys.argv[1], size=256, memory_map=sys.argv[2], tell=tell)
print(found.images.nbytes, max(*seen, anonymous()) - before)
"""


@pytest.mark.full
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_memory_holds_few_of_many_pictures(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    Image.fromarray(noise).resize((320, 240)).save(folder / "0.jpg")
    for i in range(1, 2000):
        os.link(folder / "0.jpg", folder / f"{i}.jpg")
    command = [sys.executable, "-c", MEMORY, str(folder), str(tmp_path / "pixels.npy")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    n_bytes, grown = map(int, done.stdout.split())
    assert n_bytes == 2000 * 256 * 256 * 3  # 0.4 GB
    assert grown < 150e6
