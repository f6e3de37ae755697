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
# # PCA and t-SNE: maps of images, and how to read them
#
# An image is a point in as many dimensions as it has pixels, and nobody can look into so many. A **map** puts every
# image at a place on a plane. When you have read this page and run its cells, you will be able to
#
# 1. find the principal axes of any data in ten lines, look at them, and say what a plane of two axes leaves out;
# 2. write t-SNE from its definition, and check its gradient in two ways;
# 3. add up the forces between all pairs of points without going through all pairs;
# 4. tell what a map says about the data from what it only seems to say;
# 5. cluster a map, put new images into it, and notice clusters that are not there.
#
# You need Python and some NumPy. `01_kmeans` explains k-means, and `02_how_good_is_a_clustering` the accuracy and the
# silhouette of a clustering.

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
N_IMAGES = 4_000 if REAL_DATA else 1_500  # that are put on a map
N_NEW = 500 if REAL_DATA else 297  # that come later
N_FEW = 300  # points of a small map, where NumPy is fast enough
N_AXES = 50 if REAL_DATA else 30  # principal axes that t-SNE gets to see
SOME_AXES = [2, 5, 10, 20, N_AXES]
N_NEIGHBOURS = 10  # we ask how many of a point's nearest ones a map has kept
PERPLEXITY = 30
EXAGGERATION, N_EARLY = 12, 100  # our own t-SNE: the factor of p, and in how many iterations
LEARNING_RATE = 50  # of our own t-SNE
N_ITERATIONS = 500  # of a small map
SHOWN_ITERATIONS = [0, 25, 50, 100, 200, 500]
PERPLEXITIES = [3, 30, 100]  # of the maps of made-up clouds
N_CLUSTERS = 10  # for the digits: as many as there are
N_STARTS = 10  # k-means runs so often and keeps the run of least inertia
TIMING_SIZES = [500, 2_000, 8_000]
TIMING_RUNS = 3  # each program runs so often, in turn; the median counts

# %%
import time

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Markdown, display

from scratchclust import data, metrics, rows
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.reference import pca as reference_pca
from scratchclust.reference import tsne as reference_tsne
from scratchclust.reference.kmeans import assign, kmeans
from scratchclust.reference.silhouette import silhouette_score
from scratchclust.report import figures
from scratchclust.report._style import panel_grid, styled  # blank paper, for what the figures of the package lack

rows.use_all_cores()  # for JAX; it must be told before its first use


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


def titled(figure, title, word="cluster"):
    """The figure under another title, and another word in its legend."""
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, fontweight="bold")
    for text in [text for legend in figure.legends for text in legend.get_texts()]:
        text.set_text(text.get_text().replace("cluster", word))
    return figure


@styled
def maps(panels, title, columns=3):
    """Points on a plane, a panel each: title of the panel -> (points, the colour's number of each)."""
    height = 8 / columns
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=height)
    for ax, (name, (points, groups)) in zip(axes, panels.items(), strict=True):
        colors = [figures.cluster_color(group) for group in np.asarray(groups).tolist()]
        ax.scatter(*np.asarray(points).T, s=np.clip(3_000 / len(points), 2, 14), c=colors, linewidths=0)
        ax.set(title=name.split("|")[0], xticks=[], yticks=[])
        ax.set_aspect("equal", adjustable="datalim")
        ax.spines[:].set_visible(True)
    return figure


@styled
def curves(panels, title, height=2.6):
    """Lines: title of the panel -> (name of the x axis, x, name of the line -> y, further settings of the axes)."""
    figure, axes = panel_grid(title, len(panels), columns=max(len(panels), 1), panel_height=height)
    for ax, (name, (x_name, x, lines, settings)) in zip(axes, panels.items(), strict=True):
        for (label, y), color in zip(lines.items(), figures.PALETTE, strict=False):
            ax.plot(x, y, color=color, label=label, marker="o" if len(x) < 20 else "", markersize=3)
        ax.set(title=name, xlabel=x_name, **settings)
        ax.grid()
        if len(lines) > 1:
            ax.legend()
    return figure


# %% [markdown]
# ## The images

