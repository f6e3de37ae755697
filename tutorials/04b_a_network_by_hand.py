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
# *40 minutes. Before this page: [04](04_downhill.ipynb), and [00](00_jax_for_numpy.ipynb) for its second half. It runs
# in about 20 seconds.*
#
# A network with 100,000 parameters is trained by a gradient of 100,000 numbers, and to get it costs no more than to
# compute the loss some three times. How is that possible? At the end of this page you will have written it three
# times: backward through two layers in NumPy; as a small engine that differentiates whatever you compute; and through
# a convolution. Then you can read the package's autoencoder layer by layer, and find the place where a NaN is born.
#
# You need NumPy, products of matrices, and the chain rule: if $y = f(u)$ and $u = g(x)$, then
# $\frac{dy}{dx} = f'(u)\, g'(x)$.

# %% tags=["hide-input"]
from scratchclust.lessons import networks as draw

draw.graph(
    ["w", "x", "times", "b", "plus", "sigmoid", "t", "minus", "square"],
    [2.0, 0.5, 1.0, -0.5, 0.5, 0.6225, 1.0, -0.3775, 0.1425],
    [-0.0887, -0.3549, -0.1774, -0.1774, -0.1774, -0.7551, 0.7551, -0.7551, 1.0],
    [[], [], [0, 1], [], [2, 3], [4], [], [5, 6], [7]],
    title="One neuron: values flow forward, gradients flow back",
    words="Nine boxes from left to right: w and x are multiplied, b is added, a sigmoid follows, t is subtracted, "
    "the result is squared and is the loss 0.1425. Below each value stands its gradient, from 1 at the loss "
    "back to -0.0887 at w.",
)

# %% [markdown]
# The blue numbers come from left to right: multiply, add, squash, compare. The orange ones come back from right to left
# and say how much the loss would change with each of the blue ones. By the end of the page each of them is yours.
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
# sigmoid has the derivative $y (1 - y)$. And for a layer $u = h W + b$, where $u_{ij} = \sum_k h_{ik} W_{kj} + b_j$,
# a look at which number occurs where gives
#
# $$\bar W = h^\top \bar u, \qquad \bar b = \sum_i \bar u_i, \qquad \bar h = \bar u\, W^\top$$
#
# You need not learn that by heart: $\bar W$ has the shape of $W$ and $\bar h$ that of $h$, and there is hardly another
# way to put the matrices together. The ReLU passes on what belongs to positive numbers, and stops the rest.


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
# Each product of matrices in `forward` has two of its size in `backward`. So *all* derivatives together cost two or
# three times the loss, however many parameters there are. Differences would cost two losses for each of them. This is
# **backpropagation** (Rumelhart, Hinton and Williams, 1986).
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
print(is_zero)
assert is_zero == [True, True, True, False]

# %% [markdown]
# The code is zero, so $W_2$ hears nothing; $W_2$ is zero, so nothing comes back to the first layer. Only $b_2$ moves,
# for ever: the network would learn the mean image and nothing else. (Any equal numbers would be as bad: 64 numbers of
# the code that begin alike stay alike.) So one begins with random weights, and with a size that neither blows the
# numbers up nor lets them die from layer to layer: variance 2 / (number of inputs) before a ReLU, 1 / (number of
# inputs) elsewhere (He et al., 2015; LeCun et al., 1998). Biases may be zero.


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
# ([04](04_downhill.ipynb)). (`strict=True` makes `zip` insist that both lists are of one length.)


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

adam = reference.adam(0.002)
params = random_params((784, 64), rng)
state, losses = adam.init(params), []
for _ in range(25):
    for rows in rng.permutation(len(X)).reshape(-1, 100):
        losses.append(loss_of(params, X[rows]))
        updates, state = adam.update(backward(params, X[rows]), state, params)
        params = [w + update for w, update in zip(params, updates, strict=True)]

print(f"the loss fell from {losses[0]:.1f} to {np.mean(losses[-20:]):.1f} (mean of the last epoch)")

# %% tags=["hide-input"]
variance = ((X - X.mean(axis=0)) ** 2).sum() / len(X)
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
# Is that little? To draw the mean image for every image would cost the variance of the pixels, about 53 (`variance` in
# the folded cell).
#
# What has it learned? Raise number $j$ of the code a little, and pixel $p$ changes by $W_{2,jp}\, y_p (1 - y_p)$, the
# derivative of the sigmoid times the weight. Here is that change, averaged over all images, for the 16 numbers that
# are used most: blue becomes lighter, red darker (03 had it the other way round). In some one can see parts of strokes;
# most are speckle that makes sense only together.

