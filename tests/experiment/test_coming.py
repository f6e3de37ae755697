"""What is said before long work: the counts of `costs`, over rates that the test gives."""

from dataclasses import replace

import pytest

from scratchclust.costs import COSTS, Work
from scratchclust.experiment import coming
from scratchclust.rates import Rates
from scratchclust.recipes import RECIPES, find
from scratchclust.recipes.plan import Settings, plan

FAST = Rates(*[1e18] * len(Rates._fields))
SLOW = Rates(*[1e10] * len(Rates._fields))


def said(recipe, rates=SLOW, **settings):
    return coming.lines_of_recipe(plan(recipe, Settings(**settings)), rates)


def test_a_recipe_says_what_it_takes_where_that_is_long():
    (line,) = said("graph")
    assert line.startswith("10,000 images of 28x28, 1 variant; about ")
    assert line.endswith(" minutes on this machine")
    assert " of memory, " in line
    assert said("graph", FAST) == []


def test_images_that_are_not_known_are_not_guessed_at(tmp_path):
    assert said("graph", data=str(tmp_path / "own.npy")) == []


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_is_counted(recipe):
    (line,) = said(recipe, SLOW._replace(products=1e6, elements=1e6))
    assert line.endswith(" hours on this machine")


def test_more_images_and_more_epochs_are_more_work(monkeypatch):
    found = []
    monkeypatch.setattr(coming, "seconds_of", lambda work, rates: found.append(sum(work)) or 100.0)
    said("pixels-conv-ae")
    said("pixels-conv-ae", epochs=100)
    said("pixels-conv-ae", limit=500)
    base, longer, fewer = found
    assert fewer < base < longer


@pytest.mark.parametrize("recipe", ["self-supervised", "pixels-conv-ae"])
def test_looks_at_a_training_are_counted(recipe, monkeypatch):
    """Half as many are half the work; those that are taken away leave the training."""
    found = []
    monkeypatch.setattr(coming, "seconds_of", lambda work, rates: found.append(work) or 100.0)
    as_it_is = find(recipe)
    for every in (1, 2, None):
        coming.lines_of_recipe(plan(replace(as_it_is, watched_every=every), Settings()), SLOW)
    each, every_second, none = (work.products + work.exact for work in found)
    assert each - none == pytest.approx(2 * (every_second - none))
    assert none < each < 3 * none


def test_rounds_of_deep_embedded_clustering_are_counted(monkeypatch):
    found = []
    monkeypatch.setattr(coming, "seconds_of", lambda work, rates: found.append(work) or 100.0)
    recipe = find("deep-ae")
    dec = recipe.variants[0]
    for rounds in (40, 80):
        features = replace(
            dec.features, parameters={**dec.features.parameters, "max_rounds": rounds}
        )
        one = replace(recipe, variants=(replace(dec, features=features),))
        coming.lines_of_recipe(plan(one, Settings()), SLOW)
    assert found[1].products > 1.2 * found[0].products


def test_clusterings_are_counted_in_one_place(monkeypatch):
    """What is said of a recipe changes with the count of its method."""
    monkeypatch.setitem(COSTS, "spectral", lambda n, d, k=8: Work(exact=1e16))
    (line,) = said("graph")
    assert line.endswith("277.8 hours on this machine")
