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
# # U-Net and VAE: when a code stays empty
#
# An autoencoder squeezes an image through a few numbers, its **code**, and draws it again. We want the code for
# clustering, so something must be in it. This page is about two networks whose codes can stay empty, for two different
# reasons, while their losses look fine. When you have read it and run its cells, you will be able to
#
# 1. say why skip connections defeat a bottleneck, and prove it for a given network by one experiment;
# 2. write down the loss of a variational autoencoder, and check its formula by throwing dice;
# 3. explain the reparameterisation trick, and measure what it saves;
# 4. draw new images, and walk from one image to another;
# 5. recognise a collapsed code by two numbers, find the cause, and cure it.
#
# You need Python, NumPy, and to know what a gradient is. `04_gradient_descent_by_hand` explains how a network is
# trained; here training is a tool. The few words on JAX that are needed stand in `01_kmeans` and there.

# %% [markdown]
# ## Setting up
#
# Every constant of this tutorial stands in the next cell. Unless told otherwise it uses the handwritten digits that
# come with the package, 8x8 pixels each. With `SCRATCHCLUST_TUTORIAL_DATA=real` in the environment it uses some
# thousand images of MNIST, 28x28 pixels each (`scratchclust data mnist` gets it, or says how). The notebook in the
# repository was run with MNIST. The text fits either: it takes its numbers from the cell above.

# %%
import os

REAL_DATA = os.environ.get("SCRATCHCLUST_TUTORIAL_DATA", "bundled") == "real"

SEED = 0  # of all random numbers
N_IMAGES = 10_000  # used at most
CODE_LENGTH = 10  # numbers in a code
N_CLUSTERS, N_STARTS = 10, 4  # k-means runs so often and keeps the run of least inertia

TOY_STEPS, TOY_RATE = 120, 0.5  # of the linear networks
UNET_WIDTHS, UNET_EPOCHS = (8, 16), 4 if REAL_DATA else 12
VAE_WIDTHS, VAE_EPOCHS = (16, 32), 12 if REAL_DATA else 20
BATCH_SIZE, LEARNING_RATE = 100, 0.002
BETA = 3.0 if REAL_DATA else 1.0  # the weight of the divergence
HEAVY_BETA = 12.0 if REAL_DATA else 2.0  # a weight under which a code has a hard start
SHORT_EPOCHS = 6 if REAL_DATA else 20  # of the trainings that go wrong, and of the cure
CLOSED = 0.05  # nats: a number of the code that tells less than this is called closed

N_DRAWS = 20_000  # of the Monte Carlo estimate
N_GRADIENTS, DRAWS_EACH = 2_000, 20  # gradients that are estimated, and the draws for each of them
N_SHOWN, N_SAMPLES, N_WALKS, N_STEPS = 10, 48, 6, 12  # in the pictures
TIMING_RUNS, TIMING_STEPS = 5, 4  # each program runs so often, in turn, so many steps each time; the median counts

# %%
import time
from functools import partial

import numpy as np
from IPython.display import Markdown, display

from scratchclust import KMeans, data, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.report import figures
from scratchclust.report._style import panel_grid, styled  # blank paper, for what the figures of the package lack


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


def titled(figure, title):
    """The figure under another title."""
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, fontweight="bold")
    return figure


def curves(histories, title, x_name="epoch", legend="upper right"):
    """Curves of several trainings: name of the training -> name of the curve -> its values."""
    figure = titled(figures.training_curves(histories), title)
    for ax in figure.axes:
        ax.set_xlabel(x_name)
        for line in ax.lines:
            line.set_marker("")
    if len(histories) > 1:
        figure.axes[0].legend(loc=legend, frameon=False, fontsize=8)
    return figure


def bars(names, scores, title):
    """Bars that compare from panel to panel, since all have one scale."""
    figure = titled(figures.comparison_bars(names, scores), title)
    longest = max(max(values) for values in scores.values())
    for ax in figure.axes:
        ax.set_xlim(-0.02 * longest, 1.3 * longest)  # with room for the number beside a bar
    return figure


# %%
dataset = data.load("mnist", split="train", limit=N_IMAGES) if REAL_DATA else data.load("digits")
images = to_unit(dataset.images)  # [n, h, w, 1], from 0 (black) to 1 (white)
n_pixels = images[0].size
variance = ((images - images.mean(axis=0)) ** 2).sum() / len(images)  # of an image, summed over its pixels

say(
    f"The data are **{dataset.name}**: {len(images):,} images of {n_pixels} pixels. A code of {CODE_LENGTH} numbers "
    f"has one number for {n_pixels / CODE_LENGTH:.0f} pixels. Whoever draws the mean image, whatever the image was, "
    f"has a squared error of {variance:.2f}: that is the variance of the data, our measure for errors."
)

# %% [markdown]
# ## A way around the code
#
# An autoencoder has two parts, $z = \text{encode}(x)$ and $x' = \text{decode}(z)$, and is trained to make $x'$ near
# $x$. Since $z$ is small, it must hold what matters most. A **skip connection** hands something from the encoder to the
# decoder directly, around the code. The smallest example has no layers but matrices: the encoder $E$ makes a code of
# two numbers, the decoder $D$ draws from it, and $S$ is the skip connection:
#
# $$x' = x\,E\,D + x\,S, \qquad L = \frac{1}{n} \sum_i |x'_i - x_i|^2$$
#
# Write $x' = x M$ with $M = E D + S$. Then only the covariance of the images counts, $C = \frac{1}{n} x^\top x$ (if
# their mean is zero), and with $G = 2\, C (M - 1)$ the gradients are
#
# $$L = \text{tr}\big[(M - 1)^\top C\, (M - 1)\big], \qquad \frac{\partial L}{\partial E} = G\, D^\top, \qquad
# \frac{\partial L}{\partial D} = E^\top G, \qquad \frac{\partial L}{\partial S} = G$$
#
# That is all we need for gradient descent. $E$ and $D$ begin with small random numbers, $S$ with zeros.


# %%
def error_of(M, C):
    """The mean squared error of x M as a drawing of x, for points with the covariance C."""
    miss = M - np.eye(len(C))
    return (miss * (C @ miss)).sum()


