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
# # PCA: the directions in which images differ most
#
# *30 minutes. Before this page: [01](01_kmeans.ipynb). It runs in about 10 seconds.*
#
# An image of 28 x 28 pixels is a point in 784 dimensions, and nobody can look into so many. At the end of this page you
# can find the directions that matter most in any data, in six lines; draw images with fifty numbers instead of 784; say
# what a plane of two directions leaves out; and bend the data first where straight directions cannot help.
#
# You need Python, NumPy, and from linear algebra: the product of matrices, and what an eigenvector is.

# %% tags=["hide-input"]
import numpy as np

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.lessons import maps as draw
from scratchclust.lessons import paper
from scratchclust.reference import pca as reference_pca
from scratchclust.report import figures

dataset = data.load("mnist_2000")
images, digits = dataset.images, dataset.labels
X = flatten(to_unit(images)).astype(np.float64)  # [n, d], from 0 (black) to 1 (white)

shown = reference_pca.pca(X, 50)
opening = {}
for n_kept in (2, 10, 50):
    numbers = reference_pca.transform(X[:10], shown)
    numbers[:, n_kept:] = 0
    opening[f"{n_kept} numbers"] = reference_pca.inverse_transform(numbers, shown).reshape(-1, 28, 28, 1)
paper.describe(
    figures.reconstructions(to_unit(images[:10]), opening),
    "Ten digits in the first row. Below, the same drawn from 2 numbers each, as blurs; from 10, readable in part; from "
    "50, nearly like the originals.",
)

# %% [markdown]
# The upper row are images, 784 numbers each. The others were drawn again from 2, 10 and 50 numbers. How does one choose
# such numbers?
#
# The folded cell above loads `images`, `[2000, 28, 28, 1]`, their `digits`, `[2000]`, and makes `X`, `[2000, 784]`, the
# images in rows of numbers from 0 (black) to 1 (white). It imports `np` (NumPy), `reference_pca` (the package's PCA),
# and `draw`, `paper` and `figures` (pictures).
#
# ## One direction
#
# Take a direction, a vector $v$ of length 1. The coordinate of an image $x$ along $v$ is $v \cdot (x - m)$, where $m$
# is the mean image. If we may keep only one number of each image, which direction keeps the most? The one along which
# the images are spread most widely, that is, with the largest **variance**. With the *covariance* matrix $C$ this
# variance is a short formula:
#
# $$C = \frac{1}{n - 1} \sum_i (x_i - m)(x_i - m)^\top, \qquad \text{variance along } v = v^\top C\, v$$
#
# At the best $v$ of length 1 a small turn changes nothing, to first order. That is so just where $C v$ points along $v$
# itself (a part of $C v$ that is orthogonal to $v$ would show where to turn):
#
# $$C\, v = \lambda\, v$$
#
# So the best directions are **eigenvectors** of $C$, and since then $v^\top C\, v = \lambda$, the eigenvalue *is* the
# variance. The first **principal axis** is the eigenvector with the largest eigenvalue, the second one has the largest
# of those orthogonal to it, and so on. That is principal component analysis (PCA; Pearson, 1901; Hotelling, 1933):


# %%
def pca(X, n_axes):
    mean = X.mean(axis=0)
    covariance = (X - mean).T @ (X - mean) / (len(X) - 1)  # [d, d]
    variances, directions = np.linalg.eigh(covariance)  # the directions are columns; the last varies most
    return mean, directions.T[::-1][:n_axes], variances[::-1][:n_axes]


def to_axes(X, mean, axes):
    return (X - mean) @ axes.T  # [n, n_axes]


def from_axes(Y, mean, axes):
    return mean + Y @ axes  # [n, d]


mean, axes, variances = pca(X, 50)
Y = to_axes(X, mean, axes)
np.testing.assert_allclose(Y.var(axis=0, ddof=1), variances)  # the eigenvalue is the variance
np.testing.assert_allclose(axes @ axes.T, np.eye(50), atol=1e-9)  # all of length 1, all orthogonal

