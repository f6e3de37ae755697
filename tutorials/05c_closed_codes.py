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
# # Closed codes: what a number is worth
#
# *25 minutes. Before this page: [05b](05b_variational_autoencoder.ipynb). It runs in about 45 seconds.*
#
# A VAE pays for what its code tells. So one can ask of each number of the code whether it is worth its price. At the
# end of this page you will be able to read off which numbers are in use; to recognise a code that has collapsed by two
# figures, its divergence and how far its means move; and to tell apart a price that is too high, a price that nobody
# meant, and a price that was due too early.
#
# You need the loss of [05b](05b_variational_autoencoder.ipynb), and nothing else that is not there.

# %% tags=["hide-input"]
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import networks as draw
from scratchclust.lessons.paper import describe
from scratchclust.report import figures
from scratchclust.train import optimizers

images = to_unit(data.load("mnist_2000").images)  # [2000, 28, 28, 1], from 0 (black) to 1 (white)
X = flatten(images)  # [2000, 784]


def layer(key, n_in, n_out):
    return {"W": np.sqrt(2 / n_in) * jax.random.normal(key, (n_in, n_out)), "b": jnp.zeros(n_out)}


def start(seed):
    keys = jax.random.split(jax.random.key(seed), 4)
    return {
        "look": layer(keys[0], 784, 128),
        "to_code": layer(keys[1], 128, 20),  # ten means and ten logarithms of variances
        "from_code": layer(keys[2], 10, 128),
        "to_pixels": layer(keys[3], 128, 784),
    }


def apply(layer, x):
    return x @ layer["W"] + layer["b"]


def encode(params, x):
    both = apply(params["to_code"], jax.nn.relu(apply(params["look"], x)))
    return both[:, :10], both[:, 10:]


def decode(params, z):
    return apply(params["to_pixels"], jax.nn.relu(apply(params["from_code"], z)))  # logits


def pictures(params, codes):
    return np.asarray(jax.nn.sigmoid(decode(params, codes))).reshape(-1, 28, 28, 1)


def vae_loss(params, x, key, beta):
    mean, log_var = encode(params, x)
    z = mean + jnp.exp(log_var / 2) * jax.random.normal(key, mean.shape)
    logits = decode(params, z)
    drawing = (jax.nn.softplus(logits) - x * logits).sum() / len(x)
    kl = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).sum() / len(x)
    return drawing + beta * kl, (drawing, kl)


optimizer = optimizers.adam(0.003)


@partial(jax.jit, static_argnames="loss")
def step(params, opt_state, x, seed, beta, loss):
    key = jax.random.key(seed)
    (_, parts), gradients = jax.value_and_grad(loss, has_aux=True)(params, x, key, beta)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return jax.tree.map(jnp.add, params, updates), opt_state, parts


def trained(loss, n_epochs, beta=1.0, seed=0, warm_up=False):
    """The parameters, and drawing and KL in each epoch: [n_epochs, 2]."""
    params, rng, history = start(seed), np.random.default_rng(seed), []
    opt_state = optimizer.init(params)
    for epoch in range(n_epochs):
        price = beta * min(1.0, 2 * epoch / n_epochs) if warm_up else beta
        for rows in rng.permutation(len(X)).reshape(20, 100):
            params, opt_state, parts = step(params, opt_state, X[rows], len(history), price, loss)
            history.append([float(part) for part in parts])
    return params, np.array(history).reshape(n_epochs, 20, 2).mean(axis=1)


