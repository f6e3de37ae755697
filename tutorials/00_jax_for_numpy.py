# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # JAX for people who know NumPy
#
# *15 minutes. Before this page: some NumPy, and what a gradient is. It runs in about 10 seconds.*
#
# The arrows below are the gradient of a formula at 144 points. Nobody derived it, nobody wrote a loop, and it was
# compiled. At the end of this page you will read the line in the title of the picture, from the inside out: the
# gradient of a height, of many points at once, compiled. And you will know what the course asks of JAX: shapes, `jit`,
# `grad`, `vmap`, keys and `while_loop`. (Networks need a little more; 04c says it where it comes.) The exercise wants
# an eigenvalue.

# %% tags=["hide-input"]
import jax
import jax.numpy as jnp
import numpy as np

from scratchclust.lessons import speed as draw


def hills(x):
    return jnp.sin(x[0]) * jnp.cos(x[1]) + 0.1 * (x**2).sum()


def squares_of(n):
    """n times n points of a square, row by row."""
    side = np.linspace(-3, 3, n)
    return np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)


points, finer = squares_of(12), squares_of(80)
draw.arrows(
    points,
    np.asarray(jax.jit(jax.vmap(jax.grad(hills)))(points)),
    finer,
    np.asarray(jax.vmap(hills)(finer)),
    title="jax.jit(jax.vmap(jax.grad(hills)))(points)",
    words="A coloured landscape with 144 arrows, each of which points uphill, longer where it is steep.",
)

# %% [markdown]
# The gradient points uphill, and its arrow is long where it is steep. The folded cell above imports `jax`, `jnp`
# (`jax.numpy`) and `np` (NumPy), and makes the landscape: `hills(x)`, the height at a point of two coordinates, and
# `points`, the 144 of them, `[144, 2]`.
#
# ## The same names
#
# `jax.numpy` has NumPy's functions. Two things differ at once. JAX computes with **32 bits** unless told otherwise. And
# its arrays **do not change**: there is no `a[0] = 9`, but `a.at[0].set(9)`, which gives a new array.

# %%
a = jnp.arange(4.0)
b = a.at[0].set(9.0)
print("a", a, "  b", b, "  type", a.dtype)

try:
    a[0] = 9.0
except TypeError as error:
    print("refused:", str(error)[:70], "...")

assert a[0] == 0.0
assert a.dtype == np.float32

# %% [markdown]
# ## `jit`: compile
#
# `jax.jit(f)` turns a function of arrays into machine code for the processor or the GPU. It does so at the first
# call, by running your Python once with stand-ins, *tracers*, that know their shape and type but no values, and by
# writing down what is done to them. Later calls with the same shapes and types run what was written down, and your
# Python not at all.
#
# **Predict, then run.** How often does the next cell print "tracing"?

# %%
n_traced = 0


@jax.jit
def standardised(X):
    global n_traced
    n_traced += 1
    print("tracing for", X)
    return (X - X.mean(axis=0)) / X.std(axis=0)


rng = np.random.default_rng(0)
for n in (100, 100, 100, 50, 100):
    standardised(rng.standard_normal((n, 3)))

# %% tags=["hide-input"]
assert n_traced == 2  # once for each shape: [100, 3] and [50, 3]

# %% [markdown]
# Twice: once for each shape. (A folded cell between an output and its answer, here and on all pages, holds the check of
# the answer.) What follows from this?
#
# **Shapes must be known before values.** `X[labels == 0]` has as many rows as there are zeros, and nobody can say how
# many while tracing. JAX refuses; one writes sums with weights of 0 and 1 instead.


# %%
@jax.jit
def mean_of_chosen(X, labels):
    return X[labels == 0].mean(axis=0)


X = rng.standard_normal((6, 2)).astype(np.float32)
labels = np.array([0, 1, 0, 1, 1, 0])
try:
    mean_of_chosen(X, labels)
except jax.errors.NonConcreteBooleanIndexError as error:
    print("refused:", str(error).splitlines()[0])


