"""What Sphinx does not do by itself: it writes the pages that are made, says on every page where its file is and how it
is run, turns links to things to play with into frames, and takes mathematics and those things into the site.
"""

import importlib.util
import json
import re
import shutil
from pathlib import Path
from typing import Any

from tutorials.tools import api_pages, overview, pages, twin_pages, twins

PLAY = re.compile(r"\[!\[(?P<words>[^\]]*)\]\(images/play_(?P<picture>\w+)\.png\)\]\(play/(?P<name>\w+)\.html\)")
PLAY_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\(play/(\w+)\.html\)")
FRAME = """
```{{raw}} html
<figure class="play">
<iframe src="play/{name}.html" title="{words}" loading="lazy">
</iframe>
<noscript><img src="play/play_{name}.png" alt="{words}"></noscript>
<figcaption><a href="play/{name}.html">Open this on a page of its own</a></figcaption>
</figure>
```
"""
MATHJAX = "mathjax/tex-svg-full.js"
COURSE = "<!-- the course -->"
CONTENTS = "<!-- the pages -->"
SOURCE_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)*(scratchclust/[\w/]+(?:\.py)?)\)")
PLACE = re.compile(r"(?<=\.ipynb)#[^)\s]+(?=\))")  # Jupyter's names of headings have capitals, the site's have none
WAY_BACK = re.compile(r"""href=(["'])(\.\./\d\d[a-z]?_\w+)\.ipynb\1""")
PAGE_LINK = re.compile(r"\[([^\]]+)\]\((?:\.\./)*(\d\d[a-z]?_\w+)\.ipynb\)")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx's way in."""
    app.add_config_value("repository", "", "env")
    app.add_config_value("branch", "main", "env")
    app.connect("builder-inited", write_made_pages)
    app.connect("source-read", complete)
    app.connect("build-finished", bring_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_made_pages(app: Any) -> None:
    """Twins and API, as files below site/, which is where Sphinx looks; what is as it was is not touched."""
    folder = Path(app.srcdir) / "site"
    made = twin_pages.all_pages() | api_pages.all_pages()
    for path, text in made.items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
    for old in [*folder.glob("twins/*.md"), *folder.glob("api/*.md")]:
        if old.relative_to(folder).as_posix() not in made:
            old.unlink()


def complete(app: Any, name: str, source: list[str]) -> None:
    """Put into a page's source what only the site has."""
    if (pages.FOLDER / f"{name}.ipynb").exists():
        notebook = json.loads(source[0])
        for number, cell in enumerate(notebook["cells"]):
            if cell["cell_type"] == "markdown":
                text = "".join(cell["source"])
                text = with_line(text, name, app.config.repository, app.config.branch) if number == 0 else text
                cell["source"] = PLACE.sub(lambda found: found[0].lower(), to_play_with(text))
        source[0] = json.dumps(notebook)
    elif name == "index":
        course = [*overview.ways(site="site/", benchmarks="site/benchmarks.md"), *overview.table()]
        contents = [f"{page.number} {page.title} <{page.name}>" for page in pages.all_pages()]
        contents += sorted(path.stem for path in pages.FOLDER.glob("*.md") if path.stem not in ("index", "README"))
        source[0] = source[0].replace(COURSE, "\n".join(course)).replace(CONTENTS, "\n".join(contents))
    else:
        source[0] = PAGE_LINK.sub(page_or_words, SOURCE_LINK.sub(where_it_is_shown, source[0]))


def where_it_is_shown(found: re.Match[str]) -> str:
    """A link to a source file as a link to the page of the site that shows or describes it."""
    words, path = found.groups()
    module = path.removesuffix(".py").replace("/", ".")
    stem = module.rpartition(".")[2]
    if module == f"{twins.REFERENCE}.{stem}" and stem in twins.names():
        return f"[{words}](twins/{stem}.md)"
    for known in (module, module.rpartition(".")[0]):
        if known in api_pages.modules():
            return f"[{words}](api/{known}.md)"
    return f"`{words}`"


def page_or_words(found: re.Match[str]) -> str:
    """A link to a page of the course; its words alone where the page is not there (tests tell of it)."""
    return found[0] if (pages.FOLDER / f"{found[2]}.ipynb").exists() else found[1]


def to_play_with(text: str) -> str:
    """Frames for the things to play with; where words alone lead to one, a link that is no download."""
    return PLAY_LINK.sub(r'<a href="play/\2.html">\1</a>', PLAY.sub(frame, text))


def frame(found: re.Match[str]) -> str:
    """The thing to play with in the place of its picture."""
    words = " ".join(found["words"].split()).replace('"', "&quot;").replace("<", "&lt;")
    return FRAME.format(name=found["name"], words=words)


def with_line(text: str, name: str, repository: str, branch: str) -> str:
    """The first cell with a line below its title's: where the file is and how to run it."""
    line = f"\n\n:::{{container}} run\n{where_to_run(name, repository, branch)}\n:::\n"
    found = pages.FIRST_LINE.search(text) or pages.TITLE.search(text)
    return text[: found.end()] + line + text[found.end() :] if found else text + line


def where_to_run(name: str, repository: str, branch: str) -> str:
    """In the browser where the project has an address, on one's own machine always."""
    here = f"{{download}}`{name}.ipynb`, {{download}}`{name}.py`"
    local = f'`pip install -e ".[notebooks]" jupyterlab && jupyter lab tutorials/{name}.ipynb` in a clone runs it'
    if not repository:
        return f"This page as a file: {here}. {local}."
    owner_and_name = repository.rstrip("/").removeprefix("https://github.com/")
    path = f"{owner_and_name}/blob/{branch}/tutorials/{name}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{owner_and_name}/{branch}?labpath=tutorials/{name}.ipynb"
    links = f"[Colab](https://colab.research.google.com/github/{path}), [Binder]({binder})"
    return f"Run it: {links}. As a file: [in the repository](https://github.com/{path}), {here}. {local}."


def bring_files(app: Any, error: Exception | None) -> None:
    """The things to play with, and the one file of MathJax that the pages load."""
    if error is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    play = pages.FOLDER / "play"
    if play.exists():
        shutil.copytree(play, out / "play", ignore=shutil.ignore_patterns("*.py", "__pycache__"), dirs_exist_ok=True)
        for copied in (out / "play").glob("*.html"):
            text = copied.read_text(encoding="utf-8")
            copied.write_text(WAY_BACK.sub(r'target="_top" href="\2.html"', text), encoding="utf-8")
        for picture in (pages.FOLDER / "images").glob("play_*.png"):
            shutil.copy(picture, out / "play")
    target = out / "_static" / MATHJAX
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(mathjax(), target)


def mathjax() -> Path:
    """MathJax in one file, out of the package that brings it by pip."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    assert spec is not None, 'MathJax is not here: pip install -e ".[docs]"'
    assert spec.origin is not None
    return Path(spec.origin).parent / "static" / MATHJAX
