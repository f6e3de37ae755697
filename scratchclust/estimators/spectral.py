"""Spectral clustering as an estimator: the embedding of `scratchclust.reduce` and k-means."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar, NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Int
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import (
    Rule,
    enough_samples,
    nothing,
    number,
    one_of,
    seed,
    verbosity,
    whole,
)
from scratchclust.cluster.clearer_labels import are_clearer
from scratchclust.cluster.kmeans import kmeans
from scratchclust.cluster.neighbor_vote import neighbor_vote
from scratchclust.constants import AFFINITIES, COMMUTE_EXTRA, SPECTRAL_COORDINATES
from scratchclust.errors import InputError
from scratchclust.estimators.base import Estimator, check_matrix, kept, key_of, like, own
from scratchclust.reduce.commute_time import commute_time_coordinates
from scratchclust.reduce.spectral_embedding import default_n_neighbors, spectral_embedding
from scratchclust.results import KMeansResult, SpectralEmbeddingResult


class SpectralClustering(ClusterMixin, Estimator):
    """Clusters of a graph, as a rule of nearest neighbours: k-means on its smoothest functions.

    The first eigenvectors of the symmetric normalised Laplacian are the coordinates
    (`scratchclust.reference.spectral_embedding` explains how); each point is scaled to length 1
    there, equal ones get their mean, as no graph of neighbours knows many of them for equal, and
    k-means finds the clusters (Ng, Jordan and Weiss, 2002). What belongs together need
    not lie around a centre: a chain of neighbours is enough. scikit-learn divides each point by the
    root of its degree instead of its length, which gives the same clusters where they are clear;
    its default of `affinity` is "rbf".

    With as many eigenvectors as clusters (`coordinates="eigenvectors"`, all that scikit-learn has),
    two clusters are sometimes put together and one is split. "commute-time" takes 8 more and
    divides each by the root of its eigenvalue, which mends many such cases and costs some points on
    small tables. "auto", the default, tries both, and takes the second where the two differ and its
    clusters are clearer (`scratchclust.reference.clearer_labels`): in
    `benchmarks/results/spectral-rules.json` that made no fit worse.

    Not here: `assign_labels="discretize"` and `"cluster_qr"`; `eigen_solver` other than ARPACK,
    which takes no `eigen_tol` (parts of the graph of more than 500 points have eigenvalues right to
    1e-8, smaller ones to rounding); the affinities "precomputed_nearest_neighbors" and the kernels
    but "rbf", with their `degree`, `coef0` and `kernel_params` (give any matrix as "precomputed");
    `n_jobs`, as all devices take part; `affinity_matrix_`, as the graph is not kept. Sparse input
    is refused: give X.toarray().

    Args:
        n_clusters: k.
        eigen_solver: None or "arpack", the same.
        n_components: eigenvectors; None: as many as clusters, 8 more for "commute-time", or n
            if that is less. The first alone tells no points of a connected graph apart.
        random_state: seed of k-means; the graph and its eigenvectors know no chance.
        n_init: starts of k-means, the best of which is kept.
        gamma: of "rbf".
        affinity: "nearest_neighbors", with self-tuned weights; "rbf", exp(-gamma |x - y|^2) for all
            pairs, 8 n^2 bytes; or "precomputed": X is the matrix of affinities, of at least 0, the
            larger the nearer.
        n_neighbors: of each point in the graph; None: ln n, rounded up.
        assign_labels: "kmeans".
        coordinates: "auto": both of the others are tried; "eigenvectors"; or "commute-time": these
            divided by the roots of their eigenvalues, without the first where the graph is
            connected (`scratchclust.reference.commute_time` explains why).
        verbose: 1 prints what is done, and how k-means ended.

    Attributes:
        labels_: [n] int32, the cluster of each point.
        embedding_: [n n_components], the eigenvectors.
        coordinates_: those that were taken, "eigenvectors" or "commute-time".
        eigenvalues_: [n_components] of the Laplacian, rising from 0; a gap after the k-th speaks
            for k clusters.
        n_neighbors_: of the graph that was used; with "rbf" of the vote in `predict`.
        n_connected_components_: parts of the graph that no edge joins.
        distances_to_centroids_: [n k] of each point, where k-means saw it.
        inertia_, n_iter_, converged_, history_: of k-means.
        points_: [n d] of the fit (None for "precomputed"), and n_features_in_, feature_names_in_ as
            in scikit-learn.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_clusters": whole(1),
        "eigen_solver": nothing | one_of("arpack"),
        "n_components": nothing | whole(1),
        "random_state": seed,
        "n_init": whole(1),
        "gamma": number(least=0),
        "affinity": one_of(*AFFINITIES),
        "n_neighbors": nothing | whole(1),
        "assign_labels": one_of("kmeans"),
        "coordinates": one_of(*SPECTRAL_COORDINATES),
        "verbose": verbosity,
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        eigen_solver: str | None = None,
        n_components: int | None = None,
        random_state: Any = None,
        n_init: int = 10,
        gamma: float = 1.0,
        affinity: str = "nearest_neighbors",
        n_neighbors: int | None = None,
        assign_labels: str = "kmeans",
        coordinates: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.n_clusters = n_clusters
        self.eigen_solver = eigen_solver
        self.n_components = n_components
        self.random_state = random_state
        self.n_init = n_init
        self.gamma = gamma
        self.affinity = affinity
        self.n_neighbors = n_neighbors
        self.assign_labels = assign_labels
        self.coordinates = coordinates
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> "SpectralClustering":
        """Find the clusters of X [n d], or of the affinities X [n n]; y is ignored.

        Raises:
            InputError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: the graph fell into more parts than clusters, and more neighbours were
                taken; or those of `spectral_embedding` for a given graph.
        """
        given = self._checked()
        X = check_matrix(self, X, reset=True, minimum=2)
        _check_against(given, len(X))
        graph = spectral_embedding(
            X,
            n_components_of(given, given.n_clusters, len(X)),
            n_neighbors=given.n_neighbors,
            affinity=given.affinity,
            gamma=given.gamma,
            most_parts=given.n_components or given.n_clusters,
        )
        if given.verbose:
            print(f"Computing label assignment using {given.assign_labels}")
        taken = cluster_graph(graph, X, given)
        found = taken.found
        if given.verbose:
            print(
                f"k-means ended after {found.n_iter} iterations "
                f"with inertia {float(found.inertia):.6g}"
            )
        self.labels_ = like(X, found.labels)
        self.coordinates_ = taken.coordinates
        self.embedding_ = like(X, taken.graph.embedding, X.dtype)
        self.eigenvalues_ = own(taken.graph.eigenvalues)
        self.n_neighbors_ = graph.n_neighbors or default_n_neighbors(len(X))
        self.n_connected_components_ = graph.n_connected_components
        centroids = np.asarray(found.centroids, taken.directions.dtype)
        distances = [np.linalg.norm(taken.directions - centroid, axis=1) for centroid in centroids]
        self.distances_to_centroids_ = np.stack(distances, axis=1)
        self.inertia_ = found.inertia
        self.n_iter_ = found.n_iter
        self.converged_ = found.converged
        self.history_ = {name: own(entries) for name, entries in found.history._asdict().items()}
        self.points_ = None if given.affinity == "precomputed" else kept(X)
        return self

    def predict(self, X: Any) -> Any:
        """Find the cluster of each row of X [n d], int32 [n], by a vote of its neighbours.

        The nearest fitted points vote, each with weight 1 / distance.

        A fitted point is its own nearest neighbour and keeps its cluster.

        Raises:
            InputError: the fit saw affinities and no points.
        """
        check_is_fitted(self)
        if self.points_ is None:
            raise InputError(
                'predict needs points, and affinity="precomputed" had none: '
                "fit on the points themselves"
            )
        X = check_matrix(self, X, reset=False)
        k = min(self.n_neighbors_, len(self.points_))
        return like(X, neighbor_vote(X, self.points_, np.asarray(self.labels_), k))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.pairwise = isinstance(self.affinity, str) and self.affinity == "precomputed"
        return tags


