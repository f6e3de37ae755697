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
# # Digits by edges and neighbours
#
# *35 minutes. Before this page: [08c](08c_graphs.ipynb); [02](02_scores_with_labels.ipynb) for the accuracy of a
# clustering. It runs in about 30 seconds.*
#
# Pixels make poor distances. At the end of this page you will be able to compute better distances than by pixels, by
# hand: by setting digits upright and looking at edges in place of ink, to cluster 2,000 digits with over 95% in the
# right cluster, without a network, and to say exactly how much knowledge went in nevertheless. You need NumPy and a
# little calculus: a gradient, a covariance.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import GradientFeatures, KMeans, SpectralClustering, data, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import graphs as draw
from scratchclust.lessons.paper import describe
from scratchclust.report import figures

dataset = data.load("mnist_2000")
images, digits = dataset.images, dataset.labels
features = GradientFeatures().fit(images)
gradients = np.asarray(features.transform(images))
graph = SpectralClustering(n_clusters=10, n_init=10, random_state=0).fit(gradients)

figure = figures.random_images(images, graph.labels_, rng=np.random.default_rng(0), n_images=24)
describe(
    figure,
    "Random images of ten clusters. In each nearly all images show the same digit, and each digit has a cluster.",
)

# %% [markdown]
# Ten clusters of 2,000 images that were not told apart by anybody, and some images of each. This is where we are
# going. (The folded cell has loaded `images` [2000, 28, 28, 1] and their labels `digits`, and made `features`,
# which the second section explains, what they give, `gradients` [2000, 648], and the clustering, `graph`.)
#
# ## First: set it upright
#
# A graph is as good as its neighbours, and its neighbours as good as the distances. A 7 that leans and one that stands
# share little ink, so as pixels they are far apart, although nobody would call them different.
#
# Take the pixels as masses. $(r, c)$ is their centre of mass, $v_{rr}$ the variance of its mass over the rows, and
# $v_{rc}$ the covariance of rows and columns. How far the strokes lean is the slope $v_{rc} / v_{rr}$: so many columns
# to the right for each row further down. Push the rows back by that, and the centre of mass into the middle of the
# picture, $(r_0, c_0)$. With $x$ for the image as written and $y$ for the one set upright:
#
# $$y[i, j] = x\!\left(r + i - r_0,\;\; c + \frac{v_{rc}}{v_{rr}} (i - r_0) + j - c_0\right)$$

# %%
from scipy.ndimage import map_coordinates


def straighten(image):  # [h, w]
    i, j = np.mgrid[: image.shape[0], : image.shape[1]]
    mass = image.sum()
    r, c = (i * image).sum() / mass, (j * image).sum() / mass
    slope = ((i - r) * (j - c) * image).sum() / ((i - r) ** 2 * image).sum()
    down, right = i - (image.shape[0] - 1) / 2, j - (image.shape[1] - 1) / 2
    return map_coordinates(image, [r + down, c + slope * down + right], order=1, mode="grid-constant")


grey = to_unit(images)[..., 0]  # [2000, 28, 28], from 0 (black) to 1 (white)
upright = np.array([straighten(image) for image in grey])

# %% tags=["hide-input"]
from scratchclust.reference import gradients as reference_gradients

np.testing.assert_allclose(upright[:200], reference_gradients.straighten(grey[:200]), atol=1e-5)
shown = np.concatenate([np.flatnonzero(digits == 1)[:5], np.flatnonzero(digits == 7)[:5]])
lines = [text for kind in ("as written", "set upright") for text in [kind, *[""] * 9]]
describe(
    figures.image_row(np.concatenate([grey[shown], upright[shown]])[..., None], lines, title="Before and after"),
    "Above, ones and sevens that lean to the right or stand; below, the same digits, all upright and in the middle.",
)

# %% [markdown]
# ## Second: look at edges, not at ink
#
# An image is a function of its column $u$ and its row $v$, whose **gradient** $(g_u, g_v)$ points to where the image
# grows brighter, and is the longer the faster it does so. On a computer it is a difference of the two neighbours:


# %%
def gradient_of(image):
    gu, gv = np.zeros_like(image), np.zeros_like(image)
    gu[:, 1:-1] = image[:, 2:] - image[:, :-2]
    gv[1:-1] = image[2:] - image[:-2]
    return gu, gv


