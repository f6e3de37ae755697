"""The variational autoencoder: each picture's code is a normal distribution, from which one is
drawn.

    q(z | x) = N(mean(x), diag exp log_var(x))
    z = mean + exp(log_var / 2) noise,             noise ~ N(0, 1)

Written so (the reparameterisation trick), z is a differentiable function of mean and log_var, and
the noise an input. Trained on -E log p(x | z) + beta KL(q(z | x) | N(0, 1)). Kingma and Welling,
"Auto-encoding variational Bayes", 2014; beta: Higgins et al., "beta-VAE", 2017.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from scratchclust.errors import InputError
from scratchclust.models import checks
from scratchclust.models.encoder_decoder import Decoder, Encoder, EncoderDecoderSpec, flat
from scratchclust.models.layers import LECUN_NORMAL

LIKELIHOODS = ("bernoulli", "gaussian")
"""Of each pixel given the code; the mean is the sigmoid of the logit in both."""


@dataclass(frozen=True, kw_only=True)
class VAESpec(EncoderDecoderSpec):
    """A variational autoencoder in numbers and words; `HalvingSpec` and `EncoderDecoderSpec` have
    the other fields.

    Attributes:
        likelihood: "bernoulli" or "gaussian" (variance 1). The mean of a pixel is the sigmoid of
            its logit in both.
        beta: weight of the divergence in the loss; 1 is the bound on the likelihood, 0 the
            autoencoder.
    """

    likelihood: str = "bernoulli"
    beta: float | int = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        cure = "a distribution over codes needs its number of dimensions"
        checks.positive_int("latent_dim", self.latent_dim, cure)
        checks.one_of("likelihood", self.likelihood, LIKELIHOODS)
        if not checks.is_number(self.beta) or not 0 <= self.beta < math.inf:
            raise InputError(
                f"expected beta to be a number of at least 0, got {self.beta!r}: "
                "1.0 is the usual bound"
            )

    def build(self, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs) -> "VAE":
        """Build the model with fresh parameters, for images of (height, width, channels)."""
        return VAE(self, checks.image_shape_of(image_shape), rngs=rngs)


class VAE(nnx.Module):
    """The convolutional autoencoder with two dense layers for the code: its mean and its
    log-variance.

    | after | shape, for 28x28x1 with the default spec | parameters |
    |---|---|---|
    | images | 28 x 28 x 1 | |
    | encoder | 7 x 7 x 64 | 18,816 |
    | to_mean, to_log_var: dense | 32 and 32 | 200,768 |
    | decoder.from_code: dense, relu | 7 x 7 x 64 | 103,488 |
    | decoder.layers | 28 x 28 x 1 | 75,012 |

    398,084 parameters.
    """

    def __init__(self, spec: VAESpec, image_shape: tuple[int, int, int], *, rngs: nnx.Rngs):
        assert spec.latent_dim is not None  # the spec has seen to it
        n_features = math.prod(spec.code_grid(image_shape))
        self.spec = spec
        self.encoder = Encoder(spec, image_shape, rngs=rngs)
        self.to_mean = nnx.Linear(n_features, spec.latent_dim, kernel_init=LECUN_NORMAL, rngs=rngs)
        self.to_log_var = nnx.Linear(
            n_features, spec.latent_dim, kernel_init=LECUN_NORMAL, rngs=rngs
        )
        self.decoder = Decoder(spec, image_shape, rngs=rngs)

    def encode(
        self, images: Float[Array, "n h w c"]
    ) -> tuple[Float[Array, "n d"], Float[Array, "n d"]]:
        """Mean and log-variance of each image's code.

        Raises:
            InputError: images of another shape than the model was built for.
        """
        features = flat(self.encoder(images))
        return self.to_mean(features), self.to_log_var(features)

    def sample_code(
        self, mean: Float[Array, "n d"], log_var: Float[Array, "n d"], key: PRNGKeyArray
    ) -> Float[Array, "n d"]:
        """z = mean + exp(log_var / 2) noise: a draw for each image."""
        return mean + jnp.exp(log_var / 2) * jax.random.normal(key, mean.shape, mean.dtype)

    def decode_logits(self, code: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """The logit of each pixel's mean given the code; what a cross-entropy wants.

        Raises:
            InputError: codes of another length than latent_dim.
        """
        return self.decoder(code)

    def decode(self, code: Float[Array, "n d"]) -> Float[Array, "n h w c"]:
        """The mean of each pixel given the code, the sigmoid of its logit; the errors of
        `decode_logits`.
        """
        return nnx.sigmoid(self.decode_logits(code))

    def __call__(
        self, images: Float[Array, "n h w c"], *, key: PRNGKeyArray | None = None
    ) -> tuple[Float[Array, "n h w c"], Float[Array, "n d"], Float[Array, "n d"]]:
        """The logits of the reconstruction, with mean and log-variance of the code.

        Args:
            images: of the shape that the model was built for.
            key: of the noise; None decodes the mean itself.
        """
        mean, log_var = self.encode(images)
        code = mean if key is None else self.sample_code(mean, log_var, key)
        return self.decode_logits(code), mean, log_var
