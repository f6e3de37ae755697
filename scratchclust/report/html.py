"""The page of a run: one HTML file with all that it shows, which asks nobody for anything.

Every text on it may come from outside: names of files and of labels, paths, command lines. Jinja2
escapes them in the markup; the explorer's data are JSON in an element that no browser runs, with
what could end that element escaped. A Content-Security-Policy forbids every request, and every
script and style but the two of this package, by their SHA-256.

The dots of the map are drawn by 90 lines of WebGL in dots.js, or on a plain canvas. A library for
that (regl-scatterplot) stands on regl, which compiles programs from strings: the policy would have
to allow 'unsafe-eval'.
"""

import base64
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

BUDGET = 15_000_000  # bytes of the page
_LEAST_FOR_FIGURES = 1_000_000
_FOLDER = Path(__file__).parent / "page"
# the page's program, in this order
_SCRIPTS = ("data.js", "pictures.js", "map.js", "dots.js", "tiles.js", "events.js")
_NARROWEST = 400  # pixels; a figure is not shrunk below


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number, what it means, and how far to trust it."""

    name: str
    value: str
    share: float | None  # per cent of a bar; None: no bar
    meaning: str
    trust: str


class Table(NamedTuple):
    """Rows of text under a head; `marked` is the row to look at."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    marked: int = 0
    text: str = ""


class Facts(NamedTuple):
    """Names and values."""

    title: str
    rows: Sequence[tuple[str, str]]


class Row(NamedTuple):
    """Images of a cluster, by their numbers."""

    title: str
    images: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A contact sheet."""

    name: str
    group: int  # its number in the first colouring of the explorer
    color: str
    size: str
    about: str
    rows: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Near-duplicates, the best first."""

    images: Sequence[int]
    best: str  # its name
    reason: str
    more: str  # how many are not shown


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file that is not among the images."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A PNG, and what it shows."""

    caption: str
    alt: str
    png: bytes
    of_variant: str = ""  # "": of the first, or of all


@dataclass(frozen=True, kw_only=True)
class Page:
    """All that the page says; text is text, never markup."""

    title: str
    kind: str
    sentence: str
    about: Sequence[str]
    warnings: Sequence[str]
    of_scores: str
    scores: Sequence[Score]
    comparison: Table | None
    suggestion: Table | None
    of_map: str
    of_clusters: str
    clusters: Sequence[Cluster]
    more_clusters: str
    of_duplicates: str
    duplicates: Sequence[Duplicates]
    of_outliers: str
    outliers: Sequence[int]
    of_left_out: str
    left_out: Sequence[LeftOut]
    notes: Sequence[str]
    figures: Sequence[Figure]
    of_making: str
    command: str
    tables: Sequence[Facts]
    parameters: str
    version: str


class Group(NamedTuple):
    """Images that share a colour."""

    name: str
    short: str  # on the map
    color: int  # a number in the palette; -1: grey
    n: int


class Colouring(NamedTuple):
    """One way to colour the map."""

    name: str
    groups: Sequence[Group]
    of: np.ndarray  # [n], each image's group
    is_label: bool = False


@dataclass(frozen=True, kw_only=True)
class Explorer:
    """What the map is made of."""

    names: Sequence[str] | None  # of the images; None: their numbers
    x: np.ndarray  # [n], NaN where there is no place
    y: np.ndarray
    distance: np.ndarray
    confidence: np.ndarray
    colourings: Sequence[Colouring]  # the first by cluster
    palette: Sequence[str]
    noise_color: str
    thumbnails: "SmallPictures | None"
    larger: "SmallPictures | None" = None  # of some images, for the contact sheets
    larger_of: Sequence[int] = ()  # the images of `larger`


class SmallPictures(NamedTuple):
    """Sheets of them, as `runs.thumbnails` makes them."""

    layout: Mapping[str, Any]  # n, height, width, columns, rows, media_type
    sheets: Sequence[bytes]

    def to_json(self) -> dict[str, Any]:
        """The layout, and where each sheet ends among the bytes of all."""
        return {**self.layout, "sizes": [len(sheet) for sheet in self.sheets]}


def render(page: Page, explorer: Explorer, *, budget: int = BUDGET) -> str:
    """Give the page's text.

    Args:
        page: what it says.
        explorer: the map and its small pictures.
        budget: bytes; figures are brought to what the rest leaves of it, with fewer colours first,
            then smaller. The page tells. What is not a figure is never left out.
    """
    style = _read("page.css")
    script = _script()
    all_sheets = [
        sheet for one in (explorer.thumbnails, explorer.larger) if one for sheet in one.sheets
    ]
    sprites = base64.b64encode(b"".join(all_sheets)).decode()
    data = _in_script(_data_of(explorer))
    taken = sum(map(len, (style, script, sprites, data.encode()))) + 100_000
    figures = _fitting(page.figures, max(budget - taken, _LEAST_FOR_FIGURES))
    shown = {one.name: getattr(page, one.name) for one in fields(page)}
    shown |= {"figures": figures, "of_figures": _of_figures(page.figures, figures)}
    return _template().render(
        page=shown,
        parts=_parts(page),
        policy=_policy(script, style),
        style=Markup(style),
        script=Markup(script),
        data=Markup(data),
        sprites=Markup(sprites),
    )


def _parts(page: Page) -> list[tuple[str, str]]:
    parts = {
        "scores": ("Scores", True),
        "explore": ("Map", True),
        "clusters": ("Clusters", True),
        "duplicates": ("Near-duplicates", page.duplicates),
        "outliers": ("Outliers", page.outliers),
        "input": ("Left out", page.left_out or page.notes),
        "figures": ("Figures", page.figures),
        "made": ("How it was made", True),
    }
    return [(name, title) for name, (title, is_there) in parts.items() if is_there]


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html.jinja")


@functools.cache
def _read(name: str) -> str:
    # with \n alone: browsers hash what they have after bringing line ends to that
    return (_FOLDER / name).read_text(encoding="utf-8").replace("\r\n", "\n")


@functools.cache
def _script() -> str:
    """The page's program: its parts share one scope, which nobody else sees."""
    parts = "\n".join(_read(name) for name in _SCRIPTS)
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


def _policy(script: str, style: str) -> str:
    """What the browser may do: run this script, use this style, show pictures that are in here."""
    hashes = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (script, style)
    ]
    return (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


# --- the explorer's data


def _data_of(explorer: Explorer) -> dict[str, Any]:
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


def _in_script(value: Any) -> str:
    r"""JSON that can stand in a script element: nothing in it ends the element or opens a comment.

    Lone surrogates, bytes of names that are no UTF-8, become \udcxx, which JSON knows.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode("utf-8", "backslashreplace").decode()


# --- figures


def _fitting(figures: Sequence[Figure], budget: int) -> list[dict[str, Any]]:
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


def _of_figures(figures: Sequence[Figure], shown: Sequence[Mapping[str, Any]]) -> str:
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
