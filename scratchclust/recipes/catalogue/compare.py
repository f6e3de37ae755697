"""Every clustering on the same pixels."""

from scratchclust.recipes.recipe import Recipe, Step, Variant

PIXELS = Step("PixelFeatures")
KMEANS = Step("KMeans", {"n_clusters": 10, "n_init": 10})
AVERAGE = Step("AgglomerativeClustering", {"n_clusters": 10, "linkage": "average"})

# Defaults and nothing else, so that none of the methods was made for these images. DBSCAN finds its
# number of clusters.
RECIPE = Recipe(
    name="compare",
    rank=110,
    summary="digits: every clustering side by side",
    dataset="digits",
    split="all",
    has_all_methods=True,
    variants=(
        Variant("k-means", PIXELS, KMEANS),
        Variant("mini-batch k-means", PIXELS, Step("MiniBatchKMeans", {"n_clusters": 10})),
        Variant(
            "Gaussian mixture of 16 axes",
            PIXELS,
            Step("GaussianMixture", {"n_components": 10}),
            reduce=Step("PCA", {"n_components": 16}),
        ),
        Variant("DBSCAN", PIXELS, Step("DBSCAN", {"eps": "knee"})),
        Variant("Ward", PIXELS, Step("AgglomerativeClustering", {"n_clusters": 10})),
        Variant("average linkage", PIXELS, AVERAGE),
        Variant("spectral", PIXELS, Step("SpectralClustering", {"n_clusters": 10})),
        Variant("k-means of the t-SNE map", PIXELS, KMEANS, reduce=Step("TSNE")),
    ),
    method=(
        "every clustering on the same pixels: k-means, mini-batch k-means, Gaussian "
        "mixture, DBSCAN, Ward, average linkage, spectral, and k-means of a t-SNE map"
    ),
    target="report: one table, one picture",
    duration="a minute",
)
