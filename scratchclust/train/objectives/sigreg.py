"""SIGReg: a code that looks like a standard normal distribution from every side has not collapsed.

    T(x) = n  integral of |1/n sum_i exp(i t x_i) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt

of the numbers x_i = z_i . a along each of m random unit directions a, by 17 knots from 0 to 3. The
definition is in `scratchclust/reference/sigreg.py`; here cosines and sines stand for exp(i t x).

Sources: Epps and Pulley, A test for normality based on the empirical characteristic function, 1983.
Balestriero and LeCun, LeJEPA: provable and scalable self-supervised learning without the
heuristics, arXiv 2511.08544, 2025; the knots, and weight = 0.02, are those of the minimal example
in the authors' repository (the paper's listing has 17 from -5 to 5).
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from scratchclust import checks
from scratchclust.constants import CHARACTERISTIC_END, CHARACTERISTIC_KNOTS
from scratchclust.train.losses import Batch, Number, Scalar, Terms, wide
from scratchclust.train.objectives.sphere import inner_products
from scratchclust.train.objectives.views import SHARE, VIEWS, Views, draw, outputs_of_views


def draw_directions(n_features: int, n_directions: int, *, key: Any) -> Float[Array, "d m"]:
    """Draw unit vectors, evenly over the sphere, as columns.

    Args:
        n_features: d.
        n_directions: m.
        key: decides them.
    """
    directions = jax.random.normal(key, (n_features, n_directions))
    return directions / jnp.linalg.norm(directions, axis=0)[None]


@jax.jit
def epps_pulley(x: Float[Array, "n m"]) -> Float[Array, " m"]:
    """Measure how far the numbers of each column are from a standard normal distribution: T.

    Args:
        x: n numbers in each of m columns.

    Returns:
        T. Cost O(17 n m).
    """
    x = wide(x)
    t = jnp.linspace(0, CHARACTERISTIC_END, CHARACTERISTIC_KNOTS, dtype=x.dtype)
    normal = jnp.exp(-(t**2) / 2)
    counts = jnp.full_like(t, 2.0).at[jnp.array([0, -1])].set(1.0)
    angles = x[:, :, None] * t[None, None]  # [n m knots]
    real = jnp.cos(angles).mean(axis=0)
    imaginary = jnp.sin(angles).mean(axis=0)
    squares = (real - normal[None]) ** 2 + imaginary**2
    return len(x) * t[1] * (squares * (counts * normal)[None]).sum(axis=1)


@jax.jit
def sigreg(Z: Float[Array, "n d"], directions: Float[Array, "d m"]) -> Scalar:
    """Measure how far a code is from a standard normal distribution: the mean of T over directions.

    Args:
        Z: the code, not normalised.
        directions: of `draw_directions`.

    Returns:
        The mean of T. Cost O(n m (d + 17)).
    """
    return epps_pulley(inner_products(wide(Z), directions.T)).mean()


@jax.jit
def distance_to_mean(Z: Float[Array, "v n d"]) -> Scalar:
    """Measure how far the v views of each picture lie from their mean: the mean square over all
    numbers.
    """
    Z = wide(Z)
    return ((Z - Z.mean(axis=0)[None]) ** 2).mean()


@jax.jit
def lejepa(
    Z: Float[Array, "v n d"], directions: Float[Array, "d m"], *, weight: Number = 0.02
) -> Scalar:
    """Measure how badly views agree and the code fills a normal distribution: L.

    Args:
        Z: codes of v views of each of n pictures.
        directions: of `draw_directions`.
        weight: of SIGReg, from 0 to 1.
    """
    return (1 - weight) * distance_to_mean(Z) + weight * _mean_sigreg(Z, directions)


@dataclass(frozen=True)
class LeJEPALoss:
    """`lejepa` of a model whose output is the code, `model(images) -> [n d]`, along directions that
    are drawn anew at each step.

    Its terms are "view_distance" and "sigreg".

    Attributes:
        views: `views(images, key)`, as many of each image as it likes.
        weight: as in `lejepa`.
        n_directions: m.

    Raises:
        InputError: a weight outside of [0, 1], or no direction.
    """

    views: Views
    weight: float | int = 0.02
    n_directions: int = 256

    def __post_init__(self) -> None:
        VIEWS("views", self.views)
        SHARE("weight", self.weight)
        checks.whole(1)("n_directions", self.n_directions)

    def __call__(self, model: Any, batch: Batch, key: Any) -> tuple[Scalar, Terms]:
        views_key, directions_key = jax.random.split(key)
        Z = outputs_of_views(model, draw(self.views, batch.images, views_key))
        directions = draw_directions(Z.shape[-1], self.n_directions, key=directions_key)
        distance = distance_to_mean(Z)
        regular = _mean_sigreg(Z, directions)
        loss = (1 - self.weight) * distance + self.weight * regular
        return loss, {"view_distance": distance, "sigreg": regular}


def _mean_sigreg(Z: Float[Array, "v n d"], directions: Float[Array, "d m"]) -> Scalar:
    return jax.vmap(sigreg, in_axes=(0, None))(Z, directions).mean()
