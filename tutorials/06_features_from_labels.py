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
# # Features from labels, and what they cost
#
# *40 minutes. Before this page: [01](01_kmeans.ipynb), [02](02_scores_with_labels.ipynb) and
# [04c](04c_convolutions_in_flax.ipynb). It runs in about a minute.*
#
# Train a network to tell digits apart, take what its last layer but one says about each image, and let k-means cluster
# *that*. k-means sees no label, and its clusters are nearly pure. At the end of this page you can take features
# from a network that you have trained with labels, in NumPy and in JAX, and say what pure clusters of them are worth:
# how much was bought with labels, what purity cannot see, and what happens when the labels are wrong.
#
# You need Python and some NumPy, and from 04b and 04c what a layer and a training step are. One derivative of a
# logarithm is worked out in two lines.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import PCA, TSNE, ClassifierFeatures, ClassifierSpec, KMeans, data, devices, metrics
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import features as draw
from scratchclust.report import figures

devices.use_all_cores()  # for JAX; it must be told before its first use

digits = data.load("mnist_2000")
order = np.random.default_rng(0).permutation(len(digits.images))
train, test = order[:1200], order[1200:]  # no image is in both

spec = ClassifierSpec(widths=(8, 16), dense_width=64)  # a small convolutional network, explained below
taught = ClassifierFeatures("dense", model=spec, epochs=12, batch_size=50, random_state=0)
taught.fit(digits.images[train], digits.labels[train])
shown = {
    "their pixels": TSNE(random_state=0).fit_transform(flatten(to_unit(digits.images[test]))),
    "a layer of a network that was taught digits": TSNE(random_state=0).fit_transform(
        taught.transform(digits.images[test])
    ),
}
draw.maps(
    "t-SNE maps of the same 800 images, which the network had not seen",
    shown,
    digits.labels[test],
    range(10),
    "Two maps of dots in ten colours, one for each digit. On the left, made from pixels, several colours run into each "
    "other. On the right, made from a layer of the network, there are ten islands, nearly each of one colour.",
)

# %% [markdown]
# Ten islands, on images that the network had never seen. The question of this page is who made them: the images, or
# the labels. (The folded cell has loaded `digits`: 2,000 `images` [2000, 28, 28, 1] and their `labels`. `train` has the
# numbers of 1,200 of them, `test` those of the other 800; `spec` says which network. The one of the map was trained
# with another optimiser than the networks below.)
#
# ## Two piles of images
#
# Of the 1,200 **training images** we may look at the labels. They are what a classifier learns from, and each of them
# has cost somebody the work of looking at an image and writing down what it is. The 800 **test images** are those that
# we want to cluster. Their labels serve for scores only, and no setting was chosen by them.

# %%
images, labels = to_unit(digits.images[train]), digits.labels[train]  # [n, 28, 28, 1], from 0 (black) to 1 (white)
test_images, test_labels = to_unit(digits.images[test]), digits.labels[test]
X, test_X = flatten(images), flatten(test_images)  # [n, d]

# %% [markdown]
# What is to be beaten? k-means on the pixels of the test images, which costs no label at all. The **purity** names each
# cluster after its most frequent digit, and counts the images that are named rightly. With $n_{ij}$ images of digit $i$
# in cluster $j$, and $n$ in all,
#
# $$\text{purity} = \frac{1}{n} \sum_j \max_i n_{ij}$$
#
# Later we shall cluster features of 10, of 64 and of thousands of numbers. To treat them alike, and to be quick,
# k-means gets at most 64 numbers for an image: of what is longer, the first principal components ([03](03_pca.ipynb)).


# %%
def clusters_of(features, k=10, seed=0, n_init=4):
    if features.shape[1] > 64:
        features = PCA(64, random_state=0).fit_transform(features)
    return KMeans(n_clusters=k, n_init=n_init, random_state=seed).fit(features).labels_


def purity_of(features, seed=0):
    """The purity of ten clusters of the test images."""
    return metrics.purity_score(test_labels, clusters_of(features, seed=seed))


