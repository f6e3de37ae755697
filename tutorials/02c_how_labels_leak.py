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
# # How labels leak into published figures
#
# *30 minutes. Before this page: [02](02_scores_with_labels.ipynb), and of
# [02b](02b_silhouette_and_dunn.ipynb) what a silhouette is. It runs in about 15 seconds.*
#
# A clustering is to find the classes *without* having seen them. The labels are for the end, for one look. Where they
# take part before, the figure is no longer what it says. This page shows three ways in which that happens, none of
# which needs any bad intention, and a fourth for you to find. At the end you can test any program for such
# leaks, your own first.
#
# You need k-means, accuracy, purity, NMI and ARI. (The *layer* of a network is here a product with a matrix that was
# fitted to labels; the plane of two *principal axes*, from 03, is the one that shows most of a cloud.) One section
# fits a line by least squares.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import data, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import maps
from scratchclust.lessons import scores as draw
from scratchclust.reference.kmeans import assign, kmeans
from scratchclust.reference.pca import pca, transform


def shown_noise(rng):
    """Noise, labels of a die, and features that a layer trained on these labels makes of the noise."""
    noise, die = rng.standard_normal((100, 150)), rng.integers(10, size=100)
    layer = np.linalg.lstsq(noise, np.eye(10)[die], rcond=None)[0]
    return noise, die, noise @ layer


noise, die, features = shown_noise(np.random.default_rng(0))
turn = 2 * np.pi * np.arange(10) / 10
spokes = np.stack([np.cos(turn), np.sin(turn)], axis=1)  # feature j pulls a point in direction j
maps.planes(
    "100 points of noise. Their colours were thrown with a die",
    [
        ("the noise, on its two principal axes", transform(noise, pca(noise, 2)), die),
        ("ten features from a small network, as ten spokes", features @ spokes, die),
    ],
    "Left: a cloud of dots in ten colours, all mixed. Right: the same points lie exactly on ten places "
    "around a circle, one colour each.",
    columns=2,
)

# %% [markdown]
# On the left is noise, with colours from a die. On the right is the same noise, seen by a small network (a single
# layer) that makes ten numbers of each point; they are drawn as ten spokes, and number $j$ pulls the point along spoke
# $j$: ten perfect clusters. k-means finds them without any label. What has it found?
#
# The folded cell above makes `noise`, `[100, 150]`, the labels `die`, `[100]`, and the `features`, `[100, 10]`. It
# imports of the package `data`, `metrics`, `kmeans` with its `assign`, and `pca` with its `transform`; `draw` and
# `maps` make pictures.
#
# To be sure that there is nothing to be found, all of this page takes noise for its points, or labels from a coin or a
# die. Whatever is better than guessing, is made by the method of reporting.
#
# ## Leak 1: the best of many
#
# "We report the best of several runs." Best by what? If by the accuracy, then the labels chose. Here are 60 points of
# noise in 8 dimensions, labels from a coin, and k-means with two clusters, 50 times from other starts.
#
# **Predict, then run.** What accuracy has the best of 50 runs, where there is nothing to find?

# %%
N_TRIES = 50


def best_of_many(rng):
    """Mean and best accuracy of many runs on noise, and that of the best run's centroids on new noise."""
    noise, new_noise = rng.standard_normal((2, 60, 8))
    coins, new_coins = rng.integers(2, size=(2, 60))
    runs = [kmeans(noise, 2, rng=rng, init="random") for _ in range(N_TRIES)]
    accuracies = [metrics.clustering_accuracy(coins, run.labels) for run in runs]
    best = runs[int(np.argmax(accuracies))]
    names_swapped = np.mean(best.labels == coins) < 0.5  # the match of two clusters with two faces of a coin
    new_labels, _ = assign(new_noise, best.centroids)
    return (
        np.mean(accuracies),
        max(accuracies),
        np.mean(new_labels == np.where(names_swapped, 1 - new_coins, new_coins)),
    )


rng = np.random.default_rng(0)
outcomes = np.array([best_of_many(rng) for _ in range(20)])
mean_run, best_run, on_new = outcomes.mean(axis=0)
for name, value, spread in zip(
    ("mean run", "best run", "on new points"), outcomes.mean(0), outcomes.std(0), strict=True
):
    print(f"{name:14} {value:.3f} (± {spread:.3f} from experiment to experiment)")

