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
# # A network by hand
#
# *35 minutes. Before this page: [04](04_downhill.ipynb). It runs in about 20 seconds.*
#
# A network with 100,000 parameters is trained by a gradient of 100,000 numbers, and to get it costs no more than to
# compute the loss some three times. How is that possible? At the end of this page you will have written
# backpropagation in two ways: backward through two layers in NumPy, and as a small engine that differentiates whatever
# you compute; and you will know why a network with a right gradient may still not learn.
#
# You need NumPy, products of matrices, and the chain rule: if $y = f(u)$ and $u = g(x)$, then
# $\frac{dy}{dx} = f'(u)\, g'(x)$.

# %% tags=["hide-input"]
from scratchclust.lessons import networks as draw

draw.graph(
    ["w", "x", "times", "b", "plus", "sigmoid", "t", "minus", "square"],
    [2.0, 0.5, 1.0, -0.5, 0.5, 0.62246, 1.0, -0.37754, 0.14254],
    [-0.0887, -0.3549, -0.1774, -0.1774, -0.1774, -0.7551, 0.7551, -0.7551, 1.0],
    [[], [], [0, 1], [], [2, 3], [4], [], [5, 6], [7]],
    title="One neuron: values flow forward, gradients flow back",
    words="Nine boxes from left to right: w and x are multiplied, b is added, a sigmoid follows, t is subtracted, "
    "the result is squared and is the loss 0.143. Below each value stands its gradient, from 1 at the loss "
    "back to -0.089 at w.",
)

# %% [markdown]
# The blue numbers come from left to right: multiply, add, squash, compare. The orange ones come back from right to left
# and say how much the loss would change with each of the blue ones ($t$ is the target, what ought to come out). By the
# end of the page each of them is yours. (The folded cell above only draws. The data are loaded where they are used.)
#
# ## Two layers
#
# A **layer** takes numbers and makes other numbers of them. The plainest one multiplies by a matrix of **weights** and
# adds a row of **biases**: $a = x W + b$. If all layers did only that, ten of them would be no more than one, since the
# product of matrices is a matrix. So something crooked follows, an **activation**. The most common one keeps what is
# positive, $\max(0, a)$, and is called *ReLU*. Where the result must lie between 0 and 1, as a pixel does, it is the
# **sigmoid**, $\sigma(u) = 1 / (1 + e^{-u})$; the number before it is called a **logit**.
#
# An **autoencoder** squeezes an image $x$ through a short **code** and draws it again. Ours has two layers, from 784
# pixels to a code of 64 numbers and back:
#
# $$a = x W_1 + b_1, \qquad h = \max(0, a), \qquad u = h W_2 + b_2, \qquad y = \sigma(u)$$
#
# and it is to make the squared error small, summed over pixels $p$ and averaged over images $i$:
#
# $$L = \frac{1}{n} \sum_{i=1}^{n} \sum_p (y_{ip} - x_{ip})^2$$
#
# In NumPy all $n$ images go through at once, a row each:

# %%
import numpy as np


def forward(params, X):
    W1, b1, W2, b2 = params
    a = X @ W1 + b1  # [n, 64]
    h = np.maximum(0, a)  # [n, 64], the code
    logits = h @ W2 + b2  # [n, 784]
    y = 1 / (1 + np.exp(-logits))  # [n, 784], the drawing
    return a, h, y


def loss_of(params, X):
    y = forward(params, X)[-1]
    return ((y - X) ** 2).sum() / len(X)


# %% [markdown]
# ### Backward
#
# Write $\bar u$ for $\partial L / \partial u$: how much the loss changes with each number of $u$. The chain rule takes
# us from the end to the beginning, a line for each line of `forward`. The loss gives $\bar y = 2 (y - x) / n$. The
# sigmoid has the derivative $y (1 - y)$. And a layer $u = h W + b$ is $u_{ij} = \sum_r h_{ir} W_{rj} + b_j$. Where does
# the weight $W_{rj}$ occur? In $u_{ij}$ of each image $i$, times $h_{ir}$. So it changes the loss by
# $\sum_i h_{ir}\, \bar u_{ij}$, which is a product of matrices. The same look at $b_j$ and at $h_{ir}$ gives all three:
#
# $$\bar W = h^\top \bar u, \qquad \bar b = \sum_i \bar u_i, \qquad \bar h = \bar u\, W^\top$$
#
# (In the program $\bar u$ is called `d_logits`, $\bar h$ is `d_h`, and so on.) You need not learn that by heart: $\bar
# W$ has the shape of $W$ and $\bar h$ that of $h$, and there is hardly another way to put the matrices together. The
# ReLU passes on what belongs to positive numbers, and stops the rest.


