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
# # t-SNE by hand: a map that keeps the neighbours
#
# *40 minutes. Before this page: [00](00_jax_for_numpy.ipynb) and [03](03_pca.ipynb). It runs in about 20 seconds.*
#
# On the plane of two principal axes, below on the left, most digits lie in one crowd. On the map at the right they are
# islands. At the end of this page you will have written t-SNE in sixty lines, from its definition, with its gradient
# checked in two ways.
#
# You need NumPy, what a gradient is, and a little probability: shares that sum to 1, and the logarithm. Some JAX. The
# map below was made by the package; your sixty lines will make one like it.

# %% tags=["hide-input"]
import jax
import jax.numpy as jnp
import numpy as np

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import maps as draw
from scratchclust.lessons import scores as draw_images
from scratchclust.reduce import tsne as fast_tsne
from scratchclust.reference import pca as reference_pca
from scratchclust.reference import tsne as reference_tsne

dataset = data.load("mnist_2000")
images, digits = dataset.images[:300], dataset.labels[:300]
pixels = flatten(to_unit(images)).astype(np.float64)
X = reference_pca.transform(
    pixels, reference_pca.pca(pixels, 50)
)  # [n, 50]: the 50 principal coordinates of 300 images
digit_names = {digit: str(digit) for digit in range(10)}

shown = fast_tsne.tsne(X, perplexity=30.0, max_iter=500)
draw.planes(
    "300 images on the plane of two principal axes, and on a map of t-SNE",
    [("PCA", X[:, :2], digits), ("t-SNE", shown.embedding, digits)],
    "Two scatters in ten colours, one a digit. On the left the colours overlap in one cloud. On the right they form "
    "islands, most of one colour.",
    columns=2,
    names=digit_names,
)

# %% [markdown]
# The folded cell above loads 300 `images`, `[300, 28, 28, 1]`, with their `digits`, `[300]`. `X`, `[300, 50]`, is
# *not* their pixels but their first 50 principal coordinates, from 03. `reference_tsne` and `fast_tsne` are the two
# programs of the package, and `shown` is the map that the second made. `np`, `jax` and `jnp` are as in 00; `draw` and
# `draw_images` make pictures.
#
# The colours are the digits, which neither of the two knows. A map has no room for everything
# ([03](03_pca.ipynb)): PCA gives up the near for the sake of the far. t-SNE (van der Maaten and Hinton, 2008) gives up
# the far for the sake of the near. The plan:
#
# 1. in the data, turn distances into numbers that say *who is a neighbour of whom*;
# 2. do the same on the map;
# 3. move the points of the map until the two agree as well as they can.
#
# ## Who is a neighbour of whom
#
# Each point $i$ spreads a probability of 1 over all others. The nearer, the more:
#
# $$p_{j|i} = \frac{\exp(-\beta_i\, |x_i - x_j|^2)}{\sum_{j' \ne i} \exp(-\beta_i\, |x_i - x_{j'}|^2)}$$
#
# How fast should it fall? With a small $\beta_i$ all get about the same, with a large one the nearest gets it all. We
# say what we want instead: that the choice be as uncertain as one among, say, 30 equal neighbours. The uncertainty of a
# choice is its entropy $H_i = -\sum_j p_{j|i} \log p_{j|i}$, and for 30 equal ones that is $\log 30$. So $\exp(H_i)$ is
# a number of neighbours. It is called the **perplexity**. The entropy falls when $\beta_i$ grows,
# so that halving an interval finds $\beta_i$ (its logarithm, since it may be of any size):


# %%
def squared_distances(X):
    norms = (X**2).sum(axis=1)
    return np.maximum(norms[:, None] - 2 * X @ X.T + norms[None, :], 0)  # [n, n]