# %% tags=["hide-input"]
assert 0.6 < best_run < 0.7
assert 0.53 < mean_run < 0.58
assert abs(on_new - 0.5) < 0.03
draw.bars(
    "Finding coins in noise: mean of 20 experiments (dashed: one half)",
    ["mean of 50 runs", "best of 50 runs", "that best one, on new points"],
    {"accuracy": outcomes.mean(axis=0)},
    "Three bars and a dashed line at one half: the mean run a little above it, the best run at 0.64, on new points one "
    "half.",
    mark=0.5,
)

# %% [markdown]
# Nearly two thirds, of coins. On new points the very same centroids are right for a half, as they must be. Even the
# mean of all runs is above a half: that is the matching, which looks at the labels too.
#
# It need not be seeds. The best of many settings, of several networks, of all epochs (rounds of a training), of some
# ways to scale the pixels: whatever is tried out and kept *for its accuracy* is a draw in this lottery. The cure:
# choose by something that needs no labels (the inertia, or simply the last state), or choose with labels on some
# images and report on *others*; and print mean, spread and worst.
#
# ## Leak 2: many clusters
#
# Purity, and also NMI, tend to grow with the number of clusters. Here are 400 digits with their labels *shuffled*, so
# that no clustering can know anything about them.
#
# **Predict, then run.** With 100 clusters, four images in each on average: what is the purity for shuffled labels? And
# with 400?

# %%
small = data.load("digits")
ks = [10, 25, 50, 100, 200, 400]
measures = {
    "accuracy": metrics.clustering_accuracy,
    "purity": metrics.purity_score,
    "NMI": metrics.normalized_mutual_info_score,
    "ARI": metrics.adjusted_rand_score,
}
rng = np.random.default_rng(0)
few_X = flatten(to_unit(small.images))[:400]
shuffled = rng.permutation(small.labels[:400])
of_k = {k: kmeans(few_X, k, rng=rng).labels for k in ks}
leaked = {name: np.array([score(shuffled, of_k[k]) for k in ks]) for name, score in measures.items()}
for name, values in leaked.items():
    print(f"{name:9}", "  ".join(f"{value:.3f}" for value in values))

# %% tags=["hide-input"]
assert 0.3 < leaked["purity"][3] < 0.45
assert leaked["purity"][-1] == 1
assert (np.diff(leaked["purity"]) > 0).all()
assert leaked["NMI"][-1] > 0.4
assert np.abs(leaked["ARI"]).max() < 0.03
assert leaked["accuracy"].max() == leaked["accuracy"][0]
draw.bars(
    "Scores against shuffled labels: whatever is not zero here is made by the score",
    [f"k = {k}" for k in ks],
    leaked,
    "Bars for 10 to 400 clusters. Purity grows from below a fifth to 1, NMI from near zero to more than 0.4, accuracy "
    "shrinks, ARI stays at zero.",
)

# %% [markdown]
# More than a third with 100 clusters, and 1 with 400. Purity rises and NMI with it, of nothing. ARI stays at zero, and
# the accuracy has no use for more clusters than classes. A purity is a figure only together with its number of
# clusters, and beside what shuffled labels give.
#
# ## Leak 3: features that have seen the labels
#
# "We train a network, take its last layer but one, and cluster that. k-means uses no labels, and is nearly perfect."
# But the network was trained *with* the labels, and its features carry them. The smallest such network is one linear
# layer, fitted by least squares: for the labels as rows $t_i$ with a 1 at the class and 0 elsewhere, find the matrix
# $W$ that makes $\sum_i |x_i W - t_i|^2$ least. Its ten outputs are the features.


# %%
def with_trained_features(n, rng, d=150):
    """On noise [n d]: accuracy of k-means on features that saw the labels, the same on new noise, and on the noise."""
    noise, new_noise = rng.standard_normal((2, n, d))
    dice, new_dice = rng.integers(10, size=(2, n))
    layer = np.linalg.lstsq(noise, np.eye(10)[dice], rcond=None)[0]  # [d, 10]
    found = [kmeans(points, 10, rng=rng, n_init=4).labels for points in (noise @ layer, new_noise @ layer, noise)]
    return [metrics.clustering_accuracy(*pair) for pair in zip((dice, new_dice, dice), found, strict=True)]


rng = np.random.default_rng(0)
of_hundred = np.array([with_trained_features(100, rng) for _ in range(3)])
print("accuracy on features that saw the labels:", of_hundred[:, 0])
print("the same layer on new noise             :", of_hundred[:, 1])
print("k-means on the noise itself             :", of_hundred[:, 2])
assert (of_hundred[:, 0] == 1).all()