# %%
def backward(params, X):
    W2 = params[2]
    a, h, y = forward(params, X)
    d_y = 2 * (y - X) / len(X)
    d_logits = d_y * y * (1 - y)
    d_W2, d_b2 = h.T @ d_logits, d_logits.sum(axis=0)
    d_h = d_logits @ W2.T
    d_a = d_h * (a > 0)
    d_W1, d_b1 = X.T @ d_a, d_a.sum(axis=0)
    return [d_W1, d_b1, d_W2, d_b2]


# %% [markdown]
# Each product of matrices in `forward` has at most two of its size in `backward` (the first layer has one: nobody asks
# for the gradient of an image). So *all* derivatives together, `forward` included, cost two or three times the loss,
# however many parameters there are. Differences would cost two losses for each of them. This is **backpropagation**;
# Rumelhart, Hinton and Williams (1986) made it known, the idea is older (Linnainmaa, 1970).
#
# ### Where to begin
#
# **Predict, then run.** Let all weights and biases be zero at first. Which of the four gradients are zero, too? What
# would such a network learn?

# %%
from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit

images = to_unit(data.load("mnist_2000").images)  # [2000, 28, 28, 1]
X = flatten(images).astype(np.float64)  # [2000, 784]
zeros = [np.zeros((784, 64)), np.zeros(64), np.zeros((64, 784)), np.zeros(784)]
is_zero = [not gradient.any() for gradient in backward(zeros, X[:100])]
print("zero: the gradients of W1, b1, W2, b2:", is_zero)

# %% tags=["hide-input"]
assert is_zero == [True, True, True, False]

# %% [markdown]
# All but that of $b_2$. The code is zero, so $W_2$ hears nothing; $W_2$ is zero, so nothing comes back to the first
# layer. Only $b_2$ moves, for ever: the network would learn the mean image and nothing else. (Any equal numbers would
# be as bad: 64 numbers of the code that begin alike stay alike.) So one begins with random weights, and with a size
# that neither blows the numbers up nor lets them die from layer to layer: variance 2 / (number of inputs) before a
# ReLU, 1 / (number of inputs) elsewhere (He et al., 2015; LeCun et al., 1998). Biases may be zero.


# %%
def random_params(sizes, rng):
    n_pixels, n_code = sizes
    return [
        rng.standard_normal((n_pixels, n_code)) * np.sqrt(2 / n_pixels),
        np.zeros(n_code),
        rng.standard_normal((n_code, n_pixels)) * np.sqrt(1 / n_code),
        np.zeros(n_pixels),
    ]


# %% [markdown]
# ### Is it right?
#
# As in [04](04_downhill.ipynb) nobody should believe it unchecked. To try 100,000 numbers one after the other takes too
# long; the slope in a random **direction** $v$ sees all of them at once:
#
# $$\frac{L(w + h v) - L(w - h v)}{2h} \approx \sum_i v_i \frac{\partial L}{\partial w_i}$$
#
# The parameters are random ones, the biases, too: at special places, such as biases of zero, a mistake can hide
# ([04](04_downhill.ipynb)). Here $h$ is the small step of that page, not the code. (`strict=True` makes `zip` insist
# that both lists are of one length.)


# %%
def slope_in_direction(loss, params, direction, h=1e-6):
    ahead = [w + h * v for w, v in zip(params, direction, strict=True)]
    behind = [w - h * v for w, v in zip(params, direction, strict=True)]
    return (loss(ahead) - loss(behind)) / (2 * h)


rng = np.random.default_rng(0)
for _ in range(3):
    params = [w + 0.1 * rng.standard_normal(w.shape) for w in random_params((784, 64), rng)]
    direction = [rng.standard_normal(w.shape) / 100 for w in params]
    by_differences = slope_in_direction(lambda params: loss_of(params, X[:50]), params, direction)
    by_hand = sum((v * g).sum() for v, g in zip(direction, backward(params, X[:50]), strict=True))
    print(f"slope by differences {by_differences:12.8f}   by hand {by_hand:12.8f}")
    np.testing.assert_allclose(by_differences, by_hand, rtol=1e-5)

