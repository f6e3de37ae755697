"""What each algorithm does, in plain formulas of n, d and k: operations, bytes and memory.

Nothing is measured here, and nothing is loaded. `scratchclust.estimates` divides these counts by
the rates of a device.

    n  points        d  features        k  clusters, axes or neighbours

What no formula in n, d and k can know is a setting with a usual value: how many iterations there
will be until no label changes, say.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from scratchclust.constants import COMMUTE_EXTRA

FLOAT = 4  # bytes of a number on the device
DOUBLE = 8  # of one on the host
INDEX = 4
EXTRA_VECTORS = 8  # of a block in Lanczos' iteration, beyond the axes that are wanted
# Steps of arithmetic that one number takes, beside products:
MEAN = 12  # to be summed in float64 on the host, shifted and rounded
SQUARE = 4  # |x|^2 - 2 x y + |y|^2, and not less than 0
ROOT = 8  # a root or an exponential
LEAST = 4  # a minimum with its place
ON_ONE_CORE = 16  # by NumPy in float64, beside the same on all devices in float32
CANDIDATE = 3_000  # for a neighbour to be found among all others, measured and sorted
TURNED = 50  # a difference to a mean, turned by the component's own small matrix and squared
EIGH = 20  # d^3 of all eigenvectors of a matrix, at the rate of products


class Work(NamedTuple):
    """The counts of a piece of work.

    Attributes:
        products: multiplications and additions in matrix products, in float32 on the devices.
        elements: other arithmetic there: minima, roots, sums of tiles.
        bytes: read and written that no cache holds.
        memory: bytes that are held at a time beyond X itself, blocks apart.
        calls: compiled programs started, or steps of a loop in one.
        scattered: numbers fetched from, or added to, places in no order.
        exact: operations in float64 on the host.
    """

    products: float = 0.0
    elements: float = 0.0
    bytes: float = 0.0
    memory: float = 0.0
    calls: float = 0.0
    scattered: float = 0.0
    exact: float = 0.0

    def __add__(self, other: object) -> "Work":
        """Both, one after the other: counts are added, and the larger memory is needed."""
        if not isinstance(other, Work):
            return NotImplemented
        sums = (a + b for a, b in zip(self, other, strict=True))
        return Work(*sums)._replace(memory=max(self.memory, other.memory))

    def times(self, number: float | int) -> "Work":
        """So many of them, one after the other."""
        return Work(*(number * each for each in self))._replace(memory=self.memory)


def centred(n: int, d: int) -> Work:
    """The copy of X on the devices: its mean taken, subtracted, and squared norms of what is left.

    X is read three times and its copy written once.
    """
    size = float(n) * d
    return Work(elements=MEAN * size, bytes=4 * FLOAT * size, memory=FLOAT * size, calls=2)


def kmeans(
    n: int,
    d: int,
    k: int = 8,
    *,
    n_iter: int = 40,
    n_init: int = 1,
    init: str = "k-means++",
) -> Work:
    """Lloyd's algorithm: each iteration reads X once.

    n_iter: iterations until the centroids rest, of each of n_init starts.
    init: "k-means++", which draws k centroids in as many passes over X, or "random" or "array".
    """
    size = float(n) * d
    an_iteration = Work(
        products=2.0 * size * k,
        elements=float(LEAST) * n * k + size,
        bytes=FLOAT * (size + 4 * n),
        calls=1,
    )
    candidates = 2 + math.log(k)
    start = Work(
        products=2.0 * size * k * candidates,
        elements=2.0 * n * k * candidates,
        bytes=k * FLOAT * (size + 2 * n),
        calls=k,
    )
    begun = start if init == "k-means++" else Work()
    whole = (begun + an_iteration.times(n_iter + 1)).times(n_init)
    held = FLOAT * (size + 4.0 * n)  # the copy; norms, weights, labels and distances
    return centred(n, d) + whole._replace(memory=held)


def minibatch_kmeans(
    n: int, d: int, k: int = 8, *, batch_size: int = 1024, n_steps: int = 100, n_init: int = 1
) -> Work:
    """Steps on batches, then every label once. X is read where it lies.

    n_steps: batches until no more is won.
    """
    batch = min(batch_size, n)
    steps = kmeans(batch, d, k, n_iter=1, n_init=1, init="array").times(n_steps)
    steps += Work(calls=4.0 * n_steps)  # drawn, gathered, moved, and looked at
    start = kmeans(min(3 * batch, n), d, k, n_iter=1).times(n_init)
    labels = centred(n, d)._replace(memory=FLOAT * 4.0 * n) + Work(
        products=2.0 * n * d * k, elements=2.0 * n * k, bytes=FLOAT * float(n) * d
    )
    return steps + start + labels


def gmm(
    n: int,
    d: int,
    k: int = 1,
    *,
    covariance_type: str = "full",
    n_iter: int = 30,
    n_init: int = 1,
    init: str = "kmeans",
) -> Work:
    """EM: densities of all points under all components, then moments, in each iteration.

    n_iter: iterations until the likelihood rests.
    init: "kmeans", or "given" for a mixture that is there.
    """
    size = float(n) * d
    of_matrices = {"full": 4.0 * size * d * k, "tied": 4.0 * size * (d + k)}
    host = {"full": 4.0 * k * d**3, "tied": 4.0 * d**3}
    step = Work(
        products=of_matrices.get(covariance_type, 8.0 * size * k),
        elements=(2.0 * ROOT + 8) * n * k
        + {"full": TURNED * k, "tied": TURNED}.get(covariance_type, 2.0) * size,
        bytes=FLOAT * (2 * size + 4.0 * n * k),
        calls=4,
        exact=host.get(covariance_type, 10.0 * k * d),
    )
    begun = kmeans(n, d, k) if init == "kmeans" else Work()
    held = FLOAT * (size + 2.0 * n * k) + DOUBLE * 3.0 * k * d * d
    return centred(n, d) + (begun + step.times(n_iter)).times(n_init)._replace(memory=held)


def neighbors(n: int, d: int, k: int = 10) -> Work:
    """The k nearest of all others: every pair once from each side, and a few kept."""
    pairs = float(n) * n
    kept = k + 8.0
    return centred(n, d) + Work(
        products=2.0 * pairs * d,
        elements=(SQUARE + LEAST) * pairs + CANDIDATE * n * kept,
        bytes=FLOAT * float(n) * (d + 4 * kept),
        memory=(FLOAT + DOUBLE) * float(n) * d + FLOAT * 10.0 * n * kept,
        exact=3.0 * n * kept * d,
    )


def dbscan(n: int, d: int, k: int = 0, *, min_samples: int = 5) -> Work:
    """Two passes over all pairs; in up to three dimensions a grid meets those nearby alone.

    k is not asked for: the method finds the number of clusters.
    """
    if d <= 3:
        near = 27.0 * min_samples
        return Work(
            exact=8.0 * n * near, scattered=2.0 * n * near, memory=DOUBLE * float(n) * (d + 8)
        )
    pairs = float(n) * n
    passes = Work(
        products=4.0 * pairs * d,
        elements=2.0 * (SQUARE + LEAST) * pairs,
        bytes=FLOAT * 2.0 * n * d,
        memory=FLOAT * float(n) * (d + 16),
    )
    return centred(n, d) + passes


def agglomerative(n: int, d: int, k: int = 0, *, linkage: str = "ward") -> Work:
    """The tree of merges: by nearest neighbours (Ward, single), or by a chain on all distances.

    k is not asked for: the whole tree is built.
    """
    pairs = float(n) * n
    if linkage in ("complete", "average"):
        return Work(
            exact=2.0 * pairs * d + 12.0 * pairs,
            bytes=6 * DOUBLE * pairs,
            memory=DOUBLE * pairs,
            calls=3.0 * n,
        )
    searches = 1.7  # of the nearest among all again, in float64, by products and some passes
    return neighbors(n, d, 2) + Work(
        exact=2.0 * pairs * d * searches,
        elements=12.0 * ON_ONE_CORE * pairs * searches,
        memory=DOUBLE * float(n) * (d + 16),
        calls=float(n),
    )


def spectral(
    n: int, d: int, k: int = 8, *, n_neighbors: int | None = None, n_init: int = 10
) -> Work:
    """A graph of neighbours, its eigenvectors, 8 more than clusters, and k-means of both kinds of
    coordinates.
    """
    near = n_neighbors or max(1, math.ceil(math.log(n)))
    n_vectors = k + COMMUTE_EXTRA
    products = 100.0 + 20.0 * n_vectors  # of the sparse matrix and a vector, in Lanczos' iteration
    basis = max(2 * n_vectors + 1, 20)
    eigenvectors = Work(
        exact=products * (4.0 * n * near + 8.0 * n * basis),
        scattered=products * 2.0 * n * near,
        memory=DOUBLE * float(n) * (4 * near + basis),
        calls=products,
    )
    found = kmeans(n, n_vectors, k, n_init=2 * n_init)
    return neighbors(n, d, near) + eigenvectors + found


def pca(
    n: int, d: int, k: int = 2, *, svd_solver: str = "covariance_eigh", transform: bool = False
) -> Work:
    """The scatter of the features and its eigenvectors on the host; or a random few directions.

    transform: whether the points are projected, too.
    """
    size = float(n) * d
    projected = Work(
        products=2.0 * size * k, bytes=FLOAT * (size + float(n) * k), memory=FLOAT * float(n) * k
    )
    after = projected if transform else Work()
    if svd_solver == "randomized":
        wide = min(k + 10, d)
        passes = 9.0  # four turns there and back, and the last
        return (
            centred(n, d)
            + after
            + Work(
                products=2.0 * passes * size * wide,
                bytes=passes * FLOAT * (size + float(n) * wide),
                memory=FLOAT * (size + 2.0 * n * wide),
                exact=passes * 4.0 * n * wide * wide,
                calls=passes,
            )
        )
    scatter = Work(
        products=2.0 * size * d,
        bytes=FLOAT * size,
        memory=FLOAT * size + 4 * DOUBLE * float(min(n, d)) ** 2,
        exact=float(EIGH) * d**3,
        calls=2,
    )
    return centred(n, d) + scatter + after


def kernel_pca(
    n: int, d: int, k: int = 2, *, kernel: str = "rbf", n_products: int = 12, transform: bool = True
) -> Work:
    """All kernel values by blocks, multiplied by a few vectors some times; "linear" is PCA.

    n_products: of the kernel matrix and a block of vectors, until the eigenvectors rest.
    """
    if kernel in ("linear", "cosine"):
        return pca(n, d, k, transform=transform)
    pairs = float(n) * n
    block = k + EXTRA_VECTORS
    values = Work(
        products=2.0 * pairs * d, elements=(SQUARE + ROOT) * pairs, bytes=2 * FLOAT * pairs
    )
    product = Work(
        products=2.0 * pairs * block,
        elements=pairs,
        bytes=FLOAT * pairs,
        exact=ON_ONE_CORE * 8.0 * n * block * block * n_products
        + EIGH * (block * n_products / 2.0) ** 3,
        calls=4,
    )
    applied = (
        Work(products=2.0 * pairs * (d + k), elements=(SQUARE + ROOT) * pairs)
        if transform
        else Work()
    )
    held = FLOAT * pairs + DOUBLE * 2.0 * n * block * n_products
    return centred(n, d) + (values + product.times(n_products) + applied)._replace(memory=held)


def tsne(
    n: int, d: int, k: int = 2, *, perplexity: float | int = 30.0, max_iter: int = 1000
) -> Work:
    """Affinities of the near neighbours; then forces along them, and through a grid, each time."""
    near = min(3.0 * perplexity, n - 1.0)
    edges = 2.0 * n * near * 0.75  # those of both ends, where they are not the same
    side = 2.0 ** math.ceil(math.log2(max(64.0, 3.0 * math.sqrt(n))))
    grid = side * side
    step = Work(
        elements=8.0 * edges + 60.0 * n + 4 * 5.0 * 2 * grid * math.log2(2 * side),
        scattered=edges / 2 + 4 * 16.0 * n,  # the places of neighbours lie together
        bytes=edges * 2 * INDEX,
        calls=1,
    )
    affinities = Work(
        elements=50 * 4.0 * n * near, exact=30.0 * edges, memory=edges * 6.0 * DOUBLE, calls=50
    )
    start = neighbors(n, d, int(near)) + affinities
    return start + step.times(max_iter)._replace(memory=edges * 3.0 * FLOAT)


def silhouette(n: int, d: int, k: int = 8) -> Work:
    """Every pair of points once; sums of distances by cluster."""
    pairs = float(n) * n / 2
    return centred(n, d) + Work(
        products=2.0 * pairs * d + 4.0 * pairs * min(k, 32),
        elements=(SQUARE + ROOT + 2) * pairs,
        bytes=2 * FLOAT * float(n) * d,
        memory=(FLOAT + DOUBLE) * float(n) * d + (FLOAT + DOUBLE) * float(n) * k,
        calls=1,
    )


def dunn(n: int, d: int, k: int = 8) -> Work:
    """Every pair of points once; the nearest of two clusters, and the farthest of one."""
    pairs = float(n) * n / 2
    return centred(n, d) + Work(
        products=2.0 * pairs * d,
        elements=(SQUARE + 4.0 * LEAST) * pairs,
        bytes=2 * FLOAT * float(n) * d,
        memory=(FLOAT + 2 * DOUBLE) * float(n) * d,
        calls=1,
    )


def autoencoder(
    n: int,
    d: int,
    k: int = 64,
    *,
    epochs: int = 1,
    batch_size: int = 128,
    channels: int = 1,
    widths: tuple[int, ...] = (32, 64),
) -> Work:
    """Training of the convolutional autoencoder on n images of d numbers, to a code of k.

    Forward, and backward twice as much; Adam reads and writes each parameter three times.
    """
    side = math.sqrt(d / channels)
    ins = (channels, *widths[:-1])
    forward = 0.0
    parameters = 0.0
    held = float(d)
    for width, n_in in zip(widths, ins, strict=True):
        side = math.ceil(side / 2)
        area = side * side
        # down by a stride of two; up by a convolution to four times the channels
        forward += 2.0 * area * 9 * n_in * width + 2.0 * area * 9 * width * 4 * n_in
        parameters += 9.0 * n_in * width * 5
        held += 2 * area * (width + 4 * n_in)
    code = side * side * widths[-1]
    forward += 4.0 * code * k
    parameters += 2.0 * code * k
    steps = math.ceil(n / batch_size)
    step = Work(
        products=3.0 * forward * batch_size,
        elements=6.0 * held * batch_size + 12.0 * parameters,
        bytes=FLOAT * (6.0 * held * batch_size + 6.0 * parameters),
        memory=FLOAT * (3.0 * held * batch_size + 6.0 * parameters) + float(n) * d,
        calls=1,
    )
    return step.times(steps * epochs)


def most_probable(n: int, d: int, k: int = 8) -> Work:
    """Of each row the largest column, and the mean of the rows of each column, on the host."""
    return Work(exact=2.0 * n * d, memory=2.0 * DOUBLE * n * d)


COSTS: dict[str, Callable[..., Work]] = {
    "kmeans": kmeans,
    "minibatch_kmeans": minibatch_kmeans,
    "gmm": gmm,
    "dbscan": dbscan,
    "agglomerative": agglomerative,
    "spectral": spectral,
    "most_probable": most_probable,
    "pca": pca,
    "kernel_pca": kernel_pca,
    "tsne": tsne,
    "silhouette": silhouette,
    "dunn": dunn,
    "neighbors": neighbors,
    "autoencoder": autoencoder,
}
