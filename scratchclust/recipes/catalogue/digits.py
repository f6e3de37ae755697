"""The default: pixels, principal components, an autoencoder's code and a graph, on the digits."""

from scratchclust.recipes.recipe import Recipe, Step, Variant

# No label chose a setting: 10 clusters is the number of classes that the set is known to
# have, 10 restarts is custom, and 32 components are half the pixels, as many as the code of the
# autoencoder has. Its 20 epochs are what a run of less than a minute has time for.
RECIPE = Recipe(
    name="digits",
    rank=10,
    summary="digits: pixels, PCA, autoencoder, graph",
    dataset="digits",
    split="all",
    variants=(
        Variant(
            "pixels + k-means",
            Step("PixelFeatures"),
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
        ),
        Variant(
            "PCA + k-means",
            Step("PixelFeatures"),
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
            reduce=Step("PCA", {"n_components": 32}),
        ),
        Variant(
            "conv AE + k-means",
            Step("AutoencoderFeatures", {"latent_dim": 32, "epochs": 20}),
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
        ),
        Variant(
            "pixels + graph", Step("PixelFeatures"), Step("SpectralClustering", {"n_clusters": 10})
        ),
    ),
    method=(
        "pixels, their first 32 principal components, and a convolutional autoencoder's code "
        "of 32; k-means, k = 10, best of 10 starts; and spectral clustering of the pixels' "
        "graph of neighbours"
    ),
    watched_every=5,
    target="accuracy 0.79 on pixels, about 0.76 on the code, 0.89 by the graph",
    duration="under a minute",
)
