"""Source files, taken apart: code without its docstring, signatures as they are written, tests and what they call."""

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tutorials.tools import pages

ROOT = Path(__file__).parents[2]


class Test(NamedTuple):
    """A test function: where it stands, and the modules' functions that it names."""

    file: str
    name: str
    line: int
    calls: frozenset[str]  # such as scratchclust.reference.kmeans.lloyd
    imports: frozenset[str]  # of its file
    modules: frozenset[str]  # that these are of
    words: str  # its whole text


def code_of(function: Any) -> str:
    """The source of a function without its docstring."""
    source = textwrap.dedent(inspect.getsource(inspect.unwrap(function)))
    node = ast.parse(source).body[0]
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    if ast.get_docstring(node) is None:
        return source
    lines = source.splitlines()
    first = node.body[0]
    return "\n".join(lines[: first.lineno - 1] + lines[first.end_lineno :]) + "\n"


def signature_of(function: Any) -> str:
    """Arguments and result as they are written, on one line; without self and cls."""
    node = definition_of(function)
    if not isinstance(node, ast.FunctionDef):
        return f"({', '.join(fields_of(node))})" if isinstance(node, ast.ClassDef) else "()"
    arguments = node.args
    if arguments.args and arguments.args[0].arg in ("self", "cls"):
        arguments.args = arguments.args[1:]
    result = f" -> {ast.unparse(node.returns)}" if node.returns and node.name != "__init__" else ""
    return f"({ast.unparse(arguments)}){result}"


def definition_of(what: Any) -> ast.stmt:
    """The syntax tree of a function or class."""
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(what)))).body[0]


def fields_of(node: ast.ClassDef) -> Iterator[str]:
    """The annotated fields of a NamedTuple or dataclass."""
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            default = f" = {_short(each.value)}" if each.value is not None else ""
            yield f"{each.target.id}: {ast.unparse(each.annotation)}{default}"


def _short(default: ast.expr) -> str:
    """A default as it is written; what a call makes is not told."""
    return "..." if isinstance(default, ast.Call) else ast.unparse(default)


@cache
def all_tests() -> tuple[Test, ...]:
    """Every test function of the project."""
    return tuple(test for path in sorted((ROOT / "tests").rglob("test_*.py")) for test in tests_of(path))


def tests_of(path: Path) -> Iterator[Test]:
    """The tests of a file."""
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    lines = text.splitlines()
    known = imported(tree)
    imports = frozenset(known.values())
    modules = frozenset(each.rpartition(".")[0] for each in imports)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            words = "\n".join(lines[first - 1 : node.end_lineno])
            calls = frozenset(calls_of(node, known))
            yield Test(path.relative_to(ROOT).as_posix(), node.name, node.lineno, calls, imports, modules, words)


def imported(tree: ast.Module) -> dict[str, str]:
    """What the names that a file imports stand for."""
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
        elif isinstance(node, ast.Import):
            found |= {each.asname or each.name: each.name for each in node.names}
    return found


def calls_of(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    """The imported things that a piece of code names."""
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name):
            yield f"{known.get(each.value.id, each.value.id)}.{each.attr}"
        elif isinstance(each, ast.Name) and each.id in known:
            yield known[each.id]


@cache
def all_texts() -> dict[pages.Page, str]:
    """The source of every page."""
    return {pages.read(source): source.read_text(encoding="utf-8") for source in pages.sources()}


def pages_with(pattern: str, *, word: str) -> list[pages.Page]:
    """The pages whose source has this, in the course's order; `word` is a part of it, which is found sooner."""
    return [page for page, text in all_texts().items() if word in text and re.search(pattern, text)]
