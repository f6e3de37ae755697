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
# Somebody who has only ever drawn sixes will draw a five badly. So give an image to four copyists, each of whom knows
# only one of the digits 5, 6, 8 and 9, and note how badly each of them copies it: four numbers, which together say what
# the image looks like. When you have read this page and run its cells, you will be able to
#
# 1. write the best *linear* autoencoder in ten lines of NumPy, without any training;
# 2. turn the errors of several autoencoders into features of an image, and cluster those;
# 3. find out why the errors as they are cluster badly, and cure it with two operations;
# 4. do the same with convolutional networks, in five lines;
# 5. say what such a result owes to labels, and what it must be compared with.
#
# You need Python and some NumPy. `01_kmeans` explains k-means and `02_how_good_is_a_clustering` the accuracy of a
# clustering. How a network is trained is the subject of `04_gradient_descent_by_hand`; here we only let it happen.

# %% [markdown]
# ## Setting up
#
# Every constant of this tutorial stands in the next cell. Unless told otherwise it uses the small digits that come
# with the package, and runs in well under a minute. With `SCRATCHCLUST_TUTORIAL_DATA=real` in the environment it uses
# MNIST, 28x28 pixels a digit (`scratchclust data mnist` gets it, or says how). The outputs that are committed with the
# notebook come from MNIST. The text fits either: it takes its numbers from the cell above.

# %%
import os

REAL_DATA = os.environ.get("SCRATCHCLUST_TUTORIAL_DATA", "bundled") == "real"

SEED = 0  # of all random numbers
DIGITS = (5, 6, 8, 9)  # each will have an autoencoder of its own
N_TRAINING_IMAGES = 12_000  # used at most
FAINTEST = 0.3  # the ink of the weakest pen, where the strongest has 1; only for the small digits
CODE_LENGTH = 16 if REAL_DATA else 8  # numbers in the code of every autoencoder
N_STARTS = 10  # k-means runs so often and keeps the run of least inertia
WIDTHS = (16, 32)  # channels of the convolutional autoencoder, after each halving of the picture
EPOCHS = 12 if REAL_DATA else 50
BATCH_SIZE = 64 if REAL_DATA else 16
N_SHOWN = 10  # images in a row
N_DOTS = 1_500  # images in a picture of dots, at most
TIMING_RUNS = 5  # each program runs so often, in turn; the median counts

# %%
import time

import numpy as np
from IPython.display import Markdown, display

from scratchclust import ClassLossFeatures, KMeans, data, devices, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.features import class_losses
from scratchclust.features.autoencoder import reconstruct
from scratchclust.features.networks import model_of
from scratchclust.models import ConvAutoencoderSpec
from scratchclust.reference import pca as reference_pca
from scratchclust.report import figures

devices.use_all_cores()  # for JAX, later; it must be told before its first use


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


def titled(figure, title):
    """The figure under another title."""
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, fontweight="bold")
    return figure


# %% [markdown]
# ## Four digits, twice
#
# We need two sets of images. The autoencoders learn from the **training images**. Everything else (clusters, scores,
# pictures) is about **test images**, which no autoencoder has seen: a network knows the images it was trained on, and
# copies them better than new ones of the same digit. The labels of the test images serve for scores and colours only;
# no setting was chosen by them.
#
# MNIST comes in two such sets, and is taken as it is. The small digits are parted in halves. Their ink is all of one
# strength, which is kinder than life; so each of them gets a pen of its own: its pixels are multiplied by a random
# factor.


# %%
def of_the_four(dataset):
    """Images and labels of the digits 5, 6, 8 and 9."""
    chosen = np.isin(dataset.labels, DIGITS)
    return dataset.images[chosen], dataset.labels[chosen]


def with_many_pens(images, rng):
    """Each image with its own strength of ink."""
    strength = rng.uniform(FAINTEST, 1, size=(len(images), 1, 1, 1))
    return (strength * images).round().astype(np.uint8)


