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
# # Density: clusters of any shape
#
# *35 minutes. Before this page: [01](01_kmeans.ipynb), and [02](02_scores_with_labels.ipynb) for what an accuracy is.
# It runs in about 20 seconds.*
#
# k-means looks for heaps. Much of what we would call a cluster is no heap: a river on a map, a street of lights. At the
# end of this page you will be able to write DBSCAN in ten lines, to choose its radius by a curve, and to say when it
# will not help you, with an experiment that tells two explanations apart. You need Python, some NumPy, and for one
# section the loops of JAX ([00](00_jax_for_numpy.ipynb)).

# %% tags=["hide-input"]
import numpy as np

from scratchclust import metrics
from scratchclust.lessons import density as draw
from scratchclust.reference import kmeans as reference_kmeans


def moons(spread, rng):
    angle = np.linspace(0, np.pi, 150)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.concatenate([upper, lower]) + spread * rng.standard_normal((300, 2))


def rings(spread, rng):
    outer, inner = 2 * np.pi * np.arange(210) / 210, 2 * np.pi * np.arange(90) / 90
    outer = np.stack([np.cos(outer), np.sin(outer)], axis=1)
    inner = 0.43 * np.stack([np.cos(inner), np.sin(inner)], axis=1)
    return np.concatenate([outer, inner]) + spread * rng.standard_normal((300, 2))


def k_means(X, n_clusters):
    return reference_kmeans.kmeans(X, n_clusters, rng=np.random.default_rng(0), n_init=10).labels


X = moons(0.1, np.random.default_rng(0))
ring_X = rings(0.06, np.random.default_rng(0))
moon, ring = np.repeat([0, 1], 150), np.repeat([0, 1], [210, 90])  # what each point was made for

draw.planes(
    [
        ("two moons, as they were made", X, moon),
        ("two rings, as they were made", ring_X, ring),
        ("by k-means", X, k_means(X, 2)),
        ("by k-means", ring_X, k_means(ring_X, 2)),
    ],
    "Two shapes, and what k-means makes of them",
    "Above, two moons, each in the other's bay, and a ring around a ring, each in its own colour. Below, the colours "
    "of k-means: a straight border cuts through both moons, and through both rings.",
)

# %% [markdown]
# Everybody sees two moons and two rings (300 points each, made by generators that are folded into the cell above: `X`
# and `ring_X`, both [300, 2], with the truth in `moon` and `ring`; `k_means` is there, too). k-means, asked for two
# clusters, cuts straight through:

# %%
moon_accuracy = metrics.clustering_accuracy(moon, k_means(X, 2))
ring_accuracy = metrics.clustering_accuracy(ring, k_means(ring_X, 2))
print(f"in the right moon: {moon_accuracy:.0%}, in the right ring: {ring_accuracy:.0%}")
assert moon_accuracy < 0.85
assert ring_accuracy < 0.7  # calling everything one ring would be right for 70%

# %% [markdown]
# k-means is not broken. For k-means a cluster is what is near to a common *centre*, so the border between two clusters
# is always straight, and no straight line parts these shapes.
#
# What do we see, then, that k-means does not? This page gives one answer: a cluster is a **crowded region** with
# emptier land around it. Two other answers follow: a branch of a tree ([08b](08b_trees.ipynb)) and a part of a graph
# ([08c](08c_graphs.ipynb)). All three look at distances between *points*, $d_{ij} = |x_i - x_j|$, and none at a centre.
# All of these distances come from one product, since $|x - y|^2 = |x|^2 - 2\, x \cdot y + |y|^2$:


# %%
def distances_between(X):
    X = np.asarray(X, float) - X.mean(axis=0)  # far from zero the subtraction below would lose digits
    squares = (X**2).sum(axis=1)
    squared = squares[:, None] - 2 * X @ X.T + squares[None, :]  # [n, n]
    np.fill_diagonal(squared, 0)
    return np.sqrt(np.maximum(squared, 0))


# %% [markdown]
# ## DBSCAN
#
# Draw a circle of radius $\varepsilon$ (`eps`) around a point. The points in it are its **neighbours** $N(i)$, itself
# included. A point that has many is a **core point**:
#
# $$N(i) = \{\, j : d_{ij} \le \varepsilon \,\}, \qquad i \text{ is a core point if } |N(i)| \ge m$$
#
# with $m$ = `min_samples`. A **cluster** is all that can be reached from a core point in steps from neighbour to
# neighbour, where only core points step on. A point that is reached and is no core point is a **border point**: it
# belongs to the cluster, at its edge. What is never reached is **noise**, labelled -1. Nobody says how many clusters
# there are (Ester, Kriegel, Sander and Xu, 1996).