# %% [markdown]
# **Predict, then run.** Digits are white on black. On the *left* edge of an upright stroke, does the gradient point to
# the left or to the right? And on its right edge?

# %%
stroke = np.zeros((9, 9), np.float32)
stroke[:, 3:6] = 1  # three columns of white
gu, gv = gradient_of(stroke)
print("the stroke, row 4             ", stroke[4])
print("to the right (negative: left) ", gu[4])
print("down (negative: up)           ", gv[4])

# %% tags=["hide-input"]
assert (gu[:, 2] > 0).all()  # left edge: to the right
assert (gu[:, 6] < 0).all()  # right edge: to the left; both point into the stroke
assert (gv[1:-1] == 0).all()  # and none up or down
one = shown[0]
piece = upright[one][8:19, 8:19]  # a part of a 1, enlarged
panels = [("a stroke", stroke, gu, gv), ("a piece of a 1, enlarged", piece, *gradient_of(piece))]
panels[0] = ("a stroke", stroke[1:-1], gu[1:-1], gv[1:-1])
draw.arrows(
    panels,
    "An edge, enlarged: arrows point to where the image grows brighter",
    "A white upright stroke on black, and a piece of a 1. On both sides arrows point horizontally into the stroke.",
    columns=2,
    height=2.8,
)

# %% tags=["hide-input"]
chosen = [np.flatnonzero(digits == digit)[0] for digit in (1, 7, 3, 0)]
draw.arrows(
    [(f"a {digits[number]}", upright[number], *gradient_of(upright[number])) for number in chosen],
    "The gradients of four digits",
    "A 1, a 7, a 3 and a 0, white on black. All along the strokes arrows point into them from both sides.",
    columns=2,
    height=3.2,
    length=1.8,
)

# %% [markdown]
# At the left edge to the right, at the right edge to the left: both point into the stroke.
#
# A stroke that is moved by two pixels shares little ink with itself, but it has the same edges in nearly the same
# place. So sort the lengths of the arrows into 8 **directions**, blur each of these 8 pictures a little, so that
# *nearly the same place* counts, and read them off on a coarse grid, every third pixel. That is a **histogram of
# oriented gradients** (Dalal and Triggs, 2005, in a simple form). Square roots, and length 1 for the whole, keep
# thick strokes from counting more:

# %%
from scipy.ndimage import gaussian_filter


