"""The figure of silhouettes: a blade for each cluster."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchclust.errors import InputError
from scratchclust.report._inputs import check_curve, check_labels
from scratchclust.report._style import INK, QUIET, cluster_color, cluster_name, new_figure, styled

MOST_NAMED = 60  # clusters in a figure of silhouettes: more would make it too tall
LABEL_HEIGHT = 0.15  # inches from one name to the next


@styled
def silhouette_plot(
    silhouette_samples: Float[Any, " n"],
    labels: Integer[Any, " n"],
    *,
    colors: Mapping[int, int] | None = None,
) -> Figure:
    """The silhouette of every image, sorted within its cluster: a blade each, the mean as a line.

    Noise (-1) has no silhouette and is left out; the title counts it. A cluster gets the room that
    its name needs; of more than `MOST_NAMED` clusters some have no name.

    Args:
        silhouette_samples: [n] in [-1, 1]; what stands at noise is not looked at.
        labels: [n] the cluster of each image; noise -1.
        colors: cluster -> the number of its colour in `PALETTE`; its own number where it is not
            named.

    Raises:
        InputError: the lengths differ, all is noise, or a value outside noise is not in [-1, 1].
    """
    samples = check_curve(silhouette_samples, "silhouette_samples")
    labels = check_labels(labels, len(samples), "silhouette_samples")
    n_noise = int((labels < 0).sum())
    samples = samples[labels >= 0]
    labels = labels[labels >= 0]
    _check_silhouettes(samples)
    clusters, counts = np.unique(labels, return_counts=True)
    noise = f", {n_noise:,} left out as noise" if n_noise else ""
    height = max(min(1.2 + 0.36 * len(clusters), 4.8), 0.8 + 0.19 * min(len(clusters), MOST_NAMED))
    figure = new_figure(
        f"Silhouette of each image, by cluster ({len(samples):,} images{noise})", height
    )
    ax = figure.subplots()
    gap = max(1, round(len(samples) / 40 / len(clusters)))
    places = _places(counts, gap, LABEL_HEIGHT / (height - 0.8))
    starts = np.cumsum(places) - (places + counts) / 2
    for label, start in zip(clusters.tolist(), starts.tolist(), strict=True):
        _blade(ax, np.sort(samples[labels == label])[::-1], start, cluster_color(label, colors))
    ax.axvline(
        samples.mean(), color=INK, linestyle="--", linewidth=1.2, label=f"mean {samples.mean():.3f}"
    )
    names = [
        f"{cluster_name(c)} ({n:,})"
        for c, n in zip(clusters.tolist(), counts.tolist(), strict=True)
    ]
    middles = starts + counts / 2
    bottom = float(places.sum())
    named = _apart(middles, 0.99 * LABEL_HEIGHT * bottom / (height - 0.8))
    ax.set_yticks(middles[named], [names[i] for i in named])
    ax.set(xlabel="silhouette (−1 to 1, higher is better)", ylim=(bottom, 0))
    ax.tick_params(axis="y", length=0)
    ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2)
    return figure


def _places(counts: Integer[np.ndarray, " k"], gap: int, least: float) -> Float[np.ndarray, " k"]:
    """The room of each cluster: its images and a gap, at least this share of all, for its name."""
    places = counts + float(gap)
    if least * len(counts) >= 1:
        return places
    for _ in range(100):  # a contraction: what is at the least grows with the whole
        places = np.maximum(counts + gap, least * places.sum())
    return places


def _apart(places: Float[np.ndarray, " m"], least: float) -> list[int]:
    """Which of ascending places to name, so that no two names are nearer than `least`."""
    chosen = [0]
    for i, place in enumerate(places):
        if place - places[chosen[-1]] >= least:
            chosen.append(i)
    return chosen


def _check_silhouettes(samples: Float[np.ndarray, " n"]) -> None:
    if len(samples) == 0:
        raise InputError(
            "expected at least one image in a cluster, got only noise (-1): there is no "
            "silhouette to draw"
        )
    if not (np.abs(samples) <= 1 + 1e-6).all():
        raise InputError(
            "expected silhouettes in [-1, 1], got a value outside or NaN: pass "
            "silhouette_samples(X, labels)"
        )


def _blade(ax: Axes, values: Float[np.ndarray, " n"], start: float, color: str) -> None:
    # Each value is one unit high, so that a cluster of one image shows too.
    edges = start + np.arange(len(values) + 1)
    ax.fill_betweenx(edges, np.append(values, values[-1]), step="post", color=color, linewidth=0.3)
    ax.axvline(0, color=QUIET, linewidth=0.8)
