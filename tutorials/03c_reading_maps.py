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
# # Reading maps: what t-SNE says, and what it only seems to say
#
# *35 minutes. Before this page: [03b](03b_tsne_by_hand.ipynb), and of [02b](02b_silhouette_and_dunn.ipynb) the
# silhouette. It runs in about 50 seconds.*
#
# Here is a map of 1,500 images. It asks to be read: this island is large, those two are near. At the end of this page
# you can tell which readings of a map are true; test groups that you see; and put new images into a finished map. A
# last part, which may be skipped, shows how a map of a hundred thousand images is made without looking at all pairs.
#
# You need t-SNE as in 03b.

# %% tags=["hide-input"]
import jax
import numpy as np

from scratchclust import TSNE, data, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import maps as draw
from scratchclust.lessons import paper
from scratchclust.reduce import tsne as fast_tsne
from scratchclust.reference import pca as reference_pca
from scratchclust.reference.kmeans import kmeans
from scratchclust.report import figures

dataset = data.load("mnist_2000")
pixels = flatten(to_unit(dataset.images)).astype(np.float64)
axes = reference_pca.pca(pixels[:1500], 50)
X, new_X = reference_pca.transform(pixels[:1500], axes), reference_pca.transform(pixels[1500:], axes)
digits, new_digits = dataset.labels[:1500], dataset.labels[1500:]

model = TSNE(method="fft", max_iter=500).fit(X)
Y = model.embedding_.astype(np.float64)
shown = figures.embedding(
    Y, digits, dataset.images[:1500], rng=np.random.default_rng(0), n_images=110, axis_name="t-SNE"
)
shown.suptitle("1,500 images on a map of t-SNE; colours are digits", x=0.01, ha="left", fontsize=11, fontweight="bold")
for legend in shown.legends:
    for text in legend.get_texts():
        text.set_text(text.get_text().replace("cluster", "digit"))
paper.describe(
    shown,
    "A map with islands of dots and small images. Most islands have one colour; 4 and 9 share one, 3, 5 and 8 touch.",
)

# %% [markdown]
# The folded cell above makes the map: `X`, `[1500, 50]`, are the principal coordinates of 1,500 images and `digits`
# their labels; `new_X`, `[500, 50]`, and `new_digits` are those of 500 more; `model` is the package's `TSNE`, and `Y`,
# `[1500, 2]`, the places that it found. `fast_tsne` are its functions, `metrics`, `kmeans` and `reference_pca` those
# of earlier pages; `draw`, `paper` and `figures` make pictures.
#
# ## Three readings, tested
#
# To see what such a reading is worth we make data of which we know everything, in ten dimensions, in the manner of
# Wattenberg, Viégas and Johnson (2016):
#
# - **two clouds** of 150 points, one ten times as wide as the other, far apart;
# - **three clouds** of 100 points, of equal width and in a row, the second gap ten times as long as the first;
# - **noise**: one cloud, and nothing else.


# %%
def clouds(centres, widths, each, rng):
    """Points in ten dimensions, in clouds whose centres are on the first axis; and the cloud of each."""
    of_point = np.repeat(np.arange(len(centres)), each)
    points = rng.standard_normal((len(of_point), 10)) * np.array(widths)[of_point, None]
    points[:, 0] += np.array(centres)[of_point]
    return points, of_point


def map_of(points, perplexity, start=None):
    found = fast_tsne.tsne(points, perplexity=float(perplexity), max_iter=500, start=start)
    return np.asarray(found.embedding, np.float64)


rng = np.random.default_rng(0)
two, of_two = clouds([0, 80], [1, 10], 150, rng)
three, of_three = clouds([0, 10, 110], [1, 1, 1], 100, rng)
noise, of_noise = clouds([0], [1], 300, rng)
maps_of_two = {perplexity: map_of(two, perplexity) for perplexity in (3, 30, 100)}
maps_of_three = {perplexity: map_of(three, perplexity) for perplexity in (3, 30, 100)}
maps_of_noise = {perplexity: map_of(noise, perplexity) for perplexity in (3, 30, 100)}

# %% [markdown]
# **Predict, then run.** In the data the second of two clouds is ten times as wide, and the second of two gaps ten times
# as long. What are the two ratios on the maps with perplexity 30?


# %%
def width_ratio(points, of_point):
    """How much wider the last cloud is than the first: median distances to the centre."""
    parts = [points[of_point == cloud] for cloud in (0, of_point.max())]
    first, last = (np.median(np.linalg.norm(part - part.mean(axis=0), axis=1)) for part in parts)
    return last / first


