"""Spectral clustering: the embedding of `scratchclust.reduce` and the k-means of `scratchclust.cluster`, joined."""

from typing import Any, no_type_check

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils.validation import check_is_fitted

from scratchclust.cluster.distances_to_centroids import distances_to_centroids
from scratchclust.cluster.kmeans import kmeans, unit_rows
from scratchclust.cluster.neighbor_vote import neighbor_vote
from scratchclust.estimators.base import Estimator, check_matrix, check_positive, key_of, like
from scratchclust.reduce.spectral_embedding import spectral_embedding


class SpectralClustering(ClusterMixin, Estimator):
    """Clusters of a graph of nearest neighbours: k-means on its smoothest functions.

    The n_clusters first eigenvectors of the symmetric normalised Laplacian, with self-tuned weights, are the
    coordinates (`scratchclust.reference.spectral_embedding` explains how); each point is scaled to length 1 there, and
    k-means finds the clusters (Ng, Jordan and Weiss, 2002). What belongs together need not lie around a centre: a chain
    of neighbours is enough.

    Args:
        n_clusters: k, and the number of eigenvectors.
        n_neighbors: of each point in the graph; None: ln n, rounded up.
        n_init: starts of k-means, the best of which is kept.
        random_state: seed of k-means; the graph and its eigenvectors know no chance.

    Attributes:
        labels_: [n] int32, the cluster of each point.
        embedding_: [n k], the eigenvectors.
        eigenvalues_: [k] of the Laplacian, rising from 0; a gap after the k-th speaks for k clusters.
        n_neighbors_: of the graph that was used.
        n_connected_components_: parts of the graph that no edge joins.
        distances_to_centroids_: [n k] of each point, in the embedding.
        inertia_, n_iter_, converged_, history_: of k-means in the embedding.
        points_: [n d] of the fit, and n_features_in_, feature_names_in_ as in scikit-learn.
    """

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self, n_clusters: int = 8, *, n_neighbors: int | None = None, n_init: int = 10, random_state: Any = None
    ) -> None:
        self.n_clusters = n_clusters
        self.n_neighbors = n_neighbors
        self.n_init = n_init
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> "SpectralClustering":
        """Find the clusters of X [n d]; y is ignored.

        Raises:
            ValueError: a parameter or X cannot be used; the message says what was expected.

        Warns:
            UserWarning: the graph fell into more parts than clusters, and more neighbours were taken.
        """
        check_positive(n_clusters=self.n_clusters, n_init=self.n_init)
        if self.n_neighbors is not None:
            check_positive(n_neighbors=self.n_neighbors)
        X = check_matrix(self, X, reset=True, minimum=2)
        n = len(X)
        if n < self.n_clusters:
            raise ValueError(f"n_samples={n} should be >= n_clusters={self.n_clusters}: ask for fewer clusters")
        if self.n_neighbors is not None and self.n_neighbors >= n:
            raise ValueError(f"expected n_neighbors < n_samples={n}, got {self.n_neighbors}: ask for fewer")
        graph = spectral_embedding(X, self.n_clusters, n_neighbors=self.n_neighbors)
        directions = unit_rows(np.asarray(graph.embedding)).astype(np.float32)
        found = kmeans(directions, self.n_clusters, key=key_of(self.random_state), n_init=self.n_init)
        self.labels_ = like(X, found.labels)
        self.embedding_, self.eigenvalues_ = like(X, graph.embedding, X.dtype), np.asarray(graph.eigenvalues)
        self.n_neighbors_, self.n_connected_components_ = graph.n_neighbors, graph.n_connected_components
        self.distances_to_centroids_ = np.asarray(distances_to_centroids(directions, found.centroids))
        self.inertia_, self.n_iter_, self.converged_ = found.inertia, found.n_iter, found.converged
        self.history_ = {name: np.asarray(entries) for name, entries in found.history._asdict().items()}
        self.points_ = X
        return self

    def predict(self, X: Any) -> Any:
        """The cluster of each row of X [n d], int32 [n]: its nearest fitted points vote, each with weight 1 / distance.

        A fitted point is its own nearest neighbour and keeps its cluster.
        """
        check_is_fitted(self)
        X = check_matrix(self, X, reset=False)
        k = min(self.n_neighbors_, len(self.points_))
        return like(X, neighbor_vote(X, self.points_, np.asarray(self.labels_), k))
