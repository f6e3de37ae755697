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
# # Layers that see: convolutions, and networks in Flax
#
# *35 minutes. Before this page: [04b](04b_a_network_by_hand.ipynb) and [00](00_jax_for_numpy.ipynb). It runs in about
# 20 seconds.*
#
# A dense layer does not know that pixels have neighbours; a convolution does. At the end of this page you will have
# written a convolution by hand, forward and backward; you can read the package's autoencoder layer by layer, with the
# shape and the number of parameters of each; and you can find the place where a NaN is born, and mend it there.
#
# You need backward as in 04b, and of JAX `jit`, `grad` and `vmap`. What Flax adds is told where it comes.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import networks as draw

images = to_unit(data.load("mnist_2000").images)  # [2000, 28, 28, 1]
X = flatten(images).astype(np.float64)  # [2000, 784]


def slope_in_direction(loss, params, direction, h=1e-6):
    """Of 04b: the slope of a loss by differences, all parameters moved at once."""
    ahead = [w + h * v for w, v in zip(params, direction, strict=True)]
    behind = [w - h * v for w, v in zip(params, direction, strict=True)]
    return (loss(ahead) - loss(behind)) / (2 * h)


def backward(params, X):
    """Of 04b: the gradients of two dense layers, by hand."""
    W1, b1, W2, b2 = params
    a = X @ W1 + b1
    h = np.maximum(0, a)
    y = 1 / (1 + np.exp(-(h @ W2 + b2)))
    d_logits = 2 * (y - X) / len(X) * y * (1 - y)
    d_a = (d_logits @ W2.T) * (a > 0)
    return [X.T @ d_a, d_a.sum(axis=0), h.T @ d_logits, d_logits.sum(axis=0)]


framed = np.pad(images[:4, ..., 0], ((0, 0), (1, 1), (1, 1)))
of_columns = framed[:, :-2] + framed[:, 1:-1] + framed[:, 2:]  # sums of three pixels, one above the other
of_rows = framed[:, :, :-2] + framed[:, :, 1:-1] + framed[:, :, 2:]
upright = of_columns[:, :, 2:] - of_columns[:, :, :-2]
level = of_rows[:, 2:] - of_rows[:, :-2]
draw.signed_images(
    np.concatenate([np.stack([3 * images[i, ..., 0], upright[i], level[i]]) for i in range(4)]),
    columns=6,
    names=2 * ["image", "right − left", "below − above"],
    title="Four images, and what two patterns of 3 x 3 weights see in them",
    words="Four digits, and beside each two pictures of its edges: upright edges, red where it grows lighter to the "
    "right and blue where it grows darker; then level edges in the same way.",
)

# %% [markdown]
# Each picture of edges was made by nine weights, the same at every place: add the three pixels at the right, subtract
# the three at the left; or the three below, and the three above. (Here white ink is drawn in red, since blue is for
# what is below zero.) The folded cell above loads the data of the page, `images` `[2000, 28, 28, 1]` and the same in
# rows, `X` `[2000, 784]`, with numbers from 0 to 1. And it has two functions of [04b](04b_a_network_by_hand.ipynb):
# `slope_in_direction`, with which we check gradients, and `backward`, that of two dense layers.
#
# ## A layer that knows what an image is
#
# In the first layer of 04b every pixel had 64 weights of its own, and had we shuffled the pixels of all images alike,
# the network would not have noticed. A **convolution** looks at 3 x 3 pixels at a time, everywhere with the same
# weights. An image is [h, w, c] here, where $c$ counts its **channels** (1 for grey, 3 for colours), and the
# **kernel** [3, 3, c, m] makes $m$ channels of them:
#
# $$\text{out}_{ij} = b + \sum_{r=0}^{2} \sum_{s=0}^{2} x_{i + r - 1,\, j + s - 1}\; K_{rs}$$
#
# where $x_{ij}$ is a row of $c$ numbers and $K_{rs}$ a matrix [c, m]; outside of the image $x$ is zero. So it is nine
# dense layers, of the same image shifted in nine ways. And so is its way back. (In mathematics the kernel of a
# convolution is turned round first, and this is a *cross-correlation*. Where the kernel is learned that is all one.)


