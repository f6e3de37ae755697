"""What the algorithms return: a NamedTuple each, the same for the NumPy reference and its twin."""

from typing import Any, NamedTuple

Array = Any
"""A NumPy array when the reference made it; a JAX array when its twin did, but a NumPy array where
the twin computed it on the host in float64 (the variances of PCA, centroids and means of float64
data). The comments give shape and type."""


class KMeansHistory(NamedTuple):
    """One entry for each iteration, so that a curve can be drawn and convergence be seen.

    The JAX twin takes the inertia from expanded squares: it is good to a few units in the last
    place of sum w |x|^2, of the centred points. `KMeansResult.inertia` is computed by the
    definition.
    """

    # [n_iter] before the update: sum of w |x - c|^2 over points and their nearest centroid
    inertia: Array
    # [n_iter] sum over the centroids of the squared distance that the update moved them
    shift: Array
    # [n_iter] int32, points (of weight above 0) whose label differs from the iteration before
    n_moved: Array


class KMeansResult(NamedTuple):
    """A clustering by k-means. `labels` and `inertia` belong to the returned `centroids`."""

    centroids: Array  # [k d]
    # [n] int32, the nearest centroid of each point (the lowest index where two are equally near)
    labels: Array
    inertia: float  # sum of w |x - c|^2 over points and their nearest centroid
    n_iter: int
    converged: bool  # False when max_iter ended it
    history: KMeansHistory


class PCAResult(NamedTuple):
    """The q leading principal axes, ordered by falling variance."""

    mean: Array  # [d]
    # [q d], orthonormal rows (of zeros if n < d and no variance is left); the largest entry
    # positive
    components: Array
    explained_variance: Array  # [q], eigenvalues of the covariance with divisor n - 1
    explained_variance_ratio: Array  # [q], shares of total_variance
    singular_values: Array  # [q], sqrt((n - 1) explained_variance)
    total_variance: float  # trace of the covariance


class SilhouetteEstimate(NamedTuple):
    """A mean silhouette estimated from a sample of the points."""

    mean: float
    standard_error: float  # of the mean, drawn without replacement; 0 when every point was scored


class Neighbors(NamedTuple):
    """The k nearest neighbours of each of m points, the nearest first."""

    indices: Array  # [m k] int32
    distances: Array  # [m k]


class SpectralEmbeddingResult(NamedTuple):
    """The smoothest functions on the graph of neighbours of n points."""

    # [n q], orthonormal columns; in each the entry of largest magnitude is positive
    embedding: Array
    eigenvalues: Array  # [q] of the Laplacian, rising from 0
    n_connected_components: int  # parts of the graph that no edge joins
    n_neighbors: int  # k of the graph


class DBSCANResult(NamedTuple):
    """A clustering by density. Clusters are numbered by their first core point."""

    labels: Array  # [n] int32, the cluster of each point; -1 for noise
    core_sample_indices: Array  # [m] int32, the core points, rising
    n_clusters: int


class AgglomerativeResult(NamedTuple):
    """A tree of clusters: point i is cluster i < n, and merge m makes cluster n + m."""

    # [n - 1, 4] float64, SciPy's: the two merged, their distance (rising), points in both
    linkage_matrix: Array


class Mixture(NamedTuple):
    """A Gaussian mixture: what EM turns over. The type of its covariances is an argument of those
    who use it.
    """

    weights: Array  # [k], sum to 1
    means: Array  # [k d]
    covariances: Array  # [k d d] full, [d d] tied, [k d] diag, [k] spherical
    # the same shape: P of S^-1 = P P^T, upper triangular; 1 / sqrt(S) of a diagonal
    precisions_cholesky: Array


class GaussianMixtureResult(NamedTuple):
    """A mixture by EM. `labels` and `log_likelihood` belong to the returned `mixture`."""

    mixture: Mixture
    labels: Array  # [n] int32, the most probable component of each point
    log_likelihood: float  # mean over the points of log p(x)
    n_iter: int
    converged: bool  # False when max_iter ended it
    lower_bounds: Array  # [n_iter], the mean log-likelihood before the update of each iteration


class MiniBatchState(NamedTuple):
    """Where mini-batch k-means stands: all that the next batch needs."""

    centroids: Array  # [k d]
    counts: Array  # [k], the weight that each centroid has won so far
    n_since_reassigned: int  # points since the centroids that win too little were last looked for


class MiniBatchKMeansResult(NamedTuple):
    """A clustering by mini-batch k-means; `labels` and `inertia` belong to its `state`."""

    state: MiniBatchState
    labels: Array  # [n] int32; None without compute_labels
    # sum of w |x - c|^2 over all points and their nearest centroid, or an estimate from the batches
    inertia: float
    n_iter: int  # passes over the data that the steps amount to, rounded up
    n_steps: int
    converged: bool  # False when max_iter ended it
    batch_inertias: Array  # [n_steps], of each batch before its step, by point


class KernelPCAResult(NamedTuple):
    """The q leading principal axes of the images of the points under a kernel, and the kernel."""

    # [m d], the points themselves, or those that stand for them ([n 0] of a kernel that was given)
    landmarks: Array
    kernel_means: Array  # [m], mean over the points of k(x, landmark)
    # [m q]: a point has the coordinates (k(x, landmarks) - kernel_means) coefficients
    coefficients: Array
    eigenvalues: Array  # [q] of the centred kernel matrix, falling
    # "linear", "rbf", "poly", "sigmoid", "cosine", "precomputed" or a function of two points
    kernel: Any
    gamma: float
    degree: float
    coef0: float
    # [d], taken from the points (from their directions, if "cosine") first; None: nothing is
    centre: Array = None


class TSNEHistory(NamedTuple):
    """The divergence every 50 iterations and after the last."""

    iteration: Array  # [s] int32, iterations done
    kl_divergence: Array  # [s] of the map after them, without exaggeration


class TSNEResult(NamedTuple):
    """A map by t-SNE."""

    embedding: Array  # [n q]
    kl_divergence: float  # between the affinities of the data and of the map, without exaggeration
    n_iter: int
    learning_rate: float  # that was used
    history: TSNEHistory


class ViewParameters(NamedTuple):
    """What is done to each of n images to make a view of it; None leaves that change out."""

    poses: Array = None  # [n 4] angle in radians, scale, pixels down, pixels to the right
    boxes: Array = None  # [n 4] row, column, height, width of the crop: whole numbers, as floats
    mirrored: Array = None  # [n] bool
    colours: Array = None  # [n 4] factors of brightness, contrast, saturation; hue in rounds
    greyed: Array = None  # [n] bool
    sigmas: Array = None  # [n] of the blur, in pixels
    thresholds: Array = None  # [n] from which pixels are solarised
    squares: Array = None  # [n 3] row and column of the middle, side: whole numbers, as floats
