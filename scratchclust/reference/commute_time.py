"""Commute times: more eigenvectors of a graph, each weighed by how smooth it is.

Take the graph of `spectral_embedding.py`. Of the random walk that goes from i to j with probability
W_ij / d_i, the mean number of steps from i to j and back, the commute time, is, with v_l and
lambda_l the eigenvectors and eigenvalues of the normalised Laplacian,

    C_ij = vol sum_{l >= 2} 1 / lambda_l (v_li / sqrt(d_i) - v_lj / sqrt(d_j))^2    vol = sum_i d_i

So eigenvectors beyond the first q carry information about clusters as well, each weighed by
1 / sqrt(lambda): the smoother, the more (`commute_time_coordinates`). Where the gap after the q-th
eigenvalue is small, the q smallest may put two clusters together and split one, and which of two
close eigenvectors comes first matters; with weights that fall slowly it does not. The factor
1 / sqrt(d_i) is left out, as rows are scaled to length 1 before k-means, and it cancels. Between
parts C is infinite: their eigenvalues, 0, and all below 1e-4 count as 1e-4, and where no more
clusters are asked for than there are parts, nothing but the parts counts.

The fast twin of this file is `scratchclust/reduce/commute_time.py`.

Sources: Fouss, Pirotte, Renders and Saerens, Random-walk computation of similarities between nodes
of a graph, 2007; Qiu and Hancock, Clustering and embedding using commute times, 2007. That rows are
scaled to length 1 is as in Ng, Jordan and Weiss, On spectral clustering, 2002.
"""

import math

import numpy as np
from jaxtyping import Float

from scratchclust.constants import COMMUTE_LEAST_EIGENVALUE
from scratchclust.results import SpectralEmbeddingResult


def commute_time_coordinates(
    found: SpectralEmbeddingResult, n_clusters: int
) -> Float[np.ndarray, "n c"]:
    """Weigh eigenvectors by how long a random walk takes from one point to another and back.

    v_i / sqrt(lambda_i), lambda_i at least 1e-4; the first, which tells no points of a connected
    graph apart, is left out there.

    Args:
        found: eigenvectors, at best some more than clusters.
        n_clusters: of the clustering that follows; where the graph has at least as many parts, only
            the parts count.

    Returns:
        c = q - 1 coordinates of a connected graph, q of several parts. Cost O(n q).
    """
    parts = found.n_connected_components
    columns = range(found.embedding.shape[1])
    if parts >= n_clusters:
        columns = columns[:parts]
    elif parts == 1 and len(columns) > 1:
        columns = columns[1:]
    coordinates = np.empty((len(found.embedding), len(columns)))
    for place, i in enumerate(columns):
        eigenvalue = max(found.eigenvalues[i], COMMUTE_LEAST_EIGENVALUE)
        coordinates[:, place] = found.embedding[:, i] / math.sqrt(eigenvalue)
    return coordinates