# %%
def convolve(image, kernel, bias):
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((height, width, len(bias))) + bias
    for r in range(3):
        for s in range(3):
            out += padded[r : r + height, s : s + width] @ kernel[r, s]
    return out


def convolve_backward(image, kernel, d_out):
    height, width, _ = image.shape
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))
    d_padded, d_kernel = np.zeros(padded.shape), np.zeros(kernel.shape)
    for r in range(3):
        for s in range(3):
            seen = padded[r : r + height, s : s + width]
            d_kernel[r, s] = np.einsum("ijc,ijm->cm", seen, d_out)  # h.T @ d_out, summed over places
            d_padded[r : r + height, s : s + width] += d_out @ kernel[r, s].T
    return d_padded[1:-1, 1:-1], d_kernel, d_out.sum(axis=(0, 1))


# %% [markdown]
# There is `+=` again, since a pixel is used several times.
#
# **Predict, then run.** A small image of one channel, a kernel of nine ones, and for the loss simply the sum of all
# that comes out. What is the gradient with respect to a pixel in the middle, at an edge, in a corner?

# %%
d_image, _, _ = convolve_backward(np.zeros((5, 5, 1)), np.ones((3, 3, 1, 1)), np.ones((5, 5, 1)))
print(d_image[..., 0].astype(int))

# %% tags=["hide-input"]
assert (d_image[1:-1, 1:-1] == 9).all()
assert d_image[0, 1] == d_image[1, 0] == 6
assert d_image[0, 0] == d_image[-1, -1] == 4

# %% [markdown]
# 9, 6 and 4: it is the number of places whose 3 x 3 pixels hold this one. Each use sends back a 1.
#
# To check it with any kernel we take a weighted sum for the loss. And the first picture must come out of ours, too:
# both patterns together are one kernel with two channels.

# %%
rng = np.random.default_rng(0)
image, kernel, bias = rng.uniform(size=(7, 6, 2)), rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4)
weights = rng.standard_normal((7, 6, 4))
arguments = [image, kernel, bias]
direction = [rng.standard_normal(array.shape) for array in arguments]
by_differences = slope_in_direction(lambda arrays: (convolve(*arrays) * weights).sum(), arguments, direction)
by_hand = sum((v * g).sum() for v, g in zip(direction, convolve_backward(image, kernel, weights), strict=True))
print(f"slope by differences {by_differences:12.8f}   by hand {by_hand:12.8f}")
np.testing.assert_allclose(by_differences, by_hand, rtol=1e-6)

edges = np.zeros((3, 3, 1, 2))
edges[:, 0, 0, 0], edges[:, 2, 0, 0] = -1, 1  # right minus left
edges[0, :, 0, 1], edges[2, :, 0, 1] = -1, 1  # below minus above
found = convolve(images[0], edges, np.zeros(2))
np.testing.assert_allclose(found, np.stack([upright[0], level[0]], axis=-1), atol=1e-5)

# %% [markdown]
# Two more pieces are needed to squeeze an image and to unfold it. To **halve** it, compute the convolution at every
# second place only (*stride 2*). To **double** it, make four times as many channels as are wanted, and lay each four
# of them out as a square of 2 x 2 pixels (*depth to space*).
#
# **Predict, then run.** From 28 x 28 pixels to 16 channels of 14 x 14. How many parameters has the convolution? And how
# many would a dense layer have, from all numbers to all numbers? (The package builds both and counts; what `nnx` is
# comes in the next section.)

# %%
import jax
import jax.numpy as jnp
from flax import nnx

from scratchclust.models import ConvAutoencoderSpec, count_parameters

