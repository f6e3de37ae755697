"""The look of every figure: width, type sizes, colours, and how a figure becomes a PNG.

Figures are eight inches wide, which is 800 pixels on a screen of 100 dots per inch: type of 8 to 11
points stays readable where a README shows them.
"""

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
import numpy as np
from jaxtyping import Integer
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scratchclust.errors import InputError
from scratchclust.files import whole_file
from scratchclust.report._inputs import font_families, no_formula

WIDTH = 8.0  # inches
SCREEN_DPI = 100  # in notebooks
FILE_DPI = 150  # in files, for sharper screens
MOST_PANELS = 40  # of a figure with one for each cluster
LINE = 72  # letters of a title on one line
TALLEST = 8.0  # inches, of a figure whose pictures set its height
TITLE: dict[str, Any] = {
    "x": 0.01,
    "horizontalalignment": "left",
    "fontsize": 11,
    "fontweight": "bold",
}

# Okabe and Ito (2008), then twelve colours placed by a search that kept them as far as possible
# from each other, from white and from NOISE_COLOR, for normal sight and for simulated deuteranopia,
# protanopia and tritanopia. In OKLab any two are at least 0.075 apart in all four views
# (matplotlib's tab10 comes down to 0.007); tests/report/test_figures_palette.py checks.
PALETTE = (
    *("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#000000"),
    *("#8F29FF", "#7A1F00", "#66F5AD", "#293D52", "#997AFF", "#855266"),
    *("#001FCC", "#C2D6FF", "#AD3D00", "#661F8F", "#470A00", "#33005C"),
)
NOISE_COLOR = "#B8B8B8"
INK = "#262626"
QUIET = "#8A8A8A"
ACCENT = PALETTE[0]

STYLE: dict[Any, Any] = {
    "figure.facecolor": "white",
    # inches; letters are a little wider in files than on screen
    "figure.constrained_layout.w_pad": 0.07,
    "savefig.facecolor": "auto",
    # the first comes with matplotlib: the same letters on every machine
    "font.family": font_families(),
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "axes.titlelocation": "left",
    "axes.facecolor": "white",
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "image.interpolation": "auto",
}

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")


class NotebookFigure(Figure):
    """A Figure that a notebook shows as it is returned, with no `%matplotlib` line and no pyplot.

    IPython asks an object it knows no formatter for whether it has `_repr_png_`; a plain Figure has
    not, and would show as `<Figure size 800x600 with 1 Axes>` until pyplot is imported.
    """

    def _repr_png_(self) -> bytes:
        return png_bytes(self, dpi=SCREEN_DPI)

    def __repr__(self) -> str:
        """The words that stand for the picture: its label, else its title."""
        return str(self.get_label() or self.get_suptitle())


def styled(draw: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Run `draw` under STYLE, and leave matplotlib's settings as they were."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Returned:
        with matplotlib.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


def new_figure(title: str, height: float) -> Figure:
    """An empty figure of the common width, `height` inches high, with its title at the left."""
    figure = NotebookFigure(figsize=(WIDTH, height), dpi=SCREEN_DPI, layout="constrained")
    figure.suptitle(title, **TITLE)
    return figure


def name_variant(figure: Figure, variant: str) -> Figure:
    """The figure with a variant's name before its title, in two lines where it is too long."""
    title = f"{no_formula(variant)}: {figure.get_suptitle()}"
    if len(title) > LINE:
        title = title.replace(": ", ":\n", 1)
        figure.set_figheight(figure.get_figheight() + 0.17)
    figure.suptitle(title, **TITLE)
    return figure


def panel_grid(
    title: str,
    n_panels: int,
    *,
    columns: int,
    panel_height: float | Sequence[float],
    sharex: bool = False,
    sharey: bool = False,
) -> tuple[Figure, list[Axes]]:
    """A figure of `n_panels` axes in rows of `columns`, of one height in inches or each its own."""
    rows = math.ceil(n_panels / columns)
    heights = list(panel_height) if isinstance(panel_height, Sequence) else [panel_height] * rows
    figure = new_figure(title, sum(heights) + 0.5)
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        sharex=sharex,
        sharey=sharey,
        gridspec_kw={"height_ratios": heights},
    )
    axes: list[Axes] = list(grid.flat)
    for ax in axes[n_panels:]:
        ax.remove()
    # A shared axis keeps its tick labels in the last row only, which may be missing below these.
    for ax in axes[max(0, n_panels - columns) : n_panels]:
        ax.tick_params(labelbottom=True)
    return figure, axes[:n_panels]


def cluster_color(label: int, numbers: Mapping[int, int] | None = None) -> str:
    """The colour of a cluster: grey for noise (-1); from the 21st on they come round again.

    `numbers`, where they are given, say which place in the palette a cluster has, in the place of
    its own number.
    """
    return NOISE_COLOR if label < 0 else PALETTE[color_number(label, numbers) % len(PALETTE)]


def color_number(label: int, numbers: Mapping[int, int] | None) -> int:
    """The place in the palette: the one given for the cluster, else its own number."""
    return numbers[label] if numbers is not None and label in numbers else label


def present_clusters(labels: Integer[np.ndarray, " n"]) -> list[int]:
    """The labels that occur, in order, noise (-1) last."""
    return sorted(np.unique(labels).tolist(), key=lambda label: (label < 0, label))


def largest_clusters(labels: Integer[np.ndarray, " n"]) -> tuple[list[int], str]:
    """`present_clusters`, of more than `MOST_PANELS` the largest, and what a title says of that."""
    present = present_clusters(labels)
    if len(present) <= MOST_PANELS:
        return present, ""
    sizes = {label: int((labels == label).sum()) for label in present}
    clusters = sorted((label for label in present if label >= 0), key=lambda label: -sizes[label])
    shown = [*sorted(clusters[:MOST_PANELS]), *([-1] if -1 in sizes else [])]
    return shown, f": the {MOST_PANELS} largest of {len(clusters):,}"


def cluster_name(label: int) -> str:
    """The words for cluster `label`."""
    return "noise" if label < 0 else f"cluster {label}"


def png_bytes(figure: Figure, *, dpi: int) -> bytes:
    """The figure as PNG, without date or version: the same figure gives the same bytes.

    The first call settles the layout. Matplotlib would solve it anew each time, from where it
    stood, and move things by a fraction of a pixel. It is solved twice because the ticks, and so
    the room they need, follow from the first.
    """
    buffer = BytesIO()
    with matplotlib.rc_context(STYLE):
        layout = figure.get_layout_engine()
        if layout is not None:
            layout.execute(figure)
            layout.execute(figure)
            figure.set_layout_engine(None)  # not "none", for which it would be drawn twice
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as PNG: the whole file or none, and the same bytes for the same figure.

    Args:
        figure: any matplotlib figure.
        path: a file name that ends in .png; folders that are missing are made.

    Raises:
        InputError: the name does not end in .png.
    """
    target = Path(path)
    if target.suffix != ".png":
        raise InputError(
            f"expected a file name that ends in .png, got {target.name!r}: "
            "figures are written as PNG"
        )
    content = png_bytes(figure, dpi=FILE_DPI)
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as draft:
        draft.write_bytes(content)
