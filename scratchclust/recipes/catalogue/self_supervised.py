"""Photographs without labels: a small network trained to see through patches of CIFAR-10."""

from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant

# EMP-SSL, of whose 20 patches of 32x32 two cores have time for four of 16x16, and a network of
# three strided convolutions in the place of a ResNet-18. Nothing was chosen by the test images.
NETWORK = Step(
    "SelfSupervisedFeatures",
    {
        "model": "strided",
        "objective": "emp-ssl",
        "n_views": 4,
        "epochs": 16,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": Spec("CosineSpec", {"peak": 2e-3, "warmup": 0.1}),
    },
)
RECIPE = Recipe(
    name="self-supervised",
    rank=45,
    summary="CIFAR-10: patches that agree, no labels",
    dataset="cifar10",
    split="test",
    fit_split="train",
    watched_every=4,
    variants=(
        Variant(
            "EMP-SSL + k-means",
            NETWORK,
            Step("KMeans", {"n_clusters": 10, "n_init": 10, "metric": "cosine"}),
        ),
        Variant("EMP-SSL + graph", NETWORK, Step("SpectralClustering", {"n_clusters": 10})),
    ),
    method=(
        "a network of three strided convolutions trained on patches of the 50,000 without labels "
        "(EMP-SSL: four of 16x16 of each image agree, images fill the room); the mean code of nine "
        "patches of each test image; k-means of its directions, k = 10, and spectral clustering of "
        "its graph of neighbours"
    ),
    target="accuracy 0.32 (nothing above 0.31 is published for this budget)",
    duration="20 minutes",
)
