"""The machinery of PCA, behind `reduce.pca`."""
