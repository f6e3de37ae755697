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
# # k-means, from ten lines to a fast program
#
# k-means sorts points, or images, into $k$ groups without being told what to look for. When you have read this page
# and run its cells, you will be able to
#
# 1. write k-means yourself, in ten lines of NumPy, and say why it always comes to an end;
# 2. look at a result and tell that it started badly, and know what to do about it;
# 3. say what an empty cluster is and how it is filled;
# 4. read the same algorithm in JAX, without having seen JAX before;
# 5. time a compiled program honestly.
#
# You need Python and some NumPy. No JAX, no machine learning.

# %% [markdown]
# ## Setting up
#
# Every constant of this tutorial stands in the next cell. Unless told otherwise it uses data that come with the
# package, and runs in well under a minute. With `SCRATCHCLUST_TUTORIAL_DATA=real` in the environment it uses MNIST,
# 28x28 pixels a digit (`scratchclust data mnist` gets it, or says how). The outputs that are committed with the
# notebook come from MNIST. The text fits either: it takes its numbers from the cell above.

# %%
import os

REAL_DATA = os.environ.get("SCRATCHCLUST_TUTORIAL_DATA", "bundled") == "real"

SEED = 0  # of the random numbers
UNLUCKY_SEED = 14  # of a start that goes wrong

THREE_CENTRES = [(0.0, 0.0), (4.0, 0.5), (1.5, 3.0)]
FIVE_CENTRES = [(0.0, 0.0), (3.0, 0.0), (9.0, 0.0), (12.0, 0.0), (6.0, 4.0)]
HEAP_SIZE = 100  # points around each centre

N_CLUSTERS = 10  # for the images: as many as there are digits
N_IMAGES = 10_000  # used at most, except for the timing
N_TIMING_IMAGES = 30_000
N_STARTS = 100  # of each kind, on the plane
N_IMAGE_STARTS = 20  # of each kind, on the images
TIMING_ITERATIONS = 20
TIMING_RUNS = 3  # each program runs so often, in turn; the median counts

# %%
import time

import numpy as np
from IPython.display import Markdown, display

from scratchclust import data, devices, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.reference import kmeans as reference
from scratchclust.report import figures

devices.use_all_cores()  # for JAX, later; it must be told before its first use


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


# %% [markdown]
# ## What k-means looks for
#
# We have $n$ points $x_1, \dots, x_n$ and want $k$ **centroids** $c_1, \dots, c_k$, so that every point is near to
# one of them. Each point gets a **label** $l_i$, the number of the centroid it belongs to. How good all this is, is
# measured by the **inertia**, the sum of the squared distances from each point to its centroid:
#
# $$J(l, c) = \sum_{i=1}^{n} |x_i - c_{l_i}|^2$$
#
# Small is good. To see it happen we make points on a plane, in three heaps.


# %%
def heaps(centres, spread, rng):
    """HEAP_SIZE random points around each centre, heap after heap."""
    points = [centre + spread * rng.standard_normal((HEAP_SIZE, 2)) for centre in np.array(centres)]
    return np.concatenate(points)


X = heaps(THREE_CENTRES, spread=0.8, rng=np.random.default_rng(SEED))
print(f"X has the shape {X.shape}: {len(X)} points with two coordinates each. The first three are")
print(X[:3].round(2))

# %% [markdown]
# ## Two steps, ten lines
#
# Nobody knows how to find the best labels and centroids at once. But each is easy when the other is given.
#
# **Assign.** When the centroids are given, the best label of a point is the nearest centroid:
#
# $$l_i = \arg\min_j |x_i - c_j|^2$$


# %%
def assign(X, centroids):
    squared_distances = np.stack([((X - c) ** 2).sum(axis=1) for c in centroids], axis=1)  # [n, k]
    return squared_distances.argmin(axis=1)


# %% [markdown]
# **Update.** When the labels are given, the best centroid of a cluster is the mean of its points. For the derivative
# of $\sum_i |x_i - c|^2$ with respect to $c$ is $2 \sum_i (c - x_i)$, which is zero where $c$ is the mean:
#
# $$c_j = \text{mean of all } x_i \text{ with } l_i = j$$


