"""The networks that come with the package: whole, those of their recipes, and of use."""

import json

import numpy as np
import pytest
from safetensors import safe_open

from scratchclust import PixelFeatures, PretrainedFeatures, data
from scratchclust.features.weights import SHIPPED
from scratchclust.models import ResNetSpec
from scratchclust.recipes import find
from scratchclust.train.knn import knn_accuracy

RECIPES = {"cifar10-resnet20": "pretrain", "cifar10-selfsup": "self-supervised-small"}
PARAMETERS = {"cifar10-resnet20": 269_722, "cifar10-selfsup": 269_722 - 650}  # no last layer


def photographs():
    return np.random.default_rng(0).integers(0, 256, (5, 40, 40, 3), dtype=np.uint8)


def test_every_network_has_its_recipe():
    assert RECIPES.keys() == SHIPPED.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_network(name):
    assert SHIPPED[name].stat().st_size < 1.3e6
    features = PretrainedFeatures(name).fit(photographs())
    assert features.spec_.depth == 20
    assert features.transform(photographs()).shape == (5, 64)
    learned = {
        path: array
        for path, array in features.parameters_.items()
        if "mean" not in path and "var" not in path
    }
    assert sum(array.size for array in learned.values()) == PARAMETERS[name]
    assert all(np.isfinite(array).all() for array in features.parameters_.values())


@pytest.mark.parametrize("name", RECIPES)
def test_a_shipped_network_is_that_of_the_recipe(name):
    with safe_open(SHIPPED[name], framework="numpy") as file:
        notes = {key: json.loads(value) for key, value in file.metadata().items()}
    features = find(RECIPES[name]).variants[0].features
    said = {
        key: value for key, value in features.parameters.items() if isinstance(value, str | int)
    }
    assert {key: notes["training"][key] for key in said} == {
        key: str(value) for key, value in said.items()
    }
    fields = dict(features.parameters["model"].fields) | {
        "n_classes": notes["spec"]["ResNetSpec"]["n_classes"]
    }
    assert ResNetSpec(**notes["spec"]["ResNetSpec"]) == ResNetSpec(**fields)


@pytest.mark.full
@pytest.mark.real_data
def test_the_network_of_labels_knows_photographs():
    test = data.load("cifar10", split="test", limit=1000)
    logits = PretrainedFeatures(layer="logits").fit_transform(test.images)
    assert (logits.argmax(axis=1) == test.labels).mean() > 0.84


@pytest.mark.full
@pytest.mark.real_data
def test_the_network_without_labels_tells_photographs_apart():
    """Neighbours in its code have the same label more often than those by pixels."""
    learned = data.load("cifar10", split="train", limit=5000)
    test = data.load("cifar10", split="test", limit=1000)

    def vote(features):
        of_learned, of_test = (features.fit_transform(each.images) for each in (learned, test))
        return knn_accuracy(of_learned, learned.labels, of_test, test.labels)

    assert vote(PretrainedFeatures("cifar10-selfsup")) > vote(PixelFeatures()) + 0.15