if REAL_DATA:
    name = "MNIST"
    images, digits = of_the_four(data.load("mnist", split="train"))
    images, digits = images[:N_TRAINING_IMAGES], digits[:N_TRAINING_IMAGES]
    test_images, test_digits = of_the_four(data.load("mnist", split="test"))
else:
    name = "the small digits, in ink of different strength"
    rng = np.random.default_rng(SEED)
    every_image, every_digit = of_the_four(data.load("digits"))
    every_image, order = with_many_pens(every_image, rng), rng.permutation(len(every_image))
    half = len(order) // 2
    images, digits = every_image[order[:half]], every_digit[order[:half]]
    test_images, test_digits = every_image[order[half:]], every_digit[order[half:]]

X, test_X = flatten(to_unit(images)), flatten(to_unit(test_images))  # [n, d], from 0 (black) to 1 (white)
say(f"The data are **{name}**: {len(X):,} training images and {len(test_X):,} test images of {X.shape[1]} pixels.")
figures.image_row(
    test_images[:N_SHOWN], test_digits[:N_SHOWN].tolist(), title="The first test images, and their digits"
)

# %% [markdown]
# What is to be beaten? k-means on the pixels of the test images, without any label and without any network:


# %%
def clusters_of(features):
    return KMeans(n_clusters=len(DIGITS), n_init=N_STARTS, random_state=SEED).fit(features).labels_


def accuracy_of(clusters):
    return metrics.clustering_accuracy(test_digits, clusters)


def named_after(clusters):
    """For each image, the digit that its cluster is named after when all are named in the best way."""
    matching = metrics.match_clusters(test_digits, clusters)
    digit_of = dict(zip(matching.clusters, matching.classes[matching.matched_class], strict=True))
    return np.array([digit_of[cluster] for cluster in clusters])


def histograms(clusters, title):
    contingency = metrics.contingency_matrix(test_digits, clusters)  # [digits, clusters]
    return titled(figures.label_histograms(contingency, DIGITS), title)


pixel_clusters = clusters_of(test_X)
say(
    f"Name each cluster after one digit, in the best way: then **{accuracy_of(pixel_clusters):.1%}** of the test "
    f"images are named rightly. Guessing would be right for about {1 / len(DIGITS):.0%}."
)
histograms(pixel_clusters, "k-means on pixels: the digits in each cluster")

# %% [markdown]
# ## An autoencoder without training
#
# An **autoencoder** squeezes an image $x$ of $d$ pixels into a **code** $z$ of $q$ numbers, far fewer, and draws the
# image again from the code alone. The simplest one is linear. With a mean image $m$ and a matrix $V$ of $q$ directions
# (its rows are orthogonal and of length 1),
#
# $$z = V (x - m), \qquad x' = m + V^\top z$$
#
# The **reconstruction loss** says how badly the drawing fits, as the mean square over the pixels:
#
# $$f(x) = \frac{1}{d} \, |x - x'|^2$$
#
# Which $m$ and $V$ make the loss of the training images smallest? One need not search: $m$ is their mean, and the rows
# of $V$ are the $q$ directions in which they vary most. That is principal component analysis (PCA): the directions are
# the eigenvectors of the images' covariance which have the largest eigenvalues.


# %%
def fit_linear(X):
    mean = X.mean(axis=0)
    covariance = (X - mean).T @ (X - mean) / len(X)  # [d, d]
    _, directions = np.linalg.eigh(covariance)  # one in each column; the last varies most
    return mean, directions[:, -CODE_LENGTH:].T  # [d] and [q, d]


def draw_again(X, mean, directions):
    codes = (X - mean) @ directions.T  # [n, q]
    return mean + codes @ directions  # [n, d]


def loss(X, drawn):
    return ((X - drawn) ** 2).mean(axis=1)  # [n]


# %% [markdown]
# That is all: three functions, seven lines in their bodies. Two checks. The package's own PCA must give the same
# losses, and directions drawn at random must give larger ones:

