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
# # Features from a classifier, and what they cost
#
# Train a network to tell digits apart, take what its last layer but one says about each image, and let k-means cluster
# *that*. k-means sees no label, and its clusters are nearly pure. It is an old recipe, and figures like "98.5% purity
# by clustering" come from it. This page is about what such a figure is worth. When you have read it and run its cells,
# you will be able to
#
# 1. write a classifier in ten lines of NumPy, and check its gradient without knowing any calculus;
# 2. train a small convolutional network with dropout in JAX, and take the activations of its layers as features;
# 3. say what purity cannot see, and make a mean purity of 90% out of nothing;
# 4. measure how much of a clustering was bought with labels, and what it says when the labels are wrong;
# 5. use a network that has learned from photographs for your digits, and find out whether it helps.
#
# You need Python and some NumPy. `01_kmeans` explains k-means, `02_how_good_is_a_clustering` accuracy and purity, and
# `04_gradient_descent_by_hand` how networks are trained; what we need of it is repeated here.

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
N_CLUSTERS = 10  # as many as there are digits
N_COMPONENTS = 64  # numbers that k-means gets for each image, at most
N_STARTS = 4  # k-means runs so often and keeps the run of least inertia
K_RANGE = (10, 30, 100, 300)  # numbers of clusters, to see what purity makes of them
BUDGETS = (50, 200, 800, 3_200) if REAL_DATA else (50, 200, 800)  # so many labels are paid for
N_REPEATS = 3  # so often each budget is spent, on other images
N_TEST_IMAGES = 1_500 if REAL_DATA else 900
LINEAR_STEPS, LINEAR_RATE = 200, 0.5  # of the classifier by hand
WIDTHS = (8, 16) if REAL_DATA else (16, 32)  # channels of the convolutional one
DENSE_WIDTH = 64
N_STEPS, BATCH_SIZE = 300, 50
N_FEW = 200  # images for a training that goes wrong
STRANGE_STEPS = 800  # and the steps that it takes
FOUR = (5, 6, 8, 9)  # digits for a smaller task
N_TRANSFER_IMAGES = 800 if REAL_DATA else 300  # for the network that knows photographs
N_CHANNELS = 10  # of a layer, shown
TIMING_IMAGES = 100
TIMING_RUNS = 3  # each program runs so often, in turn; the median counts

# %%
import time
from functools import partial

import numpy as np
from IPython.display import Markdown, display

from scratchclust import ClassifierFeatures, PretrainedFeatures, data, devices, metrics
from scratchclust.data.preprocessing import flatten, resampling_matrix, to_unit
from scratchclust.reference import pca as reference_pca
from scratchclust.reference.kmeans import kmeans
from scratchclust.report import figures

devices.use_all_cores()  # for JAX, later; it must be told before its first use


def say(text):
    """Show a sentence that has numbers in it."""
    display(Markdown(text))


def titled(figure, title):
    """The figure under another title."""
    figure.suptitle(title, x=0.01, horizontalalignment="left", fontsize=11, fontweight="bold")
    return figure


def lines_over(x, x_name, lines, title):
    """Lines over a logarithmic x: name of the line -> name of the panel -> values."""
    figure = titled(figures.training_curves(lines), title)
    for ax in figure.axes:
        for line in ax.lines:
            line.set_xdata(x)
        ax.set(xlabel=x_name, xscale="log")
        ax.set_xticks(x, [f"{value:,}" for value in x])
        ax.minorticks_off()
        ax.relim()
        ax.autoscale_view()
    figure.axes[0].legend(loc="best", frameon=False, fontsize=8)
    return figure


# %% [markdown]
# ## Two piles of images
#
# We need two sets of images that have none in common. Of the **training images** we may look at the labels: they are
# what a classifier learns from, and each of them has cost somebody the work of looking at an image and writing down
# what it is. The **test images** are those that we want to cluster. Their labels serve for scores only, and no setting
# was chosen by them.

# %%
rng = np.random.default_rng(SEED)
if REAL_DATA:
    name, training, test = "MNIST", data.load("mnist", split="train"), data.load("mnist", split="test")
    chosen, others = rng.permutation(len(training.labels)), rng.permutation(len(test.labels))
else:
    name, training, test = "the small digits", data.load("digits"), data.load("digits")
    chosen = rng.permutation(len(training.labels))
    others = chosen[max(BUDGETS) :]
chosen, others = chosen[: max(BUDGETS)], others[:N_TEST_IMAGES]

images, labels = to_unit(training.images[chosen]), training.labels[chosen]  # [n, h, w, 1], from 0 (black) to 1
test_images, test_labels = to_unit(test.images[others]), test.labels[others]
X, test_X = flatten(images), flatten(test_images)  # [n, d]
say(
    f"The data are **{name}**: {len(X):,} training images and {len(test_X):,} test images, of "
    f"{images.shape[1]}x{images.shape[2]} pixels."
)
figures.image_row(images[:10], labels[:10].tolist(), title="The first training images, and their labels")

# %% [markdown]
# What is to be beaten? k-means on the pixels of the test images, which costs no label at all. The **purity** names each
# cluster after its most frequent digit, and counts the images that are named rightly. With $n_{ij}$ images of digit $i$
# in cluster $j$, and $n$ in all,
#
# $$\text{purity} = \frac{1}{n} \sum_j \max_i n_{ij}$$
#
# Later we shall cluster features of 10, of 64 and of many thousand numbers. To treat them alike, and to be quick,
# k-means never gets more than `N_COMPONENTS` numbers for an image: of what is longer, the principal components of the
# largest variance. They change the distances between images as little as so few numbers can.


# %%
def squeezed(features):
    """The first principal components of features, and those as they are that have no more numbers."""
    if features.shape[1] <= N_COMPONENTS:
        return features
    centred = features - features.mean(axis=0)
    # centred = U S V^T: this matrix has U and S^2, and U S are the coordinates on the components
    variances, directions = np.linalg.eigh(centred @ centred.T)  # [n, n], the largest last
    return directions[:, -N_COMPONENTS:] * np.sqrt(variances[-N_COMPONENTS:])  # [n, N_COMPONENTS]


