"""No program that runs on several devices is given an array without elements: one compiler dies of
it.

jaxlib 0.11.2 ends the process with a segmentation fault while it compiles a `shard_map` over two or
more devices of which an operand has no elements, whether it is handed over or closed over. So a
tour over all that this package computes on several devices looks at the operands of each such
program as it is traced, on every version of JAX.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import scratchclust
from scratchclust import metrics, neighbors, rows
from scratchclust.reduce import tsne

RNG = np.random.default_rng(0)
LABELS = RNG.integers(5, size=240)
X = (RNG.normal(size=(240, 6)) + 4 * RNG.normal(size=(5, 6))[LABELS]).astype(np.float32)
IMAGES = RNG.integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
D = np.abs(X[:, None] - X[None]).sum(axis=2)
INTERNAL = [
    name
    for name in metrics.__all__
    if name.startswith(("silhouette", "simplified", "dunn", "davies", "cal"))
]


def fitted(name: str, X: Any = X, **parameters: Any) -> Callable[[], Any]:
    return lambda: getattr(scratchclust, name)(**parameters).fit(X)


def mapped(name: str, X: Any = X, **parameters: Any) -> Callable[[], Any]:
    return lambda: fitted(name, X, **parameters)().transform(X)


def predicted(name: str, **parameters: Any) -> Callable[[], Any]:
    return lambda: fitted(name, **parameters)().predict(X)


TOUR: dict[str, Callable[[], Any]] = {
    **{
        f"KMeans {init} {algorithm} {metric}": mapped(
            "KMeans",
            n_clusters=5,
            init=init,
            algorithm=algorithm,
            metric=metric,
            random_state=0,
            n_init=1,
        )
        for init, algorithm, metric in [
            ("k-means++", "lloyd", "euclidean"),
            ("k-means||", "elkan", "euclidean"),
            ("random", "lloyd", "cosine"),
        ]
    },
    "KMeans more clusters than points": fitted(
        "KMeans", X[[0, 0, 1, 1]], n_clusters=2, random_state=0
    ),
    "KMeans one cluster": fitted("KMeans", n_clusters=1, random_state=0),
    "MiniBatchKMeans": predicted("MiniBatchKMeans", n_clusters=5, random_state=0, batch_size=64),
    **{
        f"GaussianMixture {kind}": predicted(
            "GaussianMixture", n_components=k, covariance_type=kind, random_state=0
        )
        for k, kind in [(3, "full"), (3, "tied"), (3, "diag"), (3, "spherical"), (1, "tied")]
    },
    "DBSCAN": fitted("DBSCAN", eps=3.0),
    "DBSCAN all noise": fitted("DBSCAN", eps=1e-3),
    "AgglomerativeClustering": fitted("AgglomerativeClustering", n_clusters=3),
    "AgglomerativeClustering single": fitted(
        "AgglomerativeClustering", n_clusters=3, linkage="single"
    ),
    "SpectralClustering": fitted("SpectralClustering", n_clusters=3, random_state=0),
    "PCA": mapped("PCA", n_components=3),
    "PCA randomized": mapped("PCA", n_components=3, svd_solver="randomized", random_state=0),
    "PCA wide": mapped("PCA", X[:4], n_components=3),
    **{
        f"KernelPCA {k}": mapped("KernelPCA", n_components=3, kernel=k)
        for k in ("rbf", "poly", "linear", "cosine")
    },
    "TSNE fft": fitted("TSNE", method="fft", max_iter=60, perplexity=10, random_state=0),
    "TSNE exact": fitted(
        "TSNE", X[:100], method="exact", max_iter=60, perplexity=10, random_state=0
    ),
    "TSNE of new points": lambda: tsne.transform(X[:5], X, X[:, :2]),
    "nearest neighbours": lambda: neighbors.nearest_neighbors(X, 3),
    "GradientFeatures": mapped("GradientFeatures", IMAGES),
    "PatchFeatures": mapped("PatchFeatures", IMAGES, n_clusters=5, n_patches=100, random_state=0),
    **{
        name: partial(getattr(metrics, name), X, LABELS)
        for name in INTERNAL
        if name != "silhouette_estimate"
    },
    "silhouette_estimate": lambda: metrics.silhouette_estimate(
        X, LABELS, sample_size=50, random_state=0
    ),
    "silhouette of many clusters": lambda: metrics.silhouette_score(X, np.arange(240) // 2),
    "silhouette of distances": lambda: metrics.silhouette_score(D, LABELS, metric="precomputed"),
    "internal_scores": lambda: metrics.internal_scores(
        X, [LABELS, LABELS % 2, np.arange(240), np.zeros(240, int)]
    ),
}
HOST_ONLY = {"PixelFeatures", "MostProbable"}
NETWORKS = {
    "AutoencoderFeatures",
    "DECFeatures",
    "ClassLossFeatures",
    "ClassifierFeatures",
    "PretrainedFeatures",
    "SelfSupervisedFeatures",
    "SCANFeatures",
}


def is_score(name: str) -> bool:
    return "silhouette" in name or name in metrics.__all__


def empty_operands(program: Callable[..., Any], *args: Any) -> list[tuple[int, ...]]:
    """The shapes without elements among the operands, closed-over ones included, of the shard_maps
    in a program.
    """
    found = []

    def look(jaxpr: Any) -> None:
        for equation in jaxpr.eqns:
            if equation.primitive.name == "shard_map":
                shapes = [variable.aval.shape for variable in equation.invars]
                found.extend(shape for shape in shapes if 0 in shape)
            for inner in jax.tree.leaves(
                list(equation.params.values()), is_leaf=lambda each: hasattr(each, "eqns")
            ):
                if hasattr(getattr(inner, "jaxpr", inner), "eqns"):
                    look(getattr(inner, "jaxpr", inner))

    look(jax.make_jaxpr(program)(*args).jaxpr)
    return found


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[tuple[int, ...]]]]:
    """The empty operands of each program over two devices that is traced from now on, one list a
    program.
    """
    programs, real = [], jax.shard_map

    def recorded(*args: Any, **settings: Any) -> Callable[..., Any]:
        run = real(*args, **settings)

        def call(*operands: Any) -> Any:
            programs.append(empty_operands(run, *operands))
            return run(*operands)

        return call

    monkeypatch.setattr(jax, "shard_map", recorded)
    jax.clear_caches()  # what was traced before would not be traced again
    with rows.on(jax.local_devices()[:2]):
        yield programs


@pytest.mark.quick(5)
@pytest.mark.parametrize(
    "name",
    [name if is_score(name) else pytest.param(name, marks=pytest.mark.full) for name in TOUR],
)
@pytest.mark.filterwarnings("ignore")  # what converges is no matter here
def test_every_operand_has_elements(name: str, seen: list[list[tuple[int, ...]]]) -> None:
    TOUR[name]()
    on_host = ("Agglomerative", "DBSCAN", "PCA")  # on a CPU by the host, PCA by its BLAS
    assert seen or name.startswith(on_host), "nothing ran on several devices"
    assert not [shape for shapes in seen for shape in shapes]


def test_the_tour_leaves_nothing_out() -> None:
    missing = (
        set(scratchclust.ESTIMATORS) - {name.split()[0] for name in TOUR} - HOST_ONLY - NETWORKS
    )
    assert not missing, "what compiles for each of these is to be added to TOUR, in this file"
    assert {
        "silhouette_score",
        "dunn_index",
        "davies_bouldin_score",
        "simplified_silhouette_score",
    } <= set(INTERNAL)


def test_what_is_closed_over_is_seen() -> None:
    nothing, mesh = jnp.zeros((0, 3)), rows.mesh()
    spec = jax.sharding.PartitionSpec()

    def program(x: Any, empty: Any) -> Any:
        run = jax.shard_map(
            lambda x: (x + 1, empty), mesh=mesh, in_specs=spec, out_specs=spec, check_vma=False
        )
        return run(x)

    assert empty_operands(program, jnp.ones(4), nothing) == [(0, 3)]
    assert empty_operands(jax.jit(program), jnp.ones(4), nothing) == [(0, 3)]
    assert empty_operands(program, jnp.ones(4), jnp.ones((1, 3))) == []
