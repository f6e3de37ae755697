"""SIGReg: a code that looks like a standard normal distribution from every side has not collapsed.

Seen along a unit direction a, the n points of a code are numbers x_i = z_i . a. Their empirical
characteristic function is compared with that of N(0, 1), which is exp(-t^2 / 2):

    phi(t) = 1/n sum_i exp(i t x_i)
    T(x)   = n  integral of |phi(t) - exp(-t^2 / 2)|^2 exp(-t^2 / 2) dt

(Epps and Pulley's statistic). The integral is a trapezoidal sum over [-3, 3], whose two halves are
alike: 17 knots from 0 to 3 count twice, but for the one at 0. SIGReg is the mean of T over m
directions that are drawn anew for every batch (Cramer and Wold: a distribution is known by its
shadows). LeJEPA's loss of v views Z_1..Z_v of n pictures adds how far views lie from their mean:

    L = (1 - weight) mean over a, i, j of (z_aij - mean over b of z_bij)^2
        + weight 1/v sum over a of SIGReg(Z_a)

The distance alone would be smallest if all pictures became one point. SIGReg draws that to zero,
where its slope is zero as well; but whatever small difference there is grows there.

The fast twin of this file is `scratchclust/train/objectives/sigreg.py`.

Sources: Epps and Pulley, A test for normality based on the empirical characteristic function, 1983.
Balestriero and LeCun, LeJEPA: provable and scalable self-supervised learning without the
heuristics, arXiv 2511.08544, 2025; the knots, and weight = 0.02, are those of the minimal example
in the authors' repository (the paper's listing has 17 from -5 to 5).
"""

import numpy as np
from jaxtyping import Float

from scratchclust.constants import CHARACTERISTIC_END, CHARACTERISTIC_KNOTS


def draw_directions(
    n_features: int, n_directions: int, *, rng: np.random.Generator
) -> Float[np.ndarray, "d m"]:
    """Draw unit vectors, evenly over the sphere, as columns.

    Args:
        n_features: d.
        n_directions: m.
        rng: decides them.
    """
    directions = rng.normal(size=(n_features, n_directions))
    return directions / np.linalg.norm(directions, axis=0)


def epps_pulley(x: Float[np.ndarray, "n m"]) -> Float[np.ndarray, " m"]:
    """Measure how far the numbers of each column are from a standard normal distribution: T.

    Args:
        x: n numbers in each of m columns.
    """
    x = np.asarray(x, np.float64)
    integrals = np.zeros(x.shape[1])
    step = CHARACTERISTIC_END / (CHARACTERISTIC_KNOTS - 1)
    for knot in range(CHARACTERISTIC_KNOTS):
        t = knot * step
        phi = np.exp(1j * t * x).mean(axis=0)
        normal = np.exp(-(t**2) / 2)
        at_end = knot in (0, CHARACTERISTIC_KNOTS - 1)
        integrals += step * (1 if at_end else 2) * np.abs(phi - normal) ** 2 * normal
    return len(x) * integrals


def sigreg(Z: Float[np.ndarray, "n d"], directions: Float[np.ndarray, "d m"]) -> float:
    """Measure how far a code is from a standard normal distribution: the mean of T over directions.

    Args:
        Z: the code, not normalised.
        directions: of `draw_directions`.
    """
    return float(epps_pulley(np.asarray(Z, np.float64) @ directions).mean())


def distance_to_mean(Z: Float[np.ndarray, "v n d"]) -> float:
    """Measure how far the v views of each picture lie from their mean: the mean square over all
    numbers.
    """
    Z = np.asarray(Z, np.float64)
    return float(np.mean([(view - Z.mean(axis=0)) ** 2 for view in Z]))


def lejepa(
    Z: Float[np.ndarray, "v n d"], directions: Float[np.ndarray, "d m"], *, weight: float = 0.02
) -> float:
    """Measure how badly views agree and the code fills a normal distribution: L.

    Args:
        Z: codes of v views of each of n pictures.
        directions: of `draw_directions`.
        weight: of SIGReg, from 0 to 1.
    """
    regular = np.mean([sigreg(view, directions) for view in Z])
    return float((1 - weight) * distance_to_mean(Z) + weight * regular)