@jax.jit
def mean_by_weights(X, labels):
    chosen = (labels == 0).astype(X.dtype)  # [n] of 0 and 1
    return chosen @ X / chosen.sum()


np.testing.assert_allclose(mean_by_weights(X, labels), X[labels == 0].mean(axis=0), rtol=1e-5)

# %% [markdown]
# **Python's `if` and `while` cannot look at values**, for the same reason. Instead of `if` there is
# `jnp.where(condition, this, that)`, and for loops that end by a value `jax.lax.while_loop(goes_on, step, state)`,
# which means `while goes_on(state): state = step(state)`. All that changes travels in `state`. A square root by
# Newton's method:


# %%
@jax.jit
def square_root(y):
    def goes_on(state):
        x, before = state
        return jnp.abs(x - before) > 1e-6 * x

    def step(state):
        x, _ = state
        return (x + y / x) / 2, x

    x, _ = jax.lax.while_loop(goes_on, step, (y, 2 * y))
    return x


print(square_root(2.0))
assert abs(square_root(2.0) - 2**0.5) < 1e-6

# %% [markdown]
# ## `grad` and `vmap`: functions from functions
#
# `jax.grad(f)` is the function that computes the gradient of `f` with respect to its first argument; `f` must return
# one number. `jax.vmap(f)` is the function that applies `f` to each entry along the first axis: you write it for one
# point, and call it for all.
#
# **Predict, then run.** $f(x) = \sum_j x_j^2$ for a point $x$ of 3 numbers. What shape has `jax.vmap(jax.grad(f))(P)`
# for 5 points `P` of the shape `[5, 3]`, and which numbers stand in it?


# %%
def squared_length(x):
    return (x**2).sum()


P = jnp.arange(15.0).reshape(5, 3)
gradients = jax.vmap(jax.grad(squared_length))(P)
print(gradients)

# %% tags=["hide-input"]
assert gradients.shape == (5, 3)
assert (gradients == 2 * P).all()

# %% [markdown]
# The shape of `P`: one gradient a point, and it is twice the point itself. With two arguments, `in_axes` says which of
# them has an entry a point (`0`) and which is the same for all (`None`). All distances between two sets are two
# `vmap`s: the inner one takes one $x$ and all $c$, which is a row of the result; the outer one takes all $x$, which
# stacks the rows. What NumPy does by *broadcasting* is the same:

# %%
places = P[:2]  # two of the five, as the second set


def squared_distance(x, c):
    return ((x - c) ** 2).sum()


to_all = jax.vmap(jax.vmap(squared_distance, in_axes=(None, 0)), in_axes=(0, None))
distances = to_all(P, places)  # [5, 2]
assert (distances == ((P[:, None, :] - places[None, :, :]) ** 2).sum(axis=2)).all()
print(distances)

# %% [markdown]
# ## Keys: randomness is an argument
#
# NumPy's generator changes each time it is asked. A function in JAX has no memory, so the state of the dice, the *key*,
# is passed in. The same key gives the same numbers; `split` makes new keys from one.
#
# **Predict, then run.** Each of the two prints shows two triples of numbers. Are those of the first print equal? And
# those of the second?

# %%
key = jax.random.key(0)
print(jax.random.normal(key, 3), jax.random.normal(key, 3))
first, second = jax.random.split(key)
print(jax.random.normal(first, 3), jax.random.normal(second, 3))

# %% tags=["hide-input"]
assert (jax.random.normal(key, 3) == jax.random.normal(key, 3)).all()
assert (jax.random.normal(first, 3) != jax.random.normal(second, 3)).any()

# %% [markdown]
# The first are, the second are not. Use each key once.
#
# ## Something is wrong here
#
# Somebody looks for a good learning rate. The same number of steps downhill from 5.0 on $f(w) = (w - 1)^2$ with three
# rates, the step compiled because there are many:

# %%
rate = 0.01


@jax.jit
def step(w):
    slope = jax.grad(lambda w: (w - 1) ** 2)(w)
    return w - rate * slope


