"""Every page of the course runs, by the documented command and with its solutions; what is
committed is clean, in step, and keeps to the conventions of the course.
"""

import ast
import base64
import itertools
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import jupytext
import nbformat
import pytest

from tutorials.tools import overview, pages

FOLDER = Path(__file__).parents[2] / "tutorials"
SOURCES = pages.sources()
LARGEST = 1_500_000  # bytes
MOST_LINES = 250  # of code that a reader sees
MINUTES = range(10, 46)
FREER = {"00", "10"}  # pages without a hunt or questions, if they like
PLAYED = {"kmeans", "tsne", "dbscan", "tree"}
MACHINE_PATH = re.compile(r"(?<![\w.])(/(home|root|work|tmp|Users|usr|opt|mnt|content)/|[A-Z]:\\)")
WARNING = re.compile(r"\w*Warning\b|WARNING")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)\s]+?)(#[^)]*)?\)")
QUESTION = re.compile(r"\*\*Predict,\s+then\s+run\.\*\*")
NO_WORDS = re.compile(r"^(|<?\w*Figure\b.*|<.*>)$")

execute = runpy.run_path(str(FOLDER / "execute.py"))
every_page = pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)


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


def committed(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def texts(source: Path) -> str:
    """All that a page says in Markdown."""
    return "\n\n".join(
        each.source for each in jupytext.read(source).cells if each.cell_type == "markdown"
    )


def codes(source: Path) -> list[nbformat.NotebookNode]:
    return [each for each in jupytext.read(source).cells if each.cell_type == "code"]


def is_hidden(each: nbformat.NotebookNode) -> bool:
    return "hide-input" in each.metadata.get("tags", [])


def has_picture(each: nbformat.NotebookNode) -> bool:
    return any("image/png" in output.get("data", {}) for output in each.get("outputs", []))


def number_of(source: Path) -> str:
    return source.stem.partition("_")[0]


def test_the_course_is_found():
    assert "01_kmeans" in [source.stem for source in SOURCES]
    assert execute["tutorials"]() == SOURCES


@pytest.mark.full
@every_page
def test_runs_as_it_stands(source, tmp_path):
    """With the data that come with the package, and with what is folded away as a solution. Time
    limits are the command's own, for each cell.
    """
    command = [sys.executable, str(FOLDER / "execute.py"), source.stem, "--solutions"]
    finished = subprocess.run(
        [*command, "--output", str(tmp_path)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "TFDS_DATA_DIR": str(tmp_path / "no data here")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    notebook = nbformat.read(tmp_path / f"{source.stem}.ipynb", as_version=4)
    assert faults(notebook) == []


@every_page
def test_committed_notebook_is_in_step(source):
    written = [(each.cell_type, each.source) for each in jupytext.read(source).cells]
    shown = [(each.cell_type, each.source) for each in committed(source).cells]
    assert written == shown, (
        f"{source.stem}.ipynb is older than its .py: "
        f"run `python tutorials/execute.py {source.stem}`"
    )


@every_page
def test_committed_notebook_can_be_shown(source):
    notebook = committed(source)
    nbformat.validate(notebook)
    assert source.with_suffix(".ipynb").stat().st_size < LARGEST
    assert faults(notebook) == []
    code_cells = [each for each in notebook.cells if each.cell_type == "code"]
    assert [each.execution_count for each in code_cells] == list(range(1, len(code_cells) + 1))


@every_page
def test_every_picture_has_words(source):
    cells = [each for each in committed(source).cells if has_picture(each)]
    alts = [each.metadata.get("mystnb", {}).get("image", {}).get("alt", "") for each in cells]
    assert len(cells) >= 3 or number_of(source) in FREER
    assert [alt for alt in alts if NO_WORDS.match(alt) or len(alt.split()) < 4] == []
    pictures = re.findall(r"!\[([^\]]*)\]\(", texts(source))
    assert [words for words in pictures if len(words.split()) < 3] == []


@every_page
def test_pictures_are_pictures(source):
    outputs = [output for each in committed(source).cells for output in each.get("outputs", [])]
    pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", {})]
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in pictures)


@every_page
def test_the_first_cell_promises(source):
    page = pages.read(source)
    assert page.title != source.stem
    assert page.minutes in MINUTES, (
        "the first cell says `*30 minutes. Before this page: ... It runs in about 20 seconds.*`"
    )
    assert page.before
    assert page.runs
    assert page.promise


@every_page
def test_a_picture_comes_before_anything_else_is_asked(source):
    """It shows the promise or the problem; its code is folded. Imports may come before it."""
    if number_of(source) not in FREER:
        first = next(each for each in committed(source).cells if has_picture(each))
        assert is_hidden(first)
        assert committed(source).cells.index(first) <= 4


@every_page
def test_visible_code_is_short(source):
    lines = [
        line.strip()
        for each in codes(source)
        if not is_hidden(each)
        for line in each.source.splitlines()
    ]
    assert sum(bool(line) and not line.startswith("#") for line in lines) <= MOST_LINES


@every_page
def test_questions_hunt_and_exercise(source):
    text = texts(source)
    if number_of(source) not in FREER:
        assert len(re.findall(r"\*\*predict\b", text, re.IGNORECASE)) >= 3
        assert len(re.findall(r"^## Something is wrong here", text, re.M)) == 1
        assert len(re.findall(r"^## Exercise", text, re.M)) == 1
    if "## Exercise" in text:
        assert any(execute["folded_code"](each) for each in jupytext.read(source).cells)
    assert text.count("<details>") == text.count("</details>")
    assert "## What to take with you" in text


@every_page
def test_a_prediction_is_answered_by_an_assertion(source):
    """Behind what runs, in a folded cell, so that nobody reads the answer before the question is
    answered: question, code without an assertion, and then, at most three cells of code further on,
    an assertion that is folded.
    """
    cells = jupytext.read(source).cells
    for number, each in enumerate(cells):
        if each.cell_type == "markdown" and QUESTION.search(each.source):
            following = [later for later in cells[number:] if later.cell_type == "code"][:4]
            asserts = ["assert" in later.source for later in following]
            question = QUESTION.split(each.source)[-1][:80]
            assert any(asserts), question
            answer = asserts.index(True)
            assert answer > 0, f"the answer stands in the cell that is to be predicted: {question}"
            assert is_hidden(following[answer]), f"the answer is not folded: {question}"


@every_page
def test_no_formula_begins_a_list(source):
    """A line that begins with a plus inside of a formula is an item of a list, and the formula is
    torn in two.
    """
    for each in jupytext.read(source).cells:
        if each.cell_type != "markdown":
            continue
        in_text = re.sub(r"\$\$.*?\$\$|```.*?```|`[^`]*`", "", each.source, flags=re.DOTALL)
        lines = in_text.split("\n")
        for before, line in itertools.pairwise(lines):
            is_torn = before.count("$") % 2 and re.match(r"\s*([-+*]|1[.)]) ", line)
            assert not is_torn, f"{before} / {line}"


@every_page
def test_no_page_looks_behind_the_doors(source):
    for each in codes(source):
        code = "\n".join(
            line for line in each.source.splitlines() if not line.startswith(("%", "!"))
        )
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("scratchclust"):
                imported = [*(node.module or "").split("."), *(name.name for name in node.names)]
                assert not [name for name in imported if name.startswith("_")]
            if isinstance(node, ast.Import):
                assert not [
                    name.name
                    for name in node.names
                    if "scratchclust" in name.name and "._" in name.name
                ]


@every_page
def test_links_lead_somewhere(source):
    assert [path for path, _ in LINK.findall(texts(source)) if not (FOLDER / path).exists()] == []


@pytest.mark.parametrize(
    "path",
    sorted(FOLDER.glob("*.md")) + sorted((FOLDER / "site").glob("*.md")),
    ids=lambda path: path.name,
)
def test_links_of_the_sites_pages(path):
    """Pages of twins and API are made when the site is built."""
    made = re.compile(r"(site/)?(twins|api)/")
    links = [
        link for link, _ in LINK.findall(path.read_text(encoding="utf-8")) if not made.match(link)
    ]
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_ways_lead_over_pages_that_exist():
    numbers = {page.number for page in pages.all_pages()}
    assert [number for way in pages.WAYS for number in way.numbers if number not in numbers] == []


def test_the_overview_is_what_the_pages_say():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert text == overview.text(), "write it: python -m tutorials.tools.overview"


@every_page
def test_the_small_picture_is_the_pages_first(source):
    picture = overview.first_picture(source.stem)
    assert picture
    path = overview.small_path(source.stem)
    assert overview.digest_of(path) == overview.digest(picture), (
        "python -m tutorials.tools.overview"
    )
    assert path.stat().st_size <= overview.MOST_BYTES


@pytest.mark.parametrize("name", sorted(PLAYED))
def test_things_to_play_with_need_no_network(name):
    text = (FOLDER / "play" / f"{name}.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href)=["'](https?:)?//|@import|\bfetch\(|XMLHttpRequest""", text)
    assert "prefers-color-scheme" in text
    assert len(text.encode()) < 900_000
    picture = FOLDER / "images" / f"play_{name}.png"
    assert picture.stat().st_size < 60_000
    assert any(
        f"](images/play_{name}.png)](play/{name}.html)" in texts(source) for source in SOURCES
    )


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


@pytest.mark.quick(1)
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
        program.replace("SECONDS_A_CELL = 120", "SECONDS_A_CELL = 2"), encoding="utf-8"
    )
    (tmp_path / "99_broken.py").write_text(f"# %%\n{code}\n", encoding="utf-8")
    finished = subprocess.run(
        [sys.executable, str(tmp_path / "execute.py")],
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
    assert "no tutorial '01_kmean': there are 00_jax_for_numpy, 01_kmeans" in finished.stderr
