"""The losses of one autoencoder for each class as features, over the functions of
`scratchclust.features.class_losses`.
"""

from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.callback import with_callbacks

from scratchclust.checks import Rule, one_of
from scratchclust.estimators.autoencoder import AUTOENCODER_RULES
from scratchclust.estimators.base import key_of
from scratchclust.estimators.network_base import Fit, NetworkFeatures, check_classes
from scratchclust.features import autoencoder, class_losses
from scratchclust.features.networks import arrays_of, model_of


class ClassLossFeatures(NetworkFeatures):
    """The reconstruction losses of several autoencoders, each trained on one class; what is made of
    it has used labels.

    Args:
        losses: "log-centred" (the logarithms, less each image's mean) or "raw";
            `features/class_losses.py` says why.
        model, latent_dim, epochs, batch_size, optimizer, learning_rate, loss, precision,
            checkpoint_dir, color, verbose, random_state: as for `AutoencoderFeatures`, for each of
            the networks. The features are mean squared errors, whatever `loss` the networks were
            trained on.

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
        images = self._prepare(X, reset=True)
        self.classes_, labels = check_classes(y, len(images))
        spec = autoencoder.spec_of(given.model, latent_dim=given.latent_dim, loss=given.loss)
        context = self._init_callback_context(max_subtasks=len(self.classes_))
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        # the same key for all: they begin alike, so that only what they saw makes them differ
        key = key_of(given.random_state)
        found = {}
        for j, name in enumerate(self.classes_):
            task = context.subcontext(task_name=f"class {name}", max_subtasks=given.epochs)
            task.call_on_fit_task_begin(estimator=self, X=X, y=y)
            found[str(j)] = autoencoder.fit_autoencoder(
                images[labels == j],
                spec,
                loss=given.loss,
                key=key,
                training=self._training(
                    Fit(task, X, y, usable=False), part=f"class {name}: ", folder=f"class-{j}"
                ),
            )
            # a stop has no meaning here: all classes are needed
            task.call_on_fit_task_end(estimator=self, X=X, y=y)
        self.parameters_ = {j: arrays_of(trained.model) for j, trained in found.items()}
        self.history_ = {j: trained.history for j, trained in found.items()}
        self.spec_ = spec
        self.n_features_out_ = len(self.classes_)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return self

    def _features(self, images: np.ndarray) -> np.ndarray:
        models = (
            model_of(self.spec_, self._seen_shape(), arrays) for arrays in self.parameters_.values()
        )
        losses = np.stack([class_losses.image_losses(model, images) for model in models], axis=1)
        return losses if self.losses == "raw" else class_losses.log_centred(losses)