# %%
def update(X, labels, n_clusters):
    return np.stack([X[labels == j].mean(axis=0) for j in range(n_clusters)])


# %% [markdown]
# **k-means** (also called Lloyd's algorithm) takes the two steps in turn until no label changes:


# %%
def k_means(X, centroids):
    labels = assign(X, centroids)
    while True:
        centroids = update(X, labels, len(centroids))
        previous, labels = labels, assign(X, centroids)
        if (labels == previous).all():
            return centroids, labels


# %% [markdown]
# That is all: three functions, nine lines in their bodies. The loop must end. Neither step can raise the inertia,
# there are only finitely many ways to label $n$ points, and no labeling can come back once a better one has been
# found.
#
# Now watch it. As the start we take the three leftmost points, which is not clever: all three lie in the same heap.
# The same steps as above are written out here, to keep a picture of each.

# %%
start = X[X[:, 0].argsort()[:3]]

centroids, steps = start, [("the start", start, None)]
for iteration in range(1, 5):
    labels = assign(X, centroids)
    steps.append((f"iteration {iteration}: assign", centroids, labels))
    centroids = update(X, labels, 3)
    steps.append((f"iteration {iteration}: update", centroids, labels))

figures.plane_steps(X, steps)

# %% [markdown]
# Read the frames from left to right, row by row. In *assign* the points take the colour of the nearest centroid (the
# big dots) and the centroids stay; in *update* the centroids move to the middle of their colour (the small dots and
# the lines show the way they came) and the colours stay. In two or three iterations each heap has a centroid of its
# own.
#
# The claim was that no step raises the inertia. We check it, step by step:


# %%
def inertia(X, centroids, labels):
    return ((X - centroids[labels]) ** 2).sum()


inertias = [inertia(X, centroids, labels) for _, centroids, labels in steps[1:]]
for (title, *_), value in zip(steps[1:], inertias, strict=True):
    print(f"{title:20} inertia {value:8.1f}")

final_centroids, final_labels = k_means(X, start)
assert (np.diff(inertias) <= 0).all()
assert inertia(X, final_centroids, final_labels) <= inertias[-1]

# %% [markdown]
# ## On images
#
# An image is a point too: write its pixels in one long row, and an image of $8 \times 8$ pixels is a point in a space
# of 64 dimensions. Nothing in the ten lines asked for a plane.

# %%
dataset = data.load("mnist", split="train") if REAL_DATA else data.load("digits")
images, true_labels = dataset.images[:N_IMAGES], dataset.labels[:N_IMAGES]
pixels = flatten(to_unit(images))  # [n, d], from 0 (black) to 1 (white)

height, width = images.shape[1:3]
say(
    f"The data are **{dataset.name}**: {len(images):,} images of {height} x {width} pixels, "
    f"now points in {pixels.shape[1]} dimensions."
)
first_names = [str(label) for label in true_labels[:10]]
figures.image_row(images[:10], first_names, title="The first ten, and their true labels")

# %% [markdown]
# From here on we use the reference of this package, `scratchclust.reference.kmeans`. Its `lloyd` is our `k_means`
# with four things added: it counts iterations and keeps a history, it can stop early when the centroids hardly move
# (`tol`; with `tol=0` only the labels decide, as ours do), it accepts weights, and it knows what to do with empty
# clusters. On the plane the two agree. What comes back is a tuple with names:

# %%
result = reference.lloyd(X, start, tol=0)
assert (result.labels == final_labels).all()
np.testing.assert_allclose(result.centroids, final_centroids)
result._fields

# %% [markdown]
# Now the images, into ten clusters, from ten of the images drawn at random. A centroid is a mean of images, so it can
# be looked at. Here are the ten centroids at the start, after the first iterations, and at the end:

# %%
image_start = reference.random_points(pixels, N_CLUSTERS, rng=np.random.default_rng(SEED))
after_1 = reference.lloyd(pixels, image_start, tol=0, max_iter=1)
after_3 = reference.lloyd(pixels, image_start, tol=0, max_iter=3)
clustering = reference.lloyd(pixels, image_start, tol=0)

