"""The largest eigenvalues of a symmetric matrix that is there, or is known by its products: on the
host.

`largest_eigenpairs` asks LAPACK for the few that are wanted, and looks at what came back: where
eigenvalues coincide it can be fewer than were asked for.

`leading_eigenpairs` is block Lanczos. The products A Q, A (A Q), ... of a random block Q span a
space that soon holds the leading eigenvectors (Krylov's); inside it the eigenproblem is small
(Rayleigh-Ritz). A block of vectors at a time, since the matrix is read once for all of them, and
reading it is what takes the time.

Sources: Golub & Underwood, The block Lanczos method for computing eigenvalues, 1977. Restarts: Wu &
Simon, Thick-restart Lanczos method, 2000.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg
from jaxtyping import Float

EXTRA_VECTORS = 8  # in a block, beyond the eigenvectors that are wanted
MOST_BLOCKS = 16  # in the basis; then it begins anew from the best vectors in it
MOST_PRODUCTS = 200  # of the matrix and a block
TOLERANCE = 1e-6  # of the largest eigenvalue: about what products in float32 can give
ORTHONORMAL = 1e-8  # how far the inner products of LAPACK's eigenvectors may be from 0 and 1


class Lanczos(NamedTuple):
    """When the iteration ends."""

    # of |A v - l v|, relative to the largest eigenvalue; 0: what the products can give
    tolerance: float = 0.0
    max_products: int | None = None  # None: 200


def largest_eigenpairs(
    symmetric: Float[np.ndarray, "m m"], n_pairs: int
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "m q"]]:
    """The q largest eigenvalues, falling, and their unit eigenvectors in columns.

    LAPACK's solver for some of the eigenvalues counts those below a bound, and where several
    coincide it may find fewer than were asked for, or vectors that are not orthogonal. Then all are
    computed, by the solver that knows no bounds.

    Args:
        symmetric: the matrix, in float64.
        n_pairs: q, from 1 to m.

    Raises:
        numpy.linalg.LinAlgError: neither solver converged.
        ValueError: the matrix holds NaN or infinity.
    """
    size = len(symmetric)
    if n_pairs < size:
        try:
            found = scipy.linalg.eigh(symmetric, subset_by_index=[size - n_pairs, size - 1])
        except np.linalg.LinAlgError:
            found = np.empty(0), np.empty((size, 0))
        if _are_eigenvectors(found[1], n_pairs):
            return found[0][::-1], found[1][:, ::-1]
    eigenvalues, vectors = scipy.linalg.eigh(symmetric)
    return eigenvalues[::-1][:n_pairs], vectors[:, ::-1][:, :n_pairs]


def _are_eigenvectors(vectors: np.ndarray, n_pairs: int) -> bool:
    products = vectors.T @ vectors
    return len(products) == n_pairs and bool(
        (np.abs(products - np.eye(n_pairs)) <= ORTHONORMAL).all()
    )


def leading_eigenpairs(
    times: Callable[[np.ndarray], np.ndarray],
    n: int,
    n_pairs: int,
    *,
    rng: np.random.Generator,
    lanczos: Lanczos = Lanczos(),  # noqa: B008 (it cannot change)
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, "n q"]]:
    """The largest eigenvalues, falling, and their unit eigenvectors in columns.

    Args:
        times: the product of the matrix [n n] and a block of vectors [n b].
        n: its size.
        n_pairs: q, much less than n.
        rng: source of the first block.
        lanczos: when to end.

    Returns:
        Both in float64, as good as the products are. Memory O(n q), some tens of products with q +
        8 vectors.

    Warns:
        UserWarning: the eigenvalues lie so close together that the vectors are not exact after the
            most products.
    """
    tolerance = lanczos.tolerance or TOLERANCE
    most = lanczos.max_products or MOST_PRODUCTS
    block = min(n_pairs + EXTRA_VECTORS, n)
    basis = np.empty((n, 0))
    images = np.empty((n, 0))
    # One product first: what it keeps of the random block is in the range of the matrix.
    new = _orthonormal(times(np.linalg.qr(rng.normal(size=(n, block)))[0]), basis)
    for i in range(most):
        basis = np.hstack([basis, new])
        images = np.hstack([images, times(new)])
        small = basis.T @ images
        eigenvalues, vectors = np.linalg.eigh((small + small.T) / 2)
        eigenvalues = eigenvalues[::-1][:block]
        vectors = vectors[:, ::-1][:, :block]
        residual = images @ vectors - basis @ vectors * eigenvalues
        lengths = np.linalg.norm(residual[:, :n_pairs], axis=0)
        if lengths.max() <= tolerance * eigenvalues[0] or basis.shape[1] == n or i + 1 == most:
            break
        new = residual if basis.shape[1] >= MOST_BLOCKS * block else images[:, -block:]
        if basis.shape[1] >= MOST_BLOCKS * block:
            basis = basis @ vectors
            images = images @ vectors
        new = _orthonormal(new[:, : n - basis.shape[1]], basis)
    if lengths.max() > tolerance * eigenvalues[0] and basis.shape[1] < n:
        warnings.warn(
            f"after {most} products |A v - l v| is still {lengths.max() / eigenvalues[0]:.1e} of "
            f"the largest eigenvalue, above {tolerance:.0e}: the eigenvalues lie close together "
            f"and these {n_pairs} eigenvectors are not exact; ask for fewer, or change the kernel "
            "(a smaller gamma) so that the eigenvalues fall faster",
            stacklevel=2,
        )
    return eigenvalues[:n_pairs], basis @ vectors[:, :n_pairs]


def _orthonormal(block: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """An orthonormal basis of the block less what the basis has of it.

    Twice, since once leaves rounding.
    """
    for _ in range(2):
        block, _ = np.linalg.qr(block - basis @ (basis.T @ block))
    return block