# %%
dataset = data.load("mnist", split="test") if REAL_DATA else data.load("digits")
chosen = np.random.default_rng(SEED).permutation(len(dataset.images))[: N_IMAGES + N_NEW]
every_image, every_digit = dataset.images[chosen], dataset.labels[chosen]
every_X = flatten(to_unit(every_image)).astype(np.float64)  # [n, d], from 0 (black) to 1 (white)

images, digits, X = every_image[:N_IMAGES], every_digit[:N_IMAGES], every_X[:N_IMAGES]
new_images, new_digits, new_X = every_image[N_IMAGES:], every_digit[N_IMAGES:], every_X[N_IMAGES:]
height, width = images.shape[1:3]
say(
    f"The data are **{dataset.name}**: {len(X):,} images of {height} x {width} pixels, points in {X.shape[1]} "
    f"dimensions, and {len(new_X)} more for later. The labels serve for colours and scores only."
)
figures.image_row(images[:10], digits[:10].tolist(), title="The first ten, and the digits that were meant")

# %% [markdown]
# ## PCA: the directions in which the images differ most
#
# Take a direction, a vector $v$ of length 1. The coordinate of an image $x$ along $v$ is $v \cdot (x - m)$, where $m$ is
# the mean image. If we may keep only one number of each image, which direction keeps the most? The one along which the
# images are spread most widely, that is, with the largest **variance**. With the *covariance* matrix $C$ this variance
# is a short formula:
#
# $$C = \frac{1}{n - 1} \sum_i (x_i - m)(x_i - m)^\top, \qquad \text{variance along } v = v^\top C\, v$$
#
# At the best $v$ of length 1 a small turn changes nothing, to first order. That is so just where $C v$ points along $v$
# itself (a part of $C v$ that is orthogonal to $v$ would show where to turn):
#
# $$C\, v = \lambda\, v$$
#
# So the best directions are **eigenvectors** of $C$, and since then $v^\top C\, v = \lambda$, the eigenvalue *is* the
# variance. The first **principal axis** is the eigenvector with the largest eigenvalue, the second one has the largest
# of those orthogonal to it, and so on. Principal component analysis (PCA) in ten lines:


# %%
def pca(X, n_axes):
    mean = X.mean(axis=0)
    covariance = (X - mean).T @ (X - mean) / (len(X) - 1)  # [d, d]
    variances, directions = np.linalg.eigh(covariance)  # the directions are columns; the last varies most
    return mean, directions.T[::-1][:n_axes], variances[::-1][:n_axes]


def to_axes(X, mean, axes):
    return (X - mean) @ axes.T  # [n, n_axes]


def from_axes(Y, mean, axes):
    return mean + Y @ axes  # [n, d]


mean, axes, variances = pca(X, N_AXES)
features = to_axes(X, mean, axes)
np.testing.assert_allclose(features.var(axis=0, ddof=1), variances)  # the eigenvalue is the variance
np.testing.assert_allclose(axes @ axes.T, np.eye(N_AXES), atol=1e-9)  # all of length 1, all orthogonal

random_direction = np.random.default_rng(SEED).standard_normal(X.shape[1])
random_direction /= np.linalg.norm(random_direction)
along_random = ((X - mean) @ random_direction).var(ddof=1)
assert along_random < variances[0]
say(f"Variance along the first axis **{variances[0]:.2f}**, along a direction drawn at random {along_random:.2f}.")

# %% [markdown]
# An axis has an entry for each pixel, so it is a picture. Grey is zero: an image that has ink where the axis is white,
# and none where it is black, lies far out on that axis.

# %%
shades = 0.5 + axes[:10] / (2 * np.abs(axes[:10]).max(axis=1, keepdims=True))
figures.image_row(
    shades.reshape(-1, *images.shape[1:]),
    [f"axis {i + 1}" for i in range(10)],
    title="The first ten principal axes",
)

# %% [markdown]
# With $q$ axes an image is $q$ numbers, and from these it can be drawn again. The share of the whole variance that the
# first $q$ axes carry is the sum of their eigenvalues, over the sum of all:

