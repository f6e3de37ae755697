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
# *40 minutes. Before this page: some NumPy; for its optional last part [00](00_jax_for_numpy.ipynb). It runs in about
# 20 seconds.*
#
# The picture below was made from 2,000 handwritten digits by a program that was never told what a digit is: each
# drawing is the mean of one of the ten groups that it found. At the end of this page you will have written k-means in
# ten lines (the picture took the best of four starts), and you will know why it always comes to an end, why it may
# still end badly, and what to do then.
#
# You need means, sums of squares and a little NumPy. No machine learning. (What a letter of the course means stands in
# the list of [symbols](site/symbols.md), what a word means in that of [words](site/glossary.md).)

# %% tags=["hide-input"]
import numpy as np

from scratchclust import KMeans, data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import kmeans as draw

dataset = data.load("mnist_2000")
images, true_labels = dataset.images, dataset.labels
pixels = flatten(to_unit(images))  # [n, d], from 0 (black) to 1 (white)

promise = KMeans(n_clusters=10, n_init=4, random_state=0).fit(pixels)
draw.stages(
    {"": np.asarray(promise.cluster_centers_).reshape(-1, 28, 28, 1)},
    title="Ten groups of handwritten digits, found without a label: the mean of each",
    words="Ten blurred drawings in a row. Most of them can be read as a digit, some as a mixture of two.",
)

# %% [markdown]
# The folded cell above loads the digits: `images`, `[2000, 28, 28, 1]`; `pixels`, `[2000, 784]`, a row of numbers from
# 0 (black) to 1 (white) for each image; and `true_labels`, `[2000]`, which are for the end. It imports `np` (NumPy),
# `draw` (the pictures of this page) and `KMeans` (the package's k-means, which made the picture).
#
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
def make_heaps(centres, spread, seed):
    """100 random points around each centre, heap after heap."""
    rng = np.random.default_rng(seed)
    points = [centre + spread * rng.standard_normal((100, 2)) for centre in np.array(centres)]
    return np.concatenate(points)


X = make_heaps([(0.0, 0.0), (4.0, 0.5), (1.5, 3.0)], spread=0.8, seed=0)
heap = np.repeat([0, 1, 2], 100)  # who was drawn around which centre: not for k-means, for us
print(f"X has the shape {X.shape}: {len(X)} points with two coordinates each. The first three are")
print(X[:3].round(2))

# %% [markdown]
# ## Two steps, ten lines
#
# Nobody knows a fast way to the best labels and centroids at once. But each is easy when the other is given.
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
        previous = labels
        labels = assign(X, centroids)
        if (labels == previous).all():
            return centroids, labels


# %% [markdown]
# That is all: three functions, ten lines in their bodies.
#
# **Why the loop must end.** Neither step can raise the inertia. And whenever a label changes, something falls for good:
# the point went to a nearer centroid, so that the inertia fell, or to one that is equally near and has a smaller number
# (`argmin` takes the first), so that the inertia stayed and the sum of all labels fell. So no labeling comes back, and
# there are only finitely many ways to label $n$ points.
#
# Now watch it. As the start we take the three leftmost points, which is not clever: all three lie in the same heap.
#
# **Predict, then run.** Will each heap get a centroid of its own from there? And how many iterations will it take:
# about 5, about 30, or about 100?

# %%
start = X[X[:, 0].argsort()[:3]]

centroids = start
panels = [("the start", start, None)]
inertias = []
for t in range(1, 5):
    labels = assign(X, centroids)
    panels.append((f"iteration {t}: assign", centroids, labels))
    inertias.append(((X - centroids[labels]) ** 2).sum())
    centroids = update(X, labels, 3)
    panels.append((f"iteration {t}: update", centroids, labels))
    inertias.append(((X - centroids[labels]) ** 2).sum())

draw.steps(
    X,
    panels,
    title="k-means from three points of one heap",
    words="Nine frames of points in three heaps. Three centroids start at the left and walk apart, one into each heap.",
)