def oriented_gradients(image, cell=3, sigma=1.5, n_directions=8):
    gu, gv = gradient_of(image)
    size = np.hypot(gu, gv)
    direction = np.arctan2(gv, gu) / (2 * np.pi) * n_directions  # 0: to the right, 2: down, 4: left, 6: up
    planes = []
    for b in range(n_directions):
        apart = np.abs((direction - b + n_directions / 2) % n_directions - n_directions / 2)  # round the circle
        plane = gaussian_filter(size * np.maximum(0, 1 - apart), sigma)  # a size goes to its two nearest directions
        planes.append(plane[cell // 2 :: cell, cell // 2 :: cell])
    roots = np.sqrt(np.stack(planes))  # [directions, rows, columns]
    return roots / np.linalg.norm(roots)


by_hand = np.array([oriented_gradients(image) for image in upright[:200]])
assert by_hand.shape == (200, 8, 9, 9)  # 648 numbers an image

# %% tags=["hide-input"]
np.testing.assert_allclose(by_hand.reshape(200, -1), gradients[:200], atol=1e-3)
from scipy.ndimage import binary_erosion


def outlined(planes, image):
    """Planes [8, 9, 9] with every number as 3 x 3 pixels, and the outline of the digit drawn over them."""
    planes = np.kron(planes / planes.max(), np.ones((1, 3, 3)))
    ink = image[:27, :27] > 0.5
    return np.where(ink & ~binary_erosion(ink), planes + np.where(planes < 0.5, 0.4, -0.4), planes)


names = ["to the right", "right, down", "down", "left, down", "to the left", "left, up", "up", "right, up"]
order = [0, 4, 2, 6, 1, 5, 3, 7]
of_one, of_zero = (outlined(by_hand[number], upright[number])[order] for number in (chosen[0], chosen[3]))
picked = np.concatenate([of_one, np.ones((2, 27, 27)), of_zero])
words = [names[b] for b in order]
describe(
    figures.image_row(
        picked[..., None],
        [*words, "", "", *words],
        title="The eight planes of a 1 (above) and of a 0 (below), with their outlines",
    ),
    "Eight coarse pictures for a 1 and for a 0, over each the outline of the digit. The 1 is strong only where edges "
    "point to the right and to the left. The 0 has some in every direction, each on another part of its ring.",
)

# %% [markdown]
# The 1 has edges to the right, on its left side, and to the left, on its right side; the others are weak (and the
# square roots make them look stronger than they are). The 0 has all of them, each at its own place. These 8 x 9 x 9
# numbers are the new description of an image. In the package it is `GradientFeatures`; its fast twin,
# `scratchclust/features/gradients.py`, does a whole block of images at once in JAX, with `straighten` and
# `oriented_gradients` as here, and blurring and grid as two products of small matrices.
#
# ## Which step does it?
#
# Four descriptions of the images and two ways to cluster, each from three seeds. **Predict, then run.** Beginning from
# pixels and k-means: which helps more, the graph alone or better features alone?

# %%
not_upright = np.array([oriented_gradients(image) for image in grey]).reshape(len(grey), -1)
descriptions = {
    "pixels": flatten(to_unit(images)),
    "pixels, upright": upright.reshape(len(upright), -1),
    "gradients, not upright": not_upright.astype(np.float32),
    "gradients, upright": gradients,
}
scores = {}
print(f"{'accuracy (three seeds)':24}{'k-means':>20}{'graph':>20}")
for name, points in descriptions.items():
    for way, model in {"k-means": KMeans, "graph": SpectralClustering}.items():
        runs = [model(n_clusters=10, n_init=10, random_state=seed).fit(points) for seed in range(3)]
        scores[name, way] = [metrics.clustering_accuracy(digits, run.labels_) for run in runs]
    spans = [f"{min(scores[name, way]):.3f} to {max(scores[name, way]):.3f}" for way in ("k-means", "graph")]
    print(f"{name:24}{spans[0]:>20}{spans[1]:>20}")

# %% tags=["hide-input"]
better_features = min(scores["gradients, upright", "k-means"]) - max(scores["pixels", "k-means"])
graph_alone = max(scores["pixels", "graph"]) - min(scores["pixels", "k-means"])
assert better_features > graph_alone + 0.04 > 0.2
assert min(scores["gradients, upright", "graph"]) > 0.95
assert all(min(scores[name, "graph"]) > max(scores[name, "k-means"]) + 0.03 for name in descriptions)
contingency = metrics.contingency_matrix(digits, graph.labels_)
describe(
    figures.label_histograms(contingency, dataset.label_names),
    "Ten panels, one a cluster: in each, one digit has nearly all of the images, another in each.",
)

# %% [markdown]
# The features; but the graph alone brings some 20 points, too, and it helps with every description: neighbours in
# pixels are mostly right where means of pixels are not. The two together take 0.57 to over 0.95. On pixels it takes
# more than the ten eigenvectors of [08c](08c_graphs.ipynb): these put digits together and split others.
# `SpectralClustering` tries them and a second set of coordinates, 18 eigenvectors weighed by how smooth they are
# (`scratchclust/reference/commute_time.py`), and takes the clearer clusters of the two:

# %%
ten = SpectralClustering(n_clusters=10, coordinates="eigenvectors", random_state=0)
for name in ("pixels", "pixels, upright", "gradients, upright"):
    alone = metrics.clustering_accuracy(digits, ten.fit_predict(descriptions[name]))
    print(f"{name:24} ten eigenvectors {alone:.3f}, as above {max(scores[name, 'graph']):.3f}")

# %% tags=["hide-input"]
assert metrics.clustering_accuracy(digits, ten.fit_predict(descriptions["pixels"])) < 0.7

# %% [markdown]
# **No label and no network took part in `fit`**, which was given the images and the number 10. But read the fine print,
# which belongs beside that sentence:
#
# - The number **10** is our knowledge. The eigengap does not say it ([08c](08c_graphs.ipynb)).
# - The number of **neighbours** is $\lceil \ln n \rceil$ = 8 here. That rule took the place of another one after a
#   look at labels, of other digits. (The recipe `scratchclust run graph` takes 10, which was chosen on MNIST with its
#   labels in sight.)
# - **8 directions, every third pixel, a blur of 1.5** are choices, made by people who know digits. Nobody chose them
#   blindfold.
# - That the **slant** of a digit means nothing, and that its ground is black, is knowledge, too; the next section shows
#   how much hangs on it.
#
# So: no labels in the fit, and human knowledge of digits in its design. It is the same with most results that are
# called unsupervised ([02c](02c_how_labels_leak.ipynb)).
#
# ## Something is wrong here
#
# A colleague scans digits of her own. They are ink on paper: black on white. To try the program she turns the colours
# of our 2,000 images round, and changes nothing else, and clusters by k-means, as she needs a centre for each digit:

# %%
paper = 255 - images


def accuracy_of(points):
    return metrics.clustering_accuracy(digits, KMeans(n_clusters=10, n_init=10, random_state=0).fit(points).labels_)


on_paper = np.asarray(features.transform(paper))
print(f"white on black {accuracy_of(gradients):.3f}, black on white {accuracy_of(on_paper):.3f}")
assert accuracy_of(on_paper) < accuracy_of(gradients) - 0.15

# %% tags=["hide-input"]
describe(figures.image_row(paper[shown], title="Some of her images"), "Ones and sevens as before, but black on white.")

# %% [markdown]
# The same strokes, the same shapes, and some 25 points are gone. (The graph would have lost two or three: it asks for
# near neighbours alone, and a fault that hides is a fault.) **Find out which of the two steps is to blame**, the
# gradients or the straightening. What happens to an arrow when black and white change places? And to the distance of
# two images, if it happens to all arrows? What is the *mass* of her images?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# It cannot be the gradients. When black and white change places every arrow turns round, by half a circle. Plane 0
# becomes plane 4, plane 1 becomes plane 5: the 648 numbers are the same in another order, in all images alike, and no
# distance changes.
#
# It is the **straightening**. It takes bright pixels for mass. On white paper the mass is the paper, whose centre is
# near the middle and which leans nowhere, whatever the digit does. So nothing is set upright.
#
# The test: straighten the white-on-black images, *then* turn the colours and take gradients. If the gradients were to
# blame, it must be as bad. And leave the straightening out, in both colours: if it is to blame, both must be bad.
#
# </details>

# %%
turned_after = np.array([oriented_gradients(1 - image) for image in upright]).reshape(len(upright), -1)
turned_only = np.array([oriented_gradients(1 - image) for image in grey]).reshape(len(grey), -1)
trials = {
    "straightened, then turned": accuracy_of(turned_after.astype(np.float32)),
    "turned, not straightened": accuracy_of(turned_only.astype(np.float32)),
    "not turned, not straightened": accuracy_of(descriptions["gradients, not upright"]),
}
for name, value in trials.items():
    print(f"{name:30} {value:.3f}")
half = turned_after.reshape(-1, 8, 81)[:, [4, 5, 6, 7, 0, 1, 2, 3]].reshape(len(upright), -1)
np.testing.assert_allclose(half[:200], by_hand.reshape(200, -1), atol=1e-3)  # the same numbers in another order

# %% tags=["hide-input"]
assert abs(trials["straightened, then turned"] - accuracy_of(gradients)) < 0.02
assert trials["turned, not straightened"] < accuracy_of(gradients) - 0.1
assert trials["not turned, not straightened"] < accuracy_of(gradients) - 0.1
by_paper = SpectralClustering(n_clusters=10, n_init=10, random_state=0).fit(on_paper).labels_
lost = metrics.clustering_accuracy(digits, graph.labels_) - metrics.clustering_accuracy(digits, by_paper)
assert 0 < lost < 0.05
white = np.array([straighten(image) for image in 1 - grey[shown]])
describe(
    figures.image_row(white[..., None], title="Her images after straightening"),
    "Ones and sevens, black on white, that lean as before; nothing was set upright.",
)

# %% [markdown]
# Turned *after* straightening nothing is lost. Without straightening it is bad in either colour. The cure is one line,
# `255 - images`, and the lesson is older than computers: know what your instrument takes for zero. On photographs
# neither masses nor a slant mean anything; there this step has to go ([09](09_your_own_pictures.ipynb)).
#
# ## The answer to tutorial 07
#
# [07](07_one_autoencoder_per_digit.ipynb) wants to part the digits 5, 6, 8 and 9. It learns one autoencoder for each
# of them, so it uses labels, and clusters the four losses. Here is the contest on the same test images: every second
# image of the four digits is for learning, with its label; the others are to be clustered. The autoencoders are 07's
# linear ones, and as there the opponent that counts is the classifier that had the same labels, the smallest of the
# four losses. The graph sees neither the images for learning nor a label.

# %%
from scratchclust.reference import kmeans as reference_kmeans
from scratchclust.reference import pca as reference_pca

four_digits = (5, 6, 8, 9)
of_four = np.flatnonzero(np.isin(digits, four_digits))
learn, test = of_four[::2], of_four[1::2]
pixels = flatten(to_unit(images)).astype(float)


def k_means(X, seed):
    return reference_kmeans.kmeans(X, 4, rng=np.random.default_rng(seed), n_init=10).labels


def losses_of(digit):
    """How badly each test image is drawn by the linear autoencoder that knows only one digit."""
    components = reference_pca.pca(pixels[learn][digits[learn] == digit], 12)
    drawn = reference_pca.inverse_transform(reference_pca.transform(pixels[test], components), components)
    return ((pixels[test] - drawn) ** 2).mean(axis=1)


logarithms = np.log(np.stack([losses_of(digit) for digit in four_digits], axis=1))
centred = logarithms - logarithms.mean(axis=1, keepdims=True)
four = SpectralClustering(n_clusters=4, n_init=10, random_state=0).fit(gradients[test])

by_pixels = [metrics.clustering_accuracy(digits[test], k_means(pixels[test], seed)) for seed in range(5)]
by_losses = [metrics.clustering_accuracy(digits[test], k_means(centred, seed)) for seed in range(5)]
by_graph = metrics.clustering_accuracy(digits[test], four.labels_)
classified = np.mean(np.array(four_digits)[logarithms.argmin(axis=1)] == digits[test])
print(f"{len(test)} images: k-means on pixels {min(by_pixels):.3f} to {max(by_pixels):.3f} (five seeds)")
print(f"one linear autoencoder per digit, labels of {len(learn)} images:")
print(f"  k-means on the four losses {min(by_losses):.3f} to {max(by_losses):.3f}, the smallest loss {classified:.3f}")
print(f"gradients and graph, no label: {by_graph:.3f}")

# %% tags=["hide-input"]
assert by_graph > max(by_losses)
assert abs(by_graph - classified) < 0.02
assert by_graph > max(by_pixels) + 0.25

# %% [markdown]
# The graph is as good as the classifier: what the labels buy there, a better idea of *distance* gives without them.
# (Three or four of 384 images make 1%, so this does not say who is ahead; and 385 images are few for a classifier to
# learn from. The graph's clusters have no names; those would cost a few labels.) Why does it work so well? Nearly
# every image has a neighbour that is almost its twin, and that one has another: along such chains one gets from any 5
# to any other 5, and hardly ever to a 6. k-means on pixels asks a 5 to look like the *mean* of all fives, which many
# do not.
#
# **Predict, then run.** For how many of these images does the nearest of all the others show the same digit: 90%, 95%,
# or more?

# %%
pairs = np.linalg.norm(gradients[test][:, None, :] - gradients[test][None, :, :], axis=2)
np.fill_diagonal(pairs, np.inf)
same = np.mean(digits[test][pairs.argmin(axis=1)] == digits[test])
print(f"the nearest neighbour shows the same digit for {same:.1%} of the images")

# %% tags=["hide-input"]
assert same > 0.98

# %% [markdown]
# For more than 98%: nearly every first step of such a chain stays with the digit.
#
# ## New images: a vote of the neighbours
#
# The eigenvectors belong to the points of the graph, and a new image is not in it. Building everything again would
# change the old answers too. But the new image has neighbours, and they have labels: they **vote**, each with the
# weight $1 / d$. The images for learning, which the graph has not seen, are our new ones:


# %%
def vote(new, points, labels, n_neighbors):
    distances = np.linalg.norm(new[:, None, :] - points[None, :, :], axis=2)  # [new, points]
    nearest = distances.argsort(axis=1)[:, :n_neighbors]
    weights = 1 / np.maximum(np.take_along_axis(distances, nearest, axis=1), 1e-12)
    votes = [(weights * (labels[nearest] == j)).sum(axis=1) for j in range(labels.max() + 1)]
    return np.argmax(votes, axis=0)


new_labels = vote(gradients[learn], gradients[test], four.labels_, four.n_neighbors_)
assert np.mean(new_labels == np.asarray(four.predict(gradients[learn]))) > 0.99

both = np.concatenate([four.labels_, new_labels])
together = metrics.clustering_accuracy(np.concatenate([digits[test], digits[learn]]), both)
print(f"old and new together: {together:.3f}")
assert together > 0.97

# %% [markdown]
# `predict` of the package does the same (`scratchclust/cluster/neighbor_vote.py`). DBSCAN and the trees have no
# `predict`: a new point could join two clusters that were apart, and then no old label would be right.
#
# ## Exercise: how far may it move?
#
# The text claims that a stroke moved by two pixels shares little ink with itself, but has the same edges in nearly the
# same place. Test it. Move 500 of the images by 1, 2, 3 and 4 columns (`np.roll`), *without* setting them upright. For
# each moved copy find the nearest of all 2,000 images: is it its own original? If not, does it at least show the same
# digit? Do it with pixels and with `oriented_gradients`. Predict first: from which move on is the original lost in
# pixels, and what sets the distance up to which gradients hold out?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def as_pixels(pictures):
#     return pictures.reshape(len(pictures), -1)
#
#
# def as_gradients(pictures):
#     return np.array([oriented_gradients(picture) for picture in pictures]).reshape(len(pictures), -1)
#
#
# own, digit = {}, {}
# for name, describe_as in {"pixels": as_pixels, "gradients": as_gradients}.items():
#     originals = describe_as(grey)
#     for move in (1, 2, 3, 4):
#         moved = describe_as(np.roll(grey[:500], move, axis=2))
#         squared = (moved**2).sum(axis=1)[:, None] - 2 * moved @ originals.T + (originals**2).sum(axis=1)[None, :]
#         nearest = squared.argmin(axis=1)
#         own[name, move] = np.mean(nearest == np.arange(500))
#         digit[name, move] = np.mean(digits[nearest] == digits[:500])
#         print(f"{name:10} moved by {move}: own original {own[name, move]:.2f}, same digit {digit[name, move]:.2f}")
# assert own["pixels", 2] < 0.15 < 0.5 < own["gradients", 2]
# assert digit["pixels", 2] < 0.75 < 0.95 < digit["gradients", 2]
# assert own["gradients", 4] < 0.15
# ```
#
# In pixels two columns are enough to lose it: a stroke is two or three pixels wide. Gradients keep the digit at two and
# for most at three; then they are lost, too. What sets the distance is the **blur** (1.5 pixels) and the grid: an edge
# that has moved by more than their width is somewhere else. This is why the image is first moved into the middle, by
# its centre of mass: then the blur need only cover what is left.
#
# </details>
#
# ## What to take with you
#
# - Distances first: two old ideas about digits, upright and edges, bring k-means from below 0.6 to above 0.9; the
#   graph of neighbours brings the rest, and 20 points on pixels.
# - "Without labels" is a statement about `fit`. What was known when it was designed belongs beside the figure.
# - Every step has something that it takes for zero. Turned colours break the straightening, and leave the gradients
#   alone.
#
# ## Further
#
# - [scratchclust/reference/gradients.py](../scratchclust/reference/gradients.py) and
#   [scratchclust/features/gradients.py](../scratchclust/features/gradients.py), side by side; the vote in
#   [scratchclust/cluster/neighbor_vote.py](../scratchclust/cluster/neighbor_vote.py).
# - N. Dalal and B. Triggs, *Histograms of oriented gradients for human detection*, CVPR 2005. Y. LeCun, L. Bottou,
#   Y. Bengio and P. Haffner, *Gradient-based learning applied to document recognition*, 1998: MNIST, set upright, too.
# - The whole experiments: `scratchclust run graph`, and `scratchclust run class-losses`, which has the answer without
#   labels beside the one with them.
# - Next: [09](09_your_own_pictures.ipynb), your own pictures.