ends = []
for rate in (0.01, 0.1, 0.4):
    w = jnp.float32(5.0)
    for _ in range(20):
        w = step(w)
    ends.append(float(w))
    print(f"rate {rate}: w = {w:.4f} after 20 steps")

# %% [markdown]
# **Find out what went wrong.** "The learning rate does not matter", they conclude. Does it not? How often was `step`
# traced, and what did it see of `rate`?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# `step` was traced once, at its first call. `w` was a stand-in then, because it is an argument. `rate` is not an
# argument: tracing read the global variable like any Python code, found 0.01, and wrote down this number. What `rate`
# became later, the compiled program never asks. No error, no warning. The rule: **what may change must be an
# argument**.
#
# </details>

# %% [markdown]
# If that is the diagnosis, then the same step with the rate as an argument must end in three places:


# %%
@jax.jit
def step_at(w, rate):
    slope = jax.grad(lambda w: (w - 1) ** 2)(w)
    return w - rate * slope


cured = []
for rate in (0.01, 0.1, 0.4):
    w = jnp.float32(5.0)
    for _ in range(20):
        w = step_at(w, rate)
    cured.append(float(w))

print("before", np.round(ends, 4), " cured", np.round(cured, 4))
assert ends[0] == ends[1] == ends[2]
assert cured[0] > cured[1] > cured[2]
# each step takes the distance to 1, which is 4 at first, times 1 - 2 rate: the formula of page 04
np.testing.assert_allclose(cured, [1 + 4 * (1 - 2 * rate) ** 20 for rate in (0.01, 0.1, 0.4)], rtol=1e-4)

# %% [markdown]
# ## Exercise: the largest eigenvalue
#
# **Power iteration**: multiply a vector by a symmetric matrix $A$ and scale it to length 1, again and again; it turns
# into the eigenvector whose eigenvalue has the largest absolute value. Write `largest_eigenvalue(A, key)` with
# `jax.random.normal` for the start and a `while_loop` that ends when $|v_{t+1} - v_t| < 10^{-6}$ or after 1,000 rounds;
# return $v^\top A v$. Then call it for ten matrices at once with `vmap`, and compare with `np.linalg.eigvalsh`. (Make
# them $B^\top B$, so that no eigenvalue is negative.)
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def largest_eigenvalue(A, key):
#     def goes_on(state):
#         v, before, t = state
#         return (jnp.linalg.norm(v - before) > 1e-6) & (t < 1000)
#
#     def turn(state):
#         v, _, t = state
#         w = A @ v
#         return w / jnp.linalg.norm(w), v, t + 1
#
#     v = jax.random.normal(key, len(A))
#     v, _, _ = jax.lax.while_loop(goes_on, turn, (v / jnp.linalg.norm(v), jnp.zeros_like(v), 0))
#     return v @ A @ v
#
#
# B = np.random.default_rng(0).standard_normal((10, 8, 5))
# matrices = np.einsum("mij,mik->mjk", B, B).astype(np.float32)
# keys = jax.random.split(jax.random.key(0), 10)
# found = jax.jit(jax.vmap(largest_eigenvalue))(matrices, keys)
# np.testing.assert_allclose(found, np.linalg.eigvalsh(matrices)[:, -1], rtol=1e-3)
# ```
#
# </details>
#
# ## What to take with you
#
# - `jit` runs your Python once for each shape; what may change must be an argument, and shapes must not depend on
#   values.
# - `where` and `while_loop` instead of `if` and `while`; `.at[].set` instead of assignment; a key for each draw.
# - `grad` makes the gradient of a function, `vmap` the function of many; they can be put into each other. That is the
#   title of the first picture: `grad(hills)` is the gradient of a height at one point, `vmap` of it the gradients at
#   many, and `jit` compiles the whole.
#
# ## Further
#
# - JAX's own [documentation](https://docs.jax.dev), above all *Thinking in JAX* and *The sharp bits*.
# - [01](01_kmeans.ipynb) begins with NumPy and ends with JAX; [10](10_making_it_fast.ipynb) is about what makes it
#   fast.