model = ConvAutoencoderSpec(widths=(16, 32), latent_dim=16).build((28, 28, 1), rngs=nnx.Rngs(0))
by_convolution = count_parameters(model.encoder.layers[0])
dense = count_parameters(nnx.Linear(784, 14 * 14 * 16, rngs=nnx.Rngs(0)))
print(f"{by_convolution:,} against {dense:,}")

# %% tags=["hide-input"]
assert by_convolution == (3 * 3 * 1 + 1) * 16
assert dense == (784 + 1) * 14 * 14 * 16

# %% [markdown]
# A convolution has nine weights and a bias for each of the 16 channels, whatever the size of the image; the dense layer
# has one for each of 784 numbers and a bias, 3,136 times.
#
# ## The package's autoencoder, layer by layer
#
# `ConvAutoencoder`, in [scratchclust/models/conv_autoencoder.py](../scratchclust/models/conv_autoencoder.py), is
# written with Flax, a library for networks in JAX. A Flax model is an object that holds its layers, and the layers hold
# the arrays. Its docstring has the table of shapes for the default sizes; here is the one of ours, made by walking
# through:

# %% tags=["hide-input"]
features = jnp.asarray(images[:1])
print(f"{'image':32}{features.shape[1:]!s:14}")


def report(name, layer):
    print(f"{name:32}{features.shape[1:]!s:14}{count_parameters(layer):8,} parameters")


for i, layer in enumerate(model.encoder.layers):
    features = layer(features)
    report(f"encoder.layers[{i}]: conv, relu", layer)
first_features = model.encoder.layers[0](images[:1])
features = model.to_code(features.reshape(1, -1))
report("to_code: dense", model.to_code)
features = nnx.relu(model.decoder.from_code(features)).reshape(1, 7, 7, 32)
report("decoder.from_code: dense, relu", model.decoder.from_code)
features = nnx.relu(model.decoder.layers[0](features, (14, 14)))
report("decoder.layers[0]: conv, relu", model.decoder.layers[0])
features = model.decoder.layers[1](features, (28, 28))
report("decoder.layers[1]: conv", model.decoder.layers[1])
np.testing.assert_allclose(nnx.sigmoid(features), model(images[:1]), atol=1e-5)
print(f"{count_parameters(model):,} parameters in all")

# %% [markdown]
# The decoder's convolutions double, so they make four times as many channels as come out: the first of them has $9
# \cdot 32 \cdot 64 + 64 = 18{,}496$ parameters, though only 16 channels are left when each four have become a square.
#
# Is the first layer of the encoder our convolution? With its kernel and its bias, at every second place (Flax begins at
# the second), followed by a ReLU:

# %%
conv = model.encoder.layers[0].conv
ours = np.maximum(0, convolve(images[0], np.asarray(conv.kernel[...]), np.asarray(conv.bias[...])))
np.testing.assert_allclose(first_features[0], ours[1::2, 1::2], atol=1e-5)

# %% [markdown]
# And here is the network of 04b as a Flax class. It makes its first weights itself, from the random numbers `rngs`.


# %%
class TwoLayers(nnx.Module):
    def __init__(self, n_pixels, n_code, *, rngs):
        self.to_code = nnx.Linear(n_pixels, n_code, rngs=rngs)
        self.to_pixels = nnx.Linear(n_code, n_pixels, rngs=rngs)

    def logits(self, X):
        return self.to_pixels(nnx.relu(self.to_code(X)))

    def __call__(self, X):
        return nnx.sigmoid(self.logits(X))


# %% [markdown]
# `jax.grad` wants a function of arrays, not of an object. So one takes the model apart: `nnx.split` gives its
# structure (`graphdef`) and a tree of its arrays, and `nnx.merge` puts them together again inside of the loss
# (`copy=True`: into a new object). A gradient is then a tree like the one of the parameters, and `jax.tree.map(f,
# tree, other)` computes `f` of each array and its twin in the other tree. (`jax.value_and_grad` gives the loss
# together with its gradient.) With that the training step is what it was on the parabola:

# %%
from scratchclust.train import optimizers

graphdef, start = nnx.split(TwoLayers(784, 64, rngs=nnx.Rngs(0)))


def make_step(loss_of, optimizer):
    @jax.jit
    def step(params, opt_state, X):
        loss, gradients = jax.value_and_grad(lambda params: loss_of(nnx.merge(graphdef, params, copy=True), X))(params)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        return jax.tree.map(jnp.add, params, updates), opt_state, loss

    return step


def fit(step, optimizer, X, n_steps):
    """Parameters after so many steps, and the loss of each; the same seed, so the same batches."""
    params, opt_state, losses = start, optimizer.init(start), []
    for rows in batches(n_steps):
        params, opt_state, loss = step(params, opt_state, X[rows])
        losses.append(float(loss))
    return params, np.array(losses)


def batches(n_steps):
    rng = np.random.default_rng(0)
    return [rng.choice(len(X), 100, replace=False) for _ in range(n_steps)]


# %% tags=["hide-input"]
def squared_error(model, X):
    return ((model(X) - X) ** 2).sum() / len(X)


arrays = [
    np.asarray(start[layer][part][...], dtype=np.float64)
    for layer in ("to_code", "to_pixels")
    for part in ("kernel", "bias")
]
in_jax = jax.grad(lambda params: squared_error(nnx.merge(graphdef, params, copy=True), jnp.asarray(X[:50])))(start)
for (layer, part), by_hand in zip(
    (("to_code", "kernel"), ("to_code", "bias"), ("to_pixels", "kernel"), ("to_pixels", "bias")),
    backward(arrays, X[:50]),
    strict=True,
):
    np.testing.assert_allclose(in_jax[layer][part][...], by_hand, rtol=1e-3, atol=1e-4)
print("jax.grad through the Flax class and our own backward give the same gradients")

# %% [markdown]
# Parameters and the state of the optimiser go in, new ones come out, and nothing is changed in place. That will be
# worth a lot now that something goes wrong. (The package's step, in
# [scratchclust/train/steps.py](../scratchclust/train/steps.py), is this one with a random key and with room for what a
# model carries besides parameters.)
#
# ## Something is wrong here
#
# A colleague makes the images black and white: each pixel is ink (1) or paper (0). Then the output $y$ can be read as
# the probability of ink. The loss that belongs to it is the *cross-entropy*, minus the logarithm of the probability of
# all pixels of an image, averaged over images:
#
# $$L = -\frac{1}{n} \sum_i \sum_p \big[x_{ip} \log y_{ip} + (1 - x_{ip}) \log (1 - y_{ip})\big]$$
#
# They write that down as it stands in the book, and take a larger learning rate, to be done sooner:

# %%
ink = (X > 0.5).astype(np.float32)


def loss_by_the_book(model, x):
    y = model(x)
    return -(x * jnp.log(y) + (1 - x) * jnp.log(1 - y)).sum(axis=1).mean()


hasty = optimizers.adam(0.02)
book_step = make_step(loss_by_the_book, hasty)
book_params, book_losses = fit(book_step, hasty, ink, 400)
for t in range(0, 400, 50):
    print(f"step {t:4}: loss {book_losses[t]:8.2f}")

