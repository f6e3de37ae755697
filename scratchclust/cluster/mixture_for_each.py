"""Gaussian mixtures of one set of points for several numbers of components, compiled once for all.

The algorithm is that of `gaussian_mixture.py`, from k-means. There k is a shape, so that each k is
a set of programs, and for a few thousand points these take longer to compile than to run. Here they
are made for K components, the largest k, of which those beyond k have no weight, and no point:

    log p_j = -infinity,    r_ij = 0    for j > k

For a first look, as where numbers of clusters are compared; the starts are those of
`kmeans_for_each.py`. What is to be handed out is computed by `gaussian_mixture.py`.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Int, PRNGKeyArray, Real

from scratchclust.cluster.covariances import type_of
from scratchclust.cluster.gaussian_mixture_parts.em import Stop, maximise_given, run_em
from scratchclust.cluster.gaussian_mixture_parts.points import place
from scratchclust.cluster.gaussian_mixture_parts.sums import expect_points
from scratchclust.cluster.kmeans_for_each import kmeans_for_each
from scratchclust.distances import mean_of


def mixtures_for_each(
    X: Real[np.ndarray, "n d"],
    ks: Sequence[int],
    *,
    key: PRNGKeyArray,
    covariance_type: str = "full",
    tol: float = 1e-3,
    reg_covar: float = 1e-6,
    max_iter: int = 100,
) -> list[Int[np.ndarray, " n"]]:
    """Find the most probable component of each point, for each k.

    Args:
        X: points.
        ks: numbers of components, within 1..n.
        key: source of randomness of the starts.
        covariance_type, tol, reg_covar, max_iter: as for `gaussian_mixture`.

    Returns:
        The labels for each k. Cost as that of K components for each k, and one set of compiled
        programs for all.

    Raises:
        InputError: more components than points, or none, and as for `em`.
    """
    starts = kmeans_for_each(X, ks, key=key)
    kind = type_of(covariance_type)
    of_largest = place(X, mean_of(X), max(ks), kind, room=max(ks))
    found = []
    for k, start in zip(ks, starts, strict=True):
        points, first = maximise_given(replace(of_largest, n_components=k), start, reg_covar)
        run = run_em(points, first, reg_covar, Stop(tol, max_iter), -np.inf)
        mixture = run.points.centred(run.mixture)
        found.append(expect_points(run.points, mixture, with_responsibilities=False)[1])
    return found