# %%
total = X.var(axis=0, ddof=1).sum()  # the sum of all eigenvalues: the diagonal of C has the same sum
explained = np.cumsum(variances) / total
drawn = {f"{q} axes": from_axes(features[:10, :q], mean, axes[:q]).reshape(-1, *images.shape[1:]) for q in SOME_AXES}
figures.reconstructions(to_unit(images[:10]), drawn)

# %%
say(
    f"Two axes carry **{explained[1]:.0%}** of the variance, {SOME_AXES[2]} carry {explained[SOME_AXES[2] - 1]:.0%} and "
    f"{N_AXES} of the {X.shape[1]} carry **{explained[-1]:.0%}**."
)
curves(
    {
        "of each axis": ("axis", np.arange(1, N_AXES + 1), {"": variances}, {"ylabel": "variance", "ylim": (0, None)}),
        "of all axes so far": (
            "number of axes",
            np.arange(1, N_AXES + 1),
            {"": explained},
            {"ylabel": "share of the variance", "ylim": (0, 1)},
        ),
    },
    "How much of the variance the axes carry",
)

# %% [markdown]
# ### The two programs of the package
#
# `scratchclust.reference.pca` is what we have just written, with two things added. It settles the **sign** (if $v$ is an
# eigenvector, then so is $-v$; the largest entry is made positive), and with fewer images than pixels it takes the
# smaller matrix of all products $(x_i - m) \cdot (x_j - m)$, which has the same eigenvalues. Its twin
# `scratchclust.reduce.pca`, in JAX, adds up the covariance by blocks of rows, on all cores or GPUs, and leaves only the
# small eigenproblem to one of them. All three must agree, up to the sign:

# %%
from scratchclust.reduce import pca as fast_pca

by_reference, by_twin = reference_pca.pca(X, N_AXES), fast_pca.pca(X, N_AXES)
for found in (by_reference, by_twin):
    np.testing.assert_allclose(found.explained_variance, variances, rtol=1e-3)
    same = np.abs((np.asarray(found.components)[:5] * axes[:5]).sum(axis=1))  # 1 where two axes are equal or opposite
    np.testing.assert_allclose(same, 1, atol=1e-3)
np.testing.assert_allclose(by_reference.explained_variance, variances)
off = np.abs(np.asarray(by_twin.explained_variance) / variances - 1).max()
say(f"The variances of the twin differ by {off:.0e} at most, relatively: it adds up with 32 bits, NumPy with 64.")

# %% [markdown]
# ## The plane of the first two axes
#
# Of all planes this one keeps the most variance. The colours are the digits, which PCA does not know.

# %%
titled(
    figures.embedding(features[:, :2], digits, images, rng=np.random.default_rng(SEED), n_images=150),
    "The plane of the first two principal axes",
    word="digit",
)

# %% [markdown]
# Some digits have a corner of their own, but the middle is a crowd. To say it with a number we take each image's
# nearest neighbours among all pixels, and ask what share of them is still among its nearest ones in the picture.


# %%
def squared_distances(X):
    norms = (X**2).sum(axis=1)
    return np.maximum(norms[:, None] - 2 * X @ X.T + norms[None, :], 0)  # [n, n]


def nearest(X):
    squared = squared_distances(X)
    np.fill_diagonal(squared, np.inf)  # a point is no neighbour of itself
    return squared.argpartition(N_NEIGHBOURS, axis=1)[:, :N_NEIGHBOURS]


def kept_neighbours(X, Y):
    """The share of each point's nearest neighbours in X that it still has in Y."""
    return np.mean([len(set(a) & set(b)) for a, b in zip(nearest(X), nearest(Y), strict=True)]) / N_NEIGHBOURS


kept_by_axes = {q: kept_neighbours(X, features[:, :q]) for q in SOME_AXES}
say(
    f"On the plane an image has kept **{kept_by_axes[2]:.0%}** of its {N_NEIGHBOURS} nearest neighbours. "
    + ", ".join(f"{q} axes keep {kept_by_axes[q]:.0%}" for q in SOME_AXES[1:])
    + "."
)
assert kept_by_axes[2] < 0.3
assert kept_by_axes[N_AXES] > 0.8

