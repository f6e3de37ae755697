"""Recipes: what each experiment is, as a few lines of data, and what a person makes of it.

    recipe      what an experiment is made of          catalogue   the recipes, a file each
    settings    what a person may change               words       of method= and reduce=
    known_sets  shapes of a few named data sets        lengths     of the vectors of each step
    plan        all of it resolved, or refused at once

`scratchclust.experiment.run` runs any of them. No file here needs NumPy.
"""

from scratchclust.recipes.catalogue import RECIPES, find
from scratchclust.recipes.recipe import Recipe, Step, Variant
from scratchclust.recipes.settings import Settings

__all__ = ["RECIPES", "Recipe", "Settings", "Step", "Variant", "find"]