def choice_of(squared, perplexity):
    """p of one point, from its squared distances to the others."""
    low, high = -20.0, 20.0  # for the logarithm of beta
    for _ in range(50):
        middle = (low + high) / 2
        p = np.exp(-np.exp(middle) * (squared - squared.min()))  # less the smallest: the same p, no underflow
        p /= p.sum()
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum()
        if entropy > np.log(perplexity):
            low = middle
        else:
            high = middle
    return p


# %% [markdown]
# **Predict, then run.** Of the first image's attention, what share goes to its single nearest neighbour, with
# perplexity 5 and with 30? And what do the neighbours after the 30th get together, with perplexity 30: nothing?

# %%
to_others = np.delete(squared_distances(X)[0], 0)
order = to_others.argsort()
sharp, broad = (choice_of(to_others, perplexity)[order] for perplexity in (5, 30))
print(f"the nearest: {sharp[0]:.0%} with perplexity 5, {broad[0]:.0%} with 30")
print(f"all after the 30th: {sharp[30:].sum():.1%} and {broad[30:].sum():.0%}")

# %% tags=["hide-input"]
assert sharp[0] > 2 * broad[0]
assert broad[30:].sum() > 0.1
ranks = np.arange(1, 61)
draw.curves(
    "How the first image divides its attention",
    [
        (
            "",
            ranks,
            {"perplexity 5": sharp[:60], "perplexity 30": broad[:60]},
            {"xlabel": "neighbour, from the nearest on", "ylabel": "p", "ylim": (0, None)},
        )
    ],
    "Two falling curves. With perplexity 5 the first few neighbours get most of it; with 30 the curve is low and "
    "reaches beyond the fiftieth.",
)

# %% tags=["hide-input"]
by_distance = np.arange(1, 300)[order]
places = np.array([1, 2, 3, 5, 10, 20, 30, 50, 100])
draw_images.pictures(
    "The first image, some of its neighbours, and what each gets with perplexity 5 and 30",
    images[[0, *by_distance[places - 1]]],
    ["the image", *(f"no. {place}\n{sharp[place - 1]:.1%}\n{broad[place - 1]:.1%}" for place in places)],
    "An image of a digit and nine of its neighbours, from the nearest to the hundredth, each with two percentages that "
    "fall from left to right.",
)

# %% [markdown]
# Those after the 30th still get more than a tenth: it is no sharp border, the attention fades. The last step makes the
# table symmetric, one number for each pair, with the sum 1 over all of them. Each point has its say, however far away
# from everything it is:
#
# $$p_{ij} = \frac{p_{j|i} + p_{i|j}}{2 n}$$


# %%
def joint(X, perplexity):
    n, squared = len(X), squared_distances(X)
    P = np.zeros((n, n))
    for i in range(n):
        others = np.arange(n) != i
        P[i, others] = choice_of(squared[i, others], perplexity)
    return (P + P.T) / (2 * n)


P = joint(X, 30)
assert np.isclose(P.sum(), 1)
np.testing.assert_allclose(P, reference_tsne.joint_affinities(X, 30.0), rtol=1e-5, atol=1e-12)

# %% [markdown]
# ## The same on the map, with a longer tail
#
# Let $y_i$ be the places on the map. There the affinity of two points is
#
# $$w_{ij} = \frac{1}{1 + |y_i - y_j|^2}, \qquad q_{ij} = \frac{w_{ij}}{Z}, \qquad Z = \sum_{i \ne j} w_{ij}$$
#
# Why not $\exp(-|y_i - y_j|^2)$, as for the data? Look at how the two fall:

# %% tags=["hide-input"]
distance = np.linspace(0, 5, 200)
falls = {"exp(−d²), normal": np.exp(-(distance**2)), "1 / (1 + d²), Student": 1 / (1 + distance**2)}
draw.curves(
    "Two ways to fall",
    [
        ("", distance, falls, {"xlabel": "distance d on the map", "ylabel": "w"}),
        ("on a logarithmic scale", distance, falls, {"xlabel": "distance d on the map", "yscale": "log"}),
    ],
    "Two curves over the distance, twice. Both begin at 1. The normal curve falls to nothing at distance 3, Student's "
    "stays at a few hundredths up to 5.",
)

