"""The figures of a page, brought to what it may weigh."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from scratchclust.report.html import Figure

_NARROWEST = 400  # pixels; a figure is not shrunk below


def fitting(figures: "Sequence[Figure]", budget: int) -> list[dict[str, Any]]:
    """The figures as the page shows them, together within so many bytes of base64."""
    pngs = [figure.png for figure in figures]
    if sum(map(_length, pngs)) > budget:
        pngs = [_with_fewer_colors(png) for png in pngs]
    while sum(map(_length, pngs)) > budget:
        largest = max(range(len(pngs)), key=lambda at: len(pngs[at]))
        smaller = _half(pngs[largest])
        if len(smaller) >= len(pngs[largest]):
            break
        pngs[largest] = smaller
    shown = []
    for figure, png in zip(figures, pngs, strict=True):
        width, height = Image.open(BytesIO(png)).size
        shown.append(
            {
                "caption": figure.caption,
                "alt": figure.alt,
                "of_variant": figure.of_variant,
                "width": width,
                "height": height,
                "base64": base64.b64encode(png).decode(),
                "is_smaller": png is not figure.png,
            }
        )
    return shown


def of_figures(figures: "Sequence[Figure]", shown: Sequence[Mapping[str, Any]]) -> str:
    """Say where the figures lie, and how many are shown as less than they are."""
    smaller = sum(one["is_smaller"] for one in shown)
    text = "The files lie in the run’s folder, in figures/."
    if smaller:
        text += (
            f" {smaller} of {len(figures)} are shown with fewer colours, some smaller, to keep "
            "this page small."
        )
    return text


def _length(png: bytes) -> int:
    return 4 * len(png) // 3 + 4


def _with_fewer_colors(png: bytes) -> bytes:
    picture = Image.open(BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    smaller = _png(picture)
    return smaller if len(smaller) < len(png) else png


def _half(png: bytes) -> bytes:
    picture = Image.open(BytesIO(png)).convert("RGB")
    if picture.width <= _NARROWEST:
        return png
    size = (picture.width // 2, max(1, picture.height // 2))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    return _png(small.quantize(128, dither=Image.Dither.NONE))


def _png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "png", optimize=True)
    return file.getvalue()
