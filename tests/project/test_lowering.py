"""What an accelerator would run, on a machine that has none: each program has a form there, in full
precision, and starts few kernels.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

import scratchclust
from benchmarks import ahead_of_time_text
from benchmarks.ahead_of_time_capture import Program, recording
from benchmarks.ahead_of_time_check import OF_NETWORKS, rounded_products, wrong_with
from benchmarks.ahead_of_time_products import operations
from scratchclust import rows
from scratchclust.experiment.build import build
from scratchclust.features import scan, self_supervised
from scratchclust.models import EncoderProjectorSpec, ResNetSpec, StridedSpec
from scratchclust.recipes.plan import Settings, plan
from scratchclust.train.loop import train
from scratchclust.train.losses import Batch
from scratchclust.train.objectives.neighbor_consistency import NeighborLoss
from scratchclust.train.objectives.self_labels import SelfLabelLoss
from scratchclust.train.optimizer_specs import build_optimizer, optimizer_of
from scratchclust.train.steps import make_train_step, unit_scale
from scratchclust.train.view_specs import DIGITS, PATCHES
from scratchclust.train.views import Views
from tests.ground.test_no_empty_operands import IMAGES, LABELS, TOUR

ROOT = Path(__file__).parents[2]


def train_on_views() -> None:
    """A step of a network on views with every change, and of a larger one on digits."""
    small = StridedSpec(widths=(4, 8))
    large = ResNetSpec(family="imagenet-3x3", depth=18, n_classes=None)
    colours = np.repeat(IMAGES[:4], 3, axis=3)
    everything = replace(PATCHES, rotation=5, blur_rate=0.5, cutout_rate=0.5)
    for encoder, images, spec in ((small, colours, everything), (large, IMAGES[:4], DIGITS)):
        model = EncoderProjectorSpec(encoder=encoder).build(images.shape[1:], rngs=nnx.Rngs(0))
        train(
            model,
            images,
            loss=lambda model, batch, key: ((model(batch.images)[1] ** 2).mean(), {}),
            optimizer="adam",
            epochs=1,
            batch_size=4,
            key=jax.random.key(0),
            prepare=Views(spec, 2),
        )


NETWORKS = {
    "views": train_on_views,
    **{
        f"AutoencoderFeatures {model}": lambda model=model: scratchclust.AutoencoderFeatures(
            model, epochs=1, batch_size=32, random_state=0
        ).fit_transform(IMAGES)
        for model in ("conv", "unet", "vae")
    },
    "SCANFeatures": lambda: scratchclust.SCANFeatures(
        scratchclust.SelfSupervisedFeatures(
            StridedSpec(widths=(4, 8)), n_views=2, epochs=1, batch_size=32, random_state=0
        ),
        n_clusters=3,
        epochs=1,
        encoder_epochs=1,
        self_label_epochs=1,
        batch_size=32,
        random_state=0,
    ).fit_transform(IMAGES),
    "ClassifierFeatures": lambda: (
        scratchclust.ClassifierFeatures(epochs=1, batch_size=32, random_state=0)
        .fit(IMAGES, LABELS[: len(IMAGES)])
        .transform(IMAGES)
    ),
    "ClassLossFeatures": lambda: (
        scratchclust.ClassLossFeatures(epochs=1, batch_size=16, random_state=0)
        .fit(IMAGES, np.arange(len(IMAGES)) % 2)
        .transform(IMAGES)
    ),
    "PretrainedFeatures": lambda: scratchclust.PretrainedFeatures("cifar10-resnet20").fit_transform(
        IMAGES
    ),
}


def checked(*options: str) -> None:
    """In a process of its own: what stands for an array on a device is none to beartype."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ahead_of_time_check", *options],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    told = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr[-2000:] + "\n".join(
        line for line in told if not line.endswith(": CUDA, ROCm, TPU")
    )
    assert len(told) >= 10


@pytest.mark.full
def test_hot_programs_are_called_and_have_a_form_on_accelerators() -> None:
    checked()


@pytest.mark.full
def test_those_of_networks_do() -> None:
    checked("--networks")


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")  # what converges is no matter here
def test_every_program_of_a_tour_has_a_form_on_accelerators() -> None:
    with recording() as programs, rows.on(jax.local_devices()[:2]):
        for name, visit in (TOUR | NETWORKS).items():
            visit()
            assert programs, name
    wrong = [
        each
        for program in programs
        for each in wrong_with(program, is_network=program.name.startswith(OF_NETWORKS))
    ]
    assert not wrong
    assert len(programs) >= 40  # or the tour has lost its way