def descend(C, with_skip):
    """Train x' = x E D (+ x S); the error after each step, as it is and with zeros in place of the code."""
    rng, d = np.random.default_rng(SEED), len(C)
    E, D, S = 0.01 * rng.standard_normal((d, 2)), 0.01 * rng.standard_normal((2, d)), np.zeros((d, d))
    errors = {"error": [], "error with code = 0": []}
    for _ in range(TOY_STEPS):
        G = 2 * C @ (E @ D + S - np.eye(d))
        E, D, S = E - TOY_RATE * G @ D.T, D - TOY_RATE * E.T @ G, S - TOY_RATE * with_skip * G
        errors["error"].append(error_of(E @ D + S, C))
        errors["error with code = 0"].append(error_of(S, C))
    return errors


small = flatten(to_unit(data.load("digits").images))  # the small digits in any case: this is plain NumPy
covariance = np.cov(small, rowvar=False, bias=True)
toys = {"no skip": descend(covariance, with_skip=False), "with a skip": descend(covariance, with_skip=True)}
curves(toys, "Two linear autoencoders, by gradient descent", "step")

# %%
last = {name: {what: values[-1] for what, values in errors.items()} for name, errors in toys.items()}
with_it, without_it = last["with a skip"]["error"], last["with a skip"]["error with code = 0"]
say(
    f"Without a skip the error stays at **{last['no skip']['error']:.3f}**, all that two numbers can do, and with "
    f"zeros in place of the code it is {last['no skip']['error with code = 0']:.3f}. With the skip it falls to "
    f"**{with_it:.3f}**. But take the code away from that network, and the error is {without_it:.3f}: it does not "
    "even notice."
)
assert with_it < 0.2 * last["no skip"]["error"]
assert abs(without_it - with_it) < 0.01 * last["no skip"]["error"]

# %% [markdown]
# Nobody told it to leave the code alone. Look at the gradients: that of $E$ contains $D$, and that of $D$ contains the
# code, that is $E$. As long as both are small neither learns much; they have to wait for each other. The gradient of
# $S$ waits for nothing. It takes away the error first, and with the error go the gradients of all three. When
# everything has been drawn, there is nothing left from which the code could learn.
#
# ## The same in JAX, with convolutions
#
# The U-Net (Ronneberger, Fischer and Brox, 2015) is such a network: before every halving of the image the encoder's
# features also go straight to the decoder.
#
#     image ── conv ──────────────────── skip ──────────────────── join ── drawing
#                └─ halve ── conv ────── skip ────── join ── double ─┘
#                              └─ halve ─ code ─ double ─┘
#
# In the package the same class builds it with these skips and without. Two networks, everything else alike:

# %%
import jax
import jax.numpy as jnp
import optax
from flax import nnx

from scratchclust.features import autoencoder as features
from scratchclust.models import ConvAutoencoderSpec, UNetSpec, VAESpec, count_parameters
from scratchclust.train import losses, optimizers

optimizer = optimizers.adam(LEARNING_RATE)


@partial(jax.jit, static_argnames=("graphdef", "loss"))
def step(graphdef, params, opt_state, batch, key, beta, loss):
    """One step downhill; `loss(model, batch, key, beta)` gives a number and its parts."""

    def loss_of(params):
        return loss(nnx.merge(graphdef, params, copy=True), batch, key, beta)

    (value, parts), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, {"loss": value, **parts}