stages = {
    "the start": image_start,
    "after 1 iteration": after_1.centroids,
    "after 3 iterations": after_3.centroids,
    f"at the end, after {clustering.n_iter} iterations": clustering.centroids,
}
pictures = np.concatenate(list(stages.values())).reshape(-1, *images.shape[1:])
titles = [text for stage in stages for text in [stage, *[""] * (N_CLUSTERS - 1)]]
figures.image_row(pictures, titles, title="Ten centroids on their way")

# %%
history = clustering.history
figures.inertia_history({"random start": history.inertia}, moved={"random start": history.n_moved})

# %% [markdown]
# Most is done in the first few iterations. After that only few images still change their cluster; when none does, it
# is over. (The scale on the right is logarithmic, so that the last few can be seen too.)
#
# What did it find? The true labels played no part so far. We use them now, only to look: how many images of each
# digit are in each cluster?

# %%
contingency = metrics.contingency_matrix(true_labels, clustering.labels)
accuracy = metrics.clustering_accuracy(true_labels, clustering.labels)
say(
    "Name each cluster after one digit, in the best way: "
    f"then **{accuracy:.0%}** of the images are named rightly. "
    f"Guessing would give about {1 / len(contingency):.0%}."
)
figures.label_histograms(contingency, dataset.label_names)

# %%
figures.random_images(images, clustering.labels, rng=np.random.default_rng(SEED), n_images=16)

# %%
assert accuracy > 0.4  # far above guessing, with no label used
assert (np.diff(history.inertia) <= 1e-6 * clustering.inertia).all()  # but for rounding

# %% [markdown]
# Some clusters hold one digit nearly pure, others mix digits that share their ink. k-means knows nothing of digits,
# only of distances between pixels. Measures like this accuracy are the subject of the next tutorial.
#
# ## Something is wrong here
#
# Back to the plane, with five heaps. We draw five of the points at random, start from them, and wait until no label
# changes. The algorithm is the same, the program has no mistake, and still the result is poor.
#
# **Find out what went wrong.** Look at the last frame and at the numbers below it, and answer before you unfold: Did
# it stop too early? Would more iterations help? Which centroids are at fault, and how did they get there?

# %%
five_heaps = heaps(FIVE_CENTRES, spread=0.6, rng=np.random.default_rng(SEED + 1))
bad_start = reference.random_points(five_heaps, 5, rng=np.random.default_rng(UNLUCKY_SEED))
bad = reference.lloyd(five_heaps, bad_start, tol=0)
once = reference.lloyd(five_heaps, bad_start, tol=0, max_iter=1)

figures.plane_steps(
    five_heaps,
    [
        ("five random points", bad_start, None),
        ("after 1 iteration", once.centroids, once.labels),
        (f"at the end, after {bad.n_iter} iterations", bad.centroids, bad.labels),
    ],
)

# %%
again = reference.lloyd(five_heaps, bad.centroids, tol=0)
print(f"converged           {bad.converged}")
print(f"inertia             {bad.inertia:.1f}")
print(f"started once more   {again.inertia:.1f}, from the centroids it ended with")
print(f"points in cluster   {np.bincount(bad.labels).tolist()}, where each heap has {HEAP_SIZE}")

# %% [markdown]
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# It did not stop too early: it converged, and started again from where it ended it does not move. It is caught in a
# **local minimum**. Some heap has two centroids, which share its points between them, so its clusters are small.
# Elsewhere two heaps share one centroid, which stands between them where there are hardly any points, and its cluster
# is large.
#
# It would help to carry one of the two centroids over, but neither step can do that. A centroid moves only to the
# mean of the points that are nearest to it. The points of the heaps that share one have a centroid, and it is nearer
# to them than the spare one far away, so nothing pulls the spare one over there. How many centroids a region gets is
# decided at the **start**, and what comes after mends it only where a lonely heap is near. The start was five points
# drawn blindly: two of them fell into one heap, so another heap went without.
#
# </details>

# %% [markdown]
# If that is the diagnosis, then a start with one point in every heap must cure it, with everything else unchanged.
# Since we made the heaps ourselves, we know one point of each:

# %%
one_in_each = five_heaps[::HEAP_SIZE]
good = reference.lloyd(five_heaps, one_in_each, tol=0)