# %%
def dbscan(distances, eps, min_samples):
    near = distances <= eps  # [n, n]
    core = near.sum(axis=1) >= min_samples
    labels, n_clusters = np.full(len(near), -1), 0
    while (core & (labels == -1)).any():
        front = np.flatnonzero(core & (labels == -1))[:1]  # a core point without a cluster begins one
        while len(front):
            labels[front] = n_clusters
            reached = near[front[core[front]]].any(axis=0)  # only core points step on
            front = np.flatnonzero(reached & (labels == -1))
        n_clusters += 1
    return labels, core


# %% [markdown]
# **Predict, then run.** With `min_samples = 1`, which points are noise?

# %%
labels, core = dbscan(distances_between(X), eps=0.1, min_samples=1)
smallest = np.bincount(labels).min()
print(f"{core.sum()} core points, {(labels == -1).sum()} of noise, {smallest} in the smallest cluster")

# %% tags=["hide-input"]
assert core.all()
assert (labels >= 0).all()

# %% [markdown]
# None: the point itself counts, so everybody is a core point, and the loneliest is a cluster of one.
#
# ## How large a circle?
#
# Turn the question round: how large *must* the circle be for a point to become a core point? That is the distance to
# its $m$-th neighbour, where the point itself is the first. Sorted over all points these distances make the
# **k-distance curve** (its usual name; its "k" is our $m$). A good radius is where it turns up: `knee` takes the place
# where the curve lies farthest below the straight line between its ends (Satopää and others, 2011).


# %%
def core_distances(distances, min_samples):
    return np.sort(distances, axis=1)[:, min_samples - 1]


def knee(curve):
    line = np.linspace(curve[0], curve[-1], len(curve))  # straight from its first value to its last
    return curve[(line - curve).argmax()]


# %%
from scratchclust.lessons.paper import describe
from scratchclust.report import figures

distances = distances_between(X)
curve = np.sort(core_distances(distances, min_samples=5))
eps = np.ceil(100 * knee(curve)) / 100  # rounded up, so that no distance is exactly eps
describe(
    figures.k_distances(curve, eps, min_samples=5),
    "A rising curve over the 300 points, from 0.05 to 0.32. It is nearly flat for most of them and turns up steeply at "
    "the right end; a dashed level line marks the bend, at 0.16.",
)

# %% [markdown]
# In crowded regions the curve is low and nearly flat. At its right end it turns up: there are the points with much
# empty land around them. An `eps` at the bend makes core points of the former and not of the latter. Where exactly it
# bends is a matter of taste; ours is at 0.153, rounded up to 0.16. With the `eps` of the dashed line:

# %%
labels, core = dbscan(distances, eps, min_samples=5)
draw.kinds(
    X,
    labels,
    core,
    eps,
    "Two moons of large dots in two colours, small dots at their edges, crosses for the few points of noise, and the "
    "circle of one point of each kind.",
)

# %%
accuracy = metrics.clustering_accuracy(moon, labels)  # noise counts as wrong
print(f"{labels.max() + 1} clusters, {(labels == -1).sum()} points of noise, {accuracy:.1%} in the right moon")
assert labels.max() + 1 == 2
assert accuracy > 0.95

# %% [markdown]
# Two clusters, and nobody told it how many.
#
# **Predict, then run.** What will it find with `eps = 0.08`, and what with `eps = 0.3`: two clusters, more, or fewer?

# %%
panels, found = [], {}
for radius in (0.08, eps, 0.3):
    found[radius], _ = dbscan(distances, radius, min_samples=5)
    title = f"eps = {radius:.2f}: {found[radius].max() + 1} clusters, {(found[radius] == -1).sum()} noise"
    panels.append((title, X, found[radius]))
draw.planes(
    panels,
    "The same points with three radii",
    "With the smallest radius many small clusters in much grey noise, with the middle one the two moons, with the "
    "largest one single cluster.",
    columns=3,
    height=1.6,
)

