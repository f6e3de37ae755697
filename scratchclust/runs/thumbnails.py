"""Small pictures of a run's images, as sheets of many: thumbnails/, for its page.

A sheet is one picture with `rows` x `columns` cells. Image i lies on sheet
i // (rows * columns), in row (i // columns) % rows, in column i % columns. One file for many saves
the head that each of them would have, and a browser decodes it at once.

Where the images are so many that these are tiny, those that the page shows one by one (on contact
sheets, among duplicates and outliers) lie on sheets of their own once more, larger.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, features

from scratchclust.errors import InputError, writing
from scratchclust.files import whole_folder, write_json

THUMBNAILS = "thumbnails"
SCHEMA = 2
_READ = (1, SCHEMA)  # 1 had no larger ones
BUDGET = 5_500_000  # bytes of all sheets; base64 makes 7.3 million letters of them
_LARGER_SHARE = 0.2  # of the budget, where there are larger ones
_INDEX = "thumbnails.json"
_SHEET_SIDE = 1024  # pixels at most: 4 MB once decoded
_SAMPLE = 512  # images by which the bytes of all are estimated
# The longer side in pixels, and the quality: the first that keeps to the budget is taken. Quality
# goes before pixels: blur is less of a nuisance than blocks.
_CHOICES = (
    *((64, 80), (64, 60), (56, 55), (48, 50), (40, 45), (32, 45), (28, 45), (28, 30), (24, 30)),
    *((20, 30), (16, 30), (16, 15), (12, 15), (8, 10)),
)


@dataclass(frozen=True, kw_only=True)
class Thumbnails:
    """Sheets of small pictures."""

    n: int
    height: int  # of a cell, pixels
    width: int
    columns: int
    rows: int
    media_type: str  # "image/webp"
    sheets: Sequence[bytes]
    larger: "Larger | None" = None

    def place(self, image: int) -> tuple[int, int, int]:
        """Find an image: its sheet, row and column."""
        sheet, cell = divmod(image, self.rows * self.columns)
        return (sheet, *divmod(cell, self.columns))


@dataclass(frozen=True, kw_only=True)
class Larger:
    """Some of the images once more: the i-th of `images` is the i-th on these sheets."""

    images: Sequence[int]
    thumbnails: Thumbnails


class _Look(NamedTuple):
    height: int
    width: int
    quality: int

    def cells(self) -> tuple[int, int]:
        """Rows and columns of a sheet."""
        return max(1, _SHEET_SIDE // self.height), max(1, _SHEET_SIDE // self.width)


def write_thumbnails(
    folder: Path,
    images: UInt8[np.ndarray, "n h w c"],
    *,
    larger: Collection[int] = (),
    budget: int = BUDGET,
) -> None:
    """Write thumbnails/ of a run's folder as a whole: sheets in WebP (JPEG where Pillow has none).

    Args:
        folder: the run's.
        images: in the order of assignments.csv; one channel stays grey, of more than three the
            first three are taken. They are read a sheet at a time.
        larger: the numbers of images that are to be had larger, where the others are small.
        budget: bytes of all sheets together: it decides their size and quality. The smallest look
            is taken where none keeps to it.
    """
    of_all = _sheets_within(budget, images)
    sheet_sets = {"": of_all}
    best = _looks(images.shape[1], images.shape[2])[0]
    chosen = np.unique(np.array(list(larger), int))
    if len(chosen) and of_all.look.height < best.height:
        of_some = _sheets_within(budget * _LARGER_SHARE, images[chosen])
        if of_some.look.height > of_all.look.height:  # else there are too many of them
            sheet_sets[""] = _sheets_within(budget * (1 - _LARGER_SHARE), images)
            sheet_sets["larger-"] = of_some
    written = {prefix: one.written_as(prefix) for prefix, one in sheet_sets.items()}
    index = {"schema": SCHEMA, **written[""], "larger": None}
    if "larger-" in written:
        index["larger"] = {"images": chosen.tolist(), **written["larger-"]}
    with whole_folder(folder / THUMBNAILS) as draft:
        for prefix, one in sheet_sets.items():
            for name, sheet in zip(written[prefix]["sheets"], one.sheets, strict=True):
                with writing(draft / name):
                    (draft / name).write_bytes(sheet)
        write_json(draft / _INDEX, index)


class _Sheets(NamedTuple):
    """The sheets of n images."""

    n: int
    look: _Look
    kind: str
    sheets: list[bytes]

    def written_as(self, prefix: str) -> dict[str, Any]:
        """What the index says of them: how the images lie on them, and what they are called."""
        rows, columns = self.look.cells()
        return {
            "n": self.n,
            "height": self.look.height,
            "width": self.look.width,
            "columns": columns,
            "rows": rows,
            "media_type": f"image/{self.kind}",
            "sheets": [f"{prefix}{i:04}.{self.kind}" for i in range(len(self.sheets))],
            "sha256": [hashlib.sha256(sheet).hexdigest() for sheet in self.sheets],
        }


def _sheets_within(budget: int | float, images: UInt8[np.ndarray, "n h w c"]) -> _Sheets:
    """The sheets of the best look that keeps to so many bytes; of the smallest where none does."""
    kind = "webp" if features.check("webp") else "jpeg"
    choices = _looks(images.shape[1], images.shape[2])
    fitting = [look for look in choices if _estimate(images, look, kind) <= budget]
    for look in fitting or choices[-1:]:
        sheets = [_encode(sheet, look.quality, kind) for sheet in _sheets(images, look)]
        if sum(map(len, sheets)) <= budget:
            break
    return _Sheets(len(images), look, kind, sheets)


def read_thumbnails(folder: Path) -> Thumbnails | None:
    """Read thumbnails/ of a run's folder; None where there is none.

    Raises:
        InputError: it is damaged, or of a newer schema.
    """
    path = folder / THUMBNAILS / _INDEX
    if not path.is_file():
        return None
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        schema = index.pop("schema")
        if schema in _READ:
            larger = index.pop("larger", None)
            return _read(path.parent, index, larger and _read_larger(path.parent, larger, index))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path.parent} is damaged: run the recipe again with overwrite="
        ) from error
    raise InputError(
        f"{path} has schema {schema!r}, this version of scratchclust reads up to {SCHEMA}: use the "
        "version that made it, or run again"
    )


def _read(folder: Path, index: dict[str, Any], larger: Larger | None = None) -> Thumbnails:
    names = [Path(name).name for name in index.pop("sheets")]  # none from elsewhere
    sheets = [(folder / name).read_bytes() for name in names]
    if index.pop("sha256") != [hashlib.sha256(sheet).hexdigest() for sheet in sheets]:
        raise ValueError("a sheet was changed")
    found = Thumbnails(**index, sheets=sheets, larger=larger)
    _check(found)
    return found


def _read_larger(folder: Path, index: dict[str, Any], of_all: dict[str, Any]) -> Larger:
    images = index.pop("images")
    if index["n"] != len(images) or not all(0 <= image < of_all["n"] for image in images):
        raise ValueError("images that there are not")
    return Larger(images=images, thumbnails=_read(folder, index))


def _check(found: Thumbnails) -> None:
    sides = (found.n, found.height, found.width, found.columns, found.rows)
    if not all(isinstance(side, int) and side > 0 for side in sides):
        raise ValueError(f"numbers {sides}")
    if found.media_type not in ("image/webp", "image/jpeg"):
        raise ValueError(f"media type {found.media_type!r}")
    if len(found.sheets) != -(-found.n // (found.rows * found.columns)):
        raise ValueError(f"{len(found.sheets)} sheets for {found.n} images")
    for sheet in found.sheets:
        Image.open(BytesIO(sheet)).verify()


def _looks(height: int, width: int) -> list[_Look]:
    """What may be taken, the best first: nothing is enlarged."""
    looks = []
    for side, quality in _CHOICES:
        scale = min(1.0, side / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        looks.append(_Look(*size, quality))
    return list(dict.fromkeys(looks))


def _estimate(images: UInt8[np.ndarray, "n h w c"], look: _Look, kind: str) -> float:
    """Bytes of all sheets, by images spread evenly."""
    chosen = np.unique(np.linspace(0, len(images) - 1, min(_SAMPLE, len(images))).astype(int))
    sample = sum(len(_encode(sheet, look.quality, kind)) for sheet in _sheets(images[chosen], look))
    return sample * len(images) / len(chosen)


def _sheets(images: UInt8[np.ndarray, "n h w c"], look: _Look) -> Iterator[Image.Image]:
    rows, columns = look.cells()
    for start in range(0, len(images), rows * columns):
        some = np.asarray(images[start : start + rows * columns])
        mode = "RGB" if some.shape[-1] >= 3 else "L"
        # the last sheet ends with its last row of cells
        sheet = Image.new(mode, (columns * look.width, -(-len(some) // columns) * look.height))
        for cell, image in enumerate(some):
            row, column = divmod(cell, columns)
            picture = Image.fromarray(image[..., :3] if mode == "RGB" else image[..., 0])
            if picture.size != (look.width, look.height):
                picture = picture.resize((look.width, look.height), Image.Resampling.LANCZOS)
            sheet.paste(picture, (column * look.width, row * look.height))
        yield sheet


def _encode(sheet: Image.Image, quality: int, kind: str) -> bytes:
    file = BytesIO()
    more = {"method": 4} if kind == "webp" else {"optimize": True}
    sheet.save(file, kind, quality=quality, **more)
    return file.getvalue()
