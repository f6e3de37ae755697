"""How many clusters? A suggestion, from the stability of the labels under resampling.

Two random samples of the same images, clustered each for itself, should agree on the images that
are in both, where the number of clusters k fits the images (Levine and Domany, 2001; Ben-Hur,
Elisseeff and Guyon, 2002). With l_b and l'_b the labels of the b-th pair of samples, on the images
in common,

    S(k) = 1/B sum_b ARI(l_b, l'_b)

Few clusters are stable for no more reason than that there are few: any long cloud is cut in two at
the same place each time (von Luxburg, Clustering stability: an overview, 2010, section 2). So S is
compared, as in Clest (Dudoit and Fridlyand, 2002), with S_0, that of a cloud without clusters of
the same mean and covariance, sampled and clustered in the same way:

    stability(k) = (S(k) - S_0(k)) / (1 - S_0(k))

which is 1 where all samples agree, and 0 where they agree as much as those of the cloud. No label
is looked at but those of the clusterings.
"""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Real

from scratchclust import metrics
from scratchclust.errors import InputError
from scratchclust.estimators.for_each_k import kmeans_labels, mixture_labels, spectral_labels
from scratchclust.experiment.build import build
from scratchclust.experiment.telling import ask_clustering
from scratchclust.metrics.few_points import scores_of_few
from scratchclust.recipes.plan import Tell
from scratchclust.recipes.recipe import Step
from scratchclust.recipes.words import NAMES, method_of
from scratchclust.runs.findings import Suggestion

SMALLEST = 2  # clusters
LARGEST = 20
MOST_POINTS = 2500  # beyond it, a random sample stands for all
SHARE = 0.8  # of the points in each resample, as in Ben-Hur et al.
N_PAIRS = 5  # of resamples
# of a step whose mixtures of all k share their programs
MIXTURE_PARAMETERS = {"n_components", "covariance_type"}
POINTS_A_CLUSTER = 5  # in a resample, on average and at least, in the default range of k
# Of stabilities: less makes no difference, as in Clest. (The standard error alone would not do: it
# is 0 where all samples agree, and then one image of thousands would decide.)
CLEAR = 0.05


class Stability(NamedTuple):
    """Of every k: the mean over the pairs of resamples, and its standard error."""

    mean: Float[np.ndarray, " ks"]
    error: Float[np.ndarray, " ks"]


def suggest(
    X: Real[np.ndarray, "n d"],
    step: Step,
    *,
    ks: Sequence[int] | None = None,
    seed: int = 0,
    tell: Tell | None = None,
) -> Suggestion:
    """Suggest a number of clusters: the largest k whose stability is within one standard error, or
    0.05, of the best.

    The largest, since clusters that are stable tell more than fewer ones, which may be unions of
    them.

    Args:
        X: the vectors that are to be clustered.
        step: the clustering, of any number of clusters.
        ks: the numbers that are tried; None: 2 to 20, or as many as n and the points that
            are distinct allow.
        seed: of the samples, the cloud and the clusterings: the same gives the same suggestion.
        tell: is told each resample.

    Returns:
        The four scores of each k, and the suggestion with its rule; where no k is clearly more
        stable than in a cloud without clusters, the rule says so, and the best is given.
        Silhouette and its like are those of one clustering of the whole sample; NaN where a score
        is not defined. Cost: 4 N_PAIRS + 1 clusterings of at most 2,500 points for each k, of which
        trees and graphs are made once for all k.

    Raises:
        InputError: a method that finds the number itself, too few images, or a k that they do not
            allow.
    """
    if method_of(step).counts is None:
        raise InputError(
            f"{NAMES[step.estimator]} finds the number of clusters itself: ask for another method"
        )
    n_sampled = min(len(X), MOST_POINTS)
    tried = _numbers_to_try(ks, len(X), round(SHARE * n_sampled))
    rng = np.random.default_rng(seed)
    told = tell or (lambda line: None)
    sample = np.sort(rng.choice(len(X), n_sampled, replace=False))
    points = np.ascontiguousarray(np.asarray(X)[sample])
    if ks is None:
        n_distinct = len({point.tobytes() for point in points})
        tried = [k for k in tried if k <= max(SMALLEST, n_distinct)]
    told(f"how many clusters: scores of {tried[0]} to {tried[-1]}")
    with warnings.catch_warnings():  # of a graph in parts, or too few steps: not of the final fit
        warnings.simplefilter("ignore", UserWarning)
        scores = _internal(points, cluster_for_each(points, step, tried, seed))
        found = _agreements(points, step, tried, rng, told)
        told("how many clusters: the same of a cloud without clusters")
        of_cloud = _agreements(_cloud_like(points, rng), step, tried, rng, told)
    stability = _corrected(found, of_cloud)
    chosen = _choose(tried, stability)
    return Suggestion(
        n_clusters=tried,
        **scores,
        stability=stability.mean.tolist(),
        suggested=tried[chosen],
        rule=_rule(tried, stability, chosen, len(points), len(X)),
    )


