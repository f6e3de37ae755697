"""Constants of the definitions, which both twins of an algorithm share. (What says how the fast one
computes stands in its own file.)
"""

# ---- k-means

# ---- Gaussian mixtures

# Scikit-learn's words for what covariances may be, and for how EM starts.
COVARIANCE_TYPES = ("full", "tied", "diag", "spherical")
INIT_PARAMS = ("kmeans", "k-means++", "random", "random_from_data")
# Points that are added to every n_j, as in scikit-learn: a component without any has a mean, too.
# (Ten units in the last place of 1.)
LEAST_COUNT = 10 * 2.0**-52
# By how much given weights may miss the sum of 1: the rounding of float32.
WEIGHT_SUM_TOLERANCE = 1e-6

# ---- DBSCAN

DBSCAN_METRICS = ("euclidean", "cosine", "precomputed")
# Relative, of the chord that belongs to a cosine distance: four roundings of float64, so that what
# lies at exactly eps is near.
CHORD_ROUNDING = 2.0**-50

# ---- Agglomerative clustering

LINKAGES = ("ward", "complete", "average", "single")
AGGLOMERATIVE_METRICS = ("euclidean", "cosine", "manhattan", "precomputed")
# Of the largest distance: what the distances from i to j and from j to i may differ by.
DISTANCE_ASYMMETRY = 1e-8

# ---- Spectral embedding

AFFINITIES = ("nearest_neighbors", "precomputed", "rbf")
EDGE_WEIGHTS = ("self-tuned", "plain")
SCALE_NEIGHBOR = 7  # the neighbour, by number, whose distance is the scale of a point
# An edge is an edge, however long: without this least weight exp would round it to none.
LEAST_EDGE_WEIGHT = 1e-6
# Of the largest affinity: what those of i to j and of j to i may differ by without a warning.
AFFINITY_ASYMMETRY = 1e-10
# Relative difference of two magnitudes in an eigenvector below which they count as equal, so that
# rounding does not choose the one that gets the sign +.
EIGENVECTOR_SIGN_TIE = 1e-5

# ---- PCA

# ---- Kernel PCA

# ---- t-SNE

# ---- Features

# Added to the mass, the spread and the length that are divided by: an empty image has none of
# them. Without unit: pixels are in [0, 1].
EMPTY_IMAGE = 1e-9
