"""The data of a page's map, as JSON that can stand within a page."""

import base64
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scratchclust.report.html import Explorer


def data_of(explorer: "Explorer") -> dict[str, Any]:
    """Give what the page's program reads: arrays in base64, the rest as it is."""
    folders, folder_of, names = _split_names(explorer.names)
    thumbnails = explorer.thumbnails
    larger = explorer.larger
    x, y = _in_unit_square(explorer.x, explorer.y)
    return {
        "n": len(explorer.x),
        "names": names,
        "folders": folders,
        "folder_of": None if folder_of is None else _base64(folder_of, "<i4"),
        "x": _base64(x, "<f4"),
        "y": _base64(y, "<f4"),
        "distance": _base64(explorer.distance, "<f4"),
        "confidence": _base64(explorer.confidence, "<f4"),
        "colourings": [
            {
                "name": one.name,
                "is_label": one.is_label,
                "groups": [group._asdict() for group in one.groups],
                "of": _base64(one.of, "<i4"),
            }
            for one in explorer.colourings
        ],
        "palette": list(explorer.palette),
        "noise_color": explorer.noise_color,
        "thumbnails": thumbnails and thumbnails.to_json(),
        "larger": larger
        and {**larger.to_json(), "images": _base64(np.array(explorer.larger_of), "<i4")},
    }


def _split_names(
    names: Sequence[str] | None,
) -> tuple[list[str] | None, np.ndarray | None, list[str] | None]:
    """The folders, each image's number among them, and its name in there: paths repeat."""
    if names is None:
        return None, None, None
    places: dict[str, int] = {}
    ends = [name.rfind("/") + 1 for name in names]
    folder_of = [
        places.setdefault(name[:end], len(places)) for name, end in zip(names, ends, strict=True)
    ]
    within = [name[end:] for name, end in zip(names, ends, strict=True)]
    return list(places), np.array(folder_of), within


def _in_unit_square(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places within [0, 1], in the middle, with one scale for both axes; others are NaN."""
    there = np.isfinite(x) & np.isfinite(y)
    if not there.any():
        return np.full(len(x), np.nan), np.full(len(y), np.nan)
    low = np.array([x[there].min(), y[there].min()])
    high = np.array([x[there].max(), y[there].max()])
    size = max((high - low).max(), np.finfo(np.float32).tiny)
    middle = (low + high) / 2
    placed = np.where(there, (np.stack([x, y]) - middle[:, None]) / size + 0.5, np.nan)
    return placed[0], placed[1]


def _base64(array: np.ndarray, dtype: str) -> str:
    return base64.b64encode(np.ascontiguousarray(array, dtype=dtype).tobytes()).decode()


def in_script(value: Any) -> str:
    r"""JSON that can stand in a script element: nothing in it ends the element or opens a comment.

    Lone surrogates, bytes of names that are no UTF-8, become \udcxx, which JSON knows.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode("utf-8", "backslashreplace").decode()
