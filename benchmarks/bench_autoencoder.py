"""Steps and an epoch of the convolutional autoencoder: our training loop against one in PyTorch, on
the same device.

Both have the same architecture, start, batch, optimiser (Adam, 1e-3) and precision (float32). Steps
are on the same batch over and over; an epoch shuffles all images and takes each batch once. Quality
is the loss after the last step on the same batch (summed over pixels, averaged over the batch),
which must be the same for all. "products alone" are NumPy's products of the matrices that a step
consists of, forward and backward, with the convolutions unrolled (im2col) beforehand: a floor, not
a rival.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from flax import nnx

from benchmarks.harness import Contender, compare
from scratchclust.models import ConvAutoencoderSpec
from scratchclust.train.losses import Batch, reconstruction_loss
from scratchclust.train.runner import Runner
from scratchclust.train.settings import Training

SPEC = ConvAutoencoderSpec()
SHAPES = [(28, 28, 1), (32, 32, 3)]
BATCH, N_STEPS, RATE = 128, 40, 1e-3
# the first learns how many steps to put into a program on an accelerator, the second compiles that
WARM_UPS = 2


def main(*, quick: bool, repeats: int) -> list[dict[str, Any]]:
    """One comparison for the steps and one for the epoch, for each shape."""
    n_steps, shapes = (2, SHAPES[:1]) if quick else (N_STEPS, SHAPES)
    return [compared for shape in shapes for compared in _compare(shape, n_steps, repeats)]


def _compare(shape: tuple[int, int, int], n_steps: int, repeats: int) -> list[dict[str, Any]]:
    images = np.random.default_rng(0).integers(0, 256, (n_steps * BATCH, *shape), dtype=np.uint8)
    model = SPEC.build(shape, rngs=nnx.Rngs(0))
    runner = Runner(
        model,
        Batch(images, None),
        loss=reconstruction_loss("mse"),
        key=jax.random.key(0),
        training=Training(optimizer="adam", epochs=1, batch_size=BATCH),
    )
    peers = _torch_contenders(model, images, n_steps)
    size = f"conv autoencoder {'x'.join(map(str, shape))}, batch {BATCH}, Adam, {n_steps} steps"
    same, all_ = (
        partial(_ours, runner, n_steps, one_batch=one_batch) for one_batch in (True, False)
    )
    floor = Contender("products alone", partial(_products, _matrices(shape), n_steps))
    steps = [
        Contender("scratchclust", same),
        floor,
        *(Contender(name, run["steps"]) for name, run in peers.items()),
    ]
    epoch = [
        Contender("scratchclust", all_),
        *(Contender(name, run["epoch"]) for name, run in peers.items()),
    ]
    return [
        compare(f"{size} on one batch", steps, repeats=repeats, warm_ups=WARM_UPS),
        compare(
            f"{size}: an epoch of {len(images):,} images", epoch, repeats=repeats, warm_ups=WARM_UPS
        ),
    ]


def _ours(runner: Runner, n_steps: int, *, one_batch: bool) -> dict[str, Any]:
    """The loop of `train`, without its callbacks and checkpoints."""
    state, (order, key), terms = runner.place(runner.start), runner.shuffle(1), {}
    if one_batch:
        order = jax.device_put(np.tile(np.arange(BATCH, dtype=np.int32), n_steps), order.sharding)
    done = 0
    while done < n_steps:
        state, terms = runner.advance(state, order, key, done)
        done += len(terms["loss"])
    return {"loss": float(terms["loss"][-1])} if one_batch else {}


def _matrices(shape: tuple[int, int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The factors of every product of a step: y = x w, dw = x' dy, dx = dy w' (but of the first
    layer no dx).
    """
    (h, w), channels = shape[:2], shape[2]
    inner, wide = (-(-h // 2), -(-w // 2)), SPEC.widths
    code = (-(-h // 4), -(-w // 4))
    area = {"half": inner[0] * inner[1], "quarter": code[0] * code[1]}
    flat = area["quarter"] * wide[1]
    sizes = [  # rows, inputs and outputs of each layer's product
        (BATCH * area["half"], 9 * channels, wide[0]),
        (BATCH * area["quarter"], 9 * wide[0], wide[1]),
        (BATCH, flat, SPEC.latent_dim or 1),
        (BATCH, SPEC.latent_dim or 1, flat),
        (BATCH * area["quarter"], 9 * wide[1], 4 * wide[0]),
        (BATCH * area["half"], 9 * wide[0], 4 * channels),
    ]
    factors = []
    for i, (n, n_in, n_out) in enumerate(sizes):
        x, weights, dy = (
            np.ones(size, np.float32) for size in ((n, n_in), (n_in, n_out), (n, n_out))
        )
        factors += [(x, weights), (x.T, dy)] + ([(dy, weights.T)] if i else [])
    return factors


def _products(factors: list[tuple[np.ndarray, np.ndarray]], n_steps: int) -> dict[str, Any]:
    for _ in range(n_steps):
        for a, b in factors:
            np.matmul(a, b)
    return {"GFLOP a step": sum(2 * a.shape[0] * a.shape[1] * b.shape[1] for a, b in factors) / 1e9}


def _torch_contenders(
    model: Any, images: np.ndarray, n_steps: int
) -> dict[str, dict[str, Callable[[], dict[str, Any]]]]:
    """PyTorch with the default layout and with channels last; none where it is not installed."""
    try:
        from benchmarks.torch_autoencoder import runs
    except ImportError:
        print(
            '\nwithout PyTorch (pip install -e ".[peers]"): '
            "scratchclust beside its own products alone"
        )
        return {}
    return {
        name: runs(model, images, n_steps, BATCH, RATE, channels_last=last)
        for name, last in _LAYOUTS.items()
    }


_LAYOUTS = {"torch, channels last": True, "torch": False}
