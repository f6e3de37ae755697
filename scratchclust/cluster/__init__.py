"""Clustering algorithms in JAX; each file has its definition in `scratchclust/reference/` under the
same name.
"""
