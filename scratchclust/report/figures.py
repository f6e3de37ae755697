"""Every figure of the package: functions of arrays that return a matplotlib Figure.

The figures are made without pyplot: nothing global changes, no backend is loaded, and there is
nothing to close. In a notebook a returned figure shows itself; `save` writes it to a PNG file.

    figure = figures.random_images(images, labels, rng=np.random.default_rng(0))
    figures.save(figure, "figures/random_images.png")

A caller who wants other words changes them on the figure: `figure.suptitle(...)`,
`figure.axes[0].set_xlabel(...)`.
"""

from scratchclust.report._clusters import confusion_matrix, label_histograms
from scratchclust.report._images import (
    centroid_images,
    image_row,
    nearest_images,
    random_images,
)
from scratchclust.report._over_k import how_many, scan
from scratchclust.report._plane import embedding, plane_steps
from scratchclust.report._scores import comparison_bars, inertia_history, k_distances
from scratchclust.report._silhouettes import silhouette_plot
from scratchclust.report._style import PALETTE, cluster_color, cluster_name, name_variant, save
from scratchclust.report._training import (
    latent_walk,
    reconstructions,
    samples,
    training_curves,
    views,
)

__all__ = [
    "PALETTE",
    "centroid_images",
    "cluster_color",
    "cluster_name",
    "comparison_bars",
    "confusion_matrix",
    "embedding",
    "how_many",
    "image_row",
    "inertia_history",
    "k_distances",
    "label_histograms",
    "latent_walk",
    "name_variant",
    "nearest_images",
    "plane_steps",
    "random_images",
    "reconstructions",
    "samples",
    "save",
    "scan",
    "silhouette_plot",
    "training_curves",
    "views",
]
