"""What the README claims, done: its code, its line counts, its links."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scratchclust import data, experiment
from scratchclust.recipes.cluster import Asked
from tests.project.readme import COUNTED, with_line_counts

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_readme_shows():
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """The folders that README speaks of, in the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("holiday", "new-uploads"):
        (tmp_path / folder).mkdir()
        for i in range(9):
            picture = Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8))
            picture.save(tmp_path / folder / f"{i}.png")


def code_with(words):
    return next(code for code in re.findall(r"```python\n(.*?)```", README, re.S) if words in code)


def test_pictures_of_ones_own(pictures):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code_with("persist.load"), "README.md", "exec"), {})
    assert len(printed.getvalue().strip("[]\n").split()) == 9


def test_a_run_of_ones_own(pictures):
    experiment.run(
        experiment.plan_cluster(Asked("holiday", clusters=3, features="pixels")).plan,
        output="runs/holiday",
    )
    images = data.load("holiday").images
    known = {"images": images}
    exec(compile(code_with("runs.load"), "README.md", "exec"), known)
    assert known["clusters"].shape == (9,)
    assert known["nearest"].ravel()[0] == 0


def test_line_counts():
    assert with_line_counts(README) == README, "write them: python -m tests.project.readme"
    assert len(COUNTED.findall(README)) > 40


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links(path):
    assert (ROOT / path).exists()