# %% [markdown]
# The loss falls nicely, and then it is `nan`, *not a number*, for ever. The formula is right, and no line of the
# program is mistyped.
#
# **Find out what went wrong.** You have everything for it. `book_losses` has the loss of every step. The batches come
# from a seed, so the same training can be run again and stopped anywhere. Which was the first step that went bad? Were
# the parameters still good before it? Which image of its batch is it, which pixel? And what does the formula do there?
# Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# Nothing was wrong with the network. It was **too good**. The surer it is of a pixel, the closer $y$ comes to 0 or 1,
# and with 32 bits there is a point from which on it *is* 0 or 1. Near 1 that comes soon: the largest number below 1 is
# $1 - 2^{-24}$, so that a logit of about 17 will do. Near 0 it takes a logit of about $-88$, where $y$ falls below
# $10^{-38}$. Say $x = 1$ and $y = 1$. Then the second half of the formula is $(1 - x) \log (1 - y) = 0 \cdot \log 0$.
# On paper that is 0, in the computer it is $0 \cdot (-\infty)$, which is not a number. (With $x = 0$ and $y = 0$ the
# first half does the same.) One such pixel, in one image of one batch, makes the mean over the batch NaN. Its gradient
# is NaN, too, and goes back to all that the pixel was made of: its own column of the last layer, and in the first layer
# a column for each number of that image's code which is not 0. The others stay finite. But with these weights, one step
# later, every pixel of every image is NaN.
#
# The learning rate only decides when the first pixel gets there.
#
# </details>
#
# ### The hunt
#
# **Which step?** The first loss that is not finite. We train again, and stop before it:

# %%
bad_step = int(np.argmin(np.isfinite(book_losses)))
before, _ = fit(book_step, hasty, ink, bad_step)
finite = all(np.isfinite(array).all() for array in jax.tree.leaves(before))
print(f"step {bad_step}; before it all parameters are finite: {finite}")
assert finite

# %% [markdown]
# **Which images, which pixels?** The NaN is born in the loss of this one batch. We compute the parts of the formula one
# by one:

# %%
batch = ink[batches(bad_step + 1)[-1]]
y = np.asarray(nnx.merge(graphdef, before)(batch))
with np.errstate(all="ignore"):
    ink_term, paper_term = batch * np.log(y), (1 - batch) * np.log(1 - y)
bad = np.argwhere(~np.isfinite(ink_term + paper_term))
place = tuple(bad[0])
print(f"bad pixels: {len(bad)}, in {len(set(bad[:, 0]))} of {len(batch)} images. The first of them:")
print(
    f"x = {batch[place]:g}, y = {y[place]:.9g}, x log y = {ink_term[place]}, (1 - x) log(1 - y) = {paper_term[place]}"
)
assert y[place] == batch[place]

# %% tags=["hide-input"]
gradients = jax.grad(lambda params: loss_by_the_book(nnx.merge(graphdef, params, copy=True), batch))(before)
of_code, of_pixels = (np.isnan(gradients[layer]["kernel"][...]) for layer in ("to_code", "to_pixels"))
print(f"NaN in the gradient: {of_code.any(axis=0).sum()} of 64 columns of the first layer,", end=" ")
print(f"{of_pixels.any(axis=0).sum()} of 784 of the last")
awake = (nnx.merge(graphdef, before).to_code(batch[bad[:, 0]]) > 0).any(axis=0)
assert (of_code == awake).all()
assert set(np.flatnonzero(of_pixels.any(axis=0))) == set(bad[:, 1])
after, _ = fit(book_step, hasty, ink, bad_step + 1)
assert np.isnan(nnx.merge(graphdef, after).logits(ink)).all()

# %% [markdown]
# The pixel is **right**. It is drawn with such certainty that $y$ is rounded to what it should be. (JAX can do this
# hunt for you: inside of `jax.debug_nans(True)` every compiled function looks at its results, and when there is a NaN,
# computes again operation by operation and names the one that made it. It is slow: for when you need it.)
#
# ### The cure
#
# A **smaller learning rate** lets it happen later. **Clipping** $y$ to, say, between $10^{-7}$ and $1 - 10^{-7}$ makes
# the logarithm finite, but where it clips the gradient is 0: a pixel that is surely *wrong* would never be corrected.
# The third cure goes to the root. Do not round to $y$ and take the logarithm afterwards, but do both at once, from the
# logit $u$. With $y = 1 / (1 + e^{-u})$,
#
# $$\log y = -\text{softplus}(-u), \qquad \log(1 - y) = -\text{softplus}(u), \qquad
# \text{softplus}(u) = \log(1 + e^u)$$
#
# $$-x \log y - (1 - x) \log (1 - y) = \text{softplus}(u) - x\,u$$
#
# For a large $u$ the softplus is simply $u$, and whoever programs it sees to that.
#
# **Predict, then run.** One pixel of paper ($x = 0$) is taken for ink with more and more certainty, up to a logit of
# 40. In which of the three forms is its loss still finite there? And in which does its gradient still push it down?


