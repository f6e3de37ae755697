"""Cheap checks of pictures: by hand, against SciPy's Laplacian, and what is flagged in a set."""

from types import ModuleType

import numpy as np
import pytest
import scipy.ndimage

from scratchclust import rows
from scratchclust.curation import blocks
from scratchclust.curation import sharpness as fast
from scratchclust.curation.quality import FAR, Quality, distance_from_usual, quality
from scratchclust.reference import sharpness as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)


def noise(n: int, size: tuple[int, int] = (12, 9), channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *size, channels), dtype=np.uint8)


def photographs(n: int, seed: int = 0) -> np.ndarray:
    """Smooth fields of colour with some edges, from dim to light."""
    rng = np.random.default_rng(seed)
    fields = scipy.ndimage.gaussian_filter(rng.normal(size=(n, 32, 32, 3)), (0, 2, 2, 0))
    fields = fields / fields.std(axis=(1, 2, 3), keepdims=True) * 40
    edges = 60 * (scipy.ndimage.gaussian_filter(rng.normal(size=(n, 32, 32, 1)), (0, 3, 3, 0)) > 0)
    return np.clip(fields + edges + rng.uniform(60, 140, (n, 1, 1, 1)), 0, 255).astype(np.uint8)


@each_twin
def test_by_hand(twin: ModuleType) -> None:
    """One white pixel of nine: L is -4 there, 1 at the four beside it, 0 at the corners."""
    image = np.zeros((1, 3, 3, 1), np.uint8)
    image[0, 1, 1] = 255
    of_edges = (16 + 4) / 9  # the mean of L is 0
    assert twin.sharpness(image)[0] == pytest.approx(of_edges / (1 / 9 - 1 / 81), rel=1e-5)


@each_twin
@pytest.mark.parametrize("channels", [1, 3])
def test_equal_to_scipy(twin: ModuleType, channels: int) -> None:
    images = noise(7, channels=channels)
    grey = images[..., 0] / 255 if channels == 1 else images / 255 @ [0.299, 0.587, 0.114]
    peer = [scipy.ndimage.laplace(y).var() / y.var() for y in grey]
    np.testing.assert_allclose(twin.sharpness(images), peer, rtol=1e-4)


@each_twin
def test_contrast_and_brightness_change_nothing_and_blurring_does(twin: ModuleType) -> None:
    image = photographs(1)
    dim = (40 + image * 0.5).astype(np.uint8)
    soft = scipy.ndimage.gaussian_filter(image, (0, 1, 1, 0))
    sharp = twin.sharpness(np.concatenate([image, dim, soft]))
    assert sharp[1] == pytest.approx(sharp[0], rel=0.1)
    assert sharp[2] < sharp[0] / 3


@each_twin
def test_a_flat_picture_has_no_edges(twin: ModuleType) -> None:
    flat = np.full((2, 8, 8, 3), 200, np.uint8)
    flat[1, ::2, ::2] += 1  # as good as flat
    sharp = twin.sharpness(flat)
    assert sharp[0] == pytest.approx(0, abs=1e-6)
    assert sharp[1] < 2


