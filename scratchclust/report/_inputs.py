"""What every figure asks of its arguments: checks that say what was expected and what came."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer, UInt8
from matplotlib.font_manager import findfont, fontManager, get_font

from scratchclust.checks import finite, whole
from scratchclust.errors import InputError, escaped

OTHER_SCRIPTS = (
    *(
        "Noto Sans CJK SC",
        "Noto Sans CJK JP",
        "Noto Sans SC",
        "WenQuanYi Micro Hei",
        "PingFang SC",
        "Hiragino Sans",
    ),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Noto Sans Devanagari", "Noto Sans Thai"),
)


def check_points(values: Any, name: str) -> Float[np.ndarray, "n 2"]:
    """Points on a plane, at least one, all finite, as float64."""
    points = np.asarray(values, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or len(points) == 0:
        raise InputError(
            f"expected {name} of shape [n, 2], got {list(points.shape)}: reduce the data to two "
            "columns"
        )
    finite(points, name, "leave those rows out before drawing")
    return points


def check_counts(contingency: Any) -> Integer[np.ndarray, "n_classes n_clusters"]:
    """A contingency table: whole numbers, none negative."""
    counts = np.asarray(contingency)
    if counts.ndim != 2 or 0 in counts.shape:
        raise InputError(
            f"expected contingency of shape [n_classes, n_clusters], got {list(counts.shape)}: "
            "pass contingency_matrix(labels_true, labels_pred)"
        )
    if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0:
        raise InputError(
            f"expected counts in contingency, got {counts.dtype} from {counts.min()}: count images"
        )
    return counts


def check_labels(labels: Any, n_rows: int, rows: str) -> Integer[np.ndarray, " n"]:
    """Cluster labels, one for each of `n_rows` `rows` (a word for the message)."""
    array = np.asarray(labels)
    if array.shape != (n_rows,):
        raise InputError(
            f"expected one label for each of the {n_rows} {rows}, got shape {list(array.shape)}: "
            "pass labels and data of the same rows"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"expected whole numbers as labels, got {array.dtype}: number the clusters 0, 1, ... "
            "(noise -1)"
        )
    return array


def check_names(names: Sequence[Any] | Any, n_expected: int, name: str, things: str) -> list[str]:
    """Names for `n_expected` `things` (a word for the message), as strings."""
    if len(names) != n_expected:
        raise InputError(
            f"expected {n_expected} {name}, one for each of the {things}, got {len(names)}: pass "
            "as many"
        )
    return [str(one) for one in names]


def as_drawn(name: str) -> str:
    """A name from somebody's folders: one line of at most 28 letters, and no formula.

    A letter that no font here has is written as in Python: boxes would make all such names alike.
    """
    line = "".join(
        letter if _has_glyph(letter) else ascii(letter)[1:-1] for letter in escaped(name)
    )
    return no_formula(line if len(line) <= 28 else f"{line[:14]}…{line[-13:]}")


@functools.cache
def font_families() -> list[str]:
    """DejaVu Sans, which comes with matplotlib, then fonts for other scripts that are installed."""
    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in OTHER_SCRIPTS if name in installed)]


@functools.cache
def _has_glyph(letter: str) -> bool:
    return any(get_font(findfont(family)).get_char_index(ord(letter)) for family in font_families())


def no_formula(text: str) -> str:
    """The text as it is: matplotlib reads what stands between two dollar signs as a formula."""
    return text.replace("$", r"\$")


def check_images(
    images: Any, name: str = "images"
) -> UInt8[np.ndarray, "n h w 3"] | Float[np.ndarray, "n h w 3"]:
    """Images [n, h, w, 1 or 3], uint8 or float, as three channels; grey repeated without a copy."""
    array = np.asarray(images)
    if array.ndim != 4 or 0 in array.shape or array.shape[3] not in (1, 3):
        raise InputError(
            f"expected {name} of shape [n, h, w, c] with 1 or 3 channels, got {list(array.shape)}: "
            "grey images need a last axis of 1"
        )
    if array.dtype != np.uint8 and not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"expected {name} as uint8 in [0, 255] or float in [0, 1], got {array.dtype}: convert "
            "them first"
        )
    return np.broadcast_to(array, (*array.shape[:3], 3))


def to_bytes(images: np.ndarray) -> UInt8[np.ndarray, "..."]:
    """Pixels as uint8: floats clipped to [0, 1], rounded to 256 steps; NaN is black."""
    if images.dtype == np.uint8:
        return images
    return np.rint(255 * np.clip(np.nan_to_num(images, nan=0.0), 0, 1)).astype(np.uint8)


def check_curve(values: Any, name: str, length: int | None = None) -> Float[np.ndarray, " m"]:
    """Numbers as float64, None as NaN (a gap in the line); of a given length where one is given."""
    try:
        # NumPy turns None into NaN when it is told the dtype.
        curve = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"expected numbers as {name}, got {values!r:.60}: pass one for each point of the line"
        ) from None
    if curve.ndim != 1 or len(curve) == 0 or (length is not None and len(curve) != length):
        expected = f"{length} numbers" if length is not None else "at least one number"
        raise InputError(
            f"expected {expected} as {name}, got shape {list(curve.shape)}: pass a flat list as "
            "long as that"
        )
    return curve


def check_sample_size(n_images: int) -> int:
    """How many images to draw: at least one."""
    return whole(1)("n_images", n_images, "say how many images to draw")