# %%
def by_the_book(u):
    return -jnp.log(1 - jax.nn.sigmoid(u))


def clipped(u):
    return -jnp.log(1 - jnp.clip(jax.nn.sigmoid(u), 1e-7, 1 - 1e-7))


def from_the_logit(u):
    return jax.nn.softplus(u)


logits = np.linspace(0, 40, 401, dtype=np.float32)
pixel_losses, pixel_slopes = {}, {}
for form in (by_the_book, clipped, from_the_logit):
    name = form.__name__.replace("_", " ")
    pixel_losses[name] = np.asarray(jax.vmap(form)(logits))
    pixel_slopes[name] = np.asarray(jax.vmap(jax.grad(form))(logits))
    print(f"{name:15} at 40: loss {pixel_losses[name][-1]}, gradient {pixel_slopes[name][-1]}")

# %% tags=["hide-input"]
assert not np.isfinite(pixel_losses["by the book"][-1])
assert pixel_slopes["clipped"][-1] == 0
assert pixel_slopes["from the logit"][-1] == 1
assert 15 < logits[np.isfinite(pixel_losses["by the book"])][-1] < 18
draw.losses_of_a_pixel(
    logits,
    pixel_losses,
    pixel_slopes,
    words="Left: the loss over the logit. All three forms rise alike; by the book it ends at about 17, clipped it "
    "stays level from 16 on, from the logit it goes on rising. Right: their gradients. All are near 1 up to "
    "16; then by the book it ends, clipped it falls to zero, from the logit it stays 1.",
)

# %% [markdown]
# By the book the line ends at a logit of about 17. Clipped it goes on, but nobody pushes any more. Only from the logit
# there are both, a loss and a gradient. (The step to 0.5 on its way down: there $y$ is exactly the bound, and JAX gives
# each of two equals half of the gradient.)
#
# If that is the diagnosis, the third cure alone must help, with the same start, the same batches and the same rate; and
# the first must not, with half of the rate:


# %%
def loss_from_logits(model, x):
    logits = model.logits(x)
    return (jax.nn.softplus(logits) - x * logits).sum(axis=1).mean()


slower = optimizers.adam(0.01)
_, slow_losses = fit(make_step(loss_by_the_book, slower), slower, ink, 400)
cured, cured_losses = fit(make_step(loss_from_logits, hasty), hasty, ink, 400)
print("cured, the last losses:", cured_losses[-3:].round(1))
print("by the book, with half of the rate: not finite from step", int(np.argmin(np.isfinite(slow_losses))), "on")
np.testing.assert_allclose(cured_losses[:10], book_losses[:10], rtol=0.01)  # the same loss, where no pixel is sure
assert np.isfinite(cured_losses).all()

# %% tags=["hide-input"]
assert not np.isfinite(slow_losses).all()
assert int(np.argmin(np.isfinite(slow_losses))) > bad_step
draw.curves_by_step(
    {"from the logits": cured_losses, "by the book": book_losses, "by the book, half of the rate": slow_losses},
    title="The same start three times; a cross where a loss became NaN",
    words="Three falling curves. The one by the book ends in a cross; with half of the rate it ends in a cross "
    "later; the one from the logits runs through all steps.",
)

# %% [markdown]
# The package's `losses.bernoulli_cross_entropy` is the cured one; it takes logits, not drawings. And its training loop,
# [scratchclust/train/loop.py](../scratchclust/train/loop.py), looks at the loss of every step. Give it the loss by the
# book, and it stops at the first that is not finite, says where, and hands over the last good model:

