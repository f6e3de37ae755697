"""Colour profiles: pictures in other colours than sRGB's come out in sRGB."""

import io
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageCms

from scratchclust import data
from scratchclust.data import profiles
from scratchclust.data.pictures import endings

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# The primaries of Display P3 and of sRGB as columns: XYZ relative to D50, as profiles hold them.
P3_PRIMARIES = np.array(
    [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
)
SRGB_PRIMARIES = np.array(
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
COLOURS = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)


def swapped():
    """sRGB with red and green in each other's place: so are the numbers of every picture."""
    return SRGB.replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


def display_p3():
    """sRGB with the primaries of Display P3, which has the same curve and white."""
    content = bytearray(SRGB)
    for i in range(struct.unpack(">I", content[128:132])[0]):
        name, start, _ = struct.unpack(">4sII", content[132 + 12 * i : 144 + 12 * i])
        if name in (b"rXYZ", b"gXYZ", b"bXYZ"):
            values = P3_PRIMARIES[:, b"rgb".index(name[:1])]
            content[start + 8 : start + 20] = struct.pack(
                ">3i", *(round(65536 * value) for value in values)
            )
    return bytes(content)


def made(space, kind, pcs, tags):
    """A profile of version 2 by hand."""
    tags = {b"wtpt": b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061), **tags}
    directory, contents = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        directory += struct.pack(">4sII", name, start + len(contents), len(content))
        contents += content + b"\0" * (-len(content) % 4)
    size = start + len(contents)
    header = struct.pack(">I4sI4s4s4s12x4s", size, b"\0" * 4, 0x02400000, kind, space, pcs, b"acsp")
    header += b"\0" * (68 - len(header)) + struct.pack(">3i", 63190, 65536, 54061)
    return header + b"\0" * (128 - len(header)) + directory + contents


def linear_grey():
    """Numbers in proportion to light."""
    return made(b"GRAY", b"mntr", b"XYZ ", {b"kTRC": b"curv" + struct.pack(">IIH2x", 0, 1, 256)})


def inks():
    """CMYK between the colours of its sixteen corners: cyan, magenta and yellow ink in L*a*b*, each
    dimmed by black.
    """
    at_full = np.array([[-40, -37, -50], [-50, 75, -3], [-10, -5, 90]])
    corners = [
        np.clip([255, 128, 128] + at_full.T @ [c, m, y] * (1 - k) - [200 * k, 0, 0], 0, 255).astype(
            np.uint8
        )
        for c in (0, 1)
        for m in (0, 1)
        for y in (0, 1)
        for k in (0, 1)
    ]
    same = bytes(range(256))
    table = (
        b"mft1\0\0\0\0"
        + bytes([4, 3, 2, 0])
        + struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    )
    table += same * 4 + np.array(corners).tobytes() + same * 3
    return made(b"CMYK", b"prtr", b"Lab ", {b"A2B0": table})


def by_hand(picture, profile, mode="RGB"):
    """The picture as ImageCms brings it to sRGB."""
    transform = ImageCms.buildTransform(
        io.BytesIO(profile),
        ImageCms.createProfile("sRGB"),
        picture.mode,
        mode,
        renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    return np.asarray(ImageCms.applyTransform(picture, transform))


def from_p3(colours):
    """The same by mathematics: to light, to sRGB's primaries, cut to what there is, and back to
    numbers.
    """
    values = colours / 255
    light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    light = np.clip(light @ (np.linalg.inv(SRGB_PRIMARIES) @ P3_PRIMARIES).T, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_swapped_primaries_swap_the_numbers(tmp_path, ending):
    Image.fromarray(COLOURS).save(tmp_path / f"a.{ending}", icc_profile=swapped())
    found = data.load(tmp_path).images[0]
    np.testing.assert_allclose(found, COLOURS[..., [1, 0, 2]], atol=2)
    np.testing.assert_array_equal(found, by_hand(Image.fromarray(COLOURS), swapped()))
    np.testing.assert_array_equal(data.load(tmp_path / f"a.{ending}").images[0], found)


OLD = pytest.mark.skipif(".avif" not in endings(), reason="Pillow before 11.3 writes no AVIF")


@pytest.mark.parametrize("ending", ["jpg", "webp", pytest.param("avif", marks=OLD)])
def test_the_profile_of_each_format_that_holds_one(tmp_path, ending):
    Image.new("RGB", (16, 16), (200, 100, 50)).save(
        tmp_path / f"a.{ending}", icc_profile=swapped(), quality=95
    )
    np.testing.assert_allclose(
        data.load(tmp_path).images[0].astype(int) - [100, 200, 50], 0, atol=6
    )


def test_display_p3(tmp_path):
    Image.fromarray(COLOURS).save(tmp_path / "a.png", icc_profile=display_p3())
    found = data.load(tmp_path).images[0]
    np.testing.assert_allclose(found, from_p3(COLOURS), atol=2)
    assert np.abs(found.astype(int) - COLOURS).max() > 20


def test_cmyk_by_its_profile(tmp_path):
    picture = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (12, 16, 4), np.uint8), "CMYK"
    )
    picture.paste((0, 0, 0, 0), (0, 0, 4, 4))
    picture.save(tmp_path / "a.tiff", icc_profile=inks())
    found = data.load(tmp_path).images[0]
    np.testing.assert_array_equal(found, by_hand(picture, inks()))
    assert (found[:4, :4] == 255).all()
    assert np.abs(found.astype(int) - np.asarray(picture.convert("RGB"))).max() > 20


