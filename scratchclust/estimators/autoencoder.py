"""The code of an autoencoder as features, over the functions of
`scratchclust.features.autoencoder`.
"""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, flag, nothing, one_of, that_is, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import key_of, like
from scratchclust.estimators.network_base import TRAINING_RULES, Fit, NetworkFeatures
from scratchclust.features import autoencoder
from scratchclust.features.drawn_views import VIEWS, views_of
from scratchclust.features.gradients import straighten
from scratchclust.features.networks import arrays_of
from scratchclust.features.pixels import pixels
from scratchclust.train.view_specs import ViewSpec

AUTOENCODER_RULES: dict[str, Rule] = {
    "model": one_of(*autoencoder.MODELS)
    | that_is(
        "a spec of them", lambda value: isinstance(value, tuple(autoencoder.MODELS.values()))
    ),
    "latent_dim": nothing | whole(1),
    "loss": one_of(*autoencoder.LIKELIHOODS),
    **TRAINING_RULES,
}
"""What a network that draws images again takes beside its name."""
VIEW_RULES: dict[str, Rule] = {
    "views": VIEWS,
    "n_views": nothing | whole(1),
    "upright": flag,
}
"""What it sees of the images, and of how many views a code is the mean."""


class AutoencoderFeatures(NetworkFeatures):
    """The code of an autoencoder that was trained on the images of the fit, without labels.

    Args:
        model: "conv", "unet" (with skip connections: its code may stay empty), "vae" (the mean of
            its code), or a spec: `ConvAutoencoderSpec(widths=..., ...)`, `UNetSpec`, `VAESpec`.
        latent_dim: numbers in the code; None leaves what the spec says (32).
        epochs: how often each image is seen.
        batch_size: images in a step.
        optimizer: "adam", "adamw", "sgd", "momentum", "adadelta", "lars", "muon" or a spec, as
            `AdamSpec(b1=0.5)`.
        views: None, or "digits" (small turns, sizes and moves) or a `ViewSpec`: the network sees
            each image changed anew each time, and draws it as it was.
        n_views: of so many views the code of an image is the mean; None: that of the image itself.
        upright: whether the long axis of each image is set upright and its mass put in the middle
            first, as in `GradientFeatures`; for grey images on black, as digits.
        learning_rate: None leaves the optimiser's own. With "mse" and Adam, 0.002 and more were
            seen to end in black pictures on MNIST (the sigmoid saturates); "bernoulli" does not.
        loss: "mse" or "bernoulli" (cross-entropy of pixels in [0, 1]); for "vae" the likelihood of
            a pixel, which a `VAESpec` says itself.
        precision: "float32", on every device; "bfloat16" with float32 parameters; or "tf32",
            float32 with the products that a GPU or TPU does fastest.
        checkpoint_dir: a folder for about ten checkpoints; where it has some of this very training,
            fit goes on from the newest, so that a killed fit loses little and, at a constant
            learning rate, one of more epochs repeats none. Needs a `random_state`.
        color: "rgb" keeps the channels, "luma" and "mean" make grey.
        verbose: 1 prints a line for each epoch.
        random_state: seed of the first parameters, the shuffles and the noise.

    Attributes:
        spec_: the spec of the network.
        parameters_: dict of all its arrays, by their path.
        history_: dict of every term of the loss, a value for each epoch.
        input_shape_: (height, width, channels) of the images.
        n_features_out_: d.

    Example:
        >>> from scratchclust import AutoencoderFeatures, data
        >>> images = data.load("digits").images[:64]
        >>> AutoencoderFeatures(latent_dim=8, epochs=1, random_state=0).fit_transform(images).shape
        (64, 8)
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {**AUTOENCODER_RULES, **VIEW_RULES}

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        model: Any = "conv",
        *,
        latent_dim: int | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        loss: str = "mse",
        views: Any = None,
        n_views: int | None = None,
        upright: bool = False,
        precision: str = "float32",
        checkpoint_dir: Any = None,
        color: str = "rgb",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.views = views
        self.n_views = n_views
        self.upright = upright
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.color = color
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "AutoencoderFeatures":
        """Train on images X [n h w c]; y is ignored.

        Raises:
            InputError: the images or a parameter cannot be used.
            TrainingError: the loss became NaN or infinite; it carries the last good model.
        """
        given = self._checked()
        images = self._prepare(X, reset=True)
        self._settle(given)
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X)
        self._draw_again(images, Fit(context, X, None), key_of(given.random_state))
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    def inverse_transform(self, X: Any) -> Any:
        """Draw the images [n h w c], float32, of codes X [n d].

        Raises:
            InputError: a U-Net, which needs its skip connections; or no codes, or codes of another
                length.
        """
        check_is_fitted(self, "parameters_")
        codes = np.asarray(X, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.n_features_out_ or len(codes) == 0:
            shape = f"[n, {self.n_features_out_}]"
            raise InputError(
                f"expected codes of shape {shape}, got {list(codes.shape)}: "
                "give what transform gave"
            )
        return like(X, autoencoder.decode(self._model(), codes))

    def reconstruct(self, X: Any, *, zero_code: bool = False) -> Any:
        """Draw images X [n h w c] again, float32 in [0, 1] (grey if `color` says so).

        `zero_code` puts zeros in the place of the code: what is still drawn came by the skips of a
        U-Net.
        """
        check_is_fitted(self, "parameters_")
        return like(
            X, autoencoder.reconstruct(self._model(), self._prepare(X), zero_code=zero_code)
        )

    def prepared(self, X: Any) -> Any:
        """Give images X [n h w c] as the network sees them, float32 in [0, 1], to be set beside
        those of `reconstruct`.
        """
        check_is_fitted(self, "parameters_")
        return like(X, pixels(self._prepare(X)))

    def _draw_again(self, images: np.ndarray, fit: Fit, key: Any) -> None:
        """Train the network to draw the images, or views of them."""
        trained = autoencoder.fit_autoencoder(
            images,
            self.spec_,
            loss=self.loss,
            key=key,
            training=self._training(fit),
            views=self._views()[0],
        )
        self.parameters_ = arrays_of(trained.model)
        self.history_ = trained.history

    def _settle(self, given: Any) -> None:
        """Set what is known before the training."""
        spec = autoencoder.spec_of(given.model, latent_dim=given.latent_dim, loss=given.loss)
        self._views()  # refused here
        self.n_features_out_ = autoencoder.code_length(spec, self._seen_shape())
        self.spec_ = spec

    def _prepare(self, X: Any, *, reset: bool = False) -> np.ndarray:
        images = super()._prepare(X, reset=reset)
        if not self.upright:
            return images
        if images.shape[3] != 1:
            raise InputError(
                f"expected images of one channel to set upright, got {images.shape[3]}: "
                "give color='luma', or leave upright out"
            )
        straight = straighten(pixels(images)[..., 0])
        return np.clip(np.asarray(straight, np.float32), 0, 1)[..., None]

    def _views(self) -> tuple[ViewSpec | None, int | None]:
        return views_of(self.views, self.n_views, self._seen_shape())

    def _features(self, images: np.ndarray) -> np.ndarray:
        views, n_views = self._views()
        return autoencoder.encode(self._model(), images, views=views, n_views=n_views)