# %% [markdown]
# ### Training
#
# The rest is [04](04_downhill.ipynb): batches of a hundred images, and Adam, which takes a list of arrays as well. The
# images are shuffled; when all have been seen, an **epoch** is over, and they are shuffled anew. That is the whole of
# it: 40 lines.


# %%
from scratchclust.reference import optimizers as reference


def train(params, rng, rate=0.002, n_epochs=25):
    """The parameters at the end, and the loss of each batch."""
    adam = reference.adam(rate)
    state, losses = adam.init(params), []
    for _ in range(n_epochs):
        for rows in rng.permutation(len(X)).reshape(-1, 100):
            losses.append(loss_of(params, X[rows]))
            updates, state = adam.update(backward(params, X[rows]), state, params)
            params = [w + update for w, update in zip(params, updates, strict=True)]
    return params, losses


# %% [markdown]
# How good is a loss? Whoever draws the mean image for every image pays the variance of the pixels. That is what must be
# beaten.
#
# **Predict, then run.** And where does it begin? The weights are small at first, so that every logit is about 0. What
# does the network draw, and what does that cost, summed over 784 pixels, most of which are black and some white?

# %%
variance = ((X - X.mean(axis=0)) ** 2).sum() / len(X)
params, losses = train(random_params((784, 64), rng), rng)
print(f"the mean image costs {variance:.1f}")
print(f"the loss fell from {losses[0]:.1f} to {np.mean(losses[-20:]):.1f} (mean of the last epoch)")

# %% tags=["hide-input"]
assert 784 / 5 < losses[0] < 784 / 4
assert 53 < variance < 54
assert np.mean(losses[-20:]) < variance / 3
_, codes, drawn = forward(params, X[:10])
draw.through_a_code(
    images[:10, ..., 0],
    codes,
    drawn.reshape(-1, 28, 28),
    title="Ten images, their codes of 64 numbers, and what is drawn from these",
    words="Ten digits in the first row; below each its code as 64 bars, many of them zero; below that the drawing, "
    "which is a little blurred and easily recognised.",
)

# %% [markdown]
# It draws grey: $\sigma(0)$ is one half, so each black or white pixel costs a quarter, and 784 of them 196 (a little
# less here, since some pixels *are* grey). From there it goes down to a fifth of what the mean image costs.
#
# What has it learned? Raise number $j$ of the code a little, and pixel $p$ changes by $W_{2,jp}\, y_p (1 - y_p)$, the
# derivative of the sigmoid times the weight. Here is that change, averaged over all images, for the 16 numbers that
# are used most: where it is red the pixel becomes lighter, where it is blue darker. In some one can see parts of
# strokes; most are speckle that makes sense only together.

# %% tags=["hide-input"]
_, all_codes, all_drawn = forward(params, X)
effects = params[2] * (all_drawn * (1 - all_drawn)).mean(axis=0)
most_used = all_codes.mean(axis=0).argsort()[::-1][:16]
n_dead = int((all_codes.max(axis=0) == 0).sum())
print(f"{n_dead} of 64 numbers of the code are 0 for every image")
assert 0 < n_dead < 32
assert np.mean(losses[-20:]) < 0.25 * variance
draw.signed_images(
    effects[most_used].reshape(-1, 28, 28),
    columns=8,
    title="How each of 16 numbers of the code changes the drawing",
    words="Sixteen small pictures in red and blue: pieces of strokes and arcs, none of them a whole digit.",
)

# %% [markdown]
# Some numbers are 0 for every image. Their $a$ fell below zero everywhere; there a ReLU has no slope, so no gradient
# will ever lift them again. Such a ReLU is called **dead**. Some dead ones do little harm among 64; where a code is
# short they matter, and *leaky* ReLUs, which keep a small slope below zero, cannot die.
#
# ## Something is wrong here
#
# A colleague writes the same program, and of the first weights knows only that they must be random: so they are drawn
# from the standard normal distribution. The gradient is checked by differences, and is right. Then comes the training,
# with three rates, since the first did not go well:


