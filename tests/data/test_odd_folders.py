"""Every odd file that a person's folder may hold is read, or named with a reason: nothing else."""

import os
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from scratchclust import data
from scratchclust.data import decoding
from scratchclust.data.dataset import Request
from scratchclust.errors import InputError, escaped
from tests.data.odd_pictures import PASSED_OVER, READ, SKIPPED, make_odd_folder, save


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """The folder, the fates of its files, what was read of it, and what was told."""
    folder = tmp_path_factory.mktemp("odd") / "pictures"
    fates = make_odd_folder(folder)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        pictures = data.load(folder, size=16)
    return folder, fates, pictures, [str(warning.message) for warning in told]


def of(fates, what):
    return {name for name, fate in fates.items() if fate.what == what}


def test_each_is_read_or_skipped_or_passed_over(odd):
    folder, fates, pictures, _ = odd
    assert set(pictures.paths) == of(fates, READ)
    assert {file.path for file in pictures.skipped} == of(fates, SKIPPED)
    assert of(fates, PASSED_OVER)
    assert len(pictures.images) == len(pictures.paths) == len(pictures.original_sizes)
    assert data.look(folder).n >= len(pictures.paths)


def test_the_reasons_are_one_line_without_the_path(odd):
    folder, fates, pictures, _ = odd
    for file in pictures.skipped:
        assert fates[file.path].reason in file.reason, file
        assert escaped(file.reason) == file.reason
        # but for that which a link leads to
        assert str(folder) not in file.reason.replace(f"{folder} elsewhere", ""), file


def test_colours_and_sizes(odd):
    _, fates, pictures, _ = odd
    for path, image, size in zip(
        pictures.paths, pictures.images, pictures.original_sizes, strict=True
    ):
        fate = fates[path]
        if fate.size:
            assert tuple(size) == fate.size, path
        if fate.colour:
            off = np.abs(image.astype(int) - np.array(fate.colour)).max()
            assert off <= 6, (path, image[0, 0])  # JPEG, WebP


@pytest.mark.parametrize("name", ["modes/lab.tiff", "modes/palette.gif", "modes/cmyk.jpg"])
def test_colour_is_not_taken_for_grey(odd, name):
    folder, _, _, _ = odd
    assert data.load(folder / name).images.shape == (1, 4, 6, 3)


def test_first_frames_and_links_out_of_the_folder_are_noted_once(odd):
    _, fates, pictures, _ = odd
    noted = [fate.note for fate in fates.values() if fate.note]
    for note in set(noted):
        (line,) = [line for line in pictures.notes if note in line]
        assert str(noted.count(note)) in line
    assert len(pictures.notes) == len(set(noted)) == 3
    assert all(escaped(line) == line for line in pictures.notes)


def test_one_line_is_told(odd):
    _, fates, _, told = odd
    assert len(told) == 1
    assert f"skipped {len(of(fates, SKIPPED))} of" in told[0]
    assert escaped(told[0]) == told[0]


