"""Drawings of the lessons about networks: what they lose, compute, draw and tell."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Num
from matplotlib.figure import Figure

from scratchclust.lessons.paper import (
    ACCENT,
    INK,
    PALETTE,
    QUIET,
    describe,
    panel_grid,
    styled,
)

Curve = Sequence[float] | Float[np.ndarray, " t"]


@styled
def curves_by_step(
    curves: Mapping[str, Curve],
    *,
    title: str,
    words: str,
    what: str = "loss",
    by: str = "step",
    log: bool = False,
) -> Figure:
    """A line for each name over the steps; a cross where one ends because it is no longer finite.

    Args:
        curves: name -> values, the first at step 0.
        title: of the figure.
        words: its alternative text.
        what: name of the vertical axis.
        by: name of the horizontal one.
        log: a logarithmic vertical axis.
    """
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=2.8)
    widths = (3.2, 1.8, 1.2, 1.2, 1.2)  # a thin line shows upon a wide one
    for (name, values), color, width in zip(curves.items(), PALETTE, widths, strict=False):
        values = np.asarray(values, dtype=float)
        ax.plot(values, color=color, linewidth=width, label=name)
        finite = np.isfinite(values)
        if not finite.all():
            last = int(finite.argmin()) - 1
            ax.plot(last, values[last], marker="X", markersize=11, color=color, zorder=5)
    ax.set(xlabel=by, ylabel=what, yscale="log" if log else "linear")
    ax.grid()
    if len(curves) > 1:
        ax.legend()
    return describe(figure, words)


@styled
def graph(
    names: Sequence[str],
    values: Sequence[float],
    gradients: Sequence[float],
    parents: Sequence[Sequence[int]],
    *,
    title: str,
    words: str,
) -> Figure:
    """A computation as boxes from left to right: in each what it is, its value, its gradient.

    Args:
        names: of each box, those that a box is made of before it.
        values: the numbers of the pass forward.
        gradients: those of the pass backward.
        parents: the places, in these lists, of what each box is made of.
        title: of the figure.
        words: its alternative text.
    """
    places = _places(parents)
    height = max(y for _, y in places) + 1
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=0.75 * height + 0.3)
    for end, sources in zip(places, parents, strict=True):
        for source in sources:
            ax.annotate(
                "",
                (end[0] - 0.33, end[1]),
                (places[source][0] + 0.33, places[source][1]),
                arrowprops={"arrowstyle": "->", "color": QUIET, "linewidth": 1},
            )
    for (x, y), name, value, gradient in zip(places, names, values, gradients, strict=True):
        ax.bar(x, 0.84, 0.66, bottom=y - 0.42, facecolor="white", edgecolor=QUIET)
        centred: dict[str, Any] = {"ha": "center", "va": "center"}
        ax.text(x, y - 0.25, name, fontsize=9, fontweight="bold", **centred)
        ax.text(x, y, f"{value:.3f}", fontsize=8, color=ACCENT, **centred)
        ax.text(x, y + 0.25, f"{gradient:+.3f}", fontsize=8, color=PALETTE[5], **centred)
    ax.set(xlim=(-0.5, max(x for x, _ in places) + 0.5), ylim=(height - 0.4, -0.6))
    ax.text(
        0.995, 0.03, "value, forward", color=ACCENT, ha="right", transform=ax.transAxes, fontsize=9
    )
    ax.text(
        0.995,
        0.13,
        "gradient, backward",
        color=PALETTE[5],
        ha="right",
        transform=ax.transAxes,
        fontsize=9,
    )
    ax.set_axis_off()
    return describe(figure, words)


def _places(parents: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
    """Column and row of each box: right of all that it is made of, half-way between them; what is
    made of nothing just left of where it is used, in rows of its own.
    """
    columns: list[float] = []
    for sources in parents:
        columns.append(1.0 + max((columns[i] for i in sources), default=-1.0))
    rows: list[float] = []
    for i, sources in enumerate(parents):
        if sources:
            rows.append(float(np.mean([rows[j] for j in sources])))
        else:
            rows.append(float(sum(not earlier for earlier in parents[:i])))
            users = [columns[j] for j, used in enumerate(parents) if i in used]
            columns[i] = min(users, default=1.0) - 1
    return list(zip(columns, rows, strict=True))


@styled
def signed_images(
    images: Num[np.ndarray, "n h w"],
    *,
    columns: int,
    title: str,
    words: str,
    names: Sequence[str] = (),
) -> Figure:
    """Small pictures of numbers of both signs: white is 0, red above, blue below, as on the pages
    about PCA; `names` are written above the first ones.
    """
    n = len(images)
    rows = -(-n // columns)
    limit = np.abs(images).max()
    figure, axes = panel_grid(title, n, columns=columns, panel_height=[7.4 / columns] * rows)
    for ax, image in zip(axes, images, strict=True):
        ax.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
        ax.set(xticks=[], yticks=[])
    for ax, name in zip(axes, names, strict=False):
        ax.set_title(name)
    return describe(figure, words)


@styled
def through_a_code(
    images: Num[np.ndarray, "n h w"],
    codes: Num[np.ndarray, "n d"],
    drawn: Num[np.ndarray, "n h w"],
    *,
    title: str,
    words: str,
) -> Figure:
    """Images in the first row, the numbers of their codes as bars, and what is drawn from them."""
    n = len(images)
    figure, axes = panel_grid(title, 3 * n, columns=n, panel_height=[7.6 / n, 0.7, 7.6 / n])
    for i in range(n):
        axes[i].imshow(images[i], cmap="gray", vmin=0, vmax=1)
        axes[n + i].bar(np.arange(codes.shape[1]), codes[i], width=1, color=ACCENT)
        axes[n + i].set_ylim(min(0, codes.min()), codes.max())
        axes[2 * n + i].imshow(drawn[i], cmap="gray", vmin=0, vmax=1)
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for row, name in enumerate(("image", "code", "drawing")):
        axes[row * n].set_ylabel(name)
    return describe(figure, words)


@styled
def losses_of_a_pixel(
    logits: Float[np.ndarray, " m"],
    losses: Mapping[str, Float[np.ndarray, " m"]],
    slopes: Mapping[str, Float[np.ndarray, " m"]],
    *,
    words: str,
) -> Figure:
    """The loss of one pixel over its logit, in several forms, and the gradient of each."""
    title = "A pixel that is surely wrong"
    figure, axes = panel_grid(title, 2, columns=2, panel_height=2.6)
    for name, color, width in zip(losses, PALETTE, (5, 3, 1.4), strict=False):
        axes[0].plot(logits, losses[name], color=color, linewidth=width, label=name)
        axes[1].plot(logits, slopes[name], color=color, linewidth=width, label=name)
    axes[0].set(title="its loss", xlabel="logit")
    axes[1].set(title="its gradient, which ought to push it down", xlabel="logit")
    axes[0].legend()
    return describe(figure, words)


@styled
def around_a_code(*, words: str) -> Figure:
    """An autoencoder as boxes, and the way around its code as a dashed arrow."""
    title = "An autoencoder, and a way around its code"
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=1.9)
    boxes = ("image", "encoder", "code", "decoder", "drawing")
    heights = (0.8, 0.6, 0.22, 0.6, 0.8)
    for x, (name, height) in enumerate(zip(boxes, heights, strict=True)):
        color = PALETTE[5] if name == "code" else QUIET
        ax.bar(x, 2 * height, 0.5, bottom=-height, facecolor="white", edgecolor=color, linewidth=2)
        ax.text(x, 0, name, ha="center", va="center", fontsize=10)
        if x:
            arrow = {"arrowstyle": "->", "color": INK, "linewidth": 1.2}
            ax.annotate("", (x - 0.26, 0), (x - 0.74, 0), arrowprops=arrow)
    skip = {
        "arrowstyle": "->",
        "color": ACCENT,
        "linewidth": 1.8,
        "linestyle": "--",
        "connectionstyle": "bar,fraction=-0.16",
    }
    ax.annotate("", (3, 0.62), (1, 0.62), arrowprops=skip)
    ax.text(2, 0.8, "skip connection", ha="center", va="center", color=ACCENT, fontsize=9)
    ax.set(xlim=(-0.4, 4.4), ylim=(-0.9, 1.5))
    ax.set_axis_off()
    return describe(figure, words)


@styled
def runs_by_name(
    scores: Mapping[str, Sequence[float]], *, title: str, score: str, words: str
) -> Figure:
    """Several runs of each kind: a row for each name, a dot for each run, a bar at their mean."""
    figure, (ax,) = panel_grid(title, 1, columns=1, panel_height=0.5 + 0.33 * len(scores))
    for row, values in enumerate(scores.values()):
        ax.plot(np.mean(values), row, marker="|", markersize=16, color=INK, linestyle="")
        ax.plot(values, [row] * len(values), marker="o", color=ACCENT, alpha=0.7, linestyle="")
    ax.set_yticks(range(len(scores)), list(scores))
    ax.set(xlabel=f"{score}: a dot for each run, a bar at the mean", xlim=(0, None))
    ax.set_ylim(len(scores) - 0.5, -0.5)
    ax.grid(axis="x")
    return describe(figure, words)


@styled
def estimates_of_gradients(
    estimates: Mapping[str, Float[np.ndarray, "2 n"]],
    truth: Float[np.ndarray, " 2"],
    *,
    title: str,
    words: str,
) -> Figure:
    """Histograms of the estimates of two derivatives, and what is right as a dashed line."""
    figure, axes = panel_grid(title, 2, columns=2, panel_height=2.6)
    for row, (ax, name) in enumerate(zip(axes, ("d / d mean", "d / d std"), strict=True)):
        every = np.concatenate([values[row] for values in estimates.values()])
        low, high = np.quantile(every, [0.005, 0.995])
        bins = np.linspace(low, high, 70).tolist()
        for (kind, values), color in zip(estimates.items(), PALETTE, strict=False):
            ax.hist(values[row], bins, density=True, alpha=0.6, color=color, label=kind)
        ax.axvline(float(truth[row]), color=INK, linewidth=1, linestyle="--", label="the truth")
        ax.set(title=name, yticks=[])
    axes[0].legend(loc="upper left")
    return describe(figure, words)


@styled
def numbers_in_use(
    told: Mapping[str, Float[np.ndarray, " d"]], *, title: str, words: str
) -> Figure:
    """How much each number of a code tells, a panel for each code, the largest first."""
    figure, axes = panel_grid(title, len(told), columns=3, panel_height=2.1, sharey=True)
    for ax, (name, values) in zip(axes, told.items(), strict=True):
        ax.bar(np.arange(1, len(values) + 1), np.sort(values)[::-1], color=ACCENT)
        ax.set(title=name, xlabel="numbers of the code, by rank")
    axes[0].set_ylabel("nats")
    return describe(figure, words)
