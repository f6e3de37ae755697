"""Constants of the definitions, which both twins of an algorithm share. (What says how the fast one
computes stands in its own file.)
"""

# ---- k-means

# Units in the last place of |x|: the mean of equal points is that near to them, so a point that is
# nearer to its centroid lies on it, and moving it elsewhere would gain nothing.
ON_CENTROID_ULPS = 100
# A length: the mean of unit vectors that is shorter is no more than rounding, and has no direction.
NO_DIRECTION_LENGTH = 1e-6
# Rounds of k-means||; the paper finds no gain beyond.
OVERSAMPLING_ROUNDS = 5
# Batches in the sample from which mini-batch k-means draws its start, as in scikit-learn.
INIT_SIZE_BATCHES = 3
# Points, for each centroid, after which mini-batch k-means looks for centroids that win too little.
REASSIGNED_AFTER_POINTS = 10
# Share of the points of a batch that become centroids at once.
MOST_REASSIGNED_SHARE = 0.5

# ---- Gaussian mixtures

# ---- DBSCAN

# ---- Agglomerative clustering

# ---- Spectral embedding

# ---- PCA

# ---- Kernel PCA

# ---- t-SNE

# ---- Features
