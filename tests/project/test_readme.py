"""What the README and the pages behind it claim, done: code, line counts, figures, links."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import scratchclust
from scratchclust import data, experiment
from scratchclust.recipes.cluster import Asked
from tests.project.readme import ALGORITHMS, COUNTED, with_line_counts
from tutorials.tools import overview

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SITE = ROOT / "tutorials" / "site"
OWN_PICTURES = (SITE / "own_pictures.md").read_text(encoding="utf-8")
MOST_WORDS = 1_300  # five minutes of reading


@pytest.mark.full
def test_the_code_prints_what_the_readme_shows():
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """The folders that the page of one's own pictures speaks of, in the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("holiday", "new-uploads"):
        (tmp_path / folder).mkdir()
        for i in range(9):
            picture = Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8))
            picture.save(tmp_path / folder / f"{i}.png")


def code_with(words):
    found = re.findall(r"```python\n(.*?)```", OWN_PICTURES, re.S)
    return next(code for code in found if words in code)


@pytest.mark.full
def test_pictures_of_ones_own(pictures):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code_with("persist.load"), "own_pictures.md", "exec"), {})
    assert len(printed.getvalue().strip("[]\n").split()) == 9


@pytest.mark.full
def test_a_run_of_ones_own(pictures):
    experiment.run(
        experiment.plan_cluster(Asked("holiday", clusters=3, features="pixels")).plan,
        output="runs/holiday",
    )
    images = data.load("holiday").images
    known = {"images": images}
    exec(compile(code_with("runs.load"), "own_pictures.md", "exec"), known)
    assert known["clusters"].shape == (9,)
    assert known["nearest"].ravel()[0] == 0


def test_line_counts():
    table = ALGORITHMS.read_text(encoding="utf-8")
    assert with_line_counts(table) == table, "write them: python -m tests.project.readme"
    assert len(COUNTED.findall(table)) > 40


def test_the_course_in_the_readme_is_what_the_pages_say():
    assert overview.with_list(README) == README, "write it: python -m tutorials.tools.overview"


def test_figures_of_the_recipes_are_those_of_their_table():
    """README has some of them; the table has all."""
    short = README.partition("## The recipes")[2].partition("\n## ")[0]
    table = (SITE / "recipes.md").read_text(encoding="utf-8")
    figures = re.findall(r"\b0\.\d{3}\b", short)
    assert len(figures) > 10
    assert [figure for figure in figures if figure not in table] == []


def test_it_is_read_in_five_minutes():
    text = re.sub(r"```.*?```|<!--.*?-->", " ", README, flags=re.S)
    text = re.sub(r"^    .*$|\]\([^)]*\)|[|`#*-]", " ", text, flags=re.M)
    assert 500 < len(text.split()) < MOST_WORDS


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links(path):
    assert (ROOT / path).exists()


def test_how_to_cite_names_this_version():
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {scratchclust.__version__}\n" in cited
