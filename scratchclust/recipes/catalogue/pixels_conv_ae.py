"""Published: k-means on the code of a small grey autoencoder of CIFAR-10."""

from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant

# The published network, but with leaky ReLU: under ReLU a code of one channel dies from some
# starts, all zeros.
RECIPE = Recipe(
    name="pixels-conv-ae",
    rank=30,
    summary="CIFAR-10: code of a grey autoencoder",
    dataset="cifar10",
    split="test",
    fit_split="train",
    full_split="train",
    watched_every=2,
    variants=(
        Variant(
            "conv AE + k-means",
            Step(
                "AutoencoderFeatures",
                {
                    "model": Spec(
                        "ConvAutoencoderSpec",
                        {
                            "widths": (3, 1),
                            "latent_dim": None,
                            "downsample": "max_pool",
                            "upsample": "resize",
                            "activation": "leaky_relu",
                        },
                    ),
                    "epochs": 10,
                    "batch_size": 32,
                    "color": "luma",
                },
            ),
            Step(
                "KMeans",
                {"n_clusters": 10, "init": "random", "n_init": 1, "tol": 0.0, "max_iter": 10_000},
            ),
            n_repeats=11,
        ),
    ),
    method=(
        "grey autoencoder, two 3x3 convolutions with max-pooling to an 8x8 code, MSE, 10 "
        "epochs on the 50,000; k-means on the codes of the test images, k = 10, one random "
        "start; median of 11 such runs"
    ),
    target=(
        "report (published: silhouette 0.104, Dunn 0.02); a better silhouette is not a better "
        "clustering"
    ),
    duration="3 minutes",
)