pixel_clusters = clusters_of(test_X)
pixel_purities = [purity_of(test_X, seed) for seed in range(3)]
pixel_purity = np.mean(pixel_purities)
print("purity of k-means on pixels, three seeds:", np.round(pixel_purities, 3))
assert min(pixel_purities) > 0.5
assert max(pixel_purities) < 0.65

# %% [markdown]
# ## What purity cannot see
#
# Before we chase a number, a look at what it is made of. The **accuracy** gives each digit to at most one cluster. The
# **purity** lets several clusters have the same name. And one also meets the **mean cluster purity**: the share of the
# most frequent digit in each cluster, and then the mean over the $k$ clusters, whatever their sizes:
#
# $$\text{mean cluster purity} = \frac{1}{k} \sum_j \frac{\max_i n_{ij}}{\sum_i n_{ij}}$$
#
# Take nine images out, one for each of nine clusters, and leave the other 791 in the tenth.
#
# **Predict, then run.** Nothing was looked at. About how large is each of the three scores?

# %%
nothing = np.zeros(len(test_labels), int)
nothing[:9] = np.arange(1, 10)
for name, score in {
    "accuracy": metrics.clustering_accuracy,
    "purity": metrics.purity_score,
    "mean cluster purity": metrics.mean_cluster_purity,
}.items():
    print(f"{name:20} pixels {score(test_labels, pixel_clusters):.3f}   nothing {score(test_labels, nothing):.3f}")

# %% tags=["hide-input"]
assert metrics.mean_cluster_purity(test_labels, nothing) > 0.9
assert metrics.purity_score(test_labels, nothing) < 0.2

# %% [markdown]
# Below 0.2 for the first two, and more than 0.9 for the third. A cluster of one image is always pure, and in that mean
# it counts as much as all the rest together. The plain purity is not taken in. But it has a weakness too: it does not
# mind how *many* clusters there are. So ask for more, of the same pixels (with one start of k-means each, to be quick,
# so that the curves begin lower than the scores above):

# %%
counts = (10, 30, 100, 300)
numbers = PCA(64, random_state=0).fit_transform(test_X)
finer = [clusters_of(numbers, k, n_init=1) for k in counts]
purities_by_k = [metrics.purity_score(test_labels, clusters) for clusters in finer]
accuracies_by_k = [metrics.clustering_accuracy(test_labels, clusters) for clusters in finer]

# %% tags=["hide-input"]
assert purities_by_k[-1] > 0.9
assert purities_by_k[0] < 0.65
assert (np.diff(purities_by_k) > 0).all()
assert (np.diff(accuracies_by_k) < 0).all()
draw.over_counts(
    "k-means on the same pixels, in more and more clusters",
    counts,
    {"purity": purities_by_k, "accuracy": accuracies_by_k},
    "Two lines over the number of clusters, from 10 to 300. The purity rises from about 0.5 to over 0.9; the accuracy "
    "falls from nearly 0.5 to 0.1.",
    x="number of clusters k",
    y="score",
)

# %% [markdown]
# Nothing has been learned on the way from $k = 10$ to $k = 300$, and the purity rises above 0.9. Only the accuracy
# minds. So a purity is worth nothing without its $k$, and a mean cluster purity nothing without the sizes of the
# clusters. From here on $k$ is 10 for all, and we use the plain purity.
#
# ## A classifier by hand
#
# A classifier gives each digit $i$ a number, the **logit** $u_i$. The digit with the largest one is its answer. The
# simplest adds up the pixels $x$ with weights $W$ and a constant for each digit, $u = x W + b$. The **softmax** makes
# probabilities of logits, and the **cross-entropy** is the loss: minus the logarithm of the probability $p_y$ that it
# gave to the right digit $y$, as a mean over the images.
#
# $$p_i = \frac{e^{u_i}}{\sum_r e^{u_r}}, \qquad \text{loss} = -\log p_y = \log \sum_r e^{u_r} - u_y$$
#
# The derivative of the first term by $u_i$ is $e^{u_i} / \sum_r e^{u_r}$, which is $p_i$ again. That of the second is 1
# for the right digit and 0 for the others: call it $y_i$. So
#
# $$\frac{\partial\, \text{loss}}{\partial u_i} = p_i - y_i$$
#
# *what it said minus what it should have said*. And since $u = x W + b$, each weight gets its share of that by the
# pixel that it multiplies.


