"""Small pictures in sheets: where each lies, what they weigh, what is refused."""

import json
import shutil
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scratchclust.errors import InputError
from scratchclust.runs.thumbnails import BUDGET, Thumbnails, read_thumbnails, write_thumbnails


def made(folder: Path, images: np.ndarray, **more: Any) -> Thumbnails:
    write_thumbnails(folder, images, **more)
    found = read_thumbnails(folder)
    assert found is not None
    return found


def cell_of(found: Thumbnails, image: int) -> np.ndarray:
    sheet, row, column = found.place(image)
    pixels = np.asarray(Image.open(BytesIO(found.sheets[sheet])).convert("RGB"), int)
    top = row * found.height
    left = column * found.width
    return pixels[top : top + found.height, left : left + found.width]


def test_each_image_lies_where_it_is_said_to(tmp_path: Path) -> None:
    n = 700  # three sheets of 16 x 16 cells
    colors = np.random.default_rng(0).integers(0, 256, (n, 1, 1, 3)).astype(np.uint8)
    images = np.broadcast_to(colors, (n, 64, 64, 3)).copy()
    found = made(tmp_path, images)
    assert (found.height, found.width, len(found.sheets)) == (64, 64, 3)
    for image in (0, 1, 15, 16, 255, 256, 511, 512, 699):
        middle = cell_of(found, image)[16:48, 16:48].mean((0, 1))
        np.testing.assert_allclose(middle, colors[image, 0, 0], atol=8)


@pytest.mark.parametrize("channels", [1, 2])
def test_grey_stays_grey(tmp_path: Path, channels: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28, channels)).astype(np.uint8)
    pixels = cell_of(made(tmp_path, images), 7)
    assert np.ptp(pixels, axis=-1).max() <= 1  # WebP rounds each channel


def test_nothing_is_enlarged_and_proportions_stay(tmp_path: Path) -> None:
    small = made(tmp_path, np.zeros((3, 8, 8, 1), np.uint8))
    assert (small.height, small.width) == (8, 8)
    wide = made(tmp_path, np.zeros((3, 100, 200, 4), np.uint8))
    assert (wide.height, wide.width) == (32, 64)


def test_many_images_keep_to_the_budget(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3000, 24, 24, 1)).astype(np.uint8)
    budget = 100_000
    found = made(tmp_path, images, budget=budget)
    assert sum(map(len, found.sheets)) <= budget < BUDGET
    assert found.n == 3000
    assert found.height < 24


def test_the_same_images_give_the_same_bytes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 16, 16, 3)).astype(np.uint8)
    assert made(tmp_path / "a", images) == made(tmp_path / "b", images)


def test_none_where_there_are_none(tmp_path: Path) -> None:
    assert read_thumbnails(tmp_path) is None


@pytest.mark.parametrize(
    "change",
    [
        {"columns": 0},
        {"n": 5000},
        {"media_type": "text/html"},
        {"sheets": ["../0000.webp"], "n": 1},
        {"sheets": [7]},
        {"height": "8"},
    ],
)
def test_a_damaged_index_is_refused(tmp_path: Path, change: dict) -> None:
    write_thumbnails(tmp_path, np.zeros((3, 8, 8, 1), np.uint8))
    path = tmp_path / "thumbnails" / "thumbnails.json"
    (tmp_path / "thumbnails" / "0000.webp").rename(tmp_path / "0000.webp")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match="thumbnails is damaged"):
        read_thumbnails(tmp_path)


@pytest.mark.parametrize("place", [0, 40, -1])
def test_a_flipped_bit_of_a_sheet_is_refused(tmp_path: Path, place: int) -> None:
    rng = np.random.default_rng(0)
    write_thumbnails(tmp_path, rng.integers(0, 256, (3, 8, 8, 1), np.uint8))
    path = tmp_path / "thumbnails" / "0000.webp"
    sheet = bytearray(path.read_bytes())
    sheet[place] ^= 4
    path.write_bytes(sheet)
    with pytest.raises(InputError, match="thumbnails is damaged"):
        read_thumbnails(tmp_path)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    write_thumbnails(tmp_path, np.zeros((3, 8, 8, 1), np.uint8))
    path = tmp_path / "thumbnails" / "thumbnails.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 3}))
    with pytest.raises(InputError, match="has schema 3"):
        read_thumbnails(tmp_path)


@pytest.fixture(scope="module")
def coloured() -> np.ndarray:
    """Noise, each picture about a colour of its own."""
    images = np.random.default_rng(0).integers(0, 256, (300, 64, 64, 3), dtype=np.uint8)
    return images.mean(axis=(1, 2), keepdims=True).astype(np.uint8) // 2 + images // 2


@pytest.fixture(scope="module")
def with_larger(coloured: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: tiny pictures, and 0, 7 and 299 larger."""
    folder = tmp_path_factory.mktemp("larger")
    write_thumbnails(folder, coloured, larger=[7, 299, 0], budget=60_000)
    return folder


def test_some_images_lie_on_larger_sheets_where_the_others_are_tiny(
    coloured: np.ndarray, with_larger: Path
) -> None:
    images, found = coloured, read_thumbnails(with_larger)
    assert found is not None
    assert found.larger is not None
    larger = found.larger.thumbnails
    assert found.larger.images == [0, 7, 299]
    assert (larger.n, found.n) == (3, 300)
    assert found.height < larger.height <= 64
    assert sum(map(len, [*found.sheets, *larger.sheets])) <= 60_000
    for at, image in enumerate(found.larger.images):
        difference = cell_of(larger, at).mean(axis=(0, 1)) - images[image].mean(axis=(0, 1))
        assert abs(difference).max() < 8


def test_larger_sheets_are_left_out_where_they_would_not_be_larger(tmp_path: Path) -> None:
    images = np.zeros((10, 20, 20, 3), np.uint8)
    assert made(tmp_path, images, larger=[3]).larger is None


def test_larger_images_that_there_are_not_are_refused(tmp_path: Path, with_larger: Path) -> None:
    shutil.copytree(with_larger, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "thumbnails" / "thumbnails.json"
    index = json.loads(path.read_text())
    assert read_thumbnails(tmp_path) is not None
    index["larger"]["images"] = [0, 7, 300]
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match="damaged"):
        read_thumbnails(tmp_path)


def test_thumbnails_without_larger_ones_are_read(tmp_path: Path) -> None:
    write_thumbnails(tmp_path, np.zeros((10, 20, 20, 3), np.uint8))
    path = tmp_path / "thumbnails" / "thumbnails.json"
    index = json.loads(path.read_text())
    del index["larger"]
    path.write_text(json.dumps({**index, "schema": 1}))
    found = read_thumbnails(tmp_path)
    assert found is not None
    assert found.n == 10