def cluster_for_each(
    X: Real[np.ndarray, "n d"], step: Step, ks: Sequence[int], seed: int
) -> list[Int[np.ndarray, " n"]]:
    """Cluster X by the step for each number of clusters; the labels of each.

    What does not depend on k is done once: the tree of an agglomerative clustering, the graph's
    eigenvectors, as those for many clusters begin with those for fewer, and what is compiled for
    k-means and Gaussian mixtures. Others are fitted, and compiled, for each k.
    """
    if step.estimator == "SpectralClustering":
        return spectral_labels(X, ks, build(step, seed), random_state=seed)
    if step.estimator == "KMeans" and set(step.parameters) <= {"n_clusters", "n_init"}:
        n_init = step.parameters.get("n_init", "auto")
        return kmeans_labels(X, ks, n_init=1 if n_init == "auto" else n_init, random_state=seed)
    if step.estimator == "GaussianMixture" and set(step.parameters) <= MIXTURE_PARAMETERS:
        covariance_type = step.parameters.get("covariance_type", "full")
        return mixture_labels(X, ks, covariance_type=covariance_type, random_state=seed)
    if step.estimator == "AgglomerativeClustering":
        tree = build(_with(step, min(ks)), seed).fit(X)
        return [cut(np.asarray(tree.children_), len(X), k) for k in ks]
    return [_labels(build(_with(step, k), seed).fit(X)) for k in ks]


def cut(children: Int[np.ndarray, "merges 2"], n: int, k: int) -> Int[np.ndarray, " n"]:
    """Cut a tree of n points into k clusters: those there are after its first n - k merges."""
    cluster_of = np.arange(n + len(children))
    for merge in reversed(range(n - k)):  # a node that is merged later is named by then
        cluster_of[children[merge]] = cluster_of[n + merge]
    return np.unique(cluster_of[:n], return_inverse=True)[1].astype(np.int32)


def _with(step: Step, k: int) -> Step:
    counts = method_of(step).counts
    assert counts is not None
    return replace(step, parameters={**step.parameters, counts: k})


def _labels(clustering: Any) -> Int[np.ndarray, " n"]:
    return np.asarray(ask_clustering(clustering).labels)


