"""Figures of scores over the number of clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scratchclust.errors import InputError
from scratchclust.report._inputs import check_curve
from scratchclust.report._style import ACCENT, QUIET, panel_grid, styled

Numbers = Sequence[Any] | Float[Any, "m"] | Integer[Any, "m"]


@styled
def scan(
    n_clusters: Sequence[int] | Integer[Any, " m"],
    inertia: Numbers | None,
    silhouette: Numbers | None = None,
    dunn: Numbers | None = None,
    chosen: int | None = None,
) -> Figure:
    """Scores over the number of clusters, a panel each: inertia, silhouette, Dunn's index.

    Args:
        n_clusters: [m] the numbers of clusters tried.
        inertia: [m] sum of squared distances to the nearest centroid; None where the method has
            none.
        silhouette: [m] mean silhouette; None where it is not defined (k = 1).
        dunn: [m] Dunn's index; None where it is not defined; infinite where no cluster has a
            diameter.
        chosen: the number of clusters to mark with a line.

    Raises:
        InputError: a series has another length than n_clusters, or chosen is not among them.
    """
    named = {
        ("Inertia (look for an elbow)", "sum of squared distances"): inertia,
        ("Silhouette (higher is better)", "mean silhouette"): silhouette,
        ("Dunn's index (higher is better)", "Dunn's index"): dunn,
    }
    return _panels("Scores over the number of clusters", n_clusters, named, chosen, columns=3)


@styled
def suggestion(
    n_clusters: Sequence[int] | Integer[Any, " m"],
    silhouette: Numbers,
    calinski_harabasz: Numbers,
    davies_bouldin: Numbers,
    stability: Numbers,
    suggested: int | None = None,
) -> Figure:
    """What four scores say of the number of clusters, a panel each, and the suggested one.

    Args:
        n_clusters: [m] the numbers of clusters tried.
        silhouette: [m] mean silhouette.
        calinski_harabasz: [m] spread between clusters over that within.
        davies_bouldin: [m] how much each cluster overlaps with its worst neighbour.
        stability: [m] mean ARI of the labels under resampling.
        suggested: the number of clusters to mark with a line.

    Raises:
        InputError: a series has another length than n_clusters, or suggested is not among them.
    """
    named = {
        ("Silhouette (higher is better)", "mean silhouette"): silhouette,
        ("Calinski-Harabasz (higher is better)", "ratio of spreads"): calinski_harabasz,
        ("Davies-Bouldin (lower is better)", "overlap"): davies_bouldin,
        ("Stability (higher is better)", "mean ARI, resampled"): stability,
    }
    title = "How many clusters? Four opinions, and a suggestion"
    return _panels(title, n_clusters, named, suggested, columns=2)


def _panels(
    title: str,
    n_clusters: Sequence[int] | Integer[Any, " m"],
    named: Mapping[tuple[str, str], Numbers | None],
    chosen: int | None,
    *,
    columns: int,
) -> Figure:
    """A panel for each series that there is, by its title and unit."""
    ks = check_curve(n_clusters, "n_clusters")
    if chosen is not None and chosen not in ks:
        raise InputError(
            f"expected chosen among n_clusters, got {chosen}: pass a number of clusters that was "
            "tried"
        )
    curves = {
        name: check_curve(values, name[0], len(ks))
        for name, values in named.items()
        if values is not None
    }
    figure, axes = panel_grid(
        title, len(curves), columns=min(columns, len(curves)), panel_height=2.6
    )
    for ax, ((name, unit), curve) in zip(axes, curves.items(), strict=True):
        if chosen is not None:
            ax.axvline(chosen, color=QUIET, linestyle="--", linewidth=1.2, label=f"k = {chosen}")
            ax.legend(loc="best", handlelength=1.4)
        ax.plot(
            ks, np.where(np.isinf(curve), np.nan, curve), marker="o", markersize=3.5, color=ACCENT
        )
        for k in ks[np.isinf(curve)]:
            ax.text(
                k,
                0.97,
                "∞",
                transform=ax.get_xaxis_transform(),
                horizontalalignment="center",
                color=ACCENT,
            )
        ax.set_xlim(ks.min() - 0.05 * np.ptp(ks) - 0.1, ks.max() + 0.05 * np.ptp(ks) + 0.1)
        ax.set(title=name, xlabel="number of clusters k", ylabel=unit)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
        ax.grid()
    return figure