# %% [markdown]
# **Predict, then run.** Two points should have a hundredth of the largest affinity. How far apart must they stand under
# each of the two curves?

# %%
normal_distance = np.sqrt(-np.log(0.01))  # exp(-d^2) = 0.01
student_distance = np.sqrt(1 / 0.01 - 1)  # 1 / (1 + d^2) = 0.01
print(f"normal {normal_distance:.1f}, Student {student_distance:.1f}")

# %% tags=["hide-input"]
assert student_distance > 4 * normal_distance
assert 2.1 < normal_distance < 2.2 < 9.9 < student_distance < 10

# %% [markdown]
# 2.1 and 9.9. The long tail **lets middling neighbours go far away**, at hardly any cost: it makes the room that a
# plane lacks. (That lack, all who are at a middling distance wanting the same few places, is called the *crowding
# problem*. The curve is that of Student's t distribution; hence the t.)
#
# ## How well do the two agree?
#
# Both tables are probabilities of pairs. Their difference is measured by the Kullback-Leibler divergence:
#
# $$\mathrm{KL} = \sum_{ij} p_{ij} \log \frac{p_{ij}}{q_{ij}}$$
#
# It is zero where $q = p$, and positive elsewhere. And it is one-sided. Neighbours ($p$ large) that are put apart ($q$
# small) cost much, since $\log(p / q)$ is large and so is its weight. Strangers ($p$ small) that are put together cost
# next to nothing. Remember that for the reading of maps. Its gradient is simple (van der Maaten and Hinton derive it in
# an appendix):
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
# changes. (Here $10^{-5}$ will do; [04](04_downhill.ipynb) says how small "a little" should be.)

# %%
rng = np.random.default_rng(0)
anywhere, h = rng.standard_normal((300, 2)), 1e-5
by_formula = gradient(P, anywhere)
for i in rng.choice(300, 5, replace=False):
    little = np.zeros_like(anywhere)
    little[i, 0] = h
    slope = (kl_divergence(P, anywhere + little) - kl_divergence(P, anywhere - little)) / (2 * h)
    print(f"point {i:3}: by the formula {by_formula[i, 0]:.7f}, by differences {slope:.7f}")
    assert abs(slope - by_formula[i, 0]) < 1e-4 * np.abs(by_formula).max()

# %% [markdown]
# ### In JAX nobody derives a gradient
#
# `jax.grad` makes of a function the function of its gradient. So it is enough to write the divergence itself, of which
# we take the logarithm apart first. With $\sum p = 1$ and $q = w / Z$,
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
print(f"JAX's gradient differs from the formula by {off:.0e} of its largest entry")
assert off < 1e-4

# %% [markdown]
# ## Downhill
#
# Gradient descent with **momentum**: a step is a part of the step before, plus a bit of the gradient downhill. And
# there are two tricks. We start from the PCA plane, **shrunk** until all points lie nearly on one another. And in the
# first iterations $p$ is multiplied by 4, so that neighbours run together early, while the map is small and clumps can
# still pass each other. That is called **early exaggeration**. The rate is divided by the same 4, so that the
# attraction pulls as before and it is the repulsion that is a quarter; and the momentum is small, 0.5, until the
# clumps are there.
#
# **Predict, then run.** How much of the divergence is gone after those 100 iterations, half of it?


# %%
def descend(P, Y, n_early=100, exaggeration=4, learning_rate=100):
    path, step = [Y], np.zeros_like(Y)
    for t in range(500):
        early = t < n_early
        factor = exaggeration if early else 1
        momentum = 0.5 if early else 0.8
        step = momentum * step - learning_rate / factor * gradient(factor * P, Y)
        Y = Y + step
        path.append(Y)
    return path


