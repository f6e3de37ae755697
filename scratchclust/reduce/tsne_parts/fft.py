"""The forces of t-SNE in linear time: neighbours attract one by one, all points repel through a
grid.

The repulsion sum_j w_ij^2 (y_i - y_j) and the normaliser sum_ij w_ij are convolutions with the
kernels

    k_z(r) = 1 / (1 + |r|^2)        k_x(r) = r_x / (1 + |r|^2)^2        k_y(r) = r_y / (1 + |r|^2)^2

Each point is spread on the 4 x 4 nearest nodes of a regular grid, the nodes are convolved by FFT,
and each point reads its force from the same nodes with the same weights. That is the idea of
FIt-SNE (Linderman et al., Fast interpolation-based t-SNE, 2019), but with the smooth splines of
particle-mesh methods (Hockney & Eastwood, Computer simulation using particles, 1988, ch. 8; Essmann
et al., 1995) in place of its three Lagrange nodes per unit of the map:

    cubic splines at spacing 0.4 err 4 to 7 times less than those at 1/3
                                                        (measured: 0.3% to 1% against 1.8% to 4.4%)
    one FFT forward and two back, not four and four: one charge a point, no force on itself, and Z
                                                        by Parseval's theorem

Spreading and reading smooth a kernel twice, by the cubic spline convolved with itself, the B-spline
of order 8; its values at the nodes are (2416, 1191, 120, 1) / 5040. The kernel's transform is
divided by the transform of these.

The map grows from 1e-4 to hundreds. While it is small the spacing is halved until the map fills
half of the smallest grid, and later the grid grows by fixed sizes, of which each is compiled once.
Which one is a function of the map alone.

On a GPU spreading adds in the order of arrival: the last bits of a map are others in each run, but
for XLA_FLAGS=--xla_gpu_deterministic_ops=true.
"""

import math
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from scratchclust import rows
from scratchclust.reduce.tsne_parts import fft_by_products as by_products
from scratchclust.reduce.tsne_parts.affinities import Edges
from scratchclust.reduce.tsne_parts.exact import Forces

# nodes a side; their FFTs are twice as long, with factors 2 and 3
SIZES = (128, 256, 384, 512, 768, 1024, 1536, 2048)
POWERS = (128, 256, 512, 1024, 2048)  # of two, among them
SPACING = 0.4  # units of the map, at most, but for maps wider than the largest grid
MARGIN = 6  # nodes that splines need beyond the map
MOST_HALVINGS = 60  # of the spacing: a map of equal points takes them
SPLINE_SQUARED = (2416 / 5040, 1191 / 5040, 120 / 5040, 1 / 5040)  # order 8, at 0, 1, 2, 3


# On a CPU the FFTs of a program take one thread. With several, the last bits of a transform of 512
# x 512 and more depend on how many threads are free at the moment; and where several CPU devices
# wait for each other inside the threads that they share, an FFT that waits for one of these would
# wait for ever.
ONE_THREAD = {"xla_cpu_multi_thread_eigen": False}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Grid:
    """A grid, and the transforms of the kernels on it, free of the splines' smoothing."""

    spacing: Any
    narrowest: Any  # a narrower map belongs to a finer grid,
    widest: Any  # and a wider one to a larger
    normaliser: Any  # [2G G+1] transform of k_z, which is real
    # [2 2G G+1] imaginary parts of the transforms of k_x and k_y, which have no real ones
    slopes: Any
    size: int = field(metadata={"static": True})  # G


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OnGrid:
    """Attraction by neighbours, repulsion through a grid."""

    edges: Edges
    grid: Grid
    has_transforms: bool = field(default=True, metadata={"static": True})

    def forces(self, Y: Float[Array, "n 2"]) -> Forces:
        """The forces of a map that the grid holds. Cost O(n perplexity + G^2 log G) time."""
        attraction, log_student = attraction_of(self.edges, Y)
        repulsion, normaliser = repulsion_of(self.grid, Y)
        return Forces(attraction, repulsion, normaliser, log_student)

    def holds(self, Y: Float[Array, "n 2"]) -> Array:
        """Whether this is the grid for the map Y."""
        width = _width(Y)
        return (width > self.grid.narrowest) & (width <= self.grid.widest)

    @property
    def negative_entropy(self) -> Array:
        """sum p log p."""
        return self.edges.negative_entropy


