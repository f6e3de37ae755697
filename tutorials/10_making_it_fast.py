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
# # Making it fast, and still right
#
# *40 minutes. Before this page: [00](00_jax_for_numpy.ipynb) and [01](01_kmeans.ipynb). It runs in about 25 seconds.*
#
# At the end of this page you can say where the time of a program goes, count what a compiler does, keep memory small,
# read one of this package's fast twins, and distrust a table of times. The picture is the reason for the
# words *and still right*: the usual fast formula for a squared distance, in 32 bits, for a cloud of points that moves
# away from zero. At the right end it has no correct digit left.
#
# Times depend on the machine and on what else it does. So no check here rests on one: they are printed, and where the
# text speaks of them it speaks of that one run. What is claimed and checked are counts, memory and errors.

# %% tags=["hide-input"]
import time

import numpy as np

from scratchclust import devices

devices.use_all_cores()  # one JAX device for each core: before the first use of JAX

import jax
import jax.numpy as jnp

from scratchclust.lessons import speed as draw

cloud = np.random.default_rng(0).standard_normal((300, 8))
offsets = 10.0 ** np.arange(6)


def relative_error(found, points):
    """The worst error among the distances from the first 10 points to the others."""
    exact = points.astype(np.float64)
    true = ((exact[:10, None] - exact[None, 10:]) ** 2).sum(axis=2)
    return (np.abs(np.asarray(found, dtype=np.float64) - true) / true).max()


def expanded_square(A, B):
    """|a|^2 - 2 a.b + |b|^2 of all pairs."""
    return (A**2).sum(axis=1)[:, None] - 2 * A @ B.T + (B**2).sum(axis=1)[None, :]


def errors_at(offset):
    points = (cloud + offset).astype(np.float32)
    centred = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    by_definition = ((points[:10, None] - points[None, 10:]) ** 2).sum(axis=2)
    return (
        relative_error(expanded_square(points[:10], points[10:]), points),
        relative_error(expanded_square(centred[:10], centred[10:]), points),
        relative_error(by_definition, points),
    )


errors = np.array([errors_at(offset) for offset in offsets])
drawn = np.maximum(errors, 1e-8)  # what is less, as where the differences are exact, is drawn there
draw.on_logarithmic_axes(
    {
        "expanded square": (offsets, drawn[:, 0]),
        "centred first": (offsets, drawn[:, 1]),
        "by the definition": (offsets, drawn[:, 2]),
    },
    title="The error of a squared distance in 32 bits, as the points move away from zero",
    words=(
        "Three curves on logarithmic axes. The error of the expanded square grows with the square of the offset "
        "beyond 100%; those of the centred square and of the definition stay below a thousandth."
    ),
    xlabel="what was added to each of its eight coordinates (its width is 1)",
    ylabel="worst relative error",
)

# %% [markdown]
# (The folded cell has made the `cloud` [300, 8] and the six `offsets`, 1 to 100,000, and measured its `errors` [6, 3];
# the section "Digits" does it before your eyes. An error of less than 1e-8 is drawn as 1e-8.)
#
# ## The algebra first
#
# Five iterations of k-means, the same points, the same start, in five ways of writing: the package's reference
# (float64, differences by the definition); the ten lines of [01](01_kmeans.ipynb) in float32; the *two products* of
# 01's JAX lines, but in NumPy; the same in JAX, compiled; and the package's twin.
#
# The contenders run in turn, three times, and the median counts. The quality stands beside the time: it is easy to be
# fast and wrong.

# %%
import os
import platform

from scratchclust.cluster import kmeans as fast
from scratchclust.reference import kmeans as reference

X = np.random.default_rng(0).standard_normal((16_384, 64), dtype=np.float32)
start = X[:10]


def ten_lines(X, centroids):
    for _ in range(5):
        labels = np.stack([((X - c) ** 2).sum(axis=1) for c in centroids], axis=1).argmin(axis=1)
        centroids = np.stack([X[labels == j].mean(axis=0) for j in range(10)])
    return centroids


def two_products(X, centroids, xp=np):
    for _ in range(5):
        labels = ((centroids**2).sum(axis=1)[None, :] - 2 * X @ centroids.T).argmin(axis=1)
        one_hot = (labels[:, None] == xp.arange(10)[None, :]).astype(X.dtype)
        centroids = one_hot.T @ X / one_hot.sum(axis=0)[:, None]
    return centroids


