"""What is added in a file of its own is registered where CONTRIBUTING says, or fails here."""

import ast
from pathlib import Path

import scratchclust
from scratchclust.recipes import RECIPES
from scratchclust.recipes.words import METHODS, REDUCTIONS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "scratchclust"
BASES = {"base", "image_base", "network_base", "centroids"}  # files that others build on


def classes_of(path: Path) -> set[str]:
    """The public classes that a file defines."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    names = {node.name for node in body if isinstance(node, ast.ClassDef)}
    return {name for name in names if not name.startswith("_")}


def test_every_estimator_is_public_and_saved_under_its_name():
    files = [path for path in (PACKAGE / "estimators").glob("[!_]*.py") if path.stem not in BASES]
    found = {name: path.stem for path in files for name in classes_of(path)}
    assert found == scratchclust.ESTIMATORS


def test_every_method_of_clustering_and_every_reduction_is_a_word():
    named = {scratchclust.ESTIMATORS[method.estimator] for method in METHODS}
    named |= {
        scratchclust.ESTIMATORS[reduction.estimator]
        for reduction in REDUCTIONS
        if reduction.estimator
    }
    doors = {
        path.stem
        for room in ("cluster", "reduce")
        for path in (PACKAGE / room).glob("[!_]*.py")
        if (PACKAGE / "estimators" / path.name).exists()
    }
    assert doors <= named


def test_every_clustering_has_its_tests_its_benchmark_and_its_line():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    elsewhere = {"spectral", "most_probable"}  # a reduction with k-means; an argmax
    for name in {scratchclust.ESTIMATORS[method.estimator] for method in METHODS} - elsewhere:
        assert (ROOT / "tests" / "cluster" / f"test_{name}.py").exists()
        assert (ROOT / "benchmarks" / f"bench_{name}.py").exists()
        assert f"(scratchclust/cluster/{name}.py)" in readme


def test_every_recipe_is_a_file_and_stands_in_the_readme():
    files = {path.stem for path in (PACKAGE / "recipes" / "catalogue").glob("[!_]*.py")}
    assert {name.replace("-", "_") for name in RECIPES} == files
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = (ROOT / "tutorials" / "site" / "recipes.md").read_text(encoding="utf-8")
    for text in (readme, table):
        assert not [
            name
            for name in RECIPES
            if f"`scratchclust run {name}`" not in text and name != "digits"
        ]


def test_every_definition_stands_in_the_table_of_algorithms():
    table = (ROOT / "tutorials" / "site" / "algorithms.md").read_text(encoding="utf-8")
    files = sorted(path.name for path in (PACKAGE / "reference").glob("[!_]*.py"))
    assert [name for name in files if f"scratchclust/reference/{name})" not in table] == [
        "distances.py"
    ]


def test_every_benchmark_can_be_run():
    for path in (ROOT / "benchmarks").glob("bench_*.py"):
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert "main" in {node.name for node in body if isinstance(node, ast.FunctionDef)}, path
