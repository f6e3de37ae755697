"""Docstrings, which are plain text in Google form, as Markdown that says the same.

What a docstring shows indented (equations, maps) stays as it is, in a block of code; bullets and tables stay what they
are; everything else is escaped, so that `|x|^2` is no table and `x_*` no emphasis.
"""

import inspect
import re
from collections.abc import Iterator

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises", "Warns", "Example", "Examples", "Note", "Notes")
NAMED = {"Args", "Attributes", "Raises", "Warns"}  # sections whose entries are `name: what it is`
SECTION = re.compile(rf"({'|'.join(SECTIONS)}):$")
ENTRY = re.compile(r"([*\w][\w, *./|\[\]]*?): (.*)")
CODE = re.compile(r"(`[^`]*`)")
ADDRESS = re.compile(r"(https?://[^\s)>,]*[^\s)>,.])")
SPECIAL = re.compile(r"([\\*_\[\]<>$#~|{}&^])")


def as_markdown(docstring: str | None) -> str:
    """The docstring in Markdown; sections become paragraphs with a bold title."""
    return "\n".join(_sections(inspect.cleandoc(docstring or "").splitlines())).strip() + "\n"


def summary(docstring: str | None) -> str:
    """The first sentence, in Markdown."""
    first = inspect.cleandoc(docstring or "").split("\n\n")[0]
    sentence = re.split(r"(?<=[.:]) (?=[A-Z`])", " ".join(first.split()))[0]
    return escaped(sentence)


def escaped(text: str) -> str:
    """Plain text as Markdown; what stands between backticks stays code."""
    parts = CODE.split(text)
    return "".join(part if number % 2 else _escaped_words(part) for number, part in enumerate(parts))


def _escaped_words(text: str) -> str:
    parts = ADDRESS.split(text)
    return "".join(f"<{part}>" if number % 2 else SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts))


def _sections(lines: list[str]) -> Iterator[str]:
    """Text, and after each title of a section what is indented below it."""
    held: list[str] = []
    title = ""
    for line in [*lines, None]:
        ends = line is None or (title and line and not line.startswith(" ")) or SECTION.match(line or "")
        if ends:
            yield from _section(title, held)
            held, title = [], ""
        found = SECTION.match(line or "")
        if found:
            title = found[1]
        elif line is not None:
            held.append(line)


def _section(title: str, lines: list[str]) -> Iterator[str]:
    body = inspect.cleandoc("\n" + "\n".join(lines)).splitlines()
    if title:
        yield f"\n**{title}**\n"
    yield from _entries(body) if title in NAMED else _text(body)


def _entries(lines: list[str]) -> Iterator[str]:
    """`name: what it is` as a list."""
    entries: list[list[str]] = []
    for line in lines:
        if line.startswith(" ") or not line or not entries:
            entries.append([line]) if not entries else entries[-1].append(line.strip())
        elif ENTRY.match(line) or line.endswith(":"):
            entries.append([line])
        else:
            entries[-1].append(line)
    for entry in entries:
        joined = " ".join(" ".join(entry).split())
        found = ENTRY.match(joined)
        yield f"- `{found[1]}`: {escaped(found[2])}" if found else f"- {escaped(joined)}"
    yield ""


def _text(lines: list[str]) -> Iterator[str]:
    """Paragraphs, lists, tables and what is indented."""
    for block in _blocks(lines):
        if block[0].startswith(">>>") or block[0].startswith("    "):
            shown = inspect.cleandoc("\n" + "\n".join(block)).splitlines()
            language = "pycon" if shown[0].startswith(">>>") else "text"
            yield from (f"\n```{language}", *shown, "```\n")
        elif block[0].startswith("|") and len(block) > 2 and set(block[1]) <= set("|- :"):
            cells = [row.strip().strip("|").split("|") for row in block]
            yield from ("", *(f"| {' | '.join(escaped(cell.strip()) for cell in row)} |" for row in cells[:1]))
            yield block[1]
            yield from (f"| {' | '.join(escaped(cell.strip()) for cell in row)} |" for row in cells[2:])
            yield ""
        elif block[0].startswith("- "):
            items = re.split(r"\n- ", "\n" + "\n".join(block))[1:]
            yield from ("", *(f"- {escaped(' '.join(item.split()))}" for item in items), "")
        else:
            text = escaped(" ".join(" ".join(block).split()))
            yield f"\n{re.sub(r'^([-+=]|[0-9]+[.)])', _harmless, text)}\n"


def _harmless(start: re.Match[str]) -> str:
    """What would begin a list or a heading, as plain text."""
    return start[1][:-1] + "\\" + start[1][-1]


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """Lines that belong together: by empty lines, by where indentation begins or ends, by where a list begins."""
    block: list[str] = []
    for line in lines:
        inside = bool(block) and block[0].startswith("    ")
        parts_here = bool(block) and line.startswith("    ") != inside and not block[0].startswith(("- ", ">>>"))
        begins_list = bool(block) and line.startswith("- ") and not block[0].startswith("- ")
        if block and (parts_here or begins_list or (not line and not inside)):
            yield _stripped(block)
            block = []
        if line or block:
            block.append(line)
    if block:
        yield _stripped(block)


def _stripped(block: list[str]) -> list[str]:
    while len(block) > 1 and not block[-1].strip():
        block = block[:-1]
    return block
