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
# # Trees: merge the nearest, again and again
#
# *30 minutes. Before this page: [08](08_density.ipynb), for DBSCAN in the exercise. It runs in about 10 seconds.*
#
# One tree holds the answers for every number of clusters. At the end of this page you will be able to build and read
# trees of clusters with four linkages, to find the same clusters with a net of shortest lines, and to tell apart two
# ways in which a few stray points can spoil everything. You need Python and some NumPy.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import metrics
from scratchclust.cluster import agglomerative as fast_trees
from scratchclust.lessons import density as draw


def moons(spread, rng):
    angle = np.linspace(0, np.pi, 150)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return np.concatenate([upper, lower]) + spread * rng.standard_normal((300, 2))


X = moons(0.1, np.random.default_rng(0))
moon = np.repeat([0, 1], 150)  # the moon that each point was made for

draw.trees(
    X,
    {
        "single linkage": fast_trees.agglomerative(X, "single").linkage_matrix,
        "Ward": fast_trees.agglomerative(X, "ward").linkage_matrix,
    },
    "Two moons of 300 points, twice, and a tree below each, cut by a dashed line. The cut through the tree of single "
    "linkage gives one moon a colour each; that through Ward's tree cuts both moons.",
)

# %% [markdown]
# Above are the points, below are two trees of them, one cut each. (The moons are those of [08](08_density.ipynb), `X`
# [300, 2], with the truth in `moon`; k-means cannot part them.) Drag the cut through the tree and see what becomes of
# the points:
#
# [![Points and their tree, with a line to drag that cuts it](images/play_tree.png)](play/tree.html)
#
# ## The algorithm
#
# Begin with every point as a cluster of its own. Merge the two nearest clusters. Again, until one is left. That is all,
# once it is said what *near* means for clusters $A$ and $B$. Four answers are in use, with $|A|$ points in $A$ and
# their mean $\bar x_A$:
#
# $$\begin{aligned}
# \text{single linkage:}\quad & d(A, B) = \min_{x \in A,\, y \in B} |x - y| \\
# \text{complete:}\quad & d(A, B) = \max_{x \in A,\, y \in B} |x - y| \\
# \text{average:}\quad & d(A, B) = \operatorname{mean}_{x \in A,\, y \in B} |x - y| \\
# \text{Ward (1963):}\quad & d(A, B) = \sqrt{\frac{2\, |A|\, |B|}{|A| + |B|}} \; |\bar x_A - \bar x_B|
# \end{aligned}$$
#
# Single linkage asks for one pair that is near, complete linkage for all. Ward's distance says by how much a merge
# would raise the inertia of k-means (twice that rise is its square), so it looks for heaps as k-means does.


# %%
def pair_distances(A, B):
    return np.sqrt(((A[:, None, :] - B[None, :, :]) ** 2).sum(axis=2))


def single(A, B):
    return pair_distances(A, B).min()


def complete(A, B):
    return pair_distances(A, B).max()


def average(A, B):
    return pair_distances(A, B).mean()


def ward(A, B):
    return np.sqrt(2 * len(A) * len(B) / (len(A) + len(B))) * np.linalg.norm(A.mean(axis=0) - B.mean(axis=0))


# %%
from itertools import combinations


def merge_all(X, distance):
    clusters = {i: [i] for i in range(len(X))}
    tree = []
    while len(clusters) > 1:
        pairs = combinations(clusters, 2)
        height, a, b = min((distance(X[clusters[a]], X[clusters[b]]), a, b) for a, b in pairs)
        members = clusters.pop(a) + clusters.pop(b)
        clusters[len(X) + len(tree)] = members
        tree.append((a, b, height, len(members)))
    return np.array(tree)


# %% [markdown]
# Each row of the result is a merge: the two clusters, their distance, and the size of the new one, which is number
# $n$, $n + 1$ and so on. This is SciPy's format, so that its `dendrogram` can draw it. A few points of the moons (too
# few for single linkage to see the moons in them):

# %%
few = X[::21][:14]
linkages = {"single": single, "complete": complete, "average": average, "ward": ward}
small_trees = {name: merge_all(few, distance) for name, distance in linkages.items()}
draw.trees(
    few,
    small_trees,
    "Fourteen numbered points four times, with the trees of single, complete, average linkage and Ward below. A dashed "
    "line cuts each tree into two clusters, whose colours the points have.",
)

