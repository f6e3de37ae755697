"""What the estimators that train a network share: images, labels, the settings of a training,
callbacks.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, nothing, number, one_of, path, seed, that_is, verbosity, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import TellsProgress, like
from scratchclust.estimators.image_base import ImageFeatures, check_images
from scratchclust.features import pretrained
from scratchclust.features.networks import arrays_of, model_of
from scratchclust.features.pixels import COLORS, pixels
from scratchclust.progress import Progress
from scratchclust.train.checkpoint import Checkpoints
from scratchclust.train.optimizer_specs import OPTIMIZER, optimizer_of
from scratchclust.train.schedules import SCHEDULES
from scratchclust.train.settings import STOP, Callback, Training
from scratchclust.train.steps import PRECISIONS

CHECKPOINTS = 10  # about so many in a training

TRAINING_RULES: dict[str, Rule] = {
    "epochs": whole(1),
    "batch_size": whole(1),
    "optimizer": OPTIMIZER,
    "learning_rate": nothing
    | number(above=0)
    | that_is("a CosineSpec or a StepSpec", lambda value: isinstance(value, SCHEDULES)),
    "precision": one_of(*PRECISIONS),
    "checkpoint_dir": nothing | path,
    "color": one_of(*COLORS),
    "verbose": verbosity,
    "random_state": seed,
}
"""What every estimator that trains a network takes beside the network itself."""


class Fit(NamedTuple):
    """A fit as scikit-learn's callbacks are told of it."""

    context: Any  # scikit-learn's, of the task whose subtasks are the epochs
    X: Any  # what came to fit
    y: Any
    # whether the estimator with the network's arrays as `parameters_` could transform
    usable: bool = True


class NetworkFeatures(TellsProgress, ImageFeatures):
    """Base of the estimators that train a network: images in, colours, the settings of a training,
    its callbacks.

    What one is for stands in `fit` and in `_features`, which makes the features of images that
    `_prepare` has seen.
    """

    learns_from_shares = True
    color: str
    epochs: int
    batch_size: int
    optimizer: Any
    learning_rate: float | None
    precision: str
    checkpoint_dir: Any
    verbose: int
    random_state: Any
    input_shape_: tuple[int, int, int]
    spec_: Any
    parameters_: dict[str, Any]
    n_features_out_: int

    def transform(self, X: Any) -> Any:
        """Give the features [n d] of images X [n h w c], uint8 or float in [0, 1].

        Raises:
            InputError: X are no images, or not of the shape of the fit.
        """
        check_is_fitted(self, "parameters_")
        return like(X, self._features(self._prepare(X)))

    def _features(self, images: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def _prepare(self, X: Any, *, reset: bool = False) -> np.ndarray:
        """Give the images as the network wants them, of the shape of the fit."""
        color = self.parameter_rules["color"]("color", self.color)
        images = check_images(X, like_fit=None if reset else self.input_shape_)
        if reset:
            # a fit that fails must not leave the old network with new classes
            vars(self).pop("parameters_", None)
            self.input_shape_ = tuple(images.shape[1:])
        if color == "rgb" and images.dtype == np.uint8:
            return images  # they are cast on the device, batch by batch
        return pixels(images, color=color)

    def _seen_shape(self) -> tuple[int, int, int]:
        """(height, width, channels) of the images that the network sees."""
        height, width, channels = self.input_shape_
        return height, width, channels if self.color == "rgb" else 1

    def _model(self) -> Any:
        return model_of(self.spec_, self._seen_shape(), self.parameters_)

    def _write_weights(self, path: Any, model: Any, spec: Any) -> None:
        """Write a network, or the part of it that makes the features, for `PretrainedFeatures`."""
        if self.color == "mean" and self.input_shape_[2] == 3:
            raise InputError(
                "PretrainedFeatures makes colours grey by luma, not by the mean: "
                'train with color="luma"'
            )
        settings = {
            name: str(value)
            for name, value in self.get_params().items()
            if name != "checkpoint_dir"
        }
        pretrained.write(path, model, spec, self._seen_shape(), training=settings)

    def _training(
        self, fit: Fit, *, part: str = "", folder: str = "", epochs: int | None = None
    ) -> Training:
        """Make the settings of a training out of this estimator's parameters.

        Args:
            fit: for the callbacks.
            part: of several like trainings, which: "class 5: ".
            folder: of the checkpoints, within `checkpoint_dir`.
            epochs: of this one; None: those of the parameter.
        """
        given = self._checked()
        n_epochs: int = epochs or given.epochs
        checkpoints = None
        if given.checkpoint_dir is not None:
            every = max(1, n_epochs // CHECKPOINTS)
            checkpoints = Checkpoints(Path(given.checkpoint_dir) / folder, every=every)

        def tell(progress: Progress) -> None:
            self._tell(progress._replace(part=part))

        return Training(
            optimizer=optimizer_of(given.optimizer, given.learning_rate),
            epochs=n_epochs,
            batch_size=given.batch_size,
            precision=given.precision,
            callbacks=[self._each_epoch(fit)],
            checkpoints=checkpoints,
            resume=checkpoints is not None and bool(checkpoints.found()),
            progress=tell,
        )

    def _each_epoch(self, fit: Fit) -> Callback:
        """Make the callback that tells scikit-learn's that an epoch is over, and ends the training
        if one of them says so.
        """

        def each_epoch(epoch: int, model: Any, history: Any) -> Any:
            if not getattr(self, "_skl_callbacks", None):
                return None

            def attributes() -> dict[str, Any]:
                return {
                    "parameters_": arrays_of(model),
                    "history_": {name: list(values) for name, values in history.items()},
                }

            task = fit.context.subcontext(task_name=f"epoch {epoch}")
            task.call_on_fit_task_begin(estimator=self, X=fit.X, y=fit.y)
            stop = task.call_on_fit_task_end(
                estimator=self,
                X=fit.X,
                y=fit.y,
                reconstruction_attributes=attributes if fit.usable else None,
            )
            return STOP if stop else None

        return each_epoch


def check_classes(y: Any, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Give the distinct labels, and for each of n images the place of its own among them.

    Raises:
        InputError: no labels, another number than images, unknown ones (-1), or only one class.
    """
    if y is None:
        raise InputError(
            "these features are learned from labels, but none came: call fit(images, labels)"
        )
    y = check_labels(y, n)
    if y.dtype == object and all(isinstance(label, int) for label in y):
        y = y.astype(np.int64)
    if y.dtype.kind in "if" and (~np.isfinite(y) | (y < 0)).any():
        raise InputError("some labels are unknown (-1 or NaN): leave those images out of the fit")
    if y.dtype.kind not in "biufU" and not (
        y.dtype == object and all(isinstance(label, str) for label in y)
    ):
        raise InputError(
            f"expected labels that are all integers or all strings, got {y.dtype}: "
            "name the unknown ones, or leave them out"
        )
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise InputError(
            f"expected labels of at least two classes, got only {classes[0]}: "
            "give images of another class"
        )
    return classes, labels.astype(np.int32)


def check_labels(y: Any, n: int) -> np.ndarray:
    """Give one label for each of n images, as an array.

    Raises:
        InputError: another number of them.
    """
    y = np.asarray(y)
    if y.shape != (n,):
        raise InputError(
            f"expected {n} labels, one for each image, got shape {list(y.shape)}: "
            "give as many as images"
        )
    return y