# %% tags=["hide-input"]
assert found[0.08].max() + 1 > 10
assert found[0.3].max() + 1 == 1
assert round(float(knee(curve)), 3) == 0.153

# %% [markdown]
# More, and fewer. With 0.08 twenty crumbs and noise between them; with 0.3 everything is one cluster. Between the two
# there is usually a range in which nothing changes, and that is a good sign: a result that hangs on the
# second decimal of a parameter is no discovery.

# %%
radii = np.round(np.arange(0.05, 0.36, 0.01), 2)
counts, bends = {}, {}
for name, points in {"two moons": X, "two rings": ring_X}.items():
    pairs = distances_between(points)
    counts[name] = np.array([dbscan(pairs, radius, min_samples=5)[0].max() + 1 for radius in radii])
    bends[name] = knee(np.sort(core_distances(pairs, min_samples=5)))
draw.counts_over_radii(
    radii,
    counts,
    bends,
    "For both shapes many clusters at small radii, then a range that gives two, then one. The bend of the k-distance "
    "curve lies at the lower end of that range or below it.",
)

# %% tags=["hide-input"]
assert min((counts[name] == 2).sum() for name in counts) >= 4  # a range, for both
assert bends["two rings"] < radii[counts["two rings"] == 2].min()  # below it, as the text says

# %% [markdown]
# For the rings the bend lies below the range that gives two clusters: the curve knows how crowded the points are, and
# nothing of the gaps between them. Take it as an `eps` *to begin with*, then look at a few larger ones. Play with it:
# drag the radius, and see the circle and the curve beside it.
#
# [![Two moons under DBSCAN with a slider for the radius, beside the k-distance
# curve](images/play_dbscan.png)](play/dbscan.html)
#
# ## Its twin in JAX
#
# `labels[front] = ...` with a front that grows and shrinks has no fixed shape, and JAX compiles only what has. So the
# twin is told differently. Every core point begins with its own number as a **name**. In every round each core point
# takes the smallest name among its core neighbours, until no name changes. Points that are connected then have the same
# name, that of the first of them. At the end every other point takes the smallest name among its core neighbours, if it
# has any.

# %%
import jax
import jax.numpy as jnp


@jax.jit
def dbscan_jax(distances, eps, min_samples):
    near = distances <= eps  # [n, n]
    core = near.sum(axis=1) >= min_samples
    nobody = len(near)  # a name larger than all others

    def smallest_around(names):
        return jnp.where(near & core[None, :], names[None, :], nobody).min(axis=1)

    def step(state):
        names, _ = state
        renamed = jnp.where(core, smallest_around(names), nobody)
        return renamed, (renamed != names).any()

    def goes_on(state):
        return state[1]

    first = jnp.where(core, jnp.arange(len(near)), nobody), jnp.bool(True)
    names, _ = jax.lax.while_loop(goes_on, step, first)
    return smallest_around(names), core


names, core_jax = dbscan_jax(distances, eps, 5)
names = np.where(names == len(X), -1, names)
assert metrics.adjusted_rand_score(names, labels) == 1  # the same clusters, under other names
assert ((names == -1) == (labels == -1)).all()
assert (core_jax == core).all()

# %% [markdown]
# The package has the definition in `scratchclust/reference/dbscan.py` and the fast twin in
# `scratchclust/cluster/dbscan.py`. That one never keeps the matrix `near`, which for 70,000 images would have nearly
# five billion entries; it computes distances block by block, on all cores, again in every pass. Where your lines are:
#
# | here | there, in `scratchclust/cluster/dbscan_parts/` |
# |---|---|
# | `near` | `_near` in `passes.py` |
# | `core` | `_core_points` in `blocks.py` |
# | the names and their rounds | `_grow` in `blocks.py`: few rounds, as names that met are joined all at once |
# | nothing | `grid.py`: in two or three dimensions points meet those of the nearest boxes only |
#
# All must agree, ours, both of the package, and scikit-learn's:

# %% tags=["hide-input"]
from sklearn.cluster import DBSCAN as SklearnDBSCAN

from scratchclust import DBSCAN
from scratchclust.reference import dbscan as reference_dbscan

assert (reference_dbscan.dbscan(X, eps, min_samples=5).labels == labels).all()
assert (DBSCAN(eps=eps, min_samples=5).fit(X).labels_ == labels).all()
assert (SklearnDBSCAN(eps=eps, min_samples=5).fit(X).labels_ == labels).all()
np.testing.assert_allclose(reference_dbscan.knee(reference_dbscan.k_distances(X, 5)), knee(curve))