start = 1e-4 * X[:, :2] / X[:, 0].std()
path = descend(P, start)
divergences = [kl_divergence(P, Y) for Y in path]
for t in (0, 100, 500):
    print(f"iteration {t:3}: divergence {divergences[t]:.2f}, map {np.ptp(path[t]):.4f} wide")

# %% tags=["hide-input"]
assert divergences[100] > 0.85 * divergences[0]
assert divergences[500] < 0.5 * divergences[100]
assert 1.3 < np.ptp(path[100]) < 1.5
line = path[25] - path[25].mean(axis=0)
along = line @ np.linalg.svd(line, full_matrices=False)[2][0]
slowest = np.linalg.eigh(np.diag(P.sum(axis=1)) - P)[1][:, 1]
assert abs(np.corrcoef(along, slowest)[0, 1]) > 0.99  # the line is the eigenvector of which 08c makes its cuts
stages = [0, 25, 50, 100, 150, 500]
draw.planes(
    "t-SNE of 300 images on its way; each panel has its own scale",
    [(f"after {t} iterations" if t else "the start", path[t], digits) for t in stages],
    "Six stages of a map. At first the cloud of PCA; after 50 iterations drawn out to a line; at 100 some colours "
    "stand apart; at 150 and 500 they have unfolded into islands.",
    names=digit_names,
)

# %% tags=["hide-input"]
draw.curves(
    "The divergence, always told without exaggeration",
    [("", np.arange(501), {"": np.array(divergences)}, {"xlabel": "iteration", "ylim": (0, None)})],
    "A curve that stays high for the first 100 iterations, drops steeply when these end, and then flattens.",
)

# %% [markdown]
# Nearly nothing is gone: with the exaggeration the map goes down on another function, one in which neighbours weigh
# four times as much. It stays small (1.4 wide after 100 iterations), neighbours gather in a rough order, and the true
# divergence stays high. (After 25 and 50 iterations the map is a thin line: while all points lie so near together,
# every $w$ is about 1, and what differs least between neighbours grows fastest, as in the power iteration of 00; the
# rest follows. That is the eigenvector on which [08c](08c_graphs.ipynb) is built (Linderman and Steinerberger, 2019).)
# As soon as it ends, all repel each other and the map unfolds. To play with it: a slider for the perplexity and all
# 500 iterations,
#
# [![A map of 180 digits, dots in ten colours, above sliders for perplexity and
# iteration](images/play_tsne.png)](play/tsne.html)
#
# ## The two programs of the package
#
# `scratchclust/reference/tsne.py` has the functions that we wrote, and three things more or otherwise:
#
# - each coordinate has a *gain*, which lets its steps grow as long as they keep their direction (Jacobs, 1988);
# - the exaggeration lasts 250 iterations. It is 12 for 2,400 points and more, as in openTSNE, and $n / 200$ for fewer,
#   but at least 4 (12 was made for thousands of points; of dozens it makes knots);
# - its learning rate multiplies *a quarter* of the gradient, as in FIt-SNE and openTSNE, and is $n /
#   \text{exaggeration}$ (Belkina et al., 2019). Our 100 would be 400 there; for 300 points the rule gives 75, and the
#   gains let the steps grow.
#
# `scratchclust/reduce/tsne.py` is its JAX twin: your `choice_of` is `conditional_affinities` in
# `tsne_parts/affinities.py`, your `student_affinities` and `gradient` are `AllPairs.forces` and `Forces.gradient` in
# `tsne_parts/exact.py`, the body of your loop is `_move` in `tsne_parts/descent.py`. Both must find our divergence and
# our gradient, and from the same start they must go the same way:

# %%
for package in (reference_tsne, fast_tsne):
    np.testing.assert_allclose(package.kl_divergence(path[-1], P), divergences[-1], rtol=1e-3)
    np.testing.assert_allclose(package.gradient(anywhere, P), by_formula, atol=1e-4 * np.abs(by_formula).max())

