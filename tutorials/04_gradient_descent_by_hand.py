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
# # Gradient descent, by hand
#
# A network learns by going downhill: it makes a number, the loss, smaller and smaller. When you have read this page and
# run its cells, you will be able to
#
# 1. write gradient descent, momentum and Adam yourself, in a few lines each, and say what each of them is good for;
# 2. tell whether a gradient is right, also one that you did not compute yourself;
# 3. train a convolutional autoencoder with a training step of your own, and read the one of the package;
# 4. find the place where a NaN is born, step by step, and cure it;
# 5. say what the code of an autoencoder is worth to k-means, without fooling yourself.
#
# You need Python, some NumPy, and to know what a derivative is. No machine learning. A few words on JAX stand in
# [01_kmeans](01_kmeans.ipynb); those that are needed here are explained again.

# %% [markdown]
# ## Setting up
#
# Every constant of this tutorial stands in the next cell. The images are the handwritten digits that come with the
# package; with `SCRATCHCLUST_TUTORIAL_DATA=real` in the environment they are images of MNIST (`scratchclust data mnist`
# gets it, or says how). The notebook in the repository was run with MNIST. The text fits either: it takes its numbers
# from the cell above.

# %%
import os

REAL_DATA = os.environ.get("SCRATCHCLUST_TUTORIAL_DATA", "bundled") == "real"

SEED = 0  # of all random numbers

PARABOLA_RATES = (0.03, 0.3, 0.95, 1.02)  # learning rates on the parabola
PARABOLA_STEPS = 12
START = (-1.2, 1.0)  # of the walks through the valley
VALLEY_STEPS = 1_000
VALLEY_RATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)  # tried for each optimiser
NOISY_STEPS, NOISY_RATE, NOISY_WALKS = 200, 0.2, 200

N_IMAGES = 10_000 if REAL_DATA else 1_500  # to learn from
N_NEW = 2_000 if REAL_DATA else 297  # kept apart
N_SHOWN = 10  # in the pictures
WIDTHS, CODE_LENGTH = (16, 32), 16  # of the autoencoder
BATCH_SIZE = 128
LEARNING_RATE = 0.001 if REAL_DATA else 0.003  # with 0.003 MNIST's network was seen to get stuck at black pictures
EPOCHS = 8 if REAL_DATA else 20
HASTY_RATE = 0.01  # of the training that fails
N_INK = 5_000 if REAL_DATA else 1_500  # images in that training
HUNT_STEPS = 250  # of that training, at most
TIMING_RUNS = 3  # each program runs so often, in turn; the median counts

# %%
import time
from itertools import islice

import numpy as np
from IPython.display import Markdown, display

from scratchclust import devices
from scratchclust.reference import optimizers as reference
from scratchclust.reference import schedules
from scratchclust.report import figures
from scratchclust.report._style import panel_grid, styled  # blank paper, for what the figures of the package lack

devices.use_all_cores()  # for JAX, later; it must be told before its first use


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


def titled(figure, title):
    """The figure under another title."""
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, fontweight="bold")
    return figure


@styled
def by_step(curves, title, what="loss", log=False):
    """Curves over the steps of several trainings (the figure of the package is made for epochs)."""
    figure = titled(figures.training_curves({name: {what: values} for name, values in curves.items()}), title)
    ax = figure.axes[0]
    ax.set(xlabel="step", yscale="log" if log else "linear")
    for line, width in zip(ax.lines, (3, 1.6, 1.2), strict=False):  # a thin line shows upon a wide one
        line.set(marker="", linewidth=width)
    if len(curves) > 1:
        ax.legend(loc="lower left" if log else "upper right")
    return figure


# %% [markdown]
# ## One number, downhill
#
# We look for the $w$ that makes a function $f(w)$ small. The derivative $f'(w)$ says which way is up, and how steep it
# is. So we take a step the other way:
#
# $$w \leftarrow w - \eta\, f'(w)$$
#
# The number $\eta$ is called the **learning rate**. That is gradient descent, and it is one line. We begin with a
# parabola whose lowest point is at 3:
#
# $$f(w) = (w - 3)^2, \qquad f'(w) = 2\,(w - 3)$$


# %%
def parabola(w):
    return (w - 3) ** 2


def slope(w):
    return 2 * (w - 3)


def gradient_descent(gradient, w, lr, n_steps):
    path = [w]
    for _ in range(n_steps):
        w = w - lr * gradient(w)
        path.append(w)
    return np.array(path)


@styled
def parabola_walks(walks):
    """A panel for each learning rate: the parabola and the points of the walk on it."""
    figure, axes = panel_grid("Gradient descent on a parabola", len(walks), columns=4, panel_height=2.3, sharey=True)
    line = np.linspace(-3, 9, 200)
    for ax, (lr, path) in zip(axes, walks.items(), strict=True):
        ax.plot(line, parabola(line), color="#B8B8B8")
        ax.plot(path, parabola(path), marker="o", markersize=4, linewidth=0.9, color=figures.PALETTE[0])
        ax.plot(path[0], parabola(path[0]), marker="o", markersize=8, color=figures.PALETTE[5])
        ax.set(title=f"learning rate {lr}", xlabel="w", ylim=(-2, 40))
    axes[0].set_ylabel("f(w)")
    return figure


walks = {lr: gradient_descent(slope, -1.0, lr, PARABOLA_STEPS) for lr in PARABOLA_RATES}
parabola_walks(walks)

# %%
for lr, path in walks.items():
    print(f"learning rate {lr:4}: after {PARABOLA_STEPS} steps w = {path[-1]:6.3f}, where 3 would be right")

# %% [markdown]
# (The big dot is the start.) The first is too careful, the second right, the third leaps from wall to wall, the last
# leaps higher each time: it **diverges**. Here one can see why. Put $f'$ into the step, and the distance to 3 becomes
#
# $$w_{t+1} - 3 = (1 - 2 \eta)\,(w_t - 3)$$
#
# Every step multiplies it by $1 - 2\eta$. It shrinks as long as that lies between $-1$ and $1$, so for $\eta$ below 1.
# In general the limit is 2 divided by the curvature (the second derivative, here 2). We check it:

# %%
for lr, path in walks.items():
    np.testing.assert_allclose(path[1:] - 3, (1 - 2 * lr) * (path[:-1] - 3))
    assert (abs(path[-1] - 3) < abs(path[0] - 3)) == (lr < 1)