# %% [markdown]
# ## One radius for all
#
# One radius means one idea of *crowded* for the whole plane. Here are two small dense heaps, close together, and a wide
# loose one. We try 46 radii, and choose the best of them **by the true heaps**, which only we know.
#
# **Predict, then run.** Does the best of 46 radii put at least 90% of the points into the right heap?

# %%
rng = np.random.default_rng(0)
heap = np.repeat([0, 1, 2], 100)
centres, spreads = np.array([(0.0, 0.0), (0.7, 0.0), (4.0, 0.0)]), np.array([0.1, 0.1, 1.0])
heaps_X = centres[heap] + spreads[heap][:, None] * rng.standard_normal((300, 2))

pairs, tried = distances_between(heaps_X), np.arange(0.05, 1.2, 0.025)
results = [dbscan(pairs, radius, min_samples=5)[0] for radius in tried]
accuracies = [metrics.clustering_accuracy(heap, result) for result in results]
best = int(np.argmax(accuracies))
print(f"the best of {len(tried)} radii: {accuracies[best]:.1%}")

# %% tags=["hide-input"]
assert 0.6 < accuracies[best] < 0.75  # two of the three heaps, whichever they are
panels = []
for chosen in (best, 22):
    title = f"eps = {tried[chosen]:.2f}: {results[chosen].max() + 1} clusters, {(results[chosen] == -1).sum()} noise"
    panels.append((title, heaps_X, results[chosen]))
draw.planes(
    panels,
    "One radius for two densities",
    "With the small radius the two dense heaps are clusters, and the loose one is grey noise with a few crumbs. With "
    "the large radius the loose heap is a cluster, and the two dense ones have become one.",
    height=2.1,
)

# %% [markdown]
# No: two of the three heaps, and hardly more. What is small enough to keep the two dense heaps apart is too small for
# the loose one. What is large enough for the loose one joins the other two. No radius does both.
#
# ## Something is wrong here
#
# An image is a point too, with one coordinate a pixel. Here are 2,000 of MNIST's test images, and DBSCAN at twelve
# radii. The accuracy is for us to see; the best radius is again chosen by labels, which nobody could do in earnest.

# %%
from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit

dataset = data.load("mnist_2000")
digits = dataset.labels
pixels = flatten(to_unit(dataset.images)).astype(float)  # [2000, 784], from 0 (black) to 1 (white)


def scan(distances):
    """DBSCAN at twelve radii: from one that makes hardly any core point to one that leaves few others."""
    curve = np.sort(core_distances(distances, min_samples=5))
    radii = np.linspace(curve[40], curve[-40], 12)
    found = [dbscan(distances, radius, min_samples=5)[0] for radius in radii]
    shares = {
        "noise": [np.mean(labels == -1) for labels in found],
        "in the largest cluster": [np.bincount(labels + 1)[1:].max() / len(labels) for labels in found],
        "accuracy": [metrics.clustering_accuracy(digits, labels) for labels in found],
    }
    return radii, shares


pixel_distances = distances_between(pixels)
pixel_scan = scan(pixel_distances)
print(f"the best of twelve radii: {max(pixel_scan[1]['accuracy']):.2f}")
assert max(pixel_scan[1]["accuracy"]) < 0.25

# %% [markdown]
# Under 0.25, where k-means has more than 0.5. A colleague explains it: *"An image has 784 dimensions. The more
# dimensions, the more alike all distances become, so 'near' means nothing there. It is the curse of dimensionality."*
# And here is the picture that goes with it:


# %% tags=["hide-input"]
def as_shares_of_the_mean(distances):
    pairs = distances[np.triu_indices(len(distances), 1)]
    return pairs / pairs.mean(), np.median(core_distances(distances, 5)) / pairs.mean()


histograms = {
    "moons, 2 dimensions": as_shares_of_the_mean(distances),
    "images, 784 dimensions": as_shares_of_the_mean(pixel_distances),
}
assert histograms["images, 784 dimensions"][1] > 3 * histograms["moons, 2 dimensions"][1]
draw.distance_histograms(
    histograms,
    "Distances of points on the plane reach from 0 to 2.5 of their mean; those of images make a narrow heap around it. "
    "A near neighbour is close to 0 on the plane, and at 0.6 among the images.",
)