def clusters_of(features, n_clusters=N_CLUSTERS, n_init=N_STARTS):
    rng = np.random.default_rng(SEED)
    return kmeans(squeezed(features), n_clusters, rng=rng, n_init=n_init).labels


def purity_of(features):
    """The purity of k-means on features of the test images."""
    return metrics.purity_score(test_labels, clusters_of(features))


pixel_clusters = clusters_of(test_X)
pixel_purity = metrics.purity_score(test_labels, pixel_clusters)
say(f"k-means on pixels has a purity of **{pixel_purity:.1%}**. Labels paid for: none.")
table = metrics.contingency_matrix(test_labels, pixel_clusters)  # [digits, clusters]
titled(figures.label_histograms(table, test.label_names), "k-means on pixels: the digits in each cluster")

# %% [markdown]
# ## What purity cannot see
#
# Before we chase a number, a look at what it is made of. Three are in use. The **accuracy** gives each digit to at most
# one cluster. The **purity** lets several clusters have the same name. The **mean cluster purity** first takes the
# share of the most frequent digit in each cluster, with $b_j$ images in cluster $j$, and then the mean over the $k$
# clusters, whatever their sizes:
#
# $$\text{mean cluster purity} = \frac{1}{k} \sum_j \frac{\max_i n_{ij}}{b_j}$$
#
# The 98.5% in the introduction was a mean cluster purity. That matters, since a high one can be made of nothing. Take
# nine images out, one for each of nine clusters, and leave all the others in the tenth:


# %%
def three_scores(clusters):
    return {
        "accuracy": metrics.clustering_accuracy(test_labels, clusters),
        "purity": metrics.purity_score(test_labels, clusters),
        "mean cluster purity": metrics.mean_cluster_purity(test_labels, clusters),
    }


nothing = np.zeros(len(test_labels), int)
nothing[:9] = np.arange(1, 10)
for words, clusters in {"k-means on pixels": pixel_clusters, "nine images alone": nothing}.items():
    print(f"{words:20}" + "   ".join(f"{score} {value:.3f}" for score, value in three_scores(clusters).items()))
assert three_scores(nothing)["mean cluster purity"] > 0.9
assert three_scores(nothing)["purity"] < 0.2

# %% [markdown]
# A cluster of one image is always pure, and in that mean it counts as much as all the rest together. The plain purity
# is not taken in. But it has a weakness too: it does not mind how *many* clusters there are. So let us ask for more:

# %%
numbers = squeezed(test_X)
by_k = [three_scores(clusters_of(numbers, k, n_init=1)) for k in K_RANGE]
scores_by_k = {score: {"score": [scores[score] for scores in by_k]} for score in by_k[0]}
lines_over(K_RANGE, "number of clusters k", scores_by_k, "k-means on the same pixels, in more and more clusters")

# %%
most = by_k[-1]
say(
    f"Nothing has been learned between k = {K_RANGE[0]} and k = {K_RANGE[-1]}, and the purity has risen from "
    f"{by_k[0]['purity']:.3f} to **{most['purity']:.3f}**. Only the accuracy minds: {by_k[0]['accuracy']:.3f} and "
    f"{most['accuracy']:.3f}."
)
assert most["purity"] > by_k[0]["purity"] + 0.15
assert most["accuracy"] < by_k[0]["accuracy"]

# %% [markdown]
# So a purity is worth nothing without its $k$, and a mean cluster purity nothing without the sizes of the clusters.
# From here on $k$ is 10, for all, and we use the plain purity.
#
# ## A classifier by hand
#
# A classifier gives each digit $j$ a number, the **logit** $l_j$. The digit with the largest one is its answer. The
# simplest adds up the pixels $x$ with weights $W$ and a constant $b$ for each digit:
#
# $$l = x W + b$$
#
# The **softmax** makes probabilities of logits, and the **cross-entropy** is the loss: minus the logarithm of the
# probability that it gave to the right digit $y$, as a mean over the images.
#
# $$p_j = \frac{e^{l_j}}{\sum_i e^{l_i}}, \qquad \text{loss} = -\frac{1}{n} \sum_{\text{images}} \log p_y$$
#
# To make it smaller we need its derivatives. They are as simple as one could wish. With $t_j = 1$ for the right digit
# and 0 for the others,
#
# $$\frac{\partial\, (-\log p_y)}{\partial l_j} = p_j - t_j$$
#
# that is *what it said minus what it should have said*, and since $l = x W + b$, each weight gets its share of that by
# the pixel that it multiplies.


# %%
def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))  # the maximum cancels, and nothing overflows
    return powers / powers.sum(axis=1, keepdims=True)


def loss_and_gradients(W, b, X, targets):
    p = softmax(X @ W + b)  # [n, k]
    loss = -np.log((p * targets).sum(axis=1)).mean()
    error = (p - targets) / len(X)
    return loss, X.T @ error, error.sum(axis=0)


# %% [markdown]
# Is that right? One can find out without calculus. Push one weight up a little, then down, and see how the loss
# changes:
#
# $$\frac{\partial\, \text{loss}}{\partial w} \approx \frac{\text{loss}(w + \epsilon) - \text{loss}(w - \epsilon)}{2
# \epsilon}$$

# %%
rng = np.random.default_rng(SEED)
targets = np.eye(10, dtype=np.float32)[labels]  # [n, 10], a one at the label
some, some_targets = X[:100].astype(np.float64), targets[:100].astype(np.float64)
W, b = 0.1 * rng.standard_normal((X.shape[1], 10)), np.zeros(10)
_, by_formula, _ = loss_and_gradients(W, b, some, some_targets)

print("weight of         by formula     by pushing")
inked = some.mean(axis=0).argsort()[-5:]  # five pixels where there is ink
for pixel, digit in zip(inked, rng.integers(10, size=5), strict=True):
    push = np.zeros_like(W)
    push[pixel, digit] = 1e-5
    up, down = (loss_and_gradients(W + sign * push, b, some, some_targets)[0] for sign in (1, -1))
    print(f"pixel {pixel:3}, {digit} {by_formula[pixel, digit]:16.8f}{(up - down) / 2e-5:15.8f}")
    assert abs(by_formula[pixel, digit] - (up - down) / 2e-5) < 1e-7