def gap_ratio(points, of_point):
    centres = np.array([points[of_point == cloud].mean(axis=0) for cloud in range(3)])
    gaps = np.linalg.norm(centres[1:] - centres[:-1], axis=1)
    return gaps[1] / gaps[0]


print(f"widths: data {width_ratio(two, of_two):.1f}, map {width_ratio(maps_of_two[30], of_two):.1f}")
print(f"gaps:   data {gap_ratio(three, of_three):.1f}, map {gap_ratio(maps_of_three[30], of_three):.1f}")

# %% tags=["hide-input"]
assert width_ratio(two, of_two) > 9
assert width_ratio(maps_of_two[30], of_two) < 2
assert gap_ratio(three, of_three) > 9
assert gap_ratio(maps_of_three[30], of_three) < 3
panels = []
for name, points, of_point, made in (
    ("two clouds", two, of_two, maps_of_two),
    ("three clouds", three, of_three, maps_of_three),
    ("noise", noise, of_noise, maps_of_noise),
):
    panels.append((f"{name}: PCA", reference_pca.transform(points, reference_pca.pca(points, 2)), of_point))
    panels += [(f"{name}: perplexity {perplexity}", Y_made, of_point) for perplexity, Y_made in made.items()]
draw.planes(
    "Data of which we know everything, and maps of them",
    panels,
    "Three rows of four panels. PCA shows a small and a large cloud, three clouds in a row, and one cloud. With "
    "perplexity 3 all maps crumble into clumps; with 30 clouds are islands of like size, at like gaps; with "
    "100 the gaps of three clouds differ, and noise is a disk.",
    columns=4,
)

# %% [markdown]
# Both are about 1: nothing is left of ten to one.
#
# - **Sizes mean little.** Each point chooses its own $\beta_i$, so as to have 30 neighbours, be they near or far. A
#   narrow cloud is blown up and a wide one drawn together, until both have about the same room for each point.
# - **Gaps mean little.** Once two clouds are so far apart that $p$ between them is zero, nothing in the divergence
#   knows *how* far.
# - **Noise looks like something**, if the perplexity is low: a point knows three neighbours and nothing else, and the
#   cloud crumbles.
#
# And the perplexity must stay well below the number of points in a cloud. With a perplexity of 100 a point of a cloud
# of 100 has only 99 companions, so it *must* choose in another cloud, and the map changes its shape. It is not the
# perplexity 100 that does it:

# %%
for each in (100, 200):
    points, of_point = clouds([0, 10, 110], [1, 1, 1], each, np.random.default_rng(0))
    P = fast_tsne.joint_affinities(points, 100.0)
    abroad = float(P[of_point[:, None] != of_point[None, :]].sum())
    ratio = gap_ratio(map_of(points, 100), of_point)
    print(f"{each} points a cloud: share of p between clouds {abroad:.3f}, gaps on the map 1 : {ratio:.1f}")
    assert (abroad > 0.005) == (each == 100)
    assert (ratio > 1.3) == (each == 100)

# %% [markdown]
# What is left to read? To put neighbours apart is what costs. So the near neighbours of a point in the data mostly
# stand around it on the map, too, and *islands* that come again with several perplexities and starts are worth a look
# at the data.
#
# ## k-means on a map
#
# A map is two numbers for each image, and k-means can have those. **Predict, then run.** Which is best for the
# accuracy: the 50 principal coordinates from which the map was made, the first two of them, or the map?

# %%
spaces = {"50 axes": X, "2 axes": X[:, :2], "t-SNE map": Y}
accuracies = {}
for name, points in spaces.items():
    runs = [kmeans(points, 10, rng=np.random.default_rng(seed), n_init=2, init="k-means++") for seed in range(3)]
    accuracies[name] = np.array([metrics.clustering_accuracy(digits, run.labels) for run in runs])
    print(f"{name:11} accuracy, three seeds: {accuracies[name].round(3)}")

# %% tags=["hide-input"]
assert accuracies["t-SNE map"].min() > accuracies["50 axes"].max() + 0.05
assert accuracies["2 axes"].max() < accuracies["50 axes"].min()

