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
# # One autoencoder per digit
#
# *35 minutes. Before this page: [01](01_kmeans.ipynb), [02](02_scores_with_labels.ipynb) and [03](03_pca.ipynb);
# [05](05_autoencoders_and_skips.ipynb) helps. It runs in about 30 seconds.*
#
# Somebody who has only ever drawn sixes will draw a five badly. So give an image to four copyists, each of whom knows
# only one of the digits 5, 6, 8 and 9, and note how badly each of them copies it: four numbers, which together say what
# the image looks like. At the end of this page you can make features of copyists' errors with ten lines of
# NumPy and no training, you know why k-means cannot use them as they are, and you can cure it with two operations.
#
# You need Python, some NumPy and the logarithm.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import ClassLossFeatures, ConvAutoencoderSpec, KMeans, data, devices, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import features as draw
from scratchclust.reference import pca as reference_pca
from scratchclust.report import figures

devices.use_all_cores()  # for JAX, later; it must be told before its first use

DIGITS = (5, 6, 8, 9)
dataset = data.load("mnist_2000")
chosen = np.flatnonzero(np.isin(dataset.labels, DIGITS))
chosen = np.random.default_rng(0).permutation(chosen)
train, test = chosen[:400], chosen[400:]  # no image is in both
images, digits = to_unit(dataset.images[train]), dataset.labels[train]
test_images, test_digits = to_unit(dataset.images[test]), dataset.labels[test]
X, test_X = flatten(images), flatten(test_images)  # [n, d], from 0 (black) to 1 (white)

CODE_LENGTH = 12


def fit_linear(X):
    mean = X.mean(axis=0)
    covariance = (X - mean).T @ (X - mean) / len(X)  # [d, d]
    _, directions = np.linalg.eigh(covariance)  # one in each column; the last varies most
    return mean, directions[:, -CODE_LENGTH:].T  # [d] and [r, d]


def draw_again(X, mean, directions):
    codes = (X - mean) @ directions.T  # [n, r]
    return mean + codes @ directions  # [n, d]


linear = [fit_linear(X[digits == digit]) for digit in DIGITS]
two_of_each = np.concatenate([np.flatnonzero(test_digits == digit)[:2] for digit in DIGITS])
drawn = {
    f"knows only {digit}": draw_again(test_X[two_of_each], *copyist).reshape(-1, 28, 28, 1)
    for digit, copyist in zip(DIGITS, linear, strict=True)
}
draw.entitled(
    figures.reconstructions(test_images[two_of_each], drawn),
    "Four copyists, each of whom knows one digit",
    "Eight test digits above, two each of 5, 6, 8 and 9, and below four rows of copies. In each column the copy by the "
    "autoencoder of that digit is the cleanest, and the others are smeared towards their own digit.",
)

# %% [markdown]
# Each row is one copyist, and it does what it can with what it knows. In each column the copy of the right one is the
# cleanest.
#
# ## Two piles of images
#
# The copyists learn from 400 **training images**, about a hundred for each digit. Everything else (clusters, scores,
# pictures) is about the other **test images**, which no copyist has seen. Their labels serve for scores and colours
# only. (The folded cell has made `X` [400, 784] and `digits`, `test_X` [369, 784] and `test_digits`; `images` and
# `test_images` are the same as pictures; `two_of_each` has the numbers of the eight in the picture, and `DIGITS` is 5,
# 6, 8, 9.) What is to be beaten? k-means on the pixels of the test images,
# without any label:


# %%
def clusters_of(features, seed=0):
    return KMeans(n_clusters=4, n_init=10, random_state=seed).fit(features).labels_


def accuracy_of(clusters):
    return metrics.clustering_accuracy(test_digits, clusters)


pixel_accuracies = [accuracy_of(clusters_of(test_X, seed)) for seed in range(3)]
print(f"{len(test_X)} test images; accuracy of k-means on pixels, three seeds:", np.round(pixel_accuracies, 3))

