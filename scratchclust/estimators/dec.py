"""Deep embedded clustering as features: `scratchclust.features.dec_rounds` as an estimator."""

from dataclasses import replace
from typing import Any, ClassVar, no_type_check

import jax
import numpy as np
from sklearn.callback import with_callbacks
from sklearn.utils.metaestimators import available_if

from scratchclust.checks import Rule, enough_samples, nothing, number, one_of, that_is, whole
from scratchclust.cluster.kmeans import kmeans
from scratchclust.errors import InputError
from scratchclust.estimators.autoencoder import AUTOENCODER_RULES, VIEW_RULES, AutoencoderFeatures
from scratchclust.estimators.base import key_of
from scratchclust.estimators.network_base import Fit
from scratchclust.estimators.spectral import SpectralClustering
from scratchclust.features import autoencoder, dec_rounds
from scratchclust.train.objectives.dec import DECLoss
from scratchclust.train.optimizer_specs import optimizer_of
from scratchclust.train.settings import Training
from scratchclust.train.view_specs import ViewSpec
from scratchclust.train.views import Views

STARTS = ("kmeans", "graph")
N_INIT = 10  # starts of k-means, of which the best is taken
ROUNDS_KEY, START_KEY = 1, 2  # folded into that of the fit
ROUNDS = "rounds-after"  # the folder of their checkpoints, with the epochs before them


def _can_draw(dec: Any) -> bool:
    """Whether the decoder was trained along in the rounds."""
    if dec.gamma is None:
        raise AttributeError(
            "with gamma=None the encoder is trained on and the decoder rests, so that it cannot "
            "draw its codes: give gamma=0.1 or another number"
        )
    return True