# %%
def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))  # the maximum cancels, and nothing overflows
    return powers / powers.sum(axis=1, keepdims=True)


def loss_and_gradients(W, b, X, targets):
    p = softmax(X @ W + b)  # [n, 10]
    loss = -np.log((p * targets).sum(axis=1)).mean()
    error = (p - targets) / len(X)
    return loss, X.T @ error, error.sum(axis=0)


# %% [markdown]
# As in [04](04_downhill.ipynb) and 04b, a gradient is believed when pushing a weight up a little and down a little says
# the same:

# %%
targets = np.eye(10)[labels]  # [n, 10], a one at the label
rng = np.random.default_rng(0)
W, b = 0.1 * rng.standard_normal((X.shape[1], 10)), np.zeros(10)
_, by_formula, _ = loss_and_gradients(W, b, X, targets)
for pixel in X.mean(axis=0).argsort()[-3:]:  # three pixels where there is ink
    push = np.zeros_like(W)
    push[pixel, 8] = 1e-5
    up, down = (loss_and_gradients(W + sign * push, b, X, targets)[0] for sign in (1, -1))
    print(f"pixel {pixel}, for 8: {by_formula[pixel, 8]:.8f} by formula, {(up - down) / 2e-5:.8f} by pushing")
    assert abs(by_formula[pixel, 8] - (up - down) / 2e-5) < 1e-7

# %% [markdown]
# Now downhill, all training images at once, from weights of zero:

# %%
W, b, history = np.zeros((X.shape[1], 10)), np.zeros(10), []
for _ in range(200):
    loss, W_gradient, b_gradient = loss_and_gradients(W, b, X, targets)
    W, b = W - 0.5 * W_gradient, b - 0.5 * b_gradient
    history.append(loss)
linear_accuracy = np.mean((test_X @ W + b).argmax(axis=1) == test_labels)
print(f"loss {history[0]:.2f} -> {history[-1]:.2f}; {linear_accuracy:.1%} of the test images named rightly")

# %% tags=["hide-input"]
assert np.isclose(history[0], np.log(10))
assert (np.diff(history) < 0).all()
assert 0.8 < linear_accuracy < 0.92
weights = 0.5 + 0.5 * W.T.reshape(10, 28, 28, 1) / np.abs(W).max()
draw.entitled(
    figures.image_row(weights, [f"for {digit}" for digit in range(10)]),
    "Its weights: white speaks for the digit, black against it",
    "Ten grey pictures of weights. That for 0 is a white ring around a black middle; the others show blurred strokes.",
)

# %% [markdown]
# (The loss began at $\log 10 \approx 2.30$: ten equal probabilities are the answer of somebody who knows nothing.)
#
# ## A classifier with inner layers
#
# The classifier by hand goes from the pixels to the answer at one stroke. There is nothing in between that could serve
# as features. A network has layers, and each of them says something about the image that is a little less about pixels
# and a little more about digits. This is the package's, made narrow to be quick (`spec`). Its convolutions add no zeros
# around the image, unlike that of 04c, so that 3x3 makes 26x26 places of 28x28; "maximum of 2x2" keeps the largest of
# each four neighbours:

# %%
from functools import partial

import jax
import optax
from flax import nnx

from scratchclust.features import classifier
from scratchclust.train import losses, optimizers

