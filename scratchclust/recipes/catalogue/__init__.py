"""The experiments by name."""

import difflib

from scratchclust.errors import InputError
from scratchclust.recipes.catalogue.beyond import COMPARE, DIGITS, GRAPH, PRETRAIN
from scratchclust.recipes.catalogue.published import (
    CLASS_LOSSES,
    CLASSIFIER,
    LATENTS,
    PHOTOS,
    PIXELS,
    PIXELS_CONV_AE,
    PRETRAINED,
)
from scratchclust.recipes.recipe import Recipe

_ALL = (
    DIGITS,
    PIXELS,
    PIXELS_CONV_AE,
    LATENTS,
    CLASSIFIER,
    CLASS_LOSSES,
    PRETRAINED,
    PRETRAIN,
    GRAPH,
    PHOTOS,
    COMPARE,
)
RECIPES = {recipe.name: recipe for recipe in _ALL}


def find(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        InputError: If there is none, with the nearest name.
    """
    if name in RECIPES:
        return RECIPES[name]
    near = difflib.get_close_matches(name, RECIPES, n=1, cutoff=0.4)
    cure = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(RECIPES)}"
    raise InputError(f"there is no recipe {name!r}: {cure} (`scratchclust recipes` lists them)")