# %%
def colleagues_params(sizes, rng):
    n_pixels, n_code = sizes
    weights = rng.standard_normal((n_pixels, n_code)), rng.standard_normal((n_code, n_pixels))
    return [weights[0], np.zeros(n_code), weights[1], np.zeros(n_pixels)]


colleagues_start = colleagues_params((784, 64), np.random.default_rng(0))
np.seterr(over="ignore")  # exp(800) is infinite in 64 bits, and 1 / infinite is 0: near enough
ended = {}
for rate in (0.0002, 0.002, 0.02):
    ended[rate], colleagues_losses = train(colleagues_start, np.random.default_rng(0), rate)
    print(f"rate {rate}: the loss fell from {colleagues_losses[0]:.0f} to {np.mean(colleagues_losses[-20:]):.0f}")
    assert np.mean(colleagues_losses[-20:]) > variance  # worse than the mean image

# %% [markdown]
# None of the three gets as far as the mean image, 53, which $b_2$ alone could draw. **Find out what went wrong.** The
# rate, too few epochs, a gradient that is wrong elsewhere? Look at the numbers on their way through the network, $x$,
# $a$, $h$, $u$ and $y$, at the start: of what size are they, and of what size in ours? What does each of them do to the
# gradient on its way back? Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The numbers are too large. An image has the length 9 or so, and with weights of size 1 each $a$ is a sum of that
# size. The logits are sums of 64 products with such numbers: of size 50. But at a logit of 50 the sigmoid is 1 up to
# $10^{-22}$, and it is **flat**: the factor $y (1 - y)$, by which everything is multiplied on its way back, is as
# small. A pixel that is drawn black with such certainty and ought to be white says next to nothing. It is wrong, and
# deaf. One speaks of a **saturated** sigmoid. The gradient is right: the loss *is* flat there. Adam does not
# help: its steps are about as long as the rate, however small the gradient, but where they should go, the deaf pixels
# do not say.
#
# The root is the size of the numbers, and that is why the variance of the first weights is 1 / (number of inputs).
#
# </details>
#
# If that is the diagnosis, nearly all pixels that are wrong must be deaf, before and after the training, and in ours
# not. And it must be cured by smaller logits alone: the same large $W_1$, and $W_2$ divided by 8, the root of 64.


# %%
def share_of_deaf(params):
    """Of the pixels that are off by more than a half, how many have a slope below a thousandth."""
    y = forward(params, X)[-1]
    wrong = np.abs(y - X) > 0.5
    return (y * (1 - y) < 1e-3)[wrong].mean()


ours_start = random_params((784, 64), np.random.default_rng(0))
for name, start in (("the colleague's", colleagues_start), ("ours", ours_start)):
    _, h, _ = forward(start, X)
    logits = h @ start[2] + start[3]
    print(f"{name:15} logits of size {logits.std():5.2f}; of the wrong pixels {share_of_deaf(start):4.0%} are deaf")
print(f"after the colleague's training at 0.002: {share_of_deaf(ended[0.002]):.0%}")

for seed in range(3):
    rng = np.random.default_rng(seed)
    W1, b1, W2, b2 = colleagues_params((784, 64), rng)
    cured, cured_losses = train([W1, b1, W2 / 8, b2], rng)
    print(f"seed {seed}: with W2 / 8 the loss falls to {np.mean(cured_losses[-20:]):.0f}")
    assert np.mean(cured_losses[-20:]) < variance / 2

# %% tags=["hide-input"]
assert share_of_deaf(colleagues_start) > 0.8
assert share_of_deaf(ended[0.002]) > 0.9
assert share_of_deaf(ours_start) < 0.01
pairs = {"ours": params, "the colleague's, at rate 0.002": ended[0.002]}
draw.signed_images(
    np.concatenate([forward(each, X[:8])[-1].reshape(-1, 28, 28) - images[:8, ..., 0] for each in pairs.values()]),
    columns=8,
    title="Drawing minus image: too light is red, too dark is blue",
    words="Two rows of eight pictures of errors, ours above, the colleague's below. Above they are pale; "
    "below there are many full spots of red and blue, pixels that are wrong by as much as they can be.",
)