def kl_of_each(params):
    """What each number of the code tells, in nats: its divergence, averaged over images."""
    mean, log_var = encode(params, X)
    return np.asarray((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).mean(axis=0)


def walks_of(params):
    """Each number of the first image's code walks alone from -3 to 3, in the order of what they tell."""
    order = kl_of_each(params).argsort()[::-1]
    one_code = np.repeat(np.asarray(encode(params, X[:1])[0]), 10 * 12, axis=0).reshape(10, 12, 10)
    for row, j in enumerate(order):
        one_code[row, :, j] = np.linspace(-3, 3, 12)
    return order, pictures(params, one_code.reshape(-1, 10)).reshape(10, 12, 28, 28, 1)


def drawn_walks(params, title, words):
    order, walks = walks_of(params)
    figure = describe(figures.latent_walk(walks, [f"{kl_of_each(params)[j]:.2f} nats" for j in order]), words)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    return figure


vae, _ = trained(vae_loss, 50)
drawn_walks(
    vae,
    "Each number of one code walks alone from -3 to 3, the others stay",
    "Ten rows of drawings. In every row the digit changes from left to right, into another in most of them.",
)

# %% [markdown]
# Every row changes one number of the code of one image, the first, and leaves the other nine. At the left stands how
# much that number tells. All ten tell more than one nat, and in all rows one sees it.
#
# (The folded cell has loaded `images` [2000, 28, 28, 1], as rows `X` [2000, 784], and trained 05b's network on them,
# `vae`. From that page are `encode(params, x)`, which gives means and logarithms of variances, [n, 10] each;
# `pictures(params, codes)`; `vae_loss`; and `trained(loss, n_epochs, beta, seed)`, which gives the parameters, and in
# each epoch the drawing and the divergence. Its loss is $L = \text{drawing} + \beta \cdot \text{KL}$.)
#
# ## Which numbers of the code are in use?
#
# The divergence is a sum over the numbers of the code, so each has its own,
#
# $$\text{KL}_j = \frac{1}{n} \sum_i \tfrac{1}{2} \left(\sigma_{ij}^2 + \mu_{ij}^2 - 1 - \log \sigma_{ij}^2\right)$$
#
# what it tells about an image, in nats, on average (`kl_of_each`). A number that is not worth its price gets
# **closed**: $\mu = 0$ and $\sigma = 1$ for every image, so that it costs nothing. That is the VAE's way to say that
# the code is longer than it needs to be, and no fault. At the price $\beta = 1$ all ten are worth it. A larger one
# makes the *β-VAE* (Higgins et al., 2017); three networks of it.
#
# **Predict, then run.** With a price of 12, will all ten numbers tell a little less, or will some be closed and others
# stay open? And with a price of 40?

# %%
CLOSED = 0.05  # nats: a number that tells less is called closed
heavy = [trained(vae_loss, 25, beta=12.0, seed=seed) for seed in range(3)]
dear, _ = trained(vae_loss, 25, beta=40.0)
print(f"β =  1: {kl_of_each(vae).sum():5.2f} nats, {(kl_of_each(vae) < CLOSED).sum()} closed")
for params, _ in heavy:
    print(f"β = 12: {kl_of_each(params).sum():5.2f} nats, {(kl_of_each(params) < CLOSED).sum()} closed")
print(f"β = 40: {kl_of_each(dear).sum():5.2f} nats, {(kl_of_each(dear) < CLOSED).sum()} closed")

# %% tags=["hide-input"]
assert all(1 <= (kl_of_each(params) < CLOSED).sum() <= 8 for params, _ in heavy)
assert (kl_of_each(dear) < CLOSED).all()
assert kl_of_each(vae).min() > 1
draw.numbers_in_use(
    {"β = 1": kl_of_each(vae), "β = 12": kl_of_each(heavy[0][0]), "β = 40": kl_of_each(dear)},
    title="What each number of the code tells",
    words="Three panels of ten bars in falling order. With β = 1 all are above one nat; with β = 12 some are open "
    "and the others nearly zero; with β = 40 there is nothing to be seen.",
)

# %% [markdown]
# Some are closed at a price of 12, others stay open, and at 40 all are shut. (These trainings are short, and how many
# are closed at 12 depends on that, too: the last section comes back to it. At 40 its cure changes nothing.)
#
# A closed number is one to which the decoder hardly listens. Here is the picture of the top again, for the first
# network with $\beta = 12$; printed is the squared difference between the two ends of each row:

# %% tags=["hide-input"]
params = heavy[0][0]
order, walks = walks_of(params)
moved = ((walks[:, -1] - walks[:, 0]) ** 2).sum(axis=(1, 2, 3))
print("squared difference between the two ends:", moved.round(1))
assert moved[kl_of_each(params)[order] < CLOSED].max() < 0.5 * moved.max()
drawn_walks(
    params,
    "The same with a price of 12",
    "Ten rows of drawings. In the upper rows the digit changes from left to right; in the lower rows it stays "
    "nearly the same.",
)

# %% [markdown]
# ## Something is wrong here
#
# A colleague writes the loss anew. "Sums over pixels give such large numbers. I take means, as everybody does."
# The loss falls, comes to rest, and looks good: well below one. He draws its curve, and some samples:


# %%
def colleagues_loss(params, x, key, beta):
    mean, log_var = encode(params, x)
    z = mean + jnp.exp(log_var / 2) * jax.random.normal(key, mean.shape)
    logits = decode(params, z)
    drawing = (jax.nn.softplus(logits) - x * logits).mean()
    kl = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).sum(axis=1).mean()
    return drawing + beta * kl, (drawing, kl)


def share_of_variance(params):
    drawn = flatten(pictures(params, encode(params, X)[0]))
    return ((drawn - X) ** 2).sum() / ((X - X.mean(axis=0)) ** 2).sum()


