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
# # Scores with labels: did it find what is there?
#
# *30 minutes. Before this page: [01](01_kmeans.ipynb). It runs in about 10 seconds.*
#
# Below, k-means has sorted 2,000 handwritten digits into ten clusters. How well? At the end of this page you can tell
# how good a clustering is with four numbers, accuracy, purity, NMI and ARI. You will have written each of them
# yourself, all four from one small table, and you will know what each of them cannot see.
#
# You need Python, some NumPy, and what a logarithm is. Of probability you need no more than shares of a whole.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import KMeans, data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import scores as draw

dataset = data.load("mnist_2000")
X, classes = flatten(to_unit(dataset.images)), dataset.labels
clusters = KMeans(n_clusters=10, n_init=4, random_state=0).fit(X).labels_
draw.rows_of_clusters(
    "Ten clusters of k-means, the first 24 images of each",
    dataset.images,
    clusters,
    "Ten rows of handwritten digits. Some rows hold one digit nearly pure, such as noughts; others mix 4, 7 and 9, or "
    "3, 5 and 8.",
)

# %% [markdown]
# The folded cell above loads `dataset`, with its `images`; `X`, `[2000, 784]`, the same in rows of numbers from 0 to
# 1; and `classes`, `[2000]`. By the package's `KMeans` it makes the `clusters`, `[2000]`. `np` is NumPy, `draw` the
# pictures.
#
# Each image comes with the **class** it belongs to, that is, the digit that was meant. k-means saw the pixels only, and
# gave each image a **cluster**. Some rows look good, some do not. Here are class and cluster of the first twenty:

# %%
print("classes ", classes[:20])
print("clusters", clusters[:20])

# %% [markdown]
# **Predict, then run.** For how many of the 2,000 images are the two numbers equal? Guessing among ten numbers would be
# right for one in ten. Is k-means much better than that?

# %%
equal = np.mean(classes == clusters)
print(f"equal for {equal:.1%} of the images")

# %% tags=["hide-input"]
assert 0.05 < equal < 0.15

# %% [markdown]
# No better than guessing. Is k-means no good, then? Look at the picture again: the rows *are* mostly of one kind. But
# the number of a cluster means nothing, k-means numbered them as they came. So nothing that compares these numbers *for
# equality* can be right. What counts is which images lie *together*.
#
# ## One table
#
# All that can be said about it is in one table. Its rows are the classes, its columns the clusters, and
#
# $$n_{ij} = \text{the number of images of class } i \text{ in cluster } j$$
#
# The sum of row $i$, $n_{i\cdot} = \sum_j n_{ij}$, is the size of class $i$. The sum of column $j$,
# $n_{\cdot j} = \sum_i n_{ij}$, is the size of cluster $j$. There are $n$ images in all.


# %%
def table_of(classes, clusters):
    table = np.zeros((classes.max() + 1, clusters.max() + 1), int)
    np.add.at(table, (classes, clusters), 1)  # adds 1 in the cell of each image
    return table


table = table_of(classes, clusters)
print(table)

# %% tags=["hide-input"]
draw.table_of_classes(
    table,
    dataset.label_names,
    "Ten histograms, one for each cluster: how many images of each digit it holds. A few have one high bar, several "
    "have two or three of middling height.",
)

# %% [markdown]
# Each panel is a column of the table. Some clusters hold one digit nearly pure, others are mixed. Four scores are in
# use to say how good that is, each in one number.
#
# ## Accuracy
#
# Give each cluster the name of at most one class, and each class to at most one cluster, in the best possible way $m$.
# The accuracy is the share of images that are then named rightly:
#
# $$\text{accuracy} = \frac{1}{n} \max_{m \text{ one-to-one}} \sum_j n_{m(j)\,j}$$
#
# There are ten factorial, 3.6 million, ways to match ten with ten. The *Hungarian algorithm* (Kuhn, 1955) finds the
# best without trying them all. SciPy has a later and faster method for the same problem (after Jonker and Volgenant),
# as `linear_sum_assignment`:

# %%
from scipy.optimize import linear_sum_assignment


def accuracy(table):
    matched_classes, matched_clusters = linear_sum_assignment(table, maximize=True)
    return table[matched_classes, matched_clusters].sum() / table.sum()


print(f"accuracy {accuracy(table):.3f}")

# %% [markdown]
# So k-means is right for about half of the images, not for a tenth. With the columns in the order of their match, what
# is right stands on the diagonal:

# %% tags=["hide-input"]
from scratchclust import metrics

assert 0.45 < accuracy(table) < 0.6
matching = metrics.match_clusters(classes, clusters)
assert np.trace(matching.contingency) / len(X) == accuracy(table)
draw.matched(
    matching.contingency,
    dataset.label_names,
    matching.clusters,
    "The table of digits by clusters, the columns sorted so that large numbers stand on the diagonal. Off the diagonal "
    "4, 7 and 9 share clusters.",
)