# %% [markdown]
# It is not the fault of PCA. A plane has no room. In ten dimensions eleven points can all have the same distance from
# each other, on a plane only three. And around each point: to double the radius of a ball multiplies the room in it
# by $2^{10} = 1024$ in ten dimensions, and by 4 on a plane. So a point has many neighbours at a middling distance, all
# in different directions, and if its nearest ones are put near, these middling ones must go somewhere. On a plane all
# places at a middling distance are soon taken. That is the **crowding problem**. A map has to give something up, and
# PCA gives up the near for the sake of the far: large distances make up most of the variance.
#
# ## t-SNE: neighbours first
#
# t-SNE (van der Maaten and Hinton, 2008) gives up the far for the sake of the near. The plan is:
#
# 1. in the data, turn distances into numbers that say *who is a neighbour of whom*;
# 2. do the same on the map;
# 3. move the points of the map until the two agree as well as they can.
#
# ### Who is a neighbour of whom
#
# Each point $i$ spreads a probability of 1 over all others. The nearer, the more:
#
# $$p_{j|i} = \frac{\exp(-\beta_i\, |x_i - x_j|^2)}{\sum_{k \ne i} \exp(-\beta_i\, |x_i - x_k|^2)}$$
#
# How fast should it fall? With a small $\beta_i$ all get about the same, with a large one the nearest gets it all. We
# say what we want instead: that the choice be as uncertain as one among, say, 30 equal neighbours. The uncertainty of a
# choice is its entropy $H_i = -\sum_j p_{j|i} \log p_{j|i}$, and for 30 equal ones that is $\log 30$. So
# $\exp(H_i)$ is a number of neighbours. It is called the **perplexity**, and it is the one parameter of t-SNE that
# matters. The entropy falls when $\beta_i$ grows. Hence halving an interval finds $\beta_i$ (its logarithm, since it
# may be of any size):


# %%
def choice_of(squared, perplexity):
    """p of one point, from its squared distances to the others."""
    low, high = -20.0, 20.0  # for the logarithm of beta
    for _ in range(50):
        middle = (low + high) / 2
        p = np.exp(-np.exp(middle) * (squared - squared.min()))  # less the smallest: the same p, no underflow
        p /= p.sum()
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        low, high = (middle, high) if entropy > np.log(perplexity) else (low, middle)
    return p


one = 0
to_others = np.delete(squared_distances(features)[one], one)
choices = {perplexity: np.sort(choice_of(to_others, perplexity))[::-1] for perplexity in (5, PERPLEXITY)}
ranks = np.arange(1, 101)
curves(
    {
        "": (
            "neighbour, from the nearest on",
            ranks,
            {f"perplexity {perplexity}": p[:100] for perplexity, p in choices.items()},
            {"ylabel": "p", "ylim": (0, None)},
        )
    },
    "How the first image divides its attention",
)

# %%
by_distance = np.delete(np.arange(len(X)), one)[to_others.argsort()]
places = [1, 2, 3, 5, 10, 20, 30, 50, 100]
lines = ["the image", *(f"no. {place}\n" + "\n".join(f"{p[place - 1]:.1%}" for p in choices.values()) for place in places)]
figures.image_row(
    images[[one, *by_distance[np.array(places) - 1]]],
    lines,
    title=f"Some of its neighbours, and what each gets with perplexity 5 (above) and {PERPLEXITY} (below)",
)

# %% [markdown]
# It is not a sharp border: the attention fades. The last step makes the table symmetric, one number for each pair, with
# the sum 1 over all of them. Each point has its say, however far away from everything it is:
#
# $$p_{ij} = \frac{p_{j|i} + p_{i|j}}{2 n}$$


# %%
def joint(X, perplexity):
    n, squared, P = len(X), squared_distances(X), np.zeros((len(X), len(X)))
    for i in range(n):
        others = np.arange(n) != i
        P[i, others] = choice_of(squared[i, others], perplexity)
    return (P + P.T) / (2 * n)


few, few_digits = features[:N_FEW], digits[:N_FEW]
P = joint(few, PERPLEXITY)
assert np.isclose(P.sum(), 1)
np.testing.assert_allclose(P, reference_tsne.joint_affinities(few, PERPLEXITY), rtol=1e-5, atol=1e-12)