# %%
sixes = X[digits == 6]
mean, directions = fit_linear(sixes)
best = loss(sixes, draw_again(sixes, mean, directions))

components = reference_pca.pca(sixes, CODE_LENGTH)
codes = reference_pca.transform(sixes, components)
np.testing.assert_allclose(best, loss(sixes, reference_pca.inverse_transform(codes, components)), rtol=1e-2, atol=1e-5)

random_directions = np.linalg.qr(np.random.default_rng(SEED).standard_normal((X.shape[1], CODE_LENGTH)))[0].T
at_random = loss(sixes, draw_again(sixes, mean, random_directions))
assert best.mean() < 0.5 * at_random.mean()
say(
    f"The mean loss of the {len(sixes):,} sixes is **{best.mean():.4f}** with a code of {CODE_LENGTH} numbers. "
    f"With {CODE_LENGTH} random directions it is {at_random.mean():.4f}."
)

# %% [markdown]
# ## Four of them
#
# Now one for each digit, trained on its images alone. Here they are at work on test images. Each row is one
# autoencoder, and it does what it can with what it knows:

# %%
began = time.perf_counter()
linear = [fit_linear(X[digits == digit]) for digit in DIGITS]
linear_seconds = time.perf_counter() - began

two_of_each = np.concatenate([np.flatnonzero(test_digits == digit)[:2] for digit in DIGITS])
drawn = {
    f"knows only {digit}": draw_again(test_X[two_of_each], *autoencoder).reshape(test_images[two_of_each].shape)
    for digit, autoencoder in zip(DIGITS, linear, strict=True)
}
titled(figures.reconstructions(test_images[two_of_each], drawn), "Four linear autoencoders, each of one digit")

# %% [markdown]
# In each column the drawing of the right autoencoder is the clean one. The others bend the image towards their own
# digit, and are blurred where it does not fit. The four losses of an image are its **features**:
#
# $$f(x) = \big(f_5(x),\; f_6(x),\; f_8(x),\; f_9(x)\big)$$


# %%
def linear_losses(X, autoencoders):
    return np.stack([loss(X, draw_again(X, *autoencoder)) for autoencoder in autoencoders], axis=1)  # [n, 4]


raw = linear_losses(test_X, linear)
print("digit       " + "".join(f"{f'loss by {digit}':>12}" for digit in DIGITS))
for digit, losses in zip(test_digits[two_of_each], raw[two_of_each], strict=True):
    marked = [f"{value:.4f}{'*' if value == losses.min() else ' '}" for value in losses]
    print(f"{digit:<12}" + "".join(f"{text:>12}" for text in marked))

# %% [markdown]
# The star marks the smallest of a row. Remember it: to take the digit of the smallest loss is a **classifier**, the
# simplest that one can make of these numbers.

# %%
smallest_loss = np.array(DIGITS)[raw.argmin(axis=1)]
linear_classified = np.mean(smallest_loss == test_digits)
say(f"The digit of the smallest loss is the right one for **{linear_classified:.1%}** of the test images.")
assert linear_classified > 0.9

# %% [markdown]
# ### Its twin in JAX
#
# In JAX one can write the loss of *one* image under *one* autoencoder, and have the rest added. `jax.vmap(f,
# in_axes=...)` makes of a function a new one that takes a whole stack of some of its arguments: `in_axes` has a 0 for
# each argument that becomes a stack, and `None` for each that stays. We need it twice: once for the four autoencoders,
# once for all the images. `jax.jit` then compiles the whole into one program.

# %%
import jax


def loss_of_one(x, mean, directions):  # [d], [d] and [q, d]
    code = directions @ (x - mean)
    drawn = mean + code @ directions
    return ((x - drawn) ** 2).mean()


by_all_autoencoders = jax.vmap(loss_of_one, in_axes=(None, 0, 0))  # one image: [4]
linear_losses_jax = jax.jit(jax.vmap(by_all_autoencoders, in_axes=(0, None, None)))  # all images: [n, 4]