def grid_for(Y: Float[Array, "n 2"]) -> Grid:
    """The grid of a map: the finest of the smallest size, or the smallest of the widest spacing."""
    make = _grid_on_one_thread if rows.platform() == "cpu" else _grid
    return make(*settings_for(float(_width(Y))))


def grid_sizes() -> tuple[int, ...]:
    """The sizes that a grid may have. Off the CPU, where a larger FFT costs less than another
    program, each is twice the one before.
    """
    return SIZES if rows.platform() == "cpu" else POWERS


def settings_for(width: float) -> tuple[int, float, float, float]:
    """Size and spacing of the grid for a map so wide, and the widths between which it serves.

    These are numbers that float32 has, as the device compares with them: a map that goes on later
    must find the same grid.
    """
    sizes = grid_sizes()
    widths = [float(np.float32((size - MARGIN) * SPACING)) for size in sizes]
    place = next((i for i, widest in enumerate(widths) if width <= widest), len(sizes))
    if place == 0:
        fitting = math.floor(math.log2(widths[0] / width)) if width > 0 else MOST_HALVINGS
        halvings = min(fitting, MOST_HALVINGS)
        narrowest = -1.0 if halvings == MOST_HALVINGS else widths[0] / 2 ** (halvings + 1)
        return sizes[0], SPACING / 2**halvings, narrowest, widths[0] / 2**halvings
    if place < len(sizes):
        return sizes[place], SPACING, widths[place - 1], widths[place]
    doublings = math.ceil(math.log2(width / widths[-1]))
    widest = widths[-1] * 2**doublings
    return sizes[-1], SPACING * 2**doublings, widest / 2, widest


def attraction_of(
    edges: Edges, Y: Float[Array, "n q"]
) -> tuple[Float[Array, "n q"], Float[Array, ""]]:
    """sum_j p_ij w_ij (y_i - y_j), and sum_ij p_ij log w_ij."""

    log_student, sums = rows.map_sum(pull_of_pieces, edges.pieces, Y)
    owners = rows.constrain(edges.pieces.arrays[0], edges.pieces.mesh).reshape(-1)
    sums = rows.constrain(sums, edges.pieces.mesh).reshape(-1, Y.shape[1])
    attraction = (
        jnp.zeros_like(Y).at[owners].add(sums, mode="promise_in_bounds", indices_are_sorted=True)
    )
    return attraction, log_student


def pull_of_pieces(
    i: Int[Array, " b"], j: Int[Array, "b e"], p: Float[Array, "b e"], Y: Float[Array, "n q"]
) -> tuple[Float[Array, ""], Float[Array, "b q"]]:
    """sum p_ij log w_ij over pieces of rows, and sum_j p_ij w_ij (y_i - y_j) of each."""
    columns = [c[i][:, None] - c.at[j].get(mode="promise_in_bounds") for c in Y.T]
    squares = sum(jnp.square(c) for c in columns)
    f = p / (1 + squares)
    sums = jnp.stack([(f * c).sum(axis=1) for c in columns], axis=1)
    return -(p * jnp.log1p(squares)).sum(), sums


def repulsion_of(
    grid: Grid, Y: Float[Array, "n 2"]
) -> tuple[Float[Array, "n 2"], Float[Array, ""]]:
    """sum_j w_ij^2 (y_i - y_j), and sum_i!=j w_ij."""
    total, repulsion = jax.lax.platform_dependent(
        grid, Y, tpu=_convolve_by_products, default=_convolve
    )
    normaliser = total / (2 * grid.size) ** 2 - len(Y)  # w_ii = 1 does not count
    return repulsion, jnp.maximum(normaliser, jnp.finfo(Y.dtype).tiny)


