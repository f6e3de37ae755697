"""`scratchclust data`: a data set is prepared, or checked."""

import sys
from typing import Annotated

import typer

from scratchclust.commands.options import Quiet, with_options_of_all


@with_options_of_all
def prepare_data(
    name: Annotated[
        str, typer.Argument(help="digits, mnist, fashion_mnist, cifar10, or another of TFDS.")
    ],
    quiet: Quiet = False,
) -> None:
    """Prepare a data set with TensorFlow Datasets, or check one that is there."""
    from scratchclust.data import prepare

    prepared = prepare(name, verbose=not quiet and sys.stderr.isatty())
    if not quiet:
        counts = ", ".join(f"{count:,} {split}" for split, count in prepared.n_images.items())
        shape = "x".join(str(size or "?") for size in prepared.shape)
        classes = f"{prepared.n_classes} classes" if prepared.n_classes else "no labels"
        typer.echo(f"{prepared.name} {prepared.version}: {counts}; images {shape}, {classes}")
    typer.echo(prepared.folder or "comes with scratchclust: nothing to prepare")