means, all_directions = (np.stack(parts) for parts in zip(*linear, strict=True))  # [4, d] and [4, q, d]
difference = np.abs(linear_losses_jax(test_X, means, all_directions) - raw).max()
assert difference < 1e-5
say(f"The same losses; none differs by more than {difference:.0e}.")

# %% [markdown]
# ## Something is wrong here
#
# The digit is in these four numbers; the stars have shown it. Then k-means with four clusters should find it, without
# being told which number belongs to which digit:

# %%
raw_clusters = clusters_of(raw)
histograms(raw_clusters, "k-means on the four losses: the digits in each cluster")

# %%
hardness = raw.mean(axis=1)  # how badly an image is drawn, on average over the four


def inertia(features, groups):
    """What k-means makes small: the sum of the squared distances to the mean of the group."""
    return sum(((part - part.mean(axis=0)) ** 2).sum() for part in (features[groups == g] for g in np.unique(groups)))


say(
    f"Accuracy **{accuracy_of(raw_clusters):.1%}**, where the smallest loss alone is right for {linear_classified:.1%}."
)
print(f"inertia of these clusters          {inertia(raw, raw_clusters):.4f}")
print(f"inertia of the four digits         {inertia(raw, test_digits):.4f}")
print("\ncluster   images   median hardness")
for cluster in range(len(DIGITS)):
    inside = raw_clusters == cluster
    print(f"{cluster:<10}{inside.sum():6}{np.median(hardness[inside]):18.4f}")

# %%
by_hardness = hardness.argsort()
easiest_and_hardest = np.concatenate([by_hardness[:N_SHOWN], by_hardness[-N_SHOWN:]])
lines = [text for kind in ("easy", "hard") for text in [kind, *[""] * (N_SHOWN - 1)]]
figures.image_row(test_images[easiest_and_hardest], lines, title="The images of least and of largest hardness")

# %% [markdown]
# **Find out what went wrong.** Answer before you unfold: Are the autoencoders bad? Was k-means caught in a poor
# minimum, as in `01_kmeans`? If neither, by what does it sort the images? The two inertias, the last column of the
# table and the two rows of images have the answer.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The autoencoders are fine, or the smallest loss would not tell the digit. k-means is fine too: its clusters have
# *less* inertia than the true digits. By its own measure they are better than what we wanted, so no luckier start can
# lead it to the digits. It is the **features** that do not say what we mean.
#
# What they say first is how *hard* an image is. Look at the two rows: few thin strokes are easy for everybody, much ink
# and wild strokes are hard for everybody. A hard image has four large losses and an easy one four small ones, whatever
# the digit. The differences *between* the four, in which the digit is, must compete with that common rise and fall, and
# k-means, which measures plain distances, does not know which of the two we care about. A digit that stands clear of
# the others may keep a cluster of its own. The rest is cut into easy and hard: look at the medians, and at the clusters
# in which several digits lie together.
#
# </details>

# %% [markdown]
# If that is the diagnosis, then among images of *one* digit, where there is nothing to tell apart, all four losses must
# tend to rise and fall together. The correlation of two series of numbers is 1 if they do so exactly, 0 if they have
# nothing to do with each other. And the clusters must differ in hardness: a good part of its variance must lie
# *between* them, more than between the digits.


# %%
def share_explained(values, groups):
    """The share of the variance of some numbers that is between groups, not inside them."""
    return 1 - inertia(values, groups) / inertia(values, np.zeros(len(values)))


pairs = np.triu_indices(len(DIGITS), 1)  # of two losses each: (0, 1), (0, 2), ...
for digit in DIGITS:
    correlations = np.corrcoef(raw[test_digits == digit].T)[pairs]
    print(f"images of {digit}: correlations of their losses, from {correlations.min():.2f} to {correlations.max():.2f}")
    assert correlations.min() > 0
    assert correlations.mean() > 0.3