colleague, colleague_history = trained(colleagues_loss, 30)
its_mean, its_log_var = encode(colleague, X)
print(f"loss in the last epoch        {colleague_history[-1].sum():.4f}")
print(f"KL in the last epoch          {colleague_history[-1, 1]:.6f}")
print(f"means of the codes            from {its_mean.min():.4f} to {its_mean.max():.4f}")
print(
    f"standard deviations of them   from {jnp.exp(its_log_var / 2).min():.4f} to {jnp.exp(its_log_var / 2).max():.4f}"
)
print(f"error of the drawings         {share_of_variance(colleague):.1%} of the variance")

# %% tags=["hide-input"]
colleague_losses = colleague_history.sum(axis=1)
assert colleague_losses[-5:].min() > 0.99 * colleague_losses[-5:].max()  # at rest
draw.curves_by_step(
    {"the colleague's loss": colleague_losses},
    title="The colleague's loss, by epoch",
    what="loss",
    by="epoch",
    words="One curve. It falls steeply in the first epochs, and then lies still at 0.27.",
)

# %% tags=["hide-input"]
figure = describe(
    figures.samples(pictures(colleague, np.random.default_rng(0).standard_normal((48, 10)))),
    "Three rows of 16 pictures of one and the same grey blot.",
)
figure.suptitle("New images by the colleague's VAE", x=0.01, ha="left", fontsize=11, fontweight="bold")
figure

# %% [markdown]
# **Find out what went wrong.** Is the decoder too weak? Were the epochs too few? Does the decoder ignore the code, or
# is there nothing in the code? And which line is at fault? Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The code is empty: for every image the mean is about 0 and the standard deviation about 1, so that $q(z \mid x)$ is
# $N(0, I)$ and the divergence nearly zero. Those are the two numbers to look at: a divergence near zero, and means
# that do not move from image to image. The decoder is not to blame. It hears noise that has nothing to do with the
# image, so the best it can draw is always the same, the mean image, whose error is all the variance. It is called
# **posterior collapse**.
#
# At fault is the mean over pixels. There are $n_p = 784$ of them, so the drawing is divided by 784, and the divergence
# is not:
#
# $$\frac{1}{n_p}\, \text{drawing} + \text{KL} = \frac{1}{n_p} \left(\text{drawing} + n_p \cdot \text{KL}\right)$$
#
# Without wanting to, he has chosen $\beta = 784$, and at a price of 40 nothing was bought any more. Nothing
# in the curve gives it away. But the unit could have warned him: a sum over pixels is in nats for an image; a mean over
# pixels plus a sum over the code is in nothing.
#
# </details>
#
# If that is the diagnosis, his loss is ours with $\beta = 784$, but for a factor, and the code must fill with the sums
# put back and nothing else changed but the number of epochs. That is the VAE that we have. And what more epochs can do
# for him follows, too.
#
# **Predict, then run.** With twice the epochs, how far will the error of his drawings fall: to 80% of the variance, to
# 95%, or not below 100%?

# %%
key = jax.random.key(0)
his, ours = colleagues_loss(vae, X[:100], key, 1.0)[0], vae_loss(vae, X[:100], key, 784.0)[0]
longer, _ = trained(colleagues_loss, 60)
for name, params in (("30 epochs", colleague), ("60 epochs", longer), ("sums put back", vae)):
    print(f"{name:14} error {share_of_variance(params):6.1%}, the code tells {kl_of_each(params).sum():.4f} nats")

# %% tags=["hide-input"]
np.testing.assert_allclose(784 * his, ours, rtol=1e-5)
assert 0.99 < share_of_variance(longer) < share_of_variance(colleague)
assert kl_of_each(longer).sum() < 0.01
assert share_of_variance(vae) < 0.4

# %% [markdown]
# Not below: more epochs bring it to the mean image, and there it stays.
#
# ## Collapsed too early?
#
# There is another way to lose a code. In the first steps the decoder knows nothing yet, so the code is of no use to
# it, but its price is already due. The encoder may learn the easiest lesson first: to be silent. After that the
# decoder hears noise only, and learns not to listen. The cure is called **warm-up** (Bowman et al. and Sønderby et
# al., both 2016): let the price rise slowly, from 0 to the full $\beta$ in the first half of the training. Does our
# network with $\beta = 12$ need it?
#
# **Predict, then run.** Three networks with warm-up beside the three without. Will the code tell more or less, and will
# the loss, with the full price, be lower or higher?

# %%
warm = [trained(vae_loss, 25, beta=12.0, seed=seed, warm_up=True) for seed in range(3)]
for seed in range(3):
    for name, (params, history) in (("at once  ", heavy[seed]), ("warmed up", warm[seed])):
        total, told = history[-1, 0] + 12 * history[-1, 1], kl_of_each(params)
        print(f"{name} loss {total:.2f}, the code tells {told.sum():.2f} nats, {(told < CLOSED).sum()} closed")

