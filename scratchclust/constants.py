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