# %% [markdown]
# Read a tree from below: each bracket joins two clusters, and its height is their distance. To get $k$ clusters, cut
# across the $k - 1$ highest brackets: the dashed lines do so for $k = 2$, and the points above have the colours of
# their branches. One tree holds the answers for all $k$.

# %% tags=["hide-input"]
from scratchclust.reference import agglomerative as reference_trees

for name, tree in small_trees.items():
    np.testing.assert_allclose(tree, reference_trees.agglomerative(few, name).linkage_matrix)

# %% [markdown]
# Our ten lines look at all pairs of clusters for every merge: $n^3 / 6$ distances in all, which is half an hour for a
# thousand points and weeks for ten thousand. From here on we take `agglomerative(X, linkage)` and `cut(tree,
# n_clusters)` of the package, whose trees are the same.
#
# ## Which linkage for what?
#
# **Predict, then run.** Two data sets: the two moons, and two round heaps that touch. For each, which of the four
# linkages will put nearly all points where they belong, and which will fail? Write down eight words first.

# %%
from scratchclust.cluster import agglomerative as fast_trees

rng = np.random.default_rng(0)
heaps = np.repeat([(0.0, 0.0), (4.0, 0.0)], 150, axis=0) + rng.standard_normal((300, 2))  # the truth is `moon`, too

accuracy = {}
for name in linkages:
    for shape, points in {"moons": X, "heaps": heaps}.items():
        labels = fast_trees.cut(fast_trees.agglomerative(points, name), 2)
        accuracy[name, shape] = metrics.clustering_accuracy(moon, labels)
    print(f"{name:10} moons {accuracy[name, 'moons']:4.0%}   heaps {accuracy[name, 'heaps']:4.0%}")

# %% tags=["hide-input"]
assert accuracy["single", "moons"] > 0.99
assert max(accuracy[name, "moons"] for name in ("complete", "average", "ward")) < 0.85
assert accuracy["single", "heaps"] < 0.6
assert min(accuracy["average", "heaps"], accuracy["ward", "heaps"]) > 0.9

# %% [markdown]
# Single linkage follows any shape, as long as nothing lies between the shapes; where heaps touch it fails completely.
# Average linkage and Ward find the heaps and cut the moons, as k-means would. Complete linkage avoids wide clusters,
# and so cuts even a heap if it is wide. None of the four is the best.
#
# ## Single linkage is a spanning tree
#
# For single linkage there is a short cut. Its merges are the edges of the **minimum spanning tree**, the shortest net
# of lines that connects all the points (Gower and Ross, 1969). Prim's way to find it: begin at any point, and always
# take in the point that is nearest to those that are in.


# %%
def spanning_tree(distances):
    outside = np.ones(len(distances), bool)
    partner, length = np.zeros(len(distances), int), distances[0].copy()  # the best edge from inside to each point
    outside[0] = False
    edges = []
    for _ in range(len(distances) - 1):
        new = np.where(outside, length, np.inf).argmin()
        edges.append((partner[new], new, length[new]))
        outside[new] = False
        closer = distances[new] < length
        partner[closer], length[closer] = new, distances[new][closer]
    return edges


def parts_without(edges, n_removed):
    """The label of each point when the longest edges are taken away."""
    kept = sorted(edges, key=lambda edge: edge[2])[: len(edges) - n_removed]
    labels = np.arange(len(edges) + 1)
    for i, j, _ in kept:
        labels[labels == labels[j]] = labels[i]
    return np.unique(labels, return_inverse=True)[1]


edges = spanning_tree(pair_distances(X, X))
parts = parts_without(edges, 1)

# %% tags=["hide-input"]
draw.nets(
    [("", X, edges, parts)],
    "The minimum spanning tree; without its longest edge it is in two parts",
    "A net of short lines along each moon; the one long edge between the moons is drawn thick, and the moons have two "
    "colours.",
    columns=1,
    height=3.2,
)

# %% [markdown]
# **Predict, then run.** The lengths of these edges, sorted: what are they in the tree of single linkage?

