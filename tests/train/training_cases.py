"""Small networks and data for the tests of training: a classifier and an autoencoder with batch
norm and dropout.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from scratchclust.train.loop import train
from scratchclust.train.losses import classification_loss, reconstruction_loss
from scratchclust.train.optimizer_specs import AdamSpec


class Classifier(nnx.Module):
    """[n 4 4 1] -> [n 3], by a convolution, batch normalisation, and dropout from a key."""

    def __init__(self, *, rngs, dropout=0.2):
        # a bias would be noise before the norm
        self.conv = nnx.Conv(1, 4, (3, 3), use_bias=False, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.dense = nnx.Linear(64, 3, rngs=rngs)
        self.dropout = dropout

    def __call__(self, images, *, key=None):
        x = nnx.relu(self.norm(self.conv(images))).reshape(len(images), -1)
        if key is not None:
            x = x * jax.random.bernoulli(key, 1 - self.dropout, x.shape) / (1 - self.dropout)
        return self.dense(x)


class Autoencoder(nnx.Module):
    """[n 4 4 1] -> [n 4 4 1] through 8 numbers."""

    def __init__(self, *, rngs):
        self.down = nnx.Linear(16, 8, rngs=rngs)
        self.up = nnx.Linear(8, 16, rngs=rngs)

    def __call__(self, images):
        code = nnx.relu(self.down(images.reshape(len(images), -1)))
        return nnx.sigmoid(self.up(code)).reshape(images.shape)


class Line(nnx.Module):
    """y = slope x + offset, to be computed by hand."""

    def __init__(self, slope=0.0, offset=0.0):
        self.slope, self.offset = nnx.Param(jnp.array(slope)), nnx.Param(jnp.array(offset))

    def __call__(self, images):
        return self.slope[...] * images + self.offset[...]


def classifier(seed=0, **settings):
    return Classifier(rngs=nnx.Rngs(seed), **settings)


def autoencoder(seed=0):
    return Autoencoder(rngs=nnx.Rngs(seed))


def data(n=48, seed=0):
    """Bytes [n 4 4 1] whose class is which of three rows is bright, and the classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(3, size=n)
    images = rng.integers(100, size=(n, 4, 4, 1))
    images[np.arange(n), labels] += 150
    return images.astype(np.uint8), labels.astype(np.int32)


def train_classifier(model=None, *, n=48, **settings):
    images, labels = data(n)
    defaults = {
        "loss": classification_loss(),
        "optimizer": AdamSpec(0.01),
        "epochs": 3,
        "batch_size": 8,
    }
    settings = defaults | {"key": jax.random.key(0)} | settings
    return train(classifier() if model is None else model, images, labels=labels, **settings)


def train_autoencoder(model=None, *, n=48, **settings):
    defaults = {
        "loss": reconstruction_loss(),
        "optimizer": AdamSpec(0.01),
        "epochs": 3,
        "batch_size": 8,
    }
    settings = defaults | {"key": jax.random.key(0)} | settings
    return train(autoencoder() if model is None else model, data(n)[0], **settings)


def arrays_of(model):
    """Every array of a model, on the host."""
    return [np.array(leaf) for leaf in jax.tree.leaves(nnx.state(model))]


def assert_same(one, two, **tolerance):
    """Equal arrays in two models; bit for bit without a tolerance."""
    for a, b in zip(arrays_of(one), arrays_of(two), strict=True):
        np.testing.assert_allclose(a, b, **({"rtol": 0, "atol": 0} | tolerance))
