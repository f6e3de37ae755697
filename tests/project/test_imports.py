"""Who may know whom: the imports of every module, against the design's list, and without a circle;
and what importing the package loads.
"""

import ast
import functools
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

ALGORITHM = {"rows", "shares", "processes", "streams", "distances", "exact_pairs", "neighbors"}
ALLOWED = {
    "__main__": {"cli"},
    "cli": {"commands", "interrupts"},
    "commands": {
        "recipes",
        "experiment",
        "runs",
        "report",
        "data",
        "devices",
        "curation",
        "processes",
        "rates",
    },
    "recipes": {"data", "features.weights"},
    "experiment": {
        "recipes",
        "estimators",
        "features.weights",
        "data",
        "metrics",
        "report",
        "runs",
        "curation",
        "costs",
        "estimates",
        "rates",
        "processes",
        "rows",
        "train.knn",
    },
    "lessons": {"report"},
    "estimates": {"costs", "rates", "rows"},
    "rates": {"rows", "distances"},
    "curation": ALGORITHM | {"data.preprocessing"},
    "estimators": {
        "features",
        "reduce",
        "cluster",
        "train",
        "data.preprocessing",
        "persist",
        "arrays",
        "distances",
        "rows",
        "shares",
        "streams",
    },
    "rows": {"processes", "shipping"},
    "shares": {"processes", "rows"},
    "streams": {"rows"},
    "distances": {"rows", "shares"},
    "runs": {"persist", "estimators", "cluster.nearness"},
    "features": {"models", "train", "data.preprocessing", "rows", "shares", "neighbors"},
    "train": {"models", "neighbors_parts", "rows", "shares", "processes"},
    "reduce": ALGORITHM,
    "cluster": ALGORITHM,
    "metrics": (ALGORITHM - {"neighbors"}) | {"arrays"},
    "exact_pairs": {"rows", "distances"},
    "neighbors": (ALGORITHM - {"neighbors"}) | {"neighbors_parts"},
    "neighbors_parts": {"rows", "distances"},
}
EVERYONE = {"errors", "results", "checks", "constants", "files", "progress", "compiling"}
# They find estimators by their public names; others may only ask for the version.
ROOT = {"experiment", "persist"}

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


@functools.cache
def imports_of(path, *, of_types=True):
    """The dotted names of all that a file imports, wherever in the file; without `of_types` but for
    what only a type checker reads.
    """
    tree = ast.parse(path.read_text())
    unread = set() if of_types else {node for part in ast.walk(tree) for node in of_checker(part)}
    names = []
    for node in ast.walk(tree):
        if node in unread:
            continue
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute here"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def of_checker(node):
    """What stands below `if TYPE_CHECKING:`, if the node is that."""
    if isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING":
        for statement in node.body:
            yield from ast.walk(statement)


def rooms_known_to(path):
    """The rooms of this package that a file imports from, with the module inside where the list
    asks for it.
    """
    for name in imports_of(path):
        parts = name.split(".")
        if parts[0] == "scratchclust":
            yield parts[1:] if len(parts) > 1 and parts[1] in ROOMS else ["scratchclust"]


def files_known_to(path, files):
    """The files, of these by their dotted names, that a file imports: at its head or late."""
    for name in imports_of(path, of_types=False):
        # `from room import x` names the file of room.x, or if there is none, that of the room
        known = name if name in files else name.rpartition(".")[0]
        if known in files and files[known] != path:
            yield known


def circle_of(graph):
    """The shortest way round from a file to itself, as names; empty where no way leads back."""
    shortest = []
    for start in sorted(graph):
        came_from = dict.fromkeys(sorted(graph[start]), start)
        waiting = list(came_from)
        while waiting and start not in came_from:
            here = waiting.pop(0)
            new = [name for name in sorted(graph[here]) if name not in came_from]
            came_from.update(dict.fromkeys(new, here))
            waiting += new
        if start not in came_from:
            continue
        way = [start]
        while len(way) == 1 or way[-1] != start:
            way.append(came_from[way[-1]])
        if not shortest or len(way) < len(shortest):
            shortest = way[::-1]
    return shortest


