"""What the site is made of: docstrings as Markdown, the pages of twins, the API, and what looks at
the site when it is built (.ci/run builds it).
"""

import re

import pytest

import scratchclust
from tutorials.tools import (
    api_pages,
    check_site,
    docstrings,
    extension,
    overview,
    pages,
    sources,
    twin_pages,
)
from tutorials.tools import twins as mapping

FIRST = """# ---
# jupyter: {}
# ---

# %% [markdown]
# # Trees
#
# *30 minutes. Before this page: [01](01_kmeans.ipynb) and some NumPy. It
# runs in about 20 seconds.*
#
# You will cut a tree. Then another.

# %%
x = 1
"""


@pytest.fixture(scope="module")
def api():
    return api_pages.all_pages()


@pytest.fixture(scope="module")
def twins():
    return twin_pages.all_pages()


# --- docstrings


@pytest.mark.parametrize(
    ("docstring", "markdown"),
    [
        ("The square |x|^2 of x_i.", r"The square \|x\|\^2 of x\_i."),
        ("See `x_i` [n d].", r"See `x_i` \[n d\]."),
        ("A.\n\nB\nand C.", "A.\n\n\nB and C."),
        ("So:\n\n    y = x_i\n\nEnd.", "So:\n\n\n```text\ny = x_i\n```\n\n\nEnd."),
        ("- one\n  more\n- two", "- one more\n- two"),
        (
            "D.\n\nArgs:\n    x: the _x_\n        of it.\n",
            "D.\n\n\n**Args**\n\n- `x`: the \\_x\\_ of it.",
        ),
        ("E.\n\nExample:\n    >>> 1\n    1", "E.\n\n\n**Example**\n\n\n```pycon\n>>> 1\n1\n```"),
        ("1. is no list", r"1\. is no list"),
        ("| a | b |\n|---|---|\n| x_i | 1 |", "| a | b |\n|---|---|\n| x\\_i | 1 |"),
        (None, ""),
    ],
)
def test_docstrings_become_markdown(docstring, markdown):
    assert docstrings.as_markdown(docstring).strip() == markdown


def test_code_without_its_docstring_and_signatures_as_written():
    code = sources.code_of(docstrings.summary)
    assert code.startswith("def summary(docstring: str | None) -> str:\n    first =")
    assert sources.signature_of(docstrings.summary) == "(docstring: str | None) -> str"
    assert '"n d"' in sources.code_of(mapping.twin_of("kmeans").lloyd)


# --- twins


@pytest.mark.parametrize(("name", "function"), mapping.pairs())
def test_each_pair_is_shown_with_a_test_that_is_there(twins, name, function):
    page = twins[f"twins/{name}.md"]
    if function in twin_pages.own_functions(name):
        place = f"({twin_pages.place_of(name, function)})="
        assert place in page
        part = page.partition(place)[2].partition("\n(twins-")[0]
        assert part.count("```python") == 2
        assert "*Compared by*" in part
    else:
        assert f"- `{function}`" in page.partition("## Handed on")[2]
    for test in twin_pages.comparing_tests(name, function):
        assert f"def {test.name}(" in (sources.ROOT / test.file).read_text(encoding="utf-8")


def test_twins_are_compared_by_the_tests_that_name_both():
    found = twin_pages.comparing_tests("kmeans", "assign")
    assert "test_assign_by_hand" in [test.name for test in found]
    assert {test.file.split("/")[1] for test in found} <= {"cluster"}


# --- the API


def test_each_public_name_is_in_the_api(api):
    assert set(scratchclust.ESTIMATORS) <= {path[4:-3] for path in api}
    for name in scratchclust.__all__:
        assert (
            f"- `{name}`: " in api["api/index.md"]
            or f"| [{name}]({name}.md) |" in api["api/index.md"]
        )
    for module in api_pages.modules():
        page = api[f"api/{module}.md"]
        for name in api_pages.names_of(module):
            described = re.search(rf"\{{py:(class|function|data)\}} {name}\b", page)
            assert described or f"\n`{name}`: see [" in page, f"{module}.{name}"