# %% [markdown]
# Now downhill, all training images at once, from weights of zero:

# %%
W, b, history = np.zeros((X.shape[1], 10), np.float32), np.zeros(10, np.float32), []
for _ in range(LINEAR_STEPS):
    loss, W_gradient, b_gradient = loss_and_gradients(W, b, X, targets)
    W, b = W - LINEAR_RATE * W_gradient, b - LINEAR_RATE * b_gradient
    history.append(loss)

linear_accuracy = np.mean((test_X @ W + b).argmax(axis=1) == test_labels)
say(
    f"After {LINEAR_STEPS} steps the loss has come from {history[0]:.2f} down to {history[-1]:.2f}, and "
    f"**{linear_accuracy:.1%}** of the test images are named rightly. It was {np.log(10):.2f} = log 10 at first, "
    "because ten equal probabilities are the answer of somebody who knows nothing."
)
weights = 0.5 + 0.5 * W.T.reshape(10, *images.shape[1:]) / np.abs(W).max()
figures.image_row(weights, [f"for {digit}" for digit in range(10)], title="Its weights: white for, black against")

# %%
assert np.isclose(history[0], np.log(10))
assert (np.diff(history) < 0).all()
assert linear_accuracy > 0.8

# %% [markdown]
# ### Its twin in JAX
#
# In JAX one writes the loss alone. `jax.value_and_grad` makes of it a function that also gives the derivatives, which
# must be ours. `losses.cross_entropy` is the package's loss, of logits and labels:

# %%
import jax
import optax
from flax import nnx

from scratchclust.train import losses, optimizers


@jax.jit
def loss_and_gradients_jax(parameters, X, labels):
    def loss_of(parameters):
        W, b = parameters
        return losses.cross_entropy(X @ W + b, labels)

    return jax.value_and_grad(loss_of)(parameters)


loss_jax, (W_jax, b_jax) = loss_and_gradients_jax((W, b), X, labels)
loss, W_gradient, b_gradient = loss_and_gradients(W, b, X, targets)
difference = max(np.abs(W_jax - W_gradient).max(), np.abs(b_jax - b_gradient).max())
assert difference < 1e-5
say(f"The same loss, {loss_jax:.4f}, and the same derivatives; none differs by more than {difference:.0e}.")

# %% [markdown]
# ## A classifier with inner layers
#
# The classifier by hand goes from the pixels to the answer at one stroke. There is nothing between that could serve as
# features. A network has layers in between, and each of them says something about the image that is a little less about
# pixels and a little more about digits. This is the one of the package, `ClassifierSpec`, made narrower to be quick:

# %%
from scratchclust.features import classifier
from scratchclust.models import ClassifierSpec, count_parameters

spec = ClassifierSpec(widths=WIDTHS, dense_width=DENSE_WIDTH)
untrained = spec.build(images.shape[1:], rngs=nnx.Rngs(SEED))
what_they_do = ("convolution 3x3, relu", "convolution 3x3, relu", "maximum of 2x2", "dense, relu", "dense")

print(f"{'layer':10}{'what it does':24}{'shape of its answer':22}numbers")
for layer, words in zip(untrained.layer_names, what_they_do, strict=True):
    shape = jax.eval_shape(partial(untrained.activations, layer=layer), images[:1]).shape[1:]  # computes nothing else
    print(f"{layer:10}{words:24}{' x '.join(map(str, shape)):22}{np.prod(shape):7,}")
print(f"\n{count_parameters(untrained):,} parameters")

# %% [markdown]
# A *convolution* looks at each place of the image through the same small window; *relu* keeps what is positive and
# makes the rest zero. With so many parameters a network can learn its training images by heart. **Dropout** makes that
# harder: in each step of the training a random part of a layer is set to zero, so that no part can rely on another.
# What is kept is enlarged, so that the sums stay the same on average. After the training nothing is dropped.


# %%
def dropout(features, rate, rng):
    kept = rng.random(features.shape) >= rate
    return np.where(kept, features / (1 - rate), 0)


ones = np.ones(100_000)
print("of ten ones:", dropout(ones[:10], 0.5, np.random.default_rng(SEED)))
print(f"the mean of {len(ones):,}: {dropout(ones, 0.5, np.random.default_rng(SEED)).mean():.3f}")

# %% [markdown]
# The training is written out once more, as in the tutorials before: a step that is compiled, and a loop that deals
# random batches of images. `nnx.split` takes the parameters out of a network, so that they can be an argument;
# `nnx.merge` puts them in again. The optimiser is Adadelta, which finds the size of its steps by itself.
# New are two words: `static_argnames` names arguments that are no arrays, and JAX compiles anew for each of their
# values; with `has_aux=True` a function returns the number to be differentiated and, beside it, others to be handed
# through. `optax.apply_updates` is the addition of `04_gradient_descent_by_hand`, array by array.

# %%
optimizer = optimizers.adadelta(1.0)


@partial(jax.jit, static_argnames="graphdef")
def step(graphdef, params, opt_state, batch, labels, key):
    """One step downhill on a batch; the key is that of the dropout."""

    def loss_of(params):
        logits = nnx.merge(graphdef, params, copy=True)(batch, key=key)
        right = logits.argmax(axis=1) == labels
        return losses.cross_entropy(logits, labels), right.mean()

    (loss, accuracy), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, opt_state = optimizer.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, (loss, accuracy)


def trained(spec, images, labels, n_steps=N_STEPS, seed=SEED):
    """The network of a spec, trained on images and labels, and its loss and accuracy in each step."""
    graphdef, params = nnx.split(spec.build(images.shape[1:], rngs=nnx.Rngs(seed)))
    opt_state, rng, found = optimizer.init(params), np.random.default_rng(seed), []
    for key in jax.random.split(jax.random.key(seed), n_steps):
        batch = rng.choice(len(images), BATCH_SIZE, replace=False)
        params, opt_state, scores = step(graphdef, params, opt_state, images[batch], labels[batch], key)
        found.append(scores)
    return nnx.merge(graphdef, params), np.array(found)


