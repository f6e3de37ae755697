"""Recipes: each experiment as a few lines of data (`registry`), and the one function that runs any of them (`run`).

from scratchclust.recipes import Settings, run
outcome = run("digits", Settings(seed=1), output="runs/digits")
"""

from scratchclust.recipes.definitions import Recipe, Step, Variant
from scratchclust.recipes.registry import RECIPES, find
from scratchclust.recipes.run import Outcome, check, run
from scratchclust.recipes.work import Settings

__all__ = ["RECIPES", "Outcome", "Recipe", "Settings", "Step", "Variant", "check", "find", "run"]
