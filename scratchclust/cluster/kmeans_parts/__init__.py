"""The machinery of k-means and mini-batch k-means, behind `cluster.kmeans` and
`cluster.minibatch_kmeans`.
"""