# %% [markdown]
# **Predict, then run.** Draw a hundred directions at random. How much more variance is there along the first axis than
# along one of these: twice, ten times, fifty times as much?

# %%
random_directions = np.random.default_rng(0).standard_normal((100, 784))
random_directions /= np.linalg.norm(random_directions, axis=1, keepdims=True)
along_random = ((X - mean) @ random_directions.T).var(axis=0, ddof=1)
print(f"first axis {variances[0]:.2f}; at random {along_random.mean():.3f}, at most {along_random.max():.3f}")
print(f"the first axis has {variances[0] / along_random.mean():.0f} times the variance of a random direction")

# %% tags=["hide-input"]
assert 70 < variances[0] / along_random.mean() < 90

# %% [markdown]
# More still, nearly eighty times. The images differ in few directions. In most of the others nothing happens: think of
# a corner pixel, which is black in all of them. An axis has an entry for each pixel, so it is a picture, too. An image
# with ink where the axis is red, and none where it is blue, lies far out on that axis.

# %% tags=["hide-input"]
by_digit = np.array([Y[digits == digit, 0].mean() for digit in range(10)])
assert {int(by_digit.argmin()), int(by_digit.argmax())} == {0, 1}
draw.axis_pictures(
    "The first ten principal axes (white is zero)",
    axes[:10],
    (28, 28),
    "Ten square pictures in red and blue. The first has a ring in one colour and a slanted stroke in the other: "
    "noughts against ones. Later axes have more and smaller spots.",
)

# %% [markdown]
# The first axis sets a ring against a stroke: noughts lie on one side of it, ones on the other.
#
# ## How many axes?
#
# With $r$ axes an image is $r$ numbers, and from these it can be drawn again, as at the top of the page. The share of
# the whole variance that the first $r$ axes carry is the sum of their eigenvalues, over the sum of all.
#
# **Predict, then run.** What share of the variance do 2 axes of 784 carry? And 50?

# %%
total = X.var(axis=0, ddof=1).sum()  # the sum of all eigenvalues: the diagonal of C has the same sum
explained = np.cumsum(variances) / total
for r in (1, 2, 10, 50):
    print(f"{r:3} axes: {explained[r - 1]:.0%} of the variance")

# %% tags=["hide-input"]
assert 0.15 < explained[1] < 0.2
assert 0.8 < explained[49] < 0.87
number = np.arange(1, 51)
draw.curves(
    "How much of the variance the axes carry",
    [
        ("of each axis", number, {"": variances}, {"xlabel": "axis", "ylabel": "variance", "ylim": (0, None)}),
        ("of all axes so far", number, {"": explained}, {"xlabel": "number of axes", "ylim": (0, 1)}),
    ],
    "Two curves. The variance of each axis falls steeply over the first ten and then slowly. The share of all axes so "
    "far rises to one half at ten axes and to 84% at fifty.",
)

# %% [markdown]
# Two carry less than a fifth, fifty more than four fifths. There is no corner in these curves that says "so many". How
# many one keeps depends on what for. Fifty is a usual number before t-SNE or k-means: it keeps most of what there is
# and makes everything after it cheaper.
#
# ### The two programs of the package
#
# `scratchclust/reference/pca.py` is what we have just written, with two things added. It settles the **sign** (if $v$
# is an eigenvector, then so is $-v$; the largest entry is made positive). And with fewer images than pixels it takes
# the smaller matrix of all products $(x_i - m) \cdot (x_j - m)$, whose eigenvalues are the same but for zeros. In its
# JAX twin `scratchclust/reduce/pca.py` your `covariance` is `sums.scatter` (in blocks of rows, on all cores or GPUs),
# your `eigh` is `axes.leading`, in one place, and your `to_axes` is `sums.project`. All three must agree, up to the
# sign:

# %%
from scratchclust.reduce import pca as fast_pca

for found in (reference_pca.pca(X, 50), fast_pca.pca(np.float32(X), 50)):
    np.testing.assert_allclose(found.explained_variance, variances, rtol=1e-3)
    same = np.abs((np.asarray(found.components)[:5] * axes[:5]).sum(axis=1))  # 1 where two axes are equal or opposite
    np.testing.assert_allclose(same, 1, atol=1e-3)