@pytest.mark.full
def test_the_steps_of_self_supervised_in_full_size_have_a_form_on_a_gpu() -> None:
    """ResNet-18 at the batches of the recipe, in bfloat16; nothing is computed."""
    *_, variant = plan("self-supervised", Settings(full=True)).variants
    assert variant.refine is not None
    features = build(variant.features, seed=0)
    refined = build(variant.refine, seed=0, features=features)
    spec = self_supervised.spec_of(features.model)
    views = self_supervised.views_of(features.objective, features.views, features.n_views)
    strong = Views(scan.strong_views(views.spec), 1)
    weak = Views(scan.weak_views(views.spec), 1)
    labels = SelfLabelLoss(weak, strong, refined.threshold)
    behind = scan.network_spec(spec, refined.n_clusters)
    pairs = (refined.batch_size, 2, 32, 32, 3)
    for network, loss, shape, estimator in (
        (
            spec,
            self_supervised.loss_of("emp-ssl", views),
            (features.batch_size, 32, 32, 3),
            features,
        ),
        (behind, scan.OfCodes(NeighborLoss(strong), views.spec), pairs, refined),
        (behind, scan.OfCodes(labels, views.spec), (refined.batch_size, 32, 32, 3), refined),
    ):
        model = nnx.eval_shape(lambda network=network: network.build((32, 32, 3), rngs=nnx.Rngs(0)))
        model.train()
        graphdef, params, rest = nnx.split(model, nnx.Param, ...)
        optimizer, _ = build_optimizer(
            optimizer_of(estimator.optimizer, estimator.learning_rate), 100
        )
        step = make_train_step(graphdef, loss, optimizer, unit_scale, estimator.precision)
        state = (params, rest, jax.eval_shape(optimizer.init, params))
        batch = Batch(jax.ShapeDtypeStruct(shape, np.uint8), None)
        traced = jax.jit(step).trace(*state, batch, jax.random.key(0))
        text = traced.lower(lowering_platforms=("cuda",)).as_text()
        assert "bf16" in text
        found = operations(traced, "cuda")
        assert found.total() > 1e12
        assert found["bfloat16"] > 0.99 * found.total()  # of the views, too


def test_a_product_that_may_be_rounded_is_seen() -> None:
    ones = np.ones((4, 4), np.float32)
    plain = Program("plain", jax.jit(lambda a: a @ a), (ones,), {})
    full = Program(
        "full", jax.jit(lambda a: jax.numpy.matmul(a, a, precision="highest")), (ones,), {}
    )
    assert not wrong_with(full, is_network=False)
    assert len(wrong_with(plain, is_network=False)) == 3
    assert not wrong_with(plain, is_network=True)
    assert not rounded_products("stablehlo.dot_general %1, %2 : (tensor<3xi32>, tensor<3xi32>)")


def test_a_program_without_a_form_is_seen() -> None:
    def of_cpu(x: Any) -> Any:
        return jax.lax.linalg.schur(x)[0]

    program = Program("schur", jax.jit(of_cpu), (np.eye(3, dtype=np.float32),), {})
    assert [one for one in wrong_with(program, is_network=False) if "no form on tpu" in one]