def accuracy_of(network):
    """The share of the test images that a network names rightly."""
    return np.mean(classifier.class_scores(network, test_images).argmax(axis=1) == test_labels)


began = time.perf_counter()
network, history = trained(spec, images, labels)
training_seconds = time.perf_counter() - began
say(
    f"With {len(labels):,} labels, the network names **{accuracy_of(network):.1%}** of the test images rightly; "
    f"the classifier by hand, with the same labels, {linear_accuracy:.1%}."
)
assert accuracy_of(network) > linear_accuracy

# %%
by_ten = history.reshape(-1, 10, 2).mean(axis=1)  # means over ten steps
figure = figures.training_curves({"network": {"loss": by_ten[:, 0], "accuracy of the batches": by_ten[:, 1]}})
for ax in figure.axes:
    ax.set_xlabel("steps, in tens")
titled(figure, "Training of the convolutional classifier, with dropout")

# %% [markdown]
# ## Its layers as features
#
# Now what we came for. The **activations** of a layer, what it answers to an image, are the features of that image.
# k-means clusters the *test* images by them, in ten clusters as before. The classifier's own accuracy stands below; it
# has nothing to do with clusters, but wait.

# %%
layer_features = {layer: classifier.activations(network, test_images, layer) for layer in network.layer_names}
purities = {"pixels": pixel_purity} | {layer: purity_of(features) for layer, features in layer_features.items()}

rows_of_bars = [*purities, "the classifier's accuracy"]
values = [*purities.values(), accuracy_of(network)]
titled(figures.comparison_bars(rows_of_bars, {"purity, k = 10": values}), "k-means on each layer, of test images")

# %%
say(
    f"From the pixels to the pool the purity goes from {purities['pixels']:.3f} to {purities['pool']:.3f}. In the "
    f"dense layer it is **{purities['dense']:.3f}**, in the logits {purities['logits']:.3f}. The labels are near, and "
    "it shows."
)
assert purities["dense"] > purities["pool"] > purities["pixels"] - 0.05
assert purities["dense"] > purities["pixels"] + 0.1

# %% [markdown]
# Why there? The last layer can do no more than the classifier by hand did: add up its inputs with weights. So whatever
# cannot be parted by adding up must have been parted *before* it, and the layer just before it is where the digits have
# been pulled away from each other. One can see that. Here are the test images on the two principal components of the
# pixels, and then of the dense layer. The colours are the clusters that k-means finds.

# %%
dense = layer_features["dense"]
dense_clusters = clusters_of(dense)


def seen_from_above(features, clusters, title):
    points = reference_pca.transform(features, reference_pca.pca(features, 2))
    figure = figures.embedding(points, clusters, test_images, rng=np.random.default_rng(SEED), n_images=150)
    return titled(figure, title)


seen_from_above(test_X, pixel_clusters, "Pixels of the test images, on two principal components")

# %%
seen_from_above(dense, dense_clusters, "The dense layer of the same images, on two principal components")

# %% [markdown]
# Heaps, where there was a cloud. Two dimensions cannot show all ten apart; k-means looks at all of them.
#
# ### In one line
#
# The package does all this in the class `ClassifierFeatures`: training by its own loop, on all cores, then the layer
# that one asks for. It fits into a pipeline of scikit-learn.

# %%
features = ClassifierFeatures(
    "dense", model=spec, epochs=N_STEPS * BATCH_SIZE // len(images), batch_size=BATCH_SIZE, random_state=SEED
)
features.fit(images, labels)
say(
    f"Accuracy on the test images **{features.score(test_images, test_labels):.1%}**, purity of its dense layer "
    f"**{purity_of(features.transform(test_images)):.3f}**. It differs from ours by its random "
    "numbers, and it takes somewhat fewer steps, since it counts in whole epochs."
)

# %% [markdown]
# ## A classifier in disguise
#
# k-means has seen no label. Is this a clustering without labels, to be set beside k-means on pixels? Look at *which*
# images it gets right. Name each cluster after its most frequent digit. Then the clustering names every test image, and
# so does the classifier, by its largest logit:

# %%
table = metrics.contingency_matrix(test_labels, dense_clusters)  # [digits, clusters]
named_by_clusters = table.argmax(axis=0)[dense_clusters]
named_by_classifier = layer_features["logits"].argmax(axis=1)
assert np.isclose(np.mean(named_by_clusters == test_labels), purities["dense"])

clusters_wrong, classifier_wrong = named_by_clusters != test_labels, named_by_classifier != test_labels
print(f"named alike by both            {np.mean(named_by_clusters == named_by_classifier):.1%}")
print(f"wrong by the classifier        {classifier_wrong.sum()}")
print(f"wrong by the clusters          {clusters_wrong.sum()}")
print(f"wrong by both                  {(clusters_wrong & classifier_wrong).sum()}")

# %%
shared = np.mean(clusters_wrong[classifier_wrong])
same_answer = np.mean((named_by_clusters == named_by_classifier)[classifier_wrong])
say(
    f"Of the images that the classifier gets wrong, the clusters get **{shared:.0%}** wrong as well; of all images "
    f"only {clusters_wrong.mean():.1%}. For **{same_answer:.0%}** they even give the same wrong answer: they look with "
    "the same eyes."
)
assert shared > 3 * clusters_wrong.mean()
assert purities["dense"] < accuracy_of(network) + 0.01
figures.image_row(
    test_images[classifier_wrong][:20],
    [
        f"{digit}: {by_network}, {by_cluster}"
        for digit, by_network, by_cluster in zip(
            *(names[classifier_wrong][:20] for names in (test_labels, named_by_classifier, named_by_clusters)),
            strict=True,
        )
    ],
    title="What the classifier gets wrong: the digit, its own answer, the answer of the cluster",
)