# %% tags=["hide-input"]
_, all_codes, all_drawn = forward(params, X)
effects = params[2] * (all_drawn * (1 - all_drawn)).mean(axis=0)
most_used = all_codes.mean(axis=0).argsort()[::-1][:16]
n_dead = int((all_codes.max(axis=0) == 0).sum())
print(f"{n_dead} of 64 numbers of the code are 0 for every image")
assert 0 < n_dead < 32
draw.signed_images(
    effects[most_used].reshape(-1, 28, 28),
    columns=8,
    title="How each of 16 numbers of the code changes the drawing",
    words="Sixteen small pictures in blue and red: pieces of strokes and arcs, none of them a whole digit.",
)

# %% [markdown]
# Some numbers are 0 for every image. Their $a$ fell below zero everywhere; there a ReLU has no slope, so no gradient
# will ever lift them again. Such a ReLU is called **dead**. Some dead ones do little harm among 64; where a code is
# short they matter, and *leaky* ReLUs, which keep a small slope below zero, cannot die.

# %% [markdown]
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
print(f"loss {loss.number:.4f}, gradient of w {w.gradient:.4f}, of x {x.gradient:.4f}, of b {b.gradient:.4f}")

# %% tags=["hide-input"]
order = in_order(loss)
np.testing.assert_allclose(
    [value.gradient for value in order],
    [-0.0887, -0.3549, -0.1774, -0.1774, -0.1774, -0.7551, 0.7551, -0.7551, 1.0],
    atol=5e-5,
)
np.testing.assert_allclose(
    [value.number for value in order], [2.0, 0.5, 1.0, -0.5, 0.5, 0.6225, 1.0, -0.3775, 0.1425], atol=5e-5
)

# %% [markdown]
# **Predict, then run.** `run_backward` says `+=` where one might have written `=`. Take $f = v \cdot v + v$ at $v = 3$.
# What is $df/dv$? And what would be found with `=`?

# %%
v = Value(3.0)
run_backward(v * v + v)
print(v.gradient)
assert v.gradient == 2 * 3 + 1

# %% [markdown]
# The number $v$ is used three times, and each use sends something back: 3, 3 and 1. With `=` the last one to come
# wins, and 3 would be found instead of 7.
# A number's gradient is the **sum over all its uses**, and it is final only when all of them have reported; that is why
# the order counts.
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
# (such as the three products above). It writes down what is done as a list of such operations, goes through the list
# from its end, and under `jax.jit` the forward and the backward part are compiled into one program.
#
# ## A layer that knows what an image is
#
# In $W_1$ every pixel has 64 weights of its own, and had we shuffled the pixels of all images alike, the network would
# not have noticed. A **convolution** looks at 3 x 3 pixels at a time, everywhere with the same weights. An image is
# [h, w, c] here, where $c$ counts its **channels** (1 for grey, 3 for colours), and the **kernel**
# [3, 3, c, m] makes $m$ channels of them:
#
# $$\text{out}_{ij} = b + \sum_{r=0}^{2} \sum_{s=0}^{2} x_{i + r - 1,\, j + s - 1}\; K_{rs}$$
#
# where $x_{ij}$ is a row of $c$ numbers and $K_{rs}$ a matrix [c, m]; outside of the image $x$ is zero. So it is nine
# dense layers, of the same image shifted by nine ways. And so is its way back:


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
# (There is `+=` again: a pixel is used nine times.) To check it we need a loss; any will do, say a weighted sum of
# what comes out. And a picture: a kernel that subtracts what is at the left from what is at the right finds upright
# edges.

# %%
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

# %% tags=["hide-input"]
draw.signed_images(
    np.stack([3 * images[0, ..., 0], found[..., 0], found[..., 1]]),
    columns=3,
    title="An image, and the two channels that a kernel of edges makes of it",
    words="A digit; then its upright edges, blue where it grows lighter to the right and red where it grows darker; "
    "then its level edges in the same way.",
)

# %% [markdown]
# Two more pieces are needed to squeeze an image and to unfold it. To **halve** it, compute the convolution at every
# second place only (*stride 2*). To **double** it, make four times as many channels as are wanted, and lay each four
# of them out as a square of 2 x 2 pixels (*depth to space*).
#
# **Predict, then run.** From 28 x 28 pixels to 16 channels of 14 x 14. How many parameters has the convolution? And how
# many would a dense layer have, from all numbers to all numbers?

# %%
import jax
import jax.numpy as jnp
from flax import nnx

from scratchclust.models import ConvAutoencoderSpec, count_parameters

model = ConvAutoencoderSpec(widths=(16, 32), latent_dim=16).build((28, 28, 1), rngs=nnx.Rngs(0))
by_convolution, dense = (3 * 3 * 1 + 1) * 16, (784 + 1) * 14 * 14 * 16
print(f"{by_convolution:,} against {dense:,}")
assert by_convolution == count_parameters(model.encoder.layers[0])

