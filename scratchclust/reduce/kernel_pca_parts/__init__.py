"""The machinery of kernel PCA, behind `reduce.kernel_pca`."""