assert bad.converged
assert np.isclose(again.inertia, bad.inertia)
assert good.inertia < 0.7 * bad.inertia
sizes = np.bincount(good.labels).tolist()
say(
    f"Clusters of {sizes} points, and inertia **{good.inertia:.1f}** instead of {bad.inertia:.1f}: "
    f"the bad start cost a factor of {bad.inertia / good.inertia:.1f}."
)

# %% [markdown]
# ## A better start: k-means++
#
# We cannot know the heaps beforehand. k-means++ (Arthur and Vassilvitskii, 2007) draws the points one after the
# other, each far from those drawn before. Let $D_i$ be the distance of $x_i$ to the nearest point drawn so far. Then
# the next one is drawn with the probability
#
# $$p_i = \frac{D_i^2}{\sum_m D_m^2}$$
#
# A point beside one that is drawn already has hardly a chance; a heap that has none as yet has nearly all of it.


# %%
def plus_plus(X, n_clusters, rng):
    centroids = X[[rng.integers(len(X))]]  # the first: any point
    while len(centroids) < n_clusters:
        nearest = centroids[assign(X, centroids)]  # [n, 2], for each point the nearest one drawn
        squared = ((X - nearest) ** 2).sum(axis=1)  # [n], D_i^2
        drawn = rng.choice(len(X), p=squared / squared.sum())
        centroids = np.concatenate([centroids, X[[drawn]]])
    return centroids


drawn = plus_plus(five_heaps, 5, np.random.default_rng(UNLUCKY_SEED))
better = reference.lloyd(five_heaps, drawn, tol=0)
assert np.isclose(better.inertia, good.inertia)

steps = [(f"{k} drawn", drawn[:k], assign(five_heaps, drawn[:k])) for k in range(1, 6)]
steps.append((f"at the end, after {better.n_iter} iterations", better.centroids, better.labels))
figures.plane_steps(five_heaps, steps)

# %% [markdown]
# The colours show which of the drawn points is nearest; the next one is likely to be drawn where a colour reaches
# far. All five heaps got one.
#
# It is still chance. So the reference does one thing more, as scikit-learn does: for every centroid it draws a few
# candidates and keeps the best of them (*greedy* k-means++). Here are many starts of each kind, on the five heaps:

# %%
starts = {
    "random points": lambda rng: reference.random_points(five_heaps, 5, rng=rng),
    "k-means++, ours": lambda rng: plus_plus(five_heaps, 5, rng),
    "k-means++, greedy": lambda rng: reference.plus_plus(five_heaps, 5, rng=rng),
}


def inertias_from(draw):
    """Where k-means ends from N_STARTS random starts."""
    centroids = [draw(np.random.default_rng(seed)) for seed in range(N_STARTS)]
    return [reference.lloyd(five_heaps, start, tol=0).inertia for start in centroids]


ended = {name: inertias_from(draw) for name, draw in starts.items()}
found = [np.mean([value < 1.001 * good.inertia for value in values]) for values in ended.values()]

assert found[0] < found[1] < found[2]
say(
    f"Of {N_STARTS} starts from random points **{found[0]:.0%}** found the five heaps, "
    f"of those from k-means++ **{found[1]:.0%}**, and of the greedy kind **{found[2]:.0%}**."
)
scores = {
    "share that found the heaps": found,
    "median inertia": [np.median(values) for values in ended.values()],
    "largest inertia": [max(values) for values in ended.values()],
}
figures.comparison_bars(list(starts), scores)

# %% [markdown]
# No start is safe. What remains is to try several and keep the result of the least inertia; the parameter is called
# `n_init`. That is allowed, because the inertia needs no true labels.
#
# ## Empty clusters
#
# There is a hole in our ten lines. What is the mean of no points at all? We put one centroid where no point is near,
# and look at the first steps. (It also happens without such a blunder: when two points of the start are equal, or
# when a cluster loses its last point on the way.)

# %%
import warnings

far_start = np.array([[0.0, 0.0], [4.0, 0.5], [7.5, 5.0]])
centroids, counts = far_start, []
with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
    warnings.simplefilter("always")
    for _ in range(5):
        labels = assign(X, centroids)
        counts.append(np.bincount(labels, minlength=3))
        print(f"{counts[-1]!s:14} points; centroids {centroids.round(1).tolist()}")
        centroids = update(X, labels, 3)

