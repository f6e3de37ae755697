"""Published: MNIST's digits through a network that was trained on CIFAR-10."""

from scratchclust.recipes.recipe import Recipe, Step, Variant

# The network has seen the labels of CIFAR-10, whose images have no digit in them; none of MNIST's
# takes part.
RECIPE = Recipe(
    name="pretrained",
    rank=70,
    summary="MNIST 5,6,8,9 by CIFAR-10's network",
    dataset="mnist",
    split="test",
    full_split="all",
    classes=(5, 6, 8, 9),
    variants=tuple(
        Variant(
            f"{name} + k-means",
            Step("PretrainedFeatures", {"weights": "cifar10-resnet20", "layer": layer}),
            Step("KMeans", {"n_clusters": 4, "n_init": 10}),
        )
        for name, layer in (("last conv", "last_conv"), ("pooled", "pool"))
    ),
    method=(
        "digits through a ResNet-20 that was trained on the photographs of CIFAR-10, or "
        "through weights=; k-means on the output of its last convolution, and on the mean of "
        "that over the picture, k = 4, best of 10 starts"
    ),
    target="report (published: mixed clusters); no label of a digit used",
    duration="a minute",
)