# %% tags=["hide-input"]
assert all(kl_of_each(w).sum() > kl_of_each(h).sum() for (w, _), (h, _) in zip(warm, heavy, strict=True))
cold_losses, warm_losses = (np.array([h[-1] @ [1, 12] for _, h in runs]) for runs in (heavy, warm))
assert warm_losses.mean() < cold_losses.mean() - 0.3

# %% [markdown]
# With warm-up the code tells more, each time, and on average the loss is lower, with the full $\beta$ in both. So the
# networks without it are behind. Are they caught, or only slow? The same three, without warm-up, four times as long:

# %%
patient = [trained(vae_loss, 100, beta=12.0, seed=seed) for seed in range(3)]
for params, history in patient:
    total, told = history[-1, 0] + 12 * history[-1, 1], kl_of_each(params)
    print(f"100 epochs loss {total:.2f}, the code tells {told.sum():.2f} nats, {(told < CLOSED).sum()} closed")

# %% tags=["hide-input"]
assert all(kl_of_each(p).sum() > 1.4 * kl_of_each(h).sum() for (p, _), (h, _) in zip(patient, heavy, strict=True))
assert max(history[-1] @ [1, 12] for _, history in patient) < warm_losses.min() - 2
assert kl_of_each(trained(colleagues_loss, 30, warm_up=True)[0]).sum() < 0.01

# %% [markdown]
# Only slow. They stood at a flat place, not before a wall, and came away by themselves, with a loss that is lower than
# any after 25 epochs. (Of 100 epochs with warm-up we tried two seeds, not on this page: their codes told more, 2.5 and
# 2.8 nats with 4 numbers closed, but the loss was no lower, 194.6 and 195.6.) So here warm-up saved time. In deeper
# networks it may save more; compare by the loss with the full price, and not by what the code tells.
#
# Mark the difference. Warm-up helps when the minimum is good and the way there is bad. The colleague's minimum was
# itself empty, and warm-up does not save him: with it his code tells as little (the folded cell has tried).
#
# ## Exercise
#
# **Free bits.** Another cure for an empty code leaves $\beta$ alone and gives each number of the code a small allowance
# of $\lambda$ nats for which nothing has to be paid (Kingma et al., 2016):
#
# $$L = \text{drawing} + \beta \sum_j \max\Big(\lambda,\; \frac{1}{n} \sum_i \text{KL}_{ij}\Big)$$
#
# Write `free_bits_loss` with $\lambda = 0.2$, and train with the colleague's $\beta$, the number of pixels. Before you
# look: how many nats will the code tell, at most and at least? What will each number do?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def free_bits_loss(params, x, key, beta):
#     mean, log_var = encode(params, x)
#     z = mean + jnp.exp(log_var / 2) * jax.random.normal(key, mean.shape)
#     logits = decode(params, z)
#     drawing = (jax.nn.softplus(logits) - x * logits).sum() / len(x)
#     each = ((jnp.exp(log_var) + mean**2 - 1 - log_var) / 2).mean(axis=0)  # [10], averaged over images
#     return drawing + beta * jnp.maximum(each, 0.2).sum(), (drawing, each.sum())
#
#
# free, _ = trained(free_bits_loss, 30, beta=784.0)
# print(kl_of_each(free).round(3))
# assert kl_of_each(free).sum() > 0.3 * 0.2 * 10
# assert kl_of_each(free).max() < 2 * 0.2
# ```
#
# Above the allowance a nat costs as many nats as there are pixels, so no number goes there; below it everything is
# free, so each may as well tell its $\lambda$. The code tells at most about $\lambda$ times its length, spread over all
# of them: nothing decides any more which number is worth how much. A code that is not empty, but a price list that says
# little.
#
# </details>
#
# ## What to take with you
#
# - Look at two numbers before you use a code: the divergence of each of its parts, and how far their means move.
# - Closed numbers are a price list only when the training has arrived: train longer, or with warm-up, and compare.
# - A code that is closed altogether is a fault of the loss (a price that nobody meant) or of the way there (a price
#   that was due too early). Sums with sums, means with means: units tell.
#
# ## Further
#
# - In the package: [scratchclust/models/vae.py](../scratchclust/models/vae.py), and
#   `scratchclust.train.losses` with the price `beta`.
# - I. Higgins et al., *beta-VAE*, 2017. C. Sønderby et al., *Ladder variational autoencoders*, 2016, and S. Bowman et
#   al., *Generating sentences from a continuous space*, 2016: warm-up. D. Kingma et al., *Improving variational
#   inference with inverse autoregressive flow*, 2016: free bits.
# - J. Lucas et al., *Don't blame the ELBO!*, 2019: when a linear VAE closes a number, and why that is PCA.
# - The next page, [06](06_features_from_labels.ipynb): features that were learned from labels, and what that costs. Or,
#   on the learner's way, [07](07_one_autoencoder_per_digit.ipynb).