@jax.jit
def two_products_jax(X, centroids):
    return two_products(X, centroids, xp=jnp)


def clocked(program):
    began = time.perf_counter()
    found = jax.block_until_ready(program())
    return time.perf_counter() - began, np.asarray(found)


programs = {
    "NumPy, the reference": lambda: reference.lloyd(X, start, max_iter=5, tol=0).centroids,
    "NumPy, the ten lines": lambda: ten_lines(X, start),
    "NumPy, two products": lambda: two_products(X, start),
    "JAX, two products": lambda: two_products_jax(X, start),
    "JAX, the twin": lambda: fast.lloyd(X, start, max_iter=5, tol=0).centroids,
}
for program in programs.values():
    program()  # once before the clock starts: JAX compiles
turns = [{name: clocked(program) for name, program in programs.items()} for _ in range(3)]

first = "NumPy, the reference"
print(f"{platform.machine()}, {os.cpu_count()} cores, {jax.default_backend()}")
print(f"{len(X):,} points, {jax.device_count()} devices    {'seconds':>9}{'times as fast':>15}{'inertia':>12}")
inertias = {}
for name in programs:
    seconds = np.median([turn[name][0] for turn in turns])
    ratio = np.median([turn[first][0] for turn in turns]) / seconds
    inertias[name] = reference.assign(X, turns[0][name][1].astype(np.float64))[1].sum()
    print(f"{name:31}{seconds:13.3f}{ratio:15.1f}{inertias[name]:12.0f}")

assert max(inertias.values()) < 1.0001 * min(inertias.values())  # all did the same work

# %% [markdown]
# Compare the third row with the first two, and only then the fourth with the third. Writing the distances and the means
# as products of matrices is what gains most here, and it needs no compiler: a product reads each number once and uses
# it many times. What JAX adds is that the rest is compiled, too, and that it can use all cores or a GPU. A table that
# shows only the first and the last row credits the wrong one.
#
# The twin does more than the row above it: it cuts the points into blocks, fills empty clusters, keeps a history, and
# decides doubtful labels in float64. On a problem as small as this one that costs more than it gains.
#
# ## `jit`: count the compilations
#
# A function is compiled once for each combination of *shapes*. A scan over the number of clusters, as in
# [02b](02b_silhouette_and_dunn.ipynb), changes a shape at each step.
#
# **Predict, then run.** How many compilations for $k = 2, \dots, 21$? And how many, if the centroids are filled up to
# the next power of two with rows that cannot win?

# %%
compiled = {"as they are": 0, "padded": 0}


@jax.jit
def nearest(X, centroids):
    compiled["as they are"] += 1  # Python runs only while tracing
    return ((centroids**2).sum(axis=1)[None, :] - 2 * X @ centroids.T).argmin(axis=1)


@jax.jit
def nearest_padded(X, centroids, n_real):
    compiled["padded"] += 1
    scores = (centroids**2).sum(axis=1)[None, :] - 2 * X @ centroids.T
    return jnp.where(jnp.arange(len(centroids))[None, :] < n_real, scores, jnp.inf).argmin(axis=1)


few, different = X[:500], 0
for k in range(2, 22):
    size = 2 ** int(np.ceil(np.log2(k)))
    padded = np.zeros((size, X.shape[1]), np.float32)
    padded[:k] = X[:k]
    different += (nearest(few, X[:k]) != nearest_padded(few, padded, k)).sum()

print(compiled)

# %% tags=["hide-input"]
assert compiled == {"as they are": 20, "padded": 5}
assert different == 0

# %% [markdown]
# 20, and 5: one for 2, 4, 8, 16 and 32. `n_real` is a number in an array and not a shape, so it may change freely. The
# package rounds its blocks and some of its counts up for this reason.
#
# An argument named in `static_argnames` is a Python value while tracing: it may be a shape or steer an `if`, and each
# new value is a new compilation. Do not make a number static that the program can take as it comes.
# (`jax.lax.fori_loop(0, n, f, x)` is the loop `for i in range(0, n): x = f(i, x)`, compiled once, whatever `n` is.)