def test_a_shape_of_each_fit(odd):
    folder, _, pictures, _ = odd
    for fit in ("pad", "squeeze"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert data.load(folder, size=(8, 12), fit=fit).paths == pictures.paths


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "tiff"])
def test_orientations_turn_the_corner_where_it_belongs(tmp_path, turn, kind):
    # where the bright upper left corner of an upright picture lies in the file, by EXIF's words
    corners = {
        1: (0, 0),
        2: (0, 1),
        3: (1, 1),
        4: (1, 0),
        5: (0, 0),
        6: (1, 0),
        7: (1, 1),
        8: (0, 1),
    }
    down, right = corners[turn]
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[16 * down : 16 * down + 16, 32 * right : 32 * right + 32] = 255
    exif = Image.Exif()
    exif[0x0112] = turn
    Image.fromarray(pixels).save(tmp_path / f"a.{kind}", exif=exif)
    for size in (None, (8, 8)):
        image = data.load(tmp_path, size=size, fit="squeeze" if size else "crop").images[0, ..., 0]
        height, width = image.shape
        assert image[1 : height // 2 - 1, 1 : width // 2 - 1].min() > 230
        assert image[height // 2 + 1 :].max() < 25
        assert image[:, width // 2 + 1 :].max() < 25


@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_damaged_exif_takes_no_picture_away(tmp_path, kind):
    save(tmp_path / f"a.{kind}", exif=b"Exif\0\0" + b"\xff" * 30)
    assert data.load(tmp_path, strict=True).original_sizes.tolist() == [[4, 6]]
    assert data.look(tmp_path).sizes.tolist() == [[4, 6]]


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_copies_of_one_picture(tmp_path, n):
    content = save(tmp_path / "0.png").read_bytes()
    for i in range(1, n):
        (tmp_path / f"{i}.png").write_bytes(content)
    pictures = data.load(tmp_path, strict=True)
    assert pictures.images.shape == (n, 4, 6, 3)
    assert (pictures.images == pictures.images[0]).all()
    np.testing.assert_array_equal(pictures.original_sizes, [[4, 6]] * n)


@pytest.mark.parametrize("change", ["gone", "cut", "grown", "other", "forbidden", "a folder"])
def test_a_file_changes_between_listing_and_decoding(tmp_path, monkeypatch, change):
    for i in range(3):
        save(tmp_path / f"{i}.png", size=(20, 30))
    decode = decoding.decode

    def changed(path, *args):
        if path.name == "1.png":
            content = path.read_bytes()
            if change == "gone":
                path.unlink()
            elif change == "a folder":
                path.unlink()
                path.mkdir()
            elif change == "forbidden":
                raise PermissionError(13, "Permission denied", str(path))
            else:
                new = {"cut": content[:40], "grown": content * 2, "other": b"GIF89a, it says"}
                path.write_bytes(new[change])
        return decode(path, *args)

    monkeypatch.setattr(decoding, "decode", changed)
    if change == "grown":  # what comes after a picture's end is no concern
        assert len(data.load(tmp_path, strict=True).images) == 3
        return
    with pytest.warns(UserWarning, match=r"skipped 1 of 3 files"):
        pictures = data.load(tmp_path)
    reasons = {
        "gone": "it was there when the folder was listed, and is gone",
        "cut": "damaged: it begins as a PNG picture",
        "other": "not a format",
        "forbidden": "no permission to read it: change its rights",
        "a folder": "Is a directory",
    }
    assert pictures.paths == ("0.png", "2.png")
    assert len(pictures.original_sizes) == 2
    assert pictures.skipped[0].path == "1.png"
    assert reasons[change] in pictures.skipped[0].reason
    assert str(tmp_path) not in pictures.skipped[0].reason


def test_a_file_is_gone_before_it_is_known_what_it_was(tmp_path, monkeypatch):
    save(tmp_path / "0.png")
    (tmp_path / "1.png").write_text("no picture")

    def gone(path):
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(decoding, "start_of", gone)
    with pytest.warns(UserWarning, match=r"1.png \(it was there when the folder was listed, and"):
        data.load(tmp_path)


def test_a_folder_is_gone_between_its_name_and_its_files(tmp_path, monkeypatch):
    save(tmp_path / "a" / "0.png")
    save(tmp_path / "b" / "1.png")
    scandir = os.scandir

    def changed(path):
        if str(path).endswith("b"):
            raise FileNotFoundError(2, "No such file or directory", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", changed)
    with pytest.warns(UserWarning, match=r"first b \(a folder: No such file or directory\)"):
        assert data.load(tmp_path).paths == ("a/0.png",)


def test_a_link_above_the_folder_lists_nothing_twice(tmp_path):
    save(tmp_path / "set" / "a" / "1.png")
    save(tmp_path / "beside.png")
    (tmp_path / "set" / "up").symlink_to(tmp_path)
    pictures = data.load(tmp_path / "set")
    assert pictures.paths == ("a/1.png", "up/beside.png")
    assert pictures.notes == (
        "1 files are read through links that lead out of the folder: up/beside.png",
    )


def test_decoding_runs_ahead_by_as_many_bytes_as_memory_may_hold(tmp_path, monkeypatch):
    for i in range(100):
        save(tmp_path / f"{i}.png")
    names = [f"{i}.png" for i in range(100)]
    decoded = []
    decode = decoding.decode
    monkeypatch.setattr(
        decoding, "decode", lambda path, *more: decoded.append(path) or decode(path, *more)
    )
    for n_bytes, most in ((1, 2 * decoding.N_THREADS + 2), (1 << 28, 100)):
        monkeypatch.setattr(decoding, "BYTES_AHEAD", n_bytes)
        decoded.clear()
        results = decoding.decode_all(tmp_path, names, Request())
        taken = [next(results) for _ in range(2)]
        time.sleep(0.05)
        assert [path for path, _ in taken] == names[:2]
        assert 2 <= len(decoded) <= most
        results.close()


@pytest.mark.full
def test_folders_deeper_than_python_calls(tmp_path):
    folder = tmp_path
    for _ in range(1200):
        folder = folder / "a"
        folder.mkdir()
    save(folder / "1.png")
    try:
        assert data.load(tmp_path).paths == ("a/" * 1200 + "1.png",)
    finally:  # pytest itself would not get down to it
        (folder / "1.png").unlink()
        while folder != tmp_path:
            folder.rmdir()
            folder = folder.parent


def test_an_animation_alone(tmp_path):
    others = [Image.new("RGB", (6, 4), "blue")]
    save(tmp_path / "a.gif", save_all=True, append_images=others)
    one = data.load(tmp_path / "a.gif")
    assert one.notes == ("of 1 animations only the first frame is read: a.gif",)
    assert one.original_sizes.tolist() == [[4, 6]]


def test_a_damaged_second_frame_takes_nothing_from_the_first(tmp_path):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (4, 6, 3), np.uint8)) for _ in range(2)]
    for kind in ("gif", "tiff", "png", "webp"):
        frames[0].save(tmp_path / f"a.{kind}", save_all=True, append_images=frames[1:])
        whole = data.load(tmp_path / f"a.{kind}")
        content = (tmp_path / f"a.{kind}").read_bytes()
        (tmp_path / f"a.{kind}").write_bytes(content[:-12])
        if kind == "webp":  # it is whole or nothing
            with pytest.raises(InputError, match=r"a.webp cannot be read \("):
                data.load(tmp_path / "a.webp")
        else:
            cut = data.load(tmp_path / f"a.{kind}")
            np.testing.assert_array_equal(cut.images, whole.images)


def test_original_sizes_follow_the_pictures(tmp_path):
    for i in range(40):
        save(tmp_path / "ab"[i % 2] / f"{i}.png", (i, 0, 0), size=(10 + i, 5))
    whole = data.load(tmp_path, size=4)
    some = data.load(tmp_path, size=4, limit=10, seed=3)
    of_path = dict(zip(whole.paths, whole.original_sizes.tolist(), strict=True))
    assert some.original_sizes.tolist() == [of_path[path] for path in some.paths]
    assert some.original_sizes.dtype == np.int32
    expected = [10 + int(path.split("/")[1].removesuffix(".png")) for path in some.paths]
    assert some.original_sizes[:, 0].tolist() == expected