def _check_against(given: SimpleNamespace, n: int) -> None:
    """Refuse numbers that n points cannot give."""
    for name in ("n_clusters", "n_components"):
        value = getattr(given, name)
        if value is not None:
            enough_samples(n, value, name)
    if (
        given.affinity == "nearest_neighbors"
        and given.n_neighbors is not None
        and given.n_neighbors >= n
    ):
        raise InputError(
            f"expected n_neighbors < n_samples={n}, got {given.n_neighbors}: ask for fewer"
        )


class _ClusteredGraph(NamedTuple):
    """What k-means found in the coordinates of a graph."""

    coordinates: str  # "eigenvectors" or "commute-time"
    graph: SpectralEmbeddingResult  # with as many eigenvectors as these coordinates have
    directions: Float[np.ndarray, "n c"]  # what k-means saw
    found: KMeansResult


def cluster_graph(graph: SpectralEmbeddingResult, X: Any, given: Any) -> _ClusteredGraph:
    """Cluster the points of a graph, in both coordinates where "auto" has to choose.

    Args:
        graph: with as many eigenvectors as `n_components_of` says.
        X: the points, or their affinities.
        given: the parameters of `SpectralClustering`.
    """
    key = key_of(given.random_state)
    k = given.n_clusters
    names = tried_by(given.coordinates)
    seen = [_seen_by_kmeans(graph, X, given, coordinates) for coordinates in names]
    # columns of zeros change no distance, and one program serves for both coordinates
    widest = max(directions.shape[1] for _, directions in seen)
    tried = []
    for coordinates, (shortened, directions) in zip(names, seen, strict=True):
        n_axes = directions.shape[1]
        padded = np.pad(directions, ((0, 0), (0, widest - n_axes)))
        found = kmeans(padded, k, key=key, n_init=given.n_init)
        found = found._replace(centroids=found.centroids[:, :n_axes])
        tried.append(_ClusteredGraph(coordinates, shortened, directions, found))
    labels = [np.asarray(one.found.labels) for one in tried]
    return tried[clearest(tried[-1].directions, labels, k)]