# %%
counted = {"static": 0, "traced": 0}


def repeat_static(x, n_times):
    counted["static"] += 1
    for _ in range(n_times):  # unrolled: the program gets longer, too
        x = jnp.sin(x)
    return x


@jax.jit
def repeat_traced(x, n_times):
    counted["traced"] += 1
    return jax.lax.fori_loop(0, n_times, lambda _, x: jnp.sin(x), x)


repeat_static = jax.jit(repeat_static, static_argnames="n_times")
for n_times in (1, 2, 3, 4, 5):
    assert jnp.allclose(repeat_static(1.0, n_times=n_times), repeat_traced(1.0, n_times))

print(counted)
assert counted == {"static": 5, "traced": 1}

# %% [markdown]
# ## Something is wrong here
#
# Thirty products of two matrices, one after the other. Somebody has compiled them, called them once so that the
# compilation does not count, and measured:


# %%
def thirty_products_numpy(A):
    B = A
    for _ in range(30):
        B = B @ A
    return B


@jax.jit
def thirty_products(A):
    return jax.lax.fori_loop(0, 30, lambda _, B: B @ A, A)


A = np.random.default_rng(0).standard_normal((600, 600), dtype=np.float32)
A /= np.linalg.norm(A, 2)
on_device = jnp.asarray(A)
thirty_products(on_device).block_until_ready()

ready = []
for _ in range(5):
    began = time.perf_counter()
    in_numpy = thirty_products_numpy(A)
    numpy_seconds = time.perf_counter() - began
    began = time.perf_counter()
    in_jax = thirty_products(on_device)
    jax_seconds = time.perf_counter() - began
    ready.append(in_jax.is_ready())
    print(f"NumPy {numpy_seconds:.4f} s, JAX {jax_seconds:.6f} s: {numpy_seconds / jax_seconds:,.0f} times as fast")
    in_jax.block_until_ready()

# %% [markdown]
# **Find out what went wrong.** The results agree, the same machine, no GPU. Can this be? How many multiplications would
# that be in a second? What is measured here?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The *dispatch*. JAX puts the computation in a queue and returns at once an array that does not have its numbers yet;
# so Python can prepare the next call meanwhile. Whoever needs the numbers waits then: `print`, `np.asarray`, `float`,
# or `block_until_ready`. The clock was stopped before. A check without any theory: 30 products of
# this size are $30 \cdot 2 \cdot 600^3 \approx 1.3 \cdot 10^{10}$ operations. Divide by the seconds printed, and
# compare with the $10^{11}$ or so that a core can do in a second.
#
# </details>

# %% [markdown]
# If that is the diagnosis, then the result is not ready when the clock stops, and waiting inside the clock gives a
# figure that can be believed:

# %%
print("was the result there when the clock stopped?", ready)
began = time.perf_counter()
in_jax = thirty_products(on_device).block_until_ready()
print(f"with block_until_ready inside the clock: JAX {time.perf_counter() - began:.4f} s")
assert not all(ready)
assert in_jax.is_ready()
np.testing.assert_allclose(in_jax, in_numpy, atol=1e-5)

# %% [markdown]
# What is left of a hundred times is less than two in this run, in which NumPy had one core and JAX all; on a busy
# machine JAX came out slower. A product of two matrices is the work of a library in both, and there is nothing beside
# it that a compiler could save.
#
# ## Blocks: memory that does not grow
#
# The scores of all points against all centroids are $n \times k$ numbers: for a million points and 1,000 centroids 4
# GB. But a step of k-means needs of each point only its label, and of all points together only $k$ sums. So one goes
# through the points in **blocks** of rows, adds what is to be added, keeps what is to be kept, and forgets the scores.
# This is the heart of the package (`map_sum` in `scratchclust/rows.py`), in a few lines.
#
# Two functions of JAX in it are new. `jax.lax.scan(step, total, blocks)` is a loop that carries and keeps: for each
# block it calls `total, kept = step(total, block)`, and gives the last `total` and all that was kept, stacked. The
# carried total must have its shape from the beginning. Which? `jax.eval_shape(f, ...)` says it without computing
# anything, so that zeros of that shape can be made. (`jax.tree.map` does the same to each array of a tuple.)


