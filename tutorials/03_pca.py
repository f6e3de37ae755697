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
N_IMAGES = 3_000 if REAL_DATA else 1_000  # that are put on a map
N_NEW = 500 if REAL_DATA else 300  # that come later
N_FEW = 300  # points of a small map, where NumPy is fast enough
N_AXES = 50 if REAL_DATA else 30  # principal axes that t-SNE gets to see
SOME_AXES = [2, 5, 10, 20, N_AXES]
N_NEIGHBOURS = 10  # we ask how many of a point's nearest ones a map has kept
PERPLEXITY = 30
EXAGGERATION, N_EARLY = 4, 100  # our own t-SNE: the factor of p, and in how many iterations
LEARNING_RATE = 100  # of our own t-SNE, divided by that factor
N_ITERATIONS = 500  # of a small map
N_SHORT = 20  # iterations in which the two programs must go the same way
SHOWN_ITERATIONS = [0, 25, 50, 100, 150, 500]
PERPLEXITIES = [3, 30, 100]  # of the maps of made-up clouds
N_GROUPS = 10  # that a colleague will look for
N_CLUSTERS = 10  # for the digits: as many as there are
N_STARTS = 4  # k-means runs so often and keeps the run of least inertia
TIMING_SIZES = [500, 2_000, 8_000]
TIMING_RUNS = 3  # each program runs so often, in turn; the median counts

# %%
import time

import jax
import jax.numpy as jnp
import numpy as np
from IPython.display import Markdown, display

from scratchclust import data, devices, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.reference import pca as reference_pca
from scratchclust.reference import tsne as reference_tsne
from scratchclust.reference.kmeans import assign, kmeans
from scratchclust.reference.silhouette import silhouette_score
from scratchclust.report import figures
from scratchclust.report._style import panel_grid, styled  # blank paper, for what the figures of the package lack

devices.use_all_cores()  # for JAX; it must be told before its first use


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
        points, groups = np.asarray(points), np.asarray(groups)
        colors = [figures.cluster_color(group) for group in groups.tolist()]
        size = np.clip(8_000 / len(points), 4, 12) * np.where(groups < 0, 0.3, 1)  # the grey ones are small
        ax.scatter(*points.T, s=size, c=colors, linewidths=0, antialiased=False)  # sharp dots make small files
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
# Take a direction, a vector $v$ of length 1. The coordinate of an image $x$ along $v$ is $v \cdot (x - m)$, where $m$
# is the mean image. If we may keep only one number of each image, which direction keeps the most? The one along which
# the images are spread most widely, that is, with the largest **variance**. With the *covariance* matrix $C$ this
# variance is a short formula:
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
    f"Two axes carry **{explained[1]:.0%}** of the variance, {SOME_AXES[2]} carry {explained[SOME_AXES[2] - 1]:.0%}, "
    f"and {N_AXES} of the {X.shape[1]} carry **{explained[-1]:.0%}**."
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
# `scratchclust.reference.pca` is what we have just written, with two things added. It settles the **sign** (if $v$ is
# an eigenvector, then so is $-v$; the largest entry is made positive). And with fewer images than pixels it takes the
# smaller matrix of all products $(x_i - m) \cdot (x_j - m)$, whose eigenvalues are the same but for zeros. Its twin
# `scratchclust.reduce.pca`, in JAX, adds up the covariance by blocks of rows, on all cores or GPUs, and solves only the
# small eigenproblem in one place. All three must agree, up to the sign:

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
    figures.embedding(features[:, :2], digits, images, rng=np.random.default_rng(SEED), n_images=100),
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


def kept_neighbours(near, Y):
    """Of each point's nearest neighbours in the data [n, N_NEIGHBOURS], the share that it still has in Y."""
    return np.mean([len(set(a) & set(b)) for a, b in zip(near, nearest(Y), strict=True)]) / N_NEIGHBOURS


near = nearest(X)
kept_by_axes = {q: kept_neighbours(near, features[:, :q]) for q in SOME_AXES}
say(
    f"On the plane an image has kept **{kept_by_axes[2]:.0%}** of its {N_NEIGHBOURS} nearest neighbours. "
    + ", ".join(f"{q} axes keep {kept_by_axes[q]:.0%}" for q in SOME_AXES[1:])
    + "."
)
assert kept_by_axes[2] < 0.3
assert kept_by_axes[N_AXES] > 0.6

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
ranks = np.arange(1, 61)
curves(
    {
        "": (
            "neighbour, from the nearest on",
            ranks,
            {f"perplexity {perplexity}": p[: len(ranks)] for perplexity, p in choices.items()},
            {"ylabel": "p", "ylim": (0, None)},
        )
    },
    "How the first image divides its attention",
)

