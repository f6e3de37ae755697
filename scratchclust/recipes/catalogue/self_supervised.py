"""Photographs without labels: a small network trained to see through views of CIFAR-10."""

from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant

# SimCLR with a network of four strided convolutions in the place of its ResNet-50, small batches
# and few epochs; its crops, but for the smallest. Loss, views, batch and network were chosen by the
# clusters of training images on which nothing had been trained, never by the test images.
NETWORK = Step(
    "SelfSupervisedFeatures",
    {
        "model": Spec("StridedSpec", {"widths": (32, 64, 128, 256)}),
        "objective": "simclr",
        "views": Spec(
            "ViewSpec",
            {
                "crop_area": (0.15, 1),
                "flip_rate": 0.5,
                "jitter": (0.4, 0.4, 0.4, 0.1),
                "jitter_rate": 0.8,
                "grey_rate": 0.2,
            },
        ),
        "epochs": 16,
        "batch_size": 128,
        "optimizer": "adam",
        "learning_rate": Spec("CosineSpec", {"peak": 2e-3, "warmup": 0.1}),
    },
)
# In full size, for one GPU: EMP-SSL's own network, patches and epochs (its patches not enlarged to
# 32x32), then SCAN's steps on it. The rates are those of the papers; nothing of this was chosen by
# what it gives, as no GPU was at hand.
FULL = Step(
    "SelfSupervisedFeatures",
    {
        "model": "resnet18",
        "objective": "emp-ssl",
        "n_views": 20,
        "epochs": 30,
        "batch_size": 100,
        "optimizer": Spec(
            "LARSSpec",
            {
                "learning_rate": Spec("CosineSpec", {"peak": 0.3, "warmup": 0.1}),
                "weight_decay": 1e-4,
            },
        ),
        "precision": "bfloat16",
    },
)
SCAN = Step(
    "SCANFeatures",
    {
        "n_clusters": 10,
        "n_neighbors": 20,
        "epochs": 30,
        "encoder_epochs": 20,
        "self_label_epochs": 30,
        "batch_size": 500,
        "optimizer": "adam",
        "learning_rate": 1e-4,
        "precision": "bfloat16",
    },
)
RECIPE = Recipe(
    name="self-supervised",
    rank=45,
    summary="CIFAR-10: views that agree, no labels",
    dataset="cifar10",
    split="test",
    fit_split="train",
    watched_every=4,
    variants=(
        Variant(
            "SimCLR + k-means",
            NETWORK,
            Step("KMeans", {"n_clusters": 10, "n_init": 10, "metric": "cosine"}),
        ),
        Variant("SimCLR + graph", NETWORK, Step("SpectralClustering", {"n_clusters": 10})),
    ),
    full_variants=(
        Variant(
            "EMP-SSL + k-means",
            FULL,
            Step("KMeans", {"n_clusters": 10, "n_init": 10, "metric": "cosine"}),
        ),
        Variant("EMP-SSL + graph", FULL, Step("SpectralClustering", {"n_clusters": 10})),
        Variant("EMP-SSL, SCAN + most-probable", FULL, Step("MostProbable"), refine=SCAN),
    ),
    method=(
        "a network of four strided convolutions trained on two views of each of the 50,000 "
        "without labels (SimCLR: of all views of a batch, find the other one of the same image), "
        "16 epochs; k-means of the directions of the codes of the test images, k = 10, and "
        "spectral clustering of their graph of neighbours; with full=True a ResNet-18 on 20 "
        "patches (EMP-SSL) for 30 epochs, and beside these SCAN's head, which neighbours in the "
        "code train along with the encoder, and self-labels"
    ),
    target="accuracy 0.32 (nothing above 0.31 is published for this budget)",
    duration="10 to 20 minutes; full=True: by its count days, as it is for a GPU",
)
