"""Published: an inner layer of a classifier of MNIST; its labels are used."""

from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant

# Keras' example: its network, its start, batches of 128, and its Adadelta, whose constants are not
# our defaults (PyTorch's). As published, at a constant rate of 1.0 for 12 epochs, it knew 0.9914 of
# the test images over 3 seeds. So the rate now falls along a cosine, over 16 epochs. That was
# chosen without a look at a test image: of 10,000 training images held out, the network trained on
# the other 50,000 knew 0.9905, 0.9904 and 0.9906 after 12, 16 and 20 epochs at the constant rate,
# and 0.9916 after 16 along the cosine. The clusters are of directions: by Euclidean distances the
# images of which the network is unsure, with small activations, join the digit 1, which has small
# ones too; among the training images, on which this was chosen, the mean purity was 0.985 so and is
# 0.993.
RECIPE = Recipe(
    name="classifier",
    rank=50,
    summary="MNIST: classifier's layer; labels used",
    dataset="mnist",
    split="all",
    fit_split="train",
    test_split="test",
    labels_used=True,
    elbow=tuple(range(1, 15)),
    variants=(
        Variant(
            "classifier + k-means",
            Step(
                "ClassifierFeatures",
                {
                    "layer": "dense",
                    "optimizer": Spec(
                        "AdadeltaSpec",
                        {
                            "learning_rate": Spec("CosineSpec", {"peak": 1.0}),
                            "rho": 0.95,
                            "eps": 1e-7,
                        },
                    ),
                    "epochs": 16,
                },
            ),
            Step("KMeans", {"n_clusters": 10, "n_init": 10, "metric": "cosine"}),
        ),
    ),
    method=(
        "a small CNN trained on the 60,000 labels, Adadelta, 16 epochs; k-means on its 128 "
        "activations of all 70,000, k = 10"
    ),
    target=(
        "test accuracy 0.992, mean cluster purity 0.985 (published: 0.985; reached over 3 "
        "seeds: 0.9922, 0.992); labels used"
    ),
    duration="15 minutes",
)
