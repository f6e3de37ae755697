"""Products of float32 rows as sums of products of bfloat16, which a GPU's tensor cores take."""

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust import distances
from scratchclust.cluster.kmeans_parts.nearest_centroid import square_error

SIX = jax.lax.DotAlgorithmPreset.BF16_BF16_F32_X6


def rounded(x: np.ndarray) -> np.ndarray:
    """To the 8 bits of bfloat16."""
    return np.asarray(jnp.asarray(x, jnp.bfloat16).astype(jnp.float32))


def accumulated(a: np.ndarray, b: np.ndarray, at_a_time: int = 16) -> np.ndarray:
    """a b^T in float32, as tensor cores add: so many exact products at a time, cut off."""
    total = np.zeros((len(a), len(b)), np.float32)
    for i in range(0, a.shape[1], at_a_time):
        span = slice(i, i + at_a_time)
        exact = total + a[:, span].astype(np.float64) @ b[:, span].T.astype(np.float64)
        near = exact.astype(np.float32)
        total = np.where(np.abs(near) > np.abs(exact), np.nextafter(near, np.float32(0)), near)
    return total


def by_six_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Three parts of each, and the pairs whose share of the product is above 2^-24."""
    parts = []
    for rest in (x, y):
        of_rest = []
        for _ in range(3):
            of_rest.append(rounded(rest))
            rest = rest - of_rest[-1]
        parts.append(of_rest)
    pairs = [(1, 1), (0, 2), (2, 0), (0, 1), (1, 0), (0, 0)]  # the small ones first
    total = np.zeros((len(x), len(y)), np.float32)
    for i, j in pairs:
        total = total + accumulated(parts[0][i], parts[1][j])
    return total


@pytest.mark.parametrize("d", [3, 64, 784])
def test_six_products_of_bfloat16_are_within_the_bounds(d: int) -> None:
    rng = np.random.default_rng(d)
    for draw in (rng.normal, lambda size: rng.random(size), lambda size: rng.lognormal(0, 3, size)):
        x, y = (draw(size=(60, d)).astype(np.float32) for _ in range(2))
        error = np.abs(by_six_products(x, y) - x.astype(np.float64) @ y.T.astype(np.float64))
        lengths = [np.linalg.norm(z.astype(np.float64), axis=1) for z in (x, y)]
        of_unit = error / (lengths[0][:, None] * lengths[1][None])
        assert 2 * of_unit.max() <= distances.error_bound(1.0, d) / 2
        norms = [jnp.asarray(length**2, jnp.float32) for length in lengths]
        assert (2 * error.max(axis=1) <= np.asarray(square_error(*norms))).all()
        one = np.abs(accumulated(rounded(x), rounded(y)) - x.astype(np.float64) @ y.T)
        assert (one / (lengths[0][:, None] * lengths[1][None])).max() > 100 * of_unit.max()


def test_the_products_of_a_gpu_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:

    def text(dtype: type, platform: str) -> str:
        given = jax.ShapeDtypeStruct((4, 3), dtype)
        f = jax.jit(lambda a, b: distances.product(a, b))
        return jax.export.export(f, platforms=[platform])(given, given).mlir_module()

    assert "HIGHEST, HIGHEST" in text(np.float32, "cuda")
    monkeypatch.setattr(distances, "PRECISION_ON_CUDA", SIX)
    asked = text(np.float32, "cuda")
    assert "num_primitive_operations = 6" in asked
    for platform in ("cpu", "tpu", "rocm"):
        assert "HIGHEST, HIGHEST" in text(np.float32, platform)
        assert "num_primitive_operations = 6" not in text(np.float32, platform)
    with jax.enable_x64(True):
        assert "algorithm" not in text(np.float64, "cuda")
    there = jnp.ones((4, 3))
    np.testing.assert_array_equal(distances.product(there, there), np.full((4, 4), 3))