# %% [markdown]
# ## Purity
#
# Purity does not ask for one cluster per class. Each cluster is named after its most frequent class, and two clusters
# may bear the same name:
#
# $$\text{purity} = \frac{1}{n} \sum_j \max_i n_{ij}$$
#
# **Predict, then run.** Can the purity ever be below the accuracy? Which of the two is larger here?


# %%
def purity(table):
    return table.max(axis=0).sum() / table.sum()


named_after = table.argmax(axis=0)
print(f"purity {purity(table):.3f}; the clusters are named after {np.sort(named_after)}")

# %% tags=["hide-input"]
assert purity(table) > accuracy(table)
assert sorted(named_after) == [0, 1, 1, 2, 3, 5, 6, 7, 9, 9]

# %% [markdown]
# It is never below the accuracy, since it is the same maximum with fewer conditions. It is above it just where some
# class is the most frequent in two clusters. Look at the names that were printed: two digits, 1 and 9, occur twice, and
# no cluster is named 4 or 8. The accuracy allows each digit one cluster only.
#
# ## Normalised mutual information (NMI)
#
# How much does the cluster of an image tell about its class? Take the shares $p_{ij} = n_{ij} / n$, and of rows and
# columns $p_i = n_{i\cdot} / n$ and $q_j = n_{\cdot j} / n$. If cluster and class had nothing to do with each other,
# one would expect $p_{ij} = p_i q_j$. The **mutual information** measures how far the table is from that:
#
# $$\text{MI} = \sum_{ij} p_{ij} \log \frac{p_{ij}}{p_i\, q_j}$$
#
# It is zero when the cluster tells nothing. How large can it be? No larger than the uncertainty there was at first, the
# **entropy** $H(p) = -\sum_i p_i \log p_i$ of the classes, nor than that of the clusters. Divided by the mean of the
# two it lies between 0 and 1:
#
# $$\text{NMI} = \frac{2\, \text{MI}}{H(p) + H(q)}$$
#
# (To which base the logarithms are taken does not matter, since the same factor stands above and below the line.)


# %%
def entropy(p):
    p = p[p > 0]  # x log x goes to 0 with x
    return -(p * np.log(p)).sum()


def mutual_information(table):
    joint = table / table.sum()
    p = joint.sum(axis=1, keepdims=True)
    q = joint.sum(axis=0, keepdims=True)
    filled = table > 0
    return (joint[filled] * np.log((joint / np.maximum(p * q, 1e-300))[filled])).sum()


def nmi(table):
    shares = table / table.sum()
    return 2 * mutual_information(table) / (entropy(shares.sum(axis=1)) + entropy(shares.sum(axis=0)))


print(f"NMI {nmi(table):.3f}")

# %% [markdown]
# ## Adjusted Rand index (ARI)
#
# Take two images. Either they lie together or apart, by class and by cluster. Among $v$ things there are
# $\binom{v}{2} = v (v - 1) / 2$ pairs. So the number of pairs that are together in both ways is $S$, together by class
# $S_\text{class}$, together by cluster $S_\text{cluster}$, and of all pairs $N$:
#
# $$S = \sum_{ij} \binom{n_{ij}}{2}, \qquad S_\text{class} = \sum_i \binom{n_{i\cdot}}{2}, \qquad
# S_\text{cluster} = \sum_j \binom{n_{\cdot j}}{2}, \qquad N = \binom{n}{2}$$
#
# If the clusters were dealt out at random, in the sizes that they have, one would expect
# $E = S_\text{class} S_\text{cluster} / N$ from chance alone. The ARI (Hubert and Arabie, 1985) puts that at 0, and
# perfect agreement at 1:
#
# $$\text{ARI} = \frac{S - E}{(S_\text{class} + S_\text{cluster}) / 2 - E}$$


# %%
def pairs(sizes):
    return (sizes * (sizes - 1) / 2).sum()


def ari(table):
    together = pairs(table)
    by_class, by_cluster = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    by_chance = by_class * by_cluster / pairs(table.sum())
    return (together - by_chance) / ((by_class + by_cluster) / 2 - by_chance)


print(f"ARI {ari(table):.3f}")

# %% [markdown]
# The package has all four, for labels of any kind: `scratchclust/metrics/agreement.py`. Your `table_of` is
# `contingency_matrix` there (kept sparse in `tables.py`, since clusters may be many), and the scores have their names.
# Tables are small and a program spends no time on them, so they have no JAX twin. Ours, the package's, and
# scikit-learn's (which has two of them) must be the same:

# %%
import sklearn.metrics