def _numbers_to_try(ks: Sequence[int] | None, n: int, n_resampled: int) -> list[int]:
    """The k to try, in order; errors of `suggest`."""
    if ks is None:
        largest = min(LARGEST, n_resampled // POINTS_A_CLUSTER)
        if largest < SMALLEST:
            least = next(m for m in range(n + 1, 100) if round(SHARE * m) >= 2 * POINTS_A_CLUSTER)
            raise InputError(
                f"expected at least {least} images to suggest a number of clusters, got {n}: "
                "say clusters="
            )
        return list(range(SMALLEST, largest + 1))
    tried = sorted(set(ks))
    if not tried or tried[0] < SMALLEST or tried[-1] >= n_resampled:
        raise InputError(
            f"expected ks within {SMALLEST}..{n_resampled - 1} for samples of {n_resampled} of "
            f"{n} images, got {list(ks)}: leave out the others"
        )
    return tried


def _internal(X: np.ndarray, labelings: list[np.ndarray]) -> dict[str, list[float]]:
    """The scores of each labeling under their names in a `Suggestion`."""
    scores = scores_of_few(X, labelings)
    return {name: [of_one[name] for of_one in scores] for name in scores[0]}


def _agreements(
    X: np.ndarray,
    step: Step,
    ks: list[int],
    rng: np.random.Generator,
    tell: Tell,
) -> Float[np.ndarray, "pairs ks"]:
    """The ARI of each pair of resamples, on the points in both, for each k."""
    n = len(X)
    found = []
    for pair in range(N_PAIRS):
        tell(f"how many clusters: pair {pair + 1} of {N_PAIRS} samples")
        samples = [np.sort(rng.choice(n, round(SHARE * n), replace=False)) for _ in range(2)]
        seeds = rng.integers(2**31 - 1, size=2)
        first, second = (
            cluster_for_each(X[sample], step, ks, int(seed))
            for sample, seed in zip(samples, seeds, strict=True)
        )
        common = [np.isin(samples[i], samples[1 - i]) for i in range(2)]
        found.append(
            [
                metrics.adjusted_rand_score(a[common[0]], b[common[1]])
                for a, b in zip(first, second, strict=True)
            ]
        )
    return np.array(found)


def _cloud_like(X: np.ndarray, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
    """Draw as many points from the normal distribution of the same mean and covariance.

    Random sums of the centred points, sum_j g_j (x_j - mean) / sqrt(n), have that covariance.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    centred = (X - mean).astype(np.float32)
    weights = rng.normal(size=(len(X), len(X))).astype(np.float32)
    return (mean + weights @ centred / np.sqrt(len(X))).astype(np.float32)


def _corrected(
    found: Float[np.ndarray, "pairs ks"], of_cloud: Float[np.ndarray, "pairs ks"]
) -> Stability:
    """(S - S_0) / (1 - S_0), where S_0 counts as no less than chance and no more than 0.99."""
    chance = np.clip(of_cloud.mean(axis=0), 0, 0.99)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    return Stability((found.mean(axis=0) - chance) / (1 - chance), error / (1 - chance))


def _choose(ks: list[int], stability: Stability) -> int:
    """The number, among ks, of the largest that is as good as the best; of the best itself where no
    k is clear.
    """
    best = int(np.argmax(stability.mean))
    if not _is_clear(stability):
        return best
    near = stability.mean >= stability.mean[best] - max(stability.error[best], CLEAR)
    return int(np.flatnonzero(near)[-1])


def _is_clear(stability: Stability) -> bool:
    """Whether some k is more stable than in a cloud without clusters, beyond two standard errors of
    it.
    """
    best = int(np.argmax(stability.mean))
    return bool(stability.mean[best] - 2 * stability.error[best] >= CLEAR)


def _rule(ks: list[int], stability: Stability, chosen: int, n_sampled: int, n: int) -> str:
    best = int(np.argmax(stability.mean))
    sampled = "" if n_sampled == n else f" of a random sample of {n_sampled:,} of the {n:,} images"
    meaning = (
        f"the agreement (mean ARI) of {N_PAIRS} pairs of clusterings, each of {SHARE:.0%}{sampled},"
        " where 0 is that of a cloud without clusters and 1 is perfect"
    )
    if not _is_clear(stability):
        return (
            f"There is no clear number: {ks[best]} has the best stability, but this is only "
            f"{stability.mean[best]:.2f}, so take it with caution. It is {meaning}."
        )
    return (
        f"{ks[chosen]} is the largest number whose stability, {stability.mean[chosen]:.2f}, is "
        f"within one standard error, or {CLEAR}, of the best, {stability.mean[best]:.2f} at "
        f"{ks[best]}: {meaning}."
    )
