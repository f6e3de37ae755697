"""All that training changes, on the devices and as plain arrays on the host."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding


class State(NamedTuple):
    """What one step hands to the next."""

    params: Any  # what the gradients are of: an nnx.State of float32 arrays
    rest: Any  # batch statistics and whatever else the model carries: an nnx.State
    opt_state: Any  # the optimiser's


class Layout:
    """The tree of a state, so that its arrays can travel as a plain dict: to the host, to a file,
    and back.
    """

    def __init__(self, state: State) -> None:
        paths, self._tree = jax.tree_util.tree_flatten_with_path(state)
        self.names = [jax.tree_util.keystr(path, simple=True, separator=".") for path, _ in paths]
        self._key_types = [jax.random.key_impl(leaf) if is_key(leaf) else None for _, leaf in paths]

    def to_host(self, state: State) -> dict[str, np.ndarray]:
        """Copy every array to NumPy, by its name; of a random key its numbers."""
        arrays = jax.device_get([without_key(leaf) for leaf in jax.tree.leaves(state)])
        return {name: np.array(array) for name, array in zip(self.names, arrays, strict=True)}

    def from_host(self, arrays: dict[str, np.ndarray]) -> State:
        """Make the state of these arrays, on JAX's default device and free to be moved."""
        leaves = [jnp.asarray(arrays[name]) for name in self.names]
        keyed = zip(leaves, self._key_types, strict=True)
        leaves = [
            leaf if impl is None else jax.random.wrap_key_data(leaf, impl=impl)
            for leaf, impl in keyed
        ]
        return jax.tree.unflatten(self._tree, leaves)

    def to_devices(self, arrays: dict[str, np.ndarray], sharding: NamedSharding) -> State:
        """Make the state of these arrays as buffers of their own, which a compiled step may take
        over (donation).
        """
        state = self.from_host(arrays)
        if sharding.is_fully_addressable:  # elsewhere the copy does it: every process has it alike
            state = jax.device_put(state, sharding)
        return _copy(state, sharding)


# of the module, not of a call: one program for all fits of one network
@partial(jax.jit, static_argnames="sharding")
def _copy(state: State, sharding: NamedSharding) -> State:
    return jax.lax.with_sharding_constraint(jax.tree.map(jnp.copy, state), sharding)


def is_finite(arrays: dict[str, np.ndarray]) -> bool:
    """Whether the model, that is "params" and "rest", has no NaN and no infinity."""
    model = [array for name, array in arrays.items() if not name.startswith("opt_state")]
    return all(
        bool(np.isfinite(array).all())
        for array in model
        if jnp.issubdtype(array.dtype, jnp.floating)
    )


def is_key(leaf: Any) -> bool:
    """Whether this is an array of JAX's typed random keys."""
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def without_key(leaf: Any) -> Any:
    """Give the numbers of a random key; any other array as it is."""
    return jax.random.key_data(leaf) if is_key(leaf) else leaf