# %% [markdown]
# ## A valley
#
# A network has many numbers instead of one. The derivative becomes the **gradient**, the list of the derivatives with
# respect to each of them, and the line stays what it was. What changes is that directions differ in steepness. The
# standard test for that is Rosenbrock's valley:
#
# $$f(x, y) = (1 - x)^2 + 100\,(y - x^2)^2$$
#
# The second term holds a walker on the parabola $y = x^2$, with steep walls; the first one pulls him gently along it,
# to the lowest point at $(1, 1)$. The gradient, by the rules of calculus:
#
# $$\frac{\partial f}{\partial x} = -2\,(1 - x) - 400\,x\,(y - x^2), \qquad
# \frac{\partial f}{\partial y} = 200\,(y - x^2)$$


# %%
def valley(w):
    x, y = w
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def valley_gradient(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


# %% [markdown]
# ### Is the gradient right?
#
# Nobody should believe a gradient that was computed by hand. A derivative is the limit of a quotient, so the quotient
# for a small $h$ must come near to it. The symmetric one is much better than the one-sided, because the errors of both
# sides cancel up to $h^2$:
#
# $$\frac{\partial f}{\partial w_i} \approx \frac{f(w + h e_i) - f(w - h e_i)}{2h}$$
#
# where $e_i$ has a 1 at place $i$ and zeros elsewhere.


# %%
def numeric_gradient(f, w, h=1e-5):
    return np.array([(f(w + h * e) - f(w - h * e)) / (2 * h) for e in np.eye(len(w))])


somewhere = np.array([0.7, -0.4])
print("by hand       ", valley_gradient(somewhere))
print("by differences", numeric_gradient(valley, somewhere))
np.testing.assert_allclose(valley_gradient(somewhere), numeric_gradient(valley, somewhere), rtol=1e-6)

# %% [markdown]
# How small should $h$ be? Not as small as possible:


# %%
@styled
def error_by_h(sizes, errors):
    figure, (ax,) = panel_grid("How far the quotient is from the gradient", 1, columns=1, panel_height=2.6)
    for (name, values), color in zip(errors.items(), figures.PALETTE, strict=False):
        ax.loglog(sizes, values, marker="o", markersize=3, color=color, label=name)
    ax.set(xlabel="h", ylabel="relative error")
    ax.grid()
    ax.legend()
    return figure


sizes = 10.0 ** np.arange(-12, 0)


def error_of(h, kind):
    exact = valley_gradient(somewhere)
    found = numeric_gradient(lambda w: valley(w.astype(kind)), somewhere, h)
    return np.linalg.norm(found - exact) / np.linalg.norm(exact) + 1e-16


errors = {
    f"{8 * np.dtype(kind).itemsize} bits": [error_of(h, kind) for h in sizes] for kind in (np.float64, np.float32)
}
error_by_h(sizes, errors)

# %%
best_h = {name: sizes[int(np.argmin(values))] for name, values in errors.items()}
say(
    f"With 64 bits the best $h$ here is **{best_h['64 bits']:.0e}**, with 32 bits, in which networks compute, "
    f"**{best_h['32 bits']:.0e}**. To the right of it the quotient itself is wrong, by the third derivative times "
    "$h^2 / 6$; to the left the two values of $f$ are so much alike that their difference consists of rounding. With "
    "32 bits no $h$ comes closer than "
    f"{min(errors['32 bits']):.0e}. So: check gradients with 64 bits, or ask for few digits."
)
assert best_h["64 bits"] < best_h["32 bits"]
assert min(errors["64 bits"]) < 1e-7 < min(errors["32 bits"])

# %% [markdown]
# ### Three ways to walk
#
# **Gradient descent** we have. In the valley it is in trouble: the walls allow only a small learning rate, and with
# that the gentle slope along the ground takes for ever.
#
# **Momentum** (Polyak, 1964) walks like a heavy ball. It has a velocity $v$, which remembers the gradients of the past
# and forgets them slowly, by a factor of $0.9$ at each step. What points to and fro cancels, what points along the
# valley adds up:
#
# $$v_t = 0.9\, v_{t-1} + g_t, \qquad w_{t+1} = w_t - \eta\, v_t$$


# %%
def momentum(gradient, w, lr, n_steps, decay=0.9):
    path, v = [w], np.zeros_like(w)
    for _ in range(n_steps):
        v = decay * v + gradient(w)
        w = w - lr * v
        path.append(w)
    return np.array(path)


# %% [markdown]
# **Adam** (Kingma and Ba, 2015) also keeps a running mean $m$ of the gradients, and beside it one of their squares,
# $s$. Then it divides by the root of the second. Steep or flat, each number $w_i$ takes a step of about $\eta$, as long
# as its gradients agree:
#
# $$m_t = b_1 m_{t-1} + (1 - b_1)\, g_t, \qquad s_t = b_2 s_{t-1} + (1 - b_2)\, g_t^2$$
#
# $$w_{t+1} = w_t - \eta\, \frac{m_t / (1 - b_1^t)}{\sqrt{s_t / (1 - b_2^t)} + \epsilon}$$
#
# Both means begin at zero and would be too small at first; the divisions by $1 - b^t$ mend that. The $\epsilon$ only
# keeps the quotient finite.


# %%
def adam(gradient, w, lr, n_steps, b1=0.9, b2=0.999, eps=1e-8):
    path, m, s = [w], np.zeros_like(w), np.zeros_like(w)
    for t in range(1, n_steps + 1):
        g = gradient(w)
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g**2
        w = w - lr * (m / (1 - b1**t)) / (np.sqrt(s / (1 - b2**t)) + eps)
        path.append(w)
    return np.array(path)


# %% [markdown]
# A comparison with one learning rate for all would be unfair, since it means something else for each. So each
# optimiser tries them all, and keeps the one with which it ends lowest:

# %%
optimisers = {"gradient descent": gradient_descent, "momentum": momentum, "Adam": adam}
w_start = np.array(START)
paths, rates = {}, {}
for name, optimiser in optimisers.items():
    with np.errstate(all="ignore"):  # some of the rates diverge, which overflows
        tries = {lr: optimiser(valley_gradient, w_start, lr, VALLEY_STEPS) for lr in VALLEY_RATES}
        ends = {lr: valley(path[-1]) for lr, path in tries.items() if np.isfinite(path).all()}
    rates[name] = min(ends, key=ends.get)
    paths[name] = tries[rates[name]]
    print(
        f"{name:17} learning rate {rates[name]:5}: f = {ends[rates[name]]:.1e} at ({paths[name][-1][0]:.3f}, "
        f"{paths[name][-1][1]:.3f}); {len(tries) - len(ends)} of {len(tries)} rates ran off to infinity"
    )


# %%
@styled
def walks_in_the_valley(paths):
    """The contour lines of the valley, and a walk in each panel. Neighbouring lines differ by a factor of 4."""
    title = f"{VALLEY_STEPS:,} steps through Rosenbrock's valley"
    figure, axes = panel_grid(title, len(paths), columns=3, panel_height=2.9, sharex=True, sharey=True)
    x, y = np.meshgrid(np.linspace(-2, 2, 300), np.linspace(-1.2, 3.2, 300))
    for ax, (name, path), color in zip(axes, paths.items(), figures.PALETTE, strict=False):
        ax.contour(x, y, valley((x, y)), levels=4.0 ** np.arange(-2, 6), colors="#C8C8C8", linewidths=0.8)
        ax.plot(*path.T, color=color, linewidth=1, marker=".", markersize=3)
        ax.plot(*path[0], marker="o", markersize=8, color=figures.PALETTE[5])
        ax.plot(1, 1, marker="*", markersize=13, color="black")
        ax.set(title=f"{name}, rate {rates[name]}", xlabel="x", xlim=(-2, 2), ylim=(-1.2, 3.2))
    axes[0].set_ylabel("y")
    return figure


walks_in_the_valley(paths)

# %%
heights = {name: [valley(w) for w in path] for name, path in paths.items()}
by_step(heights, "How high each walker is", what="f(x, y)", log=True)

# %%
final = {name: values[-1] for name, values in heights.items()}
say(
    f"From the big dot to the star. Gradient descent ends at a height of **{final['gradient descent']:.0e}**, momentum "
    f"at **{final['momentum']:.0e}**, Adam at **{final['Adam']:.0e}**. All three leap about at first, until they have "
    "found the ground. From there on gradient descent creeps."
)
assert 100 * final["momentum"] < final["gradient descent"]
assert 100 * final["Adam"] < final["gradient descent"]

# %% [markdown]
# Do not conclude that one of them is the best; on another ground the order is another one. What lasts is a property:
# Adam does not mind in which **unit** the loss is measured. A sum over the pixels instead of a mean makes every
# gradient hundreds of times larger. For gradient descent that is another learning rate. For Adam it is nothing, since
# the factor stands above and below the line:

# %%
scaled = adam(lambda w: 784 * valley_gradient(w), w_start, rates["Adam"], 100)
np.testing.assert_allclose(scaled, paths["Adam"][:101], rtol=1e-5)
with np.errstate(all="ignore"):
    gone = gradient_descent(lambda w: 784 * valley_gradient(w), w_start, rates["gradient descent"], 100)
assert not np.isfinite(gone).all()
print("Adam, with f times 784:            ", scaled[100].round(4), "as before", paths["Adam"][100].round(4))
print("gradient descent, with f times 784:", gone[-1])

# %% [markdown]
# ### As the package has them
#
# In [scratchclust/reference/optimizers.py](../scratchclust/reference/optimizers.py) an optimiser is a pair of
# functions. `init` makes what it must remember (a velocity, the two means), and `update` turns a gradient into the
# difference to be added. So one loop serves them all. (In its Adam our $s$ has its usual name, $v$.)


# %%
def walk(optimizer, gradient, w, n_steps):
    path, state = [w], optimizer.init(w)
    for _ in range(n_steps):
        update, state = optimizer.update(gradient(w), state, w)
        w = w + update
        path.append(w)
    return np.array(path)


makers = {"gradient descent": "sgd", "momentum": "momentum", "Adam": "adam"}  # their names in the package
for name, maker in makers.items():
    theirs = walk(getattr(reference, maker)(rates[name]), valley_gradient, w_start, VALLEY_STEPS)
    np.testing.assert_allclose(theirs, paths[name], rtol=1e-6)

# %% [markdown]
# ### The twin in JAX
#
# `jax.numpy` looks like NumPy. It computes with 32 bits unless it is told otherwise, and here we tell it otherwise, to
# compare digit by digit. What makes it worth the trouble is `jax.grad`: it takes a function and returns another one,
# which computes its gradient. There is no $h$ in it. It follows the computation and applies the chain rule to each
# operation, which is exact up to rounding.

# %%
import jax
import jax.numpy as jnp

from scratchclust.train import optimizers


def walk_jax(optimizer, f, w, n_steps):
    @jax.jit
    def step(w, state):
        update, state = optimizer.update(jax.grad(f)(w), state, w)
        return w + update, state

    path, state = [w], optimizer.init(w)
    for _ in range(n_steps):
        w, state = step(w, state)
        path.append(np.asarray(w))
    return np.array(path)


with jax.enable_x64(True):
    by_rule = jax.grad(valley)(jnp.array(somewhere))  # of the function above, as it stands
    np.testing.assert_allclose(by_rule, valley_gradient(somewhere), rtol=1e-12)
    print("by jax.grad   ", by_rule)
    for name, maker in makers.items():
        twin = walk_jax(getattr(optimizers, maker)(rates[name]), valley, jnp.array(w_start), VALLEY_STEPS)
        difference = np.abs(twin - paths[name]).max()
        print(f"{name:17} differs from ours by {difference:.0e} at most")
        assert difference < 1e-6

# %% [markdown]
# `jax.jit` compiles a function at its first call, for arrays of these shapes; from then on it is fast. The whole step
# is compiled here as one: gradient, update, addition.
#
# ## Noise, and a rate that falls
#
# The loss of a network is a mean over many images. To go through all of them for a single step would be a waste: some
# hundred of them, drawn at random (a **batch**), give about the same gradient. That is **stochastic** gradient descent.
# But "about the same" has a price. Take points $x_i$ and the parabola $f(w) = \frac{1}{n} \sum_i (w - x_i)^2$, whose
# lowest point is their mean, and walk with the gradient of four points at a time. Once with a constant rate, once with
# one that falls along half a period of the cosine:

# %%
rng = np.random.default_rng(SEED)
points = 3 + rng.standard_normal(1_000)


def noisy_walk(rate, rng):
    return walk(reference.sgd(rate), lambda w: 2 * (w - rng.choice(points, 4).mean()), 0.0, NOISY_STEPS)


falling = schedules.cosine(NOISY_RATE, NOISY_STEPS)
plans = {"constant rate": NOISY_RATE, "falling rate": falling}
noisy_walks = {
    name: np.array([noisy_walk(rate, np.random.default_rng(seed)) for seed in range(NOISY_WALKS)])
    for name, rate in plans.items()
}


@styled
def noisy_panels(walks):
    figure, axes = panel_grid("Walking by the gradient of four points", 2, columns=2, panel_height=2.5, sharey=True)
    for ax, (name, paths) in zip(axes, walks.items(), strict=True):
        for path, color in zip(paths[:5], figures.PALETTE, strict=False):
            ax.plot(path, color=color, linewidth=0.9)
        ax.axhline(points.mean(), color="black", linestyle="--", linewidth=1)
        ax.set(title=f"{name}: five walks, and the lowest point (dashed)", xlabel="step")
    axes[0].set_ylabel("w")
    return figure


noisy_panels(noisy_walks)

# %%
off = {name: np.sqrt(np.mean((paths[:, -1] - points.mean()) ** 2)) for name, paths in noisy_walks.items()}
say(
    f"Of {NOISY_WALKS} walks, the root of the mean squared distance to the lowest point at the end: **"
    f"{off['constant rate']:.3f}** with the constant rate, **{off['falling rate']:.3f}** with the falling one. A "
    "constant rate comes down fast and then dances about the ground for ever; the falling one ends in a mean over many "
    "points."
)
assert off["falling rate"] < off["constant rate"] / 2

# %% [markdown]
# ## A network: the autoencoder
#
# Enough of two numbers. An **autoencoder** squeezes an image $x$ through a code $z$ that is much shorter, and draws it
# again:
#
# $$z = \text{encode}(x), \qquad x' = \text{decode}(z), \qquad
# L = \frac{1}{n} \sum_{i=1}^{n} \sum_p (x_{ip} - x'_{ip})^2$$
#
# with the sum over all pixels $p$. What is not in the code cannot be drawn, so the code must keep what matters. Nobody
# says what that is, and no label is needed.
#
# Ours is *convolutional*: its layers look at 3 x 3 pixels at a time, everywhere with the same numbers. The class is in
# [scratchclust/models/conv_autoencoder.py](../scratchclust/models/conv_autoencoder.py), written with Flax, a library
# for networks in JAX.

# %%
from flax import nnx

from scratchclust import data
from scratchclust.models import ConvAutoencoderSpec, count_parameters

if REAL_DATA:
    dataset, new_dataset = data.load("mnist", split="train"), data.load("mnist", split="test")
    images, classes, new_images = dataset.images[:N_IMAGES], dataset.labels[:N_IMAGES], new_dataset.images[:N_NEW]
else:
    dataset = data.load("digits")
    images, classes, new_images = dataset.images[:N_IMAGES], dataset.labels[:N_IMAGES], dataset.images[-N_NEW:]

image_shape = images.shape[1:]  # height, width, channels
spec = ConvAutoencoderSpec(widths=WIDTHS, latent_dim=CODE_LENGTH)
model = spec.build(image_shape, rngs=nnx.Rngs(SEED))
say(
    f"The data are **{dataset.name}**: {len(images):,} images of {image_shape[0]} x {image_shape[1]} pixels, and "
    f"{len(new_images):,} more that the network will not see. The network squeezes {np.prod(image_shape)} pixels into "
    f"{CODE_LENGTH} numbers. It has **{count_parameters(model):,}** numbers to be learned, its *parameters*."
)

# %% [markdown]
# ### The training step
#
# An nnx model is an object with arrays inside. `jax.grad` wants a function of arrays instead. So we take the model
# apart, once: `nnx.split` gives its structure (`graphdef`) and its parameters (a tree of arrays, which is what all
# functions of JAX can work with). `nnx.merge` puts them together again, inside of the loss.
#
# Then the step is what it was on the parabola: the loss, its gradient, and $w \leftarrow w + \text{update}$.

# %%
graphdef, start_params = nnx.split(model, nnx.Param)


def loss_of(params, images):
    drawn = nnx.merge(graphdef, params, copy=True)(images)
    return ((images - drawn) ** 2).sum(axis=(1, 2, 3)).mean()


def make_step(loss_of, optimizer):
    @jax.jit
    def train_step(params, opt_state, images):
        loss, gradients = jax.value_and_grad(loss_of)(params, images)
        updates, opt_state = optimizer.update(gradients, opt_state, params)
        return jax.tree.map(jnp.add, params, updates), opt_state, loss

    return train_step


# %% [markdown]
# `value_and_grad` returns the loss along with its gradient. `gradients` is a tree like `params`, and `jax.tree.map`
# adds the two, array by array. Nothing is changed in place: parameters and the state of the optimiser go in, new ones
# come out. That will be worth a lot when something goes wrong.
#
# Nobody should believe a gradient, also not this one. To try all the parameters one after the other takes too long. The
# slope in a random **direction** $u$ sees all of them at once:
#
# $$\frac{L(w + h u) - L(w - h u)}{2h} \approx \sum_i u_i \frac{\partial L}{\partial w_i}$$
#
# We take it a little beside the start. At the start itself all biases are 0, so that black pixels sit exactly on the
# kink of the activation $\max(0, a)$, where there is no derivative and the quotient is no judge. (The $h$ of the cell
# looks too small, but all parameters move at once, in a direction whose length is above a hundred.)

# %%
with jax.enable_x64(True):
    few = jnp.asarray(images[:8] / 255)
    rng, h = np.random.default_rng(SEED), 1e-8

    def random_like(array):
        return jnp.asarray(rng.standard_normal(array.shape))

    wide = jax.tree.map(lambda array: array + 0.01 * random_like(array), start_params)
    loss, gradients = jax.jit(loss_of), jax.jit(jax.grad(loss_of))(wide, few)
    for _ in range(3):
        u = jax.tree.map(random_like, wide)
        ahead = jax.tree.map(lambda w, u: w + h * u, wide, u)
        behind = jax.tree.map(lambda w, u: w - h * u, wide, u)
        quotient = float(loss(ahead, few) - loss(behind, few)) / (2 * h)
        by_rule = sum(float((u * g).sum()) for u, g in zip(jax.tree.leaves(u), jax.tree.leaves(gradients), strict=True))
        print(f"slope by differences {quotient:12.6f}   by jax.grad {by_rule:12.6f}")
        np.testing.assert_allclose(quotient, by_rule, rtol=1e-3)

# %% [markdown]
# ### Training it
#
# The images are shuffled, cut into batches, and when all have been seen (an **epoch**) shuffled anew.


# %%
def batches(images, rng):
    while True:
        order = rng.permutation(len(images))
        for begin in range(0, len(images) - BATCH_SIZE + 1, BATCH_SIZE):
            yield images[order[begin : begin + BATCH_SIZE]]


def fit(train_step, optimizer, params, images, n_steps):
    opt_state, losses = optimizer.init(params), []
    for batch in islice(batches(images, np.random.default_rng(SEED)), n_steps):
        params, opt_state, loss = train_step(params, opt_state, batch)
        losses.append(float(loss))
    return params, np.array(losses)


X, new_X = (part.astype(np.float32) / 255 for part in (images, new_images))
steps_per_epoch = len(X) // BATCH_SIZE
optimizer = optimizers.adam(LEARNING_RATE)
train_step = make_step(loss_of, optimizer)
after_one, _ = fit(train_step, optimizer, start_params, X, steps_per_epoch)
params, losses = fit(train_step, optimizer, start_params, X, EPOCHS * steps_per_epoch)

by_step({"training by hand": losses}, f"The loss in {EPOCHS} epochs of {steps_per_epoch} steps")


# %%
@jax.jit
def draw(params, images):
    return nnx.merge(graphdef, params, copy=True)(images)


shown = new_X[:N_SHOWN]
stages = {"untrained": start_params, "after 1 epoch": after_one, f"after {EPOCHS}": params}
figures.reconstructions(shown, {name: np.asarray(draw(stage, shown)) for name, stage in stages.items()})

# %% [markdown]
# These are images that the network has never seen. Most of a picture is black, and that is what it learns first; the
# strokes come later. What it draws in the end is blurred, and that is a consequence of the loss: of all pictures that
# could belong to a code, their mean has the least squared error.
#
# Is it any good? One needs something to compare with. The best *linear* way to put an image into so many numbers is
# PCA, which needs no training at all:

# %%
from scratchclust.data.preprocessing import flatten
from scratchclust.reference import pca


def error_on(drawn, images):
    return float(((np.asarray(drawn) - images) ** 2).sum(axis=(1, 2, 3)).mean())


components = pca.pca(flatten(X), CODE_LENGTH)
by_pca = pca.inverse_transform(pca.transform(flatten(new_X), components), components).reshape(new_X.shape)
hand_error, pca_error = error_on(draw(params, new_X), new_X), error_on(by_pca, new_X)
first_loss, last_loss = losses[0], losses[-steps_per_epoch:].mean()
say(
    f"The loss fell from {first_loss:.1f} to **{last_loss:.2f}** (mean of the last epoch). On the new images the "
    f"squared error is **{hand_error:.2f}**. PCA with {CODE_LENGTH} numbers has {pca_error:.2f} there. To draw the "
    f"same mean image for each of them would give {error_on(X.mean(axis=0), new_X):.2f}."
)
assert last_loss < first_loss / 5
assert hand_error < pca_error

# %% [markdown]
# ### The same by the package
#
# `scratchclust.train.loop.train` is this loop with what a long training needs: batches spread over all cores or GPUs,
# a history, checkpoints, progress, and a look at every loss. Its step, in
# [scratchclust/train/steps.py](../scratchclust/train/steps.py), is ours with a random key and with room for what a
# model carries besides parameters. From the same start, but with other shuffles, it must come out about the same:

# %%
from scratchclust.train.loop import train
from scratchclust.train.losses import reconstruction_loss
from scratchclust.train.optimizer_specs import AdamSpec

settings = {"optimizer": AdamSpec(LEARNING_RATE), "epochs": EPOCHS, "batch_size": BATCH_SIZE}
trained = train(model, images, loss=reconstruction_loss("mse"), key=jax.random.key(SEED), **settings)

by_hand = losses.reshape(EPOCHS, steps_per_epoch).mean(axis=1)
titled(
    figures.training_curves({"by hand": {"loss": by_hand}, "the package": {"loss": trained.history["loss"]}}),
    "The loss of each epoch, by hand and by the package",
)

# %%
package_error = error_on(trained.model(new_X), new_X)
say(
    f"The last epoch has a loss of {by_hand[-1]:.2f} by hand and {trained.history['loss'][-1]:.2f} by the package; on "
    f"the new images {hand_error:.2f} and {package_error:.2f}."
)
assert abs(trained.history["loss"][-1] / by_hand[-1] - 1) < 0.15

# %% [markdown]
# ## What is the code good for?
#
# In daily use there is a class with the interface of scikit-learn. Its `fit` trains the network, its `transform` gives
# the codes, and `KMeans` can take them instead of pixels:

# %%
from scratchclust import AutoencoderFeatures, KMeans, metrics

features = AutoencoderFeatures(spec, learning_rate=LEARNING_RATE, epochs=EPOCHS, random_state=SEED).fit(images)
codes = features.transform(images)
print(f"{len(codes):,} codes of {codes.shape[1]} numbers")

# %% [markdown]
# Does k-means find the digits better by the code than by the pixels? It is easy to fool oneself here. So we fix the
# rules before we look: one score (the adjusted Rand index, 0 is chance and 1 perfect; see
# [02_how_good_is_a_clustering](02_how_good_is_a_clustering.ipynb)); ten clusters; the labels take no part in anything
# but the score; no setting is changed afterwards. And not a single run each, but three: the three networks that we
# have by now (two of them began alike and differ in their shuffles), and k-means on pixels from three random starts.

# %%
from scratchclust.features.autoencoder import encode


def agreement(X, seed):
    labels = KMeans(n_clusters=10, n_init=4, random_state=seed).fit(X).labels_
    return metrics.adjusted_rand_score(classes, labels)


hand_codes = encode(nnx.merge(graphdef, params), images)
scores = {
    "pixels": [agreement(flatten(X), seed) for seed in range(SEED, SEED + 3)],
    "code": [agreement(z, SEED) for z in (hand_codes, encode(trained.model, images), codes)],
}
titled(
    figures.comparison_bars(
        [f"k-means on {name}, run {run}" for name in scores for run in (1, 2, 3)],
        {"adjusted Rand index": scores["pixels"] + scores["code"]},
    ),
    "Do the clusters agree with the digits?",
)

# %%
of_pixels, of_code = (np.array(values) for values in scores.values())
apart = of_code.min() > of_pixels.max() or of_code.max() < of_pixels.min()
verdict = "better" if of_code.mean() > of_pixels.mean() else "worse"
answer = f"on this code it is **{verdict}** in every run" if apart else "the runs overlap: **no difference is shown**"
say(
    f"Pixels: {of_pixels.mean():.3f} (from {of_pixels.min():.3f} to {of_pixels.max():.3f}). Code: {of_code.mean():.3f} "
    f"(from {of_code.min():.3f} to {of_code.max():.3f}). With three runs each, {answer}."
)
assert min(of_pixels.min(), of_code.min()) > 0.2

# %% [markdown]
# Whatever the verdict: the network was not asked for clusters. It was asked to draw, and for that a slanted stroke
# counts as much as whether the digit is a 4 or a 9. The code is shorter than the pixels by far, and most of a picture
# can be drawn from it. That it is *better sorted* was never part of the loss. What k-means sees depends on what the
# features were trained for, and the following tutorials change that.
#
# ## Something is wrong here
#
# A colleague makes the images black and white: each pixel is ink (1) or paper (0). Then the decoder's output $y$, which
# a sigmoid keeps between 0 and 1, can be read as the probability of ink, and the loss that belongs to it is the
# *cross-entropy*:
#
# $$L = -\frac{1}{n} \sum_i \sum_p \big[x_{ip} \log y_{ip} + (1 - x_{ip}) \log (1 - y_{ip})\big]$$
#
# He writes that down as it stands in the book, and takes a much larger learning rate (`HASTY_RATE`), to be
# done sooner:

# %%
ink = (images[:N_INK] > 127).astype(np.float32)


def loss_by_the_book(params, images):
    y = nnx.merge(graphdef, params, copy=True)(images)
    per_pixel = images * jnp.log(y) + (1 - images) * jnp.log(1 - y)
    return -per_pixel.sum(axis=(1, 2, 3)).mean()


hasty = optimizers.adam(HASTY_RATE)
book_step = make_step(loss_by_the_book, hasty)
book_params, book_losses = fit(book_step, hasty, start_params, ink, HUNT_STEPS)

for step in range(0, HUNT_STEPS, HUNT_STEPS // 10):
    print(f"step {step + 1:4}: loss {book_losses[step]:8.2f}")
figures.reconstructions(ink[:N_SHOWN], {"after training": np.asarray(draw(book_params, ink[:N_SHOWN]))})

# %% [markdown]
# The loss falls nicely, and then it is `nan`, *not a number*, for ever. The pictures are gone (what is not a number is
# drawn black). The formula is right, and no line of the program is mistyped.
#
# **Find out what went wrong.** You have everything for it. `book_losses` has the loss of every step. The shuffles come
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
# $10^{-38}$, and a pixel that is paper in every image gets even there. Say $x = 0$ and $y = 0$. Then the first half of
# the formula is $x \log y = 0 \cdot \log 0$. On paper that is 0, in the computer it is $0 \cdot (-\infty)$, which is
# not a number. (With $x = 1$ and $y = 1$ the second half does the same.) One such pixel, in one image of one batch,
# makes the mean over the batch NaN, the mean makes every gradient NaN, and one step later every parameter is.
#
# The learning rate only decides when the first pixel gets there.
#
# </details>
#
# ### The hunt
#
# **Which step?** The first loss that is not finite:

# %%
bad_step = int(np.argmin(np.isfinite(book_losses)))  # counted from 0
print("losses:", book_losses[bad_step - 3 : bad_step + 3])

before, same_losses = fit(book_step, hasty, start_params, ink, bad_step)  # the same again, and stop before it
finite = all(np.isfinite(array).all() for array in jax.tree.leaves(before))
assert not np.isfinite(book_losses[bad_step])
assert (same_losses == book_losses[:bad_step]).all()  # the same seed, the same losses to the last bit
assert finite
say(
    f"It is step **{bad_step + 1}** of {HUNT_STEPS}. Before it all parameters are finite. So the NaN is born in the "
    "loss of this one batch."
)

# %% [markdown]
# **Which images, which pixels?** The same batch comes from the same seed. We compute the parts of the formula one by
# one:

# %%
batch = next(islice(batches(ink, np.random.default_rng(SEED)), bad_step, None))
y = np.asarray(draw(before, batch))
with np.errstate(divide="ignore", invalid="ignore"):
    ink_term, paper_term = batch * np.log(y), (1 - batch) * np.log(1 - y)
bad = ~np.isfinite(ink_term + paper_term)

n_bad_images = int(bad.any(axis=(1, 2, 3)).sum())
place = tuple(np.argwhere(bad)[0])
print(f"{bad.sum()} bad pixels, in {n_bad_images} of {len(batch)} images. The first of them:")
print(
    f"x = {batch[place]:g}, y = {y[place]:.9g}, x log y = {ink_term[place]}, (1 - x) log(1 - y) = {paper_term[place]}"
)
assert bad.any()
assert y[place] in (0, 1)
assert y[place] == batch[place]

# %%
culprit = place[0]
figures.image_row(
    np.stack([batch[culprit], y[culprit], bad[culprit].astype(np.float32)]),
    ["the image", "what was drawn", "white: not a number"],
    title=f"Image {culprit} of the batch in step {bad_step + 1}",
)

# %% [markdown]
# The pixel is **right**. It is drawn with such certainty that $y$ is rounded to what it should be.
#
# JAX can do this hunt for you. Inside `jax.debug_nans(True)` every compiled function looks at its results, and when
# there is a NaN, computes again operation by operation and names the one that made it. That is slow, so switch it on
# when you need it. (The first lines below are its own.)

# %%
with jax.debug_nans(True):
    try:
        book_step(before, hasty.init(before), batch)
    except FloatingPointError as error:
        found = str(error).splitlines()[0]
print("JAX says:", found)

# %% [markdown]
# ### The cure
#
# Three cures come to mind. A **smaller learning rate** lets it happen later. **Clipping** $y$ to, say, between
# $10^{-7}$ and $1 - 10^{-7}$ makes the logarithm finite, but where it clips the gradient is 0: a pixel that is surely
# *wrong* would never be corrected. The third goes to the root. Do not round to $y$ and take the logarithm afterwards,
# but do both at once. With the decoder's output before the sigmoid, the *logit* $l$, and $y = 1 / (1 + e^{-l})$,
#
# $$\log y = -\text{softplus}(-l), \qquad \log(1 - y) = -\text{softplus}(l), \qquad
# \text{softplus}(l) = \log(1 + e^l)$$
#
# $$-x \log y - (1 - x) \log (1 - y) = \text{softplus}(l) - x\,l$$
#
# For a large $l$ the softplus is simply $l$, and whoever programs it sees to that. Here is the loss of one pixel of
# paper ($x = 0$) that is taken for ink with more and more certainty:

# %%
logits = np.linspace(0, 40, 401, dtype=np.float32)
one_pixel = {
    "by the book": lambda l: -jnp.log(1 - jax.nn.sigmoid(l)),
    "clipped": lambda l: -jnp.log(1 - jnp.clip(jax.nn.sigmoid(l), 1e-7, 1 - 1e-7)),
    "from the logit": jax.nn.softplus,
}


@styled
def pixel_losses(losses, slopes):
    figure, axes = panel_grid("A pixel that is surely wrong", 2, columns=2, panel_height=2.6)
    for name, color, width in zip(losses, figures.PALETTE, (5, 3, 1.4), strict=False):
        axes[0].plot(logits, losses[name], color=color, linewidth=width, label=name)
        axes[1].plot(logits, slopes[name], color=color, linewidth=width, label=name)
    axes[0].set(title="its loss", xlabel="logit")
    axes[1].set(title="its gradient, which ought to push it down", xlabel="logit")
    axes[0].legend()
    return figure


pixel_curves = {name: np.asarray(jax.vmap(f)(logits)) for name, f in one_pixel.items()}
pixel_slopes = {name: np.asarray(jax.vmap(jax.grad(f))(logits)) for name, f in one_pixel.items()}
pixel_losses(pixel_curves, pixel_slopes)

# %%
last_finite = logits[np.isfinite(pixel_curves["by the book"])][-1]
say(
    f"By the book the line ends at a logit of **{last_finite:.1f}**, and there is nothing after it. Clipped, it goes "
    f"on, but with a gradient of {pixel_slopes['clipped'][-1]:.0f}: nobody pushes. From the logit, the gradient at "
    f"{logits[-1]:.0f} is {pixel_slopes['from the logit'][-1]:.0f}, as it should be."
)
assert not np.isfinite(pixel_curves["by the book"][-1])
assert pixel_slopes["clipped"][-1] == 0
assert pixel_slopes["from the logit"][-1] == 1

# %% [markdown]
# If that is the diagnosis, the third cure alone must help, with the same start, the same shuffles and the same hasty
# learning rate; and the first must not, with a third of the rate:


# %%
def loss_from_logits(params, images):
    logits = nnx.merge(graphdef, params, copy=True).logits(images)
    return (jax.nn.softplus(logits) - images * logits).sum(axis=(1, 2, 3)).mean()


slower = optimizers.adam(HASTY_RATE / 3)
_, slow_losses = fit(make_step(loss_by_the_book, slower), slower, start_params, ink, HUNT_STEPS)
cured_params, cured_losses = fit(make_step(loss_from_logits, hasty), hasty, start_params, ink, HUNT_STEPS)

by_step(
    {"by the book": book_losses, "a third of the rate": slow_losses, "from the logits": cured_losses},
    "The same start three times; two lines end where they become NaN",
)

# %%
np.testing.assert_allclose(cured_losses[:10], book_losses[:10], rtol=0.01)
assert np.isfinite(cured_losses).all()
assert not np.isfinite(slow_losses).all()
slow_step = int(np.argmin(np.isfinite(slow_losses)))
say(
    f"By the book it ended at step {bad_step + 1}; with a third of the rate at step {slow_step + 1}; from the logits "
    f"it runs through all {HUNT_STEPS}, down to **{cured_losses[-20:].mean():.1f}** (mean of the last 20). In the "
    "first steps, where no pixel is sure as yet, it is the same loss up to rounding."
)
figures.reconstructions(ink[:N_SHOWN], {"cured": np.asarray(draw(cured_params, ink[:N_SHOWN]))})

# %% [markdown]
# ### What the package's loop does
#
# `losses.bernoulli_cross_entropy` is computed from the logits. But you can give `train` a loss of your own, such as the
# one from the book. A loss for it is a function of (model, batch, key) which returns the loss and a dict of further
# numbers for the history. The loop looks at the loss of every step, stops at the first that is not finite, and raises a
# `TrainingError`:

# %%
from scratchclust.errors import TrainingError
from scratchclust.train.losses import bernoulli_cross_entropy


def book_loss(model, batch, key):
    x, y = batch.images, model(batch.images)
    return -(x * jnp.log(y) + (1 - x) * jnp.log(1 - y)).sum(axis=(1, 2, 3)).mean(), {}


hasty_settings = {"optimizer": AdamSpec(HASTY_RATE), "epochs": HUNT_STEPS * BATCH_SIZE // len(ink)}
try:
    train(model, ink, loss=book_loss, batch_size=BATCH_SIZE, key=jax.random.key(SEED), **hasty_settings)
except TrainingError as error:
    stopped = error
print(stopped)

# %%
say(
    "It says the step, the last losses, and what to try. And it hands over what was reached: `error.model` is the "
    f"model after epoch {stopped.epoch - 1}, the last good one, and `error.history` has the losses of the "
    f"{len(stopped.history['loss'])} epochs up to there. With `checkpoints=...` they would be on the disk, too. (Its "
    "first advice is the usual remedy. Here it would only delay the end, as we saw: the loop cannot know that the loss "
    "is written badly.)"
)
assert np.isfinite(stopped.history["loss"]).all()
assert len(stopped.history["loss"]) == stopped.epoch - 1
figures.reconstructions(ink[:N_SHOWN], {"error.model": np.asarray(stopped.model(ink[:N_SHOWN]))})

# %% [markdown]
# The package's own loss for such images, `reconstruction_loss("bernoulli")`, is the cured one. It takes the logits, not
# the picture:

# %%
ours = loss_from_logits(nnx.split(stopped.model, nnx.Param)[1], ink[:100])
theirs = bernoulli_cross_entropy(ink[:100], stopped.model.logits(ink[:100]))
np.testing.assert_allclose(ours, theirs, rtol=1e-5)
print(f"of the last good model: {ours:.3f} by ours, {theirs:.3f} by the package's")

# %% [markdown]
# ## How fast is it?
#
# One epoch of the autoencoder, by hand and by the package, from the same start, in turn, the median of several runs.
# The package spreads each batch over all devices (here one for each core); ours runs on one of them. The first step
# compiles, and that is shown apart:


# %%
def epoch_by_hand():
    return fit(train_step, optimizer, start_params, X, steps_per_epoch)[1].mean()


def epoch_by_package():
    run = train(model, X, loss=reconstruction_loss("mse"), key=jax.random.key(SEED), **{**settings, "epochs": 1})
    return run.history["loss"][0]


def clocked(program):
    began = time.perf_counter()
    outcome = program()  # plain numbers, so nothing is left to wait for
    return time.perf_counter() - began, outcome


fresh_step = make_step(loss_of, optimizer)
compilation, _ = clocked(lambda: float(fresh_step(start_params, optimizer.init(start_params), X[:BATCH_SIZE])[2]))
programs = {"by hand": epoch_by_hand, "the package": epoch_by_package}
clocked(epoch_by_package)  # compiles
turns = [{name: clocked(program) for name, program in programs.items()} for _ in range(TIMING_RUNS)]

n_seen = steps_per_epoch * BATCH_SIZE
print(f"{n_seen:,} images, batches of {BATCH_SIZE}, on {jax.device_count()} {jax.default_backend().upper()} devices\n")
print(f"{'':14}{'seconds':>9}{'images/s':>10}{'loss':>9}")
for name in programs:
    seconds = np.median([turn[name][0] for turn in turns])
    print(f"{name:14}{seconds:9.2f}{n_seen / seconds:10,.0f}{turns[0][name][1]:9.2f}")
print(f"\nThe first step by hand took {compilation:.2f} s, nearly all of it to compile.")
assert abs(turns[0]["by hand"][1] / turns[0]["the package"][1] - 1) < 0.2

# %% [markdown]
# Take it as what it is: one small network on one machine, with whatever else that machine had to do. The package also
# copies the state to the host after each epoch, to have it when the next one fails. The folder `benchmarks/` measures
# more carefully, and beside torch.
#
# ## Exercise: look ahead, and decay
#
# **1. Nesterov's momentum.** The heavy ball is about to move on by its velocity anyway. Nesterov's idea: add that
# before moving. In the form in which programs have it,
#
# $$v_t = 0.9\, v_{t-1} + g_t, \qquad w_{t+1} = w_t - \eta\, (g_t + 0.9\, v_t)$$
#
# Write `nesterov(gradient, w, lr, n_steps)`, and check it against `reference.momentum(lr, nesterov=True)`. Walk through
# the valley with the learning rate that momentum had, and with half of it. Who is lower at the end?
#
# **2. Weight decay.** Often one wants small parameters, and lets each step take away a share of them:
#
# $$w \leftarrow w - \eta\,(g + \lambda w)$$
#
# For the parabola: where does gradient descent end with $\lambda = 1$? Then do the same with Adam in two ways: add
# $\lambda w$ to the gradient *before* Adam sees it, or subtract $\eta \lambda w$ *after* Adam's step (that is AdamW).
# Where do the two end, and where if the loss, and so its gradient, is multiplied by 100?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def nesterov(gradient, w, lr, n_steps, decay=0.9):
#     path, v = [w], np.zeros_like(w)
#     for _ in range(n_steps):
#         g = gradient(w)
#         v = decay * v + g
#         w = w - lr * (g + decay * v)
#         path.append(w)
#     return np.array(path)
#
#
# for lr in (rates["momentum"] / 2, rates["momentum"]):
#     ahead = nesterov(valley_gradient, w_start, lr, VALLEY_STEPS)
#     theirs = walk(reference.momentum(lr, nesterov=True), valley_gradient, w_start, VALLEY_STEPS)
#     np.testing.assert_allclose(ahead[:100], theirs[:100], rtol=1e-6)
#     plain = momentum(valley_gradient, w_start, lr, VALLEY_STEPS)
#     print(f"learning rate {lr}: f = {valley(ahead[-1]):.1e} with Nesterov, {valley(plain[-1]):.1e} without")
#
# shrunk = gradient_descent(lambda w: slope(w) + 1.0 * w, -1.0, 0.3, 100)[-1]
# print(f"gradient descent ends at {shrunk:.3f}")
# assert np.isclose(shrunk, 2)
# for factor in (1, 100):
#     inside = walk(reference.adam(0.01), lambda w: factor * slope(w) + w, -1.0, 3_000)[-1]
#     outside = walk(reference.adamw(0.01, weight_decay=1.0), lambda w: factor * slope(w), -1.0, 3_000)[-1]
#     print(f"the loss times {factor:3}: Adam ends at {inside:.3f}, AdamW at {outside:.3f}")
# assert inside > 2.9 and outside < 1.1
# ```
#
# With half the rate the two balls roll nearly alike. With the full one, which was the best for momentum, Nesterov's
# comes near, is thrown against the walls and never settles: where it is steep, looking ahead bears only a smaller
# learning rate. So it, too, wants a rate of its own.
#
# Gradient descent with decay ends where $2 (w - 3) + w = 0$, at 2. So does Adam, with the decay inside of the gradient;
# but there it is weighed against the loss, and against one that is 100 times larger it counts for next to nothing.
# Outside it keeps its strength, whatever the unit of the loss. As long as all gradients point the same way, a step of
# Adam is $\eta$, and the decay takes $\eta w$ off; the two are equal at $w = 1$.
#
# </details>
#
# ## What to read next
#
# - The files, in pairs: [scratchclust/reference/optimizers.py](../scratchclust/reference/optimizers.py) and
#   [scratchclust/train/optimizers.py](../scratchclust/train/optimizers.py), with Adadelta besides those of this page;
#   the schedules beside them. Then [scratchclust/train/steps.py](../scratchclust/train/steps.py), the step, and
#   [scratchclust/train/loop.py](../scratchclust/train/loop.py), the loop.
# - D. Kingma and J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015. I. Loshchilov and F. Hutter,
#   *Decoupled weight decay regularization*, ICLR 2019: AdamW. B. Polyak, *Some methods of speeding up the convergence
#   of iteration methods*, 1964: momentum. I. Sutskever et al., *On the importance of initialization and momentum in
#   deep learning*, ICML 2013: Nesterov's, as a change of the heavy ball.
# - G. Hinton and R. Salakhutdinov, *Reducing the dimensionality of data with neural networks*, Science, 2006: the
#   autoencoder against PCA.
# - The next tutorial, [05_unet_and_vae](05_unet_and_vae.ipynb): what happens when a network finds a way around its
#   code.