# %%
lengths = np.sort([length for *_, length in edges])
tree = fast_trees.agglomerative(X, "single")
print("the five longest edges:", lengths[-5:].round(3))
print("the last five rows of the tree: two clusters, their distance, the size of both")
for a, b, height, size in tree.linkage_matrix[-5:]:
    print(f"  {a:3.0f}  {b:3.0f}  {height:.3f}  {size:3.0f}")

# %% tags=["hide-input"]
np.testing.assert_allclose(lengths, tree.linkage_matrix[:, 2], rtol=1e-6)
assert metrics.clustering_accuracy(fast_trees.cut(tree, 2), parts) == 1
slow = reference_trees.agglomerative(X, "single")
np.testing.assert_allclose(lengths, slow.linkage_matrix[:, 2])

# %% [markdown]
# The heights of its merges, all 299 of them. And to take the longest edge away is to cut the tree into two: the
# clusters are the same.
#
# The fast twins are in `scratchclust/cluster/agglomerative_parts/`; those of single linkage and Ward never keep all
# distances:
#
# | linkage | file | how |
# |---|---|---|
# | single | `spanning_tree.py` | *every* part of the net takes its shortest edge at once (Borůvka, 1926): few rounds |
# | Ward | `ward.py` | all pairs at once that are each other's nearest are merged |
# | complete, average | `neighbor_chain.py` | walks from nearest neighbour to nearest neighbour on the full matrix |
#
# ## Something is wrong here
#
# Two moons again, with *less* spread than before, so they should be easier. But eight strays lie about: five far from
# everybody, and three in the gap between the moons. (We placed them by hand, to see exactly what they do.) Single
# linkage, two clusters:

# %%
clean = moons(0.08, np.random.default_rng(0))
far_out = np.array([(-1.3, 1.3), (2.3, 1.2), (-1.2, -0.8), (2.4, -0.9), (0.5, 1.7)])
in_gap = np.array([(0.95, -0.10), (0.965, -0.18), (0.98, -0.26)])


def by_single_linkage(points):
    edges = spanning_tree(pair_distances(points, points))
    return edges, parts_without(edges, 1)


spoilt = np.concatenate([clean, far_out, in_gap])
spoilt_edges, spoilt_parts = by_single_linkage(spoilt)
print("points in the two parts:", np.bincount(spoilt_parts).tolist())
assert sorted(np.bincount(spoilt_parts)) == [1, 307]

# %% tags=["hide-input"]
draw.nets(
    [("", spoilt, spoilt_edges, spoilt_parts)],
    "Two moons and eight strays: two clusters by single linkage",
    "The net of both moons and the strays in one colour. The thick, longest edge leads to one lonely stray, which "
    "alone has the other colour. Between the moons three strays lie in a row.",
    columns=1,
    height=3.4,
)

# %% [markdown]
# One cluster holds 307 points, the other a single stray. **Find out what went wrong, and how many things did.** Is the
# tree wrong? Would asking for more clusters help? Which of the strays are to blame: those far out, those in the gap, or
# both? How could one *test* that?
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The tree is right; it is the same program as before. There are two suspects, and they work in different ways.
#
# **A lone stray is far from everybody.** The edge that ties it to the net is longer than any other, so it is cut first,
# and the stray is a "cluster". Asking for more clusters cuts off the next stray, and the next, until all five are off.
# Then it would be the moons' turn.
#
# **Three strays in a row are a bridge.** From one moon to the other one can now go in four short steps, where there was
# one long step. There is no long edge left to be cut. This is called **chaining**.
#
# To tell them apart, put each alone beside the clean moons, and then take it away again.
#
# Single linkage looks at one edge at a time. Whether there is a crowd at its ends, it does not ask.
#
# </details>
#
# Each suspect alone, with everything else unchanged:

# %%
trials = {
    "no strays": clean,
    "only those far out": np.concatenate([clean, far_out]),
    "only those in the gap": np.concatenate([clean, in_gap]),
}
panels = []
for name, points in trials.items():
    trial_edges, trial_parts = by_single_linkage(points)
    panels.append((name, points, trial_edges, trial_parts))
    print(f"{name:22} parts of {sorted(np.bincount(trial_parts).tolist())}")
    assert (np.bincount(trial_parts).min() == 1) == (name != "no strays")