# %% [markdown]
# The map, by far. Why does it help, when sizes and gaps mean so little? Because k-means *wants* round clusters of the
# same size, and t-SNE comes nearer to that than the coordinates do: what hangs together by neighbours becomes a
# compact island, long and bent though it may be in the data. What k-means needs of the map is above all what the map
# keeps, who lies with whom. But it measures with the map's distances, and so believes its sizes and gaps as well.
#
# In practice: look at the map, cluster it if you like, and then **judge in the data**, not on the map: does another
# start give the same groups? Do the groups have a silhouette among the features, where nothing was moved? Open twenty
# random images of each. No distance, width or density that you measured on a map belongs in a report.

# %% [markdown]
# ## New images
#
# PCA gives a new image its place by a product. The map of t-SNE is no formula, only a list of places. `transform` finds
# a place for each new image by going downhill on the divergence of that image alone, while the map stays as it is. With
# how many neighbours? It seems natural to take the perplexity of the map, 30. **Predict, then run.** For each of 500
# new images we ask the ten nearest on the map for their digit. Is it better if a new image is drawn by about 30
# neighbours, or by about 5? We ask it on three maps, of 1,000 images each.


# %%
def digit_of_nearest(places, Y, digits, n_neighbors=10):
    """The most frequent digit among the nearest points of the map."""
    squared = ((places[:, None] - Y[None]) ** 2).sum(axis=2)
    near = squared.argpartition(n_neighbors, axis=1)[:, :n_neighbors]
    return np.array([np.bincount(digits[some], minlength=10).argmax() for some in near])


every_X = np.concatenate([X, new_X])
shares = []
for seed in range(3):
    order = np.random.default_rng(seed).permutation(2000)
    on_map, later = order[:1000], order[1000:1500]
    Y_of = map_of(every_X[on_map], 30)
    right = {}
    for perplexity in (30, 5):
        places = fast_tsne.transform(every_X[later], every_X[on_map], Y_of, perplexity=float(perplexity))
        found = digit_of_nearest(np.float64(places), Y_of, dataset.labels[on_map])
        right[perplexity] = np.mean(found == dataset.labels[later])
    shares.append(right)
    print(f"map {seed}: among their own digit with perplexity 30 {right[30]:.1%}, with 5 {right[5]:.1%}")

# %% tags=["hide-input"]
assert all(right[5] > right[30] for right in shares)
placed = {q: np.float64(fast_tsne.transform(new_X, X, Y, perplexity=float(q))) for q in (30, 5)}
nearest_ones = (new_X @ X.T - (X**2).sum(axis=1) / 2).argsort(axis=1)[:, ::-1]
is_right = {q: digit_of_nearest(places, Y, digits) == new_digits for q, places in placed.items()}
away = {q: np.linalg.norm(places[:, None] - Y[None], axis=2).min(axis=1) for q, places in placed.items()}
of_its_kind = {n: (digits[nearest_ones[:, :n]] == new_digits[:, None]).mean(axis=1) for n in (15, 90)}
lost = ~is_right[30] & is_right[5] & (of_its_kind[15] >= 2 / 3)
one = int(np.flatnonzero(lost)[(away[30] - away[5])[lost].argmax()])  # the one farthest out at sea
print("how far a new image is from the nearest image of the map, median: ", end="")
print(f"{np.median(away[30]):.2f} with perplexity 30, {np.median(away[5]):.2f} with 5")
assert np.median(away[30]) > 2 * np.median(away[5])
assert of_its_kind[90][one] < 1 / 3
draw.between_islands(
    f"A new image of a {new_digits[one]}, and its nearest neighbours in the data",
    Y,
    digits,
    [
        ("perplexity 30: its 90 nearest pull", placed[30][one], nearest_ones[one, :90]),
        ("perplexity 5: its 15 nearest pull", placed[5][one], nearest_ones[one, :15]),
    ],
    "The map, twice, with a star for one new image and threads to its neighbours. On the left ninety threads lead to "
    "several islands and the star lies in between; on the right fifteen threads, and the star is at another place.",
)

# %% [markdown]
# By about 5. With 30, a new image is pulled by the 90 nearest, which belong to several islands, and it comes to rest
# in the sea between them. The images *of* the map have as many neighbours, but they formed the islands together: each
# has gone where its neighbours went, and these moved towards it. The map does not move towards a newcomer. So few
# neighbours are better, and the package takes a perplexity of 5 for new points at most, as openTSNE does (Poličar et
# al., 2021). (The picture shows one image that 30 led astray: of its 15 nearest two thirds are of its kind, of its 90
# nearest less than one third. What counts is the share over all new images, which is printed above; the distances that
# are printed with the picture say who lies out at sea.)
#
# (You see labels judge a setting here, and when they choose it, that is leak 1 of [02c](02c_how_labels_leak.ipynb).
# The 5 is openTSNE's default, and it was checked on other images of MNIST and on scikit-learn's digits, where it was
# better than 30, too. Anything from 2 to 10 does about as well.)

