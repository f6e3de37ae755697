"""What is to be done: a recipe with a person's settings, checked before anything is computed."""

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import scratchclust
from scratchclust.data.dataset import Fit
from scratchclust.errors import InputError
from scratchclust.files import sha256_of_file, sha256_of_tree
from scratchclust.recipes.recipe import Applied, Recipe, Spec, Variant
from scratchclust.recipes.words import n_clusters_of, with_method, with_n_clusters, with_reduction
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
    epochs: int | None = None  # of the networks, in the place of the recipe's own
    data: str | None = None  # other images: a name or a path that `scratchclust.data.load` takes
    # height and width, or (height, width), to which every image is brought
    size: int | tuple[int, int] | None = None
    fit: Fit = "crop"  # how images of other proportions are: "crop", "pad" or "squeeze"
    strict: bool = False  # refuse a folder with files that are no readable pictures
    # of a network that was trained before: what `PretrainedFeatures` takes
    weights: str | None = None
    classes: tuple[int, ...] | None = None  # only images of these labels, and as many clusters
    method: str | None = None  # another clustering: what `recipes.methods.with_method` takes
    reduce: str | None = None  # another reduction: what `recipes.methods.with_reduction` takes
    # in which networks are trained; "bfloat16" leaves their parameters in float32
    precision: str = "float32"


@dataclass(frozen=True)
class Source:
    """Where the images come from."""

    split: str