# %% [markdown]
# Read the frames from left to right, row by row. In *assign* the points take the colour of the nearest centroid (the
# big dots) and the centroids stay; in *update* the centroids move to the middle of their colour (the small dots and
# the lines show the way they came) and the colours stay.

# %%
from scratchclust import metrics

print("inertia after each step:", np.round(inertias, 1))
final_centroids, final_labels = k_means(X, start)

# %% tags=["hide-input"]
assert (np.diff(inertias) <= 0).all()  # no step raises it
assert metrics.clustering_accuracy(heap, final_labels) > 0.95  # a heap each, but for points on the borders
assert metrics.clustering_accuracy(final_labels, labels) == 1.0  # and after 4 iterations no label changes any more

# %% [markdown]
# Each heap gets one, but for points on the borders; and it takes about five: after the fourth iteration no label
# changes, which the fifth finds out. The inertia never rises. `clustering_accuracy` gives each cluster the name of the
# heap that suits it best, and says which share of the points is then named rightly.
#
# ## The ruler decides
#
# k-means knows the points only through distances. So it matters in which units the columns are measured, and nothing in
# the algorithm warns of it. We measure the second coordinate in tenths: all its numbers become ten times larger. The
# heaps are the same.
#
# **Predict, then run.** Will k-means still find the three heaps?

# %%
in_tenths = X * [1, 10]
start_in_heaps = in_tenths[[0, 100, 200]]  # the best help it can get: one point of each heap
_, labels_in_tenths = k_means(in_tenths, start_in_heaps)

before = metrics.clustering_accuracy(heap, final_labels)
after = metrics.clustering_accuracy(heap, labels_in_tenths)
print(f"right before: {before:.0%}; with the second coordinate in tenths: {after:.0%}")

# %% tags=["hide-input"]
assert after < 0.75

# %% [markdown]
# No: two of the heaps differ mainly in the first coordinate, which now hardly counts beside the second. Where columns
# have different units (metres and euros), bring them to a common scale first, for instance by dividing each by its
# standard deviation. Pixels have one unit for all, so that images can stay as they are.
#
# k-means takes more than that for granted: that clusters are round, equally wide and about equally large. What happens
# where they are not is the beginning of [01b](01b_gaussian_mixtures.ipynb).
#
# ## On images
#
# An image is a point too: write its pixels in one long row, and an image of $28 \times 28$ pixels is a point in a space
# of 784 dimensions. Nothing in the ten lines asked for a plane.

# %%
print(f"{len(images):,} images of {images.shape[1]} x {images.shape[2]} pixels: a matrix of the shape {pixels.shape}")

# %% [markdown]
# From here on we use the reference of this package, `scratchclust.reference.kmeans`. Its `lloyd` is our `k_means` with
# five things added: it counts iterations and keeps a history; it can stop early when the centroids hardly move (`tol`;
# with `tol=0` only the labels decide, as ours do); it accepts weights; it can compare by angle instead of distance
# (`metric`); and it knows what to do with empty clusters. On the plane the two agree:

# %%
from scratchclust.reference import kmeans as reference

result = reference.lloyd(X, start, tol=0)
assert (result.labels == final_labels).all()
np.testing.assert_allclose(result.centroids, final_centroids)
print("what comes back is a tuple with names:", result._fields)

# %% [markdown]
# Now the images, into ten clusters, from ten of the images drawn at random. A centroid is a mean of images, so it can
# be looked at: at the start, after the first iterations, and at the end.

# %%
image_start = reference.random_points(pixels, 10, rng=np.random.default_rng(0))
after_1 = reference.lloyd(pixels, image_start, tol=0, max_iter=1)
after_3 = reference.lloyd(pixels, image_start, tol=0, max_iter=3)
clustering = reference.lloyd(pixels, image_start, tol=0)