# %%
np.testing.assert_allclose(model.transform(new_X), placed[5], atol=1e-3)
np.testing.assert_allclose(model.transform(X[:5]), Y[:5])  # an image of the map gets the place that it has

# %% [markdown]
# ## Something is wrong here
#
# A colleague has measured ten quantities of 300 samples and looks for groups. The map is made with a low perplexity,
# "because the groups may be small", and k-means is asked for ten. The silhouette judges the result:

# %%
measured, colleagues_map = noise, maps_of_noise[3]
groups = kmeans(colleagues_map, 10, rng=np.random.default_rng(0), n_init=4, init="k-means++").labels
score = metrics.silhouette_score(colleagues_map, groups)
of_images = kmeans(X, 10, rng=np.random.default_rng(0), n_init=2).labels
of_digits = metrics.silhouette_score(X, of_images)
print(f'"{score:.2f}!", says the colleague. "The clusters of the digits have only {of_digits:.2f}."')
assert score > of_digits + 0.2

# %% tags=["hide-input"]
draw.planes(
    "The colleague's groups",
    [
        ("the map, perplexity 3", colleagues_map, np.full(300, 7)),
        ("ten groups of k-means", colleagues_map, groups),
    ],
    "A map of many small clumps, once in black and once in ten colours, each colour a few clumps that lie together.",
    columns=2,
)

# %% [markdown]
# (You have seen where these measurements come from. The colleague has not.) **Find out what went wrong, and how one
# could notice.** The program has no mistake, the map has converged, and the groups *are* there, on the map. Are they in
# the data? Which two or three things would you try, and what would they show if the groups were real?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# There are no groups. The data are one cloud. With a perplexity of 3 each sample chooses three or so friends, and in a
# random cloud everybody has nearest neighbours, too. Friends come together, strangers repel each other, and the cloud
# crumbles. k-means gathers the crumbs, and the silhouette, *measured on the map*, praises what it finds: on a plane
# compact patches always look good (the two rulers of [02b](02b_silhouette_and_dunn.ipynb)).
#
# Two tests, neither of which needs labels:
#
# - **Another start.** Groups that are in the data come again, with the same members. Crumbs come again, too, since the
#   friends are the same; but how they lie beside each other is in good part chance, and so are groups of crumbs.
# - **The ruler of the data.** The silhouette of the groups among the measurements themselves.
#
# The usual score of a map, *trustworthiness* (are a point's neighbours on the map near to it in the data, too? 1 is
# best, 0.5 is chance), says less than one would hope: the friends in a crumb *are* neighbours. What is not true are the
# empty places in between.
#
# </details>
#
# Put to the test, and beside it the three clouds, which are truly there:

# %%
from sklearn.manifold import trustworthiness


def examined(points, n_groups):
    """What can be said, without labels, of the groups on a map of perplexity 3."""
    starts = [fast_tsne.random_start(len(points), key=jax.random.key(seed)) for seed in range(3)]
    made = [map_of(points, 3, start) for start in starts]
    found = [kmeans(one, n_groups, rng=np.random.default_rng(0), n_init=4, init="k-means++").labels for one in made]
    return {
        "silhouette on the map": metrics.silhouette_score(made[0], found[0]),
        "silhouette in the data": metrics.silhouette_score(points, found[0]),
        "same groups, starts 1 and 2 (ARI)": metrics.adjusted_rand_score(found[0], found[1]),
        "same groups, starts 1 and 3 (ARI)": metrics.adjusted_rand_score(found[0], found[2]),
        "trustworthiness": trustworthiness(points, made[0], n_neighbors=10),
    }


of_colleague, of_clouds = examined(measured, 10), examined(three, 3)
for test in of_colleague:
    print(f"{test:34} colleague {of_colleague[test]:5.2f}   three clouds {of_clouds[test]:5.2f}")
assert of_clouds["silhouette in the data"] > 0.5 > 0.1 > of_colleague["silhouette in the data"]
for test in ("same groups, starts 1 and 2 (ARI)", "same groups, starts 1 and 3 (ARI)"):
    assert of_clouds[test] > of_colleague[test] + 0.2