def test_operations_are_counted() -> None:
    def program(a: Any, w: Any) -> Any:
        def turn(total: Any, _: Any) -> tuple[Any, None]:
            return total + jax.numpy.matmul(a, a.T, precision="highest").sum(), None

        many = jax.lax.scan(turn, 0.0, None, length=5)[0]
        image = jax.lax.conv_general_dilated(
            a.reshape(1, 4, 6, 1), w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jax.lax.cond(many > 0, lambda: image.sum(), lambda: (a.T @ a).sum())

    shapes = np.ones((4, 6), np.float32), np.ones((3, 3, 1, 2), np.float32)
    found = operations(jax.jit(program).trace(*shapes))
    assert found["float32"] == 5 * 2 * 4 * 4 * 6
    assert found["rounded"] == 2 * 4 * 6 * 9 * 2 + 2 * 6 * 6 * 4  # a convolution; the dearer branch


def test_operations_are_those_of_the_platform() -> None:
    def product(a: Any) -> Any:
        return jax.numpy.matmul(a, a, precision="highest")

    def program(a: Any) -> Any:
        return jax.lax.platform_dependent(a, tpu=product, default=lambda a: a + 1)

    traced = jax.jit(program).trace(np.ones((4, 4), np.float32))
    found = [operations(traced, platform).total() for platform in ("cuda", "tpu")]
    assert found == [0, 2 * 4**3]


COMPILED = """
HloModule jit_f, is_scheduled=true

%inside (p0: f32[1024,8], p1: s32[]) -> f32[1,8] {
  %p0 = f32[1024,8]{1,0} parameter(0)
  %p1 = s32[] parameter(1)
  %zero = s32[] constant(0)
  ROOT %slice.1 = f32[1,8]{1,0} dynamic-slice(%p0, %p1, %zero), dynamic_slice_sizes={1,8}
}

%body (t: (s32[], f32[1024,8])) -> (s32[], f32[1024,8]) {
  %t = (s32[], f32[1024,8]{1,0}) parameter(0)
  %i = s32[] get-tuple-element(%t), index=0
  %x = f32[1024,8]{1,0} get-tuple-element(%t), index=1
  %few = f32[1,8]{1,0} fusion(%x, %i), kind=kLoop, calls=%inside
  ROOT %r = (s32[], f32[1024,8]{1,0}) tuple(%i, %x)
}

%condition (t: (s32[], f32[1024,8])) -> pred[] {
  %t = (s32[], f32[1024,8]{1,0}) parameter(0)
  ROOT %yes = pred[] constant(true)
}

%cheap (a: f32[1024,8]) -> f32[1024,8] {
  ROOT %a = f32[1024,8]{1,0} parameter(0)
}

%dear (a: f32[1024,8]) -> f32[1024,8] {
  %a = f32[1024,8]{1,0} parameter(0)
  %s = f32[1024,8]{1,0} sort(%a), dimensions={0}, to_apply=%condition
  ROOT %c = f32[1024,8]{1,0:T(8,128)} copy(%s)
}

ENTRY %main (x: f32[1024,8], b: pred[]) -> f32[1024,8] {
  %x = f32[1024,8]{1,0} parameter(0)
  %b = pred[] parameter(1)
  %i = s32[] constant(0)
  %t = (s32[], f32[1024,8]{1,0}) tuple(%i, %x)
  %w = (s32[], /*index=1*/f32[1024,8]{1,0}) while(%t), condition=%condition, body=%body, \
backend_config={"known_trip_count":{"n":"100"}}
  %y = f32[1024,8]{1,0} get-tuple-element(%w), index=1
  ROOT %z = f32[1024,8]{1,0} conditional(%b, %y, %y), true_computation=%dear, \
false_computation=%cheap
}
"""
THUNKS = """
000: kWhile [source | sink]
  body:
    000: kCommandBuffer [source | next=018 (1)]
        006: kConditional [source | sink] inside of a graph
    018: kConditional [prev=000 (1)] read by the host
      true_branch:
        017: kCustomKernel [source | sink] loop_add_fusion grid: [10, 1, 1]
"""


def test_the_text_of_a_compiled_program_is_read() -> None:
    text = ahead_of_time_text.CompiledText(COMPILED, bandwidth=1e9, launch=1e-6)
    cost = text.cost()
    assert cost.launches == (100, 111)  # 1,024 numbers are sorted in ten passes
    few, whole = 1e-6, 2 * 4 * 1024 * 8 / 1e9  # a row is nothing beside a launch
    np.testing.assert_allclose(cost.seconds, (100 * few, 100 * few + 11 * whole))
    assert text.loops_of_unknown_length() == 0
    assert text.slow(2**20) == ["loop of 100 steps of at most 32 bytes", "sort of f32[1024,8]"]
    assert ahead_of_time_text.predicates_read(THUNKS) == 1


# Launches and predicates that the host reads, in one turn at most: 1.2 times what was compiled.
BOUNDS = {
    "k-means by lloyd, an iteration, 60,000 x 784": (55, 1),
    "silhouette, a call": (3_700, 0),
    "neighbours, a call": (1_500, 0),
    "PCA, the scatter": (17, 0),
    "simplified silhouette, the other centroids": (3, 0),
    "t-SNE, the table of affinities": (30, 0),
    "t-SNE by all pairs, an iteration": (14, 1),
    "t-SNE by grid, an iteration": (57, 1),
    "convolutional autoencoder, a training step in float32": (84, 0),
}


@pytest.mark.full
def test_few_launches_and_host_reads(tmp_path: Path) -> None:
    if importlib.util.find_spec("jax_cuda13_plugin") is None or jax.__version_info__ < (0, 11):
        pytest.skip("needs CUDA's plugin, no GPU: pip install 'jax[cuda13]>=0.11'")
    only = "|".join(re.escape(name) for name in BOUNDS)
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.ahead_of_time", "--only", only, "--output", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / "ahead-of-time-h100.json").read_text())["programs"]
    for name, (launches, read) in BOUNDS.items():
        [record] = [record for title, record in found.items() if title.startswith(name)]
        assert record["launches"][1] <= launches, name
        assert record["read_by_host"] <= read, name