def trained(spec, loss, n_epochs, beta_at=lambda progress: 1.0):
    """The network of a spec, trained on the images, and the mean parts of its loss in each epoch."""
    graphdef, params = nnx.split(spec.build(images.shape[1:], rngs=nnx.Rngs(SEED)))
    opt_state, key, rng = optimizer.init(params), jax.random.key(SEED), np.random.default_rng(SEED)
    history = []
    for epoch in range(n_epochs):
        order = rng.permutation(len(images))[: len(images) // BATCH_SIZE * BATCH_SIZE]
        found = []
        for rows in order.reshape(-1, BATCH_SIZE):
            key, step_key = jax.random.split(key)
            beta = beta_at(epoch / n_epochs)
            params, opt_state, parts = step(graphdef, params, opt_state, images[rows], step_key, beta, loss)
            found.append(parts)
        history.append(jax.device_get(found))
    means = {name: [np.mean([parts[name] for parts in found]) for found in history] for name in parts}
    return nnx.merge(graphdef, params), means


# %% [markdown]
# What is new here: `static_argnames` names arguments that are no arrays, and JAX compiles anew for each of their
# values. With `has_aux=True` a function returns the number to be differentiated and, beside it, others to be handed
# through. `optax.apply_updates` is the addition of `04_gradient_descent_by_hand`, array by array, and `jax.device_get`
# brings arrays to NumPy. `nnx.split` takes the parameters out of a network and `nnx.merge` puts them in again;
# `nnx.jit` and `nnx.value_and_grad`, further down, are those of JAX for a network that is not taken apart.
#
# The loss is the **Bernoulli cross-entropy**. A pixel $x$ between 0 and 1 is taken for the chance that it is white, and
# the network gives its own chance $x'$ as the sigmoid of a number, the *logit*. Summed over pixels, averaged over
# images:
#
# $$-\log p(x \mid x') = -\sum_{\text{pixels}} \big[x \log x' + (1 - x) \log (1 - x')\big]$$


# %%
def drawing_loss(model, batch, key, beta):
    return losses.bernoulli_cross_entropy(batch, model.logits(batch)), {}  # it has no parts


specs = {
    "no skips": UNetSpec(widths=UNET_WIDTHS, latent_dim=CODE_LENGTH, skips=False),
    "U-Net": UNetSpec(widths=UNET_WIDTHS, latent_dim=CODE_LENGTH),
}
networks, histories = {}, {}
networks["no skips"], histories["no skips"] = trained(specs["no skips"], drawing_loss, UNET_EPOCHS)

# %%
networks["U-Net"], histories["U-Net"] = trained(specs["U-Net"], drawing_loss, UNET_EPOCHS)
curves(histories, "An autoencoder without and with skip connections")

# %% [markdown]
# By its loss the U-Net is the better network. (Neither can come down to zero: a grey pixel costs something even if it
# is drawn exactly.) Now the experiment. Give zeros to the decoder in place of the code, and look at what it draws:

# %%
shown = np.random.default_rng(SEED).choice(len(images), N_SHOWN, replace=False)
drawn = {}
for name, network in networks.items():
    drawn[name] = features.reconstruct(network, images[shown])
    drawn[f"{name}, code = 0"] = features.reconstruct(network, images[shown], zero_code=True)
figures.reconstructions(images[shown], drawn)


# %%
def share_of_variance(pictures):
    """The squared error of the pictures of all images, as a share of the variance."""
    return ((pictures - images) ** 2).sum() / len(images) / variance


errors = {name: share_of_variance(features.reconstruct(network, images)) for name, network in networks.items()}
blind = {
    name: share_of_variance(features.reconstruct(network, images, zero_code=True)) for name, network in networks.items()
}
print(f"{'':12}{'parameters':>12}{'error':>10}{'error with code = 0':>22}")
for name, network in networks.items():
    print(f"{name:12}{count_parameters(network):12,}{errors[name]:10.1%}{blind[name]:22.1%}")

# %%
say(
    f"The U-Net misses its images by {errors['U-Net']:.1%} of the variance, and **without any code** by "
    f"{blind['U-Net']:.1%}. That is still better than the other network *with* its code, {errors['no skips']:.1%}. "
    f"Take the code of that one away, and all is lost: {blind['no skips']:.0%}, worse than the mean image."
)
assert errors["U-Net"] < errors["no skips"]
assert blind["U-Net"] < errors["no skips"] < 1 < blind["no skips"]


# %% [markdown]
# And what does k-means find in the codes? For comparison we also cluster the pixels, and the code of a U-Net that has
# *learned nothing at all*: one with its first, random parameters. (Labels serve only to score, in
# this look and in one near the end. No network is trained with them.)


# %%
def scores_of(points):
    """Accuracy and NMI of k-means on the points."""
    found = KMeans(n_clusters=N_CLUSTERS, n_init=N_STARTS, random_state=SEED).fit(points).labels_
    return (
        metrics.clustering_accuracy(dataset.labels, found),
        metrics.normalized_mutual_info_score(dataset.labels, found),
    )


untrained = specs["U-Net"].build(images.shape[1:], rngs=nnx.Rngs(SEED))
found = {
    "pixels": scores_of(flatten(images)),
    "code, no skips": scores_of(features.encode(networks["no skips"], images)),
    "code, U-Net": scores_of(features.encode(networks["U-Net"], images)),
    "code, U-Net untrained": scores_of(features.encode(untrained, images)),
}
accuracies, nmis = zip(*found.values(), strict=True)
bars(list(found), {"accuracy": accuracies, "NMI": nmis}, "k-means on codes")

# %%
say(
    f"On the codes of the better drawer k-means has an accuracy of **{found['code, U-Net'][0]:.3f}**, on those of the "
    f"worse one **{found['code, no skips'][0]:.3f}**. A code that was never trained at all gives "
    f"{found['code, U-Net untrained'][0]:.3f}."
)
assert found["code, U-Net"][0] < found["code, no skips"][0] - 0.03

# %% [markdown]
# So a reconstruction error says nothing about a code unless everything has to go *through* the code. With skips this
# wide hardly anything does. There is nothing wrong with U-Nets: they were made to colour the cells in a micrograph,
# where the output is not the input and every detail is welcome. They are wrong for learning a code.
#
# ## From an autoencoder to a source of images
#
# Now a network without skips. Its code is full. Can we *make* an image by choosing a code? The decoder draws something
# for any ten numbers. But which numbers are sensible? The encoder puts its codes wherever it likes, and between them
# may be anything. The **variational autoencoder** (VAE, Kingma and Welling, 2014) is trained so that the answer is
# known beforehand: codes drawn from the normal distribution $N(0, 1)$, all coordinates independent, should give images
# like those of the data.
#
# So there is a story of how an image comes to be. First a code is drawn, $z \sim p(z) = N(0, 1)$, then an image,
# $x \sim p(x \mid z)$, whose pixels the decoder decides. We want the data to be likely under this story. That is hard,
# since $p(x)$ is a mean over all codes, and nearly all of them have nothing to do with $x$. Therefore the encoder
# helps. For each image it proposes where to look, a normal distribution $q(z \mid x)$ with a mean and a standard
# deviation of its own for every coordinate. Bayes' rule says $p(x) = p(x \mid z)\, p(z) / p(z \mid x)$ for every $z$.
# Take logarithms, add and subtract $\log q(z \mid x)$, and take the mean over $z$ drawn from $q$, *whatever* $q$ is:
#
# $$\log p(x) = \underbrace{\mathbb{E}_{q}\big[\log p(x \mid z)\big] - \text{KL}\big(q(z \mid x) \,\|\, p(z)\big)}_{
# \text{ELBO}} + \underbrace{\text{KL}\big(q(z \mid x) \,\|\, p(z \mid x)\big)}_{\ge\, 0}$$
#
# where $\text{KL}(q \| p) = \mathbb{E}_q[\log q - \log p]$, the *divergence*, is zero where both are the same and
# positive elsewhere. So the first two terms are a lower bound of $\log p(x)$, the *evidence lower bound*, and the
# negative of it is our loss:
#
# $$L = \underbrace{-\mathbb{E}_q \log p(x \mid z)}_{\text{cross-entropy of the drawing}} + \beta \,
# \underbrace{\text{KL}\big(q(z \mid x) \,\|\, N(0, 1)\big)}_{\text{what the code tells about } x}$$
#
# with $\beta = 1$. (We shall need other values.) The first term wants the code to say as much about $x$ as possible.
# The second is the price: it is zero if all images get the same $q = N(0, 1)$, and then the code says nothing. Both
# are in *nats*; $\log 2$ nats are a bit. (Strictly, averaged over images, the price is the most that the code can tell:
# it also counts how far all codes together are from $N(0, 1)$.)
#
# ### The divergence, by formula and by dice
#
# For two normal distributions it has a formula. With the mean $\mu_j$ and the variance $\sigma_j^2$ of coordinate $j$,
#
# $$\text{KL} = \sum_j \tfrac{1}{2} \left(\sigma_j^2 + \mu_j^2 - 1 - \log \sigma_j^2\right)$$
#
# Networks give $\log \sigma^2$, here `log_var`, which may be any number, where a variance must be positive. A formula
# is easily mistyped, so we check it by its definition: draw many $z$ from $q$ and take the mean of $\log q - \log p$.


# %%
def gaussian_kl(mean, log_var):
    return ((np.exp(log_var) + mean**2 - 1 - log_var) / 2).sum(axis=-1)


def log_normal(z, mean, log_var):
    return -((z - mean) ** 2 / np.exp(log_var) + log_var + np.log(2 * np.pi)).sum(axis=-1) / 2


mean, log_var = np.array([1.0, 0.0, -0.5]), np.array([-2.0, 0.0, 0.5])  # three numbers of a code
rng = np.random.default_rng(SEED)
z = mean + np.exp(log_var / 2) * rng.standard_normal((N_DRAWS, 3))
terms = log_normal(z, mean, log_var) - log_normal(z, np.zeros(3), np.zeros(3))

exact, standard_error = gaussian_kl(mean, log_var), terms.std() / np.sqrt(N_DRAWS)
running = np.cumsum(terms[:1_000]) / np.arange(1, 1_001)
both = {"dice": {"KL, in nats": running}, "formula": {"KL, in nats": np.full(1_000, exact)}}
curves(both, "The divergence of one code: by formula, and as the mean over draws", "number of draws", "lower right")

# %%
each = [float(gaussian_kl(mean[[j]], log_var[[j]])) for j in range(3)]
in_jax = losses.gaussian_kl(jnp.asarray(mean)[None], jnp.asarray(log_var)[None])
say(
    f"By formula {exact:.4f} nats, by {N_DRAWS:,} draws {terms.mean():.4f} ± {standard_error:.4f}. The three numbers "
    f"of the code contribute {each[0]:.3f}, {each[1]:.3f} and {each[2]:.3f}: the second has mean 0 and variance 1, "
    "like a code that knows no image, so it tells nothing and costs nothing. The package's `losses.gaussian_kl`, in "
    f"JAX, says {in_jax:.4f}."
)
assert abs(terms.mean() - exact) < 4 * standard_error
assert each[1] == 0
np.testing.assert_allclose(in_jax, exact, rtol=1e-6)

# %% [markdown]
# ### The bound, where everything is known
#
# Is the ELBO really below $\log p(x)$? Take an image of one pixel and a code of one number, with
# $p(x \mid z) = N(x; z, 1)$. Then $x$ is the sum of two independent normal numbers, so $p(x) = N(x; 0, 2)$ is known,
# and so is the distribution of the code given the image, $p(z \mid x) = N(x / 2, 1 / 2)$. Under $q$ the mean of
# $(x - z)^2$ is $(x - \mu)^2 + \sigma^2$.


# %%
def elbo(x, mean, log_var):
    """The bound for one pixel x, with q = N(mean, exp(log_var)); both are [1]."""
    squared = (x - mean[0]) ** 2 + np.exp(log_var[0])
    return -(squared + np.log(2 * np.pi)) / 2 - gaussian_kl(mean, log_var)


x = 1.6
evidence = log_normal(np.array([x]), np.zeros(1), np.log([2.0]))
proposals = {"knows nothing": (0.0, 1.0), "too sure": (x / 2, 0.01), "right": (x / 2, 0.5)}  # mean and variance of q
bounds = {name: elbo(x, np.array([m]), np.log([v])) for name, (m, v) in proposals.items()}
for name, bound in bounds.items():
    print(f"{name:14} ELBO {bound:.4f}   log p(x) {evidence:.4f}")
assert all(bound <= evidence + 1e-12 for bound in bounds.values())
np.testing.assert_allclose(bounds["right"], evidence)

# %% [markdown]
# The bound is reached where the encoder proposes exactly what Bayes' rule says. So training makes two things better at
# once: the decoder explains the images, and the encoder explains the decoder.
#
# ## A gradient through a die
#
# The other term of the loss is a mean over draws of $z$, and the encoder decides where we draw. To train it we need the
# gradient of
#
# $$\mathbb{E}_{z \sim N(\mu, \sigma^2)}\big[f(z)\big]$$
#
# with respect to $\mu$ and $\sigma$. What could it mean to differentiate a random draw? There are two answers. Let $f$
# be $(z - 2)^2$, so that we know the truth: the mean is $(\mu - 2)^2 + \sigma^2$, with the derivatives
# $2(\mu - 2)$ and $2 \sigma$.
#
# **The score function.** Differentiate the density, and write the result as a mean again:
#
# $$\nabla\, \mathbb{E}[f(z)] = \int f(z)\, \nabla p(z)\, dz = \mathbb{E}\big[f(z)\, \nabla \log p(z)\big], \qquad
# \frac{\partial \log p}{\partial \mu} = \frac{\varepsilon}{\sigma}, \quad
# \frac{\partial \log p}{\partial \sigma} = \frac{\varepsilon^2 - 1}{\sigma}, \quad
# \varepsilon = \frac{z - \mu}{\sigma}$$
#
# It uses the *values* of $f$ only: what was good, do more often.
#
# **The reparameterisation.** Write the draw as
#
# $$z = \mu + \sigma\, \varepsilon, \qquad \varepsilon \sim N(0, 1)$$
#
# The die is now $\varepsilon$, and nothing that we learn changes it. Once it is thrown, $z$ is an ordinary function of
# $\mu$ and $\sigma$, with the derivatives 1 and $\varepsilon$, and the chain rule goes through:
#
# $$\frac{\partial}{\partial \mu} \mathbb{E}[f(z)] = \mathbb{E}\big[f'(z)\big], \qquad
# \frac{\partial}{\partial \sigma} \mathbb{E}[f(z)] = \mathbb{E}\big[f'(z)\, \varepsilon\big]$$


# %%
def f(z):
    return (z - 2) ** 2


def score_function(mean, std, eps, f):
    value = f(mean + std * eps)
    return np.stack([value * eps / std, value * (eps**2 - 1) / std])  # d/dmean and d/dstd, one for each draw


def reparameterised(mean, std, eps):
    slope = 2 * (mean + std * eps - 2)  # f'(z)
    return np.stack([slope, slope * eps])


mean, std = 0.5, 1.0
truth = np.array([2 * (mean - 2), 2 * std])
eps = np.random.default_rng(SEED).standard_normal((N_GRADIENTS, DRAWS_EACH))
estimates = {  # [2, N_GRADIENTS]: each is the mean over DRAWS_EACH draws
    "score function": score_function(mean, std, eps, f).mean(axis=2),
    "reparameterised": reparameterised(mean, std, eps).mean(axis=2),
    "score function, f + 10": score_function(mean, std, eps, lambda z: f(z) + 10).mean(axis=2),
}


# %%
@styled
def histograms(estimates, truth, title):
    """A panel for each of the two derivatives, with the estimates of each kind and the truth."""
    figure, axes = panel_grid(title, 2, columns=2, panel_height=2.6)
    for ax, row, name in zip(axes, range(2), ("d / d mean", "d / d std"), strict=True):
        every = np.concatenate([values[row] for values in estimates.values()])
        bins = np.linspace(*np.quantile(every, [0.005, 0.995]), 70)
        for (kind, values), color in zip(estimates.items(), figures.PALETTE, strict=False):
            ax.hist(values[row], bins, density=True, alpha=0.6, color=color, label=kind)
        ax.axvline(truth[row], color="#262626", linewidth=1, linestyle="--", label="the truth")
        ax.set(title=name, yticks=[])
    axes[0].legend(loc="upper left")
    return figure


histograms(estimates, truth, f"{N_GRADIENTS:,} estimates of each derivative, from {DRAWS_EACH} draws each")

# %%
spread = {name: values.std(axis=1) for name, values in estimates.items()}
for name, values in estimates.items():
    off = np.abs(values.mean(axis=1) - truth) / (spread[name] / np.sqrt(N_GRADIENTS))
    assert (off < 4).all(), name  # all are right on average
ratio = (spread["score function"] / spread["reparameterised"]) ** 2
worse = (spread["score function, f + 10"] / spread["reparameterised"]) ** 2
say(
    f"All three are right on average ({truth[0]:.0f} and {truth[1]:.0f}). But the variance of the score function is "
    f"**{ratio[0]:.0f}** and **{ratio[1]:.0f}** times as large: to be as sure of a gradient one would have to draw "
    f"that many times as often. Add 10 to $f$, which changes no derivative, and it is {worse[0]:.0f} and "
    f"{worse[1]:.0f} times as large. The reparameterisation looks at the slope of $f$; constants do not exist for it."
)
assert ratio.min() > 2
assert (worse > ratio).all()


# %% [markdown]
# In JAX nothing is left to do by hand. `eps` is drawn from a key, an input like any other, and `jax.grad` goes through
# the rest. The same numbers `eps`, the same gradients:


# %%
def mean_of_f(mean, std, eps):
    return f(mean + std * eps).mean()


by_jax = jax.grad(mean_of_f, argnums=(0, 1))(mean, std, jnp.asarray(eps[0]))
np.testing.assert_allclose(by_jax, estimates["reparameterised"][:, 0], rtol=1e-5)
say(f"`jax.grad` gives {by_jax[0]:.4f} and {by_jax[1]:.4f}, as our own formula does.")

# %% [markdown]
# The trick needs a $z$ that moves smoothly with its parameters. The face of a coin does not, and networks with discrete
# codes have to do with the score function, or with a softened coin.
#
# ## The VAE
#
# The network is a convolutional autoencoder with two layers for the code instead of one, `mean` and `log_var`. Here is
# its loss, all of it, with one draw of $z$ for each image. (The draw is inside of the model: `VAE.sample_code` is the
# line `mean + jnp.exp(log_var / 2) * noise`.)


# %%
def vae_loss(model, batch, key, beta):
    logits, mean, log_var = model(batch, key=key)
    drawing = (jax.nn.softplus(logits) - batch * logits).sum() / len(batch)  # the cross-entropy, from logits
    kl = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).sum() / len(batch)
    return drawing + beta * kl, {"drawing": drawing, "KL": kl}


