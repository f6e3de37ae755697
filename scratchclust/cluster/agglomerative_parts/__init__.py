"""The machinery of agglomerative clustering, behind `cluster.agglomerative`."""
