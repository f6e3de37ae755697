"""Estimators that learn a network and use it as features, over the functions of
`scratchclust.features`.
"""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, nothing, one_of, that_is, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import key_of, like
from scratchclust.estimators.training import (
    TRAINING_RULES,
    NetworkFeatures,
    checked_classes,
    checked_labels,
)
from scratchclust.features import autoencoder, class_losses, classifier, pretrained
from scratchclust.features.networks import arrays_of, model_of
from scratchclust.features.pixels import pixels
from scratchclust.features.training import until_stopped

AUTOENCODER_RULES: dict[str, Rule] = {
    "model": one_of(*autoencoder.MODELS)
    | that_is(
        "a spec of them", lambda value: isinstance(value, tuple(autoencoder.MODELS.values()))
    ),
    "latent_dim": nothing | whole(1),
    "loss": one_of(*autoencoder.LIKELIHOODS),
    **TRAINING_RULES,
}


class AutoencoderFeatures(NetworkFeatures):
    """The code of an autoencoder that was trained on the images of the fit, without labels.

    Args:
        model: "conv", "unet" (with skip connections: its code may stay empty), "vae" (the mean of
            its code), or a spec: `ConvAutoencoderSpec(widths=..., ...)`, `UNetSpec`, `VAESpec`.
        latent_dim: numbers in the code; None leaves what the spec says (32).
        epochs: how often each image is seen.
        batch_size: images in a step.
        optimizer: "adam", "adamw", "sgd", "momentum", "adadelta" or a spec, as `AdamSpec(b1=0.5)`.
        learning_rate: None leaves the optimiser's own. With "mse" and Adam, 0.002 and more were
            seen to end in black pictures on MNIST (the sigmoid saturates); "bernoulli" does not.
        loss: "mse" or "bernoulli" (cross-entropy of pixels in [0, 1]); for "vae" the likelihood of
            a pixel, which a `VAESpec` says itself.
        precision: "float32", or "bfloat16" for the computation with float32 parameters.
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

    parameter_rules: ClassVar[dict[str, Rule]] = AUTOENCODER_RULES

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
        images = self._prepared(X, reset=True)
        spec = autoencoder.spec_of(given.model, latent_dim=given.latent_dim, loss=given.loss)
        self.spec_, self.n_features_out_ = spec, autoencoder.code_length(spec, self._seen_shape())
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X)
        settings = {
            "loss": given.loss,
            "key": key_of(given.random_state),
            **self._training(context, X, None),
        }
        trained = until_stopped(autoencoder.fit_autoencoder, images, spec, **settings)
        self.parameters_, self.history_ = arrays_of(trained.model), trained.history
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    def inverse_transform(self, X: Any) -> Any:
        """The images [n h w c], float32, that the network draws from codes X [n d].

        Raises:
            InputError: a U-Net, which needs its skip connections; or no codes, or codes of another
                length.
        """
        check_is_fitted(self, "parameters_")
        codes = np.asarray(X, np.float32)
        if codes.ndim != 2 or codes.shape[1] != self.n_features_out_ or len(codes) == 0:
            shape = f"[n, {self.n_features_out_}]"
            raise InputError(
                f"expected codes of shape {shape}, got {list(codes.shape)}: give what transform gave"
            )
        return like(X, autoencoder.decode(self._model(), codes))

    def reconstruct(self, X: Any, *, zero_code: bool = False) -> Any:
        """Images X [n h w c] as the network draws them again, float32 in [0, 1] (grey if `color`
        says so).

        `zero_code` puts zeros in the place of the code: what is still drawn came by the skips of a
        U-Net.
        """
        check_is_fitted(self, "parameters_")
        return like(
            X, autoencoder.reconstruct(self._model(), self._prepared(X), zero_code=zero_code)
        )

    def prepared(self, X: Any) -> Any:
        """Images X [n h w c] as the network sees them, float32 in [0, 1], to be set beside
        `reconstruct`'s.
        """
        check_is_fitted(self, "parameters_")
        return like(X, pixels(self._prepared(X)))

    def _features(self, images: np.ndarray) -> np.ndarray:
        return autoencoder.encode(self._model(), images)


class ClassifierFeatures(NetworkFeatures):
    """An inner layer of a classifier that was trained on the labels of the fit; what is made of it
    has used labels.

    Args:
        layer: "conv1", "conv2", "pool", "dense" (128 numbers) or "logits"; of a ResNet the names in
            its `layer_names`.
        model: None for the small network of Keras' MNIST example, or a `ClassifierSpec` or
            `ResNetSpec`.
        augment: None, or "crop": in each epoch each image is moved by up to 1/8 of its sides; or
            "flip-crop", which mirrors half of them too. That is for things that may be mirrored:
            animals, not digits.
        epochs, batch_size, optimizer, learning_rate, precision, checkpoint_dir, color, verbose,
            random_state: as for `AutoencoderFeatures`; the default optimiser is Adadelta with its
            learning rate of 1.

    Attributes:
        classes_: the distinct labels, in order.
        spec_, parameters_, history_, input_shape_, n_features_out_: as for `AutoencoderFeatures`.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "layer": that_is("a layer's name", lambda value: isinstance(value, str)),
        "model": nothing
        | that_is(
            "a ClassifierSpec or a ResNetSpec", lambda value: isinstance(value, classifier.SPECS)
        ),
        "augment": nothing | one_of(*classifier.AUGMENTATIONS),
        **TRAINING_RULES,
    }

    @no_type_check
    def __init__(
        self,
        layer: str = "dense",
        *,
        model: Any = None,
        augment: str | None = None,
        epochs: int = 12,
        batch_size: int = 128,
        optimizer: Any = "adadelta",
        learning_rate: float | None = None,
        precision: str = "float32",
        checkpoint_dir: Any = None,
        color: str = "rgb",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.layer = layer
        self.model = model
        self.augment = augment
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.color = color
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "ClassifierFeatures":
        """Train on images X [n h w c] and their labels y [n], integers or strings.

        Raises:
            InputError: the images, the labels or a parameter cannot be used.
            TrainingError: the loss became NaN or infinite; it carries the last good model.
        """
        given = self._checked()
        images = self._prepared(X, reset=True)
        self.classes_, labels = checked_classes(y, len(images))
        spec = classifier.spec_of(given.model, len(self.classes_))
        layer = one_of(*classifier.layers_of(spec, self._seen_shape()))("layer", given.layer)
        self.spec_, self.n_features_out_ = (
            spec,
            classifier.layer_length(spec, self._seen_shape(), layer),
        )
        prepare = classifier.augmentation(given.augment)
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        settings = {
            "key": key_of(given.random_state),
            "prepare": prepare,
            **self._training(context, X, y),
        }
        trained = until_stopped(classifier.fit_classifier, images, labels, spec, **settings)
        self.parameters_, self.history_ = arrays_of(trained.model), trained.history
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return self

    def predict(self, X: Any) -> Any:
        """The most likely class of each image [n h w c], as the labels of the fit name it."""
        check_is_fitted(self, "parameters_")
        return self.classes_[
            classifier.class_scores(self._model(), self._prepared(X)).argmax(axis=1)
        ]

    def score(self, X: Any, y: Any) -> float:
        """The share of the images X [n h w c] whose class y [n] is predicted."""
        predicted = self.predict(X)
        return float(np.mean(predicted == checked_labels(y, len(predicted))))

    def save_weights(self, path: Any) -> None:
        """Write the network to a file that `PretrainedFeatures(weights=path)` reads, with the
        settings of its training.

        Raises:
            InputError: the file exists, or colours were made grey by the mean, which the reader
                would do by luma.
        """
        check_is_fitted(self, "parameters_")
        if self.color == "mean" and self.input_shape_[2] == 3:
            raise InputError(
                'PretrainedFeatures makes colours grey by luma, not by the mean: train with color="luma"'
            )
        settings = {
            name: str(value)
            for name, value in self.get_params().items()
            if name != "checkpoint_dir"
        }
        pretrained.write(path, self._model(), self.spec_, self._seen_shape(), training=settings)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return classifier.activations(self._model(), images, self.layer)


class ClassLossFeatures(NetworkFeatures):
    """The reconstruction losses of several autoencoders, each trained on one class; what is made of
    it has used labels.

    Args:
        losses: "log-centred" (the logarithms, less each image's mean) or "raw";
            `features/class_losses.py` says why.
        model, latent_dim, epochs, batch_size, optimizer, learning_rate, loss, precision,
        checkpoint_dir, color,
            verbose, random_state: as for `AutoencoderFeatures`, for each of the networks. The
                features are mean
            squared errors, whatever `loss` the networks were trained on.

    Attributes:
        classes_: the distinct labels, in order; feature j is the loss of the network of class j.
        parameters_: dict of the networks' arrays, a dict for each class, named "0", "1", ... in the
            order of classes_.
        history_: likewise.
        spec_, input_shape_, n_features_out_: as for `AutoencoderFeatures`.
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "losses": one_of(*class_losses.LOSSES),
        **AUTOENCODER_RULES,
    }

    @no_type_check
    def __init__(
        self,
        losses: str = "log-centred",
        *,
        model: Any = "conv",
        latent_dim: int | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        loss: str = "mse",
        precision: str = "float32",
        checkpoint_dir: Any = None,
        color: str = "rgb",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.losses = losses
        self.model = model
        self.latent_dim = latent_dim
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.loss = loss
        self.precision = precision
        self.checkpoint_dir = checkpoint_dir
        self.color = color
        self.verbose = verbose
        self.random_state = random_state

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "ClassLossFeatures":
        """Train one network for each class, on images X [n h w c] and their labels y [n].

        Raises:
            InputError: the images, the labels or a parameter cannot be used.
            TrainingError: a loss became NaN or infinite; it carries the last good model.
        """
        given = self._checked()
        images = self._prepared(X, reset=True)
        self.classes_, labels = checked_classes(y, len(images))
        spec = autoencoder.spec_of(given.model, latent_dim=given.latent_dim, loss=given.loss)
        context = self._init_callback_context(max_subtasks=len(self.classes_))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        key, found = key_of(given.random_state), {}
        for j, name in enumerate(self.classes_):
            task = context.subcontext(task_name=f"class {name}", max_subtasks=given.epochs)
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            settings = self._training(
                task, X, y, what=f"class {name}: ", folder=f"class-{j}", usable=False
            )
            # the same key for all: they begin alike, so that only what they saw makes them differ
            settings |= {"loss": given.loss, "key": key}
            found[str(j)] = until_stopped(
                autoencoder.fit_autoencoder, images[labels == j], spec, **settings
            )
            task.call_on_fit_task_end(
                estimator=self, X=X, y=y
            )  # a stop has no meaning here: all classes are needed
        self.parameters_ = {j: arrays_of(trained.model) for j, trained in found.items()}
        self.history_ = {j: trained.history for j, trained in found.items()}
        self.spec_, self.n_features_out_ = spec, len(self.classes_)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return self

    def _features(self, images: np.ndarray) -> np.ndarray:
        models = (
            model_of(self.spec_, self._seen_shape(), arrays) for arrays in self.parameters_.values()
        )
        losses = np.stack([class_losses.image_losses(model, images) for model in models], axis=1)
        return losses if self.losses == "raw" else class_losses.log_centred(losses)
