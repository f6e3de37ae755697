"""The machinery of the nearest neighbours, behind `scratchclust.neighbors`."""