def test_what_one_page_hands_on_another_describes(api):
    for page in api.values():
        for name, module in re.findall(r"^`(\w+)`: see \[([\w.]+)\]", page, re.M):
            assert re.search(rf"\{{py:(class|function|data)\}} {name}\b", api[f"api/{module}.md"])


def test_shapes_are_told_as_they_are_written(api):
    assert "X: Real[AnyRows, 'n d']" in api["api/scratchclust.cluster.kmeans.md"]
    assert "n_clusters: int=8" in api["api/KMeans.md"]
    assert "{py:method} fit_predict(" in api["api/KMeans.md"]


# --- the course


def test_a_first_cell_is_read(tmp_path):
    source = tmp_path / "08b_trees.py"
    source.write_text(FIRST, encoding="utf-8")
    page = pages.read(source)
    before = "[01](01_kmeans.ipynb) and some NumPy"
    assert page == ("08b_trees", "Trees", 30, before, "20 seconds", "You will cut a tree.")
    assert page.number == "08b"
    assert pages.sources(tmp_path) == [source]


def test_small_pictures_are_small():
    picture = overview.Picture(
        (sources.ROOT / "tutorials" / "images" / "report.png").read_bytes(), "a page"
    )
    assert len(overview.small(picture)) <= overview.MOST_BYTES


def test_a_page_says_where_it_is_and_how_it_is_run():
    cell = pages.first_cell(FIRST)
    line = cell.splitlines().index("runs in about 20 seconds.*")
    here = extension.with_line(cell, "08b_trees", "", "main")
    assert here.splitlines()[line + 2] == ":::{container} run"
    assert "jupyter lab tutorials/08b_trees.ipynb" in here
    assert "http" not in here
    there = extension.with_line(cell, "08b_trees", "https://github.com/a/b", "main")
    path = "a/b/blob/main/tutorials/08b_trees.ipynb"
    assert f"https://colab.research.google.com/github/{path}" in there
    assert "https://mybinder.org/v2/gh/a/b/main?labpath=tutorials/08b_trees.ipynb" in there


def test_what_plays_becomes_a_frame_and_words_a_link():
    picture = "[![Points and a line\nto drag](images/play_tree.png)](play/tree.html)"
    shown = extension.to_play_with(f"{picture}\n\n**[Play](play/tree.html)**")
    assert 'src="play/tree.html" title="Points and a line to drag"' in shown
    assert '**<a href="play/tree.html">Play</a>**' in shown
    assert "](" not in shown


# --- what looks at the site


def test_faults_of_a_site_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(check_site, "public_names", lambda: ["here", "nowhere"])
    (tmp_path / "a.html").write_text(
        '<script src="https://cdn.example/x.js"></script><img src="p.png" alt="p.png"><p id="here">'
        '<img src="q.png" alt="two dots"><a href="b.html">b</a>'
        '<a href="#here">h</a><a href="#gone">g</a>'
        '<a href="https://example.org">out</a>',
        encoding="utf-8",
    )
    (tmp_path / "a.css").write_text(
        "@font-face { src: url(https://fonts.example/f.woff) }", encoding="utf-8"
    )
    assert list(check_site.faults(tmp_path)) == [
        "a.html: loads https://cdn.example/x.js",
        "a.html: a picture without words: p.png",
        "a.html: b.html leads nowhere",
        "a.html: #gone leads nowhere",
        "a.css: loads from the network",
        "nowhere is not in the API",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A map. At the end you can [read](a.ipynb) maps. You need X.", "You can read maps."),
        ("A map. At the end of this page you can read it. More.", "A map."),
        ("A map of images. It asks.", "A map of images."),
    ],
)
def test_a_page_promises_what_its_reader_can_do(text, said):
    assert pages.promise(text) == said
