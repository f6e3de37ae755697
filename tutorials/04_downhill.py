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
# # Downhill
#
# *30 minutes. Before this page: [00](00_jax_for_numpy.ipynb), for one cell. It runs in about 15 seconds.*
#
# A network learns by going downhill: it makes a number, the loss, smaller and smaller. At the end of this page you will
# have written gradient descent, momentum and Adam yourself, a few lines each; you will be able to tell whether a
# gradient is right, also one that you did not compute yourself; and you will know what noise asks of the learning rate.
#
# You need Python, some NumPy, and to know what a derivative is. No machine learning.

# %% tags=["hide-input"]
import numpy as np

from scratchclust.lessons import downhill as draw
from scratchclust.lessons.networks import curves_by_step
from scratchclust.reference import optimizers as reference


def valley(w):
    x, y = w
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


def valley_gradient(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * x * (y - x**2), 200 * (y - x**2)])


def walk(optimizer, gradient, w, n_steps):
    path, state = [w], optimizer.init(w)
    for _ in range(n_steps):
        update, state = optimizer.update(gradient(w), state, w)
        w = w + update
        path.append(w)
    return np.array(path)


promised = {
    "gradient descent, rate 0.002": walk(reference.sgd(0.002), valley_gradient, np.array([-1.2, 1.0]), 200),
    "momentum, rate 0.002": walk(reference.momentum(0.002), valley_gradient, np.array([-1.2, 1.0]), 200),
    "Adam, rate 0.2": walk(reference.adam(0.2), valley_gradient, np.array([-1.2, 1.0]), 200),
}
draw.walks_in_a_valley(
    valley,
    promised,
    title="Three walkers, 200 steps, one valley: you will write all three",
    words="Three panels with the contour lines of a valley bent like a horseshoe, and a walker's path in each, from "
    "the same start at the upper left. Gradient descent is still at the left after 200 steps; momentum has "
    "passed the star at the lowest place and turned round; Adam has gone most of the way.",
)

# %% [markdown]
# The ground is a function of two numbers, drawn by its contour lines, and a walker is a list of places. The folded cell
# above has the function, `valley`, and lets the package's optimisers walk in it; all of it comes again below, step by
# step. It imports `np` (NumPy), and `draw` and `curves_by_step` (pictures).
#
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


walks = {}
for lr in (0.03, 0.3, 0.95, 1.02):
    walks[lr] = gradient_descent(slope, -1.0, lr, n_steps=12)
    print(f"learning rate {lr:4}: after 12 steps w = {walks[lr][-1]:6.3f}, where 3 would be right")

# %% tags=["hide-input"]
draw.walks_on_a_curve(
    parabola,
    walks,
    title="Gradient descent on a parabola, from the big dot",
    words="Four panels with the same parabola and the points of a walk on it. With learning rate 0.03 the points "
    "creep down one side; with 0.3 they reach the ground in a few steps; with 0.95 they leap from wall to "
    "wall, lower each time; with 1.02 they leap higher each time.",
)

# %% [markdown]
# The first is too careful, the second right, the third leaps from wall to wall, the last leaps higher each time: it
# **diverges**. Here one can see why. Put $f'$ into the step, and the distance to 3 becomes
#
# $$w_{t+1} - 3 = (1 - 2 \eta)\,(w_t - 3)$$
#
# Every step multiplies it by $1 - 2\eta$. It shrinks as long as that lies between $-1$ and $1$, so for $\eta$ below 1.
# In general the limit is 2 divided by the curvature (the second derivative, here 2).

# %% tags=["hide-input"]
for lr, path in walks.items():
    np.testing.assert_allclose(path[1:] - 3, (1 - 2 * lr) * (path[:-1] - 3))
    assert (abs(path[-1] - 3) < abs(path[0] - 3)) == (lr < 1)

# %% [markdown]
# **Predict, then run.** There is a learning rate with which *one* step suffices, from any start. Which? And with which
# one does a walk from $-1$ leap to and fro for ever, never nearer and never farther? Write your two numbers in the
# place of those of the next cell, then run.

# %%
one_step_rate, never_rate = 0.1, 0.2  # yours
print("one step:  ", gradient_descent(slope, -1.0, one_step_rate, 1))
print("five steps:", gradient_descent(slope, -1.0, never_rate, 5).round(2))

