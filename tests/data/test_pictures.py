"""One picture: which decoder takes it whatever lies beside it, and what is white in numbers of more
than 8 bits.
"""

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from scratchclust import data
from scratchclust.data import pictures
from scratchclust.data.depth import white_above
from scratchclust.data.preprocessing import resize
from scratchclust.data.signatures import kind_of
from scratchclust.errors import InputError

READ = """
import sys
from pathlib import Path
{before}
from scratchclust.data.dataset import Request
from scratchclust.data.folders import read_folder
reading = read_folder(Path(sys.argv[1]), Request(size=(16, 16)))
print(list(reading.paths), [file.path for file in reading.skipped])
"""
ENDINGS = (
    "tga",
    "ico",
    "pcx",
    "sgi",
    "webp",
    "tiff",
    "jp2",
    "ppm",
    "png",
    "jpg",
    "gif",
    "bmp",
    "dds",
)


def write_mixed(folder, endings):
    """The same noise in several formats: an icon of 64 to 128 KiB looks like a TGA to whoever asks
    for nothing more.
    """
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8))
    for i, ending in enumerate(endings):
        options: dict[str, Any] = {"sizes": [(160, 160)]} if ending == "ico" else {}
        noise.save(folder / f"{i:02}.{ending}", **options)


def read(folder, before=""):
    """What a fresh process reads of a folder: the paths that it has and those that it skips."""
    command = [sys.executable, "-W", "ignore", "-c", READ.format(before=before), str(folder)]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=60
    ).stdout.strip()


@pytest.mark.quick(1)
@pytest.mark.parametrize("endings", [("tga", "ico"), ("ico", "tga"), ENDINGS], ids="-".join)
def test_a_file_is_read_alike_beside_others(tmp_path, endings):
    write_mixed(tmp_path, endings)
    expected = f"{[f'{i:02}.{ending}' for i, ending in enumerate(endings)]} []"
    assert read(tmp_path) == expected
    # A person's program may have loaded plug-ins of its own accord, in an order of its own.
    assert read(tmp_path, before="from PIL import TgaImagePlugin") == expected


@pytest.mark.full
def test_a_mixed_folder_is_read_alike_in_a_hundred_processes(tmp_path):
    write_mixed(tmp_path, ENDINGS)
    assert len({read(tmp_path) for _ in range(100)}) == 1


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"  # as a telephone's pictures begin
WITHOUT = (
    r"not a format that Pillow reads: it is a HEIC picture; "
    r"install pillow-heif, `pip install -e \".\[heic\]\"` in "
)


KNOWN = pictures.formats()


@pytest.fixture
def without_heif(monkeypatch):
    """As where pillow-heif is not installed."""
    monkeypatch.setattr(
        pictures, "formats", lambda: tuple(name for name in KNOWN if name != "HEIF")
    )


@pytest.mark.usefixtures("without_heif")
def test_a_folder_of_nothing_but_heic_is_refused_with_the_cure(tmp_path):
    (tmp_path / "Thumbs.db").write_bytes(b"an index")
    for i in range(3):
        (tmp_path / f"{i}.heic").write_bytes(HEIC)
    with pytest.raises(
        InputError,
        match=rf"none of its 3 files .* \(0.heic, {WITHOUT}.*\): do that, or give other pict",
    ):
        data.load(tmp_path)
    with pytest.raises(InputError, match=rf"0.heic cannot be read \({WITHOUT}"):
        data.load(tmp_path / "0.heic")


