"""The words for clusterings and reductions: `METHODS` and `REDUCTIONS` say all of them.

What a person may ask for (`method="dbscan:0.5"`, `reduce="pca:50"`), the steps that these words
stand for, the names in metrics.json, the command line's help and the lists of the tests are made
from these two tables: a new clustering is one line of `METHODS`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from scratchclust.constants import LINKAGES
from scratchclust.errors import InputError
from scratchclust.recipes.recipe import Step, Variant


@dataclass(frozen=True)
class Detail:
    """What may stand behind the colon of a word.

    Attributes:
        name: as the help writes it, "EPS" in dbscan[:EPS].
        parameter: of the estimator, which it sets.
        expected: what it is, for a message.
        read: the parameter's value from the text; None where the text is none.
    """

    name: str
    parameter: str
    expected: str
    read: Callable[[str], Any]


@dataclass(frozen=True)
class Method:
    """One kind of clustering.

    Attributes:
        word: its name in metrics.json, and what a person asks for it by.
        estimator: its public name in the package.
        parameters: those that the word stands for, beside the number of clusters.
        counts: the parameter that is the number of clusters; None: the method finds that out.
        detail: what may stand behind a colon.
        has_inertia: whether an elbow can be drawn over numbers of clusters.
        is_offered: whether a person may ask for it; if not, only recipes have it.
    """

    word: str
    estimator: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    counts: str | None = "n_clusters"
    detail: Detail | None = None
    has_inertia: bool = False
    is_offered: bool = True

    def step(self, n_clusters: int, detail: str = "") -> Step:
        """The step of the word, for so many clusters; `detail` stood behind the colon."""
        counted = {} if self.counts is None else {self.counts: n_clusters}
        chosen = {self.detail.parameter: self.detail.read(detail)} if self.detail and detail else {}
        return Step(self.estimator, {**counted, **self.parameters, **chosen})


@dataclass(frozen=True)
class Reduction:
    """One kind of reduction between features and clustering.

    Attributes:
        word: what a person asks for it by.
        estimator: its public name in the package; None for no reduction.
        parameters: those that the word stands for.
        n_axes: the number of axes where the word says none; None: the word takes no number.
    """

    word: str
    estimator: str | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    n_axes: int | None = None

    @property
    def example(self) -> str:
        """The word as people write it, "pca:50"."""
        return self.word if self.n_axes is None else f"{self.word}:{self.n_axes}"

    def step(self, n_axes: int | None) -> Step | None:
        """The step of the word, with so many axes; None: as many as it has by default."""
        if self.estimator is None:
            return None
        counted = {} if self.n_axes is None else {"n_components": n_axes or self.n_axes}
        return Step(self.estimator, {**counted, **self.parameters})


def _radius(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _linkage(text: str) -> str | None:
    return text if text in LINKAGES else None


EPS = Detail("EPS", "eps", "a radius above 0", _radius)
LINKAGE = Detail("LINKAGE", "linkage", f"one of {', '.join(LINKAGES)}", _linkage)

METHODS = (
    Method("kmeans", "KMeans", {"n_init": 10}, has_inertia=True),
    Method("gmm", "GaussianMixture", {"covariance_type": "diag"}, counts="n_components"),
    Method("dbscan", "DBSCAN", {"eps": "knee"}, counts=None, detail=EPS),
    Method("agglomerative", "AgglomerativeClustering", {"linkage": "ward"}, detail=LINKAGE),
    Method("spectral", "SpectralClustering", has_inertia=True),
    Method("minibatch-kmeans", "MiniBatchKMeans", has_inertia=True, is_offered=False),
    # of features that are logits of clusters, which `Variant.refine` makes
    Method("most-probable", "MostProbable", counts=None, is_offered=False),
)
REDUCTIONS = (
    Reduction("none", None),
    Reduction("pca", "PCA", n_axes=50),
    Reduction("kernel-pca", "KernelPCA", {"kernel": "rbf"}, n_axes=200),
    Reduction("tsne", "TSNE"),
)

OFFERED = {method.word: method for method in METHODS if method.is_offered}
NAMES = {method.estimator: method.word for method in METHODS}  # of the estimators, in metrics.json
_BY_ESTIMATOR = {method.estimator: method for method in METHODS}


def method_words() -> str:
    """The words of `method=`, for people: "kmeans, dbscan[:EPS], ..."."""
    return ", ".join(
        f"{method.word}[:{method.detail.name}]" if method.detail else method.word
        for method in OFFERED.values()
    )


def reduction_words() -> str:
    """The words of `reduce=`, for people: "none, pca:50, ..."."""
    return ", ".join(reduction.example for reduction in REDUCTIONS)


def method_of(step: Step) -> Method:
    """The entry of a step's clustering."""
    return _BY_ESTIMATOR[step.estimator]