# %% tags=["hide-input"]
draw.stages(
    {
        "the start": image_start.reshape(-1, 28, 28, 1),
        "after 1 iteration": after_1.centroids.reshape(-1, 28, 28, 1),
        "after 3": after_3.centroids.reshape(-1, 28, 28, 1),
        "at the end": clustering.centroids.reshape(-1, 28, 28, 1),
    },
    title=f"Ten centroids on their way, {clustering.n_iter} iterations",
    words=(
        "Four rows of ten pictures: sharp digits at the start, blurred means after one iteration, which then "
        "change less and less."
    ),
)

# %% tags=["hide-input"]
history = clustering.history
of_one_cluster = ((pixels - pixels.mean(axis=0)) ** 2).sum()
assert (np.diff(history.inertia) <= 1e-9 * clustering.inertia).all()  # but for rounding
assert history.inertia[0] > of_one_cluster
assert history.inertia[5] < 1.01 * clustering.inertia  # "the first few"
assert history.n_moved[-1] == 0
draw.progress(
    np.asarray(history.inertia) / of_one_cluster,
    np.asarray(history.n_moved),
    title="Most is done in the first few iterations",
    words=(
        "Two falling curves over the iterations: the inertia is flat after about five, the number of moved "
        "points falls to 0 at the end."
    ),
)

# %% [markdown]
# At first the inertia is above 100%: ten single images are worse centroids than the mean of all. It hardly falls after
# the first few iterations, while single images still change their cluster. When none does, it is over. (The scale on
# the right is logarithmic from 1 on, so that the last few can be seen too.)
#
# What did it find? The true labels played no part so far. We use them now, only to look. Since the clusters get their
# names *afterwards*, in the best way, even labels that mean nothing are right more often than one time in ten; so we
# deal the labels out at random, too, to know what is nothing. ([02](02_scores_with_labels.ipynb) is about such scores.)

# %%
accuracy = metrics.clustering_accuracy(true_labels, clustering.labels)
dealt = np.random.default_rng(0).permutation(clustering.labels)
by_chance = metrics.clustering_accuracy(true_labels, dealt)
print(f"k-means {accuracy:.1%}, the same labels dealt out at random {by_chance:.1%}")
assert 0.40 < accuracy < 0.65
assert 0.10 < by_chance < 0.16

# %% tags=["hide-input"]
from scratchclust.lessons.paper import describe
from scratchclust.report import figures

describe(
    figures.random_images(images, clustering.labels, rng=np.random.default_rng(0), n_images=20),
    "Ten small heaps of images, one for each cluster: some hold nearly only zeros or ones, others mix 4, "
    "7 and 9, or 3, 5 and 8.",
)

# %% [markdown]
# About half of the images are named rightly, with no label used. Some clusters hold one digit nearly pure, others mix
# digits that share their ink. k-means knows nothing of digits, only of distances between pixels.
#
# ## Something is wrong here
#
# Back to the plane, with five heaps. We draw five of the points at random, start from them, and wait until no label
# changes. The algorithm is the same, the program has no mistake, and still the result is poor.
#
# **Find out what went wrong.** Look at the last frame and at the numbers below it, and answer before you unfold: Did
# it stop too early? Would more iterations help? Which centroids are at fault, and how did they get there?

# %%
five_heaps = make_heaps([(0.0, 0.0), (3.0, 0.0), (9.0, 0.0), (12.0, 0.0), (6.0, 4.0)], spread=0.6, seed=1)
bad_start = reference.random_points(five_heaps, 5, rng=np.random.default_rng(14))
bad = reference.lloyd(five_heaps, bad_start, tol=0)
once = reference.lloyd(five_heaps, bad_start, tol=0, max_iter=1)

draw.steps(
    five_heaps,
    [
        ("five random points", bad_start, None),
        ("after 1 iteration", once.centroids, once.labels),
        (f"at the end, after {bad.n_iter} iterations", bad.centroids, bad.labels),
    ],
    title="Five heaps, five clusters, and yet",
    words=(
        "Three frames of five heaps. At the end one heap is split between two centroids, and two heaps share "
        "one centroid that stands between them."
    ),
)