spec = VAESpec(widths=VAE_WIDTHS, latent_dim=CODE_LENGTH)
fresh, key = spec.build(images.shape[1:], rngs=nnx.Rngs(SEED)), jax.random.key(SEED)
batch = jnp.asarray(images[:BATCH_SIZE])


@nnx.jit
def ours_and_the_packages(model):
    return vae_loss(model, batch, key, 1.0)[0], -losses.elbo(batch, *model(batch, key=key))


np.testing.assert_allclose(*ours_and_the_packages(fresh), rtol=1e-5)

# %% [markdown]
# ### Without noise and without price it is the autoencoder
#
# Set $\beta = 0$ and leave the noise out ($z = \mu$). What remains is $-\log p(x \mid z)$ at the code that the encoder
# gives, the loss of an autoencoder, and `log_var` is connected to nothing. We can check it, up to rounding: copy the
# parameters into a `ConvAutoencoder`, and compare the losses and the gradients.


# %%
def autoencoder_loss(model, batch, key, beta):
    logits, _, _ = model(batch, key=None)  # without a key there is no noise
    drawing = losses.bernoulli_cross_entropy(batch, logits)
    return drawing, {"drawing": drawing}


plain = ConvAutoencoderSpec(widths=VAE_WIDTHS, latent_dim=CODE_LENGTH).build(images.shape[1:], rngs=nnx.Rngs(SEED + 1))
parameters = nnx.to_pure_dict(nnx.state(fresh))
parameters["to_code"] = parameters.pop("to_mean")
del parameters["to_log_var"]
nnx.update(plain, parameters)


