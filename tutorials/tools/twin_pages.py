"""The twins side by side: a page in Markdown for each module of the reference, and their index."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

from tutorials.tools import docstrings, sources, twins
from tutorials.tools.sources import Test

MOST_TESTS = 3
ALWAYS = "`tests/project/test_twins.py`: `test_twins_have_the_same_signature`"
WIDE = "---\nhtml_theme.sidebar_secondary.remove: true\n---\n"
INTRODUCTION = """\
# The twins, side by side

Each algorithm stands here twice: in NumPy, to be read, and in JAX, to be fast. Both have the same functions with the
same arguments and results, and tests hold one against the other. On these pages each function has its docstring once,
the two sources beside each other, the tests that compare them and the pages of the course that lead to it.

The fast one is often a door: what it calls stands in the folder `..._parts/` beside it, and the first lines of its page
say where each step is done. [Making it fast](../../10_making_it_fast.ipynb) reads one of them line by line.

"""


def all_pages() -> dict[str, str]:
    """Path below site/ and text of every page."""
    return {f"twins/{name}.md": page(name) for name in twins.names()} | {"twins/index.md": index()}


def index() -> str:
    """All modules and their functions."""
    rows = [
        f"| [{name}]({name}.md) | {', '.join(_link(name, f) for f in own_functions(name))} |" for name in twins.names()
    ]
    contents = ["\n```{toctree}\n:hidden:\n", *twins.names(), "```\n"]
    return "\n".join([INTRODUCTION, "| module | functions |", "|---|---|", *rows, *contents])


def _link(name: str, function: str) -> str:
    return f"[`{function}`](#{place_of(name, function)})"


def place_of(name: str, function: str) -> str:
    """The address of a pair within the site."""
    return f"twins-{name}-{function}".replace("_", "-")


def own_functions(name: str) -> list[str]:
    """The functions that are defined in the module itself; others are shown where they are."""
    module = twins.reference_of(name)
    return [each for each in twins.public_functions(module) if home_of(getattr(module, each)) == module.__name__]


def home_of(function: Any) -> str:
    """The module that defines something."""
    return getattr(inspect.unwrap(function), "__module__", "")


def page(name: str) -> str:
    """The page of one module."""
    return WIDE + "\n".join(_page(name)) + "\n"


def _page(name: str) -> Iterator[str]:
    slow, fast = twins.reference_of(name), twins.twin_of(name)
    yield f"# {name.replace('_', ' ')}\n"
    yield docstrings.as_markdown(slow.__doc__)
    yield "\n<details>\n<summary>How the fast one runs, and where each step is</summary>\n\n"
    yield docstrings.as_markdown(fast.__doc__)
    yield "\n</details>\n"
    for each in twins.public_functions(slow):
        if each in own_functions(name):
            yield from _pair(name, each, slow, fast)
    elsewhere = [each for each in twins.public_functions(slow) if each not in own_functions(name)]
    if elsewhere:
        yield "\n## Handed on\n"
        yield from (f"- {_elsewhere(each, getattr(slow, each))}" for each in elsewhere)


def _elsewhere(each: str, function: Any) -> str:
    module = home_of(function).removeprefix(f"{twins.REFERENCE}.")
    return (
        f"`{each}`: see [{module}]({module}.md)" if module in twins.names() else f"`{each}`, of `{home_of(function)}`"
    )


def _pair(name: str, function: str, slow: ModuleType, fast: ModuleType) -> Iterator[str]:
    read, quick = getattr(slow, function), getattr(fast, function)
    yield f"\n({place_of(name, function)})="
    yield f"## `{function}`\n"
    yield docstrings.as_markdown(read.__doc__)
    yield "\n:::::{container} twins"
    yield from _column("NumPy, to be read", read)
    yield from _column("JAX, to be fast", quick)
    yield ":::::\n"
    yield f"*Compared by* {compared_by(name, function)}. {written_in(name, function)}\n"


def _column(title: str, function: Any) -> Iterator[str]:
    home = home_of(function).replace(".", "/")
    yield f"\n::::{{container}} twin\n**{title}**: `{home}.py`\n"
    yield f"```python\n{sources.code_of(function).rstrip()}\n```\n::::\n"


def compared_by(name: str, function: str) -> str:
    """The tests that hold the two against each other, the plainest first."""
    tests = comparing_tests(name, function)
    return "; ".join(f"`{test.file}`: `{test.name}`" for test in tests) if tests else ALWAYS


@cache
def comparing_tests(name: str, function: str) -> list[Test]:
    """Tests that name both; else those that are done with each of them; else those that name it."""
    slow, fast = twins.reference_of(name), twins.twin_of(name)
    ours = {home_of(getattr(module, function)) for module in (slow, fast)} | {slow.__name__, fast.__name__}
    near = [test for test in sources.all_tests() if _knows(test, ours) or "each_twin" in test.words]
    both = [test for test in near if _names(test, function, slow) and _names(test, function, fast)]
    each = [test for test in near if f"twin.{function}" in test.calls and _is_of(test, name)]
    named = [test for test in near if re.search(rf"[\"'.\s(]{function}\b", test.words) and _is_of(test, name)]
    found = set(both + each) or set(named)
    return sorted(found, key=lambda test: (*_far_from_a_comparison(test, function), test.file, test.line))[:MOST_TESTS]


def _far_from_a_comparison(test: Test, function: str) -> tuple[bool, ...]:
    """By its name: of this function first, a comparison or a case by hand first."""
    compares = any(word in test.name for word in ("twin", "agree", "hand", "definition"))
    return (not (compares and function in test.name), "twin" not in test.name, not compares, function not in test.name)


def _names(test: Test, function: str, module: ModuleType) -> bool:
    homes = {module.__name__, home_of(getattr(module, function))}
    return any(f"{home}.{function}" in test.calls for home in homes)


def _is_of(test: Test, name: str) -> bool:
    """Whether a test's file is about this module: `assign` is the name of several."""
    return _knows(test, {twins.reference_of(name).__name__, twins.twin_of(name).__name__})


def _knows(test: Test, modules: set[str]) -> bool:
    """Whether a test's file imports one of the modules, or from it."""
    return not (test.imports.isdisjoint(modules) and test.modules.isdisjoint(modules))


def written_in(name: str, function: str) -> str:
    """The pages of the course that speak of the module; those that write the function themselves first."""
    rooms = "|".join(room.rpartition(".")[2] for room in (twins.REFERENCE, *twins.ROOMS))
    speak = sources.pages_with(rf"\b({rooms})[/.]{name}\b", word=name)
    write = [page for page in speak if re.search(rf"^def \w*{function}", sources.all_texts()[page], re.M)]
    links = ", ".join(f"[{page.number}](../../{page.name}.ipynb)" for page in (write or speak))
    if not links:
        return ""
    return f"*Written by hand in* {links}." if write else f"*In the course:* {links}."