# %%
by_distance = np.delete(np.arange(len(X)), one)[to_others.argsort()]
places = [1, 2, 3, 5, 10, 20, 30, 50, 100]
lines = [
    "the image",
    *(f"no. {place}\n" + "\n".join(f"{p[place - 1]:.1%}" for p in choices.values()) for place in places),
]
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
near_few = nearest(few)
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

# %% [markdown]
# ### In JAX nobody derives a gradient
#
# JAX looks like NumPy, and `jax.grad` makes of a function the function of its gradient. So it is enough to write the
# divergence itself, of which we take the logarithm apart first. With $\sum p = 1$ and $q = w / Z$,
#
# $$\mathrm{KL} = \underbrace{\sum_{ij} p_{ij} \log p_{ij}}_{\text{fixed by the data}}
# - \underbrace{\sum_{ij} p_{ij} \log w_{ij}}_{\text{neighbours attract}}
# + \underbrace{\log Z}_{\text{all repel}}$$


# %%
def kl_jax(Y, P):
    squared = ((Y[:, None] - Y[None, :]) ** 2).sum(axis=2)  # [n, n]
    log_w = -jnp.log1p(squared)  # zero on the diagonal, as p is
    Z = jnp.exp(log_w).sum() - len(Y)  # less the ones on the diagonal
    fixed = (P * jnp.log(jnp.where(P > 0, P, 1))).sum()
    return fixed - (P * log_w).sum() + jnp.log(Z)


by_jax = jax.jit(jax.grad(kl_jax))(jnp.float32(anywhere), jnp.float32(P))
off = np.abs(by_jax - by_formula).max() / np.abs(by_formula).max()
assert off < 1e-4
say(f"JAX's gradient differs from the formula by {off:.0e} of its largest entry: it computes with 32 bits.")

# %% [markdown]
# ### Downhill
#
# Gradient descent with **momentum**: a step is a part of the step before, plus a bit of the gradient downhill. (The
# tutorial `04_gradient_descent_by_hand` is about such things.) There is one trick more. We start from the PCA plane,
# shrunk until all points lie nearly on one another. In the first iterations $p$ is multiplied by 4, so that neighbours
# run together early, while the map is small and clumps can still pass each other. That is called **early
# exaggeration**.


# %%
def descend(P, Y):
    step, path, divergences = np.zeros_like(Y), [Y], [kl_divergence(P, Y)]
    for i in range(N_ITERATIONS):
        factor, momentum = (EXAGGERATION, 0.5) if i < N_EARLY else (1, 0.8)
        step = momentum * step - LEARNING_RATE / factor * gradient(factor * P, Y)
        Y = Y + step
        path.append(Y)
        divergences.append(kl_divergence(P, Y))
    return path, divergences


start = 1e-4 * few[:, :2] / few[:, 0].std()
path, divergences = descend(P, start)
stages = {f"after {i} iterations" if i else "the start": (path[i], few_digits) for i in SHOWN_ITERATIONS}
maps(stages, f"t-SNE of {N_FEW} images, on its way; each panel has its own scale. The colours are the digits")

# %%
span = {i: np.ptp(path[i], axis=0).max() for i in SHOWN_ITERATIONS}
say(
    f"The divergence is {divergences[0]:.2f} at the start, {divergences[N_EARLY]:.2f} when the exaggeration ends, and "
    f"**{divergences[-1]:.2f}** at last. The map is {span[0]:.4f} wide at the start, {span[N_EARLY]:.0f} after "
    f"{N_EARLY} iterations, and {span[N_ITERATIONS]:.0f} at the end. An image has kept "
    f"**{kept_neighbours(near_few, path[-1]):.0%}** of its {N_NEIGHBOURS} nearest neighbours; on the PCA plane it is "
    f"{kept_neighbours(near_few, start):.0%}."
)
assert divergences[-1] < 0.7 * divergences[N_EARLY]
assert kept_neighbours(near_few, path[-1]) > kept_neighbours(near_few, start) + 0.1
curves(
    {"": ("iteration", np.arange(N_ITERATIONS + 1), {"": divergences}, {"ylabel": "KL divergence", "ylim": (0, None)})},
    "The divergence, always told without exaggeration",
)

# %% [markdown]
# With the exaggeration the map goes down on another function, one in which neighbours weigh four times as much. It
# makes tight clumps, in a rough order, and the true divergence stays high. As soon as it ends, the clumps repel each
# other and unfold.
#
# ### The two programs of the package
#
# `scratchclust.reference.tsne` has the functions that we wrote, and one thing more: each coordinate has a *gain*, which
# lets its steps grow as long as they keep their direction. `scratchclust.reduce.tsne` is its twin in JAX. From the same
# map both must find our divergence and our gradient, and from the same start they must go the same way:

# %%
from scratchclust.reduce import tsne as fast_tsne

for package in (reference_tsne, fast_tsne):
    np.testing.assert_allclose(package.kl_divergence(path[-1], P), divergences[-1], rtol=1e-3)
    np.testing.assert_allclose(package.gradient(anywhere, P), by_formula, atol=1e-4 * np.abs(by_formula).max())