# %% tags=["hide-input"]
print("one step with 0.5:  ", gradient_descent(slope, -1.0, 0.5, 1))
print("five steps with 1.0:", gradient_descent(slope, -1.0, 1.0, 5))
assert gradient_descent(slope, -1.0, 0.5, 1)[-1] == 3
assert (abs(gradient_descent(slope, -1.0, 1.0, 9) - 3) == 4).all()

# %% [markdown]
# With $\eta = \tfrac12$ the factor $1 - 2 \eta$ is 0, with $\eta = 1$ it is $-1$.
#
# ## A valley
#
# A network has many numbers instead of one. The derivative becomes the **gradient**, the list of the derivatives with
# respect to each of them, and the line stays what it was. What changes is that directions differ in steepness. The
# standard test for that is Rosenbrock's valley (1960), the one of the first picture:
#
# $$f(x, y) = (1 - x)^2 + 100\,(y - x^2)^2$$
#
# The second term holds a walker on the parabola $y = x^2$, with steep walls; the first one pulls gently along it,
# to the lowest place at $(1, 1)$. The gradient, by the rules of calculus:
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
    quotients = []
    for e in np.eye(len(w)):
        quotients.append((f(w + h * e) - f(w - h * e)) / (2 * h))
    return np.array(quotients)


somewhere = np.array([0.7, -0.4])
print("by hand       ", valley_gradient(somewhere))
print("by differences", numeric_gradient(valley, somewhere))
np.testing.assert_allclose(valley_gradient(somewhere), numeric_gradient(valley, somewhere), rtol=1e-6)

# %% [markdown]
# How small should $h$ be? Not as small as possible. We try them all, with numbers of 64 bits and of 32 bits, in which
# networks compute:


# %%
def error_of(h, kind):
    exact = valley_gradient(somewhere)
    found = numeric_gradient(lambda w: valley(w.astype(kind)), somewhere, h)
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


sizes = 10.0 ** np.arange(-12, 0)
errors = {}
for name, kind in (("64 bits", np.float64), ("32 bits", np.float32)):
    errors[name] = np.array([error_of(h, kind) for h in sizes])
    print(
        f"{name}: the best h is {sizes[errors[name].argmin()]:.0e}, with a relative error of {errors[name].min():.0e}"
    )

# %% tags=["hide-input"]
assert sizes[errors["64 bits"].argmin()] < sizes[errors["32 bits"].argmin()]
assert errors["64 bits"].min() < 1e-7 < errors["32 bits"].min()
draw.errors_by_h(
    sizes,
    errors,
    words="Two curves of the relative error over h, both shaped like a V on logarithmic axes. The one of 64 bits "
    "has its lowest point at a smaller h and far lower than that of 32 bits.",
)

# %% [markdown]
# To the right of the best $h$ the quotient itself is wrong, by the third derivative times $h^2 / 6$. To the left the
# two values of $f$ are so much alike that their difference consists of rounding. With 32 bits no $h$ is good. So:
# **check gradients with 64 bits**, or ask for few digits.
#
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
# **Predict, then run.** On a plane that falls evenly the gradient is the same everywhere, say 1. Gradient descent with
# $\eta = 0.01$ takes steps of 0.01. How long are momentum's steps in the end, with the same $\eta$? (Each gradient is
# added once in full, once times 0.9, once times 0.81, ...)


# %%
def plane_gradient(w):
    return np.ones_like(w)


on_a_plane = momentum(plane_gradient, np.array([0.0]), lr=0.01, n_steps=200)
last_step = on_a_plane[-2] - on_a_plane[-1]
print("momentum's last step:", last_step)

# %% tags=["hide-input"]
np.testing.assert_allclose(last_step, 0.01 / (1 - 0.9), rtol=1e-6)

# %% [markdown]
# Ten times as long: where gradients agree, momentum's rate is really $\eta / (1 - 0.9)$. Keep it in mind below, where
# both are given the same $\eta$.
#
# **Adam** (Kingma and Ba, 2015) also keeps a running mean $m$ of the gradients, and beside it one of their squares,
# $s$. Then it divides by the root of the second. Steep or flat, each number $w_i$ takes a step of about $\eta$, as long
# as its gradients agree:
#
# $$m_t = \beta_1 m_{t-1} + (1 - \beta_1)\, g_t, \qquad s_t = \beta_2 s_{t-1} + (1 - \beta_2)\, g_t^2$$
#
# $$w_{t+1} = w_t - \eta\, \frac{m_t / (1 - \beta_1^t)}{\sqrt{s_t / (1 - \beta_2^t)} + \epsilon}$$
#
# Both means begin at zero and would be too small at first; the divisions by $1 - \beta^t$ mend that. The $\epsilon$
# only keeps the quotient finite.


