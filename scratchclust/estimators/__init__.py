"""scikit-learn-shaped classes over the functions; import them from the package: `from scratchclust
import KMeans`.
"""