slow, fast = (package.tsne(X, perplexity=30.0, max_iter=20, start=start) for package in (reference_tsne, fast_tsne))
off = np.abs(slow.embedding - fast.embedding).max() / np.abs(slow.embedding).max()
print(f"after 20 iterations the two differ by {off:.1%} of the map")
print(f"after 500 the package has a divergence of {shown.kl_divergence:.3f}, our own descent {divergences[-1]:.3f}")
assert off < 0.05
assert abs(shown.kl_divergence / divergences[-1] - 1) < 0.15

# %% [markdown]
# Do not expect the same map after hundreds of iterations. Rounding in the last digit grows, a clump may end on another
# side of its neighbour, and the divergence is nearly the same. What differs from run to run cannot be in the data: keep
# that in mind for [03c](03c_reading_maps.ipynb).
#
# ## Something is wrong here
#
# A colleague uses our functions, with a start of their own: 300 points from a random generator, with a standard
# deviation of 20, "so that nobody stands in another's way". The map:

# %%
wide_start = 20 * np.random.default_rng(1).standard_normal((300, 2))
torn = descend(P, wide_start)[-1]
print(f"divergence {kl_divergence(P, torn):.2f}; ours has {divergences[-1]:.2f}")
assert kl_divergence(P, torn) > 1.5 * divergences[-1]

# %% tags=["hide-input"]
draw.planes(
    "The colleague's map, and ours",
    [("the colleague's", torn, digits), ("ours", path[-1], digits)],
    "Two maps in ten colours. On the left each colour lies in torn pieces all over the map; on the right in one "
    "or two islands.",
    columns=2,
    names=digit_names,
)

# %% [markdown]
# "It needs more iterations", says the colleague. **Does it, and is that the cure? Why are the pieces of one digit
# hardly drawn together?** Think of the factor $w_{ij}$ in the gradient. Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The pull between two neighbours is $p_{ij}\, w_{ij}\, |y_i - y_j|$, and $w$ falls with the square of the distance:
# neighbours that start 30 apart pull with a thirtieth of $p_{ij}$, and in between are strangers, all of whom repel.
# So every point keeps to those of its neighbours that happened to be near. So the colleague is half right. More
# iterations do help, slowly, since the pull is weak; but not to the end: the descent comes to rest in or near a
# *local minimum* that is poorer than ours. The long tail that makes room at the end makes the map deaf at the
# beginning, and therefore the start must be small: when all lie within a distance of 1, every $w$ is at least a half,
# everybody hears everybody, and clumps pass through each other. (That, and not the distance to go, is what shrinking
# and the exaggeration are for.)
#
# Two tests: the same random start, two hundred thousand times smaller; and more iterations from the torn map, a few
# and many.
#
# </details>
#
# Put to the test, with three random starts:

# %%
for seed in range(1, 4):
    noise = np.random.default_rng(seed).standard_normal((300, 2))
    wide = descend(P, 20 * noise)[-1]
    longer = descend(P, wide, n_early=0)[-1]
    small = descend(P, 1e-4 * noise)[-1]
    kl = [kl_divergence(P, found) for found in (wide, longer, small)]
    print(f"random start {seed}: wide {kl[0]:.2f}, 500 iterations more {kl[1]:.2f}, small {kl[2]:.2f}")
    assert kl[2] < kl[1] - 0.1

patient = torn
for _ in range(6):
    patient = descend(P, patient, n_early=0)[-1]
print(f"the colleague's map, 3,000 iterations more: {kl_divergence(P, patient):.2f}")
assert 1.1 * divergences[-1] < kl_divergence(P, patient) < 0.5 * kl_divergence(P, torn)

