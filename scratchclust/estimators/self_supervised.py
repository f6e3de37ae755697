"""Self-supervised features, over the functions of `scratchclust.features.self_supervised`."""

from numbers import Integral
from typing import Any, ClassVar, no_type_check

import numpy as np
from jaxtyping import Float
from sklearn.base import clone
from sklearn.callback import with_callbacks
from sklearn.utils.validation import check_is_fitted

from scratchclust.checks import Rule, nothing, one_of, whole
from scratchclust.errors import InputError
from scratchclust.estimators.base import key_of
from scratchclust.estimators.network_base import TRAINING_RULES, Fit, NetworkFeatures
from scratchclust.features import self_supervised
from scratchclust.features.networks import arrays_of
from scratchclust.train.view_specs import ViewSpec


class SelfSupervisedFeatures(NetworkFeatures):
    """The code of an encoder that was trained to see through changed views of the images of the
    fit, without labels.

    What it learns depends on what the views change: colours that are jittered do not count any
    more, nor does the place of a crop. Where colour is the point, give a `ViewSpec` without jitter.

    Args:
        model: "strided" (three convolutions of stride 2, for a CPU), "resnet18" (for a GPU), or a
            spec: `StridedSpec`, `ResNetSpec(..., n_classes=None)`, or an `EncoderProjectorSpec`
            with the layers behind it that the loss compares.
        objective: "emp-ssl" (patches of an image agree, images fill the room), "simclr" (of all
            images, find the other view of this one) or "lejepa" (views agree, the code is normal).
        n_views: of each image in a step; None: 8, 2 and 4.
        views: "auto" (patches for "emp-ssl", SimCLR's otherwise), "patches", "simclr", "digits"
            (small turns and moves) or a `ViewSpec`. Where no view shows the whole image, its code
            is the mean of those of a grid of 3 x 3 patches; otherwise that of the whole image.
        epochs: how often each image is seen.
        batch_size: images in a step. A step must have enough of them to fill the room: some
            hundred.
        optimizer: "adam", "adamw", "sgd", "momentum", "adadelta" or a spec, as `LARSSpec()`.
        learning_rate: None leaves the optimiser's own; a `CosineSpec` lets it fall.
        precision: "float32", on every device; "bfloat16" with float32 parameters; or "tf32".
        checkpoint_dir: a folder for about ten checkpoints, from the newest of which a like fit
            goes on. Needs a `random_state`.
        color: "rgb" keeps the channels, "luma" and "mean" make grey.
        verbose: 1 prints a line for each epoch.
        random_state: seed of the first parameters, the shuffles and the views.

    Attributes:
        spec_: the spec of the network.
        views_: the `ViewSpec` of the views.
        parameters_: dict of all its arrays, by their path.
        history_: dict of every term of the loss, and of "effective_rank" and "uniformity" of the
            code of up to 1,000 images (of at least 16), a value for each epoch: a rank that falls
            to 1 and a uniformity that rises to 0 are a collapse.
        input_shape_: (height, width, channels) of the images.
        n_features_out_: d.

    Example:
        >>> from scratchclust import SelfSupervisedFeatures, data
        >>> images = data.load("digits").images[:64]
        >>> features = SelfSupervisedFeatures(n_views=2, epochs=1, random_state=0)
        >>> features.fit_transform(images).shape
        (64, 256)
    """

    parameter_rules: ClassVar[dict[str, Rule]] = {
        "model": self_supervised.MODEL,
        "objective": one_of(*self_supervised.OBJECTIVES),
        "n_views": nothing | whole(2),
        "views": self_supervised.VIEWS,
        **TRAINING_RULES,
    }
    views_: ViewSpec

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        model: Any = "strided",
        *,
        objective: str = "emp-ssl",
        n_views: int | None = None,
        views: Any = "auto",
        epochs: int = 10,
        batch_size: int = 128,
        optimizer: Any = "adam",
        learning_rate: Any = None,
        precision: str = "float32",
        checkpoint_dir: Any = None,
        color: str = "rgb",
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.model = model
        self.objective = objective
        self.n_views = n_views
        self.views = views
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
    def fit(self, X: Any, y: Any = None) -> "SelfSupervisedFeatures":
        """Train on images X [n h w c]; y is ignored.

        Raises:
            InputError: the images or a parameter cannot be used.
            TrainingError: the loss became NaN or infinite, or the code has collapsed; it carries
                the last good model.
        """
        given = self._checked()
        views = self_supervised.views_of(given.objective, given.views, given.n_views)
        spec = self_supervised.spec_of(given.model)
        images = self._prepare(X, reset=True)
        self.n_features_out_ = self_supervised.code_length(spec, self._seen_shape())
        self.spec_ = spec
        self.views_ = views.spec
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X)
        trained = self_supervised.fit_self_supervised(
            images,
            spec,
            objective=given.objective,
            views=views,
            key=key_of(given.random_state),
            training=self._training(Fit(context, X, None)),
        )
        self.parameters_ = arrays_of(trained.model)
        self.history_ = trained.history
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    def before_training(self) -> "SelfSupervisedFeatures":
        """Give these features with the parameters that the training began with: what does an
        encoder see that has learned nothing?

        Raises:
            InputError: random_state was no number, so that nobody knows them any more.
        """
        check_is_fitted(self, "parameters_")
        if not isinstance(self.random_state, Integral):
            raise InputError(
                f"expected a whole number as random_state, got {self.random_state!r}, of which the "
                "first parameters are not known any more: give a number to the fit"
            )
        key = key_of(self.random_state)
        first: Any = clone(self)
        for name in ("spec_", "views_", "input_shape_", "n_features_out_"):
            setattr(first, name, getattr(self, name))
        model = self_supervised.first_model(self.spec_, self._seen_shape(), key=key)
        first.parameters_ = arrays_of(model)
        return first

    def make_views(self, X: Any, n_views: int | None = None) -> Float[np.ndarray, "v n h2 w2 c"]:
        """Make views of images X, such as the training compares: always the same of the same seed,
        which are none of those that it saw.

        Args:
            X: images of the shape of those of the fit.
            n_views: of each; None: as many as the training compares.

        Raises:
            InputError: X are no images, or not of the shape of the fit; or n_views is less than 1.
        """
        check_is_fitted(self, "parameters_")
        if n_views is None:
            n_views = self_supervised.views_of(self.objective, self.views, self.n_views).n_views
        key = key_of(self.random_state if isinstance(self.random_state, Integral) else 0)
        return self_supervised.draw_views(self._prepare(X), self.views_, n_views, key=key)

    def save_weights(self, path: Any) -> None:
        """Write the encoder to a file that `PretrainedFeatures(weights=path)` reads, with the
        settings of its training. The projector is left out, as no features are made of it.

        Raises:
            InputError: the file exists; the code of an image is the mean over its patches, or
                colours were made grey by the mean, which the reader would do in another way.
        """
        check_is_fitted(self, "parameters_")
        if max(self.views_.crop_area) < 1:
            raise InputError(
                "PretrainedFeatures encodes whole images, but this code is the mean over patches, "
                f"as the views show at most {max(self.views_.crop_area):g} of an image: keep it "
                "with persist.save, or train on views with crop_area=(..., 1)"
            )
        self._write_weights(path, self._model().encoder, self.spec_.encoder)

    def _features(self, images: np.ndarray) -> np.ndarray:
        return self_supervised.encode(self._model(), images, self.views_)