# %% [markdown]
# We go on with the first few hundred images, for which NumPy is fast enough.
#
# ### The same on the map, with a longer tail
#
# Let $y_i$ be the places on the map. There the affinity of two points is
#
# $$w_{ij} = \frac{1}{1 + |y_i - y_j|^2}, \qquad q_{ij} = \frac{w_{ij}}{Z}, \qquad Z = \sum_{k \ne l} w_{kl}$$
#
# Why not $\exp(-|y_i - y_j|^2)$, as for the data? Look at how the two fall:

# %%
distance = np.linspace(0, 5, 200)
normal, student = np.exp(-(distance**2)), 1 / (1 + distance**2)
shapes = {"exp(−d²), normal": normal, "1 / (1 + d²), Student": student}
curves(
    {
        "": ("distance d on the map", distance, shapes, {"ylabel": "w"}),
        "the same, on a logarithmic scale": ("distance d on the map", distance, shapes, {"yscale": "log"}),
    },
    "Two ways to fall",
)

# %%
levels = np.array([0.5, 0.1, 0.01])
reached = {level: (np.sqrt(-np.log(level)), np.sqrt(1 / level - 1)) for level in levels.tolist()}
for level, (normal_distance, student_distance) in reached.items():
    print(f"w = {level:4}: normal at distance {normal_distance:.1f}, Student at {student_distance:.1f}")

# %% [markdown]
# For near neighbours the two hardly differ. But two points that should have a hundredth of the largest affinity must
# stand about two units apart under the normal curve, and about ten under the other one. The long tail **lets middling
# neighbours go far away**, at hardly any cost: it makes the room that a plane lacks. (The curve is that of Student's
# t distribution; hence the t.)
#
# ### How well do the two agree?
#
# Both tables are probabilities of pairs. Their difference is measured by the Kullback-Leibler divergence:
#
# $$\mathrm{KL} = \sum_{ij} p_{ij} \log \frac{p_{ij}}{q_{ij}}$$
#
# It is zero where $q = p$, and positive elsewhere. And it is one-sided. Neighbours ($p$ large) that are put apart ($q$
# small) cost much, since $\log(p / q)$ is large and so is its weight. Strangers ($p$ small) that are put together cost
# next to nothing. Remember that for the reading of maps.
#
# We shall walk downhill on it, so we need its gradient. Van der Maaten and Hinton derive it in an appendix, and the
# result is simple:
#
# $$\frac{\partial\, \mathrm{KL}}{\partial y_i} = 4 \sum_j (p_{ij} - q_{ij})\, w_{ij}\, (y_i - y_j)$$
#
# Every pair is a spring. If $p_{ij} > q_{ij}$, the two are too far apart for what they are to each other, and a step
# against the gradient brings them nearer; otherwise it pushes them apart.


# %%
def student_affinities(Y):
    w = 1 / (1 + squared_distances(Y))
    np.fill_diagonal(w, 0)
    return w, w / w.sum()


def kl_divergence(P, Y):
    _, Q = student_affinities(Y)
    some = P > 0
    return (P[some] * np.log(P[some] / Q[some])).sum()


def gradient(P, Y):
    w, Q = student_affinities(Y)
    f = (P - Q) * w
    return 4 * (f.sum(axis=1, keepdims=True) * Y - f @ Y)  # sum_j f_ij (y_i - y_j)


# %% [markdown]
# Never trust a gradient that was not checked. Move one coordinate a little to both sides, and see how the divergence
# changes:

# %%
rng = np.random.default_rng(SEED)
anywhere, h = rng.standard_normal((N_FEW, 2)), 1e-5
by_formula, by_differences = gradient(P, anywhere), {}
for i in rng.choice(N_FEW, 10, replace=False):
    little = np.zeros_like(anywhere)
    little[i, 0] = h
    by_differences[i] = (kl_divergence(P, anywhere + little) - kl_divergence(P, anywhere - little)) / (2 * h)
checked = list(by_differences)
np.testing.assert_allclose(by_formula[checked, 0], list(by_differences.values()), rtol=1e-4, atol=1e-9)
print("by the formula  ", by_formula[checked[:5], 0].round(7))
print("by differences  ", np.array(list(by_differences.values()))[:5].round(7))