def graph_of(package):
    """Who imports whom below a folder of Python files, by dotted names."""
    files = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        files[".".join(parts).removesuffix(".__init__")] = path
    return {name: set(files_known_to(path, files)) for name, path in files.items()}


def named(path):
    return str(path.relative_to(PACKAGE))


def test_who_may_know_whom():
    forbidden = []
    for path in FILES:
        room = room_of(path)
        allowed = ALLOWED.get(room, set()) | EVERYONE | {room}
        forbidden += [
            f"{named(path)}: {room} may not import {'.'.join(target)}"
            for target in rooms_known_to(path)
            if target != ["scratchclust"] and not allowed & {target[0], ".".join(target[:2])}
        ]
    assert not forbidden, "\n".join(forbidden)


def test_no_file_leads_back_to_itself():
    circle = circle_of(graph_of(PACKAGE))
    assert not circle, f"a circle of imports: {' -> '.join(circle)}"


@pytest.mark.parametrize(
    ("files", "circle"),
    [
        (
            {"a": "from house.room import b", "room/b": "def f():\n    import house.room.c"}
            | {"room/c": "from house.a import x"},
            ["house.a", "house.room.b", "house.room.c", "house.a"],
        ),
        (
            {"a": "import house.b as b", "b": "from house import a"},
            ["house.a", "house.b", "house.a"],
        ),
        (
            {"room/__init__": "from house.room.a import x", "room/a": "from house.room import y"},
            ["house.room", "house.room.a", "house.room"],
        ),
        ({"a": "from house import b", "b": "from elsewhere import house"}, []),
        (
            {"a": "if TYPE_CHECKING:\n    from house import b", "b": "from house.a import x"},
            [],
        ),
        (
            {"room/__init__": "from house.room import a", "room/a": "import house.room.b"}
            | {"room/b": ""},
            [],
        ),
    ],
    ids=["of three, one late", "of two", "by the room's door", "a line", "of types", "a door"],
)
def test_a_circle_between_files_would_be_seen(tmp_path, files, circle):
    for name, text in files.items():
        path = tmp_path / "house" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = circle_of(graph_of(tmp_path / "house"))
    assert found == circle


def asked_of_the_root(path):
    """What a file reads of `scratchclust` itself, but for its version."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and is_the_root(node.value):
            yield from {node.attr} - {"__version__"}
        if isinstance(node, ast.Call) and any(is_the_root(argument) for argument in node.args):
            yield "everything, as getattr(scratchclust, ...) does"


def is_the_root(node):
    return isinstance(node, ast.Name) and node.id == "scratchclust"


def test_who_may_ask_the_root_for_more_than_its_version():
    asked = [
        f"{named(path)} asks for {name}"
        for path in FILES
        if room_of(path) not in ROOT and "scratchclust" in imports_of(path)
        for name in asked_of_the_root(path)
    ]
    assert not asked, "\n".join(asked)


def test_who_may_use_scikit_learn():
    forbidden = []
    for path in FILES:
        allowed = SKLEARN.get(room_of(path), set())
        for name in imports_of(path):
            first, *further = name.split(".")
            # the room that has some of it may have its version, too
            if first == "sklearn" and not (further[0] in allowed if further else allowed):
                forbidden.append(f"{named(path)} imports {name}")
    assert not forbidden, "\n".join(forbidden)


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
    assert imports_of(path) == ["scratchclust.reference.kmeans", "sklearn.cluster"]
    assert list(rooms_known_to(path)) == [["reference", "kmeans"]]


@pytest.mark.parametrize(
    "program",
    [
        "import scratchclust; dir(scratchclust)",
        "from scratchclust.reference import kmeans, silhouette, pca",
        "from scratchclust.cli import main\ntry:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code",
    ],
    ids=["package", "reference", "help"],
)
def test_importing_loads_nothing_heavy(program):
    heavy = "('jax', 'sklearn', 'matplotlib', 'tensorflow_datasets', 'scipy', 'flax')"
    report = f"\nimport sys\nprint('loaded:', [name for name in {heavy} if name in sys.modules])"
    command = [sys.executable, "-c", program + report, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded: []"