@dataclass(frozen=True)
class Work:
    """A recipe, the settings, and who is told of the progress."""

    recipe: Recipe
    settings: Settings
    command: str | None  # the command line, for the record
    tell: Tell

    @property
    def labels_used(self) -> bool:
        """Whether labels take part in training."""
        return self.recipe.labels_used

    @property
    def source(self) -> "Source":
        """What is clustered."""
        return Source(self.split)

    @property
    def split(self) -> str:
        """What is clustered: the split asked for, all under --full, else the recipe's.

        Of a person's own images it is all, or what a recipe fits, where it applies that to others.
        """
        if self.settings.split is not None:
            return self.settings.split
        if self.settings.data is not None:
            return "all" if self.recipe.applied is None else self.recipe.split
        return (
            self.recipe.full_split or self.recipe.split if self.settings.full else self.recipe.split
        )

    @property
    def fit_split(self) -> str | None:
        """What the features learn from, if that is not what is clustered. A person's own images are
        both.
        """
        same = self.settings.data is not None or self.recipe.fit_split == self.split
        return None if same else self.recipe.fit_split

    @property
    def applied(self) -> Applied | None:
        """Which images everything is tried on in the end; none of them, if the person chose a
        split.
        """
        return None if self.settings.split is not None else self.recipe.applied

    @property
    def groups(self) -> Mapping[str, tuple[int, ...]] | None:
        """The groups of the labels of the recipe's own data; a person's own labels are as they are."""
        return None if self.settings.data is not None else self.recipe.groups

    @property
    def limit(self) -> int | None:
        """The first so many images: as asked for, else the recipe's own."""
        return self.settings.limit or (
            None if self.settings.data is not None else self.recipe.limit
        )

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The recipe's variants, with what was asked for in the place of what the features have."""
        epochs = self.settings.epochs or (self.recipe.full_epochs if self.settings.full else None)
        asked = {"epochs": epochs, "weights": self.settings.weights}
        if self.settings.precision != "float32":
            asked["precision"] = self.settings.precision
        found: dict[str, Variant] = {}
        for variant in self.recipe.variants:
            variant = self._as_asked(_with(variant, asked))
            found.setdefault(variant.name, variant)  # once, where two have become the same
        return tuple(found.values())

    def _as_asked(self, variant: Variant) -> Variant:
        settings = self.settings
        if settings.classes is not None:
            variant = with_n_clusters(variant, len(settings.classes))
        if settings.method is not None:
            variant = with_method(variant, settings.method)
        return variant if settings.reduce is None else with_reduction(variant, settings.reduce)

    @property
    def classes(self) -> tuple[int, ...] | None:
        """The labels of the images that take part: those asked for, else those of the recipe's own
        data.
        """
        return self.settings.classes or (
            None if self.settings.data is not None else self.recipe.classes
        )

    @property
    def elbow(self) -> tuple[int, ...] | None:
        """The recipe's numbers of clusters, where the method has an inertia to draw over them."""
        return self.recipe.elbow if self.settings.method in (None, "kmeans", "spectral") else None

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything but the seed that decides the result, as in metrics.json."""
        settings = {name: value for name, value in asdict(self.settings).items() if name != "seed"}
        return {**settings, "variants": [describe(variant) for variant in self.variants]}

    @property
    def needed(self) -> tuple[int, str]:
        """The smallest number of images, and for what: one more than clusters, or the silhouette is
        not defined.
        """
        n_clusters = max(n_clusters_of(variant) or 1 for variant in self.variants)
        steps = [step for variant in self.variants for step in variant.steps.values()]
        return max(
            (n_clusters + 1, f"{n_clusters} clusters"),
            (self.n_axes, f"{self.n_axes} principal components"),
            *(
                (step.parameters["n_components"], "kernel PCA")
                for step in steps
                if step.estimator == "KernelPCA"
            ),
            *(
                (int(step.parameters.get("perplexity", 30)) + 1, "t-SNE")
                for step in steps
                if step.estimator == "TSNE"
            ),
        )

    @property
    def n_axes(self) -> int:
        """The largest number of principal components of pixels that a variant asks for."""
        of_pixels = (
            variant for variant in self.variants if variant.features.estimator == "PixelFeatures"
        )
        return max((_n_principal(variant) for variant in of_pixels), default=0)

    def check_images(self, shape: tuple[int, ...]) -> None:
        """Refuses images [n h w c] of fewer pixels than principal components are asked for. Raises
        InputError.
        """
        n_pixels = math.prod(shape[1:])
        if n_pixels < self.n_axes:
            raise InputError(
                f"images of {'x'.join(map(str, shape[1:]))} have {n_pixels} numbers each, too few for {self.n_axes} "
                "principal components: give larger ones, or --size"
            )

    def check(self) -> None:
        """Refuses settings that do not go together. Raises InputError."""
        settings = self.settings
        if not 0 <= settings.seed < 2**32:
            raise InputError(
                f"--seed must be a whole number from 0 to 2**32 - 1, but is {settings.seed}"
            )
        n_needed, purpose = self.needed
        if settings.limit is not None and settings.limit < n_needed:
            raise InputError(
                f"--limit {settings.limit} leaves too few images for {purpose}: give {n_needed} or more"
            )
        if settings.epochs is not None and not self._some_feature_has("epochs"):
            raise InputError(f"recipe {self.recipe.name} trains no network: leave --epochs out")
        if settings.precision != "float32" and not self._some_feature_has("epochs"):
            raise InputError(
                f"recipe {self.recipe.name} trains no network, and all else is done in float32: leave --precision out"
            )
        if settings.weights is not None and not self._some_feature_has("weights"):
            raise InputError(
                f"recipe {self.recipe.name} takes no pretrained network: leave --weights out"
            )
        if settings.epochs is not None and settings.epochs < 1:
            raise InputError(f"--epochs must be at least 1, but is {settings.epochs}")
        if self.recipe.applied is not None and settings.classes is not None:
            raise InputError(
                f"recipe {self.recipe.name} has groups of labels of its own: leave --digits out"
            )
        if settings.full and self.recipe.full_split is None and self.recipe.full_epochs is None:
            raise InputError(
                f"recipe {self.recipe.name} takes all its images already: leave --full out"
            )
        if settings.strict and settings.data is None:
            raise InputError(
                "--strict is about the files of one's own folder: give --data too, or leave --strict out"
            )
        if settings.fit != "crop" and settings.size is None:
            raise InputError(
                f"--fit {settings.fit} says how images come to a --size: give one, or leave --fit out"
            )
        if settings.classes is not None and len(set(settings.classes)) != len(settings.classes):
            raise InputError(
                f"--digits names a label twice: {','.join(map(str, settings.classes))}"
            )
        if settings.classes is not None and len(settings.classes) < 2:
            raise InputError(
                "--digits needs at least two labels, as 5,6,8,9: one makes nothing to tell apart"
            )
        if self.recipe.name == "compare" and (settings.method is not None or settings.scan):
            raise InputError(
                "recipe compare has all the methods already: leave --method and --scan out"
            )
        if settings.scan and any(n_clusters_of(variant) is None for variant in self.variants):
            raise InputError(
                "--scan tries numbers of clusters, but dbscan finds that number: leave one of them out"
            )
        for variant in self.variants:
            length, n_axes = variant.features.parameters.get("latent_dim"), _n_principal(variant)
            if length is not None and length < n_axes:
                raise InputError(
                    f"--reduce pca:{n_axes} asks for more axes than the {length} numbers of {variant.name!r}: "
                    f"give pca:{length} or fewer"
                )
        if settings.full and (settings.data is not None or settings.split is not None):
            raise InputError(
                "--full, --split and --data each say what to cluster: leave --full out"
            )

    def _some_feature_has(self, parameter: str) -> bool:
        return any(parameter in variant.features.parameters for variant in self.recipe.variants)

    def fingerprint(self, images: Any, part: dict[str, Any]) -> str:
        """What a stage must agree in to be kept. The labels too, since a stage keeps the scores
        against them.
        """
        used = {name: dataset for name, dataset in images._asdict().items() if dataset is not None}
        return fingerprint(
            {
                "version": scratchclust.__version__,
                "recipe": self.recipe.name,
                "seed": self.settings.seed,
                **{
                    name: [dataset.sha256, _labels_sha256(dataset)]
                    for name, dataset in used.items()
                },
                "part": part,
                "weights": _weights_sha256(self.settings.weights),
            }
        )


def _labels_sha256(dataset: Any) -> str:
    return hashlib.sha256(b"" if dataset.labels is None else dataset.labels.tobytes()).hexdigest()


def _weights_sha256(weights: str | None) -> Any:
    """Of the person's own network, which may become another one under the same name."""
    path = Path(weights or "")
    if weights and path.is_file():
        return sha256_of_file(path)
    return sha256_of_tree(path) if weights and path.is_dir() else None