# %%
again = reference.lloyd(five_heaps, bad.centroids, tol=0)
print(f"converged           {bad.converged}")
print(f"inertia             {bad.inertia:.1f}")
print(f"started once more   {again.inertia:.1f}, from the centroids it ended with")
print(f"points in cluster   {np.bincount(bad.labels).tolist()}, where each heap has 100")

# %% [markdown]
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# It did not stop too early: it converged, and started again from where it ended it does not move. It is caught in a
# **local minimum**. One heap has two centroids, which share its points between them, so its clusters are small.
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
good = reference.lloyd(five_heaps, five_heaps[::100], tol=0)
print(f"points in cluster {np.bincount(good.labels).tolist()}, inertia {good.inertia:.1f} instead of {bad.inertia:.1f}")
assert bad.converged
assert np.isclose(again.inertia, bad.inertia)
assert good.inertia < 0.7 * bad.inertia

# %% [markdown]
# ## A better start: k-means++
#
# We cannot know the heaps beforehand. k-means++ (Arthur and Vassilvitskii, 2007) draws the points one after the
# other, each far from those drawn before. Let $\delta_i$ be the distance of $x_i$ to the nearest point drawn so far.
# Then the next one is drawn with the probability
#
# $$p_i = \frac{\delta_i^2}{\sum_j \delta_j^2}$$
#
# A point beside one that is drawn already has hardly a chance; a heap that has none as yet has nearly all of it.


# %%
def plus_plus(X, n_clusters, rng):
    centroids = X[[rng.integers(len(X))]]  # the first: any point
    while len(centroids) < n_clusters:
        nearest = centroids[assign(X, centroids)]  # [n, d], for each point the nearest one drawn
        squared = ((X - nearest) ** 2).sum(axis=1)  # [n], delta_i^2
        drawn = rng.choice(len(X), p=squared / squared.sum())
        centroids = np.concatenate([centroids, X[[drawn]]])
    return centroids


drawn = plus_plus(five_heaps, 5, np.random.default_rng(14))
panels = [(f"{j} drawn", drawn[:j], assign(five_heaps, drawn[:j])) for j in range(1, 6)]
better_centroids, better_labels = k_means(five_heaps, drawn)
better_inertia = ((five_heaps - better_centroids[better_labels]) ** 2).sum()
assert np.isclose(better_inertia, good.inertia)  # all five heaps
panels.append(("at the end", better_centroids, better_labels))
draw.steps(
    five_heaps,
    panels,
    title="k-means++ draws five starts, then k-means begins",
    words=(
        "Six frames: each newly drawn point lies in a heap that had none, and at the end each of five heaps "
        "has its own colour."
    ),
)

# %% [markdown]
# The colours show which of the drawn points is nearest; the next one is likely to be drawn where a colour reaches
# far. All five heaps got one.
#
# It is still chance. So the reference does one thing more, as scikit-learn does: for every centroid it draws a few
# candidates and keeps the one that leaves the least inertia (*greedy* k-means++). Here are 100 starts of each kind, on
# the five heaps:


# %%
def draw_random(rng):
    return reference.random_points(five_heaps, 5, rng=rng)


def draw_ours(rng):
    return plus_plus(five_heaps, 5, rng)


def draw_greedy(rng):
    return reference.plus_plus(five_heaps, 5, rng=rng)


found = {}
for name, draw_start in [("random", draw_random), ("k-means++", draw_ours), ("greedy k-means++", draw_greedy)]:
    starts = [draw_start(np.random.default_rng(seed)) for seed in range(100)]
    ended = [reference.lloyd(five_heaps, start, tol=0).inertia for start in starts]
    found[name] = np.mean(np.array(ended) < 1.001 * good.inertia)
    print(f"{name:18} finds the five heaps from {found[name]:4.0%} of the starts; worst inertia {max(ended):6.1f}")