ours = {"accuracy": accuracy, "purity": purity, "NMI": nmi, "ARI": ari}
package = {
    "accuracy": metrics.clustering_accuracy,
    "purity": metrics.purity_score,
    "NMI": metrics.normalized_mutual_info_score,
    "ARI": metrics.adjusted_rand_score,
}
for name in ours:
    np.testing.assert_allclose(ours[name](table), package[name](classes, clusters), rtol=1e-12)
np.testing.assert_allclose(nmi(table), sklearn.metrics.normalized_mutual_info_score(classes, clusters), rtol=1e-12)
np.testing.assert_allclose(ari(table), sklearn.metrics.adjusted_rand_score(classes, clusters), rtol=1e-12)

# %% [markdown]
# ## What each of them cannot see
#
# The best way to know a score is to feed it answers that one knows the worth of. Here are six ways to sort the digits,
# beside that of k-means. None of the six looks at a single pixel. Three know the truth, three are nonsense:

# %%
rng = np.random.default_rng(0)
answers = {
    "k-means": clusters,
    "the classes, renamed": (classes + 3) % 10,
    "3 and 8 put together": np.where(classes == 8, 3, np.where(classes == 9, 8, classes)),
    "each class cut by a coin": 2 * classes + rng.integers(2, size=len(X)),
    "ten clusters, by a die": rng.integers(10, size=len(X)),
    "all in one cluster": np.zeros(len(X), int),
    "each image alone": np.arange(len(X)),
}

# %% [markdown]
# **Predict, then run.** Three questions, before you look. Which score gives full marks to "each image alone"? Which
# punishes the classes cut in two by a coin most? And which is the only one that gives all three pieces of nonsense
# about zero?

# %%
scores = {}
for score_name, score in ours.items():
    scores[score_name] = {answer: score(table_of(classes, labels)) for answer, labels in answers.items()}

nonsense = ["ten clusters, by a die", "all in one cluster", "each image alone"]
for name in ours:
    largest = max(abs(scores[name][answer]) for answer in nonsense)
    print(f"{name:9} gives nonsense up to {largest:.3f}")

# %% tags=["hide-input"]
assert scores["purity"]["each image alone"] == 1
assert min(scores, key=lambda name: scores[name]["each class cut by a coin"]) == "accuracy"
for name in ours:
    assert (max(abs(scores[name][answer]) for answer in nonsense) < 0.01) == (name == "ARI")
assert all(values["the classes, renamed"] > 1 - 1e-12 for values in scores.values())
assert 0.45 < scores["NMI"]["each image alone"] < 0.5
assert 0.1 < scores["accuracy"]["ten clusters, by a die"] < 0.2
assert 0.52 < scores["accuracy"]["each class cut by a coin"] < 0.535
assert 0.635 < scores["ARI"]["each class cut by a coin"] < 0.645
assert scores["purity"]["each class cut by a coin"] == 1
draw.bars(
    "Seven ways to sort the digits, and what four scores say",
    list(answers),
    {name: list(values.values()) for name, values in scores.items()},
    "Bars of accuracy, purity, NMI and ARI for seven ways to sort. Renamed classes have 1 everywhere. Each image alone "
    "has purity 1 and NMI nearly a half. Only ARI is zero for all three pieces of nonsense.",
)

# %% [markdown]
# The answers: purity; accuracy; ARI. In the picture one sees why.
#
# - **Purity** does not mind how many clusters there are: each image alone is perfectly pure.
# - **NMI** gives that same nonsense nearly a half, as the output above shows. It minds a little.
# - **Accuracy** gives the die more than one in ten, because the match is chosen afterwards. And it punishes clusters
#   that are perfectly pure but too many, more than the others do: the classes cut by a coin have 0.53, where ARI gives
#   0.64.
# - **ARI** is the only one of the four that knows chance.
# - None of them minds names: the classes, renamed, have 1 everywhere.
#
# So: never one of them alone, and purity only between clusterings with the same number of clusters.
#
# ## Something is wrong here
#
# A colleague sorts slips of paper on which somebody wrote a one. A few slips have a seven instead, and these must be
# found. "I know that there are two kinds, so I ask k-means for two clusters. **The purity is 95%.** And it is not the
# trap of too many clusters: there are as many clusters as classes."

# %%
ones, sevens = np.flatnonzero(classes == 1), np.flatnonzero(classes == 7)[:12]
slips = np.concatenate([ones, sevens])
kind = (classes[slips] == 7).astype(int)  # 1 for a seven
piles = KMeans(n_clusters=2, n_init=4, random_state=0).fit(X[slips]).labels_
print(f"{len(ones)} ones and {len(sevens)} sevens; purity {purity(table_of(kind, piles)):.3f}")
assert 0.945 < purity(table_of(kind, piles)) < 0.955

