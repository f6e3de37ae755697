"""What the README claims, done: its code, its line counts, its links."""

import contextlib
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
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
            Image.fromarray(rng.integers(0, 256, (40, 50, 3), np.uint8)).save(tmp_path / folder / f"{i}.png")
    code = next(code for code in re.findall(r"```python\n(.*?)```", README, re.S) if "holiday" in code)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert len(printed.getvalue().strip("[]\n").split()) == 9


@pytest.mark.parametrize(("path", "lines"), re.findall(r"\]\((scratchclust/[\w/]+\.py)\) \((\d+)", README))
def test_line_counts(path, lines):
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) == int(lines)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([\w./-]+)\)", README))))
def test_links(path):
    assert (ROOT / path).exists()