assert found["random"] + 0.2 < found["k-means++"]
assert found["k-means++"] + 0.05 < found["greedy k-means++"]

# %% [markdown]
# No start is safe, as the last line above says. What remains is to try several and keep the result of the least
# inertia; the parameter is called `n_init`. That is allowed, because the inertia needs no true labels.
#
# [![Drag the starts of k-means and watch where it ends.](images/play_kmeans.png)](play/kmeans.html)
#
# **[Play with it](play/kmeans.html)**: drag the starts, take single steps, and try to catch k-means in a bad minimum.
#
# ## Empty clusters
#
# There is a hole in our ten lines. What is the mean of no points at all? We put one centroid where no point is near.
# (It also happens without such a blunder: when two points of the start are equal, or when a cluster loses its last
# point on the way.)

# %%
import warnings

far_start = np.array([[0.0, 0.0], [4.0, 0.5], [7.5, 5.0]])
centroids = far_start
counts = []
with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
    warnings.simplefilter("always")
    for _ in range(4):
        labels = assign(X, centroids)
        counts.append(np.bincount(labels, minlength=3))
        print(f"{counts[-1]!s:14} points; centroids {centroids.round(1).tolist()}")
        centroids = update(X, labels, 3)

print(f"\nNumPy complained: {caught[0].message}")
assert counts[0][2] == 0  # empty ...
assert max(counts[1]) == max(counts[2]) == max(counts[3]) == len(X)  # ... and then all points are together

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
taken = int((refilled != labels).argmax())  # the point that was given away
moved_there = reference.update_centroids(X, refilled, far_start)
cured = reference.lloyd(X, far_start, tol=0)
assert taken == squared_distances.argmax()
assert np.isclose(cured.inertia, result.inertia)  # the same three heaps as in the beginning

draw.steps(
    X,
    [
        ("assign: one cluster is empty", far_start, labels),
        ("refill: it gets the ringed point", far_start, refilled),
        ("update: its centroid is that point", moved_there, refilled),
        ("assign again", moved_there, reference.assign(X, moved_there)[0]),
        (f"at the end, after {cured.n_iter} iterations", cured.centroids, cured.labels),
    ],
    title="An empty cluster is refilled",
    words=(
        "Five frames. A centroid far from all points has none; it is given the ringed point, the one farthest"
        " from its centroid, and ends in a heap of its own."
    ),
    paths=False,
    ring=(1, taken),
)

# %% [markdown]
# ## Many starts on the images
#
# On the images, 20 starts from random points and 20 from k-means++, with the inertia at the end and the accuracy that
# only we can know, since we have the labels. For so many runs we take `scratchclust.cluster.kmeans`: the same functions
# as in the reference, compiled with JAX. (How that is done is the last part of this page. A *key* is for JAX what a
# seed is for NumPy.)
#
# **Predict, then run.** We would keep the run of least inertia, of all 40. Is it the most accurate of them, too?

# %%
import jax

from scratchclust.cluster import kmeans as fast

keys = jax.random.split(jax.random.key(0), 20)  # as many keys as we need, from one
inertias = {}
accuracies = {}
for init in ("random", "k-means++"):
    runs = [fast.kmeans(pixels, 10, key=key, init=init, tol=0) for key in keys]
    inertias[init] = np.array([run.inertia for run in runs])
    accuracies[init] = np.array([metrics.clustering_accuracy(true_labels, np.asarray(run.labels)) for run in runs])
    print(f"{init:10} inertia {np.median(inertias[init]):.0f} in the middle, {inertias[init].min():.0f} at best")