def describe(variant: Variant) -> dict[str, Any]:
    """The variant in JSON's types: its name, each step's estimator and parameters, and how often it
    is repeated.
    """
    steps = {
        name: {
            "estimator": step.estimator,
            **{key: _plain(value) for key, value in step.parameters.items()},
        }
        for name, step in variant.steps.items()
    }
    blind = {"blind": True} if variant.blind else {}
    return {"name": variant.name, **steps, **blind, "n_repeats": variant.n_repeats}


def _plain(value: Any) -> Any:
    if not isinstance(value, Spec):
        return value
    return {"spec": value.name, **{name: _plain(field) for name, field in value.fields.items()}}


def _n_principal(variant: Variant) -> int:
    """The principal components that the variant asks for; kernel PCA has no such limit."""
    return (
        variant.reduce.parameters["n_components"]
        if variant.reduce and variant.reduce.estimator == "PCA"
        else 0
    )


def _with(variant: Variant, asked: dict[str, Any]) -> Variant:
    """The variant with what was asked for; a network is trained where there are epochs, and has a
    precision there.
    """
    parameters = dict(variant.features.parameters)
    for name, value in asked.items():
        if value is not None and {"precision": "epochs"}.get(name, name) in parameters:
            parameters[name] = value
    return replace(variant, features=replace(variant.features, parameters=parameters))