# %% [markdown]
# ## An autoencoder without training
#
# An **autoencoder** squeezes an image $x$ of $d$ pixels into a **code** $z$ of $r$ numbers, far fewer, and draws the
# image again from the code alone. The simplest one is linear. With a mean image $\mu$ and a matrix $V$ of $r$
# directions (its rows are orthogonal and of length 1),
#
# $$z = V (x - \mu), \qquad x' = \mu + V^\top z$$
#
# The **reconstruction loss** says how badly the drawing fits, as the mean square over the pixels:
#
# $$f(x) = \frac{1}{d} \, |x - x'|^2$$
#
# Which $\mu$ and $V$ make the loss of the training images smallest? One need not search: $\mu$ is their mean, and the
# rows of $V$ are the $r$ directions in which they vary most (Baldi and Hornik, 1989). That is the principal component
# analysis of [03](03_pca.ipynb). The picture above was made with these lines:
#
# ```python
# def fit_linear(X):
#     mean = X.mean(axis=0)
#     covariance = (X - mean).T @ (X - mean) / len(X)  # [d, d]
#     _, directions = np.linalg.eigh(covariance)  # one in each column; the last varies most
#     return mean, directions[:, -CODE_LENGTH:].T  # [d] and [r, d], of 12 numbers in the code
#
#
# def draw_again(X, mean, directions):
#     codes = (X - mean) @ directions.T  # [n, r]
#     return mean + codes @ directions  # [n, d]
# ```
#
# Two checks: the package's own PCA must give the same losses, and directions drawn at random much larger ones.


# %%
def loss(X, drawn):
    return ((X - drawn) ** 2).mean(axis=1)  # [n]


sixes = X[digits == 6]
mean, directions = fit_linear(sixes)
best = loss(sixes, draw_again(sixes, mean, directions))
components = reference_pca.pca(sixes, CODE_LENGTH)
codes = reference_pca.transform(sixes, components)
np.testing.assert_allclose(best, loss(sixes, reference_pca.inverse_transform(codes, components)), rtol=1e-2, atol=1e-5)
random_directions = np.linalg.qr(np.random.default_rng(0).standard_normal((784, CODE_LENGTH)))[0].T
at_random = loss(sixes, draw_again(sixes, mean, random_directions))
print(f"mean loss of the sixes {best.mean():.4f}; with random directions {at_random.mean():.4f}")
assert best.mean() < 0.5 * at_random.mean()

# %% [markdown]
# ## Four losses, four features
#
# The four losses of an image are its **features**:
#
# $$f(x) = \big(f_5(x),\; f_6(x),\; f_8(x),\; f_9(x)\big)$$


# %%
def linear_losses(X, copyists):
    return np.stack([loss(X, draw_again(X, *copyist)) for copyist in copyists], axis=1)  # [n, 4]


linear = [fit_linear(X[digits == digit]) for digit in DIGITS]  # the four copyists
raw = linear_losses(test_X, linear)
for digit, losses in zip(test_digits[two_of_each], raw[two_of_each], strict=True):
    print(digit, "  losses by 5, 6, 8, 9:", losses.round(4), "  smallest by", DIGITS[losses.argmin()])

# %% [markdown]
# To take the digit of the smallest loss is a **classifier**, the simplest that one can make of these numbers.
#
# **Predict, then run.** For how many of the test images is it right? A hundred images a digit is not much.

# %%
smallest_loss = np.array(DIGITS)[raw.argmin(axis=1)]
linear_classified = np.mean(smallest_loss == test_digits)
print(f"the digit of the smallest loss is right for {linear_classified:.1%}")

# %% tags=["hide-input"]
assert 0.96 < linear_classified < 0.985

# %% [markdown]
# For nearly 98 of 100: four times a hundred images, and nothing was trained.
#
# ### Its twin in JAX
#
# In JAX one can write the loss of *one* image under *one* copyist, and have the rest added. `jax.vmap(f, in_axes=...)`
# makes of a function a new one that takes a whole stack of some of its arguments: `in_axes` has a 0 for each argument
# that becomes a stack, and `None` for each that stays. We need it twice: for the four copyists, and for all images.

# %%
import jax


def loss_of_one(x, mean, directions):  # [d], [d] and [r, d]
    code = directions @ (x - mean)
    return ((x - mean - code @ directions) ** 2).mean()