def test_grey_by_its_profile_stays_grey(tmp_path):
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(greys).save(tmp_path / "a.png", icc_profile=linear_grey())
    found = data.load(tmp_path).images
    assert found.shape == (1, 16, 16, 1)
    light = greys / 255
    expected = 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(found[0, ..., 0], expected, atol=1)


def test_transparency_and_palettes(tmp_path):
    alpha = np.full((*COLOURS.shape[:2], 1), 255, np.uint8)
    alpha[:6] = 0
    Image.fromarray(np.concatenate([COLOURS, alpha], axis=2)).save(
        tmp_path / "a.png", icc_profile=swapped()
    )
    found = data.load(tmp_path / "a.png").images[0]
    assert (found[:6] == 255).all()
    np.testing.assert_allclose(found[6:], COLOURS[6:, :, [1, 0, 2]], atol=2)
    palette = Image.fromarray(COLOURS).quantize(8)
    palette.save(tmp_path / "b.png", icc_profile=swapped())
    expected = np.asarray(palette.convert("RGB"))[..., [1, 0, 2]]
    np.testing.assert_allclose(data.load(tmp_path / "b.png").images[0], expected, atol=2)
    palette.save(
        tmp_path / "c.png", icc_profile=swapped(), transparency=int(palette.getpixel((0, 0)))
    )
    found = data.load(tmp_path / "c.png").images[0]
    is_seen = np.asarray(palette) != palette.getpixel((0, 0))
    np.testing.assert_allclose(found[is_seen], expected[is_seen], atol=2)
    assert (found[~is_seen] == 255).all()
    grey = np.stack([COLOURS[..., 0], alpha[..., 0]], axis=2)
    Image.fromarray(grey).save(tmp_path / "d.png", icc_profile=linear_grey())
    found = data.load(tmp_path / "d.png").images[0, ..., 0]
    assert (found[:6] == 255).all()
    np.testing.assert_array_equal(
        found[6:], np.array(profiles._grey_table(linear_grey()))[COLOURS[6:, :, 0]]
    )


def test_it_comes_before_the_size(tmp_path):
    """A mean over dark and light differs by what the numbers mean: it is taken of sRGB's."""
    stripes = np.zeros((8, 8), np.uint8)
    stripes[:, ::2] = 128
    Image.fromarray(stripes).save(tmp_path / "a.png", icc_profile=linear_grey())
    whole = data.load(tmp_path / "a.png").images
    small = data.load(tmp_path / "a.png", size=1).images
    assert small.item() == pytest.approx(whole.mean(), abs=12)
    assert small.item() < 128  # half of 188; were the mean taken of light, it would be 137


@pytest.mark.parametrize(
    "profile", [SRGB, b"no profile", SRGB[:200], b"\0" * 500, linear_grey(), inks()]
)
def test_what_changes_nothing(tmp_path, profile):
    Image.fromarray(COLOURS).save(tmp_path / "a.png", icc_profile=profile)
    np.testing.assert_array_equal(data.load(tmp_path).images[0], COLOURS)


def test_damage_anywhere_in_a_profile_leaves_a_picture():
    rng = np.random.default_rng(3)
    n_ignored = 0
    for i in range(200):
        whole, mode = [(display_p3(), "RGB"), (inks(), "CMYK"), (linear_grey(), "LA")][i % 3]
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 600), 3):
            damaged[place] = rng.integers(256)
        picture = Image.fromarray(COLOURS).convert(mode)
        picture.info["icc_profile"] = bytes(
            damaged[: rng.integers(len(damaged))] if i % 5 == 0 else damaged
        )
        found = profiles.to_srgb(picture)
        n_ignored += found is picture
        assert found.size == picture.size
    assert 20 < n_ignored < 180


@pytest.mark.filterwarnings("ignore:.*16-bit numbers")
@pytest.mark.parametrize("mode", ["1", "I;16", "L", "LA", "CMYK"])
def test_a_profile_of_other_channels_is_ignored(tmp_path, mode):
    picture = Image.fromarray(COLOURS).convert("L").convert(mode)
    picture.save(tmp_path / "a.tiff")
    expected = data.load(tmp_path / "a.tiff").images
    picture.save(tmp_path / "a.tiff", icc_profile=swapped())
    np.testing.assert_array_equal(data.load(tmp_path / "a.tiff").images, expected)


def test_threads_share_a_transform():
    rng = np.random.default_rng(2)
    known = [display_p3(), swapped(), SRGB]
    pictures = [Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)) for _ in range(60)]
    for i, picture in enumerate(pictures):
        picture.info["icc_profile"] = known[i % 3]
    alone = [np.asarray(profiles.to_srgb(picture)) for picture in pictures]
    profiles._transform.cache_clear()
    barrier = threading.Barrier(8)

    def convert(pictures):
        barrier.wait()
        return [np.asarray(profiles.to_srgb(picture)) for picture in pictures]

    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(convert, [pictures] * 8):
            np.testing.assert_array_equal(found, alone)


def test_each_profile_is_read_once(tmp_path):
    profiles._transform.cache_clear()
    for i in range(5):
        Image.fromarray(COLOURS).save(tmp_path / f"{i}.png", icc_profile=display_p3())
    data.load(tmp_path / "0.png")
    known = profiles._transform.cache_info().currsize
    data.load(tmp_path)
    assert profiles._transform.cache_info().currsize == known == 1