# %% [markdown]
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
# Is its first layer our convolution? With its kernel and its bias, at every second place (Flax begins at the second),
# followed by a ReLU:

# %%
conv = model.encoder.layers[0].conv
ours = np.maximum(0, convolve(images[0], np.asarray(conv.kernel[...]), np.asarray(conv.bias[...])))
np.testing.assert_allclose(first_features[0], ours[1::2, 1::2], atol=1e-5)

# %% [markdown]
# And here is our own network as a Flax class. It makes its first weights itself, from the random numbers `rngs`.


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
# `jax.grad` wants a function of arrays, not of an object. So one takes the model apart: `nnx.split` gives its structure
# (`graphdef`) and a tree of its arrays, and `nnx.merge` puts them together again inside of the loss (`copy=True`: into
# a new object). A gradient is then a tree like the one of the parameters, and `jax.tree.map(f, tree, other)` computes
# `f` of each array and its twin in the other tree. With that the training step is what it was on the parabola:

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
# the probability of ink, and the loss that belongs to it is the *cross-entropy*:
#
# $$L = -\frac{1}{n} \sum_i \sum_p \big[x_{ip} \log y_{ip} + (1 - x_{ip}) \log (1 - y_{ip})\big]$$
#
# He writes that down as it stands in the book, and takes a larger learning rate, to be done sooner:

# %%
ink = (X > 0.5).astype(np.float32)


def loss_by_the_book(model, x):
    y = model(x)
    return -(x * jnp.log(y) + (1 - x) * jnp.log(1 - y)).sum(axis=1).mean()


hasty = optimizers.adam(0.02)
book_step = make_step(loss_by_the_book, hasty)
book_params, book_losses = fit(book_step, hasty, ink, 400)
for t in range(0, 400, 40):
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
# $10^{-38}$. Say $x = 0$ and $y = 0$. Then the first half of the formula is $x \log y = 0 \cdot \log 0$. On paper that
# is 0, in the computer it is $0 \cdot (-\infty)$, which is not a number. (With $x = 1$ and $y = 1$ the second half does
# the same.) One such pixel, in one image of one batch, makes the mean over the batch NaN, the mean makes every gradient
# NaN, and one step later every parameter is.
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
print(f"{len(bad)} bad pixels, in {len(set(bad[:, 0]))} of {len(batch)} images. The first of them:")
print(
    f"x = {batch[place]:g}, y = {y[place]:.9g}, x log y = {ink_term[place]}, (1 - x) log(1 - y) = {paper_term[place]}"
)
assert y[place] == batch[place]

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
# For a large $u$ the softplus is simply $u$, and whoever programs it sees to that. Here is the loss of one pixel of
# paper ($x = 0$) that is taken for ink with more and more certainty:


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
# By the book the line ends at a logit of about 17. Clipped it goes on, but nobody pushes any more. (The step to 0.5 on
# its way down: there $y$ is exactly the bound, and JAX gives each of two equals half of the gradient.)
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
from scratchclust.errors import TrainingError
from scratchclust.train.loop import train


def book_loss(model, batch, key):
    return loss_by_the_book(model, batch.images), {}


try:
    model = nnx.merge(graphdef, start)
    train(model, ink, loss=book_loss, optimizer=hasty, epochs=40, batch_size=100, key=jax.random.key(0))
except TrainingError as error:
    stopped = error
print(stopped)
assert np.isfinite(stopped.model(ink)).all()

# %% [markdown]
# (Its first advice is the usual remedy. Here it would only delay the end: the loop cannot know that the loss is written
# badly.)
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
# - For a layer $u = hW + b$ it is $h^\top \bar u$, $\bar u W^\top$ and the sum; a convolution is nine such layers.
# - Weights begin at random, and with a size that fits the number of inputs.
# - Hunt a NaN from its effect to its cause: step, batch, image, pixel, term. Compute a logarithm of a sigmoid from the
#   logit.
#
# ## Further
#
# - D. Rumelhart, G. Hinton and R. Williams, *Learning representations by back-propagating errors*, Nature, 1986.
#   A. Karpathy, *micrograd*, 2020. A. Baydin et al., *Automatic differentiation in machine learning: a survey*, 2018.
# - K. He et al., *Delving deep into rectifiers*, ICCV 2015, and Y. LeCun et al., *Efficient BackProp*, 1998: how
#   large the first weights should be.
# - V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, 2016: strides, padding, doubling.
#   W. Shi et al., *Real-time single image and video super-resolution*, 2016: depth to space.
# - The layers of the package: [scratchclust/models/layers.py](../scratchclust/models/layers.py).
# - The next page, [05](05_autoencoders_and_skips.ipynb): what a code is good for, and a network that goes round it.
