"""The road of an accelerator to the nearest neighbours, walked on the CPU: what it finds is what
the CPU's finds, to the last tie.
"""

import re

import jax
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.neighbors import nearest_neighbors
from scratchclust.neighbors_parts import candidates
from scratchclust.reference import neighbors as reference


@pytest.mark.usefixtures("accelerator_road")
@pytest.mark.parametrize(
    ("m", "count"), [(64, 5), (96, 3), (1024, 17), (40, 40), (1000, 98), (999, 20)]
)
def test_the_largest_are_those_of_a_sort(m: int, count: int) -> None:
    """Few distinct values, and infinities: nearly everything ties."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.integers(-3, 4, (7, m)).astype(np.float32)
        values[rng.random(values.shape) < 0.1] = -np.inf
        found, place = jax.jit(candidates.largest, static_argnums=1)(values, count)
        expected = np.argsort(-values, axis=1, kind="stable")[:, :count]
        np.testing.assert_array_equal(place, expected)
        np.testing.assert_array_equal(found, np.take_along_axis(values, expected, axis=1))


@pytest.mark.usefixtures("accelerator_road")
def test_no_row_is_sorted_whole() -> None:
    """Of 2,048 values 98 are asked for: 256 maxima, and what 98 groups of 8 hold."""
    text = str(jax.make_jaxpr(candidates.largest, static_argnums=1)(np.zeros((4, 2048), "f"), 98))
    assert text.count("top_k[") == 2
    sorted_arrays = re.findall(r"top_k\[.*?\] (\w+)", text, re.DOTALL)
    widths = [re.search(rf"\b{name}:f32\[4,(\d+)\]", text) for name in sorted_arrays]
    assert [int(width[1]) for width in widths if width] == [256, 784]


@pytest.mark.quick(1)
@pytest.mark.usefixtures("accelerator_road")
def test_no_row_of_an_odd_length_is_sorted_whole() -> None:
    """As of voters: 49,999 have no divisor that could be a group."""
    text = str(jax.make_jaxpr(candidates.largest, static_argnums=1)(np.zeros((4, 49_999), "f"), 20))
    widths = {int(width) for width in re.findall(r"f32\[4,(\d+)\] = ", text)}
    assert text.count("top_k[") == 2
    assert max(widths - {50_048}) < 3_200  # 782 maxima of 64, and what 20 groups hold


@pytest.mark.usefixtures("accelerator_road")
@pytest.mark.parametrize("n_neighbors", [1, 4, 30])
def test_neighbors_are_those_of_the_definition(
    n_neighbors: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several tiles, a last one that is not full, points on a grid that tie, and doubles."""
    monkeypatch.setitem(rows.LIMITS, "gpu", rows.LIMITS["gpu"]._replace(tile=32, block_multiple=8))
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = rng.integers(0, 4, (131, 3)).astype(np.float32)
        X[: 60 * (seed % 2)] += rng.normal(size=(60 * (seed % 2), 3)).astype(np.float32)
        found = nearest_neighbors(X, n_neighbors)
        expected = reference.nearest_neighbors(X, n_neighbors)
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_allclose(found.distances, expected.distances, rtol=1e-6)


@pytest.mark.parametrize("n", [10, 10_000, 70_000, 10**6])
@pytest.mark.parametrize("count", [5, 98, 5_000])
def test_tiles_are_full_but_for_an_eighth(
    n: int, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "platform", lambda: "gpu")
    tile = candidates._tile_size(n, min(n, count))
    assert tile >= min(n, count)
    filled = rows.ceil_div(n, tile) * tile - n
    assert filled < max(n / 8, 128) or tile < count + 128
