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
# # The silhouette and Dunn's index: judging without labels
#
# *40 minutes. Before this page: [00](00_jax_for_numpy.ipynb), [01](01_kmeans.ipynb) and
# [02](02_scores_with_labels.ipynb). It runs in about 30 seconds.*
#
# Whoever has all the labels seldom needs clusters. At the end of this page you can judge a clustering from the points
# alone, by two scores that you have written yourself, and say how much, or how little, they tell about the number of
# clusters. And you will know why the silhouette prefers the wrong answer in this picture, and how one point can
# mislead Dunn's index.
#
# You need what a Euclidean distance is, and NumPy; one section uses JAX.

# %% tags=["hide-input"]
import jax
import jax.numpy as jnp
import numpy as np

from scratchclust import KMeans, data, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import maps
from scratchclust.lessons import scores as draw
from scratchclust.reference.kmeans import kmeans


def rings(rng):
    """Two rings, one within the other; and the ring of each point."""
    truth = np.repeat([0, 1], [210, 90])
    angle = 2 * np.pi * np.concatenate([np.arange(210) / 210, np.arange(90) / 90])
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.where(truth == 0, 1, 0.43)[:, None] * circle + 0.05 * rng.standard_normal((300, 2)), truth


ringed, of_ring = rings(np.random.default_rng(0))
halves = kmeans(ringed, 2, rng=np.random.default_rng(0), n_init=4).labels
maps.planes(
    "Two rings: which of the two clusterings has the better silhouette?",
    [
        (f"the rings: {metrics.silhouette_score(ringed, of_ring):.2f}", ringed, of_ring),
        (f"k-means: {metrics.silhouette_score(ringed, halves):.2f}", ringed, halves),
    ],
    "Two rings of points, one inside the other. On the left each ring has a colour; its silhouette is near zero. On "
    "the right k-means has cut both rings in half, left and right; its silhouette is several times as high.",
    columns=2,
)

# %% [markdown]
# The folded cell above makes the two rings: `ringed`, `[300, 2]`, their truth `of_ring`, `[300]`, and the two `halves`
# of k-means, `[300]`; `rings(rng)` makes other ones. It imports `np` (NumPy), `jax` and `jnp`, of the package `data`
# (images), `metrics` (its scores), `kmeans` (the reference) and `KMeans` (the fast one), and `draw` and `maps` (the
# pictures).
#
# ## The silhouette
#
# The question is: is each point nearer to its own cluster than to the next one? Write $d(x, y)$ for the distance of two
# points, and $C_1, \dots, C_k$ for the clusters. For a point $x_i$ of the cluster $C_j$ (Rousseeuw, 1987):
#
# $$a_i = \text{mean of } d(x_i, y) \text{ over the } \textit{other} \text{ points } y \text{ of } C_j$$
#
# $$b_i = \min_{j' \ne j} \; \text{mean of } d(x_i, y) \text{ over the points } y \text{ of } C_{j'}$$
#
# $$s_i = \frac{b_i - a_i}{\max(a_i, b_i)}, \qquad s_i = 0 \text{ for a point that is alone in its cluster}$$
#
# $s_i$ is near 1 deep inside a cluster, 0 halfway between two, and negative for a point which is nearer to another
# cluster than to its own. The **silhouette** of the clustering is the mean of all $s_i$.