# %% tags=["hide-input"]
init = min(inertias, key=lambda name: inertias[name].min())
kept = init, int(inertias[init].argmin())
every_inertia = np.concatenate(list(inertias.values()))
every_accuracy = np.concatenate(list(accuracies.values()))
kept_accuracy = accuracies[init][kept[1]]
print(f"inertia: the worst is {every_inertia.max() / every_inertia.min() - 1:.1%} above the best")
print(
    f"accuracy: from {every_accuracy.min():.0%} to {every_accuracy.max():.0%}; the run to keep has {kept_accuracy:.0%}"
)
assert kept_accuracy + 0.02 < every_accuracy.max()
assert every_accuracy.max() - every_accuracy.min() > 0.1
assert every_inertia.max() / every_inertia.min() < 1.05
draw.where_runs_end(
    inertias,
    accuracies,
    kept,
    title="Forty runs on the images: where they end",
    words=(
        "A cloud of forty dots, inertia against accuracy, with no clear slope; the dot of least inertia lies "
        "in the middle of the accuracies."
    ),
)

# %% [markdown]
# It is not. Images of digits do not lie in clear heaps, so that a bad start costs only a few hundredths of the
# inertia here, and k-means++ gains little. Still the start moves the accuracy by some twenty hundredths. The inertia
# is what k-means looks for, the digits are what *we* look for; the next pages are about that gap.
#
# ## In daily use
#
# For work there is a class with the interface of scikit-learn's `KMeans`, which calls the functions above. It fits
# into scikit-learn's pipelines, and can assign new images:

# %%
held_back = pixels[:5]
known = pixels[5:]
model = KMeans(n_clusters=10, n_init=4, random_state=0).fit(known)
centres = np.asarray(model.cluster_centers_)
new_labels = np.asarray(model.predict(held_back))
assert (new_labels == assign(held_back, centres)).all()

# %% tags=["hide-input"]
draw.pairs(
    images[:5] / 255,
    centres[new_labels].reshape(-1, 28, 28, 1),
    [("new image", f"cluster no. {label}") for label in new_labels],
    title="Five images it has not seen, each beside its nearest centroid",
    words=(
        "Five pairs of pictures: a digit, and the blurred mean that is nearest to it, which need not be of "
        "the same digit."
    ),
)

# %% [markdown]
# (The number of a cluster means nothing: k-means numbers its clusters as they come.) Where the centroid beside an
# image looks like another digit, nothing went wrong in `predict`: about half of the images are in a cluster named
# after another digit, and new ones fare no better than old ones.
#
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
#         previous = labels
#         labels = assign_medians(X, centroids)
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
# ## What to take with you
#
# - k-means takes two steps in turn, each the best answer to the other: assign to the nearest, move to the mean.
# - It always ends, but in a local minimum: use k-means++, several starts, and keep the least inertia.
# - It knows only distances: the units of the columns decide, and so does the shape of the clusters.
# - A small inertia is what it looks for. Whether that is what *you* look for, it cannot know.
#
# ## If you like: the same in JAX
#
# You may skip this part at a first reading; [10](10_making_it_fast.ipynb) comes back to it. (Its words are explained in
# [00](00_jax_for_numpy.ipynb): `jit`, shapes, `while_loop`.)
#
# JAX compiles a function for given *shapes*, before it knows the values. `X[labels == j]` has as many rows as cluster
# $j$ has points, and that number depends on the values, so JAX refuses it. The update is written without picking out
# points. The labels become a matrix with a one where point $i$ belongs to cluster $j$ and zeros elsewhere (*one-hot*),
# and the sums of all clusters are one product of matrices:
#
# $$h_{ij} = [l_i = j], \qquad c_j = \frac{\sum_i h_{ij} x_i}{\sum_i h_{ij}}$$
#
# The distances become a product as well, since $|x_i - c_j|^2 = |x_i|^2 - 2 x_i \cdot c_j + |c_j|^2$, and $|x_i|^2$
# is the same for every $j$, so that the smallest can be found without it. Products of matrices are what processors
# and GPUs do fastest. The loop becomes `jax.lax.while_loop(goes_on, step, state)`.

