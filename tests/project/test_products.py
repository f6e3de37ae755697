"""Each product of matrices in the programs of clusterings, reductions and scores is left to the
fastest of XLA's libraries on a CPU, or has a reason here.

Read from the compiled text as in `test_libraries.py`, which has the networks.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import scratchclust
from benchmarks.ahead_of_time_capture import Program, recording
from scratchclust import metrics, neighbors, rows
from tests.project.test_libraries import COMPUTATION, OPERATION, fused_as_loops, fused_for_ynn

pytestmark = [
    pytest.mark.skipif(
        jax.default_backend() != "cpu", reason="reads what XLA's compiler for CPUs has written"
    ),
    pytest.mark.full,
]

N, D, K = 3000, 64, 10
RNG = np.random.default_rng(0)
LABELS = RNG.integers(K, size=N)
X = (RNG.normal(size=(N, D)) + RNG.normal(size=(K, D))[LABELS]).astype(np.float32)
IMAGES = RNG.integers(0, 256, (64, 28, 28, 1), dtype=np.uint8)
VECTOR = re.compile(r"\[(?:1,\d+|\d+,1|\d*)\]")  # a product's shape, where one factor is a vector

# Programs with a product that Eigen computes, and why it stays so. Processor time of one block.
LEFT_TO_EIGEN = {
    "steps.expect": "axes [d k d], summed along their rows: turned 0.95 times as long at d = 50, k "
    "= 10, but 1.3 times at d = 784",
    "steps.expect_and_sum": "the same product",
    "steps.total_scatter": "X^T X: with X turned 0.95 times as long at d = 64, 1.2 times at 784",
}


def fitted(name: str, **parameters: Any) -> Callable[[], Any]:
    return lambda: getattr(scratchclust, name)(random_state=0, **parameters).fit(X).predict(X)


def transformed(name: str, data: np.ndarray = X, **parameters: Any) -> Callable[[], Any]:
    return lambda: getattr(scratchclust, name)(**parameters).fit(data).transform(data)


k_means = partial(fitted, "KMeans", n_clusters=K, max_iter=5)
t_sne = partial(scratchclust.TSNE, max_iter=60, random_state=0)
TOUR: dict[str, Callable[[], Any]] = {
    "k-means": k_means(n_init=1),
    "k-means with bounds": k_means(n_init=1, algorithm="elkan"),
    "k-means, starts together": k_means(n_init=2, init="k-means||"),
    "k-means of many clusters": k_means(n_init=1, init="random", n_clusters=100),
    "mini-batch k-means": fitted("MiniBatchKMeans", n_clusters=K, max_iter=2),
    **{
        f"mixture, {kind}": fitted(
            "GaussianMixture", n_components=3, covariance_type=kind, max_iter=3
        )
        for kind in ("full", "tied", "diag", "spherical")
    },
    "DBSCAN": lambda: scratchclust.DBSCAN(eps=9.0).fit(X),
    "silhouette": lambda: metrics.silhouette_score(X, LABELS),
    "silhouette's estimate": lambda: metrics.silhouette_estimate(
        X, LABELS, sample_size=500, random_state=0
    ),
    "simplified silhouette": lambda: metrics.simplified_silhouette_score(X, LABELS),
    "Dunn's index": lambda: metrics.dunn_index(X, LABELS),
    "neighbours": lambda: neighbors.nearest_neighbors(X, 15),
    "PCA": transformed("PCA", n_components=8),
    "PCA, randomized": transformed("PCA", n_components=8, svd_solver="randomized", random_state=0),
    **{
        f"kernel PCA, {kernel}": transformed("KernelPCA", n_components=3, kernel=kernel)
        for kernel in ("rbf", "poly", "linear")
    },
    "t-SNE by grid": lambda: t_sne(method="fft").fit(X),
    "t-SNE by all pairs": lambda: t_sne(method="exact").fit(X[:500]),
    "patches": transformed("PatchFeatures", IMAGES, n_clusters=20, n_patches=500, random_state=0),
    "gradients": transformed("GradientFeatures", IMAGES),
}
# whose products are NumPy's, or which have none
ON_HOST = {"PCA", "t-SNE by grid"}


class Product(NamedTuple):
    """Where a product of a compiled program is computed."""

    program: str
    where: str  # "library", "Eigen", "vector" (of one factor), "loops"
    line: str


def products_of(program: Program) -> list[Product]:
    """Compile a program as users do, and list its products."""
    text = program.jitted.lower(*program.args, **program.kwargs).compile().as_text()
    ynn, loops = fused_for_ynn(text), fused_as_loops(text)
    name = ".".join(program.name.split(".")[-2:])
    found = []
    for computation in COMPUTATION.finditer(text):
        for line in computation["body"].splitlines():
            operation = OPERATION.search(line)
            if operation is None or operation["kind"] != "dot":
                continue
            where = "vector" if VECTOR.search(operation["type"]) else "Eigen"
            where = "loops" if computation["name"] in loops else where
            where = "library" if computation["name"] in ynn else where
            found.append(Product(name, where, line.strip()[:200]))
    return found


@pytest.mark.parametrize("name", TOUR)
@pytest.mark.filterwarnings("ignore")  # what converges is no matter here
def test_products_are_left_to_the_library(name: str) -> None:
    with recording() as programs, rows.on(jax.local_devices()[:1]):
        TOUR[name]()
    products = [product for program in programs for product in products_of(program)]
    assert any(product.where == "library" for product in products) or name in ON_HOST
    assert [product for product in products if product.where == "loops"] == []
    by_eigen = [product for product in products if product.where == "Eigen"]
    assert [product for product in by_eigen if product.program not in LEFT_TO_EIGEN] == []


def test_a_product_along_rows_is_seen() -> None:
    def along_rows(x: Any, y: Any) -> Any:
        return jax.numpy.matmul(x.T, y, precision="highest")

    def along_columns(x: Any, y: Any) -> Any:
        return jax.numpy.matmul(x, y.T, precision="highest")

    ones = np.ones((2048, 64), np.float32)
    for function, where in ((along_rows, "Eigen"), (along_columns, "library")):
        [product] = products_of(Program("test.f", jax.jit(function), (ones, ones), {}))
        assert product.where == where
