"""Photographs without labels, for an afternoon: a ResNet-20 trained to see through views of
CIFAR-10.
"""

from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant

# The loss, batch and rate of `self-supervised`, and its views but for their size: of 24x24, so that
# an epoch takes half of the time, and things are as large in a view as in a whole image of 32x32,
# which is what is encoded afterwards: a crop enlarges them by about the share that the smaller view
# takes back (Touvron et al., "Fixing the train-test resolution discrepancy", 2019). Nothing was
# chosen by what it gives: one training takes hours.
NETWORK = Step(
    "SelfSupervisedFeatures",
    {
        "model": Spec(
            "ResNetSpec",
            {
                "depth": 20,
                "n_classes": None,
                # of each channel of the training images
                "mean": (0.4914, 0.4822, 0.4465),
                "std": (0.2470, 0.2435, 0.2616),
            },
        ),
        "objective": "simclr",
        "views": Spec(
            "ViewSpec",
            {
                "crop_area": (0.15, 1),
                "size": (24, 24),
                "flip_rate": 0.5,
                "jitter": (0.4, 0.4, 0.4, 0.1),
                "jitter_rate": 0.8,
                "grey_rate": 0.2,
            },
        ),
        "epochs": 26,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": Spec("CosineSpec", {"peak": 2e-3, "warmup": 0.1}),
    },
)
RECIPE = Recipe(
    name="self-supervised-small",
    rank=46,
    summary="CIFAR-10: likewise, a ResNet-20, hours",
    dataset="cifar10",
    split="test",
    fit_split="train",
    watched_every=1,
    variants=(
        Variant(
            "SimCLR + k-means",
            NETWORK,
            Step("KMeans", {"n_clusters": 10, "n_init": 10, "metric": "cosine"}),
        ),
        Variant("SimCLR + graph", NETWORK, Step("SpectralClustering", {"n_clusters": 10})),
    ),
    method=(
        "a ResNet-20 trained on two views of 24x24 of each of the 50,000 without labels (SimCLR: "
        "of all views of a batch, find the other one of the same image), 26 epochs; k-means of the "
        "directions of the codes of the test images, k = 10, and spectral clustering of their "
        "graph of neighbours"
    ),
    target="accuracy 0.40, and a vote of neighbours after each epoch",
    duration="2 hours",
)