# %%
def distances_between(X):
    return np.sqrt(((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2))  # [n, n]


def silhouettes(X, labels):
    distances = distances_between(X)
    s = np.zeros(len(X))
    for i in range(len(X)):
        own = labels == labels[i]
        if own.sum() > 1:
            a = distances[i, own].sum() / (own.sum() - 1)  # the distance to itself is 0 and must not count
            b = min(distances[i, labels == other].mean() for other in set(labels) - {labels[i]})
            s[i] = (b - a) / max(a, b)
    return s


# %% [markdown]
# Do it once by hand. Four points on a line, two and two:
#
#     x:       0     1     4     6
#     cluster: 0     0     1     1
#     a:       1     1     2     2
#     b:       5     4     3.5   5.5        (mean distance to the two points on the other side)
#     s:       4/5   3/4   3/7   7/11
#
# **Predict, then run.** Move the third point from 4 to 3. Now it is 3 away from its fellow at 6, and 2.5 on average
# from the two others. What is the sign of its $s$, and what its size?

# %%
two_and_two = np.array([0, 0, 1, 1])
moved = silhouettes(np.array([[0.0], [1], [3], [6]]), two_and_two)
print(moved.round(3))

# %% tags=["hide-input"]
np.testing.assert_allclose(silhouettes(np.array([[0.0], [1], [4], [6]]), two_and_two), [4 / 5, 3 / 4, 3 / 7, 7 / 11])
np.testing.assert_allclose(moved[2], (2.5 - 3) / 3)
assert moved[2] < 0

# %% [markdown]
# It is negative, since the point is nearer to the others: $(2.5 - 3) / 3 = -1/6$.
#
# Now three heaps on a plane, and k-means with two, three and four clusters:

# %%
rng = np.random.default_rng(0)
heap_centres = np.array([(0.0, 0.0), (4.0, 0.5), (1.5, 3.5)])
of_heap = np.repeat([0, 1, 2], 80)
plane = heap_centres[of_heap] + 0.8 * rng.standard_normal((240, 2))
on_plane = {k: kmeans(plane, k, rng=rng, n_init=4).labels for k in (2, 3, 4)}
plane_scores = {k: silhouettes(plane, labels) for k, labels in on_plane.items()}
for k, s in plane_scores.items():
    print(f"k = {k}: silhouette {s.mean():.3f}")
assert plane_scores[3].mean() > max(plane_scores[2].mean(), plane_scores[4].mean())

# %% tags=["hide-input"]
import sklearn.metrics

for k, labels in on_plane.items():
    np.testing.assert_allclose(plane_scores[k].mean(), sklearn.metrics.silhouette_score(plane, labels))
maps.planes(
    "Three heaps in two, three and four clusters",
    [(f"k = {k}: silhouette {plane_scores[k].mean():.2f}", plane, labels) for k, labels in on_plane.items()],
    "Three heaps of points. With two clusters two heaps share a colour, with three each has its own, with four one "
    "heap is cut in two.",
)

# %% [markdown]
# The silhouette prefers three, as we do. The values of the single points say more than their mean. Sorted within each
# cluster they are drawn as blades; this is $k = 4$:

# %% tags=["hide-input"]
blade_means = np.sort([plane_scores[4][on_plane[4] == j].mean() for j in range(4)])
assert blade_means[1] < 0.5 < blade_means[2]
draw.blades(
    "Silhouette of each point, in four clusters",
    plane_scores[4],
    on_plane[4],
    "Four blades. Two are wide and long, with most points above one half; two are short.",
)

# %% [markdown]
# Two blades reach far. The two short ones are the halves of one heap: for each of their points the next cluster is
# close by.
#
# ### Its twin in JAX
#
# Under `jax.jit` all shapes must be known beforehand, so that nothing like `distances[i, own]`, with as many entries as
# a cluster has points, is allowed. The way out is the one of [01](01_kmeans.ipynb): a matrix $h$ with $h_{ij} = 1$
# where point $i$ is in cluster $j$, and 0 elsewhere (*one-hot*). The matrix of all distances times $h$ holds the
# **sums** of the distances from each point to each cluster: a whole loop in one product.


# %%
@jax.jit
def silhouettes_jax(X, one_hot):
    distances = jnp.sqrt(((X[:, None, :] - X[None, :, :]) ** 2).sum(axis=2))  # [n, n]
    sums = distances @ one_hot  # [n, k]
    sizes = one_hot.sum(axis=0)  # [k]
    own_size = one_hot @ sizes  # [n], the size of each point's own cluster
    a = (sums * one_hot).sum(axis=1) / jnp.maximum(own_size - 1, 1)
    b = jnp.where(one_hot == 1, jnp.inf, sums / sizes[None, :]).min(axis=1)
    return jnp.where(own_size > 1, (b - a) / jnp.maximum(a, b), 0)


difference = np.abs(silhouettes_jax(plane, np.eye(4)[on_plane[4]]) - plane_scores[4]).max()
print(f"no point's silhouette differs by more than {difference:.0e}")
assert difference < 1e-5  # JAX computes with 32 bits, NumPy with 64

# %% [markdown]
# The package does the same with one difference: the matrix of all distances never exists as a whole. For ten thousand
# images it would have a hundred million entries. Your `sums` are made in `pair_scores`
# (`scratchclust/metrics/pairs.py`), tile by tile; your `a` and `b` in `_of_sums` and `silhouettes`, your last line in
# `_ratio` (`scratchclust/metrics/silhouette.py`). `silhouette_estimate` compares a sample of the images with all, and
# says how far off it may be. On 2,000 digits:

# %%
dataset = data.load("mnist_2000")
X, classes = flatten(to_unit(dataset.images)), dataset.labels
clusters = KMeans(n_clusters=10, n_init=4, random_state=0).fit(X).labels_
of_digits = metrics.silhouette_samples(X, clusters)
print(f"silhouette of k-means on the digits {of_digits.mean():.3f}; negative for {np.mean(of_digits < 0):.0%}")
print(f"silhouette of the true classes      {metrics.silhouette_score(X, classes):.3f}")
assert 0.05 < of_digits.mean() < 0.08
assert metrics.silhouette_score(X, classes) < of_digits.mean()

# %% [markdown]
# The three heaps had ten times as much. Images of handwriting are no heaps. And note the second line: the truth has a
# *lower* silhouette than k-means, which is right for about half of the images. We come back to this.
#
# ## Dunn's index
#
# Dunn (1974) compares the narrowest gap between two clusters with the width of the widest cluster:
#
# $$D = \frac{\min \; d(x, y) \text{ over all } x, y \text{ of different clusters}}
# {\max \; d(x, y) \text{ over all } x, y \text{ of the same cluster}}$$


# %%
def dunn(X, labels):
    distances = distances_between(X)
    same = labels[:, None] == labels[None, :]
    return distances[~same].min() / distances[same].max()


for k, labels in on_plane.items():
    print(f"k = {k}: Dunn's index {dunn(plane, labels):.3f}")
    np.testing.assert_allclose(metrics.dunn_index(plane, labels), dunn(plane, labels), rtol=1e-9)

# %% [markdown]
# It prefers three, too. But of all the pairs two decide, one the gap and one the width; everything else could be
# different. To see what that means we make the three heaps narrower, so that there is a real gap, and then put **one**
# point of the first heap in the middle of everything. Once it counts as a point of its cluster. Once it is taken for
# *noise*, a point that belongs to no cluster, with the label -1: then the package leaves it out of both scores, and 239
# points count.
#
# **Predict, then run.** One point of 240. By how much does it lower Dunn's index, and by how much the silhouette?

# %%
narrow = heap_centres[of_heap] + 0.4 * (plane - heap_centres[of_heap])
narrow[0] = heap_centres.mean(axis=0)
as_noise = np.where(np.arange(240) == 0, -1, of_heap)
with_it, without_it = metrics.internal_scores(narrow, [of_heap, as_noise])
for name in ("dunn", "silhouette"):
    print(f"{name:10} {without_it[name]:.3f} without the point, {with_it[name]:.3f} with it")

# %% tags=["hide-input"]
assert with_it["dunn"] < 0.6 * without_it["dunn"]
assert with_it["silhouette"] > 0.97 * without_it["silhouette"]
assert max(on_plane, key=lambda k: dunn(plane, on_plane[k])) == 3
maps.planes(
    "Three tidy heaps, and one point (in the ring) in the middle",
    [
        (f"counted: D {with_it['dunn']:.2f}, silhouette {with_it['silhouette']:.2f}", narrow, of_heap),
        (f"as noise: D {without_it['dunn']:.2f}, silhouette {without_it['silhouette']:.2f}", narrow, as_noise),
    ],
    "Twice three tight heaps with one lonely point between them, marked by a ring. On the left it has the colour of a "
    "heap, on the right it is grey.",
    columns=2,
    marked=[0],
)

# %% [markdown]
# Dunn's index loses more than half, the silhouette next to nothing. So Dunn's index tells about the worst place of a
# clustering, and the silhouette about the whole. In large data there is often such a point.
#
# So far, what the two scores are; a good place for a break. From here on, what they do not see.
#
# ## What they are blind to: shape
#
# Now the rings of the first picture. The silhouette takes *means* of distances. A point of the outer ring is far from
# most of its own ring, which lies around the corner and on the other side, and the inner ring is in between.
#
# **Predict, then run.** The silhouette prefers the halves of k-means. And Dunn's index, which looks at the narrowest
# gap? Try three pairs of rings:

# %%
for seed in range(3):
    points, truth = rings(np.random.default_rng(seed))
    cut = kmeans(points, 2, rng=np.random.default_rng(seed), n_init=4).labels
    for name, labels in (("the rings", truth), ("k-means", cut)):
        s, D = metrics.silhouette_score(points, labels), metrics.dunn_index(points, labels)
        print(f"seed {seed}, {name:9}: silhouette {s:5.2f}, Dunn {D:.3f}")

# %% tags=["hide-input"]
for seed in range(3):
    points, truth = rings(np.random.default_rng(seed))
    cut = kmeans(points, 2, rng=np.random.default_rng(seed), n_init=4).labels
    assert metrics.silhouette_score(points, truth) < 0.1 < 0.3 < metrics.silhouette_score(points, cut)
    assert metrics.dunn_index(points, truth) > metrics.dunn_index(points, cut)

# %% [markdown]
# Dunn's index prefers the rings: there is a gap between them, and none between the halves. (One stray in that gap, and
# it does not. You saw why.) So the silhouette measures how *round and apart* clusters are, which is just what k-means
# tries to make them. It says little about clusters of other shapes, such as those of [08](08_density.ipynb).
#
# ## What they are blind to: the wrong distance
#
# Next, digits as photographs: each in ink on paper, lit by a lamp from one side. Brightness and direction differ from
# picture to picture.


# %%
def under_a_lamp(images, rng):
    ink = to_unit(images)
    down, across = np.mgrid[-1:1:28j, -1:1:28j]
    angle = rng.uniform(0, 2 * np.pi, (len(images), 1, 1))
    brightness = rng.uniform(0.3, 0.7, (len(images), 1, 1))
    light = brightness + 0.2 * (np.cos(angle) * across + np.sin(angle) * down)
    return (light[..., None] * (1 - 0.4 * ink)).astype(np.float32), angle.ravel()


photographs, lamp = under_a_lamp(dataset.images, np.random.default_rng(0))
photo_X = flatten(photographs)
photo_model = KMeans(n_clusters=10, n_init=4, random_state=0).fit(photo_X)
found, true = metrics.internal_scores(photo_X, [photo_model.labels_, classes])
accuracy = metrics.clustering_accuracy(classes, photo_model.labels_)
by_die = metrics.clustering_accuracy(classes, np.random.default_rng(0).permutation(classes))
print(f"k-means          silhouette {found['silhouette']:6.3f}   accuracy {accuracy:.3f}")
print(f"the true classes silhouette {true['silhouette']:6.3f}   accuracy 1.000")
print(f"dealt at random                             accuracy {by_die:.3f}")
assert true["silhouette"] < 0 < 0.2 < found["silhouette"]
assert accuracy < by_die + 0.03

# %% tags=["hide-input"]
draw.pictures(
    "Ten of the photographs",
    photographs[:10],
    [f"{label}" for label in classes[:10]],
    "Ten photographs of dark digits on grey paper; the paper's brightness and the side that is lit differ.",
)

# %% [markdown]
# The perfect clustering has a silhouette **below zero**. k-means has the better one, although it is hardly better than
# dealing at random. Whoever chose by the silhouette would throw the truth away. What did k-means find instead? Its
# centroids can be looked at:

# %% tags=["hide-input"]
draw.centroids(
    photo_model.cluster_centers_.reshape(-1, 28, 28, 1),
    np.bincount(photo_model.labels_),
    "Ten centroids: blurred grey squares, light or dark, brighter at one side. No digit can be read.",
)

# %%
brightness = photo_X.mean(axis=1)
tenth = np.searchsorted(np.quantile(brightness, np.arange(0.1, 1, 0.1)), brightness)  # ten groups of equal size
about_light = metrics.normalized_mutual_info_score(tenth, photo_model.labels_)
side = np.int64(10 * lamp / (2 * np.pi))  # ten groups of directions
about_side = metrics.normalized_mutual_info_score(side, photo_model.labels_)
about_classes = metrics.normalized_mutual_info_score(classes, photo_model.labels_)
print(f"NMI of the clusters with the brightness {about_light:.3f}, with the side {about_side:.3f}, ", end="")
print(f"with the classes {about_classes:.3f}")
assert min(about_light, about_side) > 10 * about_classes

# %% [markdown]
# k-means did its work: it found groups of images that are alike in what makes up most of the distance between these
# pixels, and that is the light, its strength and its side. A score without labels asks whether groups are compact and
# apart *in the distance that was used*. Whether that distance has to do with what we look for, it cannot know.
#
# ## Something is wrong here
#
# Back to the digits as they are. A colleague has an idea: a row of 784 pixels is too long, two numbers for each image
# will do, the mean brightness of its upper and of its lower half.

# %%
upper, lower = X[:, :392].mean(axis=1), X[:, 392:].mean(axis=1)
two_numbers = np.stack([upper, lower], axis=1)
clusters_of_two = kmeans(np.float64(two_numbers), 10, rng=np.random.default_rng(0), n_init=4).labels
print(f"k-means on pixels       silhouette {metrics.silhouette_score(X, clusters):.3f}")
print(f"k-means on two numbers  silhouette {metrics.silhouette_score(two_numbers, clusters_of_two):.3f}")
assert metrics.silhouette_score(two_numbers, clusters_of_two) > 4 * metrics.silhouette_score(X, clusters)

# %% tags=["hide-input"]
draw.rows_of_clusters(
    "The colleague's ten clusters, the first 24 images of each",
    dataset.images,
    clusters_of_two,
    "Ten rows of digits. In each row all kinds of digits are mixed; rows differ in how bold the strokes are.",
)

# %% [markdown]
# "The silhouette is more than four times as high", says the colleague, "so the clustering is better." No line of the
# program is wrong. **Find out what went wrong.** Which number would you compute, of which clustering, with which
# points? Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The two silhouettes were measured with two rulers: one with distances between pixels, the other with distances between
# the two numbers. On a plane k-means has an easy life: it cuts the plane into compact patches, whose silhouette is
# good, whatever lies in them. (The next section shows it for points without any clusters.) A silhouette compares
# clusterings of **the same points**, never features with each other.
#
# So take one ruler for both: score the new clusters among the pixels. And since here there are labels, look at the
# agreement. Try also the other way round: take the true classes, and see what the new ruler says of *them*.
#
# </details>
#
# Put to the test, each clustering with both rulers:

# %%
three = {"k-means on pixels": clusters, "k-means on two numbers": clusters_of_two, "the true classes": classes}
in_pixels = [metrics.silhouette_score(X, labels) for labels in three.values()]
in_two = [metrics.silhouette_score(two_numbers, labels) for labels in three.values()]
agreement = [metrics.adjusted_rand_score(classes, labels) for labels in three.values()]
assert in_pixels[1] < 0 < in_pixels[0]
assert agreement[1] < 0.15 < 0.3 < agreement[0]
assert in_two[2] < 0 < in_two[1]

# %% tags=["hide-input"]
draw.bars(
    "Three clusterings of the digits, measured with both rulers",
    list(three),
    {"silhouette in pixels": in_pixels, "silhouette in two numbers": in_two, "ARI": agreement},
    "Bars. In pixels the clusters of two numbers have a negative silhouette; in two numbers they have the only "
    "positive one; their ARI is about a tenth, that of k-means on pixels about a third.",
    one_scale=False,
)

# %% [markdown]
# The clustering is **worse**; it is the ruler that changed. By the new ruler the truth itself is below zero. This is
# easily done without noticing: a network makes new features, and the silhouette *on those features* is set beside the
# one on pixels.
#
# ## How many clusters?
#
# Three curves are usually drawn over the number of clusters $k$: the inertia of k-means, where one looks for an
# *elbow*, and silhouette and Dunn's index, where one looks for the top. `internal_scores` takes all labelings at once
# and computes each distance once. k-means starts at random, so we do it with ten seeds. The data are scikit-learn's
# digits of 8 x 8 pixels, since so small ones can be clustered often.


# %%
def scan(X, ks, seed):
    rng = np.random.default_rng(seed)
    results = [kmeans(X, k, rng=rng) for k in ks]
    labelings = [result.labels for result in results]
    scores = metrics.internal_scores(X, labelings)
    inertia = [result.inertia for result in results]
    return inertia, [score["silhouette"] for score in scores], [score["dunn"] for score in scores], labelings


small = data.load("digits")
small_X = flatten(to_unit(small.images))
ks = range(4, 17)
scans = [scan(small_X, ks, seed) for seed in range(10)]
inertia, silhouette, dunns = (np.array([one[part] for one in scans]) for part in range(3))

# %% tags=["hide-input"]
draw.bands(
    "k-means on 8 x 8 digits over the number of clusters: median and range of ten seeds",
    [
        ("inertia", {"": inertia}, {"xlabel": "number of clusters k"}),
        ("silhouette", {"": silhouette}, {"xlabel": "number of clusters k"}),
        ("Dunn's index", {"": dunns}, {"xlabel": "number of clusters k"}),
    ],
    list(ks),
    "Three curves with bands. The inertia falls smoothly without a corner. The silhouette rises up to about ten "
    "clusters and then stays level, with a band as wide as its rises. Dunn's index goes up and down in a wide band.",
)

# %%
tops = {
    "silhouette": [ks[place] for place in silhouette.argmax(axis=1)],
    "Dunn's index": [ks[place] for place in dunns.argmax(axis=1)],
}
for name, best in tops.items():
    print(f"{name:13} is largest at k = {np.sort(best)}")
    assert len(set(best)) >= 3

# %% [markdown]
# The inertia bends, but no two readers would agree on where. The top of the other two depends on the seed: look at
# the printed list. (The median of the ten silhouettes is largest at ten, as it happens, and only two of the ten seeds
# say ten.) We know that there are ten digits. Is ten what the *labels* would choose? Now, at the end, we may ask:

# %%
by_labels = np.array([[metrics.adjusted_rand_score(small.labels, labels) for labels in one[3]] for one in scans])
print("ARI, median of ten seeds:", dict(zip(ks, np.median(by_labels, axis=0).round(2).tolist(), strict=True)))
at_ten = by_labels[:, list(ks).index(10)]
print(f"at k = 10 from {at_ten.min():.2f} to {at_ten.max():.2f}")
print("best k of each seed:", np.sort(np.array(ks)[by_labels.argmax(axis=1)]))
assert np.median(by_labels, axis=0).max() - np.median(at_ten) < np.ptp(at_ten)

# %% [markdown]
# What other starts change at $k = 10$ is more than what ten differs from the best $k$. So not even the labels say more
# than "ten or some more". (A digit that is written in two ways may well be two clusters.) A single scan would have
# given you one number, and you might have told a story about it.
#
# And the curves always have a top, also where there is nothing to find. Here are points thrown evenly into a square:

# %%
evenly = np.random.default_rng(0).random((1000, 2))
_, of_nothing, _, _ = scan(evenly, ks, 0)
print(f"evenly thrown points: silhouettes from {min(of_nothing):.3f} to {max(of_nothing):.3f}")
print(f"the digits: at most {silhouette.max():.3f}")
assert min(of_nothing) > 1.2 * silhouette.max()

# %% [markdown]
# All of them are higher than the best of the digits, and there are no clusters at all. (It is the other ruler again:
# these points have two dimensions.) What such curves say: which of *these* clusterings, of *these* points, is the most
# compact. What they do not say: whether there are clusters, or whether they are those that you want. If the top moves
# with the seed, say "about ten", or choose $k$ for what you want to do with the clusters.
#
# ## Exercise: a cheaper silhouette
#
# The silhouette needs all $n (n - 1) / 2$ distances. The **simplified silhouette** takes the distance to the *centroid*
# of the own cluster for $a_i$, and the distance to the nearest other centroid for $b_i$: $n k$ distances. Write
# `simplified(X, labels)`. **Predict first:** is it higher or lower than the silhouette, for the three heaps? Does it
# see rings?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def simplified(X, labels):
#     centroids = np.stack([X[labels == j].mean(axis=0) for j in range(labels.max() + 1)])
#     distances = np.linalg.norm(X[:, None] - centroids[None], axis=2)  # [n, k]
#     rows = np.arange(len(X))
#     a = distances[rows, labels]
#     distances[rows, labels] = np.inf
#     b = distances.min(axis=1)
#     return ((b - a) / np.maximum(a, b)).mean()
#
#
# for name, points, labels in (
#     ("three heaps", plane, on_plane[3]),
#     ("rings", ringed, of_ring),
#     ("rings, halves", ringed, halves),
# ):
#     s = metrics.silhouette_score(points, labels)
#     print(f"{name:14} silhouette {s:6.3f}, simplified {simplified(points, labels):6.3f}")
#     assert abs(simplified(points, labels) - metrics.simplified_silhouette_score(points, labels)) < 1e-4
# assert simplified(plane, on_plane[3]) > metrics.silhouette_score(plane, on_plane[3])
# assert abs(simplified(ringed, of_ring)) < 0.1 < simplified(ringed, halves)
# ```
#
# It is higher: a mean of distances to the points of a cluster is larger than the distance to their mean, and by more
# for the own cluster, in the midst of which the point stands, than for one far away. It is as blind to rings as the
# silhouette, since both rings have the same centroid.
#
# </details>
#
# ## What to take with you
#
# - The silhouette asks whether each point is nearer to its own cluster than to the next; Dunn's index looks at the
#   narrowest gap and the widest cluster, two pairs in all.
# - Both praise what is compact and apart in the distance they are given. They do not see rings, or a lamp.
# - Compare clusterings of the same points only, and repeat with other seeds before you believe a top.
#
# ## Further
#
# - The files, in pairs: [reference/silhouette.py](../scratchclust/reference/silhouette.py) and
#   [metrics/silhouette.py](../scratchclust/metrics/silhouette.py),
#   [reference/dunn.py](../scratchclust/reference/dunn.py) and [metrics/dunn.py](../scratchclust/metrics/dunn.py).
# - P. Rousseeuw, *Silhouettes: a graphical aid to the interpretation and validation of cluster analysis*, Journal of
#   Computational and Applied Mathematics, 1987. J. Dunn, *Well-separated clusters and optimal fuzzy partitions*,
#   Journal of Cybernetics, 1974.
# - R. Tibshirani, G. Walther and T. Hastie, *Estimating the number of clusters in a data set via the gap statistic*,
#   Journal of the Royal Statistical Society B, 2001: compare the inertia with that of evenly thrown points.
# - Next: [02c](02c_how_labels_leak.ipynb), how published figures make use of the labels that they claim to have found.
