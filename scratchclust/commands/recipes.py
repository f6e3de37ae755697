"""`scratchclust recipes`: the recipes, a line each, or all of one."""

import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from scratchclust.commands.options import with_options_of_all
from scratchclust.commands.wording import in_options

if TYPE_CHECKING:
    from scratchclust.recipes import Recipe


@with_options_of_all
def list_recipes(
    name: Annotated[
        str | None, typer.Argument(help="Tell all of this one.", show_default=False)
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only the names.")] = False,
) -> None:
    """List the recipes, a line each; or tell all of one: data, method, what it should reach, and
    how long it takes.
    """
    from scratchclust.recipes import RECIPES, find

    if name is not None:
        recipe = find(name)
        typer.echo(recipe.name if quiet else _all_of(recipe))
        return
    if quiet:
        typer.echo("\n".join(RECIPES))
        return
    longest = max(map(len, RECIPES))
    for recipe in RECIPES.values():  # of 80 columns at most: a line each on a plain terminal
        duration = in_options(recipe.duration).split(";")[0]
        typer.echo(f"{recipe.name:<{longest}}  {recipe.summary:<39}  {duration}".rstrip())
    typer.echo("\n`scratchclust recipes NAME` tells all of one, `scratchclust run NAME` runs it.")


def _all_of(recipe: "Recipe") -> str:
    """A recipe for people, a paragraph for each of its parts; times are those of two cores."""
    parts = {
        "data": f"{recipe.dataset} ({recipe.split})",
        "method": recipe.method,
        "should reach": recipe.target,
        "takes": f"{recipe.duration}, on two cores",
        "labels": "used in training"
        if recipe.labels_used
        else "not used: they serve to score only",
        "run it": f"scratchclust run {recipe.name}",
    }
    width = min(shutil.get_terminal_size().columns, 100)
    lines = [f"{recipe.name}: {recipe.summary}", ""]
    for what, text in parts.items():
        lines += textwrap.wrap(
            in_options(text),
            width,
            break_on_hyphens=False,
            initial_indent=f"{what:<14}",
            subsequent_indent=" " * 14,
        )
    return "\n".join(lines)
