"""The experiments by name: each file of this folder is one, its `RECIPE`.

A new file `my_recipe.py` with `RECIPE = Recipe(name="my-recipe", ...)` is all that a new recipe
takes: the registry is the folder.
"""

import difflib
import importlib
import pkgutil

from scratchclust.errors import InputError
from scratchclust.recipes.recipe import Recipe


def recipe_of(file: str) -> Recipe:
    """The recipe of a file of this folder, whose name is the file's with hyphens.

    Raises:
        ImportError: the file has no recipe, or one of another name; a test reads every file.
    """
    found = getattr(importlib.import_module(f"{__name__}.{file}"), "RECIPE", None)
    name = file.replace("_", "-")
    if not isinstance(found, Recipe) or found.name != name:
        got = f"{found.name!r}" if isinstance(found, Recipe) else "none"
        raise ImportError(f"recipes/catalogue/{file}.py: expected RECIPE of {name!r}, got {got}")
    return found


def _in_order() -> dict[str, Recipe]:
    found = [recipe_of(module.name) for module in pkgutil.iter_modules(__path__)]
    return {recipe.name: recipe for recipe in sorted(found, key=lambda it: (it.rank, it.name))}


RECIPES = _in_order()


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: there is none; the message has the nearest name.
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    cure = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(RECIPES)}"
    raise InputError(f"there is no recipe {name!r}: {cure} (`scratchclust recipes` lists them)")