untrained = spec.build((28, 28, 1), rngs=nnx.Rngs(0))
what_they_do = ("convolution 3x3, relu", "convolution 3x3, relu", "maximum of 2x2", "dense, relu", "dense")
for layer, words in zip(untrained.layer_names, what_they_do, strict=True):
    d = classifier.activations(untrained, images[:1], layer).shape[1]
    print(f"{layer:8}{words:24}{d:7,} numbers for an image")

# %% [markdown]
# With so many weights a network can learn its training images by heart. **Dropout** makes that harder (Srivastava and
# others, 2014): in each step of the training a random part of a layer is set to zero, so that no part can rely on
# another. What is kept is enlarged, so that sums stay the same on average. After the training nothing is dropped.


# %%
def dropout(values, rate, rng):
    kept = rng.random(values.shape) >= rate
    return np.where(kept, values / (1 - rate), 0)


print(dropout(np.ones(12), 0.5, np.random.default_rng(0)))

# %% [markdown]
# The training is that of 04c: a compiled step of Adam on a random batch. New is the `key`, which decides what is
# dropped, and `has_aux=True`, which hands the accuracy of the batch through beside the loss. `nnx.split` takes the
# weights out of a network, so that they can be an argument, and `nnx.merge` puts them in again.

# %%
adam = optimizers.adam(1e-3)