@nnx.jit(static_argnames="loss")
def value_and_gradient(model, loss):
    return nnx.value_and_grad(lambda model: loss(model, batch, None, 0.0)[0])(model)


without_noise, gradient = value_and_gradient(fresh, vae_loss)
as_autoencoder, plain_gradient = value_and_gradient(plain, drawing_loss)
np.testing.assert_allclose(without_noise, as_autoencoder, rtol=1e-6)
for mine, its in (
    (gradient.encoder, plain_gradient.encoder),
    (gradient.to_mean, plain_gradient.to_code),
    (gradient.decoder, plain_gradient.decoder),
):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3), mine, its)
assert all((leaf == 0).all() for leaf in jax.tree.leaves(gradient.to_log_var))
print(f"VAE, beta = 0, no noise   {without_noise:.4f}")
print(f"autoencoder               {as_autoencoder:.4f}, and the gradients are the same")

# %% [markdown]
# We train both, the autoencoder in this form and the VAE. Its $\beta$ is `BETA` of the cell with the constants: 1 for
# the small digits, and more for larger images, whose many pixels outweigh the divergence, so that the codes keep less
# well to $N(0, 1)$. (Drawing plus divergence, unweighted, is a bound whatever the $\beta$ in training was.)

# %%
plain_autoencoder, plain_history = trained(spec, autoencoder_loss, VAE_EPOCHS)

# %%
vae, vae_history = trained(spec, vae_loss, VAE_EPOCHS, lambda progress: BETA)
curves({"autoencoder": plain_history, "VAE": vae_history}, "Autoencoder and VAE: the terms of the loss")

# %%
pair = {"autoencoder": plain_autoencoder, "VAE": vae}
figures.reconstructions(
    images[shown], {name: features.reconstruct(model, images[shown]) for name, model in pair.items()}
)