def _seen_by_kmeans(
    graph: SpectralEmbeddingResult, X: Any, given: Any, coordinates: str
) -> tuple[SpectralEmbeddingResult, Float[np.ndarray, "n c"]]:
    """The graph with as many eigenvectors as these coordinates have, and what k-means sees."""
    shortened = leading(graph, n_components_of(given, given.n_clusters, len(X), coordinates))
    dtype = np.float64 if X.dtype == np.float64 else np.float32
    directions = directions_for(shortened, given.n_clusters, coordinates).astype(dtype)
    if given.affinity != "precomputed":
        directions = _equal_for_equals(np.asarray(X), directions)
    return shortened, directions


def tried_by(coordinates: str) -> tuple[str, ...]:
    """The coordinates among which "auto" chooses; others are themselves."""
    return ("eigenvectors", "commute-time") if coordinates == "auto" else (coordinates,)


def clearest(
    directions: Float[np.ndarray, "n c"], labels: Sequence[Int[np.ndarray, " n"]], n_clusters: int
) -> int:
    """The place of the labels to take: the first, unless the last are clearer.

    Args:
        directions: where the last were found.
        labels: by one or both coordinates.
        n_clusters: k.
    """
    is_last = len(labels) > 1 and are_clearer(directions, labels[0], labels[-1], n_clusters)
    return len(labels) - 1 if is_last else 0


def n_components_of(given: Any, n_clusters: int, n: int, coordinates: str | None = None) -> int:
    """The number of eigenvectors of n points: what is asked for, or the default; of coordinates,
    or of all that are tried.
    """
    extra = 0 if (coordinates or given.coordinates) == "eigenvectors" else COMMUTE_EXTRA
    return given.n_components or min(n_clusters + extra, n)


def leading(graph: SpectralEmbeddingResult, q: int) -> SpectralEmbeddingResult:
    """The graph with its first q eigenvectors."""
    return graph._replace(embedding=graph.embedding[:, :q], eigenvalues=graph.eigenvalues[:q])


def directions_for(
    graph: SpectralEmbeddingResult, n_clusters: int, coordinates: str
) -> Float[np.ndarray, "n c"]:
    """What k-means sees: the coordinates of each point, scaled to length 1."""
    if coordinates == "commute-time":
        return directions_of(commute_time_coordinates(graph, n_clusters))
    return directions_of(np.asarray(graph.embedding))


def directions_of(embedding: np.ndarray) -> np.ndarray:
    """Every row scaled to length 1; one of zeros, in a part without coordinates, stays."""
    lengths = np.linalg.norm(embedding, axis=1, keepdims=True)
    return embedding / np.where(lengths > 0, lengths, 1)


def _equal_for_equals(X: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The directions [n q], with the mean of those of equal points in the place of each."""
    first: dict[bytes, int] = {}
    group = [first.setdefault((x + 0.0).tobytes(), len(first)) for x in X]  # -0 becomes 0
    if len(first) == len(X):
        return directions
    sums = np.zeros((len(first), directions.shape[1]))
    np.add.at(sums, group, directions)
    means = sums / np.bincount(group)[:, None]
    return means[group].astype(directions.dtype)
