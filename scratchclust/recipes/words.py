"""The words of --method and --reduce, as steps that take the place of a recipe's own."""

from dataclasses import replace
from typing import Any

from scratchclust.errors import InputError
from scratchclust.recipes.recipe import Step, Variant

METHODS = ("kmeans", "gmm", "dbscan", "agglomerative", "spectral")
LINKAGES = ("ward", "complete", "average", "single")
REDUCTIONS = ("none", "pca:50", "kernel-pca:200", "tsne")
NAMES = {  # of the estimators, in metrics.json
    "KMeans": "kmeans",
    "MiniBatchKMeans": "minibatch-kmeans",
    "GaussianMixture": "gmm",
    "DBSCAN": "dbscan",
    "AgglomerativeClustering": "agglomerative",
    "SpectralClustering": "spectral",
}


def n_clusters_of(variant: Variant) -> int | None:
    """How many clusters the variant asks for; None where the method finds that out."""
    given = variant.cluster.parameters
    return given.get("n_clusters", given.get("n_components"))


def with_n_clusters(variant: Variant, n_clusters: int) -> Variant:
    """The variant with another number of clusters, where it asks for one."""
    names = [name for name in ("n_clusters", "n_components") if name in variant.cluster.parameters]
    parameters = {**variant.cluster.parameters, **dict.fromkeys(names, n_clusters)}
    return replace(variant, cluster=replace(variant.cluster, parameters=parameters))


def with_method(variant: Variant, method: str) -> Variant:
    """The variant with another clustering, for the same number of clusters.

    Args:
        variant: of a recipe.
        method: one of `METHODS`; "dbscan:EPS" gives the radius, "agglomerative:LINKAGE" the
            linkage.

    Raises:
        InputError: another word.
    """
    step = cluster_step(method, n_clusters_of(variant) or 10)
    return replace(variant, name=f"{_vectors_of(variant)} + {method}", cluster=step, n_repeats=1)


def _vectors_of(variant: Variant) -> str:
    """What the variant's name says of its features and reduction; pixels are pixels where nothing
    reduces them.
    """
    if variant.features.estimator == "PixelFeatures" and variant.reduce is None:
        return "pixels"
    return variant.name.partition(" + ")[0]


def cluster_step(method: str, n_clusters: int) -> Step:
    """The step of a method, see `with_method`."""
    word, _, detail = method.partition(":")
    if word == "dbscan":
        return Step("DBSCAN", {"eps": _positive(detail, method) if detail else "knee"})
    if word == "agglomerative" and detail in ("", *LINKAGES):
        return Step(
            "AgglomerativeClustering", {"n_clusters": n_clusters, "linkage": detail or "ward"}
        )
    steps = {
        "kmeans": Step("KMeans", {"n_clusters": n_clusters, "n_init": 10}),
        "gmm": Step("GaussianMixture", {"n_components": n_clusters, "covariance_type": "diag"}),
        "spectral": Step("SpectralClustering", {"n_clusters": n_clusters}),
    }
    if method not in steps:
        raise InputError(
            f"--method expects one of {', '.join(METHODS)} (also dbscan:EPS, agglomerative:LINKAGE with one of "
            f"{', '.join(LINKAGES)}), but is {method!r}"
        )
    return steps[method]


def with_reduction(variant: Variant, reduce: str) -> Variant:
    """The variant with another reduction between features and clustering.

    Args:
        variant: of a recipe.
        reduce: one of `REDUCTIONS`; other numbers of axes may stand behind the colon.

    Raises:
        InputError: another word.
    """
    step = reduce_step(reduce)
    bare = replace(variant, name=_without_reduction(variant.name), reduce=None, embed=None)
    vectors = _vectors_of(bare) if step is None else f"{_vectors_of(bare)}, {reduce}"
    return replace(
        bare, name=f"{vectors} + {variant.name.partition(' + ')[2] or variant.name}", reduce=step
    )


def _without_reduction(name: str) -> str:
    """ "conv AE, t-SNE + k-means" is "conv AE + k-means"."""
    vectors, plus, clustering = name.partition(" + ")
    return vectors.partition(", ")[0] + plus + clustering


def reduce_step(reduce: str) -> Step | None:
    """The step of a reduction, see `with_reduction`; None for "none"."""
    word, colon, detail = reduce.partition(":")
    if reduce in ("none", "tsne"):
        return None if reduce == "none" else Step("TSNE")
    axes = int(detail) if detail.isdecimal() and int(detail) > 0 else None
    if word not in ("pca", "kernel-pca") or (colon and axes is None):
        raise InputError(f"--reduce expects one of {', '.join(REDUCTIONS)}, but is {reduce!r}")
    if word == "pca":
        return Step("PCA", {"n_components": axes or 50})
    return Step("KernelPCA", {"n_components": axes or 200, "kernel": "rbf"})


def _positive(text: str, method: str) -> float:
    try:
        value: Any = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise InputError(f"--method dbscan:EPS expects a radius above 0, but is {method!r}")
    return value