def n_clusters_of(variant: Variant) -> int | None:
    """How many clusters the variant asks for; None where the method finds that out."""
    counts = method_of(variant.cluster).counts
    if counts is None:
        return None if variant.refine is None else variant.refine.parameters.get("n_clusters")
    return variant.cluster.parameters.get(counts)


def with_n_clusters(variant: Variant, n_clusters: int) -> Variant:
    """The variant with another number of clusters, where it asks for one."""
    if variant.refine is not None:
        parameters = {**variant.refine.parameters, "n_clusters": n_clusters}
        variant = replace(variant, refine=replace(variant.refine, parameters=parameters))
    counts = method_of(variant.cluster).counts
    if counts is None:
        return variant
    changed = {"cluster": _with(variant.cluster, counts, n_clusters)}
    if variant.features.estimator == "DECFeatures":  # they are trained towards as many clusters
        changed["features"] = _with(variant.features, "n_clusters", n_clusters)
    return replace(variant, **changed)


def _with(step: Step, parameter: str, value: Any) -> Step:
    return replace(step, parameters={**step.parameters, parameter: value})


def with_method(variant: Variant, method: str) -> Variant:
    """The variant with another clustering, for the same number of clusters.

    Args:
        variant: of a recipe.
        method: a word of `METHODS`, also with its detail: "dbscan:0.5", "agglomerative:single".

    Raises:
        InputError: another word.
    """
    step = cluster_step(method, n_clusters_of(variant) or 10)
    return replace(variant, name=f"{_vectors_of(variant)} + {method}", cluster=step, n_repeats=1)


def cluster_step(method: str, n_clusters: int) -> Step:
    """The step of a method's word for so many clusters; errors of `with_method`."""
    word, colon, detail = method.partition(":")
    found = OFFERED.get(word)
    if found is None or (colon and found.detail is None):
        raise InputError(f"expected method= to be one of {method_words()}, got {method!r}")
    if found.detail is not None and detail and found.detail.read(detail) is None:
        text = f"{word}:{found.detail.name}"
        raise InputError(
            f"expected {found.detail.name} of method={text} to be {found.detail.expected}, "
            f"got {method!r}"
        )
    return found.step(n_clusters, detail)


def with_reduction(variant: Variant, reduce: str) -> Variant:
    """The variant with another reduction between features and clustering.

    Args:
        variant: of a recipe.
        reduce: a word of `REDUCTIONS`, also with another number of axes: "pca:20".

    Raises:
        InputError: another word.
    """
    step = reduce_step(reduce)
    bare = replace(variant, name=_without_reduction(variant.name), reduce=None, embed=None)
    vectors = _vectors_of(bare) if step is None else f"{_vectors_of(bare)}, {reduce}"
    clustering = variant.name.partition(" + ")[2] or variant.name
    return replace(bare, name=f"{vectors} + {clustering}", reduce=step)


def reduce_step(reduce: str) -> Step | None:
    """The step of a reduction's word, None for "none"; errors of `with_reduction`."""
    word, colon, detail = reduce.partition(":")
    found = {reduction.word: reduction for reduction in REDUCTIONS}.get(word)
    n_axes = int(detail) if detail.isdecimal() else 0
    if found is None or (colon and (found.n_axes is None or n_axes < 1)):
        raise InputError(f"expected reduce= to be one of {reduction_words()}, got {reduce!r}")
    return found.step(n_axes or None)


def _vectors_of(variant: Variant) -> str:
    """What the variant's name says of its features and reduction; bare pixels are pixels."""
    if variant.features.estimator == "PixelFeatures" and variant.reduce is None:
        return "pixels"
    return variant.name.partition(" + ")[0]


def _without_reduction(name: str) -> str:
    """ "conv AE, t-SNE + k-means" is "conv AE + k-means"."""
    vectors, plus, clustering = name.partition(" + ")
    return vectors.partition(", ")[0] + plus + clustering
