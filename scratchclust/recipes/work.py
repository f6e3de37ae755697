"""What is to be done: a recipe with a person's settings, checked before anything is computed."""

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import scratchclust
from scratchclust.errors import InputError
from scratchclust.recipes.registry import Recipe, Variant
from scratchclust.runs import fingerprint

Tell = Callable[[str], None]  # takes a line that says what is being done


@dataclass(frozen=True)
class Settings:
    """What a person may change in a recipe."""

    seed: int = 0  # the random state of every step that has one
    limit: int | None = None  # the first so many images
    split: str | None = None  # another split than the recipe's
    full: bool = False  # all splits, where the recipe takes only one
    scan: bool = False  # also inertia, silhouette and Dunn's index over k = 2..20
    data: str | None = None  # other images: a name or a path that `scratchclust.data.load` takes


@dataclass(frozen=True)
class Work:
    """A recipe, the settings, and who is told of the progress."""

    recipe: Recipe
    settings: Settings
    command: str | None  # the command line, for the record
    tell: Tell

    @property
    def split(self) -> str:
        """What is clustered: the split asked for, all under --full, else the recipe's; all of a person's own images."""
        if self.settings.split is not None:
            return self.settings.split
        if self.settings.data is not None:
            return "all"
        return self.recipe.full_split or self.recipe.split if self.settings.full else self.recipe.split

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything but the seed that decides the result, as in metrics.json."""
        settings = {name: value for name, value in asdict(self.settings).items() if name != "seed"}
        return {**settings, "variants": [describe(variant) for variant in self.recipe.variants]}

    @property
    def n_needed(self) -> int:
        """The smallest number of images: one more than clusters, or the silhouette is not defined."""
        return 1 + max(variant.cluster.parameters["n_clusters"] for variant in self.recipe.variants)

    def check(self) -> None:
        """Refuses settings that do not go together. Raises InputError."""
        settings = self.settings
        if not 0 <= settings.seed < 2**32:
            raise InputError(f"--seed must be a whole number from 0 to 2**32 - 1, but is {settings.seed}")
        if settings.limit is not None and settings.limit < self.n_needed:
            raise InputError(
                f"--limit {settings.limit} leaves too few images for {self.n_needed - 1} clusters: "
                f"give {self.n_needed} or more"
            )
        if settings.full and self.recipe.full_split is None:
            raise InputError(f"recipe {self.recipe.name} takes all its images already: leave --full out")
        if settings.full and (settings.data is not None or settings.split is not None):
            raise InputError("--full, --split and --data each say what to cluster: leave --full out")

    def fingerprint(self, dataset: Any, part: dict[str, Any]) -> str:
        """What a stage must agree in to be kept. The labels too, since a stage keeps the scores against them."""
        labels = b"" if dataset.labels is None else dataset.labels.tobytes()
        return fingerprint(
            {
                "version": scratchclust.__version__,
                "recipe": self.recipe.name,
                "seed": self.settings.seed,
                "images": dataset.sha256,
                "labels": hashlib.sha256(labels).hexdigest(),
                "part": part,
            }
        )


def describe(variant: Variant) -> dict[str, Any]:
    """The variant in JSON's types: its name, each step's estimator and parameters, and how often it is repeated."""
    steps = {name: {"estimator": step.estimator, **step.parameters} for name, step in variant.steps.items()}
    return {"name": variant.name, **steps, "n_repeats": variant.n_repeats}