ink = (test_X**2).mean(axis=1)
by_clusters, by_digits = share_explained(hardness, raw_clusters), share_explained(hardness, test_digits)
say(
    f"Hardness goes with the ink of an image (the mean square of its pixels): correlation "
    f"{np.corrcoef(ink, hardness)[0, 1]:.2f}. The digits have little to do with it: {by_digits:.0%} of its "
    f"variance lies between them. Between the clusters it is **{by_clusters:.0%}**: they sort by the digit "
    "where it stands clear, and by hardness elsewhere."
)
assert by_clusters > 2 * by_digits
assert inertia(raw, raw_clusters) < inertia(raw, test_digits)

# %% [markdown]
# Two of the four losses can be drawn on a plane, one dot for each test image. On the left the colours are the digits.
# On the right they are the clusters that k-means made of all four losses, each in the colour of the digit that it is
# named after: a dot that has another colour than on the left is in a wrong cluster. The big dots are the means.


# %%
def two_features(features, clusters, title):
    """The features of test images by the autoencoders of 8 and 9, coloured by digit and by cluster."""
    plane = features[:N_DOTS, [DIGITS.index(8), DIGITS.index(9)]]
    groupings = {"coloured by digit": test_digits, "coloured by cluster": named_after(clusters)}
    steps = []
    for words, group in groupings.items():
        colors = np.searchsorted(DIGITS, group[:N_DOTS])  # 0 for a 5, 1 for a 6, ...
        means = np.stack([plane[colors == j].mean(axis=0) for j in range(len(DIGITS))])
        steps.append((words, means, colors))
    figure = titled(figures.plane_steps(plane, steps, columns=2, paths=False), title)
    for ax, (_, means, _) in zip(figure.axes, steps, strict=True):
        ax.set(xlabel="by the autoencoder of 8", ylabel="by the autoencoder of 9")
        for digit, mean in zip(DIGITS, means, strict=True):
            ax.annotate(str(digit), mean, xytext=(8, 6), textcoords="offset points", fontweight="bold", fontsize=12)
    return figure


figure = two_features(raw, raw_clusters, "Losses of the test images")
figure.axes[0].set(xlim=(0, None), ylim=(0, None))  # the other panel has the same axes
figure

# %% [markdown]
# The corner at the lower left is where both losses are zero. Seen from there the digits are *rays*: what tells them
# apart is the direction, and on each of them the easy images are near the corner and the hard ones far out. k-means
# goes by distance. A ray that stands off from the others it may find; where rays run side by side it cuts across them,
# as on the right.
#
# ## The cure
#
# Along a ray all losses grow by the same *factor*. Suppose that an image's hardness $h(x)$ multiplies what the
# autoencoders would have to say about the digit, $s_j(x)$:
#
# $$f_j(x) = h(x) \, s_j(x)$$
#
# The logarithm turns the factor into a term, which is the same for all four, and subtracting the mean of the four takes
# it away:
#
# $$\log f_j = \log h + \log s_j, \qquad g_j = \log f_j - \frac{1}{4} \sum_i \log f_i = \log s_j - \frac{1}{4} \sum_i
# \log s_i$$
#
# No $h$ is left in $g$. (Which does not say that it takes both: where images differ little in hardness, the logarithm
# or the centring alone may do nearly as well. The exercise at the end measures it.)


# %%
def log_centred(losses):
    logarithms = np.log(losses)
    return logarithms - logarithms.mean(axis=1, keepdims=True)


cured = log_centred(raw)
np.testing.assert_allclose(log_centred(3 * raw), cured, atol=1e-5)  # three times as hard, and no change

cured_clusters = clusters_of(cured)
say(
    f"Accuracy **{accuracy_of(cured_clusters):.1%}**, with the losses as they were {accuracy_of(raw_clusters):.1%}. "
    "The autoencoders, the images, k-means and its settings are the same."
)
histograms(cured_clusters, "k-means on log-centred losses: the digits in each cluster")

# %%
two_features(cured, cured_clusters, "Log-centred losses of the same images")