# %%
import textwrap

from scratchclust.errors import TrainingError
from scratchclust.train.loop import train


def book_loss(model, batch, key):
    return loss_by_the_book(model, batch.images), {}


try:
    model = nnx.merge(graphdef, start)
    train(model, ink, loss=book_loss, optimizer=hasty, epochs=40, batch_size=100, key=jax.random.key(0))
except TrainingError as error:
    stopped = error
print(textwrap.fill(str(stopped), 100))
assert np.isfinite(stopped.model(ink)).all()

# %% [markdown]
# (Its first advice is the usual remedy. Here it would only delay the end: the loop cannot know that the loss is written
# badly.)
#
# ## Exercise
#
# **The way back through stride 2 and depth to space.** Write `halve(image, kernel, bias)`, the convolution at every
# second place (begin at the second), and `halve_backward(image, kernel, d_out)`. Then write `unfold(features)`, which
# lays four channels out as squares, from [h, w, 4 c] to [2 h, 2 w, c], and its `unfold_backward`. Check the chain of
# the two in a random direction. **Predict first:** what is the gradient with respect to those results of the
# convolution that stride 2 leaves out?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def halve(image, kernel, bias):
#     return convolve(image, kernel, bias)[1::2, 1::2]
#
#
# def halve_backward(image, kernel, d_out):
#     d_all = np.zeros((*image.shape[:2], d_out.shape[-1]))
#     d_all[1::2, 1::2] = d_out  # what is left out has no part in the loss: its gradient is zero
#     return convolve_backward(image, kernel, d_all)
#
#
# def unfold(features):
#     h, w, depth = features.shape
#     squares = features.reshape(h, w, 2, 2, depth // 4).transpose(0, 2, 1, 3, 4)
#     return squares.reshape(2 * h, 2 * w, depth // 4)
#
#
# def unfold_backward(d_out):
#     h, w, c = d_out.shape
#     squares = d_out.reshape(h // 2, 2, w // 2, 2, c).transpose(0, 2, 1, 3, 4)
#     return squares.reshape(h // 2, w // 2, 4 * c)
#
#
# image, kernel, bias = rng.uniform(size=(8, 6, 2)), rng.standard_normal((3, 3, 2, 4)), rng.standard_normal(4)
# weights = rng.standard_normal((8, 6, 1))
# arguments = [image, kernel, bias]
# direction = [rng.standard_normal(array.shape) for array in arguments]
# by_differences = slope_in_direction(lambda arrays: (unfold(halve(*arrays)) * weights).sum(), arguments, direction)
# gradients = halve_backward(image, kernel, unfold_backward(weights))
# by_hand = sum((v * g).sum() for v, g in zip(direction, gradients, strict=True))
# np.testing.assert_allclose(by_differences, by_hand, rtol=1e-6)
#
# from scratchclust.models.layers import depth_to_space
#
# features = rng.standard_normal((4, 3, 8))
# np.testing.assert_allclose(depth_to_space(jnp.asarray(features)[None])[0], unfold(features), rtol=1e-6)
# ```
#
# It is zero. Depth to space only carries numbers to other places, and its way back carries the gradients home.
#
# </details>
#
# ## What to take with you
#
# - A convolution is nine dense layers, of shifted images, with the same weights everywhere; and so is its way back.
# - A Flax model is an object; `nnx.split` makes a tree of arrays of it, which `jax.grad` understands.
# - Hunt a NaN from its effect to its cause: step, batch, image, pixel, term.
# - Compute a logarithm of a sigmoid from the logit.
#
# ## Further
#
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, 2016: strides, padding, doubling.
#   W. Shi et al., *Real-time single image and video super-resolution*, 2016: depth to space.
# - The layers of the package: [scratchclust/models/layers.py](../scratchclust/models/layers.py).
# - The next page, [05](05_autoencoders_and_skips.ipynb): what a code is good for, and a network that goes round it.