# %%
def adam(gradient, w, lr, n_steps, beta1=0.9, beta2=0.999, eps=1e-8):
    path, m, s = [w], np.zeros_like(w), np.zeros_like(w)
    for t in range(1, n_steps + 1):
        g = gradient(w)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        w = w - lr * (m / (1 - beta1**t)) / (np.sqrt(s / (1 - beta2**t)) + eps)
        path.append(w)
    return np.array(path)


# %% [markdown]
# A comparison with one learning rate for all would be unfair, since it means something else for each. So each
# optimiser tries twelve of them for 1,000 steps, and keeps the one with which it ends lowest:

# %%
RATES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
start = np.array([-1.2, 1.0])


def best_walk(optimiser):
    best, best_rate, n_lost = None, None, 0
    for lr in RATES:
        with np.errstate(all="ignore"):  # some of the rates diverge, which overflows
            path = optimiser(valley_gradient, start, lr, 1_000)
        if not np.isfinite(path).all():
            n_lost += 1
        elif best is None or valley(path[-1]) < valley(best[-1]):
            best, best_rate = path, lr
    return best, best_rate, n_lost


paths, rates = {}, {}
for optimiser in (gradient_descent, momentum, adam):
    name = optimiser.__name__.replace("_", " ")
    paths[name], rates[name], n_lost = best_walk(optimiser)
    end = paths[name][-1]
    print(
        f"{name:17} learning rate {rates[name]:5}: f = {valley(end):.0e} at ({end[0]:.3f}, {end[1]:.3f}); "
        f"{n_lost} of {len(RATES)} rates ran off to infinity"
    )

# %% tags=["hide-input"]
draw.walks_in_a_valley(
    valley,
    {f"{name}, rate {rates[name]}": path for name, path in paths.items()},
    title="1,000 steps through Rosenbrock's valley, each with its best rate",
    words="Three panels with the contour lines of the valley. Gradient descent follows the ground and ends a little "
    "before the star; momentum overshoots the star, turns round and ends on it; Adam takes wide leaps and "
    "ends on it.",
)

# %% tags=["hide-input"]
heights = {name: [valley(w) for w in path] for name, path in paths.items()}
assert 1e6 * heights["momentum"][-1] < heights["gradient descent"][-1]
assert 1e6 * heights["adam"][-1] < heights["gradient descent"][-1]
curves_by_step(
    heights,
    title="How high each walker is",
    what="f(x, y)",
    log=True,
    words="The height over the steps, on a logarithmic axis. After a restless beginning gradient descent falls "
    "slowly; momentum and Adam fall by many powers of ten.",
)

# %% [markdown]
# Both end more than a million times lower than gradient descent. (Momentum came to this with the same $\eta$ as
# gradient descent, hence with ten times the rate along the ground: gradient descent itself runs off to infinity with
# that.) Do not conclude that one of them is the best; on another ground the order is another one. What lasts is a
# property: Adam does not mind in which **unit** the loss is measured.
#
# **Predict, then run.** Multiply $f$ by 784, as if it were a sum over the pixels of an image instead of a mean. What
# becomes of Adam's walk, and of gradient descent, with the rates that were best?


# %%
def large_gradient(w):
    return 784 * valley_gradient(w)


scaled = adam(large_gradient, start, rates["adam"], 100)
with np.errstate(all="ignore"):
    gone = gradient_descent(large_gradient, start, rates["gradient descent"], 100)
print("Adam, with f times 784:            ", scaled[-1].round(4), "as before", paths["adam"][100].round(4))
print("gradient descent, with f times 784:", gone[-1])

# %% tags=["hide-input"]
np.testing.assert_allclose(scaled, paths["adam"][:101], rtol=1e-5)
assert not np.isfinite(gone).all()

# %% [markdown]
# Adam walks as before, and gradient descent runs off to infinity. For the latter the factor is another learning rate.
# For Adam it stands above and below the line, and cancels.
#
# ### As the package has them
#
# In [scratchclust/reference/optimizers.py](../scratchclust/reference/optimizers.py) an optimiser is a pair of
# functions. `init` makes what it must remember (a velocity, the two means), and `update` turns a gradient into the
# difference to be added. So one loop serves them all:


# %%
def walk(optimizer, gradient, w, n_steps):
    path, state = [w], optimizer.init(w)
    for _ in range(n_steps):
        update, state = optimizer.update(gradient(w), state, w)
        w = w + update
        path.append(w)
    return np.array(path)


# %% [markdown]
# (In its Adam our $s$ has its usual name, $v$.)
#
# Its twin, [scratchclust/train/optimizers.py](../scratchclust/train/optimizers.py), has the same pairs in JAX. And
# `jax.grad` spares us the calculus: it takes a function and returns another one, which computes its gradient. There is
# no $h$ in it; how it does that, the [next page](04b_a_network_by_hand.ipynb) shows by hand. JAX computes with 32 bits
# unless it is told otherwise, and here we tell it otherwise, to compare digit by digit.

# %%
import jax
import jax.numpy as jnp

from scratchclust.reference import optimizers as reference
from scratchclust.train import optimizers

with jax.enable_x64(True):
    print("by jax.grad", jax.grad(valley)(jnp.array(somewhere)), "by hand", valley_gradient(somewhere))
    in_numpy = walk(reference.adam(rates["adam"]), valley_gradient, start, 200)
    in_jax = walk(optimizers.adam(rates["adam"]), jax.jit(jax.grad(valley)), jnp.array(start), 200)

# %% tags=["hide-input"]
np.testing.assert_allclose(in_numpy, paths["adam"][:201], rtol=1e-6)
np.testing.assert_allclose(in_jax, paths["adam"][:201], rtol=1e-6)
for name, maker in (("gradient descent", reference.sgd), ("momentum", reference.momentum)):
    np.testing.assert_allclose(walk(maker(rates[name]), valley_gradient, start, 1_000), paths[name], rtol=1e-6)

# %% [markdown]
# ## Noise, and a rate that falls
#
# The loss of a network is a mean over many images. To go through all of them for a single step would be a waste: some
# hundred of them, drawn at random (a **batch**), give about the same gradient. That is **stochastic** gradient descent.
# But "about the same" has a price. Take points $x_i$ and the parabola $f(w) = \frac{1}{n} \sum_i (w - x_i)^2$, whose
# lowest point is their mean, and walk with the gradient of four points at a time. Once with a constant rate, once with
# one that falls along half a period of the cosine, $\eta_t = \eta\, (1 + \cos(\pi t / T)) / 2$ in $T$ steps (Loshchilov
# and Hutter, 2017):

# %%
from scratchclust.reference import schedules

points = 3 + np.random.default_rng(0).standard_normal(1_000)


def noisy_walk(rate, seed):
    rng = np.random.default_rng(seed)
    return walk(reference.sgd(rate), lambda w: 2 * (w - rng.choice(points, 4).mean()), 0.0, 200)


noisy, off = {}, {}
for name, rate in (("constant rate", 0.2), ("falling rate", schedules.cosine(0.2, 200))):
    noisy[name] = np.array([noisy_walk(rate, seed) for seed in range(200)])
    off[name] = np.sqrt(((noisy[name][:, -1] - points.mean()) ** 2).mean())
    print(f"{name}: 200 walks end {off[name]:.3f} from the lowest point (root of the mean square)")

# %% tags=["hide-input"]
assert off["falling rate"] < off["constant rate"] / 3
draw.noisy_walks(
    noisy,
    points.mean(),
    words="Two panels with five noisy walks each. All come down to the dashed line within some twenty steps. With a "
    "constant rate they go on dancing about it; with a falling rate the dance becomes smaller and ends on the "
    "line.",
)

# %% [markdown]
# A constant rate comes down fast and then dances about the ground for ever; the falling one ends in a mean over many
# points, less than a third as far off.
#
# ## Something is wrong here
#
# A colleague writes the gradient of the valley anew, is careful, and checks it by differences, at three places: where
# $x$ and $y$ are 0, half-way along the ground, and at the lowest place. It passes. A walk from the right, from $(1.2,
# 1)$, arrives. Then comes one from the left, where we always started:


# %%
def colleagues_gradient(w):
    x, y = w
    return np.array([-2 * (1 - x) - 400 * (y - x**2), 200 * (y - x**2)])


for place in ([0.0, 0.0], [0.5, 0.25], [1.0, 1.0]):
    place = np.array(place)
    np.testing.assert_allclose(colleagues_gradient(place), numeric_gradient(valley, place), atol=1e-5)