# %% [markdown]
# ## Exercise: take the tail away
#
# The ancestor of t-SNE (Hinton and Roweis, 2002) had a normal curve on the map as well. With one $q$ for each pair,
# as here (theirs had one for each direction, like $p_{j|i}$), it is $w_{ij} = \exp(-|y_i - y_j|^2)$, and again $q = w
# / Z$.
#
# 1. Derive or guess its gradient. (With the logarithm of $w$ in the divergence, what becomes of the factor $w_{ij}$?)
#    Check it with finite differences or with `jax.grad`.
# 2. Make the map of the same 300 images, from the same start, with a learning rate of 10. **Predict first**: what will
#    the islands look like, and the sea between them? Say it with a number: the silhouette of the true digits on both
#    maps.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# from scratchclust import metrics
#
#
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
# little[0, 1] = h
# slope = (normal_kl(P, anywhere + little) - normal_kl(P, anywhere - little)) / (2 * h)
# np.testing.assert_allclose(normal_gradient(P, anywhere)[0, 1], slope, rtol=1e-3)
#
# Y, step = start, np.zeros_like(start)
# for t in range(500):
#     step = 0.8 * step - 10 * normal_gradient(P, Y)
#     Y = Y + step
#
# of_student, of_normal = (metrics.silhouette_score(found, digits) for found in (path[-1], Y))
# print(f"divergence: Student {divergences[-1]:.2f}, normal {normal_kl(P, Y):.2f}")
# print(f"silhouette of the digits: Student {of_student:.2f}, normal {of_normal:.2f}")
# assert of_student > of_normal
# assert divergences[-1] < normal_kl(P, Y)
# draw.planes("With and without the long tail", [("Student", path[-1], digits), ("normal", Y, digits)], "", columns=2)
# ```
#
# The derivative of $-\log w_{ij}$ is $2\,(y_i - y_j)\,w_{ij}$ for Student's curve, and just $2\,(y_i - y_j)$ for the
# normal one: the spring does not slacken with the distance, so whatever has the least to do with each other is held
# together. The islands fray, and the sea between them fills up; that is the crowding problem, on paper. The divergence
# stays higher: the plane has no room for all pairs to have the $q$ that they should.
#
# </details>
#
# ## What to take with you
#
# - t-SNE turns distances into probabilities of pairs, with a width for each point that the perplexity sets.
# - On the map a long tail makes room. It also makes the map deaf to what is far, hence the small start and the
#   exaggeration.
# - Neighbours torn apart cost much, strangers put together nearly nothing.
# - The perplexity is perhaps the most important of the settings; the start, the exaggeration and the learning rate
#   matter too, and those of one library are not those of another: a quarter of the gradient, 4 or 12, 100 or 250.
#
# ## Further
#
# - [scratchclust/reference/tsne.py](../scratchclust/reference/tsne.py), the definition, and its twin
#   [scratchclust/reduce/tsne.py](../scratchclust/reduce/tsne.py).
# - L. van der Maaten and G. Hinton, *Visualizing data using t-SNE*, Journal of Machine Learning Research, 2008. G.
#   Hinton and S. Roweis, *Stochastic neighbor embedding*, NIPS 2002. R. Jacobs, *Increased rates of convergence through
#   learning rate adaptation*, Neural Networks, 1988.
# - A. Belkina et al., *Automated optimized parameters for t-distributed stochastic neighbor embedding improve
#   visualization and analysis of large datasets*, Nature Communications, 2019: the learning rate. D. Kobak and P.
#   Berens, *The art of using t-SNE for single-cell transcriptomics*, Nature Communications, 2019: the start from PCA.
#   P. Poličar, M. Stražar and B. Zupan, *openTSNE*, Journal of Statistical Software, 2024; its documentation calls the
#   perplexity perhaps the most important parameter.
#   G. Linderman and S. Steinerberger, *Clustering with t-SNE, provably*, SIAM Journal on Mathematics of Data Science,
#   2019: what the exaggeration does at the beginning.
# - Next: [03c](03c_reading_maps.ipynb), what such a map says and what it only seems to say.