# %%
by_cured_clusters = share_explained(hardness, cured_clusters)
say(
    "The rays have become heaps, and heaps are what k-means finds. Of the variance of the hardness "
    f"**{by_cured_clusters:.0%}** lies between the new clusters, where it was {by_clusters:.0%}; between the digits it "
    f"is {by_digits:.0%}."
)
assert accuracy_of(cured_clusters) > accuracy_of(raw_clusters) + 0.15
assert accuracy_of(cured_clusters) > linear_classified - 0.03
assert abs(by_cured_clusters - by_digits) < 0.05

# %% [markdown]
# Four numbers whose sum is zero are points in three dimensions, and two principal components show most of them. Each
# small picture is a test image, at the place of its features, in a frame of the colour of its cluster (the colours now
# follow the numbers of the clusters, which k-means gave without knowing digits):

# %%
components = reference_pca.pca(cured, 2)
points = reference_pca.transform(cured, components)
titled(
    figures.embedding(points, cured_clusters, test_images, rng=np.random.default_rng(SEED)),
    "Log-centred losses of the test images, by cluster",
)

# %% [markdown]
# At the tips stand images that only one of the four autoencoders can draw. In the middle are those that fit several.
# Where two clusters overlap here, the dimension that is missing from the picture parts them.
#
# ## With convolutional networks
#
# A linear autoencoder can only add up fixed pictures. A convolutional one bends: its encoder halves the picture twice
# by convolutions and makes a code of it, and its decoder goes the same way back. It has to be trained, by gradient
# descent. The class `ClassLossFeatures` does that for each class, starting from the same parameters, so that only what
# they saw makes the four differ. Then `transform` gives the four losses of each image: log-centred unless told
# otherwise, and here `"raw"`, since we want to see both. The code is as long as before.

# %%
spec = ConvAutoencoderSpec(widths=WIDTHS, activation="leaky_relu")  # plain "relu" can die in small networks
features = ClassLossFeatures(
    "raw", model=spec, latent_dim=CODE_LENGTH, epochs=EPOCHS, batch_size=BATCH_SIZE, random_state=SEED
)
began = time.perf_counter()
features.fit(images, digits)
training_seconds = time.perf_counter() - began

histories = {
    f"knows only {digit}": {"squared error, mean over the pixels": history["mse_per_pixel"]}
    for digit, history in zip(DIGITS, features.history_.values(), strict=True)
}
titled(figures.training_curves(histories), "Training: the loss of each network on its own digit")

# %% [markdown]
# The same test images as above, drawn by the four networks:

# %%
networks = [model_of(features.spec_, images.shape[1:], arrays) for arrays in features.parameters_.values()]
drawn = {
    f"knows only {digit}": reconstruct(network, test_images[two_of_each])
    for digit, network in zip(DIGITS, networks, strict=True)
}
titled(figures.reconstructions(test_images[two_of_each], drawn), "Four convolutional autoencoders, each of one digit")

# %%
conv_raw = features.transform(test_images)  # [n, 4]
by_hand = np.stack([class_losses.image_losses(network, test_images) for network in networks], axis=1)
np.testing.assert_allclose(conv_raw, by_hand, rtol=1e-5)
conv_cured = log_centred(conv_raw)
np.testing.assert_allclose(conv_cured, class_losses.log_centred(conv_raw), atol=1e-5)  # what "log-centred" would give

conv_raw_clusters, conv_clusters = clusters_of(conv_raw), clusters_of(conv_cured)
conv_classified = np.mean(np.array(DIGITS)[conv_raw.argmin(axis=1)] == test_digits)
say(
    f"k-means on the losses as they are: **{accuracy_of(conv_raw_clusters):.1%}**. "
    f"On log-centred ones: **{accuracy_of(conv_clusters):.1%}**. "
    f"The cure works here for the same reason; nothing in it was about linear autoencoders."
)
assert accuracy_of(conv_clusters) > accuracy_of(conv_raw_clusters) + 0.1
histograms(conv_clusters, "Convolutional networks, log-centred losses: the digits in each cluster")