# %% [markdown]
# So the clustering gives back what the labels have put in, and a little less. It is a **classifier in disguise**, and
# what it must be compared with is a classifier that had the same labels. That one wins, needs no k-means, and can
# *name* a digit, where clusters have to be named by looking at labels once more.
#
# ## What the labels cost
#
# If the labels are what was bought, how much does one get for how many? We pay for 50 labels, or 200, or more, and
# train each network on as many images, always with the same number of steps. Everything is repeated with other images
# (where there are more than we pay for) and other first parameters, and the mean of the repetitions counts. For no
# label at all there are two candidates: the pixels, and the dense layer of a network that has learned nothing.


# %%
def worth_of(budget, seed):
    """Accuracy of a network with so many labels, and purity of its dense layer; both on the test images."""
    paid_for = np.random.default_rng(seed).choice(len(images), budget, replace=False)
    network, _ = trained(spec, images[paid_for], labels[paid_for], seed=seed)
    return accuracy_of(network), purity_of(classifier.activations(network, test_images, "dense"))


worth = np.array([[worth_of(budget, seed) for seed in range(N_REPEATS)] for budget in BUDGETS])  # [budgets, repeats, 2]
accuracies, budget_purities = np.moveaxis(worth.mean(axis=1), 1, 0)
untrained_purity = purity_of(classifier.activations(untrained, test_images, "dense"))

