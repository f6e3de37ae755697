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
# # Autoencoders, and a way around the code
#
# *30 minutes. Before this page: [04c](04c_convolutions_in_flax.ipynb). It runs in about 40 seconds.*
#
# An autoencoder squeezes an image through a few numbers, its **code**, and draws it again. We want the code for
# clustering. At the end of this page you will be able to train an autoencoder with the package and say whether it is
# any good; to judge what its code is worth to k-means without fooling yourself; and to prove, by one experiment,
# whether a network uses its code at all.
#
# You need what a gradient is, and the products of matrices. k-means and the adjusted Rand index (0 is chance, 1 is
# perfect) are those of [01](01_kmeans.ipynb) and [02](02_scores_with_labels.ipynb).

# %% tags=["hide-input"]
from scratchclust.lessons import networks as draw

draw.around_a_code(
    words="Five boxes in a row: image, encoder, a small one that is the code, decoder, drawing. A dashed arrow "
    "leads from the encoder over the code to the decoder."
)

# %% [markdown]
# (`draw` in the folded cells has the drawings of this page and nothing else. The images are loaded in the first cell
# that you see: 1,600 of them, `known` [1600, 28, 28, 1], and 400, `new` [400, 28, 28, 1].)
#
# ## An autoencoder
#
# With an encoder and a decoder,
#
# $$z = \text{encode}(x), \qquad x' = \text{decode}(z)$$
#
# it is trained to make $x'$ near $x$. As the loss we take the cross-entropy of the pixels, computed from logits as in
# [04c](04c_convolutions_in_flax.ipynb); as the measure of a drawing its squared error, $\sum_i |x'_i - x_i|^2$, as a
# share of the variance, so that whoever always draws the mean image has an error of 1.
#
# What is not in the code cannot be drawn, so the code must keep what matters. Nobody says what that is, and no label is
# needed. Ours is the convolutional one whose layers you saw in [04c](04c_convolutions_in_flax.ipynb), with a code of
# ten numbers. We train it with the package's loop, which does what our own did there, on the first 1,600 images,
# and keep the last 400 apart. The
# learning rate falls along a cosine, as in [04](04_downhill.ipynb).

# %%
import jax
import numpy as np
from flax import nnx

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.features import autoencoder as features
from scratchclust.models import ConvAutoencoderSpec, UNetSpec, count_parameters
from scratchclust.train.loop import train
from scratchclust.train.losses import reconstruction_loss
from scratchclust.train.optimizer_specs import AdamSpec
from scratchclust.train.schedules import CosineSpec

dataset = data.load("mnist_2000")
images = to_unit(dataset.images)  # [2000, 28, 28, 1], from 0 (black) to 1 (white)
known, new = images[:1_600], images[1_600:]


def error_of(drawn, images):
    """The squared error, as a share of the variance: 1 is what the mean image would get."""
    return ((drawn - images) ** 2).sum() / ((images - known.mean(axis=0)) ** 2).sum()


def on_new_images(epoch, model, history):
    return {"new images": error_of(features.reconstruct(model, new), new)}


def trained(spec, seed, epochs, callbacks=()):
    return train(
        spec.build((28, 28, 1), rngs=nnx.Rngs(seed)),
        known,
        loss=reconstruction_loss("bernoulli"),  # the cross-entropy of the pixels
        optimizer=AdamSpec(CosineSpec(0.004)),
        epochs=epochs,
        batch_size=25,
        key=jax.random.key(seed),
        callbacks=callbacks,
    )


# %%
conv = ConvAutoencoderSpec(widths=(16, 32), latent_dim=10)
runs = [trained(conv, seed, epochs=6, callbacks=[on_new_images]) for seed in range(3)]
autoencoders = [run.model for run in runs]

# %% tags=["hide-input"]
variance = ((known - known.mean(axis=0)) ** 2).sum() / len(known)
for run in runs:
    gaps = np.array(run.history["new images"]) - 784 * np.array(run.history["mse_per_pixel"]) / variance
    assert gaps[-1] > max(gaps[-3], 0)  # it grows
draw.curves_by_step(
    {
        "images it learns from": 784 * np.array(runs[0].history["mse_per_pixel"]) / variance,
        "new images": runs[0].history["new images"],
    },
    title="The error of the first network, as a share of the variance",
    what="share of the variance",
    by="epoch",
    words="Two falling curves over six epochs. On the images that the network learns from the error goes on "
    "falling; on new images it falls more slowly and ends a little higher.",
)