class DECFeatures(AutoencoderFeatures):
    """The code of an autoencoder that was trained on until its clusters are sharp (deep embedded
    clustering), without labels.

    First the autoencoder is trained as `AutoencoderFeatures` trains it. Then its code is clustered,
    and in each round the encoder is trained for an epoch to give every image more of the cluster
    that it has most of (`scratchclust.reference.dec` has the mathematics). The rounds end where
    fewer labels than `tol` change. With `views`, what is seen in a round is a view of each image,
    while the targets are of the images as they are.

    Args:
        n_clusters: k.
        start: how the code is first clustered: "kmeans", or "graph" (`SpectralClustering` by
            commute times). Two classes in one cluster are not told apart in the rounds.
        gamma: weight of the clustering beside the reconstruction (IDEC); None leaves the
            reconstruction out (DEC), and with it the work of the decoder: then there is no
            `reconstruct` and no `inverse_transform`.
        tol: the share of changed labels below which the rounds end.
        max_rounds: rounds at most.
        round_learning_rate: that of the optimiser in the rounds, which begins anew in each.
        model: "conv" or a `ConvAutoencoderSpec`, with a code that is one vector.
        latent_dim, epochs, batch_size, optimizer, learning_rate, loss, views, n_views, upright,
            precision, checkpoint_dir, color, verbose, random_state: as for `AutoencoderFeatures`;
            epochs and learning_rate are those before the rounds.

    Attributes:
        labels_: [n] int32, the cluster of each image of the fit that has most of it.
        centroids_: [k d] in the code of an image as it is.
        rounds_: dict of "changed" (the share of labels) and every term of the loss, a value for
            each round.
        converged_: whether the rounds ended by `tol`.
        spec_, parameters_, history_, input_shape_, n_features_out_: as for `AutoencoderFeatures`;
            history_ is that before the rounds.

    Example:
        >>> from scratchclust import DECFeatures, data
        >>> images = data.load("digits").images[:64]
        >>> dec = DECFeatures(n_clusters=10, latent_dim=8, epochs=1, max_rounds=2, random_state=0)
        >>> dec.fit_transform(images).shape
        (64, 8)
    """

    learns_from_shares = False  # targets even out the clusters of all images
    parameter_rules: ClassVar[dict[str, Rule]] = {
        "n_clusters": whole(1),
        "start": one_of(*STARTS),
        "gamma": nothing | number(least=0),
        "tol": number(least=0),
        "max_rounds": whole(1),
        "round_learning_rate": number(above=0),
        **AUTOENCODER_RULES,
        **VIEW_RULES,
        "model": one_of("conv")
        | that_is(
            "a ConvAutoencoderSpec", lambda value: isinstance(value, autoencoder.MODELS["conv"])
        ),
    }

    @no_type_check  # scikit-learn's rule: __init__ takes anything, fit checks it
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        start: str = "kmeans",
        gamma: float | None = 0.1,
        tol: float = 1e-3,
        max_rounds: int = 20,
        round_learning_rate: float = 1e-3,
        model: Any = "conv",
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
        super().__init__(
            model=model,
            latent_dim=latent_dim,
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            loss=loss,
            views=views,
            n_views=n_views,
            upright=upright,
            precision=precision,
            checkpoint_dir=checkpoint_dir,
            color=color,
            verbose=verbose,
            random_state=random_state,
        )
        self.n_clusters = n_clusters
        self.start = start
        self.gamma = gamma
        self.tol = tol
        self.max_rounds = max_rounds
        self.round_learning_rate = round_learning_rate

    @with_callbacks
    def fit(self, X: Any, y: Any = None) -> "DECFeatures":
        """Train on images X [n h w c]; y is ignored.

        Raises:
            InputError: the images or a parameter cannot be used.
            TrainingError: the loss became NaN or infinite; it carries the last good model.
        """
        given = self._checked()
        images = self._prepare(X, reset=True)
        enough_samples(len(images), given.n_clusters)
        self._settle(given)
        if self.spec_.latent_dim is None:
            raise InputError(
                "expected a code that is one vector, got a spec with latent_dim=None: "
                "give latent_dim=10"
            )
        key = key_of(given.random_state)
        context = self._init_callback_context(max_subtasks=given.epochs)
        context.call_on_fit_task_begin(estimator=self, X=X)
        fit = Fit(context, X, None)
        self._draw_again(images, fit, key)
        views, _ = self._views()
        embedded = dec_rounds.fit_dec(
            images,
            dec_rounds.Start(self.spec_, self.parameters_, self._centroids(images, given, key)),
            loss=DECLoss(Views(views or ViewSpec(), 1), gamma=given.gamma),
            tol=given.tol,
            max_rounds=given.max_rounds,
            key=jax.random.fold_in(key, ROUNDS_KEY),
            training=self._of_rounds(fit, given),
        )
        self.parameters_ = embedded.parameters
        self.centroids_ = embedded.centroids
        self.labels_ = embedded.labels
        self.rounds_ = embedded.history
        self.converged_ = embedded.converged
        context.call_on_fit_task_end(estimator=self, X=X, reconstruction_attributes=dict)
        return self

    @available_if(_can_draw)
    def inverse_transform(self, X: Any) -> Any:
        """Draw the images of codes X [n d], as `AutoencoderFeatures` does; not if gamma is None."""
        return super().inverse_transform(X)

    @available_if(_can_draw)
    def reconstruct(self, X: Any, *, zero_code: bool = False) -> Any:
        """Draw images X [n h w c] again, as `AutoencoderFeatures` does; not if gamma is None."""
        return super().reconstruct(X, zero_code=zero_code)

    def _centroids(self, images: np.ndarray, given: Any, key: Any) -> np.ndarray:
        """The means of the first clusters, in the code of the images as they are."""
        codes = autoencoder.encode(self._model(), images)
        key = jax.random.fold_in(key, START_KEY)
        if given.start == "kmeans":
            found = kmeans(codes, given.n_clusters, key=key, n_init=N_INIT)
            return np.asarray(found.centroids, np.float32)
        seed = int(jax.random.randint(key, (), 0, 2**31 - 1))
        graph = SpectralClustering(given.n_clusters, coordinates="commute-time", random_state=seed)
        labels = np.asarray(graph.fit_predict(self._features(images)))
        return np.stack([codes[labels == j].mean(axis=0) for j in range(given.n_clusters)])

    def _of_rounds(self, fit: Fit, given: Any) -> Training:
        """The settings of a round: an epoch, without callbacks, which count the epochs before."""
        training = self._training(fit, folder=f"{ROUNDS}-{given.epochs}")
        checkpoints = training.checkpoints and replace(training.checkpoints, every=1)
        return replace(
            training,
            optimizer=optimizer_of(given.optimizer, given.round_learning_rate),
            epochs=1,
            callbacks=(),
            checkpoints=checkpoints,
        )
