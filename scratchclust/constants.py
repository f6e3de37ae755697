"""Constants of the definitions, which both twins of an algorithm share. (What says how the fast one
computes stands in its own file.)
"""

# ---- k-means

# ---- Gaussian mixtures

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
