"""The machinery of DBSCAN, behind `cluster.dbscan`."""
