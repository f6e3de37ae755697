"""The machinery of Gaussian mixtures, behind `cluster.gaussian_mixture`."""