@partial(jax.jit, static_argnames="graphdef")
def step(graphdef, params, opt_state, batch, labels, key):
    def loss_of(params):
        logits = nnx.merge(graphdef, params, copy=True)(batch, key=key)
        return losses.cross_entropy(logits, labels), (logits.argmax(axis=1) == labels).mean()

    (loss, accuracy), gradients = jax.value_and_grad(loss_of, has_aux=True)(params)
    updates, opt_state = adam.update(gradients, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, (loss, accuracy)


def trained(spec, images, labels, seed=0, n_steps=240):
    """The network after its training, and its loss and accuracy in each step."""
    graphdef, params = nnx.split(spec.build(images.shape[1:], rngs=nnx.Rngs(seed)))
    opt_state, rng, found = adam.init(params), np.random.default_rng(seed), []
    for key in jax.random.split(jax.random.key(seed), n_steps):
        batch = rng.choice(len(images), 50, replace=False)
        params, opt_state, scores = step(graphdef, params, opt_state, images[batch], labels[batch], key)
        found.append(scores)
    return nnx.merge(graphdef, params), np.array(found)


def accuracy_of(network):
    """The share of the test images that a network names rightly."""
    return np.mean(classifier.class_scores(network, test_images).argmax(axis=1) == test_labels)


networks = [trained(spec, images, labels, seed)[0] for seed in range(3)]
network_accuracies = np.array([accuracy_of(network) for network in networks])
print("named rightly:", network_accuracies.round(3), " by hand:", linear_accuracy.round(3))
assert network_accuracies.min() > linear_accuracy
assert 0.89 < network_accuracies.mean() < 0.96

# %% [markdown]
# ## Its layers as features
#
# Now what we came for. The **activations** of a layer, what it answers to an image, are the features of that image.
# k-means clusters the *test* images by them.
#
# **Predict, then run.** From the pixels to the logits there are five layers. Where does the purity make its jump?

# %%
layers = untrained.layer_names
layer_purities = {
    layer: [purity_of(classifier.activations(network, test_images, layer)) for network in networks] for layer in layers
}
for name, purities in {"pixels": pixel_purities, **layer_purities}.items():
    print(f"{name:8} {np.mean(purities):.3f}   each {np.round(purities, 3)}")

# %% tags=["hide-input"]
jumps = np.diff([np.mean(pixel_purities), *(np.mean(purities) for purities in layer_purities.values())])
assert layers[jumps.argmax()] == "dense"
assert jumps.max() > 0.15

# %% [markdown]
# In the dense layer. Why there? Adding up the pixels with weights parts nearly nine tenths of the digits, too, and yet
# k-means on the pixels does not see them: weights can look past all in which two sevens differ, and a distance cannot.
# The layer right before the logits was trained until the digits differ *more than anything else does* in it, and that
# is what k-means needs. That is the map at the top of the page, and with the package it takes two lines (its optimiser
# is Adadelta, whose steps measure themselves by earlier ones):
#
# ```python
# taught = ClassifierFeatures("dense", model=spec, epochs=12, batch_size=50, random_state=0)
# taught.fit(images, labels).transform(test_images)
# ```
#
# ## A classifier in disguise
#
# k-means has seen no label. Is this a clustering without labels, to be set beside k-means on pixels? Look at *which*
# images it gets right. Name each cluster after its most frequent digit. Then the clustering names every test image, and
# so does the classifier, by its largest logit.
#
# **Predict, then run.** The clusters name most images rightly. Of the few that the *classifier* gets wrong, how many do
# the clusters get wrong as well?

# %%
network = networks[0]
dense_clusters = clusters_of(classifier.activations(network, test_images, "dense"))
table = metrics.contingency_matrix(test_labels, dense_clusters)  # [digits, clusters]
by_clusters = table.argmax(axis=0)[dense_clusters]
by_classifier = classifier.class_scores(network, test_images).argmax(axis=1)

clusters_wrong, classifier_wrong = by_clusters != test_labels, by_classifier != test_labels
shared = clusters_wrong[classifier_wrong].mean()
print(f"wrong by the clusters: {clusters_wrong.mean():.1%} of all images,")
print(f"                       {shared:.1%} of those that the classifier gets wrong")

# %% tags=["hide-input"]
assert shared > 0.6
assert shared > 3 * clusters_wrong.mean()
wrong = np.flatnonzero(classifier_wrong)[:16]
assert np.mean(layer_purities["dense"]) < network_accuracies.mean()
assert (by_classifier[wrong] == by_clusters[wrong]).mean() > 0.5
draw.entitled(
    figures.image_row(test_images[wrong], [f"{test_labels[i]}: {by_classifier[i]}, {by_clusters[i]}" for i in wrong]),
    "What the classifier gets wrong: the digit, its own answer, the answer of the cluster",
    "Sixteen digits, hard to read. Above most of them the classifier and the cluster give the same wrong answer.",
)

# %% [markdown]
# More than half of them. They look with the same eyes. The clustering gives back what the labels have put in, and a
# little less. It is a **classifier in disguise**, and what it must be compared with is a classifier that had the same
# labels. That one wins, needs no k-means, and can *name* a digit, where clusters have to be named by looking at labels
# once more.
#
# ## What the labels cost
#
# If the labels are what was bought, how much does one get for how many? We pay for 50, 200 or 800, and train networks
# on so many images, each three times, with other images and other first weights.


# %%
budgets = (50, 200, 800)


def worth_of(budget, seed):
    """Accuracy of a network with so many labels, and purity of its dense layer; both on the test images."""
    paid_for = np.random.default_rng(seed).choice(len(images), budget, replace=False)
    network, _ = trained(spec, images[paid_for], labels[paid_for], seed, n_steps=150)
    return accuracy_of(network), purity_of(classifier.activations(network, test_images, "dense"))


worth = np.array([[worth_of(budget, seed) for seed in range(3)] for budget in budgets])  # [budgets, seeds, 2]
untrained_purity = purity_of(classifier.activations(untrained, test_images, "dense"))
for budget, (accuracy, purity) in zip(budgets, worth.mean(axis=1), strict=True):
    print(f"{budget:4} labels: accuracy of the classifier {accuracy:.3f}, purity of its dense layer {purity:.3f}")

# %% tags=["hide-input"]
accuracies, purities = np.moveaxis(worth, 2, 0)  # [budgets, seeds] each
assert (np.diff(accuracies.mean(axis=1)) > 0).all()
assert (np.diff(purities.mean(axis=1)) > 0).all()
assert purities[-1].min() > pixel_purity + 0.2
assert purities[0].mean() > pixel_purity
assert accuracies[0].mean() - purities[0].mean() < 0.1
assert (purities.mean(axis=1) < accuracies.mean(axis=1)).all()
assert untrained_purity < pixel_purity + 0.1
draw.over_counts(
    "What labels buy",
    budgets,
    {
        "classifier: accuracy": accuracies,
        "clusters of its\ndense layer: purity": purities,
        "pixels: purity,\nno labels": pixel_purity,
        "untrained dense layer:\npurity, no labels": untrained_purity,
    },
    "Two rising lines over 50, 200 and 800 labels, with three dots each. The accuracy of the classifier lies above the "
    "purity of the clusters everywhere. Two level lines below show the purity without labels.",
    x="number of labels",
    y="on the 800 test images",
)

# %% [markdown]
# The steep part is at the left: the first 200 labels buy most of what there is to be had. What clusters are *for*, to
# find classes where there are no labels, happens left of all that is drawn, where the level lines begin. Figures near
# 99% come from far beyond its right end: our own `scratchclust run classifier`, with MNIST's 60,000 training labels,
# names 99% of the test images rightly, and its ten clusters of these, of about equal sizes, have a mean purity of
# 0.987 or more.
#
# ## Something is wrong here
#
# A colleague trains a network on 200 images and clusters by its *probabilities*, the softmax of the logits. No dropout,
# since "it only slows things down". The training goes perfectly. On the training images every cluster is pure. On the
# test images it is a disaster.

# %%
without_dropout = ClassifierSpec(widths=(8, 16), dense_width=64, dropout_rates=(0, 0))
few = np.random.default_rng(0).choice(len(images), 200, replace=False)
few_images, few_labels = images[few], labels[:200]
strange, strange_history = trained(without_dropout, few_images, few_labels)


def scores_of(network, own_labels):
    """The purities of k-means on the probabilities, of its training images and of the test images."""
    probabilities = [softmax(classifier.class_scores(network, these)) for these in (few_images, test_images)]
    return metrics.purity_score(own_labels, clusters_of(probabilities[0])), purity_of(probabilities[1])


print("training accuracy in the last 20 steps:", strange_history[-20:, 1].mean().round(3))
on_few, on_test = scores_of(strange, few_labels)
print(f"purity {on_few:.3f} on the training images, {on_test:.3f} on the test images; pixels {pixel_purity:.3f}")

# %% tags=["hide-input"]
assert strange_history[-20:, 1].mean() > 0.95
assert on_few > 0.95
assert on_test < 0.35 < pixel_purity
few_clusters = clusters_of(softmax(classifier.class_scores(strange, few_images)))
draw.entitled(
    figures.random_images(few_images, few_clusters, rng=np.random.default_rng(0), n_images=9),
    "Some training images of each cluster",
    "Ten panels of nine digits each. In every panel there are many different digits.",
)

# %% [markdown]
# **Find out what went wrong.** Answer before you unfold. Is it overfitting, so that dropout or more images would mend
# it? (A network with only 50 labels, in the table above, was far better than this.) Are the test images of another
# kind? Look at the picture: clusters of training images, of which the score says that they are pure.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The clusters in the picture are not pure at all: each of them has many kinds of digits. Yet they agree with the labels
# of the training. So these *labels* do not belong to the images. And there it is, in the third line of the cell:
# `images[few]` are images drawn in a random order, and `labels[:200]` are the first labels in the old order. Each image
# got the label of another one.
#
# No score of the training can notice. A network with enough weights learns any labels by heart, right or wrong (Zhang
# and others, 2017), and then gives each training image a probability of nearly 1 for *its label*. Clusters of these
# probabilities are the labels themselves. A score on the training images compares them with the same wrong labels, and
# is content. It looks like overfitting, but this network was never told anything about digits.
#
# </details>
#
# If that is the diagnosis, then the right labels must mend it, with everything else unchanged: no dropout, the same
# images, the same steps.

# %%
mended, mended_history = trained(without_dropout, few_images, labels[few])
mended_on_few, mended_on_test = scores_of(mended, labels[few])
print(f"labels that are their own: {np.mean(few_labels == labels[few]):.1%} before, all of them now")
print(f"purity {mended_on_few:.3f} on the training images, {mended_on_test:.3f} on the test images")
assert mended_on_test > 0.75
assert np.mean(few_labels == labels[few]) < 0.2

# %% tags=["hide-input"]
by_ten = {
    name: {"loss": curve[:, 0], "accuracy of the batches": curve[:, 1]}
    for name, curve in {
        "labels out of step": strange_history.reshape(-1, 10, 2).mean(axis=1),
        "labels in step": mended_history.reshape(-1, 10, 2).mean(axis=1),
    }.items()
}
assert strange_history[:60, 1].mean() < mended_history[:60, 1].mean() - 0.3
draw.entitled(
    draw.with_labels(figures.training_curves(by_ten), x="steps, in tens"),
    "The same training, with wrong labels and with right ones",
    "Loss and accuracy over the steps. With right labels the loss falls at once. With wrong ones it stays high for a "
    "long time and then falls as low.",
)

# %% [markdown]
# In the training only the *time* that it takes to learn could have told: wrong labels have to be learned one by one.
# (A score on other images tells at once, as it did here. That is what they are kept for.)
#
# Keep this as an instrument. **Shuffle the labels** on purpose and run the whole method again. If the score falls, it
# hung on the labels. (What is left is not what the images are worth alone: wrong labels do harm. For that, compare with
# plain pixels, or with an untrained network.) A clustering that uses no labels does not change in a single image. And
# never score on the images of the training: there even nonsense is pure.
#
# ## Exercise
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
# cluster_first = []
# for seed in range(3):
#     model = KMeans(n_clusters=50, n_init=4, random_state=seed).fit(X)
#     asked = np.asarray(model.transform(X)).argmin(axis=0)  # for each centroid, the nearest of the training images
#     label_of_cluster = labels[asked]
#     cluster_first.append(np.mean(label_of_cluster[np.asarray(model.predict(test_X))] == test_labels))
# print("50 labels, asked for after clustering:", np.round(cluster_first, 3))
# print("50 labels at random, network:         ", worth[0, :, 0].round(3))
# assert np.mean(cluster_first) > pixel_purity + 0.05
# ```
#
# Fifty clusters are much purer than ten, which is what we held against purity at the beginning. Here it is no cheat:
# each cluster is paid for, with one label. Ten clusters cannot hold ten digits that are written in many ways, fifty
# hold them better, and a label given to the middle of a heap counts for the heap. That is what a clustering is good
# for: not to find labels, but to spend few of them well.
#
# </details>
#
# ## What to take with you
#
# - A purity needs its $k$ beside it; a mean cluster purity is not to be trusted without the sizes.
# - Clusters of a classifier's inner layer are the classifier in disguise. Compare them with the classifier.
# - Say how many labels went in, and what the same method gives with shuffled labels and with an untrained network.
# - Score on images that no training has seen.
#
# ## Further
#
# - The twins: the loss by hand above is `cross_entropy` in [losses](../scratchclust/train/losses.py), which takes
#   labels instead of rows of zeros and a one; the network is [classifier](../scratchclust/models/classifier.py), its
#   layers as features [features/classifier](../scratchclust/features/classifier.py). Adadelta by hand and fast:
#   [reference](../scratchclust/reference/optimizers.py), [twin](../scratchclust/train/optimizers.py).
# - N. Srivastava and others, *Dropout: a simple way to prevent neural networks from overfitting*, JMLR, 2014.
# - C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, *Understanding deep learning requires rethinking
#   generalization*, ICLR 2017: networks that learn shuffled labels by heart.
# - M. Zeiler, *ADADELTA: an adaptive learning rate method*, 2012.
# - Next: [06b](06b_borrowed_features.ipynb), features that were bought with *other people's* labels; and
#   [06c](06c_features_from_views.ipynb), features without any.
