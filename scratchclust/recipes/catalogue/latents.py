"""Published: the codes of three autoencoders of CIFAR-10, side by side."""

from scratchclust.recipes.recipe import Recipe, Step, Variant

RECIPE = Recipe(
    name="latents",
    rank=40,
    summary="CIFAR-10: autoencoder, U-Net and VAE",
    dataset="cifar10",
    split="test",
    fit_split="train",
    full_epochs=20,
    watched_every=1,
    variants=tuple(
        Variant(
            f"{name} + k-means",
            Step(
                "AutoencoderFeatures",
                {"model": model, "latent_dim": 128, "epochs": 2, "loss": loss},
            ),
            Step("KMeans", {"n_clusters": 10, "n_init": 10}),
        )
        for name, model, loss in (
            ("conv", "conv", "mse"),
            ("U-Net", "unet", "mse"),
            ("VAE", "vae", "bernoulli"),
        )
    ),
    method=(
        "convolutional autoencoder, U-Net with skip connections and VAE, codes of 128, "
        "trained on the 50,000; k-means on the codes of the test images, k = 10, best of 10 "
        "starts"
    ),
    target="report (published: not really satisfactory)",
    duration="15 to 20 minutes",
)
