"""What the README claims, done: its code, its line counts, its links."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from tests.project.readme import COUNTED, with_line_counts

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_prints_what_the_readme_shows():
    code, shown = re.search(r"```python\n(.*?)```\n\n```text\n(.*?)```", README, re.S).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue() == shown


def test_pictures_of_ones_own(tmp_path, monkeypatch):
    import numpy as np
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for folder in ("holiday", "new-uploads"):
        (tmp_path / folder).mkdir()
        for i in range(9):
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(
                tmp_path / folder / f"{i}.png"
            )
    code = next(
        code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "holiday" in code
    )
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert len(printed.getvalue().strip("[]\n").split()) == 9


def test_line_counts():
    assert with_line_counts(README) == README, "write them: python -m tests.project.readme"
    assert len(COUNTED.findall(README)) > 40


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links(path):
    assert (ROOT / path).exists()