@pytest.mark.usefixtures("without_heif")
def test_skipped_heic_is_told_before_what_is_no_picture(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.txt").write_bytes(b"a note")
    (tmp_path / "c.HEIC").write_bytes(HEIC)
    with pytest.warns(UserWarning, match=rf"skipped 2 of 3 files .* first c.HEIC \({WITHOUT}"):
        skipped = data.load(tmp_path).skipped
    assert [file.path for file in skipped] == ["b.txt", "c.HEIC"]


@pytest.mark.parametrize(
    ("brand", "kind"),
    [
        (b"heic", "a HEIC picture"),
        (b"mif1", "a HEIC picture"),
        (b"avif", "an AVIF picture"),
        (b"isom", "a film"),
    ],
)
def test_kinds_of_one_container(brand, kind):
    assert kind_of(b"\0\0\0\x18ftyp" + brand) == kind


def test_avif_where_pillow_is_too_old(monkeypatch):
    monkeypatch.setattr(pictures, "formats", lambda: ("PNG",))
    assert pictures.cure_of("an AVIF picture") == "install Pillow 11.3 or newer"
    assert pictures.cure_of("a film") == pictures.cure_of(None) == ""


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="the extra `heic` is not installed")
    pictures.formats()
    values = np.zeros((64, 96, 3), np.uint8)
    values[:, 48:] = 200, 100, 50
    for i in range(20):
        heif.from_pillow(Image.fromarray(values)).save(tmp_path / f"{i}.heic", quality=95)
    found = data.load(tmp_path, size=(32, 48))
    assert found.skipped == ()
    assert len(found.paths or ()) == 20
    np.testing.assert_allclose(found.images[:, 4:-4, 4:20].astype(int), 0, atol=6)
    np.testing.assert_allclose(found.images[:, 4:-4, 28:-4].astype(int) - [200, 100, 50], 0, atol=6)
    (tmp_path / "cut.heic").write_bytes((tmp_path / "0.heic").read_bytes()[:200])
    with pytest.raises(InputError, match=r"cut.heic cannot be read \((?!.*install)"):
        data.load(tmp_path / "cut.heic")


RAMP = np.linspace(0, 4095, 16 * 16).astype(np.uint16).reshape(16, 16)  # 12 bits in 16
TOLD = (
    r"16-bit numbers up to \d+ only, and nothing that says which is white: "
    r"taken as {} bits, {} is white"
)


