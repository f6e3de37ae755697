"""Every tutorial runs, in fast mode and by the documented command, and what is committed is clean
and in step.
"""

import base64
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

FOLDER = Path(__file__).parents[2] / "tutorials"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
LARGEST = 1_500_000  # bytes
MACHINE_PATH = re.compile(r"(?<![\w.])(/(home|root|work|tmp|Users|usr|opt|mnt|content)/|[A-Z]:\\)")
WARNING = re.compile(r"\w*Warning\b|WARNING")

execute = runpy.run_path(str(FOLDER / "execute.py"))
every_tutorial = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


def cell(kind: str, source: str, *outputs: nbformat.NotebookNode) -> nbformat.NotebookNode:
    if kind == "markdown":
        return nbformat.v4.new_markdown_cell(source)
    return nbformat.v4.new_code_cell(source, outputs=list(outputs))


def texts_of(output: nbformat.NotebookNode) -> str:
    """All that a reader sees as text; pictures are left out, since any letters can occur in their
    code.
    """
    texts = [output.get("text", "")]
    texts += [
        str(value)
        for kind, value in output.get("data", {}).items()
        if not kind.startswith("image/")
    ]
    return "\n".join(texts)


def faults(notebook: nbformat.NotebookNode) -> list[str]:
    """What must not stand in a notebook that people read."""
    found = []
    for number, each in enumerate(notebook.cells):
        for output in each.get("outputs", []):
            text = texts_of(output)
            found += [f"cell {number}: an error"] * (output.output_type == "error")
            found += [f"cell {number}: a stderr stream"] * (output.get("name") == "stderr")
            found += [f"cell {number}: a warning"] * bool(WARNING.search(text))
            found += [f"cell {number}: a path of a machine"] * bool(MACHINE_PATH.search(text))
        found += [f"cell {number}: a path of a machine in its source"] * bool(
            MACHINE_PATH.search(each.source)
        )
    return found


def test_tutorials_are_found():
    assert "01_kmeans" in [source.stem for source in SOURCES]
    assert execute["tutorials"]() == SOURCES


@pytest.mark.full
@every_tutorial
def test_runs_in_fast_mode(source, tmp_path):
    """Code that is folded away as a solution runs too. Time limits are the command's own, for each
    cell.
    """
    command = [
        sys.executable,
        str(FOLDER / "execute.py"),
        source.stem,
        "--data",
        "bundled",
        "--solutions",
    ]
    finished = subprocess.run(
        [*command, "--output", str(tmp_path)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "TFDS_DATA_DIR": str(tmp_path / "no data here")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    notebook = nbformat.read(tmp_path / f"{source.stem}.ipynb", as_version=4)
    assert notebook.metadata.scratchclust.data == "bundled"
    assert faults(notebook) == []


@every_tutorial
def test_committed_notebook_is_in_step(source):
    written = [(each.cell_type, each.source) for each in jupytext.read(source).cells]
    committed = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    shown = [(each.cell_type, each.source) for each in committed.cells]
    assert written == shown, (
        f"{source.stem}.ipynb is older than its .py: "
        f"run `python tutorials/execute.py {source.stem}`"
    )


@every_tutorial
def test_committed_notebook_can_be_shown(source):
    path = source.with_suffix(".ipynb")
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.scratchclust.data == "real"
    assert path.stat().st_size < LARGEST
    assert faults(notebook) == []
    code_cells = [each for each in notebook.cells if each.cell_type == "code"]
    assert [each.execution_count for each in code_cells] == list(range(1, len(code_cells) + 1))


@every_tutorial
def test_committed_notebook_shows_pictures(source):
    notebook = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    outputs = [output for each in notebook.cells for output in each.get("outputs", [])]
    pictures = [
        output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})
    ]
    assert len(pictures) >= 5
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)


@every_tutorial
def test_has_an_exercise_with_a_folded_solution(source):
    cells = jupytext.read(source).cells
    assert sum("## Exercise" in each.source for each in cells) == 1
    assert any(execute["folded_code"](each) for each in cells)
    assert all(each.source.count("<details>") == each.source.count("</details>") for each in cells)


@pytest.mark.parametrize(
    ("output", "fault"),
    [
        (
            nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[]),
            "cell 0: an error",
        ),
        (nbformat.v4.new_output("stream", name="stderr", text="hm"), "cell 0: a stderr stream"),
        (
            nbformat.v4.new_output("stream", name="stdout", text="RuntimeWarning: hm"),
            "cell 0: a warning",
        ),
        (
            nbformat.v4.new_output("stream", name="stdout", text="at /home/me/x.py"),
            "cell 0: a path of a machine",
        ),
        (
            nbformat.v4.new_output("execute_result", {"text/html": "/tmp/a"}),
            "cell 0: a path of a machine",
        ),
    ],
)
def test_faults_are_found(output, fault):
    assert faults(nbformat.v4.new_notebook(cells=[cell("code", "x", output)])) == [fault]


def test_pictures_and_harmless_text_are_no_faults():
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": "AAAA/tmp/AAAA", "text/markdown": "a share of 3/work"}
    )
    assert faults(nbformat.v4.new_notebook(cells=[cell("code", "x = a /tmp", picture)])) == []


def test_a_path_in_the_source_is_found():
    notebook = nbformat.v4.new_notebook(cells=[cell("code", "open('/home/me/x')")])
    assert faults(notebook) == ["cell 0: a path of a machine in its source"]


def test_ids_are_stable_and_unique():
    def ids() -> list[str]:
        notebook = nbformat.v4.new_notebook(cells=[cell("code", text) for text in ("a", "b", "a")])
        return [each.id for each in execute["with_stable_ids"](notebook).cells]

    assert ids() == ids()
    assert len(set(ids())) == 3


def test_folded_code_is_found():
    text = "try it\n\n<details>\n<summary>so</summary>\n\n```python\nx = 1\n```\n\n</details>"
    assert [each.source for each in execute["folded_code"](cell("markdown", text))] == ["x = 1\n"]
    assert execute["folded_code"](cell("markdown", "```python\nx = 1\n```")) == []
    assert execute["folded_code"](cell("code", text)) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "99_broken: .*ZeroDivisionError"),
        ("import time\ntime.sleep(60)", "99_broken: .*timed out"),
    ],
)
def test_a_broken_tutorial_fails(tmp_path, code, message):
    """The program in a folder with one tutorial that cannot work, and a limit of two seconds a
    cell.
    """
    program = (FOLDER / "execute.py").read_text(encoding="utf-8")
    (tmp_path / "execute.py").write_text(
        program.replace('"bundled": 60', '"bundled": 2'), encoding="utf-8"
    )
    (tmp_path / "99_broken.py").write_text(f"# %%\n{code}\n", encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "execute.py"), "--data", "bundled"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert re.search(message, finished.stderr, re.DOTALL)
    assert not (tmp_path / "99_broken.ipynb").exists()


def test_an_unknown_tutorial_is_refused():
    finished = subprocess.run(
        [sys.executable, str(FOLDER / "execute.py"), "01_kmean"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 2
    assert "no tutorial '01_kmean': there are 01_kmeans" in finished.stderr
