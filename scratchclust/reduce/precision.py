"""float64 in is float64 out: the one place that says for which points JAX computes in float64.

A float64 NumPy array is computed with in float64, on whatever devices there are; everything else in
float32 (and JAX arrays in their own precision). Products in float64 take about twice the time and
memory of those in float32 on a CPU and on accelerators for scientific work, much more on GPUs for
games and on TPUs: give such a one float32.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np

from scratchclust.streams import Source


def is_double(X: Any) -> bool:
    """Whether X is a float64 NumPy array, or rows of such to be read."""
    return isinstance(X, np.ndarray | Source) and X.dtype == np.float64


def in_precision_of(X: Any) -> AbstractContextManager[Any]:
    """A context in which JAX computes in float64 if X is a float64 NumPy array; else as it is set
    anyhow.
    """
    return jax.enable_x64(True) if is_double(X) else nullcontext()
