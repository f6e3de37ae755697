"""Recipes: each experiment as a few lines of data. `scratchclust.experiment.run` runs any of them."""

from scratchclust.recipes.catalogue import RECIPES, find
from scratchclust.recipes.plan import Settings
from scratchclust.recipes.recipe import Recipe, Step, Variant

__all__ = ["RECIPES", "Recipe", "Settings", "Step", "Variant", "find"]
