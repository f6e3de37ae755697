"""Constants of the definitions, which both twins of an algorithm share. (What says how the fast one
computes stands in its own file.)
"""

# ---- k-means

# ---- Gaussian mixtures

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