by_all_copyists = jax.vmap(loss_of_one, in_axes=(None, 0, 0))  # one image: [4]
linear_losses_jax = jax.jit(jax.vmap(by_all_copyists, in_axes=(0, None, None)))  # all images: [n, 4]
means = np.stack([mean for mean, _ in linear])  # [4, d]
all_directions = np.stack([directions for _, directions in linear])  # [4, r, d]
assert np.abs(linear_losses_jax(test_X, means, all_directions) - raw).max() < 1e-5

# %% [markdown]
# ## Something is wrong here
#
# The digit is in these four numbers; the smallest one tells it. Then k-means with four clusters should find it, without
# being told which number belongs to which digit:

# %%
raw_clusters = clusters_of(raw)
raw_accuracies = [accuracy_of(clusters_of(raw, seed)) for seed in range(3)]
hardness = raw.mean(axis=1)  # how badly an image is drawn, on average over the four


def inertia(values, groups):
    """What k-means makes small: the sum of the squared distances to the mean of the group."""
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in (values[groups == g] for g in np.unique(groups)))


print("accuracy, three seeds:", np.round(raw_accuracies, 3))
print(f"inertia of these clusters {inertia(raw, raw_clusters):.4f}, of the four digits {inertia(raw, test_digits):.4f}")
for cluster in range(4):
    inside = raw_clusters == cluster
    print(f"cluster {cluster}: {inside.sum():4} images, median hardness {np.median(hardness[inside]):.4f}")

# %% tags=["hide-input"]
assert max(raw_accuracies) < linear_classified - 0.2
assert inertia(raw, raw_clusters) < inertia(raw, test_digits)
by_hardness = hardness.argsort()
extremes = np.concatenate([by_hardness[:10], by_hardness[-10:]])
draw.entitled(
    figures.image_row(test_images[extremes], [text for kind in ("easy", "hard") for text in [kind, *[""] * 9]]),
    "The images of least and of largest hardness",
    "Two rows of ten digits. Above, thin and narrow ones; below, wide ones with much ink.",
)

# %% [markdown]
# **Find out what went wrong.** Answer before you unfold: Are the copyists bad? Was k-means caught in a poor minimum,
# as in 01? If neither, by what does it sort the images? The two inertias, the medians (two of them small, one larger,
# one larger still) and the two rows of images have the answer.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The copyists are fine, or the smallest loss would not tell the digit. k-means is fine too: its clusters have *less*
# inertia than the true digits. By its own measure they are better than what we wanted, so no luckier start can lead it
# to the digits. It is the **features** that do not say what we mean.
#
# What they say first is how *hard* an image is. Look at the two rows: few thin strokes are easy for everybody, much ink
# and wide strokes are hard for everybody. (Many of the ten hardest are sixes. Is it simply the digit, then? The test
# below says how little of the hardness that explains.) A hard image has four large losses and an easy one four small
# ones, whatever the digit. The differences *between* the four, in which the digit is, must compete with that common
# rise and fall, and k-means, which measures plain distances, does not know which of the two we care about.
#
# </details>
#
# If that is the diagnosis, then among images of *one* digit, where there is nothing to tell apart, all four losses must
# tend to rise and fall together. And the clusters must differ in hardness: a good part of its variance must lie
# *between* them, more than between the digits.


# %%
def share_between(values, groups):
    """The share of the variance of some numbers that is between groups, not inside them."""
    return 1 - inertia(values, groups) / inertia(values, np.zeros(len(values)))


for digit in DIGITS:
    correlations = np.corrcoef(raw[test_digits == digit].T)[np.triu_indices(4, 1)]  # of two losses each
    print(f"images of {digit}: correlations of their losses, from {correlations.min():.2f} to {correlations.max():.2f}")
    assert correlations.mean() > 0.3
of_clusters, of_digits = share_between(hardness, raw_clusters), share_between(hardness, test_digits)
print(f"variance of the hardness: {of_clusters:.0%} between the clusters, {of_digits:.0%} between the digits")
assert of_clusters > 2 * of_digits

# %% [markdown]
# Two of the four losses can be drawn on a plane. On the left the colours are the digits. On the right they are the
# clusters, each in the colour of the digit that it is named after: a dot that has another colour than on the left is in
# a wrong cluster. The big dots are the means.


