"""What the pages of the course say of themselves in their first cells, and the three paths over them."""

import re
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parents[1]
SOURCE = "[0-9][0-9]*_*.py"
FIRST_LINE = re.compile(
    r"^\*(?P<minutes>\d+)\s+minutes\.\s+Before\s+this\s+page:\s+(?P<before>.+?)\."
    r"\s+It\s+runs\s+in\s+about\s+(?P<runs>[^.*]+?)\.\*$",
    re.M | re.S,
)
TITLE = re.compile(r"^# (.+)$", re.M)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
LEANS = re.compile(r"They |You (?:can|will)[^,;:]{0,45}\b(?:it|one|ones|that program)\b")
AT_THE_END = re.compile(r"At the end(?: of this page)?,? ")
SENTENCE = re.compile(r"(?<=[.!?]) (?=[A-Z*`])")


class Page(NamedTuple):
    """A page of the course. What its first cell does not say is empty."""

    name: str  # such as 01b_gaussian_mixtures
    title: str
    minutes: int
    before: str  # what one should know, in Markdown
    runs: str  # such as "20 seconds"
    promise: str  # what a reader can do at its end, else its first sentence

    @property
    def number(self) -> str:
        """Such as 01b."""
        return self.name.partition("_")[0]


class Way(NamedTuple):
    """An order of reading for somebody."""

    who: str
    words: str
    numbers: tuple[str, ...]
    then: str  # what to read behind the pages, in Markdown; {site} stands before files of the site


WAYS = (
    Way(
        "learner",
        "three weekends: from the first distance to networks that draw digits",
        ("00", "01", "01b", "02", "02b", "03", "03b", "08", "08b", "08c", "04", "04b", "04c", "05", "05b", "05c", "07"),
        "then the pages left out, as you like",
    ),
    Way(
        "practitioner",
        "an evening, for who has met k-means and t-SNE: your own pictures, sorted and judged",
        ("09", "02b", "03c", "08d", "06b"),
        "then [which method?]({site}which_method.md) and `scratchclust cluster --help`",
    ),
    Way(
        "researcher",
        "for who knows the methods: what labels buy, what is had without, and what is compiled",
        ("02c", "06", "06c", "07", "08d", "10"),
        "then [the recipes]({site}recipes.md) and [the benchmarks]({benchmarks})",
    ),
)


def all_pages(folder: Path = FOLDER) -> list[Page]:
    """The pages, in the order of the course."""
    return [read(source) for source in sources(folder)]


def sources(folder: Path = FOLDER) -> list[Path]:
    """The files of the pages, in order."""
    return sorted(path for path in folder.glob(SOURCE) if re.match(r"\d\d[a-z]?_", path.name))


def read(source: Path) -> Page:
    """What the first cell of a page says."""
    cell = first_cell(source.read_text(encoding="utf-8"))
    title = TITLE.search(cell)
    found = FIRST_LINE.search(cell)
    said = {name: " ".join(value.split()) for name, value in found.groupdict().items()} if found else {}
    last = found or title
    behind = cell[last.end() :] if last else cell
    return Page(
        source.stem,
        title[1] if title else source.stem,
        int(said.get("minutes", 0)),
        said.get("before", ""),
        said.get("runs", ""),
        promise(behind),
    )


def first_cell(text: str) -> str:
    """The Markdown of the first cell of a file in percent format."""
    cells = re.split(r"^# %%.*\n", text, flags=re.M)
    lines = cells[1].splitlines() if len(cells) > 1 else []
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines).strip()


def promise(text: str) -> str:
    """The sentence that says what a reader can do at the end of a page; the first where none does,
    or where it leans on the one before it. Links become words.
    """
    paragraph = LINK.sub(r"\1", " ".join(text.strip().split("\n\n")[0].split()))
    sentences = SENTENCE.split(paragraph)
    kept = next((each for each in sentences if AT_THE_END.match(each)), sentences[0])
    said = AT_THE_END.sub("", kept)
    said = said[:1].upper() + said[1:]
    return sentences[0] if LEANS.match(said) else said


def way_in_markdown(way: Way, pages: list[Page], *, site: str, benchmarks: str) -> str:
    """One path as a line with links; pages that are not there are left out."""
    there = {page.number: page for page in pages}
    steps = [there[number] for number in way.numbers if number in there]
    links = " → ".join(f"[{page.number}]({page.name}.ipynb)" for page in steps)
    hours = sum(page.minutes for page in steps) / 60
    then = way.then.format(site=site, benchmarks=benchmarks)
    return f"**For a {way.who}** ({way.words}; {hours:.1f} hours to read, without the exercises): {links}; {then}."
