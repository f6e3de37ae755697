"""The layers of a classifier as features, over `scratchclust.features.classifier`."""

from dataclasses import replace
from typing import Any, ClassVar, no_type_check

import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, nothing, one_of, that_is
from scratchclust.estimators.base import key_of
from scratchclust.estimators.network_base import (
    TRAINING_RULES,
    Fit,
    NetworkFeatures,
    check_classes,
    check_labels,
)
from scratchclust.features import classifier
from scratchclust.features.networks import arrays_of


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
        images = self._prepare(X, reset=True)
        self.classes_, labels = check_classes(y, len(images))
        spec = classifier.spec_of(given.model, len(self.classes_))
        layer = one_of(*classifier.layers_of(spec, self._seen_shape()))("layer", given.layer)
        self.spec_ = spec
        self.n_features_out_ = classifier.layer_length(spec, self._seen_shape(), layer)
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        training = self._training(Fit(context, X, y))
        trained = classifier.fit_classifier(
            images,
            labels,
            spec,
            key=key_of(given.random_state),
            training=replace(training, prepare=classifier.augmentation(given.augment)),
        )
        self.parameters_ = arrays_of(trained.model)
        self.history_ = trained.history
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes=dict)
        return self

    def predict(self, X: Any) -> Any:
        """Name the most likely class of each image [n h w c] as the labels of the fit do."""
        check_is_fitted(self, "parameters_")
        scores = classifier.class_scores(self._model(), self._prepare(X))
        return self.classes_[scores.argmax(axis=1)]

    def score(self, X: Any, y: Any) -> float:
        """Give the share of the images X [n h w c] whose class y [n] is predicted."""
        predicted = self.predict(X)
        return float(np.mean(predicted == check_labels(y, len(predicted))))

    def save_weights(self, path: Any) -> None:
        """Write the network to a file that `PretrainedFeatures(weights=path)` reads, with the
        settings of its training.

        Raises:
            InputError: the file exists, or colours were made grey by the mean, which the reader
                would do by luma.
        """
        check_is_fitted(self, "parameters_")
        self._write_weights(path, self._model(), self.spec_)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return classifier.activations(self._model(), images, self.layer)