# %%
def named_after(clusters):
    """For each image, the digit that its cluster is named after when all are named in the best way."""
    matching = metrics.match_clusters(test_digits, clusters)
    digit_of = dict(zip(matching.clusters, matching.classes[matching.matched_class], strict=True))
    return np.array([digit_of[cluster] for cluster in clusters])


# %% tags=["hide-input"]
def two_features(title, features, clusters, words, **settings):
    groupings = {
        "coloured by digit": np.searchsorted(DIGITS, test_digits),
        "coloured by cluster": np.searchsorted(DIGITS, named_after(clusters)),
    }
    names = {"x": "by the copyist of 8", "y": "by the copyist of 9"}
    return draw.planes(title, features[:, [2, 3]], groupings, DIGITS, words, **names, **settings)


two_features(
    "Losses of the test images",
    raw,
    raw_clusters,
    "Two panels of dots. On the left, by digit, the colours form blurred rays that leave the corner. On the right, by "
    "cluster, the nines are found as a whole, and the other three are cut across their rays, into near and far.",
    from_zero=True,
)

# %% [markdown]
# The corner at the lower left is where both losses are zero. Seen from there the digits are, if blurred, *rays*: what
# tells them apart is the direction, and on each of them the easy images are near the corner and the hard ones far out.
# k-means goes by distance. A ray that stands off from the others it may find; where rays run side by side it cuts
# across them.
#
# ## The cure
#
# Along a ray all losses grow by the same *factor*. Suppose that an image's hardness $h(x)$ multiplies what the copyists
# would have to say about the digit, $s_j(x)$. The logarithm turns the factor into a term, which is the same for all
# four, and subtracting the mean of the four takes it away:
#
# $$f_j(x) = h(x)\, s_j(x) \qquad \log f_j = \log h + \log s_j \qquad g_j = \log f_j - \frac{1}{4} \sum_i \log f_i =
# \log s_j - \frac{1}{4} \sum_i \log s_i$$
#
# No $h$ is left in $g$. (In statistics this is the centred log-ratio, for numbers of which only the ratios count:
# Aitchison, 1982.)
#
# **Predict, then run.** The copyists, the images, k-means and its settings stay the same. How near does the accuracy of
# the clusters come to that of the smallest loss?


# %%
def log_centred(losses):
    logarithms = np.log(losses)
    return logarithms - logarithms.mean(axis=1, keepdims=True)


cured = log_centred(raw)
cured_clusters = clusters_of(cured)
cured_accuracies = [accuracy_of(clusters_of(cured, seed)) for seed in range(3)]
print("accuracy, three seeds:", np.round(cured_accuracies, 3), f" smallest loss: {linear_classified:.3f}")
print(f"variance of the hardness between clusters: {share_between(hardness, cured_clusters):.0%}")

# %% tags=["hide-input"]
np.testing.assert_allclose(log_centred(3 * raw), cured, atol=1e-4)  # three times as hard, and no change
assert min(cured_accuracies) > 0.93
assert max(cured_accuracies) < linear_classified
assert share_between(hardness, cured_clusters) < 0.5 * of_clusters
two_features(
    "Log-centred losses of the same images",
    cured,
    cured_clusters,
    "Two panels of dots, now in heaps instead of rays. The colours on the right are nearly those on the left.",
)

# %% [markdown]
# From below 0.7 to about 0.95, three points short of the smallest loss. The rays have become heaps (those of 5 and 6
# still overlap in this plane), and heaps are what k-means finds.
#
# How good is the *model*, $f_j = h\, s_j$? It is a picture of the cause and no law. If hardness were exactly a factor,
# neither half of the cure could do without the other. On these images one half does nearly as much as both. Which? The
# exercise measures it.
#
# ## With convolutional networks
#
# A linear copyist can only add up fixed pictures. A convolutional one ([05](05_autoencoders_and_skips.ipynb)) bends.
# It has to be trained, by gradient descent. The class `ClassLossFeatures` does that for each class, starting from the
# same parameters, so that only what they saw makes the four differ. Then `transform` gives the four losses of each
# image: log-centred unless told otherwise, and here `"raw"`, since we want both. (A *leaky* relu passes a small part of
# what is below zero. With the plain one a small network can "die": where all its inputs are below zero, its answer and
# its gradient are zero, and it never learns again.)