# %% [markdown]
# Which images lie in the wrong cluster? The first of them, each with its digit and the digit that its cluster is named
# after:

# %%
named = named_after(conv_clusters)
wrong = np.flatnonzero(named != test_digits)
assert np.isclose(1 - len(wrong) / len(named), accuracy_of(conv_clusters))
lines = [f"{test_digits[i]} among {named[i]}" for i in wrong[: 2 * N_SHOWN]]
title = f"In a wrong cluster: {len(wrong)} of {len(named):,} images, and the first of them"
figures.image_row(test_images[wrong[: 2 * N_SHOWN]], lines, title=title)

# %% [markdown]
# ## What it costs: labels
#
# k-means has seen no label. Is this then a clustering *without* labels, to be set beside k-means on pixels? No. Each
# autoencoder was told which training images are its own, so **every training label was used**, before k-means began. A
# test shows how much hangs on that: shuffle the training labels and leave all else as it is.

# %%
shuffled = np.random.default_rng(SEED).permutation(digits)
of_shuffled = [fit_linear(X[shuffled == digit]) for digit in DIGITS]
shuffled_accuracy = accuracy_of(clusters_of(log_centred(linear_losses(test_X, of_shuffled))))
say(
    f"With shuffled training labels, log-centred losses of linear autoencoders give **{shuffled_accuracy:.1%}**, not "
    f"{accuracy_of(cured_clusters):.1%}. Four autoencoders of all digits have nothing to say about one. All that "
    "these features know of digits came in by the labels."
)
assert shuffled_accuracy < accuracy_of(cured_clusters) - 0.3

# %% [markdown]
# So the fair comparison is with a **classifier** that had the same labels, and one is at hand: the smallest loss. It
# does without k-means, and also *names* the digits, where a clustering has to be told their names by matching it with
# the labels of the test images.

# %%
names = [
    "pixels (no labels used)",
    "linear, losses as they are",
    "linear, log-centred",
    "linear, smallest loss (classifier)",
    "convolutional, losses as they are",
    "convolutional, log-centred",
    "convolutional, smallest loss (classifier)",
]
found = [accuracy_of(pixel_clusters), accuracy_of(raw_clusters), accuracy_of(cured_clusters), linear_classified]
found += [accuracy_of(conv_raw_clusters), accuracy_of(conv_clusters), conv_classified]
figure = figures.comparison_bars(names, {f"accuracy on {len(test_X):,} test images": found})
titled(figure, "Four digits, seven ways")

# %%
say(
    f"The clusters of the convolutional networks are right for {accuracy_of(conv_clusters):.1%}, the smallest loss for "
    f"{conv_classified:.1%}. k-means can hardly do more than find again what the labels had put there. The "
    f"figure that owes nothing to labels is the first, **{accuracy_of(pixel_clusters):.1%}**."
)
assert abs(accuracy_of(conv_clusters) - conv_classified) < 0.05

# %% [markdown]
# And it matters *which* images are scored. Here the same networks on the images that they were trained on:

# %%
both = {"training images": (images, digits), "test images": (test_images, test_digits)}
own_losses = []
print(f"{'':18}{'loss by the own network':>26}{'smallest loss is right':>26}")
for kind, (pictures, truth) in both.items():
    losses, own = features.transform(pictures), np.searchsorted(DIGITS, truth)  # own: the column of the own network
    own_losses.append(losses[np.arange(len(own)), own].mean())
    print(f"{kind:18}{own_losses[-1]:26.4f}{np.mean(losses.argmin(axis=1) == own):26.1%}")
assert own_losses[0] < own_losses[1]

# %% [markdown]
# The networks draw the images they know better than new ones. That is why nothing above was scored on training images:
# with few images or long training the gap grows, and a score on training images would say more about memory than about
# digits.
#
# ## What it takes
#
# The time to fit, and the time to compute the four losses of all test images. The programs run in turn, several times,
# and the median counts; each has run before, so that JAX has compiled what it needs. The fits ran once, that of the
# linear autoencoders by NumPy for both of their rows, and that of the networks includes compiling.