# %% [markdown]
# The upright line ("a near neighbour") is the radius that makes core points of half of all points. It looks
# convincing. **Is it true?** If the number of dimensions is the cause, what must happen to the same images when they
# are described by fewer numbers? And when they are described by other numbers, but about as many? Think of both
# experiments before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The colleague's law is true of coordinates that have nothing to do with each other (Beyer, Goldstein, Ramakrishnan and
# Shaft, 1999). The pixels of a digit have much to do with each other. Both experiments speak against dimensions:
#
# - *Fewer numbers.* The first 8 or 20 principal components keep the distances of pixels as well as so few numbers
#   can. If 784 dimensions were the trouble, 8 would be better. They are not.
# - *Other numbers.* Describe the same images by their edges (`GradientFeatures`, 648 numbers, explained in
#   [08d](08d_digits_by_edges_and_neighbours.ipynb)). If it were the dimensions, these would be as bad. They are far
#   better.
#
# So two other things are to blame. **Pixel distance is a poor distance**: a stroke that is moved by two pixels shares
# hardly any ink with itself, so two sevens may be farther apart than a seven and a nine. And **one radius must serve
# unequal densities**: the ones lie far closer together than the twos, as the dense heaps of the section before.
#
# </details>
#
# The experiments:

# %%
from scratchclust import GradientFeatures
from scratchclust.reference import pca as reference_pca

gradients = np.asarray(GradientFeatures().fit_transform(dataset.images), float)
assert (pixels.shape[1], gradients.shape[1]) == (784, 648)
gradient_distances = distances_between(gradients)
gradient_scan = scan(gradient_distances)

best_of = {"784 pixels": max(pixel_scan[1]["accuracy"]), "648 gradients": max(gradient_scan[1]["accuracy"])}
for length in (8, 20):
    few = reference_pca.transform(pixels, reference_pca.pca(pixels, length))
    best_of[f"pixels in {length} numbers"] = max(scan(distances_between(few))[1]["accuracy"])
for name, value in best_of.items():
    print(f"{name:20} {value:.2f}")
assert max(value for name, value in best_of.items() if "pixels" in name) < 0.25
assert best_of["648 gradients"] > 0.4

# %% tags=["hide-input"]
draw.shares(
    {"784 pixels": pixel_scan, "648 gradients": gradient_scan},
    "DBSCAN on the same 2,000 images",
    "With growing radius noise falls from nearly 1 to 0 and the share of the largest cluster rises to 1. As pixels the "
    "accuracy stays below 0.25 at all radii; as gradients it rises above 0.4 in between.",
)

# %% [markdown]
# 8 dimensions of pixel distance are as bad as 784, and 648 dimensions of a better distance are more than twice as good.
# (The accuracy stays below 0.25 for pixels with `min_samples = 10`, too.)
#
# And the densities? For each digit, the radius that makes core points of half of its images:

# %%
radius_of = {}
for name, pairs in {"pixels": pixel_distances, "gradients": gradient_distances}.items():
    needed = core_distances(pairs, min_samples=5) / pairs[np.triu_indices(len(pairs), 1)].mean()
    radius_of[name] = np.array([np.median(needed[digits == digit]) for digit in range(10)])
draw.own_radii(
    radius_of,
    "As pixels the ones need a radius of 0.28, the twos one of 0.69 of the mean distance, and the other digits between "
    "0.54 and 0.66. As gradients all need less: the ones 0.21, the others 0.35 to 0.52.",
)

# %% [markdown]
# As pixels the twos need more than twice the radius of the ones. Gradients have the same fault, and no less of it:
# their distances are smaller, but there, too, the twos need more than twice the radius of the ones. If one radius for
# all is half of the trouble, then a radius for each must help, with the same distances, the same dimensions and the
# same program. So measure each distance by the two points' own scales $s_i$, the distance to the seventh neighbour:
# $d_{ij} / \sqrt{s_i s_j}$.


# %%
def by_own_scales(distances):
    scale = core_distances(distances, 8)  # the point itself is the first of the eight
    return distances / np.sqrt(scale[:, None] * scale[None, :])


for name, pairs in {"784 pixels": pixel_distances, "648 gradients": gradient_distances}.items():
    best_of[name, "own scales"] = max(scan(by_own_scales(pairs))[1]["accuracy"])
    print(f"{name:14} one radius {best_of[name]:.2f}, own scales {best_of[name, 'own scales']:.2f}")