settings = {"perplexity": PERPLEXITY, "early_exaggeration": EXAGGERATION, "start": start}
slow, fast = (package.tsne(few, max_iter=N_SHORT, **settings) for package in (reference_tsne, fast_tsne))
off = np.abs(slow.embedding - fast.embedding).max() / np.abs(slow.embedding).max()
assert off < 0.05
whole = fast_tsne.tsne(few, max_iter=N_ITERATIONS, **settings)
assert abs(whole.kl_divergence / divergences[-1] - 1) < 0.15
say(
    f"After {N_SHORT} iterations the maps of the two differ by {off:.1%} of their size. After {N_ITERATIONS} the twin "
    f"has a divergence of **{whole.kl_divergence:.3f}**, where ours has {divergences[-1]:.3f}."
)

# %% [markdown]
# Do not expect the same map after hundreds of iterations. Rounding in the last digit grows like the flap of the
# butterfly's wing, a clump may end on another side of its neighbour, and the divergence is nearly the same. What is
# different from run to run cannot be in the data: keep that in mind.
#
# ## From $n^2$ to $n$
#
# Each iteration goes through all pairs. For ten thousand images these are a hundred million, a thousand times over. The
# way out is in the three terms of the divergence. The gradient, too, has a part that attracts and one that repels:
#
# $$\frac{\partial\, \mathrm{KL}}{\partial y_i} = 4 \Big( \sum_j p_{ij}\, w_{ij}\, (y_i - y_j)
# \; - \; \frac{1}{Z} \sum_j w_{ij}^2\, (y_i - y_j) \Big)$$
#
# **Attraction** has the factor $p_{ij}$, and for all but the nearest neighbours that is next to nothing. So it is
# enough to look at three times as many neighbours as the perplexity says, and to let these share all the attention:

# %%
n_attracting = 3 * PERPLEXITY
held = [
    np.sort(choice_of(np.delete(row, i), PERPLEXITY))[::-1] for i, row in enumerate(squared_distances(features)[:50])
]
share = np.mean([p[:n_attracting].sum() for p in held])
say(f"The {n_attracting} nearest of {len(X) - 1:,} images get **{share:.1%}** of the attention.")
assert share > 0.8

# %% [markdown]
# **Repulsion** is between all pairs, but it is smooth, and depends on nothing but the difference of two places. Such a
# sum is called a **convolution**, and the fast Fourier transform (FFT) computes convolutions on a regular grid of $G$
# nodes in a time that grows like $G \log G$: transform, multiply, transform back. So
#
# 1. spread each point on the nearest nodes of a grid: a point a quarter of the way from node 3 to node 4 puts
#    $\frac34$ of itself on 3 and $\frac14$ on 4;
# 2. convolve the nodes with the kernel;
# 3. let each point read off its value from the same nodes, with the same weights.
#
# Here it is in one dimension, for the sum $s_i = \sum_j w(y_i - y_j)$ with $w(r) = 1 / (1 + r^2)$. The FFT takes the
# grid for a ring, whose end meets its beginning. A ring of twice the length, half of it empty, keeps them apart.


# %%
def sums_directly(y):
    return (1 / (1 + (y[:, None] - y[None, :]) ** 2)).sum(axis=1)


def sums_by_grid(y, spacing):
    place = (y - y.min()) / spacing
    left = place.astype(int)  # the node on the left of each point
    share = place - left  # how far the point is on its way to the node on the right
    n_nodes = left.max() + 2
    charges = np.bincount(left, 1 - share, n_nodes) + np.bincount(left + 1, share, n_nodes)
    steps = np.arange(2 * n_nodes)
    kernel = 1 / (1 + (spacing * np.minimum(steps, 2 * n_nodes - steps)) ** 2)  # on the ring
    field = np.fft.irfft(np.fft.rfft(charges, 2 * n_nodes) * np.fft.rfft(kernel))
    return (1 - share) * field[left] + share * field[left + 1], charges, field[:n_nodes]


line = np.sort(np.concatenate([path[-1][:100, 0], path[-1][:40, 1]]))  # some places to try it on
exact = sums_directly(line)
spacings = np.array([2, 1, 0.5, 0.25, 0.1, 0.05])
errors = [np.abs(sums_by_grid(line, spacing)[0] - exact).max() / exact.max() for spacing in spacings]


@styled
def on_a_grid(y, spacing):
    """Points, what they put on the nodes, and the sums that they read off, beside the direct ones."""
    _, charges, field = sums_by_grid(y, spacing)
    nodes = y.min() + spacing * np.arange(len(field))
    figure, (charged, read) = panel_grid(
        "Many points on a line, and the sums of their kernels", 2, columns=1, panel_height=1.9, sharex=True
    )
    charged.bar(nodes, charges, width=0.7 * spacing, color=figures.PALETTE[4], label="spread on the nodes")
    charged.plot(y, np.zeros_like(y), "|", markersize=10, color="black", label="points")
    read.plot(nodes, field, marker="o", markersize=4, color=figures.PALETTE[4], label="the nodes, convolved")
    read.plot(y, exact, ".", markersize=4, color="black", label="points, by the direct sum")
    for ax in (charged, read):
        ax.legend(loc="upper left")
        ax.margins(y=0.15)
    return figure