print(f"\nNumPy complained: {caught[0].message}")
assert counts[0][2] == 0  # empty ...
assert all(len(X) in count for count in counts[1:])  # ... and then all points are together

# %% [markdown]
# One cluster is empty, the mean of nothing is *not a number* (`nan`), and `argmin` takes that for the smallest of all
# numbers. So every point runs to the centroid that does not exist, which leaves the others empty, and so on for ever:
# `k_means(X, far_start)` would never return. The proof that the loop ends was right, but it took for granted that
# every cluster has a mean.
#
# The reference has a third function, `refill_empty`. It gives an empty cluster one point: the one that is farthest
# from its own centroid, that is, the one which costs the most. That can only lower the inertia. It takes care not to
# rob another cluster of its last point, or the hole would just move on.

# %%
labels, squared_distances = reference.assign(X, far_start)
refilled = reference.refill_empty(labels, squared_distances, 3)
moved_there = reference.update_centroids(X, refilled, far_start)
cured = reference.lloyd(X, far_start, tol=0)

figures.plane_steps(
    X,
    [
        ("the start", far_start, None),
        ("assign: cluster 2 is empty", far_start, labels),
        ("refill: it gets one point", far_start, refilled),
        ("update: its centroid is that point", moved_there, refilled),
        ("assign again", moved_there, reference.assign(X, moved_there)[0]),
        (f"at the end, after {cured.n_iter} iterations", cured.centroids, cured.labels),
    ],
    paths=False,
)

# %%
sizes = np.bincount(cured.labels, minlength=3)
print("points in each cluster", sizes)
assert (np.bincount(labels, minlength=3) == 0).sum() == 1
assert (sizes > 0).all()
assert np.isclose(cured.inertia, result.inertia)  # the same three heaps as in the beginning

# %% [markdown]
# ## The same in JAX
#
# [JAX](https://docs.jax.dev) looks like NumPy (`jax.numpy` instead of `numpy`) and differs in four things that matter
# here:
#
# - **It compiles.** `jax.jit(f)` turns a function into machine code for the processor or the GPU, at its first call
#   with arrays of given shapes. Later calls with the same shapes are fast.
# - **Shapes are fixed.** While it compiles, JAX knows the shapes of the arrays, but not their values.
# - **Arrays do not change.** There is no `a[i] = 1`; every operation gives a new array.
# - **Randomness is an argument.** There is no hidden generator: what you draw with the same *key* is the same.
#
# The second one hits us at once. `X[labels == j]` has as many rows as cluster $j$ has points, and that number depends
# on the values:

# %%
import jax
import jax.numpy as jnp

try:
    jax.jit(lambda X, labels: X[labels == 0].mean(axis=0))(X, result.labels)
except jax.errors.NonConcreteBooleanIndexError as error:
    refused = str(error).splitlines()[0]
    print("JAX refuses:", refused)

# %% [markdown]
# So the update is written without picking out points. The labels become a matrix with a one where point $i$ belongs
# to cluster $j$ and zeros elsewhere (*one-hot*), and the sums of all clusters are one product of matrices:
#
# $$h_{ij} = [l_i = j], \qquad c_j = \frac{\sum_i h_{ij} x_i}{\sum_i h_{ij}}$$
#
# The distances become a product as well, since $|x_i - c_j|^2 = |x_i|^2 - 2 x_i \cdot c_j + |c_j|^2$, and $|x_i|^2$
# is the same for every $j$, so that the smallest can be found without it. Products of matrices are what processors
# and GPUs do fastest. The loop becomes `jax.lax.while_loop(goes_on, step, state)`, which means `while goes_on(state):
# state = step(state)` and can be compiled as a whole.


# %%
def assign_jax(X, centroids):
    scores = (centroids**2).sum(axis=1)[None, :] - 2 * X @ centroids.T  # [n, k]
    return scores.argmin(axis=1)


def update_jax(X, labels, n_clusters):
    one_hot = labels[:, None] == jnp.arange(n_clusters)[None, :]  # [n, k], True counts as 1
    return one_hot.T @ X / one_hot.sum(axis=0)[:, None]