# %% [markdown]
# ## The plane of the first two axes
#
# Of all planes this one keeps the most variance. The colours are the digits, which PCA does not know.

# %% tags=["hide-input"]
plane = figures.embedding(Y[:, :2], digits, images, rng=np.random.default_rng(0), n_images=100, axis_name="axis")
plane.suptitle("The plane of the first two axes; colours are digits", x=0.01, ha="left", fontsize=11, fontweight="bold")
for legend in plane.legends:
    for text in legend.get_texts():
        text.set_text(text.get_text().replace("cluster", "digit"))
paper.describe(
    plane,
    "A scatter of 2,000 dots with some of the images. Ones form a strip at one side, noughts lie at the other; in the "
    "middle all other digits overlap.",
)

# %% [markdown]
# Noughts and ones have a corner of their own, but the middle is a crowd. To say it with a number we take each image's
# ten nearest neighbours among all pixels, and ask what share of them is still among its ten nearest in the picture.
#
# **Predict, then run.** Half of them? And with more axes?


# %%
def nearest(X, n_neighbors=10):
    norms = (X**2).sum(axis=1)
    squared = norms[:, None] - 2 * X @ X.T + norms[None, :]  # [n, n] squared distances
    np.fill_diagonal(squared, np.inf)  # a point is no neighbour of itself
    return squared.argpartition(n_neighbors, axis=1)[:, :n_neighbors]


def share_kept(near, near_there):
    return np.mean([len(set(a) & set(b)) for a, b in zip(near, near_there, strict=True)]) / near.shape[1]


near = nearest(X)
kept = {r: share_kept(near, nearest(Y[:, :r])) for r in (2, 5, 10, 20, 50)}
for r, share in kept.items():
    print(f"{r:3} axes keep {share:.0%} of the ten nearest neighbours")

# %% tags=["hide-input"]
assert kept[2] < 0.1
assert kept[50] > 0.8

# %% [markdown]
# Not a tenth of the neighbours on the plane are real ones; of those in fifty axes it is more than eight in ten. It is
# not the fault of PCA. A plane has no room. In ten dimensions eleven points can all have the same distance from each
# other, on a plane only three. And to double the radius of a ball multiplies the room in it by $2^{10} = 1024$ in ten
# dimensions, and by 4 on a plane. So a point has many neighbours at a middling distance, all in different directions,
# and on a plane the places at a middling distance are soon taken. A map has to give something up, and PCA gives up the
# near for the sake of the far: large distances make up most of the variance. [03b](03b_tsne_by_hand.ipynb) does the
# opposite.
#
# ## Something is wrong here
#
# A colleague has written PCA from memory, in three lines, and is delighted: "**One axis alone explains 44%** of the
# digits! With two it is half. Yours needed ten axes for that."

# %%
products = X.T @ X / len(X)
shares, directions = np.linalg.eigh(products)
shares, colleagues_axes = shares[::-1] / shares.sum(), directions.T[::-1]
print("explained by the first three axes:", shares[:3].round(3))
assert 0.43 < shares[0] < 0.46

# %% [markdown]
# **Find out what the first axis is.** What would you draw, and which number would you compute? Answer before you
# unfold.
#
# <details>
# <summary><b>The diagnosis</b> (unfold when you have yours)</summary>
#
# The mean was not taken away. Then the direction in which the points are far from *zero* wins, and all images are far
# from zero in the same direction: that of the mean image. The first axis is the mean image, and what it "explains" is
# that digits are white on black. It does not tell one image from another: all coordinates along it have the same sign.
# Of what *differs* between the images this axis carries much less.
#
# Draw the axis; compare it with the mean; look at the sign of the coordinates; measure the variance along it with the
# mean removed.
#
# </details>
#
# Put to the test:

