"""Make tutorials/README.md, its small pictures and the list in README.md: `python -m tutorials.tools.overview`.

Title, minutes and what to read before come from a page's first cell, the picture is the first of its notebook. A test
compares what stands there with what this makes.
"""

import base64
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tutorials.tools import pages

README = pages.FOLDER / "README.md"
FRONT = pages.FOLDER.parent / "README.md"
LIST = re.compile(r"(<!-- made by `python -m tutorials\.tools\.overview` -->\n).*?(<!-- end -->)", re.S)
SMALL = pages.FOLDER / "images"
MOST_BYTES = 15_000
ATTEMPTS = ((300, 64), (300, 32), (260, 32), (240, 24), (200, 16), (160, 16))  # width, colours
HEAD = """\
# The course

<!-- made by `python -m tutorials.tools.overview` -->

Image clustering from the first distance on: each algorithm by hand, then fast, then put to the test. Each page has one
idea, three questions to answer before you run the cell below them, one thing that goes wrong for you to find, and an
exercise with its solution. A folded cell behind an output checks what is said of it. A page can be read here as it is
(the `.ipynb`); its pictures and figures are what it gave.

To run one:

    pip install -e ".[notebooks]" jupyterlab
    jupyter lab tutorials/01_kmeans.ipynb

To read all of it as a site, with search, the twins side by side and the API:

    pip install -e ".[docs]"
    sphinx-build -b html tutorials build/site && python -m http.server --directory build/site

What a letter means stands in the list of [symbols](site/symbols.md), what a word means in that of
[words](site/glossary.md).

"""


class Picture(NamedTuple):
    """A picture of a notebook and its words."""

    png: bytes
    words: str


def main() -> int:
    """Write the pictures and the page."""
    SMALL.mkdir(exist_ok=True)
    for page in pages.all_pages():
        picture = first_picture(page.name)
        target = small_path(page.name)
        if picture and digest_of(target) != digest(picture):
            target.write_bytes(small(picture))
            print(f"{target.relative_to(pages.FOLDER)}: {target.stat().st_size:,} bytes")
    for old in set(SMALL.glob("[0-9][0-9]*_*.png")) - {small_path(page.name) for page in pages.all_pages()}:
        old.unlink()
    README.write_text(text(), encoding="utf-8")
    FRONT.write_text(with_list(FRONT.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


def text() -> str:
    """What tutorials/README.md holds."""
    return HEAD + "\n".join([*ways(site="site/", benchmarks="../benchmarks/README.md"), *table()]) + "\n"


def with_list(front: str) -> str:
    """README.md with the list of the pages."""
    items = [f"- [{page.number} {page.title}](tutorials/{page.name}.ipynb)" for page in pages.all_pages()]
    return LIST.sub(lambda found: f"{found[1]}\n" + "\n".join(items) + f"\n\n{found[2]}", front)


def ways(*, site: str, benchmarks: str) -> Iterator[str]:
    """The three paths."""
    yield "## Three ways through it\n"
    for way in pages.WAYS:
        yield f"- {pages.way_in_markdown(way, pages.all_pages(), site=site, benchmarks=benchmarks)}"
    yield ""


def table() -> Iterator[str]:
    """The pages with picture, minutes and what to know."""
    yield "## The pages\n"
    yield "| | page | minutes | before it | runs in |"
    yield "|---|---|---|---|---|"
    for page in pages.all_pages():
        minutes = str(page.minutes or "")
        words = f"**[{page.number} {page.title}]({page.name}.ipynb)**<br>{page.promise}"
        yield f"| {shown(page.name)} | {words} | {minutes} | {page.before} | {page.runs} |"


def shown(name: str) -> str:
    """The small picture in Markdown."""
    picture = first_picture(name)
    if not picture:
        return ""
    words = picture.words.replace("|", "/").replace("[", "(").replace("]", ")")
    return f"![{words}](images/{name}.png)"


def first_picture(name: str) -> Picture | None:
    """The first picture of a notebook."""
    notebook = pages.FOLDER / f"{name}.ipynb"
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"] if notebook.exists() else []
    for cell in cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                words = cell["metadata"].get("mystnb", {}).get("image", {}).get("alt", "")
                return Picture(base64.b64decode(output["data"]["image/png"]), words)
    return None


def small_path(name: str) -> Path:
    """Where the small picture of a page lies."""
    return SMALL / f"{name}.png"


def small(picture: Picture) -> bytes:
    """The picture in few bytes, with a note of what it was made from."""
    note = PngInfo()
    note.add_text("of", digest(picture))
    full = Image.open(io.BytesIO(picture.png)).convert("RGB")
    for width, colors in ATTEMPTS:
        less = full.resize((width, round(full.height * width / full.width)), Image.Resampling.LANCZOS)
        packed = io.BytesIO()
        less.quantize(colors, dither=Image.Dither.NONE).save(packed, "PNG", optimize=True, pnginfo=note)
        if packed.tell() <= MOST_BYTES:
            break
    return packed.getvalue()


def digest(picture: Picture) -> str:
    """What tells one picture from another."""
    return hashlib.sha256(picture.png).hexdigest()[:16]


def digest_of(path: Path) -> str:
    """Of which picture a small one was made; empty where there is none."""
    if not path.exists():
        return ""
    with Image.open(path) as picture:
        return picture.info.get("of", "")


if __name__ == "__main__":
    sys.exit(main())