@jax.jit
def k_means_jax(X, centroids):
    def goes_on(state):
        _, _, changed = state
        return changed

    def step(state):
        centroids, labels, _ = state
        centroids = update_jax(X, labels, len(centroids))
        new_labels = assign_jax(X, centroids)
        return centroids, new_labels, (new_labels != labels).any()

    first = centroids, assign_jax(X, centroids), jnp.bool(True)
    centroids, labels, _ = jax.lax.while_loop(goes_on, step, first)
    return centroids, labels


# %% [markdown]
# Hold it beside the NumPy version: the same two steps, the same loop. What changes from round to round (the
# centroids, the labels, and whether any label changed) travels through the loop as one tuple, `state`, since nothing
# can be changed in place. `@jax.jit` in front of a function is short for `k_means_jax = jax.jit(k_means_jax)`.
#
# From the same start it must give the same labels:

# %%
centroids_jax, labels_jax = k_means_jax(X, start)

assert (labels_jax == final_labels).all()
difference = np.abs(centroids_jax - final_centroids).max()
assert difference < 1e-5
say(
    f"The same labels; the centroids differ by {difference:.0e} at most. "
    "JAX computes with 32 bits unless told otherwise, NumPy with 64."
)

# %% [markdown]
# ### The twin in the package
#
# `scratchclust.cluster.kmeans` is written in this way, and is the *twin* of `scratchclust.reference.kmeans`: every
# function of the one stands in the other, with the same name, arguments and result. The reference is there to be read
# and trusted, its twin to be fast. To the few lines above the twin adds:
#
# - it goes through the points in blocks, one share on each core or GPU, so that the matrix of $n \times k$ distances
#   never exists as a whole;
# - it subtracts the mean of the data first, because $|x|^2 - 2 x \cdot c + |c|^2$ loses its digits far from zero;
# - empty clusters, weights, `tol` and the history, as in the reference.
#
# Only the randomness differs: the reference takes a generator `rng`, the twin a `key`.

# %%
from scratchclust.cluster import kmeans as fast

key = jax.random.key(SEED)
first_draw, second_draw = (fast.plus_plus(X, 3, key=key) for _ in range(2))
assert (first_draw == second_draw).all()  # the same key, the same points

on_plane = fast.lloyd(X, start, tol=0)
assert (on_plane.labels == result.labels).all()
assert on_plane.n_iter == result.n_iter

twin = fast.lloyd(pixels, image_start, tol=0)
agreement = metrics.clustering_accuracy(clustering.labels, np.asarray(twin.labels))
assert agreement > 0.98
assert abs(twin.inertia / clustering.inertia - 1) < 1e-3

print(f"{'':12}{'inertia':>12}{'iterations':>12}")
print(f"{'reference':12}{clustering.inertia:12.2f}{clustering.n_iter:12}")
print(f"{'twin':12}{twin.inertia:12.2f}{twin.n_iter:12}")
print(f"{agreement:.2%} of the images are in the same cluster")

# %% [markdown]
# On the plane not one label differs. On the images a few may: where an image lies as near to one centroid as to
# another, the last bit decides, and one image that goes elsewhere can take some others along.
#
# ## What the speed is good for
#
# More starts. On the images, from random points and from k-means++, the inertia at the end and the accuracy that only
# we can know, since we have the labels:

# %%
keys = jax.random.split(jax.random.key(SEED), N_IMAGE_STARTS)  # as many keys as we need, from one
runs = {
    name: [fast.kmeans(pixels, N_CLUSTERS, key=key, init=name, tol=0) for key in keys]
    for name in ("random", "k-means++")
}

print(f"{'':12}{'best inertia':>14}{'median':>10}{'worst':>10}")
for name, results in runs.items():
    values = np.array([run.inertia for run in results])
    print(f"{name:12}{values.min():14.1f}{np.median(values):10.1f}{values.max():10.1f}")

# %%
every_run = runs["random"] + runs["k-means++"]
inertias = [run.inertia for run in every_run]
accuracies = [metrics.clustering_accuracy(true_labels, np.asarray(run.labels)) for run in every_run]
kept = int(np.argmin(inertias))