# %%
suspect = colleagues_axes[0]
likeness = abs(suspect @ mean) / np.linalg.norm(mean)
coordinates = X @ suspect * np.sign(suspect.sum())
true_share = ((X - mean) @ suspect).var(ddof=1) / total
print(f"cosine between the axis and the mean image {likeness:.4f}; smallest coordinate {coordinates.min():.2f}")
print(f"of what differs between the images it carries {true_share:.0%}")
assert likeness > 0.99
assert coordinates.min() > 0
assert true_share < explained[0]

# %% tags=["hide-input"]
draw.axis_pictures(
    "The mean image, and the colleague's first three axes",
    np.stack([mean, *(axis * np.sign(axis.sum()) for axis in colleagues_axes[:3])]),
    (28, 28),
    "Four pictures: the mean of all digits, a blurred blob; the colleague's first axis, the same blob; then two axes "
    "with red and blue regions.",
    names=["the mean", "axis 1", "axis 2", "axis 3"],
)

# %% [markdown]
# (The same happens with one feature in millimetres among others in metres: whatever has the largest numbers is the
# first axis. Bring features to one scale before PCA if their units differ. Pixels have one unit.)
#
# ## Where straight directions cannot help: kernel PCA
#
# The two rings of [02b](02b_silhouette_and_dunn.ipynb). There is no direction in which they are apart, so PCA, which
# only turns them, is of no use. But there is a *number* that parts them: $x_1^2 + x_2^2$. So map each point to all
# products of two of its coordinates,
#
# $$\varphi(x) = (x_1^2, \; \sqrt 2\, x_1 x_2, \; x_2^2)$$
#
# and do PCA there. The trick of **kernel PCA** (Schölkopf, Smola and Müller, 1998) is that $\varphi$ need never be
# written down. PCA of the centred $n \times n$ matrix of inner products gives the same coordinates as that of the
# covariance (it is the smaller matrix of "The two programs of the package" above, whose eigenvalues are the same), and
# the inner product is a cheap formula, the *kernel*:
#
# $$\varphi(x) \cdot \varphi(y) = (x \cdot y)^2$$
#
# From an eigenvector $u$ of length 1 and its eigenvalue $\lambda$, the coordinates of the points are $\sqrt\lambda\,
# u$.


# %%
def rings(rng):
    of_ring = np.repeat([0, 1], [210, 90])
    angle = 2 * np.pi * np.concatenate([np.arange(210) / 210, np.arange(90) / 90])
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.where(of_ring == 0, 1, 0.43)[:, None] * circle + 0.05 * rng.standard_normal((300, 2)), of_ring


def kernel_pca(K, n_axes):
    K = K - K.mean(axis=0) - K.mean(axis=1)[:, None] + K.mean()  # inner products of the mapped points, centred
    eigenvalues, u = np.linalg.eigh(K)
    return (u * np.sqrt(np.maximum(eigenvalues, 0)))[:, ::-1][:, :n_axes]


points, of_ring = rings(np.random.default_rng(0))
bent = kernel_pca((points @ points.T) ** 2, 3)

# The same with the map written down: three numbers for each point, and ordinary PCA.
written = np.stack([points[:, 0] ** 2, np.sqrt(2) * points[:, 0] * points[:, 1], points[:, 1] ** 2], axis=1)
by_hand = to_axes(written, *pca(written, 3)[:2])
np.testing.assert_allclose(np.abs(bent), np.abs(by_hand), atol=1e-9)

# %% [markdown]
# The kernel found what the map finds. Which of the three axes parts the rings? Let us ask three pairs of rings, and
# along straight axes for comparison:

# %%
for seed in range(3):
    some, truth = rings(np.random.default_rng(seed))
    coordinates = kernel_pca((some @ some.T) ** 2, 3)
    coordinates = coordinates * np.sign(coordinates[truth == 0].mean(axis=0) - coordinates[truth == 1].mean(axis=0))
    gaps = coordinates[truth == 0].min(axis=0) - coordinates[truth == 1].max(axis=0)
    print(f"seed {seed}: gap between the rings along each axis {gaps.round(2)}")
    assert gaps[2] > 0 > gaps[:2].max()

