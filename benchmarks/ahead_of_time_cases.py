"""The hot programs, each had by calling the package as its users do: see `ahead_of_time.py`."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
import scipy.sparse
from flax import nnx

from benchmarks.ahead_of_time_capture import Program, first_call
from scratchclust import metrics, models, neighbors, results, rows
from scratchclust.cluster import gaussian_mixture, kmeans, minibatch_kmeans
from scratchclust.cluster.dbscan_parts import passes
from scratchclust.cluster.mixtures import spheres
from scratchclust.estimators.autoencoder import AutoencoderFeatures
from scratchclust.estimators.classifier import ClassifierFeatures
from scratchclust.estimators.self_supervised import SelfSupervisedFeatures
from scratchclust.experiment.build import build
from scratchclust.features import gradients, networks
from scratchclust.features import pretrained as pretrained_features
from scratchclust.features.autoencoder import encode
from scratchclust.recipes import find
from scratchclust.reduce import kernel_pca, pca, tsne
from scratchclust.reduce.tsne_parts import affinities, descent, fft
from scratchclust.reduce.tsne_parts.checkpoint import Reached
from scratchclust.train import collapse
from scratchclust.train.knn import knn_accuracy

KEY = jax.random.key(0)
NEIGHBORS = 90  # of t-SNE's default perplexity
MAP_WIDTH = 300.0  # of a map of 70,000 points near its end


class Case(NamedTuple):
    """A program, and what leads to it."""

    name: str  # "k-means, an iteration", without sizes
    program: str  # "module.function"
    drive: Callable[..., Any]
    size: tuple[int, ...]  # its arguments
    small: tuple[int, ...]  # those with which a test traces it
    is_network: bool = False  # whose products may be rounded
    on: tuple[str, ...] = ("cuda", "tpu")  # where the package uses it

    @property
    def title(self) -> str:
        return f"{self.name}, {' x '.join(f'{n:,}' for n in self.size)}"

    def find(self, *, small: bool = False) -> Program:
        size = self.small if small else self.size
        return first_call(self.program, partial(self.drive, *size))


@cache
def points(n: int, d: int) -> np.ndarray:
    """Random ones; of very many, one and the same row."""
    some = np.random.default_rng(0).random((n if n * d <= 2**26 else 1, d), np.float32)
    return np.broadcast_to(some, (n, d))


def labels(n: int, k: int) -> np.ndarray:
    return np.arange(n) % k


def images(n: int, *shape: int) -> np.ndarray:
    return np.zeros((n, *shape), np.uint8)


def lloyd(algorithm: str, n: int, d: int, k: int) -> None:
    kmeans.lloyd(points(n, d), np.array(points(n, d)[:k]), algorithm=algorithm)


def start(init: str, n: int, d: int, k: int) -> None:
    kmeans.kmeans(points(n, d), k, key=KEY, init=init)


def assign(n: int, d: int, k: int) -> None:
    kmeans.assign(points(n, d), np.array(points(n, d)[:k]))


def minibatch(n: int, d: int, k: int) -> None:
    given = np.array(points(n, d)[:k])
    minibatch_kmeans.minibatch_kmeans(points(n, d), k, key=KEY, init=given, init_size=3 * k)


def silhouette(n: int, d: int, k: int) -> None:
    metrics.silhouette_score(points(n, d), labels(n, k))


def silhouette_estimate(n: int, d: int, k: int) -> None:
    metrics.silhouette_estimate(points(n, d), labels(n, k), sample_size=n // 10, random_state=0)


def simplified_silhouette(n: int, d: int, k: int) -> None:
    metrics.simplified_silhouette_score(points(n, d), labels(n, k))


def dunn(n: int, d: int, k: int) -> None:
    metrics.dunn_index(points(n, d), labels(n, k))


def nearest(n: int, d: int, k: int) -> None:
    neighbors.nearest_neighbors(points(n, d), k)


def principal_axes(n: int, d: int, q: int) -> None:
    pca.pca(points(n, d), q)


def principal_coordinates(n: int, d: int, q: int) -> None:
    axes = np.eye(q, d, dtype=np.float32)
    ones = np.ones(q)
    pca.transform(points(n, d), pca.PCAResult(np.zeros(d), axes, ones, ones, ones, 1.0))


def randomized_axes(n: int, d: int, q: int) -> None:
    pca.randomized_pca(points(n, d), q, key=KEY)


def kernel_axes(n: int, d: int, q: int) -> None:
    kernel_pca.kernel_pca(points(n, d), q, key=KEY, kernel="rbf", gamma=1 / d)


def kernel_coordinates(n: int, d: int, q: int) -> None:
    m = min(n, 1000)
    found = results.KernelPCAResult(
        landmarks=points(n, d)[:m],
        kernel_means=np.ones(m),
        coefficients=np.ones((m, q)),
        eigenvalues=np.ones(q),
        kernel="rbf",
        gamma=1 / d,
        degree=3.0,
        coef0=1.0,
    )
    kernel_pca.transform(points(n, d), found)


def bisection(n: int, k: int) -> None:
    tsne.conditional_affinities(points(n, k), k / 3)


def all_pairs_descent(n: int) -> None:
    given = points(n, 2)
    tsne.tsne(points(n, 8), start=given, algorithm="exact", perplexity=5.0)


def table_of_affinities(n: int, k: int) -> None:
    """As on a GPU; on a TPU the host makes it."""
    columns = (np.arange(n)[:, None] + np.arange(1, k + 1)[None]) % n
    conditional: Any = points(n, k)
    affinities._edges_on_gpu(columns, conditional)


def grid_descent(n: int, k: int) -> None:
    """Each point with k others: in a symmetric table of t-SNE's there are half as many more."""
    in_row = k + k // 2
    columns = (np.arange(n)[:, None] + np.arange(1, in_row + 1)[None]) % n
    ends = np.arange(0, n * in_row + 1, in_row)
    table = scipy.sparse.csr_array((np.ones(n * in_row), columns.ravel(), ends), shape=(n, n))
    with rows.on([rows.first_device()]):
        edges = affinities.edges_of(table)
        forces = fft.OnGrid(edges, fft._grid(*fft.settings_for(MAP_WIDTH)))
        Y = np.ones((n, 2), np.float32)
        how = descent.Descent(12.0, 200.0, 1000, 300, 1e-7)
        descent.descend(Reached(Y, Y, Y, 0, []), lambda _: forces, how, lambda *_: None)