# %%
def map_sum(f, X, block, *more):
    """f(rows, weights, *more) -> (part, kept) on blocks of rows: the sum of the parts, and all that was kept."""
    n, d = X.shape
    n_blocks = -(-n // block)
    filled = jnp.zeros((n_blocks * block, d), X.dtype).at[:n].set(X)  # the last block is filled up
    weights = (jnp.arange(n_blocks * block) < n).astype(X.dtype)  # with rows that weigh nothing

    def step(total, rows):
        part, kept = f(*rows, *more)
        return jax.tree.map(jnp.add, total, part), kept

    blocks = filled.reshape(n_blocks, block, d), weights.reshape(n_blocks, block)
    shapes = jax.eval_shape(f, blocks[0][0], blocks[1][0], *more)[0]
    zero = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    total, kept = jax.lax.scan(step, zero, blocks)
    return total, kept.reshape(-1)[:n]


def sums_and_labels(x, weights, centroids):
    labels = ((centroids**2).sum(axis=1)[None, :] - 2 * x @ centroids.T).argmin(axis=1)
    one_hot = (labels[:, None] == jnp.arange(len(centroids))[None, :]) * weights[:, None]
    return (one_hot.T @ x, one_hot.sum(axis=0)), labels


def whole(X, centroids):
    return sums_and_labels(X, jnp.ones(len(X)), centroids)


def in_blocks(X, centroids):
    return map_sum(sums_and_labels, X, 1024, centroids)


centroids = X[:100]
(sums, counts), labels = jax.jit(in_blocks)(X[:5000], centroids)  # 5,000 is no multiple of 1,024
(whole_sums, whole_counts), whole_labels = jax.jit(whole)(X[:5000], centroids)
assert (labels == whole_labels).all()
assert (counts == whole_counts).all()
np.testing.assert_allclose(sums, whole_sums, atol=1e-3)

# %% [markdown]
# How much memory does it take besides the data and the result? The compiler knows before anything runs, and needs only
# the shapes: `jax.jit(f).lower(shapes)` writes the program down, `.compile()` compiles it, and nothing is run.
#
# **Predict, then run.** From 8,192 to 131,072 points, 16 times as many, with 1,000 centroids of 16 numbers: by how much
# does that memory grow for `whole`, and by how much for `in_blocks`?


# %%
def temporary_bytes(f, n):
    shapes = [jax.ShapeDtypeStruct(shape, np.float32) for shape in ((n, 16), (1000, 16))]
    return jax.jit(f).lower(*shapes).compile().memory_analysis().temp_size_in_bytes


sizes = np.array([8_192, 32_768, 131_072])
memory = {
    "whole": [temporary_bytes(whole, n) for n in sizes],
    "in_blocks": [temporary_bytes(in_blocks, n) for n in sizes],
}
for name, found in memory.items():
    print(f"{name:10} {np.round(np.array(found) / 1e6, 1)} MB, {found[-1] / found[0]:.1f} times as much")

# %% tags=["hide-input"]
assert memory["whole"][-1] > 14 * memory["whole"][0]
assert memory["in_blocks"][-1] < memory["whole"][-1] / 10
draw.on_logarithmic_axes(
    {
        "whole": (sizes, np.array(memory["whole"]) / 1e6),
        "in blocks of 1,024": (sizes, np.array(memory["in_blocks"]) / 1e6),
        "the data": (sizes, sizes * 16 * 4 / 1e6),
    },
    title="Memory besides the data, 1,000 centroids",
    words="Three lines on logarithmic axes: whole rises with the points, far above the data; in blocks stays flat.",
    xlabel="points",
    ylabel="MB",
)

# %% [markdown]
# By 16 for `whole`, and hardly at all for `in_blocks`. `whole` grows with $n$, all of it. `in_blocks` holds one block
# of scores, whatever $n$ is; what little grows in it is the list of weights, one number a point.
#
# ## Digits
#
# Back to the first picture. $|a|^2 - 2\,a \cdot b + |b|^2$ takes the difference of large numbers that are nearly
# equal. 32 bits hold about seven digits. A cloud of width 1 in eight dimensions, moved by 1,000 along each, has
# squares near $10^7$; what is left of a squared distance near 10 is then the last digit or nothing.
# The three curves are three ways to compute the same:


# %%
def expanded(A, B):
    return (A**2).sum(axis=1)[:, None] - 2 * A @ B.T + (B**2).sum(axis=1)[None, :]


def three_ways(points):
    """The squared distances from the first 10 points to all others: [10, n - 10], three times."""
    centred = points - points.mean(axis=0, dtype=np.float64).astype(np.float32)
    by_definition = ((points[:10, None] - points[None, 10:]) ** 2).sum(axis=2)
    return expanded(points[:10], points[10:]), expanded(centred[:10], centred[10:]), by_definition


# %% [markdown]
# **Predict, then run.** So how far must the cloud be moved until the expanded square is wrong by more than 100%?
# (`relative_error` compares with float64.)

# %%
print("moved by   expanded   centred   by the definition")
for offset in offsets:
    points = (cloud + offset).astype(np.float32)
    row = [relative_error(found, points) for found in three_ways(points)]
    print(f"{offset:8,.0f} {row[0]:10.1e} {row[1]:9.1e} {row[2]:14.1e}")

# %% tags=["hide-input"]
assert np.allclose(row, errors[-1])
assert errors[0, 0] < 1e-3
assert errors[3, 0] > 0.1
assert errors[4, 0] > 1
assert errors[:, 1:].max() < 1e-2

# %% [markdown]
# Somewhere between 1,000 and 10,000. Three cures, and the package uses all of them. **Subtract the mean** before the
# products: distances do not change, and the squares become as small as they can be. **Find candidates** by the fast
# formula, and compute what is handed out by the definition. **Ask again in float64** where two candidates differ by
# less than the error can be. (Here the other two columns stay small because the rounded points are taken as the truth.
# That float32 cannot hold 100,000.001 is lost before, and no formula brings it back.)
#
# ## Devices: one line
#
# With `devices.use_all_cores()` JAX sees each core as a device, as it sees each GPU of a large machine. To spread the
# points over all of them one places the array; the function stays as it is. The compiler sees where the rows lie and
# gives each device its share.
#
# **Predict, then run.** A point's label hangs on that point and the centroids alone. So must the devices talk to each
# other at all?

# %%
from jax.sharding import Mesh, NamedSharding, PartitionSpec

mesh = Mesh(np.array(jax.devices()), ("rows",))
spread = jax.device_put(X, NamedSharding(mesh, PartitionSpec("rows")))  # the one line
everywhere = jax.device_put(centroids, NamedSharding(mesh, PartitionSpec()))

program = jax.jit(whole).lower(spread, everywhere).compile()
(spread_sums, _), spread_labels = program(spread, everywhere)
n_joins = program.as_text().count("all-reduce(")
shares = [shard.data.shape for shard in spread.addressable_shards]
print(f"{jax.device_count()} devices with shares of {shares}")
print(f"joins over the devices: {n_joins}")

(alone_sums, _), alone_labels = jax.jit(whole)(X, centroids)

# %% tags=["hide-input"]
assert (spread_labels == alone_labels).mean() > 0.999
np.testing.assert_allclose(spread_sums.sum(axis=0), alone_sums.sum(axis=0), atol=0.1)
assert (n_joins > 0) == (jax.device_count() > 1)

# %% [markdown]
# They must: the labels stay where they are, but the sums and the counts run over the points of all. (On more than one
# device both are joined at once. `lower` and `compile` are as above; `as_text` is the program as it is run.) When does
# it lose? Each join makes all devices wait for each other, some microseconds on two cores, tens of them on eight GPUs.
# Where a share is computed in less, one device alone is faster; `rows.worthwhile` is the package's rule.
#
# ## Read a twin
#
# Now you can read `scratchclust/cluster/kmeans_parts/lloyd_steps.py`. This is its pass over the data, as it stands
# there:

# %%
import inspect

from scratchclust.cluster.kmeans_parts import lloyd_steps

source = inspect.getsource(lloyd_steps)
begin = source.index("def every_distance")
print(source[begin : source.index("def _no_history")].strip())

# %% [markdown]
# Beside it the definition, in `scratchclust/reference/kmeans.py`:
#
# | the definition | the twin |
# |---|---|
# | `labels, distances = assign(X, centroids)` | `nearest(x, x_norms, centroids)`: the expanded square of a block |
# | `update_centroids`: a mean for each cluster | `part_of_sums`: this block's part of the sums |
# | `n_moved = (labels != previous)[weights > 0].sum()` | the same line, of a block |
# | `weights @ distances` | `(weights * distances).sum()`, of a block |
# | the loop over all points | `rows.map_sum`: all blocks on all devices |
#
# `x_norms` was computed once, on centred data. On a CPU `part_of_sums` looks only at the points that moved, and its
# part is added to the sums before. What stands in the first tuple is added up over the blocks, and `labels` are kept.
# Around it, in `every_distance`: `data.beside(...)` lays the labels of the pass before beside the points, block by
# block; `sums_from_parts` makes the sums of all from those before and what has changed; and `bounds` are those of
# Elkan's algorithm, of which more below, and `None` here.
#
# The function `f` of our `map_sum` and theirs have the same form: a block and what belongs to it in, a part and what is
# to be kept out. Nearly everything heavy in the package is written like this.
#
# ## When not to
#
# **Few points.** A call into compiled code costs some tens of microseconds, or a few hundred with the data brought to
# it, and the compilation costs as much as very many small problems:

# %%
print("points  NumPy (ms)    JAX (ms)")
for n in (10, 1_000, 100_000):
    points = np.random.default_rng(0).standard_normal((n, 16), dtype=np.float32)
    means = points[:5]

    def by_numpy(points=points, means=means):
        return ((means**2).sum(axis=1)[None, :] - 2 * points @ means.T).argmin(axis=1)

    def by_jax(points=points, means=means):
        return nearest(points, means)

    by_jax()
    seconds = [[clocked(program)[0] for program in (by_numpy, by_jax)] for _ in range(9)]
    of_numpy, of_jax = 1e3 * np.median(seconds, axis=0)
    print(f"{n:7,}{of_numpy:12.3f}{of_jax:12.3f}")
    assert (by_numpy() == np.asarray(by_jax())).mean() > 0.999

# %% [markdown]
# **A better algorithm instead of a faster program.** Two for k-means.
#
# *Mini-batch k-means* (Sculley, 2010) takes a few random points a step, and moves each centroid towards those that it
# won, less and less: with $n_j$ points won so far the new one counts $1 / n_j$, so that $c_j$ is the mean of all that
# it ever won. It mostly ends a little higher (from another start of chance it may end lower, too). We count the
# distances that are computed.
#
# **Predict, then run.** 40,000 points, 20 clusters, batches of 512: once in 20 clear heaps, once noise without any.
# Where do mini-batches save most of the distances?

# %%
from scratchclust import KMeans, MiniBatchKMeans

rng = np.random.default_rng(0)
heap_centres = 4 * rng.standard_normal((20, 16))
heaps = (heap_centres[rng.integers(20, size=40_000)] + rng.standard_normal((40_000, 16))).astype(np.float32)
noise = rng.standard_normal((40_000, 16), dtype=np.float32)
saved, worse = {"heaps": [], "noise": []}, []
for name, points in (("heaps", heaps), ("noise", noise)):
    for seed in range(3):
        lloyd = KMeans(20, n_init=1, random_state=seed).fit(points)
        batches = MiniBatchKMeans(20, n_init=1, batch_size=512, random_state=seed).fit(points)
        of_lloyd = lloyd.n_iter_ * len(points) * 20
        of_batches = batches.n_steps_ * 512 * 20
        saved[name].append(of_lloyd / of_batches)
        worse.append(batches.inertia_ / lloyd.inertia_ - 1)
        print(f"{name}: distances {of_lloyd:11,} by Lloyd, {of_batches:9,} by batches; inertia {worse[-1]:+.1%}")

# %% tags=["hide-input"]
assert min(saved["noise"]) > 20
assert min(saved["heaps"]) < 2
assert max(worse) < 0.04

# %% [markdown]
# On noise, where Lloyd's algorithm wanders through hundreds of iterations for the last hundredth of the inertia. In
# clear heaps it needs a dozen or fewer, and what there is to save hangs on the start: little or nothing where Lloyd's
# algorithm is done in two iterations, most of it where it needs twelve.
#
# *Bounds* (Elkan, 2003) leave out distances that cannot matter. The triangle inequality says: if $c$ is a point's own
# centroid, and every other is at least $2\,|x - c|$ away from $c$, then none of them is nearer to $x$. One distance
# then settles the point. How many points does this one test settle?


# %%
def settled_share(X, centroids):
    labels, squares = reference.assign(X, centroids)
    between = np.sqrt(((centroids[:, None] - centroids[None, :]) ** 2).sum(axis=2))
    np.fill_diagonal(between, np.inf)
    return (2 * np.sqrt(squares) <= between.min(axis=1)[labels]).mean()


of_noise = np.asarray(lloyd.cluster_centers_, dtype=float)  # the last of the fits above
in_heaps = settled_share(heaps[:5000].astype(float), heap_centres)
in_noise = settled_share(noise[:5000].astype(float), of_noise)
print(f"settled by one distance: {in_heaps:.1%} of the points in heaps, {in_noise:.1%} of the noise")
assert in_heaps > 0.95
assert in_noise < 0.01

# %% [markdown]
# Just the other way round. So it depends on the data, and a table made on one data set does not say it for yours.
# `algorithm="elkan"` in the package keeps more bounds than this one, and gives the same labels as Lloyd.
#
# ## Benchmarks
#
# What made the first table honest, as a list to measure others by:
#
# - the **same work**: data, start, number of iterations; and the quality beside the time;
# - the **compilation apart**: it happens once for each shape;
# - **in turn**, several times, the median: other programs use the machine, too;
# - **wait for the result** inside the clock;
# - the **peer at its best**: the right library, its threads, its precision; and where we lose stands there, too;
# - the **machine named**, and more than one size.
#
# [The benchmarks](site/benchmarks.md), in the folder `benchmarks/`, do it for every algorithm of the package, beside
# scikit-learn, faiss, openTSNE and torch.
#
# ## Exercise: the mean distance of all pairs
#
# Write `mean_distance(X, block)`, the mean of $|x_i - x_j|$ over all pairs $i, j$, with `map_sum`, so that no
# $n \times n$ matrix is ever held. Check it against NumPy on 1,000 points, and check the memory with the compiler: for
# $n = 16{,}384$ it must stay below a tenth of $4 n^2$ bytes. (Mind the filling: its rows must not count.)
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def mean_distance(X, block=256):
#     def distances_of(x, weights, others):
#         squares = (x**2).sum(axis=1)[:, None] - 2 * x @ others.T + (others**2).sum(axis=1)[None, :]
#         return (weights[:, None] * jnp.sqrt(jnp.maximum(squares, 0))).sum(), weights
#
#     total, _ = map_sum(distances_of, X, block, X)
#     return total / len(X) ** 2
#
#
# few = X[:1000, :16]
# true = np.sqrt(((few[:, None] - few[None, :]).astype(float) ** 2).sum(axis=2)).mean()
# np.testing.assert_allclose(jax.jit(mean_distance)(few), true, rtol=1e-3)
#
# n = 16_384
# shape = jax.ShapeDtypeStruct((n, 16), np.float32)
# held = jax.jit(mean_distance).lower(shape).compile().memory_analysis().temp_size_in_bytes
# print(f"{held / 1e6:.1f} MB instead of {4 * n**2 / 1e6:.0f}")
# assert held < 4 * n**2 / 10
# ```
#
# </details>
#
# ## What to take with you
#
# - Rewrite as products of matrices first; compile then.
# - Shapes decide how often a program is compiled: count it. Blocks decide how much memory is held: ask the compiler.
# - A fast formula may have no digits left: centre, and let the definition have the last word.
# - A clock that stops before the result is there measures nothing.
#
# ## Further
#
# - D. Sculley, *Web-scale k-means clustering*, WWW 2010. C. Elkan, *Using the triangle inequality to accelerate
#   k-means*, ICML 2003. N. Higham, *Accuracy and Stability of Numerical Algorithms*, 2002, for what rounding does to a
#   sum.
# - JAX's documentation on *asynchronous dispatch*, *ahead-of-time lowering* and *distributed arrays*.
# - [scratchclust/rows.py](../scratchclust/rows.py): `map_sum` as the package has it.
