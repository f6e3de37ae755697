"""Figures of scores over the number of clusters."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
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
    ks = check_curve(n_clusters, "n_clusters")
    _check_marked(chosen, ks, "chosen")
    named = {"Inertia (look for an elbow)": inertia, "Silhouette (higher is better)": silhouette}
    named["Dunn's index (higher is better)"] = dunn
    curves = {
        name: check_curve(values, name, len(ks))
        for name, values in named.items()
        if values is not None
    }
    units = dict(
        zip(named, ("sum of squared distances", "mean silhouette", "Dunn's index"), strict=True)
    )
    return _panels_over_k(ks, curves, units, chosen)


@styled
def how_many(
    n_clusters: Sequence[int] | Integer[Any, " m"],
    silhouette: Numbers,
    calinski_harabasz: Numbers,
    davies_bouldin: Numbers,
    stability: Numbers,
    suggested: int | None = None,
) -> Figure:
    """Four scores over the number of clusters, by which one is suggested, a panel each.

    Args:
        n_clusters: [m] the numbers of clusters tried.
        silhouette, calinski_harabasz, davies_bouldin: [m]; None or NaN where not defined.
        stability: [m] of the labels under resampling.
        suggested: the number of clusters to mark with a line.

    Raises:
        InputError: a series has another length than n_clusters, or suggested is not among them.
    """
    ks = check_curve(n_clusters, "n_clusters")
    _check_marked(suggested, ks, "suggested")
    named = {
        "Stability (higher is better)": (stability, "agreement of resamples"),
        "Silhouette (higher is better)": (silhouette, "mean silhouette"),
        "Calinski-Harabasz (higher is better)": (calinski_harabasz, "ratio of spreads"),
        "Davies-Bouldin (lower is better)": (davies_bouldin, "mean likeness"),
    }
    curves = {name: check_curve(values, name, len(ks)) for name, (values, _) in named.items()}
    units = {name: unit for name, (_, unit) in named.items()}
    return _panels_over_k(ks, curves, units, suggested, title="How many clusters?", columns=2)


def _check_marked(marked: int | None, ks: np.ndarray, name: str) -> None:
    if marked is not None and marked not in ks:
        raise InputError(
            f"expected {name} among n_clusters, got {marked}: pass a number of clusters that was "
            "tried"
        )


def _panels_over_k(
    ks: np.ndarray,
    curves: Mapping[str, np.ndarray],
    units: Mapping[str, str],
    marked: int | None,
    *,
    title: str = "Scores over the number of clusters",
    columns: int | None = None,
) -> Figure:
    figure, axes = panel_grid(title, len(curves), columns=columns or len(curves), panel_height=2.6)
    for ax, (name, curve) in zip(axes, curves.items(), strict=True):
        _draw_over_k(ax, ks, curve, marked)
        ax.set(title=name, xlabel="number of clusters k", ylabel=units[name])
    return figure


def _draw_over_k(ax: Axes, ks: np.ndarray, curve: np.ndarray, marked: int | None) -> None:
    """A score over k, with what is infinite at the upper edge."""
    if marked is not None:
        ax.axvline(marked, color=QUIET, linestyle="--", linewidth=1.2, label=f"k = {marked}")
        ax.legend(loc="best", handlelength=1.4)
    ax.plot(ks, np.where(np.isinf(curve), np.nan, curve), marker="o", markersize=3.5, color=ACCENT)
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
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.grid()