# %%
bound = vae_history["drawing"][-1] + vae_history["KL"][-1]
say(
    f"With β = {BETA:.0f} the VAE draws less sharply than the autoencoder: {vae_history['drawing'][-1]:.1f} nats "
    f"against {plain_history['drawing'][-1]:.1f}. That is the price. Its code tells "
    f"at most **{vae_history['KL'][-1]:.1f} nats** about an image, {vae_history['KL'][-1] / np.log(2):.1f} bits, and "
    "the rest is left blurred. The bound says: if each pixel is thrown black or white, with its grey value as the "
    f"chance of white, $-\\log p$ of such an image is at most {bound:.1f} nats, on average over the training images."
)
assert plain_history["drawing"][-1] < vae_history["drawing"][-1]
assert vae_history["KL"][-1] > 1

# %% [markdown]
# ### Samples
#
# What was it good for? We draw codes and let the decoders draw. The VAE gets them from $N(0, 1)$. The autoencoder made
# no promise about its codes, so it gets a better chance than it asked for: from a normal distribution with the mean and
# the standard deviation that each coordinate of *its* codes really has.

# %%
normal = np.random.default_rng(SEED).standard_normal((N_SAMPLES, CODE_LENGTH)).astype(np.float32)
codes = {name: features.encode(model, images) for name, model in pair.items()}
titled(figures.samples(features.decode(vae, normal)), "New images by the VAE: codes from N(0, 1)")

# %%
fitted = codes["autoencoder"].mean(axis=0) + codes["autoencoder"].std(axis=0) * normal
titled(figures.samples(features.decode(plain_autoencoder, fitted)), "The same by the autoencoder")


# %% [markdown]
# Judge for yourself. And was the promise kept? If we draw one $z$ for every image, from its own $q$, all these together
# should look like draws from $N(0, 1)$: in every coordinate the mean 0 and the standard deviation 1, and no two
# coordinates correlated.

# %%
of_images = np.asarray(vae.sample_code(*vae.encode(jnp.asarray(images[:2_000])), key))


def farthest(codes):
    """The mean farthest from 0, the standard deviation farthest from 1, the largest correlation."""
    spreads = codes.std(axis=0)
    correlations = np.abs(np.corrcoef(codes, rowvar=False) - np.eye(CODE_LENGTH))
    return np.abs(codes.mean(axis=0)).max(), spreads[np.abs(spreads - 1).argmax()], correlations.max()


print(f"{'':14}{'mean, farthest':>16}{'std, farthest':>16}{'correlation, at most':>23}")
for name, points in {"VAE": of_images, "autoencoder": codes["autoencoder"][:2_000]}.items():
    print(f"{name:14}{farthest(points)[0]:16.2f}{farthest(points)[1]:16.2f}{farthest(points)[2]:23.2f}")
assert farthest(of_images)[2] < farthest(codes["autoencoder"])[2]

# %% [markdown]
# Nearly. What is left is why some samples are no digits: where the codes of images are thin, though $N(0, 1)$ is not,
# the decoder has never been. The autoencoder got the means and standard deviations from us, but its coordinates depend
# on each other, and a draw that ignores that lands where no image is.
#
# Then look between the images. We take pairs of them and walk in a straight line from the code of the one to the code
# of the other, $z(t) = (1 - t)\,z_0 + t\,z_1$.


# %%
def walk_between(model, begin, end):
    """Pictures on the straight lines between codes, [walks, steps, h, w, c]."""
    t = np.linspace(0, 1, N_STEPS, dtype=np.float32)[None, :, None]
    codes = (1 - t) * begin[:, None, :] + t * end[:, None, :]
    pictures = features.decode(model, codes.reshape(-1, CODE_LENGTH))
    return pictures.reshape(len(begin), N_STEPS, *pictures.shape[1:])


pairs = np.random.default_rng(SEED + 1).choice(len(images), (2, N_WALKS), replace=False)
titled(
    figures.latent_walk(walk_between(vae, *codes["VAE"][pairs]), [f"{i} to {j}" for i, j in pairs.T]),
    "Walks of the VAE, from image to image (by their numbers)",
)

# %% [markdown]
# ### Which numbers of the code are in use?
#
# The divergence is a sum over the numbers of the code, so each has its own: what it tells about an image, in nats. We
# take the code of one image and let every number walk alone from -3 to 3, while the others stay; in the order of what
# they tell:


# %%
def kl_of_each(model):
    """What each number of the code tells, in nats: its divergence, averaged over images."""
    mean, log_var = model.encode(jnp.asarray(images[:1_000]))
    return np.asarray((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).mean(axis=0)


told = kl_of_each(vae)
order = told.argsort()[::-1]
this = np.eye(CODE_LENGTH, dtype=np.float32)[order]  # [d, d]: a one for the number that walks
begin, end = (codes["VAE"][shown[0]] * (1 - this) + edge * this for edge in (-3, 3))
titled(
    figures.latent_walk(walk_between(vae, begin, end), [f"number {j}: {told[j]:.2f} nats" for j in order]),
    "Each number of one code walks alone from -3 to 3",
)

# %%
moved = ((features.decode(vae, end) - features.decode(vae, begin)) ** 2).sum(axis=(1, 2, 3)) / variance
say(
    f"From one end to the other, the number that tells most ({told.max():.2f} nats) changes the picture by "
    f"{moved[0]:.2f} times the variance of the data, and the one that tells least ({told.min():.2f} nats) by "
    f"{moved[-1]:.2f} times. {np.sum(told < CLOSED)} of {CODE_LENGTH} numbers tell less than {CLOSED} nats."
)
assert (moved[told[order] < CLOSED] < 0.5 * moved.max()).all()

# %% [markdown]
# A number that is not worth its price gets closed: $\mu = 0$ and $\sigma = 1$ for every image, so that it costs
# nothing. (If the count above is 0, all are worth it. With a larger $\beta$ some are not.) That is the VAE's way to say
# that the code is longer than it needs to be, and no fault.
#
# ## Something is wrong here
#
# A colleague writes the loss anew. "Sums over pixels give such large numbers. I take means, as everybody does." The
# loss falls, comes to rest, and looks good: well below one. He draws some samples:


# %%
def colleagues_loss(model, batch, key, beta):
    logits, mean, log_var = model(batch, key=key)
    drawing = (jax.nn.softplus(logits) - batch * logits).mean()
    kl = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).sum(axis=1).mean()
    return drawing + beta * kl, {"drawing": drawing, "KL": kl}


colleagues, colleagues_history = trained(spec, colleagues_loss, SHORT_EPOCHS)
curves({"colleague": colleagues_history}, "The colleague's training")