on_a_grid(line, 1.0)

# %%
order = np.log(errors[-2] / errors[-1]) / np.log(spacings[-2] / spacings[-1])
assert errors[-1] < 1e-3
assert 1.5 < order < 2.5
for spacing, error in zip(spacings, errors, strict=True):
    print(f"spacing {spacing:5}: largest error {error:.2%} of the largest sum")
say(f"Half the spacing, a quarter of the error: it falls with the power {order:.1f} of the spacing.")

# %% [markdown]
# ### In the plane
#
# The package does this in two dimensions, for the two sums $Z$ and $\sum_j w_{ij}^2 (y_i - y_j)$. Each point goes on
# 4 x 4 nodes instead of 2, with smooth weights (cubic splines), so that a coarse grid is enough. That is the idea of
# FIt-SNE (Linderman et al., 2019). Now the whole map, with all its images, by the class that one uses in daily work:

# %%
from scratchclust import TSNE

model = TSNE(perplexity=PERPLEXITY).fit(features)
Y = model.embedding_
say(
    f"{len(Y):,} images, {model.n_iter_:,} iterations, divergence **{model.kl_divergence_:.3f}**. An image has kept "
    f"**{kept_neighbours(near, Y):.0%}** of its {N_NEIGHBOURS} nearest neighbours among the pixels; on the PCA plane "
    f"it is {kept_by_axes[2]:.0%}."
)
assert kept_neighbours(near, Y) > kept_by_axes[2] + 0.1
titled(
    figures.embedding(Y, digits, images, rng=np.random.default_rng(SEED), n_images=100, axis_name="t-SNE"),
    "The t-SNE map. The colours are the digits, which it does not know",
    word="digit",
)

# %%
from scratchclust.reduce.tsne_parts.fft import grid_for, repulsion_of

w, _ = student_affinities(Y.astype(np.float64))
directly = (w**2).sum(axis=1, keepdims=True) * Y - w**2 @ Y  # sum_j w_ij^2 (y_i - y_j)
grid = grid_for(jnp.asarray(Y, jnp.float32))
by_grid, Z = jax.jit(repulsion_of)(grid, jnp.asarray(Y, jnp.float32))
off = np.linalg.norm(by_grid - directly) / np.linalg.norm(directly)
assert off < 0.02
assert abs(float(Z) / w.sum() - 1) < 0.01
say(
    f"The repulsion between all {len(Y):,} images through a grid of {grid.size} x {grid.size} nodes, "
    f"{float(grid.spacing):.1f} apart, is off by **{off:.2%}**, and $Z$ by {abs(float(Z) / w.sum() - 1):.3%}."
)

# %% [markdown]
# ## What a map says, and what it does not
#
# The digits stand in islands, and one would like to read more: this island is large, those two are far apart, that one
# is long. To see what such a reading is worth we make data of which we know everything, in ten dimensions, in the
# manner of Wattenberg, Viégas and Johnson (2016):
#
# - **two clouds**, one ten times as wide as the other, far apart;
# - **three clouds** of equal width in a row, the second gap ten times as long as the first;
# - **noise**: one cloud, and nothing else.