# %% tags=["hide-input"]
draw.planes(
    "Two rings, before and after they were bent",
    [
        ("as they are (PCA would turn them)", points, of_ring),
        ("kernel PCA: axis 1 across, axis 3 up", bent[:, [0, 2]], of_ring),
    ],
    "Left: a small ring in a large one. Right: the two have become a short and a long arc, one above the other, with a "
    "gap in between.",
    columns=2,
)

# %% [markdown]
# It is the third: only there is the gap between the rings positive. (A negative one says that they overlap. The sign
# of an axis is arbitrary, so each was turned to have the outer ring above; in the picture it is below. The second axis
# is left out there, since it is much like the first.) The first two have more variance (they say on which line through
# the middle a point lies; $\varphi$ takes $x$ and $-x$ to the same place), and PCA orders by variance, not by what we
# look for. Kernel PCA bends; what to bend towards, one must know or try. With $\exp(-\gamma |x - y|^2)$ for the kernel
# the map has infinitely many dimensions, and which axes part the rings depends on $\gamma$. The package has it as
# `KernelPCA`, with its definition in `scratchclust/reference/kernel_pca.py`; for many points it takes landmarks
# instead of the whole matrix.

# %%
from scratchclust import KernelPCA

package = KernelPCA(3, kernel="poly", degree=2, gamma=1, coef0=0).fit_transform(points)
np.testing.assert_allclose(np.abs(package), np.abs(bent), atol=1e-4)

# %% [markdown]
# ## Exercise: PCA against noise
#
# Add noise of standard deviation 0.4 to every pixel. Find the axes *of the noisy images*, keep $r$ of them, and draw
# the images again. How far are they from the clean ones (root of the mean squared difference), for $r$ from 5 to 784?
# **Predict first:** is it better to keep more? What happens at 784?
#
# <details>
# <summary><b>A solution</b> (unfold when you have yours)</summary>
#
# ```python
# noisy = X + 0.4 * np.random.default_rng(0).standard_normal(X.shape)
# noisy_mean, noisy_axes, _ = pca(noisy, 784)
# numbers = to_axes(noisy, noisy_mean, noisy_axes)
# errors = {}
# for r in (5, 10, 20, 40, 60, 100, 200, 784):
#     drawn = from_axes(numbers[:, :r], noisy_mean, noisy_axes[:r])
#     errors[r] = np.sqrt(((drawn - X) ** 2).mean())
#     print(f"{r:4} axes: {errors[r]:.3f} from the clean images")
# best = min(errors, key=errors.get)
# assert best in (20, 40, 60)
# assert errors[best] < 0.5 * errors[784]
# ```
#
# At 784 nothing was taken away, and the images are as far off as the noise, 0.4. With few axes the noise is gone and so
# is much of the image. In between lies the best, at about 40 axes: noise has the same variance in all directions, the
# images have most of theirs in few. To keep these keeps the image, and loses all the noise that lies in the others.
#
# </details>
#
# ## What to take with you
#
# - Principal axes are eigenvectors of the covariance; the eigenvalue is the variance along them.
# - Few axes carry most of the variance of images, but no plane keeps the neighbours.
# - Take the mean away, and mind the units.
# - Kernel PCA does the same after a map that need not be written down.
#
# ## Further
#
# - Side by side: [reference/pca.py](../scratchclust/reference/pca.py) and
#   [reduce/pca.py](../scratchclust/reduce/pca.py); [reference/kernel_pca.py](../scratchclust/reference/kernel_pca.py)
#   and [reduce/kernel_pca.py](../scratchclust/reduce/kernel_pca.py).
# - K. Pearson, *On lines and planes of closest fit to systems of points in space*, 1901. H. Hotelling, *Analysis of a
#   complex of statistical variables into principal components*, 1933. I. T. Jolliffe, *Principal Component Analysis*,
#   2nd edition, 2002.
# - B. Schölkopf, A. Smola and K.-R. Müller, *Nonlinear component analysis as a kernel eigenvalue problem*, Neural
#   Computation, 1998.
# - Next: [03b](03b_tsne_by_hand.ipynb), a map that keeps the neighbours.