# %%
def clocked(program):
    began = time.perf_counter()
    program()
    return time.perf_counter() - began


programs = {
    "linear, NumPy": lambda: linear_losses(test_X, linear),
    "linear, JAX": lambda: jax.block_until_ready(linear_losses_jax(test_X, means, all_directions)),
    "convolutional": lambda: features.transform(test_images),
}
turns = [{name: clocked(program) for name, program in programs.items()} for _ in range(TIMING_RUNS)]
medians = [np.median([turn[name] for turn in turns]) for name in programs]
fits = [linear_seconds, linear_seconds, training_seconds]  # the first two are the same fit
clusterings = [cured_clusters, cured_clusters, conv_clusters]

print(f"{'':16}{'fit (s)':>10}{'losses (s)':>12}{'accuracy':>10}")
for name, fit, median, clusters in zip(programs, fits, medians, clusterings, strict=True):
    print(f"{name:16}{fit:10.2f}{median:12.4f}{accuracy_of(clusters):10.1%}")

# %% [markdown]
# Take it as what it is: one problem on one machine, with whatever else that machine had to do. JAX need not win: a few
# products of matrices are NumPy's best case. But that a few
# directions, found without any training, come so near to trained networks is worth remembering. Try the simple thing
# first: it is also the one that you can explain.
#
# ## Exercise: which half is the cure?
#
# The cure has two halves, the logarithm and the centring. Write four other features from `raw`, and **predict before
# you run them** which of them k-means can use:
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
#
# assert accuracies["shares"] > accuracies["log-centred"] - 0.03
# assert accuracies["ranks"] < accuracies["log-centred"] - 0.02
# assert accuracies["log-centred"] > max(accuracies.values()) - 0.02
# ```
#
# If hardness is a factor, then **shares** are free of it, since it stands above and below the line, and they do about
# as well as the cure. The **logarithm alone** turns the factor into a term but leaves it there, and **centring alone**
# takes a term away where there is a factor. Each half mends a part, and how much depends on how far the hardness of
# the images differs: on the small digits, with their many pens, neither is enough; on MNIST, with these losses, each
# comes near to the whole.
#
# **Ranks** disappoint, though the classifier needs no more than the place of the 0. They throw away by *how much* a
# loss is the smallest, and the three other places, which say little about the digit, count as much as the first. What
# suffices for a classifier that knows where to look need not suffice for a distance, which looks at everything alike.
#
# </details>
#
# ## What to read next
#
# - The files: [scratchclust/features/class_losses.py](../scratchclust/features/class_losses.py), the losses and the
#   cure; [scratchclust/estimators/class_losses.py](../scratchclust/estimators/class_losses.py) with
#   `ClassLossFeatures`;
#   [scratchclust/models/conv_autoencoder.py](../scratchclust/models/conv_autoencoder.py), the network. The two twins of
#   PCA: [scratchclust/reference/pca.py](../scratchclust/reference/pca.py) and
#   [scratchclust/reduce/pca.py](../scratchclust/reduce/pca.py).
# - The whole experiment, with larger networks and all images: `scratchclust run class-losses`.
# - P. Baldi and K. Hornik, *Neural networks and principal component analysis: learning from examples without local
#   minima*, Neural Networks, 1989: the best linear autoencoder is PCA.
# - G. Hinton, P. Dayan and M. Revow, *Modeling the manifolds of images of handwritten digits*, IEEE Transactions on
#   Neural Networks, 1997: several linear models for each digit; the one that draws an image best also names it.
# - J. Aitchison, *The statistical analysis of compositional data*, Journal of the Royal Statistical Society B, 1982:
#   logarithms less their mean, for numbers of which only the ratios count.
# - The tutorial before this one, [06_features_from_a_classifier](06_features_from_a_classifier.ipynb): the other way
#   to make features from labels. The next, [08_density_trees_and_graphs](08_density_trees_and_graphs.ipynb): the same
#   four digits without any.
