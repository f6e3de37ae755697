"""The drawings of the pages on density and on trees."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from scipy.cluster.hierarchy import dendrogram

from scratchclust.lessons.paper import (
    ACCENT,
    INK,
    PALETTE,
    QUIET,
    cluster_color,
    describe,
    dots,
    frame,
    panel_grid,
    styled,
)

Edges = Sequence[tuple[int | np.integer, int | np.integer, float]]
Panel = tuple[str, Float[np.ndarray, "n 2"], Int[np.ndarray, " n"]]


@styled
def planes(
    panels: Sequence[Panel], title: str, words: str, *, columns: int = 2, height: float = 2.2
) -> Figure:
    """Draw a panel for each (title, points, labels); noise is grey."""
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=height)
    for ax, (name, points, labels) in zip(axes, panels, strict=True):
        dots(ax, points, labels)
        frame(ax, name)
    return describe(figure, words)


@styled
def kinds(
    X: Float[np.ndarray, "n 2"],
    labels: Int[np.ndarray, " n"],
    core: Bool[np.ndarray, " n"],
    eps: float,
    words: str,
) -> Figure:
    """Draw core points, border points and noise, and the circle of one point of each kind."""
    sets = {
        "core points": (core, "o", 18),
        "border points": (~core & (labels >= 0), "o", 5),
        "noise": (labels == -1, "x", 30),
    }
    figure, (ax,) = panel_grid(
        f"Three kinds of points, with eps = {eps:.2f}", 1, columns=1, panel_height=4.0
    )
    for name, (chosen, marker, size) in sets.items():
        colors = [cluster_color(label) if label >= 0 else INK for label in labels[chosen].tolist()]
        ax.scatter(*X[chosen].T, marker=marker, s=size, c=colors, label=f"{name} ({chosen.sum()})")
        middle = X[np.flatnonzero(chosen)[-1]]
        ax.add_patch(Circle(tuple(middle), eps, facecolor="none", edgecolor=QUIET))
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.legend(loc="upper right")
    return describe(figure, words)


@styled
def counts_over_radii(
    radii: Float[np.ndarray, " r"],
    counts: Mapping[str, Int[np.ndarray, " r"]],
    bends: Mapping[str, float],
    words: str,
) -> Figure:
    """Draw how many clusters each radius gives, a panel a set of points, with the curve's bend."""
    figure, axes = panel_grid(
        "How many clusters, by the radius", len(counts), columns=2, panel_height=2.2, sharey=True
    )
    for ax, (name, values) in zip(axes, counts.items(), strict=True):
        ax.plot(radii, values, marker="o", markersize=4)
        two = values == 2
        ax.plot(radii[two], values[two], "o", markersize=7, color=PALETTE[2], label="two clusters")
        ax.axvline(bends[name], color=QUIET, linestyle="--", linewidth=1.2, label="the bend")
        ax.set(title=name, xlabel="eps", yscale="log", yticks=(1, 2, 5, 10, 20))
        ax.set_yticks([], minor=True)
        ax.set_yticklabels(["1", "2", "5", "10", "20"])
        ax.grid()
    axes[0].set_ylabel("clusters")
    axes[-1].legend(loc="upper right")
    return describe(figure, words)


@styled
def distance_histograms(
    sets: Mapping[str, tuple[Float[np.ndarray, " p"], float]], words: str
) -> Figure:
    """Draw distances of all pairs, and a near neighbour's, as shares of the mean."""
    figure, axes = panel_grid(
        "How different are distances?", len(sets), columns=2, panel_height=2.2, sharex=True
    )
    for ax, (name, (pairs, near)) in zip(axes, sets.items(), strict=True):
        ax.hist(pairs, bins=80, density=True, color=ACCENT)
        ax.axvline(near, color=PALETTE[5], label=f"a near neighbour: {near:.2f}")
        ax.set(title=name, xlabel="distance (the mean of all pairs is 1)", yticks=[])
        ax.legend(loc="upper right")
    axes[0].set_ylabel("share of the pairs")
    return describe(figure, words)


@styled
def shares(
    scans: Mapping[str, tuple[Float[np.ndarray, " r"], Mapping[str, Sequence[float]]]],
    title: str,
    words: str,
) -> Figure:
    """Draw named shares over the radius, a panel a data set."""
    figure, axes = panel_grid(title, len(scans), columns=2, panel_height=2.3, sharey=True)
    for ax, (name, (radii, curves)) in zip(axes, scans.items(), strict=True):
        for curve, values in curves.items():
            ax.plot(radii, values, marker="o", markersize=3, label=curve)
        ax.set(title=name, xlabel="eps", ylim=(-0.02, 1.02))
        ax.grid()
    axes[0].set_ylabel("share of the images")
    axes[-1].legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return describe(figure, words)


