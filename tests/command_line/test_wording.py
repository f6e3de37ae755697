"""The library speaks of its arguments, the command line of its options; neither of the others."""

import ast
import dataclasses
import logging
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
from PIL import Image

import scratchclust
from scratchclust import cli, commands
from scratchclust.commands.wording import OPTIONS, in_options
from scratchclust.errors import InputError
from scratchclust.recipes import RECIPES, Settings
from scratchclust.recipes.words import OFFERED, REDUCTIONS, method_words, reduction_words

PACKAGE = Path(scratchclust.__file__).parent


def command(name: str) -> Any:
    """One command of the program; that of all wants a type that the tests' type checks refuse."""
    return typer.main.get_command(commands.app).commands[name]  # type: ignore[attr-defined]


LIBRARY = sorted(
    path
    for room in ("recipes", "experiment", "runs", "")
    for path in (PACKAGE / room).glob("**/*.py" if room else "*.py")
    if path.name not in ("cli.py", "doubts.py", "show.py")
)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "give one size for all, for example size=64",
            "give one size for all, for example --size 64",
        ),
        ("load split='train' or split='test'", "load --split train or --split test"),
        ("remove it, or load without strict", "remove it, or leave --strict out"),
        ("sort_into='so/s4l' is there", "--sort-into so/s4l is there"),
        ('sort_into="it\'s/x" is there', "--sort-into it's/x is there"),
        ("limit=5", "--limit 5"),
        ("limit=5 leaves too few", "--limit 5 leaves too few"),
        ("leave classes= out", "leave --digits out"),
        ("classes=5,6 (of ten), classes=: 2", "--digits 5,6 (of ten), --digits: 2"),
        ("give reduce=kernel-pca:20, or less", "give --reduce kernel-pca:20, or less"),
        ("take full=True; resume=True", "take --full; --resume"),
        ("(method=dbscan)", "(--method dbscan)"),
        ("/me/split=train/size=3.npz: damaged", "/me/split=train/size=3.npz: damaged"),
        ("split=train/a.npz: damaged", "split=train/a.npz: damaged"),
        ("size=3.npz: damaged", "size=3.npz: damaged"),
        ("n_limit=5, other=3", "n_limit=5, other=3"),
        (
            "none came: call fit(images, labels)",
            "none came: give images in folders of their classes",
        ),
        (
            "choose fewer clusters",
            "give more images, or take --method dbscan, which finds the number of clusters",
        ),
    ],
)
def test_messages_speak_of_options(message: str, expected: str) -> None:
    assert in_options(message) == expected


def test_every_setting_has_its_option() -> None:
    assert {field.name for field in dataclasses.fields(Settings)} <= set(OPTIONS)
    known = {
        option
        for name in ("run", "cluster")
        for parameter in command(name).params
        for option in parameter.opts
    }
    assert set(OPTIONS.values()) <= known


def sentences_of(path: Path) -> list[str]:
    """All text of a file but its docstrings, with {} for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docs
    ]


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_library_knows_no_option(path: Path) -> None:
    for sentence in sentences_of(path):
        assert not re.search(r"(^|[\s(])--[a-z]", sentence), sentence


def test_help_names_every_method_and_reduction(capsys: pytest.CaptureFixture[str]) -> None:
    command("run").main(["--help"], standalone_mode=False)
    told = " ".join(capsys.readouterr().out.split())
    for word in (*OFFERED, *(reduction.example for reduction in REDUCTIONS)):
        assert word in told
    assert method_words() in told
    assert reduction_words() in told


# --- wrong use in one process; a few are real commands in test_cli


def refusal(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> str:
    """The line that a command leaves, which must end with 2 and leave no folder."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as caught:
        command("run").main(arguments, standalone_mode=False)
    assert cli._explain(caught.value) == 2
    (line,) = capsys.readouterr().err.splitlines()
    # the folder above that of a run may stay
    assert [path for path in sorted(tmp_path.rglob("*")) if path.name != "runs"] == before
    assert not re.search(r"\b[a-z]+= ", line), line
    return line


WRONG = [
    (["--reduce", "pca:100000"], "principal components"),
    (["--reduce", "kernel-pca:70001"], "too few"),
    (["--reduce", "tsne", "--limit", "30"], "--limit 30 leaves too few images for t-SNE"),
    (["--reduce", "umap"], "expected --reduce to be one of none, pca:50, kernel-pca:200, tsne"),
    (["--method", "kmean"], None),
    (["--digits", "5"], None),
    (["--digits", "5,77"], None),
    (["--limit", "1"], "--limit 1 leaves too few images"),
]


@pytest.fixture(autouse=True)
def propagation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which the command sets for its process, is for one test only."""
    monkeypatch.setattr(logging.getLogger("scratchclust"), "propagate", True)


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=str)
def test_what_cannot_be_is_one_line_and_code_2(
    recipe: str,
    arguments: list[str],
    message: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = refusal([recipe, *arguments], tmp_path, monkeypatch, capsys)
    assert line.startswith("scratchclust: ")
    assert (message or "") in line


@pytest.mark.parametrize("recipe", ["digits", "class-losses"])
def test_the_axes_of_a_word_without_a_number_are_too_many(
    recipe: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = refusal([recipe, "--reduce", "pca"], tmp_path, monkeypatch, capsys)
    assert "too few for 50 principal components: give --reduce pca:" in line


def test_errors_of_reading_speak_of_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").mkdir()
    for side in (4, 5):
        Image.new("L", (side, side)).save(tmp_path / "mine" / f"{side}.png")
    line = refusal(["pixels", "--data", "mine"], tmp_path, monkeypatch, capsys)
    assert "give one size for all, for example --size 64" in line


def test_every_command_takes_the_options_of_all_and_hides_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # run and cluster have them all themselves
    names = {each.name for each in commands.app.registered_commands} - {"run", "cluster"}
    assert {"recipes", "data"} <= names
    for name in names:
        command(name).main(["--help"], standalone_mode=False)
        told = capsys.readouterr().out
        assert "--debug" in told
        assert "--quiet" in told
        assert "--precision" not in told