assert max(inertias) / min(inertias) < bad.inertia / good.inertia
assert min(accuracies) + 0.02 < accuracies[kept] < max(accuracies)
say(
    f"From the best to the worst of these {len(every_run)} runs the inertia rises by "
    f"**{max(inertias) / min(inertias) - 1:.1%}**, and the accuracy lies anywhere between "
    f"**{min(accuracies):.0%}** and **{max(accuracies):.0%}**. "
    f"The run of least inertia, the one that we would keep, has **{accuracies[kept]:.0%}**."
)
kept_centroids = np.asarray(every_run[kept].centroids).reshape(-1, *images.shape[1:])
figures.centroid_images(kept_centroids, np.bincount(np.asarray(every_run[kept].labels)))

# %% [markdown]
# Three things to take along. Images of digits do not lie in clear heaps, so a bad start costs less inertia here than
# on our plane, and k-means++ gains little, if anything. Still the start can cost a good deal of accuracy. And the run
# of least inertia need not be the most accurate, nor is it here: the inertia is what k-means looks for, the digits are
# what *we* look for. The next tutorial is about that gap.
#
# ## How fast is it?
#
# To time a compiled program honestly,
#
# - take the **compilation** apart: it happens once, at the first call with new shapes;
# - give everyone **the same work**: the same points, the same start, the same number of iterations (`tol=0` and
#   `n_init=1`);
# - let the contenders run **in turn**, several times, and take the median, since other programs use the machine too;
# - print the **quality** beside the time: it is easy to be fast and wrong;
# - **wait for the result**: JAX returns before it is done, so that `jax.block_until_ready` belongs inside the clock.

# %%
from sklearn.cluster import KMeans as SklearnKMeans

if REAL_DATA:
    timing_data = flatten(to_unit(dataset.images[:N_TIMING_IMAGES]))
else:  # noise without any heaps: it keeps every program busy for all iterations
    timing_data = np.random.default_rng(SEED).standard_normal((65_536, 64), dtype=np.float32)
timing_start = reference.plus_plus(timing_data[:2_000], N_CLUSTERS, rng=np.random.default_rng(SEED))
same = {"max_iter": TIMING_ITERATIONS, "tol": 0}


def scikit_learn():
    model = SklearnKMeans(N_CLUSTERS, init=timing_start, n_init=1, algorithm="lloyd", **same)
    model.fit(timing_data)
    return model.inertia_, model.n_iter_


def numpy_reference():
    run = reference.lloyd(timing_data, timing_start, **same)
    return run.inertia, run.n_iter


def jax_twin():
    run = jax.block_until_ready(fast.lloyd(timing_data, timing_start, **same))
    return run.inertia, run.n_iter


def clocked(program):
    began = time.perf_counter()
    outcome = program()
    return time.perf_counter() - began, outcome


# %%
programs = {"NumPy reference": numpy_reference, "scikit-learn": scikit_learn, "JAX twin": jax_twin}
first_call, _ = clocked(jax_twin)
turns = [{name: clocked(program) for name, program in programs.items()} for _ in range(TIMING_RUNS)]
seconds = {name: np.median([turn[name][0] for turn in turns]) for name in programs}
outcomes = {name: turns[0][name][1] for name in programs}

n, d = timing_data.shape
devices = f"{jax.device_count()} JAX devices of the kind {jax.default_backend()}"
print(f"{n:,} points in {d} dimensions, {N_CLUSTERS} clusters, {devices}\n")
print(f"{'':16}{'seconds':>9}{'ratio':>8}{'iterations':>12}{'inertia':>14}")
for name, (value, n_iter) in outcomes.items():
    ratio = seconds["scikit-learn"] / seconds[name]
    print(f"{name:16}{seconds[name]:9.3f}{ratio:8.2f}{n_iter:12}{value:14.1f}")
compilation = max(first_call - seconds["JAX twin"], 0)
print(f"\nThe first call of the JAX twin took {first_call:.2f} s.")
print(f"That is {compilation:.2f} s more than the later ones: the time to compile.")