# %% tags=["hide-input"]
assert sorted(np.bincount(panels[0][3]).tolist()) == [150, 150]
assert metrics.clustering_accuracy(moon, panels[0][3]) == 1
draw.nets(
    panels,
    "Each kind of stray alone",
    "Three nets. Without strays the longest edge lies between the moons. With five strays far out, it leads to one of "
    "them, and the moons have one colour. With three in the gap, it leads to a point at the edge of a moon, and the "
    "moons have one colour.",
    columns=3,
    height=1.9,
)

# %% [markdown]
# The first line is the counterfactual of both: without strays single linkage parts the moons perfectly. Either kind of
# stray alone is enough to fail. But they are two failures and not one.
#
# **Predict, then run.** Now ask for more clusters, 2 to 60. With which strays will both moons come out in different
# clusters sooner or later?


# %%
def first_apart(points):
    """The least number of clusters with over 95% of the moons' points in two clusters, one a moon."""
    edges = spanning_tree(pair_distances(points, points))
    for n_clusters in range(2, 61):
        labels = parts_without(edges, n_clusters - 1)[:300]  # the strays come last and belong to no moon
        if metrics.clustering_accuracy(moon, labels) > 0.95:
            return n_clusters
    return None


apart = {name: first_apart(points) for name, points in trials.items()}
print(apart)

# %% tags=["hide-input"]
assert apart == {"no strays": 2, "only those far out": 7, "only those in the gap": None}

# %% [markdown]
# With those far out alone. Five lonely strays waste five clusters: with seven the moons are apart. They cost
# something, and destroy nothing. A bridge is worse: no number of clusters helps, because its steps are shorter than
# many steps *within* the moons:

# %%
bridged_edges = panels[2][2]
steps = [length for i, j, length in bridged_edges if max(i, j) >= 300]  # those that touch the three
longer = sum(length > max(steps) for *_, length in bridged_edges)
print(f"the {len(steps)} steps of the bridge: {np.round(sorted(steps), 3)}; longer edges elsewhere: {longer}")
assert longer > 30  # so the moons are in more than thirty pieces before the bridge breaks

# %% [markdown]
# In [08](08_density.ipynb) we met a number that says how lonely a point is: its distance to the $m$-th neighbour. Does
# it find both kinds? Leave out the loneliest tenth of all points, whoever they are, and build the tree of the rest:


# %%
def without_loneliest(points, share, min_samples=5):
    loneliness = np.sort(pair_distances(points, points), axis=1)[:, min_samples - 1]
    return loneliness <= np.quantile(loneliness, 1 - share)


kept = without_loneliest(spoilt, 0.1)
rest = spoilt[kept]
rest_edges, rest_parts = by_single_linkage(rest)
print(f"left out: {(~kept[300:]).sum()} of the 8 strays, {(~kept[:300]).sum()} of the 300 points of the moons")
assert not kept[300:].any()  # all eight strays are among the loneliest
assert metrics.clustering_accuracy(moon[kept[:300]], rest_parts) == 1

# %% tags=["hide-input"]
draw.nets(
    [("", rest, rest_edges, rest_parts)],
    "Without the loneliest tenth of the points",
    "The moons alone, each with a net and a colour of its own; the longest edge lies between them.",
    columns=1,
    height=3.0,
)

# %% [markdown]
# All eight are gone, with some two dozen innocent points, and the moons are apart. That was one set of strays, placed
# by hand. Ten throws of 24 strays at random places:

# %%
print("         right with two clusters | moons apart with | right without the loneliest 15%")
cured = []
for seed in range(10):
    strays = np.random.default_rng(seed).uniform((-1.5, -1), (2.5, 1.5), size=(24, 2))
    points = np.concatenate([clean, strays])
    before = metrics.clustering_accuracy(moon, by_single_linkage(points)[1][:300])
    kept = without_loneliest(points, 0.15)
    of_moons = kept[:300]
    after = by_single_linkage(points[kept])[1][: of_moons.sum()]
    cured.append(metrics.clustering_accuracy(moon[of_moons], after))
    print(f"throw {seed}  {before:22.0%} | {first_apart(points):7} clusters | {cured[-1]:30.0%}")
    assert before < 0.55
    assert first_apart(points) < 20
