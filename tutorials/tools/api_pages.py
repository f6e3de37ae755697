"""The API: a page in Markdown for each module, out of signatures and docstrings, with jaxtyping's shapes."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import scratchclust
from tutorials.tools import docstrings, sources, twins
from tutorials.tools.twin_pages import home_of

# Rooms whose files are machinery of the command line, of runs and of the pages.
INSIDE = {
    "commands",
    "cli",
    "__main__",
    "lessons",
    "reference",
    "estimators",
    "costs",
    "interrupts",
    "shipping",
    "shares",
}
INSIDE |= {"recipes", "experiment", "rates", "exact_pairs", "arrays", "checks", "files", "progress", "constants"}
WHOLE = {"recipes", "experiment"}  # of which the package itself is public
FOLDERS_FOR_ALL = {"data", "runs", "models", "report"}  # packages that hand out all that is public in them
INTRODUCTION = """\
# The API

Everything that is public, out of the docstrings. Shapes are jaxtyping's: `Float[Array, "n d"]` is n rows of d numbers,
and the same letter is the same number within a signature. Estimators are scikit-learn's kind (`fit`, `predict`,
`transform`, pipelines); functions are what they are made of. The NumPy definitions stand beside them on
[the twins' pages](../twins/index.md).

"""


def all_pages() -> dict[str, str]:
    """Path below site/ and text of every page."""
    pages = {f"api/{name}.md": estimator_page(name) for name in scratchclust.ESTIMATORS}
    pages |= {f"api/{module}.md": module_page(module) for module in modules()}
    return pages | {"api/index.md": index()}


def index() -> str:
    """Estimators, then modules, each with its first sentence."""
    lines = [INTRODUCTION, "## Estimators\n", "| class | what it does |", "|---|---|"]
    lines += [f"| [{name}]({name}.md) | {_summary(getattr(scratchclust, name))} |" for name in scratchclust.ESTIMATORS]
    lines += ["\n## Modules\n", "| module | what is in it |", "|---|---|"]
    lines += [f"| [{name}]({name}.md) | {_summary(importlib.import_module(name))} |" for name in modules()]
    lines += ["\n## Where the public names are\n", "`from scratchclust import ...` gives:\n"]
    lines += [f"- `{name}`: {_where(name)}" for name in scratchclust.__all__ if name not in scratchclust.ESTIMATORS]
    contents = ["\n```{toctree}\n:hidden:\n", *scratchclust.ESTIMATORS, *modules(), "```\n"]
    return "\n".join([*lines, *contents])


def _summary(what: Any) -> str:
    return docstrings.summary(what.__doc__).replace("\n", " ")


def _where(name: str) -> str:
    what = getattr(scratchclust, name)
    if inspect.ismodule(what):
        inside = [module for module in modules() if module == what.__name__ or module.startswith(f"{what.__name__}.")]
        if what.__name__ == twins.REFERENCE:
            return "see [the twins](../twins/index.md)"
        return ", ".join(f"[{module}]({module}.md)" for module in inside) or "the [estimators](#estimators) above"
    if isinstance(what, str):
        return "the version, a string"
    return f"see [{_page_of(what)}]({_page_of(what)}.md)"


def _page_of(what: Any) -> str:
    return next(module for module in modules() if what.__name__ in names_of(module))


@cache
def modules() -> list[str]:
    """The modules with public functions or classes, in order."""
    found = ["scratchclust.recipes", "scratchclust.experiment"]
    for path in scratchclust.__path__:
        found += _modules_in(path, "scratchclust", INSIDE)
    return sorted(name for name in found if names_of(name))


def _modules_in(path: str, package: str, left_out: set[str]) -> Iterator[str]:
    for each in pkgutil.iter_modules([path]):
        name = f"{package}.{each.name}"
        if each.name.startswith("_") or each.name.endswith("_parts") or each.name in left_out:
            continue
        if not each.ispkg:
            yield name
        elif each.name in FOLDERS_FOR_ALL:
            yield from (name,) if each.name != "report" else ("scratchclust.report.figures",)
        else:
            module = importlib.import_module(name)
            yield from [name] if hasattr(module, "__all__") else _modules_in(module.__path__[0], name, set())


def names_of(module_name: str) -> list[str]:
    """The public names of a module: its `__all__`, or what it defines without an underscore."""
    module = importlib.import_module(module_name)
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, what in inspect.getmembers(module)
        if not name.startswith("_")
        and (inspect.isclass(what) or inspect.isfunction(inspect.unwrap(what)))
        and home_of(what) == module.__name__
    ]


def estimator_page(name: str) -> str:
    """The page of one estimator."""
    described = "\n".join(described_class(getattr(scratchclust, name), "scratchclust", name))
    return f"# {name}\n\n{taught(name)}\n\n{described}\n"


def module_page(module_name: str) -> str:
    """The page of one module."""
    return "\n".join(_module_page(module_name)) + "\n"


def _module_page(module_name: str) -> Iterator[str]:
    module = importlib.import_module(module_name)
    yield f"# {docstrings.escaped(module_name)}\n"
    yield docstrings.as_markdown(module.__doc__)
    stem = module_name.rpartition(".")[2]
    if stem in twins.names():
        yield f"\nSide by side with its definition: [the twins of {stem.replace('_', ' ')}](../twins/{stem}.md).\n"
    for name in names_of(module_name):
        yield from _described(module, name)


def _described(module: ModuleType, name: str) -> Iterator[str]:
    what = getattr(module, name)
    owner = owner_of(what, name, module.__name__)
    if owner != module.__name__:
        yield f"\n`{name}`: see [{owner}]({owner}.md)\n"
    elif inspect.isclass(what):
        yield from described_class(what, module.__name__, name)
    elif inspect.isfunction(inspect.unwrap(what)):
        yield from described_function("function", what, module.__name__, name)
        yield f"{taught(name)}\n"
    else:
        yield f"\n:::::{{py:data}} {name}\n:module: {module.__name__}\n\nA `{type(what).__name__}`.\n:::::\n"


def owner_of(what: Any, name: str, asked: str) -> str:
    """The module on whose page something is described: of several that have it the one that defines it."""
    home = home_of(what)
    return home if home != asked and home in modules() and name in names_of(home) else asked


def described_function(kind: str, what: Any, module: str, name: str, fence: str = ":::::") -> Iterator[str]:
    """A function or method as Sphinx's domain of Python has it."""
    yield f"\n{fence}{{py:{kind}}} {name}{_signature(what)}"
    yield f":module: {module}\n" if kind == "function" else ""
    yield docstrings.as_markdown(what.__doc__)
    yield fence + "\n"


def described_class(what: type, module: str, name: str) -> Iterator[str]:
    """A class with its public methods."""
    yield f"\n:::::::{{py:class}} {name}{_signature(_maker(what))}\n:module: {module}\n"
    yield docstrings.as_markdown(what.__doc__ if "__doc__" in vars(what) else "")
    if not hasattr(what, "get_params") and _maker(what) is what:
        yield f"\n```python\n{sources.code_of(what).rstrip()}\n```\n"
    else:
        for method, function in methods_of(what):
            yield from described_function("method", function, module, method)
    yield ":::::::\n"


def _maker(what: type) -> Any:
    """What takes the arguments of a class: `__init__`, or the class, whose fields they are."""
    if dataclasses.is_dataclass(what) or hasattr(what, "_fields") or "__init__" not in _own_names(what):
        return what
    return what.__init__


def _own_names(what: type) -> set[str]:
    return {name for each in what.__mro__ if each.__module__.startswith("scratchclust") for name in vars(each)}


def methods_of(what: type) -> Iterator[tuple[str, Any]]:
    """The public methods that the package itself defines, with a docstring."""
    for name in dir(what):
        function = inspect.getattr_static(what, name)
        function = getattr(function, "__func__", function)
        if name.startswith("_") or not inspect.isfunction(inspect.unwrap(function)):
            continue
        if home_of(function).startswith("scratchclust") and function.__doc__:
            yield name, function


def _signature(what: Any) -> str:
    return " ".join(sources.signature_of(what).split())


def taught(name: str) -> str:
    """The pages of the course that use a public name."""
    found = sources.pages_with(rf"\b{re.escape(name)}\(", word=f"{name}(")
    links = ", ".join(f"[{page.number} {page.title}](../../{page.name}.ipynb)" for page in found[:4])
    return f"In the course: {links}." if links else ""