# %% [markdown]
# The ratio is scikit-learn's time over that of the row: above 1 is faster than scikit-learn. Take it as what it is:
# one problem, on the machine where this was run, with whatever else that machine had to do. It changes with the
# number of cores, points, dimensions and clusters. For a small problem like our heaps the compilation alone takes
# longer than NumPy takes for everything. The folder `benchmarks/` measures more carefully, at several sizes, and also
# says where we lose.

# %%
values = [value for value, _ in outcomes.values()]
assert max(values) < 1.001 * min(values)  # all three did the same work

# %% [markdown]
# ## In daily use
#
# For work there is a class with the interface of scikit-learn's `KMeans`, which calls the functions above. It fits
# into scikit-learn's pipelines, and can assign new images:

# %%
from scratchclust import KMeans

held_back, known = pixels[:5], pixels[5:]
model = KMeans(n_clusters=N_CLUSTERS, n_init=4, random_state=SEED).fit(known)
new_labels = np.asarray(model.predict(held_back))

centres = np.asarray(model.cluster_centers_)
assert (new_labels == reference.assign(held_back, centres)[0]).all()
print(f"inertia {model.inertia_:.1f} after {model.n_iter_} iterations")

nearest = centres[new_labels].reshape(-1, *images.shape[1:])
pairs = np.stack([images[:5] / 255, nearest], axis=1).reshape(-1, *images.shape[1:])
titles = [text for label in new_labels for text in ("new image", f"cluster {label}")]
title = "Five images it has not seen, each beside its nearest centroid"
figures.image_row(pairs, titles, title=title)

# %% [markdown]
# ## Exercise: one point spoils the mean
#
# Add a single point far away to the three heaps, `np.vstack([X, [[300.0, 0.0]]])`, and run `k_means` from `start`.
# See where the centroids end. Why?
#
# Then write **k-medians**, in which such a point does no harm, by changing one line in `assign` and one in `update`.
# The *median* of each coordinate replaces the mean. Which distance must replace the squared one, so that again no
# step can raise the sum of the distances?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# The mean of a cluster follows a far point as far as it takes: with squares, one point at 300 weighs more than all
# the others together, and it is cheapest to give it a centroid for itself. Then only two are left for the three
# heaps.
#
# The median of a list of numbers $x_i$ is where $\sum_i |x_i - c|$ is smallest. So the distance is the sum of the
# absolute differences, without squares, and the same argument holds as for k-means: each step is the best answer to
# the other.
#
# ```python
# def assign_medians(X, centroids):
#     distances = np.stack([np.abs(X - c).sum(axis=1) for c in centroids], axis=1)
#     return distances.argmin(axis=1)
#
#
# def update_medians(X, labels, n_clusters):
#     return np.stack([np.median(X[labels == j], axis=0) for j in range(n_clusters)])
#
#
# def k_medians(X, centroids):
#     labels = assign_medians(X, centroids)
#     while True:
#         centroids = update_medians(X, labels, len(centroids))
#         previous, labels = labels, assign_medians(X, centroids)
#         if (labels == previous).all():
#             return centroids, labels
#
#
# spoilt = np.vstack([X, [[300.0, 0.0]]])
# mean_centroids, _ = k_means(spoilt, start)
# median_centroids, _ = k_medians(spoilt, start)
# print(mean_centroids.round(1))
# print(median_centroids.round(1))
#
# assert np.abs(mean_centroids - final_centroids).max() > 100
# assert np.abs(median_centroids - final_centroids).max() < 1
# ```
#
# </details>
#
# ## What to read next
#
# - The two files, side by side: [scratchclust/reference/kmeans.py](../scratchclust/reference/kmeans.py), the
#   definition, and [scratchclust/cluster/kmeans.py](../scratchclust/cluster/kmeans.py), its fast twin.
# - S. Lloyd, *Least squares quantization in PCM*, IEEE Transactions on Information Theory, 1982: the algorithm, written
#   in 1957. D. Arthur and S. Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007: the start, and a
#   proof that on average it is never worse than the best by more than a factor of order $\log k$.
# - The next tutorial, [02_how_good_is_a_clustering](02_how_good_is_a_clustering.ipynb): how to judge a clustering,
#   with labels and without.
