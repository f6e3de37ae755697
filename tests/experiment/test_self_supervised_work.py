"""What is said of a self-supervised training: its counts are those of the networks, its defaults
those of the estimator.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

from scratchclust import SCANFeatures, SelfSupervisedFeatures, StridedSpec
from scratchclust.experiment import coming, scores
from scratchclust.experiment import self_supervised_work as work
from scratchclust.experiment.build import _built
from scratchclust.features import self_supervised
from scratchclust.models.layers import count_parameters
from scratchclust.rates import Rates
from scratchclust.recipes.plan import Settings, plan
from scratchclust.recipes.recipe import Recipe, Spec, Step, Variant
from scratchclust.train.view_specs import PATCHES

SLOW = Rates(*[1e10] * len(Rates._fields))
SHAPE = (32, 32, 3)


def counted(**parameters: Any) -> Any:
    step = Step("SelfSupervisedFeatures", parameters)
    return work.self_supervised(step, 1_000, 5_000, SHAPE)


def test_defaults_are_those_of_the_estimator() -> None:
    for word, spec in work.MODELS.items():
        assert _built(spec) == self_supervised.MODELS[word]
    assert {name: one.n_views for name, one in self_supervised.OBJECTIVES.items()} == work.N_VIEWS
    given = SelfSupervisedFeatures().get_params()
    assert (given["epochs"], given["batch_size"]) == (work.EPOCHS, work.BATCH_SIZE)
    assert {name: getattr(PATCHES, name) for name in work.PATCH} == work.PATCH
    assert self_supervised.GRID**2 == work.GRID
    assert self_supervised.MEASURED_IMAGES == work.MEASURED
    assert scores.MOST_VOTERS == work.VOTERS
    own = "emp-ssl"
    assert (counted(), counted(model="strided")) == (
        counted(n_views=8, epochs=10),
        counted(objective=own, views="patches", batch_size=128),
    )
    assert counted(objective="simclr") == counted(objective="simclr", views=Spec("ViewSpec", {}))


def test_scans_steps_are_counted() -> None:
    given = SCANFeatures().get_params()
    assert {name: given[name] for name in work.SCAN} == work.SCAN
    patches = Step("SelfSupervisedFeatures", {"model": "strided"})
    whole = Step("SelfSupervisedFeatures", {"model": "strided", "objective": "simclr"})

    def counted(features: Step = patches, **parameters: Any) -> Any:
        return work.scan(Step("SCANFeatures", parameters), features, 100, 500, SHAPE)

    none = {"encoder_epochs": 0, "self_label_epochs": 0}
    layers = work.encoder_layers(Spec("StridedSpec", {"widths": (64, 128, 256)}), (16, 16), 3)
    multiplications = sum(layer.n_multiplications for layer in layers)
    alone = counted(**none).products
    for name, passes in (("encoder_epochs", 6), ("self_label_epochs", 4)):
        more = counted(**none | {name: 3}).products - alone
        seen = 9 * (500 * 3 * passes + 3 * 500)  # and the look after each epoch
        assert more == pytest.approx(2 * seen * multiplications)
    assert counted(whole).products < counted().products  # once in 32x32, not nine times in 16x16
    assert counted(n_heads=20).products > counted(n_heads=10).products
    assert counted(batch_size=100).memory < counted(batch_size=500).memory


def test_the_full_recipe_counts_what_it_adds() -> None:
    small, full = (plan("self-supervised", Settings(full=size)) for size in (False, True))
    (line,) = coming.lines_of_recipe(full, SLOW)
    assert line.startswith("10,000 images of 32x32, 3 variants; about ")
    (of_small,) = coming.lines_of_recipe(small, SLOW)
    assert of_small.startswith("10,000 images of 32x32, 2 variants; about ")
    *_, scan = full.variants
    assert scan.refine is not None
    peta = [
        count.products / 1e15
        for count in (
            work.self_supervised(scan.features, 10_000, 50_000, SHAPE),
            work.scan(scan.refine, scan.features, 10_000, 50_000, SHAPE),
        )
    ]
    assert 20 < peta[0] < 30
    assert 20 < peta[1] < 40


@pytest.mark.parametrize("size", [(16, 16), (9, 12), (32, 32)])
@pytest.mark.parametrize("widths", [(64, 128, 256), (5, 7)])
def test_multiplications_of_a_strided_network(size: tuple[int, int], widths: Any) -> None:
    layers = work.encoder_layers(Spec("StridedSpec", {"widths": widths}), size, 3)
    expected = StridedSpec(widths=widths).n_multiplications((*size, 3))
    assert sum(layer.n_multiplications for layer in layers) == expected


@pytest.mark.full
@pytest.mark.parametrize(
    "fields",
    [
        {"depth": 20},
        {"depth": 18, "family": "imagenet-3x3"},
        {"depth": 18, "family": "imagenet"},
        {"depth": 50, "family": "imagenet"},
    ],
    ids=str,
)
def test_products_of_a_resnet_are_those_that_xla_counts(fields: dict[str, Any]) -> None:
    """Elementwise work, and edges where a kernel sees no pixel, are the difference."""
    encoder = Spec("ResNetSpec", {**fields, "n_classes": None})
    layers = work.encoder_layers(encoder, (64, 64), 3)
    model = nnx.eval_shape(lambda: _built(encoder).build((64, 64, 3), rngs=nnx.Rngs(0)))
    parameters = count_parameters(model)
    kernels = sum(layer.n_parameters for layer in layers)
    assert kernels < parameters < 1.02 * kernels  # the others are of the normalisation
    graphdef, state = nnx.split(model)
    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    forward = jax.jit(lambda state, images: nnx.merge(graphdef, state).encode(images))
    found: Any = forward.lower(state, images).cost_analysis()
    products = 2 * sum(layer.n_multiplications for layer in layers)
    assert 0.9 < products / found["flops"] < 1.15


def test_the_projector_is_counted() -> None:
    spec = Spec("ProjectorSpec", {"hidden": (6, 5), "out": 3})
    layers = work.projector_layers(spec, 7)
    assert [layer.n_multiplications for layer in layers] == [42, 30, 15]


def test_more_views_images_and_epochs_are_more_work() -> None:
    step = Step("SelfSupervisedFeatures", {"n_views": 4, "epochs": 2})
    base = work.self_supervised(step, 1_000, 5_000, SHAPE)
    of_training = 6 * 4 * 5_000 * 2 * (110_592 + 2 * 1_179_648 + 256 * 256 + 256 * 128)
    of_coding = 2 * 9 * (1_000 + 2 * 1_000) * (110_592 + 2 * 1_179_648)
    assert base.products == of_training + of_coding
    assert counted(n_views=8, epochs=2).products > 1.9 * of_training
    assert counted(n_views=4, epochs=4).products > 1.9 * of_training
    assert counted(n_views=4, epochs=2, model="resnet18").products > 20 * base.products
    assert counted(n_views=4, epochs=2, batch_size=256).memory > 1.5 * base.memory


def test_what_several_variants_share_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = Step("SelfSupervisedFeatures", {"n_views": 2, "epochs": 3})
    one = Variant("one", network, Step("KMeans", {"n_clusters": 3}))
    texts: Any = {"summary": "", "method": "", "target": "", "duration": ""}
    recipe = Recipe(
        name="one", dataset="cifar10", split="test", fit_split="train", variants=(one,), **texts
    )
    found: list[Any] = []
    monkeypatch.setattr(coming, "seconds_of", lambda work, rates: found.append(work) or 100.0)
    again = replace(one, name="two", cluster=Step("KMeans", {"n_clusters": 4}))
    own = replace(one, name="three", features=Step("SelfSupervisedFeatures", {"epochs": 1}))
    for variants in ((one,), (one, again), (one, own)):
        coming.lines_of_recipe(plan(replace(recipe, variants=variants), Settings()), SLOW)
    base, shared, apart = (each.products for each in found)
    training = work.self_supervised(network, 10_000, 50_000, SHAPE).products
    assert base < shared < base + 0.1 * training < base + training < apart