# %%
titled(figures.samples(features.decode(colleagues, normal)), "New images by the colleague's VAE")

# %%
figures.reconstructions(images[shown], {"colleague": features.reconstruct(colleagues, images[shown])})

# %% [markdown]
# **Find out what went wrong.** Is the decoder too weak? Were the epochs too few? Does the decoder ignore the code, or
# is there nothing in the code? And which line is at fault? Here are some numbers; answer before you unfold.

# %%
its_mean, its_log_var = colleagues.encode(jnp.asarray(images[:1_000]))
its_std = jnp.exp(its_log_var / 2)
its_error = share_of_variance(features.reconstruct(colleagues, images))
print(f"loss in the last epoch        {colleagues_history['loss'][-1]:.4f}")
print(f"KL in the last epoch          {colleagues_history['KL'][-1]:.6f}")
print(f"means of the codes            from {its_mean.min():.4f} to {its_mean.max():.4f}")
print(f"standard deviations of them   from {its_std.min():.4f} to {its_std.max():.4f}")
print(f"error of the drawings         {its_error:.1%} of the variance")

# %% [markdown]
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The code is empty: for every image the mean is about 0 and the standard deviation about 1, so that $q(z \mid x)$ is
# $N(0, 1)$ and the divergence nearly zero. The decoder is not to blame. It hears noise that has nothing to do with the
# image, so the best it can draw is always the same, something like the mean image, whose error is all the variance.
# More epochs would not help, since this *is* the minimum of that loss. It is called **posterior collapse**.
#
# At fault is the mean over pixels. There are $D$ pixels, so the drawing is divided by $D$, and the divergence is not:
#
# $$\frac{1}{D}\, \text{drawing} + \text{KL} = \frac{1}{D} \left(\text{drawing} + D \cdot \text{KL}\right)$$
#
# Without wanting to, the colleague has chosen $\beta = D$. A nat in the code then costs $D$ nats. It saves more than
# one, since one number of the code moves many pixels, but nothing like $D$, so no number is worth its price. Nothing in
# the curves gives it away, but for one: a divergence of zero. And he could have been warned by the unit. A sum over
# pixels is in nats for an image; a mean over pixels plus a sum over the code is in nothing.
#
# </details>
#
# If that is the diagnosis, then his loss is ours with $\beta = D$, but for a factor. We check it for the same network,
# the same images and the same noise. And with the sums put back, and nothing else changed, the code must fill. We train
# that network:

# %%
mended, mended_history = trained(spec, vae_loss, SHORT_EPOCHS)  # beta is 1


@nnx.jit
def his_and_ours(model):
    return colleagues_loss(model, batch, key, 1.0)[0], vae_loss(model, batch, key, float(n_pixels))[0]


his, ours_heavy = his_and_ours(fresh)
np.testing.assert_allclose(his * n_pixels, ours_heavy, rtol=1e-5)

told_by_his, told_by_mended = kl_of_each(colleagues), kl_of_each(mended)
names = [f"number {j}" for j in order]
bars(
    names,
    {"with sums over pixels": told_by_mended[order], "with means over pixels": told_by_his[order]},
    "What each number of the code tells, in nats",
)

# %%
saved = (n_pixels * colleagues_history["drawing"][-1] - mended_history["drawing"][-1]) / mended_history["KL"][-1]
say(
    f"His loss times {n_pixels} is {his * n_pixels:.3f}, ours with β = {n_pixels} is {ours_heavy:.3f}. His code tells "
    f"{told_by_his.sum():.4f} nats, the mended one {told_by_mended.sum():.2f}, and each of these nats has saved "
    f"{saved:.1f} of the drawing: a good bargain at the price of 1, and a bad one at the price of {n_pixels}."
)
assert told_by_his.sum() < 0.05 < 1 < told_by_mended.sum()
assert 1 < saved < n_pixels
assert 0.8 < its_error < 1.6  # no better than the mean image, or hardly

# %% [markdown]
# ## Collapsed too early
#
# There is another way to lose a code, and it is subtler. A larger $\beta$ can be wanted: it makes a code of fewer,
# broader features (the *β-VAE*). Let us take one at which a code is still worth its price, but not by much, and look
# at how training begins. In the first steps the decoder knows nothing yet, so the code is of no use to it, but its
# price is already due. The encoder learns the easiest lesson first: to be silent. After that the decoder hears noise
# only, and learns not to listen. Each waits for the other, like $E$ and $D$ in the beginning of this page.
#
# The cure is called **warm-up** (Bowman et al. and Sønderby et al., both 2016): let the price rise slowly, from 0 to
# the full $\beta$ in the first half of the training. The loss at the end is the same; only the way there differs. (In
# the picture below the loss of a training counts with the $\beta$ of the moment, so the ends are what compares.)


# %%
def at_once(progress):
    return HEAVY_BETA


def warmed_up(progress):
    return HEAVY_BETA * min(1.0, 2 * progress)  # progress goes from 0 to 1


silent, silent_history = trained(spec, vae_loss, SHORT_EPOCHS, at_once)

# %%
warm, warm_history = trained(spec, vae_loss, SHORT_EPOCHS, warmed_up)
starts = {"at once": silent_history, "warmed up": warm_history}
curves(starts, f"The VAE with β = {HEAVY_BETA:.0f}, from the first step or after a warm-up")

# %%
ended = {name: history["loss"][-1] for name, history in starts.items()}
told_by = {"at once": np.sort(kl_of_each(silent))[::-1], "warmed up": np.sort(kl_of_each(warm))[::-1]}
ranks = [f"rank {j + 1}" for j in range(CODE_LENGTH)]
bars(ranks, told_by, "What each number of the code tells, in nats, in falling order")

# %%
say(
    f"With β = {HEAVY_BETA:.0f} from the first step the code ends with **{silent_history['KL'][-1]:.2f} nats**, and "
    f"{np.sum(told_by['at once'] < CLOSED)} of its {CODE_LENGTH} numbers are closed (below {CLOSED}). With a warm-up "
    f"it has **{warm_history['KL'][-1]:.2f} nats**, and {np.sum(told_by['warmed up'] < CLOSED)} are closed. The loss, "
    f"with the full β in both, is {ended['at once']:.2f} without and {ended['warmed up']:.2f} with the warm-up."
)
assert warm_history["KL"][-1] > 1.2 * silent_history["KL"][-1]
assert ended["warmed up"] < ended["at once"]