# %% [markdown]
# The number is right, and so is the program. **How many of the sevens were found?** What would you print to see it, and
# what purity would you have got without any clustering at all? Answer before you unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# None. Look at the table: *both* clusters have more ones than sevens, so both are named "one". k-means has parted the
# ones that slant from the ones that stand upright, since that is the larger difference, and the sevens lie in both
# piles. The 95% is the share of the ones: 219 of 231. One heap without any clustering has the same purity, and so has a
# coin. **Purity, and accuracy too, must be compared with the share of the largest class**, not with zero.
#
# The three other scores notice: the accuracy (which must give the name "seven" to one pile) is near a half, NMI and ARI
# are about zero.
#
# </details>
#
# Put to the test:

# %%
small_table = table_of(kind, piles)
print("ones, sevens by pile:\n", small_table)
for name, score in ours.items():
    of_coin = score(table_of(kind, np.random.default_rng(1).integers(2, size=len(kind))))
    print(f"{name:9} {score(small_table):6.3f}     a coin: {of_coin:6.3f}")
assert purity(small_table) == purity(table_of(kind, np.zeros_like(kind)))  # one heap has the same
assert 0.5 <= accuracy(small_table) < 0.65
assert max(abs(ari(small_table)), nmi(small_table)) < 0.1

# %% tags=["hide-input"]
draw.rows_of_clusters(
    "The colleague's two piles, in each the sevens first",
    dataset.images[slips][::-1],
    piles[::-1],
    "Two rows of digits. In one row the ones stand upright, in the other they slant; sevens are in at least one of "
    "them, among the ones.",
)

# %% [markdown]
# ## Exercise: two halves of NMI
#
# A clustering can fail in two ways: a cluster holds several classes, or a class lies in several clusters. NMI mixes the
# two. Rosenberg and Hirschberg (2007) tell them apart:
#
# $$\text{homogeneity} = \frac{\text{MI}}{H(p)}, \qquad \text{completeness} = \frac{\text{MI}}{H(q)}$$
#
# with $H(p)$ the entropy of the classes and $H(q)$ that of the clusters. Write both from the table. **Predict first:**
# which of the seven answers have homogeneity 1, and which completeness 1? And how does NMI follow from the two?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# def homogeneity(table):
#     return mutual_information(table) / entropy(table.sum(axis=1) / table.sum())
#
#
# def completeness(table):
#     of_clusters = entropy(table.sum(axis=0) / table.sum())
#     return mutual_information(table) / of_clusters if of_clusters > 0 else 1.0  # one heap: nothing is torn apart
#
#
# print(f"{'':26} homogeneity  completeness")
# for answer, labels in answers.items():
#     one = table_of(classes, labels)
#     h, c = homogeneity(one), completeness(one)
#     print(f"{answer:26} {h:11.3f}  {c:12.3f}")
#     assert abs(h - metrics.homogeneity_score(classes, labels)) < 1e-9
#     assert abs(c - metrics.completeness_score(classes, labels)) < 1e-9
#     assert abs(nmi(one) - (2 * h * c / (h + c) if h + c > 0 else 0)) < 1e-9
# ```
#
# Homogeneity 1: the classes renamed, the classes cut by a coin, each image alone. Completeness 1: the classes renamed,
# 3 and 8 put together, and all in one cluster. NMI is the *harmonic mean* of the two, which is small when either is:
# $2 h c / (h + c)$ with $h = \text{MI} / H(p)$ and $c = \text{MI} / H(q)$ is $2\,\text{MI} / (H(p) + H(q))$. Under the
# name "V-measure" it was invented a second time.
#
# </details>
#
# ## What to take with you
#
# - Numbers of clusters are names. All agreement is in one table of classes by clusters.
# - Accuracy matches one to one; purity lets names repeat and grows with the number of clusters; NMI asks how much is
#   told; ARI alone puts chance at zero.
# - Feed a score answers whose worth you know before you believe it. One heap, a coin and single images cost nothing.
# - Where one class is large, compare with its share.
#
# ## Further
#
# - H. Kuhn, *The Hungarian method for the assignment problem*, Naval Research Logistics Quarterly, 1955. L. Hubert and
#   P. Arabie, *Comparing partitions*, Journal of Classification, 1985. A. Rosenberg and J. Hirschberg, *V-measure*,
#   EMNLP 2007.
# - N. Vinh, J. Epps and J. Bailey, *Information theoretic measures for clusterings comparison*, Journal of Machine
#   Learning Research, 2010: why NMI too needs a correction for chance, and which.
# - Next: [02b](02b_silhouette_and_dunn.ipynb), scores for when there are no labels; and
#   [02c](02c_how_labels_leak.ipynb), how labels find their way into published figures.