print(f"{'labels':>8}{'accuracy of the classifier':>30}{'purity of its dense layer':>30}")
for budget, values in zip(BUDGETS, worth, strict=True):
    means, spreads = values.mean(axis=0), values.std(axis=0)
    print(f"{budget:8,}" + "".join(f"{mean:22.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)))

# %%
constant = np.ones(len(BUDGETS))
lines_over(
    BUDGETS,
    "number of labels",
    {
        "classifier: accuracy": {"on the test images": accuracies},
        "k-means on its dense layer: purity": {"on the test images": budget_purities},
        "k-means on pixels: purity, no labels": {"on the test images": pixel_purity * constant},
        "k-means on an untrained dense layer: purity, no labels": {"on the test images": untrained_purity * constant},
    },
    "What labels buy",
)

# %%
say(
    f"With {BUDGETS[0]} labels the clusters have a purity of {budget_purities[0]:.3f}, with {BUDGETS[-1]:,} it is "
    f"**{budget_purities[-1]:.3f}**. Without any, the untrained layer has {untrained_purity:.3f} and the pixels "
    f"{pixel_purity:.3f}. The classifier itself goes from {accuracies[0]:.3f} to {accuracies[-1]:.3f}."
)
assert (np.diff(budget_purities) > 0).all()
assert budget_purities[-1] > pixel_purity + 0.1
assert budget_purities[0] > accuracies[0] - 0.05
assert budget_purities[-1] < accuracies[-1]

# %% [markdown]
# Two things are worth noting. With the fewest labels the clusters are about as good as the classifier: k-means has also
# looked at how the *test* images lie, all at once, and the score told it the names of its ten clusters. With many
# labels that is no longer worth anything. And the steep part is at the left. What clusters are for, to find classes
# where there are no labels, happens at the far left of this picture. The famous figures come from its right end.
#
# ## Something is wrong here
#
# A colleague trains a network on a few hundred images and clusters by its *probabilities*, the softmax of the logits.
# No dropout, since "it only slows things down". The training goes perfectly. On the training images every cluster is
# pure. On the test images it is a disaster.

# %%
without_dropout = ClassifierSpec(widths=WIDTHS, dense_width=DENSE_WIDTH, dropout_rates=(0, 0))

few = np.random.default_rng(SEED).choice(len(images), N_FEW, replace=False)
few_images, few_labels = images[few], labels[:N_FEW]
strange, strange_history = trained(without_dropout, few_images, few_labels, n_steps=STRANGE_STEPS)


def probabilities(network, images):
    return softmax(classifier.class_scores(network, images))


few_clusters = clusters_of(probabilities(strange, few_images))
strange_on_few = metrics.purity_score(few_labels, few_clusters)
strange_on_test = purity_of(probabilities(strange, test_images))
strange_right = strange_history[-100:, 1].mean()
say(
    f"Accuracy on the {N_FEW} training images, in the last 100 steps: {strange_right:.1%}. Purity of k-means: "
    f"**{strange_on_few:.3f}** on the training images, **{strange_on_test:.3f}** on the test images, where the plain "
    f"pixels have {pixel_purity:.3f}."
)

# %%
figure = figures.random_images(few_images, few_clusters, rng=np.random.default_rng(SEED), n_images=9)
titled(figure, "Some training images of each cluster")

# %% [markdown]
# **Find out what went wrong.** Answer before you unfold. Is it overfitting, so that dropout or more images would mend
# it? (A network with only 50 labels, in the table above, was far better than this.) Are the test images of another
# kind? Look at the picture: clusters of training images, of which the score says that they are pure.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The clusters in the picture are not pure at all: each of them has all kinds of digits. Yet they agree with the labels
# of the training. So these *labels* do not belong to the images. And there it is, in the third line of the cell:
# `images[few]` are images drawn in a random order, and `labels[:N_FEW]` are the first labels in the old order. Each
# image got the label of another one.
#
# No score of the training can notice. A network with enough parameters learns any labels by heart, right or wrong, and
# then gives each training image a probability of nearly 1 for *its label*. Clusters of these probabilities are the
# labels themselves. A score on the training images compares them with the same wrong labels, and is content. It looks
# like overfitting, but this network was never told anything about digits.
#
# </details>

# %% [markdown]
# If that is the diagnosis, then the right labels must mend it, with everything else unchanged: no dropout, the same
# images, the same steps.

# %%
right_labels = labels[few]
mended, mended_history = trained(without_dropout, few_images, right_labels, n_steps=STRANGE_STEPS)
mended_on_few = metrics.purity_score(right_labels, clusters_of(probabilities(mended, few_images)))
mended_on_test = purity_of(probabilities(mended, test_images))
in_step = np.mean(few_labels == right_labels)

by_twenty = [history.reshape(-1, 20, 2).mean(axis=1).T for history in (strange_history, mended_history)]
curves = {
    words: {"loss": loss, "accuracy of the batches": accuracy}
    for words, (loss, accuracy) in zip(("labels out of step", "labels in step"), by_twenty, strict=True)
}
figure = titled(figures.training_curves(curves), "The same training, with wrong labels and with right ones")
for ax in figure.axes:
    ax.set_xlabel("steps, in twenties")
figure

# %%
say(
    f"Only {in_step:.0%} of the images had had their own label, as many as chance gives. On the training images the "
    f"two networks have purities of {strange_on_few:.3f} and {mended_on_few:.3f}; on the test images "
    f"**{strange_on_test:.3f}** and **{mended_on_test:.3f}**. Only the time that they take to learn could have told: "
    "wrong labels have to be learned one by one."
)
assert in_step < 0.25
assert strange_right > 0.95
assert strange_on_few > 0.95
assert strange_on_test < pixel_purity < mended_on_test

# %% [markdown]
# Keep this as an instrument. **Shuffle the labels** on purpose and run the whole method again. If the
# score falls, it hung on the labels. (What is left is not what the images are worth alone: wrong labels do harm. For
# that, compare with plain pixels, or with an untrained network.) A clustering that uses no labels does not change in a
# single image. And never score on the images of the training: there even nonsense is pure.
#
# ## Borrowed labels: a network that knows photographs
#
# There is another way to have features that were made with labels and still pay for none: take a network that was
# trained on *other* images. With the package comes a ResNet-20, trained on the 50,000 labelled photographs of CIFAR-10:
# aeroplanes, cars, birds, cats, and so on. It has never seen a digit.
#
# ### A residual block
#
# The network has 20 layers with weights, one after the other. Such towers used to be hard to train, until He et al.
# (2016) let each block of two layers compute not its answer but what should be *added* to its input:
#
# $$y = \text{relu}\big(x + f(x)\big)$$
#
# A block that has nothing to say may leave $f$ at zero and does no harm, and derivatives find their way down the tower
# by the plus sign. Inside $f$ are two convolutions, each followed by a *normalisation*, which brings every channel to
# the mean and the spread that the training found to be good. In NumPy:

# %%
resnet = PretrainedFeatures("cifar10-resnet20", layer="stage1").fit(test_images)
arrays = resnet.parameters_  # its weights, by name


def convolve(x, name):
    """A 3x3 convolution: for each of nine shifts, a product of the shifted picture with the weights of that shift."""
    (h, w, _), kernel = x.shape, arrays[f"{name}.conv.kernel"]  # [h, w, c_in], [3, 3, c_in, c_out]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(padded[i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3))


def normalise(x, name):
    mean, var, scale, bias = (arrays[f"{name}.norm.{part}"] for part in ("mean", "var", "scale", "bias"))
    return scale * (x - mean) / np.sqrt(var + 1e-5) + bias


def relu(x):
    return np.maximum(x, 0)


def f(x, block):
    for layer in (f"{block}.layers.0", f"{block}.layers.1"):
        change = normalise(convolve(x, layer), layer)
        x = relu(change)
    return change  # the relu of the second one comes after the sum


def residual_block(x, block):
    return relu(x + f(x, block))


# %% [markdown]
# Three such blocks, after a first convolution (the *stem*), make the first of three stages. For one digit, enlarged to
# the 32x32 pixels that the network knows and with its grey repeated as red, green and blue, we walk through them by
# hand. Then the package must say the same. Its twin of these lines is `Block` in `scratchclust/models/resnet.py`.

# %%
some_images, some_labels = test_images[:N_TRANSFER_IMAGES], test_labels[:N_TRANSFER_IMAGES]
eight = np.flatnonzero(some_labels == 8)[0]
enlarge = resampling_matrix(some_images.shape[1], 32)  # [32, h]
picture = np.repeat((enlarge @ some_images[eight, :, :, 0] @ enlarge.T)[:, :, None], 3, axis=2)  # [32, 32, 3]

x = (picture - np.array(resnet.spec_.mean)) / np.array(resnet.spec_.std)
steps = [relu(normalise(convolve(x, "stem"), "stem"))]
for block in ("stages.0.layers.0", "stages.0.layers.1", "stages.0.layers.2"):
    steps.append(residual_block(steps[-1], block))

stage1 = resnet.transform(some_images)  # [n, 32 x 32 x 16]
np.testing.assert_allclose(stage1[eight].reshape(32, 32, 16), steps[-1], rtol=1e-3, atol=1e-3)
print(f"after the stem {steps[0].shape}, after the first stage {steps[-1].shape}: the same as the package's")

# %% [markdown]
# What does a block do? Here is its input $x$ in ten of its channels, what it adds, and the sum after the relu. In the
# middle row grey is zero, white is added and black is taken away.


# %%
def channel_pictures(answer, channels):
    """Some channels of an answer [h, w, c], each as a picture [32, 32, 1] between 0 and 1."""
    chosen = np.moveaxis(answer, 2, 0)[channels]
    times = 32 // len(answer)  # every pixel becomes a square of so many
    large = np.kron(chosen, np.ones((1, times, times)))
    return large[:, :, :, None] / np.abs(chosen).max()


def busiest(answer):
    """The channels that vary most over the picture."""
    return np.sort(answer.var(axis=(0, 1)).argsort()[-N_CHANNELS:])


def rows_of_pictures(lines, title):
    """A row of pictures for each line of text."""
    texts = [text for line in lines for text in [line, *[""] * (N_CHANNELS - 1)]]
    return figures.image_row(np.concatenate(list(lines.values())), texts, title=title)


last_block = "stages.0.layers.2"
channels = busiest(steps[-1])
change = f(steps[-2], last_block)
rows_of_pictures(
    {
        "the input x": channel_pictures(steps[-2], channels),
        "what is added, f(x)": 0.5 + 0.5 * channel_pictures(change, channels),
        "relu(x + f(x))": channel_pictures(steps[-1], channels),
    },
    "The third residual block, and what it makes of an eight",
)

# %% [markdown]
# And the layers, from the stem to the last picture: the second and third stage have twice the channels of the one
# before, and half the height and width. (`PretrainedFeatures` also knows the last one as `"last_conv"`.) After them the
# *pool* takes the mean over the picture, in each of the 64 channels. We compute all of them for the first
# of the test images, since we shall need them.

# %%
PICTURES = {"stem": (32, 32, 16), "stage1": (32, 32, 16), "stage2": (16, 16, 32), "stage3": (8, 8, 64)}
LAYERS = (*PICTURES, "pool")
of_photographs = {layer: PretrainedFeatures(layer=layer).fit_transform(some_images) for layer in LAYERS}

answers = {}
for layer, shape in PICTURES.items():
    answer = of_photographs[layer][eight].reshape(shape)
    answers[f"{layer}: {' x '.join(map(str, shape))}"] = channel_pictures(answer, busiest(answer))
rows_of_pictures(answers, "What the layers answer to the same eight, in the channels that vary most")

# %% [markdown]
# Early layers answer with edges and strokes, and still show the digit. Late ones say *that* something is there, and
# only roughly where.
#
# ### Does it help?
#
# k-means on each layer, for all ten digits and, an easier task, for 5, 6, 8 and 9 alone with $k = 4$. To know what the
# *photographs* have contributed, and what merely the shape of the network, the same is done with a network of the same
# shape and random weights, which has learned nothing.

# %%
from scratchclust.features import pretrained
from scratchclust.features.networks import arrays_of

resnet_shape = resnet.network_shape_  # (32, 32, 3)
first_arrays = arrays_of(resnet.spec_.build(resnet_shape, rngs=nnx.Rngs(SEED)))
untrained_resnet = pretrained.Pretrained(resnet.spec_, first_arrays, resnet_shape).model
of_nothing = {layer: pretrained.features(untrained_resnet, some_images, layer, resnet_shape) for layer in LAYERS}

four = np.isin(some_labels, FOUR)


def two_purities(features):
    """The purities of several clusterings of ten digits, and of the four: [2, N_REPEATS]."""
    found = []
    for part, truth, k in ((features, some_labels, 10), (features[four], some_labels[four], len(FOUR))):
        numbers = squeezed(part)
        runs = [kmeans(numbers, k, rng=np.random.default_rng(seed), n_init=N_STARTS) for seed in range(N_REPEATS)]
        found.append([metrics.purity_score(truth, run.labels) for run in runs])
    return np.array(found)


pixel_runs = two_purities(flatten(some_images))
stage3_runs, pool_runs = (two_purities(of_photographs[layer]) for layer in ("stage3", "pool"))
by_pixels = pixel_runs.mean(axis=1)
by_photographs = {layer: two_purities(features).mean(axis=1) for layer, features in of_photographs.items()}
by_nothing = {layer: two_purities(features).mean(axis=1) for layer, features in of_nothing.items()}

# %%
panels = {}
for task, words in enumerate(("10 digits", "5, 6, 8, 9")):
    panels[f"{words}: trained"] = [by_pixels[task], *(by_photographs[layer][task] for layer in LAYERS)]
    panels[f"{words}: random"] = [by_pixels[task], *(by_nothing[layer][task] for layer in LAYERS)]
figure = figures.comparison_bars(["pixels", *LAYERS], panels)
for ax in figure.axes:
    ax.set_xlim(0, 1.1)  # one scale for all, so that bars compare
titled(figure, "Purity of k-means on the layers of a ResNet-20, mean of several runs")

# %%
pixels_ten, pool_ten, untrained_ten = by_pixels[0], by_photographs["pool"][0], by_nothing["pool"][0]
best = max(LAYERS, key=lambda layer: by_photographs[layer][0])
taught = all(by_photographs["pool"][task] > by_nothing["pool"][task] for task in (0, 1))
say(
    "- The **pool** is what one usually takes, and what `PretrainedFeatures` gives unless told otherwise. For ten "
    f"digits it has a purity of **{pool_ten:.3f}**, and the pixels have **{pixels_ten:.3f}**. Fifty thousand borrowed "
    "labels, and it is worse than without any.\n"
    f"- {'Still the photographs have' if taught else 'Nor have the photographs everywhere'} taught something that "
    f"digits can use: random weights have {untrained_ten:.3f} at the same place. For 5, 6, 8 and 9 it is "
    f"{by_photographs['pool'][1]:.3f} against "
    f"{by_nothing['pool'][1]:.3f}. One layer before, in stage3, {by_photographs['stage3'][1]:.3f} against "
    f"{by_nothing['stage3'][1]:.3f} for these four, and {by_photographs['stage3'][0]:.3f} against "
    f"{by_nothing['stage3'][0]:.3f} for all ten. Without the random network one would have thanked the photographs for "
    "all of it.\n"
    "- From stage3 to the pool nothing happens but a mean over the places, and the purity falls from "
    f"{by_photographs['stage3'][0]:.3f} to {pool_ten:.3f}. A bird is a bird wherever it sits in the photograph, and "
    "the mean is good for that. But 6 and 9 are the same strokes at other places.\n"
    f"- The best for ten digits is {best}, with {by_photographs[best][0]:.3f}. **We may not take it**: it was found by "
    "looking at the labels of the test images."
)
assert pool_ten < pixels_ten - 0.05
assert not REAL_DATA or taught
assert not REAL_DATA or by_photographs["stage3"][1] > max(by_nothing["stage3"][1], by_pixels[1])
assert by_photographs["stage3"][0] > pool_ten

# %% [markdown]
# So the pool, where the photographs were told apart, knows what *their* labels asked for, and that is another question
# than ours. In the layers before it, which still have places, there may be something to gain, without any label of a
# digit. But whoever chooses the layer by its score has used labels again. To be honest one must choose beforehand, or
# on *other* labelled images, and say so. The recipe `pretrained` named two beforehand, the last layer that is a
# picture, which is stage3, and the pool, for 5, 6, 8 and 9, and it reports both. Here are mean and spread over runs of
# k-means with other random starts, on the same images:

# %%
for task, words in enumerate(("ten digits", "5, 6, 8 and 9")):
    all_runs = {"pixels": pixel_runs, "stage3": stage3_runs, "pool": pool_runs}
    shown = (f"{name} {runs[task].mean():.3f} ± {runs[task].std():.3f}" for name, runs in all_runs.items())
    print(f"{words:15} {'   '.join(shown)}")
gains = [stage3_runs[task].mean() - max(by_pixels[task], by_nothing["stage3"][task]) for task in (0, 1)]
say(
    f"Against the better of pixels and random weights, stage3 makes a difference of {gains[1]:+.3f} for the four "
    f"digits and of {gains[0]:+.3f} for all ten. It is one set of images and one random network."
)

# %% [markdown]
# A network that was trained on millions of photographs of a thousand kinds has more general features than this small
# one. `PretrainedFeatures` reads such ResNets too, and what has to be asked of them is the same: which labels went in,
# and what does the same network say that has learned nothing?

# %% [markdown]
# ## What it takes
#
# The classifier by hand and its twin in JAX, for loss and gradients of all training images; and the two networks, for
# the features of some images. The programs run in turn, several times, and the median counts. Each has run before, so
# that JAX has compiled what it needs.


# %%
def clocked(program):
    began = time.perf_counter()
    jax.block_until_ready(program())
    return time.perf_counter() - began


few_test_images = test_images[:TIMING_IMAGES]
resnet_pool = PretrainedFeatures(layer="pool").fit(few_test_images)
programs = {
    "gradients by hand, NumPy": (lambda: loss_and_gradients(W, b, X, targets), len(X)),
    "the same gradients, JAX": (lambda: loss_and_gradients_jax((W, b), X, labels), len(X)),
    "dense layer of the small network": (lambda: classifier.activations(network, few_test_images, "dense"), None),
    "pool of the ResNet-20": (lambda: resnet_pool.transform(few_test_images), None),
}
turns = [{name: clocked(program) for name, (program, _) in programs.items()} for _ in range(TIMING_RUNS + 1)][1:]

print(f"{'':36}{'images':>8}{'seconds':>10}{'images a second':>18}")
for name, (_, n) in programs.items():
    n, seconds = n or len(few_test_images), np.median([turn[name] for turn in turns])
    print(f"{name:36}{n:8,}{seconds:10.4f}{n / seconds:18,.0f}")
print(f"\nThe small network was trained in {training_seconds:.0f} s, compilation included.")

# %% [markdown]
# Take it as what it is: one machine, with whatever else it had to do. JAX need not win: a few products of matrices are
# NumPy's best case. What does not show in any table of times is the
# greatest cost of all, the labels. Nobody has timed the people who wrote them.
#
# ## Exercise: fifty labels, better spent
#
# We gave labels to images drawn at random, and clustered afterwards. Turn it round: **cluster first, then ask**.
# Cluster the training images by their pixels into 50 clusters, without labels. Of each cluster only the image nearest
# to its centroid is shown to a person, who says what it is: 50 labels. A test image gets the label of its nearest
# centroid. What accuracy has that, beside the classifier that spent 50 labels at random? And why can that be, though
# k-means on pixels is such a poor thing?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# from scratchclust import KMeans
#
# n_labels = BUDGETS[0]
# model = KMeans(n_labels, n_init=N_STARTS, random_state=SEED).fit(X)
# asked = np.asarray(model.transform(X)).argmin(axis=0)  # for each centroid, the nearest of the training images
# label_of_cluster = labels[asked]
# cluster_first = np.mean(label_of_cluster[np.asarray(model.predict(test_X))] == test_labels)
# print(f"{n_labels} labels, asked for after clustering {cluster_first:.3f}")
# print(f"{n_labels} labels at random, network          {accuracies[0]:.3f}")
# assert cluster_first > by_k[0]["purity"]
# ```
#
# Fifty clusters are much purer than ten, which is what we held against purity at the beginning. Here it is no cheat:
# each cluster is paid for, with one label. Ten clusters cannot hold ten digits that are written in many ways, fifty
# hold them better, and a label given to the middle of a heap counts for the heap. That is what a clustering is good
# for: not to find labels, but to spend few of them well.
#
# </details>
#
# ## What to read next
#
# - The files: [scratchclust/models/classifier.py](../scratchclust/models/classifier.py) and
#   [scratchclust/models/resnet.py](../scratchclust/models/resnet.py), the two networks;
#   [scratchclust/features/classifier.py](../scratchclust/features/classifier.py) and
#   [scratchclust/features/pretrained.py](../scratchclust/features/pretrained.py), their layers as features;
#   [scratchclust/train/losses.py](../scratchclust/train/losses.py) with the cross-entropy. The two twins of Adadelta:
#   [scratchclust/reference/optimizers.py](../scratchclust/reference/optimizers.py) and
#   [scratchclust/train/optimizers.py](../scratchclust/train/optimizers.py).
# - The whole experiments, with the full network, all images and more pictures: `scratchclust run classifier` and
#   `scratchclust run pretrained`. (The first clusters all 70,000 images, 60,000 of which the network has learned, as
#   those did who published the 98.5%; it says what the test images alone give, too.)
# - K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition*, CVPR 2016: the residual block.
#   N. Srivastava et al., *Dropout: a simple way to prevent neural networks from overfitting*, JMLR 2014. M. Zeiler,
#   *ADADELTA: an adaptive learning rate method*, 2012.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, *Understanding deep learning requires rethinking
#   generalization*, ICLR 2017: networks that learn shuffled labels by heart.
# - J. Yosinski, J. Clune, Y. Bengio and H. Lipson, *How transferable are features in deep neural networks?*, NeurIPS
#   2014: which layers can be borrowed.
# - The next tutorial, [07_one_autoencoder_per_digit](07_one_autoencoder_per_digit.ipynb): the other way to make
#   features from labels.
