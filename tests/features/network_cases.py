"""Small learned features for the tests of the estimators: eight by eight digits, even and odd."""

from functools import cache

import numpy as np

from scratchclust import (
    AutoencoderFeatures,
    ClassifierFeatures,
    ClassifierSpec,
    ClassLossFeatures,
    ConvAutoencoderSpec,
    DECFeatures,
    EncoderProjectorSpec,
    ProjectorSpec,
    SelfSupervisedFeatures,
    StridedSpec,
    ViewSpec,
    data,
)

DIGITS = data.load("digits")
IMAGES, LABELS = DIGITS.images[:40], DIGITS.labels[:40] % 2
NEW = DIGITS.images[40:49]
SMALL = ConvAutoencoderSpec(widths=(2, 3), latent_dim=4)
SMALL_CLASSIFIER = ClassifierSpec(n_classes=2, widths=(2, 3), dense_width=5)
SMALL_ENCODER = EncoderProjectorSpec(
    encoder=StridedSpec(widths=(2, 6)), projector=ProjectorSpec(hidden=(), out=4)
)
PATCH = ViewSpec(crop_area=(0.25, 0.25), crop_aspect=(1, 1), size=(4, 4))
SETTINGS = {"epochs": 2, "batch_size": 16, "random_state": 0}


def autoencoder(**parameters):
    return AutoencoderFeatures(**({"model": SMALL, **SETTINGS} | parameters))


def classifier(**parameters):
    return ClassifierFeatures(**({"model": SMALL_CLASSIFIER, **SETTINGS} | parameters))


def class_losses(**parameters):
    return ClassLossFeatures(**({"model": SMALL, **SETTINGS} | parameters))


def self_supervised(**parameters):
    return SelfSupervisedFeatures(
        **({"model": SMALL_ENCODER, "n_views": 2, "views": PATCH, **SETTINGS} | parameters)
    )


def embedded(**parameters):
    return DECFeatures(
        **({"model": SMALL, "n_clusters": 2, "max_rounds": 2, **SETTINGS} | parameters)
    )


MAKERS = [autoencoder, classifier, class_losses, self_supervised, embedded]
LENGTHS = {embedded: 4, autoencoder: 4, classifier: 5, class_losses: 2, self_supervised: 6}


@cache
def fitted(make):
    """One that several tests look at and none changes."""
    return make().fit(IMAGES, LABELS)


def same(one, other):
    """The same bits in every array."""
    return all(
        np.array_equal(a, b)
        for a, b in zip(flat(one.parameters_), flat(other.parameters_), strict=True)
    )


def flat(arrays):
    return [
        leaf
        for value in arrays.values()
        for leaf in (flat(value) if isinstance(value, dict) else [value])
    ]
