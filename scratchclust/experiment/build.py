"""From the steps of a recipe to estimators and pipelines, unfitted."""

from typing import Any

from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust.experiment.telling import takes
from scratchclust.recipes.recipe import Spec, Step, Variant


def build(step: Step, seed: int, **overrides: Any) -> Any:
    """Build the step's estimator; the seed is its random state where it has one."""
    given = {**step.parameters, **overrides}
    parameters = {name: _built(value) for name, value in given.items()}
    return seeded(getattr(scratchclust, step.estimator)(**parameters), seed)


def build_pipeline(variant: Variant, seed: int) -> Pipeline:
    """Build the variant's steps, from images to clusters."""
    return Pipeline([(name, build(step, seed)) for name, step in variant.steps.items()])


def seeded(estimator: Any, seed: int) -> Any:
    """Give the estimator the seed as its random state, where it has one."""
    return (
        estimator.set_params(random_state=seed) if takes(estimator, "random_state") else estimator
    )


def _built(value: Any) -> Any:
    if not isinstance(value, Spec):
        return value
    fields = {name: _built(field) for name, field in value.fields.items()}
    return getattr(scratchclust, value.name)(**fields)
