"""Networks as features: arrays and back, batches on several devices, codes, losses and activations,
words for specs.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scratchclust import rows
from scratchclust.errors import InputError
from scratchclust.features import autoencoder, class_losses, classifier, networks
from scratchclust.models import ClassifierSpec, ConvAutoencoderSpec, ResNetSpec, UNetSpec, VAESpec
from scratchclust.train.losses import reconstruction_loss, vae_loss
from scratchclust.train.optimizer_specs import AdamSpec, MomentumSpec, SGDSpec, optimizer_of
from scratchclust.train.settings import Training
from tests.models.model_cases import SMALL

SHAPE = (8, 8, 1)
DENSE = ConvAutoencoderSpec(widths=(2, 3), latent_dim=4)
SPATIAL = ConvAutoencoderSpec(widths=(2, 3), latent_dim=None)
UNET = UNetSpec(widths=(2, 3), latent_dim=4)
VAE = VAESpec(widths=(2, 3), latent_dim=4)
SPECS = {"dense": DENSE, "spatial": SPATIAL, **SMALL}
PICTURES = np.random.default_rng(0).integers(0, 256, (11, *SHAPE)).astype(np.uint8)
IMAGES = jnp.asarray(PICTURES, jnp.float32) / 255


@cache
def built(spec, seed=0):
    """A model in evaluation mode, whose running statistics are not those of the start."""
    model = spec.build(SHAPE, rngs=nnx.Rngs(seed))
    rng = np.random.default_rng(seed)
    for leaf in jax.tree.leaves(
        nnx.state(model, nnx.BatchStat), is_leaf=lambda leaf: isinstance(leaf, nnx.Variable)
    ):
        leaf[...] += rng.uniform(-0.1, 0.1, leaf[...].shape).astype(np.float32)
    model.eval()
    return model


def direct(f, model):
    """f(model) for all images at once, on one device."""
    graphdef, state = nnx.split(model)
    return jax.jit(lambda state: f(nnx.merge(graphdef, state)))(state)


def answer(model, images):
    """Whatever the model gives, as one array."""
    return jax.tree.leaves(model(images))[0]


class TestArrays:
    @pytest.mark.quick(3)
    @pytest.mark.parametrize("name", SPECS)
    def test_there_and_back(self, name):
        model = built(SPECS[name])
        arrays = networks.arrays_of(model)
        again = networks.model_of(SPECS[name], SHAPE, arrays)
        assert all(type(array) is np.ndarray for array in arrays.values())
        assert sum(array.size for array in arrays.values()) == sum(
            x.size for x in jax.tree.leaves(nnx.state(model))
        )
        for path, array in networks.arrays_of(again).items():
            np.testing.assert_array_equal(array, arrays[path])
        drawn = networks.in_batches(model, answer, PICTURES)
        assert np.ptp(drawn, axis=0).max() > 0
        np.testing.assert_array_equal(networks.in_batches(again, answer, PICTURES), drawn)

    def test_running_statistics_are_among_them_and_are_used(self):
        arrays = networks.arrays_of(built(SMALL["resnet"]))
        assert arrays["stem.norm.mean"].shape == (16,)
        before = networks.in_batches(
            networks.model_of(SMALL["resnet"], SHAPE, arrays), answer, PICTURES
        )
        arrays["stem.norm.mean"] = arrays["stem.norm.mean"] + 1
        after = networks.in_batches(
            networks.model_of(SMALL["resnet"], SHAPE, arrays), answer, PICTURES
        )
        assert np.abs(after - before).max() > 1e-3

    def test_those_of_another_model_are_refused(self):
        arrays = networks.arrays_of(built(DENSE))
        kernel = "to_code.kernel"
        missing = {name: array for name, array in arrays.items() if name != kernel}
        for wrong in (missing, arrays | {kernel: arrays[kernel].T}):
            with pytest.raises(
                InputError,
                match=r"are not those of ConvAuto.*to_code\.kernel is missing, not known or",
            ):
                networks.model_of(DENSE, SHAPE, wrong)
        with pytest.raises(
            InputError, match=r"more is missing, not known or of another shape; give the spec and"
        ):
            networks.model_of(DENSE, SHAPE, arrays | {"more": np.zeros(3)})
        with pytest.raises(InputError, match=r"for \(16, 16, 1\): decoder\.from_code"):
            networks.model_of(DENSE, (16, 16, 1), arrays)


class TestBatches:
    @pytest.mark.quick(5)
    @pytest.mark.parametrize("n_devices", [1, 2, 4])
    @pytest.mark.parametrize(("n", "batch_size"), [(1, 4), (3, 512), (8, 8), (11, 4), (11, 3)])
    def test_equal_the_direct_call(self, n, batch_size, n_devices):
        model = built(DENSE)
        expected = direct(lambda model: model.encode(IMAGES), model)[:n]
        with rows.on(jax.local_devices()[:n_devices]):
            codes = networks.in_batches(
                model, autoencoder._codes, PICTURES[:n], batch_size=batch_size
            )
        assert codes.shape == (n, 4)
        np.testing.assert_allclose(codes, expected, rtol=1e-5, atol=1e-6)

    def test_every_image_gets_its_own_answer_in_order(self):
        sums = networks.in_batches(built(DENSE), _sums, PICTURES, batch_size=4)
        np.testing.assert_allclose(sums, PICTURES.sum(axis=(1, 2, 3)) / 255, rtol=1e-6)

    def test_a_second_call_compiles_nothing(self):
        arrays = networks.arrays_of(built(SMALL["conv"]))
        one = networks.model_of(SMALL["conv"], SHAPE, arrays)
        other = networks.model_of(
            SMALL["conv"], SHAPE, {name: array + 1 for name, array in arrays.items()}
        )
        networks.in_batches(one, _counted, PICTURES, batch_size=4)
        traced = len(TRACED)
        assert traced >= 1
        networks.in_batches(one, _counted, PICTURES[:9], batch_size=4)
        networks.in_batches(other, _counted, PICTURES, batch_size=4)
        classifier.activations(built(SMALL["classifier"]), PICTURES, "dense")
        compiled = networks._apply._cache_size()
        classifier.activations(built(SMALL["classifier"], seed=1), PICTURES, "dense")
        assert networks._apply._cache_size() == compiled
        assert len(TRACED) == traced

    def test_batch_norm_does_not_mix_the_images(self):
        model = built(SMALL["resnet"])
        scores = classifier.class_scores(model, PICTURES)
        np.testing.assert_allclose(
            classifier.class_scores(model, PICTURES[3:4]), scores[3:4], rtol=1e-4, atol=1e-5
        )

    def test_neither_bytes_nor_floats_are_refused(self):
        with pytest.raises(InputError, match="expected images of type uint8 or float, got int32"):
            networks.in_batches(built(DENSE), _sums, PICTURES.astype(np.int32))


TRACED = []


def _sums(model, images):
    return images.sum(axis=(1, 2, 3))


def _counted(model, images):
    TRACED.append(images.shape)
    return model(images)


class TestAutoencoders:
    @pytest.mark.parametrize(
        ("spec", "length"), [(DENSE, 4), (SPATIAL, 2 * 2 * 3), (UNET, 4), (VAE, 4)]
    )
    def test_codes_are_vectors(self, spec, length):
        codes = autoencoder.encode(built(spec), PICTURES)
        assert codes.shape == (11, length)
        assert codes.dtype == np.float32
        assert autoencoder.code_length(spec, SHAPE) == length

    @pytest.mark.parametrize(
        "spec", [DENSE, SPATIAL, VAE, VAESpec(widths=(2,), latent_dim=3, likelihood="gaussian")]
    )
    def test_a_decoded_code_is_the_reconstruction(self, spec):
        model = built(spec)
        drawn = autoencoder.reconstruct(model, PICTURES)
        assert drawn.shape == PICTURES.shape
        assert drawn.min() >= 0
        assert drawn.max() <= 1
        again = autoencoder.decode(model, autoencoder.encode(model, PICTURES))
        np.testing.assert_allclose(again, drawn, rtol=1e-5, atol=1e-6)

    def test_a_vae_is_the_mean_of_its_code_without_noise(self):
        logits, mean, _ = direct(lambda model: model(IMAGES), built(VAE))
        model, drawn = built(VAE), jax.nn.sigmoid(logits)
        np.testing.assert_allclose(autoencoder.encode(model, PICTURES), mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(
            autoencoder.reconstruct(model, PICTURES), drawn, rtol=1e-5, atol=1e-6
        )

    def test_a_unet_draws_images_but_not_codes(self):
        model, drawn = built(UNET), direct(lambda model: model(IMAGES), built(UNET))
        np.testing.assert_allclose(
            autoencoder.reconstruct(model, PICTURES), drawn, rtol=1e-5, atol=1e-6
        )
        with pytest.raises(InputError, match="codes alone cannot be decoded: use another model"):
            autoencoder.decode(model, autoencoder.encode(model, PICTURES))

    @pytest.mark.parametrize("spec", [DENSE, SPATIAL, VAE])
    def test_without_its_code_an_autoencoder_draws_one_picture(self, spec):
        drawn = autoencoder.reconstruct(built(spec), PICTURES, zero_code=True)
        np.testing.assert_allclose(drawn, np.broadcast_to(drawn[:1], drawn.shape), atol=1e-6)
        expected = autoencoder.decode(
            built(spec), np.zeros((1, autoencoder.code_length(spec, SHAPE)), np.float32)
        )
        np.testing.assert_allclose(drawn[:1], expected, atol=1e-6)

    def test_without_its_code_a_unet_draws_by_its_skips(self):
        drawn = autoencoder.reconstruct(built(UNET), PICTURES, zero_code=True)
        expected = direct(lambda model: model(IMAGES, zero_code=True), built(UNET))
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)
        assert np.ptp(drawn, axis=0).max() > 1e-3

    @pytest.mark.quick(1)
    @pytest.mark.parametrize("spec", [UNET, VAE])
    def test_training_makes_the_loss_smaller(self, spec):
        training = Training(optimizer=AdamSpec(0.01), epochs=5, batch_size=4)
        result = autoencoder.fit_autoencoder(
            PICTURES, spec, loss="bernoulli", key=jax.random.key(0), training=training
        )
        losses = result.history["loss"]
        assert len(losses) == 5
        assert losses[-1] < losses[0]


class TestLosses:
    @pytest.mark.parametrize("spec", [DENSE, UNET, VAE])
    def test_of_each_image_by_numpy(self, spec):
        model = built(spec)
        found = class_losses.image_losses(model, PICTURES)
        squares = (PICTURES / 255 - autoencoder.reconstruct(model, PICTURES)) ** 2
        np.testing.assert_allclose(found, squares.mean(axis=(1, 2, 3)), rtol=1e-5)
        assert found.dtype == np.float32

    def test_log_centred_by_hand(self):
        losses = np.array([[1.0, np.e**2], [3.0, 3.0], [0.0, 1e-8]])
        np.testing.assert_allclose(
            class_losses.log_centred(losses), [[-1, 1], [0, 0], [0, 0]], atol=1e-6
        )

    @pytest.mark.parametrize("seed", range(20))
    def test_log_centred_does_not_see_how_hard_an_image_is(self, seed):
        rng = np.random.default_rng(seed)
        losses = rng.uniform(0.01, 1, (6, 4)).astype(np.float32)
        centred = class_losses.log_centred(losses)
        harder = losses * rng.uniform(0.1, 10, (6, 1)).astype(np.float32)
        np.testing.assert_allclose(class_losses.log_centred(harder), centred, atol=2e-6)
        np.testing.assert_allclose(centred.sum(axis=1), 0, atol=2e-6)
        assert centred.dtype == np.float32


class TestClassifiers:
    @pytest.mark.quick(1)
    @pytest.mark.parametrize("name", ["classifier", "resnet"])
    def test_every_layer_is_a_vector(self, name):
        spec, model = SMALL[name], built(SMALL[name])
        layers = classifier.layers_of(spec, SHAPE)
        assert layers == tuple(model.layer_names)
        for layer in (layers[0], layers[-2], layers[-1]):
            found = classifier.activations(model, PICTURES, layer)
            expected = direct(lambda model, layer=layer: model.activations(IMAGES, layer), model)
            np.testing.assert_allclose(found, expected.reshape(11, -1), rtol=1e-4, atol=1e-5)
            assert np.ptp(found) > 0
            assert classifier.layer_length(spec, SHAPE, layer) == found.shape[1]

    def test_the_scores_are_the_logits(self):
        model = built(SMALL["classifier"])
        scores = classifier.class_scores(model, PICTURES)
        np.testing.assert_array_equal(scores, classifier.activations(model, PICTURES, "logits"))

    def test_an_unknown_layer_is_refused(self):
        with pytest.raises(InputError, match=r"expected a layer out of 'conv1', .*, got 'conv9'"):
            classifier.activations(built(SMALL["classifier"]), PICTURES, "conv9")


def test_words_for_autoencoders():
    assert autoencoder.spec_of("conv") == ConvAutoencoderSpec()
    assert autoencoder.spec_of("unet", latent_dim=5) == UNetSpec(latent_dim=5)
    assert autoencoder.spec_of("vae", loss="mse") == VAESpec(likelihood="gaussian")
    assert autoencoder.spec_of("vae", loss="bernoulli", latent_dim=2) == VAESpec(
        likelihood="bernoulli", latent_dim=2
    )
    assert autoencoder.spec_of(VAE, loss="mse") is VAE
    assert autoencoder.spec_of(SPATIAL, latent_dim=6) == ConvAutoencoderSpec(
        widths=(2, 3), latent_dim=6
    )


def test_words_for_losses_classifiers_and_optimizers():
    assert autoencoder.loss_of(DENSE, "mse") == reconstruction_loss("mse")
    assert autoencoder.loss_of(UNET, "bernoulli") == reconstruction_loss("bernoulli")
    assert autoencoder.loss_of(VAESpec(beta=4.0), "bernoulli") == vae_loss("bernoulli", 4.0)
    assert autoencoder.loss_of(VAESpec(likelihood="gaussian"), "mse") == vae_loss("gaussian", 1.0)
    assert autoencoder.loss_of(VAESpec(), "mse") == vae_loss(
        "bernoulli", 1.0
    )  # the default word decides nothing
    assert classifier.spec_of(None, 3) == ClassifierSpec(n_classes=3)
    resnet = ResNetSpec(depth=8, n_classes=3)
    assert classifier.spec_of(resnet, 3) is resnet
    assert optimizer_of("adam", None) == AdamSpec()
    assert optimizer_of("sgd", 0.5) == SGDSpec(learning_rate=0.5)
    assert optimizer_of(MomentumSpec(decay=0.5), 0.25) == MomentumSpec(
        learning_rate=0.25, decay=0.5
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: autoencoder.spec_of("cnn"),
            "expected model to be one of 'conv', 'unet', 'vae' or a spec .* got 'cnn'",
        ),
        (lambda: autoencoder.spec_of(["conv"]), r"expected model to be one of .* got \['conv'\]"),
        (
            lambda: autoencoder.spec_of(ClassifierSpec()),
            "expected model to be one of .* got ClassifierSpec",
        ),
        (
            lambda: autoencoder.spec_of("vae", loss="l1"),
            "expected loss to be 'mse' or 'bernoulli', got 'l1'",
        ),
        (
            lambda: autoencoder.loss_of(DENSE, "gaussian"),
            "expected loss to be 'mse' or 'bernoulli', got 'gaussian'",
        ),
        (
            lambda: autoencoder.loss_of(VAESpec(likelihood="gaussian"), "bernoulli"),
            "loss='bernoulli' and a VAE of likelihood='gaussian' do not fit",
        ),
        (
            lambda: autoencoder.loss_of(ConvAutoencoderSpec(symmetric=True), "bernoulli"),
            "loss='bernoulli' wants logits of",
        ),
        (
            lambda: autoencoder.loss_of(UNetSpec(output="tanh"), "bernoulli"),
            "loss='bernoulli' wants output='sigmoid', the spec has 'tanh': change one",
        ),
        (
            lambda: classifier.spec_of("resnet", 3),
            "expected model to be None, a ClassifierSpec or a ResNetSpec, got 'r",
        ),
        (
            lambda: classifier.spec_of(ResNetSpec(), 3),
            r"3 classes, but ResNetSpec\(.*\) has 10: give images of every",
        ),
        (
            lambda: optimizer_of("lion", None),
            "expected optimizer to be one of 'sgd', .* got 'lion'",
        ),
        (
            lambda: optimizer_of(["adam"], None),
            r"expected optimizer to be one of .* got \['adam'\]",
        ),
        (lambda: optimizer_of("adam", -1.0), "learning_rate"),
    ],
)
def test_errors_teach(make, message):
    with pytest.raises(InputError, match=message):
        make()