# %% [markdown]
# (Drawn is the squared error; the loss that is trained is the cross-entropy, which falls with it.)
#
# The error on new images is the honest one. It ends as the higher of the two, and with more epochs the gap grows: the
# network begins to learn its 1,600 images by heart, which is called **overfitting**. One stops when the curve of the
# new images no longer falls. (In the first epochs it is the lower one, which is no magic: the other curve is a mean
# over the whole epoch, in which the network was still getting better; this one is taken when the epoch is over.) There
# are three networks, since a single run proves little; each begins with other random weights.
#
# Is it any good? One needs something to compare with. The best *linear* way to put an image into ten numbers and to
# draw it again is PCA ([03](03_pca.ipynb); Baldi and Hornik, 1989), which needs no training at all.
#
# **Predict, then run.** How many principal components does it take to draw new images as well as the autoencoders do
# with ten numbers? More, or fewer?

# %%
from scratchclust.reference import pca


def pca_error(n_components):
    components = pca.pca(flatten(known), n_components)
    drawn = pca.inverse_transform(pca.transform(flatten(new), components), components)
    return error_of(drawn.reshape(new.shape), new)


errors = [error_of(features.reconstruct(model, new), new) for model in autoencoders]
print("autoencoders with 10 numbers:", np.round(errors, 3))
for n_components in (10, 15, 20, 25):
    print(f"PCA with {n_components} numbers:         {pca_error(n_components):.3f}")

# %% tags=["hide-input"]
from scratchclust.lessons.paper import describe
from scratchclust.report import figures

assert max(errors) < pca_error(10)
assert min(errors) > pca_error(20)
assert pca_error(15) < np.mean(errors)
components = pca.pca(flatten(known), 10)
by_pca = pca.inverse_transform(pca.transform(flatten(new[:10]), components), components).reshape(10, 28, 28, 1)
describe(
    figures.reconstructions(
        new[:10], {"PCA, 10 numbers": by_pca, "autoencoder": features.reconstruct(autoencoders[0], new[:10])}
    ),
    "Ten new digits; below them what PCA draws with ten numbers, smeared and with grey shadows; and what the "
    "autoencoder draws, with cleaner strokes, some of them not quite the right digit.",
)

# %% [markdown]
# More, but not many more: with ten the components are worse, with 15 as good, with 20 clearly better. So much is it
# worth that the network may bend, where PCA can only add up.
#
# These are images that the network has never seen. What it draws is blurred, and that is a consequence of the loss: of
# all pictures that could belong to a code, their mean costs least. And now and then it draws *another digit*: neither
# of the two fours comes back as a clear 4.
#
# ## What is the code good for?
#
# Does k-means find the digits better by the code than by the pixels? It is easy to fool oneself here. So we fix the
# rules before we look: one score (the adjusted Rand index); ten clusters; the labels take no part in anything but the
# score; no setting is changed afterwards. And not a single run each, but three. In daily use this is
# `make_pipeline(AutoencoderFeatures(...), KMeans(n_clusters=10))`, by classes with scikit-learn's interface.

# %%
from scratchclust import KMeans, metrics


def agreement(points, seed):
    found = KMeans(n_clusters=10, n_init=4, random_state=seed).fit(points).labels_
    return metrics.adjusted_rand_score(dataset.labels, found)


scores = {
    "pixels": [agreement(flatten(images), seed) for seed in range(3)],
    "code": [agreement(features.encode(model, images), seed) for seed, model in enumerate(autoencoders)],
}
for name, values in scores.items():
    print(f"{name:7} {np.round(values, 3)}, mean {np.mean(values):.3f}")

# %% tags=["hide-input"]
assert abs(np.mean(scores["pixels"]) - np.mean(scores["code"])) < 0.1
assert min(scores["pixels"] + scores["code"]) > 0.25
draw.runs_by_name(
    scores,
    title="k-means on pixels and on codes: do the clusters agree with the digits?",
    score="adjusted Rand index",
    words="Two rows of three dots, for pixels and for the code of the autoencoder; the two means are less than 0.1 "
    "apart.",
)