# %% [markdown]
# The second reaches a lower value of the same loss, so it was no matter of taste: the first was held up. (It is a flat
# place, not a wall. With more epochs it may yet come away from there, and with another seed sooner or later.) Mark the
# difference. Warm-up helps when the minimum is good and the way there is bad. The colleague's minimum was itself empty,
# and no warm-up would have saved him.
#
# And k-means? It takes the mean of each code:

# %%
all_codes = {
    "pixels": flatten(images),
    "autoencoder": codes["autoencoder"],
    "VAE": codes["VAE"],
    "heavy VAE, at once": features.encode(silent, images),
    "heavy VAE, warmed up": features.encode(warm, images),
    "the colleague": features.encode(colleagues, images),
}
clustered = {name: scores_of(points) for name, points in all_codes.items()}
accuracies, nmis = zip(*clustered.values(), strict=True)
bars(list(clustered), {"accuracy": accuracies, "NMI": nmis}, "k-means on the codes of VAEs")

# %%
say(
    f"The VAE has an accuracy of {clustered['VAE'][0]:.3f}, the autoencoder {clustered['autoencoder'][0]:.3f}, the "
    f"pixels {clustered['pixels'][0]:.3f}. The codes of the colleague differ from zero by "
    f"{np.abs(its_mean).max():.2f} at most, and k-means divides them into ten clusters all the same, without a word: "
    f"{clustered['the colleague'][0]:.3f}, where guessing gives {1 / N_CLUSTERS:.3f}."
)

# %% [markdown]
# k-means never says that there is nothing to be found. Look at the divergence of a code before you cluster it.
#
# ## What it costs
#
# A training step of the four networks of this page, on the same batch, compiled before the clock starts; in turn, the
# median of several runs:

# %%
contenders = {
    "no skips": (networks["no skips"], drawing_loss),
    "U-Net": (networks["U-Net"], drawing_loss),
    "autoencoder": (plain_autoencoder, autoencoder_loss),
    "VAE": (vae, vae_loss),
}


def seconds_a_step(network, loss):
    graphdef, params = nnx.split(network)
    opt_state = optimizer.init(params)
    began = time.perf_counter()
    for _ in range(TIMING_STEPS):
        params, opt_state, parts = step(graphdef, params, opt_state, batch, key, 1.0, loss)
    jax.block_until_ready((params, opt_state, parts))
    return (time.perf_counter() - began) / TIMING_STEPS


turns = [{name: seconds_a_step(*contender) for name, contender in contenders.items()} for _ in range(TIMING_RUNS)]
print(f"{BATCH_SIZE} images of {n_pixels} pixels, on {jax.default_backend().upper()}\n")
print(f"{'':14}{'parameters':>12}{'ms a step':>12}{'ratio':>9}")
medians = {name: float(np.median([turn[name] for turn in turns])) for name in contenders}
for name, (network, _) in contenders.items():
    ratio = medians[name] / medians["autoencoder"]
    print(f"{name:14}{count_parameters(network):12,}{1000 * medians[name]:12.2f}{ratio:9.2f}")

# %% [markdown]
# What the VAE does beyond the autoencoder, a second layer for the code and some noise, is little beside the
# convolutions. (Our autoencoder is a VAE without noise: its count includes the layer of the log-variance, which it
# never uses.) The first two networks are narrower than the others here, but their first and last layers work on images
# of the full size, and the larger the images are, the more that costs. It is one machine, with whatever else it had to
# do; the folder `benchmarks/` measures more carefully.
#
# ## Exercise: free bits
#
# Another cure for an empty code leaves $\beta$ alone and gives each number of the code a small allowance of $\lambda$
# nats for which nothing has to be paid (Kingma et al., 2016):
#
# $$L = \text{drawing} + \beta \sum_j \max\Big(\lambda,\; \frac{1}{n} \sum_i \text{KL}_{ij}\Big)$$
#
# Write `free_bits_loss` with $\lambda = 0.2$, and train with the colleague's $\beta$, the number of pixels, by
# `trained(spec, free_bits_loss, SHORT_EPOCHS, lambda progress: float(n_pixels))`. Before you look: how many nats will
# the code tell, at most and at least? What will each number do?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# FREE = 0.2  # nats for each number of the code
#
#
# def free_bits_loss(model, batch, key, beta):
#     logits, mean, log_var = model(batch, key=key)
#     drawing = losses.bernoulli_cross_entropy(batch, logits)
#     each = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).mean(axis=0)  # [d], averaged over images
#     return drawing + beta * jnp.maximum(each, FREE).sum(), {"drawing": drawing, "KL": each.sum()}
#
#
# free, free_history = trained(spec, free_bits_loss, SHORT_EPOCHS, lambda progress: float(n_pixels))
# print(kl_of_each(free).round(3))
# assert kl_of_each(free).sum() > 0.3 * FREE * CODE_LENGTH > kl_of_each(colleagues).sum()
# assert kl_of_each(free).max() < 2 * FREE
# ```
#
# Above the allowance a nat costs as many nats as there are pixels, so no number goes there; below it everything is
# free, so each may as well tell its $\lambda$. The code tells at most about $\lambda$ times its length, spread evenly:
# nothing decides any more which number is worth how much. A code that is not empty, but a price list that says
# little.
#
# </details>
#
# ## What to read next
#
# - The models: [scratchclust/models/unet.py](../scratchclust/models/unet.py) and
#   [scratchclust/models/vae.py](../scratchclust/models/vae.py). The losses, with the units they are in:
#   [scratchclust/train/losses.py](../scratchclust/train/losses.py). The training of the package, which does in full
#   what `trained` does here: [scratchclust/train/loop.py](../scratchclust/train/loop.py). In daily use it is
#   `AutoencoderFeatures(model="vae")`, and `scratchclust run latents` compares the three networks on CIFAR-10.
# - O. Ronneberger, P. Fischer and T. Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
# - D. Kingma and M. Welling, *Auto-encoding variational Bayes*, 2014: the bound, the trick, the network.
# - I. Higgins et al., *beta-VAE*, 2017: why one may want a larger β. C. Sønderby et al., *Ladder variational
#   autoencoders*, 2016, and S. Bowman et al., *Generating sentences from a continuous space*, 2016: warm-up. D. Kingma
#   et al., *Improving variational inference with inverse autoregressive flow*, 2016: free bits.
# - S. Mohamed et al., *Monte Carlo gradient estimation in machine learning*, 2020: the two gradients, and a third.
# - The next tutorial, [06_features_from_a_classifier](06_features_from_a_classifier.ipynb): features that were learned
#   from labels, and what that costs.