def dbscan_pass(name: str, n: int, d: int) -> None:
    search = passes.in_tiles(points(n, d), 1.0)
    everywhere = rows.on_every_device(np.zeros(search.points.sure.shape, np.int32), rows.mesh())
    more = (search.points, everywhere) if name == "extremes" else ()
    passes.in_calls(getattr(passes, name), search, np.arange(n), *more)


def mixture(kind: str, n: int, d: int, k: int) -> None:
    begin = spheres(np.array(points(n, d)[:k], np.float64), 1.0, covariance_type=kind)
    gaussian_mixture.em(points(n, d), begin, covariance_type=kind)


def gradient_features(n: int, side: int) -> None:
    gradients.oriented_gradients(points(n, side * side).reshape(n, side, side))


def autoencoder(model: str, precision: str, epochs: int, n: int, side: int, channels: int) -> None:
    features = AutoencoderFeatures(
        model, precision=precision, epochs=epochs, batch_size=min(128, n // 4), random_state=0
    )
    features.fit(images(n, side, side, channels))


def classifier(spec: Any, precision: str, n: int, side: int, channels: int) -> None:
    features = ClassifierFeatures(
        "pool" if spec else "dense",
        model=spec,
        precision=precision,
        epochs=1,
        batch_size=min(128, n // 4),
        random_state=0,
    )
    features.fit(images(n, side, side, channels), labels(n, 10))


def self_supervised(
    objective: str, model: str, n_views: int, precision: str, n: int, side: int, channels: int
) -> None:
    features = SelfSupervisedFeatures(
        model,
        objective=objective,
        n_views=n_views,
        precision=precision,
        epochs=1,
        batch_size=min(128, n // 4),
        random_state=0,
    )
    features.fit(images(n, side, side, channels))


def self_supervised_in_full(n: int, side: int, channels: int) -> None:
    """What `scratchclust run self-supervised --full` trains, as its recipe says it."""
    variants = find("self-supervised").full_variants
    assert variants is not None
    features = build(variants[0].features, 0)
    features.set_params(epochs=1, batch_size=min(features.batch_size, n // 4))
    features.fit(images(n, side, side, channels))


def neighbors_vote(n: int, n_train: int, d: int) -> None:
    knn_accuracy(points(n_train, d), labels(n_train, 10), points(n, d), labels(n, 10))


def axes_of_code(n: int, d: int) -> None:
    collapse.effective_rank(jax.device_put(points(n, d)))


def codes(n: int, side: int) -> None:
    model = models.ConvAutoencoderSpec().build((side, side, 1), rngs=nnx.Rngs(0))
    model.eval()
    encode(model, images(n, side, side, 1))


def pretrained(spec: Any, n: int, side: int) -> None:
    shape = side, side, 3
    # of its shapes alone: no parameter is drawn
    graph, state = networks._outline_of(spec, shape)
    arrays = jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), state)
    model: Any = nnx.merge(graph, arrays)
    layer = pretrained_features.layer_named("pool", spec, shape)
    pretrained_features.features(model, images(n, *shape), layer, shape)


RESNET = models.ResNetSpec()
LITE0 = models.EfficientNetSpec()
DINO = models.VisionTransformerSpec()
KMEANS = "lloyd_steps.run_iterations"
PAIRS = "pairs._all_pairs"
STEP = "steps.step"


def _training(name: str, drive: Callable[..., Any], size: tuple[int, ...]) -> list[Case]:
    """A step in both precisions."""
    return [
        Case(
            f"{name}, a training step in {precision}",
            STEP,
            partial(drive, precision),
            size,
            (32, *size[1:]),
            True,
        )
        for precision in ("float32", "bfloat16")
    ]


CASES = [
    *(
        Case(f"k-means by {name}, an iteration", KMEANS, partial(lloyd, name), size, (600, 20, k))
        for name, k in (("lloyd", 3), ("elkan", 4))
        for size in ((60_000, 784, 10), (131_072, 32, 1_000), (10_000_000, 64, 1_000))
    ),
    Case("assignment", "nearest_centroid._assign_surely", assign, (60_000, 784, 10), (600, 20, 3)),
    Case(
        "X from the host, a piece",
        "shipping._with_piece",
        assign,
        (10_000_000, 64, 10),
        (1_100_000, 16, 3),
    ),
    Case(
        "k-means++, a centroid",
        "kmeans_starts._choose",
        partial(start, "k-means++"),
        (60_000, 784, 10),
        (600, 20, 3),
    ),
    Case(
        "k-means||, a round",
        "kmeans_starts._oversample",
        partial(start, "k-means||"),
        (131_072, 32, 1_000),
        (600, 20, 3),
    ),
    Case(
        "mini-batch k-means, a step",
        "minibatch_steps.take_steps",
        minibatch,
        (60_000, 784, 10),
        (600, 20, 3),
    ),
    Case(
        "mini-batch k-means, the batches of a call",
        "minibatch_data._gather_on_device",
        minibatch,
        (60_000, 784, 10),
        (600, 20, 3),
    ),
    Case("silhouette, a call", PAIRS, silhouette, (70_000, 784, 10), (600, 20, 3)),
    Case("Dunn's index, a call", PAIRS, dunn, (70_000, 784, 10), (600, 20, 3)),
    Case(
        "simplified silhouette, the other centroids",
        "centroids._other",
        simplified_silhouette,
        (70_000, 784, 10),
        (600, 20, 3),
    ),
    Case(
        "silhouette's estimate, a call",
        "pairs._rows_with_all",
        silhouette_estimate,
        (70_000, 784, 10),
        (600, 20, 3),
    ),
    Case(
        "neighbours, a call",
        "candidates._find_candidates",
        nearest,
        (70_000, 50, NEIGHBORS),
        (600, 20, 5),
    ),
    Case(
        "PCA, the scatter",
        "sums.scatter_on_devices",
        principal_axes,
        (60_000, 784, 50),
        (600, 20, 3),
    ),
    Case(
        "PCA, the projection",
        "sums.project_blocks",
        principal_coordinates,
        (60_000, 784, 50),
        (600, 20, 3),
    ),
    Case(
        "randomized PCA, an iteration",
        "sums.scatter_times",
        randomized_axes,
        (60_000, 784, 50),
        (600, 20, 3),
    ),
    Case(
        "kernel PCA, the matrix",
        "blocks.kernel_blocks",
        kernel_axes,
        (10_000, 64, 10),
        (2_100, 8, 3),
    ),
    Case(
        "kernel PCA, a product", "blocks.times_blocks", kernel_axes, (10_000, 64, 10), (2_100, 8, 3)
    ),
    Case(
        "kernel PCA, the projection",
        "blocks.project",
        kernel_coordinates,
        (70_000, 64, 10),
        (600, 8, 3),
    ),
    Case("t-SNE, the bisection", "affinities._bisect", bisection, (70_000, NEIGHBORS), (600, 15)),
    Case(
        "t-SNE, the table of affinities",
        "affinities_on_gpu.sort_edges",
        table_of_affinities,
        (70_000, NEIGHBORS),
        (600, 15),
        on=("cuda",),
    ),
    Case(
        "t-SNE by all pairs, an iteration", "descent._iterate", all_pairs_descent, (2_000,), (60,)
    ),
    Case(
        "t-SNE by grid, an iteration",
        "descent._iterate",
        grid_descent,
        (70_000, NEIGHBORS),
        (600, 15),
    ),
    *(
        Case(
            f"DBSCAN, {name}", f"passes.{name}", partial(dbscan_pass, name), (70_000, 50), (600, 20)
        )
        for name in ("count", "extremes")
    ),
    *(
        Case(
            f"mixture ({kind}), an iteration",
            "steps.expect_and_sum|on_gpu.run_iterations",
            partial(mixture, kind),
            size,
            (600, 20, 3),
        )
        for kind, size in (
            ("full", (60_000, 50, 10)),
            ("full", (60_000, 784, 10)),
            ("diag", (60_000, 784, 10)),
        )
    ),
    *_training(
        "convolutional autoencoder",
        lambda precision, *size: autoencoder("conv", precision, 1, *size),
        (60_000, 28, 1),
    ),
    Case(
        "convolutional autoencoder, steps in one call",
        "steps.steps",
        partial(autoencoder, "conv", "float32", 2),
        (60_000, 28, 1),
        (64, 28, 1),
        True,
    ),
    *_training(
        "U-Net",
        lambda precision, *size: autoencoder("unet", precision, 1, *size),
        (50_000, 32, 3),
    ),
    *_training(
        "VAE", lambda precision, *size: autoencoder("vae", precision, 1, *size), (60_000, 28, 1)
    ),
    *_training("small classifier", partial(classifier, None), (60_000, 28, 1)),
    *_training("ResNet-20", partial(classifier, RESNET), (50_000, 32, 3)),
    *_training(
        "EMP-SSL, strided network, 4 patches",
        partial(self_supervised, "emp-ssl", "strided", 4),
        (50_000, 32, 3),
    ),
    *_training(
        "SimCLR, ResNet-18", partial(self_supervised, "simclr", "resnet18", 2), (50_000, 32, 3)
    ),
    Case(
        "self-supervised --full (EMP-SSL, ResNet-18, 20 patches), a training step in bfloat16",
        STEP,
        self_supervised_in_full,
        (50_000, 32, 3),
        (32, 32, 3),
        True,
    ),
    Case(
        "vote of the nearest neighbours",
        "knn._vote",
        neighbors_vote,
        (10_000, 50_000, 256),
        (600, 700, 8),
    ),
    Case(
        "effective rank of a code", "collapse.effective_rank", axes_of_code, (1_000, 512), (20, 8)
    ),
    Case(
        "convolutional autoencoder, codes",
        "networks._apply_in_full",
        codes,
        (512, 28),
        (16, 28),
        True,
    ),
    Case(
        "EfficientNet-Lite0, features",
        "networks._apply_in_full",
        partial(pretrained, LITE0),
        (512, 224),
        (2, 64),
        True,
    ),
    Case(
        "DINOv2 small, features",
        "networks._apply_in_full",
        partial(pretrained, DINO),
        (512, 224),
        (2, 56),
        True,
    ),
    Case(
        "gradient features",
        "gradients._histograms_of_blocks",
        gradient_features,
        (60_000, 28),
        (32, 28),
    ),
]
