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

# ---- Agglomerative clustering

# ---- Spectral embedding

# ---- PCA

# ---- Kernel PCA

# ---- t-SNE

# ---- Features

# Added to the mass, the spread and the length that are divided by: an empty image has none of
# them. Without unit: pixels are in [0, 1].
EMPTY_IMAGE = 1e-9