@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_blocks_calls_and_devices_change_nothing(
    n_devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise(53)
    whole = fast.measure(images)
    monkeypatch.setattr(blocks, "PIXELS_PER_CALL", 1)
    with rows.on(rows.all_devices()[:n_devices]):
        parts = fast.measure(images)
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    grey = images / 255 @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(whole.brightness, grey.mean(axis=(1, 2)), rtol=1e-5)


def test_a_memory_mapped_set_is_read_in_parts(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = noise(5000)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    monkeypatch.setattr(blocks, "PIXELS_PER_CALL", 2**14)
    seen = []
    split = rows.split
    monkeypatch.setattr(rows, "split", lambda X, **more: seen.append(X.size) or split(X, **more))
    np.testing.assert_array_equal(fast.measure(mapped)[0], fast.measure(images)[0])
    assert max(seen) < images.size


def test_numbers_lie_within_their_ranges() -> None:
    images = noise(20)
    images[0] = 0
    images[1] = 255
    found = quality(images)
    for values in (found.blur, found.brightness):
        assert values.dtype == np.float32
        assert ((values >= 0) & (values <= 1)).all()
    assert (found.brightness[:2] == [0, 1]).all()
    assert (found.blur[:2] == 1).all()
    assert (found.width == 9).all()
    assert (found.height == 12).all()


def test_the_few_that_are_blurred_dark_or_bright_are_flagged_and_no_others() -> None:
    images = photographs(60)
    images[3] = scipy.ndimage.gaussian_filter(images[3], (3, 3, 0))
    images[7] = images[7] // 20
    images[9] = 255 - images[9] // 20
    found = quality(images)
    assert np.flatnonzero(found.is_blurred).tolist() == [3]
    assert np.flatnonzero(found.is_dark).tolist() == [7]
    assert np.flatnonzero(found.is_bright).tolist() == [9]
    assert not found.is_odd_size.any()


@pytest.mark.parametrize("level", [0, 3, 250, 255])
def test_nothing_is_flagged_where_all_are_alike(level: int) -> None:
    images = np.full((30, 8, 8, 1), level, np.uint8)
    images[::2] += np.uint8(level == 3)
    found = quality(images)
    for flag in ("is_blurred", "is_dark", "is_bright", "is_odd_size"):
        assert not getattr(found, flag).any(), flag


def test_of_few_pictures_none_is_far_from_the_others() -> None:
    images = np.zeros((4, 8, 8, 1), np.uint8)
    images[0] = 255
    sizes = np.array([[10, 10]] * 3 + [[1000, 10]], np.int32)
    found = quality(images, sizes)
    assert not (found.is_bright | found.is_dark | found.is_odd_size).any()


def sized(*sizes: tuple[int, int]) -> Quality:
    return quality(np.zeros((len(sizes), 4, 4, 1), np.uint8), np.array(sizes, np.int32))


def test_sizes_and_proportions_that_most_do_not_have_are_odd() -> None:
    usual = [(480, 640)] * 20 + [(640, 480)] * 3
    found = sized(*usual, (48, 64), (4800, 6400), (100, 3072), (400, 600))
    assert np.flatnonzero(found.is_odd_size).tolist() == [23, 24, 25]
    assert found.height[23:].tolist() == [48, 4800, 100, 400]
    assert found.width[23:].tolist() == [64, 6400, 3072, 600]


@pytest.mark.parametrize("seed", range(20))
def test_order_changes_no_flag(seed: int) -> None:
    rng = np.random.default_rng(seed)
    images = photographs(24, seed)
    images[:3] //= rng.integers(1, 60, (3, 1, 1, 1), dtype=np.uint8)
    sizes = rng.integers(20, 2000, (24, 2)).astype(np.int32)
    order = rng.permutation(24)
    here, there = quality(images, sizes), quality(images[order], sizes[order])
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one[order], other)


def test_the_score_is_that_of_iglewicz_and_hoaglin() -> None:
    """Median 3, deviations 2, 1, 0, 1, 97: their median is 1."""
    found = distance_from_usual(np.array([1.0, 2, 3, 4, 100]), 1.0)
    np.testing.assert_allclose(found, 0.6745 * np.array([-2, -1, 0, 1, 97]), rtol=1e-4)
    assert FAR == 3.5


@pytest.mark.quick(1)
@pytest.mark.real_data
@pytest.mark.parametrize(("name", "most"), [("mnist", 0), ("cifar10", 0.005)])
def test_hardly_a_real_digit_or_photograph_is_flagged(tfds_dir, name: str, most: float) -> None:
    from scratchclust import data

    images = data.load(name, split="test", limit=1000).images
    found = quality(images)
    for flag in (found.is_blurred, found.is_dark, found.is_bright, found.is_odd_size):
        assert flag.mean() <= most
    blurred = images.copy()
    blurred[:50] = scipy.ndimage.gaussian_filter(images[:50], (0, 2, 2, 0))
    found = quality(blurred)
    assert found.is_blurred[:50].mean() > 0.95
    assert found.is_blurred[50:].mean() <= most
