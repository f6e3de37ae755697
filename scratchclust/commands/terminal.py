"""What the commands show on a terminal while they work, and the place of the result."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from scratchclust.errors import escaped

MOST_READ = 2**16  # bytes of what libraries have written


@contextmanager
def libraries_silenced(debug: bool) -> Iterator[None]:
    """Inside, descriptor 2 leads nowhere; Python's own sys.stderr has another one (`cli.main`).

    Libraries in C that decode pictures (libtiff) write their remarks there, past everything that
    Python could do.
    """
    if debug:
        yield
        return
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def errors_kept(debug: bool) -> Iterator[Callable[[], str]]:
    """`libraries_silenced`, and a function that tells what they have written."""
    if debug:
        yield lambda: ""
        return
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield lambda: os.pread(written.fileno(), MOST_READ, 0).decode(errors="replace")
        finally:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def output_silenced() -> Iterator[None]:
    """Inside, descriptor 1 leads nowhere, and Python's own sys.stdout has another one.

    gloo tells its connections there, between the lines that a program may want to read.
    """
    stdout = sys.stdout
    stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    sys.stdout = os.fdopen(os.dup(kept), "w", encoding=stdout.encoding, errors=stdout.errors)
    try:
        yield
    finally:
        sys.stdout.close()
        sys.stdout = stdout
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def spinner(quiet: bool) -> Iterator[Callable[[str], None]]:
    """What to tell each step to: it stands with its time on standard error.

    Nothing is shown when quiet or not on a terminal.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda line: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.table import Column

    on_one_line = Column(no_wrap=True, overflow="ellipsis")  # one line is what Ctrl-C wipes away
    told = TextColumn("{task.description}", markup=False, table_column=on_one_line)
    columns = (SpinnerColumn(), told, TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")

        def tell(line: str) -> None:
            step = progress.tasks[0].description.split(":")[0]
            if escaped(line).split(":")[0] == step:  # only a count has changed: the time goes on
                progress.update(task, description=escaped(line))
            else:
                progress.reset(task, description=escaped(line))

        yield tell


def print_path(folder: Path) -> None:
    """Print the path as one would type it here.

    It is safe to look at on a terminal, and byte for byte what a program needs.
    """
    try:
        here = Path.cwd()
    except OSError:  # the working folder is gone
        here = None
    if here is not None and folder.is_relative_to(here):
        folder = folder.relative_to(here)
    typer.echo(escaped(str(folder)) if sys.stdout.isatty() else os.fsencode(folder))