# %% [markdown]
# Above are our errors, below the colleague's at the rate 0.002. Ours are pale, for they are small and still being
# corrected. Below nearly all pixels are right, or as wrong as they can be, and only slowly does one come back: three
# times the epochs, not on this page, brought the best of the three rates from 58 to 47, where ours is at 11. (The
# factor $y (1 - y)$ belongs to the squared error. The cross-entropy, on the next page, has the slope $y - x$ at the
# logit, and hears such pixels.)
#
# ## An engine
#
# Nobody wants to write `backward` anew for each network. But look what it did: for each line of `forward`, from the
# last to the first, multiply by a local derivative and pass on. A program can do that. Let each number remember of
# which numbers it was made, and what its derivative is with respect to each of these:


# %%
class Value:
    """A number that knows its parents, as pairs (parent, derivative with respect to it)."""

    def __init__(self, number, parents=(), made_by=""):
        self.number = number
        self.parents = parents
        self.made_by = made_by
        self.gradient = 0.0

    def __add__(self, other):
        other = as_value(other)
        return Value(self.number + other.number, [(self, 1.0), (other, 1.0)], "plus")

    def __sub__(self, other):
        other = as_value(other)
        return Value(self.number - other.number, [(self, 1.0), (other, -1.0)], "minus")

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.number * other.number, [(self, other.number), (other, self.number)], "times")

    __radd__, __rmul__ = __add__, __mul__  # for 2 + value and 2 * value


def as_value(thing):
    return thing if isinstance(thing, Value) else Value(float(thing))


def square(v):
    return Value(v.number**2, [(v, 2 * v.number)], "square")


def relu(v):
    return Value(max(0.0, v.number), [(v, float(v.number > 0))], "relu")


def sigmoid(v):
    y = 1 / (1 + np.exp(-v.number))
    return Value(y, [(v, y * (1 - y))], "sigmoid")


# %% [markdown]
# So far nothing but arithmetic with a memory. Backward, each number must be done before its parents are, since it hands
# on to them what it has collected. So we list them, parents first, and go through the list from its end:


# %%
def in_order(last):
    """All numbers of which `last` was made, parents first."""
    order = []

    def visit(value):
        if value not in order:
            for parent, _ in value.parents:
                visit(parent)
            order.append(value)

    visit(last)
    return order


def run_backward(last):
    order = in_order(last)
    for value in order:
        value.gradient = 0.0
    last.gradient = 1.0
    for value in reversed(order):
        for parent, derivative in value.parents:
            parent.gradient += derivative * value.gradient


# %% [markdown]
# That is the whole engine, in the manner of Karpathy's *micrograd* (2020). The neuron of the first picture:

# %%
w, x, b, t = Value(2.0), Value(0.5), Value(-0.5), Value(1.0)
loss = square(sigmoid(w * x + b) - t)
run_backward(loss)
print(f"loss {loss.number:.3f}, gradient of w {w.gradient:.3f}, of x {x.gradient:.3f}, of b {b.gradient:.3f}")

# %% tags=["hide-input"]
order = in_order(loss)
np.testing.assert_allclose(
    [value.gradient for value in order],
    [-0.0887, -0.3549, -0.1774, -0.1774, -0.1774, -0.7551, 0.7551, -0.7551, 1.0],
    atol=5e-5,
)
np.testing.assert_allclose(
    [value.number for value in order], [2.0, 0.5, 1.0, -0.5, 0.5, 0.62246, 1.0, -0.37754, 0.14254], atol=5e-5
)

# %% [markdown]
# **Predict, then run.** `run_backward` says `+=` where one might have written `=`. Take $f = v \cdot v + v$ at $v = 3$.
# What is $df/dv$? And what would be found with `=`?

# %%
v = Value(3.0)
run_backward(v * v + v)
print(v.gradient)

# %% tags=["hide-input"]
assert v.gradient == 2 * 3 + 1

# %% [markdown]
# $2 v + 1 = 7$. The number $v$ is used three times, and each use sends something back: 3, 3 and 1. With `=` the last
# one to come wins, and 3 would be found. A number's gradient is the **sum over all its uses**, and it is final only
# when all of them have reported; that is why the order counts.
#
# Does the engine agree with our `backward`? NumPy's `@` multiplies and adds whatever can be multiplied and added, so
# also an array of our `Value`s. An image of three pixels and a code of two numbers:

# %%
as_values = np.vectorize(Value, otypes=[object])
relus, sigmoids, squares = (np.vectorize(f, otypes=[object]) for f in (relu, sigmoid, square))
gradients_of = np.vectorize(lambda value: value.gradient)

small_params = [rng.standard_normal(shape) for shape in ((3, 2), (2,), (2, 3), (3,))]
small_X = rng.uniform(size=(4, 3))
W1, b1, W2, b2 = [as_values(w) for w in small_params]
y = sigmoids(relus(small_X @ W1 + b1) @ W2 + b2)
loss = squares(y - small_X).sum() * (1 / len(small_X))
run_backward(loss)
print(f"{len(in_order(loss))} numbers in the graph")
for by_engine, by_hand in zip([W1, b1, W2, b2], backward(small_params, small_X), strict=True):
    np.testing.assert_allclose(gradients_of(by_engine), by_hand, rtol=1e-10)

# %% [markdown]
# `jax.grad` rests on the same idea. But its numbers are arrays, and its operations have derivatives for whole arrays
# (such as the three rules above). It writes down what is done as a list of such operations, goes through the list
# from its end, and under `jax.jit` the forward and the backward part are compiled into one program.
#
# ## Exercise
#
# **One matrix for both.** Draw with the transpose of the matrix that made the code: $u = h W_1^\top + b_2$. The network
# has half as many parameters, and $W_1$ is used twice. Write `forward_tied` and `backward_tied` for the parameters
# `[W1, b1, b2]`, and check them in a random direction. Then train: how much worse does it draw?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def forward_tied(params, X):
#     W1, b1, b2 = params
#     return forward([W1, b1, W1.T, b2], X)
#
#
# def backward_tied(params, X):
#     W1, b1, b2 = params
#     d_W1, d_b1, d_W2, d_b2 = backward([W1, b1, W1.T, b2], X)
#     return [d_W1 + d_W2.T, d_b1, d_b2]  # the sum over both uses
#
#
# def tied_loss(params, X):
#     return ((forward_tied(params, X)[-1] - X) ** 2).sum() / len(X)
#
#
# W1, b1, _, b2 = random_params((784, 64), rng)
# tied = [W1, b1 + 0.1 * rng.standard_normal(64), b2]
# direction = [rng.standard_normal(w.shape) / 100 for w in tied]
# by_differences = slope_in_direction(lambda params: tied_loss(params, X[:50]), tied, direction)
# by_hand = sum((v * g).sum() for v, g in zip(direction, backward_tied(tied, X[:50]), strict=True))
# np.testing.assert_allclose(by_differences, by_hand, rtol=1e-5)
#
# adam = reference.adam(0.002)
# state = adam.init(tied)
# for _ in range(25):
#     for rows in rng.permutation(len(X)).reshape(-1, 100):
#         updates, state = adam.update(backward_tied(tied, X[rows]), state, tied)
#         tied = [w + update for w, update in zip(tied, updates, strict=True)]
# print(f"two matrices {loss_of(params, X):.1f}, one matrix {tied_loss(tied, X):.1f}")
# assert tied_loss(tied, X) < variance / 2
# ```
#
# `backward` of the network with two matrices does all the work. The gradient of a number that is used twice is the sum
# over its uses, and one of the uses is transposed.
#
# </details>
#
# ## What to take with you
#
# - Backward is forward read from its end: each step multiplies by its own derivative and passes on. A number used
#   several times gets the sum. All gradients together cost about as much as two or three losses.
# - For a layer $u = hW + b$ it is $h^\top \bar u$, $\bar u W^\top$ and the sum.
# - Weights begin at random, and with a size that fits the number of inputs: where a sigmoid is flat, nothing comes
#   back.
#
# ## Further
#
# - D. Rumelhart, G. Hinton and R. Williams, *Learning representations by back-propagating errors*, Nature, 1986.
#   S. Linnainmaa's thesis, Helsinki, 1970 (in Finnish): the chain rule backward through a program.
#   A. Karpathy, *micrograd*, 2020. A. Baydin et al., *Automatic differentiation in machine learning: a survey*, 2018.
# - K. He et al., *Delving deep into rectifiers*, ICCV 2015, and Y. LeCun et al., *Efficient BackProp*, 1998: how
#   large the first weights should be.
# - The next page, [04c](04c_convolutions_in_flax.ipynb): layers that know what an image is, and the same in Flax.
