"""Photographs by a dictionary of patches, k-means and the graph of neighbours side by side."""

from scratchclust.recipes.recipe import Recipe, Step, Variant

FEATURES = Step("PatchFeatures", {"n_clusters": 400, "flip": True, "crop": 28})
WHITENED = Step("PCA", {"n_components": 30, "whiten": True})

# The whitened axes and commute times were chosen by the labels of 5,000 other training images (the
# latter by `python -m benchmarks.spectral_rules dictionary`). Features are fitted to the first
# 10,000 training images alone, since each takes as long as one that is clustered.
RECIPE = Recipe(
    name="graph-photos",
    rank=95,
    summary="CIFAR-10: patches, a graph, no labels",
    dataset="cifar10",
    split="test",
    fit_split="train",
    limit=10_000,
    variants=(
        Variant(
            "patches + graph",
            FEATURES,
            Step("SpectralClustering", {"n_clusters": 10, "coordinates": "commute-time"}),
            reduce=WHITENED,
        ),
        Variant(
            "patches + k-means",
            FEATURES,
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
            reduce=WHITENED,
        ),
    ),
    method=(
        "a dictionary of 400 patches by k-means, from 10,000 training images; how much of each the "
        "quarters of a picture show, averaged over its mirror image and five crops; 30 whitened "
        "principal components of the test images; a graph of neighbours and its smoothest "
        "eigenvectors, and k-means, side by side; no label, no network"
    ),
    target="report (seen before with other patches: 0.29)",
    duration="3 minutes",
)