def _convolve(grid: Grid, Y: Array) -> tuple[Array, Array]:
    """(2G)^2 sum_ij w_ij, and the forces [n 2]."""
    place, weights = _nodes_of(grid, Y)
    charges = jnp.zeros((grid.size, grid.size), Y.dtype)
    charges = charges.at[place].add(weights, mode="promise_in_bounds")
    transform = jnp.fft.rfft2(charges, (2 * grid.size, 2 * grid.size))
    fields = jnp.fft.irfft2(1j * grid.slopes * transform[None])[:, : grid.size, : grid.size]
    repulsion = [
        (weights * f.at[place].get(mode="promise_in_bounds")).sum(axis=(1, 2)) for f in fields
    ]
    power = jnp.square(transform.real) + jnp.square(transform.imag)
    return _by_parseval(grid, power), jnp.stack(repulsion, axis=1)


def _convolve_by_products(grid: Grid, Y: Array) -> tuple[Array, Array]:
    """As `_convolve`, in matrix products."""
    at = _in_nodes(grid, Y)
    transform = by_products.transform(by_products.spread(at, grid.size))
    fields = by_products.slopes_of(transform, grid.slopes)
    total = _by_parseval(grid, jnp.square(transform[0]) + jnp.square(transform[1]))
    return total, by_products.read(at, fields)


def _by_parseval(grid: Grid, power: Array) -> Array:
    """(2G)^2 sum_ij w_ij of the squares of a transform, of which half is stored."""
    power = power * grid.normaliser
    return 2 * power.sum() - power[:, 0].sum() - power[:, -1].sum()


def _width(Y: Array) -> Array:
    return (Y.max(axis=0) - Y.min(axis=0)).max()


def _nodes_of(grid: Grid, Y: Array) -> tuple[tuple[Array, Array], Array]:
    """The 4 x 4 nodes around each point, and its cubic spline's values there [n 4 4]."""
    at = _in_nodes(grid, Y)
    lower = jnp.floor(at)
    t = (at - lower)[:, None, :]
    s = 1 - t
    splines = [s**3, 3 * t**3 - 6 * t**2 + 4, 3 * s**3 - 6 * s**2 + 4, t**3]
    w = jnp.concatenate(splines, axis=1) / 6  # [n 4 2]
    first = lower.astype(jnp.int32) - 1
    nodes = first[:, None, :] + jnp.arange(4, dtype=jnp.int32)[None, :, None]  # [n 4 2]
    return (nodes[:, :, None, 0], nodes[:, None, :, 1]), w[:, :, None, 0] * w[:, None, :, 1]


def _in_nodes(grid: Grid, Y: Array) -> Array:
    """The points in units of nodes, counted from the first one."""
    middle = (Y.max(axis=0) + Y.min(axis=0)) / 2
    return (Y - middle[None]) / grid.spacing + grid.size / 2


def _kernel_transforms(values: Array, slope: Array) -> tuple[Array, Array]:
    """As `by_products.kernel_transforms`."""
    slopes = jnp.stack([jnp.fft.rfft2(slope).imag, jnp.fft.rfft2(slope.T).imag])
    return jnp.fft.rfft2(values).real, slopes


def _make_grid(size: int, spacing: Any, narrowest: Any, widest: Any) -> Grid:
    """The kernels at all displacements of nodes, transformed."""
    n = 2 * size
    steps = jnp.arange(n, dtype=jnp.int32)
    spacing, narrowest, widest = (
        jnp.asarray(value, jnp.float32) for value in (spacing, narrowest, widest)
    )
    x = jnp.where(steps < size, steps, steps - n) * spacing
    square = 1 + jnp.square(x)[:, None] + jnp.square(x)[None, :]
    # no two nodes are `size` apart
    slope = jnp.where(steps == size, 0, x)[:, None] / jnp.square(square)
    angle = 2 * jnp.pi * steps.astype(jnp.float32) / n
    a, b, c, d = SPLINE_SQUARED
    smoothing = a + 2 * (b * jnp.cos(angle) + c * jnp.cos(2 * angle) + d * jnp.cos(3 * angle))
    normaliser, slopes = jax.lax.platform_dependent(
        1 / square, slope, tpu=by_products.kernel_transforms, default=_kernel_transforms
    )
    smoothing = smoothing[:, None] * smoothing[None, : size + 1]
    slopes = slopes / smoothing[None]
    return Grid(spacing, narrowest, widest, normaliser / smoothing, slopes, size)


_grid = jax.jit(_make_grid, static_argnames=("size",))
_grid_on_one_thread = jax.jit(_make_grid, static_argnames=("size",), compiler_options=ONE_THREAD)