# %% [markdown]
# Accuracy **1.000**, three times of three: a perfect clustering, of noise. On new points the layer is as poor as
# k-means on the noise itself. (Both are above one in ten because of the matching, which has much to choose from among
# 100 images.) k-means saw no label. The features had learned them by heart, and it merely read them off. This is the
# picture at the top of the page.
#
# ### How much can a layer learn by heart?
#
# There were 100 images and 150 numbers for each. With more numbers than images, least squares has a solution without
# any error: 100 equations, 150 unknowns, for each of the ten outputs. That makes it perfect. What if there are more
# images?
#
# **Predict, then run.** The same with 200, 600 and 1,500 points, still of 150 dimensions. Where does the accuracy on
# noise end?

# %%
sizes = [50, 100, 150, 200, 300, 600, 1000, 1500]
rng = np.random.default_rng(1)
by_heart = np.array([[with_trained_features(n, rng) for n in sizes] for _ in range(3)])  # [3, sizes, 3]
for n, value in zip(sizes, np.median(by_heart[:, :, 0], axis=0), strict=True):
    print(f"{n:5,} images: accuracy {value:.3f} (the median of three experiments)")

# %% tags=["hide-input"]
assert (by_heart[:, :3, 0] == 1).all()
assert by_heart[:, 5, 0].mean() < 0.6
assert by_heart[:, -1, 0].mean() < 0.3
named = ["features that saw the labels", "the same layer, new noise", "the noise itself"]
draw.bands(
    "Accuracy of k-means on noise with labels from a die: median and range of three experiments",
    [
        (
            "",
            {name: by_heart[:, :, part] for part, name in enumerate(named)},
            {
                "xlabel": "images (each of 150 numbers; dashed: as many images as numbers)",
                "ylabel": "accuracy",
                "xscale": "log",
                "ylim": (0, 1.05),
            },
        )
    ],
    sizes,
    "Three curves over the number of images, from 50 to 1,500. That of features which saw the labels is 1 up to about "
    "200 images, passes one half near 600 and ends near 0.2. The two others stay low and fall from about 0.3 to 0.15.",
    mark=150,
)

# %% [markdown]
# It ends near 0.2. That curve is worth more than the figure 1.000. Up to as many images as dimensions the layer knows
# everything by heart; then it must compromise, and with ten times as many little is left. So the leak is the larger,
# the more freedom the network has beside the number of its images. A network of a million weights can do to the 50,000
# images of CIFAR-10 what our layer did to 100 (Zhang et al., 2017, fitted random labels to all of them). With real
# images such features are useful, and they often carry over to new ones. But then it is *classification*, and must be
# compared with classifiers.
#
# ## Something is wrong here
#
# A colleague has photographs in ten folders, one for each kind. They come from ten days, and the camera had a fault:
# every picture has a pattern of its own. "I correct it as one does in a laboratory. I take the first picture of each
# folder for the background and subtract it from the others. Then pixels, then k-means. **No network, no training, and
# no label near k-means.** Accuracy 1.00!"
#
# Here is the program. And the photographs are, once more, noise:


# %%
def correct_and_cluster(photographs, folders, rng):
    """The colleague's program: subtract the first picture of each folder from its others, then k-means."""
    corrected, kept_folders = [], []
    for folder in np.unique(folders):
        pictures = photographs[folders == folder]
        corrected.append(pictures[1:] - pictures[0])
        kept_folders.append(folders[folders == folder][1:])
    clusters = kmeans(np.concatenate(corrected), 10, rng=rng, n_init=10).labels
    return clusters, np.concatenate(kept_folders)


rng = np.random.default_rng(0)
photographs = rng.standard_normal((500, 150))
folders = np.repeat(np.arange(10), 50)  # the folder is the kind of photograph
clusters, kinds = correct_and_cluster(photographs, folders, rng)
print(f"accuracy {metrics.clustering_accuracy(kinds, clusters):.3f}")
assert metrics.clustering_accuracy(kinds, clusters) > 0.95

# %% [markdown]
# **Where do the labels come in?** And is there a test that would have found it without reading the program? Answer
# before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# A folder *is* a label. All pictures of a folder have had the same picture subtracted, so they share its pattern,
# turned negative, and no other folder does. In 150 dimensions these ten patterns are far apart, and k-means finds them.
# The features carry the folders, whatever was photographed. It happens wherever pictures are treated by group and the
# group goes with the class: the background of a day, the mean of a batch, the contrast of a folder, the settings of the
# one camera with which all of the ill were photographed.
#
# The test: **shuffle the labels before the first step, and run everything again.** Deal the photographs out into other
# folders. An honest program falls to what guessing gives. What stays up is the leak. Shuffling at the *end*, before the
# score, shows nothing: then the features still carry the true folders, and the accuracy falls as if all were well.
#
# </details>
#
# Put to the test, with both ways to shuffle, and three seeds each:

