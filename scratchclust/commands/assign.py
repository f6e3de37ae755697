"""`scratchclust assign`: new images among the clusters of a finished run, as a table."""

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import StringIO, TextIOBase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from scratchclust.commands.computing import computing
from scratchclust.commands.options import (
    Debug,
    Device,
    Precision,
    Quiet,
)
from scratchclust.commands.terminal import print_path
from scratchclust.errors import InputError

CHUNK = 1024  # images between two lines of progress, a multiple of what `runs` takes at a time
SHOWN = 20  # names of files that could not be read
CHECKS = ("blur", "brightness", "width", "height", "duplicate_of")  # that a run of pictures has
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR)


def assign_images(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.", metavar="RUN")],
    images: Annotated[
        str,
        typer.Argument(
            help="A folder of pictures, a picture, a file of arrays, or a data set's name.",
            metavar="INPUT",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="The table's file, as FILE.csv.", show_default="the table is printed"),
    ] = None,
    split: Annotated[str, typer.Option(help="Take this split: train, test, val or all.")] = "all",
    limit: Annotated[int | None, typer.Option(help="Take only so many images.", min=1)] = None,
    device: Annotated[
        Device | None, typer.Option(help="Where to compute.", show_default="JAX's choice")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file that is there.")
    ] = False,
    debug: Debug = False,
    quiet: Quiet = False,
    precision: Annotated[Precision, typer.Option(hidden=True)] = Precision.float32,
    resume: Annotated[bool, typer.Option("--resume", hidden=True)] = False,
) -> None:
    """Sort new images into the clusters of a finished run: a line each, in the columns of its
    assignments.csv, and whether the image is unusual (farther from its cluster than 99% of the
    run's own images). Images are brought to the run's size and colours.
    """
    from scratchclust import runs

    _check_output(output, overwrite=overwrite)
    metrics = runs.read_metrics(run)
    with computing(device, debug=debug, quiet=quiet) as (tell, begin), ExitStack() as during:
        pixels = during.enter_context(_room_for_pixels(output))
        dataset = _read(metrics, images, pixels, split, limit, tell)
        begin()
        tell("reading the run")
        loaded = runs.load(run)
        table = StringIO(newline="")  # printed when nothing else is on the terminal
        file = table if output is None else during.enter_context(_written(output))
        n_unusual = _write_lines(file, loaded, dataset, tell)
    _tell_left_out(dataset)
    if not quiet:
        typer.echo(_summary(loaded, len(dataset.images), n_unusual), err=output is None)
    if output is None:
        _print_table(table.getvalue())
    else:
        print_path(output.resolve())


def _print_table(table: str) -> None:
    """Print the table as it is for a program, and on a terminal so that no name acts on it."""
    from scratchclust.errors import escaped

    if sys.stdout.isatty():
        table = "".join(f"{escaped(line)}\n" for line in table.splitlines())
    sys.stdout.write(table)


def _read(
    metrics: Mapping[str, Any],
    images: str,
    pixels: Path,
    split: str,
    limit: int | None,
    tell: Callable[[str], None],
) -> Any:
    """The images as the run had its own: in its size, by its fit, in its colours."""
    from scratchclust import data

    height, width, channels = metrics["dataset"]["shape"]
    dataset = data.load(
        images,
        split=split,
        limit=limit,
        size=(height, width),
        fit=metrics["parameters"].get("fit") or "crop",
        channels=channels,
        memory_map=pixels,
        tell=lambda line: tell(f"loading {line}"),
    )
    with suppress(OSError):  # the map lives on, and Ctrl-C leaves nothing; not so on Windows
        pixels.unlink(missing_ok=True)
    return dataset


def _write_lines(
    file: TextIOBase, run: Any, dataset: Any, tell: Callable[[str], None]
) -> int | None:
    """Write the table, some lines at a time; give the number of unusual images, if it is known."""
    from scratchclust.runs import AssignmentLines

    n = len(dataset.images)
    checks = [name for name in CHECKS if name in run.assignments]
    lines = AssignmentLines(file, [*checks, "unusual"])
    n_unusual: int | None = 0
    for begin in range(0, n, CHUNK):
        rows = slice(begin, begin + CHUNK)
        tell(f"assigning: {begin:,} of {n:,}")
        found = run.assign(dataset.images[rows])
        names = range(n)[rows] if dataset.paths is None else dataset.paths[rows]
        checked = _checked(dataset, rows) if checks else {}
        lines.write({"image": names, "label": _labels(dataset, rows), **checked, **found._asdict()})
        if found.unusual is None:
            n_unusual = None
        elif n_unusual is not None:
            n_unusual += int(found.unusual.sum())
    return n_unusual