# %%
spec = ConvAutoencoderSpec(widths=(16, 32), activation="leaky_relu")
networks = ClassLossFeatures("raw", model=spec, latent_dim=16, epochs=25, batch_size=16, random_state=0)
networks.fit(images, digits)
conv_raw = networks.transform(test_images)  # [n, 4]
conv_clusters = clusters_of(log_centred(conv_raw))
conv_classified = np.mean(np.array(DIGITS)[conv_raw.argmin(axis=1)] == test_digits)
print(f"k-means on the losses as they are {accuracy_of(clusters_of(conv_raw)):.3f}, log-centred", end=" ")
print(f"{accuracy_of(conv_clusters):.3f}; the smallest loss {conv_classified:.3f}")

# %% tags=["hide-input"]
assert accuracy_of(conv_clusters) > accuracy_of(clusters_of(conv_raw)) + 0.1
assert abs(accuracy_of(conv_clusters) - conv_classified) < 0.06
assert linear_classified > conv_classified + 0.03
named = named_after(conv_clusters)
wrong = np.flatnonzero(named != test_digits)[:20]
draw.entitled(
    figures.image_row(test_images[wrong], [f"{test_digits[i]} among {named[i]}" for i in wrong]),
    "In a wrong cluster (the label, and the digit that the cluster is named after)",
    "Digits that are hard to read, and some plain ones, each with its label and the digit of its cluster.",
)

# %% [markdown]
# (One training and one seed of k-means. The labels above the images are as they are given; one may doubt some.)
#
# The cure works here for the same reason; nothing in it was about linear copyists. And a few directions, found without
# any training, do *better* than these trained networks: a hundred images a digit are few for a network. (One training
# may be bad luck. Two more, with other seeds and not on this page, named 92% and 94% rightly; the linear ones nearly
# 98%.) Try the simple thing first: it is also the one that you can explain.
#
# ## What it costs: labels
#
# k-means has seen no label. Is this then a clustering *without* labels, to be set beside k-means on pixels? No. Each
# copyist was told which training images are its own, so **every training label was used**, before k-means began. A test
# shows how much hangs on that: shuffle the training labels and leave all else as it is.
#
# **Predict, then run.** With the cure, and labels that are dealt at random: what accuracy is left of four clusters?

# %%
without_labels = []
for seed in range(3):
    shuffled = np.random.default_rng(seed).permutation(digits)
    of_shuffled = [fit_linear(X[shuffled == digit]) for digit in DIGITS]
    without_labels.append(accuracy_of(clusters_of(log_centred(linear_losses(test_X, of_shuffled)))))
print("with shuffled training labels:", np.round(without_labels, 3))
dealt = [accuracy_of(np.random.default_rng(seed).permutation(cured_clusters)) for seed in range(3)]
print("clusters that are dealt at random:", np.round(dealt, 3))

# %% tags=["hide-input"]
assert max(without_labels) < min(cured_accuracies) - 0.3
assert np.mean(without_labels) < np.mean(dealt) + 0.1

# %% [markdown]
# A third, little more than clusters that are dealt at random have. (Not a quarter: each is named after the digit that
# suits it best.) Four copyists of all digits have nothing to say about one. All that these features know of digits
# came in by the labels. So the fair comparison is with a **classifier** that had the same labels, and one is at hand:
# the smallest loss. It does without k-means, and also *names* the digits.

# %% tags=["hide-input"]
rows = {
    "pixels (no labels used)": np.mean(pixel_accuracies),
    "linear, losses as they are": np.mean(raw_accuracies),
    "linear, log-centred": np.mean(cured_accuracies),
    "linear, smallest loss (classifier)": linear_classified,
    "convolutional, log-centred": accuracy_of(conv_clusters),
    "convolutional, smallest loss (classifier)": conv_classified,
}
draw.entitled(
    figures.comparison_bars(list(rows), {f"accuracy on {len(test_X)} test images": list(rows.values())}),
    "Four digits, six ways",
    "Bars of accuracy. Pixels, without labels, and losses as they are lie lowest; log-centred losses come near to the "
    "classifiers by the smallest loss.",
)