assert min(cured) > 0.95

# %% [markdown]
# All ten fail with two clusters, and in all ten the moons come apart with more: these are lonely strays, and none of
# the throws has made a bridge. Bridges need an accident, or a data set in which groups touch, as those in real data do.
#
# ## Exercise: DBSCAN is a cut of a tree
#
# Leaving out the lonely points cured it. There is a way to leave out nobody. Let $c_i$ be the distance of point $i$ to
# its $m$-th neighbour, itself counted. Replace the distance of two points by their **mutual reachability**
#
# $$r_{ij} = \max(d_{ij},\; c_i,\; c_j)$$
#
# which keeps lonely points at a distance from everybody.
#
# 1. Build the spanning tree of the moons with all eight strays from $r$, with $m = 5$.
# 2. Remove **all edges longer than** $\varepsilon$ from this tree. What are the parts? Compare with DBSCAN at the same
#    $\varepsilon$ (`scratchclust.reference.dbscan.dbscan(X, eps, min_samples=5)`, or yours of [08](08_density.ipynb)):
#    what is the same, and which points differ? Predict it before you run it.
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# from scratchclust.reference import dbscan as reference_dbscan
#
# d = pair_distances(spoilt, spoilt)
# c = np.sort(d, axis=1)[:, 4]
# r = np.maximum(d, np.maximum(c[:, None], c[None, :]))
# edges_of_r = spanning_tree(r)
#
# for eps in (0.101, 0.141, 0.161, 0.201):
#     too_long = sum(length > eps for *_, length in edges_of_r)
#     parts = parts_without(edges_of_r, too_long)
#     found = reference_dbscan.dbscan(spoilt, eps, min_samples=5)
#     core = np.isin(np.arange(len(spoilt)), found.core_sample_indices)
#     sizes = np.bincount(parts)
#     alone = sizes[parts] == 1
#     print(f"eps = {eps}: {np.sum(sizes > 1)} parts of two and more, {found.labels.max() + 1} clusters by DBSCAN")
#     assert metrics.adjusted_rand_score(found.labels[core], parts[core]) == 1  # the core points: exactly the same
#     assert alone[~core].all()  # all others are alone
# ```
#
# An edge of $r$ is at most $\varepsilon$ if the two points are neighbours *and* both are core points: exactly the steps
# that DBSCAN walks. So the parts are DBSCAN's clusters **of core points**, for every $\varepsilon$ at once: one tree
# holds them all. What is not a core point is alone. Noise is alone in DBSCAN, too; the **border points** are what
# differs, as DBSCAN gives them to a cluster that reaches them and the tree does not.
#
# From this tree one can also choose a different $\varepsilon$ for each branch, which is a cure for two densities. That
# is HDBSCAN (Campello, Moulavi and Sander, 2013).
#
# </details>
#
# ## What to take with you
#
# - Merge the two nearest clusters until one is left; the linkage says what near means; a cut gives $k$ clusters for any
#   $k$.
# - Single linkage follows any shape, and is the minimum spanning tree. Ward and average linkage look for heaps.
# - A lonely stray wastes a cluster of single linkage; a bridge of strays joins two for good. An explanation with two
#   causes needs two counterfactuals.
# - Both are cured by asking how crowded the ends of an edge are, which is what DBSCAN does.
#
# ## Further
#
# - [scratchclust/reference/agglomerative.py](../scratchclust/reference/agglomerative.py) and
#   [scratchclust/cluster/agglomerative.py](../scratchclust/cluster/agglomerative.py), side by side.
# - J. Gower and G. Ross, *Minimum spanning trees and single linkage cluster analysis*, 1969. J. Ward, *Hierarchical
#   grouping to optimize an objective function*, 1963. G. Lance and W. Williams, *A general theory of classificatory
#   sorting strategies*, 1967: all four linkages in one formula.
# - R. Campello, D. Moulavi and J. Sander, *Density-based clustering based on hierarchical density estimates*, 2013.
# - Next: [08c](08c_graphs.ipynb), where the same bridge is met by a method that counts ties.