def _checked(dataset: Any, rows: slice) -> dict[str, Any]:
    """Blur, brightness and size of pictures, in blocks as `Run.assign` takes them; of others none.

    What has near-duplicates among new pictures is left open: a line would depend on the others.
    """
    if dataset.original_sizes is None:
        return {}
    import numpy as np

    from scratchclust.curation.quality import quality
    from scratchclust.runs.loading import BLOCK

    images = dataset.images[rows]
    height, width = dataset.original_sizes[rows].T
    found = []
    for begin in range(0, len(images), BLOCK):
        block = images[begin : begin + BLOCK]
        filling = np.minimum(np.arange(BLOCK), len(block) - 1)
        of_block = quality(block[filling])
        found.append(np.stack([of_block.blur, of_block.brightness])[:, : len(block)])
    blur, brightness = np.concatenate(found, axis=1)
    return {"blur": blur, "brightness": brightness, "width": width, "height": height}


def _labels(dataset: Any, rows: slice) -> list[str | None] | None:
    if dataset.labels is None:
        return None
    names = dataset.label_names
    return [
        None if label < 0 else names[label] if names else str(label)
        for label in dataset.labels[rows].tolist()
    ]


def _summary(run: Any, n: int, n_unusual: int | None) -> str:
    words = [f"{n:,} image{'' if n == 1 else 's'} assigned"]
    if n_unusual is not None:
        words.append(f"{n_unusual:,} unusual")
    if run.nearness is not None and run.nearness.rule.instead is not None:
        method = run.metrics["results"][0]["method"]
        words.append(f"{method} has no place for new images, so {run.nearness.rule.instead}")
    return "; ".join(words)


def _tell_left_out(dataset: Any) -> None:
    """Name the files that are no pictures on standard error (a warning has told their number), and
    tell what was taken of others.
    """
    from scratchclust.errors import escaped

    for file in dataset.skipped[:SHOWN]:
        typer.echo(f"left out {escaped(file.path)}: {escaped(file.reason)}", err=True)
    if len(dataset.skipped) > SHOWN:
        typer.echo(f"left out {len(dataset.skipped) - SHOWN} files more", err=True)
    for note in dataset.notes[:SHOWN]:
        typer.echo(escaped(note), err=True)


def _check_output(output: Path | None, *, overwrite: bool) -> None:
    """Refuse a file that cannot be written, before anything is computed.

    Raises:
        InputError: it is there and may not be replaced, or it cannot be made there.
    """
    if output is None:
        return
    if output.is_dir():
        raise InputError(f"{output} is a folder: give the name of a file as output=")
    if output.exists() and not overwrite:
        raise InputError(
            f"{output} is there already: give another output=, or overwrite= to replace it"
        )
    folder = output.parent
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: make it, or give another output=")
    if not os.access(folder, os.W_OK):
        raise InputError(
            f"{folder} cannot be written to: change its rights, or give another output="
        )


@contextmanager
def _room_for_pixels(output: Path | None) -> Iterator[Path]:
    """A name for a file of decoded images that are too many for memory; it is gone at the end."""
    if output is None:
        with TemporaryDirectory() as folder:
            yield Path(folder) / "pixels.npy"
        return
    path = output.with_name(f".{output.name}.pixels.npy")  # one name: what a kill left is replaced
    try:
        yield path
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)


@contextmanager
def _written(output: Path) -> Iterator[TextIOBase]:
    """Inside, the table's file is written; it is there whole or not at all."""
    from scratchclust.files import whole_file

    try:
        with (
            whole_file(output) as draft,
            draft.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file,
        ):
            yield file
            file.flush()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        raise InputError(
            f"{output} cannot be written ({error.strerror}): give another output="
        ) from error