# %%
import jax.numpy as jnp


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


centroids_jax, labels_jax = k_means_jax(X, start)
difference = np.abs(centroids_jax - final_centroids).max()
print(f"the centroids differ by {difference:.0e} at most")
assert (labels_jax == final_labels).all()
assert difference < 1e-5  # JAX computes with 32 bits unless told otherwise, NumPy with 64

# %% [markdown]
# The same two steps, the same loop. What changes from round to round (the centroids, the labels, and whether any label
# changed) travels through the loop as one tuple, `state`, since nothing can be changed in place.
#
# How much faster is it? Most of what is gained is gained by the two products, and NumPy can have it as well: see the
# table in [10](10_making_it_fast.ipynb).
#
# ### The twin in the package
#
# `scratchclust.cluster.kmeans` is the *twin* of `scratchclust.reference.kmeans`: every public function of the one
# stands in the other, with the same name, arguments and result (but a `key` for the generator `rng`). The reference is
# there to be read and trusted, its twin to be fast. If you open the twin you will not see the twenty lines above at
# once. They are there, below `scratchclust/cluster/kmeans_parts/`:
#
# <details>
# <summary><b>Which line is where</b></summary>
#
# | here | in the package |
# |---|---|
# | the scores in `assign_jax` | `nearest` in `nearest_centroid.py` |
# | the product in `update_jax` | `sums_of_block` in `cluster_means.py` (on a CPU `change_of_sums`: points that moved) |
# | the division in `update_jax` | `means_of_sums` in `cluster_means.py` |
# | the body of `step` | `every_distance` in `lloyd_steps.py`: both steps, block after block of rows |
# | `goes_on`, `step`, `while_loop` | `run_iterations` in `lloyd_steps.py` |
# | the empty cluster that we left out | `refill.py`, outside of the loop, since it is rare |
#
# </details>
#
# What it adds: it goes through the points in blocks, a share on each core or GPU, so that the matrix of $n \times k$
# distances need not exist as a whole; it subtracts the mean of the data first, because $|x|^2 - 2 x \cdot c + |c|^2$
# loses its digits far from zero; where a label is in doubt, it asks the definition. Page [10](10_making_it_fast.ipynb)
# shows why, and walks through one of these files.

# %%
on_plane = fast.lloyd(X, start, tol=0)
assert (on_plane.labels == result.labels).all()
assert on_plane.n_iter == result.n_iter

twin = fast.lloyd(pixels, image_start, tol=0)
agreement = metrics.clustering_accuracy(clustering.labels, np.asarray(twin.labels))
print(f"{'':12}{'inertia':>12}{'iterations':>12}")
print(f"{'reference':12}{clustering.inertia:12.2f}{clustering.n_iter:12}")
print(f"{'twin':12}{twin.inertia:12.2f}{twin.n_iter:12}")
print(f"{agreement:.2%} of the images are in the same cluster")
assert agreement > 0.98
assert abs(twin.inertia / clustering.inertia - 1) < 1e-3

# %% [markdown]
# On the plane not one label differs. On the images not one did here, and on other images a few may: where an image
# lies as near to one centroid as to another, the last bit decides, and one image that goes elsewhere can take some
# others along.
#
# ## Further
#
# - The two files, side by side: [scratchclust/reference/kmeans.py](../scratchclust/reference/kmeans.py), the
#   definition, and [scratchclust/cluster/kmeans.py](../scratchclust/cluster/kmeans.py), its fast twin.
# - S. Lloyd, *Least squares quantization in PCM*, IEEE Transactions on Information Theory, 1982: the algorithm, written
#   in 1957. D. Arthur and S. Vassilvitskii, *k-means++: the advantages of careful seeding*, SODA 2007: the start, and a
#   proof that on average it is never worse than the best by more than a factor of order $\log k$.
# - Next: [01b](01b_gaussian_mixtures.ipynb), where clusters may be long, wide or small, and points may belong to two.