# %% [markdown]
# k-means can hardly do more than find again what the labels had put there. The figure that owes nothing to labels is
# the first. And it matters *which* images are scored:

# %%
own_loss = {}
for kind, pictures, truth in (("training", images, digits), ("test", test_images, test_digits)):
    losses, own = networks.transform(pictures), np.searchsorted(DIGITS, truth)  # own: the column of the own network
    own_loss[kind] = losses[np.arange(len(own)), own].mean()
    right = np.mean(losses.argmin(axis=1) == own)
    print(f"{kind:9} images: loss by the own network {own_loss[kind]:.4f}, smallest loss is right for {right:.1%}")
assert own_loss["training"] < own_loss["test"]

# %% [markdown]
# The networks draw the images they know better than new ones. That is why nothing above was scored on training images:
# such a score says more about memory than about digits.
#
# ## Exercise
#
# Which half is the cure? Write four other features from `raw`, and **predict before you run them** which of them
# k-means can use:
#
# 1. the logarithm alone;
# 2. the centring alone, $f_j - \frac{1}{4} \sum_i f_i$;
# 3. shares, $f_j / \sum_i f_i$;
# 4. ranks: 0 for the smallest of the four losses, 3 for the largest. They know no hardness either. And the smallest
#    loss has rank 0, so they contain all that the classifier uses.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# others = {
#     "losses as they are": raw,
#     "logarithm alone": np.log(raw),
#     "centring alone": raw - raw.mean(axis=1, keepdims=True),
#     "shares": raw / raw.sum(axis=1, keepdims=True),
#     "ranks": raw.argsort(axis=1).argsort(axis=1).astype(np.float32),
#     "log-centred": cured,
# }
# accuracies = {name: accuracy_of(clusters_of(values)) for name, values in others.items()}
# for name, accuracy in accuracies.items():
#     print(f"{name:20}{accuracy:8.1%}")
# assert accuracies["shares"] > accuracies["log-centred"] - 0.05
# assert accuracies["ranks"] < accuracies["log-centred"]
# assert accuracies["logarithm alone"] > accuracies["losses as they are"] + 0.1
# assert accuracies["centring alone"] > accuracies["log-centred"] - 0.03
# ```
#
# If hardness is a factor, then **shares** are free of it, since it stands above and below the line, and they do about
# as well as the cure. The **logarithm alone** turns the factor into a term but leaves it there, and **centring alone**
# takes a term away where there is a factor. Each half mends a part, and how much depends on how far the hardness of the
# images differs. Here the centring alone is as good as both.
#
# **Ranks** disappoint, though the classifier needs no more than the place of the 0. They throw away by *how much* a
# loss is the smallest, and the three other places, which say little about the digit, count as much as the first. What
# suffices for a classifier that knows where to look need not suffice for a distance, which looks at everything alike.
#
# </details>
#
# ## What to take with you
#
# - Errors of several models are features. What they share (hardness) drowns what tells classes apart: take it out.
# - Where only ratios count, take logarithms and subtract their mean.
# - A clustering that has less inertia than the truth is not k-means' fault: change the features.
# - Labels that trained the features are labels used. Shuffle them to see how much hangs on them.
#
# ## Further
#
# - The package: your `linear_losses` and `log_centred` are `image_losses` and `log_centred` in
#   [features/class_losses](../scratchclust/features/class_losses.py), with trained networks;
#   [estimators/class_losses](../scratchclust/estimators/class_losses.py) has `ClassLossFeatures`, and
#   [conv_autoencoder](../scratchclust/models/conv_autoencoder.py) the network. The whole experiment: `scratchclust run
#   class-losses`.
# - P. Baldi and K. Hornik, *Neural networks and principal component analysis: learning from examples without local
#   minima*, Neural Networks, 1989.
# - G. Hinton, P. Dayan and M. Revow, *Modeling the manifolds of images of handwritten digits*, IEEE Transactions on
#   Neural Networks, 1997: several linear models for each digit; the one that draws an image best also names it.
# - J. Aitchison, *The statistical analysis of compositional data*, Journal of the Royal Statistical Society B, 1982.
# - [06](06_features_from_labels.ipynb): the other way to make features from labels. Next: [08](08_density.ipynb).
