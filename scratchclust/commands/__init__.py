"""The command line: `scratchclust cluster`, `run`, `assign`, `report` and others, a file each.

Nothing heavy is imported before a command needs it, so that --help answers at once.
"""

from typing import Annotated

import typer

import scratchclust
from scratchclust.commands.assign import assign_images
from scratchclust.commands.cluster import cluster_images
from scratchclust.commands.data import prepare_data
from scratchclust.commands.recipes import list_recipes
from scratchclust.commands.report import write_report
from scratchclust.commands.run import run_recipe

app = typer.Typer(
    help="Cluster images, with algorithms written from scratch in NumPy and JAX.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("run")(run_recipe)
app.command("cluster")(cluster_images)
app.command("assign")(assign_images)
app.command("report")(write_report)
app.command("recipes")(list_recipes)
app.command("data")(prepare_data)


@app.callback(invoke_without_command=True)
def _without_command(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"scratchclust {scratchclust.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