# %% [markdown]
# The means are less than 0.1 apart, and runs of the same kind differ by more than the two means do. With three runs
# each nobody should claim more. And why should the code be better? The network was not asked for clusters. It was asked
# to draw, and for that a slanted stroke counts as much as whether the digit is a 4 or a 9. The code is shorter than the
# pixels, 10 numbers for 784. That it is *better sorted* was never part of the loss.
#
# ## Something is wrong here
#
# A colleague is not content with the blurred drawings. She takes a better network, a *U-Net* (Ronneberger, Fischer and
# Brox, 2015), with a code of ten numbers like ours, a quarter of our parameters, and fewer epochs:

# %%
unet = UNetSpec(widths=(4, 8), latent_dim=10)
unets = [trained(unet, seed, epochs=4).model for seed in range(3)]
her_errors = [error_of(features.reconstruct(model, new), new) for model in unets]
print(f"parameters: ours {count_parameters(autoencoders[0]):,}, hers {count_parameters(unets[0]):,}")
print("error on new images: ours", np.round(errors, 3), "hers", np.round(her_errors, 3))
assert max(her_errors) < min(errors)
best = int(np.argmin(her_errors))  # the number of the one of hers that draws best

# %% tags=["hide-input"]
assert np.median(her_errors) < 0.1
assert max(her_errors) > 5 * np.median(her_errors)  # one had a poor start
describe(
    figures.reconstructions(
        new[:10],
        {"ours": features.reconstruct(autoencoders[0], new[:10]), "hers": features.reconstruct(unets[best], new[:10])},
    ),
    "Ten new digits; below them our blurred drawings; and hers, which can hardly be told from the originals.",
)

# %% [markdown]
# All three of hers draw better than all of ours, and the best can hardly be told from the originals; for new images,
# too, so that is no overfitting. (One of the three is ten times worse than the others. It had a poor start; we keep
# it, as runs are not to be chosen.) A code from which one can draw so well must know everything about the image. She
# clusters it:

# %%
scores["her code"] = [agreement(features.encode(model, images), seed) for seed, model in enumerate(unets)]
untrained = [unet.build((28, 28, 1), rngs=nnx.Rngs(seed)) for seed in range(3)]
scores["her code, untrained"] = [
    agreement(features.encode(model, images), seed) for seed, model in enumerate(untrained)
]
for name, values in scores.items():
    print(f"{name:20} {np.round(values, 3)}, mean {np.mean(values):.3f}")

# %% [markdown]
# Worse than pixels, and no better than the same network with its *first, random* weights (the last row).
#
# **Find out what went wrong.** Is the code too short? Are its numbers badly scaled, so that k-means looks at one of
# them only? Did k-means have bad luck three times? Or does the network draw so well *without* knowing anything about
# the image in its code? And if so, from what? Think of an experiment that decides it before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The dashed arrow in the first picture. A U-Net has **skip connections**: before every halving the encoder's features
# also go straight to the decoder, around the code. They carry the image at its full size, and the decoder needs no
# more than that. The code can say what it likes; nobody listens.
#
# The experiment: take the information out of the code and leave the rest as it is. Give *every* image the same code,
# the mean one. A network that lives on its code will then draw the same picture for all of them, and be no better than
# the mean image. One that goes round its code will not even notice.
#
# </details>
#
# ### The experiment
#
# The layer `to_code` computes $z = h W + b$ of what the layer before it says, $h$. With $W = 0$ and $b$ the mean code,
# it says the same for every image. Beside her network we try a control that has all but one thing in common with it:
# the same class, with `skips=False`.
#
# **Predict, then run.** What will the error of each be when its code is silenced?

# %%
controls = [trained(UNetSpec(widths=(4, 8), latent_dim=10, skips=False), seed, epochs=4).model for seed in range(3)]


def silenced(model):
    """A copy of the network whose code is the same for all images: the mean code."""
    copy = nnx.clone(model)
    copy.to_code.kernel[...] = np.zeros(copy.to_code.kernel.shape)
    copy.to_code.bias[...] = features.encode(model, known).mean(axis=0)
    return copy