# %%
def clouds(centres, widths, rng):
    """N_FEW points in ten dimensions, in clouds whose centres are on the first axis; and the cloud of each."""
    of_point = np.repeat(np.arange(len(centres)), N_FEW // len(centres))
    points = rng.standard_normal((N_FEW, 10)) * np.array(widths)[of_point, None]
    points[:, 0] += np.array(centres)[of_point]
    return points, of_point


rng = np.random.default_rng(SEED)
made_up = {
    "two clouds": clouds([0, 50], [1, 10], rng),
    "three clouds": clouds([0, 10, 110], [1, 1, 1], rng),
    "noise": clouds([0], [1], rng),
}
panels, made_maps = {}, {}
for name, (points, of_point) in made_up.items():
    plane = to_axes(points, *pca(points, 2)[:2])
    panels[f"{name}: the PCA plane"] = (plane, of_point)
    for perplexity in PERPLEXITIES:
        begin = 1e-4 * plane / plane[:, 0].std()
        result = fast_tsne.tsne(points, perplexity=perplexity, start=begin, max_iter=N_ITERATIONS)
        made_maps[name, perplexity] = np.asarray(result.embedding)
        panels[f"perplexity {perplexity}|{name}"] = (made_maps[name, perplexity], of_point)
maps(panels, "Data of which we know everything, and maps of them", columns=1 + len(PERPLEXITIES))


# %%
def widths_of(points, of_point):
    """How wide each cloud is: the median distance to its centre."""
    parts = [points[of_point == cloud] for cloud in np.unique(of_point)]
    return np.array([np.median(np.linalg.norm(part - part.mean(axis=0), axis=1)) for part in parts])


def gaps_of(points, of_point):
    centres = np.array([points[of_point == cloud].mean(axis=0) for cloud in np.unique(of_point)])
    return np.linalg.norm(centres[1:] - centres[:-1], axis=1)


def middle_is_between(points, of_point):
    centres = np.array([points[of_point == cloud].mean(axis=0) for cloud in range(3)])
    return np.linalg.norm(centres[2] - centres[0]) > gaps_of(points, of_point).max()


def ratio(of, name, perplexity=None):
    points, of_point = made_up[name]
    small, large = of(points if perplexity is None else made_maps[name, perplexity], of_point)
    return large / small


print(f"{'':30}{'data':>8}" + "".join(f"{f'perpl. {perplexity}':>12}" for perplexity in PERPLEXITIES))
for words, of, name in (
    ("width, second cloud : first", widths_of, "two clouds"),
    ("gaps, second : first", gaps_of, "three clouds"),
):
    on_maps = [ratio(of, name, perplexity) for perplexity in PERPLEXITIES]
    print(f"{words:30}{ratio(of, name):8.1f}" + "".join(f"{value:12.1f}" for value in on_maps))
placed = [
    middle_is_between(made_maps["three clouds", perplexity], made_up["three clouds"][1]) for perplexity in PERPLEXITIES
]
print(
    f"{'second cloud in the middle?':30}{'yes':>8}" + "".join(f"{'yes' if between else 'no':>12}" for between in placed)
)
assert ratio(widths_of, "two clouds") > 8
assert ratio(widths_of, "two clouds", PERPLEXITY) < 2
assert ratio(gaps_of, "three clouds") > 9
assert ratio(gaps_of, "three clouds", PERPLEXITY) < 4

# %% [markdown]
# - **Sizes mean little.** Each point chooses its own $\beta_i$, so as to have 30 neighbours, be they near or far. A
#   narrow cloud is blown up and a wide one drawn together, until both have about the same room for each point.
# - **Gaps mean little.** Once two clouds are so far apart that $p$ between them is zero, nothing in the divergence
#   knows *how* far. Not even the order of three clouds in a row is safe (last line of the table), though the start,
#   the PCA plane, had it.
# - **Shapes depend on the perplexity**, and so does the number of clumps. With a perplexity of a few, a point knows
#   a few neighbours and nothing else, and the cloud falls apart into crumbs. With one near the number of points, every
#   point is everybody's neighbour.
# - **Noise looks like something**, if the perplexity is low.
#
# What is left? To put neighbours apart is what costs. So the near neighbours of a point in the data mostly stand around
# it on the map, too, and *islands* that come again with several perplexities and several starts are worth a look at the
# data. Look, then, but do not measure.
#
# ## k-means on a map
#
# A map is two numbers for each image, and k-means can have those. There are ten digits, so we ask for ten clusters, of
# the pixels, of the principal coordinates, of the first two of them, and of the map. The accuracy (name each cluster
# after one digit, in the best way) compares them with the labels at the end:


# %%
def clusters_of(points, n_clusters=N_CLUSTERS):
    rng = np.random.default_rng(SEED)
    return kmeans(np.asarray(points, np.float64), n_clusters, rng=rng, n_init=N_STARTS, init="k-means++")


spaces = {
    f"{X.shape[1]} pixels": X,
    f"{N_AXES} principal axes": features,
    "2 principal axes": features[:, :2],
    "t-SNE map": Y,
}
clusterings = {name: clusters_of(points) for name, points in spaces.items()}
accuracies = {name: metrics.clustering_accuracy(digits, found.labels) for name, found in clusterings.items()}
titled(
    figures.comparison_bars(
        list(spaces),
        {
            "accuracy": list(accuracies.values()),
            "neighbours kept": [kept_neighbours(near, points) for points in spaces.values()],
        },
    ),
    "k-means in four spaces",
)

# %%
on_map = clusterings["t-SNE map"]
assert accuracies["t-SNE map"] > max(accuracies.values()) - 1e-9
assert accuracies["t-SNE map"] > accuracies[f"{X.shape[1]} pixels"] + 0.05
assert accuracies["2 principal axes"] < accuracies[f"{X.shape[1]} pixels"]
say(
    f"On the map k-means names **{accuracies['t-SNE map']:.0%}** of the images rightly, on the pixels "
    f"{accuracies[f'{X.shape[1]} pixels']:.0%}. To take {N_AXES} axes instead of all pixels changes little; two have "
    f"{accuracies['2 principal axes']:.0%}."
)
names = metrics.match_clusters(digits, on_map.labels)
digit_of = dict(zip(names.clusters, names.classes[names.matched_class], strict=True))  # the name of each cluster
cluster_of = {digit: cluster for cluster, digit in digit_of.items()}
maps(
    {
        "coloured by digit": (Y, [cluster_of[digit] for digit in digits]),
        "coloured by the clusters of k-means": (Y, on_map.labels),
    },
    "The map, twice. Each digit has the colour of the cluster that is named after it",
    columns=2,
)

# %% [markdown]
# Why does it help, when sizes and gaps mean so little? Because k-means *wants* round clusters of the same size, and
# t-SNE comes nearer to that than the pixels do: what hangs together by neighbours becomes a compact island, long and
# bent though it may be among the pixels. What k-means does wrong is to be seen, too. Where an island holds two digits,
# it cannot part them; and a long island it may cut in two.
#
# ### New images
#
# PCA gives a new image its place by a product. The map of t-SNE is no formula, only a list of places. `transform` finds
# a place for each new image by going downhill on the divergence of that image alone, while the map stays as it is. Then
# the nearest centroid is its cluster:

# %%
new_features = to_axes(new_X, mean, axes)
places = model.transform(np.concatenate([features[:5], new_features]))  # and five known ones, for a test
np.testing.assert_array_equal(places[:5], Y[:5])  # a known image gets the place that it has
new_places = places[5:]
new_clusters, _ = assign(new_places.astype(np.float64), on_map.centroids)
new_accuracy = np.mean([digit_of[cluster] == digit for cluster, digit in zip(new_clusters, new_digits, strict=True)])
assert abs(new_accuracy - accuracies["t-SNE map"]) < 0.15
say(
    f"Of {len(new_X):,} images that took no part in the map, **{new_accuracy:.0%}** come into a cluster that is named "
    f"after their digit; of the {len(Y):,} on the map it is {accuracies['t-SNE map']:.0%}. They stand "
    "more scattered than those that made the map together."
)
whole_map, grey = np.concatenate([Y, new_places]), [-1] * len(Y)
maps(
    {
        "coloured by digit": (whole_map, grey + [cluster_of[digit] for digit in new_digits]),
        "coloured by the nearest centroid": (whole_map, grey + new_clusters.tolist()),
    },
    "New images in a finished map, which is grey",
    columns=2,
)

# %% [markdown]
# ## Something is wrong here
#
# A colleague has measured ten quantities of some hundred samples and looks for groups. The map is made with a low
# perplexity, "because the groups may be small", and k-means is asked for ten. The silhouette (1 is best, 0 means no
# groups at all) judges the result:

# %%
measured, _ = made_up["noise"]
colleagues_map = made_maps["noise", PERPLEXITIES[0]]
groups = clusters_of(colleagues_map, N_GROUPS).labels
score = silhouette_score(colleagues_map.astype(np.float64), groups)
of_digits = silhouette_score(X, clusterings[f"{X.shape[1]} pixels"].labels)
assert score > of_digits + 0.1
say(
    f'"**{score:.2f}**!", says the colleague. "The clusters of the digits, on their pixels, have only {of_digits:.2f}."'
)
maps(
    {
        f"the map, perplexity {PERPLEXITIES[0]}": (colleagues_map, np.full(N_FEW, 7)),
        f"{N_GROUPS} groups": (colleagues_map, groups),
    },
    "The colleague's groups",
    columns=2,
)

# %% [markdown]
# (You have seen in the code where these measurements come from. The colleague has not.)
#
# **Find out what went wrong, and how one could notice.** The program has no mistake, the map has converged, and the
# groups *are* there, on the map. Are they in the data? Answer before you unfold: Which two or three things would you
# try, and what would they show if the groups were real?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# There are no groups. The data are one cloud. With a perplexity of 3 each sample chooses three or so friends, and in a
# random cloud everybody has nearest neighbours, too. Friends come together, strangers repel each other, and the cloud
# crumbles. k-means gathers the crumbs, and the silhouette, *measured on the map*, praises what it finds: on a plane
# compact patches always look good. (That is the trap of the two rulers in `02_how_good_is_a_clustering`.)
#
# Two tests, neither of which needs labels:
#
# - **Another start.** Groups that are in the data come again, with the same members. Crumbs come again, too, since the
#   friends are the same; but how they lie beside each other is in good part chance, and so are groups of crumbs.
# - **The ruler of the data.** The silhouette of the groups among the measurements themselves.
#
# The usual score of a map, *trustworthiness* (are a point's neighbours on the map near to it in the data, too? 1 is
# best, 0.5 is chance), says less than one would hope: the friends in a crumb *are* neighbours. What is not true are the
# empty places in between. And the divergence can only be compared between maps of the same perplexity, since with
# another one $p$ is another table.
#
# </details>
#
# Put to the test, and beside it the three clouds, which are truly there:

# %%
from sklearn.manifold import trustworthiness


def examined(points, n_groups):
    """What can be said of the groups that a map of low perplexity shows, without labels."""
    starts = [fast_tsne.random_start(N_FEW, key=key) for key in jax.random.split(jax.random.key(SEED))]
    low = {"perplexity": PERPLEXITIES[0], "max_iter": N_ITERATIONS}
    first, second = (np.asarray(fast_tsne.tsne(points, start=start, **low).embedding, np.float64) for start in starts)
    groups, again = (clusters_of(found, n_groups).labels for found in (first, second))
    return {
        "silhouette on the map": silhouette_score(first, groups),
        "silhouette in the data": silhouette_score(points, groups),
        "the same groups from another start (ARI)": metrics.adjusted_rand_score(groups, again),
        "trustworthiness of the map": trustworthiness(points, first, n_neighbors=N_NEIGHBOURS),
    }


of_noise, of_clouds = examined(measured, N_GROUPS), examined(made_up["three clouds"][0], 3)
print(f"{'':42}{'colleague':>12}{'three clouds':>14}")
for test in of_noise:
    print(f"{test:42}{of_noise[test]:12.2f}{of_clouds[test]:14.2f}")

# %%
agree, in_data = "the same groups from another start (ARI)", "silhouette in the data"
assert of_clouds[agree] > 0.95 > 0.8 > of_noise[agree]
assert of_clouds[in_data] > 0.5 > 0.1 > of_noise[in_data]
say(
    f"With another start an ARI of **{of_noise[agree]:.2f}**, where real groups have {of_clouds[agree]:.2f} (1 is the "
    f"same groups, 0 is chance); in the data a silhouette of **{of_noise[in_data]:.2f}**. There was nothing to find."
)

# %% [markdown]
# The cure is not a better perplexity. It is to ask such questions of every map. (With a perplexity of 30 the noise
# would have been a disk. k-means would have cut that into pieces as well: it gives as many clusters as one asks for.)
#
# ## How fast is it?
#
# The repulsion alone, for more and more points: between all pairs, and through the grid. The points are strewn over a
# square whose area grows with their number, as that of a map does. Both programs are compiled before the clock starts
# (`jax.jit` compiles when a function first meets a shape), each runs several times in turn, the median counts, and the
# last column says how much they differ.


# %%
@jax.jit
def between_all_pairs(Y):
    w = 1 / (1 + sum((y[:, None] - y[None, :]) ** 2 for y in Y.T))  # [n, n]
    square = w**2
    return square.sum(axis=1, keepdims=True) * Y - square @ Y, w.sum() - len(Y)


through_grid = jax.jit(repulsion_of)


def clocked(program, *arguments):
    began = time.perf_counter()
    found, _ = jax.block_until_ready(program(*arguments))
    return time.perf_counter() - began, np.asarray(found)


print(f"{'points':>8}{'nodes':>14}{'all pairs':>13}{'grid':>10}{'ratio':>8}{'difference':>12}")
timings = {"all pairs": [], "grid": []}
for n in TIMING_SIZES:
    strewn = jnp.float32(2.5 * np.sqrt(n) * np.random.default_rng(SEED).random((n, 2)))
    grid = grid_for(strewn)
    contenders = {"all pairs": (between_all_pairs, strewn), "grid": (through_grid, grid, strewn)}
    turns = [{name: clocked(*call) for name, call in contenders.items()} for _ in range(1 + TIMING_RUNS)][1:]
    for name, seconds in timings.items():
        seconds.append(np.median([turn[name][0] for turn in turns]))
    pairs, by_grid = turns[0]["all pairs"][1], turns[0]["grid"][1]
    off = np.linalg.norm(by_grid - pairs) / np.linalg.norm(pairs)
    assert off < 0.02
    slow, fast = (seconds[-1] for seconds in timings.values())
    nodes = f"{grid.size} x {grid.size}"
    print(f"{n:8,}{nodes:>14}{slow * 1e3:10.1f} ms{fast * 1e3:7.1f} ms{slow / fast:8.1f}{off:12.2%}")

# %%
both = {"xscale": "log", "yscale": "log", "ylabel": "milliseconds"}
in_milliseconds = {name: 1e3 * np.array(seconds) for name, seconds in timings.items()}
figure = curves(
    {"": ("points", TIMING_SIZES, in_milliseconds, both)}, "The repulsion, once: a thousand times for a map"
)
figure.axes[0].set_xticks(TIMING_SIZES, [f"{n:,}" for n in TIMING_SIZES])
figure.axes[0].minorticks_off()
figure

# %% [markdown]
# A straight line of slope 2 is what $n^2$ looks like here, slope 1 is $n$. For few points the grid does not pay: it has
# as many nodes as there are places on the map, be they taken or not. So `TSNE` takes all pairs up to 2,000 points, and
# the grid for more, unless `method` says otherwise. Take the numbers as what they are: one machine, with whatever else
# it had to do. The folder `benchmarks/` measures whole maps, beside scikit-learn and openTSNE.

# %%
assert timings["all pairs"][-1] / timings["all pairs"][0] > timings["grid"][-1] / timings["grid"][0]

# %% [markdown]
# ## Exercise: take the tail away
#
# The ancestor of t-SNE had a normal curve on the map as well: $w_{ij} = \exp(-|y_i - y_j|^2)$, and again $q = w / Z$.
#
# 1. Derive or guess its gradient. (With the logarithm of $w$ in the divergence, what becomes of the factor $w_{ij}$?)
#    Check it with finite differences or with `jax.grad`.
# 2. Make the map of the same few hundred images, from the same start. **Predict first**: what will the islands look
#    like, and the sea between them? Say it with a number: the silhouette of the true digits on both maps.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def normal_affinities(Y):
#     w = np.exp(-squared_distances(Y))
#     np.fill_diagonal(w, 0)
#     return w / w.sum()
#
#
# def normal_kl(P, Y):
#     Q = np.maximum(normal_affinities(Y), 1e-300)  # exp(-|y - y'|^2) underflows soon
#     some = P > 0
#     return (P[some] * np.log(P[some] / Q[some])).sum()
#
#
# def normal_gradient(P, Y):
#     f = P - normal_affinities(Y)  # the factor w is gone: -log w is the squared distance itself
#     return 4 * (f.sum(axis=1, keepdims=True) * Y - f @ Y)
#
#
# little = np.zeros_like(anywhere)
# little[one, 1] = h
# slope = (normal_kl(P, anywhere + little) - normal_kl(P, anywhere - little)) / (2 * h)
# np.testing.assert_allclose(normal_gradient(P, anywhere)[one, 1], slope, rtol=1e-3)
#
# places, step = start, np.zeros_like(start)
# for i in range(N_ITERATIONS):
#     step = 0.8 * step - 0.1 * LEARNING_RATE * normal_gradient(P, places)
#     places = places + step
#
# of_student, of_normal = (silhouette_score(found, few_digits) for found in (path[-1], places))
# print(f"divergence: Student {divergences[-1]:.2f}, normal {normal_kl(P, places):.2f}")
# print(f"silhouette of the digits: Student {of_student:.2f}, normal {of_normal:.2f}")
# panels = {"Student's tail": (path[-1], few_digits), "normal": (places, few_digits)}
# display(maps(panels, "With and without the long tail", columns=2))
# assert of_student > of_normal
# assert divergences[-1] < normal_kl(P, places)
# ```
#
# The derivative of $-\log w_{ij}$ is $2\,(y_i - y_j)\,w_{ij}$ for Student's curve, and just $2\,(y_i - y_j)$ for the
# normal one: the spring does not slacken with the distance, so whatever has the least to do with each other is held
# together. The islands fray, and the sea between them fills up; that is the crowding problem, on paper. The divergence
# stays higher: the plane has no room for all pairs to have the $q$ that they should.
#
# </details>
#
# ## What to read next
#
# - The files of PCA, side by side: [scratchclust/reference/pca.py](../scratchclust/reference/pca.py) and
#   [scratchclust/reduce/pca.py](../scratchclust/reduce/pca.py).
# - Those of t-SNE: [scratchclust/reference/tsne.py](../scratchclust/reference/tsne.py), the definition, and its twin
#   [scratchclust/reduce/tsne.py](../scratchclust/reduce/tsne.py), with
#   [affinities.py](../scratchclust/reduce/tsne_parts/affinities.py) (who is a neighbour of whom),
#   [exact.py](../scratchclust/reduce/tsne_parts/exact.py) (all pairs),
#   [fft.py](../scratchclust/reduce/tsne_parts/fft.py)
#   (the grid) and [new_points.py](../scratchclust/reduce/tsne_parts/new_points.py).
# - I. T. Jolliffe, *Principal Component Analysis*, 2nd edition, 2002.
# - L. van der Maaten and G. Hinton, *Visualizing data using t-SNE*, Journal of Machine Learning Research, 2008. Its
#   ancestor: G. Hinton and S. Roweis, *Stochastic neighbor embedding*, NIPS 2002.
# - G. Linderman, M. Rachh, J. Hoskins, S. Steinerberger and Y. Kluger, *Fast interpolation-based t-SNE for improved
#   visualization of single-cell RNA-seq data*, Nature Methods, 2019: the grid.
# - M. Wattenberg, F. Viégas and I. Johnson, *How to use t-SNE effectively*, Distill, 2016: made-up data and their maps,
#   to play with. D. Kobak and P. Berens, *The art of using t-SNE for single-cell transcriptomics*, Nature
#   Communications, 2019: the start from PCA, and good settings.
# - The next tutorial, [04_gradient_descent_by_hand](04_gradient_descent_by_hand.ipynb): going downhill, from one number
#   to a network.