# %% [markdown]
# Mind the second question: with no groups at all, two maps of crumbs agree by more than half (an ARI of 0.5 to 0.7
# where 0 is chance), since near points share a crumb on any map. That is the yardstick: groups that are there come
# again far above it, and only the silhouette *in the data* says at once that there are none.
#
# The cure is not a better perplexity. It is to ask such questions of every map. (With a perplexity of 30 the noise is a
# disk. k-means would have cut that into pieces as well: it gives as many clusters as one asks for.)
#
# ## Exercise: does the start keep the order?
#
# The three clouds stand in a row, the second in the middle. Nothing in the divergence knows it. Make ten maps with
# perplexity 30 from random starts (`fast_tsne.random_start(300, key=jax.random.key(seed))`), and one from the start of
# PCA (the default of `map_of`). **Predict first:** on how many of the ten is the second cloud in the middle? And on the
# one from PCA?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def middle_is_between(places):
#     centres = np.array([places[of_three == cloud].mean(axis=0) for cloud in range(3)])
#     first, second, ends = (np.linalg.norm(centres[i] - centres[j]) for i, j in ((0, 1), (1, 2), (0, 2)))
#     return bool(ends > max(first, second))
#
#
# starts = [fast_tsne.random_start(300, key=jax.random.key(seed)) for seed in range(10)]
# at_random = [middle_is_between(map_of(three, 30, start)) for start in starts]
# from_pca = middle_is_between(maps_of_three[30])
# print(f"in the middle: {sum(at_random)} of 10 from random starts; from PCA: {from_pca}")
# assert 0 < sum(at_random) < 10
# assert from_pca
# ```
#
# From random starts it is chance: any of the three clouds can be the middle one. The start of PCA
# had the order, and the descent mostly leaves it. So what little a map tells about the whole comes from its *start*
# (Kobak and Linderman, 2021), and a random start throws it away.
#
# </details>
#
# ## What to take with you
#
# - A map shows who is near whom. Sizes, gaps and the sea between islands are made by t-SNE.
# - Keep the perplexity below the size of the smallest group, and try several.
# - Judge groups among the data, and with another start.
# - New points are placed by few neighbours, into a map that does not move.
#
# ## Skip at a first reading: fast maps, from all pairs to a grid
#
# Each iteration of 03b goes through all pairs. For ten thousand images these are a hundred million, a thousand times
# over. The way out is in the two parts of the gradient:
#
# $$\frac{\partial\, \mathrm{KL}}{\partial y_i} = 4 \Big( \underbrace{\sum_j p_{ij}\, w_{ij}\, (y_i -
# y_j)}_\text{attraction} \; - \; \underbrace{\frac{1}{Z} \sum_j w_{ij}^2\, (y_i - y_j)}_\text{repulsion} \Big)$$
#
# **Attraction** has the factor $p_{ij}$, and that is next to nothing for all but the nearest. So each point keeps the
# three times perplexity nearest, and lets these share all the attention. *Finding* them is done once: in this package
# exactly, in a time that grows with $n^2$; openTSNE and others find most of them by approximation, which is faster for
# hundreds of thousands of points. After that each iteration costs $n$ times a constant.
#
# **Repulsion** is between all pairs, but it is smooth, and depends on nothing but the difference of two places. Look at
# it on a line first, for the sum $s_i = \sum_j w(y_i - y_j)$. If the points stand on the nodes of a grid, this is a
# product with a matrix each row of which is the row above, moved by one:

# %%
nodes = np.arange(6.0)
kernel_matrix = 1 / (1 + (nodes[:, None] - nodes[None, :]) ** 2)
charges = np.array([2.0, 0, 1, 0, 0, 3])  # so many points stand on each node
print(kernel_matrix.round(2))
print("sums by the matrix ", (kernel_matrix @ charges).round(3))

# %% [markdown]
# Such a product is called a **convolution**. One row says everything, and the fast Fourier transform (FFT) uses that:
# for $G$ nodes it needs a time like $G \log G$ in the place of $G^2$. How it does is another story; that it gives the
# same numbers we can see. It takes the grid for a ring, whose end meets its beginning, so we put as much empty grid
# behind it, and let the first row of the kernel run up and down again:

# %%
padded = np.concatenate([charges, np.zeros(6)])
steps = np.arange(12)
around = 1 / (1 + np.minimum(steps, 12 - steps) ** 2.0)  # the distance around the ring, either way
by_fft = np.fft.irfft(np.fft.rfft(padded) * np.fft.rfft(around))[:6]
print("sums by the FFT    ", by_fft.round(3))
np.testing.assert_allclose(by_fft, kernel_matrix @ charges)

