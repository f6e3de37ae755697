"""`scratchclust report`: the page of a run, made again from the run's folder alone."""

from pathlib import Path
from typing import Annotated

import typer

from scratchclust.commands.options import Quiet, with_options_of_all
from scratchclust.commands.terminal import print_path


@with_options_of_all
def write_report(
    run: Annotated[Path, typer.Argument(help="The run's folder.", show_default=False)],
    quiet: Quiet = False,
) -> None:
    """Make the page of a run again: report.html, from what else is in the run's folder."""
    from scratchclust.experiment.page import write_page
    from scratchclust.runs.digests import check_seal

    check_seal(run.expanduser())
    path = write_page(run.expanduser()).resolve()
    if not quiet:
        typer.echo(f"{path.stat().st_size / 1e6:.1f} MB, one file; open it in a browser:")
    print_path(path)
