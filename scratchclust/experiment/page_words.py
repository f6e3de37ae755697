"""What the page of a run says of its scores and figures: what each means, how far to trust it."""

from typing import NamedTuple


class Words(NamedTuple):
    """Of a score: its name in metrics.json is the key."""

    name: str
    lowest: float | None  # of a bar; None: no bar
    meaning: str
    trust: str


SCORES = {
    "accuracy": Words(
        "Accuracy",
        0,
        "Share of images that lie in the cluster matched to their label, one cluster a label.",
        "Against the given labels, so as good as they are; a split class counts as errors.",
    ),
    "purity": Words(
        "Purity",
        0,
        "Share of images whose label is the commonest one of their cluster.",
        "Against the given labels; rises with the number of clusters, so compare at equal numbers.",
    ),
    "nmi": Words(
        "NMI",
        0,
        "Information that clusters and labels share: 0 none, 1 the same partition.",
        "Against the given labels; many small clusters raise it a little even by chance.",
    ),
    "ari": Words(
        "ARI",
        0,
        "Pairs of images on which clusters and labels agree: 0 is chance, 1 the same partition.",
        "Against the given labels; corrected for chance, the fairest of the four.",
    ),
    "silhouette": Words(
        "Silhouette",
        None,
        "How much nearer images are to their own cluster than to the next one, from −1 to 1.",
        "Needs no labels. Says how separate the clusters are in these features, not whether they "
        "mean anything; favours few, round clusters. Compare within the same features only.",
    ),
    "dunn": Words(
        "Dunn index",
        None,
        "The smallest gap between clusters over the largest width of one.",
        "Needs no labels. One stray image decides it: a low value alone says little.",
    ),
}

# by the file's name without the variant: what it shows, for the caption and for who cannot see it
FIGURES = {
    "embedding": "Map of the images, coloured by cluster, some of them as pictures",
    "centroids": "The typical picture of each cluster, with its number of images",
    "random_images": "Random images of each cluster",
    "silhouette": "Silhouette of every image, by cluster: long to the right is well inside",
    "confusion": "Labels against the clusters matched to them: numbers of images",
    "label_histograms": "What labels each cluster holds",
    "comparison": "Scores and times of the variants beside each other",
    "inertia": "Inertia by iteration: the sum of squared distances that k-means lowers",
    "training": "Losses of the networks by epoch",
    "by_epoch": "Scores of the clusters and of the code while the networks learned",
    "views": "Images, and views of them as the training compares them",
    "nearest_images": "Images, and those of the nearest codes, before the training and after it",
    "reconstructions": "Images, and what each autoencoder draws again from its code",
    "samples": "Pictures that a variational autoencoder draws from random codes",
    "latent_walk": "Pictures on the way from the code of one image to that of another",
    "k_distances": "Distances to the k-th neighbour, sorted, with the radius that was taken",
    "scan": "Scores over the number of clusters",
    "elbow": "Inertia over the number of clusters",
}
ORDER = ("embedding", "centroids", "confusion", "label_histograms", "silhouette", "comparison")

METHODS = {
    "kmeans": "k-means",
    "minibatch_kmeans": "mini-batch k-means",
    "gmm": "a Gaussian mixture",
    "gaussian_mixture": "a Gaussian mixture",
    "dbscan": "DBSCAN",
    "agglomerative": "agglomerative clustering",
    "spectral": "spectral clustering of the graph of neighbours",
}

FEATURES = {
    "PixelFeatures": "the pixels",
    "GradientFeatures": "histograms of gradients",
    "AutoencoderFeatures": "codes of an autoencoder",
    "DECFeatures": "codes of an autoencoder, trained on by deep embedded clustering",
    "SelfSupervisedFeatures": "codes of a self-supervised encoder",
    "SCANFeatures": "logits of clusters of a self-supervised encoder",
    "ClassLossFeatures": "losses of one autoencoder a class",
    "ClassifierFeatures": "features of a classifier",
    "PretrainedFeatures": "features of a pretrained network",
}


def name_of(cluster: int) -> str:
    """Give the name of a cluster; -1 is noise."""
    return "noise" if cluster < 0 else f"cluster {cluster}"


def count(n: int, thing: str) -> str:
    """Say how many there are of a thing, in the plural but for one."""
    return f"{n:,} {thing}{'' if n == 1 else 's'}"


def more(n: int, what: str) -> str:
    """Say how many more there are; nothing where there are none."""
    return f"{n:,} {what}." if n > 0 else ""