# %% [markdown]
# Points do not stand on nodes. So each point is **spread** on the two nearest: a point a quarter of the way from node 3
# to node 4 puts $\frac34$ of itself on 3 and $\frac14$ on 4. Then convolve. Then each point **reads off** its sum from
# the same two nodes, with the same shares.


# %%
def sums_by_grid(y, spacing):
    place = (y - y.min()) / spacing
    left = place.astype(int)  # the node on the left of each point
    share = place - left  # how far it is on its way to the node on the right
    G = left.max() + 2
    charges = np.bincount(left, 1 - share, G) + np.bincount(left + 1, share, G)
    steps = np.arange(2 * G)
    around = 1 / (1 + (spacing * np.minimum(steps, 2 * G - steps)) ** 2)
    field = np.fft.irfft(np.fft.rfft(charges, 2 * G) * np.fft.rfft(around))[:G]
    return (1 - share) * field[left] + share * field[left + 1], charges, field


line = np.sort(Y[:120, 0] / 4)  # some places to try it on
exact = (1 / (1 + (line[:, None] - line[None, :]) ** 2)).sum(axis=1)
errors = {}
for spacing in (1, 0.5, 0.25, 0.125):
    errors[spacing] = np.abs(sums_by_grid(line, spacing)[0] - exact).max() / exact.max()
    print(f"spacing {spacing:5}: largest error {errors[spacing]:.2%} of the largest sum")
assert 3 < errors[0.25] / errors[0.125] < 5  # half the spacing, a quarter of the error

# %% tags=["hide-input"]
_, on_nodes, field = sums_by_grid(line, 1.0)
draw.on_a_grid(
    line,
    exact,
    line.min() + np.arange(len(field)),
    on_nodes,
    field,
    "Above, marks of points on a line and bars of how much of them each node of a grid got. Below, the sums at "
    "the nodes as a line, and the direct sums of the points as dots close to it.",
)

# %% [markdown]
# The package does this in the plane, for the two sums $Z$ and $\sum_j w_{ij}^2 (y_i - y_j)$, in
# `scratchclust/reduce/tsne_parts/fft.py` (`OnGrid.forces`). Each point goes on 4 x 4 nodes instead of 2, with smooth
# weights (cubic splines), so that a coarse grid is enough. The idea is that of FIt-SNE (Linderman et al., 2019),
# which interpolates with polynomials instead. (Once a grid is fine enough, half the spacing leaves a quarter of the
# error: the last two rows above.) `TSNE` takes all pairs up to 2,000 points and the grid for more; `method` says
# otherwise, as we did for the first map. Is it as good? The map's own figure rests on the grid, too; so we compute it
# anew, from all pairs:

# %%
P = fast_tsne.joint_affinities(X, 30.0)
of_grid = fast_tsne.kl_divergence(Y, P)
all_pairs = TSNE(method="exact", max_iter=500).fit(X).kl_divergence_
print(f"divergence of the map by the grid {of_grid:.3f}, by all pairs {all_pairs:.3f}")
assert abs(of_grid / all_pairs - 1) < 0.03

# %% [markdown]
# ## Further
#
# - M. Wattenberg, F. Viégas and I. Johnson, *How to use t-SNE effectively*, Distill, 2016: made-up data and their maps,
#   to play with; ours is [here](play/tsne.html).
# - G. Linderman, M. Rachh, J. Hoskins, S. Steinerberger and Y. Kluger, *Fast interpolation-based t-SNE for improved
#   visualization of single-cell RNA-seq data*, Nature Methods, 2019: the grid.
# - D. Kobak and G. Linderman, *Initialization is critical for preserving global data structure in both t-SNE and UMAP*,
#   Nature Biotechnology, 2021. P. Poličar, M. Stražar and B. Zupan, *Embedding to reference t-SNE space addresses batch
#   effects in single-cell classification*, Machine Learning, 2021: new points.
# - The files: [fft.py](../scratchclust/reduce/tsne_parts/fft.py) (the grid),
#   [new_points.py](../scratchclust/reduce/tsne_parts/new_points.py). Whole maps, timed beside scikit-learn and
#   openTSNE: the folder `benchmarks/`.
# - Next: [04](04_downhill.ipynb), going downhill, from one number to a network.