@styled
def own_radii(radii: Mapping[str, Float[np.ndarray, " k"]], words: str) -> Figure:
    """Draw the radius that half of a digit's images need, a line of dots a kind of features."""
    figure, (ax,) = panel_grid(
        "The radius that makes core points of half of a digit's images",
        1,
        columns=1,
        panel_height=2.2,
    )
    for name, values in radii.items():
        ax.plot(np.arange(len(values)), values, "o", markersize=6, label=name)
    ax.set(
        xlabel="digit",
        ylabel="mean of all pairs = 1",
        ylim=(0, 0.8),
        xticks=range(len(next(iter(radii.values())))),
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    ax.grid()
    return describe(figure, words)


@styled
def trees(
    points: Float[np.ndarray, "n 2"],
    linkages: Mapping[str, Float[np.ndarray, "m 4"]],
    words: str,
    *,
    cut_into: int = 2,
) -> Figure:
    """Draw points in the colours of a cut and the tree that was cut, a column a linkage.

    Args:
        points: with their numbers, where they are few.
        linkages: SciPy's linkage matrix for each name.
        words: for who cannot see it.
        cut_into: clusters; the cut is a dashed line, halfway between two merges.
    """
    figure, axes = panel_grid(
        f"Trees, cut into {cut_into} clusters",
        2 * len(linkages),
        columns=len(linkages),
        panel_height=(1.5, 2.1),
    )
    for plane, ax, (name, tree) in zip(
        axes[: len(linkages)], axes[len(linkages) :], linkages.items(), strict=True
    ):
        height = tree[-cut_into : len(tree) - cut_into + 2, 2].mean()
        labels = cut_labels(tree, height)
        dots(plane, points, labels, size=12, linewidths=None)
        plane.set(title=name, xticks=[], yticks=[], aspect="equal")
        drawn = dendrogram(
            tree,
            ax=ax,
            link_color_func=_branch_colors(tree, labels),
            leaf_font_size=7,
            no_labels=len(points) > 20,
        )
        ax.axhline(height, color=PALETTE[5], linestyle="--", linewidth=1.2)
        if len(points) <= 20:
            plane.margins(0.15)  # room for the numbers
            for number, place in enumerate(points):
                plane.annotate(
                    str(number), place, xytext=(3, 2), textcoords="offset points", fontsize=7
                )
            ax.set_xticklabels(drawn["ivl"], rotation=90)
    axes[len(linkages)].set_ylabel("height of the merge")
    return describe(figure, words)


def cut_labels(tree: Float[np.ndarray, "m 4"], height: float) -> Int[np.ndarray, " n"]:
    """The cluster of each point when only merges below `height` are done."""
    n = len(tree) + 1
    members = {i: [i] for i in range(n)}
    for step, (a, b) in enumerate(tree[tree[:, 2] < height][:, :2].astype(int)):
        members[n + step] = members.pop(a) + members.pop(b)
    labels = np.empty(n, int)
    for number, points in enumerate(sorted(members.values(), key=min)):
        labels[points] = number
    return labels


def _branch_colors(tree: Float[np.ndarray, "m 4"], labels: Int[np.ndarray, " n"]):
    """The colour of each merge: its cluster's, or grey above the cut."""
    n = len(labels)
    below = [{int(label)} for label in labels.tolist()]
    for a, b in tree[:, :2].astype(int):
        below.append(below[a] | below[b])

    def color(node: int) -> str:
        clusters = below[node]
        return cluster_color(min(clusters)) if len(clusters) == 1 and node >= n else QUIET

    return color


@styled
def nets(
    panels: Sequence[tuple[str, Float[np.ndarray, "n 2"], Edges, Int[np.ndarray, " n"]]],
    title: str,
    words: str,
    *,
    columns: int = 2,
    height: float = 2.6,
) -> Figure:
    """Draw nets of lines with the clusters as colours; the longest edge of each is thick."""
    figure, axes = panel_grid(title, len(panels), columns=columns, panel_height=height)
    for ax, (name, points, edges, labels) in zip(axes, panels, strict=True):
        ordered = sorted(edges, key=lambda edge: edge[2])
        lines = [np.stack([points[i], points[j]]) for i, j, _ in ordered]
        colors = [QUIET] * (len(lines) - 1) + [PALETTE[5]]
        widths = [0.8] * (len(lines) - 1) + [2.5]
        ax.add_collection(LineCollection(lines, colors=colors, linewidths=widths, zorder=1))
        dots(ax, points, labels, zorder=2)
        frame(ax, name)
    return describe(figure, words)
