"""Every name that a function uses is defined. (Neither ruff nor pyright is asked: they would read
jaxtyping's shapes, which are strings, as names.)
"""

import builtins
import symtable
from pathlib import Path

import pytest

import scratchclust

PACKAGE = Path(scratchclust.__file__).parent
OF_A_MODULE = {"__name__", "__file__", "__doc__", "__path__"}


def undefined(source):
    """Names that are used, in a function or outside, and defined nowhere in the file."""
    module = symtable.symtable(source, "source", "exec")
    known = {
        symbol.get_name()
        for symbol in module.get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }
    tables = [module]
    for table in tables:
        tables.extend(table.get_children())
    used = {
        symbol.get_name()
        for table in tables
        for symbol in table.get_symbols()
        if symbol.is_referenced() and (symbol.is_global() or table is module)
    }
    return used - known - OF_A_MODULE - set(dir(builtins))


def test_a_name_that_is_gone_is_found():
    assert undefined("import a\ndef f(x: a.T) -> int:\n    return len(b.g(x))\n") == {"b"}
    assert undefined("def f(x):\n    def g():\n        return x + y\n    return g\n") == {"y"}


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_every_name_is_defined(path):
    assert not undefined(path.read_text(encoding="utf-8"))