def save_tiff(path, values, tags=()):
    """A TIFF of 16 bits with further tags, by their numbers."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in dict(tags).items():
        directory[tag] = value
    Image.fromarray(values).save(path, tiffinfo=directory)


def save_jpeg2000(path, values, bits):
    """A lossless JPEG 2000 that declares so many bits. Pillow writes 16; its shift of the levels is
    undone.
    """
    stream = io.BytesIO()
    shifted = values + np.uint16((1 << 15) - (1 << bits - 1))
    Image.fromarray(shifted).save(stream, format="JPEG2000", irreversible=False, no_jp2=True)
    content = bytearray(stream.getvalue())
    content[content.index(b"\xff\x4f\xff\x51") + 42] = bits - 1
    path.write_bytes(content)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("ending", ["tiff", "jp2", "png"])
def test_fewer_bits_in_sixteen_are_no_black_pictures(tmp_path, bits, ending):
    white = (1 << bits) - 1
    values = np.linspace(0, white, 256).astype(np.uint16).reshape(16, 16)
    options = {"irreversible": False} if ending == "jp2" else {}
    Image.fromarray(values).save(tmp_path / f"a.{ending}", **options)
    with pytest.warns(UserWarning, match=TOLD.format(bits, white)):
        image = data.load(tmp_path).images[0, ..., 0]
    np.testing.assert_array_equal(image, np.rint(values * (255 / white)))
    with pytest.warns(UserWarning, match=TOLD.format(bits, white)):
        np.testing.assert_array_equal(data.load(tmp_path / f"a.{ending}").images[0, ..., 0], image)


@pytest.mark.parametrize("tag", [281, 341])
def test_a_tiff_that_declares_its_white(tmp_path, tag):
    save_tiff(tmp_path / "a.tiff", RAMP // 2, {tag: 4095})
    np.testing.assert_array_equal(
        data.load(tmp_path).images[0, ..., 0], np.rint(RAMP // 2 * (255 / 4095))
    )


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_a_jpeg_2000_that_declares_its_bits(tmp_path, bits):
    values = (
        np.linspace(0, (1 << bits) // 3, 256).astype(np.uint16).reshape(16, 16)
    )  # a dark one stays dark
    save_jpeg2000(tmp_path / "a.j2k", values, bits)
    np.testing.assert_array_equal(
        data.load(tmp_path).images[0, ..., 0], np.rint(values * (255 / ((1 << bits) - 1)))
    )


def test_a_grey_map_declares_its_white(tmp_path):
    (tmp_path / "a.pgm").write_bytes(
        b"P5 4 1 4095\n" + np.array([0, 1, 1000, 4095], ">u2").tobytes()
    )
    np.testing.assert_array_equal(data.load(tmp_path).images.ravel(), [0, 0, 62, 255])


def test_one_scale_for_the_whole_folder(tmp_path):
    save_tiff(tmp_path / "a.tiff", RAMP // 8)
    save_tiff(tmp_path / "b.tiff", RAMP)
    Image.fromarray(np.full((16, 16), 7, np.uint8)).save(tmp_path / "c.png")
    with pytest.warns(UserWarning, match=TOLD.format(12, 4095)):
        images = data.load(tmp_path).images[..., 0]
    np.testing.assert_array_equal(images[0], np.rint(RAMP // 8 * (255 / 4095)))
    np.testing.assert_array_equal(images[1], np.rint(RAMP * (255 / 4095)))
    assert (images[2] == 7).all()
    with pytest.warns(
        UserWarning, match=TOLD.format(12, 4095)
    ):  # the range is that of the files, not of their means
        small = data.load(tmp_path, size=2).images[1, ..., 0]
    expected = resize(RAMP[None, ..., None].astype(np.float32) * np.float32(255 / 4095), 2)[
        0, ..., 0
    ]
    np.testing.assert_allclose(small, expected, atol=0.6)


def test_sixteen_full_bits_need_no_word(tmp_path):
    save_tiff(tmp_path / "a.tiff", RAMP * np.uint16(16))
    np.testing.assert_array_equal(
        data.load(tmp_path).images[0, ..., 0], np.rint(RAMP * np.uint16(16) / 257)
    )


def test_colour_of_twelve_bits_in_sixteen_is_told(tmp_path):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in RAMP)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0))
    content = header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    with pytest.warns(
        UserWarning, match=r"1 pictures of 16-bit colour reach 15 of 255: .* read too dark"
    ):
        assert data.load(tmp_path).images.max() == 15


def test_white_is_that_of_the_smallest_depth():
    expected = {
        0: 255,
        255: 255,
        256: 1023,
        1023: 1023,
        1024: 4095,
        4096: 16383,
        16384: 65535,
        65535: 65535,
    }
    assert {largest: white_above(largest) for largest in expected} == expected


def test_pictures_of_all_proportions_are_whole_on_black(tmp_path):
    for i, (height, width) in enumerate(
        [(10, 20), (20, 10), (16, 16), (1, 1000), (1000, 1), (7, 5)]
    ):
        Image.new("RGB", (width, height), (200, 100, 50)).save(tmp_path / f"{i}.png")
    images = data.load(tmp_path, size=(8, 12), fit="pad").images
    is_inside = images[..., 0] > 0
    assert (images[is_inside] == [200, 100, 50]).all()
    assert not images[~is_inside].any()
    found = [
        (int(np.ptp(np.nonzero(one)[0])) + 1, int(np.ptp(np.nonzero(one)[1])) + 1)
        for one in is_inside
    ]
    assert found == [(6, 12), (8, 4), (8, 8), (1, 12), (8, 1), (8, 6)]
    for one, (height, width) in zip(is_inside, found, strict=True):  # centred
        assert one[(8 - height) // 2 :, (12 - width) // 2 :][:height, :width].all()
    assert (data.load(tmp_path, size=(8, 12), fit="squeeze").images == [200, 100, 50]).all()


def test_a_squeezed_picture_is_the_resize_of_preprocessing(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = data.load(tmp_path, size=(12, 8), fit="squeeze").images
    np.testing.assert_allclose(found, resize(pixels[None], (12, 8)), atol=1)


def test_grey_of_sixteen_bits_on_black(tmp_path):
    save_tiff(tmp_path / "a.tiff", np.full((8, 16), 65535, np.uint16))
    image = data.load(tmp_path, size=8, fit="pad").images[0, ..., 0]
    np.testing.assert_array_equal(image, [[0] * 8] * 2 + [[255] * 8] * 4 + [[0] * 8] * 2)
