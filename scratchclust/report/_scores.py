"""Figures of scores: over the iterations, over the methods; and distances sorted."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    LogLocator,
    MaxNLocator,
    NullLocator,
    ScalarFormatter,
    StrMethodFormatter,
)

from scratchclust.errors import InputError
from scratchclust.report._inputs import check_curve, check_names, no_formula
from scratchclust.report._style import (
    ACCENT,
    PALETTE,
    QUIET,
    panel_grid,
    styled,
)

PLAIN = StrMethodFormatter("{x:g}")
LEGEND_WITHIN = 4  # lines at most of a legend among the curves

Numbers = Sequence[Any] | Float[Any, "m"] | Integer[Any, "m"]


@styled
def inertia_history(
    histories: Mapping[str, Numbers],
    moved: Mapping[str, Numbers] | None = None,
    *,
    log: bool = False,
    apart: bool = False,
) -> Figure:
    """Inertia per iteration, a line for each named run; in a second panel the points that moved.

    Args:
        histories: name -> inertia of each iteration, from the first.
        moved: name -> how many points changed cluster in each iteration.
        log: draw iterations and inertia on logarithmic axes.
        apart: give each run a panel and a scale of its own, as inertias need that are of different
            vectors.

    Raises:
        InputError: there is no history, moved names a run that histories lacks, or log meets
            inertia <= 0.
    """
    curves = {
        name: check_curve(values, f"the inertia of {name!r}") for name, values in histories.items()
    }
    steps = {
        name: check_curve(values, f"the moved points of {name!r}")
        for name, values in (moved or {}).items()
    }
    _check_runs(curves, steps, log)
    if apart and not steps and not log and len(curves) > 1:
        return _inertia_apart(curves)
    n_panels = 2 if steps else 1
    figure, axes = panel_grid(
        "Inertia per iteration of k-means", n_panels, columns=n_panels, panel_height=3.2
    )
    colors = {name: PALETTE[index % len(PALETTE)] for index, name in enumerate(curves)}
    for name, curve in curves.items():
        label = f"{name} ({len(curve)} iteration{'s' * (len(curve) != 1)})"
        _history(axes[0], curve, no_formula(label), colors[name])
    axes[0].set(xlabel="iteration", ylabel="inertia (sum of squared distances)")
    for name, curve in steps.items():
        _history(axes[1], curve, no_formula(name), colors[name])
    if steps:
        axes[1].set(xlabel="iteration", ylabel="points that changed cluster", ylim=(0, None))
        axes[1].set_yscale("symlog", linthresh=1)
        axes[1].yaxis.set_major_formatter(PLAIN)
    if log:
        _logarithmic(axes[0], max(np.nanmax(curve) / np.nanmin(curve) for curve in curves.values()))
    if len(curves) <= LEGEND_WITHIN:
        axes[0].legend(loc="best")
    else:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _inertia_apart(curves: Mapping[str, np.ndarray]) -> Figure:
    title = "Inertia per iteration of k-means, each on a scale of its own"
    figure, axes = panel_grid(title, len(curves), columns=min(3, len(curves)), panel_height=2.2)
    for index, (ax, (name, curve)) in enumerate(zip(axes, curves.items(), strict=True)):
        _history(ax, curve, "", PALETTE[index % len(PALETTE)])
        ax.set(
            title=no_formula(name),
            xlabel="iteration",
            ylabel="sum of squared distances" if index % 3 == 0 else None,
        )
    return figure


def _check_runs(
    curves: Mapping[str, np.ndarray], steps: Mapping[str, np.ndarray], log: bool
) -> None:
    if not curves:
        raise InputError(
            "expected at least one history, got none: pass a dict of name -> inertia per iteration"
        )
    if unknown := sorted(set(steps) - set(curves)):
        raise InputError(
            f"expected in moved the names of histories, got {unknown[0]!r} too: name runs alike "
            "in both"
        )
    if log and any((curve <= 0).any() for curve in curves.values()):
        raise InputError(
            "expected inertia above 0 on logarithmic axes, got 0 or less: draw with log=False"
        )


def _logarithmic(ax: Axes, ratio: float) -> None:
    """Make axes logarithmic, with plain numbers; within a factor of 20, with more of them."""
    ax.set(xscale="log", yscale="log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter(PLAIN)
    ax.xaxis.set_minor_locator(NullLocator())
    if ratio < 20:
        ax.yaxis.set_major_locator(MaxNLocator(nbins=6))
        ax.yaxis.set_major_formatter(ScalarFormatter())
        ax.yaxis.set_minor_locator(NullLocator())


def _history(ax: Axes, curve: Float[np.ndarray, " m"], label: str, color: str) -> None:
    ax.plot(
        np.arange(1, len(curve) + 1), curve, color=color, label=label, marker="o", markersize=2.5
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    ax.grid()


def _number(value: float) -> str:
    if not np.isfinite(value):
        return "–" if np.isnan(value) else f"{value:+}".replace("+inf", "∞").replace("-inf", "−∞")
    text = f"{value:z.3f}" if abs(value) < 10 else f"{value:,.0f}"
    return text.replace("-", "−")


@styled
def comparison_bars(names: Sequence[str], scores: Mapping[str, Numbers]) -> Figure:
    """Methods side by side: a panel a score, a bar a method, its value beside it, or a dash.

    Args:
        names: the methods.
        scores: name of the score -> its value for each method, None where not known.

    Raises:
        InputError: there is no score, or a score has not one value for each method.
    """
    if not scores:
        raise InputError(
            "expected at least one score, got none: pass a dict of score -> one value for each "
            "method"
        )
    values = {score: check_curve(numbers, score, len(names)) for score, numbers in scores.items()}
    columns = min(4, len(values))
    height = 0.75 + 0.26 * len(names)
    figure, axes = panel_grid(
        "Scores of each method", len(values), columns=columns, panel_height=height, sharey=True
    )
    for ax, (score, numbers) in zip(axes, values.items(), strict=True):
        rows = np.arange(len(names))
        lengths = np.where(np.isfinite(numbers), numbers, 0)
        ax.barh(rows, lengths, height=0.65, color=ACCENT)
        for row, length in zip(rows.tolist(), lengths.tolist(), strict=True):
            # beside the bar; of a negative one on the other side of the zero line, where no name
            # can stand
            place = (max(length, 0.0), row)
            text = _number(numbers[row])
            ax.annotate(
                text,
                place,
                (3, 0),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=8,
            )
        ax.axvline(0, color=QUIET, linewidth=0.8)
        ax.set_xlim(1.05 * min(lengths.min(), 0.0), 1.6 * max(lengths.max(), 0.0) or 1.0)
        ax.set_title(no_formula(score))
        ax.set_xticks([])
        ax.spines[:].set_visible(False)
        ax.tick_params(length=0)
    methods = [no_formula(name) for name in check_names(names, len(names), "names", "methods")]
    axes[0].set_yticks(np.arange(len(names)), methods)
    axes[0].invert_yaxis()
    return figure


@styled
def k_distances(distances: Numbers, eps: float | None = None, *, min_samples: int) -> Figure:
    """The distance of each point to its neighbour, sorted: where it turns up, eps may lie.

    Args:
        distances: [n] in any order.
        eps: the radius to mark with a line.
        min_samples: for the name of the axis; the point itself counts, as in DBSCAN.

    Raises:
        InputError: there is no distance, or one is negative.
    """
    curve = np.sort(check_curve(distances, "distances"))
    if not (curve >= 0).all():
        raise InputError(
            f"expected distances of at least 0, got {curve.min()}: pass those of k_distances"
        )
    figure, (ax,) = panel_grid(
        "How far is the neighbourhood of each point?", 1, columns=1, panel_height=3.2
    )
    ax.plot(np.arange(1, len(curve) + 1), curve, color=ACCENT)
    if eps is not None:
        share = (curve <= eps).mean()
        label = (
            f"eps = {_number(eps)}: {share:.0%} of the points have {min_samples} points within it"
        )
        ax.axhline(eps, color=QUIET, linestyle="--", linewidth=1.2, label=label)
        ax.legend(loc="upper left")
    ax.set(
        xlabel="points, sorted", ylabel=f"radius that holds {min_samples} points", ylim=(0, None)
    )
    ax.grid()
    return figure
