"""Look at the site that was built: `python -m tutorials.tools.check_site build/site`.

Nothing is loaded from the network, every link within the site leads somewhere, every picture has words, every public
name is described. Each fault is a line; with one the program ends with exit code 1.
"""

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import scratchclust
from tutorials.tools import api_pages, twin_pages, twins

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}
STYLE = re.compile(r"""url\(\s*["']?(?:https?:)?//[^)]*\)|@import\s+["'](?:https?:)?//""")
WORDS = re.compile(r"\w+ \w+")  # the name of a file, which is what Sphinx puts there, tells nobody anything
NOT_LOADED = {"canonical", "license", "author"}  # what a <link> may say of elsewhere


class PageReader(HTMLParser):
    """Of a page: what it loads, where it leads, what can be led to, and pictures without words."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.wordless: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag says."""
        said = {name: value or "" for name, value in attrs}
        self.places |= {said[name] for name in ("id", "name") if name in said}
        if tag in LOADS and LOADS[tag] in said:
            self.loads.append(said[LOADS[tag]])
        if tag == "link" and said.get("rel") not in NOT_LOADED and "href" in said:
            self.loads.append(said["href"])
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag == "img" and not WORDS.search(said.get("alt", "")):
            self.wordless.append(said.get("src", "")[:60])


def main(folder: Path) -> int:
    """Print the faults and count them."""
    found = list(faults(folder))
    for fault in found:
        print(fault)
    print(f"{len(list(folder.rglob('*.html')))} pages, {len(found)} faults")
    return 1 if found else 0


def faults(folder: Path) -> Iterator[str]:
    """All that is wrong with a site."""
    pages = {path: _read(path) for path in sorted(folder.rglob("*.html"))}
    for path, page in pages.items():
        name = path.relative_to(folder)
        yield from (f"{name}: loads {each}" for each in page.loads if _is_elsewhere(each))
        yield from (f"{name}: a picture without words: {each}" for each in page.wordless)
        yield from (f"{name}: {each} leads nowhere" for each in page.links if not _leads(each, path, pages))
    for path in sorted(folder.rglob("*.css")):
        if STYLE.search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(folder)}: loads from the network"
    yield from (f"{name} is not in the API" for name in missing_names(set().union(*(p.places for p in pages.values()))))


def _read(path: Path) -> PageReader:
    page = PageReader()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def _is_elsewhere(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme in ("http", "https")


def _leads(link: str, path: Path, pages: dict[Path, PageReader]) -> bool:
    """Whether a link within the site has its file and its place there; others are not followed."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if target.is_dir():
        target /= "index.html"
    if target in pages and parts.fragment:
        return unquote(parts.fragment) in pages[target].places
    return target.exists()


def missing_names(places: set[str]) -> list[str]:
    """Public names that no page describes."""
    return [name for name in public_names() if name not in places]


def public_names() -> list[str]:
    """What `from scratchclust import ...` gives, and the functions and classes of the public modules."""
    estimators = [f"scratchclust.{name}" for name in scratchclust.ESTIMATORS]
    names = [
        f"{api_pages.owner_of(getattr(sys.modules[module], name), name, module)}.{name}"
        for module in api_pages.modules()
        for name in api_pages.names_of(module)
    ]
    shown = [twin_pages.place_of(name, each) for name in twins.names() for each in twin_pages.own_functions(name)]
    return [*estimators, *names, *shown]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