from_the_right = gradient_descent(colleagues_gradient, np.array([1.2, 1.0]), 0.001, 10_000)
print("from the right it ends at", from_the_right[-1].round(2))
for lr in (1e-3, 1e-4, 1e-5, 1e-6):
    path = gradient_descent(colleagues_gradient, start, lr, 3)
    print(f"from the left, learning rate {lr:.0e}: f = {', '.join(f'{valley(w):.6f}' for w in path)}")

# %% [markdown]
# The colleague makes the rate smaller, and smaller again. It does not help: $f$ **rises**, from the first step on.
#
# **Find out what went wrong.** Is the valley steeper at the left? Is even a millionth too large a rate? Is it the
# optimiser? Or is it the gradient, which was checked three times? You have `numeric_gradient`. Answer before you
# unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# With a right gradient *some* rate makes $f$ fall: that is what a gradient is. So it is the gradient, whatever its
# check said. A factor $x$ is missing in $400\,x\,(y - x^2)$. And the three places all lie on the ground of the valley,
# $y = x^2$, where this term is multiplied by zero and anything at all could stand in it. At the right of the valley
# the factor is near 1 and the gradient good enough to arrive; at the left it is negative, the term has the wrong
# sign, and the walk leads uphill.
#
# Zero, one, the start with its empty arrays, the minimum: special places hide mistakes. **Check a gradient at random
# places**, several of them.
#
# </details>
#
# If that is the diagnosis, a random place must show it, and what is missing can even be read off: the term is too
# large by the factor $1/x$.

# %%
rng = np.random.default_rng(0)
for _ in range(3):
    place = rng.standard_normal(2)
    x, y = place
    missing = numeric_gradient(valley, place)[0] + 2 * (1 - x)  # what should stand in the place of the term
    theirs = -400 * (y - x**2)
    print(f"x = {x:6.3f}: it should be {missing:8.3f}, it is {theirs:8.3f}, ratio {missing / theirs:6.3f}")
    np.testing.assert_allclose(missing / theirs, x, rtol=1e-5)

# %% tags=["hide-input"]
np.testing.assert_allclose(from_the_right[-1], 1, atol=0.05)
for lr in (1e-3, 1e-4, 1e-5, 1e-6):
    risen = [valley(w) for w in gradient_descent(colleagues_gradient, start, lr, 3)]
    assert (np.diff(risen) > 0).all()
    assert valley(start - lr * valley_gradient(start)) < valley(start)  # ours falls
rises = {"with the colleague's gradient": colleagues_gradient, "with the right one": valley_gradient}
draw.walks_in_a_valley(
    valley,
    {name: gradient_descent(gradient, start, 1e-4, 12) for name, gradient in rises.items()},
    title="Twelve steps with a rate of 0.0001",
    words="Two panels of the valley. With the colleague's gradient the walk leaves the ground and climbs the wall "
    "at the left; with the right gradient it comes down to the ground.",
)

# %% [markdown]
# ## Exercise
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
#     ahead = nesterov(valley_gradient, start, lr, 1_000)
#     theirs = walk(reference.momentum(lr, nesterov=True), valley_gradient, start, 1_000)
#     np.testing.assert_allclose(ahead[:100], theirs[:100], rtol=1e-6)
#     plain = momentum(valley_gradient, start, lr, 1_000)
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
# ## What to take with you
#
# - Downhill is one line, $w \leftarrow w - \eta\, g$. Its rate is limited by the steepest direction, and its patience
#   is tried by the flattest. Momentum and Adam are two answers; each wants its own rate.
# - No gradient is believed without a check by differences: symmetric, with 64 bits, at random places.
# - If $f$ rises with every rate, however small, the gradient is wrong.
# - With noise, a rate that falls ends nearer.
#
# ## Further
#
# - D. Kingma and J. Ba, *Adam: a method for stochastic optimization*, ICLR 2015. I. Loshchilov and F. Hutter, *SGDR*,
#   ICLR 2017: the cosine; and *Decoupled weight decay regularization*, ICLR 2019: AdamW. B. Polyak, *Some methods of
#   speeding up the convergence of iteration methods*, 1964: momentum. I. Sutskever et al., *On the importance of
#   initialization and momentum in deep learning*, ICML 2013: Nesterov's, as a change of the heavy ball.
#   H. Rosenbrock, *An automatic method for finding the greatest or least value of a function*, 1960: the valley.
# - G. Goh, *Why momentum really works*, Distill, 2017: the parabola above in many dimensions.
# - The next page, [04b](04b_a_network_by_hand.ipynb): where the gradient of a network comes from.