drawn, silenced_errors = {}, {}
for name, models in (("U-Net", unets), ("no skips", controls)):
    with_code = np.array([error_of(features.reconstruct(model, new), new) for model in models])
    without = np.array([error_of(features.reconstruct(silenced(model), new), new) for model in models])
    print(f"{name:9} error with its code {with_code.round(3)}, silenced {without.round(3)}")
    silenced_errors[name] = with_code, without
    drawn[name] = features.reconstruct(models[best], new[:10])
    drawn[f"{name}, silenced"] = features.reconstruct(silenced(models[best]), new[:10])

# %% tags=["hide-input"]
with_code, without = silenced_errors["U-Net"]
assert (without < 1.1 * with_code + 0.01).all()
assert (silenced_errors["no skips"][1] > 0.95).all()
describe(
    figures.reconstructions(new[:10], drawn),
    "Ten new digits. The U-Net draws them well, with its code and without. The network without skips draws them "
    "roughly; when its code is silenced it draws one and the same blot for all ten.",
)

# %% [markdown]
# The U-Net does not notice, the one with the poor start no more than the others. The other one loses everything: it is
# no better than the mean image (an error of 1), and even a little worse, since nobody has trained it to draw from a
# mean code. And its code, from a network that draws so much worse, is the better one for k-means, though still no
# better than pixels:

# %%
scores["no skips"] = [agreement(features.encode(model, images), seed) for seed, model in enumerate(controls)]
print("her code", np.round(scores["her code"], 3), "no skips", np.round(scores["no skips"], 3))
assert np.mean(scores["no skips"]) > np.mean(scores["her code"]) + 0.05
assert max(scores["her code"]) < min(scores["pixels"])
assert np.mean(scores["no skips"]) < np.mean(scores["pixels"])

# %% tags=["hide-input"]
draw.runs_by_name(
    scores,
    title="k-means, three runs of each",
    score="adjusted Rand index",
    words="Five rows of three dots. Pixels and our code lie to the right; her code and the untrained one together, far "
    "to the left; the network without skips between them.",
)

# %% [markdown]
# So an error of drawing says nothing about a code unless everything has to go *through* the code. There is nothing
# wrong with U-Nets: they were made to colour the cells in a micrograph, where the output is not the input and every
# detail is welcome. They are wrong for learning a code. (In the package, `features.reconstruct(model, images,
# zero_code=True)` puts zeros into the code. That is a cruder experiment than ours: zeros may be a code that the decoder
# has never met.)
#
# ## Why it leaves the code alone
#
# Nobody told it to. The smallest network of this kind has no layers but matrices: $E$ makes a code of two numbers of a
# row $x$, $F$ draws from it, and $S$ is the skip connection:
#
# $$x' = x\,E\,F + x\,S, \qquad L = \frac{1}{n} \sum_i |x'_i - x_i|^2$$
#
# Let $X$ be the matrix of all rows, with mean zero, and $C = \frac{1}{n} X^\top X$ their covariance. Write $x' = x M$
# with $M = E F + S$, and $I$ for the identity. Then $x' - x = x\,(M - I)$, and of the mean of its square only the
# covariance counts. With $G = 2\, C (M - I)$, and $\text{tr}$ for the sum of the diagonal, the loss and its gradients
# are (by the chain rule of [04b](04b_a_network_by_hand.ipynb): $G$ is the slope of the loss by $M$, and each matrix
# gets $G$ times what it was multiplied with)
#
# $$L = \text{tr}\big[(M - I)^\top C\, (M - I)\big], \qquad \frac{\partial L}{\partial E} = G\, F^\top, \qquad
# \frac{\partial L}{\partial F} = E^\top G, \qquad \frac{\partial L}{\partial S} = G$$
#
# **Predict, then run.** Let all three begin with zeros. Which of them will move in the first step?

# %%
points = flatten(to_unit(data.load("digits").images))  # 8 x 8 pixels: for plain NumPy
C = np.cov(points, rowvar=False, bias=True)
I = np.eye(64)


def gradients(E, F, S):
    G = 2 * C @ (E @ F + S - I)
    return G @ F.T, E.T @ G, G


moves = [bool(gradient.any()) for gradient in gradients(np.zeros((64, 2)), np.zeros((2, 64)), np.zeros((64, 64)))]
print("E, F, S move:", moves)

# %% tags=["hide-input"]
assert moves == [False, False, True]

# %% [markdown]
# $S$ alone. The gradient of $E$ contains $F$, and that of $F$ contains $E$: as long as both are small neither learns
# much; they have to wait for each other. The gradient of $S$ waits for nothing. We begin with *small* random $E$ and
# $F$, so that they can move, and watch:


# %%
def loss(M):
    return np.trace((M - I).T @ C @ (M - I))


def descend(E, F, S, with_skip):
    errors = {"error": [], "error with code = 0": []}
    for _ in range(120):
        d_E, d_F, d_S = gradients(E, F, S)
        E, F, S = E - 0.5 * d_E, F - 0.5 * d_F, S - 0.5 * with_skip * d_S
        errors["error"].append(loss(E @ F + S))
        errors["error with code = 0"].append(loss(S))
    return E, F, S, errors


rng = np.random.default_rng(0)
E_start, F_start = 0.01 * rng.standard_normal((64, 2)), 0.01 * rng.standard_normal((2, 64))
E, F, _, plain = descend(E_start, F_start, np.zeros((64, 64)), with_skip=False)
_, _, _, skipping = descend(E_start, F_start, np.zeros((64, 64)), with_skip=True)
print(f"no skip:     error {plain['error'][-1]:.3f}, without its code {plain['error with code = 0'][-1]:.3f}")
print(f"with a skip: error {skipping['error'][-1]:.3f}, without its code {skipping['error with code = 0'][-1]:.3f}")

# %% tags=["hide-input"]
assert skipping["error"][-1] < 0.2 * plain["error"][-1]
assert abs(skipping["error with code = 0"][-1] - skipping["error"][-1]) < 0.01 * plain["error"][-1]
draw.curves_by_step(
    {
        "with a skip": skipping["error"],
        "with a skip, code = 0": skipping["error with code = 0"],
        "no skip": plain["error"],
        "no skip, code = 0": plain["error with code = 0"],
    },
    title="Two linear autoencoders, by gradient descent",
    what="squared error",
    words="Without a skip the error falls once and then stays high; without its code it is as high as at the "
    "start. With a skip the error falls towards zero, and the curve without the code lies on the same line.",
)

# %% [markdown]
# $S$ takes away the error first, and with the error goes $G$, and with $G$ all three gradients. When everything has
# been drawn, there is nothing left from which the code could learn. (The two curves with a skip lie on each other.)
#
# ## Exercise
#
# **A head start.** Train the linear network without a skip first, and only then switch the skip on, with $E$ and $F$ as
# they are by then. Before you run it: what will $S$ learn, and will the code still be in use at the end? Look at $G$.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# E2, F2, S2, late = descend(E, F, np.zeros((64, 64)), with_skip=True)
# print(f"error {late['error'][-1]:.3f}, without its code {late['error with code = 0'][-1]:.3f}")
# assert late["error"][-1] < 0.2 * plain["error"][-1]
# assert late["error with code = 0"][-1] > 0.9 * (loss(np.zeros((64, 64))) - plain["error"][-1])
# ```
#
# It draws as well as before, and now it needs its code. $E F$ has become the projection onto the first two principal
# components, so that $M - I$ is zero on these, and so is $G$: nothing there is left for $S$ to learn. It learns the
# remainder. So what a network has in its code depends on who came first, and not on what it can do. In practice one
# leaves the skips out.
#
# </details>
#
# ## What to take with you
#
# - An error needs something to compare with: the mean image, PCA with as many numbers, and new images.
# - A code that draws well is not a code that clusters well; several runs of each, with the rules fixed before.
# - To know whether a network uses its code, silence the code and look at the error.
# - Gradient descent takes the shortest way. If there is a way around the code, it goes around.
#
# ## Further
#
# - O. Ronneberger, P. Fischer and T. Brox, *U-Net: convolutional networks for biomedical image segmentation*, 2015.
#   The class: [scratchclust/models/unet.py](../scratchclust/models/unet.py).
# - G. Hinton and R. Salakhutdinov, *Reducing the dimensionality of data with neural networks*, Science, 2006: the
#   autoencoder against PCA. P. Baldi and K. Hornik, *Neural networks and principal component analysis*, 1989: why the
#   linear one *is* PCA.
# - The loop: [scratchclust/train/loop.py](../scratchclust/train/loop.py). `scratchclust run latents` compares three
#   such networks on CIFAR-10.
# - The next page, [05b](05b_variational_autoencoder.ipynb): codes that one can draw from.
