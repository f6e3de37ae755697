"""Make the notebooks: execute each tutorial's .py and write the .ipynb beside it, with its
pictures.

    TFDS_DATA_DIR=... python tutorials/execute.py                     all, with real data: what is committed
    TFDS_DATA_DIR=... python tutorials/execute.py 01_kmeans           one
    python tutorials/execute.py --data bundled --output FOLDER        in fast mode, without data or network, elsewhere

A tutorial is written in its .py (jupytext's percent format); the .ipynb is made from it and never
edited. What would differ from run to run without need (execution times, versions, random cell ids)
is left out, so that differences stay small. `--solutions` also runs the Python code that is folded
away in the text, right after it.

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
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from PIL import Image

HERE = Path(__file__).parent
SECONDS_A_CELL = {"bundled": 60, "real": 600}
TERMINAL_COLOR = re.compile(r"\x1b\[[0-9;]*m")
FOLDED_CODE = re.compile(r"<details>.*?```python\n(.*?)```.*?</details>", re.DOTALL)


def tutorials() -> list[Path]:
    """The sources, in order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def executed(source: Path, data: str, *, solutions: bool = False) -> nbformat.NotebookNode:
    """The notebook of one tutorial, with outputs.

    Args:
        source: a .py in percent format.
        data: "bundled" or "real"; the tutorial finds it in SCRATCHCLUST_TUTORIAL_DATA.
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
        timeout=SECONDS_A_CELL[data],
        kernel_name="python3",
        record_timing=False,
        extra_arguments=["--log-level=ERROR"],
    )
    client.execute(env={**os.environ, "SCRATCHCLUST_TUTORIAL_DATA": data})
    pack_pictures(notebook)
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "scratchclust": {"data": data},
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


def folded_code(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The Python code inside <details> of a text, as cells."""
    found = FOLDED_CODE.findall(cell.source) if cell.cell_type == "markdown" else []
    return [nbformat.v4.new_code_cell(code) for code in found]


def main() -> int:
    """Read the command line, execute, write."""
    parser = argparse.ArgumentParser(description="Execute tutorials and write their notebooks.")
    parser.add_argument("names", nargs="*", help="such as 01_kmeans; all if none is given")
    parser.add_argument("--data", choices=sorted(SECONDS_A_CELL), default="real")
    parser.add_argument("--output", type=Path, default=HERE, help="folder for the notebooks; default: beside the .py")
    parser.add_argument("--solutions", action="store_true", help="also run the code that is folded away")
    arguments = parser.parse_args()
    known = {source.stem: source for source in tutorials()}
    if unknown := [name for name in arguments.names if name not in known]:
        parser.error(f"no tutorial {unknown[0]!r}: there are {', '.join(known)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or known:
        try:
            notebook = executed(known[name], arguments.data, solutions=arguments.solutions)
        except (CellExecutionError, CellTimeoutError) as error:
            print(f"{name}: {TERMINAL_COLOR.sub('', str(error))}", file=sys.stderr)
            return 1
        target = arguments.output / f"{name}.ipynb"
        nbformat.write(notebook, target)
        print(f"{name}: {target.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
