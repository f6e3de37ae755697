"""Make the notebooks: execute each tutorial's .py and write the .ipynb beside it, with its
pictures.

    python tutorials/execute.py                              all: what is committed
    python tutorials/execute.py 01_kmeans                    one
    python tutorials/execute.py --solutions --output FOLDER  elsewhere, with the solutions of the exercises run, too

A tutorial is written in its .py (jupytext's percent format); the .ipynb is made from it and never
edited. Its data come with the package: what a reader runs gives the pages that are committed. What
would differ from run to run without need (execution times, versions, random cell ids) is left out,
so that differences stay small.

Cells with the tag `hide-input` are folded, in Jupyter as on the site; the words of a figure
(`lessons.paper.describe`) become the alternative text of its picture.

A cell that fails, or takes longer than its limit, ends the program with exit code 1 and names the
cell.
"""

import argparse
import base64
import hashlib
import io
import os
import re
import sys
import time
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from PIL import Image

HERE = Path(__file__).parent
SECONDS_A_CELL = 120
# of a program beside this one that was interrupted while it kept what it had compiled: costs time, nothing else
WITHOUT_WARNINGS = ",".join(f"ignore:Error {what} persistent compilation cache" for what in ("reading", "writing"))
TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")
FOLDED_CODE = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


def tutorials() -> list[Path]:
    """The sources, in order."""
    return sorted([*HERE.glob("[0-9][0-9]_*.py"), *HERE.glob("[0-9][0-9][a-z]_*.py")])


def executed(source: Path, *, solutions: bool = False) -> nbformat.NotebookNode:
    """The notebook of one tutorial, with outputs.

    Args:
        source: a .py in percent format.
        solutions: run code that is folded away, too.

    Raises:
        CellExecutionError: a cell failed.
        CellTimeoutError: a cell took longer than SECONDS_A_CELL.
    """
    notebook = with_stable_ids(jupytext.read(source))
    if solutions:
        notebook.cells = [part for cell in notebook.cells for part in (cell, *folded_code(cell))]
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env={**os.environ, "PYTHONWARNINGS": WITHOUT_WARNINGS})
    pack_pictures(notebook)
    describe_pictures(notebook)
    fold(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def with_stable_ids(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Ids made from the text of the cells instead of random ones."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def pack_pictures(notebook: nbformat.NotebookNode) -> None:
    """Write every PNG in fewer bytes, with the same pixels; matplotlib adds an opaque fourth
    channel.
    """
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "image/png" in output.get("data", {}):
            packed = io.BytesIO()
            picture = Image.open(io.BytesIO(base64.b64decode(output.data["image/png"])))
            picture.convert("RGB").save(packed, "PNG", optimize=True)
            output.data["image/png"] = base64.b64encode(packed.getvalue()).decode()


def describe_pictures(notebook: nbformat.NotebookNode) -> None:
    """Hand the words of each cell's figures on to the site, which makes alternative texts of them."""
    for cell in notebook.cells:
        words = [
            output.data["text/plain"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
        ]
        if words:
            cell.metadata["mystnb"] = {"image": {"alt": " ".join("; ".join(words).split())}}


def fold(notebook: nbformat.NotebookNode) -> None:
    """Fold the code that a reader need not see first, in Jupyter, too."""
    for cell in notebook.cells:
        if "hide-input" in cell.metadata.get("tags", []):
            cell.metadata["jupyter"] = {"source_hidden": True}


def folded_code(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The Python code inside <details> of a text, as cells."""
    found = FOLDED_CODE.findall(cell.source) if cell.cell_type == "markdown" else []
    return [nbformat.v4.new_code_cell(code) for code in found]


def main() -> int:
    """Read the command line, execute, write."""
    parser = argparse.ArgumentParser(description="Execute tutorials and write their notebooks.")
    parser.add_argument("names", nargs="*", help="such as 01_kmeans; all if none is given")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the notebooks; default: beside the .py")
    parser.add_argument("--solutions", action="store_true", help="also run the code that is folded away")
    arguments = parser.parse_args()
    known = {source.stem: source for source in tutorials()}
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"no tutorial {unknown[0]!r}: there are {', '.join(known)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or known:
        began = time.perf_counter()
        try:
            notebook = executed(known[name], solutions=arguments.solutions)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"{name}: {TERMINAL_COLOR.sub('', str(error))}", file=sys.stderr)
            return 1
        seconds = time.perf_counter() - began
        target = arguments.output / f"{name}.ipynb"
        nbformat.write(notebook, target)
        print(f"{name}: {target.stat().st_size / 1e6:.2f} MB, {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
