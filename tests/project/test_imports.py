"""Who may know whom: the imports of every module, against the design's list; and what importing the
package loads.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import scratchclust

PACKAGE = Path(scratchclust.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {
    path.stem
    for path in PACKAGE.iterdir()
    if path.suffix == ".py" or (path / "__init__.py").exists()
}

ALGORITHM = {"rows", "distances", "neighbors"}
ALLOWED = {
    "__main__": {"cli"},
    "cli": {
        "commands",
        "interrupts",
        "experiment",
    },  # experiment: the words of the command line, late
    "commands": {"recipes", "experiment", "runs", "report", "data", "devices"},
    "recipes": {"data", "runs"},
    "experiment": {"recipes", "estimators", "data", "metrics", "report", "runs"},
    "estimators": {"features", "reduce", "cluster", "persist", "arrays", "distances"},
    "runs": {"persist", "estimators"},
    "features": {"models", "train", "data.preprocessing", "rows"},
    "train": {"models", "rows"},
    "reduce": ALGORITHM,
    "cluster": ALGORITHM,
    "metrics": (ALGORITHM - {"neighbors"}) | {"arrays"},
    "neighbors": ALGORITHM - {"neighbors"},
    "distances": {"rows"},
}
EVERYONE = {"errors", "results", "checks", "constants", "files", "progress"}
ROOT = {
    "experiment",
    "persist",
}  # they find estimators by their public names; others may only ask for the version

SKLEARN = {
    "arrays": {"utils"},  # its validation of tables, lists and the like
    "estimators": {"base", "callback", "exceptions", "utils"},
    "experiment": {"base", "pipeline"},
    "persist": {"base", "pipeline"},
    "data": {"datasets"},
}
REFERENCE = {"numpy", "jaxtyping", "scratchclust"} | sys.stdlib_module_names


def room_of(path):
    first = path.relative_to(PACKAGE).parts[0]
    return "scratchclust" if first == "__init__.py" else Path(first).stem


def imports_of(path):
    """The dotted names of all that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rooms_known_to(path):
    """The rooms of this package that a file imports from, with the module inside where the list
    asks for it.
    """
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "scratchclust":
            yield parts[1:] if len(parts) > 1 and parts[1] in ROOMS else ["scratchclust"]


def named(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_who_may_know_whom(path):
    room = room_of(path)
    allowed = ALLOWED.get(room, set()) | EVERYONE | {room}
    for target in rooms_known_to(path):
        if target == ["scratchclust"]:
            continue
        assert target[0] in allowed or ".".join(target[:2]) in allowed, (
            f"{room} may not import {'.'.join(target)}"
        )


@pytest.mark.parametrize("path", FILES, ids=named)
def test_who_may_ask_the_root_for_more_than_its_version(path):
    names = [name for name in imports_of(path) if name.split(".")[0] == "scratchclust"]
    used = {
        node.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "scratchclust"
    }
    whole = any(
        isinstance(node, ast.Call)
        and any(isinstance(a, ast.Name) and a.id == "scratchclust" for a in node.args)
        for node in ast.walk(ast.parse(path.read_text()))
    )
    if "scratchclust" in names and room_of(path) not in ROOT:
        assert used <= {"__version__"}
        assert not whole, "getattr(scratchclust, ...) reaches everything"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_who_may_use_scikit_learn(path):
    allowed = SKLEARN.get(room_of(path), set())
    for name in imports_of(path):
        if name.startswith("sklearn."):
            assert name.split(".")[1] in allowed
        elif name == "sklearn":
            assert allowed  # for its version


def test_the_reference_knows_numpy_alone_and_nobody_knows_the_reference():
    for path in FILES:
        if room_of(path) == "reference":
            assert {name.split(".")[0] for name in imports_of(path)} <= REFERENCE
        else:
            assert ["reference"] not in [target[:1] for target in rooms_known_to(path)]


def test_the_list_names_rooms_that_exist_or_are_to_come():
    to_come = {"models", "train", "neighbors"}
    assert set(ALLOWED) | EVERYONE <= ROOMS | to_come
    assert set(SKLEARN) <= ROOMS


def test_a_forbidden_import_would_be_seen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text(
        "def f():\n    from scratchclust.reference import kmeans\n    import sklearn.cluster\n"
    )
    assert list(imports_of(path)) == ["scratchclust.reference.kmeans", "sklearn.cluster"]
    assert list(rooms_known_to(path)) == [["reference", "kmeans"]]


@pytest.mark.parametrize(
    "program",
    [
        "import scratchclust; dir(scratchclust)",
        "import scratchclust.reference.kmeans, scratchclust.reference.silhouette, scratchclust.reference.pca",
        "from scratchclust.cli import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code",
    ],
    ids=["package", "reference", "help"],
)
def test_importing_loads_nothing_heavy(program):
    heavy = "('jax', 'sklearn', 'matplotlib', 'tensorflow_datasets', 'scipy', 'flax')"
    report = f"\nimport sys\nprint('loaded:', [name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", program + report, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