# %%
for seed in range(3):
    rng = np.random.default_rng(seed)
    dealt_clusters, dealt = correct_and_cluster(photographs, rng.permutation(folders), rng)
    before = metrics.clustering_accuracy(dealt, dealt_clusters)
    after = metrics.clustering_accuracy(rng.permutation(kinds), clusters)
    print(f"seed {seed}: shuffled before the first step {before:.3f}, shuffled at the end {after:.3f}")
    assert before > 0.85
    assert after < 0.25

# %% tags=["hide-input"]
corrected = photographs - photographs[::50][folders]
maps.planes(
    "500 pictures of noise on two principal axes; colours are folders",
    [
        ("before the correction", transform(photographs, pca(photographs, 2)), folders),
        ("after it", transform(corrected, pca(corrected, 2)), folders),
    ],
    "Left: one cloud with all colours mixed. Right: the colours have come apart into clumps, one for each folder.",
    columns=2,
)

# %% [markdown]
# The cure: treat all pictures alike (one background for all), or leave the groups out of what decides.
#
# ## What to ask of a published figure
#
# 1. Which score is it: matched one to one, or purity? A mean over images, or over clusters?
# 2. How many clusters, how many classes? What does the same score give for shuffled labels?
# 3. Is it one run, the best, or the mean of several? What chose the setting, the epoch, the seed?
# 4. Did any part, features and corrections included, see labels? On which images, and are these the ones that were
#    scored? How many images, beside how many weights?
# 5. If no labels were used at all: were the compared silhouettes measured in the same space
#    ([02b](02b_silhouette_and_dunn.ipynb))?
#
# ## Exercise: a score that knows chance
#
# ARI puts chance at 0. Do the same for any score: shuffle the labels several times, take the mean score $c$ that comes
# from chance alone, and compute
#
# $$\text{adjusted} = \frac{\text{score} - c}{1 - c}$$
#
# Write `adjusted(score, classes, clusters, rng)`. Then adjust purity and NMI of leak 2 for every $k$, once for the
# shuffled labels and once for the true ones (`small.labels[:400]`). Which values stay, which go? Something happens at
# the largest $k$. What, and is it right?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def adjusted(score, classes, clusters, rng, n_shuffles=10):
#     chance = np.mean([score(rng.permutation(classes), clusters) for _ in range(n_shuffles)])
#     return (score(classes, clusters) - chance) / (1 - chance) if chance < 1 - 1e-9 else np.nan
#
#
# rng = np.random.default_rng(0)
# for name in ("purity", "NMI"):
#     of_shuffled = np.array([adjusted(measures[name], shuffled, of_k[k], rng) for k in ks])
#     of_true = np.array([adjusted(measures[name], small.labels[:400], of_k[k], rng) for k in ks])
#     print(f"{name:8} shuffled labels {of_shuffled.round(3)}   true labels {of_true.round(3)}")
#     assert np.nanmax(np.abs(of_shuffled)) < 0.15
#     assert of_true[0] > 0.6
# assert np.isnan(adjusted(metrics.purity_score, shuffled, of_k[400], rng))
# ```
#
# What was chance goes to about 0, what was found on the digits stays. At the largest $k$ each image is alone. Then the
# purity is 1 for *any* labels, so $c = 1$ and the formula is $0 / 0$: the score cannot tell anything there, and it is
# right to say so instead of printing a number. NMI has the same fault there, less visibly: shuffling single images
# changes nothing, so score and chance are the same number, and the adjusted NMI is 0.
#
# </details>
#
# ## What to take with you
#
# - What was chosen by its score against the labels has used the labels.
# - Purity and NMI grow with the number of clusters, of nothing.
# - Features trained with labels hold them; those of a linear layer hold them all where there are no more images than
#   numbers for each.
# - One test finds nearly all of it: shuffle the labels *before the first step*, and run everything again.
#
# ## Further
#
# - C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, *Understanding deep learning requires rethinking
#   generalization*, ICLR 2017: networks learn random labels by heart.
# - S. Kapoor and A. Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, Patterns,
#   2023: leakage of several kinds, found in seventeen fields.
# - N. Vinh, J. Epps and J. Bailey, *Information theoretic measures for clusterings comparison*, Journal of Machine
#   Learning Research, 2010: the exercise, without shuffling, as a formula.
# - Features from labels, with real networks: [06](06_features_from_labels.ipynb). Next: [03](03_pca.ipynb), on looking
#   at data of many dimensions.