# %% tags=["hide-input"]
assert radius_of["pixels"][2] > 2 * radius_of["pixels"][1]
assert abs(radius_of["pixels"][1:3] - (0.28, 0.69)).max() < 0.01  # as the picture's words say
assert radius_of["gradients"][2] > 2 * radius_of["gradients"][1]
assert best_of["784 pixels", "own scales"] > best_of["784 pixels"] + 0.15
assert best_of["648 gradients", "own scales"] > best_of["648 gradients"] + 0.1

pixels_with_ten = [dbscan(pixel_distances, radius, min_samples=10)[0] for radius in pixel_scan[0]]
assert max(metrics.clustering_accuracy(digits, labels) for labels in pixels_with_ten) < 0.25

# %% [markdown]
# Both causes are real: either cure alone helps, and the two together help most. Own scales come back in
# [08c](08c_graphs.ipynb). And all of these radii were chosen by labels. Without them one would take the bend:

# %%
model = DBSCAN(eps="knee", min_samples=5).fit(gradients)  # finds the bend by itself
largest = np.bincount(model.labels_ + 1)[1:].max() / len(digits)
print(f"gradients, at the bend: {largest:.0%} of the images in one cluster")
assert largest > 0.9

# %% [markdown]
# ## Exercise: does the order of the points matter?
#
# 1. Shuffle the moons and run `dbscan` again. Which of the three kinds can change its cluster, and why not the others?
# 2. Make a handful of points on a line for which the answer does change when they are given in reverse.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# for seed in range(20):
#     order = np.random.default_rng(seed).permutation(len(X))
#     shuffled, shuffled_core = dbscan(distances[np.ix_(order, order)], eps, 5)
#     assert (shuffled_core == core[order]).all()
#     assert ((shuffled == -1) == (labels[order] == -1)).all()
#     assert metrics.adjusted_rand_score(shuffled[shuffled_core], labels[order][shuffled_core]) == 1
#
# line = np.array([-0.5, -0.4, -0.3, -0.2, 0.0, 0.2, 0.3, 0.4, 0.5])
# pairs = np.abs(line[:, None] - line[None, :])
# forward, core_of_line = dbscan(pairs, 0.25, 4)
# backward, _ = dbscan(pairs[::-1, ::-1], 0.25, 4)
# backward = backward[::-1]
# assert not core_of_line[4]  # the point in the middle is a border point of both sides
# assert forward[4] == forward[0]  # and belongs to the side that comes first
# assert backward[4] == backward[-1]
# ```
#
# Whether a point is a core point is a question of its own circle, and which core points are connected has nothing to do
# with where one begins. A point is noise if no core point is near. Only a **border point** may be near to core points
# of two clusters, and then it goes to the one that comes first.
#
# </details>
#
# ## What to take with you
#
# - DBSCAN: points with $m$ neighbours within `eps` are core points; what is connected through core points is a cluster,
#   whatever its shape; the rest is noise. The number of clusters is not asked for.
# - Begin with the bend of the k-distance curve, then look for a range of radii in which nothing changes.
# - Good for few dimensions, clusters of like density, and where noise must be told from the rest.
# - It is no better than its distance, and one radius cannot serve two densities. An explanation that sounds right (784
#   dimensions!) is worth an experiment.
#
# ## Further
#
# - [scratchclust/reference/dbscan.py](../scratchclust/reference/dbscan.py) and
#   [scratchclust/cluster/dbscan.py](../scratchclust/cluster/dbscan.py), side by side.
# - M. Ester, H.-P. Kriegel, J. Sander and X. Xu, *A density-based algorithm for discovering clusters*, KDD 1996.
#   E. Schubert and others, *DBSCAN revisited, revisited*, 2017: how it is meant to be used, by some of its authors.
# - K. Beyer, J. Goldstein, R. Ramakrishnan and U. Shaft, *When is "nearest neighbor" meaningful?*, 1999: the
#   colleague's law, and what it assumes.
# - V. Satopää and others, *Finding a "kneedle" in a haystack*, 2011: the bend. L. Zelnik-Manor and P. Perona,
#   *Self-tuning spectral clustering*, 2004: own scales.
# - Next: [08b](08b_trees.ipynb), where a cluster is a branch.
